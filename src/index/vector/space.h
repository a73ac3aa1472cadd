/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space.h - distances on the way through a graph: over codes where there are
 * some, else over the floats. The graph code does not know which.
 */
#ifndef INDEX_VECTOR_SPACE_H
#define INDEX_VECTOR_SPACE_H

#include "index/vector/codes.h"
#include "index/vector/exact.h"
#include "index/vector/nibbles.h"
#include "index/vector/small_codes.h"

typedef struct Space {
    const DistanceTable *kernels;
    const VectorColumn *column;
    Metric metric;
    Coder coder;          /* type CODES_NONE: floats                       */
    const uint8_t *codes; /* column->count codes                           */
    Nibbles nibbles;      /* stride above 0: used in place of codes        */
    SmallCodes small;     /* of a type: used in place of codes             */
    Section norms;        /* of the nibbles, or terms of small codes       */
    SectionFile *file;    /* where the codes are mapped from; NULL: memory */
    Section section;
    bool is_verified; /* the floats need no check: all were checked     */
} Space;

/* A point that distances are taken from. */
typedef struct SpaceQuery {
    ExactQuery exact;    /* CODES_NONE */
    const uint8_t *code; /* else       */
    NibbleQuery nibbles; /* where there are nibbles */
    SmallQuery small;    /* where there are small codes */
    bool is_verified;    /* no code needs a check */
} SpaceQuery;

/* Bytes of a row on the way through a graph, and of what is kept in `norms` for
 * each (0: nothing is). */
size_t space_row_size(const Space *space);
size_t space_norm_size(const Space *space);

/* For any vector; `code` is room for space_query_size() bytes.
 */
size_t space_query_size(const Space *space);
SpaceQuery space_query(const Space *space, const void *vector, uint8_t *code);

/* What makes distances proportional to true ones, where that is possible: 0 for
 * bytes. */
static inline float
space_base(const Space *space, const SpaceQuery *query)
{
    return space->nibbles.stride > 0 ? query->nibbles.base : 0;
}

/* For a row, in memory that was verified; not over nibbles or small codes. */
SpaceQuery space_query_row(const Space *space, uint32_t row);

/* The distance to one row, in memory that was verified; likewise. */
float space_distance(const Space *space, const SpaceQuery *query, uint32_t row);

/* The distances to `count` rows, each below the column's count; bytes are
 * verified before they are used and fetched ahead. */
mql_status space_distances(const Space *space, const SpaceQuery *query,
                           const uint32_t *rows, uint32_t count,
                           float *distances, Error *err);

/* Percentages that may be ranked, and the part of the true nearest that is to
 * be found. */
typedef struct RerankTrial {
    const uint32_t *percents; /* ascending, at most RERANK_PERCENT_MOST */
    uint32_t count;           /* at most RERANK_TRIALS_MOST             */
    double enough;            /* ... of each but the last               */
    double barely;            /* ... of the last                        */
} RerankTrial;

#define RERANK_TRIALS_MOST 16
#define RERANK_PERCENT_MOST 10000

/* Of codes that a graph is better off without if they blur much. */
extern const RerankTrial rerank_trial_usual;
/* Of codes that are wanted anyway. */
extern const RerankTrial rerank_trial_wanted;

/*
 * Try codes on the column itself: for a sample of its rows, are the 10 nearest
 * by floats among the nearest by code? Sets the percentage of the wanted number
 * of rows that must be ranked by floats for that, 0 when no percentage helps.
 * The floats must have been verified.
 */
mql_status space_test_codes(const Space *space, const RerankTrial *trial,
                            Pool *pool, const atomic_bool *cancel,
                            uint32_t *rerank_percent, Error *err);

#endif
