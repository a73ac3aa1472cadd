/* SPDX-License-Identifier: Apache-2.0 */
/*
 * convert_json.c - to JSON and ARRAY, and out of JSON.
 *
 * An ARRAY value is a JSON array whose elements were converted to the element
 * type one by one, so that JSON, text, vectors and other arrays all come in by
 * one way.
 */
#include <inttypes.h>

#include "engine/value/value_internal.h"

/* A document is longer as text than in binary only through escapes, numbers and
 * commas: by less than this factor. */
#define TEXT_GROWTH_MOST 6

/* Move what `buffer` holds into the arena and free it. */
static mql_status
keep(Buffer *buffer, mql_status status, Arena *arena, Value *out, Error *err)
{
    if (status == MQL_OK && buffer_failed(buffer))
        status = error_no_memory(err);
    if (status == MQL_OK) {
        char *copy = arena_alloc(arena, buffer->size);
        if (copy == NULL)
            status = error_no_memory(err);
        else
            out->bytes =
                (Slice){memcpy(copy, buffer->data, buffer->size), buffer->size};
    }
    buffer_free(buffer);
    return status;
}

static mql_status
too_large(size_t size, Error *err)
{
    return error_set(err, ERR_LIMIT_EXCEEDED,
                     "JSON value of %zu bytes exceeds the limit of %u", size,
                     JSON_SIZE_MOST);
}

/* The limit is on the text, so the text must be made when it may be too long.
 */
static mql_status
check_text_size(Slice bytes, Error *err)
{
    if (bytes.size <= JSON_SIZE_MOST / TEXT_GROWTH_MOST)
        return MQL_OK;
    Buffer text = BUFFER_INIT;
    json_print(&text, json_of(bytes));
    size_t size = text.size;
    bool failed = buffer_failed(&text);
    buffer_free(&text);
    if (failed)
        return error_no_memory(err);
    return size > JSON_SIZE_MOST ? too_large(size, err) : MQL_OK;
}

/* ---- to JSON ---- */

static mql_status
vector_to_json(const Value *value, Buffer *out, Error *err)
{
    ElementType element = type_element(value->type.kind);
    size_t size = element_row_size(element, 1);
    uint32_t count = value_dimension(value);
    JsonArray array;
    json_array_begin(&array, out);
    for (uint32_t i = 0; i < count; i++) {
        float real;
        element_floats(element, value->bytes.data + i * size, 1, &real);
        json_array_item(&array);
        json_append_real(out, (double)real);
    }
    return json_array_end(&array, err);
}

/* A string of digits, which is read back as bits. */
static void
bits_to_json(const Value *value, Buffer *out)
{
    Buffer text = BUFFER_INIT;
    value_print(&text, value);
    json_append_string(out, buffer_slice(&text));
    out->failed = out->failed || text.failed;
    buffer_free(&text);
}

static mql_status
real_to_json(double real, Buffer *out, Error *err)
{
    Value checked;
    TRY(real_check(real, type_of(TYPE_DOUBLE), &checked, err));
    json_append_real(out, real);
    return MQL_OK;
}

static void
timestamp_to_json(int64_t microseconds, Buffer *out)
{
    Buffer text = BUFFER_INIT;
    timestamp_print(&text, microseconds);
    json_append_string(out, buffer_slice(&text));
    out->failed = out->failed || text.failed;
    buffer_free(&text);
}

mql_status
value_to_json(Buffer *out, const Value *value, Error *err)
{
    if (value->is_null) {
        json_append_null(out);
        return MQL_OK;
    }
    switch (value->type.kind) {
    case TYPE_BOOL:
        json_append_bool(out, value->boolean);
        return MQL_OK;
    case TYPE_INT8:
    case TYPE_INT16:
    case TYPE_INT32:
    case TYPE_INT64:
        json_append_integer(out, value->integer);
        return MQL_OK;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return real_to_json(value->real, out, err);
    case TYPE_VARCHAR:
        json_append_string(out, value->bytes);
        return MQL_OK;
    case TYPE_TIMESTAMPTZ:
        timestamp_to_json(value->integer, out);
        return MQL_OK;
    case TYPE_ARRAY:
    case TYPE_JSON:
        buffer_append_slice(out, value->bytes);
        return MQL_OK;
    case TYPE_FLOAT_VECTOR:
    case TYPE_FLOAT16_VECTOR:
    case TYPE_BFLOAT16_VECTOR:
    case TYPE_INT8_VECTOR:
        return vector_to_json(value, out, err);
    case TYPE_BINARY_VECTOR:
        bits_to_json(value, out);
        return MQL_OK;
    default:
        return cannot_convert(value->type, type_of(TYPE_JSON), err);
    }
}

/* As storing does: text is parsed, and moments have no JSON of their own. */
static mql_status
scalar_to_json(const Value *value, Type to, Buffer *out, Error *err)
{
    if (value->type.kind == TYPE_TIMESTAMPTZ)
        return cannot_convert(value->type, to, err);
    if (value->type.kind != TYPE_VARCHAR)
        return value_to_json(out, value, err);
    if (value->bytes.size > JSON_SIZE_MOST)
        return too_large(value->bytes.size, err);
    return json_parse(value->bytes, out, err);
}

mql_status
convert_to_json(const Value *value, Type to, Arena *arena, Value *out,
                Error *err)
{
    TypeKind kind = value->type.kind;
    if (kind == TYPE_JSON || kind == TYPE_ARRAY) {
        out->bytes = value->bytes;
        return check_text_size(value->bytes, err);
    }
    Buffer buffer = BUFFER_INIT;
    mql_status status = scalar_to_json(value, to, &buffer, err);
    TRY(keep(&buffer, status, arena, out, err));
    return check_text_size(out->bytes, err);
}

/* ---- out of JSON ---- */

bool
value_of_json(Json json, Value *value)
{
    switch (json_tag(json)) {
    case JSON_FALSE:
    case JSON_TRUE:
        *value = value_bool(json_tag(json) == JSON_TRUE);
        return true;
    case JSON_INTEGER:
        *value = value_int64(json_integer(json));
        return true;
    case JSON_REAL:
        *value = value_double(json_real(json));
        return true;
    case JSON_STRING:
        *value = value_text(json_string(json));
        return true;
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return false;
}

/* Whether JSON's own kinds of values allow it: "5" is no number, 1 no boolean.
 */
static bool
suits(const Value *scalar, TypeKind to)
{
    if (type_is_number(scalar->type.kind))
        return type_is_number(to);
    if (scalar->type.kind == TYPE_BOOL)
        return to == TYPE_BOOL;
    return to == TYPE_VARCHAR || to == TYPE_TIMESTAMPTZ;
}

static const char *
tag_name(Json json)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",    [JSON_FALSE] = "boolean",
        [JSON_TRUE] = "boolean", [JSON_INTEGER] = "number",
        [JSON_REAL] = "number",  [JSON_STRING] = "string",
        [JSON_ARRAY] = "array",  [JSON_OBJECT] = "object",
    };
    return names[json_tag(json)];
}

static mql_status
cannot_cast_json(Json json, Type to, Error *err)
{
    return error_set(err, ERR_INVALID_PARAMETER,
                     "cannot convert JSON %s to type %s", tag_name(json),
                     type_kind_name(to.kind));
}

static mql_status
json_to_text(Json json, Type to, Arena *arena, Value *out, Error *err)
{
    Buffer buffer = BUFFER_INIT;
    json_print(&buffer, json);
    TRY(keep(&buffer, MQL_OK, arena, out, err));
    return text_check(out->bytes, to, true, out, err);
}

mql_status
convert_from_json(const Value *value, Type to, bool is_explicit, Arena *arena,
                  Value *out, Error *err)
{
    Json json = json_of(value->bytes);
    Value scalar;
    if (json_tag(json) == JSON_NULL) {
        out->is_null = true;
        return MQL_OK;
    }
    if (type_is_vector(to.kind) && json_tag(json) == JSON_ARRAY)
        return vector_of_json(json, to, is_explicit, arena, out, err);
    if (to.kind == TYPE_BINARY_VECTOR && json_tag(json) == JSON_STRING)
        return bits_read(json_string(json), to, arena, out, err);
    if (value_of_json(json, &scalar) && suits(&scalar, to.kind))
        return value_convert(&scalar, to, is_explicit, arena, out, err);
    if (is_explicit && to.kind == TYPE_VARCHAR)
        return json_to_text(json, to, arena, out, err);
    return cannot_cast_json(json, to, err);
}

/* ---- to ARRAY ---- */

static mql_status
convert_element(Json json, Type to, bool is_explicit, Arena *arena, Buffer *out,
                Error *err)
{
    Type type = {.kind = to.element, .length = to.element_length};
    Value scalar;
    Value element;
    if (json_tag(json) == JSON_NULL)
        return error_set(err, ERR_DATA_EXCEPTION,
                         "array elements must not be NULL");
    if (!value_of_json(json, &scalar) || !suits(&scalar, to.element))
        return error_set(err, ERR_DATATYPE_MISMATCH,
                         "an element of type %s cannot be a %s",
                         type_kind_name(to.element), tag_name(json));
    TRY(value_convert(&scalar, type, is_explicit, arena, &element, err));
    return value_to_json(out, &element, err);
}

static mql_status
convert_elements(Json json, Type to, bool is_explicit, Arena *arena,
                 Buffer *out, Error *err)
{
    uint32_t count = json_count(json);
    JsonArray array;
    mql_status status = MQL_OK;
    if (json_tag(json) != JSON_ARRAY)
        return cannot_cast_json(json, to, err);
    if (to.length != 0 && count > to.length)
        return error_set(err, ERR_STRING_TOO_LONG,
                         "array of %" PRIu32 " elements exceeds the capacity "
                         "of %" PRIu32,
                         count, to.length);
    json_array_begin(&array, out);
    for (uint32_t i = 0; i < count && status == MQL_OK; i++) {
        json_array_item(&array);
        status = convert_element(json_element(json, i), to, is_explicit, arena,
                                 out, err);
        if (status != MQL_OK)
            error_detail(err, "It is element %" PRIu32 " of the array.", i);
    }
    mql_status end = json_array_end(&array, err);
    return status != MQL_OK ? status : end;
}

mql_status
convert_to_array(const Value *value, Type to, bool is_explicit, Arena *arena,
                 Value *out, Error *err)
{
    Buffer source = BUFFER_INIT;
    Buffer result = BUFFER_INIT;
    mql_status status = MQL_OK;
    Slice bytes = value->bytes;
    switch (value->type.kind) {
    case TYPE_ARRAY:
    case TYPE_JSON:
        break;
    case TYPE_VARCHAR:
        status = json_parse(value->bytes, &source, err);
        bytes = buffer_slice(&source);
        break;
    case TYPE_FLOAT_VECTOR:
    case TYPE_FLOAT16_VECTOR:
    case TYPE_BFLOAT16_VECTOR:
    case TYPE_INT8_VECTOR:
        status = vector_to_json(value, &source, err);
        bytes = buffer_slice(&source);
        break;
    default:
        return cannot_convert(value->type, to, err);
    }
    if (status == MQL_OK && json_tag(json_of(bytes)) == JSON_NULL)
        out->is_null = true;
    else if (status == MQL_OK)
        status = convert_elements(json_of(bytes), to, is_explicit, arena,
                                  &result, err);
    if (status == MQL_OK && !out->is_null)
        status = keep(&result, status, arena, out, err);
    buffer_free(&result);
    buffer_free(&source);
    return status;
}
