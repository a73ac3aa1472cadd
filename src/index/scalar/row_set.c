/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_set.c - a bit array to a Roaring bitmap, 65,536 rows at a time.
 *
 * The library has no call for it and adding row by row is slow, so we write its
 * portable format (RoaringFormatSpec) and let it read that: a container that is
 * at least 1/16 full is copied as it is, others become sorted lists.
 */
#include "index/scalar/row_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

#define COOKIE 12346u /* no run containers */
#define CONTAINER_ROWS 65536u
#define CONTAINER_WORDS (CONTAINER_ROWS / 64)
#define LIST_MOST 4096u /* larger containers are bit arrays */

static uint32_t
count_words(const uint64_t *words, size_t count)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (uint32_t)__builtin_popcountll(words[i]);
    return sum;
}

/* Words of one container; the last one of a bit array may be short. */
static size_t
words_of(size_t container, size_t words)
{
    size_t left = words - container * CONTAINER_WORDS;
    return left < CONTAINER_WORDS ? left : CONTAINER_WORDS;
}

static size_t
container_size(uint32_t count)
{
    return count > LIST_MOST ? CONTAINER_ROWS / 8 : count * sizeof(uint16_t);
}

static void
put_u16(char *place, uint32_t value)
{
    uint16_t small = (uint16_t)value;
    memcpy(place, &small, sizeof small);
}

static void
put_u32(char *place, size_t value)
{
    uint32_t small = (uint32_t)value;
    memcpy(place, &small, sizeof small);
}

static void
put_container(char *place, const uint64_t *words, size_t count, uint32_t bits)
{
    if (bits > LIST_MOST) {
        memset(place, 0, CONTAINER_ROWS / 8);
        memcpy(place, words, count * sizeof *words);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        for (uint64_t word = words[i]; word != 0; word &= word - 1) {
            put_u16(place, (uint32_t)(i * 64 + (size_t)__builtin_ctzll(word)));
            place += sizeof(uint16_t);
        }
    }
}

/* Header of the format for the containers that are not empty, then these. */
static void
serialize(const uint64_t *bits, size_t words, uint32_t filled, char *out)
{
    size_t containers = (words + CONTAINER_WORDS - 1) / CONTAINER_WORDS;
    char *keys = out + 8;
    char *offsets = keys + (size_t)filled * 4;
    char *place = offsets + (size_t)filled * 4;
    put_u32(out, COOKIE);
    put_u32(out + 4, filled);
    for (size_t i = 0; i < containers; i++) {
        const uint64_t *first = bits + i * CONTAINER_WORDS;
        size_t count = words_of(i, words);
        uint32_t set = count_words(first, count);
        if (set == 0)
            continue;
        put_u16(keys, (uint32_t)i);
        put_u16(keys + 2, set - 1);
        put_u32(offsets, (size_t)(place - out));
        put_container(place, first, count, set);
        keys += 4;
        offsets += 4;
        place += container_size(set);
    }
}

mql_status
row_set_from_bits(const uint64_t *bits, uint32_t row_count,
                  roaring_bitmap_t **rows, Error *err)
{
    size_t words = bits_words(row_count), size = 8;
    uint32_t filled = 0;
    for (size_t i = 0; i * CONTAINER_WORDS < words; i++) {
        uint32_t set =
            count_words(bits + i * CONTAINER_WORDS, words_of(i, words));
        if (set == 0)
            continue;
        filled++;
        size += 8 + container_size(set);
    }
    if (filled == 0) {
        *rows = roaring_bitmap_create();
        return *rows == NULL ? error_no_memory(err) : MQL_OK;
    }

    char *text = malloc(size);
    if (text == NULL)
        return error_no_memory(err);
    serialize(bits, words, filled, text);
    *rows = roaring_bitmap_portable_deserialize_safe(text, size);
    free(text);
    return *rows == NULL ? error_no_memory(err) : MQL_OK;
}
