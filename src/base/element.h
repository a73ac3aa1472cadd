/* SPDX-License-Identifier: Apache-2.0 */
/*
 * element.h - what the elements of a vector are, and floats to them and back.
 *
 * Every element but a bit is a float exactly; the way back rounds to the
 * nearest, ties to even. A half float (IEEE 754 binary16) has 5 bits of
 * exponent and 10 of mantissa; a bfloat16 is the upper half of a float.
 */
#ifndef BASE_ELEMENT_H
#define BASE_ELEMENT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum ElementType {
    ELEMENT_F32,  /* float                                      */
    ELEMENT_F16,  /* IEEE binary16                              */
    ELEMENT_BF16, /* the upper half of a float                  */
    ELEMENT_I8,   /* int8_t                                     */
    ELEMENT_BIT,  /* eight to a byte, the first one the highest */
    ELEMENT_COUNT
} ElementType;

/* Bytes of a vector of `dim` elements; `dim` of bits is a multiple of 8. */
static inline size_t
element_row_size(ElementType element, size_t dim)
{
    switch (element) {
    case ELEMENT_F32:
        return dim * 4;
    case ELEMENT_F16:
    case ELEMENT_BF16:
        return dim * 2;
    case ELEMENT_I8:
        return dim;
    default:
        return dim / 8;
    }
}

static inline float
float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float
float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 0x1f;
    uint32_t mantissa = half & 0x3ff;
    if (exponent == 0) {
        /* Zero and subnormals: mantissa * 2^-24, exact. */
        float small = (float)mantissa * 0x1p-24f;
        return sign != 0 ? -small : small;
    }
    exponent = exponent == 31 ? 255 : exponent + 112;
    return float_of_bits(sign | exponent << 23 | mantissa << 13);
}

static inline float
float_of_bfloat(uint16_t bfloat)
{
    return float_of_bits((uint32_t)bfloat << 16);
}

/* To the nearest, ties to even; beyond the largest: infinity; NaN stays one. */
uint16_t half_of_float(float value);
uint16_t bfloat_of_float(float value);

/* `count` elements, unaligned or not, to floats; for bits 0 and 1, `count` a
 * multiple of 8. */
void element_floats(ElementType element, const void *from, size_t count,
                    float *to);

/*
 * Floats to elements, rounded. Returns `count`, or the number of the first
 * float that has none: it is not finite, or (rounded) out of range; of bits,
 * `count` a multiple of 8, all but 0 and 1 have none.
 */
size_t element_of_floats(ElementType element, const float *from, size_t count,
                         void *to);

#endif
