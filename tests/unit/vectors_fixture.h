/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors_fixture.h - columns of vectors made to hurt, of every element type.
 *
 * Included by the tests of exact answers and of many targets; every function is
 * static.
 */
#ifndef TESTS_VECTORS_FIXTURE_H
#define TESTS_VECTORS_FIXTURE_H

#include "unit/index_fixture.h"

#include <math.h>

#define DIM_MOST 72

typedef enum Shape {
    SHAPE_RANDOM,
    SHAPE_TIES,     /* a few rows again and again                     */
    SHAPE_FAR,      /* all near one far point: products cancel        */
    SHAPE_CONSTANT, /* columns that hardly differ                     */
    SHAPE_SCALES,   /* each row of a magnitude of its own             */
    SHAPE_HUGE,     /* squares beyond a float                         */
    SHAPE_TINY,     /* squares below a float, denormal numbers, zeros */
    SHAPE_ZEROS,    /* most rows are zero                             */
    SHAPE_OUTLIER,  /* one element a thousand times the others        */
    SHAPE_COUNT
} Shape;

static inline float
shaped(Shape shape, uint64_t *seed, uint32_t row, uint32_t i)
{
    float x = random_float(seed);
    switch (shape) {
    case SHAPE_TIES:
        return (float)((row % 7 * 31 + i * 17) % 5) - 2;
    case SHAPE_FAR:
        return 100.0f + 0.001f * x;
    case SHAPE_CONSTANT:
        return i % 3 == 0 ? x : 3.0f + (float)(row % 2) * 0x1p-22f;
    case SHAPE_SCALES:
        return ldexpf(x, (int)(row * 37 % 40) - 20);
    case SHAPE_HUGE:
        return ldexpf(x, 60 + (int)(row % 9) * 8);
    case SHAPE_TINY:
        return row % 11 == 0 ? 0 : ldexpf(x, -40 - (int)(row % 12) * 9);
    case SHAPE_ZEROS:
        return row % 5 == 0 ? x : row % 2 == 0 ? -0.0f : 0.0f;
    case SHAPE_OUTLIER:
        return i == row % 5 ? 1000 * x : x;
    default:
        return x;
    }
}

/* What the element type can hold of it. */
static inline float
fitted(ElementType element, float x)
{
    if (element == ELEMENT_BIT)
        return x > 0.2f;
    if (element == ELEMENT_I8)
        return fmaxf(-128, fminf(127, rintf(100 * x)));
    if (element == ELEMENT_F16)
        return fmaxf(-65504, fminf(65504, x));
    return fmaxf(-3e38f, fminf(3e38f, x));
}

typedef struct Data {
    char *rows, *targets;
    uint8_t *valid;
    uint64_t *allowed;
    VectorColumn column;
    uint32_t target_count;
} Data;

static inline char *
vectors_new(ElementType element, Shape shape, uint32_t dim, uint32_t count,
            uint64_t *seed)
{
    size_t size = element_row_size(element, dim);
    char *vectors = malloc(size * count);
    float whole[DIM_MOST];
    for (uint32_t row = 0; row < count; row++) {
        for (uint32_t i = 0; i < dim; i++)
            whole[i] = fitted(element, shaped(shape, seed, row, i));
        assert_int_equal(
            element_of_floats(element, whole, dim, vectors + row * size), dim);
    }
    return vectors;
}

static inline Data
data_new(ElementType element, Shape shape, uint32_t dim, uint32_t row_count,
         uint64_t seed)
{
    Data data = {.target_count = 40};
    data.rows = vectors_new(element, shape, dim, row_count, &seed);
    data.targets = vectors_new(element, shape, dim, data.target_count, &seed);
    /* Some targets are rows: distances of nothing. */
    size_t size = element_row_size(element, dim);
    for (uint32_t t = 0; t < data.target_count; t += 3)
        memcpy(data.targets + t * size, data.rows + t * 5 * size, size);
    data.valid = malloc(row_count);
    data.allowed = calloc(bits_words(row_count), sizeof *data.allowed);
    for (uint32_t row = 0; row < row_count; row++) {
        data.valid[row] = row % 13 != 4;
        if (row % 3 != 1)
            data.allowed[row / 64] |= (uint64_t)1 << row % 64;
    }
    data.column = (VectorColumn){.data = data.rows,
                                 .element = element,
                                 .count = row_count,
                                 .dim = dim,
                                 .valid = data.valid};
    return data;
}

static inline void
data_free(Data *data)
{
    free(data->rows);
    free(data->targets);
    free(data->valid);
    free(data->allowed);
}

#endif
