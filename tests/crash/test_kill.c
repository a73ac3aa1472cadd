/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kill.c - kill -9 of a process with four writers and four readers.
 *
 * Each writer has a connection and slots of its own in a file outside of the
 * database, which outlives the process: before a statement it notes what it is
 * about to do, after it that it has come back. Afterwards the database has all
 * that came back, and of each writer at most the one statement under way,
 * whole. What the writers do: insert a row, insert many, move money between two
 * accounts in a transaction, delete. Readers sum up the accounts all the while:
 * the sum never changes.
 *
 * MQL_KILL_ROUNDS says how often (default 10; make crash-long takes 300); the
 * process lives from one millisecond to two seconds, log-uniform.
 */
#include "files.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "mql.h"
#include "run_sql.h"

#define WRITERS 4
#define READERS 4
#define DIM 16
#define ACCOUNTS 8
#define MONEY 100
/* Ids of writer w: w * SPAN + 1 and on; accounts are negative. */
#define SPAN 10000000
#define MANY 20

/* Of one writer. Rows 1 .. last are there but for the deleted ones, which are
 * 1 .. gone; a step may be under way. */
typedef struct Expected {
    _Atomic int64_t last, gone;           /* came back         */
    _Atomic int64_t next_last, next_gone; /* perhaps already */
    _Atomic uint64_t failures;
} Expected;

typedef struct State {
    Expected writers[WRITERS];
    _Atomic uint64_t reads, wrong_reads;
    char words[256]; /* of the first failure */
} State;

typedef struct Worker {
    mql_db *db;
    State *state;
    int number;
} Worker;

static _Noreturn void
child_fails(State *state, mql_conn *conn, const char *what)
{
    mql_error error = MQL_ERROR_INIT;
    mql_error_get(conn, &error);
    snprintf(state->words, sizeof state->words, "%s: %.100s %.80s", what,
             error.message, error.detail);
    _exit(1);
}

/* ---- writers ---- */

static void
print_rows(char *sql, size_t size, int64_t first, int64_t last)
{
    size_t used = (size_t)snprintf(sql, size, "INSERT INTO t VALUES ");
    for (int64_t id = first; id <= last; id++) {
        used += (size_t)snprintf(sql + used, size - used,
                                 "%s(%" PRId64 ", %" PRId64 ", [",
                                 id == first ? "" : ", ", id, id * 7);
        for (int i = 0; i < DIM; i++)
            used += (size_t)snprintf(sql + used, size - used, "%s%" PRId64,
                                     i == 0 ? "" : ",", (id + i) % 100);
        used += (size_t)snprintf(sql + used, size - used, "])");
    }
}

static void
insert_rows(const Worker *worker, mql_conn *conn, int count)
{
    Expected *mine = &worker->state->writers[worker->number];
    char sql[8192];
    int64_t base = (int64_t)(worker->number + 1) * SPAN;
    print_rows(sql, sizeof sql, base + mine->last + 1,
               base + mine->last + count);
    mine->next_last = mine->last + count;
    if (mql_exec(conn, sql) != MQL_OK)
        child_fails(worker->state, conn, "insert");
    mine->last = mine->next_last;
}

static void
delete_rows(const Worker *worker, mql_conn *conn)
{
    Expected *mine = &worker->state->writers[worker->number];
    char sql[128];
    int64_t base = (int64_t)(worker->number + 1) * SPAN;
    int64_t gone = mine->gone + 5 < mine->last ? mine->gone + 5 : mine->last;
    snprintf(sql, sizeof sql,
             "DELETE FROM t WHERE id BETWEEN %" PRId64 " AND %" PRId64,
             base + mine->gone + 1, base + gone);
    mine->next_gone = gone;
    if (gone > mine->gone && mql_exec(conn, sql) != MQL_OK)
        child_fails(worker->state, conn, "delete");
    mine->gone = gone;
}

/* Other writers may have been there first: then all is as before. */
static void
move_money(const Worker *worker, mql_conn *conn, uint64_t *random)
{
    char sql[256];
    int from = (int)(next_random(random) % ACCOUNTS) + 1;
    int to = from % ACCOUNTS + 1;
    snprintf(sql, sizeof sql,
             "BEGIN; UPDATE bank SET n = n - 1 WHERE id = %d; UPDATE bank SET "
             "n = n + 1 WHERE id = %d; COMMIT",
             from, to);
    if (mql_exec(conn, sql) == MQL_OK)
        return;
    mql_error error = MQL_ERROR_INIT;
    mql_error_get(conn, &error);
    if (strcmp(error.sqlstate, "40001") != 0)
        child_fails(worker->state, conn, "move");
    (void)mql_exec(conn, "ROLLBACK");
}

static void *
write_for_ever(void *context)
{
    const Worker *worker = context;
    uint64_t random = (uint64_t)worker->number + 99;
    mql_conn *conn;
    if (mql_connect(worker->db, &conn, NULL) != MQL_OK)
        _exit(2);
    for (;;) {
        uint64_t turn = next_random(&random) >> 40;
        if (turn % 200 == 0 && worker->number == 0) {
            if (mql_exec(conn, "FLUSH") != MQL_OK)
                child_fails(worker->state, conn, "flush");
        } else if (turn % 8 == 1) {
            delete_rows(worker, conn);
        } else if (turn % 8 == 2) {
            insert_rows(worker, conn, MANY);
        } else if (turn % 8 < 5) {
            move_money(worker, conn, &random);
        } else {
            insert_rows(worker, conn, 1);
        }
    }
    return NULL;
}

/* ---- readers ---- */

static mql_status
sum_up(mql_conn *conn, int64_t *sum, int64_t *count)
{
    mql_stmt *stmt = NULL;
    mql_status status =
        mql_prepare(conn, "SELECT id, n FROM bank", -1, &stmt, NULL);
    *sum = *count = 0;
    while (status == MQL_OK && (status = mql_step(stmt)) == MQL_ROW) {
        *sum += mql_column_int64(stmt, 1);
        ++*count;
        status = MQL_OK;
    }
    mql_finalize(stmt);
    return status == MQL_DONE ? MQL_OK : status;
}

static void *
read_for_ever(void *context)
{
    const Worker *worker = context;
    mql_conn *conn;
    if (mql_connect(worker->db, &conn, NULL) != MQL_OK)
        _exit(2);
    for (;;) {
        int64_t sum, count;
        if (sum_up(conn, &sum, &count) != MQL_OK)
            child_fails(worker->state, conn, "read");
        if (sum != ACCOUNTS * MONEY || count != ACCOUNTS)
            worker->state->wrong_reads++;
        worker->state->reads++;
    }
    return NULL;
}

static void
live(const char *path, State *state)
{
    mql_db *db;
    mql_error error = MQL_ERROR_INIT;
    pthread_t threads[WRITERS + READERS];
    Worker workers[WRITERS + READERS];
    if (mql_open(path, NULL, &db, &error) != MQL_OK) {
        snprintf(state->words, sizeof state->words, "open: %.200s",
                 error.message);
        _exit(1);
    }
    for (int i = 0; i < WRITERS + READERS; i++) {
        workers[i] = (Worker){db, state, i};
        if (pthread_create(&threads[i], NULL,
                           i < WRITERS ? write_for_ever : read_for_ever,
                           &workers[i]) != 0)
            _exit(3);
    }
    pthread_join(threads[0], NULL);
}

/* ---- the judge ---- */

/* The smallest and largest id and the number of a writer's rows; each row is
 * whole. */
static void
read_rows(mql_conn *conn, int64_t base, int64_t *least, int64_t *most,
          int64_t *count)
{
    char sql[160];
    mql_stmt *stmt;
    mql_status status;
    snprintf(sql, sizeof sql,
             "SELECT id, n, v FROM t WHERE id BETWEEN %" PRId64 " AND %" PRId64
             " ORDER BY id",
             base + 1, base + SPAN - 1);
    assert_int_equal(mql_prepare(conn, sql, -1, &stmt, NULL), MQL_OK);
    *least = *most = *count = 0;
    while ((status = mql_step(stmt)) == MQL_ROW) {
        uint32_t dim;
        int64_t id = mql_column_int64(stmt, 0);
        const float *vector = mql_column_vector_f32(stmt, 2, &dim);
        assert_int_equal(mql_column_int64(stmt, 1), id * 7);
        assert_int_equal(dim, DIM);
        for (int i = 0; i < DIM; i++)
            assert_true(vector[i] == (float)((id + i) % 100));
        *least = *count == 0 ? id - base : *least;
        *most = id - base;
        ++*count;
    }
    assert_int_equal(status, MQL_DONE);
    mql_finalize(stmt);
}

static void
judge_writer(mql_conn *conn, State *state, int writer)
{
    Expected *mine = &state->writers[writer];
    int64_t least, most, count;
    read_rows(conn, (int64_t)(writer + 1) * SPAN, &least, &most, &count);
    int64_t gone = count == 0 ? mine->next_gone : least - 1;
    int64_t last = count == 0 ? gone : most;
    bool has_gone = gone == mine->gone || gone == mine->next_gone;
    bool has_last = last == mine->last || last == mine->next_last;
    if (count == 0)
        has_last = mine->last == mine->gone || mine->last == mine->next_gone;
    if (!has_gone || !has_last || count != last - gone)
        fail_msg("writer %d: rows %" PRId64 "..%" PRId64 ", %" PRId64
                 " of them; came back: %" PRId64 "..%" PRId64
                 ", under way: %" PRId64 "..%" PRId64,
                 writer, gone + 1, last, count, (int64_t)mine->gone + 1,
                 (int64_t)mine->last, (int64_t)mine->next_gone + 1,
                 (int64_t)mine->next_last);
    if (count == 0)
        last = mine->last;
    mine->last = mine->next_last = last;
    mine->gone = mine->next_gone = gone;
}

static void
judge(const char *path, State *state)
{
    mql_db *db;
    mql_conn *conn;
    mql_error error = MQL_ERROR_INIT;
    int64_t sum, count;
    if (mql_open(path, NULL, &db, &error) != MQL_OK)
        fail_msg("open: %s %s", error.message, error.detail);
    assert_int_equal(mql_connect(db, &conn, &error), MQL_OK);
    for (int i = 0; i < WRITERS; i++)
        judge_writer(conn, state, i);
    assert_int_equal(sum_up(conn, &sum, &count), MQL_OK);
    assert_int_equal(sum, ACCOUNTS * MONEY);
    assert_int_equal(state->wrong_reads, 0);
    run_sql(conn, "CHECK DATABASE");
    mql_disconnect(conn);
    mql_close(db);
}

static void
kill_in_the_middle(const char *path, State *state, uint64_t microseconds)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        live(path, state);
        _exit(4);
    }
    struct timespec delay = {(time_t)(microseconds / 1000000),
                             (long)(microseconds % 1000000) * 1000};
    nanosleep(&delay, NULL);
    kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("the process ended by itself (%d): %s", status, state->words);
}

static void
make_database(const char *path)
{
    mql_db *db;
    mql_conn *conn;
    mql_error error = MQL_ERROR_INIT;
    assert_int_equal(mql_open(path, NULL, &db, &error), MQL_OK);
    assert_int_equal(mql_connect(db, &conn, &error), MQL_OK);
    run_sql(conn, "CREATE COLLECTION t (id INT64 PRIMARY KEY, n INT64, v "
                  "VECTOR(16)); CREATE COLLECTION bank (id INT64 PRIMARY KEY, "
                  "n INT64)");
    for (int i = 1; i <= ACCOUNTS; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "INSERT INTO bank VALUES (%d, %d)", i, MONEY);
        run_sql(conn, sql);
    }
    mql_disconnect(conn);
    mql_close(db);
}

/* The expected state, in a file beside the database. */
static State *
map_state(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, sizeof(State)), 0);
    void *memory =
        mmap(NULL, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    close(fd);
    return memory;
}

static void
test_kill(void **unused)
{
    (void)unused;
    const char *wanted = getenv("MQL_KILL_ROUNDS");
    long rounds = wanted != NULL ? strtol(wanted, NULL, 10) : 10;
    char folder[] = "/tmp/mql-kill-XXXXXX"; /* a disk, not memory */
    assert_non_null(mkdtemp(folder));
    char *path = path_in(folder, "db"), *beside = path_in(folder, "expected");
    State *state = map_state(beside);
    make_database(path);
    uint64_t random = 42;
    for (long round = 0; round < rounds; round++) {
        double turn = (double)(next_random(&random) >> 11) / 9007199254740992.0;
        kill_in_the_middle(path, state, (uint64_t)(1000 * pow(2000, turn)));
        judge(path, state);
    }
    int64_t rows = 0;
    for (int i = 0; i < WRITERS; i++)
        rows += state->writers[i].last;
    print_message("%ld kills, %" PRId64 " rows, %" PRIu64
                  " reads beside, none lost or wrong\n",
                  rounds, rows, (uint64_t)state->reads);
    munmap(state, sizeof(State));
    remove_tree(folder);
    free(path);
    free(beside);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kill)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
