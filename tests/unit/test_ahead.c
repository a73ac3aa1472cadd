/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ahead.c - transactions whose rows go to their file while they come: what
 * becomes of the file when rows go again, and of the rows when it is cut short.
 */
#include "files.h"
#include "mql.h"

#define DIMENSION 4096u /* a row is 16 KiB: 1,024 rows are 16 MiB */
#define ROWS 1500

typedef struct Fixture {
    char *directory;
    char *path;
    mql_db *db;
    mql_conn *conn;
    mql_stmt *upsert;
    float vector[DIMENSION];
} Fixture;

static void
execute(Fixture *f, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    mql_status status = mql_exec(f->conn, sql);
    mql_error_get(f->conn, &error);
    if (status != MQL_OK)
        fail_msg("%s: %s", sql, error.message);
}

static void
open_database(Fixture *f)
{
    mql_error error = MQL_ERROR_INIT;
    assert_int_equal(mql_open(f->path, NULL, &f->db, &error), MQL_OK);
    assert_int_equal(mql_connect(f->db, &f->conn, &error), MQL_OK);
}

static void
close_database(Fixture *f)
{
    mql_finalize(f->upsert);
    f->upsert = NULL;
    assert_int_equal(mql_disconnect(f->conn), MQL_OK);
    assert_int_equal(mql_close(f->db), MQL_OK);
}

static int
set_up(void **state)
{
    static Fixture fixture;
    fixture = (Fixture){.directory = temporary_directory()};
    fixture.path = path_in(fixture.directory, "db");
    open_database(&fixture);
    execute(&fixture, "CREATE COLLECTION t (id INT64 PRIMARY KEY, n INT64, "
                      "v FLOAT_VECTOR(4096))");
    *state = &fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *f = *state;
    close_database(f);
    free(f->path);
    remove_tree(f->directory);
    free(f->directory);
    return 0;
}

/* All of a row follows from its id and a number. */
static float
element(int64_t id, int64_t number, uint32_t i)
{
    return (float)((id * 7 + number * 1000 + (int64_t)i * 13) % 100000);
}

static void
put(Fixture *f, int64_t first, int64_t count, int64_t number)
{
    if (f->upsert == NULL)
        assert_int_equal(mql_prepare(f->conn, "UPSERT INTO t VALUES ($1,$2,$3)",
                                     -1, &f->upsert, NULL),
                         MQL_OK);
    for (int64_t id = first; id < first + count; id++) {
        for (uint32_t i = 0; i < DIMENSION; i++)
            f->vector[i] = element(id, number, i);
        mql_bind_int64(f->upsert, 1, id);
        mql_bind_int64(f->upsert, 2, number);
        mql_bind_vector_f32(f->upsert, 3, f->vector, DIMENSION, MQL_STATIC);
        assert_int_equal(mql_step(f->upsert), MQL_DONE);
        mql_reset(f->upsert);
    }
}

/* Every row has the vector it was given, and there are so many. */
static void
check_rows(Fixture *f, int64_t count)
{
    mql_stmt *stmt;
    int64_t seen = 0;
    assert_int_equal(
        mql_prepare(f->conn, "SELECT id, n, v FROM t", -1, &stmt, NULL),
        MQL_OK);
    for (; mql_step(stmt) == MQL_ROW; seen++) {
        uint32_t size;
        const float *vector = mql_column_vector_f32(stmt, 2, &size);
        assert_int_equal(size, DIMENSION);
        for (uint32_t i = 0; i < size; i += 511)
            if (vector[i] != element(mql_column_int64(stmt, 0),
                                     mql_column_int64(stmt, 1), i))
                fail_msg("row %lld", (long long)mql_column_int64(stmt, 0));
    }
    mql_finalize(stmt);
    assert_int_equal(seen, count);
}

/* Files in tmp/. */
static int
temporary_files(const Fixture *f)
{
    char *path = path_in(f->path, "tmp");
    DIR *directory = opendir(path);
    int count = 0;
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    free(path);
    return count;
}

/* As it is, and as a reopening finds it. */
static void
check_all(Fixture *f, int64_t count)
{
    assert_int_equal(temporary_files(f), 0);
    check_rows(f, count);
    close_database(f);
    open_database(f);
    check_rows(f, count);
    execute(f, "CHECK DATABASE");
}

static void
rows_come_and_stay(void **state)
{
    Fixture *f = *state;
    execute(f, "BEGIN");
    put(f, 0, ROWS, 1);
    assert_int_equal(temporary_files(f), 1);
    check_rows(f, ROWS);
    execute(f, "COMMIT");
    check_all(f, ROWS);
}

static void
rows_are_replaced(void **state)
{
    Fixture *f = *state;
    execute(f, "BEGIN");
    put(f, 0, ROWS, 1);
    put(f, 10, 3, 2);
    assert_int_equal(temporary_files(f), 0);
    put(f, ROWS, 300, 3);
    execute(f, "COMMIT");
    check_all(f, ROWS + 300);
}

static void
rows_are_deleted(void **state)
{
    Fixture *f = *state;
    execute(f, "BEGIN");
    put(f, 0, ROWS, 1);
    execute(f, "DELETE FROM t WHERE id = 0");
    execute(f, "COMMIT");
    check_all(f, ROWS - 1);
}

static void
savepoint_is_gone_back_to(void **state)
{
    Fixture *f = *state;
    execute(f, "BEGIN");
    put(f, 0, ROWS, 1);
    execute(f, "SAVEPOINT s");
    put(f, ROWS, 200, 2);
    execute(f, "ROLLBACK TO s");
    put(f, ROWS, 300, 3);
    execute(f, "COMMIT");
    check_all(f, ROWS + 300);
}

static void
all_is_rolled_back(void **state)
{
    Fixture *f = *state;
    put(f, 0, 5, 1);
    execute(f, "BEGIN");
    put(f, 5, ROWS, 2);
    assert_int_equal(temporary_files(f), 1);
    execute(f, "ROLLBACK");
    check_all(f, 5);
}

/* Rows that are there already lack a field, and so go to the new file too,
 * before those that were staged. */
static void
sealed_with_older_rows(void **state)
{
    Fixture *f = *state;
    put(f, 0, 5, 1);
    execute(f, "BEGIN");
    execute(f, "ALTER COLLECTION t ADD FIELD w FLOAT_VECTOR(2) NULL");
    put(f, 5, ROWS, 2);
    assert_int_equal(temporary_files(f), 1);
    execute(f, "COMMIT");
    check_all(f, ROWS + 5);
}

/* Staged rows lack a field when they are written. */
static void
definition_changes(void **state)
{
    Fixture *f = *state;
    execute(f, "BEGIN");
    put(f, 0, ROWS, 1);
    execute(f, "ALTER COLLECTION t ADD FIELD w FLOAT_VECTOR(2) NULL");
    execute(f, "COMMIT");
    check_all(f, ROWS);
}

int
main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(rows_come_and_stay), EACH(rows_are_replaced),
        EACH(rows_are_deleted),   EACH(savepoint_is_gone_back_to),
        EACH(all_is_rolled_back), EACH(sealed_with_older_rows),
        EACH(definition_changes),
    };
#undef EACH
    return cmocka_run_group_tests(tests, NULL, NULL);
}
