/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_timeout.c - statement_timeout ends every kind of statement, also while
 * it waits for another session's, and nothing of it stays.
 */
#include "run_sql.h"

#include "base/alarm.h"
#include "base/buffer.h"

/* So many that each statement below takes several times the millisecond that
 * it is given, also where a processor is fast and the alarm late. */
#define ROWS 40000
#define DIMENSIONS 32

typedef struct Place {
    char *root;
    char *path;
    mql_db *db;
    mql_conn *conn;
} Place;

static void
fill(mql_conn *conn)
{
    Buffer text = BUFFER_INIT;
    buffer_append_text(&text, "INSERT INTO c VALUES ");
    for (int i = 0; i < ROWS; i++) {
        buffer_printf(&text, "%s(%d, 'name %d', [", i > 0 ? "," : "", i, i * 7);
        for (int d = 0; d < DIMENSIONS; d++)
            buffer_printf(&text, "%s%d", d > 0 ? "," : "",
                          (i * 31 + d * d * 17 + i % 11 * d) % 97);
        buffer_append_text(&text, "])");
    }
    run_sql(conn, buffer_text(&text));
    buffer_free(&text);
}

static int
set_up(void **state)
{
    static Place place;
    mql_error error = MQL_ERROR_INIT;
    *state = &place;
    place.root = temporary_directory();
    place.path = path_in(place.root, "db");
    assert_int_equal(mql_open(place.path, NULL, &place.db, &error), MQL_OK);
    assert_int_equal(mql_connect(place.db, &place.conn, &error), MQL_OK);
    run_sql(place.conn,
            "CREATE DATABASE shop; USE shop;"
            "CREATE COLLECTION c (id INT64 PRIMARY KEY, s VARCHAR(40),"
            " v FLOAT_VECTOR(32))");
    fill(place.conn);
    return 0;
}

static int
tear_down(void **state)
{
    Place *place = *state;
    assert_int_equal(mql_disconnect(place->conn), MQL_OK);
    assert_int_equal(mql_close(place->db), MQL_OK);
    free(place->path);
    remove_tree(place->root);
    free(place->root);
    return 0;
}

static void
times_out(mql_conn *conn, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    run_sql(conn, "SET statement_timeout = 1");
    mql_status status = mql_exec(conn, sql);
    mql_error_get(conn, &error);
    if (status != MQL_INTERRUPTED)
        fail_msg("%.60s: %d %s", sql, status, error.message);
    assert_string_equal(error.sqlstate, "57014");
    assert_string_equal(error.message,
                        "canceling statement due to statement timeout");
    run_sql(conn, "RESET statement_timeout");
}

/* A sum of thirty distances: 60 ms and more. */
#define DISTANCE "l2_distance(v, v) + "
#define FIVE DISTANCE DISTANCE DISTANCE DISTANCE DISTANCE
#define LONG_CONDITION FIVE FIVE FIVE FIVE FIVE FIVE "0 >= 0"

/* Lets the alarm's thread have the processor: on a loaded machine it came later
 * than the 4 ms that VERIFY BACKUP takes. */
static int
linger(void *context, const char *phase, uint64_t done, uint64_t total)
{
    (void)context;
    (void)phase;
    (void)done;
    (void)total;
    usleep(5000);
    return 0;
}

static void
test_long_statements(void **state)
{
    Place *place = *state;
    char text[512];
    snprintf(text, sizeof text, "FLUSH c; BACKUP DATABASE TO '%s/backup'",
             place->root);
    run_sql(place->conn, text);
    mql_on_progress(place->conn, linger, NULL);
    static const char *const statements[] = {
        "CREATE INDEX h ON c (v) USING HNSW",
        "CREATE INDEX i ON c (s) USING INVERTED",
        "INSERT INTO c SELECT id + 1000000, s, v FROM c",
        "UPDATE c SET s = 'y'",
        "DELETE FROM c WHERE " LONG_CONDITION,
        "SELECT id FROM c ORDER BY s, id LIMIT 1000",
        "CHECK DATABASE",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        times_out(place->conn, statements[i]);
    run_sql(place->conn, "DELETE FROM c WHERE id > 15000");
    times_out(place->conn, "VACUUM FULL c");
    snprintf(text, sizeof text, "BACKUP DATABASE TO '%s/other'", place->root);
    times_out(place->conn, text);
    snprintf(text, sizeof text, "VERIFY BACKUP '%s/backup'", place->root);
    times_out(place->conn, text);
    run_sql(place->conn, "CHECK DATABASE; UPDATE c SET s = 'x' WHERE id = 1");

    run_sql(place->conn, "USE \"default\"; DROP DATABASE shop CASCADE");
    snprintf(text, sizeof text, "RESTORE DATABASE FROM '%s/backup'",
             place->root);
    times_out(place->conn, text);
    mql_on_progress(place->conn, NULL, NULL);
    run_sql(place->conn, "CREATE DATABASE shop");
}

/* ---- waiting for another session ---- */

/* Statements that wait for the one whose progress is told. */
typedef struct Waiting {
    mql_conn *conn;
    const char *const *statements;
    const char *before; /* each of them; NULL: nothing */
    int count;          /* that have timed out */
} Waiting;

static int
wait_in_progress(void *context, const char *phase, uint64_t done,
                 uint64_t total)
{
    Waiting *waiting = context;
    (void)phase;
    (void)done;
    (void)total;
    for (; waiting->count >= 0 && waiting->statements[waiting->count] != NULL;
         waiting->count++) {
        if (waiting->before != NULL)
            run_sql(waiting->conn, waiting->before);
        times_out(waiting->conn, waiting->statements[waiting->count]);
    }
    return 0;
}

static void
check_waiting(Place *place, const char *sql, Waiting waiting)
{
    mql_error error = MQL_ERROR_INIT;
    assert_int_equal(mql_connect(place->db, &waiting.conn, &error), MQL_OK);
    run_sql(waiting.conn, "USE shop");
    mql_on_progress(place->conn, wait_in_progress, &waiting);
    run_sql(place->conn, sql);
    mql_on_progress(place->conn, NULL, NULL);
    assert_true(waiting.count > 0);
    assert_int_equal(mql_disconnect(waiting.conn), MQL_OK);
}

static void
test_waiting(void **state)
{
    static const char *const statements[] = {
        "INSERT INTO c SELECT 77777777, s, v FROM c LIMIT 1", "CHECK DATABASE",
        NULL};
    check_waiting(*state, "CREATE INDEX h ON c (v) USING HNSW",
                  (Waiting){.statements = statements});
}

static int64_t
count_of(mql_conn *conn, const char *sql)
{
    mql_stmt *stmt;
    assert_int_equal(mql_prepare(conn, sql, -1, &stmt, NULL), MQL_OK);
    assert_int_equal(mql_step(stmt), MQL_ROW);
    int64_t count = mql_column_int64(stmt, 0);
    mql_finalize(stmt);
    return count;
}

/* It is rolled back then, as one that failed otherwise. */
static void
test_commit_waits(void **state)
{
    Place *place = *state;
    static const char *const statements[] = {"COMMIT", "COMMIT", NULL};
    check_waiting(place, "CREATE INDEX h ON c (v) USING HNSW",
                  (Waiting){.statements = statements,
                            .before = "BEGIN; DELETE FROM c WHERE id < 100; "
                                      "INSERT INTO c SELECT 77777777, s, v "
                                      "FROM c LIMIT 1"});
    assert_int_equal(count_of(place->conn, "SELECT count(*) FROM c"), ROWS);
    run_sql(place->conn, "BEGIN; DELETE FROM c WHERE id = 5; COMMIT");
    assert_int_equal(count_of(place->conn, "SELECT count(*) FROM c"), ROWS - 1);
}

/* One rewrite at a time; the writer's place is not needed for that. */
static void
test_rewrite_waits(void **state)
{
    Place *place = *state;
    static const char *const statements[] = {
        "COMPACT c", "VACUUM FULL c", "REINDEX COLLECTION c", "COMPACT", NULL};
    run_sql(place->conn,
            "DELETE FROM c WHERE id >= 5000; CREATE INDEX h ON c (v) USING "
            "HNSW; INSERT INTO c SELECT id + 1000000, s, v FROM c");
    check_waiting(place, "COMPACT c", (Waiting){.statements = statements});
    check_waiting(place, "REINDEX COLLECTION c",
                  (Waiting){.statements = statements});
    run_sql(place->conn, "COMPACT c; REINDEX COLLECTION c; CHECK DATABASE");
    assert_int_equal(count_of(place->conn, "SELECT count(*) FROM c"), 10000);
}

/* A statement whose rows are taken slowly does not end those beside it. */
static void
test_beside(void **state)
{
    Place *place = *state;
    mql_stmt *slow;
    run_sql(place->conn, "SET statement_timeout = 1000");
    assert_int_equal(
        mql_prepare(place->conn, "SELECT id FROM c", -1, &slow, NULL), MQL_OK);
    assert_int_equal(mql_step(slow), MQL_ROW);
    usleep(1050000);
    run_sql(place->conn, "SELECT count(*) FROM c WHERE s LIKE '%7%'");
    mql_status status = MQL_ROW;
    while (status == MQL_ROW)
        status = mql_step(slow);
    assert_int_equal(status, MQL_INTERRUPTED);
    mql_finalize(slow);
    run_sql(place->conn, "SELECT count(*) FROM c WHERE s LIKE '%7%'");
}

/* ---- alarms ---- */

static void
test_alarms(void **state)
{
    (void)state;
    Error err = ERROR_INIT;
    Alarms *alarms;
    Alarm first, second, third;
    atomic_bool flags[3];
    for (int i = 0; i < 3; i++)
        atomic_init(&flags[i], false);
    assert_int_equal(alarms_create(&alarms, &err), MQL_OK);
    assert_int_equal(
        alarm_set(alarms, &first, &flags[0], INT64_C(3600000000), &err),
        MQL_OK);
    assert_int_equal(alarm_set(alarms, &second, &flags[1], 1000, &err), MQL_OK);
    assert_int_equal(alarm_set(alarms, &third, &flags[2], -5, &err), MQL_OK);
    while (!atomic_load(&flags[1]) || !atomic_load(&flags[2]))
        usleep(100);
    assert_true(alarm_clear(alarms, &second));
    assert_true(alarm_clear(alarms, &third));
    assert_false(alarm_clear(alarms, &first));
    assert_false(atomic_load(&flags[0]));
    alarms_destroy(alarms);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_long_statements, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commit_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rewrite_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_beside, set_up, tear_down),
        cmocka_unit_test(test_alarms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
