/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scalar_keys.c - reading a field batch by batch and collecting its keys.
 *
 * Texts are not copied: they stay in the mapped segment, verified.
 */
#include "engine/collection/scalar_keys.h"

#include <stdlib.h>

#include "engine/value/json.h"

static bool
key_type_of(TypeKind kind, KeyType *type)
{
    switch (kind) {
    case TYPE_BOOL:
    case TYPE_INT8:
    case TYPE_INT16:
    case TYPE_INT32:
    case TYPE_INT64:
    case TYPE_TIMESTAMPTZ:
        *type = KEY_INT;
        return true;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        *type = KEY_REAL;
        return true;
    case TYPE_VARCHAR:
        *type = KEY_BYTES;
        return true;
    default:
        return false;
    }
}

mql_status
scalar_keys_type(const Field *field, const IndexDefinition *index,
                 KeyType *type, Error *err)
{
    TypeKind kind =
        field->type.kind == TYPE_ARRAY ? field->type.element : field->type.kind;
    if (index->cast != CAST_NONE)
        kind = json_cast_kind(index->cast);
    if (key_type_of(kind, type))
        return MQL_OK;
    return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                     "an index on field \"%s\" of type %s is not supported",
                     field->name, type_kind_name(field->type.kind));
}

static size_t
key_size(KeyType type)
{
    return type == KEY_BYTES ? sizeof(Slice) : sizeof(int64_t);
}

/* Room for `more` entries. */
static mql_status
reserve(ScalarKeys *keys, size_t more, Error *err)
{
    size_t wanted = keys->column.entry_count + more;
    if (wanted > UINT32_MAX)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "too many keys for one index");
    if (wanted <= keys->capacity)
        return MQL_OK;
    size_t capacity = keys->capacity * 2 > wanted ? keys->capacity * 2 : wanted;
    uint32_t *rows = realloc(keys->rows, capacity * sizeof *rows);
    if (rows == NULL)
        return error_no_memory(err);
    keys->rows = rows;
    void *grown = realloc(keys->keys, capacity * key_size(keys->column.type));
    if (grown == NULL)
        return error_no_memory(err);
    keys->keys = grown;
    keys->capacity = capacity;
    return MQL_OK;
}

static void
add(ScalarKeys *keys, uint32_t row, Key key)
{
    uint32_t at = keys->column.entry_count++;
    keys->rows[at] = row;
    if (keys->column.type == KEY_INT)
        ((int64_t *)keys->keys)[at] = key.integer;
    else if (keys->column.type == KEY_REAL)
        ((double *)keys->keys)[at] = key.real;
    else
        ((Slice *)keys->keys)[at] = key.bytes;
}

static bool
has_key_from(const ScalarKeys *keys, uint32_t from, Key key)
{
    for (uint32_t i = from; i < keys->column.entry_count; i++) {
        if (keys->column.type == KEY_INT
                ? ((int64_t *)keys->keys)[i] == key.integer
            : keys->column.type == KEY_REAL
                ? ((double *)keys->keys)[i] == key.real
                : slice_equal(((Slice *)keys->keys)[i], key.bytes))
            return true;
    }
    return false;
}

/* False: an element of a wrong kind, which no checked document has. */
static bool
element_key(Json element, KeyType type, Key *key)
{
    switch (json_tag(element)) {
    case JSON_FALSE:
    case JSON_TRUE:
        key->integer = json_tag(element) == JSON_TRUE;
        return type == KEY_INT;
    case JSON_INTEGER:
        if (type == KEY_REAL)
            key->real = json_real(element);
        else
            key->integer = json_integer(element);
        return type != KEY_BYTES;
    case JSON_REAL:
        key->real = json_real(element);
        return type == KEY_REAL;
    case JSON_STRING:
        key->bytes = json_string(element);
        return type == KEY_BYTES;
    default:
        return false;
    }
}

static mql_status
add_elements(ScalarKeys *keys, uint32_t row, Slice document, Error *err)
{
    Json array = json_of(document);
    uint32_t count = json_count(array);
    uint32_t first = keys->column.entry_count;
    TRY(reserve(keys, count, err));
    for (uint32_t i = 0; i < count; i++) {
        Key key;
        if (element_key(json_element(array, i), keys->column.type, &key) &&
            !has_key_from(keys, first, key))
            add(keys, row, key);
    }
    return MQL_OK;
}

/* What the index's cast takes of a document's value at its path. */
static mql_status
add_path(ScalarKeys *keys, const IndexDefinition *index, uint32_t row,
         Slice document, Error *err)
{
    Key key;
    Json value = json_path_find(json_of(document), index->path);
    keys->valid[row] = json_is_present(value);
    if (value.data == NULL)
        return MQL_OK;
    if (!json_cast_is_array(index->cast)) {
        if (json_cast_key(index->cast, value, &key))
            add(keys, row, key);
        return MQL_OK;
    }
    if (json_tag(value) != JSON_ARRAY)
        return MQL_OK;
    uint32_t count = json_count(value);
    TRY(reserve(keys, count, err));
    for (uint32_t i = 0; i < count; i++)
        if (json_cast_key(index->cast, json_element(value, i), &key))
            add(keys, row, key);
    return MQL_OK;
}

static Key
scalar_key(const Column *column, uint32_t row)
{
    Key key = {0};
    switch (type_physical(column->type.kind)) {
    case PHYSICAL_BOOL:
        key.integer = column->bools[row];
        break;
    case PHYSICAL_INT:
        key.integer = column->ints[row];
        break;
    case PHYSICAL_REAL:
        key.real = column->reals[row];
        break;
    default:
        key.bytes = column->bytes[row];
        break;
    }
    return key;
}

static mql_status
add_batch(ScalarKeys *keys, const IndexDefinition *index, const Column *column,
          RowRange range, Error *err)
{
    uint32_t first = range.first;
    TRY(reserve(keys, range.count, err));
    for (uint32_t i = 0; i < range.count; i++) {
        keys->valid[first + i] = !column_is_null(column, i);
        if (column_is_null(column, i))
            continue;
        if (index->cast != CAST_NONE)
            TRY(add_path(keys, index, first + i, column->bytes[i], err));
        else if (column->type.kind == TYPE_ARRAY)
            TRY(add_elements(keys, first + i, column->bytes[i], err));
        else
            add(keys, first + i, scalar_key(column, i));
    }
    return MQL_OK;
}

static mql_status
read_batches(ScalarKeys *keys, const Segment *segment, const Field *field,
             const IndexDefinition *index, const Watch *watch, Error *err)
{
    Arena batch_arena;
    arena_init(&batch_arena, 0);
    mql_status status = MQL_OK;
    uint32_t rows = keys->column.row_count;
    for (uint32_t first = 0; status == MQL_OK && first < rows;
         first += BATCH_ROWS) {
        uint32_t count = rows - first < BATCH_ROWS ? rows - first : BATCH_ROWS;
        Column column;
        RowRange range = {NULL, first, count};
        arena_reset(&batch_arena);
        status =
            segment_read(segment, field, range, &batch_arena, &column, err);
        if (status == MQL_OK)
            status = add_batch(keys, index, &column, range, err);
        if (status == MQL_OK)
            status = watch_poll(watch, err);
    }
    arena_free(&batch_arena);
    return status;
}

mql_status
scalar_keys_read(ScalarKeys *keys, const Segment *segment, const Field *field,
                 const IndexDefinition *index, const Watch *watch, Error *err)
{
    *keys = (ScalarKeys){0};
    TRY(scalar_keys_type(field, index, &keys->column.type, err));
    uint32_t rows = segment_row_count(segment, UINT64_MAX);
    keys->column.row_count = rows;
    keys->valid = malloc(rows);
    if (keys->valid == NULL)
        return error_no_memory(err);
    mql_status status = read_batches(keys, segment, field, index, watch, err);
    keys->column.rows = keys->rows;
    keys->column.valid = keys->valid;
    if (keys->column.type == KEY_INT)
        keys->column.ints = keys->keys;
    else if (keys->column.type == KEY_REAL)
        keys->column.reals = keys->keys;
    else
        keys->column.bytes = keys->keys;
    if (status != MQL_OK)
        scalar_keys_free(keys);
    return status;
}

void
scalar_keys_free(ScalarKeys *keys)
{
    free(keys->rows);
    free(keys->keys);
    free(keys->valid);
    *keys = (ScalarKeys){0};
}
