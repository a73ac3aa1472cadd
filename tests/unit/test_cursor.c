/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cursor.c - cursors over many rows: in order, none twice, none missing,
 * whatever happens to the collection meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mql.h"
#include "run_sql.h"

#define ROWS 9000

static mql_conn *
connect_new(mql_db **db)
{
    mql_error error = MQL_ERROR_INIT;
    mql_conn *conn;
    assert_int_equal(mql_open(NULL, NULL, db, &error), MQL_OK);
    assert_int_equal(mql_connect(*db, &conn, &error), MQL_OK);
    return conn;
}

static void
assert_fails(mql_conn *conn, const char *sql, const char *sqlstate)
{
    mql_error error = MQL_ERROR_INIT;
    assert_int_not_equal(mql_exec(conn, sql), MQL_OK);
    mql_error_get(conn, &error);
    assert_string_equal(error.sqlstate, sqlstate);
}

/* Vectors on a line, each place taken by three rows. */
static void
fill(mql_conn *conn, int first, int count)
{
    mql_stmt *stmt = prepare_sql(conn, "INSERT INTO t VALUES ($1, $2)");
    run_sql(conn, "BEGIN");
    for (int i = first; i < first + count; i++) {
        float vector[2] = {(float)((i * 7919 % ROWS) / 3), 0};
        assert_int_equal(mql_bind_int64(stmt, 1, i), MQL_OK);
        assert_int_equal(mql_bind_vector_f32(stmt, 2, vector, 2, MQL_TRANSIENT),
                         MQL_OK);
        assert_int_equal(mql_step(stmt), MQL_DONE);
    }
    run_sql(conn, "COMMIT");
    mql_finalize(stmt);
}

/* Read a SEARCH's cursor to its end, `size` rows at a time. */
static uint32_t
read_all(mql_conn *conn, int size, uint32_t stop_after)
{
    char sql[64];
    static uint8_t seen[ROWS];
    uint32_t count = 0;
    double distance = -1;
    int64_t id = -1;
    snprintf(sql, sizeof sql, "FETCH %d FROM near", size);
    memset(seen, 0, sizeof seen);
    mql_stmt *stmt = prepare_sql(conn, sql);
    for (int rows = size; rows == size && count < stop_after;) {
        rows = 0;
        while (mql_step(stmt) == MQL_ROW) {
            int64_t next = mql_column_int64(stmt, 0);
            double next_distance = mql_column_double(stmt, 1);
            assert_in_range(next, 0, ROWS - 1);
            assert_int_equal(seen[next]++, 0);
            assert_true(next_distance > distance ||
                        (next_distance == distance && next > id));
            distance = next_distance;
            id = next;
            rows++;
        }
        count += (uint32_t)rows;
        if (rows == size)
            run_sql(conn, "DELETE FROM t WHERE id % 100 = 7; FLUSH t");
    }
    mql_finalize(stmt);
    return count;
}

static void
test_search_goes_on(void **state)
{
    (void)state;
    mql_db *db;
    mql_conn *conn = connect_new(&db);
    run_sql(conn, "CREATE COLLECTION t (id INT64 PRIMARY KEY, v "
                  "FLOAT_VECTOR(2))");
    fill(conn, 0, 5000);
    run_sql(conn, "CREATE INDEX ON t (v) USING HNSW WITH (metric_type = 'L2')");
    fill(conn, 5000, ROWS - 5000);
    run_sql(conn, "DECLARE near CURSOR FOR SEARCH t FOR [1000, 0]");
    assert_int_equal(read_all(conn, 700, UINT32_MAX), ROWS);
    run_sql(conn, "CLOSE near");
    run_sql(conn, "DECLARE near CURSOR FOR SEARCH t FOR [0, 0] LIMIT 5000");
    assert_int_equal(read_all(conn, 3001, UINT32_MAX), 5000);
    run_sql(conn, "CLOSE near");
    run_sql(conn, "DECLARE near CURSOR FOR SEARCH t FOR [0, 0] WHERE id < 50");
    assert_int_equal(read_all(conn, 10, 20), 20);
    /* it is still open: the session ends it */
    assert_int_equal(mql_disconnect(conn), MQL_OK);
    assert_int_equal(mql_close(db), MQL_OK);
}

/* The values of parameters are the cursor's own. */
static void
test_parameters(void **state)
{
    (void)state;
    mql_db *db;
    mql_conn *conn = connect_new(&db);
    char text[] = "b";
    run_sql(conn, "CREATE COLLECTION t (id INT64 PRIMARY KEY, s VARCHAR(9));"
                  "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'b')");
    mql_stmt *stmt = prepare_sql(conn, "DECLARE k CURSOR FOR SELECT id FROM t "
                                       "WHERE s = $1 AND id > $2 ORDER BY id");
    assert_int_equal(mql_parameter_count(stmt), 2);
    assert_int_equal(mql_bind_text(stmt, 1, text, -1, MQL_STATIC), MQL_OK);
    assert_int_equal(mql_bind_int64(stmt, 2, 0), MQL_OK);
    assert_int_equal(mql_step(stmt), MQL_DONE);
    text[0] = 'x';
    mql_finalize(stmt);
    stmt = prepare_sql(conn, "FETCH $1 FROM k");
    assert_int_equal(mql_bind_int64(stmt, 1, 1), MQL_OK);
    assert_int_equal(mql_step(stmt), MQL_ROW);
    assert_int_equal(mql_column_int64(stmt, 0), 2);
    assert_int_equal(mql_step(stmt), MQL_DONE);
    assert_int_equal(mql_changes(stmt), 1);
    assert_int_equal(mql_step(stmt), MQL_ROW);
    assert_int_equal(mql_column_int64(stmt, 0), 3);
    assert_int_equal(mql_step(stmt), MQL_DONE);
    assert_int_equal(mql_bind_int64(stmt, 1, -1), MQL_OK);
    assert_int_equal(mql_step(stmt), MQL_INVALID);
    mql_finalize(stmt);
    assert_int_equal(mql_disconnect(conn), MQL_OK);
    assert_int_equal(mql_close(db), MQL_OK);
}

/* A FETCH that is running while its cursor goes, or becomes another. */
static void
test_closed_under_fetch(void **state)
{
    (void)state;
    mql_db *db;
    mql_conn *conn = connect_new(&db);
    run_sql(conn, "CREATE COLLECTION t (id INT64 PRIMARY KEY, s VARCHAR(9));"
                  "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');"
                  "FLUSH t; DECLARE k CURSOR FOR SELECT s FROM t ORDER BY id");
    mql_stmt *stmt = prepare_sql(conn, "FETCH ALL FROM k");
    assert_int_equal(mql_step(stmt), MQL_ROW);
    run_sql(conn, "CLOSE k; DROP COLLECTION t");
    assert_string_equal(mql_column_text(stmt, 0, NULL), "a");
    assert_int_equal(mql_step(stmt), MQL_ROW);
    assert_string_equal(mql_column_text(stmt, 0, NULL), "b");
    mql_reset(stmt);
    assert_int_equal(mql_step(stmt), MQL_NOT_FOUND);
    run_sql(conn, "DECLARE k CURSOR FOR SELECT 1 AS one, 2 AS two");
    assert_int_equal(mql_step(stmt), MQL_ROW);
    assert_int_equal(mql_column_count(stmt), 2);
    assert_string_equal(mql_column_name(stmt, 1), "two");
    assert_int_equal(mql_column_int64(stmt, 1), 2);
    mql_finalize(stmt);
    assert_int_equal(mql_disconnect(conn), MQL_OK);
    assert_int_equal(mql_close(db), MQL_OK);
}

static void
test_at_most_a_hundred(void **state)
{
    (void)state;
    mql_db *db;
    mql_conn *conn = connect_new(&db);
    char sql[64];
    for (int i = 0; i < 100; i++) {
        snprintf(sql, sizeof sql, "DECLARE k%d CURSOR FOR SELECT %d", i, i);
        run_sql(conn, sql);
    }
    assert_fails(conn, "DECLARE more CURSOR FOR SELECT 1", "54000");
    run_sql(conn, "CLOSE k50; DECLARE more CURSOR FOR SELECT 1");
    assert_fails(conn, "DECLARE more2 CURSOR FOR SELECT 1", "54000");
    run_sql(conn, "CLOSE ALL; DECLARE more2 CURSOR FOR SELECT 1");
    assert_int_equal(mql_disconnect(conn), MQL_OK);
    assert_int_equal(mql_close(db), MQL_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search_goes_on),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_closed_under_fetch),
        cmocka_unit_test(test_at_most_a_hundred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
