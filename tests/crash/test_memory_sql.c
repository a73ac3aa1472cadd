/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_memory_sql.c - memory runs out at an allocation of opening, recovering
 * or of an action (machine_actions.c), once, or there and ever after.
 *
 * The action has worked or says 53200 and has changed nothing; the session goes
 * on, no block is left when the database is closed, and it is sound and has
 * what it should when it is opened again.
 *
 *   test_memory_sql --replay insert:120:1        allocation 120, for good
 *
 * MQL_TEST_LONG=1 takes every allocation; the quick run one in so many, others
 * with another MQL_TEST_SEED.
 */
#include "machine.h"

#include <inttypes.h>

#include "own_malloc.h"

enum { COUNT_FAULTS, COUNT_ERRORS, COUNT_REFUSED };

static const Action opening = {"open", NULL, ""};
static const Action recovery = {"recover", NULL, ""};
static const Action later = {
    "later", "INSERT INTO t VALUES (60, 61, [60,0,0,1])", "t*60=61"};

typedef struct Fault {
    const Action *action;
    unsigned long number;
    bool is_for_good;
} Fault;

typedef struct Run {
    char *base, *crashed, *directory, *root;
    Fault fault;
} Run;

static void
give_up(const Run *run, const char *what, const char *more)
{
    atomic_store(&fail_at, 0);
    print_message("--replay %s:%lu:%d  %s: %s\n", run->fault.action->name,
                  run->fault.number, run->fault.is_for_good, what, more);
    fail();
}

static void
arm(const Fault *fault)
{
    atomic_store(&fails_for_good, fault->is_for_good);
    atomic_store(&fail_at, atomic_load(&calls) + fault->number);
}

/* Whether the allocation that had to fail has come. */
static bool
disarm(void)
{
    bool has_come = atomic_load(&calls) >= atomic_load(&fail_at);
    atomic_store(&fail_at, 0);
    return has_come;
}

/* Out of memory; or a log that refuses since it could not go on. */
static void
judge_error(const Run *run, const mql_error *error)
{
    machine_count(COUNT_ERRORS, 1);
    if (strcmp(error->sqlstate, "53200") == 0)
        return;
    if (strcmp(error->sqlstate, "58030") != 0)
        give_up(run, error->sqlstate, error->message);
    machine_count(COUNT_REFUSED, 1);
}

static void
judge_seen(const Run *run, Database *database, const World *world,
           const World *perhaps, const char *when)
{
    Buffer seen = BUFFER_INIT;
    mql_error error = MQL_ERROR_INIT;
    if (machine_print(database, &seen, &error) != MQL_OK)
        give_up(run, when, error.message);
    char *expected = world_text(world), *maybe = world_text(perhaps);
    if (strcmp(buffer_text(&seen), expected) != 0 &&
        strcmp(buffer_text(&seen), maybe) != 0)
        give_up(run, when, buffer_text(&seen));
    free(expected);
    free(maybe);
    buffer_free(&seen);
}

static void
judge_opened(const Run *run, const World *world, const World *perhaps)
{
    Database database;
    mql_error error;
    if (machine_open_root(run->root, NULL, &database, &error) != MQL_OK)
        give_up(run, "opened again", error.message);
    judge_seen(run, &database, world, perhaps, "opened again");
    if (machine_check(&database, &error) != MQL_OK)
        give_up(run, error.message, error.detail);
    machine_close(&database);
}

/* Open; with the fault when it is one of opening. False: it did not come. */
static bool
open_faulty(const Run *run, Database *database)
{
    mql_error error;
    bool is_here = run->fault.action->sql == NULL, has_come = true;
    if (is_here)
        arm(&run->fault);
    mql_status status = machine_open_root(run->root, NULL, database, &error);
    if (is_here)
        has_come = disarm();
    if (status == MQL_OK)
        return has_come;
    judge_error(run, &error);
    if (machine_open_root(run->root, NULL, database, &error) != MQL_OK)
        give_up(run, "opened again", error.message);
    return has_come;
}

static bool
run_faulty(const Run *run, Database *database, World *world, World *perhaps)
{
    mql_error error;
    char sql[MACHINE_SQL_SIZE];
    machine_sql(database, run->fault.action, sql, sizeof sql);
    arm(&run->fault);
    mql_status status = mql_exec(database->conn, sql);
    bool has_come = disarm();
    if (status != MQL_OK) {
        mql_error_get(database->conn, &error);
        (void)mql_exec(database->conn, "ROLLBACK");
    }
    *perhaps = *world;
    bool must_work = world_apply(perhaps, run->fault.action);
    if (status == MQL_OK && !must_work)
        give_up(run, "must fail", "");
    if (status == MQL_OK)
        *world = *perhaps;
    else
        judge_error(run, &error);
    return has_come;
}

static void
run_later(const Run *run, Database *database, World *world, World *perhaps)
{
    mql_error error;
    World next = *world;
    if (!world_apply(&next, &later))
        return;
    if (machine_run(database, &later, &error) == MQL_OK)
        *world = *perhaps = next;
    else if (strcmp(error.sqlstate, "58030") == 0)
        machine_count(COUNT_REFUSED, 1);
    else
        give_up(run, "later", error.message);
}

/* False: there was no such allocation. */
static bool
try_fault(Run *run, Fault fault)
{
    World world = {0};
    Database database;
    run->fault = fault;
    machine_doing("--replay %s:%lu:%d", fault.action->name, fault.number,
                  fault.is_for_good);
    for (size_t i = 0; i < prologue_count; i++)
        assert_true(world_apply(&world, &prologue[i]));
    copy_tree(fault.action == &recovery ? run->crashed : run->base, run->root);
    World perhaps = world;
    long before = atomic_load(&blocks);
    bool has_come = open_faulty(run, &database);
    if (fault.action->sql != NULL)
        has_come = run_faulty(run, &database, &world, &perhaps);
    judge_seen(run, &database, &world, &world, "afterwards");
    run_later(run, &database, &world, &perhaps);
    machine_close(&database);
    if (atomic_load(&blocks) != before)
        give_up(run, "memory", "is left");
    judge_opened(run, &world, &perhaps);
    remove_tree(run->root);
    machine_count(COUNT_FAULTS, 1);
    return has_come;
}

static const Action *
action_of(size_t number)
{
    return number == 0   ? &opening
           : number == 1 ? &recovery
                         : &actions[number - 2];
}

static void
run_begin(Run *run, const char *directory, int worker)
{
    char name[16];
    snprintf(name, sizeof name, "%d", worker);
    *run = (Run){.base = path_in(directory, "base"),
                 .crashed = path_in(directory, "crashed"),
                 .directory = path_in(directory, name)};
    assert_int_equal(mkdir(run->directory, 0700), 0);
    run->root = path_in(run->directory, "root");
}

static void
work(int worker, void *context)
{
    const char *wanted = getenv("MQL_TEST_SEED");
    unsigned long step = is_long_run() ? 1 : 2;
    unsigned long seed = wanted == NULL ? 0 : strtoul(wanted, NULL, 10);
    Run run;
    run_begin(&run, context, worker);
    for (size_t i = (size_t)worker; i < action_count + 2; i += WORKERS) {
        const Action *action = action_of(i);
        if ((i >= 2 && action->sql == NULL) || !is_wanted(action))
            continue;
        bool has_come = true;
        for (unsigned long n = 1 + seed % step; has_come; n += step) {
            has_come = try_fault(&run, (Fault){action, n, false});
            if (is_long_run() || n / step % 5 == 0)
                try_fault(&run, (Fault){action, n, true});
        }
    }
}

/* "base" was closed in order; "crashed" was copied while it was open. */
static char *
make_bases(void)
{
    char *directory = temporary_directory();
    char *base = path_in(directory, "base");
    char *crashed = path_in(directory, "crashed");
    machine_make_base(base, crashed);
    free(base);
    free(crashed);
    return directory;
}

static void
test_memory(void **state)
{
    (void)state;
    if (!HAS_OWN_MALLOC)
        skip();
    char *directory = make_bases();
    int failed = run_workers(work, directory);
    print_message("%" PRIu64 " allocations failed, %" PRIu64 " errors, %" PRIu64
                  " times the log refused\n",
                  machine_counted(COUNT_FAULTS), machine_counted(COUNT_ERRORS),
                  machine_counted(COUNT_REFUSED));
    remove_tree(directory);
    free(directory);
    assert_int_equal(failed, 0);
}

static int
replay(const char *text)
{
    size_t size = strcspn(text, ":");
    Fault fault = {.action = action_find(text, size)};
    int is_for_good = 0;
    for (size_t i = 0; i < 2 && fault.action == NULL; i++)
        if (strncmp(text, action_of(i)->name, size) == 0)
            fault.action = action_of(i);
    if (fault.action == NULL ||
        sscanf(text + size, ":%lu:%d", &fault.number, &is_for_good) != 2) {
        fprintf(stderr, "--replay ACTION:ALLOCATION:FOR_GOOD\n");
        return 2;
    }
    fault.is_for_good = is_for_good != 0;
    Run run;
    char *directory = make_bases();
    run_begin(&run, directory, 0);
    try_fault(&run, fault);
    printf("nothing is wrong\n");
    remove_tree(directory);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--replay") == 0)
        return replay(argv[2]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
