/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sort.h - a stable sort of 64-bit keys that carry a 32-bit value.
 *
 * Our own because it must stop when asked and never take more memory than the
 * caller gave it; the C library's promises neither.
 */
#ifndef INDEX_SORT_H
#define INDEX_SORT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct SortItem {
    uint64_t key;
    uint32_t value;
} SortItem;

/* Order of two items with equal keys: <0, 0, >0. */
typedef int (*SortTie)(const void *context, SortItem a, SortItem b);

/* Sort by key, then by `tie` (NULL: equal keys stay in their order). `spare`
 * has room for `count` items; `cancel` may be NULL. */
mql_status sort_items(SortItem *items, SortItem *spare, size_t count,
                      SortTie tie, const void *context,
                      const atomic_bool *cancel, Error *err);

#endif
