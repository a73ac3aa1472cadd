/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - opening and closing a database directory.
 */
#include "engine/collection/store.h"

#include <stdlib.h>
#include <string.h>

#include "engine/collection/backup.h"
#include "engine/collection/jobs.h"
#include "engine/collection/store_internal.h"
#include "storage/backup.h"
#include "storage/lock.h"

/* ---- the directory ---- */

static const char *const own_names[] = {
    "meta.mdb", "meta.new", "wal", "segments", "tmp", "LOCK", RESERVE_NAME};

static bool
is_own_name(const char *name)
{
    for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++)
        if (strcmp(name, own_names[i]) == 0)
            return true;
    return false;
}

static mql_status
find_file(const Vfs *vfs, const char *path, const char *name, bool *is_there,
          Error *err)
{
    char *file = path_join(path, name);
    if (file == NULL)
        return error_no_memory(err);
    mql_status status = file_find(vfs, file, is_there, err);
    free(file);
    return status;
}

/* What only looks like a database. */
static mql_status
check_backup(const Vfs *vfs, const char *path, Error *err)
{
    bool is_unfinished, is_backup;
    TRY(find_file(vfs, path, RESTORING_NAME, &is_unfinished, err));
    TRY(find_file(vfs, path, BACKUP_MANIFEST, &is_backup, err));
    if (is_unfinished) {
        error_set(err, ERR_NOT_READY,
                  "restoring the database \"%s\" did not come to its end",
                  path);
        return error_hint(err, "Remove the directory and restore again.");
    }
    if (!is_backup)
        return MQL_OK;
    error_set(err, ERR_DUPLICATE_FILE, "\"%s\" is a backup, not a database",
              path);
    return error_hint(err, "Restore it: mql restore %s DIRECTORY", path);
}

/* A directory without a catalogue may hold what a crash left of making one, but
 * nothing of anybody else's. */
static mql_status
check_unused(const Vfs *vfs, const char *path, Error *err)
{
    TRY(check_backup(vfs, path, err));
    Buffer names = BUFFER_INIT;
    int result = vfs->list(vfs->context, path, &names);
    mql_status status = MQL_OK;
    if (result < 0)
        status = file_error(err, -result, "read directory", path);
    for (size_t at = 0; status == MQL_OK && at < names.size;
         at += strlen(names.data + at) + 1) {
        if (is_own_name(names.data + at))
            continue;
        status = error_set(err, ERR_DUPLICATE_FILE,
                           "\"%s\" is not a database and not empty", path);
        error_detail(err, "It has a file \"%s\".", names.data + at);
    }
    buffer_free(&names);
    return status;
}

static mql_status
check_presence(const Vfs *vfs, const char *path, const StoreOptions *options,
               Error *err)
{
    bool is_there;
    TRY(find_file(vfs, path, "meta.mdb", &is_there, err));
    if (is_there)
        return options->must_be_new
                   ? error_set(err, ERR_DUPLICATE_FILE,
                               "database \"%s\" already exists", path)
                   : MQL_OK;
    if (options->must_exist || options->is_read_only)
        return error_set(err, ERR_UNDEFINED_FILE,
                         "database \"%s\" does not exist", path);
    TRY(file_find(vfs, path, &is_there, err));
    return is_there ? check_unused(vfs, path, err) : MQL_OK;
}

/* Its name becomes durable in make_folders(). */
static mql_status
make_directory(const Vfs *vfs, const char *path, Error *err)
{
    bool is_there;
    TRY(file_find(vfs, path, &is_there, err));
    return is_there ? MQL_OK : directory_create(vfs, path, err);
}

static mql_status
make_folder(const FileSpace *space, const char *name, Error *err)
{
    char *path = path_join(space->path, name);
    if (path == NULL)
        return error_no_memory(err);
    bool is_there;
    mql_status status = file_find(space->vfs, path, &is_there, err);
    if (status == MQL_OK && !is_there)
        status = directory_create(space->vfs, path, err);
    if (status == MQL_OK && is_there)
        status = directory_check(space->vfs, path, err);
    free(path);
    return status;
}

/* For who makes none. */
static mql_status
check_folder(const FileSpace *space, const char *name, Error *err)
{
    char *path = path_join(space->path, name);
    if (path == NULL)
        return error_no_memory(err);
    mql_status status = directory_check(space->vfs, path, err);
    free(path);
    return status;
}

/* Directories made by a crashed process may not be durable: the parent is
 * synced whenever the catalogue is not there yet, and meta_open() syncs the
 * database's own directory always. */
static mql_status
make_folders(const FileSpace *space, Error *err)
{
    bool is_there;
    TRY(find_file(space->vfs, space->path, "meta.mdb", &is_there, err));
    TRY(make_folder(space, "wal", err));
    TRY(make_folder(space, "segments", err));
    TRY(make_folder(space, "tmp", err));
    if (is_there)
        return MQL_OK;
    char *parent = path_parent(space->path);
    if (parent == NULL)
        return error_no_memory(err);
    mql_status status = directory_sync(space->vfs, parent, err);
    free(parent);
    return status;
}

/* ---- opening and closing ---- */

static mql_status
store_create(const char *path, const StoreOptions *options, Store **store,
             Error *err)
{
    Store *created = calloc(1, sizeof *created);
    if (created == NULL)
        return error_no_memory(err);
    created->space.vfs = options->vfs != NULL ? options->vfs : &posix_vfs;
    created->space.log = options->log;
    created->losses = options->losses;
    created->opened = created->space.vfs->now(created->space.vfs->context);
    /* Of a backup each row is read once. */
    created->space.residence = options->is_backup ? NULL : &created->residence;
    residence_take_settings(&created->residence, NULL);
    created->is_read_only = options->is_read_only;
    created->is_backup = options->is_backup;
    created->limits =
        options->limits != NULL ? *options->limits : STORE_LIMITS_USUAL;
    created->lock = (File)FILE_CLOSED;
    atomic_init(&created->next_id, 1);
    pthread_mutex_init(&created->writer_mutex, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&created->writer_free, &monotonic);
    pthread_cond_init(&created->rewrite_free, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&created->version_mutex, NULL);
    pthread_mutex_init(&created->held_mutex, NULL);
    timeline_init(&created->timeline, created->limits.retention);
    pthread_mutex_init(&created->sync_mutex, NULL);
    pthread_cond_init(&created->sync_done, NULL);
    created->space.path = strdup(path);
    if (created->space.path == NULL) {
        store_close(created);
        return error_no_memory(err);
    }
    *store = created;
    return MQL_OK;
}

static mql_status
open_parts(Store *store, const StoreOptions *options, Error *err)
{
    FileSpace *space = &store->space;
    if (!store->is_backup)
        TRY(check_presence(space->vfs, space->path, options, err));
    if (store->is_backup) {
        ; /* nobody writes to it */
    } else if (store->is_read_only) {
        TRY(lock_acquire_shared(space->vfs, space->path, &store->lock, err));
    } else {
        TRY(make_directory(space->vfs, space->path, err));
        TRY(lock_acquire(space->vfs, space->path, &store->lock, err));
    }
    TRY(pool_create(options->threads, &store->pool, err));
    space->pool = store->pool;
    if (!store->is_read_only) {
        TRY(make_folders(space, err));
    } else {
        TRY(check_folder(space, "wal", err));
        TRY(check_folder(space, "segments", err));
    }
    TRY(store_recover(store, err));
    if (!store->is_read_only)
        TRY(reserve_open(&store->reserve, space->vfs, space->path, err));
    if (!options->has_jobs && !options->has_jobs_by_hand)
        return MQL_OK;
    return jobs_start(store, options->has_jobs_by_hand, &store->jobs, err);
}

mql_status
store_open(const char *path, const StoreOptions *options, Store **store,
           Error *err)
{
    Store *opened = NULL;
    *store = NULL;
    TRY(store_create(path, options, &opened, err));
    mql_status status = open_parts(opened, options, err);
    if (status != MQL_OK) {
        store_close(opened);
        return status;
    }
    *store = opened;
    return MQL_OK;
}

/*
 * The catalogue learns where the log ends, so that a log that is cut later is
 * noticed. After a crash it does not know, and need not: it only lacks a check
 * then.
 */
static void
note_end(Store *store)
{
    if (store->version == NULL || store->is_dead || store->is_read_only ||
        store->unapplied.size > 0 || store->version->sequence == store->noted)
        return;
    Error failure = ERROR_INIT;
    if (meta_apply(store->meta, (Slice){NULL, 0}, store->version->sequence,
                   &failure) != MQL_OK)
        log_write(&store->space.log, "WARNING", "%s", failure.text);
}

void
store_close(Store *store)
{
    if (store == NULL)
        return;
    jobs_stop(store->jobs);
    note_end(store);
    version_release(store->version);
    while (store->pending_first != NULL) {
        VersionHolder *next = store->pending_first->next;
        version_release(&store->pending_first->version);
        store->pending_first = next;
    }
    wal_close(store->wal);
    reserve_close(&store->reserve);
    meta_close(store->meta);
    pool_destroy(store->pool);
    lock_release(&store->lock);
    file_names_free(store, store->orphans, false);
    buffer_free(&store->unapplied);
    timeline_free(&store->timeline);
    pthread_mutex_destroy(&store->version_mutex);
    pthread_mutex_destroy(&store->held_mutex);
    pthread_cond_destroy(&store->sync_done);
    pthread_mutex_destroy(&store->sync_mutex);
    pthread_cond_destroy(&store->rewrite_free);
    pthread_cond_destroy(&store->writer_free);
    pthread_mutex_destroy(&store->writer_mutex);
    free(store->space.path);
    free(store);
}

const char *
store_path(const Store *store)
{
    return store->space.path;
}

bool
store_is_read_only(const Store *store)
{
    return store->is_read_only;
}

Pool *
store_pool(const Store *store)
{
    return store->pool;
}

const Vfs *
store_vfs(const Store *store)
{
    return store->space.vfs;
}

/* ---- the past ---- */

int64_t
store_retention(Store *store)
{
    const Version *version = store_version(store);
    int64_t milliseconds;
    int64_t retention = store->limits.retention;
    if (stored_setting(version->settings, RETENTION_SETTING, &milliseconds) &&
        milliseconds >= 0 && milliseconds <= INT64_MAX / 1000)
        retention = milliseconds * 1000;
    version_release(version);
    return retention;
}

uint64_t
store_horizon(Store *store)
{
    int64_t retention = store_retention(store);
    if (retention == 0)
        return timeline_last(&store->timeline).sequence;
    return timeline_at(&store->timeline,
                       store->space.vfs->now(store->space.vfs->context) -
                           retention);
}

int64_t
store_now(Store *store)
{
    int64_t now = store->space.vfs->now(store->space.vfs->context);
    int64_t last = timeline_last(&store->timeline).time;
    return now > last ? now : last;
}

uint64_t
store_commit_at(Store *store, int64_t time)
{
    return timeline_at(&store->timeline, time);
}

uint64_t
store_first_commit(Store *store)
{
    return timeline_first(&store->timeline).sequence;
}

bool
store_time_of(Store *store, uint64_t sequence, int64_t *time)
{
    return timeline_time(&store->timeline, sequence, time);
}
