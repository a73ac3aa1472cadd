/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store_memory.c - memory runs out at every single allocation of a
 * workload.
 *
 * This program has its own malloc, which fails when told to and counts the
 * blocks in use. A step fails with 53200 and changes nothing, or succeeds;
 * afterwards the database works, is what the steps that succeeded made of it,
 * and no block is left. Not with AddressSanitizer, which has a malloc of its
 * own.
 */
#include "store_fixture.h"

#include "own_malloc.h"

static unsigned long fail_number; /* counted from the start of the workload */

/* ---- the workload ---- */

#define NAME "items"
#define IDS 64
#define STEPS 12

typedef struct Batches {
    Arena arena;
    Batch put;     /* ids 1 .. 8  */
    Batch replace; /* ids 5 .. 12 */
    Batch large;   /* ids 20 .. 59 */
} Batches;

typedef struct Rows {
    bool has[IDS];
} Rows;

static const StoreLimits limits = {
    .log_partition_bytes = 3000,
    .log_bytes = 5000,
    .log_deletes = 2,
    .staged_bytes = 4000,
    .growing_bytes = 6000,
    .wal_bytes = 1 << 20,
    .chunk_bytes = 1000,
};

static void
make_batch(Batches *batches, Batch *batch, int first, int last)
{
    Item items[IDS];
    for (int id = first; id <= last; id++)
        items[id - first] = (Item){id, 1};
    item_batch(batch, items, (uint32_t)(last - first + 1), false,
               &batches->arena);
}

static const CollectionVersion *
items_of(const Version *version)
{
    return version_find_collection(version, 1, slice_of(NAME));
}

static mql_status
put(Transaction *transaction, const Batch *batch, InsertMode mode, Error *err)
{
    const CollectionVersion *collection =
        items_of(transaction_version(transaction));
    InsertTarget target = {collection, collection->collection->partitions[0].id,
                           mode};
    uint32_t bad_row;
    return transaction_insert(transaction, &target, batch, &bad_row, err);
}

static mql_status
take_away(Transaction *transaction, int first, int last, Error *err)
{
    const Version *version = transaction_version(transaction);
    const CollectionVersion *collection = items_of(version);
    for (int64_t id = first; id <= last; id++) {
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
make_index(Transaction *transaction, const char *kind, uint32_t field,
           Error *err)
{
    IndexDefinition index = {
        .id = transaction_new_id(transaction),
        .name = (char *)(uintptr_t)kind,
        .field = field,
        .kind = index_kind_find(slice_of(kind)),
        .metric = METRIC_L2,
    };
    index_options_default(index.kind->build_options, &index.options);
    return transaction_create_index(
        transaction, items_of(transaction_version(transaction))->collection->id,
        &index, NULL, err);
}

static mql_status
run_action(Transaction *transaction, const Batches *batches, int number,
           Error *err)
{
    switch (number) {
    case 0:
    case 9:
        return put(transaction, &batches->put, INSERT_REPLACE, err);
    case 1:
    case 4:
        return put(transaction, &batches->replace, INSERT_REPLACE, err);
    case 2:
        return take_away(transaction, 3, 3, err);
    case 3:
    case 8:
    case 11:
        return transaction_flush(transaction, 0, NULL, err);
    case 5:
        return make_index(transaction, "INVERTED", ITEM_NAME + 1, err);
    case 6:
        return make_index(transaction, "HNSW", ITEM_VECTOR + 1, err);
    case 7:
        return put(transaction, &batches->large, INSERT_REPLACE, err);
    default:
        return take_away(transaction, 6, 22, err);
    }
}

static void
rows_step(Rows *rows, int number)
{
    static const struct {
        int first, last;
        bool has;
    } changes[STEPS] = {{1, 8, true},   {5, 12, true},  {3, 3, false},
                        {0, -1, false}, {5, 12, true},  {0, -1, false},
                        {0, -1, false}, {20, 59, true}, {0, -1, false},
                        {1, 8, true},   {6, 22, false}, {0, -1, false}};
    for (int id = changes[number].first; id <= changes[number].last; id++)
        rows->has[id] = changes[number].has;
}

static mql_status
run_step(Store *store, const Batches *batches, int number, Error *err)
{
    Transaction *transaction;
    TRY(transaction_begin(store, &transaction, err));
    mql_status status = run_action(transaction, batches, number, err);
    if (status == MQL_OK)
        return transaction_commit(transaction, err);
    transaction_rollback(transaction);
    return status;
}

static mql_status
open_at(const char *path, Store **store, Error *err)
{
    StoreOptions options = {.threads = 1, .limits = &limits};
    return store_open(path, &options, store, err);
}

static void
see(void *context, uint64_t partition, int64_t id, int64_t generation)
{
    Rows *rows = context;
    (void)partition;
    (void)generation;
    assert_in_range(id, 0, IDS - 1);
    assert_false(rows->has[id]);
    rows->has[id] = true;
}

static void
check_rows(Store *store, const Rows *wanted)
{
    Rows rows = {{false}};
    const Version *version = store_version(store);
    collection_each_item(items_of(version), version->sequence, see, &rows);
    version_release(version);
    assert_memory_equal(&rows, wanted, sizeof rows);
}

/* Everything once, from opening an empty database to closing it; false: a
 * failure of memory was seen. Expects the collection to be there. */
static bool
work(const char *path, const Batches *batches, Rows *rows)
{
    bool is_whole = true;
    Store *store = NULL;
    for (int i = 0; i < STEPS; i++) {
        Error failure = ERROR_INIT;
        if (i % 5 == 0) {
            store_close(store);
            store = NULL;
        }
        mql_status status = MQL_OK;
        if (store == NULL)
            status = open_at(path, &store, &failure);
        if (status == MQL_OK)
            status = run_step(store, batches, i, &failure);
        if (status == MQL_OK) {
            rows_step(rows, i);
            continue;
        }
        is_whole = false;
        /* A log whose new file could not be opened refuses cleanly. */
        if (strcmp(failure.sqlstate, "58030") == 0) {
            store_close(store);
            store = NULL;
            continue;
        }
        if (strcmp(failure.sqlstate, "53200") != 0)
            fail_msg("allocation %lu, step %d: %s: %s %s", fail_number, i,
                     failure.sqlstate, failure.text, failure.detail);
    }
    store_close(store);
    return is_whole;
}

/* ---- the test ---- */

static void
make_database(const char *path)
{
    Store *store = NULL;
    OK(open_at(path, &store, err));
    OK(items_create(store, NAME, false, err));
    store_close(store);
}

/* True: the failure came, so that a later one may come too. */
static bool
fail_once(const Batches *batches, unsigned long number, bool is_for_good)
{
    char *root = temporary_directory();
    char *path = path_in(root, "db");
    make_database(path);
    Rows rows = {{false}};
    long before = atomic_load(&blocks);
    unsigned long first = atomic_load(&calls);
    fail_number = number;
    atomic_store(&fails_for_good, is_for_good);
    atomic_store(&fail_at, first + number);
    work(path, batches, &rows);
    atomic_store(&fail_at, 0);
    bool has_come = atomic_load(&calls) >= first + number;
    if (atomic_load(&blocks) != before)
        fail_msg("allocation %lu%s fails: %ld blocks are left", number,
                 is_for_good ? " and all after it" : "",
                 atomic_load(&blocks) - before);
    Store *store = NULL;
    OK(open_at(path, &store, err));
    check_rows(store, &rows);
    OK(store_check(store, err));
    OK(run_step(store, batches, 4, err));
    store_close(store);
    remove_tree(root);
    free(root);
    free(path);
    return has_come;
}

static void
test_memory_runs_out(void **state)
{
    (void)state;
    if (!HAS_OWN_MALLOC)
        skip();
    Batches batches;
    arena_init(&batches.arena, 0);
    make_batch(&batches, &batches.put, 1, 8);
    make_batch(&batches, &batches.replace, 5, 12);
    make_batch(&batches, &batches.large, 20, 59);
    const char *first = getenv("MQL_TEST_FIRST");
    unsigned long number = first == NULL ? 1 : strtoul(first, NULL, 10);
    while (fail_once(&batches, number, false))
        number++;
    print_message("%lu allocations\n", number - 1);
    for (unsigned long i = 1; i < number; i += 13)
        fail_once(&batches, i, true);
    arena_free(&batches.arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
