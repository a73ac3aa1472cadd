/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.c - copying and checking the files of a backup, and its directories.
 */
#include "storage/backup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_SIZE ((size_t)1 << 20)

static const char *const folders[] = {"wal", "segments"};
#define FOLDER_COUNT (sizeof folders / sizeof folders[0])

/* ---- bytes ---- */

typedef struct Pieces {
    Hasher *hasher;
    char *memory;
} Pieces;

static mql_status
pieces_open(Pieces *pieces, Error *err)
{
    pieces->hasher = hasher_create();
    pieces->memory = malloc(PIECE_SIZE);
    if (pieces->hasher != NULL && pieces->memory != NULL)
        return MQL_OK;
    return error_no_memory(err);
}

static void
pieces_close(Pieces *pieces)
{
    if (pieces->hasher != NULL)
        hasher_free(pieces->hasher);
    free(pieces->memory);
}

/* Read `size` bytes, hash them, and write them to `to` unless it is NULL. */
static mql_status
pump(File *from, File *to, uint64_t size, Pieces *pieces, BackupWork *work,
     Error *err)
{
    uint64_t at = 0;
    while (at < size) {
        uint64_t left = size - at;
        size_t piece = left < PIECE_SIZE ? (size_t)left : PIECE_SIZE;
        TRY(work->step(work->context, work->done, work->total, err));
        TRY(file_read(from, pieces->memory, piece, at, err));
        hasher_add(pieces->hasher, pieces->memory, piece);
        if (to != NULL)
            TRY(file_write(to, pieces->memory, piece, at, err));
        at += piece;
        work->done += piece;
    }
    return MQL_OK;
}

mql_status
backup_copy(File *from, const char *to, BackupFile *file, BackupWork *work,
            Error *err)
{
    Pieces pieces;
    File target = FILE_CLOSED;
    mql_status status = pieces_open(&pieces, err);
    if (status == MQL_OK)
        status = file_open(from->vfs, to, FILE_CREATE, &target, err);
    if (status == MQL_OK)
        status = pump(from, &target, file->size, &pieces, work, err);
    if (status == MQL_OK)
        status = file_sync(&target, err);
    if (status == MQL_OK)
        file->hash = hasher_result(pieces.hasher);
    file_close(&target);
    pieces_close(&pieces);
    return status;
}

static mql_status
check_size(File *file, uint64_t wanted, Error *err)
{
    uint64_t size;
    TRY(file_size(file, &size, err));
    if (size == wanted)
        return MQL_OK;
    return error_corrupt(err, file->path, (int64_t)size,
                         "file \"%s\" has %" PRIu64 " bytes, should have "
                         "%" PRIu64,
                         file->path, size, wanted);
}

static mql_status
hash_bytes_of(File *file, uint64_t size, Hash128 *hash, BackupWork *work,
              Error *err)
{
    Pieces pieces;
    mql_status status = pieces_open(&pieces, err);
    if (status == MQL_OK)
        status = pump(file, NULL, size, &pieces, work, err);
    if (status == MQL_OK)
        *hash = hasher_result(pieces.hasher);
    pieces_close(&pieces);
    return status;
}

mql_status
backup_hash_file(const Vfs *vfs, const char *path, BackupFile *file,
                 BackupWork *work, Error *err)
{
    File opened;
    TRY(file_open(vfs, path, FILE_PLAIN, &opened, err));
    mql_status status = file_size(&opened, &file->size, err);
    if (status == MQL_OK)
        status = hash_bytes_of(&opened, file->size, &file->hash, work, err);
    file_close(&opened);
    return status;
}

static mql_status
check_hash(File *file, const BackupFile *wanted, BackupWork *work, Error *err)
{
    Hash128 hash;
    TRY(hash_bytes_of(file, wanted->size, &hash, work, err));
    if (hash.high == wanted->hash.high && hash.low == wanted->hash.low)
        return MQL_OK;
    return error_corrupt(err, file->path, -1,
                         "file \"%s\" is not what was backed up", file->path);
}

mql_status
backup_check_file(const Vfs *vfs, const char *path, const BackupFile *wanted,
                  BackupWork *work, Error *err)
{
    Error failure = ERROR_INIT;
    File file;
    mql_status status = file_open(vfs, path, FILE_PLAIN, &file, &failure);
    if (status == MQL_NOT_FOUND)
        return error_corrupt(err, path, -1, "file \"%s\" is missing", path);
    if (status != MQL_OK) {
        if (err->status == MQL_OK)
            *err = failure;
        return status;
    }
    status = check_size(&file, wanted->size, err);
    if (status == MQL_OK)
        status = check_hash(&file, wanted, work, err);
    file_close(&file);
    return status;
}

/* ---- directories ---- */

static mql_status
check_empty(const Vfs *vfs, const char *path, const char *allowed, Error *err)
{
    Buffer names = BUFFER_INIT;
    int result = vfs->list(vfs->context, path, &names);
    mql_status status = MQL_OK;
    if (result < 0)
        status = file_error(err, -result, "read directory", path);
    for (size_t at = 0; status == MQL_OK && at < names.size;
         at += strlen(names.data + at) + 1) {
        const char *name = names.data + at;
        if (allowed != NULL && strcmp(name, allowed) == 0)
            continue;
        status = error_set(err, ERR_DUPLICATE_FILE,
                           "directory \"%s\" is not empty", path);
        error_detail(err, "It has a file \"%s\".", name);
    }
    buffer_free(&names);
    return status;
}

mql_status
backup_make_directory(const Vfs *vfs, const char *path, const char *allowed,
                      bool *is_made, Error *err)
{
    *is_made = false;
    bool is_there;
    TRY(file_find(vfs, path, &is_there, err));
    if (is_there)
        return check_empty(vfs, path, allowed, err);
    return directory_create_durably(vfs, path, is_made, err);
}

mql_status
backup_make_folders(const Vfs *vfs, const char *path, Error *err)
{
    for (size_t i = 0; i < FOLDER_COUNT; i++) {
        char *folder = path_join(path, folders[i]);
        if (folder == NULL)
            return error_no_memory(err);
        mql_status status = directory_create(vfs, folder, err);
        free(folder);
        TRY(status);
    }
    return MQL_OK;
}

mql_status
backup_sync_folders(const Vfs *vfs, const char *path, Error *err)
{
    for (size_t i = 0; i < FOLDER_COUNT; i++) {
        char *folder = path_join(path, folders[i]);
        if (folder == NULL)
            return error_no_memory(err);
        mql_status status = directory_sync(vfs, folder, err);
        free(folder);
        TRY(status);
    }
    return directory_sync(vfs, path, err);
}

/* Unlink every name in it, then the folder itself if asked to. */
static void
remove_folder(const Vfs *vfs, const char *path, bool is_itself)
{
    Buffer names = BUFFER_INIT;
    if (vfs->list(vfs->context, path, &names) >= 0 && !buffer_failed(&names))
        for (size_t at = 0; at < names.size;
             at += strlen(names.data + at) + 1) {
            char *inner = path_join(path, names.data + at);
            if (inner != NULL)
                vfs->unlink(vfs->context, inner);
            free(inner);
        }
    buffer_free(&names);
    if (is_itself)
        vfs->rmdir(vfs->context, path);
}

void
backup_remove(const Vfs *vfs, const char *path, bool is_made)
{
    static const char *const inner[] = {"wal", "segments", "tmp"};
    for (size_t i = 0; i < sizeof inner / sizeof inner[0]; i++) {
        char *folder = path_join(path, inner[i]);
        if (folder != NULL && file_exists(vfs, folder))
            remove_folder(vfs, folder, true);
        free(folder);
    }
    remove_folder(vfs, path, is_made);
}
