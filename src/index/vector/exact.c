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

/* Between two looks at `cancel`: about 10 ms of work. */
#define CANCEL_ELEMENTS (16u << 20)

mql_status
error_cancelled(Error *err)
{
    return error_set(err, ERR_QUERY_CANCELED,
                     "canceling statement due to user request");
}

/* ELEMENT_F16 and ELEMENT_I8 are tame; of these only zeros come here. */
static double
element_at(ElementType element, const void *vector, uint32_t i)
{
    float value;
    if (element == ELEMENT_F32)
        return (double)((const float *)vector)[i];
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

bool
vector_is_zero(ElementType element, const void *vector, uint32_t dim)
{
    /* Minus zero is one too, so bytes do not tell. */
    for (uint32_t i = 0; i < dim; i++)
        if (element_at(element, vector, i) != 0)
            return false;
    return true;
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
        query.is_wild = !exact_is_tame(square);
        query.norm = query.is_wild ? careful_norm(element, vector, dim)
                                   : sqrt((double)square);
        query.is_zero = query.is_wild && vector_is_zero(element, vector, dim);
    }
    return query;
}

/* Of a row whose square is 0, be it for lost digits. */
static bool
row_is_zero(const ExactQuery *query, const void *row)
{
    return query->element == ELEMENT_F32
               ? query->kernels->largest_f32(row, query->dim) == 0
               : vector_is_zero(query->element, row, query->dim);
}

/* Of the product and the square that a kernel gave. */
static float
cosine_of(const ExactQuery *query, const void *row, float dot, float square)
{
    if (query->is_zero || (square == 0 && row_is_zero(query, row)))
        return -0.0f;
    if (query->is_wild || !exact_is_tame(square))
        return careful_distance(query, row);
    double cosine = (double)dot / (query->norm * sqrt((double)square));
    return (float)-fmin(1.0, fmax(-1.0, cosine));
}

static float
cosine_distance(const ExactQuery *query, const void *row)
{
    float square;
    float dot = dot_square(query, row, &square);
    return cosine_of(query, row, dot, square);
}

/* The kernel's number, or the careful one where it is of no use. */
static float
settle(const ExactQuery *query, const void *row, float distance)
{
    return isfinite(distance) ? distance : careful_distance(query, row);
}

/* What part of the bits set is not set in both. */
static float
jaccard_of(uint32_t both, uint32_t either)
{
    return both == 0 ? 1.0f : (float)(1.0 - (double)both / (double)either);
}

static float
bit_distance(const ExactQuery *query, const void *row)
{
    size_t size = query->dim / 8;
    if (query->metric == METRIC_HAMMING)
        return (float)query->elements->hamming(query->vector, row, size);
    uint32_t either;
    uint32_t both = query->elements->common(query->vector, row, size, &either);
    return jaccard_of(both, either);
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

/* Rows further on are on their way while these are worked on. */
#define ROWS_AHEAD 16
/* Lines of a row that are fetched; the processor guesses the rest. */
#define LINES_MOST 8

static uint32_t
fewer(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void
prefetch_rows(const ExactQuery *query, const void *const *rows, uint32_t first,
              uint32_t end)
{
    size_t size = element_row_size(query->element, query->dim);
    size = size < 64 * LINES_MOST ? size : 64 * LINES_MOST;
    for (uint32_t i = first; i < end; i++)
        for (size_t place = 0; place < size; place += 64)
            __builtin_prefetch((const char *)rows[i] + place);
}

/* Of four rows of floats. */
static void
distances_of_4(const ExactQuery *query, const void *const four[4],
               float distances[4])
{
    const DistanceTable *kernels = query->kernels;
    const float *rows[4] = {four[0], four[1], four[2], four[3]};
    float squares[4];
    if (query->metric == METRIC_L2)
        kernels->l2_f32_4(query->vector, rows, query->dim, distances);
    else if (query->metric == METRIC_IP)
        kernels->dot_f32_4(query->vector, rows, query->dim, distances);
    else
        kernels->dot_square_f32_4(query->vector, rows, query->dim, distances,
                                  squares);
    for (size_t i = 0; i < 4; i++) {
        if (query->metric == METRIC_COSINE)
            distances[i] = cosine_of(query, rows[i], distances[i], squares[i]);
        else
            distances[i] = settle(query, rows[i],
                                  query->metric == METRIC_L2 ? distances[i]
                                                             : -distances[i]);
    }
}

/* Of rows of bits, some at a time. */
static void
bit_distances(const ExactQuery *query, const void *const *rows, uint32_t count,
              float *distances)
{
    enum { SOME = 32 };
    uint32_t both[SOME], either[SOME];
    size_t size = query->dim / 8;
    for (uint32_t first = 0; first < count; first += SOME) {
        uint32_t some = count - first < SOME ? count - first : SOME;
        uint32_t next = first + some;
        prefetch_rows(query, rows, next, fewer(next + SOME, count));
        if (query->metric == METRIC_HAMMING) {
            query->elements->hamming_rows(query->vector, rows + first, size,
                                          some, both);
            for (uint32_t i = 0; i < some; i++)
                distances[first + i] = (float)both[i];
            continue;
        }
        query->elements->common_rows(query->vector, rows + first, size, some,
                                     both, either);
        for (uint32_t i = 0; i < some; i++)
            distances[first + i] = jaccard_of(both[i], either[i]);
    }
}

void
exact_distances(const ExactQuery *query, const void *const *rows,
                uint32_t count, float *distances)
{
    uint32_t i = 0;
    if (query->element == ELEMENT_BIT) {
        bit_distances(query, rows, count, distances);
        return;
    }
    uint32_t ahead = fewer(ROWS_AHEAD, count);
    prefetch_rows(query, rows, 0, ahead);
    for (uint32_t end; i < count; i = end) {
        end = fewer(i + 4, count);
        uint32_t next = fewer(end + ROWS_AHEAD, count);
        prefetch_rows(query, rows, ahead, next);
        ahead = next;
        if (query->element == ELEMENT_F32 && end - i == 4)
            distances_of_4(query, rows + i, distances + i);
        else
            for (uint32_t row = i; row < end; row++)
                distances[row] = exact_distance(query, rows[row]);
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

uint32_t
vector_next_rows(const VectorColumn *column, const uint64_t *allowed,
                 size_t *from, uint32_t rows[VECTOR_ROWS])
{
    uint32_t count = 0;
    if (allowed == NULL) {
        for (; *from < column->count && count < VECTOR_ROWS; ++*from)
            if (column->valid == NULL || column->valid[*from] != 0)
                rows[count++] = (uint32_t)*from;
        return count;
    }
    while (count == 0) {
        uint32_t collected =
            bits_collect(allowed, column->count, from, rows, VECTOR_ROWS);
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

mql_status
vector_verify_rows(const VectorColumn *column, const uint32_t *rows,
                   uint32_t count, Error *err)
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
    uint32_t rows[VECTOR_ROWS];
    float distances[VECTOR_ROWS];
    size_t from = 0;
    uint64_t elements = 0;
    uint32_t count;

    *found = 0;
    while ((count = vector_next_rows(column, query->allowed, &from, rows)) >
           0) {
        if (elements > CANCEL_ELEMENTS) {
            if (is_cancelled(query->cancel))
                return error_cancelled(err);
            elements = 0;
        }
        elements += (uint64_t)count * column->dim;
        TRY(exact_rows(&exact, column, query->reads_rows, rows, count,
                       distances, err));
        for (uint32_t i = 0; i < count; i++)
            if (top.count < top.k || distances[i] <= nearest[0].distance)
                top_k_offer(&top, (Neighbor){distances[i], rows[i]});
        if (query->counters != NULL)
            query->counters->distances += count;
    }
    *found = top_k_finish(&top);
    return MQL_OK;
}
