/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_columns.c - the part of a WHERE that no index answers, on the columns
 * of the rows that are still in, a batch at a time.
 *
 * Conjuncts go from the cheap to the dear. While most rows are left the next
 * conjunct is asked of all rows of the batch, which are read in place, and the
 * bytes that say which were left say which count; when few are left, these are
 * gathered and the others forgotten.
 */
#include <string.h>

#include "base/bits.h"
#include "engine/exec/operators.h"

/* A batch on its way through the conjuncts. */
typedef struct Asked {
    const TablePlan *table;
    Execution *execution;
    const Segment *segment;
    Arena *arena;        /* of the batch */
    uint32_t *positions; /* of its rows, ascending */
    Batch batch;         /* the columns that were read */
    uint8_t *keep;       /* per row: 1 while it is in */
    uint32_t kept;       /* how many are 1 */
} Asked;

/* Beyond so many conjuncts they stay in the order in which they are written. */
#define ORDERED_MOST 64u

/*
 * The conjuncts that no index answered, the cheap before the dear. What may
 * fail is the dearest, so that it is computed for no row for which it was not
 * before: `b <> 0 AND a / b > 1`.
 */
static uint32_t
order_conjuncts(const TablePlan *table, const bool *is_done, uint32_t *order)
{
    const Conjunct *conjuncts = table->conjuncts;
    uint32_t count = 0, total = table->conjunct_count;
    for (uint32_t i = 0; i < total; i++) {
        if (is_done[i])
            continue;
        uint32_t at = count++;
        for (; total <= ORDERED_MOST && at > 0 &&
               conjuncts[order[at - 1]].cost > conjuncts[i].cost;
             at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return count;
}

/* ---- the rows of a batch ---- */

/* A batch of these rows, all of them in, no column read. */
static mql_status
begin_rows(Asked *asked, uint32_t count, Error *err)
{
    uint32_t columns = asked->table->column_count;
    asked->batch.count = count;
    asked->batch.column_count = columns;
    asked->batch.columns =
        arena_alloc_array(asked->arena, columns, sizeof *asked->batch.columns);
    asked->keep = arena_alloc(asked->arena, BATCH_ROWS);
    if (asked->batch.columns == NULL || asked->keep == NULL)
        return error_no_memory(err);
    memset(asked->keep, 1, count);
    asked->kept = count;
    return MQL_OK;
}

/* The positions whose byte of `keep` is 1. Returns their number. */
static uint32_t
keep_positions(uint32_t *positions, uint32_t count, const uint8_t *keep)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        positions[kept] = positions[i];
        kept += keep[i];
    }
    return kept;
}

/* Whether the positions follow each other. */
static bool
is_range(const uint32_t *positions, uint32_t count)
{
    return positions[count - 1] - positions[0] + 1 == count;
}

/* Rows that follow each other are read in place. */
static mql_status
read_columns(Asked *asked, const Conjunct *conjunct, Error *err)
{
    const Collection *collection = asked->table->collection;
    uint32_t count = asked->batch.count;
    RowRange range = {.count = count};
    if (is_range(asked->positions, count))
        range.first = asked->positions[0];
    else
        range.rows = asked->positions;
    for (uint32_t i = 0; i < conjunct->column_count; i++) {
        uint32_t position = conjunct->columns[i];
        Column *column = &asked->batch.columns[position];
        if (column->data != NULL || position >= collection->field_count)
            continue;
        TRY(segment_read(asked->segment, &collection->fields[position], range,
                         asked->arena, column, err));
    }
    return MQL_OK;
}

/* A conjunct of at most this cost is computed for eight rows in the time that
 * it takes to gather one. */
#define COST_CHEAP 3u
#define GATHERED 8u

/* Whether the rows that are left are to be gathered for this conjunct. What may
 * fail is asked of no others. */
static bool
is_gathering(const Asked *asked, const Conjunct *conjunct)
{
    uint32_t count = asked->batch.count, kept = asked->kept;
    if (conjunct->cost > COST_CHEAP)
        return kept < count;
    return (uint64_t)kept * GATHERED < count;
}

static mql_status
ask(Asked *asked, const Conjunct *conjunct, Error *err)
{
    if (is_gathering(asked, conjunct)) {
        keep_positions(asked->positions, asked->batch.count, asked->keep);
        TRY(begin_rows(asked, asked->kept, err));
    }
    TRY(read_columns(asked, conjunct, err));
    return expr_narrow(conjunct->expr, &asked->execution->run, &asked->batch,
                       asked->arena, asked->keep, &asked->kept, err);
}

/* ---- batches ---- */

/* The rows at `positions`, which are all there are of bits [first, end), less
 * those for which a conjunct is not TRUE. */
static mql_status
ask_batch(Asked *asked, const uint32_t *order, uint32_t order_count,
          uint32_t count, uint64_t *bits, Error *err)
{
    uint32_t *positions = asked->positions;
    uint32_t first = positions[0], end = positions[count - 1] + 1;
    TRY(begin_rows(asked, count, err));
    for (uint32_t i = 0; asked->kept > 0 && i < order_count; i++)
        TRY(ask(asked, &asked->table->conjuncts[order[i]], err));
    if (asked->kept == count)
        return MQL_OK;
    if (asked->batch.count == count && end - first == count)
        bits_from_bytes(bits, first, asked->keep, count);
    else
        bits_replace(
            bits, first, end, positions,
            keep_positions(positions, asked->batch.count, asked->keep));
    return MQL_OK;
}

mql_status
columns_ask(const TablePlan *table, Execution *execution, const bool *is_done,
            SegmentRows *rows, Arena *arena, FilterCounters *counters,
            Error *err)
{
    Arena batch_arena;
    uint32_t positions[BATCH_ROWS];
    size_t from = 0;
    mql_status status = MQL_OK;
    uint32_t *order =
        arena_alloc_array(arena, table->conjunct_count, sizeof *order);
    if (order == NULL)
        return error_no_memory(err);
    uint32_t order_count = order_conjuncts(table, is_done, order);
    arena_init_like(&batch_arena, arena);
    Asked asked = {.table = table,
                   .execution = execution,
                   .segment = rows->segment,
                   .arena = &batch_arena,
                   .positions = positions};
    while (status == MQL_OK) {
        arena_reset(&batch_arena);
        uint32_t count = bits_collect(rows->bits, rows->row_count, &from,
                                      positions, BATCH_ROWS);
        if (count == 0)
            break;
        counters->checked_rows += count;
        status = execution_poll(execution, err);
        if (status == MQL_OK)
            status =
                ask_batch(&asked, order, order_count, count, rows->bits, err);
    }
    arena_free(&batch_arena);
    rows->count = (uint32_t)bits_count(rows->bits, rows->row_count);
    return status;
}
