/* SPDX-License-Identifier: Apache-2.0 */
/* planner.c - what SELECT, SEARCH and DELETE share: names, scopes, tables. */
#include "engine/plan/planner.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char *
planner_text(Planner *planner, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0)
        return NULL;

    char *text = arena_alloc(planner->arena, (size_t)size + 1);
    if (text == NULL)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)size + 1, format, args);
    va_end(args);
    return text;
}

mql_status
planner_unbuilt(const Node *clause, const char *what, Error *err)
{
    if (clause == NULL)
        return MQL_OK;
    return error_at(err, ERR_FEATURE_NOT_SUPPORTED, clause->position,
                    "%s is not supported yet", what);
}

static bool
is_catalog_name(Slice name)
{
    static const Slice schema = {"mql_catalog.", 12};
    return name.size > schema.size &&
           slice_equal_nocase((Slice){name.data, schema.size}, schema);
}

static bool
may_name(const Planner *planner, const Collection *collection)
{
    return planner->access == NULL ||
           access_sees_collection(planner->access, planner->user,
                                  collection->database, collection->id);
}

/* Hint at a collection whose name is close to the missing one. */
static mql_status
collection_missing(Planner *planner, const Node *name, Error *err)
{
    const Version *version = planner->version;
    if (is_catalog_name(name->text))
        return planner_unbuilt(name, "schema mql_catalog", err);
    if (version_require_database(version, planner->database,
                                 planner->database_name, err) != MQL_OK)
        return error_locate(err, name->position);
    error_at(err, ERR_UNDEFINED_TABLE, name->position,
             "collection \"%.*s\" does not exist", (int)name->text.size,
             name->text.data);

    size_t room = version->collection_count;
    for (uint32_t i = 0; i < version->collection_count; i++)
        room += version->collections[i]->collection->alias_count;
    Slice *names = arena_alloc_array(planner->arena, room, sizeof *names);
    if (names == NULL || room == 0)
        return err->status;
    uint32_t count = 0;
    for (uint32_t i = 0; i < version->collection_count; i++) {
        const Collection *collection = version->collections[i]->collection;
        if (collection->database != planner->database ||
            !may_name(planner, collection))
            continue;
        names[count++] = slice_of(collection->name);
        for (uint32_t k = 0; k < collection->alias_count; k++)
            names[count++] = slice_of(collection->aliases[k]);
    }
    int32_t closest = name_closest(name->text, names, count);
    if (closest >= 0)
        error_hint(err, "Did you mean \"%.*s\"?", (int)names[closest].size,
                   names[closest].data);
    return err->status;
}

/* The plan outlives the Version it was made with, so it holds its definitions.
 */
static mql_status
retain(Planner *planner, const Collection *collection, Error *err)
{
    if (planner->retained_count == planner->retained_capacity) {
        uint32_t capacity = planner->retained_capacity + 4;
        Collection **list =
            arena_alloc_array(planner->arena, capacity, sizeof *list);
        if (list == NULL)
            return error_no_memory(err);
        for (uint32_t i = 0; i < planner->retained_count; i++)
            list[i] = planner->retained[i];
        planner->retained = list;
        planner->retained_capacity = capacity;
    }
    planner->retained[planner->retained_count++] =
        collection_retain(collection);
    return MQL_OK;
}

void
planner_release(Planner *planner)
{
    for (uint32_t i = 0; i < planner->retained_count; i++)
        collection_release(planner->retained[i]);
    planner->retained = NULL;
    planner->retained_count = planner->retained_capacity = 0;
}

mql_status
planner_collection(Planner *planner, const Node *name,
                   const CollectionVersion **found, Error *err)
{
    *found = version_find_collection(planner->version, planner->database,
                                     name->text);
    if (*found == NULL)
        return collection_missing(planner, name, err);
    return retain(planner, (*found)->collection, err);
}

mql_status
planner_source(Planner *planner, const Node *name,
               const CollectionVersion **found, Error *err)
{
    if (version_check_denied(planner->version, planner->database, "reading",
                             err) != MQL_OK)
        return error_locate(err, name->position);
    return planner_collection(planner, name, found, err);
}

mql_status
planner_scope(Planner *planner, const Collection *collection,
              const ScopeColumn *extra, uint32_t extra_count, Scope **scope,
              Error *err)
{
    uint32_t count = collection->field_count + extra_count;
    ScopeColumn *columns =
        arena_alloc_array(planner->arena, count, sizeof *columns);
    bool *used = arena_alloc_array(planner->arena, count, sizeof *used);
    *scope = arena_new(planner->arena, Scope);
    if (columns == NULL || used == NULL || *scope == NULL)
        return error_no_memory(err);

    int32_t dynamic = -1;
    for (uint32_t i = 0; i < collection->field_count; i++) {
        const Field *field = &collection->fields[i];
        columns[i] = (ScopeColumn){slice_of(field->name), field->type};
        if (field->is_dynamic)
            dynamic = (int32_t)i;
    }
    for (uint32_t i = 0; i < extra_count; i++)
        columns[collection->field_count + i] = extra[i];

    **scope = (Scope){
        .columns = columns,
        .column_count = count,
        .field_count = collection->field_count,
        .dynamic_column = dynamic,
        .used = used,
        .parameter_types = planner->parameter_types,
        .parameter_count = planner->parameter_count,
    };
    return MQL_OK;
}

/* Ids of the named partitions. */
static mql_status
find_partitions(Planner *planner, const Collection *collection,
                const Node *partitions, TablePlan *table, Error *err)
{
    uint64_t *ids =
        arena_alloc_array(planner->arena, partitions->count, sizeof *ids);
    if (ids == NULL)
        return error_no_memory(err);
    uint32_t count = 0;
    for (const Node *name = partitions->first; name != NULL;
         name = name->next) {
        int32_t found = collection_find_partition(collection, name->text);
        if (found < 0)
            return error_at(err, ERR_UNDEFINED_OBJECT, name->position,
                            "partition \"%.*s\" of collection \"%s\" does not "
                            "exist",
                            (int)name->text.size, name->text.data,
                            collection->name);
        ids[count++] = collection->partitions[found].id;
    }
    table->partitions = ids;
    table->partition_count = count;
    return MQL_OK;
}

/* A released collection answers nothing until it is loaded again. */
static mql_status
require_loaded(const Collection *collection, const TablePlan *table, Error *err)
{
    for (uint32_t i = 0; collection->is_loaded && i < table->partition_count;
         i++) {
        int32_t position =
            collection_find_partition_id(collection, table->partitions[i]);
        if (position < 0 || collection->partitions[position].is_loaded)
            continue;
        const char *name = collection->partitions[position].name;
        error_set(err, ERR_NOT_READY,
                  "partition \"%s\" of collection \"%s\" is not loaded", name,
                  collection->name);
        return error_hint(err,
                          "LOAD COLLECTION %s PARTITION (%s) makes it answer "
                          "again.",
                          collection->name, name);
    }
    if (collection->is_loaded)
        return MQL_OK;
    error_set(err, ERR_NOT_READY, "collection \"%s\" is not loaded",
              collection->name);
    return error_hint(err, "LOAD COLLECTION %s makes it answer again.",
                      collection->name);
}

mql_status
planner_table(Planner *planner, const CollectionVersion *version,
              const Scope *scope, const Node *partitions, const Node *where,
              TablePlan *table, Error *err)
{
    const Collection *collection = version->collection;
    *table = (TablePlan){
        .collection = collection,
        .scope = scope,
        .used = scope->used,
        .column_count = scope->column_count,
    };
    if (partitions != NULL)
        TRY(find_partitions(planner, collection, partitions, table, err));
    TRY(require_loaded(collection, table, err));
    if (where == NULL)
        return MQL_OK;

    /* The fields that only the filter reads need not be in the batches: it
     * notes its own. */
    Scope filter_scope = *scope;
    filter_scope.used = NULL;
    /* A search's own columns are not there yet. */
    filter_scope.column_count = collection->field_count;
    Expr *condition;
    TRY(expr_analyse_condition(where->first, &filter_scope, "WHERE",
                               planner->arena, &condition, err));
    return planner_filter(planner, collection, scope, condition, table, err);
}

mql_status
planner_count(Planner *planner, const Node *clause, const Expr **expr,
              Error *err)
{
    *expr = NULL;
    if (clause == NULL)
        return MQL_OK;
    Scope none = {.dynamic_column = -1,
                  .parameter_types = planner->parameter_types,
                  .parameter_count = planner->parameter_count};
    Expr *analysed;
    TRY(expr_analyse(clause->first, &none, type_of(TYPE_INT64), planner->arena,
                     &analysed, err));
    if (expr_coerce(analysed, type_of(TYPE_INT64), planner->arena, &analysed,
                    err) != MQL_OK)
        return error_locate(err, clause->first->position);
    *expr = analysed;
    return MQL_OK;
}

/* What AS OF takes; a parameter's type is known when it runs. */
static bool
is_moment(const Expr *expr, bool is_sequence)
{
    TypeKind kind = expr->type.kind;
    if (kind == TYPE_NULL)
        return true;
    return type_is_integer(kind) || (kind == TYPE_TIMESTAMPTZ && !is_sequence);
}

mql_status
planner_moment(Planner *planner, const Node *as_of, TablePlan *table,
               Error *err)
{
    if (as_of == NULL)
        return MQL_OK;
    const Node *node = as_of->first;
    planner->has_moment = true;
    Scope none = {.dynamic_column = -1,
                  .parameter_types = planner->parameter_types,
                  .parameter_count = planner->parameter_count};
    table->is_sequence = as_of->kind == NODE_AS_OF && as_of->text.size > 0;
    TypeKind wanted = table->is_sequence ? TYPE_INT64 : TYPE_TIMESTAMPTZ;
    if (node->kind == NODE_PARAMETER && !table->is_sequence)
        wanted = TYPE_NULL;
    Expr *expr;
    TRY(expr_analyse(node, &none, type_of(wanted), planner->arena, &expr, err));
    if (expr->type.kind == TYPE_VARCHAR &&
        expr_coerce(expr, type_of(wanted), planner->arena, &expr, err) !=
            MQL_OK)
        return error_locate(err, node->position);
    char text[TYPE_TEXT_SIZE];
    type_text(text, expr->type);
    if (!is_moment(expr, table->is_sequence))
        return error_at(err, ERR_DATATYPE_MISMATCH, node->position,
                        "argument of AS OF must be %s, not type %s",
                        table->is_sequence
                            ? "an integer"
                            : "a timestamp or milliseconds since 1970",
                        text);
    table->moment = expr;
    return MQL_OK;
}

mql_status
planner_query(Planner *planner, const Node *query, const PlanNode **plan,
              Error *err)
{
    bool is_endless = planner->is_cursor && query->kind == NODE_SEARCH;
    planner->is_cursor = false; /* not for queries within this one */
    if (is_endless)
        return planner_search_all(planner, query, plan, err);
    if (query->kind == NODE_SELECT)
        return planner_select(planner, query, plan, err);
    if (query->kind == NODE_SEARCH)
        return planner_search(planner, query, plan, err);
    return planner_unbuilt(query, node_kind_name(query->kind), err);
}
