/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_search.h - what the searches with and without a filter share; for
 * hnsw_search.c, hnsw_filter.c, hnsw_post.c and hnsw_scan.c only.
 */
#ifndef INDEX_VECTOR_HNSW_SEARCH_H
#define INDEX_VECTOR_HNSW_SEARCH_H

#include "index/vector/hnsw_internal.h"

static inline uint32_t
least_of(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

/* The width of the walk that the query asks for. */
uint32_t hnsw_width(const Hnsw *hnsw, const VectorQuery *query);

/* The same without a filter. Where codes blur much, the answers may be anywhere
 * among the rows to rank: so many must be in view, however small `ef` is, or
 * nearly so (hnsw_view_least()). */
uint32_t hnsw_plain_width(const Hnsw *hnsw, const VectorQuery *query);

/* How many of the pool are worth ranking by floats. */
uint32_t hnsw_rerank_count(const Hnsw *hnsw, const VectorQuery *query,
                           uint32_t pool_count);

/* Leave the lowest level's node to begin at in the pool. */
mql_status hnsw_descend(const Hnsw *hnsw, const Walk *walk, Error *err);

/* The k nearest allowed rows of the first `count` of the pool by exact
 * distance. */
mql_status hnsw_rank(const Hnsw *hnsw, const Walk *walk,
                     const VectorQuery *query, uint32_t count,
                     Neighbor *nearest, uint32_t *found, Error *err);

/* What looking at a row costs in a filtered search, in nanoseconds. */
static inline double
hnsw_row_cost(const Hnsw *hnsw, Pace way)
{
    const PaceSizes sizes = {.code = space_row_size(&hnsw->space),
                             .vector = vector_row_size(hnsw->column)};
    return pace_cost(hnsw->pace, way, sizes);
}

/* A stretch of a search that began then, by pace_begin(), was as much work as
 * so many rows: tell what a row takes, of searches that nobody forced. */
void hnsw_tell_pace(const Hnsw *hnsw, const Walk *walk,
                    const VectorQuery *query, Pace way, int64_t began,
                    double rows);

/* The power of a walk's width that the rows it looks at grow with: not twice as
 * many for twice the width, as rows near each other share neighbours. Of nsmc
 * 0.84 to 0.91, of Fashion-MNIST 0.65 to 0.75. */
#define HNSW_WORK_GROWTH 0.8

/* Rows that a walk is expected to look at until `width` are in view. */
double hnsw_walk_work(const Hnsw *hnsw, double width);

/* The part of the rows that is allowed. */
static inline double
hnsw_share(const Hnsw *hnsw, const VectorQuery *query)
{
    return (double)query->allowed_count / hnsw->header.row_count;
}

/* The search with a filter: query->allowed is not NULL, at least one bit is
 * set. min(k, allowed rows with a vector) are found. */
mql_status hnsw_search_allowed(Hnsw *hnsw, const Walk *walk,
                               const VectorQuery *query, Neighbor *nearest,
                               uint32_t *found, Error *err);

/* Rows in view when all are walked to, for `wanted` of them to be allowed. */
uint32_t hnsw_post_width(const Hnsw *hnsw, const VectorQuery *query,
                         uint32_t wanted);

/* Walk to all rows and leave out those that are not allowed. `is_done` OUT: k
 * were found, and are likely to be the nearest; else what is found is not set:
 * the scan, which costs `scan_cost` nanoseconds, is the better way. */
mql_status hnsw_search_post(const Hnsw *hnsw, const Walk *walk,
                            const VectorQuery *query, double scan_cost,
                            Neighbor *nearest, uint32_t *found, bool *is_done,
                            Error *err);

/*
 * What comparing with all allowed rows costs: over the codes, where these can
 * tell the nearest and are worth it, else over the floats.
 */
typedef struct HnswScan {
    uint32_t ranked; /* of the rows, nearest by code; 0: floats only */
    double cost;     /* nanoseconds */
} HnswScan;

HnswScan hnsw_scan_plan(const Hnsw *hnsw, const VectorQuery *query);

/* Do that. All rows that there are, up to k, are found. */
mql_status hnsw_scan(const Hnsw *hnsw, const Walk *walk, HnswScan scan,
                     const VectorQuery *query, Neighbor *nearest,
                     uint32_t *found, Error *err);

#endif
