/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_targets.c - many targets in one statement get what each gets alone:
 * sealed segments and a growing one, deleted rows, filters, an offset, a
 * radius, and rows of small numbers, so that most distances are ties that the
 * key decides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mql.h"

#define ROWS 900
#define TARGETS 70
#define DIM 8
#define HITS_MOST 40

typedef struct Case {
    const char *type;
    const char *index; /* NULL: none */
    const char *metric;
    const char *element; /* how one is written, of a digit */
} Case;

static const Case cases[] = {
    {"FLOAT_VECTOR", NULL, "L2", "%d"},
    {"FLOAT_VECTOR", "FLAT", "COSINE", "%d"},
    {"FLOAT16_VECTOR", "FLAT", "IP", "%d.5"},
    {"INT8_VECTOR", NULL, "L2", "-%d"},
    {"BINARY_VECTOR", "BIN_FLAT", "JACCARD", NULL},
    {"FLOAT_VECTOR", "HNSW", "L2", "%d"},
    {"FLOAT_VECTOR", "IVF_FLAT", "L2", "%d"},
};

static const char *const clauses[] = {
    "LIMIT 7",
    "LIMIT 5 OFFSET 6",
    "WHERE n < 3 LIMIT 9",
    "WHERE id = 17 LIMIT 3",
};

static void
execute(mql_conn *conn, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    mql_status status = mql_exec(conn, sql);
    mql_error_get(conn, &error);
    if (status != MQL_OK)
        fail_msg("%s: %s", sql, error.message);
}

/* A vector of a few different ones, as text; the size written. */
static int
write_vector(const Case *one, unsigned number, char *to, size_t size)
{
    int used = snprintf(to, size, "%s", one->element == NULL ? "'" : "[");
    for (unsigned i = 0; i < DIM; i++) {
        int digit = (int)((number * 7 + i * number + i * i) % 3);
        if (one->element == NULL) {
            used += snprintf(to + used, size - (size_t)used, "%d", digit != 0);
            continue;
        }
        used += snprintf(to + used, size - (size_t)used, i > 0 ? ", " : "");
        char element[16];
        /* "%d", "%d.5" or "-%d" of the table */
        const char *mark = strchr(one->element, '%');
        snprintf(element, sizeof element, "%.*s%d%s",
                 (int)(mark - one->element), one->element, digit, mark + 2);
        used += snprintf(to + used, size - (size_t)used, "%s", element);
    }
    return used + snprintf(to + used, size - (size_t)used, "%s",
                           one->element == NULL ? "'" : "]");
}

static void
insert(mql_conn *conn, const Case *one, unsigned first, unsigned count)
{
    size_t size = 64 * (size_t)count + 64;
    char *sql = malloc(size);
    int used = snprintf(sql, size, "INSERT INTO t VALUES ");
    for (unsigned id = first; id < first + count; id++) {
        used += snprintf(sql + used, size - (size_t)used, "%s(%u, %u, ",
                         id > first ? ", " : "", id, id % 5);
        used += write_vector(one, id, sql + used, size - (size_t)used);
        used += snprintf(sql + used, size - (size_t)used, ")");
    }
    execute(conn, sql);
    free(sql);
}

static void
fill(mql_conn *conn, const Case *one)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "CREATE COLLECTION t (id INT64 PRIMARY KEY, n INT64, v %s(%d))",
             one->type, DIM);
    execute(conn, sql);
    snprintf(sql, sizeof sql,
             "CREATE INDEX ON t (v) USING %s WITH (metric_type = '%s')",
             one->index, one->metric);
    if (one->index != NULL)
        execute(conn, sql);
    insert(conn, one, 0, 500);
    execute(conn, "FLUSH t");
    insert(conn, one, 500, 300);
    execute(conn, "FLUSH t");
    insert(conn, one, 800, ROWS - 800);
    execute(conn, "DELETE FROM t WHERE id % 11 = 3");
}

typedef struct Answer {
    int count;
    int64_t ids[TARGETS * HITS_MOST];
    double scores[TARGETS * HITS_MOST];
} Answer;

/* Add the hits of a statement, in order. With several targets a column says
 * whose they are. */
static void
ask(mql_conn *conn, const char *sql, Answer *answer)
{
    mql_error error = MQL_ERROR_INIT;
    mql_stmt *stmt = NULL;
    int64_t target = 0;
    if (mql_prepare(conn, sql, -1, &stmt, NULL) != MQL_OK) {
        mql_error_get(conn, &error);
        fail_msg("%s: %s", sql, error.message);
    }
    int32_t key = mql_column_count(stmt) == 3;
    while (mql_step(stmt) == MQL_ROW) {
        assert_true(answer->count < TARGETS * HITS_MOST);
        answer->ids[answer->count] = mql_column_int64(stmt, key);
        answer->scores[answer->count++] = mql_column_double(stmt, key + 1);
        if (key != 0)
            assert_true(mql_column_int64(stmt, 0) >= target);
        target = key != 0 ? mql_column_int64(stmt, 0) : 0;
    }
    mql_finalize(stmt);
}

static void
compare(mql_conn *conn, const Case *one, const char *clause)
{
    static Answer together, alone;
    static char sql[TARGETS * 64 + 256];
    char options[64] = "", vector[64];
    size_t size = sizeof sql;
    together.count = alone.count = 0;
    if (one->index == NULL)
        snprintf(options, sizeof options, "WITH (metric_type = '%s')",
                 one->metric);
    int used = snprintf(sql, size, "SEARCH t ON v FOR ");
    for (unsigned t = 0; t < TARGETS; t++) {
        used += snprintf(sql + used, size - (size_t)used, t > 0 ? ", " : "");
        used += write_vector(one, t * 3, sql + used, size - (size_t)used);
    }
    snprintf(sql + used, size - (size_t)used, " %s %s", clause, options);
    ask(conn, sql, &together);
    for (unsigned t = 0; t < TARGETS; t++) {
        write_vector(one, t * 3, vector, sizeof vector);
        snprintf(sql, size, "SEARCH t ON v FOR %s %s %s", vector, clause,
                 options);
        ask(conn, sql, &alone);
    }
    assert_true(alone.count >= TARGETS);
    assert_int_equal(together.count, alone.count);
    size_t count = (size_t)alone.count;
    assert_memory_equal(together.ids, alone.ids, count * sizeof(int64_t));
    assert_memory_equal(together.scores, alone.scores, count * sizeof(double));
}

static void
test_targets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mql_db *db = NULL;
        mql_conn *conn = NULL;
        assert_int_equal(mql_open(NULL, NULL, &db, NULL), MQL_OK);
        assert_int_equal(mql_connect(db, &conn, NULL), MQL_OK);
        fill(conn, &cases[i]);
        for (size_t c = 0; c < sizeof clauses / sizeof clauses[0]; c++)
            compare(conn, &cases[i], clauses[c]);
        mql_disconnect(conn);
        mql_close(db);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
