/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_build.h - a graph while it is built; for hnsw_*.c only.
 *
 * Nodes join in batches. Every node of a batch looks for its neighbours in the
 * graph as it was before the batch, so threads only read it; then the links
 * back are added, target by target, each target by one thread. No locks, and
 * the same file comes out whatever the number of threads (as in ParlayANN).
 *
 * In a large graph with codes of distances only the nodes of the upper levels
 * join so. The neighbours of the others, most of all, are found without a graph
 * (hnsw_near.h), less than half of the time for the same links or better ones.
 */
#ifndef INDEX_VECTOR_HNSW_BUILD_H
#define INDEX_VECTOR_HNSW_BUILD_H

#include "index/sort.h"
#include "index/vector/hnsw_internal.h"

/* What a thread works with. */
typedef struct Worker {
    Scratch *scratch;
    SearchCounters counters;
    Neighbor *candidates; /* for the links of one node        */
    uint32_t candidates_most;
    float *distances;     /* candidates_most                  */
    uint32_t *ids, *rows; /* candidates_most                  */
    uint32_t *chosen;     /* ids, links of the node           */
    uint32_t *passed;     /* places of candidates passed over */
} Worker;

typedef struct Build {
    const IndexBuild *input;
    const VectorColumn *column;
    HnswHeader header;
    HnswShape shape;
    Space space;      /* to link over              */
    Space walk;       /* what searches walk over   */
    float *center;    /* of the codes              */
    uint8_t *codes;   /* NULL: none                */
    uint8_t *nibbles; /* for the file in place of codes; NULL: none */
    uint16_t *norms;
    uint8_t *small;    /* likewise */
    float *terms;      /* of these */
    float *books;      /* likewise */
    uint32_t *copies;  /* next of each row, see Copies         */
    uint64_t *is_copy; /* bit for each row that is not a node  */
    uint32_t *nodes;   /* rows in the order of nodes */
    uint32_t *links[HNSW_LEVELS_MOST]; /* the memory of levels[] */
    Level levels[HNSW_LEVELS_MOST];
    HnswEfforts efforts;
    uint32_t width; /* efConstruction, at most the number of nodes */
    Worker *workers;
    uint32_t worker_count;
} Build;

/* Neighbours that a node chooses among where no walk finds them, at most. */
#define NEAR_LEAST 128u
#define NEAR_LINKS 4u

static inline uint32_t
build_near_most(const Build *build)
{
    uint32_t most = build->header.m * NEAR_LINKS;
    most = most > NEAR_LEAST ? most : NEAR_LEAST;
    return most < build->width ? most : build->width;
}

/* The slots of an id. */
static inline uint32_t *
build_links(const Build *build, uint32_t level, uint32_t id)
{
    return build->links[level] + (size_t)id * build->levels[level].stride;
}

/* Number of links in use. */
static inline uint32_t
build_degree(const Build *build, uint32_t level, uint32_t id)
{
    const uint32_t *links = build_links(build, level, id);
    uint32_t degree = 0;
    while (degree < build->levels[level].stride && links[degree] != id)
        degree++;
    return degree;
}

static inline uint32_t
build_row(const Build *build, uint32_t level, uint32_t id)
{
    return level == 0 ? id : build->nodes[id];
}

/* Codes to build with, and those that the file gets: sets header, space and
 * walk. */
mql_status build_make_codes(Build *build, Error *err);
mql_status build_write_codes(const Build *build, SectionWriter *writer,
                             Error *err);

/* Find rows with the same vector: fills copies and is_copy, sets
 * header.copy_count. Both arrays have room for all rows. */
mql_status build_find_copies(Build *build, SortItem *items, SortItem *spare,
                             Error *err);

/* Whether a row has a vector. */
static inline bool
has_vector(const VectorColumn *column, uint32_t row)
{
    return column->valid == NULL || column->valid[row] != 0;
}

/* Make `count` ids the links of `id`. */
void build_set_links(Build *build, uint32_t level, uint32_t id,
                     const uint32_t *links, uint32_t count);

/*
 * Choose up to `most` links among `*count` worker->candidates, nearest first:
 * one that is nearer to a chosen one than to the node is passed over, since a
 * walk gets there by way of that one. Leaves `*count` ids in worker->chosen.
 */
mql_status build_choose(const Build *build, Worker *worker, uint32_t level,
                        uint32_t *count, uint32_t most, Error *err);

/* Links that are to be added: key is where from, value is where to. */
typedef struct NewLinks {
    Build *build;
    uint32_t level;
    SortItem *items, *spare;
    size_t count;
    uint32_t *groups; /* where the links of each node begin, and the end */
} NewLinks;

/* Room for `most` links; new_links_free() is needed in any case. */
mql_status new_links_init(NewLinks *links, Build *build, size_t most,
                          Error *err);
void new_links_free(NewLinks *links);

/*
 * Add them, all between ids of the level; each node is dealt with by one
 * thread, in the order of the items. Where there is no room the node chooses
 * anew. There are none afterwards.
 */
mql_status build_add_links(NewLinks *links, uint32_t level, Error *err);

/* Nodes of the lowest level alone, all of them at once (hnsw_bulk.c); the
 * others have joined. For codes of the type CODES_L2. */
mql_status build_bulk(Build *build, Error *err);

/* Nodes that joined, of all. */
void build_report(const Build *build, uint64_t done);

/* Nodes whose links are made together: few enough for their memory to be small
 * beside the graph's. */
uint32_t build_batch_most(const Build *build);

/* Where every search begins: an id of the highest level. */
static inline uint32_t
build_entry(const Build *build)
{
    return build->header.level_count == 1 ? build->nodes[0] : 0;
}

/* Find out which `ef` gives which recall: fills efforts. The graph is complete.
 */
mql_status build_measure_efforts(Build *build, Error *err);

/* Make every node of the lowest level reachable from the entry. */
mql_status build_repair(Build *build, Error *err);

/* The walk of a worker. */
Walk build_walk(Build *build, Worker *worker, const SpaceQuery *query);

#endif
