/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.h - a copy of a database, its check, and a database from it.
 *
 * A backup is a directory with a manifest (storage/backup.h): no database, so
 * that nobody changes it by opening it.
 */
#ifndef ENGINE_COLLECTION_BACKUP_H
#define ENGINE_COLLECTION_BACKUP_H

#include "engine/collection/transaction.h"
#include "storage/backup.h"

/*
 * Copy the database as it is now to the directory `path`, which must not exist
 * or be empty. Readers and writers go on. Each copy is read again: damage is
 * DATA_CORRUPTED and names the database's file, if it is there already. A
 * failure leaves nothing behind; a crash leaves a directory without a manifest,
 * which is no backup.
 */
mql_status store_backup(Store *store, const char *path, const Watch *watch,
                        Error *err);

typedef struct BackupReport {
    uint64_t files;
    uint64_t bytes;
    uint64_t damaged; /* files */
    /* Each problem but the one that is returned; may be NULL. */
    void (*problem)(void *context, const char *words);
    void *context;
} BackupReport;

/* Read every byte of a backup and compare it with the manifest, and with the
 * checksums inside the files: DATA_CORRUPTED with the first problem. */
mql_status backup_verify(const Vfs *vfs, const char *path, const Watch *watch,
                         BackupReport *report, Error *err);

/*
 * Verify the backup and make the database of it in `directory`, which must not
 * exist or be empty. A crash leaves an empty directory, one that store_open()
 * refuses, or the whole database; a failure leaves nothing.
 */
mql_status backup_restore(const Vfs *vfs, const char *path,
                          const char *directory, const Watch *watch,
                          Error *err);

/* Verify the backup and open it as it lies there; nothing of it is changed. */
mql_status backup_open(const Vfs *vfs, const char *path, const Watch *watch,
                       Store **store, Error *err);
/* Open a damaged database, which is not changed, to be put where it is whole:
 * the report is told what is lost, now and by transaction_restore(), until the
 * store is closed. Its catalogue must be readable. */
mql_status store_open_damaged(const Vfs *vfs, const char *path,
                              const LossReport *losses, Store **store,
                              Error *err);
/*
 * Put all databases of an opened backup beside those that are there, as changes
 * of the transaction; what `watch` points to must last until its commit.
 * DUPLICATE_DATABASE when one is there already; "default" is, when both have
 * collections in it. Settings stored in the backup are taken where none is.
 */
mql_status transaction_restore(Transaction *transaction, Store *backup,
                               const Watch *watch, Error *err);

/* The catalogue's name while a restore is under way. */
#define RESTORING_NAME "restoring.mdb"

/* ---- for both ---- */

typedef struct BackupWatch {
    const Watch *watch; /* may be NULL */
    const char *phase;
} BackupWatch;

/* The checksums inside a file of a backup, or of the database it is made of,
 * which know database, file and place. The log's are not looked at. */
mql_status backup_check_inside(const Vfs *vfs, const char *path,
                               const BackupFile *file, uint64_t database,
                               Error *err);

/* BackupWork.step for a BackupWatch. */
mql_status backup_step(void *context, uint64_t done, uint64_t total,
                       Error *err);

#endif
