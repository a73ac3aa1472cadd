/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace.h - what looking at a row costs, in the ways in which a filtered
 * search may do it: measured on the first searches that do, and then kept, in
 * memory alone, as long as the index is open. Files know nothing of it.
 */
#ifndef INDEX_VECTOR_PACE_H
#define INDEX_VECTOR_PACE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef enum Pace {
    PACE_CODES,  /* scanning codes                       */
    PACE_FLOATS, /* scanning vectors                     */
    PACE_MASKED, /* walking, to the allowed rows         */
    PACE_WALK,   /* walking as if all were allowed       */
    PACE_LISTS,  /* going through the codes of lists     */
    PACE_BATCH,  /* scanning vectors for many targets    */
    PACES
} Pace;

/* Fewer rows tell nothing. */
#define PACE_ROWS_LEAST 256

/* Fewer runs are not believed, more are not measured. */
#define PACE_RUNS_LEAST 16
#define PACE_RUNS 64

/* All zero: nothing was measured. Any number of threads. */
typedef struct Paces {
    atomic_uint runs[PACES];  /* that were measured                          */
    atomic_uint least[PACES]; /* the quickest, sixteenths of a nanosecond a
                                 row; 0: none                                */
} Paces;

/* Bytes that each way reads for a row. */
typedef struct PaceSizes {
    size_t code, vector;
} PaceSizes;

/*
 * Nanoseconds a row. What was not measured is what it usually is, of rows that
 * are in memory and not in cache, slower or faster by as much as the other
 * scan (lists, batches: that of vectors), or of PACE_MASKED the other walk,
 * was.
 */
double pace_cost(const Paces *pace, Pace way, PaceSizes sizes);

/* The processor time of this thread, to measure by; -1 where enough was
 * measured: the clock takes a third of a microsecond. */
int64_t pace_begin(const Paces *pace, Pace way);

/* A search that began then looked at so many rows until now; of PACE_MASKED at
 * as many as were expected. Few rows tell nothing. */
void pace_end(Paces *pace, Pace way, int64_t began, double rows);

/* It took so many nanoseconds: for pace_end(), and for tests. */
void pace_add(Paces *pace, Pace way, int64_t nanoseconds, double rows);

#endif
