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
 *   CODES_PRODUCT  parts of the vector, see product_codes.h
 *
 * Under COSINE all of them are of vectors made unit length, and distances are
 * those of L2, which order them in the same way.
 */
#ifndef INDEX_VECTOR_SMALL_CODES_H
#define INDEX_VECTOR_SMALL_CODES_H

#include "index/vector/codes.h"
#include "index/vector/product_codes.h"

/* Codes and what they mean; all memory belongs to somebody else. */
typedef struct SmallCodes {
    CodeType type;        /* CODES_NONE: there are none                    */
    Coder coder;          /* of the vectors; SIXES: with center and step   */
    ProductCodes product; /* CODES_PRODUCT                            */
    uint32_t stride;      /* bytes of a code                               */
    const uint8_t *codes;
    const float *terms; /* of rows whose codes have them, else NULL   */
} SmallCodes;

/* A query; its memory is room that the caller gave. */
typedef struct SmallQuery {
    const void *values; /* as the type likes them */
    uint8_t *unpacked;  /* SIXES: room for a row  */
} SmallQuery;

/* Bytes of a code; all but codes and terms is known. */
uint32_t small_stride(const SmallCodes *small);

/* Whether rows have terms, and floats of the books that codes need. */
bool small_has_terms(const SmallCodes *small);
size_t small_books_size(const SmallCodes *small);

/* Bytes for making a query. */
size_t small_query_size(const SmallCodes *small);

/* `room` is 8-byte aligned memory of small_query_size() bytes. */
SmallQuery small_query(const SmallCodes *small, const void *vector,
                       uint8_t *room);

/* Less is nearer, in units of the query's own, never NaN; of `count` rows. */
void small_distances(const SmallCodes *small, const DistanceTable *kernels,
                     const SmallQuery *query, const uint32_t *rows,
                     uint32_t count, float *distances);

typedef struct SmallTraining {
    const VectorColumn *column; /* with a vector, verified              */
    Pool *pool;
    const atomic_bool *cancel;
    float *center; /* dim floats: becomes the column's, for SIXES       */
    float *books;  /* small_books_size(), which small->product then has */
} SmallTraining;

/* Choose step or points for a column. */
mql_status small_train(const SmallTraining *training, SmallCodes *small,
                       Error *err);

/* What encoding needs; shared by threads. */
typedef struct SmallEncoder {
    const SmallCodes *small;
    ProductEncoder product;
} SmallEncoder;

/* Also after a failure small_encoder_free() is needed. */
mql_status small_encoder_init(const SmallCodes *small, SmallEncoder *encoder,
                              Error *err);
void small_encoder_free(SmallEncoder *encoder);

/* Rows that are encoded together at most. */
#define SMALL_BLOCK POINTS_BLOCK

/* Memory that encoding works in, 4-byte aligned. */
size_t small_room_size(const SmallCodes *small);

/* Write the codes of `count` rows: that of row r to codes + r * stride, which
 * is zero, and its term, if it has one, to terms[r]. */
void small_encode(const SmallEncoder *encoder, const VectorColumn *column,
                  const uint32_t *rows, uint32_t count, void *room,
                  uint8_t *codes, float *terms);

/* Whether a row's code (and term) is what encoding it gives, but for the last
 * digit of a norm, which differs between instruction sets. `room` is of
 * small_room_size() bytes. */
bool small_is_right(const SmallEncoder *encoder, const VectorColumn *column,
                    uint32_t row, void *room);

#endif
