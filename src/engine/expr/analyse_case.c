/* SPDX-License-Identifier: Apache-2.0 */
/*
 * analyse_case.c - one type for many expressions, and CASE.
 */
#include "engine/expr/expr_internal.h"

/* The type of both; false: there is none. */
static bool
common_type(Type a, Type b, Type *common)
{
    if (a.kind == TYPE_NULL || b.kind == TYPE_NULL) {
        *common = a.kind == TYPE_NULL ? b : a;
        return true;
    }
    *common = a;
    if (type_equal(a, b))
        return true;
    if (a.kind == b.kind && a.kind != TYPE_ARRAY) {
        *common = type_of(a.kind);
        return true;
    }
    if (type_is_number(a.kind) && type_is_number(b.kind)) {
        bool is_integer = type_is_integer(a.kind) && type_is_integer(b.kind);
        *common = type_of(is_integer ? TYPE_INT64 : TYPE_DOUBLE);
        return true;
    }
    if (a.kind == TYPE_ARRAY && b.kind == TYPE_ARRAY &&
        a.element == b.element) {
        *common = (Type){.kind = TYPE_ARRAY, .element = a.element};
        return true;
    }
    *common = type_of(TYPE_JSON);
    return (a.kind == TYPE_JSON && can_convert(b, *common, false)) ||
           (b.kind == TYPE_JSON && can_convert(a, *common, false));
}

static mql_status
cannot_match(Analyser *analyser, Type a, Type b, const char *what,
             int64_t position)
{
    char a_text[TYPE_TEXT_SIZE];
    char b_text[TYPE_TEXT_SIZE];
    type_text(a_text, a);
    type_text(b_text, b);
    return error_at(analyser->err, ERR_DATATYPE_MISMATCH, position,
                    "%s types %s and %s cannot be matched", what, a_text,
                    b_text);
}

/* Literals have no say unless there is nothing else. */
static mql_status
find_common(Analyser *analyser, Expr **items, uint32_t count, bool literals,
            const char *what, Type *type)
{
    for (uint32_t i = 0; i < count; i++) {
        Type before = *type;
        if (is_adaptable(items[i]) != literals)
            continue;
        if (!common_type(before, items[i]->type, type))
            return cannot_match(analyser, before, items[i]->type, what,
                                items[i]->position);
    }
    return MQL_OK;
}

/* A scalar among JSON values becomes the JSON value it looks like. */
static mql_status
to_json(Analyser *analyser, Expr *item, Expr **out)
{
    if (is_null_constant(item))
        return make_null(analyser, type_of(TYPE_JSON), item->position, out);
    return make_call(analyser, function_named("to_json"), &item, 1,
                     item->position, out);
}

mql_status
make_common(Analyser *analyser, Expr **items, uint32_t count, const char *what,
            Type *type)
{
    *type = no_type;
    TRY(find_common(analyser, items, count, false, what, type));
    if (type->kind == TYPE_NULL)
        TRY(find_common(analyser, items, count, true, what, type));
    if (type->kind == TYPE_NULL)
        *type = type_of(TYPE_VARCHAR);
    for (uint32_t i = 0; i < count; i++) {
        if (type->kind == TYPE_JSON && items[i]->type.kind != TYPE_JSON &&
            items[i]->kind != EXPR_PARAMETER) {
            TRY(to_json(analyser, items[i], &items[i]));
            continue;
        }
        TRY(adapt(analyser, items[i], *type, &items[i]));
        if (!type_equal(items[i]->type, *type))
            TRY(coerce(analyser, items[i], *type, &items[i]));
    }
    return MQL_OK;
}

/* ---- CASE ---- */

typedef struct Case {
    Expr **items; /* condition, result, ..., [else] */
    Expr **results;
    uint32_t item_count;
    uint32_t result_count;
} Case;

static mql_status
analyse_branch(Analyser *analyser, const Node *node, Case *parts)
{
    Analyser inner = *analyser;
    inner.is_guarded = true;
    return analyse(&inner, node, no_type,
                   &parts->results[parts->result_count++]);
}

/* WHEN x THEN y, after CASE or CASE operand. */
static mql_status
analyse_when(Analyser *analyser, Expr *operand, const Node *when, Case *parts)
{
    Expr *sides[2];
    Expr **condition = &parts->items[parts->item_count];
    if (operand == NULL) {
        TRY(analyse_bool(analyser, when->first, "CASE/WHEN", condition));
    } else {
        TRY(analyse_beside(analyser, operand, when->first, sides));
        TRY(make_compare(analyser, COMPARE_EQ, sides[0], sides[1],
                         when->position, condition));
    }
    TRY(analyse_branch(analyser, when->first->next, parts));
    parts->item_count += 2;
    return MQL_OK;
}

static mql_status
analyse_whens(Analyser *analyser, const Node *node, Expr *operand, Case *parts)
{
    for (const Node *child = node->first; child != NULL; child = child->next) {
        if (child->kind == NODE_WHEN)
            TRY(analyse_when(analyser, operand, child, parts));
        else if (child->kind == NODE_ELSE)
            TRY(analyse_branch(analyser, child->first, parts));
    }
    return MQL_OK;
}

/* Conditions, results and their common type. */
static mql_status
analyse_body(Analyser *analyser, const Node *node, Expr *operand, Expr *expr)
{
    size_t most = (size_t)node->count * 2 + 1;
    Case parts = {0};
    parts.items = arena_alloc_array(analyser->arena, most, sizeof(Expr *));
    parts.results = arena_alloc_array(analyser->arena, most, sizeof(Expr *));
    if (parts.items == NULL || parts.results == NULL)
        return error_no_memory(analyser->err);
    TRY(analyse_whens(analyser, node, operand, &parts));
    TRY(make_common(analyser, parts.results, parts.result_count, "CASE",
                    &expr->type));
    uint32_t whens = parts.item_count / 2;
    for (uint32_t i = 0; i < whens; i++)
        parts.items[2 * i + 1] = parts.results[i];
    if (parts.result_count > whens)
        parts.items[parts.item_count++] = parts.results[whens];
    expr->arguments = parts.items;
    expr->argument_count = parts.item_count;
    return MQL_OK;
}

mql_status
analyse_case(Analyser *analyser, const Node *node, Expr **out)
{
    Expr *operand = NULL;
    Expr *stand_in = NULL;
    Expr *expr = make_expr(analyser, EXPR_CASE, TYPE_NULL, node->position);
    if (expr == NULL)
        return MQL_NO_MEMORY;
    if ((node->flags & FLAG_OPERAND) != 0) {
        TRY(analyse(analyser, node->first, no_type, &operand));
        TRY(begin_let(analyser, operand, &stand_in));
    }
    TRY(analyse_body(analyser, node, stand_in, expr));
    TRY(fold(analyser, expr, &expr));
    return end_let(analyser, operand, stand_in, expr, out);
}
