/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_crash_jobs.c - background jobs, by hand so that each run makes the same
 * calls: the power is lost at every operation on the disk while rows are
 * sealed, index files built and segments compacted, and each call of a job
 * fails once and for good.
 *
 * Jobs change nothing that a reader sees. What a crash interrupts is found
 * again: all that is due is done in each state that is left, and looks right
 * then too. A job that met an error says so, and is done when it tries again,
 * unless the log takes nothing more.
 */
#include "store_fixture.h"

#include <errno.h>
#include <inttypes.h>

#include "engine/collection/jobs.h"
#include "machine.h"

#define NAME "items"
#define IDS 64
#define ROUNDS 13 /* two for a segment; six segments are compacted */
#define WRITES_MOST 32
#define TRIES_MOST 20

/* The rows of one commit are due for sealing, by a job and not yet by the
 * commit; deleted ones can be forgotten. */
static const StoreLimits limits = {
    .log_partition_bytes = 1 << 20,
    .log_bytes = 1 << 20,
    .log_deletes = 100,
    .staged_bytes = 1 << 20,
    .growing_bytes = 1000,
    .wal_bytes = 1 << 20,
    .chunk_bytes = 1000,
    .retention = 0,
};

/* What a reader sees; generation 0: no such row. */
typedef struct Picture {
    bool has_collection;
    int64_t generations[IDS];
} Picture;

typedef struct Run {
    char *base, *root, *path, *survivor, *survivor_path;
    CrashVfs *crash;
    Store *store;
    Picture pictures[WRITES_MOST + 1]; /* after so many writes */
    uint64_t done[WRITES_MOST + 1];    /* operations when it was acknowledged */
    size_t writes;
    uint64_t states, jobs[JOB_KINDS];
    char *before[JOB_KINDS]; /* copies of the database, that job being due */
    Picture picture_before[JOB_KINDS];
} Run;

/* ---- looking ---- */

typedef struct Look {
    Picture seen;
    bool is_wrong;
} Look;

static void
look_at(void *context, uint64_t partition, int64_t id, int64_t generation)
{
    Look *look = context;
    (void)partition;
    Item item = {id, 0};
    if (id < 0 || id >= IDS || look->seen.generations[id] != 0)
        look->is_wrong = true;
    else /* the generation cannot be read from a row without a price */
        look->seen.generations[id] =
            item_is_null(&item, ITEM_PRICE) ? -1 : generation;
}

static bool
shows(Store *store, const Picture *picture)
{
    Look look = {.is_wrong = false};
    const Version *version = store_version(store);
    const CollectionVersion *items =
        version_find_collection(version, 1, slice_of(NAME));
    look.seen.has_collection = items != NULL;
    if (items != NULL)
        collection_each_item(items, version->sequence, look_at, &look);
    version_release(version);
    bool is_same = look.seen.has_collection == picture->has_collection;
    for (int id = 0; id < IDS && is_same; id++) {
        Item item = {id, 0};
        int64_t wanted = picture->generations[id];
        if (wanted != 0 && item_is_null(&item, ITEM_PRICE))
            wanted = -1;
        is_same = look.seen.generations[id] == wanted;
    }
    return is_same && !look.is_wrong;
}

static mql_status
open_with(const Vfs *vfs, const char *path, Store **store, Error *err)
{
    StoreOptions options = {
        .vfs = vfs, .threads = 1, .has_jobs_by_hand = true, .limits = &limits};
    return store_open(path, &options, store, err);
}

static const Job *
last_job(Store *store)
{
    static Job list[JOBS_MOST];
    uint32_t count = store_jobs(store, list);
    return count == 0 ? NULL : &list[count - 1];
}

/* NULL, or what is wrong with the directory. It looks like `a` or `b`. */
static const char *
judge(const char *path, const Picture *a, const Picture *b)
{
    static char words[1200];
    Store *store = NULL;
    Error failure = ERROR_INIT;
    const char *wrong = NULL;
    if (open_with(&posix_vfs, path, &store, &failure) != MQL_OK ||
        store_check(store, &failure) != MQL_OK) {
        snprintf(words, sizeof words, "%s %s", failure.text, failure.detail);
        wrong = words;
    } else if (!shows(store, a) && !shows(store, b)) {
        wrong = "rows are wrong";
    }
    const Picture *seen =
        wrong == NULL && store != NULL && shows(store, a) ? a : b;
    for (int i = 0; wrong == NULL && store_run_job(store); i++)
        if (i == TRIES_MOST || last_job(store)->state != JOB_DONE)
            wrong = "a job is not done afterwards";
    if (wrong == NULL && !shows(store, seen))
        wrong = "rows are wrong after jobs";
    if (wrong == NULL && store_check(store, &failure) != MQL_OK)
        wrong = "it is not sound after jobs";
    store_close(store);
    return wrong;
}

/* ---- the workload ---- */

static void
run_start(Run *run)
{
    *run = (Run){.base = temporary_directory()};
    run->root = path_in(run->base, "root");
    run->path = path_in(run->root, "db");
    run->survivor = path_in(run->base, "survivor");
    run->survivor_path = path_in(run->survivor, "db");
}

static void
run_finish(Run *run)
{
    for (int kind = 0; kind < JOB_SCRUB; kind++)
        free(run->before[kind]);
    remove_tree(run->base);
    free(run->base);
    free(run->root);
    free(run->path);
    free(run->survivor);
    free(run->survivor_path);
}

static void
crash_start(Run *run)
{
    run->crash = crash_create(run->root, 7);
    crash_route_lmdb(run->crash);
}

static void
crash_end(Run *run)
{
    crash_route_lmdb(NULL);
    crash_destroy(run->crash);
    run->crash = NULL;
}

static void
create_index(Store *store, const char *kind, uint32_t field)
{
    Transaction *transaction;
    char name[16];
    snprintf(name, sizeof name, "by_%" PRIu32, field);
    OK(transaction_begin(store, &transaction, err));
    const CollectionVersion *items = version_find_collection(
        transaction_version(transaction), 1, slice_of(NAME));
    IndexDefinition index = {
        .id = transaction_new_id(transaction),
        .name = name,
        .field = field + 1,
        .kind = index_kind_find(slice_of(kind)),
        .metric = METRIC_L2,
    };
    index_options_default(index.kind->build_options, &index.options);
    OK(transaction_create_index(transaction, items->collection->id, &index,
                                NULL, err));
    OK(transaction_commit(transaction, err));
}

static void
note_write(Run *run, const Picture *picture)
{
    assert_true(run->writes < WRITES_MOST);
    run->pictures[++run->writes] = *picture;
    run->done[run->writes] = crash_operations(run->crash);
    assert_true(shows(run->store, picture));
}

/* The database as it is when a job of that kind is due, as a killed process
 * leaves it. */
static void
keep_before(Run *run, JobKind kind, const char *copy)
{
    char name[16];
    snprintf(name, sizeof name, "before%d", (int)kind);
    if (run->before[kind] == NULL)
        run->before[kind] = path_in(run->base, name);
    else
        remove_tree(run->before[kind]);
    assert_int_equal(rename(copy, run->before[kind]), 0);
    run->picture_before[kind] = run->pictures[run->writes];
}

/* All that is due. The copy is made before it is known what it will be. */
static void
run_jobs(Run *run)
{
    char *copy = path_in(run->base, "copy");
    for (;;) {
        copy_tree(run->root, copy);
        bool has_run = store_run_job(run->store);
        if (has_run) {
            const Job *job = last_job(run->store);
            assert_int_equal(job->state, JOB_DONE);
            run->jobs[job->kind]++;
            assert_true(shows(run->store, &run->pictures[run->writes]));
            keep_before(run, job->kind, copy);
        }
        remove_tree(copy);
        if (!has_run)
            break;
    }
    free(copy);
}

static void
write_round(Run *run, Picture *picture, int64_t round)
{
    Item items[5];
    for (int i = 0; i < 5; i++) {
        items[i] = (Item){(round * 4 + i) % IDS, round + 1};
        picture->generations[items[i].id] = round + 1;
    }
    OK(items_put(run->store, NAME, 0, INSERT_REPLACE, items, 5, err));
    note_write(run, picture);
}

static void
delete_rows(Run *run, Picture *picture, int64_t first, int64_t last)
{
    int64_t ids[IDS];
    uint32_t count = 0;
    for (int64_t id = first; id <= last; id++) {
        picture->generations[id] = 0;
        ids[count++] = id;
    }
    OK(items_delete(run->store, NAME, ids, count, err));
    note_write(run, picture);
}

/* It changes nothing (tests/unit/test_scrub.c), and time flies here. */
static void
leave_out_scrub(Store *store)
{
    const int64_t never = 0;
    Transaction *transaction;
    OK(transaction_begin(store, &transaction, err));
    OK(transaction_put_setting(transaction, SCRUB_INTERVAL_SETTING, &never,
                               err));
    OK(transaction_commit(transaction, err));
}

static void
run_workload(Run *run)
{
    Picture picture = {.has_collection = true};
    assert_int_equal(mkdir(run->root, 0700), 0);
    crash_start(run);
    OK(open_with(crash_vfs(run->crash), run->path, &run->store, err));
    OK(items_create(run->store, NAME, false, err));
    note_write(run, &picture);
    leave_out_scrub(run->store);
    create_index(run->store, "HNSW", ITEM_VECTOR);
    create_index(run->store, "INVERTED", ITEM_NAME);
    for (int64_t round = 0; round < ROUNDS; round++) {
        write_round(run, &picture, round);
        if (round == 3)
            delete_rows(run, &picture, 2, 6);
        run_jobs(run);
    }
    delete_rows(run, &picture, 0, IDS - 1);
    run_jobs(run);
    OK(store_check(run->store, err));
    store_close(run->store);
    run->store = NULL;
    crash_route_lmdb(NULL);
    run->pictures[run->writes + 1] = picture;
}

/* ---- power ---- */

static size_t
acknowledged_at(const Run *run, uint64_t operations)
{
    size_t count = 0;
    while (count < run->writes && run->done[count + 1] <= operations)
        count++;
    return count;
}

static void
power_lost_during_jobs(void **state)
{
    (void)state;
    static Run run;
    run_start(&run);
    run_workload(&run);
    uint64_t last = crash_operations(run.crash);
    for (uint64_t n = 0; n <= last; n += CASE_STEP) {
        size_t count = acknowledged_at(&run, n);
        size_t next = count < run.writes ? count + 1 : count;
        uint64_t states = crash_state_count(run.crash, n);
        for (uint64_t i = 0; i < states; i++) {
            /* the quick run: nothing, and one of the others in turn */
            if (!is_long_run() && i != 0 && i != n % states)
                continue;
            crash_survivor(run.crash, n, i, run.survivor);
            const char *wrong = judge(run.survivor_path, &run.pictures[count],
                                      &run.pictures[next]);
            remove_tree(run.survivor);
            run.states++;
            if (wrong != NULL)
                fail_msg("after operation %" PRIu64 " (%s), state %s: %s", n,
                         crash_describe(run.crash, n),
                         crash_state_name(run.crash, n, i), wrong);
        }
    }
    print_message("%" PRIu64 " jobs sealed, %" PRIu64 " built indexes, %" PRIu64
                  " compacted: %" PRIu64 " operations, %" PRIu64 " states\n",
                  run.jobs[JOB_SEAL], run.jobs[JOB_INDEX],
                  run.jobs[JOB_COMPACT], last, run.states);
    for (int kind = 0; kind < JOB_SCRUB; kind++)
        assert_true(run.jobs[kind] > 0);
    crash_end(&run);
    run_finish(&run);
}

/* ---- errors ---- */

typedef struct Fault {
    JobKind kind;
    uint64_t call;
    int errno_value;
    bool is_sticky;
} Fault;

static void
give_up(const Fault *fault, const char *what, const char *more)
{
    fail_msg("job of kind %d, call %" PRIu64 " with %s%s: %s %s",
             (int)fault->kind, fault->call, strerror(fault->errno_value),
             fault->is_sticky ? " for good" : "", what, more);
}

/* The job has failed and says why; later it is done, unless the log refuses
 * writing as well. */
static void
judge_failed(Run *run, const Fault *fault, const Picture *picture,
             bool is_refused)
{
    const Job *job = last_job(run->store);
    if (job->state != JOB_WAITING || job->failures == 0 ||
        job->message[0] == '\0')
        give_up(fault, "the job does not say that it failed:", job->message);
    for (int i = 0; i < TRIES_MOST && job->state != JOB_DONE; i++) {
        (void)store_run_job(run->store);
        job = last_job(run->store);
    }
    if (job->state != JOB_DONE && !is_refused)
        give_up(fault, "it is not done later:", job->message);
    if (!shows(run->store, picture))
        give_up(fault, "rows are wrong", "when it tried again");
}

static void
judge_left(Run *run, const Fault *fault, const Picture *a, const Picture *b)
{
    uint64_t last = crash_operations(run->crash);
    for (uint64_t state = 0; state < 2; state++) {
        crash_survivor(run->crash, last, state, run->survivor);
        const char *wrong = judge(run->survivor_path, a, b);
        remove_tree(run->survivor);
        if (wrong != NULL)
            give_up(fault, "the power goes then:", wrong);
    }
    const char *wrong = judge(run->path, a, b);
    if (wrong != NULL)
        give_up(fault, "opened again:", wrong);
}

/* False: the job makes no such call. */
static bool
try_fault(Run *run, Fault fault, uint64_t *failed)
{
    Picture picture = run->picture_before[fault.kind], next = picture;
    Item item = {IDS - 1, 99};
    Error failure = ERROR_INIT;
    copy_tree(run->before[fault.kind], run->root);
    crash_start(run);
    OK(open_with(crash_vfs(run->crash), run->path, &run->store, err));
    uint64_t first = crash_calls(run->crash);
    crash_fail_call(run->crash, first + fault.call, fault.errno_value,
                    fault.is_sticky);
    assert_true(store_run_job(run->store));
    bool is_there = crash_calls(run->crash) >= first + fault.call;
    crash_fail_call(run->crash, 0, 0, false);
    if (last_job(run->store)->kind != fault.kind)
        give_up(&fault, "another job", "was due");
    if (!shows(run->store, &picture))
        give_up(&fault, "rows", "are wrong");
    next.generations[item.id] = 99;
    bool has_failed = last_job(run->store)->state != JOB_DONE;
    bool is_refused = items_put(run->store, NAME, 0, INSERT_REPLACE, &item, 1,
                                &failure) != MQL_OK;
    if (!is_refused)
        picture = next;
    if (has_failed)
        judge_failed(run, &fault, &picture, is_refused);
    *failed += has_failed;
    store_close(run->store);
    run->store = NULL;
    crash_route_lmdb(NULL);
    judge_left(run, &fault, &picture, &next);
    crash_destroy(run->crash);
    remove_tree(run->root);
    return is_there;
}

static void
every_call_of_a_job_fails(void **state)
{
    (void)state;
    static Run run;
    uint64_t calls = 0, failed = 0;
    run_start(&run);
    run_workload(&run);
    crash_end(&run);
    remove_tree(run.root);
    for (int kind = 0; kind < JOB_SCRUB; kind++) {
        bool is_there = true;
        for (uint64_t call = 1; is_there; call += CASE_STEP, calls++) {
            bool is_odd = call % 2 == 1;
            is_there = try_fault(
                &run,
                (Fault){(JobKind)kind, call, is_odd ? EIO : ENOSPC, false},
                &failed);
            (void)try_fault(
                &run, (Fault){(JobKind)kind, call, is_odd ? ENOSPC : EIO, true},
                &failed);
        }
    }
    print_message("%" PRIu64 " calls of jobs failed once and for good, %" PRIu64
                  " times the job said so\n",
                  calls, failed);
    run_finish(&run);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_lost_during_jobs),
        cmocka_unit_test(every_call_of_a_job_fails)};
    if (argc == 2)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
