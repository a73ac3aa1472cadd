/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction.c - beginning and ending a transaction, and changing definitions.
 *
 * Everything is only written down here, in one CollectionChange for each
 * collection touched; transaction_commit() does the work.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/collection/store_internal.h"

/* ---- beginning and ending ---- */

void
store_wait_for_writer(Store *store)
{
    pthread_mutex_lock(&store->writer_mutex);
    while (store->is_writing)
        pthread_cond_wait(&store->writer_free, &store->writer_mutex);
    store->is_writing = true;
    pthread_mutex_unlock(&store->writer_mutex);
}

void
store_free_writer(Store *store)
{
    pthread_mutex_lock(&store->writer_mutex);
    store->is_writing = false;
    pthread_cond_signal(&store->writer_free);
    pthread_mutex_unlock(&store->writer_mutex);
}

mql_status
transaction_begin(Store *store, Transaction **transaction, Error *err)
{
    *transaction = NULL;
    Transaction *begun = calloc(1, sizeof *begun);
    if (begun == NULL)
        return error_no_memory(err);
    store_wait_for_writer(store);
    if (store->is_dead) {
        store_free_writer(store);
        free(begun);
        return error_set(err, ERR_IO_ERROR,
                         "database \"%s\" takes no more changes after an "
                         "input/output error; it must be opened again",
                         store->space.path);
    }
    begun->store = store;
    begun->base = store_version(store);
    begun->sequence = begun->base->sequence + 1;
    arena_init(&begun->batch_arena, 0);
    *transaction = begun;
    return MQL_OK;
}

const Version *
transaction_version(const Transaction *transaction)
{
    return transaction->base;
}

uint64_t
transaction_inserted(const Transaction *transaction)
{
    return transaction->inserted;
}

uint64_t
transaction_deleted(const Transaction *transaction)
{
    return transaction->deleted;
}

uint64_t
transaction_new_id(Transaction *transaction)
{
    return atomic_fetch_add(&transaction->store->next_id, 1);
}

void
staged_free(StagedPartition *staged)
{
    if (staged->rows != NULL)
        segment_release(&staged->rows->base);
    free((void *)(uintptr_t)staged->source.rows);
    free(staged);
}

static void
change_free_staged(CollectionChange *change)
{
    while (change->staged != NULL) {
        StagedPartition *next = change->staged->next;
        staged_free(change->staged);
        change->staged = next;
    }
}

static void
change_free_deleted(CollectionChange *change)
{
    if (change->deleted == NULL)
        return;
    for (uint32_t i = 0; i < change->base->version.segment_count; i++)
        free(change->deleted[i].bits);
    free(change->deleted);
    change->deleted = NULL;
}

static void
change_free_sealed(CollectionChange *change)
{
    for (uint32_t i = 0; i < change->sealed_count; i++)
        segment_release(&change->sealed[i]->base);
    free(change->sealed);
    change->sealed = NULL;
    change->sealed_count = 0;
    change->sealed_capacity = 0;
}

static void
change_free(CollectionChange *change)
{
    change_free_staged(change);
    change_free_deleted(change);
    change_free_sealed(change);
    while (change->entries != NULL) {
        EntryChange *next = change->entries->next;
        segment_entry_free(&change->entries->entry);
        free(change->entries);
        change->entries = next;
    }
    for (uint32_t i = 0; i < change->grown_count; i++)
        segment_release(&change->grown[i]->base);
    free(change->grown);
    collection_release(change->definition);
    collection_state_release(change->state);
    collection_entry_release(change->entry);
    free(change);
}

void
file_names_free(const Store *store, FileName *list, bool is_removing)
{
    while (list != NULL) {
        FileName *next = list->next;
        Error failure = ERROR_INIT;
        if (is_removing &&
            file_remove(store->space.vfs, list->path, &failure) != MQL_OK)
            log_write(&store->space.log, "WARNING", "%s", failure.text);
        free(list->path);
        free(list);
        list = next;
    }
}

/* Forget everything; files written stay when their commit may be in the log. */
static void
transaction_end(Transaction *transaction, bool is_keeping_files)
{
    Store *store = transaction->store;
    while (transaction->collections != NULL) {
        CollectionChange *next = transaction->collections->next;
        change_free(transaction->collections);
        transaction->collections = next;
    }
    while (transaction->databases != NULL) {
        DatabaseChange *next = transaction->databases->next;
        database_entry_release(transaction->databases->entry);
        free(transaction->databases);
        transaction->databases = next;
    }
    file_names_free(store, transaction->written, !is_keeping_files);
    file_names_free(store, transaction->obsolete, false);
    version_release(transaction->base);
    arena_free(&transaction->batch_arena);
    free(transaction);
    store_free_writer(store);
}

void
transaction_rollback(Transaction *transaction)
{
    if (transaction != NULL)
        transaction_end(transaction, false);
}

mql_status
file_name_add(FileName **list, char *path, Error *err)
{
    FileName *name = path == NULL ? NULL : calloc(1, sizeof *name);
    if (name == NULL) {
        free(path);
        return error_no_memory(err);
    }
    *name = (FileName){*list, path};
    *list = name;
    return MQL_OK;
}

/* ---- committing ---- */

/*
 * The record is in the log; the catalogue follows. The commit is durable
 * whatever happens here, because opening the database applies what the
 * catalogue lacks. With a full disk or memory they wait for the next commit's;
 * after any other failure the store takes no more.
 */
static bool
apply_meta(Transaction *transaction, const MetaChanges *changes)
{
    Store *store = transaction->store;
    Buffer *unapplied = &store->unapplied;
    if (changes->count == 0)
        return unapplied->size == 0;
    buffer_append_slice(unapplied, buffer_slice(&changes->bytes));
    Error failure = ERROR_INIT;
    mql_status status = meta_apply(store->meta, buffer_slice(unapplied),
                                   transaction->sequence, &failure);
    if (status == MQL_OK) {
        buffer_clear(unapplied);
        store->noted = transaction->sequence;
        store->stored_next_id = atomic_load(&store->next_id);
        return true;
    }
    log_write(&store->space.log, "WARNING",
              "the catalogue could not be written, its changes are only in "
              "the log: %s",
              failure.text);
    store->is_dead = status != MQL_FULL && status != MQL_NO_MEMORY;
    return false;
}

static void
trim_log(Store *store, uint64_t trim)
{
    Error failure = ERROR_INIT;
    if (trim <= store->trimmed)
        return;
    store->trimmed = trim;
    if (wal_trim(store->wal, trim, &failure) != MQL_OK)
        log_write(&store->space.log, "WARNING", "%s", failure.text);
}

/*
 * A record that the log refused may be in it all the same when the database is
 * opened again, if it was the sync that failed: its files must not be missing
 * then. They go when the log takes another commit, which it does not after a
 * failed sync, or at the next opening.
 */
static void
keep_orphans(Transaction *transaction)
{
    FileName **link = &transaction->store->orphans;
    while (*link != NULL)
        link = &(*link)->next;
    *link = transaction->written;
    transaction->written = NULL;
}

/* A full disk may have room again: the log knows whether it takes another
 * commit. */
static mql_status
log_commit(Transaction *transaction, const Buffer *payload,
           const MetaChanges *changes, Error *err)
{
    Store *store = transaction->store;
    WalRecord record = {
        .sequence = transaction->sequence,
        .time = transaction->time,
        .payload = buffer_slice(payload),
    };
    if (buffer_reserve(&store->unapplied, changes->bytes.size + 1) == NULL) {
        store->unapplied.failed = false;
        return error_no_memory(err);
    }
    mql_status status = wal_commit(store->wal, &record, err);
    if (status == MQL_IO)
        store->is_dead = true;
    if (status != MQL_OK)
        keep_orphans(transaction);
    return status;
}

/* From here on the commit is durable and nothing can fail. */
static void
finish_commit(Transaction *transaction, const MetaChanges *changes,
              uint64_t trim, VersionHolder *holder)
{
    Store *store = transaction->store;
    file_names_free(store, store->orphans, true);
    store->orphans = NULL;
    bool is_applied = apply_meta(transaction, changes);
    commit_apply(transaction, holder);
    if (is_applied) {
        if (trim > 0)
            timeline_stored(&store->timeline, transaction->sequence);
        trim_log(store, trim);
        file_names_free(store, transaction->obsolete, true);
        transaction->obsolete = NULL;
    }
    transaction_end(transaction, true);
}

static mql_status
commit_changes(Transaction *transaction, Error *err)
{
    Buffer payload = BUFFER_INIT;
    MetaChanges changes = META_CHANGES_INIT;
    uint64_t trim = 0;
    VersionHolder *holder = NULL;
    mql_status status = commit_files(transaction, err);
    if (status == MQL_OK)
        status = changes_intact(transaction, err);
    if (status == MQL_OK)
        status = commit_prepare(transaction, &holder, err);
    if (status == MQL_OK)
        status = commit_record(transaction, &holder->version, &payload,
                               &changes, &trim, err);
    if (status == MQL_OK)
        status = log_commit(transaction, &payload, &changes, err);
    if (status == MQL_OK) {
        finish_commit(transaction, &changes, trim, holder);
    } else {
        commit_unprepare(transaction);
        version_release(holder == NULL ? NULL : &holder->version);
        transaction_end(transaction, false);
    }
    buffer_free(&payload);
    meta_changes_free(&changes);
    return status;
}

static bool
change_is_empty(const CollectionChange *change)
{
    return change->definition == NULL && !change->is_dropped &&
           !change->is_truncated && !change->wants_seal &&
           change->staged == NULL && change->sealed_count == 0 &&
           change->deleted_count == 0;
}

mql_status
transaction_commit(Transaction *transaction, Error *err)
{
    if (transaction->is_failed) {
        transaction_end(transaction, false);
        return error_set(err, ERR_MISUSE,
                         "a transaction that has failed cannot be committed");
    }
    bool is_empty = transaction->databases == NULL;
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next)
        is_empty = is_empty && change_is_empty(change);
    if (is_empty) {
        transaction_end(transaction, false);
        return MQL_OK;
    }
    return commit_changes(transaction, err);
}

/* ---- changes of a collection ---- */

static CollectionChange *
find_change(const Transaction *transaction, uint64_t id)
{
    CollectionChange *change = transaction->collections;
    while (change != NULL && change->id != id)
        change = change->next;
    return change;
}

static mql_status
add_change(Transaction *transaction, uint64_t id, CollectionEntry *base,
           CollectionChange **change, Error *err)
{
    CollectionChange *added = calloc(1, sizeof *added);
    if (added == NULL)
        return error_no_memory(err);
    added->id = id;
    added->base = base;
    added->next_auto_id = base != NULL ? base->state->next_auto_id : 1;
    added->next = transaction->collections;
    transaction->collections = added;
    *change = added;
    return MQL_OK;
}

mql_status
transaction_change(Transaction *transaction, uint64_t id,
                   CollectionChange **change, Error *err)
{
    *change = find_change(transaction, id);
    if (*change != NULL)
        return MQL_OK;
    const CollectionVersion *version =
        version_collection(transaction->base, id);
    if (version == NULL)
        return error_set(err, ERR_UNDEFINED_TABLE,
                         "collection %" PRIu64 " does not exist", id);
    return add_change(transaction, id, collection_entry_of(version), change,
                      err);
}

const Collection *
change_definition(const CollectionChange *change)
{
    return change->definition != NULL ? change->definition
                                      : change->base->version.collection;
}

mql_status
change_own_definition(CollectionChange *change, Error *err)
{
    if (change->definition != NULL)
        return MQL_OK;
    return collection_copy(change->base->version.collection,
                           &change->definition, err);
}

bool
change_keeps(const CollectionChange *change, const Segment *segment)
{
    return !change->is_dropped && !change->is_truncated &&
           collection_find_partition_id(change_definition(change),
                                        segment->partition) >= 0;
}

bool
change_is_deleted(const CollectionChange *change, uint32_t segment,
                  uint32_t row)
{
    return change->deleted != NULL && change->deleted[segment].bits != NULL &&
           bits_get(change->deleted[segment].bits, row);
}

mql_status
change_delete(Transaction *transaction, CollectionChange *change,
              uint32_t segment, uint32_t row, Error *err)
{
    const CollectionVersion *base = &change->base->version;
    if (change->deleted == NULL)
        change->deleted = calloc(base->segment_count, sizeof(RowSet));
    if (change->deleted == NULL)
        return error_no_memory(err);
    RowSet *set = &change->deleted[segment];
    if (set->bits == NULL) {
        uint32_t rows = segment_row_count(base->segments[segment],
                                          transaction->base->sequence);
        set->bits = calloc(bits_words(rows) + 1, sizeof *set->bits);
    }
    if (set->bits == NULL)
        return error_no_memory(err);
    if (bits_get(set->bits, row))
        return MQL_OK;
    bits_set(set->bits, row);
    set->count++;
    change->deleted_count++;
    transaction->deleted++;
    return MQL_OK;
}

static mql_status
delete_rows(Transaction *transaction, const CollectionVersion *collection,
            const Segment *segment, const uint32_t *rows, uint32_t count,
            Error *err)
{
    CollectionChange *change;
    TRY(transaction_change(transaction, collection->collection->id, &change,
                           err));
    uint32_t position = 0;
    while (position < collection->segment_count &&
           collection->segments[position] != segment)
        position++;
    if (position == collection->segment_count ||
        &change->base->version != collection)
        return error_set(err, ERR_INTERNAL_ERROR,
                         "segment is not of the transaction's version");
    uint32_t most = segment_row_count(segment, transaction->base->sequence);
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i] >= most)
            return error_set(err, ERR_INTERNAL_ERROR, "no such row");
        TRY(change_delete(transaction, change, position, rows[i], err));
    }
    return MQL_OK;
}

mql_status
transaction_delete(Transaction *transaction,
                   const CollectionVersion *collection, const Segment *segment,
                   const uint32_t *rows, uint32_t count, Error *err)
{
    if (count == 0)
        return MQL_OK;
    mql_status status =
        delete_rows(transaction, collection, segment, rows, count, err);
    if (status != MQL_OK)
        transaction->is_failed = true;
    return status;
}

/* ---- definitions ---- */

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
    return MQL_OK;
}

mql_status
transaction_create_database(Transaction *transaction, Slice name,
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
    entry->definition.id = transaction_new_id(transaction);
    return add_database_change(transaction, entry->definition.id, entry, err);
}

mql_status
transaction_drop_database(Transaction *transaction, uint64_t id, Error *err)
{
    return add_database_change(transaction, id, NULL, err);
}

mql_status
transaction_put_collection(Transaction *transaction, Collection *collection,
                           Error *err)
{
    CollectionChange *change = find_change(transaction, collection->id);
    mql_status status = MQL_OK;
    if (change == NULL) {
        const CollectionVersion *version =
            version_collection(transaction->base, collection->id);
        status =
            add_change(transaction, collection->id,
                       version != NULL ? collection_entry_of(version) : NULL,
                       &change, err);
    }
    if (status != MQL_OK) {
        collection_release(collection);
        transaction->is_failed = true;
        return status;
    }
    collection_release(change->definition);
    change->definition = collection;
    change->is_new_definition = true;
    change->is_dropped = false;
    return MQL_OK;
}

/* Nothing of the rows stays. */
static void
forget_rows(Transaction *transaction, CollectionChange *change)
{
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next)
        transaction->staged_bytes -= staged->rows->memory;
    change_free_staged(change);
    change_free_sealed(change);
    change_free_deleted(change);
    change->deleted_count = 0;
}

mql_status
transaction_drop_collection(Transaction *transaction, uint64_t id, Error *err)
{
    CollectionChange *change;
    mql_status status = transaction_change(transaction, id, &change, err);
    if (status != MQL_OK) {
        transaction->is_failed = true;
        return status;
    }
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
    forget_rows(transaction, change);
    change->is_truncated = true;
    return MQL_OK;
}

/* ---- files ---- */

static void
remember_watch(Transaction *transaction, const Watch *watch)
{
    if (watch != NULL)
        transaction->watch = *watch;
}

static mql_status
want_seal(Transaction *transaction, uint64_t id, Error *err)
{
    CollectionChange *change;
    TRY(transaction_change(transaction, id, &change, err));
    change->wants_seal = true;
    change->wants_indexes = true;
    return MQL_OK;
}

/* A damaged collection keeps its commits in the log: what it is repaired with
 * may need them. */
static bool
may_seal(const Transaction *transaction, const CollectionVersion *collection)
{
    Error failure = ERROR_INIT;
    if (collection_intact(collection, &failure) == MQL_OK)
        return true;
    log_write(&transaction->store->space.log, "WARNING",
              "damaged collection \"%s\" is not flushed: %s",
              collection->collection->name, failure.text);
    return false;
}

mql_status
transaction_flush(Transaction *transaction, uint64_t collection,
                  const Watch *watch, Error *err)
{
    remember_watch(transaction, watch);
    mql_status status = MQL_OK;
    const Version *base = transaction->base;
    if (collection != 0)
        status = want_seal(transaction, collection, err);
    for (uint32_t i = 0; collection == 0 && i < base->collection_count; i++)
        if (status == MQL_OK && may_seal(transaction, base->collections[i]))
            status = want_seal(transaction,
                               base->collections[i]->collection->id, err);
    if (status != MQL_OK)
        transaction->is_failed = true;
    return status;
}

static mql_status
append_index(Collection *definition, const IndexDefinition *index, Error *err)
{
    uint32_t count = definition->index_count;
    IndexDefinition *indexes = arena_alloc_array(
        &definition->arena, count + (size_t)1, sizeof *indexes);
    if (indexes == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        indexes[i] = definition->indexes[i];
    indexes[count] = *index;
    indexes[count].name =
        catalog_copy_text(&definition->arena, slice_of(index->name));
    if (indexes[count].name == NULL)
        return error_no_memory(err);
    definition->indexes = indexes;
    definition->index_count = count + 1;
    return MQL_OK;
}

static mql_status
create_index(Transaction *transaction, uint64_t collection,
             const IndexDefinition *index, Error *err)
{
    CollectionChange *change;
    TRY(transaction_change(transaction, collection, &change, err));
    TRY(change_own_definition(change, err));
    TRY(append_index(change->definition, index, err));
    change->is_new_definition = true;
    change->wants_seal = true;
    change->wants_indexes = true;
    return MQL_OK;
}

mql_status
transaction_create_index(Transaction *transaction, uint64_t collection,
                         const IndexDefinition *index, const Watch *watch,
                         Error *err)
{
    remember_watch(transaction, watch);
    mql_status status = create_index(transaction, collection, index, err);
    if (status != MQL_OK)
        transaction->is_failed = true;
    return status;
}
