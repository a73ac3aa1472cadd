/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_check.c - damage of one collection's files, through mql.h.
 *
 * The database opens; the other collection answers and takes changes; what is
 * asked of the damaged one is answered right or is XX001 with the file's name;
 * CHECK finds whatever a question found, and changes no byte; when the bytes
 * are right again so is the collection, and it can be dropped before that.
 */

#include <sys/wait.h>

#include "mql.h"
#include "run_sql.h"

#define STRIDE 389 /* prime: every kind of place is met */

#define QUESTIONS 4
static const char *const questions[QUESTIONS] = {
    "SELECT id, t FROM c ORDER BY id",
    "SEARCH c FOR [7, 3] LIMIT 5 WITH (ef = 300)",
    "SELECT count(*) FROM c WHERE n = 3",
    "SELECT t FROM c WHERE id = 17",
};

typedef struct Opened {
    mql_db *db;
    mql_conn *conn;
} Opened;

static mql_status
try_open(const char *path, Opened *opened, mql_error *error)
{
    *error = (mql_error)MQL_ERROR_INIT;
    *opened = (Opened){NULL, NULL};
    mql_status status = mql_open(path, NULL, &opened->db, error);
    if (status == MQL_OK)
        assert_int_equal(mql_connect(opened->db, &opened->conn, error), MQL_OK);
    return status;
}

static Opened
must_open(const char *path)
{
    Opened opened;
    mql_error error;
    if (try_open(path, &opened, &error) != MQL_OK)
        fail_msg("%s %s", error.message, error.detail);
    return opened;
}

static void
close_it(Opened opened)
{
    assert_int_equal(mql_disconnect(opened.conn), MQL_OK);
    assert_int_equal(mql_close(opened.db), MQL_OK);
}

/* The rows as text, malloc'ed; `status` OUT: of the last step. */
static char *
run(mql_conn *conn, const char *sql, mql_status *status)
{
    mql_stmt *stmt;
    size_t size;
    char *text = NULL;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    *status = mql_prepare(conn, sql, -1, &stmt, NULL);
    assert_int_equal(*status, MQL_OK);
    while ((*status = mql_step(stmt)) == MQL_ROW)
        for (int32_t i = 0; i < mql_column_count(stmt); i++)
            fprintf(out, "%s|", mql_column_text(stmt, i, NULL));
    mql_finalize(stmt);
    fclose(out);
    return text;
}

/* Without jobs: one would build a damaged index again while CHECK looks. */
static void
make_database(const char *path)
{
    Opened opened = must_open(path);
    run_sql(opened.conn,
            "SET GLOBAL background_jobs = off; "
            "CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT32, "
            "t VARCHAR(40), v FLOAT_VECTOR(2)); "
            "CREATE COLLECTION d (id INT64 PRIMARY KEY, v FLOAT_VECTOR(2)); "
            "INSERT INTO d VALUES (1, [1, 2]), (2, [3, 4])");
    for (int i = 0; i < 150; i++) {
        char sql[160];
        snprintf(sql, sizeof sql,
                 "INSERT INTO c VALUES (%d, %d, 'text of row %d', [%d, %d])", i,
                 i % 7, i, i % 20, i / 20);
        run_sql(opened.conn, sql);
    }
    run_sql(opened.conn,
            "CREATE INDEX ON c (v) USING HNSW WITH (metric_type = 'L2'); "
            "CREATE INDEX ON c (n) USING INVERTED; FLUSH; "
            "DELETE FROM c WHERE id < 10; FLUSH; "
            "DELETE FROM c WHERE id IN (20, 21, 22); "
            "INSERT INTO c VALUES (900, 3, 'in the log', [7, 3])");
    close_it(opened);
}

/* What is asked of every state; the answers of the undamaged one. */
static char *good[QUESTIONS];

/* Whether any question met damage. Answers are right. */
static bool
ask_all(mql_conn *conn)
{
    bool is_damaged = false;
    for (int i = 0; i < QUESTIONS; i++) {
        mql_status status;
        char *answer = run(conn, questions[i], &status);
        if (status == MQL_DONE) {
            assert_string_equal(answer, good[i]);
        } else {
            mql_error error = MQL_ERROR_INIT;
            mql_error_get(conn, &error);
            assert_string_equal(error.sqlstate, "XX001");
            assert_non_null(strstr(error.detail, ".mdb") != NULL
                                ? error.detail
                                : strstr(error.detail, "/segments/"));
            is_damaged = true;
        }
        free(answer);
    }
    return is_damaged;
}

static char *
fingerprint(const char *path)
{
    char command[512];
    snprintf(
        command, sizeof command,
        "cd '%s' && find . -type f -printf '%%p %%T@ ' -exec md5sum {} + | "
        "sort | md5sum",
        path);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    char *line = calloc(1, 64);
    assert_non_null(fgets(line, 64, in));
    pclose(in);
    return line;
}

/* Whether CHECK finds damage; it changes nothing. */
static bool
check_finds(mql_conn *conn, const char *path, char **rows)
{
    char *before = fingerprint(path);
    mql_status status;
    *rows = run(conn, "CHECK DATABASE", &status);
    char *after = fingerprint(path);
    assert_string_equal(before, after);
    free(before);
    free(after);
    assert_true(status == MQL_DONE || status == MQL_CORRUPT);
    return status == MQL_CORRUPT;
}

/* The other collection goes on. */
static void
use_other(mql_conn *conn)
{
    mql_status status;
    run_sql(conn, "UPSERT INTO d VALUES (3, [5, 6]); FLUSH; "
                  "DELETE FROM d WHERE id = 3");
    char *rows = run(conn, "SELECT * FROM d ORDER BY id", &status);
    assert_int_equal(status, MQL_DONE);
    assert_string_equal(rows, "1|[1,2]|2|[3,4]|");
    free(rows);
    rows = run(conn, "SHOW COLLECTIONS", &status);
    assert_int_equal(status, MQL_DONE);
    free(rows);
}

static void
copy_tree(const char *from, const char *to)
{
    char command[1024];
    snprintf(command, sizeof command, "rm -rf '%s' && cp -a '%s' '%s'", to,
             from, to);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
}

/* One damaged state of the copy. */
static void
try_state(const char *path, const char *name, bool must_open_it)
{
    Opened opened;
    mql_error error;
    mql_status status = try_open(path, &opened, &error);
    if (status != MQL_OK) {
        assert_false(must_open_it);
        assert_int_equal(status, MQL_CORRUPT);
        assert_non_null(strstr(error.detail, "File \""));
        return;
    }
    char *rows;
    bool is_found = check_finds(opened.conn, path, &rows);
    if (is_found && strstr(name, ".log") == NULL &&
        strstr(name, ".mdb") == NULL)
        assert_non_null(strstr(rows, name));
    assert_true(is_found == (strlen(rows) > 0));
    free(rows);
    bool is_met = ask_all(opened.conn);
    assert_true(!is_met || is_found);
    use_other(opened.conn);
    close_it(opened);
}

typedef struct Place {
    char *root, *original, *copy, *segments;
} Place;

static Place
make_place(void)
{
    Place place;
    place.root = temporary_directory();
    place.original = path_in(place.root, "original");
    place.copy = path_in(place.root, "copy");
    place.segments = path_in(place.copy, "segments");
    make_database(place.original);
    copy_tree(place.original, place.copy);
    Opened opened = must_open(place.copy);
    for (int i = 0; i < QUESTIONS; i++) {
        mql_status status;
        good[i] = run(opened.conn, questions[i], &status);
        assert_int_equal(status, MQL_DONE);
    }
    char *rows;
    assert_false(check_finds(opened.conn, place.copy, &rows));
    assert_string_equal(rows, "");
    free(rows);
    close_it(opened);
    return place;
}

static void
free_place(Place *place)
{
    for (int i = 0; i < QUESTIONS; i++)
        free(good[i]);
    remove_tree(place->root);
    free(place->segments);
    free(place->copy);
    free(place->original);
    free(place->root);
}

/* Names of the collection c's data files: of its segment, the first one. */
static char *
file_of(const char *segments, const char *ending, int64_t least_size)
{
    char *found = NULL;
    DIR *entries = opendir(segments);
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        size_t size = strlen(entry->d_name);
        if (size <= strlen(ending) ||
            strcmp(entry->d_name + size - strlen(ending), ending) != 0)
            continue;
        char *path = path_in(segments, entry->d_name);
        struct stat status;
        assert_int_equal(stat(path, &status), 0);
        free(path);
        if (found != NULL || status.st_size < least_size)
            continue;
        found = strdup(entry->d_name);
    }
    closedir(entries);
    assert_non_null(found);
    return found;
}

static void
damage_everywhere(const char *ending)
{
    Place place = make_place();
    copy_tree(place.original, place.copy);
    /* c's segment is the larger one */
    char *name =
        file_of(place.segments, ending, strcmp(ending, ".seg") == 0 ? 5500 : 0);
    for (size_t at = 0;; at += STRIDE) {
        copy_tree(place.original, place.copy);
        char *path = path_in(place.segments, name);
        Bytes bytes = read_file(path);
        bool is_end = at >= bytes.size;
        if (!is_end) {
            bytes.data[at] ^= 0x10;
            write_file(path, bytes.data, bytes.size);
            try_state(place.copy, name, true);
            write_file(path, bytes.data, at); /* cut there */
            try_state(place.copy, name, true);
        }
        free(bytes.data);
        free(path);
        if (is_end)
            break;
    }
    free(name);
    free_place(&place);
}

static void
test_segment(void **state)
{
    (void)state;
    damage_everywhere(".seg");
}

static void
test_deletes(void **state)
{
    (void)state;
    damage_everywhere(".del");
}

static void
test_index(void **state)
{
    (void)state;
    damage_everywhere(".idx");
}

/* A missing file; and what is left of the collection afterwards. */
static void
test_missing(void **state)
{
    (void)state;
    static const char *const endings[] = {".seg", ".del"};
    Place place = make_place();
    for (int i = 0; i < 2; i++) {
        copy_tree(place.original, place.copy);
        char *name = file_of(place.segments, endings[i], i == 0 ? 5500 : 0);
        char *path = path_in(place.segments, name);
        Bytes bytes = read_file(path);
        assert_int_equal(unlink(path), 0);
        try_state(place.copy, name, true);

        Opened opened = must_open(place.copy);
        assert_true(ask_all(opened.conn));
        assert_int_equal(mql_exec(opened.conn, "INSERT INTO c VALUES "
                                               "(901, 1, 'x', [1, 1])"),
                         MQL_CORRUPT);
        assert_int_equal(mql_exec(opened.conn, "DELETE FROM c WHERE id = 30"),
                         MQL_CORRUPT);
        assert_int_equal(mql_exec(opened.conn, "FLUSH c"), MQL_CORRUPT);
        close_it(opened);

        /* the file is found again: nothing was lost */
        write_file(path, bytes.data, bytes.size);
        opened = must_open(place.copy);
        assert_false(ask_all(opened.conn));
        close_it(opened);

        assert_int_equal(unlink(path), 0);
        opened = must_open(place.copy);
        run_sql(opened.conn,
                i == 0 ? "DROP COLLECTION c" : "TRUNCATE COLLECTION c");
        char *rows;
        assert_false(check_finds(opened.conn, place.copy, &rows));
        free(rows);
        use_other(opened.conn);
        close_it(opened);
        close_it(must_open(place.copy));
        free(bytes.data);
        free(path);
        free(name);
    }
    free_place(&place);
}

/* Files that nothing needs are told, and are no damage. */
static void
test_leftovers(void **state)
{
    (void)state;
    Place place = make_place();
    copy_tree(place.original, place.copy);
    Opened opened = must_open(place.copy);
    char *path = path_in(place.segments, "777.seg");
    write_file(path, "x", 1);
    char *rows;
    assert_false(check_finds(opened.conn, place.copy, &rows));
    assert_non_null(strstr(rows, "segments/777.seg"));
    assert_ptr_equal(strstr(rows, "leftover"), rows);
    free(rows);
    free(path);
    close_it(opened);
    free_place(&place);
}

/* Under an open database: the log and the catalogue as they are on disk. */
static void
test_log_and_catalogue(void **state)
{
    (void)state;
    Place place = make_place();
    static const char *const names[] = {"meta.mdb", "wal/"};
    for (int i = 0; i < 2; i++) {
        copy_tree(place.original, place.copy);
        Opened opened = must_open(place.copy);
        char *folder = path_in(place.copy, i == 0 ? "" : "wal");
        char *log = i == 0 ? NULL : file_of(folder, ".log", 0);
        char *path = path_in(folder, i == 0 ? "meta.mdb" : log);
        Bytes bytes = read_file(path);
        size_t step = bytes.size / 20;
        uint32_t noticed = 0;
        for (size_t at = 0; at < bytes.size; at += step) {
            int fd = open(path, O_WRONLY);
            char wrong = (char)(bytes.data[at] ^ 0x20);
            assert_int_equal(pwrite(fd, &wrong, 1, (off_t)at), 1);
            char *rows;
            if (check_finds(opened.conn, place.copy, &rows)) {
                assert_non_null(strstr(rows, names[i]));
                noticed++;
            }
            free(rows);
            assert_int_equal(pwrite(fd, bytes.data + at, 1, (off_t)at), 1);
            close(fd);
        }
        assert_true(noticed > 0);
        free(bytes.data);
        free(path);
        free(log);
        free(folder);
        close_it(opened);
    }
    free_place(&place);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment),
        cmocka_unit_test(test_deletes),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_leftovers),
        cmocka_unit_test(test_log_and_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
