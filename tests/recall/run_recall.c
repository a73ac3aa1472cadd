/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_recall.c - build time, recall and speed of HNSW on Fashion-MNIST.
 *
 *   run_recall DIR [M] [efConstruction] [L2|COSINE] [threads]
 *
 * DIR holds base_u8.npy and query_u8.npy (rows of 784 bytes), gt/gt_l2.ivecs
 * and gt/gt_cos.ivecs (100 true neighbours a query), and for the filters
 * meta.jsonl and filters/gt_l2_NAME.ivecs. Recall is counted by distance, not
 * by number: the set has duplicates. Not part of `make check`; prints a table.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/file.h"
#include "index/index.h"
#include "index/kernels/distance.h"

#define DIM 784
#define TRUE_NEAREST 100
#define K 10

typedef struct Rows {
    float *data;
    uint32_t count;
} Rows;

static double
now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void
fail(const char *what, const char *detail)
{
    fprintf(stderr, "run_recall: %s: %s\n", what, detail);
    exit(1);
}

static void
must(mql_status status, const Error *err)
{
    if (status != MQL_OK)
        fail(err->text, err->detail);
}

/* The whole file, NUL-terminated. */
static char *
read_file(const char *directory, const char *name, size_t *size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    struct stat about;
    if (file == NULL || fstat(fileno(file), &about) != 0)
        fail("cannot read", path);
    *size = (size_t)about.st_size;
    char *text = malloc(*size + 1);
    if (text == NULL || fread(text, 1, *size, file) != *size)
        fail("cannot read", path);
    text[*size] = '\0';
    fclose(file);
    return text;
}

static Rows
read_rows(const char *directory, const char *name)
{
    size_t size;
    char *text = read_file(directory, name, &size);
    size_t header = 10 + (size_t)(unsigned char)text[8] +
                    256 * (size_t)(unsigned char)text[9];
    Rows rows = {NULL, (uint32_t)((size - header) / DIM)};
    rows.data = malloc((size_t)rows.count * DIM * sizeof(float));
    for (size_t i = 0; i < (size_t)rows.count * DIM; i++)
        rows.data[i] = (float)(unsigned char)text[header + i];
    free(text);
    return rows;
}

static int32_t *
read_truth(const char *directory, const char *name, uint32_t *count)
{
    size_t size;
    int32_t *truth = (int32_t *)(void *)read_file(directory, name, &size);
    *count = (uint32_t)(size / sizeof *truth / (TRUE_NEAREST + 1));
    return truth;
}

/* ---- the filters of filters/filters.json ---- */

/* What follows "key": in a line of JSON, to be compared with a prefix. */
static const char *
value_of(const char *line, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    const char *value = strstr(line, quoted);
    return value == NULL ? "" : value + strlen(quoted);
}

static bool
is(const char *line, const char *key, const char *value)
{
    return strncmp(value_of(line, key), value, strlen(value)) == 0;
}

static bool
has_tag(const char *line, const char *tag)
{
    const char *tags = value_of(line, "tags");
    const char *found = strstr(tags, tag);
    return found != NULL && found < strchr(tags, ']');
}

static bool
is_sneaker(const char *line)
{
    return is(line, "category", "\"Sneaker\"");
}

static bool
half(const char *line)
{
    return atol(value_of(line, "rank_u")) < 30000;
}

static bool
tenth(const char *line)
{
    return atol(value_of(line, "rank_u")) < 6000;
}

static bool
hundredth(const char *line)
{
    return atol(value_of(line, "rank_u")) < 600;
}

static bool
thousandth(const char *line)
{
    return atol(value_of(line, "rank_u")) < 60;
}

static bool
category_and_price(const char *line)
{
    long price = atol(value_of(line, "price"));
    return (is_sneaker(line) || is(line, "category", "\"Bag\"")) &&
           price >= 5000 && price <= 20000;
}

static bool
other_in_stock(const char *line)
{
    return !is_sneaker(line) && is(line, "in_stock", "true");
}

static bool
rating_null(const char *line)
{
    return is(line, "rating", "null");
}

static bool
rating_high(const char *line)
{
    return !rating_null(line) && atof(value_of(line, "rating")) >= 4.5;
}

static bool
brand_rare(const char *line)
{
    return is(line, "brand", "\"brand_050\"");
}

static bool
two_tags(const char *line)
{
    return has_tag(line, "\"eco\"") && has_tag(line, "\"sport\"");
}

static bool
tag_or_date(const char *line)
{
    return (has_tag(line, "\"limited\"") || has_tag(line, "\"bundle\"")) &&
           strncmp(value_of(line, "created_at"), "\"2023-01-01T00:00:00Z",
                   20) >= 0;
}

static bool
nothing(const char *line)
{
    (void)line;
    return false;
}

static const struct {
    const char *name;
    bool (*matches)(const char *line);
} filters[] = {
    {"sel_0.5", half},
    {"sel_0.1", tenth},
    {"sel_0.01", hundredth},
    {"sel_0.001", thousandth},
    {"cat_eq", is_sneaker},
    {"cat_in_price", category_and_price},
    {"not_cat_stock", other_in_stock},
    {"rating_null", rating_null},
    {"rating_ge", rating_high},
    {"brand_rare", brand_rare},
    {"tag_and", two_tags},
    {"tag_or_date", tag_or_date},
    {"empty", nothing},
};

/* ---- measuring ---- */

typedef struct Bench {
    const char *directory;
    VectorColumn column;
    Rows queries;
    Metric metric;
    const IndexKind *kind;
    Index *index;
} Bench;

typedef struct Result {
    double recall, per_second, distances, hops;
    uint32_t short_answers; /* fewer rows than there are */
} Result;

/* The distance of the last true neighbour that counts. */
static float
limit_of(const Bench *bench, const float *query, const int32_t *truth,
         uint32_t wanted)
{
    uint64_t only[(60000 + 63) / 64] = {0};
    for (uint32_t i = 0; i < wanted; i++)
        bits_set(only, (size_t)truth[i]);
    Neighbor nearest[K];
    uint32_t found;
    Error err = ERROR_INIT;
    VectorQuery exact = {
        .vector = query, .k = wanted, .allowed = only, .allowed_count = wanted};
    must(vector_scan(&bench->column, bench->metric, &exact, nearest, &found,
                     &err),
         &err);
    return nearest[wanted - 1].distance;
}

static Result
measure(const Bench *bench, uint32_t ef, const int32_t *truth, uint32_t count,
        const uint64_t *allowed, uint32_t allowed_count)
{
    IndexOptions options;
    Error err = ERROR_INIT;
    index_options_default(bench->kind->search_options, &options);
    if (ef > 0)
        options.values[0] = ef;
    SearchCounters counters = {0, 0};
    Neighbor *nearest = calloc((size_t)count * K, sizeof *nearest);
    uint32_t *found = calloc(count, sizeof *found);

    double start = now();
    for (uint32_t i = 0; i < count; i++) {
        VectorQuery query = {
            .vector = bench->queries.data + (size_t)i * DIM,
            .k = K,
            .options = &options,
            .allowed = allowed,
            .allowed_count = allowed_count,
            .counters = &counters,
        };
        must(bench->kind->search(bench->index, &query, nearest + (size_t)i * K,
                                 &found[i], &err),
             &err);
    }
    double seconds = now() - start;

    uint64_t hits = 0, wanted_all = 0;
    Result result = {.per_second = count / seconds,
                     .distances = (double)counters.distances / count,
                     .hops = (double)counters.hops / count};
    for (uint32_t i = 0; i < count; i++) {
        const int32_t *row = truth + (size_t)i * (TRUE_NEAREST + 1) + 1;
        uint32_t wanted = 0;
        while (wanted < K && row[wanted] >= 0)
            wanted++;
        result.short_answers += found[i] < wanted;
        wanted_all += wanted;
        if (wanted == 0)
            continue;
        float limit =
            limit_of(bench, bench->queries.data + (size_t)i * DIM, row, wanted);
        for (uint32_t j = 0; j < found[i]; j++)
            hits += nearest[(size_t)i * K + j].distance <= limit;
    }
    result.recall = wanted_all == 0 ? 1.0 : (double)hits / (double)wanted_all;
    free(nearest);
    free(found);
    return result;
}

static void
measure_widths(const Bench *bench)
{
    static const uint32_t widths[] = {10, 16, 24, 32, 48, 64, 96, 128, 256};
    uint32_t count;
    int32_t *truth = read_truth(bench->directory,
                                bench->metric == METRIC_L2 ? "gt/gt_l2.ivecs"
                                                           : "gt/gt_cos.ivecs",
                                &count);
    printf("%6s %9s %11s %10s %7s\n", "ef", "recall@10", "queries/s",
           "distances", "hops");
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        Result result =
            measure(bench, widths[i], truth, count, NULL, bench->column.count);
        printf("%6u %9.4f %11.0f %10.0f %7.0f\n", widths[i], result.recall,
               result.per_second, result.distances, result.hops);
    }
    free(truth);
}

static void
measure_filters(const Bench *bench)
{
    size_t size;
    char *meta = read_file(bench->directory, "meta.jsonl", &size);
    uint64_t *allowed =
        calloc(bits_words(bench->column.count), sizeof *allowed);
    printf("%-14s %7s %9s %11s %10s %9s %6s\n", "filter", "rows", "recall@10",
           "queries/s", "distances", "exact/s", "short");
    for (size_t f = 0; f < sizeof filters / sizeof filters[0]; f++) {
        char name[128];
        uint32_t count, rows = 0, row = 0;
        snprintf(name, sizeof name, "filters/gt_l2_%s.ivecs", filters[f].name);
        int32_t *truth = read_truth(bench->directory, name, &count);
        memset(allowed, 0, bits_words(bench->column.count) * sizeof *allowed);
        for (char *line = meta; row < bench->column.count; row++) {
            char *end = strchr(line, '\n');
            *end = '\0';
            if (filters[f].matches(line)) {
                bits_set(allowed, row);
                rows++;
            }
            *end = '\n';
            line = end + 1;
        }
        Result result = measure(bench, 64, truth, count, allowed, rows);
        Bench exact = *bench;
        exact.kind = index_kind_find(SLICE_LITERAL("FLAT"));
        Error err = ERROR_INIT;
        IndexOpen input = {.metric = bench->metric,
                           .vectors = &bench->column,
                           .row_count = bench->column.count};
        must(exact.kind->open(&input, &exact.index, &err), &err);
        Result scan =
            measure(&exact, 0, truth, count > 200 ? 200 : count, allowed, rows);
        exact.kind->close(exact.index);
        printf("%-14s %7u %9.4f %11.0f %10.0f %9.0f %6u\n", filters[f].name,
               rows, result.recall, result.per_second, result.distances,
               scan.per_second, result.short_answers);
        free(truth);
    }
    free(allowed);
    free(meta);
}

static SectionFile *
build(const Bench *bench, const IndexOptions *options, uint32_t threads)
{
    const SectionFileIdentity identity = {1, 2, 3};
    char directory[] = "/tmp/run_recall.XXXXXX", path[256], final_path[256];
    Error err = ERROR_INIT;
    SectionWriter *writer;
    SectionFile *file;
    Pool *pool;
    uint64_t size;
    if (mkdtemp(directory) == NULL)
        fail("cannot make", directory);
    snprintf(path, sizeof path, "%s/new", directory);
    snprintf(final_path, sizeof final_path, "%s/index", directory);
    must(pool_create(threads, &pool, &err), &err);
    must(section_writer_create(&posix_vfs, path, identity, &writer, &err),
         &err);
    IndexBuild input = {.metric = bench->metric,
                        .options = options,
                        .vectors = &bench->column,
                        .pool = pool};
    double start = now();
    clock_t cpu = clock();
    must(bench->kind->build(&input, writer, &err), &err);
    double seconds = now() - start;
    double cpu_seconds = (double)(clock() - cpu) / CLOCKS_PER_SEC;
    must(section_writer_finish(writer, final_path, &size, &err), &err);
    printf("built in %.1f s with %u threads (%.1f s of processor), "
           "file %.1f MB\n",
           seconds, pool_threads(pool), cpu_seconds, (double)size / 1e6);
    must(section_file_open(&posix_vfs, final_path, identity, &file, &err),
         &err);
    pool_destroy(pool);
    unlink(final_path);
    rmdir(directory);
    return file;
}

int
main(int argc, char **argv)
{
    if (argc < 2)
        fail("usage", "run_recall DIR [M] [efConstruction] [L2|COSINE] "
                      "[threads]");
    Bench bench = {.directory = argv[1], .metric = METRIC_L2};
    bench.kind = index_kind_find(SLICE_LITERAL("HNSW"));
    IndexOptions options;
    index_options_default(bench.kind->build_options, &options);
    options.values[0] = argc > 2 ? atol(argv[2]) : 16;
    options.values[1] = argc > 3 ? atol(argv[3]) : 200;
    if (argc > 4 && !metric_from_name(slice_of(argv[4]), &bench.metric))
        fail("no such metric", argv[4]);
    uint32_t threads = argc > 5 ? (uint32_t)atol(argv[5]) : 0;

    Rows base = read_rows(bench.directory, "base_u8.npy");
    bench.queries = read_rows(bench.directory, "query_u8.npy");
    bench.column =
        (VectorColumn){.data = base.data, .count = base.count, .dim = DIM};
    printf("%u rows of %u, M %d, efConstruction %d, %s, kernels %s\n",
           base.count, DIM, (int)options.values[0], (int)options.values[1],
           metric_name(bench.metric), distance_table()->name);

    SectionFile *file = build(&bench, &options, threads);
    Error err = ERROR_INIT;
    IndexOpen input = {.metric = bench.metric,
                       .options = &options,
                       .vectors = &bench.column,
                       .row_count = base.count,
                       .file = file};
    must(bench.kind->open(&input, &bench.index, &err), &err);
    double start = now();
    must(bench.kind->check(bench.index, &err), &err);
    printf("checked in %.1f s\n", now() - start);
    measure_widths(&bench);
    if (bench.metric == METRIC_L2)
        measure_filters(&bench);
    bench.kind->close(bench.index);
    section_file_close(file);
    free(base.data);
    free(bench.queries.data);
    return 0;
}
