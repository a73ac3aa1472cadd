/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_search.c - answering with an HNSW graph.
 *
 * Without a filter: descend to the lowest level, walk there with `ef` rows in
 * view, rank the best by their floats. Where nearly all rows are allowed it is
 * done the same way, with a few more in view. Else there are two ways, chosen
 * by what they cost: scan the allowed rows, or walk the graph and keep the
 * allowed ones. A walk that turns out to cost more than the scan is given up
 * for it, and whenever an answer is short of rows the scan completes it: k rows
 * come back whenever there are k, and no plan costs much over twice the best.
 */
#include "index/vector/hnsw_internal.h"

#include <math.h>
#include <stdlib.h>

#include "base/bits.h"

/* From this part of all rows on, nearly all are allowed. */
#define NEARLY_ALL 0.9
/* Allowed rows a masked walk begins at besides the entry. */
#define SEEDS 8
/* A masked walk shows what it is worth in this part of the scan's cost, but not
 * in fewer rows than these. */
#define TRIAL_SHARE 8.0
#define TRIAL_LEAST 512
/* Percentages to rank up to this one are of codes that blur little. */
#define BLUR_LEAST 150

static uint32_t
least(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

/* The width of the walk. */
static uint32_t
width_of(const Hnsw *hnsw, const VectorQuery *query)
{
    int64_t ef = -1;
    if (query->recall > 0)
        ef = efforts_find(&hnsw->efforts, query->k, query->recall);
    else if (query->options != NULL)
        ef = query->options->values[HNSW_OPTION_EF];
    if (ef < 1)
        ef = 16;
    if (ef < (int64_t)query->k)
        ef = query->k;
    return least((uint64_t)ef, hnsw->header.node_count);
}

/* ---- ranking ---- */

/* The multiple of k that is to be ranked; 0: nobody said. */
static uint64_t
refine_of(const VectorQuery *query)
{
    int64_t refine = 0;
    if (query->options != NULL)
        refine = query->options->values[HNSW_OPTION_REFINE_K];
    return refine > 0 ? (uint64_t)refine : 0;
}

/* How many of the pool are worth ranking by floats. */
static uint32_t
rerank_count(const Hnsw *hnsw, const VectorQuery *query, uint32_t pool_count)
{
    if (hnsw->space.coder.type == CODES_NONE)
        return pool_count;
    uint64_t wanted = rerank_rows(query->k, hnsw->header.rerank_percent);
    if (refine_of(query) > 0)
        wanted = query->k * refine_of(query);
    return least(wanted, pool_count);
}

/* Offer the rows of a node, those that are allowed, while they are near enough.
 */
static mql_status
offer_rows(const Hnsw *hnsw, const VectorQuery *query, TopK *top,
           Neighbor entry, Error *err)
{
    for (;;) {
        if (top->count == top->k && !neighbor_before(entry, top->heap[0]))
            return MQL_OK;
        if (query->allowed == NULL || bits_get(query->allowed, entry.row))
            top_k_offer(top, entry);
        uint32_t next;
        TRY(copies_next(&hnsw->copies, entry.row, &next, err));
        if (next <= entry.row)
            return MQL_OK;
        entry.row = next;
    }
}

/* Exact distances of the first of the pool, from the file of the column. */
static mql_status
read_pool(const Hnsw *hnsw, const Walk *walk, uint32_t count, Error *err)
{
    enum { SOME = 64 };
    uint32_t rows[SOME];
    float distances[SOME];
    Neighbor *pool = walk->scratch->pool;
    for (uint32_t first = 0; first < count; first += SOME) {
        uint32_t some = least(count - first, SOME);
        for (uint32_t i = 0; i < some; i++)
            rows[i] = pool[first + i].row;
        TRY(exact_rows(&walk->query->exact, hnsw->column, true, rows, some,
                       distances, err));
        for (uint32_t i = 0; i < some; i++)
            pool[first + i].distance = distances[i];
    }
    return MQL_OK;
}

/* The k nearest of the pool by exact distance. */
static mql_status
rank(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
     Neighbor *nearest, uint32_t *found, Error *err)
{
    Scratch *scratch = walk->scratch;
    const VectorColumn *column = hnsw->column;
    TopK top = top_k_of(nearest, query->k);
    uint32_t count = rerank_count(hnsw, query, scratch->pool_count);
    bool is_coded = hnsw->space.coder.type != CODES_NONE;
    bool is_ranked = !is_coded || query->reads_rows;

    if (is_coded && query->reads_rows)
        TRY(read_pool(hnsw, walk, count, err));
    for (uint32_t i = 0; i < count && !is_ranked; i++)
        for (uint32_t line = 0; line < 4; line++)
            __builtin_prefetch(
                (const char *)vector_row(column, scratch->pool[i].row) +
                64 * line);
    for (uint32_t i = 0; i < count; i++) {
        Neighbor entry = scratch->pool[i];
        if (!is_ranked) {
            TRY(vector_column_verify(column, entry.row, 1, err));
            entry.distance = exact_distance(&walk->query->exact,
                                            vector_row(column, entry.row));
        }
        TRY(offer_rows(hnsw, query, &top, entry, err));
    }
    if (is_coded)
        walk->counters->distances += count;
    *found = top_k_finish(&top);
    return MQL_OK;
}

/* ---- without a filter ---- */

static uint32_t
entry_of(const Hnsw *hnsw)
{
    return hnsw->header.level_count == 1 ? hnsw->header.entry_row : 0;
}

static mql_status
descend(const Hnsw *hnsw, const Walk *walk, Error *err)
{
    return graph_descend(walk, hnsw->levels, hnsw->header.level_count - 1, 0,
                         entry_of(hnsw), err);
}

/* Where codes blur much, the answers may be anywhere among the rows to rank: so
 * many must be in view, however small `ef` is. */
static uint32_t
plain_width(const Hnsw *hnsw, const VectorQuery *query)
{
    uint32_t width = width_of(hnsw, query);
    if (hnsw->space.nibbles.stride == 0 && refine_of(query) == 0 &&
        hnsw->header.rerank_percent <= BLUR_LEAST)
        return width;
    uint32_t needed = rerank_count(hnsw, query, hnsw->header.node_count);
    return width > needed ? width : needed;
}

WalkStop
hnsw_stop(const HnswHeader *header, uint32_t count, uint32_t width)
{
    if (!(header->growth > 0) || width <= count)
        return (WalkStop){0, 0, 0};
    double ratio = pow((double)width / count, header->growth * HNSW_STOP_SHARE);
    return (WalkStop){count, (float)ratio, 0};
}

static mql_status
search_plain(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
             Neighbor *nearest, uint32_t *found, Error *err)
{
    uint32_t width = plain_width(hnsw, query);
    TRY(scratch_reserve(walk->scratch, width, err));
    TRY(descend(hnsw, walk, err));
    Walk lowest = *walk;
    lowest.stop = hnsw_stop(&hnsw->header, query->k, width);
    lowest.stop.base = space_base(&hnsw->space, walk->query);
    TRY(graph_walk(&lowest, &hnsw->levels[0], width, err));
    return rank(hnsw, walk, query, nearest, found, err);
}

/* ---- with a filter ---- */

/* What one distance costs, in nanoseconds, measured with rows in memory and not
 * in cache: a walk waits for each row, a scan runs ahead of itself. */
static double
row_cost(const Hnsw *hnsw, bool is_walk)
{
    size_t size =
        is_walk ? space_row_size(&hnsw->space) : vector_row_size(hnsw->column);
    return (is_walk ? 100.0 : 20.0) + (double)size / 9.0;
}

/* Width of a masked walk: fewer rows need to be in view than without a mask,
 * as for each of them others were passed. */
static uint32_t
masked_width(const Hnsw *hnsw, const VectorQuery *query)
{
    double share = (double)query->allowed_count / hnsw->header.row_count;
    double width = width_of(hnsw, query) * sqrt(share);
    uint64_t needed = rerank_count(hnsw, query, UINT32_MAX);
    uint64_t wanted = (uint64_t)width + 1;
    return least(wanted > needed ? wanted : needed, query->allowed_count);
}

/* Rows that the walk is expected to look at until `width` allowed ones are in
 * view. */
static double
expected_work(const Hnsw *hnsw, const VectorQuery *query, uint32_t width)
{
    double share = (double)query->allowed_count / hnsw->header.row_count;
    double passed = width / share;
    double work = hnsw->header.work * passed / HNSW_WORK_EF;
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
        if (is_null || row == last)
            continue;
        TRY(copies_node(&hnsw->copies, row, &row, err));
        scratch->pool[scratch->pool_count++].row = row;
        last = row;
    }
    return MQL_OK;
}

/* The allowed nodes of the pool. */
static mql_status
keep_allowed(const Hnsw *hnsw, const VectorQuery *query, Scratch *scratch,
             Error *err)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < scratch->pool_count; i++) {
        bool is_allowed;
        TRY(copies_allowed(&hnsw->copies, query->allowed, scratch->pool[i].row,
                           &is_allowed, err));
        scratch->pool[kept] = scratch->pool[i];
        kept += is_allowed;
    }
    scratch->pool_count = kept;
    return MQL_OK;
}

/*
 * Nearly all rows are allowed, as after some deletions: walk as if all were,
 * with as many more in view as may be expected not to be, and leave these out.
 * `is_done`: there are enough others; not so where those that are not allowed
 * lie together, around the target.
 */
static mql_status
search_nearly_all(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
                  Neighbor *nearest, uint32_t *found, bool *is_done, Error *err)
{
    double share = (double)query->allowed_count / hnsw->header.row_count;
    *is_done = false;
    if (share < NEARLY_ALL)
        return MQL_OK;
    uint32_t wanted = plain_width(hnsw, query);
    double others = wanted * (1 - share) / share;
    uint64_t more = (uint64_t)(others + 3 * sqrt(others)) + 1;
    uint32_t width = least(wanted + more, hnsw->header.node_count);
    TRY(scratch_reserve(walk->scratch, width, err));
    TRY(descend(hnsw, walk, err));
    TRY(graph_walk(walk, &hnsw->levels[0], width, err));
    TRY(keep_allowed(hnsw, query, walk->scratch, err));
    *is_done = walk->scratch->pool_count >= wanted;
    return *is_done ? rank(hnsw, walk, query, nearest, found, err) : MQL_OK;
}

/* Sets `is_done` when the walk gave the answer; else the scan must. */
static mql_status
search_masked(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
              Neighbor *nearest, uint32_t *found, bool *is_done, Error *err)
{
    uint32_t width = masked_width(hnsw, query);
    double scan_cost = query->allowed_count * row_cost(hnsw, false);
    double walk_cost = row_cost(hnsw, true);
    *is_done = false;
    if (expected_work(hnsw, query, width) * walk_cost >= scan_cost)
        return MQL_OK;
    TRY(search_nearly_all(hnsw, walk, query, nearest, found, is_done, err));
    if (*is_done)
        return MQL_OK;

    Scratch *scratch = walk->scratch;
    WalkMask mask = {
        .allowed = query->allowed, .copies = &hnsw->copies, .width = width};
    mask.share = (double)query->allowed_count / hnsw->header.row_count;
    mask.most = (uint64_t)(scan_cost / walk_cost) + 1;
    mask.trial =
        (uint64_t)fmax(scan_cost / walk_cost / TRIAL_SHARE, TRIAL_LEAST);
    TRY(scratch_reserve(scratch, width > SEEDS ? width : SEEDS + 1, err));
    TRY(descend(hnsw, walk, err));
    TRY(add_seeds(hnsw, query, scratch, err));
    TRY(graph_walk_masked(walk, &hnsw->levels[0], &mask, err));
    if (mask.is_exhausted || scratch->pool_count < width)
        return MQL_OK;
    *is_done = true;
    return rank(hnsw, walk, query, nearest, found, err);
}

/* ---- both ---- */

static mql_status
search_graph(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
             Neighbor *nearest, uint32_t *found, Error *err)
{
    bool is_done = true;
    if (query->allowed == NULL)
        TRY(search_plain(hnsw, walk, query, nearest, found, err));
    else
        TRY(search_masked(hnsw, walk, query, nearest, found, &is_done, err));

    uint32_t most = query->allowed_count;
    if (query->allowed == NULL)
        most = hnsw->header.node_count + hnsw->header.copy_count;
    if (is_done && *found >= least(query->k, most))
        return MQL_OK;
    VectorQuery rest = *query;
    rest.counters = walk->counters;
    return vector_scan(hnsw->column, hnsw->space.metric, &rest, nearest, found,
                       err);
}

/* Whether the section needs no more checks; brings that nearer. */
static mql_status
settle(const Hnsw *hnsw, const Section *section, bool *is_verified, Error *err)
{
    if (section_is_verified(hnsw->file, section))
        return MQL_OK;
    *is_verified = false;
    return section_verify_rest(hnsw->file, section, err);
}

/* Walk without a check for each row where every block was checked before. */
static mql_status
settle_sections(const Hnsw *hnsw, Walk *walk, Error *err)
{
    bool is_code_verified = true;
    walk->is_verified = true;
    for (uint32_t i = 0; i < hnsw->header.level_count; i++)
        TRY(settle(hnsw, &hnsw->levels[i].section, &walk->is_verified, err));
    if (hnsw->header.level_count > 1)
        TRY(settle(hnsw, &hnsw->levels[1].rows_section, &walk->is_verified,
                   err));
    if (hnsw->space.file != NULL)
        TRY(settle(hnsw, &hnsw->space.section, &is_code_verified, err));
    if (space_norm_size(&hnsw->space) > 0)
        TRY(settle(hnsw, &hnsw->space.norms, &is_code_verified, err));
    return MQL_OK;
}

/* Whether a recall is asked for that only a scan is known to reach. */
static bool
needs_scan(const Hnsw *hnsw, const VectorQuery *query)
{
    if (!(query->recall > 0))
        return false;
    uint32_t ef = efforts_find(&hnsw->efforts, query->k, query->recall);
    if (query->effort != NULL)
        *query->effort = ef;
    return ef == 0;
}

mql_status
hnsw_search(const Index *index, const VectorQuery *query, Neighbor *nearest,
            uint32_t *found, Error *err)
{
    Hnsw *hnsw = (Hnsw *)(uintptr_t)index; /* only its scratches change */
    *found = 0;
    if (hnsw->header.node_count == 0 || query->k == 0 ||
        (query->allowed != NULL && query->allowed_count == 0))
        return MQL_OK;
    if (needs_scan(hnsw, query))
        return vector_scan(hnsw->column, hnsw->space.metric, query, nearest,
                           found, err);

    Scratch *scratch;
    SearchCounters counters = {0, 0};
    TRY(hnsw_scratch_take(hnsw, &scratch, err));
    SpaceQuery from = space_query(&hnsw->space, query->vector, scratch->code);
    Walk walk = {&hnsw->space, &from, query->cancel, &counters, scratch,
                 false,        0,     {0, 0, 0}};
    mql_status status = settle_sections(hnsw, &walk, err);
    if (status == MQL_OK)
        status = search_graph(hnsw, &walk, query, nearest, found, err);
    if (status == MQL_OK)
        status = section_file_intact(hnsw->file, err);
    hnsw_scratch_return(hnsw, scratch);
    if (query->counters != NULL) {
        query->counters->distances += counters.distances;
        query->counters->hops += counters.hops;
    }
    return status;
}
