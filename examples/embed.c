/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed.c - mql inside a C program: a small catalogue of colours.
 *
 *     cc -o embed embed.c $(pkg-config --cflags --libs mql)
 *
 * It opens a temporary database, inserts rows by a prepared statement whose
 * vectors are read in place, builds two indexes, searches with a filter, and
 * shows how an error looks. It prints what it finds and returns 0 only when
 * that is what it must be.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mql.h"

typedef struct Colour {
    int64_t id;
    const char *name;
    const char *family;
    float rgb[3];
} Colour;

static const Colour colours[] = {
    {1, "crimson", "warm", {0.86f, 0.08f, 0.24f}},
    {2, "coral", "warm", {1.00f, 0.50f, 0.31f}},
    {3, "gold", "warm", {1.00f, 0.84f, 0.00f}},
    {4, "forest", "cool", {0.13f, 0.55f, 0.13f}},
    {5, "teal", "cool", {0.00f, 0.50f, 0.50f}},
    {6, "navy", "cool", {0.00f, 0.00f, 0.50f}},
    {7, "plum", "warm", {0.87f, 0.63f, 0.87f}},
    {8, "slate", "cool", {0.44f, 0.50f, 0.56f}},
};

#define COLOUR_COUNT (sizeof colours / sizeof colours[0])

/* Say what went wrong last on `conn`; returns its status. */
static mql_status
complain(mql_conn *conn)
{
    mql_error error = MQL_ERROR_INIT;
    mql_error_get(conn, &error);
    fprintf(stderr, "error %s: %s\n", error.sqlstate, error.message);
    if (error.detail[0] != '\0')
        fprintf(stderr, "  %s\n", error.detail);
    if (error.hint[0] != '\0')
        fprintf(stderr, "  %s\n", error.hint);
    return error.status;
}

/* One statement prepared once and run for each row. */
static mql_status
insert_colours(mql_conn *conn)
{
    mql_stmt *insert = NULL;
    mql_status status = mql_prepare(
        conn, "INSERT INTO colours VALUES ($1, $2, $3, $4)", -1, &insert, NULL);
    for (size_t i = 0; i < COLOUR_COUNT && status == MQL_OK; i++) {
        const Colour *colour = &colours[i];
        /* MQL_STATIC: the memory stays where it is until the row is in. */
        mql_bind_int64(insert, 1, colour->id);
        mql_bind_text(insert, 2, colour->name, -1, MQL_STATIC);
        mql_bind_text(insert, 3, colour->family, -1, MQL_STATIC);
        mql_bind_vector_f32(insert, 4, colour->rgb, 3, MQL_STATIC);
        status = mql_step(insert);
        status = status == MQL_DONE ? MQL_OK : status;
        mql_reset(insert);
    }
    mql_finalize(insert);
    return status;
}

/* The names of the `family`'s colours nearest to `rgb`, nearest first, each
 * with a blank behind. */
static mql_status
find_nearest(mql_stmt *search, const float *rgb, const char *family,
             char *names, size_t size)
{
    size_t used = 0;
    mql_status status;
    mql_bind_vector_f32(search, 1, rgb, 3, MQL_STATIC);
    mql_bind_text(search, 2, family, -1, MQL_STATIC);
    names[0] = '\0';
    while ((status = mql_step(search)) == MQL_ROW) {
        const char *name = mql_column_text(search, 2, NULL);
        printf("  %" PRId64 "  %-8s  %.4f\n", mql_column_int64(search, 0), name,
               mql_column_double(search, 1));
        int written = snprintf(names + used, size - used, "%s ", name);
        if (written < 0 || (size_t)written >= size - used)
            return MQL_INTERNAL;
        used += (size_t)written;
    }
    mql_reset(search);
    return status == MQL_DONE ? MQL_OK : status;
}

/* One search prepared once, run twice. Whether the answers are right goes into
 * `right`. */
static mql_status
search_colours(mql_conn *conn, int *right)
{
    static const float red[3] = {0.9f, 0.1f, 0.1f};
    static const float blue[3] = {0.0f, 0.1f, 0.6f};
    char warm[64] = "";
    char cool[64] = "";
    mql_stmt *search = NULL;
    mql_status status = mql_prepare(conn,
                                    "SEARCH colours FOR $1 WHERE family = $2"
                                    " LIMIT 2 RETURNING name",
                                    -1, &search, NULL);
    if (status == MQL_OK) {
        puts("warm colours near to red:");
        status = find_nearest(search, red, "warm", warm, sizeof warm);
    }
    if (status == MQL_OK) {
        puts("cool colours near to blue:");
        status = find_nearest(search, blue, "cool", cool, sizeof cool);
    }
    mql_finalize(search);
    *right =
        strcmp(warm, "crimson coral ") == 0 && strcmp(cool, "navy teal ") == 0;
    return status;
}

/* What must fail does, says why, and changes nothing. */
static mql_status
try_mistakes(mql_conn *conn, int *right)
{
    mql_error error = MQL_ERROR_INIT;
    if (mql_exec(conn, "SELECT nam FROM colours") == MQL_OK)
        return MQL_INTERNAL;
    mql_error_get(conn, &error);
    printf("a mistake: %s (SQLSTATE %s, at byte %" PRId64 ") %s\n",
           error.message, error.sqlstate, error.position, error.hint);
    *right = strcmp(error.sqlstate, "42703") == 0 && error.position == 7;

    if (mql_exec(conn, "INSERT INTO colours VALUES "
                       "(9, 'snow', 'cool', [1, 1, 1]),"
                       "(1, 'again', 'warm', [0, 0, 0])") == MQL_OK)
        return MQL_INTERNAL;
    mql_error_get(conn, &error);
    printf("another: %s\n  %s\n", error.message, error.detail);
    *right = *right && strcmp(error.sqlstate, "23505") == 0;

    mql_stmt *count = NULL;
    mql_status status =
        mql_prepare(conn, "SELECT count(*) FROM colours", -1, &count, NULL);
    if (status == MQL_OK)
        status = mql_step(count);
    if (status == MQL_ROW) {
        printf("rows: %" PRId64 "\n", mql_column_int64(count, 0));
        *right = *right && mql_column_int64(count, 0) == COLOUR_COUNT;
        status = MQL_OK;
    }
    mql_finalize(count);
    return status;
}

static mql_status
run(mql_conn *conn, int *right)
{
    int searches_right = 0;
    int mistakes_right = 0;
    mql_status status = mql_exec(conn, "CREATE COLLECTION colours ("
                                       "    id INT64 PRIMARY KEY,"
                                       "    name VARCHAR(20),"
                                       "    family VARCHAR(10),"
                                       "    rgb FLOAT_VECTOR(3))");
    if (status == MQL_OK)
        status = insert_colours(conn);
    if (status == MQL_OK)
        status = mql_exec(conn, "CREATE INDEX ON colours (rgb) USING HNSW"
                                "    WITH (metric_type = 'L2');"
                                "CREATE INDEX ON colours (family)"
                                "    USING INVERTED");
    if (status == MQL_OK)
        status = search_colours(conn, &searches_right);
    if (status == MQL_OK)
        status = try_mistakes(conn, &mistakes_right);
    *right = searches_right && mistakes_right;
    return status;
}

int
main(void)
{
    mql_db *db = NULL;
    mql_conn *conn = NULL;
    mql_error error = MQL_ERROR_INIT;
    int right = 0;

    printf("mql %s\n", mql_version());
    if (mql_open(NULL, NULL, &db, &error) != MQL_OK ||
        mql_connect(db, &conn, &error) != MQL_OK) {
        fprintf(stderr, "could not open: %s\n", error.message);
        mql_close(db);
        return 1;
    }
    if (run(conn, &right) != MQL_OK) {
        complain(conn);
        right = 0;
    }
    if (mql_disconnect(conn) != MQL_OK || mql_close(db) != MQL_OK)
        right = 0;
    puts(right ? "all as it must be" : "something is not as it must be");
    return right ? 0 : 1;
}
