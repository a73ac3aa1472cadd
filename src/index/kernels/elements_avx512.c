/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elements_avx512.c - 512-bit vectors; compiled with -mavx512f, bw, dq and vl,
 * reached only after a check.
 *
 * Bits are counted in words of 64, or by VPOPCNTDQ where the processor has it:
 * there are two tables.
 */
#include "index/kernels/elements.h"

#include <immintrin.h>

/* ---- half floats ---- */

typedef __m512 Wide;
#define WIDTH 16

static inline Wide
zero(void)
{
    return _mm512_setzero_ps();
}

static inline Wide
add(Wide a, Wide b)
{
    return _mm512_add_ps(a, b);
}

static inline Wide
add_l2(Wide a, Wide b, Wide running)
{
    Wide difference = _mm512_sub_ps(a, b);
    return _mm512_fmadd_ps(difference, difference, running);
}

static inline Wide
add_dot(Wide a, Wide b, Wide running)
{
    return _mm512_fmadd_ps(a, b, running);
}

static inline float
sum_of(Wide v)
{
    return _mm512_reduce_add_ps(v);
}

static inline Wide
widen_f16(const char *at)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)at));
}

static inline Wide
widen_bf16(const char *at)
{
    __m256i words = _mm256_loadu_si256((const __m256i *)at);
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16));
}

static inline Wide
last(const char *at, size_t count, Wide (*widen)(const char *))
{
    char room[2 * WIDTH];
    if (count >= WIDTH)
        return widen(at);
    __mmask16 mask = (__mmask16)((1u << count) - 1);
    _mm256_storeu_si256((__m256i *)room, _mm256_maskz_loadu_epi16(mask, at));
    return widen(room);
}

#define SUFFIX f16
#define WIDEN widen_f16
#include "index/kernels/half_template.h"

#define SUFFIX bf16
#define WIDEN widen_bf16
#include "index/kernels/half_template.h"

/* ---- bytes ---- */

/* 32 bytes as words; of fewer the rest is 0. */
static inline __m512i
words_at(const int8_t *at, size_t count)
{
    __mmask32 mask = count >= 32 ? ~(__mmask32)0 : ((__mmask32)1 << count) - 1;
    return _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(mask, at));
}

static float
l2_i8(const void *a, const void *b, size_t dim)
{
    const int8_t *left = a, *right = b;
    __m512i total = _mm512_setzero_si512();
    for (size_t i = 0; i < dim; i += 32) {
        __m512i difference = _mm512_sub_epi16(words_at(left + i, dim - i),
                                              words_at(right + i, dim - i));
        total =
            _mm512_add_epi32(total, _mm512_madd_epi16(difference, difference));
    }
    return (float)_mm512_reduce_add_epi32(total);
}

static float
dot_i8(const void *a, const void *b, size_t dim)
{
    const int8_t *left = a, *right = b;
    __m512i total = _mm512_setzero_si512();
    for (size_t i = 0; i < dim; i += 32)
        total = _mm512_add_epi32(
            total, _mm512_madd_epi16(words_at(left + i, dim - i),
                                     words_at(right + i, dim - i)));
    return (float)_mm512_reduce_add_epi32(total);
}

static float
dot_square_i8(const void *a, const void *b, size_t dim, float *square)
{
    const int8_t *left = a, *right = b;
    __m512i total = _mm512_setzero_si512(), squares = total;
    for (size_t i = 0; i < dim; i += 32) {
        __m512i words = words_at(right + i, dim - i);
        total = _mm512_add_epi32(
            total, _mm512_madd_epi16(words_at(left + i, dim - i), words));
        squares = _mm512_add_epi32(squares, _mm512_madd_epi16(words, words));
    }
    *square = (float)_mm512_reduce_add_epi32(squares);
    return (float)_mm512_reduce_add_epi32(total);
}

/* ---- bits ---- */

#define BITS __attribute__((target("avx512vpopcntdq")))

static inline __mmask64
byte_mask_of(size_t count)
{
    return count >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << count) - 1;
}

BITS static uint32_t
hamming(const void *a, const void *b, size_t size)
{
    const char *left = a, *right = b;
    __m512i count = _mm512_setzero_si512();
    for (size_t i = 0; i < size; i += 64) {
        __mmask64 mask = byte_mask_of(size - i);
        __m512i bits =
            _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, left + i),
                             _mm512_maskz_loadu_epi8(mask, right + i));
        count = _mm512_add_epi64(count, _mm512_popcnt_epi64(bits));
    }
    return (uint32_t)_mm512_reduce_add_epi64(count);
}

BITS static uint32_t
common(const void *a, const void *b, size_t size, uint32_t *either)
{
    const char *left = a, *right = b;
    __m512i both = _mm512_setzero_si512(), one = both;
    for (size_t i = 0; i < size; i += 64) {
        __mmask64 mask = byte_mask_of(size - i);
        __m512i first = _mm512_maskz_loadu_epi8(mask, left + i);
        __m512i second = _mm512_maskz_loadu_epi8(mask, right + i);
        both = _mm512_add_epi64(
            both, _mm512_popcnt_epi64(_mm512_and_si512(first, second)));
        one = _mm512_add_epi64(
            one, _mm512_popcnt_epi64(_mm512_or_si512(first, second)));
    }
    *either = (uint32_t)_mm512_reduce_add_epi64(one);
    return (uint32_t)_mm512_reduce_add_epi64(both);
}

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
hamming_words(const void *a, const void *b, size_t size)
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
common_words(const void *a, const void *b, size_t size, uint32_t *either)
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
#define BITS_TARGET BITS
#include "index/kernels/bits_template.h"

#define HAMMING hamming_words
#define COMMON common_words
#define HAMMING_ROWS hamming_rows_of_words
#define COMMON_ROWS common_rows_of_words
#define BITS_TARGET
#include "index/kernels/bits_template.h"

const ElementTable element_avx512 = {
    .name = "avx512",
    .f16 = {l2_f16, dot_f16, dot_square_f16},
    .bf16 = {l2_bf16, dot_bf16, dot_square_bf16},
    .i8 = {l2_i8, dot_i8, dot_square_i8},
    .hamming = hamming_words,
    .common = common_words,
    .hamming_rows = hamming_rows_of_words,
    .common_rows = common_rows_of_words,
};

const ElementTable element_avx512_bits = {
    .name = "avx512",
    .f16 = {l2_f16, dot_f16, dot_square_f16},
    .bf16 = {l2_bf16, dot_bf16, dot_square_bf16},
    .i8 = {l2_i8, dot_i8, dot_square_i8},
    .hamming = hamming,
    .common = common,
    .hamming_rows = hamming_rows,
    .common_rows = common_rows,
};
