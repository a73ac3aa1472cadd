/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_k.h - the k nearest of a stream of neighbours: a bounded max-heap, ties
 * by row.
 */
#ifndef INDEX_TOP_K_H
#define INDEX_TOP_K_H

#include <stdbool.h>
#include <stdint.h>

#include "index/index.h"

typedef struct TopK {
    Neighbor *heap; /* caller's memory for `k` entries */
    uint32_t k;
    uint32_t count;
} TopK;

static inline TopK
top_k_of(Neighbor *memory, uint32_t k)
{
    return (TopK){memory, k, 0};
}

/* Nearer, or as near with the smaller row. */
static inline bool
neighbor_before(Neighbor a, Neighbor b)
{
    return a.distance < b.distance ||
           (a.distance == b.distance && a.row < b.row);
}

/* Keep it if it is among the k nearest so far; whether it is. */
bool top_k_offer(TopK *top, Neighbor neighbor);

/* Sort what was kept, nearest first; returns the number. */
uint32_t top_k_finish(TopK *top);

#endif
