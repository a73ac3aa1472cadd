/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_scan.c - the nearest of the allowed rows by comparing with all of them.
 *
 * Codes take a quarter or an eighth of the bytes of floats, and bytes are what
 * a scan waits for. When the index was built it was tried how many rows must be
 * ranked by floats for the nearest to be among them; a scan ranks twice as many
 * and some more, which costs it little and makes up for what the trial's sample
 * did not show. Where the nearest of the allowed rows are far from the target
 * there are many that are nearly as near, which codes cannot tell apart: the
 * ranked rows show how much codes blur, and where that is too much,
 * floats are scanned. So they are where there is no such number, or
 * the rows are so few that ranking is most of the work.
 */
#include "index/vector/hnsw_search.h"

#include <float.h>
#include <math.h>

#include "index/keys.h"
#include "index/vector/blur.h"

/* Rows to rank, of those that the trial asked for, and besides. */
#define RANK_TIMES 2
#define RANK_MORE 32
/* What part of the nearest may be expected not to be among them. */
#define MISSES 0.005
/* Rows that show how codes and floats go together. */
#define FIT_ROWS 32
/* Expected recalls above this are left to the floats. */
#define RECALL_MOST 0.99
/* To look at codes again is worth it for so many rows. */
#define AGAIN_LEAST 1024
/* Places where such rows are looked for to see how much codes blur, and how far
 * a row is looked for: a normal distribution has 0.05 % beyond. */
#define BLUR_PLACES 6
#define BLURS 3.3
/* After so many ranked rows it is asked whether there are too many. */
#define TRIAL 1024
/* So many rows tell what a row takes: fewer stay in the cache from one search
 * to the next, as if vectors cost what their codes do. */
#define PACE_SCAN_LEAST 4096
/* Between two looks at `cancel`: rows. */
#define CANCEL_ROWS (64u << 10)

/* The rows to rank; 0: codes are of no use. */
static uint32_t
ranked_of(const Hnsw *hnsw, const VectorQuery *query)
{
    uint32_t percent = hnsw->header.rerank_percent;
    if (hnsw->space.coder.type == CODES_NONE || percent == 0 ||
        query->recall > RECALL_MOST)
        return 0;
    uint64_t rows = rerank_rows(query->k, percent) * RANK_TIMES + RANK_MORE;
    return rows < query->allowed_count / 4 ? (uint32_t)rows : 0;
}

HnswScan
hnsw_scan_plan(const Hnsw *hnsw, const VectorQuery *query)
{
    double vector = hnsw_row_cost(hnsw, PACE_FLOATS);
    double code = hnsw_row_cost(hnsw, PACE_CODES);
    uint32_t ranked = ranked_of(hnsw, query);
    double floats = query->allowed_count * vector;
    double codes = query->allowed_count * code + ranked * vector * 2;
    if (ranked == 0 || floats <= codes)
        return (HnswScan){0, floats};
    return (HnswScan){ranked, codes};
}

/* The rows of a scan, some at a time, with their distances by code. */
typedef struct Group {
    uint32_t rows[VECTOR_ROWS];
    float distances[VECTOR_ROWS];
    size_t next;       /* row                             */
    uint32_t count;    /* 0: there are no more            */
    uint32_t unlooked; /* since `cancel` was asked        */
} Group;

static mql_status
next_group(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
           Group *group, Error *err)
{
    group->count = vector_next_rows(hnsw->column, query->allowed, &group->next,
                                    group->rows);
    walk->counters->distances += group->count;
    group->unlooked += group->count;
    if (group->unlooked >= CANCEL_ROWS) {
        group->unlooked = 0;
        if (is_cancelled(query->cancel))
            return error_cancelled(err);
    }
    return space_distances(&hnsw->space, walk->query, group->rows, group->count,
                           group->distances, err);
}

/* The `ranked` nearest by code, in the pool, nearest first. Dropping the
 * farther half of twice as many now and then takes a third of the time of a
 * heap. */
static mql_status
collect_nearest(const Hnsw *hnsw, const Walk *walk, uint32_t ranked,
                const VectorQuery *query, Error *err)
{
    Scratch *scratch = walk->scratch;
    int64_t began = pace_begin(hnsw->pace, PACE_CODES);
    uint64_t before = walk->counters->distances;
    TRY(scratch_reserve(scratch, ranked * 2, err));
    uint64_t *keys = (uint64_t *)scratch->keys;
    uint32_t count = 0;
    float limit = INFINITY;
    Group group = {0};
    TRY(next_group(hnsw, walk, query, &group, err));
    while (group.count > 0) {
        for (uint32_t i = 0; i < group.count; i++) {
            if (!(group.distances[i] <= limit))
                continue;
            keys[count++] = key_of_float(group.distances[i], group.rows[i]);
            if (count < ranked * 2)
                continue;
            limit = key_float(keys_keep(keys, count, ranked));
            count = ranked;
        }
        TRY(next_group(hnsw, walk, query, &group, err));
    }
    keys_select(keys, count, ranked);
    scratch->pool_count = least_of(count, ranked);
    keys_sort(keys, scratch->pool_count);
    for (uint32_t i = 0; i < scratch->pool_count; i++)
        scratch->pool[i] = (Neighbor){key_float(keys[i]), (uint32_t)keys[i]};
    if (query->allowed_count >= PACE_SCAN_LEAST)
        pace_end(hnsw->pace, PACE_CODES, began,
                 (double)(walk->counters->distances - before));
    return MQL_OK;
}

/* The k nearest of the rows in the pool, by their floats. */
static mql_status
rank_rows(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
          TopK *top, Fit *fit, Error *err)
{
    const Scratch *scratch = walk->scratch;
    uint32_t rows[VECTOR_ROWS];
    float distances[VECTOR_ROWS];
    for (uint32_t first = 0; first < scratch->pool_count;) {
        uint32_t count = least_of(scratch->pool_count - first, VECTOR_ROWS);
        for (uint32_t i = 0; i < count; i++)
            rows[i] = scratch->pool[first + i].row;
        TRY(exact_rows(&walk->query->exact, hnsw->column, query->reads_rows,
                       rows, count, distances, err));
        for (uint32_t i = 0; i < count; i++) {
            top_k_offer(top, (Neighbor){distances[i], rows[i]});
            fit_add(fit, (double)scratch->pool[first + i].distance,
                    (double)distances[i]);
        }
        first += count;
    }
    walk->counters->distances += scratch->pool_count;
    return MQL_OK;
}

/* Floats and codes of some rows as they come, from here and there. */
static mql_status
fit_rows(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
         uint32_t places, Fit *fit, Error *err)
{
    uint32_t rows[VECTOR_ROWS];
    float distances[VECTOR_ROWS], exact[FIT_ROWS];
    for (uint64_t place = 0; place < places; place++) {
        size_t from = (size_t)(place * hnsw->column->count / places);
        uint32_t count =
            vector_next_rows(hnsw->column, query->allowed, &from, rows);
        count = least_of(count, FIT_ROWS);
        TRY(space_distances(&hnsw->space, walk->query, rows, count, distances,
                            err));
        TRY(exact_rows(&walk->query->exact, hnsw->column, query->reads_rows,
                       rows, count, exact, err));
        for (uint32_t i = 0; i < count; i++)
            fit_add(fit, (double)distances[i], (double)exact[i]);
        walk->counters->distances += count;
    }
    return MQL_OK;
}

/* ---- the second look ---- */

/* Rows that passed, until there are enough to be ranked together. */
typedef struct Passed {
    TopK *top;
    uint64_t ranked;
    uint32_t count;
    uint32_t rows[VECTOR_ROWS];
} Passed;

static mql_status
rank_passed(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
            Passed *passed, Error *err)
{
    float distances[VECTOR_ROWS];
    TRY(exact_rows(&walk->query->exact, hnsw->column, query->reads_rows,
                   passed->rows, passed->count, distances, err));
    for (uint32_t i = 0; i < passed->count; i++)
        top_k_offer(passed->top, (Neighbor){distances[i], passed->rows[i]});
    walk->counters->distances += passed->count;
    passed->ranked += passed->count;
    passed->count = 0;
    return MQL_OK;
}

/*
 * Rank all rows that are not beyond the cut, which takes a second look at the
 * codes. `is_done`: these were few enough; else to compare with all is less.
 */
static mql_status
rank_to_cut(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
            float cut, Passed *passed, bool *is_done, Error *err)
{
    double code = hnsw_row_cost(hnsw, PACE_CODES);
    double vector = hnsw_row_cost(hnsw, PACE_FLOATS);
    uint64_t looked = 0;
    Group group = {0};
    *is_done = false;
    TRY(next_group(hnsw, walk, query, &group, err));
    while (group.count > 0) {
        looked += group.count;
        for (uint32_t i = 0; i < group.count; i++) {
            if (group.distances[i] > cut)
                continue;
            passed->rows[passed->count++] = group.rows[i];
            if (passed->count == VECTOR_ROWS)
                TRY(rank_passed(hnsw, walk, query, passed, err));
        }
        if (passed->ranked > TRIAL &&
            (double)passed->ranked * vector > (double)looked * (vector - code))
            return MQL_OK;
        TRY(next_group(hnsw, walk, query, &group, err));
    }
    *is_done = true;
    return rank_passed(hnsw, walk, query, passed, err);
}

/*
 * Rank all rows that may be nearer than the k-th found so far, `farthest`, for
 * what codes blur. That is measured on other rows than those ranked so far:
 * where all allowed rows begin at one distance, those that seem the nearest are
 * the ones whose codes err most. The line is that of codes over floats: about
 * it codes lie in the same way wherever rows were left out by their distance.
 * `is_done`: see rank_to_cut().
 */
static mql_status
scan_again(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
           double farthest, Neighbor *nearest, uint32_t *found, bool *is_done,
           Error *err)
{
    Fit fit = {0};
    double offset;
    if (query->allowed_count < AGAIN_LEAST)
        return MQL_OK;
    TRY(fit_rows(hnsw, walk, query, BLUR_PLACES, &fit, err));
    fit = fit_turned(&fit);
    double slope = fit_slope(&fit);
    double blur = sqrt(fit_variance(&fit, slope, &offset));
    double cut = offset + slope * farthest + BLURS * blur;
    if (!(slope > 0) || !(cut < FLT_MAX))
        return MQL_OK;
    TopK top = top_k_of(nearest, query->k);
    Passed passed = {.top = &top};
    TRY(rank_to_cut(hnsw, walk, query, (float)cut, &passed, is_done, err));
    *is_done &= top.count == query->k;
    *found = top_k_finish(&top);
    return MQL_OK;
}

/* `is_done`: whether the k nearest are likely to be found. */
static mql_status
scan_codes(const Hnsw *hnsw, const Walk *walk, uint32_t ranked,
           const VectorQuery *query, Neighbor *nearest, uint32_t *found,
           bool *is_done, Error *err)
{
    Fit slope = {0}, fit = {0};
    TRY(fit_rows(hnsw, walk, query, 1, &slope, err));
    TopK top = top_k_of(nearest, query->k);
    TRY(collect_nearest(hnsw, walk, ranked, query, err));
    TRY(rank_rows(hnsw, walk, query, &top, &fit, err));
    double farthest = top.count > 0 ? (double)top.heap[0].distance : 0;
    const Neighbor *pool = walk->scratch->pool;
    *is_done = top.count < query->k || walk->scratch->pool_count < ranked ||
               blur_misses(ranked, (double)pool[ranked - 1].distance,
                           (double)pool[(ranked - 1) / 2].distance, &fit,
                           fit_slope(&slope), farthest) < MISSES * query->k;
    *found = top_k_finish(&top);
    return *is_done ? MQL_OK
                    : scan_again(hnsw, walk, query, farthest, nearest, found,
                                 is_done, err);
}

static mql_status
scan_vectors(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
             Neighbor *nearest, uint32_t *found, Error *err)
{
    int64_t began = pace_begin(hnsw->pace, PACE_FLOATS);
    uint64_t before = walk->counters->distances;
    VectorQuery exact = *query;
    exact.counters = walk->counters;
    TRY(vector_scan(hnsw->column, hnsw->space.metric, &exact, nearest, found,
                    err));
    if (query->allowed_count >= PACE_SCAN_LEAST)
        pace_end(hnsw->pace, PACE_FLOATS, began,
                 (double)(walk->counters->distances - before));
    return MQL_OK;
}

mql_status
hnsw_scan(const Hnsw *hnsw, const Walk *walk, HnswScan scan,
          const VectorQuery *query, Neighbor *nearest, uint32_t *found,
          Error *err)
{
    bool is_done = false;
    if (scan.ranked > 0)
        TRY(scan_codes(hnsw, walk, scan.ranked, query, nearest, found, &is_done,
                       err));
    if (is_done)
        return MQL_OK;
    return scan_vectors(hnsw, walk, query, nearest, found, err);
}
