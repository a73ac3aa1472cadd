/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.c - a copy of the database while it is used, and its check.
 *
 * The writer's place is held only to write down what there is: the catalogue's
 * values, the list of sealed files, and open descriptors of the log's files.
 * From these three the state of one moment follows, as it does when a database
 * is opened after a crash. Then the files are copied while readers and writers
 * go on: sealed files never change, and none that is obsolete is removed before
 * the copy is done (store->holds); the log only grows behind what was noted.
 */
#include "engine/collection/backup.h"

#include <stdlib.h>
#include <string.h>

#include "engine/collection/store_internal.h"
#include "storage/backup.h"

typedef struct Backup {
    Store *store;
    const char *path;
    bool is_made;
    Manifest manifest;
    MetaChanges catalogue;
    uint64_t applied; /* of the catalogue */
    WalPart *parts;
    size_t part_count;
    BackupWork work;
} Backup;

/* ---- progress ---- */

mql_status
backup_step(void *context, uint64_t done, uint64_t total, Error *err)
{
    const BackupWatch *watch = context;
    watch_report(watch->watch, watch->phase, done, total);
    return watch_poll(watch->watch, err);
}

/* ---- what there is ---- */

static mql_status
note_segment(Backup *backup, const SegmentEntry *entry, Error *err)
{
    BackupFile file = {
        .kind = BACKUP_SEGMENT, .id = entry->id, .size = entry->size};
    TRY(manifest_add(&backup->manifest, file, err));
    file.kind = BACKUP_INDEX;
    for (uint32_t i = 0; i < entry->index_count; i++) {
        file.number = entry->indexes[i].index;
        file.size = entry->indexes[i].size;
        TRY(manifest_add(&backup->manifest, file, err));
    }
    if (entry->deletes == 0)
        return MQL_OK;
    file.kind = BACKUP_DELETES;
    file.number = entry->deletes;
    file.size = entry->deletes_size;
    return manifest_add(&backup->manifest, file, err);
}

static mql_status
note_segments(Backup *backup, const Version *version, Error *err)
{
    for (uint32_t i = 0; i < version->collection_count; i++) {
        const CollectionVersion *collection = version->collections[i];
        for (uint32_t k = 0; k < collection->segment_count; k++)
            if (collection->segments[k]->is_sealed)
                TRY(note_segment(
                    backup, &as_sealed(collection->segments[k])->entry, err));
    }
    return MQL_OK;
}

static mql_status
note_log(Backup *backup, Error *err)
{
    TRY(wal_parts_open(backup->store->wal, &backup->parts, &backup->part_count,
                       err));
    for (size_t i = 0; i < backup->part_count; i++) {
        BackupFile file = {.kind = BACKUP_LOG,
                           .id = backup->parts[i].extent.first,
                           .size = backup->parts[i].extent.end};
        TRY(manifest_add(&backup->manifest, file, err));
    }
    return MQL_OK;
}

/* As the writer: nothing changes. */
static mql_status
note_all(Backup *backup, Error *err)
{
    Store *store = backup->store;
    TRY(store_settle(store, err));
    TRY(meta_snapshot(store->meta, &backup->catalogue, &backup->applied, err));
    TRY(note_log(backup, err));
    const Version *version = store_version(store);
    backup->manifest.database = store->space.database;
    backup->manifest.sequence = version->sequence;
    backup->manifest.time = store->space.vfs->now(store->space.vfs->context);
    mql_status status = note_segments(backup, version, err);
    version_release(version);
    return status;
}

/* ---- the copy ---- */

/* The catalogue is made in a folder of its own, so that what is left of a
 * backup never looks like a database. */
static mql_status
write_catalogue(const Backup *backup, const char *folder, Error *err)
{
    const Vfs *vfs = backup->store->space.vfs;
    Meta *meta;
    uint64_t database;
    uint64_t applied;
    TRY(meta_create(vfs, folder, backup->manifest.database, err));
    TRY(meta_open(vfs, folder, &meta, &database, &applied, err));
    mql_status status = meta_apply(meta, buffer_slice(&backup->catalogue.bytes),
                                   backup->applied, err);
    meta_close(meta);
    return status;
}

static mql_status
move_catalogue(const Backup *backup, const char *folder, Error *err)
{
    const Vfs *vfs = backup->store->space.vfs;
    char *from = path_join(folder, "meta.mdb");
    char *to = path_join(backup->path, BACKUP_CATALOGUE_NAME);
    mql_status status = from == NULL || to == NULL
                            ? error_no_memory(err)
                            : file_rename(vfs, from, to, err);
    free(from);
    free(to);
    int result = status == MQL_OK ? vfs->rmdir(vfs->context, folder) : 0;
    return result < 0 ? file_error(err, -result, "remove directory", folder)
                      : status;
}

/* Its size and hash, read again from the disk. */
static mql_status
note_catalogue(Backup *backup, Error *err)
{
    BackupFile file = {.kind = BACKUP_CATALOGUE};
    char *path = path_join(backup->path, BACKUP_CATALOGUE_NAME);
    if (path == NULL)
        return error_no_memory(err);
    mql_status status = backup_hash_file(backup->store->space.vfs, path, &file,
                                         &backup->work, err);
    free(path);
    TRY(status);
    return manifest_add(&backup->manifest, file, err);
}

static mql_status
copy_catalogue(Backup *backup, Error *err)
{
    const Vfs *vfs = backup->store->space.vfs;
    char *folder = path_join(backup->path, "tmp");
    if (folder == NULL)
        return error_no_memory(err);
    mql_status status = directory_create(vfs, folder, err);
    if (status == MQL_OK)
        status = write_catalogue(backup, folder, err);
    if (status == MQL_OK)
        status = move_catalogue(backup, folder, err);
    free(folder);
    TRY(status);
    return note_catalogue(backup, err);
}

static WalPart *
find_part(const Backup *backup, const BackupFile *file)
{
    for (size_t i = 0; i < backup->part_count; i++)
        if (backup->parts[i].extent.first == file->id)
            return &backup->parts[i];
    return NULL;
}

static mql_status
copy_from(Backup *backup, BackupFile *file, const char *from, const char *to,
          Error *err)
{
    if (file->kind == BACKUP_LOG)
        return backup_copy(&find_part(backup, file)->file, to, file,
                           &backup->work, err);
    File source;
    TRY(file_open(backup->store->space.vfs, from, FILE_PLAIN, &source, err));
    mql_status status = backup_copy(&source, to, file, &backup->work, err);
    file_close(&source);
    return status;
}

static mql_status
check_log(const Backup *backup, const BackupFile *file, const char *path,
          Error *err)
{
    File log;
    TRY(file_open(backup->store->space.vfs, path, FILE_PLAIN, &log, err));
    mql_status status = wal_check_file(
        backup->store->wal, &find_part(backup, file)->extent, &log, err);
    file_close(&log);
    return status;
}

static mql_status
check_copy(const Backup *backup, const BackupFile *file, const char *to,
           Error *err)
{
    if (file->kind == BACKUP_LOG)
        return check_log(backup, file, to, err);
    return backup_check_inside(backup->store->space.vfs, to, file,
                               backup->manifest.database, err);
}

static mql_status
check_source(const Backup *backup, const BackupFile *file, const char *from,
             Error *err)
{
    WalPart *part = find_part(backup, file);
    if (file->kind == BACKUP_LOG)
        return wal_check_file(backup->store->wal, &part->extent, &part->file,
                              err);
    return backup_check_inside(backup->store->space.vfs, from, file,
                               backup->manifest.database, err);
}

/* What is damaged in the copy is so in the database's file, most often; that
 * one is named then. */
static mql_status
check_both(const Backup *backup, const BackupFile *file, const char *from,
           const char *to, Error *err)
{
    Error in_copy = ERROR_INIT;
    mql_status status = check_copy(backup, file, to, &in_copy);
    if (status == MQL_OK)
        return MQL_OK;
    if (status == MQL_CORRUPT)
        TRY(check_source(backup, file, from, err));
    if (err != NULL && err->status == MQL_OK)
        *err = in_copy;
    return status;
}

static mql_status
copy_checked(Backup *backup, BackupFile *file, const char *from, const char *to,
             Error *err)
{
    TRY(copy_from(backup, file, from, to, err));
    mql_status status = check_both(backup, file, from, to, err);
    if (status == MQL_CORRUPT && file->kind == BACKUP_INDEX)
        error_hint(err, "Build the index again: REINDEX.");
    return status;
}

static mql_status
copy_file(Backup *backup, BackupFile *file, Error *err)
{
    char *from = backup_path(backup->store->space.path, file, "meta.mdb");
    char *to = backup_path(backup->path, file, BACKUP_CATALOGUE_NAME);
    mql_status status = from == NULL || to == NULL
                            ? error_no_memory(err)
                            : copy_checked(backup, file, from, to, err);
    free(from);
    free(to);
    return status;
}

static mql_status
copy_files(Backup *backup, Error *err)
{
    const Vfs *vfs = backup->store->space.vfs;
    backup->work.total = manifest_bytes(&backup->manifest);
    TRY(backup_make_folders(vfs, backup->path, err));
    for (size_t i = 0; i < backup->manifest.file_count; i++)
        TRY(copy_file(backup, &backup->manifest.files[i], err));
    TRY(copy_catalogue(backup, err));
    TRY(backup_sync_folders(vfs, backup->path, err));
    return manifest_write(vfs, backup->path, &backup->manifest, err);
}

/* ---- the whole ---- */

/* A copy among the files it is copied from would be taken for leftovers. */
static mql_status
check_place(const Store *store, const char *path, Error *err)
{
    bool is_within;
    TRY(file_is_within(store->space.vfs, path, store->space.path, &is_within,
                       err));
    if (!is_within)
        return MQL_OK;
    return error_set(err, ERR_INVALID_PARAMETER,
                     "a backup cannot be in the database's own directory");
}

static mql_status
make_backup(Backup *backup, Error *err)
{
    Store *store = backup->store;
    const BackupWatch *context = backup->work.context;
    TRY(store_wait_watched(store, context->watch, err));
    store_hold_files(store);
    mql_status status = note_all(backup, err);
    store_free_writer(store);
    if (status == MQL_OK)
        status = copy_files(backup, err);
    store_release_files(store);
    return status;
}

mql_status
store_backup(Store *store, const char *path, const Watch *watch, Error *err)
{
    const Vfs *vfs = store->space.vfs;
    BackupWatch context = {watch, "copying"};
    Backup backup = {.store = store,
                     .path = path,
                     .manifest = MANIFEST_INIT,
                     .catalogue = META_CHANGES_INIT,
                     .work = {.step = backup_step, .context = &context}};
    TRY(check_place(store, path, err));
    mql_status status =
        backup_make_directory(vfs, path, NULL, &backup.is_made, err);
    bool is_ours = status == MQL_OK;
    if (is_ours)
        status = make_backup(&backup, err);
    if (status != MQL_OK && (is_ours || backup.is_made))
        backup_remove(vfs, path, backup.is_made);
    wal_parts_close(backup.parts, backup.part_count);
    meta_changes_free(&backup.catalogue);
    manifest_free(&backup.manifest);
    return status;
}
