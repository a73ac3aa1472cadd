/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_recall.c - recall of every vector kind, from one table: over each type
 * of element and each metric it takes, without a condition, under several, and
 * within a radius. Clustered Gaussians of a fixed seed, 32 elements (256 bits);
 * what is asked for lies well below what is reached. HNSW once more with so
 * many elements that it walks over half a byte for each, and with a recall
 * asked for. Real data is run_recall.c's.
 */
#include "unit/index_fixture.h"

#include <math.h>

#define ROWS 1200
#define DIM 32
#define WIDE 260 /* elements that a graph takes half a byte for each of */
#define QUERIES 50
#define K 10
#define K_MOST 100
#define CLUSTERS 20

static float rows[ROWS * WIDE];
static float queries[QUERIES * WIDE];
static uint32_t dim, row_count, query_count; /* made */

/* The same as elements of the type under test. */
static uint32_t stored_rows[ROWS * WIDE];
static uint32_t stored_queries[QUERIES * WIDE];
static VectorColumn column = {.data = stored_rows};

static float
random_normal(uint64_t *seed)
{
    float sum = 0;
    for (int i = 0; i < 6; i++)
        sum += random_float(seed);
    return sum / sqrtf(2.0f);
}

static void
make_data(uint32_t elements, uint32_t count, uint32_t targets, float apart)
{
    uint64_t seed = 20240601;
    static float centers[CLUSTERS * WIDE];
    dim = elements;
    column.count = row_count = count;
    query_count = targets;
    for (uint32_t i = 0; i < CLUSTERS * dim; i++)
        centers[i] = apart * random_normal(&seed);
    for (uint32_t i = 0; i < (row_count + query_count) * dim; i++) {
        float *to =
            i < row_count * dim ? &rows[i] : &queries[i - row_count * dim];
        const float *center = centers + i / dim % CLUSTERS * dim;
        *to = center[i % dim] + 0.5f * random_normal(&seed);
    }
}

/* Bytes are tenths; bits are whether an element is above some bounds. */
static void
store(ElementType element, const float *from, uint32_t count, void *to)
{
    static const float bounds[8] = {-2, -1, -0.5f, 0, 0.25f, 0.5f, 1, 2};
    char *at = to;
    for (uint32_t row = 0; row < count; row++, from += dim) {
        float scaled[WIDE];
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
    column.dim = element == ELEMENT_BIT ? dim * 8 : dim;
    store(element, rows, row_count, stored_rows);
    store(element, queries, query_count, stored_queries);
}

/* A recall to ask for, 0 for none; and the largest effort it came to. */
typedef struct Asked {
    double recall;
    uint32_t k, effort;
} Asked;

static double
recall_of(const Fixture *fixture, const uint64_t *allowed, Asked *asked)
{
    uint32_t allowed_count =
        allowed == NULL ? row_count : (uint32_t)bits_count(allowed, row_count);
    IndexOptions options;
    index_options_default(fixture->kind->search_options, &options);
    uint32_t hits = 0, wanted = 0;
    for (uint32_t i = 0; i < query_count; i++) {
        Neighbor nearest[K_MOST], best[K_MOST];
        uint32_t found, best_found, effort = 0;
        Error err = ERROR_INIT;
        VectorQuery query = {.vector = (const char *)stored_queries +
                                       i * vector_row_size(&column),
                             .k = asked->k,
                             .recall = asked->recall,
                             .effort = &effort,
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
        asked->effort = effort > asked->effort ? effort : asked->effort;
        for (uint32_t n = 0; n < found; n++)
            hits += nearest[n].distance <= best[found - 1].distance;
        wanted += best_found;
    }
    return wanted == 0 ? 1.0 : (double)hits / wanted;
}

/* ---- the table ---- */

/* A kind, its first build options (0: as usual) and what it finds at least of
 * the 10 nearest: of L2, IP and COSINE, or of HAMMING and JACCARD. */
typedef struct Least {
    const char *kind;
    int64_t options[4];
    double recall[3];
} Least;

#define GRAPH 16, 100 /* M, efConstruction */

static const Least table[] = {
    {"FLAT", {0}, {1, 1, 1}},
    {"BIN_FLAT", {0}, {1, 1}},
    {"AUTOINDEX", {0}, {0.98, 0.98, 0.98}},
    {"HNSW", {GRAPH}, {0.98, 0.98, 0.98}},
    {"HNSW_SQ", {GRAPH}, {0.98, 0.98, 0.98}},
    {"HNSW_PQ", {GRAPH, 8}, {0.97, 0.97, 0.97}},
    {"HNSW_PRQ", {GRAPH, 4}, {0.95, 0.95, 0.95}},
    {"IVF_FLAT", {20}, {0.98, 0.98, 0.98}},
    {"IVF_SQ8", {20}, {0.98, 0.98, 0.98}},
    {"IVF_PQ", {20}, {0.97, 0.97, 0.96}},
    {"IVF_RABITQ", {20}, {0.98, 0.97, 0.98}},
    {"SCANN", {20}, {0.97, 0.98, 0.97}},
    {"BIN_IVF_FLAT", {20}, {0.98, 0.98}},
};
#define TABLE (sizeof table / sizeof table[0])

static double
least_of(const Least *least, Metric metric)
{
    return least
        ->recall[metric < METRIC_HAMMING ? metric : metric - METRIC_HAMMING];
}

static void
must_be(const Fixture *fixture, const char *what, double recall, double least)
{
    if (recall < least)
        fail_msg("%s, element %d, %s, %s: recall %.4f, not %.2f",
                 fixture->kind->name, (int)column.element,
                 metric_name(fixture->metric), what, recall, least);
}

/* Under conditions that hold for rows by chance, and for some clusters. */
static void
try_conditions(const Fixture *fixture, double least)
{
    static const uint32_t every[] = {1, 3, 20, 400, 0};
    uint64_t allowed[(ROWS + 63) / 64];
    for (size_t n = 0; n < sizeof every / sizeof every[0]; n++) {
        Asked asked = {0, K, 0};
        memset(allowed, 0, sizeof allowed);
        for (uint32_t row = 0; row < row_count; row++)
            if (every[n] > 0
                    ? row * UINT32_C(2654435761) / 65536 % every[n] == 0
                    : row % CLUSTERS < 3)
                bits_set(allowed, row);
        must_be(fixture, every[n] > 0 ? "by chance" : "three clusters",
                recall_of(fixture, allowed, &asked), least);
    }
}

/* Nearly all rows are allowed; then one cluster less, where some targets are.
 */
static void
try_deletions(const Fixture *fixture, double least)
{
    uint64_t allowed[(ROWS + 63) / 64] = {0};
    Asked asked = {0, K, 0};
    for (uint32_t row = 0; row < row_count; row++)
        if (row * UINT32_C(2654435761) / 65536 % 50 != 0)
            bits_set(allowed, row);
    must_be(fixture, "nearly all", recall_of(fixture, allowed, &asked), least);
    for (uint32_t row = 0; row < row_count; row += CLUSTERS)
        bits_clear(allowed, row);
    must_be(fixture, "nearly all but a cluster",
            recall_of(fixture, allowed, &asked), least);
}

/* As SEARCH does: ask for more rows until one is beyond the radius. */
static uint32_t
count_within(const Fixture *fixture, const IndexOptions *options,
             const void *target, float radius)
{
    static Neighbor nearest[ROWS];
    uint32_t found = 0, within = 0;
    for (uint32_t k = K;; k = k * 4 < row_count ? k * 4 : row_count) {
        Error err = ERROR_INIT;
        VectorQuery query = {.vector = target,
                             .k = k,
                             .options = options,
                             .allowed_count = row_count};
        must(fixture->kind->search(fixture->index, &query, nearest, &found,
                                   &err),
             &err);
        if (found < k || k == row_count || nearest[found - 1].distance > radius)
            break;
    }
    while (within < found && nearest[within].distance <= radius)
        within++;
    return within;
}

/* Within the distance of the 25th nearest row. */
static void
try_radius(const Fixture *fixture, double least)
{
    enum { WITHIN = 25 };
    IndexOptions options;
    index_options_default(fixture->kind->search_options, &options);
    uint32_t hits = 0, wanted = 0;
    for (uint32_t i = 0; i < query_count; i++) {
        const char *target =
            (const char *)stored_queries + i * vector_row_size(&column);
        static Neighbor best[ROWS];
        uint32_t found, true_count = 0;
        Error err = ERROR_INIT;
        VectorQuery query = {
            .vector = target, .k = row_count, .allowed_count = row_count};
        must(vector_scan(&column, fixture->metric, &query, best, &found, &err),
             &err);
        float radius = best[WITHIN - 1].distance;
        while (true_count < found && best[true_count].distance <= radius)
            true_count++;
        hits += count_within(fixture, &options, target, radius);
        wanted += true_count;
    }
    must_be(fixture, "within a radius", (double)hits / wanted, least);
}

static void
try_kind(const IndexKind *kind, const IndexOptions *options, Metric metric,
         double least)
{
    Fixture fixture;
    Asked asked = {0, K, 0};
    fixture_init(&fixture, kind, metric);
    fixture.vectors = &column;
    fixture.options = *options;
    fixture_make(&fixture);
    must_be(&fixture, "no condition", recall_of(&fixture, NULL, &asked), least);
    try_conditions(&fixture, least);
    try_deletions(&fixture, least);
    try_radius(&fixture, least);
    fixture_free(&fixture);
}

/* The kind and its options over such elements; NULL: it does not take them. */
static const IndexKind *
kind_of(const Least *least, ElementType element, IndexOptions *options)
{
    if (strcmp(least->kind, "AUTOINDEX") == 0)
        return index_kind_auto(element, options);
    const IndexKind *kind = index_kind_find(slice_of(least->kind));
    assert_non_null(kind);
    index_options_default(kind->build_options, options);
    for (size_t i = 0; i < 4; i++)
        if (least->options[i] != 0)
            options->values[i] = least->options[i];
    return index_kind_takes(kind, element) ? kind : NULL;
}

static void
try_least(const Least *least, ElementType element)
{
    IndexOptions options;
    const IndexKind *kind = kind_of(least, element, &options);
    for (int metric = 0; kind != NULL && metric < METRIC_COUNT; metric++)
        if (metric_fits((Metric)metric, element))
            try_kind(kind, &options, (Metric)metric,
                     least_of(least, (Metric)metric));
}

static void
test_recall(void **state)
{
    (void)state;
    make_data(DIM, ROWS, QUERIES, 1);
    for (int element = 0; element < ELEMENT_COUNT; element++) {
        store_all((ElementType)element);
        for (size_t i = 0; i < TABLE; i++)
            try_least(&table[i], (ElementType)element);
    }
}

/* No vector kind is left out. */
static void
test_table(void **state)
{
    (void)state;
    for (size_t i = 0; index_kinds[i] != NULL; i++) {
        bool is_in = !index_kinds[i]->is_vector;
        for (size_t n = 0; n < TABLE; n++)
            is_in |= strcmp(table[n].kind, index_kinds[i]->name) == 0;
        assert_true(is_in);
    }
}

static void
test_recall_of_many_elements(void **state)
{
    (void)state;
    static const Least wide = {"HNSW", {GRAPH}, {0.95, 0.95, 0.95}};
    make_data(WIDE, ROWS / 2, QUERIES / 2, 1);
    for (int element = 0; element < ELEMENT_BIT; element++) {
        store_all((ElementType)element);
        try_least(&wide, (ElementType)element);
    }
}

/* What was asked for is found, by no more than it takes: more recall or more
 * rows never take less, and a scan finds all. */
static void
ask_for_recall(const Fixture *fixture)
{
    static const double recalls[] = {0.3, 0.7, 0.85, 0.95, 0.98, 0.995, 1};
    static const uint32_t limits[] = {1, 3, K, 30, K_MOST};
    uint32_t last[sizeof recalls / sizeof recalls[0]] = {0};
    for (size_t n = 0; n < sizeof limits / sizeof limits[0]; n++) {
        for (size_t i = 0; i < sizeof recalls / sizeof recalls[0]; i++) {
            Asked asked = {recalls[i], limits[n], 0};
            double recall = recall_of(fixture, NULL, &asked);
            double blur = 3 * sqrt(recalls[i] * (1 - recalls[i]) / QUERIES);
            if (recall < recalls[i] - blur)
                fail_msg("%s, limit %u: asked %.3f, found %.4f",
                         metric_name(fixture->metric), asked.k, recalls[i],
                         recall);
            bool is_scan = asked.effort == 0;
            assert_true(!is_scan || recall == 1);
            assert_true(recalls[i] < 1 || is_scan);
            assert_true(is_scan || (i == 0 && n == 0) ||
                        asked.effort >= last[i]);
            assert_true(is_scan || i == 0 || asked.effort >= last[i - 1]);
            last[i] = is_scan ? UINT32_MAX : asked.effort;
        }
    }
    assert_true(last[0] < last[5]);
}

/* Rows without any order, where recall climbs slowly. */
static void
test_asked_recall(void **state)
{
    (void)state;
    make_data(DIM, ROWS, QUERIES, 0);
    store_all(ELEMENT_F32);
    for (int metric = 0; metric < METRIC_HAMMING; metric++) {
        Fixture fixture;
        fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW")),
                     (Metric)metric);
        fixture.options.values[0] = 6; /* M, efConstruction */
        fixture.options.values[1] = 40;
        fixture.vectors = &column;
        fixture_make(&fixture);
        ask_for_recall(&fixture);
        fixture_free(&fixture);
    }
}

/* A walk that has found its neighbours leaves some of those in view, for which
 * it would have to go much farther; IP has no such thing. */
static void
test_walks_end(void **state)
{
    enum { EF = 300 };
    (void)state;
    make_data(DIM, ROWS, QUERIES, 0);
    store_all(ELEMENT_F32);
    for (int metric = 0; metric < METRIC_HAMMING; metric++) {
        Fixture fixture;
        fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW")),
                     (Metric)metric);
        fixture.vectors = &column;
        fixture_make(&fixture);
        IndexOptions options;
        index_options_default(fixture.kind->search_options, &options);
        options.values[0] = EF;
        uint32_t short_ones = 0;
        for (uint32_t i = 0; i < query_count; i++) {
            Neighbor nearest[K];
            uint32_t found;
            SearchCounters counters = {0, 0};
            VectorQuery query = {.vector = (const char *)stored_queries +
                                           i * vector_row_size(&column),
                                 .k = K,
                                 .options = &options,
                                 .counters = &counters};
            must(fixture.kind->search(fixture.index, &query, nearest, &found,
                                      &fixture.err),
                 &fixture.err);
            assert_int_equal(found, K);
            short_ones += counters.hops < EF;
        }
        assert_true(metric == METRIC_IP ? short_ones == 0
                                        : short_ones > query_count / 8);
        fixture_free(&fixture);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_recall),
        cmocka_unit_test(test_recall_of_many_elements),
        cmocka_unit_test(test_asked_recall),
        cmocka_unit_test(test_walks_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
