/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scalar_file.h - what the kinds over scalar fields share: the file, finding
 * keys in it, and answering predicates.
 *
 * Every such file puts keys in order and gives each a place from 0 on. A
 * predicate is a few stretches of places, found by `find`; the rows of a
 * stretch are added by `add`. A kind is these two, what it checks, and how it
 * is built. How many rows the keys before a place have is in `starts`, so the
 * rows of a stretch are counted without reading them; without `starts` each
 * place has one row. docs/format/index-files.md has the offsets.
 */
#ifndef INDEX_SCALAR_SCALAR_FILE_H
#define INDEX_SCALAR_SCALAR_FILE_H

#include "index/index.h"

#define SCALAR_VERSION 1

enum {
    SCALAR_SECTION_HEADER = 1,
    SCALAR_SECTION_KEYS = 2,    /* int64, double, or u64 ends of bytes    */
    SCALAR_SECTION_BYTES = 3,   /* KEY_BYTES: the keys one after another  */
    SCALAR_SECTION_STARTS = 4,  /* u32 for each key and one more          */
    SCALAR_SECTION_ROWS = 5,    /* u32 rows, ascending within a key       */
    SCALAR_SECTION_VALID = 6,   /* bit array of rows that are not NULL    */
    SCALAR_SECTION_OFFSETS = 7, /* BITMAP: u64, where each set begins    */
    SCALAR_SECTION_SETS = 8,    /* BITMAP: bits or u32 rows              */
    SCALAR_SECTION_NODES = 9,   /* TRIE: nodes, level by level           */
    SCALAR_SECTION_LABELS = 10, /* TRIE: their bytes                     */
    SCALAR_SECTION_MARKS = 11,  /* bits: rows of the first entries       */
};

typedef struct ScalarHeader {
    uint32_t version;
    uint32_t key_type; /* KeyType                                   */
    uint32_t row_count;
    uint32_t key_count;   /* places                                 */
    uint32_t entry_count; /* (row, key) pairs                       */
    uint32_t valid_count; /* rows that are not NULL                 */
    uint64_t bytes_size;  /* of SCALAR_SECTION_BYTES                */
    uint32_t layout;      /* ScalarLayout.number                    */
    uint32_t least_gram;  /* NGRAM: characters of its grams         */
    uint32_t most_gram;
    uint32_t reserved[5]; /* 0                                      */
} ScalarHeader;

_Static_assert(sizeof(ScalarHeader) == 64, "on-disk format");

typedef struct ScalarIndex ScalarIndex;

/* The places from `first` to before `end`. */
typedef struct Stretch {
    uint32_t first, end;
} Stretch;

/* What a search looks for: the first key not before `key`, or the first after
 * it. As a prefix, `key` equals every key that starts with it. */
typedef struct Bound {
    const Key *key;
    bool is_after;
    bool is_prefix;
} Bound;

/* What makes a kind of file. */
typedef struct ScalarLayout {
    const IndexKind *kind;
    uint32_t number;   /* in the header                                   */
    bool has_keys;     /* KEYS and BYTES, for scalar_key()                */
    bool has_hashes;   /* KEYS are hashes, whatever the field's type      */
    bool has_starts;   /* STARTS; else place and row are one to one       */
    bool has_row_list; /* ROWS                                            */
    /* Find the kind's own sections, check what only it knows; may be NULL. */
    mql_status (*open)(ScalarIndex *index, const IndexOpen *input, Error *err);
    mql_status (*find)(const ScalarIndex *index, Bound bound, uint32_t *place,
                       Error *err);
    mql_status (*add)(const ScalarIndex *index, Stretch keys, RowSet *rows,
                      Error *err);
    /* That key `place` is in order and its rows are `count` ascending ones
     * among `valid`. */
    mql_status (*check_key)(const ScalarIndex *index, uint32_t place,
                            Error *err);
    mql_status (*check_rows)(const ScalarIndex *index, const uint64_t *valid,
                             uint32_t place, Stretch entries, Error *err);
} ScalarLayout;

struct ScalarIndex {
    Index base;
    const ScalarLayout *layout;
    ScalarHeader header;
    SectionFile *file;
    Section keys, bytes, starts, rows, valid;
    Section marks;  /* of size 0: none */
    Section own[2]; /* the kind's */
};

/* ---- scalar_file.c: the functions of an IndexKind ---- */

mql_status scalar_open(const ScalarLayout *layout, const IndexOpen *input,
                       Index **index, Error *err);
mql_status scalar_lookup(const Index *index, const ScalarPredicate *predicate,
                         RowSet *rows, Error *err);
uint64_t scalar_estimate(const Index *index, const ScalarPredicate *predicate);
void scalar_close(Index *index);

/* A file that says what cannot be: "an index of kind K has a wrong `what`". */
mql_status scalar_wrong(const ScalarIndex *index, const char *what, Error *err);

/* A section of exactly so many bytes. */
mql_status scalar_section(const ScalarIndex *index, uint32_t kind,
                          uint64_t size, Section *section, Error *err);

/* How many entries the keys before `place` (up to key_count) have, verified. */
mql_status scalar_start(const ScalarIndex *index, uint32_t place,
                        uint32_t *start, Error *err);

/* The entries of a stretch of keys, a range of ROWS where there is one. */
mql_status scalar_entries(const ScalarIndex *index, Stretch keys,
                          Stretch *entries, Error *err);

/* Rows of ROWS, verified; each may still be any number. */
mql_status scalar_rows(const ScalarIndex *index, Stretch entries,
                       const uint32_t **rows, Error *err);

/* No row that came from the file may be past the last. */
mql_status scalar_check_bounds(const ScalarIndex *index, const uint32_t *rows,
                               uint32_t count, Error *err);

/* Add rows that came from the file, checked. */
mql_status scalar_add_rows(const ScalarIndex *index, const uint32_t *found,
                           uint32_t count, RowSet *rows, Error *err);

/* ScalarLayout.add of a kind with ROWS. */
mql_status scalar_add_listed(const ScalarIndex *index, Stretch keys,
                             RowSet *rows, Error *err);

/* ---- marks.c: the rows of long stretches ---- */

/* Find the section, where the file has one. */
mql_status scalar_find_marks(ScalarIndex *index, Error *err);

/* Whether the rows of these entries are quicker made from marks. */
bool scalar_is_marked(const ScalarIndex *index, Stretch entries);

/* Add them so. */
mql_status scalar_add_marked(const ScalarIndex *index, Stretch entries,
                             RowSet *rows, Error *err);

/* That they are what the rows make. */
mql_status scalar_check_marks(const ScalarIndex *index, Error *err);

/* ---- scalar_search.c: keys in a sorted table ---- */

/* The key at `place` (below key_count), verified. Bytes stay in the file. */
mql_status scalar_key(const ScalarIndex *index, uint32_t place, Key *key,
                      Error *err);

/* ScalarLayout.find of a kind with KEYS: a binary search. */
mql_status scalar_find_sorted(const ScalarIndex *index, Bound bound,
                              uint32_t *place, Error *err);

/* Order of keys: <0, 0, >0. */
int scalar_compare(KeyType type, const Key *a, const Key *b);

/* ---- scalar_check.c ---- */

mql_status scalar_check(const Index *index, Error *err);

/* ScalarLayout.check_key: keys of a table ascend, none twice; some may be
 * twice. */
mql_status scalar_check_distinct(const ScalarIndex *index, uint32_t place,
                                 Error *err);
mql_status scalar_check_ordered(const ScalarIndex *index, uint32_t place,
                                Error *err);

/* ScalarLayout.check_rows of a kind with ROWS. */
mql_status scalar_check_listed(const ScalarIndex *index, const uint64_t *valid,
                               uint32_t place, Stretch entries, Error *err);

/* Whether `row` may follow `before` (NULL: none) among the rows of a key. */
mql_status scalar_check_row(const ScalarIndex *index, const uint64_t *valid,
                            uint32_t place, const uint32_t *before,
                            uint32_t row, Error *err);

/* "an index of kind K has `what` at key N". */
mql_status scalar_wrong_key(const ScalarIndex *index, const char *what,
                            uint32_t place, Error *err);

#endif
