/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_reach.c - how many rows a node has to look through.
 *
 * Where rows lie evenly the nearest are in the next few lists; where many are
 * near copies of each other they are scattered over more, and so are the rows
 * that an early node looks among where they lie in clumps. So a sample of nodes
 * looks through as many as any may, and what brought nearly all of their
 * nearest is enough for the others.
 */
#include "index/vector/hnsw_near.h"

#include <stdlib.h>

#include "index/keys.h"

#define SAMPLES_MOST 128u
#define SAMPLES_LEAST 16u
#define NODES_EACH 400u   /* a sample for so many nodes                */
#define NEAREST 32        /* neighbours of each that count             */
#define ENOUGH_PERCENT 98 /* ... of them are to be reached             */
#define LEAST_PART 4u     /* at least so small a part of what they may */

typedef struct Reach {
    Near *near;
    uint32_t samples;
    uint32_t every;   /* each so-manieth place is tried                  */
    uint64_t *needed; /* NEAREST for each sample: rows, then a number ... */
    uint32_t *found;  /* ... so many of them                             */
} Reach;

/* The list that a place belongs to: the last that begins at or before it. */
static uint32_t
list_of(const Near *near, uint32_t place)
{
    uint32_t first = 0, end = near->list_count;
    while (end - first > 1) {
        uint32_t middle = first + (end - first) / 2;
        if (near->starts[middle] <= place)
            first = middle;
        else
            end = middle;
    }
    return first;
}

/* What has to be looked through up to that list, and with it. */
static uint64_t
weight_up_to(const Near *near, const NearKey *lists, uint32_t list)
{
    uint64_t weight = 0;
    for (uint32_t i = 0; i < near->list_count; i++) {
        weight += near->weights[(uint32_t)lists[i]];
        if ((uint32_t)lists[i] == list)
            break;
    }
    return weight;
}

static void
try_place(const Reach *reach, uint32_t thread, uint64_t sample)
{
    const Near *near = reach->near;
    NearRoom *room = &near->rooms[thread];
    uint64_t place = sample * reach->every;
    uint32_t list = list_of(near, (uint32_t)place);
    if (place >= near->places ||
        place - near->starts[list] >= near->counts[list])
        return; /* nobody is there */
    near_find(near, thread, (NearTile){list, (uint32_t)place, 1});
    uint32_t found = near_sort(near, thread, 0);
    near_sort_lists(near, thread, (uint32_t)place);
    found = found < NEAREST ? found : NEAREST;
    reach->found[sample] = found;
    for (uint32_t i = 0; i < found; i++) {
        uint64_t weight = weight_up_to(near, room->lists,
                                       list_of(near, (uint32_t)room->found[i]));
        uint64_t number = sample * NEAREST + i;
        reach->needed[number] = weight << 32 | number;
    }
}

static mql_status
try_places(void *context, uint32_t thread, uint64_t first, uint64_t count,
           Error *err)
{
    const Reach *reach = context;
    if (is_cancelled(reach->near->build->input->cancel))
        return error_cancelled(err);
    for (uint64_t i = first; i < first + count; i++)
        try_place(reach, thread, i);
    return MQL_OK;
}

/* Bring together what was found, and select. */
static uint32_t
rows_enough(const Reach *reach)
{
    uint32_t most = reach->near->rows, total = 0;
    for (uint32_t sample = 0; sample < reach->samples; sample++)
        for (uint32_t i = 0; i < reach->found[sample]; i++)
            reach->needed[total++] = reach->needed[sample * NEAREST + i];
    uint32_t wanted = (uint32_t)((uint64_t)total * ENOUGH_PERCENT / 100);
    uint64_t rows = 0;
    keys_select(reach->needed, total, wanted);
    for (uint32_t i = 0; i < wanted; i++)
        rows = reach->needed[i] > rows ? reach->needed[i] : rows;
    rows >>= 32;
    rows = rows > most / LEAST_PART ? rows : most / LEAST_PART;
    return rows < most ? (uint32_t)rows : most;
}

mql_status
near_set_reach(Near *near, Error *err)
{
    const Build *build = near->build;
    uint32_t samples = build->header.node_count / NODES_EACH;
    samples = samples > SAMPLES_MOST    ? SAMPLES_MOST
              : samples < SAMPLES_LEAST ? SAMPLES_LEAST
                                        : samples;
    Reach reach = {
        .near = near, .samples = samples, .every = near->places / samples + 1};
    reach.needed = calloc(samples, NEAREST * sizeof *reach.needed);
    reach.found = calloc(samples, sizeof *reach.found);
    mql_status status =
        reach.needed == NULL || reach.found == NULL
            ? error_no_memory(err)
            : pool_run(build->input->pool, samples, 4, try_places, &reach, err);
    if (status == MQL_OK)
        near->rows = rows_enough(&reach);
    free(reach.needed);
    free(reach.found);
    return status;
}
