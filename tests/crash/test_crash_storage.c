/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_crash_storage.c - log, catalogue and section files together, with the
 * power lost after every single operation on the disk.
 *
 * The store under test does what a database does with these three, with numbers
 * instead of rows: commit N goes to the log; a checkpoint writes the commits of
 * the log to a segment, enters it into the catalogue and trims the log; a merge
 * makes one segment of two. After a loss, all commits that were acknowledged
 * must be there once and right, and of the one that was under way all or
 * nothing.
 *
 * To see that this would notice a missing sync, each kind of sync is left out
 * once.
 */
#include "files.h"

#include <inttypes.h>

#include "base/buffer.h"
#include "base/map.h"
#include "crash_vfs.h"
#include "storage/meta.h"
#include "storage/section_file.h"
#include "storage/wal.h"

#define TYPE_SEGMENT 1u
#define COMMITS 14u
#define COMMITS_MOST 64u

typedef struct Store {
    const Vfs *vfs;
    char *directory;
    Meta *meta;
    Wal *wal;
    uint64_t database;
    uint64_t applied;
    uint64_t last;                /* commit */
    uint8_t copies[COMMITS_MOST]; /* of each commit: in segment or log */
    uint64_t segments[COMMITS_MOST];
    size_t segment_count;
    uint64_t in_log[COMMITS_MOST]; /* commits a checkpoint has to write */
    size_t in_log_count;
    bool is_wrong; /* a payload is not what was committed */
} Store;

/* The payload of a commit: its number, and as many bytes as it says. Some are
 * large, so that a write has many sectors. */
static Slice
payload_of(uint64_t sequence, Buffer *buffer)
{
    size_t size = sequence % 4 == 3 ? 70000 : 40 + sequence * 3;
    buffer_clear(buffer);
    buffer_append_u64(buffer, sequence);
    memset(buffer_reserve(buffer, size), 'a' + (int)sequence % 26, size);
    buffer->size += size;
    return buffer_slice(buffer);
}

static void
count_copy(Store *store, uint64_t sequence, Slice payload)
{
    Buffer buffer = BUFFER_INIT;
    if (sequence >= COMMITS_MOST ||
        !slice_equal(payload, payload_of(sequence, &buffer)))
        store->is_wrong = true;
    else
        store->copies[sequence]++;
    buffer_free(&buffer);
}

static char *
name_in(const Store *store, const char *directory, uint64_t id,
        const char *suffix)
{
    char name[128];
    snprintf(name, sizeof name, "%s/%s/%" PRIu64 "%s", store->directory,
             directory, id, suffix);
    return strdup(name);
}

/* ---- opening ---- */

static mql_status
make_directories(Store *store, Error *err)
{
    static const char *const names[] = {"wal", "segments", "tmp"};
    for (size_t i = 0; i < 3; i++) {
        char *path = path_in(store->directory, names[i]);
        mql_status status = MQL_OK;
        if (!file_exists(store->vfs, path))
            status = directory_create(store->vfs, path, err);
        free(path);
        if (status != MQL_OK)
            return status;
    }
    return directory_sync(store->vfs, store->directory, err);
}

static mql_status
read_segment(Store *store, SectionFile *file, Error *err)
{
    Section list;
    TRY(section_require(file, (SectionId){1, 0}, SIZE_MAX, &list, err));
    Reader reader = reader_of((Slice){list.data, list.size});
    while (reader_left(&reader) > 0) {
        uint64_t sequence = read_u64(&reader);
        Section section;
        TRY(section_require(file, (SectionId){2, (uint32_t)sequence}, SIZE_MAX,
                            &section, err));
        count_copy(store, sequence, (Slice){section.data, section.size});
    }
    return section_file_check(file, err);
}

static mql_status
take_segment(void *context, Slice key, Slice value, Error *err)
{
    Store *store = context;
    (void)key;
    Reader reader = reader_of(value);
    uint64_t id = read_u64(&reader);
    char *path = name_in(store, "segments", id, ".seg");
    SectionFile *file = NULL;
    SectionFileIdentity identity = {store->database, id, TYPE_SEGMENT};
    mql_status status =
        section_file_open(store->vfs, path, identity, &file, err);
    if (status == MQL_OK)
        status = read_segment(store, file, err);
    section_file_close(file);
    free(path);
    store->segments[store->segment_count++] = id;
    return status;
}

static mql_status
take_record(void *context, const WalRecord *record, Error *err)
{
    (void)err;
    Store *store = context;
    count_copy(store, record->sequence, record->payload);
    if (store->in_log_count < COMMITS_MOST)
        store->in_log[store->in_log_count++] = record->sequence;
    return MQL_OK;
}

static void
close_store(Store *store)
{
    wal_close(store->wal);
    meta_close(store->meta);
    free(store->directory);
    *store = (Store){0};
}

static mql_status
open_store(Store *store, const Vfs *vfs, const char *directory, Error *err)
{
    *store = (Store){.vfs = vfs, .directory = strdup(directory)};
    TRY(make_directories(store, err));
    TRY(meta_open(vfs, directory, &store->meta, &store->database,
                  &store->applied, err));
    TRY(meta_each(store->meta, "segment/", take_segment, store, err));
    char *path = path_in(directory, "wal");
    mql_status status =
        wal_open(vfs, path, store->database, store->applied, take_record, store,
                 NULL, &store->wal, &store->last, err);
    free(path);
    return status;
}

/* ---- working ---- */

static mql_status
commit(Store *store, Error *err)
{
    Buffer buffer = BUFFER_INIT;
    WalRecord record = {store->last + 1, 0,
                        payload_of(store->last + 1, &buffer)};
    mql_status status = wal_commit(store->wal, &record, err);
    buffer_free(&buffer);
    if (status == MQL_OK)
        store->in_log[store->in_log_count++] = ++store->last;
    return status;
}

/* Write a segment with these commits, in tmp/ and then in segments/. */
static mql_status
write_segment(Store *store, uint64_t id, const uint64_t *sequences,
              size_t count, Error *err)
{
    char *temporary = name_in(store, "tmp", id, ".seg");
    char *path = name_in(store, "segments", id, ".seg");
    SectionFileIdentity identity = {store->database, id, TYPE_SEGMENT};
    SectionWriter *writer;
    uint64_t size;
    Buffer buffer = BUFFER_INIT;
    mql_status status =
        section_writer_create(store->vfs, temporary, identity, &writer, err);
    if (status == MQL_OK) {
        status = section_write(writer, (SectionId){1, 0}, sequences,
                               count * sizeof *sequences, err);
        for (size_t i = 0; status == MQL_OK && i < count; i++) {
            Slice payload = payload_of(sequences[i], &buffer);
            SectionId section = {2, (uint32_t)sequences[i]};
            status =
                section_write(writer, section, payload.data, payload.size, err);
        }
        if (status == MQL_OK)
            status = section_writer_finish(writer, path, &size, err);
        else
            section_writer_abort(writer);
    }
    buffer_free(&buffer);
    free(temporary);
    free(path);
    return status;
}

static void
put_segment(MetaChanges *changes, uint64_t id)
{
    char key[64];
    Buffer value = BUFFER_INIT;
    snprintf(key, sizeof key, "segment/%" PRIu64, id);
    buffer_append_u64(&value, id);
    meta_change_put(changes, key, buffer_slice(&value));
    buffer_free(&value);
}

static mql_status
checkpoint(Store *store, Error *err)
{
    uint64_t id = store->last * 10;
    TRY(write_segment(store, id, store->in_log, store->in_log_count, err));
    MetaChanges changes = META_CHANGES_INIT;
    put_segment(&changes, id);
    mql_status status =
        meta_apply(store->meta, buffer_slice(&changes.bytes), store->last, err);
    meta_changes_free(&changes);
    if (status != MQL_OK)
        return status;
    store->in_log_count = 0;
    store->segments[store->segment_count++] = id;
    return wal_trim(store->wal, store->last, err);
}

/* One segment with the commits up to `last` instead of all there are. */
static mql_status
merge(Store *store, uint64_t last, Error *err)
{
    uint64_t sequences[COMMITS_MOST];
    uint64_t id = store->last * 10 + 1;
    for (uint64_t i = 1; i <= last; i++)
        sequences[i - 1] = i;
    TRY(write_segment(store, id, sequences, (size_t)last, err));
    MetaChanges changes = META_CHANGES_INIT;
    put_segment(&changes, id);
    for (size_t i = 0; i < store->segment_count; i++) {
        char key[64];
        snprintf(key, sizeof key, "segment/%" PRIu64, store->segments[i]);
        meta_change_delete(&changes, key);
    }
    mql_status status =
        meta_apply(store->meta, buffer_slice(&changes.bytes), 0, err);
    meta_changes_free(&changes);
    for (size_t i = 0; status == MQL_OK && i < store->segment_count; i++) {
        char *path = name_in(store, "segments", store->segments[i], ".seg");
        status = file_remove(store->vfs, path, err);
        free(path);
    }
    store->segments[0] = id;
    store->segment_count = 1;
    return status;
}

/* Commits, two checkpoints, a merge, a reopening in between. `acknowledged`
 * gets, for each commit, the number of operations done when it returned. */
static mql_status
work(CrashVfs *crash, const char *root, uint64_t acknowledged[COMMITS + 1],
     Error *err)
{
    Store store;
    mql_status status = open_store(&store, crash_vfs(crash), root, err);
    for (uint64_t i = 1; status == MQL_OK && i <= COMMITS; i++) {
        status = commit(&store, err);
        acknowledged[i] = crash_operations(crash);
        if (status == MQL_OK && (i == 4 || i == 9))
            status = checkpoint(&store, err);
        if (status == MQL_OK && i == 10)
            status = merge(&store, 9, err);
        if (status == MQL_OK && i == 12) {
            close_store(&store);
            status = open_store(&store, crash_vfs(crash), root, err);
        }
    }
    close_store(&store);
    return status;
}

/* ---- judging ---- */

/* NULL: all is well; else what is wrong, valid until the next call. */
static const char *
judge_contents(const Store *store, uint64_t least, uint64_t most)
{
    static char words[256];
    if (store->is_wrong)
        return "a payload is not what was committed";
    if (store->last < least || store->last > most) {
        snprintf(words, sizeof words,
                 "the last commit is %" PRIu64 ", expected %" PRIu64
                 " to %" PRIu64,
                 store->last, least, most);
        return words;
    }
    for (uint64_t i = 1; i < COMMITS_MOST; i++) {
        if (store->copies[i] != (i <= store->last)) {
            snprintf(words, sizeof words,
                     "commit %" PRIu64 " is there %u times", i,
                     store->copies[i]);
            return words;
        }
    }
    return NULL;
}

/* Open, judge, commit once more, open again, judge again. */
static const char *
judge(const Vfs *vfs, const char *directory, uint64_t least, uint64_t most)
{
    static Error error;
    Store store;
    error_clear(&error);
    mql_status status = open_store(&store, vfs, directory, &error);
    const char *wrong =
        status == MQL_OK ? judge_contents(&store, least, most) : error.text;
    uint64_t last = store.last;
    if (wrong == NULL && commit(&store, &error) != MQL_OK)
        wrong = error.text;
    close_store(&store);
    if (wrong != NULL)
        return wrong;
    status = open_store(&store, vfs, directory, &error);
    wrong = status == MQL_OK ? judge_contents(&store, last + 1, last + 1)
                             : error.text;
    close_store(&store);
    return wrong;
}

typedef struct Run {
    char *base;
    char *root;
    char *survivor;
    CrashVfs *crash;
    uint64_t acknowledged[COMMITS + 1];
    uint64_t states;
} Run;

static Run
run_create(void)
{
    Run run = {.base = temporary_directory()};
    run.root = path_in(run.base, "root");
    run.survivor = path_in(run.base, "survivor");
    assert_int_equal(mkdir(run.root, 0700), 0);
    run.crash = crash_create(run.root, 42);
    crash_route_lmdb(run.crash);
    OK(work(run.crash, run.root, run.acknowledged, err));
    crash_route_lmdb(NULL);
    return run;
}

static void
run_destroy(Run *run)
{
    crash_destroy(run->crash);
    remove_tree(run->base);
    free(run->base);
    free(run->root);
    free(run->survivor);
}

/* Commits acknowledged when `operations` had been done. */
static uint64_t
acknowledged_at(const Run *run, uint64_t operations)
{
    uint64_t count = 0;
    while (count < COMMITS && run->acknowledged[count + 1] <= operations)
        count++;
    return count;
}

static const char *
judge_state(Run *run, uint64_t operations, uint64_t state)
{
    uint64_t least = acknowledged_at(run, operations);
    crash_survivor(run->crash, operations, state, run->survivor);
    const char *wrong = judge(&posix_vfs, run->survivor, least, least + 1);
    remove_tree(run->survivor);
    run->states++;
    return wrong;
}

static void
power_lost_after_every_operation(void **state)
{
    (void)state;
    Run run = run_create();
    uint64_t operations = crash_operations(run.crash);
    assert_in_range(operations, 100, 2000);
    for (uint64_t n = 0; n <= operations; n++) {
        uint64_t states = crash_state_count(run.crash, n);
        for (uint64_t i = 0; i < states; i++) {
            const char *wrong = judge_state(&run, n, i);
            if (wrong == NULL)
                continue;
            char name[64];
            snprintf(name, sizeof name, "%s",
                     crash_state_name(run.crash, n, i));
            fail_msg("after operation %" PRIu64 " (%s), state %s: %s", n,
                     crash_describe(run.crash, n), name, wrong);
        }
    }
    printf("%" PRIu64 " operations, %" PRIu64 " states\n", operations,
           run.states);
    run_destroy(&run);
}

/* Recovery is stopped as well, after each of its own operations. */
static void
judge_recovery(Run *run, const char *second, uint64_t least)
{
    CrashVfs *crash = crash_create(run->survivor, 43);
    crash_route_lmdb(crash);
    Store store;
    OK(open_store(&store, crash_vfs(crash), run->survivor, err));
    uint64_t most = store.last;
    close_store(&store);
    crash_route_lmdb(NULL);
    for (uint64_t n = 0; n <= crash_operations(crash); n++) {
        uint64_t states = crash_state_count(crash, n);
        for (uint64_t i = 0; i < states; i++) {
            crash_survivor(crash, n, i, second);
            const char *wrong = judge(&posix_vfs, second, least, most);
            remove_tree(second);
            if (wrong != NULL)
                fail_msg("recovery, after operation %" PRIu64 " (%s): %s", n,
                         crash_describe(crash, n), wrong);
        }
    }
    crash_destroy(crash);
}

static void
power_lost_during_recovery(void **state)
{
    (void)state;
    Run run = run_create();
    char *second = path_in(run.base, "second");
    for (uint64_t n = 0; n <= crash_operations(run.crash); n += 3) {
        uint64_t i = (n / 3) % crash_state_count(run.crash, n);
        crash_survivor(run.crash, n, i, run.survivor);
        judge_recovery(&run, second, acknowledged_at(&run, n));
        remove_tree(run.survivor);
    }
    free(second);
    run_destroy(&run);
}

/* Is there a state in which the run as it is in the trace goes wrong? */
static bool
goes_wrong(Run *run)
{
    uint64_t operations = crash_operations(run->crash);
    for (uint64_t n = 0; n <= operations; n++) {
        uint64_t states = crash_state_count(run->crash, n);
        for (uint64_t i = 0; i < states; i++) {
            if (judge_state(run, n, i) != NULL)
                return true;
        }
    }
    return false;
}

static void
every_sync_is_needed(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool is_directory;
    } syncs[] = {
        {"wal/", false}, {"tmp/", false}, {"meta.", false},
        {"", true},      {"wal", true},   {"segments", true},
    };
    for (size_t i = 0; i < sizeof syncs / sizeof *syncs; i++) {
        Run run = run_create();
        uint64_t count =
            syncs[i].is_directory
                ? crash_forget_directory_syncs(run.crash, syncs[i].path)
                : crash_forget_file_syncs(run.crash, syncs[i].path);
        assert_int_not_equal(count, 0);
        if (!goes_wrong(&run))
            fail_msg("nobody misses the syncs of \"%s\"", syncs[i].path);
        run_destroy(&run);
    }
}

/* The process is told of an error instead: what it has acknowledged is there
 * when it opens the same directory again. */
static void
check_failure(uint64_t number, int error, bool is_sticky)
{
    char *base = temporary_directory();
    char *root = path_in(base, "root");
    char *survivor = path_in(base, "survivor");
    assert_int_equal(mkdir(root, 0700), 0);
    CrashVfs *crash = crash_create(root, 42);
    crash_route_lmdb(crash);
    crash_fail_at(crash, number, error, is_sticky);
    uint64_t acknowledged[COMMITS + 1];
    memset(acknowledged, 0xFF, sizeof acknowledged);
    Error failure = ERROR_INIT;
    mql_status status = work(crash, root, acknowledged, &failure);
    crash_fail_at(crash, 0, 0, false);
    uint64_t least = 0;
    while (least < COMMITS && acknowledged[least + 1] != UINT64_MAX)
        least++;
    /* the last one that returned did so with the failure, if any */
    uint64_t most = least;
    if (status != MQL_OK && least > 0)
        least--;
    const char *wrong = judge(crash_vfs(crash), root, least, most + 1);
    if (wrong != NULL)
        fail_msg("operation %" PRIu64 " fails with %d (%s): %s", number, error,
                 crash_describe(crash, number), wrong);
    crash_route_lmdb(NULL);
    /* and what is synced now is there after a loss of power */
    crash_survivor(crash, crash_operations(crash), 0, survivor);
    wrong = judge(&posix_vfs, survivor, least + 1, most + 2);
    if (wrong != NULL)
        fail_msg("operation %" PRIu64 " fails with %d, then power loss: %s",
                 number, error, wrong);
    crash_destroy(crash);
    remove_tree(base);
    free(base);
    free(root);
    free(survivor);
}

static void
every_operation_fails_once(void **state)
{
    (void)state;
    Run run = run_create();
    uint64_t operations = crash_operations(run.crash);
    run_destroy(&run);
    for (uint64_t n = 1; n <= operations; n++) {
        check_failure(n, EIO, false);
        check_failure(n, EIO, true);
        check_failure(n, ENOSPC, false);
        check_failure(n, ENOSPC, true);
    }
}

static void
the_world_stops(void **state)
{
    (void)state;
    char *root = temporary_directory();
    CrashVfs *crash = crash_create(root, 1);
    uint64_t acknowledged[COMMITS + 1];
    crash_route_lmdb(crash);
    crash_stop_at(crash, 60);
    FAILS("58030", work(crash, root, acknowledged, err));
    assert_int_equal(crash_operations(crash), 59);
    crash_route_lmdb(NULL);
    crash_destroy(crash);
    remove_tree(root);
    free(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_world_stops),
        cmocka_unit_test(power_lost_after_every_operation),
        cmocka_unit_test(power_lost_during_recovery),
        cmocka_unit_test(every_sync_is_needed),
        cmocka_unit_test(every_operation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
