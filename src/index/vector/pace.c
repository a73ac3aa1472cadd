/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace.c - see pace.h. The least of some runs counts: others met rows that were
 * not in memory, or not in any cache, yet. A few tell nothing: were they slow
 * by chance, the search would go another way and no more would follow. After
 * these it is left as it is, so that the same search is answered in the same
 * way. The clock is the thread's own, which does not go on while others have
 * the processor.
 */
#include "index/vector/pace.h"

#include <math.h>
#include <time.h>

#define PARTS 16.0
/* What was measured is taken for at most so many times what is usual, or that
 * part of it. */
#define FACTOR 8.0
/* Of the bytes of a row, what a target waits for where many share them. */
#define BATCH_SHARES 16

/* A walk waits for each row, the less the more nodes are expanded together; a
 * scan runs ahead of itself. */
static double
usual_cost(Pace way, PaceSizes sizes)
{
    static const double waits[PACES] = {
        [PACE_CODES] = 20, [PACE_FLOATS] = 20, [PACE_MASKED] = 65,
        [PACE_WALK] = 65,  [PACE_LISTS] = 8,   [PACE_BATCH] = 1};
    size_t size = way == PACE_FLOATS  ? sizes.vector
                  : way == PACE_BATCH ? sizes.vector / BATCH_SHARES
                                      : sizes.code;
    return waits[way] + (double)size / 9.0;
}

/* Of what is usual; 0: not measured. */
static double
factor_of(const Paces *pace, Pace way, PaceSizes sizes)
{
    unsigned least =
        atomic_load_explicit(&pace->least[way], memory_order_relaxed);
    unsigned runs =
        atomic_load_explicit(&pace->runs[way], memory_order_relaxed);
    if (least == 0 || runs < PACE_RUNS_LEAST)
        return 0;
    double factor = least / PARTS / usual_cost(way, sizes);
    return fmin(fmax(factor, 1 / FACTOR), FACTOR);
}

double
pace_cost(const Paces *pace, Pace way, PaceSizes sizes)
{
    static const Pace like[PACES] = {
        [PACE_CODES] = PACE_FLOATS, [PACE_FLOATS] = PACE_CODES,
        [PACE_MASKED] = PACE_WALK,  [PACE_WALK] = PACE_WALK,
        [PACE_LISTS] = PACE_FLOATS, [PACE_BATCH] = PACE_FLOATS};
    double factor = factor_of(pace, way, sizes);
    if (factor == 0)
        factor = factor_of(pace, like[way], sizes);
    return usual_cost(way, sizes) * (factor == 0 ? 1 : factor);
}

void
pace_add(Paces *pace, Pace way, int64_t nanoseconds, double rows)
{
    if (rows < PACE_ROWS_LEAST || nanoseconds < 0)
        return;
    unsigned run =
        atomic_fetch_add_explicit(&pace->runs[way], 1, memory_order_relaxed);
    if (run >= PACE_RUNS) {
        atomic_store_explicit(&pace->runs[way], PACE_RUNS,
                              memory_order_relaxed);
        return;
    }
    double cost = (double)nanoseconds / rows * PARTS;
    unsigned value = (unsigned)fmin(fmax(cost, 1), 1e9);
    unsigned least =
        atomic_load_explicit(&pace->least[way], memory_order_relaxed);
    while ((least == 0 || value < least) &&
           !atomic_compare_exchange_weak_explicit(&pace->least[way], &least,
                                                  value, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

static int64_t
time_of_thread(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t
pace_begin(const Paces *pace, Pace way)
{
    unsigned runs =
        atomic_load_explicit(&pace->runs[way], memory_order_relaxed);
    return runs < PACE_RUNS ? time_of_thread() : -1;
}

void
pace_end(Paces *pace, Pace way, int64_t began, double rows)
{
    if (began >= 0)
        pace_add(pace, way, time_of_thread() - began, rows);
}
