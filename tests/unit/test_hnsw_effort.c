/* SPDX-License-Identifier: Apache-2.0 */
/* test_hnsw_effort.c - between the points of a table of efforts; what a small
 * effort saves. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "index/vector/hnsw_effort.h"
#include "index/vector/hnsw_internal.h"
#include "unit/index_fixture.h"

static const HnswEfforts climbing = {{
    {12, 15, 23, 35, 57, 88, 137, 400},
    {200, 200, 210, 230, 300, 400, 500, 0},
}};

static void
test_points(void **state)
{
    (void)state;
    assert_true(efforts_are_valid(&climbing));
    for (uint32_t i = 0; i < EFFORT_LIMITS; i++)
        for (uint32_t j = 0; j < EFFORT_RECALLS; j++)
            assert_int_equal(
                efforts_find(&climbing, effort_limits[i], effort_recalls[j]),
                climbing.ef[i][j]);
    assert_int_equal(efforts_find(&climbing, 10, 0.01), 12);
    assert_int_equal(efforts_find(&climbing, 1, 0.9), 23);
    assert_int_equal(efforts_find(&climbing, 1000, 0.5), 2000);
    assert_int_equal(efforts_find(&climbing, 16384, 0.99), 65536);
    /* what was not reached */
    assert_int_equal(efforts_find(&climbing, 10, 0.9995), 0);
    assert_int_equal(efforts_find(&climbing, 10, 1), 0);
    assert_int_equal(efforts_find(&climbing, 100, 0.996), 0);
    assert_int_equal(efforts_find(&climbing, 11, 0.999), 0);
    assert_int_equal(efforts_find(&climbing, 5000, 0.999), 0);
}

static void
test_between(void **state)
{
    (void)state;
    uint32_t before[201] = {0};
    for (uint32_t k = 1; k <= 300; k++) {
        uint32_t last = 0;
        for (uint32_t i = 1; i <= 200; i++) {
            uint32_t ef = efforts_find(&climbing, k, i / 200.0);
            ef = ef == 0 ? UINT32_MAX : ef;
            assert_true(ef >= last && ef >= before[i]);
            last = before[i] = ef;
        }
    }
    uint32_t ef = efforts_find(&climbing, 10, 0.97);
    assert_true(ef > 35 && ef < 57);
    ef = efforts_find(&climbing, 30, 0.95);
    assert_true(ef > 35 && ef < 230);
}

static void
test_damaged(void **state)
{
    (void)state;
    HnswEfforts efforts = climbing;
    efforts.ef[0][3] = 70000;
    assert_false(efforts_are_valid(&efforts));
    efforts.ef[0][3] = 58;
    assert_false(efforts_are_valid(&efforts));
    efforts.ef[0][3] = 0;
    assert_false(efforts_are_valid(&efforts));
    efforts = (HnswEfforts){{{0}}};
    assert_true(efforts_are_valid(&efforts));
    assert_int_equal(efforts_find(&efforts, 10, 0.5), 0);
    /* more rows take less */
    efforts = climbing;
    efforts.ef[1][2] = 22;
    assert_false(efforts_are_valid(&efforts));
    efforts = climbing;
    efforts.ef[0][7] = 0;
    efforts.ef[1][7] = 600;
    assert_false(efforts_are_valid(&efforts));
}

/* ---- rows in view ---- */

enum { WIDE_ROWS = 1500, WIDE = 256 };

/* Distances of all searches for the ten nearest, with that ef (-1: not said);
 * each row is to find itself. */
static uint64_t
distances_at(const Fixture *fixture, int64_t ef)
{
    SearchCounters counters = {0, 0};
    IndexOptions options;
    index_options_default(fixture->kind->search_options, &options);
    options.values[HNSW_OPTION_EF] = ef;
    for (uint32_t row = 0; row < WIDE_ROWS; row += 15) {
        Error err = ERROR_INIT;
        Neighbor nearest[10];
        uint32_t found = 0;
        VectorQuery query = {.vector = vector_row(fixture->vectors, row),
                             .k = 10,
                             .options = &options,
                             .allowed_count = WIDE_ROWS,
                             .counters = &counters};
        must(fixture->kind->search(fixture->index, &query, nearest, &found,
                                   &err),
             &err);
        assert_int_equal(found, 10);
        assert_int_equal(nearest[0].row, row);
    }
    return counters.distances;
}

/* Half bytes: who says a small `ef` gets few rows in view, who says nothing as
 * many as are ranked. */
static void
test_small_effort(void **state)
{
    (void)state;
    static float rows[WIDE_ROWS][WIDE];
    for (uint32_t row = 0; row < WIDE_ROWS; row++)
        for (uint32_t i = 0; i < WIDE; i++)
            rows[row][i] =
                sinf((float)(row * 7 % 1499) * 0.013f * (float)(i % 9 + 1) +
                     (float)i);
    const VectorColumn column = {.data = rows, .count = WIDE_ROWS, .dim = WIDE};
    Fixture fixture;
    fixture_init(&fixture, index_kind_find(SLICE_LITERAL("hnsw")), METRIC_L2);
    fixture.vectors = &column;
    fixture_make(&fixture);
    const HnswHeader *header = &((Hnsw *)fixture.index)->header;
    assert_int_equal(header->code_type, CODES_NIBBLES);
    assert_true(header->rerank_percent <= HNSW_NIBBLES_BLUR);
    uint64_t unsaid = distances_at(&fixture, -1);
    uint64_t small = distances_at(&fixture, 10);
    assert_true(small + 500 < unsaid); /* ranks six rows or more less */
    assert_true(distances_at(&fixture, 64) > unsaid);
    fixture_free(&fixture);
}

static void
test_view_least(void **state)
{
    (void)state;
    Space space = {.kernels = NULL};
    assert_int_equal(hnsw_view_least(&space, 150, 10, 19), 19);
    space.nibbles.stride = 128;
    assert_int_equal(hnsw_view_least(&space, 150, 10, 19), 12);
    assert_int_equal(hnsw_view_least(&space, 200, 100, 204), 126);
    assert_int_equal(hnsw_view_least(&space, 400, 10, 44), 44);
    assert_int_equal(hnsw_view_least(&space, 150, 10, 7), 7); /* few nodes */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points),     cmocka_unit_test(test_between),
        cmocka_unit_test(test_damaged),    cmocka_unit_test(test_small_effort),
        cmocka_unit_test(test_view_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
