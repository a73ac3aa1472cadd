/* SPDX-License-Identifier: Apache-2.0 */
/*
 * function_vector.c - distances and other functions of vectors.
 *
 * Numbers are pgvector's: root of L2, 1 - cosine, negative inner product. Sums
 * are computed by the kernels that indexes use, so that an exact scan and an
 * index agree. A vector of zeros has cosine 0 with every other: distance 1,
 * never NaN.
 */
#include <math.h>

#include "engine/expr/expr_internal.h"
#include "index/kernels/distance.h"
#include "index/kernels/elements.h"

/* Two vectors of one type. */
typedef struct Pair {
    ElementType element;
    const void *a, *b;
    size_t dim;
} Pair;

static double
taxicab(const Pair *pair)
{
    size_t size = element_row_size(pair->element, 1);
    double sum = 0;
    for (size_t i = 0; i < pair->dim; i++) {
        float a, b;
        element_floats(pair->element, (const char *)pair->a + i * size, 1, &a);
        element_floats(pair->element, (const char *)pair->b + i * size, 1, &b);
        sum += fabs((double)a - (double)b);
    }
    return sum;
}

static double
squared(const Pair *pair)
{
    const ElementKernels *kernels =
        element_kernels(element_table(), pair->element);
    if (kernels == NULL)
        return (double)distance_table()->l2_f32(pair->a, pair->b, pair->dim);
    return (double)kernels->l2(pair->a, pair->b, pair->dim);
}

static double
product(const Pair *pair)
{
    const ElementKernels *kernels =
        element_kernels(element_table(), pair->element);
    if (kernels == NULL)
        return (double)distance_table()->dot_f32(pair->a, pair->b, pair->dim);
    return (double)kernels->dot(pair->a, pair->b, pair->dim);
}

static double
cosine_distance(const Pair *pair)
{
    const ElementKernels *kernels =
        element_kernels(element_table(), pair->element);
    const Pair a = {pair->element, pair->a, pair->a, pair->dim};
    float b_square;
    double both =
        (double)(kernels == NULL ? distance_table()->dot_square_f32(
                                       pair->a, pair->b, pair->dim, &b_square)
                                 : kernels->dot_square(pair->a, pair->b,
                                                       pair->dim, &b_square));
    double squares = product(&a) * (double)b_square;
    if (!(squares > 0))
        return 1;
    double cosine = both / sqrt(squares);
    if (cosine > 1)
        cosine = 1;
    return cosine < -1 ? 2 : 1 - cosine;
}

static double
jaccard(const Pair *pair)
{
    uint32_t either;
    uint32_t both =
        element_table()->common(pair->a, pair->b, pair->dim / 8, &either);
    return both == 0 ? 1 : 1 - (double)both / (double)either;
}

static double
distance(DistanceOp op, const Pair *pair)
{
    switch (op) {
    case DISTANCE_L2:
        return sqrt(squared(pair));
    case DISTANCE_L2_SQUARED:
        return squared(pair);
    case DISTANCE_COSINE:
        return cosine_distance(pair);
    case DISTANCE_NEGATIVE_PRODUCT:
        return 0.0 - product(pair); /* never -0 */
    case DISTANCE_PRODUCT:
        return product(pair);
    case DISTANCE_HAMMING:
        return (double)element_table()->hamming(pair->a, pair->b,
                                                pair->dim / 8);
    case DISTANCE_JACCARD:
        return jaccard(pair);
    case DISTANCE_L1:
        break;
    }
    return taxicab(pair);
}

mql_status
row_distance(const RowCall *call, const Value *arguments, Value *result,
             Error *err)
{
    DistanceOp op = (DistanceOp)call->expr->function->operation;
    uint32_t left = value_dimension(&arguments[0]);
    uint32_t right = value_dimension(&arguments[1]);
    if (left != right)
        return error_set(err, ERR_DATA_EXCEPTION,
                         "different vector dimensions %u and %u", left, right);
    const Pair pair = {type_element(arguments[0].type.kind),
                       arguments[0].bytes.data, arguments[1].bytes.data, left};
    call->run->distances++;
    return result_real(distance(op, &pair), result, err);
}

mql_status
row_vector_dims(const RowCall *call, const Value *arguments, Value *result,
                Error *err)
{
    (void)call;
    (void)err;
    result->integer = (int64_t)(arguments[0].bytes.size / sizeof(float));
    return MQL_OK;
}

static double
norm(const Value *vector)
{
    const float *floats = value_floats(vector);
    size_t dim = vector->bytes.size / sizeof(float);
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)floats[i] * (double)floats[i];
    return sqrt(sum);
}

mql_status
row_vector_norm(const RowCall *call, const Value *arguments, Value *result,
                Error *err)
{
    (void)call;
    return result_real(norm(&arguments[0]), result, err);
}

static float *
new_vector(const RowCall *call, size_t dim, Value *result)
{
    float *floats = arena_alloc_array(call->arena, dim + 1, sizeof *floats);
    result->bytes = (Slice){(const char *)floats, dim * sizeof *floats};
    result->type.length = (uint32_t)dim;
    return floats;
}

mql_status
row_l2_normalize(const RowCall *call, const Value *arguments, Value *result,
                 Error *err)
{
    const float *from = value_floats(&arguments[0]);
    size_t dim = arguments[0].bytes.size / sizeof(float);
    double length = norm(&arguments[0]);
    float *to = new_vector(call, dim, result);
    if (to == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < dim; i++)
        to[i] = length > 0 ? (float)((double)from[i] / length) : 0.0f;
    return MQL_OK;
}

/* Positions outside the vector are left out, as in substr(). */
mql_status
row_subvector(const RowCall *call, const Value *arguments, Value *result,
              Error *err)
{
    int64_t dim = (int64_t)(arguments[0].bytes.size / sizeof(float));
    int64_t first = arguments[1].integer;
    int64_t end;
    if (arguments[2].integer < 1 ||
        __builtin_add_overflow(first, arguments[2].integer, &end))
        end = arguments[2].integer < 1 ? first : INT64_MAX;
    if (first < 1)
        first = 1;
    if (end > dim + 1)
        end = dim + 1;
    if (first >= end)
        return error_set(err, ERR_DATA_EXCEPTION,
                         "vector must have at least 1 dimension");
    size_t count = (size_t)(end - first);
    float *to = new_vector(call, count, result);
    if (to == NULL)
        return error_no_memory(err);
    memcpy(to, value_floats(&arguments[0]) + first - 1, count * sizeof *to);
    return MQL_OK;
}

/* pgvector's: the sign of each element. */
mql_status
row_binary_quantize(const RowCall *call, const Value *arguments, Value *result,
                    Error *err)
{
    const float *from = value_floats(&arguments[0]);
    uint32_t dim = value_dimension(&arguments[0]);
    if (dim % 8 != 0)
        return error_set(err, ERR_DATA_EXCEPTION,
                         "dimensions of type %s must be a multiple of 8, not "
                         "%u",
                         type_kind_name(TYPE_BINARY_VECTOR), dim);
    unsigned char *to = arena_alloc(call->arena, dim / 8);
    if (to == NULL)
        return error_no_memory(err);
    memset(to, 0, dim / 8);
    for (uint32_t i = 0; i < dim; i++)
        if (from[i] > 0)
            to[i / 8] = (unsigned char)(to[i / 8] | 0x80u >> i % 8);
    *result = value_elements(TYPE_BINARY_VECTOR, to, dim);
    return MQL_OK;
}
