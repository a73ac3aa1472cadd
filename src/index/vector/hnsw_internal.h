/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_internal.h - an HNSW graph in memory and in its file; for hnsw*.c only.
 *
 * Nodes are put in order by level, highest first, and by chance within a level.
 * A node's place in that order is its id on every level but the lowest; so the
 * ids of level l are 0 .. count_l - 1, each level's nodes are a prefix of those
 * of the level below, and node 0 is where every search begins. On the lowest
 * level the id is the segment's row. docs/format/index-files.md has the file.
 */
#ifndef INDEX_VECTOR_HNSW_INTERNAL_H
#define INDEX_VECTOR_HNSW_INTERNAL_H

#include <pthread.h>

#include "index/vector/graph.h"
#include "index/vector/hnsw_effort.h"
#include "index/vector/pace.h"

#define HNSW_VERSION 2
#define HNSW_LEVELS_MOST 16

/* Sections; the number is the level for links, else 0. */
enum {
    HNSW_SECTION_HEADER = 1,
    HNSW_SECTION_ROWS = 2,   /* u32 for each node above the lowest level */
    HNSW_SECTION_LINKS = 3,  /* u32 slots, see graph.h                   */
    HNSW_SECTION_CENTER = 4, /* float for each element, CODES_L2         */
    HNSW_SECTION_CODES = 5,  /* a code for each row                      */
    HNSW_SECTION_NORMS = 7,  /* u16 for each row, CODES_NIBBLES          */
    HNSW_SECTION_COPIES = 6, /* u32 for each row, see Copies; only if any */
    HNSW_SECTION_EFFORT = 8, /* HnswEfforts                              */
    HNSW_SECTION_BOOKS = 9,  /* float, see product.h, CODES_PRODUCT      */
    HNSW_SECTION_TERMS = 10, /* float for each row, of several stages    */
};

typedef struct HnswHeader {
    uint32_t version;
    uint32_t row_count;  /* of the segment    */
    uint32_t node_count; /* different vectors */
    uint32_t dim;
    uint32_t metric; /* Metric */
    uint32_t m;
    uint32_t ef_construction;
    uint32_t level_count; /* 0 when there is no node */
    uint32_t entry_row;   /* the row of node 0       */
    uint32_t code_type;   /* CodeType                */
    float code_step;
    uint32_t rerank_percent; /* rows to rank by floats, of k; 0: k    */
    uint32_t work;           /* distances of a search at HNSW_WORK_EF */
    uint32_t copy_count;     /* rows with a vector that are not nodes */
    uint32_t norm_shift;     /* CODES_NIBBLES                         */
    float growth;            /* see hnsw_stop(); 0: walks go on       */
    uint32_t counts[HNSW_LEVELS_MOST]; /* nodes of each level         */
} HnswHeader;

_Static_assert(sizeof(HnswHeader) == 128, "on-disk format");

/* The width at which `work` was measured. */
#define HNSW_WORK_EF 64

/* Positions in every kind's option tables; only some have refine_k, where
 * others have 0. */
enum { HNSW_OPTION_M, HNSW_OPTION_EF_CONSTRUCTION, HNSW_OPTIONS };
enum { HNSW_OPTION_EF, HNSW_OPTION_REFINE_K };

#define HNSW_REFINE_MOST 1000 /* refine_k      */
#define HNSW_PARTS_MOST 65536 /* m, as Milvus' */

/* What the options of a kind ask of the codes that searches walk over. */
typedef struct HnswShape {
    CodeType codes;  /* CODES_NONE: what the data allow; CODES_L2: bytes */
    bool is_refined; /* more rows than were asked for are ranked         */
    uint32_t parts, stages, bits; /* CODES_PRODUCT                       */
} HnswShape;

typedef struct Hnsw {
    Index base;
    HnswHeader header;
    HnswShape shape;
    const VectorColumn *column;
    SectionFile *file;
    Space space;
    Level levels[HNSW_LEVELS_MOST];
    Copies copies;
    HnswEfforts efforts;
    Paces *pace; /* pace_room: searches that measure see the index as const
                  */
    Paces pace_room;
    pthread_mutex_t lock;    /* guards what follows */
    Scratch *free_scratches; /* of searches that are over */
    uint64_t *copied;        /* hnsw_find_copied()'s; NULL: not asked */
} Hnsw;

/* Slots of a row of links. */
static inline uint32_t
hnsw_stride(uint32_t m, uint32_t level)
{
    uint32_t most = level == 0 ? 2 * m : m;
    return (most + 15) / 16 * 16;
}

/* Links at most, on a level. */
static inline uint32_t
hnsw_links_most(uint32_t m, uint32_t level)
{
    return level == 0 ? 2 * m : m;
}

#define HNSW_GROWTH_MOST 4.0f

/* Of what is usual, how much farther a walk goes on. */
#define HNSW_STOP_SHARE 0.85

/*
 * When a walk for the `count` nearest with `width` in view may end: of the rows
 * of a segment the width-th nearest is (width / count)^growth times as far as
 * the count-th (squared), by and large. Where it is much farther, walking on to
 * it is of no use.
 */
WalkStop hnsw_stop(const HnswHeader *header, uint32_t count, uint32_t width);

/* Half bytes blur no more than that: percentages to rank. */
#define HNSW_NIBBLES_BLUR 200

/*
 * So many rows at least are in view of a walk for the `count` nearest that was
 * told its effort, where `ranked` of them would be ranked. All of these, for
 * the answers may be anywhere among them; only where half bytes blur little a
 * fourth of what they are more than the answers: who asks for few wants speed.
 */
uint32_t hnsw_view_least(const Space *space, uint32_t percent, uint32_t count,
                         uint32_t ranked);

/* A scratch for one search; given back with hnsw_scratch_return(). */
mql_status hnsw_scratch_take(Hnsw *hnsw, Scratch **scratch, Error *err);
void hnsw_scratch_return(Hnsw *hnsw, Scratch *scratch);

/* A bit array of the rows with the same vector as another, found when it is
 * first asked for; NULL when there are none. The index's. */
mql_status hnsw_find_copied(Hnsw *hnsw, const uint64_t **copied, Error *err);

/* The product quantization that a shape asks for; its books are not known. */
static inline ProductCodes
hnsw_product(const HnswShape *shape, const HnswHeader *header)
{
    if (shape->codes != CODES_PRODUCT)
        return (ProductCodes){.stages = 0};
    return (ProductCodes){
        .shape = {header->dim, shape->parts, UINT32_C(1) << shape->bits},
        .stages = shape->stages,
        .bits = shape->bits,
        .is_dot = header->metric == METRIC_IP};
}

/* A damaged file: an index "has a wrong" what. */
mql_status hnsw_wrong(const Hnsw *hnsw, const char *what, Error *err);

/* A large section: its size is checked, its bytes when they are used. */
mql_status hnsw_find_section(const Hnsw *hnsw, SectionId id, uint64_t size,
                             Section *section, Error *err);

/* What searches walk over: fills hnsw->space from header and sections. */
mql_status hnsw_open_codes(Hnsw *hnsw, Error *err);

/* What the kinds in hnsw_kinds.c have in common. */
mql_status hnsw_build(const IndexBuild *input, HnswShape shape,
                      SectionWriter *writer, Error *err);
/* Bytes that hnsw_build() allocates at once, at most. */
uint64_t hnsw_memory(const IndexBuild *input, HnswShape shape);
mql_status hnsw_open(const IndexKind *kind, HnswShape shape,
                     const IndexOpen *input, Index **index, Error *err);
void hnsw_close(Index *index);
mql_status hnsw_search(const Index *index, const VectorQuery *query,
                       Neighbor *nearest, uint32_t *found, Error *err);
mql_status hnsw_check(const Index *index, Error *err);

#endif
