/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_filter.c - answering with an HNSW graph where only some rows may be
 * answers.
 *
 * There are three ways, chosen by what they are expected to cost: scan the
 * allowed rows; walk the graph from one of them to the next; walk it as if all
 * were allowed, with more rows in view, and leave out the others. Where a walk
 * begins it is looked at what is allowed around the target. A walk that turns
 * out to cost more than the scan is given up for it, and whenever an answer is
 * short of rows the scan completes it: k rows come back whenever there are k,
 * and no plan costs much over twice the best.
 */
#include "index/vector/hnsw_search.h"

#include <math.h>

#include "base/bits.h"

/* What a walk takes before it looks at its first row of the lowest level, in
 * nanoseconds: not worth it for few rows. */
#define DESCENT_COST 5000.0
/* When fewer of the rows around the target are allowed than chance gives by
 * this factor, the nearest lie elsewhere, and a walk may not get there. */
#define FAIR 0.5
/* A walk is worth more than a scan, which finds all, at this part of its time.
 */
#define CERTAIN 0.7
/* Walking to all rows is worth it from this part of allowed ones on, and from
 * the second without looking at those around the target: where nearly all of
 * these are allowed it is not. */
#define POST_SHARE 0.4
#define POST_SURELY 0.6
#define NEARLY_ALL 0.8
/* Of the links a node has room for: allowed neighbours that a walk wants, so
 * many at most. */
#define WANT 0.75
#define WANT_MOST 48
/* Of them: those it has, and how many of those behind a bridge are new. */
#define FILLED 0.8
#define FRESH 0.3
/* With fewer allowed rows within two links of a node the graph of them falls
 * apart: Fashion-MNIST with M 8 and 5 % allowed (8 rows) has recall 0.89 where
 * it has 0.96 without a filter; with 31 it has as much. */
#define REACH_LEAST 24
/* Rows measured where they are used, of those where they are not. */
#define MORE_ROWS 1.25

/* Not the first ones, which wait for pages and check what they read: they took
 * eight times as long, and as a walk that is dear by that is not chosen again,
 * it stayed so. */
void
hnsw_tell_pace(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
               Pace way, int64_t began, double rows)
{
    bool is_warm = walk->is_verified && walk->query->is_verified;
    if (query->filter_plan == FILTER_AUTO && is_warm)
        pace_end(hnsw->pace, way, began, rows);
}

/* What the plans are expected to cost, in nanoseconds. */
typedef struct Costs {
    HnswScan scan;
    double graph, post;
    double best; /* of a graph, with the target among the allowed rows */
} Costs;

/* Links that nodes have, by and large. */
static double
links_of(const Hnsw *hnsw)
{
    return hnsw_links_most(hnsw->header.m, 0) * FILLED;
}

static uint32_t
wanted_links(const Hnsw *hnsw)
{
    uint32_t most = hnsw_links_most(hnsw->header.m, 0);
    return least_of((uint64_t)(most * WANT), WANT_MOST);
}

/* Whether allowed rows hang together, where that part of all is. */
static bool
is_connected(const Hnsw *hnsw, double share)
{
    const double links = links_of(hnsw);
    double reach = links * share * (1 + links * (1 - share));
    return share > NEARLY_ALL || reach >= REACH_LEAST;
}

/*
 * What a walk from one allowed row to the next is expected to take, in rows
 * measured, where a part of the rows is allowed: more of them where bridges
 * lead to several at once, and links read of the nodes that are left and of
 * those between them.
 */
static double
masked_work(const Hnsw *hnsw, const VectorQuery *query, double share)
{
    const double links = links_of(hnsw);
    double rows = hnsw_walk_work(hnsw, hnsw_plain_width(hnsw, query));
    double nodes = 2 * rows / links;
    double missing = wanted_links(hnsw) - links * share;
    double bridges =
        fmin(links * (1 - share), missing / (links * share * FRESH));
    double more = missing > 0 ? MORE_ROWS : 1;
    double reads = nodes * (1 + fmax(bridges, 0));
    return rows * more + reads * links_work(&hnsw->levels[0]);
}

/* The same in nanoseconds. */
static double
masked_cost(const Hnsw *hnsw, const VectorQuery *query, double share)
{
    return DESCENT_COST +
           hnsw_row_cost(hnsw, PACE_MASKED) * masked_work(hnsw, query, share);
}

static Costs
costs_of(const Hnsw *hnsw, const VectorQuery *query)
{
    double row = hnsw_row_cost(hnsw, PACE_WALK);
    uint32_t wanted = hnsw_plain_width(hnsw, query);
    Costs costs = {.scan = hnsw_scan_plan(hnsw, query)};
    costs.graph = masked_cost(hnsw, query, hnsw_share(hnsw, query));
    costs.best = masked_cost(hnsw, query, 1);
    costs.post =
        DESCENT_COST +
        row * hnsw_walk_work(hnsw, hnsw_post_width(hnsw, query, wanted));
    trace_estimate(query, FILTER_SCAN, costs.scan.cost);
    trace_estimate(query, FILTER_GRAPH, costs.graph);
    trace_estimate(query, FILTER_POST, costs.post);
    return costs;
}

/* A walk to all rows finds more than one to the allowed ones, and can go on
 * where those near the target are not; a scan finds all. Where rows near
 * the target may be allowed more often than others, it costs little to look. */
static FilterStrategy
choose(const Hnsw *hnsw, const VectorQuery *query, const Costs *costs)
{
    double scan = costs->scan.cost * CERTAIN;
    if (query->filter_plan != FILTER_AUTO)
        return query->filter_plan;
    if (hnsw_share(hnsw, query) >= POST_SURELY && costs->post < scan)
        return FILTER_POST;
    return costs->best < scan ? FILTER_GRAPH : FILTER_SCAN;
}

/* The part of the rows around the start that is allowed. */
static double
near_share(const Hnsw *hnsw, const WalkMask *mask)
{
    double links = (double)mask->read * links_of(hnsw);
    return fmin((double)mask->passed / links, 1);
}

/* What is best, by the part of the rows around the start that is allowed. */
static FilterStrategy
choose_again(const Hnsw *hnsw, const VectorQuery *query, const Costs *costs,
             double near)
{
    double share = hnsw_share(hnsw, query);
    double scan = costs->scan.cost * CERTAIN;
    if (!is_connected(hnsw, near))
        return FILTER_SCAN;
    if (query->filter_plan != FILTER_AUTO)
        return FILTER_GRAPH;
    if (near < FAIR * share)
        return FILTER_SCAN;
    if (share >= POST_SHARE && near < NEARLY_ALL && costs->post < scan)
        return FILTER_POST;
    return masked_cost(hnsw, query, near) < scan ? FILTER_GRAPH : FILTER_SCAN;
}

/* Where rows have copies: the allowed ones, and all those. */
static mql_status
list_nodes(Hnsw *hnsw, const VectorQuery *query, Scratch *scratch,
           WalkMask *mask, Error *err)
{
    const uint64_t *copied;
    TRY(hnsw_find_copied(hnsw, &copied, err));
    if (copied == NULL)
        return MQL_OK;
    TRY(scratch_nodes(scratch, &mask->nodes, err));
    for (size_t i = 0; i < bits_words(hnsw->header.row_count); i++)
        mask->nodes[i] = query->allowed[i] | copied[i];
    return MQL_OK;
}

/* Make a walk one to allowed rows. */
static mql_status
mask_walk(Hnsw *hnsw, const VectorQuery *query, const Costs *costs, Walk *walk,
          WalkMask *mask, Error *err)
{
    uint32_t width = hnsw_plain_width(hnsw, query);
    *mask = (WalkMask){.allowed = query->allowed,
                       .copies = &hnsw->copies,
                       .want = wanted_links(hnsw),
                       .most = UINT64_MAX};
    if (query->filter_plan == FILTER_AUTO)
        mask->most =
            (uint64_t)(costs->scan.cost / hnsw_row_cost(hnsw, PACE_WALK)) + 1;
    walk->mask = mask;
    walk->stop = hnsw_stop(&hnsw->header, query->k, width);
    walk->stop.base = space_base(&hnsw->space, walk->query);
    return list_nodes(hnsw, query, walk->scratch, mask, err);
}

/* Sets `is_done` when the walk gave the answer, else another plan must:
 * *plan is what the rows around the start say. */
static mql_status
search_masked(Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
              const Costs *costs, FilterStrategy *plan, Neighbor *nearest,
              uint32_t *found, bool *is_done, Error *err)
{
    const Level *level = &hnsw->levels[0];
    uint32_t width = hnsw_plain_width(hnsw, query);
    WalkMask mask;
    Walk masked = *walk;
    TRY(mask_walk(hnsw, query, costs, &masked, &mask, err));
    TRY(scratch_reserve(walk->scratch, width, err));
    TRY(hnsw_descend(hnsw, walk, err));
    int64_t began = pace_begin(hnsw->pace, PACE_MASKED);
    TRY(graph_begin_masked(&masked, level, width, err));
    double near = near_share(hnsw, &mask);
    *plan = choose_again(hnsw, query, costs, near);
    if (*plan != FILTER_GRAPH)
        return MQL_OK;
    TRY(graph_walk_masked(&masked, level, width, err));
    bool is_full =
        walk->scratch->pool_count >= least_of(width, query->allowed_count);
    *is_done = !mask.is_exhausted && (is_full || !mask.is_dry);
    if (!*is_done)
        return MQL_OK;
    hnsw_tell_pace(hnsw, walk, query, PACE_MASKED, began,
                   masked_work(hnsw, query, near));
    uint32_t count = hnsw_rerank_count(hnsw, query, walk->scratch->pool_count);
    return hnsw_rank(hnsw, walk, query, count, nearest, found, err);
}

mql_status
hnsw_search_allowed(Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
                    Neighbor *nearest, uint32_t *found, Error *err)
{
    const Costs costs = costs_of(hnsw, query);
    FilterStrategy plan = choose(hnsw, query, &costs), first = plan;
    bool is_done = false;
    if (plan == FILTER_GRAPH)
        TRY(search_masked(hnsw, walk, query, &costs, &plan, nearest, found,
                          &is_done, err));
    if (plan == FILTER_POST)
        TRY(hnsw_search_post(hnsw, walk, query, costs.scan.cost, nearest, found,
                             &is_done, err));
    trace_plan(query, plan == FILTER_POST ? plan : first, 1);
    if (is_done && *found >= least_of(query->k, query->allowed_count))
        return MQL_OK;
    if (first != FILTER_SCAN)
        trace_fallback(query);
    return hnsw_scan(hnsw, walk, costs.scan, query, nearest, found, err);
}
