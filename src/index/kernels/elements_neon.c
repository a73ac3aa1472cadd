/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elements_neon.c - 128-bit vectors, which every 64-bit Arm processor has. Once
 * more, with its sums of four products, as elements_neondot.c.
 */
#include "index/kernels/elements.h"

#include <arm_neon.h>

/* ---- half floats ---- */

typedef struct Wide {
    float32x4_t low, high;
} Wide;
#define WIDTH 8

static inline Wide
zero(void)
{
    return (Wide){vdupq_n_f32(0), vdupq_n_f32(0)};
}

static inline Wide
add(Wide a, Wide b)
{
    return (Wide){vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)};
}

static inline Wide
add_dot(Wide a, Wide b, Wide running)
{
    return (Wide){vfmaq_f32(running.low, a.low, b.low),
                  vfmaq_f32(running.high, a.high, b.high)};
}

static inline Wide
add_l2(Wide a, Wide b, Wide running)
{
    Wide difference = {vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high)};
    return add_dot(difference, difference, running);
}

static inline float
sum_of(Wide v)
{
    return vaddvq_f32(vaddq_f32(v.low, v.high));
}

static inline uint16x8_t
words_at(const char *at)
{
    return vreinterpretq_u16_u8(vld1q_u8((const uint8_t *)at));
}

static inline Wide
widen_f16(const char *at)
{
    float16x8_t halves = vreinterpretq_f16_u16(words_at(at));
    return (Wide){vcvt_f32_f16(vget_low_f16(halves)),
                  vcvt_high_f32_f16(halves)};
}

static inline Wide
widen_bf16(const char *at)
{
    uint16x8_t words = words_at(at);
    return (Wide){
        vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(words), 16)),
        vreinterpretq_f32_u32(vshll_high_n_u16(words, 16)),
    };
}

static inline Wide
last(const char *at, size_t count, Wide (*widen)(const char *))
{
    char room[2 * WIDTH] = {0};
    if (count >= WIDTH)
        return widen(at);
    memcpy(room, at, 2 * count);
    return widen(room);
}

#define SUFFIX f16
#define WIDEN widen_f16
#include "index/kernels/half_template.h"

#define SUFFIX bf16
#define WIDEN widen_bf16
#include "index/kernels/half_template.h"

/* ---- bytes ---- */

/* 16 bytes; of fewer the rest is 0. */
static inline uint8x16_t
bytes_at(const void *from, size_t i, size_t size)
{
    uint8_t room[16] = {0};
    const uint8_t *at = (const uint8_t *)from + i;
    if (size - i >= 16)
        return vld1q_u8(at);
    memcpy(room, at, size - i);
    return vld1q_u8(room);
}

/* Adds four squares of differences to each lane. */
static inline uint32x4_t
add_squares(uint32x4_t sum, uint8x16_t a, uint8x16_t b)
{
    uint8x16_t difference = vreinterpretq_u8_s8(
        vabdq_s8(vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b)));
#ifdef __ARM_FEATURE_DOTPROD
    return vdotq_u32(sum, difference, difference);
#else
    uint8x8_t low = vget_low_u8(difference);
    sum = vpadalq_u16(sum, vmull_u8(low, low));
    return vpadalq_u16(sum, vmull_high_u8(difference, difference));
#endif
}

/* Adds four products to each lane. */
static inline int32x4_t
add_products(int32x4_t sum, uint8x16_t left, uint8x16_t right)
{
    int8x16_t a = vreinterpretq_s8_u8(left), b = vreinterpretq_s8_u8(right);
#ifdef __ARM_FEATURE_DOTPROD
    return vdotq_s32(sum, a, b);
#else
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
    return vpadalq_s16(sum, vmull_high_s8(a, b));
#endif
}

static float
l2_i8(const void *a, const void *b, size_t dim)
{
    uint32x4_t total = vdupq_n_u32(0);
    for (size_t i = 0; i < dim; i += 16)
        total = add_squares(total, bytes_at(a, i, dim), bytes_at(b, i, dim));
    return (float)vaddvq_u32(total);
}

static float
dot_i8(const void *a, const void *b, size_t dim)
{
    int32x4_t total = vdupq_n_s32(0);
    for (size_t i = 0; i < dim; i += 16)
        total = add_products(total, bytes_at(a, i, dim), bytes_at(b, i, dim));
    return (float)vaddvq_s32(total);
}

static float
dot_square_i8(const void *a, const void *b, size_t dim, float *square)
{
    int32x4_t total = vdupq_n_s32(0), squares = total;
    for (size_t i = 0; i < dim; i += 16) {
        uint8x16_t right = bytes_at(b, i, dim);
        total = add_products(total, bytes_at(a, i, dim), right);
        squares = add_products(squares, right, right);
    }
    *square = (float)vaddvq_s32(squares);
    return (float)vaddvq_s32(total);
}

/* ---- bits ---- */

/* Adds the bits that are set to the lanes. */
static inline uint32x4_t
add_bits(uint32x4_t sum, uint8x16_t bits)
{
    return vpadalq_u16(sum, vpaddlq_u8(vcntq_u8(bits)));
}

static uint32_t
hamming(const void *a, const void *b, size_t size)
{
    uint32x4_t total = vdupq_n_u32(0);
    for (size_t i = 0; i < size; i += 16)
        total = add_bits(total,
                         veorq_u8(bytes_at(a, i, size), bytes_at(b, i, size)));
    return vaddvq_u32(total);
}

static uint32_t
common(const void *a, const void *b, size_t size, uint32_t *either)
{
    uint32x4_t both = vdupq_n_u32(0), one = both;
    for (size_t i = 0; i < size; i += 16) {
        uint8x16_t left = bytes_at(a, i, size), right = bytes_at(b, i, size);
        both = add_bits(both, vandq_u8(left, right));
        one = add_bits(one, vorrq_u8(left, right));
    }
    *either = vaddvq_u32(one);
    return vaddvq_u32(both);
}

#define HAMMING hamming
#define COMMON common
#define HAMMING_ROWS hamming_rows
#define COMMON_ROWS common_rows
#define BITS_TARGET
#include "index/kernels/bits_template.h"

#ifdef __ARM_FEATURE_DOTPROD
const ElementTable element_neondot = {
    .name = "neondot",
#else
const ElementTable element_neon = {
    .name = "neon",
#endif
    .f16 = {l2_f16, dot_f16, dot_square_f16},
    .bf16 = {l2_bf16, dot_bf16, dot_square_bf16},
    .i8 = {l2_i8, dot_i8, dot_square_i8},
    .hamming = hamming,
    .common = common,
    .hamming_rows = hamming_rows,
    .common_rows = common_rows,
};
