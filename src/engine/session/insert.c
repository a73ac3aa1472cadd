/* SPDX-License-Identifier: Apache-2.0 */
/*
 * insert.c - analysis of INSERT and UPSERT, of VALUES or a query's rows.
 *
 * Each value is an expression of its field's type, coerced while the statement
 * is prepared; insert_rows.c evaluates them. Names that are no field go to the
 * dynamic field when the collection has one.
 */
#include "engine/exec/explain.h"
#include "engine/session/insert.h"

#include <string.h>

#include "base/bits.h"
#include "engine/session/kinds.h"

/* ---- places ---- */

static mql_status
add_place(Insert *insert, const Node *name, Error *err)
{
    Place place;
    TRY(change_find_place(insert->collection, name, &place, err));
    if (change_has_place(&place, insert->places, insert->place_count))
        return error_at(err, ERR_DUPLICATE_COLUMN, name->position,
                        "field \"%.*s\" specified more than once",
                        (int)name->text.size, name->text.data);
    insert->places[insert->place_count++] = place;
    return MQL_OK;
}

/* Without a list: the fields in order, an AUTO_ID key only when it is given
 * too. */
static void
default_places(Insert *insert, uint32_t width)
{
    const Collection *collection = insert->collection;
    uint32_t count = collection->field_count;
    if (change_dynamic_field(collection) >= 0)
        count--;
    bool is_short = width < count;
    for (uint32_t i = 0; i < count && insert->place_count < width; i++)
        if (!(is_short && collection->fields[i].is_auto_id))
            insert->places[insert->place_count++] =
                (Place){.field = (int32_t)i};
}

static mql_status
find_places(Prepared *prepared, Insert *insert, const Node *fields,
            uint32_t width, Error *err)
{
    uint32_t most =
        fields != NULL ? fields->count : insert->collection->field_count;
    insert->places = arena_alloc_array(&prepared->plan_arena, most + 1,
                                       sizeof *insert->places);
    if (insert->places == NULL)
        return error_no_memory(err);
    if (fields == NULL)
        default_places(insert, width);
    for (const Node *name = fields != NULL ? fields->first : NULL; name != NULL;
         name = name->next)
        TRY(add_place(insert, name, err));
    return MQL_OK;
}

static mql_status
check_width(const Insert *insert, uint32_t width, int64_t position, Error *err)
{
    if (width == insert->place_count)
        return MQL_OK;
    return error_at(err, ERR_SYNTAX_ERROR, position,
                    "INSERT has %s expressions than target fields",
                    width > insert->place_count ? "more" : "fewer");
}

/* ---- keys that are always generated ---- */

static mql_status
refuse_key(const Insert *insert, const Place *place, int64_t position,
           Error *err)
{
    if (place->field < 0 || insert->is_overriding ||
        !insert->collection->fields[place->field].is_always)
        return MQL_OK;
    const char *name = insert->collection->fields[place->field].name;
    error_at(err, ERR_GENERATED_ALWAYS, position,
             "cannot insert a non-DEFAULT value into field \"%s\"", name);
    error_detail(err, "Field \"%s\" is GENERATED ALWAYS AS IDENTITY.", name);
    return error_hint(err, "Use OVERRIDING SYSTEM VALUE to override.");
}

/* ---- VALUES ---- */

static bool
is_about_value(const Error *err)
{
    return strncmp(err->sqlstate, "22", 2) == 0 ||
           strcmp(err->sqlstate, "42804") == 0;
}

/* Say which row and field a value does not fit. */
static mql_status
blame_place(const Insert *insert, uint32_t row, const Place *place, Error *err)
{
    if (!is_about_value(err) || place->field < 0)
        return err->status;
    const Field *field = &insert->collection->fields[place->field];
    char type[TYPE_TEXT_SIZE];
    type_text(type, field->type);
    return change_blame(err, "Row %u, field \"%s\" of type %s.", row + 1,
                        field->name, type);
}

static mql_status
analyse_row(Prepared *prepared, Insert *insert, const Node *row,
            const Expr **value, Error *err)
{
    const Scope none = {
        .dynamic_column = -1,
        .parameter_types = prepared->planner.parameter_types,
        .parameter_count = prepared->planner.parameter_count,
    };
    TRY(check_width(insert, row->count, row->position, err));
    const Place *place = insert->places;
    for (const Node *node = row->first; node != NULL;
         node = node->next, place++, value++) {
        if (node->kind == NODE_DEFAULT)
            continue;
        TRY(refuse_key(insert, place, node->position, err));
        if (change_value(prepared, &none, node, insert->collection, place,
                         value, err) != MQL_OK)
            return blame_place(insert, insert->row_count, place, err);
    }
    return MQL_OK;
}

static mql_status
analyse_rows(Prepared *prepared, Insert *insert, const Node *rows, Error *err)
{
    size_t count;
    if (!size_multiply(rows->count, insert->place_count + 1, &count))
        return error_no_memory(err);
    insert->values =
        arena_alloc_array(&prepared->plan_arena, count, sizeof *insert->values);
    if (insert->values == NULL)
        return error_no_memory(err);
    const Expr **value = insert->values;
    for (const Node *row = rows->first; row != NULL; row = row->next) {
        TRY(analyse_row(prepared, insert, row, value, err));
        value += insert->place_count;
        insert->row_count++;
    }
    return MQL_OK;
}

/* ---- a query ---- */

/* What the query has in a column. A literal or a parameter takes the type of
 * the field it goes to, as in VALUES: it stands for itself. */
static Expr *
query_item(Prepared *prepared, const Insert *insert, uint32_t column)
{
    const PlanNode *plan = insert->query;
    Expr *expr = arena_new(&prepared->plan_arena, Expr);
    if (expr == NULL)
        return NULL;
    *expr = (Expr){.kind = EXPR_COLUMN,
                   .type = plan->columns[column].type,
                   .position = -1,
                   .column = column};
    if (plan->kind != PLAN_PROJECT)
        return expr;
    const Expr *item = ((const ProjectPlan *)plan)->items[column];
    expr->position = item->position;
    if ((item->kind == EXPR_CONSTANT && item->is_literal) ||
        item->kind == EXPR_PARAMETER)
        *expr = *item;
    return expr;
}

/* The query's column as a value of its place. */
static mql_status
analyse_column(Prepared *prepared, Insert *insert, uint32_t column,
               int64_t position, Error *err)
{
    const Place *place = &insert->places[column];
    TRY(refuse_key(insert, place, position, err));
    Expr *expr = query_item(prepared, insert, column);
    if (expr == NULL)
        return error_no_memory(err);
    insert->values[column] = expr;
    if (place->field < 0)
        return MQL_OK;
    const Field *field = &insert->collection->fields[place->field];
    if (expr_coerce(expr, field->type, &prepared->plan_arena, &expr, err) !=
        MQL_OK) {
        error_locate(err, position);
        return change_blame(err, "Column \"%.*s\" goes to field \"%s\".",
                            (int)insert->query->columns[column].name.size,
                            insert->query->columns[column].name.data,
                            field->name);
    }
    insert->values[column] = expr;
    return MQL_OK;
}

static mql_status
analyse_query(Prepared *prepared, Insert *insert, const Node *query,
              const Node *fields, Error *err)
{
    TRY(planner_query(&prepared->planner, query, &insert->query, err));
    uint32_t width = insert->query->column_count;
    TRY(find_places(prepared, insert, fields, width, err));
    TRY(check_width(insert, width, query->position, err));
    insert->values = arena_alloc_array(&prepared->plan_arena, width + 1,
                                       sizeof *insert->values);
    if (insert->values == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < width; i++)
        TRY(analyse_column(prepared, insert, i, query->position, err));
    return MQL_OK;
}

/* ---- the statement ---- */

/* UPSERT knows its rows by their keys. */
static mql_status
check_upsert(Insert *insert, const Node *root, Error *err)
{
    if (root->kind != NODE_UPSERT)
        return MQL_OK;
    const Collection *collection = insert->collection;
    const Place key = {.field = (int32_t)collection->primary};
    insert->keeps_old = node_child(root, NODE_FIELDS) != NULL;
    if (change_has_place(&key, insert->places, insert->place_count))
        return MQL_OK;
    return error_at(err, ERR_NOT_NULL, root->position,
                    "UPSERT needs the key \"%s\"",
                    collection->fields[collection->primary].name);
}

/* The query node of an INSERT ... SELECT; NULL: VALUES or DEFAULT VALUES. */
static const Node *
source_query(const Node *root)
{
    static const NodeKind kinds[] = {NODE_SELECT, NODE_SEARCH,
                                     NODE_SET_OPERATION};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (node_child(root, kinds[i]) != NULL)
            return node_child(root, kinds[i]);
    return NULL;
}

static mql_status
analyse_source(Prepared *prepared, Insert *insert, const Node *root, Error *err)
{
    const Node *fields = node_child(root, NODE_FIELDS);
    const Node *query = source_query(root);
    const Node *rows = node_child(root, NODE_ROWS);
    if (query != NULL) {
        TRY(analyse_query(prepared, insert, query, fields, err));
        return check_upsert(insert, root, err);
    }
    TRY(find_places(prepared, insert, fields,
                    rows != NULL ? rows->first->count : 0, err));
    TRY(check_upsert(insert, root, err));
    if (rows != NULL)
        return analyse_rows(prepared, insert, rows, err);
    insert->place_count = 0; /* DEFAULT VALUES: one row of defaults */
    insert->row_count = 1;
    return MQL_OK;
}

mql_status
insert_prepare(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    const CollectionVersion *version;
    TRY(planner_collection(&prepared->planner, node_child(root, NODE_NAME),
                           &version, err));
    Insert *insert = arena_new(&prepared->plan_arena, Insert);
    if (insert == NULL)
        return error_no_memory(err);
    insert->collection = version->collection;
    insert->is_upsert = root->kind == NODE_UPSERT;
    insert->is_overriding = node_child(root, NODE_OVERRIDING) != NULL;
    prepared->detail = insert;
    TRY(find_target_partition(root, insert->collection, &insert->partition,
                              err));
    TRY(analyse_source(prepared, insert, root, err));
    const Node *conflict = node_child(root, NODE_ON_CONFLICT);
    if (conflict != NULL)
        TRY(conflict_prepare(prepared, insert->collection, conflict,
                             &insert->conflict, err));
    Scope *scope;
    TRY(planner_scope(&prepared->planner, insert->collection, NULL, 0, &scope,
                      err));
    scope->qualifier = node_child(root, NODE_NAME)->text;
    TRY(returning_prepare(prepared, root, scope, &insert->returning, err));
    prepared->reads_no_rows = insert->query == NULL && conflict == NULL &&
                              insert->returning == NULL && !insert->keeps_old;
    return MQL_OK;
}

mql_status
insert_run(Prepared *prepared, Error *err)
{
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    InsertRun run = {.prepared = prepared,
                     .insert = prepared->detail,
                     .transaction = transaction};
    run.target = (InsertTarget){
        .collection = version_collection(prepared->execution.version,
                                         run.insert->collection->id),
        .partition = run.insert->partition,
        .mode = run.insert->is_upsert ? INSERT_REPLACE : INSERT_NEW,
    };
    run.arena = prepared->batch_arena;
    arena_init(&run.key_arena, 0);
    mql_status status = insert_all(&run, err);
    operator_close(run.operator);
    arena_reset(&run.arena);
    prepared->batch_arena = run.arena;
    arena_free(&run.key_arena);
    map_free(&run.keys);
    return prepared_end(prepared, transaction, status, err);
}

void
insert_explain(const Prepared *prepared, Explainer *explainer)
{
    const Insert *insert = prepared->detail;
    const Conflict *conflict = insert->conflict;
    explain_node(explainer, insert->is_upsert ? "Upsert" : "Insert",
                 insert->collection->name);
    if (conflict != NULL) {
        const char *resolution = conflict->updates ? "UPDATE" : "NOTHING";
        explain_line(explainer, "Conflict Resolution: %s", resolution);
        explain_line_end(explainer);
        explain_text(explainer, "Conflict Resolution", resolution);
    }
    if (conflict != NULL && conflict->where != NULL) {
        Buffer text = BUFFER_INIT;
        expr_print(&text, conflict->where, conflict->scope);
        explain_value(explainer, "Conflict Filter", &text);
    }
    if (insert->query != NULL) {
        explain_input(explainer, insert->query, NULL);
    } else {
        explain_line(explainer, "->  Values (%u %s)", insert->row_count,
                     insert->row_count == 1 ? "row" : "rows");
        explain_line_end(explainer);
        explain_integer(explainer, "Values", insert->row_count);
    }
    explain_node_end(explainer);
}
