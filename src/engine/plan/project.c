/* SPDX-License-Identifier: Apache-2.0 */
/* project.c - the list after SELECT or RETURNING, and ORDER BY. */
#include "engine/plan/planner.h"

#include <string.h>

/* Items being collected: one expression and one name each. */
typedef struct Items {
    const Expr **exprs;
    ScopeColumn *columns;
    uint32_t count;
} Items;

static mql_status
column_expr(Planner *planner, const Scope *scope, uint32_t column, Expr **out,
            Error *err)
{
    Expr *expr = arena_new(planner->arena, Expr);
    if (expr == NULL)
        return error_no_memory(err);
    *expr = (Expr){.kind = EXPR_COLUMN,
                   .type = scope->columns[column].type,
                   .position = -1,
                   .column = column};
    if (scope->used != NULL)
        scope->used[column] = true;
    *out = expr;
    return MQL_OK;
}

static mql_status
add_column(Planner *planner, const Scope *scope, uint32_t column, Items *items,
           Error *err)
{
    Expr *expr = NULL;
    TRY(column_expr(planner, scope, column, &expr, err));
    items->exprs[items->count] = expr;
    items->columns[items->count++] = scope->columns[column];
    return MQL_OK;
}

/* The name of a column that was given none, as PostgreSQL chooses it. */
static Slice
item_name(const Node *node)
{
    switch (node->kind) {
    case NODE_NAME:
    case NODE_DOUBLE_QUOTED:
    case NODE_DOT:
    case NODE_CALL:
        return node->text;
    case NODE_CAST:
        return item_name(node->first);
    case NODE_CASE:
        return SLICE_LITERAL("case");
    default:
        return SLICE_LITERAL("?column?");
    }
}

static mql_status
add_item(Planner *planner, const Node *item, const Scope *scope, Items *items,
         Error *err)
{
    const Node *node = item->first;
    const Node *alias = node->next;
    Expr *expr;
    TRY(expr_analyse(node, scope, type_of(TYPE_NULL), planner->arena, &expr,
                     err));
    /* A field's own spelling, however the statement wrote it. */
    Slice name = expr->kind == EXPR_COLUMN ? scope->columns[expr->column].name
                                           : item_name(node);
    if (alias != NULL)
        name = alias->text;
    items->exprs[items->count] = expr;
    items->columns[items->count++] = (ScopeColumn){name, expr->type};
    return MQL_OK;
}

/* `*` stands for the fields, not for a search's own columns. */
static mql_status
add_star(Planner *planner, const Node *star, const Scope *scope,
         uint32_t field_count, Items *items, Error *err)
{
    if (scope->column_count == 0)
        return error_at(err, ERR_SYNTAX_ERROR, star->position,
                        "SELECT * with no collection is not valid");
    if (star->text.size > 0 &&
        !slice_equal_nocase(star->text, scope->qualifier))
        return error_at(err, ERR_UNDEFINED_TABLE, star->position,
                        "missing FROM-clause entry for table \"%.*s\"",
                        (int)star->text.size, star->text.data);
    for (uint32_t i = 0; i < field_count; i++)
        TRY(add_column(planner, scope, i, items, err));
    return MQL_OK;
}

static uint32_t
list_size(const Node *list, uint32_t field_count)
{
    uint32_t size = 0;
    for (const Node *node = list == NULL ? NULL : list->first; node != NULL;
         node = node->next)
        size += node->kind == NODE_STAR ? field_count : 1;
    return size;
}

/* Whether a leading column already shows the field. */
static bool
is_leading(const Expr *expr, const uint32_t *leading, uint32_t leading_count)
{
    for (uint32_t i = 0; i < leading_count; i++)
        if (expr->kind == EXPR_COLUMN && expr->column == leading[i])
            return true;
    return false;
}

mql_status
planner_project(Planner *planner, const Node *list, const Scope *scope,
                const PlanNode *input, const uint32_t *leading,
                uint32_t leading_count, const PlanNode **plan, Error *err)
{
    /* A search's own columns stand after the fields; `*` leaves them out. */
    uint32_t field_count = scope->field_count;
    uint32_t most = leading_count + list_size(list, field_count);
    ProjectPlan *project = arena_new(planner->arena, ProjectPlan);
    Items items = {
        .exprs =
            arena_alloc_array(planner->arena, most + 1, sizeof *items.exprs),
        .columns =
            arena_alloc_array(planner->arena, most + 1, sizeof *items.columns),
    };
    if (project == NULL || items.exprs == NULL || items.columns == NULL)
        return error_no_memory(err);

    for (uint32_t i = 0; i < leading_count; i++)
        TRY(add_column(planner, scope, leading[i], &items, err));
    for (const Node *node = list == NULL ? NULL : list->first; node != NULL;
         node = node->next) {
        if (node->kind != NODE_ITEM && node->kind != NODE_STAR)
            continue;
        uint32_t before = items.count;
        if (node->kind == NODE_STAR)
            TRY(add_star(planner, node, scope, field_count, &items, err));
        else
            TRY(add_item(planner, node, scope, &items, err));
        /* The key leads a SEARCH's rows; `*` does not repeat it. */
        uint32_t kept = before;
        for (uint32_t i = before; i < items.count; i++) {
            if (node->kind == NODE_STAR &&
                is_leading(items.exprs[i], leading, leading_count))
                continue;
            items.exprs[kept] = items.exprs[i];
            items.columns[kept++] = items.columns[i];
        }
        items.count = kept;
    }
    *project = (ProjectPlan){
        .base = {PLAN_PROJECT, input, items.columns, items.count},
        .items = items.exprs,
        .scope = scope,
    };
    *plan = &project->base;
    return MQL_OK;
}

/* The SELECT item an ORDER BY key means by number or alias, or NULL. */
static mql_status
find_item(const Node *key, const Node *items, const Node **found, Error *err)
{
    *found = NULL;
    uint32_t position = 0;
    for (const Node *item = items == NULL ? NULL : items->first; item != NULL;
         item = item->next) {
        if (item->kind == NODE_STAR && key->kind == NODE_INTEGER)
            return planner_unbuilt(key, "ORDER BY a number after *", err);
        if (item->kind != NODE_ITEM)
            continue;
        position++;
        const Node *alias = item->first->next;
        if (key->kind == NODE_INTEGER && key->integer == (int64_t)position)
            *found = item->first;
        if (key->kind == NODE_NAME && alias != NULL &&
            slice_equal_nocase(alias->text, key->text))
            *found = item->first;
    }
    if (key->kind == NODE_INTEGER && items != NULL && *found == NULL)
        return error_at(err, ERR_SYNTAX_ERROR, key->position,
                        "ORDER BY position %lld is not in select list",
                        (long long)key->integer);
    return MQL_OK;
}

static bool
is_sortable(Type type)
{
    return type.kind != TYPE_JSON && !type_is_vector(type.kind);
}

mql_status
planner_sort(Planner *planner, const Node *order_by, const Node *items,
             const Scope *scope, const PlanNode *input, const PlanNode **plan,
             Error *err)
{
    SortPlan *sort = arena_new(planner->arena, SortPlan);
    SortKey *keys =
        arena_alloc_array(planner->arena, order_by->count, sizeof *keys);
    if (sort == NULL || keys == NULL)
        return error_no_memory(err);

    uint32_t count = 0;
    for (const Node *node = order_by->first; node != NULL; node = node->next) {
        const Node *item;
        TRY(find_item(node->first, items, &item, err));
        Expr *expr;
        TRY(expr_analyse(item != NULL ? item : node->first, scope,
                         type_of(TYPE_NULL), planner->arena, &expr, err));
        if (!is_sortable(expr->type)) {
            char type[TYPE_TEXT_SIZE];
            type_text(type, expr->type);
            return error_at(err, ERR_UNDEFINED_FUNCTION, node->position,
                            "could not identify an ordering operator for type "
                            "%s",
                            type);
        }
        bool descends = slice_equal(node->text, SLICE_LITERAL("desc"));
        bool nulls_first = descends;
        if (node->flags & FLAG_NULLS_FIRST)
            nulls_first = true;
        if (node->flags & FLAG_NULLS_LAST)
            nulls_first = false;
        keys[count++] = (SortKey){expr, descends, nulls_first};
    }
    *sort = (SortPlan){
        .base = {PLAN_SORT, input, input->columns, input->column_count},
        .keys = keys,
        .key_count = count,
    };
    *plan = &sort->base;
    return MQL_OK;
}
