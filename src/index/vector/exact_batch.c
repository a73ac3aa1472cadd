/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact_batch.c - many targets, each row read once.
 *
 * A block of rows that fits into the cache is multiplied with panels of 32
 * targets, as a matrix product is. Such a product differs from the exact
 * distance by rounding alone, and by how much at most is known: a sum of n
 * products in floats, in any order, is off by n 2^-24 of the product of the
 * lengths. So a pair is left out only where the distance is farther than the
 * k-th so far by more than all rounding on the way, and every other pair is
 * given to exact_distance(). Of each metric:
 *
 *   L2      |q|^2 + |x|^2 - 2 q.x, less slack (|q|^2 + |x|^2), above the k-th
 *   IP      q.x / |q| + slack |x| below what the k-th has, divided by |q|
 *   COSINE  q.x / (|q| |x|) + slack below the k-th's
 *
 * all brought into the form product * scale - shift < bound, with scale and
 * shift of the row and bound of the target. Vectors whose squares would leave
 * the range of floats pass always.
 */
#include "index/vector/exact_batch.h"

#include <math.h>

#include "index/kernels/lists.h"

/* Rows of a block take at most so many bytes: half of a second-level cache. */
#define BLOCK_BYTES (384u << 10)
_Static_assert(VECTOR_ROWS % PANEL_ROWS == 0, "groups of whole panels");
/* Panels and answers of the targets that are searched together. */
#define TARGETS_BYTES (8u << 20)
#define TARGETS_MOST 1024
/* For fewer targets a product with 32 is more work than it saves. */
#define PANEL_LEAST 3

uint32_t
vector_targets_most(uint32_t dim, uint64_t k)
{
    uint64_t panel = dim * sizeof(float), answer = k * sizeof(Neighbor);
    uint64_t most = TARGETS_BYTES / (panel > answer ? panel : answer + 1);
    return most < 1 ? 1 : most < TARGETS_MOST ? (uint32_t)most : TARGETS_MOST;
}

/* ---- targets ---- */

static size_t
panel_room(const ExactBatch *batch)
{
    return ((size_t)batch->targets->count + PANEL_POINTS - 1) / PANEL_POINTS *
           PANEL_POINTS;
}

/* A target into its column of its panel, with length 1 but for L2. */
static void
turn_target(ExactBatch *batch, uint32_t target, const float *vector)
{
    float square = distance_table()->dot_f32(vector, vector, batch->dim);
    bool is_zero =
        square == 0 && vector_is_zero(ELEMENT_F32, vector, batch->dim);
    double norm = (double)square, scale = 1;
    if (batch->metric != METRIC_L2) {
        norm = sqrt(norm);
        scale = 1 / norm;
        is_zero = false; /* has no direction */
    }
    if (!exact_is_tame(square) && !is_zero)
        norm = INFINITY;
    batch->norms[target] = norm;
    float *panel = batch->panels +
                   (size_t)target / PANEL_POINTS * PANEL_POINTS * batch->dim;
    for (uint32_t i = 0; i < batch->dim && isfinite(norm); i++)
        panel[(size_t)i * PANEL_POINTS + target % PANEL_POINTS] =
            (float)((double)vector[i] * scale);
}

static mql_status
turn_targets(ExactBatch *batch, Arena *arena, Error *err)
{
    size_t room = panel_room(batch);
    float *whole = arena_alloc_array(arena, batch->dim, sizeof *whole);
    batch->norms = arena_alloc_array(arena, room, sizeof *batch->norms);
    batch->bounds = arena_alloc_array(arena, room, sizeof *batch->bounds);
    batch->panels = arena_alloc_lines(arena, room, batch->dim * sizeof(float));
    if (whole == NULL || batch->norms == NULL || batch->bounds == NULL ||
        batch->panels == NULL)
        return error_no_memory(err);
    for (uint32_t t = 0; t < batch->targets->count; t++) {
        element_floats(batch->element, batch->targets->vectors[t], batch->dim,
                       whole);
        turn_target(batch, t, whole);
    }
    for (size_t t = 0; t < room; t++)
        batch->bounds[t] = t < batch->targets->count ? -INFINITY : INFINITY;
    return MQL_OK;
}

/* What a product has to reach, now that the k-th is so near. */
static void
set_bound(ExactBatch *batch, uint32_t target)
{
    const TopK *top = &batch->tops[target];
    double norm = batch->norms[target];
    if (top->count < top->k || !isfinite(norm))
        return;
    double farthest = (double)top->heap[0].distance;
    double bound = -farthest;
    if (batch->metric == METRIC_L2)
        bound = ((1 - batch->slack) * norm - farthest) / 2;
    else if (batch->metric == METRIC_IP)
        bound = -farthest / norm;
    batch->bounds[target] = (float)bound;
}

static uint32_t
block_rows_of(uint32_t dim)
{
    size_t rows = BLOCK_BYTES / (dim * sizeof(float) + 1);
    rows = rows / PANEL_ROWS * PANEL_ROWS;
    if (rows > VECTOR_ROWS)
        return VECTOR_ROWS;
    return rows < PANEL_ROWS ? PANEL_ROWS : (uint32_t)rows;
}

mql_status
exact_batch_init(ExactBatch *batch, Metric metric, const VectorColumn *column,
                 uint32_t k, const VectorTargets *targets, Arena *arena,
                 Error *err)
{
    uint32_t count = targets->count;
    *batch = (ExactBatch){.targets = targets,
                          .metric = metric,
                          .element = column->element,
                          .dim = column->dim,
                          .block_rows = block_rows_of(column->dim),
                          .slack = ((double)column->dim + 32) * 0x1p-21};
    batch->queries = arena_alloc_array(arena, count, sizeof *batch->queries);
    batch->tops = arena_alloc_array(arena, count, sizeof *batch->tops);
    if (batch->queries == NULL || batch->tops == NULL)
        return error_no_memory(err);
    for (uint32_t t = 0; t < count; t++) {
        batch->queries[t] = exact_query_of(metric, column->element,
                                           targets->vectors[t], column->dim);
        batch->tops[t] = top_k_of(targets->nearest + (size_t)t * k, k);
    }
    if (column->element == ELEMENT_BIT || count < PANEL_LEAST)
        return MQL_OK;
    if (column->element != ELEMENT_F32) {
        batch->widened = arena_alloc_array(
            arena, batch->block_rows, column->dim * sizeof *batch->widened);
        if (batch->widened == NULL)
            return error_no_memory(err);
    }
    return turn_targets(batch, arena, err);
}

/* ---- rows ---- */

/* One target after the other. */
static void
add_plainly(ExactBatch *batch, const void *const *vectors, const uint32_t *rows,
            uint32_t count)
{
    float distances[VECTOR_ROWS];
    for (uint32_t t = 0; t < batch->targets->count; t++) {
        exact_distances(&batch->queries[t], vectors, count, distances);
        for (uint32_t i = 0; i < count; i++)
            top_k_offer(&batch->tops[t], (Neighbor){distances[i], rows[i]});
    }
}

typedef struct Block {
    const void *const *vectors;
    const uint32_t *rows;
    uint32_t count;
    const float *floats[VECTOR_ROWS]; /* to a multiple of PANEL_ROWS */
    float scales[VECTOR_ROWS];
    float shifts[VECTOR_ROWS];
} Block;

/* The row's part in what a product is compared with. */
static void
weigh_row(const ExactBatch *batch, Block *block, uint32_t i)
{
    const float *row = block->floats[i];
    float square = distance_table()->dot_f32(row, row, batch->dim);
    block->scales[i] = 1;
    if (!exact_is_tame(square)) {
        bool is_zero =
            square == 0 && vector_is_zero(ELEMENT_F32, row, batch->dim);
        block->scales[i] = 0;
        block->shifts[i] = is_zero ? (float)-batch->slack : -INFINITY;
        return;
    }
    double norm = sqrt((double)square);
    if (batch->metric == METRIC_L2) {
        block->shifts[i] = (float)((1 - batch->slack) * (double)square / 2);
    } else if (batch->metric == METRIC_IP) {
        block->shifts[i] = (float)(-batch->slack * norm);
    } else {
        block->shifts[i] = (float)-batch->slack;
        block->scales[i] = (float)(1 / norm);
    }
}

/* Rows as floats, the last one again and again up to whole panels. */
static void
weigh_rows(const ExactBatch *batch, Block *block)
{
    for (uint32_t i = 0; i < block->count; i++) {
        block->floats[i] = block->vectors[i];
        if (batch->widened != NULL) {
            float *to = batch->widened + (size_t)i * batch->dim;
            element_floats(batch->element, block->vectors[i], batch->dim, to);
            block->floats[i] = to;
        }
        weigh_row(batch, block, i);
    }
    for (uint32_t i = block->count; i % PANEL_ROWS != 0; i++) {
        block->floats[i] = block->floats[block->count - 1];
        block->scales[i] = 0;
        block->shifts[i] = INFINITY;
    }
}

/* The pairs of a few rows and 32 targets that passed. */
static void
look_closer(ExactBatch *batch, const Block *block, uint32_t first,
            uint32_t target, const uint32_t masks[PANEL_ROWS])
{
    for (uint32_t i = 0; i < PANEL_ROWS && first + i < block->count; i++) {
        for (uint32_t mask = masks[i]; mask != 0; mask &= mask - 1) {
            uint32_t t = target + (uint32_t)__builtin_ctz(mask);
            if (t >= batch->targets->count)
                break;
            float distance =
                exact_distance(&batch->queries[t], block->vectors[first + i]);
            if (top_k_offer(&batch->tops[t],
                            (Neighbor){distance, block->rows[first + i]}))
                set_bound(batch, t);
        }
    }
}

static void
add_block(ExactBatch *batch, Block *block)
{
    const ListTable *kernels = list_table();
    uint32_t masks[PANEL_ROWS];
    weigh_rows(batch, block);
    for (uint32_t t = 0; t < batch->targets->count; t += PANEL_POINTS) {
        const float *panel = batch->panels + (size_t)t * batch->dim;
        for (uint32_t i = 0; i < block->count; i += PANEL_ROWS) {
            kernels->pass_panel(block->floats + i, panel, batch->dim,
                                block->scales + i, block->shifts + i,
                                batch->bounds + t, masks);
            look_closer(batch, block, i, t, masks);
        }
    }
}

void
exact_batch_add(ExactBatch *batch, const void *const *vectors,
                const uint32_t *rows, uint32_t count)
{
    if (batch->panels == NULL) {
        add_plainly(batch, vectors, rows, count);
        return;
    }
    /* As few blocks as fit, of about the same size. */
    uint32_t blocks = (count + batch->block_rows - 1) / batch->block_rows;
    uint32_t size = blocks == 0 ? 0 : (count + blocks - 1) / blocks;
    size = (size + PANEL_ROWS - 1) / PANEL_ROWS * PANEL_ROWS;
    Block block;
    for (uint32_t i = 0; i < count; i += size) {
        block.vectors = vectors + i;
        block.rows = rows + i;
        block.count = count - i < size ? count - i : size;
        add_block(batch, &block);
    }
}

void
exact_batch_finish(ExactBatch *batch)
{
    for (uint32_t t = 0; t < batch->targets->count; t++)
        batch->targets->found[t] = top_k_finish(&batch->tops[t]);
}

mql_status
vector_scan_many(const VectorColumn *column, Metric metric,
                 const VectorQuery *query, const VectorTargets *targets,
                 Arena *arena, Error *err)
{
    ExactBatch batch;
    uint32_t rows[VECTOR_ROWS];
    const void *vectors[VECTOR_ROWS];
    size_t from = 0;
    uint32_t count;
    TRY(exact_batch_init(&batch, metric, column, query->k, targets, arena,
                         err));
    while ((count = vector_next_rows(column, query->allowed, &from, rows)) >
           0) {
        if (is_cancelled(query->cancel))
            return error_cancelled(err);
        TRY(vector_verify_rows(column, rows, count, err));
        for (uint32_t i = 0; i < count; i++)
            vectors[i] = vector_row(column, rows[i]);
        exact_batch_add(&batch, vectors, rows, count);
        if (query->counters != NULL)
            query->counters->distances += (uint64_t)count * targets->count;
    }
    exact_batch_finish(&batch);
    return MQL_OK;
}
