/* SPDX-License-Identifier: Apache-2.0 */
/* meta_entry.c - into LMDB, and out of it whatever happens. */
#include "storage/meta_entry.h"

#include <errno.h>

#include "base/guard.h"

#define MAP_SIZE_FIRST ((size_t)256 * 1024 * 1024)
#define MAP_SIZE_LEAST ((size_t)4 * 1024 * 1024)

/* LMDB met what cannot be. */
static void
on_assertion(MDB_env *environment, const char *words)
{
    (void)environment;
    (void)words;
    guard_leave();
}

static int
try_open(MetaEntry *entry, unsigned flags, size_t map_size)
{
    MDB_env *environment;
    int code = mdb_env_create(&environment);
    if (code != 0)
        return code;
    code = mdb_env_set_mapsize(environment, map_size);
    if (code == 0)
        code = mdb_env_set_assert(environment, on_assertion);
    if (code == 0)
        code = mdb_env_open(environment, entry->path, flags, 0600);
    if (code == 0)
        entry->environment = environment;
    else
        mdb_env_close(environment);
    return code;
}

/* The map is addresses, not memory; where a limit leaves few of them a smaller
 * one has to do. It is never smaller than what the file holds. */
int
meta_entry_open(MetaEntry *entry, unsigned flags)
{
    int code = ENOMEM;
    for (size_t size = MAP_SIZE_FIRST; code == ENOMEM && size >= MAP_SIZE_LEAST;
         size /= 4)
        code = try_open(entry, flags, size);
    return code;
}

/* The file's size now, through LMDB's own descriptor: the name may be another
 * file's by now. */
static mql_status
read_size(const MetaEntry *entry, uint64_t *size, Error *err)
{
    mdb_filehandle_t fd;
    int code = mdb_env_get_fd(entry->environment, &fd);
    if (code != 0)
        return error_set(err, ERR_INTERNAL_ERROR, "LMDB has no file");
    int64_t result = entry->vfs->size(entry->vfs->context, fd);
    if (result < 0)
        return file_error(err, (int)-result, "read the size of", entry->path);
    *size = (uint64_t)result;
    return MQL_OK;
}

static mql_status
refuse(const MetaEntry *entry, Error *err)
{
    if (entry->is_cut)
        return error_corrupt(err, entry->path, -1,
                             "the catalogue was cut while it was open");
    return error_corrupt(err, entry->path, -1,
                         "the catalogue could not be read while it was open");
}

mql_status
meta_entry_check(MetaEntry *entry, Error *err)
{
    uint64_t size = 0;
    if (entry->is_cut || entry->is_left)
        return refuse(entry, err);
    if (entry->environment == NULL)
        return MQL_OK;
    TRY(read_size(entry, &size, err));
    entry->is_cut = size < entry->size;
    return entry->is_cut ? refuse(entry, err) : MQL_OK;
}

/* It may have grown. */
static void
note_size(MetaEntry *entry)
{
    uint64_t size;
    Error ignored = ERROR_INIT;
    if (entry->environment != NULL &&
        read_size(entry, &size, &ignored) == MQL_OK && size > entry->size)
        entry->size = size;
}

typedef struct Call {
    mql_status (*work)(void *context, Error *err);
    void *context;
    Error *err;
    mql_status status;
} Call;

static void
run_call(void *context)
{
    Call *call = context;
    call->status = call->work(call->context, call->err);
}

mql_status
meta_enter(MetaEntry *entry, mql_status (*work)(void *context, Error *err),
           void *context, Error *err)
{
    Call call = {work, context, err, MQL_OK};
    TRY(meta_entry_check(entry, err));
    if (guard_run(run_call, &call)) {
        note_size(entry);
        return call.status;
    }
    entry->is_left = true;
    error_clear(err);
    return refuse(entry, err);
}

void
meta_entry_close(MetaEntry *entry)
{
    if (entry->environment != NULL && !entry->is_left)
        mdb_env_close(entry->environment);
    entry->environment = NULL;
}
