/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_check.c - every byte and every invariant of a segment: for CHECK and
 * for tests.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "engine/collection/segment_internal.h"
#include "engine/collection/zones.h"

static mql_status
wrong(const Segment *segment, const char *what, Error *err)
{
    error_set(err, ERR_DATA_CORRUPTED, "segment %" PRIu64 " is damaged",
              segment->id);
    return error_detail(err, "Wrong %s.", what);
}

/* ---- values ---- */

static mql_status
check_texts(const Segment *segment, const Column *column, uint32_t count,
            Error *err)
{
    for (uint32_t i = 0; i < count; i++)
        if (!column_is_null(column, i) &&
            !utf8_valid(column->bytes[i].data, column->bytes[i].size, NULL))
            return wrong(segment, "text", err);
    return MQL_OK;
}

static void
add_zones(ZoneBuilder *builder, const Column *column, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (column_is_null(column, i))
            zones_add_null(builder);
        else
            zones_add(builder, zone_key_of_column(column, i));
    }
}

/* Zones are those of the values. */
static mql_status
check_zones(const Segment *segment, const Field *field, uint32_t rows,
            Arena *batch_arena, Error *err)
{
    const Zone *zones;
    uint32_t blocks;
    TRY(segment_zones(segment, field, &zones, &blocks, err));
    if (zones == NULL || blocks != zone_count(rows))
        return MQL_OK;
    size_t count = (size_t)blocks + 1;
    ZoneBuilder builder;
    Zone *expected = calloc(count, sizeof *expected);
    if (expected == NULL)
        return error_no_memory(err);
    zones_begin(&builder, expected, rows);
    mql_status status = MQL_OK;
    for (uint32_t first = 0; status == MQL_OK && first < rows;
         first += BATCH_ROWS) {
        uint32_t left = rows - first;
        RowRange range = {NULL, first, left < BATCH_ROWS ? left : BATCH_ROWS};
        Column column;
        arena_reset(batch_arena);
        status = segment_read(segment, field, range, batch_arena, &column, err);
        if (status == MQL_OK)
            add_zones(&builder, &column, range.count);
    }
    zones_finish(&builder);
    if (status == MQL_OK && memcmp(zones, expected, count * sizeof *zones) != 0)
        status = wrong(segment, "least and greatest values", err);
    free(expected);
    return status;
}

static mql_status
check_values(const Segment *segment, const Collection *definition,
             uint32_t rows, Arena *batch_arena, Error *err)
{
    for (uint32_t i = 0; i < definition->field_count; i++) {
        const Field *field = &definition->fields[i];
        for (uint32_t first = 0; first < rows; first += BATCH_ROWS) {
            uint32_t left = rows - first;
            RowRange range = {NULL, first,
                              left < BATCH_ROWS ? left : BATCH_ROWS};
            Column column;
            arena_reset(batch_arena);
            TRY(segment_read(segment, field, range, batch_arena, &column, err));
            if (field->type.kind == TYPE_VARCHAR)
                TRY(check_texts(segment, &column, range.count, err));
        }
        TRY(check_zones(segment, field, rows, batch_arena, err));
    }
    return MQL_OK;
}

/* ---- sealed ---- */

/* Every row once, by ascending keys, each in the filter. */
static mql_status
check_key_order(const SealedSegment *segment, uint64_t *seen, Error *err)
{
    RowKey before = {0};
    for (uint32_t i = 0; i < segment->row_count; i++) {
        uint32_t row;
        RowKey key;
        memcpy(&row, segment->key_order.data + i * sizeof row, sizeof row);
        if (row >= segment->row_count || bits_get(seen, row))
            return wrong(&segment->base, "order of keys", err);
        bits_set(seen, row);
        TRY(sealed_key(segment, row, &key, err));
        if (i > 0 && row_key_compare(&before, &key) > 0)
            return wrong(&segment->base, "order of keys", err);
        uint64_t hash = row_key_hash(&key);
        uint64_t offset = bloom_offset(hash, segment->bloom_blocks);
        if (!bloom_block_has(segment->bloom.data + offset, hash))
            return wrong(&segment->base, "filter of keys", err);
        before = key;
    }
    return MQL_OK;
}

static mql_status
check_inserted(const SealedSegment *segment, Error *err)
{
    const uint64_t *inserted = (const void *)segment->inserted.data;
    for (uint32_t row = 0;
         segment->inserted.size > 0 && row < segment->row_count; row++)
        if (inserted[row] < segment->min_inserted ||
            inserted[row] > segment->max_inserted)
            return wrong(&segment->base, "number of insertion", err);
    return MQL_OK;
}

mql_status
segment_check_index(const SealedSegment *segment,
                    const IndexDefinition *definition, Error *err)
{
    const SegmentIndex *index = atomic_load(&segment->indexes);
    while (index != NULL &&
           (index->id != definition->id || segment_index_is_damaged(index)))
        index = index->next;
    if (index == NULL) {
        /* Without an entry it waits to be built. */
        if (sealed_field(segment, definition->field) == NULL ||
            (definition->kind->has_file &&
             !segment_entry_has_index(&segment->entry, definition->id)))
            return MQL_OK;
        error_set(err, ERR_DATA_CORRUPTED,
                  "index \"%s\" of segment %" PRIu64 " is damaged or missing",
                  definition->name, segment->base.id);
        return error_hint(err, "REINDEX builds it again.");
    }
    if (index->file != NULL)
        TRY(section_file_check(index->file, err));
    return index->index->kind->check(index->index, err);
}

static mql_status
check_sealed(const SealedSegment *segment, Error *err)
{
    uint64_t *seen = calloc(bits_words(segment->row_count) + 1, sizeof *seen);
    if (seen == NULL)
        return error_no_memory(err);
    mql_status status = check_key_order(segment, seen, err);
    free(seen);
    TRY(status);
    return check_inserted(segment, err);
}

/* ---- growing ---- */

/* As a reader at `sequence` sees it, whatever a writer does meanwhile. */
static mql_status
check_growing(const GrowingSegment *segment, uint64_t sequence, Error *err)
{
    uint32_t rows = growing_row_count(segment, sequence);
    uint64_t before = 0;
    for (uint32_t row = 0; row < rows; row++) {
        uint64_t inserted = growing_inserted(segment, row);
        if (inserted < before)
            return wrong(&segment->base, "number of insertion", err);
        before = inserted;
        uint64_t deleted = growing_deleted(segment, row);
        if (inserted > sequence || (deleted != 0 && deleted <= sequence))
            continue;
        RowKey key = growing_key(segment, row);
        if (growing_find_key(segment, &key, sequence) != row)
            return wrong(&segment->base, "index of keys", err);
    }
    return MQL_OK;
}

mql_status
segment_check_rows(const Segment *segment, const Collection *definition,
                   uint64_t sequence, Error *err)
{
    TRY(segment_intact(segment, err));
    if (segment->is_sealed)
        TRY(check_sealed(as_sealed(segment), err));
    else
        TRY(check_growing(as_growing(segment), sequence, err));
    Arena batch_arena;
    arena_init(&batch_arena, 0);
    mql_status status =
        check_values(segment, definition, segment_row_count(segment, sequence),
                     &batch_arena, err);
    arena_free(&batch_arena);
    return status;
}

mql_status
segment_check(const Segment *segment, const Collection *definition, Error *err)
{
    TRY(segment_intact(segment, err));
    if (segment->is_sealed) {
        const SealedSegment *sealed = as_sealed(segment);
        TRY(section_file_check(sealed->file, err));
        for (uint32_t i = 0; i < definition->index_count; i++)
            TRY(segment_check_index(sealed, &definition->indexes[i], err));
    }
    return segment_check_rows(segment, definition, UINT64_MAX, err);
}
