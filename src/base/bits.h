/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bits.h - checked sizes, and sets of rows as plain bit arrays.
 *
 * A bit array of n bits is (n + 63) / 64 words; bits past n are zero.
 */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False when the result does not fit. */
static inline bool
size_add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

static inline bool
size_multiply(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

static inline size_t
bits_words(size_t bits)
{
    return (bits + 63) / 64;
}

static inline bool
bits_get(const uint64_t *words, size_t i)
{
    return words[i / 64] >> (i % 64) & 1;
}

static inline void
bits_set(uint64_t *words, size_t i)
{
    words[i / 64] |= (uint64_t)1 << (i % 64);
}

static inline void
bits_clear(uint64_t *words, size_t i)
{
    words[i / 64] &= ~((uint64_t)1 << (i % 64));
}

/* Set bits [first, first + count). */
void bits_set_range(uint64_t *words, size_t first, size_t count);

/* Of the bits [first, end) only those at `positions`, ascending and among them,
 * are set afterwards. */
void bits_replace(uint64_t *words, size_t first, size_t end,
                  const uint32_t *positions, uint32_t count);

/* Bits [first, first + count) become the bytes, each 0 or 1. */
void bits_from_bytes(uint64_t *words, size_t first, const uint8_t *bytes,
                     uint32_t count);

/* Number of bits set among the first `bits`. */
size_t bits_count(const uint64_t *words, size_t bits);

/* The positions of set bits from `*from` on, at most `most`, in order; `*from`
 * moves past the last one looked at. Returns their number, 0 at the end. */
uint32_t bits_collect(const uint64_t *words, size_t bits, size_t *from,
                      uint32_t *positions, uint32_t most);

#endif
