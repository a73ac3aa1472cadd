/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c - open addressing with linear probing.
 *
 * A removed entry stays as a mark so that probing goes on past it; marks count
 * as filled and vanish when the table is rebuilt. Invariant: filled is below
 * capacity, so that a search always meets a free entry.
 */
#include "base/map.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/checksum.h"

enum { ENTRY_FREE, ENTRY_USED, ENTRY_REMOVED };

#define CAPACITY_LEAST 16u

void
map_free(Map *map)
{
    free(map->entries);
    *map = (Map)MAP_INIT;
}

static bool
same_key(const MapEntry *entry, const char *data, uint64_t key)
{
    if (entry->key != key)
        return false;
    return data == NULL || slice_equal((Slice){entry->data, (size_t)key},
                                       (Slice){data, (size_t)key});
}

static uint64_t
key_hash(const char *data, uint64_t key)
{
    return data == NULL ? hash_u64(key) : hash_bytes(data, (size_t)key);
}

/* The entry of the key, NULL: not there. */
static MapEntry *
find(const Map *map, const char *data, uint64_t key)
{
    if (map->count == 0)
        return NULL;
    size_t mask = map->capacity - 1;
    size_t i = (size_t)key_hash(data, key) & mask;
    for (;; i = (i + 1) & mask) {
        MapEntry *entry = &map->entries[i];
        if (entry->state == ENTRY_FREE)
            return NULL;
        if (entry->state == ENTRY_USED && same_key(entry, data, key))
            return entry;
    }
}

/* Put an entry that is known to be new where it may stand. */
static void
place(Map *map, const MapEntry *new_entry)
{
    size_t mask = map->capacity - 1;
    size_t i = (size_t)key_hash(new_entry->data, new_entry->key) & mask;
    while (map->entries[i].state == ENTRY_USED)
        i = (i + 1) & mask;
    if (map->entries[i].state == ENTRY_FREE)
        map->filled++;
    map->entries[i] = *new_entry;
    map->count++;
}

/* Twice the room when it is needed, the same when removed marks fill it. */
static bool
make_room(Map *map)
{
    if (map->filled + 1 <= map->capacity - map->capacity / 8 &&
        map->capacity != 0)
        return true;
    size_t capacity = map->capacity == 0 ? CAPACITY_LEAST : map->capacity;
    if (map->count >= capacity / 2 && !size_multiply(capacity, 2, &capacity))
        return false;
    MapEntry *entries = calloc(capacity, sizeof *entries);
    if (entries == NULL)
        return false;

    Map bigger = {entries, capacity, 0, 0};
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].state == ENTRY_USED)
            place(&bigger, &map->entries[i]);
    }
    free(map->entries);
    *map = bigger;
    return true;
}

static bool
put(Map *map, const char *data, uint64_t key, uint64_t value)
{
    MapEntry *entry = find(map, data, key);
    if (entry != NULL) {
        entry->value = value;
        return true;
    }
    if (!make_room(map))
        return false;
    place(map, &(MapEntry){data, key, value, ENTRY_USED});
    return true;
}

static bool
remove_key(Map *map, const char *data, uint64_t key)
{
    MapEntry *entry = find(map, data, key);
    if (entry == NULL)
        return false;
    *entry = (MapEntry){NULL, 0, 0, ENTRY_REMOVED};
    map->count--;
    return true;
}

/* An empty key has bytes of its own too: NULL stands for integer keys. */
static const char *
key_data(Slice key)
{
    return key.data == NULL ? "" : key.data;
}

uint64_t *
map_find_bytes(const Map *map, Slice key)
{
    MapEntry *entry = find(map, key_data(key), key.size);
    return entry == NULL ? NULL : &entry->value;
}

uint64_t *
map_find_u64(const Map *map, uint64_t key)
{
    MapEntry *entry = find(map, NULL, key);
    return entry == NULL ? NULL : &entry->value;
}

bool
map_put_bytes(Map *map, Slice key, uint64_t value)
{
    return put(map, key_data(key), key.size, value);
}

bool
map_put_u64(Map *map, uint64_t key, uint64_t value)
{
    return put(map, NULL, key, value);
}

bool
map_remove_bytes(Map *map, Slice key)
{
    return remove_key(map, key_data(key), key.size);
}

bool
map_remove_u64(Map *map, uint64_t key)
{
    return remove_key(map, NULL, key);
}
