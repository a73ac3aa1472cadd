/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inverted.c - the kind INVERTED: which rows have a key?
 *
 * Opening reads the header. A lookup is one or two binary searches over the
 * keys where they lie in the file; each key, start and row is verified and held
 * against its bounds before it is used.
 */
#include "index/scalar/inverted_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

extern const IndexKind inverted_kind;

static const IndexOption no_options[] = {{.name = NULL}};

static mql_status
wrong(const Inverted *inverted, const char *what, Error *err)
{
    return error_corrupt(err, section_file_path(inverted->file), -1,
                         "an INVERTED index has a wrong %s", what);
}

/* ---- reading ---- */

static mql_status
read_word(const Inverted *inverted, const Section *section, uint32_t place,
          uint64_t *value, Error *err)
{
    uint64_t offset = (uint64_t)place * sizeof *value;
    TRY(section_verify(inverted->file, section, offset, sizeof *value, err));
    memcpy(value, section->data + offset, sizeof *value);
    return MQL_OK;
}

mql_status
inverted_key(const Inverted *inverted, uint32_t place, Key *key, Error *err)
{
    uint64_t bits, begin = 0;
    *key = (Key){.bytes = {NULL, 0}};
    TRY(read_word(inverted, &inverted->keys, place, &bits, err));
    if (inverted->header.key_type != KEY_BYTES) {
        memcpy(key, &bits, sizeof bits); /* int64 or double */
        return MQL_OK;
    }
    if (place > 0)
        TRY(read_word(inverted, &inverted->keys, place - 1, &begin, err));
    if (begin > bits || bits > inverted->bytes.size)
        return wrong(inverted, "key", err);
    if (begin == bits)
        return MQL_OK;
    TRY(section_verify(inverted->file, &inverted->bytes, begin, bits - begin,
                       err));
    key->bytes = (Slice){inverted->bytes.data + begin, bits - begin};
    return MQL_OK;
}

mql_status
inverted_start(const Inverted *inverted, uint32_t place, uint32_t *start,
               Error *err)
{
    uint64_t offset = (uint64_t)place * sizeof *start;
    TRY(section_verify(inverted->file, &inverted->starts, offset, sizeof *start,
                       err));
    memcpy(start, inverted->starts.data + offset, sizeof *start);
    if (*start > inverted->header.posting_count)
        return wrong(inverted, "start", err);
    return MQL_OK;
}

mql_status
inverted_postings(const Inverted *inverted, uint32_t start, uint32_t end,
                  const uint32_t **rows, Error *err)
{
    *rows = NULL;
    if (start >= end)
        return MQL_OK;
    uint64_t offset = (uint64_t)start * sizeof **rows;
    TRY(section_verify(inverted->file, &inverted->postings, offset,
                       (uint64_t)(end - start) * sizeof **rows, err));
    *rows = (const uint32_t *)(const void *)(inverted->postings.data + offset);
    return MQL_OK;
}

/* ---- searching keys ---- */

int
inverted_compare(KeyType type, const Key *a, const Key *b)
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

/* What a binary search looks for: the first key not before `key`, or the first
 * after it. As a prefix, `key` equals every key that starts with it. */
typedef struct Bound {
    const Key *key;
    bool is_after;
    bool is_prefix;
} Bound;

static mql_status
find(const Inverted *inverted, Bound bound, uint32_t *place, Error *err)
{
    KeyType type = (KeyType)inverted->header.key_type;
    uint32_t low = 0, high = inverted->header.key_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        Key key;
        TRY(inverted_key(inverted, middle, &key, err));
        if (bound.is_prefix && key.bytes.size > bound.key->bytes.size)
            key.bytes.size = bound.key->bytes.size;
        int order = inverted_compare(type, &key, bound.key);
        if (order < 0 || (order == 0 && bound.is_after))
            low = middle + 1;
        else
            high = middle;
    }
    *place = low;
    return MQL_OK;
}

/* The keys from `first` to before `end`. */
typedef struct Stretch {
    uint32_t first, end;
} Stretch;

static mql_status
find_range(const Inverted *inverted, const ScalarPredicate *predicate,
           Stretch *keys, Error *err)
{
    *keys = (Stretch){0, inverted->header.key_count};
    if (predicate->has_low)
        TRY(find(inverted,
                 (Bound){&predicate->low, !predicate->low_inclusive, false},
                 &keys->first, err));
    if (predicate->has_high)
        TRY(find(inverted,
                 (Bound){&predicate->high, predicate->high_inclusive, false},
                 &keys->end, err));
    return MQL_OK;
}

static mql_status
find_equal(const Inverted *inverted, const Key *key, Stretch *keys, Error *err)
{
    TRY(find(inverted, (Bound){key, false, false}, &keys->first, err));
    keys->end = keys->first;
    if (keys->first == inverted->header.key_count)
        return MQL_OK;
    Key found;
    TRY(inverted_key(inverted, keys->first, &found, err));
    KeyType type = (KeyType)inverted->header.key_type;
    keys->end += inverted_compare(type, &found, key) == 0;
    return MQL_OK;
}

static mql_status
find_prefix(const Inverted *inverted, Slice prefix, Stretch *keys, Error *err)
{
    Key key = {.bytes = prefix};
    TRY(find(inverted, (Bound){&key, false, true}, &keys->first, err));
    return find(inverted, (Bound){&key, true, true}, &keys->end, err);
}

/* The postings of the keys of a predicate's part `part`: all but IN have one.
 */
static mql_status
find_postings(const Inverted *inverted, const ScalarPredicate *predicate,
              uint32_t part, Stretch *postings, Error *err)
{
    Stretch keys;
    if (predicate->kind == PREDICATE_IN)
        TRY(find_equal(inverted, &predicate->list[part], &keys, err));
    else if (predicate->kind == PREDICATE_PREFIX)
        TRY(find_prefix(inverted, predicate->prefix, &keys, err));
    else
        TRY(find_range(inverted, predicate, &keys, err));

    *postings = (Stretch){0, 0};
    if (keys.first >= keys.end)
        return MQL_OK;
    TRY(inverted_start(inverted, keys.first, &postings->first, err));
    TRY(inverted_start(inverted, keys.end, &postings->end, err));
    return postings->first <= postings->end ? MQL_OK
                                            : wrong(inverted, "start", err);
}

static uint32_t
parts_of(const ScalarPredicate *predicate)
{
    return predicate->kind == PREDICATE_IN ? predicate->list_count : 1;
}

/* PREFIX over numbers is the planner's mistake. */
static mql_status
check_predicate(const Inverted *inverted, const ScalarPredicate *predicate,
                Error *err)
{
    if (predicate->kind == PREDICATE_PREFIX &&
        inverted->header.key_type != KEY_BYTES)
        return error_set(err, ERR_INTERNAL_ERROR,
                         "a prefix was looked up among numbers");
    return MQL_OK;
}

/* ---- answering ---- */

static mql_status
add_valid(const Inverted *inverted, RowSet *rows, Error *err)
{
    const Section *valid = &inverted->valid;
    const uint64_t *bits = (const uint64_t *)(const void *)valid->data;
    uint32_t count = inverted->header.row_count;
    TRY(section_verify(inverted->file, valid, 0, valid->size, err));
    if (count % 64 != 0 && bits[count / 64] >> (count % 64) != 0)
        return wrong(inverted, "row", err);
    return row_set_add_bits(rows, bits, err);
}

static mql_status
check_rows(const Inverted *inverted, const uint32_t *rows, uint32_t count,
           Error *err)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < count; i++)
        most = rows[i] > most ? rows[i] : most;
    if (count > 0 && most >= inverted->header.row_count)
        return wrong(inverted, "row", err);
    return MQL_OK;
}

static mql_status
add_postings(const Inverted *inverted, Stretch postings, RowSet *rows,
             Error *err)
{
    const uint32_t *found;
    uint32_t count = postings.end - postings.first;
    TRY(inverted_postings(inverted, postings.first, postings.end, &found, err));
    TRY(check_rows(inverted, found, count, err));
    return row_set_add(rows, found, count, err);
}

static mql_status
inverted_lookup(const Index *index, const ScalarPredicate *predicate,
                RowSet *rows, Error *err)
{
    const Inverted *inverted = (const Inverted *)index;
    TRY(check_predicate(inverted, predicate, err));
    if (rows->row_count != inverted->header.row_count)
        return wrong(inverted, "row count", err);
    if (predicate->kind == PREDICATE_NOT_NULL)
        return add_valid(inverted, rows, err);
    uint32_t parts = parts_of(predicate);
    for (uint32_t i = 0; i < parts; i++) {
        Stretch postings;
        TRY(find_postings(inverted, predicate, i, &postings, err));
        TRY(add_postings(inverted, postings, rows, err));
    }
    return MQL_OK;
}

static uint64_t
inverted_estimate(const Index *index, const ScalarPredicate *predicate)
{
    const Inverted *inverted = (const Inverted *)index;
    uint64_t most = inverted->header.valid_count, sum = 0;
    Error err = ERROR_INIT;
    if (predicate->kind == PREDICATE_NOT_NULL)
        return most;
    if (check_predicate(inverted, predicate, &err) != MQL_OK)
        return most;
    for (uint32_t i = 0; i < parts_of(predicate) && sum < most; i++) {
        Stretch postings;
        if (find_postings(inverted, predicate, i, &postings, &err) != MQL_OK)
            return most; /* lookup() will say what is wrong */
        sum += postings.end - postings.first;
    }
    return sum < most ? sum : most;
}

/* ---- opening ---- */

static mql_status
check_header(const Inverted *inverted, const IndexOpen *input, Error *err)
{
    const InvertedHeader *header = &inverted->header;
    if (header->version != INVERTED_VERSION)
        return wrong(inverted, "version", err);
    if (header->key_type != (uint32_t)input->key_type)
        return wrong(inverted, "key type", err);
    if (header->row_count != input->row_count ||
        header->valid_count > header->row_count)
        return wrong(inverted, "row count", err);
    if (header->key_count > header->posting_count ||
        (header->key_count == 0) != (header->posting_count == 0))
        return wrong(inverted, "key count", err);
    return MQL_OK;
}

static mql_status
find_section(const Inverted *inverted, uint32_t kind, uint64_t size,
             Section *section, Error *err)
{
    if (!section_find(inverted->file, (SectionId){kind, 0}, section) ||
        section->size != size)
        return wrong(inverted, "section", err);
    return MQL_OK;
}

static mql_status
read_file(Inverted *inverted, const IndexOpen *input, Error *err)
{
    InvertedHeader *header = &inverted->header;
    Section section;
    TRY(section_require(inverted->file, (SectionId){INVERTED_SECTION_HEADER, 0},
                        sizeof *header, &section, err));
    memcpy(header, section.data, sizeof *header);
    TRY(check_header(inverted, input, err));
    uint64_t keys = header->key_count;
    TRY(find_section(inverted, INVERTED_SECTION_KEYS, keys * sizeof(uint64_t),
                     &inverted->keys, err));
    TRY(find_section(inverted, INVERTED_SECTION_STARTS,
                     (keys + 1) * sizeof(uint32_t), &inverted->starts, err));
    TRY(find_section(inverted, INVERTED_SECTION_POSTINGS,
                     (uint64_t)header->posting_count * sizeof(uint32_t),
                     &inverted->postings, err));
    TRY(find_section(inverted, INVERTED_SECTION_VALID,
                     bits_words(header->row_count) * sizeof(uint64_t),
                     &inverted->valid, err));
    if (header->key_type == KEY_BYTES)
        TRY(find_section(inverted, INVERTED_SECTION_BYTES, header->bytes_size,
                         &inverted->bytes, err));
    return MQL_OK;
}

static mql_status
inverted_open(const IndexOpen *input, Index **index, Error *err)
{
    Inverted *inverted = calloc(1, sizeof *inverted);
    if (inverted == NULL)
        return error_no_memory(err);
    inverted->base.kind = &inverted_kind;
    inverted->file = input->file;
    mql_status status = read_file(inverted, input, err);
    if (status != MQL_OK) {
        free(inverted);
        return status;
    }
    *index = &inverted->base;
    return MQL_OK;
}

static void
inverted_close(Index *index)
{
    free(index);
}

const IndexKind inverted_kind = {
    .name = "INVERTED",
    .help = "sorted keys with the rows of each",
    .is_vector = false,
    .is_exact = true,
    .has_file = true,
    .build_options = no_options,
    .search_options = no_options,
    .memory = inverted_memory,
    .build = inverted_build,
    .open = inverted_open,
    .lookup = inverted_lookup,
    .estimate = inverted_estimate,
    .check = inverted_check,
    .close = inverted_close,
};
