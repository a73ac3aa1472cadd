/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zones.c - what a condition asks of the least and greatest values of a block.
 *
 * NOT is pushed down to the leaves by De Morgan's laws, as for indexes. What is
 * no test of a field against constants is left out of an AND, whose other
 * members still rule blocks out; an OR with such a member rules nothing out.
 * NULL stands for what rules nothing out, also when memory is short.
 */
#include "engine/collection/zones.h"

#include "engine/plan/planner.h"

typedef struct Builder {
    Planner *planner;
    const Collection *collection;
} Builder;

static const ZoneTest *build(const Builder *builder, const Expr *expr,
                             bool negated);

static ZoneTest *
leaf(const Builder *builder, const Expr *column, ZoneTestKind kind)
{
    if (column->kind != EXPR_COLUMN ||
        column->column >= builder->collection->field_count ||
        !type_has_zones(column->type))
        return NULL;
    ZoneTest *test = arena_new(builder->planner->arena, ZoneTest);
    if (test != NULL)
        *test = (ZoneTest){.kind = kind, .column = column->column};
    return test;
}

/* The comparison that is TRUE where this one is FALSE. */
static CompareOp
opposite(CompareOp op)
{
    static const CompareOp opposites[] = {
        [COMPARE_EQ] = COMPARE_NE, [COMPARE_NE] = COMPARE_EQ,
        [COMPARE_LT] = COMPARE_GE, [COMPARE_LE] = COMPARE_GT,
        [COMPARE_GT] = COMPARE_LE, [COMPARE_GE] = COMPARE_LT,
    };
    return opposites[op];
}

static const ZoneTest *
build_compare(const Builder *builder, const Expr *expr, bool negated)
{
    const Expr *constant = expr->arguments[1];
    ZoneTest *test = leaf(builder, expr->arguments[0], ZONE_COMPARE);
    if (test == NULL || !expr_is_constant(constant) ||
        type_physical(constant->type.kind) !=
            type_physical(expr->arguments[0]->type.kind))
        return NULL;
    test->compare = negated ? opposite(expr->compare) : expr->compare;
    test->value = constant;
    if (test->compare == COMPARE_NE)
        test->kind = ZONE_VALUE;
    return test;
}

static const ZoneTest *
build_in(const Builder *builder, const Expr *expr, bool negated)
{
    bool excludes = expr->is_negated != negated;
    const Expr *column = expr->arguments[0];
    ZoneTest *test = leaf(builder, column, excludes ? ZONE_VALUE : ZONE_IN);
    if (test == NULL)
        return NULL;
    for (uint32_t i = 0; i < expr->list_count; i++)
        if (type_physical(expr->list[i].type.kind) !=
            type_physical(column->type.kind))
            return NULL;
    test->list = expr;
    return test;
}

static const ZoneTest *
build_is_null(const Builder *builder, const Expr *expr, bool negated)
{
    bool wants_null = expr->is_negated == negated;
    return leaf(builder, expr->arguments[0],
                wants_null ? ZONE_NULL : ZONE_VALUE);
}

static const ZoneTest *
build_like(const Builder *builder, const Expr *expr, bool negated)
{
    const Expr *pattern = expr->arguments[1];
    bool excludes = expr->is_negated != negated;
    bool is_known = pattern->kind == EXPR_CONSTANT && !pattern->value.is_null;
    ZoneTest *test =
        leaf(builder, expr->arguments[0], excludes ? ZONE_VALUE : ZONE_PREFIX);
    if (test == NULL || expr->arguments[0]->type.kind != TYPE_VARCHAR)
        return NULL;
    if (excludes || expr->ignores_case || !is_known)
        test->kind = ZONE_VALUE;
    else
        test->prefix = planner_like_beginning(expr);
    return test;
}

/* A field of truth values by itself. */
static const ZoneTest *
build_column(const Builder *builder, const Expr *expr, bool negated)
{
    static const Expr truth = {
        .kind = EXPR_CONSTANT,
        .type = {.kind = TYPE_BOOL},
        .value = {.type = {.kind = TYPE_BOOL}, .boolean = true}};
    if (expr->type.kind != TYPE_BOOL)
        return NULL;
    ZoneTest *test = leaf(builder, expr, ZONE_COMPARE);
    if (test == NULL)
        return NULL;
    test->compare = negated ? COMPARE_LT : COMPARE_GE;
    test->value = &truth;
    return test;
}

static const ZoneTest *
build_list(const Builder *builder, const Expr *expr, bool negated)
{
    bool is_and = (expr->kind == EXPR_AND) != negated;
    const ZoneTest **children = arena_alloc_array(
        builder->planner->arena, expr->argument_count, sizeof *children);
    ZoneTest *test = arena_new(builder->planner->arena, ZoneTest);
    if (children == NULL || test == NULL)
        return NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        const ZoneTest *child = build(builder, expr->arguments[i], negated);
        if (child == NULL && !is_and)
            return NULL;
        if (child != NULL)
            children[count++] = child;
    }
    *test = (ZoneTest){.kind = is_and ? ZONE_AND : ZONE_OR,
                       .children = children,
                       .child_count = count};
    return count > 0 ? test : NULL;
}

static const ZoneTest *
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
    case EXPR_COLUMN:
        return build_column(builder, expr, negated);
    default:
        return NULL;
    }
}

const ZoneTest *
planner_zones(Planner *planner, const Collection *collection, const Expr *where)
{
    const Builder builder = {planner, collection};
    return build(&builder, where, false);
}
