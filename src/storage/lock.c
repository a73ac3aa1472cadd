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

/* What the system calls that process, "" when it does not say. */
static void
read_command(const Vfs *vfs, long pid, char *name, size_t size)
{
    char path[64];
    name[0] = '\0';
    snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    int fd = vfs->open(vfs->context, path, FILE_READ);
    if (fd < 0)
        return;
    ssize_t got = vfs->pread(vfs->context, fd, name, size - 1, 0);
    vfs->close(vfs->context, fd);
    name[got < 0 ? 0 : got] = '\0';
    name[strcspn(name, "\n")] = '\0';
}

/* Who writes is named; readers leave no trace of themselves. */
static mql_status
say_in_use(const char *directory, File *lock, Error *err)
{
    const Vfs *vfs = lock->vfs;
    if (vfs->lock_shared(vfs->context, lock->fd) == 0) {
        error_set(err, ERR_OBJECT_IN_USE,
                  "database \"%s\" is in use: it is open read-only, in "
                  "this process or another",
                  directory);
        return error_hint(err, "The command fuser \"%s\" says by whom.",
                          lock->path);
    }
    long pid = read_holder(lock);
    char command[64];
    if (pid == 0)
        return error_set(err, ERR_OBJECT_IN_USE,
                         "database \"%s\" is in use by another process",
                         directory);
    if (pid == (long)getpid())
        return error_set(err, ERR_OBJECT_IN_USE,
                         "database \"%s\" is already open in this process",
                         directory);
    read_command(vfs, pid, command, sizeof command);
    if (command[0] == '\0')
        return error_set(err, ERR_OBJECT_IN_USE,
                         "database \"%s\" is in use by process %ld", directory,
                         pid);
    return error_set(err, ERR_OBJECT_IN_USE,
                     "database \"%s\" is in use by process %ld (%s)", directory,
                     pid, command);
}

static mql_status
open_lock(const Vfs *vfs, const char *directory, FileMode mode, File *lock,
          Error *err)
{
    *lock = (File)FILE_CLOSED;
    char *path = path_join(directory, "LOCK");
    if (path == NULL)
        return error_no_memory(err);
    bool is_there = true;
    mql_status status = MQL_OK;
    if (mode == FILE_PLAIN)
        status = file_find(vfs, path, &is_there, err);
    if (status == MQL_OK && is_there)
        status = file_open(vfs, path, mode, lock, err);
    free(path);
    return status;
}

static mql_status
settle(const char *directory, File *lock, int result, Error *err)
{
    mql_status status = MQL_OK;
    if (result == -EAGAIN)
        status = say_in_use(directory, lock, err);
    else if (result < 0)
        status = file_error(err, -result, "lock file", lock->path);
    if (status != MQL_OK)
        file_close(lock);
    return status;
}

mql_status
lock_acquire(const Vfs *vfs, const char *directory, File *lock, Error *err)
{
    TRY(open_lock(vfs, directory, FILE_ENSURE, lock, err));
    int result = vfs->lock(vfs->context, lock->fd);
    TRY(settle(directory, lock, result, err));
    /* For the message only: a full disk does not stop anybody here. */
    char text[PID_SIZE + 1];
    snprintf(text, sizeof text, "%-11ld\n", (long)getpid());
    Error ignored = ERROR_INIT;
    (void)!file_write(lock, text, PID_SIZE, 0, &ignored);
    return MQL_OK;
}

mql_status
lock_acquire_shared(const Vfs *vfs, const char *directory, File *lock,
                    Error *err)
{
    TRY(open_lock(vfs, directory, FILE_PLAIN, lock, err));
    if (lock->fd < 0)
        return MQL_OK;
    int result = vfs->lock_shared(vfs->context, lock->fd);
    return settle(directory, lock, result, err);
}

void
lock_release(File *lock)
{
    if (lock->fd >= 0)
        lock->vfs->unlock(lock->vfs->context, lock->fd);
    file_close(lock);
}
