/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash_trace.h - what crash_vfs.c records and crash_survivor.c replays.
 *
 * Files are known by numbers ("inodes") that renaming does not change; paths
 * are relative to the root.
 */
#ifndef CRASH_TRACE_H
#define CRASH_TRACE_H

#include <pthread.h>

#include "base/buffer.h"
#include "base/map.h"
#include "crash_vfs.h"

#define SECTOR 512u
#define FD_MOST 4096
#define CALLERS 3

typedef enum OperationKind {
    OPERATION_CREATE,         /* path now names the new file `inode`  */
    OPERATION_WRITE,          /* offset, data                         */
    OPERATION_SYNCED_WRITE,   /* the same through O_DSYNC             */
    OPERATION_TRUNCATE,       /* offset: the new size                 */
    OPERATION_SYNC,           /* inode                                */
    OPERATION_FAILED_SYNC,    /* inode: what was pending is lost      */
    OPERATION_RENAME,         /* path to other_path; inode            */
    OPERATION_UNLINK,         /* path                                 */
    OPERATION_MKDIR,          /* path                                 */
    OPERATION_RMDIR,          /* path                                 */
    OPERATION_SYNC_DIRECTORY, /* path                                 */
    OPERATION_NOTHING,        /* it failed before it did anything     */
} OperationKind;

typedef struct Operation {
    OperationKind kind;
    uint32_t inode;
    char *path;       /* malloc'ed, or NULL */
    char *other_path; /* malloc'ed, or NULL */
    uint64_t offset;
    char *data; /* malloc'ed, or NULL */
    size_t size;
    const void *callers[CALLERS]; /* of a sync or rename */
} Operation;

/* A name the root had when recording began. */
typedef struct InitialName {
    char *path;
    bool is_directory;
    uint32_t inode;
    char *data;
    size_t size;
    size_t used; /* of them: zeros follow */
} InitialName;

struct CrashVfs {
    Vfs vfs;
    char *root;
    uint64_t random_state;
    int64_t time;
    InitialName *initial;
    size_t initial_count;
    Operation *operations;
    size_t count;
    size_t capacity;
    uint32_t inode_count;
    Map inodes; /* path to inode, as it is now; keys owned by `names` */
    char **names;
    size_t name_count;
    struct {
        uint32_t inode; /* 0: not ours */
        bool is_lmdb;
        bool is_synced; /* O_DSYNC */
    } fds[FD_MOST];
    uint64_t stop_at;
    uint64_t fail_at;
    int fail_errno;
    bool fail_is_sticky;
    pthread_mutex_t mutex;
    uint32_t depth;     /* of calls within calls */
    const void *caller; /* of the call under way */
    void (*hook)(void *context);
    void *hook_context;
    uint64_t calls;
    uint64_t call_fail_at;
    int call_errno;
    bool call_is_sticky;
    bool is_failing; /* the call under way must fail */
    bool is_short;   /* reads and writes do half     */
    uint64_t space;  /* bytes of the disk; 0: no end */
    uint64_t used;
    uint64_t *sizes; /* by inode */
    size_t size_count;
    char words[512];
};

/* Memory or the program ends. */
void *crash_allocate(size_t size);
char *crash_copy(const char *text);
/* Where the zeros begin that `data` ends with. */
size_t crash_without_zeros(const char *data, size_t size);
_Noreturn void crash_abort(const char *what, const char *path);

/* Around each call of the table or of LMDB: hook, lock, number. */
void crash_enter(CrashVfs *crash, const void *caller);
void crash_leave(CrashVfs *crash);

/* The file grows to have bytes there: how many of them the disk takes, or
 * -ENOSPC. */
ssize_t crash_fit(CrashVfs *crash, int fd, uint64_t offset, size_t size);

/* It syncs or renames. */
bool crash_is_site(const Operation *operation);

/* Of the file that an operation is about, by its last name. */
const char *crash_path(const CrashVfs *crash, const Operation *operation);

/* 0, or -errno of what the next changing operation has to fail with. It counts
 * as done without effect then. */
int crash_next(CrashVfs *crash);
/* A failed operation has a number too, so that the next one is another. Returns
 * the error. */
int crash_failed(CrashVfs *crash, int error);
/* What a call that changes nothing has to fail with, or 0. */
int crash_reading_error(const CrashVfs *crash);

/* LMDB's descriptors: see lmdb_wrap.c. The functions below record; the caller
 * has the real effect done in between. */
bool crash_is_below(const CrashVfs *crash, const char *path);
void crash_opened(CrashVfs *crash, const char *path, int fd, bool is_new,
                  bool is_lmdb, bool is_synced);
void crash_record_write(CrashVfs *crash, int fd, const void *data, size_t size,
                        uint64_t offset);
int crash_record_sync(CrashVfs *crash, int fd);
void crash_record_truncate(CrashVfs *crash, int fd, uint64_t size);

#endif
