/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore.c - checking a backup, and making a database of it.
 *
 * A directory becomes a database in one step: the catalogue is copied first,
 * under a name with which store_open() refuses the directory, and gets its own
 * name when all the rest is durable.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/collection/backup.h"
#include "engine/collection/store_internal.h"
#include "storage/backup.h"
#include "storage/lock.h"
#include "storage/meta_format.h"

/* ---- verify ---- */

/* The checksums inside a section file, which know database, file and place. */
static mql_status
check_sections(const Vfs *vfs, const char *path, uint32_t type,
               const BackupFile *file, uint64_t database, Error *err)
{
    FileSpace space = {.vfs = vfs, .database = database};
    SectionFile *sections;
    TRY(section_file_open(
        vfs, path, segment_identity(&space, type, file->id, file->number),
        &sections, err));
    mql_status status = section_file_check(sections, err);
    section_file_close(sections);
    return status;
}

mql_status
backup_check_inside(const Vfs *vfs, const char *path, const BackupFile *file,
                    uint64_t database, Error *err)
{
    switch (file->kind) {
    case BACKUP_CATALOGUE:
        return meta_check_file(vfs, path, err);
    case BACKUP_SEGMENT:
        return check_sections(vfs, path, SECTION_FILE_SEGMENT, file, database,
                              err);
    case BACKUP_INDEX:
        return check_sections(vfs, path, SECTION_FILE_INDEX, file, database,
                              err);
    case BACKUP_DELETES:
        return check_sections(vfs, path, SECTION_FILE_DELETES, file, database,
                              err);
    case BACKUP_LOG: /* its records are checked when it is read */
    default:
        return MQL_OK;
    }
}

static mql_status
verify_file(const Vfs *vfs, const char *directory, const Manifest *manifest,
            const BackupFile *file, BackupWork *work, Error *err)
{
    char *path = backup_path(directory, file, BACKUP_CATALOGUE_NAME);
    if (path == NULL)
        return error_no_memory(err);
    mql_status status = backup_check_file(vfs, path, file, work, err);
    if (status == MQL_OK)
        status = backup_check_inside(vfs, path, file, manifest->database, err);
    free(path);
    return status;
}

/* Damage is reported and the work goes on; any other failure ends it. */
static mql_status
take_problem(mql_status status, const Error *failure, BackupReport *report,
             Error *err)
{
    if (status == MQL_OK)
        return MQL_OK;
    if (err->status == MQL_OK)
        *err = *failure;
    if (status != MQL_CORRUPT)
        return status;
    report->damaged++;
    if (report->damaged > 1 && report->problem != NULL)
        report->problem(report->context, failure->text);
    return MQL_OK;
}

static mql_status
verify_files(const Vfs *vfs, const char *path, const Manifest *manifest,
             BackupWork *work, BackupReport *report, Error *err)
{
    for (size_t i = 0; i < manifest->file_count; i++) {
        Error failure = ERROR_INIT;
        mql_status status = verify_file(vfs, path, manifest,
                                        &manifest->files[i], work, &failure);
        TRY(take_problem(status, &failure, report, err));
    }
    Error failure = ERROR_INIT;
    mql_status status = backup_check_names(vfs, path, manifest, &failure);
    return take_problem(status, &failure, report, err);
}

static mql_status
verify(const Vfs *vfs, const char *path, const Watch *watch, Manifest *manifest,
       BackupReport *report, Error *err)
{
    BackupWatch context = {watch, "verifying"};
    BackupWork work = {.step = backup_step, .context = &context};
    Error problem = ERROR_INIT;
    TRY(manifest_read(vfs, path, manifest, err));
    work.total = manifest_bytes(manifest);
    report->files = manifest->file_count;
    report->bytes = work.total;
    mql_status status =
        verify_files(vfs, path, manifest, &work, report, &problem);
    if (status == MQL_OK && problem.status != MQL_OK)
        status = problem.status;
    if (status != MQL_OK && err->status == MQL_OK)
        *err = problem;
    return status;
}

mql_status
backup_verify(const Vfs *vfs, const char *path, const Watch *watch,
              BackupReport *report, Error *err)
{
    Manifest manifest = MANIFEST_INIT;
    mql_status status = verify(vfs, path, watch, &manifest, report, err);
    manifest_free(&manifest);
    return status;
}

/* ---- restore ---- */

typedef struct Restore {
    const Vfs *vfs;
    const char *backup;
    const char *directory;
    Manifest manifest;
    BackupWork work;
} Restore;

/* The bytes are checked again: they were read twice. */
static mql_status
copy_open(Restore *restore, File *from, const char *to, const BackupFile *file,
          Error *err)
{
    BackupFile copy = *file;
    TRY(backup_copy(from, to, &copy, &restore->work, err));
    if (copy.hash.high == file->hash.high && copy.hash.low == file->hash.low)
        return MQL_OK;
    return error_corrupt(err, from->path, -1,
                         "file \"%s\" is not what was backed up", from->path);
}

static mql_status
copy_back(Restore *restore, const BackupFile *file, Error *err)
{
    File source = FILE_CLOSED;
    char *from = backup_path(restore->backup, file, BACKUP_CATALOGUE_NAME);
    char *to = backup_path(restore->directory, file, RESTORING_NAME);
    mql_status status =
        from == NULL || to == NULL
            ? error_no_memory(err)
            : file_open(restore->vfs, from, FILE_PLAIN, &source, err);
    if (status == MQL_OK)
        status = copy_open(restore, &source, to, file, err);
    file_close(&source);
    free(from);
    free(to);
    return status;
}

static mql_status
finish(const Restore *restore, Error *err)
{
    char *from = path_join(restore->directory, RESTORING_NAME);
    char *to = path_join(restore->directory, "meta.mdb");
    mql_status status = from == NULL || to == NULL
                            ? error_no_memory(err)
                            : file_rename(restore->vfs, from, to, err);
    free(from);
    free(to);
    TRY(status);
    return directory_sync(restore->vfs, restore->directory, err);
}

/* The catalogue is the manifest's first file. */
static mql_status
restore_files(Restore *restore, Error *err)
{
    const Vfs *vfs = restore->vfs;
    const Manifest *manifest = &restore->manifest;
    TRY(copy_back(restore, &manifest->files[0], err));
    TRY(directory_sync(vfs, restore->directory, err));
    TRY(backup_make_folders(vfs, restore->directory, err));
    for (size_t i = 1; i < manifest->file_count; i++)
        TRY(copy_back(restore, &manifest->files[i], err));
    TRY(backup_sync_folders(vfs, restore->directory, err));
    return finish(restore, err);
}

/* What is in a backup beside its files spoils it. */
static mql_status
check_place(const Restore *restore, Error *err)
{
    bool is_within;
    TRY(file_is_within(restore->vfs, restore->directory, restore->backup,
                       &is_within, err));
    if (!is_within)
        return MQL_OK;
    return error_set(err, ERR_INVALID_PARAMETER,
                     "a backup cannot be restored into its own directory");
}

static mql_status
restore_into(Restore *restore, Error *err)
{
    const Vfs *vfs = restore->vfs;
    bool is_made;
    File lock = FILE_CLOSED;
    TRY(check_place(restore, err));
    mql_status status =
        backup_make_directory(vfs, restore->directory, "LOCK", &is_made, err);
    bool is_ours = false;
    if (status == MQL_OK) {
        status = lock_acquire(vfs, restore->directory, &lock, err);
        is_ours = status == MQL_OK;
    }
    if (status == MQL_OK)
        status = restore_files(restore, err);
    if (status != MQL_OK && (is_ours || is_made))
        backup_remove(vfs, restore->directory, is_made);
    file_close(&lock);
    return status;
}

mql_status
backup_restore(const Vfs *vfs, const char *path, const char *directory,
               const Watch *watch, Error *err)
{
    BackupReport report = {0};
    BackupWatch context = {watch, "restoring"};
    Restore restore = {.vfs = vfs,
                       .backup = path,
                       .directory = directory,
                       .manifest = MANIFEST_INIT,
                       .work = {.step = backup_step, .context = &context}};
    mql_status status =
        verify(vfs, path, watch, &restore.manifest, &report, err);
    restore.work.total = manifest_bytes(&restore.manifest);
    if (status == MQL_OK)
        status = restore_into(&restore, err);
    manifest_free(&restore.manifest);
    return status;
}
