/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small_codes.c - distances to codes that a user chose, and making them.
 *
 * Six bits are unpacked to bytes, which costs little beside the wait for them,
 * and compared by the kernels that bytes have. A row's v becomes 2 v, so that
 * the query may lie between two steps: its byte is one of half the step.
 */
#include "index/vector/small_codes.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/element.h"
#include "index/kernels/elements.h"

#define SIXES_MOST 31 /* steps to either side */
#define SIXES_ZERO 32
#define SIXES_BLOCK 64 /* elements in ...     */
#define SIXES_BYTES 48 /* ... so many bytes   */
#define HALF_MOST 65504.0f
#define BFLOAT_MOST 3.38e38f
#define BYTE_MOST 127.0f
#define LINES_MOST 8 /* cache lines fetched of a code */

static ElementType
element_of(const SmallCodes *small)
{
    return small->type == CODES_HALVES ? ELEMENT_F16 : ELEMENT_BF16;
}

static bool
is_dot(const SmallCodes *small)
{
    return small->coder.metric == METRIC_IP;
}

/* Between -most and most; -most for what is no number. */
static inline float
held(float x, float most)
{
    x = x > -most ? x : -most;
    return x < most ? x : most;
}

static inline void
prefetch(const uint8_t *code, size_t size)
{
    size_t lines = (size + 63) / 64;
    lines = lines > LINES_MOST ? LINES_MOST : lines;
    for (size_t line = 0; line < lines; line++) {
        __builtin_prefetch(code + 64 * line);
        /* GCC 12 may drop all but the first of an unrolled row of these. */
        __asm__ volatile("" ::: "memory");
    }
}

uint32_t
small_stride(const SmallCodes *small)
{
    uint32_t dim = small->coder.dim;
    if (small->type == CODES_PRODUCT)
        return product_stride(&small->product);
    if (small->type == CODES_SIXES)
        return (dim + SIXES_BLOCK - 1) / SIXES_BLOCK * SIXES_BYTES;
    return code_stride(2 * dim);
}

bool
small_has_terms(const SmallCodes *small)
{
    return small->type == CODES_PRODUCT && product_has_terms(&small->product);
}

size_t
small_books_size(const SmallCodes *small)
{
    return small->type == CODES_PRODUCT ? product_books_size(&small->product)
                                        : 0;
}

size_t
small_query_size(const SmallCodes *small)
{
    const ProductCodes *product = &small->product;
    size_t floats = small->coder.dim * sizeof(float);
    if (small->type == CODES_SIXES) /* the query, floats or a row's bytes */
        return code_stride(small->coder.dim) + floats + 64;
    if (small->type == CODES_PRODUCT)
        return floats + (size_t)product_numbers(product) *
                            product->shape.points * sizeof(float);
    return floats + small->coder.dim * sizeof(uint16_t);
}

/* ---- two bytes ---- */

static void
encode_halves(const SmallCodes *small, const void *vector, uint64_t seed,
              float *room, void *code)
{
    float most = small->type == CODES_HALVES ? HALF_MOST : BFLOAT_MOST;
    uint32_t dim = small->coder.dim;
    coder_floats(&small->coder, vector, seed, room);
    for (uint32_t i = 0; i < dim; i++)
        room[i] = held(room[i], most);
    element_of_floats(element_of(small), room, dim, code);
}

static void
half_distances(const SmallCodes *small, const SmallQuery *query,
               const uint32_t *rows, uint32_t count, float *distances)
{
    const ElementKernels *kernels =
        element_kernels(element_table(), element_of(small));
    float sign = is_dot(small) ? -1.0f : 1.0f;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *code = small->codes + (size_t)rows[i] * small->stride;
        float sum = is_dot(small)
                        ? kernels->dot(query->values, code, small->coder.dim)
                        : kernels->l2(query->values, code, small->coder.dim);
        sum *= sign;
        distances[i] = sum <= FLT_MAX ? sum : FLT_MAX;
    }
}

/* ---- six bits ---- */

/* Values 1 to 63 of a block of elements. */
static void
pack(const uint8_t values[SIXES_BLOCK], uint8_t code[SIXES_BYTES])
{
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t last = values[48 + i];
        code[i] = (uint8_t)(values[i] | last << 6);
        code[16 + i] = (uint8_t)(values[16 + i] | last >> 2 << 6);
        code[32 + i] = (uint8_t)(values[32 + i] | last >> 4 << 6);
    }
}

/* Twice the values, less `zero`. */
static void
unpack(const uint8_t *restrict code, uint8_t zero,
       uint8_t bytes[restrict SIXES_BLOCK])
{
    for (uint32_t i = 0; i < SIXES_BYTES; i++)
        bytes[i] = (uint8_t)((code[i] & 63u) * 2u - zero);
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t last = code[i] >> 6 | code[16 + i] >> 6 << 2 |
                        (uint32_t)code[32 + i] >> 6 << 4;
        bytes[48 + i] = (uint8_t)(last * 2 - zero);
    }
}

static void
encode_sixes(const SmallCodes *small, const void *vector, uint64_t seed,
             float *room, uint8_t *code)
{
    const Coder *coder = &small->coder;
    float inverse = 1.0f / coder->step;
    coder_floats(coder, vector, seed, room);
    for (uint32_t i = 0; !is_dot(small) && i < coder->dim; i++)
        room[i] -= coder->center[i];
    for (uint32_t first = 0; first < coder->dim; first += SIXES_BLOCK) {
        uint8_t values[SIXES_BLOCK] = {0};
        for (uint32_t i = 0; i < SIXES_BLOCK && first + i < coder->dim; i++) {
            float steps = held(room[first + i] * inverse, SIXES_MOST);
            values[i] = (uint8_t)(rintf(steps) + SIXES_ZERO);
        }
        pack(values, code);
        code += SIXES_BYTES;
    }
}

/* Of IP any step does: that which cuts nothing off. */
static float
dot_step(const Coder *coder, const void *vector, float *room)
{
    float largest = 0;
    coder_floats(coder, vector, 0, room);
    for (uint32_t i = 0; i < coder->dim; i++) {
        float size = fabsf(room[i]);
        largest = size > largest ? size : largest;
    }
    return largest > 1e-30f && isfinite(largest) ? largest / BYTE_MOST : 1;
}

static SmallQuery
sixes_query(const SmallCodes *small, const void *vector, uint8_t *room)
{
    Coder coder = small->coder;
    uint8_t *unpacked = room + coder.stride;
    coder.step = is_dot(small)
                     ? dot_step(&coder, vector, (float *)(void *)unpacked)
                     : coder.step / 2;
    coder_encode(&coder, vector, UINT32_MAX, room);
    return (SmallQuery){room, unpacked};
}

static void
sixes_distances(const SmallCodes *small, const DistanceTable *kernels,
                const SmallQuery *query, const uint32_t *rows, uint32_t count,
                float *distances)
{
    uint8_t zero = is_dot(small) ? 2 * SIXES_ZERO : 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *code = small->codes + (size_t)rows[i] * small->stride;
        for (uint32_t at = 0; at < small->coder.stride; at += SIXES_BLOCK)
            unpack(code + at / SIXES_BLOCK * SIXES_BYTES, zero,
                   query->unpacked + at);
        distances[i] = code_distance(&small->coder, kernels, query->values,
                                     query->unpacked);
    }
}

/* ---- parts ---- */

static SmallQuery
product_query(const SmallCodes *small, const void *vector, uint8_t *room)
{
    float *point = (float *)(void *)room, *values = point + small->coder.dim;
    coder_floats(&small->coder, vector, UINT32_MAX, point);
    product_tables(&small->product, point, values);
    return (SmallQuery){values, NULL};
}

static void
product_distances(const SmallCodes *small, const SmallQuery *query,
                  const uint32_t *rows, uint32_t count, float *distances)
{
    for (uint32_t i = 0; small->terms != NULL && i < count; i++)
        __builtin_prefetch(small->terms + rows[i]);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *code = small->codes + (size_t)rows[i] * small->stride;
        float sum = product_sum(&small->product, query->values, code);
        if (small->terms != NULL)
            sum += small->terms[rows[i]];
        distances[i] = sum <= FLT_MAX ? sum : FLT_MAX;
    }
}

/* A sample of the rows, as they are encoded; sets their number. */
static float *
take_sample(const VectorColumn *column, const SmallCodes *small,
            uint32_t *count)
{
    uint32_t rows = 0, dim = column->dim, number = 0;
    for (uint32_t row = 0; row < column->count; row++)
        rows += column->valid == NULL || column->valid[row] != 0;
    *count = product_sample_size(&small->product.shape, rows);
    float *sample = malloc(((size_t)*count * dim + 1) * sizeof *sample);
    uint64_t passed = 0;
    for (uint32_t row = 0; sample != NULL && row < column->count; row++) {
        if (column->valid != NULL && column->valid[row] == 0)
            continue;
        if (passed++ * *count / rows < number || number == *count)
            continue;
        coder_floats(&small->coder, vector_row(column, row), row,
                     sample + (size_t)number++ * dim);
    }
    *count = number;
    return sample;
}

static mql_status
train_product(const SmallTraining *training, SmallCodes *small, Error *err)
{
    uint32_t count;
    float *sample = take_sample(training->column, small, &count);
    if (sample == NULL)
        return error_no_memory(err);
    mql_status status =
        product_codes_train(&small->product, sample, count, training->pool,
                            training->cancel, training->books, err);
    small->product.books = training->books;
    free(sample);
    return status;
}

/* ---- all types ---- */

mql_status
small_train(const SmallTraining *training, SmallCodes *small, Error *err)
{
    if (small->type == CODES_PRODUCT)
        return train_product(training, small, err);
    if (small->type != CODES_SIXES)
        return MQL_OK;
    return coder_train_to(training->column, small->coder.metric, SIXES_MOST,
                          training->center, &small->coder, err);
}

SmallQuery
small_query(const SmallCodes *small, const void *vector, uint8_t *room)
{
    if (small->type == CODES_SIXES)
        return sixes_query(small, vector, room);
    if (small->type == CODES_PRODUCT)
        return product_query(small, vector, room);
    size_t size = small->coder.dim * sizeof(float);
    encode_halves(small, vector, UINT32_MAX, (float *)(void *)room,
                  room + size);
    return (SmallQuery){room + size, NULL};
}

void
small_distances(const SmallCodes *small, const DistanceTable *kernels,
                const SmallQuery *query, const uint32_t *rows, uint32_t count,
                float *distances)
{
    for (uint32_t i = 0; i < count; i++)
        prefetch(small->codes + (size_t)rows[i] * small->stride, small->stride);
    if (small->type == CODES_SIXES)
        sixes_distances(small, kernels, query, rows, count, distances);
    else if (small->type == CODES_PRODUCT)
        product_distances(small, query, rows, count, distances);
    else
        half_distances(small, query, rows, count, distances);
}

/* ---- encoding ---- */

mql_status
small_encoder_init(const SmallCodes *small, SmallEncoder *encoder, Error *err)
{
    *encoder = (SmallEncoder){.small = small};
    if (small->type != CODES_PRODUCT)
        return MQL_OK;
    return product_encoder_init(&small->product, &encoder->product, err);
}

void
small_encoder_free(SmallEncoder *encoder)
{
    product_encoder_free(&encoder->product);
}

size_t
small_room_size(const SmallCodes *small)
{
    size_t floats = small->coder.dim * sizeof(float);
    if (small->type != CODES_PRODUCT)
        return floats + small->stride;
    return SMALL_BLOCK * (floats + product_numbers(&small->product));
}

static void
encode_products(const SmallEncoder *encoder, const VectorColumn *column,
                const uint32_t *rows, uint32_t count, void *room,
                uint8_t *codes, float *terms)
{
    const SmallCodes *small = encoder->small;
    const ProductCodes *product = &small->product;
    float *vectors = room;
    uint8_t *numbers = (uint8_t *)(vectors + (size_t)count * column->dim);
    for (uint32_t i = 0; i < count; i++)
        coder_floats(&small->coder, vector_row(column, rows[i]), rows[i],
                     vectors + (size_t)i * column->dim);
    product_encode_stages(&encoder->product, vectors, count, numbers);
    for (uint32_t i = 0; i < count; i++) {
        product_pack(product, numbers, codes + (size_t)rows[i] * small->stride);
        if (terms != NULL)
            terms[rows[i]] = product_term(product, numbers);
        numbers += product_numbers(product);
    }
}

static void
encode_one(const SmallCodes *small, const void *vector, uint64_t seed,
           void *room, uint8_t *code)
{
    if (small->type == CODES_SIXES)
        encode_sixes(small, vector, seed, room, code);
    else
        encode_halves(small, vector, seed, room, code);
}

void
small_encode(const SmallEncoder *encoder, const VectorColumn *column,
             const uint32_t *rows, uint32_t count, void *room, uint8_t *codes,
             float *terms)
{
    const SmallCodes *small = encoder->small;
    if (small->type == CODES_PRODUCT) {
        encode_products(encoder, column, rows, count, room, codes, terms);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        encode_one(small, vector_row(column, rows[i]), rows[i], room,
                   codes + (size_t)rows[i] * small->stride);
}

/* ---- checking ---- */

static bool
is_product_right(const SmallEncoder *encoder, const VectorColumn *column,
                 uint32_t row, void *room)
{
    const SmallCodes *small = encoder->small;
    const ProductCodes *product = &small->product;
    float *vector = room;
    uint8_t *numbers = (uint8_t *)(vector + column->dim);
    uint8_t *expected = numbers + product_numbers(product);
    const uint8_t *code = small->codes + (size_t)row * small->stride;
    uint32_t last = product_numbers(product) * product->bits % 8;
    product_unpack(product, code, numbers);
    coder_floats(&small->coder, vector_row(column, row), row, vector);
    return product_is_near(&encoder->product, vector, numbers, expected) &&
           (last == 0 || code[small->stride - 1] >> last == 0) &&
           (small->terms == NULL ||
            small->terms[row] == product_term(product, numbers));
}

static uint32_t
value_at(const SmallCodes *small, const uint8_t *code, uint32_t i)
{
    if (small->type != CODES_SIXES) {
        uint16_t value;
        memcpy(&value, code + 2 * (size_t)i, sizeof value);
        return value;
    }
    const uint8_t *block = code + i / SIXES_BLOCK * SIXES_BYTES;
    uint32_t place = i % SIXES_BLOCK;
    if (place < SIXES_BYTES)
        return block[place] & 63u;
    place -= SIXES_BYTES;
    return block[place] >> 6 | block[16 + place] >> 6 << 2 |
           (uint32_t)block[32 + place] >> 6 << 4;
}

bool
small_is_right(const SmallEncoder *encoder, const VectorColumn *column,
               uint32_t row, void *room)
{
    const SmallCodes *small = encoder->small;
    if (small->type == CODES_PRODUCT)
        return is_product_right(encoder, column, row, room);
    uint32_t places = small->type == CODES_SIXES
                          ? small->stride / SIXES_BYTES * SIXES_BLOCK
                          : small->stride / 2;
    const uint8_t *code = small->codes + (size_t)row * small->stride;
    uint8_t *expected = (uint8_t *)room + small->coder.dim * sizeof(float);
    bool is_right = true;
    memset(expected, 0, small->stride);
    encode_one(small, vector_row(column, row), row, room, expected);
    for (uint32_t i = 0; i < places; i++) {
        uint32_t a = value_at(small, code, i), b = value_at(small, expected, i);
        uint32_t most = i < small->coder.dim ? 1 : 0;
        is_right &= (a > b ? a - b : b - a) <= most;
    }
    return is_right;
}
