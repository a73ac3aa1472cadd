/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maintenance.h - segments put in order: what COMPACT, VACUUM and REINDEX do,
 * and background jobs.
 *
 * Files are written while readers and writers go on (rewrite.h). Work that
 * changes of the definition made useless is begun again.
 */
#ifndef ENGINE_COLLECTION_MAINTENANCE_H
#define ENGINE_COLLECTION_MAINTENANCE_H

#include "engine/collection/transaction.h"

typedef enum CompactMode {
    COMPACT_ONE,    /* one segment for each partition */
    COMPACT_VACUUM, /* segments with rows that nobody can ask for any more */
    COMPACT_FORGET, /* as COMPACT_ONE, and every deleted row goes at once */
    COMPACT_DUE,    /* what the policy asks for (compaction_policy.c) */
    COMPACT_SEAL,   /* growing segments only, without their indexes */
} CompactMode;

/* A segment that COMPACT makes has at most so many rows. */
#define COMPACT_ROWS_MOST (UINT32_C(1) << 26)

mql_status store_compact(Store *store, uint64_t collection, CompactMode mode,
                         const Watch *watch, Error *err);

/* Build the index files that sealed segments of the collection lack, or that
 * are known to be damaged, one commit for each. UNDEFINED_OBJECT when one of
 * them was for an index that is gone. */
mql_status store_build_indexes(Store *store, uint64_t collection,
                               const Watch *watch, Error *err);

/* Build all files of an index anew (id; 0: of all of the collection's), and
 * exchange them in one commit. */
mql_status store_reindex(Store *store, uint64_t collection, uint64_t index,
                         const Watch *watch, Error *err);

/* Whether there is work for a mode, as far as can be seen without the writer.
 */
bool store_compact_is_due(Store *store, const CollectionVersion *collection,
                          CompactMode mode);
bool store_index_is_due(const CollectionVersion *collection);

#endif
