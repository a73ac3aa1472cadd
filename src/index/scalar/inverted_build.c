/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inverted_build.c - sorting (key, row) pairs and writing them.
 *
 * Every key is mapped to 64 bits of the same order: numbers wholly, bytes by
 * their first eight, where the rest decides between equals.
 */
#include "index/scalar/inverted_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "index/sort.h"

/* Entries between two looks at `cancel`. */
#define CANCEL_ENTRIES 65536u
#define SIGN_BIT (UINT64_C(1) << 63)

typedef struct Sorted {
    const IndexBuild *input;
    const ScalarColumn *column;
    SectionWriter *writer;
    SortItem *items; /* value: number of the entry */
    uint32_t count;  /* without doubles            */
    InvertedHeader header;
} Sorted;

/* ---- sorting ---- */

static uint64_t
order_of_real(double real)
{
    uint64_t bits;
    real += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &real, sizeof bits);
    return (bits & SIGN_BIT) != 0 ? ~bits : bits | SIGN_BIT;
}

static uint64_t
order_of_bytes(Slice bytes)
{
    uint64_t order = 0;
    for (size_t i = 0; i < 8; i++)
        order =
            order << 8 | (i < bytes.size ? (unsigned char)bytes.data[i] : 0u);
    return order;
}

static uint64_t
order_of(const ScalarColumn *column, uint32_t entry)
{
    switch (column->type) {
    case KEY_INT:
        return (uint64_t)column->ints[entry] ^ SIGN_BIT;
    case KEY_REAL:
        return order_of_real(column->reals[entry]);
    default:
        return order_of_bytes(column->bytes[entry]);
    }
}

static int
compare_bytes(const void *context, SortItem a, SortItem b)
{
    const ScalarColumn *column = context;
    return slice_compare(column->bytes[a.value], column->bytes[b.value]);
}

/* Whether an item has the key of the one before it. */
static bool
has_same_key(const Sorted *sorted, uint32_t place)
{
    if (place == 0)
        return false;
    SortItem a = sorted->items[place - 1], b = sorted->items[place];
    return a.key == b.key && (sorted->column->type != KEY_BYTES ||
                              compare_bytes(sorted->column, a, b) == 0);
}

static uint32_t
row_of(const Sorted *sorted, uint32_t place)
{
    return sorted->column->rows[sorted->items[place].value];
}

/* Drop pairs that occur twice, and count keys. */
static void
drop_doubles(Sorted *sorted)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < sorted->count; i++) {
        sorted->items[kept] = sorted->items[i];
        bool is_same = has_same_key(sorted, kept);
        if (is_same && row_of(sorted, kept) == row_of(sorted, kept - 1))
            continue;
        if (!is_same) {
            sorted->header.key_count++;
            if (sorted->column->type == KEY_BYTES)
                sorted->header.bytes_size +=
                    sorted->column->bytes[sorted->items[i].value].size;
        }
        kept++;
    }
    sorted->count = kept;
    sorted->header.posting_count = kept;
}

static mql_status
sort_entries(Sorted *sorted, Error *err)
{
    const ScalarColumn *column = sorted->column;
    size_t count = (size_t)column->entry_count + 1;
    sorted->items = calloc(count, sizeof *sorted->items);
    SortItem *spare = calloc(count, sizeof *spare);
    mql_status status;
    if (sorted->items == NULL || spare == NULL) {
        status = error_no_memory(err);
    } else {
        for (uint32_t i = 0; i < column->entry_count; i++)
            sorted->items[i] = (SortItem){order_of(column, i), i};
        sorted->count = column->entry_count;
        status = sort_items(sorted->items, spare, sorted->count,
                            column->type == KEY_BYTES ? compare_bytes : NULL,
                            column, sorted->input->cancel, err);
    }
    free(spare);
    return status;
}

/* ---- writing ---- */

static mql_status
poll_cancel(const Sorted *sorted, uint32_t place, Error *err)
{
    const atomic_bool *cancel = sorted->input->cancel;
    if (place % CANCEL_ENTRIES != 0 || cancel == NULL ||
        !atomic_load_explicit(cancel, memory_order_relaxed))
        return MQL_OK;
    return error_set(err, ERR_QUERY_CANCELED,
                     "canceling statement due to user request");
}

/* The key itself, or for bytes where it ends. */
static mql_status
write_keys(Sorted *sorted, Error *err)
{
    const ScalarColumn *column = sorted->column;
    uint64_t end = 0;
    TRY(section_begin(sorted->writer, (SectionId){INVERTED_SECTION_KEYS, 0},
                      err));
    for (uint32_t i = 0; i < sorted->count; i++) {
        TRY(poll_cancel(sorted, i, err));
        if (has_same_key(sorted, i))
            continue;
        uint32_t entry = sorted->items[i].value;
        uint64_t bits;
        if (column->type == KEY_INT) {
            bits = (uint64_t)column->ints[entry];
        } else if (column->type == KEY_REAL) {
            double real = column->reals[entry] + 0.0;
            memcpy(&bits, &real, sizeof bits);
        } else {
            end += column->bytes[entry].size;
            bits = end;
        }
        TRY(section_append(sorted->writer, &bits, sizeof bits, err));
    }
    return MQL_OK;
}

static mql_status
write_bytes(Sorted *sorted, Error *err)
{
    TRY(section_begin(sorted->writer, (SectionId){INVERTED_SECTION_BYTES, 0},
                      err));
    for (uint32_t i = 0; i < sorted->count; i++) {
        TRY(poll_cancel(sorted, i, err));
        if (has_same_key(sorted, i))
            continue;
        Slice key = sorted->column->bytes[sorted->items[i].value];
        if (key.size > 0)
            TRY(section_append(sorted->writer, key.data, key.size, err));
    }
    return MQL_OK;
}

static mql_status
write_starts(Sorted *sorted, Error *err)
{
    TRY(section_begin(sorted->writer, (SectionId){INVERTED_SECTION_STARTS, 0},
                      err));
    for (uint32_t i = 0; i < sorted->count; i++) {
        TRY(poll_cancel(sorted, i, err));
        if (!has_same_key(sorted, i))
            TRY(section_append(sorted->writer, &i, sizeof i, err));
    }
    return section_append(sorted->writer, &sorted->count, sizeof sorted->count,
                          err);
}

static mql_status
write_postings(Sorted *sorted, Error *err)
{
    TRY(section_begin(sorted->writer, (SectionId){INVERTED_SECTION_POSTINGS, 0},
                      err));
    for (uint32_t i = 0; i < sorted->count; i++) {
        TRY(poll_cancel(sorted, i, err));
        uint32_t row = row_of(sorted, i);
        TRY(section_append(sorted->writer, &row, sizeof row, err));
    }
    return MQL_OK;
}

static mql_status
write_valid(Sorted *sorted, Error *err)
{
    const ScalarColumn *column = sorted->column;
    size_t words = bits_words(column->row_count);
    uint64_t *valid = calloc(words + 1, sizeof *valid);
    if (valid == NULL)
        return error_no_memory(err);
    for (uint32_t row = 0; row < column->row_count; row++)
        if (column->valid == NULL || column->valid[row] != 0)
            bits_set(valid, row);
    sorted->header.valid_count = (uint32_t)bits_count(valid, column->row_count);
    mql_status status =
        section_write(sorted->writer, (SectionId){INVERTED_SECTION_VALID, 0},
                      valid, words * sizeof *valid, err);
    free(valid);
    return status;
}

static mql_status
write_sections(Sorted *sorted, Error *err)
{
    TRY(write_valid(sorted, err));
    TRY(write_keys(sorted, err));
    if (sorted->column->type == KEY_BYTES)
        TRY(write_bytes(sorted, err));
    TRY(write_starts(sorted, err));
    TRY(write_postings(sorted, err));
    return section_write(sorted->writer,
                         (SectionId){INVERTED_SECTION_HEADER, 0},
                         &sorted->header, sizeof sorted->header, err);
}

static void
report(const IndexBuild *input, uint32_t part)
{
    uint64_t total = input->scalars->entry_count;
    if (input->progress != NULL)
        input->progress(input->progress_context, total * part / 2, total);
}

/* Entries to sort, twice; then the bits of valid rows and a page to write. */
uint64_t
inverted_memory(const IndexBuild *input)
{
    const ScalarColumn *column = input->scalars;
    uint64_t entries = (uint64_t)column->entry_count + 1;
    return entries * 2 * sizeof(SortItem) + column->row_count / 4 + (1 << 17);
}

mql_status
inverted_build(const IndexBuild *input, SectionWriter *writer, Error *err)
{
    const ScalarColumn *column = input->scalars;
    Sorted sorted = {.input = input, .column = column, .writer = writer};
    sorted.header.version = INVERTED_VERSION;
    sorted.header.key_type = (uint32_t)column->type;
    sorted.header.row_count = column->row_count;

    mql_status status = sort_entries(&sorted, err);
    if (status == MQL_OK) {
        report(input, 1);
        drop_doubles(&sorted);
        status = write_sections(&sorted, err);
    }
    if (status == MQL_OK)
        report(input, 2);
    free(sorted.items);
    return status;
}
