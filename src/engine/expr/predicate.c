/* SPDX-License-Identifier: Apache-2.0 */
/*
 * predicate.c - what the planner asks about expressions.
 */
#include "engine/expr/expr_internal.h"

bool
expr_is_call(const Expr *expr, const char *function)
{
    return expr->kind == EXPR_CALL &&
           strcmp(expr->function->name, function) == 0;
}

bool
expr_is_column_compare(const Expr *expr)
{
    if (expr->kind != EXPR_COMPARE)
        return false;
    const Expr *column = expr->arguments[0];
    const Expr *constant = expr->arguments[1];
    return column->kind == EXPR_COLUMN && expr_is_constant(constant) &&
           value_class(column->type.kind) != 0 &&
           type_physical(column->type.kind) ==
               type_physical(constant->type.kind);
}

/* The operator whose order a call's result has, "" for none. */
static const char *
distance_operator(const Expr *expr)
{
    if (expr->kind != EXPR_CALL || expr->function->row != row_distance)
        return "";
    switch ((DistanceOp)expr->function->operation) {
    case DISTANCE_L2:
        return "<->";
    case DISTANCE_COSINE:
        return "<=>";
    case DISTANCE_NEGATIVE_PRODUCT:
        return "<#>";
    case DISTANCE_HAMMING:
        return "<~>";
    case DISTANCE_JACCARD:
        return "<%>";
    default:
        return "";
    }
}

bool
expr_as_distance(const Expr *expr, ExprDistance *distance)
{
    const char *operator_text = distance_operator(expr);
    if (operator_text[0] == '\0')
        return false;
    bool is_mirrored = expr->arguments[1]->kind == EXPR_COLUMN;
    const Expr *column = expr->arguments[is_mirrored];
    const Expr *target = expr->arguments[!is_mirrored];
    if (column->kind != EXPR_COLUMN || !expr_is_constant(target))
        return false;
    *distance = (ExprDistance){.column = column->column, .target = target};
    memcpy(distance->operator_text, operator_text, 4);
    return true;
}
