/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hnsw_filter.c - an HNSW graph where some rows are allowed: whatever the
 * plan, k rows come back whenever there are k, and they are the nearest; where
 * the allowed rows lie evenly, around the target, or far from it.
 */
#include "unit/index_fixture.h"

#include "index/top_k.h"

#define ROWS 4000
#define DIM 256
#define QUERIES 8
#define K 10
#define WORDS ((ROWS + 63) / 64)

static float rows[(ROWS + QUERIES) * DIM];
static VectorColumn column = {.data = rows, .count = ROWS, .dim = DIM};

/* Where the allowed rows are, seen from the target. */
typedef enum Place { EVENLY, NEAR, FAR, PLACES } Place;
static const char *const place_names[PLACES] = {"evenly", "near", "far"};

static int
make_index(void **state)
{
    static Fixture fixture;
    uint64_t seed = 4711;
    for (uint32_t row = 0; row < ROWS + QUERIES; row++)
        random_wave(&seed, rows + (size_t)row * DIM, DIM);
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

static const float *
target_of(uint32_t number)
{
    return rows + (size_t)(ROWS + number) * DIM;
}

/* `count` rows; the nearest or farthest ones, or rows by chance. */
static void
allow(Place place, uint32_t number, uint32_t count, uint64_t allowed[WORDS])
{
    static Neighbor all[ROWS];
    uint32_t found;
    Error err = ERROR_INIT;
    const VectorQuery query = {
        .vector = target_of(number), .k = ROWS, .allowed_count = ROWS};
    memset(allowed, 0, WORDS * sizeof *allowed);
    must(vector_scan(&column, METRIC_L2, &query, all, &found, &err), &err);
    assert_int_equal(found, ROWS);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = place == EVENLY ? i * 2741 % ROWS
                       : place == NEAR ? all[i].row
                                       : all[ROWS - 1 - i].row;
        bits_set(allowed, row);
    }
    assert_int_equal(bits_count(allowed, ROWS), count);
}

typedef struct Outcome {
    uint32_t right, wanted;
    FilterTrace trace;
    SearchCounters counters;
} Outcome;

/* As many rows as there are, allowed and without doubles; counts the near ones.
 */
static void
search(const Fixture *fixture, FilterStrategy plan, uint32_t number,
       const uint64_t *allowed, Outcome *outcome)
{
    IndexOptions options;
    Neighbor nearest[K], best[K];
    uint32_t found, best_found;
    Error err = ERROR_INIT;
    index_options_default(fixture->kind->search_options, &options);
    VectorQuery query = {.vector = target_of(number),
                         .k = K,
                         .options = &options,
                         .allowed = allowed,
                         .allowed_count = (uint32_t)bits_count(allowed, ROWS)};
    must(vector_scan(&column, METRIC_L2, &query, best, &best_found, &err),
         &err);
    query.filter_plan = plan;
    query.trace = &outcome->trace;
    query.counters = &outcome->counters;
    must(fixture->kind->search(fixture->index, &query, nearest, &found, &err),
         &err);
    assert_int_equal(found, best_found);
    for (uint32_t i = 0; i < found; i++) {
        assert_true(bits_get(allowed, nearest[i].row));
        assert_true(i == 0 || neighbor_before(nearest[i - 1], nearest[i]));
        outcome->right += nearest[i].distance <= best[found - 1].distance;
    }
    outcome->wanted += found;
}

static Outcome
search_all(const Fixture *fixture, FilterStrategy plan, Place place,
           uint32_t count)
{
    Outcome outcome = {0};
    uint64_t allowed[WORDS];
    for (uint32_t i = 0; i < QUERIES; i++) {
        allow(place, i, count, allowed);
        search(fixture, plan, i, allowed, &outcome);
    }
    return outcome;
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
        cmocka_unit_test(test_trace),
        cmocka_unit_test(test_wider_walk),
        cmocka_unit_test(test_recall),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_many_copies),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, make_index, free_index);
}
