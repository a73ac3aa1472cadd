/* SPDX-License-Identifier: Apache-2.0 */
/*
 * points.c - comparing rows with points is a product of matrices, done in
 * blocks that stay in cache. |x - c|^2 is |c|^2 - 2 x c here, as |x|^2 is the
 * same for all points.
 *
 * Over floats 12 rows meet 32 points at a time (kernels/lists.h). Coded points
 * meet rows 16 by 8, in a fifth of the time where the processor multiplies
 * bytes. With b for the mean square of what a code is off in an element, the
 * difference of two distances d^2 between codes is off by about
 *
 *   2 d sqrt(2 b) + sqrt(2 dim) b
 *
 * (the rest of a row and that of each point are as good as drawn by chance), so
 * a point is looked at by its floats when it is no more than BLURS times that
 * behind the nearest one.
 */
#include "index/vector/points.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "index/kernels/lists.h"

_Static_assert(POINTS_BLOCK % PANEL_ROWS == 0, "blocks of whole panels");
_Static_assert(POINTS_BLOCK % SIDE_QUERIES == 0, "blocks of whole sides");

#define BLURS 2.0f
#define CANDIDATES 32 /* near points of a row that are kept      */
#define CODED_FROM 64 /* points, and ...                         */
#define CODED_DIM 16  /* ... elements from which codes are worth it */
#define BLUR_ROWS 64  /* rows to measure the blur with           */

typedef struct Candidate {
    int32_t distance; /* of codes, less the row's square */
    uint32_t point;
} Candidate;

/* A row on its way through the points. */
typedef struct CodedRow {
    int32_t square; /* of its code                            */
    int32_t least;  /* distance of the nearest code so far    */
    float distance; /* of floats, of the nearest looked at    */
    uint32_t point; /* that one                               */
    uint32_t count;
    Candidate candidates[CANDIDATES];
} CodedRow;

struct PointsRoom {
    uint8_t *codes; /* POINTS_BLOCK of them */
    CodedRow rows[POINTS_BLOCK];
    int32_t limits[POINTS_BLOCK]; /* distances below are of interest */
};

/* ---- memory ---- */

static uint32_t
panel_count(uint32_t count)
{
    return count / PANEL_POINTS + 1;
}

static uint32_t
side_count(uint32_t count)
{
    return (count + SIDE_ROWS - 1) / SIDE_ROWS;
}

mql_status
points_init(Points *points, uint32_t most, uint32_t dim, Error *err)
{
    size_t room = (size_t)panel_count(most) * PANEL_POINTS;
    *points = (Points){.dim = dim};
    points->panels = calloc(room * dim, sizeof *points->panels);
    points->norms = calloc(room, sizeof *points->norms);
    if (points->panels != NULL && points->norms != NULL)
        return MQL_OK;
    points_free(points);
    return error_no_memory(err);
}

void
points_free(Points *points)
{
    free(points->panels);
    free(points->norms);
    free(points->center);
    free(points->codes);
    free(points->code_norms);
    free(points->code);
    *points = (Points){0};
}

PointsRoom *
points_room_create(uint32_t dim)
{
    PointsRoom *room = calloc(1, sizeof *room);
    if (room == NULL)
        return NULL;
    room->codes = calloc(POINTS_BLOCK, code_stride(dim));
    if (room->codes != NULL)
        return room;
    free(room);
    return NULL;
}

void
points_room_destroy(PointsRoom *room)
{
    if (room != NULL)
        free(room->codes);
    free(room);
}

uint64_t
points_room_size(uint32_t dim)
{
    return sizeof(PointsRoom) +
           POINTS_BLOCK * (code_stride(dim) + (uint64_t)dim * sizeof(float));
}

/* ---- codes ---- */

/* The mean square of what is left of an element, in steps. */
static double
blur_of(const Coder *coder, const float *row, const uint8_t *code)
{
    double sum = 0;
    for (uint32_t i = 0; i < coder->dim; i++) {
        double rest =
            ((double)row[i] - (double)coder->center[i]) / (double)coder->step -
            ((double)code[i] - 64.0);
        sum += rest * rest;
    }
    return sum / coder->dim;
}

mql_status
points_code(Points *points, const VectorColumn *column, bool is_unit,
            uint32_t most, Error *err)
{
    if (most < CODED_FROM || points->dim < CODED_DIM)
        return MQL_OK;
    size_t room = (size_t)side_count(most) * SIDE_ROWS;
    size_t stride = code_stride(points->dim);
    points->center = calloc(points->dim, sizeof *points->center);
    points->codes = calloc(room, stride);
    points->code_norms = calloc(room, sizeof *points->code_norms);
    points->code = calloc(1, stride);
    if (points->center == NULL || points->codes == NULL ||
        points->code_norms == NULL || points->code == NULL)
        return error_no_memory(err);
    TRY(coder_train(column, is_unit ? METRIC_COSINE : METRIC_L2, points->center,
                    &points->coder, err));
    /* What is to be coded has its length already. */
    points->coder.metric = METRIC_L2;
    points->coder.element = ELEMENT_F32;
    points->is_coded = points->coder.type != CODES_NONE;
    return MQL_OK;
}

static int32_t
square_of(const uint8_t *code, size_t stride)
{
    int32_t sum = 0;
    for (size_t i = 0; i < stride; i++)
        sum += (int32_t)code[i] * (int32_t)code[i];
    return sum;
}

/* Bring a code to its place beside the others. */
static void
set_code(Points *points, uint32_t point, const uint8_t *code)
{
    size_t stride = points->coder.stride;
    uint8_t *to = points->codes + point / SIDE_ROWS * SIDE_ROWS * stride +
                  point % SIDE_ROWS * 4;
    for (size_t i = 0; i < stride; i += 4)
        memcpy(to + i / 4 * (4 * (size_t)SIDE_ROWS), code + i, 4);
    points->code_norms[point] = square_of(code, stride);
}

static void
code_points(Points *points)
{
    const Coder *coder = &points->coder;
    uint32_t every = points->count / BLUR_ROWS + 1, measured = 0;
    double blur = 0;
    uint8_t *code = points->code;
    for (uint32_t i = 0; i < points->count; i++) {
        const float *row = points->rows + (size_t)i * points->dim;
        coder_encode(coder, row, 0, code);
        set_code(points, i, code);
        if (i % every != 0)
            continue;
        blur += blur_of(coder, row, code);
        measured++;
    }
    points->blur = (float)(blur / measured);
    for (uint32_t i = points->count; i % SIDE_ROWS != 0; i++)
        points->code_norms[i] = INT32_MAX;
}

void
points_set(Points *points, const float *from, uint32_t count)
{
    uint32_t room = panel_count(count) * PANEL_POINTS;
    size_t panel_size = (size_t)points->dim * PANEL_POINTS;
    points->count = count;
    points->rows = from;
    for (uint32_t c = 0; c < room; c++) {
        float *panel = points->panels + c / PANEL_POINTS * panel_size;
        double norm = 0;
        for (uint32_t i = 0; i < points->dim; i++) {
            float x = c < count ? from[(size_t)c * points->dim + i] : 0.0f;
            panel[(size_t)i * PANEL_POINTS + c % PANEL_POINTS] = x;
            norm += (double)x * (double)x;
        }
        points->norms[c] = c < count ? (float)norm : INFINITY;
    }
    if (points->is_coded)
        code_points(points);
}

/* ---- over codes ---- */

static float
distance_to(const Points *points, const float *row, uint32_t point)
{
    float dot = distance_table()->dot_f32(
        row, points->rows + (size_t)point * points->dim, points->dim);
    return points->norms[point] - 2.0f * dot;
}

/* Distances of codes below this may be of the nearest point. */
static int32_t
limit_of(const Points *points, const CodedRow *row)
{
    float square = (float)row->least + (float)row->square;
    float blur = 2.0f * points->blur;
    float margin = 2.0f * sqrtf(blur * fmaxf(square, 0.0f)) +
                   sqrtf((float)points->dim) * blur;
    float limit = (float)row->least + BLURS * margin + 1.0f;
    return limit < 2e9f ? (int32_t)limit : INT32_MAX;
}

/* Look at the floats of the candidates that are still near enough. */
static void
look_closer(const Points *points, const float *vector, int32_t limit,
            CodedRow *row)
{
    for (uint32_t i = 0; i < row->count; i++) {
        if (row->candidates[i].distance >= limit)
            continue;
        uint32_t point = row->candidates[i].point;
        float distance = distance_to(points, vector, point);
        if (distance < row->distance) {
            row->distance = distance;
            row->point = point;
        }
    }
    row->count = 0;
}

/* The rows of a side that are below their limits. */
typedef struct Side {
    const Points *points;
    PointsRoom *room;
    const float *const *vectors;
    uint32_t first_point;
} Side;

static void
take_below(const Side *side, uint32_t number, const int32_t *distances,
           uint32_t below)
{
    CodedRow *row = &side->room->rows[number];
    int32_t *limit = &side->room->limits[number];
    for (; below != 0; below &= below - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(below);
        if (distances[i] >= *limit)
            continue;
        if (row->count == CANDIDATES)
            look_closer(side->points, side->vectors[number], *limit, row);
        row->candidates[row->count++] =
            (Candidate){distances[i], side->first_point + i};
        if (distances[i] >= row->least)
            continue;
        row->least = distances[i];
        *limit = limit_of(side->points, row);
    }
}

static void
compare_side(const Side *side, uint32_t count)
{
    const Points *points = side->points;
    size_t stride = points->coder.stride;
    const SideCodes codes = {points->codes + side->first_point * stride,
                             points->code_norms + side->first_point, stride};
    int32_t distances[SIDE_QUERIES * SIDE_ROWS];
    uint16_t below[SIDE_QUERIES];
    for (uint32_t first = 0; first < count; first += SIDE_QUERIES) {
        const uint8_t *rows[SIDE_QUERIES];
        for (uint32_t i = 0; i < SIDE_QUERIES; i++)
            rows[i] = side->room->codes + (first + i) * stride;
        list_table()->side_distances(&codes, rows, side->room->limits + first,
                                     distances, below);
        for (uint32_t i = 0; i < SIDE_QUERIES && first + i < count; i++)
            take_below(side, first + i, distances + SIDE_ROWS * i, below[i]);
    }
}

static void
nearest_by_codes(const Points *points, PointsRoom *room,
                 const float *const *vectors, uint32_t count, uint32_t *nearest)
{
    size_t stride = points->coder.stride;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *code = room->codes + i * stride;
        coder_encode(&points->coder, vectors[i], 0, code);
        room->rows[i] = (CodedRow){.square = square_of(code, stride),
                                   .least = INT32_MAX,
                                   .distance = INFINITY};
        room->limits[i] = INT32_MAX;
    }
    Side side = {.points = points, .room = room, .vectors = vectors};
    for (; side.first_point < points->count; side.first_point += SIDE_ROWS)
        compare_side(&side, count);
    for (uint32_t i = 0; i < count; i++) {
        look_closer(points, vectors[i], room->limits[i], &room->rows[i]);
        nearest[i] = room->rows[i].point;
    }
}

/* ---- over floats ---- */

typedef struct Best {
    float distances[POINTS_BLOCK];
    uint32_t points[POINTS_BLOCK];
} Best;

/* Hold 12 rows against the first 32 points. */
static void
compare_first(const Points *points, const float *dots, uint32_t first_row,
              Best *best)
{
    for (uint32_t r = 0; r < PANEL_ROWS; r++) {
        for (uint32_t c = 0; c < PANEL_POINTS; c++) {
            float distance =
                points->norms[c] - 2.0f * dots[r * PANEL_POINTS + c];
            if (distance < best->distances[first_row + r]) {
                best->distances[first_row + r] = distance;
                best->points[first_row + r] = c;
            }
        }
    }
}

/* Hold 12 rows against 32 later points: few are nearer than what was found. */
static void
compare_panel(const Points *points, uint32_t at, const float *const *rows,
              uint32_t first_row, Best *best)
{
    float scales[PANEL_ROWS], shifts[PANEL_ROWS];
    uint32_t masks[PANEL_ROWS];
    for (uint32_t r = 0; r < PANEL_ROWS; r++) {
        scales[r] = 2.0f;
        shifts[r] = -best->distances[first_row + r];
    }
    list_table()->pass_panel(
        rows + first_row, points->panels + (size_t)at * points->dim,
        points->dim, scales, shifts, points->norms + at, masks);
    for (uint32_t r = 0; r < PANEL_ROWS; r++) {
        for (uint32_t mask = masks[r]; mask != 0; mask &= mask - 1) {
            uint32_t point = at + (uint32_t)__builtin_ctz(mask);
            float distance = distance_to(points, rows[first_row + r], point);
            if (distance < best->distances[first_row + r]) {
                best->distances[first_row + r] = distance;
                best->points[first_row + r] = point;
            }
        }
    }
}

static void
nearest_by_floats(const Points *points, const float *const *rows,
                  uint32_t count, uint32_t *nearest)
{
    float dots[PANEL_ROWS * PANEL_POINTS];
    Best best;
    for (uint32_t i = 0; i < POINTS_BLOCK; i++) {
        best.distances[i] = INFINITY;
        best.points[i] = 0;
    }
    for (uint32_t i = 0; i < count; i += PANEL_ROWS) {
        list_table()->dot_panel(rows + i, points->panels, points->dim, dots);
        compare_first(points, dots, i, &best);
    }
    for (uint32_t at = PANEL_POINTS; at < points->count; at += PANEL_POINTS)
        for (uint32_t i = 0; i < count; i += PANEL_ROWS)
            compare_panel(points, at, rows, i, &best);
    memcpy(nearest, best.points, count * sizeof *nearest);
}

void
points_nearest(const Points *points, PointsRoom *room, const float *const *rows,
               uint32_t count, uint32_t *nearest)
{
    const float *whole[POINTS_BLOCK];
    if (points->is_coded && room != NULL) {
        nearest_by_codes(points, room, rows, count, nearest);
        return;
    }
    for (uint32_t i = 0; i < POINTS_BLOCK; i++)
        whole[i] = rows[i < count ? i : 0];
    nearest_by_floats(points, whole, count, nearest);
}
