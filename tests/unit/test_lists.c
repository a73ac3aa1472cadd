/* SPDX-License-Identifier: Apache-2.0 */
/* test_lists.c - the kernels of lists, every table against plain C. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "index/kernels/distance.h"
#include "index/kernels/lists.h"

static uint64_t
next_random(uint64_t *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed;
}

static float
random_float(uint64_t *seed)
{
    return (float)(next_random(seed) % 200001) / 100000.0f - 1.0f;
}

static const ListTable *const tables[] = {
    &lists_scalar,
#if defined(__x86_64__)
    &lists_avx2,
    &lists_avx512,
    &lists_avx512vnni,
#elif defined(__aarch64__)
    &lists_neon,
    &lists_neondot,
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
#elif defined(__aarch64__)
    if (table == &lists_neon)
        return true;
    if (table == &lists_neondot)
        return distance_select("neondot") != NULL;
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
        queries[i] =
            is_extreme ? 127 : (uint8_t)(next_random(&seed) % 255 - 127);
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
            expected -= 2 * (int8_t)places[query][j] * rows[row * size + j];
        assert_int_equal(distances[i], expected);
        assert_int_equal(below[query] >> row & 1, expected < limits[query]);
    }
    free(rows);
    free(queries);
    free(codes);
}

/* Estimates are the same bits in every table. */
static void
try_estimates(const ListTable *table, size_t size, bool is_extreme)
{
    uint64_t seed = size + 7;
    uint8_t *codes = malloc(SIDE_ROWS * size);
    int8_t *elements = malloc(SIDE_QUERIES * size);
    SideQuery queries[SIDE_QUERIES];
    float terms[SIDE_ROWS], expected[SIDE_QUERIES * SIDE_ROWS];
    float distances[SIDE_QUERIES * SIDE_ROWS];
    uint16_t is_below[SIDE_QUERIES], below[SIDE_QUERIES];
    for (size_t i = 0; i < SIDE_ROWS * size; i++)
        codes[i] = is_extreme ? 127 : (uint8_t)(next_random(&seed) % 128);
    for (size_t i = 0; i < SIDE_QUERIES * size; i++)
        elements[i] =
            is_extreme ? -127 : (int8_t)((int)(next_random(&seed) % 255) - 127);
    for (size_t row = 0; row < SIDE_ROWS; row++)
        terms[row] = (float)(next_random(&seed) % 1000) / 7.0f;
    for (size_t query = 0; query < SIDE_QUERIES; query++)
        queries[query] =
            (SideQuery){.code = elements + query * size,
                        .base = (float)(next_random(&seed) % 1000) / 3.0f,
                        .scale = (float)(next_random(&seed) % 1000) / 700.0f,
                        .limit = query == 0   ? INFINITY
                                 : query == 1 ? -INFINITY
                                              : 300.0f};
    const SideCodes side = {codes, NULL, size};
    lists_scalar.side_estimates(&side, terms, queries, expected, is_below);
    table->side_estimates(&side, terms, queries, distances, below);
    assert_memory_equal(distances, expected, sizeof distances);
    assert_memory_equal(below, is_below, sizeof below);
    assert_int_equal(below[0], 0xffff);
    assert_int_equal(below[1], 0);
    int32_t dot = 0;
    for (size_t i = 0; i < size; i++)
        dot +=
            (int32_t)codes[i / 4 * 64 + 4 * 3 + i % 4] * elements[2 * size + i];
    float estimate = queries[2].base - queries[2].scale * (float)dot;
    assert_true(distances[2 * SIDE_ROWS + 3] == estimate + terms[3]);
    free(codes);
    free(elements);
}

/* Products as in the scalar table; what passes is what pass_codes() says. */
static void
try_passes(const ListTable *table, size_t size, bool is_extreme)
{
    uint64_t seed = size + 9;
    uint8_t *codes = malloc(SIDE_ROWS * size);
    int8_t *elements = malloc(SIDE_QUERIES * size);
    float memory[CODE_TERMS * SIDE_ROWS];
    const float *terms[CODE_TERMS];
    SideBound queries[SIDE_QUERIES];
    int32_t dots[SIDE_QUERIES * SIDE_ROWS], expected[SIDE_QUERIES * SIDE_ROWS];
    uint16_t passes[SIDE_QUERIES], of_scalar[SIDE_QUERIES];
    uint32_t passed = 0;
    for (size_t i = 0; i < SIDE_ROWS * size; i++)
        codes[i] = is_extreme ? 127 : (uint8_t)(next_random(&seed) % 128);
    for (size_t i = 0; i < SIDE_QUERIES * size; i++)
        elements[i] =
            is_extreme ? -127 : (int8_t)((int)(next_random(&seed) % 255) - 127);
    for (size_t i = 0; i < CODE_TERMS * SIDE_ROWS; i++)
        memory[i] = random_float(&seed);
    memory[3 * SIDE_ROWS + 5] = INFINITY;
    for (size_t i = 0; i < CODE_TERMS; i++)
        terms[i] = memory + i * SIDE_ROWS;
    for (size_t i = 0; i < SIDE_QUERIES; i++)
        queries[i] =
            (SideBound){elements + i * size,
                        {.of_low = random_float(&seed),
                         .of_step = random_float(&seed) / (float)(4000 * size),
                         .radius = random_float(&seed),
                         .of_radius = (float)(i % 2),
                         .of_size = random_float(&seed),
                         .of_error = i % 2 == 0 ? random_float(&seed) : 0,
                         .least = random_float(&seed) / 4}};
    const SideCodes side = {codes, NULL, size};
    lists_scalar.side_passes(&side, terms, queries, expected, of_scalar);
    table->side_passes(&side, terms, queries, dots, passes);
    assert_memory_equal(dots, expected, sizeof dots);
    for (size_t query = 0; query < SIDE_QUERIES; query++) {
        uint64_t mask;
        table->pass_codes(&queries[query].bound, terms,
                          dots + query * SIDE_ROWS, SIDE_ROWS, &mask);
        assert_int_equal(passes[query], mask);
        passed += (uint32_t)__builtin_popcount(passes[query]);
    }
    assert_in_range(passed, 1, SIDE_QUERIES * SIDE_ROWS - 1);
    int32_t dot = 0;
    for (size_t i = 0; i < size; i++)
        dot +=
            (int32_t)codes[i / 4 * 64 + 4 * 3 + i % 4] * elements[2 * size + i];
    assert_int_equal(dots[2 * SIDE_ROWS + 3], dot);
    free(codes);
    free(elements);
}

/* Rows laid side by side, fewer than 16 too. */
static void
try_laying(const ListTable *table, size_t size, size_t count)
{
    uint64_t seed = size * 20 + count + 1;
    size_t stride = (size + 31) / 32 * 32;
    uint8_t *rows = malloc(count * stride + 1);
    uint8_t *codes = malloc(SIDE_ROWS * size);
    for (size_t i = 0; i < count * stride; i++)
        rows[i] = (uint8_t)next_random(&seed);
    table->lay_side(rows, stride, count, size, codes);
    for (size_t row = 0; row < SIDE_ROWS; row++)
        for (size_t i = 0; i < size; i++)
            assert_int_equal(codes[i / 4 * 64 + 4 * row + i % 4],
                             row < count ? rows[row * stride + i] : 0);
    free(rows);
    free(codes);
}

static void
test_lay_side(void **state)
{
    (void)state;
    for (size_t t = 0; t < TABLES; t++)
        for (size_t size = 4; runs_here(tables[t]) && size < 300; size += 4)
            for (size_t count = 1; count <= SIDE_ROWS; count += 5)
                try_laying(tables[t], size, count);
}

static void
test_side_estimates(void **state)
{
    (void)state;
    for (size_t t = 0; t < TABLES; t++) {
        for (size_t size = 4; runs_here(tables[t]) && size < 200; size += 4)
            try_estimates(tables[t], size, false);
        if (runs_here(tables[t]))
            try_estimates(tables[t], 1u << 15, true);
    }
}

static void
test_side_passes(void **state)
{
    (void)state;
    for (size_t t = 0; t < TABLES; t++) {
        for (size_t size = 4; runs_here(tables[t]) && size < 200; size += 4)
            try_passes(tables[t], size, false);
        if (runs_here(tables[t]))
            try_passes(tables[t], 1u << 15, true);
    }
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
        cmocka_unit_test(test_side_distances),
        cmocka_unit_test(test_side_estimates),
        cmocka_unit_test(test_side_passes),
        cmocka_unit_test(test_lay_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
