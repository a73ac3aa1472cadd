/* SPDX-License-Identifier: Apache-2.0 */
/*
 * distance_avx2.c - 256-bit vectors; compiled with -mavx2 -mfma, reached only
 * after a check.
 *
 * Each row has two running sums, for one row as for four, so that both give the
 * same bits. The last elements are loaded under a mask. Codes are multiplied in
 * pairs into 16 bits: 2 * 127 * 127 fits.
 */
#include "index/kernels/distance.h"

#include <immintrin.h>
#include <string.h>

static float
sum_f32(__m256 v)
{
    __m128 half =
        _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    half = _mm_add_ss(half, _mm_movehdup_ps(half));
    return _mm_cvtss_f32(half);
}

static int32_t
sum_i32(__m256i v)
{
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(v),
                                 _mm256_extracti128_si256(v, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    return _mm_cvtsi128_si32(half);
}

/* The mask of the first `count` of 8 elements. */
static __m256i
mask_of(size_t count)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lanes);
}

static __m256
add_l2(__m256 a, __m256 b, __m256 sum)
{
    __m256 difference = _mm256_sub_ps(a, b);
    return _mm256_fmadd_ps(difference, difference, sum);
}

static float
l2_f32(const float *a, const float *b, size_t dim)
{
    __m256 even = _mm256_setzero_ps(), odd = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        even = add_l2(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), even);
        odd =
            add_l2(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), odd);
    }
    for (; i < dim; i += 8) {
        __m256i mask = mask_of(dim - i);
        even = add_l2(_mm256_maskload_ps(a + i, mask),
                      _mm256_maskload_ps(b + i, mask), even);
    }
    return sum_f32(_mm256_add_ps(even, odd));
}

static float
dot_f32(const float *a, const float *b, size_t dim)
{
    __m256 even = _mm256_setzero_ps(), odd = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        even = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i),
                               even);
        odd = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8),
                              _mm256_loadu_ps(b + i + 8), odd);
    }
    for (; i < dim; i += 8) {
        __m256i mask = mask_of(dim - i);
        even = _mm256_fmadd_ps(_mm256_maskload_ps(a + i, mask),
                               _mm256_maskload_ps(b + i, mask), even);
    }
    return sum_f32(_mm256_add_ps(even, odd));
}

static float
dot_square_f32(const float *a, const float *b, size_t dim, float *square)
{
    __m256 even = _mm256_setzero_ps(), odd = _mm256_setzero_ps();
    __m256 square_even = even, square_odd = odd;
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        __m256 first = _mm256_loadu_ps(b + i);
        __m256 second = _mm256_loadu_ps(b + i + 8);
        even = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), first, even);
        odd = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), second, odd);
        square_even = _mm256_fmadd_ps(first, first, square_even);
        square_odd = _mm256_fmadd_ps(second, second, square_odd);
    }
    for (; i < dim; i += 8) {
        __m256i mask = mask_of(dim - i);
        __m256 last = _mm256_maskload_ps(b + i, mask);
        even = _mm256_fmadd_ps(_mm256_maskload_ps(a + i, mask), last, even);
        square_even = _mm256_fmadd_ps(last, last, square_even);
    }
    *square = sum_f32(_mm256_add_ps(square_even, square_odd));
    return sum_f32(_mm256_add_ps(even, odd));
}

static void
l2_f32_4(const float *a, const float *const rows[4], size_t dim,
         float distances[4])
{
    __m256 even[4], odd[4];
    for (size_t row = 0; row < 4; row++)
        even[row] = odd[row] = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        __m256 first = _mm256_loadu_ps(a + i);
        __m256 second = _mm256_loadu_ps(a + i + 8);
        for (size_t row = 0; row < 4; row++) {
            const float *b = rows[row] + i;
            even[row] = add_l2(first, _mm256_loadu_ps(b), even[row]);
            odd[row] = add_l2(second, _mm256_loadu_ps(b + 8), odd[row]);
        }
    }
    for (; i < dim; i += 8) {
        __m256i mask = mask_of(dim - i);
        __m256 last = _mm256_maskload_ps(a + i, mask);
        for (size_t row = 0; row < 4; row++)
            even[row] = add_l2(last, _mm256_maskload_ps(rows[row] + i, mask),
                               even[row]);
    }
    for (size_t row = 0; row < 4; row++)
        distances[row] = sum_f32(_mm256_add_ps(even[row], odd[row]));
}

static void
dot_f32_4(const float *a, const float *const rows[4], size_t dim,
          float products[4])
{
    __m256 even[4], odd[4];
    for (size_t row = 0; row < 4; row++)
        even[row] = odd[row] = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        __m256 first = _mm256_loadu_ps(a + i);
        __m256 second = _mm256_loadu_ps(a + i + 8);
        for (size_t row = 0; row < 4; row++) {
            const float *b = rows[row] + i;
            even[row] = _mm256_fmadd_ps(first, _mm256_loadu_ps(b), even[row]);
            odd[row] =
                _mm256_fmadd_ps(second, _mm256_loadu_ps(b + 8), odd[row]);
        }
    }
    for (; i < dim; i += 8) {
        __m256i mask = mask_of(dim - i);
        __m256 last = _mm256_maskload_ps(a + i, mask);
        for (size_t row = 0; row < 4; row++)
            even[row] = _mm256_fmadd_ps(
                last, _mm256_maskload_ps(rows[row] + i, mask), even[row]);
    }
    for (size_t row = 0; row < 4; row++)
        products[row] = sum_f32(_mm256_add_ps(even[row], odd[row]));
}

static void
dot_square_f32_4(const float *a, const float *const rows[4], size_t dim,
                 float products[4], float squares[4])
{
    __m256 even[4], odd[4], square_even[4], square_odd[4];
    for (size_t row = 0; row < 4; row++) {
        even[row] = odd[row] = _mm256_setzero_ps();
        square_even[row] = square_odd[row] = even[row];
    }
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        __m256 first = _mm256_loadu_ps(a + i);
        __m256 second = _mm256_loadu_ps(a + i + 8);
        for (size_t row = 0; row < 4; row++) {
            __m256 low = _mm256_loadu_ps(rows[row] + i);
            __m256 high = _mm256_loadu_ps(rows[row] + i + 8);
            even[row] = _mm256_fmadd_ps(first, low, even[row]);
            odd[row] = _mm256_fmadd_ps(second, high, odd[row]);
            square_even[row] = _mm256_fmadd_ps(low, low, square_even[row]);
            square_odd[row] = _mm256_fmadd_ps(high, high, square_odd[row]);
        }
    }
    for (; i < dim; i += 8) {
        __m256i mask = mask_of(dim - i);
        __m256 last = _mm256_maskload_ps(a + i, mask);
        for (size_t row = 0; row < 4; row++) {
            __m256 low = _mm256_maskload_ps(rows[row] + i, mask);
            even[row] = _mm256_fmadd_ps(last, low, even[row]);
            square_even[row] = _mm256_fmadd_ps(low, low, square_even[row]);
        }
    }
    for (size_t row = 0; row < 4; row++) {
        products[row] = sum_f32(_mm256_add_ps(even[row], odd[row]));
        squares[row] =
            sum_f32(_mm256_add_ps(square_even[row], square_odd[row]));
    }
}

static uint32_t
l2_u7(const uint8_t *a, const uint8_t *b, size_t size)
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sum = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 32 <= size; i += 32) {
        __m256i difference =
            _mm256_sub_epi8(_mm256_loadu_si256((const __m256i *)(a + i)),
                            _mm256_loadu_si256((const __m256i *)(b + i)));
        difference = _mm256_abs_epi8(difference);
        __m256i pairs = _mm256_maddubs_epi16(difference, difference);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
    uint32_t total = (uint32_t)sum_i32(sum);
    for (; i < size; i++) {
        int32_t difference = (int32_t)a[i] - (int32_t)b[i];
        total += (uint32_t)(difference * difference);
    }
    return total;
}

static int32_t
dot_i8(const int8_t *a, const int8_t *b, size_t size)
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sum = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 32 <= size; i += 32) {
        __m256i first = _mm256_loadu_si256((const __m256i *)(a + i));
        __m256i second = _mm256_loadu_si256((const __m256i *)(b + i));
        __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(first),
                                             _mm256_sign_epi8(second, first));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
    int32_t total = sum_i32(sum);
    for (; i < size; i++)
        total += (int32_t)a[i] * (int32_t)b[i];
    return total;
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
sums_of(const __m256i sums[4])
{
    __m256i halves = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]),
                                       _mm256_hadd_epi32(sums[2], sums[3]));
    return _mm_add_epi32(_mm256_castsi256_si128(halves),
                         _mm256_extracti128_si256(halves, 1));
}

static inline __attribute__((always_inline)) void
l2_u7_4(const uint8_t *a, const uint8_t *const rows[4], size_t stride,
        float distances[4])
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sums[4];
    for (size_t row = 0; row < 4; row++)
        sums[row] = _mm256_setzero_si256();
    for (size_t i = 0; i < stride; i += 32) {
        __m256i first = _mm256_loadu_si256((const __m256i *)(a + i));
        for (size_t row = 0; row < 4; row++) {
            const __m256i *second = (const __m256i *)(rows[row] + i);
            __m256i difference = _mm256_abs_epi8(
                _mm256_sub_epi8(first, _mm256_loadu_si256(second)));
            __m256i pairs = _mm256_maddubs_epi16(difference, difference);
            sums[row] =
                _mm256_add_epi32(sums[row], _mm256_madd_epi16(pairs, ones));
        }
    }
    _mm_storeu_ps(distances, _mm_cvtepi32_ps(sums_of(sums)));
}

static inline __attribute__((always_inline)) void
dot_i8_4(const uint8_t *a, const uint8_t *const rows[4], size_t stride,
         float distances[4])
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sums[4];
    for (size_t row = 0; row < 4; row++)
        sums[row] = _mm256_setzero_si256();
    for (size_t i = 0; i < stride; i += 32) {
        __m256i first = _mm256_loadu_si256((const __m256i *)(a + i));
        __m256i size = _mm256_abs_epi8(first);
        for (size_t row = 0; row < 4; row++) {
            const __m256i *second = (const __m256i *)(rows[row] + i);
            __m256i pairs = _mm256_maddubs_epi16(
                size, _mm256_sign_epi8(_mm256_loadu_si256(second), first));
            sums[row] =
                _mm256_sub_epi32(sums[row], _mm256_madd_epi16(pairs, ones));
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
    const __m256i ones = _mm256_set1_epi16(1);
    const __m256i mask = _mm256_set1_epi8(15);
    __m256i sums[4];
    for (size_t row = 0; row < 4; row++)
        sums[row] = _mm256_setzero_si256();
    for (size_t i = 0; i < stride; i += 32) {
        const int8_t *part = a + i / 64 * 128 + i % 64;
        __m256i first = _mm256_loadu_si256((const __m256i *)part);
        __m256i second = _mm256_loadu_si256((const __m256i *)(part + 64));
        for (size_t row = 0; row < 4; row++) {
            __m256i code = _mm256_loadu_si256((const __m256i *)(rows[row] + i));
            __m256i low = _mm256_and_si256(code, mask);
            __m256i high = _mm256_and_si256(_mm256_srli_epi16(code, 4), mask);
            __m256i pairs =
                _mm256_add_epi16(_mm256_maddubs_epi16(low, first),
                                 _mm256_maddubs_epi16(high, second));
            sums[row] =
                _mm256_add_epi32(sums[row], _mm256_madd_epi16(pairs, ones));
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

/* Counting all is faster than halving, up to some hundred. */
static inline uint32_t
place_of(const int64_t *keys, uint32_t count, int64_t key)
{
    const __m256i wanted = _mm256_set1_epi64x(key);
    __m256i larger = _mm256_setzero_si256();
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
        __m256i some = _mm256_loadu_si256((const __m256i *)(keys + i));
        larger = _mm256_sub_epi64(larger, _mm256_cmpgt_epi64(some, wanted));
    }
    int64_t sums[4];
    _mm256_storeu_si256((__m256i *)sums, larger);
    uint32_t place = i - (uint32_t)(sums[0] + sums[1] + sums[2] + sums[3]);
    for (; i < count; i++)
        place += keys[i] <= key;
    return place;
}

static inline void
make_room(int64_t *keys, uint32_t place, uint32_t end)
{
    for (; end - place >= 4; end -= 4)
        _mm256_storeu_si256(
            (__m256i *)(keys + end - 3),
            _mm256_loadu_si256((const __m256i *)(keys + end - 4)));
    for (; end > place; end--)
        keys[end] = keys[end - 1];
}

static uint32_t
keep_set(const uint32_t *ids, size_t count, const uint64_t *bits,
         uint32_t limit, uint32_t *kept)
{
    const __m256i last = _mm256_set1_epi32((int)(limit - 1));
    const __m256i one = _mm256_set1_epi32(1), low = _mm256_set1_epi32(31);
    uint32_t found = 0;
    int right = -1;
    for (size_t i = 0; i < count; i += 8) {
        __m256i some = _mm256_loadu_si256((const __m256i *)(ids + i));
        __m256i id = _mm256_min_epu32(some, last);
        right &= _mm256_movemask_epi8(_mm256_cmpeq_epi32(some, id));
        __m256i words = _mm256_i32gather_epi32((const int *)(const void *)bits,
                                               _mm256_srli_epi32(id, 5), 4);
        __m256i bit = _mm256_sllv_epi32(one, _mm256_and_si256(id, low));
        __m256i is_set = _mm256_cmpeq_epi32(_mm256_and_si256(words, bit), bit);
        unsigned mask =
            (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(is_set));
        for (; mask != 0; mask &= mask - 1)
            kept[found++] = ids[i + (unsigned)__builtin_ctz(mask)];
    }
    return right != -1 ? UINT32_MAX : found;
}

#include "index/kernels/keys_template.h"
#include "index/kernels/turn_template.h"

const DistanceTable distance_avx2 = {
    .name = "avx2",
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
