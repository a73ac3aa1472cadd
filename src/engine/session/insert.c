/* SPDX-License-Identifier: Apache-2.0 */
/*
 * insert.c - INSERT and UPSERT of VALUES.
 *
 * Each value is an expression of its field's type, coerced while the statement
 * is prepared; a run evaluates them a batch at a time. Names that are no field
 * go to the dynamic field when the collection has one.
 */
#include <string.h>

#include "base/bits.h"
#include "base/map.h"
#include "engine/session/kinds.h"
#include "engine/session/upsert.h"
#include "engine/value/json.h"

/* What stands in one place of every row: a field, or a key of the dynamic one.
 */
typedef struct Place {
    int32_t field; /* -1: dynamic */
    Slice key;
} Place;

typedef struct Insert {
    const Collection *collection;
    uint64_t partition;
    Place *places;
    uint32_t place_count;
    bool has_dynamic_keys;
    bool keeps_old; /* UPSERT with a list: fields left out keep their value */
    const Expr **values; /* row after row; NULL: DEFAULT */
    uint32_t row_count;
} Insert;

/* ---- analysis ---- */

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

static bool
has_dynamic(const Collection *collection)
{
    return collection->field_count > 0 &&
           collection->fields[collection->field_count - 1].is_dynamic;
}

static mql_status
add_place(Insert *insert, const Node *name, Error *err)
{
    int32_t field = collection_find_field(insert->collection, name->text);
    if (field < 0 && !has_dynamic(insert->collection))
        return field_missing(insert->collection, name, err);
    for (uint32_t i = 0; i < insert->place_count; i++) {
        const Place *other = &insert->places[i];
        bool is_same = field >= 0 ? other->field == field
                                  : other->field < 0 &&
                                        slice_equal(other->key, name->text);
        if (is_same)
            return error_at(err, ERR_DUPLICATE_COLUMN, name->position,
                            "field \"%.*s\" specified more than once",
                            (int)name->text.size, name->text.data);
    }
    insert->has_dynamic_keys = insert->has_dynamic_keys || field < 0;
    insert->places[insert->place_count++] = (Place){field, name->text};
    return MQL_OK;
}

/* Without a list: the fields in order, an AUTO_ID key only when it is given
 * too. */
static void
default_places(Insert *insert, uint32_t width)
{
    const Collection *collection = insert->collection;
    uint32_t count = collection->field_count;
    if (has_dynamic(collection))
        count--;
    bool is_short = width < count;
    for (uint32_t i = 0; i < count && insert->place_count < width; i++)
        if (!(is_short && collection->fields[i].is_auto_id))
            insert->places[insert->place_count++] =
                (Place){.field = (int32_t)i};
}

static mql_status
find_places(Prepared *prepared, Insert *insert, const Node *fields,
            const Node *first_row, Error *err)
{
    uint32_t most =
        fields != NULL ? fields->count : insert->collection->field_count;
    insert->places = arena_alloc_array(&prepared->plan_arena, most + 1,
                                       sizeof *insert->places);
    if (insert->places == NULL)
        return error_no_memory(err);
    if (fields == NULL) {
        default_places(insert, first_row != NULL ? first_row->count : 0);
        return MQL_OK;
    }
    for (const Node *name = fields->first; name != NULL; name = name->next)
        TRY(add_place(insert, name, err));
    return MQL_OK;
}

/* Say which row and field a value does not fit, before what was said already.
 */
static mql_status
blame_place(Error *err, uint32_t row, const Field *field)
{
    bool is_about_value = strncmp(err->sqlstate, "22", 2) == 0 ||
                          strcmp(err->sqlstate, "42804") == 0;
    if (!is_about_value)
        return err->status;
    char type[TYPE_TEXT_SIZE], rest[ERROR_TEXT_SIZE];
    type_text(type, field->type);
    memcpy(rest, err->detail, sizeof rest);
    err->detail[0] = '\0';
    return error_detail(err, "Row %u, field \"%s\" of type %s.%s%s", row + 1,
                        field->name, type, rest[0] != '\0' ? " " : "", rest);
}

static mql_status
analyse_value(Prepared *prepared, const Insert *insert, const Node *node,
              const Place *place, const Expr **value, Error *err)
{
    *value = NULL;
    if (node->kind == NODE_DEFAULT)
        return MQL_OK;
    Scope none = {
        .dynamic_column = -1,
        .parameter_types = prepared->planner.parameter_types,
        .parameter_count = prepared->planner.parameter_count,
    };
    const Field *field =
        place->field >= 0 ? &insert->collection->fields[place->field] : NULL;
    /* A list for a key of the dynamic field is JSON, not a vector of floats. */
    bool is_list = node->kind == NODE_VECTOR || node->kind == NODE_LIST;
    Type type =
        field != NULL ? field->type : type_of(is_list ? TYPE_JSON : TYPE_NULL);
    Expr *expr;
    mql_status status =
        expr_analyse(node, &none, type, &prepared->plan_arena, &expr, err);
    if (status == MQL_OK && field != NULL)
        status = expr_coerce(expr, type, &prepared->plan_arena, &expr, err);
    if (status == MQL_OK) {
        *value = expr;
        return MQL_OK;
    }
    error_locate(err, node->position);
    return field != NULL ? blame_place(err, insert->row_count, field) : status;
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
        if (row->count != insert->place_count)
            return error_at(err, ERR_SYNTAX_ERROR, row->position,
                            "INSERT has %s expressions than target fields",
                            row->count > insert->place_count ? "more"
                                                             : "fewer");
        uint32_t place = 0;
        for (const Node *node = row->first; node != NULL; node = node->next)
            TRY(analyse_value(prepared, insert, node, &insert->places[place++],
                              value++, err));
        insert->row_count++;
    }
    return MQL_OK;
}

/* UPSERT knows its rows by their keys. */
static mql_status
check_upsert(Insert *insert, const Node *root, Error *err)
{
    if (root->kind != NODE_UPSERT)
        return MQL_OK;
    const Collection *collection = insert->collection;
    insert->keeps_old = node_child(root, NODE_FIELDS) != NULL;
    for (uint32_t i = 0; i < insert->place_count; i++)
        if (insert->places[i].field == (int32_t)collection->primary)
            return MQL_OK;
    return error_at(err, ERR_NOT_NULL, root->position,
                    "UPSERT needs the key \"%s\"",
                    collection->fields[collection->primary].name);
}

static mql_status
find_partition(const Node *root, Insert *insert, Error *err)
{
    const Node *partitions = node_child(root, NODE_PARTITIONS);
    const Collection *collection = insert->collection;
    insert->partition = collection->partitions[0].id;
    if (partitions == NULL)
        return MQL_OK;
    const Node *name = partitions->first;
    if (name->next != NULL)
        return error_at(err, ERR_SYNTAX_ERROR, name->next->position,
                        "rows go into one partition");
    if (collection->has_partition_key)
        return error_at(err, ERR_WRONG_OBJECT_TYPE, name->position,
                        "the partition key of collection \"%s\" chooses the "
                        "partition",
                        collection->name);
    int32_t found = collection_find_partition(collection, name->text);
    if (found < 0)
        return error_at(err, ERR_UNDEFINED_OBJECT, name->position,
                        "partition \"%.*s\" of collection \"%s\" does not "
                        "exist",
                        (int)name->text.size, name->text.data,
                        collection->name);
    insert->partition = collection->partitions[found].id;
    return MQL_OK;
}

mql_status
insert_prepare(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    TRY(planner_unbuilt(node_child(root, NODE_SELECT), "INSERT ... SELECT",
                        err));
    TRY(planner_unbuilt(node_child(root, NODE_SEARCH), "INSERT ... SEARCH",
                        err));
    TRY(planner_unbuilt(node_child(root, NODE_ON_CONFLICT), "ON CONFLICT",
                        err));
    TRY(planner_unbuilt(node_child(root, NODE_RETURNING), "RETURNING", err));

    const CollectionVersion *version;
    TRY(planner_collection(&prepared->planner, node_child(root, NODE_NAME),
                           &version, err));
    Insert *insert = arena_new(&prepared->plan_arena, Insert);
    if (insert == NULL)
        return error_no_memory(err);
    insert->collection = version->collection;
    prepared->detail = insert;
    TRY(find_partition(root, insert, err));
    const Node *rows = node_child(root, NODE_ROWS);
    TRY(find_places(prepared, insert, node_child(root, NODE_FIELDS),
                    rows != NULL ? rows->first : NULL, err));
    TRY(check_upsert(insert, root, err));
    if (rows != NULL)
        return analyse_rows(prepared, insert, rows, err);
    insert->place_count = 0; /* DEFAULT VALUES: one row of defaults */
    insert->row_count = 1;
    return MQL_OK;
}

/* ---- a run ---- */

/* The columns of the batch being filled. */
typedef struct Filler {
    Prepared *prepared;
    const Insert *insert;
    ColumnBuilder builders[FIELDS_MOST + 1];
    Column columns[FIELDS_MOST + 1];
    Arena arena; /* of the batch */
    Map keys;    /* UPSERT: those of the statement so far */
} Filler;

/* A value's binary JSON, in the batch's arena. */
static mql_status
json_item(Filler *filler, const Value *value, Slice *item, Error *err)
{
    Buffer json = BUFFER_INIT;
    mql_status status = value_to_json(&json, value, err);
    *item = arena_copy_slice(&filler->arena, buffer_slice(&json));
    bool failed = buffer_failed(&json) || item->data == NULL;
    buffer_free(&json);
    return status == MQL_OK && failed ? error_no_memory(err) : status;
}

static mql_status
set_dynamic(Filler *filler, const Slice *keys, const Slice *items,
            uint32_t count, uint32_t row, Error *err)
{
    Buffer object = BUFFER_INIT;
    mql_status status =
        json_append_object(&object, keys, items, count, &filler->arena, err);
    Value value = {.type = type_of(TYPE_JSON)};
    value.bytes = arena_copy_slice(&filler->arena, buffer_slice(&object));
    bool failed = buffer_failed(&object) || value.bytes.data == NULL;
    buffer_free(&object);
    TRY(status);
    if (failed)
        return error_no_memory(err);
    uint32_t field = filler->insert->collection->field_count - 1;
    column_builder_set(&filler->builders[field], row, &value);
    return MQL_OK;
}

/* Whether the row says DEFAULT for the field. */
static bool
is_default_given(const Insert *insert, const Expr *const *values,
                 uint32_t field)
{
    for (uint32_t i = 0; i < insert->place_count; i++)
        if (insert->places[i].field == (int32_t)field)
            return values[i] == NULL;
    return false;
}

/* The dynamic field of a row: the keys given, and those it had. */
static mql_status
fill_dynamic(Filler *filler, const Expr *const *values, uint32_t row,
             const Value *old_meta, Error *err)
{
    const Insert *insert = filler->insert;
    Slice *given =
        arena_alloc_array(&filler->arena, insert->place_count, sizeof *given);
    if (given == NULL)
        return error_no_memory(err);
    uint32_t given_count = 0;
    for (uint32_t i = 0; i < insert->place_count; i++)
        if (insert->places[i].field < 0)
            given[given_count++] = insert->places[i].key;
    MemberList kept;
    TRY(upsert_old_members(old_meta, given, given_count, &filler->arena, &kept,
                           err));

    uint32_t most = kept.count + insert->place_count;
    Slice *keys = arena_alloc_array(&filler->arena, most, sizeof *keys);
    Slice *items = arena_alloc_array(&filler->arena, most, sizeof *items);
    if (keys == NULL || items == NULL)
        return error_no_memory(err);
    uint32_t count = 0;
    for (; count < kept.count; count++) {
        keys[count] = kept.keys[count];
        items[count] = kept.items[count];
    }
    for (uint32_t i = 0; i < insert->place_count; i++) {
        if (insert->places[i].field >= 0 || values[i] == NULL)
            continue;
        Value value;
        TRY(expr_value(values[i], &filler->prepared->execution.run,
                       &filler->arena, &value, err));
        if (value.is_null)
            continue;
        TRY(json_item(filler, &value, &items[count], err));
        keys[count++] = insert->places[i].key;
    }
    return set_dynamic(filler, keys, items, count, row, err);
}

/* A field the row was not given: what it had, or its default. */
static mql_status
left_out(Filler *filler, const OldRow *old, const Field *field, Value *value,
         Error *err)
{
    if (old->segment != NULL)
        return upsert_old_value(old, field, &filler->arena, value, err);
    return missing_value(filler->insert->collection, field, value, err);
}

static mql_status
fill_row(Filler *filler, const Expr *const *values, uint32_t row, Error *err)
{
    const Insert *insert = filler->insert;
    const Collection *collection = insert->collection;
    bool given[FIELDS_MOST + 1] = {false};
    Value key = VALUE_NULL;
    for (uint32_t i = 0; i < insert->place_count; i++) {
        int32_t field = insert->places[i].field;
        if (field < 0 || values[i] == NULL)
            continue;
        Value value;
        TRY(expr_value(values[i], &filler->prepared->execution.run,
                       &filler->arena, &value, err));
        column_builder_set(&filler->builders[field], row, &value);
        given[field] = true;
        if (field == (int32_t)collection->primary)
            key = value;
    }
    OldRow old = {.segment = NULL};
    if (insert->keeps_old)
        TRY(upsert_find(filler->prepared, collection, &key, &old, err));
    Value meta = VALUE_NULL;
    for (uint32_t f = 0; f < collection->field_count; f++) {
        if (given[f])
            continue;
        const Field *field = &collection->fields[f];
        Value value;
        TRY(is_default_given(insert, values, f)
                ? missing_value(collection, field, &value, err)
                : left_out(filler, &old, field, &value, err));
        column_builder_set(&filler->builders[f], row, &value);
        if (field->is_dynamic)
            meta = value;
    }
    if (insert->has_dynamic_keys)
        return fill_dynamic(filler, values, row, &meta, err);
    return MQL_OK;
}

/* UPSERT of one key twice in a statement would make the order of its rows
 * matter: refused, as Milvus and PostgreSQL do. */
static mql_status
check_doubles(Filler *filler, uint32_t first, uint32_t count, Error *err)
{
    const Collection *collection = filler->insert->collection;
    const Column *keys = &filler->columns[collection->primary];
    bool is_text =
        collection->fields[collection->primary].type.kind == TYPE_VARCHAR;
    for (uint32_t row = 0; row < count; row++) {
        if (column_is_null(keys, row))
            continue;
        Slice text = {NULL, 0};
        if (is_text) {
            text = arena_copy_slice(&filler->prepared->exec_arena,
                                    keys->bytes[row]);
            if (text.data == NULL)
                return error_no_memory(err);
        }
        uint64_t key = is_text ? 0 : (uint64_t)keys->ints[row];
        bool is_double = is_text ? map_find_bytes(&filler->keys, text) != NULL
                                 : map_find_u64(&filler->keys, key) != NULL;
        if (is_double) {
            error_set(err, ERR_CARDINALITY,
                      "UPSERT cannot change row a second time");
            return error_detail(err, "Row %u has the key of an earlier one.",
                                first + row + 1);
        }
        bool is_put = is_text ? map_put_bytes(&filler->keys, text, 1)
                              : map_put_u64(&filler->keys, key, 1);
        if (!is_put)
            return error_no_memory(err);
    }
    return MQL_OK;
}

static mql_status
insert_batch(Filler *filler, Transaction *transaction,
             const InsertTarget *target, uint32_t first, uint32_t count,
             Error *err)
{
    const Insert *insert = filler->insert;
    uint32_t field_count = insert->collection->field_count;
    arena_reset(&filler->arena);
    for (uint32_t f = 0; f < field_count; f++)
        TRY(column_builder_init(&filler->builders[f],
                                insert->collection->fields[f].type, count,
                                &filler->arena, err));
    for (uint32_t row = 0; row < count; row++) {
        const Expr *const *values =
            insert->values + (size_t)(first + row) * insert->place_count;
        if (fill_row(filler, values, row, err) != MQL_OK)
            return error_detail(err, "Row %u.", first + row + 1);
    }
    for (uint32_t f = 0; f < field_count; f++)
        filler->columns[f] = column_builder_finish(&filler->builders[f]);
    const Batch batch = {count, field_count, filler->columns};
    uint32_t bad_row = 0;
    if (target->mode == INSERT_REPLACE)
        TRY(check_doubles(filler, first, count, err));
    if (transaction_insert(transaction, target, &batch, &bad_row, err) !=
        MQL_OK)
        return error_detail(err, "Row %u.", first + bad_row + 1);
    return MQL_OK;
}

static mql_status
insert_rows(Prepared *prepared, Transaction *transaction, Error *err)
{
    const Insert *insert = prepared->detail;
    InsertTarget target = {
        .collection = version_collection(prepared->execution.version,
                                         insert->collection->id),
        .partition = insert->partition,
        .mode = prepared->statement.root->kind == NODE_UPSERT ? INSERT_REPLACE
                                                              : INSERT_NEW,
    };
    Filler *filler = arena_new(&prepared->exec_arena, Filler);
    if (filler == NULL)
        return error_no_memory(err);
    filler->prepared = prepared;
    filler->insert = insert;
    arena_init(&filler->arena, prepared->exec_arena.limit);
    mql_status status = MQL_OK;
    for (uint32_t first = 0; status == MQL_OK && first < insert->row_count;
         first += BATCH_ROWS) {
        uint32_t left = insert->row_count - first;
        status = execution_poll(&prepared->execution, err);
        if (status == MQL_OK)
            status = insert_batch(filler, transaction, &target, first,
                                  left < BATCH_ROWS ? left : BATCH_ROWS, err);
    }
    arena_free(&filler->arena);
    map_free(&filler->keys);
    return status;
}

mql_status
insert_run(Prepared *prepared, Error *err)
{
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    mql_status status = insert_rows(prepared, transaction, err);
    if (status == MQL_OK)
        prepared->changes = (int64_t)transaction_inserted(transaction);
    return prepared_end(prepared, transaction, status, err);
}
