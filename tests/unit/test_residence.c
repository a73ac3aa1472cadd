/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_residence.c - mmap.enabled through the library: what is in memory needs
 * no file, what is mapped does; opening, sealing, compacting and indexing bring
 * there what is loaded; what does not fit or is damaged stays mapped, and LOAD
 * says so.
 */
#include "files.h"

#include "mql.h"

#define ROWS 2000

typedef struct Fixture {
    char *root;
    char *path;
    char *segments;
    mql_db *db;
    mql_conn *conn;
} Fixture;

static mql_status
try(const Fixture *fixture, const char *sql, mql_error *error)
{
    mql_status status = mql_exec(fixture->conn, sql);
    mql_error_get(fixture->conn, error);
    return status;
}

static void
execute(const Fixture *fixture, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    if (try(fixture, sql, &error) != MQL_OK)
        fail_msg("%.200s: %s %s", sql, error.message, error.detail);
}

static void
refused(const Fixture *fixture, const char *sql, const char *sqlstate)
{
    mql_error error = MQL_ERROR_INIT;
    assert_int_not_equal(try(fixture, sql, &error), MQL_OK);
    assert_string_equal(error.sqlstate, sqlstate);
}

/* The number of the answer, or one that follows from all of them; -1: an
 * error. */
static int64_t
ask(const Fixture *fixture, const char *sql, int32_t column)
{
    mql_stmt *stmt;
    uint64_t sum = 0;
    assert_int_equal(mql_prepare(fixture->conn, sql, -1, &stmt, NULL), MQL_OK);
    mql_status status;
    while ((status = mql_step(stmt)) == MQL_ROW)
        sum = sum * 31 + (uint64_t)mql_column_int64(stmt, column);
    mql_finalize(stmt);
    return status == MQL_DONE ? (int64_t)(sum & INT64_MAX) : -1;
}

static int64_t
in_memory(const Fixture *fixture)
{
    return ask(fixture, "SHOW LOAD STATE FOR c", 2);
}

/* By scan, by key, by index of either kind. */
static uint64_t
ask_everything(const Fixture *fixture)
{
    static const char *const questions[] = {
        "SELECT id FROM c WHERE t LIKE '%77%' ORDER BY id",
        "SELECT n FROM c WHERE id = 1234",
        "SELECT id FROM c WHERE n = 3 ORDER BY id LIMIT 7",
        "SEARCH c FOR [7, 3, 1, 0] LIMIT 9 WITH (ef = 100)",
        "SEARCH c FOR [7, 3, 1, 0] LIMIT 9 WHERE n = 2 WITH (exact = true)",
    };
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        int64_t one = ask(fixture, questions[i], 0);
        assert_int_not_equal(one, -1);
        all = all * 1000003 + (uint64_t)one;
    }
    return all;
}

/* Areas of the process that are mapped from segments and indexes. */
static uint32_t
count_mappings(const Fixture *fixture)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096];
    uint32_t count = 0;
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, fixture->segments) != NULL;
    fclose(maps);
    return count;
}

typedef void (*FileEach)(const char *path, void *context);

static void
each_file(const Fixture *fixture, const char *ending, FileEach each,
          void *context)
{
    DIR *entries = opendir(fixture->segments);
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (length <= strlen(ending) ||
            strcmp(entry->d_name + length - strlen(ending), ending) != 0)
            continue;
        char *path = path_in(fixture->segments, entry->d_name);
        each(path, context);
        free(path);
    }
    closedir(entries);
}

static void
cut(const char *path, void *context)
{
    (void)context;
    assert_int_equal(truncate(path, 0), 0);
}

/* One bit of the last section but its padding, well within the file. */
static void
flip(const char *path, void *context)
{
    (void)context;
    Bytes bytes = read_file(path);
    bytes.data[4096 + 100] ^= 1;
    write_file(path, bytes.data, bytes.size);
    free(bytes.data);
}

static void
open_database(Fixture *fixture)
{
    assert_int_equal(mql_open(fixture->path, NULL, &fixture->db, NULL), MQL_OK);
    assert_int_equal(mql_connect(fixture->db, &fixture->conn, NULL), MQL_OK);
}

static void
close_database(Fixture *fixture)
{
    mql_disconnect(fixture->conn);
    mql_close(fixture->db);
}

static void
put_rows(const Fixture *fixture, int first, int end)
{
    char *sql = NULL;
    size_t size;
    FILE *out = open_memstream(&sql, &size);
    assert_non_null(out);
    fprintf(out, "INSERT INTO c VALUES ");
    for (int i = first; i < end; i++)
        fprintf(out, "%s(%d, %d, 'row %d', [%d, %d, %d, %d])",
                i == first ? "" : ", ", i, i % 7, i, i % 17, i % 13, i % 5, i);
    fclose(out);
    execute(fixture, sql);
    free(sql);
}

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    fixture->root = temporary_directory();
    fixture->path = path_in(fixture->root, "db");
    fixture->segments = path_in(fixture->path, "segments");
    open_database(fixture);
    execute(fixture, "CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT32, "
                     "t VARCHAR(100), v FLOAT_VECTOR(4)) "
                     "WITH (mmap.enabled = false)");
    put_rows(fixture, 0, ROWS);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    close_database(fixture);
    remove_tree(fixture->root);
    free(fixture->segments);
    free(fixture->path);
    free(fixture->root);
    free(fixture);
    return 0;
}

static void
index_and_flush(const Fixture *fixture)
{
    execute(fixture, "CREATE INDEX ON c (v) USING HNSW WITH (metric_type = "
                     "'L2'); CREATE INDEX ON c (n) USING INVERTED; FLUSH c");
}

/* ---- the tests ---- */

static void
memory_needs_no_file(void **state)
{
    Fixture *fixture = *state;
    index_and_flush(fixture);
    uint64_t answers = ask_everything(fixture);
    int64_t held = in_memory(fixture);
    assert_true(held > 0);
    assert_int_equal(count_mappings(fixture), 0);
    each_file(fixture, ".seg", cut, NULL);
    each_file(fixture, ".idx", cut, NULL);
    assert_int_equal(ask_everything(fixture), answers);
    assert_int_equal(in_memory(fixture), held);
    /* The files are what CHECK reads. */
    refused(fixture, "CHECK DATABASE", "XX001");
}

static void
opening_brings_it_there(void **state)
{
    Fixture *fixture = *state;
    index_and_flush(fixture);
    uint64_t answers = ask_everything(fixture);
    int64_t held = in_memory(fixture);
    close_database(fixture);
    open_database(fixture);
    assert_int_equal(in_memory(fixture), held);
    assert_int_equal(count_mappings(fixture), 0);
    assert_int_equal(ask_everything(fixture), answers);
    /* Released is not loaded, after opening too. */
    execute(fixture, "RELEASE COLLECTION c");
    assert_int_equal(in_memory(fixture), 0);
    assert_true(count_mappings(fixture) > 0);
    close_database(fixture);
    open_database(fixture);
    assert_int_equal(in_memory(fixture), 0);
    assert_true(count_mappings(fixture) > 0);
    execute(fixture, "LOAD COLLECTION c");
    assert_int_equal(in_memory(fixture), held);
    assert_int_equal(count_mappings(fixture), 0);
    assert_int_equal(ask_everything(fixture), answers);
}

static void
new_segments_and_indexes_come_there(void **state)
{
    Fixture *fixture = *state;
    execute(fixture, "FLUSH c");
    execute(fixture, "DELETE FROM c WHERE id < 500");
    put_rows(fixture, ROWS, ROWS + 500);
    execute(fixture, "FLUSH c");
    index_and_flush(fixture);
    uint64_t answers = ask_everything(fixture);
    assert_int_equal(count_mappings(fixture), 0);
    execute(fixture, "VACUUM FULL c");
    execute(fixture, "COMPACT c");
    execute(fixture, "REINDEX COLLECTION c");
    assert_int_equal(count_mappings(fixture), 0);
    assert_int_equal(ask_everything(fixture), answers);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM c", 0), ROWS);
}

static void
one_field_and_one_index(void **state)
{
    Fixture *fixture = *state;
    index_and_flush(fixture);
    uint64_t answers = ask_everything(fixture);
    int64_t all = in_memory(fixture);
    execute(fixture, "RELEASE COLLECTION c; "
                     "ALTER COLLECTION c SET (mmap.enabled = true); "
                     "ALTER COLLECTION c ALTER FIELD v "
                     "SET (mmap.enabled = false); "
                     "LOAD COLLECTION c");
    assert_int_equal(in_memory(fixture), ROWS * 4 * 4);
    assert_true(count_mappings(fixture) > 0);
    assert_int_equal(ask_everything(fixture), answers);
    execute(fixture, "RELEASE COLLECTION c; "
                     "ALTER INDEX v ON c SET (mmap.enabled = false); "
                     "LOAD COLLECTION c");
    int64_t both = in_memory(fixture);
    assert_true(both > ROWS * 4 * 4 && both < all);
    assert_int_equal(ask_everything(fixture), answers);
}

/* A cursor has its segments from before; what it reads is the same. */
static void
readers_go_on(void **state)
{
    Fixture *fixture = *state;
    index_and_flush(fixture);
    mql_stmt *stmt;
    assert_int_equal(mql_prepare(fixture->conn, "SELECT id FROM c ORDER BY id",
                                 -1, &stmt, NULL),
                     MQL_OK);
    mql_conn *other;
    assert_int_equal(mql_connect(fixture->db, &other, NULL), MQL_OK);
    for (int64_t i = 0; i < ROWS; i++) {
        assert_int_equal(mql_step(stmt), MQL_ROW);
        assert_int_equal(mql_column_int64(stmt, 0), i);
        if (i % 200 == 0)
            assert_int_equal(mql_exec(other, "RELEASE COLLECTION c"), MQL_OK);
        if (i % 200 == 100)
            assert_int_equal(mql_exec(other, "LOAD COLLECTION c"), MQL_OK);
    }
    assert_int_equal(mql_step(stmt), MQL_DONE);
    mql_finalize(stmt);
    mql_disconnect(other);
}

static void
too_much_stays_mapped_or_is_refused(void **state)
{
    Fixture *fixture = *state;
    execute(fixture, "SET GLOBAL load_mem = 1000");
    index_and_flush(fixture);
    uint64_t answers = ask_everything(fixture);
    assert_int_equal(in_memory(fixture), 0);
    close_database(fixture);
    open_database(fixture);
    assert_int_equal(in_memory(fixture), 0);
    assert_int_equal(ask_everything(fixture), answers);
    execute(fixture, "RELEASE COLLECTION c");
    refused(fixture, "LOAD COLLECTION c", "53200");
    refused(fixture, "SELECT id FROM c", "55000");
    assert_int_equal(in_memory(fixture), 0);
    /* Enough for some of it: none of it stays. */
    execute(fixture, "SET GLOBAL load_mem = '100kB'");
    refused(fixture, "LOAD COLLECTION c", "53200");
    assert_int_equal(in_memory(fixture), 0);
    execute(fixture, "RESET GLOBAL load_mem; LOAD COLLECTION c");
    assert_true(in_memory(fixture) > 100000);
    assert_int_equal(ask_everything(fixture), answers);
}

static void
damage_is_not_loaded(void **state)
{
    Fixture *fixture = *state;
    execute(fixture, "FLUSH c; RELEASE COLLECTION c");
    close_database(fixture);
    each_file(fixture, ".seg", flip, NULL);
    open_database(fixture);
    refused(fixture, "LOAD COLLECTION c", "XX001");
    assert_int_equal(in_memory(fixture), 0);
    refused(fixture, "SELECT id FROM c", "55000");
    each_file(fixture, ".seg", flip, NULL);
    execute(fixture, "LOAD COLLECTION c");
    assert_true(in_memory(fixture) > 0);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM c", 0), ROWS);
}

int
main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(memory_needs_no_file),
        EACH(opening_brings_it_there),
        EACH(new_segments_and_indexes_come_there),
        EACH(one_field_and_one_index),
        EACH(readers_go_on),
        EACH(too_much_stays_mapped_or_is_refused),
        EACH(damage_is_not_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
