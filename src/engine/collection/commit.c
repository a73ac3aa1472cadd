/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.c - making a transaction durable and visible.
 *
 * A commit of rows alone is written to the log and to memory, where its
 * sequence number hides it, and gives the writer's place to the next; then it
 * waits for a sync. One of those that wait syncs the log for all of them, and
 * publishes the newest Version that is durable: so many sessions share one
 * sync. Other commits wait for theirs as the writer, because what follows
 * (catalogue, removing files) must not come before it.
 *
 * A sync that fails ends all commits: those that wait are not acknowledged and
 * never published.
 */
#include "engine/collection/jobs.h"
#include "engine/collection/store_internal.h"

/* ---- the sync ---- */

/* With the mutex held. */
static void
sync_log(Store *store)
{
    uint64_t until = store->appended;
    Error failure = ERROR_INIT;
    store->is_syncing = true;
    pthread_mutex_unlock(&store->sync_mutex);
    mql_status status = wal_sync(store->wal, until, &failure);
    if (status == MQL_OK)
        store_publish_pending(store, until);
    pthread_mutex_lock(&store->sync_mutex);
    store->is_syncing = false;
    if (status == MQL_OK) {
        store->synced = until;
    } else {
        store->is_sync_failed = true;
        store->sync_failure = failure;
        store->is_dead = true;
    }
    pthread_cond_broadcast(&store->sync_done);
}

mql_status
store_wait_for_sync(Store *store, uint64_t sequence, Error *err)
{
    pthread_mutex_lock(&store->sync_mutex);
    while (store->synced < sequence && !store->is_sync_failed) {
        if (store->is_syncing)
            pthread_cond_wait(&store->sync_done, &store->sync_mutex);
        else
            sync_log(store);
    }
    mql_status status = MQL_OK;
    if (store->synced < sequence) {
        *err = store->sync_failure;
        status = err->status;
    }
    pthread_mutex_unlock(&store->sync_mutex);
    return status;
}

/* From now on a sync covers it. */
static void
note_appended(Store *store, uint64_t sequence)
{
    pthread_mutex_lock(&store->sync_mutex);
    store->appended = sequence;
    pthread_mutex_unlock(&store->sync_mutex);
}

mql_status
store_settle(Store *store, Error *err)
{
    pthread_mutex_lock(&store->sync_mutex);
    uint64_t appended = store->appended;
    pthread_mutex_unlock(&store->sync_mutex);
    return store_wait_for_sync(store, appended, err);
}

/* ---- the time of a commit ---- */

/* Late: readers of moments before it must have had their answer. */
static void
stamp(Transaction *transaction)
{
    Store *store = transaction->store;
    const Vfs *vfs = store->space.vfs;
    pthread_mutex_lock(&store->sync_mutex);
    int64_t now = vfs->now(vfs->context);
    transaction->time = now > store->asked_until ? now : store->asked_until + 1;
    store->stamped = transaction->sequence;
    pthread_mutex_unlock(&store->sync_mutex);
}

/* It is visible, or (`is_undone`) never will be. */
static void
stamp_settled(Store *store, uint64_t sequence, bool is_undone)
{
    pthread_mutex_lock(&store->sync_mutex);
    if (is_undone)
        store->stamped = sequence - 1;
    pthread_cond_broadcast(&store->sync_done);
    pthread_mutex_unlock(&store->sync_mutex);
}

static uint64_t
visible_sequence(Store *store)
{
    const Version *version = store_version(store);
    uint64_t sequence = version->sequence;
    version_release(version);
    return sequence;
}

void
store_settle_clock(Store *store)
{
    pthread_mutex_lock(&store->sync_mutex);
    int64_t now = store_now(store);
    if (now > store->asked_until)
        store->asked_until = now;
    uint64_t stamped = store->stamped;
    while (!store->is_sync_failed && store->stamped >= stamped &&
           visible_sequence(store) < stamped)
        pthread_cond_wait(&store->sync_done, &store->sync_mutex);
    pthread_mutex_unlock(&store->sync_mutex);
}

/* ---- the reserve ---- */

static bool
takes_rows_away(const CollectionChange *change)
{
    const Collection *base = change->base->version.collection;
    const Collection *now = change->definition;
    bool has_less = now != NULL && change->created == NULL &&
                    (now->partition_count < base->partition_count ||
                     now->index_count < base->index_count);
    return change->is_dropped || change->is_truncated || has_less ||
           change->deleted_count > 0;
}

/* Whether the commit makes room on the disk, or lets a later one make it, and
 * brings nothing new. */
static bool
gives_space_back(const Transaction *transaction)
{
    bool does = transaction->is_rewrite;
    if (transaction->settings != NULL)
        return false;
    if (transaction->access != NULL && transaction->collections == NULL &&
        transaction->databases == NULL)
        return false;
    for (const DatabaseChange *database = transaction->databases;
         database != NULL; database = database->next) {
        if (database->entry != NULL)
            return false;
        does = true;
    }
    for (const CollectionChange *change = transaction->collections;
         change != NULL && !transaction->is_rewrite; change = change->next) {
        if (change->staged != NULL || change->sealed_count > 0 ||
            !takes_rows_away(change))
            return false;
        does = true;
    }
    return does;
}

/* The disk is full, and there is the reserve. */
static bool
may_try_again(const Transaction *transaction, mql_status status)
{
    return status == MQL_FULL && transaction->gives_back &&
           reserve_release(&transaction->store->reserve);
}

static mql_status
keep_reserve(Transaction *transaction, Error *err)
{
    transaction->gives_back = gives_space_back(transaction);
    return transaction->gives_back
               ? MQL_OK
               : reserve_keep(&transaction->store->reserve, err);
}

/* ---- the steps ---- */

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
    if (may_try_again(transaction, status))
        status = meta_apply(store->meta, buffer_slice(unapplied),
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
    mql_status status = wal_trim(store->wal, trim, &failure);
    if (status == MQL_FULL && reserve_release(&store->reserve))
        status = wal_trim(store->wal, trim, &failure);
    if (status != MQL_OK)
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
append_commit(Transaction *transaction, const Buffer *payload,
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
    mql_status status = wal_append(store->wal, &record, err);
    if (may_try_again(transaction, status)) {
        error_clear(err);
        status = wal_append(store->wal, &record, err);
    }
    if (status == MQL_IO)
        store->is_dead = true;
    if (status != MQL_OK)
        keep_orphans(transaction);
    return status;
}

/* Nothing of it happened, though the log may have it. */
static void
give_up(Transaction *transaction, VersionHolder *holder)
{
    stamp_settled(transaction->store, transaction->sequence, true);
    commit_unprepare(transaction);
    version_release(holder == NULL ? NULL : &holder->version);
    transaction_end(transaction, false);
}

static void
forget_orphans(Store *store)
{
    file_names_free(store, store->orphans, true);
    store->orphans = NULL;
}

/* Rows and deletions only: the sync is shared. */
static mql_status
finish_shared(Transaction *transaction, VersionHolder *holder, Error *err)
{
    Store *store = transaction->store;
    uint64_t sequence = transaction->sequence;
    commit_apply(transaction);
    store_pend(store, holder);
    note_appended(store, sequence);
    transaction_end(transaction, true);
    mql_status status = store_wait_for_sync(store, sequence, err);
    jobs_notify(store->jobs);
    return status;
}

/* After the sync nothing can fail. */
static mql_status
finish_alone(Transaction *transaction, const MetaChanges *changes,
             uint64_t trim, VersionHolder *holder, Error *err)
{
    Store *store = transaction->store;
    note_appended(store, transaction->sequence);
    mql_status status = store_wait_for_sync(store, transaction->sequence, err);
    if (status != MQL_OK) {
        keep_orphans(transaction);
        give_up(transaction, holder);
        return status;
    }
    forget_orphans(store);
    bool is_applied = apply_meta(transaction, changes);
    commit_apply(transaction);
    store_publish(store, holder);
    stamp_settled(store, transaction->sequence, false);
    if (is_applied) {
        if (trim > 0)
            timeline_stored(&store->timeline, transaction->sequence);
        trim_log(store, trim);
        file_names_free(store, transaction->obsolete, true);
        transaction->obsolete = NULL;
    }
    bool has_settings = transaction->settings != NULL;
    transaction_end(transaction, true);
    if (has_settings)
        jobs_settings_changed(store->jobs);
    jobs_notify(store->jobs);
    return MQL_OK;
}

/* Before staged rows turn into segments. */
static void
note_rows(Transaction *transaction)
{
    for (CollectionChange *change = transaction->collections;
         change != NULL && !transaction->is_rewrite; change = change->next)
        change->has_rows = change->staged != NULL || change->sealed_count > 0 ||
                           change->deleted_count > 0 || change->is_truncated;
}

mql_status
commit_changes(Transaction *transaction, Error *err)
{
    Buffer payload = BUFFER_INIT;
    MetaChanges changes = META_CHANGES_INIT;
    uint64_t trim = 0;
    VersionHolder *holder = NULL;
    note_rows(transaction);
    mql_status status = keep_reserve(transaction, err);
    if (status == MQL_OK)
        status = commit_files(transaction, err);
    if (status == MQL_OK)
        status = changes_intact(transaction, err);
    if (status == MQL_OK)
        status = commit_prepare(transaction, &holder, err);
    stamp(transaction);
    if (status == MQL_OK)
        status = commit_record(transaction, &holder->version, &payload,
                               &changes, &trim, err);
    if (status == MQL_OK) /* without it, what the log has is never found */
        status = meta_intact(transaction->store->meta, err);
    if (status == MQL_OK)
        status = append_commit(transaction, &payload, &changes, err);
    if (status != MQL_OK)
        give_up(transaction, holder);
    else if (changes.count == 0 && transaction->written == NULL &&
             transaction->obsolete == NULL)
        status = finish_shared(transaction, holder, err);
    else
        status = finish_alone(transaction, &changes, trim, holder, err);
    buffer_free(&payload);
    meta_changes_free(&changes);
    return status;
}
