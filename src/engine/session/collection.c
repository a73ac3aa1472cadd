/* SPDX-License-Identifier: Apache-2.0 */
/* collection.c - DROP, TRUNCATE, LOAD, RELEASE, FLUSH, and partitions. */
#include <string.h>

#include "engine/session/kinds.h"
#include "engine/session/show.h"

/* They go with the collection when CASCADE says so. */
static mql_status
let_aliases_go(Prepared *prepared, const Collection *collection,
               const Node *name, Error *err)
{
    bool is_cascade =
        node_child(prepared->statement.root, NODE_CASCADE) != NULL;
    for (uint32_t i = 0; is_cascade && i < collection->alias_count; i++)
        session_notice(prepared->session, "drop cascades to alias \"%s\"",
                       collection->aliases[i]);
    if (is_cascade || collection->alias_count == 0)
        return MQL_OK;
    error_at(err, ERR_DEPENDENT_OBJECTS, name->position,
             "cannot drop collection \"%s\" because other objects depend on it",
             collection->name);
    error_detail(err, "Alias \"%s\" depends on it.", collection->aliases[0]);
    return error_hint(err, "Use DROP ALIAS first, or DROP ... CASCADE to drop "
                           "the dependent objects too.");
}

static mql_status
drop_one(Prepared *prepared, Transaction *transaction, const Node *name,
         Error *err)
{
    const Node *root = prepared->statement.root;
    const CollectionVersion *found = version_find_collection(
        prepared->execution.version, prepared->session->database, name->text);
    if (found == NULL && node_child(root, NODE_IF_EXISTS) != NULL) {
        session_notice(prepared->session,
                       "collection \"%.*s\" does not exist, skipping",
                       (int)name->text.size, name->text.data);
        return MQL_OK;
    }
    TRY(find_own_collection(prepared, name,
                            "Use DROP ALIAS to remove an alias.", &found, err));
    TRY(let_aliases_go(prepared, found->collection, name, err));
    return transaction_drop_collection(transaction, found->collection->id, err);
}

mql_status
drop_collection_run(Prepared *prepared, Error *err)
{
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    mql_status status = MQL_OK;
    for (const Node *name = prepared->statement.root->first;
         name != NULL && status == MQL_OK; name = name->next)
        if (name->kind == NODE_NAME)
            status = drop_one(prepared, transaction, name, err);
    return prepared_end(prepared, transaction, status, err);
}

/* Begin a transaction and find the statement's collection in it. */
static mql_status
begin_with(Prepared *prepared, const Node *name, Transaction **transaction,
           const CollectionVersion **found, Error *err)
{
    TRY(prepared_begin(prepared, transaction, err));
    mql_status status = find_collection(prepared, name, found, err);
    if (status != MQL_OK)
        return prepared_end(prepared, *transaction, status, err);
    return MQL_OK;
}

mql_status
truncate_run(Prepared *prepared, Error *err)
{
    Transaction *transaction;
    const CollectionVersion *found;
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    TRY(begin_with(prepared, name, &transaction, &found, err));
    return prepared_end(
        prepared, transaction,
        transaction_truncate(transaction, found->collection->id, err), err);
}

/* ---- LOAD, RELEASE ---- */

typedef struct LoadChange {
    const Node *partitions; /* NULL: the whole collection */
    bool is_loaded;
} LoadChange;

static mql_status
set_loaded(Collection *copy, void *context, Error *err)
{
    const LoadChange *change = context;
    if (change->partitions == NULL) {
        copy->is_loaded = change->is_loaded;
        for (uint32_t i = 0; i < copy->partition_count; i++)
            copy->partitions[i].is_loaded = change->is_loaded;
        return MQL_OK;
    }
    for (const Node *name = change->partitions->first; name != NULL;
         name = name->next) {
        int32_t found = collection_find_partition(copy, name->text);
        if (found < 0)
            return error_at(err, ERR_UNDEFINED_OBJECT, name->position,
                            "partition \"%.*s\" of collection \"%s\" does not "
                            "exist",
                            (int)name->text.size, name->text.data, copy->name);
        copy->partitions[found].is_loaded = change->is_loaded;
    }
    /* A collection answers while one of its partitions does. */
    copy->is_loaded = false;
    for (uint32_t i = 0; i < copy->partition_count; i++)
        copy->is_loaded = copy->is_loaded || copy->partitions[i].is_loaded;
    return MQL_OK;
}

static mql_status
change_load(Prepared *prepared, bool is_loaded, Error *err)
{
    const Node *root = prepared->statement.root;
    LoadChange change = {node_child(root, NODE_PARTITIONS), is_loaded};
    Transaction *transaction;
    const CollectionVersion *found;
    TRY(begin_with(prepared, node_child(root, NODE_NAME), &transaction, &found,
                   err));
    return prepared_end(prepared, transaction,
                        change_collection(transaction, found->collection,
                                          set_loaded, &change, err),
                        err);
}

mql_status
load_run(Prepared *prepared, Error *err)
{
    return change_load(prepared, true, err);
}

mql_status
release_run(Prepared *prepared, Error *err)
{
    return change_load(prepared, false, err);
}

mql_status
flush_run(Prepared *prepared, Error *err)
{
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    const Watch watch = prepared_watch(prepared);
    Transaction *transaction;
    const CollectionVersion *found = NULL;
    if (name != NULL)
        TRY(begin_with(prepared, name, &transaction, &found, err));
    else
        TRY(prepared_begin(prepared, &transaction, err));
    uint64_t id = found != NULL ? found->collection->id : 0;
    return prepared_end(prepared, transaction,
                        transaction_flush(transaction, id, &watch, err), err);
}

/* ---- partitions ---- */

typedef struct PartitionChange {
    const Node *name;
    uint64_t id; /* of the new one */
} PartitionChange;

static mql_status
add_partition(Collection *copy, void *context, Error *err)
{
    const PartitionChange *change = context;
    Partition *partitions = arena_alloc_array(
        &copy->arena, copy->partition_count + 1, sizeof *partitions);
    if (partitions == NULL)
        return error_no_memory(err);
    memcpy(partitions, copy->partitions,
           copy->partition_count * sizeof *partitions);
    Partition *partition = &partitions[copy->partition_count];
    partition->id = change->id;
    partition->is_loaded = copy->is_loaded;
    partition->name = collection_text(copy, change->name->text);
    if (partition->name == NULL)
        return error_no_memory(err);
    copy->partitions = partitions;
    copy->partition_count++;
    return MQL_OK;
}

/* The statement to run first, its names quoted where they have to be. */
static mql_status
hint_release(const Collection *collection, const Partition *partition,
             Error *err)
{
    Buffer text = BUFFER_INIT;
    buffer_append_text(&text, "RELEASE COLLECTION ");
    print_name(&text, collection->name);
    buffer_append_text(&text, " PARTITION (");
    print_name(&text, partition->name);
    buffer_append_text(&text, ") first.");
    error_hint(err, "%s", buffer_text(&text));
    buffer_free(&text);
    return err->status;
}

static mql_status
remove_partition(Collection *copy, void *context, Error *err)
{
    const PartitionChange *change = context;
    int32_t found = collection_find_partition(copy, change->name->text);
    if (found == 0)
        return error_at(err, ERR_OBJECT_IN_USE, change->name->position,
                        "the default partition cannot be dropped");
    if (copy->partitions[found].is_loaded) {
        error_at(err, ERR_OBJECT_IN_USE, change->name->position,
                 "partition \"%s\" cannot be dropped while it is loaded",
                 copy->partitions[found].name);
        return hint_release(copy, &copy->partitions[found], err);
    }
    memmove(&copy->partitions[found], &copy->partitions[found + 1],
            (copy->partition_count - (uint32_t)found - 1) *
                sizeof *copy->partitions);
    copy->partition_count--;
    return MQL_OK;
}

static mql_status
check_partition(const Node *root, const Collection *collection,
                const Node *name, Error *err)
{
    if (collection->has_partition_key)
        return error_at(err, ERR_WRONG_OBJECT_TYPE, root->position,
                        "the partitions of collection \"%s\" are made by its "
                        "partition key",
                        collection->name);
    if (collection->partition_count == PARTITIONS_MOST)
        return error_at(err, ERR_LIMIT_EXCEEDED, root->position,
                        "a collection has at most %u partitions",
                        PARTITIONS_MOST);
    return check_name(name, NAME_OF_PARTITION, "partition", err);
}

mql_status
create_partition_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    Transaction *transaction;
    const CollectionVersion *found;
    TRY(begin_with(prepared, node_child(root, NODE_INDEX_ON), &transaction,
                   &found, err));
    const Collection *collection = found->collection;
    mql_status status = check_partition(root, collection, name, err);
    int32_t existing = collection_find_partition(collection, name->text);
    bool is_fine = node_child(root, NODE_IF_NOT_EXISTS) != NULL;
    if (status == MQL_OK && existing >= 0 &&
        is_taken(name, collection->partitions[existing].name, is_fine)) {
        if (is_fine) {
            session_notice(prepared->session,
                           "partition \"%.*s\" already exists, skipping",
                           (int)name->text.size, name->text.data);
            return prepared_end(prepared, transaction, MQL_OK, err);
        }
        status = error_at(err, ERR_DUPLICATE_OBJECT, name->position,
                          "partition \"%.*s\" already exists",
                          (int)name->text.size, name->text.data);
    }
    PartitionChange change = {name, transaction_new_id(transaction)};
    if (status == MQL_OK)
        status = change_collection(transaction, collection, add_partition,
                                   &change, err);
    return prepared_end(prepared, transaction, status, err);
}

mql_status
drop_partition_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    Transaction *transaction;
    const CollectionVersion *found;
    TRY(begin_with(prepared, node_child(root, NODE_INDEX_ON), &transaction,
                   &found, err));
    const Collection *collection = found->collection;
    PartitionChange change = {name, 0};
    mql_status status = MQL_OK;
    if (collection_find_partition(collection, name->text) < 0) {
        if (node_child(root, NODE_IF_EXISTS) != NULL)
            session_notice(prepared->session,
                           "partition \"%.*s\" does not exist, skipping",
                           (int)name->text.size, name->text.data);
        else
            status = error_at(err, ERR_UNDEFINED_OBJECT, name->position,
                              "partition \"%.*s\" of collection \"%s\" does "
                              "not exist",
                              (int)name->text.size, name->text.data,
                              collection->name);
        return prepared_end(prepared, transaction, status, err);
    }
    if (collection->has_partition_key)
        status = check_partition(root, collection, name, err);
    if (status == MQL_OK)
        status = change_collection(transaction, collection, remove_partition,
                                   &change, err);
    return prepared_end(prepared, transaction, status, err);
}

mql_status
find_target_partition(const Node *root, const Collection *collection,
                      uint64_t *partition, Error *err)
{
    const Node *partitions = node_child(root, NODE_PARTITIONS);
    *partition = collection->partitions[0].id;
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
    *partition = collection->partitions[found].id;
    return MQL_OK;
}
