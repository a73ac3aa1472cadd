/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ivf_filter.c - lists of which some rows are allowed: as much is found as
 * without a filter, whether the allowed rows lie evenly or around the target;
 * where they are far from it the scan finds them.
 */
#include "unit/filter_fixture.h"

static const char *const kinds[] = {"IVF_FLAT", "IVF_SQ8", "IVF_PQ",
                                    "IVF_RABITQ", "SCANN"};

static void
make_kind(const char *name, int64_t lists, Fixture *fixture)
{
    fixture_init(fixture, index_kind_find(slice_of(name)), METRIC_L2);
    fixture->options.values[0] = lists;
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
        make_kind(kinds[i], 64, &fixture);
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

/* Far from the target all are found, where lists tell that they are far; else
 * most of them, as codes alone do not tell which are nearer. */
static void
test_far(void **state)
{
    static const uint32_t counts[] = {40, 400, 1200, 2000, 3600, 3960};
    static const int64_t lists[] = {64, 4, 1};
    (void)state;
    fill_rows();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (size_t n = 0; n < sizeof lists / sizeof lists[0]; n++) {
            Fixture fixture;
            make_kind(kinds[i], lists[n], &fixture);
            uint32_t most = lists[n] == 64 ? 100 : 70;
            for (size_t j = 0; j < sizeof counts / sizeof counts[0]; j++) {
                Outcome some =
                    search_all(&fixture, FILTER_AUTO, FAR, counts[j]);
                if (some.right * 100 < some.wanted * most)
                    fail_msg("%s, %d lists, %u rows: %u of %u", kinds[i],
                             (int)lists[n], counts[j], some.right, some.wanted);
                assert_true(some.counters.distances < 2 * QUERIES * ROWS);
            }
            fixture_free(&fixture);
        }
}

/* The targets of one call that lists do not answer are scanned for together,
 * and get the nearest rows too. */
static void
test_many(void **state)
{
    (void)state;
    fill_rows();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        Fixture fixture;
        uint64_t allowed[WORDS];
        const void *vectors[QUERIES];
        Neighbor nearest[QUERIES * K], best[K];
        uint32_t found[QUERIES], best_found;
        Arena arena;
        IndexOptions options;
        FilterTrace trace = {0};
        make_kind(kinds[i], 64, &fixture);
        index_options_default(fixture.kind->search_options, &options);
        arena_init(&arena, 0);
        allow(FAR, 0, 3600, allowed);
        for (uint32_t t = 0; t < QUERIES; t++)
            vectors[t] = target_of(t % 2); /* of these one is far from them */
        const VectorTargets targets = {vectors, QUERIES, nearest, found};
        VectorQuery query = {.k = K,
                             .options = &options,
                             .allowed = allowed,
                             .allowed_count = 3600,
                             .trace = &trace};
        must(fixture.kind->search_many(fixture.index, &query, &targets, &arena,
                                       &fixture.err),
             &fixture.err);
        bool is_scanned =
            trace.fallbacks > 0 || trace.searches[FILTER_SCAN] == QUERIES;
        assert_true(is_scanned || i == 0); /* all lists of IVF_FLAT may do */
        query.vector = vectors[0];
        must(vector_scan(&column, METRIC_L2, &query, best, &best_found,
                         &fixture.err),
             &fixture.err);
        for (uint32_t t = 0; t < QUERIES; t += 2) {
            assert_int_equal(found[t], K);
            assert_memory_equal(nearest + (size_t)t * K, best, sizeof best);
        }
        arena_free(&arena);
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
    make_kind("IVF_FLAT", 64, &fixture);
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
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
