/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_set.h - a set of rows of one segment: what a lookup answers with, and
 * what conditions are made of by AND, OR and minus.
 *
 * Few rows are an ascending list, many are bits. The switch lies where both
 * take the same memory, so a set never takes more than bits do, three rows of a
 * million take 32 bytes, and none take nothing. A set that became bits stays
 * bits: only memory could be saved.
 *
 * A RowSet is a plain value. row_set_empty() cannot fail, and row_set_free() is
 * right at any time, after a failure too. Errors are OUT_OF_MEMORY only; a
 * failed call may have added a part of the rows.
 */
#ifndef INDEX_ROW_SET_H
#define INDEX_ROW_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

typedef struct RowSet {
    uint32_t row_count; /* of the segment: every member is below it         */
    uint32_t count;     /* members in `rows`                                */
    uint32_t capacity;  /* room in `rows`                                   */
    uint32_t *rows;     /* ascending; NULL: none, or they are bits          */
    uint64_t *words;    /* bits of row_count, zero past it; NULL: it is few */
} RowSet;

RowSet row_set_empty(uint32_t row_count);

/* The set is empty afterwards. */
void row_set_free(RowSet *set);

/* Add `count` rows in any order, maybe with doubles; each below row_count: the
 * caller has checked what came from a file. Fastest in ascending order. */
mql_status row_set_add(RowSet *set, const uint32_t *rows, uint32_t count,
                       Error *err);

/* Add rows [first, first + count), all below row_count. */
mql_status row_set_add_range(RowSet *set, uint32_t first, uint32_t count,
                             Error *err);

/* Add the rows whose bit is set; bits of row_count, zero past it. */
mql_status row_set_add_bits(RowSet *set, const uint64_t *bits, Error *err);

/* Add those that the set does not have and take away those that it has; none
 * is named twice. */
mql_status row_set_flip(RowSet *set, const uint32_t *rows, uint32_t count,
                        Error *err);
mql_status row_set_flip_bits(RowSet *set, const uint64_t *bits, Error *err);

/* Make `set` what is in both, in either, in it but not in the other. Both are
 * of the same row count; `other` is taken and empty afterwards, also on a
 * failure. */
void row_set_and(RowSet *set, RowSet *other);
mql_status row_set_or(RowSet *set, RowSet *other, Error *err);
void row_set_minus(RowSet *set, RowSet *other);

uint32_t row_set_count(const RowSet *set);

/* False also for rows past the segment's end. */
bool row_set_contains(const RowSet *set, uint32_t row);

/* The set as bits of row_count in the arena; it is empty afterwards. NULL: no
 * memory there. */
uint64_t *row_set_take(RowSet *set, Arena *arena);

/* Clear the bits (of row_count) of rows that are not in the set. The number of
 * those left, where it costs nothing to know; else UINT32_MAX. */
uint32_t row_set_mask(const RowSet *set, uint64_t *bits);

#endif
