/* SPDX-License-Identifier: Apache-2.0 */
/* database.c - CREATE, DROP and USE DATABASE. */
#include "engine/session/kinds.h"

mql_status
create_database_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    TRY(check_name(name, NAME_ORDINARY, "database", err));
    TRY(planner_unbuilt(node_child(root, NODE_OPTIONS),
                        "a property of a database", err));

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
    mql_status status =
        transaction_create_database(transaction, name->text, NULL, 0, err);
    return prepared_end(prepared, transaction, status, err);
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
    return session_use(prepared->session, name->text, name->position, err);
}
