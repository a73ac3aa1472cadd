/* SPDX-License-Identifier: Apache-2.0 */
/* hnsw_link.c - which links a node keeps. */
#include "index/vector/hnsw_build.h"

#include <string.h>

void
build_set_links(Build *build, uint32_t level, uint32_t id,
                const uint32_t *links, uint32_t count)
{
    uint32_t *slots = build_links(build, level, id);
    for (uint32_t i = 0; i < count; i++)
        slots[i] = links[i];
    for (uint32_t i = count; i < build->levels[level].stride; i++)
        slots[i] = id;
}

/*
 * Whether one of the chosen is nearer to the candidate than the node is. A copy
 * of a chosen one is passed over too: else a clump of equal vectors would link
 * to itself and nowhere else. (Under IP distance 0 says nothing about being
 * equal.)
 */
static bool
is_covered(const Build *build, const Worker *worker, uint32_t level,
           Neighbor candidate, uint32_t chosen_count)
{
    const Space *space = &build->space;
    SpaceQuery from =
        space_query_row(space, build_row(build, level, candidate.row));
    bool equal_counts =
        space->metric == METRIC_L2 || space->coder.type == CODES_L2;
    for (uint32_t i = 0; i < chosen_count; i++) {
        uint32_t row = build_row(build, level, worker->chosen[i]);
        float distance = space_distance(space, &from, row);
        if (distance < candidate.distance || (equal_counts && distance == 0))
            return true;
    }
    return false;
}

uint32_t
build_choose(const Build *build, Worker *worker, uint32_t level, uint32_t count,
             uint32_t most)
{
    uint32_t chosen = 0, passed = 0;
    uint32_t fill = most;
    for (uint32_t i = 0; i < count && chosen < most; i++) {
        Neighbor candidate = worker->candidates[i];
        if (is_covered(build, worker, level, candidate, chosen)) {
            if (passed < fill)
                worker->passed[passed++] = candidate.row;
            continue;
        }
        worker->chosen[chosen++] = candidate.row;
    }
    for (uint32_t i = 0; i < passed && chosen < fill; i++)
        worker->chosen[chosen++] = worker->passed[i];
    return chosen;
}

/* Fill worker->candidates with the nearest of the first `count` worker->ids. */
static mql_status
gather(const Build *build, Worker *worker, uint32_t level, uint32_t target,
       uint32_t *count, Error *err)
{
    for (uint32_t i = 0; i < *count; i++)
        worker->rows[i] = build_row(build, level, worker->ids[i]);
    SpaceQuery from =
        space_query_row(&build->space, build_row(build, level, target));
    TRY(space_distances(&build->space, &from, worker->rows, *count,
                        worker->distances, err));
    TopK top = top_k_of(worker->candidates, *count);
    for (uint32_t i = 0; i < *count; i++)
        top_k_offer(&top, (Neighbor){worker->distances[i], worker->ids[i]});
    *count = top_k_finish(&top);
    return MQL_OK;
}

mql_status
build_link_back(Build *build, Worker *worker, uint32_t level, uint32_t target,
                const SortItem *sources, uint32_t count, Error *err)
{
    uint32_t most = hnsw_links_most(build->header.m, level);
    uint32_t degree = build_degree(build, level, target);
    uint32_t *slots = build_links(build, level, target);
    for (uint32_t done = 0; done < count;) {
        if (degree < most) { /* room is left: no choice to make */
            slots[degree++] = sources[done++].value;
            continue;
        }
        memcpy(worker->ids, slots, degree * sizeof *slots);
        uint32_t total = degree;
        while (done < count && total < worker->candidates_most)
            worker->ids[total++] = sources[done++].value;
        TRY(gather(build, worker, level, target, &total, err));
        /* Room for some more, so that not every link needs a choice. */
        degree = build_choose(build, worker, level, total, most - most / 4);
        build_set_links(build, level, target, worker->chosen, degree);
    }
    return MQL_OK;
}
