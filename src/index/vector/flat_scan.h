/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flat_scan.h - a target as the codes of FLAT see it: what scans of one target
 * and of many share.
 */
#ifndef INDEX_VECTOR_FLAT_SCAN_H
#define INDEX_VECTOR_FLAT_SCAN_H

#include "index/top_k.h"
#include "index/vector/flat_codes.h"

/* When fewer than this part of the rows is allowed, floats are scanned: codes
 * of all rows are read, vectors only of those allowed. */
#define FLAT_ALLOWED_PART 5

typedef struct FlatTarget {
    const FlatCodes *codes;
    const VectorColumn *column;
    Metric metric;
    bool is_read; /* VectorQuery.reads_rows */
    ExactQuery exact;
    int8_t *code;  /* stride bytes */
    double step;   /* t */
    double sum;    /* U */
    double square; /* of the length of what the code stands for */
    double error;
    double length; /* of the target; 1 under COSINE               */
    double slack;  /* part of a distance that the exact kernels round */
    double spread; /* part of squares that the estimate rounds        */
} FlatTarget;

/* `room`: dim floats, free again afterwards; `code`: stride bytes, which the
 * target keeps, as it does the query's vector. False: numbers too large or too
 * small, or no direction; then floats are scanned. */
bool flat_target_init(FlatTarget *target, const FlatCodes *codes,
                      const VectorColumn *column, Metric metric,
                      const VectorQuery *query, float *room, int8_t *code);

/* What a row has to pass to be among the nearest; while fewer than k were found
 * every row passes. */
CodeBound flat_bound(const FlatTarget *target, const TopK *top);

/* Codes and terms of `count` rows from `first` on, checked. */
mql_status flat_verify(const FlatCodes *codes, uint32_t first, uint32_t count,
                       Error *err);

/* The terms of the rows from `first` on. */
void flat_terms(const FlatCodes *codes, uint32_t first,
                const float *terms[FLAT_TERMS]);

/* Rows of a run are looked at together; a multiple of 64. */
#define FLAT_RUN 1024

/* Some rows that follow each other. */
typedef struct FlatRun {
    uint32_t first, count;              /* `first` is a multiple of 64     */
    int32_t dots[FLAT_RUN];             /* products with the target's code */
    uint64_t candidates[FLAT_RUN / 64]; /* that are still to be looked at  */
} FlatRun;

/* Bits of `count` rows from `first` on that are allowed (NULL: all) and not
 * NULL. */
void flat_candidates(const VectorColumn *column, const uint64_t *allowed,
                     uint32_t first, uint32_t count, uint64_t *candidates);

/*
 * With an empty `top`: look at the k candidates that are nearest by their codes
 * and take them out, so that the bound is near from the start. With rows as
 * they come each of the first ones has to be looked at, and k ln(rows / k)
 * more.
 */
mql_status flat_seed(const FlatTarget *target, FlatRun *run, TopK *top,
                     Error *err);

/* Look at the candidates that pass. */
mql_status flat_look_through(const FlatTarget *target, const FlatRun *run,
                             TopK *top, Error *err);

/* Look at a row, unless it cannot be among the nearest by now; the bound
 * follows `top`. */
mql_status flat_look_at(const FlatTarget *target, uint32_t row, int32_t dot,
                        CodeBound *bound, TopK *top, Error *err);

#endif
