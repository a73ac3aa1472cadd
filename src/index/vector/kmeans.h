/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kmeans.h - centroids of rows, for IVF.
 *
 * Lloyd's iterations with squared Euclidean distances. Many centroids are found
 * in two steps, sqrt(k) groups and then centroids in each group, and polished
 * over all of them. The same rows give the same centroids with any number of
 * threads. Memory: the centroids twice, 16 bytes for each row, and a block of
 * rows for each thread; rows are read where they lie.
 */
#ifndef INDEX_VECTOR_KMEANS_H
#define INDEX_VECTOR_KMEANS_H

#include "index/index.h"

typedef struct KmeansInput {
    const VectorColumn *column; /* verified                                 */
    bool is_unit;               /* rows are made unit length; none is zero  */
    const uint32_t *rows;       /* which rows                               */
    uint32_t count;
    Pool *pool;
    const atomic_bool *cancel; /* may be NULL */
} KmeansInput;

/* Rows to train `k` centroids with, out of `count`. */
uint32_t kmeans_sample_size(uint32_t count, uint32_t k);

/* Find `k` centroids, at least 1, at most input->count; room for k * dim
 * elements. Some may be equal when rows are. */
mql_status kmeans_train(const KmeansInput *input, uint32_t k, float *centroids,
                        Error *err);

/* The nearest centroid of each row, or one that is about as near (points.h); of
 * equally near ones the first. */
mql_status kmeans_assign(const KmeansInput *input, const float *centroids,
                         uint32_t k, uint32_t *nearest, Error *err);

/* A row as floats; with is_unit made unit length. */
void kmeans_row(const VectorColumn *column, bool is_unit, uint32_t row,
                float *vector);

#endif
