/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_filter.c - answering with an HNSW graph where only some rows may be
 * answers.
 *
 * There are three ways, chosen by what they are expected to cost: scan the
 * allowed rows; walk the graph and keep the allowed ones; walk it as if all
 * were allowed, with more rows in view, and leave out the others. A walk that
 * turns out to cost more than the scan, or meets few allowed rows where there
 * are many elsewhere, is given up for it, and whenever an answer is short of
 * rows the scan completes it: k rows come back whenever there are k, and no
 * plan costs much over twice the best.
 */
#include "index/vector/hnsw_search.h"

#include <math.h>

#include "base/bits.h"

/* What a walk takes before it looks at its first row of the lowest level, in
 * nanoseconds: not worth it for few rows. */
#define DESCENT_COST 5000.0
/* Allowed rows a masked walk begins at besides the entry. */
#define SEEDS 8
/* A masked walk shows what it is worth in so many rows. */
#define TRIAL 512
/* When it meets fewer allowed rows than chance would give by this factor, they
 * lie elsewhere, and what it finds of them may not be the nearest. */
#define FAIR 0.5
/* A walk is worth more than a scan, which finds all, at this part of its time.
 */
#define CERTAIN 0.7
/* Walking to all rows is worth it from this part of allowed ones on. */
#define POST_SHARE 0.4
/* Where rows near the target may be allowed more often than others, a walk is
 * tried if it then takes this part of the scan's time. */
#define PROBE 0.6
/* It shows in so many rows whether they are. */
#define PROBE_TRIAL 192

/* Width of a masked walk: fewer rows need to be in view than without a mask,
 * as for each of them others were passed. */
static uint32_t
masked_width(const Hnsw *hnsw, const VectorQuery *query)
{
    double width = hnsw_width(hnsw, query) * sqrt(hnsw_share(hnsw, query));
    uint64_t needed = least_of(hnsw_plain_width(hnsw, query),
                               hnsw_rerank_count(hnsw, query, UINT32_MAX));
    uint64_t wanted = (uint64_t)width + 1;
    return least_of(wanted > needed ? wanted : needed, query->allowed_count);
}

HnswLap
hnsw_lap_begin(const Walk *walk)
{
    return (HnswLap){pace_now(), walk->counters->distances};
}

/* Not the first ones, which wait for pages and check what they read: they took
 * eight times as long, and as a walk that is dear by that is not chosen again,
 * it stayed so. */
void
hnsw_lap_end(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
             Pace way, const HnswLap *lap)
{
    bool is_warm = walk->is_verified && walk->query->is_verified;
    if (query->filter_plan == FILTER_AUTO && is_warm)
        pace_add(hnsw->pace, way, pace_now() - lap->time,
                 walk->counters->distances - lap->rows);
}

/* Add allowed rows from all over the segment to the starts in the pool. */
static mql_status
add_seeds(const Hnsw *hnsw, const VectorQuery *query, Scratch *scratch,
          Error *err)
{
    uint32_t count = hnsw->header.row_count;
    uint32_t last = scratch->pool[0].row;
    for (uint32_t i = 0; i < SEEDS; i++) {
        size_t from = (size_t)((uint64_t)count * i / SEEDS);
        uint32_t row;
        if (bits_collect(query->allowed, count, &from, &row, 1) == 0)
            break;
        bool is_null =
            hnsw->column->valid != NULL && hnsw->column->valid[row] == 0;
        if (is_null)
            continue;
        TRY(copies_node(&hnsw->copies, row, &row, err));
        if (row != last)
            scratch->pool[scratch->pool_count++].row = row;
        last = row;
    }
    return MQL_OK;
}

/* What the plans are expected to cost, in nanoseconds. */
typedef struct Costs {
    HnswScan scan;
    double graph, post;
    double best; /* of a graph, with the target among the allowed rows */
} Costs;

static Costs
costs_of(const Hnsw *hnsw, const VectorQuery *query)
{
    double row = hnsw_row_cost(hnsw, PACE_WALK);
    double masked_row = hnsw_row_cost(hnsw, PACE_MASKED);
    uint32_t wanted = hnsw_plain_width(hnsw, query);
    uint32_t width = masked_width(hnsw, query);
    double share = hnsw_share(hnsw, query);
    Costs costs = {.scan = hnsw_scan_plan(hnsw, query)};
    costs.graph =
        DESCENT_COST + masked_row * hnsw_walk_work(hnsw, width / share);
    costs.best = DESCENT_COST +
                 masked_row * (hnsw_walk_work(hnsw, hnsw_width(hnsw, query)) +
                               PROBE_TRIAL / 2.0);
    costs.post =
        DESCENT_COST +
        row * hnsw_walk_work(hnsw, hnsw_post_width(hnsw, query, wanted));
    trace_estimate(query, FILTER_SCAN, costs.scan.cost);
    trace_estimate(query, FILTER_GRAPH, costs.graph);
    trace_estimate(query, FILTER_POST, costs.post);
    return costs;
}

/* A walk to all rows finds more than one to the allowed ones, but is no quicker
 * where those near the target are allowed; a scan finds all. */
static FilterStrategy
choose(const Hnsw *hnsw, const VectorQuery *query, const Costs *costs)
{
    double scan = costs->scan.cost * CERTAIN;
    if (query->filter_plan != FILTER_AUTO)
        return query->filter_plan;
    if (hnsw_share(hnsw, query) >= POST_SHARE &&
        costs->post <= costs->graph * 1.1 && costs->post < scan)
        return FILTER_POST;
    if (costs->graph < scan || costs->best < costs->scan.cost * PROBE)
        return FILTER_GRAPH;
    return FILTER_SCAN;
}

/* Whether a walk is worth it only where the rows near the target are allowed.
 */
static bool
is_tried(const VectorQuery *query, const Costs *costs)
{
    return query->filter_plan == FILTER_AUTO &&
           costs->graph >= costs->scan.cost * CERTAIN;
}

/* What a masked walk may cost, and the part of the rows it meets that must be
 * allowed for it to be worth that: with fewer it would go on for too long, or
 * what is near would not be among what it finds. */
static void
limit_walk(const Hnsw *hnsw, const VectorQuery *query, const Costs *costs,
           WalkMask *mask)
{
    double row = hnsw_row_cost(hnsw, PACE_MASKED),
           share = hnsw_share(hnsw, query);
    bool is_probe = is_tried(query, costs);
    double most = costs->scan.cost * (is_probe ? PROBE : 1);
    double work = fmax(most / row, 1);
    double least = (double)mask->width / HNSW_WORK_EF *
                   pow(hnsw->header.work / work, 1 / HNSW_WORK_GROWTH);
    mask->most = UINT64_MAX;
    mask->trial = UINT64_MAX;
    if (query->filter_plan != FILTER_AUTO)
        return;
    mask->most = (uint64_t)(costs->scan.cost / row) + 1;
    mask->trial = is_probe ? PROBE_TRIAL : TRIAL;
    mask->least = is_probe ? fmin(least, 0.9) : share * FAIR;
}

/* Sets `is_done` when the walk gave the answer; else the scan must. */
static mql_status
search_masked(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
              const Costs *costs, Neighbor *nearest, uint32_t *found,
              bool *is_done, Error *err)
{
    Scratch *scratch = walk->scratch;
    WalkMask mask = {.allowed = query->allowed,
                     .copies = &hnsw->copies,
                     .width = masked_width(hnsw, query),
                     .view = hnsw_width(hnsw, query)};
    const HnswLap lap = hnsw_lap_begin(walk);
    limit_walk(hnsw, query, costs, &mask);
    if (is_tried(query, costs)) /* no others will be passed */
        mask.width =
            least_of(hnsw_plain_width(hnsw, query), query->allowed_count);
    TRY(scratch_reserve(scratch, mask.width + mask.view + SEEDS + 1, err));
    TRY(hnsw_descend(hnsw, walk, err));
    TRY(add_seeds(hnsw, query, scratch, err));
    TRY(graph_walk_masked(walk, &hnsw->levels[0], &mask, err));
    hnsw_lap_end(hnsw, walk, query, PACE_MASKED, &lap);
    *is_done = !mask.is_exhausted && scratch->pool_count >= mask.width;
    uint32_t count = hnsw_rerank_count(hnsw, query, scratch->pool_count);
    return *is_done ? hnsw_rank(hnsw, walk, query, count, nearest, found, err)
                    : MQL_OK;
}

mql_status
hnsw_search_allowed(const Hnsw *hnsw, const Walk *walk,
                    const VectorQuery *query, Neighbor *nearest,
                    uint32_t *found, Error *err)
{
    const Costs costs = costs_of(hnsw, query);
    FilterStrategy plan = choose(hnsw, query, &costs);
    bool is_done = false;
    trace_plan(query, plan, 1);
    if (plan == FILTER_POST)
        TRY(hnsw_search_post(hnsw, walk, query, costs.scan.cost, nearest, found,
                             &is_done, err));
    if (plan == FILTER_GRAPH)
        TRY(search_masked(hnsw, walk, query, &costs, nearest, found, &is_done,
                          err));
    if (is_done && *found >= least_of(query->k, query->allowed_count))
        return MQL_OK;
    if (plan != FILTER_SCAN)
        trace_fallback(query);
    return hnsw_scan(hnsw, walk, costs.scan, query, nearest, found, err);
}
