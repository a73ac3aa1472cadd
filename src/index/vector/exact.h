/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact.h - the distance of a query to a row, from the elements themselves.
 *
 * Every answer of every kind is ranked by these numbers, so that an exact scan
 * and a graph search of the same row give the same bits.
 */
#ifndef INDEX_VECTOR_EXACT_H
#define INDEX_VECTOR_EXACT_H

#include "index/index.h"
#include "index/kernels/distance.h"
#include "index/kernels/elements.h"

typedef struct ExactQuery {
    const DistanceTable *kernels;
    const ElementTable *elements; /* for what is not ELEMENT_F32 */
    const void *vector;           /* the caller's, of `element` */
    ElementType element;
    uint32_t dim;
    Metric metric;
    double norm;  /* COSINE: of the vector, 1 when it is zero              */
    bool is_wild; /* COSINE: float arithmetic would lose it                */
    bool is_zero; /* COSINE: all elements are 0                            */
} ExactQuery;

/* `metric` must fit the element type. */
ExactQuery exact_query_of(Metric metric, ElementType element,
                          const void *vector, uint32_t dim);

/* The inner number: less is nearer. Never NaN. */
float exact_distance(const ExactQuery *query, const void *row);

/* Same, of `count` rows. */
void exact_distances(const ExactQuery *query, const void *const *rows,
                     uint32_t count, float *distances);

/* Norms and sums of squares outside these lose digits in float. */
#define EXACT_SQUARE_LEAST 1e-30f
#define EXACT_SQUARE_MOST 1e30f

/* Also false for NaN. */
static inline bool
exact_is_tame(float square)
{
    return square > EXACT_SQUARE_LEAST && square < EXACT_SQUARE_MOST;
}

bool vector_is_zero(ElementType element, const void *vector, uint32_t dim);

/* Rows are looked at in groups of at most so many: of PANEL_ROWS. */
#define VECTOR_ROWS 252

/* The next rows from `*from` on that are allowed (NULL: all) and valid; their
 * number, 0: no more. */
uint32_t vector_next_rows(const VectorColumn *column, const uint64_t *allowed,
                          size_t *from, uint32_t rows[VECTOR_ROWS]);

/* Check the bytes of `rows`, ascending; neighbours are checked together. */
mql_status vector_verify_rows(const VectorColumn *column, const uint32_t *rows,
                              uint32_t count, Error *err);

/* Exact distances of `count` rows of the column, in any order; `is_read`: they
 * are read from the column's file, not through its mapping (VectorQuery). */
mql_status exact_rows(const ExactQuery *query, const VectorColumn *column,
                      bool is_read, const uint32_t *rows, uint32_t count,
                      float *distances, Error *err);

/* A thread asked to stop: true once `cancel` (may be NULL) is set. */
static inline bool
is_cancelled(const atomic_bool *cancel)
{
    return cancel != NULL && atomic_load_explicit(cancel, memory_order_relaxed);
}

mql_status error_cancelled(Error *err);

#endif
