/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c - sorting and selecting keys.
 */
#include "index/keys.h"

#include <stddef.h>

#define SORT_MOST 16 /* keys that are sorted rather than parted */

/* By steps that get smaller (Shell); a few dozen, rarely thousands. */
void
keys_sort(uint64_t *keys, uint32_t count)
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
        keys_sort(keys + first, end - first);
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
