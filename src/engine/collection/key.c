/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.c - primary keys: hash, order and the filter that says "surely not here".
 *
 * The hash is part of the file format: it decides about bits of the filter and,
 * with a partition key, about a row's partition. The filter is Putze's blocked
 * Bloom filter as in Parquet: one block of eight words for each key, one bit in
 * each word; 12 bits a key let about one absent key of 200 through.
 */
#include "base/checksum.h"
#include "engine/collection/segment_internal.h"

#define BLOOM_KEY_BITS 12u
#define BLOOM_WORDS 8u

static uint64_t
stable_hash(const void *data, size_t size)
{
    return checksum_keyed((ChecksumKey){0, 0, 0}, data, size);
}

RowKey
row_key_plain(const Value *value)
{
    if (type_physical(value->type.kind) == PHYSICAL_BYTES)
        return (RowKey){.is_text = true, .text = value->bytes};
    return (RowKey){.integer = value->integer};
}

uint64_t
row_key_hash(const RowKey *key)
{
    if (key->is_text)
        return stable_hash(key->text.size > 0 ? key->text.data : "",
                           key->text.size);
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)key->integer >> (8 * i));
    return stable_hash(bytes, sizeof bytes);
}

RowKey
row_key_of(const Value *value)
{
    RowKey key = row_key_plain(value);
    key.hash = row_key_hash(&key);
    return key;
}

RowKey
row_key_of_column(const Column *column, uint32_t row)
{
    Value value = column_value(column, row);
    return row_key_of(&value);
}

uint64_t
partition_of_key(const Collection *definition, const Value *key)
{
    uint64_t hash = row_key_of(key).hash;
    return definition->partitions[hash % definition->partition_count].id;
}

bool
row_key_equal(const RowKey *a, const RowKey *b)
{
    if (a->hash != b->hash || a->is_text != b->is_text)
        return false;
    return a->is_text ? slice_equal(a->text, b->text)
                      : a->integer == b->integer;
}

int
row_key_compare(const RowKey *a, const RowKey *b)
{
    if (a->is_text)
        return slice_compare(a->text, b->text);
    return (a->integer > b->integer) - (a->integer < b->integer);
}

/* ---- the filter ---- */

uint32_t
bloom_blocks(uint32_t keys)
{
    uint64_t bits = (uint64_t)keys * BLOOM_KEY_BITS;
    return (uint32_t)(bits / (BLOOM_BLOCK_SIZE * 8) + 1);
}

uint64_t
bloom_offset(uint64_t hash, uint32_t blocks)
{
    uint64_t block = (hash >> 32) * blocks >> 32;
    return block * BLOOM_BLOCK_SIZE;
}

/* The word's bit for a hash: word i as little-endian bytes in the block. */
static void
bloom_place(uint64_t hash, uint32_t word, uint32_t *byte, uint8_t *mask)
{
    static const uint32_t salts[BLOOM_WORDS] = {
        0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du,
        0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u};
    uint32_t bit = ((uint32_t)hash * salts[word]) >> 27;
    *byte = word * 4 + bit / 8;
    *mask = (uint8_t)(1u << (bit % 8));
}

void
bloom_block_add(char *block, uint64_t hash)
{
    for (uint32_t word = 0; word < BLOOM_WORDS; word++) {
        uint32_t byte;
        uint8_t mask;
        bloom_place(hash, word, &byte, &mask);
        block[byte] = (char)((uint8_t)block[byte] | mask);
    }
}

bool
bloom_block_has(const char *block, uint64_t hash)
{
    for (uint32_t word = 0; word < BLOOM_WORDS; word++) {
        uint32_t byte;
        uint8_t mask;
        bloom_place(hash, word, &byte, &mask);
        if (((uint8_t)block[byte] & mask) == 0)
            return false;
    }
    return true;
}
