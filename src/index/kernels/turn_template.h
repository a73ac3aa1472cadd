/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn_template.h - what makes the half bytes of a target, for one instruction
 * set: flip_signs(), hadamard(), largest_f32() and code_target() of
 * distance.h.
 *
 * Plain loops that compilers make vectors of; no sum of floats is taken in
 * another order and no product is fused with a sum, so that the bits are the
 * same everywhere.
 *
 * No include guard, and no function that files share: see README.md.
 */

/* Elements side by side in a transform. */
#define COLUMNS 8

/* Elements whose signs are changed together. */
#define SIGNS 16

static inline void
flip_some(float x[SIGNS], uint32_t signs)
{
    static const uint32_t places[SIGNS] = {
        1u << 0,  1u << 1,  1u << 2,  1u << 3, 1u << 4,  1u << 5,
        1u << 6,  1u << 7,  1u << 8,  1u << 9, 1u << 10, 1u << 11,
        1u << 12, 1u << 13, 1u << 14, 1u << 15};
    uint32_t bits[SIGNS];
    memcpy(bits, x, sizeof bits);
    for (uint32_t i = 0; i < SIGNS; i++)
        bits[i] ^= (signs & places[i]) != 0 ? 0x80000000u : 0;
    memcpy(x, bits, sizeof bits);
}

static void
flip_signs(float *x, size_t count, uint64_t signs)
{
    size_t i = 0;
    for (; i + SIGNS <= count; i += SIGNS)
        flip_some(x + i, (uint32_t)(signs >> i));
    for (; i < count; i++)
        x[i] = (signs >> i & 1) != 0 ? -x[i] : x[i];
}

/* Sums in the place of `low`, differences in that of `high`. */
static inline void
cross(float *restrict low, float *restrict high, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float sum = low[i] + high[i];
        high[i] = low[i] - high[i];
        low[i] = sum;
    }
}

/* The stages of Hadamard's transform that cross elements `least` or farther
 * from each other. */
static void
cross_all(float *x, size_t count, size_t least)
{
    for (size_t half = count / 2; half >= least && half > 0; half /= 2)
        for (size_t first = 0; first < count; first += 2 * half)
            cross(x + first, x + first + half, half);
}

/* Near elements are brought far from each other for the last stages, so that
 * every loop is a long one. */
static void
spread(const float *restrict x, size_t rows, float *restrict room)
{
    for (size_t row = 0; row < rows; row += COLUMNS)
        for (size_t i = 0; i < COLUMNS; i++)
            for (size_t j = 0; j < COLUMNS; j++)
                room[i * rows + row + j] = x[(row + j) * COLUMNS + i];
}

static void
hadamard(float *x, size_t count, float factor, float *room)
{
    size_t rows = count / COLUMNS;
    const float *from = x;
    if (rows < COLUMNS) {
        cross_all(x, count, 1);
    } else {
        cross_all(x, count, COLUMNS);
        spread(x, rows, room);
        cross_all(room, count, rows);
        from = room;
    }
    for (size_t i = 0; i < count; i++)
        x[i] = from[i] * factor;
}

/* As numbers without a sign, floats that have none are in the same order. */
static float
largest_f32(const float *x, size_t count)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    float value;
    memcpy(&value, &largest, sizeof value);
    return value;
}

static void
code_target(const float *x, size_t count, float inverse, int8_t *code,
            int32_t sums[2])
{
    int32_t sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        float value = x[i] * inverse;
        value += 128.5f;
        value = value > 1.0f ? value : 1.0f;
        value = value < 255.0f ? value : 255.0f;
        int32_t element = (int32_t)value - 128;
        code[i] = (int8_t)element;
        sum += element;
        squares += element * element;
    }
    sums[0] = sum;
    sums[1] = squares;
}

#undef COLUMNS
#undef SIGNS
