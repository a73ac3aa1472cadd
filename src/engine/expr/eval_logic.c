/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eval_logic.c - AND, OR, NOT, CASE and COALESCE, in three-valued logic.
 *
 * Each term of AND and OR is computed only for the rows that the terms before
 * it left undecided. Terms are computed in an arena of their own, reset after
 * each, so that a million of them take the room of one.
 */
#include "engine/expr/expr_internal.h"

#define FEW_TERMS 4 /* not worth an arena of their own */

typedef struct Logic {
    bool decides;    /* the value that decides: FALSE for AND, TRUE for OR */
    uint8_t *result; /* per row */
    uint8_t *valid;  /* 0: UNKNOWN so far */
    uint8_t *active; /* rows not decided yet */
    uint32_t undecided;
} Logic;

static mql_status
logic_init(const Eval *context, bool decides, Logic *logic)
{
    size_t size = context->count + 1u;
    logic->decides = decides;
    logic->result = arena_alloc(context->arena, size);
    logic->valid = arena_alloc(context->arena, size);
    logic->active = arena_alloc(context->arena, size);
    logic->undecided = 0;
    if (logic->result == NULL || logic->valid == NULL || logic->active == NULL)
        return error_no_memory(context->err);
    for (uint32_t row = 0; row < context->count; row++) {
        logic->result[row] = !decides;
        logic->valid[row] = 1;
        logic->active[row] = is_active(context, row);
        logic->undecided += logic->active[row];
    }
    return MQL_OK;
}

/* All bytes are 0 or 1, and nothing branches: this is the inner loop of long
 * ANDs. */
static void
combine(Logic *logic, const Column *term, uint32_t count)
{
    uint8_t decides = logic->decides;
    uint32_t decided = 0;
    /* Of its own, as a byte that is stored could be part of *logic. */
    uint8_t *result = logic->result;
    uint8_t *valid = logic->valid;
    uint8_t *undecided = logic->active;
    const uint8_t *values = term->bools;
    const uint8_t *knowns = term->valid;
    if (term->type.kind == TYPE_NULL) {
        for (uint32_t row = 0; row < count; row++)
            logic->valid[row] &= !logic->active[row];
        return;
    }
    for (uint32_t row = 0; row < count; row++) {
        uint8_t active = undecided[row];
        uint8_t known = knowns == NULL || knowns[row] != 0;
        uint8_t value = values[row] != 0;
        uint8_t hit = active & known & (uint8_t)(value == decides);
        uint8_t unknown = active & (uint8_t)!known;
        result[row] = (uint8_t)((result[row] & !hit) | (decides & hit));
        valid[row] = (uint8_t)((valid[row] & !unknown) | hit);
        undecided[row] = active & !hit;
        decided += hit;
    }
    logic->undecided -= decided;
}

static mql_status
eval_term(const Eval *context, const Expr *term, Logic *logic)
{
    Column column;
    TRY(eval(context, term, &column));
    combine(logic, &column, context->count);
    return MQL_OK;
}

static mql_status
eval_terms(const Eval *context, const Expr *expr, Arena *scratch, Logic *logic)
{
    Eval inner = *context;
    inner.active = logic->active;
    if (scratch != NULL)
        inner.arena = scratch;
    for (uint32_t i = 0; i < expr->argument_count && logic->undecided > 0;
         i++) {
        TRY(check_cancel(context));
        TRY(eval_term(&inner, expr->arguments[i], logic));
        if (scratch != NULL)
            arena_reset(scratch);
    }
    return MQL_OK;
}

mql_status
eval_logic(const Eval *context, const Expr *expr, Column *out)
{
    Logic logic;
    mql_status status;
    TRY(logic_init(context, expr->kind == EXPR_OR, &logic));
    if (expr->argument_count <= FEW_TERMS) {
        status = eval_terms(context, expr, NULL, &logic);
    } else {
        Arena scratch;
        arena_init(&scratch, context->arena->limit);
        status = eval_terms(context, expr, &scratch, &logic);
        arena_free(&scratch);
    }
    *out = (Column){.type = type_of(TYPE_BOOL),
                    .valid = logic.valid,
                    .bools = logic.result};
    return status;
}

mql_status
eval_not(const Eval *context, const Expr *expr, Column *out)
{
    Column in;
    TRY(eval(context, expr->arguments[0], &in));
    uint8_t *result = arena_alloc(context->arena, context->count + 1u);
    if (result == NULL)
        return error_no_memory(context->err);
    for (uint32_t row = 0; in.type.kind == TYPE_BOOL && row < context->count;
         row++)
        result[row] = in.bools[row] == 0;
    *out = in;
    out->bools = result;
    return MQL_OK;
}

/* ---- CASE ---- */

typedef struct CaseRun {
    ColumnBuilder result;
    uint8_t *left; /* rows without a result yet */
    uint8_t *taken;
    uint32_t left_count;
} CaseRun;

/* The result for the rows in `rows`. */
static mql_status
take_branch(const Eval *context, const Expr *branch, const uint8_t *rows,
            CaseRun *run)
{
    Eval inner = *context;
    Operand value;
    inner.active = rows;
    TRY(eval_operand(&inner, branch, &value));
    for (uint32_t row = 0; row < context->count; row++) {
        if (rows[row]) {
            Value one = operand_value(&value, row);
            column_builder_set(&run->result, row, &one);
        }
    }
    return MQL_OK;
}

/* Which of the rows left satisfy the condition; they are left no more. */
static mql_status
take_rows(const Eval *context, const Expr *condition, Arena *scratch,
          CaseRun *run, uint32_t *count)
{
    Eval inner = *context;
    Column column;
    inner.active = run->left;
    inner.arena = scratch;
    *count = 0;
    TRY(eval(&inner, condition, &column));
    for (uint32_t row = 0; row < context->count; row++) {
        run->taken[row] = run->left[row] && !column_is_null(&column, row) &&
                          column.bools[row] != 0;
        run->left[row] &= !run->taken[row];
        *count += run->taken[row];
    }
    run->left_count -= *count;
    return MQL_OK;
}

static mql_status
eval_branches(const Eval *context, const Expr *expr, Arena *scratch,
              CaseRun *run)
{
    uint32_t whens = expr->argument_count / 2;
    for (uint32_t i = 0; i < whens && run->left_count > 0; i++) {
        uint32_t count;
        TRY(take_rows(context, expr->arguments[2 * i], scratch, run, &count));
        arena_reset(scratch);
        if (count > 0)
            TRY(take_branch(context, expr->arguments[2 * i + 1], run->taken,
                            run));
    }
    bool has_else = expr->argument_count % 2 != 0;
    if (!has_else || run->left_count == 0)
        return MQL_OK;
    return take_branch(context, expr->arguments[2 * whens], run->left, run);
}

/* All active rows are left. */
static mql_status
case_init(const Eval *context, const Expr *expr, CaseRun *run)
{
    TRY(column_builder_init(&run->result, expr->type, context->count,
                            context->arena, context->err));
    run->left = arena_alloc(context->arena, context->count + 1u);
    run->taken = arena_alloc(context->arena, context->count + 1u);
    if (run->left == NULL || run->taken == NULL)
        return error_no_memory(context->err);
    for (uint32_t row = 0; row < context->count; row++) {
        run->left[row] = is_active(context, row);
        run->left_count += run->left[row];
    }
    return MQL_OK;
}

mql_status
eval_case(const Eval *context, const Expr *expr, Column *out)
{
    CaseRun run = {0};
    Arena scratch;
    TRY(case_init(context, expr, &run));
    arena_init(&scratch, context->arena->limit);
    mql_status status = eval_branches(context, expr, &scratch, &run);
    arena_free(&scratch);
    *out = column_builder_finish(&run.result);
    return status;
}

/* ---- COALESCE ---- */

/* The argument for the rows in run->left; where it is not NULL they are left no
 * more. */
static mql_status
take_first(const Eval *context, const Expr *argument, CaseRun *run)
{
    Eval inner = *context;
    Operand value;
    inner.active = run->left;
    TRY(eval_operand(&inner, argument, &value));
    for (uint32_t row = 0; row < context->count; row++) {
        if (run->left[row] == 0 || operand_is_null(&value, row))
            continue;
        Value one = operand_value(&value, row);
        column_builder_set(&run->result, row, &one);
        run->left[row] = 0;
        run->left_count--;
    }
    return MQL_OK;
}

mql_status
eval_coalesce(const Eval *context, const Expr *expr, Column *out)
{
    CaseRun run = {0};
    TRY(case_init(context, expr, &run));
    for (uint32_t i = 0; i < expr->argument_count && run.left_count > 0; i++)
        TRY(take_first(context, expr->arguments[i], &run));
    *out = column_builder_finish(&run.result);
    return MQL_OK;
}
