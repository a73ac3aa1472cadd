/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_alter.c - what is stored for all sessions, seen by each of them and
 * after the database was opened again.
 */
#include "files.h"

#include "mql.h"

typedef struct Fixture {
    char *directory;
    char *path;
    mql_db *db;
    mql_conn *first;
    mql_conn *second;
} Fixture;

static void
open_all(Fixture *fixture)
{
    mql_error error = MQL_ERROR_INIT;
    if (mql_open(fixture->path, NULL, &fixture->db, &error) != MQL_OK)
        fail_msg("%s", error.message);
    assert_int_equal(mql_connect(fixture->db, &fixture->first, &error), MQL_OK);
    assert_int_equal(mql_connect(fixture->db, &fixture->second, &error),
                     MQL_OK);
}

static void
close_all(Fixture *fixture)
{
    assert_int_equal(mql_disconnect(fixture->first), MQL_OK);
    assert_int_equal(mql_disconnect(fixture->second), MQL_OK);
    assert_int_equal(mql_close(fixture->db), MQL_OK);
}

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    fixture->directory = temporary_directory();
    fixture->path = path_in(fixture->directory, "db");
    open_all(fixture);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    close_all(fixture);
    remove_tree(fixture->directory);
    free(fixture->directory);
    free(fixture->path);
    free(fixture);
    return 0;
}

static void
execute(mql_conn *conn, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    mql_status status = mql_exec(conn, sql);
    mql_error_get(conn, &error);
    if (status != MQL_OK)
        fail_msg("%s: %s", sql, error.message);
}

/* The first value that the statement gives. */
static void
assert_gives(mql_conn *conn, const char *sql, const char *wanted)
{
    mql_stmt *stmt;
    mql_error error = MQL_ERROR_INIT;
    if (mql_prepare(conn, sql, -1, &stmt, NULL) != MQL_OK ||
        mql_step(stmt) != MQL_ROW) {
        mql_error_get(conn, &error);
        fail_msg("%s: %s", sql, error.message);
    }
    assert_string_equal(mql_column_text(stmt, 0, NULL), wanted);
    mql_finalize(stmt);
}

static void
test_global_settings(void **state)
{
    Fixture *fixture = *state;
    execute(fixture->second, "SET statement_timeout = '7s'");
    execute(fixture->first, "SET GLOBAL work_mem = '64MB';"
                            "SET GLOBAL statement_timeout = '3s'");
    assert_gives(fixture->first, "SHOW work_mem", "64MB");
    assert_gives(fixture->second, "SHOW work_mem", "64MB");
    assert_gives(fixture->first, "SHOW statement_timeout", "3s");
    assert_gives(fixture->second, "SHOW statement_timeout", "7s");
    close_all(fixture);
    open_all(fixture);
    assert_gives(fixture->first, "SHOW work_mem", "64MB");
    assert_gives(fixture->second, "SHOW statement_timeout", "3s");
    execute(fixture->second, "RESET GLOBAL work_mem");
    assert_gives(fixture->first, "SHOW work_mem", "1GB");
    /* The log is trimmed: now it stands in the catalogue alone. */
    execute(fixture->first, "CREATE COLLECTION c (id INT64 PRIMARY KEY);"
                            "INSERT INTO c VALUES (1); FLUSH");
    close_all(fixture);
    open_all(fixture);
    assert_gives(fixture->first, "SHOW work_mem", "1GB");
    assert_gives(fixture->first, "SHOW statement_timeout", "3s");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_global_settings, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
