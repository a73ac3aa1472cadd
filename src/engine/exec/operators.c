/* SPDX-License-Identifier: Apache-2.0 */
/* operators.c - the list of operators, and what all of them share. */
#include "engine/exec/operators.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/guard.h"
#include "engine/collection/jobs.h"

const OperatorKind *const operator_kinds[PLAN_KIND_COUNT] = {
    [PLAN_ONE_ROW] = &one_row_operator, [PLAN_SCAN] = &scan_operator,
    [PLAN_SEARCH] = &search_operator,   [PLAN_COUNT] = &count_operator,
    [PLAN_SORT] = &sort_operator,       [PLAN_LIMIT] = &limit_operator,
    [PLAN_PROJECT] = &project_operator, [PLAN_FILTER] = &filter_operator,
};

mql_status
execution_poll(const Execution *execution, Error *err)
{
    if (execution->run.cancel != NULL &&
        atomic_load_explicit(execution->run.cancel, memory_order_relaxed))
        return error_set(err, ERR_QUERY_CANCELED,
                         "canceling statement due to user request");
    return MQL_OK;
}

mql_status
execution_bypass(Execution *execution, mql_status status, Error *err)
{
    if (status != MQL_CORRUPT)
        return status;
    if (execution->notice != NULL && !execution->has_bypassed) {
        char words[3 * ERROR_TEXT_SIZE];
        snprintf(words, sizeof words,
                 "a damaged index is not used, its rows are scanned: %s. %s",
                 err->text, err->detail);
        execution->notice(execution->notice_context, words);
    }
    execution->has_bypassed = true;
    store_wake_jobs(execution->store); /* to build it again */
    error_clear(err);
    return MQL_OK;
}

mql_status
execution_count(Execution *execution, const Expr *expr, const char *clause,
                uint64_t usual, uint64_t *count, Error *err)
{
    *count = usual;
    if (expr == NULL)
        return MQL_OK;
    Value value;
    TRY(expr_value(expr, &execution->run, execution->arena, &value, err));
    if (value.is_null)
        return MQL_OK;
    if (value.integer < 0)
        return error_at(
            err, clause[0] == 'L' ? ERR_INVALID_LIMIT : ERR_INVALID_OFFSET,
            expr->position, "%s must not be negative", clause);
    *count = (uint64_t)value.integer;
    return MQL_OK;
}

mql_status
operator_open(const PlanNode *plan, Execution *execution, Operator **operator,
              Error * err)
{
    const OperatorKind *kind = operator_kinds[plan->kind];
    Operator *opened = arena_alloc(execution->arena, kind->size);
    *operator= opened;
    if (opened == NULL)
        return error_no_memory(err);
    opened->kind = kind;
    opened->plan = plan;
    opened->execution = execution;
    arena_init_like(&opened->batch_arena, execution->arena);
    if (plan->input != NULL)
        TRY(operator_open(plan->input, execution, &opened->input, err));

    int64_t before =
        execution->is_timed ? execution->vfs->now(execution->vfs->context) : 0;
    mql_status status = kind->open != NULL ? kind->open(opened, err) : MQL_OK;
    if (execution->is_timed)
        opened->time += execution->vfs->now(execution->vfs->context) - before;
    return status;
}

/* The collection a leaf reads; NULL: none. */
static const TablePlan *
table_of(const PlanNode *leaf)
{
    switch (leaf->kind) {
    case PLAN_SCAN:
        return &((const ScanPlan *)leaf)->table;
    case PLAN_SEARCH:
        return &((const SearchPlan *)leaf)->table;
    case PLAN_COUNT:
        return &((const CountPlan *)leaf)->table;
    default:
        return NULL;
    }
}

static mql_status
table_intact(const TablePlan *table, const Execution *execution, Error *err)
{
    const CollectionVersion *version;
    TRY(table_version(table, execution, &version, err));
    for (uint32_t i = 0; i < version->segment_count; i++)
        if (table_has_segment(table, version->collection, version->segments[i]))
            TRY(segment_intact(version->segments[i], err));
    return MQL_OK;
}

mql_status
operator_intact(const Operator *operator, Error * err)
{
    if (guard_damaged() == 0)
        return MQL_OK;
    while (operator->input != NULL)
        operator= operator->input;
    const TablePlan *table = table_of(operator->plan);
    return table == NULL ? MQL_OK
                         : table_intact(table, operator->execution, err);
}

mql_status
operator_next(Operator *operator, Batch * batch, Error *err)
{
    Execution *execution = operator->execution;
    TRY(execution_poll(execution, err));
    if (!operator->keeps_batches)
        arena_reset(&operator->batch_arena);
    int64_t before =
        execution->is_timed ? execution->vfs->now(execution->vfs->context) : 0;
    *batch = (Batch){0};
    mql_status status = operator->kind->next(operator, batch, err);
    if (status == MQL_OK)
        status = operator_intact(operator, err);
    if (execution->is_timed)
        operator->time += execution->vfs->now(execution->vfs->context) - before;
    operator->rows += batch->count;
    return status;
}

void
operator_close(Operator *operator)
{
    if (operator== NULL)
        return;
    if (operator->kind->close != NULL)
        operator->kind->close(operator);
    operator_close(operator->input);
    arena_free(&operator->batch_arena);
}
