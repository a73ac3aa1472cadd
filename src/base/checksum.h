/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checksum.h - XXH3 (64 bits), keyed, so that a block that is right by itself
 * but stands in the wrong place, file or database is noticed.
 */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Which place a block belongs to. */
typedef struct ChecksumKey {
    uint64_t database; /* the database's random id        */
    uint64_t file;     /* the file's id in that database  */
    uint64_t block;    /* the block's number in that file */
} ChecksumKey;

uint64_t checksum_keyed(ChecksumKey key, const void *data, size_t size);

/* Of a whole file, piece by piece: XXH3 with 128 bits. */
typedef struct Hash128 {
    uint64_t high;
    uint64_t low;
} Hash128;

typedef struct Hasher Hasher;
Hasher *hasher_create(void); /* NULL: out of memory */
void hasher_free(Hasher *hasher);
void hasher_reset(Hasher *hasher);
void hasher_add(Hasher *hasher, const void *data, size_t size);
Hash128 hasher_result(const Hasher *hasher);

/* Unkeyed, for hash tables: never written to disk. */
uint64_t hash_bytes(const void *data, size_t size);
uint64_t hash_u64(uint64_t value);

#endif
