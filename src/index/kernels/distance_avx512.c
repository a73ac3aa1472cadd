/* SPDX-License-Identifier: Apache-2.0 */
/*
 * distance_avx512.c - 512-bit vectors; compiled with -mavx512f, bw, dq and vl,
 * reached only after a check.
 *
 * As in distance_avx2.c each row has two running sums and the last elements are
 * loaded under a mask.
 */
#include "index/kernels/distance.h"

#include <immintrin.h>
#include <string.h>

/* The mask of the first `count` of 16 elements. */
static __mmask16
mask_of(size_t count)
{
    return count >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << count) - 1);
}

/* The mask of the first `count` of 64 bytes. */
static __mmask64
byte_mask_of(size_t count)
{
    return count >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << count) - 1;
}

static __m512
add_l2(__m512 a, __m512 b, __m512 sum)
{
    __m512 difference = _mm512_sub_ps(a, b);
    return _mm512_fmadd_ps(difference, difference, sum);
}

static float
l2_f32(const float *a, const float *b, size_t dim)
{
    __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
    size_t i = 0;
    for (; i + 32 <= dim; i += 32) {
        even = add_l2(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), even);
        odd = add_l2(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16),
                     odd);
    }
    for (; i < dim; i += 16) {
        __mmask16 mask = mask_of(dim - i);
        even = add_l2(_mm512_maskz_loadu_ps(mask, a + i),
                      _mm512_maskz_loadu_ps(mask, b + i), even);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
}

static float
dot_f32(const float *a, const float *b, size_t dim)
{
    __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
    size_t i = 0;
    for (; i + 32 <= dim; i += 32) {
        even = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i),
                               even);
        odd = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16),
                              _mm512_loadu_ps(b + i + 16), odd);
    }
    for (; i < dim; i += 16) {
        __mmask16 mask = mask_of(dim - i);
        even = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, a + i),
                               _mm512_maskz_loadu_ps(mask, b + i), even);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
}

static float
dot_square_f32(const float *a, const float *b, size_t dim, float *square)
{
    __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
    __m512 square_even = even, square_odd = odd;
    size_t i = 0;
    for (; i + 32 <= dim; i += 32) {
        __m512 first = _mm512_loadu_ps(b + i);
        __m512 second = _mm512_loadu_ps(b + i + 16);
        even = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), first, even);
        odd = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16), second, odd);
        square_even = _mm512_fmadd_ps(first, first, square_even);
        square_odd = _mm512_fmadd_ps(second, second, square_odd);
    }
    for (; i < dim; i += 16) {
        __mmask16 mask = mask_of(dim - i);
        __m512 last = _mm512_maskz_loadu_ps(mask, b + i);
        even = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, a + i), last, even);
        square_even = _mm512_fmadd_ps(last, last, square_even);
    }
    *square = _mm512_reduce_add_ps(_mm512_add_ps(square_even, square_odd));
    return _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
}

static void
l2_f32_4(const float *a, const float *const rows[4], size_t dim,
         float distances[4])
{
    __m512 even[4], odd[4];
    for (size_t row = 0; row < 4; row++)
        even[row] = odd[row] = _mm512_setzero_ps();
    size_t i = 0;
    for (; i + 32 <= dim; i += 32) {
        __m512 first = _mm512_loadu_ps(a + i);
        __m512 second = _mm512_loadu_ps(a + i + 16);
        for (size_t row = 0; row < 4; row++) {
            const float *b = rows[row] + i;
            even[row] = add_l2(first, _mm512_loadu_ps(b), even[row]);
            odd[row] = add_l2(second, _mm512_loadu_ps(b + 16), odd[row]);
        }
    }
    for (; i < dim; i += 16) {
        __mmask16 mask = mask_of(dim - i);
        __m512 last = _mm512_maskz_loadu_ps(mask, a + i);
        for (size_t row = 0; row < 4; row++)
            even[row] = add_l2(last, _mm512_maskz_loadu_ps(mask, rows[row] + i),
                               even[row]);
    }
    for (size_t row = 0; row < 4; row++)
        distances[row] =
            _mm512_reduce_add_ps(_mm512_add_ps(even[row], odd[row]));
}

static void
dot_f32_4(const float *a, const float *const rows[4], size_t dim,
          float products[4])
{
    __m512 even[4], odd[4];
    for (size_t row = 0; row < 4; row++)
        even[row] = odd[row] = _mm512_setzero_ps();
    size_t i = 0;
    for (; i + 32 <= dim; i += 32) {
        __m512 first = _mm512_loadu_ps(a + i);
        __m512 second = _mm512_loadu_ps(a + i + 16);
        for (size_t row = 0; row < 4; row++) {
            const float *b = rows[row] + i;
            even[row] = _mm512_fmadd_ps(first, _mm512_loadu_ps(b), even[row]);
            odd[row] =
                _mm512_fmadd_ps(second, _mm512_loadu_ps(b + 16), odd[row]);
        }
    }
    for (; i < dim; i += 16) {
        __mmask16 mask = mask_of(dim - i);
        __m512 last = _mm512_maskz_loadu_ps(mask, a + i);
        for (size_t row = 0; row < 4; row++)
            even[row] = _mm512_fmadd_ps(
                last, _mm512_maskz_loadu_ps(mask, rows[row] + i), even[row]);
    }
    for (size_t row = 0; row < 4; row++)
        products[row] =
            _mm512_reduce_add_ps(_mm512_add_ps(even[row], odd[row]));
}

static void
dot_square_f32_4(const float *a, const float *const rows[4], size_t dim,
                 float products[4], float squares[4])
{
    __m512 even[4], odd[4], square_even[4], square_odd[4];
    for (size_t row = 0; row < 4; row++) {
        even[row] = odd[row] = _mm512_setzero_ps();
        square_even[row] = square_odd[row] = even[row];
    }
    size_t i = 0;
    for (; i + 32 <= dim; i += 32) {
        __m512 first = _mm512_loadu_ps(a + i);
        __m512 second = _mm512_loadu_ps(a + i + 16);
        for (size_t row = 0; row < 4; row++) {
            __m512 low = _mm512_loadu_ps(rows[row] + i);
            __m512 high = _mm512_loadu_ps(rows[row] + i + 16);
            even[row] = _mm512_fmadd_ps(first, low, even[row]);
            odd[row] = _mm512_fmadd_ps(second, high, odd[row]);
            square_even[row] = _mm512_fmadd_ps(low, low, square_even[row]);
            square_odd[row] = _mm512_fmadd_ps(high, high, square_odd[row]);
        }
    }
    for (; i < dim; i += 16) {
        __mmask16 mask = mask_of(dim - i);
        __m512 last = _mm512_maskz_loadu_ps(mask, a + i);
        for (size_t row = 0; row < 4; row++) {
            __m512 low = _mm512_maskz_loadu_ps(mask, rows[row] + i);
            even[row] = _mm512_fmadd_ps(last, low, even[row]);
            square_even[row] = _mm512_fmadd_ps(low, low, square_even[row]);
        }
    }
    for (size_t row = 0; row < 4; row++) {
        products[row] =
            _mm512_reduce_add_ps(_mm512_add_ps(even[row], odd[row]));
        squares[row] = _mm512_reduce_add_ps(
            _mm512_add_ps(square_even[row], square_odd[row]));
    }
}

static uint32_t
l2_u7(const uint8_t *a, const uint8_t *b, size_t size)
{
    const __m512i ones = _mm512_set1_epi16(1);
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < size; i += 64) {
        __mmask64 mask = byte_mask_of(size - i);
        __m512i difference = _mm512_abs_epi8(
            _mm512_sub_epi8(_mm512_maskz_loadu_epi8(mask, a + i),
                            _mm512_maskz_loadu_epi8(mask, b + i)));
        __m512i pairs = _mm512_maddubs_epi16(difference, difference);
        sum = _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, ones));
    }
    return (uint32_t)_mm512_reduce_add_epi32(sum);
}

static int32_t
dot_i8(const int8_t *a, const int8_t *b, size_t size)
{
    const __m512i ones = _mm512_set1_epi16(1);
    const __m512i zero = _mm512_setzero_si512();
    __m512i sum = zero;
    for (size_t i = 0; i < size; i += 64) {
        __mmask64 mask = byte_mask_of(size - i);
        __m512i first = _mm512_maskz_loadu_epi8(mask, a + i);
        __m512i second = _mm512_maskz_loadu_epi8(mask, b + i);
        second = _mm512_mask_sub_epi8(second, _mm512_movepi8_mask(first), zero,
                                      second);
        __m512i pairs = _mm512_maddubs_epi16(_mm512_abs_epi8(first), second);
        sum = _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, ones));
    }
    return _mm512_reduce_add_epi32(sum);
}

/* ---- codes of a table ---- */

#include "index/kernels/fetch_template.h"

typedef void DistancesOf4(const uint8_t *a, const uint8_t *const rows[4],
                          size_t stride, float distances[4]);

/* Four at a time; the last ones fill up with one of them. */
static inline __attribute__((always_inline)) void
distances_of_rows(const uint8_t *a, const uint8_t *codes, size_t stride,
                  const uint32_t *rows, size_t count, float *distances,
                  DistancesOf4 *of4)
{
    size_t ahead = rows_ahead(stride);
    prefetch_codes(codes, stride, rows, 0, ahead, count);
    for (size_t i = 0; i < count; i += 4) {
        prefetch_codes(codes, stride, rows, i + ahead, i + ahead + 4, count);
        const uint8_t *four[4];
        float results[4];
        for (size_t j = 0; j < 4; j++) {
            size_t place = i + j < count ? i + j : i;
            four[j] = codes + rows[place] * stride;
        }
        of4(a, four, stride, results);
        size_t left = count - i < 4 ? count - i : 4;
        for (size_t j = 0; j < left; j++)
            distances[i + j] = results[j];
    }
}

/* The sums of four vectors. */
static __m128i
sums_of(const __m512i sums[4])
{
    __m128i folded[4];
    for (size_t row = 0; row < 4; row++) {
        __m256i half =
            _mm256_add_epi32(_mm512_castsi512_si256(sums[row]),
                             _mm512_extracti64x4_epi64(sums[row], 1));
        folded[row] = _mm_add_epi32(_mm256_castsi256_si128(half),
                                    _mm256_extracti128_si256(half, 1));
    }
    return _mm_hadd_epi32(_mm_hadd_epi32(folded[0], folded[1]),
                          _mm_hadd_epi32(folded[2], folded[3]));
}

static inline __attribute__((always_inline)) void
l2_u7_4(const uint8_t *a, const uint8_t *const rows[4], size_t stride,
        float distances[4])
{
    const __m512i ones = _mm512_set1_epi16(1);
    __m512i sums[4];
    for (size_t row = 0; row < 4; row++)
        sums[row] = _mm512_setzero_si512();
    for (size_t i = 0; i < stride; i += 64) {
        __m512i first = _mm512_loadu_si512(a + i);
        for (size_t row = 0; row < 4; row++) {
            __m512i difference = _mm512_abs_epi8(
                _mm512_sub_epi8(first, _mm512_loadu_si512(rows[row] + i)));
            __m512i pairs = _mm512_maddubs_epi16(difference, difference);
            sums[row] =
                _mm512_add_epi32(sums[row], _mm512_madd_epi16(pairs, ones));
        }
    }
    _mm_storeu_ps(distances, _mm_cvtepi32_ps(sums_of(sums)));
}

static inline __attribute__((always_inline)) void
dot_i8_4(const uint8_t *a, const uint8_t *const rows[4], size_t stride,
         float distances[4])
{
    const __m512i ones = _mm512_set1_epi16(1);
    const __m512i zero = _mm512_setzero_si512();
    __m512i sums[4];
    for (size_t row = 0; row < 4; row++)
        sums[row] = zero;
    for (size_t i = 0; i < stride; i += 64) {
        __m512i first = _mm512_loadu_si512(a + i);
        __mmask64 negative = _mm512_movepi8_mask(first);
        first = _mm512_abs_epi8(first);
        for (size_t row = 0; row < 4; row++) {
            __m512i second = _mm512_loadu_si512(rows[row] + i);
            second = _mm512_mask_sub_epi8(second, negative, zero, second);
            __m512i pairs = _mm512_maddubs_epi16(first, second);
            sums[row] =
                _mm512_sub_epi32(sums[row], _mm512_madd_epi16(pairs, ones));
        }
    }
    _mm_storeu_ps(distances, _mm_cvtepi32_ps(sums_of(sums)));
}

static void
l2_u7_rows(const uint8_t *a, const uint8_t *codes, size_t stride,
           const uint32_t *rows, size_t count, float *distances)
{
    distances_of_rows(a, codes, stride, rows, count, distances, l2_u7_4);
}

static void
dot_i8_rows(const uint8_t *a, const uint8_t *codes, size_t stride,
            const uint32_t *rows, size_t count, float *distances)
{
    distances_of_rows(a, codes, stride, rows, count, distances, dot_i8_4);
}

/* Halves of bytes are at most 15: two products fit 16 bits, as do four. */
static inline __attribute__((always_inline)) __m128i
dot_nibbles_4(const int8_t *a, const uint8_t *const rows[4], size_t stride)
{
    const __m512i ones = _mm512_set1_epi16(1);
    const __m512i mask = _mm512_set1_epi8(15);
    __m512i sums[4];
    for (size_t row = 0; row < 4; row++)
        sums[row] = _mm512_setzero_si512();
    for (size_t i = 0; i < stride; i += 64) {
        __m512i first = _mm512_loadu_si512(a + 2 * i);
        __m512i second = _mm512_loadu_si512(a + 2 * i + 64);
        for (size_t row = 0; row < 4; row++) {
            __m512i code = _mm512_loadu_si512(rows[row] + i);
            __m512i low = _mm512_and_si512(code, mask);
            __m512i high = _mm512_and_si512(_mm512_srli_epi16(code, 4), mask);
            __m512i pairs =
                _mm512_add_epi16(_mm512_maddubs_epi16(low, first),
                                 _mm512_maddubs_epi16(high, second));
            sums[row] =
                _mm512_add_epi32(sums[row], _mm512_madd_epi16(pairs, ones));
        }
    }
    return sums_of(sums);
}

static void
prefetch_nibbles(const NibbleRows *table, const uint32_t *rows, size_t from,
                 size_t to, size_t count)
{
    prefetch_codes(table->codes, table->stride, rows, from, to, count);
    to = to < count ? to : count;
    for (size_t i = from; i < to; i++)
        _mm_prefetch((const char *)(table->norms + rows[i]), _MM_HINT_T0);
}

static void
nibble_rows(const int8_t *a, float weight, const NibbleRows *table,
            const uint32_t *rows, size_t count, float *distances)
{
    size_t ahead = rows_ahead(table->stride);
    prefetch_nibbles(table, rows, 0, ahead, count);
    for (size_t i = 0; i < count; i += 4) {
        prefetch_nibbles(table, rows, i + ahead, i + ahead + 4, count);
        const uint8_t *four[4];
        int32_t norms[4];
        float results[4];
        for (size_t j = 0; j < 4; j++) {
            uint32_t row = rows[i + j < count ? i + j : i];
            four[j] = table->codes + row * table->stride;
            norms[j] = table->norms[row];
        }
        __m128 products =
            _mm_cvtepi32_ps(dot_nibbles_4(a, four, table->stride));
        __m128 first =
            _mm_mul_ps(_mm_cvtepi32_ps(_mm_loadu_si128((const __m128i *)norms)),
                       _mm_set1_ps(weight));
        _mm_storeu_ps(results, _mm_sub_ps(first, products));
        size_t left = count - i < 4 ? count - i : 4;
        for (size_t j = 0; j < left; j++)
            distances[i + j] = results[j];
    }
}

/* ---- keys ---- */

/* The mask of the first `count` of 8 keys. */
static inline __mmask8
key_mask_of(uint32_t count)
{
    return count >= 8 ? (__mmask8)0xff : (__mmask8)((1u << count) - 1);
}

/* Counting all is faster than halving, up to some hundred. */
static inline uint32_t
place_of(const int64_t *keys, uint32_t count, int64_t key)
{
    const __m512i wanted = _mm512_set1_epi64(key);
    uint32_t place = 0;
    for (uint32_t i = 0; i < count; i += 8) {
        __mmask8 mask = key_mask_of(count - i);
        __m512i some = _mm512_maskz_loadu_epi64(mask, keys + i);
        mask = _mm512_mask_cmple_epi64_mask(mask, some, wanted);
        place += (uint32_t)__builtin_popcount(mask);
    }
    return place;
}

static inline void
make_room(int64_t *keys, uint32_t place, uint32_t end)
{
    for (; end - place > 8; end -= 8)
        _mm512_storeu_si512(keys + end - 7, _mm512_loadu_si512(keys + end - 8));
    __mmask8 mask = key_mask_of(end - place);
    _mm512_mask_storeu_epi64(keys + place + 1, mask,
                             _mm512_maskz_loadu_epi64(mask, keys + place));
}

static uint32_t
keep_set(const uint32_t *ids, size_t count, const uint64_t *bits,
         uint32_t limit, uint32_t *kept)
{
    const __m512i limits = _mm512_set1_epi32((int)limit);
    const __m512i one = _mm512_set1_epi32(1), low = _mm512_set1_epi32(31);
    uint32_t found = 0, wrong = 0;
    for (size_t i = 0; i < count; i += 16) {
        __m512i some = _mm512_loadu_si512(ids + i);
        __mmask16 right = _mm512_cmplt_epu32_mask(some, limits);
        __m512i words = _mm512_mask_i32gather_epi32(
            _mm512_setzero_si512(), right, _mm512_srli_epi32(some, 5), bits, 4);
        __m512i bit = _mm512_sllv_epi32(one, _mm512_and_si512(some, low));
        __mmask16 is_set = _mm512_test_epi32_mask(words, bit);
        _mm512_storeu_si512(kept + found,
                            _mm512_maskz_compress_epi32(is_set, some));
        found += (uint32_t)__builtin_popcount(is_set);
        wrong |= (uint32_t)right ^ 0xffffu;
    }
    return wrong != 0 ? UINT32_MAX : found;
}

#include "index/kernels/keys_template.h"
#include "index/kernels/turn_template.h"

const DistanceTable distance_avx512 = {
    .name = "avx512",
    .l2_f32 = l2_f32,
    .dot_f32 = dot_f32,
    .dot_square_f32 = dot_square_f32,
    .l2_f32_4 = l2_f32_4,
    .dot_f32_4 = dot_f32_4,
    .dot_square_f32_4 = dot_square_f32_4,
    .l2_u7 = l2_u7,
    .dot_i8 = dot_i8,
    .l2_u7_rows = l2_u7_rows,
    .dot_i8_rows = dot_i8_rows,
    .nibble_rows = nibble_rows,
    .insert_keys = insert_keys,
    .keep_set = keep_set,
    .flip_signs = flip_signs,
    .hadamard = hadamard,
    .largest_f32 = largest_f32,
    .code_target = code_target,
};
