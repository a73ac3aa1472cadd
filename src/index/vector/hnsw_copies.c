/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_copies.c - rows with the same vector become one node.
 *
 * A clump of equal vectors in a graph links to itself and nowhere else, and
 * fills the view of every search that comes near. So only the first row of
 * equal ones joins the graph; the others hang on it in a ring (see Copies).
 */
#include "index/vector/hnsw_build.h"

#include <string.h>

#include "base/bits.h"
#include "base/checksum.h"

static bool
is_same_vector(const VectorColumn *column, uint32_t a, uint32_t b)
{
    return memcmp(vector_row(column, a), vector_row(column, b),
                  vector_row_size(column)) == 0;
}

/* Rows by the hash of their vectors, then by number. */
static mql_status
sort_by_hash(const Build *build, SortItem *items, SortItem *spare,
             uint32_t *count, Error *err)
{
    const VectorColumn *column = build->column;
    size_t size = vector_row_size(column);
    *count = 0;
    for (uint32_t row = 0; row < column->count; row++) {
        if (row % 65536 == 0 && is_cancelled(build->input->cancel))
            return error_cancelled(err);
        if (has_vector(column, row))
            items[(*count)++] =
                (SortItem){hash_bytes(vector_row(column, row), size), row};
    }
    return sort_items(items, spare, *count, NULL, NULL, build->input->cancel,
                      err);
}

/* Two different vectors with one hash just are not found to be copies. */
mql_status
build_find_copies(Build *build, SortItem *items, SortItem *spare, Error *err)
{
    uint32_t count;
    TRY(sort_by_hash(build, items, spare, &count, err));
    for (uint32_t row = 0; row < build->column->count; row++)
        build->copies[row] = row;
    uint32_t node = 0, last = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = items[i].value;
        if (i == 0 || items[i].key != items[i - 1].key ||
            !is_same_vector(build->column, node, row)) {
            node = last = row;
            continue;
        }
        build->copies[last] = row;
        build->copies[row] = node;
        last = row;
        bits_set(build->is_copy, row);
        build->header.copy_count++;
    }
    return MQL_OK;
}
