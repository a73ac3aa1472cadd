/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction_define.c - databases and collections made, changed and dropped.
 *
 * As with rows, everything is only written down: a new definition, or that the
 * collection is gone or empty, in its CollectionChange.
 */
#include <stdlib.h>

#include "engine/collection/store_internal.h"

static mql_status
fill_database(DatabaseEntry *entry, Slice name, const Property *properties,
              uint32_t count, Error *err)
{
    DatabaseDefinition *definition = &entry->definition;
    definition->name = catalog_copy_text(&entry->arena, name);
    definition->properties =
        arena_alloc_array(&entry->arena, count + (size_t)1, sizeof *properties);
    if (definition->name == NULL || definition->properties == NULL)
        return error_no_memory(err);
    definition->property_count = count;
    for (uint32_t i = 0; i < count; i++) {
        Property *copy = &definition->properties[i];
        copy->name =
            catalog_copy_text(&entry->arena, slice_of(properties[i].name));
        copy->value =
            catalog_copy_text(&entry->arena, slice_of(properties[i].value));
        if (copy->name == NULL || copy->value == NULL)
            return error_no_memory(err);
    }
    return MQL_OK;
}

static mql_status
add_database_change(Transaction *transaction, uint64_t id, DatabaseEntry *entry,
                    Error *err)
{
    DatabaseChange *change = calloc(1, sizeof *change);
    if (change == NULL) {
        database_entry_release(entry);
        transaction->is_failed = true;
        return error_no_memory(err);
    }
    *change = (DatabaseChange){transaction->databases, id, entry};
    transaction->databases = change;
    transaction->has_definitions = true;
    transaction_touch(transaction);
    return MQL_OK;
}

mql_status
transaction_create_database(Transaction *transaction, Slice name,
                            const Property *properties, uint32_t property_count,
                            Error *err)
{
    return transaction_alter_database(transaction,
                                      transaction_new_id(transaction), name,
                                      properties, property_count, err);
}

mql_status
transaction_alter_database(Transaction *transaction, uint64_t id, Slice name,
                           const Property *properties, uint32_t property_count,
                           Error *err)
{
    DatabaseEntry *entry = database_entry_create();
    mql_status status = entry == NULL ? error_no_memory(err)
                                      : fill_database(entry, name, properties,
                                                      property_count, err);
    if (status != MQL_OK) {
        database_entry_release(entry);
        transaction->is_failed = true;
        return status;
    }
    entry->definition.id = id;
    return add_database_change(transaction, id, entry, err);
}

mql_status
transaction_drop_database(Transaction *transaction, uint64_t id, Error *err)
{
    TRY(transaction_forget_grants(transaction, LEVEL_DATABASE, id, err));
    return add_database_change(transaction, id, NULL, err);
}

/* The change of a collection that the transaction makes: upon an empty one. */
static mql_status
create_change(Transaction *transaction, Collection *collection,
              CollectionChange **change, Error *err)
{
    CollectionState *state = collection_state_create();
    if (state != NULL)
        atomic_store(&state->next_auto_id, collection->next_auto_id);
    CollectionEntry *empty =
        state == NULL ? NULL
                      : collection_entry_create(collection, state, NULL, 0);
    collection_state_release(state);
    if (empty == NULL)
        return error_no_memory(err);
    return change_add(transaction, collection->id, empty, empty, change, err);
}

mql_status
transaction_copy_definition(Transaction *transaction,
                            const Collection *collection, Collection **copy,
                            Error *err)
{
    TRY(collection_copy(collection, copy, err));
    Collection *made = *copy;
    made->id = transaction_new_id(transaction);
    made->flushed = 0;
    made->created = 0;
    made->horizon = 0;
    made->expired = 0;
    made->next_auto_id = 1;
    for (uint32_t i = 0; i < made->partition_count; i++)
        made->partitions[i].id = transaction_new_id(transaction);
    for (uint32_t i = 0; i < made->index_count; i++)
        made->indexes[i].id = transaction_new_id(transaction);
    return MQL_OK;
}

mql_status
transaction_put_collection(Transaction *transaction, Collection *collection,
                           Error *err)
{
    CollectionChange *change = change_find(transaction, collection->id);
    mql_status status = MQL_OK;
    transaction_touch(transaction);
    if (change == NULL) {
        const CollectionVersion *version =
            version_collection(transaction->base, collection->id);
        status =
            version != NULL
                ? change_add(transaction, collection->id,
                             collection_entry_of(version), NULL, &change, err)
                : create_change(transaction, collection, &change, err);
    }
    if (status != MQL_OK) {
        collection_release(collection);
        transaction->is_failed = true;
        return status;
    }
    collection_release(change->definition);
    change->definition = collection;
    change->is_definition_shared = change->created != NULL;
    change->is_new_definition = true;
    change->is_dropped = false;
    transaction->has_definitions = true;
    return MQL_OK;
}

void
forget_files(Transaction *transaction, const SealedSegment *segment)
{
    const FileSpace *space = &transaction->store->space;
    const SegmentEntry *entry = &segment->entry;
    Error ignored = ERROR_INIT; /* then the next opening removes them */
    (void)!file_name_add(&transaction->obsolete,
                         segment_path(space, segment->base.id), &ignored);
    for (uint32_t i = 0; i < entry->index_count; i++)
        (void)!file_name_add(&transaction->obsolete,
                             segment_index_path(space, segment->base.id,
                                                entry->indexes[i].index),
                             &ignored);
}

/* Nothing of the rows stays. */
static void
forget_rows(Transaction *transaction, CollectionChange *change)
{
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next)
        transaction->staged_bytes -= staged->rows->memory;
    change_free_staged(change);
    for (uint32_t i = 0; i < change->sealed_count; i++)
        forget_files(transaction, change->sealed[i]);
    change_free_sealed(change);
    change_free_deleted(change);
    change->deleted_count = 0;
}

mql_status
transaction_drop_collection(Transaction *transaction, uint64_t id, Error *err)
{
    CollectionChange *change;
    TRY(transaction_forget_grants(transaction, LEVEL_COLLECTION, id, err));
    mql_status status = transaction_change(transaction, id, &change, err);
    if (status != MQL_OK) {
        transaction->is_failed = true;
        return status;
    }
    transaction_touch(transaction);
    transaction->has_definitions = true;
    forget_rows(transaction, change);
    change->is_dropped = true;
    change->is_new_definition = true;
    return MQL_OK;
}

mql_status
transaction_truncate(Transaction *transaction, uint64_t id, Error *err)
{
    CollectionChange *change;
    mql_status status = transaction_change(transaction, id, &change, err);
    if (status != MQL_OK) {
        transaction->is_failed = true;
        return status;
    }
    transaction_touch(transaction);
    forget_rows(transaction, change);
    change->is_truncated = true;
    return MQL_OK;
}
