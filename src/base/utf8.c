/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.c - the table of well-formed sequences is Unicode's table 3-7. */
#include "base/utf8.h"

#include <string.h>

#define HIGH_BITS 0x8080808080808080u
#define EACH_BYTE UINT64_C(0x0101010101010101)

/* First byte from the ASCII run's end on, by eight bytes at a time. */
static size_t
skip_ascii(const unsigned char *text, size_t size, size_t at)
{
    while (size - at >= 8) {
        uint64_t word;
        memcpy(&word, text + at, sizeof word);
        if ((word & HIGH_BITS) != 0)
            break;
        at += 8;
    }
    while (at < size && text[at] < 0x80)
        at++;
    return at;
}

/* Bytes a sequence with this first byte has, 0: none begins so. */
static size_t
sequence_size(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if (first >= 0xE0 && first <= 0xEF)
        return 3;
    if (first >= 0xF0 && first <= 0xF4)
        return 4;
    return 0;
}

/* The second byte's range tells overlong forms, surrogates and what lies
 * above U+10FFFF. */
static bool
second_is_valid(unsigned char first, unsigned char second)
{
    unsigned char least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    return second >= least && second <= most;
}

/* Size of the well-formed sequence at `text` with `left` bytes, 0: none. */
static size_t
valid_sequence(const unsigned char *text, size_t left)
{
    size_t size = sequence_size(text[0]);
    if (size == 0 || size > left)
        return 0;
    if (size > 1 && !second_is_valid(text[0], text[1]))
        return 0;
    for (size_t i = 2; i < size; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    }
    return size;
}

bool
utf8_valid(const char *text, size_t size, size_t *bad)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0;
    while (at < size) {
        at = skip_ascii(bytes, size, at);
        if (at == size)
            break;
        size_t sequence = valid_sequence(bytes + at, size - at);
        if (sequence == 0) {
            if (bad != NULL)
                *bad = at;
            return false;
        }
        at += sequence;
    }
    return true;
}

size_t
utf8_length(const char *text, size_t size)
{
    size_t length = 0, i = 0;
    /* Bytes that continue a character have the highest bit and not the next. */
    for (; size - i >= 8; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, sizeof word);
        uint64_t inner = word & ~(word << 1) & HIGH_BITS;
        length += 8 - (size_t)((inner >> 7) * EACH_BYTE >> 56);
    }
    for (; i < size; i++)
        length += ((unsigned char)text[i] & 0xC0) != 0x80;
    return length;
}

size_t
utf8_size(const char *text)
{
    size_t size = sequence_size((unsigned char)text[0]);
    return size == 0 ? 1 : size;
}

size_t
utf8_encode(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xC0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point >= 0xD800 && code_point <= 0xDFFF)
        return 0;
    if (code_point < 0x10000) {
        out[0] = (char)(0xE0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    if (code_point > 0x10FFFF)
        return 0;
    out[0] = (char)(0xF0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code_point & 0x3F));
    return 4;
}
