/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conditions.c - the processor time of queries, for conditions.py.
 *
 *     conditions DATABASE < QUERIES
 *
 * For each line of standard input, one query of an integer column, a line at
 * once: milliseconds, the rows, and the sum of the column.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mql.h"

#define BLOCK 2048 /* rows taken at once */

static double
processor_milliseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void
fail(const char *what)
{
    fprintf(stderr, "conditions: %s\n", what);
    exit(1);
}

/* Run the query once: milliseconds. */
static double
run(mql_conn *connection, const char *query, int64_t *rows, int64_t *sum)
{
    mql_stmt *statement;
    mql_status status;
    int64_t values[BLOCK];
    int32_t ready;
    double begin = processor_milliseconds();
    *rows = *sum = 0;
    if (mql_prepare(connection, query, -1, &statement, NULL) != MQL_OK)
        fail(query);
    while ((status = mql_step_rows(statement, BLOCK, &ready)) == MQL_ROW) {
        if (mql_rows_int64(statement, 0, values, NULL) != MQL_OK)
            fail(query);
        for (int32_t i = 0; i < ready; i++)
            *sum += values[i];
        *rows += ready;
    }
    if (status != MQL_DONE)
        fail(query);
    mql_finalize(statement);
    return processor_milliseconds() - begin;
}

int
main(int argc, char **argv)
{
    mql_db *database;
    mql_conn *connection;
    char query[4096];
    if (argc != 2)
        fail("usage: conditions DATABASE");
    if (mql_open(argv[1], NULL, &database, NULL) != MQL_OK ||
        mql_connect(database, &connection, NULL) != MQL_OK)
        fail("cannot open the database");
    while (fgets(query, sizeof query, stdin) != NULL) {
        int64_t rows, sum;
        query[strcspn(query, "\n")] = '\0';
        double time = run(connection, query, &rows, &sum);
        printf("%.3f %" PRId64 " %" PRId64 "\n", time, rows, sum);
        fflush(stdout);
    }
    mql_disconnect(connection);
    mql_close(database);
    return 0;
}
