/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space.c - fetching rows ahead of their use is most of what matters here: a
 * row that is not in cache costs five times its arithmetic.
 */
#include "index/vector/space.h"

#define AHEAD 2       /* rows on their way          */
#define LINES_MOST 16 /* cache lines fetched of each */

size_t
space_row_size(const Space *space)
{
    if (space->coder.type == CODES_NONE)
        return vector_row_size(space->column);
    if (space->small.type != CODES_NONE)
        return space->small.stride;
    return space->nibbles.stride > 0 ? space->nibbles.stride
                                     : space->coder.stride;
}

size_t
space_query_size(const Space *space)
{
    if (space->small.type != CODES_NONE)
        return small_query_size(&space->small);
    return space->nibbles.stride > 0 ? nibble_query_size(space->nibbles.dim)
                                     : space->coder.stride;
}

size_t
space_norm_size(const Space *space)
{
    if (space->small.terms != NULL)
        return sizeof *space->small.terms;
    return space->nibbles.stride > 0 ? sizeof *space->nibbles.norms : 0;
}

static bool
is_verified(const Space *space)
{
    if (space->file == NULL)
        return true;
    return section_is_verified(space->file, &space->section) &&
           (space_norm_size(space) == 0 ||
            section_is_verified(space->file, &space->norms));
}

SpaceQuery
space_query(const Space *space, const void *vector, uint8_t *code)
{
    SpaceQuery query = {.exact = exact_query_of(space->metric,
                                                space->column->element, vector,
                                                space->column->dim),
                        .is_verified = is_verified(space)};
    if (space->small.type != CODES_NONE) {
        query.small = small_query(&space->small, vector, code);
    } else if (space->nibbles.stride > 0) {
        query.nibbles = nibbles_query(&space->nibbles, vector, code);
    } else if (space->coder.type != CODES_NONE) {
        coder_encode(&space->coder, vector, UINT32_MAX, code);
        query.code = code;
    }
    return query;
}

static const void *
vector_of(const Space *space, uint32_t row)
{
    return vector_row(space->column, row);
}

static const uint8_t *
code_of(const Space *space, uint32_t row)
{
    return space->codes + (size_t)row * space->coder.stride;
}

SpaceQuery
space_query_row(const Space *space, uint32_t row)
{
    SpaceQuery query = {.is_verified = space->file == NULL};
    if (space->coder.type != CODES_NONE)
        query.code = code_of(space, row);
    else
        query.exact = exact_query_of(space->metric, space->column->element,
                                     vector_of(space, row), space->column->dim);
    return query;
}

float
space_distance(const Space *space, const SpaceQuery *query, uint32_t row)
{
    if (space->coder.type == CODES_NONE)
        return exact_distance(&query->exact, vector_of(space, row));
    return code_distance(&space->coder, space->kernels, query->code,
                         code_of(space, row));
}

static void
prefetch(const void *row, size_t size)
{
    size_t lines = (size + 63) / 64;
    lines = lines > LINES_MOST ? LINES_MOST : lines;
    for (size_t line = 0; line < lines; line++) {
        __builtin_prefetch((const char *)row + 64 * line);
        /* GCC 12 may drop all but the first of an unrolled row of these. */
        __asm__ volatile("" ::: "memory");
    }
}

static mql_status
float_distances(const Space *space, const SpaceQuery *query,
                const uint32_t *rows, uint32_t count, float *distances,
                Error *err)
{
    size_t size = vector_row_size(space->column);
    for (uint32_t i = 0; i < AHEAD && i < count; i++)
        prefetch(vector_of(space, rows[i]), size);
    for (uint32_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            prefetch(vector_of(space, rows[i + AHEAD]), size);
        if (!space->is_verified)
            TRY(vector_column_verify(space->column, rows[i], 1, err));
        distances[i] = exact_distance(&query->exact, vector_of(space, rows[i]));
    }
    return MQL_OK;
}

/* Verify the codes of rows that are about to be looked at. */
static mql_status
verify_codes(const Space *space, const uint32_t *rows, uint32_t count,
             Error *err)
{
    size_t stride = space_row_size(space), norm = space_norm_size(space);
    for (uint32_t i = 0; i < count; i++) {
        TRY(section_verify(space->file, &space->section, rows[i] * stride,
                           stride, err));
        if (norm > 0)
            TRY(section_verify(space->file, &space->norms, rows[i] * norm, norm,
                               err));
    }
    return MQL_OK;
}

mql_status
space_distances(const Space *space, const SpaceQuery *query,
                const uint32_t *rows, uint32_t count, float *distances,
                Error *err)
{
    if (space->coder.type == CODES_NONE)
        return float_distances(space, query, rows, count, distances, err);
    if (!query->is_verified)
        TRY(verify_codes(space, rows, count, err));
    if (space->small.type != CODES_NONE)
        small_distances(&space->small, space->kernels, &query->small, rows,
                        count, distances);
    else if (space->nibbles.stride > 0)
        nibble_distances(&space->nibbles, space->kernels, &query->nibbles, rows,
                         count, distances);
    else
        code_distances(&space->coder, space->kernels, query->code, space->codes,
                       rows, count, distances);
    return MQL_OK;
}
