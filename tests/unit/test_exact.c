/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_exact.c - whatever way an exact answer is found, it is that of computing
 * every distance and sorting, bit for bit, ties by row: element types, metrics
 * and data made to hurt.
 */
#include "unit/vectors_fixture.h"

#include "index/vector/exact.h"
#include "index/vector/exact_near.h"

#define ROWS 264
/* More than FLAT compares in one go, one target or many. */
#define FLAT_ROWS 1100

static int
neighbor_order(const void *left, const void *right)
{
    const Neighbor *a = left, *b = right;
    if (a->distance != b->distance)
        return a->distance < b->distance ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* The truth: every distance, sorted. */
static uint32_t
sort_all(const Data *data, Metric metric, const VectorQuery *query,
         Neighbor all[FLAT_ROWS])
{
    ExactQuery exact = exact_query_of(metric, data->column.element,
                                      query->vector, data->column.dim);
    uint32_t count = 0;
    for (uint32_t row = 0; row < data->column.count; row++)
        if (data->valid[row] != 0 &&
            (query->allowed == NULL || bits_get(query->allowed, row)))
            all[count++] = (Neighbor){
                exact_distance(&exact, vector_row(&data->column, row)), row};
    qsort(all, count, sizeof *all, neighbor_order);
    return count < query->k ? count : query->k;
}

static void
check_answer(const Neighbor *nearest, uint32_t found, const Neighbor *truth,
             uint32_t expected)
{
    assert_int_equal(found, expected);
    for (uint32_t i = 0; i < found; i++) {
        assert_int_equal(nearest[i].row, truth[i].row);
        assert_memory_equal(&nearest[i].distance, &truth[i].distance,
                            sizeof(float));
    }
}

/* Every target alone and `together` at once. */
static void
check_searches(const Data *data, Metric metric, VectorQuery *query,
               uint32_t together, const Index *index)
{
    static Neighbor truth[FLAT_ROWS], nearest[40 * FLAT_ROWS], alone[FLAT_ROWS];
    const void *vectors[40];
    uint32_t found[40];
    Error err = ERROR_INIT;
    Arena arena;
    arena_init(&arena, 0);
    size_t size = vector_row_size(&data->column);
    for (uint32_t t = 0; t < together; t++)
        vectors[t] = data->targets + t * size;
    const VectorTargets targets = {vectors, together, nearest, found};
    must(index != NULL
             ? index->kind->search_many(index, query, &targets, &arena, &err)
             : vector_scan_many(&data->column, metric, query, &targets, &arena,
                                &err),
         &err);
    for (uint32_t t = 0; t < together; t++) {
        query->vector = vectors[t];
        uint32_t expected = sort_all(data, metric, query, truth);
        check_answer(nearest + (size_t)t * query->k, found[t], truth, expected);
        must(
            index != NULL
                ? index->kind->search(index, query, alone, found, &err)
                : vector_scan(&data->column, metric, query, alone, found, &err),
            &err);
        check_answer(alone, found[0], truth, expected);
    }
    arena_free(&arena);
}

static void
check_data(const Data *data, Metric metric, const Index *index)
{
    uint32_t row_count = data->column.count;
    const uint32_t ks[] = {1, 10, row_count};
    static const uint32_t counts[] = {2, 40, 4};
    for (size_t i = 0; i < 3; i++) {
        SearchCounters counters = {0};
        VectorQuery query = {
            .k = ks[i], .allowed_count = row_count, .counters = &counters};
        check_searches(data, metric, &query, counts[i], index);
        if (i != 1)
            continue;
        query.allowed = data->allowed;
        query.allowed_count = (uint32_t)bits_count(data->allowed, row_count);
        check_searches(data, metric, &query, counts[i], index);
    }
}

/* Each element type, metric and shape, at two lengths. */
static void
for_all_data(void (*check)(const Data *data, Metric metric), uint32_t row_count)
{
    for (ElementType element = 0; element < ELEMENT_COUNT; element++)
        for (Metric metric = 0; metric < METRIC_COUNT; metric++)
            for (Shape shape = 0; shape < SHAPE_COUNT; shape++) {
                if (!metric_fits(metric, element))
                    continue;
                uint32_t dim = shape % 2 == 0 ? 72 : 24;
                Data data = data_new(element, shape, dim, row_count, 1 + shape);
                check(&data, metric);
                data_free(&data);
            }
}

static void
check_scan(const Data *data, Metric metric)
{
    check_data(data, metric, NULL);
}

static void
test_scans(void **state)
{
    (void)state;
    for_all_data(check_scan, ROWS);
}

/* The same by an index that scans codes. */
static void
check_flat(const Data *data, Metric metric)
{
    Fixture fixture;
    if (data->column.element == ELEMENT_BIT)
        return;
    fixture_init(&fixture, index_kind_find(SLICE_LITERAL("FLAT")), metric);
    fixture.vectors = &data->column;
    fixture_make(&fixture);
    check_data(data, metric, fixture.index);
    fixture_free(&fixture);
}

static void
test_flat(void **state)
{
    (void)state;
    for_all_data(check_flat, FLAT_ROWS);
}

/* The neighbours of rows: all but the row itself, however many are as near. */
static void
check_neighbours(const Data *data, Metric metric)
{
    enum { K = 10, ROWS_ASKED = 5 };
    static Neighbor truth[FLAT_ROWS];
    Neighbor nearest[ROWS_ASKED * K];
    uint32_t rows[ROWS_ASKED], found[ROWS_ASKED], count = 0;
    Error err = ERROR_INIT;
    for (uint32_t row = 0; row < ROWS && count < ROWS_ASKED; row += 17)
        if (data->valid[row] != 0)
            rows[count++] = row;
    for (int i = 0; i < 2; i++) {
        const uint64_t *allowed = i == 0 ? NULL : data->allowed;
        const TrueNear near = {&data->column, metric, allowed, K, NULL};
        must(true_near(&near, rows, count, nearest, found, &err), &err);
        for (uint32_t j = 0; j < count; j++) {
            VectorQuery query = {.vector = vector_row(&data->column, rows[j]),
                                 .k = ROWS,
                                 .allowed = allowed};
            uint32_t all = sort_all(data, metric, &query, truth), others = 0;
            for (uint32_t n = 0; n < all; n++)
                if (truth[n].row != rows[j])
                    truth[others++] = truth[n];
            check_answer(nearest + (size_t)j * K, found[j], truth,
                         others < K ? others : K);
        }
    }
}

static void
test_neighbours(void **state)
{
    (void)state;
    for_all_data(check_neighbours, ROWS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scans),
        cmocka_unit_test(test_flat),
        cmocka_unit_test(test_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
