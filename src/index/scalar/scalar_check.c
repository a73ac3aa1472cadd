/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scalar_check.c - every invariant of a file over a scalar field: keys ascend,
 * each has at least one row, its rows ascend and are not NULL, counts are
 * right.
 */
#include "base/bits.h"
#include "index/scalar/scalar_file.h"

mql_status
scalar_wrong_key(const ScalarIndex *index, const char *what, uint32_t place,
                 Error *err)
{
    return error_corrupt(err, section_file_path(index->file), -1,
                         "an index of kind %s has %s at key %u",
                         index->base.kind->name, what, place);
}

/* `least`: how much more than the key before it a key must be. */
static mql_status
check_key(const ScalarIndex *index, uint32_t place, int least, Error *err)
{
    Key key, before;
    KeyType type = (KeyType)index->header.key_type;
    TRY(scalar_key(index, place, &key, err));
    if (type == KEY_REAL && key.real != key.real)
        return scalar_wrong_key(index, "a key that is no number", place, err);
    if (place == 0)
        return MQL_OK;
    TRY(scalar_key(index, place - 1, &before, err));
    int order = scalar_compare(type, &key, &before);
    if ((order > 0) - (order < 0) < least)
        return scalar_wrong_key(index, "keys out of order", place, err);
    return MQL_OK;
}

mql_status
scalar_check_distinct(const ScalarIndex *index, uint32_t place, Error *err)
{
    return check_key(index, place, 1, err);
}

mql_status
scalar_check_ordered(const ScalarIndex *index, uint32_t place, Error *err)
{
    return check_key(index, place, 0, err);
}

mql_status
scalar_check_row(const ScalarIndex *index, const uint64_t *valid,
                 uint32_t place, const uint32_t *before, uint32_t row,
                 Error *err)
{
    if (row >= index->header.row_count || !bits_get(valid, row))
        return scalar_wrong_key(index, "a wrong row", place, err);
    if (before != NULL && *before >= row)
        return scalar_wrong_key(index, "rows out of order", place, err);
    return MQL_OK;
}

mql_status
scalar_check_listed(const ScalarIndex *index, const uint64_t *valid,
                    uint32_t place, Stretch entries, Error *err)
{
    const uint32_t *rows;
    TRY(scalar_rows(index, entries, &rows, err));
    for (uint32_t i = 0; i < entries.end - entries.first; i++)
        TRY(scalar_check_row(index, valid, place, i > 0 ? &rows[i - 1] : NULL,
                             rows[i], err));
    return MQL_OK;
}

/* The ends: the first list begins at 0, the last ends where all do. */
static mql_status
check_ends(const ScalarIndex *index, Error *err)
{
    const ScalarHeader *header = &index->header;
    uint32_t first, last;
    TRY(scalar_start(index, 0, &first, err));
    TRY(scalar_start(index, header->key_count, &last, err));
    if (first != 0 || last != header->entry_count)
        return scalar_wrong_key(index, "a wrong start", 0, err);
    if (!index->layout->has_keys || header->key_type != KEY_BYTES ||
        header->key_count == 0)
        return MQL_OK;
    Key key;
    TRY(scalar_key(index, header->key_count - 1, &key, err));
    const char *end = index->bytes.data + index->bytes.size;
    if (key.bytes.size > 0 && key.bytes.data + key.bytes.size != end)
        return scalar_wrong_key(index, "a wrong end of keys",
                                header->key_count - 1, err);
    return MQL_OK;
}

static mql_status
check_valid(const ScalarIndex *index, const uint64_t *valid, Error *err)
{
    const ScalarHeader *header = &index->header;
    if (header->row_count % 64 != 0 &&
        valid[header->row_count / 64] >> (header->row_count % 64) != 0)
        return scalar_wrong_key(index, "a row past the last", 0, err);
    if (bits_count(valid, header->row_count) != header->valid_count)
        return scalar_wrong_key(index, "a wrong number of rows", 0, err);
    return MQL_OK;
}

mql_status
scalar_check(const Index *base, Error *err)
{
    const ScalarIndex *index = (const ScalarIndex *)base;
    const ScalarLayout *layout = index->layout;
    TRY(section_verify(index->file, &index->valid, 0, index->valid.size, err));
    const uint64_t *valid = (const uint64_t *)(const void *)index->valid.data;
    TRY(check_valid(index, valid, err));
    TRY(check_ends(index, err));
    for (uint32_t place = 0; place < index->header.key_count; place++) {
        Stretch entries;
        TRY(layout->check_key(index, place, err));
        TRY(scalar_entries(index, (Stretch){place, place + 1}, &entries, err));
        if (entries.first == entries.end)
            return scalar_wrong_key(index, "no rows", place, err);
        TRY(layout->check_rows(index, valid, place, entries, err));
    }
    return scalar_check_marks(index, err);
}
