/* SPDX-License-Identifier: Apache-2.0 */
/* bits.c - sets of rows as words of 64 bits. */
#include "base/bits.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the first of eight bytes is the lowest");

void
bits_set_range(uint64_t *words, size_t first, size_t count)
{
    if (count == 0)
        return;
    size_t end = first + count;
    size_t word = first / 64;
    size_t last = (end - 1) / 64;
    uint64_t head = ~(uint64_t)0 << (first % 64);
    uint64_t tail = ~(uint64_t)0 >> (63 - (end - 1) % 64);
    if (word == last) {
        words[word] |= head & tail;
        return;
    }
    words[word++] |= head;
    while (word < last)
        words[word++] = ~(uint64_t)0;
    words[last] |= tail;
}

static void
clear_range(uint64_t *words, size_t first, size_t end)
{
    size_t word = first / 64, last = (end - 1) / 64;
    uint64_t head = ~(uint64_t)0 << (first % 64);
    uint64_t tail = ~(uint64_t)0 >> (63 - (end - 1) % 64);
    if (word == last) {
        words[word] &= ~(head & tail);
        return;
    }
    words[word++] &= ~head;
    while (word < last)
        words[word++] = 0;
    words[last] &= ~tail;
}

void
bits_replace(uint64_t *words, size_t first, size_t end,
             const uint32_t *positions, uint32_t count)
{
    if (first >= end)
        return;
    clear_range(words, first, end);
    for (uint32_t i = 0; i < count; i++)
        bits_set(words, positions[i]);
}

/* The lowest bits of eight bytes, the first byte's lowest: the product brings
 * byte i's to bit 56 + i, and no two to the same place. */
static inline uint64_t
gather_bits(const uint8_t *bytes)
{
    uint64_t eight;
    memcpy(&eight, bytes, sizeof eight);
    return eight * UINT64_C(0x0102040810204080) >> 56;
}

void
bits_from_bytes(uint64_t *words, size_t first, const uint8_t *bytes,
                uint32_t count)
{
    uint32_t i = 0;
    if (count > 0)
        clear_range(words, first, first + count);
    for (; i < count && (first + i) % 8 != 0; i++)
        words[(first + i) / 64] |= (uint64_t)bytes[i] << (first + i) % 64;
    for (; count - i >= 8; i += 8)
        words[(first + i) / 64] |= gather_bits(bytes + i) << (first + i) % 64;
    for (; i < count; i++)
        words[(first + i) / 64] |= (uint64_t)bytes[i] << (first + i) % 64;
}

/* Words that are skipped at once when all are zero. */
#define ZEROS 16u

/* Words that are counted at once: a byte of their sums holds 8 of each. */
#define TOGETHER 16u

/* The bits of each byte, in that byte. */
static inline uint64_t
byte_counts(uint64_t word)
{
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) +
           (word >> 2 & UINT64_C(0x3333333333333333));
    return (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}

/* The sum of the bytes. */
static inline size_t
sum_bytes(uint64_t word)
{
    const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);
    word = (word & even) + (word >> 8 & even);
    return (size_t)(word * UINT64_C(0x0001000100010001) >> 48);
}

/* For any processor; a call for each word takes three times as long. */
static size_t
count_words(const uint64_t *words, size_t whole)
{
    size_t count = 0, i = 0;
    for (; whole - i >= TOGETHER; i += TOGETHER) {
        uint64_t sums = 0;
        for (size_t j = 0; j < TOGETHER; j++)
            sums += byte_counts(words[i + j]);
        count += sum_bytes(sums);
    }
    for (; i < whole; i++)
        count += sum_bytes(byte_counts(words[i]));
    return count;
}

#ifdef __x86_64__
/* With the instruction for it: a third of the time, when no sum waits for the
 * other. */
__attribute__((target("popcnt"))) static size_t
count_words_popcnt(const uint64_t *words, size_t whole)
{
    size_t a = 0, b = 0, i = 0;
    for (; whole - i >= 2; i += 2) {
        a += (size_t)__builtin_popcountll(words[i]);
        b += (size_t)__builtin_popcountll(words[i + 1]);
    }
    return i < whole ? a + b + (size_t)__builtin_popcountll(words[i]) : a + b;
}
#endif

size_t
bits_count(const uint64_t *words, size_t bits)
{
    size_t whole = bits / 64, count;
#ifdef __x86_64__
    if (__builtin_cpu_supports("popcnt"))
        count = count_words_popcnt(words, whole);
    else
#endif
        count = count_words(words, whole);
    if (bits % 64 != 0) {
        uint64_t mask = ((uint64_t)1 << (bits % 64)) - 1;
        count += sum_bytes(byte_counts(words[whole] & mask));
    }
    return count;
}

/* The word at `i` without the bits before `from` and those from `bits` on. */
static uint64_t
word_between(const uint64_t *words, size_t i, size_t from, size_t bits)
{
    uint64_t word = words[i];
    if (i == from / 64)
        word &= ~(uint64_t)0 << (from % 64);
    if (bits - i * 64 < 64)
        word &= ((uint64_t)1 << (bits - i * 64)) - 1;
    return word;
}

/* The places of a word's bits, and some that mean nothing: there is room
 * for 64. Eight at a time, as a branch for each bit is guessed wrong once a
 * word. */
static uint32_t
collect_word(uint64_t word, uint32_t base, uint32_t *positions)
{
    uint32_t count = (uint32_t)sum_bytes(byte_counts(word));
    if (count == 64) {
        for (uint32_t i = 0; i < 64; i++)
            positions[i] = base + i;
        return count;
    }
    for (uint32_t done = 0; done < count; done += 8)
        for (uint32_t i = 0; i < 8; i++) {
            uint32_t bit = (uint32_t)__builtin_ctzll(word | UINT64_C(1) << 63);
            positions[done + i] = base + bit;
            word &= word - 1;
        }
    return count;
}

/* The first word from `i` on that is not zero, or `end`: where few bits are set
 * most of the time would go to the others. */
static inline size_t
next_word(const uint64_t *words, size_t i, size_t end)
{
    if (i < end && words[i] != 0)
        return i;
    for (; i < end && end - i >= ZEROS; i += ZEROS) {
        uint64_t any = 0;
        for (size_t j = 0; j < ZEROS; j++)
            any |= words[i + j];
        if (any != 0)
            break;
    }
    while (i < end && words[i] == 0)
        i++;
    return i;
}

uint32_t
bits_collect(const uint64_t *words, size_t bits, size_t *from,
             uint32_t *positions, uint32_t most)
{
    uint32_t count = 0;
    const size_t end = bits_words(bits);
    if (*from >= bits || most == 0)
        return 0;
    for (size_t i = next_word(words, *from / 64, end); i < end;
         i = next_word(words, i + 1, end)) {
        uint64_t word = word_between(words, i, *from, bits);
        if (word == 0)
            continue;
        if (most - count >= 64) {
            count += collect_word(word, (uint32_t)(i * 64), positions + count);
            continue;
        }
        while (word != 0) {
            size_t position = i * 64 + (size_t)__builtin_ctzll(word);
            if (count == most) {
                *from = position;
                return count;
            }
            positions[count++] = (uint32_t)position;
            word &= word - 1;
        }
    }
    *from = bits;
    return count;
}
