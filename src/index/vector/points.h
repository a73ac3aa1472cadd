/* SPDX-License-Identifier: Apache-2.0 */
/*
 * points.h - the nearest of many points, for clustering and for codes of parts.
 *
 * Over floats the answer is the nearest one, but for rounding. Coded points are
 * compared by a byte for each element first, and by floats those that come out
 * near: nearly always that is the nearest one too, and else one that is about
 * as near. Either way an answer depends on the row and the points alone.
 */
#ifndef INDEX_VECTOR_POINTS_H
#define INDEX_VECTOR_POINTS_H

#include "index/vector/codes.h"

#define POINTS_BLOCK 72 /* rows looked at together */

typedef struct Points {
    uint32_t count, dim;
    const float *rows; /* the points, where they were when they were set    */
    float *panels;     /* 32 side by side, as kernels/lists.h likes them    */
    float *norms;      /* squared; infinite past the last point            */
    bool is_coded;     /* then, for 16 points side by side:                 */
    Coder coder;       /* of rows of floats                                 */
    float *center;
    uint8_t *codes;      /* SIDE_ROWS * coder.stride each                   */
    int32_t *code_norms; /* squared; INT32_MAX past the last point          */
    uint8_t *code;       /* room for one                                    */
    float blur;          /* mean square of an element less its code's value,
                            in steps of the coder, of a row and a point     */
} Points;

/* What one thread works with on coded points. */
typedef struct PointsRoom PointsRoom;

/* Room for `most` points. Memory: about that of the points. */
mql_status points_init(Points *points, uint32_t most, uint32_t dim, Error *err);

/* Code the points that will be set, as rows of the column are coded, where
 * numbers and their count allow it; before points_set(). `is_unit`: rows are
 * made unit length. Memory: a quarter more. */
mql_status points_code(Points *points, const VectorColumn *column, bool is_unit,
                       uint32_t most, Error *err);
void points_free(Points *points);

/* Take these `count` points, which stay where they are. */
void points_set(Points *points, const float *from, uint32_t count);

/* The nearest point of each of up to POINTS_BLOCK rows; of equally near ones
 * the first. `room` is for coded points; NULL: all is done over floats. */
void points_nearest(const Points *points, PointsRoom *room,
                    const float *const *rows, uint32_t count,
                    uint32_t *nearest);

/* NULL: no memory. For rows of `dim` elements. */
PointsRoom *points_room_create(uint32_t dim);
void points_room_destroy(PointsRoom *room);

/* Bytes of that, and of a block of rows. */
uint64_t points_room_size(uint32_t dim);

#endif
