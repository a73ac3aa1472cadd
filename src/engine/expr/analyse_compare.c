/* SPDX-License-Identifier: Apache-2.0 */
/*
 * analyse_compare.c - comparisons, and what is made of them: chains, BETWEEN,
 * IS DISTINCT FROM.
 *
 * A constant stands on the right and has the physical form of the left side
 * where that is possible without changing the answer, so that an index can be
 * asked for it: i < 1.5 is i <= 1, f = 0.1 compares with the float next to 0.1.
 * Where no value of the column can answer differently (i = 1.5, i < 1e30), the
 * comparison is with the smallest integer, which keeps NULL for NULL.
 */
#include <math.h>
#include <string.h>

#include "engine/expr/expr_internal.h"

const char *
compare_name(CompareOp op)
{
    static const char *const names[] = {
        [COMPARE_EQ] = "=",  [COMPARE_NE] = "<>", [COMPARE_LT] = "<",
        [COMPARE_LE] = "<=", [COMPARE_GT] = ">",  [COMPARE_GE] = ">=",
    };
    return names[op];
}

static bool
compare_op(Slice text, CompareOp *op)
{
    for (int i = COMPARE_EQ; i <= COMPARE_GE; i++) {
        if (slice_equal(text, slice_of(compare_name((CompareOp)i)))) {
            *op = (CompareOp)i;
            return true;
        }
    }
    return false;
}

/* a < b is b > a */
static CompareOp
mirrored(CompareOp op)
{
    static const CompareOp mirror[] = {
        [COMPARE_EQ] = COMPARE_EQ, [COMPARE_NE] = COMPARE_NE,
        [COMPARE_LT] = COMPARE_GT, [COMPARE_LE] = COMPARE_GE,
        [COMPARE_GT] = COMPARE_LT, [COMPARE_GE] = COMPARE_LE,
    };
    return mirror[op];
}

mql_status
no_operator(Analyser *analyser, const char *name, const Expr *left,
            const Expr *right, int64_t position)
{
    char left_text[TYPE_TEXT_SIZE];
    char right_text[TYPE_TEXT_SIZE];
    type_text(left_text, type_of(left->type.kind));
    type_text(right_text, type_of(right->type.kind));
    error_at(analyser->err, ERR_UNDEFINED_FUNCTION, position,
             "operator does not exist: %s %s %s", left_text, name, right_text);
    return error_hint(analyser->err, "No operator matches the given name and "
                                     "argument types. You might need to add "
                                     "explicit type casts.");
}

/* ---- the two sides ---- */

bool
is_soft(const Node *node)
{
    switch (node->kind) {
    case NODE_NULL_VALUE:
    case NODE_STRING:
    case NODE_DOUBLE_QUOTED:
    case NODE_PARAMETER:
    case NODE_LIST:
    case NODE_VECTOR:
        return true;
    default:
        return false;
    }
}

/* JSON takes any scalar as it is: text beside it is not parsed. A list is JSON.
 */
static Type
wanted_beside(const Expr *other, const Node *node)
{
    bool is_list = node->kind == NODE_LIST || node->kind == NODE_VECTOR;
    return other->type.kind == TYPE_JSON && !is_list ? no_type : other->type;
}

/* The side analysed first may be a literal that learns its type from the
 * second. */
static mql_status
adapt_to(Analyser *analyser, Expr *literal, const Expr *other, Expr **out)
{
    *out = literal;
    bool is_text_beside_json = other->type.kind == TYPE_JSON &&
                               literal->type.kind != TYPE_FLOAT_VECTOR;
    if (other->type.kind == TYPE_NULL || !is_adaptable(literal) ||
        is_text_beside_json)
        return MQL_OK;
    return adapt(analyser, literal, other->type, out);
}

mql_status
analyse_pair(Analyser *analyser, const Node *left, const Node *right,
             Expr *sides[2])
{
    int first = is_soft(left) && !is_soft(right) ? 1 : 0;
    const Node *nodes[2] = {left, right};
    TRY(analyse(analyser, nodes[first], no_type, &sides[first]));
    TRY(analyse(analyser, nodes[1 - first],
                wanted_beside(sides[first], nodes[1 - first]),
                &sides[1 - first]));
    return adapt_to(analyser, sides[first], sides[1 - first], &sides[first]);
}

mql_status
analyse_beside(Analyser *analyser, Expr *one, const Node *other, Expr *sides[2])
{
    Type expected = is_adaptable(one) ? no_type : wanted_beside(one, other);
    TRY(analyse(analyser, other, expected, &sides[1]));
    return adapt_to(analyser, one, sides[1], &sides[0]);
}

/* "colour" = 'red' where no field is called colour: most likely a misspelt
 * field. */
static mql_status
check_quoted(Analyser *analyser, const Expr *left, const Expr *right)
{
    const Expr *quoted = left->is_quoted ? left : right;
    if (!quoted->is_quoted || left->kind != EXPR_CONSTANT ||
        right->kind != EXPR_CONSTANT)
        return MQL_OK;
    Slice name = quoted->type.kind == TYPE_VARCHAR ? quoted->value.bytes
                                                   : SLICE_LITERAL("?");
    return undefined_quoted(analyser, name, quoted->position);
}

/* ---- numbers ---- */

/* An integer side and a real constant: the same question about integers. */
static mql_status
integer_against_real(Analyser *analyser, CompareOp *op, Expr **constant)
{
    double real = (*constant)->value.real;
    double below = floor(real);
    Value value = value_int64(INT64_MIN);
    bool is_above_all = real >= 9223372036854775808.0;
    bool is_below_all = real < -9223372036854775808.0;
    if (!is_above_all && !is_below_all && below == real) {
        value.integer = (int64_t)real;
    } else if (*op == COMPARE_EQ || *op == COMPARE_NE || is_above_all ||
               is_below_all) {
        bool is_true = *op == COMPARE_NE;
        if (*op == COMPARE_LT || *op == COMPARE_LE)
            is_true = is_above_all;
        else if (*op == COMPARE_GT || *op == COMPARE_GE)
            is_true = is_below_all;
        *op = is_true ? COMPARE_GE : COMPARE_LT;
    } else {
        value.integer = (int64_t)below;
        bool wants_less = *op == COMPARE_LT || *op == COMPARE_LE;
        *op = wants_less ? COMPARE_LE : COMPARE_GT;
    }
    return make_constant(analyser, &value, (*constant)->position, constant);
}

/* A real side and a number: the double, or for FLOAT the float, next to it; an
 * integer only when that is the same number. */
static mql_status
real_against_number(Analyser *analyser, TypeKind kind, Expr **constant)
{
    const Value *number = &(*constant)->value;
    bool is_integer = type_is_integer(number->type.kind);
    double real = is_integer ? (double)number->integer : number->real;
    if (kind == TYPE_FLOAT && isfinite((float)real))
        real = (double)(float)real;
    else if (is_integer && compare_numbers(number->integer, real) != 0)
        return MQL_OK;
    Value value = value_double(real);
    value.type = type_of(kind);
    return make_constant(analyser, &value, (*constant)->position, constant);
}

static mql_status
fit_number(Analyser *analyser, CompareOp *op, const Expr *side, Expr **constant)
{
    TypeKind kind = side->type.kind;
    if ((*constant)->kind == EXPR_PARAMETER)
        return adapt(analyser, *constant, side->type, constant);
    if ((*constant)->kind != EXPR_CONSTANT || (*constant)->value.is_null)
        return MQL_OK;
    if (!type_is_integer(kind))
        return real_against_number(analyser, kind, constant);
    if (!type_is_integer((*constant)->type.kind))
        return integer_against_real(analyser, op, constant);
    return MQL_OK;
}

/* ---- making ---- */

/* Whether values of the two types can be compared with `op`. */
static bool
is_comparable(const Expr *left, const Expr *right, CompareOp op)
{
    TypeKind a = left->type.kind;
    TypeKind b = right->type.kind;
    if (a == TYPE_JSON || b == TYPE_JSON) {
        TypeKind other = a == TYPE_JSON ? b : a;
        if (other == TYPE_ARRAY)
            return op == COMPARE_EQ || op == COMPARE_NE;
        return !type_is_vector(other) && other != TYPE_TIMESTAMPTZ;
    }
    if (type_is_number(a) && type_is_number(b))
        return true;
    if (a == TYPE_ARRAY && b == TYPE_ARRAY)
        return value_class(left->type.element) ==
               value_class(right->type.element);
    return a == b;
}

static mql_status
check_types(Analyser *analyser, CompareOp op, Expr *sides[2], int64_t position)
{
    for (int i = 0; i < 2; i++) {
        bool is_untyped = sides[i]->type.kind == TYPE_NULL &&
                          sides[1 - i]->type.kind != TYPE_JSON;
        if (sides[i]->kind == EXPR_PARAMETER && is_untyped)
            return error_at(analyser->err, ERR_INDETERMINATE_TYPE,
                            sides[i]->position,
                            "could not determine data type of parameter $%u",
                            sides[i]->parameter + 1);
    }
    if (is_null_constant(sides[0]) || is_null_constant(sides[1]))
        return MQL_OK;
    if (sides[0]->type.kind == TYPE_NULL || sides[1]->type.kind == TYPE_NULL ||
        is_comparable(sides[0], sides[1], op))
        return MQL_OK;
    return no_operator(analyser, compare_name(op), sides[0], sides[1],
                       position);
}

/* Arrays are compared element by element, so elements must have one form. */
static mql_status
fit_array(Analyser *analyser, Expr *sides[2])
{
    for (int i = 0; i < 2; i++) {
        const Expr *other = sides[1 - i];
        if (other->type.kind == TYPE_ARRAY &&
            sides[i]->type.kind != TYPE_ARRAY && is_adaptable(sides[i]))
            TRY(adapt(analyser, sides[i], other->type, &sides[i]));
    }
    return MQL_OK;
}

mql_status
make_compare(Analyser *analyser, CompareOp op, Expr *left, Expr *right,
             int64_t position, Expr **out)
{
    Expr *sides[2] = {left, right};
    TRY(check_quoted(analyser, left, right));
    TRY(fit_array(analyser, sides));
    TRY(check_types(analyser, op, sides, position));
    if (is_null_constant(sides[0]) || is_null_constant(sides[1]))
        return make_null(analyser, type_of(TYPE_BOOL), position, out);

    bool left_is_constant = expr_is_constant(sides[0]);
    if (left_is_constant && !expr_is_constant(sides[1])) {
        Expr *swap = sides[0];
        sides[0] = sides[1];
        sides[1] = swap;
        op = mirrored(op);
        left_is_constant = false;
    }
    if (!left_is_constant && type_is_number(sides[0]->type.kind))
        TRY(fit_number(analyser, &op, sides[0], &sides[1]));

    Expr *expr = make_expr(analyser, EXPR_COMPARE, TYPE_BOOL, position);
    if (expr == NULL)
        return MQL_NO_MEMORY;
    TRY(set_arguments(analyser, expr, sides, 2));
    expr->compare = op;
    return fold(analyser, expr, out);
}

mql_status
analyse_compare(Analyser *analyser, const Node *node, Expr **out)
{
    CompareOp op;
    Expr *sides[2];
    if (!compare_op(node->text, &op))
        return error_at(analyser->err, ERR_UNDEFINED_FUNCTION, node->position,
                        "operator does not exist: %.*s", (int)node->text.size,
                        node->text.data);
    TRY(analyse_pair(analyser, node->first, node->first->next, sides));
    return make_compare(analyser, op, sides[0], sides[1], node->position, out);
}

/* low <op> middle <op> high: two comparisons under an AND, the middle computed
 * once. */
static mql_status
make_two(Analyser *analyser, const Node *const nodes[3], const CompareOp ops[2],
         int64_t position, Expr **out)
{
    Expr *middle;
    Expr *stand_in;
    Expr *sides[2];
    Expr **items = arena_alloc_array(analyser->arena, 2, sizeof(Expr *));
    if (items == NULL)
        return error_no_memory(analyser->err);
    TRY(analyse(analyser, nodes[1], no_type, &middle));
    TRY(begin_let(analyser, middle, &stand_in));
    TRY(analyse_beside(analyser, stand_in, nodes[0], sides));
    TRY(make_compare(analyser, ops[0], sides[1], sides[0], position,
                     &items[0]));
    TRY(analyse_beside(analyser, stand_in, nodes[2], sides));
    TRY(make_compare(analyser, ops[1], sides[0], sides[1], position,
                     &items[1]));
    Expr *both;
    TRY(make_logic(analyser, EXPR_AND, items, 2, position, &both));
    return end_let(analyser, middle, stand_in, both, out);
}

mql_status
analyse_chain(Analyser *analyser, const Node *node, Expr **out)
{
    const Node *nodes[3] = {node->first, node->first->next,
                            node->first->next->next};
    const char *blank = memchr(node->text.data, ' ', node->text.size);
    CompareOp ops[2];
    if (blank == NULL)
        return error_at(analyser->err, ERR_INTERNAL_ERROR, node->position,
                        "chain without operators");
    Slice first = {node->text.data, (size_t)(blank - node->text.data)};
    Slice second = {blank + 1, node->text.size - first.size - 1};
    if (!compare_op(first, &ops[0]) || !compare_op(second, &ops[1]))
        return error_at(analyser->err, ERR_UNDEFINED_FUNCTION, node->position,
                        "operator does not exist: %.*s", (int)node->text.size,
                        node->text.data);
    return make_two(analyser, nodes, ops, node->position, out);
}

mql_status
analyse_between(Analyser *analyser, const Node *node, Expr **out)
{
    const Node *middle = node->first;
    const Node *nodes[3] = {middle->next, middle, middle->next->next};
    const CompareOp ops[2] = {COMPARE_LE, COMPARE_LE};
    TRY(make_two(analyser, nodes, ops, node->position, out));
    if ((node->flags & FLAG_NOT) != 0)
        return make_not(analyser, *out, out);
    return MQL_OK;
}

/* NULL is a value here, so the sides are compared as values, with no index in
 * mind. */
mql_status
analyse_distinct(Analyser *analyser, const Node *node, Expr **out)
{
    Expr *sides[2];
    TRY(analyse_pair(analyser, node->first, node->first->next, sides));
    TRY(check_quoted(analyser, sides[0], sides[1]));
    TRY(fit_array(analyser, sides));
    TRY(check_types(analyser, COMPARE_NE, sides, node->position));
    for (int i = 0; i < 2; i++) {
        const Expr *other = sides[1 - i];
        if (other->type.kind == TYPE_FLOAT && sides[i]->kind == EXPR_CONSTANT &&
            !sides[i]->value.is_null)
            TRY(real_against_number(analyser, TYPE_FLOAT, &sides[i]));
    }
    TRY(make_call(analyser, function_named("is distinct from"), sides, 2,
                  node->position, out));
    if ((node->flags & FLAG_NOT) != 0)
        return make_not(analyser, *out, out);
    return MQL_OK;
}
