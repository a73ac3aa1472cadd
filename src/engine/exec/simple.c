/* SPDX-License-Identifier: Apache-2.0 */
/* simple.c - the operators that need no file of their own: one row, limit,
 * filter, project. */
#include "engine/exec/operators.h"

/* ---- SELECT without FROM: one row, no columns ---- */

static mql_status
one_row_next(Operator *operator, Batch * batch, Error *err)
{
    (void)err;
    batch->count = operator->rows == 0 ? 1 : 0;
    return MQL_OK;
}

const OperatorKind one_row_operator = {
    .name = "Result",
    .size = sizeof(Operator),
    .next = one_row_next,
};

/* ---- LIMIT and OFFSET ---- */

typedef struct LimitOperator {
    Operator base;
    uint64_t skip; /* rows still to pass over */
    uint64_t left; /* rows still to give      */
} LimitOperator;

static mql_status
limit_open(Operator *operator, Error * err)
{
    LimitOperator *limit = (LimitOperator *)operator;
    const LimitPlan *plan = (const LimitPlan *)operator->plan;
    TRY(execution_count(operator->execution, plan->limit, "LIMIT", UINT64_MAX,
                        &limit->left, err));
    return execution_count(operator->execution, plan->offset, "OFFSET", 0,
                           &limit->skip, err);
}

/* The same columns from row `first` on. */
static mql_status
batch_skip(Batch *batch, uint32_t first, Arena *arena, Error *err)
{
    Column *columns =
        arena_alloc_array(arena, batch->column_count, sizeof *columns);
    if (columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < batch->column_count; i++) {
        columns[i] = batch->columns[i];
        size_t size = physical_size(type_physical(columns[i].type.kind));
        if (columns[i].data != NULL)
            columns[i].data = (const char *)columns[i].data + first * size;
        if (columns[i].valid != NULL)
            columns[i].valid += first;
    }
    batch->columns = columns;
    batch->count -= first;
    return MQL_OK;
}

static mql_status
limit_next(Operator *operator, Batch * batch, Error *err)
{
    LimitOperator *limit = (LimitOperator *)operator;
    while (limit->left > 0) {
        TRY(operator_next(operator->input, batch, err));
        if (batch->count == 0)
            return MQL_OK;
        if (limit->skip >= batch->count) {
            limit->skip -= batch->count;
            continue;
        }
        if (limit->skip > 0)
            TRY(batch_skip(batch, (uint32_t)limit->skip, &operator->batch_arena,
                           err));
        limit->skip = 0;
        if (batch->count > limit->left)
            batch->count = (uint32_t)limit->left;
        limit->left -= batch->count;
        return MQL_OK;
    }
    batch->count = 0;
    return MQL_OK;
}

const OperatorKind limit_operator = {
    .name = "Limit",
    .size = sizeof(LimitOperator),
    .open = limit_open,
    .next = limit_next,
};

/* ---- WHERE over a query in FROM ---- */

/* The rows of `input` that are kept. */
static mql_status
keep_rows(Operator *operator, const Batch * input, const uint8_t *keep,
          Batch *batch, Error *err)
{
    Arena *arena = &operator->batch_arena;
    uint32_t *positions =
        arena_alloc_array(arena, input->count, sizeof *positions);
    batch->columns =
        arena_alloc_array(arena, input->column_count, sizeof *batch->columns);
    if (positions == NULL || batch->columns == NULL)
        return error_no_memory(err);
    for (uint32_t row = 0; row < input->count; row++)
        if (keep[row] != 0)
            positions[batch->count++] = row;
    batch->column_count = input->column_count;
    for (uint32_t i = 0; i < input->column_count; i++)
        TRY(column_gather(&input->columns[i], positions, batch->count, arena,
                          &batch->columns[i], err));
    return MQL_OK;
}

/* An empty batch would mean the end: asks until something is kept. */
static mql_status
filter_next(Operator *operator, Batch * batch, Error *err)
{
    const FilterPlan *plan = (const FilterPlan *)operator->plan;
    while (batch->count == 0) {
        Batch input;
        TRY(operator_next(operator->input, &input, err));
        if (input.count == 0)
            return MQL_OK;
        if (!operator->keeps_batches)
            arena_reset(&operator->batch_arena);
        uint8_t *keep =
            arena_alloc(&operator->batch_arena, input.count * sizeof *keep);
        if (keep == NULL)
            return error_no_memory(err);
        TRY(expr_filter(plan->condition, &operator->execution->run, &input,
                        &operator->batch_arena, keep, err));
        TRY(keep_rows(operator, & input, keep, batch, err));
    }
    return MQL_OK;
}

static void
filter_explain(Explainer *explainer, const PlanNode *node,
               const Operator *operator)
{
    const FilterPlan *plan = (const FilterPlan *)node;
    Buffer text = BUFFER_INIT;
    (void)operator;
    expr_print(&text, plan->condition, plan->scope);
    explain_value(explainer, "Filter", &text);
}

const OperatorKind filter_operator = {
    .name = "Filter",
    .size = sizeof(Operator),
    .next = filter_next,
    .explain = filter_explain,
};

/* ---- the SELECT list ---- */

static mql_status
project_next(Operator *operator, Batch * batch, Error *err)
{
    const ProjectPlan *plan = (const ProjectPlan *)operator->plan;
    Batch input;
    TRY(operator_next(operator->input, &input, err));
    batch->count = input.count;
    batch->column_count = plan->base.column_count;
    if (input.count == 0)
        return MQL_OK;
    batch->columns = arena_alloc_array(
        &operator->batch_arena, batch->column_count, sizeof *batch->columns);
    if (batch->columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < batch->column_count; i++)
        TRY(expr_eval(plan->items[i], &operator->execution->run, &input,
                      &operator->batch_arena, &batch->columns[i], err));
    return MQL_OK;
}

static void
project_explain(Explainer *explainer, const PlanNode *node,
                const Operator *operator)
{
    const ProjectPlan *plan = (const ProjectPlan *)node;
    Buffer text = BUFFER_INIT;
    (void)operator;
    for (uint32_t i = 0; i < plan->base.column_count; i++) {
        if (i > 0)
            buffer_append_text(&text, ", ");
        expr_print(&text, plan->items[i], plan->scope);
    }
    explain_value(explainer, "Output", &text);
}

const OperatorKind project_operator = {
    .name = "Project",
    .size = sizeof(Operator),
    .next = project_next,
    .explain = project_explain,
};
