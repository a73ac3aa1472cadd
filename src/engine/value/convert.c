/* SPDX-License-Identifier: Apache-2.0 */
/*
 * convert.c - one value to another type: the table of who does it.
 *
 *   to \ from    number    text        JSON      ARRAY/vector
 *   number       range     input       by kind   -
 *   text         CAST      size        by kind   CAST
 *   JSON         scalar    parse       as is     as is
 *   ARRAY        -         parse       elements  elements
 *   vector       -         input       elements  dimension, rounding
 */
#include "engine/value/value_internal.h"

mql_status
cannot_convert(Type from, Type to, Error *err)
{
    char from_text[TYPE_TEXT_SIZE];
    char to_text[TYPE_TEXT_SIZE];
    type_text(from_text, from);
    type_text(to_text, to);
    return error_set(err, ERR_CANNOT_COERCE, "cannot convert type %s to %s",
                     from_text, to_text);
}

/* A CAST of anything to VARCHAR: what value_print() shows, booleans in full. */
static mql_status
print_to_text(const Value *value, Type to, Arena *arena, Value *out, Error *err)
{
    Buffer buffer = BUFFER_INIT;
    if (value->type.kind == TYPE_BOOL)
        buffer_append_text(&buffer, value->boolean ? "true" : "false");
    else
        value_print(&buffer, value);
    size_t size = buffer.size;
    char *copy = buffer_failed(&buffer) ? NULL : arena_alloc(arena, size + 1);
    if (copy != NULL && size > 0)
        memcpy(copy, buffer.data, size);
    buffer_free(&buffer);
    if (copy == NULL)
        return error_no_memory(err);
    return text_check((Slice){copy, size}, to, true, out, err);
}

static mql_status
convert_to_text(const Value *value, Type to, bool is_explicit, Arena *arena,
                Value *out, Error *err)
{
    if (value->type.kind == TYPE_VARCHAR)
        return text_check(value->bytes, to, is_explicit, out, err);
    if (value->type.kind == TYPE_JSON)
        return convert_from_json(value, to, is_explicit, arena, out, err);
    if (is_explicit)
        return print_to_text(value, to, arena, out, err);
    cannot_convert(value->type, to, err);
    return error_hint(err, "Write it as a string, or use a CAST.");
}

static mql_status
check_timestamp(int64_t microseconds, Value *out, Error *err)
{
    if (microseconds < TIMESTAMP_LEAST || microseconds > TIMESTAMP_MOST)
        return error_set(err, ERR_DATETIME_OVERFLOW, "timestamp out of range");
    out->integer = microseconds;
    return MQL_OK;
}

/* To a number, a boolean, a moment or a vector, from what is neither text nor
 * JSON. */
static mql_status
convert_same_family(const Value *value, Type to, bool is_explicit, Arena *arena,
                    Value *out, Error *err)
{
    TypeKind from = value->type.kind;
    if (from == TYPE_BOOL && to.kind == TYPE_BOOL) {
        out->boolean = value->boolean;
        return MQL_OK;
    }
    if (from == TYPE_BOOL || type_is_number(from))
        return number_convert(value, to, is_explicit, out, err);
    if (from == TYPE_TIMESTAMPTZ && to.kind == TYPE_TIMESTAMPTZ)
        return check_timestamp(value->integer, out, err);
    if (type_is_vector(from) && type_is_vector(to.kind))
        return vector_convert(value, to, is_explicit, arena, out, err);
    if (from == TYPE_ARRAY && type_is_dense(to.kind))
        return vector_of_json(json_of(value->bytes), to, is_explicit, arena,
                              out, err);
    return cannot_convert(value->type, to, err);
}

mql_status
value_convert(const Value *value, Type to, bool is_explicit, Arena *arena,
              Value *out, Error *err)
{
    Value result = {.type = to};
    if (!type_is_built(to.kind))
        return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                         "type %s is not supported yet",
                         type_kind_name(to.kind));
    if (value->is_null || to.kind == TYPE_NULL)
        result.is_null = true;
    else if (to.kind == TYPE_VARCHAR)
        TRY(convert_to_text(value, to, is_explicit, arena, &result, err));
    else if (to.kind == TYPE_JSON)
        TRY(convert_to_json(value, to, arena, &result, err));
    else if (to.kind == TYPE_ARRAY)
        TRY(convert_to_array(value, to, is_explicit, arena, &result, err));
    else if (value->type.kind == TYPE_VARCHAR)
        TRY(text_convert(value->bytes, to, arena, &result, err));
    else if (value->type.kind == TYPE_JSON)
        TRY(convert_from_json(value, to, is_explicit, arena, &result, err));
    else
        TRY(convert_same_family(value, to, is_explicit, arena, &result, err));
    *out = result;
    return MQL_OK;
}
