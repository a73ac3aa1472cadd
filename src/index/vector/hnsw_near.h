/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_near.h - near neighbours of all nodes, without a graph; for hnsw_*.c
 * only.
 *
 * Nodes are put into lists, each with the nearest of some nodes drawn by
 * chance, the leaders (as in IVF). The nodes of one list look together through
 * the lists whose leaders are nearest to them: the codes of a list come into
 * cache once for all of them, and lie so that 16 are compared with 8 nodes at
 * once. That is up to four times the distances of a walk, at a thirtieth of the
 * cost of each. (Groups and all pairs inside are PiPNN's idea, arXiv
 * 2602.21247. There groups overlap; here a node is in one list, so that all its
 * neighbours are found at one place, and nothing has to be kept or merged.)
 *
 * The same neighbours are found whatever the number of threads and the
 * instruction set: distances are integers, ties are broken by place.
 */
#ifndef INDEX_VECTOR_HNSW_NEAR_H
#define INDEX_VECTOR_HNSW_NEAR_H

#include "index/kernels/lists.h"
#include "index/vector/hnsw_build.h"

/* Nodes of a list that look through lists together. */
#define NEAR_TILE 64

typedef struct NearTile {
    uint32_t list;
    uint32_t first; /* place */
    uint32_t count;
} NearTile;

/* A place or a list as seen from a node: distance, then number. */
typedef uint64_t NearKey;

/* What a thread works with. */
typedef struct NearRoom {
    int32_t *distances; /* of SIDE_QUERIES nodes to all leaders     */
    NearKey *lists;     /* as seen from a node                      */
    uint64_t *votes;    /* for each list: which of the tile want it */
    uint32_t *order;    /* lists that are wanted                    */
    NearKey *found;     /* near->most for each of the tile          */
    uint32_t counts[NEAR_TILE];
    int32_t limits[NEAR_TILE]; /* only nearer ones are wanted       */
} NearRoom;

typedef struct Near {
    const Build *build;
    const ListTable *kernels;
    size_t size;     /* elements of a code that are compared           */
    uint32_t kept;   /* neighbours of a node at most                   */
    uint32_t most;   /* ... before the farther ones are dropped        */
    uint32_t rows;   /* a node looks through about so many             */
    uint32_t window; /* ... of one list at most, in groups             */
    uint32_t list_count;
    uint32_t *starts;  /* places of a list: from a multiple of SIDE_ROWS ... */
    uint32_t *counts;  /* ... so many                                        */
    uint32_t *weights; /* what looking through a list counts for, in rows    */
    uint32_t places;   /* of all lists                                       */
    uint32_t *members; /* the row of each place                              */
    uint32_t *ranks;   /* ... and its number in the order of nodes           */
    uint32_t early;    /* nodes below it look among lower ranks only         */
    uint8_t *codes;    /* of each place, side by side (kernels/lists.h)      */
    int32_t *norms;    /* INT32_MAX where there is no row                    */
    uint8_t *leaders;  /* the same for the leaders                           */
    int32_t *leader_norms;
    uint32_t *nearest; /* of each node, while lists are made                 */
    NearTile *tiles;   /* all of them, list by list                          */
    uint32_t tile_count;
    NearRoom *rooms; /* one for each thread                                  */
} Near;

/*
 * Put all nodes of a build with codes of the type CODES_L2 into lists. Memory:
 * its codes once more, about 14 bytes for each row, and for each thread 60
 * bytes for each list. near_free() is needed in any case.
 */
mql_status near_make(const Build *build, Near *near, Error *err);
void near_free(Near *near);

/* Find the neighbours of the nodes of a tile; they stay in the thread's room
 * until the next call. */
void near_find(const Near *near, uint32_t thread, NearTile tile);

/* Those of node `number` of the tile, nearest first, itself left out: up to
 * near->kept. Returns how many. */
uint32_t near_take(const Near *near, uint32_t thread, NearTile tile,
                   uint32_t number, Neighbor *neighbors);

/* The keys of places that node `number` of the tile found, sorted in
 * room->found from number * near->most on; returns how many. */
uint32_t near_sort(const Near *near, uint32_t thread, uint32_t number);

/* All lists as seen from a place, nearest first, into room->lists. */
void near_sort_lists(const Near *near, uint32_t thread, uint32_t place);

/* Set near->rows to what is enough here (hnsw_reach.c), at most what it is. */
mql_status near_set_reach(Near *near, Error *err);

#endif
