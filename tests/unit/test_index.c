/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_index.c - what index.h promises of vector kinds, asked of every one in
 * the table, against distances computed here in double.
 */
#include "unit/index_fixture.h"
#include "index/vector/exact.h"

#include <math.h>

#include "index/sort.h"
#include "index/top_k.h"
#include "index/vector/hnsw_internal.h"

#define ROWS 600
#define DIM 20

/* ---- data with everything awkward in it ---- */

typedef struct Data {
    float *rows;
    uint8_t *valid;
    VectorColumn column;
} Data;

/* Every seventh row is NULL, every fifth a copy of an earlier one, some are
 * zero. */
static Data
data_new(uint32_t count, uint32_t dim, bool is_awkward, uint64_t seed)
{
    Data data;
    data.rows = calloc((size_t)count * dim + 1, sizeof *data.rows);
    data.valid = calloc(count + 1, 1);
    for (uint32_t row = 0; row < count; row++) {
        float *vector = data.rows + (size_t)row * dim;
        data.valid[row] = !is_awkward || row % 7 != 3;
        for (uint32_t i = 0; i < dim; i++)
            vector[i] = random_float(&seed) + (float)(row % 3);
        if (is_awkward && row % 5 == 4)
            memcpy(vector, data.rows + (size_t)(row / 2) * dim,
                   dim * sizeof *vector);
        if (is_awkward && row % 37 == 0)
            memset(vector, 0, dim * sizeof *vector);
    }
    data.column = (VectorColumn){.data = data.rows,
                                 .count = count,
                                 .dim = dim,
                                 .valid = is_awkward ? data.valid : NULL};
    return data;
}

static void
data_free(Data *data)
{
    free(data->rows);
    free(data->valid);
}

static double
true_distance(Metric metric, const float *a, const float *b, uint32_t dim)
{
    double l2 = 0, dot = 0, aa = 0, bb = 0;
    for (uint32_t i = 0; i < dim; i++) {
        double x = a[i], y = b[i];
        l2 += (x - y) * (x - y);
        dot += x * y;
        aa += x * x;
        bb += y * y;
    }
    if (metric == METRIC_L2)
        return l2;
    if (metric == METRIC_IP)
        return -dot;
    return -dot / (sqrt(aa > 0 ? aa : 1) * sqrt(bb > 0 ? bb : 1));
}

static bool
is_near(double a, double b)
{
    return fabs(a - b) <= 1e-5 * (1.0 + fabs(b));
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool
may_answer(const VectorColumn *column, const uint64_t *allowed, uint32_t row)
{
    return (column->valid == NULL || column->valid[row] != 0) &&
           (allowed == NULL || bits_get(allowed, row));
}

/* The true distances of all possible answers, nearest first. */
static double *
oracle(const VectorColumn *column, Metric metric, const float *query,
       const uint64_t *allowed, uint32_t *count)
{
    double *distances = calloc(column->count + 1, sizeof *distances);
    *count = 0;
    for (uint32_t row = 0; row < column->count; row++)
        if (may_answer(column, allowed, row))
            distances[(*count)++] = true_distance(
                metric, query, vector_row(column, row), column->dim);
    qsort(distances, *count, sizeof *distances, compare_doubles);
    return distances;
}

/* Search, hold what comes back against the promises; returns the part of the
 * true nearest that was found. */
static double
search_and_check(const Fixture *fixture, const float *vector, uint32_t k,
                 const uint64_t *allowed)
{
    const VectorColumn *column = fixture->vectors;
    Error err = ERROR_INIT;
    Neighbor *nearest = calloc(k, sizeof *nearest);
    uint32_t found = 12345, possible;
    SearchCounters counters = {0, 0};
    IndexOptions options;
    index_options_default(fixture->kind->search_options, &options);
    VectorQuery query = {.vector = vector,
                         .k = k,
                         .options = &options,
                         .allowed = allowed,
                         .allowed_count =
                             allowed == NULL
                                 ? column->count
                                 : (uint32_t)bits_count(allowed, column->count),
                         .counters = &counters};
    must(fixture->kind->search(fixture->index, &query, nearest, &found, &err),
         &err);

    double *best = oracle(column, fixture->metric, vector, allowed, &possible);
    assert_int_equal(found, k < possible ? k : possible);
    uint32_t hits = 0;
    for (uint32_t i = 0; i < found; i++) {
        Neighbor answer = nearest[i];
        assert_true(answer.row < column->count);
        assert_true(may_answer(column, allowed, answer.row));
        double distance =
            true_distance(fixture->metric, vector,
                          vector_row(column, answer.row), column->dim);
        assert_true(is_near((double)answer.distance, distance));
        if (i > 0)
            assert_true(neighbor_before(nearest[i - 1], answer));
        if (fixture->kind->is_exact)
            assert_true(is_near((double)answer.distance, best[i]));
        hits += distance <= best[found - 1] + 1e-5 * (1 + fabs(distance));
    }
    assert_true(found == 0 || counters.distances > 0);
    free(best);
    free(nearest);
    return found == 0 ? 1.0 : (double)hits / found;
}

static uint64_t *
random_set(uint32_t count, double share, uint64_t seed)
{
    uint64_t *set = calloc(bits_words(count) + 1, sizeof *set);
    for (uint32_t i = 0; i < count; i++)
        if ((double)(next_random(&seed) % 1000000) < share * 1e6)
            bits_set(set, i);
    return set;
}

static void
search_all_ways(const Fixture *fixture, uint64_t seed)
{
    static const double shares[] = {0, 0.002, 0.01, 0.1, 0.3, 0.6, 0.95, 1};
    static const uint32_t wanted[] = {1, 10, 100, 2 * ROWS};
    uint32_t dim = fixture->vectors->dim;
    float *vector = calloc(dim, sizeof *vector);
    double recall = 0;
    uint32_t searches = 0;
    for (size_t s = 0; s <= sizeof shares / sizeof shares[0]; s++) {
        bool has_filter = s < sizeof shares / sizeof shares[0];
        uint64_t *set =
            has_filter ? random_set(fixture->vectors->count, shares[s], s + 1)
                       : NULL;
        for (uint32_t n = 0; n < 12; n++) {
            for (uint32_t i = 0; i < dim; i++)
                vector[i] =
                    n == 0 ? 0 : random_float(&seed) * 2 + (float)(n % 3);
            recall += search_and_check(fixture, vector, wanted[n % 4], set);
            searches++;
        }
        free(set);
    }
    free(vector);
    if (recall / searches < 0.95)
        fail_msg("%s %s: recall %.3f", fixture->kind->name,
                 metric_name(fixture->metric), recall / searches);
}

/* ---- every kind, every metric ---- */

static bool
takes_floats(const IndexKind *kind)
{
    return kind->is_vector && index_kind_takes(kind, ELEMENT_F32);
}

static void
test_every_kind(void **state)
{
    (void)state;
    for (size_t i = 0; index_kinds[i] != NULL; i++) {
        for (int metric = 0; metric < METRIC_HAMMING; metric++) {
            for (int awkward = 0; awkward < 2; awkward++) {
                if (!takes_floats(index_kinds[i]))
                    continue;
                Data data = data_new(ROWS, DIM, awkward != 0, 77);
                Fixture fixture;
                fixture_init(&fixture, index_kinds[i], (Metric)metric);
                fixture.vectors = &data.column;
                fixture_make(&fixture);
                search_all_ways(&fixture, 99);
                fixture_free(&fixture);
                data_free(&data);
            }
        }
    }
}

/* Search all ways over codes that the options from the third on ask for. */
static void
try_codes(const char *kind, const int64_t options[3], uint32_t dim,
          Metric metric)
{
    Data data = data_new(ROWS / 2, dim, true, 78);
    Fixture fixture;
    fixture_init(&fixture, index_kind_find(slice_of(kind)), metric);
    memcpy(&fixture.options.values[2], options, 3 * sizeof *options);
    fixture.vectors = &data.column;
    fixture_make(&fixture);
    search_all_ways(&fixture, 99);
    fixture_free(&fixture);
    data_free(&data);
}

/* Every code that a graph can be told to walk over: those of elements, and of
 * parts with numbers of every size, in one stage and several. */
static void
test_chosen_codes(void **state)
{
    (void)state;
    for (int64_t type = 0; type < 5; type++)
        for (int metric = 0; metric < METRIC_HAMMING; metric++)
            try_codes("HNSW_SQ", (int64_t[]){type, 1, 5}, type == 1 ? 67 : DIM,
                      (Metric)metric);
    for (int64_t bits = 1; bits <= 8; bits++)
        for (int64_t stages = 1; stages <= 3; stages++)
            try_codes("HNSW_PRQ", (int64_t[]){5, stages, bits}, 15,
                      (Metric)((bits + stages) % 3));
}

/* refine = false ranks no more than the limit, refine_k so many times it. */
static void
test_refine(void **state)
{
    (void)state;
    enum { COUNT = 2000, K = 10 };
    Data data = data_new(COUNT, 32, false, 7);
    float vector[32];
    double recalls[3] = {0, 0, 0};
    for (int way = 0; way < 3; way++) {
        Fixture fixture;
        fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW_SQ")),
                     METRIC_L2);
        fixture.options.values[2] = 0; /* SQ4U */
        fixture.options.values[3] = way == 0;
        fixture.vectors = &data.column;
        fixture_make(&fixture);
        uint64_t seed = 5;
        for (uint32_t n = 0; n < 50; n++) {
            for (uint32_t i = 0; i < 32; i++)
                vector[i] = random_float(&seed) + 1;
            IndexOptions options = {{200, way == 2 ? 10 : -1}};
            Neighbor near[K], best[K];
            uint32_t found, wanted;
            VectorQuery query = {.vector = vector,
                                 .k = K,
                                 .options = &options,
                                 .allowed_count = COUNT};
            must(fixture.kind->search(fixture.index, &query, near, &found,
                                      &fixture.err),
                 &fixture.err);
            must(vector_scan(&data.column, METRIC_L2, &query, best, &wanted,
                             &fixture.err),
                 &fixture.err);
            assert_int_equal(found, K);
            for (uint32_t i = 0; i < K; i++)
                recalls[way] += near[i].distance <= best[K - 1].distance;
        }
        fixture_free(&fixture);
    }
    data_free(&data);
    assert_true(recalls[0] >= 490 && recalls[2] >= 490); /* of 500 */
    assert_true(recalls[1] < 475);                       /* blurred */
}

/* So many elements that a graph may take half a byte for each. */
static void
test_many_elements(void **state)
{
    (void)state;
    static const uint32_t dims[] = {256, 300};
    for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++) {
        for (int metric = 0; metric < METRIC_HAMMING; metric++) {
            Data data = data_new(ROWS, dims[d], d == 0, 70 + d);
            Fixture fixture;
            fixture_init(&fixture, index_kind_find(SLICE_LITERAL("hnsw")),
                         (Metric)metric);
            fixture.vectors = &data.column;
            fixture_make(&fixture);
            search_all_ways(&fixture, 99);
            fixture_free(&fixture);
            data_free(&data);
        }
    }
}

/* What one file answers does not depend on the instruction set that walks over
 * its codes: half a byte each in the first shape, bytes in the others. */
static void
test_answers_of_every_set(void **state)
{
    (void)state;
    static const char *const sets[] = {"scalar", "avx2", "avx512", "neon",
                                       "neondot"};
    enum { WANTED = 30, TARGETS = 40 };
    static Neighbor first[TARGETS][WANTED], nearest[WANTED];
    for (int shape = 0; shape < 4; shape++) {
        uint32_t dim = shape < 2 ? 300 : 40, found, codes;
        Data data = data_new(ROWS, dim, true, 31);
        uint64_t seed = 77;
        for (uint32_t row = 0; shape == 0 && row < ROWS; row++)
            random_wave(&seed, data.rows + (size_t)row * dim, dim);
        Fixture fixture;
        fixture_init(&fixture, index_kind_find(SLICE_LITERAL("hnsw")),
                     shape % 2 == 0 ? METRIC_L2 : METRIC_IP);
        fixture.vectors = &data.column;
        fixture_make(&fixture);
        Hnsw *hnsw = (Hnsw *)fixture.index;
        codes = hnsw->header.code_type;
        assert_true((codes == CODES_NIBBLES) == (shape == 0));
        for (size_t set = 0; set < sizeof sets / sizeof sets[0]; set++) {
            hnsw->space.kernels = distance_select(sets[set]);
            seed = 5;
            for (uint32_t n = 0; hnsw->space.kernels != NULL && n < TARGETS;
                 n++) {
                float vector[300];
                for (uint32_t i = 0; i < dim; i++)
                    vector[i] = 2 * random_float(&seed);
                VectorQuery query = {
                    .vector = vector, .k = WANTED, .allowed_count = ROWS};
                must(fixture.kind->search(fixture.index, &query, nearest,
                                          &found, &fixture.err),
                     &fixture.err);
                assert_int_equal(found, WANTED);
                if (set == 0)
                    memcpy(first[n], nearest, sizeof nearest);
                assert_memory_equal(first[n], nearest, sizeof nearest);
            }
        }
        fixture_free(&fixture);
        data_free(&data);
    }
}

/* Few rows, no rows, only NULLs, only copies. */
static void
try_small_segments(const IndexKind *kind, uint32_t dim)
{
    static const uint32_t counts[] = {0, 1, 2, 3, 17, 65};
    float vector[300];
    for (uint32_t i = 0; i < dim; i++)
        vector[i] = i % 3 == 0 ? 0.5f : i % 3 == 1 ? -0.5f : 1.0f;
    for (size_t c = 0; c < 4 * sizeof counts / sizeof counts[0]; c++) {
        uint32_t count = counts[c / 4];
        Data data = data_new(count, dim, c % 4 == 1, 5);
        if (c % 4 == 2) {
            memset(data.valid, 0, count);
            data.column.valid = data.valid;
        }
        for (uint32_t i = 0; c % 4 == 3 && i < count * dim; i++)
            data.rows[i] = 1.0f;
        for (int metric = 0; metric < METRIC_HAMMING; metric++) {
            Fixture fixture;
            fixture_init(&fixture, kind, (Metric)metric);
            fixture.vectors = &data.column;
            fixture_make(&fixture);
            uint64_t *set = random_set(count, 0.5, 9);
            search_and_check(&fixture, vector, 1, NULL);
            search_and_check(&fixture, vector, 100, NULL);
            search_and_check(&fixture, vector, 1, set);
            search_and_check(&fixture, vector, 100, set);
            free(set);
            fixture_free(&fixture);
        }
        data_free(&data);
    }
}

static void
test_small_segments(void **state)
{
    (void)state;
    for (size_t i = 0; index_kinds[i] != NULL; i++)
        if (takes_floats(index_kinds[i]))
            try_small_segments(index_kinds[i], 3);
}

static void
test_small_wide_segments(void **state)
{
    (void)state;
    try_small_segments(index_kind_find(SLICE_LITERAL("hnsw")), 300);
}

/* 0: half of the rows are equal; 1: tight clumps far from each other; 2: all
 * rows are equal. */
static void
make_clumps(Data *data, int shape)
{
    uint64_t seed = 3;
    uint32_t dim = data->column.dim;
    for (uint32_t row = 0; row < data->column.count; row++) {
        float *vector = data->rows + (size_t)row * dim;
        for (uint32_t i = 0; i < dim; i++) {
            if (shape == 0 && row % 2 == 0)
                vector[i] = 0.25f;
            if (shape == 1)
                vector[i] = (float)(row % 20 * (i % 8 + 1)) +
                            random_float(&seed) * 1e-3f;
            if (shape == 2)
                vector[i] = 1.0f;
        }
    }
}

static void
try_clumps(const Data *data, int shape, Metric metric)
{
    Fixture fixture;
    fixture_init(&fixture, index_kind_find(SLICE_LITERAL("hnsw")), metric);
    fixture.options.values[0] = 8;
    fixture.vectors = &data->column;
    fixture_make(&fixture);
    double recall = 0;
    for (uint32_t n = 0; n < 50; n++)
        recall += search_and_check(
            &fixture, vector_row(&data->column, n * 39 % data->column.count),
            10, NULL);
    /* Under IP a few long vectors are everybody's neighbours. */
    if (recall / 50 < (metric == METRIC_IP ? 0.8 : 0.95))
        fail_msg("shape %d, %s: recall %.3f", shape, metric_name(metric),
                 recall / 50);
    fixture_free(&fixture);
}

/* A thousand equal rows among others, and tight clumps that codes cannot tell
 * apart: every row still has a way in, and the nearest is found. */
static void
test_clumps(void **state)
{
    (void)state;
    for (int shape = 0; shape < 6; shape++) {
        bool is_wide = shape >= 3;
        Data data = data_new(is_wide ? 700 : 2000, is_wide ? 260 : 8, false, 4);
        make_clumps(&data, shape % 3);
        for (int metric = 0; metric < METRIC_HAMMING; metric++)
            if (shape % 3 != 1 || metric == METRIC_L2)
                try_clumps(&data, shape, (Metric)metric);
        data_free(&data);
    }
}

/* A byte is the nearest integer, of halves the even one; what is too large is
 * held, what is no number is the least. */
static void
test_rounding_of_codes(void **state)
{
    (void)state;
    enum { COUNT = 64 };
    static const float ends[] = {0,         -0.0f,    0.5f,      1.5f,   -0.5f,
                                 -1.5f,     126.5f,   127.5f,    63.5f,  -63.5f,
                                 62.49999f, INFINITY, -INFINITY, 1e-40f, 3e38f};
    enum { ENDS = sizeof ends / sizeof ends[0] };
    float values[COUNT], center[COUNT] = {0};
    uint8_t code[COUNT];
    uint64_t seed = 11;
    for (int n = 0; n < 200; n++) {
        for (uint32_t i = 0; i < COUNT; i++)
            values[i] = i < ENDS ? ends[i] : 140 * random_float(&seed);
        for (int type = CODES_L2; type <= CODES_DOT; type++) {
            const Coder coder = {.type = (CodeType)type,
                                 .metric =
                                     type == CODES_L2 ? METRIC_L2 : METRIC_IP,
                                 .dim = COUNT,
                                 .stride = COUNT,
                                 .step = 1,
                                 .center = center};
            float most = type == CODES_L2 ? 63 : 127;
            int zero = type == CODES_L2 ? 64 : 0;
            coder_encode(&coder, values, 0, code);
            for (uint32_t i = 0; i < COUNT; i++)
                assert_int_equal(
                    (uint8_t)(lrintf(fminf(fmaxf(values[i], -most), most)) +
                              zero),
                    code[i]);
        }
    }
    const float none = NAN;
    const Coder single = {.type = CODES_DOT,
                          .metric = METRIC_IP,
                          .dim = 1,
                          .stride = 1,
                          .step = 1};
    coder_encode(&single, &none, 0, code);
    assert_int_equal((int8_t)code[0], -127);
}

/* Elements near the ends of float give numbers, in the right order. */
static void
test_wild_numbers(void **state)
{
    (void)state;
    static const float scales[] = {1e-30f, 1e-22f, 1e15f, 1e25f};
    for (size_t s = 0; s < sizeof scales / sizeof scales[0]; s++) {
        Data data = data_new(100, 5, false, 6);
        for (uint32_t i = 0; i < 500; i++)
            data.rows[i] *= scales[s];
        for (size_t i = 0; index_kinds[i] != NULL; i++) {
            if (!takes_floats(index_kinds[i]))
                continue;
            Fixture fixture;
            fixture_init(&fixture, index_kinds[i], METRIC_COSINE);
            fixture.vectors = &data.column;
            fixture_make(&fixture);
            search_and_check(&fixture, data.rows, 10, NULL);
            fixture_free(&fixture);

            fixture_init(&fixture, index_kinds[i], METRIC_L2);
            fixture.vectors = &data.column;
            fixture_make(&fixture);
            Neighbor nearest[200];
            uint32_t found;
            IndexOptions options;
            index_options_default(fixture.kind->search_options, &options);
            VectorQuery query = {.vector = data.rows,
                                 .k = 200,
                                 .options = &options,
                                 .allowed_count = 100};
            must(fixture.kind->search(fixture.index, &query, nearest, &found,
                                      &fixture.err),
                 &fixture.err);
            assert_int_equal(found, 100);
            for (uint32_t n = 0; n < found; n++)
                assert_false(isnan(nearest[n].distance));
            fixture_free(&fixture);
        }
        data_free(&data);
    }
}

/* ---- building ---- */

static void
test_build_does_not_depend_on_threads(void **state)
{
    (void)state;
    Data data = data_new(1500, 12, true, 8);
    char *first = NULL;
    size_t first_size = 0;
    for (uint32_t threads = 1; threads <= 3; threads++) {
        Fixture fixture;
        fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW")),
                     METRIC_L2);
        fixture.threads = threads;
        fixture.vectors = &data.column;
        fixture_make(&fixture);
        size_t size;
        char *bytes = fixture_bytes(&fixture, &size);
        if (first == NULL) {
            first = bytes;
            first_size = size;
        } else {
            assert_int_equal(size, first_size);
            assert_memory_equal(bytes, first, size);
            free(bytes);
        }
        fixture_free(&fixture);
    }
    free(first);
    data_free(&data);
}

static void
test_cancel(void **state)
{
    (void)state;
    Data data = data_new(ROWS, DIM, false, 8);
    atomic_bool cancel = true;
    Fixture fixture;
    fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW")), METRIC_L2);
    fixture.vectors = &data.column;
    assert_int_equal(fixture_build(&fixture, &cancel), MQL_INTERRUPTED);
    assert_string_equal(fixture.err.sqlstate, "57014");
    assert_int_not_equal(access(fixture.path, F_OK), 0);
    fixture_free(&fixture);
    data_free(&data);
}

typedef struct Progress {
    uint64_t last, total;
    uint32_t calls;
} Progress;

static void
note_progress(void *context, uint64_t done, uint64_t total)
{
    Progress *progress = context;
    assert_true(done >= progress->last && done <= total);
    progress->last = done;
    progress->total = total;
    progress->calls++;
}

static void
test_progress(void **state)
{
    (void)state;
    Data data = data_new(ROWS, DIM, false, 8);
    Fixture fixture;
    fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW")), METRIC_L2);
    Progress progress = {0, 0, 0};
    Error err = ERROR_INIT;
    Pool *pool;
    SectionWriter *writer;
    must(pool_create(2, &pool, &err), &err);
    must(section_writer_create(fixture_vfs(), fixture.path, FIXTURE_IDENTITY,
                               &writer, &err),
         &err);
    IndexBuild input = {.metric = METRIC_L2,
                        .options = &fixture.options,
                        .vectors = &data.column,
                        .pool = pool,
                        .progress = note_progress,
                        .progress_context = &progress};
    must(fixture.kind->build(&input, writer, &err), &err);
    assert_true(progress.calls > 5);
    assert_int_equal(progress.last, progress.total);
    section_writer_abort(writer);
    pool_destroy(pool);
    fixture_free(&fixture);
    data_free(&data);
}

/* Opening reads the header and the center, not links or codes. */
static void
test_open_reads_little(void **state)
{
    (void)state;
    Data data = data_new(5000, 64, false, 8);
    Fixture fixture;
    fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW")), METRIC_L2);
    fixture.options.values[1] = 40;
    fixture.vectors = &data.column;
    must(fixture_build(&fixture, NULL), &fixture.err);
    must(fixture_open(&fixture), &fixture.err);
    assert_true(section_file_size(fixture.file) > 1000000);
    assert_true(section_file_verified_bytes(fixture.file) < 300000);
    fixture_free(&fixture);
    data_free(&data);
}

/* ---- many threads ---- */

#define SEARCHES 200

typedef struct Searches {
    const Fixture *fixture;
    Neighbor nearest[SEARCHES][5];
    uint32_t found[SEARCHES];
} Searches;

static mql_status
search_some(void *context, uint32_t thread, uint64_t first, uint64_t count,
            Error *err)
{
    (void)thread;
    Searches *searches = context;
    const Fixture *fixture = searches->fixture;
    const VectorColumn *column = fixture->vectors;
    IndexOptions options;
    index_options_default(fixture->kind->search_options, &options);
    for (uint64_t i = first; i < first + count; i++) {
        VectorQuery query = {.vector = vector_row(column, i),
                             .k = 5,
                             .options = &options,
                             .allowed_count = column->count};
        TRY(fixture->kind->search(fixture->index, &query, searches->nearest[i],
                                  &searches->found[i], err));
    }
    return MQL_OK;
}

/* Threads that search one index at once get what one thread gets. */
static void
test_many_searchers(void **state)
{
    (void)state;
    Data data = data_new(ROWS, DIM, false, 12);
    Fixture fixture;
    fixture_init(&fixture, index_kind_find(SLICE_LITERAL("HNSW")), METRIC_L2);
    fixture.vectors = &data.column;
    fixture_make(&fixture);
    static Searches alone, together;
    alone.fixture = together.fixture = &fixture;
    Error err = ERROR_INIT;
    Pool *pool;
    must(search_some(&alone, 0, 0, SEARCHES, &err), &err);
    must(pool_create(4, &pool, &err), &err);
    must(pool_run(pool, SEARCHES, 3, search_some, &together, &err), &err);
    pool_destroy(pool);
    assert_memory_equal(alone.nearest, together.nearest, sizeof alone.nearest);
    assert_memory_equal(alone.found, together.found, sizeof alone.found);
    fixture_free(&fixture);
    data_free(&data);
}

/* ---- small parts ---- */

static void
test_options(void **state)
{
    (void)state;
    const IndexKind *hnsw = index_kind_find(SLICE_LITERAL("Hnsw"));
    IndexOptions options;
    Error err = ERROR_INIT;
    const Slice none = {NULL, 0};
    index_options_default(hnsw->build_options, &options);
    assert_int_equal(options.values[0], 30);
    assert_int_equal(options.values[1], 360);
    must(index_option_set(hnsw->build_options, &options, SLICE_LITERAL("m"),
                          true, 2048, none, &err),
         &err);
    must(index_option_set(hnsw->build_options, &options,
                          SLICE_LITERAL("EF_Construction"), true, 5, none,
                          &err),
         &err);
    assert_int_equal(options.values[0], 2048);
    assert_int_equal(options.values[1], 5);

    assert_int_equal(index_option_set(hnsw->build_options, &options,
                                      SLICE_LITERAL("m"), true, 1, none, &err),
                     MQL_INVALID);
    assert_string_equal(err.text, "\"M\" must be between 2 and 2048");
    assert_string_equal(err.sqlstate, "22023");
    assert_int_equal(options.values[0], 2048);

    error_clear(&err);
    assert_int_equal(index_option_set(hnsw->build_options, &options,
                                      SLICE_LITERAL("efConstuction"), true, 1,
                                      none, &err),
                     MQL_INVALID);
    assert_string_equal(err.text, "unrecognized parameter \"efConstuction\"");
    assert_string_equal(err.hint, "Perhaps you meant \"efConstruction\".");

    error_clear(&err);
    index_option_set(hnsw->build_options, &options, SLICE_LITERAL("nlist"),
                     true, 1, none, &err);
    assert_string_equal(err.hint, "Valid parameters are: M, efConstruction.");

    error_clear(&err);
    assert_int_equal(index_option_set(hnsw->search_options, &options,
                                      SLICE_LITERAL("ef"), false, 0,
                                      SLICE_LITERAL("x"), &err),
                     MQL_INVALID);
    assert_string_equal(err.text, "parameter \"ef\" requires an integer value");
}

static void
test_kinds(void **state)
{
    (void)state;
    IndexOptions options;
    const IndexKind *kind = index_kind_auto(ELEMENT_I8, &options);
    assert_string_equal(kind->name, "HNSW");
    assert_int_equal(options.values[0], 18);
    assert_int_equal(options.values[1], 240);
    assert_string_equal(index_kind_auto(ELEMENT_BIT, &options)->name,
                        "BIN_FLAT");
    assert_null(index_kind_find(SLICE_LITERAL("IVF")));
    for (size_t i = 0; index_kinds[i] != NULL; i++) {
        kind = index_kinds[i];
        assert_ptr_equal(index_kind_find(slice_of(kind->name)), kind);
        assert_true(kind->has_file == (kind->build != NULL));
        assert_true(kind->is_vector == (kind->search != NULL));
        assert_true(kind->is_vector == (kind->lookup == NULL));
        assert_true(kind->is_vector == (kind->estimate == NULL));
        assert_non_null(kind->build_options);
        assert_non_null(kind->search_options);
        assert_non_null(kind->check);
    }
}

static void
test_metrics(void **state)
{
    (void)state;
    Metric metric;
    assert_true(metric_from_name(SLICE_LITERAL("cosine"), &metric));
    assert_int_equal(metric, METRIC_COSINE);
    assert_false(metric_from_name(SLICE_LITERAL("L1"), &metric));
    assert_string_equal(metric_name(METRIC_IP), "IP");
    assert_true(metric_to_score(METRIC_IP, -2.5f) == 2.5f);
    assert_true(metric_to_score(METRIC_L2, 2.5f) == 2.5f);
    assert_false(signbit(metric_to_score(METRIC_COSINE, 0.0f)));
    assert_false(metric_is_similarity(METRIC_L2));
    assert_false(metric_is_similarity(METRIC_HAMMING));
    assert_false(metric_fits(METRIC_HAMMING, ELEMENT_I8));
    assert_false(metric_fits(METRIC_COSINE, ELEMENT_BIT));
    assert_int_equal(metric_usual(ELEMENT_BIT), METRIC_HAMMING);
    assert_int_equal(metric_usual(ELEMENT_BF16), METRIC_COSINE);
}

/* Exact distances over every type of element, against sums in double over the
 * same vectors as floats. */
static void
test_elements(void **state)
{
    (void)state;
    enum { MOST = 64 };
    uint64_t seed = 12;
    for (int element = 0; element < ELEMENT_BIT; element++) {
        for (uint32_t n = 0; n < 400; n++) {
            uint32_t dim = n % MOST + 1;
            float a[MOST], b[MOST];
            uint32_t stored_a[MOST], stored_b[MOST];
            /* A zero vector, tiny and huge ones, and usual ones. */
            float scale = element == ELEMENT_I8     ? 100.0f
                          : n % 5 == 0              ? 1e-4f
                          : n % 5 == 1              ? 200.0f
                          : element == ELEMENT_BF16 ? 1e25f
                                                    : 1.0f;
            for (uint32_t i = 0; i < dim; i++) {
                a[i] = random_float(&seed) * scale;
                b[i] = n % 7 == 6 ? 0.0f : random_float(&seed) * scale;
            }
            ElementType type = (ElementType)element;
            assert_int_equal(element_of_floats(type, a, dim, stored_a), dim);
            assert_int_equal(element_of_floats(type, b, dim, stored_b), dim);
            element_floats(type, stored_a, dim, a);
            element_floats(type, stored_b, dim, b);
            for (int metric = 0; metric < METRIC_HAMMING; metric++) {
                ExactQuery query =
                    exact_query_of((Metric)metric, type, stored_a, dim);
                double expected = true_distance((Metric)metric, a, b, dim);
                double actual = (double)exact_distance(&query, stored_b);
                double size = metric == METRIC_COSINE
                                  ? 1.0
                                  : (double)dim * (double)scale * (double)scale;
                if (!(fabs(actual - expected) <= 1e-5 * size) &&
                    isfinite((float)expected))
                    fail_msg("element %d, %s, dim %u: %g, not %g", element,
                             metric_name((Metric)metric), dim, actual,
                             expected);
            }
        }
    }
}

/* Hamming and Jaccard by hand. */
static void
test_bits(void **state)
{
    (void)state;
    static const struct {
        uint8_t a[2], b[2];
        float hamming, jaccard;
    } cases[] = {
        {{0xf0, 0x00}, {0xf0, 0x00}, 0, 0},
        {{0xf0, 0x00}, {0x0f, 0x00}, 8, 1},
        {{0x80, 0x01}, {0x80, 0x00}, 1, 0.5f},
        {{0x00, 0x00}, {0x00, 0x00}, 0, 1}, /* Milvus: 0 / 0 is far */
        {{0xff, 0xff}, {0x0f, 0x00}, 12, 0.75f},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ExactQuery hamming =
            exact_query_of(METRIC_HAMMING, ELEMENT_BIT, cases[i].a, 16);
        ExactQuery jaccard =
            exact_query_of(METRIC_JACCARD, ELEMENT_BIT, cases[i].a, 16);
        assert_true(exact_distance(&hamming, cases[i].b) == cases[i].hamming);
        assert_true(exact_distance(&jaccard, cases[i].b) == cases[i].jaccard);
    }
}

static int
compare_neighbors(const void *a, const void *b)
{
    Neighbor x = *(const Neighbor *)a, y = *(const Neighbor *)b;
    return neighbor_before(y, x) - neighbor_before(x, y);
}

static void
test_top_k(void **state)
{
    (void)state;
    uint64_t seed = 17;
    for (uint32_t k = 1; k <= 40; k++) {
        Neighbor all[100], kept[40];
        TopK top = top_k_of(kept, k);
        uint32_t count = (uint32_t)(next_random(&seed) % 100);
        for (uint32_t i = 0; i < count; i++) {
            all[i] = (Neighbor){(float)(next_random(&seed) % 30), 99 - i};
            top_k_offer(&top, all[i]);
        }
        qsort(all, count, sizeof all[0], compare_neighbors);
        uint32_t found = top_k_finish(&top);
        assert_int_equal(found, count < k ? count : k);
        for (uint32_t i = 0; i < found; i++)
            assert_int_equal(kept[i].row, all[i].row);
    }
}

static int
later_value_first(const void *context, SortItem a, SortItem b)
{
    (void)context;
    return (a.value < b.value) - (a.value > b.value);
}

static void
test_sort(void **state)
{
    (void)state;
    uint64_t seed = 23;
    Error err = ERROR_INIT;
    for (uint32_t count = 0; count < 300; count += 1 + count / 9) {
        SortItem items[400], spare[400];
        for (int with_tie = 0; with_tie < 2; with_tie++) {
            uint64_t sum = 0;
            for (uint32_t i = 0; i < count; i++) {
                items[i] = (SortItem){next_random(&seed) % 20, i};
                sum += items[i].key;
            }
            must(sort_items(items, spare, count,
                            with_tie ? later_value_first : NULL, NULL, NULL,
                            &err),
                 &err);
            for (uint32_t i = 1; i < count; i++) {
                assert_true(items[i - 1].key <= items[i].key);
                if (items[i - 1].key == items[i].key)
                    assert_true((items[i - 1].value < items[i].value) ==
                                (with_tie == 0));
            }
            for (uint32_t i = 0; i < count; i++)
                sum -= items[i].key;
            assert_int_equal(sum, 0);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_chosen_codes),
        cmocka_unit_test(test_refine),
        cmocka_unit_test(test_many_elements),
        cmocka_unit_test(test_answers_of_every_set),
        cmocka_unit_test(test_small_segments),
        cmocka_unit_test(test_small_wide_segments),
        cmocka_unit_test(test_clumps),
        cmocka_unit_test(test_rounding_of_codes),
        cmocka_unit_test(test_wild_numbers),
        cmocka_unit_test(test_build_does_not_depend_on_threads),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_open_reads_little),
        cmocka_unit_test(test_many_searchers),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_top_k),
        cmocka_unit_test(test_sort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
