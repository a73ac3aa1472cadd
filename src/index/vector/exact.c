/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact.c - exact distances, and the exact answer by scanning.
 *
 * The kernels work in float. Where that overflows or loses all digits (elements
 * near 1e20 or 1e-20) the distance is computed again in double, so an answer is
 * never NaN and a tiny vector still has a direction.
 */
#include "index/vector/exact.h"

#include <math.h>

#include "base/bits.h"
#include "index/top_k.h"

/* Rows are looked at in groups of so many, verified and prefetched ahead. */
#define GROUP 256
/* Between two looks at `cancel`: about 10 ms of work. */
#define CANCEL_ELEMENTS (16u << 20)

mql_status
error_cancelled(Error *err)
{
    return error_set(err, ERR_QUERY_CANCELED,
                     "canceling statement due to user request");
}

/* Also false for NaN. */
static bool
is_tame(float square)
{
    return square > EXACT_SQUARE_LEAST && square < EXACT_SQUARE_MOST;
}

/* ELEMENT_F16 and ELEMENT_I8 are tame; of these only zeros come here. */
static double
element_at(ElementType element, const void *vector, uint32_t i)
{
    float value;
    size_t size = element_row_size(element, 1);
    element_floats(element, (const char *)vector + i * size, 1, &value);
    return (double)value;
}

static double
careful_dot(ElementType element, const void *a, const void *b, uint32_t dim)
{
    double sum = 0;
    for (uint32_t i = 0; i < dim; i++)
        sum += element_at(element, a, i) * element_at(element, b, i);
    return sum;
}

static double
careful_norm(ElementType element, const void *vector, uint32_t dim)
{
    double square = careful_dot(element, vector, vector, dim);
    return square > 0 ? sqrt(square) : 1.0;
}

static float
careful_distance(const ExactQuery *query, const void *row)
{
    ElementType element = query->element;
    if (query->metric == METRIC_L2) {
        double sum = 0;
        for (uint32_t i = 0; i < query->dim; i++) {
            double difference = element_at(element, query->vector, i) -
                                element_at(element, row, i);
            sum += difference * difference;
        }
        return (float)sum;
    }
    double dot = careful_dot(element, query->vector, row, query->dim);
    if (query->metric == METRIC_IP)
        return (float)-dot;
    double cosine =
        dot / (query->norm * careful_norm(element, row, query->dim));
    return (float)-fmin(1.0, fmax(-1.0, cosine));
}

/* The square of a vector's length, and its product with another. */
static float
dot_square(const ExactQuery *query, const void *row, float *square)
{
    if (query->element == ELEMENT_F32)
        return query->kernels->dot_square_f32(query->vector, row, query->dim,
                                              square);
    return element_kernels(query->elements, query->element)
        ->dot_square(query->vector, row, query->dim, square);
}

ExactQuery
exact_query_of(Metric metric, ElementType element, const void *vector,
               uint32_t dim)
{
    ExactQuery query = {.kernels = distance_table(),
                        .vector = vector,
                        .element = element,
                        .dim = dim,
                        .metric = metric,
                        .norm = 1.0};
    if (element != ELEMENT_F32)
        query.elements = element_table();
    if (metric == METRIC_COSINE) {
        float square;
        dot_square(&query, vector, &square);
        query.is_wild = !is_tame(square);
        query.norm = query.is_wild ? careful_norm(element, vector, dim)
                                   : sqrt((double)square);
    }
    return query;
}

static float
cosine_distance(const ExactQuery *query, const void *row)
{
    float square;
    float dot = dot_square(query, row, &square);
    if (query->is_wild || !is_tame(square))
        return careful_distance(query, row);
    double cosine = (double)dot / (query->norm * sqrt((double)square));
    return (float)-fmin(1.0, fmax(-1.0, cosine));
}

/* The kernel's number, or the careful one where it is of no use. */
static float
settle(const ExactQuery *query, const void *row, float distance)
{
    return isfinite(distance) ? distance : careful_distance(query, row);
}

/* Of bits: how many differ, or what part of those set is not set in both. */
static float
bit_distance(const ExactQuery *query, const void *row)
{
    size_t size = query->dim / 8;
    if (query->metric == METRIC_HAMMING)
        return (float)query->elements->hamming(query->vector, row, size);
    uint32_t either;
    uint32_t both = query->elements->common(query->vector, row, size, &either);
    return both == 0 ? 1.0f : (float)(1.0 - (double)both / (double)either);
}

static float
element_distance(const ExactQuery *query, const void *row)
{
    if (query->element == ELEMENT_BIT)
        return bit_distance(query, row);
    const ElementKernels *kernels =
        element_kernels(query->elements, query->element);
    if (query->metric == METRIC_L2)
        return settle(query, row, kernels->l2(query->vector, row, query->dim));
    return settle(query, row, -kernels->dot(query->vector, row, query->dim));
}

float
exact_distance(const ExactQuery *query, const void *row)
{
    const DistanceTable *kernels = query->kernels;
    if (query->metric == METRIC_COSINE)
        return cosine_distance(query, row);
    if (query->element != ELEMENT_F32)
        return element_distance(query, row);
    if (query->metric == METRIC_L2)
        return settle(query, row,
                      kernels->l2_f32(query->vector, row, query->dim));
    return settle(query, row,
                  -kernels->dot_f32(query->vector, row, query->dim));
}

/* Rows further on are on their way while these four are worked on. */
static void
prefetch_rows(const void *const *rows, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + 4 && i < count; i++)
        for (uint32_t line = 0; line < 4; line++)
            __builtin_prefetch((const char *)rows[i] + 64 * line);
}

void
exact_distances(const ExactQuery *query, const void *const *rows,
                uint32_t count, float *distances)
{
    const DistanceTable *kernels = query->kernels;
    bool has_four =
        query->metric != METRIC_COSINE && query->element == ELEMENT_F32;
    uint32_t i = 0;
    for (; has_four && i + 4 <= count; i += 4) {
        const float *four[4] = {rows[i], rows[i + 1], rows[i + 2], rows[i + 3]};
        prefetch_rows(rows, i + 4, count);
        if (query->metric == METRIC_L2)
            kernels->l2_f32_4(query->vector, four, query->dim, distances + i);
        else
            kernels->dot_f32_4(query->vector, four, query->dim, distances + i);
        for (uint32_t j = i; j < i + 4; j++)
            distances[j] = settle(query, rows[j],
                                  query->metric == METRIC_L2 ? distances[j]
                                                             : -distances[j]);
    }
    for (; i < count; i++) {
        prefetch_rows(rows, i + 4, count);
        distances[i] = exact_distance(query, rows[i]);
    }
}

mql_status
vector_column_verify(const VectorColumn *column, uint32_t first, uint32_t count,
                     Error *err)
{
    if (column->file == NULL)
        return MQL_OK;
    uint64_t row_size = vector_row_size(column);
    return section_verify(column->file, &column->section, first * row_size,
                          count * row_size, err);
}

/* The next rows to look at, at most GROUP; 0: no more. */
static uint32_t
next_group(const VectorColumn *column, const uint64_t *allowed, size_t *from,
           uint32_t rows[GROUP])
{
    uint32_t count = 0;
    if (allowed == NULL) {
        for (; *from < column->count && count < GROUP; ++*from)
            if (column->valid == NULL || column->valid[*from] != 0)
                rows[count++] = (uint32_t)*from;
        return count;
    }
    while (count == 0) {
        uint32_t collected =
            bits_collect(allowed, column->count, from, rows, GROUP);
        if (collected == 0)
            return 0;
        if (column->valid == NULL)
            return collected;
        for (uint32_t i = 0; i < collected; i++)
            if (column->valid[rows[i]] != 0)
                rows[count++] = rows[i];
    }
    return count;
}

/* Neighbouring rows are verified together. */
static mql_status
verify_group(const VectorColumn *column, const uint32_t *rows, uint32_t count,
             Error *err)
{
    for (uint32_t i = 0; i < count;) {
        uint32_t end = i + 1;
        while (end < count && rows[end] == rows[i] + (end - i))
            end++;
        TRY(vector_column_verify(column, rows[i], end - i, err));
        i = end;
    }
    return MQL_OK;
}

mql_status
vector_scan(const VectorColumn *column, Metric metric, const VectorQuery *query,
            Neighbor *nearest, uint32_t *found, Error *err)
{
    ExactQuery exact =
        exact_query_of(metric, column->element, query->vector, column->dim);
    TopK top = top_k_of(nearest, query->k);
    uint32_t rows[GROUP];
    const void *vectors[GROUP];
    float distances[GROUP];
    size_t from = 0;
    uint64_t elements = 0;
    uint32_t count;

    *found = 0;
    while ((count = next_group(column, query->allowed, &from, rows)) > 0) {
        if (elements > CANCEL_ELEMENTS) {
            if (is_cancelled(query->cancel))
                return error_cancelled(err);
            elements = 0;
        }
        elements += (uint64_t)count * column->dim;
        TRY(verify_group(column, rows, count, err));
        for (uint32_t i = 0; i < count; i++)
            vectors[i] = vector_row(column, rows[i]);
        exact_distances(&exact, vectors, count, distances);
        for (uint32_t i = 0; i < count; i++)
            if (top.count < top.k || distances[i] <= nearest[0].distance)
                top_k_offer(&top, (Neighbor){distances[i], rows[i]});
        if (query->counters != NULL)
            query->counters->distances += count;
    }
    *found = top_k_finish(&top);
    return MQL_OK;
}
