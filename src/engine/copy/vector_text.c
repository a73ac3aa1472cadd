/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vector_text.c - the numbers of a vector, straight from text to floats.
 *
 * Most bytes of most files that are copied pass here. Whole numbers of at most
 * seven digits are exact as floats and are read in place; all others go to
 * number_read_float(). The grammar is JSON's, which is a part of what
 * value_convert() takes: what is not plain is left to it.
 */
#include "base/number.h"
#include "engine/copy/copy_internal.h"

#define EXACT_DIGITS 7 /* below 2^24 */

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

/* A number as JSON allows it, by number_read_float(), which allows more. */
static const char *
read_real(const char *at, const char *end, float *value)
{
    const char *digits = at + (*at == '-');
    if (end - digits >= 2 && digits[0] == '0' && is_digit(digits[1]))
        return NULL;
    const char *stop = number_read_float(at, end, value);
    if (stop == NULL || !is_digit(stop[-1]))
        return NULL;
    const char *point = memchr(digits, '.', (size_t)(stop - digits));
    return point == NULL || is_digit(point[1]) ? stop : NULL;
}

/* The number at `at`, NULL: none. A byte that is part of no number follows the
 * text or is its end. */
static const char *
read_element(const char *at, const char *end, float *value)
{
    const char *digit = at;
    bool is_negative = digit < end && *digit == '-';
    digit += is_negative;
    if (digit == end || !is_digit(*digit))
        return NULL;
    const char *first = digit;
    uint32_t whole = 0;
    while (digit < end && digit - first < EXACT_DIGITS && is_digit(*digit))
        whole = whole * 10 + (uint32_t)(*digit++ - '0');
    bool is_whole = digit < end && !is_digit(*digit) && *digit != '.' &&
                    (*digit | 0x20) != 'e';
    if (!is_whole || (*first == '0' && digit - first > 1))
        return read_real(at, end, value);
    *value = is_negative ? -(float)whole : (float)whole;
    return digit;
}

const char *
vector_text_read(const char *at, const char *end, char close, float *floats,
                 uint32_t dim)
{
    for (uint32_t i = 0; i < dim; i++) {
        at = read_element(skip_blanks(at, end), end, &floats[i]);
        if (at == NULL)
            return NULL;
        if (at < end && *at != ',')
            at = skip_blanks(at, end);
        if (at == end || *at != (i + 1 == dim ? close : ','))
            return NULL;
        at++;
    }
    return dim > 0 ? at : NULL;
}
