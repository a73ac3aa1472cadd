/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text_find.c - see text_find.h.
 *
 * A place is looked at closely where both the first and the last byte of the
 * needle stand (after W. Mula, "SIMD-friendly algorithms for substring
 * searching"), eight places at a time in one machine word. The lowest byte of a
 * word that is said to be zero is zero; those above it may be wrong, so that
 * only the lowest is used and the search goes on behind it.
 */
#include "engine/expr/text_find.h"

#include <string.h>

#define EACH UINT64_C(0x0101010101010101)
#define HIGH UINT64_C(0x8080808080808080)

static inline uint64_t
load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline unsigned char
small(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

bool
needle_is_at(const Needle *needle, const char *at)
{
    if (!needle->ignores_case)
        return memcmp(at, needle->bytes, needle->size) == 0;
    for (size_t i = 0; i < needle->size; i++)
        if (small((unsigned char)at[i]) != (unsigned char)needle->bytes[i])
            return false;
    return true;
}

/* A byte to compare with, and the bit that tells its cases apart. */
typedef struct Wanted {
    uint64_t bytes;
    uint64_t ignored;
} Wanted;

static Wanted
wanted_of(const Needle *needle, size_t i)
{
    unsigned char c = (unsigned char)needle->bytes[i];
    bool has_cases = needle->ignores_case && c >= 'a' && c <= 'z';
    return (Wanted){c * EACH, has_cases ? 0x20 * EACH : 0};
}

const char *
needle_find(const Needle *needle, const char *at, const char *end)
{
    size_t last = needle->size - 1;
    const Wanted begin = wanted_of(needle, 0), stop = wanted_of(needle, last);
    if ((size_t)(end - at) < needle->size)
        return NULL;
    const char *places = end - last; /* behind the last one */
    while (places - at >= 8) {
        uint64_t word = ((load(at) | begin.ignored) ^ begin.bytes) |
                        ((load(at + last) | stop.ignored) ^ stop.bytes);
        uint64_t zeros = (word - EACH) & ~word & HIGH;
        if (zeros == 0) {
            at += 8;
            continue;
        }
        at += (size_t)__builtin_ctzll(zeros) / 8;
        if (needle_is_at(needle, at))
            return at;
        at++;
    }
    for (; at < places; at++)
        if (needle_is_at(needle, at))
            return at;
    return NULL;
}

/* The texts from the `first` on that lie one behind the other, as one; `count`
 * OUT: how many. Empty ones lie anywhere. */
static Slice
run_of(const Slice *texts, uint32_t first, uint32_t most, uint32_t *count)
{
    Slice run = texts[first];
    uint32_t i = first + 1;
    for (; i < most; i++) {
        if (texts[i].size == 0)
            continue;
        if (run.size == 0)
            run = texts[i];
        else if (texts[i].data == run.data + run.size)
            run.size += texts[i].size;
        else
            break;
    }
    *count = i - first;
    return run;
}

static void
find_in_run(const Needle *needle, Slice run, const Slice *texts, uint8_t *found)
{
    const char *at = run.data, *end = at + run.size;
    uint32_t row = 0;
    while ((at = needle_find(needle, at, end)) != NULL) {
        while (texts[row].size == 0 || texts[row].data + texts[row].size <= at)
            row++;
        const char *row_end = texts[row].data + texts[row].size;
        if (at + needle->size <= row_end) {
            found[row] = 1;
            at = row_end;
        } else {
            at++;
        }
    }
}

void
needle_find_all(const Needle *needle, const Slice *texts, uint32_t count,
                uint8_t *found)
{
    uint32_t taken;
    memset(found, 0, count);
    for (uint32_t row = 0; row < count; row += taken) {
        Slice run = run_of(texts, row, count, &taken);
        if (run.size > 0)
            find_in_run(needle, run, texts + row, found + row);
    }
}

Slice
texts_run(const Slice *texts, uint32_t count)
{
    uint32_t taken = 0;
    Slice run = {NULL, 0};
    if (count > 0)
        run = run_of(texts, 0, count, &taken);
    return taken < count ? (Slice){NULL, 0} : run;
}

const char *
texts_end(const Slice *texts, uint32_t count)
{
    Slice run = texts_run(texts, count);
    return run.size == 0 ? NULL : run.data + run.size;
}
