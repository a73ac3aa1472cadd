/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite.h - segments put together into new ones while writers and readers go
 * on.
 *
 * rewrite_begin() takes a picture of a collection's segments, holding the
 * writer only for a moment; files are written from it without any lock;
 * rewrite_commit() takes the writer again, carries deletions over that came
 * meanwhile, and enters the new segments instead of the old ones in one commit.
 * When the definition changed meanwhile or a source is gone, the work is thrown
 * away. One rewrite of a database at a time.
 */
#ifndef ENGINE_COLLECTION_REWRITE_H
#define ENGINE_COLLECTION_REWRITE_H

#include "engine/collection/store_internal.h"

/* Sources of one partition and the segment that replaces them. */
typedef struct Merge {
    struct Merge *next;
    uint64_t partition;
    Segment **sources; /* of the rewrite's picture */
    RowSource *rows;   /* one for each source: those that stay */
    uint32_t source_count;
    SealedSegment *result; /* NULL: no row stays */
} Merge;

typedef struct Rewrite {
    Store *store;
    Collection *definition; /* retained */
    Segment **segments;     /* retained */
    uint32_t segment_count;
    uint64_t sequence; /* of the picture */
    bool is_sealing;   /* growing segments are frozen, all of them must go: then
                          the log is not needed up to the picture */
    bool has_indexes;  /* the new segments get their index files at once */
    uint64_t horizon;  /* rows deleted at or before it are left out */
    uint64_t expired;  /* rows inserted at or before it too (store_expired()) */
    uint64_t forgotten; /* the last deletion left out */
    Merge *merges;
    FileName *written; /* removed unless it commits */
    bool is_useless;   /* an index was dropped while it was built */
    const Watch *watch;
} Rewrite;

/* Errors: UNDEFINED_TABLE when the collection is gone, QUERY_CANCELED by
 * `watch` (may be NULL), which is asked to the end. With `is_freezing`, rows to
 * come go to new growing segments. End it with rewrite_end(). */
mql_status rewrite_begin(Store *store, uint64_t collection, bool is_freezing,
                         const Watch *watch, Rewrite *rewrite, Error *err);
/* As the writer, once its watch lets it wait so long. */
mql_status rewrite_transaction(const Rewrite *rewrite,
                               Transaction **transaction, Error *err);
/* Put the segments, which are of one partition, together. */
mql_status rewrite_add(Rewrite *rewrite, Segment *const *sources,
                       uint32_t count, Error *err);
/* All the growing segments of each partition: for sealing. */
mql_status rewrite_add_growing(Rewrite *rewrite, Error *err);
mql_status rewrite_write(Rewrite *rewrite, Error *err);
/* `*is_lost`: thrown away, nothing has changed. */
mql_status rewrite_commit(Rewrite *rewrite, bool *is_lost, Error *err);
void rewrite_end(Rewrite *rewrite);

/* A rewrite that is lost is done again so many times. */
#define REWRITE_TRIES_MOST 10
mql_status rewrite_lost(Error *err);

/* Files written by one definition serve the other. */
bool rewrite_is_same_shape(const Collection *old, const Collection *new);
bool rewrite_has_segment(const CollectionVersion *version,
                         const Segment *segment);
/* Whether the file of an index is still to be built, or known to be damaged; of
 * any of the definition. */
bool rewrite_lacks_file(const Segment *segment, const IndexDefinition *index);
bool rewrite_lacks_index(const Segment *segment, const Collection *definition);
/* Rows deleted at or before `horizon`, or inserted at or before `expired`. */
uint32_t rewrite_forgettable(const Segment *segment, uint64_t horizon,
                             uint64_t expired);

/* compaction_policy.c: the next sealed segments of one partition to put
 * together; 0: none. `chosen` has room for all segments. */
uint32_t compaction_choose(Segment *const *segments, uint32_t count,
                           uint64_t horizon, uint64_t expired,
                           Segment **chosen);

#endif
