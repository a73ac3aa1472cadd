/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flat.c - FLAT and, over bits, BIN_FLAT: no file and no structure, every
 * search scans. Always right, and so the oracle of the other kinds.
 */
#include "index/index.h"

#include <stdlib.h>

extern const IndexKind flat_kind;
extern const IndexKind bin_flat_kind;

typedef struct Flat {
    Index base;
    const VectorColumn *column;
    Metric metric;
} Flat;

static const IndexOption no_options[] = {{.name = NULL}};

static mql_status
open_as(const IndexKind *kind, const IndexOpen *input, Index **index,
        Error *err)
{
    Flat *flat = malloc(sizeof *flat);
    if (flat == NULL)
        return error_no_memory(err);
    *flat = (Flat){{kind}, input->vectors, input->metric};
    *index = &flat->base;
    return MQL_OK;
}

static mql_status
flat_open(const IndexOpen *input, Index **index, Error *err)
{
    return open_as(&flat_kind, input, index, err);
}

static mql_status
bin_flat_open(const IndexOpen *input, Index **index, Error *err)
{
    return open_as(&bin_flat_kind, input, index, err);
}

static mql_status
flat_search(const Index *index, const VectorQuery *query, Neighbor *nearest,
            uint32_t *found, Error *err)
{
    const Flat *flat = (const Flat *)index;
    return vector_scan(flat->column, flat->metric, query, nearest, found, err);
}

static mql_status
flat_search_many(const Index *index, const VectorQuery *query,
                 const VectorTargets *targets, Arena *arena, Error *err)
{
    const Flat *flat = (const Flat *)index;
    return vector_scan_many(flat->column, flat->metric, query, targets, arena,
                            err);
}

static mql_status
flat_check(const Index *index, Error *err)
{
    (void)index; /* there is nothing that could be wrong */
    (void)err;
    return MQL_OK;
}

static void
flat_close(Index *index)
{
    free(index);
}

const IndexKind flat_kind = {
    .name = "FLAT",
    .help = "exact search by scanning; no file, nothing to build",
    .is_vector = true,
    .is_exact = true,
    .has_file = false,
    .elements = ELEMENT_NUMBERS,
    .build_options = no_options,
    .search_options = no_options,
    .open = flat_open,
    .search = flat_search,
    .search_many = flat_search_many,
    .check = flat_check,
    .close = flat_close,
};

const IndexKind bin_flat_kind = {
    .name = "BIN_FLAT",
    .help = "exact search of binary vectors by scanning; no file",
    .is_vector = true,
    .is_exact = true,
    .has_file = false,
    .elements = ELEMENT_SET(ELEMENT_BIT),
    .build_options = no_options,
    .search_options = no_options,
    .open = bin_flat_open,
    .search = flat_search,
    .search_many = flat_search_many,
    .check = flat_check,
    .close = flat_close,
};
