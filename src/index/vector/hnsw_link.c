/* SPDX-License-Identifier: Apache-2.0 */
/* hnsw_link.c - which links a node keeps. */
#include "index/vector/hnsw_build.h"

#include <stdlib.h>
#include <string.h>

/* Candidates that a chosen one is compared with at once: enough to fetch rows
 * ahead; those behind the last one chosen are compared in vain. */
#define CHOICE_BLOCK 32

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

/* Candidates of a block that no chosen one covers, nearest first. */
typedef struct OpenBlock {
    uint32_t count;
    uint32_t places[CHOICE_BLOCK]; /* among the candidates */
    uint32_t rows[CHOICE_BLOCK];
} OpenBlock;

/* What is being chosen. */
typedef struct Choice {
    const Build *build;
    Worker *worker;
    uint32_t level;
    uint32_t chosen; /* links so far            */
    uint32_t passed; /* candidates passed over  */
} Choice;

/*
 * Close the candidates that are nearer to a chosen one than to the node. A copy
 * of the chosen one is passed over too: else a clump of equal vectors would
 * link to itself and nowhere else. (Under IP distance 0 says nothing about
 * being equal.)
 */
static mql_status
close_covered(const Choice *choice, uint32_t id, OpenBlock *open, Error *err)
{
    const Space *space = &choice->build->space;
    const Neighbor *candidates = choice->worker->candidates;
    SpaceQuery from =
        space_query_row(space, build_row(choice->build, choice->level, id));
    bool equal_counts =
        space->metric == METRIC_L2 || space->coder.type == CODES_L2;
    float distances[CHOICE_BLOCK];
    uint32_t left = 0;
    TRY(space_distances(space, &from, open->rows, open->count, distances, err));
    for (uint32_t i = 0; i < open->count; i++) {
        uint32_t place = open->places[i];
        bool is_covered = distances[i] < candidates[place].distance ||
                          (equal_counts && distances[i] == 0);
        open->places[left] = place;
        open->rows[left] = open->rows[i];
        left += !is_covered;
    }
    open->count = left;
    return MQL_OK;
}

/* Those that are left, one after the other, each closing others. Sets the bits
 * of the chosen in the block. */
static mql_status
take_open(Choice *choice, uint32_t first, uint32_t most, OpenBlock *open,
          uint32_t *taken, Error *err)
{
    Worker *worker = choice->worker;
    while (open->count > 0 && choice->chosen < most) {
        uint32_t place = open->places[0];
        uint32_t id = worker->candidates[place].row;
        *taken |= 1u << (place - first);
        worker->chosen[choice->chosen++] = id;
        open->count--;
        memmove(open->places, open->places + 1,
                open->count * sizeof *open->places);
        memmove(open->rows, open->rows + 1, open->count * sizeof *open->rows);
        TRY(close_covered(choice, id, open, err));
    }
    return MQL_OK;
}

/* Choose among the candidates from `first` up to `end`. */
static mql_status
choose_block(Choice *choice, uint32_t first, uint32_t end, uint32_t most,
             Error *err)
{
    Worker *worker = choice->worker;
    OpenBlock open = {.count = end - first};
    uint32_t taken = 0;
    for (uint32_t i = first; i < end; i++) {
        open.places[i - first] = i;
        open.rows[i - first] =
            build_row(choice->build, choice->level, worker->candidates[i].row);
    }
    for (uint32_t i = 0; i < choice->chosen && open.count > 0; i++)
        TRY(close_covered(choice, worker->chosen[i], &open, err));
    TRY(take_open(choice, first, most, &open, &taken, err));
    for (uint32_t i = first; i < end && choice->passed < most; i++)
        if ((taken >> (i - first) & 1) == 0)
            worker->passed[choice->passed++] = worker->candidates[i].row;
    return MQL_OK;
}

mql_status
build_choose(const Build *build, Worker *worker, uint32_t level,
             uint32_t *count, uint32_t most, Error *err)
{
    Choice choice = {build, worker, level, 0, 0};
    for (uint32_t i = 0; i < *count && choice.chosen < most;
         i += CHOICE_BLOCK) {
        uint32_t end = *count - i < CHOICE_BLOCK ? *count : i + CHOICE_BLOCK;
        TRY(choose_block(&choice, i, end, most, err));
    }
    for (uint32_t i = 0; i < choice.passed && choice.chosen < most; i++)
        worker->chosen[choice.chosen++] = worker->passed[i];
    *count = choice.chosen;
    return MQL_OK;
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

static bool
is_among(const uint32_t *ids, uint32_t count, uint32_t id)
{
    for (uint32_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* Add links from a target to some sources; all are ids of the level. */
static mql_status
add_to(Build *build, Worker *worker, uint32_t level, const SortItem *sources,
       uint32_t count, Error *err)
{
    uint32_t target = (uint32_t)sources[0].key;
    uint32_t most = hnsw_links_most(build->header.m, level);
    uint32_t degree = build_degree(build, level, target);
    uint32_t *slots = build_links(build, level, target);
    for (uint32_t done = 0; done < count;) {
        if (is_among(slots, degree, sources[done].value)) {
            done++;
            continue;
        }
        if (degree < most) { /* room is left: no choice to make */
            slots[degree++] = sources[done++].value;
            continue;
        }
        memcpy(worker->ids, slots, degree * sizeof *slots);
        uint32_t total = degree;
        for (; done < count && total < worker->candidates_most; done++)
            if (!is_among(worker->ids, total, sources[done].value))
                worker->ids[total++] = sources[done].value;
        TRY(gather(build, worker, level, target, &total, err));
        /* Room for some more, so that not every link needs a choice. */
        TRY(build_choose(build, worker, level, &total, most - most / 4, err));
        degree = total;
        build_set_links(build, level, target, worker->chosen, degree);
    }
    return MQL_OK;
}

/* ---- many links at once ---- */

mql_status
new_links_init(NewLinks *links, Build *build, size_t most, Error *err)
{
    *links = (NewLinks){.build = build};
    if (most >= UINT32_MAX)
        return error_no_memory(err);
    links->items = calloc(most, sizeof *links->items);
    links->spare = calloc(most, sizeof *links->spare);
    links->groups = calloc(most + 1, sizeof *links->groups);
    return links->items == NULL || links->spare == NULL || links->groups == NULL
               ? error_no_memory(err)
               : MQL_OK;
}

void
new_links_free(NewLinks *links)
{
    free(links->items);
    free(links->spare);
    free(links->groups);
}

static mql_status
add_work(void *context, uint32_t thread, uint64_t first, uint64_t count,
         Error *err)
{
    const NewLinks *links = context;
    Build *build = links->build;
    if (is_cancelled(build->input->cancel))
        return error_cancelled(err);
    for (uint64_t i = first; i < first + count; i++)
        TRY(add_to(build, &build->workers[thread], links->level,
                   links->items + links->groups[i],
                   links->groups[i + 1] - links->groups[i], err));
    return MQL_OK;
}

mql_status
build_add_links(NewLinks *links, uint32_t level, Error *err)
{
    const IndexBuild *input = links->build->input;
    size_t groups = 0;
    links->level = level;
    TRY(sort_items(links->items, links->spare, links->count, NULL, NULL,
                   input->cancel, err));
    for (size_t i = 0; i < links->count; i++)
        if (i == 0 || links->items[i].key != links->items[i - 1].key)
            links->groups[groups++] = (uint32_t)i;
    links->groups[groups] = (uint32_t)links->count;
    links->count = 0;
    return pool_run(input->pool, groups, 16, add_work, links, err);
}
