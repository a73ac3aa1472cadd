/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_build_memory.c - what a build takes, measured, beside what its kind says
 * beforehand: never more, and not much less.
 */
#include "unit/index_fixture.h"

#include "own_malloc.h"

#define LOOSE 3          /* the bound may be so many times what is taken ... */
#define SMALL (1 << 20)  /* ... and so much above it: rooms of threads */
#define WRITER (5 << 19) /* what the writer keeps is not the build's */
#define MOST_ROWS 20000

typedef struct Shape {
    uint32_t rows, dim;
} Shape;

static const Shape shapes[] = {{300, 8}, {12000, 16}, {2000, 200}};

/* What the writer and the pool take is not the build's. */
static long
measure_build(Fixture *fixture, uint64_t *bound)
{
    Error *err = &fixture->err;
    Pool *pool;
    SectionWriter *writer;
    must(pool_create(fixture->threads, &pool, err), err);
    must(section_writer_create(fixture_vfs(), fixture->path, FIXTURE_IDENTITY,
                               &writer, err),
         err);
    IndexBuild input = {.metric = fixture->metric,
                        .options = &fixture->options,
                        .vectors = fixture->vectors,
                        .scalars = fixture->scalars,
                        .pool = pool};
    assert_non_null(fixture->kind->memory);
    *bound = fixture->kind->memory(&input);
    long before = atomic_load(&bytes);
    atomic_store(&most_bytes, 0);
    must(fixture->kind->build(&input, writer, err), err);
    long most = atomic_load(&most_bytes) - before;
    section_writer_abort(writer);
    pool_destroy(pool);
    return most;
}

static void
check(Fixture *fixture, const char *words, uint32_t rows)
{
    uint64_t bound;
    long most = measure_build(fixture, &bound);
    if (most - WRITER > (long)bound || bound > LOOSE * (uint64_t)most + SMALL)
        fail_msg("%s, %s, %u rows: %ld bytes taken, %llu said",
                 fixture->kind->name, words, rows, most,
                 (unsigned long long)bound);
}

static void
check_vectors(const IndexKind *kind, Shape shape, const void *data)
{
    bool is_bits = kind->elements == ELEMENT_SET(ELEMENT_BIT);
    VectorColumn column = {.data = data,
                           .element = is_bits ? ELEMENT_BIT : ELEMENT_F32,
                           .count = shape.rows,
                           .dim = shape.dim / 4 * 8};
    Fixture fixture;
    char words[32];
    if (!is_bits)
        column.dim = shape.dim;
    snprintf(words, sizeof words, "%u elements", column.dim);
    fixture_init(&fixture, kind, is_bits ? METRIC_HAMMING : METRIC_L2);
    /* Takes time, not memory. */
    Error ignored = ERROR_INIT;
    index_option_set(kind->build_options, &fixture.options,
                     SLICE_LITERAL("efConstruction"), true, 60,
                     (Slice){NULL, 0}, &ignored);
    if (kind->settle != NULL)
        must(kind->settle(&fixture.options, column.dim, &fixture.err),
             &fixture.err);
    fixture.vectors = &column;
    check(&fixture, words, shape.rows);
    fixture_free(&fixture);
}

/* Every kind of vectors that has a file, over each shape. */
static void
test_vectors(void **state)
{
    (void)state;
    if (!HAS_OWN_MALLOC)
        skip(); /* nobody counts */
    uint64_t seed = 5;
    float *data = calloc((size_t)MOST_ROWS * 128, sizeof *data);
    for (uint32_t i = 0; i < MOST_ROWS * 128; i++)
        data[i] = random_float(&seed);
    for (uint32_t i = 0; index_kinds[i] != NULL; i++)
        for (uint32_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            if (index_kinds[i]->is_vector && index_kinds[i]->has_file)
                check_vectors(index_kinds[i], shapes[s], data);
    free(data);
}

/* Keys of each type. */
static void
test_keys(void **state)
{
    (void)state;
    if (!HAS_OWN_MALLOC)
        skip();
    static uint32_t rows[MOST_ROWS];
    static int64_t ints[MOST_ROWS];
    static double reals[MOST_ROWS];
    static Slice texts[MOST_ROWS];
    for (uint32_t i = 0; i < MOST_ROWS; i++) {
        rows[i] = i;
        ints[i] = i / 2;
        reals[i] = i;
        texts[i] = i % 2 == 0 ? SLICE_LITERAL("even") : SLICE_LITERAL("odd");
    }
    for (KeyType type = KEY_INT; type <= KEY_BYTES; type++) {
        ScalarColumn column = {.type = type,
                               .row_count = MOST_ROWS,
                               .entry_count = MOST_ROWS,
                               .rows = rows,
                               .ints = ints,
                               .reals = reals,
                               .bytes = texts};
        Fixture fixture;
        fixture_init(&fixture, index_kind_find(SLICE_LITERAL("INVERTED")), 0);
        fixture.scalars = &column;
        check(&fixture, "keys", MOST_ROWS);
        fixture_free(&fixture);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
