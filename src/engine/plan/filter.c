/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.c - which parts of a WHERE an index answers.
 *
 * The condition is taken apart at its top-level AND. A conjunct becomes a
 * Condition when every leaf of it (after NOT has been pushed down to the leaves
 * by De Morgan's laws) is a predicate on an indexed field or on the key. A leaf
 * stands for the set of rows for which it is TRUE; a negated leaf for the rows
 * that are not NULL and do not satisfy it: so uniting and intersecting is right
 * under three-valued logic.
 */
#include <string.h>

#include "engine/plan/planner.h"

typedef struct Builder {
    Planner *planner;
    const Collection *collection;
} Builder;

static const Condition *build(const Builder *builder, const Expr *expr,
                              bool negated);

/* The scalar index on a field, NULL when there is none. */
static const IndexDefinition *
scalar_index(const Collection *collection, uint32_t field_id)
{
    for (uint32_t i = 0; i < collection->index_count; i++) {
        const IndexDefinition *index = &collection->indexes[i];
        if (index->field == field_id && !index->kind->is_vector)
            return index;
    }
    return NULL;
}

/* How the index keeps the keys of a type. */
static KeyType
key_type_of(Type type)
{
    TypeKind kind = type.kind == TYPE_ARRAY ? type.element : type.kind;
    switch (type_physical(kind)) {
    case PHYSICAL_REAL:
        return KEY_REAL;
    case PHYSICAL_BYTES:
        return KEY_BYTES;
    default:
        return KEY_INT;
    }
}

/* A leaf on an indexed field, or NULL: not possible here. */
static Condition *
leaf(const Builder *builder, const Expr *column, PredicateKind predicate,
     bool negated)
{
    const Field *field = &builder->collection->fields[column->column];
    const IndexDefinition *index = scalar_index(builder->collection, field->id);
    if (index == NULL || !index_kind_answers(index->kind, predicate))
        return NULL;
    Condition *condition = arena_new(builder->planner->arena, Condition);
    if (condition == NULL)
        return NULL;
    *condition = (Condition){
        .kind = CONDITION_INDEX,
        .index = index,
        .key_type = key_type_of(field->type),
        .predicate = predicate,
        .is_negated = negated,
    };
    return condition;
}

/* A lookup of the key: only equality, never negated. */
static Condition *
key_leaf(const Builder *builder, const Expr *column, bool negated)
{
    if (negated || column->column != builder->collection->primary)
        return NULL;
    Condition *condition = arena_new(builder->planner->arena, Condition);
    if (condition != NULL)
        condition->kind = CONDITION_KEY;
    return condition;
}

static bool
is_field(const Builder *builder, const Expr *expr)
{
    return expr->kind == EXPR_COLUMN &&
           expr->column < builder->collection->field_count;
}

/* Whether a constant can be a key of the column as it is. */
static bool
fits_key(const Expr *column, const Expr *constant)
{
    return expr_is_constant(constant) &&
           type_physical(column->type.kind) ==
               type_physical(constant->type.kind) &&
           type_physical(column->type.kind) != PHYSICAL_NONE;
}

/* Scalar fields whose values are the index's keys themselves. */
static bool
has_plain_keys(const Expr *column)
{
    TypeKind kind = column->type.kind;
    return kind != TYPE_ARRAY && kind != TYPE_JSON && !type_is_vector(kind);
}

static const Condition *
build_compare(const Builder *builder, const Expr *expr, bool negated)
{
    const Expr *column = expr->arguments[0];
    const Expr *constant = expr->arguments[1];
    if (!is_field(builder, column) || !has_plain_keys(column) ||
        !fits_key(column, constant))
        return NULL;

    CompareOp op = expr->compare;
    Condition *condition = NULL;
    if (op == COMPARE_EQ)
        condition = key_leaf(builder, column, negated);
    if (condition == NULL)
        condition = leaf(builder, column, PREDICATE_RANGE,
                         op == COMPARE_NE ? !negated : negated);
    if (condition == NULL)
        return NULL;

    condition->has_low = op != COMPARE_LT && op != COMPARE_LE;
    condition->has_high = op != COMPARE_GT && op != COMPARE_GE;
    condition->low_inclusive = op != COMPARE_GT;
    condition->high_inclusive = op != COMPARE_LT;
    condition->low = constant;
    condition->high = constant;
    return condition;
}

static const Condition *
build_in(const Builder *builder, const Expr *expr, bool negated)
{
    const Expr *column = expr->arguments[0];
    bool excludes = expr->is_negated != negated;
    if (!is_field(builder, column) || !has_plain_keys(column))
        return NULL;
    /* x NOT IN (..., NULL) is never true. */
    if (excludes && expr->list_has_null)
        return NULL;
    for (uint32_t i = 0; i < expr->list_count; i++)
        if (type_physical(expr->list[i].type.kind) !=
            type_physical(column->type.kind))
            return NULL;

    Condition *condition = key_leaf(builder, column, excludes);
    if (condition == NULL)
        condition = leaf(builder, column, PREDICATE_IN, excludes);
    if (condition != NULL)
        condition->list = expr;
    return condition;
}

static const Condition *
build_is_null(const Builder *builder, const Expr *expr, bool negated)
{
    const Expr *column = expr->arguments[0];
    if (!is_field(builder, column) || !has_plain_keys(column))
        return NULL;
    Condition *condition = leaf(builder, column, PREDICATE_NOT_NULL, false);
    if (condition != NULL)
        condition->wants_null = expr->is_negated == negated;
    return condition;
}

/* LIKE 'abc%' is a prefix; other patterns are not for this index. */
static const Condition *
build_like(const Builder *builder, const Expr *expr, bool negated)
{
    const Expr *column = expr->arguments[0];
    const Expr *pattern = expr->arguments[1];
    if (!is_field(builder, column) || column->type.kind != TYPE_VARCHAR ||
        expr->ignores_case || pattern->kind != EXPR_CONSTANT ||
        pattern->value.is_null)
        return NULL;
    Slice text = pattern->value.bytes;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_last_percent = c == '%' && i == text.size - 1;
        if ((c == '%' && !is_last_percent) || c == '_' ||
            (expr->escape != 0 && c == expr->escape) || c == '\\')
            return NULL;
    }
    if (text.size == 0 || text.data[text.size - 1] != '%')
        return NULL;

    Condition *condition =
        leaf(builder, column, PREDICATE_PREFIX, expr->is_negated != negated);
    if (condition != NULL)
        condition->prefix = (Slice){text.data, text.size - 1};
    return condition;
}

/* array_contains(field, constant): the index has an entry for each element. */
static const Condition *
build_contains(const Builder *builder, const Expr *expr, bool negated)
{
    if (negated || expr->argument_count != 2)
        return NULL;
    const Expr *column = expr->arguments[0];
    const Expr *constant = expr->arguments[1];
    if (!is_field(builder, column) || column->type.kind != TYPE_ARRAY ||
        !expr_is_constant(constant))
        return NULL;
    if (type_physical(column->type.element) !=
        type_physical(constant->type.kind))
        return NULL;
    Condition *condition = leaf(builder, column, PREDICATE_RANGE, false);
    if (condition == NULL)
        return NULL;
    condition->has_low = condition->has_high = true;
    condition->low_inclusive = condition->high_inclusive = true;
    condition->low = condition->high = constant;
    return condition;
}

static const Condition *
build_list(const Builder *builder, const Expr *expr, bool negated)
{
    const Condition **children = arena_alloc_array(
        builder->planner->arena, expr->argument_count, sizeof *children);
    Condition *condition = arena_new(builder->planner->arena, Condition);
    if (children == NULL || condition == NULL)
        return NULL;
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        children[i] = build(builder, expr->arguments[i], negated);
        if (children[i] == NULL)
            return NULL;
    }
    bool is_and = (expr->kind == EXPR_AND) != negated;
    *condition = (Condition){
        .kind = is_and ? CONDITION_AND : CONDITION_OR,
        .children = (struct Condition *const *)children,
        .child_count = expr->argument_count,
    };
    return condition;
}

static const Condition *
build(const Builder *builder, const Expr *expr, bool negated)
{
    switch (expr->kind) {
    case EXPR_AND:
    case EXPR_OR:
        return build_list(builder, expr, negated);
    case EXPR_NOT:
        return build(builder, expr->arguments[0], !negated);
    case EXPR_COMPARE:
        return build_compare(builder, expr, negated);
    case EXPR_IN:
        return build_in(builder, expr, negated);
    case EXPR_IS_NULL:
        return build_is_null(builder, expr, negated);
    case EXPR_LIKE:
        return build_like(builder, expr, negated);
    case EXPR_CALL:
        return expr_is_call(expr, "array_contains")
                   ? build_contains(builder, expr, negated)
                   : NULL;
    default:
        return NULL;
    }
}

/* What computing it for a row costs, as multiples of a comparison of numbers.
 * What may fail is dearer than all that cannot. */
#define COST_TEXT 4u
#define COST_PATTERN 8u
#define COST_JSON 16u
#define COST_MAY_FAIL 1000000u

static uint32_t
cost_of(const Expr *expr)
{
    uint64_t cost = 1;
    if (expr->kind == EXPR_CALL || expr->kind == EXPR_CAST ||
        expr->kind == EXPR_CASE || expr->kind == EXPR_LET ||
        expr->kind == EXPR_PARAMETER)
        return COST_MAY_FAIL;
    if (expr->kind == EXPR_LIKE)
        cost = COST_PATTERN;
    else if (expr->kind == EXPR_IN)
        cost = 2;
    else if (expr->kind == EXPR_COLUMN && expr->type.kind == TYPE_JSON)
        cost = COST_JSON;
    else if (expr->kind == EXPR_COLUMN &&
             type_physical(expr->type.kind) == PHYSICAL_BYTES)
        cost = COST_TEXT;
    for (uint32_t i = 0; i < expr->argument_count; i++)
        cost += cost_of(expr->arguments[i]);
    return cost < COST_MAY_FAIL ? (uint32_t)cost : COST_MAY_FAIL;
}

/* Note the columns below `expr`. */
static void
note_columns(const Expr *expr, bool *used)
{
    if (expr->kind == EXPR_COLUMN)
        used[expr->column] = true;
    for (uint32_t i = 0; i < expr->argument_count; i++)
        note_columns(expr->arguments[i], used);
}

static mql_status
list_columns(Planner *planner, const Scope *scope, const Expr *expr,
             Conjunct *conjunct, Error *err)
{
    bool *used = arena_alloc_array(planner->arena, scope->column_count + 1,
                                   sizeof *used);
    uint32_t *columns = arena_alloc_array(
        planner->arena, scope->column_count + 1, sizeof *columns);
    if (used == NULL || columns == NULL)
        return error_no_memory(err);
    note_columns(expr, used);
    for (uint32_t i = 0; i < scope->column_count; i++)
        if (used[i])
            columns[conjunct->column_count++] = i;
    conjunct->columns = columns;
    return MQL_OK;
}

mql_status
planner_filter(Planner *planner, const Collection *collection,
               const Scope *scope, const Expr *where, TablePlan *table,
               Error *err)
{
    const Builder builder = {planner, collection};
    bool is_and = where->kind == EXPR_AND;
    uint32_t count = is_and ? where->argument_count : 1;
    Conjunct *conjuncts =
        arena_alloc_array(planner->arena, count, sizeof *conjuncts);
    if (conjuncts == NULL)
        return error_no_memory(err);

    for (uint32_t i = 0; i < count; i++) {
        const Expr *expr = is_and ? where->arguments[i] : where;
        conjuncts[i].expr = expr;
        conjuncts[i].condition = build(&builder, expr, false);
        conjuncts[i].cost = cost_of(expr);
        conjuncts[i].zones = planner_zones(planner, collection, expr);
        TRY(list_columns(planner, scope, expr, &conjuncts[i], err));
    }
    table->conjuncts = conjuncts;
    table->conjunct_count = count;
    return MQL_OK;
}
