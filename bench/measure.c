/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure.c - mql's side of the benchmark, through mql.h as a program uses it:
 * prepared statements, bound vectors.
 *
 *     measure DATABASE QUERIES.npy THREADS < orders
 *
 * Opens the database with a pool of THREADS and obeys one order
 * a line; parts are separated by tabs. Each gives one line of JSON.
 *
 *     run SQL                    the statement, timed
 *     one SQL K SECONDS FILE     each query by a statement of its own, $1 its
 *                                vector; with THREADS > 1 by as many
 *                                connections at once; until all are answered
 *                                or SECONDS are over
 *     many SQL K SECONDS FILE    all queries in one statement ($1, $2, ...)
 *     count SQL QUERIES          EXPLAIN ANALYZE: distances computed, in all
 *     soak SQL K COUNT           COUNT queries, nothing written
 *     memory                     PSS of this process
 *
 * FILE gets what was answered, for a judge elsewhere: for each query K keys as
 * int64, -1 where there are fewer, -2 where it was not asked; then for each
 * query its seconds as a double. Times are wall seconds, and processor seconds
 * of the process.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mql.h"

#define MAX_THREADS 256
#define NOT_ASKED (-2)

typedef struct Queries {
    const float *vectors;
    size_t count;
    uint32_t dim;
} Queries;

typedef struct Bench {
    mql_db *db;
    mql_conn *conn; /* of the orders that need one */
    Queries queries;
    int threads;
} Bench;

/* What one thread does of an order, and where its answers go. */
typedef struct Task {
    const Bench *bench;
    mql_conn *conn;
    const char *sql;
    int k;
    size_t first, stride; /* queries first, first + stride, ...      */
    double end;           /* no query begins later                   */
    int64_t *keys;        /* queries x k                             */
    double *latencies;    /* of each query, seconds                  */
    size_t answered;
} Task;

static void
fail(const char *what, const char *why)
{
    fprintf(stderr, "measure: %s: %s\n", what, why);
    exit(1);
}

static void *
allocate(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);
    if (memory == NULL)
        fail("memory", "there is not enough");
    return memory;
}

/* End the program with the connection's error unless `is_good`. */
static void
check(mql_conn *conn, int is_good)
{
    mql_error error = MQL_ERROR_INIT;
    if (is_good)
        return;
    mql_error_get(conn, &error);
    fail(error.sqlstate, error.message);
}

/* ---- clocks and memory ---- */

static double
seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double
wall(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

static double
processor(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

/* KiB of this process, shared pages counted in shares. */
static long
pss_kib(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long pss = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "Pss:", 4) == 0)
            pss = strtol(line + 4, NULL, 10);
    if (file != NULL)
        fclose(file);
    return pss;
}

/* ---- the queries ---- */

/* The matrix of little-endian floats in a .npy file of version 1. */
static Queries
read_queries(const char *path)
{
    FILE *file = fopen(path, "rb");
    unsigned char head[10];
    char words[4096];
    if (file == NULL || fread(head, 1, sizeof head, file) != sizeof head)
        fail(path, "cannot be read");
    size_t size = head[8] + 256u * head[9];
    if (size >= sizeof words || fread(words, 1, size, file) != size)
        fail(path, "has no header of version 1");
    words[size] = '\0';
    const char *shape = strstr(words, "'shape': (");
    Queries queries = {0};
    if (strstr(words, "'<f4'") == NULL || shape == NULL ||
        sscanf(shape, "'shape': (%zu, %u", &queries.count, &queries.dim) != 2)
        fail(path, "is not a matrix of floats");
    size_t values = queries.count * queries.dim;
    float *vectors = allocate(values, sizeof *vectors);
    if (fread(vectors, sizeof *vectors, values, file) != values)
        fail(path, "is shorter than it says");
    fclose(file);
    queries.vectors = vectors;
    return queries;
}

static const float *
query_vector(const Queries *queries, size_t query)
{
    return queries->vectors + query * queries->dim;
}

static mql_stmt *
prepare(mql_conn *conn, const char *sql)
{
    mql_stmt *stmt;
    check(conn, mql_prepare(conn, sql, -1, &stmt, NULL) == MQL_OK);
    return stmt;
}

/* Run the statement with query `query` as $1; its keys, at most `k`. */
static int
answer(mql_conn *conn, mql_stmt *stmt, const float *vector, uint32_t dim, int k,
       int64_t *keys)
{
    int32_t count = 0, rows;
    mql_status status = MQL_ROW;
    mql_bind_vector_f32(stmt, 1, vector, dim, MQL_STATIC);
    while (count < k &&
           (status = mql_step_rows(stmt, k - count, &rows)) == MQL_ROW) {
        mql_rows_int64(stmt, 0, keys + count, NULL);
        count += rows;
    }
    check(conn, status == MQL_ROW || status == MQL_DONE);
    mql_reset(stmt);
    return count;
}

/* ---- one statement for each query ---- */

static void *
run_task(void *context)
{
    Task *task = context;
    const Queries *queries = &task->bench->queries;
    mql_stmt *stmt = prepare(task->conn, task->sql);
    for (size_t i = task->first; i < queries->count; i += task->stride) {
        double start = wall();
        if (start > task->end)
            break;
        int64_t *keys = task->keys + i * (size_t)task->k;
        int count = answer(task->conn, stmt, query_vector(queries, i),
                           queries->dim, task->k, keys);
        task->latencies[i] = wall() - start;
        for (; count < task->k; count++)
            keys[count] = -1;
        task->answered++;
    }
    mql_finalize(stmt);
    return NULL;
}

/* All tasks at once, the first one in this thread. Queries answered. */
static size_t
run_tasks(Task *tasks, int count)
{
    pthread_t threads[MAX_THREADS];
    size_t answered = 0;
    for (int i = 1; i < count; i++)
        if (pthread_create(&threads[i], NULL, run_task, &tasks[i]) != 0)
            fail("thread", "cannot be started");
    run_task(&tasks[0]);
    for (int i = 1; i < count; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < count; i++)
        answered += tasks[i].answered;
    return answered;
}

static void
write_answers(const char *path, const int64_t *keys, const double *latencies,
              size_t count, size_t k)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL ||
        fwrite(keys, sizeof *keys, count * k, file) != count * k ||
        fwrite(latencies, sizeof *latencies, count, file) != count ||
        fclose(file) != 0)
        fail(path, "cannot be written");
}

static mql_conn *
connect_to(mql_db *db)
{
    mql_error error = MQL_ERROR_INIT;
    mql_conn *conn;
    if (mql_connect(db, &conn, &error) != MQL_OK)
        fail(error.sqlstate, error.message);
    return conn;
}

static void
say_round(size_t answered, double wall_seconds, double cpu_seconds)
{
    printf("{\"answered\": %zu, \"wall\": %.9f, \"cpu\": %.9f}\n", answered,
           wall_seconds, cpu_seconds);
}

static void
order_one(Bench *bench, const char *sql, int k, double seconds,
          const char *path)
{
    size_t count = bench->queries.count;
    int64_t *keys = allocate(count * (size_t)k, sizeof *keys);
    double *latencies = allocate(count, sizeof *latencies);
    Task tasks[MAX_THREADS];
    for (size_t i = 0; i < count * (size_t)k; i++)
        keys[i] = NOT_ASKED;
    double cpu = processor(), start = wall();
    for (int i = 0; i < bench->threads; i++)
        tasks[i] = (Task){.bench = bench,
                          .conn = connect_to(bench->db),
                          .sql = sql,
                          .k = k,
                          .first = (size_t)i,
                          .stride = (size_t)bench->threads,
                          .end = start + seconds,
                          .keys = keys,
                          .latencies = latencies};
    size_t answered = run_tasks(tasks, bench->threads);
    say_round(answered, wall() - start, processor() - cpu);
    for (int i = 0; i < bench->threads; i++)
        mql_disconnect(tasks[i].conn);
    write_answers(path, keys, latencies, count, (size_t)k);
    free(keys);
    free(latencies);
}

/* ---- all queries in one statement ---- */

static void
bind_all(const Queries *queries, mql_stmt *stmt)
{
    for (size_t i = 0; i < queries->count; i++)
        mql_bind_vector_f32(stmt, (int32_t)i + 1, query_vector(queries, i),
                            queries->dim, MQL_STATIC);
}

static void
order_many(Bench *bench, const char *sql, int k, const char *path)
{
    size_t count = bench->queries.count, width = (size_t)k;
    int64_t *keys = allocate(count * width, sizeof *keys);
    double *latencies = allocate(count, sizeof *latencies);
    size_t *found = allocate(count, sizeof *found);
    mql_stmt *stmt = prepare(bench->conn, sql);
    bind_all(&bench->queries, stmt);
    mql_status status;
    memset(keys, 0xff, count * width * sizeof *keys);

    double cpu = processor(), start = wall();
    while ((status = mql_step(stmt)) == MQL_ROW) {
        size_t query = count == 1 ? 0 : (size_t)mql_column_int64(stmt, 0);
        if (query < count && found[query] < width)
            keys[query * width + found[query]++] =
                mql_column_int64(stmt, count == 1 ? 0 : 1);
    }
    say_round(count, wall() - start, processor() - cpu);
    check(bench->conn, status == MQL_DONE);

    mql_finalize(stmt);
    write_answers(path, keys, latencies, count, width);
    free(keys);
    free(latencies);
    free(found);
}

/* ---- the other orders ---- */

static void
order_run(Bench *bench, const char *sql)
{
    double cpu = processor(), start = wall();
    check(bench->conn, mql_exec(bench->conn, sql) == MQL_OK);
    say_round(1, wall() - start, processor() - cpu);
}

static void
order_count(Bench *bench, const char *sql, size_t count)
{
    static const char label[] = "Distances computed: ";
    unsigned long long distances = 0;
    mql_stmt *stmt = prepare(bench->conn, sql);
    if (count > bench->queries.count)
        count = bench->queries.count;
    for (size_t i = 0; i < count; i++) {
        mql_status status;
        mql_bind_vector_f32(stmt, 1, query_vector(&bench->queries, i),
                            bench->queries.dim, MQL_STATIC);
        while ((status = mql_step(stmt)) == MQL_ROW) {
            const char *text = mql_column_text(stmt, 0, NULL);
            const char *at = text != NULL ? strstr(text, label) : NULL;
            if (at != NULL)
                distances += strtoull(at + sizeof label - 1, NULL, 10);
        }
        check(bench->conn, status == MQL_DONE);
    }
    mql_finalize(stmt);
    printf("{\"queries\": %zu, \"distances\": %llu}\n", count, distances);
}

static void
order_soak(Bench *bench, const char *sql, int k, size_t count)
{
    int64_t *keys = allocate((size_t)k, sizeof *keys);
    mql_stmt *stmt = prepare(bench->conn, sql);
    double cpu = processor(), start = wall();
    for (size_t i = 0; i < count; i++)
        answer(bench->conn, stmt,
               query_vector(&bench->queries, i % bench->queries.count),
               bench->queries.dim, k, keys);
    say_round(count, wall() - start, processor() - cpu);
    mql_finalize(stmt);
    free(keys);
}

/* ---- orders ---- */

#define MAX_PARTS 6

/* Cut the line at its tabs; parts that are missing are empty. */
static void
cut(char *line, char *parts[MAX_PARTS])
{
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < MAX_PARTS; i++) {
        parts[i] = line;
        line += strcspn(line, "\t");
        if (*line != '\0')
            *line++ = '\0';
    }
}

static void
obey(Bench *bench, char *line)
{
    char *part[MAX_PARTS];
    cut(line, part);
    int k = (int)strtol(part[2], NULL, 10);
    if (strcmp(part[0], "run") == 0)
        order_run(bench, part[1]);
    else if (strcmp(part[0], "one") == 0)
        order_one(bench, part[1], k, strtod(part[3], NULL), part[4]);
    else if (strcmp(part[0], "many") == 0)
        order_many(bench, part[1], k, part[4]);
    else if (strcmp(part[0], "count") == 0)
        order_count(bench, part[1], (size_t)k);
    else if (strcmp(part[0], "soak") == 0)
        order_soak(bench, part[1], k, strtoul(part[3], NULL, 10));
    else if (strcmp(part[0], "memory") == 0)
        printf("{\"pss_kib\": %ld}\n", pss_kib());
    else
        fail(part[0], "is no order");
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    if (argc != 4)
        fail("usage", "measure DATABASE QUERIES.npy THREADS < orders");
    Bench bench = {.queries = read_queries(argv[2])};
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    options.threads = (int32_t)strtol(argv[3], NULL, 10);
    options.no_jobs = 1;
    bench.threads = options.threads;
    if (bench.threads < 1 || bench.threads > MAX_THREADS)
        fail(argv[3], "is no number of threads");

    mql_error error = MQL_ERROR_INIT;
    long before = pss_kib();
    double start = wall();
    if (mql_open(argv[1], &options, &bench.db, &error) != MQL_OK)
        fail(error.sqlstate, error.message);
    bench.conn = connect_to(bench.db);
    printf("{\"open\": %.9f, \"pss_kib\": %ld}\n", wall() - start, before);
    fflush(stdout);

    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0)
        obey(&bench, line);
    free(line);
    mql_disconnect(bench.conn);
    mql_close(bench.db);
    return 0;
}
