/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small_codes.h - codes that a user chooses for the walk through a graph, where
 * neither bytes (codes.h) nor half bytes (nibbles.h) are meant.
 *
 *   CODES_SIXES    six bits for each element: v = round((x - center) / step) +
 *                  32, held to 1..63; IP: center is 0. Blocks of 64 elements
 *                  have 48 bytes: bytes 0 to 47 hold elements 0 to 47 in their
 *                  low six bits; elements 48 to 63 lie two bits each in the
 *                  high bits of bytes i, i + 16 and i + 32, the lowest bits
 *                  first. Past `dim` there are zeros.
 *   CODES_HALVES   half floats, held to the largest one
 *   CODES_BFLOATS  bfloats, likewise
 *
 * Under COSINE all of them are of vectors made unit length, and distances are
 * those of L2, which order them in the same way.
 */
#ifndef INDEX_VECTOR_SMALL_CODES_H
#define INDEX_VECTOR_SMALL_CODES_H

#include "index/vector/codes.h"

/* Codes and what they mean; all memory belongs to somebody else. */
typedef struct SmallCodes {
    CodeType type;   /* CODES_NONE: there are none                    */
    Coder coder;     /* of the vectors; SIXES: with center and step   */
    uint32_t stride; /* bytes of a code                               */
    const uint8_t *codes;
} SmallCodes;

/* A query; its memory is room that the caller gave. */
typedef struct SmallQuery {
    const void *values; /* as the type likes them */
    uint8_t *unpacked;  /* SIXES: room for a row  */
} SmallQuery;

/* Bytes of a code of `dim` elements. */
uint32_t small_stride(CodeType type, uint32_t dim);

/* Bytes for making a query. */
size_t small_query_size(const SmallCodes *small);

/* `room` is 8-byte aligned memory of small_query_size() bytes. */
SmallQuery small_query(const SmallCodes *small, const void *vector,
                       uint8_t *room);

/* Less is nearer, in units of the query's own, never NaN; of `count` rows. */
void small_distances(const SmallCodes *small, const DistanceTable *kernels,
                     const SmallQuery *query, const uint32_t *rows,
                     uint32_t count, float *distances);

/* Choose the step of SIXES for a column; the other types need none. `center`
 * (dim elements) becomes that of the column. The step is 0 when the numbers
 * allow no codes. */
mql_status small_train(const VectorColumn *column, SmallCodes *small,
                       float *center, Error *err);

/* The code of a vector, stride bytes. `room` is for dim floats; `seed` as for
 * coder_encode(). */
void small_encode(const SmallCodes *small, const void *vector, uint64_t seed,
                  float *room, uint8_t *code);

/* Whether a code is what encoding the vector gives, but for the last digit of a
 * norm, which differs between instruction sets. `expected` is for a code. */
bool small_is_right(const SmallCodes *small, const void *vector, uint64_t seed,
                    const uint8_t *code, float *room, uint8_t *expected);

#endif
