/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search_internal.h - the search operator, for search.c and search_many.c.
 */
#ifndef ENGINE_EXEC_SEARCH_INTERNAL_H
#define ENGINE_EXEC_SEARCH_INTERNAL_H

#include "engine/exec/hits.h"
#include "engine/exec/operators.h"
#include "index/vector/exact.h"

/* A cursor's search: one target after the other, in rounds that leave out the
 * rows given before. */
typedef struct Endless {
    uint32_t target;
    uint64_t left;       /* hits of the target still to be found, offset too */
    uint64_t skip;       /* of them, to be left out */
    uint64_t round;      /* hits of the next round */
    uint64_t **all;      /* per segment: the bits before the first round */
    uint32_t *all_count; /* per segment */
} Endless;

typedef struct SearchOperator {
    Operator base;
    SegmentRows *segments;
    uint32_t segment_count;
    const void **vectors; /* the targets, of the field's element type */
    uint32_t vector_count;
    uint32_t vector_capacity;
    uint64_t limit, offset;
    IndexOptions options;
    Hits hits;    /* of all targets, in order of output */
    size_t given; /* hits given so far */
    Arena arena;  /* filter bits, target vectors */
    Arena key_arena;
    Arena nearest_arena;
    Neighbor *nearest; /* what a segment found, in nearest_arena */
    uint32_t nearest_capacity;
    FilterCounters filter_counters;
    SearchCounters counters;
    FilterTrace trace; /* of index searches with a filter */
    uint32_t index_searches, exact_scans;
    uint32_t effort; /* the largest that a recall came to */
    Endless endless;
} SearchOperator;

/* What a sealed segment has to search in. */
typedef struct SegmentVectors {
    VectorColumn column;
    const Index *index; /* NULL: there is none, or it is not to be used */
} SegmentVectors;

/* Rows of a growing segment that have a vector, some at a time; from 0 at
 * first. */
typedef struct GrowingVectors {
    size_t from;
    bool is_over; /* there were no more */
    uint32_t count;
    uint32_t rows[VECTOR_ROWS];
    const void *vectors[VECTOR_ROWS]; /* in the operator's batch arena */
} GrowingVectors;

/* The next of them, which may be none before the last. */
mql_status search_next_vectors(SearchOperator *search, const SegmentRows *rows,
                               GrowingVectors *batch, Error *err);

/* Whether the plan's index is asked where a segment has it. */
bool search_uses_index(const SearchPlan *plan);

/* Of a sealed segment; sets the query's allowed rows. False: it has no such
 * vectors, all are NULL. */
bool search_segment_vectors(const SearchOperator *search,
                            const SegmentRows *rows, VectorQuery *query,
                            SegmentVectors *vectors);

/* After an index was asked and said `status`: not answered and OK means that
 * the segment is to be scanned instead. */
mql_status search_settle_index(SearchOperator *search, const SegmentRows *rows,
                               mql_status status, bool *is_answered,
                               Error *err);

/* The nearest rows of a segment: query->k at most. */
mql_status search_segment(SearchOperator *search, const SegmentRows *rows,
                          VectorQuery *query, Neighbor *nearest,
                          uint32_t *found, Error *err);

/* What a segment found for a target, less what is out of its range. */
mql_status search_add_hits(SearchOperator *search, uint32_t segment,
                           uint32_t target, const Neighbor *nearest,
                           uint32_t found, Error *err);

/* Several targets that can be searched together. */
bool search_is_for_many(const SearchOperator *search);

/* The hits of all targets, k = LIMIT + OFFSET of each before they are cut. */
mql_status search_many(SearchOperator *search, uint64_t k, Error *err);

#endif
