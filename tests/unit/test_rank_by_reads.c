/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_rank_by_reads.c - rank_by_reads through the library: searches of every
 * kind of index and every type of vector find the same rows at the same
 * distances, ranked through the mapping or by reading; what is not a sound file
 * any more is an error in both.
 */
#include "run_sql.h"

#include "mql.h"

#define ROWS 3000

typedef struct Fixture {
    char *root;
    char *path;
    mql_db *db;
    mql_conn *conn;
} Fixture;

/* Keys and distances as one text; the SQLSTATE when it fails. */
static char *
answer(const Fixture *fixture, const char *sql)
{
    char *text = NULL;
    size_t size;
    mql_stmt *stmt;
    mql_status status;
    mql_error error = MQL_ERROR_INIT;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(mql_prepare(fixture->conn, sql, -1, &stmt, NULL), MQL_OK);
    while ((status = mql_step(stmt)) == MQL_ROW)
        fprintf(out, "%lld %a\n", (long long)mql_column_int64(stmt, 0),
                mql_column_double(stmt, 1));
    mql_error_get(fixture->conn, &error);
    if (status != MQL_DONE)
        fprintf(out, "%s", error.sqlstate);
    mql_finalize(stmt);
    fclose(out);
    return text;
}

static void
open_database(Fixture *fixture)
{
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    options.no_jobs = 1;
    assert_int_equal(mql_open(fixture->path, &options, &fixture->db, NULL),
                     MQL_OK);
    assert_int_equal(mql_connect(fixture->db, &fixture->conn, NULL), MQL_OK);
}

static void
close_database(Fixture *fixture)
{
    mql_disconnect(fixture->conn);
    mql_close(fixture->db);
}

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    fixture->root = temporary_directory();
    fixture->path = path_in(fixture->root, "db");
    open_database(fixture);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    close_database(fixture);
    remove_tree(fixture->root);
    free(fixture->path);
    free(fixture->root);
    free(fixture);
    return 0;
}

#define DIM 24

/* A vector of numbers or of bits in text. */
static void
print_vector(FILE *out, bool is_bits, uint64_t *seed)
{
    if (is_bits) {
        fprintf(out, "X'%06x'", (unsigned)(next_random(seed) & 0xffffff));
        return;
    }
    for (int i = 0; i < DIM; i++)
        fprintf(out, "%s%d", i == 0 ? "[" : ", ",
                (int)(next_random(seed) % 201) - 100);
    fprintf(out, "]");
}

static void
fill(const Fixture *fixture, const char *type, const char *kind,
     const char *metric)
{
    char *sql = NULL;
    size_t size;
    uint64_t seed = 7;
    bool is_bits = strcmp(type, "BINARY_VECTOR") == 0;
    FILE *out = open_memstream(&sql, &size);
    assert_non_null(out);
    fprintf(out,
            "DROP COLLECTION IF EXISTS c; CREATE COLLECTION c (id INT64 "
            "PRIMARY KEY, v %s(%d)); INSERT INTO c VALUES ",
            type, DIM);
    for (int i = 0; i < ROWS; i++) {
        fprintf(out, "%s(%d, ", i == 0 ? "" : ", ", i);
        print_vector(out, is_bits, &seed);
        fprintf(out, ")");
    }
    fprintf(out, "; FLUSH c");
    if (kind != NULL)
        fprintf(out,
                "; CREATE INDEX ON c (v) USING %s WITH (metric_type = '%s')",
                kind, metric);
    fclose(out);
    run_sql(fixture->conn, sql);
    free(sql);
}

static void
compare(const Fixture *fixture, bool is_bits, const char *rest)
{
    char *sql = NULL;
    size_t size;
    uint64_t seed = 99;
    FILE *out = open_memstream(&sql, &size);
    assert_non_null(out);
    fprintf(out, "SEARCH c FOR ");
    print_vector(out, is_bits, &seed);
    fprintf(out, " %s", rest);
    fclose(out);
    run_sql(fixture->conn, "SET rank_by_reads = off");
    char *mapped = answer(fixture, sql);
    run_sql(fixture->conn, "SET rank_by_reads = on");
    char *read = answer(fixture, sql);
    assert_string_equal(read, mapped);
    assert_true(strlen(read) > 100 || is_bits);
    free(read);
    free(mapped);
    free(sql);
}

static void
answers_are_the_same(void **state)
{
    static const char *const kinds[][3] = {
        {"FLOAT_VECTOR", "HNSW", "L2"},
        {"FLOAT_VECTOR", "HNSW", "COSINE"},
        {"FLOAT_VECTOR", "FLAT", "IP"},
        {"FLOAT_VECTOR", "IVF_FLAT", "L2"},
        {"FLOAT_VECTOR", "IVF_SQ8", "COSINE"},
        {"FLOAT_VECTOR", "IVF_RABITQ", "IP"},
        {"FLOAT_VECTOR", "SCANN", "L2"},
        {"FLOAT_VECTOR", NULL, "COSINE"},
        {"FLOAT16_VECTOR", "HNSW", "L2"},
        {"BFLOAT16_VECTOR", "IVF_SQ8", "L2"},
        {"INT8_VECTOR", "FLAT", "L2"},
        {"BINARY_VECTOR", "BIN_FLAT", "HAMMING"},
        {"BINARY_VECTOR", "BIN_IVF_FLAT", "JACCARD"},
    };
    const Fixture *fixture = *state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        bool is_bits = strcmp(kinds[i][0], "BINARY_VECTOR") == 0;
        fill(fixture, kinds[i][0], kinds[i][1], kinds[i][2]);
        compare(fixture, is_bits, "LIMIT 20");
        compare(fixture, is_bits, "LIMIT 500");
        compare(fixture, is_bits, "LIMIT 20 WHERE id % 50 = 0");
        /* by one plan: which one is chosen depends on the time it takes */
        if (kinds[i][1] == NULL || strcmp(kinds[i][1], "HNSW") != 0)
            compare(fixture, is_bits, "LIMIT 20 WHERE id % 3 <> 0");
        else
            compare(fixture, is_bits,
                    "LIMIT 20 WITH (filter_plan = 'graph') WHERE id % 3 <> 0");
    }
}

/* Descriptors of segments that the process has open. */
static uint32_t
count_open(const Fixture *fixture)
{
    DIR *entries = opendir("/proc/self/fd");
    char link[64], target[4096];
    uint32_t count = 0;
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        snprintf(link, sizeof link, "/proc/self/fd/%.20s", entry->d_name);
        ssize_t size = readlink(link, target, sizeof target - 1);
        target[size > 0 ? size : 0] = '\0';
        count += strncmp(target, fixture->path, strlen(fixture->path)) == 0 &&
                 strstr(target, ".seg") != NULL;
    }
    closedir(entries);
    return count;
}

/* The one segment that there is. */
static char *
find_segment(const Fixture *fixture)
{
    char *segments = path_in(fixture->path, "segments"), *found = NULL;
    DIR *entries = opendir(segments);
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (found == NULL && strstr(entry->d_name, ".seg") != NULL)
            found = path_in(segments, entry->d_name);
    closedir(entries);
    free(segments);
    assert_non_null(found);
    return found;
}

static const char search[] =
    "SEARCH c FOR [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, "
    "18, 19, 20, 21, 22, 23, 24] LIMIT 5 WITH (exact = true)";

static void
assert_answer(const Fixture *fixture, const char *expected)
{
    char *text = answer(fixture, search);
    assert_string_equal(text, expected);
    free(text);
}

static void
a_descriptor_is_kept_and_closed(void **state)
{
    Fixture *fixture = *state;
    fill(fixture, "FLOAT_VECTOR", NULL, NULL);
    free(answer(fixture, search));
    assert_int_equal(count_open(fixture), 0);
    run_sql(fixture->conn, "SET rank_by_reads = on");
    free(answer(fixture, search));
    free(answer(fixture, search));
    assert_int_equal(count_open(fixture), 1);
    run_sql(fixture->conn, "DROP COLLECTION c");
    assert_int_equal(count_open(fixture), 0);
}

/* All of it is in memory: the file is not looked at. */
static void
memory_is_not_read_again(void **state)
{
    Fixture *fixture = *state;
    fill(fixture, "FLOAT_VECTOR", NULL, NULL);
    run_sql(fixture->conn, "RELEASE COLLECTION c; ALTER COLLECTION c SET "
                           "(mmap.enabled = false); LOAD COLLECTION c; "
                           "SET rank_by_reads = on");
    free(answer(fixture, search));
    assert_int_equal(count_open(fixture), 0);
}

static void
damage_is_found(void **state)
{
    Fixture *fixture = *state;
    fill(fixture, "FLOAT_VECTOR", NULL, NULL);
    close_database(fixture);
    char *path = find_segment(fixture);
    Bytes bytes = read_file(path);
    bytes.data[bytes.size / 2] ^= 1;
    write_file(path, bytes.data, bytes.size);
    open_database(fixture);
    run_sql(fixture->conn, "SET rank_by_reads = on");
    assert_answer(fixture, "XX001");
    close_database(fixture);
    bytes.data[bytes.size / 2] ^= 1;
    write_file(path, bytes.data, bytes.size);
    open_database(fixture);
    char *expected = answer(fixture, search);
    run_sql(fixture->conn, "SET rank_by_reads = on");
    assert_answer(fixture, expected);
    /* Cut: what was read before cannot be read again. */
    assert_int_equal(truncate(path, 8192), 0);
    assert_answer(fixture, "XX001");
    free(expected);
    free(bytes.data);
    free(path);
}

int
main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(answers_are_the_same),
        EACH(a_descriptor_is_kept_and_closed),
        EACH(memory_is_not_read_again),
        EACH(damage_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
