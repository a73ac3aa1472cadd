/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_row.c - one JSON object to one row, in one pass and without a tree.
 *
 * A vector's numbers go straight into its column, and so do plain strings and
 * numbers into theirs. Whatever is not plain (escapes, a type that does not
 * fit, a fault) goes the long way, through json_parse() and value_convert(),
 * which know all rules and have the words. Members that no field takes are
 * gathered as text for $meta. Of doubled keys the last wins, as in PostgreSQL's
 * jsonb.
 */
#include "base/number.h"
#include "engine/copy/json_text.h"
#include "engine/value/json.h"

static mql_status
bad_json(Slice record, const char *at, const char *what, Error *err)
{
    error_set(err, ERR_INVALID_JSON, "invalid input syntax for type JSON");
    return error_detail(err, "%s at byte %zu.", what,
                        (size_t)(at - record.data) + 1);
}

mql_status
json_rows_init(CopyReader *reader, JsonRows *rows, Error *err)
{
    *rows = (JsonRows){0};
    rows->seen = arena_alloc_array(&reader->arena, reader->field_count + 1,
                                   sizeof *rows->seen);
    return rows->seen == NULL ? error_no_memory(err) : MQL_OK;
}

/* ---- values ---- */

/* The long way. */
static mql_status
set_parsed(CopyReader *reader, uint32_t field, Slice text, Error *err)
{
    Buffer *scratch = &reader->scratch;
    buffer_clear(scratch);
    TRY(json_parse(text, scratch, err));
    if (buffer_failed(scratch))
        return error_no_memory(err);
    Value value = {.type = type_of(TYPE_JSON), .bytes = buffer_slice(scratch)};
    return row_set(reader, field, &value, err);
}

/* A number into a field of numbers; false: go the long way. */
static bool
read_number(Slice text, TypeKind kind, Value *value)
{
    bool is_integer;
    if (!type_is_number(kind) || !json_is_number(text, &is_integer))
        return false;
    const char *end = text.data + text.size;
    int64_t integer;
    if (type_is_integer(kind)) {
        if (!is_integer || number_read_int64(text.data, end, &integer) != end)
            return false;
        *value = value_int64(integer);
        return true;
    }
    float narrow;
    double real;
    if (kind == TYPE_FLOAT) {
        if (number_read_float(text.data, end, &narrow) != end)
            return false;
        *value = value_double((double)narrow);
        return true;
    }
    if (number_read_double(text.data, end, &real) != end)
        return false;
    *value = value_double(real);
    return true;
}

static mql_status
set_other(CopyReader *reader, uint32_t field, Slice text, Error *err)
{
    TypeKind kind = reader->fields[field].type.kind;
    Value value = VALUE_NULL;
    bool is_plain;
    reader->bad_field = (int32_t)field;
    reader->bad_text = text;
    if (slice_equal(text, SLICE_LITERAL("null")))
        return row_set(reader, field, &value, err);
    if (kind == TYPE_JSON || kind == TYPE_ARRAY)
        return row_set_text(reader, field, text, err);
    if (text.data[0] == '"') {
        json_string_end(text.data, text.data + text.size, &is_plain);
        if (is_plain)
            return row_set_text(reader, field,
                                (Slice){text.data + 1, text.size - 2}, err);
    }
    if (read_number(text, kind, &value))
        return row_set(reader, field, &value, err);
    return set_parsed(reader, field, text, err);
}

/* The value at *at into the field; *at moves behind it. */
static mql_status
set_value(CopyReader *reader, uint32_t field, Slice record, const char **at,
          Error *err)
{
    const char *end = record.data + record.size;
    Type type = reader->fields[field].type;
    const char *after = NULL;
    if (type_is_dense(type.kind) && *at < end && **at == '[')
        after = vector_text_read(*at + 1, end, ']', row_vector(reader, field),
                                 type.length);
    if (after != NULL) {
        *at = after;
        return row_set_vector(reader, field, err);
    }
    after = json_value_end(*at, end);
    if (after == NULL)
        return bad_json(record, *at, "Expected a value", err);
    Slice text = {*at, (size_t)(after - *at)};
    *at = after;
    return set_other(reader, field, text, err);
}

/* ---- members that no field takes ---- */

static mql_status
gather(CopyReader *reader, Slice key, Slice value, Error *err)
{
    Buffer *gathered = &reader->gathered;
    buffer_append_char(gathered, gathered->size == 0 ? '{' : ',');
    if (key.size > 0) {
        buffer_append_slice(gathered, key);
        buffer_append_char(gathered, ':');
    }
    buffer_append_slice(gathered, value);
    return buffer_failed(gathered) ? error_no_memory(err) : MQL_OK;
}

/* "$meta": {...} gives its members. */
static mql_status
gather_object(CopyReader *reader, Slice value, Error *err)
{
    if (slice_equal(value, SLICE_LITERAL("null")))
        return MQL_OK;
    bool is_object = value.size >= 2 && value.data[0] == '{' &&
                     value.data[value.size - 1] == '}';
    if (!is_object) {
        reader->bad_text = value;
        return error_set(err, ERR_INVALID_TEXT,
                         "the dynamic field takes a JSON object");
    }
    const char *end = value.data + value.size - 1;
    const char *first = json_skip_blanks(value.data + 1, end);
    if (first == end)
        return MQL_OK;
    return gather(reader, (Slice){NULL, 0},
                  (Slice){first, (size_t)(end - first)}, err);
}

static mql_status
gather_value(CopyReader *reader, Slice key, bool is_whole, Slice record,
             const char **at, Error *err)
{
    const char *after = json_value_end(*at, record.data + record.size);
    if (after == NULL)
        return bad_json(record, *at, "Expected a value", err);
    Slice value = {*at, (size_t)(after - *at)};
    *at = after;
    reader->bad_field = reader->dynamic_field;
    mql_status status = is_whole ? gather_object(reader, value, err)
                                 : gather(reader, key, value, err);
    if (status == MQL_OK)
        reader->bad_field = -1;
    return status;
}

/* ---- the object ---- */

/* The field a key names, -1: none. `key` has its quotes. */
static mql_status
find_key(CopyReader *reader, JsonRows *rows, Slice key, bool is_plain,
         int32_t *field, Error *err)
{
    Slice name = {key.data + 1, key.size - 2};
    if (!is_plain) {
        buffer_clear(&reader->scratch);
        TRY(json_parse(key, &reader->scratch, err));
        name = json_string(json_of(buffer_slice(&reader->scratch)));
    }
    uint32_t expected = rows->next_field;
    if (expected < reader->field_count &&
        slice_equal(reader->fields[expected].name, name))
        *field = (int32_t)expected;
    else
        *field = row_find_field(reader, name);
    if (*field < 0 && reader->dynamic_field < 0)
        return row_unknown_field(reader, name, err);
    rows->next_field = (uint32_t)(*field + 1);
    return MQL_OK;
}

/* `"key": value`; *at moves behind it. */
static mql_status
read_member(CopyReader *reader, JsonRows *rows, Slice record, const char **at,
            Error *err)
{
    const char *end = record.data + record.size;
    bool is_plain;
    if (*at == end || **at != '"')
        return bad_json(record, *at, "Expected a key in double quotes", err);
    const char *after = json_string_end(*at, end, &is_plain);
    if (after == NULL)
        return bad_json(record, *at, "Unterminated string", err);
    Slice key = {*at, (size_t)(after - *at)};
    *at = json_skip_blanks(after, end);
    if (*at == end || **at != ':')
        return bad_json(record, *at, "Expected ':'", err);
    *at = json_skip_blanks(*at + 1, end);
    int32_t field;
    TRY(find_key(reader, rows, key, is_plain, &field, err));
    if (field < 0 || field == reader->dynamic_field)
        return gather_value(reader, key, field >= 0, record, at, err);
    rows->seen[field] = rows->serial;
    return set_value(reader, (uint32_t)field, record, at, err);
}

static mql_status
finish_row(CopyReader *reader, JsonRows *rows, Error *err)
{
    Buffer *gathered = &reader->gathered;
    for (uint32_t i = 0; i < reader->field_count; i++) {
        if (rows->seen[i] == rows->serial)
            continue;
        if ((int32_t)i != reader->dynamic_field || gathered->size == 0) {
            TRY(row_set_missing(reader, i, err));
            continue;
        }
        buffer_append_char(gathered, '}');
        if (buffer_failed(gathered))
            return error_no_memory(err);
        TRY(row_set_text(reader, i, buffer_slice(gathered), err));
    }
    return MQL_OK;
}

mql_status
json_row_read(CopyReader *reader, JsonRows *rows, Slice record, Error *err)
{
    const char *end = record.data + record.size;
    const char *at = json_skip_blanks(record.data, end);
    rows->serial++;
    rows->next_field = 0;
    buffer_clear(&reader->gathered);
    TRY(row_check_utf8(record, err));
    if (at == end || *at != '{')
        return bad_json(record, at, "Expected an object", err);
    at = json_skip_blanks(at + 1, end);
    bool is_open = at == end || *at != '}';
    while (is_open) {
        TRY(read_member(reader, rows, record, &at, err));
        at = json_skip_blanks(at, end);
        if (at == end || (*at != ',' && *at != '}'))
            return bad_json(record, at, "Expected ',' or '}'", err);
        is_open = *at == ',';
        if (is_open)
            at = json_skip_blanks(at + 1, end);
    }
    if (json_skip_blanks(at + 1, end) != end)
        return bad_json(record, at + 1, "Unexpected text after the object",
                        err);
    return finish_row(reader, rows, err);
}
