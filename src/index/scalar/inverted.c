/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inverted.c - the kind INVERTED: the distinct keys in order, and for each
 * where its rows begin in one long list.
 *
 * Keys that are next to each other have their rows next to each other, so a
 * range of keys is one stretch of the list.
 */
#include "index/scalar/entries.h"

static const IndexOption no_options[] = {{.name = NULL}};

static const ScalarLayout inverted_layout;

static mql_status
inverted_build(const IndexBuild *input, SectionWriter *writer, Error *err)
{
    Entries entries;
    mql_status status = entries_sort(&entries, input, err);
    if (status == MQL_OK)
        status = entries_write_keys(&entries, writer, err);
    if (status == MQL_OK)
        status = entries_write_starts(&entries, writer, err);
    if (status == MQL_OK)
        status = entries_write_rows(&entries, writer, err);
    if (status == MQL_OK)
        status = entries_write_header(&entries, &inverted_layout, writer, err);
    entries_free(&entries);
    return status;
}

static mql_status
inverted_open(const IndexOpen *input, Index **index, Error *err)
{
    return scalar_open(&inverted_layout, input, index, err);
}

extern const IndexKind inverted_kind;

static const ScalarLayout inverted_layout = {
    .kind = &inverted_kind,
    .number = 0,
    .has_keys = true,
    .has_starts = true,
    .has_row_list = true,
    .find = scalar_find_sorted,
    .add = scalar_add_listed,
    .check_key = scalar_check_distinct,
    .check_rows = scalar_check_listed,
};

const IndexKind inverted_kind = {
    .name = "INVERTED",
    .help = "sorted keys with the rows of each",
    .is_vector = false,
    .is_exact = true,
    .has_file = true,
    .takes_arrays = true,
    .takes_paths = true,
    .predicates = PREDICATES_OF_KEYS,
    .build_options = no_options,
    .search_options = no_options,
    .memory = entries_memory,
    .build = inverted_build,
    .open = inverted_open,
    .lookup = scalar_lookup,
    .estimate = scalar_estimate,
    .check = scalar_check,
    .close = scalar_close,
};
