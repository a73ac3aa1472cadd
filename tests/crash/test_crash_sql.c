/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_crash_sql.c - forty statements, the power lost at every operation on the
 * disk.
 *
 * The workload runs once over a CrashVfs. A model in memory, which knows
 * nothing of the engine, runs the same steps and writes down after each what a
 * reader must see: collections, partitions, indexes and rows. Then, for each
 * operation and each state a power loss there may leave, the database is opened
 * and must look like the model after the last acknowledged statement or after
 * the one under way: nothing acknowledged lost, nothing half done. It must also
 * take a new row and keep it.
 */
#include "files.h"

#include <inttypes.h>

#include "base/buffer.h"
#include "crash_vfs.h"
#include "engine/api/database_open.h"
#include "mql.h"
#include "run_sql.h"

#define KEYS_MOST 64
#define COLLECTIONS_MOST 3

/* ---- the workload ---- */

typedef enum StepKind {
    STEP_CREATE,         /* collection */
    STEP_DROP,           /* collection */
    STEP_TRUNCATE,       /* collection */
    STEP_PUT,            /* rows first .. last get `value` */
    STEP_DELETE,         /* rows first .. last go */
    STEP_INDEX,          /* `text` is indexed */
    STEP_DROP_INDEX,     /* `text` */
    STEP_PARTITION,      /* `text` is made */
    STEP_DROP_PARTITION, /* `text`, its rows first .. last */
    STEP_LOAD,           /* value 1: loaded, 0: released */
    STEP_NOTHING,        /* FLUSH and such: a reader sees no difference */
} StepKind;

typedef struct Step {
    const char *sql; /* %s: "(key, value, vector), ..." of the rows */
    StepKind kind;
    int collection; /* 0: a, 1: b, 2: c */
    int first, last, value;
    const char *text;
} Step;

#define TABLE                                                                  \
    "(id INT64 PRIMARY KEY, n INT64, v VECTOR(4)) WITH (enable_dynamic_field " \
    "= true)"

static const Step steps[] = {
    {"CREATE COLLECTION a " TABLE, STEP_CREATE, 0, 0, 0, 0, NULL},
    {"INSERT INTO a VALUES %s", STEP_PUT, 0, 1, 1, 10, NULL},
    {"INSERT INTO a VALUES %s", STEP_PUT, 0, 2, 8, 20, NULL},
    {"UPSERT INTO a VALUES %s", STEP_PUT, 0, 3, 4, 30, NULL},
    {"DELETE FROM a WHERE id = 1", STEP_DELETE, 0, 1, 1, 0, NULL},
    {"FLUSH a", STEP_NOTHING, 0, 0, 0, 0, NULL},
    {"INSERT INTO a VALUES %s", STEP_PUT, 0, 9, 12, 40, NULL},
    {"DELETE FROM a WHERE id BETWEEN 7 AND 9", STEP_DELETE, 0, 7, 9, 0, NULL},
    {"CREATE COLLECTION b " TABLE, STEP_CREATE, 1, 0, 0, 0, NULL},
    {"CREATE INDEX a_v ON a (v) USING HNSW WITH (metric_type = 'L2')",
     STEP_INDEX, 0, 0, 0, 0, "a_v"},
    {"INSERT INTO b VALUES %s", STEP_PUT, 1, 1, 20, 50, NULL},
    {"CREATE INDEX a_n ON a (n) USING INVERTED", STEP_INDEX, 0, 0, 0, 0, "a_n"},
    {"UPSERT INTO a VALUES %s", STEP_PUT, 0, 1, 3, 60, NULL},
    {"CREATE PARTITION p ON b", STEP_PARTITION, 1, 0, 0, 0, "p"},
    {"INSERT INTO b PARTITION p VALUES %s", STEP_PUT, 1, 30, 34, 70, NULL},
    {"FLUSH", STEP_NOTHING, 0, 0, 0, 0, NULL},
    {"DELETE FROM a WHERE n = 40", STEP_DELETE, 0, 10, 12, 0, NULL},
    {"FLUSH a", STEP_NOTHING, 0, 0, 0, 0, NULL},
    {"INSERT INTO a VALUES %s", STEP_PUT, 0, 20, 23, 80, NULL},
    {"DROP INDEX a_n ON a", STEP_DROP_INDEX, 0, 0, 0, 0, "a_n"},
    {"INSERT INTO a VALUES %s", STEP_PUT, 0, 40, 40, 90, NULL},
    {"RELEASE COLLECTION b PARTITION (p)", STEP_NOTHING, 1, 0, 0, 0, NULL},
    {"DROP PARTITION p ON b", STEP_DROP_PARTITION, 1, 30, 34, 0, "p"},
    {"CREATE COLLECTION c " TABLE, STEP_CREATE, 2, 0, 0, 0, NULL},
    {"INSERT INTO c VALUES %s", STEP_PUT, 2, 1, 3, 100, NULL},
    {"DROP COLLECTION c", STEP_DROP, 2, 0, 0, 0, NULL},
    {"CREATE COLLECTION c " TABLE, STEP_CREATE, 2, 0, 0, 0, NULL},
    {"INSERT INTO c VALUES %s", STEP_PUT, 2, 3, 5, 110, NULL},
    {"TRUNCATE a", STEP_TRUNCATE, 0, 0, 0, 0, NULL},
    {"INSERT INTO a VALUES %s", STEP_PUT, 0, 1, 6, 120, NULL},
    {"RELEASE COLLECTION c", STEP_LOAD, 2, 0, 0, 0, NULL},
    {"FLUSH", STEP_NOTHING, 0, 0, 0, 0, NULL},
    {"ALTER COLLECTION c SET (mmap.enabled = false)", STEP_NOTHING, 2, 0, 0, 0,
     NULL},
    {"LOAD COLLECTION c", STEP_LOAD, 2, 0, 0, 1, NULL},
    {"UPSERT INTO a VALUES %s", STEP_PUT, 0, 2, 2, 130, NULL},
    {"DELETE FROM b", STEP_DELETE, 1, 1, 20, 0, NULL},
    {"INSERT INTO b VALUES %s", STEP_PUT, 1, 5, 6, 140, NULL},
    {"DROP INDEX a_v ON a", STEP_DROP_INDEX, 0, 0, 0, 0, "a_v"},
    {"CREATE INDEX b_v ON b (v) USING FLAT", STEP_INDEX, 1, 0, 0, 0, "b_v"},
    {"FLUSH b", STEP_NOTHING, 1, 0, 0, 0, NULL},
    {"CREATE INDEX b_x ON b (x) WITH (json_cast_type = 'DOUBLE')", STEP_INDEX,
     1, 0, 0, 0, "b_x"},
    {"INSERT INTO c VALUES %s", STEP_PUT, 2, 10, 12, 150, NULL},
};

#define STEP_COUNT (sizeof steps / sizeof steps[0])

/* ---- the model ---- */

typedef struct ModelCollection {
    bool exists, is_released;
    int values[KEYS_MOST]; /* 0: no such row */
    const char *index[2];
    const char *partition;
} ModelCollection;

typedef struct Model {
    ModelCollection collections[COLLECTIONS_MOST];
} Model;

static void
model_index(ModelCollection *collection, const char *name, bool is_there)
{
    for (int i = 0; i < 2; i++)
        if (is_there ? collection->index[i] == NULL
                     : collection->index[i] != NULL &&
                           strcmp(collection->index[i], name) == 0) {
            collection->index[i] = is_there ? name : NULL;
            return;
        }
}

static void
model_step(Model *model, const Step *step)
{
    ModelCollection *collection = &model->collections[step->collection];
    switch (step->kind) {
    case STEP_CREATE:
        *collection = (ModelCollection){.exists = true};
        break;
    case STEP_DROP:
        *collection = (ModelCollection){0};
        break;
    case STEP_TRUNCATE:
        memset(collection->values, 0, sizeof collection->values);
        break;
    case STEP_PUT:
    case STEP_DELETE:
        for (int key = step->first; key <= step->last; key++)
            collection->values[key] = step->kind == STEP_PUT ? step->value : 0;
        break;
    case STEP_INDEX:
    case STEP_DROP_INDEX:
        model_index(collection, step->text, step->kind == STEP_INDEX);
        break;
    case STEP_PARTITION:
        collection->partition = step->text;
        break;
    case STEP_DROP_PARTITION:
        collection->partition = NULL;
        for (int key = step->first; key <= step->last; key++)
            collection->values[key] = 0;
        break;
    case STEP_LOAD:
        collection->is_released = step->value == 0;
        break;
    case STEP_NOTHING:
        break;
    }
}

/* The model as a reader sees it; rows of a released collection are not seen. */
static void
model_print(const Model *model, bool p_is_released, Buffer *out)
{
    for (int c = 0; c < COLLECTIONS_MOST; c++) {
        const ModelCollection *collection = &model->collections[c];
        if (!collection->exists)
            continue;
        buffer_printf(out, "%c:", 'a' + c);
        if (collection->partition != NULL)
            buffer_printf(out, " partition %s", collection->partition);
        /* both are printed by name */
        const char *first = collection->index[0],
                   *second = collection->index[1];
        if (first != NULL && second != NULL && strcmp(first, second) > 0) {
            first = collection->index[1];
            second = collection->index[0];
        }
        if (first != NULL)
            buffer_printf(out, " index %s", first);
        if (second != NULL)
            buffer_printf(out, " index %s", second);
        if (collection->is_released)
            buffer_append_text(out, " released");
        for (int key = 0; key < KEYS_MOST && !collection->is_released; key++)
            if (collection->values[key] != 0 &&
                !(p_is_released && c == 1 && key >= 30 && key <= 34))
                buffer_printf(out, " %d=%d", key, collection->values[key]);
        buffer_append_char(out, '\n');
    }
}

/* ---- the database as a reader sees it ---- */

static mql_stmt *
prepare(mql_conn *conn, const char *format, const char *name)
{
    char sql[128];
    mql_stmt *stmt;
    snprintf(sql, sizeof sql, format, name);
    if (mql_prepare(conn, sql, -1, &stmt, NULL) != MQL_OK) {
        mql_error error = MQL_ERROR_INIT;
        mql_error_get(conn, &error);
        fail_msg("%s: %s", sql, error.message);
    }
    return stmt;
}

static void
print_names(mql_conn *conn, const char *sql, const char *collection,
            const char *word, Buffer *out)
{
    mql_stmt *stmt = prepare(conn, sql, collection);
    char names[4][32];
    int count = 0;
    while (mql_step(stmt) == MQL_ROW) {
        const char *name = mql_column_text(stmt, 0, NULL);
        if (strcmp(name, "_default") != 0)
            snprintf(names[count++], sizeof names[0], "%s", name);
    }
    mql_finalize(stmt);
    if (count == 2 && strcmp(names[0], names[1]) > 0)
        buffer_printf(out, " %s %s %s %s", word, names[1], word, names[0]);
    else
        for (int i = 0; i < count; i++)
            buffer_printf(out, " %s %s", word, names[i]);
}

static void
print_rows(mql_conn *conn, const char *collection, Buffer *out)
{
    mql_stmt *stmt =
        prepare(conn, "SELECT id, n, v FROM %s ORDER BY id", collection);
    mql_status status;
    while ((status = mql_step(stmt)) == MQL_ROW) {
        uint32_t dim;
        int64_t key = mql_column_int64(stmt, 0);
        const float *vector = mql_column_vector_f32(stmt, 2, &dim);
        buffer_printf(out, " %" PRId64 "=%" PRId64, key,
                      mql_column_int64(stmt, 1));
        assert_int_equal(dim, 4);
        assert_true(vector[0] == (float)key && vector[3] == 1.0f);
    }
    mql_finalize(stmt);
    if (status == MQL_CORRUPT) /* no picture that anything expects */
        buffer_append_text(out, " damaged");
    else
        assert_int_equal(status, MQL_DONE);
}

static void
database_print(mql_conn *conn, Buffer *out)
{
    mql_stmt *stmt;
    assert_int_equal(mql_prepare(conn, "SHOW COLLECTIONS", -1, &stmt, NULL),
                     MQL_OK);
    while (mql_step(stmt) == MQL_ROW) {
        char name[32];
        snprintf(name, sizeof name, "%s", mql_column_text(stmt, 0, NULL));
        buffer_printf(out, "%s:", name);
        print_names(conn, "SHOW PARTITIONS FROM %s", name, "partition", out);
        print_names(conn, "SHOW INDEXES FROM %s", name, "index", out);
        if (mql_column_bool(stmt, 2))
            print_rows(conn, name, out);
        else
            buffer_append_text(out, " released");
        buffer_append_char(out, '\n');
    }
    mql_finalize(stmt);
}

/* ---- the run ---- */

typedef struct Run {
    CrashVfs *crash;
    char *base, *root, *survivor;
    uint64_t acknowledged[STEP_COUNT + 1]; /* operations done when step i was */
    char *expected[STEP_COUNT + 1];        /* what is seen after i steps */
    uint64_t opened; /* operations when the database had been made */
    uint64_t states;
} Run;

/* "(2, 20, [2,0,0,1]), ..." */
static void
print_values(const Step *step, Buffer *out)
{
    for (int key = step->first; key <= step->last; key++)
        buffer_printf(out, "%s(%d, %d, [%d,0,0,1])",
                      key == step->first ? "" : ", ", key, step->value, key);
}

static void
run_step(mql_conn *conn, const Step *step)
{
    Buffer values = BUFFER_INIT, sql = BUFFER_INIT;
    const char *mark = strstr(step->sql, "%s");
    if (mark == NULL) {
        buffer_append_text(&sql, step->sql);
    } else {
        print_values(step, &values);
        buffer_append(&sql, step->sql, (size_t)(mark - step->sql));
        buffer_append_slice(&sql, buffer_slice(&values));
    }
    run_sql(conn, buffer_text(&sql));
    buffer_free(&values);
    buffer_free(&sql);
}

static void
connect_to(const char *path, const Vfs *vfs, mql_db **db, mql_conn **conn)
{
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    options.threads = 1;
    OK(database_open(path, vfs, &options, db, err));
    mql_error error = MQL_ERROR_INIT;
    assert_int_equal(mql_connect(*db, conn, &error), MQL_OK);
}

static void
note_expected(Run *run, size_t step, const Model *model)
{
    /* p is released by step 22 and dropped by step 23 */
    bool p_is_released = step == 22;
    Buffer text = BUFFER_INIT;
    model_print(model, p_is_released, &text);
    run->expected[step] = strdup(buffer_text(&text));
    buffer_free(&text);
}

/* Run the workload; the engine must agree with the model at every step. */
static void
run_workload(Run *run)
{
    Model model = {0};
    mql_db *db;
    mql_conn *conn;
    connect_to(run->root, crash_vfs(run->crash), &db, &conn);
    run->opened = crash_operations(run->crash);
    note_expected(run, 0, &model);
    for (size_t i = 0; i < STEP_COUNT; i++) {
        run_step(conn, &steps[i]);
        run->acknowledged[i + 1] = crash_operations(run->crash);
        model_step(&model, &steps[i]);
        note_expected(run, i + 1, &model);
        Buffer seen = BUFFER_INIT;
        database_print(conn, &seen);
        if (strcmp(buffer_text(&seen), run->expected[i + 1]) != 0)
            fail_msg("after step %zu (%s):\n%sinstead of\n%s", i + 1,
                     steps[i].sql, buffer_text(&seen), run->expected[i + 1]);
        buffer_free(&seen);
    }
    mql_disconnect(conn);
    mql_close(db);
}

static Run
run_create(void)
{
    Run run = {.base = temporary_directory()};
    run.root = path_in(run.base, "root");
    run.survivor = path_in(run.base, "survivor");
    assert_int_equal(mkdir(run.root, 0700), 0);
    run.crash = crash_create(run.root, 42);
    crash_route_lmdb(run.crash);
    run_workload(&run);
    crash_route_lmdb(NULL);
    return run;
}

static void
run_destroy(Run *run)
{
    crash_destroy(run->crash);
    for (size_t i = 0; i <= STEP_COUNT; i++)
        free(run->expected[i]);
    remove_tree(run->base);
    free(run->base);
    free(run->root);
    free(run->survivor);
}

/* Steps acknowledged after `operations` operations. */
static size_t
acknowledged_at(const Run *run, uint64_t operations)
{
    size_t done = 0;
    while (done < STEP_COUNT && run->acknowledged[done + 1] <= operations)
        done++;
    return done;
}

/* The survivor takes a row and has it after the next opening. */
static void
judge_writing(const Run *run)
{
    mql_db *db;
    mql_conn *conn;
    connect_to(run->survivor, NULL, &db, &conn);
    run_sql(conn, "CREATE COLLECTION IF NOT EXISTS later (id INT64 PRIMARY "
                  "KEY); INSERT INTO later VALUES (1)");
    mql_disconnect(conn);
    mql_close(db);
    connect_to(run->survivor, NULL, &db, &conn);
    mql_stmt *stmt = prepare(conn, "SELECT count(*) FROM %s", "later");
    assert_int_equal(mql_step(stmt), MQL_ROW);
    assert_int_equal(mql_column_int64(stmt, 0), 1);
    mql_finalize(stmt);
    mql_disconnect(conn);
    mql_close(db);
}

/* What is seen in a state that a power loss may leave; false: it does not open.
 */
static bool
print_survivor(Run *run, uint64_t operations, uint64_t state, Buffer *seen)
{
    mql_db *db;
    mql_conn *conn;
    mql_error error = MQL_ERROR_INIT;
    Error err = ERROR_INIT;
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    options.threads = 1;
    crash_survivor(run->crash, operations, state, run->survivor);
    if (database_open(run->survivor, NULL, &options, &db, &err) != MQL_OK) {
        buffer_printf(seen, "%s: %s\n", err.text, err.detail);
        return false;
    }
    assert_int_equal(mql_connect(db, &conn, &error), MQL_OK);
    database_print(conn, seen);
    mql_disconnect(conn);
    mql_close(db);
    return true;
}

/* NULL: as the model says after the last acknowledged statement, or the one
 * under way; else what was seen, malloc'ed. */
static char *
judge_state(Run *run, uint64_t operations, uint64_t state)
{
    size_t done = acknowledged_at(run, operations);
    Buffer seen = BUFFER_INIT;
    char *wrong = NULL;
    bool is_open = print_survivor(run, operations, state, &seen);
    const char *text = buffer_text(&seen);
    const char *next = run->expected[done < STEP_COUNT ? done + 1 : done];
    if (!is_open ||
        (strcmp(text, run->expected[done]) != 0 && strcmp(text, next) != 0))
        wrong = strdup(text);
    buffer_free(&seen);
    if (wrong == NULL && run->states % 16 == 0)
        judge_writing(run);
    remove_tree(run->survivor);
    run->states++;
    return wrong;
}

/* States of a crash point to look at: nothing, everything, names only, data
 * only of what was not synced, and one of the others in turn. */
static uint64_t
state_of(const Run *run, uint64_t operations, uint64_t i)
{
    uint64_t count = crash_state_count(run->crash, operations);
    if (i < 4)
        return i < count ? i : UINT64_MAX;
    return i == 4 && count > 4 ? 4 + operations % (count - 4) : UINT64_MAX;
}

static void
test_power_lost(void **state)
{
    (void)state;
    Run run = run_create();
    uint64_t operations = crash_operations(run.crash);
    for (uint64_t n = 0; n <= operations; n++)
        for (uint64_t i = 0; i < 5; i++) {
            uint64_t chosen = state_of(&run, n, i);
            if (chosen == UINT64_MAX)
                continue;
            char *wrong = judge_state(&run, n, chosen);
            if (wrong != NULL)
                fail_msg("power lost after operation %" PRIu64 " (%s), state "
                         "%s, %zu statements acknowledged:\n%sinstead of\n%s",
                         n, crash_describe(run.crash, n),
                         crash_state_name(run.crash, n, chosen),
                         acknowledged_at(&run, n), wrong,
                         run.expected[acknowledged_at(&run, n)]);
        }
    print_message("%zu statements, %" PRIu64 " operations, %" PRIu64
                  " states, none lost\n",
                  STEP_COUNT, operations, run.states);
    run_destroy(&run);
}

static bool
goes_wrong(Run *run)
{
    for (uint64_t n = 0; n <= crash_operations(run->crash); n++)
        for (uint64_t i = 0; i < 5; i++) {
            uint64_t chosen = state_of(run, n, i);
            char *wrong =
                chosen == UINT64_MAX ? NULL : judge_state(run, n, chosen);
            free(wrong);
            if (wrong != NULL)
                return true;
        }
    return false;
}

/* The test above would notice: with any one kind of sync left out, something is
 * lost. */
static void
test_every_sync_is_needed(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool is_directory;
    } syncs[] = {
        {"wal/", false}, {"tmp/", false},    {"meta.", false},
        {"wal", true},   {"segments", true},
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_lost),
        cmocka_unit_test(test_every_sync_is_needed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
