/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eval_call.c - calls, casts and LIKE over batches.
 */
#include "engine/expr/expr_internal.h"

/* ---- calls ---- */

/* Row by row; an error gets the call's position. */
static mql_status
call_rows(const Eval *context, const Expr *expr, const Operand *arguments,
          uint8_t *valid, Column *out)
{
    Value values[FUNCTION_ARGUMENTS_MOST];
    ColumnBuilder result;
    const RowCall call = {expr, context->run, context->arena};
    TRY(column_builder_init(&result, expr->type, context->count, context->arena,
                            context->err));
    for (uint32_t row = 0; row < context->count; row++) {
        Value value = {.type = expr->type};
        if (!valid[row])
            continue;
        for (uint32_t i = 0; i < expr->argument_count; i++)
            values[i] = operand_value(&arguments[i], row);
        if (expr->function->row(&call, values, &value, context->err) != MQL_OK)
            return error_locate(context->err, expr->position);
        column_builder_set(&result, row, &value);
    }
    *out = column_builder_finish(&result);
    return MQL_OK;
}

static mql_status
call_batch(const Eval *context, const Expr *expr, const Operand *arguments,
           uint8_t *valid, Column *out)
{
    size_t size = physical_size(type_physical(expr->type.kind));
    void *data = arena_alloc_array(context->arena, context->count + 1u, size);
    if (data == NULL)
        return error_no_memory(context->err);
    const BatchCall call = {.expr = expr,
                            .run = context->run,
                            .arena = context->arena,
                            .arguments = arguments,
                            .count = context->count,
                            .valid = valid,
                            .data = data};
    if (expr->function->batch(&call, context->err) != MQL_OK)
        return error_locate(context->err, expr->position);
    *out = (Column){.type = expr->type, .valid = valid, .data = data};
    return MQL_OK;
}

mql_status
eval_call(const Eval *context, const Expr *expr, Column *out)
{
    uint8_t *valid;
    uint32_t count = expr->argument_count;
    const Function *function = expr->function;
    if (function->row == row_coalesce)
        return eval_coalesce(context, expr, out);
    bool takes_null = (function->flags & FUNCTION_TAKES_NULL) != 0;
    Operand *arguments =
        arena_alloc_array(context->arena, count + 1u, sizeof *arguments);
    if (arguments == NULL)
        return error_no_memory(context->err);
    for (uint32_t i = 0; i < count; i++)
        TRY(eval_operand(context, expr->arguments[i], &arguments[i]));
    TRY(result_init(context, arguments, takes_null ? 0 : count, &valid));
    if (function->batch != NULL)
        return call_batch(context, expr, arguments, valid, out);
    return call_rows(context, expr, arguments, valid, out);
}

/* ---- casts ---- */

/* Whether every value of `from` is one of `to` in the same form. */
static bool
is_same_form(Type from, Type to)
{
    if (type_is_integer(from.kind) && type_is_integer(to.kind))
        return to.kind >= from.kind;
    if (from.kind == TYPE_FLOAT && to.kind == TYPE_DOUBLE)
        return true;
    return from.kind == to.kind && from.kind != TYPE_ARRAY && to.length == 0;
}

static mql_status
widen(const Eval *context, const Column *in, Column *out)
{
    double *reals =
        arena_alloc_array(context->arena, context->count + 1u, sizeof *reals);
    if (reals == NULL)
        return error_no_memory(context->err);
    for (uint32_t row = 0; row < context->count; row++)
        reals[row] = (double)in->ints[row];
    out->valid = in->valid;
    out->reals = reals;
    return MQL_OK;
}

static mql_status
cast_rows(const Eval *context, const Expr *expr, const Column *in, Column *out)
{
    ColumnBuilder result;
    TRY(column_builder_init(&result, expr->type, context->count, context->arena,
                            context->err));
    for (uint32_t row = 0; row < context->count; row++) {
        Value value;
        if (!is_active(context, row) || column_is_null(in, row))
            continue;
        Value from = column_value(in, row);
        if (value_convert(&from, expr->type, expr->is_explicit, context->arena,
                          &value, context->err) != MQL_OK)
            return error_locate(context->err, expr->position);
        column_builder_set(&result, row, &value);
    }
    *out = column_builder_finish(&result);
    return MQL_OK;
}

mql_status
eval_cast(const Eval *context, const Expr *expr, Column *out)
{
    Column in;
    TRY(eval(context, expr->arguments[0], &in));
    *out = (Column){.type = expr->type, .valid = in.valid, .data = in.data};
    if (in.type.kind != TYPE_NULL && is_same_form(in.type, expr->type))
        return MQL_OK;
    if (type_is_integer(in.type.kind) && expr->type.kind == TYPE_DOUBLE)
        return widen(context, &in, out);
    return cast_rows(context, expr, &in, out);
}

/* ---- LIKE ---- */

static mql_status
compile_like(const Eval *context, const Expr *expr, const Operand *patterns,
             uint32_t row, LikePattern **pattern)
{
    Slice text = patterns->column.bytes[row * patterns->step];
    if (like_compile(text, expr->escape, expr->ignores_case, context->arena,
                     pattern, context->err) != MQL_OK)
        return error_locate(context->err, expr->position);
    return MQL_OK;
}

/* One pattern for all rows of a column. */
static mql_status
match_column(const Eval *context, const Expr *expr, const Operand sides[2],
             const uint8_t *valid, uint8_t *result)
{
    LikePattern *pattern;
    if (memchr(valid, 1, context->count) == NULL)
        return MQL_OK;
    TRY(compile_like(context, expr, &sides[1], 0, &pattern));
    like_match_all(pattern, sides[0].column.bytes, context->count, valid,
                   result);
    for (uint32_t row = 0; expr->is_negated && row < context->count; row++)
        result[row] ^= 1;
    return MQL_OK;
}

static mql_status
match_each(const Eval *context, const Expr *expr, const Operand sides[2],
           const uint8_t *valid, uint8_t *result)
{
    LikePattern *pattern = NULL;
    for (uint32_t row = 0; row < context->count; row++) {
        if (!valid[row])
            continue;
        if (pattern == NULL || sides[1].step != 0)
            TRY(compile_like(context, expr, &sides[1], row, &pattern));
        Slice text = sides[0].column.bytes[row * sides[0].step];
        result[row] = like_match(pattern, text) != expr->is_negated;
    }
    return MQL_OK;
}

mql_status
eval_like(const Eval *context, const Expr *expr, Column *out)
{
    Operand sides[2];
    uint8_t *valid;
    TRY(eval_operand(context, expr->arguments[0], &sides[0]));
    TRY(eval_operand(context, expr->arguments[1], &sides[1]));
    TRY(result_init(context, sides, 2, &valid));
    uint8_t *result = arena_alloc(context->arena, context->count + 1u);
    if (result == NULL)
        return error_no_memory(context->err);
    /* A pattern that is NULL leaves nothing to match, nor to compile. */
    bool is_column = sides[0].step == 1 && sides[1].step == 0 &&
                     sides[0].column.type.kind == TYPE_VARCHAR &&
                     !operand_is_null(&sides[1], 0);
    TRY(is_column ? match_column(context, expr, sides, valid, result)
                  : match_each(context, expr, sides, valid, result));
    *out =
        (Column){.type = type_of(TYPE_BOOL), .valid = valid, .bools = result};
    return MQL_OK;
}
