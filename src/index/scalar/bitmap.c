/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bitmap.c - the kind BITMAP: for each distinct key the set of its rows, as
 * bits or as an ascending list, whichever is smaller.
 *
 * Which of both follows from the number of rows, so the file says it nowhere.
 * A key that many rows have costs a bit for each row of the segment and is
 * added to an answer by words.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "index/scalar/entries.h"

static const IndexOption no_options[] = {{.name = NULL}};

static const ScalarLayout bitmap_layout;

/* own[OFFSETS]: u64 for each key where its set begins in own[SETS], and one
 * more. */
enum { OFFSETS, SETS };

/* The rows of a key: `count` of them in `size` bytes. */
typedef struct KeySet {
    uint32_t count;
    bool is_bits;
    uint64_t size; /* a multiple of 8 */
} KeySet;

static KeySet
set_of(uint32_t count, uint32_t row_count)
{
    uint64_t bits = bits_words(row_count) * sizeof(uint64_t);
    uint64_t list = ((uint64_t)count + 1) / 2 * sizeof(uint64_t);
    return (KeySet){count, list > bits, list > bits ? bits : list};
}

/* ---- building ---- */

typedef struct SetWriter {
    const Entries *entries;
    SectionWriter *writer;
    uint64_t *words; /* room for a set */
} SetWriter;

/* The place behind the pairs with the key of pair `place`. */
static uint32_t
key_end(const Entries *entries, uint32_t place)
{
    do
        place++;
    while (place < entries->count && !entries_is_new(entries, place));
    return place;
}

static mql_status
write_offsets(const SetWriter *sets, Error *err)
{
    const Entries *entries = sets->entries;
    uint64_t offset = 0;
    TRY(section_begin(sets->writer, (SectionId){SCALAR_SECTION_OFFSETS, 0},
                      err));
    TRY(section_append(sets->writer, &offset, sizeof offset, err));
    for (uint32_t i = 0, end; i < entries->count; i = end) {
        TRY(entries_poll(entries, i, err));
        end = key_end(entries, i);
        offset += set_of(end - i, entries->column->row_count).size;
        TRY(section_append(sets->writer, &offset, sizeof offset, err));
    }
    return MQL_OK;
}

static mql_status
write_set(const SetWriter *sets, uint32_t first, uint32_t end, Error *err)
{
    const Entries *entries = sets->entries;
    KeySet set = set_of(end - first, entries->column->row_count);
    uint32_t *rows = (uint32_t *)(void *)sets->words;
    memset(sets->words, 0, set.size);
    for (uint32_t i = first; i < end; i++) {
        uint32_t row = entries_row(entries, i);
        if (set.is_bits)
            bits_set(sets->words, row);
        else
            rows[i - first] = row;
    }
    return section_append(sets->writer, sets->words, set.size, err);
}

static mql_status
write_sets(const SetWriter *sets, Error *err)
{
    const Entries *entries = sets->entries;
    TRY(write_offsets(sets, err));
    TRY(section_begin(sets->writer, (SectionId){SCALAR_SECTION_SETS, 0}, err));
    for (uint32_t i = 0, end; i < entries->count; i = end) {
        TRY(entries_poll(entries, i, err));
        end = key_end(entries, i);
        TRY(write_set(sets, i, end, err));
    }
    return MQL_OK;
}

static mql_status
write_file(Entries *entries, SectionWriter *writer, uint64_t *words, Error *err)
{
    const SetWriter sets = {entries, writer, words};
    TRY(entries_write_keys(entries, writer, err));
    TRY(entries_write_starts(entries, writer, err));
    TRY(write_sets(&sets, err));
    return entries_write_header(entries, &bitmap_layout, writer, err);
}

static mql_status
bitmap_build(const IndexBuild *input, SectionWriter *writer, Error *err)
{
    Entries entries;
    mql_status status = entries_sort(&entries, input, err);
    size_t words = bits_words(input->scalars->row_count) + 1;
    uint64_t *set = calloc(words, sizeof *set);
    if (status == MQL_OK && set == NULL)
        status = error_no_memory(err);
    if (status == MQL_OK)
        status = write_file(&entries, writer, set, err);
    free(set);
    entries_free(&entries);
    return status;
}

/* ---- reading ---- */

static mql_status
bitmap_find_sections(ScalarIndex *index, const IndexOpen *input, Error *err)
{
    (void)input;
    uint64_t keys = index->header.key_count;
    TRY(scalar_section(index, SCALAR_SECTION_OFFSETS,
                       (keys + 1) * sizeof(uint64_t), &index->own[OFFSETS],
                       err));
    if (!section_find(index->file, (SectionId){SCALAR_SECTION_SETS, 0},
                      &index->own[SETS]))
        return scalar_wrong(index, "section", err);
    return MQL_OK;
}

/* Where the set of key `place` begins, verified. */
static mql_status
read_offset(const ScalarIndex *index, uint32_t place, uint64_t *offset,
            Error *err)
{
    const Section *offsets = &index->own[OFFSETS];
    uint64_t at = (uint64_t)place * sizeof *offset;
    TRY(section_verify(index->file, offsets, at, sizeof *offset, err));
    memcpy(offset, offsets->data + at, sizeof *offset);
    if (*offset % sizeof(uint64_t) != 0 || *offset > index->own[SETS].size)
        return scalar_wrong(index, "offset", err);
    return MQL_OK;
}

/* The set of key `place`, which has `count` rows, verified. */
static mql_status
read_set(const ScalarIndex *index, uint32_t place, uint32_t count, KeySet *set,
         const void **data, Error *err)
{
    const Section *sets = &index->own[SETS];
    uint32_t row_count = index->header.row_count;
    uint64_t offset;
    *set = set_of(count, row_count);
    *data = NULL;
    TRY(read_offset(index, place, &offset, err));
    if (count > row_count)
        return scalar_wrong(index, "start", err);
    if (set->size > sets->size - offset)
        return scalar_wrong(index, "offset", err);
    TRY(section_verify(index->file, sets, offset, set->size, err));
    *data = sets->data + offset;
    const uint64_t *words = *data;
    if (set->is_bits && row_count % 64 != 0 &&
        words[row_count / 64] >> (row_count % 64) != 0)
        return scalar_wrong(index, "row", err);
    return MQL_OK;
}

static mql_status
bitmap_add(const ScalarIndex *index, Stretch keys, RowSet *rows, Error *err)
{
    for (uint32_t place = keys.first; place < keys.end; place++) {
        Stretch entries;
        KeySet set;
        const void *data;
        TRY(scalar_entries(index, (Stretch){place, place + 1}, &entries, err));
        TRY(read_set(index, place, entries.end - entries.first, &set, &data,
                     err));
        TRY(set.is_bits ? row_set_add_bits(rows, data, err)
                        : scalar_add_rows(index, data, set.count, rows, err));
    }
    return MQL_OK;
}

static mql_status
check_bits(const ScalarIndex *index, const uint64_t *valid, uint32_t place,
           KeySet set, const uint64_t *words, Error *err)
{
    uint32_t row_count = index->header.row_count;
    for (size_t i = 0; i < bits_words(row_count); i++)
        if ((words[i] & ~valid[i]) != 0)
            return scalar_wrong_key(index, "a wrong row", place, err);
    if (bits_count(words, row_count) != set.count)
        return scalar_wrong_key(index, "a wrong number of rows", place, err);
    return MQL_OK;
}

static mql_status
bitmap_check_rows(const ScalarIndex *index, const uint64_t *valid,
                  uint32_t place, Stretch entries, Error *err)
{
    KeySet set;
    const void *data;
    uint64_t begin, end;
    TRY(read_set(index, place, entries.end - entries.first, &set, &data, err));
    TRY(read_offset(index, place, &begin, err));
    TRY(read_offset(index, place + 1, &end, err));
    if ((place == 0 && begin != 0) || end < begin || end - begin != set.size ||
        (place + 1 == index->header.key_count && end != index->own[SETS].size))
        return scalar_wrong_key(index, "a wrong offset", place, err);
    if (set.is_bits)
        return check_bits(index, valid, place, set, data, err);
    const uint32_t *rows = data;
    for (uint32_t i = 0; i < set.count; i++)
        TRY(scalar_check_row(index, valid, place, i > 0 ? &rows[i - 1] : NULL,
                             rows[i], err));
    return MQL_OK;
}

static mql_status
bitmap_open(const IndexOpen *input, Index **index, Error *err)
{
    return scalar_open(&bitmap_layout, input, index, err);
}

extern const IndexKind bitmap_kind;

static const ScalarLayout bitmap_layout = {
    .kind = &bitmap_kind,
    .number = 1,
    .has_keys = true,
    .has_starts = true,
    .has_row_list = false,
    .open = bitmap_find_sections,
    .find = scalar_find_sorted,
    .add = bitmap_add,
    .check_key = scalar_check_distinct,
    .check_rows = bitmap_check_rows,
};

const IndexKind bitmap_kind = {
    .name = "BITMAP",
    .help = "a set of rows for each of few keys, as bits or as a list",
    .is_vector = false,
    .is_exact = true,
    .has_file = true,
    .scalars = SCALAR_SET(SCALAR_BOOL) | SCALAR_SET(SCALAR_INT) |
               SCALAR_SET(SCALAR_TEXT),
    .takes_arrays = true,
    .refuses_primary = true,
    .predicates = PREDICATES_OF_KEYS,
    .build_options = no_options,
    .search_options = no_options,
    .memory = entries_memory,
    .build = bitmap_build,
    .open = bitmap_open,
    .lookup = scalar_lookup,
    .estimate = scalar_estimate,
    .check = scalar_check,
    .close = scalar_close,
};
