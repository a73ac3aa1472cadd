/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_lists.c - the kernels of lists against plain C, and clustering: the
 * same centroids with any number of threads, every row at its nearest one, no
 * empty clusters among rows that differ.
 */
#include "unit/index_fixture.h"

#include <math.h>

#include "base/checksum.h"
#include "index/kernels/lists.h"
#include "index/vector/kmeans.h"

static const ListTable *const tables[] = {
    &lists_scalar,
#if defined(__x86_64__)
    &lists_avx2,
    &lists_avx512,
    &lists_avx512vnni,
#endif
};
#define TABLES (sizeof tables / sizeof tables[0])

static bool
runs_here(const ListTable *table)
{
#if defined(__x86_64__)
    if (table == &lists_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (table == &lists_avx512)
        return __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl");
    if (table == &lists_avx512vnni)
        return __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512vnni");
#endif
    return table == &lists_scalar;
}

/* Every stride, every number of rows; random codes and the largest ones. */
static void
test_dots_u7(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (size_t stride = 32; stride <= 320; stride += 32) {
        for (size_t count = 0; count < 11; count++) {
            int8_t *query = malloc(stride);
            uint8_t *rows = malloc(stride * count + 1);
            int32_t expected[11], dots[11];
            bool is_extreme = count == 9;
            for (size_t i = 0; i < stride; i++)
                query[i] = is_extreme
                               ? (int8_t)(i % 2 == 0 ? -127 : 127)
                               : (int8_t)(next_random(&seed) % 255) - 127;
            for (size_t i = 0; i < stride * count; i++)
                rows[i] =
                    is_extreme ? 127 : (uint8_t)(next_random(&seed) % 128);
            if (is_extreme)
                memset(query, 127, stride / 2);
            lists_scalar.dots_u7(query, rows, stride, count, expected);
            for (size_t t = 0; t < TABLES; t++) {
                if (!runs_here(tables[t]))
                    continue;
                tables[t]->dots_u7(query, rows, stride, count, dots);
                assert_memory_equal(dots, expected, count * sizeof *dots);
            }
            free(query);
            free(rows);
        }
    }
}

static void
test_dot_panel(void **state)
{
    (void)state;
    uint64_t seed = 8;
    enum { DOTS = PANEL_ROWS * PANEL_POINTS };
    for (size_t dim = 0; dim < 70; dim++) {
        float *memory = malloc((PANEL_ROWS * dim + 1) * sizeof *memory);
        float *panel = malloc((PANEL_POINTS * dim + 1) * sizeof *panel);
        const float *rows[PANEL_ROWS];
        float expected[DOTS], dots[DOTS];
        for (size_t i = 0; i < PANEL_ROWS * dim; i++)
            memory[i] = random_float(&seed);
        for (size_t i = 0; i < PANEL_POINTS * dim; i++)
            panel[i] = random_float(&seed);
        for (size_t i = 0; i < PANEL_ROWS; i++)
            rows[i] = memory + i * dim;
        lists_scalar.dot_panel(rows, panel, dim, expected);
        for (size_t t = 0; t < TABLES; t++) {
            if (!runs_here(tables[t]))
                continue;
            tables[t]->dot_panel(rows, panel, dim, dots);
            for (size_t i = 0; i < DOTS; i++)
                assert_true(fabsf(dots[i] - expected[i]) <=
                            1e-6f * (float)(dim + 1));
        }
        free(memory);
        free(panel);
    }
}

/* The masks say what the table's own products say; what is not a number
 * passes. */
static void
test_pass_panel(void **state)
{
    (void)state;
    uint64_t seed = 10;
    enum { DIM_MOST = 40 };
    for (size_t dim = 0; dim <= DIM_MOST; dim++) {
        float memory[PANEL_ROWS][DIM_MOST + 1];
        float panel[PANEL_POINTS * (DIM_MOST + 1)];
        float dots[PANEL_ROWS * PANEL_POINTS], bounds[PANEL_POINTS];
        float scales[PANEL_ROWS], shifts[PANEL_ROWS];
        const float *rows[PANEL_ROWS];
        uint32_t masks[PANEL_ROWS];
        for (size_t i = 0; i < PANEL_POINTS * dim; i++)
            panel[i] = random_float(&seed);
        for (size_t i = 0; i < PANEL_POINTS; i++)
            bounds[i] = i == 3 ? -INFINITY : random_float(&seed);
        for (size_t row = 0; row < PANEL_ROWS; row++) {
            rows[row] = memory[row];
            for (size_t i = 0; i < dim; i++)
                memory[row][i] = random_float(&seed);
            scales[row] = random_float(&seed);
            shifts[row] = row == 5 ? NAN : random_float(&seed);
        }
        for (size_t t = 0; t < TABLES; t++) {
            if (!runs_here(tables[t]))
                continue;
            tables[t]->dot_panel(rows, panel, dim, dots);
            tables[t]->pass_panel(rows, panel, dim, scales, shifts, bounds,
                                  masks);
            for (size_t i = 0; i < PANEL_ROWS * PANEL_POINTS; i++) {
                size_t row = i / PANEL_POINTS, point = i % PANEL_POINTS;
                double value =
                    (double)dots[i] * (double)scales[row] - (double)shifts[row];
                double margin = value - (double)bounds[point];
                bool passes = (masks[row] >> point & 1) != 0;
                if (!(fabs(margin) < 1e-6))
                    assert_int_equal(passes, !(margin < 0));
            }
        }
    }
}

/* As worked out in doubles, but where the last bits decide. */
static void
test_pass_codes(void **state)
{
    (void)state;
    uint64_t seed = 11;
    enum { MOST = 130 };
    for (size_t count = 0; count <= MOST; count++) {
        float *memory = malloc((CODE_TERMS * count + 1) * sizeof *memory);
        int32_t *dots = malloc((count + 1) * sizeof *dots);
        const float *terms[CODE_TERMS];
        uint64_t passes[MOST / 64 + 1];
        const CodeBound b = {.of_low = random_float(&seed),
                             .of_step = random_float(&seed) / 1000,
                             .radius = random_float(&seed),
                             .of_radius = (float)(count % 2),
                             .of_size = random_float(&seed),
                             .of_error = random_float(&seed),
                             .least = random_float(&seed) / 4};
        for (size_t i = 0; i < CODE_TERMS * count; i++)
            memory[i] = random_float(&seed);
        for (size_t i = 0; i < count; i++)
            dots[i] = (int32_t)(next_random(&seed) % 2001) - 1000;
        for (size_t i = 0; i < CODE_TERMS; i++)
            terms[i] = memory + i * count;
        if (count > 5)
            memory[3 * count + 5] = count % 4 == 0 ? INFINITY : NAN;
        for (size_t t = 0; t < TABLES; t++) {
            if (!runs_here(tables[t]))
                continue;
            memset(passes, 0xff, sizeof passes);
            tables[t]->pass_codes(&b, terms, dots, count, passes);
            for (size_t i = 0; i < (count + 63) / 64 * 64; i++) {
                bool is_set = (passes[i / 64] >> i % 64 & 1) != 0;
                if (i >= count) {
                    assert_false(is_set);
                    continue;
                }
                double error = (double)terms[3][i];
                double radius = (double)b.radius + (double)b.of_radius * error;
                double value =
                    (double)b.of_low * (double)terms[0][i] +
                    (double)b.of_step * (double)terms[1][i] * dots[i] +
                    radius * radius + (double)b.of_size * (double)terms[2][i] +
                    (double)b.of_error * error - (double)b.least;
                if (!(fabs(value) < 1e-5))
                    assert_int_equal(is_set, !(value < 0));
            }
        }
        free(memory);
        free(dots);
    }
}

static void
test_sum_nibbles(void **state)
{
    (void)state;
    uint64_t seed = 9;
    for (size_t parts = 4; parts <= 256; parts += parts < 40 ? 4 : 108) {
        for (size_t count = 0; count < 4; count++) {
            uint8_t *blocks = malloc(16 * parts * count + 1);
            uint8_t *table = malloc(16 * parts);
            uint16_t expected[3 * NIBBLE_ROWS], sums[3 * NIBBLE_ROWS];
            for (size_t i = 0; i < 16 * parts * count; i++)
                blocks[i] = (uint8_t)next_random(&seed);
            for (size_t i = 0; i < 16 * parts; i++)
                table[i] = count == 3 ? 255 : (uint8_t)next_random(&seed);
            lists_scalar.sum_nibbles(table, blocks, parts, count, expected);
            for (size_t t = 0; t < TABLES; t++) {
                if (!runs_here(tables[t]))
                    continue;
                tables[t]->sum_nibbles(table, blocks, parts, count, sums);
                assert_memory_equal(sums, expected,
                                    count * NIBBLE_ROWS * sizeof *sums);
            }
            free(blocks);
            free(table);
        }
    }
}

/* Every size, random codes and the largest ones, against the definition. */
static void
try_side(const ListTable *table, size_t size, bool is_extreme)
{
    uint64_t seed = size + 1;
    uint8_t *rows = malloc(SIDE_ROWS * size), *queries, *codes;
    const uint8_t *places[SIDE_QUERIES];
    int32_t norms[SIDE_ROWS], limits[SIDE_QUERIES];
    int32_t distances[SIDE_QUERIES * SIDE_ROWS];
    uint16_t below[SIDE_QUERIES];
    queries = malloc(SIDE_QUERIES * size);
    codes = malloc(SIDE_ROWS * size);
    for (size_t i = 0; i < SIDE_ROWS * size; i++)
        rows[i] = is_extreme ? 127 : (uint8_t)(next_random(&seed) % 128);
    for (size_t i = 0; i < SIDE_QUERIES * size; i++)
        queries[i] = is_extreme ? 127 : (uint8_t)(next_random(&seed) % 128);
    for (size_t row = 0; row < SIDE_ROWS; row++) {
        norms[row] = row == 5 ? INT32_MAX : (int32_t)(next_random(&seed) >> 36);
        for (size_t i = 0; row == 5 && i < size; i++)
            rows[row * size + i] = 0;
        for (size_t i = 0; i < size; i++)
            codes[i / 4 * 64 + 4 * row + i % 4] = rows[row * size + i];
    }
    for (size_t query = 0; query < SIDE_QUERIES; query++) {
        places[query] = queries + query * size;
        limits[query] = query == 0   ? INT32_MAX
                        : query == 1 ? INT32_MIN
                                     : (int32_t)(next_random(&seed) >> 36);
    }
    const SideCodes side = {codes, norms, size};
    table->side_distances(&side, places, limits, distances, below);
    for (size_t i = 0; i < SIDE_QUERIES * SIDE_ROWS; i++) {
        size_t query = i / SIDE_ROWS, row = i % SIDE_ROWS;
        int32_t expected = norms[row];
        for (size_t j = 0; j < size; j++)
            expected -= 2 * places[query][j] * rows[row * size + j];
        assert_int_equal(distances[i], expected);
        assert_int_equal(below[query] >> row & 1, expected < limits[query]);
    }
    free(rows);
    free(queries);
    free(codes);
}

static void
test_side_distances(void **state)
{
    (void)state;
    for (size_t t = 0; t < TABLES; t++) {
        for (size_t size = 4; runs_here(tables[t]) && size < 200; size += 4)
            try_side(tables[t], size, false);
        if (runs_here(tables[t]))
            try_side(tables[t], 1u << 15, true);
    }
}

static void
test_table(void **state)
{
    (void)state;
    assert_true(runs_here(list_table()));
}

/* ---- clustering ---- */

#define DIM 9

typedef struct Rows {
    float *data;
    uint32_t *numbers;
    VectorColumn column;
} Rows;

static Rows
rows_new(uint32_t count, uint32_t clumps)
{
    uint64_t seed = count + 1;
    Rows rows = {malloc((size_t)count * DIM * sizeof(float)),
                 malloc(count * sizeof(uint32_t)),
                 {.count = count, .dim = DIM}};
    for (uint32_t i = 0; i < count * DIM; i++)
        rows.data[i] =
            random_float(&seed) * 0.1f +
            (float)(hash_u64(i / DIM % clumps * DIM + i % DIM) % 100);
    for (uint32_t i = 0; i < count; i++)
        rows.numbers[i] = i;
    rows.column.data = rows.data;
    return rows;
}

static void
rows_free(Rows *rows)
{
    free(rows->data);
    free(rows->numbers);
}

static double
square_distance(const float *a, const float *b)
{
    double sum = 0;
    for (uint32_t i = 0; i < DIM; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum;
}

/* Train and assign; returns the centroids, then the nearest of each row. */
static float *
cluster(const Rows *rows, uint32_t k, uint32_t threads, uint32_t *nearest)
{
    Error err = ERROR_INIT;
    Pool *pool;
    float *centroids = calloc((size_t)k * DIM, sizeof *centroids);
    must(pool_create(threads, &pool, &err), &err);
    KmeansInput input = {.column = &rows->column,
                         .rows = rows->numbers,
                         .count = rows->column.count,
                         .pool = pool};
    must(kmeans_train(&input, k, centroids, &err), &err);
    must(kmeans_assign(&input, centroids, k, nearest, &err), &err);
    pool_destroy(pool);
    return centroids;
}

static void
hold_against_oracle(const Rows *rows, uint32_t k, const float *centroids,
                    const uint32_t *nearest, uint32_t *sizes)
{
    for (uint32_t row = 0; row < rows->column.count; row++) {
        const float *vector = rows->data + row * DIM;
        assert_true(nearest[row] < k);
        sizes[nearest[row]]++;
        double best = square_distance(vector, centroids + nearest[row] * DIM);
        for (uint32_t c = 0; c < k; c++)
            assert_true(best <=
                        square_distance(vector, centroids + c * DIM) + 0.1);
    }
}

static void
test_clusters(void **state)
{
    (void)state;
    static const struct {
        uint32_t count, k, clumps;
    } shapes[] = {{1, 1, 1},     {50, 50, 50},   {300, 7, 7},
                  {3000, 30, 5}, {3000, 40, 40}, {6000, 250, 100}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        uint32_t count = shapes[s].count, k = shapes[s].k;
        Rows rows = rows_new(count, shapes[s].clumps);
        uint32_t *nearest = calloc(count, sizeof *nearest);
        uint32_t *again = calloc(count, sizeof *again);
        uint32_t *sizes = calloc(k, sizeof *sizes);
        float *centroids = cluster(&rows, k, 1, nearest);
        hold_against_oracle(&rows, k, centroids, nearest, sizes);
        uint32_t empty = 0;
        for (uint32_t c = 0; c < k; c++)
            empty += sizes[c] == 0;
        assert_true(empty <= k / 20);
        for (uint32_t threads = 2; threads < 5; threads++) {
            float *other = cluster(&rows, k, threads, again);
            assert_memory_equal(other, centroids,
                                (size_t)k * DIM * sizeof *other);
            assert_memory_equal(again, nearest, count * sizeof *again);
            free(other);
        }
        free(centroids);
        free(nearest);
        free(again);
        free(sizes);
        rows_free(&rows);
    }
}

/* More clusters than different rows. */
static void
test_equal_rows(void **state)
{
    (void)state;
    Rows rows = rows_new(500, 1);
    for (uint32_t i = 0; i < 500 * DIM; i++)
        rows.data[i] = (float)(i / DIM % 3);
    uint32_t nearest[500];
    for (uint32_t k = 1; k <= 256; k *= 4) {
        float *centroids = cluster(&rows, k, 2, nearest);
        for (uint32_t row = 3; k > 2 && row < 500; row++)
            assert_int_equal(nearest[row], nearest[row % 3]);
        for (uint32_t i = 0; i < k * DIM; i++)
            assert_true(isfinite(centroids[i]));
        free(centroids);
    }
    rows_free(&rows);
}

static void
test_cancelled(void **state)
{
    (void)state;
    Rows rows = rows_new(5000, 10);
    Error err = ERROR_INIT;
    Pool *pool;
    must(pool_create(2, &pool, &err), &err);
    atomic_bool cancel = true;
    float centroids[300 * DIM];
    KmeansInput input = {.column = &rows.column,
                         .rows = rows.numbers,
                         .count = 5000,
                         .pool = pool,
                         .cancel = &cancel};
    for (uint32_t k = 5; k <= 300; k += 295) {
        assert_int_equal(kmeans_train(&input, k, centroids, &err),
                         MQL_INTERRUPTED);
        error_clear(&err);
    }
    pool_destroy(pool);
    rows_free(&rows);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dots_u7),
        cmocka_unit_test(test_dot_panel),
        cmocka_unit_test(test_pass_panel),
        cmocka_unit_test(test_pass_codes),
        cmocka_unit_test(test_sum_nibbles),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_clusters),
        cmocka_unit_test(test_equal_rows),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_side_distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
