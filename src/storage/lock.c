/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.c - the file LOCK.
 *
 * Only the lock counts, not the file: it stays when the database is closed, and
 * the pid in it may be of a process long gone. The lock is the kernel's, so a
 * killed process leaves none behind.
 */
#include "storage/lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Ten digits, a newline and blanks: always written whole. */
#define PID_SIZE 12u

/* The pid the holder left, 0: none that can be read. */
static long
read_holder(File *lock)
{
    char text[PID_SIZE + 1] = {0};
    ssize_t got =
        lock->vfs->pread(lock->vfs->context, lock->fd, text, PID_SIZE, 0);
    if (got <= 0)
        return 0;
    long pid = strtol(text, NULL, 10);
    return pid > 0 ? pid : 0;
}

static mql_status
say_in_use(const char *directory, File *lock, Error *err)
{
    long pid = read_holder(lock);
    if (pid == 0)
        return error_set(err, ERR_OBJECT_IN_USE,
                         "database \"%s\" is in use by another process",
                         directory);
    if (pid == (long)getpid())
        return error_set(err, ERR_OBJECT_IN_USE,
                         "database \"%s\" is already open in this process",
                         directory);
    return error_set(err, ERR_OBJECT_IN_USE,
                     "database \"%s\" is in use by process %ld", directory,
                     pid);
}

mql_status
lock_acquire(const Vfs *vfs, const char *directory, File *lock, Error *err)
{
    *lock = (File)FILE_CLOSED;
    char *path = path_join(directory, "LOCK");
    if (path == NULL)
        return error_no_memory(err);
    mql_status status = file_open(vfs, path, FILE_ENSURE, lock, err);
    free(path);
    if (status != MQL_OK)
        return status;

    int result = vfs->lock(vfs->context, lock->fd);
    if (result == -EAGAIN)
        status = say_in_use(directory, lock, err);
    else if (result < 0)
        status = file_error(err, -result, "lock file", lock->path);
    if (status != MQL_OK) {
        file_close(lock);
        return status;
    }

    /* For the message only: a full disk does not stop anybody here. */
    char text[PID_SIZE + 1];
    snprintf(text, sizeof text, "%-11ld\n", (long)getpid());
    Error ignored = ERROR_INIT;
    (void)!file_write(lock, text, PID_SIZE, 0, &ignored);
    return MQL_OK;
}
