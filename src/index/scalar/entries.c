/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entries.c - sorting (key, row) pairs and writing them.
 *
 * Every key is mapped to 64 bits of the same order: numbers wholly, bytes by
 * their first eight, where the rest decides between equals.
 */
#include "index/scalar/entries.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

/* Entries between two looks at `cancel`. */
#define CANCEL_ENTRIES 65536u
#define SIGN_BIT (UINT64_C(1) << 63)

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

bool
entries_is_new(const Entries *entries, uint32_t place)
{
    if (place == 0)
        return true;
    SortItem a = entries->items[place - 1], b = entries->items[place];
    return a.key != b.key || (entries->column->type == KEY_BYTES &&
                              compare_bytes(entries->column, a, b) != 0);
}

uint32_t
entries_row(const Entries *entries, uint32_t place)
{
    return entries->column->rows[entries->items[place].value];
}

Slice
entries_bytes(const Entries *entries, uint32_t place)
{
    return entries->column->bytes[entries->items[place].value];
}

/* Drop pairs that occur twice, and count keys. */
static void
drop_doubles(Entries *entries)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < entries->count; i++) {
        entries->items[kept] = entries->items[i];
        bool is_new = entries_is_new(entries, kept);
        if (!is_new &&
            entries_row(entries, kept) == entries_row(entries, kept - 1))
            continue;
        entries->header.key_count += is_new;
        kept++;
    }
    entries->count = kept;
    entries->header.entry_count = kept;
}

static void
report(const IndexBuild *input, uint32_t part)
{
    uint64_t total = input->scalars->entry_count;
    if (input->progress != NULL)
        input->progress(input->progress_context, total * part / 2, total);
}

static mql_status
sort_column(Entries *entries, SortItem *spare, Error *err)
{
    const ScalarColumn *column = entries->column;
    for (uint32_t i = 0; i < column->entry_count; i++)
        entries->items[i] = (SortItem){order_of(column, i), i};
    entries->count = column->entry_count;
    TRY(sort_items(entries->items, spare, entries->count,
                   column->type == KEY_BYTES ? compare_bytes : NULL, column,
                   entries->input->cancel, err));
    report(entries->input, 1);
    drop_doubles(entries);
    return MQL_OK;
}

mql_status
entries_sort(Entries *entries, const IndexBuild *input, Error *err)
{
    const ScalarColumn *column = input->scalars;
    *entries = (Entries){.input = input,
                         .column = column,
                         .header = {.version = SCALAR_VERSION,
                                    .key_type = (uint32_t)column->type,
                                    .row_count = column->row_count}};
    size_t count = (size_t)column->entry_count + 1;
    entries->items = calloc(count, sizeof *entries->items);
    SortItem *spare = calloc(count, sizeof *spare);
    mql_status status = entries->items == NULL || spare == NULL
                            ? error_no_memory(err)
                            : sort_column(entries, spare, err);
    free(spare);
    return status;
}

void
entries_free(Entries *entries)
{
    free(entries->items);
    entries->items = NULL;
}

/* Entries to sort, twice; then the bits of valid rows and a page to write. */
uint64_t
entries_memory(const IndexBuild *input)
{
    const ScalarColumn *column = input->scalars;
    uint64_t entries = (uint64_t)column->entry_count + 1;
    return entries * 2 * sizeof(SortItem) + column->row_count / 4 + (1 << 17);
}

/* ---- writing ---- */

mql_status
entries_poll(const Entries *entries, uint32_t place, Error *err)
{
    const atomic_bool *cancel = entries->input->cancel;
    if (place % CANCEL_ENTRIES != 0 || cancel == NULL ||
        !atomic_load_explicit(cancel, memory_order_relaxed))
        return MQL_OK;
    return error_set(err, ERR_QUERY_CANCELED,
                     "canceling statement due to user request");
}

/* The key itself, or for bytes where it ends. */
static mql_status
write_words(const Entries *entries, bool is_each, SectionWriter *writer,
            Error *err)
{
    const ScalarColumn *column = entries->column;
    uint64_t end = 0;
    TRY(section_begin(writer, (SectionId){SCALAR_SECTION_KEYS, 0}, err));
    for (uint32_t i = 0; i < entries->count; i++) {
        TRY(entries_poll(entries, i, err));
        if (!is_each && !entries_is_new(entries, i))
            continue;
        uint32_t entry = entries->items[i].value;
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
        TRY(section_append(writer, &bits, sizeof bits, err));
    }
    return MQL_OK;
}

static mql_status
write_bytes(Entries *entries, bool is_each, SectionWriter *writer, Error *err)
{
    ScalarHeader *header = &entries->header;
    TRY(section_begin(writer, (SectionId){SCALAR_SECTION_BYTES, 0}, err));
    for (uint32_t i = 0; i < entries->count; i++) {
        TRY(entries_poll(entries, i, err));
        if (!is_each && !entries_is_new(entries, i))
            continue;
        Slice key = entries_bytes(entries, i);
        header->bytes_size += key.size;
        if (key.size > 0)
            TRY(section_append(writer, key.data, key.size, err));
    }
    return MQL_OK;
}

static mql_status
write_keys(Entries *entries, bool is_each, SectionWriter *writer, Error *err)
{
    TRY(write_words(entries, is_each, writer, err));
    return entries->column->type == KEY_BYTES
               ? write_bytes(entries, is_each, writer, err)
               : MQL_OK;
}

mql_status
entries_write_keys(Entries *entries, SectionWriter *writer, Error *err)
{
    return write_keys(entries, false, writer, err);
}

mql_status
entries_write_each_key(Entries *entries, SectionWriter *writer, Error *err)
{
    entries->header.key_count = entries->count;
    return write_keys(entries, true, writer, err);
}

mql_status
entries_write_starts(const Entries *entries, SectionWriter *writer, Error *err)
{
    TRY(section_begin(writer, (SectionId){SCALAR_SECTION_STARTS, 0}, err));
    for (uint32_t i = 0; i < entries->count; i++) {
        TRY(entries_poll(entries, i, err));
        if (entries_is_new(entries, i))
            TRY(section_append(writer, &i, sizeof i, err));
    }
    return section_append(writer, &entries->count, sizeof entries->count, err);
}

mql_status
entries_write_rows(const Entries *entries, SectionWriter *writer, Error *err)
{
    TRY(section_begin(writer, (SectionId){SCALAR_SECTION_ROWS, 0}, err));
    for (uint32_t i = 0; i < entries->count; i++) {
        TRY(entries_poll(entries, i, err));
        uint32_t row = entries_row(entries, i);
        TRY(section_append(writer, &row, sizeof row, err));
    }
    return entries_write_marks(entries, writer, err);
}

static mql_status
write_valid(Entries *entries, SectionWriter *writer, Error *err)
{
    const ScalarColumn *column = entries->column;
    size_t words = bits_words(column->row_count);
    uint64_t *valid = calloc(words + 1, sizeof *valid);
    if (valid == NULL)
        return error_no_memory(err);
    for (uint32_t row = 0; row < column->row_count; row++)
        if (column->valid == NULL || column->valid[row] != 0)
            bits_set(valid, row);
    entries->header.valid_count =
        (uint32_t)bits_count(valid, column->row_count);
    mql_status status =
        section_write(writer, (SectionId){SCALAR_SECTION_VALID, 0}, valid,
                      words * sizeof *valid, err);
    free(valid);
    return status;
}

mql_status
entries_write_header(Entries *entries, const ScalarLayout *layout,
                     SectionWriter *writer, Error *err)
{
    entries->header.layout = layout->number;
    TRY(write_valid(entries, writer, err));
    TRY(section_write(writer, (SectionId){SCALAR_SECTION_HEADER, 0},
                      &entries->header, sizeof entries->header, err));
    report(entries->input, 2);
    return MQL_OK;
}
