/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - a database directory: catalogue, log and segments, opened, read and
 * recovered.
 *
 *   NAME/meta.mdb     catalogue (storage/meta.h)      NAME/segments/  ID.seg,
 * ID-INDEX.idx, ID-SEQUENCE.del NAME/wal/         log (storage/wal.h) NAME/tmp/
 * files being written NAME/LOCK         one process (storage/lock.h)
 *
 * Readers take a Version: an immutable picture of the catalogue, the segment
 * lists and the last committed sequence number. Writers go through
 * transaction.h, one at a time.
 *
 * A commit: one log record {changes of the catalogue, rows inserted, keys
 * deleted}, one fdatasync; then the catalogue's changes are applied to LMDB
 * together with the applied sequence number, rows go to the growing segments,
 * and a new Version is published. Sealing, index builds and bulk loads write
 * their files first and refer to them in the commit; so every commit is atomic.
 */
#ifndef ENGINE_COLLECTION_STORE_H
#define ENGINE_COLLECTION_STORE_H

#include "base/file.h"
#include "base/log.h"
#include "base/pool.h"
#include "engine/catalog/access.h"
#include "engine/catalog/catalog.h"
#include "engine/collection/segment.h"

typedef struct Store Store;

/* When memory goes to files. Tests make them small. */
typedef struct StoreLimits {
    uint64_t log_partition_bytes; /* staged rows of one partition that go to the
                                     log; more are sealed at once */
    uint64_t log_bytes;     /* staged rows of one commit that go to the log */
    uint64_t log_deletes;   /* keys of one commit that go to the log; more go to
                               .del files */
    uint64_t staged_bytes;  /* rows a transaction keeps in memory; more spill to
                               sealed segments */
    uint64_t growing_bytes; /* growing rows of a collection; the commit that
                               passes this seals them */
    uint64_t wal_bytes;     /* log that a reopening would read; the commit that
                               passes this seals all */
    uint64_t chunk_bytes;   /* memory of one chunk of growing rows */
    int64_t retention;      /* microseconds for which deleted rows are kept */
} StoreLimits;

#define STORE_LIMITS_USUAL                                                     \
    ((StoreLimits){.log_partition_bytes = UINT64_C(8) << 20,                   \
                   .log_bytes = UINT64_C(64) << 20,                            \
                   .log_deletes = UINT64_C(1) << 20,                           \
                   .staged_bytes = UINT64_C(1) << 30,                          \
                   .growing_bytes = UINT64_C(128) << 20,                       \
                   .wal_bytes = UINT64_C(256) << 20,                           \
                   .chunk_bytes = UINT64_C(1) << 20,                           \
                   .retention = INT64_C(24) * 3600 * 1000 * 1000})

/* What of a damaged database is lost. */
typedef struct Loss {
    const char *object; /* collection "c", or "log"                   */
    uint64_t rows;      /* 0: none, or nobody can tell how many        */
    const char *what;   /* "keys 17 .. 144"                            */
    const Error *why;   /* names file and offset, if it is a file's    */
} Loss;

typedef struct LossReport {
    void *context;
    mql_status (*lost)(void *context, const Loss *loss, Error *err);
} LossReport;

typedef struct StoreOptions {
    const Vfs *vfs;   /* NULL: posix_vfs */
    uint32_t threads; /* of the pool; 0: as processors */
    bool must_exist;
    bool must_be_new;
    bool is_read_only; /* not a byte is written; implies must_exist */
    bool is_backup; /* the directory is a verified backup; with is_read_only */
    /* With is_read_only: what cannot be read is reported, and left out. */
    const LossReport *losses;
    bool has_jobs;         /* a thread for background work (jobs.h) */
    bool has_jobs_by_hand; /* the same work without a thread */
    Log log;
    const StoreLimits *limits; /* NULL: STORE_LIMITS_USUAL */
} StoreOptions;

/* Open or create the directory; recovers. */
mql_status store_open(const char *path, const StoreOptions *options,
                      Store **store, Error *err);
/* Waits for nothing: every Version and transaction must be gone. */
void store_close(Store *store);

const char *store_path(const Store *store);
bool store_is_read_only(const Store *store);
Pool *store_pool(const Store *store);
const Vfs *store_vfs(const Store *store);

/* One collection in a Version. */
typedef struct CollectionVersion {
    const Collection *collection;
    Segment *const *segments; /* of all partitions; sealed ones first, by id */
    uint32_t segment_count;
} CollectionVersion;

/* Settings stored for every session (SET GLOBAL): names and numbers. */
#define STORED_SETTING_NAME_SIZE 32 /* with the NUL */
typedef struct StoredSetting {
    char name[STORED_SETTING_NAME_SIZE];
    int64_t value;
} StoredSetting;

typedef struct StoredSettings {
    atomic_uint references;
    uint32_t count;
    StoredSetting settings[];
} StoredSettings;

const StoredSettings *stored_settings_retain(const StoredSettings *list);
void stored_settings_release(const StoredSettings *list); /* NULL is allowed */
/* False: none of that name is stored. */
bool stored_setting(const StoredSettings *list, const char *name,
                    int64_t *value);

typedef struct Version {
    atomic_uint references;
    uint64_t sequence;               /* of the last commit in it */
    const struct Version *committed; /* what an open transaction sees has the
                                        one it began with here; else NULL */
    const DatabaseDefinition *const *databases; /* by name */
    uint32_t database_count;
    const CollectionVersion *const *collections; /* by database id, then name */
    uint32_t collection_count;
    const StoredSettings *settings; /* another list whenever one changes */
    const Access *access; /* who may do what; another one whenever it changes */
    uint64_t schema;      /* changes whenever a definition changes: for prepared
                             statements */
} Version;

/* The newest committed Version; release it soon, it keeps files and memory
 * alive. */
const Version *store_version(Store *store);
void version_release(const Version *version); /* NULL is allowed */

/* Exact spelling first, then any case if only one fits; NULL: none, or
 * ambiguous. */
const DatabaseDefinition *version_find_database(const Version *version,
                                                Slice name);
const DatabaseDefinition *version_database(const Version *version, uint64_t id);
/* The collection that a name means, its own or an alias: every name that a
 * statement gives goes through here, privileges are asked of what comes out.
 * `*as`: the name of it that was meant. */
const CollectionVersion *version_find_collection(const Version *version,
                                                 uint64_t database, Slice name);
const CollectionVersion *version_find_called(const Version *version,
                                             uint64_t database, Slice name,
                                             const char **as);
const CollectionVersion *version_collection(const Version *version,
                                            uint64_t id);

/* The next key that the collection will generate; let it be that at least. Like
 * the keys of rows that are rolled back, it is not taken back with its
 * transaction. */
int64_t collection_next_key(const CollectionVersion *collection);
void collection_raise_next_key(const CollectionVersion *collection,
                               int64_t key);

/* Whether the properties of the database (database_rules.c) have room for so
 * many more collections; for the bytes it has. CONFIGURATION_LIMIT: no. */
mql_status version_check_collections(const Version *version, uint64_t database,
                                     uint32_t more, Error *err);
mql_status version_check_quota(const Version *version, uint64_t database,
                               Error *err);
/* INVALID_DATABASE when there is none of that id (any more), called `name`. */
mql_status version_require_database(const Version *version, uint64_t database,
                                    const char *name, Error *err);
/* NOT_READY when database.force.deny.WHAT is true. */
mql_status version_check_denied(const Version *version, uint64_t database,
                                const char *what, Error *err);

/*
 * ---- the past ----
 *
 * Rows that were deleted are kept for as long as the retention says, in growing
 * segments and in the sealed ones that are written from them, so that pictures
 * of the past can be read: any sequence number from a collection's `created`
 * and `horizon` on, with the segments of the newest Version. Whoever leaves out
 * deleted rows (sealing, compaction) leaves out those deleted at or before
 * store_horizon() only, and raises the collection's horizon
 * (CollectionChange.forgotten).
 */

/* The setting of that name when it is stored, else StoreLimits.retention;
 * microseconds. */
#define RETENTION_SETTING "retention" /* milliseconds */
int64_t store_retention(Store *store);
/* Deletions by commits up to this one may be forgotten now; with a retention of
 * 0 all. */
uint64_t store_horizon(Store *store);
/* The last commit whose rows are older than the collection's time to live at
 * `now`, or were before it was changed: rows inserted by commits up to it are
 * not there for anybody any more, whatever moment is asked for, and may be left
 * out of new segments without raising the horizon. 0: none. */
uint64_t store_expired(Store *store, const Collection *collection, int64_t now);
/* The clock, microseconds since 1970; not before the last commit's time. */
int64_t store_now(Store *store);
/*
 * Before a Version is taken for questions of moments: waits until every commit
 * whose time is up to store_now() is visible, and lets none get such a time
 * from now on. So a moment has one answer, however often it is asked for.
 */
void store_settle_clock(Store *store);
/* The last commit known at or before the moment; 0: none is known. */
uint64_t store_commit_at(Store *store, int64_t time);
/* The first one that has a moment. */
uint64_t store_first_commit(Store *store);
/* A moment at which the commit was there already; false: not made yet. */
bool store_time_of(Store *store, uint64_t sequence, int64_t *time);

/* Verify every byte and invariant of everything: the first damage is the error.
 * CHECK lists all of it: check.h. */
mql_status store_check(Store *store, Error *err);

#endif
