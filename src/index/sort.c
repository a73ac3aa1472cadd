/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sort.c - merge sort from the bottom up: runs of 8 by insertion, then pairs of
 * runs are merged from one array into the other, back and forth.
 */
#include "index/sort.h"

#include <stdbool.h>
#include <string.h>

#define RUN 8
/* Items merged between two looks at `cancel`. */
#define CANCEL_ITEMS ((size_t)1 << 18)

typedef struct Order {
    SortTie tie;
    const void *context;
} Order;

/* `b` must come before `a`. */
static inline bool
is_after(const Order *order, SortItem a, SortItem b)
{
    if (a.key != b.key)
        return a.key > b.key;
    return order->tie != NULL && order->tie(order->context, a, b) > 0;
}

static void
sort_run(const Order *order, SortItem *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        SortItem moving = items[i];
        size_t place = i;
        for (; place > 0 && is_after(order, items[place - 1], moving); place--)
            items[place] = items[place - 1];
        items[place] = moving;
    }
}

static void
merge(const Order *order, const SortItem *left, size_t left_count,
      const SortItem *right, size_t right_count, SortItem *out)
{
    while (left_count > 0 && right_count > 0) {
        if (is_after(order, *left, *right)) {
            *out++ = *right++;
            right_count--;
        } else {
            *out++ = *left++;
            left_count--;
        }
    }
    if (left_count > 0)
        memcpy(out, left, left_count * sizeof *out);
    if (right_count > 0)
        memcpy(out, right, right_count * sizeof *out);
}

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

mql_status
sort_items(SortItem *items, SortItem *spare, size_t count, SortTie tie,
           const void *context, const atomic_bool *cancel, Error *err)
{
    Order order = {tie, context};
    for (size_t i = 0; i < count; i += RUN)
        sort_run(&order, items + i, least(RUN, count - i));

    SortItem *from = items, *to = spare;
    size_t merged = 0;
    for (size_t width = RUN; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width) {
            size_t left = least(width, count - i);
            size_t right = least(width, count - i - left);
            merge(&order, from + i, left, from + i + left, right, to + i);
            merged += left + right;
            if (merged < CANCEL_ITEMS || cancel == NULL)
                continue;
            merged = 0;
            if (atomic_load_explicit(cancel, memory_order_relaxed))
                return error_set(err, ERR_QUERY_CANCELED,
                                 "canceling statement due to user request");
        }
        SortItem *other = from;
        from = to;
        to = other;
    }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
    return MQL_OK;
}
