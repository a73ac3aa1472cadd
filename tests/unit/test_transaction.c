/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_transaction.c - transactions of several connections: what each sees, who
 * is refused, and many threads that commit at once.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mql.h"
#include "run_sql.h"

typedef struct Fixture {
    mql_db *db;
    mql_conn *a;
    mql_conn *b;
} Fixture;

static void
refuse(mql_conn *conn, const char *sqlstate, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    assert_int_not_equal(mql_exec(conn, sql), MQL_OK);
    mql_error_get(conn, &error);
    assert_string_equal(error.sqlstate, sqlstate);
}

static int64_t
ask(mql_conn *conn, const char *sql)
{
    mql_stmt *stmt;
    assert_int_equal(mql_prepare(conn, sql, -1, &stmt, NULL), MQL_OK);
    assert_int_equal(mql_step(stmt), MQL_ROW);
    int64_t value = mql_column_int64(stmt, 0);
    mql_finalize(stmt);
    return value;
}

static int
set_up(void **state)
{
    static Fixture fixture;
    mql_error error = MQL_ERROR_INIT;
    *state = &fixture;
    assert_int_equal(mql_open(NULL, NULL, &fixture.db, &error), MQL_OK);
    assert_int_equal(mql_connect(fixture.db, &fixture.a, &error), MQL_OK);
    assert_int_equal(mql_connect(fixture.db, &fixture.b, &error), MQL_OK);
    run_sql(fixture.a,
            "CREATE COLLECTION t (id INT64 PRIMARY KEY, n INT64, v VECTOR(2));"
            "INSERT INTO t VALUES (1, 10, [1, 1]), (2, 20, [2, 2])");
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    assert_int_equal(mql_disconnect(fixture->a), MQL_OK);
    assert_int_equal(mql_disconnect(fixture->b), MQL_OK);
    assert_int_equal(mql_close(fixture->db), MQL_OK);
    return 0;
}

static void
snapshot_stays(void **state)
{
    Fixture *f = *state;
    run_sql(f->a, "BEGIN");
    assert_int_equal(ask(f->a, "SELECT count(*) FROM t"), 2);
    run_sql(f->b, "INSERT INTO t VALUES (3, 30, [3, 3]); FLUSH t;"
                  "DELETE FROM t WHERE id = 1");
    assert_int_equal(ask(f->a, "SELECT count(*) FROM t"), 2);
    assert_int_equal(ask(f->a, "SELECT n FROM t WHERE id = 1"), 10);
    run_sql(f->a, "COMMIT");
    assert_int_equal(ask(f->a, "SELECT count(*) FROM t WHERE id <> 1"), 2);
}

static void
own_changes_are_private(void **state)
{
    Fixture *f = *state;
    run_sql(f->a,
            "BEGIN; INSERT INTO t VALUES (3, 30, [3, 3]);"
            "DELETE FROM t WHERE id = 1; UPDATE t SET n = 21 WHERE id = 2;"
            "CREATE COLLECTION u (id INT64 PRIMARY KEY)");
    assert_int_equal(ask(f->a, "SELECT count(*) FROM t"), 2);
    assert_int_equal(ask(f->a, "SELECT n FROM t WHERE id = 2"), 21);
    assert_int_equal(
        ask(f->a, "SELECT id FROM t ORDER BY v <-> '[3, 3]' LIMIT 1"), 3);
    assert_int_equal(ask(f->b, "SELECT count(*) FROM t"), 2);
    assert_int_equal(ask(f->b, "SELECT n FROM t WHERE id = 2"), 20);
    refuse(f->b, "42P01", "SELECT * FROM u");
    run_sql(f->a, "COMMIT");
    assert_int_equal(ask(f->b, "SELECT n FROM t WHERE id = 2"), 21);
    assert_int_equal(ask(f->b, "SELECT count(*) FROM u"), 0);
}

/* What A does, what B commits meanwhile, and whether A may commit. */
typedef struct Pair {
    const char *a;
    const char *b;
    const char *sqlstate; /* NULL: both are fine */
} Pair;

static const Pair pairs[] = {
    {"UPDATE t SET n = 0 WHERE id = 1", "UPDATE t SET n = 1 WHERE id = 2",
     NULL},
    {"UPDATE t SET n = 0 WHERE id = 1", "UPDATE t SET n = 1 WHERE id = 1",
     "40001"},
    {"DELETE FROM t WHERE id = 1", "DELETE FROM t WHERE id = 1", "40001"},
    {"DELETE FROM t WHERE id = 1", "UPSERT INTO t VALUES (1, 9, [1, 1])",
     "40001"},
    {"INSERT INTO t VALUES (5, 0, [0, 1])",
     "INSERT INTO t VALUES (6, 0, [0, 1])", NULL},
    {"INSERT INTO t VALUES (5, 0, [0, 1])",
     "INSERT INTO t VALUES (5, 0, [0, 1])", "40001"},
    {"UPSERT INTO t VALUES (5, 0, [0, 1])",
     "INSERT INTO t VALUES (5, 0, [0, 1])", "40001"},
    /* the row has moved to a sealed segment */
    {"UPDATE t SET n = 0 WHERE id = 1", "FLUSH t", NULL},
    {"DELETE FROM t WHERE id = 1", "UPDATE t SET n = 1 WHERE id = 1; FLUSH t",
     "40001"},
    {"INSERT INTO t VALUES (5, 0, [0, 1])",
     "INSERT INTO t VALUES (5, 0, [0, 1]); FLUSH t", "40001"},
    {"INSERT INTO t VALUES (5, 0, [0, 1])", "TRUNCATE t", NULL},
    {"DELETE FROM t WHERE id = 1", "TRUNCATE t", "40001"},
    {"TRUNCATE t", "INSERT INTO t VALUES (5, 0, [0, 1])", "40001"},
    {"DROP COLLECTION t", "INSERT INTO t VALUES (5, 0, [0, 1])", "40001"},
    {"INSERT INTO t VALUES (5, 0, [0, 1])", "DROP COLLECTION t", "40001"},
    {"INSERT INTO t VALUES (5, 0, [0, 1])",
     "CREATE INDEX ON t (n) USING INVERTED", "40001"},
    {"INSERT INTO t VALUES (5, 0, [0, 1])",
     "CREATE COLLECTION x (id INT64 PRIMARY KEY)", NULL},
    {"CREATE COLLECTION x (id INT64 PRIMARY KEY)",
     "CREATE COLLECTION y (id INT64 PRIMARY KEY)", "40001"},
    {"CREATE INDEX ON t (n) USING INVERTED",
     "INSERT INTO t VALUES (5, 0, [0, 1])", "40001"},
};

static void
first_committer_wins(void **state)
{
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (i > 0)
            set_up(state);
        Fixture *f = *state;
        run_sql(f->a, "BEGIN");
        run_sql(f->a, pairs[i].a);
        run_sql(f->b, pairs[i].b);
        if (pairs[i].sqlstate == NULL)
            run_sql(f->a, "COMMIT");
        else
            refuse(f->a, pairs[i].sqlstate, "COMMIT");
        /* Nobody is left in a transaction, and the database goes on. */
        run_sql(f->a, "CREATE COLLECTION z (id INT64 PRIMARY KEY);"
                      "INSERT INTO z VALUES (1)");
        if (i + 1 < sizeof pairs / sizeof pairs[0])
            tear_down(state);
    }
}

static void
failure_waits_for_rollback(void **state)
{
    Fixture *f = *state;
    run_sql(f->a, "BEGIN; INSERT INTO t VALUES (3, 30, [3, 3]); SAVEPOINT s");
    refuse(f->a, "23505", "INSERT INTO t VALUES (3, 30, [3, 3])");
    refuse(f->a, "25P02", "SELECT 1");
    refuse(f->a, "25P02", "SAVEPOINT x");
    run_sql(f->a, "ROLLBACK TO s");
    run_sql(f->a, "INSERT INTO t VALUES (4, 40, [4, 4]); COMMIT");
    assert_int_equal(ask(f->b, "SELECT count(*) FROM t"), 4);
    run_sql(f->a, "BEGIN; DELETE FROM t");
    refuse(f->a, "3B001", "ROLLBACK TO s");
    run_sql(f->a, "COMMIT"); /* of a failed one: a rollback */
    assert_int_equal(ask(f->b, "SELECT count(*) FROM t"), 4);
}

/* Rows that a statement is giving stay what they were. */
static void
open_result_outlives_its_transaction(void **state)
{
    Fixture *f = *state;
    mql_stmt *stmt;
    run_sql(f->a, "BEGIN; INSERT INTO t VALUES (3, 30, [3, 3])");
    assert_int_equal(
        mql_prepare(f->a, "SELECT n FROM t ORDER BY n", -1, &stmt, NULL),
        MQL_OK);
    assert_int_equal(mql_step(stmt), MQL_ROW);
    run_sql(f->a, "DELETE FROM t; COMMIT");
    assert_int_equal(mql_step(stmt), MQL_ROW);
    assert_int_equal(mql_column_int64(stmt, 0), 20);
    assert_int_equal(mql_step(stmt), MQL_ROW);
    assert_int_equal(mql_column_int64(stmt, 0), 30);
    assert_int_equal(mql_step(stmt), MQL_DONE);
    mql_finalize(stmt);
    assert_int_equal(ask(f->b, "SELECT count(*) FROM t"), 0);
}

/* ---- many threads ---- */

#define THREADS 8
#define ROUNDS 60

typedef struct Worker {
    pthread_t thread;
    mql_db *db;
    int64_t number;
    uint32_t refused;
    uint32_t broken; /* sums that a reader saw wrong, failures of any kind */
} Worker;

static void
transfer(Worker *worker, mql_conn *conn, int round)
{
    char sql[256];
    int from = (int)((worker->number + round) % 4) + 1;
    snprintf(sql, sizeof sql,
             "BEGIN; UPDATE bank SET n = n - 1 WHERE id = %d;"
             "UPDATE bank SET n = n + 1 WHERE id = %d;"
             "INSERT INTO log VALUES (%lld)",
             from, from % 4 + 1, (long long)(worker->number * 1000000 + round));
    if (mql_exec(conn, sql) != MQL_OK)
        worker->broken++;
    if (mql_exec(conn, "COMMIT") != MQL_OK) {
        mql_error error = MQL_ERROR_INIT;
        mql_error_get(conn, &error);
        worker->broken += strcmp(error.sqlstate, "40001") != 0;
        worker->refused++;
    }
}

static int64_t
sum(mql_conn *conn)
{
    mql_stmt *stmt;
    int64_t total = 0;
    if (mql_prepare(conn, "SELECT n FROM bank", -1, &stmt, NULL) != MQL_OK)
        return -1;
    while (mql_step(stmt) == MQL_ROW)
        total += mql_column_int64(stmt, 0);
    mql_finalize(stmt);
    return total;
}

static void *
work(void *argument)
{
    Worker *worker = argument;
    mql_conn *conn;
    mql_error error = MQL_ERROR_INIT;
    if (mql_connect(worker->db, &conn, &error) != MQL_OK) {
        worker->broken++;
        return NULL;
    }
    for (int round = 0; round < ROUNDS; round++) {
        char sql[96];
        snprintf(sql, sizeof sql, "INSERT INTO single VALUES (%lld)",
                 (long long)(worker->number * 1000000 + round));
        worker->broken += mql_exec(conn, sql) != MQL_OK;
        transfer(worker, conn, round);
        worker->broken += sum(conn) != 400;
        if (round % 20 == worker->number)
            worker->broken += mql_exec(conn, "FLUSH") != MQL_OK;
    }
    worker->broken += mql_disconnect(conn) != MQL_OK;
    return NULL;
}

static void
threads_share_a_database(void **state)
{
    Fixture *f = *state;
    Worker workers[THREADS];
    run_sql(f->a,
            "CREATE COLLECTION bank (id INT64 PRIMARY KEY, n INT64);"
            "INSERT INTO bank VALUES (1, 100), (2, 100), (3, 100), (4, 100);"
            "CREATE COLLECTION log (id INT64 PRIMARY KEY);"
            "CREATE COLLECTION single (id INT64 PRIMARY KEY)");
    for (int64_t i = 0; i < THREADS; i++) {
        workers[i] = (Worker){.db = f->db, .number = i};
        assert_int_equal(
            pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    int64_t committed = (int64_t)THREADS * ROUNDS;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].broken, 0);
        committed -= workers[i].refused;
    }
    assert_int_equal(ask(f->a, "SELECT count(*) FROM single"),
                     THREADS * ROUNDS);
    assert_int_equal(ask(f->a, "SELECT count(*) FROM log"), committed);
    assert_int_equal(sum(f->a), 400);
}

/* The current database is known by its number: one of the same name is another.
 */
static void
dropped_database_is_not_current(void **state)
{
    Fixture *f = *state;
    run_sql(f->a, "CREATE DATABASE q; USE q;"
                  "CREATE COLLECTION k (id INT64 PRIMARY KEY)");
    mql_stmt *stmt;
    assert_int_equal(
        mql_prepare(f->a, "INSERT INTO k VALUES (1)", -1, &stmt, NULL), MQL_OK);
    run_sql(f->b, "DROP DATABASE q CASCADE");
    assert_int_equal(mql_step(stmt), MQL_NOT_FOUND);
    mql_finalize(stmt);
    static const char *const refused[] = {
        "CREATE COLLECTION z (id INT64 PRIMARY KEY)",
        "DROP COLLECTION IF EXISTS k",
        "SELECT * FROM k",
        "SEARCH k FOR [1] LIMIT 1",
        "SHOW COLLECTIONS",
        "SHOW INDEXES",
        "DESCRIBE k",
        "FLUSH",
        "COMPACT",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        refuse(f->a, "3D000", refused[i]);
    run_sql(f->b, "CREATE DATABASE q");
    refuse(f->a, "3D000", "CREATE COLLECTION z (id INT64 PRIMARY KEY)");
    run_sql(f->a, "SELECT 1; SHOW DATABASES; CHECK DATABASE; USE q;"
                  "CREATE COLLECTION z (id INT64 PRIMARY KEY)");
    run_sql(f->b, "USE q; INSERT INTO z VALUES (1)");
}

/* What is made in a database that somebody else drops meanwhile is not there.
 */
static void
database_dropped_under_transaction(void **state)
{
    Fixture *f = *state;
    run_sql(f->a, "CREATE DATABASE q; BEGIN; USE q;"
                  "CREATE COLLECTION z (id INT64 PRIMARY KEY)");
    run_sql(f->b, "DROP DATABASE q");
    refuse(f->a, "40001", "COMMIT");
    assert_string_equal(mql_current_database(f->a), "default");
    run_sql(f->b, "CREATE DATABASE q");
    run_sql(f->a, "USE q; CREATE COLLECTION r (id INT64 PRIMARY KEY);"
                  "BEGIN; INSERT INTO r VALUES (1)");
    run_sql(f->b, "DROP DATABASE q CASCADE");
    refuse(f->a, "40001", "COMMIT");
    refuse(f->a, "3D000", "SELECT * FROM r");
    run_sql(f->a, "CHECK DATABASE");
}

int
main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(snapshot_stays),
        EACH(own_changes_are_private),
        EACH(first_committer_wins),
        EACH(failure_waits_for_rollback),
        EACH(open_result_outlives_its_transaction),
        EACH(threads_share_a_database),
        EACH(dropped_database_is_not_current),
        EACH(database_dropped_under_transaction),
    };
#undef EACH
    return cmocka_run_group_tests(tests, NULL, NULL);
}
