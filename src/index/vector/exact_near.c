/* SPDX-License-Identifier: Apache-2.0 */
/* exact_near.c - one neighbour more is asked for, as the row is its own. */
#include "index/vector/exact_near.h"

#include <string.h>

/* All neighbours but the row itself. */
static uint32_t
leave_out(const Neighbor *all, uint32_t count, uint32_t row, uint32_t k,
          Neighbor *nearest)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count && kept < k; i++)
        if (all[i].row != row)
            nearest[kept++] = all[i];
    return kept;
}

static mql_status
look_up(const TrueNear *near, const uint32_t *rows, VectorTargets *targets,
        Arena *arena, Error *err)
{
    const void *vectors[NEAR_TOGETHER];
    SearchCounters counters = {0};
    VectorQuery query = {.k = near->k + 1,
                         .allowed = near->allowed,
                         .cancel = near->cancel,
                         .counters = &counters};
    targets->vectors = vectors;
    targets->nearest = arena_alloc_array(
        arena, (size_t)targets->count * query.k, sizeof(Neighbor));
    targets->found =
        arena_alloc_array(arena, targets->count, sizeof *targets->found);
    if (targets->nearest == NULL || targets->found == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < targets->count; i++)
        vectors[i] = vector_row(near->column, rows[i]);
    return vector_scan_many(near->column, near->metric, &query, targets, arena,
                            err);
}

mql_status
true_near(const TrueNear *near, const uint32_t *rows, uint32_t count,
          Neighbor *nearest, uint32_t *found, Error *err)
{
    Arena arena;
    VectorTargets targets = {.count = count};
    arena_init(&arena, 0);
    mql_status status = look_up(near, rows, &targets, &arena, err);
    for (uint32_t i = 0; status == MQL_OK && i < count; i++)
        found[i] = leave_out(targets.nearest + (size_t)i * (near->k + 1),
                             targets.found[i], rows[i], near->k,
                             nearest + (size_t)i * near->k);
    arena_free(&arena);
    return status;
}
