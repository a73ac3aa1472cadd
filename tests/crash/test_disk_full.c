/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_disk_full.c - the disk fills up, at every size of a range.
 *
 * Rows are inserted and copied, some sealed, indexed, compacted and backed up,
 * until the disk is full. Each statement works or says so (53100) and changes
 * nothing; all that was acknowledged can be read. With more room writing goes
 * on, without opening anew; without it, deleting, truncating and dropping make
 * room; and what is found after opening again is the same. Three disks: one of
 * the crash tests, whose size is a number; a tmpfs of a real size, made larger
 * by a remount; and a limit for files (RLIMIT_FSIZE).
 */
#include "machine.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "storage/meta.h"

#define ROWS_MOST 40000

typedef struct Fill {
    Database database;
    bool is_there[ROWS_MOST];
    int next;
    int round;
    uint64_t refused;
    char *copy;   /* a file to copy from, and a directory for backups: on a */
    char *backup; /* real disk; NULL: none */
} Fill;

static bool
is_full(const mql_error *error)
{
    return strcmp(error->sqlstate, "53100") == 0;
}

/* One statement: worked, or the disk was full. */
static bool
try_sql(Fill *fill, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    if (mql_exec(fill->database.conn, sql) == MQL_OK)
        return true;
    mql_error_get(fill->database.conn, &error);
    if (!is_full(&error))
        fail_msg("%.60s: %s %s %s", sql, error.sqlstate, error.message,
                 error.detail);
    fill->refused++;
    return false;
}

static bool
insert_rows(Fill *fill, int count)
{
    char sql[32768];
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

static void
copy_rows(Fill *fill)
{
    char text[32768], sql[600];
    size_t used = 0;
    for (int i = 0; i < 80; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%d,%0200d\n",
                                 fill->next + i, i);
    write_file(fill->copy, text, used);
    snprintf(sql, sizeof sql, "COPY c (id, s) FROM '%s' (FORMAT csv)",
             fill->copy);
    bool has_worked = try_sql(fill, sql);
    for (int i = 0; i < 80; i++)
        fill->is_there[fill->next++] = has_worked;
}

static void
back_up(Fill *fill)
{
    char sql[600];
    snprintf(sql, sizeof sql, "BACKUP DATABASE TO '%s'", fill->backup);
    (void)try_sql(fill, sql);
    remove_tree(fill->backup);
}

/* What is not inserting, in turn. */
static void
do_other(Fill *fill)
{
    static const char *const others[] = {
        "FLUSH c",
        "CREATE INDEX i ON c (s) USING INVERTED",
        "FLUSH c",
        "COMPACT c",
        "DROP INDEX IF EXISTS i ON c",
        "ALTER COLLECTION c ADD FIELD IF NOT EXISTS more INT64",
    };
    int what = fill->round++ % 8;
    if (what < 6)
        (void)try_sql(fill, others[what]);
    else if (fill->copy != NULL && what == 6)
        copy_rows(fill);
    else if (fill->backup != NULL)
        back_up(fill);
}

/* Until the disk has refused often enough. */
static void
fill_up(Fill *fill)
{
    for (int i = 0; fill->refused < 8 && fill->next < ROWS_MOST - 1000; i++) {
        (void)insert_rows(fill, i % 3 == 0 ? 100 : i % 3 == 1 ? 10 : 1);
        if (i % 3 == 2)
            do_other(fill);
    }
    assert_int_not_equal(fill->refused, 0);
    judge_rows(fill, "on the full disk");
}

/* The full disk by its own means: room is made, and used. */
static void
make_room(Fill *fill, int how)
{
    static const char *const ways[][2] = {
        {"DROP COLLECTION c", "CREATE COLLECTION c (id INT64 PRIMARY KEY, s "
                              "VARCHAR(300))"},
        {"TRUNCATE c", "FLUSH c"},
        {"DELETE FROM c WHERE id > 0", "VACUUM FULL c"},
        {"DELETE FROM c WHERE id % 10 <> 0", "VACUUM FULL c"},
    };
    for (int i = 0; i < 2; i++)
        if (!try_sql(fill, ways[how][i]))
            fail_msg("on the full disk: %s", ways[how][i]);
    for (int id = 0; id < fill->next; id++)
        fill->is_there[id] = fill->is_there[id] && how == 3 && id % 10 == 0;
    judge_rows(fill, "with room made");
    if (!insert_rows(fill, 20))
        fail_msg("no room was made by %s", ways[how][0]);
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

/* ---- the catalogue alone ---- */

static void
put_values(MetaChanges *changes, int count, size_t size)
{
    static const char bytes[20000];
    char key[32];
    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof key, "key/%d/%d", (int)size, i);
        meta_change_put(changes, key, (Slice){bytes, size});
    }
}

/* Values small and large, on a disk with so much room: FULL, and nothing has
 * changed, or done; and done when there is room. */
static void
fill_catalogue(const char *root, uint64_t blocks)
{
    Meta *meta;
    uint64_t id, applied;
    Error err = ERROR_INIT;
    MetaChanges changes = META_CHANGES_INIT;
    assert_int_equal(mkdir(root, 0700), 0);
    CrashVfs *crash = crash_create(root, 42);
    crash_route_lmdb(crash);
    assert_int_equal(
        meta_open(crash_vfs(crash), root, &meta, &id, &applied, &err), MQL_OK);
    put_values(&changes, 30, 300);
    put_values(&changes, 5, 20000);
    crash_limit_space(crash, crash_used_space(crash) + blocks * 4096);
    mql_status status = meta_apply(meta, buffer_slice(&changes.bytes), 1, &err);
    if (status != MQL_OK && status != MQL_FULL)
        fail_msg("%d blocks: %s", (int)blocks, err.text);
    error_clear(&err);
    assert_int_equal(meta_check(meta, crash_vfs(crash), &err), MQL_OK);
    crash_limit_space(crash, 0);
    assert_int_equal(meta_apply(meta, buffer_slice(&changes.bytes), 2, &err),
                     MQL_OK);
    assert_int_equal(meta_check(meta, crash_vfs(crash), &err), MQL_OK);
    meta_close(meta);
    meta_changes_free(&changes);
    crash_route_lmdb(NULL);
    crash_destroy(crash);
    remove_tree(root);
}

static void
test_catalogue(void **state)
{
    (void)state;
    char *base = temporary_directory();
    char *root = path_in(base, "root");
    for (uint64_t blocks = 0; blocks < 64; blocks++)
        fill_catalogue(root, blocks);
    remove_tree(base);
    free(base);
    free(root);
}

/* ---- room made ---- */

/* The same with what the reserve is for. */
static void
test_room_is_made(void **state)
{
    (void)state;
    char *base = temporary_directory();
    char *root = path_in(base, "root");
    for (int how = 0; how < 4; how++) {
        Fill fill;
        assert_int_equal(mkdir(root, 0700), 0);
        CrashVfs *crash = crash_create(root, 42);
        crash_route_lmdb(crash);
        begin_fill(&fill, root, crash_vfs(crash));
        crash_limit_space(crash, crash_used_space(crash) + 3000000);
        fill_up(&fill);
        make_room(&fill, how);
        reopen(&fill, root, crash_vfs(crash));
        crash_route_lmdb(NULL);
        crash_destroy(crash);
        remove_tree(root);
    }
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

/* One real disk. On every other one room is made without a larger one. */
static void
fill_disk(const char *directory, const char *outside, int size, int number)
{
    Fill fill;
    char options[32];
    char *path = path_in(directory, "db");
    snprintf(options, sizeof options, "size=%dk", size);
    if (mount("none", directory, "tmpfs", MS_REMOUNT, options) != 0)
        say_why("remount of a tmpfs");
    begin_fill(&fill, path, NULL);
    fill.copy = path_in(outside, "rows.csv");
    fill.backup = path_in(directory, "backup");
    fill_up(&fill);
    if (number % 4 >= 2) { /* a full disk is no reason not to open */
        machine_close(&fill.database);
        open_fill(&fill, path, NULL, "opened on the full disk");
        judge_rows(&fill, "opened on the full disk");
    }
    if (number % 2 == 1)
        make_room(&fill, number / 4 % 4);
    assert_int_equal(mount("none", directory, "tmpfs", MS_REMOUNT, "size=64m"),
                     0);
    go_on(&fill);
    reopen(&fill, path, NULL);
    remove_tree(path);
    free(fill.backup);
    free(fill.copy);
    free(path);
}

static void
fill_tmpfs(const char *directory)
{
    become_root();
    char *outside = temporary_directory();
    if (mount("none", directory, "tmpfs", 0, "size=64m") != 0)
        say_why("mount of a tmpfs");
    int step = is_long_run() ? 8 : 64, number = 0;
    for (int size = 1536; size < 1536 + 40 * 64; size += step)
        fill_disk(directory, outside, size, number++);
    print_message("%d sizes, none lost\n", number);
    remove_tree(outside);
    free(outside);
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
        cmocka_unit_test(test_every_size),   cmocka_unit_test(test_catalogue),
        cmocka_unit_test(test_room_is_made), cmocka_unit_test(test_tmpfs),
        cmocka_unit_test(test_file_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
