/* SPDX-License-Identifier: Apache-2.0 */
/*
 * distance_scalar.c - plain C: the reference the other tables are tested
 * against, and what runs on processors without a table of their own.
 *
 * Sums are kept in eight lanes, which is both more exact than one running sum
 * and a shape compilers turn into whatever vectors the baseline has.
 */
#include "index/kernels/distance.h"

#include <string.h>

#define LANES 8

static float
sum_lanes(const float lanes[LANES])
{
    float sum = 0.0f;
    for (size_t i = 0; i < LANES / 2; i++)
        sum += lanes[i] + lanes[i + LANES / 2];
    return sum;
}

static float
l2_f32(const float *a, const float *b, size_t dim)
{
    float lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= dim; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            float difference = a[i + lane] - b[i + lane];
            lanes[lane] += difference * difference;
        }
    }
    for (size_t lane = 0; i < dim; i++, lane++) {
        float difference = a[i] - b[i];
        lanes[lane] += difference * difference;
    }
    return sum_lanes(lanes);
}

static float
dot_f32(const float *a, const float *b, size_t dim)
{
    float lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= dim; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += a[i + lane] * b[i + lane];
    for (size_t lane = 0; i < dim; i++, lane++)
        lanes[lane] += a[i] * b[i];
    return sum_lanes(lanes);
}

static float
dot_square_f32(const float *a, const float *b, size_t dim, float *square)
{
    *square = dot_f32(b, b, dim);
    return dot_f32(a, b, dim);
}

static void
l2_f32_4(const float *a, const float *const rows[4], size_t dim,
         float distances[4])
{
    for (size_t row = 0; row < 4; row++)
        distances[row] = l2_f32(a, rows[row], dim);
}

static void
dot_f32_4(const float *a, const float *const rows[4], size_t dim,
          float products[4])
{
    for (size_t row = 0; row < 4; row++)
        products[row] = dot_f32(a, rows[row], dim);
}

static void
dot_square_f32_4(const float *a, const float *const rows[4], size_t dim,
                 float products[4], float squares[4])
{
    for (size_t row = 0; row < 4; row++)
        products[row] = dot_square_f32(a, rows[row], dim, &squares[row]);
}

static uint32_t
l2_u7(const uint8_t *a, const uint8_t *b, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        int32_t difference = (int32_t)a[i] - (int32_t)b[i];
        sum += (uint32_t)(difference * difference);
    }
    return sum;
}

static int32_t
dot_i8(const int8_t *a, const int8_t *b, size_t size)
{
    int32_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += (int32_t)a[i] * (int32_t)b[i];
    return sum;
}

static void
l2_u7_rows(const uint8_t *a, const uint8_t *codes, size_t stride,
           const uint32_t *rows, size_t count, float *distances)
{
    for (size_t i = 0; i < count; i++)
        distances[i] = (float)l2_u7(a, codes + rows[i] * stride, stride);
}

static void
dot_i8_rows(const uint8_t *a, const uint8_t *codes, size_t stride,
            const uint32_t *rows, size_t count, float *distances)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *code = codes + rows[i] * stride;
        distances[i] =
            -(float)dot_i8((const int8_t *)a, (const int8_t *)code, stride);
    }
}

static int32_t
dot_nibbles(const int8_t *a, const uint8_t *code, size_t stride)
{
    int32_t sum = 0;
    for (size_t block = 0; block < stride; block += 64) {
        const int8_t *low = a + 2 * block, *high = low + 64;
        for (size_t i = 0; i < 64; i++) {
            int32_t byte = code[block + i];
            sum += low[i] * (byte & 15) + high[i] * (byte >> 4);
        }
    }
    return sum;
}

static void
nibble_rows(const int8_t *a, float weight, const NibbleRows *table,
            const uint32_t *rows, size_t count, float *distances)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *code = table->codes + rows[i] * table->stride;
        float first = (float)table->norms[rows[i]] * weight;
        distances[i] = first - (float)dot_nibbles(a, code, table->stride);
    }
}

/* ---- keys ---- */

/* Halving without a branch: which way it goes is as good as chance. */
static inline uint32_t
place_of(const int64_t *keys, uint32_t count, int64_t key)
{
    uint32_t low = 0;
    for (uint32_t size = count; size > 0; size -= size - size / 2) {
        uint32_t half = size - size / 2;
        low += half & (0u - (uint32_t)(keys[low + half - 1] <= key));
    }
    return low;
}

static inline void
make_room(int64_t *keys, uint32_t place, uint32_t end)
{
    memmove(keys + place + 1, keys + place, (end - place) * sizeof *keys);
}

static uint32_t
keep_set(const uint32_t *ids, size_t count, const uint64_t *bits,
         uint32_t limit, uint32_t *kept)
{
    uint32_t found = 0, wrong = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t id = ids[i] < limit ? ids[i] : 0;
        wrong |= ids[i] >= limit;
        kept[found] = id;
        found += (uint32_t)(bits[id / 64] >> (id % 64)) & 1;
    }
    return wrong ? UINT32_MAX : found;
}

#include "index/kernels/keys_template.h"
#include "index/kernels/turn_template.h"

const DistanceTable distance_scalar = {
    .name = "scalar",
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
