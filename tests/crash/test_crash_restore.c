/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_crash_restore.c - RESTORE DATABASE, the power lost after every operation
 * on the disk, and every call to the disk failed.
 *
 * A root has a backup with the prologue's collections (machine_actions.c) and a
 * database with another database in it. Whatever happens while the backup is
 * restored, the database has afterwards what it had, or that and all of the
 * backup; nothing of it is left over, and the backup is whole.
 */
#include "machine.h"
#include "run_sql.h"

#include <inttypes.h>

#define STATES 5

enum { SEEN_BEFORE, SEEN_AFTER, SEEN_COUNT };

typedef struct Run {
    char *base, *plain, *root, *survivor;
    char *expected[SEEN_COUNT];
} Run;

/* `template` with the path of the root's folder `name`. */
static char *
with_path(const char *template, const char *root, const char *name)
{
    char *path = path_in(root, name);
    size_t size = strlen(template) + strlen(path) + 3;
    char *text = malloc(size);
    assert_non_null(text);
    snprintf(text, size, "%s'%s'", template, path);
    free(path);
    return text;
}

static Database
open_in(const char *root, const char *name, const Vfs *vfs)
{
    Database database;
    mql_error error;
    char *path = path_in(root, name);
    if (machine_open(path, vfs, &database, &error) != MQL_OK)
        fail_msg("%s: %s", path, error.message);
    free(path);
    return database;
}

/* Both databases in words. */
static char *
print_all(Database *database)
{
    Buffer out = BUFFER_INIT;
    mql_error error = MQL_ERROR_INIT;
    static const char *const uses[] = {"USE mine", "USE \"default\""};
    for (size_t i = 0; i < 2; i++) {
        run_sql(database->conn, uses[i]);
        if (database_print(database->conn, &out, &error) != MQL_OK)
            fail_msg("%s: %s", uses[i], error.message);
        buffer_append_text(&out, "--\n");
    }
    char *text = strdup(buffer_text(&out));
    buffer_free(&out);
    return text;
}

static void
make_backup(const char *plain)
{
    mql_error error;
    Database database = open_in(plain, "source", NULL);
    for (size_t i = 0; i < prologue_count; i++)
        if (machine_run(&database, &prologue[i], &error) != MQL_OK)
            fail_msg("%s: %s", prologue[i].name, error.message);
    run_sql(database.conn, "SET GLOBAL retention = '2h'");
    char *sql = with_path("BACKUP DATABASE TO ", plain, "backup");
    run_sql(database.conn, sql);
    free(sql);
    machine_close(&database);
    char *path = path_in(plain, "source");
    remove_tree(path);
    free(path);
}

static void
make_target(const char *plain)
{
    Database database = open_in(plain, "db", NULL);
    run_sql(database.conn,
            "CREATE DATABASE mine; USE mine; CREATE COLLECTION t (id INT64 "
            "PRIMARY KEY, n INT64, v VECTOR(4)); INSERT INTO t VALUES (1, 3, "
            "[1,0,0,1])");
    machine_close(&database);
}

/* What is seen with and without the backup. */
static void
note_expected(Run *run)
{
    char *copy = path_in(run->base, "copy");
    copy_tree(run->plain, copy);
    Database database = open_in(copy, "db", NULL);
    run->expected[SEEN_BEFORE] = print_all(&database);
    char *sql = with_path("RESTORE DATABASE FROM ", copy, "backup");
    run_sql(database.conn, sql);
    free(sql);
    run->expected[SEEN_AFTER] = print_all(&database);
    assert_string_not_equal(run->expected[SEEN_BEFORE],
                            run->expected[SEEN_AFTER]);
    assert_non_null(strstr(run->expected[SEEN_AFTER], " index.t_v"));
    machine_close(&database);
    remove_tree(copy);
    free(copy);
}

static Run
run_create(void)
{
    Run run = {.base = temporary_directory()};
    run.plain = path_in(run.base, "plain");
    run.root = path_in(run.base, "root");
    run.survivor = path_in(run.base, "survivor");
    assert_int_equal(mkdir(run.plain, 0700), 0);
    make_backup(run.plain);
    make_target(run.plain);
    note_expected(&run);
    return run;
}

static void
run_destroy(Run *run)
{
    for (int i = 0; i < SEEN_COUNT; i++)
        free(run->expected[i]);
    remove_tree(run->base);
    free(run->base);
    free(run->plain);
    free(run->root);
    free(run->survivor);
}

/* The state of the database in `root`, sound and able to be written to. */
static int
judge(const Run *run, const char *root, const char *when)
{
    mql_error error = MQL_ERROR_INIT;
    Database database = open_in(root, "db", NULL);
    char *seen = print_all(&database);
    int found = 0;
    while (found < SEEN_COUNT && strcmp(seen, run->expected[found]) != 0)
        found++;
    if (found == SEEN_COUNT)
        fail_msg("%s:\n%sinstead of\n%s", when, seen,
                 run->expected[SEEN_AFTER]);
    free(seen);
    if (machine_check(&database, &error) != MQL_OK)
        fail_msg("%s: %s %s", when, error.message, error.detail);
    char *sql = with_path("VERIFY BACKUP ", root, "backup");
    run_sql(database.conn, sql);
    free(sql);
    if (found == SEEN_BEFORE) {
        sql = with_path("RESTORE DATABASE FROM ", root, "backup");
        run_sql(database.conn, sql);
        free(sql);
    }
    run_sql(database.conn, "INSERT INTO t VALUES (63, 1, [63,0,0,1])");
    machine_close(&database);
    return found;
}

static CrashVfs *
start(const Run *run)
{
    copy_tree(run->plain, run->root);
    CrashVfs *crash = crash_create(run->root, 42);
    crash_route_lmdb(crash);
    return crash;
}

static mql_status
restore(const Run *run, Database *database)
{
    char *sql = with_path("RESTORE DATABASE FROM ", run->root, "backup");
    mql_status status = mql_exec(database->conn, sql);
    free(sql);
    return status;
}

static void
test_power_lost(void **state)
{
    (void)state;
    Run run = run_create();
    CrashVfs *crash = start(&run);
    Database database = open_in(run.root, "db", crash_vfs(crash));
    uint64_t opened = crash_operations(crash);
    assert_int_equal(restore(&run, &database), MQL_OK);
    uint64_t restored = crash_operations(crash);
    machine_close(&database);
    crash_route_lmdb(NULL);
    uint64_t states = 0;
    for (uint64_t n = opened; n <= restored; n++) {
        uint64_t count = crash_state_count(crash, n);
        uint64_t last = UINT64_MAX;
        for (uint64_t i = 0; i < STATES; i++) {
            /* none, all, names, data, and one of the others in turn */
            uint64_t chosen = i < 4 ? i : count > 4 ? 4 + n % (count - 4) : 0;
            if (chosen >= count || chosen == last)
                continue;
            last = chosen;
            char when[200];
            snprintf(when, sizeof when, "operation %" PRIu64 " (%.80s), %.40s",
                     n, crash_describe(crash, n),
                     crash_state_name(crash, n, chosen));
            crash_survivor(crash, n, chosen, run.survivor);
            int seen = judge(&run, run.survivor, when);
            if (n == restored)
                assert_int_equal(seen, SEEN_AFTER);
            remove_tree(run.survivor);
            states++;
        }
    }
    print_message("%" PRIu64 " operations, %" PRIu64 " states\n",
                  restored - opened, states);
    assert_true(restored - opened > 8);
    crash_destroy(crash);
    run_destroy(&run);
}

/* One call fails; false: there was none of that number. */
static bool
fail_one(const Run *run, uint64_t call, int errno_value)
{
    char when[80];
    CrashVfs *crash = start(run);
    Database database = open_in(run->root, "db", crash_vfs(crash));
    uint64_t opened = crash_calls(crash);
    crash_fail_call(crash, opened + call, errno_value, call % 2 == 0);
    mql_status status = restore(run, &database);
    bool is_reached = crash_calls(crash) >= opened + call;
    crash_fail_call(crash, 0, 0, false);
    machine_close(&database);
    crash_route_lmdb(NULL);
    crash_destroy(crash);
    snprintf(when, sizeof when, "call %" PRIu64 " failed", call);
    int seen = judge(run, run->root, when);
    if (status == MQL_OK)
        assert_int_equal(seen, SEEN_AFTER);
    remove_tree(run->root);
    return is_reached;
}

static void
test_failed(void **state)
{
    (void)state;
    Run run = run_create();
    uint64_t step = is_long_run() ? 1 : 3;
    uint64_t call = 1;
    while (fail_one(&run, call, call % 3 == 0 ? ENOSPC : EIO))
        call += step;
    print_message("%" PRIu64 " calls\n", call);
    assert_true(call > 50);
    run_destroy(&run);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_lost),
                                       cmocka_unit_test(test_failed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
