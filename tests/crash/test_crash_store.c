/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_crash_store.c - the storage engine with the power lost at every
 * operation on the disk, with recovery stopped too, and with every operation
 * failing once or for good.
 *
 * A workload with sizes so small that everything happens: rows in the log, rows
 * sealed at once, spilled rows replaced by later ones of their transaction,
 * deletes in the log and in files, indexes, trimmed logs. A model writes down
 * what a reader must see after each step.
 */
#include "store_fixture.h"

#include <inttypes.h>

#include "crash_vfs.h"
#include "engine/collection/maintenance.h"

#define NAME "items"
#define IDS 64

typedef enum StepKind {
    STEP_CREATE,
    STEP_PUT,     /* ids first .. last, new ones */
    STEP_REPLACE, /* ids first .. last; then `second` once more in the same
                     transaction */
    STEP_DELETE,  /* ids first .. last */
    STEP_FLUSH,
    STEP_INDEX, /* first 0: INVERTED on the name, 1: HNSW on the vector */
    STEP_DROP_INDEX,
    STEP_REPLACE_PARTITION, /* the second partition, whose rows go */
    STEP_TRUNCATE,
    STEP_COMPACT, /* first: the mode */
    STEP_REINDEX,
} StepKind;

typedef struct Step {
    StepKind kind;
    int first, last, second;
    uint32_t partition;
} Step;

static const Step steps[] = {
    {STEP_CREATE, 0, 0, 0, 0},
    {STEP_PUT, 1, 6, 0, 0},
    {STEP_REPLACE, 4, 8, 5, 1},
    {STEP_DELETE, 2, 2, 0, 0},
    {STEP_FLUSH, 0, 0, 0, 0},
    {STEP_PUT, 10, 12, 0, 1},
    {STEP_DELETE, 5, 11, 0, 0},
    {STEP_INDEX, 0, 0, 0, 0},
    {STEP_REPLACE, 1, 3, 2, 0},
    {STEP_PUT, 20, 45, 0, 0},
    {STEP_REPLACE, 20, 22, 0, 1},
    {STEP_DELETE, 30, 39, 0, 0},
    {STEP_DELETE, 1, 1, 0, 0},
    {STEP_FLUSH, 0, 0, 0, 0},
    {STEP_INDEX, 1, 0, 0, 0},
    {STEP_COMPACT, COMPACT_ONE, 0, 0, 0},
    {STEP_PUT, 46, 47, 0, 0},
    {STEP_DELETE, 21, 22, 0, 0},
    {STEP_COMPACT, COMPACT_VACUUM, 0, 0, 0},
    {STEP_REINDEX, 0, 0, 0, 0},
    {STEP_REPLACE, 15, 58, 16, 1},
    {STEP_PUT, 59, 60, 0, 1},
    {STEP_REPLACE_PARTITION, 0, 0, 0, 0},
    {STEP_PUT, 50, 55, 0, 1},
    {STEP_DROP_INDEX, 0, 0, 0, 0},
    {STEP_TRUNCATE, 0, 0, 0, 0},
    {STEP_PUT, 0, 9, 0, 1},
    {STEP_DELETE, 3, 4, 0, 0},
    {STEP_FLUSH, 0, 0, 0, 0},
    {STEP_PUT, 10, 14, 0, 0},
    {STEP_DELETE, 12, 13, 0, 0},
    {STEP_COMPACT, COMPACT_SEAL, 0, 0, 0},
    {STEP_REPLACE, 9, 10, 9, 1},
    {STEP_DELETE, 0, 9, 0, 0},
    {STEP_COMPACT, COMPACT_FORGET, 0, 0, 0},
    {STEP_DELETE, 0, 60, 0, 0},
    {STEP_COMPACT, COMPACT_FORGET, 0, 0, 0},
};

#define STEPS (sizeof steps / sizeof *steps)

static const StoreLimits limits = {
    .log_partition_bytes = 3000,
    .log_bytes = 5000,
    .log_deletes = 4,
    .staged_bytes = 4000,
    .growing_bytes = 6000,
    .wal_bytes = 1 << 20,
    .chunk_bytes = 1000,
    .retention = INT64_C(3600) * 1000 * 1000,
};

/* What a reader sees: per id the step that put it + 1, or 0; and the partition.
 */
typedef struct Picture {
    int puts[IDS];
    uint32_t partitions[IDS];
    bool has_collection;
    uint64_t sequence; /* of the commit that made it so; 0: not known */
} Picture;

static void
picture_step(Picture *picture, size_t number)
{
    const Step *step = &steps[number];
    switch (step->kind) {
    case STEP_CREATE:
        picture->has_collection = true;
        return;
    case STEP_PUT:
    case STEP_REPLACE:
        for (int id = step->first; id <= step->last; id++) {
            picture->puts[id] = (int)number + 1;
            picture->partitions[id] = step->partition;
        }
        return;
    case STEP_DELETE:
        for (int id = step->first; id <= step->last; id++)
            picture->puts[id] = 0;
        return;
    case STEP_REPLACE_PARTITION:
    case STEP_TRUNCATE:
        for (int id = 0; id < IDS; id++)
            if (step->kind == STEP_TRUNCATE || picture->partitions[id] == 1)
                picture->puts[id] = 0;
        return;
    default:
        return;
    }
}

/* ---- the workload ---- */

static const CollectionVersion *
items_of(const Version *version)
{
    return version_find_collection(version, 1, slice_of(NAME));
}

static mql_status
put_step(Transaction *transaction, size_t number, Error *err)
{
    const Step *step = &steps[number];
    const CollectionVersion *collection =
        items_of(transaction_version(transaction));
    InsertTarget target = {
        collection, collection->collection->partitions[step->partition].id,
        step->kind == STEP_PUT ? INSERT_NEW : INSERT_REPLACE};
    mql_status status = MQL_OK;
    /* Several batches, so that some are spilled before the others come. */
    for (int id = step->first; id <= step->last + 1 && status == MQL_OK;
         id += 10) {
        Item items[11];
        uint32_t count = 0;
        for (int i = id; i < id + 10 && i <= step->last; i++)
            items[count++] = (Item){i, (int64_t)number};
        if (step->second != 0)
            items[count++] = (Item){step->second, (int64_t)number};
        Arena arena;
        Batch batch;
        uint32_t bad_row;
        arena_init(&arena, 0);
        item_batch(&batch, items, count, false, &arena);
        status =
            transaction_insert(transaction, &target, &batch, &bad_row, err);
        arena_free(&arena);
    }
    return status;
}

static mql_status
delete_step(Transaction *transaction, const Step *step, Error *err)
{
    const Version *version = transaction_version(transaction);
    const CollectionVersion *collection = items_of(version);
    for (int64_t id = step->first; id <= step->last; id++) {
        Value key = value_int64(id);
        for (uint32_t i = 0; i < collection->segment_count; i++) {
            bool found;
            uint32_t row;
            TRY(segment_find_key(collection->segments[i], &key,
                                 version->sequence, &found, &row, err));
            if (found)
                TRY(transaction_delete(transaction, collection,
                                       collection->segments[i], &row, 1, err));
        }
    }
    return MQL_OK;
}

static mql_status
index_step(Transaction *transaction, const Step *step, Error *err)
{
    const Collection *definition =
        items_of(transaction_version(transaction))->collection;
    char name[] = "index0";
    name[5] = (char)('0' + step->first);
    IndexDefinition index = {
        .id = transaction_new_id(transaction),
        .name = name,
        .field = (step->first == 0 ? ITEM_NAME : ITEM_VECTOR) + 1,
        .kind =
            index_kind_find(slice_of(step->first == 0 ? "INVERTED" : "HNSW")),
        .metric = METRIC_L2,
    };
    index_options_default(index.kind->build_options, &index.options);
    return transaction_create_index(transaction, definition->id, &index, NULL,
                                    err);
}

static mql_status
definition_step(Transaction *transaction, const Step *step, Error *err)
{
    const Collection *definition =
        items_of(transaction_version(transaction))->collection;
    if (step->kind == STEP_TRUNCATE)
        return transaction_truncate(transaction, definition->id, err);
    if (step->kind == STEP_FLUSH)
        return transaction_flush(transaction, 0, NULL, err);
    Collection *copy;
    TRY(collection_copy(definition, &copy, err));
    if (step->kind == STEP_DROP_INDEX)
        copy->index_count -= copy->index_count > 0 ? 1 : 0;
    else
        copy->partitions[1].id = transaction_new_id(transaction);
    return transaction_put_collection(transaction, copy, err);
}

/* Work that begins and ends its own transactions. */
static mql_status
maintain_step(Store *store, const Step *step, Error *err)
{
    const Version *version = store_version(store);
    const CollectionVersion *items = items_of(version);
    uint64_t id = items != NULL ? items->collection->id : 0;
    version_release(version);
    if (id == 0)
        return error_set(err, ERR_UNDEFINED_TABLE, "no collection");
    if (step->kind == STEP_REINDEX)
        return store_reindex(store, id, 0, NULL, err);
    TRY(store_compact(store, id, (CompactMode)step->first, NULL, err));
    return store_build_indexes(store, id, NULL, err);
}

static mql_status
run_step(Store *store, size_t number, Error *err)
{
    const Step *step = &steps[number];
    Transaction *transaction;
    mql_status status;
    if (step->kind == STEP_COMPACT || step->kind == STEP_REINDEX)
        return maintain_step(store, step, err);
    TRY(transaction_begin(store, &transaction, err));
    if (step->kind == STEP_CREATE)
        status = transaction_put_collection(
            transaction, item_collection(transaction, NAME, false), err);
    else if (items_of(transaction_version(transaction)) == NULL)
        status = error_set(err, ERR_UNDEFINED_TABLE, "no collection");
    else if (step->kind == STEP_PUT || step->kind == STEP_REPLACE)
        status = put_step(transaction, number, err);
    else if (step->kind == STEP_DELETE)
        status = delete_step(transaction, step, err);
    else if (step->kind == STEP_INDEX)
        status = index_step(transaction, step, err);
    else
        status = definition_step(transaction, step, err);
    if (status == MQL_OK)
        return transaction_commit(transaction, err);
    transaction_rollback(transaction);
    return status;
}

static mql_status
open_with(const Vfs *vfs, const char *path, Store **store, Error *err)
{
    StoreOptions options = {.vfs = vfs, .threads = 1, .limits = &limits};
    return store_open(path, &options, store, err);
}

/* ---- judging ---- */

typedef struct Look {
    int64_t generations[IDS]; /* -2: not there */
    uint64_t partitions[IDS];
    bool has_twice;
} Look;

static void
look_at(void *context, uint64_t partition, int64_t id, int64_t generation)
{
    Look *look = context;
    if (id < 0 || id >= IDS || look->generations[id] != -2) {
        look->has_twice = true;
        return;
    }
    look->generations[id] = generation;
    look->partitions[id] = partition;
}

static bool
shows_at(const CollectionVersion *collection, uint64_t sequence,
         const Picture *picture)
{
    Look look = {.has_twice = false};
    for (int id = 0; id < IDS; id++)
        look.generations[id] = -2;
    if (collection != NULL)
        collection_each_item(collection, sequence, look_at, &look);
    bool is_same =
        picture->has_collection == (collection != NULL) && !look.has_twice;
    for (int id = 0; id < IDS && is_same; id++) {
        Item item = {id, 0};
        if (picture->puts[id] == 0) {
            is_same = look.generations[id] == -2;
            continue;
        }
        int64_t wanted =
            item_is_null(&item, ITEM_PRICE) ? -1 : picture->puts[id] - 1;
        is_same =
            look.generations[id] == wanted &&
            look.partitions[id] ==
                collection->collection->partitions[picture->partitions[id]].id;
    }
    return is_same;
}

static bool
shows(Store *store, const Picture *picture)
{
    const Version *version = store_version(store);
    bool is_same = shows_at(items_of(version), version->sequence, picture);
    version_release(version);
    return is_same;
}

/* The moments of all commits are known, in order. */
static bool
knows_times(Store *store, uint64_t last)
{
    int64_t before = 0;
    for (uint64_t sequence = 1; sequence <= last; sequence++) {
        int64_t time;
        if (!store_time_of(store, sequence, &time) || time < before)
            return false;
        before = time;
    }
    return store_commit_at(store, INT64_MAX) == last;
}

/* What is wrong with the pictures before the last one of `past`. */
static const char *
judge_past(Store *store, const Picture *past, size_t count)
{
    const Version *version = store_version(store);
    const CollectionVersion *collection = items_of(version);
    const char *wrong = NULL;
    if (!knows_times(store, version->sequence))
        wrong = "the times of commits are wrong";
    for (size_t i = 0; i < count && collection != NULL && wrong == NULL; i++) {
        uint64_t sequence = past[i].sequence;
        if (sequence < collection->collection->created ||
            sequence < collection->collection->horizon)
            continue;
        if (!shows_at(collection, sequence, &past[i]))
            wrong = "rows of the past are wrong";
    }
    version_release(version);
    return wrong;
}

/* One more row goes in and stays. */
static const char *
judge_writing(const Vfs *vfs, const char *path, Store **store)
{
    Error failure = ERROR_INIT;
    Item item = {IDS + 1, 0};
    const Version *version = store_version(*store);
    bool has_collection = items_of(version) != NULL;
    version_release(version);
    if (!has_collection)
        return NULL;
    if (items_put(*store, NAME, 0, INSERT_NEW, &item, 1, &failure) != MQL_OK)
        return "it takes no new row";
    store_close(*store);
    *store = NULL;
    if (open_with(vfs, path, store, &failure) != MQL_OK)
        return "it does not open again";
    version = store_version(*store);
    const Segment *segment = NULL;
    uint32_t row = 0;
    bool is_there = item_find(items_of(version), IDS + 1, version->sequence,
                              &segment, &row);
    version_release(version);
    return is_there ? NULL : "the new row is lost";
}

/* What is wrong with the directory, which must look like one of two pictures,
 * and have those before them, all in order. */
static const char *
judge(const Vfs *vfs, const char *path, const Picture *pictures, size_t last)
{
    const Picture *a = &pictures[last];
    const Picture *b = &pictures[last + 1];
    static char words[1200];
    Store *store = NULL;
    Error failure = ERROR_INIT;
    if (open_with(vfs, path, &store, &failure) != MQL_OK) {
        snprintf(words, sizeof words, "it does not open: %s %s", failure.text,
                 failure.detail);
        return words;
    }
    const char *wrong = NULL;
    /* First: a damaged segment is no picture at all. */
    if (store_check(store, &failure) != MQL_OK) {
        snprintf(words, sizeof words, "check: %s %s", failure.text,
                 failure.detail);
        wrong = words;
    } else if (!shows(store, a) && !shows(store, b)) {
        wrong = "rows are wrong";
    }
    if (wrong == NULL)
        wrong = judge_past(store, pictures, last);
    if (wrong == NULL)
        wrong = judge_writing(vfs, path, &store);
    store_close(store);
    return wrong;
}

/* ---- a run ---- */

typedef struct Run {
    char *base;
    char *root; /* the disk */
    char *path; /* the database on it */
    char *survivor;
    char *survivor_path;
    CrashVfs *crash;
    uint64_t done[STEPS +
                  1]; /* operations when step i was acknowledged; 0: opened */
    Picture pictures[STEPS + 2]; /* after i steps; the last twice */
    uint64_t states;
} Run;

static void
run_start(Run *run)
{
    *run = (Run){.base = temporary_directory()};
    run->root = path_in(run->base, "root");
    run->path = path_in(run->root, "db");
    run->survivor = path_in(run->base, "survivor");
    run->survivor_path = path_in(run->survivor, "db");
    assert_int_equal(mkdir(run->root, 0700), 0);
    run->crash = crash_create(run->root, 7);
    crash_route_lmdb(run->crash);
}

static void
run_finish(Run *run)
{
    crash_route_lmdb(NULL);
    crash_destroy(run->crash);
    remove_tree(run->base);
    free(run->base);
    free(run->root);
    free(run->path);
    free(run->survivor);
    free(run->survivor_path);
}

static uint64_t
last_commit(Store *store)
{
    const Version *version = store_version(store);
    uint64_t sequence = version->sequence;
    version_release(version);
    return sequence;
}

static void
run_workload(Run *run)
{
    Store *store = NULL;
    OK(open_with(crash_vfs(run->crash), run->path, &store, err));
    run->done[0] = crash_operations(run->crash);
    for (size_t i = 0; i < STEPS; i++) {
        run->pictures[i + 1] = run->pictures[i];
        picture_step(&run->pictures[i + 1], i);
        OK(run_step(store, i, err));
        assert_true(shows(store, &run->pictures[i + 1]));
        run->pictures[i + 1].sequence = last_commit(store);
        run->done[i + 1] = crash_operations(run->crash);
        /* now and then by way of the disk */
        if (i % 7 != 6)
            continue;
        store_close(store);
        OK(open_with(crash_vfs(run->crash), run->path, &store, err));
    }
    OK(store_check(store, err));
    store_close(store);
    run->pictures[STEPS + 1] = run->pictures[STEPS];
    crash_route_lmdb(NULL);
}

/* Steps acknowledged when `operations` had been done. */
static size_t
acknowledged_at(const Run *run, uint64_t operations)
{
    size_t count = 0;
    while (count < STEPS && run->done[count + 1] <= operations)
        count++;
    return count;
}

static const char *
judge_state(Run *run, uint64_t operations, uint64_t state)
{
    size_t count = acknowledged_at(run, operations);
    crash_survivor(run->crash, operations, state, run->survivor);
    const char *wrong =
        judge(&posix_vfs, run->survivor_path, run->pictures, count);
    remove_tree(run->survivor);
    run->states++;
    return wrong;
}

static void
power_lost_after_every_operation(void **state)
{
    (void)state;
    Run run;
    run_start(&run);
    run_workload(&run);
    uint64_t operations = crash_operations(run.crash);
    for (uint64_t n = 0; n <= operations; n += CASE_STEP) {
        uint64_t states = crash_state_count(run.crash, n);
        for (uint64_t i = 0; i < states; i++) {
            const char *wrong = judge_state(&run, n, i);
            if (wrong != NULL)
                fail_msg("after operation %" PRIu64 " (%s), step %zu, state "
                         "%" PRIu64 ": %s",
                         n, crash_describe(run.crash, n),
                         acknowledged_at(&run, n), i, wrong);
        }
    }
    print_message("%" PRIu64 " operations, %" PRIu64 " states\n", operations,
                  run.states);
    run_finish(&run);
}

/* Recovery of a state is stopped as well, after each of its operations. */
static void
judge_recovery(Run *run, size_t count)
{
    char *second = path_in(run->base, "second");
    char *second_path = path_in(second, "db");
    CrashVfs *crash = crash_create(run->survivor, 43);
    Store *store = NULL;
    crash_route_lmdb(crash);
    OK(open_with(crash_vfs(crash), run->survivor_path, &store, err));
    store_close(store);
    crash_route_lmdb(NULL);
    for (uint64_t n = 0; n <= crash_operations(crash); n++) {
        uint64_t state = n % crash_state_count(crash, n);
        crash_survivor(crash, n, state, second);
        const char *wrong =
            judge(&posix_vfs, second_path, run->pictures, count);
        remove_tree(second);
        if (wrong != NULL)
            fail_msg("recovery, after operation %" PRIu64 " (%s): %s", n,
                     crash_describe(crash, n), wrong);
    }
    crash_destroy(crash);
    free(second);
    free(second_path);
}

static void
power_lost_during_recovery(void **state)
{
    (void)state;
    Run run;
    run_start(&run);
    run_workload(&run);
    for (uint64_t n = 0; n <= crash_operations(run.crash); n += 9 * CASE_STEP) {
        uint64_t i = (n / 9) % crash_state_count(run.crash, n);
        crash_survivor(run.crash, n, i, run.survivor);
        judge_recovery(&run, acknowledged_at(&run, n));
        remove_tree(run.survivor);
    }
    run_finish(&run);
}

/* Is there a state in which the run as it is in the trace goes wrong? */
static bool
goes_wrong(Run *run)
{
    uint64_t operations = crash_operations(run->crash);
    for (uint64_t n = 0; n <= operations; n++) {
        uint64_t states = crash_state_count(run->crash, n);
        for (uint64_t i = 0; i < states; i++)
            if (judge_state(run, n, i) != NULL)
                return true;
    }
    return false;
}

static void
every_sync_is_needed(void **state)
{
    (void)state;
    if (CASE_STEP > 1)
        skip();
    static const struct {
        const char *path;
        bool is_directory;
    } syncs[] = {
        {"wal/", false}, {"tmp/", false},  {"meta.", false},      {"", true},
        {"db", true},    {"db/wal", true}, {"db/segments", true},
    };
    for (size_t i = 0; i < sizeof syncs / sizeof *syncs; i++) {
        Run run;
        run_start(&run);
        run_workload(&run);
        uint64_t count =
            syncs[i].is_directory
                ? crash_forget_directory_syncs(run.crash, syncs[i].path)
                : crash_forget_file_syncs(run.crash, syncs[i].path);
        assert_int_not_equal(count, 0);
        if (!goes_wrong(&run))
            fail_msg("nobody misses the syncs of \"%s\"", syncs[i].path);
        run_finish(&run);
    }
}

/* ---- failures ---- */

/* What must be seen while steps fail. */
typedef struct Expected {
    Picture past[STEPS + 2]; /* after steps that succeeded, and `maybe` */
    size_t last;             /* the one that is now */
    Picture maybe; /* after reopening: with the first step that failed since one
                      succeeded */
    bool has_failed;
} Expected;

/* Run the steps though some fail; false: it did not even open. */
static bool
run_failing(Run *run, Expected *expected)
{
    Store *store = NULL;
    Error failure = ERROR_INIT;
    if (open_with(crash_vfs(run->crash), run->path, &store, &failure) != MQL_OK)
        return false;
    for (size_t i = 0; i < STEPS; i++) {
        Picture next = expected->past[expected->last];
        picture_step(&next, i);
        Error step_failure = ERROR_INIT;
        uint64_t before = last_commit(store);
        if (run_step(store, i, &step_failure) == MQL_OK) {
            next.sequence = last_commit(store);
            expected->past[++expected->last] = next;
            /* the log took another one: those that it refused are not in it */
            if (last_commit(store) > before)
                expected->has_failed = false;
        } else if (!expected->has_failed) {
            assert_true(step_failure.text[0] != '\0');
            expected->maybe = next;
            expected->has_failed = true;
        }
        if (!shows(store, &expected->past[expected->last]))
            fail_msg("after step %zu rows are wrong: %s", i, step_failure.text);
    }
    store_close(store);
    return true;
}

static void
check_failure(uint64_t number, int error, bool is_sticky)
{
    Run run;
    run_start(&run);
    crash_fail_at(run.crash, number, error, is_sticky);
    Expected expected = {.has_failed = false};
    run_failing(&run, &expected);
    expected.past[expected.last + 1] =
        expected.has_failed ? expected.maybe : expected.past[expected.last];
    crash_fail_at(run.crash, 0, 0, false);
    const char *wrong =
        judge(crash_vfs(run.crash), run.path, expected.past, expected.last);
    if (wrong != NULL)
        fail_msg("operation %" PRIu64 " fails with %d%s (%s): %s", number,
                 error, is_sticky ? " for good" : "",
                 crash_describe(run.crash, number), wrong);
    run_finish(&run);
}

static void
every_operation_fails(void **state)
{
    (void)state;
    Run run;
    run_start(&run);
    run_workload(&run);
    uint64_t operations = crash_operations(run.crash);
    run_finish(&run);
    for (uint64_t n = 1; n <= operations; n += CASE_STEP) {
        check_failure(n, EIO, false);
        check_failure(n, ENOSPC, false);
        if (n % 4 == 0) {
            check_failure(n, EIO, true);
            check_failure(n + 1, ENOSPC, true);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_lost_after_every_operation),
        cmocka_unit_test(power_lost_during_recovery),
        cmocka_unit_test(every_sync_is_needed),
        cmocka_unit_test(every_operation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
