/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrub.h - every byte of a collection's files read again, slowly, so that what
 * rots on the disk is found while there is a backup to repair it with.
 *
 * A pass reads one small part after the other; between two of them nothing is
 * held. It goes by the numbers of segments: those that compaction makes
 * meanwhile have higher ones, so none is missed.
 *
 * Thread rule: the thread of background jobs calls store_scrub().
 */
#ifndef ENGINE_COLLECTION_SCRUB_H
#define ENGINE_COLLECTION_SCRUB_H

#include "engine/collection/transaction.h"

#define SCRUB_INTERVAL_SETTING "scrub_interval" /* milliseconds, 0: never */
#define SCRUB_RATE_SETTING "scrub_rate"         /* bytes a second         */

/* How far a pass is; zeros: at its beginning. */
typedef struct ScrubPlace {
    uint64_t segment; /* those with lower numbers are done             */
    uint32_t file;    /* of the segment: .seg, .del, then its indexes  */
    uint64_t block;   /* of the file                                   */
    uint64_t read;    /* bytes                                         */
    uint64_t total;   /* as it was when the last part was read         */
    uint32_t found;   /* problems                                      */
    bool is_done;
} ScrubPlace;

/* When the next pass of a collection is due, microseconds since 1970;
 * INT64_MAX: never. It is due at once when it was due before it began. */
int64_t store_scrub_due(const Store *store, const CollectionVersion *collection,
                        const StoredSettings *settings);

/*
 * Read the part at `place` and move it on; `*pause` OUT: microseconds to wait
 * before the next one. Damage goes to the log with file and offset; a damaged
 * index is not used any more, so that a job builds it anew. What is no damage
 * of a file is an error; `place` stays then.
 */
mql_status store_scrub(Store *store, uint64_t collection, ScrubPlace *place,
                       const Watch *watch, int64_t *pause, Error *err);

#endif
