/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filters.c - recall@10 and queries a second of a collection, through mql.h as
 * a program uses it.
 *
 *     filters DATABASE COLLECTION FIELD BASE.npy QUERIES.npy EF < filters
 *
 * Each line of the filters is NAME|CONDITION|TRUTH.ivecs; an empty condition is
 * none. For every line the first 1,000 queries are answered by one prepared
 * SEARCH. Recall is counted by distance, not by id (real data has duplicates):
 * an answer is right when it is no farther than the k-th of the truth. Prints
 * one line for each filter.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mql.h"

#define K 10
#define QUERY_COUNT 1000

/* A matrix of bytes from a .npy file. */
typedef struct Matrix {
    const uint8_t *data;
    size_t rows, dim;
} Matrix;

static void
fail(const char *what, const char *why)
{
    fprintf(stderr, "filters: %s: %s\n", what, why);
    exit(1);
}

static unsigned char *
read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail(path, "cannot be opened");
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = malloc(*size + 1);
    if (data == NULL || fread(data, 1, *size, file) != *size)
        fail(path, "cannot be read");
    fclose(file);
    return data;
}

static Matrix
read_matrix(const char *path, size_t dim)
{
    size_t size;
    const unsigned char *file = read_file(path, &size);
    size_t header = 10 + file[8] + 256u * file[9];
    return (Matrix){file + header, (size - header) / dim, dim};
}

/* Squared Euclidean distance of two rows of bytes, exactly. */
static double
distance(const uint8_t *a, const uint8_t *b, size_t dim)
{
    int64_t sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return (double)sum;
}

static double
seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

typedef struct Bench {
    mql_conn *conn;
    const char *collection, *field, *ef;
    Matrix base, queries;
    float *vectors; /* the queries as floats */
    int failures;   /* filters below 0.95    */
} Bench;

static void
check(Bench *bench, int ok)
{
    mql_error error = MQL_ERROR_INIT;
    if (ok)
        return;
    mql_error_get(bench->conn, &error);
    fail(error.sqlstate, error.message);
}

/* Answers of one query that are as near as the truth, and how many there should
 * be. */
static int
count_right(const Bench *bench, size_t query, const int32_t *truth,
            const int64_t *found, int count, int *wanted)
{
    size_t dim = bench->base.dim;
    const uint8_t *row = bench->queries.data + query * dim;
    *wanted = 0;
    while (*wanted < K && truth[*wanted] >= 0)
        (*wanted)++;
    if (*wanted == 0)
        return 0;
    const uint8_t *last = bench->base.data + (size_t)truth[*wanted - 1] * dim;
    double farthest = distance(row, last, dim);
    int right = 0;
    for (int i = 0; i < count; i++)
        right += distance(row, bench->base.data + (size_t)found[i] * dim,
                          dim) <= farthest;
    return right < *wanted ? right : *wanted;
}

static int
run_query(Bench *bench, mql_stmt *stmt, size_t query, int64_t found[K])
{
    size_t dim = bench->base.dim;
    mql_bind_vector_f32(stmt, 1, bench->vectors + query * dim, (uint32_t)dim,
                        MQL_STATIC);
    int32_t count = 0, rows;
    mql_status status = MQL_ROW;
    while (count < K &&
           (status = mql_step_rows(stmt, K - count, &rows)) == MQL_ROW) {
        mql_rows_int64(stmt, 0, found + count, NULL);
        count += rows;
    }
    check(bench, status == MQL_ROW || status == MQL_DONE);
    mql_reset(stmt);
    return count;
}

static void
run_filter(Bench *bench, const char *name, const char *where,
           const char *truth_path)
{
    char sql[2048];
    snprintf(sql, sizeof sql,
             "SEARCH %s ON %s FOR $1 %s%s WITH (ef = %s) LIMIT %d",
             bench->collection, bench->field, where[0] ? "WHERE " : "", where,
             bench->ef, K);
    mql_stmt *stmt;
    check(bench, mql_prepare(bench->conn, sql, -1, &stmt, NULL) == MQL_OK);
    size_t size;
    unsigned char *file = read_file(truth_path, &size);
    const int32_t *truth = (const int32_t *)(const void *)file;
    size_t width = (size_t)truth[0] + 1;

    long right = 0, wanted = 0, given = 0;
    double spent = 0;
    for (size_t query = 0; query < QUERY_COUNT; query++) {
        int64_t found[K];
        int expected;
        double start = seconds();
        int count = run_query(bench, stmt, query, found);
        spent += seconds() - start;
        right += count_right(bench, query, truth + query * width + 1, found,
                             count, &expected);
        wanted += expected;
        given += count;
    }
    double recall = wanted == 0 ? 1.0 : (double)right / (double)wanted;
    int is_good = recall >= 0.95 && given == wanted;
    bench->failures += !is_good;
    printf("%-14s recall@10 %.4f   rows %ld of %ld   %8.0f queries/s   %s\n",
           name, recall, given, wanted, QUERY_COUNT / spent,
           is_good ? "ok" : "TOO LOW");
    mql_finalize(stmt);
    free(file);
}

int
main(int argc, char **argv)
{
    if (argc != 7)
        fail("usage", "filters DATABASE COLLECTION FIELD BASE.npy QUERIES.npy "
                      "EF < filters");
    Bench bench = {.collection = argv[2], .field = argv[3], .ef = argv[6]};
    bench.base = read_matrix(argv[4], 784);
    bench.queries = read_matrix(argv[5], 784);
    bench.vectors = malloc(QUERY_COUNT * 784 * sizeof *bench.vectors);
    for (size_t i = 0; bench.vectors != NULL && i < QUERY_COUNT * 784; i++)
        bench.vectors[i] = bench.queries.data[i];

    mql_db *db;
    mql_error error = MQL_ERROR_INIT;
    if (mql_open(argv[1], NULL, &db, &error) != MQL_OK ||
        mql_connect(db, &bench.conn, &error) != MQL_OK)
        fail(argv[1], error.message);
    char line[4096];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *where = strchr(line, '|');
        char *truth = where != NULL ? strrchr(line, '|') : NULL;
        if (where == NULL || truth == where)
            fail(line, "is not NAME|CONDITION|TRUTH");
        *where++ = '\0';
        *truth++ = '\0';
        run_filter(&bench, line, where, truth);
    }
    mql_disconnect(bench.conn);
    mql_close(db);
    return bench.failures > 0;
}
