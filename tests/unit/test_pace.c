/* SPDX-License-Identifier: Apache-2.0 */
/* test_pace.c - what rows cost, as far as it was measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "index/vector/pace.h"

static const PaceSizes sizes = {90, 900};

static void
must_cost(const Paces *pace, Pace way, double cost)
{
    double is = pace_cost(pace, way, sizes);
    if (is < cost * 0.99 || is > cost * 1.01)
        fail_msg("way %d costs %.2f, not %.2f", (int)way, is, cost);
}

/* So often that it is believed. */
static void
add_enough(Paces *pace, Pace way, int64_t nanoseconds)
{
    for (int i = 0; i < PACE_RUNS_LEAST; i++)
        pace_add(pace, way, nanoseconds, 1000);
}

/* Nothing was measured: what is usual. */
static void
test_usual(void **state)
{
    (void)state;
    const Paces pace = {{0}, {0}};
    must_cost(&pace, PACE_CODES, 30);
    must_cost(&pace, PACE_FLOATS, 120);
    must_cost(&pace, PACE_MASKED, 75);
    must_cost(&pace, PACE_WALK, 75);
    must_cost(&pace, PACE_LISTS, 18);
}

static void
test_measured(void **state)
{
    (void)state;
    Paces pace = {{0}, {0}};
    /* a few are not enough */
    pace_add(&pace, PACE_CODES, 20000, 1000);
    must_cost(&pace, PACE_CODES, 30);
    for (int i = 2; i < PACE_RUNS_LEAST; i++)
        pace_add(&pace, PACE_CODES, 50000, 1000);
    must_cost(&pace, PACE_CODES, 30);
    pace_add(&pace, PACE_CODES, 60000, 1000);
    must_cost(&pace, PACE_CODES, 20);
    /* the other scan goes along, walks do not */
    must_cost(&pace, PACE_FLOATS, 120 * 2 / 3.0);
    must_cost(&pace, PACE_MASKED, 75);
    add_enough(&pace, PACE_WALK, 150000);
    must_cost(&pace, PACE_MASKED, 150);
    must_cost(&pace, PACE_WALK, 150);
    /* what was expected of walks to allowed rows says nothing of the others */
    Paces other = {{0}, {0}};
    add_enough(&other, PACE_MASKED, 150000);
    must_cost(&other, PACE_MASKED, 150);
    must_cost(&other, PACE_WALK, 75);
    /* the quickest counts */
    pace_add(&pace, PACE_CODES, 90000, 1000);
    must_cost(&pace, PACE_CODES, 20);
    pace_add(&pace, PACE_CODES, 10000, 1000);
    must_cost(&pace, PACE_CODES, 10);
    /* few rows tell nothing, nor does a clock that was set back */
    pace_add(&pace, PACE_CODES, 100, 100);
    pace_add(&pace, PACE_CODES, -5, 1000);
    must_cost(&pace, PACE_CODES, 10);
}

/* After some searches it stays. */
static void
test_settles(void **state)
{
    (void)state;
    Paces pace = {{0}, {0}};
    for (int i = 0; i < PACE_RUNS; i++)
        pace_add(&pace, PACE_FLOATS, 200000, 1000);
    for (int i = 0; i < 100; i++)
        pace_add(&pace, PACE_FLOATS, 50000, 1000);
    must_cost(&pace, PACE_FLOATS, 200);
    assert_int_equal(atomic_load(&pace.runs[PACE_FLOATS]), PACE_RUNS);
}

/* What cannot be is not believed. */
static void
test_limits(void **state)
{
    (void)state;
    Paces pace = {{0}, {0}};
    add_enough(&pace, PACE_CODES, INT64_MAX);
    must_cost(&pace, PACE_CODES, 30 * 8);
    pace_add(&pace, PACE_CODES, 0, 1000);
    must_cost(&pace, PACE_CODES, 30 / 8.0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual),
        cmocka_unit_test(test_measured),
        cmocka_unit_test(test_settles),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
