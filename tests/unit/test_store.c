/* SPDX-License-Identifier: Apache-2.0 */
/* test_store.c - the storage engine through its interface: what is put is found
 * again. */
#include "store_fixture.h"

#include <pthread.h>
#include <time.h>

typedef struct Fixture {
    char *root;
    char *path;
    Store *store;
    StoreLimits limits;
} Fixture;

static void
open_store(Fixture *fixture)
{
    StoreOptions options = {.threads = 2, .limits = &fixture->limits};
    OK(store_open(fixture->path, &options, &fixture->store, err));
}

static void
reopen(Fixture *fixture)
{
    store_close(fixture->store);
    open_store(fixture);
}

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    fixture->limits = STORE_LIMITS_USUAL;
    fixture->root = temporary_directory();
    fixture->path = path_in(fixture->root, "db");
    open_store(fixture);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    OK(store_check(fixture->store, err));
    store_close(fixture->store);
    remove_tree(fixture->root);
    free(fixture->root);
    free(fixture->path);
    free(fixture);
    return 0;
}

/* ---- counting ---- */

typedef struct Sum {
    uint32_t count;
    int64_t ids;
    int64_t generations;
} Sum;

static void
add_item(void *context, uint64_t partition, int64_t id, int64_t generation)
{
    Sum *sum = context;
    (void)partition;
    sum->count++;
    sum->ids += id;
    if (generation >= 0)
        sum->generations += generation;
}

static Sum
sum_of(Store *store, const char *name)
{
    Sum sum = {0};
    const Version *version = store_version(store);
    const CollectionVersion *collection =
        version_find_collection(version, 1, slice_of(name));
    assert_non_null(collection);
    collection_each_item(collection, version->sequence, add_item, &sum);
    version_release(version);
    return sum;
}

static void
put_range(Store *store, const char *name, int64_t first, uint32_t count,
          int64_t generation, InsertMode mode)
{
    Item *items = calloc(count, sizeof *items);
    for (uint32_t i = 0; i < count; i++)
        items[i] = (Item){first + i, generation};
    OK(items_put(store, name, 0, mode, items, count, err));
    free(items);
}

static void
delete_range(Store *store, const char *name, int64_t first, uint32_t count)
{
    int64_t *ids = calloc(count, sizeof *ids);
    for (uint32_t i = 0; i < count; i++)
        ids[i] = first + i;
    OK(items_delete(store, name, ids, count, err));
    free(ids);
}

static uint32_t
sealed_count(Store *store, const char *name)
{
    const Version *version = store_version(store);
    const CollectionVersion *collection =
        version_find_collection(version, 1, slice_of(name));
    uint32_t count = 0;
    for (uint32_t i = 0; i < collection->segment_count; i++)
        count += segment_is_sealed(collection->segments[i]) ? 1 : 0;
    version_release(version);
    return count;
}

/* ---- the tests ---- */

static void
test_new_database_has_default(void **state)
{
    Fixture *fixture = *state;
    const Version *version = store_version(fixture->store);
    const DatabaseDefinition *database =
        version_find_database(version, slice_of("default"));
    assert_non_null(database);
    assert_int_equal(database->id, 1);
    assert_int_equal(version->sequence, 1);
    assert_null(version_find_database(version, slice_of("other")));
    version_release(version);
}

static void
test_insert_is_read_back(void **state)
{
    Fixture *fixture = *state;
    OK(items_create(fixture->store, "c", false, err));
    put_range(fixture->store, "c", 1, 5000, 0, INSERT_NEW);
    Sum sum = sum_of(fixture->store, "c");
    assert_int_equal(sum.count, 5000);
    assert_int_equal(sum.ids, 5000 * 5001 / 2);
    reopen(fixture);
    sum = sum_of(fixture->store, "c");
    assert_int_equal(sum.count, 5000);
    assert_int_equal(sum.ids, 5000 * 5001 / 2);
}

static void
test_duplicate_is_refused(void **state)
{
    Fixture *fixture = *state;
    Store *store = fixture->store;
    OK(items_create(store, "c", false, err));
    put_range(store, "c", 1, 10, 0, INSERT_NEW);
    Item twice[2] = {{20, 0}, {20, 0}};
    FAILS("23505", items_put(store, "c", 0, INSERT_NEW, twice, 2, err));
    Item again[2] = {{30, 0}, {5, 0}};
    Error failure = ERROR_INIT;
    assert_int_equal(items_put(store, "c", 1, INSERT_NEW, again, 2, &failure),
                     MQL_CONFLICT);
    assert_string_equal(failure.text, "duplicate key value violates primary "
                                      "key of collection \"c\"");
    assert_string_equal(failure.detail, "Key (id)=(5) already exists.");
    assert_int_equal(sum_of(store, "c").count, 10);
    OK(items_flush(store, err));
    FAILS("23505", items_put(store, "c", 0, INSERT_NEW, again, 2, err));
    delete_range(store, "c", 5, 1);
    OK(items_put(store, "c", 0, INSERT_NEW, again, 2, err));
    assert_int_equal(sum_of(store, "c").count, 11);
}

static void
test_upsert_replaces(void **state)
{
    Fixture *fixture = *state;
    Store *store = fixture->store;
    OK(items_create(store, "c", false, err));
    put_range(store, "c", 1, 100, 0, INSERT_NEW);
    put_range(store, "c", 51, 100, 1, INSERT_REPLACE);
    assert_int_equal(sum_of(store, "c").count, 150);
    OK(items_flush(store, err));
    put_range(store, "c", 41, 20, 2, INSERT_REPLACE);
    Item twice[2] = {{7, 8}, {7, 9}};
    OK(items_put(store, "c", 1, INSERT_REPLACE, twice, 2, err));
    Sum before = sum_of(store, "c");
    assert_int_equal(before.count, 150);
    reopen(fixture);
    Sum after = sum_of(fixture->store, "c");
    assert_memory_equal(&before, &after, sizeof before);
}

static void
test_delete_survives(void **state)
{
    Fixture *fixture = *state;
    OK(items_create(fixture->store, "c", false, err));
    put_range(fixture->store, "c", 1, 3000, 0, INSERT_NEW);
    delete_range(fixture->store, "c", 1, 10);
    OK(items_flush(fixture->store, err));
    delete_range(fixture->store, "c", 11, 10);
    put_range(fixture->store, "c", 4001, 10, 0, INSERT_NEW);
    delete_range(fixture->store, "c", 4001, 5);
    assert_int_equal(sum_of(fixture->store, "c").count, 2985);
    reopen(fixture);
    assert_int_equal(sum_of(fixture->store, "c").count, 2985);
    OK(items_flush(fixture->store, err));
    assert_int_equal(sum_of(fixture->store, "c").count, 2985);
    reopen(fixture);
    assert_int_equal(sum_of(fixture->store, "c").count, 2985);
    assert_int_equal(sealed_count(fixture->store, "c"), 2);
}

static void
test_old_version_stays(void **state)
{
    Fixture *fixture = *state;
    Store *store = fixture->store;
    OK(items_create(store, "c", false, err));
    put_range(store, "c", 1, 100, 0, INSERT_NEW);
    const Version *old = store_version(store);
    delete_range(store, "c", 1, 50);
    put_range(store, "c", 51, 10, 1, INSERT_REPLACE);
    OK(items_flush(store, err));
    delete_range(store, "c", 90, 5);
    const CollectionVersion *collection =
        version_find_collection(old, 1, slice_of("c"));
    Sum sum = {0};
    collection_each_item(collection, old->sequence, add_item, &sum);
    assert_int_equal(sum.count, 100);
    assert_int_equal(sum.generations, 0);
    const Segment *segment = NULL;
    uint32_t row = 0;
    assert_true(item_find(collection, 55, old->sequence, &segment, &row));
    version_release(old);
    assert_int_equal(sum_of(store, "c").count, 45);
    /* The sealed segment knows the numbers of insertion and deletion. */
    const Version *now = store_version(store);
    collection = version_find_collection(now, 1, slice_of("c"));
    memset(&sum, 0, sizeof sum);
    collection_each_item(collection, 3, add_item, &sum);
    assert_int_equal(sum.count, 100);
    assert_int_equal(sum.generations, 0);
    assert_int_equal(collection->collection->created, 2);
    assert_int_equal(collection->collection->horizon, 0);
    version_release(now);
}

static void
test_truncate_and_drop(void **state)
{
    Fixture *fixture = *state;
    OK(items_create(fixture->store, "c", false, err));
    put_range(fixture->store, "c", 1, 100, 0, INSERT_NEW);
    OK(items_flush(fixture->store, err));
    put_range(fixture->store, "c", 101, 100, 0, INSERT_NEW);
    Transaction *transaction;
    OK(transaction_begin(fixture->store, &transaction, err));
    uint64_t id = version_find_collection(transaction_version(transaction), 1,
                                          slice_of("c"))
                      ->collection->id;
    OK(transaction_truncate(transaction, id, err));
    OK(transaction_commit(transaction, err));
    assert_int_equal(sum_of(fixture->store, "c").count, 0);
    put_range(fixture->store, "c", 1, 7, 0, INSERT_NEW);
    reopen(fixture);
    assert_int_equal(sum_of(fixture->store, "c").count, 7);
    OK(transaction_begin(fixture->store, &transaction, err));
    OK(transaction_drop_collection(transaction, id, err));
    OK(transaction_commit(transaction, err));
    reopen(fixture);
    const Version *version = store_version(fixture->store);
    assert_int_equal(version->collection_count, 0);
    version_release(version);
}

static void
test_generated_keys_are_never_used_twice(void **state)
{
    Fixture *fixture = *state;
    OK(items_create(fixture->store, "c", true, err));
    Item items[5] = {{0, 0}};
    for (int round = 0; round < 3; round++) {
        /* values other than the key would not fit it: only ids are looked at */
        Transaction *transaction;
        OK(transaction_begin(fixture->store, &transaction, err));
        transaction_rollback(transaction);
        OK(items_put(fixture->store, "c", 0, INSERT_NEW, items, 5, err));
        const Version *version = store_version(fixture->store);
        const CollectionVersion *collection =
            version_find_collection(version, 1, slice_of("c"));
        const Segment *segment = NULL;
        uint32_t row = 0;
        for (int64_t id = round * 5 + 1; id <= round * 5 + 5; id++)
            assert_true(
                item_find(collection, id, version->sequence, &segment, &row));
        assert_false(item_find(collection, round * 5 + 6, version->sequence,
                               &segment, &row));
        version_release(version);
        delete_range(fixture->store, "c", round * 5 + 1, 5);
        if (round == 1)
            OK(items_flush(fixture->store, err));
        reopen(fixture);
    }
}

static void
test_names_are_found(void **state)
{
    Fixture *fixture = *state;
    const char *const names[] = {"items", "b", "Users", "users", "a", "Zoo"};
    for (int i = 0; i < 6; i++)
        OK(items_create(fixture->store, names[i], false, err));
    const Version *version = store_version(fixture->store);
    for (int i = 0; i < 6; i++) {
        const CollectionVersion *found =
            version_find_collection(version, 1, slice_of(names[i]));
        assert_non_null(found);
        assert_string_equal(found->collection->name, names[i]);
        assert_ptr_equal(version_collection(version, found->collection->id),
                         found);
        assert_null(version_find_collection(version, 2, slice_of(names[i])));
    }
    assert_non_null(version_find_collection(version, 1, slice_of("ITEMS")));
    assert_non_null(version_find_collection(version, 1, slice_of("zoo")));
    assert_null(version_find_collection(version, 1, slice_of("USERS")));
    assert_null(version_find_collection(version, 1, slice_of("item")));
    assert_null(version_find_collection(version, 1, slice_of("")));
    version_release(version);
}

/* A given key pushes the generated ones past it. */
static void
test_given_keys_beside_generated_ones(void **state)
{
    Fixture *fixture = *state;
    OK(items_create(fixture->store, "c", true, err));
    Transaction *transaction = NULL;
    Arena arena;
    Batch batch;
    uint32_t bad_row;
    Item items[3] = {{4, 0}, {1, 0}, {2, 0}};
    arena_init(&arena, 0);
    item_batch(&batch, items, 3, false, &arena);
    OK(transaction_begin(fixture->store, &transaction, err));
    const CollectionVersion *collection = version_find_collection(
        transaction_version(transaction), 1, slice_of("c"));
    InsertTarget target = {collection, collection->collection->partitions[0].id,
                           INSERT_NEW};
    OK(transaction_insert(transaction, &target, &batch, &bad_row, err));
    OK(transaction_commit(transaction, err));
    arena_free(&arena);
    OK(items_put(fixture->store, "c", 0, INSERT_NEW, items, 2, err));
    const Version *version = store_version(fixture->store);
    collection = version_find_collection(version, 1, slice_of("c"));
    const bool wanted[] = {false, true, true, false, true, true, true, false};
    for (int64_t id = 0; id < 8; id++) {
        const Segment *segment = NULL;
        uint32_t row = 0;
        assert_int_equal(
            item_find(collection, id, version->sequence, &segment, &row),
            wanted[id]);
    }
    version_release(version);
}

static void
test_lock(void **state)
{
    Fixture *fixture = *state;
    StoreOptions options = {.threads = 1};
    Store *second;
    FAILS("55006", store_open(fixture->path, &options, &second, err));
}

static void
test_rollback_leaves_nothing(void **state)
{
    Fixture *fixture = *state;
    Store *store = fixture->store;
    OK(items_create(store, "c", false, err));
    Transaction *transaction;
    OK(transaction_begin(store, &transaction, err));
    const Version *version = transaction_version(transaction);
    const CollectionVersion *collection =
        version_find_collection(version, 1, slice_of("c"));
    InsertTarget target = {collection, collection->collection->partitions[0].id,
                           INSERT_NEW};
    Arena arena;
    Batch batch;
    uint32_t bad_row;
    Item item = {1, 0};
    arena_init(&arena, 0);
    item_batch(&batch, &item, 1, false, &arena);
    OK(transaction_insert(transaction, &target, &batch, &bad_row, err));
    arena_free(&arena);
    transaction_rollback(transaction);
    assert_int_equal(sum_of(store, "c").count, 0);
    put_range(store, "c", 1, 1, 0, INSERT_NEW);
    assert_int_equal(sum_of(store, "c").count, 1);
}

/* A transaction whose rows are too many for the log goes to files. */
static void
test_large_transactions_are_sealed(void **state)
{
    Fixture *fixture = *state;
    fixture->limits.log_partition_bytes = 20000;
    fixture->limits.staged_bytes = 100000;
    fixture->limits.growing_bytes = 60000;
    fixture->limits.chunk_bytes = 4096;
    reopen(fixture);
    Store *store = fixture->store;
    OK(items_create(store, "c", false, err));
    put_range(store, "c", 1, 20000, 0, INSERT_NEW);
    assert_int_equal(sum_of(store, "c").count, 20000);
    assert_true(sealed_count(store, "c") > 5);
    /* Later rows of the same transaction replace spilled ones. */
    Item *items = calloc(8000, sizeof *items);
    for (int i = 0; i < 8000; i++)
        items[i] = (Item){30000 + i % 4000, i};
    OK(items_put(store, "c", 0, INSERT_REPLACE, items, 8000, err));
    free(items);
    Sum before = sum_of(store, "c");
    assert_int_equal(before.count, 24000);
    for (int i = 0; i < 30; i++)
        put_range(store, "c", 50000 + i * 40, 40, 0, INSERT_NEW);
    before = sum_of(store, "c");
    assert_int_equal(before.count, 25200);
    reopen(fixture);
    Sum after = sum_of(fixture->store, "c");
    assert_memory_equal(&before, &after, sizeof before);
}

static uint64_t
log_size(const Fixture *fixture)
{
    char *wal = path_in(fixture->path, "wal");
    DIR *directory = opendir(wal);
    uint64_t size = 0;
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char *path = path_in(wal, entry->d_name);
        struct stat status;
        if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
            size += (uint64_t)status.st_size;
        free(path);
    }
    closedir(directory);
    free(wal);
    return size;
}

static void
flush_one(Store *store, const char *name)
{
    Transaction *transaction = NULL;
    OK(transaction_begin(store, &transaction, err));
    uint64_t id = version_find_collection(transaction_version(transaction), 1,
                                          slice_of(name))
                      ->collection->id;
    OK(transaction_flush(transaction, id, NULL, err));
    OK(transaction_commit(transaction, err));
}

/* The log keeps what any collection needs, and no more. */
static void
test_log_is_trimmed(void **state)
{
    Fixture *fixture = *state;
    OK(items_create(fixture->store, "a", false, err));
    OK(items_create(fixture->store, "b", false, err));
    put_range(fixture->store, "a", 1, 1500, 0, INSERT_NEW);
    put_range(fixture->store, "b", 1, 20, 0, INSERT_NEW);
    put_range(fixture->store, "a", 2001, 1500, 0, INSERT_NEW);
    flush_one(fixture->store, "a");
    put_range(fixture->store, "a", 4001, 5, 0, INSERT_NEW);
    assert_true(log_size(fixture) > 200000);
    reopen(fixture);
    assert_int_equal(sum_of(fixture->store, "b").count, 20);
    assert_int_equal(sum_of(fixture->store, "a").count, 3005);
    flush_one(fixture->store, "b");
    assert_true(log_size(fixture) < 200000);
    reopen(fixture);
    assert_int_equal(sum_of(fixture->store, "b").count, 20);
    assert_int_equal(sum_of(fixture->store, "a").count, 3005);
    delete_range(fixture->store, "b", 1, 3);
    flush_one(fixture->store, "a");
    reopen(fixture);
    assert_int_equal(sum_of(fixture->store, "b").count, 17);
}

/* A log that has become long is sealed by the commit that finds it so. */
static void
test_long_log_is_sealed(void **state)
{
    Fixture *fixture = *state;
    fixture->limits.wal_bytes = 50000;
    reopen(fixture);
    OK(items_create(fixture->store, "a", false, err));
    OK(items_create(fixture->store, "b", false, err));
    put_range(fixture->store, "b", 1, 20, 0, INSERT_NEW);
    for (int i = 0; i < 40; i++)
        put_range(fixture->store, "a", 1 + i * 100, 100, 0, INSERT_NEW);
    assert_true(sealed_count(fixture->store, "a") >= 2);
    assert_int_equal(sealed_count(fixture->store, "b"), 1);
    assert_int_equal(sum_of(fixture->store, "a").count, 4000);
    assert_int_equal(sum_of(fixture->store, "b").count, 20);
    reopen(fixture);
    assert_int_equal(sum_of(fixture->store, "a").count, 4000);
    assert_int_equal(sum_of(fixture->store, "b").count, 20);
}

/* ---- readers beside a writer ---- */

#define PAIRS 40
#define PAIR_DISTANCE 1000

typedef struct Readers {
    Store *store;
    atomic_bool is_over;
    atomic_uint rounds;
} Readers;

typedef struct Pairs {
    int64_t generations[2][PAIRS];
} Pairs;

/* Ids whose price, and so the generation, is never NULL. */
static int64_t
pair_id(int64_t pair)
{
    return pair * 5 + 1;
}

static void
see_half(void *context, uint64_t partition, int64_t id, int64_t generation)
{
    Pairs *pairs = context;
    (void)partition;
    int half = id >= PAIR_DISTANCE;
    int64_t pair = (id - (half ? PAIR_DISTANCE : 0)) / 5;
    assert_int_equal(pairs->generations[half][pair], -1);
    pairs->generations[half][pair] = generation;
}

/* Both halves of a pair are always of one commit. */
static void *
read_pairs(void *context)
{
    Readers *readers = context;
    while (!atomic_load(&readers->is_over)) {
        const Version *version = store_version(readers->store);
        const CollectionVersion *collection =
            version_find_collection(version, 1, slice_of("c"));
        Pairs pairs;
        memset(&pairs, 0xff, sizeof pairs);
        collection_each_item(collection, version->sequence, see_half, &pairs);
        assert_memory_equal(pairs.generations[0], pairs.generations[1],
                            sizeof pairs.generations[0]);
        for (int64_t pair = 0; pair < PAIRS; pair++) {
            const Segment *segment = NULL;
            uint32_t row = 0;
            bool is_there = item_find(collection, pair_id(pair),
                                      version->sequence, &segment, &row);
            assert_int_equal(is_there, pairs.generations[0][pair] != -1);
        }
        version_release(version);
        atomic_fetch_add(&readers->rounds, 1);
    }
    return NULL;
}

static void
write_pairs(Store *store, int round)
{
    int64_t pair = round * 7 % PAIRS;
    Item items[2] = {{pair_id(pair), round},
                     {pair_id(pair) + PAIR_DISTANCE, round}};
    int64_t ids[2] = {items[0].id, items[1].id};
    OK(items_put(store, "c", round % 2, INSERT_REPLACE, items, 2, err));
    if (round % 5 == 0)
        OK(items_delete(store, "c", ids, 2, err));
    if (round % 17 == 0)
        OK(items_flush(store, err));
}

static void
test_readers_beside_a_writer(void **state)
{
    Fixture *fixture = *state;
    fixture->limits.chunk_bytes = 4096;
    fixture->limits.growing_bytes = 20000;
    reopen(fixture);
    OK(items_create(fixture->store, "c", false, err));
    Readers readers = {.store = fixture->store};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, read_pairs, &readers), 0);
    for (int round = 0; round < 300 || atomic_load(&readers.rounds) < 40;
         round++)
        write_pairs(fixture->store, round);
    atomic_store(&readers.is_over, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

/* ---- moments ---- */

/* While the log is synced somebody asks what was there until now. */
typedef struct Asker {
    Store *store;
    bool is_due;
    pthread_t thread;
    int64_t moment;
    uint64_t answer;
} Asker;

static void *
ask(void *context)
{
    Asker *asker = context;
    asker->moment = store_now(asker->store);
    store_settle_clock(asker->store);
    const Version *version = store_version(asker->store);
    uint64_t found = store_commit_at(asker->store, asker->moment);
    asker->answer = found < version->sequence ? found : version->sequence;
    version_release(version);
    return NULL;
}

static int
ask_and_sync(void *context, int fd)
{
    Asker *asker = context;
    if (asker->is_due) {
        asker->is_due = false;
        assert_int_equal(pthread_create(&asker->thread, NULL, ask, asker), 0);
        /* time enough for a wrong answer */
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return posix_vfs.fdatasync(NULL, fd);
}

static void
check_answer(Asker *asker)
{
    assert_false(asker->is_due);
    pthread_join(asker->thread, NULL);
    assert_int_equal(asker->answer,
                     store_commit_at(asker->store, asker->moment));
}

static void
test_a_moment_has_one_answer(void **state)
{
    Fixture *fixture = *state;
    Asker asker = {0};
    Vfs vfs = posix_vfs;
    vfs.context = &asker;
    vfs.fdatasync = ask_and_sync;
    StoreOptions options = {
        .threads = 2, .limits = &fixture->limits, .vfs = &vfs};
    store_close(fixture->store);
    OK(store_open(fixture->path, &options, &asker.store, err));
    asker.is_due = true;
    OK(items_create(asker.store, "c", false, err));
    check_answer(&asker);
    asker.is_due = true;
    put_range(asker.store, "c", 1, 5, 0, INSERT_NEW);
    check_answer(&asker);
    store_close(asker.store);
    open_store(fixture);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_new_database_has_default),
        TEST(test_insert_is_read_back),
        TEST(test_duplicate_is_refused),
        TEST(test_upsert_replaces),
        TEST(test_delete_survives),
        TEST(test_old_version_stays),
        TEST(test_truncate_and_drop),
        TEST(test_generated_keys_are_never_used_twice),
        TEST(test_names_are_found),
        TEST(test_given_keys_beside_generated_ones),
        TEST(test_lock),
        TEST(test_rollback_leaves_nothing),
        TEST(test_large_transactions_are_sealed),
        TEST(test_log_is_trimmed),
        TEST(test_long_log_is_sealed),
        TEST(test_readers_beside_a_writer),
        TEST(test_a_moment_has_one_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
