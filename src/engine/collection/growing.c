/* SPDX-License-Identifier: Apache-2.0 */
/*
 * growing.c - the writer's side of a segment in memory.
 *
 * Appending fills rows past the published count, in chunks that no reader looks
 * at yet; publishing is one release store and the entries of the hash index,
 * for which room was made before: after a commit is durable nothing here can
 * fail.
 */
#include "engine/collection/segment_internal.h"

#include <stdlib.h>

#include "base/pages.h"

#define CHUNK_SHIFT_LEAST 4u
#define CHUNK_SHIFT_MOST 12u
#define BYTE_BLOCK_SIZE ((size_t)256 << 10)
#define KEY_SLOTS_LEAST 64u
/* A segment with so many bytes of chunks takes the others from blocks. */
#define OWN_CHUNKS_SIZE ((size_t)4 << 20)
#define CHUNK_BLOCK_SIZE ((size_t)8 << 20)

static size_t
align_up_to(size_t size, size_t alignment)
{
    return (size + alignment - 1) / alignment * alignment;
}

static size_t
align_up(size_t size)
{
    return align_up_to(size, 64);
}

/* ---- making one ---- */

static void
describe_fields(GrowingSegment *segment, const Collection *definition)
{
    segment->field_count = definition->field_count;
    segment->key_field = definition->primary;
    for (uint32_t i = 0; i < definition->field_count; i++) {
        GrowingField *field = &segment->fields[i];
        field->id = definition->fields[i].id;
        field->type = definition->fields[i].type;
        field->width = type_storage_size(field->type);
        field->is_varying = field->width == 0;
        if (field->is_varying)
            field->width = sizeof(Slice);
        atomic_init(&field->has_nulls, false);
    }
}

/* Bytes of a row in its chunk, but for bytes of varying size. */
static size_t
row_width(const GrowingSegment *segment)
{
    size_t width = 2 * sizeof(uint64_t) + sizeof(uint32_t);
    for (uint32_t i = 0; i < segment->field_count; i++)
        width += segment->fields[i].width + 1;
    return width;
}

static void
lay_out_chunk(GrowingSegment *segment, uint64_t chunk_bytes)
{
    size_t width = row_width(segment);
    uint32_t shift = CHUNK_SHIFT_MOST;
    while (shift > CHUNK_SHIFT_LEAST && (width << shift) > chunk_bytes)
        shift--;
    size_t rows = (size_t)1 << shift;
    segment->chunk_shift = shift;
    segment->deleted_offset = align_up(rows * sizeof(uint64_t));
    segment->previous_offset =
        segment->deleted_offset + align_up(rows * sizeof(uint64_t));
    size_t offset =
        segment->previous_offset + align_up(rows * sizeof(uint32_t));
    for (uint32_t i = 0; i < segment->field_count; i++) {
        GrowingField *field = &segment->fields[i];
        field->values_offset = offset;
        offset += align_up(rows * field->width);
        field->valid_offset = offset;
        offset += align_up(rows);
    }
    segment->chunk_size = offset;
}

mql_status
growing_create(uint64_t id, const Collection *definition, uint64_t partition,
               uint64_t chunk_bytes, GrowingSegment **segment, Error *err)
{
    *segment = NULL;
    GrowingSegment *created = calloc(1, sizeof *created);
    if (created == NULL)
        return error_no_memory(err);
    if (pthread_rwlock_init(&created->key_lock, NULL) != 0) {
        free(created);
        return error_no_memory(err);
    }
    atomic_init(&created->base.references, 1);
    atomic_init(&created->base.bytes, 0);
    atomic_init(&created->count, 0);
    created->base.id = id;
    created->base.collection = definition->id;
    created->base.partition = partition;
    describe_fields(created, definition);
    lay_out_chunk(created, chunk_bytes);
    *segment = created;
    return MQL_OK;
}

void
growing_free(GrowingSegment *segment)
{
    for (uint32_t i = 0; i < segment->own_chunks; i++) {
        char **second = segment->directory[i / GROWING_DIRECTORY];
        free(second[i % GROWING_DIRECTORY]);
    }
    for (uint32_t i = 0; i < GROWING_DIRECTORY; i++)
        free(segment->directory[i]);
    while (segment->chunk_blocks != NULL) {
        ChunkBlock *next = segment->chunk_blocks->next;
        pages_free(segment->chunk_blocks->memory, segment->chunk_blocks->size);
        free(segment->chunk_blocks);
        segment->chunk_blocks = next;
    }
    while (segment->bytes != NULL) {
        ByteBlock *next = segment->bytes->next;
        free(segment->bytes);
        segment->bytes = next;
    }
    free(segment->keys.slots);
    pthread_rwlock_destroy(&segment->key_lock);
    free(segment);
}

bool
growing_fits(const GrowingSegment *segment, const Collection *definition)
{
    if (segment->field_count != definition->field_count ||
        segment->key_field != definition->primary)
        return false;
    for (uint32_t i = 0; i < segment->field_count; i++)
        if (segment->fields[i].id != definition->fields[i].id ||
            segment->fields[i].type.kind != definition->fields[i].type.kind)
            return false;
    return true;
}

/* ---- room ---- */

/* A block that chunks are cut from; NULL: out of memory. */
static ChunkBlock *
add_chunk_block(GrowingSegment *segment)
{
    ChunkBlock *block = calloc(1, sizeof *block);
    if (block == NULL)
        return NULL;
    block->size =
        align_up_to(segment->chunk_size > CHUNK_BLOCK_SIZE ? segment->chunk_size
                                                           : CHUNK_BLOCK_SIZE,
                    LARGE_PAGE_SIZE);
    block->memory = pages_alloc(block->size);
    if (block->memory == NULL) {
        free(block);
        return NULL;
    }
    block->next = segment->chunk_blocks;
    segment->chunk_blocks = block;
    return block;
}

/* Memory for one more chunk; NULL: out of memory. */
static char *
chunk_memory(GrowingSegment *segment)
{
    if (segment->chunk_count * segment->chunk_size < OWN_CHUNKS_SIZE) {
        char *memory = NULL;
        if (posix_memalign((void **)&memory, 64, segment->chunk_size) != 0)
            return NULL;
        segment->own_chunks++;
        return memory;
    }
    ChunkBlock *block = segment->chunk_blocks;
    if (block == NULL || segment->chunk_size > block->size - block->used)
        block = add_chunk_block(segment);
    if (block == NULL)
        return NULL;
    char *memory = block->memory + block->used;
    block->used += segment->chunk_size;
    return memory;
}

static mql_status
add_chunk(GrowingSegment *segment, Error *err)
{
    uint32_t chunk = segment->chunk_count;
    if (chunk == GROWING_DIRECTORY * GROWING_DIRECTORY)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "too many rows in a growing segment");
    char ***second = &segment->directory[chunk / GROWING_DIRECTORY];
    if (*second == NULL)
        *second = calloc(GROWING_DIRECTORY, sizeof **second);
    if (*second == NULL)
        return error_no_memory(err);
    char *memory = chunk_memory(segment);
    if (memory == NULL)
        return error_no_memory(err);
    (*second)[chunk % GROWING_DIRECTORY] = memory;
    segment->chunk_count++;
    return MQL_OK;
}

static mql_status
reserve_rows(GrowingSegment *segment, uint32_t count, Error *err)
{
    uint64_t rows = (uint64_t)segment->filled + count;
    if (rows >= ROW_NONE)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "too many rows in a growing segment");
    while ((uint64_t)segment->chunk_count << segment->chunk_shift < rows)
        TRY(add_chunk(segment, err));
    return MQL_OK;
}

/* A copy of the bytes that stays where it is; NULL: out of memory. */
static const char *
keep_bytes(GrowingSegment *segment, Slice bytes)
{
    ByteBlock *block = segment->bytes;
    if (block == NULL || bytes.size > block->size - block->used) {
        size_t size =
            bytes.size > BYTE_BLOCK_SIZE / 4 ? bytes.size : BYTE_BLOCK_SIZE;
        size_t total;
        if (!size_add(size, sizeof *block, &total))
            return NULL;
        ByteBlock *added = malloc(total);
        if (added == NULL)
            return NULL;
        *added = (ByteBlock){block, 0, size};
        segment->bytes = added;
        block = added;
    }
    char *copy = block->data + block->used;
    memcpy(copy, bytes.data, bytes.size);
    block->used += bytes.size;
    segment->memory += bytes.size;
    return copy;
}

/* ---- appending ---- */

static mql_status
append_varying(GrowingSegment *segment, const Column *column, uint32_t row,
               char *to, Error *err)
{
    Slice slice = {NULL, column->bytes[row].size};
    if (slice.size > 0) {
        slice.data = keep_bytes(segment, column->bytes[row]);
        if (slice.data == NULL)
            return error_no_memory(err);
    }
    memcpy(to, &slice, sizeof slice);
    return MQL_OK;
}

static mql_status
append_value(GrowingSegment *segment, GrowingField *field, const Column *column,
             uint32_t row, uint32_t at, Error *err)
{
    char *chunk = growing_chunk(segment, at);
    uint32_t place = at & ((1u << segment->chunk_shift) - 1);
    char *to = chunk + field->values_offset + place * field->width;
    bool is_null = column_is_null(column, row);
    chunk[field->valid_offset + place] = !is_null;
    if (is_null) {
        memset(to, 0, field->width);
        atomic_store_explicit(&field->has_nulls, true, memory_order_release);
        return MQL_OK;
    }
    if (field->is_varying)
        return append_varying(segment, column, row, to, err);
    if (type_is_vector(field->type.kind) &&
        column->bytes[row].size != field->width)
        return error_set(err, ERR_INTERNAL_ERROR, "vector of a wrong size");
    value_to_storage(column, row, field->width, to);
    return MQL_OK;
}

static mql_status
append_field(GrowingSegment *segment, uint32_t position, const Batch *batch,
             const uint32_t *rows, uint32_t count, Error *err)
{
    GrowingField *field = &segment->fields[position];
    const Column *column = &batch->columns[position];
    if (column->type.kind != TYPE_NULL &&
        type_physical(column->type.kind) != type_physical(field->type.kind))
        return error_set(err, ERR_INTERNAL_ERROR, "column of a wrong type");
    for (uint32_t i = 0; i < count; i++)
        TRY(append_value(segment, field, column, rows != NULL ? rows[i] : i,
                         segment->filled + i, err));
    return MQL_OK;
}

static void
append_numbers(GrowingSegment *segment, uint32_t count, uint64_t inserted)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = segment->filled + i;
        char *chunk = growing_chunk(segment, at);
        uint32_t place = at & ((1u << segment->chunk_shift) - 1);
        ((uint64_t *)(void *)chunk)[place] = inserted;
        _Atomic uint64_t *deleted = (void *)(chunk + segment->deleted_offset);
        atomic_init(&deleted[place], 0);
        uint32_t *previous = (void *)(chunk + segment->previous_offset);
        previous[place] = ROW_NONE;
    }
}

mql_status
growing_append(GrowingSegment *segment, const Batch *batch,
               const uint32_t *rows, uint32_t count, uint64_t inserted,
               Error *err)
{
    if (batch->column_count != segment->field_count)
        return error_set(err, ERR_INTERNAL_ERROR, "wrong number of columns");
    TRY(reserve_rows(segment, count, err));
    for (uint32_t i = 0; i < segment->field_count; i++)
        TRY(append_field(segment, i, batch, rows, count, err));
    append_numbers(segment, count, inserted);
    segment->filled += count;
    segment->memory += (uint64_t)count * row_width(segment);
    return MQL_OK;
}

void
growing_rollback(GrowingSegment *segment)
{
    segment->filled = atomic_load(&segment->count);
    segment->memory = segment->published_memory;
    while (segment->bytes != segment->published_block) {
        ByteBlock *next = segment->bytes->next;
        free(segment->bytes);
        segment->bytes = next;
    }
    if (segment->bytes != NULL)
        segment->bytes->used = segment->published_used;
}

/* ---- keys ---- */

static void
put_slot(KeyIndex *keys, uint64_t slot)
{
    size_t mask = keys->capacity - 1;
    size_t i = (size_t)(slot >> 32) & mask;
    while (keys->slots[i] != 0)
        i = (i + 1) & mask;
    keys->slots[i] = slot;
}

mql_status
growing_reserve_keys(GrowingSegment *segment, Error *err)
{
    KeyIndex *keys = &segment->keys;
    size_t pending = segment->filled - atomic_load(&segment->count);
    size_t wanted = keys->count + pending;
    size_t capacity = keys->capacity == 0 ? KEY_SLOTS_LEAST : keys->capacity;
    while (capacity / 4 * 3 < wanted)
        capacity *= 2;
    if (capacity == keys->capacity)
        return MQL_OK;
    KeyIndex grown = {calloc(capacity, sizeof *grown.slots), capacity,
                      keys->count};
    if (grown.slots == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < keys->capacity; i++)
        if (keys->slots[i] != 0)
            put_slot(&grown, keys->slots[i]);
    uint64_t *old = keys->slots;
    pthread_rwlock_wrlock(&segment->key_lock);
    *keys = grown;
    pthread_rwlock_unlock(&segment->key_lock);
    free(old);
    return MQL_OK;
}

/* The slot of the key, or the free one where it would go. */
static uint64_t *
find_slot(const GrowingSegment *segment, const RowKey *key)
{
    const KeyIndex *keys = &segment->keys;
    size_t mask = keys->capacity - 1;
    uint32_t short_hash = (uint32_t)key->hash;
    for (size_t i = short_hash & mask;; i = (i + 1) & mask) {
        uint64_t slot = keys->slots[i];
        if (slot == 0)
            return &keys->slots[i];
        if (slot >> 32 != short_hash)
            continue;
        RowKey other = growing_key(segment, (uint32_t)slot - 1);
        if (row_key_equal(&other, key))
            return &keys->slots[i];
    }
}

static void
publish_key(GrowingSegment *segment, uint32_t row)
{
    RowKey key = growing_key(segment, row);
    uint64_t *slot = find_slot(segment, &key);
    if (*slot == 0) {
        segment->keys.count++;
    } else {
        char *chunk = growing_chunk(segment, row);
        uint32_t place = row & ((1u << segment->chunk_shift) - 1);
        uint32_t *previous = (void *)(chunk + segment->previous_offset);
        previous[place] = (uint32_t)*slot - 1;
    }
    *slot = (uint64_t)(uint32_t)key.hash << 32 | (row + 1);
}

void
growing_publish(GrowingSegment *segment, uint32_t count)
{
    uint32_t first = atomic_load(&segment->count);
    pthread_rwlock_wrlock(&segment->key_lock);
    for (uint32_t i = 0; i < count; i++)
        publish_key(segment, first + i);
    pthread_rwlock_unlock(&segment->key_lock);
    segment->published_block = segment->bytes;
    segment->published_used = segment->bytes != NULL ? segment->bytes->used : 0;
    segment->published_memory = segment->memory;
    atomic_store(&segment->base.bytes, segment->memory);
    atomic_store_explicit(&segment->count, first + count, memory_order_release);
}

uint32_t
growing_newest(const GrowingSegment *segment, const RowKey *key)
{
    if (segment->keys.capacity == 0)
        return ROW_NONE;
    uint64_t slot = *find_slot(segment, key);
    return slot == 0 ? ROW_NONE : (uint32_t)slot - 1;
}
