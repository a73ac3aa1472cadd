/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.c - values into the columns of a batch.
 *
 * Vectors are the bulk of what is copied, so each vector field has room for all
 * rows of the batch from the start and is filled in place; all other values go
 * through value_convert(). A row that fails leaves nothing behind but slots
 * that the next row overwrites: each row sets every field.
 */
#include <inttypes.h>
#include <math.h>

#include "base/utf8.h"
#include "engine/copy/copy_internal.h"

#define BAD_TEXT_MOST 64 /* bytes of a bad value that a detail shows */

/* Bytes of one row's vectors. */
static size_t
vectors_size(const CopyReader *reader)
{
    size_t size = 0;
    for (uint32_t i = 0; i < reader->field_count; i++) {
        Type type = reader->fields[i].type;
        if (type_is_dense(type.kind))
            size += (size_t)type.length * sizeof(float);
        else if (type_is_vector(type.kind))
            size += type_storage_size(type);
    }
    return size;
}

static mql_status
begin_column(CopyReader *reader, uint32_t i, Error *err)
{
    Type type = reader->fields[i].type;
    Arena *arena = reader->batch_arena;
    TRY(column_builder_init(&reader->builders[i], type, reader->capacity, arena,
                            err));
    reader->vectors[i] = NULL;
    if (!type_is_dense(type.kind))
        return MQL_OK;
    /* Of what is no FLOAT_VECTOR one row: the elements are made of it. */
    bool is_kept = type.kind == TYPE_FLOAT_VECTOR;
    size_t count;
    if (__builtin_mul_overflow((size_t)(is_kept ? reader->capacity : 1),
                               (size_t)type.length, &count))
        return error_no_memory(err);
    reader->vectors[i] = arena_alloc_array(arena, count, sizeof(float));
    return reader->vectors[i] == NULL ? error_no_memory(err) : MQL_OK;
}

mql_status
rows_begin(CopyReader *reader, Arena *arena, Error *err)
{
    size_t size = vectors_size(reader);
    size_t rows = size == 0 ? BATCH_ROWS : BATCH_SIZE_MOST / size;
    reader->capacity = rows > BATCH_ROWS ? BATCH_ROWS : (uint32_t)rows;
    if (reader->capacity == 0)
        reader->capacity = 1;
    reader->batch_arena = arena;
    reader->batch_used = 0;
    reader->row = 0;
    for (uint32_t i = 0; i < reader->field_count; i++)
        TRY(begin_column(reader, i, err));
    reader->batch_used = arena->used;
    return MQL_OK;
}

bool
rows_full(const CopyReader *reader)
{
    size_t used = reader->batch_arena->used - reader->batch_used;
    return reader->row == reader->capacity ||
           (reader->row > 0 && used > BATCH_SIZE_MOST);
}

mql_status
rows_finish(CopyReader *reader, Batch *batch, Error *err)
{
    Column *columns = arena_alloc_array(
        reader->batch_arena, reader->field_count + 1, sizeof *columns);
    if (columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < reader->field_count; i++)
        columns[i] = column_builder_finish(&reader->builders[i]);
    *batch = (Batch){reader->row, reader->field_count, columns};
    return MQL_OK;
}

/* Strings still stand in the input's window, which moves on. */
static mql_status
keep_text(CopyReader *reader, Value *value, Error *err)
{
    if (value->is_null || value->type.kind != TYPE_VARCHAR)
        return MQL_OK;
    char *copy = arena_alloc(reader->batch_arena, value->bytes.size + 1);
    if (copy == NULL)
        return error_no_memory(err);
    if (value->bytes.size > 0)
        memcpy(copy, value->bytes.data, value->bytes.size);
    value->bytes.data = copy;
    return MQL_OK;
}

mql_status
row_set(CopyReader *reader, uint32_t field, const Value *value, Error *err)
{
    Value converted;
    reader->bad_field = (int32_t)field;
    TRY(value_convert(value, reader->fields[field].type, false,
                      reader->batch_arena, &converted, err));
    TRY(keep_text(reader, &converted, err));
    column_builder_set(&reader->builders[field], reader->row, &converted);
    reader->bad_field = -1;
    return MQL_OK;
}

mql_status
row_set_text(CopyReader *reader, uint32_t field, Slice text, Error *err)
{
    reader->bad_text = text;
    Value value = value_text(text);
    return row_set(reader, field, &value, err);
}

float *
row_vector(CopyReader *reader, uint32_t field)
{
    Type type = reader->fields[field].type;
    bool is_kept = type.kind == TYPE_FLOAT_VECTOR;
    return reader->vectors[field] + (is_kept ? reader->row : 0) * type.length;
}

mql_status
row_set_vector(CopyReader *reader, uint32_t field, Error *err)
{
    Type type = reader->fields[field].type;
    Value value = value_vector(row_vector(reader, field), type.length);
    if (type.kind != TYPE_FLOAT_VECTOR)
        return row_set(reader, field, &value, err);
    column_builder_set(&reader->builders[field], reader->row, &value);
    return MQL_OK;
}

mql_status
row_set_missing(CopyReader *reader, uint32_t field, Error *err)
{
    const CopyField *described = &reader->fields[field];
    if (described->has_default)
        return row_set(reader, field, &described->default_value, err);
    Value null = VALUE_NULL;
    column_builder_set(&reader->builders[field], reader->row, &null);
    return MQL_OK;
}

int32_t
row_find_field(const CopyReader *reader, Slice name)
{
    for (uint32_t i = 0; i < reader->field_count; i++) {
        if (slice_equal(reader->fields[i].name, name))
            return (int32_t)i;
    }
    return -1;
}

mql_status
row_unknown_field(const CopyReader *reader, Slice name, Error *err)
{
    size_t size = name.size > BAD_TEXT_MOST ? BAD_TEXT_MOST : name.size;
    error_set(err, ERR_UNDEFINED_COLUMN,
              "field \"%.*s\" of the data is not a field to copy into",
              (int)size, name.data);
    uint32_t least = NAME_DISTANCE_MOST + 1;
    const CopyField *nearest = NULL;
    for (uint32_t i = 0; i < reader->field_count; i++) {
        uint32_t distance = name_distance(reader->fields[i].name, name);
        if (distance < least) {
            least = distance;
            nearest = &reader->fields[i];
        }
    }
    if (nearest == NULL)
        return err->status;
    return error_hint(err, "Perhaps you meant the field \"%.*s\".",
                      (int)nearest->name.size, nearest->name.data);
}

mql_status
row_check_utf8(Slice record, Error *err)
{
    size_t bad;
    if (utf8_valid(record.data, record.size, &bad))
        return MQL_OK;
    return error_set(err, ERR_ENCODING,
                     "invalid byte sequence for encoding \"UTF8\": 0x%02x",
                     (unsigned)(unsigned char)record.data[bad]);
}
