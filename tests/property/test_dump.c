/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dump.c - "mql dump" of random databases.
 *
 * Rows of every type follow from a number each. Two databases get the same
 * rows by other ways: other orders, wrong rows that are replaced, others that
 * are deleted, flushes, compaction, names made in other orders. Their dumps
 * must be the same bytes; the databases made of them, by statements of their
 * own and in one transaction, must have that dump again and the very bits of
 * the first one's values.
 *
 * MQL_TEST_SEED=n runs one seed.
 */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "files.h"
#include "mql.h"

#define ROWS 400
#define EXTRA 40 /* rows that are inserted and deleted */
#define FIELDS 17
#define TEXT_SIZE 512

typedef struct World {
    uint64_t random;
    mql_db *db;
    mql_conn *conn;
} World;

static uint32_t
below(uint64_t *random, uint32_t most)
{
    *random =
        *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*random >> 33) % most;
}

static uint64_t
bits(uint64_t *random)
{
    uint64_t high = below(random, UINT32_C(1) << 31);
    uint64_t low = below(random, UINT32_C(1) << 31);
    return high << 33 ^ low << 2 ^ below(random, 4);
}

/* ---- values ---- */

/* Any finite one, the odd ones often. */
static double
any_double(uint64_t *random)
{
    static const double odd[] = {
        0,      -0.0,    5e-324,  -5e-324,
        0.1,    1e22,    1.0 / 3, 2.2250738585072014e-308,
        -1e300, 1.5e308, 1e15,    123456789012345680.0};
    if (below(random, 3) == 0)
        return odd[below(random, sizeof odd / sizeof *odd)];
    double value;
    do {
        uint64_t raw = bits(random);
        memcpy(&value, &raw, sizeof value);
    } while (!isfinite(value));
    return value;
}

static float
any_float(uint64_t *random)
{
    static const float odd[] = {0,    -0.0F, 1e-45F, 3.4028235e38F,
                                0.1F, 1e10F, -1e-40F};
    if (below(random, 3) == 0)
        return odd[below(random, sizeof odd / sizeof *odd)];
    float value;
    do {
        uint32_t raw = (uint32_t)bits(random);
        memcpy(&value, &raw, sizeof value);
    } while (!isfinite(value));
    return value;
}

static int64_t
any_integer(uint64_t *random, int width)
{
    int64_t most = (int64_t)(UINT64_MAX >> (65 - width));
    switch (below(random, 4)) {
    case 0:
        return most;
    case 1:
        return -most - 1;
    default:
        return (int64_t)(bits(random) & (uint64_t)most) -
               (below(random, 2) == 0 ? 0 : most);
    }
}

static void
any_text(uint64_t *random, char text[TEXT_SIZE])
{
    static const char *const pieces[] = {"\n\\.\n",
                                         "\"",
                                         "'",
                                         "\\",
                                         ",",
                                         "\xc3\xa9",
                                         "\xf0\x9f\x98\x80",
                                         "\r\n",
                                         "\t",
                                         " ",
                                         "\n",
                                         "NULL",
                                         "\\N",
                                         "-- ",
                                         ":name",
                                         "\\.\r\n",
                                         "$1",
                                         ";",
                                         "\x01",
                                         "word",
                                         "''",
                                         "/*",
                                         "\n\\.\r\n"};
    uint32_t count = below(random, 6);
    size_t size = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < count; i++)
        size += (size_t)snprintf(
            text + size, TEXT_SIZE - size, "%s",
            pieces[below(random, sizeof pieces / sizeof *pieces)]);
}

static void
any_json(uint64_t *random, char text[TEXT_SIZE])
{
    static const char *const fixed[] = {
        "null",
        "true",
        "{}",
        "[]",
        "\"\"",
        "{\"a\\u0001\": \"\\n\\\\.\\n\", \"b\": [null, -0.0]}",
        "9223372036854775807",
        "\"\\ud83d\\ude00 ' \\\"\"",
        "[[[1]], {\"\": {}}]"};
    uint32_t choice = below(random, 12);
    if (choice < sizeof fixed / sizeof *fixed)
        snprintf(text, TEXT_SIZE, "%s", fixed[choice]);
    else
        snprintf(text, TEXT_SIZE, "{\"r\": %.17g, \"i\": %" PRId64 "}",
                 any_double(random), any_integer(random, 64));
}

static void
any_time(uint64_t *random, char text[TEXT_SIZE])
{
    snprintf(text, TEXT_SIZE, "%04u-%02u-%02u %02u:%02u:%02u.%06u+00",
             1 + below(random, 9999), 1 + below(random, 12),
             1 + below(random, 28), below(random, 24), below(random, 60),
             below(random, 60), below(random, 1000000));
}

static void
any_floats(uint64_t *random, char text[TEXT_SIZE])
{
    snprintf(text, TEXT_SIZE, "[%.9g, %.9g]", (double)any_float(random),
             (double)any_float(random));
}

static mql_status
bind_text(mql_stmt *stmt, int32_t index, const char *text)
{
    return mql_bind_text(stmt, index, text, -1, MQL_TRANSIENT);
}

static mql_status
bind_vector(mql_stmt *stmt, int32_t index, uint64_t *random)
{
    float vector[3] = {any_float(random), any_float(random), any_float(random)};
    return mql_bind_vector_f32(stmt, index, vector, 3, MQL_TRANSIENT);
}

/* The values behind the key, which are parameters 2 and up. */
static void
bind_values(mql_stmt *stmt, uint64_t seed)
{
    static void (*const texts[])(uint64_t *, char[TEXT_SIZE]) = {
        any_text, any_text, any_json, any_floats, any_time};
    static const int widths[] = {8, 16, 32, 64};
    uint64_t random = seed * 977 + 5;
    int32_t index = 2;
    char text[TEXT_SIZE];
    bits(&random);
    assert_int_equal(mql_bind_bool(stmt, index++, below(&random, 2) == 0), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(
            mql_bind_int64(stmt, index++, any_integer(&random, widths[i])), 0);
    assert_int_equal(mql_bind_double(stmt, index++, (double)any_float(&random)),
                     0);
    assert_int_equal(mql_bind_double(stmt, index++, any_double(&random)), 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        texts[i](&random, text);
        assert_int_equal(bind_text(stmt, index++, text), 0);
    }
    snprintf(text, sizeof text, "[%" PRId64 ", 0]", any_integer(&random, 64));
    assert_int_equal(bind_text(stmt, index++, text), 0);
    snprintf(text, sizeof text, "{\"x\": %u, \"i1\": \"\\\\.\"}",
             below(&random, 9));
    assert_int_equal(bind_text(stmt, index++, text), 0);
    assert_int_equal(bind_vector(stmt, index++, &random), 0);
    assert_int_equal(bind_vector(stmt, index++, &random), 0);
    assert_int_equal(index, FIELDS + 1);
    /* All but the first vector may be NULL. */
    for (int32_t i = 2; i <= FIELDS; i++)
        if (i != FIELDS - 1 && below(&random, 5) == 0)
            assert_int_equal(mql_bind_null(stmt, i), 0);
}

/* ---- databases ---- */

static void
run(World *world, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    if (mql_exec(world->conn, sql) == MQL_OK)
        return;
    mql_error_get(world->conn, &error);
    fail_msg("%s: %s %s", sql, error.message, error.detail);
}

static void
put_row(World *world, const char *word, uint32_t key, uint64_t seed)
{
    static const char *const partitions[] = {"", "PARTITION \"p-1\"",
                                             "PARTITION \"0\""};
    char sql[512];
    mql_stmt *stmt;
    mql_error error = MQL_ERROR_INIT;
    snprintf(
        sql, sizeof sql,
        "%s INTO every %s (id, b, i1, i2, i4, i8, f, d, s, w, j, a, t, ai, "
        "\"$meta\", v, n) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
        "$11, $12, $13, $14, $15, $16, $17)",
        word, partitions[key % 3]);
    assert_int_equal(mql_prepare(world->conn, sql, -1, &stmt, NULL), MQL_OK);
    bind_values(stmt, seed);
    assert_int_equal(mql_bind_int64(stmt, 1, (int64_t)key * 7 - 900), MQL_OK);
    if (mql_step(stmt) != MQL_DONE) {
        mql_error_get(world->conn, &error);
        fail_msg("key %u: %s %s", key, error.message, error.detail);
    }
    mql_finalize(stmt);
}

static void
put_named(World *world, uint32_t key, uint64_t seed)
{
    char text[TEXT_SIZE], name[TEXT_SIZE + 16];
    uint64_t random = seed * 31 + 7;
    mql_stmt *stmt;
    bits(&random);
    any_text(&random, text);
    snprintf(name, sizeof name, "%s%u", text, key);
    assert_int_equal(mql_prepare(world->conn,
                                 "UPSERT INTO \"select\" VALUES ($1, $2)", -1,
                                 &stmt, NULL),
                     MQL_OK);
    assert_int_equal(bind_text(stmt, 1, name), MQL_OK);
    assert_int_equal(mql_bind_int64(stmt, 2, below(&random, 9)), MQL_OK);
    assert_int_equal(mql_step(stmt), MQL_DONE);
    mql_finalize(stmt);
}

static void
shuffle(World *world, uint32_t *keys, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        keys[i] = i;
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t other = below(&world->random, i + 1), key = keys[i];
        keys[i] = keys[other];
        keys[other] = key;
    }
}

static void
fill(World *world, uint64_t seed)
{
    uint32_t keys[ROWS + EXTRA];
    char sql[128];
    shuffle(world, keys, ROWS + EXTRA);
    for (uint32_t i = 0; i < ROWS + EXTRA; i++) {
        uint32_t key = keys[i];
        bool was_wrong = below(&world->random, 4) == 0;
        if (was_wrong)
            put_row(world, "INSERT", key, seed * 1000000 + 5000 + key);
        put_row(world, was_wrong ? "UPSERT" : "INSERT", key,
                seed * 1000000 + key);
        if (key < ROWS)
            put_named(world, key, seed * 1000000 + key);
        if (below(&world->random, 60) == 0)
            run(world, "FLUSH every");
        if (below(&world->random, 60) == 0)
            run(world, "FLUSH \"select\"");
    }
    snprintf(sql, sizeof sql, "DELETE FROM every WHERE id >= %d",
             ROWS * 7 - 900);
    run(world, sql);
}

#define CREATE_EVERY                                                           \
    "CREATE COLLECTION every (id INT64 PRIMARY KEY AUTO_ID, b BOOL, i1 INT8, " \
    "i2 INT16, i4 INT32, i8 INT64 DEFAULT 7, f FLOAT, d DOUBLE, s "            \
    "VARCHAR(100), w TEXT, j JSON, a ARRAY<FLOAT>(4), t TIMESTAMPTZ, ai "      \
    "ARRAY<INT64>(4), v FLOAT_VECTOR(3), n FLOAT_VECTOR(3) NULL) COMMENT "     \
    "'it''s' WITH (enable_dynamic_field = true)"
#define CREATE_SELECT                                                          \
    "CREATE COLLECTION \"select\" (k VARCHAR(200) PRIMARY KEY, p INT64 "       \
    "PARTITION KEY) WITH (num_partitions = 3)"
#define MAKE_P1 "CREATE PARTITION \"p-1\" ON every;"
#define MAKE_0 "CREATE PARTITION \"0\" ON every;"
#define MAKE_OTHERS                                                            \
    "CREATE ALIAS \"from\" FOR \"select\"; CREATE ALIAS whole FOR every;"
#define MAKE_V "CREATE INDEX v ON every (v) USING FLAT;"
#define MAKE_N                                                                 \
    "CREATE INDEX nx ON every (i8) USING INVERTED; CREATE INDEX ON every "     \
    "(j['it''s \\ \"'][0].k) WITH (json_cast_type = 'DOUBLE'); CREATE INDEX "  \
    "dyn "                                                                     \
    "ON every (extra) USING NGRAM WITH (json_cast_type = 'VARCHAR', min_gram " \
    "= 1, max_gram = 2);"

static void
open_world(World *world, const char *path, uint64_t random)
{
    mql_error error = MQL_ERROR_INIT;
    world->random = random;
    assert_int_equal(mql_open(path, NULL, &world->db, &error), MQL_OK);
    assert_int_equal(mql_connect(world->db, &world->conn, &error), MQL_OK);
}

static void
close_world(World *world)
{
    assert_int_equal(mql_disconnect(world->conn), MQL_OK);
    assert_int_equal(mql_close(world->db), MQL_OK);
}

/* The contents of `seed`, by one of two ways. */
static void
make_database(const char *path, uint64_t seed, bool is_second)
{
    World world;
    open_world(&world, path, seed * 2 + is_second);
    if (is_second)
        run(&world, CREATE_SELECT ";" CREATE_EVERY
                                  ";" MAKE_0 MAKE_P1 MAKE_N MAKE_V MAKE_OTHERS
                                  "CREATE ALIAS alle FOR every;"
                                  "CREATE DATABASE b; CREATE DATABASE a");
    else
        run(&world, "CREATE DATABASE a; CREATE DATABASE b;" CREATE_EVERY
                    ";" MAKE_P1 MAKE_0 CREATE_SELECT);
    fill(&world, seed);
    if (is_second)
        run(&world, "COMPACT every; VACUUM; SET GLOBAL hnsw.ef_search = 9");
    else
        run(&world, MAKE_V MAKE_N "CREATE ALIAS alle FOR \"select\"; ALTER "
                                  "ALIAS alle FOR every;" MAKE_OTHERS
                                  "SET GLOBAL hnsw.ef_search = 9");
    if (seed % 2 == 0)
        run(&world, "RELEASE COLLECTION \"select\"; RELEASE COLLECTION every "
                    "PARTITION (\"0\")");
    close_world(&world);
}

/* ---- the program ---- */

/* Run mql, which lies two folders above this program. */
static void
run_mql(const char *const *words)
{
    char path[4096];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 16);
    assert_true(size > 0);
    path[size] = '\0';
    for (int i = 0; i < 3; i++)
        *strrchr(path, '/') = '\0';
    snprintf(path + strlen(path), 8, "/mql");
    pid_t child = fork();
    if (child == 0) {
        /* execv() leaves them as they are, whatever its type says. */
        char *copy[8];
        memcpy(copy, words, sizeof copy);
        execv(path, copy);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
dump(const char *database, const char *file)
{
    run_mql((const char *[8]){"mql", "dump", database, "-o", file, NULL});
}

static void
load(const char *database, const char *file, const char *option)
{
    run_mql((const char *[8]){"mql", "-X", option, database, "-f", file, NULL});
}

static void
assert_same_files(const char *left, const char *right)
{
    Bytes a = read_file(left), b = read_file(right);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    free(a.data);
    free(b.data);
}

/* ---- the very bits ---- */

static void
assert_same_value(mql_stmt *a, mql_stmt *b, int32_t column)
{
    size_t a_size = 0, b_size = 0;
    assert_int_equal(mql_column_is_null(a, column),
                     mql_column_is_null(b, column));
    if (mql_column_is_null(a, column))
        return;
    double left = mql_column_double(a, column);
    double right = mql_column_double(b, column);
    assert_memory_equal(&left, &right, sizeof left);
    assert_true(mql_column_int64(a, column) == mql_column_int64(b, column));
    uint32_t dim = 0;
    const float *vector = mql_column_vector_f32(a, column, &dim);
    if (vector != NULL)
        assert_memory_equal(vector, mql_column_vector_f32(b, column, NULL),
                            dim * sizeof *vector);
    const char *a_text = mql_column_text(a, column, &a_size);
    const char *b_text = mql_column_text(b, column, &b_size);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a_text, b_text, a_size);
}

static void
assert_same_rows(World *left, World *right, const char *sql, int64_t rows)
{
    mql_stmt *a, *b;
    int64_t count = 0;
    assert_int_equal(mql_prepare(left->conn, sql, -1, &a, NULL), MQL_OK);
    assert_int_equal(mql_prepare(right->conn, sql, -1, &b, NULL), MQL_OK);
    mql_status status;
    while ((status = mql_step(a)) == MQL_ROW) {
        assert_int_equal(mql_step(b), MQL_ROW);
        for (int32_t i = 0; i < mql_column_count(a); i++)
            assert_same_value(a, b, i);
        count++;
    }
    assert_int_equal(status, MQL_DONE);
    assert_int_equal(mql_step(b), MQL_DONE);
    assert_true(count == rows);
    mql_finalize(a);
    mql_finalize(b);
}

static void
assert_same_values(const char *left_path, const char *right_path)
{
    World left, right;
    open_world(&left, left_path, 0);
    open_world(&right, right_path, 0);
    run(&left, "LOAD COLLECTION \"select\"; LOAD COLLECTION every");
    run(&right, "LOAD COLLECTION \"select\"; LOAD COLLECTION every");
    assert_same_rows(&left, &right, "SELECT * FROM every ORDER BY id", ROWS);
    assert_same_rows(&left, &right,
                     "SELECT * FROM every PARTITION (\"0\") ORDER BY id",
                     ROWS / 3);
    assert_same_rows(&left, &right, "SELECT * FROM \"select\" ORDER BY k",
                     ROWS);
    close_world(&left);
    close_world(&right);
}

/* ---- the test ---- */

static void
check_seed(uint64_t seed)
{
    static const char *const names[] = {"a",     "b",     "c",    "d",
                                        "a.mql", "b.mql", "c.mql"};
    char *directory = temporary_directory();
    char *paths[7];
    for (size_t i = 0; i < 7; i++)
        paths[i] = path_in(directory, names[i]);
    make_database(paths[0], seed, false);
    make_database(paths[1], seed, true);
    dump(paths[0], paths[4]);
    dump(paths[1], paths[5]);
    assert_same_files(paths[4], paths[5]);
    load(paths[2], paths[4], "-q");
    load(paths[3], paths[4], "-q1");
    for (size_t i = 2; i < 4; i++) {
        dump(paths[i], paths[6]);
        assert_same_files(paths[4], paths[6]);
        assert_same_values(paths[0], paths[i]);
    }
    for (size_t i = 0; i < 7; i++)
        free(paths[i]);
    remove_tree(directory);
    free(directory);
}

static void
test_dumps(void **state)
{
    (void)state;
    const char *only = getenv("MQL_TEST_SEED");
    if (only != NULL) {
        check_seed(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= 4; seed++)
        check_seed(seed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dumps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
