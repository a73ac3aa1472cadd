/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.h - rows of one partition of one collection, growing in memory or
 * sealed in a file.
 *
 * Rows are numbered from 0 in the order of insertion and never move within a
 * segment. A row is visible at sequence number S when it was inserted at or
 * before S and not deleted at or before S. A growing segment is appended to by
 * the writer while readers look at the rows below the count they took; a sealed
 * segment's data is immutable. Both take deletes. Segments are counted by
 * reference; whoever holds a catalogue version holds its segments.
 *
 * Thread rule: everything here but what transaction.h does may be called by
 * many threads at once.
 */
#ifndef ENGINE_COLLECTION_SEGMENT_H
#define ENGINE_COLLECTION_SEGMENT_H

#include "engine/catalog/catalog.h"
#include "engine/value/column.h"
#include "index/index.h"

typedef struct Segment Segment;

uint64_t segment_id(const Segment *segment);
uint64_t segment_partition(const Segment *segment); /* id */
bool segment_is_sealed(const Segment *segment);
/* Where rows go that have this value (not NULL) as their partition key: id. */
uint64_t partition_of_key(const Collection *definition, const Value *key);
/* Bytes on disk (sealed, indexes included) or in memory (growing). */
uint64_t segment_bytes(const Segment *segment);

/* Bytes of its files that are in memory instead of mapped (mmap.enabled). */
uint64_t segment_memory(const Segment *segment);

/* Rows a reader at `sequence` has to look at: positions [0, this); some may be
 * invisible. */
uint32_t segment_row_count(const Segment *segment, uint64_t sequence);

/* Whether every row of segment_row_count() is known to be visible at
 * `sequence`; quick, and false when that takes a look at the rows. */
bool segment_is_whole(const Segment *segment, uint64_t sequence);

/* Set the bit of every row visible at `sequence` among the first `rows` (from
 * segment_row_count); `bits` has bits_words(rows) words and is overwritten.
 * Returns their number. */
uint32_t segment_visible(const Segment *segment, uint64_t sequence,
                         uint32_t rows, uint64_t *bits);

/*
 * Time to live: rows inserted by commits up to `expired` (store_expired(); 0:
 * none) are as if deleted. Readers ask after segment_visible() and after
 * segment_find_key(). Errors: DATA_CORRUPTED.
 */
mql_status segment_hide_expired(const Segment *segment, uint64_t expired,
                                uint32_t rows, uint64_t *bits, uint32_t *hidden,
                                Error *err);
mql_status segment_is_expired(const Segment *segment, uint32_t row,
                              uint64_t expired, bool *is_expired, Error *err);

/* Which rows to read: `rows[0..count)` in any order, or with rows NULL first,
 * first + 1, ... */
typedef struct RowRange {
    const uint32_t *rows;
    uint32_t first;
    uint32_t count; /* at most BATCH_ROWS */
} RowRange;

/*
 * Values of the field with that id for those rows, as a column in physical
 * form; it lives until `arena` is reset and the segment released. A field the
 * segment was written without reads as `field`'s default or NULL. Errors:
 * DATA_CORRUPTED, OUT_OF_MEMORY.
 */
mql_status segment_read(const Segment *segment, const Field *field,
                        RowRange range, Arena *arena, Column *column,
                        Error *err);

/* The whole vector field in place; false for a growing segment (read it with
 * segment_read) and for a field it was written without. Rows must be verified
 * before use (vector_column_verify). */
bool segment_vectors(const Segment *segment, const Field *field,
                     VectorColumn *column);

/* The open index with that id, NULL when the segment has none (growing, or
 * bypassed as damaged). */
const Index *segment_index(const Segment *segment, uint64_t index_id);

/* The row whose key is `key` (physical form of the key's type) visible at
 * `sequence`: false when none. Does not scan. Errors: DATA_CORRUPTED. */
mql_status segment_find_key(const Segment *segment, const Value *key,
                            uint64_t sequence, bool *found, uint32_t *row,
                            Error *err);

/*
 * Whether what was read of the segment's mapped file was there (DATA_CORRUPTED
 * when not): to be asked after the reading and before its results are used. One
 * load while nothing in the process is damaged.
 */
mql_status segment_intact(const Segment *segment, Error *err);
/* The same of its index files, after an index has answered. */
mql_status segment_indexes_intact(const Segment *segment, Error *err);

/* An index met damage, `problem`: if it is in the index's own file, it is not
 * used any more, and FLUSH builds it again. */
void segment_index_distrust(const Segment *segment, uint64_t index_id,
                            const Error *problem);

#endif
