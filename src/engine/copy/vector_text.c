/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vector_text.c - the numbers of a vector, straight from text to floats.
 *
 * Most bytes of most files that are copied pass here, so there are three ways,
 * the quick ones first:
 *
 *   1. Whole numbers of one to three digits (bytes of images, SIFT) are taken
 *      from four bytes at once, without a branch on their number of digits.
 *   2. A decimal of at most 19 digits is mantissa * 10^exponent, computed in
 *      double with two roundings, so that it is off by less than two of its
 * last places. Unless it is that near to the middle between two floats,
 * rounding it to a float gives what rounding the exact number would.
 *   3. All else: number_read_float(), which is right for every number.
 *
 * The grammar is JSON's, which is a part of what value_convert() takes: what is
 * not plain is left to it.
 */
#include "base/number.h"
#include "engine/copy/copy_internal.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the first byte of a text is the lowest of its word");

#define MANTISSA_DIGITS 19 /* always fit 64 bits */
#define EXACT_POWER 22     /* 10^22 is the largest that a double holds */

static const double powers_of_ten[EXACT_POWER + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static bool
is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static const char *
skip_blanks(const char *at, const char *end)
{
    while (at < end &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* Way 1: one to three digits and a comma, [at, at + 4). Returns the comma. */
static const char *
read_short(const char *at, float *value)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    uint32_t digits = word ^ 0x30303030u;
    /* The high bit of each byte that is above 9. */
    uint32_t others =
        (((digits & 0x7f7f7f7fu) + 0x76767676u) | digits) & 0x80808080u;
    if (others == 0 || (others & 0x80u) != 0)
        return NULL;
    uint32_t size = (uint32_t)__builtin_ctz(others) / 8;
    if (at[size] != ',' || (size > 1 && *at == '0'))
        return NULL;
    digits <<= 32 - 8 * size;
    *value = (float)((digits >> 8 & 0xff) * 100 + (digits >> 16 & 0xff) * 10 +
                     (digits >> 24));
    return at + size;
}

/* Digits into the mantissa, eight at a time; returns the first byte after them.
 */
static const char *
take_digits(const char *at, const char *end, uint64_t *mantissa)
{
    uint64_t value = *mantissa;
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t high = word & 0xf0f0f0f0f0f0f0f0u;
        uint64_t high_plus = (word + 0x0606060606060606u) & 0xf0f0f0f0f0f0f0f0u;
        if ((high | high_plus >> 4) != 0x3333333333333333u)
            break;
        word = ((word & 0x0f0f0f0f0f0f0f0fu) * 2561) >> 8;
        word = ((word & 0x00ff00ff00ff00ffu) * 6553601) >> 16;
        word = ((word & 0x0000ffff0000ffffu) * 42949672960001u) >> 32;
        value = value * 100000000 + word;
    }
    for (; at < end && is_digit(*at); at++)
        value = value * 10 + (uint64_t)(*at - '0');
    *mantissa = value;
    return at;
}

/* The exponent behind 'e'; NULL: there is none. */
static const char *
take_exponent(const char *at, const char *end, int64_t *exponent)
{
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end || !is_digit(*at))
        return NULL;
    int64_t written = 0;
    for (; at < end && is_digit(*at); at++) {
        if (written < 100000)
            written = written * 10 + (*at - '0');
    }
    *exponent += is_negative ? -written : written;
    return at;
}

/* Way 2; false: it does not lead there. */
static bool
narrow_decimal(uint64_t mantissa, int64_t exponent, float *value)
{
    if (exponent < -EXACT_POWER || exponent > EXACT_POWER)
        return false;
    double wide = (double)mantissa;
    if (exponent < 0)
        wide /= powers_of_ten[-exponent];
    else if (exponent > 0)
        wide *= powers_of_ten[exponent];
    uint64_t bits;
    memcpy(&bits, &wide, sizeof bits);
    /* What a float drops, and its distance from one half. */
    uint64_t distance = (bits & 0x1fffffff) + 4 - 0x10000000;
    bool is_normal = (wide >= 1e-37 && wide <= 3e38) || mantissa == 0;
    *value = (float)wide;
    return is_normal && distance > 8;
}

/* The number at `at`, NULL: none, or one out of range. */
static const char *
read_element(const char *at, const char *end, float *value)
{
    const char *first = at + (at < end && *at == '-');
    uint64_t mantissa = 0;
    int64_t exponent = 0;
    const char *stop = first;
    for (; stop < end && is_digit(*stop); stop++)
        mantissa = mantissa * 10 + (uint64_t)(*stop - '0');
    int64_t digits = stop - first;
    if (digits == 0 || (digits > 1 && *first == '0'))
        return NULL;
    if (stop < end && *stop == '.') {
        const char *point = stop;
        stop = take_digits(point + 1, end, &mantissa);
        exponent = point + 1 - stop;
        if (exponent == 0)
            return NULL;
        digits -= exponent;
    }
    if (stop < end && (*stop == 'e' || *stop == 'E'))
        stop = take_exponent(stop + 1, end, &exponent);
    if (stop == NULL)
        return NULL;
    float magnitude;
    if (digits > MANTISSA_DIGITS ||
        !narrow_decimal(mantissa, exponent, &magnitude))
        return number_read_float(at, stop, value) == stop ? stop : NULL;
    *value = first != at ? -magnitude : magnitude;
    return stop;
}

const char *
vector_text_read(const char *at, const char *end, char close, float *floats,
                 uint32_t dim)
{
    for (uint32_t i = 0; i < dim; i++) {
        bool is_last = i + 1 == dim;
        at = skip_blanks(at, end);
        const char *stop = NULL;
        if (end - at >= 4 && !is_last)
            stop = read_short(at, &floats[i]);
        if (stop == NULL) {
            stop = read_element(at, end, &floats[i]);
            if (stop == NULL)
                return NULL;
            stop = skip_blanks(stop, end);
            if (stop == end || *stop != (is_last ? close : ','))
                return NULL;
        }
        at = stop + 1;
    }
    return dim > 0 ? at : NULL;
}
