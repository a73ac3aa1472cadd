/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elements_avx2.c - 256-bit vectors, with F16C for half floats; compiled with
 * -mavx2 -mfma -mf16c, reached only after a check.
 *
 * Bytes are widened to 16 bits and multiplied in pairs into 32. Bits are
 * counted a word of 64 at a time: one word a cycle is faster than memory.
 */
#include "index/kernels/elements.h"

#include <immintrin.h>

/* ---- half floats ---- */

typedef __m256 Wide;
#define WIDTH 8

static inline Wide
zero(void)
{
    return _mm256_setzero_ps();
}

static inline Wide
add(Wide a, Wide b)
{
    return _mm256_add_ps(a, b);
}

static inline Wide
add_l2(Wide a, Wide b, Wide running)
{
    Wide difference = _mm256_sub_ps(a, b);
    return _mm256_fmadd_ps(difference, difference, running);
}

static inline Wide
add_dot(Wide a, Wide b, Wide running)
{
    return _mm256_fmadd_ps(a, b, running);
}

static inline float
sum_of(Wide v)
{
    __m128 half =
        _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    half = _mm_add_ss(half, _mm_movehdup_ps(half));
    return _mm_cvtss_f32(half);
}

static inline Wide
widen_f16(const char *at)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)at));
}

static inline Wide
widen_bf16(const char *at)
{
    __m128i words = _mm_loadu_si128((const __m128i *)at);
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(words), 16));
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

static inline int32_t
sum_i32(__m256i v)
{
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(v),
                                 _mm256_extracti128_si256(v, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    return _mm_cvtsi128_si32(half);
}

/* 16 bytes as words; of fewer the rest is 0. */
static inline __m256i
words_at(const int8_t *at, size_t count)
{
    char room[16] = {0};
    if (count >= 16)
        return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)at));
    memcpy(room, at, count);
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)room));
}

static float
l2_i8(const void *a, const void *b, size_t dim)
{
    const int8_t *left = a, *right = b;
    __m256i total = _mm256_setzero_si256();
    for (size_t i = 0; i < dim; i += 16) {
        __m256i difference = _mm256_sub_epi16(words_at(left + i, dim - i),
                                              words_at(right + i, dim - i));
        total =
            _mm256_add_epi32(total, _mm256_madd_epi16(difference, difference));
    }
    return (float)sum_i32(total);
}

static float
dot_i8(const void *a, const void *b, size_t dim)
{
    const int8_t *left = a, *right = b;
    __m256i total = _mm256_setzero_si256();
    for (size_t i = 0; i < dim; i += 16)
        total = _mm256_add_epi32(
            total, _mm256_madd_epi16(words_at(left + i, dim - i),
                                     words_at(right + i, dim - i)));
    return (float)sum_i32(total);
}

static float
dot_square_i8(const void *a, const void *b, size_t dim, float *square)
{
    const int8_t *left = a, *right = b;
    __m256i total = _mm256_setzero_si256(), squares = total;
    for (size_t i = 0; i < dim; i += 16) {
        __m256i words = words_at(right + i, dim - i);
        total = _mm256_add_epi32(
            total, _mm256_madd_epi16(words_at(left + i, dim - i), words));
        squares = _mm256_add_epi32(squares, _mm256_madd_epi16(words, words));
    }
    *square = (float)sum_i32(squares);
    return (float)sum_i32(total);
}

/* ---- bits ---- */

static inline uint64_t
bits_at(const char *at, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, at, size < sizeof word ? size : sizeof word);
    return word;
}

/* The word from byte `i` on; a whole one needs no call of memcpy(). */
static inline uint64_t
word_at(const char *bits, size_t i, size_t size)
{
    return size - i >= 8 ? bits_at(bits + i, 8) : bits_at(bits + i, size - i);
}

static uint32_t
hamming(const void *a, const void *b, size_t size)
{
    const char *left = a, *right = b;
    uint64_t count = 0, more = 0;
    size_t i = 0;
    for (; i + 16 <= size; i += 16) {
        count += (uint64_t)_mm_popcnt_u64(bits_at(left + i, 8) ^
                                          bits_at(right + i, 8));
        more += (uint64_t)_mm_popcnt_u64(bits_at(left + i + 8, 8) ^
                                         bits_at(right + i + 8, 8));
    }
    for (; i < size; i += 8)
        count += (uint64_t)_mm_popcnt_u64(bits_at(left + i, size - i) ^
                                          bits_at(right + i, size - i));
    return (uint32_t)(count + more);
}

static uint32_t
common(const void *a, const void *b, size_t size, uint32_t *either)
{
    const char *left = a, *right = b;
    uint64_t both = 0, one = 0;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t first = word_at(left, i, size);
        uint64_t second = word_at(right, i, size);
        both += (uint64_t)_mm_popcnt_u64(first & second);
        one += (uint64_t)_mm_popcnt_u64(first | second);
    }
    *either = (uint32_t)one;
    return (uint32_t)both;
}

#define HAMMING hamming
#define COMMON common
#define HAMMING_ROWS hamming_rows
#define COMMON_ROWS common_rows
#define BITS_TARGET
#include "index/kernels/bits_template.h"

const ElementTable element_avx2 = {
    .name = "avx2",
    .f16 = {l2_f16, dot_f16, dot_square_f16},
    .bf16 = {l2_bf16, dot_bf16, dot_square_bf16},
    .i8 = {l2_i8, dot_i8, dot_square_i8},
    .hamming = hamming,
    .common = common,
    .hamming_rows = hamming_rows,
    .common_rows = common_rows,
};
