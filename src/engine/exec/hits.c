/* SPDX-License-Identifier: Apache-2.0 */
/* hits.c - see hits.h. */
#include "engine/exec/hits.h"

#include <stdlib.h>
#include <string.h>

#define FEW 16u /* hits, at first */

void
hits_free(Hits *hits)
{
    if (hits->capacity > FEW)
        free(hits->list);
    *hits = (Hits){0};
}

mql_status
hits_reserve(Hits *hits, size_t more, Arena *arena, Error *err)
{
    if (more <= hits->capacity - hits->count)
        return MQL_OK;
    size_t capacity = hits->capacity == 0 ? FEW : hits->capacity;
    while (capacity - hits->count < more)
        capacity *= 2;
    bool is_few = capacity == FEW;
    Hit *before = hits->capacity > FEW ? hits->list : NULL;
    Hit *list = is_few ? arena_alloc_array(arena, capacity, sizeof *list)
                       : realloc(before, capacity * sizeof *list);
    if (list == NULL)
        return error_no_memory(err);
    if (before == NULL && hits->count > 0)
        memcpy(list, hits->list, hits->count * sizeof *list);
    hits->list = list;
    hits->capacity = capacity;
    return MQL_OK;
}

/* The end of the run of hits from `first` that lie in one segment. */
static size_t
run_end(const Hit *hits, size_t first, size_t count)
{
    size_t end = first + 1;
    while (end < count && hits[end].segment == hits[first].segment &&
           end - first < BATCH_ROWS)
        end++;
    return end;
}

static mql_status
read_keys(Hits *hits, size_t first, const TablePlan *table,
          const SegmentRows *segments, Arena *arena, Error *err)
{
    const Field *field = &table->collection->fields[table->collection->primary];
    uint32_t rows[BATCH_ROWS];
    while (first < hits->count) {
        size_t end = run_end(hits->list, first, hits->count);
        for (size_t i = first; i < end; i++)
            rows[i - first] = hits->list[i].row;
        const RowRange range = {.rows = rows, .count = (uint32_t)(end - first)};
        Column keys;
        TRY(segment_read(segments[hits->list[first].segment].segment, field,
                         range, arena, &keys, err));
        for (size_t i = first; i < end; i++)
            hits->list[i].key = column_value(&keys, (uint32_t)(i - first));
        first = end;
    }
    return MQL_OK;
}

/* Without the keys. */
static int
rough_order(const void *left, const void *right)
{
    const Hit *a = left, *b = right;
    if (a->query != b->query)
        return a->query < b->query ? -1 : 1;
    if (a->has_distance != b->has_distance)
        return a->has_distance ? -1 : 1;
    if (a->distance != b->distance)
        return a->distance < b->distance ? -1 : 1;
    return 0;
}

static int
hit_order(const void *left, const void *right)
{
    int order = rough_order(left, right);
    if (order == 0)
        value_compare(&((const Hit *)left)->key, &((const Hit *)right)->key,
                      &order);
    return order;
}

/* The largest of the orders of neighbours, -1 when there are none: -1 in
 * order, 0 with ties, 1 not in order. */
static int
order_so_far(const Hit *hits, size_t count)
{
    int most = -1;
    for (size_t i = 1; i < count && most < 1; i++) {
        int order = rough_order(&hits[i - 1], &hits[i]);
        most = order > most ? order : most;
    }
    return most;
}

/* What one segment found for one target comes in order, mostly without ties:
 * then neither keys nor sorting is needed. */
mql_status
hits_sort(Hits *hits, size_t first, const TablePlan *table,
          const SegmentRows *segments, Arena *arena, Error *err)
{
    size_t count = hits->count - first;
    if (count < 2)
        return MQL_OK;
    Hit *list = hits->list + first;
    int order = order_so_far(list, count);
    if (order > 0) {
        qsort(list, count, sizeof *list, rough_order);
        order = order_so_far(list, count);
    }
    if (order < 0)
        return MQL_OK;
    TRY(read_keys(hits, first, table, segments, arena, err));
    qsort(list, count, sizeof *list, hit_order);
    return MQL_OK;
}

/* One segment's hits, in order, into the builders at their places. */
static mql_status
read_segment(const Hit *hits, uint32_t count, uint32_t segment,
             const TablePlan *table, const SegmentRows *segments, Arena *arena,
             ColumnBuilder *builders, Error *err)
{
    uint32_t rows[BATCH_ROWS], places[BATCH_ROWS], found = 0;
    for (uint32_t i = 0; i < count; i++)
        if (hits[i].segment == segment) {
            rows[found] = hits[i].row;
            places[found++] = i;
        }
    if (found == 0)
        return MQL_OK;
    Batch batch;
    const RowRange range = {.rows = rows, .count = found};
    TRY(table_read(table, segments[segment].segment, range, arena, &batch,
                   err));
    for (uint32_t c = 0; c < batch.column_count; c++)
        for (uint32_t i = 0; i < found; i++)
            if (batch.columns[c].data != NULL) {
                Value value = column_value(&batch.columns[c], i);
                column_builder_set(&builders[c], places[i], &value);
            }
    return MQL_OK;
}

static bool
is_one_segment(const Hit *hits, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        if (hits[i].segment != hits[0].segment)
            return false;
    return true;
}

mql_status
hits_read(const Hit *hits, uint32_t count, const TablePlan *table,
          const SegmentRows *segments, Arena *arena, Batch *batch, Error *err)
{
    if (count > 0 && is_one_segment(hits, count)) {
        uint32_t *rows = arena_alloc_array(arena, count, sizeof *rows);
        if (rows == NULL)
            return error_no_memory(err);
        for (uint32_t i = 0; i < count; i++)
            rows[i] = hits[i].row;
        const RowRange range = {.rows = rows, .count = count};
        return table_read(table, segments[hits[0].segment].segment, range,
                          arena, batch, err);
    }

    ColumnBuilder *builders =
        arena_alloc_array(arena, table->column_count, sizeof *builders);
    batch->columns =
        arena_alloc_array(arena, table->column_count, sizeof *batch->columns);
    if (builders == NULL || batch->columns == NULL)
        return error_no_memory(err);
    batch->count = count;
    batch->column_count = table->column_count;
    uint32_t most_segment = 0;
    for (uint32_t i = 0; i < count; i++)
        if (hits[i].segment > most_segment)
            most_segment = hits[i].segment;
    for (uint32_t c = 0; c < table->column_count; c++)
        TRY(column_builder_init(&builders[c], table->scope->columns[c].type,
                                count, arena, err));
    for (uint32_t s = 0; s <= most_segment; s++)
        TRY(read_segment(hits, count, s, table, segments, arena, builders,
                         err));
    for (uint32_t c = 0; c < table->column_count; c++)
        batch->columns[c] = column_builder_finish(&builders[c]);
    return MQL_OK;
}
