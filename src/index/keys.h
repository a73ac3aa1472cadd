/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - the least of some keys: numbers of which the upper half decides, for
 * example a distance, and the lower half says whose it is.
 */
#ifndef INDEX_KEYS_H
#define INDEX_KEYS_H

#include <stdint.h>
#include <string.h>

/* In the order of distances, which are no NaN, then of numbers. */
static inline uint64_t
key_of_float(float distance, uint32_t number)
{
    uint32_t bits;
    distance += 0.0f; /* there is one zero */
    memcpy(&bits, &distance, sizeof bits);
    bits ^= (bits & 0x80000000u) != 0 ? UINT32_MAX : 0x80000000u;
    return (uint64_t)bits << 32 | number;
}

/* The distance. */
static inline float
key_float(uint64_t key)
{
    float distance;
    uint32_t bits = (uint32_t)(key >> 32);
    bits ^= (bits & 0x80000000u) != 0 ? 0x80000000u : UINT32_MAX;
    memcpy(&distance, &bits, sizeof distance);
    return distance;
}

/* Ascending. */
void keys_sort(uint64_t *keys, uint32_t count);

/* Bring the `wanted` smallest of the keys, which all differ, to the front. */
void keys_select(uint64_t *keys, uint32_t count, uint32_t wanted);

/* The same, with at least as many keys as are wanted, of which there are some:
 * the largest that is at the front then. */
uint64_t keys_keep(uint64_t *keys, uint32_t count, uint32_t wanted);

/* Bring the smaller of at least three keys, which all differ, to the front, and
 * the larger ones behind them: how many came to the front, neither none nor
 * all. About half. */
uint32_t keys_part(uint64_t *keys, uint32_t count);

/*
 * What insert_keys() of kernels/distance.h does, for long lists: it looks
 * through the whole list and moves half of it for each key, this moves what
 * lies behind the keys once for all of them. `fresh` comes out sorted.
 */
uint32_t keys_merge(int64_t *keys, uint32_t *count, uint32_t most,
                    int64_t *fresh, uint32_t fresh_count);

#endif
