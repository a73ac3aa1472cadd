/* SPDX-License-Identifier: Apache-2.0 */
/* test_hnsw_effort.c - between the points of a table of efforts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "index/vector/hnsw_effort.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_between),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
