/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scrub.c - every byte of a collection's files is read again in the
 * background: what was changed on the disk is named, an index built anew.
 *
 * The clock is the test's, jobs are done by hand.
 */
#include "store_fixture.h"

#include "engine/collection/jobs.h"
#include "engine/collection/store_internal.h"

#define NAME "items"
#define IDS 4000
#define SECOND INT64_C(1000000)

static int64_t clock_now = INT64_C(1700000000) * SECOND;

static int64_t
now(void *context)
{
    (void)context;
    return clock_now;
}

typedef struct Place {
    Vfs vfs;
    char *root;
    char *path;
    Store *store;
    uint32_t warnings;
    char last[1024];
} Place;

static void
take_line(void *context, const char *level, const char *text)
{
    Place *place = context;
    (void)level;
    place->warnings++;
    snprintf(place->last, sizeof place->last, "%s", text);
}

static void
open_place(Place *place)
{
    StoreOptions options = {.vfs = &place->vfs,
                            .threads = 1,
                            .has_jobs_by_hand = true,
                            .log = {take_line, place}};
    OK(store_open(place->path, &options, &place->store, err));
}

static void
set(Store *store, const char *name, int64_t value)
{
    Transaction *transaction;
    OK(transaction_begin(store, &transaction, err));
    OK(transaction_put_setting(transaction, name, &value, err));
    OK(transaction_commit(transaction, err));
}

static void
place_init(Place *place)
{
    *place = (Place){.vfs = posix_vfs, .root = temporary_directory()};
    place->vfs.now = now;
    place->path = path_in(place->root, "db");
    open_place(place);
    OK(items_create(place->store, NAME, false, err));
    Item *items = calloc(IDS, sizeof *items);
    for (int i = 0; i < IDS; i++)
        items[i] = (Item){i, 1};
    OK(items_put(place->store, NAME, 0, INSERT_NEW, items, IDS, err));
    free(items);
    OK(items_create_index(place->store, NAME, "INVERTED", ITEM_NAME + 1, err));
    OK(items_create_index(place->store, NAME, "HNSW", ITEM_VECTOR + 1, err));
    set(place->store, SCRUB_RATE_SETTING, 65536);
}

static void
place_free(Place *place)
{
    store_close(place->store);
    free(place->path);
    remove_tree(place->root);
    free(place->root);
}

static bool
last_scrub(Store *store, Job *scrub)
{
    Job list[JOBS_MOST];
    uint32_t count = store_jobs(store, list);
    for (uint32_t i = count; i > 0; i--)
        if (list[i - 1].kind == JOB_SCRUB) {
            *scrub = list[i - 1];
            return true;
        }
    return false;
}

/* Let the time pass until a pass is done; the number of its parts. */
static uint32_t
run_pass(Place *place, Job *scrub)
{
    uint32_t parts = 0;
    clock_now += 8 * 24 * 3600 * SECOND;
    do {
        while (store_run_job(place->store))
            parts++;
        assert_true(last_scrub(place->store, scrub));
        clock_now += 10 * SECOND;
        assert_true(parts < 10000);
    } while (scrub->state == JOB_WAITING);
    assert_int_equal(scrub->state, JOB_DONE);
    return parts;
}

/* A byte changes in the file on the disk. */
static void
flip(const char *path, uint64_t offset)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
    fputc(byte ^ 1, file);
    assert_int_equal(fclose(file), 0);
}

static uint64_t
size_of(const char *path)
{
    Bytes bytes = read_file(path);
    free(bytes.data);
    return bytes.size;
}

static char *
file_of(const Place *place, const char *extension)
{
    Buffer names = BUFFER_INIT;
    char *folder = path_in(place->path, "segments");
    char *found = NULL;
    assert_int_equal(posix_vfs.list(NULL, folder, &names), 0);
    for (size_t at = 0; at < names.size; at += strlen(names.data + at) + 1)
        if (found == NULL && strstr(names.data + at, extension) != NULL)
            found = path_in(folder, names.data + at);
    buffer_free(&names);
    free(folder);
    assert_non_null(found);
    return found;
}

/* Nothing begins before its time, nothing is found where nothing is. */
static void
test_when(void **state)
{
    (void)state;
    Place place;
    Job scrub;
    place_init(&place);
    while (store_run_job(place.store))
        ;
    assert_false(last_scrub(place.store, &scrub));
    clock_now += 59 * SECOND;
    assert_false(store_run_job(place.store));
    clock_now += 2 * SECOND;
    assert_true(store_run_job(place.store));
    assert_true(last_scrub(place.store, &scrub));
    assert_int_equal(scrub.state, JOB_WAITING);
    assert_true(scrub.done > 0 && scrub.done < scrub.total);
    assert_false(store_run_job(place.store)); /* the rate */
    uint32_t parts = run_pass(&place, &scrub);
    assert_true(parts > 10);
    assert_true(scrub.done == scrub.total);
    assert_string_equal(scrub.message, "");
    assert_int_equal(place.warnings, 0);
    clock_now += 6 * 24 * 3600 * SECOND;
    assert_false(store_run_job(place.store));
    clock_now += 2 * 24 * 3600 * SECOND;
    assert_true(store_run_job(place.store));
    set(place.store, SCRUB_INTERVAL_SETTING, 0);
    clock_now += 10 * SECOND;
    assert_false(store_run_job(place.store));
    assert_true(last_scrub(place.store, &scrub));
    assert_int_equal(scrub.state, JOB_OBSOLETE);
    place_free(&place);
}

/* Wherever a byte changes, one pass names its file. */
static void
test_every_flip_is_found(void **state)
{
    (void)state;
    Place place;
    Job scrub;
    place_init(&place);
    run_pass(&place, &scrub);
    char *path = file_of(&place, ".seg");
    uint64_t size = size_of(path);
    for (uint64_t i = 0; i < 40; i++) {
        uint64_t offset = i < 2 ? i * (size - 1) : i * size / 40 + i * 37 % 61;
        flip(path, offset);
        place.warnings = 0;
        run_pass(&place, &scrub);
        if (place.warnings == 0 || strstr(place.last, path) == NULL)
            fail_msg("byte %llu of %s", (unsigned long long)offset, path);
        assert_non_null(strstr(scrub.message, "damaged places"));
        flip(path, offset);
    }
    place.warnings = 0;
    run_pass(&place, &scrub);
    assert_int_equal(place.warnings, 0);
    assert_int_equal(unlink(path), 0);
    run_pass(&place, &scrub);
    assert_int_equal(place.warnings, 1);
    free(path);
    place_free(&place);
}

/* A damaged index is built anew by the next job. */
static void
test_index_is_built_again(void **state)
{
    (void)state;
    Place place;
    Job scrub;
    place_init(&place);
    for (int round = 0; round < 3; round++) {
        char *path = file_of(&place, ".idx");
        flip(path, size_of(path) / 2 + (uint64_t)round * 5000);
        FAILS("XX001", store_check(place.store, err));
        place.warnings = 0;
        run_pass(&place, &scrub);
        assert_true(place.warnings > 0);
        while (store_run_job(place.store))
            ;
        OK(store_check(place.store, err));
        free(path);
    }
    place_free(&place);
}

/* Segments come and go while a pass is under way. */
static void
test_beside_compaction(void **state)
{
    (void)state;
    Place place;
    Job scrub;
    place_init(&place);
    clock_now += 61 * SECOND;
    for (int round = 0; round < 30; round++) {
        Item item = {round, round};
        OK(items_put(place.store, NAME, 0, INSERT_REPLACE, &item, 1, err));
        Transaction *transaction;
        OK(transaction_begin(place.store, &transaction, err));
        OK(transaction_flush(transaction, 0, NULL, err));
        OK(transaction_commit(transaction, err));
        clock_now += 10 * SECOND;
        store_run_job(place.store);
    }
    run_pass(&place, &scrub);
    assert_int_equal(place.warnings, 0);
    OK(store_check(place.store, err));
    Transaction *transaction;
    const Version *version = store_version(place.store);
    uint64_t id =
        version_find_collection(version, 1, slice_of(NAME))->collection->id;
    version_release(version);
    clock_now += 8 * 24 * 3600 * SECOND;
    assert_true(store_run_job(place.store));
    OK(transaction_begin(place.store, &transaction, err));
    OK(transaction_drop_collection(transaction, id, err));
    OK(transaction_commit(transaction, err));
    clock_now += 10 * SECOND;
    while (store_run_job(place.store))
        ;
    assert_true(last_scrub(place.store, &scrub));
    assert_int_equal(scrub.state, JOB_OBSOLETE);
    place_free(&place);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when),
        cmocka_unit_test(test_every_flip_is_found),
        cmocka_unit_test(test_index_is_built_again),
        cmocka_unit_test(test_beside_compaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
