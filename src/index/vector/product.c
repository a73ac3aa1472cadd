/* SPDX-License-Identifier: Apache-2.0 */
/* product.c - the points of each part, and which is nearest. */
#include "index/vector/product.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLE_ELEMENTS (1u << 24) /* memory of training, in floats */

uint32_t
product_sample_size(const ProductShape *shape, uint32_t rows)
{
    uint32_t wanted = shape->points * PRODUCT_SAMPLE;
    uint32_t most = SAMPLE_ELEMENTS / shape->dim;
    wanted = wanted < most ? wanted : most;
    return wanted < rows ? wanted : rows;
}

/* ---- training ---- */

typedef struct Training {
    const ProductShape *shape;
    const float *sample;
    uint32_t count;
    KmeansInput input;
    VectorColumn column; /* one part of the sample */
    float *part, *points;
    uint32_t *rows;
} Training;

static mql_status
train_part(Training *training, uint32_t part, float *book, Error *err)
{
    const ProductShape *shape = training->shape;
    uint32_t points = shape->points, width = product_width(shape);
    uint32_t found = points < training->count ? points : training->count;
    for (size_t i = 0; i < training->count; i++)
        memcpy(training->part + i * width,
               training->sample + i * shape->dim + (size_t)part * width,
               width * sizeof(float));
    TRY(kmeans_train(&training->input, found, training->points, err));
    for (uint32_t i = 0; i < width; i++)
        for (uint32_t c = 0; c < points; c++)
            book[((size_t)part * width + i) * points + c] =
                training->points[(size_t)(c < found ? c : 0) * width + i];
    return MQL_OK;
}

static mql_status
train_parts(Training *training, float *book, Error *err)
{
    const ProductShape *shape = training->shape;
    uint32_t width = product_width(shape);
    size_t count = training->count;
    training->part = malloc(count * width * sizeof(float));
    training->points = malloc((size_t)shape->points * width * sizeof(float));
    training->rows = malloc(count * sizeof *training->rows);
    if (training->part == NULL || training->points == NULL ||
        training->rows == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        training->rows[i] = i;
    training->column = (VectorColumn){
        .data = training->part, .count = training->count, .dim = width};
    training->input.column = &training->column;
    training->input.rows = training->rows;
    training->input.count = training->count;
    for (uint32_t part = 0; part < shape->parts; part++)
        TRY(train_part(training, part, book, err));
    return MQL_OK;
}

mql_status
product_train(const ProductShape *shape, const float *sample, uint32_t count,
              Pool *pool, const atomic_bool *cancel, float *book, Error *err)
{
    Training training = {.shape = shape,
                         .sample = sample,
                         .count = count,
                         .input = {.pool = pool, .cancel = cancel}};
    mql_status status = train_parts(&training, book, err);
    free(training.part);
    free(training.points);
    free(training.rows);
    return status;
}

/* ---- values ---- */

void
product_values(const ProductShape *shape, const float *book, const float *point,
               float factor, float *values)
{
    uint32_t points = shape->points, width = product_width(shape);
    for (uint32_t part = 0; part < shape->parts; part++) {
        memset(values, 0, points * sizeof *values);
        for (uint32_t i = 0; i < width; i++, book += points) {
            float element = factor * *point++;
            for (uint32_t c = 0; c < points; c++)
                values[c] += element * book[c];
        }
        values += points;
    }
}

void
product_add_squares(const ProductShape *shape, const float *book, float *values)
{
    uint32_t points = shape->points, width = product_width(shape);
    for (uint32_t part = 0; part < shape->parts; part++, values += points)
        for (uint32_t i = 0; i < width; i++, book += points)
            for (uint32_t c = 0; c < points; c++)
                values[c] += book[c] * book[c];
}

/* ---- encoding ---- */

void
product_points_free(ProductPoints *points)
{
    for (uint32_t i = 0; points->parts != NULL && i < points->count; i++)
        points_free(&points->parts[i]);
    free(points->parts);
    free(points->rows);
    points->parts = NULL;
    points->rows = NULL;
}

mql_status
product_points_init(const ProductShape *shape, const float *book,
                    ProductPoints *points, Error *err)
{
    uint32_t count = shape->points, width = product_width(shape);
    *points = (ProductPoints){
        .shape = *shape,
        .parts = calloc(shape->parts, sizeof *points->parts),
        .rows = malloc(product_book_size(shape) * sizeof *points->rows)};
    if (points->rows == NULL || points->parts == NULL)
        return error_no_memory(err);
    for (uint32_t p = 0; p < shape->parts; p++) {
        TRY(points_init(&points->parts[p], count, width, err));
        points->count++;
        float *part = points->rows + (size_t)p * count * width;
        for (uint32_t c = 0; c < count; c++)
            for (uint32_t i = 0; i < width; i++)
                part[c * width + i] = book[((size_t)p * width + i) * count + c];
        points_set(&points->parts[p], part, count);
    }
    return MQL_OK;
}

void
product_encode(const ProductPoints *points, const float *vectors,
               uint32_t count, uint8_t *codes, size_t stride)
{
    const ProductShape *shape = &points->shape;
    uint32_t nearest[POINTS_BLOCK], width = product_width(shape);
    const float *rows[POINTS_BLOCK];
    for (uint32_t part = 0; part < shape->parts; part++) {
        for (uint32_t i = 0; i < count; i++)
            rows[i] = vectors + (size_t)i * shape->dim + (size_t)part * width;
        points_nearest(&points->parts[part], NULL, rows, count, nearest);
        for (uint32_t i = 0; i < count; i++)
            codes[i * stride + part] = (uint8_t)nearest[i];
    }
}

double
product_part_distance(const ProductShape *shape, const float *book,
                      const float *vector, uint32_t part, uint8_t code)
{
    uint32_t width = product_width(shape);
    double sum = 0;
    for (uint32_t i = part * width; i < (part + 1) * width; i++) {
        double difference =
            (double)vector[i] - (double)book[(size_t)i * shape->points + code];
        sum += difference * difference;
    }
    return sum;
}
