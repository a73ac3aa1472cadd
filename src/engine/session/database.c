/* SPDX-License-Identifier: Apache-2.0 */
/*
 * database.c - CREATE, ALTER, DROP and USE DATABASE.
 *
 * Properties are kept as they are called in the table below, with values in one
 * spelling. What they deny is in permit.c and database_rules.c.
 */
#include <inttypes.h>
#include <string.h>

#include "base/number.h"
#include "engine/session/kinds.h"

/* ---- properties ---- */

#define PROPERTIES_MOST 16
#define COLLECTIONS_LIMIT_MOST 65536
#define QUOTA_MOST (INT64_C(1) << 40) /* MB */

typedef enum PropertyRule {
    RULE_NUMBER,
    RULE_SWITCH,
    RULE_ONE,     /* only the value that already holds: 1 */
    RULE_UNBUILT, /* means nothing in one process, or not yet */
} PropertyRule;

typedef struct KnownProperty {
    const char *name;
    PropertyRule rule;
    int64_t most; /* a number: 0 .. most */
} KnownProperty;

static const KnownProperty known_properties[] = {
    {MAX_COLLECTIONS_PROPERTY, RULE_NUMBER, COLLECTIONS_LIMIT_MOST},
    {DISK_QUOTA_PROPERTY, RULE_NUMBER, QUOTA_MOST},
    {"database.replica.number", RULE_ONE, 0},
    {"database.resource_groups", RULE_UNBUILT, 0},
    {"timezone", RULE_UNBUILT, 0},
    {DENY_PROPERTY "writing", RULE_SWITCH, 0},
    {DENY_PROPERTY "reading", RULE_SWITCH, 0},
    {DENY_PROPERTY "ddl", RULE_SWITCH, 0},
    {DENY_PROPERTY "collectionDDL", RULE_SWITCH, 0},
    {DENY_PROPERTY "partitionDDL", RULE_SWITCH, 0},
    {DENY_PROPERTY "index", RULE_SWITCH, 0},
    {DENY_PROPERTY "flush", RULE_SWITCH, 0},
    {DENY_PROPERTY "compaction", RULE_SWITCH, 0},
};
#define KNOWN (sizeof known_properties / sizeof known_properties[0])

static mql_status
find_known(const Node *option, const KnownProperty **known, Error *err)
{
    Slice names[KNOWN];
    for (size_t i = 0; i < KNOWN; i++) {
        *known = &known_properties[i];
        names[i] = slice_of(known_properties[i].name);
        if (!slice_equal_nocase(option->text, names[i]))
            continue;
        if ((*known)->rule == RULE_UNBUILT)
            return error_at(err, ERR_FEATURE_NOT_SUPPORTED, option->position,
                            "\"%s\" is not supported yet", (*known)->name);
        return MQL_OK;
    }
    error_at(err, ERR_INVALID_PARAMETER, option->position,
             "unknown property \"%.*s\" of a database", (int)option->text.size,
             option->text.data);
    int32_t closest = name_closest(option->text, names, KNOWN);
    if (closest >= 0)
        error_hint(err, "Did you mean \"%s\"?", known_properties[closest].name);
    return err->status;
}

/* The value in its one spelling, NUL-terminated in exec_arena. */
static mql_status
read_property(Prepared *prepared, const Node *option,
              const KnownProperty *known, Property *property, Error *err)
{
    Slice text;
    int64_t number = 0;
    bool is_on = false;
    TRY(option_text(prepared, option, &text, err));
    const char *end = text.data + text.size;
    bool is_number = number_read_int64(text.data, end, &number) == end;
    bool is_good = known->rule == RULE_SWITCH ? property_read_bool(text, &is_on)
                                              : is_number && text.size > 0;
    if (!is_good)
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "invalid value for property \"%s\"", known->name);
    if (known->rule == RULE_ONE && number != 1)
        return planner_unbuilt(option, "more than one replica", err);
    if (known->rule == RULE_NUMBER && (number < 0 || number > known->most))
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "\"%s\" must be between 0 and %" PRId64, known->name,
                        known->most);
    Buffer value = BUFFER_INIT;
    if (known->rule == RULE_SWITCH)
        buffer_append_text(&value, is_on ? "true" : "false");
    else
        buffer_printf(&value, "%" PRId64, number);
    property->name =
        arena_copy(&prepared->exec_arena, known->name, strlen(known->name));
    property->value =
        arena_copy(&prepared->exec_arena, buffer_text(&value), value.size);
    bool is_whole = !buffer_failed(&value) && property->name != NULL &&
                    property->value != NULL;
    buffer_free(&value);
    return is_whole ? MQL_OK : error_no_memory(err);
}

/* A list of properties while it is changed; in exec_arena. */
typedef struct PropertyList {
    Property items[PROPERTIES_MOST + KNOWN];
    uint32_t count;
} PropertyList;

static uint32_t
find_in(const PropertyList *list, const char *name)
{
    uint32_t i = 0;
    while (i < list->count && strcmp(list->items[i].name, name) != 0)
        i++;
    return i;
}

static mql_status
set_properties(Prepared *prepared, const Node *options, PropertyList *list,
               Error *err)
{
    for (const Node *option = options != NULL ? options->first : NULL;
         option != NULL; option = option->next) {
        const KnownProperty *known;
        Property property;
        TRY(find_known(option, &known, err));
        TRY(read_property(prepared, option, known, &property, err));
        uint32_t at = find_in(list, known->name);
        list->items[at] = property;
        if (at == list->count)
            list->count++;
    }
    return MQL_OK;
}

static mql_status
reset_properties(const Node *options, PropertyList *list, Error *err)
{
    for (const Node *option = options->first; option != NULL;
         option = option->next) {
        const KnownProperty *known;
        TRY(find_known(option, &known, err));
        if (option->first != NULL)
            return error_at(err, ERR_SYNTAX_ERROR, option->first->position,
                            "RESET must not include values for properties");
        uint32_t at = find_in(list, known->name);
        if (at < list->count)
            list->items[at] = list->items[--list->count];
    }
    return MQL_OK;
}

/* ---- the statements ---- */

mql_status
database_missing(const Prepared *prepared, const Version *version,
                 const Node *name, Error *err)
{
    error_at(err, ERR_INVALID_DATABASE, name->position,
             "database \"%.*s\" does not exist", (int)name->text.size,
             name->text.data);
    for (uint32_t i = 0; i < version->database_count; i++) {
        const DatabaseDefinition *database = version->databases[i];
        Slice candidate = slice_of(database->name);
        if (name_closest(name->text, &candidate, 1) == 0 &&
            permission_sees_database(prepared, version, database->id))
            return error_hint(err, "Did you mean \"%s\"?", database->name);
    }
    return err->status;
}

mql_status
create_database_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    TRY(check_name(name, NAME_ORDINARY, "database", err));
    PropertyList *list = arena_new(&prepared->exec_arena, PropertyList);
    if (list == NULL)
        return error_no_memory(err);
    TRY(set_properties(prepared, node_child(root, NODE_OPTIONS), list, err));

    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    const DatabaseDefinition *existing =
        version_find_database(prepared->execution.version, name->text);
    bool is_fine = node_child(root, NODE_IF_NOT_EXISTS) != NULL;
    if (existing != NULL && is_taken(name, existing->name, is_fine)) {
        if (is_fine)
            session_notice(prepared->session,
                           "database \"%.*s\" already exists, skipping",
                           (int)name->text.size, name->text.data);
        else
            error_at(err, ERR_DUPLICATE_DATABASE, name->position,
                     "database \"%.*s\" already exists", (int)name->text.size,
                     name->text.data);
        return prepared_end(prepared, transaction, err->status, err);
    }
    mql_status status = transaction_create_database(
        transaction, name->text, list->items, list->count, err);
    return prepared_end(prepared, transaction, status, err);
}

static mql_status
alter_database(Prepared *prepared, Transaction *transaction, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    const Node *set = node_child(root, NODE_ALTER_SET);
    const Node *reset = node_child(root, NODE_ALTER_RESET);
    const Version *version = prepared->execution.version;
    const DatabaseDefinition *found =
        version_find_database(version, name->text);
    if (found == NULL)
        return database_missing(prepared, version, name, err);
    PropertyList *list = arena_new(&prepared->exec_arena, PropertyList);
    if (list == NULL)
        return error_no_memory(err);
    if (found->property_count > PROPERTIES_MOST)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "database \"%s\" has more than %d properties",
                         found->name, PROPERTIES_MOST);
    for (uint32_t i = 0; i < found->property_count; i++)
        list->items[list->count++] = found->properties[i];
    TRY(set != NULL ? set_properties(prepared, set->first, list, err)
                    : reset_properties(reset->first, list, err));
    return transaction_alter_database(transaction, found->id,
                                      slice_of(found->name), list->items,
                                      list->count, err);
}

mql_status
alter_database_run(Prepared *prepared, Error *err)
{
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    return prepared_end(prepared, transaction,
                        alter_database(prepared, transaction, err), err);
}

/* Drop the database's collections, or refuse without CASCADE. */
static mql_status
drop_contents(Prepared *prepared, Transaction *transaction,
              const DatabaseDefinition *database, Error *err)
{
    const Node *root = prepared->statement.root;
    const Version *version = prepared->execution.version;
    for (uint32_t i = 0; i < version->collection_count; i++) {
        const Collection *collection = version->collections[i]->collection;
        if (collection->database != database->id)
            continue;
        TRY(version_check_denied(version, database->id, "ddl", err));
        TRY(version_check_denied(version, database->id, "collectionDDL", err));
        if (node_child(root, NODE_CASCADE) == NULL) {
            error_set(err, ERR_DEPENDENT_OBJECTS,
                      "database \"%s\" is not empty", database->name);
            return error_hint(err,
                              "Use DROP DATABASE %s CASCADE to drop its "
                              "collections too.",
                              database->name);
        }
        TRY(transaction_drop_collection(transaction, collection->id, err));
    }
    return MQL_OK;
}

mql_status
drop_database_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    const DatabaseDefinition *database =
        version_find_database(prepared->execution.version, name->text);
    mql_status status = MQL_OK;
    if (database == NULL && node_child(root, NODE_IF_EXISTS) != NULL) {
        session_notice(prepared->session,
                       "database \"%.*s\" does not exist, skipping",
                       (int)name->text.size, name->text.data);
        return prepared_end(prepared, transaction, MQL_OK, err);
    }
    if (database == NULL)
        status = error_at(err, ERR_INVALID_DATABASE, name->position,
                          "database \"%.*s\" does not exist",
                          (int)name->text.size, name->text.data);
    else if (database->id == prepared->session->database)
        status = error_at(err, ERR_OBJECT_IN_USE, name->position,
                          "cannot drop the currently open database");
    else if (slice_equal(slice_of(database->name),
                         slice_of(DEFAULT_DATABASE_NAME)))
        status = error_at(err, ERR_OBJECT_IN_USE, name->position,
                          "cannot drop the default database");
    if (status == MQL_OK)
        status = drop_contents(prepared, transaction, database, err);
    if (status == MQL_OK)
        status = transaction_drop_database(transaction, database->id, err);
    return prepared_end(prepared, transaction, status, err);
}

mql_status
use_run(Prepared *prepared, Error *err)
{
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    const Version *version = prepared->version;
    const DatabaseDefinition *found =
        version_find_database(version, name->text);
    if (found == NULL)
        return database_missing(prepared, version, name, err);
    if (!permission_sees_database(prepared, version, found->id)) {
        error_at(err, ERR_INSUFFICIENT_PRIVILEGE, name->position,
                 "permission denied for database \"%s\"", found->name);
        return error_detail(err, "User \"%s\" has nothing granted in it.",
                            prepared->session->user_name);
    }
    return session_use(prepared->session, name->text, name->position, err);
}
