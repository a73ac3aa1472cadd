/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open.c - what it takes to open a large database.
 *
 *     open make DATABASE ROWS      1 collection of ROWS x 128, HNSW on it
 *     open measure DATABASE TURNS  open, first search, close
 *
 * "measure" takes the files out of the page cache before every turn, so that
 * what opening needs comes from the disk, and counts both what the process
 * asked for by read() and what the kernel fetched for it, mappings included
 * (/proc/self/io). The times of "warm" turns are those with the files in the
 * cache.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mql.h"

#define DIMENSION 128
#define CLUSTERS 1000
#define TURNS_MOST 100

static double
now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void
fail(const char *what, const char *why)
{
    fprintf(stderr, "open: %s: %s\n", what, why);
    exit(1);
}

static void
check(mql_conn *connection, mql_status status)
{
    mql_error error = MQL_ERROR_INIT;
    if (status == MQL_OK || status == MQL_ROW || status == MQL_DONE)
        return;
    mql_error_get(connection, &error);
    fail("mql", error.message);
}

/* -1..1, the same for the same n (SplitMix64). */
static float
noise(uint64_t n)
{
    n += UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (float)(int32_t)(uint32_t)(n ^ (n >> 31)) / 2147483648.0f;
}

static void
fill(float *vector, uint64_t row)
{
    uint64_t center = row * 7919 % CLUSTERS;
    for (uint64_t i = 0; i < DIMENSION; i++)
        vector[i] = noise(center * DIMENSION + i) +
                    0.5f * noise((row + CLUSTERS) * DIMENSION + i);
}

static mql_db *
open_database(const char *path)
{
    mql_db *database;
    mql_error error = MQL_ERROR_INIT;
    if (mql_open(path, NULL, &database, &error) != MQL_OK)
        fail(path, error.message);
    return database;
}

static mql_conn *
connect_to(mql_db *database)
{
    mql_conn *connection;
    mql_error error = MQL_ERROR_INIT;
    if (mql_connect(database, &connection, &error) != MQL_OK)
        fail("mql", error.message);
    return connection;
}

static void
make(const char *path, uint64_t rows)
{
    mql_db *database = open_database(path);
    mql_conn *connection = connect_to(database);
    mql_stmt *insert;
    float vector[DIMENSION];
    check(connection,
          mql_exec(connection, "CREATE COLLECTION c (id INT64 PRIMARY KEY, v "
                               "FLOAT_VECTOR(128)); BEGIN"));
    check(connection, mql_prepare(connection, "INSERT INTO c VALUES ($1, $2)",
                                  -1, &insert, NULL));
    for (uint64_t row = 0; row < rows; row++) {
        fill(vector, row);
        mql_bind_int64(insert, 1, (int64_t)row);
        mql_bind_vector_f32(insert, 2, vector, DIMENSION, MQL_STATIC);
        check(connection, mql_step(insert));
        mql_reset(insert);
    }
    mql_finalize(insert);
    check(connection,
          mql_exec(connection, "COMMIT; FLUSH c; CREATE INDEX ON c (v) USING "
                               "HNSW WITH (metric_type = 'L2', M = 16, "
                               "efConstruction = 100)"));
    mql_disconnect(connection);
    mql_close(database);
}

/* ---- measuring ---- */

static long
counter(const char *name)
{
    char word[64];
    long value, found = -1;
    FILE *file = fopen("/proc/self/io", "r");
    if (file == NULL)
        fail("/proc/self/io", "cannot be read");
    while (fscanf(file, "%63s %ld", word, &value) == 2)
        if (strcmp(word, name) == 0)
            found = value;
    fclose(file);
    return found;
}

/* Take the files of a folder, and of those in it, out of the page cache. */
static void
forget(int folder)
{
    DIR *entries = fdopendir(folder);
    if (entries == NULL)
        fail("the database", "cannot be read");
    struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        int file = openat(dirfd(entries), entry->d_name, O_RDONLY);
        if (file < 0)
            continue;
        if (entry->d_type == DT_DIR) {
            forget(file);
            continue;
        }
        fdatasync(file);
        posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
        close(file);
    }
    closedir(entries);
}

typedef struct Turn {
    double open, search, close; /* milliseconds */
    long asked, fetched;        /* bytes        */
} Turn;

static double
first_search(mql_db *database)
{
    float query[DIMENSION];
    mql_stmt *search;
    mql_conn *connection = connect_to(database);
    fill(query, 1);
    double began = now();
    check(connection, mql_prepare(connection, "SEARCH c ON v FOR $1 LIMIT 10",
                                  -1, &search, NULL));
    mql_bind_vector_f32(search, 1, query, DIMENSION, MQL_STATIC);
    int rows = 0;
    while (mql_step(search) == MQL_ROW)
        rows++;
    double spent = now() - began;
    if (rows != 10)
        fail("SEARCH", "did not give 10 rows");
    mql_finalize(search);
    mql_disconnect(connection);
    return spent;
}

static Turn
measure(const char *path, int is_cold)
{
    Turn turn;
    if (is_cold)
        forget(open(path, O_RDONLY | O_DIRECTORY));
    turn.asked = -counter("rchar:");
    turn.fetched = -counter("read_bytes:");
    double began = now();
    mql_db *database = open_database(path);
    turn.open = now() - began;
    turn.asked += counter("rchar:");
    turn.fetched += counter("read_bytes:");
    turn.search = first_search(database);
    began = now();
    mql_close(database);
    turn.close = now() - began;
    return turn;
}

static int
compare(const void *a, const void *b)
{
    double left = ((const Turn *)a)->open, right = ((const Turn *)b)->open;
    return (left > right) - (left < right);
}

static void
report(const char *path, int turn_count, int is_cold)
{
    Turn turns[TURNS_MOST];
    for (int i = 0; i < turn_count; i++)
        turns[i] = measure(path, is_cold);
    qsort(turns, (size_t)turn_count, sizeof *turns, compare);
    const Turn *middle = &turns[turn_count / 2], *last = &turns[turn_count - 1];
    printf("%s  open %.2f ms (slowest of %d: %.2f), %ld bytes by read(), %ld "
           "from the disk; first search %.2f ms, close %.2f ms\n",
           is_cold ? "cold" : "warm", middle->open, turn_count, last->open,
           middle->asked, middle->fetched, middle->search, middle->close);
}

int
main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "make") == 0) {
        make(argv[2], strtoull(argv[3], NULL, 10));
        return 0;
    }
    int turns = argc == 4 ? (int)strtol(argv[3], NULL, 10) : 0;
    if (turns < 1 || turns > TURNS_MOST || strcmp(argv[1], "measure") != 0)
        fail("usage", "open make DATABASE ROWS | open measure DATABASE TURNS");
    report(argv[2], turns, 1);
    report(argv[2], turns, 0);
    return 0;
}
