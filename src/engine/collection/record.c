/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - the payload of a commit in the log (docs/format/commit.md).
 *
 * A sequence of items up to the end: changes of the catalogue, deleted keys,
 * rows in blocks of at most BATCH_ROWS, column after column in storage width.
 * Fields go by their ids, so that rows replayed after a change of the
 * definition find their places.
 */
#include <stdlib.h>

#include "engine/collection/store_internal.h"
#include "engine/value/json.h"

#define RECORD_VERSION 1u

enum {
    ITEM_META = 1,
    ITEM_DELETES = 2,
    ITEM_ROWS = 3,
};

/* ---- writing ---- */

void
record_start(Buffer *out)
{
    buffer_append_u8(out, RECORD_VERSION);
}

void
record_meta(Buffer *out, Slice changes)
{
    if (changes.size == 0)
        return;
    buffer_append_u8(out, ITEM_META);
    buffer_append_sized(out, changes);
}

static void
append_fixed(Buffer *out, const Column *column, size_t width, uint32_t count)
{
    char *to = buffer_reserve(out, width * count);
    if (to == NULL)
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (column_is_null(column, i))
            memset(to + i * width, 0, width);
        else
            value_to_storage(column, i, width, to + i * width);
    }
    out->size += width * count;
}

static void
append_varying(Buffer *out, const Column *column, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        buffer_append_u32(out, column_is_null(column, i)
                                   ? 0
                                   : (uint32_t)column->bytes[i].size);
    for (uint32_t i = 0; i < count; i++)
        if (!column_is_null(column, i))
            buffer_append_slice(out, column->bytes[i]);
}

static void
append_column(Buffer *out, const Field *field, const Column *column,
              uint32_t count)
{
    size_t width = type_storage_size(field->type);
    buffer_append_u32(out, field->id);
    buffer_append_u8(out, (uint8_t)field->type.kind);
    buffer_append_u32(out, (uint32_t)width);
    buffer_append_u8(out, column->valid != NULL);
    if (column->valid != NULL)
        buffer_append(out, column->valid, count);
    if (width > 0)
        append_fixed(out, column, width, count);
    else
        append_varying(out, column, count);
}

static mql_status
append_block(Buffer *out, const Collection *definition,
             const GrowingSegment *segment, RowRange range, Arena *arena,
             Error *err)
{
    for (uint32_t i = 0; i < definition->field_count; i++) {
        const Field *field = &definition->fields[i];
        Column column;
        TRY(growing_read(segment, field, range, arena, &column, err));
        append_column(out, field, &column, range.count);
    }
    return buffer_failed(out) ? error_no_memory(err) : MQL_OK;
}

mql_status
record_rows(Buffer *out, const Collection *definition, const RowSource *source,
            uint64_t partition, int64_t next_auto_id, Error *err)
{
    Arena batch_arena;
    arena_init(&batch_arena, 0);
    mql_status status = MQL_OK;
    for (uint32_t first = 0; first < source->count && status == MQL_OK;
         first += BATCH_ROWS) {
        uint32_t left = source->count - first;
        uint32_t count = left < BATCH_ROWS ? left : BATCH_ROWS;
        RowRange range = {source->rows + first, 0, count};
        buffer_append_u8(out, ITEM_ROWS);
        buffer_append_u64(out, definition->id);
        buffer_append_u64(out, partition);
        buffer_append_u64(out, (uint64_t)next_auto_id);
        buffer_append_u32(out, count);
        buffer_append_u32(out, definition->field_count);
        arena_reset(&batch_arena);
        status = append_block(out, definition, source->segment, range,
                              &batch_arena, err);
    }
    arena_free(&batch_arena);
    return status;
}

void
record_delete_key(RecordDeletes *deletes, const RowKey *key)
{
    if (key->is_text)
        buffer_append_sized(&deletes->keys, key->text);
    else
        buffer_append_u64(&deletes->keys, (uint64_t)key->integer);
    deletes->count++;
}

void
record_deletes(Buffer *out, uint64_t collection, bool is_text,
               const RecordDeletes *deletes)
{
    if (deletes->count == 0)
        return;
    buffer_append_u8(out, ITEM_DELETES);
    buffer_append_u64(out, collection);
    buffer_append_u8(out, is_text);
    buffer_append_u32(out, deletes->count);
    if (buffer_failed(&deletes->keys))
        out->failed = true;
    buffer_append_slice(out, buffer_slice(&deletes->keys));
}

/* ---- reading ---- */

static mql_status
damaged(Error *err)
{
    return error_set(err, ERR_DATA_CORRUPTED, "damaged record in the log");
}

/* Move past the columns of a block; their sizes are checked here, once. */
static mql_status
skip_columns(Reader *reader, const RecordRows *rows, Error *err)
{
    for (uint32_t i = 0; i < rows->field_count; i++) {
        read_u32(reader);
        read_u8(reader);
        uint32_t width = read_u32(reader);
        if (read_u8(reader) != 0)
            read_bytes(reader, rows->row_count);
        uint64_t size = (uint64_t)width * rows->row_count;
        for (uint32_t row = 0; width == 0 && row < rows->row_count; row++)
            size += read_u32(reader);
        if (reader->failed || size > reader_left(reader))
            return damaged(err);
        read_bytes(reader, size);
    }
    return MQL_OK;
}

static mql_status
visit_rows(Reader *reader, const RecordVisitor *visitor, Error *err)
{
    RecordRows rows;
    rows.collection = read_u64(reader);
    rows.partition = read_u64(reader);
    rows.next_auto_id = (int64_t)read_u64(reader);
    rows.row_count = read_u32(reader);
    rows.field_count = read_u32(reader);
    rows.fields = *reader;
    if (reader->failed || rows.row_count == 0 || rows.row_count > BATCH_ROWS ||
        rows.field_count == 0 || rows.field_count > FIELDS_MOST)
        return damaged(err);
    TRY(skip_columns(reader, &rows, err));
    return visitor->rows == NULL ? MQL_OK
                                 : visitor->rows(visitor->context, &rows, err);
}

static mql_status
visit_deletes(Reader *reader, const RecordVisitor *visitor, Error *err)
{
    uint64_t collection = read_u64(reader);
    bool is_text = read_u8(reader) != 0;
    uint32_t count = read_u32(reader);
    for (uint32_t i = 0; i < count; i++) {
        Value key = is_text ? value_text(read_sized(reader))
                            : value_int64((int64_t)read_u64(reader));
        if (reader->failed)
            return damaged(err);
        if (visitor->delete_key != NULL)
            TRY(visitor->delete_key(visitor->context, collection, &key, err));
    }
    return reader->failed ? damaged(err) : MQL_OK;
}

static mql_status
visit_item(Reader *reader, const RecordVisitor *visitor, Error *err)
{
    switch (read_u8(reader)) {
    case ITEM_META: {
        Slice changes = read_sized(reader);
        if (reader->failed)
            return damaged(err);
        return visitor->meta == NULL
                   ? MQL_OK
                   : visitor->meta(visitor->context, changes, err);
    }
    case ITEM_DELETES:
        return visit_deletes(reader, visitor, err);
    case ITEM_ROWS:
        return visit_rows(reader, visitor, err);
    default:
        return damaged(err);
    }
}

mql_status
record_visit(Slice payload, const RecordVisitor *visitor, Error *err)
{
    Reader reader = reader_of(payload);
    if (read_u8(&reader) != RECORD_VERSION)
        return damaged(err);
    while (reader_left(&reader) > 0)
        TRY(visit_item(&reader, visitor, err));
    return MQL_OK;
}

/* ---- rows as a batch ---- */

/* A column of a block in place; skip_columns() has checked the sizes. */
typedef struct StoredColumn {
    uint32_t id;
    uint8_t kind;
    uint32_t width; /* 0: varying */
    const uint8_t *valid;
    const char *values; /* or the sizes */
    const char *bytes;
} StoredColumn;

static StoredColumn
next_column(Reader *reader, uint32_t rows)
{
    StoredColumn column = {0};
    column.id = read_u32(reader);
    column.kind = read_u8(reader);
    column.width = read_u32(reader);
    if (read_u8(reader) != 0)
        column.valid = (const uint8_t *)read_bytes(reader, rows).data;
    if (column.width > 0) {
        column.values = read_bytes(reader, (size_t)column.width * rows).data;
        return column;
    }
    column.values = reader->data + reader->offset;
    uint64_t size = 0;
    for (uint32_t row = 0; row < rows; row++)
        size += read_u32(reader);
    column.bytes = read_bytes(reader, size).data;
    return column;
}

static mql_status
varying_values(const StoredColumn *stored, Type type, uint32_t rows,
               Slice *slices, Error *err)
{
    bool is_document = type.kind == TYPE_JSON || type.kind == TYPE_ARRAY;
    Reader sizes =
        reader_of((Slice){stored->values, (size_t)rows * sizeof(uint32_t)});
    const char *bytes = stored->bytes;
    for (uint32_t row = 0; row < rows; row++) {
        slices[row] = (Slice){bytes, read_u32(&sizes)};
        bytes = bytes == NULL ? NULL : bytes + slices[row].size;
        bool is_null = stored->valid != NULL && stored->valid[row] == 0;
        if (is_document && !is_null && !json_check(slices[row]))
            return damaged(err);
    }
    return MQL_OK;
}

static mql_status
column_of(const StoredColumn *stored, const Field *field, uint32_t rows,
          Arena *arena, Column *column, Error *err)
{
    if (stored->kind != field->type.kind ||
        stored->width != type_storage_size(field->type))
        return damaged(err);
    ColumnBuilder builder;
    TRY(column_builder_init(&builder, field->type, rows, arena, err));
    if (stored->width == 0) {
        TRY(varying_values(stored, field->type, rows, builder.data, err));
    } else {
        values_to_physical(field->type, stored->values, rows, builder.data, 0);
    }
    *column = (Column){
        .type = field->type, .valid = stored->valid, .data = builder.data};
    return MQL_OK;
}

mql_status
record_batch(const RecordRows *rows, const Collection *definition, Arena *arena,
             Batch *batch, Error *err)
{
    batch->count = rows->row_count;
    batch->column_count = definition->field_count;
    batch->columns =
        arena_alloc_array(arena, definition->field_count, sizeof(Column));
    if (batch->columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < definition->field_count; i++)
        TRY(read_absent(&definition->fields[i], rows->row_count, arena,
                        &batch->columns[i], err));
    Reader reader = rows->fields;
    for (uint32_t i = 0; i < rows->field_count; i++) {
        StoredColumn stored = next_column(&reader, rows->row_count);
        int32_t position = collection_find_field_id(definition, stored.id);
        if (position >= 0)
            TRY(column_of(&stored, &definition->fields[position],
                          rows->row_count, arena, &batch->columns[position],
                          err));
    }
    const Column *key = &batch->columns[definition->primary];
    for (uint32_t row = 0; row < rows->row_count; row++)
        if (column_is_null(key, row))
            return damaged(err);
    return MQL_OK;
}
