/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_index_bypass.c - a damaged index file costs time, never an answer.
 *
 * One byte of an index file is changed, in turn all over the file; the database
 * is opened again and asked. Found at open or only when read: the answers are
 * the undamaged ones, from a scan. A background job builds the file again.
 */

#include "mql.h"
#include "run_sql.h"

/* Prime, so that every kind of place in the file is met. */
#define STRIDE 211

#define QUESTIONS 6
static const char *const questions[QUESTIONS] = {
    "SELECT id FROM c WHERE n = 3 ORDER BY id",
    "SELECT id FROM c WHERE NOT (n > 1) AND id < 90 ORDER BY id",
    "SELECT id FROM c WHERE n IS NULL ORDER BY id",
    "SEARCH c FOR [7, 3] LIMIT 5 WITH (ef = 200)",
    "SELECT id FROM c WHERE j.n <> 3 AND id < 60 ORDER BY id",
    "SELECT id FROM c WHERE j.n IS NULL ORDER BY id",
};

typedef struct Answers {
    char *text[QUESTIONS];
} Answers;

static char *
ask(mql_conn *conn, const char *sql)
{
    mql_stmt *stmt;
    size_t size;
    char *text = NULL;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(mql_prepare(conn, sql, -1, &stmt, NULL), MQL_OK);
    mql_status status;
    while ((status = mql_step(stmt)) == MQL_ROW)
        for (int32_t i = 0; i < mql_column_count(stmt); i++)
            fprintf(out, "%s ", mql_column_text(stmt, i, NULL));
    mql_finalize(stmt);
    fclose(out);
    if (status != MQL_DONE) {
        mql_error error = MQL_ERROR_INIT;
        mql_error_get(conn, &error);
        fail_msg("%s: %s %s", sql, error.message, error.detail);
    }
    return text;
}

static Answers
ask_all(const char *path)
{
    mql_db *db;
    mql_conn *conn;
    Answers answers;
    mql_error error = MQL_ERROR_INIT;
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    options.no_jobs = true;
    if (mql_open(path, &options, &db, &error) != MQL_OK)
        fail_msg("%s", error.message);
    assert_int_equal(mql_connect(db, &conn, &error), MQL_OK);
    for (int i = 0; i < QUESTIONS; i++)
        answers.text[i] = ask(conn, questions[i]);
    mql_disconnect(conn);
    mql_close(db);
    return answers;
}

static void
free_answers(Answers *answers)
{
    for (int i = 0; i < QUESTIONS; i++)
        free(answers->text[i]);
}

static void
make_database(const char *path, const char *index)
{
    mql_db *db;
    mql_conn *conn;
    mql_error error = MQL_ERROR_INIT;
    assert_int_equal(mql_open(path, NULL, &db, &error), MQL_OK);
    assert_int_equal(mql_connect(db, &conn, &error), MQL_OK);
    run_sql(conn, "CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT32 NULL, "
                  "v FLOAT_VECTOR(2), j JSON)");
    for (int i = 0; i < 200; i++) {
        char sql[128];
        const char digit[2] = {(char)('0' + i % 7), 0};
        const char *n = i % 7 == 6 ? "NULL" : digit;
        snprintf(sql, sizeof sql,
                 "INSERT INTO c VALUES (%d, %s, [%d, %d], '{\"n\": %s}')", i, n,
                 i % 20, i / 20, i % 7 == 6 ? "\"none\"" : n);
        run_sql(conn, sql);
    }
    run_sql(conn, index);
    run_sql(conn, "FLUSH c");
    assert_int_equal(mql_disconnect(conn), MQL_OK);
    assert_int_equal(mql_close(db), MQL_OK);
}

/* The only file of that ending in the directory; malloc'ed. */
static char *
find_file(const char *directory, const char *ending)
{
    char *found = NULL;
    DIR *entries = opendir(directory);
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        size_t size = strlen(entry->d_name);
        if (size > strlen(ending) &&
            strcmp(entry->d_name + size - strlen(ending), ending) == 0) {
            assert_null(found);
            found = path_in(directory, entry->d_name);
        }
    }
    closedir(entries);
    assert_non_null(found);
    return found;
}

static void
damage_everywhere(const char *index)
{
    char *root = temporary_directory();
    char *path = path_in(root, "db");
    make_database(path, index);
    Answers good = ask_all(path);
    char *segments = path_in(path, "segments");
    char *file = find_file(segments, ".idx");
    Bytes bytes = read_file(file);
    for (size_t at = 0; at < bytes.size; at += STRIDE) {
        bytes.data[at] ^= 0x10;
        write_file(file, bytes.data, bytes.size);
        bytes.data[at] ^= 0x10;
        Answers now = ask_all(path);
        for (int i = 0; i < QUESTIONS; i++)
            assert_string_equal(now.text[i], good.text[i]);
        free_answers(&now);
    }
    free_answers(&good);
    free(bytes.data);
    free(file);
    free(segments);
    remove_tree(root);
    free(path);
    free(root);
}

static void
test_inverted(void **state)
{
    (void)state;
    damage_everywhere("CREATE INDEX ON c (n) USING INVERTED");
}

static void
test_json_path(void **state)
{
    (void)state;
    damage_everywhere("CREATE INDEX ON c (j.n) USING INVERTED WITH "
                      "(json_cast_type = 'DOUBLE')");
}

static void
test_hnsw(void **state)
{
    (void)state;
    damage_everywhere(
        "CREATE INDEX ON c (v) USING HNSW WITH (metric_type = 'L2')");
}

/* Enough rows for a list of them that goes over several pages. */
static void
make_larger(const char *path)
{
    mql_db *db;
    mql_conn *conn;
    char *sql = NULL;
    size_t size;
    FILE *out = open_memstream(&sql, &size);
    assert_non_null(out);
    fputs("CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT32, "
          "v FLOAT_VECTOR(2)); INSERT INTO c VALUES (0, 0, [0, 0])",
          out);
    for (int i = 1; i < 8000; i++)
        fprintf(out, ", (%d, %d, [0, 0])", i, i % 7);
    fclose(out);
    assert_int_equal(mql_open(path, NULL, &db, NULL), MQL_OK);
    assert_int_equal(mql_connect(db, &conn, NULL), MQL_OK);
    run_sql(conn, sql);
    run_sql(conn, "CREATE INDEX ON c (n) USING INVERTED; FLUSH c");
    assert_int_equal(mql_disconnect(conn), MQL_OK);
    assert_int_equal(mql_close(db), MQL_OK);
    free(sql);
}

/* A file cut after its bytes were checked answers with zeros, by key too. */
static void
test_cut(void **state)
{
    static const char *const keyed =
        "SELECT id FROM c WHERE (id = 5 AND n = 5) OR (id = 13 AND n = 6) "
        "ORDER BY id";
    (void)state;
    char *root = temporary_directory();
    char *path = path_in(root, "db");
    make_larger(path);
    char *segments = path_in(path, "segments");
    char *file = find_file(segments, ".idx");
    mql_db *db;
    mql_conn *conn;
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    options.no_jobs = 1;
    assert_int_equal(mql_open(path, &options, &db, NULL), MQL_OK);
    assert_int_equal(mql_connect(db, &conn, NULL), MQL_OK);
    char *good = ask(conn, keyed);
    assert_int_equal(truncate(file, 8192), 0);
    char *now = ask(conn, keyed);
    assert_string_equal(now, good);
    free(now);
    free(good);
    assert_int_equal(mql_disconnect(conn), MQL_OK);
    assert_int_equal(mql_close(db), MQL_OK);
    free(file);
    free(segments);
    remove_tree(root);
    free(path);
    free(root);
}

/* ---- mended in the background ---- */

static bool
is_sound(mql_conn *conn)
{
    return mql_exec(conn, "CHECK DATABASE") == MQL_OK;
}

#define DONE "index build c done 100 % "

/* With that byte of the only index changed, after a question that reads it. */
static void
mend(const char *path, const char *file, size_t at)
{
    mql_db *db;
    mql_conn *conn;
    mql_error error = MQL_ERROR_INIT;
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    Bytes bytes = read_file(file);
    bytes.data[at] ^= 0x10;
    write_file(file, bytes.data, bytes.size);
    options.read_only = true;
    assert_int_equal(mql_open(path, &options, &db, &error), MQL_OK);
    assert_int_equal(mql_connect(db, &conn, &error), MQL_OK);
    free(ask(conn, questions[0]));
    usleep(200000);
    assert_false(is_sound(conn)); /* who only reads mends nothing */
    assert_int_equal(mql_disconnect(conn), MQL_OK);
    assert_int_equal(mql_close(db), MQL_OK);
    assert_int_equal(mql_open(path, NULL, &db, &error), MQL_OK);
    assert_int_equal(mql_connect(db, &conn, &error), MQL_OK);
    free(ask(conn, questions[0]));
    for (int i = 0; i < 600 && !is_sound(conn); i++)
        usleep(50000);
    assert_true(is_sound(conn));
    /* it is sound a moment before the job says that it is done */
    char *jobs = ask(conn, "SHOW JOBS");
    for (int i = 0; i < 600 && strstr(jobs, DONE) == NULL; i++) {
        free(jobs);
        usleep(50000);
        jobs = ask(conn, "SHOW JOBS");
    }
    if (strstr(jobs, DONE) == NULL)
        fail_msg("%s", jobs);
    free(jobs);
    assert_int_equal(mql_disconnect(conn), MQL_OK);
    assert_int_equal(mql_close(db), MQL_OK);
    free(bytes.data);
}

/* Found when the database is opened, or when a question is asked. */
static void
test_mended(void **state)
{
    (void)state;
    char *root = temporary_directory();
    char *path = path_in(root, "db");
    char *segments = path_in(path, "segments");
    make_database(path, "CREATE INDEX ON c (n) USING INVERTED");
    char *file = find_file(segments, ".idx");
    mend(path, file, 0);
    mend(path, file, 4096 + 20);
    free(file);
    free(segments);
    remove_tree(root);
    free(path);
    free(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        /* The first: cmocka takes signals away from who caught them before. */
        cmocka_unit_test(test_cut),       cmocka_unit_test(test_inverted),
        cmocka_unit_test(test_json_path), cmocka_unit_test(test_hnsw),
        cmocka_unit_test(test_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
