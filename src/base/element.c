/* SPDX-License-Identifier: Apache-2.0 */
/* element.c - floats to the elements of vectors and back. */
#include "base/element.h"

#include <math.h>

#define SIGN 0x80000000u
#define INFINITE 0x7f800000u
#define HALF_INFINITE 0x7c00u

/* A float's bits without the sign, shifted right; what falls out rounds. */
static uint32_t
shift_rounding(uint32_t bits, uint32_t shift)
{
    uint32_t half = 1u << (shift - 1);
    uint32_t is_odd = bits >> shift & 1;
    return (bits + half - 1 + is_odd) >> shift;
}

uint16_t
half_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = (bits & SIGN) >> 16;
    bits &= ~SIGN;
    if (bits > INFINITE)
        return (uint16_t)(sign | HALF_INFINITE | 0x200u);
    if (bits >= 0x477ff000u) /* 65,520, half way behind the largest */
        return (uint16_t)(sign | HALF_INFINITE);
    if (bits >= 0x38800000u) /* 2^-14: normal */
        return (uint16_t)(sign | shift_rounding(bits - (112u << 23), 13));
    if (bits < 0x33000000u) /* below half of the least */
        return (uint16_t)sign;
    /* Subnormal: the mantissa with its hidden one, in units of 2^-24. */
    uint32_t shift = 126 - (bits >> 23);
    uint32_t mantissa = (bits & 0x7fffffu) | 0x800000u;
    return (uint16_t)(sign | shift_rounding(mantissa, shift));
}

uint16_t
bfloat_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & ~SIGN) > INFINITE)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits & SIGN) >> 16 | shift_rounding(bits & ~SIGN, 16));
}

void
element_floats(ElementType element, const void *from, size_t count, float *to)
{
    const unsigned char *bytes = from;
    uint16_t word;
    switch (element) {
    case ELEMENT_F32:
        memcpy(to, from, count * sizeof *to);
        return;
    case ELEMENT_F16:
        for (size_t i = 0; i < count; i++) {
            memcpy(&word, bytes + 2 * i, sizeof word);
            to[i] = float_of_half(word);
        }
        return;
    case ELEMENT_BF16:
        for (size_t i = 0; i < count; i++) {
            memcpy(&word, bytes + 2 * i, sizeof word);
            to[i] = float_of_bfloat(word);
        }
        return;
    case ELEMENT_I8:
        for (size_t i = 0; i < count; i++)
            to[i] = (float)(int8_t)bytes[i];
        return;
    default:
        for (size_t i = 0; i < count; i++)
            to[i] = (float)(bytes[i / 8] >> (7 - i % 8) & 1);
    }
}

/* ---- from floats ---- */

static size_t
words_of_floats(uint16_t (*convert)(float), uint16_t infinite,
                const float *from, size_t count, unsigned char *to)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t word = convert(from[i]);
        if ((word & infinite) == infinite)
            return i;
        memcpy(to + 2 * i, &word, sizeof word);
    }
    return count;
}

static size_t
bytes_of_floats(const float *from, size_t count, unsigned char *to)
{
    for (size_t i = 0; i < count; i++) {
        float rounded = rintf(from[i]);
        if (!(rounded >= -128 && rounded <= 127))
            return i;
        to[i] = (unsigned char)(int8_t)rounded;
    }
    return count;
}

static size_t
bits_of_floats(const float *from, size_t count, unsigned char *to)
{
    memset(to, 0, count / 8);
    for (size_t i = 0; i < count; i++) {
        if (from[i] != 0 && from[i] != 1)
            return i;
        if (from[i] != 0)
            to[i / 8] = (unsigned char)(to[i / 8] | 0x80u >> i % 8);
    }
    return count;
}

size_t
element_of_floats(ElementType element, const float *from, size_t count,
                  void *to)
{
    switch (element) {
    case ELEMENT_F32:
        for (size_t i = 0; i < count; i++)
            if (!isfinite(from[i]))
                return i;
        memcpy(to, from, count * sizeof *from);
        return count;
    case ELEMENT_F16:
        return words_of_floats(half_of_float, 0x7c00, from, count, to);
    case ELEMENT_BF16:
        return words_of_floats(bfloat_of_float, 0x7f80, from, count, to);
    case ELEMENT_I8:
        return bytes_of_floats(from, count, to);
    default:
        return bits_of_floats(from, count, to);
    }
}
