/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store_model.c - random transactions against a store and against an
 * array, which must agree at all times: after each commit, each rollback, each
 * reopening; and within a transaction, after each action and each return to a
 * savepoint. Optimistic transactions meet another that commits while they run,
 * and must fail when, and only when, the two touch the same row. Pictures of
 * the past are remembered and must stay readable within the retention.
 *
 * MQL_TEST_SEED=n runs one seed, MQL_TEST_STEPS=n more steps.
 */
#include "store_fixture.h"

#define IDS 500
#define NAME "items"

typedef struct ModelRow {
    bool is_present;
    int64_t generation;
    uint64_t partition;
} ModelRow;

typedef struct PastPicture {
    ModelRow rows[IDS];
    bool is_there;
} PastPicture;

#define PICTURES 400

typedef struct World {
    uint64_t random;
    char *path;
    Store *store;
    StoreLimits limits;
    ModelRow rows[IDS];
    ModelRow next[IDS];  /* with the transaction under way */
    ModelRow saved[IDS]; /* at its savepoint */
    bool has_savepoint;
    bool is_open;   /* a transaction is under way */
    bool was_whole; /* at its savepoint */
    bool is_whole;  /* it changed more than single rows */
    int64_t generation;
    uint32_t index_count; /* made so far, for their names */
    PastPicture *past;    /* by sequence number */
    uint64_t forgotten; /* pictures read that the retention allowed, by kind */
    uint64_t remembered;
} World;

static uint32_t
below(World *world, uint32_t most)
{
    return (uint32_t)(next_random(&world->random) >> 33) % most;
}

/* Sizes at which everything happens after a few hundred rows. */
static void
choose_limits(World *world)
{
    world->limits = (StoreLimits){
        .log_partition_bytes = 2000u << below(world, 6),
        .log_bytes = 3000u << below(world, 6),
        .log_deletes = 5u << below(world, 6),
        .staged_bytes = 5000u << below(world, 6),
        .growing_bytes = 5000u << below(world, 7),
        .wal_bytes = 20000u << below(world, 6),
        .chunk_bytes = 1000u << below(world, 6),
        .retention = (int64_t[]){0, 5000, INT64_C(3600000000)}[below(world, 3)],
    };
}

static void
open_world(World *world)
{
    choose_limits(world);
    StoreOptions options = {.threads = 2, .limits = &world->limits};
    OK(store_open(world->path, &options, &world->store, err));
}

static const CollectionVersion *
items_of(const Version *version)
{
    return version_find_collection(version, 1, slice_of(NAME));
}

/* ---- comparing ---- */

typedef struct Seen {
    const ModelRow *model;
    bool rows[IDS];
    uint32_t count;
} Seen;

static void
see(void *context, uint64_t partition, int64_t id, int64_t generation)
{
    Seen *seen = context;
    assert_in_range(id, 0, IDS - 1);
    const ModelRow *row = &seen->model[id];
    assert_false(seen->rows[id]);
    assert_true(row->is_present);
    assert_int_equal(partition, row->partition);
    if (generation >= 0)
        assert_int_equal(generation, row->generation);
    seen->rows[id] = true;
    seen->count++;
}

/* Rows that an inverted index on "name" finds for an id's name. */
static void
look_up(const Segment *segment, const Index *index, int64_t id, bool is_there,
        uint32_t row)
{
    Item item = {id, 0};
    char text[64];
    item_name(&item, text);
    Key key = {.bytes = slice_of(text)};
    ScalarPredicate predicate = {
        .kind = PREDICATE_IN, .list = &key, .list_count = 1};
    RowSet rows = row_set_empty(segment_row_count(segment, UINT64_MAX));
    OK(index->kind->lookup(index, &predicate, &rows, err));
    if (is_there)
        assert_true(row_set_contains(&rows, row));
    row_set_free(&rows);
}

static void
search(const Segment *segment, const Index *index, int64_t id,
       uint64_t sequence)
{
    Item item = {id, 0};
    float vector[ITEM_DIMENSION];
    for (uint32_t i = 0; i < ITEM_DIMENSION; i++)
        vector[i] = item_element(&item, i);
    uint32_t rows = segment_row_count(segment, sequence);
    uint64_t *allowed = calloc(bits_words(rows) + 1, sizeof *allowed);
    IndexOptions options;
    index_options_default(index->kind->search_options, &options);
    SearchCounters counters = {0};
    VectorQuery query = {
        .vector = vector,
        .k = 1,
        .options = &options,
        .allowed = allowed,
        .allowed_count = segment_visible(segment, sequence, rows, allowed),
        .counters = &counters,
    };
    Neighbor nearest;
    uint32_t found = 0;
    OK(index->kind->search(index, &query, &nearest, &found, err));
    assert_int_equal(found, 1);
    assert_true(nearest.distance == 0);
    free(allowed);
}

static void
check_indexes(const World *world, const CollectionVersion *collection,
              const Segment *segment, int64_t id, bool is_there, uint32_t row,
              uint64_t sequence)
{
    const Collection *definition = collection->collection;
    Item item = {id, 0};
    for (uint32_t i = 0; i < definition->index_count; i++) {
        const IndexDefinition *wanted = &definition->indexes[i];
        const Index *index = segment_index(segment, wanted->id);
        /* A transaction's new index is built when it commits. */
        if (!segment_is_sealed(segment) || (index == NULL && world->is_open)) {
            assert_null(index);
            continue;
        }
        assert_non_null(index);
        if (wanted->kind->is_vector && is_there)
            search(segment, index, id, sequence);
        else if (!wanted->kind->is_vector && !item_is_null(&item, ITEM_NAME))
            look_up(segment, index, id, is_there, row);
    }
}

static void
check_keys(World *world, const CollectionVersion *collection,
           const ModelRow *model, uint64_t sequence)
{
    for (int i = 0; i < 20; i++) {
        int64_t id = below(world, IDS);
        uint32_t found = 0;
        Value key = value_int64(id);
        for (uint32_t k = 0; k < collection->segment_count; k++) {
            const Segment *segment = collection->segments[k];
            bool is_there;
            uint32_t row;
            OK(segment_find_key(segment, &key, sequence, &is_there, &row, err));
            found += is_there ? 1 : 0;
            check_indexes(world, collection, segment, id, is_there, row,
                          sequence);
        }
        assert_int_equal(found, model[id].is_present ? 1 : 0);
    }
}

static void
check_picture(World *world, const CollectionVersion *collection,
              const ModelRow *model, uint64_t sequence)
{
    Seen *seen = calloc(1, sizeof *seen);
    seen->model = model;
    collection_each_item(collection, sequence, see, seen);
    uint32_t wanted = 0;
    for (int i = 0; i < IDS; i++)
        wanted += model[i].is_present ? 1 : 0;
    assert_int_equal(seen->count, wanted);
    free(seen);
    check_keys(world, collection, model, sequence);
}

/* Some commits of the past, as they were; the moments of all, in order. */
static void
check_past(World *world, const CollectionVersion *collection, uint64_t last)
{
    uint64_t horizon = collection->collection->horizon;
    assert_true(horizon <= last);
    assert_int_equal(collection->collection->created, 2);
    for (int i = 0; i < 3 && last > 2; i++) {
        uint64_t sequence = 2 + below(world, (uint32_t)last - 2);
        if (sequence < horizon || sequence >= PICTURES ||
            !world->past[sequence].is_there) {
            world->forgotten++;
            continue;
        }
        check_picture(world, collection, world->past[sequence].rows, sequence);
        world->remembered++;
    }
    int64_t before = 0;
    for (uint64_t sequence = 1; sequence <= last; sequence++) {
        int64_t time;
        assert_true(store_time_of(world->store, sequence, &time));
        assert_true(time >= before);
        assert_true(store_commit_at(world->store, time) >= sequence);
        before = time;
    }
    assert_int_equal(store_commit_at(world->store, INT64_MAX), last);
}

static void
check_world(World *world)
{
    const Version *version = store_version(world->store);
    const CollectionVersion *collection = items_of(version);
    check_picture(world, collection, world->rows, version->sequence);
    if (version->sequence < PICTURES) {
        PastPicture *picture = &world->past[version->sequence];
        memcpy(picture->rows, world->rows, sizeof picture->rows);
        picture->is_there = true;
    }
    check_past(world, collection, version->sequence);
    version_release(version);
    if (below(world, 4) == 0)
        OK(store_check(world->store, err));
}

/* ---- steps ---- */

/* Some items; whether all their ids are absent from the model and different. */
static bool
choose_items(World *world, Item *items, uint32_t count)
{
    bool is_new = true;
    bool chosen[IDS] = {false};
    for (uint32_t i = 0; i < count; i++) {
        int64_t id = below(world, IDS);
        for (int tries = 0; tries < 8 && world->next[id].is_present; tries++)
            id = below(world, IDS);
        items[i] = (Item){id, ++world->generation};
        is_new = is_new && !world->next[id].is_present && !chosen[id];
        chosen[id] = true;
    }
    return is_new;
}

/* False: the store refused, as it had to. */
static bool
put_items(World *world, Transaction *transaction,
          const CollectionVersion *collection, InsertMode mode)
{
    Item items[200];
    uint32_t count = 1 + below(world, below(world, 2) == 0 ? 5 : 200);
    bool is_new = choose_items(world, items, count);
    const Collection *definition = collection->collection;
    uint64_t partition =
        definition->partitions[below(world, definition->partition_count)].id;
    InsertTarget target = {collection, partition, mode};
    Arena arena;
    Batch batch;
    uint32_t bad_row;
    Error failure = ERROR_INIT;
    arena_init(&arena, 0);
    item_batch(&batch, items, count, false, &arena);
    mql_status status =
        transaction_insert(transaction, &target, &batch, &bad_row, &failure);
    arena_free(&arena);
    if (mode == INSERT_NEW && !is_new) {
        assert_int_equal(status, MQL_CONFLICT);
        assert_true(bad_row < count);
        return false;
    }
    if (status != MQL_OK)
        fail_msg("insert: %s %s", failure.text, failure.detail);
    for (uint32_t i = 0; i < count; i++)
        world->next[items[i].id] =
            (ModelRow){true, items[i].generation, partition};
    return true;
}

/* Rows that the transaction sees, its own among them. */
static void
delete_items(World *world, Transaction *transaction,
             const CollectionVersion *collection)
{
    uint64_t sequence = transaction_version(transaction)->sequence;
    bool is_deleted[IDS] = {false}; /* by this call: still in the picture */
    uint32_t count = 1 + below(world, below(world, 2) == 0 ? 5 : 100);
    for (uint32_t i = 0; i < count; i++) {
        int64_t id = below(world, IDS);
        const Segment *segment = NULL;
        uint32_t row = 0;
        if (!world->next[id].is_present || is_deleted[id])
            continue;
        is_deleted[id] = true;
        assert_true(item_find(collection, id, sequence, &segment, &row));
        OK(transaction_delete(transaction, collection, segment, &row, 1, err));
        world->next[id].is_present = false;
    }
}

static void
add_index(World *world, Transaction *transaction, const Collection *definition)
{
    static const char *const kinds[] = {"INVERTED", "HNSW", "FLAT"};
    uint32_t choice = below(world, 3);
    char name[32];
    snprintf(name, sizeof name, "index%u", world->index_count++);
    IndexDefinition index = {
        .id = transaction_new_id(transaction),
        .name = name,
        .field = (choice == 0 ? ITEM_NAME : ITEM_VECTOR) + 1,
        .kind = index_kind_find(slice_of(kinds[choice])),
        .metric = METRIC_L2,
    };
    assert_non_null(index.kind);
    index_options_default(index.kind->build_options, &index.options);
    OK(transaction_create_index(transaction, definition->id, &index, NULL,
                                err));
}

static void
drop_index(World *world, Transaction *transaction, const Collection *definition)
{
    if (definition->index_count == 0)
        return;
    Collection *copy = NULL;
    OK(collection_copy(definition, &copy, err));
    uint32_t gone = below(world, copy->index_count);
    copy->indexes[gone] = copy->indexes[--copy->index_count];
    OK(transaction_put_collection(transaction, copy, err));
}

/* Another partition instead of the last one, whose rows go. */
static void
replace_partition(World *world, Transaction *transaction,
                  const Collection *definition)
{
    Collection *copy = NULL;
    OK(collection_copy(definition, &copy, err));
    Partition *last = &copy->partitions[copy->partition_count - 1];
    for (int i = 0; i < IDS; i++)
        if (world->next[i].partition == last->id)
            world->next[i].is_present = false;
    last->id = transaction_new_id(transaction);
    OK(transaction_put_collection(transaction, copy, err));
}

static void
truncate_items(World *world, Transaction *transaction, uint64_t id)
{
    OK(transaction_truncate(transaction, id, err));
    for (int i = 0; i < IDS; i++)
        world->next[i].is_present = false;
}

/* False: the transaction failed. */
static bool
act(World *world, Transaction *transaction, const CollectionVersion *collection)
{
    const Collection *definition = collection->collection;
    uint32_t choice = below(world, 100);
    if (choice < 25)
        return put_items(world, transaction, collection, INSERT_NEW);
    if (choice < 55)
        return put_items(world, transaction, collection, INSERT_REPLACE);
    if (choice < 85)
        delete_items(world, transaction, collection);
    else if (choice < 91)
        OK(transaction_flush(transaction, definition->id, NULL, err));
    else if (choice < 94 && definition->index_count < 4) {
        add_index(world, transaction, definition);
        world->is_whole = true;
    }
    return true;
}

static bool
take_action(World *world, Transaction *transaction)
{
    const Version *view;
    OK(transaction_view(transaction, &view, err));
    bool is_alive = act(world, transaction, items_of(view));
    version_release(view);
    return is_alive;
}

static void
take_large_action(World *world, Transaction *transaction)
{
    const Version *view;
    OK(transaction_view(transaction, &view, err));
    const Collection *definition = items_of(view)->collection;
    uint32_t choice = below(world, 3);
    if (choice > 0 || definition->index_count > 0)
        world->is_whole = true;
    switch (choice) {
    case 0:
        drop_index(world, transaction, definition);
        break;
    case 1:
        replace_partition(world, transaction, definition);
        break;
    default:
        truncate_items(world, transaction, definition->id);
    }
    version_release(view);
}

static void
use_savepoint(World *world, Transaction *transaction)
{
    if (!world->has_savepoint) {
        OK(transaction_savepoint(transaction, slice_of("s"), err));
        memcpy(world->saved, world->next, sizeof world->next);
        world->was_whole = world->is_whole;
        world->has_savepoint = true;
    } else if (below(world, 3) == 0) {
        OK(transaction_release_savepoint(transaction, slice_of("s"), err));
        world->has_savepoint = false;
    } else {
        OK(transaction_rollback_to(transaction, slice_of("s"), err));
        memcpy(world->next, world->saved, sizeof world->next);
        world->is_whole = world->was_whole;
    }
}

/* False: the transaction failed. */
static bool
take_actions(World *world, Transaction *transaction)
{
    bool is_alive = true;
    for (uint32_t left = 1 + below(world, 5); left > 0 && is_alive; left--) {
        if (below(world, 20) == 0)
            take_large_action(world, transaction);
        else if (below(world, 4) == 0)
            use_savepoint(world, transaction);
        else
            is_alive = take_action(world, transaction);
        const Version *view;
        if (!is_alive)
            return false;
        OK(transaction_view(transaction, &view, err));
        check_picture(world, items_of(view), world->next, view->sequence);
        version_release(view);
    }
    return true;
}

/* Another session commits some rows, and maybe seals, while the transaction is
 * open. Its rows are the model's afterwards. */
static void
interfere(World *world)
{
    Transaction *transaction;
    ModelRow *kept = malloc(sizeof world->next);
    memcpy(kept, world->next, sizeof world->next);
    memcpy(world->next, world->rows, sizeof world->rows);
    OK(transaction_begin(world->store, &transaction, err));
    const CollectionVersion *collection =
        items_of(transaction_version(transaction));
    if (below(world, 2) == 0)
        put_items(world, transaction, collection, INSERT_REPLACE);
    if (below(world, 2) == 0)
        OK(transaction_flush(transaction, collection->collection->id, NULL,
                             err));
    OK(transaction_commit(transaction, err));
    memcpy(world->rows, world->next, sizeof world->rows);
    memcpy(world->next, kept, sizeof world->next);
    free(kept);
}

static bool
is_same(const ModelRow *a, const ModelRow *b)
{
    return a->is_present == b->is_present &&
           (!a->is_present || a->generation == b->generation);
}

/* What two transactions that began with `base` leave behind; false: they are in
 * conflict. */
static bool
merge(World *world, const ModelRow *base)
{
    bool is_changed = false;
    bool is_conflict = false;
    for (int i = 0; i < IDS; i++) {
        const ModelRow *theirs = &world->rows[i];
        bool is_theirs = !is_same(theirs, &base[i]);
        bool is_mine = !is_same(&world->next[i], &base[i]);
        is_changed = is_changed || is_theirs;
        is_conflict = is_conflict || (is_theirs && is_mine);
        if (!is_mine)
            world->next[i] = *theirs;
    }
    return !is_conflict && !(world->is_whole && is_changed);
}

/* Commit, or whatever else comes to the same. */
static void
finish(World *world, Transaction *transaction, const ModelRow *base)
{
    bool is_whole = world->is_whole;
    if (below(world, 10) == 0) {
        transaction_rollback(transaction);
        return;
    }
    bool is_merged = merge(world, base);
    Error failure = ERROR_INIT;
    mql_status status = transaction_commit(transaction, &failure);
    /* A flush in between changes more than the model knows. */
    if (is_whole && status == MQL_CONFLICT)
        return;
    if (status != (is_merged ? MQL_OK : MQL_CONFLICT))
        fail_msg("commit: %d %s %s", status, failure.text, failure.detail);
    if (is_merged)
        memcpy(world->rows, world->next, sizeof world->rows);
}

static void
step(World *world)
{
    Transaction *transaction;
    ModelRow *base = malloc(sizeof world->rows);
    memcpy(base, world->rows, sizeof world->rows);
    memcpy(world->next, world->rows, sizeof world->rows);
    world->has_savepoint = false;
    world->is_whole = false;
    world->is_open = true;
    bool is_optimistic = below(world, 2) == 0;
    if (is_optimistic)
        OK(transaction_begin_optimistic(world->store, &transaction, err));
    else
        OK(transaction_begin(world->store, &transaction, err));
    bool is_alive = take_actions(world, transaction);
    if (is_optimistic && below(world, 2) == 0) {
        interfere(world);
        is_alive = is_alive && take_actions(world, transaction);
    }
    if (!is_alive && below(world, 2) == 0)
        FAILS("MQ001", transaction_commit(transaction, err));
    else if (!is_alive)
        transaction_rollback(transaction);
    else
        finish(world, transaction, base);
    free(base);
    world->is_open = false;
    if (below(world, 12) == 0) {
        store_close(world->store);
        open_world(world);
    }
}

static uint64_t
number_of(const char *variable, uint64_t usual)
{
    const char *text = getenv(variable);
    return text == NULL ? usual : strtoull(text, NULL, 10);
}

static void
run(uint64_t seed)
{
    World *world = calloc(1, sizeof *world);
    char *root = temporary_directory();
    world->random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    world->path = path_in(root, "db");
    world->past = calloc(PICTURES, sizeof *world->past);
    open_world(world);
    OK(items_create(world->store, NAME, false, err));
    uint64_t steps = number_of("MQL_TEST_STEPS", 150);
    for (uint64_t i = 0; i < steps; i++) {
        step(world);
        check_world(world);
    }
    store_close(world->store);
    print_message("%llu old pictures read, %llu forgotten\n",
                  (unsigned long long)world->remembered,
                  (unsigned long long)world->forgotten);
    remove_tree(root);
    free(world->past);
    free(world->path);
    free(root);
    free(world);
}

static void
test_store_agrees_with_model(void **state)
{
    (void)state;
    uint64_t only = number_of("MQL_TEST_SEED", 0);
    for (uint64_t seed = 1; seed <= 16; seed++) {
        if (only != 0)
            seed = only;
        print_message("seed %llu\n", (unsigned long long)seed);
        run(seed);
        if (only != 0)
            return;
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_agrees_with_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
