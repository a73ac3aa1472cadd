/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kmeans.c - clustering: the same centroids with any number of threads,
 * every row at its nearest one, no empty clusters among rows that differ.
 */
#include "unit/index_fixture.h"

#include <math.h>

#include "base/checksum.h"
#include "index/vector/kmeans.h"
#include "index/vector/points.h"

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
wide_distance(const float *a, const float *b, uint32_t dim)
{
    double sum = 0;
    for (uint32_t i = 0; i < dim; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum;
}

static double
square_distance(const float *a, const float *b)
{
    return wide_distance(a, b, DIM);
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

/* Rows drawn by chance in many dimensions, where points are compared by codes
 * first: what is called the nearest is hardly ever farther than another one,
 * and then by little; with numbers codes cannot hold it is the nearest. */
static void
test_coded_points(void **state)
{
    (void)state;
    enum { COUNT = 2000, WIDE = 60, POINTS = 300 };
    uint64_t seed = 3;
    float *rows = malloc(COUNT * WIDE * sizeof *rows);
    for (int kind = 0; kind < 3; kind++) {
        Error err = ERROR_INIT;
        uint32_t wrong = 0, nearest[POINTS_BLOCK];
        float scale = kind == 2 ? 1e18f : 1.0f;
        for (uint32_t i = 0; i < COUNT * WIDE; i++)
            rows[i] = random_float(&seed) * scale *
                      (kind == 1 && i / WIDE % 7 == 0 ? 9.0f : 1.0f);
        VectorColumn column = {.data = rows, .count = COUNT, .dim = WIDE};
        Points points;
        PointsRoom *room = points_room_create(WIDE);
        must(points_init(&points, POINTS, WIDE, &err), &err);
        must(points_code(&points, &column, false, POINTS, &err), &err);
        assert_int_equal(points.is_coded, kind != 2);
        points_set(&points, rows, POINTS);
        for (uint32_t first = POINTS; first + POINTS_BLOCK <= COUNT;
             first += POINTS_BLOCK) {
            const float *places[POINTS_BLOCK];
            uint32_t count = first % POINTS_BLOCK + 1;
            for (uint32_t i = 0; i < count; i++)
                places[i] = rows + (size_t)(first + i) * WIDE;
            points_nearest(&points, room, places, count, nearest);
            for (uint32_t i = 0; i < count; i++) {
                double found =
                    wide_distance(places[i], rows + nearest[i] * WIDE, WIDE);
                double least = INFINITY;
                for (uint32_t p = 0; p < POINTS; p++)
                    least = fmin(
                        least, wide_distance(places[i], rows + p * WIDE, WIDE));
                wrong += found > least * (1 + 1e-5);
                assert_true(found <= least * 1.02);
            }
        }
        assert_true(wrong <= (kind == 2 ? 0 : 4));
        points_room_destroy(room);
        points_free(&points);
    }
    free(rows);
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
        cmocka_unit_test(test_coded_points),
        cmocka_unit_test(test_equal_rows),
        cmocka_unit_test(test_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
