/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text_find.h - one text looked for in many.
 *
 * The texts of a batch that were read in place lie one behind the other, so
 * they are searched as one run of bytes, eight at a time: what a search costs
 * to begin is paid once for all of them and not for each.
 */
#ifndef ENGINE_EXPR_TEXT_FIND_H
#define ENGINE_EXPR_TEXT_FIND_H

#include <stdint.h>

#include "base/slice.h"

/* What is looked for: at least one byte. */
typedef struct Needle {
    const char *bytes; /* small letters when case is ignored */
    size_t size;
    bool ignores_case; /* of ASCII letters; other bytes are themselves */
} Needle;

/* The first place in [at, end) where the needle stands, or NULL. */
const char *needle_find(const Needle *needle, const char *at, const char *end);

/* Whether it stands at `at`; the bytes must be there. */
bool needle_is_at(const Needle *needle, const char *at);

/* found[i] = 1 for the texts that hold it, else 0. */
void needle_find_all(const Needle *needle, const Slice *texts, uint32_t count,
                     uint8_t *found);

/* The first eight bytes, fewer ones with zeros behind them, the first byte the
 * lowest. */
static inline uint64_t
text_head(Slice text)
{
    uint64_t head = 0;
    const char *at = text.data;
    if (text.size >= 8) {
        __builtin_memcpy(&head, at, 8);
    } else if (text.size >= 4) {
        uint32_t low, high;
        __builtin_memcpy(&low, at, 4);
        __builtin_memcpy(&high, at + text.size - 4, 4);
        head = low | (uint64_t)high << (text.size - 4) * 8;
    } else if (text.size > 0) {
        size_t middle = text.size / 2, last = text.size - 1;
        head = (uint64_t)(unsigned char)at[0] |
               (uint64_t)(unsigned char)at[middle] << middle * 8 |
               (uint64_t)(unsigned char)at[last] << last * 8;
    }
    return head;
}

/* The texts as one run of bytes when they lie one behind the other, empty ones
 * anywhere; no bytes: they do not. */
Slice texts_run(const Slice *texts, uint32_t count);

/* Where that run ends, NULL: there is none. */
const char *texts_end(const Slice *texts, uint32_t count);

/* text_head() of one of the texts before `end` (texts_end()): eight bytes are
 * read at once wherever there are as many, without asking for the size first.
 */
static inline uint64_t
text_head_before(Slice text, const char *end)
{
    uint64_t head;
    if (end == NULL || text.size == 0 || end - text.data < 8)
        return text_head(text);
    __builtin_memcpy(&head, text.data, 8);
    uint64_t rest = text.size >= 8 ? 0 : ~UINT64_C(0) << text.size * 8;
    return head & ~rest;
}

#endif
