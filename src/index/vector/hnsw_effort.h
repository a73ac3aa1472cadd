/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_effort.h - which `ef` gives which recall.
 *
 * Nobody knows what recall an `ef` means but the data; so it is measured when
 * an index is built, and a small table of the file says which is the least `ef`
 * for a few recalls and limits. A search that asks for a recall looks between
 * the table's points: in the logarithms of the misses, of the limit and of
 * `ef`, along which the curves are nearly straight.
 */
#ifndef INDEX_VECTOR_HNSW_EFFORT_H
#define INDEX_VECTOR_HNSW_EFFORT_H

#include <stdbool.h>
#include <stdint.h>

#define EFFORT_LIMITS 2
#define EFFORT_RECALLS 8
#define EFFORT_MOST 65536

/* `ef` for each limit and recall; 0: none that was tried reaches it. */
typedef struct HnswEfforts {
    uint32_t ef[EFFORT_LIMITS][EFFORT_RECALLS];
} HnswEfforts;

_Static_assert(sizeof(HnswEfforts) == 64, "on-disk format");

/* 10, 100; and recalls, ascending. */
extern const uint32_t effort_limits[EFFORT_LIMITS];
extern const double effort_recalls[EFFORT_RECALLS];

/* Whether no number is out of range and neither more recall nor a larger limit
 * takes less. */
bool efforts_are_valid(const HnswEfforts *efforts);

/* The `ef` for k rows at `recall`, above 0 and up to 1; more of either never
 * gives less. 0: only a scan is known to reach that. */
uint32_t efforts_find(const HnswEfforts *efforts, uint32_t k, double recall);

#endif
