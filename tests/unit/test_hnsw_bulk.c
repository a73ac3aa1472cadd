/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hnsw_bulk.c - near neighbours found list by list: all of them when all
 * lists are looked through, most of them else, never oneself or one twice;
 * a build of a large graph that runs out of memory, at each allocation.
 */
#include "unit/index_fixture.h"

#include "index/vector/hnsw_near.h"
#include "own_malloc.h"

#define M 8

/* Codes in lists. */
typedef struct World {
    Build build;
    IndexBuild input;
    Pool *pool;
    Near near;
    Error err;
} World;

static void
world_init(World *world, uint32_t nodes, uint32_t dim, uint32_t width)
{
    Build *build = &world->build;
    *world = (World){.err = ERROR_INIT};
    must(pool_create(2, &world->pool, &world->err), &world->err);
    world->input.pool = world->pool;
    build->input = &world->input;
    build->header.node_count = build->header.row_count = nodes;
    build->header.dim = dim;
    build->header.m = M;
    build->width = width;
    build->worker_count = pool_threads(world->pool);
    build->space.coder.stride = code_stride(dim);
    build->nodes = calloc(nodes, sizeof *build->nodes);
    build->codes = calloc(nodes, build->space.coder.stride);
    for (uint32_t i = 0; i < nodes; i++)
        build->nodes[i] = nodes - 1 - i;
}

static void
world_free(World *world)
{
    near_free(&world->near);
    pool_destroy(world->pool);
    free(world->build.nodes);
    free(world->build.codes);
}

static uint8_t *
code_of(const World *world, uint32_t row)
{
    return world->build.codes + (size_t)row * world->build.space.coder.stride;
}

/* A few clusters, and some codes that are the same. */
static void
fill(World *world)
{
    uint64_t seed = 11;
    uint32_t dim = world->build.header.dim;
    for (uint32_t row = 0; row < world->build.header.node_count; row++)
        for (uint32_t i = 0; i < dim; i++)
            code_of(world, row)[i] =
                (uint8_t)(1 + (row % 5 * 37 + i * 11) % 90 +
                          (row % 50 == 0 ? 0 : next_random(&seed) % 36));
}

static uint32_t
distance_of(const World *world, uint32_t a, uint32_t b)
{
    return distance_table()->l2_u7(code_of(world, a), code_of(world, b),
                                   world->build.space.coder.stride);
}

/* Rows are in the order of nodes from the last to the first: an early node
 * looks among the rows after it, another one among all. */
static uint32_t
first_other(const World *world, uint32_t row)
{
    uint32_t rank = world->build.header.node_count - 1 - row;
    return rank < world->near.early ? row + 1 : 0;
}

/* Nearest first, right distances, nobody twice. */
static void
check_found(const World *world, uint32_t row, const Neighbor *found,
            uint32_t count)
{
    uint64_t *seen = calloc(bits_words(world->build.header.row_count), 8);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_not_equal(found[i].row, row);
        assert_true(found[i].row >= first_other(world, row));
        assert_false(bits_get(seen, found[i].row));
        bits_set(seen, found[i].row);
        assert_true(found[i].distance ==
                    (float)distance_of(world, row, found[i].row));
        assert_true(i == 0 || found[i - 1].distance <= found[i].distance);
    }
    free(seen);
}

/* How many a node would find in all lists. */
static uint32_t
most_found(const World *world, uint32_t row)
{
    uint32_t nodes = world->build.header.node_count;
    uint32_t first = first_other(world, row);
    uint32_t others = nodes - first - (first == 0);
    return others < world->near.kept ? others : world->near.kept;
}

/* How many of those found are among the `most` nearest, ties counted in. */
static uint32_t
count_hits(const World *world, uint32_t row, const Neighbor *found,
           uint32_t count, uint32_t most)
{
    uint32_t nodes = world->build.header.node_count, hits = 0;
    Neighbor *memory = calloc(most + 1, sizeof *memory);
    TopK top = top_k_of(memory, most);
    for (uint32_t other = first_other(world, row); other < nodes; other++)
        if (other != row)
            top_k_offer(
                &top, (Neighbor){(float)distance_of(world, row, other), other});
    assert_int_equal(top_k_finish(&top), most);
    for (uint32_t i = 0; i < count; i++)
        hits += found[i].distance <= memory[most - 1].distance;
    free(memory);
    return hits;
}

/* The share of the true neighbours that is found, over every `every`th node;
 * every node is looked at once. */
static double
look_at_all(World *world, uint32_t every)
{
    const Near *near = &world->near;
    uint32_t nodes = world->build.header.node_count, number = 0;
    uint64_t hits = 0, wanted = 0;
    uint64_t *seen = calloc(bits_words(nodes), sizeof *seen);
    Neighbor *found = calloc(near->kept, sizeof *found);
    for (uint32_t t = 0; t < near->tile_count; t++) {
        NearTile tile = near->tiles[t];
        near_find(near, t % 2, tile);
        for (uint32_t i = 0; i < tile.count; i++, number++) {
            uint32_t row = near->members[tile.first + i];
            uint32_t count = near_take(near, t % 2, tile, i, found);
            assert_false(bits_get(seen, row));
            bits_set(seen, row);
            uint32_t most = most_found(world, row);
            assert_true(count == most ||
                        (count < most && first_other(world, row) > 0));
            check_found(world, row, found, count);
            if (number % every != 0 || most == 0)
                continue;
            hits += count_hits(world, row, found, count, most);
            wanted += most;
        }
    }
    assert_int_equal(bits_count(seen, nodes), nodes);
    free(seen);
    free(found);
    return (double)hits / (double)wanted;
}

static void
test_all_lists(void **state)
{
    (void)state;
    static const uint32_t dims[] = {1, 7, 64, 130};
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
        World world;
        world_init(&world, 1003, dims[i], 400);
        fill(&world);
        must(near_make(&world.build, &world.near, &world.err), &world.err);
        world.near.rows = world.build.header.node_count;
        assert_true(look_at_all(&world, 7) == 1.0);
        world_free(&world);
    }
}

static void
test_some_lists(void **state)
{
    (void)state;
    World world;
    world_init(&world, 6000, 12, 40);
    fill(&world);
    must(near_make(&world.build, &world.near, &world.err), &world.err);
    assert_int_equal(world.near.kept, 40);
    /* as many as the sample needs, up to 40 for each efConstruction */
    assert_in_range(world.near.rows, 400, 1600);
    double share = look_at_all(&world, 97);
    if (share < 0.9)
        fail_msg("%.3f of the neighbours were found", share);
    world_free(&world);
}

/* All are alike: one list, of which each tile sees a part. */
static void
test_one_list(void **state)
{
    (void)state;
    World world;
    world_init(&world, 5000, 3, 100);
    memset(world.build.codes, 64, 5000 * world.build.space.coder.stride);
    must(near_make(&world.build, &world.near, &world.err), &world.err);
    assert_true(world.near.window * SIDE_ROWS < 5000);
    assert_true(look_at_all(&world, 2500) == 1.0);
    world_free(&world);
}

/* A node has more neighbours to choose among than its few links would need. */
static void
test_few_links(void **state)
{
    (void)state;
    enum { ROWS = 3000, DIM = 6 };
    uint64_t seed = 8;
    static float rows[ROWS * DIM];
    for (uint32_t i = 0; i < ROWS * DIM; i++)
        rows[i] = random_float(&seed);
    VectorColumn column = {.data = rows, .count = ROWS, .dim = DIM};
    for (int64_t m = 2; m <= 32; m *= 2) {
        Fixture fixture;
        fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW")),
                     METRIC_L2);
        fixture.options.values[HNSW_OPTION_M] = m;
        fixture.options.values[HNSW_OPTION_EF_CONSTRUCTION] = 400;
        fixture.vectors = &column;
        fixture_make(&fixture);
        fixture_close(&fixture);
        fixture_free(&fixture);
    }
}

/* ---- rows in clumps ---- */

#define CLUMPS 50
#define CLUMP_DIM 32

/* About normal, of spread 1. */
static float
random_normal(uint64_t *seed)
{
    float sum = 0;
    for (int i = 0; i < 12; i++)
        sum += random_float(seed);
    return sum / 2;
}

static uint32_t
share_of_nearest(const Fixture *fixture, const float *target)
{
    enum { K = 10 };
    Neighbor near[K], exact[K];
    uint32_t found, wanted, hits = 0;
    Error err = ERROR_INIT;
    IndexOptions options;
    index_options_default(fixture->kind->search_options, &options);
    options.values[HNSW_OPTION_EF] = 100;
    VectorQuery query = {.vector = target,
                         .k = K,
                         .options = &options,
                         .allowed_count = fixture->vectors->count};
    must(fixture->kind->search(fixture->index, &query, near, &found, &err),
         &err);
    must(vector_scan(fixture->vectors, METRIC_L2, &query, exact, &wanted, &err),
         &err);
    for (uint32_t i = 0; i < found; i++)
        hits += near[i].distance <= exact[K - 1].distance;
    return hits;
}

/* Targets far from all clumps: a walk must get from one to another, which the
 * nearest neighbours of rows alone do not allow (two thirds were found). */
static void
test_between_clumps(void **state)
{
    (void)state;
    enum { ROWS = 10000, TARGETS = 100 };
    static float centers[CLUMPS * CLUMP_DIM], rows[ROWS][CLUMP_DIM];
    uint64_t seed = 3;
    for (uint32_t i = 0; i < CLUMPS * CLUMP_DIM; i++)
        centers[i] = 3 * random_normal(&seed);
    for (uint32_t row = 0; row < ROWS; row++)
        for (uint32_t i = 0; i < CLUMP_DIM; i++)
            rows[row][i] =
                centers[row % CLUMPS * CLUMP_DIM + i] + random_normal(&seed);
    VectorColumn column = {.data = rows, .count = ROWS, .dim = CLUMP_DIM};
    Fixture fixture;
    fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW")), METRIC_L2);
    fixture.options.values[HNSW_OPTION_M] = 16;
    fixture.options.values[HNSW_OPTION_EF_CONSTRUCTION] = 100;
    fixture.vectors = &column;
    fixture_make(&fixture);
    uint32_t hits = 0;
    for (uint32_t i = 0; i < TARGETS; i++) {
        float target[CLUMP_DIM];
        for (uint32_t j = 0; j < CLUMP_DIM; j++)
            target[j] = 3 * random_normal(&seed);
        hits += share_of_nearest(&fixture, target);
    }
    if (hits < 880)
        fail_msg("%u of 1000 neighbours were found", hits);
    fixture_close(&fixture);
    fixture_free(&fixture);
}

/* Cancelled when progress was told so many times. */
typedef struct Stop {
    atomic_bool cancel;
    uint32_t calls, most;
    uint64_t done;
} Stop;

static void
note_progress(void *context, uint64_t done, uint64_t total)
{
    Stop *stop = context;
    assert_true(done >= stop->done && done <= total);
    stop->done = done;
    if (++stop->calls == stop->most)
        atomic_store(&stop->cancel, true);
}

/* Progress goes up to the end; a build stops wherever it is cancelled. */
static void
test_stopped(void **state)
{
    (void)state;
    enum { COUNT = 2000, DIM = 6 };
    uint64_t seed = 4;
    static float rows[COUNT * DIM];
    for (uint32_t i = 0; i < COUNT * DIM; i++)
        rows[i] = random_float(&seed);
    VectorColumn column = {.data = rows, .count = COUNT, .dim = DIM};
    Fixture fixture;
    Pool *pool;
    fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW")), METRIC_L2);
    fixture.options.values[0] = M;
    fixture.options.values[1] = 20;
    must(pool_create(2, &pool, &fixture.err), &fixture.err);
    mql_status status = MQL_INTERRUPTED;
    for (uint32_t most = 1; status != MQL_OK; most++) {
        Stop stop = {.most = most};
        SectionWriter *writer;
        must(section_writer_create(fixture_vfs(), fixture.path,
                                   FIXTURE_IDENTITY, &writer, &fixture.err),
             &fixture.err);
        IndexBuild input = {.metric = METRIC_L2,
                            .options = &fixture.options,
                            .vectors = &column,
                            .pool = pool,
                            .cancel = &stop.cancel,
                            .progress = note_progress,
                            .progress_context = &stop};
        status = fixture.kind->build(&input, writer, &fixture.err);
        section_writer_abort(writer);
        error_clear(&fixture.err);
        if (status == MQL_OK) { /* only the last call comes too late */
            assert_true(stop.calls >= 20 && stop.calls <= most);
            assert_int_equal(stop.done, COUNT);
        } else {
            assert_int_equal(status, MQL_INTERRUPTED);
            assert_int_equal(stop.calls, most);
        }
    }
    pool_destroy(pool);
    fixture_free(&fixture);
}

/* Write sections with the allocation of a number failing; 0: none. */
static mql_status
build_failing(Fixture *fixture, Pool *pool, unsigned long number)
{
    Error *err = &fixture->err;
    SectionWriter *writer;
    long before = atomic_load(&blocks);
    must(section_writer_create(fixture_vfs(), fixture->path, FIXTURE_IDENTITY,
                               &writer, err),
         err);
    IndexBuild input = {.metric = fixture->metric,
                        .options = &fixture->options,
                        .vectors = fixture->vectors,
                        .pool = pool};
    atomic_store(&fail_at, atomic_load(&calls) + number);
    mql_status status = fixture->kind->build(&input, writer, err);
    bool has_failed = atomic_load(&calls) >= atomic_load(&fail_at);
    atomic_store(&fail_at, 0);
    assert_true(!has_failed || status == MQL_NO_MEMORY);
    assert_true(has_failed || status == MQL_OK);
    error_clear(err);
    section_writer_abort(writer);
    assert_int_equal(atomic_load(&blocks), before);
    return status;
}

/* Each of the allocations of a build fails once. */
static void
test_no_memory(void **state)
{
    (void)state;
    enum { COUNT = 1200, DIM = 6 };
    if (!HAS_OWN_MALLOC)
        skip();
    uint64_t seed = 3;
    static float rows[COUNT * DIM];
    for (uint32_t i = 0; i < COUNT * DIM; i++)
        rows[i] = random_float(&seed);
    VectorColumn column = {.data = rows, .count = COUNT, .dim = DIM};
    Fixture fixture;
    Pool *pool;
    fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW")), METRIC_L2);
    fixture.options.values[0] = M;
    fixture.options.values[1] = 20;
    fixture.vectors = &column;
    must(pool_create(2, &pool, &fixture.err), &fixture.err);
    unsigned long number = 1;
    while (build_failing(&fixture, pool, number) != MQL_OK)
        number++;
    assert_true(number > 40);
    pool_destroy(pool);
    fixture_free(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_lists),
        cmocka_unit_test(test_some_lists),
        cmocka_unit_test(test_one_list),
        cmocka_unit_test(test_few_links),
        cmocka_unit_test(test_between_clumps),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
