/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stl_sort.c - the kind STL_SORT: all (key, row) pairs in order.
 *
 * A range is two binary searches, and the pairs between them are the answer:
 * nothing is kept for a key but itself. Keys that many rows have are written
 * for each of them, so this is for keys that are nearly all distinct.
 */
#include "index/scalar/entries.h"

static const IndexOption no_options[] = {{.name = NULL}};

static const ScalarLayout stl_sort_layout;

static mql_status
stl_sort_build(const IndexBuild *input, SectionWriter *writer, Error *err)
{
    Entries entries;
    mql_status status = entries_sort(&entries, input, err);
    if (status == MQL_OK)
        status = entries_write_each_key(&entries, writer, err);
    if (status == MQL_OK)
        status = entries_write_rows(&entries, writer, err);
    if (status == MQL_OK)
        status = entries_write_header(&entries, &stl_sort_layout, writer, err);
    entries_free(&entries);
    return status;
}

/* Rows of the pairs from which on a key is the same ascend. */
static mql_status
check_rows(const ScalarIndex *index, const uint64_t *valid, uint32_t place,
           Stretch entries, Error *err)
{
    Key key, before;
    const uint32_t *rows;
    TRY(scalar_check_listed(index, valid, place, entries, err));
    if (place == 0)
        return MQL_OK;
    TRY(scalar_key(index, place, &key, err));
    TRY(scalar_key(index, place - 1, &before, err));
    KeyType type = (KeyType)index->header.key_type;
    if (scalar_compare(type, &before, &key) != 0)
        return MQL_OK;
    TRY(scalar_rows(index, (Stretch){place - 1, place + 1}, &rows, err));
    return scalar_check_row(index, valid, place, &rows[0], rows[1], err);
}

static mql_status
stl_sort_open(const IndexOpen *input, Index **index, Error *err)
{
    return scalar_open(&stl_sort_layout, input, index, err);
}

extern const IndexKind stl_sort_kind;

static const ScalarLayout stl_sort_layout = {
    .kind = &stl_sort_kind,
    .number = 2,
    .has_keys = true,
    .has_starts = false,
    .has_row_list = true,
    .find = scalar_find_sorted,
    .add = scalar_add_listed,
    .check_key = scalar_check_ordered,
    .check_rows = check_rows,
};

const IndexKind stl_sort_kind = {
    .name = "STL_SORT",
    .help = "sorted pairs of key and row, for keys that differ",
    .is_vector = false,
    .is_exact = true,
    .has_file = true,
    .scalars = SCALAR_SET(SCALAR_INT) | SCALAR_SET(SCALAR_REAL) |
               SCALAR_SET(SCALAR_TIME) | SCALAR_SET(SCALAR_TEXT),
    .takes_arrays = false,
    .predicates = PREDICATES_OF_KEYS,
    .build_options = no_options,
    .search_options = no_options,
    .memory = entries_memory,
    .build = stl_sort_build,
    .open = stl_sort_open,
    .lookup = scalar_lookup,
    .estimate = scalar_estimate,
    .check = scalar_check,
    .close = scalar_close,
};
