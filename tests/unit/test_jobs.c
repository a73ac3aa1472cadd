/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_jobs.c - compaction and background jobs beside a writer and a reader:
 * rows are what a model says, whatever is rewritten meanwhile.
 */
#include "store_fixture.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/collection/jobs.h"
#include "engine/collection/maintenance.h"

#define NAME "items"
#define IDS 600

static const StoreLimits limits = {
    .log_partition_bytes = 1 << 20,
    .log_bytes = 1 << 20,
    .log_deletes = 1000,
    .staged_bytes = 1 << 20,
    .growing_bytes = 20000,
    .wal_bytes = 60000,
    .chunk_bytes = 4000,
    .retention = 0,
};

/* ---- the model ---- */

typedef struct World {
    Store *store;
    int64_t generations[IDS]; /* -1: not there */
    atomic_bool is_done;
} World;

typedef struct Count {
    const World *world;
    uint32_t rows;
    bool is_right;
} Count;

static void
compare(void *context, uint64_t partition, int64_t id, int64_t generation)
{
    Count *count = context;
    Item item = {id, 0};
    (void)partition;
    count->rows++;
    int64_t wanted = count->world->generations[id];
    if (wanted < 0 ||
        (!item_is_null(&item, ITEM_PRICE) && generation != wanted))
        count->is_right = false;
}

static void
check_world(const World *world)
{
    const Version *version = store_version(world->store);
    const CollectionVersion *items =
        version_find_collection(version, 1, slice_of(NAME));
    Count count = {world, 0, true};
    collection_each_item(items, version->sequence, compare, &count);
    uint32_t wanted = 0;
    for (int i = 0; i < IDS; i++)
        wanted += world->generations[i] >= 0;
    assert_int_equal(count.rows, wanted);
    assert_true(count.is_right);
    version_release(version);
    OK(store_check(world->store, err));
}

static uint64_t
items_id(Store *store)
{
    const Version *version = store_version(store);
    uint64_t id =
        version_find_collection(version, 1, slice_of(NAME))->collection->id;
    version_release(version);
    return id;
}

static uint32_t
count_segments(Store *store, bool is_sealed)
{
    const Version *version = store_version(store);
    const CollectionVersion *items =
        version_find_collection(version, 1, slice_of(NAME));
    uint32_t count = 0;
    for (uint32_t i = 0; i < items->segment_count; i++)
        count += segment_is_sealed(items->segments[i]) == is_sealed;
    version_release(version);
    return count;
}

static void
create_index(Store *store, bool is_lazy)
{
    Transaction *transaction;
    OK(transaction_begin(store, &transaction, err));
    IndexDefinition index = {
        .id = transaction_new_id(transaction),
        .name = (char *)(uintptr_t) "by_v",
        .field = ITEM_VECTOR + 1,
        .kind = index_kind_find(SLICE_LITERAL("HNSW")),
        .metric = METRIC_L2,
    };
    index_options_default(index.kind->build_options, &index.options);
    uint64_t id = items_id(store);
    if (is_lazy)
        OK(transaction_define_index(transaction, id, &index, err));
    else
        OK(transaction_create_index(transaction, id, &index, NULL, err));
    OK(transaction_commit(transaction, err));
}

/* Puts and deletes by turns; the model follows each. */
static void
write_round(World *world, int64_t round)
{
    Item items[40];
    int64_t gone[10];
    for (int i = 0; i < 40; i++) {
        items[i] = (Item){(round * 37 + i * 11) % IDS, round};
        world->generations[items[i].id] = round;
    }
    OK(items_put(world->store, NAME, (uint32_t)(round % 2), INSERT_REPLACE,
                 items, 40, err));
    for (int i = 0; i < 10; i++) {
        gone[i] = (round * 53 + i * 17) % IDS;
        world->generations[gone[i]] = -1;
    }
    OK(items_delete(world->store, NAME, gone, 10, err));
}

static void
open_world(World *world, const char *path, bool has_jobs)
{
    StoreOptions options = {
        .threads = 2, .limits = &limits, .has_jobs = has_jobs};
    OK(store_open(path, &options, &world->store, err));
    for (int i = 0; i < IDS; i++)
        world->generations[i] = -1;
    OK(items_create(world->store, NAME, false, err));
}

/* ---- compaction beside others ---- */

static void *
compact_again(void *context)
{
    World *world = context;
    uint64_t id = items_id(world->store);
    for (int i = 0; !atomic_load(&world->is_done); i++) {
        static const CompactMode modes[] = {COMPACT_ONE, COMPACT_VACUUM,
                                            COMPACT_FORGET, COMPACT_SEAL,
                                            COMPACT_DUE};
        OK(store_compact(world->store, id, modes[i % 5], NULL, err));
        if (i % 7 == 0)
            OK(store_reindex(world->store, id, 0, NULL, err));
        OK(store_build_indexes(world->store, id, NULL, err));
    }
    return NULL;
}

/* One Version shows the same rows before, during and after. */
static void *
read_again(void *context)
{
    World *world = context;
    while (!atomic_load(&world->is_done)) {
        const Version *version = store_version(world->store);
        const CollectionVersion *items =
            version_find_collection(version, 1, slice_of(NAME));
        uint32_t first = 0;
        for (int i = 0; i < 5; i++) {
            uint32_t rows = 0;
            for (uint32_t s = 0; s < items->segment_count; s++) {
                const Segment *segment = items->segments[s];
                uint32_t most = segment_row_count(segment, version->sequence);
                uint64_t *bits = calloc(bits_words(most) + 1, sizeof *bits);
                rows += segment_visible(segment, version->sequence, most, bits);
                free(bits);
            }
            first = i == 0 ? rows : first;
            assert_int_equal(rows, first);
        }
        version_release(version);
    }
    return NULL;
}

static void
compaction_beside_others(void **state)
{
    (void)state;
    char *path = temporary_directory();
    World world = {.store = NULL};
    open_world(&world, path, false);
    create_index(world.store, false);
    pthread_t threads[2];
    assert_int_equal(pthread_create(&threads[0], NULL, compact_again, &world),
                     0);
    assert_int_equal(pthread_create(&threads[1], NULL, read_again, &world), 0);
    for (int64_t round = 0; round < 150; round++)
        write_round(&world, round);
    atomic_store(&world.is_done, true);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    check_world(&world);
    OK(store_compact(world.store, items_id(world.store), COMPACT_ONE, NULL,
                     err));
    check_world(&world);
    assert_int_equal(count_segments(world.store, true), 2);
    assert_int_equal(count_segments(world.store, false), 0);
    store_close(world.store);
    StoreOptions options = {.threads = 1, .limits = &limits};
    OK(store_open(path, &options, &world.store, err));
    check_world(&world);
    store_close(world.store);
    remove_tree(path);
    free(path);
}

/* ---- jobs ---- */

/* Until nothing waits or runs. */
static void
wait_for_jobs(Store *store)
{
    for (int quiet = 0, i = 0; quiet < 4 && i < 600; i++) {
        static Job list[JOBS_MOST];
        uint32_t count = store_jobs(store, list);
        bool is_busy = false;
        for (uint32_t k = 0; k < count; k++)
            is_busy = is_busy || list[k].state == JOB_RUNNING ||
                      list[k].state == JOB_WAITING;
        quiet = is_busy ? 0 : quiet + 1;
        usleep(100000);
    }
}

static bool
has_job(Store *store, JobKind kind, JobState state)
{
    static Job list[JOBS_MOST];
    uint32_t count = store_jobs(store, list);
    for (uint32_t k = 0; k < count; k++)
        if (list[k].kind == kind && list[k].state == state)
            return true;
    return false;
}

/* Until there was such a job, and nothing waits or runs: what is due is begun a
 * moment later, on a loaded machine more than the moments of quiet. */
static void
wait_for_job(Store *store, JobKind kind)
{
    for (int i = 0; i < 600 && !has_job(store, kind, JOB_DONE); i++)
        usleep(100000);
    wait_for_jobs(store);
}

static void
jobs_do_their_work(void **state)
{
    (void)state;
    char *path = temporary_directory();
    World world = {.store = NULL};
    open_world(&world, path, true);
    for (int64_t round = 0; round < 30; round++)
        write_round(&world, round);
    create_index(world.store, true);
    for (int64_t round = 30; round < 60; round++)
        write_round(&world, round);
    wait_for_job(world.store, JOB_SEAL);
    wait_for_job(world.store, JOB_INDEX);
    check_world(&world);
    assert_true(has_job(world.store, JOB_SEAL, JOB_DONE));
    assert_true(has_job(world.store, JOB_INDEX, JOB_DONE));
    const Version *version = store_version(world.store);
    assert_false(store_index_is_due(
        version_find_collection(version, 1, slice_of(NAME))));
    version_release(version);
    /* Paused, nothing begins. */
    assert_true(store_job_do(world.store, JOB_PAUSE, 0));
    assert_false(store_job_do(world.store, JOB_CANCEL, 999999));
    uint32_t sealed = count_segments(world.store, true);
    Item items[100];
    for (int i = 0; i < 100; i++) {
        items[i] = (Item){i, 100};
        world.generations[i] = 100;
    }
    OK(items_put(world.store, NAME, 0, INSERT_REPLACE, items, 100, err));
    OK(items_flush(world.store, err));
    assert_true(count_segments(world.store, true) > sealed);
    assert_true(store_jobs_are_paused(world.store));
    assert_true(store_job_do(world.store, JOB_RESUME, 0));
    wait_for_jobs(world.store);
    check_world(&world);
    store_close(world.store);
    remove_tree(path);
    free(path);
}

/* What is due while all are paused is listed; what is not due any more has
 * ended, and takes no orders. */
static void
paused_jobs_are_listed(void **state)
{
    (void)state;
    static Job list[JOBS_MOST];
    char *path = temporary_directory();
    World world = {.store = NULL};
    open_world(&world, path, true);
    for (int64_t round = 0; round < 20; round++)
        write_round(&world, round);
    OK(items_flush(world.store, err));
    wait_for_jobs(world.store);
    store_job_do(world.store, JOB_PAUSE, 0);
    create_index(world.store, true);
    for (int i = 0; i < 300 && !has_job(world.store, JOB_INDEX, JOB_PAUSED);
         i++)
        usleep(20000);
    assert_true(has_job(world.store, JOB_INDEX, JOB_PAUSED));
    /* done by somebody else */
    OK(store_reindex(world.store, items_id(world.store), 0, NULL, err));
    for (int i = 0; i < 300 && !has_job(world.store, JOB_INDEX, JOB_OBSOLETE);
         i++)
        usleep(20000);
    assert_true(has_job(world.store, JOB_INDEX, JOB_OBSOLETE));
    uint32_t count = store_jobs(world.store, list);
    for (uint32_t i = 0; i < count; i++)
        if (list[i].state == JOB_OBSOLETE)
            assert_int_equal(store_job_do(world.store, JOB_CANCEL, list[i].id),
                             JOB_HAS_ENDED);
    store_job_do(world.store, JOB_RESUME, 0);
    assert_false(store_jobs_are_paused(world.store));
    check_world(&world);
    store_close(world.store);
    remove_tree(path);
    free(path);
}

/* ---- settings ---- */

static void
put_setting(Store *store, const char *name, int64_t value)
{
    Transaction *transaction;
    OK(transaction_begin(store, &transaction, err));
    OK(transaction_put_setting(transaction, name, &value, err));
    OK(transaction_commit(transaction, err));
}

static bool
is_compaction_due(Store *store)
{
    const Version *version = store_version(store);
    bool is_due = store_compact_is_due(
        store, version_find_collection(version, 1, slice_of(NAME)),
        COMPACT_DUE);
    version_release(version);
    return is_due;
}

static void
settings_turn_jobs_off(void **state)
{
    (void)state;
    static Job list[JOBS_MOST];
    char *path = temporary_directory();
    World world = {.store = NULL};
    open_world(&world, path, true);
    put_setting(world.store, JOBS_SETTING, 0);
    int64_t round = 0;
    while (round < 400 && !is_compaction_due(world.store))
        write_round(&world, round++);
    create_index(world.store, true);
    assert_true(is_compaction_due(world.store));
    usleep(400000);
    /* Commits have sealed, nobody else did anything. */
    assert_int_equal(store_jobs(world.store, list), 0);
    assert_true(count_segments(world.store, true) > 1);
    assert_true(is_compaction_due(world.store));
    put_setting(world.store, COMPACTION_SETTING, 0);
    put_setting(world.store, JOBS_SETTING, 1);
    wait_for_job(world.store, JOB_INDEX);
    assert_true(has_job(world.store, JOB_INDEX, JOB_DONE));
    assert_true(is_compaction_due(world.store));
    for (int kind = JOB_WAITING; kind <= JOB_CANCELED; kind++)
        assert_false(has_job(world.store, JOB_COMPACT, (JobState)kind));
    put_setting(world.store, COMPACTION_SETTING, 1);
    wait_for_job(world.store, JOB_COMPACT);
    assert_true(has_job(world.store, JOB_COMPACT, JOB_DONE));
    assert_false(is_compaction_due(world.store));
    check_world(&world);
    store_close(world.store);
    remove_tree(path);
    free(path);
}

/* ---- space ---- */

/* Without the reserve, which every database has. */
static uint64_t
bytes_in(const char *path)
{
    uint64_t bytes = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char name[600];
        struct stat info;
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "reserve") == 0)
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        assert_int_equal(stat(name, &info), 0);
        bytes += S_ISDIR(info.st_mode) ? bytes_in(name)
                                       : (uint64_t)info.st_blocks * 512;
    }
    closedir(directory);
    return bytes;
}

#define MANY 60000

static void
fill_many(Store *store)
{
    static Item items[MANY];
    for (int i = 0; i < MANY; i++)
        items[i] = (Item){i, 1};
    OK(items_put(store, NAME, 0, INSERT_NEW, items, MANY, err));
    OK(items_flush(store, err));
}

static void
delete_most(Store *store)
{
    static int64_t gone[MANY];
    uint32_t count = 0;
    for (int i = 0; i < MANY; i++)
        if (i % 10 != 0)
            gone[count++] = i;
    OK(items_delete(store, NAME, gone, count, err));
}

/* With a retention only VACUUM FULL gives the space of deleted rows back;
 * without one compaction does. */
static void
space_comes_back(void **state)
{
    (void)state;
    for (int is_full = 0; is_full < 2; is_full++) {
        char *path = temporary_directory();
        StoreLimits large = STORE_LIMITS_USUAL;
        large.retention = is_full ? INT64_C(3600) * 1000 * 1000 : 0;
        StoreOptions options = {.threads = 1, .limits = &large};
        Store *store;
        OK(store_open(path, &options, &store, err));
        OK(items_create(store, NAME, false, err));
        fill_many(store);
        uint64_t before = bytes_in(path);
        delete_most(store);
        uint64_t id = items_id(store);
        if (is_full) {
            OK(store_compact(store, id, COMPACT_ONE, NULL, err));
            assert_true(bytes_in(path) * 5 > before * 4);
        }
        OK(store_compact(store, id, is_full ? COMPACT_FORGET : COMPACT_ONE,
                         NULL, err));
        uint64_t after = bytes_in(path);
        print_message("%llu bytes, then %llu\n", (unsigned long long)before,
                      (unsigned long long)after);
        assert_true(after * 5 < before);
        OK(store_check(store, err));
        store_close(store);
        remove_tree(path);
        free(path);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compaction_beside_others),
        cmocka_unit_test(jobs_do_their_work),
        cmocka_unit_test(paused_jobs_are_listed),
        cmocka_unit_test(settings_turn_jobs_off),
        cmocka_unit_test(space_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
