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
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mql.h"
#include "run_sql.h"

typedef struct Fixture {
    mql_db *db;
    mql_conn *user;    /* holds the statement    */
    mql_conn *changer; /* changes the schema     */
    mql_stmt *stmt;
} Fixture;

static void
set_up(Fixture *fixture, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    assert_int_equal(mql_open(NULL, NULL, &fixture->db, &error), MQL_OK);
    assert_int_equal(mql_connect(fixture->db, &fixture->user, &error), MQL_OK);
    assert_int_equal(mql_connect(fixture->db, &fixture->changer, &error),
                     MQL_OK);
    run_sql(fixture->changer, "CREATE COLLECTION t (id INT64 PRIMARY KEY);"
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
    run_sql(fixture.changer, "DROP COLLECTION t");
    for (int i = 0; i < 3; i++)
        assert_fails(&fixture, "42P01");
    assert_int_equal(mql_column_count(fixture.stmt), 0);

    run_sql(fixture.changer, "CREATE COLLECTION t (id INT64 PRIMARY KEY);"
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
    run_sql(fixture.changer, "DROP COLLECTION t");
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
    run_sql(fixture.changer,
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
    run_sql(fixture.changer, "DROP COLLECTION t;"
                             "CREATE COLLECTION t (id VARCHAR(5) PRIMARY KEY);"
                             "INSERT INTO t VALUES ('x')");
    assert_int_equal(mql_bind_text(fixture.stmt, 1, "x", -1, MQL_TRANSIENT),
                     MQL_OK);
    assert_int_equal(mql_step(fixture.stmt), MQL_ROW);
    assert_string_equal(mql_column_text(fixture.stmt, 0, NULL), "x");
    tear_down(&fixture);
}

/* Run with two integers: the key of the only row it returns, and how many rows
 * it changed. */
static void
assert_change(Fixture *fixture, int64_t first, int64_t second, int64_t key)
{
    assert_int_equal(mql_bind_int64(fixture->stmt, 1, first), MQL_OK);
    assert_int_equal(mql_bind_int64(fixture->stmt, 2, second), MQL_OK);
    assert_int_equal(mql_step(fixture->stmt), MQL_ROW);
    assert_int_equal(mql_column_int64(fixture->stmt, 0), key);
    /* Who has a row knows that the change is there. */
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT id FROM t WHERE id = %d", (int)key);
    mql_stmt *other;
    assert_int_equal(mql_prepare(fixture->changer, sql, -1, &other, NULL),
                     MQL_OK);
    assert_int_equal(mql_step(other), MQL_ROW);
    mql_finalize(other);
    assert_int_equal(mql_step(fixture->stmt), MQL_DONE);
    assert_int_equal(mql_changes(fixture->stmt), 1);
}

static void
test_changes_with_parameters(void **state)
{
    (void)state;
    Fixture fixture;
    set_up(&fixture, "UPDATE t SET id = id + $1 WHERE id = $2 RETURNING id");
    assert_change(&fixture, 10, 1, 11);
    assert_change(&fixture, 10, 2, 12);
    assert_change(&fixture, -10, 11, 1);
    tear_down(&fixture);

    set_up(&fixture,
           "INSERT INTO t SELECT $1 FROM t WHERE id = $2 RETURNING id");
    assert_change(&fixture, 7, 1, 7);
    assert_change(&fixture, 8, 7, 8);
    tear_down(&fixture);

    set_up(&fixture, "INSERT INTO t VALUES ($1) ON CONFLICT (id) "
                     "DO UPDATE SET id = EXCLUDED.id + $2 RETURNING id");
    assert_change(&fixture, 1, 20, 21);
    assert_change(&fixture, 1, 20, 1);
    tear_down(&fixture);

    set_up(&fixture, "DELETE FROM t WHERE id BETWEEN $1 AND $2");
    assert_int_equal(mql_bind_int64(fixture.stmt, 1, 1), MQL_OK);
    assert_int_equal(mql_bind_int64(fixture.stmt, 2, 5), MQL_OK);
    assert_int_equal(mql_has_rows(fixture.stmt), 0);
    assert_int_equal(mql_step(fixture.stmt), MQL_DONE);
    assert_int_equal(mql_changes(fixture.stmt), 2);
    tear_down(&fixture);
}

/* The change stays when its rows are not read to their end. */
static void
test_rows_left_unread(void **state)
{
    (void)state;
    Fixture fixture;
    set_up(&fixture, "UPDATE t SET id = id + 10 RETURNING id");
    assert_int_equal(mql_step(fixture.stmt), MQL_ROW);
    mql_reset(fixture.stmt);
    assert_int_equal(mql_step(fixture.stmt), MQL_ROW);
    assert_int_equal(mql_column_int64(fixture.stmt, 0), 21);
    tear_down(&fixture);
}

/* The words are those of this call, not of an earlier failure. */
/* The keys a run gives as digits, "13". */
static void
assert_keys(mql_stmt *stmt, const char *expected)
{
    char keys[16] = "";
    size_t count = 0;
    while (mql_step(stmt) == MQL_ROW && count + 1 < sizeof keys)
        keys[count++] = (char)('0' + mql_column_int64(stmt, 0));
    assert_string_equal(keys, expected);
    mql_reset(stmt);
}

/* Beside JSON a parameter is of the type of its value, in each run: an index
 * over the path is of use where its cast is that type. */
static void
test_parameter_beside_path(void **state)
{
    static const char *const made[] = {
        "", "CREATE INDEX ON p (j.a) WITH (json_cast_type = 'DOUBLE')",
        ("DROP INDEX j_a ON p; CREATE INDEX ON p (j.a) WITH (json_cast_type = "
         "'VARCHAR')")};
    (void)state;
    Fixture fixture;
    set_up(&fixture, "SELECT id FROM t");
    mql_finalize(fixture.stmt);
    run_sql(
        fixture.changer,
        "CREATE COLLECTION p (id INT64 PRIMARY KEY, j JSON);"
        "INSERT INTO p VALUES (1, '{\"a\": 1}'), (2, '{\"a\": \"x\"}'), (3, "
        "'{\"a\": 9007199254740993}'), (4, '{\"a\": 9007199254740992}'), "
        "(5, '{\"a\": true}'), (6, NULL); FLUSH p");
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        run_sql(fixture.changer, made[i]);
        fixture.stmt = prepare_sql(
            fixture.user, "SELECT id FROM p WHERE j.a >= $1 ORDER BY id");
        mql_bind_int64(fixture.stmt, 1, 1);
        assert_keys(fixture.stmt, "134");
        mql_bind_int64(fixture.stmt, 1, INT64_C(9007199254740993));
        assert_keys(fixture.stmt, "3");
        mql_bind_text(fixture.stmt, 1, "x", 1, MQL_STATIC);
        assert_keys(fixture.stmt, "2");
        mql_bind_double(fixture.stmt, 1, 9007199254740992.0);
        assert_keys(fixture.stmt, "34");
        mql_bind_null(fixture.stmt, 1);
        assert_keys(fixture.stmt, "");
        if (i + 1 < sizeof made / sizeof made[0])
            mql_finalize(fixture.stmt);
    }
    tear_down(&fixture);
}

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
        cmocka_unit_test(test_changes_with_parameters),
        cmocka_unit_test(test_rows_left_unread),
        cmocka_unit_test(test_parameter_beside_path),
        cmocka_unit_test(test_disconnect_too_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
