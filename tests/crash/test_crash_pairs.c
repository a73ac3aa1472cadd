/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_crash_pairs.c - every workload of one or two actions (machine_actions.c)
 * behind a prologue, the power lost at every operation on the disk, and then
 * everything that may be left.
 *
 * The crash points of a workload are those of its last action, and for the
 * first one those of opening; those before are of a shorter workload. Left is
 * what crash_vfs.h numbers: nothing, all, each change alone, all but it, all
 * before it, parts by sectors. The same bytes are opened once. Each state must
 * open, look like the model before or after the action, be sound (CHECK), look
 * the same when opened again; and so must what is left when the power goes
 * again at each operation of that recovery.
 *
 *   test_crash_pairs --replay insert,flush:12:3
 *
 * runs one state; a failure prints this line. MQL_TEST_LONG=1 (make crash-long)
 * judges every state of one action and a third of those of two, samples
 * workloads of three actions and loses the power twice during recovery. Another
 * MQL_TEST_SEED takes other ones.
 */
#include "machine.h"

#include <inttypes.h>
#include <xxhash.h>

#include "base/map.h"

enum {
    COUNT_WORKLOADS,
    COUNT_POINTS,
    COUNT_STATES,
    COUNT_SAME,
    COUNT_NESTED,
    COUNT_KILLS
};

#define LENGTH_MOST 3

typedef struct Workload {
    const Action *actions[LENGTH_MOST];
    int length;
    uint64_t kill_at; /* the process dies at this operation; 0: never */
    bool is_new;      /* in a new directory, without the prologue */
} Workload;

typedef struct Run {
    char *base;      /* the database after the prologue */
    char *directory; /* of this worker */
    char *root, *survivor;
    CrashVfs *crash;
    uint64_t first;        /* operations before the last action */
    uint64_t acknowledged; /* and when it had come back */
    bool is_acknowledged;  /* in the state that is judged */
    char *before, *after;
    Map seen; /* of the bytes that were judged sound: what they look like */
    uint64_t looks;
    char name[128];
    uint64_t judged, turn, seed;
    bool is_pair;
    bool is_killed; /* once before */
    bool is_quiet;  /* something wrong is what is looked for */
} Run;

/* ---- a workload once ---- */

static void
workload_name(const Workload *workload, char *name, size_t size)
{
    size_t used = 0;
    if (workload->is_new)
        used += (size_t)snprintf(name, size, "new,");
    for (int i = 0; i < workload->length; i++)
        used += (size_t)snprintf(name + used, size - used, "%s%s",
                                 i == 0 ? "" : ",", workload->actions[i]->name);
    if (workload->kill_at != 0)
        snprintf(name + used, size - used, ",kill%" PRIu64, workload->kill_at);
}

/* Left open. */
static void
run_action(Run *run, const Action *action, Database *database, bool must_work)
{
    mql_error error;
    if (action->sql == NULL) {
        machine_close(database);
        if (machine_open_root(run->root, crash_vfs(run->crash), database,
                              &error) != MQL_OK)
            fail_msg("%s: opened again: %s %s", run->name, error.message,
                     error.detail);
        return;
    }
    mql_status status = machine_run(database, action, &error);
    if ((status == MQL_OK) != must_work)
        fail_msg("%s: %s %s: %s %s", run->name, action->name,
                 must_work ? "must work" : "must fail", error.message,
                 error.detail);
}

static void
look(Run *run, Database *database, const char *expected)
{
    Buffer seen = BUFFER_INIT;
    mql_error error;
    if (machine_print(database, &seen, &error) != MQL_OK)
        fail_msg("%s: %s %s", run->name, error.message, error.detail);
    if (strcmp(buffer_text(&seen), expected) != 0)
        fail_msg("%s: without any crash\n%sinstead of\n%s", run->name,
                 buffer_text(&seen), expected);
    buffer_free(&seen);
}

static void
prologue_world(World *world)
{
    *world = (World){0};
    for (size_t i = 0; i < prologue_count; i++)
        assert_true(world_apply(world, &prologue[i]));
}

static void
open_root(Run *run, Database *database)
{
    mql_error error;
    if (machine_open_root(run->root, crash_vfs(run->crash), database, &error) !=
        MQL_OK)
        fail_msg("%s: %s %s", run->name, error.message, error.detail);
}

/* The root and the world as they are before the actions. */
static void
prepare(Run *run, const Workload *workload, World *world)
{
    *world = (World){0};
    if (workload->is_new) {
        assert_int_equal(mkdir(run->root, 0700), 0);
    } else {
        prologue_world(world);
        copy_tree(run->base, run->root);
    }
    run->crash = crash_create(run->root, 42);
    crash_route_lmdb(run->crash);
}

/* The process dies in the middle of opening or of the action. What it wrote is
 * there for the next one, synced or not; that one finds the action done or does
 * it. False: there was no such operation. */
static bool
run_killed(Run *run, const Action *action, uint64_t kill_at, World *world)
{
    Database database;
    mql_error error;
    crash_stop_at(run->crash, kill_at);
    if (machine_open_root(run->root, crash_vfs(run->crash), &database,
                          &error) == MQL_OK) {
        if (action->sql != NULL)
            (void)machine_run(&database, action, &error);
        machine_close(&database);
    }
    bool is_killed = crash_operations(run->crash) + 1 >= kill_at;
    crash_stop_at(run->crash, 0);
    char *before = world_text(world);
    bool must_work = world_apply(world, action);
    run->after = world_text(world);
    run->before = strdup(run->after);
    bool is_acknowledged = true;
    open_root(run, &database);
    Buffer seen = BUFFER_INIT;
    if (machine_print(&database, &seen, &error) != MQL_OK)
        fail_msg("%s: %s %s", run->name, error.message, error.detail);
    if (strcmp(buffer_text(&seen), before) == 0)
        run_action(run, action, &database, must_work);
    else if (strcmp(buffer_text(&seen), run->after) != 0)
        fail_msg("%s: killed at operation %" PRIu64 ":\n%sinstead of\n%s",
                 run->name, kill_at, buffer_text(&seen), before);
    else if (action->sql != NULL && strstr(action->sql, "{backup}") != NULL)
        is_acknowledged = false; /* whole, but nobody opens it as a database */
    run->first = crash_operations(run->crash);
    run->acknowledged = is_acknowledged ? run->first : UINT64_MAX;
    if (!is_acknowledged) {
        free(run->before);
        run->before = strdup(before);
    }
    machine_close(&database);
    buffer_free(&seen);
    free(before);
    return is_killed;
}

/* The workload, traced; the model's words in before and after. False: it is not
 * that long. */
static bool
run_workload(Run *run, const Workload *workload)
{
    World world;
    Database database;
    prepare(run, workload, &world);
    run->is_pair = workload->length > 1 && !run->is_quiet;
    run->turn++;
    run->is_killed = workload->kill_at != 0;
    if (workload->kill_at != 0) {
        bool is_killed =
            run_killed(run, workload->actions[0], workload->kill_at, &world);
        crash_route_lmdb(NULL);
        return is_killed;
    }
    open_root(run, &database);
    for (int i = 0; i < workload->length; i++) {
        free(run->after);
        free(run->before);
        run->before = world_text(&world);
        run->first = i == 0 ? 0 : crash_operations(run->crash);
        bool must_work = world_apply(&world, workload->actions[i]);
        run->after = world_text(&world);
        run_action(run, workload->actions[i], &database, must_work);
    }
    run->acknowledged = crash_operations(run->crash);
    look(run, &database, run->after);
    machine_close(&database);
    crash_route_lmdb(NULL);
    return true;
}

static void
workload_end(Run *run)
{
    crash_destroy(run->crash);
    run->crash = NULL;
    free(run->before);
    free(run->after);
    run->before = run->after = NULL;
    remove_tree(run->root);
}

/* ---- judging what is left ---- */

static uint64_t
text_hash(const char *text)
{
    return XXH3_64bits(text, strlen(text));
}

/* NULL: as it must be; else what is wrong, malloc'ed. */
static char *
judge_open(Run *run, const char *path)
{
    Database database;
    mql_error error;
    Buffer seen = BUFFER_INIT;
    if (machine_open_root(path, NULL, &database, &error) != MQL_OK) {
        buffer_printf(&seen, "does not open: %s %s\n", error.message,
                      error.detail);
    } else {
        Buffer words = BUFFER_INIT;
        if (machine_print(&database, &words, &error) != MQL_OK ||
            machine_check(&database, &error) != MQL_OK)
            buffer_printf(&seen, "%sthen %s %s\n", buffer_text(&words),
                          error.message, error.detail);
        else if ((run->is_acknowledged ||
                  strcmp(buffer_text(&words), run->before) != 0) &&
                 strcmp(buffer_text(&words), run->after) != 0)
            buffer_printf(&seen, "has\n%s", buffer_text(&words));
        run->looks = text_hash(buffer_text(&words));
        buffer_free(&words);
        machine_close(&database);
    }
    char *wrong = seen.size == 0 ? NULL : strdup(buffer_text(&seen));
    buffer_free(&seen);
    return wrong;
}

static char *
judge_directory(Run *run, const char *path)
{
    char *wrong = judge_open(run, path);
    bool is_again = run->judged++ % 4 == 0;
    return wrong != NULL || !is_again ? wrong : judge_open(run, path);
}

/* Were the same bytes judged before, of whatever workload, and do they look as
 * they must here? */
static bool
is_known(const Run *run, uint64_t hash)
{
    const uint64_t *looks = map_find_u64(&run->seen, hash);
    if (looks == NULL)
        return false;
    return *looks == text_hash(run->after) ||
           (!run->is_acknowledged && *looks == text_hash(run->before));
}

static void
note_known(Run *run, uint64_t hash)
{
    assert_true(map_put_u64(&run->seen, hash, run->looks));
}

/* The power goes again at each operation of the recovery of `path`. */
static char *
judge_recovery(Run *run, const char *path, int depth)
{
    char *again = path_in(run->directory, depth == 1 ? "left" : "left2");
    char *wrong = NULL;
    Database database;
    mql_error error;
    CrashVfs *crash = crash_create(path, 43);
    crash_route_lmdb(crash);
    if (machine_open_root(path, crash_vfs(crash), &database, &error) == MQL_OK)
        machine_close(&database);
    crash_route_lmdb(NULL);
    for (uint64_t n = 0; n <= crash_operations(crash) && wrong == NULL; n++) {
        uint64_t count = crash_state_count(crash, n);
        for (uint64_t i = 0; i < 3 && wrong == NULL; i++) {
            uint64_t state = i < 2 ? i : n;
            uint64_t hash =
                state >= count ? 0 : crash_survivor_hash(crash, n, state);
            if (state >= count || is_known(run, hash))
                continue;
            crash_survivor(crash, n, state, again);
            machine_count(COUNT_NESTED, 1);
            if (depth > 1)
                wrong = judge_recovery(run, again, depth - 1);
            else
                wrong = judge_directory(run, again);
            if (wrong == NULL && depth == 1)
                note_known(run, hash);
            remove_tree(again);
        }
    }
    crash_destroy(crash);
    free(again);
    return wrong;
}

static char *
judge_state(Run *run, uint64_t operations, uint64_t state, int depth)
{
    machine_doing("--replay %s:%" PRIu64 ":%" PRIu64, run->name, operations,
                  state);
    run->is_acknowledged = operations >= run->acknowledged;
    crash_survivor(run->crash, operations, state, run->survivor);
    char *wrong = depth == 0 ? judge_directory(run, run->survivor)
                             : judge_recovery(run, run->survivor, depth);
    remove_tree(run->survivor);
    return wrong;
}

/* ---- which states ---- */

/* In the quick run some of the many, others for each crash point: of a workload
 * of one action nothing, all and the names always, of two one of them in turn.
 * In the long run all, of more than one action a third of those that are many;
 * three seeds have all of them. */
static bool
is_chosen(const Run *run, uint64_t operations, uint64_t state, uint64_t count)
{
    uint64_t turn = operations + run->turn + run->seed;
    if (count == 1 || (is_long_run() && !run->is_pair))
        return true;
    if (is_long_run())
        return (state + turn) % 3 == 0;
    if (state < 3)
        return !run->is_pair || turn % 3 == state;
    return (state * 7 + operations * 3 + run->turn + run->seed) % 32 == 0;
}

/* How often the power is lost again during the recovery. */
static int
nesting(const Run *run, uint64_t operations, uint64_t state)
{
    uint64_t turn = operations * 31 + state + run->seed;
    if (is_long_run())
        return turn % 4001 == 0 ? 2 : turn % 80 == 0 ? 1 : 0;
    return turn % 80 == 0 ? 1 : 0;
}

static char *
judge_point(Run *run, uint64_t operations)
{
    uint64_t count = crash_state_count_all(run->crash, operations);
    machine_count(COUNT_POINTS, 1);
    for (uint64_t state = 0; state < count; state++) {
        if (!is_chosen(run, operations, state, count))
            continue;
        uint64_t hash = crash_survivor_hash(run->crash, operations, state);
        run->is_acknowledged = operations >= run->acknowledged;
        if (is_known(run, hash)) {
            machine_count(COUNT_SAME, 1);
            continue;
        }
        machine_count(COUNT_STATES, 1);
        int depth = nesting(run, operations, state);
        char *wrong = judge_state(run, operations, state, 0);
        if (wrong == NULL)
            note_known(run, hash);
        for (int i = 1; i <= depth && wrong == NULL; i++)
            wrong = judge_state(run, operations, state, i);
        if (wrong == NULL)
            continue;
        if (run->is_quiet)
            return wrong;
        print_message("--replay %s:%" PRIu64 ":%" PRIu64
                      "  power lost after %s",
                      run->name, operations, state,
                      crash_describe(run->crash, operations));
        print_message(", state %s:\n%sinstead of\n%sor\n%s",
                      crash_state_name(run->crash, operations, state), wrong,
                      run->before, run->after);
        return wrong;
    }
    return NULL;
}

/* NULL: nothing was lost. The log of a database that was closed in order is
 * synced to its last byte, so that damage to it tells itself. */
static char *
judge_run(Run *run)
{
    uint64_t last = crash_operations(run->crash);
    char *wrong = NULL;
    for (uint64_t n = run->first; n <= last && wrong == NULL; n++)
        wrong = judge_point(run, n);
    if (wrong == NULL && !run->is_killed &&
        crash_unsynced(run->crash, last, "wal/") > 0) {
        wrong = strdup("the log is not synced when the database is closed");
        if (!run->is_quiet)
            print_message("%s: %s\n", run->name, wrong);
    }
    return wrong;
}

/* True: nothing was lost. */
static bool
judge_workload(Run *run, const Workload *workload)
{
    run_workload(run, workload);
    machine_count(COUNT_WORKLOADS, 1);
    char *wrong = judge_run(run);
    free(wrong);
    workload_end(run);
    return wrong == NULL;
}

/* The workload is killed at each operation. */
static bool
judge_killed(Run *run, Workload workload)
{
    bool is_long_enough = true;
    char *wrong = NULL;
    for (workload.kill_at = 1; is_long_enough && wrong == NULL;
         workload.kill_at += is_long_run() ? 1 : 3) {
        workload_name(&workload, run->name, sizeof run->name);
        is_long_enough = run_workload(run, &workload);
        wrong = judge_run(run);
        machine_count(COUNT_KILLS, 1);
        free(wrong);
        workload_end(run);
    }
    return wrong == NULL;
}

/* ---- workloads ---- */

/* By number: the making of a database, those of one action, of two, of three.
 */
static Workload
workload_of(size_t number)
{
    Workload workload = {.length = 1};
    if (number-- == 0) {
        workload.is_new = true;
        workload.actions[0] = &actions[0];
        return workload;
    }
    size_t block = action_count;
    while (number >= block) {
        number -= block;
        block *= action_count;
        workload.length++;
    }
    for (int i = workload.length - 1; i >= 0; i--) {
        workload.actions[i] = &actions[number % action_count];
        number /= action_count;
    }
    return workload;
}

static void
run_begin(Run *run, const char *directory, int worker)
{
    char name[16];
    snprintf(name, sizeof name, "%d", worker);
    const char *seed = getenv("MQL_TEST_SEED");
    *run = (Run){.directory = path_in(directory, name),
                 .seed = seed == NULL ? 0 : strtoull(seed, NULL, 10)};
    assert_int_equal(mkdir(run->directory, 0700), 0);
    run->root = path_in(run->directory, "root");
    run->survivor = path_in(run->directory, "survivor");
    run->base = path_in(directory, "base");
}

static void
run_end(Run *run)
{
    free(run->directory);
    free(run->root);
    free(run->survivor);
    free(run->base);
    map_free(&run->seen);
}

#define PAIRS (1 + action_count + action_count * action_count)

/* Of three actions, always run: the places in the code where no two lead. */
static const char *const triples[] = {
    /* compaction whose last file is an index: nothing of u is deleted */
    "index2,grow,merge",
};
#define TRIPLES (sizeof triples / sizeof triples[0])

static bool read_workload(const char *text, Workload *workload);

static Workload
triple_of(size_t number)
{
    Workload workload;
    assert_true(read_workload(triples[number], &workload));
    return workload;
}

static void
judge_all(int worker, void *context)
{
    Run run;
    run_begin(&run, context, worker);
    size_t pairs = PAIRS;
    size_t all = is_long_run() ? pairs * (action_count + 1) : pairs;
    int failed = 0;
    for (size_t i = (size_t)worker; i < all && failed < 10; i += WORKERS) {
        /* of three actions each 101st, not always with the same end */
        if (i >= pairs && (i / WORKERS + run.seed) % 101 != 0)
            continue;
        if (i > action_count && i / WORKERS % CASE_STEP != 0)
            continue;
        Workload workload = workload_of(i);
        workload_name(&workload, run.name, sizeof run.name);
        failed += judge_workload(&run, &workload) ? 0 : 1;
        if (workload.length == 1)
            failed += judge_killed(&run, workload) ? 0 : 1;
    }
    for (size_t i = (size_t)worker; i < TRIPLES; i += WORKERS) {
        Workload workload = triple_of(i);
        workload_name(&workload, run.name, sizeof run.name);
        failed += judge_workload(&run, &workload) ? 0 : 1;
    }
    run_end(&run);
    if (failed > 0)
        _exit(1);
}

static void
test_pairs(void **state)
{
    (void)state;
    char *directory = temporary_directory();
    char *base = path_in(directory, "base");
    machine_make_base(base, NULL);
    int failed = run_workers(judge_all, directory);
    print_message("%" PRIu64 " workloads, %" PRIu64 " kills, %" PRIu64
                  " crash points, %" PRIu64 " states (and %" PRIu64
                  " of the same bytes), %" PRIu64 " of crashed recoveries\n",
                  machine_counted(COUNT_WORKLOADS),
                  machine_counted(COUNT_KILLS), machine_counted(COUNT_POINTS),
                  machine_counted(COUNT_STATES), machine_counted(COUNT_SAME),
                  machine_counted(COUNT_NESTED));
    remove_tree(directory);
    free(base);
    free(directory);
    assert_int_equal(failed, 0);
}

/* ---- every sync is needed ---- */

#define SITES_MOST 128
#define USES_MOST 128

/* A place of the code that syncs or renames, and workloads that come by. */
typedef struct Site {
    char name[256];
    size_t uses[USES_MOST];
    size_t use_count;
} Site;

typedef struct Sites {
    const char *directory;
    Site sites[SITES_MOST];
    size_t count;
} Sites;

static void
add_use(Sites *sites, const char *name, size_t workload)
{
    size_t i = 0;
    while (i < sites->count && strcmp(sites->sites[i].name, name) != 0)
        i++;
    assert_true(i < SITES_MOST);
    Site *site = &sites->sites[i];
    if (i == sites->count) {
        sites->count++;
        snprintf(site->name, sizeof site->name, "%s", name);
    }
    bool is_known =
        site->use_count > 0 && site->uses[site->use_count - 1] == workload;
    if (!is_known && site->use_count < USES_MOST)
        site->uses[site->use_count++] = workload;
}

/* Workloads by number, then triples, then the making of a database killed at
 * each operation. */
static Workload
use_of(size_t number)
{
    if (number < PAIRS)
        return workload_of(number);
    if (number < PAIRS + TRIPLES)
        return triple_of(number - PAIRS);
    Workload workload = workload_of(0);
    workload.kill_at = number - PAIRS - TRIPLES + 1;
    return workload;
}

static void
find_sites(Run *run, Sites *sites)
{
    /* Those killed first: short, and they notice most. */
    const size_t all = PAIRS + TRIPLES + 40;
    for (size_t k = 0; k < all; k++) {
        size_t i = (k + PAIRS + TRIPLES) % all;
        Workload workload = use_of(i);
        workload_name(&workload, run->name, sizeof run->name);
        run_workload(run, &workload);
        uint64_t first = workload.kill_at != 0 ? 0 : run->first;
        for (uint64_t n = first; n < crash_operations(run->crash); n++) {
            const char *name = crash_site(run->crash, n + 1);
            if (name != NULL)
                add_use(sites, name, i);
        }
        workload_end(run);
    }
}

/* Whether the workload notices that the site does nothing. */
static bool
is_missed(Run *run, const Site *site, size_t number)
{
    Workload workload = use_of(number);
    workload_name(&workload, run->name, sizeof run->name);
    run_workload(run, &workload);
    assert_true(crash_forget_site(run->crash, site->name) > 0);
    char *wrong = judge_run(run);
    free(wrong);
    workload_end(run);
    return wrong != NULL;
}

enum { COUNT_SITES = 8, COUNT_MISSED, COUNT_SPARES };

/* What a backup syncs before its MANIFEST, which ends it and whose directory is
 * synced last, so that nobody misses it: its catalogue is made as a database's
 * is, names are synced first so that none is missing where a MANIFEST is. */
static const struct {
    const char *name; /* as it begins */
    uint64_t most;
} spares[] = {{"O_DSYNC write of backup/*.backup", 1},
              {"fdatasync of backup/*.backup", 1},
              {"rename of backup/tmp/*.mdb", 1},
              {"sync of directory \"backup/tmp\"", 2},
              {"sync of directory \"backup\"", 1}};
#define SPARES (sizeof spares / sizeof spares[0])

static bool
is_spare(const Site *site)
{
    for (size_t i = 0; i < SPARES; i++) {
        if (strncmp(site->name, spares[i].name, strlen(spares[i].name)) != 0)
            continue;
        machine_count(COUNT_SPARES + (int)i, 1);
        return machine_counted(COUNT_SPARES + (int)i) <= spares[i].most;
    }
    return false;
}

static void
judge_sites(int worker, void *context)
{
    Sites *sites = context;
    Run run;
    run_begin(&run, sites->directory, worker);
    run.is_quiet = true;
    for (size_t i = (size_t)worker; i < sites->count; i += WORKERS) {
        const Site *site = &sites->sites[i];
        bool is_needed = false;
        for (size_t k = 0; k < site->use_count && !is_needed; k++)
            is_needed = is_missed(&run, site, site->uses[k]);
        if (!is_needed && is_spare(site))
            continue;
        machine_count(COUNT_SITES, 1);
        machine_count(COUNT_MISSED, is_needed ? 1 : 0);
        if (!is_needed)
            print_message("nobody misses the %s, as in %s\n", site->name,
                          run.name);
    }
    run_end(&run);
}

static void
test_every_sync_is_needed(void **state)
{
    (void)state;
    if (CASE_STEP > 1)
        skip();
    static Sites sites;
    char *directory = temporary_directory();
    char *base = path_in(directory, "base");
    sites = (Sites){.directory = directory};
    machine_make_base(base, NULL);
    Run run;
    run_begin(&run, directory, WORKERS);
    find_sites(&run, &sites);
    run_end(&run);
    int failed = run_workers(judge_sites, &sites);
    print_message("mutation score: %" PRIu64 " of %" PRIu64
                  " syncs and renames are missed\n",
                  machine_counted(COUNT_MISSED), machine_counted(COUNT_SITES));
    remove_tree(directory);
    free(base);
    free(directory);
    assert_int_equal(failed, 0);
    assert_int_equal(machine_counted(COUNT_MISSED),
                     machine_counted(COUNT_SITES));
}

/* ---- one state again ---- */

static bool
read_workload(const char *text, Workload *workload)
{
    *workload = (Workload){.is_new = strncmp(text, "new,", 4) == 0};
    text += workload->is_new ? 4 : 0;
    while (workload->length < LENGTH_MOST) {
        size_t size = strcspn(text, ",:");
        if (strncmp(text, "kill", 4) == 0) {
            workload->kill_at = strtoull(text + 4, NULL, 10);
            return workload->length > 0;
        }
        const Action *action = action_find(text, size);
        if (action == NULL)
            return false;
        workload->actions[workload->length++] = action;
        text += size;
        if (*text++ != ',')
            break;
    }
    return workload->length > 0;
}

static int
replay(const char *text)
{
    Workload workload;
    uint64_t operations = 0, number = 0;
    const char *colon = strchr(text, ':');
    if (!read_workload(text, &workload) || colon == NULL ||
        sscanf(colon, ":%" SCNu64 ":%" SCNu64, &operations, &number) != 2) {
        fprintf(stderr, "--replay ACTION,ACTION:OPERATION:STATE\n");
        return 2;
    }
    char *directory = temporary_directory();
    char *base = path_in(directory, "base");
    machine_make_base(base, NULL);
    Run run;
    run_begin(&run, directory, 0);
    workload_name(&workload, run.name, sizeof run.name);
    run_workload(&run, &workload);
    const char *forget = getenv("MQL_TEST_FORGET");
    for (uint64_t n = 1; n <= crash_operations(run.crash); n++) {
        printf("%4" PRIu64 " %s", n, crash_describe(run.crash, n));
        const char *site = crash_site(run.crash, n);
        printf("  %s\n", site == NULL ? "" : site);
    }
    if (forget != NULL)
        printf("%" PRIu64 " forgotten\n", crash_forget_site(run.crash, forget));
    if (operations > crash_operations(run.crash)) {
        fprintf(stderr, "there are not so many operations\n");
        return 2;
    }
    char *wrong = NULL;
    for (int depth = 0; depth <= 2 && wrong == NULL; depth++)
        wrong = judge_state(&run, operations, number, depth);
    printf("after %s, state %s:\n%s", crash_describe(run.crash, operations),
           crash_state_name(run.crash, operations, number),
           wrong == NULL ? "nothing is wrong\n" : wrong);
    if (getenv("MQL_TEST_KEEP") != NULL) {
        crash_survivor(run.crash, operations, number, run.survivor);
        printf("kept: %s\n", run.survivor);
    } else {
        workload_end(&run);
        remove_tree(directory);
    }
    return wrong == NULL ? 0 : 1;
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--replay") == 0)
        return replay(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_every_sync_is_needed)};
    if (argc == 2)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
