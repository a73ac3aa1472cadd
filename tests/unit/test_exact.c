/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_exact.c - whatever way an exact answer is found, it is that of computing
 * every distance and sorting, bit for bit, ties by row: element types, metrics
 * and data made to hurt.
 */
#include "unit/index_fixture.h"

#include <math.h>

#include "index/vector/exact.h"

#define ROWS 264
#define DIM_MOST 72

typedef enum Shape {
    SHAPE_RANDOM,
    SHAPE_TIES,     /* a few rows again and again                     */
    SHAPE_FAR,      /* all near one far point: products cancel        */
    SHAPE_CONSTANT, /* columns that hardly differ                     */
    SHAPE_SCALES,   /* each row of a magnitude of its own             */
    SHAPE_HUGE,     /* squares beyond a float                         */
    SHAPE_TINY,     /* squares below a float, denormal numbers, zeros */
    SHAPE_ZEROS,    /* most rows are zero                             */
    SHAPE_OUTLIER,  /* one element a thousand times the others        */
    SHAPE_COUNT
} Shape;

static float
shaped(Shape shape, uint64_t *seed, uint32_t row, uint32_t i)
{
    float x = random_float(seed);
    switch (shape) {
    case SHAPE_TIES:
        return (float)((row % 7 * 31 + i * 17) % 5) - 2;
    case SHAPE_FAR:
        return 100.0f + 0.001f * x;
    case SHAPE_CONSTANT:
        return i % 3 == 0 ? x : 3.0f + (float)(row % 2) * 0x1p-22f;
    case SHAPE_SCALES:
        return ldexpf(x, (int)(row * 37 % 40) - 20);
    case SHAPE_HUGE:
        return ldexpf(x, 60 + (int)(row % 9) * 8);
    case SHAPE_TINY:
        return row % 11 == 0 ? 0 : ldexpf(x, -40 - (int)(row % 12) * 9);
    case SHAPE_ZEROS:
        return row % 5 == 0 ? x : row % 2 == 0 ? -0.0f : 0.0f;
    case SHAPE_OUTLIER:
        return i == row % 5 ? 1000 * x : x;
    default:
        return x;
    }
}

/* What the element type can hold of it. */
static float
fitted(ElementType element, float x)
{
    if (element == ELEMENT_BIT)
        return x > 0.2f;
    if (element == ELEMENT_I8)
        return fmaxf(-128, fminf(127, rintf(100 * x)));
    if (element == ELEMENT_F16)
        return fmaxf(-65504, fminf(65504, x));
    return fmaxf(-3e38f, fminf(3e38f, x));
}

typedef struct Data {
    char *rows, *targets;
    uint8_t *valid;
    uint64_t allowed[ROWS / 64 + 1];
    VectorColumn column;
    uint32_t target_count;
} Data;

static char *
vectors_new(ElementType element, Shape shape, uint32_t dim, uint32_t count,
            uint64_t *seed)
{
    size_t size = element_row_size(element, dim);
    char *vectors = malloc(size * count);
    float whole[DIM_MOST];
    for (uint32_t row = 0; row < count; row++) {
        for (uint32_t i = 0; i < dim; i++)
            whole[i] = fitted(element, shaped(shape, seed, row, i));
        assert_int_equal(
            element_of_floats(element, whole, dim, vectors + row * size), dim);
    }
    return vectors;
}

static Data
data_new(ElementType element, Shape shape, uint32_t dim, uint64_t seed)
{
    Data data = {.target_count = 40};
    data.rows = vectors_new(element, shape, dim, ROWS, &seed);
    data.targets = vectors_new(element, shape, dim, data.target_count, &seed);
    /* Some targets are rows: distances of nothing. */
    size_t size = element_row_size(element, dim);
    for (uint32_t t = 0; t < data.target_count; t += 3)
        memcpy(data.targets + t * size, data.rows + t * 5 * size, size);
    data.valid = malloc(ROWS);
    for (uint32_t row = 0; row < ROWS; row++) {
        data.valid[row] = row % 13 != 4;
        if (row % 3 != 1)
            data.allowed[row / 64] |= (uint64_t)1 << row % 64;
    }
    data.column = (VectorColumn){.data = data.rows,
                                 .element = element,
                                 .count = ROWS,
                                 .dim = dim,
                                 .valid = data.valid};
    return data;
}

static void
data_free(Data *data)
{
    free(data->rows);
    free(data->targets);
    free(data->valid);
}

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
         Neighbor all[ROWS])
{
    ExactQuery exact = exact_query_of(metric, data->column.element,
                                      query->vector, data->column.dim);
    uint32_t count = 0;
    for (uint32_t row = 0; row < ROWS; row++)
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
    static Neighbor truth[ROWS], nearest[40 * ROWS], alone[ROWS];
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
    static const uint32_t ks[] = {1, 10, ROWS};
    static const uint32_t counts[] = {2, 40, 4};
    for (size_t i = 0; i < 3; i++) {
        SearchCounters counters = {0};
        VectorQuery query = {
            .k = ks[i], .allowed_count = ROWS, .counters = &counters};
        check_searches(data, metric, &query, counts[i], index);
        if (i != 1)
            continue;
        query.allowed = data->allowed;
        query.allowed_count = (uint32_t)bits_count(data->allowed, ROWS);
        check_searches(data, metric, &query, counts[i], index);
    }
}

/* Each element type, metric and shape, at two lengths. */
static void
for_all_data(void (*check)(const Data *data, Metric metric))
{
    for (ElementType element = 0; element < ELEMENT_COUNT; element++)
        for (Metric metric = 0; metric < METRIC_COUNT; metric++)
            for (Shape shape = 0; shape < SHAPE_COUNT; shape++) {
                if (!metric_fits(metric, element))
                    continue;
                uint32_t dim = shape % 2 == 0 ? 72 : 24;
                Data data = data_new(element, shape, dim, 1 + shape);
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
    for_all_data(check_scan);
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
    for_all_data(check_flat);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scans),
        cmocka_unit_test(test_flat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
