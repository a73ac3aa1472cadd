/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_time.c - what depends on the clock, with a clock of its own: AS OF a
 * time, the retention, time to live; growing and sealed, and after reopening.
 */
#include "engine/api/database_open.h"
#include "files.h"
#include "mql.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define START (INT64_C(1790000000) * SECOND) /* 2026-09-21 14:13:20 */

typedef struct World {
    Vfs vfs;
    int64_t now;
    char *root;
    char *path;
    mql_db *db;
    mql_conn *conn;
} World;

static int64_t
world_now(void *context)
{
    return ((World *)context)->now;
}

static void
open_database(World *world)
{
    Error failure = ERROR_INIT;
    mql_error error = MQL_ERROR_INIT;
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    if (database_open(world->path, &world->vfs, &options, &world->db,
                      &failure) != MQL_OK)
        fail_msg("%s %s", failure.text, failure.detail);
    assert_int_equal(mql_connect(world->db, &world->conn, &error), MQL_OK);
}

static void
close_database(World *world)
{
    assert_int_equal(mql_disconnect(world->conn), MQL_OK);
    assert_int_equal(mql_close(world->db), MQL_OK);
}

static void
reopen(World *world)
{
    close_database(world);
    open_database(world);
}

static int
set_up(void **state)
{
    World *world = calloc(1, sizeof *world);
    world->vfs = posix_vfs;
    world->vfs.context = world;
    world->vfs.now = world_now;
    world->now = START;
    world->root = temporary_directory();
    world->path = path_join(world->root, "db");
    open_database(world);
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    World *world = *state;
    close_database(world);
    remove_tree(world->root);
    free(world->path);
    free(world->root);
    free(world);
    return 0;
}

static void
execute(World *world, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    mql_status status = mql_exec(world->conn, sql);
    mql_error_get(world->conn, &error);
    if (status != MQL_OK)
        fail_msg("%s: %s %s", sql, error.message, error.detail);
}

static void
assert_fails(World *world, const char *sql, const char *sqlstate)
{
    mql_error error = MQL_ERROR_INIT;
    if (mql_exec(world->conn, sql) == MQL_OK)
        fail_msg("%s: no error", sql);
    mql_error_get(world->conn, &error);
    assert_string_equal(error.sqlstate, sqlstate);
}

/* The first column of the rows, in order, as "1 2 3". */
static void
assert_rows(World *world, const char *sql, const char *wanted)
{
    mql_error error = MQL_ERROR_INIT;
    mql_stmt *stmt = NULL;
    char found[1000] = "";
    mql_status status = mql_prepare(world->conn, sql, -1, &stmt, NULL);
    while (status == MQL_OK || status == MQL_ROW) {
        status = mql_step(stmt);
        if (status != MQL_ROW)
            break;
        size_t size = strlen(found);
        snprintf(found + size, sizeof found - size, "%s%s", size > 0 ? " " : "",
                 mql_column_text(stmt, 0, NULL));
    }
    mql_error_get(world->conn, &error);
    if (status != MQL_DONE)
        fail_msg("%s: %s", sql, error.message);
    mql_finalize(stmt);
    if (strcmp(found, wanted) != 0)
        fail_msg("%s: found \"%s\", not \"%s\"", sql, found, wanted);
}

/* ---- AS OF ---- */

static void
check_past(World *world)
{
    assert_rows(world, "SELECT n FROM c AS OF '2026-09-21 14:13:21+00'", "1");
    assert_rows(world, "SELECT n FROM c AS OF '2026-09-21 14:13:29.999999+00'",
                "1");
    assert_rows(world, "SELECT n FROM c AS OF '2026-09-21 14:13:30+00'", "2");
    assert_rows(world, "SELECT n FROM c AS OF 1790000010000", "2");
    assert_rows(world, "SELECT n FROM c AS OF 1790000019999", "2");
    assert_rows(world, "SELECT n FROM c AS OF 1790000020000", "");
    /* Milvus' hybrid timestamp */
    assert_rows(world, "SELECT n FROM c AS OF 469237762621440001", "2");
    assert_rows(world,
                "SEARCH c FOR [1, 0] WITH (travel_timestamp = 1790000010000) "
                "RETURNING n",
                "7");
    assert_fails(world, "SELECT n FROM c AS OF '2026-09-21 14:13:20+00'",
                 "42P01");
    assert_fails(world, "SELECT n FROM c AS OF '2026-09-21 14:13:19.9+00'",
                 "72000");
    assert_fails(world, "SELECT n FROM c AS OF '2026-09-21 23:13:19.9+00'",
                 "22023");
}

static void
test_as_of(void **state)
{
    World *world = *state;
    world->now += SECOND / 2;
    execute(world, "CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT64, v "
                   "FLOAT_VECTOR(2)); INSERT INTO c VALUES (7, 1, [1, 0])");
    world->now = START + 10 * SECOND;
    execute(world, "UPSERT INTO c VALUES (7, 2, [1, 0])");
    world->now = START + 20 * SECOND;
    execute(world, "DELETE FROM c WHERE id = 7");
    check_past(world);
    reopen(world);
    check_past(world);
    world->now += HOUR;
    execute(world, "FLUSH");
    check_past(world);
    reopen(world);
    check_past(world);
    /* the clock goes back */
    world->now = START - HOUR;
    execute(world, "INSERT INTO c VALUES (8, 3, [0, 1])");
    check_past(world);
    assert_rows(world, "SELECT n FROM c WHERE id = 8", "3");
    world->now = START + 2 * HOUR;
    assert_rows(world, "SELECT n FROM c AS OF now()", "3");
}

static void
test_retention(void **state)
{
    World *world = *state;
    execute(world, "SET GLOBAL retention = '1h'");
    assert_fails(world, "SET retention = '1h'", "55P02");
    execute(world, "CREATE COLLECTION c (id INT64 PRIMARY KEY);"
                   "INSERT INTO c VALUES (1), (2), (3)");
    assert_rows(world, "SELECT current_sequence()", "4");
    world->now += HOUR / 2;
    execute(world, "DELETE FROM c WHERE id = 1");
    world->now += HOUR / 2;
    execute(world, "DELETE FROM c WHERE id = 2");
    assert_rows(world, "SELECT id FROM c AS OF SEQUENCE 4 ORDER BY id",
                "1 2 3");
    world->now += HOUR / 2 + SECOND;
    execute(world, "FLUSH c"); /* row 1 was deleted an hour ago */
    assert_fails(world, "SELECT id FROM c AS OF SEQUENCE 4", "72000");
    assert_rows(world, "SELECT id FROM c AS OF SEQUENCE 5 ORDER BY id", "2 3");
    reopen(world);
    assert_rows(world, "SHOW retention", "1h");
    assert_fails(world, "SELECT id FROM c AS OF SEQUENCE 4", "72000");
    assert_rows(world, "SELECT id FROM c AS OF SEQUENCE 5 ORDER BY id", "2 3");
    execute(world, "SET GLOBAL retention = 0; INSERT INTO c VALUES (4);"
                   "DELETE FROM c WHERE id = 4; FLUSH c");
    assert_fails(world, "SELECT id FROM c AS OF SEQUENCE 5", "72000");
    assert_rows(world, "SELECT id FROM c ORDER BY id", "3");
}

/* ---- time to live ---- */

static void
check_expired(World *world)
{
    assert_rows(world, "SELECT id FROM c ORDER BY id", "2");
    assert_rows(world, "SELECT count(*) FROM c", "1");
    assert_rows(world, "SELECT id FROM c WHERE id = 1", "");
    assert_rows(world, "SELECT id FROM c WHERE id IN [1, 2]", "2");
    assert_rows(world, "SELECT id FROM c WHERE n = 10", "");
    assert_rows(world, "SEARCH c FOR [1, 0]", "2");
    assert_fails(world, "SEARCH c FOR KEY 1", "42704");
    /* also in pictures of the past */
    assert_rows(world, "SELECT id FROM c AS OF SEQUENCE 3", "");
    assert_rows(world, "UPDATE c SET n = 1 WHERE id = 1 RETURNING id", "");
    assert_rows(world, "DELETE FROM c WHERE id = 1 RETURNING id", "");
}

static void
test_time_to_live(void **state)
{
    World *world = *state;
    execute(world, "CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT64, v "
                   "FLOAT_VECTOR(2)) WITH (collection.ttl.seconds = 60);"
                   "INSERT INTO c VALUES (1, 10, [1, 0])");
    world->now += 30 * SECOND;
    execute(world, "INSERT INTO c VALUES (2, 20, [2, 0])");
    world->now += 29 * SECOND;
    assert_rows(world, "SELECT id FROM c ORDER BY id", "1 2");
    assert_fails(world, "INSERT INTO c VALUES (1, 11, [1, 0])", "23505");
    world->now += SECOND;
    check_expired(world);
    execute(world, "CREATE INDEX ON c (n) USING INVERTED;"
                   "CREATE INDEX ON c (v) USING HNSW");
    check_expired(world);
    reopen(world);
    check_expired(world);
    /* an expired key is free, and the row lives anew */
    execute(world, "INSERT INTO c VALUES (1, 11, [1, 0])");
    assert_rows(world, "SELECT n FROM c ORDER BY id", "11 20");
    reopen(world);
    assert_rows(world, "SELECT n FROM c ORDER BY id", "11 20");
    world->now += 30 * SECOND;
    assert_rows(world, "SELECT n FROM c ORDER BY id", "11");
    execute(world, "INSERT INTO c VALUES (2, 21, [2, 0]) ON CONFLICT DO "
                   "UPDATE SET n = 99");
    assert_rows(world, "SELECT n FROM c ORDER BY id", "11 21");
    world->now += 59 * SECOND;
    execute(world, "UPSERT INTO c (id, n) VALUES (2, 22)");
    world->now += 2 * SECOND;
    assert_rows(world, "SELECT n FROM c ORDER BY id", "22");
    world->now += HOUR;
    assert_rows(world, "SELECT count(*) FROM c", "0");
    /* whole again it would need a vector: there is none left to keep */
    assert_fails(world, "UPSERT INTO c (id, n) VALUES (2, 23)", "23502");
}

/* Compaction leaves expired rows out; the others stay, with their numbers. */
static void
test_time_to_live_is_compacted(void **state)
{
    World *world = *state;
    execute(world, "CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT64) WITH "
                   "(collection.ttl.seconds = 60);"
                   "INSERT INTO c VALUES (1, 10), (2, 20)");
    world->now += 30 * SECOND;
    execute(world, "INSERT INTO c VALUES (3, 30); FLUSH c");
    world->now += 31 * SECOND;
    assert_rows(world, "SELECT id FROM c", "3");
    execute(world, "COMPACT c");
    assert_rows(world, "SELECT id FROM c", "3");
    assert_rows(world, "SELECT id FROM c AS OF SEQUENCE 4", "3");
    assert_rows(world, "SELECT id FROM c AS OF SEQUENCE 3", "");
    world->now += 30 * SECOND;
    assert_rows(world, "SELECT id FROM c", "");
    execute(world, "COMPACT c; CHECK COLLECTION c");
    assert_rows(world, "SHOW SEGMENTS FROM c", "");
    reopen(world);
    assert_rows(world, "SHOW SEGMENTS FROM c", "");
    execute(world, "INSERT INTO c VALUES (1, 11)");
    assert_rows(world, "SELECT n FROM c", "11");
}

static void
test_time_to_live_in_transaction(void **state)
{
    World *world = *state;
    execute(world, "CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT64) WITH "
                   "(collection.ttl.seconds = 60);"
                   "INSERT INTO c VALUES (1, 10)");
    world->now += 61 * SECOND;
    execute(world, "BEGIN; INSERT INTO c VALUES (1, 11)");
    assert_rows(world, "SELECT n FROM c", "11");
    world->now += HOUR;
    assert_rows(world, "SELECT n FROM c", "11");
    assert_fails(world, "INSERT INTO c VALUES (1, 12)", "23505");
    execute(world, "ROLLBACK");
    assert_rows(world, "SELECT n FROM c", "");
    execute(world, "BEGIN; INSERT INTO c VALUES (1, 11); COMMIT");
    assert_rows(world, "SELECT n FROM c", "11");
    assert_fails(world,
                 "CREATE COLLECTION d (id INT64 PRIMARY KEY) WITH "
                 "(collection.ttl.seconds = 'soon')",
                 "22023");
    assert_fails(world,
                 "CREATE COLLECTION d (id INT64 PRIMARY KEY) WITH "
                 "(collection.ttl.seconds = -2)",
                 "22023");
}

/* The moment of a transaction is that of its BEGIN. */
static void
test_time_stands_still_in_transaction(void **state)
{
    World *world = *state;
    execute(world, "CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT64) WITH "
                   "(collection.ttl.seconds = 60);"
                   "INSERT INTO c VALUES (1, 10), (2, 20)");
    execute(world, "CREATE COLLECTION d (id INT64 PRIMARY KEY, t TIMESTAMPTZ);"
                   "BEGIN; INSERT INTO d VALUES (1, now())");
    world->now += HOUR;
    assert_rows(world, "SELECT n FROM c ORDER BY id", "10 20");
    assert_rows(world, "SELECT n FROM c WHERE id = 1", "10");
    assert_fails(world, "INSERT INTO c VALUES (1, 11)", "23505");
    execute(world, "ROLLBACK");
    assert_rows(world, "SELECT count(*) FROM c", "0");
    execute(world, "BEGIN; INSERT INTO d VALUES (1, now())");
    world->now += HOUR;
    execute(world, "INSERT INTO d VALUES (2, now());"
                   "INSERT INTO d VALUES (3, current_timestamp)");
    assert_rows(world, "SELECT count(*) FROM d WHERE t = now()", "3");
    execute(world, "COMMIT");
    assert_rows(world, "SELECT count(*) FROM d WHERE t = now()", "0");
}

/* What has expired is gone, whether compaction came by or not. */
static void
test_expired_rows_stay_away(void **state)
{
    World *world = *state;
    static const char *const between[] = {"SELECT 1", "FLUSH c", "COMPACT c"};
    for (int i = 0; i < 3; i++) {
        execute(world, "CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT64) "
                       "WITH (collection.ttl.seconds = 60);"
                       "INSERT INTO c VALUES (1, 10), (2, 20)");
        world->now += 61 * SECOND;
        execute(world, "INSERT INTO c VALUES (3, 30)");
        assert_rows(world, "SELECT n FROM c ORDER BY id", "30");
        execute(world, between[i]);
        execute(world, i == 0 ? "ALTER COLLECTION c RESET "
                                "(collection.ttl.seconds)"
                              : "ALTER COLLECTION c SET "
                                "(collection.ttl.seconds = 0)");
        assert_rows(world, "SELECT n FROM c ORDER BY id", "30");
        execute(world, "INSERT INTO c VALUES (1, 11)");
        reopen(world);
        world->now += HOUR;
        assert_rows(world, "SELECT n FROM c ORDER BY id", "11 30");
        execute(world,
                "ALTER COLLECTION c SET (collection.ttl.seconds = 60);"
                "ALTER COLLECTION c SET (collection.ttl.seconds = 9000)");
        assert_rows(world, "SELECT count(*) FROM c", "0");
        execute(world, "DROP COLLECTION c");
    }
    /* in a transaction: those of its COMMIT */
    execute(world, "CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT64) "
                   "WITH (collection.ttl.seconds = 60);"
                   "INSERT INTO c VALUES (1, 10)");
    world->now += 30 * SECOND;
    execute(world, "BEGIN; ALTER COLLECTION c RESET (collection.ttl.seconds)");
    world->now += 31 * SECOND;
    assert_rows(world, "SELECT n FROM c", "10");
    execute(world, "COMMIT");
    assert_rows(world, "SELECT n FROM c", "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_as_of, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_retention, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time_to_live, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time_stands_still_in_transaction,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expired_rows_stay_away, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_time_to_live_is_compacted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_time_to_live_in_transaction,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
