/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.h - a hash table from byte strings or 64-bit integers to 64-bit values.
 *
 * Open addressing, linear probing, at most 7/8 full. Byte keys are not copied:
 * they must outlive the map. One map holds one kind of key.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

typedef struct MapEntry {
    const char *data; /* byte keys: the key; integer keys: NULL          */
    uint64_t key;     /* integer keys: the key; byte keys: size          */
    uint64_t value;
    uint8_t state; /* 0 free, 1 used, 2 removed                       */
} MapEntry;

typedef struct Map {
    MapEntry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;    /* used                 */
    size_t filled;   /* used and removed     */
} Map;

#define MAP_INIT                                                               \
    {                                                                          \
        NULL, 0, 0, 0                                                          \
    }

void map_free(Map *map);
/* Pointer to the value, NULL when the key is not there. Valid until a change.
 */
uint64_t *map_find_bytes(const Map *map, Slice key);
uint64_t *map_find_u64(const Map *map, uint64_t key);
/* Set or replace; false: out of memory, nothing changed. */
bool map_put_bytes(Map *map, Slice key, uint64_t value);
bool map_put_u64(Map *map, uint64_t key, uint64_t value);
/* False when the key was not there. */
bool map_remove_bytes(Map *map, Slice key);
bool map_remove_u64(Map *map, uint64_t key);

#endif
