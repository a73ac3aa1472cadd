/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn.c - Hadamard's transform of a vector with signs by chance.
 *
 * The transform takes a length that is a power of two: the largest one in `dim`
 * is taken from the front and then from the back.
 */
#include "index/vector/turn.h"

#include <math.h>

#include "base/checksum.h"
#include "index/kernels/distance.h"

/* Signs by chance; other ones for another `seed`. */
static void
flip_signs(const DistanceTable *kernels, float *x, uint32_t dim, uint64_t seed)
{
    for (uint32_t i = 0; i < dim; i += 64)
        kernels->flip_signs(x + i, dim - i < 64 ? dim - i : 64,
                            hash_u64(seed + i));
}

void
turn_vector(float *x, uint32_t dim, float *room)
{
    const DistanceTable *kernels = distance_table();
    uint32_t power = 1;
    while (power <= dim / 2)
        power *= 2;
    float factor = 1.0f / sqrtf((float)power);
    flip_signs(kernels, x, dim, 0);
    kernels->hadamard(x, power, factor, room);
    if (power < dim) {
        /* Without these the second would undo what the first did. */
        flip_signs(kernels, x + dim - power, power, dim);
        kernels->hadamard(x + dim - power, power, factor, room);
    }
}
