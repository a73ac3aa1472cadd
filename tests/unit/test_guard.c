/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_guard.c - files cut while they are mapped and read.
 *
 * Threads search, scan and look up in collections of their own database whose
 * segment and index files are cut under them, a thousand times in all. What
 * comes back is the right answer or an error that names a file; nobody dies,
 * and a collection whose files are whole goes on answering.
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/guard.h"
#include "mql.h"
#include "run_sql.h"

#define THREADS 8
#define ROUNDS 21 /* of each thread, with six files cut in each */
#define ROWS 4000
#define QUESTIONS 6

static const char *const questions[QUESTIONS] = {
    "SELECT count(*) FROM c WHERE t LIKE '%7%'",
    "SELECT sum_of FROM c WHERE n = 3 ORDER BY id LIMIT 3",
    "SELECT t FROM c WHERE id = 1234",
    "SELECT id, t FROM c ORDER BY t DESC LIMIT 5",
    "SEARCH c FOR [7, 3, 1, 0, 0, 0, 0, 0] LIMIT 5 WITH (ef = 300)",
    ("SEARCH c FOR [7, 3, 1, 0, 0, 0, 0, 0] LIMIT 5 WHERE n = 2 "
     "WITH (exact = true)"),
};

static atomic_uint faults;
static atomic_uint right_answers;

static void
make_collection(mql_conn *conn, const char *name)
{
    char *sql = NULL;
    size_t size;
    char text[256];
    snprintf(text, sizeof text,
             "CREATE COLLECTION %s (id INT64 PRIMARY KEY, n INT32, "
             "sum_of DOUBLE, t VARCHAR(100), v FLOAT_VECTOR(8))",
             name);
    run_sql(conn, text);
    for (int first = 0; first < ROWS; first += 500) {
        FILE *out = open_memstream(&sql, &size);
        assert_non_null(out);
        fprintf(out, "INSERT INTO %s VALUES ", name);
        for (int i = first; i < first + 500; i++)
            fprintf(out,
                    "%s(%d, %d, %d.5, 'row %d of the test, long enough for "
                    "many pages of text', [%d, %d, %d, %d, 0, 0, 0, %d])",
                    i == first ? "" : ", ", i, i % 7, i, i, i % 17, i % 13,
                    i % 5, i % 3, i);
        fclose(out);
        run_sql(conn, sql);
        free(sql);
    }
    snprintf(text, sizeof text,
             "CREATE INDEX ON %s (v) USING HNSW WITH (metric_type = 'L2'); "
             "CREATE INDEX ON %s (n) USING INVERTED; FLUSH %s",
             name, name, name);
    run_sql(conn, text);
}

/* The answer as text, malloc'ed; NULL: an error, which is about a file. */
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
        for (int32_t i = 0; i < mql_column_count(stmt); i++) {
            const char *value = mql_column_text(stmt, i, NULL);
            fprintf(out, "%s ", value == NULL ? "(null)" : value);
        }
    mql_error error = MQL_ERROR_INIT;
    mql_error_get(conn, &error);
    mql_finalize(stmt);
    fclose(out);
    if (status == MQL_DONE)
        return text;
    free(text);
    assert_int_equal(status, MQL_CORRUPT);
    assert_string_equal(error.sqlstate, "XX001");
    assert_non_null(strstr(error.detail, "/segments/"));
    return NULL;
}

/* Cut every file with that ending to `size` bytes. */
static unsigned
cut_files(const char *directory, const char *ending, off_t size)
{
    unsigned count = 0;
    DIR *entries = opendir(directory);
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (length <= strlen(ending) ||
            strcmp(entry->d_name + length - strlen(ending), ending) != 0)
            continue;
        char *path = path_in(directory, entry->d_name);
        assert_int_equal(truncate(path, size), 0);
        free(path);
        count++;
    }
    closedir(entries);
    return count;
}

typedef struct Copy {
    char *path;
    char *segments;
    mql_db *db;
    mql_conn *conn;
} Copy;

static void
open_copy(const char *original, const char *root, int number, Copy *copy)
{
    char name[32];
    char command[1024];
    mql_error error = MQL_ERROR_INIT;
    snprintf(name, sizeof name, "copy%d", number);
    copy->path = path_in(root, name);
    copy->segments = path_in(copy->path, "segments");
    snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'",
             copy->path, original, copy->path);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    options.threads = 2;
    if (mql_open(copy->path, &options, &copy->db, &error) != MQL_OK)
        fail_msg("%s", error.message);
    assert_int_equal(mql_connect(copy->db, &copy->conn, &error), MQL_OK);
}

static void
close_copy(Copy *copy)
{
    assert_int_equal(mql_disconnect(copy->conn), MQL_OK);
    assert_int_equal(mql_close(copy->db), MQL_OK);
    free(copy->segments);
    free(copy->path);
}

typedef struct Job {
    const char *original;
    const char *root;
    int number;
    char *const *good;
} Job;

static void
ask_all(mql_conn *conn, char *const *good)
{
    for (int i = 0; i < QUESTIONS; i++) {
        char *answer = ask(conn, questions[i]);
        if (answer != NULL) {
            assert_string_equal(answer, good[i]);
            atomic_fetch_add(&right_answers, 1);
        }
        free(answer);
    }
}

/* A round: some questions first, so that pages are known and verified, then
 * files lose their bytes while they stay mapped. */
static void *
run_job(void *context)
{
    const Job *job = context;
    static const off_t sizes[] = {0, 4096, 8192, 70000};
    for (int round = 0; round < ROUNDS; round++) {
        Copy copy;
        open_copy(job->original, job->root, job->number, &copy);
        for (int i = 0; i < QUESTIONS && round % 3 != 0; i++) {
            char *answer = ask(copy.conn, questions[i]);
            assert_string_equal(answer, job->good[i]);
            free(answer);
        }
        mql_stmt *stmt;
        assert_int_equal(
            mql_prepare(copy.conn, "SELECT id, t FROM d", -1, &stmt, NULL),
            MQL_OK);
        assert_int_equal(mql_step(stmt), MQL_ROW);
        off_t size = sizes[round % 4];
        atomic_fetch_add(&faults, cut_files(copy.segments, ".idx", size));
        ask_all(copy.conn, job->good);
        atomic_fetch_add(&faults, cut_files(copy.segments, ".seg", size));
        /* in the middle of rows: they end with an error, or are all right */
        mql_status status;
        int row = 0;
        do {
            char wanted[64];
            const char *text = mql_column_text(stmt, 1, NULL);
            snprintf(wanted, sizeof wanted, "row %d of", row++);
            if (text != NULL)
                assert_memory_equal(text, wanted, strlen(wanted));
            status = mql_step(stmt);
        } while (status == MQL_ROW);
        assert_true(status == MQL_DONE ? row == ROWS : status == MQL_CORRUPT);
        mql_finalize(stmt);
        ask_all(copy.conn, job->good);
        mql_error error = MQL_ERROR_INIT;
        assert_int_equal(mql_exec(copy.conn, "DROP COLLECTION c"), MQL_OK);
        mql_error_get(copy.conn, &error);
        close_copy(&copy);
    }
    return NULL;
}

static void
test_cut_files(void **state)
{
    (void)state;
    char *root = temporary_directory();
    char *original = path_in(root, "original");
    mql_db *db;
    mql_conn *conn;
    mql_error error = MQL_ERROR_INIT;
    char *good[QUESTIONS];
    assert_int_equal(mql_open(original, NULL, &db, &error), MQL_OK);
    assert_int_equal(mql_connect(db, &conn, &error), MQL_OK);
    make_collection(conn, "c");
    make_collection(conn, "d");
    for (int i = 0; i < QUESTIONS; i++)
        good[i] = ask(conn, questions[i]);
    assert_int_equal(mql_disconnect(conn), MQL_OK);
    assert_int_equal(mql_close(db), MQL_OK);

    pthread_t threads[THREADS];
    Job jobs[THREADS];
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (Job){original, root, i, good};
        assert_int_equal(pthread_create(&threads[i], NULL, run_job, &jobs[i]),
                         0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&faults) >= 1000);
    assert_true(atomic_load(&right_answers) > 0);
    assert_int_equal(guard_damaged(), 0);
    for (int i = 0; i < QUESTIONS; i++)
        free(good[i]);
    remove_tree(root);
    free(original);
    free(root);
}

/* ---- the catalogue is cut ---- */

/* Fails, naming the file. */
static void
refused(mql_conn *conn, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    mql_status status = mql_exec(conn, sql);
    mql_error_get(conn, &error);
    if (status != MQL_CORRUPT || strcmp(error.sqlstate, "XX001") != 0 ||
        strstr(error.detail, "meta.mdb") == NULL)
        fail_msg("%s: %d %s (%s)", sql, status, error.message, error.detail);
}

static void
test_cut_catalogue(void **state)
{
    (void)state;
    for (off_t size = 0; size <= 8192; size += 4096) {
        char *root = temporary_directory();
        char *path = path_in(root, "d");
        char *file = path_in(path, "meta.mdb");
        char *backup = path_in(root, "b");
        char sql[600];
        mql_db *db;
        mql_conn *conn;
        mql_error error = MQL_ERROR_INIT;
        assert_int_equal(mql_open(path, NULL, &db, &error), MQL_OK);
        assert_int_equal(mql_connect(db, &conn, &error), MQL_OK);
        make_collection(conn, "c");
        assert_int_equal(truncate(file, size), 0);
        snprintf(sql, sizeof sql, "BACKUP DATABASE TO '%s'", backup);
        run_sql(conn, "SELECT t FROM c WHERE id = 1234");
        refused(conn, "UPDATE c SET n = 9 WHERE id = 1234");
        refused(conn, "CREATE COLLECTION e (id INT64 PRIMARY KEY)");
        refused(conn, "FLUSH c");
        refused(conn, sql);
        assert_int_equal(mql_exec(conn, "CHECK DATABASE"), MQL_CORRUPT);
        run_sql(conn, "SELECT t FROM c WHERE id = 1234");
        assert_int_equal(mql_disconnect(conn), MQL_OK);
        assert_int_equal(mql_close(db), MQL_OK);
        assert_int_not_equal(access(backup, F_OK), 0);
        remove_tree(root);
        free(backup);
        free(file);
        free(path);
        free(root);
    }
}

/* ---- faults that are not ours ---- */

static void
application_handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    _exit(42);
}

/* A page past the end of a file that the application has mapped. */
static void
touch_past_end(const char *root)
{
    char *path = path_in(root, "own");
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    const volatile char *bytes = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
    (void)bytes[4096];
}

static int
status_of_child(const char *root, bool has_handler, bool sends)
{
    pid_t child = fork();
    if (child == 0) {
        struct sigaction action = {.sa_sigaction = application_handler,
                                   .sa_flags = SA_SIGINFO};
        struct sigaction usual = {.sa_handler = SIG_DFL};
        sigaction(SIGBUS, has_handler ? &action : &usual, NULL);
        guard_remove(guard_add(root, 1));
        if (sends)
            raise(SIGBUS);
        else
            touch_past_end(root);
        _exit(0);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    return result;
}

static void
test_other_faults(void **state)
{
    (void)state;
    char *root = temporary_directory();
    for (int sends = 0; sends < 2; sends++) {
        int result = status_of_child(root, true, sends != 0);
        assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 42);
        result = status_of_child(root, false, sends != 0);
        assert_true(WIFSIGNALED(result) && WTERMSIG(result) == SIGBUS);
    }
    remove_tree(root);
    free(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_faults), /* before our handler is there */
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_cut_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
