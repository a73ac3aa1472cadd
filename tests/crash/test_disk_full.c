/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_disk_full.c - the disk fills up, at every size in steps of 4096 bytes.
 *
 * Rows are inserted, some sealed, until the disk is full. Each statement works
 * or says so (53100) and changes nothing; all that was acknowledged can be
 * read. With more room writing goes on, without opening anew; and what is found
 * after opening again is the same. Three disks: one of the crash tests, whose
 * size is a number; a tmpfs of a real size, made larger by a remount; and a
 * limit for files (RLIMIT_FSIZE).
 */
#include "machine.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#define ROWS_MOST 4000

typedef struct Fill {
    Database database;
    bool is_there[ROWS_MOST];
    int next;
    uint64_t refused;
    bool is_real;     /* a disk that takes parts of writes */
    bool must_reopen; /* see try_sql() */
} Fill;

static bool
is_full(const mql_error *error)
{
    return strcmp(error->sqlstate, "53100") == 0;
}

/*
 * One statement: worked, or the disk was full. Known, and wrong: where a disk
 * takes a part of a write before it is full, as tmpfs does, LMDB 0.9 calls that
 * EIO; whether its commit took place is unknown then, and the database takes no
 * more changes until it is opened again. Nothing is lost. The catalogue would
 * have to make room before it commits.
 */
static bool
try_sql(Fill *fill, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    if (mql_exec(fill->database.conn, sql) == MQL_OK)
        return true;
    mql_error_get(fill->database.conn, &error);
    bool is_known = fill->is_real && strcmp(error.sqlstate, "58030") == 0;
    fill->must_reopen = fill->must_reopen || is_known;
    if (!is_full(&error) && !is_known)
        fail_msg("%.60s: %s %s %s", sql, error.sqlstate, error.message,
                 error.detail);
    fill->refused++;
    return false;
}

static bool
insert_rows(Fill *fill, int count)
{
    char sql[8192];
    size_t used = (size_t)snprintf(sql, sizeof sql, "INSERT INTO c VALUES ");
    for (int i = 0; i < count; i++)
        used += (size_t)snprintf(sql + used, sizeof sql - used,
                                 "%s(%d, '%0200d')", i == 0 ? "" : ", ",
                                 fill->next + i, fill->next + i);
    bool has_worked = try_sql(fill, sql);
    for (int i = 0; i < count; i++)
        fill->is_there[fill->next + i] = has_worked;
    fill->next += count;
    return has_worked;
}

static void
judge_rows(Fill *fill, const char *when)
{
    mql_stmt *stmt;
    mql_status status;
    int id = 0;
    assert_int_equal(mql_prepare(fill->database.conn,
                                 "SELECT id FROM c ORDER BY id", -1, &stmt,
                                 NULL),
                     MQL_OK);
    while ((status = mql_step(stmt)) == MQL_ROW) {
        int found = (int)mql_column_int64(stmt, 0);
        assert_in_range(found, 0, ROWS_MOST - 1);
        for (; id < found; id++)
            if (fill->is_there[id])
                fail_msg("%s: row %d is lost", when, id);
        if (!fill->is_there[id])
            fail_msg("%s: row %d was refused and is there", when, id);
        id++;
    }
    assert_int_equal(status, MQL_DONE);
    mql_finalize(stmt);
    for (; id < fill->next; id++)
        if (fill->is_there[id])
            fail_msg("%s: row %d is lost", when, id);
}

static void
open_fill(Fill *fill, const char *path, const Vfs *vfs, const char *when)
{
    mql_error error;
    if (machine_open(path, vfs, &fill->database, &error) != MQL_OK)
        fail_msg("%s: %s %s", when, error.message, error.detail);
}

static void
begin_fill(Fill *fill, const char *path, const Vfs *vfs)
{
    *fill = (Fill){.next = 1};
    open_fill(fill, path, vfs, "at first");
    assert_true(try_sql(fill, "CREATE COLLECTION c (id INT64 PRIMARY KEY, s "
                              "VARCHAR(300)); CREATE COLLECTION d (id INT64 "
                              "PRIMARY KEY)"));
}

/* Until the disk has refused often enough. */
static void
fill_up(Fill *fill)
{
    for (int i = 0; fill->refused < 6 && fill->next < ROWS_MOST / 2; i++) {
        (void)insert_rows(fill, i % 3 == 0 ? 30 : 1);
        if (i % 7 == 6)
            (void)try_sql(fill, "FLUSH c");
    }
    judge_rows(fill, "on the full disk");
}

/* There is room again: writing goes on in the same session. */
static void
go_on(Fill *fill)
{
    assert_true(insert_rows(fill, 3));
    assert_true(try_sql(fill, "FLUSH"));
    assert_true(insert_rows(fill, 1));
    judge_rows(fill, "with more room");
}

static void
reopen(Fill *fill, const char *path, const Vfs *vfs)
{
    mql_error error;
    machine_close(&fill->database);
    open_fill(fill, path, vfs, "opened again");
    judge_rows(fill, "opened again");
    if (machine_check(&fill->database, &error) != MQL_OK)
        fail_msg("%s %s", error.message, error.detail);
    machine_close(&fill->database);
}

/* ---- a disk of the crash tests ---- */

static void
fill_crash_disk(const char *root, uint64_t size)
{
    Fill fill;
    assert_int_equal(mkdir(root, 0700), 0);
    CrashVfs *crash = crash_create(root, 42);
    crash_route_lmdb(crash);
    begin_fill(&fill, root, crash_vfs(crash));
    crash_limit_space(crash, crash_used_space(crash) + size);
    fill_up(&fill);
    assert_int_not_equal(fill.refused, 0);
    crash_limit_space(crash, 0);
    go_on(&fill);
    reopen(&fill, root, crash_vfs(crash));
    crash_route_lmdb(NULL);
    crash_destroy(crash);
    remove_tree(root);
}

static void
test_every_size(void **state)
{
    (void)state;
    char *base = temporary_directory();
    char *root = path_in(base, "root");
    uint64_t most = is_long_run() ? 600 * 1024 : 160 * 1024, tried = 0;
    for (uint64_t size = 4096; size <= most; size += 4096) {
        fill_crash_disk(root, size);
        tried++;
    }
    print_message("%" PRIu64 " sizes, none lost\n", tried);
    remove_tree(base);
    free(base);
    free(root);
}

/* A full disk can be emptied by its own means: what is dropped gives room. */
static void
test_drop_gives_room(void **state)
{
    (void)state;
    Fill fill;
    char *base = temporary_directory();
    char *root = path_in(base, "root");
    assert_int_equal(mkdir(root, 0700), 0);
    CrashVfs *crash = crash_create(root, 42);
    crash_route_lmdb(crash);
    begin_fill(&fill, root, crash_vfs(crash));
    crash_limit_space(crash, crash_used_space(crash) + 256 * 1024);
    fill_up(&fill);
    assert_int_not_equal(fill.refused, 0);
    assert_true(try_sql(&fill, "DROP COLLECTION c"));
    assert_true(try_sql(&fill, "INSERT INTO d VALUES (1)"));
    machine_close(&fill.database);
    crash_route_lmdb(NULL);
    crash_destroy(crash);
    remove_tree(base);
    free(base);
    free(root);
}

/* ---- real disks ---- */

/* What `work` needs its own process for; its exit status, 77: not possible. */
static int
in_child(void (*work)(const char *directory), const char *directory)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        work(directory);
        fflush(NULL);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status))
        fail_msg("ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static void
say_why(const char *what)
{
    print_message("skipped: %s: %s\n", what, strerror(errno));
    _exit(77);
}

static bool
write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool is_written = fd >= 0 && write(fd, text, strlen(text)) > 0;
    if (fd >= 0)
        close(fd);
    return is_written;
}

/* As `unshare -Urm`: root of a namespace of its own. */
static void
become_root(void)
{
    char users[32], groups[32];
    snprintf(users, sizeof users, "0 %u 1", (unsigned)getuid());
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getgid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        say_why("unshare");
    if (!write_text("/proc/self/setgroups", "deny") ||
        !write_text("/proc/self/uid_map", users) ||
        !write_text("/proc/self/gid_map", groups))
        say_why("the map of users");
}

static void
fill_tmpfs(const char *directory)
{
    become_root();
    if (mount("none", directory, "tmpfs", 0, "size=512k") != 0)
        say_why("mount of a tmpfs");
    for (int size = 512; size <= 704; size += 64) {
        Fill fill;
        char options[32];
        char *path = path_in(directory, "db");
        snprintf(options, sizeof options, "size=%dk", size);
        if (mount("none", directory, "tmpfs", MS_REMOUNT, options) != 0)
            say_why("remount of a tmpfs");
        begin_fill(&fill, path, NULL);
        fill.is_real = true;
        fill_up(&fill);
        assert_int_not_equal(fill.refused, 0);
        assert_int_equal(
            mount("none", directory, "tmpfs", MS_REMOUNT, "size=8m"), 0);
        if (fill.must_reopen) {
            print_message("known: %d KiB: to be opened again\n", size);
            machine_close(&fill.database);
            open_fill(&fill, path, NULL, "opened again");
        }
        go_on(&fill);
        reopen(&fill, path, NULL);
        remove_tree(path);
        free(path);
    }
}

static void
test_tmpfs(void **state)
{
    (void)state;
    char *directory = temporary_directory();
    int status = in_child(fill_tmpfs, directory);
    remove_tree(directory);
    free(directory);
    if (status == 77)
        skip();
    assert_int_equal(status, 0);
}

static void
limit_files(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
fill_limited(const char *directory)
{
    Fill fill;
    char *path = path_in(directory, "db");
    signal(SIGXFSZ, SIG_IGN);
    begin_fill(&fill, path, NULL);
    limit_files(100 * 1024);
    for (int i = 0; i < 400 && fill.refused == 0; i++) {
        mql_error error = MQL_ERROR_INIT;
        char sql[400];
        snprintf(sql, sizeof sql, "INSERT INTO c VALUES (%d, '%0200d')",
                 fill.next, i);
        bool has_worked = mql_exec(fill.database.conn, sql) == MQL_OK;
        fill.is_there[fill.next++] = has_worked;
        if (has_worked)
            continue;
        mql_error_get(fill.database.conn, &error);
        if (!is_full(&error) && strcmp(error.sqlstate, "58030") != 0)
            fail_msg("%s %s", error.sqlstate, error.message);
        fill.refused++;
    }
    assert_int_not_equal(fill.refused, 0);
    judge_rows(&fill, "behind the limit");
    limit_files(RLIM_INFINITY);
    go_on(&fill);
    reopen(&fill, path, NULL);
    free(path);
}

static void
test_file_limit(void **state)
{
    (void)state;
    char *directory = temporary_directory();
    int status = in_child(fill_limited, directory);
    remove_tree(directory);
    free(directory);
    assert_int_equal(status, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_drop_gives_room),
        cmocka_unit_test(test_tmpfs),
        cmocka_unit_test(test_file_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
