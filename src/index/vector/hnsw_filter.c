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

/* Of nsmc it is 0.84 to 0.91, of Fashion-MNIST 0.65 to 0.75. */
#define WORK_GROWTH 0.8
/* Rows in view of a walk to all: keeping more in order takes too long. */
#define POST_MOST 8192
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
/* A walk to all rows that was too narrow is begun again while all that was
 * spent on it is at most such a part of the scan's time: where it met allowed
 * rows, where it met none. */
#define WIDEN_MET 0.6
#define WIDEN_NONE 0.3
/* With so many rows in view, keeping them in order takes as long as looking at
 * them. */
#define ORDER_WIDTH 1000.0
/* Without a filter a walk finds the nearest k for being wider than k by some
 * factor. Where others lie before the k-th allowed row, it must be wider than
 * its place by nearly that, or by this at least, with enough allowed rows. */
#define RATIO_PART 0.8
#define RATIO_LEAST 3.0
/* Where rows near the target may be allowed more often than others, a walk is
 * tried if it then takes this part of the scan's time. */
#define PROBE 0.6
/* It shows in so many rows whether they are. */
#define PROBE_TRIAL 192

static double
share_of(const Hnsw *hnsw, const VectorQuery *query)
{
    return (double)query->allowed_count / hnsw->header.row_count;
}

/* Width of a masked walk: fewer rows need to be in view than without a mask,
 * as for each of them others were passed. */
static uint32_t
masked_width(const Hnsw *hnsw, const VectorQuery *query)
{
    double width = hnsw_width(hnsw, query) * sqrt(share_of(hnsw, query));
    uint64_t needed = hnsw_rerank_count(hnsw, query, UINT32_MAX);
    uint64_t wanted = (uint64_t)width + 1;
    return least_of(wanted > needed ? wanted : needed, query->allowed_count);
}

/* Rows that a walk is expected to look at until `width` are in view: not twice
 * as many for twice the width, as rows near each other share neighbours. */
static double
walk_work(const Hnsw *hnsw, double width)
{
    double work = hnsw->header.work * pow(width / HNSW_WORK_EF, WORK_GROWTH);
    return fmin(work, hnsw->header.node_count);
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

/* The allowed nodes of the pool. `place` OUT: how many of the pool are not
 * farther than the k-th of them; UINT32_MAX: there are fewer. */
static mql_status
keep_allowed(const Hnsw *hnsw, const VectorQuery *query, Scratch *scratch,
             uint32_t *place, Error *err)
{
    uint32_t kept = 0;
    *place = UINT32_MAX;
    for (uint32_t i = 0; i < scratch->pool_count; i++) {
        bool is_allowed;
        TRY(copies_allowed(&hnsw->copies, query->allowed, scratch->pool[i].row,
                           &is_allowed, err));
        scratch->pool[kept] = scratch->pool[i];
        kept += is_allowed;
        if (is_allowed && kept == query->k)
            *place = i + 1;
    }
    scratch->pool_count = kept;
    return MQL_OK;
}

/* Rows in view when all are walked to, for `wanted` of them to be allowed. */
static uint32_t
post_width(const Hnsw *hnsw, const VectorQuery *query, uint32_t wanted)
{
    double share = share_of(hnsw, query);
    double others = wanted * (1 - share) / share;
    double width = wanted + others + 3 * sqrt(others) + 1;
    return (uint32_t)fmin(width, fmin(hnsw->header.node_count, POST_MOST));
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
    double share = share_of(hnsw, query);
    Costs costs = {.scan = hnsw_scan_plan(hnsw, query)};
    costs.graph = DESCENT_COST + masked_row * walk_work(hnsw, width / share);
    costs.best =
        DESCENT_COST + masked_row * (walk_work(hnsw, hnsw_width(hnsw, query)) +
                                     PROBE_TRIAL / 2.0);
    costs.post =
        DESCENT_COST + row * walk_work(hnsw, post_width(hnsw, query, wanted));
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
    if (share_of(hnsw, query) >= POST_SHARE &&
        costs->post <= costs->graph * 1.1 && costs->post < scan)
        return FILTER_POST;
    if (costs->graph < scan || costs->best < costs->scan.cost * PROBE)
        return FILTER_GRAPH;
    return FILTER_SCAN;
}

/* When a walk began, and the rows counted before. */
typedef struct WalkBegin {
    int64_t time;
    uint64_t rows;
} WalkBegin;

static WalkBegin
walk_begin(const Walk *walk)
{
    return (WalkBegin){pace_now(), walk->counters->distances};
}

/* Walks that nobody forced tell what a row takes. Not the first ones, which
 * wait for pages and check what they read: they took eight times as long, and
 * as a walk that is dear by that is not chosen again, it stayed so. */
static void
add_pace(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query, Pace way,
         const WalkBegin *begin)
{
    bool is_warm = walk->is_verified && walk->query->is_verified;
    if (query->filter_plan == FILTER_AUTO && is_warm)
        pace_add(hnsw->pace, way, pace_now() - begin->time,
                 walk->counters->distances - begin->rows);
}

/* Walks to all rows, each wider than the one before; what the last one met. */
typedef struct PostWalk {
    uint32_t wanted; /* allowed rows in view                 */
    uint32_t walks;  /* until now                            */
    uint32_t width;  /* rows in view                         */
    uint32_t kept;   /* of these allowed                     */
    uint32_t place;  /* of the k-th allowed among the width  */
    double ratio;    /* of the width of a walk without filter to k */
    double cost;     /* of all until now, nanoseconds        */
} PostWalk;

/* What a walk to all rows is expected to take, in nanoseconds. */
static double
walk_cost(const Hnsw *hnsw, double width)
{
    return hnsw_row_cost(hnsw, PACE_WALK) * walk_work(hnsw, width) *
           (1 + width / ORDER_WIDTH);
}

static mql_status
walk_all(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
         PostWalk *post, Error *err)
{
    const WalkBegin begin = walk_begin(walk);
    TRY(scratch_reserve(walk->scratch, post->width, err));
    TRY(hnsw_descend(hnsw, walk, err));
    TRY(graph_walk(walk, &hnsw->levels[0], post->width, err));
    TRY(keep_allowed(hnsw, query, walk->scratch, &post->place, err));
    add_pace(hnsw, walk, query, PACE_WALK, &begin);
    post->kept = walk->scratch->pool_count;
    post->cost += walk_cost(hnsw, post->width);
    post->walks++;
    return MQL_OK;
}

/* Whether the k nearest allowed rows are likely to be among what was kept. */
static bool
is_wide_enough(const PostWalk *post)
{
    if (post->place == UINT32_MAX)
        return false;
    double ratio = (double)post->width / post->place;
    return ratio >= post->ratio || (post->kept >= post->wanted &&
                                    ratio >= fmin(post->ratio, RATIO_LEAST));
}

/* The width that is likely to do, by what was met; 0: the scan is better. */
static uint32_t
wider(const Hnsw *hnsw, const PostWalk *post, const Costs *costs)
{
    double share = (double)post->kept / post->width;
    double width = post->kept == 0 ? 4.0 * post->width : post->wanted / share;
    if (post->place != UINT32_MAX)
        width = fmin(width, 1.1 * post->ratio * post->place);
    width = fmax(width, 1.3 * post->width);
    double cost = post->cost + walk_cost(hnsw, width);
    double part = post->kept == 0 ? WIDEN_NONE : WIDEN_MET;
    if (width > fmin(POST_MOST, hnsw->header.node_count) ||
        cost > costs->scan.cost * part)
        return 0;
    return (uint32_t)width + 1;
}

/*
 * Walk as if all rows were allowed, with as many more in view as may be
 * expected not to be, and leave these out. Where more of those near the target
 * are not, walk again with a wider view, as long as that is less than the scan.
 * Those that are found then are not much nearer than many others, which codes
 * may confuse: all are ranked. `is_done`: there are enough; not so where those
 * that are not allowed lie together, around the target.
 */
static mql_status
search_post(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
            const Costs *costs, Neighbor *nearest, uint32_t *found,
            bool *is_done, Error *err)
{
    PostWalk post = {.wanted = hnsw_plain_width(hnsw, query)};
    uint32_t width = post_width(hnsw, query, post.wanted);
    post.ratio = fmax(RATIO_PART * post.wanted / query->k, 1);
    while (width > 0) {
        post.width = width;
        TRY(walk_all(hnsw, walk, query, &post, err));
        *is_done = is_wide_enough(&post);
        if (*is_done)
            break;
        width = wider(hnsw, &post, costs);
    }
    uint32_t count =
        post.walks > 1 ? post.kept : hnsw_rerank_count(hnsw, query, post.kept);
    return *is_done ? hnsw_rank(hnsw, walk, query, count, nearest, found, err)
                    : MQL_OK;
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
           share = share_of(hnsw, query);
    bool is_probe = is_tried(query, costs);
    double most = costs->scan.cost * (is_probe ? PROBE : 1);
    double work = fmax(most / row, 1);
    double least = (double)mask->width / HNSW_WORK_EF *
                   pow(hnsw->header.work / work, 1 / WORK_GROWTH);
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
    const WalkBegin begin = walk_begin(walk);
    limit_walk(hnsw, query, costs, &mask);
    if (is_tried(query, costs)) /* no others will be passed */
        mask.width =
            least_of(hnsw_plain_width(hnsw, query), query->allowed_count);
    TRY(scratch_reserve(scratch, mask.width + mask.view + SEEDS + 1, err));
    TRY(hnsw_descend(hnsw, walk, err));
    TRY(add_seeds(hnsw, query, scratch, err));
    TRY(graph_walk_masked(walk, &hnsw->levels[0], &mask, err));
    add_pace(hnsw, walk, query, PACE_MASKED, &begin);
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
        TRY(search_post(hnsw, walk, query, &costs, nearest, found, &is_done,
                        err));
    if (plan == FILTER_GRAPH)
        TRY(search_masked(hnsw, walk, query, &costs, nearest, found, &is_done,
                          err));
    if (is_done && *found >= least_of(query->k, query->allowed_count))
        return MQL_OK;
    if (plan != FILTER_SCAN)
        trace_fallback(query);
    return hnsw_scan(hnsw, walk, costs.scan, query, nearest, found, err);
}
