/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_set.h - rows collected in any order, then made a Roaring bitmap.
 */
#ifndef INDEX_SCALAR_ROW_SET_H
#define INDEX_SCALAR_ROW_SET_H

#include <roaring/roaring.h>

#include "base/status.h"

/* The rows whose bit is set among the first `row_count`. The bitmap is the
 * caller's to free. */
mql_status row_set_from_bits(const uint64_t *bits, uint32_t row_count,
                             roaring_bitmap_t **rows, Error *err);

#endif
