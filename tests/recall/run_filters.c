/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_filters.c - the plans of filtered searches beside each other.
 *
 *   run_filters BASE.npy QUERIES.npy L2|COSINE EFFORT QUERIES INDEX [KIND]
 *
 * Both matrices are of float32. INDEX is the file of an index of a KIND (HNSW
 * with M 16 and efConstruction 200; others with their usual options, but lists
 * as below), built when it is not there. EFFORT is ef or nprobe. For each part
 * of the rows that is allowed, and each place of these (by chance; those
 * nearest to the target; those farthest from it), every plan is forced and then
 * left to the index: microseconds a search, recall@10, and what was chosen.
 * Each search has a mask of its own; making it is not timed. The last column is
 * what the index's choice costs, of the quickest plan whose recall is at least
 * 0.95. With RUN_FILTERS_ESTIMATES in the environment also the rows looked at
 * and the microseconds that were expected.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/file.h"
#include "index/index.h"
#include "index/kernels/distance.h"

#define K 10
#define ENOUGH 0.95
#define ROUNDS 3

static const double shares[] = {0.0001, 0.001, 0.003, 0.01, 0.03, 0.05, 0.1,
                                0.2,    0.3,   0.5,   0.7,  0.9,  0.99};

typedef enum Place { EVENLY, NEAR, FAR, PLACES } Place;
static const char *const place_names[PLACES] = {"independent", "near", "far"};

typedef struct Bench {
    VectorColumn column;
    const float *queries;
    uint32_t query_count;
    Metric metric;
    int64_t effort;
    const IndexKind *kind;
    Index *index;
    uint32_t *order; /* of each query: all rows, nearest first */
    uint64_t *allowed;
} Bench;

static void
fail(const char *what, const char *detail)
{
    fprintf(stderr, "run_filters: %s: %s\n", what, detail);
    exit(1);
}

static void
must(mql_status status, const Error *err)
{
    if (status != MQL_OK)
        fail(err->text, err->detail);
}

static void *
room(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL)
        fail("out of memory", "");
    return memory;
}

static double
now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* A .npy file of float32: rows and columns from its header. */
static float *
read_matrix(const char *path, uint32_t *rows, uint32_t *dim)
{
    FILE *file = fopen(path, "rb");
    unsigned char head[10];
    char text[4096] = {0};
    if (file == NULL || fread(head, 1, sizeof head, file) != sizeof head)
        fail("cannot read", path);
    size_t size = head[8] + 256u * head[9];
    if (size >= sizeof text || fread(text, 1, size, file) != size)
        fail("has a wrong header", path);
    const char *shape = strstr(text, "'shape': (");
    if (shape == NULL || strstr(text, "<f4") == NULL ||
        sscanf(shape, "'shape': (%u, %u", rows, dim) != 2)
        fail("is not a matrix of float32", path);
    size_t count = (size_t)*rows * *dim;
    float *data = room(count, sizeof *data);
    if (fread(data, sizeof *data, count, file) != count)
        fail("is too short", path);
    fclose(file);
    return data;
}

/* The usual build options, of lists about 4 sqrt(rows) as a power of two. */
static void
choose_build(const Bench *bench, IndexOptions *options)
{
    const IndexOption *table = bench->kind->build_options;
    index_options_default(table, options);
    double lists = 4 * sqrt(bench->column.count);
    for (size_t i = 0; table[i].name != NULL; i++)
        if (strcmp(table[i].name, "M") == 0)
            options->values[i] = 16;
        else if (strcmp(table[i].name, "efConstruction") == 0)
            options->values[i] = 200;
        else if (strcmp(table[i].name, "nlist") == 0)
            options->values[i] = (int64_t)exp2(round(log2(lists)));
    Error err = ERROR_INIT;
    if (bench->kind->settle != NULL)
        must(bench->kind->settle(options, bench->column.dim, &err), &err);
}

static void
open_index(Bench *bench, const char *path)
{
    const SectionFileIdentity identity = {1, 2, 3};
    char new_path[4096];
    IndexOptions options;
    Error err = ERROR_INIT;
    SectionFile *file;
    choose_build(bench, &options);
    if (access(path, R_OK) != 0) {
        SectionWriter *writer;
        Pool *pool;
        uint64_t size;
        snprintf(new_path, sizeof new_path, "%s.new", path);
        must(pool_create(0, &pool, &err), &err);
        must(section_writer_create(&posix_vfs, new_path, identity, &writer,
                                   &err),
             &err);
        IndexBuild input = {.metric = bench->metric,
                            .options = &options,
                            .vectors = &bench->column,
                            .pool = pool};
        must(bench->kind->build(&input, writer, &err), &err);
        must(section_writer_finish(writer, path, &size, &err), &err);
        pool_destroy(pool);
    }
    must(section_file_open(&posix_vfs, path, identity, &file, &err), &err);
    IndexOpen input = {.metric = bench->metric,
                       .options = &options,
                       .vectors = &bench->column,
                       .row_count = bench->column.count,
                       .file = file};
    must(bench->kind->open(&input, &bench->index, &err), &err);
}

static const float *
target_of(const Bench *bench, uint32_t query)
{
    return bench->queries + (size_t)query * bench->column.dim;
}

static void
sort_rows(Bench *bench)
{
    uint32_t count = bench->column.count, found;
    Neighbor *all = room(count, sizeof *all);
    Error err = ERROR_INIT;
    bench->order =
        room((size_t)count * bench->query_count, sizeof *bench->order);
    for (uint32_t query = 0; query < bench->query_count; query++) {
        const VectorQuery everything = {.vector = target_of(bench, query),
                                        .k = count,
                                        .allowed_count = count};
        must(vector_scan(&bench->column, bench->metric, &everything, all,
                         &found, &err),
             &err);
        for (uint32_t i = 0; i < count; i++)
            bench->order[(size_t)query * count + i] = all[i].row;
    }
    free(all);
}

static void
allow(const Bench *bench, uint32_t query, Place place, uint32_t wanted)
{
    uint32_t count = bench->column.count;
    const uint32_t *order = bench->order + (size_t)query * count;
    memset(bench->allowed, 0, bits_words(count) * sizeof *bench->allowed);
    for (uint32_t i = 0; i < wanted; i++) {
        uint64_t by_chance = (i * UINT64_C(2654435761) + query) % count;
        bits_set(bench->allowed, place == EVENLY ? (uint32_t)by_chance
                                 : place == NEAR ? order[i]
                                                 : order[count - 1 - i]);
    }
}

typedef struct Result {
    double time; /* seconds, of all queries */
    double recall, distances;
    FilterTrace trace;
    bool is_short; /* rows were missing */
} Result;

/* Right are answers as near as the last of the truth. */
static void
judge(const Bench *bench, const VectorQuery *query, const Neighbor *nearest,
      uint32_t found, Result *result)
{
    Neighbor best[K];
    uint32_t wanted, right = 0;
    Error err = ERROR_INIT;
    VectorQuery exact = *query;
    exact.counters = NULL;
    must(
        vector_scan(&bench->column, bench->metric, &exact, best, &wanted, &err),
        &err);
    for (uint32_t i = 0; i < found && wanted > 0; i++)
        right += nearest[i].distance <= best[wanted - 1].distance;
    result->recall += wanted == 0 ? 1 : (double)right / wanted;
    result->is_short |= found < wanted;
}

static Result
measure(const Bench *bench, FilterStrategy plan, Place place, double share)
{
    IndexOptions options;
    Error err = ERROR_INIT;
    SearchCounters counters = {0};
    Result result = {0};
    index_options_default(bench->kind->search_options, &options);
    options.values[0] = bench->effort;
    uint32_t wanted = (uint32_t)(share * bench->column.count + 0.5);
    for (uint32_t i = 0; i < bench->query_count; i++) {
        Neighbor nearest[K];
        uint32_t found;
        double best = 1e9;
        VectorQuery query = {.vector = target_of(bench, i),
                             .k = K,
                             .options = &options,
                             .allowed = bench->allowed,
                             .filter_plan = plan,
                             .counters = &counters,
                             .trace = &result.trace};
        allow(bench, i, place, wanted);
        query.allowed_count =
            (uint32_t)bits_count(bench->allowed, bench->column.count);
        for (int round = 0; round < ROUNDS; round++) {
            double start = now();
            must(bench->kind->search(bench->index, &query, nearest, &found,
                                     &err),
                 &err);
            double spent = now() - start;
            best = spent < best ? spent : best;
        }
        result.time += best;
        judge(bench, &query, nearest, found, &result);
    }
    result.recall /= bench->query_count;
    result.distances = (double)counters.distances / bench->query_count / ROUNDS;
    return result;
}

static bool
has_plan(const Bench *bench, int plan)
{
    return (bench->kind->filter_plans & FILTER_SET(plan)) != 0;
}

static void
print_point(const Bench *bench, Place place, double share)
{
    double quickest = 1e9;
    Result result = {0};
    printf("| %g %% | %s |", share * 100, place_names[place]);
    for (int next = FILTER_SCAN; next <= FILTER_PLANS; next++) {
        int plan = next % FILTER_PLANS;
        bool is_auto = plan == FILTER_AUTO;
        if (!is_auto && !has_plan(bench, plan))
            continue;
        result = measure(bench, (FilterStrategy)plan, place, share);
        printf(" %.0f (%.3f)%s |", result.time * 1e6 / bench->query_count,
               result.recall, result.is_short ? " SHORT" : "");
        if (getenv("RUN_FILTERS_ESTIMATES") != NULL)
            printf(" [%.0f rows, %.0f] |", result.distances,
                   result.trace.estimates[plan] / ROUNDS / bench->query_count /
                       1e3);
        if (!is_auto && result.recall >= ENOUGH && result.time < quickest)
            quickest = result.time;
    }
    const char *before = "";
    for (int plan = 0; plan < FILTER_PLANS; plan++)
        if (result.trace.searches[plan] > 0) {
            printf("%s %s %.0f %%", before,
                   filter_plan_name((FilterStrategy)plan),
                   100.0 * result.trace.searches[plan] / ROUNDS /
                       bench->query_count);
            before = ",";
        }
    printf(", given up %.0f %% | %.2f |\n",
           100.0 * result.trace.fallbacks / ROUNDS / bench->query_count,
           result.time / quickest);
    fflush(stdout);
}

static void
print_head(const Bench *bench)
{
    printf("%u rows of %u, %s, %s %d, %u searches, kernels %s; microseconds of "
           "processor (recall@10)\n\n| allowed | where |",
           bench->column.count, bench->column.dim, metric_name(bench->metric),
           bench->kind->search_options[0].name, (int)bench->effort,
           bench->query_count, distance_table()->name);
    int plans = 0;
    for (int plan = FILTER_SCAN; plan < FILTER_PLANS; plan++)
        if (has_plan(bench, plan)) {
            printf(" %s |", filter_plan_name((FilterStrategy)plan));
            plans++;
        }
    printf(" auto | chosen | auto / best |\n|---|---|");
    for (int i = 0; i < plans + 3; i++)
        printf("---|");
    printf("\n");
}

int
main(int argc, char **argv)
{
    Bench bench = {.kind =
                       index_kind_find(slice_of(argc > 7 ? argv[7] : "HNSW"))};
    uint32_t dim;
    if (argc < 7 || bench.kind == NULL ||
        !metric_from_name(slice_of(argv[3]), &bench.metric))
        fail("usage", "run_filters BASE.npy QUERIES.npy L2|COSINE EFFORT "
                      "QUERIES INDEX [KIND]");
    float *base = read_matrix(argv[1], &bench.column.count, &bench.column.dim);
    float *queries = read_matrix(argv[2], &bench.query_count, &dim);
    if (dim != bench.column.dim)
        fail("differ in their dimension", argv[2]);
    bench.column.data = base;
    bench.queries = queries;
    bench.effort = atol(argv[4]);
    if ((uint32_t)atol(argv[5]) < bench.query_count)
        bench.query_count = (uint32_t)atol(argv[5]);
    bench.allowed = room(bits_words(bench.column.count) + 1, sizeof(uint64_t));
    open_index(&bench, argv[6]);
    sort_rows(&bench);
    print_head(&bench);
    for (int place = EVENLY; place < PLACES; place++)
        for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++)
            print_point(&bench, (Place)place, shares[i]);
    bench.kind->close(bench.index);
    free(bench.order);
    free(bench.allowed);
    free(base);
    free(queries);
    return 0;
}
