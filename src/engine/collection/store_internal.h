/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_internal.h - a database and its writer from within.
 *
 * What readers see is a Version: a sequence number over Contents, which hold
 * the definitions and segment lists. All are immutable and counted by
 * reference: a commit that only adds rows to growing segments publishes a new
 * number over the same Contents.
 *
 * A commit goes through steps that can fail and change nothing (files are
 * written, memory is reserved, rows are appended past what readers see), one
 * wal_commit(), and then steps that cannot fail. The catalogue follows the log:
 * when it cannot be written the commit is durable all the same, and opening the
 * database again applies what is missing (transaction.c).
 */
#ifndef ENGINE_COLLECTION_STORE_INTERNAL_H
#define ENGINE_COLLECTION_STORE_INTERNAL_H

#include "engine/collection/segment_internal.h"
#include "engine/collection/store.h"
#include "engine/collection/timeline.h"
#include "engine/collection/transaction.h"
#include "storage/meta.h"
#include "storage/reserve.h"
#include "storage/wal.h"

/* ---- what readers see (version.c) ---- */

typedef struct DatabaseEntry {
    DatabaseDefinition definition; /* first: arrays point at it */
    atomic_uint references;
    Arena arena;
} DatabaseEntry;

/* Running numbers of a collection: the writer's alone, but for generated keys,
 * which open transactions take as they go (those of one that fails are lost).
 */
typedef struct CollectionState {
    atomic_uint references;
    _Atomic int64_t next_auto_id;
    uint64_t
        defined; /* last commit since opening that changed the definition */
    uint64_t changed;     /* that changed rows or the definition */
    uint64_t moved;       /* anything: sealing and compacting too */
    uint64_t dirty_since; /* first commit whose rows or deletes are only in the
                             log; 0: none */
    _Atomic int64_t scrubbed; /* when the last pass ended (scrub.h), 0: none */
    uint64_t dirty_next; /* what it will be after the commit under way; else the
                            same */
} CollectionState;

typedef struct CollectionEntry {
    CollectionVersion version; /* first: arrays point at it */
    atomic_uint references;
    CollectionState *state;
} CollectionEntry;

typedef struct Contents {
    atomic_uint references;
    const DatabaseDefinition **databases;
    uint32_t database_count;
    const CollectionVersion **collections;
    uint32_t collection_count;
    const StoredSettings *settings;
    const Access *access;
    uint64_t schema;
} Contents;

typedef struct VersionHolder {
    Version version; /* first */
    Contents *contents;
    struct VersionHolder *next; /* among those that wait for their sync */
} VersionHolder;

DatabaseEntry *database_entry_create(void); /* NULL: out of memory */
void database_entry_release(DatabaseEntry *entry);

/* Retains the definition, the segments and the state. The segments are sorted
 * here. NULL: out of memory. */
CollectionEntry *collection_entry_create(Collection *definition,
                                         CollectionState *state,
                                         Segment *const *segments,
                                         uint32_t segment_count);
void collection_entry_release(CollectionEntry *entry);

CollectionState *collection_state_create(void); /* NULL: out of memory */
void collection_state_release(CollectionState *state);

/* Room for that many entries; fill the arrays with references, then
 * contents_sort(). */
Contents *contents_create(uint32_t databases, uint32_t collections);
void contents_sort(Contents *contents);
void contents_release(Contents *contents);

/* Takes the reference of `contents`, also on failure. */
VersionHolder *version_create(Contents *contents, uint64_t sequence);

/* For reading; release it with version_release(). */
const Version *version_retain(const Version *version);

static inline DatabaseEntry *
database_entry_of(const DatabaseDefinition *definition)
{
    return (DatabaseEntry *)(uintptr_t)definition;
}

static inline CollectionEntry *
collection_entry_of(const CollectionVersion *version)
{
    return (CollectionEntry *)(uintptr_t)version;
}

static inline Contents *
contents_of(const Version *version)
{
    return ((const VersionHolder *)(const void *)version)->contents;
}

/* A file to be removed, after a failure or after the commit. */
typedef struct FileName {
    struct FileName *next;
    char *path; /* malloc'ed */
} FileName;

/* ---- the store ---- */

struct Store {
    FileSpace space;
    Residence residence;
    bool is_read_only;
    bool is_backup;           /* the directory is a backup's, and read-only */
    int64_t opened;           /* microseconds since 1970 */
    const LossReport *losses; /* NULL: nothing may be lost */
    StoreLimits limits;
    File lock;
    Meta *meta;
    Wal *wal;
    Reserve reserve;
    Pool *pool;
    /* One writer at a time, who may change threads. */
    pthread_mutex_t writer_mutex;
    pthread_cond_t writer_free;
    bool is_writing;
    /* The newest Version; the mutex covers reading it and counting the
     * reference. */
    pthread_mutex_t version_mutex;
    Version *version;
    /* Versions of commits that are in the log and not yet synced, in order:
     * what the next writer begins with (commit.c). */
    VersionHolder *pending_first;
    VersionHolder *pending_last;
    /* One thread syncs the log for all that wait (commit.c). */
    pthread_mutex_t sync_mutex;
    pthread_cond_t sync_done;
    bool is_syncing;
    bool is_sync_failed;
    uint64_t appended; /* commits up to this one can be synced and published */
    uint64_t synced;
    uint64_t stamped;    /* the last commit that has its time */
    int64_t asked_until; /* later commits get later times */
    Error sync_failure;
    /* Numbers of schemas that only an open transaction sees. */
    _Atomic uint64_t next_private_schema;
    /* The writer's. */
    _Atomic uint64_t next_id;
    uint64_t stored_next_id; /* in the catalogue */
    uint64_t noted;          /* commit that the catalogue knows as the last */
    uint64_t trimmed;        /* the log may lack commits up to this one */
    atomic_bool is_dead;
    /* Changes of commits in the log that the catalogue had no room for. */
    Buffer unapplied;
    /* Files of commits that the log refused: they may be in it all the same,
     * unless it takes another one. */
    FileName *orphans;
    /* While files are held, none is removed: those that would be wait here. */
    pthread_mutex_t held_mutex;
    uint32_t holds;
    FileName *held;
    Timeline timeline;
    /* One rewrite at a time (rewrite.h), of the collection with this id (0:
     * none); it is set by the writer. */
    bool is_rewriting; /* under the writer's mutex */
    pthread_cond_t rewrite_free;
    struct Jobs *jobs; /* NULL: no background work */
    _Atomic uint64_t rewriting;
};

/* Publish a version; takes its reference. */
void store_publish(Store *store, VersionHolder *holder);
/* What the next commit follows: published, or waiting for its sync. For the
 * writer; release it. */
const Version *store_newest(Store *store);
/* Queue a version until its commit is synced; takes its reference. */
void store_pend(Store *store, VersionHolder *holder);
/* Publish those up to `sequence`. */
void store_publish_pending(Store *store, uint64_t sequence);

/* One writer at a time, for as long as between these two. */
void store_wait_for_writer(Store *store);
/* QUERY_CANCELED when `watch` says so before the place is free. */
mql_status store_wait_watched(Store *store, const Watch *watch, Error *err);
void store_free_writer(Store *store);

/* One rewrite at a time, likewise; the writer's place is asked for within. */
mql_status store_wait_for_rewrite(Store *store, const Watch *watch, Error *err);
void store_free_rewrite(Store *store);

/* Until released as often, no file of the database is removed (the log's are):
 * for who copies them. */
void store_hold_files(Store *store);
void store_release_files(Store *store);
/* Wait until the commit, which is in the log, is durable and published. */
mql_status store_wait_for_sync(Store *store, uint64_t sequence, Error *err);
/* As the writer: wait until all that is in the log is durable and published. */
mql_status store_settle(Store *store, Error *err);

/* Keys of the catalogue (docs/format/catalog.md). */
#define META_KEY_SIZE 40
#define META_NEXT_ID "next_id"
#define META_TRIMMED "trimmed"
void meta_key(char key[META_KEY_SIZE], const char *kind, uint64_t id);
void meta_put_u64(MetaChanges *changes, const char *key, uint64_t value);

/* ---- the record of a commit (record.c) ---- */

void record_start(Buffer *out);
void record_meta(Buffer *out, Slice changes);
/* Rows of `source`, which have the fields of `definition`. */
mql_status record_rows(Buffer *out, const Collection *definition,
                       const RowSource *source, uint64_t partition,
                       int64_t next_auto_id, Error *err);
typedef struct RecordDeletes {
    Buffer keys;
    uint32_t count;
} RecordDeletes;
void record_delete_key(RecordDeletes *deletes, const RowKey *key);
void record_deletes(Buffer *out, uint64_t collection, bool is_text,
                    const RecordDeletes *deletes);

/* What a record says, item by item. */
typedef struct RecordRows {
    uint64_t collection;
    uint64_t partition;
    int64_t next_auto_id;
    uint32_t row_count; /* at most BATCH_ROWS */
    uint32_t field_count;
    Reader fields;
} RecordRows;

typedef struct RecordVisitor {
    void *context;
    mql_status (*meta)(void *context, Slice changes, Error *err);
    mql_status (*rows)(void *context, const RecordRows *rows, Error *err);
    mql_status (*delete_key)(void *context, uint64_t collection,
                             const Value *key, Error *err);
} RecordVisitor;

/* Functions of the visitor may be NULL: not interested. */
mql_status record_visit(Slice payload, const RecordVisitor *visitor,
                        Error *err);
/* The rows as a batch with the fields of `definition`; it points into the
 * record, vectors maybe unaligned: only for appending. */
mql_status record_batch(const RecordRows *rows, const Collection *definition,
                        Arena *arena, Batch *batch, Error *err);

/* ---- the writer ---- */

/* Rows of a segment that the transaction deletes. */
typedef struct DeletedRows {
    uint64_t *bits;
    uint32_t count;    /* bits set */
    bool is_persisted; /* in a .del file of this commit */
} DeletedRows;

/* Their sequence number of insertion is 0. */
typedef struct StagedPartition {
    struct StagedPartition *next;
    uint64_t partition;
    GrowingSegment *rows;
    uint32_t superseded; /* rows that the transaction has deleted again */
    uint64_t *hidden;    /* their bits; room for `hidden_words` words */
    size_t hidden_words;
    GrowingSegment *target; /* commit: where they go when they go to the log */
    bool is_logged;
    RowSource source;    /* commit: rows to write; source.rows is malloc'ed */
    SegmentAhead *ahead; /* the file they go to is begun; or NULL */
    bool is_never_ahead; /* that failed once, or is not worth it */
} StagedPartition;

/* A changed entry of a sealed segment of the base. */
typedef struct EntryChange {
    struct EntryChange *next;
    SealedSegment *segment;
    SegmentEntry entry;
} EntryChange;

typedef struct CollectionChange {
    struct CollectionChange *next;
    uint64_t id;
    CollectionEntry *base;     /* never NULL: of one made here it is empty */
    CollectionEntry *created;  /* owned: the base of one made here, or NULL */
    Collection *definition;    /* owned; NULL: the base's */
    bool is_definition_shared; /* others look at it: change a copy */
    bool has_rows; /* commit: rows were inserted, deleted or truncated */
    bool
        is_new_definition; /* for readers too: prepared statements look again */
    bool is_dropped;
    bool is_truncated;
    bool wants_seal;      /* asked for */
    bool wants_indexes;   /* files of indexes that segments of the base lack are
                             built */
    bool is_sealing;      /* commit: nothing stays growing */
    bool is_loading;      /* commit: what is in memory changes (residence.c) */
    DeletedRows *deleted; /* one for each segment of the base, or NULL */
    uint64_t deleted_count;
    StagedPartition *staged;
    SealedSegment **sealed; /* new ones; owned references */
    uint32_t sealed_count;
    uint32_t sealed_capacity;
    const Segment **replaced; /* a rewrite's sources, which go */
    uint32_t replaced_count;
    uint64_t sealed_upto; /* a rewrite has put all rows of commits up to this
                             one into files; 0: no such */
    bool is_lazy;        /* files of new indexes are left to a background job */
    bool has_later_rows; /* and there are rows of later ones */
    EntryChange *entries;
    GrowingSegment **grown; /* commit: new growing segments; owned references */
    uint32_t grown_count;
    CollectionEntry *entry; /* commit: the new one, NULL: the base's stays */
    CollectionEntry
        *view;          /* as the transaction sees it, while a view is made */
    bool is_logging;    /* commit: rows or deletes of it are in the log */
    uint64_t forgotten; /* commit: rows deleted by commits up to this one are
                           left out; the collection's horizon is raised to it */
} CollectionChange;

typedef struct Savepoint Savepoint;

typedef struct DatabaseChange {
    struct DatabaseChange *next;
    uint64_t id;
    DatabaseEntry *entry; /* NULL: dropped */
} DatabaseChange;

struct Transaction {
    Store *store;
    const Version *base;
    const Version *newest; /* while committing: what the base becomes */
    /* Of the commit to come. Until it commits, an optimistic transaction's only
     * marks what it deleted of its own rows. */
    uint64_t sequence;
    int64_t began;    /* the clock then, microseconds since 1970 */
    int64_t time;     /* commit: the clock, microseconds since 1970 */
    uint64_t horizon; /* commit: deletions up to it may be forgotten */
    bool is_writer;   /* an optimistic one is while it commits only */
    bool is_failed;
    bool has_definitions;  /* changes some */
    VersionHolder *view;   /* what the transaction sees; NULL: make it anew */
    bool is_view_old;      /* rows were inserted since; definitions are right */
    Savepoint *savepoints; /* newest first */
    bool is_rewrite; /* segments are exchanged (rewrite.h) and nothing else */
    bool gives_back; /* commit: makes room on the disk, brings nothing new */
    CollectionChange *collections;
    DatabaseChange *databases;
    const StoredSettings *settings; /* all of them; NULL: the base's */
    const Access *access;           /* all of it; NULL: the base's */
    FileName *written;              /* remove unless it commits */
    FileName *obsolete;             /* remove when it has committed */
    Watch watch;
    uint64_t staged_bytes;
    uint64_t inserted;
    uint64_t deleted;
    Arena batch_arena; /* reset for each batch */
    Column keys;       /* of the last batch inserted, in batch_arena */
};

/* transaction.c */
/* Something changes: the view is to be made anew. */
void transaction_touch(Transaction *transaction);
/* Only rows are inserted: transaction_definitions() stays right. */
void transaction_touch_rows(Transaction *transaction);
/* The end, whatever came before; written files stay if asked. */
void transaction_end(Transaction *transaction, bool is_keeping_files);
bool transaction_is_empty(const Transaction *transaction);
void change_free_deleted(CollectionChange *change);
void change_free_sealed(CollectionChange *change);
/* The files of a segment that the transaction spilled and needs no more go with
 * its end, whatever that is. */
void forget_files(Transaction *transaction, const SealedSegment *segment);
/* The collection's change; NULL: there is none yet. */
CollectionChange *change_find(const Transaction *transaction, uint64_t id);
/* One upon `base`. Takes the reference of `created` (may be NULL), also on
 * failure. */
mql_status change_add(Transaction *transaction, uint64_t id,
                      CollectionEntry *base, CollectionEntry *created,
                      CollectionChange **change, Error *err);
/* The same, made when there is none. */
mql_status transaction_change(Transaction *transaction, uint64_t id,
                              CollectionChange **change, Error *err);
/* The definition as this transaction leaves it. */
const Collection *change_definition(const CollectionChange *change);
/* A definition that may be changed. */
mql_status change_own_definition(CollectionChange *change, Error *err);
/* Whether the partition of a segment, anybody's, is still there. */
bool change_has_partition(const CollectionChange *change,
                          const Segment *segment);
/* Whether a segment of the base is still there for the transaction. */
bool change_keeps(const CollectionChange *change, const Segment *segment);
mql_status change_delete(Transaction *transaction, CollectionChange *change,
                         uint32_t segment, uint32_t row, Error *err);
bool change_is_deleted(const CollectionChange *change, uint32_t segment,
                       uint32_t row);
void staged_free(StagedPartition *staged);
void change_free_staged(CollectionChange *change);
/* Before rows are published: room to delete each of them. */
mql_status staged_reserve(StagedPartition *staged, Error *err);
/* Row is live; it is deleted with the transaction's sequence number. */
void staged_delete(const Transaction *transaction, StagedPartition *staged,
                   uint32_t row);
/* After a savepoint has changed what is deleted; room is reserved. */
void staged_restore(StagedPartition *staged);
/* transaction_setting.c */
/* A copy with room for one more; NULL: out of memory. */
StoredSettings *stored_settings_create(const StoredSettings *from);
mql_status stored_settings_load(Meta *meta, StoredSettings **list, Error *err);
void meta_of_settings(const Transaction *transaction, MetaChanges *changes);

/* transaction_access.c */
mql_status access_load(Meta *meta, const Access **loaded, Error *err);
void meta_of_access(const Transaction *transaction, MetaChanges *changes);
/* Whoever drops an object: its grants go too. */
mql_status transaction_forget_grants(Transaction *transaction,
                                     PrivilegeLevel level, uint64_t object,
                                     Error *err);
/* transaction_view.c */
/* Every definition and collection as the transaction leaves it: entries for
 * readers of the transaction, or for the commit. NULL: out of memory. */
Contents *transaction_contents(const Transaction *transaction, bool is_view,
                               uint64_t schema);
/* transaction_rebase.c */
/* Put the changes upon the newest state: SERIALIZATION_FAILURE when somebody
 * changed the same since. For the writer. */
mql_status transaction_rebase(Transaction *transaction, Error *err);
/* savepoint.c */
void savepoints_free(Transaction *transaction);
/* commit.c */
mql_status commit_changes(Transaction *transaction, Error *err);
/* Free the list, after removing the files if asked to, or when nobody holds
 * them any more; failures are only logged. */
void file_names_free(Store *store, FileName *list, bool is_removing);
/* A file of this name is about to be made again: what an earlier try left is
 * not to be removed later. For the writer. */
void store_reclaim_file(Store *store, const char *path);
/* Takes the path; out of memory (also a NULL path) is an error. */
mql_status file_name_add(FileName **list, char *path, Error *err);

/* commit_files.c */
/* A new segment of the change; takes the reference. */
mql_status change_keep_sealed(CollectionChange *change, SealedSegment *segment,
                              Error *err);
/* Write staged rows as a sealed segment and forget them here. */
mql_status change_spill(Transaction *transaction, CollectionChange *change,
                        StagedPartition *staged, Error *err);
/* Begin with the files of staged rows that will be sealed. What fails here is
 * forgotten: sealing begins anew. */
void change_write_ahead(Transaction *transaction, CollectionChange *change);
/* Rows of a growing segment that are not deleted. */
mql_status live_rows(const GrowingSegment *segment, RowSource *source,
                     Error *err);
/* The entry of a sealed segment of the base, to be changed. */
mql_status change_entry(CollectionChange *change, SealedSegment *segment,
                        SegmentEntry **entry, Error *err);
/* Everything that goes to files before the commit. */
mql_status commit_files(Transaction *transaction, Error *err);
/* commit_prepare.c: memory that readers will see. */
mql_status commit_prepare(Transaction *transaction, VersionHolder **holder,
                          Error *err);
/* Undo what preparing did to segments that readers have. */
void commit_unprepare(Transaction *transaction);
/* commit_record.c */
mql_status commit_record(Transaction *transaction, const Version *version,
                         Buffer *payload, MetaChanges *changes, uint64_t *trim,
                         Error *err);
/* commit_apply.c */
/* What cannot fail, after the log has it. */
void commit_apply(Transaction *transaction);

/* residence.c */
#define LOAD_MEM_SETTING "load_mem"
#define BUILD_MEM_SETTING "maintenance_work_mem"
/* What is loaded goes to memory; on failure residence_unprepare() is due. */
mql_status residence_prepare(Transaction *transaction, Error *err);
void residence_unprepare(const Transaction *transaction);
/* What is released is mapped again; settings hold from now on. */
void residence_apply(const Transaction *transaction);
void residence_take_settings(Residence *residence,
                             const StoredSettings *settings);

/* intact.c */
/* Whether all segments of the collection can be read. */
mql_status collection_intact(const CollectionVersion *collection, Error *err);
/* Whether all that the transaction's changes came of was there. */
mql_status changes_intact(const Transaction *transaction, Error *err);

/* ---- recovery (recovery.c) ---- */

/* Catalogue and log to the first Version; removes leftover files. */
mql_status store_recover(Store *store, Error *err);

#endif
