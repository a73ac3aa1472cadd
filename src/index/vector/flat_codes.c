/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flat_codes.c - see flat_codes.h.
 *
 * With target q ~ t u and row x ~ l + s c, U the sum of u and D = u.c the sum
 * of integers, the products of what the codes stand for are t (l U + s D). A
 * row may be among the nearest
 *
 *   L2, COSINE  if its distance is at most R + error, where R is the k-th's
 *               distance and the target's error:
 *               |t u|^2 + size - 2 t (l U + s D) <= (R + error)^2
 *   IP          if t (l U + s D) + |t u| error + (target's error) (size +
 *               error) reaches the k-th's product
 *
 * A unit vector's cosine is 1 - distance^2 / 2; a zero vector, whose cosine is
 * 0, stands at distance sqrt(2) from all: its size is put as 1.
 *
 * Rounding, here and of the exact kernels, is allowed for by parts (`slack`)
 * well above what it can be; a comparison with what is not a number keeps the
 * row.
 */
#include <math.h>
#include <string.h>

#include "index/vector/flat_scan.h"

/* Where the squares of vectors of any dimension fit into floats. */
#define ELEMENT_LEAST 1e-12
#define ELEMENT_MOST 1e12

/* ---- rows ---- */

typedef struct Extent {
    double least, most, size; /* of the elements; the largest of them      */
    double square;            /* of the length                             */
} Extent;

static Extent
extent_of(const float *vector, uint32_t dim)
{
    Extent extent = {.least = INFINITY, .most = -INFINITY};
    for (uint32_t i = 0; i < dim; i++) {
        double x = (double)vector[i];
        extent.least = x < extent.least ? x : extent.least;
        extent.most = x > extent.most ? x : extent.most;
        extent.square += x * x;
    }
    extent.size = fmax(fabs(extent.least), fabs(extent.most));
    return extent;
}

static bool
is_tame(const Extent *extent)
{
    return extent->size < ELEMENT_MOST && extent->size > ELEMENT_LEAST;
}

/* Larger by more than the rounding of what it came from. */
static float
rounded_up(double value)
{
    return (float)(value * (1 + 1e-6));
}

void
flat_encode(const VectorColumn *column, Metric metric, uint32_t row,
            float *room, uint8_t *code, float terms[FLAT_TERMS])
{
    uint32_t dim = column->dim;
    memset(code, 0, flat_stride(dim));
    memset(terms, 0, FLAT_TERMS * sizeof *terms);
    if (column->valid != NULL && column->valid[row] == 0)
        return;
    element_floats(column->element, vector_row(column, row), dim, room);
    Extent extent = extent_of(room, dim);
    if (extent.size == 0) {
        terms[FLAT_SIZE] = metric == METRIC_COSINE ? 1 : 0;
        return;
    }
    if (!is_tame(&extent)) {
        terms[FLAT_ERROR] = INFINITY;
        return;
    }
    double scale = metric == METRIC_COSINE ? 1 / sqrt(extent.square) : 1;
    float low = (float)(extent.least * scale);
    float step = (float)((extent.most - extent.least) * scale / 127);
    double error = 0, square = 0;
    for (uint32_t i = 0; i < dim; i++) {
        double x = (double)room[i] * scale;
        double wanted = step > 0 ? (x - (double)low) / (double)step : 0;
        code[i] = (uint8_t)fmax(0, fmin(127, rint(wanted)));
        double y = (double)low + (double)step * code[i];
        error += (x - y) * (x - y);
        square += y * y;
    }
    terms[FLAT_LOW] = low;
    terms[FLAT_STEP] = step;
    terms[FLAT_SIZE] =
        metric == METRIC_IP ? rounded_up(sqrt(square)) : (float)square;
    terms[FLAT_ERROR] = rounded_up(sqrt(error));
}

/* ---- the target ---- */

bool
flat_target_init(FlatTarget *target, const FlatCodes *codes,
                 const VectorColumn *column, Metric metric,
                 const VectorQuery *query, float *room, int8_t *code)
{
    uint32_t dim = column->dim;
    *target = (FlatTarget){.codes = codes,
                           .column = column,
                           .metric = metric,
                           .is_read = query->reads_rows,
                           .code = code};
    element_floats(column->element, query->vector, dim, room);
    Extent extent = extent_of(room, dim);
    if (!is_tame(&extent))
        return false;
    target->exact = exact_query_of(metric, column->element, query->vector, dim);
    target->length = sqrt(extent.square);
    double scale = metric == METRIC_COSINE ? 1 / target->length : 1;
    target->length *= scale;
    target->step = extent.size * scale / 127;
    double error = 0;
    for (uint32_t i = 0; i < dim; i++) {
        double x = (double)room[i] * scale;
        code[i] = (int8_t)fmax(-127, fmin(127, rint(x / target->step)));
        double y = target->step * code[i];
        error += (x - y) * (x - y);
        target->square += y * y;
        target->sum += code[i];
    }
    memset(code + dim, 0, flat_stride(dim) - dim);
    target->error = sqrt(error) * (1 + 1e-6);
    target->slack = ((double)dim + 32) * 0x1p-21;
    target->spread = (sqrt((double)dim) + 8) * 0x1p-20;
    return true;
}

CodeBound
flat_bound(const FlatTarget *target, const TopK *top)
{
    double factor = target->metric == METRIC_IP ? 1 : 2;
    CodeBound bound = {.of_low = (float)(factor * target->step * target->sum),
                       .of_step = (float)(factor * target->step),
                       .least = -INFINITY};
    if (top->count < top->k)
        return bound;
    double farthest = (double)top->heap[0].distance;
    if (target->metric == METRIC_IP) {
        double length = sqrt(target->square);
        bound.of_error = rounded_up(length + target->error);
        bound.of_size =
            rounded_up(target->error + (target->slack + target->spread) *
                                           (length + target->length));
        bound.least = (float)(-farthest - fabs(farthest) * 1e-6);
        return bound;
    }
    double square = farthest * (1 + target->slack);
    if (target->metric == METRIC_COSINE)
        square = fmax(0, 2 + 2 * farthest + 2 * target->slack);
    bound.of_radius = 1;
    bound.radius = rounded_up(sqrt(square) + target->error);
    bound.of_size = (float)(-1 + target->spread);
    bound.least = (float)((1 - target->spread) * target->square);
    return bound;
}
