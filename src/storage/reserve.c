/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reserve.c - disk space that only giving space back may use.
 *
 * Where a file of that size is not allowed, or another failure than a full disk
 * is in the way, there is none: it is a help and no condition.
 */
#include "storage/reserve.h"

#include <errno.h>
#include <stdlib.h>

static bool
is_no_room(int result)
{
    return result == -ENOSPC || result == -EDQUOT;
}

/* 0 or -errno. Not synced: lost with the power, it is made again at the next
 * opening. */
static int
fill(const Reserve *reserve, int fd)
{
    const Vfs *vfs = reserve->vfs;
    int64_t size = vfs->size(vfs->context, fd);
    if (size >= (int64_t)RESERVE_SIZE)
        return 0;
    return size < 0 ? (int)size
                    : vfs->allocate(vfs->context, fd, 0, RESERVE_SIZE);
}

/* With the mutex held. */
static mql_status
make(Reserve *reserve, Error *err)
{
    const Vfs *vfs = reserve->vfs;
    int fd = vfs->open(vfs->context, reserve->path, FILE_ENSURE);
    int result = fd < 0 ? fd : fill(reserve, fd);
    if (fd >= 0)
        vfs->close(vfs->context, fd);
    reserve->is_there = result == 0;
    atomic_store(&reserve->is_kept, !is_no_room(result));
    if (result == 0)
        return MQL_OK;
    /* a part of it is no use */
    if (fd >= 0)
        vfs->unlink(vfs->context, reserve->path);
    if (atomic_load(&reserve->is_kept))
        return MQL_OK;
    return file_error(err, -result, "allocate", reserve->path);
}

mql_status
reserve_open(Reserve *reserve, const Vfs *vfs, const char *directory,
             Error *err)
{
    Error ignored = ERROR_INIT;
    char *path = path_join(directory, RESERVE_NAME);
    if (path == NULL)
        return error_no_memory(err);
    reserve->vfs = vfs;
    reserve->path = path;
    pthread_mutex_init(&reserve->mutex, NULL);
    (void)!make(reserve, &ignored);
    return MQL_OK;
}

void
reserve_close(Reserve *reserve)
{
    if (reserve->path == NULL)
        return;
    pthread_mutex_destroy(&reserve->mutex);
    free(reserve->path);
    reserve->path = NULL;
}

mql_status
reserve_keep(Reserve *reserve, Error *err)
{
    mql_status status = MQL_OK;
    if (atomic_load(&reserve->is_kept) || reserve->path == NULL)
        return MQL_OK;
    pthread_mutex_lock(&reserve->mutex);
    if (!atomic_load(&reserve->is_kept))
        status = make(reserve, err);
    pthread_mutex_unlock(&reserve->mutex);
    return status;
}

bool
reserve_release(Reserve *reserve)
{
    Error ignored = ERROR_INIT;
    if (reserve->path == NULL)
        return false;
    pthread_mutex_lock(&reserve->mutex);
    bool is_given =
        reserve->is_there &&
        file_remove(reserve->vfs, reserve->path, &ignored) == MQL_OK;
    if (is_given) {
        reserve->is_there = false;
        atomic_store(&reserve->is_kept, false);
    }
    pthread_mutex_unlock(&reserve->mutex);
    return is_given;
}
