/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists_neon.c - 128-bit vectors, which every 64-bit Arm processor has. Once
 * more, with its sums of four products, as lists_neondot.c.
 */
#include "index/kernels/lists.h"

#include <arm_neon.h>
#include <string.h>

#include "index/kernels/neon_template.h"

/* Codes are below 128. */
static inline int8x16_t
codes_at(const uint8_t *from)
{
    return vreinterpretq_s8_u8(vld1q_u8(from));
}

static void
dots_u7(const int8_t *query, const uint8_t *rows, size_t stride, size_t count,
        int32_t *dots)
{
    const int32x4_t zero = vdupq_n_s32(0);
    size_t row = 0;
    for (; row + 4 <= count; row += 4, rows += 4 * stride) {
        int32x4_t a = zero, b = zero, c = zero, d = zero;
        for (size_t i = 0; i < stride; i += 16) {
            int8x16_t part = vld1q_s8(query + i);
            a = add_products(a, codes_at(rows + i), part);
            b = add_products(b, codes_at(rows + stride + i), part);
            c = add_products(c, codes_at(rows + 2 * stride + i), part);
            d = add_products(d, codes_at(rows + 3 * stride + i), part);
        }
        vst1q_s32(dots + row, vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)));
    }
    for (; row < count; row++, rows += stride) {
        int32x4_t a = zero;
        for (size_t i = 0; i < stride; i += 16)
            a = add_products(a, codes_at(rows + i), vld1q_s8(query + i));
        dots[row] = vaddvq_s32(a);
    }
}

/* Bit i is set where lane i is not below its bound, or not a number. */
static inline uint32_t
mask_of(float32x4_t value, float32x4_t bound)
{
    static const uint32_t bits[4] = {1, 2, 4, 8};
    uint32x4_t passes = vmvnq_u32(vcltq_f32(value, bound));
    return vaddvq_u32(vandq_u32(passes, vld1q_u32(bits)));
}

/* Four rows. */
static uint64_t
pass_four(const CodeBound *bound, const float *const terms[CODE_TERMS],
          const int32_t *dots)
{
    float32x4_t error = vld1q_f32(terms[3]);
    float32x4_t radius =
        vfmaq_n_f32(vdupq_n_f32(bound->radius), error, bound->of_radius);
    float32x4_t step = vmulq_n_f32(vld1q_f32(terms[1]), bound->of_step);
    float32x4_t value = vmulq_f32(radius, radius);
    value = vfmaq_n_f32(value, vld1q_f32(terms[0]), bound->of_low);
    value = vfmaq_f32(value, step, vcvtq_f32_s32(vld1q_s32(dots)));
    value = vfmaq_n_f32(value, vld1q_f32(terms[2]), bound->of_size);
    value = vfmaq_n_f32(value, error, bound->of_error);
    return mask_of(value, vdupq_n_f32(bound->least));
}

/* The last rows, fewer than four. */
static uint64_t
pass_last(const CodeBound *bound, const float *const terms[CODE_TERMS],
          const int32_t *dots, size_t i, size_t left)
{
    float room[CODE_TERMS][4] = {{0}};
    int32_t last[4] = {0};
    for (size_t term = 0; term < CODE_TERMS; term++)
        memcpy(room[term], terms[term] + i, left * sizeof room[term][0]);
    memcpy(last, dots + i, left * sizeof *last);
    const float *const places[CODE_TERMS] = {room[0], room[1], room[2],
                                             room[3]};
    return pass_four(bound, places, last) & (((uint64_t)1 << left) - 1);
}

static void
pass_codes(const CodeBound *bound, const float *const terms[CODE_TERMS],
           const int32_t *dots, size_t count, uint64_t *passes)
{
    for (size_t i = 0; i < count; i += 4) {
        const float *const places[CODE_TERMS] = {terms[0] + i, terms[1] + i,
                                                 terms[2] + i, terms[3] + i};
        uint64_t four = count - i >= 4
                            ? pass_four(bound, places, dots + i)
                            : pass_last(bound, terms, dots, i, count - i);
        passes[i / 64] = i % 64 == 0 ? four : passes[i / 64] | four << i % 64;
    }
}

/* Products of one row with 16 points. */
typedef struct Sums {
    float32x4_t a, b, c, d;
} Sums;

static inline Sums
add_element(Sums sums, float element, Sums points)
{
    return (Sums){vfmaq_n_f32(sums.a, points.a, element),
                  vfmaq_n_f32(sums.b, points.b, element),
                  vfmaq_n_f32(sums.c, points.c, element),
                  vfmaq_n_f32(sums.d, points.d, element)};
}

static inline void
store_sums(float *dots, Sums sums)
{
    vst1q_f32(dots, sums.a);
    vst1q_f32(dots + 4, sums.b);
    vst1q_f32(dots + 8, sums.c);
    vst1q_f32(dots + 12, sums.d);
}

/* Four rows with 16 points of the panel. */
static void
dot_tile(const float *const *rows, const float *panel, size_t dim, float *dots)
{
    const float32x4_t none = vdupq_n_f32(0);
    const Sums zero = {none, none, none, none};
    Sums a = zero, b = zero, c = zero, d = zero;
    for (size_t i = 0; i < dim; i++) {
        const float *at = panel + PANEL_POINTS * i;
        const Sums points = {vld1q_f32(at), vld1q_f32(at + 4),
                             vld1q_f32(at + 8), vld1q_f32(at + 12)};
        a = add_element(a, rows[0][i], points);
        b = add_element(b, rows[1][i], points);
        c = add_element(c, rows[2][i], points);
        d = add_element(d, rows[3][i], points);
    }
    store_sums(dots, a);
    store_sums(dots + PANEL_POINTS, b);
    store_sums(dots + 2 * PANEL_POINTS, c);
    store_sums(dots + 3 * PANEL_POINTS, d);
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
        float32x4_t shift = vdupq_n_f32(-shifts[row]);
        masks[row] = 0;
        for (size_t point = 0; point < PANEL_POINTS; point += 4) {
            float32x4_t dot = vld1q_f32(dots + row * PANEL_POINTS + point);
            masks[row] |= mask_of(vfmaq_n_f32(shift, dot, scales[row]),
                                  vld1q_f32(bounds + point))
                          << point;
        }
    }
}

static void
sum_nibbles(const uint8_t *tables, const uint8_t *blocks, size_t parts,
            size_t count, uint16_t *sums)
{
    const uint16x8_t zero = vdupq_n_u16(0);
    for (size_t block = 0; block < count; block++, sums += NIBBLE_ROWS) {
        uint16x8_t a = zero, b = zero, c = zero, d = zero;
        for (size_t i = 0; i < 16 * parts; i += 16, blocks += 16) {
            uint8x16_t table = vld1q_u8(tables + i), codes = vld1q_u8(blocks);
            uint8x16_t low = vqtbl1q_u8(table, vandq_u8(codes, vdupq_n_u8(15)));
            uint8x16_t high = vqtbl1q_u8(table, vshrq_n_u8(codes, 4));
            a = vaddw_u8(a, vget_low_u8(low));
            b = vaddw_high_u8(b, low);
            c = vaddw_u8(c, vget_low_u8(high));
            d = vaddw_high_u8(d, high);
        }
        vst1q_u16(sums, a);
        vst1q_u16(sums + 8, b);
        vst1q_u16(sums + 16, c);
        vst1q_u16(sums + 24, d);
    }
}

/* Products of one query with the 16 rows. */
typedef struct SideSums {
    int32x4_t a, b, c, d;
} SideSums;

typedef struct SideCodesOf4 {
    int8x16_t a, b, c, d;
} SideCodesOf4;

/* Four elements of a query with those of each row. */
static inline SideSums
add_side(SideSums sums, SideCodesOf4 codes, const uint8_t *query)
{
    int32_t four;
    memcpy(&four, query, sizeof four);
    int8x16_t all = vreinterpretq_s8_s32(vdupq_n_s32(four));
    return (SideSums){
        add_products(sums.a, codes.a, all), add_products(sums.b, codes.b, all),
        add_products(sums.c, codes.c, all), add_products(sums.d, codes.d, all)};
}

/* The distances of four rows to one query. */
static inline uint32_t
side_four(const int32_t *norms, int32x4_t sum, int32_t limit,
          int32_t *distances)
{
    static const uint32_t bits[4] = {1, 2, 4, 8};
    int32x4_t result = vsubq_s32(vld1q_s32(norms), vshlq_n_s32(sum, 1));
    vst1q_s32(distances, result);
    uint32x4_t is_below = vcltq_s32(result, vdupq_n_s32(limit));
    return vaddvq_u32(vandq_u32(is_below, vld1q_u32(bits)));
}

static uint16_t
side_finish(const int32_t *norms, SideSums sums, int32_t limit,
            int32_t *distances)
{
    uint32_t mask = side_four(norms, sums.a, limit, distances);
    mask |= side_four(norms + 4, sums.b, limit, distances + 4) << 4;
    mask |= side_four(norms + 8, sums.c, limit, distances + 8) << 8;
    mask |= side_four(norms + 12, sums.d, limit, distances + 12) << 12;
    return (uint16_t)mask;
}

/* Products with half of the queries: with all of them there are more sums than
 * registers. */
static inline void
side_sums(const SideCodes *side, const uint8_t *const *queries,
          SideSums sums[4])
{
    const int32x4_t none = vdupq_n_s32(0);
    const SideSums zero = {none, none, none, none};
    SideSums s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    for (size_t i = 0; i < side->size; i += 4) {
        const uint8_t *at = side->codes + 16 * i;
        const SideCodesOf4 codes = {codes_at(at), codes_at(at + 16),
                                    codes_at(at + 32), codes_at(at + 48)};
        s0 = add_side(s0, codes, queries[0] + i);
        s1 = add_side(s1, codes, queries[1] + i);
        s2 = add_side(s2, codes, queries[2] + i);
        s3 = add_side(s3, codes, queries[3] + i);
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

static void
side_half(const SideCodes *side, const uint8_t *const *queries,
          const int32_t *limits, int32_t *distances, uint16_t *below)
{
    SideSums sums[4];
    side_sums(side, queries, sums);
    for (size_t query = 0; query < 4; query++)
        below[query] = side_finish(side->norms, sums[query], limits[query],
                                   distances + SIDE_ROWS * query);
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

/* The estimates of four rows for one query. */
static inline uint32_t
estimate_four(const float *terms, int32x4_t sum, const SideQuery *query,
              float *distances)
{
    static const uint32_t bits[4] = {1, 2, 4, 8};
    float32x4_t result =
        vmulq_f32(vdupq_n_f32(query->scale), vcvtq_f32_s32(sum));
    result = vsubq_f32(vdupq_n_f32(query->base), result);
    result = vaddq_f32(result, vld1q_f32(terms));
    vst1q_f32(distances, result);
    uint32x4_t is_below = vcleq_f32(result, vdupq_n_f32(query->limit));
    return vaddvq_u32(vandq_u32(is_below, vld1q_u32(bits)));
}

static void
side_estimates(const SideCodes *side, const float *terms,
               const SideQuery queries[SIDE_QUERIES], float *distances,
               uint16_t below[SIDE_QUERIES])
{
    const uint8_t *codes[SIDE_QUERIES];
    SideSums sums[4];
    for (size_t query = 0; query < SIDE_QUERIES; query++)
        codes[query] = (const uint8_t *)queries[query].code;
    for (size_t query = 0; query < SIDE_QUERIES; query++) {
        if (query % 4 == 0)
            side_sums(side, codes + query, sums);
        SideSums of = sums[query % 4];
        const SideQuery *from = &queries[query];
        float *to = distances + SIDE_ROWS * query;
        uint32_t mask = estimate_four(terms, of.a, from, to);
        mask |= estimate_four(terms + 4, of.b, from, to + 4) << 4;
        mask |= estimate_four(terms + 8, of.c, from, to + 8) << 8;
        mask |= estimate_four(terms + 12, of.d, from, to + 12) << 12;
        below[query] = (uint16_t)mask;
    }
}

static void
lay_side(const uint8_t *rows, size_t stride, size_t count, size_t size,
         uint8_t *codes)
{
    lists_scalar.lay_side(rows, stride, count, size, codes);
}

static void
side_passes(const SideCodes *side, const float *const terms[CODE_TERMS],
            const SideBound queries[SIDE_QUERIES], int32_t *dots,
            uint16_t passes[SIDE_QUERIES])
{
    const uint8_t *codes[SIDE_QUERIES];
    SideSums sums[4];
    for (size_t query = 0; query < SIDE_QUERIES; query++)
        codes[query] = (const uint8_t *)queries[query].code;
    for (size_t query = 0; query < SIDE_QUERIES; query++, dots += SIDE_ROWS) {
        uint64_t mask;
        if (query % 4 == 0)
            side_sums(side, codes + query, sums);
        vst1q_s32(dots, sums[query % 4].a);
        vst1q_s32(dots + 4, sums[query % 4].b);
        vst1q_s32(dots + 8, sums[query % 4].c);
        vst1q_s32(dots + 12, sums[query % 4].d);
        pass_codes(&queries[query].bound, terms, dots, SIDE_ROWS, &mask);
        passes[query] = (uint16_t)mask;
    }
}

#ifdef __ARM_FEATURE_DOTPROD
const ListTable lists_neondot = {
    .name = "neondot",
#else
const ListTable lists_neon = {
    .name = "neon",
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
