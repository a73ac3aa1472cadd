/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inverted_check.c - every invariant of an INVERTED file: keys ascend, each has
 * at least one row, its rows ascend and are not NULL, counts are right.
 */
#include "index/scalar/inverted_internal.h"

#include "base/bits.h"

static mql_status
wrong(const Inverted *inverted, const char *what, uint32_t place, Error *err)
{
    return error_corrupt(err, section_file_path(inverted->file), -1,
                         "an INVERTED index has %s at key %u", what, place);
}

static mql_status
check_key(const Inverted *inverted, uint32_t place, Error *err)
{
    Key key, before;
    TRY(inverted_key(inverted, place, &key, err));
    if (inverted->header.key_type == KEY_REAL && key.real != key.real)
        return wrong(inverted, "a key that is no number", place, err);
    if (place == 0)
        return MQL_OK;
    TRY(inverted_key(inverted, place - 1, &before, err));
    if (inverted_compare((KeyType)inverted->header.key_type, &before, &key) >=
        0)
        return wrong(inverted, "keys out of order", place, err);
    return MQL_OK;
}

static mql_status
check_postings(const Inverted *inverted, const uint64_t *valid, uint32_t place,
               Error *err)
{
    uint32_t start, end;
    const uint32_t *rows;
    TRY(inverted_start(inverted, place, &start, err));
    TRY(inverted_start(inverted, place + 1, &end, err));
    if (start >= end)
        return wrong(inverted, "no rows", place, err);
    TRY(inverted_postings(inverted, start, end, &rows, err));
    for (uint32_t i = 0; i < end - start; i++) {
        if (rows[i] >= inverted->header.row_count || !bits_get(valid, rows[i]))
            return wrong(inverted, "a wrong row", place, err);
        if (i > 0 && rows[i - 1] >= rows[i])
            return wrong(inverted, "rows out of order", place, err);
    }
    return MQL_OK;
}

/* The ends: the first list begins at 0, the last ends where all do. */
static mql_status
check_ends(const Inverted *inverted, Error *err)
{
    const InvertedHeader *header = &inverted->header;
    uint32_t first, last;
    TRY(inverted_start(inverted, 0, &first, err));
    TRY(inverted_start(inverted, header->key_count, &last, err));
    if (first != 0 || last != header->posting_count)
        return wrong(inverted, "a wrong start", 0, err);
    if (header->key_type != KEY_BYTES || header->key_count == 0)
        return MQL_OK;
    Key key;
    TRY(inverted_key(inverted, header->key_count - 1, &key, err));
    const char *end = inverted->bytes.data + inverted->bytes.size;
    if (key.bytes.size > 0 && key.bytes.data + key.bytes.size != end)
        return wrong(inverted, "a wrong end of keys", header->key_count - 1,
                     err);
    return MQL_OK;
}

mql_status
inverted_check(const Index *index, Error *err)
{
    const Inverted *inverted = (const Inverted *)index;
    const InvertedHeader *header = &inverted->header;
    TRY(section_verify(inverted->file, &inverted->valid, 0,
                       inverted->valid.size, err));
    const uint64_t *valid =
        (const uint64_t *)(const void *)inverted->valid.data;
    if (header->row_count % 64 != 0 &&
        valid[header->row_count / 64] >> (header->row_count % 64) != 0)
        return wrong(inverted, "a row past the last", 0, err);
    if (bits_count(valid, header->row_count) != header->valid_count)
        return wrong(inverted, "a wrong number of rows", 0, err);
    TRY(check_ends(inverted, err));
    for (uint32_t place = 0; place < header->key_count; place++) {
        TRY(check_key(inverted, place, err));
        TRY(check_postings(inverted, valid, place, err));
    }
    return MQL_OK;
}
