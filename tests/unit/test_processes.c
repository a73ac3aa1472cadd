/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_processes.c - handles that may not be used, processes that may not open.
 *
 * Every function of mql.h is called with handles that are NULL, of another
 * kind, closed, inherited by fork(), or in use by another thread: nothing
 * happens but MQL_MISUSE, 0 or NULL. And who else may open a database: nobody
 * beside a writer; readers beside readers, without changing a byte.
 */
#include "files.h"

#include <ctype.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "mql.h"

typedef struct Subject {
    mql_db *db;
    mql_conn *conn;
    mql_stmt *stmt;
} Subject;

/* ---- every function ---- */

static mql_stmt *no_stmt;
static mql_conn *no_conn;
static int32_t no_rows;
static int64_t no_integer;
static double no_real;
static const char *no_text;
static size_t no_offsets[2];
static float no_floats[2];

#define CALL(name, expression)                                                 \
    static int64_t call_##name(const Subject *s)                               \
    {                                                                          \
        (void)s;                                                               \
        return (int64_t)(intptr_t)(expression);                                \
    }
#define CALL_VOID(name, statement)                                             \
    static int64_t call_##name(const Subject *s)                               \
    {                                                                          \
        statement;                                                             \
        return 0;                                                              \
    }

static const float floats[2] = {1, 2};

CALL(mql_version, mql_version() == NULL)
CALL(mql_abi_version, mql_abi_version() - MQL_ABI_VERSION)
CALL(mql_open, mql_open("/nowhere", NULL, NULL, NULL))
CALL(mql_restore, mql_restore(NULL, "/nowhere", NULL))
CALL(mql_close, mql_close(s->db))
CALL(mql_connect, mql_connect(s->db, &no_conn, NULL))
CALL(mql_connect_as, mql_connect_as(s->db, "root", NULL, &no_conn, NULL))
CALL(mql_disconnect, mql_disconnect(s->conn))
CALL(mql_path, mql_path(s->conn))
CALL(mql_current_user, mql_current_user(s->conn))
CALL(mql_current_database, mql_current_database(s->conn))
CALL(mql_transaction_state, mql_transaction_state(s->conn))
CALL_VOID(mql_interrupt, mql_interrupt(s->conn))
CALL_VOID(mql_on_notice, mql_on_notice(s->conn, NULL, NULL))
CALL_VOID(mql_on_copy_data, mql_on_copy_data(s->conn, NULL, NULL))
CALL_VOID(mql_on_progress, mql_on_progress(s->conn, NULL, NULL))
CALL(mql_prepare, mql_prepare(s->conn, "SELECT 1", -1, &no_stmt, NULL))
CALL_VOID(mql_finalize, mql_finalize(s->stmt))
CALL_VOID(mql_reset, mql_reset(s->stmt))
CALL_VOID(mql_clear_bindings, mql_clear_bindings(s->stmt))
CALL(mql_parameter_count, mql_parameter_count(s->stmt))
CALL(mql_parameter_index, mql_parameter_index(s->stmt, "x"))
CALL(mql_bind_null, mql_bind_null(s->stmt, 1))
CALL(mql_bind_bool, mql_bind_bool(s->stmt, 1, 1))
CALL(mql_bind_int64, mql_bind_int64(s->stmt, 1, 1))
CALL(mql_bind_double, mql_bind_double(s->stmt, 1, 1))
CALL(mql_bind_text, mql_bind_text(s->stmt, 1, "x", -1, MQL_TRANSIENT))
CALL(mql_bind_vector_f32,
     mql_bind_vector_f32(s->stmt, 1, floats, 2, MQL_TRANSIENT))
CALL(mql_bind_vector, mql_bind_vector(s->stmt, 1, MQL_TYPE_FLOAT_VECTOR, floats,
                                      2, MQL_TRANSIENT))
CALL(mql_step, mql_step(s->stmt))
CALL(mql_step_rows, mql_step_rows(s->stmt, 1, &no_rows))
CALL(mql_has_rows, mql_has_rows(s->stmt))
CALL(mql_command_tag, mql_command_tag(s->stmt))
CALL(mql_changes, mql_changes(s->stmt))
CALL(mql_column_count, mql_column_count(s->stmt))
CALL(mql_column_name, mql_column_name(s->stmt, 0))
CALL(mql_column_type, mql_column_type(s->stmt, 0))
CALL(mql_column_type_name, mql_column_type_name(s->stmt, 0))
CALL(mql_column_is_null, mql_column_is_null(s->stmt, 0) - 1)
CALL(mql_column_bool, mql_column_bool(s->stmt, 0))
CALL(mql_column_int64, mql_column_int64(s->stmt, 0))
CALL(mql_column_double, mql_column_double(s->stmt, 0) != 0)
CALL(mql_column_text, mql_column_text(s->stmt, 0, NULL))
CALL(mql_column_vector_f32, mql_column_vector_f32(s->stmt, 0, NULL))
CALL(mql_column_vector, mql_column_vector(s->stmt, 0, NULL))
CALL(mql_rows_int64, mql_rows_int64(s->stmt, 0, &no_integer, NULL))
CALL(mql_rows_double, mql_rows_double(s->stmt, 0, &no_real, NULL))
CALL(mql_rows_text, mql_rows_text(s->stmt, 0, &no_text, no_offsets, NULL))
CALL(mql_rows_vector_f32, mql_rows_vector_f32(s->stmt, 0, 2, no_floats, NULL))
CALL(mql_exec, mql_exec(s->conn, "DROP COLLECTION c"))
CALL(mql_statement_size, mql_statement_size(NULL, 3))
CALL(mql_keyword, mql_keyword(-1))

static int64_t
call_mql_error_get(const Subject *s)
{
    mql_error error = MQL_ERROR_INIT;
    mql_error_get(s->conn, NULL);
    mql_error_get(s->conn, &error);
    return error.status;
}

typedef struct Function {
    const char *name;
    int64_t (*call)(const Subject *s);
    int64_t expected;
} Function;

#define FUNCTION(name, expected)                                               \
    {                                                                          \
#name, call_##name, expected                                           \
    }
static const Function functions[] = {
    FUNCTION(mql_version, 0),
    FUNCTION(mql_abi_version, 0),
    FUNCTION(mql_open, MQL_MISUSE),
    FUNCTION(mql_restore, MQL_MISUSE),
    FUNCTION(mql_connect, MQL_MISUSE),
    FUNCTION(mql_connect_as, MQL_MISUSE),
    FUNCTION(mql_path, 0),
    FUNCTION(mql_current_user, 0),
    FUNCTION(mql_current_database, 0),
    FUNCTION(mql_error_get, MQL_MISUSE),
    FUNCTION(mql_transaction_state, 0),
    FUNCTION(mql_interrupt, 0),
    FUNCTION(mql_on_notice, 0),
    FUNCTION(mql_on_copy_data, 0),
    FUNCTION(mql_on_progress, 0),
    FUNCTION(mql_prepare, MQL_MISUSE),
    FUNCTION(mql_reset, 0),
    FUNCTION(mql_clear_bindings, 0),
    FUNCTION(mql_parameter_count, 0),
    FUNCTION(mql_parameter_index, 0),
    FUNCTION(mql_bind_null, MQL_MISUSE),
    FUNCTION(mql_bind_bool, MQL_MISUSE),
    FUNCTION(mql_bind_int64, MQL_MISUSE),
    FUNCTION(mql_bind_double, MQL_MISUSE),
    FUNCTION(mql_bind_text, MQL_MISUSE),
    FUNCTION(mql_bind_vector_f32, MQL_MISUSE),
    FUNCTION(mql_bind_vector, MQL_MISUSE),
    FUNCTION(mql_step, MQL_MISUSE),
    FUNCTION(mql_step_rows, MQL_MISUSE),
    FUNCTION(mql_has_rows, 0),
    FUNCTION(mql_command_tag, 0),
    FUNCTION(mql_changes, 0),
    FUNCTION(mql_column_count, 0),
    FUNCTION(mql_column_name, 0),
    FUNCTION(mql_column_type, 0),
    FUNCTION(mql_column_type_name, 0),
    FUNCTION(mql_column_is_null, 0),
    FUNCTION(mql_column_bool, 0),
    FUNCTION(mql_column_int64, 0),
    FUNCTION(mql_column_double, 0),
    FUNCTION(mql_column_text, 0),
    FUNCTION(mql_column_vector_f32, 0),
    FUNCTION(mql_column_vector, 0),
    FUNCTION(mql_rows_int64, MQL_MISUSE),
    FUNCTION(mql_rows_double, MQL_MISUSE),
    FUNCTION(mql_rows_text, MQL_MISUSE),
    FUNCTION(mql_rows_vector_f32, MQL_MISUSE),
    FUNCTION(mql_exec, MQL_MISUSE),
    FUNCTION(mql_statement_size, 0),
    FUNCTION(mql_keyword, 0),
    /* last, since they end what they are given */
    FUNCTION(mql_finalize, 0),
    FUNCTION(mql_disconnect, MQL_MISUSE),
    FUNCTION(mql_close, MQL_MISUSE),
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

/* What belongs to a database is not in use by a connection's call. */
static bool
is_of_database(const char *name)
{
    return strncmp(name, "mql_connect", 11) == 0 ||
           strcmp(name, "mql_path") == 0;
}

/* The name of the first function that was not as expected; NULL: none. */
static const char *
call_all(const Subject *subject, bool is_busy)
{
    for (size_t i = 0; i < FUNCTIONS; i++) {
        if (is_busy && is_of_database(functions[i].name))
            continue;
        bool is_free = (strcmp(functions[i].name, "mql_close") == 0 &&
                        subject->db == NULL) ||
                       (strcmp(functions[i].name, "mql_disconnect") == 0 &&
                        subject->conn == NULL);
        int64_t expected = is_free ? MQL_OK : functions[i].expected;
        if (functions[i].call(subject) != expected)
            return functions[i].name;
    }
    return NULL;
}

static void
expect_misuse(const Subject *subject)
{
    const char *name = call_all(subject, false);
    if (name != NULL)
        fail_msg("%s() is not misuse", name);
}

/* ---- a database to do it with ---- */

static Subject
open_subject(const char *path)
{
    Subject subject;
    mql_error error = MQL_ERROR_INIT;
    if (mql_open(path, NULL, &subject.db, &error) != MQL_OK)
        fail_msg("%s", error.message);
    assert_int_equal(mql_connect(subject.db, &subject.conn, &error), MQL_OK);
    assert_int_equal(
        mql_exec(subject.conn,
                 "CREATE COLLECTION IF NOT EXISTS c (id INT64 PRIMARY KEY, "
                 "v FLOAT_VECTOR(2)); UPSERT INTO c VALUES (1, [1, 2])"),
        MQL_OK);
    assert_int_equal(mql_prepare(subject.conn,
                                 "SELECT id FROM c WHERE id >= $1", -1,
                                 &subject.stmt, NULL),
                     MQL_OK);
    assert_int_equal(mql_bind_int64(subject.stmt, 1, 0), MQL_OK);
    return subject;
}

static void
expect_alive(const Subject *subject)
{
    mql_reset(subject->stmt);
    assert_int_equal(mql_step(subject->stmt), MQL_ROW);
    assert_int_equal(mql_column_int64(subject->stmt, 0), 1);
    assert_int_equal(mql_step(subject->stmt), MQL_DONE);
    assert_int_equal(
        mql_exec(subject->conn, "UPSERT INTO c VALUES (1, [3, 4])"), MQL_OK);
}

static void
close_subject(Subject *subject)
{
    mql_finalize(subject->stmt);
    assert_int_equal(mql_disconnect(subject->conn), MQL_OK);
    assert_int_equal(mql_close(subject->db), MQL_OK);
}

static void
test_table_is_complete(void **state)
{
    (void)state;
    FILE *header = fopen("include/mql.h", "r");
    if (header == NULL)
        return; /* run from elsewhere */
    char line[256];
    while (fgets(line, sizeof line, header) != NULL) {
        char name[64];
        const char *at = strstr(line, "mql_");
        const char *open = strchr(line, '(');
        if (strncmp(line, "MQL_API", 7) != 0 || at == NULL || open == NULL)
            continue;
        while (open > line && open[-1] == ' ')
            open--;
        const char *start = open;
        while (start > line && (start[-1] == '_' || isalnum(start[-1])))
            start--;
        snprintf(name, sizeof name, "%.*s", (int)(open - start), start);
        bool is_there = false;
        for (size_t i = 0; i < FUNCTIONS; i++)
            is_there = is_there || strcmp(functions[i].name, name) == 0;
        if (!is_there)
            fail_msg("%s() is not in this test", name);
    }
    fclose(header);
}

static void
test_null_and_foreign(void **state)
{
    (void)state;
    char *root = temporary_directory();
    char *path = path_in(root, "db");
    Subject subject = open_subject(path);
    expect_misuse(&(Subject){NULL, NULL, NULL});
    expect_misuse(&(Subject){(mql_db *)(void *)subject.stmt,
                             (mql_conn *)(void *)subject.stmt,
                             (mql_stmt *)(void *)subject.conn});
    expect_alive(&subject);
    assert_int_equal(mql_close(subject.db), MQL_MISUSE);
    assert_int_equal(mql_disconnect(subject.conn), MQL_MISUSE);
    expect_alive(&subject);
    Subject closed = subject;
    close_subject(&subject);
#ifndef __SANITIZE_ADDRESS__ /* which is right to object */
    expect_misuse(&closed);
#else
    (void)closed;
#endif
    remove_tree(root);
    free(path);
    free(root);
}

/* ---- two threads ---- */

static void *
call_beside(void *context)
{
    return (void *)(uintptr_t)call_all(context, true);
}

/* Called in the middle of the connection's COPY. */
static int64_t
read_nothing(void *context, char *buffer, size_t size)
{
    (void)buffer;
    (void)size;
    Subject busy = *(const Subject *)context;
    busy.db = NULL; /* not in use by a call */
    pthread_t thread;
    void *name = NULL;
    assert_int_equal(pthread_create(&thread, NULL, call_beside, &busy), 0);
    pthread_join(thread, &name);
    if (name == NULL)
        name = call_beside(&busy); /* and not from a callback */
    if (name != NULL)
        fail_msg("%s() is not misuse", (const char *)name);
    return 0;
}

static void
test_two_threads(void **state)
{
    (void)state;
    char *root = temporary_directory();
    char *path = path_in(root, "db");
    Subject subject = open_subject(path);
    mql_on_copy_data(subject.conn, read_nothing, &subject);
    mql_status status = mql_exec(subject.conn, "COPY c FROM STDIN");
    /* mql_interrupt() alone is allowed beside it, and was called */
    assert_true(status == MQL_OK || status == MQL_INTERRUPTED);
    expect_alive(&subject);
    close_subject(&subject);
    remove_tree(root);
    free(path);
    free(root);
}

/* ---- processes ---- */

static int
wait_for(pid_t child)
{
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

/* In a child: its exit status is 0 when opening failed with those words. */
static int
child_is_refused(const char *path, bool is_read_only, const char *words)
{
    mql_db *db;
    mql_error error = MQL_ERROR_INIT;
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    options.read_only = is_read_only;
    mql_status status = mql_open(path, &options, &db, &error);
    if (status == MQL_CONFLICT && strcmp(error.sqlstate, "55006") == 0 &&
        strstr(error.message, words) != NULL)
        return 0;
    fprintf(stderr, "%d: %s\n", (int)status, error.message);
    return 1;
}

static void
test_fork(void **state)
{
    (void)state;
    char *root = temporary_directory();
    char *path = path_in(root, "db");
    Subject subject = open_subject(path);
    char words[64];
    snprintf(words, sizeof words, "in use by process %ld (", (long)getpid());
    pid_t child = fork();
    if (child == 0) {
        const char *name = call_all(&subject, false);
        if (name != NULL)
            fprintf(stderr, "%s() is not misuse in a child\n", name);
        if (name == NULL && child_is_refused(path, false, words) == 0 &&
            child_is_refused(path, true, words) == 0)
            exit(0); /* with all that runs at exit */
        _exit(1);
    }
    assert_int_equal(wait_for(child), 0);
    expect_alive(&subject);

    /* a child that lives on does not keep the database closed */
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        char byte;
        close(pipes[1]);
        (void)!read(pipes[0], &byte, 1);
        _exit(0);
    }
    close_subject(&subject);
    subject = open_subject(path);
    expect_alive(&subject);
    close(pipes[1]);
    assert_int_equal(wait_for(child), 0);
    close(pipes[0]);

    assert_int_equal(child_is_refused(path, false, "already open in this"), 0);
    assert_int_equal(child_is_refused(path, true, "already open in this"), 0);
    expect_alive(&subject);
    close_subject(&subject);
    remove_tree(root);
    free(path);
    free(root);
}

/* A holder that is killed leaves nothing behind. */
static void
test_killed_holder(void **state)
{
    (void)state;
    char *root = temporary_directory();
    char *path = path_in(root, "db");
    for (int i = 0; i < 20; i++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        if (child == 0) {
            (void)open_subject(path);
            (void)!write(pipes[1], "x", 1);
            pause();
        }
        char byte;
        assert_int_equal(read(pipes[0], &byte, 1), 1);
        char words[64];
        snprintf(words, sizeof words, "in use by process %ld (", (long)child);
        assert_int_equal(child_is_refused(path, i % 2 == 0, words), 0);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(pipes[0]);
        close(pipes[1]);
        Subject subject = open_subject(path);
        expect_alive(&subject);
        close_subject(&subject);
    }
    remove_tree(root);
    free(path);
    free(root);
}

/* ---- read-only ---- */

static char *
fingerprint(const char *path)
{
    char command[512];
    snprintf(command, sizeof command,
             "cd '%s' && { find . -printf '%%p %%T@ %%m\\n'; "
             "find . -type f -exec md5sum {} +; } | sort | md5sum",
             path);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    char *line = calloc(1, 64);
    assert_non_null(fgets(line, 64, in));
    pclose(in);
    return line;
}

static mql_status
open_reader(const char *path, Subject *reader, mql_error *error)
{
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    *error = (mql_error)MQL_ERROR_INIT;
    options.read_only = 1;
    mql_status status = mql_open(path, &options, &reader->db, error);
    if (status == MQL_OK)
        status = mql_connect(reader->db, &reader->conn, error);
    return status;
}

static void
expect_number(mql_conn *conn, const char *sql, int64_t expected)
{
    mql_stmt *stmt;
    assert_int_equal(mql_prepare(conn, sql, -1, &stmt, NULL), MQL_OK);
    assert_int_equal(mql_step(stmt), MQL_ROW);
    assert_int_equal(mql_column_int64(stmt, 0), expected);
    mql_finalize(stmt);
}

/* Leave a database whose last changes, of the catalogue too, are in the log
 * alone, with a commit cut short behind them. */
static void
make_unfinished(const char *path)
{
    Subject subject = open_subject(path);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    wait_for(child);
    close_subject(&subject);
    child = fork();
    if (child == 0) {
        subject = open_subject(path);
        if (mql_exec(subject.conn,
                     "CREATE INDEX ON c (v) USING HNSW WITH (metric_type = "
                     "'L2'); FLUSH; INSERT INTO c VALUES (2, [5, 6]); "
                     "DELETE FROM c WHERE id = 1; "
                     "CREATE COLLECTION late (id INT64 PRIMARY KEY, "
                     "v FLOAT_VECTOR(2)); INSERT INTO late VALUES (7, [1, 1]); "
                     "INSERT INTO late VALUES (8, [1, 1])") != MQL_OK)
            _exit(1);
        _exit(0); /* nothing is closed */
    }
    assert_int_equal(wait_for(child), 0);
}

/* What a loss of power in the middle of a commit leaves behind the last one. */
static void
tear_tail(const char *path)
{
    char *folder = path_in(path, "wal");
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    char *last = strdup("");
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (strcmp(entry->d_name, last) > 0) {
            free(last);
            last = strdup(entry->d_name);
        }
    closedir(entries);
    char *file = path_in(folder, last);
    Bytes bytes = read_file(file);
    size_t end = bytes.size;
    while (end > 0 && bytes.data[end - 1] == 0)
        end--;
    end = (end + 8) / 8 * 8;
    assert_true(end + 16 < bytes.size);
    memcpy(bytes.data + end, "half a commit", 13);
    write_file(file, bytes.data, bytes.size);
    free(bytes.data);
    free(file);
    free(last);
    free(folder);
}

static void
test_read_only(void **state)
{
    (void)state;
    char *root = temporary_directory();
    char *path = path_in(root, "db");
    make_unfinished(path);
    tear_tail(path);
    char *segments = path_in(path, "segments");
    char *leftover = path_in(segments, "999.seg");
    write_file(leftover, "x", 1);
    char *before = fingerprint(path);
    Subject reader;
    Subject second;
    mql_error error;
    if (open_reader(path, &reader, &error) != MQL_OK)
        fail_msg("%s %s", error.message, error.detail);
    assert_int_equal(open_reader(path, &second, &error), MQL_OK);
    mql_db *writer;
    assert_int_equal(mql_open(path, NULL, &writer, &error), MQL_CONFLICT);
    assert_non_null(strstr(error.message, "it is open read-only"));
    assert_non_null(strstr(error.hint, "/LOCK\" says by whom"));
    error = (mql_error)MQL_ERROR_INIT;
    expect_number(reader.conn, "SELECT count(*) FROM late", 2);
    expect_number(second.conn, "SELECT id FROM c", 2);
    expect_number(reader.conn, "SELECT id FROM late WHERE id = 8", 8);
    static const char *const changes[] = {
        "INSERT INTO c VALUES (3, [1, 1])",
        "DELETE FROM c WHERE id = 2",
        "UPDATE c SET v = [1, 1]",
        "DROP COLLECTION c",
        "CREATE COLLECTION x (id INT64 PRIMARY KEY, v FLOAT_VECTOR(2))",
        "FLUSH",
        "CREATE DATABASE other",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        assert_int_equal(mql_exec(reader.conn, changes[i]), MQL_READ_ONLY);
        mql_error_get(reader.conn, &error);
        assert_string_equal(error.sqlstate, "25006");
        assert_non_null(strstr(error.message, "cannot execute "));
    }
    assert_int_equal(mql_exec(reader.conn, "CHECK COLLECTION c"), MQL_OK);
    expect_number(reader.conn, "SELECT count(*) FROM c", 1);

    assert_int_equal(child_is_refused(path, false, "open read-only"), 0);
    assert_int_equal(mql_disconnect(second.conn), MQL_OK);
    assert_int_equal(mql_close(second.db), MQL_OK);
    assert_int_equal(mql_disconnect(reader.conn), MQL_OK);
    assert_int_equal(mql_close(reader.db), MQL_OK);
    char *after = fingerprint(path);
    assert_string_equal(before, after);

    /* all of it is there for a writer afterwards */
    Subject subject = open_subject(path);
    expect_number(subject.conn, "SELECT count(*) FROM late", 2);
    expect_number(subject.conn, "SELECT count(*) FROM c", 2);
    assert_int_equal(access(leftover, F_OK), -1);
    close_subject(&subject);
    free(before);
    free(after);
    free(leftover);
    free(segments);
    remove_tree(root);
    free(path);
    free(root);
}

/* No database is made by looking. */
static void
test_read_only_of_nothing(void **state)
{
    (void)state;
    char *root = temporary_directory();
    char *path = path_in(root, "db");
    Subject reader;
    mql_error error;
    assert_int_equal(open_reader(path, &reader, &error), MQL_NOT_FOUND);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(open_reader(root, &reader, &error), MQL_NOT_FOUND);
    remove_tree(root);
    free(path);
    free(root);
}

/* ---- modes, limits ---- */

/* Files are 0600 and directories 0700 whatever the umask is. */
static void
test_modes(void **state)
{
    (void)state;
    char *root = temporary_directory();
    char *path = path_in(root, "db");
    mode_t mask = umask(0);
    make_unfinished(path);
    umask(mask);
    char command[512];
    snprintf(command, sizeof command,
             "find '%s' \\( -type f ! -perm 600 -o -type d ! -perm 700 \\) | "
             "grep -q .",
             path);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(wait_for(child), 1);
    remove_tree(root);
    free(path);
    free(root);
}

/* Few descriptors: an error, and all is well with more of them. */
static void
test_few_descriptors(void **state)
{
    (void)state;
    char *root = temporary_directory();
    char *path = path_in(root, "db");
    make_unfinished(path);
    struct rlimit usual;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    bool has_opened = false;
    for (rlim_t most = 3; most < 40 && !has_opened; most++) {
        struct rlimit limit = {most, usual.rlim_max};
        mql_db *db;
        mql_error error = MQL_ERROR_INIT;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        mql_status status = mql_open(path, NULL, &db, &error);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
        has_opened = status == MQL_OK;
        if (has_opened)
            assert_int_equal(mql_close(db), MQL_OK);
        else
            assert_int_equal(status, MQL_IO);
    }
    assert_true(has_opened);
    Subject subject = open_subject(path);
    expect_number(subject.conn, "SELECT count(*) FROM late", 2);
    close_subject(&subject);
    remove_tree(root);
    free(path);
    free(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_complete),
        cmocka_unit_test(test_null_and_foreign),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_killed_holder),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_read_only_of_nothing),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_few_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
