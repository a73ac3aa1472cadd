/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_search_many.c - many targets in one call of an index get what each gets
 * alone, bit for bit: every kind that has such a call, element types, metrics,
 * data made to hurt, conditions with each plan, and efforts.
 */
#include "unit/vectors_fixture.h"

#define TARGETS 40
#define FEW_ROWS 264
#define MANY_ROWS 1000

/* How a search is asked. */
typedef struct Asking {
    uint32_t k, targets;
    int64_t first_option; /* nprobe, ef; 0: the usual one */
    uint32_t share;       /* one row in so many is allowed; 0: all */
    size_t room;          /* bytes of memory; 0: enough */
} Asking;

static const Asking askings[] = {
    {.k = 1, .targets = TARGETS},
    {.k = 10, .targets = TARGETS, .first_option = 1},
    {.k = 10, .targets = 2},
    {.k = 11, .targets = 9, .first_option = 20},
    {.k = 7, .targets = TARGETS, .first_option = 3, .share = 2},
    {.k = 5, .targets = TARGETS, .first_option = 12, .share = 40},
    {.k = 3, .targets = 13, .share = 700},
    {.k = 2 * MANY_ROWS, .targets = 9},
    {.k = 4, .targets = 20, .room = 1},
    {.k = 4, .targets = 20, .share = 40, .room = 1},
    {.k = 10, .targets = TARGETS, .share = 40, .room = 6000},
    {.k = 7, .targets = TARGETS, .share = 2, .room = 20000},
};

/* Bits of the rows that pass, those without a vector among them. */
static uint64_t *
allow_some(const Data *data, uint32_t share, uint32_t *count)
{
    uint32_t rows = data->column.count;
    *count = rows;
    if (share == 0)
        return NULL;
    uint64_t *allowed = calloc(bits_words(rows), sizeof *allowed);
    for (uint32_t row = 0; row < rows; row++)
        if (row * 7919 % 1009 % share == 0)
            bits_set(allowed, row);
    *count = (uint32_t)bits_count(allowed, rows);
    return allowed;
}

/* Whether a search with this plan gives the same rows at the same distances. */
static bool
is_answer(const Fixture *fixture, VectorQuery query, FilterStrategy plan,
          const Neighbor *nearest, uint32_t found)
{
    Error err = ERROR_INIT;
    Neighbor *alone = calloc(query.k, sizeof *alone);
    uint32_t found_alone;
    query.filter_plan = plan;
    must(fixture->kind->search(fixture->index, &query, alone, &found_alone,
                               &err),
         &err);
    bool is_same = found == found_alone;
    for (uint32_t i = 0; i < found_alone && is_same; i++)
        is_same = nearest[i].row == alone[i].row &&
                  nearest[i].distance == alone[i].distance;
    free(alone);
    return is_same;
}

/* What rows take is measured meanwhile: where the index chooses, the target
 * alone may get another plan's answer, but never one that no plan gives. */
static void
check_answer(const Fixture *fixture, const VectorQuery *query,
             const Neighbor *nearest, uint32_t found)
{
    FilterStrategy asked = query->filter_plan;
    bool is_same = is_answer(fixture, *query, asked, nearest, found);
    for (int plan = FILTER_AUTO + 1; plan < FILTER_PLANS && !is_same; plan++)
        is_same =
            asked == FILTER_AUTO && query->allowed != NULL &&
            fixture->kind->filter_plans & FILTER_SET(plan) &&
            is_answer(fixture, *query, (FilterStrategy)plan, nearest, found);
    if (!is_same)
        fail_msg("%s %s plan %d, %u allowed: not what the target gets alone",
                 fixture->kind->name, metric_name(fixture->metric), (int)asked,
                 query->allowed_count);
}

static void
check_asking(const Data *data, const Fixture *fixture, Asking asking,
             FilterStrategy plan)
{
    const IndexKind *kind = fixture->kind;
    const void *vectors[TARGETS];
    uint32_t found[TARGETS];
    uint32_t k = asking.k < data->column.count ? asking.k : data->column.count;
    Neighbor *nearest = calloc((size_t)k * asking.targets, sizeof *nearest);
    IndexOptions options;
    SearchCounters counters = {0};
    Arena arena;
    Error err = ERROR_INIT;
    arena_init(&arena, asking.room);
    index_options_default(kind->search_options, &options);
    if (asking.first_option > 0)
        options.values[0] = asking.first_option;
    VectorQuery query = {.k = k, .options = &options, .counters = &counters};
    uint64_t *allowed = allow_some(data, asking.share, &query.allowed_count);
    query.allowed = allowed;
    query.filter_plan = plan;
    for (uint32_t t = 0; t < asking.targets; t++)
        vectors[t] = data->targets + t * vector_row_size(&data->column);
    const VectorTargets targets = {vectors, asking.targets, nearest, found};
    mql_status status =
        kind->search_many(fixture->index, &query, &targets, &arena, &err);
    /* Lists do without sharing. */
    bool has_lists = (kind->filter_plans & FILTER_SET(FILTER_CLUSTER)) != 0;
    bool is_asked = status == MQL_OK || asking.room == 0 || has_lists;
    must(is_asked ? status : MQL_OK, &err);
    for (uint32_t t = 0; is_asked && t < asking.targets; t++) {
        query.vector = vectors[t];
        check_answer(fixture, &query, nearest + (size_t)t * k, found[t]);
    }
    assert_true(!is_asked || counters.distances > 0 ||
                query.allowed_count == 0);
    arena_free(&arena);
    free(allowed);
    free(nearest);
}

static void
check_kind(const IndexKind *kind, const Data *data, Metric metric)
{
    Fixture fixture;
    fixture_init(&fixture, kind, metric);
    fixture.vectors = &data->column;
    fixture_make(&fixture);
    for (size_t i = 0; i < sizeof askings / sizeof askings[0]; i++)
        for (int plan = FILTER_AUTO; plan < FILTER_PLANS; plan++)
            if (plan == FILTER_AUTO ||
                (askings[i].share > 0 && kind->filter_plans & FILTER_SET(plan)))
                check_asking(data, &fixture, askings[i], (FilterStrategy)plan);
    fixture_free(&fixture);
}

/* Every kind, metric and element type over rows of some shapes. */
static void
check_shapes(uint32_t shape_step, uint32_t rows, uint32_t dim)
{
    for (size_t i = 0; index_kinds[i] != NULL; i++)
        for (ElementType element = 0; element < ELEMENT_COUNT; element++)
            for (Metric metric = 0; metric < METRIC_COUNT; metric++) {
                const IndexKind *kind = index_kinds[i];
                if (kind->search_many == NULL ||
                    !metric_fits(metric, element) ||
                    !index_kind_takes(kind, element))
                    continue;
                uint32_t shape = (metric + element) % shape_step;
                for (; shape < SHAPE_COUNT; shape += shape_step) {
                    Data data =
                        data_new(element, (Shape)shape, dim, rows, 1 + shape);
                    check_kind(kind, &data, metric);
                    data_free(&data);
                }
            }
}

static void
test_shapes(void **state)
{
    (void)state;
    check_shapes(4, FEW_ROWS, 24);
}

/* Dozens of lists. */
static void
test_many_rows(void **state)
{
    (void)state;
    check_shapes(SHAPE_COUNT, MANY_ROWS, 24);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_many_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
