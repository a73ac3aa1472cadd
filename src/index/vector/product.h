/* SPDX-License-Identifier: Apache-2.0 */
/*
 * product.h - product quantization (Jegou, Douze and Schmid 2011): a vector is
 * cut into parts of dim / parts elements, each coded as the nearest of a few
 * points that k-means found for it.
 *
 * The points of all parts are a *book*: element i of point c of part p is
 * book[(p * dim / parts + i) * points + c].
 */
#ifndef INDEX_VECTOR_PRODUCT_H
#define INDEX_VECTOR_PRODUCT_H

#include "index/vector/kmeans.h"
#include "index/vector/points.h"

typedef struct ProductShape {
    uint32_t dim, parts; /* parts divides dim  */
    uint32_t points;     /* of a part, 2 to 256 */
} ProductShape;

/* Elements of a part. */
static inline uint32_t
product_width(const ProductShape *shape)
{
    return shape->dim / shape->parts;
}

/* Floats of a book. */
static inline size_t
product_book_size(const ProductShape *shape)
{
    return (size_t)shape->dim * shape->points;
}

/* Rows that each point is trained with. */
#define PRODUCT_SAMPLE 256

/* Of `rows` vectors, at least 1, so many are enough to train with. */
uint32_t product_sample_size(const ProductShape *shape, uint32_t rows);

/* Find the points: `sample` has `count` vectors, at least 1. */
mql_status product_train(const ProductShape *shape, const float *sample,
                         uint32_t count, Pool *pool, const atomic_bool *cancel,
                         float *book, Error *err);

/* The products of each part of `point`, times `factor`, with each of its
 * points: values[p * points + c]. */
void product_values(const ProductShape *shape, const float *book,
                    const float *point, float factor, float *values);

/* Add to them the square of the length of each point. */
void product_add_squares(const ProductShape *shape, const float *book,
                         float *values);

/* A book as points_nearest() likes it. */
typedef struct ProductPoints {
    ProductShape shape;
    Points *parts;
    float *rows; /* the points of all parts, one behind the other */
    uint32_t count;
} ProductPoints;

/* Also after a failure product_points_free() is needed. */
mql_status product_points_init(const ProductShape *shape, const float *book,
                               ProductPoints *points, Error *err);
void product_points_free(ProductPoints *points);

/* The codes of `count` vectors, at most POINTS_BLOCK, dim floats apart: a byte
 * for each part, vector by vector, `stride` bytes apart. Thread-safe. */
void product_encode(const ProductPoints *points, const float *vectors,
                    uint32_t count, uint8_t *codes, size_t stride);

/* The square of the distance of a part of a vector to one of its points. */
double product_part_distance(const ProductShape *shape, const float *book,
                             const float *vector, uint32_t part, uint8_t code);

#endif
