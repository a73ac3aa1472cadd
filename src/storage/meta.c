/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta.c - the catalogue's values in LMDB, with checksums around them.
 *
 * One process has the database (storage/lock.h) and `mutex` lets one thread at
 * a time into LMDB, so that MDB_NOLOCK is enough: no lock file that could be
 * damaged, no reader slots that a killed process could leave behind.
 *
 * meta.mdb is made as meta.new and renamed when its root is in it, so that a
 * file with that name is always a whole store. On opening, the pages are walked
 * (meta_check.c), then every value is read once and compared with the sum in
 * the root. All of it is small: a few values for each collection, field and
 * segment.
 */
#include "storage/meta.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "storage/meta_entry.h"
#include "storage/meta_format.h"
#include "storage/meta_kept.h"
#include "storage/meta_room.h"

#define MAP_SIZE_MOST ((size_t)64 * 1024 * 1024 * 1024)
#define ENVIRONMENT_FLAGS (MDB_NOSUBDIR | MDB_NOLOCK)

struct Meta {
    char *path;
    MetaRoom room;
    MetaEntry entry; /* LMDB is called in meta_enter() only */
    MDB_dbi tree;
    pthread_mutex_t mutex; /* over all of LMDB and what follows */
    MetaRoot root;         /* as committed                      */
    bool is_dead;          /* a commit failed                   */
    bool is_read_only;
    MetaKept kept; /* read-only: what the file lacks */
};

/* A write transaction and the root as it will be. */
typedef struct Change {
    Meta *meta;
    MDB_txn *transaction;
    MetaRoot root;
    uint64_t sequence;
    int failure;  /* LMDB's code of the first failed call, for MDB_MAP_FULL */
    bool is_full; /* there was no room for what it may need */
} Change;

/* LMDB's failures in our words. */
static mql_status
lmdb_error(Error *err, const char *path, int code, const char *doing)
{
    if (code > 0)
        return file_error(err, code, doing, path);
    if (code == MDB_MAP_FULL)
        return error_set(err, ERR_LIMIT_EXCEEDED, "the catalogue is full");
    if (code == MDB_BAD_VALSIZE)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "a key of the catalogue has at most 511 bytes");
    return error_corrupt(err, path, -1, "could not %s: %s", doing,
                         mdb_strerror(code));
}

static MDB_val
root_key(void)
{
    return (MDB_val){META_ROOT_KEY_SIZE, (void *)(uintptr_t)META_ROOT_KEY};
}

static Slice
slice_of_val(const MDB_val *value)
{
    return (Slice){value->mv_data, value->mv_size};
}

static MDB_val
val_of_slice(Slice slice)
{
    return (MDB_val){slice.size, (void *)(uintptr_t)slice.data};
}

static mql_status
open_frame(const Meta *meta, Slice key, Slice bytes, MetaFrame *frame,
           Error *err)
{
    return meta_frame_read(meta->path, meta->root.database, key, bytes, frame,
                           err);
}

/* ---- changing ---- */

static mql_status
change_error(Change *change, int code, Error *err)
{
    change->failure = code;
    return lmdb_error(err, change->meta->path, code, "change the catalogue");
}

/* Take what the key has now out of count and sum. */
static mql_status
forget_old(Change *change, Slice key, bool *is_known, Error *err)
{
    MDB_val lmdb_key = val_of_slice(key);
    MDB_val old;
    *is_known = false;
    int code =
        mdb_get(change->transaction, change->meta->tree, &lmdb_key, &old);
    if (code == MDB_NOTFOUND)
        return MQL_OK;
    if (code != 0)
        return change_error(change, code, err);
    MetaFrame frame;
    TRY(open_frame(change->meta, key, slice_of_val(&old), &frame, err));
    change->root.count--;
    change->root.sum -= frame.checksum;
    *is_known = true;
    return MQL_OK;
}

static mql_status
put_value(Change *change, Slice key, Slice value, Error *err)
{
    bool is_known;
    TRY(forget_old(change, key, &is_known, err));
    Buffer frame = BUFFER_INIT;
    uint64_t checksum = meta_frame_append(change->root.database,
                                          change->sequence, key, value, &frame);
    mql_status status = MQL_OK;
    if (buffer_failed(&frame))
        status = error_no_memory(err);
    MDB_val lmdb_key = val_of_slice(key);
    MDB_val lmdb_value = val_of_slice(buffer_slice(&frame));
    int code = 0;
    if (status == MQL_OK)
        code = mdb_put(change->transaction, change->meta->tree, &lmdb_key,
                       &lmdb_value, 0);
    if (code != 0)
        status = change_error(change, code, err);
    change->root.count++;
    change->root.sum += checksum;
    buffer_free(&frame);
    return status;
}

static mql_status
delete_value(Change *change, Slice key, Error *err)
{
    bool is_known;
    TRY(forget_old(change, key, &is_known, err));
    if (!is_known)
        return MQL_OK;
    MDB_val lmdb_key = val_of_slice(key);
    int code =
        mdb_del(change->transaction, change->meta->tree, &lmdb_key, NULL);
    return code == 0 ? MQL_OK : change_error(change, code, err);
}

static mql_status
put_root(Change *change, Error *err)
{
    Buffer bytes = BUFFER_INIT;
    meta_root_append(&change->root, &bytes);
    if (buffer_failed(&bytes)) {
        buffer_free(&bytes);
        return error_no_memory(err);
    }
    MDB_val key = root_key();
    MDB_val value = val_of_slice(buffer_slice(&bytes));
    int code =
        mdb_put(change->transaction, change->meta->tree, &key, &value, 0);
    buffer_free(&bytes);
    return code == 0 ? MQL_OK : change_error(change, code, err);
}

static mql_status
apply_list(Change *change, Slice changes, Error *err)
{
    Reader reader = reader_of(changes);
    while (reader_left(&reader) > 0) {
        Slice key;
        Slice value;
        bool is_put;
        TRY(meta_next_change(change->meta->path, &reader, &key, &value, &is_put,
                             err));
        TRY(is_put ? put_value(change, key, value, err)
                   : delete_value(change, key, err));
    }
    return put_root(change, err);
}

/* LMDB refuses everything after a failure that may have changed what the file
 * says. */
static bool
is_usable(const Meta *meta)
{
    MDB_txn *transaction;
    if (mdb_txn_begin(meta->entry.environment, NULL, 0, &transaction) != 0)
        return false;
    mdb_txn_abort(transaction);
    return true;
}

/* LMDB's writes beyond the limit for files bring SIGXFSZ; the error that comes
 * with it is enough. */
static int
commit_quietly(MDB_txn *transaction)
{
    const struct timespec at_once = {0, 0};
    sigset_t signals, before, pending;
    sigemptyset(&signals);
    sigaddset(&signals, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signals, &before);
    sigpending(&pending);
    int code = mdb_txn_commit(transaction);
    if (!sigismember(&pending, SIGXFSZ))
        (void)sigtimedwait(&signals, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

/* A full disk leaves LMDB as it was: pages in use are never written over, and
 * the page that names them comes last. Any other failed commit leaves it
 * unknown what the disk has. */
static mql_status
commit(Change *change, Error *err)
{
    Meta *meta = change->meta;
    int code = commit_quietly(change->transaction);
    if (code == 0)
        return MQL_OK;
    change->failure = code;
    if (code == EIO && change->is_full)
        code = ENOSPC; /* a part of it was written */
    bool is_full = code == ENOSPC || code == EDQUOT || code == EFBIG;
    if (code != MDB_MAP_FULL && (!is_full || !is_usable(meta)))
        meta->is_dead = true;
    return lmdb_error(err, meta->path, meta->is_dead && is_full ? EIO : code,
                      "write the catalogue to");
}

/* One attempt; `failure` OUT: LMDB's code, for the caller to try again. */
static mql_status
apply_once(Meta *meta, Slice changes, uint64_t sequence, int *failure,
           Error *err)
{
    Change change = {.meta = meta, .root = meta->root, .sequence = sequence};
    if (change.root.applied < sequence)
        change.root.applied = sequence;
    int code =
        mdb_txn_begin(meta->entry.environment, NULL, 0, &change.transaction);
    if (code != 0) {
        *failure = code;
        return lmdb_error(err, meta->path, code, "write the catalogue to");
    }
    Error ignored = ERROR_INIT;
    change.is_full = meta_make_room(&meta->room, change.transaction, meta->tree,
                                    changes, &ignored) == MQL_FULL;
    mql_status status = apply_list(&change, changes, err);
    if (status == MQL_OK)
        status = commit(&change, err);
    else
        mdb_txn_abort(change.transaction);
    if (status == MQL_OK)
        meta->root = change.root;
    *failure = change.failure;
    return status;
}

/* Twice the room, with no transaction open; false: there is no more. */
static bool
grow_map(Meta *meta)
{
    MDB_envinfo info;
    if (mdb_env_info(meta->entry.environment, &info) != 0 ||
        info.me_mapsize > MAP_SIZE_MOST / 2)
        return false;
    return mdb_env_set_mapsize(meta->entry.environment, info.me_mapsize * 2) ==
           0;
}

static mql_status
apply_locked(Meta *meta, Slice changes, uint64_t sequence, Error *err)
{
    if (meta->is_dead)
        return error_set(err, ERR_IO_ERROR,
                         "the catalogue \"%s\" takes no more changes after an "
                         "input/output error; open the database again",
                         meta->path);
    for (;;) {
        int failure = 0;
        Error attempt = ERROR_INIT;
        mql_status status =
            apply_once(meta, changes, sequence, &failure, &attempt);
        if (status == MQL_OK)
            return MQL_OK;
        if (failure != MDB_MAP_FULL || !grow_map(meta)) {
            if (err != NULL && err->status == MQL_OK)
                *err = attempt;
            return status;
        }
    }
}

static mql_status
keep(Meta *meta, Slice changes, uint64_t sequence, Error *err)
{
    TRY(meta_kept_add(&meta->kept, meta->path, changes, err));
    if (meta->root.applied < sequence)
        meta->root.applied = sequence;
    return MQL_OK;
}

typedef struct Applying {
    Meta *meta;
    Slice changes;
    uint64_t sequence;
} Applying;

static mql_status
apply_entered(void *context, Error *err)
{
    const Applying *applying = context;
    return apply_locked(applying->meta, applying->changes, applying->sequence,
                        err);
}

mql_status
meta_apply(Meta *meta, Slice changes, uint64_t sequence, Error *err)
{
    Applying applying = {meta, changes, sequence};
    pthread_mutex_lock(&meta->mutex);
    mql_status status =
        meta->is_read_only
            ? keep(meta, changes, sequence, err)
            : meta_enter(&meta->entry, apply_entered, &applying, err);
    pthread_mutex_unlock(&meta->mutex);
    return status;
}

/* ---- reading ---- */

typedef mql_status (*Visit)(void *context, Slice key, Slice frame, Error *err);

/* Call `visit` for every key from `prefix` on that starts with it. */
static mql_status
visit_cursor(Meta *meta, MDB_cursor *cursor, Slice prefix, Visit visit,
             void *context, Error *err)
{
    MDB_val key = val_of_slice(prefix);
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value,
                              prefix.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
    while (code == 0) {
        Slice name = slice_of_val(&key);
        Slice start = {name.data,
                       name.size < prefix.size ? name.size : prefix.size};
        if (!slice_equal(start, prefix))
            return MQL_OK;
        if (!meta_is_root_key(name))
            TRY(visit(context, name, slice_of_val(&value), err));
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    if (code == MDB_NOTFOUND)
        return MQL_OK;
    return lmdb_error(err, meta->path, code, "read the catalogue");
}

typedef struct Visiting {
    Meta *meta;
    Slice prefix;
    Visit visit;
    void *context;
} Visiting;

static mql_status
visit_entered(void *context, Error *err)
{
    const Visiting *how = context;
    Meta *meta = how->meta;
    MDB_txn *transaction;
    MDB_cursor *cursor;
    int code =
        mdb_txn_begin(meta->entry.environment, NULL, MDB_RDONLY, &transaction);
    if (code != 0)
        return lmdb_error(err, meta->path, code, "read the catalogue");
    code = mdb_cursor_open(transaction, meta->tree, &cursor);
    mql_status status;
    if (code == 0) {
        status = visit_cursor(meta, cursor, how->prefix, how->visit,
                              how->context, err);
        mdb_cursor_close(cursor);
    } else {
        status = lmdb_error(err, meta->path, code, "read the catalogue");
    }
    mdb_txn_abort(transaction);
    return status;
}

static mql_status
visit_prefix(Meta *meta, Slice prefix, Visit visit, void *context, Error *err)
{
    Visiting how = {meta, prefix, visit, context};
    return meta_enter(&meta->entry, visit_entered, &how, err);
}

typedef struct Collected {
    const Meta *meta;
    Buffer pairs; /* sized key, sized value, and so on */
} Collected;

static mql_status
collect(void *context, Slice key, Slice frame, Error *err)
{
    Collected *collected = context;
    MetaFrame opened;
    TRY(open_frame(collected->meta, key, frame, &opened, err));
    buffer_append_sized(&collected->pairs, key);
    buffer_append_sized(&collected->pairs, opened.value);
    return buffer_failed(&collected->pairs) ? error_no_memory(err) : MQL_OK;
}

/* The pairs are copied first, so that `each` may come back to this store. */
mql_status
meta_each(Meta *meta, const char *prefix,
          mql_status (*each)(void *context, Slice key, Slice value, Error *err),
          void *context, Error *err)
{
    Collected collected = {meta, BUFFER_INIT};
    pthread_mutex_lock(&meta->mutex);
    mql_status status =
        visit_prefix(meta, slice_of(prefix), collect, &collected, err);
    pthread_mutex_unlock(&meta->mutex);
    if (status == MQL_OK)
        status =
            meta_kept_each(&meta->kept, slice_of(prefix),
                           buffer_slice(&collected.pairs), each, context, err);
    buffer_free(&collected.pairs);
    return status;
}

static mql_status
collect_put(void *context, Slice key, Slice value, Error *err)
{
    MetaChanges *changes = context;
    buffer_append_u8(&changes->bytes, META_PUT);
    buffer_append_sized(&changes->bytes, key);
    buffer_append_sized(&changes->bytes, value);
    changes->count++;
    return buffer_failed(&changes->bytes) ? error_no_memory(err) : MQL_OK;
}

mql_status
meta_snapshot(Meta *meta, MetaChanges *changes, uint64_t *applied, Error *err)
{
    *changes = (MetaChanges)META_CHANGES_INIT;
    *applied = meta->root.applied;
    return meta_each(meta, "", collect_put, changes, err);
}

/* ---- opening and closing ---- */

static mql_status
open_environment(Meta *meta, unsigned flags, Error *err)
{
    int code = meta_entry_open(&meta->entry, ENVIRONMENT_FLAGS | flags);
    return code == 0 ? MQL_OK
                     : lmdb_error(err, meta->path, code, "open the catalogue");
}

static mql_status
open_tree(Meta *meta, Error *err)
{
    MDB_txn *transaction;
    int code =
        mdb_txn_begin(meta->entry.environment, NULL, MDB_RDONLY, &transaction);
    if (code != 0)
        return lmdb_error(err, meta->path, code, "read the catalogue");
    code = mdb_dbi_open(transaction, NULL, 0, &meta->tree);
    mdb_txn_abort(transaction);
    if (code != 0)
        return lmdb_error(err, meta->path, code, "read the catalogue");
    return MQL_OK;
}

static mql_status
create_entered(void *context, Error *err)
{
    Meta *meta = context;
    int failure;
    TRY(open_environment(meta, 0, err));
    TRY(open_tree(meta, err));
    return apply_once(meta, (Slice){NULL, 0}, 0, &failure, err);
}

/* Make an empty store at `path`, durably but for the directory. */
static mql_status
create_store(const Vfs *vfs, char *path, uint64_t database, Error *err)
{
    Meta meta = {.path = path,
                 .room = {vfs, path, 0},
                 .entry = {.vfs = vfs, .path = path},
                 .root.database = database};
    TRY(file_remove(vfs, path, err));
    mql_status status = meta_enter(&meta.entry, create_entered, &meta, err);
    meta_entry_close(&meta.entry);
    return status;
}

static mql_status
create_file(const Vfs *vfs, const char *directory, const char *path,
            uint64_t database, Error *err)
{
    char *new_path = path_join(directory, "meta.new");
    if (new_path == NULL)
        return error_no_memory(err);
    mql_status status = create_store(vfs, new_path, database, err);
    if (status == MQL_OK)
        status = file_rename(vfs, new_path, path, err);
    if (status == MQL_OK)
        status = directory_sync(vfs, directory, err);
    free(new_path);
    return status;
}

static mql_status
create_random(const Vfs *vfs, const char *directory, const char *path,
              Error *err)
{
    uint64_t database;
    int result = vfs->random(vfs->context, &database, sizeof database);
    if (result < 0)
        return file_error(err, -result, "read random bytes for", path);
    return create_file(vfs, directory, path, database == 0 ? 1 : database, err);
}

mql_status
meta_create(const Vfs *vfs, const char *directory, uint64_t database_id,
            Error *err)
{
    char *path = path_join(directory, "meta.mdb");
    if (path == NULL)
        return error_no_memory(err);
    mql_status status = create_file(vfs, directory, path, database_id, err);
    free(path);
    return status;
}

static mql_status
read_root(Meta *meta, Error *err)
{
    MDB_txn *transaction;
    int code =
        mdb_txn_begin(meta->entry.environment, NULL, MDB_RDONLY, &transaction);
    if (code != 0)
        return lmdb_error(err, meta->path, code, "read the catalogue");
    MDB_val key = root_key();
    MDB_val value;
    code = mdb_get(transaction, meta->tree, &key, &value);
    mql_status status;
    if (code == 0)
        status =
            meta_root_read(meta->path, slice_of_val(&value), &meta->root, err);
    else
        status =
            lmdb_error(err, meta->path, code, "read the root of the catalogue");
    mdb_txn_abort(transaction);
    return status;
}

typedef struct Totals {
    const Meta *meta;
    uint64_t count;
    uint64_t sum;
} Totals;

static mql_status
add_up(void *context, Slice key, Slice frame, Error *err)
{
    Totals *totals = context;
    MetaFrame opened;
    TRY(open_frame(totals->meta, key, frame, &opened, err));
    totals->count++;
    totals->sum += opened.checksum;
    return MQL_OK;
}

/* Read everything once and compare with the root. */
static mql_status
check_values(Meta *meta, Error *err)
{
    Totals totals = {.meta = meta};
    TRY(visit_prefix(meta, (Slice){NULL, 0}, add_up, &totals, err));
    if (totals.count != meta->root.count || totals.sum != meta->root.sum)
        return error_corrupt(err, meta->path, -1,
                             "the catalogue has lost or mixed values");
    return MQL_OK;
}

mql_status
meta_intact(Meta *meta, Error *err)
{
    pthread_mutex_lock(&meta->mutex);
    mql_status status = meta_entry_check(&meta->entry, err);
    pthread_mutex_unlock(&meta->mutex);
    return status;
}

mql_status
meta_check(Meta *meta, const Vfs *vfs, Error *err)
{
    pthread_mutex_lock(&meta->mutex);
    mql_status status = meta_check_file(vfs, meta->path, err);
    if (status == MQL_OK)
        status = check_values(meta, err);
    pthread_mutex_unlock(&meta->mutex);
    return status;
}

static mql_status
open_entered(void *context, Error *err)
{
    Meta *meta = context;
    TRY(open_environment(meta, meta->is_read_only ? MDB_RDONLY : 0, err));
    TRY(open_tree(meta, err));
    return read_root(meta, err);
}

static mql_status
load(Meta *meta, const Vfs *vfs, const char *directory, Error *err)
{
    bool is_there;
    TRY(file_find(vfs, meta->path, &is_there, err));
    if (meta->is_read_only)
        ; /* as it is */
    else if (!is_there)
        TRY(create_random(vfs, directory, meta->path, err));
    else /* its maker may not have come to this */
        TRY(directory_sync(vfs, directory, err));
    TRY(meta_check_file(vfs, meta->path, err));
    TRY(meta_enter(&meta->entry, open_entered, meta, err));
    return check_values(meta, err);
}

/* Takes `path`; `directory` NULL: read-only. */
static mql_status
open_store(const Vfs *vfs, const char *directory, char *path, Meta **result,
           uint64_t *database_id, uint64_t *applied, Error *err)
{
    *result = NULL;
    *database_id = 0;
    *applied = 0;
    Meta *meta = calloc(1, sizeof *meta);
    if (meta == NULL) {
        free(path);
        return error_no_memory(err);
    }
    pthread_mutex_init(&meta->mutex, NULL);
    meta->is_read_only = directory == NULL;
    meta->path = path;
    meta->room = (MetaRoom){vfs, meta->path, 0};
    meta->entry = (MetaEntry){.vfs = vfs, .path = meta->path};
    mql_status status = meta->path == NULL ? error_no_memory(err)
                                           : load(meta, vfs, directory, err);
    if (status != MQL_OK) {
        meta_close(meta);
        return status;
    }
    *database_id = meta->root.database;
    *applied = meta->root.applied;
    *result = meta;
    return MQL_OK;
}

mql_status
meta_open(const Vfs *vfs, const char *directory, Meta **meta,
          uint64_t *database_id, uint64_t *applied, Error *err)
{
    return open_store(vfs, directory, path_join(directory, "meta.mdb"), meta,
                      database_id, applied, err);
}

mql_status
meta_open_read_only(const Vfs *vfs, const char *path, Meta **meta,
                    uint64_t *database_id, uint64_t *applied, Error *err)
{
    return open_store(vfs, NULL, strdup(path), meta, database_id, applied, err);
}

void
meta_close(Meta *meta)
{
    if (meta == NULL)
        return;
    meta_entry_close(&meta->entry);
    pthread_mutex_destroy(&meta->mutex);
    meta_kept_free(&meta->kept);
    free(meta->path);
    free(meta);
}
