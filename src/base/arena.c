/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.c - see arena.h for the rules.
 *
 * Blocks double from BLOCK_LEAST to BLOCK_MOST, so that a small arena is small
 * and a large one makes few calls. An object that does not fit a block of the
 * next size gets one of its own behind the newest block, whose rest stays in
 * use.
 */
#include "base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_CHECKED 1
#endif
#endif

#ifdef ARENA_CHECKED
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#define GAP 16u
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#define GAP 0u
#endif

#define ALIGNMENT 16u
#define LINE 64u /* of the cache */
#define BLOCK_LEAST ((size_t)4 * 1024)
#define BLOCK_MOST ((size_t)1024 * 1024)
/* Blocks kept as spares: so many, none larger. */
#define SPARES_MOST 8u
#define SPARE_MOST ((size_t)64 * 1024)

struct ArenaBlock {
    ArenaBlock *next;
    size_t size; /* bytes in data[] */
    size_t used; /* bytes handed out of data[] */
    _Alignas(ALIGNMENT) unsigned char data[];
};

/* Memory of another maker; in the arena itself. */
struct ArenaGuest {
    ArenaGuest *next;
    void *memory;
};

static size_t
round_up(size_t n)
{
    return (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static ArenaBlock *
block_create(size_t size)
{
    if (size > SIZE_MAX - sizeof(ArenaBlock))
        return NULL;
    ArenaBlock *block = malloc(sizeof *block + size);
    if (block == NULL)
        return NULL;
    block->next = NULL;
    block->size = size;
    block->used = 0;
    POISON(block->data, size);
    return block;
}

static void
block_destroy(ArenaBlock *block)
{
    UNPOISON(block->data, block->size);
    free(block);
}

/* Among the spares, or for free(); it is poisoned already or will not be seen.
 */
static void
give_back(Arena *arena, ArenaBlock *block)
{
    ArenaSpares *spares = arena->spares;
    if (spares == NULL || block->size > SPARE_MOST ||
        spares->count == SPARES_MOST) {
        block_destroy(block);
        return;
    }
    POISON(block->data, block->size);
    block->used = 0;
    block->next = spares->blocks;
    spares->blocks = block;
    spares->count++;
}

/* A spare block with that much room; NULL: there is none. */
static ArenaBlock *
take_spare(const Arena *arena, size_t room)
{
    if (arena->spares == NULL)
        return NULL;
    ArenaBlock **at = &arena->spares->blocks;
    while (*at != NULL && (*at)->size < room)
        at = &(*at)->next;
    ArenaBlock *block = *at;
    if (block == NULL)
        return NULL;
    *at = block->next;
    block->next = NULL;
    arena->spares->count--;
    return block;
}

/* A block with `room` bytes left, NULL: out of memory. */
static ArenaBlock *
block_with_room(Arena *arena, size_t room)
{
    ArenaBlock *newest = arena->blocks;
    if (newest != NULL && room <= newest->size - newest->used)
        return newest;

    size_t size = newest == NULL ? BLOCK_LEAST : newest->size * 2;
    if (size > BLOCK_MOST)
        size = BLOCK_MOST;
    bool is_large = room > size;
    ArenaBlock *block = take_spare(arena, room);
    if (block == NULL)
        block = block_create(is_large ? room : size);
    if (block == NULL)
        return NULL;
    if (is_large && newest != NULL) {
        block->next = newest->next;
        newest->next = block;
        return block;
    }
    block->next = newest;
    arena->blocks = block;
    return block;
}

void
arena_init(Arena *arena, size_t limit)
{
    *arena = (Arena){.limit = limit};
}

void
arena_init_like(Arena *arena, const Arena *model)
{
    *arena = (Arena){.limit = model->limit, .spares = model->spares};
}

void *
arena_alloc(Arena *arena, size_t size)
{
    if (size > SIZE_MAX - ALIGNMENT - GAP)
        return NULL;
    size_t room = round_up(size) + GAP;
    if (room == 0)
        room = ALIGNMENT; /* two objects never share an address */
    if (arena->limit != 0 && room > arena->limit - arena->used)
        return NULL;

    ArenaBlock *block = block_with_room(arena, room);
    if (block == NULL)
        return NULL;
    void *object = block->data + block->used;
    block->used += room;
    arena->used += room;
    assert(block->used <= block->size);
    assert((uintptr_t)object % ALIGNMENT == 0);

    UNPOISON(object, size);
    return memset(object, 0, size);
}

void *
arena_alloc_array(Arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    return arena_alloc(arena, count * size);
}

void *
arena_alloc_lines(Arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX - LINE) / size)
        return NULL;
    char *room = arena_alloc(arena, count * size + LINE);
    return room == NULL ? NULL : room + (LINE - (uintptr_t)room % LINE) % LINE;
}

char *
arena_copy(Arena *arena, const void *data, size_t size)
{
    if (size == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, size + 1);
    if (copy != NULL && size > 0)
        memcpy(copy, data, size);
    return copy;
}

Slice
arena_copy_slice(Arena *arena, Slice slice)
{
    char *copy = arena_copy(arena, slice.data, slice.size);
    return (Slice){copy, copy == NULL ? 0 : slice.size};
}

bool
arena_adopt(Arena *arena, void *memory, size_t size)
{
    ArenaGuest *guest = arena_new(arena, ArenaGuest);
    if (guest == NULL ||
        (arena->limit != 0 && size > arena->limit - arena->used))
        return false;
    *guest = (ArenaGuest){arena->guests, memory};
    arena->guests = guest;
    arena->used += size;
    return true;
}

static void
free_guests(Arena *arena)
{
    for (ArenaGuest *guest = arena->guests; guest != NULL; guest = guest->next)
        free(guest->memory);
    arena->guests = NULL;
}

/* The newest block is kept unless it was made for one large object. */
void
arena_reset(Arena *arena)
{
    free_guests(arena);
    ArenaBlock *kept = NULL;
    ArenaBlock *block = arena->blocks;
    if (block != NULL && block->size <= BLOCK_MOST) {
        kept = block;
        block = block->next;
        kept->next = NULL;
        kept->used = 0;
        POISON(kept->data, kept->size);
    }
    while (block != NULL) {
        ArenaBlock *next = block->next;
        give_back(arena, block);
        block = next;
    }
    arena->blocks = kept;
    arena->used = 0;
}

void
arena_free(Arena *arena)
{
    arena_reset(arena);
    if (arena->blocks != NULL)
        give_back(arena, arena->blocks);
    arena->blocks = NULL;
}

void
arena_spares_free(ArenaSpares *spares)
{
    ArenaBlock *block = spares->blocks;
    while (block != NULL) {
        ArenaBlock *next = block->next;
        block_destroy(block);
        block = next;
    }
    *spares = (ArenaSpares){NULL, 0};
}
