/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash_site.c - operations by name; the places in the code that sync and
 * rename, and as if one of them had not.
 */
#include "crash_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool
crash_is_site(const Operation *operation)
{
    return operation->kind == OPERATION_SYNCED_WRITE ||
           operation->kind == OPERATION_SYNC ||
           operation->kind == OPERATION_RENAME ||
           operation->kind == OPERATION_SYNC_DIRECTORY;
}

static const char *
path_of_inode(const CrashVfs *crash, uint32_t inode)
{
    for (size_t i = 0; i < crash->initial_count; i++) {
        if (crash->initial[i].inode == inode)
            return crash->initial[i].path;
    }
    for (size_t i = 0; i < crash->count; i++) {
        if (crash->operations[i].kind == OPERATION_CREATE &&
            crash->operations[i].inode == inode)
            return crash->operations[i].path;
    }
    return "?";
}
/* Its name in the end: files are made under another. */
static const char *
last_path_of_inode(const CrashVfs *crash, uint32_t inode)
{
    for (size_t i = crash->count; i > 0; i--)
        if (crash->operations[i - 1].kind == OPERATION_RENAME &&
            crash->operations[i - 1].inode == inode)
            return crash->operations[i - 1].other_path;
    return path_of_inode(crash, inode);
}

const char *
crash_path(const CrashVfs *crash, const Operation *operation)
{
    return operation->path != NULL
               ? operation->path
               : last_path_of_inode(crash, operation->inode);
}

/* The kind, the folder and ending of the path, and who called: the same place
 * of the code for the same kind of file is one site. */
static void
print_site(const CrashVfs *crash, const Operation *operation, char *text,
           size_t size)
{
    static const char *const kinds[] = {
        [OPERATION_SYNCED_WRITE] = "O_DSYNC write of",
        [OPERATION_SYNC] = "fdatasync of",
        [OPERATION_RENAME] = "rename of",
        [OPERATION_SYNC_DIRECTORY] = "sync of directory",
    };
    const char *path = crash_path(crash, operation);
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    int folder = slash == NULL ? 0 : (int)(slash - path + 1);
    bool is_log = folder >= 4 && strncmp(path + folder - 4, "wal/", 4) == 0;
    if (operation->kind == OPERATION_SYNC_DIRECTORY)
        snprintf(text, size, "%s \"%s\"", kinds[operation->kind], path);
    else
        snprintf(text, size, "%s %.*s*%s", kinds[operation->kind], folder, path,
                 dot == NULL                ? ""
                 : strcmp(dot, ".new") != 0 ? dot
                 : is_log                   ? ".log"
                                            : ".mdb");
}

extern const char __executable_start[];

const char *
crash_site(CrashVfs *crash, uint64_t operation)
{
    const Operation *done = &crash->operations[operation - 1];
    if (!crash_is_site(done))
        return NULL;
    print_site(crash, done, crash->words, sizeof crash->words);
    size_t used = strlen(crash->words);
    for (size_t i = 0; i < CALLERS && used < sizeof crash->words; i++)
        used += (size_t)snprintf(
            crash->words + used, sizeof crash->words - used, " %#tx",
            (const char *)done->callers[i] - __executable_start);
    return crash->words;
}

uint64_t
crash_forget_site(CrashVfs *crash, const char *site)
{
    uint64_t count = 0;
    for (size_t i = 0; i < crash->count; i++) {
        const char *here = crash_site(crash, i + 1);
        if (here == NULL || strcmp(here, site) != 0)
            continue;
        bool is_write = crash->operations[i].kind == OPERATION_SYNCED_WRITE;
        crash->operations[i].kind =
            is_write ? OPERATION_WRITE : OPERATION_NOTHING;
        count++;
    }
    return count;
}

uint64_t
crash_forget_file_syncs(CrashVfs *crash, const char *part)
{
    uint64_t count = 0;
    for (size_t i = 0; i < crash->count; i++) {
        Operation *operation = &crash->operations[i];
        bool is_write = operation->kind == OPERATION_SYNCED_WRITE;
        if ((operation->kind != OPERATION_SYNC && !is_write) ||
            strstr(path_of_inode(crash, operation->inode), part) == NULL)
            continue;
        operation->kind = is_write ? OPERATION_WRITE : OPERATION_NOTHING;
        count++;
    }
    return count;
}

uint64_t
crash_forget_directory_syncs(CrashVfs *crash, const char *path)
{
    uint64_t count = 0;
    for (size_t i = 0; i < crash->count; i++) {
        Operation *operation = &crash->operations[i];
        if (operation->kind != OPERATION_SYNC_DIRECTORY ||
            strcmp(operation->path, path) != 0)
            continue;
        operation->kind = OPERATION_NOTHING;
        count++;
    }
    return count;
}

const char *
crash_describe(CrashVfs *crash, uint64_t operation)
{
    static const char *const kinds[] = {
        [OPERATION_CREATE] = "create",
        [OPERATION_WRITE] = "pwrite",
        [OPERATION_SYNCED_WRITE] = "pwrite (O_DSYNC)",
        [OPERATION_TRUNCATE] = "ftruncate",
        [OPERATION_SYNC] = "fdatasync",
        [OPERATION_FAILED_SYNC] = "fdatasync (failed)",
        [OPERATION_RENAME] = "rename",
        [OPERATION_UNLINK] = "unlink",
        [OPERATION_MKDIR] = "mkdir",
        [OPERATION_RMDIR] = "rmdir",
        [OPERATION_SYNC_DIRECTORY] = "sync directory",
        [OPERATION_NOTHING] = "failed",
    };
    if (operation == 0 || operation > crash->count)
        return "the beginning";
    const Operation *done = &crash->operations[operation - 1];
    const char *path = done->path;
    if (path == NULL)
        path = path_of_inode(crash, done->inode);
    snprintf(crash->words, sizeof crash->words, "%s %s %" PRIu64 "+%zu %s",
             kinds[done->kind], path, done->offset, done->size,
             done->other_path == NULL ? "" : done->other_path);
    return crash->words;
}
