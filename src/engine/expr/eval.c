/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eval.c - computing expressions over batches: leaves, and who computes the
 * rest.
 *
 * Every node gives a column of as many rows as the batch. Rows that are not
 * active (a term of AND after an earlier one was FALSE, a branch of CASE not
 * taken) may get anything but never raise an error. Constants are not spread
 * over rows where their user can do with one (eval_operand).
 */
#include "engine/expr/expr_internal.h"

/* ---- leaves ---- */

/* The bound value, as the type that analysis found. */
static mql_status
parameter_value(const Eval *context, const Expr *expr, Value *out)
{
    const ExprRun *run = context->run;
    if (expr->parameter >= run->parameter_count || run->parameters == NULL)
        return error_at(context->err, ERR_UNDEFINED_PARAMETER, expr->position,
                        "there is no parameter $%u", expr->parameter + 1);
    const Value *value = &run->parameters[expr->parameter];
    *out = *value;
    if (expr->type.kind == TYPE_NULL)
        return MQL_OK;
    if (value_convert(value, expr->type, false, context->arena, out,
                      context->err) != MQL_OK)
        return error_locate(context->err, expr->position);
    return MQL_OK;
}

static mql_status
leaf_value(const Eval *context, const Expr *expr, Value *value)
{
    if (expr->kind == EXPR_PARAMETER)
        return parameter_value(context, expr, value);
    *value = expr->value;
    return MQL_OK;
}

static mql_status
eval_leaf(const Eval *context, const Expr *expr, uint32_t count, Column *out)
{
    Value value;
    TRY(leaf_value(context, expr, &value));
    return column_constant(out, &value, count, context->arena, context->err);
}

mql_status
eval_operand(const Eval *context, const Expr *expr, Operand *out)
{
    if (expr->kind == EXPR_CONSTANT || expr->kind == EXPR_PARAMETER) {
        out->step = 0;
        return eval_leaf(context, expr, 1, &out->column);
    }
    if (expr->kind == EXPR_OPERAND) {
        *out = *context->operand;
        return MQL_OK;
    }
    out->step = 1;
    return eval(context, expr, &out->column);
}

/* An operand as a column of all rows. */
static mql_status
spread(const Eval *context, const Operand *operand, Column *out)
{
    if (operand->step == 1) {
        *out = operand->column;
        return MQL_OK;
    }
    Value value = column_value(&operand->column, 0);
    return column_constant(out, &value, context->count, context->arena,
                           context->err);
}

/* Clear the rows of an argument's NULLs. */
static void
clear_nulls(const Operand *argument, uint32_t count, uint8_t *rows)
{
    const uint8_t *valid = argument->column.valid;
    if (argument->column.type.kind == TYPE_NULL ||
        (argument->step == 0 && valid != NULL && valid[0] == 0)) {
        memset(rows, 0, count);
        return;
    }
    if (valid == NULL || argument->step == 0)
        return;
    for (uint32_t row = 0; row < count; row++)
        rows[row] &= valid[row] != 0;
}

mql_status
result_init(const Eval *context, const Operand *arguments, uint32_t count,
            uint8_t **valid)
{
    uint8_t *rows = arena_alloc(context->arena, context->count + 1u);
    if (rows == NULL)
        return error_no_memory(context->err);
    if (context->active == NULL)
        memset(rows, 1, context->count);
    else
        memcpy(rows, context->active, context->count);
    for (uint32_t i = 0; i < count; i++)
        clear_nulls(&arguments[i], context->count, rows);
    *valid = rows;
    return MQL_OK;
}

/* ---- dispatch ---- */

static mql_status
eval_column(const Eval *context, const Expr *expr, Column *out)
{
    if (context->batch == NULL || expr->column >= context->batch->column_count)
        return error_at(context->err, ERR_INTERNAL_ERROR, expr->position,
                        "column %u is not in the batch", expr->column);
    *out = context->batch->columns[expr->column];
    return MQL_OK;
}

static mql_status
eval_let(const Eval *context, const Expr *expr, Column *out)
{
    Operand operand;
    Eval inner = *context;
    TRY(eval_operand(context, expr->arguments[0], &operand));
    inner.operand = &operand;
    return eval(&inner, expr->arguments[1], out);
}

mql_status
eval(const Eval *context, const Expr *expr, Column *out)
{
    switch (expr->kind) {
    case EXPR_CONSTANT:
    case EXPR_PARAMETER:
        return eval_leaf(context, expr, context->count, out);
    case EXPR_COLUMN:
        return eval_column(context, expr, out);
    case EXPR_AND:
    case EXPR_OR:
        return eval_logic(context, expr, out);
    case EXPR_NOT:
        return eval_not(context, expr, out);
    case EXPR_COMPARE:
        return eval_compare(context, expr, out);
    case EXPR_IN:
        return eval_in(context, expr, out);
    case EXPR_IS_NULL:
        return eval_is_null(context, expr, out);
    case EXPR_LIKE:
        return eval_like(context, expr, out);
    case EXPR_CALL:
        return eval_call(context, expr, out);
    case EXPR_CASE:
        return eval_case(context, expr, out);
    case EXPR_CAST:
        return eval_cast(context, expr, out);
    case EXPR_LET:
        return eval_let(context, expr, out);
    case EXPR_OPERAND:
        return spread(context, context->operand, out);
    }
    return error_at(context->err, ERR_INTERNAL_ERROR, expr->position,
                    "unknown expression");
}

mql_status
check_cancel(const Eval *context)
{
    const atomic_bool *cancel = context->run->cancel;
    if (cancel == NULL || !atomic_load_explicit(cancel, memory_order_relaxed))
        return MQL_OK;
    return error_set(context->err, ERR_QUERY_CANCELED,
                     "canceling statement due to user request");
}

/* `active`: the rows that matter, NULL: all. */
static mql_status
eval_rows(const Expr *expr, ExprRun *run, const Batch *batch,
          const uint8_t *active, Arena *arena, Column *out, Error *err)
{
    const Eval context = {.run = run,
                          .batch = batch,
                          .arena = arena,
                          .count = batch->count,
                          .active = active,
                          .err = err};
    TRY(check_cancel(&context));
    TRY(eval(&context, expr, out));
    /* A parameter without a type of its own has that of the bound value. */
    if (out->type.kind != TYPE_NULL && expr->type.kind != TYPE_NULL)
        out->type = expr->type;
    return MQL_OK;
}

mql_status
expr_eval(const Expr *expr, ExprRun *run, const Batch *batch, Arena *arena,
          Column *out, Error *err)
{
    return eval_rows(expr, run, batch, NULL, arena, out, err);
}

mql_status
expr_narrow(const Expr *expr, ExprRun *run, const Batch *batch, Arena *arena,
            uint8_t *keep, uint32_t *kept, Error *err)
{
    Column column;
    uint32_t count = batch->count, left = 0;
    const uint8_t *active = *kept < count ? keep : NULL;
    TRY(eval_rows(expr, run, batch, active, arena, &column, err));
    *kept = 0;
    if (column.type.kind == TYPE_NULL) {
        memset(keep, 0, count);
        return MQL_OK;
    }
    const uint8_t *values = column.bools;
    const uint8_t *valid = column.valid;
    for (uint32_t row = 0; valid != NULL && row < count; row++)
        keep[row] &= valid[row] != 0;
    for (uint32_t row = 0; row < count; row++) {
        keep[row] &= values[row] != 0;
        left += keep[row];
    }
    *kept = left;
    return MQL_OK;
}

mql_status
expr_filter(const Expr *expr, ExprRun *run, const Batch *batch, Arena *arena,
            uint8_t *keep, Error *err)
{
    uint32_t kept = batch->count;
    memset(keep, 1, batch->count);
    return expr_narrow(expr, run, batch, arena, keep, &kept, err);
}

mql_status
expr_value(const Expr *expr, ExprRun *run, Arena *arena, Value *value,
           Error *err)
{
    const Eval context = {.run = run, .arena = arena, .count = 1, .err = err};
    Column column;
    if (expr->kind == EXPR_CONSTANT || expr->kind == EXPR_PARAMETER)
        return leaf_value(&context, expr, value);
    TRY(eval(&context, expr, &column));
    *value = column_value(&column, 0);
    if (value->type.kind != TYPE_NULL && expr->type.kind != TYPE_NULL)
        value->type = expr->type;
    return MQL_OK;
}
