/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commits.c - durable inserts a second, beside SQLite on the same disk.
 *
 *     commits FOLDER SECONDS
 *
 * One row of a key and a vector of 256 dimensions is one transaction, durable
 * when the call returns (SQLite: WAL, synchronous = FULL), from 1 and from 8
 * threads with a connection each. Then 60,000 rows of 784 dimensions, which lie
 * in memory before the clock starts, in one transaction through the same
 * prepared INSERT, and again in the way that is quickest for each: COPY of npy
 * files, which are in the page cache; SQLite with pages of 64 KiB and a cache
 * that holds them all. Both take their turns several times; the median of the
 * turns is printed, and the ratio.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mql.h"

#define SMALL_DIMENSION 256
#define LARGE_DIMENSION 784
#define LARGE_ROWS 60000
#define TURNS 5
#define THREADS_MOST 8

static double
now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void
fail(const char *what, const char *why)
{
    fprintf(stderr, "commits: %s: %s\n", what, why);
    exit(1);
}

static void
fill(float *vector, uint32_t dimension, int64_t id)
{
    for (uint32_t i = 0; i < dimension; i++)
        vector[i] = (float)((id * 31 + i * 17) % 256);
}

/* What both databases can do, for one connection. */
typedef struct Session {
    const struct Peer *peer;
    uint32_t dimension;
    void *connection;
    void *insert;
} Session;

typedef struct Peer {
    const char *name;
    void (*create)(const char *folder, uint32_t dimension);
    void (*destroy)(void);
    void (*open)(Session *session);
    void (*close)(Session *session);
    void (*execute)(Session *session, const char *sql);
    void (*insert)(Session *session, int64_t id, const float *vector);
    /* All large rows in the quickest way, from files or from memory. */
    void (*load)(Session *session, int64_t first_id);
} Peer;

/* The large rows, one behind the other, and the folder for files of them. */
static float *large_rows;
static const char *large_folder;

static void
insert_large(Session *session, int64_t first_id)
{
    const Peer *peer = session->peer;
    peer->execute(session, "BEGIN");
    for (int64_t i = 0; i < LARGE_ROWS; i++)
        peer->insert(session, first_id + i, large_rows + i * LARGE_DIMENSION);
    peer->execute(session, "COMMIT");
}

static void
write_npy(const char *name, const char *description, const void *data,
          size_t size)
{
    char path[4096], header[119];
    snprintf(path, sizeof path, "%s/%s", large_folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        fail(path, "cannot be written");
    snprintf(header, sizeof header, "%-117s\n", description);
    if (fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file) != 10 ||
        fwrite(header, 1, 118, file) != 118 ||
        fwrite(data, 1, size, file) != size || fclose(file) != 0)
        fail(path, "cannot be written");
}

/* ---- mql ---- */

static mql_db *database;

static void
mql_check(mql_conn *connection, mql_status status)
{
    mql_error error = MQL_ERROR_INIT;
    if (status == MQL_OK || status == MQL_DONE)
        return;
    mql_error_get(connection, &error);
    fail("mql", error.message);
}

static void
mql_create(const char *folder, uint32_t dimension)
{
    char path[4096], sql[256];
    mql_error error = MQL_ERROR_INIT;
    mql_conn *connection;
    snprintf(path, sizeof path, "%s/mql.db", folder);
    if (mql_open(path, NULL, &database, &error) != MQL_OK)
        fail(path, error.message);
    if (mql_connect(database, &connection, &error) != MQL_OK)
        fail("mql", error.message);
    snprintf(sql, sizeof sql,
             "CREATE COLLECTION t (id INT64 PRIMARY KEY, v FLOAT_VECTOR(%u))",
             dimension);
    mql_check(connection, mql_exec(connection, sql));
    mql_disconnect(connection);
}

static void
mql_destroy(void)
{
    mql_close(database);
}

static void
mql_open_session(Session *session)
{
    mql_error error = MQL_ERROR_INIT;
    mql_conn *connection;
    mql_stmt *insert;
    if (mql_connect(database, &connection, &error) != MQL_OK)
        fail("mql", error.message);
    mql_check(connection,
              mql_prepare(connection, "INSERT INTO t VALUES ($1, $2)", -1,
                          &insert, NULL));
    session->connection = connection;
    session->insert = insert;
}

static void
mql_close_session(Session *session)
{
    mql_finalize(session->insert);
    mql_disconnect(session->connection);
}

static void
mql_execute(Session *session, const char *sql)
{
    mql_check(session->connection, mql_exec(session->connection, sql));
}

static void
mql_insert(Session *session, int64_t id, const float *vector)
{
    mql_bind_int64(session->insert, 1, id);
    mql_bind_vector_f32(session->insert, 2, vector, session->dimension,
                        MQL_STATIC);
    mql_check(session->connection, mql_step(session->insert));
    mql_reset(session->insert);
}

static void
mql_load(Session *session, int64_t first_id)
{
    char sql[9000];
    snprintf(sql, sizeof sql,
             "COPY t (id, v) FROM '%s/%d.npy', '%s/v.npy' WITH (FORMAT npy)",
             large_folder, (int)(first_id / LARGE_ROWS), large_folder);
    mql_execute(session, sql);
}

/* ---- SQLite ---- */

static char sqlite_path[4096];
static bool sqlite_is_tuned;

static void
sqlite_check(sqlite3 *connection, int result)
{
    if (result != SQLITE_OK && result != SQLITE_DONE)
        fail("SQLite", sqlite3_errmsg(connection));
}

static void
sqlite_open(Session *session)
{
    sqlite3 *connection;
    sqlite3_stmt *insert = NULL;
    if (sqlite3_open(sqlite_path, &connection) != SQLITE_OK)
        fail(sqlite_path, "cannot be opened");
    sqlite3_busy_timeout(connection, 60000);
    if (sqlite_is_tuned)
        sqlite_check(connection, sqlite3_exec(connection,
                                              "PRAGMA page_size = 65536;"
                                              "PRAGMA cache_size = -524288",
                                              NULL, NULL, NULL));
    sqlite_check(connection, sqlite3_exec(connection,
                                          "PRAGMA journal_mode = WAL;"
                                          "PRAGMA synchronous = FULL",
                                          NULL, NULL, NULL));
    session->connection = connection;
    sqlite3_prepare_v2(connection, "INSERT INTO t VALUES (?, ?)", -1, &insert,
                       NULL);
    session->insert = insert;
}

static void
sqlite_close(Session *session)
{
    sqlite3_finalize(session->insert);
    sqlite3_close(session->connection);
}

static void
sqlite_execute(Session *session, const char *sql)
{
    sqlite_check(session->connection,
                 sqlite3_exec(session->connection, sql, NULL, NULL, NULL));
}

static void
sqlite_create(const char *folder, uint32_t dimension)
{
    Session session = {.dimension = dimension};
    snprintf(sqlite_path, sizeof sqlite_path, "%s/sqlite.db", folder);
    sqlite_open(&session);
    sqlite_execute(&session, "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)");
    sqlite_close(&session);
}

static void
sqlite_destroy(void)
{
}

static void
sqlite_insert(Session *session, int64_t id, const float *vector)
{
    sqlite3_bind_int64(session->insert, 1, id);
    sqlite3_bind_blob(session->insert, 2, vector,
                      (int)(session->dimension * sizeof *vector),
                      SQLITE_STATIC);
    sqlite_check(session->connection, sqlite3_step(session->insert));
    sqlite3_reset(session->insert);
}

static const Peer peers[2] = {
    {"mql", mql_create, mql_destroy, mql_open_session, mql_close_session,
     mql_execute, mql_insert, mql_load},
    {"SQLite", sqlite_create, sqlite_destroy, sqlite_open, sqlite_close,
     sqlite_execute, sqlite_insert, insert_large},
};

/* ---- measuring ---- */

typedef struct Worker {
    pthread_t thread;
    const Peer *peer;
    int64_t first_id;
    double until;
    uint64_t count;
} Worker;

static void *
work(void *argument)
{
    Worker *worker = argument;
    float vector[SMALL_DIMENSION];
    Session session = {.peer = worker->peer, .dimension = SMALL_DIMENSION};
    worker->peer->open(&session);
    while (now() < worker->until) {
        int64_t id = worker->first_id + (int64_t)worker->count;
        fill(vector, SMALL_DIMENSION, id);
        worker->peer->insert(&session, id, vector);
        worker->count++;
    }
    worker->peer->close(&session);
    return NULL;
}

/* Rows a second from that many threads. */
static double
single_rows(const Peer *peer, uint32_t threads, double seconds, int turn)
{
    Worker workers[THREADS_MOST];
    double began = now();
    for (uint32_t i = 0; i < threads; i++) {
        workers[i] = (Worker){.peer = peer,
                              .first_id = ((int64_t)turn * 100 + threads) *
                                              INT64_C(1000000000) +
                                          i * INT64_C(100000000),
                              .until = began + seconds};
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    uint64_t count = 0;
    for (uint32_t i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        count += workers[i].count;
    }
    return (double)count / (now() - began);
}

static double
bulk(const Peer *peer, void (*load)(Session *, int64_t), int turn)
{
    Session session = {.peer = peer, .dimension = LARGE_DIMENSION};
    peer->open(&session);
    sync(); /* what the other left to be written is not this one's */
    double began = now();
    load(&session, (int64_t)turn * LARGE_ROWS);
    double rate = LARGE_ROWS / (now() - began);
    peer->close(&session);
    return rate;
}

static void
make_large_rows(void)
{
    static int64_t ids[LARGE_ROWS];
    size_t size = (size_t)LARGE_ROWS * LARGE_DIMENSION * sizeof(float);
    large_rows = malloc(size);
    if (large_rows == NULL)
        fail("rows", "out of memory");
    for (int64_t i = 0; i < LARGE_ROWS; i++)
        fill(large_rows + i * LARGE_DIMENSION, LARGE_DIMENSION, i);
    write_npy("v.npy",
              "{'descr': '<f4', 'fortran_order': False, "
              "'shape': (60000, 784), }",
              large_rows, size);
    for (int64_t turn = 0; turn < TURNS; turn++) {
        char name[32];
        for (int64_t i = 0; i < LARGE_ROWS; i++)
            ids[i] = turn * LARGE_ROWS + i;
        snprintf(name, sizeof name, "%d.npy", (int)turn);
        write_npy(name,
                  "{'descr': '<i8', 'fortran_order': False, "
                  "'shape': (60000,), }",
                  ids, sizeof ids);
    }
}

static int
compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double
median(double rates[TURNS])
{
    qsort(rates, TURNS, sizeof *rates, compare);
    return rates[TURNS / 2];
}

static void
report(const char *what, double rates[2][TURNS])
{
    double ours = median(rates[0]), theirs = median(rates[1]);
    printf("%-36s mql %9.0f rows/s   SQLite %9.0f rows/s   %.2fx\n", what, ours,
           theirs, ours / theirs);
    fflush(stdout);
}

static void
create_both(const char *folder, const char *name, uint32_t dimension)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    mkdir(path, 0700);
    for (int p = 0; p < 2; p++)
        peers[p].create(path, dimension);
}

int
main(int argc, char **argv)
{
    static const uint32_t threads[] = {1, 8};
    double rates[2][TURNS];
    if (argc != 3)
        fail("usage", "commits FOLDER SECONDS");
    create_both(argv[1], "single", SMALL_DIMENSION);
    for (int i = 0; i < 2; i++) {
        for (int turn = 0; turn < TURNS; turn++)
            for (int p = 0; p < 2; p++)
                rates[p][turn] =
                    single_rows(&peers[p], threads[i], atof(argv[2]), turn);
        report(i == 0 ? "single rows, 1 session" : "single rows, 8 sessions",
               rates);
    }
    peers[0].destroy();
    large_folder = argv[1];
    make_large_rows();
    for (int i = 0; i < 2; i++) {
        sqlite_is_tuned = i == 1;
        create_both(argv[1], i == 0 ? "bulk" : "quickest", LARGE_DIMENSION);
        for (int turn = 0; turn < TURNS; turn++)
            for (int p = 0; p < 2; p++)
                rates[p][turn] = bulk(
                    &peers[p], i == 0 ? insert_large : peers[p].load, turn);
        report(i == 0 ? "60,000 x 784, INSERT, 1 transaction"
                      : "60,000 x 784, quickest of each",
               rates);
        peers[0].destroy();
    }
    free(large_rows);
    return 0;
}
