/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_meta.c - the catalogue's store: what was applied is there after opening
 * again, and every damaged byte is noticed or harmless.
 */
#include "files.h"

#include <sys/wait.h>

#include "base/buffer.h"
#include "base/map.h"
#include "storage/meta.h"

typedef struct Fixture {
    char *directory;
    char *path;
    Meta *meta;
    uint64_t database;
    uint64_t applied;
} Fixture;

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    fixture->directory = temporary_directory();
    fixture->path = path_in(fixture->directory, "meta.mdb");
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    meta_close(fixture->meta);
    remove_tree(fixture->directory);
    free(fixture->directory);
    free(fixture->path);
    free(fixture);
    return 0;
}

static void
close_store(Fixture *fixture)
{
    meta_close(fixture->meta);
    fixture->meta = NULL;
}

static mql_status
open_store(Fixture *fixture, Error *err)
{
    close_store(fixture);
    return meta_open(&posix_vfs, fixture->directory, &fixture->meta,
                     &fixture->database, &fixture->applied, err);
}

/* One change in a list of its own. `value` NULL: delete. */
static mql_status
change(Fixture *fixture, const char *key, const char *value, uint64_t sequence,
       Error *err)
{
    MetaChanges changes = META_CHANGES_INIT;
    if (value == NULL)
        meta_change_delete(&changes, key);
    else
        meta_change_put(&changes, key, slice_of(value));
    mql_status status =
        meta_apply(fixture->meta, buffer_slice(&changes.bytes), sequence, err);
    meta_changes_free(&changes);
    return status;
}

static mql_status
print_pair(void *context, Slice key, Slice value, Error *err)
{
    (void)err;
    buffer_printf(context, "%.*s=%.*s ", (int)key.size, key.data,
                  (int)value.size, value.data);
    return MQL_OK;
}

static void
expect_pairs(Fixture *fixture, const char *prefix, const char *expected)
{
    Buffer text = BUFFER_INIT;
    OK(meta_each(fixture->meta, prefix, print_pair, &text, err));
    assert_string_equal(buffer_text(&text), expected);
    buffer_free(&text);
}

static void
values_come_back(void **state)
{
    Fixture *fixture = *state;
    OK(open_store(fixture, err));
    assert_int_equal(fixture->applied, 0);
    assert_int_not_equal(fixture->database, 0);
    uint64_t database = fixture->database;
    expect_pairs(fixture, "", "");
    OK(change(fixture, "field/10", "ten", 1, err));
    OK(change(fixture, "field/1", "one", 2, err));
    OK(change(fixture, "index/1", "", 3, err));
    OK(change(fixture, "field/10", "TEN", 4, err));
    expect_pairs(fixture, "field/", "field/1=one field/10=TEN ");
    OK(open_store(fixture, err));
    assert_int_equal(fixture->applied, 4);
    assert_int_equal(fixture->database, database);
    expect_pairs(fixture, "", "field/1=one field/10=TEN index/1= ");
    expect_pairs(fixture, "field/10", "field/10=TEN ");
    expect_pairs(fixture, "g", "");
    OK(change(fixture, "field/1", NULL, 5, err));
    OK(change(fixture, "none", NULL, 6, err));
    OK(open_store(fixture, err));
    expect_pairs(fixture, "", "field/10=TEN index/1= ");
    assert_int_equal(fixture->applied, 6);
}

static void
applying_again_changes_nothing(void **state)
{
    Fixture *fixture = *state;
    OK(open_store(fixture, err));
    for (int i = 0; i < 3; i++) {
        MetaChanges changes = META_CHANGES_INIT;
        meta_change_put(&changes, "a", SLICE_LITERAL("1"));
        meta_change_put(&changes, "b", SLICE_LITERAL("2"));
        meta_change_delete(&changes, "a");
        meta_change_put(&changes, "c", SLICE_LITERAL("3"));
        assert_int_equal(changes.count, 4);
        OK(meta_apply(fixture->meta, buffer_slice(&changes.bytes),
                      (uint64_t)(7 - i), err));
        meta_changes_free(&changes);
    }
    OK(open_store(fixture, err));
    assert_int_equal(fixture->applied, 7);
    expect_pairs(fixture, "", "b=2 c=3 ");
}

static void
bad_lists_change_nothing(void **state)
{
    Fixture *fixture = *state;
    OK(open_store(fixture, err));
    MetaChanges changes = META_CHANGES_INIT;
    meta_change_put(&changes, "key", SLICE_LITERAL("value"));
    size_t whole = changes.bytes.size;
    meta_change_put(&changes, "other", SLICE_LITERAL("value"));
    for (size_t size = 1; size < changes.bytes.size; size++) {
        if (size == whole)
            continue;
        FAILS("XX001", meta_apply(fixture->meta,
                                  (Slice){changes.bytes.data, size}, 1, err));
    }
    meta_changes_free(&changes);
    expect_pairs(fixture, "", "");

    char long_key[600];
    memset(long_key, 'k', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = '\0';
    FAILS("54000", change(fixture, long_key, "v", 1, err));
    OK(change(fixture, long_key + 600 - 512, "v", 1, err));
    OK(open_store(fixture, err));
    assert_int_equal(fixture->applied, 1);
}

/* Random puts and deletes of all sizes, with a plain array beside. */
static void
random_changes_survive(void **state)
{
    enum { KEYS = 300 };
    Fixture *fixture = *state;
    size_t sizes[KEYS] = {0}; /* 0: not there */
    uint64_t seed = 11;
    char *value = malloc(20000);
    memset(value, 'v', 20000);
    OK(open_store(fixture, err));
    for (uint64_t round = 1; round <= 200; round++) {
        MetaChanges changes = META_CHANGES_INIT;
        for (int i = 0; i < 20; i++) {
            char key[32];
            size_t k = next_random(&seed) % KEYS;
            snprintf(key, sizeof key, "key/%zu", k);
            sizes[k] = 0;
            if (next_random(&seed) % 3 != 0)
                sizes[k] = 1 + next_random(&seed) % 100;
            if (sizes[k] != 0 && next_random(&seed) % 8 == 0)
                sizes[k] = 1 + next_random(&seed) % 20000;
            if (sizes[k] == 0)
                meta_change_delete(&changes, key);
            else
                meta_change_put(&changes, key, (Slice){value, sizes[k]});
        }
        OK(meta_apply(fixture->meta, buffer_slice(&changes.bytes), round, err));
        meta_changes_free(&changes);
        if (round % 10 == 0)
            OK(open_store(fixture, err));
    }
    for (size_t k = 0; k < KEYS; k++) {
        char key[32];
        snprintf(key, sizeof key, "key/%zu", k);
        Buffer text = BUFFER_INIT;
        Buffer expected = BUFFER_INIT;
        OK(meta_each(fixture->meta, key, print_pair, &text, err));
        if (sizes[k] != 0)
            buffer_printf(&expected, "%s=%.*s ", key, (int)sizes[k], value);
        assert_true(strncmp(buffer_text(&text), buffer_text(&expected),
                            strlen(buffer_text(&expected))) == 0);
        buffer_free(&text);
        buffer_free(&expected);
    }
    free(value);
}

/* More than the first map holds. */
static void
the_map_grows(void **state)
{
    Fixture *fixture = *state;
    size_t size = (size_t)20 * 1024 * 1024;
    char *value = malloc(size);
    memset(value, 'x', size);
    OK(open_store(fixture, err));
    for (uint64_t i = 1; i <= 14; i++) {
        char key[32];
        snprintf(key, sizeof key, "big/%llu", (unsigned long long)i);
        MetaChanges changes = META_CHANGES_INIT;
        meta_change_put(&changes, key, (Slice){value, size});
        OK(meta_apply(fixture->meta, buffer_slice(&changes.bytes), i, err));
        meta_changes_free(&changes);
    }
    free(value);
    OK(open_store(fixture, err));
    assert_int_equal(fixture->applied, 14);
    OK(change(fixture, "a", "b", 15, err));
}

static void
leftover_of_creation_is_harmless(void **state)
{
    Fixture *fixture = *state;
    char *path = path_in(fixture->directory, "meta.new");
    write_file(path, "half a file", 11);
    OK(open_store(fixture, err));
    assert_int_equal(access(path, F_OK), -1);
    free(path);
}

/* ---- damage ---- */

/* Several levels, big values, a free list. */
static Bytes
make_store(Fixture *fixture)
{
    uint64_t seed = 21;
    OK(open_store(fixture, err));
    for (uint64_t round = 1; round <= 12; round++) {
        MetaChanges changes = META_CHANGES_INIT;
        for (int i = 0; i < 40; i++) {
            char key[96];
            char value[6000];
            size_t size = next_random(&seed) % 120;
            if (i == 0)
                size = 5000 + next_random(&seed) % 1000;
            memset(value, 'a' + (int)(seed % 26), sizeof value);
            snprintf(key, sizeof key, "collection/%u/%s",
                     (unsigned)(next_random(&seed) % 300),
                     "a longer name so that branches have something to hold");
            if (next_random(&seed) % 4 == 0)
                meta_change_delete(&changes, key);
            else
                meta_change_put(&changes, key, (Slice){value, size});
        }
        OK(meta_apply(fixture->meta, buffer_slice(&changes.bytes), round, err));
        meta_changes_free(&changes);
    }
    close_store(fixture);
    return read_file(fixture->path);
}

/* Everything the store holds, as one hash; and it must take a change. */
static mql_status
contents(Fixture *fixture, Buffer *text, Error *err)
{
    buffer_clear(text);
    TRY(open_store(fixture, err));
    TRY(meta_each(fixture->meta, "", print_pair, text, err));
    buffer_printf(text, "%llu", (unsigned long long)fixture->applied);
    TRY(change(fixture, "new", "value", 99, err));
    TRY(open_store(fixture, err));
    close_store(fixture);
    return MQL_OK;
}

/* One byte of the file is wrong. */
static void
expect_noticed(Fixture *fixture, Bytes bytes, const Buffer *expected)
{
    Buffer text = BUFFER_INIT;
    Error error = ERROR_INIT;
    write_file(fixture->path, bytes.data, bytes.size);
    mql_status status = contents(fixture, &text, &error);
    close_store(fixture);
    if (status != MQL_OK)
        assert_string_equal(error.sqlstate, "XX001");
    else
        assert_true(slice_equal(buffer_slice(&text), buffer_slice(expected)));
    buffer_free(&text);
}

static void
flips_are_noticed(void **state)
{
    Fixture *fixture = *state;
    Bytes bytes = make_store(fixture);
    Buffer expected = BUFFER_INIT;
    OK(contents(fixture, &expected, err));
    assert_true(expected.size > 10000);
    uint64_t seed = 8;
    for (size_t i = 0; i < bytes.size;) {
        size_t in_page = i % 4096;
        char right = bytes.data[i];
        bytes.data[i] ^= (char)(1 << next_random(&seed) % 8);
        expect_noticed(fixture, bytes, &expected);
        bytes.data[i] = right;
        /* headers and offsets of nodes closely, the rest in steps */
        bool is_close = in_page < 80;
        i += is_close ? 1 : 1 + next_random(&seed) % 251;
    }
    buffer_free(&expected);
    free(bytes.data);
}

static void
truncations_are_noticed(void **state)
{
    Fixture *fixture = *state;
    Bytes bytes = make_store(fixture);
    Buffer expected = BUFFER_INIT;
    OK(contents(fixture, &expected, err));
    for (size_t size = 0; size < bytes.size; size += 512)
        expect_noticed(fixture, (Bytes){bytes.data, size}, &expected);
    for (size_t at = 0; at < bytes.size; at += 4096) {
        char page[4096];
        memcpy(page, bytes.data + at, sizeof page);
        memset(bytes.data + at, 0, sizeof page);
        expect_noticed(fixture, bytes, &expected);
        memcpy(bytes.data + at, page, sizeof page);
    }
    buffer_free(&expected);
    free(bytes.data);
}

/* A page as it was some changes ago. */
static void
old_pages_are_noticed(void **state)
{
    Fixture *fixture = *state;
    Bytes old = make_store(fixture);
    OK(open_store(fixture, err));
    for (uint64_t i = 1; i <= 5; i++) {
        char key[32];
        snprintf(key, sizeof key, "collection/%u", (unsigned)i * 60);
        OK(change(fixture, key, "changed", 100 + i, err));
    }
    close_store(fixture);
    Bytes bytes = read_file(fixture->path);
    Buffer expected = BUFFER_INIT;
    OK(contents(fixture, &expected, err));
    for (size_t at = 0; at + 4096 <= old.size; at += 4096) {
        char page[4096];
        memcpy(page, bytes.data + at, sizeof page);
        memcpy(bytes.data + at, old.data + at, sizeof page);
        expect_noticed(fixture, bytes, &expected);
        memcpy(bytes.data + at, page, sizeof page);
    }
    buffer_free(&expected);
    free(bytes.data);
    free(old.data);
}

/* ---- the file is cut while it is open ---- */

static void
fill(Fixture *fixture)
{
    char key[32];
    char value[100];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (uint64_t i = 1; i <= 200; i++) {
        snprintf(key, sizeof key, "collection/%u", (unsigned)i);
        OK(change(fixture, key, value, i, err));
    }
}

static void
cuts_are_errors(void **state)
{
    Fixture *fixture = *state;
    OK(open_store(fixture, err));
    fill(fixture);
    close_store(fixture);
    Bytes good = read_file(fixture->path);
    for (size_t size = 0; size < good.size; size += 4096) {
        OK(open_store(fixture, err));
        assert_int_equal(truncate(fixture->path, (off_t)size), 0);
        Buffer text = BUFFER_INIT;
        FAILS("XX001", change(fixture, "a", "b", 300, err));
        FAILS("XX001", meta_each(fixture->meta, "", print_pair, &text, err));
        FAILS("XX001", meta_intact(fixture->meta, err));
        FAILS("XX001", meta_check(fixture->meta, &posix_vfs, err));
        close_store(fixture);
        Bytes left = read_file(fixture->path);
        assert_int_equal(left.size, size); /* and nothing was written */
        free(left.data);
        buffer_free(&text);
        write_file(fixture->path, good.data, good.size);
    }
    free(good.data);
}

/* As if it were cut just after its size was asked for. */
typedef struct Liar {
    bool lies;
    int64_t size;
} Liar;

static int64_t
lying_size(void *context, int fd)
{
    const Liar *liar = context;
    return liar->lies ? liar->size : posix_vfs.size(NULL, fd);
}

/* 0: noticed, twice, and closed. */
static int
meet_fault(const Fixture *fixture, size_t cut, bool writes)
{
    Liar liar = {false, 0};
    Vfs vfs = posix_vfs;
    vfs.context = &liar;
    vfs.size = lying_size;
    Fixture own = *fixture;
    Error failures[2] = {ERROR_INIT, ERROR_INIT};
    if (meta_open(&vfs, own.directory, &own.meta, &own.database, &own.applied,
                  NULL) != MQL_OK)
        return 1;
    struct stat status;
    if (stat(own.path, &status) != 0 || truncate(own.path, (off_t)cut) != 0)
        return 2;
    liar = (Liar){true, status.st_size};
    Buffer text = BUFFER_INIT;
    for (int i = 0; i < 2; i++) {
        mql_status result =
            writes ? change(&own, "collection/77", "b", 300, &failures[i])
                   : meta_each(own.meta, "", print_pair, &text, &failures[i]);
        if (result != MQL_CORRUPT ||
            strstr(failures[i].detail, own.path) == NULL)
            return 3;
    }
    meta_close(own.meta);
    return stat(own.path, &status) == 0 && (size_t)status.st_size == cut ? 0
                                                                         : 4;
}

/* In children: what LMDB held is lost. */
static void
faults_are_errors(void **state)
{
    Fixture *fixture = *state;
    OK(open_store(fixture, err));
    fill(fixture);
    close_store(fixture);
    Bytes good = read_file(fixture->path);
    for (size_t i = 0; i < 12; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(meet_fault(fixture, i / 2 * 4096, i % 2 == 0));
        int result;
        assert_int_equal(waitpid(child, &result, 0), child);
        if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
            fail_msg("cut to %zu: status %d", i / 2 * 4096, result);
        write_file(fixture->path, good.data, good.size);
    }
    free(good.data);
}

int
main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(faults_are_errors), /* before cmocka takes SIGBUS back */
        EACH(values_come_back),
        EACH(applying_again_changes_nothing),
        EACH(bad_lists_change_nothing),
        EACH(random_changes_survive),
        EACH(the_map_grows),
        EACH(leftover_of_creation_is_harmless),
        EACH(flips_are_noticed),
        EACH(truncations_are_noticed),
        EACH(old_pages_are_noticed),
        EACH(cuts_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
