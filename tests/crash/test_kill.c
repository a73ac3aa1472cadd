/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kill.c - kill -9 in the middle of single-row INSERTs: every row whose
 * INSERT had returned is there afterwards, and at most the one under way
 * besides.
 *
 * MQL_KILL_ROUNDS says how often (default 5; the acceptance run takes 50).
 */
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "mql.h"

#define DIM 64

typedef struct Connection {
    mql_db *db;
    mql_conn *conn;
} Connection;

static Connection
connect_to(const char *path)
{
    Connection c;
    mql_error error = MQL_ERROR_INIT;
    mql_status status = mql_open(path, NULL, &c.db, &error);
    if (status != MQL_OK)
        fprintf(stderr, "open: %s %s\n", error.message, error.detail);
    assert_int_equal(status, MQL_OK);
    assert_int_equal(mql_connect(c.db, &c.conn, &error), MQL_OK);
    return c;
}

static void
disconnect(Connection c)
{
    mql_disconnect(c.conn);
    mql_close(c.db);
}

static void
fill_vector(float vector[DIM], int64_t id)
{
    for (int i = 0; i < DIM; i++)
        vector[i] = (float)((id * 31 + i * 7) % 101);
}

/* Insert rows from `first` on, telling each id once its INSERT has returned. */
static void
insert_for_ever(const char *path, int64_t first, int out)
{
    mql_db *db;
    mql_conn *conn;
    mql_stmt *stmt;
    if (mql_open(path, NULL, &db, NULL) != MQL_OK ||
        mql_connect(db, &conn, NULL) != MQL_OK ||
        mql_prepare(conn, "INSERT INTO t VALUES ($1, $2, $3)", -1, &stmt,
                    NULL) != MQL_OK)
        _exit(1);
    for (int64_t id = first;; id++) {
        float vector[DIM];
        char name[32];
        fill_vector(vector, id);
        snprintf(name, sizeof name, "row %lld", (long long)id);
        mql_bind_int64(stmt, 1, id);
        mql_bind_text(stmt, 2, name, -1, MQL_STATIC);
        mql_bind_vector_f32(stmt, 3, vector, DIM, MQL_STATIC);
        if (mql_step(stmt) != MQL_DONE)
            _exit(2);
        if (write(out, &id, sizeof id) != (ssize_t)sizeof id)
            _exit(3);
    }
}

/* One round: the last id acknowledged before the kill, `last` when none was. */
static int64_t
kill_in_the_middle(const char *path, int64_t last, uint64_t microseconds)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        insert_for_ever(path, last + 1, ends[1]);
    }
    close(ends[1]);
    struct timespec delay = {(time_t)(microseconds / 1000000),
                             (long)(microseconds % 1000000) * 1000};
    nanosleep(&delay, NULL);
    kill(child, SIGKILL);
    int64_t id;
    while (read(ends[0], &id, sizeof id) == (ssize_t)sizeof id)
        last = id;
    close(ends[0]);
    int state;
    assert_int_equal(waitpid(child, &state, 0), child);
    assert_true(WIFSIGNALED(state));
    return last;
}

/* Rows are exactly 1..n with n the last acknowledged or one more; returns n. */
static int64_t
verify(const char *path, int64_t last)
{
    Connection c = connect_to(path);
    mql_stmt *stmt;
    assert_int_equal(mql_prepare(c.conn,
                                 "SELECT id, name, v FROM t ORDER BY id", -1,
                                 &stmt, NULL),
                     MQL_OK);
    int64_t expected = 1;
    mql_status status;
    while ((status = mql_step(stmt)) == MQL_ROW) {
        char name[32];
        float vector[DIM];
        uint32_t dim;
        snprintf(name, sizeof name, "row %lld", (long long)expected);
        fill_vector(vector, expected);
        assert_int_equal(mql_column_int64(stmt, 0), expected);
        assert_string_equal(mql_column_text(stmt, 1, NULL), name);
        const float *found = mql_column_vector_f32(stmt, 2, &dim);
        assert_int_equal(dim, DIM);
        assert_memory_equal(found, vector, sizeof vector);
        expected++;
    }
    assert_int_equal(status, MQL_DONE);
    mql_finalize(stmt);
    disconnect(c);
    assert_true(expected - 1 == last || expected - 1 == last + 1);
    return expected - 1;
}

static int
remove_entry(const char *path, const struct stat *status, int type,
             struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static void
test_kill(void **state)
{
    (void)state;
    const char *wanted = getenv("MQL_KILL_ROUNDS");
    long rounds = wanted != NULL ? strtol(wanted, NULL, 10) : 5;
    char folder[] = "/tmp/mql-kill-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    snprintf(path, sizeof path, "%s/db", folder);

    Connection c = connect_to(path);
    assert_int_equal(mql_exec(c.conn, "CREATE COLLECTION t (id INT64 PRIMARY "
                                      "KEY, name VARCHAR(32), v VECTOR(64))"),
                     MQL_OK);
    disconnect(c);

    int64_t last = 0;
    uint64_t seed = 42;
    for (long round = 0; round < rounds; round++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t delay = 20000 + (seed >> 33) % 300000;
        last = kill_in_the_middle(path, last, delay);
        last = verify(path, last);
    }
    print_message("%ld kills, %lld rows, none lost\n", rounds, (long long)last);
    assert_true(last > 0);
    assert_int_equal(nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kill)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
