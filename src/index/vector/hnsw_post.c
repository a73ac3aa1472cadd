/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_post.c - walking a graph as if all rows were allowed, and leaving out
 * those that are not.
 *
 * As many more rows are in view as may be expected not to be allowed. Where
 * more of those near the target are not, the walk goes on with a wider view:
 * what was measured stays known, also what was out of view, and the place of
 * the k-th allowed row among all of it tells how wide the view must be, mostly
 * to a tenth. What would cost too much is left to the scan.
 */
#include <math.h>

#include "base/bits.h"
#include "index/vector/hnsw_search.h"

/* Rows in view: keeping more in order takes too long. */
#define WIDTH_MOST 8192
/* A walk goes on while all of it is expected to cost such a part of the scan:
 * what is expected is rather too much, as what a row takes was measured on
 * short walks. */
#define WIDEN_PART 1.0
/* With so many rows in view, keeping them in order takes as long as looking at
 * them. */
#define ORDER_WIDTH 4000.0
/* Without a filter a walk finds the nearest k for being wider than k by some
 * factor. Where others lie before the k-th allowed row, it must be wider than
 * its place by nearly that, or by this at least, with enough allowed rows. */
#define RATIO_PART 0.8
#define RATIO_LEAST 3.0
/* A place that was met is often a little nearer than the true one. */
#define MARGIN 1.1
/* At least so much wider each time. */
#define WIDER_LEAST 1.3
/* Where fewer than k allowed rows were met their place is a guess: the view is
 * so much wider at most, for such a part of the scan's cost. */
#define GUESS_WIDER 4.0
#define GUESS_PART 0.35

/* A walk on its way, and what it met. */
typedef struct PostWalk {
    uint32_t wanted; /* allowed rows in view                     */
    uint32_t walks;  /* until now                                */
    uint32_t width;  /* rows in view                             */
    uint32_t kept;   /* of these allowed                         */
    uint32_t place;  /* of the k-th allowed among those in view; UINT32_MAX:
                        there are fewer                          */
    double ratio;    /* of the width of a walk without filter to k */
} PostWalk;

uint32_t
hnsw_post_width(const Hnsw *hnsw, const VectorQuery *query, uint32_t wanted)
{
    double share = hnsw_share(hnsw, query);
    double others = wanted * (1 - share) / share;
    double width = wanted + others + 3 * sqrt(others) + 1;
    return (uint32_t)fmin(width, fmin(hnsw->header.node_count, WIDTH_MOST));
}

/* Only the allowed nodes of the pool stay. */
static mql_status
keep_allowed(const Hnsw *hnsw, const VectorQuery *query, Scratch *scratch,
             PostWalk *post, Error *err)
{
    uint32_t kept = 0;
    post->place = UINT32_MAX;
    for (uint32_t i = 0; i < scratch->pool_count; i++) {
        bool is_allowed;
        TRY(copies_allowed(&hnsw->copies, query->allowed, scratch->pool[i].row,
                           &is_allowed, err));
        scratch->pool[kept] = scratch->pool[i];
        kept += is_allowed;
        if (is_allowed && kept == query->k)
            post->place = i + 1;
    }
    post->kept = scratch->pool_count = kept;
    return MQL_OK;
}

static mql_status
walk_all(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
         PostWalk *post, Error *err)
{
    int64_t began = pace_begin(hnsw->pace, PACE_WALK);
    uint64_t before = walk->counters->distances;
    if (post->walks++ == 0) {
        TRY(scratch_reserve(walk->scratch, post->width, err));
        TRY(hnsw_descend(hnsw, walk, err));
        TRY(graph_walk(walk, &hnsw->levels[0], post->width, err));
    } else {
        TRY(graph_walk_on(walk, &hnsw->levels[0], post->width, err));
    }
    TRY(keep_allowed(hnsw, query, walk->scratch, post, err));
    hnsw_tell_pace(hnsw, walk, query, PACE_WALK, began,
                   (double)(walk->counters->distances - before));
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

/* The place of the k-th allowed row among all that was met; with fewer, `count`
 * of them, where it would be if they went on like that. */
static mql_status
expected_place(const Hnsw *hnsw, const VectorQuery *query, Scratch *scratch,
               double *place, uint32_t *count, Error *err)
{
    TRY(scratch_reserve(scratch, scratch->pool_count + query->k, err));
    TopK top = top_k_of(scratch->pool + scratch->pool_count, query->k);
    uint32_t nearer = 0;
    for (uint32_t i = 0; i < scratch->seen_count; i++) {
        bool is_allowed;
        TRY(copies_allowed(&hnsw->copies, query->allowed, scratch->seen[i],
                           &is_allowed, err));
        if (is_allowed)
            top_k_offer(&top, (Neighbor){scratch->met[i], scratch->seen[i]});
    }
    *count = top.count;
    *place = (double)scratch->seen_count * query->k / fmax(top.count, 0.5);
    if (top.count < query->k)
        return MQL_OK;
    for (uint32_t i = 0; i < scratch->seen_count; i++)
        nearer += scratch->met[i] <= top.heap[0].distance;
    *place = nearer;
    return MQL_OK;
}

/* What all of the walk is expected to cost, in nanoseconds, by what it met and
 * by what walks meet in this graph. */
static double
walk_cost(const Hnsw *hnsw, const Scratch *scratch, const PostWalk *post,
          double width)
{
    double seen = scratch->seen_count;
    double rows = fmin(seen * pow(width / post->width, HNSW_WORK_GROWTH),
                       fmax(hnsw_walk_work(hnsw, width), WIDER_LEAST * seen));
    return hnsw_row_cost(hnsw, PACE_WALK) *
           fmin(rows, hnsw->header.node_count) * (1 + width / ORDER_WIDTH);
}

/* The width that is likely to do; 0: the scan is better. */
static mql_status
widen(const Hnsw *hnsw, const VectorQuery *query, Scratch *scratch,
      const PostWalk *post, double scan_cost, uint32_t *wider, Error *err)
{
    double place;
    uint32_t count;
    TRY(expected_place(hnsw, query, scratch, &place, &count, err));
    double share = fmax((double)post->kept / post->width, query->k / place);
    double width = MARGIN * post->ratio * place;
    width =
        fmin(width, fmax(MARGIN * RATIO_LEAST * place, post->wanted / share));
    width = fmax(width, WIDER_LEAST * post->width);
    bool is_guess = count < query->k;
    if (is_guess)
        width = fmin(width, GUESS_WIDER * post->width);
    double most = scan_cost * (is_guess ? GUESS_PART : WIDEN_PART);
    bool is_worth_it = width <= fmin(WIDTH_MOST, hnsw->header.node_count) &&
                       walk_cost(hnsw, scratch, post, width) <= most;
    *wider = is_worth_it ? (uint32_t)width + 1 : 0;
    return MQL_OK;
}

/* Rows that are found behind many others are not much nearer than many more,
 * which codes may confuse: all that were kept are ranked. */
mql_status
hnsw_search_post(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
                 double scan_cost, Neighbor *nearest, uint32_t *found,
                 bool *is_done, Error *err)
{
    PostWalk post = {.wanted = hnsw_plain_width(hnsw, query)};
    Walk kept = *walk;
    kept.is_kept = true;
    post.ratio = fmax(RATIO_PART * post.wanted / query->k, 1);
    post.width = hnsw_post_width(hnsw, query, post.wanted);
    for (;;) {
        uint32_t width;
        TRY(walk_all(hnsw, &kept, query, &post, err));
        *is_done = is_wide_enough(&post);
        if (*is_done)
            break;
        TRY(widen(hnsw, query, walk->scratch, &post, scan_cost, &width, err));
        if (width == 0)
            return MQL_OK;
        post.width = width;
    }
    uint32_t count =
        post.walks > 1 ? post.kept : hnsw_rerank_count(hnsw, query, post.kept);
    return hnsw_rank(hnsw, walk, query, count, nearest, found, err);
}
