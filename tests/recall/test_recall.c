/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_recall.c - recall of approximate kinds on clustered Gaussians: 2,000
 * rows of 32 elements (256 bits), a fixed seed, thresholds well below what is
 * reached. Kinds, types of elements and metrics come from their tables; each
 * kind is tried with what it takes. Real data is run_recall.c's.
 */
#include "unit/index_fixture.h"

#include <math.h>

#define ROWS 2000
#define DIM 32
#define QUERIES 100
#define K 10
#define CLUSTERS 20

static float rows[ROWS * DIM];
static float queries[QUERIES * DIM];

/* The same as elements of the type under test. */
static uint32_t stored_rows[ROWS * DIM];
static uint32_t stored_queries[QUERIES * DIM];
static VectorColumn column = {.data = stored_rows, .count = ROWS};

static float
random_normal(uint64_t *seed)
{
    float sum = 0;
    for (int i = 0; i < 6; i++)
        sum += random_float(seed);
    return sum / sqrtf(2.0f);
}

static int
make_data(void **state)
{
    (void)state;
    uint64_t seed = 20240601;
    float centers[CLUSTERS * DIM];
    for (uint32_t i = 0; i < CLUSTERS * DIM; i++)
        centers[i] = random_normal(&seed);
    for (uint32_t i = 0; i < (ROWS + QUERIES) * DIM; i++) {
        float *to = i < ROWS * DIM ? &rows[i] : &queries[i - ROWS * DIM];
        const float *center = centers + i / DIM % CLUSTERS * DIM;
        *to = center[i % DIM] + 0.5f * random_normal(&seed);
    }
    return 0;
}

/* Bytes are tenths; bits are whether an element is above some bounds. */
static void
store(ElementType element, const float *from, uint32_t count, void *to)
{
    static const float bounds[8] = {-2, -1, -0.5f, 0, 0.25f, 0.5f, 1, 2};
    char *at = to;
    for (uint32_t row = 0; row < count; row++, from += DIM) {
        float scaled[DIM * 8];
        for (uint32_t i = 0; i < column.dim; i++) {
            if (element == ELEMENT_BIT)
                scaled[i] = from[i / 8] > bounds[i % 8] ? 1.0f : 0.0f;
            else
                scaled[i] = element == ELEMENT_I8 ? from[i] * 10 : from[i];
        }
        assert_int_equal(element_of_floats(element, scaled, column.dim, at),
                         column.dim);
        at += element_row_size(element, column.dim);
    }
}

static void
store_all(ElementType element)
{
    column.element = element;
    column.dim = element == ELEMENT_BIT ? DIM * 8 : DIM;
    store(element, rows, ROWS, stored_rows);
    store(element, queries, QUERIES, stored_queries);
}

static double
recall_of(const Fixture *fixture, const uint64_t *allowed)
{
    uint32_t allowed_count =
        allowed == NULL ? ROWS : (uint32_t)bits_count(allowed, ROWS);
    IndexOptions options;
    index_options_default(fixture->kind->search_options, &options);
    uint32_t hits = 0, wanted = 0;
    for (uint32_t i = 0; i < QUERIES; i++) {
        Neighbor nearest[K], best[K];
        uint32_t found, best_found;
        Error err = ERROR_INIT;
        VectorQuery query = {.vector = (const char *)stored_queries +
                                       i * vector_row_size(&column),
                             .k = K,
                             .options = &options,
                             .allowed = allowed,
                             .allowed_count = allowed_count};
        must(fixture->kind->search(fixture->index, &query, nearest, &found,
                                   &err),
             &err);
        must(vector_scan(&column, fixture->metric, &query, best, &best_found,
                         &err),
             &err);
        assert_int_equal(found, best_found);
        for (uint32_t n = 0; n < found; n++)
            hits += nearest[n].distance <= best[found - 1].distance;
        wanted += best_found;
    }
    return wanted == 0 ? 1.0 : (double)hits / wanted;
}

static void
must_reach(const Fixture *fixture, const char *what, const uint64_t *allowed,
           double threshold)
{
    double recall = recall_of(fixture, allowed);
    if (recall < threshold)
        fail_msg("%s, element %d, %s, %s: recall %.4f, not %.2f",
                 fixture->kind->name, (int)column.element,
                 metric_name(fixture->metric), what, recall, threshold);
}

/* Every fraction of rows by chance, and every cluster by itself. */
static void
try_kind(const IndexKind *kind, Metric metric)
{
    static const uint32_t every[] = {1, 2, 5, 10, 50, 500};
    uint64_t allowed[(ROWS + 63) / 64];
    Fixture fixture;
    fixture_init(&fixture, kind, metric);
    fixture.vectors = &column;
    fixture_make(&fixture);
    must_reach(&fixture, "no filter", NULL, 0.95);
    for (size_t n = 0; n < sizeof every / sizeof every[0]; n++) {
        memset(allowed, 0, sizeof allowed);
        for (uint32_t row = 0; row < ROWS; row++)
            if (row * UINT32_C(2654435761) / 65536 % every[n] == 0)
                bits_set(allowed, row);
        must_reach(&fixture, "by chance", allowed, 0.95);
    }
    memset(allowed, 0, sizeof allowed);
    for (uint32_t row = 0; row < ROWS; row++)
        if (row % CLUSTERS < 3)
            bits_set(allowed, row);
    must_reach(&fixture, "three clusters", allowed, 0.95);
    must(kind->check(fixture.index, &fixture.err), &fixture.err);
    fixture_free(&fixture);
}

static void
test_recall(void **state)
{
    (void)state;
    for (int element = 0; element < ELEMENT_COUNT; element++) {
        store_all((ElementType)element);
        for (size_t i = 0; index_kinds[i] != NULL; i++) {
            const IndexKind *kind = index_kinds[i];
            if (!kind->is_vector ||
                !index_kind_takes(kind, (ElementType)element))
                continue;
            for (int metric = 0; metric < METRIC_COUNT; metric++)
                if (metric_fits((Metric)metric, (ElementType)element))
                    try_kind(kind, (Metric)metric);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recall)};
    return cmocka_run_group_tests(tests, make_data, NULL);
}
