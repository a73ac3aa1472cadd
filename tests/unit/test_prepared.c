/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_prepared.c - a prepared statement outlives the schema it was made with.
 *
 * Two connections: one holds the statement, the other drops and makes the
 * collection it names. A run must see the collection as it is now or say what
 * is missing, as often as it is asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mql.h"

typedef struct Fixture {
    mql_db *db;
    mql_conn *user;    /* holds the statement    */
    mql_conn *changer; /* changes the schema     */
    mql_stmt *stmt;
} Fixture;

static void
execute(mql_conn *conn, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    mql_status status = mql_exec(conn, sql);
    mql_error_get(conn, &error);
    if (status != MQL_OK)
        fail_msg("%s: %s", sql, error.message);
}

static void
set_up(Fixture *fixture, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    assert_int_equal(mql_open(NULL, NULL, &fixture->db, &error), MQL_OK);
    assert_int_equal(mql_connect(fixture->db, &fixture->user, &error), MQL_OK);
    assert_int_equal(mql_connect(fixture->db, &fixture->changer, &error),
                     MQL_OK);
    execute(fixture->changer, "CREATE COLLECTION t (id INT64 PRIMARY KEY);"
                              "INSERT INTO t VALUES (1), (2)");
    assert_int_equal(mql_prepare(fixture->user, sql, -1, &fixture->stmt, NULL),
                     MQL_OK);
}

static void
tear_down(Fixture *fixture)
{
    mql_finalize(fixture->stmt);
    assert_int_equal(mql_disconnect(fixture->user), MQL_OK);
    assert_int_equal(mql_disconnect(fixture->changer), MQL_OK);
    assert_int_equal(mql_close(fixture->db), MQL_OK);
}

static void
assert_fails(Fixture *fixture, const char *sqlstate)
{
    mql_error error = MQL_ERROR_INIT;
    mql_status status = mql_step(fixture->stmt);
    assert_true(status != MQL_ROW && status != MQL_DONE);
    mql_error_get(fixture->user, &error);
    assert_string_equal(error.sqlstate, sqlstate);
}

/* Every step says it, not only the first. */
static void
test_dropped(void **state)
{
    (void)state;
    Fixture fixture;
    set_up(&fixture, "SELECT id FROM t");
    execute(fixture.changer, "DROP COLLECTION t");
    for (int i = 0; i < 3; i++)
        assert_fails(&fixture, "42P01");
    assert_int_equal(mql_column_count(fixture.stmt), 0);

    execute(fixture.changer, "CREATE COLLECTION t (id INT64 PRIMARY KEY);"
                             "INSERT INTO t VALUES (7)");
    assert_int_equal(mql_step(fixture.stmt), MQL_ROW);
    assert_int_equal(mql_column_int64(fixture.stmt, 0), 7);
    assert_int_equal(mql_step(fixture.stmt), MQL_DONE);
    tear_down(&fixture);
}

/* A statement without a plan remembers its failure too. */
static void
test_insert_into_dropped(void **state)
{
    (void)state;
    Fixture fixture;
    set_up(&fixture, "INSERT INTO t VALUES (5)");
    execute(fixture.changer, "DROP COLLECTION t");
    for (int i = 0; i < 3; i++)
        assert_fails(&fixture, "42P01");
    tear_down(&fixture);
}

/* The columns are those of the collection as it is now. */
static void
test_other_columns(void **state)
{
    (void)state;
    Fixture fixture;
    set_up(&fixture, "SELECT * FROM t");
    execute(fixture.changer,
            "DROP COLLECTION t;"
            "CREATE COLLECTION t (k VARCHAR(5) PRIMARY KEY, a INT32, b INT32);"
            "INSERT INTO t VALUES ('x', 10, 20)");
    assert_int_equal(mql_step(fixture.stmt), MQL_ROW);
    assert_int_equal(mql_column_count(fixture.stmt), 3);
    assert_string_equal(mql_column_name(fixture.stmt, 0), "k");
    assert_string_equal(mql_column_name(fixture.stmt, 2), "b");
    assert_string_equal(mql_column_text(fixture.stmt, 2, NULL), "20");
    assert_int_equal(mql_step(fixture.stmt), MQL_DONE);
    tear_down(&fixture);
}

/* A parameter takes the type its place has now. */
static void
test_parameter_type(void **state)
{
    (void)state;
    Fixture fixture;
    set_up(&fixture, "SELECT * FROM t WHERE id = $1");
    execute(fixture.changer, "DROP COLLECTION t;"
                             "CREATE COLLECTION t (id VARCHAR(5) PRIMARY KEY);"
                             "INSERT INTO t VALUES ('x')");
    assert_int_equal(mql_bind_text(fixture.stmt, 1, "x", -1, MQL_TRANSIENT),
                     MQL_OK);
    assert_int_equal(mql_step(fixture.stmt), MQL_ROW);
    assert_string_equal(mql_column_text(fixture.stmt, 0, NULL), "x");
    tear_down(&fixture);
}

/* The words are those of this call, not of an earlier failure. */
static void
test_disconnect_too_early(void **state)
{
    (void)state;
    Fixture fixture;
    set_up(&fixture, "SELECT id FROM t");
    assert_int_equal(mql_bind_null(fixture.stmt, 9), MQL_MISUSE);
    assert_int_equal(mql_disconnect(fixture.user), MQL_MISUSE);
    mql_error error = MQL_ERROR_INIT;
    mql_error_get(fixture.user, &error);
    assert_string_equal(error.message,
                        "the connection has statements: finalize them first");
    assert_int_equal(mql_close(fixture.db), MQL_MISUSE);
    tear_down(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_insert_into_dropped),
        cmocka_unit_test(test_other_columns),
        cmocka_unit_test(test_parameter_type),
        cmocka_unit_test(test_disconnect_too_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
