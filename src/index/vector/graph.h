/* SPDX-License-Identifier: Apache-2.0 */
/*
 * graph.h - walking a graph of near neighbours towards a point.
 *
 * A level is a table of links: row `id` has `stride` slots, the ids of its
 * neighbours first, its own id in every slot after them. The ids of the lowest
 * level are rows of the segment; the ids of the others are places in `rows`,
 * which names the segment's row of each. A level may be mapped from a file or
 * still be built in memory: the walk is the same, and in neither case does it
 * trust an id it reads.
 */
#ifndef INDEX_VECTOR_GRAPH_H
#define INDEX_VECTOR_GRAPH_H

#include "index/top_k.h"
#include "index/vector/space.h"

/* Ids are below this: a bit beside them marks expanded entries of a walk. */
#define GRAPH_IDS_MOST 0x7fffffffu

/* Nodes that a walk expands together. */
#define GRAPH_TOGETHER 3

typedef struct Level {
    const uint32_t *links;
    uint32_t stride;
    uint32_t count;       /* ids                                   */
    const uint32_t *rows; /* NULL: an id is a row                  */
    SectionFile *file;    /* NULL: memory                          */
    Section section;      /* of links                              */
    Section rows_section; /* of rows                               */
} Level;

/*
 * Rows with the very same vector are one node, the first of them. `next` makes
 * a ring of them in order: a row's next is the following one, the last one's is
 * the node; a row that has no copies is its own next. NULL: there are no
 * copies.
 */
typedef struct Copies {
    const uint32_t *next;
    uint32_t count;    /* rows         */
    SectionFile *file; /* NULL: memory */
    Section section;
} Copies;

/* The next of the ring; at most `row` when that was the last. */
mql_status copies_next(const Copies *copies, uint32_t row, uint32_t *next,
                       Error *err);

/* Whether the bits have a node or one of its copies. */
mql_status copies_allowed(const Copies *copies, const uint64_t *allowed,
                          uint32_t node, bool *is_allowed, Error *err);

/* Memory of one walk, used again by the next. */
typedef struct Scratch {
    struct Scratch *next;  /* in a list of free ones               */
    uint64_t *visited;     /* a bit for each id, and one after them */
    uint32_t visited_size; /* ids                                  */
    uint32_t *seen;        /* the ids whose bits are set           */
    float *met;            /* their distances; NULL: nobody asked  */
    uint32_t seen_count;
    uint32_t *ids;    /* neighbours not seen before ...       */
    uint32_t *rows;   /* ... their rows ...                   */
    float *distances; /* ... distances ...                    */
    int64_t *fresh;   /* ... and keys; fresh_most each        */
    uint32_t fresh_most;
    uint32_t *bridges; /* masked walk: neighbours to look behind ... */
    uint32_t *kept;    /* ... and which of a node's are allowed      */
    uint64_t *nodes;   /* scratch_nodes()'s; NULL: nobody asked      */
    Neighbor *pool;    /* nearest first; `row` is an id           */
    uint32_t pool_count, pool_capacity;
    int64_t *keys; /* of the pool while it grows */
    uint32_t key_count, key_capacity;
    uint8_t *code; /* of the query                             */
} Scratch;

/* For levels of up to `ids` ids with up to `links_most` slots. NULL: no memory.
 */
Scratch *scratch_create(uint32_t ids, uint32_t links_most, uint32_t code_size);
void scratch_destroy(Scratch *scratch);

/* A bit array of all ids, for a WalkMask's nodes; of the scratch. */
mql_status scratch_nodes(Scratch *scratch, uint64_t **nodes, Error *err);

/* Room for `capacity` pool entries. */
mql_status scratch_reserve(Scratch *scratch, uint32_t capacity, Error *err);

/*
 * When a walk may end before all `width` nodes in view were expanded: when the
 * first that was not is more than `ratio` times as far as the count-th, where
 * distances are what the space gives, and `base`.
 */
typedef struct WalkStop {
    uint32_t count; /* 0: never */
    float ratio;    /* at least 1 */
    float base;
} WalkStop;

/* What a walk is about. */
typedef struct WalkMask WalkMask;
typedef struct Walk {
    const Space *space;
    const SpaceQuery *query;
    const atomic_bool *cancel; /* may be NULL */
    SearchCounters *counters;  /* never NULL  */
    Scratch *scratch;
    bool is_verified; /* links need no check: all were checked */
    uint32_t hidden;  /* an id plus 1 that is never looked at; 0: none */
    WalkStop stop;
    bool is_kept;   /* plain walks that hide nothing: graph_walk_on() may
                       follow */
    WalkMask *mask; /* masked walks; NULL: all rows are allowed */
} Walk;

/* Reading the links of a node that is near others takes as long as measuring so
 * many rows. */
static inline double
links_work(const Level *level)
{
    return level->stride / 96.0;
}

/* The links of `id` (below level->count), verified: stride slots. */
mql_status level_links(const Level *level, uint32_t id, const uint32_t **links,
                       Error *err);

/*
 * Put the `width` nearest ids found by walking from the ids in scratch->pool
 * there, nearest first. `width` is at most the pool's capacity.
 */
mql_status graph_walk(const Walk *walk, const Level *level, uint32_t width,
                      Error *err);

/*
 * Go on with the last graph_walk(), which was kept, with more in view. Nothing
 * is measured again: the nearest of what was are in view first.
 */
mql_status graph_walk_on(const Walk *walk, const Level *level, uint32_t width,
                         Error *err);

/*
 * Where only some rows are allowed a walk goes from one of them to the next.
 * Of a node that has few allowed neighbours those behind the others are its
 * neighbours too: what is not allowed is a bridge, whose links are read but
 * which is neither measured nor kept in view (as in ACORN, arXiv 2403.04871,
 * section 5, and NaviX, arXiv 2506.23397, section 4).
 */
struct WalkMask {
    const uint64_t *allowed; /* bit array of rows                           */
    const Copies *copies;    /* a node with an allowed copy is allowed      */
    uint64_t *nodes;         /* where there are copies, else NULL: `allowed`
                                and all rows with copies, less those that
                                turn out to have none that is allowed       */
    uint32_t want;           /* allowed neighbours of a node to look for    */
    uint64_t most;           /* what the walk may take, in rows measured    */
    uint64_t first;          /* out: the work before it                     */
    uint64_t read;           /* out: nodes whose links were looked at       */
    uint64_t passed;         /* out: of these links, those to allowed nodes */
    bool is_exhausted;       /* out: given up, `most` was reached           */
    bool is_dry;             /* out: nothing was left to go on from         */
};

/*
 * Begin a masked walk on the lowest level at the one id in the pool, with
 * `width` allowed rows in view: look at its neighbours and theirs, and tell in
 * walk->mask how many of these are allowed.
 */
mql_status graph_begin_masked(const Walk *walk, const Level *level,
                              uint32_t width, Error *err);

/*
 * Go on with it: the pool gets up to `width` allowed rows, nearest first. What
 * it may cost may be exceeded by the neighbours of GRAPH_TOGETHER nodes.
 */
mql_status graph_walk_masked(const Walk *walk, const Level *level,
                             uint32_t width, Error *err);

/*
 * From `entry`, an id of levels[top], step to ever nearer ids down to the level
 * above `bottom`; the id of levels[bottom] arrived at is left alone in the
 * pool.
 */
mql_status graph_descend(const Walk *walk, const Level *levels, uint32_t top,
                         uint32_t bottom, uint32_t entry, Error *err);

#endif
