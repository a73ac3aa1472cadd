/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sort.c - ORDER BY: every row is read, the keys computed, positions sorted.
 *
 * The input's batches stay valid (keeps_batches): their Slices point into the
 * segments, so that what is kept is small. With a LIMIT only so many rows are
 * put out, but all are read.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/exec/operators.h"

/* Where a row of the input is. */
typedef struct Place {
    uint32_t batch;
    uint32_t row;
} Place;

typedef struct SortOperator {
    Operator base;
    Batch *batches; /* with the sort keys' columns after the input's own */
    uint32_t batch_count, batch_capacity;
    Place *places; /* sorted */
    size_t place_count;
    size_t given;
    bool is_sorted;
    Arena arena; /* key columns */
} SortOperator;

static mql_status
sort_open(Operator *operator, Error * err)
{
    (void)err;
    SortOperator *sort = (SortOperator *)operator;
    arena_init_like(&sort->arena, operator->execution->arena);
    /* Columns may be those of an operator further down. */
    for (Operator *below = operator->input; below != NULL; below = below->input)
        below->keeps_batches = true;
    return MQL_OK;
}

/* Keep the batch, and its sort keys behind its columns. */
static mql_status
keep_batch(SortOperator *sort, const Batch *batch, Error *err)
{
    const SortPlan *plan = (const SortPlan *)sort->base.plan;
    if (sort->batch_count == sort->batch_capacity) {
        uint32_t capacity =
            sort->batch_capacity == 0 ? 16 : sort->batch_capacity * 2;
        Batch *batches = realloc(sort->batches, capacity * sizeof *batches);
        if (batches == NULL)
            return error_no_memory(err);
        sort->batches = batches;
        sort->batch_capacity = capacity;
    }
    uint32_t count = batch->column_count;
    Column *columns = arena_alloc_array(&sort->arena, count + plan->key_count,
                                        sizeof *columns);
    if (columns == NULL)
        return error_no_memory(err);
    memcpy(columns, batch->columns, count * sizeof *columns);
    for (uint32_t i = 0; i < plan->key_count; i++)
        TRY(expr_eval(plan->keys[i].expr, &sort->base.execution->run, batch,
                      &sort->arena, &columns[count + i], err));
    sort->batches[sort->batch_count++] = (Batch){batch->count, count, columns};
    sort->place_count += batch->count;
    return MQL_OK;
}

static int
compare_key(const SortKey *key, const Column *a, uint32_t row_a,
            const Column *b, uint32_t row_b)
{
    bool a_null = column_is_null(a, row_a), b_null = column_is_null(b, row_b);
    if (a_null || b_null)
        return a_null == b_null ? 0 : (a_null == key->nulls_first ? -1 : 1);
    Value left = column_value(a, row_a), right = column_value(b, row_b);
    int order = 0;
    value_compare(&left, &right, &order);
    return key->descends ? -order : order;
}

static int
compare_places(const void *left, const void *right, void *context)
{
    const Place *a = left, *b = right;
    const SortOperator *sort = context;
    const SortPlan *plan = (const SortPlan *)sort->base.plan;
    const Batch *batch_a = &sort->batches[a->batch];
    const Batch *batch_b = &sort->batches[b->batch];
    for (uint32_t i = 0; i < plan->key_count; i++) {
        int order = compare_key(
            &plan->keys[i], &batch_a->columns[batch_a->column_count + i],
            a->row, &batch_b->columns[batch_b->column_count + i], b->row);
        if (order != 0)
            return order;
    }
    /* Equal keys keep the order they came in. */
    if (a->batch != b->batch)
        return a->batch < b->batch ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static mql_status
sort_rows(SortOperator *sort, Error *err)
{
    Batch batch;
    for (;;) {
        TRY(operator_next(sort->base.input, &batch, err));
        if (batch.count == 0)
            break;
        TRY(keep_batch(sort, &batch, err));
    }
    sort->places = calloc(sort->place_count + 1, sizeof *sort->places);
    if (sort->places == NULL)
        return error_no_memory(err);
    size_t filled = 0;
    for (uint32_t b = 0; b < sort->batch_count; b++)
        for (uint32_t row = 0; row < sort->batches[b].count; row++)
            sort->places[filled++] = (Place){b, row};
    qsort_r(sort->places, sort->place_count, sizeof *sort->places,
            compare_places, sort);
    sort->is_sorted = true;
    return MQL_OK;
}

/* Forget what LIMIT and OFFSET will not show. */
static mql_status
cut_rows(SortOperator *sort, Error *err)
{
    const SortPlan *plan = (const SortPlan *)sort->base.plan;
    uint64_t limit, offset;
    TRY(execution_count(sort->base.execution, plan->limit, "LIMIT", UINT64_MAX,
                        &limit, err));
    TRY(execution_count(sort->base.execution, plan->offset, "OFFSET", 0,
                        &offset, err));
    if (limit < sort->place_count && offset < sort->place_count - limit)
        sort->place_count = (size_t)(limit + offset);
    return MQL_OK;
}

static mql_status
sort_next(Operator *operator, Batch * batch, Error *err)
{
    SortOperator *sort = (SortOperator *)operator;
    if (!sort->is_sorted) {
        TRY(sort_rows(sort, err));
        TRY(cut_rows(sort, err));
    }
    size_t left = sort->place_count - sort->given;
    uint32_t count = left < BATCH_ROWS ? (uint32_t)left : BATCH_ROWS;
    if (count == 0)
        return MQL_OK;
    const Place *places = sort->places + sort->given;
    sort->given += count;

    batch->count = count;
    batch->column_count = operator->plan->column_count;
    batch->columns = arena_alloc_array(
        &operator->batch_arena, batch->column_count, sizeof *batch->columns);
    if (batch->columns == NULL)
        return error_no_memory(err);
    for (uint32_t c = 0; c < batch->column_count; c++) {
        const Column *first = &sort->batches[0].columns[c];
        batch->columns[c].type = first->type;
        if (first->data == NULL)
            continue; /* a column nobody reads */
        ColumnBuilder builder;
        TRY(column_builder_init(&builder, first->type, count,
                                &operator->batch_arena, err));
        for (uint32_t i = 0; i < count; i++) {
            Value value = column_value(
                &sort->batches[places[i].batch].columns[c], places[i].row);
            column_builder_set(&builder, i, &value);
        }
        batch->columns[c] = column_builder_finish(&builder);
    }
    return MQL_OK;
}

static void
sort_close(Operator *operator)
{
    SortOperator *sort = (SortOperator *)operator;
    free(sort->batches);
    free(sort->places);
    arena_free(&sort->arena);
}

static void
sort_explain(Explainer *explainer, const PlanNode *node,
             const Operator *operator)
{
    (void)operator;
    const SortPlan *plan = (const SortPlan *)node;
    const Scope scope = {.columns = node->columns,
                         .column_count = node->column_count,
                         .dynamic_column = -1};
    Buffer text = BUFFER_INIT;
    for (uint32_t i = 0; i < plan->key_count; i++) {
        if (i > 0)
            buffer_append_text(&text, ", ");
        expr_print(&text, plan->keys[i].expr, &scope);
        if (plan->keys[i].descends)
            buffer_append_text(&text, " DESC");
        if (plan->keys[i].nulls_first != plan->keys[i].descends)
            buffer_append_text(&text, plan->keys[i].nulls_first
                                          ? " NULLS FIRST"
                                          : " NULLS LAST");
    }
    explain_value(explainer, "Sort Key", &text);
}

const OperatorKind sort_operator = {
    .name = "Sort",
    .size = sizeof(SortOperator),
    .open = sort_open,
    .next = sort_next,
    .close = sort_close,
    .explain = sort_explain,
};
