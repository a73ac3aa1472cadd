/* SPDX-License-Identifier: Apache-2.0 */
/* scan.c - the rows of a collection that a WHERE lets through, and their
 * number. */
#include "engine/exec/operators.h"

typedef struct ScanOperator {
    Operator base;
    const CollectionVersion *version;
    uint32_t next_segment;
    SegmentRows rows; /* of the segment being read */
    size_t from;      /* position in it             */
    Arena segment_arena;
    FilterCounters counters;
    uint32_t positions[BATCH_ROWS];
} ScanOperator;

static mql_status
scan_open(Operator *operator, Error * err)
{
    ScanOperator *scan = (ScanOperator *)operator;
    const ScanPlan *plan = (const ScanPlan *)operator->plan;
    arena_init_like(&scan->segment_arena, operator->execution->arena);
    Snapshot snapshot; /* wrong moments are errors without segments too */
    TRY(table_snapshot(&plan->table, operator->execution, &snapshot, err));
    return table_version(&plan->table, operator->execution, &scan->version,
                         err);
}

/* A segment at a time, so that LIMIT 1 filters one segment only. */
static mql_status
next_segment(ScanOperator *scan, bool *is_end, Error *err)
{
    const ScanPlan *plan = (const ScanPlan *)scan->base.plan;
    *is_end = scan->next_segment == scan->version->segment_count;
    if (*is_end)
        return MQL_OK;
    const Segment *segment = scan->version->segments[scan->next_segment++];
    arena_reset(&scan->segment_arena);
    scan->from = 0;
    scan->rows.row_count = 0;
    if (!table_has_segment(&plan->table, scan->version->collection, segment)) {
        scan->counters.pruned++;
        return MQL_OK;
    }
    return segment_filter(&plan->table, scan->base.execution, segment,
                          &scan->segment_arena, &scan->rows, &scan->counters,
                          err);
}

static mql_status
scan_next(Operator *operator, Batch * batch, Error *err)
{
    ScanOperator *scan = (ScanOperator *)operator;
    const ScanPlan *plan = (const ScanPlan *)operator->plan;
    for (;;) {
        uint32_t count = 0;
        if (scan->rows.row_count > 0)
            count = segment_rows_next(&scan->rows, &scan->from, scan->positions,
                                      BATCH_ROWS);
        if (count > 0) {
            const RowRange range = {.rows = scan->positions, .count = count};
            return table_read(&plan->table, scan->rows.segment, range,
                              &operator->batch_arena, batch, err);
        }
        bool is_end;
        TRY(next_segment(scan, &is_end, err));
        if (is_end)
            return MQL_OK;
    }
}

static void
scan_close(Operator *operator)
{
    arena_free(&((ScanOperator *)operator)->segment_arena);
}

static void
scan_title(Buffer *out, const PlanNode *plan)
{
    table_title(out, &((const ScanPlan *)plan)->table);
}

static void
scan_explain(Explainer *explainer, const PlanNode *plan,
             const Operator *operator)
{
    const ScanOperator *scan = (const ScanOperator *)operator;
    table_explain(explainer, &((const ScanPlan *)plan)->table,
                  scan != NULL ? &scan->counters : NULL);
}

const OperatorKind scan_operator = {
    .name = "Scan",
    .size = sizeof(ScanOperator),
    .open = scan_open,
    .next = scan_next,
    .close = scan_close,
    .title = scan_title,
    .explain = scan_explain,
};

/* ---- count(*) ---- */

typedef struct CountOperator {
    Operator base;
    FilterCounters counters;
} CountOperator;

static mql_status
count_input(Operator *operator, uint64_t * found, Error *err)
{
    *found = 0;
    Batch batch;
    do {
        TRY(operator_next(operator->input, &batch, err));
        *found += batch.count;
    } while (batch.count > 0);
    return MQL_OK;
}

static mql_status
count_table(CountOperator *count, uint64_t *found, Error *err)
{
    const CountPlan *plan = (const CountPlan *)count->base.plan;
    SegmentRows *rows;
    uint32_t segment_count;
    TRY(table_filter(&plan->table, count->base.execution,
                     &count->base.batch_arena, &rows, &segment_count,
                     &count->counters, err));
    *found = count->counters.matching_rows;
    return MQL_OK;
}

static mql_status
count_next(Operator *operator, Batch * batch, Error *err)
{
    CountOperator *count = (CountOperator *)operator;
    const CountPlan *plan = (const CountPlan *)operator->plan;
    if (operator->rows> 0)
        return MQL_OK;
    uint64_t found;
    TRY(operator->input != NULL ? count_input(operator, & found, err)
                                : count_table(count, &found, err));
    Value value = value_int64((int64_t)found);
    batch->count = 1;
    batch->column_count = plan->base.column_count;
    batch->columns = arena_alloc_array(
        &operator->batch_arena, batch->column_count, sizeof *batch->columns);
    if (batch->columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < batch->column_count; i++)
        TRY(column_constant(&batch->columns[i], &value, 1,
                            &operator->batch_arena, err));
    return MQL_OK;
}

static void
count_title(Buffer *out, const PlanNode *plan)
{
    if (plan->input == NULL)
        table_title(out, &((const CountPlan *)plan)->table);
}

static void
count_explain(Explainer *explainer, const PlanNode *plan,
              const Operator *operator)
{
    const CountOperator *count = (const CountOperator *)operator;
    if (plan->input == NULL)
        table_explain(explainer, &((const CountPlan *)plan)->table,
                      count != NULL ? &count->counters : NULL);
}

const OperatorKind count_operator = {
    .name = "Count",
    .size = sizeof(CountOperator),
    .next = count_next,
    .title = count_title,
    .explain = count_explain,
};
