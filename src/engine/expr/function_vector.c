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

static double
taxicab(const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += fabs((double)a[i] - (double)b[i]);
    return sum;
}

static double
cosine_distance(const float *a, const float *b, size_t dim)
{
    const DistanceTable *kernels = distance_table();
    float b_square;
    double product = (double)kernels->dot_square_f32(a, b, dim, &b_square);
    double squares = (double)kernels->dot_f32(a, a, dim) * (double)b_square;
    if (!(squares > 0))
        return 1;
    double cosine = product / sqrt(squares);
    if (cosine > 1)
        cosine = 1;
    return cosine < -1 ? 2 : 1 - cosine;
}

static double
distance(DistanceOp op, const float *a, const float *b, size_t dim)
{
    const DistanceTable *kernels = distance_table();
    switch (op) {
    case DISTANCE_L2:
        return sqrt((double)kernels->l2_f32(a, b, dim));
    case DISTANCE_L2_SQUARED:
        return (double)kernels->l2_f32(a, b, dim);
    case DISTANCE_COSINE:
        return cosine_distance(a, b, dim);
    case DISTANCE_NEGATIVE_PRODUCT:
        return 0.0 - (double)kernels->dot_f32(a, b, dim); /* never -0 */
    case DISTANCE_PRODUCT:
        return (double)kernels->dot_f32(a, b, dim);
    case DISTANCE_L1:
        break;
    }
    return taxicab(a, b, dim);
}

mql_status
row_distance(const RowCall *call, const Value *arguments, Value *result,
             Error *err)
{
    DistanceOp op = (DistanceOp)call->expr->function->operation;
    size_t left = arguments[0].bytes.size / sizeof(float);
    size_t right = arguments[1].bytes.size / sizeof(float);
    if (left != right)
        return error_set(err, ERR_DATA_EXCEPTION,
                         "different vector dimensions %zu and %zu", left,
                         right);
    call->run->distances++;
    return result_real(distance(op, value_floats(&arguments[0]),
                                value_floats(&arguments[1]), left),
                       result, err);
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
