/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elements_scalar.c - plain C: the reference of the other tables.
 *
 * The lanes are those of distance_scalar.c: eight running sums. Through the
 * template these would be two times four, whose last sum differs, so the sums
 * stand here once for both types, over a function that widens one element.
 */
#include "index/kernels/elements.h"

#define LANES 8

typedef float (*Widen)(uint16_t word);

static inline float
element_at(Widen widen, const void *vector, size_t i)
{
    uint16_t word;
    memcpy(&word, (const char *)vector + 2 * i, sizeof word);
    return widen(word);
}

static inline float
sum_lanes(const float lanes[LANES])
{
    float sum = 0.0f;
    for (size_t i = 0; i < LANES / 2; i++)
        sum += lanes[i] + lanes[i + LANES / 2];
    return sum;
}

static inline float
l2_words(Widen widen, const void *a, const void *b, size_t dim)
{
    float lanes[LANES] = {0};
    for (size_t i = 0; i < dim; i++) {
        float difference = element_at(widen, a, i) - element_at(widen, b, i);
        lanes[i % LANES] += difference * difference;
    }
    return sum_lanes(lanes);
}

static inline float
dot_words(Widen widen, const void *a, const void *b, size_t dim)
{
    float lanes[LANES] = {0};
    for (size_t i = 0; i < dim; i++)
        lanes[i % LANES] += element_at(widen, a, i) * element_at(widen, b, i);
    return sum_lanes(lanes);
}

static float
l2_f16(const void *a, const void *b, size_t dim)
{
    return l2_words(float_of_half, a, b, dim);
}

static float
dot_f16(const void *a, const void *b, size_t dim)
{
    return dot_words(float_of_half, a, b, dim);
}

static float
dot_square_f16(const void *a, const void *b, size_t dim, float *square)
{
    *square = dot_words(float_of_half, b, b, dim);
    return dot_words(float_of_half, a, b, dim);
}

static float
l2_bf16(const void *a, const void *b, size_t dim)
{
    return l2_words(float_of_bfloat, a, b, dim);
}

static float
dot_bf16(const void *a, const void *b, size_t dim)
{
    return dot_words(float_of_bfloat, a, b, dim);
}

static float
dot_square_bf16(const void *a, const void *b, size_t dim, float *square)
{
    *square = dot_words(float_of_bfloat, b, b, dim);
    return dot_words(float_of_bfloat, a, b, dim);
}

/* ---- bytes ---- */

static float
l2_i8(const void *a, const void *b, size_t dim)
{
    const int8_t *left = a, *right = b;
    uint32_t sum = 0;
    for (size_t i = 0; i < dim; i++) {
        int32_t difference = (int32_t)left[i] - (int32_t)right[i];
        sum += (uint32_t)(difference * difference);
    }
    return (float)sum;
}

static float
dot_i8(const void *a, const void *b, size_t dim)
{
    const int8_t *left = a, *right = b;
    int32_t sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (int32_t)left[i] * (int32_t)right[i];
    return (float)sum;
}

static float
dot_square_i8(const void *a, const void *b, size_t dim, float *square)
{
    *square = dot_i8(b, b, dim);
    return dot_i8(a, b, dim);
}

/* ---- bits ---- */

static uint32_t
hamming(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a, *right = b;
    uint32_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += (uint32_t)__builtin_popcount((unsigned)left[i] ^
                                              (unsigned)right[i]);
    return count;
}

static uint32_t
common(const void *a, const void *b, size_t size, uint32_t *either)
{
    const unsigned char *left = a, *right = b;
    uint32_t count = 0;
    *either = 0;
    for (size_t i = 0; i < size; i++) {
        count += (uint32_t)__builtin_popcount((unsigned)left[i] &
                                              (unsigned)right[i]);
        *either += (uint32_t)__builtin_popcount((unsigned)left[i] |
                                                (unsigned)right[i]);
    }
    return count;
}

#define HAMMING hamming
#define COMMON common
#define HAMMING_ROWS hamming_rows
#define COMMON_ROWS common_rows
#define BITS_TARGET
#include "index/kernels/bits_template.h"

const ElementTable element_scalar = {
    .name = "scalar",
    .f16 = {l2_f16, dot_f16, dot_square_f16},
    .bf16 = {l2_bf16, dot_bf16, dot_square_bf16},
    .i8 = {l2_i8, dot_i8, dot_square_i8},
    .hamming = hamming,
    .common = common,
    .hamming_rows = hamming_rows,
    .common_rows = common_rows,
};
