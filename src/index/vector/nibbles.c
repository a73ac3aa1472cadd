/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nibbles.c - encoding turned vectors in half a byte an element.
 */
#include "index/vector/nibbles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "index/vector/exact.h"
#include "index/vector/turn.h"

#define SAMPLE_ROWS 512
#define SAMPLE_ELEMENTS (1u << 20)
#define STEP_TRIES 30
#define STEP_RATIO 0.9f
#define QUERY_MOST 127

/* y = turned(x - center), with room for as many elements behind it. */
static void
prepare(const Nibbles *nibbles, const void *vector, uint64_t seed, float *y)
{
    uint32_t dim = nibbles->dim;
    const Coder coder = {
        .metric = nibbles->metric, .element = nibbles->element, .dim = dim};
    coder_floats(&coder, vector, seed, y);
    if (nibbles->metric != METRIC_IP)
        for (uint32_t i = 0; i < dim; i++)
            y[i] -= nibbles->center[i];
    turn_vector(y, dim, y + dim);
}

/* ---- codes ---- */

/* Between low and high; low for what is no number. */
static inline float
held(float x, float low, float high)
{
    x = x > low ? x : low;
    return x < high ? x : high;
}

static inline uint32_t
value_of(float y, float inverse)
{
    return (uint32_t)held(y * inverse + 8.0f, 0.0f, 15.0f);
}

static void
put(uint8_t *code, uint32_t i, uint32_t value)
{
    uint8_t *byte = &code[i / 128 * 64 + i % 64];
    *byte = (uint8_t)(*byte | value << (i % 128 < 64 ? 0 : 4));
}

static uint32_t
get(const uint8_t *code, uint32_t i)
{
    uint32_t byte = code[i / 128 * 64 + i % 64];
    return i % 128 < 64 ? byte & 15 : byte >> 4;
}

bool
nibbles_are_near(const Nibbles *nibbles, const uint8_t *a, const uint8_t *b)
{
    bool is_near = true;
    for (uint32_t i = 0; i < 2 * nibbles->stride; i++) {
        int32_t difference = (int32_t)get(a, i) - (int32_t)get(b, i);
        int32_t most = i < nibbles->dim ? 1 : 0;
        is_near &= difference >= -most && difference <= most;
    }
    return is_near;
}

uint16_t
nibbles_norm(const Nibbles *nibbles, const uint8_t *code)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < nibbles->dim; i++) {
        int32_t value = 2 * (int32_t)get(code, i) - 15;
        sum += (uint32_t)(value * value);
    }
    return (uint16_t)(sum >> nibbles->shift);
}

void
nibbles_encode(const Nibbles *nibbles, const void *vector, uint64_t seed,
               float *room, uint8_t *code, uint16_t *norm)
{
    float inverse = 1.0f / nibbles->step;
    prepare(nibbles, vector, seed, room);
    memset(code, 0, nibbles->stride);
    for (uint32_t i = 0; i < nibbles->dim; i++)
        put(code, i, value_of(room[i], inverse));
    *norm = nibbles_norm(nibbles, code);
}

/* What is the same for all rows, see nibbles.h; s is the query's step, and the
 * sums are those of its code and of the squares of that. */
static float
base_of(const Nibbles *nibbles, const int32_t sums[2], float s)
{
    float base =
        (float)sums[1] * s / (2.0f * nibbles->step) + 7.5f * (float)sums[0];
    return isfinite(base) ? base : 0;
}

NibbleQuery
nibbles_query(const Nibbles *nibbles, const void *vector, uint8_t *room)
{
    const DistanceTable *kernels = distance_table();
    uint32_t dim = nibbles->dim;
    float *y = (float *)(void *)room;
    int8_t *code = (int8_t *)(room + 2 * dim * sizeof *y);
    int32_t sums[2];
    prepare(nibbles, vector, UINT32_MAX, y);
    float largest = kernels->largest_f32(y, dim);
    if (!(largest > 1e-30f) || !isfinite(largest))
        largest = 1; /* all alike, or lost: the ranking will tell */
    float s = largest / QUERY_MOST;
    kernels->code_target(y, dim, 1.0f / s, code, sums);
    memset(code + dim, 0, 2 * nibbles->stride - dim);
    float weight = nibbles->step / (8.0f * s) * (float)(1u << nibbles->shift);
    if (nibbles->metric == METRIC_IP || !isfinite(weight))
        return (NibbleQuery){code, 0, 0};
    return (NibbleQuery){code, weight, base_of(nibbles, sums, s)};
}

/* ---- choosing the step ---- */

static double
error_of_step(const float *sample, size_t count, float step)
{
    float inverse = 1.0f / step;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        float value = (float)value_of(sample[i], inverse);
        float difference = sample[i] - (value - 7.5f) * step;
        sum += (double)(difference * difference);
    }
    return sum;
}

/* 0: the numbers are too large, too small or not finite. */
static float
choose_step(const float *sample, size_t count)
{
    float largest = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(sample[i]))
            return 0;
        largest = fmaxf(largest, fabsf(sample[i]));
    }
    if (largest > 1e15f || largest < 1e-15f)
        return 0;
    float step = largest / 8, best = step;
    double least = INFINITY;
    for (int i = 0; i < STEP_TRIES; i++, step *= STEP_RATIO) {
        double error = error_of_step(sample, count, step);
        if (error < least) {
            least = error;
            best = step;
        }
    }
    return best;
}

mql_status
nibbles_train(const VectorColumn *column, const Coder *coder, Nibbles *nibbles,
              Error *err)
{
    uint32_t dim = column->dim, most = SAMPLE_ELEMENTS / dim;
    *nibbles = (Nibbles){.metric = coder->metric,
                         .element = coder->element,
                         .dim = dim,
                         .center = coder->center};
    while ((uint64_t)dim * 225 >> nibbles->shift > UINT16_MAX)
        nibbles->shift++;
    most = most > SAMPLE_ROWS ? SAMPLE_ROWS : most;
    float *sample = calloc(((size_t)most + 1) * dim, sizeof *sample);
    if (sample == NULL)
        return error_no_memory(err);
    uint64_t every = column->count / most + 1, count = 0;
    for (uint64_t row = 0; row < column->count; row += every)
        if (column->valid == NULL || column->valid[row] != 0)
            prepare(nibbles, vector_row(column, row), row,
                    sample + (size_t)count++ * dim);
    nibbles->step = choose_step(sample, (size_t)count * dim);
    if (nibbles->step > 0)
        nibbles->stride = nibble_stride(dim);
    free(sample);
    return MQL_OK;
}
