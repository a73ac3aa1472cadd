/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_repair.c - no row may be out of reach.
 *
 * Links are directed and links back are dropped when a node has too many, so a
 * few nodes end up with no way in. Each gets one from the nearest node that can
 * be reached: in a free slot, or in place of that node's last link, whose
 * target the new node then links to itself, so that nothing reachable is lost.
 */
#include "index/vector/hnsw_build.h"

#include <stdlib.h>

#include "base/bits.h"

#define REPAIR_WIDTH 32

typedef struct Reach {
    uint64_t *reached; /* bit for each row                   */
    uint32_t *queue;   /* rows whose links are to be followed */
} Reach;

/* Follow links from `row` to all that was not reached before. */
static void
spread(const Build *build, Reach *reach, uint32_t row)
{
    uint32_t first = 0, last = 0;
    bits_set(reach->reached, row);
    reach->queue[last++] = row;
    while (first < last) {
        uint32_t id = reach->queue[first++];
        const uint32_t *links = build_links(build, 0, id);
        for (uint32_t i = 0; i < build->levels[0].stride; i++) {
            if (links[i] == id)
                break;
            if (bits_get(reach->reached, links[i]))
                continue;
            bits_set(reach->reached, links[i]);
            reach->queue[last++] = links[i];
        }
    }
}

/* Make `to` one of the links of `from`, in place of the last when all slots are
 * taken. */
static void
force_link(Build *build, uint32_t from, uint32_t to)
{
    uint32_t *links = build_links(build, 0, from);
    uint32_t degree = build_degree(build, 0, from);
    for (uint32_t i = 0; i < degree; i++)
        if (links[i] == to)
            return;
    uint32_t most = hnsw_links_most(build->header.m, 0);
    links[degree < most ? degree : most - 1] = to;
}

/* The pool of the worker holds reachable rows near `row`. */
static void
adopt(Build *build, const Worker *worker, uint32_t row)
{
    const Scratch *scratch = worker->scratch;
    uint32_t most = hnsw_links_most(build->header.m, 0);
    for (uint32_t i = 0; i < scratch->pool_count; i++) {
        uint32_t near = scratch->pool[i].row;
        if (build_degree(build, 0, near) < most) {
            force_link(build, near, row);
            return;
        }
    }
    uint32_t nearest = scratch->pool[0].row;
    uint32_t lost = build_links(build, 0, nearest)[most - 1];
    force_link(build, nearest, row);
    force_link(build, row, lost);
}

/* Walk to `row` from the entry on the lowest level: what is found that way can
 * be reached. (From the upper levels one may come out at a row that cannot.) */
static mql_status
find_reachable(Build *build, Worker *worker, uint32_t row, Error *err)
{
    SpaceQuery query = space_query_row(&build->space, row);
    Walk walk = build_walk(build, worker, &query);
    TRY(scratch_reserve(worker->scratch, REPAIR_WIDTH, err));
    worker->scratch->pool[0].row = build->header.entry_row;
    worker->scratch->pool_count = 1;
    return graph_walk(&walk, &build->levels[0], REPAIR_WIDTH, err);
}

static mql_status
repair(Build *build, Reach *reach, Error *err)
{
    Worker *worker = &build->workers[0];
    spread(build, reach, build->header.entry_row);
    for (uint32_t node = 0; node < build->header.node_count; node++) {
        uint32_t row = build->nodes[node];
        if (bits_get(reach->reached, row))
            continue;
        if (is_cancelled(build->input->cancel))
            return error_cancelled(err);
        TRY(find_reachable(build, worker, row, err));
        adopt(build, worker, row);
        spread(build, reach, row);
    }
    return MQL_OK;
}

mql_status
build_repair(Build *build, Error *err)
{
    Reach reach;
    uint32_t rows = build->header.row_count;
    reach.reached = calloc(bits_words(rows), sizeof *reach.reached);
    reach.queue = calloc(rows, sizeof *reach.queue);
    mql_status status;
    if (reach.reached == NULL || reach.queue == NULL)
        status = error_no_memory(err);
    else
        status = repair(build, &reach, err);
    free(reach.reached);
    free(reach.queue);
    return status;
}
