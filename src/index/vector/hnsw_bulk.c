/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_bulk.c - links of the lowest level for all nodes at once.
 *
 * Each node chooses among its near neighbours (hnsw_near.h) as it would among
 * what a walk found, and links go both ways. The nodes of the upper levels have
 * joined before, one after the other: theirs are the long links that lead from
 * one part of the graph to another. Here they get near ones as well.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "index/vector/hnsw_near.h"

typedef struct Bulk {
    Build *build;
    Near near;
    uint32_t first_tile; /* of the slice whose links are being made */
    uint32_t *chosen;    /* m for each node of the slice, tile by tile, ... */
    uint32_t *degrees;   /* ... NEAR_TILE nodes for each                    */
    NewLinks links;
} Bulk;

static mql_status
choose_work(void *context, uint32_t thread, uint64_t first, uint64_t count,
            Error *err)
{
    Bulk *bulk = context;
    Build *build = bulk->build;
    Worker *worker = &build->workers[thread];
    uint32_t m = build->header.m;
    for (uint64_t i = first; i < first + count; i++) {
        NearTile tile = bulk->near.tiles[bulk->first_tile + i];
        if (is_cancelled(build->input->cancel))
            return error_cancelled(err);
        near_find(&bulk->near, thread, tile);
        for (uint32_t number = 0; number < tile.count; number++) {
            size_t node = i * NEAR_TILE + number;
            uint32_t found = near_take(&bulk->near, thread, tile, number,
                                       worker->candidates);
            TRY(build_choose(build, worker, 0, &found, m, err));
            bulk->degrees[node] = found;
            memcpy(bulk->chosen + node * m, worker->chosen,
                   found * sizeof *worker->chosen);
        }
    }
    return MQL_OK;
}

/* The links that a tile's nodes chose, both ways. */
static void
collect(Bulk *bulk, NearTile tile, size_t first_node)
{
    NewLinks *links = &bulk->links;
    uint32_t m = bulk->build->header.m;
    for (uint32_t number = 0; number < tile.count; number++) {
        uint32_t row = bulk->near.members[tile.first + number];
        size_t node = first_node + number;
        for (uint32_t i = 0; i < bulk->degrees[node]; i++) {
            uint32_t to = bulk->chosen[node * m + i];
            links->items[links->count++] = (SortItem){row, to};
            links->items[links->count++] = (SortItem){to, row};
        }
    }
}

static mql_status
link_tiles(Bulk *bulk, uint32_t slice, Error *err)
{
    const Near *near = &bulk->near;
    Build *build = bulk->build;
    uint64_t joined = build->header.counts[1];
    uint64_t left = build->header.node_count - joined;
    for (uint32_t first = 0; first < near->tile_count; first += slice) {
        uint32_t count = near->tile_count - first;
        count = count < slice ? count : slice;
        bulk->first_tile = first;
        TRY(pool_run(build->input->pool, count, 1, choose_work, bulk, err));
        for (uint32_t i = 0; i < count; i++)
            collect(bulk, near->tiles[first + i], (size_t)i * NEAR_TILE);
        TRY(build_add_links(&bulk->links, 0, err));
        build_report(build, joined + left * (first + count) / near->tile_count);
    }
    return MQL_OK;
}

static mql_status
make_all(Bulk *bulk, Error *err)
{
    Build *build = bulk->build;
    size_t nodes, links;
    TRY(near_make(build, &bulk->near, err));
    uint32_t slice = build_batch_most(build) / NEAR_TILE + 1;
    if (!size_multiply(slice, NEAR_TILE, &nodes) ||
        !size_multiply(nodes, build->header.m, &links))
        return error_no_memory(err);
    bulk->chosen = calloc(links, sizeof *bulk->chosen);
    bulk->degrees = calloc(nodes, sizeof *bulk->degrees);
    if (bulk->chosen == NULL || bulk->degrees == NULL)
        return error_no_memory(err);
    TRY(new_links_init(&bulk->links, build, 2 * links, err));
    return link_tiles(bulk, slice, err);
}

mql_status
build_bulk(Build *build, Error *err)
{
    Bulk bulk = {.build = build};
    mql_status status = make_all(&bulk, err);
    near_free(&bulk.near);
    new_links_free(&bulk.links);
    free(bulk.chosen);
    free(bulk.degrees);
    return status;
}
