/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alter.c - ALTER COLLECTION and COMMENT ON.
 *
 * Each changes a copy of the definition; no segment is written again. A field
 * has its id for ever: segments written without it give what rows older than
 * the field have (Field.missing_value), and one that is dropped and added again
 * is another field.
 */
#include <inttypes.h>
#include <string.h>

#include "engine/session/kinds.h"

typedef struct Alter {
    Prepared *prepared;
    const CollectionVersion *found;
    const Node *action;
} Alter;

static mql_status
find_field(const Collection *collection, const Node *name, Field **field,
           Error *err)
{
    int32_t found = collection_find_field(collection, name->text);
    if (found < 0) {
        error_at(err, ERR_UNDEFINED_COLUMN, name->position,
                 "field \"%.*s\" of collection \"%s\" does not exist",
                 (int)name->text.size, name->text.data, collection->name);
        for (uint32_t i = 0; i < collection->field_count; i++) {
            Slice other = slice_of(collection->fields[i].name);
            if (name_closest(name->text, &other, 1) == 0)
                return error_hint(err, "Did you mean \"%s\"?",
                                  collection->fields[i].name);
        }
        return err->status;
    }
    *field = &collection->fields[found];
    if ((*field)->is_dynamic)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, name->position,
                        "field \"%s\" cannot be altered", (*field)->name);
    return MQL_OK;
}

/* Another field with exactly that name; `self` may have it. */
static mql_status
check_new_name(const Collection *collection, const Node *name,
               const Field *self, Error *err)
{
    if (slice_equal(name->text, SLICE_LITERAL(DYNAMIC_FIELD_NAME)))
        return error_at(err, ERR_INVALID_NAME, name->position,
                        "field name \"%s\" is reserved", DYNAMIC_FIELD_NAME);
    TRY(check_name(name, NAME_ORDINARY, "field", err));
    for (uint32_t i = 0; i < collection->field_count; i++) {
        const Field *field = &collection->fields[i];
        if (field != self && slice_equal(name->text, slice_of(field->name)))
            return error_at(err, ERR_DUPLICATE_COLUMN, name->position,
                            "field \"%s\" of collection \"%s\" already exists",
                            field->name, collection->name);
    }
    return MQL_OK;
}

/* ---- fields ---- */

static bool
has_rows(const CollectionVersion *found)
{
    for (uint32_t i = 0; i < found->segment_count; i++)
        if (segment_row_count(found->segments[i], UINT64_MAX) > 0)
            return true;
    return false;
}

static mql_status
alter_add(Collection *copy, void *context, Error *err)
{
    const Alter *alter = context;
    const Node *node = node_child(alter->action, NODE_FIELD);
    TRY(check_new_name(copy, node, NULL, err));
    TRY(add_field_later(alter->prepared, copy, node, err));
    int32_t position = collection_find_field(copy, node->text);
    const Field *field = &copy->fields[position];
    bool has_value = field->has_default && !field->default_value.is_null;
    if (field->is_nullable || has_value || !has_rows(alter->found))
        return MQL_OK;
    error_at(err, ERR_NOT_NULL, node->position,
             "field \"%s\" of collection \"%s\" would have null values",
             field->name, copy->name);
    if (type_is_vector(field->type.kind))
        return error_hint(err, "There are rows already: let it be NULL.");
    return error_hint(err, "There are rows already: give it a DEFAULT, or let "
                           "it be NULL.");
}

static void
drop_indexes_of(Collection *copy, uint32_t field)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < copy->index_count; i++)
        if (copy->indexes[i].field != field)
            copy->indexes[kept++] = copy->indexes[i];
    copy->index_count = kept;
}

static mql_status
alter_drop(Collection *copy, void *context, Error *err)
{
    const Alter *alter = context;
    const Node *name = node_child(alter->action, NODE_NAME);
    Field *field;
    TRY(find_field(copy, name, &field, err));
    if (field->is_primary || field->is_partition_key ||
        field->is_clustering_key)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, name->position,
                        "field \"%s\" is a key and cannot be dropped",
                        field->name);
    drop_indexes_of(copy, field->id);
    uint32_t position = (uint32_t)(field - copy->fields);
    memmove(field, field + 1,
            (copy->field_count - position - 1) * sizeof *field);
    copy->field_count--;
    if (copy->primary > position)
        copy->primary--;
    return MQL_OK;
}

static mql_status
alter_rename_field(Collection *copy, void *context, Error *err)
{
    const Alter *alter = context;
    const Node *name = node_child(alter->action, NODE_NAME);
    Field *field;
    TRY(find_field(copy, name, &field, err));
    TRY(check_new_name(copy, name->next, field, err));
    field->name = collection_text(copy, name->next->text);
    return field->name != NULL ? MQL_OK : error_no_memory(err);
}

/* Of a VARCHAR; without a length it is TEXT. */
static uint32_t
bytes_most(const Type *type)
{
    return type->length == 0 ? TEXT_SIZE_MOST : type->length;
}

static mql_status
alter_type(Collection *copy, void *context, Error *err)
{
    const Alter *alter = context;
    const Node *name = node_child(alter->action, NODE_NAME);
    const Node *type_name = node_child(alter->action, NODE_TYPE_NAME);
    Field *field;
    Type type;
    bool is_serial;
    TRY(find_field(copy, name, &field, err));
    TRY(type_resolve(type_name, &type, &is_serial, err));
    if (field->type.kind != TYPE_VARCHAR || type.kind != TYPE_VARCHAR)
        return planner_unbuilt(
            type_name, "changing a type, but for a longer VARCHAR,", err);
    if (bytes_most(&type) < bytes_most(&field->type)) {
        error_at(err, ERR_INVALID_COLUMN_DEFINITION, type_name->position,
                 "field \"%s\" cannot become shorter", field->name);
        return error_hint(err, "Its values have up to %u bytes.",
                          bytes_most(&field->type));
    }
    field->type = type;
    field->default_value.type = type;
    field->missing_value.type = type;
    return MQL_OK;
}

static mql_status
alter_default(Collection *copy, void *context, Error *err)
{
    const Alter *alter = context;
    const Node *name = node_child(alter->action, NODE_NAME);
    const Node *attribute = node_child(alter->action, NODE_DEFAULT);
    Field *field;
    TRY(find_field(copy, name, &field, err));
    if (field->is_primary)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, name->position,
                        "a primary key cannot have a default");
    field->has_default = false;
    field->default_value = VALUE_NULL;
    if (attribute == NULL)
        return MQL_OK;
    return set_default_later(alter->prepared, copy, field, attribute, err);
}

static mql_status
alter_nullable(Collection *copy, void *context, Error *err)
{
    const Alter *alter = context;
    const Node *name = node_child(alter->action, NODE_NAME);
    Field *field;
    TRY(find_field(copy, name, &field, err));
    if (field->is_primary || field->is_partition_key)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, name->position,
                        "field \"%s\" is a key and cannot be NULL",
                        field->name);
    field->is_nullable = true;
    return MQL_OK;
}

/* ---- the collection ---- */

static mql_status
alter_rename(Collection *copy, void *context, Error *err)
{
    const Alter *alter = context;
    const Node *name = node_child(alter->action, NODE_NAME);
    const CollectionVersion *found;
    TRY(check_name(name, NAME_ORDINARY, "collection", err));
    TRY(find_own_collection(
        alter->prepared, node_child(alter->prepared->statement.root, NODE_NAME),
        "Name the collection itself.", &found, err));
    TRY(require_new_name(alter->prepared, name, err));
    copy->name = collection_text(copy, name->text);
    return copy->name != NULL ? MQL_OK : error_no_memory(err);
}

static int32_t
find_property(const Collection *collection, Slice name)
{
    for (uint32_t i = 0; i < collection->property_count; i++)
        if (slice_equal_nocase(slice_of(collection->properties[i].name), name))
            return (int32_t)i;
    return -1;
}

static mql_status
set_property(Prepared *prepared, Collection *copy, const Node *option,
             Error *err)
{
    Slice value;
    TRY(check_property_later(prepared, copy, option, err));
    TRY(require_released(copy, option, err));
    TRY(option_text(prepared, option, &value, err));
    int32_t found = find_property(copy, option->text);
    if (found < 0) {
        Property *longer = arena_alloc_array(
            &copy->arena, copy->property_count + (size_t)1, sizeof *longer);
        if (longer == NULL)
            return error_no_memory(err);
        for (uint32_t i = 0; i < copy->property_count; i++)
            longer[i] = copy->properties[i];
        found = (int32_t)copy->property_count++;
        copy->properties = longer;
    }
    Property *property = &copy->properties[found];
    property->name = collection_text(copy, option->text);
    property->value = collection_text(copy, value);
    return property->name != NULL && property->value != NULL
               ? MQL_OK
               : error_no_memory(err);
}

/* ALTER FIELD ... SET and RESET. */
static mql_status
alter_field_options(const Alter *alter, Collection *copy, bool is_reset,
                    Error *err)
{
    Field *field;
    TRY(find_field(copy, node_child(alter->action, NODE_NAME), &field, err));
    const Node *options = node_child(alter->action, NODE_OPTIONS);
    for (const Node *option = options->first; option != NULL;
         option = option->next) {
        TRY(set_field_option(alter->prepared, field, option, is_reset, err));
        TRY(require_released(copy, option, err));
    }
    return MQL_OK;
}

static mql_status
read_next_key(const Alter *alter, const Node *node, int64_t *next, Error *err)
{
    Scope none = {.dynamic_column = -1};
    Prepared *prepared = alter->prepared;
    Arena *arena = &prepared->exec_arena;
    Expr *expr;
    Value value;
    TRY(expr_analyse(node, &none, type_of(TYPE_INT64), arena, &expr, err));
    TRY(expr_value(expr, &prepared->execution.run, arena, &value, err));
    *next = value.integer;
    if (value.is_null || !type_is_integer(value.type.kind) || *next < 1)
        return error_at(err, ERR_INVALID_PARAMETER, node->position,
                        "a generated key is a number from 1");
    return MQL_OK;
}

/* RESTART WITH: upwards only, since the log knows the highest one. The copy
 * takes the number when it is committed. */
static mql_status
alter_restart(Collection *copy, void *context, Error *err)
{
    const Alter *alter = context;
    const Node *name = node_child(alter->action, NODE_NAME);
    Field *field;
    int64_t next;
    TRY(find_field(copy, name, &field, err));
    if (!field->is_auto_id)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, name->position,
                        "field \"%s\" is no AUTO_ID key", field->name);
    TRY(read_next_key(alter, name->next, &next, err));
    if (next < collection_next_key(alter->found))
        return error_at(err, ERR_INVALID_PARAMETER, name->next->position,
                        "the next key of collection \"%s\" is %" PRId64
                        " and cannot become lower",
                        copy->name, collection_next_key(alter->found));
    collection_raise_next_key(alter->found, next);
    return MQL_OK;
}

/* For the rest of the transaction; the commit looks again. */
static void
keep_expired(const Alter *alter, Collection *copy)
{
    copy->expired =
        store_expired(alter->prepared->session->store, alter->found->collection,
                      alter->prepared->execution.run.now);
}

static mql_status
alter_set(Collection *copy, void *context, Error *err)
{
    const Alter *alter = context;
    keep_expired(alter, copy);
    if (node_child(alter->action, NODE_NAME) != NULL)
        return alter_field_options(alter, copy, false, err);
    const Node *options = node_child(alter->action, NODE_OPTIONS);
    for (const Node *option = options->first; option != NULL;
         option = option->next)
        TRY(set_property(alter->prepared, copy, option, err));
    return MQL_OK;
}

static mql_status
alter_reset(Collection *copy, void *context, Error *err)
{
    static const char *const known[] = {MMAP_PROPERTY, "consistency_level",
                                        "collection.ttl.seconds"};
    const Alter *alter = context;
    keep_expired(alter, copy);
    if (node_child(alter->action, NODE_NAME) != NULL)
        return alter_field_options(alter, copy, true, err);
    const Node *options = node_child(alter->action, NODE_OPTIONS);
    for (const Node *option = options->first; option != NULL;
         option = option->next) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            is_known = is_known ||
                       slice_equal_nocase(option->text, slice_of(known[i]));
        if (!is_known)
            return error_at(err, ERR_INVALID_PARAMETER, option->position,
                            "property \"%.*s\" of a collection cannot be reset",
                            (int)option->text.size, option->text.data);
        TRY(require_released(copy, option, err));
        int32_t found = find_property(copy, option->text);
        if (found < 0)
            continue;
        Property *property = &copy->properties[found];
        copy->property_count--;
        memmove(property, property + 1,
                (copy->property_count - (uint32_t)found) * sizeof *property);
    }
    return MQL_OK;
}

/* ---- the statement ---- */

static const struct {
    NodeKind kind;
    mql_status (*change)(Collection *copy, void *context, Error *err);
} actions[] = {
    {NODE_ALTER_ADD, alter_add},
    {NODE_ALTER_DROP, alter_drop},
    {NODE_ALTER_RENAME, alter_rename},
    {NODE_ALTER_RENAME_FIELD, alter_rename_field},
    {NODE_ALTER_TYPE, alter_type},
    {NODE_ALTER_DEFAULT, alter_default},
    {NODE_ALTER_NULLABLE, alter_nullable},
    {NODE_ALTER_RESTART, alter_restart},
    {NODE_ALTER_SET, alter_set},
    {NODE_ALTER_RESET, alter_reset},
};

static bool
has_field(const Collection *collection, Slice name)
{
    return collection_find_field(collection, name) >= 0;
}

/* IF [NOT] EXISTS says that nothing is to be done; tells so. */
static bool
is_skipped(const Alter *alter)
{
    const Collection *collection = alter->found->collection;
    const Node *added = node_child(alter->action, NODE_FIELD);
    const Node *name = node_child(alter->action, NODE_NAME);
    if (node_child(alter->action, NODE_IF_NOT_EXISTS) != NULL &&
        has_field(collection, added->text)) {
        session_notice(alter->prepared->session,
                       "field \"%.*s\" of collection \"%s\" already exists, "
                       "skipping",
                       (int)added->text.size, added->text.data,
                       collection->name);
        return true;
    }
    if (node_child(alter->action, NODE_IF_EXISTS) != NULL &&
        !has_field(collection, name->text)) {
        session_notice(alter->prepared->session,
                       "field \"%.*s\" of collection \"%s\" does not exist, "
                       "skipping",
                       (int)name->text.size, name->text.data, collection->name);
        return true;
    }
    return false;
}

static mql_status
alter(Prepared *prepared, Transaction *transaction, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    Alter change = {.prepared = prepared, .action = name->next};
    bool is_missing = version_find_collection(prepared->execution.version,
                                              prepared->session->database,
                                              name->text) == NULL;
    if (is_missing && node_child(root, NODE_IF_EXISTS) != NULL) {
        session_notice(prepared->session,
                       "collection \"%.*s\" does not exist, skipping",
                       (int)name->text.size, name->text.data);
        return MQL_OK;
    }
    TRY(find_collection(prepared, name, &change.found, err));
    if (is_skipped(&change))
        return MQL_OK;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (actions[i].kind == change.action->kind)
            return change_collection(transaction, change.found->collection,
                                     actions[i].change, &change, err);
    return error_set(err, ERR_INTERNAL_ERROR, "unknown ALTER COLLECTION");
}

mql_status
alter_collection_run(Prepared *prepared, Error *err)
{
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    return prepared_end(prepared, transaction,
                        alter(prepared, transaction, err), err);
}

/* ---- COMMENT ON ---- */

static mql_status
set_comment(Collection *copy, void *context, Error *err)
{
    const Alter *alter = context;
    const Node *root = alter->action;
    const Node *name = node_child(root, NODE_NAME);
    char **comment = &copy->comment;
    if (name->next->kind == NODE_NAME) {
        Field *field;
        TRY(find_field(copy, name->next, &field, err));
        comment = &field->comment;
    }
    *comment = collection_text(copy, node_child(root, NODE_COMMENT)->text);
    return *comment != NULL ? MQL_OK : error_no_memory(err);
}

mql_status
comment_on_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    Alter change = {.prepared = prepared, .action = root};
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    mql_status status = find_collection(prepared, node_child(root, NODE_NAME),
                                        &change.found, err);
    if (status == MQL_OK)
        status = change_collection(transaction, change.found->collection,
                                   set_comment, &change, err);
    return prepared_end(prepared, transaction, status, err);
}
