/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks.c - ranges of keys by few words in place of many rows.
 *
 * Where no row has two keys, the rows of the first n entries grow with n, so
 * those of a stretch are the difference of two such sets. The file keeps MARKS
 * of them, as bits, at even steps. The set at any entry is that of the nearest
 * mark with the rows between them flipped: half a step at most. (Range-encoded
 * bitmap indexes; O'Neil and Quass, "Improved query performance with variant
 * indexes", SIGMOD 1997.)
 */
#include <stdlib.h>

#include "base/bits.h"
#include "index/scalar/entries.h"

#define MARKS 32u
/* Fewer entries are as quick one by one. */
#define ENTRIES_LEAST (8 * MARKS)
/* Marks take as many bytes as the list of the rows when all have a key. */
#define SHARE_LEAST 4u

static uint64_t
marks_size(uint32_t row_count)
{
    return (uint64_t)MARKS * bits_words(row_count) * sizeof(uint64_t);
}

static uint32_t
step_of(uint32_t entry_count)
{
    return entry_count / MARKS;
}

/* ---- building ---- */

/* Whether no row is there twice; `words`: room for a bit of each, zero. */
static bool
is_each_once(const Entries *entries, uint64_t *words)
{
    bool is_once = true;
    for (uint32_t i = 0; is_once && i < entries->count; i++) {
        uint32_t row = entries_row(entries, i);
        is_once = !bits_get(words, row);
        bits_set(words, row);
    }
    for (uint32_t i = 0; i < entries->count; i++)
        words[entries_row(entries, i) / 64] = 0;
    return is_once;
}

static mql_status
write_marks(const Entries *entries, uint64_t *words, SectionWriter *writer,
            Error *err)
{
    size_t size = bits_words(entries->column->row_count) * sizeof *words;
    uint32_t step = step_of(entries->count);
    TRY(section_begin(writer, (SectionId){SCALAR_SECTION_MARKS, 0}, err));
    for (uint32_t i = 0; i < step * MARKS; i++) {
        TRY(entries_poll(entries, i, err));
        bits_set(words, entries_row(entries, i));
        if ((i + 1) % step == 0)
            TRY(section_append(writer, words, size, err));
    }
    return MQL_OK;
}

mql_status
entries_write_marks(const Entries *entries, SectionWriter *writer, Error *err)
{
    uint32_t row_count = entries->column->row_count;
    if (entries->count < ENTRIES_LEAST ||
        entries->count < row_count / SHARE_LEAST)
        return MQL_OK;
    uint64_t *words = calloc(bits_words(row_count) + 1, sizeof *words);
    if (words == NULL)
        return error_no_memory(err);
    mql_status status = MQL_OK;
    if (is_each_once(entries, words))
        status = write_marks(entries, words, writer, err);
    free(words);
    return status;
}

/* ---- reading ---- */

mql_status
scalar_find_marks(ScalarIndex *index, Error *err)
{
    if (!section_find(index->file, (SectionId){SCALAR_SECTION_MARKS, 0},
                      &index->marks)) {
        index->marks.size = 0;
        return MQL_OK;
    }
    if (index->header.entry_count < MARKS ||
        index->marks.size != marks_size(index->header.row_count))
        return scalar_wrong(index, "section", err);
    return MQL_OK;
}

/* The set of mark `mark` (from 1 on), verified. */
static mql_status
read_mark(const ScalarIndex *index, uint32_t mark, const uint64_t **words,
          Error *err)
{
    uint32_t row_count = index->header.row_count;
    uint64_t size = bits_words(row_count) * sizeof **words;
    uint64_t offset = (mark - 1) * size;
    TRY(section_verify(index->file, &index->marks, offset, size, err));
    *words = (const uint64_t *)(const void *)(index->marks.data + offset);
    if (row_count % 64 != 0 &&
        (*words)[row_count / 64] >> (row_count % 64) != 0)
        return scalar_wrong(index, "row", err);
    return MQL_OK;
}

/* The mark nearest to the entry; 0: the beginning, with no rows. */
static uint32_t
nearest_mark(uint32_t step, uint32_t entry)
{
    uint32_t mark = (uint32_t)(((uint64_t)entry + step / 2) / step);
    return mark < MARKS ? mark : MARKS;
}

/* The entries between one and the mark nearest to it. */
static Stretch
entries_beside(uint32_t step, uint32_t entry)
{
    uint32_t at = nearest_mark(step, entry) * step;
    return at < entry ? (Stretch){at, entry} : (Stretch){entry, at};
}

/* Flip the rows of all entries before `entry`. */
static mql_status
flip_before(const ScalarIndex *index, uint32_t entry, RowSet *set, Error *err)
{
    uint32_t step = step_of(index->header.entry_count);
    uint32_t mark = nearest_mark(step, entry);
    Stretch beside = entries_beside(step, entry);
    const uint32_t *rows;
    if (mark > 0) {
        const uint64_t *words;
        TRY(read_mark(index, mark, &words, err));
        TRY(row_set_flip_bits(set, words, err));
    }
    uint32_t count = beside.end - beside.first;
    TRY(scalar_rows(index, beside, &rows, err));
    TRY(scalar_check_bounds(index, rows, count, err));
    return row_set_flip(set, rows, count, err);
}

bool
scalar_is_marked(const ScalarIndex *index, Stretch entries)
{
    if (index->marks.size == 0)
        return false;
    uint32_t step = step_of(index->header.entry_count);
    Stretch first = entries_beside(step, entries.first);
    Stretch end = entries_beside(step, entries.end);
    uint64_t flips = (uint64_t)(first.end - first.first) +
                     (end.end - end.first) + index->header.row_count / 32;
    return entries.end - entries.first > flips;
}

mql_status
scalar_add_marked(const ScalarIndex *index, Stretch entries, RowSet *rows,
                  Error *err)
{
    RowSet found = row_set_empty(rows->row_count);
    mql_status status = flip_before(index, entries.end, &found, err);
    if (status == MQL_OK)
        status = flip_before(index, entries.first, &found, err);
    if (status == MQL_OK)
        status = row_set_or(rows, &found, err);
    row_set_free(&found);
    return status;
}

/* ---- checking ---- */

/* That the sets at the marks are what the rows before them make. */
static mql_status
check_marks(const ScalarIndex *index, RowSet *set, Error *err)
{
    uint32_t step = step_of(index->header.entry_count);
    for (uint32_t mark = 1; mark <= MARKS; mark++) {
        const uint32_t *rows;
        const uint64_t *words;
        Stretch entries = {(mark - 1) * step, mark * step};
        TRY(scalar_rows(index, entries, &rows, err));
        TRY(scalar_check_bounds(index, rows, step, err));
        TRY(row_set_flip(set, rows, step, err));
        TRY(read_mark(index, mark, &words, err));
        bool is_right = row_set_count(set) == entries.end;
        for (size_t i = 0; is_right && i < bits_words(set->row_count); i++)
            is_right = set->words[i] == words[i];
        if (!is_right)
            return scalar_wrong(index, "mark", err);
    }
    return MQL_OK;
}

mql_status
scalar_check_marks(const ScalarIndex *index, Error *err)
{
    if (index->marks.size == 0)
        return MQL_OK;
    RowSet set = row_set_empty(index->header.row_count);
    mql_status status = check_marks(index, &set, err);
    row_set_free(&set);
    return status;
}
