/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ivf_filter.c - lists of which some rows are allowed: as much is found as
 * without a filter, whether the allowed rows lie evenly or around the target;
 * where they are far from it the scan finds them.
 */
#include "unit/filter_fixture.h"

static const char *const kinds[] = {"IVF_FLAT", "IVF_SQ8", "IVF_PQ"};

static void
make_kind(const char *name, Fixture *fixture)
{
    fixture_init(fixture, index_kind_find(slice_of(name)), METRIC_L2);
    fixture->options.values[0] = 64; /* nlist */
    if (strcmp(name, "IVF_PQ") == 0)
        fixture->options.values[1] = 32; /* m */
    fixture->vectors = &column;
    fixture_make(fixture);
}

/* Of few rows as much is found as of all. */
static void
test_recall(void **state)
{
    static const uint32_t counts[] = {40, 400, 2000, 3600};
    (void)state;
    fill_rows();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        Fixture fixture;
        make_kind(kinds[i], &fixture);
        Outcome all = search_all(&fixture, FILTER_CLUSTER, EVENLY, ROWS);
        for (int place = EVENLY; place <= NEAR; place++)
            for (size_t j = 0; j < sizeof counts / sizeof counts[0]; j++) {
                Outcome some = search_all(&fixture, FILTER_CLUSTER,
                                          (Place)place, counts[j]);
                if (some.right * 100 < all.right * 93)
                    fail_msg("%s, %u rows %s: %u of %u, without a filter %u",
                             kinds[i], counts[j], place_names[place],
                             some.right, some.wanted, all.right);
            }
        fixture_free(&fixture);
    }
}

/* Far from the target all are found, by looking no longer than twice. */
static void
test_far(void **state)
{
    static const uint32_t counts[] = {40, 400, 1200, 2000, 3600, 3960};
    (void)state;
    fill_rows();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        Fixture fixture;
        make_kind(kinds[i], &fixture);
        for (size_t j = 0; j < sizeof counts / sizeof counts[0]; j++) {
            Outcome some = search_all(&fixture, FILTER_AUTO, FAR, counts[j]);
            if (some.right < some.wanted)
                fail_msg("%s, %u rows: %u of %u", kinds[i], counts[j],
                         some.right, some.wanted);
            assert_true(some.counters.distances < 2 * QUERIES * ROWS);
        }
        fixture_free(&fixture);
    }
}

/* What was expected of both plans is told. */
static void
test_trace(void **state)
{
    Fixture fixture;
    (void)state;
    fill_rows();
    make_kind("IVF_FLAT", &fixture);
    Outcome half = search_all(&fixture, FILTER_AUTO, EVENLY, ROWS / 2);
    assert_int_equal(half.trace.searches[FILTER_CLUSTER], QUERIES);
    assert_true(half.trace.estimates[FILTER_CLUSTER] > 0);
    assert_true(half.trace.estimates[FILTER_SCAN] >
                half.trace.estimates[FILTER_CLUSTER]);
    Outcome few = search_all(&fixture, FILTER_AUTO, NEAR, 20);
    assert_int_equal(few.trace.searches[FILTER_SCAN], QUERIES);
    fixture_free(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recall),
        cmocka_unit_test(test_far),
        cmocka_unit_test(test_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
