/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make.c - new expressions, and folding of constant ones.
 */
#include "engine/expr/expr_internal.h"

Expr *
make_expr(Analyser *analyser, ExprKind kind, TypeKind type, int64_t position)
{
    Expr *expr = arena_new(analyser->arena, Expr);
    if (expr == NULL) {
        error_no_memory(analyser->err);
        return NULL;
    }
    expr->kind = kind;
    expr->type = type_of(type);
    expr->position = position;
    return expr;
}

mql_status
make_constant(Analyser *analyser, const Value *value, int64_t position,
              Expr **out)
{
    Expr *expr = make_expr(analyser, EXPR_CONSTANT, TYPE_NULL, position);
    if (expr == NULL)
        return MQL_NO_MEMORY;
    expr->type = value->type;
    expr->value = *value;
    *out = expr;
    return MQL_OK;
}

mql_status
make_null(Analyser *analyser, Type type, int64_t position, Expr **out)
{
    Value value = {.type = type, .is_null = true};
    return make_constant(analyser, &value, position, out);
}

mql_status
set_arguments(Analyser *analyser, Expr *expr, Expr *const *arguments,
              uint32_t count)
{
    Expr **copy =
        arena_alloc_array(analyser->arena, (size_t)count + 1, sizeof *copy);
    if (copy == NULL)
        return error_no_memory(analyser->err);
    for (uint32_t i = 0; i < count; i++)
        copy[i] = arguments[i];
    expr->arguments = copy;
    expr->argument_count = count;
    return MQL_OK;
}

/* Copying an operand doubles the work at each level of nesting, so only leaves
 * are. */
mql_status
begin_let(Analyser *analyser, Expr *operand, Expr **stand_in)
{
    *stand_in = operand;
    if (operand->argument_count == 0)
        return MQL_OK;
    Expr *expr =
        make_expr(analyser, EXPR_OPERAND, TYPE_NULL, operand->position);
    if (expr == NULL)
        return MQL_NO_MEMORY;
    expr->type = operand->type;
    *stand_in = expr;
    return MQL_OK;
}

mql_status
end_let(Analyser *analyser, Expr *operand, const Expr *stand_in, Expr *body,
        Expr **out)
{
    *out = body;
    if (stand_in == operand || body->kind == EXPR_CONSTANT)
        return MQL_OK;
    Expr *arguments[2] = {operand, body};
    Expr *expr = make_expr(analyser, EXPR_LET, TYPE_NULL, body->position);
    if (expr == NULL)
        return MQL_NO_MEMORY;
    expr->type = body->type;
    *out = expr;
    return set_arguments(analyser, expr, arguments, 2);
}

bool
is_null_constant(const Expr *expr)
{
    return expr->kind == EXPR_CONSTANT && expr->value.is_null;
}

bool
expr_is_constant(const Expr *expr)
{
    if (expr->kind == EXPR_COLUMN || expr->kind == EXPR_OPERAND)
        return false;
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        if (!expr_is_constant(expr->arguments[i]))
            return false;
    }
    return expr->kind != EXPR_CALL ||
           (expr->function->flags & FUNCTION_VOLATILE) == 0;
}

static bool
can_fold(const Expr *expr)
{
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        if (expr->arguments[i]->kind != EXPR_CONSTANT)
            return false;
    }
    switch (expr->kind) {
    case EXPR_CONSTANT:
    case EXPR_PARAMETER:
    case EXPR_COLUMN:
    case EXPR_LET:
    case EXPR_OPERAND:
        return false;
    case EXPR_CALL:
        return (expr->function->flags &
                (FUNCTION_STABLE | FUNCTION_VOLATILE)) == 0;
    default:
        return true;
    }
}

mql_status
fold(Analyser *analyser, Expr *expr, Expr **out)
{
    *out = expr;
    if (!can_fold(expr))
        return MQL_OK;
    ExprRun run = {0};
    Error failure = ERROR_INIT;
    Value value;
    if (expr_value(expr, &run, analyser->arena, &value, &failure) != MQL_OK) {
        if (analyser->is_guarded && failure.status == MQL_INVALID)
            return MQL_OK;
        *analyser->err = failure;
        return failure.status;
    }
    value.type = expr->type;
    return make_constant(analyser, &value, expr->position, out);
}

/* ---- logic ---- */

mql_status
make_not(Analyser *analyser, Expr *in, Expr **out)
{
    Expr *expr = make_expr(analyser, EXPR_NOT, TYPE_BOOL, in->position);
    if (expr == NULL)
        return MQL_NO_MEMORY;
    TRY(set_arguments(analyser, expr, &in, 1));
    return fold(analyser, expr, out);
}

/* AND: a FALSE decides and a TRUE says nothing; OR: the other way round. NULL
 * stays. */
static bool
is_bool_constant(const Expr *expr, bool value)
{
    return expr->kind == EXPR_CONSTANT && !expr->value.is_null &&
           expr->value.boolean == value;
}

mql_status
make_logic(Analyser *analyser, ExprKind kind, Expr **items, uint32_t count,
           int64_t position, Expr **out)
{
    bool neutral = kind == EXPR_AND;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (is_bool_constant(items[i], !neutral)) {
            *out = items[i];
            return MQL_OK;
        }
        if (!is_bool_constant(items[i], neutral))
            items[kept++] = items[i];
    }
    if (kept == 1) {
        *out = items[0];
        return MQL_OK;
    }
    if (kept == 0) {
        Value value = value_bool(neutral);
        return make_constant(analyser, &value, position, out);
    }
    Expr *expr = make_expr(analyser, kind, TYPE_BOOL, position);
    if (expr == NULL)
        return MQL_NO_MEMORY;
    expr->arguments = items;
    expr->argument_count = kept;
    return fold(analyser, expr, out);
}
