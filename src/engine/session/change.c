/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.c - places and values of rows that statements write.
 *
 * Whole columns are worked on: of a row that changes, the columns nobody
 * mentions are passed on as they were read.
 */
#include "engine/session/change.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/session/kinds.h"
#include "engine/session/upsert.h"
#include "engine/value/json.h"

/* ---- places ---- */

int32_t
change_dynamic_field(const Collection *collection)
{
    uint32_t count = collection->field_count;
    bool has_one = count > 0 && collection->fields[count - 1].is_dynamic;
    return has_one ? (int32_t)count - 1 : -1;
}

static mql_status
field_missing(const Collection *collection, const Node *name, Error *err)
{
    error_at(err, ERR_UNDEFINED_COLUMN, name->position,
             "field \"%.*s\" of collection \"%s\" does not exist",
             (int)name->text.size, name->text.data, collection->name);
    Slice names[FIELDS_MOST + 1];
    for (uint32_t i = 0; i < collection->field_count; i++)
        names[i] = slice_of(collection->fields[i].name);
    int32_t closest = name_closest(name->text, names, collection->field_count);
    if (closest >= 0)
        error_hint(err, "Did you mean \"%s\"?",
                   collection->fields[closest].name);
    return err->status;
}

mql_status
change_find_place(const Collection *collection, const Node *name, Place *place,
                  Error *err)
{
    int32_t field = collection_find_field(collection, name->text);
    if (field < 0 && change_dynamic_field(collection) < 0)
        return field_missing(collection, name, err);
    *place = (Place){field < 0 ? -1 : field, name->text};
    return MQL_OK;
}

bool
change_has_place(const Place *place, const Place *others, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (place->field >= 0
                ? others[i].field == place->field
                : others[i].field < 0 && slice_equal(others[i].key, place->key))
            return true;
    return false;
}

/* ---- values ---- */

mql_status
change_value(Prepared *prepared, const Scope *scope, const Node *node,
             const Collection *collection, const Place *place,
             const Expr **value, Error *err)
{
    const Field *field =
        place->field >= 0 ? &collection->fields[place->field] : NULL;
    /* A list for a key of the dynamic field is JSON, not a vector of floats. */
    bool is_list = node->kind == NODE_VECTOR || node->kind == NODE_LIST;
    Type type =
        field != NULL ? field->type : type_of(is_list ? TYPE_JSON : TYPE_NULL);
    Expr *expr;
    mql_status status =
        expr_analyse(node, scope, type, &prepared->plan_arena, &expr, err);
    if (status == MQL_OK && field != NULL)
        status = expr_coerce(expr, type, &prepared->plan_arena, &expr, err);
    if (status != MQL_OK)
        return error_locate(err, node->position);
    *value = expr;
    return MQL_OK;
}

mql_status
change_blame(Error *err, const char *format, ...)
{
    char where[ERROR_TEXT_SIZE], rest[ERROR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(where, sizeof where, format, arguments);
    va_end(arguments);
    memcpy(rest, err->detail, sizeof rest);
    err->detail[0] = '\0';
    return error_detail(err, "%s%s%s", where, rest[0] != '\0' ? " " : "", rest);
}

mql_status
change_blame_row(Error *err, const Collection *collection, const Column *keys,
                 uint32_t row)
{
    Value key = column_value(keys, row);
    Buffer text = BUFFER_INIT;
    value_print(&text, &key);
    change_blame(err, "Row with key (%s)=(%s).",
                 collection->fields[collection->primary].name,
                 buffer_text(&text));
    buffer_free(&text);
    return err->status;
}

mql_status
change_blame_field(Error *err, const Collection *collection, const Place *place)
{
    if (place->field < 0)
        return err->status;
    const Field *field = &collection->fields[place->field];
    char type[TYPE_TEXT_SIZE];
    type_text(type, field->type);
    return change_blame(err, "Field \"%s\" is of type %s.", field->name, type);
}

mql_status
change_json_value(Value *value, Arena *arena, Error *err)
{
    if (value->is_null)
        return MQL_OK;
    Buffer json = BUFFER_INIT;
    mql_status status = value_to_json(&json, value, err);
    Slice item = arena_copy_slice(arena, buffer_slice(&json));
    bool failed = buffer_failed(&json) || item.data == NULL;
    buffer_free(&json);
    *value = (Value){.type = type_of(TYPE_JSON), .bytes = item};
    return status == MQL_OK && failed ? error_no_memory(err) : status;
}

mql_status
change_to_json(const Column *in, uint32_t count, Arena *arena, Column *out,
               Error *err)
{
    ColumnBuilder builder;
    TRY(column_builder_init(&builder, type_of(TYPE_JSON), count, arena, err));
    for (uint32_t row = 0; row < count; row++) {
        Value value = column_value(in, row);
        TRY(change_json_value(&value, arena, err));
        column_builder_set(&builder, row, &value);
    }
    *out = column_builder_finish(&builder);
    return MQL_OK;
}

/* ---- the dynamic field ---- */

/* Keys given to the dynamic field. */
typedef struct GivenKeys {
    Slice *keys;
    const Column **columns;
    uint32_t count;
} GivenKeys;

static mql_status
collect_keys(const Place *places, const Column *given, uint32_t count,
             Arena *arena, GivenKeys *keys, Error *err)
{
    keys->count = 0;
    keys->keys = arena_alloc_array(arena, count + 1, sizeof *keys->keys);
    keys->columns = arena_alloc_array(arena, count + 1, sizeof *keys->columns);
    if (keys->keys == NULL || keys->columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        if (places[i].field >= 0)
            continue;
        keys->keys[keys->count] = places[i].key;
        keys->columns[keys->count++] = &given[i];
    }
    return MQL_OK;
}

/* One row's object: the members it had and is not given, and those given. */
static mql_status
merge_object(const GivenKeys *given, uint32_t row, Value *meta, Arena *arena,
             Error *err)
{
    MemberList members;
    TRY(upsert_old_members(meta, given->keys, given->count, arena, &members,
                           err));
    uint32_t most = members.count + given->count + 1;
    Slice *keys = arena_alloc_array(arena, most, sizeof *keys);
    Slice *items = arena_alloc_array(arena, most, sizeof *items);
    if (keys == NULL || items == NULL)
        return error_no_memory(err);
    uint32_t count = 0;
    for (; count < members.count; count++) {
        keys[count] = members.keys[count];
        items[count] = members.items[count];
    }
    for (uint32_t i = 0; i < given->count; i++) {
        if (column_is_null(given->columns[i], row))
            continue;
        keys[count] = given->keys[i];
        items[count++] = given->columns[i]->bytes[row];
    }
    Buffer object = BUFFER_INIT;
    mql_status status =
        json_append_object(&object, keys, items, count, arena, err);
    *meta = (Value){.type = type_of(TYPE_JSON)};
    meta->bytes = arena_copy_slice(arena, buffer_slice(&object));
    bool failed = buffer_failed(&object) || meta->bytes.data == NULL;
    buffer_free(&object);
    return status == MQL_OK && failed ? error_no_memory(err) : status;
}

static mql_status
merge_dynamic(const GivenKeys *given, uint32_t count, Column *meta,
              Arena *arena, Error *err)
{
    ColumnBuilder builder;
    TRY(column_builder_init(&builder, type_of(TYPE_JSON), count, arena, err));
    for (uint32_t row = 0; row < count; row++) {
        Value object = column_value(meta, row);
        TRY(merge_object(given, row, &object, arena, err));
        column_builder_set(&builder, row, &object);
    }
    *meta = column_builder_finish(&builder);
    return MQL_OK;
}

mql_status
change_merge(const Place *places, const Column *given, uint32_t count,
             Batch *rows, Arena *arena, Error *err)
{
    for (uint32_t i = 0; i < count; i++)
        if (places[i].field >= 0)
            rows->columns[places[i].field] = given[i];
    GivenKeys keys;
    TRY(collect_keys(places, given, count, arena, &keys, err));
    if (keys.count == 0)
        return MQL_OK;
    return merge_dynamic(&keys, rows->count,
                         &rows->columns[rows->column_count - 1], arena, err);
}

/* ---- assignments ---- */

static mql_status
add_assignment(Prepared *prepared, const Node *node, const Scope *scope,
               Assignments *assignments, Error *err)
{
    const Collection *collection = assignments->collection;
    uint32_t position = assignments->count;
    Place *place = &assignments->places[position];
    TRY(change_find_place(collection, node, place, err));
    if (change_has_place(place, assignments->places, position))
        return error_at(err, ERR_SYNTAX_ERROR, node->position,
                        "multiple assignments to same field \"%.*s\"",
                        (int)node->text.size, node->text.data);
    assignments->count++;
    assignments->sets_key =
        assignments->sets_key || place->field == (int32_t)collection->primary;
    if (node->first->kind == NODE_DEFAULT)
        return MQL_OK;
    if (place->field >= 0 && collection->fields[place->field].is_always) {
        error_at(err, ERR_GENERATED_ALWAYS, node->position,
                 "field \"%.*s\" can only be updated to DEFAULT",
                 (int)node->text.size, node->text.data);
        return error_detail(err,
                            "Field \"%.*s\" is GENERATED ALWAYS AS IDENTITY.",
                            (int)node->text.size, node->text.data);
    }
    mql_status status =
        change_value(prepared, scope, node->first, collection, place,
                     &assignments->values[position], err);
    if (status == MQL_OK)
        return MQL_OK;
    bool is_about_value = strncmp(err->sqlstate, "22", 2) == 0 ||
                          strcmp(err->sqlstate, "42804") == 0;
    return is_about_value ? change_blame_field(err, collection, place) : status;
}

mql_status
assignments_prepare(Prepared *prepared, const Node *parent,
                    const Collection *collection, const Scope *scope,
                    Assignments *assignments, Error *err)
{
    Arena *arena = &prepared->plan_arena;
    uint32_t most = parent->count + 1;
    *assignments = (Assignments){
        .collection = collection,
        .places = arena_alloc_array(arena, most, sizeof(Place)),
        .values = arena_alloc_array(arena, most, sizeof(const Expr *)),
    };
    if (assignments->places == NULL || assignments->values == NULL)
        return error_no_memory(err);
    for (const Node *node = parent->first; node != NULL; node = node->next)
        if (node->kind == NODE_ASSIGN)
            TRY(add_assignment(prepared, node, scope, assignments, err));
    return MQL_OK;
}

mql_status
change_find_row(const Expr *value, ExprRun *run, const Batch *old, Arena *arena,
                uint32_t *bad_row)
{
    Column *columns =
        arena_alloc_array(arena, old->column_count + 1, sizeof *columns);
    if (columns == NULL)
        return MQL_NO_MEMORY;
    Batch one = {.count = 1, old->column_count, columns};
    for (uint32_t row = 0; row < old->count; row++) {
        Error failure = ERROR_INIT;
        Column result;
        for (uint32_t c = 0; c < old->column_count; c++) {
            columns[c] = (Column){.type = old->columns[c].type};
            if (old->columns[c].data != NULL)
                TRY(column_gather(&old->columns[c], &row, 1, arena, &columns[c],
                                  &failure));
        }
        if (expr_eval(value, run, &one, arena, &result, &failure) == MQL_OK)
            continue;
        *bad_row = row;
        return MQL_OK;
    }
    return MQL_NOT_FOUND;
}

/* The value a row gets by `= DEFAULT`; an AUTO_ID key is generated. */
static mql_status
default_column(const Collection *collection, const Place *place, uint32_t count,
               Arena *arena, Column *column, Error *err)
{
    Value value = {.type = type_of(TYPE_JSON), .is_null = true};
    if (place->field >= 0)
        TRY(missing_value(collection, &collection->fields[place->field], &value,
                          err));
    return column_constant(column, &value, count, arena, err);
}

/* A key may be generated, but only by DEFAULT. */
static mql_status
check_key(const Collection *collection, const Column *key, const Batch *old,
          Error *err)
{
    for (uint32_t row = 0; row < old->count; row++) {
        if (!column_is_null(key, row))
            continue;
        error_set(err, ERR_NOT_NULL,
                  "null value in field \"%s\" of collection \"%s\" violates "
                  "not-null constraint",
                  collection->fields[collection->primary].name,
                  collection->name);
        return change_blame_row(err, collection,
                                &old->columns[collection->primary], row);
    }
    return MQL_OK;
}

static mql_status
assign(const Assignments *assignments, uint32_t position, ExprRun *run,
       const Batch *old, Arena *arena, Column *column, Error *err)
{
    const Collection *collection = assignments->collection;
    const Place *place = &assignments->places[position];
    const Expr *value = assignments->values[position];
    if (value == NULL)
        return default_column(collection, place, old->count, arena, column,
                              err);
    mql_status status = expr_eval(value, run, old, arena, column, err);
    uint32_t row;
    if (status != MQL_OK && err->status == MQL_INVALID)
        change_blame_field(err, collection, place);
    if (status != MQL_OK && err->status == MQL_INVALID &&
        change_find_row(value, run, old, arena, &row) == MQL_OK)
        change_blame_row(err, collection, &old->columns[collection->primary],
                         row);
    TRY(status);
    if (place->field < 0)
        return change_to_json(column, old->count, arena, column, err);
    if (place->field == (int32_t)collection->primary)
        return check_key(collection, column, old, err);
    return MQL_OK;
}

mql_status
assignments_run(const Assignments *assignments, ExprRun *run, const Batch *old,
                Arena *arena, Batch *rows, Error *err)
{
    uint32_t field_count = assignments->collection->field_count;
    *rows = (Batch){.count = old->count, .column_count = field_count};
    rows->columns =
        arena_alloc_array(arena, field_count + 1, sizeof *rows->columns);
    Column *given =
        arena_alloc_array(arena, assignments->count + 1, sizeof *given);
    if (rows->columns == NULL || given == NULL)
        return error_no_memory(err);
    for (uint32_t f = 0; f < field_count; f++)
        rows->columns[f] = old->columns[f];
    for (uint32_t i = 0; i < assignments->count; i++)
        TRY(assign(assignments, i, run, old, arena, &given[i], err));
    return change_merge(assignments->places, given, assignments->count, rows,
                        arena, err);
}
