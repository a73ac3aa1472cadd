/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scalar_file.c - opening a file over a scalar field, and answering predicates.
 *
 * Opening reads the header. Each number and row is verified and held against
 * its bounds before it is used.
 */
#include "index/scalar/scalar_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

mql_status
scalar_wrong(const ScalarIndex *index, const char *what, Error *err)
{
    return error_corrupt(err, section_file_path(index->file), -1,
                         "an index of kind %s has a wrong %s",
                         index->base.kind->name, what);
}

/* ---- reading ---- */

mql_status
scalar_start(const ScalarIndex *index, uint32_t place, uint32_t *start,
             Error *err)
{
    uint64_t offset = (uint64_t)place * sizeof *start;
    *start = place;
    if (!index->layout->has_starts)
        return MQL_OK;
    TRY(section_verify(index->file, &index->starts, offset, sizeof *start,
                       err));
    memcpy(start, index->starts.data + offset, sizeof *start);
    if (*start > index->header.entry_count)
        return scalar_wrong(index, "start", err);
    return MQL_OK;
}

mql_status
scalar_entries(const ScalarIndex *index, Stretch keys, Stretch *entries,
               Error *err)
{
    *entries = (Stretch){0, 0};
    if (keys.first >= keys.end)
        return MQL_OK;
    TRY(scalar_start(index, keys.first, &entries->first, err));
    TRY(scalar_start(index, keys.end, &entries->end, err));
    return entries->first <= entries->end ? MQL_OK
                                          : scalar_wrong(index, "start", err);
}

mql_status
scalar_rows(const ScalarIndex *index, Stretch entries, const uint32_t **rows,
            Error *err)
{
    *rows = NULL;
    if (entries.first >= entries.end)
        return MQL_OK;
    uint64_t offset = (uint64_t)entries.first * sizeof **rows;
    TRY(section_verify(index->file, &index->rows, offset,
                       (uint64_t)(entries.end - entries.first) * sizeof **rows,
                       err));
    *rows = (const uint32_t *)(const void *)(index->rows.data + offset);
    return MQL_OK;
}

mql_status
scalar_check_bounds(const ScalarIndex *index, const uint32_t *rows,
                    uint32_t count, Error *err)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < count; i++)
        most = rows[i] > most ? rows[i] : most;
    return count == 0 || most < index->header.row_count
               ? MQL_OK
               : scalar_wrong(index, "row", err);
}

mql_status
scalar_add_rows(const ScalarIndex *index, const uint32_t *found, uint32_t count,
                RowSet *rows, Error *err)
{
    TRY(scalar_check_bounds(index, found, count, err));
    return row_set_add(rows, found, count, err);
}

mql_status
scalar_add_listed(const ScalarIndex *index, Stretch keys, RowSet *rows,
                  Error *err)
{
    Stretch entries;
    const uint32_t *found;
    TRY(scalar_entries(index, keys, &entries, err));
    if (scalar_is_marked(index, entries))
        return scalar_add_marked(index, entries, rows, err);
    TRY(scalar_rows(index, entries, &found, err));
    return scalar_add_rows(index, found, entries.end - entries.first, rows,
                           err);
}

static mql_status
add_valid(const ScalarIndex *index, RowSet *rows, Error *err)
{
    const Section *valid = &index->valid;
    const uint64_t *bits = (const uint64_t *)(const void *)valid->data;
    uint32_t count = index->header.row_count;
    TRY(section_verify(index->file, valid, 0, valid->size, err));
    if (count % 64 != 0 && bits[count / 64] >> (count % 64) != 0)
        return scalar_wrong(index, "row", err);
    return row_set_add_bits(rows, bits, err);
}

/* ---- finding ---- */

static mql_status
find_range(const ScalarIndex *index, const ScalarPredicate *predicate,
           Stretch *keys, Error *err)
{
    Bound low = {&predicate->low, !predicate->low_inclusive, false};
    Bound high = {&predicate->high, predicate->high_inclusive, false};
    *keys = (Stretch){0, index->header.key_count};
    if (predicate->has_low)
        TRY(index->layout->find(index, low, &keys->first, err));
    if (predicate->has_high)
        TRY(index->layout->find(index, high, &keys->end, err));
    return MQL_OK;
}

static mql_status
find_between(const ScalarIndex *index, const Key *key, bool is_prefix,
             Stretch *keys, Error *err)
{
    TRY(index->layout->find(index, (Bound){key, false, is_prefix}, &keys->first,
                            err));
    return index->layout->find(index, (Bound){key, true, is_prefix}, &keys->end,
                               err);
}

/* In a table without doubles one search is enough: the key is there or not. */
static mql_status
find_equal(const ScalarIndex *index, const Key *key, Stretch *keys, Error *err)
{
    if (!index->layout->has_keys || !index->layout->has_starts)
        return find_between(index, key, false, keys, err);
    TRY(index->layout->find(index, (Bound){key, false, false}, &keys->first,
                            err));
    keys->end = keys->first;
    if (keys->first == index->header.key_count)
        return MQL_OK;
    Key found;
    TRY(scalar_key(index, keys->first, &found, err));
    KeyType type = (KeyType)index->header.key_type;
    keys->end += scalar_compare(type, &found, key) == 0;
    return MQL_OK;
}

/* The places of a predicate's part `part`: all but IN have one. */
static mql_status
find_part(const ScalarIndex *index, const ScalarPredicate *predicate,
          uint32_t part, Stretch *keys, Error *err)
{
    if (predicate->kind == PREDICATE_IN)
        return find_equal(index, &predicate->list[part], keys, err);
    if (predicate->kind == PREDICATE_RANGE)
        return find_range(index, predicate, keys, err);
    Key prefix = {.bytes = predicate->prefix};
    return find_between(index, &prefix, true, keys, err);
}

static uint32_t
parts_of(const ScalarPredicate *predicate)
{
    return predicate->kind == PREDICATE_IN ? predicate->list_count : 1;
}

/* PREFIX over numbers, or what the kind does not answer, is the planner's
 * mistake. */
static mql_status
check_predicate(const ScalarIndex *index, const ScalarPredicate *predicate,
                Error *err)
{
    if (predicate->kind == PREDICATE_PREFIX &&
        index->header.key_type != KEY_BYTES)
        return error_set(err, ERR_INTERNAL_ERROR,
                         "a prefix was looked up among numbers");
    if (!index_kind_answers(index->base.kind, predicate->kind))
        return error_set(err, ERR_INTERNAL_ERROR,
                         "an index of kind %s was asked what it cannot answer",
                         index->base.kind->name);
    return MQL_OK;
}

/* ---- answering ---- */

mql_status
scalar_lookup(const Index *base, const ScalarPredicate *predicate, RowSet *rows,
              Error *err)
{
    const ScalarIndex *index = (const ScalarIndex *)base;
    TRY(check_predicate(index, predicate, err));
    if (rows->row_count != index->header.row_count)
        return scalar_wrong(index, "row count", err);
    if (predicate->kind == PREDICATE_NOT_NULL)
        return add_valid(index, rows, err);
    uint32_t parts = parts_of(predicate);
    for (uint32_t i = 0; i < parts; i++) {
        Stretch keys;
        TRY(find_part(index, predicate, i, &keys, err));
        if (keys.first < keys.end)
            TRY(index->layout->add(index, keys, rows, err));
    }
    return MQL_OK;
}

uint64_t
scalar_estimate(const Index *base, const ScalarPredicate *predicate)
{
    const ScalarIndex *index = (const ScalarIndex *)base;
    uint64_t most = index->header.valid_count, sum = 0;
    Error err = ERROR_INIT;
    if (predicate->kind == PREDICATE_NOT_NULL ||
        check_predicate(index, predicate, &err) != MQL_OK)
        return most;
    for (uint32_t i = 0; i < parts_of(predicate) && sum < most; i++) {
        Stretch keys, entries;
        if (find_part(index, predicate, i, &keys, &err) != MQL_OK ||
            scalar_entries(index, keys, &entries, &err) != MQL_OK)
            return most; /* lookup() will say what is wrong */
        sum += entries.end - entries.first;
    }
    return sum < most ? sum : most;
}

/* ---- opening ---- */

static mql_status
check_header(const ScalarIndex *index, const IndexOpen *input, Error *err)
{
    const ScalarHeader *header = &index->header;
    if (header->version != SCALAR_VERSION ||
        header->layout != index->layout->number)
        return scalar_wrong(index, "version", err);
    KeyType type = index->layout->has_hashes ? KEY_INT : input->key_type;
    if (header->key_type != (uint32_t)type)
        return scalar_wrong(index, "key type", err);
    if (header->row_count != input->row_count ||
        header->valid_count > header->row_count)
        return scalar_wrong(index, "row count", err);
    bool is_count_right =
        index->layout->has_starts
            ? header->key_count <= header->entry_count &&
                  (header->key_count == 0) == (header->entry_count == 0)
            : header->key_count == header->entry_count;
    return is_count_right ? MQL_OK : scalar_wrong(index, "key count", err);
}

mql_status
scalar_section(const ScalarIndex *index, uint32_t kind, uint64_t size,
               Section *section, Error *err)
{
    if (!section_find(index->file, (SectionId){kind, 0}, section) ||
        section->size != size)
        return scalar_wrong(index, "section", err);
    return MQL_OK;
}

static mql_status
find_sections(ScalarIndex *index, Error *err)
{
    const ScalarHeader *header = &index->header;
    const ScalarLayout *layout = index->layout;
    uint64_t keys = header->key_count;
    if (layout->has_keys)
        TRY(scalar_section(index, SCALAR_SECTION_KEYS, keys * sizeof(uint64_t),
                           &index->keys, err));
    if (layout->has_keys && header->key_type == KEY_BYTES)
        TRY(scalar_section(index, SCALAR_SECTION_BYTES, header->bytes_size,
                           &index->bytes, err));
    if (layout->has_starts)
        TRY(scalar_section(index, SCALAR_SECTION_STARTS,
                           (keys + 1) * sizeof(uint32_t), &index->starts, err));
    if (layout->has_row_list)
        TRY(scalar_section(index, SCALAR_SECTION_ROWS,
                           (uint64_t)header->entry_count * sizeof(uint32_t),
                           &index->rows, err));
    if (layout->has_row_list)
        TRY(scalar_find_marks(index, err));
    return scalar_section(index, SCALAR_SECTION_VALID,
                          bits_words(header->row_count) * sizeof(uint64_t),
                          &index->valid, err);
}

static mql_status
read_file(ScalarIndex *index, const IndexOpen *input, Error *err)
{
    ScalarHeader *header = &index->header;
    Section section;
    TRY(section_require(index->file, (SectionId){SCALAR_SECTION_HEADER, 0},
                        sizeof *header, &section, err));
    memcpy(header, section.data, sizeof *header);
    TRY(check_header(index, input, err));
    TRY(find_sections(index, err));
    return index->layout->open == NULL ? MQL_OK
                                       : index->layout->open(index, input, err);
}

mql_status
scalar_open(const ScalarLayout *layout, const IndexOpen *input, Index **opened,
            Error *err)
{
    ScalarIndex *index = calloc(1, sizeof *index);
    if (index == NULL)
        return error_no_memory(err);
    index->base.kind = layout->kind;
    index->layout = layout;
    index->file = input->file;
    mql_status status = read_file(index, input, err);
    if (status != MQL_OK) {
        free(index);
        return status;
    }
    *opened = &index->base;
    return MQL_OK;
}

void
scalar_close(Index *index)
{
    free(index);
}
