/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_alter.c - what is stored for all sessions, seen by each of them and
 * after the database was opened again; what rows read through ALTER COLLECTION.
 */

#include "mql.h"
#include "run_sql.h"

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
    run_sql(fixture->second, "SET statement_timeout = '7s'");
    run_sql(fixture->first, "SET GLOBAL work_mem = '64MB';"
                            "SET GLOBAL statement_timeout = '3s'");
    assert_gives(fixture->first, "SHOW work_mem", "64MB");
    assert_gives(fixture->second, "SHOW work_mem", "64MB");
    assert_gives(fixture->first, "SHOW statement_timeout", "3s");
    assert_gives(fixture->second, "SHOW statement_timeout", "7s");
    close_all(fixture);
    open_all(fixture);
    assert_gives(fixture->first, "SHOW work_mem", "64MB");
    assert_gives(fixture->second, "SHOW statement_timeout", "3s");
    run_sql(fixture->second, "RESET GLOBAL work_mem");
    assert_gives(fixture->first, "SHOW work_mem", "1GB");
    /* The log is trimmed: now it stands in the catalogue alone. */
    run_sql(fixture->first, "CREATE COLLECTION c (id INT64 PRIMARY KEY);"
                            "INSERT INTO c VALUES (1); FLUSH");
    close_all(fixture);
    open_all(fixture);
    assert_gives(fixture->first, "SHOW work_mem", "1GB");
    assert_gives(fixture->first, "SHOW statement_timeout", "3s");
}

/* Every row reads the same after the log was replayed and from files alone. */
static void
check_altered(const Fixture *fixture)
{
    assert_gives(fixture->first, "SELECT count(*) FROM c", "4");
    assert_gives(fixture->first, "SELECT d FROM c WHERE id = 1", "5");
    assert_gives(fixture->first, "SELECT d FROM c WHERE id = 2", "5");
    assert_gives(fixture->first, "SELECT d FROM c WHERE id = 3", "7");
    assert_gives(fixture->first, "SELECT d FROM c WHERE id = 4", "6");
    assert_gives(fixture->first, "SELECT count(*) FROM c WHERE x IS NULL", "4");
}

static void
test_altered_collection(void **state)
{
    Fixture *fixture = *state;
    run_sql(fixture->first,
            "CREATE COLLECTION c (id INT64 PRIMARY KEY, x INT64);"
            "INSERT INTO c VALUES (1, 10); FLUSH; INSERT INTO c VALUES (2, 20);"
            "ALTER COLLECTION c ADD FIELD d INT64 DEFAULT 5;"
            "INSERT INTO c (id, d) VALUES (3, 7);"
            "ALTER COLLECTION c ALTER FIELD d SET DEFAULT 6;"
            "INSERT INTO c (id) VALUES (4);"
            "ALTER COLLECTION c DROP FIELD x;"
            "ALTER COLLECTION c ADD FIELD x INT64");
    check_altered(fixture);
    close_all(fixture);
    open_all(fixture);
    check_altered(fixture);
    run_sql(fixture->first, "FLUSH");
    close_all(fixture);
    open_all(fixture);
    check_altered(fixture);
}

/* A prepared statement finds the fields as they are now. */
static void
test_prepared_before(void **state)
{
    Fixture *fixture = *state;
    run_sql(fixture->first,
            "CREATE COLLECTION c (id INT64 PRIMARY KEY, x INT64);"
            "INSERT INTO c VALUES (1, 10)");
    mql_stmt *stmt;
    assert_int_equal(
        mql_prepare(fixture->second, "SELECT * FROM c", -1, &stmt, NULL),
        MQL_OK);
    run_sql(fixture->first, "ALTER COLLECTION c ADD FIELD d INT64 DEFAULT 5");
    assert_int_equal(mql_step(stmt), MQL_ROW);
    assert_int_equal(mql_column_count(stmt), 3);
    assert_int_equal(mql_column_int64(stmt, 2), 5);
    assert_int_equal(mql_step(stmt), MQL_DONE);
    mql_finalize(stmt);
}

/*
 * Random changes against a model: what each row must read in field f. Each
 * time f is dropped and added again, rows that are there read its default.
 */
#define ROWS_MOST 300

typedef struct Model {
    int64_t values[ROWS_MOST];
    int count;
    int64_t usual;
} Model;

static void
add_row(Model *model, int64_t value)
{
    model->values[model->count++] = value;
}

/* What happens to f itself. */
static void
change_field(Fixture *fixture, Model *model, int value, bool is_new)
{
    char sql[200];
    model->usual = value;
    if (!is_new) {
        snprintf(sql, sizeof sql,
                 "ALTER COLLECTION c ALTER FIELD f SET DEFAULT %d", value);
        run_sql(fixture->first, sql);
        return;
    }
    snprintf(sql, sizeof sql,
             "ALTER COLLECTION c DROP FIELD f;"
             "ALTER COLLECTION c ADD FIELD f INT64 DEFAULT %d",
             value);
    for (int i = 0; i < model->count; i++)
        model->values[i] = value;
    run_sql(fixture->first, sql);
}

/* Rows before, between and after changes of one transaction. */
static void
change_in_transaction(Fixture *fixture, Model *model, int value, bool is_added)
{
    char sql[400];
    if (is_added)
        snprintf(sql, sizeof sql,
                 "BEGIN; INSERT INTO c (id, f) VALUES (%d, %d);"
                 "ALTER COLLECTION c ADD FIELD h INT64 DEFAULT 1;"
                 "INSERT INTO c (id, f, h) VALUES (%d, %d, 2);"
                 "ALTER COLLECTION c DROP FIELD h; COMMIT",
                 model->count, value, model->count + 1, value + 1);
    else
        snprintf(sql, sizeof sql,
                 "BEGIN; ALTER COLLECTION c RENAME FIELD f TO g;"
                 "INSERT INTO c (id, g) VALUES (%d, %d), (%d, %d);"
                 "ALTER COLLECTION c RENAME FIELD g TO f; COMMIT",
                 model->count, value, model->count + 1, value + 1);
    add_row(model, value);
    add_row(model, value + 1);
    run_sql(fixture->first, sql);
}

static void
change_rows(Fixture *fixture, Model *model, int value, bool is_update)
{
    char sql[200];
    if (is_update && model->count > 0) {
        model->values[value % model->count] = value;
        snprintf(sql, sizeof sql, "UPDATE c SET f = %d WHERE id = %d", value,
                 value % model->count);
    } else {
        snprintf(sql, sizeof sql, "INSERT INTO c (id) VALUES (%d)",
                 model->count);
        add_row(model, model->usual);
    }
    run_sql(fixture->first, sql);
}

static void
change(Fixture *fixture, Model *model, uint64_t *random)
{
    int value = (int)(next_random(random) % 1000);
    uint64_t what = next_random(random) % 10;
    if (what < 2) {
        change_field(fixture, model, value, what == 0);
    } else if (what == 2) {
        run_sql(fixture->first, "FLUSH");
    } else if (what == 3) {
        close_all(fixture);
        open_all(fixture);
    } else if (what < 6) {
        change_in_transaction(fixture, model, value, what == 4);
    } else {
        change_rows(fixture, model, value, what == 6);
    }
}

static void
check_model(const Fixture *fixture, const Model *model)
{
    mql_stmt *stmt;
    assert_int_equal(mql_prepare(fixture->second,
                                 "SELECT id, f FROM c ORDER BY id", -1, &stmt,
                                 NULL),
                     MQL_OK);
    for (int i = 0; i < model->count; i++) {
        assert_int_equal(mql_step(stmt), MQL_ROW);
        assert_int_equal(mql_column_int64(stmt, 0), i);
        assert_int_equal(mql_column_int64(stmt, 1), model->values[i]);
    }
    assert_int_equal(mql_step(stmt), MQL_DONE);
    mql_finalize(stmt);
}

static void
test_model(void **state)
{
    Fixture *fixture = *state;
    Model model = {.usual = 3};
    uint64_t random = 20261121;
    run_sql(fixture->first, "CREATE COLLECTION c (id INT64 PRIMARY KEY, "
                            "f INT64 DEFAULT 3)");
    for (int i = 0; i < 200 && model.count < ROWS_MOST - 2; i++) {
        change(fixture, &model, &random);
        check_model(fixture, &model);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_global_settings, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_altered_collection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_prepared_before, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_model, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
