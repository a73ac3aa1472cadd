/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scalar_search.c - binary search over the keys where they lie in the file.
 *
 * Each key is verified and held against its bounds before it is used.
 */
#include <string.h>

#include "index/scalar/scalar_file.h"

static mql_status
read_word(const ScalarIndex *index, const Section *section, uint32_t place,
          uint64_t *value, Error *err)
{
    uint64_t offset = (uint64_t)place * sizeof *value;
    TRY(section_verify(index->file, section, offset, sizeof *value, err));
    memcpy(value, section->data + offset, sizeof *value);
    return MQL_OK;
}

mql_status
scalar_key(const ScalarIndex *index, uint32_t place, Key *key, Error *err)
{
    uint64_t bits, begin = 0;
    *key = (Key){.bytes = {NULL, 0}};
    TRY(read_word(index, &index->keys, place, &bits, err));
    if (index->header.key_type != KEY_BYTES) {
        memcpy(key, &bits, sizeof bits); /* int64 or double */
        return MQL_OK;
    }
    if (place > 0)
        TRY(read_word(index, &index->keys, place - 1, &begin, err));
    if (begin > bits || bits > index->bytes.size)
        return scalar_wrong(index, "key", err);
    if (begin == bits)
        return MQL_OK;
    TRY(section_verify(index->file, &index->bytes, begin, bits - begin, err));
    key->bytes = (Slice){index->bytes.data + begin, bits - begin};
    return MQL_OK;
}

int
scalar_compare(KeyType type, const Key *a, const Key *b)
{
    switch (type) {
    case KEY_INT:
        return (a->integer > b->integer) - (a->integer < b->integer);
    case KEY_REAL:
        return (a->real > b->real) - (a->real < b->real);
    default:
        return slice_compare(a->bytes, b->bytes);
    }
}

mql_status
scalar_find_sorted(const ScalarIndex *index, Bound bound, uint32_t *place,
                   Error *err)
{
    KeyType type = (KeyType)index->header.key_type;
    uint32_t low = 0, high = index->header.key_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        Key key;
        TRY(scalar_key(index, middle, &key, err));
        if (bound.is_prefix && key.bytes.size > bound.key->bytes.size)
            key.bytes.size = bound.key->bytes.size;
        int order = scalar_compare(type, &key, bound.key);
        if (order < 0 || (order == 0 && bound.is_after))
            low = middle + 1;
        else
            high = middle;
    }
    *place = low;
    return MQL_OK;
}
