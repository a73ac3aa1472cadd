/* SPDX-License-Identifier: Apache-2.0 */
/*
 * analyse_vector.c - distances between two vectors.
 *
 * Both sides get one type: a literal or parameter that of the other side, so
 * that an index on that one serves; two different dense types become floats,
 * which hold both exactly. Distances of numbers are not of bits and the other
 * way round.
 */
#include "engine/expr/expr_internal.h"

static bool
is_of_family(Type usual, const Expr *expr)
{
    TypeKind kind = expr->type.kind;
    return usual.kind == TYPE_BINARY_VECTOR ? kind == usual.kind
                                            : type_is_dense(kind);
}

/* The two sides; what is no vector stays what it is. */
static mql_status
analyse_sides(Analyser *analyser, const Node *node, Type usual, Expr *sides[2])
{
    const Node *nodes[2] = {node->first, node->first->next};
    int first = is_soft(nodes[0]) && !is_soft(nodes[1]) ? 1 : 0;
    Expr *one;
    Expr *other;
    TRY(analyse(analyser, nodes[first], usual, &one));
    Type expected = is_of_family(usual, one) ? type_of(one->type.kind) : usual;
    TRY(analyse(analyser, nodes[1 - first], expected, &other));
    if (is_of_family(usual, one) && is_adaptable(other))
        TRY(adapt(analyser, other, type_of(one->type.kind), &other));
    else if (is_of_family(usual, other) && is_adaptable(one))
        TRY(adapt(analyser, one, type_of(other->type.kind), &one));
    sides[first] = one;
    sides[1 - first] = other;
    return MQL_OK;
}

mql_status
analyse_distance(Analyser *analyser, const Node *node, const Function *function,
                 Expr **out)
{
    Expr *sides[2];
    bool is_of_bits = function->arguments[0] == 'x';
    Type usual = type_of(is_of_bits ? TYPE_BINARY_VECTOR : TYPE_FLOAT_VECTOR);
    TRY(analyse_sides(analyser, node, usual, sides));
    bool is_pair =
        is_of_family(usual, sides[0]) && is_of_family(usual, sides[1]);
    if (!is_pair && (function->flags & FUNCTION_OPERATOR) != 0)
        return no_operator(analyser, function->name, sides[0], sides[1],
                           node->position);
    if (is_pair && sides[0]->type.kind != sides[1]->type.kind)
        for (int i = 0; i < 2; i++)
            TRY(coerce(analyser, sides[i], usual, &sides[i]));
    return make_call(analyser, function, sides, 2, node->position, out);
}
