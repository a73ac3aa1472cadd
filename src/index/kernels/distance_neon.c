/* SPDX-License-Identifier: Apache-2.0 */
/*
 * distance_neon.c - 128-bit vectors, which every 64-bit Arm processor has. Once
 * more, with its sums of four products, as distance_neondot.c.
 *
 * Each row has two running sums of eight lanes, for one row as for four, so
 * that both give the same bits. The last elements go through a block of zeros.
 */
#include "index/kernels/distance.h"

#include <arm_neon.h>
#include <string.h>

/* ---- floats ---- */

typedef struct Wide {
    float32x4_t low, high;
} Wide;

static inline Wide
zero(void)
{
    return (Wide){vdupq_n_f32(0), vdupq_n_f32(0)};
}

static inline Wide
load(const float *from)
{
    return (Wide){vld1q_f32(from), vld1q_f32(from + 4)};
}

/* Eight elements, of fewer the rest is 0. */
static inline Wide
load_last(const float *from, size_t count)
{
    float room[8] = {0};
    if (count >= 8)
        return load(from);
    memcpy(room, from, count * sizeof *room);
    return load(room);
}

static inline Wide
add_dot(Wide a, Wide b, Wide sum)
{
    return (Wide){vfmaq_f32(sum.low, a.low, b.low),
                  vfmaq_f32(sum.high, a.high, b.high)};
}

static inline Wide
add_l2(Wide a, Wide b, Wide sum)
{
    Wide difference = {vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high)};
    return add_dot(difference, difference, sum);
}

static inline float
sum_of(Wide even, Wide odd)
{
    return vaddvq_f32(vaddq_f32(vaddq_f32(even.low, odd.low),
                                vaddq_f32(even.high, odd.high)));
}

typedef Wide AddElements(Wide a, Wide b, Wide sum);

static inline __attribute__((always_inline)) float
sum_row(const float *a, const float *b, size_t dim, AddElements *add)
{
    Wide even = zero(), odd = zero();
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        even = add(load(a + i), load(b + i), even);
        odd = add(load(a + i + 8), load(b + i + 8), odd);
    }
    for (; i < dim; i += 8)
        even = add(load_last(a + i, dim - i), load_last(b + i, dim - i), even);
    return sum_of(even, odd);
}

static inline __attribute__((always_inline)) void
sum_four_rows(const float *a, const float *const rows[4], size_t dim,
              float results[4], AddElements *add)
{
    Wide even[4], odd[4];
    for (size_t row = 0; row < 4; row++)
        even[row] = odd[row] = zero();
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        Wide first = load(a + i), second = load(a + i + 8);
        for (size_t row = 0; row < 4; row++) {
            even[row] = add(first, load(rows[row] + i), even[row]);
            odd[row] = add(second, load(rows[row] + i + 8), odd[row]);
        }
    }
    for (; i < dim; i += 8) {
        Wide last = load_last(a + i, dim - i);
        for (size_t row = 0; row < 4; row++)
            even[row] = add(last, load_last(rows[row] + i, dim - i), even[row]);
    }
    for (size_t row = 0; row < 4; row++)
        results[row] = sum_of(even[row], odd[row]);
}

static float
l2_f32(const float *a, const float *b, size_t dim)
{
    return sum_row(a, b, dim, add_l2);
}

static float
dot_f32(const float *a, const float *b, size_t dim)
{
    return sum_row(a, b, dim, add_dot);
}

static float
dot_square_f32(const float *a, const float *b, size_t dim, float *square)
{
    Wide even = zero(), odd = zero(), square_even = even, square_odd = odd;
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        Wide first = load(b + i), second = load(b + i + 8);
        even = add_dot(load(a + i), first, even);
        odd = add_dot(load(a + i + 8), second, odd);
        square_even = add_dot(first, first, square_even);
        square_odd = add_dot(second, second, square_odd);
    }
    for (; i < dim; i += 8) {
        Wide last = load_last(b + i, dim - i);
        even = add_dot(load_last(a + i, dim - i), last, even);
        square_even = add_dot(last, last, square_even);
    }
    *square = sum_of(square_even, square_odd);
    return sum_of(even, odd);
}

static void
l2_f32_4(const float *a, const float *const rows[4], size_t dim,
         float distances[4])
{
    sum_four_rows(a, rows, dim, distances, add_l2);
}

static void
dot_f32_4(const float *a, const float *const rows[4], size_t dim,
          float products[4])
{
    sum_four_rows(a, rows, dim, products, add_dot);
}

/* Four rows have more sums than there are registers. */
static void
dot_square_f32_4(const float *a, const float *const rows[4], size_t dim,
                 float products[4], float squares[4])
{
    for (size_t row = 0; row < 4; row++)
        products[row] = dot_square_f32(a, rows[row], dim, &squares[row]);
}

/* ---- codes ---- */

#include "index/kernels/neon_template.h"

static inline int32x4_t
add_squares(int32x4_t sum, uint8x16_t a, uint8x16_t b)
{
    int8x16_t difference = vreinterpretq_s8_u8(vabdq_u8(a, b));
    return add_products(sum, difference, difference);
}

static uint32_t
l2_u7(const uint8_t *a, const uint8_t *b, size_t size)
{
    int32x4_t sum = vdupq_n_s32(0);
    size_t i = 0;
    for (; i + 16 <= size; i += 16)
        sum = add_squares(sum, vld1q_u8(a + i), vld1q_u8(b + i));
    uint32_t total = (uint32_t)vaddvq_s32(sum);
    for (; i < size; i++) {
        int32_t difference = (int32_t)a[i] - (int32_t)b[i];
        total += (uint32_t)(difference * difference);
    }
    return total;
}

static int32_t
dot_i8(const int8_t *a, const int8_t *b, size_t size)
{
    int32x4_t sum = vdupq_n_s32(0);
    size_t i = 0;
    for (; i + 16 <= size; i += 16)
        sum = add_products(sum, vld1q_s8(a + i), vld1q_s8(b + i));
    int32_t total = vaddvq_s32(sum);
    for (; i < size; i++)
        total += (int32_t)a[i] * (int32_t)b[i];
    return total;
}

/* ---- codes of a table ---- */

#include "index/kernels/fetch_template.h"

/* The sums of four vectors. */
static inline int32x4_t
sums_of(const int32x4_t sums[4])
{
    return vpaddq_s32(vpaddq_s32(sums[0], sums[1]),
                      vpaddq_s32(sums[2], sums[3]));
}

typedef int32x4_t AddCodes(int32x4_t sum, uint8x16_t a, uint8x16_t b);

static inline int32x4_t
add_signed(int32x4_t sum, uint8x16_t a, uint8x16_t b)
{
    return add_products(sum, vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b));
}

static inline __attribute__((always_inline)) int32x4_t
sum_four_codes(const uint8_t *a, const uint8_t *const rows[4], size_t stride,
               AddCodes *add)
{
    int32x4_t sums[4];
    for (size_t row = 0; row < 4; row++)
        sums[row] = vdupq_n_s32(0);
    for (size_t i = 0; i < stride; i += 16) {
        uint8x16_t first = vld1q_u8(a + i);
        for (size_t row = 0; row < 4; row++)
            sums[row] = add(sums[row], first, vld1q_u8(rows[row] + i));
    }
    return sums_of(sums);
}

/* Four at a time; the last ones fill up with one of them. */
static inline __attribute__((always_inline)) void
sum_rows(const uint8_t *a, const NibbleRows *table, const uint32_t *rows,
         size_t count, float *distances, AddCodes *add)
{
    size_t stride = table->stride, ahead = rows_ahead(stride);
    prefetch_codes(table->codes, stride, rows, 0, ahead, count);
    for (size_t i = 0; i < count; i += 4) {
        prefetch_codes(table->codes, stride, rows, i + ahead, i + ahead + 4,
                       count);
        const uint8_t *four[4];
        float results[4];
        for (size_t j = 0; j < 4; j++) {
            size_t place = i + j < count ? i + j : i;
            four[j] = table->codes + rows[place] * stride;
        }
        vst1q_f32(results, vcvtq_f32_s32(sum_four_codes(a, four, stride, add)));
        size_t left = count - i < 4 ? count - i : 4;
        memcpy(distances + i, results, left * sizeof *results);
    }
}

static void
l2_u7_rows(const uint8_t *a, const uint8_t *codes, size_t stride,
           const uint32_t *rows, size_t count, float *distances)
{
    const NibbleRows table = {.codes = codes, .stride = stride};
    sum_rows(a, &table, rows, count, distances, add_squares);
}

static void
dot_i8_rows(const uint8_t *a, const uint8_t *codes, size_t stride,
            const uint32_t *rows, size_t count, float *distances)
{
    const NibbleRows table = {.codes = codes, .stride = stride};
    sum_rows(a, &table, rows, count, distances, add_signed);
    for (size_t i = 0; i < count; i++)
        distances[i] = -distances[i];
}

static inline int32x4_t
dot_nibbles_4(const int8_t *a, const uint8_t *const rows[4], size_t stride)
{
    int32x4_t sums[4];
    for (size_t row = 0; row < 4; row++)
        sums[row] = vdupq_n_s32(0);
    for (size_t i = 0; i < stride; i += 16) {
        const int8_t *part = a + i / 64 * 128 + i % 64;
        int8x16_t first = vld1q_s8(part), second = vld1q_s8(part + 64);
        for (size_t row = 0; row < 4; row++) {
            uint8x16_t code = vld1q_u8(rows[row] + i);
            uint8x16_t low = vandq_u8(code, vdupq_n_u8(15));
            uint8x16_t high = vshrq_n_u8(code, 4);
            int32x4_t sum =
                add_products(sums[row], vreinterpretq_s8_u8(low), first);
            sums[row] = add_products(sum, vreinterpretq_s8_u8(high), second);
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
    for (size_t i = from; i < to; i++) {
        __builtin_prefetch(table->norms + rows[i]);
        __asm__ volatile("" ::: "memory");
    }
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
        float norms[4], results[4];
        for (size_t j = 0; j < 4; j++) {
            uint32_t row = rows[i + j < count ? i + j : i];
            four[j] = table->codes + row * table->stride;
            norms[j] = (float)table->norms[row];
        }
        float32x4_t products =
            vcvtq_f32_s32(dot_nibbles_4(a, four, table->stride));
        float32x4_t first = vmulq_f32(vld1q_f32(norms), vdupq_n_f32(weight));
        vst1q_f32(results, vsubq_f32(first, products));
        size_t left = count - i < 4 ? count - i : 4;
        memcpy(distances + i, results, left * sizeof *results);
    }
}

/* ---- keys ---- */

static uint32_t
insert_keys(int64_t *keys, uint32_t *count, uint32_t most, const int64_t *fresh,
            uint32_t fresh_count)
{
    return distance_scalar.insert_keys(keys, count, most, fresh, fresh_count);
}

static uint32_t
keep_set(const uint32_t *ids, size_t count, const uint64_t *bits,
         uint32_t limit, uint32_t *kept)
{
    return distance_scalar.keep_set(ids, count, bits, limit, kept);
}

#include "index/kernels/turn_template.h"

#ifdef __ARM_FEATURE_DOTPROD
const DistanceTable distance_neondot = {
    .name = "neondot",
#else
const DistanceTable distance_neon = {
    .name = "neon",
#endif
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
