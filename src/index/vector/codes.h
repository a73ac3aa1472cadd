/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codes.h - one byte for each element of a vector, for walking a graph.
 *
 * Only the order of distances matters on the way; what is found is ranked by
 * the floats afterwards. One step width serves all elements, so that the sum
 * over bytes needs no weights:
 *
 *   CODES_L2   round((x - center) / step) + 64, held to 1..127; `center` is the
 *              mean of each element. Serves L2, and COSINE over vectors made
 *              unit length first (|a - b|^2 = 2 - 2 cos).
 *   CODES_DOT  round(x / step), held to -127..127. Serves IP.
 *
 * A code takes `stride` bytes, a multiple of 64; the bytes past `dim` are zero.
 */
#ifndef INDEX_VECTOR_CODES_H
#define INDEX_VECTOR_CODES_H

#include "index/index.h"
#include "index/kernels/distance.h"

typedef enum CodeType {
    CODES_NONE = 0, /* walk over the floats */
    CODES_L2 = 1,
    CODES_DOT = 2,
    /* In a file, in place of bytes: */
    CODES_NIBBLES = 3, /* half a byte each, see nibbles.h               */
    CODES_SIXES = 4,   /* six bits each, see small_codes.h for the rest */
    CODES_HALVES = 5,  /* half floats                                   */
    CODES_BFLOATS = 6, /* bfloats                                       */
    CODES_PRODUCT = 7, /* product quantization                          */
} CodeType;

typedef struct Coder {
    CodeType type;
    Metric metric;
    uint32_t dim;
    uint32_t stride;     /* bytes of a code */
    float step;          /* above 0 */
    const float *center; /* CODES_L2: dim elements; the owner is elsewhere */
    ElementType element; /* of the vectors that are encoded */
} Coder;

static inline uint32_t
code_stride(uint32_t dim)
{
    return (dim + 63) / 64 * 64;
}

/*
 * Choose `step` and `center` (room for dim elements) for a column by looking at
 * a sample of its rows. The type is CODES_NONE when the numbers do not allow
 * codes.
 */
mql_status coder_train(const VectorColumn *column, Metric metric, float *center,
                       Coder *coder, Error *err);

/* The same for codes of at most so many steps to either side. */
mql_status coder_train_to(const VectorColumn *column, Metric metric,
                          float most_steps, float *center, Coder *coder,
                          Error *err);

/* Rows to rank by floats for `k` answers; 0 per cent: no more than those. */
static inline uint64_t
rerank_rows(uint64_t k, uint32_t rerank_percent)
{
    return rerank_percent == 0 ? k : k * rerank_percent / 100 + 4;
}

/* The floats that are encoded: the vector's, under COSINE made unit length; in
 * place of the zero vector the direction drawn by `seed`. dim of them. */
void coder_floats(const Coder *coder, const void *vector, uint64_t seed,
                  float *floats);

/*
 * Write the code of `vector`, stride bytes. Under COSINE the zero vector has no
 * direction, and a point of its own would be half way to everything: it gets a
 * direction drawn by `seed`, about at right angles to all others.
 */
void coder_encode(const Coder *coder, const void *vector, uint64_t seed,
                  uint8_t *code);

/* Less is nearer; in units of its own. */
static inline float
code_distance(const Coder *coder, const DistanceTable *kernels,
              const uint8_t *a, const uint8_t *b)
{
    if (coder->type == CODES_L2)
        return (float)kernels->l2_u7(a, b, coder->stride);
    return -(float)kernels->dot_i8((const int8_t *)a, (const int8_t *)b,
                                   coder->stride);
}

/* The same to `count` rows of a table of codes, fetched ahead. */
static inline void
code_distances(const Coder *coder, const DistanceTable *kernels,
               const uint8_t *a, const uint8_t *codes, const uint32_t *rows,
               uint32_t count, float *distances)
{
    if (coder->type == CODES_L2)
        kernels->l2_u7_rows(a, codes, coder->stride, rows, count, distances);
    else
        kernels->dot_i8_rows(a, codes, coder->stride, rows, count, distances);
}

#endif
