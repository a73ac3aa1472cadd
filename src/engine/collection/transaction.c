/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction.c - beginning and ending a transaction, deleting rows, and what a
 * commit is to seal and index.
 *
 * Everything is only written down here, in one CollectionChange for each
 * collection touched; transaction_commit() does the work.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/collection/store_internal.h"

#define WAIT_NANOSECONDS 20000000

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

/* A while, or until the place is free: `cancel` wakes nobody. */
static void
wait_a_while(pthread_cond_t *freed, pthread_mutex_t *mutex)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_NANOSECONDS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(freed, mutex, &until);
}

/* The place is looked at last: a signal is not lost with one who gives up. */
static mql_status
take_place(Store *store, bool *is_taken, pthread_cond_t *freed,
           const Watch *watch, Error *err)
{
    mql_status status = MQL_OK;
    pthread_mutex_lock(&store->writer_mutex);
    while (*is_taken && status == MQL_OK) {
        status = watch_poll(watch, err);
        if (status == MQL_OK)
            wait_a_while(freed, &store->writer_mutex);
    }
    if (status == MQL_OK)
        *is_taken = true;
    pthread_mutex_unlock(&store->writer_mutex);
    return status;
}

mql_status
store_wait_watched(Store *store, const Watch *watch, Error *err)
{
    return take_place(store, &store->is_writing, &store->writer_free, watch,
                      err);
}

mql_status
store_wait_for_rewrite(Store *store, const Watch *watch, Error *err)
{
    return take_place(store, &store->is_rewriting, &store->rewrite_free, watch,
                      err);
}

void
store_free_rewrite(Store *store)
{
    pthread_mutex_lock(&store->writer_mutex);
    store->is_rewriting = false;
    pthread_cond_signal(&store->rewrite_free);
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

static mql_status
refuse_dead(const Store *store, Error *err)
{
    return error_set(err, ERR_IO_ERROR,
                     "database \"%s\" takes no more changes after an "
                     "input/output error; it must be opened again",
                     store->space.path);
}

static Transaction *
begin(Store *store, const Version *base)
{
    Transaction *begun = calloc(1, sizeof *begun);
    if (begun == NULL)
        return NULL;
    begun->store = store;
    begun->base = base;
    begun->began = store_now(store);
    begun->sequence = base->sequence + 1;
    arena_init(&begun->batch_arena, 0);
    return begun;
}

static mql_status
refuse_read_only(const Store *store, Error *err)
{
    if (!store->is_read_only)
        return MQL_OK;
    return error_set(err, ERR_READ_ONLY, "database \"%s\" is open read-only",
                     store->space.path);
}

mql_status
transaction_begin(Store *store, Transaction **transaction, Error *err)
{
    return transaction_begin_watched(store, NULL, transaction, err);
}

mql_status
transaction_begin_watched(Store *store, const atomic_bool *cancel,
                          Transaction **transaction, Error *err)
{
    const Watch watch = {.cancel = cancel};
    *transaction = NULL;
    TRY(refuse_read_only(store, err));
    TRY(store_wait_watched(store, &watch, err));
    if (store->is_dead) {
        store_free_writer(store);
        return refuse_dead(store, err);
    }
    const Version *base = store_newest(store);
    *transaction = begin(store, base);
    if (*transaction == NULL) {
        version_release(base);
        store_free_writer(store);
        return error_no_memory(err);
    }
    (*transaction)->is_writer = true;
    return MQL_OK;
}

mql_status
transaction_begin_optimistic(Store *store, Transaction **transaction,
                             Error *err)
{
    const Version *base = store_version(store);
    *transaction = begin(store, base);
    if (*transaction == NULL) {
        version_release(base);
        return error_no_memory(err);
    }
    return MQL_OK;
}

int64_t
transaction_began(const Transaction *transaction)
{
    return transaction->began;
}

const Version *
transaction_version(const Transaction *transaction)
{
    return transaction->base;
}

void
transaction_touch(Transaction *transaction)
{
    if (transaction->view != NULL)
        version_release(&transaction->view->version);
    transaction->view = NULL;
    transaction->is_view_old = false;
}

void
transaction_touch_rows(Transaction *transaction)
{
    transaction->is_view_old = transaction->view != NULL;
}

void
transaction_begin_statement(Transaction *transaction)
{
    transaction->inserted = 0;
    transaction->deleted = 0;
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
change_free_deleted(CollectionChange *change)
{
    if (change->deleted == NULL)
        return;
    for (uint32_t i = 0; i < change->base->version.segment_count; i++)
        free(change->deleted[i].bits);
    free(change->deleted);
    change->deleted = NULL;
}

void
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
    free(change->replaced);
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
    collection_entry_release(change->entry);
    collection_entry_release(change->created);
    free(change);
}

/* True: somebody holds the files, and has taken the list. */
static bool
is_list_held(Store *store, FileName *list)
{
    pthread_mutex_lock(&store->held_mutex);
    bool is_held = store->holds > 0;
    if (is_held) {
        FileName **link = &store->held;
        while (*link != NULL)
            link = &(*link)->next;
        *link = list;
    }
    pthread_mutex_unlock(&store->held_mutex);
    return is_held;
}

static void
free_names(Store *store, FileName *list, bool is_removing)
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

void
file_names_free(Store *store, FileName *list, bool is_removing)
{
    if (is_removing && list != NULL && is_list_held(store, list))
        return;
    free_names(store, list, is_removing);
}

static void
take_out(FileName **list, const char *path)
{
    while (*list != NULL) {
        FileName *name = *list;
        if (strcmp(name->path, path) != 0) {
            list = &name->next;
            continue;
        }
        *list = name->next;
        free(name->path);
        free(name);
    }
}

void
store_reclaim_file(Store *store, const char *path)
{
    take_out(&store->orphans, path);
    pthread_mutex_lock(&store->held_mutex);
    take_out(&store->held, path);
    pthread_mutex_unlock(&store->held_mutex);
}

void
store_hold_files(Store *store)
{
    pthread_mutex_lock(&store->held_mutex);
    store->holds++;
    pthread_mutex_unlock(&store->held_mutex);
}

void
store_release_files(Store *store)
{
    pthread_mutex_lock(&store->held_mutex);
    store->holds--;
    if (store->holds == 0) {
        /* with the mutex: who reclaims a name is about to make the file */
        free_names(store, store->held, true);
        store->held = NULL;
    }
    pthread_mutex_unlock(&store->held_mutex);
}

void
transaction_end(Transaction *transaction, bool is_keeping_files)
{
    Store *store = transaction->store;
    bool is_writer = transaction->is_writer;
    transaction_touch(transaction);
    savepoints_free(transaction);
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
    stored_settings_release(transaction->settings);
    access_release(transaction->access);
    file_names_free(store, transaction->written, !is_keeping_files);
    file_names_free(store, transaction->obsolete, false);
    version_release(transaction->base);
    version_release(transaction->newest);
    arena_free(&transaction->batch_arena);
    free(transaction);
    if (is_writer)
        store_free_writer(store);
}

/*
 * The end of one that changes nothing. As the writer, or when it met a
 * conflict, it may have seen commits that are not durable yet: what it says of
 * them must not come true before they do.
 */
static mql_status
end_unchanged(Transaction *transaction, Error *err)
{
    Store *store = transaction->store;
    uint64_t seen = transaction->newest != NULL ? transaction->newest->sequence
                                                : transaction->base->sequence;
    transaction_end(transaction, false);
    return store_wait_for_sync(store, seen, err);
}

void
transaction_rollback(Transaction *transaction)
{
    Error ignored = ERROR_INIT;
    if (transaction != NULL)
        (void)!end_unchanged(transaction, &ignored);
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

static bool
change_is_empty(const CollectionChange *change)
{
    return change->definition == NULL && !change->is_dropped &&
           !change->is_truncated && !change->wants_seal &&
           change->staged == NULL && change->sealed_count == 0 &&
           change->replaced_count == 0 && change->entries == NULL &&
           change->deleted_count == 0;
}

bool
transaction_is_empty(const Transaction *transaction)
{
    bool is_empty = transaction->databases == NULL &&
                    transaction->settings == NULL &&
                    transaction->access == NULL;
    for (const CollectionChange *change = transaction->collections;
         change != NULL; change = change->next)
        is_empty = is_empty && change_is_empty(change);
    return is_empty;
}

/* From here on the transaction is the writer, upon the newest state. */
static mql_status
become_writer(Transaction *transaction, Error *err)
{
    Store *store = transaction->store;
    TRY(store_wait_watched(store, &transaction->watch, err));
    transaction->is_writer = true;
    if (store->is_dead)
        return refuse_dead(store, err);
    return transaction_rebase(transaction, err);
}

mql_status
transaction_commit(Transaction *transaction, Error *err)
{
    mql_status status = MQL_OK;
    if (transaction->is_failed)
        status = error_set(err, ERR_MISUSE,
                           "a transaction that has failed cannot be committed");
    else if (!transaction_is_empty(transaction)) {
        transaction_touch(transaction);
        savepoints_free(transaction);
        if (!transaction->is_writer)
            status = become_writer(transaction, err);
        if (status == MQL_OK)
            return commit_changes(transaction, err);
    }
    if (status == MQL_OK)
        return end_unchanged(transaction, err);
    transaction_rollback(transaction);
    return status;
}

mql_status
transaction_commit_watched(Transaction *transaction, const Watch *watch,
                           Error *err)
{
    transaction->watch = *watch;
    return transaction_commit(transaction, err);
}

/* ---- changes of a collection ---- */

CollectionChange *
change_find(const Transaction *transaction, uint64_t id)
{
    CollectionChange *change = transaction->collections;
    while (change != NULL && change->id != id)
        change = change->next;
    return change;
}

mql_status
change_add(Transaction *transaction, uint64_t id, CollectionEntry *base,
           CollectionEntry *created, CollectionChange **change, Error *err)
{
    CollectionChange *added = calloc(1, sizeof *added);
    if (added == NULL) {
        collection_entry_release(created);
        return error_no_memory(err);
    }
    added->id = id;
    added->base = base;
    added->created = created;
    added->next = transaction->collections;
    transaction->collections = added;
    *change = added;
    return MQL_OK;
}

mql_status
transaction_change(Transaction *transaction, uint64_t id,
                   CollectionChange **change, Error *err)
{
    *change = change_find(transaction, id);
    if (*change != NULL)
        return MQL_OK;
    const CollectionVersion *version =
        version_collection(transaction->base, id);
    if (version == NULL)
        return error_set(err, ERR_UNDEFINED_TABLE,
                         "collection %" PRIu64 " does not exist", id);
    return change_add(transaction, id, collection_entry_of(version), NULL,
                      change, err);
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
    if (change->definition != NULL && !change->is_definition_shared)
        return MQL_OK;
    Collection *copy;
    TRY(collection_copy(change_definition(change), &copy, err));
    collection_release(change->definition);
    change->definition = copy;
    change->is_definition_shared = false;
    return MQL_OK;
}

bool
change_has_partition(const CollectionChange *change, const Segment *segment)
{
    return collection_find_partition_id(change_definition(change),
                                        segment->partition) >= 0;
}

static bool
is_replaced(const CollectionChange *change, const Segment *segment)
{
    for (uint32_t i = 0; i < change->replaced_count; i++)
        if (change->replaced[i] == segment)
            return true;
    return false;
}

bool
change_keeps(const CollectionChange *change, const Segment *segment)
{
    return !is_replaced(change, segment) && !change->is_dropped &&
           !change->is_truncated && change_has_partition(change, segment);
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
        change->deleted = calloc(base->segment_count, sizeof(DeletedRows));
    if (change->deleted == NULL)
        return error_no_memory(err);
    DeletedRows *set = &change->deleted[segment];
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

/* Rows of the base's segment at that position. */
static mql_status
delete_of_base(Transaction *transaction, CollectionChange *change,
               uint32_t position, const uint32_t *rows, uint32_t count,
               Error *err)
{
    const Segment *segment = change->base->version.segments[position];
    uint32_t most = segment_row_count(segment, transaction->base->sequence);
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i] >= most)
            return error_set(err, ERR_INTERNAL_ERROR, "no such row");
        TRY(change_delete(transaction, change, position, rows[i], err));
    }
    return MQL_OK;
}

/* Rows that the transaction staged. */
static void
delete_staged(Transaction *transaction, StagedPartition *staged,
              const uint32_t *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (growing_deleted(staged->rows, rows[i]) != 0)
            continue;
        staged_delete(transaction, staged, rows[i]);
        transaction->deleted++;
    }
}

/* Rows that the transaction has spilled to a file. */
static mql_status
delete_spilled(Transaction *transaction, SealedSegment *segment,
               const uint32_t *rows, uint32_t count, Error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (sealed_deleted(segment, rows[i]) != 0)
            continue;
        TRY(sealed_reserve_delete(segment, rows[i], err));
        sealed_delete(segment, rows[i], transaction->sequence);
        transaction->deleted++;
    }
    return MQL_OK;
}

static mql_status
delete_rows(Transaction *transaction, CollectionChange *change,
            const Segment *segment, const uint32_t *rows, uint32_t count,
            Error *err)
{
    const CollectionVersion *base = &change->base->version;
    for (uint32_t i = 0; i < base->segment_count; i++)
        if (base->segments[i] == segment)
            return delete_of_base(transaction, change, i, rows, count, err);
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next)
        if (&staged->rows->base == segment) {
            delete_staged(transaction, staged, rows, count);
            return MQL_OK;
        }
    for (uint32_t i = 0; i < change->sealed_count; i++)
        if (&change->sealed[i]->base == segment)
            return delete_spilled(transaction, change->sealed[i], rows, count,
                                  err);
    return error_set(err, ERR_INTERNAL_ERROR,
                     "segment is not of the transaction's version");
}

mql_status
transaction_delete(Transaction *transaction,
                   const CollectionVersion *collection, const Segment *segment,
                   const uint32_t *rows, uint32_t count, Error *err)
{
    if (count == 0)
        return MQL_OK;
    CollectionChange *change;
    transaction_touch(transaction);
    mql_status status = transaction_change(
        transaction, collection->collection->id, &change, err);
    if (status == MQL_OK)
        status = delete_rows(transaction, change, segment_under(segment), rows,
                             count, err);
    if (status != MQL_OK)
        transaction->is_failed = true;
    return status;
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
    definition->indexes = indexes;
    return collection_add_index(definition, index, err);
}

static mql_status
create_index(Transaction *transaction, uint64_t collection,
             const IndexDefinition *index, Error *err)
{
    CollectionChange *change;
    TRY(transaction_change(transaction, collection, &change, err));
    TRY(change_own_definition(change, err));
    TRY(append_index(change->definition, index, err));
    transaction_touch(transaction);
    transaction->has_definitions = true;
    change->is_new_definition = true;
    change->wants_seal = true;
    change->wants_indexes = true;
    return MQL_OK;
}

mql_status
transaction_define_index(Transaction *transaction, uint64_t collection,
                         const IndexDefinition *index, Error *err)
{
    CollectionChange *change;
    mql_status status =
        transaction_change(transaction, collection, &change, err);
    bool wants_seal = status == MQL_OK && change->wants_seal;
    bool wants_indexes = status == MQL_OK && change->wants_indexes;
    if (status == MQL_OK)
        status = create_index(transaction, collection, index, err);
    if (status != MQL_OK) {
        transaction->is_failed = true;
        return status;
    }
    change->wants_seal = wants_seal;
    change->wants_indexes = wants_indexes;
    change->is_lazy = true;
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
