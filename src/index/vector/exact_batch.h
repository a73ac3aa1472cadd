/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact_batch.h - the exact answers for many targets over the same rows.
 *
 * Rows are handed over a group at a time, wherever they come from; each is read
 * once for all targets. The answers are those of exact_distance() on every row,
 * bit for bit.
 */
#ifndef INDEX_VECTOR_EXACT_BATCH_H
#define INDEX_VECTOR_EXACT_BATCH_H

#include "base/arena.h"
#include "index/top_k.h"
#include "index/vector/exact.h"

typedef struct ExactBatch {
    const VectorTargets *targets;
    Metric metric;
    ElementType element;
    uint32_t dim;
    uint32_t block_rows; /* so many rows stay in the cache; of PANEL_ROWS   */
    double slack;        /* part of the norms that rounding may amount to   */
    ExactQuery *queries; /* per target */
    TopK *tops;          /* per target */
    double *norms;  /* per target: of the square for L2, else of the length */
    float *panels;  /* targets turned, 32 together; NULL: few, or of bits   */
    float *bounds;  /* per target, to a multiple of 32                      */
    float *widened; /* block_rows rows as floats; NULL: they are            */
} ExactBatch;

/* Begin with no rows. Everything lives in `arena`; `targets` must outlive the
 * batch and has room for k neighbours each. */
mql_status exact_batch_init(ExactBatch *batch, Metric metric,
                            const VectorColumn *column, uint32_t k,
                            const VectorTargets *targets, Arena *arena,
                            Error *err);

/* `count` rows, at most VECTOR_ROWS: their vectors and numbers. */
void exact_batch_add(ExactBatch *batch, const void *const *vectors,
                     const uint32_t *rows, uint32_t count);

/* Sort what was found; sets the targets' `found`. */
void exact_batch_finish(ExactBatch *batch);

#endif
