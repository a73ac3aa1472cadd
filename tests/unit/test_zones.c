/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_zones.c - least and greatest values of blocks never change an answer:
 * the same rows, sealed with zones and growing without, give the same for
 * conditions at the borders of blocks and of values, with deletions and
 * updates; and they do leave blocks and segments out. SEED=n tries others.
 */
#include "run_sql.h"

#include <inttypes.h>

#include "engine/collection/zones.h"
#include "mql.h"

#define ROWS 10000
#define CONDITIONS 400

typedef struct Fixture {
    char *root;
    char *path;
    mql_db *db;
    mql_conn *conn;
    uint64_t seed;
} Fixture;

/* The value of a column that a row `i` could have. */
static void
print_value(FILE *out, int column, int i)
{
    switch (column) {
    case 2: /* a block of zeros of both signs between negative and positive */
        if (i / 4096 == 1)
            fprintf(out, "%s", i % 2 == 0 ? "-0.0" : "0.0");
        else
            fprintf(out, "%d.25", i - 5000);
        return;
    case 3: /* the first eight bytes are the same for a hundred rows */
        fprintf(out, "'text %03d%02d'", i / 100, i % 100);
        return;
    case 4:
        fprintf(out, "%s", i < 4096 || i % 100 == 0 ? "true" : "false");
        return;
    case 5:
        fprintf(out, "'2024-01-%02d %02d:%02d:00'", 1 + i / 1440 % 28,
                i / 60 % 24, i % 60);
        return;
    case 6:
        fprintf(out, "%d.5", (i * 7919) % ROWS - 5000);
        return;
    default:
        fprintf(out, "%d", column == 0 ? i : i - 4096);
        return;
    }
}

/* What row `i` has: rising, all NULL in a block, one value in another. */
static void
print_row(FILE *out, int i)
{
    fprintf(out, "(%d", i);
    for (int column = 1; column <= 6; column++) {
        fprintf(out, ", ");
        bool is_null = (column % 3 == 1 && i / 4096 == 1) ||
                       (column % 3 == 2 && i % 7 == 3);
        if (is_null)
            fprintf(out, "NULL");
        else
            print_value(out, column, i);
    }
    fprintf(out, ")");
}

static const char *const columns[] = {"id", "n", "d", "s", "b", "t", "f"};

static void
fill(const Fixture *fixture, const char *name)
{
    char *sql = NULL;
    size_t size;
    FILE *out = open_memstream(&sql, &size);
    assert_non_null(out);
    fprintf(
        out,
        "CREATE COLLECTION %s (id INT64 PRIMARY KEY, n INT32 NULL, d DOUBLE "
        "NULL, s VARCHAR(40) NULL, b BOOL NULL, t TIMESTAMPTZ NULL, f FLOAT "
        "NULL); INSERT INTO %s VALUES ",
        name, name);
    for (int i = 0; i < ROWS; i++) {
        fprintf(out, i == 0 ? "" : ", ");
        print_row(out, i);
    }
    fclose(out);
    run_sql(fixture->conn, sql);
    free(sql);
}

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    const char *seed = getenv("SEED");
    fixture->seed = seed != NULL ? strtoull(seed, NULL, 10) : 1;
    fixture->root = temporary_directory();
    fixture->path = path_in(fixture->root, "db");
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    options.no_jobs = 1;
    assert_int_equal(mql_open(fixture->path, &options, &fixture->db, NULL),
                     MQL_OK);
    assert_int_equal(mql_connect(fixture->db, &fixture->conn, NULL), MQL_OK);
    fill(fixture, "sealed");
    fill(fixture, "growing");
    run_sql(fixture->conn, "FLUSH sealed");
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    mql_disconnect(fixture->conn);
    mql_close(fixture->db);
    remove_tree(fixture->root);
    free(fixture->path);
    free(fixture->root);
    free(fixture);
    return 0;
}

static uint64_t
below(Fixture *fixture, uint64_t limit)
{
    return next_random(&fixture->seed) % limit;
}

/* A row that is near the border of a block, of the values, or anywhere. */
static int
some_row(Fixture *fixture)
{
    static const int borders[] = {0, 4095, 4096, 8191, 8192, ROWS - 1};
    int row = (int)below(fixture, ROWS);
    if (below(fixture, 3) > 0)
        row = borders[below(fixture, 6)] + (int)below(fixture, 3) - 1;
    return row < 0 ? ROWS + 5 : row;
}

static void
print_leaf(Fixture *fixture, FILE *out)
{
    static const char *const operators[] = {"=", "<>", "<", "<=", ">", ">="};
    int column = (int)below(fixture, 7);
    const char *name = columns[column];
    uint64_t form = below(fixture, 8);
    if (form == 0) {
        fprintf(out, "%s IS %sNULL", name,
                below(fixture, 2) == 0 ? "" : "NOT ");
    } else if (form == 1 && column == 4) {
        fprintf(out, "%sb", below(fixture, 2) == 0 ? "" : "NOT ");
    } else if (form == 1 && column == 3) {
        fprintf(out, "s %sLIKE 'text %03d%s",
                below(fixture, 4) == 0 ? "NOT " : "", some_row(fixture) / 100,
                below(fixture, 2) == 0 ? "%'" : "_5%'");
    } else if (form <= 2) {
        fprintf(out, "%s %sIN (", name, below(fixture, 4) == 0 ? "NOT " : "");
        for (uint64_t i = below(fixture, 4); i < 5; i++) {
            print_value(out, column, some_row(fixture));
            fprintf(out, i < 4 ? ", " : "");
        }
        fprintf(out, ")");
    } else if (form == 3) {
        fprintf(out, "%s BETWEEN ", name);
        print_value(out, column, some_row(fixture));
        fprintf(out, " AND ");
        print_value(out, column, some_row(fixture));
    } else {
        fprintf(out, "%s %s ", name, operators[below(fixture, 6)]);
        print_value(out, column, some_row(fixture));
    }
}

static void
print_condition(Fixture *fixture, FILE *out, int depth)
{
    uint64_t form = depth == 0 ? 3 : below(fixture, 4);
    if (form == 3) {
        print_leaf(fixture, out);
        return;
    }
    fprintf(out, form == 2 ? "NOT (" : "(");
    print_condition(fixture, out, depth - 1);
    if (form < 2) {
        fprintf(out, form == 0 ? " AND " : " OR ");
        print_condition(fixture, out, depth - 1);
    }
    fprintf(out, ")");
}

/* A number that follows from all keys. */
static uint64_t
ask(const Fixture *fixture, const char *table, const char *condition,
    uint64_t *count)
{
    char *sql = NULL;
    size_t size;
    FILE *out = open_memstream(&sql, &size);
    mql_stmt *stmt;
    uint64_t sum = 0;
    assert_non_null(out);
    fprintf(out, "SELECT id FROM %s WHERE %s ORDER BY id", table, condition);
    fclose(out);
    if (mql_prepare(fixture->conn, sql, -1, &stmt, NULL) != MQL_OK)
        fail_msg("%s", sql);
    *count = 0;
    mql_status status;
    while ((status = mql_step(stmt)) == MQL_ROW) {
        sum = sum * 31 + (uint64_t)mql_column_int64(stmt, 0) + 1;
        ++*count;
    }
    assert_int_equal(status, MQL_DONE);
    mql_finalize(stmt);
    free(sql);
    return sum;
}

static void
compare_some(Fixture *fixture, int conditions)
{
    for (int i = 0; i < conditions; i++) {
        char *condition = NULL;
        size_t size;
        uint64_t with, without;
        FILE *out = open_memstream(&condition, &size);
        assert_non_null(out);
        print_condition(fixture, out, 2);
        fclose(out);
        uint64_t sealed = ask(fixture, "sealed", condition, &with);
        uint64_t growing = ask(fixture, "growing", condition, &without);
        if (sealed != growing)
            fail_msg("%s: %" PRIu64 " rows, not %" PRIu64, condition, with,
                     without);
        free(condition);
    }
}

static void
answers_are_the_same(void **state)
{
    compare_some(*state, CONDITIONS / 2);
}

static void
and_after_changes(void **state)
{
    static const char *const changes[] = {
        "DELETE FROM %s WHERE id BETWEEN 4090 AND 4100 OR id % 5 = 0",
        "UPDATE %s SET n = -7, s = 'text 0' WHERE id BETWEEN 8190 AND 8200",
        "UPDATE %s SET d = NULL WHERE id > 9990",
    };
    Fixture *fixture = *state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        for (int table = 0; table < 2; table++) {
            char sql[200];
            const char *rest = strstr(changes[i], "%s") + 2;
            snprintf(sql, sizeof sql, "%.*s%s%s", (int)(rest - 2 - changes[i]),
                     changes[i], table == 0 ? "sealed" : "growing", rest);
            run_sql(fixture->conn, sql);
        }
    compare_some(fixture, CONDITIONS / 4);
    run_sql(fixture->conn, "FLUSH sealed; COMPACT sealed; CHECK DATABASE");
    compare_some(fixture, CONDITIONS / 4);
}

/* Keys keep the order of values. */
static void
keys_are_in_order(void **state)
{
    (void)state;
    static const double reals[] = {-1e300, -1,     -1e-300, -0.0,
                                   0.0,    1e-300, 1,       1e300};
    static const char *const texts[] = {
        "",          "\x01", "a",        "aaaaaaaa",
        "aaaaaaaab", "ab",   "\xc3\xa4", "\xf0\x90\x80\x80"};
    static const int64_t integers[] = {INT64_MIN, -2, -1, 0,
                                       1,         2,  77, INT64_MAX};
    for (int i = 0; i < 7; i++) {
        Value low = {.type = type_of(TYPE_DOUBLE), .real = reals[i]};
        Value high = {.type = type_of(TYPE_DOUBLE), .real = reals[i + 1]};
        assert_int_equal(zone_key(&low) == zone_key(&high), i == 3);
        assert_true(zone_key(&low) <= zone_key(&high));
        low = (Value){.type = type_of(TYPE_INT64), .integer = integers[i]};
        high = (Value){.type = type_of(TYPE_INT64), .integer = integers[i + 1]};
        assert_true(zone_key(&low) < zone_key(&high));
        low =
            (Value){.type = type_of(TYPE_VARCHAR), .bytes = slice_of(texts[i])};
        high = (Value){.type = type_of(TYPE_VARCHAR),
                       .bytes = slice_of(texts[i + 1])};
        assert_true(zone_key(&low) <= zone_key(&high));
        assert_true(zone_key(&low) <= zone_key_after(low.bytes));
    }
}

static void
assert_plan_has(const Fixture *fixture, const char *condition,
                const char *words)
{
    char sql[300];
    bool has_words = false;
    mql_stmt *stmt;
    snprintf(sql, sizeof sql,
             "EXPLAIN ANALYZE SELECT count(*) FROM sealed WHERE %s", condition);
    assert_int_equal(mql_prepare(fixture->conn, sql, -1, &stmt, NULL), MQL_OK);
    while (mql_step(stmt) == MQL_ROW)
        has_words =
            has_words || strstr(mql_column_text(stmt, 0, NULL), words) != NULL;
    mql_finalize(stmt);
    if (!has_words)
        fail_msg("%s: not \"%s\"", condition, words);
}

static void
blocks_are_left_out(void **state)
{
    const Fixture *fixture = *state;
    assert_plan_has(fixture, "id < 4096", "Blocks: 1 searched, 2 pruned");
    assert_plan_has(fixture, "id <= 4096", "Blocks: 2 searched, 1 pruned");
    assert_plan_has(fixture, "id > 8191", "Blocks: 1 searched, 2 pruned");
    assert_plan_has(fixture, "id >= 10000", "0 searched, 1 pruned");
    assert_plan_has(fixture, "n IS NULL", "Blocks: 1 searched, 2 pruned");
    assert_plan_has(fixture, "n < 0", "Blocks: 1 searched, 2 pruned");
    assert_plan_has(fixture, "d = 0.0", "Blocks: 1 searched, 2 pruned");
    assert_plan_has(fixture, "d IN (-0.0, 4000.25)",
                    "Blocks: 2 searched, 1 pruned");
    assert_plan_has(fixture, "s LIKE 'text 09_%'",
                    "Blocks: 1 searched, 2 pruned");
    assert_plan_has(fixture, "s = 'text'", "0 searched, 1 pruned");
    assert_plan_has(fixture, "NOT (id < 8192)", "Blocks: 1 searched, 2 pruned");
    assert_plan_has(fixture, "id = 5 + 4 OR t > '2024-01-07 12:00:00'",
                    "Blocks: 2 searched, 1 pruned");
    assert_plan_has(fixture, "id < 4000 AND id > 9000", "0 searched, 1 pruned");
    assert_plan_has(fixture, "n IN (NULL)", "0 searched, 1 pruned");
}

int
main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(answers_are_the_same),
        EACH(and_after_changes),
        cmocka_unit_test(keys_are_in_order),
        EACH(blocks_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
