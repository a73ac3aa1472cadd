/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact_rows.c - exact distances of rows picked out of a column: in place, or
 * read from its file so that none of its pages becomes resident.
 *
 * Rows are read in the order in which they lie, neighbours at once, into room
 * for a few of them. The kernels get the same bytes either way, hence give the
 * same numbers.
 */
#include "index/vector/exact.h"

#include <stdlib.h>

/* Rows read before their distances are computed, and what they may take. */
#define GROUP 64
#define ROOM 65536

/* The places of `rows` in ascending order of row: mostly sorted already. */
static void
sort_places(const uint32_t *rows, uint32_t count, uint32_t *places)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = i;
        for (; j > 0 && rows[places[j - 1]] > rows[i]; j--)
            places[j] = places[j - 1];
        places[j] = i;
    }
}

/* Rows that follow each other come from one read. */
static mql_status
read_group(const VectorColumn *column, const uint32_t *rows, uint32_t count,
           const void **vectors, char *room, Error *err)
{
    uint32_t places[GROUP];
    size_t size = vector_row_size(column);
    sort_places(rows, count, places);
    for (uint32_t i = 0, end; i < count; i = end) {
        uint32_t first = rows[places[i]];
        end = i + 1;
        while (end < count && rows[places[end]] == first + (end - i))
            end++;
        TRY(section_read(column->file, &column->section, first * size,
                         (end - i) * size, room + i * size, err));
        for (uint32_t j = i; j < end; j++)
            vectors[places[j]] = room + j * size;
    }
    return MQL_OK;
}

static mql_status
read_distances(const ExactQuery *query, const VectorColumn *column,
               const uint32_t *rows, uint32_t count, float *distances,
               Error *err)
{
    const void *vectors[GROUP];
    size_t size = vector_row_size(column);
    uint32_t most = size >= ROOM ? 1 : (uint32_t)(ROOM / size);
    most = most > GROUP ? GROUP : most;
    most = most > count ? count : most;
    char *room = malloc(most * size);
    if (room == NULL)
        return error_no_memory(err);
    mql_status status = MQL_OK;
    for (uint32_t i = 0; status == MQL_OK && i < count; i += most) {
        uint32_t some = count - i < most ? count - i : most;
        status = read_group(column, rows + i, some, vectors, room, err);
        if (status == MQL_OK)
            exact_distances(query, vectors, some, distances + i);
    }
    free(room);
    return status;
}

mql_status
exact_rows(const ExactQuery *query, const VectorColumn *column, bool is_read,
           const uint32_t *rows, uint32_t count, float *distances, Error *err)
{
    const void *vectors[VECTOR_ROWS];
    if (count > 0 && is_read && column->file != NULL)
        return read_distances(query, column, rows, count, distances, err);
    for (uint32_t first = 0; first < count; first += VECTOR_ROWS) {
        uint32_t left = count - first;
        uint32_t some = left < VECTOR_ROWS ? left : VECTOR_ROWS;
        TRY(vector_verify_rows(column, rows + first, some, err));
        for (uint32_t i = 0; i < some; i++)
            vectors[i] = vector_row(column, rows[first + i]);
        exact_distances(query, vectors, some, distances + first);
    }
    return MQL_OK;
}
