/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds.c - every kind of index, and what AUTOINDEX means.
 *
 * Nobody else may name a kind: the planner asks what a kind can do, manuals and
 * completion walk this table.
 */
#include "index/index.h"

extern const IndexKind bitmap_kind;
extern const IndexKind flat_kind;
extern const IndexKind bin_flat_kind;
extern const IndexKind bin_ivf_flat_kind;
extern const IndexKind hnsw_kind;
extern const IndexKind hnsw_sq_kind;
extern const IndexKind hnsw_pq_kind;
extern const IndexKind hnsw_prq_kind;
extern const IndexKind inverted_kind;
extern const IndexKind ivf_flat_kind;
extern const IndexKind ivf_pq_kind;
extern const IndexKind ivf_rabitq_kind;
extern const IndexKind ivf_sq8_kind;
extern const IndexKind ngram_kind;
extern const IndexKind scann_kind;
extern const IndexKind stl_sort_kind;
extern const IndexKind trie_kind;

const IndexKind *const index_kinds[] = {
    &flat_kind,       &bin_flat_kind, &hnsw_kind,
    &hnsw_sq_kind,    &hnsw_pq_kind,  &hnsw_prq_kind,
    &ivf_flat_kind,   &ivf_sq8_kind,  &ivf_pq_kind,
    &ivf_rabitq_kind, &scann_kind,    &bin_ivf_flat_kind,
    &inverted_kind,   &bitmap_kind,   &stl_sort_kind,
    &trie_kind,       &ngram_kind,    NULL,
};

static bool
is_named(const IndexKind *kind, Slice name)
{
    return slice_equal_nocase(name, slice_of(kind->name)) ||
           (kind->synonym != NULL &&
            slice_equal_nocase(name, slice_of(kind->synonym)));
}

const IndexKind *
index_kind_find(Slice name)
{
    for (size_t i = 0; index_kinds[i] != NULL; i++)
        if (is_named(index_kinds[i], name))
            return index_kinds[i];
    return NULL;
}

const IndexKind *
index_kind_auto(ElementType element, IndexOptions *options)
{
    const IndexKind *kind =
        element == ELEMENT_BIT ? &bin_flat_kind : &hnsw_kind;
    index_options_default(kind->build_options, options);
    if (kind == &hnsw_kind) { /* Milvus' values over dense vectors */
        Error ignored = ERROR_INIT;
        index_option_set(kind->build_options, options, SLICE_LITERAL("M"), true,
                         18, (Slice){NULL, 0}, &ignored);
        index_option_set(kind->build_options, options,
                         SLICE_LITERAL("efConstruction"), true, 240,
                         (Slice){NULL, 0}, &ignored);
    }
    return kind;
}

const IndexKind *
index_kind_auto_scalar(ScalarClass scalar, IndexOptions *options)
{
    const IndexKind *kind = &inverted_kind;
    if (scalar == SCALAR_BOOL)
        kind = &bitmap_kind;
    else if (scalar == SCALAR_TIME)
        kind = &stl_sort_kind;
    index_options_default(kind->build_options, options);
    return kind;
}
