/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hnsw_filter.c - an HNSW graph where some rows are allowed: whatever the
 * plan, k rows come back whenever there are k, and they are the nearest; where
 * the allowed rows lie evenly, around the target, or far from it.
 */
#include "unit/filter_fixture.h"

static int
make_index(void **state)
{
    static Fixture fixture;
    fill_rows();
    /* copies of a row are one node of the graph */
    for (uint32_t row = 100; row < 130; row++)
        memcpy(rows + (size_t)row * DIM, rows, DIM * sizeof *rows);
    fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW")), METRIC_L2);
    fixture.options.values[0] = 16; /* M, efConstruction */
    fixture.options.values[1] = 100;
    fixture.vectors = &column;
    fixture_make(&fixture);
    *state = &fixture;
    return 0;
}

static int
free_index(void **state)
{
    fixture_free(*state);
    return 0;
}

/* Each with an index that was just opened, which has measured nothing: what it
 * chooses then does not depend on how fast the machine is. */
static Outcome
search_each_anew(Fixture *fixture, FilterStrategy plan, Place place,
                 uint32_t count)
{
    Outcome outcome = {0};
    uint64_t allowed[WORDS];
    for (uint32_t i = 0; i < QUERIES; i++) {
        fixture_close(fixture);
        must(fixture_open(fixture), &fixture->err);
        allow(place, i, count, allowed);
        search(fixture, plan, i, allowed, &outcome);
    }
    return outcome;
}

static void
test_recall(void **state)
{
    static const uint32_t counts[] = {1, 7, 10, 40, 400, 800, 2000, 3700, 3990};
    static const double least[FILTER_PLANS] = {[FILTER_AUTO] = 0.98,
                                               [FILTER_SCAN] = 0.99,
                                               [FILTER_GRAPH] = 0.95,
                                               [FILTER_POST] = 0.95};
    const Fixture *fixture = *state;
    for (int plan = FILTER_AUTO; plan <= FILTER_POST; plan++)
        for (int place = EVENLY; place < PLACES; place++)
            for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
                Outcome outcome = search_all(fixture, (FilterStrategy)plan,
                                             (Place)place, counts[i]);
                double recall = (double)outcome.right / outcome.wanted;
                /* a walk told to go there all the same may miss what is far */
                bool is_astray = plan == FILTER_GRAPH && place == FAR;
                if (recall < least[plan] && !is_astray)
                    fail_msg("%s, %u rows %s: recall %.3f",
                             filter_plan_name((FilterStrategy)plan), counts[i],
                             place_names[place], recall);
            }
}

/* Codes are read of all allowed rows, and floats of few; of few allowed rows
 * floats only. */
static void
test_scan_reads_codes(void **state)
{
    Outcome many = search_each_anew(*state, FILTER_SCAN, EVENLY, 2000);
    assert_true(many.counters.distances > (uint64_t)QUERIES * 2000);
    assert_true(many.counters.distances < (uint64_t)QUERIES * 2200);
    Outcome few = search_each_anew(*state, FILTER_SCAN, EVENLY, 100);
    assert_int_equal(few.counters.distances, QUERIES * 100);
    assert_int_equal(few.right, QUERIES * K);
}

/* Small scans stay in the cache and tell nothing of large ones: their pace made
 * vectors seem as cheap as codes, for as long as the index was open. */
static void
test_small_scans_tell_nothing(void **state)
{
    Fixture *fixture = *state;
    uint64_t many[WORDS];
    Outcome before = {0}, after = {0};
    allow(EVENLY, 0, 2000, many);
    fixture_close(fixture);
    must(fixture_open(fixture), &fixture->err);
    search(fixture, FILTER_SCAN, 0, many, &before);
    for (uint32_t i = 0; i < 3; i++)
        search_all(fixture, FILTER_SCAN, FAR, 1000);
    search(fixture, FILTER_SCAN, 0, many, &after);
    assert_true(before.trace.estimates[FILTER_SCAN] > 0);
    assert_true(before.trace.estimates[FILTER_SCAN] ==
                after.trace.estimates[FILTER_SCAN]);
}

static void
test_trace(void **state)
{
    for (int plan = FILTER_SCAN; plan <= FILTER_POST; plan++) {
        Outcome outcome =
            search_each_anew(*state, (FilterStrategy)plan, EVENLY, 2000);
        assert_int_equal(outcome.trace.searches[plan], QUERIES);
        assert_int_equal(outcome.trace.fallbacks, 0);
        assert_true(outcome.trace.estimates[plan] > 0);
    }
    /* what is far is not among the rows in view: the scan must find it */
    Outcome far = search_each_anew(*state, FILTER_POST, FAR, 2000);
    assert_int_equal(far.trace.searches[FILTER_POST], QUERIES);
    assert_true(far.trace.fallbacks > 0);
    /* few rows are scanned, nearly all are walked to */
    Outcome few = search_each_anew(*state, FILTER_AUTO, NEAR, 20);
    assert_int_equal(few.trace.searches[FILTER_SCAN], QUERIES);
    Outcome nearly = search_each_anew(*state, FILTER_AUTO, EVENLY, 3990);
    assert_int_equal(nearly.trace.searches[FILTER_SCAN], 0);
}

/* Where the very nearest rows are not allowed, a wider walk finds the others;
 * where all that it can see are not, the scan does. */
static void
test_wider_walk(void **state)
{
    Outcome few = search_each_anew(*state, FILTER_POST, FAR, ROWS - 10);
    assert_int_equal(few.trace.fallbacks, 0);
    assert_true(few.right >= QUERIES * K * 95 / 100);
    assert_true(few.counters.distances < (uint64_t)QUERIES * ROWS / 2);
    /* It goes on where it was: begun again it compared 7,966 rows. */
    Outcome more = search_each_anew(*state, FILTER_POST, FAR, ROWS - 80);
    assert_int_equal(more.trace.fallbacks, 0);
    assert_true(more.right >= QUERIES * K * 95 / 100);
    assert_true(more.counters.distances < 7000);
    Outcome many = search_each_anew(*state, FILTER_POST, FAR, ROWS - 1280);
    assert_int_equal(many.trace.fallbacks, QUERIES);
    assert_int_equal(many.right, QUERIES * K);
}

/* Where nearly every node has copies, a node that has some is not allowed for
 * that. */
static void
test_many_copies(void **state)
{
    (void)state;
    static float copied[ROWS * DIM];
    static Fixture fixture;
    uint64_t allowed[WORDS];
    memcpy(copied, rows, sizeof copied);
    for (uint32_t row = ROWS / 2; row < ROWS; row++)
        memcpy(copied + (size_t)row * DIM, rows + (size_t)(row / 4) * DIM,
               DIM * sizeof *rows);
    column.data = copied;
    fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW")), METRIC_L2);
    fixture.options.values[0] = 16;
    fixture.options.values[1] = 100;
    fixture.vectors = &column;
    fixture_make(&fixture);
    for (uint32_t share = 4; share < 12; share += 3) {
        Outcome outcome = {0};
        memset(allowed, 0, sizeof allowed);
        for (uint32_t row = 0; row < ROWS; row += share)
            bits_set(allowed, row);
        for (uint32_t i = 0; i < QUERIES; i++)
            search(&fixture, FILTER_GRAPH, i, allowed, &outcome);
        assert_true(outcome.right >= outcome.wanted * 95 / 100);
        assert_int_equal(outcome.trace.fallbacks, 0);
    }
    fixture_free(&fixture);
    column.data = rows;
}

/* Of rows with the same vector the later ones may be allowed where the first,
 * which is the node, is not. */
static void
test_copies(void **state)
{
    const Fixture *fixture = *state;
    uint64_t allowed[WORDS];
    float *target = rows + (size_t)ROWS * DIM, kept[DIM];
    memcpy(kept, target, sizeof kept);
    memcpy(target, rows, sizeof kept); /* the first of the copies */
    for (int plan = FILTER_AUTO; plan <= FILTER_POST; plan++)
        for (uint32_t share = 2; share < 8; share++) {
            Outcome outcome = {0};
            memset(allowed, 0, sizeof allowed);
            for (uint32_t row = 1; row < ROWS; row++)
                if (row % share == 1)
                    bits_set(allowed, row);
            bits_set_range(allowed, 115, 15);
            search(fixture, (FilterStrategy)plan, 0, allowed, &outcome);
            assert_int_equal(outcome.right, K);
        }
    memcpy(target, kept, sizeof kept);
}

static void
test_names(void **state)
{
    (void)state;
    FilterStrategy plan;
    for (int i = 0; i < FILTER_PLANS; i++) {
        assert_true(filter_plan_from_name(
            slice_of(filter_plan_name((FilterStrategy)i)), &plan));
        assert_int_equal(plan, i);
    }
    assert_true(filter_plan_from_name(SLICE_LITERAL("Scan"), &plan));
    assert_false(filter_plan_from_name(SLICE_LITERAL("scans"), &plan));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_reads_codes),
        cmocka_unit_test(test_small_scans_tell_nothing),
        cmocka_unit_test(test_trace),
        cmocka_unit_test(test_wider_walk),
        cmocka_unit_test(test_recall),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_many_copies),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, make_index, free_index);
}
