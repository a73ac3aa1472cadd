/* SPDX-License-Identifier: Apache-2.0 */
/*
 * growing_read.c - the readers' side of a segment in memory.
 *
 * Rows below the published count do not change but for their deletion numbers,
 * which are atomic. A number stored by a commit that the reader's Version
 * contains was stored before the Version was published, so relaxed loads see
 * all that matter.
 */
#include "engine/collection/segment_internal.h"

static uint32_t
place_of(const GrowingSegment *segment, uint32_t row)
{
    return row & ((1u << segment->chunk_shift) - 1);
}

uint64_t
growing_inserted(const GrowingSegment *segment, uint32_t row)
{
    const uint64_t *inserted = (const void *)growing_chunk(segment, row);
    return inserted[place_of(segment, row)];
}

static _Atomic uint64_t *
deletion(const GrowingSegment *segment, uint32_t row)
{
    char *chunk = growing_chunk(segment, row);
    _Atomic uint64_t *deleted = (void *)(chunk + segment->deleted_offset);
    return &deleted[place_of(segment, row)];
}

uint64_t
growing_deleted(const GrowingSegment *segment, uint32_t row)
{
    return atomic_load_explicit(deletion(segment, row), memory_order_relaxed);
}

void
growing_delete(GrowingSegment *segment, uint32_t row, uint64_t sequence)
{
    atomic_store_explicit(deletion(segment, row), sequence,
                          memory_order_release);
}

void
growing_revive(GrowingSegment *segment, uint32_t row)
{
    growing_delete(segment, row, 0);
}

const char *
growing_value(const GrowingSegment *segment, const GrowingField *field,
              uint32_t row)
{
    return growing_chunk(segment, row) + field->values_offset +
           place_of(segment, row) * field->width;
}

uint32_t
growing_run(const GrowingSegment *segment, uint32_t row, uint32_t most)
{
    uint32_t left = (1u << segment->chunk_shift) - place_of(segment, row);
    return left < most ? left : most;
}

RowKey
growing_key(const GrowingSegment *segment, uint32_t row)
{
    const GrowingField *field = &segment->fields[segment->key_field];
    const char *value = growing_value(segment, field, row);
    Value key = {.type = field->type};
    if (field->is_varying)
        memcpy(&key.bytes, value, sizeof key.bytes);
    else
        memcpy(&key.integer, value, sizeof key.integer);
    return row_key_of(&key);
}

const GrowingField *
growing_field(const GrowingSegment *segment, uint32_t id)
{
    for (uint32_t i = 0; i < segment->field_count; i++)
        if (segment->fields[i].id == id)
            return &segment->fields[i];
    return NULL;
}

uint32_t
growing_row_count(const GrowingSegment *segment, uint64_t sequence)
{
    /* Numbers of insertion ascend: the first row beyond `sequence`. */
    uint32_t low = 0;
    uint32_t high = atomic_load_explicit(&segment->count, memory_order_acquire);
    if (high > 0 && growing_inserted(segment, high - 1) <= sequence)
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (growing_inserted(segment, middle) <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
is_visible(const GrowingSegment *segment, uint32_t row, uint64_t sequence)
{
    if (growing_inserted(segment, row) > sequence)
        return false;
    uint64_t deleted = growing_deleted(segment, row);
    return deleted == 0 || deleted > sequence;
}

uint32_t
growing_visible(const GrowingSegment *segment, uint64_t sequence, uint32_t rows,
                uint64_t *bits)
{
    uint32_t count = 0;
    memset(bits, 0, bits_words(rows) * sizeof *bits);
    for (uint32_t row = 0; row < rows;) {
        uint32_t run = growing_run(segment, row, rows - row);
        for (uint32_t end = row + run; row < end; row++) {
            if (!is_visible(segment, row, sequence))
                continue;
            bits_set(bits, row);
            count++;
        }
    }
    return count;
}

/* ---- values ---- */

/* Values that are in a batch as they are in the chunk. */
static bool
is_same_form(const GrowingField *field)
{
    return field->is_varying || field->type.kind == TYPE_INT64 ||
           field->type.kind == TYPE_TIMESTAMPTZ ||
           field->type.kind == TYPE_DOUBLE || field->type.kind == TYPE_BOOL;
}

const uint8_t *
growing_valid(const GrowingSegment *segment, const GrowingField *field,
              uint32_t row)
{
    return (const uint8_t *)growing_chunk(segment, row) + field->valid_offset +
           place_of(segment, row);
}

static void
read_run(const GrowingSegment *segment, const GrowingField *field, uint32_t row,
         uint32_t run, ColumnBuilder *out, uint32_t at)
{
    const char *from = growing_value(segment, field, row);
    if (field->is_varying)
        memcpy((Slice *)out->data + at, from, run * sizeof(Slice));
    else
        values_to_physical(field->type, from, run, out->data, at);
    memcpy(out->valid + at, growing_valid(segment, field, row), run);
}

/* Rows that lie in one chunk, in the form wanted: nothing is copied. */
static bool
read_in_place(const GrowingSegment *segment, const GrowingField *field,
              RowRange range, bool has_nulls, Column *column)
{
    if (range.rows != NULL || range.count == 0 || !is_same_form(field) ||
        growing_run(segment, range.first, range.count) < range.count)
        return false;
    column->data = growing_value(segment, field, range.first);
    column->valid =
        has_nulls ? growing_valid(segment, field, range.first) : NULL;
    return true;
}

mql_status
growing_read(const GrowingSegment *segment, const Field *field, RowRange range,
             Arena *arena, Column *column, Error *err)
{
    const GrowingField *stored = growing_field(segment, field->id);
    if (stored == NULL)
        return read_absent(field, range.count, arena, column, err);
    if (stored->type.kind != field->type.kind ||
        (!stored->is_varying &&
         stored->width != type_storage_size(field->type)))
        return error_set(err, ERR_INTERNAL_ERROR, "field of a wrong type");
    column->type = field->type;
    bool has_nulls =
        atomic_load_explicit(&stored->has_nulls, memory_order_acquire);
    if (read_in_place(segment, stored, range, has_nulls, column))
        return MQL_OK;
    ColumnBuilder builder;
    TRY(column_builder_init(&builder, field->type, range.count, arena, err));
    for (uint32_t i = 0; i < range.count;) {
        uint32_t row;
        uint32_t run = range_run(range, i, 1u << segment->chunk_shift, &row);
        run = growing_run(segment, row, run);
        read_run(segment, stored, row, run, &builder, i);
        i += run;
    }
    column->data = builder.data;
    column->valid = has_nulls ? builder.valid : NULL;
    return MQL_OK;
}

/* The first row visible from `row` on, towards older ones with the same key. */
static uint32_t
visible_or_older(const GrowingSegment *segment, uint32_t row, uint64_t sequence)
{
    while (row != ROW_NONE && !is_visible(segment, row, sequence)) {
        const uint32_t *previous = (const void *)(growing_chunk(segment, row) +
                                                  segment->previous_offset);
        row = previous[place_of(segment, row)];
    }
    return row;
}

uint32_t
growing_find_key(const GrowingSegment *segment, const RowKey *key,
                 uint64_t sequence)
{
    /* The lock keeps the index still; the rows do not move. */
    pthread_rwlock_t *lock = (pthread_rwlock_t *)(uintptr_t)&segment->key_lock;
    pthread_rwlock_rdlock(lock);
    uint32_t row =
        visible_or_older(segment, growing_newest(segment, key), sequence);
    pthread_rwlock_unlock(lock);
    return row;
}

uint32_t
growing_find_older(const GrowingSegment *segment, uint32_t row,
                   uint64_t sequence)
{
    const uint32_t *previous =
        (const void *)(growing_chunk(segment, row) + segment->previous_offset);
    return visible_or_older(segment, previous[place_of(segment, row)],
                            sequence);
}
