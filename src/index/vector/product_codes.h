/* SPDX-License-Identifier: Apache-2.0 */
/*
 * product_codes.h - codes of product quantization in several stages, row by
 * row, for walking a graph.
 *
 * The first stage codes a vector (product.h), each further one what those
 * before left of it (product residual quantization; Chen, Guan and Wang 2010).
 * With x' for the sum of the points, the distance to a query q is, but for what
 * all rows share, |x'|^2 - 2 q x', under IP - q x': a sum of one number for
 * each point of the code that only depends on the query. With one stage |x'|^2
 * is in those numbers; with more each row has it as its *term*.
 *
 * A code is stages * parts numbers of `bits` bits, stage by stage, without gaps
 * from the lowest bit of the first byte on; what is left of the last byte is 0.
 */
#ifndef INDEX_VECTOR_PRODUCT_CODES_H
#define INDEX_VECTOR_PRODUCT_CODES_H

#include "index/vector/product.h"

#define PRODUCT_BITS_MOST 8
#define PRODUCT_STAGES_MOST 16

typedef struct ProductCodes {
    ProductShape shape; /* points: 2^bits */
    uint32_t stages, bits;
    bool is_dot;        /* IP */
    const float *books; /* one for each stage; the owner is elsewhere */
} ProductCodes;

/* Numbers of a code. */
static inline uint32_t
product_numbers(const ProductCodes *product)
{
    return product->stages * product->shape.parts;
}

/* Bytes of a code. */
static inline uint32_t
product_stride(const ProductCodes *product)
{
    return (product_numbers(product) * product->bits + 7) / 8;
}

/* Floats of all books. */
static inline size_t
product_books_size(const ProductCodes *product)
{
    return product->stages * product_book_size(&product->shape);
}

/* Whether rows have terms. */
static inline bool
product_has_terms(const ProductCodes *product)
{
    return product->stages > 1 && !product->is_dot;
}

/* Find the points of all stages; `sample` has `count` vectors, at least 1, and
 * is overwritten. */
mql_status product_codes_train(const ProductCodes *product, float *sample,
                               uint32_t count, Pool *pool,
                               const atomic_bool *cancel, float *books,
                               Error *err);

/* What encoding needs; shared by threads. */
typedef struct ProductEncoder {
    ProductCodes codes;
    ProductPoints stages[PRODUCT_STAGES_MOST];
} ProductEncoder;

/* Also after a failure product_encoder_free() is needed. */
mql_status product_encoder_init(const ProductCodes *product,
                                ProductEncoder *encoder, Error *err);
void product_encoder_free(ProductEncoder *encoder);

/* The numbers of up to POINTS_BLOCK vectors, a byte each, vector by vector; the
 * vectors become what the code leaves of them. */
void product_encode_stages(const ProductEncoder *encoder, float *vectors,
                           uint32_t count, uint8_t *numbers);

/* Numbers to a code of product_stride() zero bytes, and back. */
void product_pack(const ProductCodes *product, const uint8_t *numbers,
                  uint8_t *code);
void product_unpack(const ProductCodes *product, const uint8_t *code,
                    uint8_t *numbers);

/* |x'|^2 of a row's numbers. */
float product_term(const ProductCodes *product, const uint8_t *numbers);

/* Whether these numbers are as near to the vector as the encoder's, but for
 * rounding; the vector is overwritten, `expected` is for as many numbers. */
bool product_is_near(const ProductEncoder *encoder, float *vector,
                     const uint8_t *numbers, uint8_t *expected);

/* The number for each point: `values` has room for product_numbers() *
 * shape.points. */
void product_tables(const ProductCodes *product, const float *query,
                    float *values);

/* The sum of a row's numbers from these tables. */
float product_sum(const ProductCodes *product, const float *values,
                  const uint8_t *code);

#endif
