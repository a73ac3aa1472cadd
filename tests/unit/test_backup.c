/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_backup.c - BACKUP, VERIFY BACKUP and restoring: a flipped byte, a lost
 * or foreign file, hostile manifests, and a writer that goes on meanwhile.
 */
#include "files.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "engine/collection/backup.h"
#include "mql.h"
#include "storage/backup.h"
#include "run_sql.h"

typedef struct Place {
    char *root, *database, *backup, *restored;
    mql_db *db;
    mql_conn *conn;
} Place;

static void
run_with_path(mql_conn *conn, const char *before, const char *path)
{
    Buffer sql = BUFFER_INIT;
    buffer_printf(&sql, "%s '%s'", before, path);
    run_sql(conn, buffer_text(&sql));
    buffer_free(&sql);
}

static void
connect_to(const char *path, mql_db **db, mql_conn **conn)
{
    mql_error error = MQL_ERROR_INIT;
    if (mql_open(path, NULL, db, &error) != MQL_OK)
        fail_msg("%s (%s)", error.message, error.detail);
    assert_int_equal(mql_connect(*db, conn, &error), MQL_OK);
}

static void
disconnect(mql_db *db, mql_conn *conn)
{
    assert_int_equal(mql_disconnect(conn), MQL_OK);
    assert_int_equal(mql_close(db), MQL_OK);
}

static int64_t
number(mql_conn *conn, const char *sql)
{
    mql_stmt *stmt;
    assert_int_equal(mql_prepare(conn, sql, -1, &stmt, NULL), MQL_OK);
    assert_int_equal(mql_step(stmt), MQL_ROW);
    int64_t value = mql_column_int64(stmt, 0);
    mql_finalize(stmt);
    return value;
}

/* Sealed rows with indexes and deletions, growing rows, and a log. */
static Place
place_create(void)
{
    Place place = {.root = temporary_directory()};
    place.database = path_in(place.root, "d");
    place.backup = path_in(place.root, "b");
    place.restored = path_in(place.root, "r");
    connect_to(place.database, &place.db, &place.conn);
    run_sql(place.conn,
            "CREATE COLLECTION c (id INT64 PRIMARY KEY, s VARCHAR(20), "
            "v FLOAT_VECTOR(2));"
            "INSERT INTO c VALUES (1,'a',[1,2]), (2,'b',[2,3]), (3,'c',[3,4]);"
            "CREATE INDEX c_v ON c (v) USING HNSW WITH (metric_type = 'L2');"
            "CREATE INDEX c_s ON c (s) USING INVERTED;"
            "DELETE FROM c WHERE id = 2; FLUSH;"
            "INSERT INTO c VALUES (4,'d',[4,5]); DELETE FROM c WHERE id = 3");
    run_with_path(place.conn, "BACKUP DATABASE TO", place.backup);
    return place;
}

static void
place_destroy(Place *place)
{
    disconnect(place->db, place->conn);
    remove_tree(place->root);
    free(place->root);
    free(place->database);
    free(place->backup);
    free(place->restored);
}

static mql_status
verify(const Place *place, Error *err)
{
    BackupReport report = {0};
    return backup_verify(&posix_vfs, place->backup, NULL, &report, err);
}

static Manifest
manifest_of(const Place *place)
{
    Manifest manifest;
    OK(manifest_read(&posix_vfs, place->backup, &manifest, err));
    return manifest;
}

static void
test_restored_is_the_same(void **state)
{
    (void)state;
    Place place = place_create();
    mql_error error = MQL_ERROR_INIT;
    mql_db *db;
    mql_conn *conn;
    OK(verify(&place, err));
    /* what comes later is not in it */
    run_sql(place.conn,
            "INSERT INTO c VALUES (5,'e',[5,6]); DROP COLLECTION c");
    assert_int_equal(mql_restore(place.backup, place.restored, &error), MQL_OK);
    connect_to(place.restored, &db, &conn);
    assert_int_equal(number(conn, "SELECT count(*) FROM c"), 2);
    assert_int_equal(number(conn, "SELECT id FROM c WHERE s = 'd'"), 4);
    assert_int_equal(number(conn, "SEARCH c FOR [1,2] LIMIT 1"), 1);
    run_sql(conn, "INSERT INTO c VALUES (9,'z',[9,9]); FLUSH");
    disconnect(db, conn);
    connect_to(place.restored, &db, &conn);
    assert_int_equal(number(conn, "SELECT count(*) FROM c"), 3);
    disconnect(db, conn);
    OK(verify(&place, err));
    place_destroy(&place);
}

/* ---- damage ---- */

/* Every byte, in one bit each. */
static uint64_t
flip_all(const Place *place, const char *path)
{
    Bytes good = read_file(path);
    for (size_t i = 0; i < good.size; i++) {
        /* large files: their first and last bytes, and some between */
        if (good.size > 6000 && i > 2000 && i + 2000 < good.size && i % 31 != 0)
            continue;
        good.data[i] ^= (char)(1 << i % 8);
        write_file(path, good.data, good.size);
        Error failure = ERROR_INIT;
        if (verify(place, &failure) != MQL_CORRUPT)
            fail_msg("byte %zu of %s: %s", i, path, failure.text);
        good.data[i] ^= (char)(1 << i % 8);
    }
    write_file(path, good.data, good.size);
    size_t size = good.size;
    free(good.data);
    return size;
}

static void
test_flipped(void **state)
{
    (void)state;
    Place place = place_create();
    Manifest manifest = manifest_of(&place);
    uint64_t bytes = 0;
    for (size_t i = 0; i < manifest.file_count; i++) {
        char *path = backup_path(place.backup, &manifest.files[i],
                                 BACKUP_CATALOGUE_NAME);
        bytes += flip_all(&place, path);
        free(path);
    }
    char *path = path_in(place.backup, "MANIFEST");
    bytes += flip_all(&place, path);
    free(path);
    assert_true(manifest.file_count >= 6);
    print_message("%zu files, %llu bytes\n", manifest.file_count,
                  (unsigned long long)bytes);
    OK(verify(&place, err));
    manifest_free(&manifest);
    place_destroy(&place);
}

static void
damage_file(const Place *place, const char *path)
{
    Bytes good = read_file(path);
    mql_error error = MQL_ERROR_INIT;
    write_file(path, good.data, good.size - 1);
    FAILS("XX001", verify(place, err));
    assert_int_equal(unlink(path), 0);
    FAILS("XX001", verify(place, err));
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_not_equal(mql_restore(place->backup, place->restored, &error),
                         MQL_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_not_equal(mql_restore(place->backup, place->restored, &error),
                         MQL_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_not_equal(access(place->restored, F_OK), 0);
    write_file(path, good.data, good.size);
    free(good.data);
}

/* The same files, elsewhere. */
static void
link_folder(const Place *place, const char *name)
{
    char *path = path_in(place->backup, name);
    char *other = path_in(place->root, "elsewhere");
    mql_error error = MQL_ERROR_INIT;
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    FAILS("XX001", verify(place, err));
    assert_int_equal(mql_restore(place->backup, place->restored, &error),
                     MQL_CORRUPT);
    assert_int_not_equal(access(place->restored, F_OK), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rename(other, path), 0);
    free(path);
    free(other);
}

static void
test_lost_and_foreign(void **state)
{
    (void)state;
    Place place = place_create();
    Manifest manifest = manifest_of(&place);
    for (size_t i = 0; i < manifest.file_count; i++) {
        char *path = backup_path(place.backup, &manifest.files[i],
                                 BACKUP_CATALOGUE_NAME);
        damage_file(&place, path);
        free(path);
    }
    manifest_free(&manifest);
    static const char *const extra[] = {
        "x", "meta.mdb", "wal/x", "segments/999.seg", "segments/0005.seg"};
    for (size_t i = 0; i < sizeof extra / sizeof extra[0]; i++) {
        char *path = path_in(place.backup, extra[i]);
        write_file(path, "x", 1);
        FAILS("XX001", verify(&place, err));
        assert_int_equal(unlink(path), 0);
        free(path);
    }
    link_folder(&place, "wal");
    link_folder(&place, "segments");
    OK(verify(&place, err));
    char *path = path_in(place.backup, "MANIFEST");
    assert_int_equal(unlink(path), 0);
    FAILS("58P01", verify(&place, err));
    free(path);
    place_destroy(&place);
}

/* ---- a database that is damaged ---- */

static void
flip_in_place(const char *path, uint64_t offset)
{
    char byte;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    close(fd);
}

/* The backup that would be damaged is not made; once mended, it is. */
static void
back_up_flipped(const Place *place, const char *to, const char *path,
                uint64_t offset)
{
    mql_error error = MQL_ERROR_INIT;
    Buffer sql = BUFFER_INIT;
    buffer_printf(&sql, "BACKUP DATABASE TO '%s'", to);
    flip_in_place(path, offset);
    mql_status status = mql_exec(place->conn, buffer_text(&sql));
    mql_error_get(place->conn, &error);
    if (status != MQL_CORRUPT || strcmp(error.sqlstate, "XX001") != 0 ||
        strstr(error.detail, path) == NULL)
        fail_msg("byte %llu of %s: %d %s (%s)", (unsigned long long)offset,
                 path, status, error.message, error.detail);
    assert_int_not_equal(access(to, F_OK), 0);
    flip_in_place(path, offset);
    buffer_free(&sql);
}

/* A byte of each file, wherever it lies. */
static void
test_damaged_source(void **state)
{
    (void)state;
    Place place = place_create();
    Manifest manifest = manifest_of(&place);
    char *to = path_in(place.root, "b2");
    uint32_t tried = 0;
    for (size_t i = 0; i < manifest.file_count; i++) {
        const BackupFile *file = &manifest.files[i];
        if (file->kind == BACKUP_CATALOGUE)
            continue; /* written anew, from values that are checked */
        char *path = backup_path(place.database, file, "meta.mdb");
        /* of the log its header and that of a record: what follows the
           payload belongs to nothing */
        uint64_t end = file->kind == BACKUP_LOG ? 64 + 56 : file->size;
        uint64_t step = end / 64 + 1;
        for (uint64_t at = 0; at < end; at += step, tried++)
            back_up_flipped(&place, to, path, at);
        free(path);
    }
    assert_true(tried >= 200);
    run_with_path(place.conn, "BACKUP DATABASE TO", to);
    free(to);
    manifest_free(&manifest);
    place_destroy(&place);
}

/* ---- hostile manifests: the hash is right, the text is not ---- */

static void
append_hash(Buffer *text)
{
    Hasher *hasher = hasher_create();
    hasher_add(hasher, text->data, text->size);
    Hash128 hash = hasher_result(hasher);
    hasher_free(hasher);
    buffer_printf(text, "end %016llx%016llx\n", (unsigned long long)hash.high,
                  (unsigned long long)hash.low);
}

static void
judge_manifest(const Place *place, const char *name, const char *rest)
{
    Buffer text = BUFFER_INIT;
    char *path = path_in(place->backup, "MANIFEST");
    mql_error error = MQL_ERROR_INIT;
    buffer_append_text(&text, "mql backup 1\ndatabase 0000000000000001\n"
                              "sequence 1\ntime 1\nfiles 2\n"
                              "file meta.backup 0 "
                              "99aa06d3014798d86001c324468d497f\nfile ");
    buffer_append_text(&text, name);
    buffer_append_text(&text, rest);
    append_hash(&text);
    write_file(path, text.data, text.size);
    FAILS("XX001", verify(place, err));
    assert_int_equal(mql_restore(place->backup, place->restored, &error),
                     MQL_CORRUPT);
    assert_int_not_equal(access(place->restored, F_OK), 0);
    buffer_free(&text);
    free(path);
}

static void
test_hostile_manifest(void **state)
{
    (void)state;
    static const char good[] = " 1 00000000000000000000000000000000\n";
    static const char *const names[] = {
        "../../etc/passwd",
        "/etc/passwd",
        "segments/../x.seg",
        "segments//5.seg",
        "segments/./5.seg",
        "segments/5.seg/",
        "segments/05.seg",
        "segments/+5.seg",
        "segments/-5.seg",
        "segments/5-1.seg",
        "segments/5.idx",
        "segments/5-01.idx",
        "segments/5-1.del.del",
        "segments/18446744073709551616.seg",
        "segments/99999999999999999999999999.seg",
        "segments/5.SEG",
        "wal/5.log",
        "wal/000000000000000000005.log",
        "wal/..log",
        "wal/00000000000000000005.new",
        "meta.mdb",
        "meta.backup",
        "LOCK",
        "MANIFEST",
        "",
        ".",
        "..",
        "tmp/5-1.seg",
        "segments\\5.seg",
        "segments/5.seg\t",
        ("\xE2\x81\x84"
         "etc\xE2\x81\x84passwd"),
    };
    static const char *const rests[] = {
        " 18446744073709551616 00000000000000000000000000000000\n",
        " -1 00000000000000000000000000000000\n",
        " 1 0\n",
        " 1\n",
        "\n",
        "",
        " 1 0000000000000000000000000000000G\n",
        (" 1 00000000000000000000000000000000\nfile segments/5.seg 1 "
         "00000000000000000000000000000000\n"),
        " 1 00000000000000000000000000000000",
        " 9223372036854775807 00000000000000000000000000000000\n",
    };
    Place place = place_create();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        judge_manifest(&place, names[i], good);
    for (size_t i = 0; i < sizeof rests / sizeof rests[0]; i++)
        judge_manifest(&place, "segments/5.seg", rests[i]);
    char longest[400];
    memset(longest, '5', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    judge_manifest(&place, longest, good);
    place_destroy(&place);
}

/* ---- a backup in its database, a database in its backup ---- */

/* Refused, for that reason, and nothing is made. */
static void
refuse_place(const Place *place, const char *to)
{
    mql_error error = MQL_ERROR_INIT;
    Buffer sql = BUFFER_INIT;
    buffer_printf(&sql, "BACKUP DATABASE TO '%s'", to);
    assert_int_not_equal(mql_exec(place->conn, buffer_text(&sql)), MQL_OK);
    mql_error_get(place->conn, &error);
    if (strcmp(error.sqlstate, "22023") != 0)
        fail_msg("%s: %s %s", to, error.sqlstate, error.message);
    buffer_free(&sql);
}

static void
test_inside(void **state)
{
    (void)state;
    static const char *const inside[] = {
        "d",           "d/",       "d/x",          "d//x", "d/segments/99.seg",
        "d/wal/sub/x", "d/../d/x", "b/../d/tmp/x", "./d/", "link/x",
        "inner",       "inner/x",  "d/a/b/c/../d"};
    Place place = place_create();
    mql_error error = MQL_ERROR_INIT;
    char *link = path_in(place.root, "link");
    char *inner = path_in(place.root, "inner");
    char *segments = path_in(place.database, "segments");
    assert_int_equal(symlink(place.database, link), 0);
    assert_int_equal(symlink(segments, inner), 0);
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
        char *to = path_in(place.root, inside[i]);
        refuse_place(&place, to);
        free(to);
    }
    OK(verify(&place, err));
    static const char *const spoiling[] = {"b", "b/in", "b/wal/in", "d/../b/in",
                                           "b/wal/../in"};
    for (size_t i = 0; i < sizeof spoiling / sizeof spoiling[0]; i++) {
        char *to = path_in(place.root, spoiling[i]);
        assert_int_not_equal(mql_restore(place.backup, to, &error), MQL_OK);
        assert_string_equal(error.sqlstate, "22023");
        free(to);
    }
    OK(verify(&place, err));
    /* a name that only begins like the database's */
    char *beside = path_in(place.root, "d2");
    run_with_path(place.conn, "BACKUP DATABASE TO", beside);
    free(beside);
    free(segments);
    free(inner);
    free(link);
    place_destroy(&place);
}

static void
test_places(void **state)
{
    (void)state;
    Place place = place_create();
    mql_error error = MQL_ERROR_INIT;
    mql_db *db;
    assert_int_equal(mql_restore(place.database, place.restored, &error),
                     MQL_NOT_FOUND);
    assert_int_equal(mql_restore(place.backup, place.database, &error),
                     MQL_CONFLICT);
    assert_int_equal(mql_restore(NULL, place.restored, &error), MQL_MISUSE);
    assert_int_equal(mql_open(place.backup, NULL, &db, &error), MQL_CONFLICT);
    /* an unfinished one is refused, and not restored over */
    char *path = path_in(place.restored, RESTORING_NAME);
    assert_int_equal(mkdir(place.restored, 0700), 0);
    write_file(path, "x", 1);
    assert_int_not_equal(mql_open(place.restored, NULL, &db, &error), MQL_OK);
    assert_string_equal(error.sqlstate, "55000");
    assert_int_equal(mql_restore(place.backup, place.restored, &error),
                     MQL_CONFLICT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mql_restore(place.backup, place.restored, &error), MQL_OK);
    free(path);
    place_destroy(&place);
}

/* ---- a writer that goes on ---- */

typedef struct Counter {
    mql_db *db;
    atomic_bool is_stopping;
    atomic_llong last;
} Counter;

static void *
count_up(void *context)
{
    Counter *counter = context;
    mql_conn *conn;
    mql_error error = MQL_ERROR_INIT;
    assert_int_equal(mql_connect(counter->db, &conn, &error), MQL_OK);
    for (long long i = 1; !atomic_load(&counter->is_stopping); i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "INSERT INTO n VALUES (%lld)", i);
        run_sql(conn, sql);
        if (i % 20 == 0)
            run_sql(conn, "FLUSH n");
        if (i % 50 == 0)
            run_sql(conn, "DROP COLLECTION IF EXISTS t; CREATE COLLECTION t "
                          "(id INT64 PRIMARY KEY); INSERT INTO t VALUES (1); "
                          "FLUSH t");
        atomic_store(&counter->last, i);
    }
    mql_disconnect(conn);
    return NULL;
}

/* Rows 1 to n without a gap, at least those that were there when it began. */
static void
judge_prefix(const char *path, long long before, long long after)
{
    mql_db *db;
    mql_conn *conn;
    connect_to(path, &db, &conn);
    int64_t count = number(conn, "SELECT count(*) FROM n");
    assert_true(count >= before && count <= after + 1);
    char sql[128];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM n WHERE id BETWEEN 1 AND "
             "%lld",
             (long long)count);
    assert_int_equal(number(conn, sql), count);
    disconnect(db, conn);
}

static void
test_while_writing(void **state)
{
    (void)state;
    Place place = place_create();
    run_sql(place.conn, "CREATE COLLECTION n (id INT64 PRIMARY KEY)");
    Counter counter = {.db = place.db};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, count_up, &counter), 0);
    for (int i = 0; i < 20; i++) {
        mql_error error = MQL_ERROR_INIT;
        remove_tree(place.backup);
        long long before = atomic_load(&counter.last);
        run_with_path(place.conn, "BACKUP DATABASE TO", place.backup);
        long long after = atomic_load(&counter.last);
        if (mql_restore(place.backup, place.restored, &error) != MQL_OK)
            fail_msg("%s (%s)", error.message, error.detail);
        judge_prefix(place.restored, before, after);
        remove_tree(place.restored);
    }
    atomic_store(&counter.is_stopping, true);
    pthread_join(thread, NULL);
    print_message("%lld rows meanwhile\n", (long long)counter.last);
    place_destroy(&place);
}

static int
stop_at_once(void *context, const char *phase, uint64_t done, uint64_t total)
{
    (void)context, (void)phase, (void)done, (void)total;
    return 1;
}

static void
test_canceled(void **state)
{
    (void)state;
    Place place = place_create();
    remove_tree(place.backup);
    mql_on_progress(place.conn, stop_at_once, NULL);
    Buffer sql = BUFFER_INIT;
    buffer_printf(&sql, "BACKUP DATABASE TO '%s'", place.backup);
    assert_int_equal(mql_exec(place.conn, buffer_text(&sql)), MQL_INTERRUPTED);
    assert_int_not_equal(access(place.backup, F_OK), 0);
    mql_on_progress(place.conn, NULL, NULL);
    run_sql(place.conn, buffer_text(&sql));
    buffer_free(&sql);
    place_destroy(&place);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restored_is_the_same),
        cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_lost_and_foreign),
        cmocka_unit_test(test_damaged_source),
        cmocka_unit_test(test_hostile_manifest),
        cmocka_unit_test(test_inside),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_while_writing),
        cmocka_unit_test(test_canceled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
