/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_salvage.c - RECOVER DATABASE ... ALLOW LOSS: whatever is damaged, each
 * row is there as it was or among those that are said to be lost; and the
 * damaged database stays as it is.
 */
#include "run_sql.h"

#include <stdarg.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/file.h"

#define ROWS 2000
#define DIMENSION 64
#define LOGGED 200 /* of them, the last ones: in the log alone */
#define DELETED 7  /* every so manyth of the first half */

typedef struct Place {
    char *root;
    char *path;
    char *again;
} Place;

static bool
is_deleted(int64_t id)
{
    return id < ROWS / 2 && id % DELETED == 0;
}

static mql_conn *
open_at(const char *path, mql_db **db)
{
    mql_error error = MQL_ERROR_INIT;
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    mql_conn *conn;
    options.no_jobs = 1;
    if (mql_open(path, &options, db, &error) != MQL_OK)
        fail_msg("%s: %s %s", path, error.message, error.detail);
    assert_int_equal(mql_connect(*db, &conn, &error), MQL_OK);
    return conn;
}

static void
close_at(mql_db *db, mql_conn *conn)
{
    assert_int_equal(mql_disconnect(conn), MQL_OK);
    assert_int_equal(mql_close(db), MQL_OK);
}

static void
insert(mql_conn *conn, int first, int last)
{
    Buffer text = BUFFER_INIT;
    buffer_append_text(&text, "INSERT INTO c VALUES ");
    for (int i = first; i < last; i++) {
        buffer_printf(&text, "%s(%d, 'name of %d', %d, [%d",
                      i > first ? "," : "", i, i, i * 7, i);
        for (int d = 1; d < DIMENSION; d++)
            buffer_printf(&text, ",%d", i % 10);
        buffer_append_text(&text, "])");
    }
    run_sql(conn, buffer_text(&text));
    buffer_free(&text);
}

static int
set_up(void **state)
{
    static Place place;
    mql_db *db;
    *state = &place;
    place.root = temporary_directory();
    place.path = path_in(place.root, "db");
    place.again = path_in(place.root, "again");
    mql_conn *conn = open_at(place.path, &db);
    run_sql(conn, "CREATE COLLECTION c (id INT64 PRIMARY KEY, s VARCHAR(40), "
                  "n INT64, v FLOAT_VECTOR(64)); CREATE COLLECTION other (id "
                  "INT64 PRIMARY KEY); INSERT INTO other VALUES (1), (2);"
                  "CREATE ALIAS d FOR c");
    insert(conn, 0, ROWS / 2);
    run_sql(conn, "FLUSH");
    char sql[96];
    snprintf(sql, sizeof sql, "DELETE FROM c WHERE id < %d AND id %% %d = 0",
             ROWS / 2, DELETED);
    run_sql(conn, sql);
    insert(conn, ROWS / 2, ROWS - LOGGED);
    run_sql(conn, "FLUSH; CREATE INDEX ON c (n) USING INVERTED");
    insert(conn, ROWS - LOGGED, ROWS - LOGGED / 2);
    insert(conn, ROWS - LOGGED / 2, ROWS);
    close_at(db, conn);
    return 0;
}

static int
tear_down(void **state)
{
    Place *place = *state;
    remove_tree(place->root);
    free(place->path);
    free(place->again);
    free(place->root);
    return 0;
}

/* The file of the database whose name ends so; the `which`th by name. */
static char *
file_of(const Place *place, const char *folder, const char *extension,
        int which)
{
    Buffer names = BUFFER_INIT;
    char *path = path_in(place->path, folder);
    const char *found[16];
    int count = 0;
    assert_int_equal(posix_vfs.list(NULL, path, &names), 0);
    for (size_t at = 0; at < names.size; at += strlen(names.data + at) + 1) {
        const char *name = names.data + at;
        if (strstr(name, extension) == NULL || count == 16)
            continue;
        int to = count++;
        for (; to > 0 && strcmp(found[to - 1], name) > 0; to--)
            found[to] = found[to - 1];
        found[to] = name;
    }
    assert_true(which < count);
    char *whole = path_in(path, found[which]);
    buffer_free(&names);
    free(path);
    return whole;
}

/* ---- what came back ---- */

typedef struct Outcome {
    bool is_there[ROWS];
    int64_t rows;       /* of c */
    int64_t back;       /* deleted ones that are there */
    int64_t lost;       /* as is said */
    int64_t lines;      /* of the report */
    bool has_deletions; /* said to be lost */
    bool has_log;
    char text[4096];
} Outcome;

static void
read_report(mql_conn *conn, const char *path, Outcome *outcome)
{
    Buffer sql = BUFFER_INIT;
    buffer_printf(&sql, "RECOVER DATABASE FROM '%s' ALLOW LOSS", path);
    mql_stmt *stmt = prepare_sql(conn, buffer_text(&sql));
    mql_status status;
    while ((status = mql_step(stmt)) == MQL_ROW) {
        outcome->lines++;
        outcome->lost += mql_column_int64(stmt, 1);
        const char *object = mql_column_text(stmt, 0, NULL);
        const char *what = mql_column_text(stmt, 2, NULL);
        outcome->has_deletions |= strstr(what, "deletion") != NULL;
        outcome->has_log |= strcmp(object, "log") == 0;
        assert_non_null(mql_column_text(stmt, 5, NULL));
        size_t used = strlen(outcome->text);
        snprintf(outcome->text + used, sizeof outcome->text - used,
                 "%s|%lld|%s|%s|%lld|%s\n", object,
                 (long long)mql_column_int64(stmt, 1), what,
                 mql_column_is_null(stmt, 3) ? ""
                                             : mql_column_text(stmt, 3, NULL),
                 (long long)mql_column_int64(stmt, 4),
                 mql_column_text(stmt, 5, NULL));
    }
    if (status != MQL_DONE) {
        mql_error error = MQL_ERROR_INIT;
        mql_error_get(conn, &error);
        fail_msg("%s %s", error.message, error.detail);
    }
    mql_finalize(stmt);
    buffer_free(&sql);
}

/* Each row as it was made. */
static void
read_rows(mql_conn *conn, Outcome *outcome)
{
    mql_stmt *stmt = prepare_sql(conn, "SELECT id, s, n, v FROM d");
    char expected[40];
    while (mql_step(stmt) == MQL_ROW) {
        uint32_t dim = 0;
        int64_t id = mql_column_int64(stmt, 0);
        const float *vector = mql_column_vector_f32(stmt, 3, &dim);
        assert_true(id >= 0 && id < ROWS && !outcome->is_there[id]);
        outcome->is_there[id] = true;
        snprintf(expected, sizeof expected, "name of %lld", (long long)id);
        assert_string_equal(mql_column_text(stmt, 1, NULL), expected);
        assert_true(mql_column_int64(stmt, 2) == id * 7);
        assert_int_equal(dim, DIMENSION);
        assert_true(vector[0] == (float)id && vector[63] == (float)(id % 10));
        outcome->rows++;
        outcome->back += is_deleted(id);
    }
    mql_finalize(stmt);
}

static Outcome *
recover(const Place *place)
{
    Outcome *outcome = calloc(1, sizeof *outcome);
    mql_db *db;
    mql_conn *conn = open_at(place->again, &db);
    read_report(conn, place->path, outcome);
    read_rows(conn, outcome);
    run_sql(conn, "CHECK DATABASE; SELECT id FROM other WHERE id = 2");
    close_at(db, conn);
    conn = open_at(place->again, &db);
    run_sql(conn, "CHECK DATABASE");
    close_at(db, conn);
    remove_tree(place->again);
    return outcome;
}

static int64_t
live_rows(void)
{
    int64_t count = 0;
    for (int64_t id = 0; id < ROWS; id++)
        count += !is_deleted(id);
    return count;
}

static void
damage(const char *path, uint64_t offset, uint64_t size)
{
    Bytes bytes = read_file(path);
    for (uint64_t i = offset; i < offset + size && i < bytes.size; i++)
        bytes.data[i] ^= 0x10;
    write_file(path, bytes.data, bytes.size);
    free(bytes.data);
}

/* ---- tests ---- */

static void
test_whole(void **state)
{
    const Place *place = *state;
    Outcome *outcome = recover(place);
    assert_int_equal(outcome->lines, 0);
    assert_true(outcome->rows == live_rows() && outcome->back == 0);
    free(outcome);
}

static void
test_is_asked_for(void **state)
{
    const Place *place = *state;
    mql_error error = MQL_ERROR_INIT;
    mql_db *db;
    mql_conn *conn = open_at(place->again, &db);
    Buffer sql = BUFFER_INIT;
    buffer_printf(&sql, "RECOVER DATABASE FROM '%s'", place->path);
    assert_int_not_equal(mql_exec(conn, buffer_text(&sql)), MQL_OK);
    mql_error_get(conn, &error);
    assert_string_equal(error.sqlstate, "22023");
    assert_non_null(strstr(error.hint, "ALLOW LOSS"));
    assert_int_not_equal(
        mql_exec(conn, "RECOVER DATABASE FROM '/nowhere' ALLOW LOSS"), MQL_OK);
    assert_int_equal(mql_exec(conn, "RECOVER DATABASE FROM 'x' ALLOW LOST"),
                     MQL_SYNTAX);
    run_sql(conn, "CREATE COLLECTION mine (id INT64 PRIMARY KEY)");
    buffer_append_text(&sql, " ALLOW LOSS");
    assert_int_equal(mql_exec(conn, buffer_text(&sql)), MQL_CONFLICT);
    buffer_free(&sql);
    close_at(db, conn);
    remove_tree(place->again);
}

/* Bytes anywhere in a segment's file: what is not there is counted. */
static void
test_segments(void **state)
{
    const Place *place = *state;
    int64_t live = live_rows(), least = live;
    for (int which = 0; which < 2; which++) {
        char *path = file_of(place, "segments", ".seg", which + 1);
        Bytes good = read_file(path);
        for (int i = 0; i < 10; i++) {
            uint64_t offset = i == 0   ? 0
                              : i == 1 ? good.size - 1
                                       : good.size * (uint64_t)i / 10;
            damage(path, offset, 3);
            Bytes before = read_file(path);
            Outcome *outcome = recover(place);
            Bytes after = read_file(path);
            assert_int_equal(before.size, after.size);
            assert_memory_equal(before.data, after.data, after.size);
            /* A whole segment counts those that were deleted. */
            int64_t missing = live - outcome->rows;
            if (outcome->lost < missing || outcome->back != 0 ||
                (missing > 0 && outcome->lines == 0))
                fail_msg("byte %llu of %s: %lld rows, %lld lost\n%s",
                         (unsigned long long)offset, path,
                         (long long)outcome->rows, (long long)outcome->lost,
                         outcome->text);
            if (outcome->lost > missing)
                assert_non_null(strstr(outcome->text, "a whole segment"));
            least = outcome->rows < least ? outcome->rows : least;
            free(outcome);
            free(before.data);
            free(after.data);
            write_file(path, good.data, good.size);
        }
        free(good.data);
        free(path);
    }
    assert_true(least < live);
}

/* The damaged block's rows are named, those beside it are there. */
static void
test_keys_are_named(void **state)
{
    const Place *place = *state;
    char *path = file_of(place, "segments", ".seg", 2);
    Bytes good = read_file(path);
    Outcome *outcome = NULL;
    bool is_part = false;
    for (uint64_t at = 4096; at < good.size && !is_part; at += 16384) {
        damage(path, at, 1);
        outcome = recover(place);
        is_part = strstr(outcome->text, "|keys ") != NULL;
        write_file(path, good.data, good.size);
        if (!is_part)
            free(outcome);
    }
    assert_true(is_part);
    long long rows, first, last;
    assert_int_equal(sscanf(strchr(outcome->text, '|'),
                            "|%lld|keys %lld .. %lld", &rows, &first, &last),
                     3);
    for (int64_t id = 0; id < ROWS; id++) {
        bool is_lost = id >= first && id <= last;
        if (!is_deleted(id))
            assert_int_equal(outcome->is_there[id], !is_lost);
        rows -= is_lost && !is_deleted(id);
    }
    assert_true(rows == 0 && first < last);
    assert_non_null(strstr(outcome->text, path));
    free(outcome);
    free(good.data);
    free(path);
}

static void
test_lost_file(void **state)
{
    const Place *place = *state;
    char *path = file_of(place, "segments", ".seg", 2);
    assert_int_equal(unlink(path), 0);
    Outcome *outcome = recover(place);
    assert_int_equal(outcome->lines, 1);
    assert_true(outcome->lost == ROWS / 2 ||
                outcome->lost == ROWS / 2 - LOGGED);
    assert_true(outcome->rows < live_rows() &&
                outcome->rows >= live_rows() - outcome->lost);
    free(outcome);
    free(path);
}

/* Without the file of deletions the rows are back; all of them are there. */
static void
test_deletions(void **state)
{
    const Place *place = *state;
    char *path = file_of(place, "segments", ".del", 0);
    damage(path, 4096, 1000);
    Outcome *outcome = recover(place);
    assert_true(outcome->has_deletions);
    assert_true(outcome->rows == ROWS && outcome->back > 0);
    assert_int_equal(outcome->lost, 0);
    free(outcome);
    free(path);
}

static bool
can_be_opened(const char *path)
{
    mql_error error = MQL_ERROR_INIT;
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    mql_db *db;
    options.read_only = 1;
    mql_status status = mql_open(path, &options, &db, &error);
    if (status == MQL_OK)
        assert_int_equal(mql_close(db), MQL_OK);
    else
        assert_int_equal(status, MQL_CORRUPT);
    return status == MQL_OK;
}

/* Damage before the end of the log: what comes after it is lost. */
static void
test_log(void **state)
{
    const Place *place = *state;
    char *path = file_of(place, "wal", "", 0);
    Bytes good = read_file(path);
    size_t end = good.size;
    while (end > 0 && good.data[end - 1] == 0)
        end--;
    uint32_t refused = 0;
    for (int i = 1; i < 12; i++) {
        damage(path, end * (size_t)i / 12, 4);
        bool is_noticed = !can_be_opened(place->path);
        refused += is_noticed;
        Outcome *outcome = recover(place);
        assert_int_equal(outcome->has_log, is_noticed);
        assert_true(outcome->rows >= live_rows() - LOGGED);
        assert_true(outcome->rows <= live_rows());
        assert_int_equal(outcome->back, 0);
        free(outcome);
        write_file(path, good.data, good.size);
    }
    assert_true(refused > 5);
    free(good.data);
    free(path);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_whole),     TEST(test_is_asked_for),
        TEST(test_segments),  TEST(test_keys_are_named),
        TEST(test_lost_file), TEST(test_deletions),
        TEST(test_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
