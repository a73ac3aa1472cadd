/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact_near.h - the true neighbours of rows of a column, what codes and graphs
 * are measured against while they are made.
 */
#ifndef INDEX_VECTOR_EXACT_NEAR_H
#define INDEX_VECTOR_EXACT_NEAR_H

#include "index/index.h"

/* Rows that are best looked up together: they share one pass. */
#define NEAR_TOGETHER 32

typedef struct TrueNear {
    const VectorColumn *column;
    Metric metric;
    const uint64_t *allowed; /* rows that may be neighbours; NULL: all valid */
    uint32_t k;              /* neighbours of each                          */
    const atomic_bool *cancel; /* may be NULL */
} TrueNear;

/* Find the nearest of `count` rows, up to NEAR_TOGETHER, each itself left out:
 * found[i] of them, ties by row, at nearest + i * k. Floats are verified. */
mql_status true_near(const TrueNear *near, const uint32_t *rows, uint32_t count,
                     Neighbor *nearest, uint32_t *found, Error *err);

#endif
