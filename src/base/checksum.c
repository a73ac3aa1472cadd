/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checksum.c - XXH3 whose seed is the hash of the key, so that the same bytes
 * under two keys have unrelated checksums.
 */
#include "base/checksum.h"

#include <xxhash.h>

/* Little-endian whatever the machine: the seed decides what is on disk. */
static void
store_u64(unsigned char *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

uint64_t
checksum_keyed(ChecksumKey key, const void *data, size_t size)
{
    unsigned char bytes[24];
    store_u64(bytes, key.database);
    store_u64(bytes + 8, key.file);
    store_u64(bytes + 16, key.block);
    uint64_t seed = XXH3_64bits(bytes, sizeof bytes);
    return XXH3_64bits_withSeed(data, size, seed);
}

uint64_t
hash_bytes(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014). */
uint64_t
hash_u64(uint64_t value)
{
    value += 0x9E3779B97F4A7C15u;
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9u;
    value = (value ^ value >> 27) * 0x94D049BB133111EBu;
    return value ^ value >> 31;
}

/* The library's own state, under our name. */
Hasher *
hasher_create(void)
{
    XXH3_state_t *state = XXH3_createState();
    if (state != NULL)
        XXH3_128bits_reset(state);
    return (Hasher *)(void *)state;
}

void
hasher_free(Hasher *hasher)
{
    XXH3_freeState((XXH3_state_t *)(void *)hasher);
}

void
hasher_reset(Hasher *hasher)
{
    XXH3_128bits_reset((XXH3_state_t *)(void *)hasher);
}

void
hasher_add(Hasher *hasher, const void *data, size_t size)
{
    XXH3_128bits_update((XXH3_state_t *)(void *)hasher, data, size);
}

Hash128
hasher_result(const Hasher *hasher)
{
    XXH128_hash_t hash =
        XXH3_128bits_digest((const XXH3_state_t *)(const void *)hasher);
    return (Hash128){hash.high64, hash.low64};
}
