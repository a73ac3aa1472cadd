/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks.c - ranges of keys by few words in place of many rows.
 *
 * Where no row has two keys, the rows of the first n entries grow with n, so
 * those of a stretch are the difference of two such sets. The file keeps some
 * of them, as bits, at even steps: how many follows from the section's size.
 * The set at any entry is that of the nearest mark with the rows between them
 * flipped: half a step at most, and behind the last mark what the steps leave,
 * fewer than there are marks. (Range-encoded bitmap indexes; O'Neil and Quass,
 * "Improved query performance with variant indexes", SIGMOD 1997.)
 */
#include <stdlib.h>

#include "base/bits.h"
#include "index/scalar/entries.h"

/* That are made. Each halves the rows that are flipped, which miss the nearest
 * cache where there are a million, and takes a bit for each row. */
#define MARKS 64u
/* Fewer entries are as quick one by one. */
#define ENTRIES_LEAST 256u
/* Marks take twice the bytes of the list of the rows when all have a key. */
#define SHARE_LEAST 4u

/* Bytes of one. */
static uint64_t
mark_size(uint32_t row_count)
{
    return bits_words(row_count) * sizeof(uint64_t);
}

static uint32_t
mark_count(const ScalarIndex *index)
{
    return (uint32_t)(index->marks.size / mark_size(index->header.row_count));
}

/* Entries from one to the next. */
static uint32_t
step_of(const ScalarIndex *index)
{
    return index->header.entry_count / mark_count(index);
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
    size_t size = mark_size(entries->column->row_count);
    uint32_t step = entries->count / MARKS;
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
    uint64_t size = mark_size(index->header.row_count);
    uint64_t count = size == 0 ? 0 : index->marks.size / size;
    if (count == 0 || index->marks.size % size != 0 ||
        count > index->header.entry_count)
        return scalar_wrong(index, "section", err);
    return MQL_OK;
}

/* The set of mark `mark` (from 1 on), verified. */
static mql_status
read_mark(const ScalarIndex *index, uint32_t mark, const uint64_t **words,
          Error *err)
{
    uint32_t row_count = index->header.row_count;
    uint64_t size = mark_size(row_count);
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
nearest_mark(const ScalarIndex *index, uint32_t entry)
{
    uint32_t step = step_of(index), last = mark_count(index);
    uint32_t mark = (uint32_t)(((uint64_t)entry + step / 2) / step);
    return mark < last ? mark : last;
}

/* The entries between one and the mark nearest to it. */
static Stretch
entries_beside(const ScalarIndex *index, uint32_t entry)
{
    uint32_t at = nearest_mark(index, entry) * step_of(index);
    return at < entry ? (Stretch){at, entry} : (Stretch){entry, at};
}

/* Flip the rows of all entries before `entry`. */
static mql_status
flip_before(const ScalarIndex *index, uint32_t entry, RowSet *set, Error *err)
{
    uint32_t mark = nearest_mark(index, entry);
    Stretch beside = entries_beside(index, entry);
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
    Stretch first = entries_beside(index, entries.first);
    Stretch end = entries_beside(index, entries.end);
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
    uint32_t step = step_of(index);
    for (uint32_t mark = 1; mark <= mark_count(index); mark++) {
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
