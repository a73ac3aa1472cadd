/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codes.c - choosing a step width, and encoding.
 *
 * A wide step blurs near rows, a narrow one cuts off large elements. The step
 * with the least squared error over a sample is taken, out of a geometric row
 * that starts at the one which cuts nothing.
 */
#include "index/vector/codes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checksum.h"
#include "index/vector/exact.h"

#define SAMPLE_ROWS 1024
#define SAMPLE_ELEMENTS (1u << 20)
#define STEP_TRIES 24
#define STEP_RATIO 0.85f

#define ZERO_L2 64 /* the code of an element at its center */
#define MOST_L2 63 /* how far codes may be from it           */
#define MOST_DOT 127

#define CHUNK 256u /* elements decoded at once */

static float
code_most(CodeType type)
{
    return type == CODES_L2 ? (float)MOST_L2 : (float)MOST_DOT;
}

/* What a row is multiplied with before anything else. */
static float
row_factor(Metric metric, ElementType element, const void *vector, uint32_t dim)
{
    if (metric != METRIC_COSINE)
        return 1.0f;
    ExactQuery query = exact_query_of(METRIC_COSINE, element, vector, dim);
    return (float)(1.0 / query.norm);
}

/* x held to -most..most, `most` up to 2^21, then rounded to the nearest, ties
 * to even; -most for what is no number. As fmaxf(), fminf() and lrintf() do,
 * but without a call, so that loops become vector code. */
static inline int32_t
held_and_rounded(float x, float most)
{
    const float shift = 12582912.0f; /* 1.5 * 2^23: no place for fractions */
    x = x > -most ? x : -most;
    x = most < x ? most : x;
    return (int32_t)(x + shift - shift);
}

static inline uint8_t
code_l2(float x)
{
    return (uint8_t)(held_and_rounded(x, MOST_L2) + ZERO_L2);
}

/* Element i of a unit vector of equal elements with signs by chance. */
static float
drawn_element(const Coder *coder, uint64_t seed, uint32_t i)
{
    float element = 1.0f / sqrtf((float)coder->dim);
    uint64_t bits = hash_u64(seed * 32768 + i / 64);
    return (bits >> (i % 64) & 1) != 0 ? element : -element;
}

static void
encode_by_chance(const Coder *coder, uint64_t seed, uint8_t *code)
{
    for (uint32_t i = 0; i < coder->dim; i++) {
        float x = drawn_element(coder, seed, i);
        code[i] = code_l2((x - coder->center[i]) / coder->step);
    }
}

void
coder_floats(const Coder *coder, const void *vector, uint64_t seed,
             float *floats)
{
    element_floats(coder->element, vector, coder->dim, floats);
    if (coder->metric != METRIC_COSINE)
        return;
    if (vector_is_zero(ELEMENT_F32, floats, coder->dim)) {
        for (uint32_t i = 0; i < coder->dim; i++)
            floats[i] = drawn_element(coder, seed, i);
        return;
    }
    float factor =
        row_factor(METRIC_COSINE, coder->element, vector, coder->dim);
    for (uint32_t i = 0; i < coder->dim; i++)
        floats[i] *= factor;
}

/* `count` elements from the `first` on, as floats: in place, or in `room`. */
static const float *
floats_from(const Coder *coder, const void *vector, uint32_t first,
            uint32_t count, float room[CHUNK])
{
    size_t offset = element_row_size(coder->element, first);
    const void *from = (const char *)vector + offset;
    if (coder->element == ELEMENT_F32)
        return from;
    element_floats(coder->element, from, count, room);
    return room;
}

static void
encode_l2(const float *restrict from, const float *restrict center,
          uint32_t count, float factor, float inverse, uint8_t *restrict code)
{
    for (uint32_t i = 0; i < count; i++)
        code[i] = code_l2((from[i] * factor - center[i]) * inverse);
}

static void
encode_dot(const float *restrict from, uint32_t count, float inverse,
           uint8_t *restrict code)
{
    for (uint32_t i = 0; i < count; i++)
        code[i] = (uint8_t)(int8_t)held_and_rounded(from[i] * inverse,
                                                    (float)MOST_DOT);
}

void
coder_encode(const Coder *coder, const void *vector, uint64_t seed,
             uint8_t *code)
{
    float inverse = 1.0f / coder->step;
    float room[CHUNK];
    memset(code + coder->dim, 0, coder->stride - coder->dim);
    if (coder->metric == METRIC_COSINE && coder->type == CODES_L2 &&
        vector_is_zero(coder->element, vector, coder->dim)) {
        encode_by_chance(coder, seed, code);
        return;
    }
    float factor =
        coder->type == CODES_DOT
            ? 1.0f
            : row_factor(coder->metric, coder->element, vector, coder->dim);
    for (uint32_t first = 0; first < coder->dim; first += CHUNK) {
        uint32_t count =
            coder->dim - first < CHUNK ? coder->dim - first : CHUNK;
        const float *from = floats_from(coder, vector, first, count, room);
        const float *center = coder->center + first;
        if (coder->type == CODES_DOT) {
            encode_dot(from, count, inverse, code + first);
            continue;
        }
        encode_l2(from, center, count, factor, inverse, code + first);
    }
}

/* Copy a sample of rows, already multiplied by their factor; returns their
 * number. Rows are taken at equal distances. */
static uint32_t
take_sample(const VectorColumn *column, Metric metric, float *sample,
            uint32_t most)
{
    uint32_t every = column->count / most + 1;
    uint32_t count = 0;
    for (uint64_t row = 0; row < column->count && count < most; row += every) {
        if (column->valid != NULL && column->valid[row] == 0)
            continue;
        const void *vector = vector_row(column, row);
        float factor = row_factor(metric, column->element, vector, column->dim);
        float *copy = sample + (size_t)count * column->dim;
        element_floats(column->element, vector, column->dim, copy);
        for (uint32_t i = 0; i < column->dim; i++)
            copy[i] *= factor;
        count++;
    }
    return count;
}

/* Subtract the mean of each element from the sample. */
static void
take_center(float *sample, uint32_t count, uint32_t dim, float *center)
{
    for (uint32_t i = 0; i < dim; i++) {
        double sum = 0;
        for (uint32_t row = 0; row < count; row++)
            sum += (double)sample[(size_t)row * dim + i];
        center[i] = (float)(sum / count);
        for (uint32_t row = 0; row < count; row++)
            sample[(size_t)row * dim + i] -= center[i];
    }
}

static double
error_of_step(const float *sample, size_t count, float step, float most)
{
    float inverse = 1.0f / step;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        float code = rintf(fminf(fmaxf(sample[i] * inverse, -most), most));
        float difference = sample[i] - code * step;
        sum += (double)(difference * difference);
    }
    return sum;
}

/* 0: the numbers are too large, too small or not finite. */
static float
choose_step(const float *sample, size_t count, float most)
{
    float largest = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(sample[i]))
            return 0;
        largest = fmaxf(largest, fabsf(sample[i]));
    }
    if (largest == 0)
        return 1; /* all rows alike: any step will do */
    if (largest > 1e15f || largest < 1e-15f)
        return 0;

    float step = largest / most, best = step;
    double least = INFINITY;
    for (int i = 0; i < STEP_TRIES; i++, step *= STEP_RATIO) {
        double error = error_of_step(sample, count, step, most);
        if (error < least) {
            least = error;
            best = step;
        }
    }
    return best;
}

mql_status
coder_train(const VectorColumn *column, Metric metric, float *center,
            Coder *coder, Error *err)
{
    CodeType type = metric == METRIC_IP ? CODES_DOT : CODES_L2;
    return coder_train_to(column, metric, code_most(type), center, coder, err);
}

mql_status
coder_train_to(const VectorColumn *column, Metric metric, float most_steps,
               float *center, Coder *coder, Error *err)
{
    CodeType type = metric == METRIC_IP ? CODES_DOT : CODES_L2;
    *coder = (Coder){.type = type,
                     .metric = metric,
                     .element = column->element,
                     .dim = column->dim,
                     .stride = code_stride(column->dim),
                     .step = 1,
                     .center = center};
    if (column->element == ELEMENT_BIT) { /* shorter than any code */
        coder->type = CODES_NONE;
        return MQL_OK;
    }
    uint32_t most = SAMPLE_ELEMENTS / column->dim;
    most = most > SAMPLE_ROWS ? SAMPLE_ROWS : most;
    size_t size;
    if (!size_multiply((size_t)most * column->dim, sizeof(float), &size))
        return error_no_memory(err);
    float *sample = malloc(size);
    if (sample == NULL)
        return error_no_memory(err);

    uint32_t count = take_sample(column, metric, sample, most);
    memset(center, 0, column->dim * sizeof *center);
    if (count > 0 && type == CODES_L2)
        take_center(sample, count, column->dim, center);
    coder->step = choose_step(sample, (size_t)count * column->dim, most_steps);
    if (!(coder->step > 0))
        coder->type = CODES_NONE;
    free(sample);
    return MQL_OK;
}
