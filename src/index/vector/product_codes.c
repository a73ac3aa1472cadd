/* SPDX-License-Identifier: Apache-2.0 */
/* product_codes.c - training, encoding and summing stage by stage. */
#include "index/vector/product_codes.h"

#include "index/vector/exact.h"

static const float *
book_of(const ProductCodes *product, uint32_t stage)
{
    return product->books + stage * product_book_size(&product->shape);
}

/* Subtract what the numbers of a stage stand for. */
static void
leave(const ProductCodes *product, uint32_t stage, const uint8_t *numbers,
      float *vector)
{
    const ProductShape *shape = &product->shape;
    const float *book = book_of(product, stage);
    uint32_t width = product_width(shape);
    for (uint32_t i = 0; i < shape->dim; i++)
        vector[i] -= book[(size_t)i * shape->points + numbers[i / width]];
}

/* ---- training ---- */

/* Replace the sample by what a stage leaves of it. */
static mql_status
leave_sample(const ProductCodes *product, uint32_t stage, float *sample,
             uint32_t count, const atomic_bool *cancel, Error *err)
{
    enum { NUMBERS_MOST = 32768 };
    uint8_t numbers[NUMBERS_MOST];
    uint32_t parts = product->shape.parts, dim = product->shape.dim;
    uint32_t most = NUMBERS_MOST / parts;
    ProductPoints points;
    mql_status status = product_points_init(
        &product->shape, book_of(product, stage), &points, err);
    most = most < POINTS_BLOCK ? most : POINTS_BLOCK;
    for (uint32_t row = 0; status == MQL_OK && row < count; row += most) {
        uint32_t rows = count - row < most ? count - row : most;
        float *vectors = sample + (size_t)row * dim;
        product_encode(&points, vectors, rows, numbers, parts);
        for (uint32_t i = 0; i < rows; i++)
            leave(product, stage, numbers + (size_t)i * parts,
                  vectors + (size_t)i * dim);
        if (is_cancelled(cancel))
            status = error_cancelled(err);
    }
    product_points_free(&points);
    return status;
}

mql_status
product_codes_train(const ProductCodes *product, float *sample, uint32_t count,
                    Pool *pool, const atomic_bool *cancel, float *books,
                    Error *err)
{
    size_t size = product_book_size(&product->shape);
    ProductCodes made = *product;
    made.books = books;
    for (uint32_t stage = 0; stage < product->stages; stage++) {
        TRY(product_train(&product->shape, sample, count, pool, cancel,
                          books + stage * size, err));
        if (stage + 1 < product->stages)
            TRY(leave_sample(&made, stage, sample, count, cancel, err));
    }
    return MQL_OK;
}

/* ---- encoding ---- */

void
product_encoder_free(ProductEncoder *encoder)
{
    for (uint32_t stage = 0; stage < encoder->codes.stages; stage++)
        product_points_free(&encoder->stages[stage]);
}

mql_status
product_encoder_init(const ProductCodes *product, ProductEncoder *encoder,
                     Error *err)
{
    *encoder = (ProductEncoder){.codes = *product};
    for (uint32_t stage = 0; stage < product->stages; stage++)
        TRY(product_points_init(&product->shape, book_of(product, stage),
                                &encoder->stages[stage], err));
    return MQL_OK;
}

void
product_encode_stages(const ProductEncoder *encoder, float *vectors,
                      uint32_t count, uint8_t *numbers)
{
    const ProductCodes *product = &encoder->codes;
    uint32_t parts = product->shape.parts;
    uint32_t stride = product_numbers(product);
    for (uint32_t stage = 0; stage < product->stages; stage++) {
        uint8_t *to = numbers + (size_t)stage * parts;
        product_encode(&encoder->stages[stage], vectors, count, to, stride);
        for (uint32_t i = 0; i < count; i++)
            leave(product, stage, to + (size_t)i * stride,
                  vectors + (size_t)i * product->shape.dim);
    }
}

void
product_pack(const ProductCodes *product, const uint8_t *numbers, uint8_t *code)
{
    uint32_t bit = 0;
    for (uint32_t i = 0; i < product_numbers(product); i++) {
        uint32_t shifted = (uint32_t)numbers[i] << bit % 8;
        code[bit / 8] |= (uint8_t)shifted;
        if (bit % 8 + product->bits > 8)
            code[bit / 8 + 1] |= (uint8_t)(shifted >> 8);
        bit += product->bits;
    }
}

/* The number that begins at a bit; nothing past its last byte is read. */
static inline uint32_t
number_at(const ProductCodes *product, const uint8_t *code, uint32_t bit)
{
    uint32_t value = code[bit / 8];
    if (bit % 8 + product->bits > 8)
        value |= (uint32_t)code[bit / 8 + 1] << 8;
    return value >> bit % 8 & (product->shape.points - 1);
}

void
product_unpack(const ProductCodes *product, const uint8_t *code,
               uint8_t *numbers)
{
    for (uint32_t i = 0; i < product_numbers(product); i++)
        numbers[i] = (uint8_t)number_at(product, code, i * product->bits);
}

float
product_term(const ProductCodes *product, const uint8_t *numbers)
{
    const ProductShape *shape = &product->shape;
    uint32_t width = product_width(shape);
    double sum = 0;
    for (uint32_t i = 0; i < shape->dim; i++) {
        double element = 0;
        for (uint32_t stage = 0; stage < product->stages; stage++) {
            uint32_t number = numbers[stage * shape->parts + i / width];
            element += (double)book_of(
                product, stage)[(size_t)i * shape->points + number];
        }
        sum += element * element;
    }
    return (float)sum;
}

bool
product_is_near(const ProductEncoder *encoder, float *vector,
                const uint8_t *numbers, uint8_t *expected)
{
    const ProductCodes *product = &encoder->codes;
    const ProductShape *shape = &product->shape;
    bool is_near = true;
    for (uint32_t stage = 0; stage < product->stages; stage++) {
        const float *book = book_of(product, stage);
        product_encode(&encoder->stages[stage], vector, 1, expected,
                       shape->parts);
        for (uint32_t part = 0; part < shape->parts; part++) {
            if (numbers[part] == expected[part])
                continue;
            double best = product_part_distance(shape, book, vector, part,
                                                expected[part]);
            double size =
                product_part_distance(shape, book, vector, part, numbers[part]);
            is_near &= size <= best * 1.001 + 1e-30;
        }
        leave(product, stage, numbers, vector);
        numbers += shape->parts;
    }
    return is_near;
}

/* ---- searching ---- */

void
product_tables(const ProductCodes *product, const float *query, float *values)
{
    const ProductShape *shape = &product->shape;
    size_t size = (size_t)shape->parts * shape->points;
    float factor = product->is_dot ? -1.0f : -2.0f;
    for (uint32_t stage = 0; stage < product->stages; stage++)
        product_values(shape, book_of(product, stage), query, factor,
                       values + stage * size);
    if (product->stages == 1 && !product->is_dot)
        product_add_squares(shape, product->books, values);
}

/* Four sums, so that none waits for the one before. */
static float
sum_bytes(const float *values, const uint8_t *code, uint32_t count)
{
    float a = 0, b = 0, c = 0, d = 0;
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4, values += (size_t)4 * 256) {
        a += values[code[i]];
        b += values[256 + code[i + 1]];
        c += values[512 + code[i + 2]];
        d += values[768 + code[i + 3]];
    }
    for (; i < count; i++, values += 256)
        a += values[code[i]];
    return (a + b) + (c + d);
}

float
product_sum(const ProductCodes *product, const float *values,
            const uint8_t *code)
{
    uint32_t count = product_numbers(product);
    if (product->bits == 8)
        return sum_bytes(values, code, count);
    float sum = 0, other = 0;
    uint32_t points = product->shape.points, bit = 0, i = 0;
    for (; i + 2 <= count; i += 2, values += (size_t)2 * points) {
        sum += values[number_at(product, code, bit)];
        other += values[points + number_at(product, code, bit + product->bits)];
        bit += 2 * product->bits;
    }
    return i < count ? sum + other + values[number_at(product, code, bit)]
                     : sum + other;
}
