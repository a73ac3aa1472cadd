/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_set.c - a set of rows as a list while they are few, then as bits.
 *
 * Loops over words have no branch and no call, so that the compiler makes
 * vector code of them.
 */
#include "index/row_set.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

/* A list of a row in so many takes what bits take. */
#define ROWS_A_MEMBER 32u

/* Rows out of order are inserted into a list up to this long: each moves half
 * of it, at most 1 KiB. */
#define INSERT_MOST 256u

#define FIRST_CAPACITY 8u

RowSet
row_set_empty(uint32_t row_count)
{
    return (RowSet){.row_count = row_count};
}

void
row_set_free(RowSet *set)
{
    free(set->rows);
    free(set->words);
    *set = row_set_empty(set->row_count);
}

static void
swap(RowSet *a, RowSet *b)
{
    RowSet kept = *a;
    *a = *b;
    *b = kept;
}

static bool
is_nothing(const RowSet *set)
{
    return set->words == NULL && set->count == 0;
}

/* ---- from few to many ---- */

static void
set_rows(uint64_t *words, const uint32_t *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        bits_set(words, rows[i]);
}

static void
add_bits(uint64_t *words, const uint64_t *others, size_t count)
{
    for (size_t i = 0; i < count; i++)
        words[i] |= others[i];
}

/* On a failure nothing has changed. */
static mql_status
make_bits(RowSet *set, Error *err)
{
    if (set->words != NULL)
        return MQL_OK;
    /* One more: of nothing, calloc() may give nothing; row_set_take(). */
    uint64_t *words = calloc(bits_words(set->row_count) + 1, sizeof *words);
    if (words == NULL)
        return error_no_memory(err);
    set_rows(words, set->rows, set->count);
    row_set_free(set);
    set->words = words;
    return MQL_OK;
}

/* Room for `count` more in the list, or bits where they would be too many. */
static mql_status
reserve(RowSet *set, uint32_t count, Error *err)
{
    uint32_t most = set->row_count / ROWS_A_MEMBER;
    uint64_t wanted = (uint64_t)set->count + count;
    if (set->words != NULL || wanted <= set->capacity)
        return MQL_OK;
    if (wanted > most)
        return make_bits(set, err);

    uint64_t doubled = (uint64_t)set->capacity * 2;
    uint64_t capacity = wanted > doubled ? wanted : doubled;
    if (capacity < FIRST_CAPACITY)
        capacity = FIRST_CAPACITY;
    if (capacity > most)
        capacity = most;
    uint32_t *rows = realloc(set->rows, (size_t)capacity * sizeof *rows);
    if (rows == NULL)
        return error_no_memory(err);
    set->rows = rows;
    set->capacity = (uint32_t)capacity;
    return MQL_OK;
}

/* ---- adding ---- */

/* Where `row` is in the list or would be. */
static uint32_t
place_of(const RowSet *set, uint32_t row)
{
    uint32_t low = 0, high = set->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->rows[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Into a list with room; false: too long for rows out of order. */
static bool
insert(RowSet *set, uint32_t row)
{
    uint32_t count = set->count;
    if (count == 0 || set->rows[count - 1] < row) {
        set->rows[set->count++] = row;
        return true;
    }
    if (count > INSERT_MOST)
        return false;
    uint32_t place = place_of(set, row);
    if (set->rows[place] == row)
        return true;
    memmove(set->rows + place + 1, set->rows + place,
            (count - place) * sizeof *set->rows);
    set->rows[place] = row;
    set->count++;
    return true;
}

mql_status
row_set_add(RowSet *set, const uint32_t *rows, uint32_t count, Error *err)
{
    uint32_t added = 0;
    TRY(reserve(set, count, err));
    while (set->words == NULL && added < count && insert(set, rows[added]))
        added++;
    if (added == count)
        return MQL_OK;
    TRY(make_bits(set, err));
    set_rows(set->words, rows + added, count - added);
    return MQL_OK;
}

mql_status
row_set_add_range(RowSet *set, uint32_t first, uint32_t count, Error *err)
{
    assert(first <= set->row_count && count <= set->row_count - first);
    TRY(make_bits(set, err));
    bits_set_range(set->words, first, count);
    return MQL_OK;
}

mql_status
row_set_add_bits(RowSet *set, const uint64_t *bits, Error *err)
{
    TRY(make_bits(set, err));
    add_bits(set->words, bits, bits_words(set->row_count));
    return MQL_OK;
}

mql_status
row_set_flip(RowSet *set, const uint32_t *rows, uint32_t count, Error *err)
{
    TRY(make_bits(set, err));
    for (uint32_t i = 0; i < count; i++)
        set->words[rows[i] / 64] ^= (uint64_t)1 << (rows[i] % 64);
    return MQL_OK;
}

mql_status
row_set_flip_bits(RowSet *set, const uint64_t *bits, Error *err)
{
    const size_t words = bits_words(set->row_count);
    if (is_nothing(set) && words > 0) {
        uint64_t *copy = malloc((words + 1) * sizeof *copy);
        if (copy == NULL)
            return error_no_memory(err);
        memcpy(copy, bits, words * sizeof *copy);
        copy[words] = 0;
        row_set_free(set);
        set->words = copy;
        return MQL_OK;
    }
    TRY(make_bits(set, err));
    for (size_t i = 0; i < words; i++)
        set->words[i] ^= bits[i];
    return MQL_OK;
}

/* ---- two sets ---- */

/* Of the list, keep the rows that are in the other set, or those that are
 * not. */
static void
keep_rows(RowSet *set, const RowSet *other, bool is_in)
{
    uint32_t kept = 0, next = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t row = set->rows[i];
        bool found;
        if (other->words != NULL) {
            found = bits_get(other->words, row);
        } else {
            while (next < other->count && other->rows[next] < row)
                next++;
            found = next < other->count && other->rows[next] == row;
        }
        set->rows[kept] = row;
        kept += found == is_in;
    }
    set->count = kept;
}

void
row_set_and(RowSet *set, RowSet *other)
{
    assert(set->row_count == other->row_count);
    if (other->words == NULL)
        swap(set, other);
    if (set->words == NULL)
        keep_rows(set, other, true);
    else
        row_set_mask(other, set->words);
    row_set_free(other);
}

mql_status
row_set_or(RowSet *set, RowSet *other, Error *err)
{
    assert(set->row_count == other->row_count);
    if (is_nothing(set) || (set->words == NULL && other->words != NULL))
        swap(set, other);
    mql_status status = other->words != NULL
                            ? row_set_add_bits(set, other->words, err)
                            : row_set_add(set, other->rows, other->count, err);
    row_set_free(other);
    return status;
}

static void
clear_bits(uint64_t *words, const uint64_t *others, size_t count)
{
    for (size_t i = 0; i < count; i++)
        words[i] &= ~others[i];
}

void
row_set_minus(RowSet *set, RowSet *other)
{
    assert(set->row_count == other->row_count);
    if (set->words == NULL)
        keep_rows(set, other, false);
    else if (other->words != NULL)
        clear_bits(set->words, other->words, bits_words(set->row_count));
    else
        for (uint32_t i = 0; i < other->count; i++)
            bits_clear(set->words, other->rows[i]);
    row_set_free(other);
}

/* ---- asking ---- */

uint32_t
row_set_count(const RowSet *set)
{
    return set->words == NULL
               ? set->count
               : (uint32_t)bits_count(set->words, set->row_count);
}

bool
row_set_contains(const RowSet *set, uint32_t row)
{
    if (row >= set->row_count)
        return false;
    if (set->words != NULL)
        return bits_get(set->words, row);
    uint32_t place = place_of(set, row);
    return place < set->count && set->rows[place] == row;
}

uint64_t *
row_set_take(RowSet *set, Arena *arena)
{
    size_t words = bits_words(set->row_count) + 1;
    uint64_t *bits = set->words;
    if (bits == NULL) {
        bits = arena_alloc_array(arena, words, sizeof *bits);
        if (bits != NULL)
            set_rows(bits, set->rows, set->count);
    } else if (arena_adopt(arena, bits, words * sizeof *bits)) {
        set->words = NULL;
    } else {
        bits = NULL;
    }
    row_set_free(set);
    return bits;
}

static void
keep_bits(uint64_t *bits, const uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bits[i] &= words[i];
}

uint32_t
row_set_mask(const RowSet *set, uint64_t *bits)
{
    size_t words = bits_words(set->row_count), at = 0;
    uint32_t left = 0;
    if (set->words != NULL) {
        keep_bits(bits, set->words, words);
        return UINT32_MAX;
    }
    /* Word after word that has rows, and zeros between. */
    for (uint32_t i = 0; i < set->count;) {
        size_t word = set->rows[i] / 64;
        uint64_t kept = 0;
        for (; i < set->count && set->rows[i] / 64 == word; i++)
            kept |= (uint64_t)1 << (set->rows[i] % 64);
        memset(bits + at, 0, (word - at) * sizeof *bits);
        bits[word] &= kept;
        left += (uint32_t)bits_count(&bits[word], 64);
        at = word + 1;
    }
    memset(bits + at, 0, (words - at) * sizeof *bits);
    return left;
}
