/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.h - a directory with a copy of a database's files, and its manifest.
 *
 *   MANIFEST      size and hash of every file; itself checksummed, written last
 *   meta.backup   the catalogue      wal/  the log      segments/  sealed files
 *
 * Files are named by their kind and the ids in their names: a name read from a
 * manifest is taken apart and made anew, so that none leads out of the
 * directory. docs/format/backup.md has the text of the manifest. What the files
 * say is the engine's.
 */
#ifndef STORAGE_BACKUP_H
#define STORAGE_BACKUP_H

#include "base/checksum.h"
#include "base/file.h"

#define BACKUP_MANIFEST "MANIFEST"
#define BACKUP_CATALOGUE_NAME "meta.backup"

typedef enum BackupKind {
    BACKUP_CATALOGUE, /* meta.backup */
    BACKUP_LOG,       /* wal/ID.log, twenty digits */
    BACKUP_SEGMENT,   /* segments/ID.seg */
    BACKUP_INDEX,     /* segments/ID-NUMBER.idx */
    BACKUP_DELETES,   /* segments/ID-NUMBER.del */
} BackupKind;

typedef struct BackupFile {
    BackupKind kind;
    uint64_t id;
    uint64_t number;
    uint64_t size;
    Hash128 hash;
} BackupFile;

typedef struct Manifest {
    uint64_t database; /* its random id */
    uint64_t sequence; /* of the last commit in it */
    int64_t time;      /* microseconds since 1970, when it was begun */
    BackupFile *files; /* by kind, id, number once written or read */
    size_t file_count;
    size_t file_capacity;
} Manifest;

#define MANIFEST_INIT                                                          \
    {                                                                          \
        0, 0, 0, NULL, 0, 0                                                    \
    }

void manifest_free(Manifest *manifest);
mql_status manifest_add(Manifest *manifest, BackupFile file, Error *err);
uint64_t manifest_bytes(const Manifest *manifest); /* of all files together */
/* NULL: not in it. */
const BackupFile *manifest_find(const Manifest *manifest,
                                const BackupFile *file);

/* Sort the files and write the manifest, durably. */
mql_status manifest_write(const Vfs *vfs, const char *directory,
                          Manifest *manifest, Error *err);
/* Errors: UNDEFINED_FILE when there is none; DATA_CORRUPTED. */
mql_status manifest_read(const Vfs *vfs, const char *directory,
                         Manifest *manifest, Error *err);

/* The file's path in `directory`; the catalogue is called `catalogue` there.
 * malloc'ed, NULL: out of memory. */
char *backup_path(const char *directory, const BackupFile *file,
                  const char *catalogue);

/* Told of every piece that was read; what it returns ends the work. */
typedef struct BackupWork {
    mql_status (*step)(void *context, uint64_t done, uint64_t total,
                       Error *err);
    void *context;
    uint64_t done;
    uint64_t total;
} BackupWork;

/* Copy file->size bytes of `from` to the new file `to`, durably but for its
 * name; file->hash OUT. */
mql_status backup_copy(File *from, const char *to, BackupFile *file,
                       BackupWork *work, Error *err);
/* The file has the size and the hash that the manifest says. */
mql_status backup_check_file(const Vfs *vfs, const char *path,
                             const BackupFile *file, BackupWork *work,
                             Error *err);
/* Size and hash of a file: file OUT. */
mql_status backup_hash_file(const Vfs *vfs, const char *path, BackupFile *file,
                            BackupWork *work, Error *err);
/* The directory has no file that is not in the manifest. */
mql_status backup_check_names(const Vfs *vfs, const char *directory,
                              const Manifest *manifest, Error *err);

/* Make the directory if it is not there, durably; it may have no file in it but
 * `allowed` (NULL: none at all). `is_made` OUT. */
mql_status backup_make_directory(const Vfs *vfs, const char *path,
                                 const char *allowed, bool *is_made,
                                 Error *err);
/* wal and segments in it. */
mql_status backup_make_folders(const Vfs *vfs, const char *path, Error *err);
/* Sync them, and the directory. */
mql_status backup_sync_folders(const Vfs *vfs, const char *path, Error *err);
/* Remove what a backup or restore that failed left, as far as possible; the
 * directory too if it was made for it. */
void backup_remove(const Vfs *vfs, const char *path, bool is_made);

#endif
