/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store_damage.c - bits that flip and files that are cut, lost, swapped or
 * foreign.
 *
 * Whatever happens to a file, the rows are right or there is an error; never a
 * wrong row, never a crash. What CHECK says is at least what reading says.
 */
#include "storage/meta.h"
#include "store_fixture.h"

#define NAME "items"
#define IDS 300

typedef struct Files {
    char *root;
    char *path;
    char *names[64]; /* all files of the database, malloc'ed */
    uint32_t count;
} Files;

/* ---- making a database ---- */

static Store *
open_at(const char *path, mql_status *status)
{
    StoreLimits limits = STORE_LIMITS_USUAL;
    limits.chunk_bytes = 4096;
    StoreOptions options = {.threads = 1, .limits = &limits};
    Error failure = ERROR_INIT;
    Store *store = NULL;
    *status = store_open(path, &options, &store, &failure);
    return store;
}

static void
put(Store *store, int first, int last)
{
    Item items[IDS];
    for (int id = first; id <= last; id++)
        items[id - first] = (Item){id, 1};
    OK(items_put(store, NAME, 0, INSERT_REPLACE, items,
                 (uint32_t)(last - first + 1), err));
}

/* Ids 0 .. 299 but 50 .. 59 and 290 .. 294, in segments with indexes and
 * deletes, and in the log. */
static void
make_database(const char *path)
{
    mql_status status;
    Store *store = open_at(path, &status);
    assert_int_equal(status, MQL_OK);
    OK(items_create(store, NAME, false, err));
    put(store, 0, 199);
    OK(items_create_index(store, NAME, "INVERTED", ITEM_NAME + 1, err));
    OK(items_create_index(store, NAME, "HNSW", ITEM_VECTOR + 1, err));
    int64_t ids[10] = {50, 51, 52, 53, 54, 55, 56, 57, 58, 59};
    OK(items_delete(store, NAME, ids, 10, err));
    OK(items_flush(store, err));
    put(store, 150, 299);
    int64_t more[5] = {290, 291, 292, 293, 294};
    OK(items_delete(store, NAME, more, 5, err));
    store_close(store);
}

static void
list_files(Files *files, const char *path)
{
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        char *child = path_in(path, entry->d_name);
        struct stat status;
        assert_int_equal(stat(child, &status), 0);
        if (S_ISDIR(status.st_mode)) {
            list_files(files, child);
            free(child);
        } else if (strcmp(entry->d_name, "LOCK") == 0 ||
                   strcmp(entry->d_name, "reserve") == 0) {
            free(child);
        } else {
            assert_true(files->count < 64);
            files->names[files->count++] = child;
        }
    }
    closedir(directory);
}

static int
set_up(void **state)
{
    Files *files = calloc(1, sizeof *files);
    files->root = temporary_directory();
    files->path = path_in(files->root, "db");
    make_database(files->path);
    list_files(files, files->path);
    *state = files;
    return 0;
}

static int
tear_down(void **state)
{
    Files *files = *state;
    for (uint32_t i = 0; i < files->count; i++)
        free(files->names[i]);
    remove_tree(files->root);
    free(files->path);
    free(files->root);
    free(files);
    return 0;
}

/* ---- reading ---- */

static bool
has_id(int id)
{
    return !(id >= 50 && id <= 59) && !(id >= 290 && id <= 294);
}

static mql_status
read_segment(const Segment *segment, const Collection *definition,
             uint64_t sequence, bool seen[IDS], Error *err)
{
    uint32_t rows = segment_row_count(segment, sequence);
    uint64_t bits[IDS / 64 + 8];
    Arena arena;
    assert_true(bits_words(rows) < IDS / 64 + 8);
    segment_visible(segment, sequence, rows, bits);
    arena_init(&arena, 0);
    mql_status status = MQL_OK;
    Column columns[ITEM_FIELDS];
    for (int i = 0; i < ITEM_FIELDS && status == MQL_OK; i++)
        status =
            segment_read(segment, &definition->fields[i],
                         (RowRange){NULL, 0, rows}, &arena, &columns[i], err);
    for (uint32_t row = 0; row < rows && status == MQL_OK; row++) {
        if (!bits_get(bits, row))
            continue;
        item_check(columns, row);
        int64_t id = columns[ITEM_ID].ints[row];
        assert_in_range(id, 0, IDS - 1);
        assert_false(seen[id]);
        seen[id] = true;
    }
    arena_free(&arena);
    return status;
}

static mql_status
find_all(const CollectionVersion *collection, uint64_t sequence, Error *err)
{
    for (int64_t id = 0; id < IDS; id++) {
        uint32_t count = 0;
        Value key = value_int64(id);
        for (uint32_t i = 0; i < collection->segment_count; i++) {
            bool found;
            uint32_t row;
            TRY(segment_find_key(collection->segments[i], &key, sequence,
                                 &found, &row, err));
            count += found ? 1 : 0;
        }
        assert_int_equal(count, has_id((int)id) ? 1 : 0);
    }
    return MQL_OK;
}

/* Each row is the nearest to its own vector, and its name leads to it. */
static mql_status
search(const Segment *segment, const Collection *definition, uint64_t sequence,
       Error *err)
{
    const Index *names = segment_index(segment, definition->indexes[0].id);
    const Index *vectors = segment_index(segment, definition->indexes[1].id);
    uint32_t rows = segment_row_count(segment, sequence);
    for (int64_t id = 0; id < IDS; id += 7) {
        Value key = value_int64(id);
        bool found;
        uint32_t row;
        TRY(segment_find_key(segment, &key, sequence, &found, &row, err));
        Item item = {id, 0};
        char text[64];
        item_name(&item, text);
        Key name = {.bytes = slice_of(text)};
        ScalarPredicate predicate = {
            .kind = PREDICATE_IN, .list = &name, .list_count = 1};
        if (found && names != NULL && !item_is_null(&item, ITEM_NAME)) {
            RowSet answer = row_set_empty(rows);
            mql_status status =
                names->kind->lookup(names, &predicate, &answer, err);
            bool has_row = row_set_contains(&answer, row);
            row_set_free(&answer);
            TRY(status);
            assert_true(has_row);
        }
        if (!found || vectors == NULL)
            continue;
        float vector[ITEM_DIMENSION];
        for (uint32_t i = 0; i < ITEM_DIMENSION; i++)
            vector[i] = item_element(&item, i);
        IndexOptions options;
        index_options_default(vectors->kind->search_options, &options);
        SearchCounters counters = {0};
        VectorQuery query = {.vector = vector,
                             .k = 1,
                             .options = &options,
                             .allowed_count = rows,
                             .counters = &counters};
        Neighbor nearest;
        uint32_t count = 0;
        TRY(vectors->kind->search(vectors, &query, &nearest, &count, err));
        assert_int_equal(count, 1);
        assert_int_equal(nearest.row, row);
    }
    return MQL_OK;
}

static mql_status
read_all(Store *store, Error *err)
{
    bool seen[IDS] = {false};
    const Version *version = store_version(store);
    const CollectionVersion *collection =
        version_find_collection(version, 1, slice_of(NAME));
    assert_non_null(collection);
    mql_status status = MQL_OK;
    for (uint32_t i = 0; i < collection->segment_count && status == MQL_OK; i++)
        status = read_segment(collection->segments[i], collection->collection,
                              version->sequence, seen, err);
    for (int id = 0; id < IDS && status == MQL_OK; id++)
        assert_int_equal(seen[id], has_id(id));
    if (status == MQL_OK)
        status = find_all(collection, version->sequence, err);
    for (uint32_t i = 0; i < collection->segment_count && status == MQL_OK; i++)
        status = search(collection->segments[i], collection->collection,
                        version->sequence, err);
    version_release(version);
    return status;
}

/* Open and read; true: an error came, from reading or from CHECK. */
static bool
is_noticed(const char *path)
{
    mql_status status;
    Store *store = open_at(path, &status);
    if (store == NULL) {
        assert_int_not_equal(status, MQL_OK);
        assert_int_not_equal(status, MQL_INTERNAL);
        return true;
    }
    Error reading = ERROR_INIT;
    Error checking = ERROR_INIT;
    bool is_wrong = read_all(store, &reading) != MQL_OK;
    bool is_found = store_check(store, &checking) != MQL_OK;
    assert_true(!is_wrong || is_found);
    store_close(store);
    return is_found;
}

/* ---- the tests ---- */

/* What an opening does to the files is undone: every try starts from the same
 * ones. */
typedef struct Saved {
    Bytes bytes[64];
} Saved;

static void
save(const Files *files, Saved *saved)
{
    for (uint32_t i = 0; i < files->count; i++)
        saved->bytes[i] = read_file(files->names[i]);
}

static void
restore(const Files *files, const Saved *saved)
{
    remove_tree(files->path);
    assert_int_equal(mkdir(files->path, 0700), 0);
    static const char *const folders[] = {"wal", "segments", "tmp"};
    for (int i = 0; i < 3; i++) {
        char *folder = path_in(files->path, folders[i]);
        assert_int_equal(mkdir(folder, 0700), 0);
        free(folder);
    }
    for (uint32_t i = 0; i < files->count; i++)
        write_file(files->names[i], saved->bytes[i].data, saved->bytes[i].size);
}

static void
saved_free(const Files *files, Saved *saved)
{
    for (uint32_t i = 0; i < files->count; i++)
        free(saved->bytes[i].data);
}

static bool
is_padding_of(const char *name)
{
    /* zeros behind the log's end and free pages of the catalogue are not read
     */
    return strstr(name, "wal/") != NULL || strstr(name, "meta.mdb") != NULL;
}

static void
test_flipped_bits(void **state)
{
    Files *files = *state;
    Saved saved;
    uint64_t random = 4711;
    uint32_t noticed = 0;
    uint32_t harmless = 0;
    save(files, &saved);
    assert_false(is_noticed(files->path));
    for (uint32_t i = 0; i < files->count; i++) {
        Bytes bytes = saved.bytes[i];
        size_t stride = bytes.size / 150 + 1;
        for (size_t at = 0; at < bytes.size; at += stride) {
            size_t place = at + next_random(&random) % stride;
            if (place >= bytes.size)
                break;
            restore(files, &saved);
            char bit = (char)(1 << next_random(&random) % 8);
            bytes.data[place] ^= bit;
            write_file(files->names[i], bytes.data, bytes.size);
            bool is_found = is_noticed(files->path);
            bytes.data[place] ^= bit;
            noticed += is_found ? 1 : 0;
            harmless += is_found ? 0 : 1;
            if (!is_found && strstr(files->names[i], ".del") != NULL &&
                place < 64)
                fail_msg("a bit of %s at %zu", files->names[i], place);
        }
    }
    print_message("%u noticed, %u harmless\n", noticed, harmless);
    assert_true(noticed > 0);
    saved_free(files, &saved);
}

static void
test_cut_files(void **state)
{
    Files *files = *state;
    Saved saved;
    save(files, &saved);
    for (uint32_t i = 0; i < files->count; i++) {
        for (int part = 0; part < 8; part++) {
            restore(files, &saved);
            size_t size = saved.bytes[i].size * (size_t)part / 8;
            write_file(files->names[i], saved.bytes[i].data, size);
            bool is_found = is_noticed(files->path);
            if (!is_found && !is_padding_of(files->names[i]))
                fail_msg("%s cut to %zu bytes", files->names[i], size);
        }
        restore(files, &saved);
        unlink(files->names[i]);
        assert_true(is_noticed(files->path));
    }
    saved_free(files, &saved);
}

/* One file in the place of another of the same kind. */
static void
test_swapped_files(void **state)
{
    Files *files = *state;
    Saved saved;
    save(files, &saved);
    for (uint32_t i = 0; i < files->count; i++)
        for (uint32_t k = 0; k < files->count; k++) {
            const char *a = strrchr(files->names[i], '.');
            const char *b = strrchr(files->names[k], '.');
            if (i == k || strcmp(a, b) != 0)
                continue;
            restore(files, &saved);
            write_file(files->names[i], saved.bytes[k].data,
                       saved.bytes[k].size);
            assert_true(is_noticed(files->path));
        }
    saved_free(files, &saved);
}

/* The same files of another database made in the same way. */
static void
test_foreign_files(void **state)
{
    Files *files = *state;
    Files other = {.path = path_in(files->root, "other")};
    make_database(other.path);
    list_files(&other, other.path);
    Saved saved;
    save(files, &saved);
    for (uint32_t i = 0; i < files->count; i++) {
        const char *name = files->names[i] + strlen(files->path);
        if (strcmp(name, "/meta.mdb") == 0)
            continue; /* it is what says which database this is */
        restore(files, &saved);
        char *foreign = path_in(other.path, name);
        Bytes bytes = read_file(foreign);
        write_file(files->names[i], bytes.data, bytes.size);
        assert_true(is_noticed(files->path));
        free(bytes.data);
        free(foreign);
    }
    saved_free(files, &saved);
    for (uint32_t i = 0; i < other.count; i++)
        free(other.names[i]);
    free(other.path);
}

/* A damaged index is bypassed, and the next flush makes a new one. */
static void
test_damaged_index_is_built_again(void **state)
{
    Files *files = *state;
    for (uint32_t i = 0; i < files->count; i++)
        if (strstr(files->names[i], ".idx") != NULL)
            write_file(files->names[i], "damage", 6);
    mql_status status;
    Store *store = open_at(files->path, &status);
    assert_non_null(store);
    OK(read_all(store, err));
    FAILS("XX001", store_check(store, err));
    OK(items_flush(store, err));
    OK(store_check(store, err));
    store_close(store);
    assert_false(is_noticed(files->path));
}

static mql_status
forget_key(void *context, Slice key, Slice value, Error *err)
{
    (void)value;
    (void)err;
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)key.size, key.data);
    meta_change_delete(context, text);
    return MQL_OK;
}

/* A collection whose database is not in the catalogue is told of. */
static void
test_collection_of_no_database(void **state)
{
    Files *files = *state;
    Meta *meta = NULL;
    uint64_t id;
    uint64_t applied;
    MetaChanges changes = META_CHANGES_INIT;
    OK(meta_open(&posix_vfs, files->path, &meta, &id, &applied, err));
    OK(meta_each(meta, "database/", forget_key, &changes, err));
    assert_int_equal(changes.count, 1);
    OK(meta_apply(meta, buffer_slice(&changes.bytes), applied, err));
    meta_changes_free(&changes);
    meta_close(meta);

    mql_status status;
    Error failure = ERROR_INIT;
    Store *store = open_at(files->path, &status);
    assert_non_null(store);
    assert_int_equal(store_check(store, &failure), MQL_CORRUPT);
    assert_non_null(strstr(failure.text, "belongs to no database"));
    store_close(store);
}

/* Nor is such a catalogue written. */
static void
test_no_collection_without_database(void **state)
{
    Files *files = *state;
    mql_status status;
    Store *store = open_at(files->path, &status);
    Transaction *transaction = NULL;
    OK(transaction_begin(store, &transaction, err));
    Collection *collection = item_collection(transaction, "lost", false);
    collection->database = 77;
    OK(transaction_put_collection(transaction, collection, err));
    FAILS("3D000", transaction_commit(transaction, err));
    OK(transaction_begin(store, &transaction, err));
    OK(transaction_drop_database(transaction, 1, err));
    FAILS("2BP01", transaction_commit(transaction, err));
    OK(store_check(store, err));
    store_close(store);
}

/* Opened as a writer, or as a reader, or as a backup is. */
static void
open_fails(const char *path, const char *sqlstate)
{
    for (int kind = 0; kind < 3; kind++) {
        StoreOptions options = {
            .threads = 1, .is_read_only = kind > 0, .is_backup = kind == 2};
        Store *store = NULL;
        FAILS(sqlstate, store_open(path, &options, &store, err));
    }
}

/* Folders that lead out of the database, though all is there; and files. */
static void
test_foreign_folders(void **state)
{
    Files *files = *state;
    static const char *const names[] = {"wal", "segments"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = path_in(files->path, names[i]);
        char *other = path_in(files->root, "elsewhere");
        assert_int_equal(rename(path, other), 0);
        assert_int_equal(symlink(other, path), 0);
        open_fails(files->path, "XX001");
        assert_int_equal(unlink(path), 0);
        write_file(path, "x", 1);
        open_fails(files->path, "XX001");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rename(other, path), 0);
        free(path);
        free(other);
    }
    assert_false(is_noticed(files->path));
    char *path = path_in(files->path, "tmp");
    const StoreOptions options = {.threads = 1};
    Store *store = NULL;
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(files->root, path), 0);
    FAILS("XX001", store_open(files->path, &options, &store, err));
    assert_int_equal(unlink(path), 0);
    assert_false(is_noticed(files->path)); /* it is made again */
    free(path);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_flipped_bits),
        TEST(test_cut_files),
        TEST(test_swapped_files),
        TEST(test_foreign_files),
        TEST(test_foreign_folders),
        TEST(test_damaged_index_is_built_again),
        TEST(test_collection_of_no_database),
        TEST(test_no_collection_without_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
