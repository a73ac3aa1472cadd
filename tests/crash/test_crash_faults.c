/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_crash_faults.c - each call to the disk fails once, or from then on.
 *
 * For opening and for each action (machine_actions.c), behind the prologue,
 * each call that it makes is failed, reading ones too. Either the action has
 * worked, or it says an error and nothing has changed, and the session goes on
 * reading and, unless the log refuses, writing: the same action again, too. The
 * database is sound when it is opened again, and has what was acknowledged even
 * if the power goes: what a failed sync should have made durable is lost then.
 *
 *   test_crash_faults --replay insert:12:5:1     call 12 with errno 5, for good
 *
 * The quick run fails each call once and for good, with one errno each, under
 * a sanitizer one of the two; with MQL_TEST_LONG=1 it is all of them.
 * MQL_TEST_SEED turns the choice.
 */
#include "machine.h"

#include <inttypes.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

enum { COUNT_FAULTS, COUNT_ERRORS, COUNT_REFUSED };

static const int errnos[] = {EIO,    ENOSPC, EMFILE, EACCES,
                             ENOMEM, EDQUOT, EINTR};
#define ERRNOS (sizeof errnos / sizeof errnos[0])

static const Action opening = {"open", NULL, ""};
static const Action later = {
    "later", "INSERT INTO t VALUES (60, 61, [60,0,0,1])", "t*60=61"};

typedef struct Fault {
    const Action *action;
    uint64_t call;
    int errno_value;
    bool is_sticky;
} Fault;

typedef struct Run {
    char *base, *directory, *root, *survivor;
    CrashVfs *crash;
    Fault fault;
    char *expected, *perhaps; /* what must be there; what may be instead */
} Run;

static void
give_up(const Run *run, const char *what, const char *more)
{
    print_message("--replay %s:%" PRIu64 ":%d:%d  %s: %s\n",
                  run->fault.action->name, run->fault.call,
                  run->fault.errno_value, run->fault.is_sticky, what, more);
    fail();
}

static size_t
open_files(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* ---- the parts of one fault ---- */

static void
judge_live(Run *run, Database *database)
{
    Buffer seen = BUFFER_INIT;
    mql_error error = MQL_ERROR_INIT;
    if (machine_print(database, &seen, &error) != MQL_OK)
        give_up(run, "afterwards", error.message);
    if (strcmp(buffer_text(&seen), run->expected) != 0)
        give_up(run, "the session sees", buffer_text(&seen));
    buffer_free(&seen);
}

static void
judge_opened(Run *run, const char *path, const char *which)
{
    Database database;
    mql_error error;
    Buffer seen = BUFFER_INIT;
    if (machine_open_root(path, NULL, &database, &error) != MQL_OK)
        give_up(run, which, error.message);
    if (machine_print(&database, &seen, &error) != MQL_OK ||
        machine_check(&database, &error) != MQL_OK)
        give_up(run, which, error.message);
    if (strcmp(buffer_text(&seen), run->expected) != 0 &&
        strcmp(buffer_text(&seen), run->perhaps) != 0)
        give_up(run, which, buffer_text(&seen));
    buffer_free(&seen);
    machine_close(&database);
}

/* An error of the disk, nothing else. */
static void
judge_error(const Run *run, const mql_error *error)
{
    static const char *const allowed[] = {"58030", "53100", "53200", "53000",
                                          "42501", "58P01", "58P02"};
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        if (strcmp(error->sqlstate, allowed[i]) == 0)
            return;
    give_up(run, error->sqlstate, error->message);
}

static void
set_expected(Run *run, const World *world, const World *perhaps)
{
    free(run->expected);
    free(run->perhaps);
    run->expected = world_text(world);
    run->perhaps = world_text(perhaps);
}

static bool
has(const Database *database, const World *world)
{
    Buffer seen = BUFFER_INIT;
    mql_error error;
    char *text = world_text(world);
    bool is_alike = machine_print(database, &seen, &error) == MQL_OK &&
                    strcmp(buffer_text(&seen), text) == 0;
    buffer_free(&seen);
    free(text);
    return is_alike;
}

/* Run the action with its fault; what the world is then. False: an error. */
static bool
run_faulty(Run *run, Database *database, World *world, World *perhaps)
{
    const Action *action = run->fault.action;
    mql_error error;
    uint64_t first = crash_calls(run->crash);
    crash_fail_call(run->crash, first + run->fault.call, run->fault.errno_value,
                    run->fault.is_sticky);
    mql_status status = machine_run(database, action, &error);
    crash_fail_call(run->crash, 0, 0, false);
    *perhaps = *world;
    if (!world_apply(perhaps, action) && status == MQL_OK)
        give_up(run, "must fail", action->name);
    if (status == MQL_OK) {
        *world = *perhaps;
        return true;
    }
    machine_count(COUNT_ERRORS, 1);
    judge_error(run, &error);
    if (!machine_has_backup(run->root))
        return false;
    if (!run->fault.is_sticky)
        give_up(run, "of the backup", "something is left");
    /* the disk refuses to remove it: it is whole, or says that it is not */
    if (!has(database, perhaps) && !has(database, world))
        give_up(run, "the backup", "is wrong");
    machine_remove_backup(database);
    return false;
}

/* The same action, when the disk is well again: files of the first try are in
 * nobody's way. It works, unless the log takes nothing more. */
static void
run_again(Run *run, Database *database, World *world, World *perhaps)
{
    mql_error error;
    World next = *world;
    if (!world_apply(&next, run->fault.action))
        return;
    if (machine_run(database, run->fault.action, &error) != MQL_OK)
        judge_error(run, &error);
    else
        *world = *perhaps = next;
    set_expected(run, world, perhaps);
    judge_live(run, database);
}

/* A later statement works or is refused; whatever of the two. */
static void
run_later(Run *run, Database *database, World *world, World *perhaps)
{
    mql_error error;
    World next = *world;
    if (!world_apply(&next, &later))
        return;
    if (machine_run(database, &later, &error) != MQL_OK) {
        machine_count(COUNT_REFUSED, 1);
        judge_error(run, &error);
        return;
    }
    /* behind a commit whose sync failed there is nothing */
    *world = *perhaps = next;
}

static bool
open_faulty(Run *run, Database *database)
{
    mql_error error;
    bool is_open_fault = run->fault.action == &opening;
    if (is_open_fault)
        crash_fail_call(run->crash, run->fault.call, run->fault.errno_value,
                        run->fault.is_sticky);
    mql_status status =
        machine_open_root(run->root, crash_vfs(run->crash), database, &error);
    bool is_over = is_open_fault && crash_calls(run->crash) < run->fault.call;
    crash_fail_call(run->crash, 0, 0, false);
    if (status != MQL_OK) {
        machine_count(COUNT_ERRORS, 1);
        judge_error(run, &error);
        if (machine_open_root(run->root, crash_vfs(run->crash), database,
                              &error) != MQL_OK)
            give_up(run, "opened again", error.message);
    }
    return !is_over;
}

static void
judge_left(Run *run)
{
    uint64_t last = crash_operations(run->crash);
    judge_opened(run, run->root, "opened again");
    for (uint64_t state = 0; state < 2; state++) {
        crash_survivor(run->crash, last, state, run->survivor);
        judge_opened(run, run->survivor,
                     state == 0 ? "power lost, none" : "power lost, all");
        remove_tree(run->survivor);
    }
}

/* False: there was no such call. */
static bool
try_fault(Run *run, Fault fault)
{
    World world = {0}, perhaps;
    Database database;
    run->fault = fault;
    machine_doing("--replay %s:%" PRIu64 ":%d:%d", fault.action->name,
                  fault.call, fault.errno_value, fault.is_sticky);
    for (size_t i = 0; i < prologue_count; i++)
        assert_true(world_apply(&world, &prologue[i]));
    copy_tree(run->base, run->root);
    run->crash = crash_create(run->root, 42);
    crash_route_lmdb(run->crash);
    size_t files = open_files();
    bool is_there = open_faulty(run, &database);
    perhaps = world;
    bool has_worked = true;
    if (fault.action != &opening) {
        uint64_t first = crash_calls(run->crash);
        has_worked = run_faulty(run, &database, &world, &perhaps);
        is_there = crash_calls(run->crash) >= first + fault.call;
    }
    set_expected(run, &world, &perhaps);
    judge_live(run, &database);
    if (!has_worked)
        run_again(run, &database, &world, &perhaps);
    run_later(run, &database, &world, &perhaps);
    set_expected(run, &world, &perhaps);
    machine_close(&database);
    crash_route_lmdb(NULL);
    if (open_files() != files)
        give_up(run, "files", "are left open");
    judge_left(run);
    crash_destroy(run->crash);
    remove_tree(run->root);
    machine_count(COUNT_FAULTS, 1);
    return is_there;
}

/* ---- all faults ---- */

static const Action *
action_of(size_t number)
{
    return number == 0 ? &opening : &actions[number - 1];
}

/* Whether fault `i` of a call is tried: two in the quick run, under a sanitizer
 * one of them. */
static bool
is_chosen(size_t i, size_t turn)
{
    bool is_once = i == turn * 2 % (ERRNOS * 2);
    bool is_for_good = i == (turn * 2 + ERRNOS) % (ERRNOS * 2);
    if (is_long_run())
        return true;
    if (CASE_STEP > 1)
        return turn % 2 == 0 ? is_once : is_for_good;
    return is_once || is_for_good;
}

static void
try_call(Run *run, const Action *action, uint64_t call, bool *is_there)
{
    const char *seed = getenv("MQL_TEST_SEED");
    size_t turn = call + (seed == NULL ? 0 : strtoul(seed, NULL, 10));
    for (size_t i = 0; i < ERRNOS * 2; i++) {
        if (!is_chosen(i, turn))
            continue;
        Fault fault = {action, call, errnos[i / 2], i % 2 == 1};
        /* a signal that never stops is no error of a disk: LMDB waits for it */
        if (fault.errno_value == EINTR)
            fault.is_sticky = false;
        *is_there = try_fault(run, fault);
    }
}

static void
run_begin(Run *run, const char *directory, int worker)
{
    char name[16];
    snprintf(name, sizeof name, "%d", worker);
    *run = (Run){.base = path_in(directory, "base"),
                 .directory = path_in(directory, name)};
    assert_int_equal(mkdir(run->directory, 0700), 0);
    run->root = path_in(run->directory, "root");
    run->survivor = path_in(run->directory, "survivor");
}

static void
run_end(Run *run)
{
    free(run->base);
    free(run->directory);
    free(run->root);
    free(run->survivor);
    free(run->expected);
    free(run->perhaps);
#if defined(__SANITIZE_ADDRESS__)
    if (__lsan_do_recoverable_leak_check())
        fail_msg("memory is left");
#endif
}

static void
work(int worker, void *context)
{
    Run run;
    run_begin(&run, context, worker);
    for (size_t i = (size_t)worker; i <= action_count; i += WORKERS) {
        const Action *action = action_of(i);
        bool is_there =
            is_wanted(action) && (action == &opening || action->sql != NULL);
        for (uint64_t call = 1; is_there; call++)
            try_call(&run, action, call, &is_there);
    }
    run_end(&run);
}

static char *
make_base(void)
{
    char *directory = temporary_directory();
    char *base = path_in(directory, "base");
    machine_make_base(base, NULL);
    free(base);
    return directory;
}

static void
test_faults(void **state)
{
    (void)state;
    char *directory = make_base();
    int failed = run_workers(work, directory);
    print_message("%" PRIu64 " calls failed, %" PRIu64 " errors, %" PRIu64
                  " times the log refused what came later\n",
                  machine_counted(COUNT_FAULTS), machine_counted(COUNT_ERRORS),
                  machine_counted(COUNT_REFUSED));
    remove_tree(directory);
    free(directory);
    assert_int_equal(failed, 0);
}

/* Reads and writes that do half of what was asked: nobody notices. */
static void
test_short_calls(void **state)
{
    (void)state;
    char *directory = make_base();
    Run run;
    run_begin(&run, directory, 0);
    for (size_t i = 0; i < action_count; i++) {
        World world = {0};
        Database database;
        mql_error error;
        if (actions[i].sql == NULL || !is_wanted(&actions[i]))
            continue;
        run.fault = (Fault){.action = &actions[i]};
        for (size_t k = 0; k < prologue_count; k++)
            assert_true(world_apply(&world, &prologue[k]));
        copy_tree(run.base, run.root);
        run.crash = crash_create(run.root, 42);
        crash_cut_calls(run.crash, true);
        crash_route_lmdb(run.crash);
        if (machine_open_root(run.root, crash_vfs(run.crash), &database,
                              &error) != MQL_OK)
            give_up(&run, "open", error.message);
        if (world_apply(&world, &actions[i]) &&
            machine_run(&database, &actions[i], &error) != MQL_OK)
            give_up(&run, "short reads and writes", error.message);
        set_expected(&run, &world, &world);
        judge_live(&run, &database);
        machine_close(&database);
        crash_route_lmdb(NULL);
        judge_left(&run);
        crash_destroy(run.crash);
        remove_tree(run.root);
    }
    run_end(&run);
    remove_tree(directory);
    free(directory);
}

static int
replay(const char *text)
{
    size_t size = strcspn(text, ":");
    Fault fault = {.action = action_find(text, size)};
    int is_sticky = 0;
    if (fault.action == NULL && strncmp(text, "open", size) == 0)
        fault.action = &opening;
    if (fault.action == NULL ||
        sscanf(text + size, ":%" SCNu64 ":%d:%d", &fault.call,
               &fault.errno_value, &is_sticky) != 3) {
        fprintf(stderr, "--replay ACTION:CALL:ERRNO:STICKY\n");
        return 2;
    }
    fault.is_sticky = is_sticky != 0;
    Run run;
    char *directory = make_base();
    run_begin(&run, directory, 0);
    try_fault(&run, fault);
    printf("nothing is wrong\n");
    run_end(&run);
    remove_tree(directory);
    free(directory);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--replay") == 0)
        return replay(argv[2]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_faults),
                                       cmocka_unit_test(test_short_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
