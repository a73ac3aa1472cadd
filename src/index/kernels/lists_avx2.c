/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists_avx2.c - 256-bit vectors; compiled with -mavx2 -mfma, reached only
 * after a check.
 *
 * Codes are multiplied in pairs into 16 bits: 2 * 127 * 127 fits.
 */
#include "index/kernels/lists.h"

#include <immintrin.h>
#include <string.h>

static __m256i
load(const void *bytes)
{
    return _mm256_loadu_si256(bytes);
}

static __m256i
add_products(__m256i sum, __m256i codes, __m256i query)
{
    __m256i pairs = _mm256_maddubs_epi16(codes, query);
    return _mm256_add_epi32(sum,
                            _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/* The sums of the lanes of four vectors. */
static __m128i
sum_four(__m256i a, __m256i b, __m256i c, __m256i d)
{
    __m256i all =
        _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    return _mm_add_epi32(_mm256_castsi256_si128(all),
                         _mm256_extracti128_si256(all, 1));
}

static void
dots_u7(const int8_t *query, const uint8_t *rows, size_t stride, size_t count,
        int32_t *dots)
{
    const __m256i zero = _mm256_setzero_si256();
    size_t row = 0;
    for (; row + 4 <= count; row += 4, rows += 4 * stride) {
        __m256i a = zero, b = zero, c = zero, d = zero;
        for (size_t i = 0; i < stride; i += 32) {
            __m256i part = load(query + i);
            a = add_products(a, load(rows + i), part);
            b = add_products(b, load(rows + stride + i), part);
            c = add_products(c, load(rows + 2 * stride + i), part);
            d = add_products(d, load(rows + 3 * stride + i), part);
        }
        _mm_storeu_si128((__m128i *)(void *)(dots + row), sum_four(a, b, c, d));
    }
    for (; row < count; row++, rows += stride) {
        __m256i a = zero;
        for (size_t i = 0; i < stride; i += 32)
            a = add_products(a, load(rows + i), load(query + i));
        dots[row] = _mm_cvtsi128_si32(sum_four(a, zero, zero, zero));
    }
}

/* Eight rows from `i` on, of which `mask` are there. */
static inline uint64_t
pass_eight(const CodeBound *bound, const float *const terms[CODE_TERMS],
           __m256i dots, size_t i, __m256i mask)
{
    __m256 low = _mm256_maskload_ps(terms[0] + i, mask);
    __m256 step = _mm256_maskload_ps(terms[1] + i, mask);
    __m256 size = _mm256_maskload_ps(terms[2] + i, mask);
    __m256 error = _mm256_maskload_ps(terms[3] + i, mask);
    __m256 dot = _mm256_cvtepi32_ps(dots);
    __m256 radius = _mm256_fmadd_ps(_mm256_set1_ps(bound->of_radius), error,
                                    _mm256_set1_ps(bound->radius));
    __m256 value = _mm256_mul_ps(radius, radius);
    value = _mm256_fmadd_ps(_mm256_set1_ps(bound->of_low), low, value);
    value = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_set1_ps(bound->of_step), step),
                            dot, value);
    value = _mm256_fmadd_ps(_mm256_set1_ps(bound->of_size), size, value);
    value = _mm256_fmadd_ps(_mm256_set1_ps(bound->of_error), error, value);
    __m256 passes = _mm256_and_ps(
        _mm256_cmp_ps(value, _mm256_set1_ps(bound->least), _CMP_NLT_UQ),
        _mm256_castsi256_ps(mask));
    return (uint64_t)(uint32_t)_mm256_movemask_ps(passes);
}

static void
pass_codes(const CodeBound *bound, const float *const terms[CODE_TERMS],
           const int32_t *dots, size_t count, uint64_t *passes)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (size_t i = 0; i < count; i += 8) {
        __m256i mask =
            _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(count - i)), lanes);
        __m256i some = _mm256_maskload_epi32(dots + i, mask);
        uint64_t eight = pass_eight(bound, terms, some, i, mask);
        passes[i / 64] = i % 64 == 0 ? eight : passes[i / 64] | eight << i % 64;
    }
}

/* Products of one row with 16 points. */
typedef struct Pair {
    __m256 low, high;
} Pair;

static Pair
add_element(Pair sums, const float *element, __m256 low, __m256 high)
{
    __m256 all = _mm256_broadcast_ss(element);
    return (Pair){_mm256_fmadd_ps(all, low, sums.low),
                  _mm256_fmadd_ps(all, high, sums.high)};
}

static void
store_pair(float *dots, Pair sums)
{
    _mm256_storeu_ps(dots, sums.low);
    _mm256_storeu_ps(dots + 8, sums.high);
}

/* Four rows with 16 points of the panel. GCC 12 keeps an array of sums in
 * memory, so these have names. */
static void
dot_tile(const float *const *rows, const float *panel, size_t dim, float *dots)
{
    const Pair zero = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    Pair a = zero, b = zero, c = zero, d = zero;
    for (size_t i = 0; i < dim; i++) {
        __m256 low = _mm256_loadu_ps(panel + PANEL_POINTS * i);
        __m256 high = _mm256_loadu_ps(panel + PANEL_POINTS * i + 8);
        a = add_element(a, rows[0] + i, low, high);
        b = add_element(b, rows[1] + i, low, high);
        c = add_element(c, rows[2] + i, low, high);
        d = add_element(d, rows[3] + i, low, high);
    }
    store_pair(dots, a);
    store_pair(dots + PANEL_POINTS, b);
    store_pair(dots + 2 * PANEL_POINTS, c);
    store_pair(dots + 3 * PANEL_POINTS, d);
}

static void
dot_panel(const float *const rows[PANEL_ROWS], const float *panel, size_t dim,
          float *dots)
{
    for (size_t half = 0; half < PANEL_POINTS; half += 16)
        for (size_t row = 0; row < PANEL_ROWS; row += 4)
            dot_tile(rows + row, panel + half, dim,
                     dots + row * PANEL_POINTS + half);
}

static void
pass_panel(const float *const rows[PANEL_ROWS], const float *panel, size_t dim,
           const float scales[PANEL_ROWS], const float shifts[PANEL_ROWS],
           const float bounds[PANEL_POINTS], uint32_t masks[PANEL_ROWS])
{
    float dots[PANEL_ROWS * PANEL_POINTS];
    dot_panel(rows, panel, dim, dots);
    for (size_t row = 0; row < PANEL_ROWS; row++) {
        __m256 scale = _mm256_set1_ps(scales[row]);
        __m256 shift = _mm256_set1_ps(shifts[row]);
        masks[row] = 0;
        for (size_t point = 0; point < PANEL_POINTS; point += 8) {
            __m256 dot = _mm256_loadu_ps(dots + row * PANEL_POINTS + point);
            __m256 passes =
                _mm256_cmp_ps(_mm256_fmsub_ps(dot, scale, shift),
                              _mm256_loadu_ps(bounds + point), _CMP_NLT_UQ);
            masks[row] |= (uint32_t)_mm256_movemask_ps(passes) << point;
        }
    }
}

/*
 * Bytes are added two at a time as 16 bits: `both` gets low + 256 * high,
 * `high` the high ones alone, and what is left of both is the low ones.
 */
typedef struct Sums {
    __m256i both, high;
} Sums;

static Sums
add_bytes(Sums sums, __m256i bytes)
{
    sums.both = _mm256_add_epi16(sums.both, bytes);
    sums.high = _mm256_add_epi16(sums.high, _mm256_srli_epi16(bytes, 8));
    return sums;
}

/* 16 sums in the order of bytes; both halves of a vector are of the same rows.
 */
static void
store_sums(Sums sums, uint16_t *to)
{
    __m256i low = _mm256_sub_epi16(sums.both, _mm256_slli_epi16(sums.high, 8));
    __m128i even = _mm_add_epi16(_mm256_castsi256_si128(low),
                                 _mm256_extracti128_si256(low, 1));
    __m128i odd = _mm_add_epi16(_mm256_castsi256_si128(sums.high),
                                _mm256_extracti128_si256(sums.high, 1));
    _mm_storeu_si128((__m128i *)(void *)to, _mm_unpacklo_epi16(even, odd));
    _mm_storeu_si128((__m128i *)(void *)(to + 8),
                     _mm_unpackhi_epi16(even, odd));
}

static void
sum_nibbles(const uint8_t *tables, const uint8_t *blocks, size_t parts,
            size_t count, uint16_t *sums)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i half = _mm256_set1_epi8(15);
    for (size_t block = 0; block < count; block++, sums += NIBBLE_ROWS) {
        Sums first = {zero, zero}, last = {zero, zero};
        for (size_t i = 0; i < 16 * parts; i += 32, blocks += 32) {
            __m256i table = load(tables + i);
            __m256i codes = load(blocks);
            __m256i upper = _mm256_and_si256(_mm256_srli_epi16(codes, 4), half);
            codes = _mm256_and_si256(codes, half);
            first = add_bytes(first, _mm256_shuffle_epi8(table, codes));
            last = add_bytes(last, _mm256_shuffle_epi8(table, upper));
        }
        store_sums(first, sums);
        store_sums(last, sums + 16);
    }
}

/* Four elements of a query, eight times. */
static inline __m256i
four_of(const uint8_t *query)
{
    int32_t four;
    memcpy(&four, query, sizeof four);
    return _mm256_set1_epi32(four);
}

/* The distances of half of the rows to one query. */
static uint32_t
side_finish(const int32_t *norms, __m256i sum, int32_t limit,
            int32_t *distances)
{
    __m256i result = _mm256_sub_epi32(load(norms), _mm256_slli_epi32(sum, 1));
    __m256i is_below = _mm256_cmpgt_epi32(_mm256_set1_epi32(limit), result);
    _mm256_storeu_si256((__m256i *)(void *)distances, result);
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(is_below));
}

/* Products of 16 rows with half of the queries. Sums have names: GCC 12 moves
 * an array of them to and fro, as in lists_avx512.c. */
static inline __attribute__((always_inline)) void
side_sums(const SideCodes *side, const uint8_t *const *queries,
          __m256i sums[4][2])
{
    const uint8_t *codes = side->codes;
    const uint8_t *q0 = queries[0], *q1 = queries[1], *q2 = queries[2],
                  *q3 = queries[3];
    __m256i a0 = _mm256_setzero_si256(), a1 = a0, a2 = a0, a3 = a0, b0 = a0,
            b1 = a0, b2 = a0, b3 = a0;
    for (size_t i = 0; i < side->size; i += 4) {
        __m256i low = load(codes + 16 * i);
        __m256i high = load(codes + 16 * i + 32);
        __m256i four = four_of(q0 + i);
        a0 = add_products(a0, low, four);
        b0 = add_products(b0, high, four);
        four = four_of(q1 + i);
        a1 = add_products(a1, low, four);
        b1 = add_products(b1, high, four);
        four = four_of(q2 + i);
        a2 = add_products(a2, low, four);
        b2 = add_products(b2, high, four);
        four = four_of(q3 + i);
        a3 = add_products(a3, low, four);
        b3 = add_products(b3, high, four);
    }
    sums[0][0] = a0, sums[1][0] = a1, sums[2][0] = a2, sums[3][0] = a3;
    sums[0][1] = b0, sums[1][1] = b1, sums[2][1] = b2, sums[3][1] = b3;
}

static void
side_half(const SideCodes *side, const uint8_t *const *queries,
          const int32_t *limits, int32_t *distances, uint16_t *below)
{
    __m256i sums[4][2];
    side_sums(side, queries, sums);
    for (size_t query = 0; query < 4; query++) {
        int32_t *to = distances + SIDE_ROWS * query;
        uint32_t mask =
            side_finish(side->norms, sums[query][0], limits[query], to);
        mask |=
            side_finish(side->norms + 8, sums[query][1], limits[query], to + 8)
            << 8;
        below[query] = (uint16_t)mask;
    }
}

static void
side_distances(const SideCodes *side,
               const uint8_t *const queries[SIDE_QUERIES],
               const int32_t limits[SIDE_QUERIES], int32_t *distances,
               uint16_t below[SIDE_QUERIES])
{
    side_half(side, queries, limits, distances, below);
    side_half(side, queries + 4, limits + 4, distances + 4 * SIDE_ROWS,
              below + 4);
}

/* Turn 8 rows of 8 times 4 bytes. */
static void
turn_eight(const __m256i in[8], uint8_t *codes, size_t apart)
{
    __m256i two[8], four[8];
    for (size_t i = 0; i < 8; i += 2) {
        two[i] = _mm256_unpacklo_epi32(in[i], in[i + 1]);
        two[i + 1] = _mm256_unpackhi_epi32(in[i], in[i + 1]);
    }
    for (size_t i = 0; i < 8; i += 4) {
        four[i] = _mm256_unpacklo_epi64(two[i], two[i + 2]);
        four[i + 1] = _mm256_unpackhi_epi64(two[i], two[i + 2]);
        four[i + 2] = _mm256_unpacklo_epi64(two[i + 1], two[i + 3]);
        four[i + 3] = _mm256_unpackhi_epi64(two[i + 1], two[i + 3]);
    }
    for (size_t i = 0; i < 4; i++) {
        __m256i low = _mm256_permute2x128_si256(four[i], four[i + 4], 0x20);
        __m256i high = _mm256_permute2x128_si256(four[i], four[i + 4], 0x31);
        _mm256_storeu_si256((__m256i *)(void *)(codes + i * apart), low);
        _mm256_storeu_si256((__m256i *)(void *)(codes + (i + 4) * apart), high);
    }
}

static void
lay_side(const uint8_t *rows, size_t stride, size_t count, size_t size,
         uint8_t *codes)
{
    __m256i in[8];
    size_t i = 0;
    for (; i + 32 <= size; i += 32)
        for (size_t half = 0; half < SIDE_ROWS; half += 8) {
            for (size_t row = 0; row < 8; row++)
                in[row] = half + row < count
                              ? load(rows + (half + row) * stride + i)
                              : _mm256_setzero_si256();
            turn_eight(in, codes + SIDE_ROWS * i + 4 * half, 4 * SIDE_ROWS);
        }
    lists_scalar.lay_side(rows + i, stride, count, size - i,
                          codes + SIDE_ROWS * i);
}

/* The estimates of half of the rows. */
static uint32_t
estimate_eight(__m256i sum, const float *terms, const SideQuery *query,
               float *distances)
{
    __m256 result =
        _mm256_mul_ps(_mm256_set1_ps(query->scale), _mm256_cvtepi32_ps(sum));
    result = _mm256_sub_ps(_mm256_set1_ps(query->base), result);
    result = _mm256_add_ps(result, _mm256_loadu_ps(terms));
    _mm256_storeu_ps(distances, result);
    return (uint32_t)_mm256_movemask_ps(
        _mm256_cmp_ps(result, _mm256_set1_ps(query->limit), _CMP_LE_OQ));
}

static void
side_estimates(const SideCodes *side, const float *terms,
               const SideQuery queries[SIDE_QUERIES], float *distances,
               uint16_t below[SIDE_QUERIES])
{
    const uint8_t *codes[SIDE_QUERIES];
    __m256i sums[4][2];
    for (size_t query = 0; query < SIDE_QUERIES; query++)
        codes[query] = (const uint8_t *)queries[query].code;
    for (size_t query = 0; query < SIDE_QUERIES; query++) {
        if (query % 4 == 0)
            side_sums(side, codes + query, sums);
        float *to = distances + SIDE_ROWS * query;
        uint32_t mask =
            estimate_eight(sums[query % 4][0], terms, &queries[query], to);
        mask |= estimate_eight(sums[query % 4][1], terms + 8, &queries[query],
                               to + 8)
                << 8;
        below[query] = (uint16_t)mask;
    }
}

/* Half of the rows. */
static uint32_t
pass_half(__m256i sum, const SideBound *query,
          const float *const terms[CODE_TERMS], size_t first, int32_t *dots)
{
    _mm256_storeu_si256((__m256i *)(void *)(dots + first), sum);
    return (uint32_t)pass_eight(&query->bound, terms, sum, first,
                                _mm256_set1_epi32(-1))
           << first;
}

static void
side_passes(const SideCodes *side, const float *const terms[CODE_TERMS],
            const SideBound queries[SIDE_QUERIES], int32_t *dots,
            uint16_t passes[SIDE_QUERIES])
{
    const uint8_t *codes[SIDE_QUERIES];
    __m256i sums[4][2];
    for (size_t query = 0; query < SIDE_QUERIES; query++)
        codes[query] = (const uint8_t *)queries[query].code;
    for (size_t query = 0; query < SIDE_QUERIES; query++) {
        if (query % 4 == 0)
            side_sums(side, codes + query, sums);
        int32_t *to = dots + SIDE_ROWS * query;
        uint32_t mask =
            pass_half(sums[query % 4][0], &queries[query], terms, 0, to);
        mask |= pass_half(sums[query % 4][1], &queries[query], terms, 8, to);
        passes[query] = (uint16_t)mask;
    }
}

const ListTable lists_avx2 = {
    .name = "avx2",
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
