/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_search.c - answering with an HNSW graph.
 *
 * Without a filter: descend to the lowest level, walk there with `ef` rows in
 * view, rank the best by their floats. With one: hnsw_filter.c.
 */
#include "index/vector/hnsw_search.h"

#include <math.h>

#include "base/bits.h"

/* Percentages to rank up to this one are of codes that blur little. */
#define BLUR_LEAST 150

uint32_t
hnsw_width(const Hnsw *hnsw, const VectorQuery *query)
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
    return least_of((uint64_t)ef, hnsw->header.node_count);
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

uint32_t
hnsw_rerank_count(const Hnsw *hnsw, const VectorQuery *query,
                  uint32_t pool_count)
{
    if (hnsw->space.coder.type == CODES_NONE)
        return pool_count;
    uint64_t wanted = rerank_rows(query->k, hnsw->header.rerank_percent);
    if (refine_of(query) > 0)
        wanted = query->k * refine_of(query);
    return least_of(wanted, pool_count);
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
        uint32_t some = least_of(count - first, SOME);
        for (uint32_t i = 0; i < some; i++)
            rows[i] = pool[first + i].row;
        TRY(exact_rows(&walk->query->exact, hnsw->column, true, rows, some,
                       distances, err));
        for (uint32_t i = 0; i < some; i++)
            pool[first + i].distance = distances[i];
    }
    return MQL_OK;
}

mql_status
hnsw_rank(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
          uint32_t count, Neighbor *nearest, uint32_t *found, Error *err)
{
    Scratch *scratch = walk->scratch;
    const VectorColumn *column = hnsw->column;
    TopK top = top_k_of(nearest, query->k);
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

mql_status
hnsw_descend(const Hnsw *hnsw, const Walk *walk, Error *err)
{
    return graph_descend(walk, hnsw->levels, hnsw->header.level_count - 1, 0,
                         entry_of(hnsw), err);
}

uint32_t
hnsw_view_least(const Space *space, uint32_t percent, uint32_t count,
                uint32_t ranked)
{
    if (space->nibbles.stride == 0 || percent > HNSW_NIBBLES_BLUR ||
        ranked <= count)
        return ranked;
    return count + (ranked - count) / 4;
}

/* Whether it was said how much to look at, and nothing else. */
static bool
is_told_effort(const VectorQuery *query)
{
    if (refine_of(query) > 0)
        return false;
    return query->recall > 0 || (query->options != NULL &&
                                 query->options->values[HNSW_OPTION_EF] >= 1);
}

uint32_t
hnsw_plain_width(const Hnsw *hnsw, const VectorQuery *query)
{
    uint32_t width = hnsw_width(hnsw, query);
    uint32_t percent = hnsw->header.rerank_percent;
    if (hnsw->space.nibbles.stride == 0 && refine_of(query) == 0 &&
        percent <= BLUR_LEAST)
        return width;
    uint32_t needed = hnsw_rerank_count(hnsw, query, hnsw->header.node_count);
    if (is_told_effort(query))
        needed = hnsw_view_least(&hnsw->space, percent, query->k, needed);
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

double
hnsw_walk_work(const Hnsw *hnsw, double width)
{
    double growth = pow(width / HNSW_WORK_EF, HNSW_WORK_GROWTH);
    return fmin(hnsw->header.work * growth, hnsw->header.node_count);
}

static mql_status
search_plain(const Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
             Neighbor *nearest, uint32_t *found, Error *err)
{
    uint32_t width = hnsw_plain_width(hnsw, query);
    TRY(scratch_reserve(walk->scratch, width, err));
    TRY(hnsw_descend(hnsw, walk, err));
    Walk lowest = *walk;
    lowest.stop = hnsw_stop(&hnsw->header, query->k, width);
    lowest.stop.base = space_base(&hnsw->space, walk->query);
    TRY(graph_walk(&lowest, &hnsw->levels[0], width, err));
    uint32_t count = hnsw_rerank_count(hnsw, query, walk->scratch->pool_count);
    return hnsw_rank(hnsw, walk, query, count, nearest, found, err);
}

/* ---- the search of the kind ---- */

static mql_status
search_graph(Hnsw *hnsw, const Walk *walk, const VectorQuery *query,
             Neighbor *nearest, uint32_t *found, Error *err)
{
    if (query->allowed != NULL)
        return hnsw_search_allowed(hnsw, walk, query, nearest, found, err);
    TRY(search_plain(hnsw, walk, query, nearest, found, err));
    uint32_t most = hnsw->header.node_count + hnsw->header.copy_count;
    if (*found >= least_of(query->k, most))
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
    Walk walk = {.space = &hnsw->space,
                 .query = &from,
                 .cancel = query->cancel,
                 .counters = &counters,
                 .scratch = scratch};
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
