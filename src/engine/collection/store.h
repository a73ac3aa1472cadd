/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - a database directory: catalogue, log and segments, opened, read and recovered.
 *
 *   NAME/meta.mdb     catalogue (storage/meta.h)      NAME/segments/  ID.seg, ID-INDEX.idx, ID-SEQUENCE.del
 *   NAME/wal/         log (storage/wal.h)              NAME/tmp/       files being written
 *   NAME/LOCK         one process (storage/lock.h)
 *
 * Readers take a Version: an immutable picture of the catalogue, the segment lists and the last
 * committed sequence number. Writers go through transaction.h, one at a time.
 *
 * A commit: one log record {changes of the catalogue, rows inserted, keys deleted}, one fdatasync;
 * then the catalogue's changes are applied to LMDB together with the applied sequence number, rows go
 * to the growing segments, and a new Version is published. Sealing, index builds and bulk loads write
 * their files first and refer to them in the commit; so every commit is atomic.
 */
#ifndef ENGINE_COLLECTION_STORE_H
#define ENGINE_COLLECTION_STORE_H

#include "base/file.h"
#include "base/log.h"
#include "base/pool.h"
#include "engine/catalog/catalog.h"
#include "engine/collection/segment.h"

typedef struct Store Store;

typedef struct StoreOptions {
    const Vfs *vfs; /* NULL: posix_vfs */
    uint32_t threads; /* of the pool; 0: as processors */
    bool must_exist;
    bool must_be_new;
    Log log;
} StoreOptions;

/* Open or create the directory; recovers. */
mql_status store_open(const char *path, const StoreOptions *options, Store **store, Error *err);
/* Waits for nothing: every Version and transaction must be gone. */
void store_close(Store *store);

const char *store_path(const Store *store);
Pool *store_pool(const Store *store);
const Vfs *store_vfs(const Store *store);

/* One collection in a Version. */
typedef struct CollectionVersion {
    const Collection *collection;
    Segment *const *segments; /* of all partitions; sealed ones first, by id */
    uint32_t segment_count;
} CollectionVersion;

typedef struct Version {
    atomic_uint references;
    uint64_t sequence; /* of the last commit in it */
    const DatabaseDefinition *const *databases; /* by name */
    uint32_t database_count;
    const CollectionVersion *const *collections; /* by database id, then name */
    uint32_t collection_count;
    uint64_t schema; /* changes whenever a definition changes: for prepared statements */
} Version;

/* The newest committed Version; release it soon, it keeps files and memory alive. */
const Version *store_version(Store *store);
void version_release(const Version *version); /* NULL is allowed */

/* Exact spelling first, then any case if only one fits; NULL: none (or ambiguous, then *ambiguous). */
const DatabaseDefinition *version_find_database(const Version *version, Slice name);
const CollectionVersion *version_find_collection(const Version *version, uint64_t database, Slice name);
const CollectionVersion *version_collection(const Version *version, uint64_t id);

/* Verify every byte and invariant of every file: for tests and CHECK. */
mql_status store_check(Store *store, Error *err);

#endif
