/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nibbles.h - half a byte for each element of a vector, for walking a graph
 * with half the memory that bytes take (codes.h).
 *
 * Sixteen values are few, so the vector is turned first, in a way drawn by
 * chance (signs and a Hadamard transform): every element is then much like the
 * others and errors cancel each other. One step width serves all elements:
 *
 *   y = turned(x - center), v = floor(y / step) + 8, held to 0..15; what v
 *   stands for is (2 v - 15) step / 2, called y'. IP: center is 0.
 *
 * The query keeps a byte for each element, q = round(y / s), held to -127..127.
 * |query - y'|^2 is, but for what all rows share, proportional to
 *
 *   norm * step / (8 s) - sum of q v,   norm = sum of (2 v - 15)^2.
 *
 * What all rows share is s / (2 step) * sum of q^2 + 7.5 * sum of q, the base
 * of the query. Under IP it and the first part are left out. The norms are kept
 * beside the codes in 16 bits each. A code takes `stride` bytes, a multiple of
 * 64; block b of 64 bytes holds the elements from 128 b on, the first 64 of
 * them in the low halves of its bytes; elements past `dim` are 0.
 */
#ifndef INDEX_VECTOR_NIBBLES_H
#define INDEX_VECTOR_NIBBLES_H

#include "index/vector/codes.h"

/* Both parts of the encoded column; they belong to somebody else. */
typedef struct Nibbles {
    Metric metric;       /* COSINE: of vectors made unit length */
    ElementType element; /* of the vectors */
    uint32_t dim;
    uint32_t stride;     /* bytes of a code; 0: there are no nibbles     */
    uint32_t shift;      /* norms are divided by 2^shift                 */
    float step;          /* above 0                                      */
    const float *center; /* dim elements, not under IP                   */
    const uint8_t *codes;
    const uint16_t *norms;
} Nibbles;

/* A query: room for nibbles_query_size() bytes is the caller's. */
typedef struct NibbleQuery {
    const int8_t *code;
    float weight; /* of a norm */
    float base;   /* makes distances proportional to true ones, 0 under IP */
} NibbleQuery;

static inline uint32_t
nibble_stride(uint32_t dim)
{
    return (dim + 127) / 128 * 64;
}

/* Bytes for making a query: its code, and floats to work with. */
static inline size_t
nibble_query_size(uint32_t dim)
{
    return 2 * (size_t)nibble_stride(dim) + 2 * (size_t)dim * sizeof(float);
}

/*
 * Choose step and shift for a column that `coder` was trained on; the center is
 * shared with it. A stride of 0: the numbers do not allow codes.
 */
mql_status nibbles_train(const VectorColumn *column, const Coder *coder,
                         Nibbles *nibbles, Error *err);

/* The code of a vector, stride bytes, and its norm. `room` is for 2 dim floats;
 * `seed` as for coder_encode(). */
void nibbles_encode(const Nibbles *nibbles, const void *vector, uint64_t seed,
                    float *room, uint8_t *code, uint16_t *norm);

/* Whether two codes differ by at most one in each element, and not at all
 * past them: a norm may differ in its last bit between instruction sets. */
bool nibbles_are_near(const Nibbles *nibbles, const uint8_t *a,
                      const uint8_t *b);

/* The norm of a code. */
uint16_t nibbles_norm(const Nibbles *nibbles, const uint8_t *code);

/* `room` is 4-byte aligned memory of nibble_query_size() bytes. */
NibbleQuery nibbles_query(const Nibbles *nibbles, const void *vector,
                          uint8_t *room);

/* Distances in units of the query's own: less is nearer. */
static inline void
nibble_distances(const Nibbles *nibbles, const DistanceTable *kernels,
                 const NibbleQuery *query, const uint32_t *rows, uint32_t count,
                 float *distances)
{
    const NibbleRows table = {nibbles->codes, nibbles->norms, nibbles->stride};
    kernels->nibble_rows(query->code, query->weight, &table, rows, count,
                         distances);
}

#endif
