/* SPDX-License-Identifier: Apache-2.0 */
/*
 * analyse_in.c - IN: a list of constants, of expressions, an array.
 *
 *   x IN (1, 2, 3)        EXPR_IN: sorted, distinct, hashed
 *   x IN (1, 2, y)        EXPR_IN OR x = y
 *   x IN $1               in_list(x, $1), hashed once per run
 *   'eco' IN tags         array_contains(tags, 'eco'), which an index can
 * answer
 *
 * Literals of a list become values without becoming expressions first: there
 * may be a million of them.
 */
#include <stdlib.h>

#include "base/checksum.h"
#include "engine/expr/expr_internal.h"

#define CLASS_NUMBER 1
#define CLASS_TEXT 2
#define CLASS_BOOL 3
#define CLASS_MOMENT 4

int
value_class(TypeKind kind)
{
    if (type_is_number(kind))
        return CLASS_NUMBER;
    switch (kind) {
    case TYPE_VARCHAR:
        return CLASS_TEXT;
    case TYPE_BOOL:
        return CLASS_BOOL;
    case TYPE_TIMESTAMPTZ:
        return CLASS_MOMENT;
    default:
        return 0;
    }
}

/* ---- the list ---- */

static uint64_t
real_hash(double real)
{
    uint64_t bits;
    if (real >= -9223372036854775808.0 && real < 9223372036854775808.0 &&
        (double)(int64_t)real == real)
        return hash_u64((uint64_t)(int64_t)real);
    memcpy(&bits, &real, sizeof bits);
    return hash_u64(bits);
}

uint64_t
value_hash(const Value *value)
{
    switch (type_physical(value->type.kind)) {
    case PHYSICAL_BOOL:
        return hash_u64(value->boolean);
    case PHYSICAL_INT:
        return hash_u64((uint64_t)value->integer);
    case PHYSICAL_REAL:
        return real_hash(value->real);
    case PHYSICAL_BYTES:
        return hash_bytes(value->bytes.data, value->bytes.size);
    case PHYSICAL_NONE:
        break;
    }
    return 0;
}

static int
order_of(const Value *a, const Value *b)
{
    int order = 0;
    int difference = value_class(a->type.kind) - value_class(b->type.kind);
    if (difference != 0)
        return difference;
    value_compare(a, b, &order);
    return order;
}

static int
compare_values(const void *a, const void *b)
{
    return order_of(a, b);
}

uint32_t *
list_index(const Value *list, uint32_t count, Arena *arena, uint32_t *mask)
{
    uint32_t size = 4;
    while (size < count * 2)
        size *= 2;
    uint32_t *slots = arena_alloc_array(arena, size, sizeof *slots);
    if (slots == NULL)
        return NULL;
    *mask = size - 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = (uint32_t)value_hash(&list[i]) & *mask;
        while (slots[slot] != 0)
            slot = (slot + 1) & *mask;
        slots[slot] = i + 1;
    }
    return slots;
}

static bool
is_same(const Value *a, const Value *b)
{
    if (a->type.kind == TYPE_VARCHAR && b->type.kind == TYPE_VARCHAR)
        return slice_equal(a->bytes, b->bytes);
    if (type_is_integer(a->type.kind) && type_is_integer(b->type.kind))
        return a->integer == b->integer;
    return order_of(a, b) == 0;
}

bool
list_find(const Value *list, const uint32_t *slots, uint32_t mask,
          const Value *value)
{
    uint32_t slot = (uint32_t)value_hash(value) & mask;
    for (; slots[slot] != 0; slot = (slot + 1) & mask) {
        if (is_same(&list[slots[slot] - 1], value))
            return true;
    }
    return false;
}

static int
compare_integers(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Integers alone, which long lists mostly are, sort several times faster
 * without the values around them. False: not all are integers of one type, or
 * no memory. */
static bool
sort_integers(Value *values, uint32_t count, Arena *arena)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!type_is_integer(values[i].type.kind) ||
            values[i].type.kind != values[0].type.kind)
            return false;
    }
    int64_t *integers = arena_alloc_array(arena, count + 1u, sizeof *integers);
    if (integers == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        integers[i] = values[i].integer;
    qsort(integers, count, sizeof *integers, compare_integers);
    for (uint32_t i = 0; i < count; i++)
        values[i].integer = integers[i];
    return true;
}

/* Sort and drop what is there twice; returns how many are left. */
static uint32_t
sort_values(Value *values, uint32_t count, Arena *arena)
{
    bool is_sorted = true;
    uint32_t kept = 0;
    for (uint32_t i = 1; i < count && is_sorted; i++)
        is_sorted = order_of(&values[i - 1], &values[i]) <= 0;
    if (!is_sorted && !sort_integers(values, count, arena))
        qsort(values, count, sizeof *values, compare_values);
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || order_of(&values[kept - 1], &values[i]) != 0)
            values[kept++] = values[i];
    }
    return kept;
}

mql_status
make_in(Analyser *analyser, Expr *left, Value *values, uint32_t count,
        bool is_negated, int64_t position, Expr **out)
{
    uint32_t kept = 0;
    Expr *expr = make_expr(analyser, EXPR_IN, TYPE_BOOL, position);
    if (expr == NULL)
        return MQL_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        if (values[i].is_null)
            expr->list_has_null = true;
        else
            values[kept++] = values[i];
    }
    expr->is_negated = is_negated;
    expr->list_count = sort_values(values, kept, analyser->arena);
    expr->list = values;
    uint32_t *slots =
        list_index(values, expr->list_count, analyser->arena, &expr->list_mask);
    if (slots == NULL)
        return error_no_memory(analyser->err);
    expr->list_slots = slots;
    TRY(set_arguments(analyser, expr, &left, 1));
    return fold(analyser, expr, out);
}

/* ---- fitting values to the left side ---- */

/* A number as the left side holds numbers; false: no value of it is equal. */
static bool
fit_number(TypeKind kind, Value *value)
{
    if (type_is_integer(kind)) {
        if (type_is_integer(value->type.kind))
            return true;
        double real = value->real;
        if (!(real >= -9223372036854775808.0 && real < 9223372036854775808.0) ||
            (double)(int64_t)real != real)
            return false;
        *value = value_int64((int64_t)real);
        return true;
    }
    bool is_integer = type_is_integer(value->type.kind);
    double real = is_integer ? (double)value->integer : value->real;
    if (kind == TYPE_FLOAT)
        real = (double)(float)real;
    else if (is_integer && compare_numbers(value->integer, real) != 0)
        return false;
    value->real = real;
    value->type = type_of(kind);
    return true;
}

typedef struct InList {
    Analyser *analyser;
    Expr *left;
    Value *values;
    uint32_t value_count;
    Expr **others; /* x = other */
    uint32_t other_count;
    int64_t position;
} InList;

static mql_status
no_equality(const InList *list, const Value *value)
{
    const Expr right = {.type = value->type};
    return no_operator(list->analyser, "=", list->left, &right, list->position);
}

/* Add a constant; `is_literal` text takes the left side's type. */
static mql_status
add_value(InList *list, Value value, bool is_literal, int64_t position)
{
    TypeKind kind = list->left->type.kind;
    Error *err = list->analyser->err;
    if (value.is_null || kind == TYPE_JSON || kind == TYPE_NULL) {
        list->values[list->value_count++] = value;
        return MQL_OK;
    }
    if (is_literal && value.type.kind == TYPE_VARCHAR && kind != TYPE_VARCHAR) {
        Type to = type_of(type_is_integer(kind) ? TYPE_INT64 : kind);
        if (value_convert(&value, to, false, list->analyser->arena, &value,
                          err) != MQL_OK)
            return error_locate(err, position);
    }
    if (value_class(kind) != value_class(value.type.kind))
        return no_equality(list, &value);
    if (!type_is_number(kind) || fit_number(kind, &value))
        list->values[list->value_count++] = value;
    return MQL_OK;
}

static mql_status
add_expression(InList *list, const Node *node)
{
    Expr *sides[2];
    Expr *item;
    Analyser *analyser = list->analyser;
    bool is_scalar = value_class(list->left->type.kind) != 0 ||
                     list->left->type.kind == TYPE_JSON;
    TRY(analyse_beside(analyser, list->left, node, sides));
    if (is_scalar && sides[1]->kind == EXPR_CONSTANT &&
        (sides[1]->value.is_null || value_class(sides[1]->type.kind) != 0))
        return add_value(list, sides[1]->value, sides[1]->is_literal,
                         node->position);
    TRY(make_compare(analyser, COMPARE_EQ, sides[0], sides[1], list->position,
                     &item));
    list->others[list->other_count++] = item;
    return MQL_OK;
}

static mql_status
add_element(InList *list, const Node *node)
{
    Value value;
    bool is_scalar = value_class(list->left->type.kind) != 0 ||
                     list->left->type.kind == TYPE_JSON;
    if (is_scalar && literal_value(node, &value))
        return add_value(list, value, true, node->position);
    bool is_string = node->kind == NODE_DOUBLE_QUOTED &&
                     scope_find(list->analyser->scope, node->text) == -1;
    if (is_scalar && is_string)
        return add_value(list, value_text(node->text), true, node->position);
    return add_expression(list, node);
}

/* IN (...) OR x = a OR x = b */
static mql_status
finish_list(InList *list, bool is_negated, Expr **out)
{
    Analyser *analyser = list->analyser;
    bool has_others = list->other_count > 0;
    Expr *in;
    if (!has_others || list->value_count > 0) {
        TRY(make_in(analyser, list->left, list->values, list->value_count,
                    is_negated && !has_others, list->position, &in));
        list->others[list->other_count++] = in;
    }
    TRY(make_logic(analyser, EXPR_OR, list->others, list->other_count,
                   list->position, out));
    return is_negated && has_others ? make_not(analyser, *out, out) : MQL_OK;
}

static mql_status
analyse_in_list(Analyser *analyser, const Node *node, const Node *elements,
                Expr *left, Expr **out)
{
    Expr *stand_in;
    TRY(begin_let(analyser, left, &stand_in));
    InList list = {
        .analyser = analyser, .left = stand_in, .position = node->position};
    size_t most = (size_t)elements->count + 1;
    list.values = arena_alloc_array(analyser->arena, most, sizeof(Value));
    list.others = arena_alloc_array(analyser->arena, most, sizeof(Expr *));
    if (list.values == NULL || list.others == NULL)
        return error_no_memory(analyser->err);
    for (const Node *child = elements->first; child != NULL;
         child = child->next)
        TRY(add_element(&list, child));
    Expr *body;
    TRY(finish_list(&list, (node->flags & FLAG_NOT) != 0, &body));
    return end_let(analyser, left, stand_in, body, out);
}

/* ---- arrays ---- */

static bool
is_array(const Expr *expr)
{
    return expr->type.kind == TYPE_ARRAY || expr->type.kind == TYPE_JSON;
}

/* A parameter holds the list: of the left side's kind, or anything beside JSON.
 */
static mql_status
adapt_list(Analyser *analyser, const Expr *left, Expr **right)
{
    Type type = type_of(TYPE_JSON);
    if (value_class(left->type.kind) != 0 &&
        left->type.kind != TYPE_TIMESTAMPTZ)
        type = (Type){.kind = TYPE_ARRAY, .element = left->type.kind};
    return adapt(analyser, *right, type, right);
}

static mql_status
make_membership(Analyser *analyser, const Node *node, Expr *left, Expr *right,
                Expr **out)
{
    Expr *in_list[2] = {left, right};
    Expr *contains[2] = {right, left};
    if (is_adaptable(right))
        TRY(adapt_list(analyser, left, &in_list[1]));
    if (!is_array(in_list[1]))
        return no_operator(analyser, "IN", left, right, node->position);
    if (expr_is_constant(in_list[1]) && left->type.kind != TYPE_ARRAY &&
        !expr_is_constant(left))
        TRY(make_call(analyser, function_named("in_list"), in_list, 2,
                      node->position, out));
    else
        TRY(make_call(analyser, function_named("array_contains"), contains, 2,
                      node->position, out));
    if ((node->flags & FLAG_NOT) != 0)
        return make_not(analyser, *out, out);
    return MQL_OK;
}

/* `'eco' IN (tags)`: one element that is an array while the left side is none.
 */
static mql_status
only_array(Analyser *analyser, const Node *elements, const Expr *left,
           Expr **array)
{
    *array = NULL;
    Value ignored;
    const Node *only = elements->first;
    if (elements->count != 1 || literal_value(only, &ignored) ||
        value_class(left->type.kind) == 0)
        return MQL_OK;
    if (only->kind != NODE_NAME && only->kind != NODE_SUBSCRIPT &&
        only->kind != NODE_DOT)
        return MQL_OK;
    Expr *right;
    TRY(analyse(analyser, only, no_type, &right));
    if (right->type.kind == TYPE_ARRAY)
        *array = right;
    return MQL_OK;
}

static mql_status
check_quoted(Analyser *analyser, const Node *node, const Expr *left)
{
    if (!left->is_quoted || node->first->next->kind != NODE_LIST)
        return MQL_OK;
    return undefined_quoted(analyser, node->first->text, left->position);
}

mql_status
analyse_in(Analyser *analyser, const Node *node, Expr **out)
{
    const Node *right = node->first->next;
    Expr *left;
    Expr *array = NULL;
    TRY(analyse(analyser, node->first, no_type, &left));
    TRY(check_quoted(analyser, node, left));
    if (right->kind == NODE_VECTOR)
        TRY(node_vector_to_list(analyser->arena, right, &right, analyser->err));
    if (right->kind == NODE_LIST) {
        TRY(only_array(analyser, right, left, &array));
        if (array == NULL)
            return analyse_in_list(analyser, node, right, left, out);
    } else {
        TRY(analyse(analyser, right, no_type, &array));
    }
    return make_membership(analyser, node, left, array, out);
}
