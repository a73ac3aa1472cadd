/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivf_internal.h - lists of rows around centroids, in memory and in their file;
 * for ivf*.c only.
 *
 * Every row is in the list of its nearest centroid. A *place* is the position
 * of a row in the order of lists; codes lie in that order, so that a list is
 * one stretch of memory. A search estimates the distances of all rows of the
 * lists nearest to the query from their codes, and ranks the best by the
 * vectors themselves. docs/format/index-files.md has the file.
 *
 * A code is one byte for each element: y = x - center, code = round(y / step)
 * + 64, held to 1..127; what a code stands for is called y'. COSINE: x is of
 * unit length; zero vectors, which have no direction, are in no list but come
 * after the last one.
 */
#ifndef INDEX_VECTOR_IVF_INTERNAL_H
#define INDEX_VECTOR_IVF_INTERNAL_H

#include <pthread.h>

#include "index/kernels/lists.h"
#include "index/top_k.h"
#include "index/vector/blur.h"
#include "index/vector/codes.h"
#include "index/vector/exact.h"
#include "index/vector/pace.h"

#define IVF_VERSION 1
#define IVF_LISTS_MOST 65536
#define IVF_PARTS_MOST 65536
#define IVF_BLOCK 256        /* places estimated at a time         */
#define IVF_REFINE_MOST 1000 /* rows to rank, as a multiple of k */
#define IVF_REORDER_MOST 16384000

enum {
    IVF_SECTION_HEADER = 1,
    IVF_SECTION_STARTS = 2,    /* u32 place of each list's first row; of the
                                  zero vectors; and the number of places */
    IVF_SECTION_BOUNDS = 3,    /* IvfBound of each list; not for PQ      */
    IVF_SECTION_CENTROIDS = 4, /* their codes, as those of rows          */
    IVF_SECTION_NORMS = 5,     /* f32 |y'|^2 of each centroid            */
    IVF_SECTION_CENTER = 6,    /* f32 of each element                    */
    IVF_SECTION_ROWS = 7,      /* u32 row of each place                  */
    IVF_SECTION_TERMS = 8,     /* f32 |y'|^2 of each place; not for IP   */
    IVF_SECTION_CODES = 9,     /* a code for each place                  */
    IVF_SECTION_BOOKS = 10,    /* PQ: f32, see Ivf.books                 */
    IVF_SECTION_FACTORS = 11,  /* signs: f32 of each place, see ivf_signs.c */
};

typedef struct IvfHeader {
    uint32_t version;
    uint32_t row_count;   /* of the segment                                */
    uint32_t place_count; /* rows with a vector                           */
    uint32_t zero_count;  /* COSINE: zero vectors, the last places         */
    uint32_t dim;
    uint32_t metric;     /* Metric                                            */
    uint32_t nlist;      /* as asked                                          */
    uint32_t list_count; /* 0: no lists, every search is a scan           */
    uint32_t code_type;  /* IvfCodes                                      */
    float step;          /* of the codes, above 0                         */
    uint32_t refine;     /* rows to rank, as a multiple of k; 0: all that
                            may be among the nearest                      */
    uint32_t parts;      /* of a vector; 0: not PQ */
    uint32_t reserved[4]; /* 0 */
} IvfHeader;

_Static_assert(sizeof(IvfHeader) == 64, "on-disk format");

/* How far codes of a list are from what they stand for: |y - y'|, and |y'|, at
 * most. */
typedef struct IvfBound {
    float error;
    float norm;
} IvfBound;

typedef enum IvfCodes {
    IVF_CODES_FLAT = 1,  /* bytes; the lists are searched exactly */
    IVF_CODES_SQ8 = 2,   /* bytes; the best estimates are ranked  */
    IVF_CODES_PQ4 = 3,   /* a nibble for each part of a vector    */
    IVF_CODES_PQ8 = 4,   /* a byte for each part of a vector      */
    IVF_CODES_SIGNS = 6, /* a bit for each element, see ivf_signs.c   */
    IVF_CODES_BITS = 5,  /* the vectors themselves, which are bits */
} IvfCodes;

/* What was asked for. */
typedef struct IvfShape {
    IvfCodes codes;
    uint32_t parts; /* PQ, else 0 */
    uint32_t nlist;
} IvfShape;

/* Position in every kind's table of search options. */
#define IVF_OPTION_NPROBE 0

typedef struct IvfScratch IvfScratch;

typedef struct Ivf {
    Index base;
    IvfHeader header;
    Coder coder;
    const VectorColumn *column;
    SectionFile *file; /* NULL: in memory, nothing to verify */
    const uint32_t *starts;
    const IvfBound *bounds;
    const uint8_t *centroids;
    const float *norms;
    const uint32_t *rows;
    const float *terms;
    const uint8_t *codes;
    const float *factors; /* signs, else NULL */
    const float *books;   /* PQ: element i of code c of part p is
                             books[(p * dim / parts + i) * points + c] */
    uint32_t *blocks; /* nibbles: the first block of each list, and the end; its
                         own memory */
    Section rows_section, terms_section, codes_section, factors_section;
    int refine_option, reorder_option; /* search options, or -1 */
    int bits_option;
    Paces *pace; /* pace_room: searches that measure see the index as const */
    Paces pace_room;
    pthread_mutex_t lock;       /* guards free_scratches */
    IvfScratch *free_scratches; /* of searches that are over */
} Ivf;

/* Room that grows, in an arena or, where that is NULL, of its own. */
typedef struct IvfRoom {
    Neighbor *list;
    uint32_t most;
    Arena *arena;
} IvfRoom;

/* What a search works with. */
struct IvfScratch {
    IvfScratch *next;
    float *distances;   /* of each list                              */
    Neighbor *lists;    /* as many, see ListOrder in ivf_search.c    */
    int8_t *query;      /* coder.stride                              */
    float *point;       /* dim                                       */
    float *values;      /* of each code of each part, see ivf_pq.c   */
    float *turned;      /* signs: 2 * dim                            */
    uint8_t *tables;    /* nibbles: values as bytes                  */
    float least, scale; /* a sum of bytes stands for least + scale * sum */
    IvfRoom candidates;
    IvfRoom limits; /* the memory of a TopK                      */
};

/* Bytes of a code. */
static inline uint32_t
ivf_stride(uint32_t dim)
{
    return (dim + 31) / 32 * 32;
}

/* Places in lists; those after are zero vectors. */
static inline uint32_t
ivf_listed(const IvfHeader *header)
{
    return header->place_count - header->zero_count;
}

/* Codes of parts, of what a row's list leaves of it. */
static inline bool
ivf_is_pq(const IvfHeader *header)
{
    return header->parts > 0;
}

/* Nibbles in blocks of rows. */
static inline bool
ivf_has_nibbles(const IvfHeader *header)
{
    return header->code_type == IVF_CODES_PQ4 ||
           header->code_type == IVF_CODES_SIGNS;
}

/* Bytes of elements, with bounds of how wrong they are. */
static inline bool
ivf_has_bounds(const IvfHeader *header)
{
    return header->code_type == IVF_CODES_FLAT ||
           header->code_type == IVF_CODES_SQ8;
}

static inline bool
ivf_has_terms(const IvfHeader *header)
{
    return header->metric != METRIC_IP && header->code_type != IVF_CODES_BITS;
}

/* Codes of a part. */
static inline uint32_t
ivf_points(const IvfHeader *header)
{
    return ivf_has_nibbles(header) ? 16 : 256;
}

/* Parts that have a code each: of signs 4 elements. */
static inline uint32_t
ivf_parts(const IvfHeader *header)
{
    return header->code_type == IVF_CODES_SIGNS ? (header->dim + 3) / 4
                                                : header->parts;
}

/* Nibbles of a row of a block. */
static inline size_t
ivf_nibbles(const IvfHeader *header)
{
    return (ivf_parts(header) + 3) / 4 * 4;
}

/* Bytes of a place's code; not for nibbles. */
static inline size_t
ivf_code_size(const Ivf *ivf)
{
    if (ivf->header.code_type == IVF_CODES_BITS)
        return vector_row_size(ivf->column);
    return ivf_is_pq(&ivf->header) ? ivf->header.parts : ivf->coder.stride;
}

/* Where the codes of a place begin, which for nibbles is the first of a block.
 */
static inline uint64_t
ivf_codes_at(const Ivf *ivf, uint32_t list, uint32_t place)
{
    const IvfHeader *header = &ivf->header;
    if (ivf_has_nibbles(header))
        return (ivf->blocks[list] +
                (uint64_t)(place - ivf->starts[list]) / NIBBLE_ROWS) *
               NIBBLE_ROWS / 2 * ivf_nibbles(header);
    return (uint64_t)place * ivf_code_size(ivf);
}

/* Bytes of all codes. */
uint64_t ivf_codes_size(const Ivf *ivf);

/* Sets blocks of nibbles from starts; nothing for others. */
mql_status ivf_set_blocks(Ivf *ivf, Error *err);

/* ---- PQ, see ivf_pq.c ---- */

/* What a row's vector is, less the centroid of its list. */
void ivf_residual(const Ivf *ivf, uint32_t list, uint32_t row, float *vector);

/* What the query makes of each code of each part; `scratch` has the point. */
void ivf_pq_tables(const Ivf *ivf, IvfScratch *scratch);

/* Bytes for the values of nibbles. */
void ivf_fill_tables(const Ivf *ivf, IvfScratch *scratch);

/* Sums of the bytes of `count` places, at most IVF_BLOCK, from `place` on: a
 * multiple of NIBBLE_ROWS after the start of the list. */
void ivf_sum_nibbles(const Ivf *ivf, const IvfScratch *scratch, uint32_t list,
                     uint32_t place, uint32_t count, uint16_t *sums);

/* Estimates of such places of a list whose centroid is `base` away. */
void ivf_pq_estimate(const Ivf *ivf, const IvfScratch *scratch, uint32_t list,
                     uint32_t place, uint32_t count, float base,
                     float *distances);

/* Put the nibbles of a place, one in each of `from`, where they belong, which
 * was zero; and one of them back. */
void ivf_store_nibbles(const Ivf *ivf, uint32_t list, uint32_t place,
                       const uint8_t *from, uint8_t *codes);
uint8_t ivf_nibble(const Ivf *ivf, uint32_t list, uint32_t place,
                   uint32_t part);

/* Find the points of each part: books has room for dim * points floats. */
mql_status ivf_pq_train(const Ivf *ivf, Pool *pool, const atomic_bool *cancel,
                        float *books, Error *err);

/* Codes and terms of all lists. */
mql_status ivf_pq_encode(const Ivf *ivf, Pool *pool, const atomic_bool *cancel,
                         uint8_t *codes, float *terms, Error *err);

/* Whether codes and terms of a list are what its rows give. */
mql_status ivf_pq_check(const Ivf *ivf, uint32_t list, bool *is_right,
                        Error *err);

/* ---- signs, see ivf_signs.c ---- */

/* The query as signs see it: `bits` for each element, 0: all of a float. */
void ivf_signs_tables(const Ivf *ivf, IvfScratch *scratch, uint32_t bits);
void ivf_signs_estimate(const Ivf *ivf, const IvfScratch *scratch,
                        uint32_t list, uint32_t place, uint32_t count,
                        float base, float *distances);
mql_status ivf_signs_encode(const Ivf *ivf, Pool *pool,
                            const atomic_bool *cancel, uint8_t *codes,
                            float *terms, float *factors, Error *err);
mql_status ivf_signs_check(const Ivf *ivf, uint32_t list, bool *is_right,
                           Error *err);

IvfScratch *ivf_scratch_create(const Ivf *ivf);
void ivf_scratch_destroy(IvfScratch *scratch);

/* |y'|^2 of a code. */
float ivf_code_norm(const Coder *coder, const uint8_t *code);

/* |y - y'| of a vector (as kmeans_row() gives it) and its code. */
double ivf_code_error(const Coder *coder, const float *vector,
                      const uint8_t *code);

/* What the kinds in ivf_kinds.c have in common. */
/* Bytes that ivf_build() allocates at once, at most. */
uint64_t ivf_memory(const IndexBuild *input, IvfShape shape);
mql_status ivf_build(const IndexBuild *input, IvfShape shape,
                     SectionWriter *writer, Error *err);
mql_status ivf_search(const Index *index, const VectorQuery *query,
                      Neighbor *nearest, uint32_t *found, Error *err);
mql_status ivf_search_many(const Index *index, const VectorQuery *query,
                           const VectorTargets *targets, Arena *arena,
                           Error *err);
mql_status ivf_check(const Index *index, Error *err);
mql_status ivf_open(const IndexKind *kind, IvfShape shape,
                    const IndexOpen *input, Index **index, Error *err);
void ivf_close(Index *index);

/*
 * Search with all choices made: `probes` lists, `refine` as in the header, no
 * scan of the column in place of lists. For ivf_search() and to try at build
 * what refine is needed.
 */
mql_status ivf_search_lists(const Ivf *ivf, IvfScratch *scratch,
                            const VectorQuery *query, uint32_t probes,
                            uint32_t refine, Neighbor *nearest, uint32_t *found,
                            Error *err);

#endif
