/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dml_model.c - random changes in SQL against a model of them.
 *
 * INSERT, UPSERT, UPDATE, DELETE, ON CONFLICT and INSERT ... SELECT over a
 * small range of keys, so that they meet; alone and in transactions with
 * savepoints, in memory, sealed, and after opening again. Each statement's
 * RETURNING, count or error code and the whole collection after it must be
 * what the model says.
 *
 * MQL_TEST_SEED=n runs one seed, MQL_TEST_STEPS=n more steps, MQL_TEST_SAY=1
 * prints the statements.
 */
#include <inttypes.h>
#include <stdbool.h>

#include "files.h"
#include "mql.h"

#define KEYS 40 /* keys are 0..KEYS - 1; those beyond are never there */
#define ROWS 6  /* most rows of one statement's VALUES */

typedef struct Row {
    bool is_there;
    bool n_is_null;
    int64_t n;
    char s[24];
    int64_t v; /* the vector is [v, 1] */
} Row;

/* What is stored. */
typedef struct Picture {
    Row rows[KEYS];
} Picture;

typedef struct Proposed {
    int64_t key;
    Row row;
} Proposed;

typedef struct World {
    uint64_t random;
    char *path;
    mql_db *db;
    mql_conn *conn;
    Picture now;
    Picture committed; /* before BEGIN */
    Picture saved;     /* at the savepoint */
    bool is_open, has_savepoint;
    uint32_t made; /* numbers for values */
    /* The statement under way. */
    char sql[4096];
    Picture next;
    int64_t returned[KEYS * 2]; /* keys, in no order */
    uint32_t returned_count;
    bool returns_old; /* as they were before */
    const char *code; /* NULL: it works */
    uint64_t failures, changes;
} World;

static uint32_t
below(World *world, uint32_t most)
{
    world->random = world->random * UINT64_C(6364136223846793005) +
                    UINT64_C(1442695040888963407);
    return (uint32_t)(world->random >> 33) % most;
}

static void __attribute__((format(printf, 2, 3)))
say(World *world, const char *format, ...)
{
    size_t used = strlen(world->sql);
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(world->sql + used, sizeof world->sql - used, format,
                         arguments);
    va_end(arguments);
    assert_true(size >= 0 && used + (size_t)size < sizeof world->sql);
}

/* ---- conditions ---- */

/* A WHERE: its text is said, its rows are marked. */
static void
choose_rows(World *world, bool *chosen)
{
    uint32_t kind = below(world, 6);
    int64_t a = below(world, KEYS), b = below(world, KEYS);
    for (int64_t key = 0; key < KEYS; key++) {
        const Row *row = &world->now.rows[key];
        bool is_in = kind == 0;
        is_in = is_in || (kind == 1 && key == a);
        is_in = is_in || (kind == 2 && (key == a || key == b));
        is_in = is_in || (kind == 3 && key >= a && key <= a + 5);
        is_in = is_in || (kind == 4 && !row->n_is_null && row->n % 3 == 1);
        is_in = is_in || (kind == 5 && (row->n_is_null || key == a));
        chosen[key] = is_in && row->is_there;
    }
    switch (kind) {
    case 1:
        say(world, " WHERE id = %" PRId64, a);
        break;
    case 2:
        say(world, " WHERE id IN (%" PRId64 ", %" PRId64 ", 1000)", a, b);
        break;
    case 3:
        say(world, " WHERE id BETWEEN %" PRId64 " AND %" PRId64, a, a + 5);
        break;
    case 5:
        say(world, " WHERE n IS NULL OR id = %" PRId64, a);
        break;
    default:
        say(world, "%s", kind == 4 ? " WHERE n % 3 = 1" : "");
        break;
    }
}

static void
give(World *world, int64_t key)
{
    world->returned[world->returned_count++] = key;
}

/* ---- the statements: said, and done to world->next ---- */

static Row
make_row(World *world)
{
    Row row = {.is_there = true};
    row.n_is_null = below(world, 5) == 0;
    row.n = row.n_is_null ? 0 : (int64_t)below(world, 100);
    row.v = (int64_t)below(world, 50);
    snprintf(row.s, sizeof row.s, "s%u", ++world->made);
    return row;
}

static uint32_t
say_values(World *world, Proposed *rows)
{
    uint32_t count = 1 + below(world, ROWS);
    say(world, " VALUES ");
    for (uint32_t i = 0; i < count; i++) {
        rows[i].key = below(world, KEYS);
        rows[i].row = make_row(world);
        const Row *row = &rows[i].row;
        char n[32] = "NULL";
        if (!row->n_is_null)
            snprintf(n, sizeof n, "%" PRId64, row->n);
        say(world, "%s(%" PRId64 ", %s, '%s', [%" PRId64 ", 1])",
            i == 0 ? "" : ", ", rows[i].key, n, row->s, row->v);
    }
    return count;
}

/* The rows of a query over the collection itself. */
static uint32_t
say_query(World *world, Proposed *rows)
{
    bool chosen[KEYS];
    int64_t shift = below(world, 8);
    say(world, " SELECT id + %" PRId64 ", n, s, v FROM c", shift);
    choose_rows(world, chosen);
    uint32_t count = 0;
    for (int64_t key = 0; key < KEYS; key++) {
        if (!chosen[key] || key + shift >= KEYS)
            continue;
        rows[count++] = (Proposed){key + shift, world->now.rows[key]};
    }
    say(world, "%s id + %" PRId64 " < %d",
        strstr(world->sql, " WHERE ") != NULL ? " AND" : " WHERE", shift, KEYS);
    return count;
}

/* "a OR b AND c" would not mean what the model does. */
static bool
is_sayable(const World *world)
{
    return strstr(world->sql, " OR ") == NULL;
}

static uint32_t
say_rows(World *world, Proposed *rows)
{
    if (below(world, 3) > 0)
        return say_values(world, rows);
    uint32_t count;
    size_t start = strlen(world->sql);
    do {
        world->sql[start] = '\0';
        count = say_query(world, rows);
    } while (!is_sayable(world));
    return count;
}

static void
insert(World *world)
{
    Proposed rows[KEYS + ROWS];
    say(world, "INSERT INTO c (id, n, s, v)");
    uint32_t count = say_rows(world, rows);
    for (uint32_t i = 0; i < count; i++) {
        Row *there = &world->next.rows[rows[i].key];
        if (there->is_there)
            world->code = "23505";
        *there = rows[i].row;
        give(world, rows[i].key);
    }
}

static void
insert_or_nothing(World *world)
{
    Proposed rows[KEYS + ROWS];
    say(world, "INSERT INTO c (id, n, s, v)");
    uint32_t count = say_rows(world, rows);
    say(world, " ON CONFLICT%s DO NOTHING",
        below(world, 2) == 0 ? " (id)" : "");
    for (uint32_t i = 0; i < count; i++) {
        Row *there = &world->next.rows[rows[i].key];
        if (there->is_there)
            continue;
        *there = rows[i].row;
        give(world, rows[i].key);
    }
}

static void
insert_or_update(World *world)
{
    Proposed rows[KEYS + ROWS];
    bool is_written[KEYS] = {false};
    say(world, "INSERT INTO c (id, n, s, v)");
    uint32_t count = say_rows(world, rows);
    bool has_where = below(world, 2) == 0;
    say(world, " ON CONFLICT (id) DO UPDATE SET n = c.n + EXCLUDED.n, "
               "s = EXCLUDED.s");
    if (has_where)
        say(world, " WHERE c.n < EXCLUDED.n");
    for (uint32_t i = 0; i < count; i++) {
        Row *there = &world->next.rows[rows[i].key];
        const Row *row = &rows[i].row;
        bool is_less =
            !there->n_is_null && !row->n_is_null && there->n < row->n;
        if (there->is_there && is_written[rows[i].key])
            world->code = "21000";
        else if (there->is_there && has_where && !is_less)
            continue;
        is_written[rows[i].key] = true;
        give(world, rows[i].key);
        if (!there->is_there) {
            *there = *row;
            continue;
        }
        there->n_is_null = there->n_is_null || row->n_is_null;
        there->n = there->n_is_null ? 0 : there->n + row->n;
        memcpy(there->s, row->s, sizeof there->s);
    }
}

/* A conflict moves the row that is there out of the way, once. */
static void
insert_and_move(World *world)
{
    Proposed rows[KEYS + ROWS];
    bool is_written[KEYS] = {false};
    int64_t shift = 1 + below(world, 5);
    say(world, "INSERT INTO c (id, n, s, v)");
    uint32_t count = say_values(world, rows);
    say(world,
        " ON CONFLICT (id) DO UPDATE SET id = (c.id + %" PRId64 ") %% %d",
        shift, KEYS);
    for (uint32_t i = 0; i < count && world->code == NULL; i++) {
        int64_t key = rows[i].key;
        Row *there = &world->next.rows[key];
        if (!there->is_there) {
            *there = rows[i].row;
            is_written[key] = true;
            give(world, key);
            continue;
        }
        int64_t moved = (key + shift) % KEYS;
        if (is_written[key])
            world->code = "21000";
        else if (world->next.rows[moved].is_there)
            world->code = "23505";
        if (world->code != NULL)
            break;
        world->next.rows[moved] = *there;
        there->is_there = false;
        is_written[moved] = true;
        give(world, moved);
    }
}

static void
upsert(World *world)
{
    Proposed rows[KEYS + ROWS];
    bool is_written[KEYS] = {false};
    bool is_whole = below(world, 2) == 0;
    uint32_t count;
    say(world, "UPSERT INTO c%s", is_whole ? "" : " (id, n)");
    if (is_whole) {
        count = say_rows(world, rows);
    } else {
        count = 1 + below(world, ROWS);
        for (uint32_t i = 0; i < count; i++) {
            rows[i] = (Proposed){below(world, KEYS), make_row(world)};
            rows[i].row.n_is_null = false;
            say(world, "%s(%" PRId64 ", %" PRId64 ")",
                i == 0 ? " VALUES " : ", ", rows[i].key, rows[i].row.n);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        Row *there = &world->next.rows[rows[i].key];
        if (is_written[rows[i].key])
            world->code = world->code == NULL ? "21000" : world->code;
        if (!is_whole && !world->now.rows[rows[i].key].is_there)
            world->code = "23502"; /* v has no default; found out first */
        is_written[rows[i].key] = true;
        if (is_whole)
            *there = rows[i].row;
        there->n_is_null = rows[i].row.n_is_null;
        there->n = rows[i].row.n;
        give(world, rows[i].key);
    }
}

static void
update(World *world)
{
    bool chosen[KEYS];
    bool sets_s = below(world, 2) == 0;
    int64_t more = below(world, 9);
    say(world, "UPDATE c SET n = n + %" PRId64 "%s", more,
        sets_s ? ", s = concat('u', n)" : "");
    choose_rows(world, chosen);
    for (int64_t key = 0; key < KEYS; key++) {
        Row *row = &world->next.rows[key];
        if (!chosen[key])
            continue;
        give(world, key);
        if (sets_s && row->n_is_null)
            snprintf(row->s, sizeof row->s, "u");
        else if (sets_s)
            snprintf(row->s, sizeof row->s, "u%" PRId64, row->n);
        if (!row->n_is_null)
            row->n += more;
    }
}

/* All keys change at once. */
static void
update_keys(World *world)
{
    bool chosen[KEYS];
    bool is_mirrored = below(world, 2) == 0;
    int64_t shift = below(world, 7);
    if (is_mirrored)
        say(world, "UPDATE c SET id = %d - id", KEYS - 1);
    else
        say(world, "UPDATE c SET id = (id + %" PRId64 ") %% %d", shift, KEYS);
    choose_rows(world, chosen);
    for (int64_t key = 0; key < KEYS; key++)
        if (chosen[key])
            world->next.rows[key].is_there = false;
    for (int64_t key = 0; key < KEYS; key++) {
        int64_t to = is_mirrored ? KEYS - 1 - key : (key + shift) % KEYS;
        if (!chosen[key])
            continue;
        if (world->next.rows[to].is_there)
            world->code = "23505";
        world->next.rows[to] = world->now.rows[key];
        give(world, to);
    }
}

static void
delete_rows(World *world)
{
    bool chosen[KEYS];
    say(world, "DELETE FROM c");
    world->returns_old = true;
    choose_rows(world, chosen);
    for (int64_t key = 0; key < KEYS; key++) {
        if (!chosen[key])
            continue;
        world->next.rows[key].is_there = false;
        give(world, key);
    }
}

/* ---- comparing ---- */

static void
assert_row(const World *world, mql_stmt *stmt, const Picture *picture)
{
    int64_t key = mql_column_int64(stmt, 0);
    if (key < 0 || key >= KEYS || !picture->rows[key].is_there)
        fail_msg("%s: a row of key %" PRId64, world->sql, key);
    const Row *row = &picture->rows[key];
    char v[64];
    snprintf(v, sizeof v, "[%" PRId64 ",1]", row->v);
    const char *s = mql_column_text(stmt, 2, NULL);
    if (mql_column_is_null(stmt, 1) != (int32_t)row->n_is_null ||
        mql_column_int64(stmt, 1) != row->n || s == NULL ||
        strcmp(s, row->s) != 0 ||
        strcmp(mql_column_text(stmt, 3, NULL), v) != 0)
        fail_msg("%s: row %" PRId64 " is %" PRId64 " %s %s, not %" PRId64
                 " %s %s",
                 world->sql, key, mql_column_int64(stmt, 1), s,
                 mql_column_text(stmt, 3, NULL), row->n, row->s, v);
}

static int
compare_keys(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Rows come from `picture`, and are those of the sorted `keys`. */
static void
read_rows(World *world, mql_stmt *stmt, const Picture *picture,
          const int64_t *keys, uint32_t count)
{
    int64_t found[KEYS * 2];
    uint32_t found_count = 0;
    mql_status status = mql_step(stmt);
    for (; status == MQL_ROW; status = mql_step(stmt)) {
        assert_true(found_count < KEYS * 2);
        assert_row(world, stmt, picture);
        found[found_count++] = mql_column_int64(stmt, 0);
    }
    mql_error error = MQL_ERROR_INIT;
    mql_error_get(world->conn, &error);
    if (status != MQL_DONE)
        fail_msg("%s: %s %s", world->sql, error.sqlstate, error.message);
    qsort(found, found_count, sizeof *found, compare_keys);
    if (found_count != count || memcmp(found, keys, count * sizeof *keys) != 0)
        fail_msg("%s: %u rows, not %u, or others", world->sql, found_count,
                 count);
}

static mql_status
run(World *world, const char *sql)
{
    if (getenv("MQL_TEST_SAY") != NULL)
        print_message("%s;\n", sql);
    return mql_exec(world->conn, sql);
}

static void
run_well(World *world, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    mql_status status = run(world, sql);
    mql_error_get(world->conn, &error);
    if (status != MQL_OK)
        fail_msg("%s: %s %s", sql, error.sqlstate, error.message);
}

static void
compare_all(World *world)
{
    static const char all[] = "SELECT id, n, s, v FROM c";
    int64_t keys[KEYS];
    uint32_t count = 0;
    mql_stmt *stmt;
    for (int64_t key = 0; key < KEYS; key++)
        if (world->now.rows[key].is_there)
            keys[count++] = key;
    assert_int_equal(mql_prepare(world->conn, all, -1, &stmt, NULL), MQL_OK);
    read_rows(world, stmt, &world->now, keys, count);
    mql_finalize(stmt);
}

/* ---- a step ---- */

static void
end_block(World *world, bool is_kept)
{
    if (!is_kept)
        world->now = world->committed;
    run_well(world, is_kept ? "COMMIT" : "ROLLBACK");
    world->is_open = world->has_savepoint = false;
}

/* A failure in a block leaves the way back only. */
static void
take_back(World *world)
{
    if (!world->is_open)
        return;
    if (!world->has_savepoint) {
        end_block(world, false);
        return;
    }
    run_well(world, "ROLLBACK TO s");
    world->now = world->saved;
}

static void
expect_failure(World *world, mql_stmt *stmt)
{
    mql_error error = MQL_ERROR_INIT;
    mql_status status = mql_step(stmt);
    mql_error_get(world->conn, &error);
    if (status == MQL_ROW || status == MQL_DONE ||
        strcmp(error.sqlstate, world->code) != 0)
        fail_msg("%s: %s %s, not %s", world->sql, error.sqlstate, error.message,
                 world->code);
    world->failures++;
}

static void
change(World *world)
{
    static void (*const kinds[])(World *) = {
        insert, insert_or_nothing, insert_or_update, insert_and_move, upsert,
        update, update_keys,       delete_rows};
    world->sql[0] = '\0';
    world->returned_count = 0;
    world->returns_old = false;
    world->code = NULL;
    world->next = world->now;
    uint32_t kind = below(world, 8);
    /* Not too empty. */
    if (kind == 7 && below(world, 3) > 0)
        kind = 0;
    kinds[kind](world);
    bool returns = below(world, 3) > 0;
    if (returns)
        say(world, " RETURNING id, n, s, v");

    mql_stmt *stmt;
    if (getenv("MQL_TEST_SAY") != NULL)
        print_message("%s;\n", world->sql);
    assert_int_equal(mql_prepare(world->conn, world->sql, -1, &stmt, NULL),
                     MQL_OK);
    if (world->code != NULL) {
        expect_failure(world, stmt);
        mql_finalize(stmt);
        take_back(world);
        return;
    }
    qsort(world->returned, world->returned_count, sizeof *world->returned,
          compare_keys);
    if (returns)
        read_rows(world, stmt, world->returns_old ? &world->now : &world->next,
                  world->returned, world->returned_count);
    else
        assert_int_equal(mql_step(stmt), MQL_DONE);
    if (mql_changes(stmt) != (int64_t)world->returned_count)
        fail_msg("%s: %" PRId64 " changes, not %u", world->sql,
                 mql_changes(stmt), world->returned_count);
    mql_finalize(stmt);
    world->changes += world->returned_count;
    world->now = world->next;
}

static void
open_world(World *world)
{
    mql_error error = MQL_ERROR_INIT;
    if (mql_open(world->path, NULL, &world->db, &error) != MQL_OK)
        fail_msg("%s", error.message);
    assert_int_equal(mql_connect(world->db, &world->conn, &error), MQL_OK);
}

static void
close_world(World *world)
{
    if (world->is_open)
        end_block(world, below(world, 2) == 0);
    assert_int_equal(mql_disconnect(world->conn), MQL_OK);
    assert_int_equal(mql_close(world->db), MQL_OK);
}

static void
step(World *world)
{
    switch (below(world, 40)) {
    case 0:
        if (!world->is_open)
            run_well(world, "FLUSH c");
        return;
    case 1:
    case 2:
        if (world->is_open)
            return;
        run_well(world, "BEGIN");
        world->committed = world->now;
        world->is_open = true;
        return;
    case 3:
        if (world->is_open)
            end_block(world, below(world, 3) > 0);
        return;
    case 4:
        if (!world->is_open)
            return;
        run_well(world, "SAVEPOINT s");
        world->saved = world->now;
        world->has_savepoint = true;
        return;
    case 5:
        if (world->has_savepoint)
            take_back(world);
        return;
    case 6:
        if (below(world, 4) > 0)
            return;
        close_world(world);
        open_world(world);
        return;
    default:
        change(world);
    }
}

static uint64_t
number_of(const char *name, uint64_t usual)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : usual;
}

static void
run_seed(uint64_t seed, uint64_t steps)
{
    World *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    char *directory = temporary_directory();
    world->path = path_in(directory, "db");
    open_world(world);
    run_well(world,
             "CREATE COLLECTION c (id INT64 PRIMARY KEY, n INT64, "
             "s VARCHAR(24) NOT NULL DEFAULT 'none', v FLOAT_VECTOR(2))");
    for (uint64_t i = 0; i < steps; i++) {
        step(world);
        compare_all(world);
    }
    close_world(world);
    assert_true(world->failures > 0 && world->changes > 0);
    remove_tree(directory);
    free(directory);
    free(world->path);
    free(world);
}

static void
test_changes(void **state)
{
    (void)state;
    uint64_t seed = number_of("MQL_TEST_SEED", 0);
    uint64_t steps = number_of("MQL_TEST_STEPS", 400);
    for (uint64_t i = 1; seed == 0 && i <= 8; i++) {
        print_message("seed %" PRIu64 "\n", i);
        run_seed(i, steps);
    }
    if (seed != 0)
        run_seed(seed, steps);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_changes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
