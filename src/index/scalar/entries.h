/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entries.h - the (key, row) pairs of a field, sorted, and written as the
 * sections that kinds share.
 */
#ifndef INDEX_SCALAR_ENTRIES_H
#define INDEX_SCALAR_ENTRIES_H

#include "index/scalar/scalar_file.h"
#include "index/sort.h"

typedef struct Entries {
    const IndexBuild *input;
    const ScalarColumn *column;
    SortItem *items; /* value: number of the column's entry       */
    uint32_t count;  /* pairs, none twice                         */
    ScalarHeader header;
} Entries;

/* Bytes that sorting and writing allocate at once, at most. */
uint64_t entries_memory(const IndexBuild *input);

/* By key, then by row. entries_free() is right after a failure too. */
mql_status entries_sort(Entries *entries, const IndexBuild *input, Error *err);
void entries_free(Entries *entries);

/* Whether pair `place` has another key than the one before it. */
bool entries_is_new(const Entries *entries, uint32_t place);
uint32_t entries_row(const Entries *entries, uint32_t place);
Slice entries_bytes(const Entries *entries, uint32_t place); /* KEY_BYTES */

/* Call it for each place: polls `cancel` now and then. */
mql_status entries_poll(const Entries *entries, uint32_t place, Error *err);

/* The distinct keys: KEYS, and BYTES for texts. */
mql_status entries_write_keys(Entries *entries, SectionWriter *writer,
                              Error *err);
/* The key of each pair, however many have it. */
mql_status entries_write_each_key(Entries *entries, SectionWriter *writer,
                                  Error *err);
mql_status entries_write_starts(const Entries *entries, SectionWriter *writer,
                                Error *err);
/* ROWS, and MARKS where they are of use. */
mql_status entries_write_rows(const Entries *entries, SectionWriter *writer,
                              Error *err);
/* MARKS; none where a row has two keys (marks.c). */
mql_status entries_write_marks(const Entries *entries, SectionWriter *writer,
                               Error *err);

/* VALID, and at the end the header. */
mql_status entries_write_header(Entries *entries, const ScalarLayout *layout,
                                SectionWriter *writer, Error *err);

#endif
