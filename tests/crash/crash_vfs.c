/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash_vfs.c - doing and recording. An operation is recorded when it has been
 * done, so that the trace has what really happened.
 */
#include "crash_trace.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void
crash_abort(const char *what, const char *path)
{
    fprintf(stderr, "crash_vfs: %s %s: %s\n", what, path, strerror(errno));
    abort();
}

void *
crash_allocate(size_t size)
{
    void *memory = calloc(1, size == 0 ? 1 : size);
    if (memory == NULL)
        crash_abort("out of", "memory");
    return memory;
}

char *
crash_copy(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        crash_abort("out of", "memory");
    return copy;
}

/* The path as the trace has it: below the root, without a slash in front. */
static const char *
relative(const CrashVfs *crash, const char *path)
{
    if (!crash_is_below(crash, path))
        crash_abort("path outside of the root", path);
    path += strlen(crash->root);
    while (*path == '/')
        path++;
    return path;
}

bool
crash_is_below(const CrashVfs *crash, const char *path)
{
    size_t size = strlen(crash->root);
    return strncmp(path, crash->root, size) == 0 &&
           (path[size] == '/' || path[size] == '\0');
}

/* ---- the trace ---- */

/* Who called the function of file.c, or of LMDB, that called us. */
static void
note_callers(const CrashVfs *crash, Operation *operation)
{
    void *frames[24];
    int count = backtrace(frames, 24), at = 0;
    while (at < count && frames[at] != crash->caller)
        at++;
    for (int i = 0; i < CALLERS && at + 1 + i < count; i++)
        operation->callers[i] = frames[at + 1 + i];
}

static Operation *
record(CrashVfs *crash, OperationKind kind)
{
    if (crash->count == crash->capacity) {
        crash->capacity = crash->capacity == 0 ? 256 : crash->capacity * 2;
        crash->operations = realloc(
            crash->operations, crash->capacity * sizeof *crash->operations);
        if (crash->operations == NULL)
            crash_abort("out of", "memory");
    }
    Operation *operation = &crash->operations[crash->count++];
    *operation = (Operation){.kind = kind};
    if (crash_is_site(operation))
        note_callers(crash, operation);
    return operation;
}

static void
record_path(CrashVfs *crash, OperationKind kind, const char *path)
{
    record(crash, kind)->path = crash_copy(relative(crash, path));
}

int
crash_next(CrashVfs *crash)
{
    uint64_t number = crash->count + 1;
    if (crash->stop_at != 0 && number >= crash->stop_at)
        return -EIO;
    if (crash->is_failing)
        return -crash->call_errno;
    bool is_due = crash->fail_at != 0 &&
                  (number == crash->fail_at ||
                   (crash->fail_is_sticky && number > crash->fail_at));
    return is_due ? -crash->fail_errno : 0;
}

int
crash_failed(CrashVfs *crash, int error)
{
    bool is_stopped = crash->stop_at != 0 && crash->count + 1 >= crash->stop_at;
    if (!is_stopped)
        record(crash, OPERATION_NOTHING);
    return error;
}

static bool
is_stopped(const CrashVfs *crash)
{
    return crash->stop_at != 0 && crash->count + 1 >= crash->stop_at;
}

int
crash_reading_error(const CrashVfs *crash)
{
    if (is_stopped(crash))
        return -EIO;
    return crash->is_failing ? -crash->call_errno : 0;
}

void
crash_enter(CrashVfs *crash, const void *caller)
{
    if (crash->hook != NULL)
        crash->hook(crash->hook_context);
    pthread_mutex_lock(&crash->mutex);
    if (crash->depth++ > 0)
        return;
    crash->caller = caller;
    crash->calls++;
    bool is_due =
        crash->call_fail_at != 0 &&
        (crash->calls == crash->call_fail_at ||
         (crash->call_is_sticky && crash->calls > crash->call_fail_at));
    crash->is_failing = is_due;
}

void
crash_leave(CrashVfs *crash)
{
    if (--crash->depth == 0)
        crash->is_failing = false;
    pthread_mutex_unlock(&crash->mutex);
}

/* ---- the size of the disk ---- */

#define BLOCK 4096u

static uint64_t
in_blocks(uint64_t size)
{
    return (size + BLOCK - 1) / BLOCK * BLOCK;
}

static void
set_size(CrashVfs *crash, uint32_t inode, uint64_t size)
{
    if (inode >= crash->size_count) {
        size_t count = ((size_t)inode + 1) * 2;
        crash->sizes = realloc(crash->sizes, count * sizeof *crash->sizes);
        if (crash->sizes == NULL)
            crash_abort("out of", "memory");
        memset(crash->sizes + crash->size_count, 0,
               (count - crash->size_count) * sizeof *crash->sizes);
        crash->size_count = count;
    }
    crash->used += in_blocks(size) - in_blocks(crash->sizes[inode]);
    crash->sizes[inode] = size;
}

ssize_t
crash_fit(CrashVfs *crash, int fd, uint64_t offset, size_t size)
{
    uint32_t inode = crash->fds[fd].inode;
    uint64_t had = inode < crash->size_count ? crash->sizes[inode] : 0;
    uint64_t end = offset + size;
    if (end <= had)
        return (ssize_t)size;
    if (crash->space != 0 && in_blocks(end) > in_blocks(had)) {
        uint64_t room =
            crash->used < crash->space ? crash->space - crash->used : 0;
        uint64_t most = in_blocks(had) + room / BLOCK * BLOCK;
        if (most <= offset)
            return -ENOSPC;
        end = end < most ? end : most;
    }
    set_size(crash, inode, end);
    return (ssize_t)(end - offset);
}

/* ---- names to inodes, as they are now ---- */

static uint32_t
inode_of(const CrashVfs *crash, const char *path)
{
    uint64_t *inode = map_find_bytes(&crash->inodes, slice_of(path));
    return inode == NULL ? 0 : (uint32_t)*inode;
}

static void
set_inode(CrashVfs *crash, const char *path, uint32_t inode)
{
    char *key = crash_copy(path);
    crash->names =
        realloc(crash->names, (crash->name_count + 1) * sizeof *crash->names);
    if (crash->names == NULL ||
        !map_put_bytes(&crash->inodes, slice_of(key), inode))
        crash_abort("out of", "memory");
    crash->names[crash->name_count++] = key;
}

void
crash_opened(CrashVfs *crash, const char *path, int fd, bool is_new,
             bool is_lmdb, bool is_synced)
{
    if (fd >= FD_MOST)
        crash_abort("too many open files", path);
    const char *name = relative(crash, path);
    if (is_new) {
        set_inode(crash, name, ++crash->inode_count);
        Operation *operation = record(crash, OPERATION_CREATE);
        operation->path = crash_copy(name);
        operation->inode = crash->inode_count;
    }
    crash->fds[fd].inode = inode_of(crash, name);
    crash->fds[fd].is_lmdb = is_lmdb;
    crash->fds[fd].is_synced = is_synced;
    if (crash->fds[fd].inode == 0)
        crash_abort("unknown file", path);
}

static uint32_t
inode_of_fd(const CrashVfs *crash, int fd)
{
    if (fd < 0 || fd >= FD_MOST || crash->fds[fd].inode == 0)
        crash_abort("unknown", "descriptor");
    return crash->fds[fd].inode;
}

void
crash_record_write(CrashVfs *crash, int fd, const void *data, size_t size,
                   uint64_t offset)
{
    Operation *operation =
        record(crash, crash->fds[fd].is_synced ? OPERATION_SYNCED_WRITE
                                               : OPERATION_WRITE);
    operation->inode = inode_of_fd(crash, fd);
    operation->offset = offset;
    operation->size = size;
    operation->data = crash_allocate(size);
    memcpy(operation->data, data, size);
}

/* 0, or what the sync has to fail with. */
int
crash_record_sync(CrashVfs *crash, int fd)
{
    int error = crash_next(crash);
    if (is_stopped(crash))
        return error;
    record(crash, error == 0 ? OPERATION_SYNC : OPERATION_FAILED_SYNC)->inode =
        inode_of_fd(crash, fd);
    return error;
}

void
crash_record_truncate(CrashVfs *crash, int fd, uint64_t size)
{
    Operation *operation = record(crash, OPERATION_TRUNCATE);
    operation->inode = inode_of_fd(crash, fd);
    operation->offset = size;
    set_size(crash, operation->inode, size);
}

/* ---- the table of functions ---- */

static int
crash_open(void *context, const char *path, FileMode mode)
{
    CrashVfs *crash = context;
    if (!crash_is_below(crash, path)) { /* of another disk */
        int failure = crash_reading_error(crash);
        return failure != 0 ? failure : posix_vfs.open(NULL, path, mode);
    }
    bool is_new = (mode == FILE_CREATE || mode == FILE_ENSURE) &&
                  posix_vfs.exists(NULL, path) == 0;
    int error = is_new ? crash_next(crash) : crash_reading_error(crash);
    if (error != 0)
        return is_new ? crash_failed(crash, error) : error;
    int fd = posix_vfs.open(NULL, path, mode);
    if (fd >= 0)
        crash_opened(crash, path, fd, is_new, false, false);
    return fd;
}

static int
crash_close(void *context, int fd)
{
    CrashVfs *crash = context;
    crash->fds[fd].inode = 0;
    return posix_vfs.close(NULL, fd);
}

static ssize_t
crash_pread(void *context, int fd, void *data, size_t size, uint64_t offset)
{
    int error = crash_reading_error(context);
    if (error != 0)
        return error;
    CrashVfs *crash = context;
    if (crash->is_short && size > 1)
        size /= 2;
    return posix_vfs.pread(NULL, fd, data, size, offset);
}

static ssize_t
crash_pwrite(void *context, int fd, const void *data, size_t size,
             uint64_t offset)
{
    CrashVfs *crash = context;
    ssize_t fits = crash_next(crash);
    if (fits == 0)
        fits = crash_fit(crash, fd, offset, size);
    if (fits < 0)
        return crash_failed(crash, (int)fits);
    size = (size_t)fits;
    if (crash->is_short && size > 1)
        size /= 2;
    ssize_t put = posix_vfs.pwrite(NULL, fd, data, size, offset);
    if (put > 0)
        crash_record_write(crash, fd, data, (size_t)put, offset);
    return put;
}

/* The system's own sync is not needed: nobody pulls the real plug. */
static int
crash_fdatasync(void *context, int fd)
{
    return crash_record_sync(context, fd);
}

static int
crash_ftruncate(void *context, int fd, uint64_t size)
{
    CrashVfs *crash = context;
    int error = crash_next(crash);
    if (error != 0)
        return crash_failed(crash, error);
    int result = posix_vfs.ftruncate(NULL, fd, size);
    if (result == 0)
        crash_record_truncate(crash, fd, size);
    return result;
}

static int
crash_vfs_allocate(void *context, int fd, uint64_t offset, uint64_t size)
{
    CrashVfs *crash = context;
    int64_t before = posix_vfs.size(NULL, fd);
    ssize_t fits = crash_next(crash);
    if (fits == 0)
        fits = crash_fit(crash, fd, offset, (size_t)size);
    if (fits >= 0 && (size_t)fits < size) { /* all or nothing */
        set_size(crash, crash->fds[fd].inode, (uint64_t)before);
        fits = -ENOSPC;
    }
    if (fits < 0)
        return crash_failed(crash, (int)fits);
    int result = posix_vfs.allocate(NULL, fd, offset, size);
    if (result == 0 && before >= 0 && (uint64_t)before < offset + size)
        crash_record_truncate(crash, fd, offset + size);
    return result;
}

static int64_t
crash_size(void *context, int fd)
{
    int error = crash_reading_error(context);
    return error != 0 ? error : posix_vfs.size(NULL, fd);
}

static int
crash_rename(void *context, const char *from, const char *to)
{
    CrashVfs *crash = context;
    int error = crash_next(crash);
    if (error != 0)
        return crash_failed(crash, error);
    int result = posix_vfs.rename(NULL, from, to);
    if (result != 0)
        return result;
    const char *from_name = relative(crash, from);
    set_size(crash, inode_of(crash, relative(crash, to)), 0);
    Operation *operation = record(crash, OPERATION_RENAME);
    operation->inode = inode_of(crash, from_name);
    operation->path = crash_copy(from_name);
    operation->other_path = crash_copy(relative(crash, to));
    if (operation->inode == 0)
        crash_abort("renaming of directories is not modelled", from);
    map_remove_bytes(&crash->inodes, slice_of(from_name));
    set_inode(crash, operation->other_path, operation->inode);
    return 0;
}

static int
crash_unlink(void *context, const char *path)
{
    CrashVfs *crash = context;
    if (!is_stopped(crash) && posix_vfs.exists(NULL, path) == 0)
        return -ENOENT;
    int error = crash_next(crash);
    if (error != 0)
        return crash_failed(crash, error);
    int result = posix_vfs.unlink(NULL, path);
    if (result == 0) {
        record_path(crash, OPERATION_UNLINK, path);
        set_size(crash, inode_of(crash, relative(crash, path)), 0);
        map_remove_bytes(&crash->inodes, slice_of(relative(crash, path)));
    }
    return result;
}

static int
crash_mkdir(void *context, const char *path)
{
    CrashVfs *crash = context;
    int error = crash_next(crash);
    if (error != 0)
        return crash_failed(crash, error);
    int result = posix_vfs.mkdir(NULL, path);
    if (result == 0)
        record_path(crash, OPERATION_MKDIR, path);
    return result;
}

static int
crash_rmdir(void *context, const char *path)
{
    CrashVfs *crash = context;
    int error = crash_next(crash);
    if (error != 0)
        return crash_failed(crash, error);
    int result = posix_vfs.rmdir(NULL, path);
    if (result == 0)
        record_path(crash, OPERATION_RMDIR, path);
    return result;
}

/* The directory above the root is no part of the model. */
static int
crash_sync_directory(void *context, const char *path)
{
    CrashVfs *crash = context;
    if (is_stopped(crash))
        return -EIO;
    if (!crash_is_below(crash, path))
        return 0;
    int error = crash_next(crash);
    if (error != 0)
        return crash_failed(crash, error);
    record_path(crash, OPERATION_SYNC_DIRECTORY, path);
    return 0;
}

static int
crash_list(void *context, const char *path, Buffer *names)
{
    int error = crash_reading_error(context);
    return error != 0 ? error : posix_vfs.list(NULL, path, names);
}

static int
crash_exists(void *context, const char *path)
{
    int error = crash_reading_error(context);
    return error != 0 ? error : posix_vfs.exists(NULL, path);
}

static int
crash_identify(void *context, const char *path, uint64_t identity[2])
{
    int error = crash_reading_error(context);
    return error != 0 ? error : posix_vfs.identify(NULL, path, identity);
}

static int
crash_lock(void *context, int fd)
{
    int error = crash_reading_error(context);
    return error != 0 ? error : posix_vfs.lock(NULL, fd);
}

static int
crash_lock_shared(void *context, int fd)
{
    int error = crash_reading_error(context);
    return error != 0 ? error : posix_vfs.lock_shared(NULL, fd);
}

static int
crash_unlock(void *context, int fd)
{
    (void)context;
    return posix_vfs.unlock(NULL, fd);
}

static int
crash_map(void *context, int fd, size_t size, const void **address)
{
    int error = crash_reading_error(context);
    return error != 0 ? error : posix_vfs.map(NULL, fd, size, address);
}

static int
crash_unmap(void *context, const void *address, size_t size)
{
    (void)context;
    return posix_vfs.unmap(NULL, address, size);
}

static int
crash_memory(void *context, size_t size, const void *place, void **memory)
{
    int error = crash_reading_error(context);
    return error != 0 ? error : posix_vfs.memory(NULL, size, place, memory);
}

static int
crash_take_place(void *context, void *memory, size_t size, const void *place)
{
    int error = crash_reading_error(context);
    return error != 0 ? error : posix_vfs.take_place(NULL, memory, size, place);
}

static int
crash_map_at(void *context, int fd, size_t size, uint64_t offset,
             const void *place)
{
    int error = crash_reading_error(context);
    return error != 0 ? error : posix_vfs.map_at(NULL, fd, size, offset, place);
}

/* A second passes between any two looks at the clock. */
static int64_t
crash_now(void *context)
{
    CrashVfs *crash = context;
    crash->time += 1000000;
    return crash->time;
}

static int
crash_random(void *context, void *data, size_t size)
{
    CrashVfs *crash = context;
    unsigned char *to = data;
    for (size_t i = 0; i < size; i++) {
        crash->random_state =
            crash->random_state * UINT64_C(6364136223846793005) + 1442695041;
        to[i] = (unsigned char)(crash->random_state >> 56);
    }
    return 0;
}

/* ---- each call by itself: locked, counted, failed by its number ---- */

#define LOCKED(type, name, parameters, arguments)                              \
    static type locked_##name parameters                                       \
    {                                                                          \
        crash_enter(context, __builtin_return_address(0));                     \
        type result = crash_##name arguments;                                  \
        crash_leave(context);                                                  \
        return result;                                                         \
    }

LOCKED(int, open, (void *context, const char *path, FileMode mode),
       (context, path, mode))
LOCKED(ssize_t, pread,
       (void *context, int fd, void *data, size_t size, uint64_t offset),
       (context, fd, data, size, offset))
LOCKED(ssize_t, pwrite,
       (void *context, int fd, const void *data, size_t size, uint64_t offset),
       (context, fd, data, size, offset))
LOCKED(int, fdatasync, (void *context, int fd), (context, fd))
LOCKED(int, ftruncate, (void *context, int fd, uint64_t size),
       (context, fd, size))
LOCKED(int, vfs_allocate,
       (void *context, int fd, uint64_t offset, uint64_t size),
       (context, fd, offset, size))
LOCKED(int64_t, size, (void *context, int fd), (context, fd))
LOCKED(int, rename, (void *context, const char *from, const char *to),
       (context, from, to))
LOCKED(int, unlink, (void *context, const char *path), (context, path))
LOCKED(int, mkdir, (void *context, const char *path), (context, path))
LOCKED(int, rmdir, (void *context, const char *path), (context, path))
LOCKED(int, sync_directory, (void *context, const char *path), (context, path))
LOCKED(int, list, (void *context, const char *path, Buffer *names),
       (context, path, names))
LOCKED(int, exists, (void *context, const char *path), (context, path))
LOCKED(int, identify, (void *context, const char *path, uint64_t identity[2]),
       (context, path, identity))
LOCKED(int, lock, (void *context, int fd), (context, fd))
LOCKED(int, lock_shared, (void *context, int fd), (context, fd))
LOCKED(int, map, (void *context, int fd, size_t size, const void **address),
       (context, fd, size, address))
LOCKED(int, memory,
       (void *context, size_t size, const void *place, void **memory),
       (context, size, place, memory))
LOCKED(int, take_place,
       (void *context, void *memory, size_t size, const void *place),
       (context, memory, size, place))
LOCKED(int, map_at,
       (void *context, int fd, size_t size, uint64_t offset, const void *place),
       (context, fd, size, offset, place))

/* Closing and the clock are locked, not counted: they do not fail. */
static int
locked_close(void *context, int fd)
{
    CrashVfs *crash = context;
    pthread_mutex_lock(&crash->mutex);
    int result = crash_close(context, fd);
    pthread_mutex_unlock(&crash->mutex);
    return result;
}

static int64_t
locked_now(void *context)
{
    CrashVfs *crash = context;
    pthread_mutex_lock(&crash->mutex);
    int64_t now = crash_now(context);
    pthread_mutex_unlock(&crash->mutex);
    return now;
}

static int
locked_random(void *context, void *data, size_t size)
{
    CrashVfs *crash = context;
    pthread_mutex_lock(&crash->mutex);
    crash_random(context, data, size);
    pthread_mutex_unlock(&crash->mutex);
    return 0;
}

static const Vfs crash_functions = {
    .open = locked_open,
    .close = locked_close,
    .pread = locked_pread,
    .pwrite = locked_pwrite,
    .fdatasync = locked_fdatasync,
    .ftruncate = locked_ftruncate,
    .allocate = locked_vfs_allocate,
    .size = locked_size,
    .rename = locked_rename,
    .unlink = locked_unlink,
    .mkdir = locked_mkdir,
    .rmdir = locked_rmdir,
    .sync_directory = locked_sync_directory,
    .list = locked_list,
    .exists = locked_exists,
    .identify = locked_identify,
    .lock = locked_lock,
    .lock_shared = locked_lock_shared,
    .unlock = crash_unlock,
    .map = locked_map,
    .unmap = crash_unmap,
    .memory = locked_memory,
    .take_place = locked_take_place,
    .map_at = locked_map_at,
    .now = locked_now,
    .random = locked_random,
};

/* ---- beginning and end ---- */

static void
load_file(const char *path, InitialName *name)
{
    int fd = posix_vfs.open(NULL, path, FILE_READ);
    int64_t size = fd < 0 ? -1 : posix_vfs.size(NULL, fd);
    if (size < 0)
        crash_abort("could not read", path);
    name->size = (size_t)size;
    name->data = crash_allocate(name->size);
    if (name->size > 0 && posix_vfs.pread(NULL, fd, name->data, name->size,
                                          0) != (ssize_t)name->size)
        crash_abort("could not read", path);
    name->used = crash_without_zeros(name->data, name->size);
    posix_vfs.close(NULL, fd);
}

/* Take in everything below `path`; the depth is what the tests made. */
static void
scan(CrashVfs *crash, const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        crash_abort("could not read", path);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char child[4096];
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        struct stat status;
        if (stat(child, &status) != 0)
            crash_abort("could not stat", child);
        crash->initial = realloc(crash->initial, (crash->initial_count + 1) *
                                                     sizeof *crash->initial);
        if (crash->initial == NULL)
            crash_abort("out of", "memory");
        InitialName *name = &crash->initial[crash->initial_count++];
        *name = (InitialName){.path = crash_copy(relative(crash, child)),
                              .is_directory = S_ISDIR(status.st_mode)};
        if (name->is_directory) {
            scan(crash, child);
            continue;
        }
        name->inode = ++crash->inode_count;
        load_file(child, name);
        set_inode(crash, name->path, name->inode);
        set_size(crash, name->inode, name->size);
    }
    closedir(directory);
}

CrashVfs *
crash_create(const char *root, uint64_t seed)
{
    CrashVfs *crash = crash_allocate(sizeof *crash);
    crash->vfs = crash_functions;
    crash->vfs.context = crash;
    crash->root = crash_copy(root);
    crash->random_state = seed;
    crash->time = INT64_C(1700000000000000);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&crash->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    scan(crash, root);
    return crash;
}

void
crash_destroy(CrashVfs *crash)
{
    for (size_t i = 0; i < crash->count; i++) {
        free(crash->operations[i].path);
        free(crash->operations[i].other_path);
        free(crash->operations[i].data);
    }
    for (size_t i = 0; i < crash->initial_count; i++) {
        free(crash->initial[i].path);
        free(crash->initial[i].data);
    }
    for (size_t i = 0; i < crash->name_count; i++)
        free(crash->names[i]);
    map_free(&crash->inodes);
    pthread_mutex_destroy(&crash->mutex);
    free(crash->sizes);
    free(crash->names);
    free(crash->initial);
    free(crash->operations);
    free(crash->root);
    free(crash);
}

const Vfs *
crash_vfs(CrashVfs *crash)
{
    return &crash->vfs;
}

uint64_t
crash_operations(const CrashVfs *crash)
{
    return crash->count;
}

void
crash_stop_at(CrashVfs *crash, uint64_t operation)
{
    crash->stop_at = operation;
}

void
crash_fail_at(CrashVfs *crash, uint64_t operation, int errno_value,
              bool is_sticky)
{
    crash->fail_at = operation;
    crash->fail_errno = errno_value;
    crash->fail_is_sticky = is_sticky;
}

uint64_t
crash_calls(const CrashVfs *crash)
{
    return crash->calls;
}

void
crash_fail_call(CrashVfs *crash, uint64_t call, int errno_value, bool is_sticky)
{
    crash->call_fail_at = call;
    crash->call_errno = errno_value;
    crash->call_is_sticky = is_sticky;
}

void
crash_cut_calls(CrashVfs *crash, bool is_short)
{
    crash->is_short = is_short;
}

void
crash_limit_space(CrashVfs *crash, uint64_t bytes)
{
    crash->space = bytes;
}

uint64_t
crash_used_space(const CrashVfs *crash)
{
    return crash->used;
}

void
crash_on_call(CrashVfs *crash, void (*hook)(void *context), void *context)
{
    crash->hook = hook;
    crash->hook_context = context;
}
