/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search.c - the plan of a SEARCH, and the options of every vector search.
 *
 * The result is [query], key, distance, then the RETURNING items. The batches
 * of the search node have the fields at their positions, `distance` after them,
 * and `query` last.
 */
#include "engine/plan/planner.h"

#include <math.h>
#include <string.h>

/* Milvus: limit + offset at most 16,384; the executor checks it. */

void
planner_choose_index(const Collection *collection, uint32_t field,
                     const Metric *metric, SearchPlan *plan)
{
    ElementType element = type_element(collection->fields[field].type.kind);
    plan->metric = metric != NULL ? *metric : metric_usual(element);
    plan->index = NULL;
    for (uint32_t i = 0; i < collection->index_count; i++) {
        const IndexDefinition *index = &collection->indexes[i];
        if (index->field != collection->fields[field].id ||
            !index->kind->is_vector)
            continue;
        if (metric != NULL && index->metric != *metric)
            continue;
        plan->index = index;
        plan->metric = index->metric;
        index_options_default(index->kind->search_options, &plan->options);
        return;
    }
}

/* ---- WITH (...) ---- */

/* A constant option's value; a bare word is text, no value at all is true. */
static mql_status
option_value(Planner *planner, const Node *option, Value *value, Error *err)
{
    const Node *node = option->first;
    if (node == NULL) {
        *value = value_bool(true);
        return MQL_OK;
    }
    if (node->kind == NODE_NAME || node->kind == NODE_DOUBLE_QUOTED) {
        *value = value_text(node->text);
        return MQL_OK;
    }
    Scope none = {.dynamic_column = -1};
    Expr *expr;
    TRY(expr_analyse(node, &none, type_of(TYPE_NULL), planner->arena, &expr,
                     err));
    if (expr->kind != EXPR_CONSTANT)
        return error_at(err, ERR_INVALID_PARAMETER, node->position,
                        "\"%.*s\" takes a constant", (int)option->text.size,
                        option->text.data);
    *value = expr->value;
    return MQL_OK;
}

static mql_status
convert_option(Planner *planner, const Node *option, TypeKind kind,
               Value *value, Error *err)
{
    Value given;
    TRY(option_value(planner, option, &given, err));
    bool is_switch = given.type.kind == TYPE_BOOL && !given.is_null;
    bool wants_switch = kind == TYPE_BOOL;
    if (is_switch != wants_switch &&
        (is_switch || type_is_integer(given.type.kind)))
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "\"%.*s\" requires %s", (int)option->text.size,
                        option->text.data,
                        wants_switch ? "true or false" : "a value");
    if (value_convert(&given, type_of(kind), true, planner->arena, value,
                      err) != MQL_OK)
        return error_locate(err, option->position);
    if (value->is_null)
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "\"%.*s\" takes no NULL", (int)option->text.size,
                        option->text.data);
    return MQL_OK;
}

static mql_status
set_radius(Planner *planner, const Node *option, SearchPlan *plan, Error *err)
{
    Value value;
    TRY(convert_option(planner, option, TYPE_DOUBLE, &value, err));
    plan->has_radius = true;
    plan->radius = value.real;
    return MQL_OK;
}

static mql_status
set_range_filter(Planner *planner, const Node *option, SearchPlan *plan,
                 Error *err)
{
    Value value;
    TRY(convert_option(planner, option, TYPE_DOUBLE, &value, err));
    plan->has_range_filter = true;
    plan->range_filter = value.real;
    return MQL_OK;
}

static mql_status
set_round_decimal(Planner *planner, const Node *option, SearchPlan *plan,
                  Error *err)
{
    Value value;
    TRY(convert_option(planner, option, TYPE_INT64, &value, err));
    if (value.integer < -1 || value.integer > 6)
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "\"round_decimal\" must be between -1 and 6");
    plan->round_decimal = (int32_t)value.integer;
    return MQL_OK;
}

static mql_status
set_exact(Planner *planner, const Node *option, SearchPlan *plan, Error *err)
{
    Value value;
    TRY(convert_option(planner, option, TYPE_BOOL, &value, err));
    plan->is_exact = value.boolean;
    return MQL_OK;
}

/* How an index is to come to the rows that a WHERE lets through. */
static mql_status
set_filter_plan(Planner *planner, const Node *option, SearchPlan *plan,
                Error *err)
{
    Value value;
    TRY(convert_option(planner, option, TYPE_VARCHAR, &value, err));
    if (!filter_plan_from_name(value.bytes, &plan->filter_plan)) {
        error_at(err, ERR_INVALID_PARAMETER, option->position,
                 "unknown filter plan \"%.*s\"", (int)value.bytes.size,
                 value.bytes.data);
        return error_hint(err, "Plans are auto, scan, graph, post, cluster.");
    }
    plan->filter_plan_position = option->position;
    return MQL_OK;
}

static mql_status
set_ignore_growing(Planner *planner, const Node *option, SearchPlan *plan,
                   Error *err)
{
    Value value;
    TRY(convert_option(planner, option, TYPE_BOOL, &value, err));
    plan->ignores_growing = value.boolean;
    return MQL_OK;
}

/* Every read here sees every commit before it: each level is kept. */
static mql_status
set_consistency(Planner *planner, const Node *option, SearchPlan *plan,
                Error *err)
{
    (void)plan;
    static const char *const levels[] = {"Strong", "Bounded", "Session",
                                         "Eventually"};
    Value value;
    TRY(convert_option(planner, option, TYPE_VARCHAR, &value, err));
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (slice_equal_nocase(value.bytes, slice_of(levels[i])))
            return MQL_OK;
    error_at(err, ERR_INVALID_PARAMETER, option->position,
             "unknown consistency level \"%.*s\"", (int)value.bytes.size,
             value.bytes.data);
    return error_hint(err, "Levels are Strong, Bounded, Session, Eventually.");
}

static mql_status
set_metric(Planner *planner, const Node *option, SearchPlan *plan, Error *err)
{
    Value value;
    Metric metric;
    ElementType element =
        metric_fits(plan->metric, ELEMENT_BIT) ? ELEMENT_BIT : ELEMENT_F32;
    TRY(convert_option(planner, option, TYPE_VARCHAR, &value, err));
    if (!metric_from_name(value.bytes, &metric)) {
        error_at(err, ERR_INVALID_PARAMETER, option->position,
                 "unknown metric \"%.*s\"", (int)value.bytes.size,
                 value.bytes.data);
        return error_hint(err, "Metrics are %s.", metric_choice(element));
    }
    if (!metric_fits(metric, element)) {
        error_at(err, ERR_INVALID_PARAMETER, option->position,
                 "metric %s is not for %s vectors", metric_name(metric),
                 element == ELEMENT_BIT ? "binary" : "dense");
        return error_hint(err, "Metrics are %s.", metric_choice(element));
    }
    if (plan->index != NULL && plan->index->metric != metric)
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "metric %s does not match the index's %s",
                        metric_name(metric), metric_name(plan->index->metric));
    plan->metric = metric;
    return MQL_OK;
}

/* Milvus' way to write AS OF; 0 is now. */
static mql_status
set_travel(Planner *planner, const Node *option, SearchPlan *plan, Error *err)
{
    Value value;
    TRY(convert_option(planner, option, TYPE_INT64, &value, err));
    if (value.integer == 0)
        return MQL_OK;
    if (plan->table.moment != NULL)
        return error_at(err, ERR_SYNTAX_ERROR, option->position,
                        "\"travel_timestamp\" besides AS OF");
    return planner_moment(planner, option, &plan->table, err);
}

static mql_status
set_recall(Planner *planner, const Node *option, SearchPlan *plan, Error *err)
{
    Value value;
    TRY(convert_option(planner, option, TYPE_DOUBLE, &value, err));
    if (!(value.real > 0 && value.real <= 1))
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "\"recall\" must be above 0 and at most 1");
    const IndexKind *kind = plan->index != NULL ? plan->index->kind : NULL;
    if (kind != NULL && !kind->is_exact && !kind->takes_recall)
        return planner_unbuilt(option, "\"recall\" of this kind of index", err);
    plan->recall = value.real;
    plan->recall_position = option->position;
    return MQL_OK;
}

/* Names offered for a misspelt one: options of all kinds. */
#define EFFORTS_MOST 64

/* What every search takes, whatever its index. */
static const struct {
    const char *name;
    mql_status (*set)(Planner *, const Node *, SearchPlan *, Error *);
} common_options[] = {
    {"radius", set_radius},
    {"range_filter", set_range_filter},
    {"round_decimal", set_round_decimal},
    {"exact", set_exact},
    {"filter_plan", set_filter_plan},
    {"ignore_growing", set_ignore_growing},
    {"consistency_level", set_consistency},
    {"metric_type", set_metric},
    {"travel_timestamp", set_travel},
    {"recall", set_recall},
};

/* Of a table; NULL: none has the name. */
static const IndexOption *
option_named(const IndexOption *table, Slice name)
{
    for (; table->name != NULL; table++)
        if (index_option_is(table, name))
            return table;
    return NULL;
}

/* An effort option belongs to some kinds of index: to that of the plan, else to
 * any other. NULL: to none. */
static const IndexOption *
effort_option(const SearchPlan *plan, Slice name)
{
    const IndexOption *option = NULL;
    if (plan->index != NULL)
        option = option_named(plan->index->kind->search_options, name);
    for (size_t i = 0; option == NULL && index_kinds[i] != NULL; i++)
        option = option_named(index_kinds[i]->search_options, name);
    return option;
}

/* On another kind, or on an exact search, it has nothing to steer. */
static void
tell_no_effect(Planner *planner, const SearchPlan *plan,
               const IndexOption *effort)
{
    if (planner->notice == NULL)
        return;
    const char *text = planner_text(
        planner, "\"%s\" has no effect on %s", effort->name,
        plan->index != NULL ? plan->index->kind->name : "an exact search");
    if (text != NULL)
        planner->notice(planner->notice_context, text);
}

static mql_status
set_effort(Planner *planner, const Node *option, const IndexOption *effort,
           SearchPlan *plan, Error *err)
{
    Value value;
    TRY(convert_option(planner, option, TYPE_INT64, &value, err));
    if (value.integer < effort->least || value.integer > effort->most)
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "\"%s\" must be between %lld and %lld", effort->name,
                        (long long)effort->least, (long long)effort->most);
    const IndexOption *table =
        plan->index != NULL ? plan->index->kind->search_options : NULL;
    for (size_t i = 0; table != NULL && table[i].name != NULL; i++)
        if (&table[i] == effort) {
            plan->options.values[i] = value.integer;
            plan->has_effort = true;
            plan->given_at[i] = option->position;
            return MQL_OK;
        }
    tell_no_effect(planner, plan, effort);
    return MQL_OK;
}

static mql_status
unknown_option(const Node *option, Error *err)
{
    enum { COMMON = sizeof common_options / sizeof common_options[0] };
    Slice names[COMMON + EFFORTS_MOST];
    size_t count = 0;
    for (; count < COMMON; count++)
        names[count] = slice_of(common_options[count].name);
    for (size_t i = 0; index_kinds[i] != NULL; i++)
        for (const IndexOption *effort = index_kinds[i]->search_options;
             effort->name != NULL && count < COMMON + EFFORTS_MOST; effort++)
            names[count++] = slice_of(effort->name);
    error_at(err, ERR_INVALID_PARAMETER, option->position,
             "unknown search parameter \"%.*s\"", (int)option->text.size,
             option->text.data);
    int32_t closest = name_closest(option->text, names, (uint32_t)count);
    if (closest >= 0)
        error_hint(err, "Did you mean \"%.*s\"?", (int)names[closest].size,
                   names[closest].data);
    return err->status;
}

static mql_status
set_option(Planner *planner, const Node *option, SearchPlan *plan, Error *err)
{
    for (size_t i = 0; i < sizeof common_options / sizeof common_options[0];
         i++)
        if (slice_equal_nocase(option->text, slice_of(common_options[i].name)))
            return common_options[i].set(planner, option, plan, err);
    const IndexOption *effort = effort_option(plan, option->text);
    if (effort != NULL)
        return set_effort(planner, option, effort, plan, err);
    return unknown_option(option, err);
}

/* An effort and a recall would each say how far to look. */
static mql_status
check_effort(const SearchPlan *plan, Error *err)
{
    if (plan->recall > 0 && plan->has_effort)
        return error_at(err, ERR_INVALID_PARAMETER, plan->recall_position,
                        "\"recall\" and an effort exclude each other");
    return MQL_OK;
}

/* The search must be one that can do it. */
static mql_status
check_filter_plan(const SearchPlan *plan, Error *err)
{
    bool is_by_index = plan->index != NULL && !plan->is_exact &&
                       !plan->is_endless && !plan->has_range_filter;
    const char *who = is_by_index ? plan->index->kind->name : "an exact search";
    uint32_t plans =
        is_by_index ? plan->index->kind->filter_plans : FILTER_SET(FILTER_SCAN);
    plans |= FILTER_SET(FILTER_AUTO);
    if ((plans & FILTER_SET(plan->filter_plan)) != 0)
        return MQL_OK;
    return error_at(err, ERR_INVALID_PARAMETER, plan->filter_plan_position,
                    "%s has no filter plan \"%s\"", who,
                    filter_plan_name(plan->filter_plan));
}

static void
tell_no_condition(Planner *planner, const SearchPlan *plan)
{
    if (plan->filter_plan != FILTER_AUTO && plan->table.conjunct_count == 0 &&
        planner->notice != NULL)
        planner->notice(planner->notice_context,
                        "\"filter_plan\" has no effect without a condition");
}

/* radius and range_filter must leave something between them. */
static mql_status
check_range(const Node *options, const SearchPlan *plan, Error *err)
{
    if (!plan->has_range_filter)
        return MQL_OK;
    if (!plan->has_radius)
        return error_at(err, ERR_INVALID_PARAMETER, options->position,
                        "\"range_filter\" needs \"radius\"");
    bool similar = metric_is_similarity(plan->metric);
    bool is_empty = similar ? plan->range_filter <= plan->radius
                            : plan->range_filter >= plan->radius;
    if (is_empty)
        return error_at(err, ERR_INVALID_PARAMETER, options->position,
                        "\"range_filter\" must be %s than \"radius\" with "
                        "metric %s",
                        similar ? "greater" : "less",
                        metric_name(plan->metric));
    return MQL_OK;
}

mql_status
planner_search_options(Planner *planner, const Node *options, SearchPlan *plan,
                       Error *err)
{
    if (options == NULL)
        return MQL_OK;
    for (const Node *option = options->first; option != NULL;
         option = option->next)
        TRY(set_option(planner, option, plan, err));
    TRY(check_effort(plan, err));
    TRY(check_filter_plan(plan, err));
    tell_no_condition(planner, plan);
    /* Last: what a range means depends on the metric. */
    return check_range(options, plan, err);
}

/* ---- ON field, FOR targets ---- */

static mql_status
find_vector_field(const Collection *collection, const Node *search,
                  uint32_t *field, Error *err)
{
    const Node *on = node_child(search, NODE_ON_FIELD);
    if (on != NULL) {
        int32_t found = collection_find_field(collection, on->text);
        if (found < 0)
            return error_at(err, ERR_UNDEFINED_COLUMN, on->position,
                            "field \"%.*s\" does not exist", (int)on->text.size,
                            on->text.data);
        if (!type_is_vector(collection->fields[found].type.kind))
            return error_at(err, ERR_WRONG_OBJECT_TYPE, on->position,
                            "field \"%s\" is not a vector",
                            collection->fields[found].name);
        *field = (uint32_t)found;
        return MQL_OK;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < collection->field_count; i++)
        if (type_is_vector(collection->fields[i].type.kind)) {
            *field = i;
            count++;
        }
    if (count == 1)
        return MQL_OK;
    if (count == 0)
        return error_at(err, ERR_UNDEFINED_COLUMN, search->position,
                        "collection \"%s\" has no vector field",
                        collection->name);
    error_at(err, ERR_AMBIGUOUS_COLUMN, search->position,
             "collection \"%s\" has %u vector fields", collection->name, count);
    return error_hint(err, "Name one: SEARCH %s ON field FOR ...",
                      collection->name);
}

static mql_status
vector_target(Planner *planner, const Node *node, Type type,
              SearchTarget *target, Error *err)
{
    Scope none = {.dynamic_column = -1,
                  .parameter_types = planner->parameter_types,
                  .parameter_count = planner->parameter_count};
    Expr *expr;
    TRY(expr_analyse(node, &none, type, planner->arena, &expr, err));
    if (expr_coerce(expr, type, planner->arena, &expr, err) != MQL_OK)
        return error_locate(err, node->position);
    target->vector = expr;
    target->position = node->position;
    return MQL_OK;
}

static mql_status
query_target(Planner *planner, const Node *node, Type type,
             SearchTarget *target, Error *err)
{
    TRY(planner_query(planner, node, &target->query, err));
    target->position = node->position;
    if (target->query->column_count != 1)
        return error_at(err, ERR_SYNTAX_ERROR, node->position,
                        "a query as target must give one column");
    if (!type_equal(target->query->columns[0].type, type))
        return error_at(err, ERR_DATATYPE_MISMATCH, node->position,
                        "a query as target must give the field's type");
    return MQL_OK;
}

static mql_status
key_target(Planner *planner, const Node *node, Type type, SearchTarget *target,
           Error *err)
{
    Scope none = {.dynamic_column = -1,
                  .parameter_types = planner->parameter_types,
                  .parameter_count = planner->parameter_count};
    Expr *expr;
    TRY(expr_analyse(node, &none, type, planner->arena, &expr, err));
    if (expr_coerce(expr, type, planner->arena, &expr, err) != MQL_OK)
        return error_locate(err, node->position);
    target->key = expr;
    target->position = node->position;
    return MQL_OK;
}

static uint32_t
count_targets(const Node *targets)
{
    uint32_t count = 0;
    for (const Node *node = targets->first; node != NULL; node = node->next)
        count += node->kind == NODE_TARGET_KEYS ? node->count : 1;
    return count;
}

static mql_status
plan_targets(Planner *planner, const Collection *collection,
             const Node *targets, SearchPlan *plan, Error *err)
{
    Type type = collection->fields[plan->field].type;
    Type key_type = collection->fields[collection->primary].type;
    uint32_t count = count_targets(targets);
    SearchTarget *list = arena_alloc_array(planner->arena, count, sizeof *list);
    if (list == NULL)
        return error_no_memory(err);

    uint32_t filled = 0;
    for (const Node *node = targets->first; node != NULL; node = node->next) {
        if (node->kind == NODE_TARGET_KEYS) {
            for (const Node *key = node->first; key != NULL; key = key->next)
                TRY(key_target(planner, key, key_type, &list[filled++], err));
            continue;
        }
        if (node->kind == NODE_SELECT || node->kind == NODE_SEARCH) {
            TRY(query_target(planner, node, type, &list[filled++], err));
            plan->numbers_queries = true; /* may give many rows */
            continue;
        }
        TRY(vector_target(planner, node, type, &list[filled++], err));
    }
    plan->targets = list;
    plan->target_count = count;
    if (count > 1)
        plan->numbers_queries = true;
    return MQL_OK;
}

/* ---- SEARCH ---- */

static const ScopeColumn search_columns[] = {
    {{"distance", 8}, {.kind = TYPE_FLOAT}},
    {{"query", 5}, {.kind = TYPE_INT64}},
};

static mql_status
plan_search_node(Planner *planner, const Node *node, Scope **scope,
                 SearchPlan **plan, Error *err)
{
    const CollectionVersion *version;
    TRY(planner_source(planner, node_child(node, NODE_NAME), &version, err));
    const Collection *collection = version->collection;
    TRY(planner_scope(planner, collection, search_columns, 2, scope, err));
    (*scope)->qualifier = node_child(node, NODE_NAME)->text;

    SearchPlan *search = arena_new(planner->arena, SearchPlan);
    if (search == NULL)
        return error_no_memory(err);
    search->base = (PlanNode){PLAN_SEARCH, NULL, (*scope)->columns,
                              (*scope)->column_count};
    search->round_decimal = -1;
    search->distance_column = (int32_t)collection->field_count;
    search->query_column = (int32_t)collection->field_count + 1;
    TRY(find_vector_field(collection, node, &search->field, err));
    TRY(planner_table(planner, version, *scope,
                      node_child(node, NODE_PARTITIONS),
                      node_child(node, NODE_WHERE), &search->table, err));
    TRY(planner_moment(planner, node_child(node, NODE_AS_OF), &search->table,
                       err));
    planner_choose_index(collection, search->field, NULL, search);
    TRY(planner_search_options(planner, node_child(node, NODE_OPTIONS), search,
                               err));
    TRY(plan_targets(planner, collection, node_child(node, NODE_TARGETS),
                     search, err));
    TRY(planner_count(planner, node_child(node, NODE_LIMIT), &search->limit,
                      err));
    TRY(planner_count(planner, node_child(node, NODE_OFFSET), &search->offset,
                      err));
    *plan = search;
    return MQL_OK;
}

static mql_status
plan_search(Planner *planner, const Node *node, bool is_endless,
            const PlanNode **plan, Error *err)
{
    TRY(planner_unbuilt(node_child(node, NODE_GROUP_BY), "GROUP BY", err));

    Scope *scope;
    SearchPlan *search = NULL;
    TRY(plan_search_node(planner, node, &scope, &search, err));
    search->is_endless = is_endless;
    TRY(check_filter_plan(search, err));
    *plan = &search->base;

    const Node *order_by = node_child(node, NODE_ORDER_BY);
    if (order_by != NULL)
        TRY(planner_sort(planner, order_by, NULL, scope, *plan, plan, err));

    uint32_t leading[3], leading_count = 0;
    if (search->numbers_queries)
        leading[leading_count++] = (uint32_t)search->query_column;
    leading[leading_count++] = search->table.collection->primary;
    leading[leading_count++] = (uint32_t)search->distance_column;
    return planner_project(planner, node_child(node, NODE_RETURNING), scope,
                           *plan, leading, leading_count, plan, err);
}

mql_status
planner_search(Planner *planner, const Node *node, const PlanNode **plan,
               Error *err)
{
    return plan_search(planner, node, false, plan, err);
}

mql_status
planner_search_all(Planner *planner, const Node *node, const PlanNode **plan,
                   Error *err)
{
    return plan_search(planner, node, true, plan, err);
}
