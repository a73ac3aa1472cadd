/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists_avx512.c - 512-bit vectors; compiled with -mavx512f, bw, dq and vl,
 * reached only after a check. Once more, with -mavx512vnni, as
 * lists_avx512vnni.c.
 */
#include "index/kernels/lists.h"

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

static __m512i
add_products(__m512i sum, __m512i codes, __m512i query)
{
#ifdef __AVX512VNNI__
    return _mm512_dpbusd_epi32(sum, codes, query);
#else
    __m512i pairs = _mm512_maddubs_epi16(codes, query);
    return _mm512_add_epi32(sum,
                            _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
#endif
}

/* The sum of the lanes of four vectors. */
static __m128i
sum_four(__m512i a, __m512i b, __m512i c, __m512i d)
{
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b),
                                  _mm512_unpackhi_epi32(a, b));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d),
                                  _mm512_unpackhi_epi32(c, d));
    __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd),
                                   _mm512_unpackhi_epi64(ab, cd));
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all),
                                    _mm512_extracti64x4_epi64(all, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half),
                         _mm256_extracti128_si256(half, 1));
}

/* The next 64 bytes, or the 32 that are left. */
static __m512i
load(const void *bytes, __mmask16 mask)
{
    return _mm512_maskz_loadu_epi32(mask, bytes);
}

/* Processors do not guess across pages, and a page is 8 rows of 512 bytes. */
#define BYTES_AHEAD 4096

/* The lines of four rows further on. */
static void
prefetch_rows(const uint8_t *rows, size_t stride)
{
    for (size_t row = 0; row < 4; row++) {
        _mm_prefetch((const char *)rows + row * stride + BYTES_AHEAD,
                     _MM_HINT_T0);
        /* GCC 12 may drop all but the first of an unrolled row of these. */
        __asm__ volatile("" ::: "memory");
    }
}

static void
dots_u7(const int8_t *query, const uint8_t *rows, size_t stride, size_t count,
        int32_t *dots)
{
    const __m512i zero = _mm512_setzero_si512();
    size_t row = 0;
    for (; row + 4 <= count; row += 4, rows += 4 * stride) {
        __m512i a = zero, b = zero, c = zero, d = zero;
        bool goes_on = (count - row) * stride >= BYTES_AHEAD + 4 * stride;
        for (size_t i = 0; i < stride; i += 64) {
            __mmask16 mask = stride - i < 64 ? 0x00ff : 0xffff;
            __m512i part = load(query + i, mask);
            if (goes_on)
                prefetch_rows(rows + i, stride);
            a = add_products(a, load(rows + i, mask), part);
            b = add_products(b, load(rows + stride + i, mask), part);
            c = add_products(c, load(rows + 2 * stride + i, mask), part);
            d = add_products(d, load(rows + 3 * stride + i, mask), part);
        }
        _mm_storeu_si128((__m128i *)(void *)(dots + row), sum_four(a, b, c, d));
    }
    for (; row < count; row++, rows += stride) {
        __m512i a = zero;
        for (size_t i = 0; i < stride; i += 64) {
            __mmask16 mask = stride - i < 64 ? 0x00ff : 0xffff;
            a = add_products(a, load(rows + i, mask), load(query + i, mask));
        }
        dots[row] = _mm512_reduce_add_epi32(a);
    }
}

/* 16 rows from `i` on, of which `mask` are there. */
static inline uint64_t
pass_sixteen(const CodeBound *bound, const float *const terms[CODE_TERMS],
             __m512i dots, size_t i, __mmask16 mask)
{
    __m512 low = _mm512_maskz_loadu_ps(mask, terms[0] + i);
    __m512 step = _mm512_maskz_loadu_ps(mask, terms[1] + i);
    __m512 size = _mm512_maskz_loadu_ps(mask, terms[2] + i);
    __m512 error = _mm512_maskz_loadu_ps(mask, terms[3] + i);
    __m512 dot = _mm512_cvtepi32_ps(dots);
    __m512 radius = _mm512_fmadd_ps(_mm512_set1_ps(bound->of_radius), error,
                                    _mm512_set1_ps(bound->radius));
    __m512 value = _mm512_mul_ps(radius, radius);
    value = _mm512_fmadd_ps(_mm512_set1_ps(bound->of_low), low, value);
    value = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_set1_ps(bound->of_step), step),
                            dot, value);
    value = _mm512_fmadd_ps(_mm512_set1_ps(bound->of_size), size, value);
    value = _mm512_fmadd_ps(_mm512_set1_ps(bound->of_error), error, value);
    return (uint64_t)_mm512_mask_cmp_ps_mask(
        mask, value, _mm512_set1_ps(bound->least), _CMP_NLT_UQ);
}

static void
pass_codes(const CodeBound *bound, const float *const terms[CODE_TERMS],
           const int32_t *dots, size_t count, uint64_t *passes)
{
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 mask = count - i >= 16 ? (__mmask16)0xffff
                                         : (__mmask16)((1u << (count - i)) - 1);
        __m512i some_dots = _mm512_maskz_loadu_epi32(mask, dots + i);
        uint64_t some = pass_sixteen(bound, terms, some_dots, i, mask);
        passes[i / 64] = i % 64 == 0 ? some : passes[i / 64] | some << i % 64;
    }
}

static inline __attribute__((always_inline)) void
sum_panel(const float *const rows[PANEL_ROWS], const float *panel, size_t dim,
          __m512 sums[PANEL_ROWS][2])
{
    for (size_t row = 0; row < PANEL_ROWS; row++)
        sums[row][0] = sums[row][1] = _mm512_setzero_ps();
    for (size_t i = 0; i < dim; i++) {
        __m512 low = _mm512_loadu_ps(panel + PANEL_POINTS * i);
        __m512 high = _mm512_loadu_ps(panel + PANEL_POINTS * i + 16);
        for (size_t row = 0; row < PANEL_ROWS; row++) {
            __m512 element = _mm512_set1_ps(rows[row][i]);
            sums[row][0] = _mm512_fmadd_ps(element, low, sums[row][0]);
            sums[row][1] = _mm512_fmadd_ps(element, high, sums[row][1]);
        }
    }
}

static void
dot_panel(const float *const rows[PANEL_ROWS], const float *panel, size_t dim,
          float *dots)
{
    __m512 sums[PANEL_ROWS][2];
    sum_panel(rows, panel, dim, sums);
    for (size_t row = 0; row < PANEL_ROWS; row++) {
        _mm512_storeu_ps(dots + row * PANEL_POINTS, sums[row][0]);
        _mm512_storeu_ps(dots + row * PANEL_POINTS + 16, sums[row][1]);
    }
}

static void
pass_panel(const float *const rows[PANEL_ROWS], const float *panel, size_t dim,
           const float scales[PANEL_ROWS], const float shifts[PANEL_ROWS],
           const float bounds[PANEL_POINTS], uint32_t masks[PANEL_ROWS])
{
    __m512 sums[PANEL_ROWS][2];
    sum_panel(rows, panel, dim, sums);
    __m512 low = _mm512_loadu_ps(bounds), high = _mm512_loadu_ps(bounds + 16);
    for (size_t row = 0; row < PANEL_ROWS; row++) {
        __m512 scale = _mm512_set1_ps(scales[row]);
        __m512 shift = _mm512_set1_ps(shifts[row]);
        __mmask16 first = _mm512_cmp_ps_mask(
            _mm512_fmsub_ps(sums[row][0], scale, shift), low, _CMP_NLT_UQ);
        __mmask16 last = _mm512_cmp_ps_mask(
            _mm512_fmsub_ps(sums[row][1], scale, shift), high, _CMP_NLT_UQ);
        masks[row] = (uint32_t)first | (uint32_t)last << 16;
    }
}

/* As in lists_avx2.c, four parts at a time. */
typedef struct Sums {
    __m512i both, high;
} Sums;

static Sums
add_bytes(Sums sums, __m512i bytes)
{
    sums.both = _mm512_add_epi16(sums.both, bytes);
    sums.high = _mm512_add_epi16(sums.high, _mm512_srli_epi16(bytes, 8));
    return sums;
}

static __m128i
sum_quarters(__m512i v)
{
    __m256i half = _mm256_add_epi16(_mm512_castsi512_si256(v),
                                    _mm512_extracti64x4_epi64(v, 1));
    return _mm_add_epi16(_mm256_castsi256_si128(half),
                         _mm256_extracti128_si256(half, 1));
}

static void
store_sums(Sums sums, uint16_t *to)
{
    __m128i even = sum_quarters(
        _mm512_sub_epi16(sums.both, _mm512_slli_epi16(sums.high, 8)));
    __m128i odd = sum_quarters(sums.high);
    _mm_storeu_si128((__m128i *)(void *)to, _mm_unpacklo_epi16(even, odd));
    _mm_storeu_si128((__m128i *)(void *)(to + 8),
                     _mm_unpackhi_epi16(even, odd));
}

static void
sum_nibbles(const uint8_t *tables, const uint8_t *blocks, size_t parts,
            size_t count, uint16_t *sums)
{
    const __m512i zero = _mm512_setzero_si512();
    const __m512i half = _mm512_set1_epi8(15);
    for (size_t block = 0; block < count; block++, sums += NIBBLE_ROWS) {
        Sums first = {zero, zero}, last = {zero, zero};
        for (size_t i = 0; i < 16 * parts; i += 64, blocks += 64) {
            __m512i table = _mm512_loadu_si512(tables + i);
            __m512i codes = _mm512_loadu_si512(blocks);
            __m512i upper = _mm512_and_si512(_mm512_srli_epi16(codes, 4), half);
            codes = _mm512_and_si512(codes, half);
            first = add_bytes(first, _mm512_shuffle_epi8(table, codes));
            last = add_bytes(last, _mm512_shuffle_epi8(table, upper));
        }
        store_sums(first, sums);
        store_sums(last, sums + 16);
    }
}

/* Four elements of a query, sixteen times. */
static inline __m512i
four_of(const uint8_t *query)
{
    int32_t four;
    memcpy(&four, query, sizeof four);
    return _mm512_set1_epi32(four);
}

/* The distances of one query. */
static uint16_t
side_finish(__m512i norms, __m512i sum, int32_t limit, int32_t *distances)
{
    __m512i result = _mm512_sub_epi32(norms, _mm512_slli_epi32(sum, 1));
    _mm512_storeu_si512(distances, result);
    return (uint16_t)_mm512_cmplt_epi32_mask(result, _mm512_set1_epi32(limit));
}

/* Products of 16 rows with each query. Sums and queries have names: GCC 12
 * moves an array of them to and fro, which takes more than twice the time. */
static inline __attribute__((always_inline)) void
side_sums(const SideCodes *side, const uint8_t *const queries[SIDE_QUERIES],
          __m512i sums[SIDE_QUERIES])
{
    const uint8_t *codes = side->codes;
    const uint8_t *q0 = queries[0], *q1 = queries[1], *q2 = queries[2],
                  *q3 = queries[3], *q4 = queries[4], *q5 = queries[5],
                  *q6 = queries[6], *q7 = queries[7];
    __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0, s4 = s0,
            s5 = s0, s6 = s0, s7 = s0;
    for (size_t i = 0; i < side->size; i += 4) {
        __m512i four = _mm512_loadu_si512(codes + 16 * i);
        s0 = add_products(s0, four, four_of(q0 + i));
        s1 = add_products(s1, four, four_of(q1 + i));
        s2 = add_products(s2, four, four_of(q2 + i));
        s3 = add_products(s3, four, four_of(q3 + i));
        s4 = add_products(s4, four, four_of(q4 + i));
        s5 = add_products(s5, four, four_of(q5 + i));
        s6 = add_products(s6, four, four_of(q6 + i));
        s7 = add_products(s7, four, four_of(q7 + i));
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
    sums[4] = s4, sums[5] = s5, sums[6] = s6, sums[7] = s7;
}

static void
side_distances(const SideCodes *side,
               const uint8_t *const queries[SIDE_QUERIES],
               const int32_t limits[SIDE_QUERIES], int32_t *distances,
               uint16_t below[SIDE_QUERIES])
{
    __m512i sums[SIDE_QUERIES];
    side_sums(side, queries, sums);
    __m512i norms = _mm512_loadu_si512(side->norms);
    for (size_t query = 0; query < SIDE_QUERIES; query++)
        below[query] = side_finish(norms, sums[query], limits[query],
                                   distances + SIDE_ROWS * query);
}

static void
side_estimates(const SideCodes *side, const float *terms,
               const SideQuery queries[SIDE_QUERIES], float *distances,
               uint16_t below[SIDE_QUERIES])
{
    const uint8_t *codes[SIDE_QUERIES];
    __m512i sums[SIDE_QUERIES];
    for (size_t query = 0; query < SIDE_QUERIES; query++)
        codes[query] = (const uint8_t *)queries[query].code;
    side_sums(side, codes, sums);
    __m512 of_rows = _mm512_loadu_ps(terms);
    for (size_t query = 0; query < SIDE_QUERIES; query++) {
        __m512 result = _mm512_mul_ps(_mm512_set1_ps(queries[query].scale),
                                      _mm512_cvtepi32_ps(sums[query]));
        result = _mm512_sub_ps(_mm512_set1_ps(queries[query].base), result);
        result = _mm512_add_ps(result, of_rows);
        _mm512_storeu_ps(distances + SIDE_ROWS * query, result);
        below[query] = (uint16_t)_mm512_cmp_ps_mask(
            result, _mm512_set1_ps(queries[query].limit), _CMP_LE_OQ);
    }
}

static void
side_passes(const SideCodes *side, const float *const terms[CODE_TERMS],
            const SideBound queries[SIDE_QUERIES], int32_t *dots,
            uint16_t passes[SIDE_QUERIES])
{
    const uint8_t *codes[SIDE_QUERIES];
    __m512i sums[SIDE_QUERIES];
    for (size_t query = 0; query < SIDE_QUERIES; query++)
        codes[query] = (const uint8_t *)queries[query].code;
    side_sums(side, codes, sums);
    for (size_t query = 0; query < SIDE_QUERIES; query++) {
        _mm512_storeu_si512(dots + SIDE_ROWS * query, sums[query]);
        passes[query] = (uint16_t)pass_sixteen(&queries[query].bound, terms,
                                               sums[query], 0, 0xffff);
    }
}

/* As in lists_avx2.c, 16 rows of 16 times 4 bytes. */
static inline __attribute__((always_inline)) void
turn_sixteen(__m512i a[SIDE_ROWS], uint8_t *codes)
{
    __m512i b[SIDE_ROWS];
    for (size_t i = 0; i < SIDE_ROWS; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    /* Then a[i + j] has column 4 lane + j of rows i to i + 3. */
    for (size_t i = 0; i < SIDE_ROWS; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    for (size_t j = 0; j < 4; j++) {
        __m512i even = _mm512_shuffle_i32x4(a[j], a[4 + j], 0x88);
        __m512i odd = _mm512_shuffle_i32x4(a[j], a[4 + j], 0xdd);
        __m512i more = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0x88);
        __m512i rest = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0xdd);
        uint8_t *to = codes + 64 * j;
        _mm512_storeu_si512(to, _mm512_shuffle_i32x4(even, more, 0x88));
        _mm512_storeu_si512(to + 256, _mm512_shuffle_i32x4(odd, rest, 0x88));
        _mm512_storeu_si512(to + 512, _mm512_shuffle_i32x4(even, more, 0xdd));
        _mm512_storeu_si512(to + 768, _mm512_shuffle_i32x4(odd, rest, 0xdd));
    }
}

static void
lay_side(const uint8_t *rows, size_t stride, size_t count, size_t size,
         uint8_t *codes)
{
    __m512i in[SIDE_ROWS];
    size_t i = 0;
    for (; i + 64 <= size; i += 64) {
        for (size_t row = 0; row < SIDE_ROWS; row++)
            in[row] = row < count ? _mm512_loadu_si512(rows + row * stride + i)
                                  : _mm512_setzero_si512();
        turn_sixteen(in, codes + SIDE_ROWS * i);
    }
    lists_scalar.lay_side(rows + i, stride, count, size - i,
                          codes + SIDE_ROWS * i);
}

#ifdef __AVX512VNNI__
const ListTable lists_avx512vnni = {
    .name = "avx512vnni",
#else
const ListTable lists_avx512 = {
    .name = "avx512",
#endif
    .dots_u7 = dots_u7,
    .pass_codes = pass_codes,
    .dot_panel = dot_panel,
    .pass_panel = pass_panel,
    .sum_nibbles = sum_nibbles,
    .side_distances = side_distances,
    .lay_side = lay_side,
    .side_estimates = side_estimates,
    .side_passes = side_passes,
};
