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

#include <math.h>

/* Rows to rank, of those that the trial asked for, and besides. */
#define RANK_TIMES 2
#define RANK_MORE 32
/* What part of the nearest may be expected not to be among them. */
#define MISSES 0.005
/* Rows that show how codes and floats go together. */
#define SLOPE_ROWS 32
/* Expected recalls above this are left to the floats. */
#define RECALL_MOST 0.99
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

/* The `ranked` nearest by code, in the pool. */
static mql_status
collect_nearest(const Hnsw *hnsw, const Walk *walk, uint32_t ranked,
                const VectorQuery *query, Error *err)
{
    Scratch *scratch = walk->scratch;
    int64_t start = pace_now();
    uint64_t before = walk->counters->distances;
    TRY(scratch_reserve(scratch, ranked, err));
    TopK top = top_k_of(scratch->pool, ranked);
    uint32_t rows[VECTOR_ROWS], count, looked = 0;
    float distances[VECTOR_ROWS];
    size_t from = 0;
    while ((count = vector_next_rows(hnsw->column, query->allowed, &from,
                                     rows)) > 0) {
        TRY(space_distances(&hnsw->space, walk->query, rows, count, distances,
                            err));
        for (uint32_t i = 0; i < count; i++)
            if (top.count < ranked || distances[i] <= top.heap[0].distance)
                top_k_offer(&top, (Neighbor){distances[i], rows[i]});
        walk->counters->distances += count;
        looked += count;
        if (looked < CANCEL_ROWS)
            continue;
        if (is_cancelled(query->cancel))
            return error_cancelled(err);
        looked = 0;
    }
    scratch->pool_count = top_k_finish(&top);
    pace_add(hnsw->pace, PACE_CODES, pace_now() - start,
             walk->counters->distances - before);
    return MQL_OK;
}

/* Sums of a line through points: what floats say over what codes say. */
typedef struct Fit {
    double count, x, y, xx, xy, yy;
} Fit;

static void
fit_add(Fit *fit, double x, double y)
{
    fit->count++;
    fit->x += x;
    fit->y += y;
    fit->xx += x * x;
    fit->xy += x * y;
    fit->yy += y * y;
}

static double
fit_slope(const Fit *fit)
{
    double spread = fit->xx * fit->count - fit->x * fit->x;
    return spread > 0 ? (fit->xy * fit->count - fit->x * fit->y) / spread : 0;
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

/* What a step of the code's distance is of the true one: a line through some
 * rows as they come. */
static mql_status
measure_slope(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
              double *slope, Error *err)
{
    uint32_t rows[VECTOR_ROWS];
    float distances[VECTOR_ROWS], exact[SLOPE_ROWS];
    size_t from = 0;
    Fit fit = {0};
    uint32_t count =
        vector_next_rows(hnsw->column, query->allowed, &from, rows);
    count = least_of(count, SLOPE_ROWS);
    TRY(space_distances(&hnsw->space, walk->query, rows, count, distances,
                        err));
    TRY(exact_rows(&walk->query->exact, hnsw->column, query->reads_rows, rows,
                   count, exact, err));
    for (uint32_t i = 0; i < count; i++)
        fit_add(&fit, (double)distances[i], (double)exact[i]);
    walk->counters->distances += count;
    *slope = fit_slope(&fit);
    return MQL_OK;
}

/*
 * How many of the k nearest are expected not to be among the ranked rows. True
 * distances lie about the line by `blur`; the first row that was not ranked is
 * `margin` farther than the k-th nearest. Behind it there are about as many
 * rows to a step as in the farther half of the ranked ones: `density`.
 */
static double
expected_misses(const Scratch *scratch, const Fit *fit, double slope,
                double farthest)
{
    const Neighbor *pool = scratch->pool;
    uint32_t last = scratch->pool_count - 1;
    double offset = (fit->y - slope * fit->x) / fit->count;
    double variance =
        (fit->yy + slope * slope * fit->xx - 2 * slope * fit->xy) / fit->count -
        offset * offset;
    double blur = sqrt(fmax(variance, 0));
    double cut = slope * (double)pool[last].distance;
    double margin = cut + offset - farthest;
    double step = cut - slope * (double)pool[last / 2].distance;
    if (blur == 0)
        return margin >= 0 ? 0 : fit->count;
    double density = (last - last / 2) / fmax(step, blur / fit->count);
    double z = margin / blur;
    double beyond =
        exp(-z * z / 2) / sqrt(2 * M_PI) - z * erfc(z / M_SQRT2) / 2;
    return density * blur * beyond;
}

/* `is_done`: whether the k nearest are likely to be found. */
static mql_status
scan_codes(const Hnsw *hnsw, const Walk *walk, uint32_t ranked,
           const VectorQuery *query, Neighbor *nearest, uint32_t *found,
           bool *is_done, Error *err)
{
    Fit fit = {0};
    double slope;
    TRY(measure_slope(hnsw, walk, query, &slope, err));
    TopK top = top_k_of(nearest, query->k);
    TRY(collect_nearest(hnsw, walk, ranked, query, err));
    TRY(rank_rows(hnsw, walk, query, &top, &fit, err));
    *is_done =
        top.count < query->k || walk->scratch->pool_count < ranked ||
        expected_misses(walk->scratch, &fit, slope,
                        (double)top.heap[0].distance) < MISSES * query->k;
    *found = top_k_finish(&top);
    return MQL_OK;
}

static mql_status
scan_vectors(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
             Neighbor *nearest, uint32_t *found, Error *err)
{
    bool is_measured = query->allowed_count >= PACE_ROWS_LEAST;
    int64_t start = is_measured ? pace_now() : 0;
    uint64_t before = walk->counters->distances;
    VectorQuery exact = *query;
    exact.counters = walk->counters;
    TRY(vector_scan(hnsw->column, hnsw->space.metric, &exact, nearest, found,
                    err));
    if (is_measured)
        pace_add(hnsw->pace, PACE_FLOATS, pace_now() - start,
                 walk->counters->distances - before);
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
