/* SPDX-License-Identifier: Apache-2.0 */
/*
 * select.c - the plan of a SELECT.
 *
 * Project over Limit over (Sort over Scan | Search): ORDER BY v <-> $1 LIMIT k
 * is a search of the field's index when it has one of that metric, else an
 * exact search.
 */
#include "engine/plan/planner.h"

#include <string.h>

/* Most rows a graph is asked for; more are sorted exactly. */
#define SEARCH_ROWS_MOST 16384

/* What a SELECT is made of, while its plan grows. */
typedef struct Select {
    const Node *node;
    const CollectionVersion *version; /* NULL: no collection in FROM     */
    const PlanNode *input; /* a query in FROM with the WHERE over it, or NULL */
    Scope *scope;
    TablePlan table;
    const Node *order_by;
    const Expr *limit, *offset;
} Select;

static mql_status
reject_unbuilt(const Node *select, Error *err)
{
    TRY(planner_unbuilt(node_child(select, NODE_DISTINCT), "DISTINCT", err));
    TRY(planner_unbuilt(node_child(select, NODE_GROUP_BY), "GROUP BY", err));
    TRY(planner_unbuilt(node_child(select, NODE_HAVING), "HAVING", err));
    const Node *from = node_child(select, NODE_FROM);
    if (from == NULL)
        return MQL_OK;
    TRY(planner_unbuilt(node_child(select, NODE_JOIN), "JOIN", err));
    TRY(planner_unbuilt(node_child(from, NODE_JOIN), "JOIN", err));
    TRY(planner_unbuilt(
        from->next != NULL && from->next->kind == NODE_FROM ? from->next : NULL,
        "FROM with several collections", err));
    return MQL_OK;
}

/* FROM (SEARCH ...) s: the query's columns are the scope. */
static mql_status
open_query(Planner *planner, Select *select, const Node *from, Error *err)
{
    TRY(planner_query(planner, from->first, &select->input, err));
    TRY(planner_unbuilt(node_child(from, NODE_PARTITIONS),
                        "PARTITION of a query", err));
    TRY(planner_unbuilt(node_child(from, NODE_AS_OF), "AS OF of a query", err));
    const Node *alias = node_child(from, NODE_ALIAS);
    select->scope = arena_new(planner->arena, Scope);
    if (select->scope == NULL)
        return error_no_memory(err);
    *select->scope = (Scope){
        .columns = select->input->columns,
        .column_count = select->input->column_count,
        .field_count = select->input->column_count,
        .qualifier = alias != NULL ? alias->text : (Slice){"", 0},
        .dynamic_column = -1,
        .parameter_types = planner->parameter_types,
        .parameter_count = planner->parameter_count,
    };
    const Node *where = node_child(select->node, NODE_WHERE);
    if (where == NULL)
        return MQL_OK;
    Expr *condition;
    TRY(expr_analyse_condition(where->first, select->scope, "WHERE",
                               planner->arena, &condition, err));
    FilterPlan *filter = arena_new(planner->arena, FilterPlan);
    if (filter == NULL)
        return error_no_memory(err);
    *filter = (FilterPlan){
        .base = {PLAN_FILTER, select->input, select->input->columns,
                 select->input->column_count},
        .condition = condition,
        .scope = select->scope,
    };
    select->input = &filter->base;
    return MQL_OK;
}

static mql_status
open_from(Planner *planner, Select *select, Error *err)
{
    const Node *from = node_child(select->node, NODE_FROM);
    if (from == NULL) {
        select->scope = arena_new(planner->arena, Scope);
        if (select->scope == NULL)
            return error_no_memory(err);
        *select->scope = (Scope){.dynamic_column = -1,
                                 .parameter_types = planner->parameter_types,
                                 .parameter_count = planner->parameter_count};
        return planner_unbuilt(node_child(select->node, NODE_WHERE),
                               "WHERE without FROM", err);
    }
    if (from->first->kind != NODE_NAME)
        return open_query(planner, select, from, err);
    TRY(planner_source(planner, from->first, &select->version, err));
    TRY(planner_scope(planner, select->version->collection, NULL, 0,
                      &select->scope, err));
    const Node *alias = node_child(from, NODE_ALIAS);
    select->scope->qualifier = alias != NULL ? alias->text : from->first->text;
    TRY(planner_table(planner, select->version, select->scope,
                      node_child(from, NODE_PARTITIONS),
                      node_child(select->node, NODE_WHERE), &select->table,
                      err));
    return planner_moment(planner, node_child(from, NODE_AS_OF), &select->table,
                          err);
}

/* WITH where nothing is searched: checked all the same, a wrong word is an
 * error. */
static mql_status
read_options(Planner *planner, Select *select, Error *err)
{
    const Node *options = node_child(select->node, NODE_OPTIONS);
    if (options != NULL && select->version == NULL)
        return error_at(err, ERR_SYNTAX_ERROR, options->position,
                        "WITH needs a vector search");
    SearchPlan search = {.table = select->table};
    TRY(planner_search_options(planner, options, &search, err));
    select->table = search.table; /* travel_timestamp */
    return MQL_OK;
}

/* count(*), the only aggregate so far. */
static bool
is_count(const Node *node)
{
    return node->kind == NODE_CALL && node->count == 1 &&
           node->first->kind == NODE_STAR &&
           slice_equal_nocase(node->text, SLICE_LITERAL("count"));
}

static mql_status
plan_count(Planner *planner, Select *select, const PlanNode **plan, Error *err)
{
    TRY(read_options(planner, select, err));
    CountPlan *count = arena_new(planner->arena, CountPlan);
    ScopeColumn *columns =
        arena_alloc_array(planner->arena, select->node->count, sizeof *columns);
    if (count == NULL || columns == NULL)
        return error_no_memory(err);

    uint32_t column_count = 0;
    for (const Node *item = select->node->first; item != NULL;
         item = item->next) {
        if (item->kind == NODE_STAR)
            return planner_unbuilt(item, "count(*) beside other columns", err);
        if (item->kind != NODE_ITEM)
            continue;
        if (!is_count(item->first))
            return planner_unbuilt(item, "count(*) beside other columns", err);
        const Node *alias = item->first->next;
        columns[column_count++] =
            (ScopeColumn){alias != NULL ? alias->text : SLICE_LITERAL("count"),
                          type_of(TYPE_INT64)};
    }
    *count = (CountPlan){
        .base = {PLAN_COUNT, select->input, columns, column_count},
        .table = select->table,
    };
    *plan = &count->base;
    return MQL_OK;
}

static bool
has_count(const Node *select)
{
    for (const Node *item = select->first; item != NULL; item = item->next)
        if (item->kind == NODE_ITEM && is_count(item->first))
            return true;
    return false;
}

static Metric
operator_metric(const ExprDistance *distance)
{
    static const struct {
        const char *operator_text;
        Metric metric;
    } operators[] = {
        {"<=>", METRIC_COSINE},
        {"<#>", METRIC_IP},
        {"<~>", METRIC_HAMMING},
        {"<%>", METRIC_JACCARD},
    };
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (strcmp(distance->operator_text, operators[i].operator_text) == 0)
            return operators[i].metric;
    return METRIC_L2;
}

/* Whether ORDER BY ... LIMIT is a vector search, and on what. */
static mql_status
find_distance(Planner *planner, const Select *select, ExprDistance *distance,
              bool *found, Error *err)
{
    *found = false;
    const Node *order_by = select->order_by;
    if (order_by == NULL || select->version == NULL || order_by->count != 1 ||
        select->limit == NULL)
        return MQL_OK;
    const Node *key = order_by->first;
    if (slice_equal(key->text, SLICE_LITERAL("desc")) ||
        (key->flags & FLAG_NULLS_FIRST))
        return MQL_OK;

    /* An alias may stand for the distance: SELECT v <-> $1 AS d ... ORDER BY d.
     */
    const Node *node = key->first;
    for (const Node *item = select->node->first; item != NULL;
         item = item->next)
        if (node->kind == NODE_NAME && item->kind == NODE_ITEM &&
            item->first->next != NULL &&
            slice_equal_nocase(item->first->next->text, node->text))
            node = item->first;

    /* Not noting the vector field as used: a search reads it by itself. */
    Scope scope = *select->scope;
    scope.used = NULL;
    Expr *expr;
    TRY(expr_analyse(node, &scope, type_of(TYPE_NULL), planner->arena, &expr,
                     err));
    *found = expr_as_distance(expr, distance);
    return MQL_OK;
}

static mql_status
plan_ordered_search(Planner *planner, Select *select,
                    const ExprDistance *distance, const PlanNode **plan,
                    Error *err)
{
    SearchPlan *search = arena_new(planner->arena, SearchPlan);
    SearchTarget *target = arena_new(planner->arena, SearchTarget);
    if (search == NULL || target == NULL)
        return error_no_memory(err);
    *target = (SearchTarget){.vector = distance->target,
                             .position = distance->target->position};
    *search = (SearchPlan){
        .base = {PLAN_SEARCH, NULL, select->scope->columns,
                 select->scope->column_count},
        .table = select->table,
        .field = distance->column,
        .targets = target,
        .target_count = 1,
        .limit = select->limit,
        .offset = select->offset,
        .round_decimal = -1,
        .skips_nothing = true,
        .distance_column = -1,
        .query_column = -1,
    };
    Metric metric = operator_metric(distance);
    planner_choose_index(select->version->collection, distance->column, &metric,
                         search);
    TRY(planner_search_options(planner, node_child(select->node, NODE_OPTIONS),
                               search, err));
    if (search->has_radius || search->has_range_filter)
        return error_at(err, ERR_FEATURE_NOT_SUPPORTED,
                        node_child(select->node, NODE_OPTIONS)->position,
                        "a range search is not supported in SELECT");
    *plan = &search->base;
    return MQL_OK;
}

static mql_status
plan_scan(Planner *planner, Select *select, const PlanNode **plan, Error *err)
{
    TRY(read_options(planner, select, err));
    if (select->input != NULL) {
        *plan = select->input;
        return MQL_OK;
    }
    if (select->version == NULL) {
        PlanNode *row = arena_new(planner->arena, PlanNode);
        if (row == NULL)
            return error_no_memory(err);
        *row = (PlanNode){.kind = PLAN_ONE_ROW};
        *plan = row;
        return MQL_OK;
    }
    ScanPlan *scan = arena_new(planner->arena, ScanPlan);
    if (scan == NULL)
        return error_no_memory(err);
    *scan = (ScanPlan){
        .base = {PLAN_SCAN, NULL, select->scope->columns,
                 select->scope->column_count},
        .table = select->table,
    };
    *plan = &scan->base;
    return MQL_OK;
}

/* Limits known while planning decide whether the graph is asked. */
static bool
is_searchable(const Select *select)
{
    const Expr *limit = select->limit, *offset = select->offset;
    int64_t rows = 0;
    if (limit->kind == EXPR_CONSTANT && !limit->value.is_null)
        rows = limit->value.integer;
    if (offset != NULL && offset->kind == EXPR_CONSTANT &&
        !offset->value.is_null && offset->value.integer > rows)
        rows = offset->value.integer;
    return rows <= SEARCH_ROWS_MOST / 2;
}

static mql_status
plan_rows(Planner *planner, Select *select, const PlanNode **plan, Error *err)
{
    ExprDistance distance;
    bool is_search;
    TRY(find_distance(planner, select, &distance, &is_search, err));
    if (is_search && is_searchable(select))
        return plan_ordered_search(planner, select, &distance, plan, err);

    TRY(plan_scan(planner, select, plan, err));
    if (select->order_by == NULL)
        return MQL_OK;
    TRY(planner_sort(planner, select->order_by, select->node, select->scope,
                     *plan, plan, err));
    SortPlan *sort = (SortPlan *)(void *)*plan;
    sort->limit = select->limit;
    sort->offset = select->offset;
    return MQL_OK;
}

static mql_status
add_limit(Planner *planner, const Select *select, const PlanNode **plan,
          Error *err)
{
    if (select->limit == NULL && select->offset == NULL)
        return MQL_OK;
    LimitPlan *limit = arena_new(planner->arena, LimitPlan);
    if (limit == NULL)
        return error_no_memory(err);
    *limit = (LimitPlan){
        .base = {PLAN_LIMIT, *plan, (*plan)->columns, (*plan)->column_count},
        .limit = select->limit,
        .offset = select->offset,
    };
    *plan = &limit->base;
    return MQL_OK;
}

mql_status
planner_select(Planner *planner, const Node *node, const PlanNode **plan,
               Error *err)
{
    Select select = {.node = node, .order_by = node_child(node, NODE_ORDER_BY)};
    TRY(reject_unbuilt(node, err));
    TRY(open_from(planner, &select, err));
    TRY(planner_count(planner, node_child(node, NODE_LIMIT), &select.limit,
                      err));
    TRY(planner_count(planner, node_child(node, NODE_OFFSET), &select.offset,
                      err));

    if (has_count(node)) {
        if (select.version == NULL && select.input == NULL)
            return planner_unbuilt(node, "count(*) without FROM", err);
        TRY(planner_unbuilt(select.order_by, "ORDER BY with count(*)", err));
        TRY(plan_count(planner, &select, plan, err));
        return add_limit(planner, &select, plan, err);
    }
    TRY(plan_rows(planner, &select, plan, err));
    /* A search skips its offset itself. */
    if ((*plan)->kind != PLAN_SEARCH)
        TRY(add_limit(planner, &select, plan, err));
    return planner_project(planner, node, select.scope, *plan, NULL, 0, plan,
                           err);
}
