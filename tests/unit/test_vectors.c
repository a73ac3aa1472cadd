/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vectors.c - vectors of every type through mql.h: bound, stored, found,
 * read back; from the log after the database is opened again, from a growing
 * segment, from a sealed one, and by an index.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/element.h"
#include "mql.h"
#include "run_sql.h"

#define ROWS 300
#define DIM 24

/* One type of vectors, and how its rows are made. */
typedef struct Kind {
    const char *name; /* in CREATE COLLECTION */
    int32_t type;
    ElementType element;
    const char *metric;
    const char *index;
} Kind;

static const Kind kinds[] = {
    {"FLOAT_VECTOR", MQL_TYPE_FLOAT_VECTOR, ELEMENT_F32, "L2", "HNSW"},
    {"HALFVEC", MQL_TYPE_FLOAT16_VECTOR, ELEMENT_F16, "COSINE", "HNSW"},
    {"BFLOAT16_VECTOR", MQL_TYPE_BFLOAT16_VECTOR, ELEMENT_BF16, "L2",
     "IVF_FLAT"},
    {"INT8_VECTOR", MQL_TYPE_INT8_VECTOR, ELEMENT_I8, "L2", "HNSW"},
    {"BIT", MQL_TYPE_BINARY_VECTOR, ELEMENT_BIT, "HAMMING", "BIN_FLAT"},
};

#define KINDS (sizeof kinds / sizeof kinds[0])

/* Row `id`, all different: as floats that the type holds, and as elements. */
static void
make_row(const Kind *kind, int id, float floats[DIM], uint32_t elements[DIM])
{
    for (int i = 0; i < DIM; i++) {
        int chance = (id * 31 + i * 17 + id * i) % 101 - 50;
        floats[i] = kind->element == ELEMENT_BIT
                        ? (float)(i < 9 ? id >> i & 1 : chance > 0)
                        : (float)(i == 0 ? id % 100 : chance);
    }
    if (kind->element != ELEMENT_BIT)
        floats[1] = (float)(id / 100);
    assert_int_equal(element_of_floats(kind->element, floats, DIM, elements),
                     DIM);
}

static void
fill(mql_conn *conn, const Kind *kind)
{
    mql_stmt *stmt = prepare_sql(conn, "INSERT INTO t VALUES ($1, $2)");
    for (int id = 0; id < ROWS; id++) {
        float floats[DIM];
        uint32_t elements[DIM];
        make_row(kind, id, floats, elements);
        assert_int_equal(mql_bind_int64(stmt, 1, id), MQL_OK);
        mql_status status =
            id % 2 == 0 && kind->element != ELEMENT_BIT
                ? mql_bind_vector_f32(stmt, 2, floats, DIM, MQL_STATIC)
                : mql_bind_vector(stmt, 2, kind->type, elements, DIM,
                                  id % 3 == 0 ? MQL_STATIC : MQL_TRANSIENT);
        assert_int_equal(status, MQL_OK);
        assert_int_equal(mql_step(stmt), MQL_DONE);
    }
    mql_finalize(stmt);
}

/* Every row is there, and the nearest to itself. */
static void
look(mql_conn *conn, const Kind *kind)
{
    char sql[128];
    snprintf(sql, sizeof sql,
             "SEARCH t FOR $1 WITH (metric_type = '%s') LIMIT 1 RETURNING v",
             kind->metric);
    mql_stmt *stmt = prepare_sql(conn, sql);
    for (int id = 0; id < ROWS; id += 7) {
        float floats[DIM];
        uint32_t elements[DIM], dim = 0;
        make_row(kind, id, floats, elements);
        assert_int_equal(
            mql_bind_vector(stmt, 1, kind->type, elements, DIM, MQL_TRANSIENT),
            MQL_OK);
        assert_int_equal(mql_step(stmt), MQL_ROW);
        assert_int_equal(mql_column_type(stmt, 2), kind->type);
        bool is_near = strcmp(kind->metric, "COSINE") == 0
                           ? mql_column_double(stmt, 1) > 0.99999
                           : mql_column_double(stmt, 1) == 0;
        assert_true(is_near);
        assert_int_equal(mql_column_int64(stmt, 0), id);
        assert_memory_equal(mql_column_vector(stmt, 2, &dim), elements,
                            element_row_size(kind->element, DIM));
        assert_int_equal(dim, DIM);
        const float *widened = mql_column_vector_f32(stmt, 2, &dim);
        if (kind->element == ELEMENT_BIT)
            assert_null(widened);
        else
            assert_memory_equal(widened, floats, sizeof floats);
        assert_int_equal(mql_step(stmt), MQL_DONE);
    }
    mql_finalize(stmt);
}

static mql_conn *
open_at(const char *path, mql_db **db)
{
    mql_error error = MQL_ERROR_INIT;
    mql_conn *conn;
    if (mql_open(path, NULL, db, &error) != MQL_OK)
        fail_msg("%s", error.message);
    assert_int_equal(mql_connect(*db, &conn, &error), MQL_OK);
    return conn;
}

static void
close_all(mql_conn *conn, mql_db *db)
{
    mql_disconnect(conn);
    mql_close(db);
}

static void
test_every_type(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        char directory[] = "/tmp/mql-vectors-XXXXXX", path[64], sql[200];
        mql_db *db;
        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof path, "%s/db", directory);
        mql_conn *conn = open_at(path, &db);
        snprintf(sql, sizeof sql,
                 "CREATE COLLECTION t (id INT64 PRIMARY KEY, v %s(%d))",
                 kinds[k].name, DIM);
        run_sql(conn, sql);
        fill(conn, &kinds[k]);
        look(conn, &kinds[k]);
        close_all(conn, db);

        conn = open_at(path, &db);
        look(conn, &kinds[k]);
        run_sql(conn, "FLUSH t");
        look(conn, &kinds[k]);
        snprintf(sql, sizeof sql,
                 "CREATE INDEX ON t (v) USING %s WITH (metric_type = '%s')",
                 kinds[k].index, kinds[k].metric);
        run_sql(conn, sql);
        look(conn, &kinds[k]);
        close_all(conn, db);

        conn = open_at(path, &db);
        look(conn, &kinds[k]);
        mql_stmt *check = prepare_sql(conn, "CHECK DATABASE");
        assert_int_equal(mql_step(check), MQL_DONE);
        mql_finalize(check);
        close_all(conn, db);
        remove_tree(directory);
    }
}

static void
assert_refused(mql_stmt *stmt, mql_conn *conn, const char *sqlstate)
{
    mql_error error = MQL_ERROR_INIT;
    assert_int_not_equal(mql_step(stmt), MQL_DONE);
    mql_error_get(conn, &error);
    assert_string_equal(error.sqlstate, sqlstate);
}

/* What a type cannot hold is refused when it is stored, whatever it is bound
 * as. */
static void
test_bad(void **state)
{
    (void)state;
    mql_db *db;
    mql_conn *conn = open_at(NULL, &db);
    const uint16_t infinite[2] = {0x3c00, 0x7c00};
    const float large[2] = {1e6f, 0};
    const uint8_t bits[1] = {0xf0};
    run_sql(conn, "CREATE COLLECTION h (id INT64 PRIMARY KEY, v HALFVEC(2))");
    mql_stmt *stmt = prepare_sql(conn, "INSERT INTO h VALUES (1, $1)");
    assert_int_equal(mql_bind_vector(stmt, 1, MQL_TYPE_FLOAT16_VECTOR, infinite,
                                     2, MQL_STATIC),
                     MQL_OK);
    assert_refused(stmt, conn, "22003");
    assert_int_equal(mql_bind_vector_f32(stmt, 1, large, 2, MQL_STATIC),
                     MQL_OK);
    assert_refused(stmt, conn, "22003");
    assert_int_equal(mql_bind_vector(stmt, 1, MQL_TYPE_BFLOAT16_VECTOR,
                                     infinite, 1, MQL_STATIC),
                     MQL_OK);
    assert_refused(stmt, conn, "22000");
    assert_int_equal(
        mql_bind_vector(stmt, 1, MQL_TYPE_BINARY_VECTOR, bits, 8, MQL_STATIC),
        MQL_OK);
    assert_refused(stmt, conn, "42846");
    assert_int_not_equal(
        mql_bind_vector(stmt, 1, MQL_TYPE_BINARY_VECTOR, bits, 7, MQL_STATIC),
        MQL_OK);
    assert_int_not_equal(
        mql_bind_vector(stmt, 1, MQL_TYPE_INT64, bits, 8, MQL_STATIC), MQL_OK);
    assert_int_not_equal(mql_bind_vector(stmt, 1, 104, bits, 8, MQL_STATIC),
                         MQL_OK);
    mql_finalize(stmt);
    close_all(conn, db);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
