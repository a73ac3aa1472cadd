/* SPDX-License-Identifier: Apache-2.0 */
/* hits.h - the rows a search found, over all segments, and reading their
 * fields. */
#ifndef ENGINE_EXEC_HITS_H
#define ENGINE_EXEC_HITS_H

#include "engine/exec/exec.h"

typedef struct Hit {
    float distance;    /* inner number                             */
    bool has_distance; /* false: the row has no vector            */
    uint32_t segment;  /* position in the operator's SegmentRows   */
    uint32_t row;
    uint32_t query;
    Value key; /* once ties were to be broken */
} Hit;

typedef struct Hits {
    Hit *list; /* the first few in the arena, more of them malloc'ed */
    size_t count, capacity;
} Hits;

void hits_free(Hits *hits);
/* Room for `more` of them behind the last; `arena` lives as long as the hits.
 */
mql_status hits_reserve(Hits *hits, size_t more, Arena *arena, Error *err);

/* Sort hits [first, count): by query, nearest first, ties by key; rows without
 * a vector last. Keys are read into `arena`, only when there are ties. */
mql_status hits_sort(Hits *hits, size_t first, const TablePlan *table,
                     const SegmentRows *segments, Arena *arena, Error *err);

/* The table's columns of `count` hits in their order, at most BATCH_ROWS. */
mql_status hits_read(const Hit *hits, uint32_t count, const TablePlan *table,
                     const SegmentRows *segments, Arena *arena, Batch *batch,
                     Error *err);

#endif
