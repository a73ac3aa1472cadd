/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c - sorting and selecting keys.
 */
#include "index/keys.h"

#include <stddef.h>
#include <string.h>

#define SORT_MOST 16 /* keys that are sorted rather than parted */
#define FEW 64       /* the same where all are sorted             */
#define PARTS_MOST 64

/* By steps that get smaller (Shell). */
static void
sort_few(uint64_t *keys, uint32_t count)
{
    static const uint32_t steps[] = {701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        uint32_t step = steps[s];
        for (uint32_t i = step; i < count; i++) {
            uint64_t key = keys[i];
            uint32_t place = i;
            for (; place >= step && keys[place - step] > key; place -= step)
                keys[place] = keys[place - step];
            keys[place] = key;
        }
    }
}

/* As one of three keys is smaller and one is larger than the middle one,
 * neither part is empty. */
uint32_t
keys_part(uint64_t *keys, uint32_t count)
{
    uint64_t a = keys[0], b = keys[count / 2], c = keys[count - 1];
    uint64_t low = a < b ? a : b, high = a < b ? b : a;
    uint64_t pivot = c < low ? low : c < high ? c : high;
    uint32_t place = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t key = keys[i];
        keys[i] = keys[place];
        keys[place] = key;
        place += key < pivot;
    }
    return place;
}

/* Parts of smaller keys first; `ends` of those that are to come. By steps what
 * is small, and what does not come apart. */
void
keys_sort(uint64_t *keys, uint32_t count)
{
    uint32_t ends[PARTS_MOST] = {count}, parts = 1, first = 0;
    while (parts > 0) {
        uint32_t end = ends[parts - 1], place = 0;
        if (end - first > FEW && parts < PARTS_MOST)
            place = keys_part(keys + first, end - first);
        if (place > 0) {
            ends[parts++] = first + place;
            continue;
        }
        sort_few(keys + first, end - first);
        first = end;
        parts--;
    }
}

void
keys_select(uint64_t *keys, uint32_t count, uint32_t wanted)
{
    uint32_t first = 0, end = count;
    while (end - first > SORT_MOST && wanted > first && wanted < end) {
        uint32_t place = first + keys_part(keys + first, end - first);
        if (place < wanted)
            first = place;
        else
            end = place;
    }
    if (wanted > first && wanted < end)
        sort_few(keys + first, end - first);
}

uint64_t
keys_keep(uint64_t *keys, uint32_t count, uint32_t wanted)
{
    uint64_t largest = 0;
    keys_select(keys, count, wanted);
    for (uint32_t i = 0; i < wanted; i++)
        largest = keys[i] > largest ? keys[i] : largest;
    return largest;
}

#define SIGN (UINT64_C(1) << 63)

static void
sort_signed(int64_t *keys, uint32_t count)
{
    uint64_t *numbers = (uint64_t *)keys;
    for (uint32_t i = 0; i < count; i++)
        numbers[i] ^= SIGN;
    keys_sort(numbers, count);
    for (uint32_t i = 0; i < count; i++)
        numbers[i] ^= SIGN;
}

/* How many of the ascending keys are not larger. */
static uint32_t
place_of(const int64_t *keys, uint32_t count, int64_t key)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (keys[middle] <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t
keys_merge(int64_t *keys, uint32_t *count, uint32_t most, int64_t *fresh,
           uint32_t fresh_count)
{
    uint32_t end = *count, lowest = most;
    uint64_t all = (uint64_t)end + fresh_count;
    *count = all < most ? (uint32_t)all : most;
    sort_signed(fresh, fresh_count);
    for (uint32_t i = fresh_count; i-- > 0;) {
        uint32_t place = place_of(keys, end, fresh[i]);
        uint64_t to = (uint64_t)place + i; /* of the key; those behind follow */
        if (to >= most) {
            end = place;
            continue;
        }
        uint32_t behind = end - place, room = most - (uint32_t)to - 1;
        memmove(keys + to + 1, keys + place,
                (behind < room ? behind : room) * sizeof *keys);
        keys[to] = fresh[i];
        lowest = (uint32_t)to;
        end = place;
    }
    return lowest;
}
