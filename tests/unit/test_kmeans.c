/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kmeans.c - clustering: the same centroids with any number of threads,
 * every row at its nearest one, no empty clusters among rows that differ.
 */
#include "unit/index_fixture.h"

#include <math.h>

#include "base/checksum.h"
#include "index/vector/kmeans.h"

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
        cmocka_unit_test(test_clusters),
        cmocka_unit_test(test_equal_rows),
        cmocka_unit_test(test_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
