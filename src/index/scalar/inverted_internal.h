/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inverted_internal.h - the file of an INVERTED index; for inverted*.c only.
 *
 * The distinct keys in order; for each where its rows begin in one long list.
 * Keys that are next to each other have their rows next to each other, so a
 * range of keys is one stretch of the list, and its length is known without
 * reading it. docs/format/index-files.md has the offsets.
 */
#ifndef INDEX_SCALAR_INVERTED_INTERNAL_H
#define INDEX_SCALAR_INVERTED_INTERNAL_H

#include "index/index.h"

#define INVERTED_VERSION 1

enum {
    INVERTED_SECTION_HEADER = 1,
    INVERTED_SECTION_KEYS = 2,     /* int64, double, or u64 ends of bytes    */
    INVERTED_SECTION_BYTES = 3,    /* KEY_BYTES: the keys one after another  */
    INVERTED_SECTION_STARTS = 4,   /* u32 for each key and one more          */
    INVERTED_SECTION_POSTINGS = 5, /* u32 rows, ascending within a key       */
    INVERTED_SECTION_VALID = 6,    /* bit array of rows that are not NULL    */
};

typedef struct InvertedHeader {
    uint32_t version;
    uint32_t key_type; /* KeyType                                  */
    uint32_t row_count;
    uint32_t key_count;
    uint32_t posting_count;
    uint32_t valid_count; /* rows that are not NULL                */
    uint64_t bytes_size;  /* of INVERTED_SECTION_BYTES             */
    uint32_t reserved[8]; /* 0                                     */
} InvertedHeader;

_Static_assert(sizeof(InvertedHeader) == 64, "on-disk format");

typedef struct Inverted {
    Index base;
    InvertedHeader header;
    SectionFile *file;
    Section keys, bytes, starts, postings, valid;
} Inverted;

/* Bytes that inverted_build() allocates at once, at most. */
uint64_t inverted_memory(const IndexBuild *input);
mql_status inverted_build(const IndexBuild *input, SectionWriter *writer,
                          Error *err);
mql_status inverted_check(const Index *index, Error *err);

/* Key number `place` (below key_count), verified. Bytes stay in the file. */
mql_status inverted_key(const Inverted *inverted, uint32_t place, Key *key,
                        Error *err);

/* Where the rows of key `place` begin (up to key_count), verified. */
mql_status inverted_start(const Inverted *inverted, uint32_t place,
                          uint32_t *start, Error *err);

/* The rows from `start` to `end`, verified; each may still be any number. */
mql_status inverted_postings(const Inverted *inverted, uint32_t start,
                             uint32_t end, const uint32_t **rows, Error *err);

/* Order of keys: <0, 0, >0. */
int inverted_compare(KeyType type, const Key *a, const Key *b);

#endif
