/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_search_memory.c - a prepared SEARCH that is run again asks malloc() for
 * nothing, or for little: arenas are kept from run to run, and all rows of a
 * segment are no bits. With a malloc that counts; not with AddressSanitizer.
 */
#include "run_sql.h"

#include "own_malloc.h"

#define DIM 8
#define ROWS 1500
#define RUNS 40

typedef struct Case {
    const char *index;  /* what USING says; NULL: none */
    const char *clause; /* of the SEARCH */
    const char *then;   /* a statement before it, NULL: none */
    unsigned long most; /* allocations of a run */
} Case;

static const Case cases[] = {
    {"HNSW", "WITH (ef = 40) LIMIT 10", NULL, 0},
    {"HNSW", "WITH (ef = 400) LIMIT 300", NULL, 1},
    {"HNSW", "LIMIT 10 OFFSET 5", NULL, 0},
    {"HNSW", "LIMIT 10", "DELETE FROM t WHERE id % 7 = 3", 0},
    {"HNSW", "WHERE n < 3 LIMIT 10", NULL, 0},
    {"FLAT", "LIMIT 10", NULL, 1},
    {"IVF_FLAT", "LIMIT 10", NULL, 0},
    {NULL, "LIMIT 10", NULL, 0},
    {NULL, "LIMIT 10", "INSERT INTO t VALUES (9001, 1, [1,2,3,4,5,6,7,8])", 0},
};

static void
fill(mql_conn *conn, const Case *one)
{
    char sql[256];
    run_sql(conn, "CREATE COLLECTION t (id INT64 PRIMARY KEY, n INT64, "
                  "v FLOAT_VECTOR(8))");
    mql_stmt *insert = prepare_sql(conn, "INSERT INTO t VALUES ($1, $2, $3)");
    uint64_t seed = 1;
    run_sql(conn, "BEGIN");
    for (int id = 0; id < ROWS; id++) {
        float vector[DIM];
        for (int i = 0; i < DIM; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            vector[i] = (float)(seed >> 40) / 1e7f;
        }
        mql_bind_int64(insert, 1, id);
        mql_bind_int64(insert, 2, id % 5);
        mql_bind_vector_f32(insert, 3, vector, DIM, MQL_TRANSIENT);
        assert_int_equal(mql_step(insert), MQL_DONE);
    }
    run_sql(conn, "COMMIT");
    mql_finalize(insert);
    run_sql(conn, "FLUSH t");
    if (one->index != NULL) {
        snprintf(sql, sizeof sql,
                 "CREATE INDEX ON t (v) USING %s WITH (metric_type = 'L2')",
                 one->index);
        run_sql(conn, sql);
    }
    if (one->then != NULL)
        run_sql(conn, one->then);
}

/* Rows of the answer. */
static int
run(mql_stmt *search, int number)
{
    float target[DIM];
    int64_t keys = 0;
    int count = 0;
    for (int i = 0; i < DIM; i++)
        target[i] = (float)((number * 7 + i * 5) % 16) / 10.0f;
    mql_bind_vector_f32(search, 1, target, DIM, MQL_STATIC);
    mql_status status;
    while ((status = mql_step(search)) == MQL_ROW) {
        keys += mql_column_int64(search, 0);
        assert_true(mql_column_double(search, 1) >= 0);
        count++;
    }
    assert_int_equal(status, MQL_DONE);
    return keys > 0 ? count : 0;
}

static void
check_case(mql_conn *conn, const Case *one)
{
    char sql[256];
    fill(conn, one);
    snprintf(sql, sizeof sql, "SEARCH t ON v FOR $1 %s", one->clause);
    mql_stmt *search = prepare_sql(conn, sql);
    for (int i = 0; i < RUNS; i++)
        assert_true(run(search, i) >= 10);
    unsigned long before = atomic_load(&calls);
    long held = atomic_load(&blocks);
    for (int i = 0; i < RUNS; i++)
        run(search, i);
    unsigned long done = atomic_load(&calls) - before;
    print_message("%s %s: %lu allocations in %d runs\n",
                  one->index == NULL ? "no index" : one->index, one->clause,
                  done, RUNS);
    assert_true(done <= one->most * RUNS);
    assert_int_equal(atomic_load(&blocks), held);
    mql_finalize(search);
    run_sql(conn, "DROP COLLECTION t");
}

static void
a_search_that_is_run_again_allocates_little(void **state)
{
    (void)state;
    if (!HAS_OWN_MALLOC)
        skip();
    mql_error error = MQL_ERROR_INIT;
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    options.threads = 1;
    options.no_jobs = 1;
    mql_db *db;
    mql_conn *conn;
    assert_int_equal(mql_open(NULL, &options, &db, &error), MQL_OK);
    assert_int_equal(mql_connect(db, &conn, &error), MQL_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(conn, &cases[i]);
    mql_disconnect(conn);
    mql_close(db);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_that_is_run_again_allocates_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
