/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction.h - every change of a database, one writer at a time.
 *
 * transaction_begin() takes the writer lock; changes collect in the transaction
 * and nobody sees them until transaction_commit() has made them durable. Any
 * failure, or transaction_rollback(), leaves nothing behind: staged rows are
 * forgotten, files written ahead are removed.
 */
#ifndef ENGINE_COLLECTION_TRANSACTION_H
#define ENGINE_COLLECTION_TRANSACTION_H

#include "engine/collection/store.h"

typedef struct Transaction Transaction;

/* Who watches long work; all may be NULL. The work is done by
 * transaction_commit(): what a Watch points to must last until then; the Watch
 * itself is copied. */
typedef struct Watch {
    const atomic_bool *cancel;
    void (*progress)(void *context, const char *phase, uint64_t done,
                     uint64_t total);
    void *context;
} Watch;

/* Waits for the writer lock. Errors: IO_ERROR "... must be opened again" after
 * log or catalogue could not be written for another reason than a full disk. */
mql_status transaction_begin(Store *store, Transaction **transaction,
                             Error *err);

/* The same; waiting ends when `*cancel` becomes true: QUERY_CANCELED. */
mql_status transaction_begin_watched(Store *store, const atomic_bool *cancel,
                                     Transaction **transaction, Error *err);

/*
 * A transaction of several statements: it waits for nobody and nobody waits for
 * it. It sees the newest published state throughout. Committing it fails with
 * SERIALIZATION_FAILURE when a commit since then deleted a row that it deletes,
 * inserted a key that it inserts, or changed a definition that it uses
 * (transaction_rebase.c); then nothing has changed.
 */
mql_status transaction_begin_optimistic(Store *store, Transaction **transaction,
                                        Error *err);

/* The state it began with; stays until it ends. Its own changes are not in it.
 */
const Version *transaction_version(const Transaction *transaction);
/* When it began, microseconds since 1970: what is older than its time to live
 * is so at this moment, from the first statement to the last. */
int64_t transaction_began(const Transaction *transaction);
/* The state it began with and its own changes so far: a picture, which later
 * changes do not touch. Release it before the transaction ends. */
mql_status transaction_view(Transaction *transaction, const Version **version,
                            Error *err);
/* The same, but that rows inserted lately may be missing: quick for each row of
 * many. */
mql_status transaction_definitions(Transaction *transaction,
                                   const Version **version, Error *err);

/* Count inserted and deleted rows from 0 again. */
void transaction_begin_statement(Transaction *transaction);

/*
 * Savepoints: rolling back to one takes back what came after it and keeps it;
 * releasing one forgets it and those after it. The newest of a name counts.
 * Errors: UNDEFINED_SAVEPOINT.
 */
mql_status transaction_savepoint(Transaction *transaction, Slice name,
                                 Error *err);
mql_status transaction_rollback_to(Transaction *transaction, Slice name,
                                   Error *err);
mql_status transaction_release_savepoint(Transaction *transaction, Slice name,
                                         Error *err);
uint32_t transaction_savepoint_count(const Transaction *transaction);

/* Make everything durable and visible. The transaction is gone afterwards, also
 * on failure (nothing changed). */
mql_status transaction_commit(Transaction *transaction, Error *err);
/* The same; `watch` may end the waiting for the writer and the writing of
 * files: QUERY_CANCELED, nothing changed. */
mql_status transaction_commit_watched(Transaction *transaction,
                                      const Watch *watch, Error *err);
void transaction_rollback(Transaction *transaction); /* NULL is allowed */

/* ---- rows ---- */

typedef enum InsertMode {
    INSERT_NEW,     /* an existing key is DUPLICATE_KEY */
    INSERT_REPLACE, /* UPSERT: an existing row is deleted, wherever it is */
} InsertMode;

typedef struct InsertTarget {
    const CollectionVersion *collection; /* of the transaction's version */
    uint64_t partition;                  /* id; ignored with a partition key */
    InsertMode mode;
} InsertTarget;

/*
 * Stage the rows of `batch`: one column for each field of the collection, in
 * order, of the field's type, already converted and checked (value_convert). An
 * AUTO_ID key column may hold NULLs: ids are given. NULL in a field that takes
 * none is NOT_NULL. `*bad_row` is set to the row at fault (for COPY's
 * messages). Bytes are copied. Large transactions spill to sealed segment
 * files, so memory stays bounded. Two rows with one key in the same statement:
 * DUPLICATE_KEY; INSERT_REPLACE: the later wins, as COPY of a log would.
 */
mql_status transaction_insert(Transaction *transaction,
                              const InsertTarget *target, const Batch *batch,
                              uint32_t *bad_row, Error *err);

/* The keys of the rows that the last transaction_insert() staged, generated
 * ones included; until the next call that changes the transaction. */
const Column *transaction_keys(const Transaction *transaction);

/* Delete rows of a segment of a view of the transaction (visible there, in any
 * order, without doubles). */
mql_status transaction_delete(Transaction *transaction,
                              const CollectionVersion *collection,
                              const Segment *segment, const uint32_t *rows,
                              uint32_t count, Error *err);

/* Rows staged and deleted so far. */
uint64_t transaction_inserted(const Transaction *transaction);
uint64_t transaction_deleted(const Transaction *transaction);

/* ---- definitions ---- */

/* A new id for an object. */
uint64_t transaction_new_id(Transaction *transaction);

/* Names and references are the caller's to check (against
 * transaction_version()). */
mql_status transaction_create_database(Transaction *transaction, Slice name,
                                       const Property *properties,
                                       uint32_t property_count, Error *err);
/* Its properties become these. */
mql_status transaction_alter_database(Transaction *transaction, uint64_t id,
                                      Slice name, const Property *properties,
                                      uint32_t property_count, Error *err);
mql_status transaction_drop_database(
    Transaction *transaction, uint64_t id,
    Error *err); /* its collections must be dropped by the caller */
/* A copy of a definition, to be changed and put: everything has an id of its
 * own, nothing a past. */
mql_status transaction_copy_definition(Transaction *transaction,
                                       const Collection *collection,
                                       Collection **copy, Error *err);
/* Takes the caller's reference of `collection`; one with the id of an existing
 * collection replaces its definition. Partitions gone from the new definition
 * lose their rows; indexes gone lose their files. */
mql_status transaction_put_collection(Transaction *transaction,
                                      Collection *collection, Error *err);
mql_status transaction_drop_collection(Transaction *transaction, uint64_t id,
                                       Error *err);
/* Every row of the collection goes. */
mql_status transaction_truncate(Transaction *transaction, uint64_t id,
                                Error *err);

/* What its commit will store; NULL: it has changed none. */
const StoredSettings *transaction_settings(const Transaction *transaction);
/* Store a setting for every session; NULL: it is no longer stored. */
mql_status transaction_put_setting(Transaction *transaction, const char *name,
                                   const int64_t *value, Error *err);

/* Users, roles and grants as the transaction sees them; whether it changes
 * some. To change them: access_create() a copy, change it and put it. */
const Access *transaction_access(const Transaction *transaction);
bool transaction_changes_access(const Transaction *transaction);
/* Takes the reference. */
void transaction_put_access(Transaction *transaction, Access *access);

/* ---- files ---- */

/* Seal the growing segments of a collection (id; 0: of all), with the files of
 * their indexes, and persist deletes. When nothing stays growing, the log is
 * trimmed after the commit. */
mql_status transaction_flush(Transaction *transaction, uint64_t collection,
                             const Watch *watch, Error *err);

/* Add `index` to the collection: growing rows are sealed, then a file is built
 * for every sealed segment. `index->id` is from transaction_new_id(). */
mql_status transaction_create_index(Transaction *transaction,
                                    uint64_t collection,
                                    const IndexDefinition *index,
                                    const Watch *watch, Error *err);

/* Add `index` and leave its files to a background job (or to the next FLUSH,
 * COMPACT or REINDEX). */
mql_status transaction_define_index(Transaction *transaction,
                                    uint64_t collection,
                                    const IndexDefinition *index, Error *err);

#endif
