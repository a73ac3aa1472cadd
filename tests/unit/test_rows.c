/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_rows.c - many rows at once: the same values as row by row, however many
 * are asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dirent.h>

#include <cmocka.h>

#include "mql.h"
#include "run_sql.h"

#define ROWS 5000
#define ALL "SELECT id, n, d, b, s, v, h, NULL, ts FROM t ORDER BY id"
#define COLUMNS 9
#define MAKE_T                                                                 \
    "CREATE COLLECTION t (id INT64 PRIMARY KEY, n INT8 NULL, d DOUBLE NULL, "  \
    "b BOOL NULL, s VARCHAR(20) NULL, v FLOAT_VECTOR(3), "                     \
    "h FLOAT16_VECTOR(3), ts TIMESTAMPTZ)"
#define DIM 3

typedef struct Fixture {
    mql_db *db;
    mql_conn *conn;
} Fixture;

/* Every third value is NULL, where it may be. */
static void
fill(mql_conn *conn)
{
    mql_stmt *stmt =
        prepare_sql(conn, "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, "
                          "'2026-01-01T00:00:00Z')");
    run_sql(conn, "BEGIN");
    for (int i = 0; i < ROWS; i++) {
        char text[32];
        float vector[DIM] = {(float)i, 0.5f, -1};
        snprintf(text, sizeof text, "row %d", i);
        mql_clear_bindings(stmt);
        mql_bind_int64(stmt, 1, i);
        mql_bind_vector_f32(stmt, 6, vector, DIM, MQL_STATIC);
        mql_bind_vector_f32(stmt, 7, vector, DIM, MQL_STATIC);
        if (i % 3 != 0) {
            mql_bind_int64(stmt, 2, i % 100 - 50);
            mql_bind_double(stmt, 3, i * 1e15 + 0.75);
            mql_bind_bool(stmt, 4, i % 2);
            mql_bind_text(stmt, 5, i % 5 == 0 ? "" : text, -1, MQL_STATIC);
        }
        assert_int_equal(mql_step(stmt), MQL_DONE);
    }
    run_sql(conn, "COMMIT");
    mql_finalize(stmt);
}

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    mql_error error = MQL_ERROR_INIT;
    assert_int_equal(mql_open(NULL, NULL, &fixture->db, &error), MQL_OK);
    assert_int_equal(mql_connect(fixture->db, &fixture->conn, &error), MQL_OK);
    run_sql(fixture->conn, MAKE_T);
    fill(fixture->conn);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    assert_int_equal(mql_disconnect(fixture->conn), MQL_OK);
    assert_int_equal(mql_close(fixture->db), MQL_OK);
    free(fixture);
    return 0;
}

/* ---- the same as row by row ---- */

typedef struct Block {
    int32_t rows;
    int64_t integers[ROWS];
    double reals[ROWS];
    uint8_t is_null[ROWS];
    float vectors[ROWS * DIM];
    size_t offsets[ROWS + 1];
    const char *bytes;
} Block;

/* Row `row` of the block beside the single row that `one` is at. */
static void
compare_numbers(const Block *block, int32_t row, mql_stmt *one, int32_t column)
{
    double real = mql_column_double(one, column);
    assert_int_equal(block->integers[row], mql_column_int64(one, column));
    assert_memory_equal(&block->reals[row], &real, sizeof real);
    assert_int_equal(block->is_null[row], mql_column_is_null(one, column));
}

static void
compare_text(const Block *block, int32_t row, mql_stmt *one, int32_t column)
{
    size_t size;
    const char *text = mql_column_text(one, column, &size);
    assert_int_equal(block->offsets[row + 1] - block->offsets[row], size);
    if (size > 0)
        assert_memory_equal(block->bytes + block->offsets[row], text, size);
    assert_int_equal(block->is_null[row], text == NULL);
}

static void
compare_vector(const Block *block, int32_t row, mql_stmt *one, int32_t column)
{
    uint32_t dim;
    const float *vector = mql_column_vector_f32(one, column, &dim);
    assert_int_equal(dim, DIM);
    assert_memory_equal(block->vectors + row * DIM, vector,
                        DIM * sizeof *vector);
    assert_int_equal(block->is_null[row], 0);
}

typedef void Compare(const Block *block, int32_t row, mql_stmt *one,
                     int32_t column);

/* Read a column of the block in the way of its type. */
static Compare *
read_column(mql_stmt *many, int32_t column, Block *block)
{
    memset(block->is_null, 7, sizeof block->is_null);
    switch (mql_column_type(many, column)) {
    case MQL_TYPE_VARCHAR:
        assert_int_equal(mql_rows_text(many, column, &block->bytes,
                                       block->offsets, block->is_null),
                         MQL_OK);
        return compare_text;
    case MQL_TYPE_FLOAT_VECTOR:
    case MQL_TYPE_FLOAT16_VECTOR:
        assert_int_equal(mql_rows_vector_f32(many, column, DIM, block->vectors,
                                             block->is_null),
                         MQL_OK);
        return compare_vector;
    default:
        assert_int_equal(mql_rows_double(many, column, block->reals, NULL),
                         MQL_OK);
        assert_int_equal(
            mql_rows_int64(many, column, block->integers, block->is_null),
            MQL_OK);
        return compare_numbers;
    }
}

/* All columns of the block; a result of its own for each, row by row. */
static void
compare_block(mql_stmt *many, Block *block, mql_stmt *const *ones)
{
    for (int32_t column = 0; column < COLUMNS; column++) {
        Compare *compare = read_column(many, column, block);
        for (int32_t row = 0; row < block->rows; row++) {
            assert_int_equal(mql_step(ones[column]), MQL_ROW);
            compare(block, row, ones[column], column);
        }
    }
}

static void
read_all(mql_conn *conn, int32_t limit)
{
    static Block block;
    mql_stmt *ones[COLUMNS];
    mql_stmt *many = prepare_sql(conn, ALL);
    int32_t total = 0, blocks = 0;
    for (int i = 0; i < COLUMNS; i++)
        ones[i] = prepare_sql(conn, ALL);
    while (mql_step_rows(many, limit, &block.rows) == MQL_ROW) {
        assert_in_range(block.rows, 1, limit);
        assert_int_equal(mql_column_int64(many, 0), total);
        compare_block(many, &block, ones);
        total += block.rows;
        blocks++;
    }
    assert_int_equal(block.rows, 0);
    assert_int_equal(total, ROWS);
    assert_in_range(blocks, (ROWS + limit - 1) / limit, ROWS / 4);
    for (int i = 0; i < COLUMNS; i++) {
        assert_int_equal(mql_step(ones[i]), MQL_DONE);
        mql_finalize(ones[i]);
    }
    mql_finalize(many);
}

static void
test_same_as_row_by_row(void **state)
{
    Fixture *fixture = *state;
    read_all(fixture->conn, ROWS);
    read_all(fixture->conn, 1024);
    read_all(fixture->conn, 7);
    run_sql(fixture->conn, "FLUSH t");
    read_all(fixture->conn, ROWS);
}

/* Steps of one row and of many go on behind each other. */
static void
test_steps_mixed(void **state)
{
    Fixture *fixture = *state;
    mql_stmt *stmt =
        prepare_sql(fixture->conn, "SELECT id FROM t ORDER BY id LIMIT 10");
    int64_t ids[4];
    int32_t rows;
    assert_int_equal(mql_step(stmt), MQL_ROW);
    assert_int_equal(mql_rows_int64(stmt, 0, ids, NULL), MQL_OK);
    assert_int_equal(ids[0], 0);
    assert_int_equal(mql_step_rows(stmt, 4, &rows), MQL_ROW);
    assert_int_equal(rows, 4);
    assert_int_equal(mql_rows_int64(stmt, 0, ids, NULL), MQL_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ids[i], i + 1);
    assert_int_equal(mql_step(stmt), MQL_ROW);
    assert_int_equal(mql_column_int64(stmt, 0), 5);
    assert_int_equal(mql_step_rows(stmt, 4, &rows), MQL_ROW);
    assert_int_equal(mql_column_int64(stmt, 0), 6);
    assert_int_equal(mql_step_rows(stmt, 4, &rows), MQL_DONE);
    assert_int_equal(rows, 0);
    assert_int_equal(mql_step(stmt), MQL_ROW); /* anew */
    assert_int_equal(mql_column_int64(stmt, 0), 0);
    mql_finalize(stmt);
}

static void
test_without_rows(void **state)
{
    Fixture *fixture = *state;
    int32_t rows = 5;
    mql_stmt *stmt = prepare_sql(fixture->conn, "DELETE FROM t WHERE id < 0");
    assert_int_equal(mql_step_rows(stmt, 9, &rows), MQL_DONE);
    assert_int_equal(rows, 0);
    mql_finalize(stmt);
    stmt = prepare_sql(fixture->conn, "SELECT id / (id - 3000) FROM t");
    mql_status status;
    while ((status = mql_step_rows(stmt, ROWS, &rows)) == MQL_ROW)
        assert_in_range(rows, 1, ROWS);
    assert_int_equal(status, MQL_INVALID); /* division by zero */
    assert_int_equal(rows, 0);
    mql_finalize(stmt);
}

/* ---- a disk that fails ---- */

/* Cut the files of rows in the folder and below. */
static void
cut_segments(const char *folder)
{
    DIR *entries = opendir(folder);
    for (const struct dirent *entry;
         entries != NULL && (entry = readdir(entries)) != NULL;) {
        size_t size = strlen(entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        char *path = path_in(folder, entry->d_name);
        if (size > 4 && strcmp(entry->d_name + size - 4, ".seg") == 0)
            assert_int_equal(truncate(path, 0), 0);
        else
            cut_segments(path);
        free(path);
    }
    if (entries != NULL)
        closedir(entries);
}

/* Vectors lie in the mapped file until they are asked for. */
static void
test_unreadable(void **state)
{
    (void)state;
    char *root = temporary_directory();
    char *path = path_in(root, "db");
    Fixture place;
    int32_t rows;
    static float floats[ROWS * DIM];
    assert_int_equal(mql_open(path, NULL, &place.db, NULL), MQL_OK);
    assert_int_equal(mql_connect(place.db, &place.conn, NULL), MQL_OK);
    run_sql(place.conn, MAKE_T);
    fill(place.conn);
    run_sql(place.conn, "FLUSH t");
    mql_stmt *stmt = prepare_sql(place.conn, "SELECT v FROM t");
    assert_int_equal(mql_step_rows(stmt, ROWS, &rows), MQL_ROW);
    assert_int_equal(mql_rows_vector_f32(stmt, 0, DIM, floats, NULL), MQL_OK);
    cut_segments(path);
    assert_int_equal(mql_rows_vector_f32(stmt, 0, DIM, floats, NULL),
                     MQL_CORRUPT);
    assert_int_equal(mql_step_rows(stmt, ROWS, &rows), MQL_CORRUPT);
    assert_int_equal(rows, 0);
    mql_finalize(stmt);
    assert_int_equal(mql_disconnect(place.conn), MQL_OK);
    assert_int_equal(mql_close(place.db), MQL_OK);
    remove_tree(root);
    free(path);
    free(root);
}

/* ---- what is refused ---- */

static void
assert_error(mql_conn *conn, mql_status status, mql_status expected,
             const char *message)
{
    mql_error error = MQL_ERROR_INIT;
    mql_error_get(conn, &error);
    assert_int_equal(status, expected);
    assert_int_equal(error.status, expected);
    assert_string_equal(error.message, message);
}

static void
test_refused(void **state)
{
    Fixture *fixture = *state;
    mql_conn *conn = fixture->conn;
    mql_stmt *stmt = prepare_sql(conn, ALL);
    static float floats[ROWS * 4];
    static double reals[ROWS];
    int64_t ids[4];
    int32_t rows = 1;
    assert_error(conn, mql_rows_int64(stmt, 0, ids, NULL), MQL_MISUSE,
                 "there are no rows to read");
    assert_error(conn, mql_step_rows(stmt, 0, &rows), MQL_MISUSE,
                 "the limit of rows must be 1 or more, not 0");
    assert_int_equal(rows, 0);
    assert_int_equal(mql_step_rows(stmt, 4, NULL), MQL_MISUSE);
    assert_int_equal(mql_step_rows(stmt, 4, &rows), MQL_ROW);
    assert_error(conn, mql_step_rows(stmt, -1, &rows), MQL_MISUSE,
                 "the limit of rows must be 1 or more, not -1");
    assert_int_equal(mql_rows_int64(stmt, 0, NULL, NULL), MQL_MISUSE);
    assert_error(conn, mql_rows_int64(stmt, COLUMNS, ids, NULL), MQL_MISUSE,
                 "there is no column 9: the result has 9");
    assert_error(conn, mql_rows_double(stmt, -1, reals, NULL), MQL_MISUSE,
                 "there is no column -1: the result has 9");
    assert_error(conn, mql_rows_int64(stmt, 4, ids, NULL), MQL_INVALID,
                 "column 4 (s) is of type VARCHAR, not a number");
    assert_error(conn, mql_rows_vector_f32(stmt, 0, DIM, floats, NULL),
                 MQL_INVALID,
                 "column 0 (id) is of type INT64, not a vector of numbers");
    assert_error(conn, mql_rows_vector_f32(stmt, 5, 4, floats, NULL),
                 MQL_INVALID, "a vector of 3 dimensions does not fit into 4");
    /* and nothing has moved */
    assert_int_equal(mql_rows_int64(stmt, 0, ids, NULL), MQL_OK);
    assert_int_equal(ids[3], 3);
    mql_finalize(stmt);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_row_by_row),
        cmocka_unit_test(test_steps_mixed),
        cmocka_unit_test(test_without_rows),
        cmocka_unit_test(test_refused),
    };
    /* Before cmocka takes SIGBUS back from the library, that is first. */
    const struct CMUnitTest failing[] = {cmocka_unit_test(test_unreadable)};
    return cmocka_run_group_tests(failing, NULL, NULL) +
           cmocka_run_group_tests(tests, set_up, tear_down);
}
