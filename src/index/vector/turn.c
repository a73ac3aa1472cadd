/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn.c - Hadamard's transform of a vector with signs by chance.
 *
 * The transform takes a length that is a power of two: the largest one in `dim`
 * is taken from the front and then from the back.
 */
#include "index/vector/turn.h"

#include <math.h>
#include <string.h>

#include "base/checksum.h"

/* Elements side by side in a transform. */
#define COLUMNS 8

/* Sums in the place of `low`, differences in that of `high`. */
static void
cross(float *restrict low, float *restrict high, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        float sum = low[i] + high[i];
        high[i] = low[i] - high[i];
        low[i] = sum;
    }
}

/* The stages of Hadamard's transform that cross elements `least` or farther
 * from each other. */
static void
cross_all(float *x, uint32_t count, uint32_t least)
{
    for (uint32_t half = count / 2; half >= least; half /= 2)
        for (uint32_t first = 0; first < count; first += 2 * half)
            cross(x + first, x + first + half, half);
}

/*
 * Hadamard's transform of a power of two of elements, not scaled and in an
 * order of its own. Near elements are brought far from each
 * other for the last stages, so that every loop is a long one. `room` is for
 * as many elements.
 */
static void
transform(float *x, uint32_t count, float *room)
{
    uint32_t rows = count / COLUMNS;
    if (rows < COLUMNS) {
        cross_all(x, count, 1);
        return;
    }
    cross_all(x, count, COLUMNS);
    for (uint32_t row = 0; row < rows; row++)
        for (uint32_t i = 0; i < COLUMNS; i++)
            room[i * rows + row] = x[row * COLUMNS + i];
    cross_all(room, count, rows);
    memcpy(x, room, count * sizeof *x);
}

/* Signs by chance; other ones for another `seed`. */
static void
flip_signs(float *x, uint32_t dim, uint64_t seed)
{
    for (uint32_t i = 0; i < dim; i += 64) {
        uint64_t bits = hash_u64(seed + i);
        uint32_t end = dim - i < 64 ? dim - i : 64;
        for (uint32_t k = 0; k < end; k++)
            x[i + k] = (bits >> k & 1) != 0 ? -x[i + k] : x[i + k];
    }
}

static void
scale(float *x, uint32_t count, float factor)
{
    for (uint32_t i = 0; i < count; i++)
        x[i] *= factor;
}

void
turn_vector(float *x, uint32_t dim, float *room)
{
    uint32_t power = 1;
    while (power <= dim / 2)
        power *= 2;
    float factor = 1.0f / sqrtf((float)power);
    flip_signs(x, dim, 0);
    transform(x, power, room);
    scale(x, power, factor);
    if (power < dim) {
        /* Without these the second would undo what the first did. */
        flip_signs(x + dim - power, power, dim);
        transform(x + dim - power, power, room);
        scale(x + dim - power, power, factor);
    }
}
