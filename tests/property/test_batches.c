/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_batches.c - a condition is evaluated batch by batch, and each batch may
 * take another way: read in place or gathered, all rows or those that are left,
 * letters turned at once or text by text.
 *
 * Thousands of rows in segments that end around the end of a batch, deleted and
 * changed ones among them, NULLs, rows in memory, indexes that come and go.
 * Random conditions, mostly conjunctions, must give the keys that a model gives
 * for each row by itself.
 *
 * MQL_TEST_SEED=n runs one seed, MQL_TEST_STEPS=n so many conditions,
 * MQL_TEST_SAY=1 prints the statements.
 */
#include "files.h"
#include "mql.h"
#include "property/printed.h"
#include "run_sql.h"

#define BATCH 2048
#define MOST_ROWS (4 * BATCH)
#define CONDITIONS 720
#define ROUND 60 /* conditions for the same rows */
#define PARTS_MOST 5

/* ---- the model ---- */

/* In this order AND is the lesser and OR the greater. */
typedef enum Truth { IS_FALSE, IS_UNKNOWN, IS_TRUE } Truth;

typedef struct Row {
    bool is_live;
    bool has_n, has_m, has_b, has_s;
    int64_t n;
    int8_t m;
    bool b;
    const char *s;
} Row;

static Truth
truth_of(bool is_known, bool is_true)
{
    return !is_known ? IS_UNKNOWN : is_true ? IS_TRUE : IS_FALSE;
}

static int64_t
characters(const char *text)
{
    int64_t count = 0;
    for (; *text != '\0'; text++)
        count += (*text & 0xC0) != 0x80;
    return count;
}

/* Texts, their small letters, and no other texts. */
static const char *const texts[][2] = {
    {"", ""},
    {"a", "a"},
    {"B", "b"},
    {"aBcDeFgH", "abcdefgh"},
    {"aBcDeFgHi", "abcdefghi"},
    {"Z@[`{ 0-9", "z@[`{ 0-9"},
    {"A text of more than SIXTEEN bytes", "a text of more than sixteen bytes"},
    {"\u00c9t\u00c9", "\u00e9t\u00e9"},
};
#define TEXTS (sizeof texts / sizeof texts[0])
#define PLAIN_TEXTS (TEXTS - 1) /* of ASCII */

static const char *
small_letters(const char *text)
{
    size_t i = 0;
    while (strcmp(texts[i][0], text) != 0)
        i++;
    return texts[i][1];
}

#define TRUTH(Name, is_known, is_true)                                         \
    static Truth Name(const Row *row, int c)                                   \
    {                                                                          \
        (void)c;                                                               \
        return truth_of(is_known, (is_known) && (is_true));                    \
    }
TRUTH(n_below, row->has_n, row->n < c)
TRUTH(n_is_not, row->has_n, row->n != c)
TRUTH(n_between, row->has_n, row->n >= c && row->n <= c + 10)
TRUTH(n_in, row->has_n, row->n == c || row->n == c + 1 || row->n == c + 7)
TRUTH(n_not_in, row->has_n, row->n != c && row->n != c + 2)
TRUTH(n_remainder, row->has_n, row->n % 3 == c)
TRUTH(n_is_null, true, !row->has_n)
TRUTH(m_at_least, row->has_m, row->m >= c)
TRUTH(m_is, row->has_m, row->m == c)
TRUTH(m_is_there, true, row->has_m)
TRUTH(half_above, row->has_n, (double)row->n / 2 > c + 0.25)
TRUTH(is_b, row->has_b, row->b)
TRUTH(is_not_b, row->has_b, !row->b)
TRUTH(b_is_true, true, row->has_b && row->b)
TRUTH(b_is_not_true, true, !row->has_b || !row->b)
TRUTH(b_is_false, true, row->has_b && !row->b)
TRUTH(b_is_not_false, true, !row->has_b || row->b)
TRUTH(b_is_unknown, true, !row->has_b)
TRUTH(s_is_small, row->has_s, strcmp(small_letters(row->s), "b") == 0)
TRUTH(s_is_long, row->has_s, characters(row->s) > c)
TRUTH(s_above, row->has_s, strcmp(row->s, "a") > 0)

/* A division that must be asked of no row whose divisor is zero. */
static Truth
quotient(const Row *row, int c)
{
    if (!row->has_m || row->m == 0)
        return truth_of(row->has_m, false);
    return truth_of(row->has_n, row->has_n && row->n / row->m > c);
}

typedef struct Leaf {
    const char *sql; /* #: the number */
    Truth (*truth)(const Row *row, int c);
    uint32_t most; /* the number is less */
} Leaf;

static const Leaf leaves[] = {
    {"n < #", n_below, 26},
    {"n <> #", n_is_not, 26},
    {"n BETWEEN # AND # + 10", n_between, 26},
    {"n IN (#, # + 1, # + 7)", n_in, 26},
    {"n NOT IN (#, # + 2)", n_not_in, 26},
    {"n % 3 = #", n_remainder, 3},
    {"n IS NULL", n_is_null, 1},
    {"m >= #", m_at_least, 6},
    {"m = #", m_is, 6},
    {"m IS NOT NULL", m_is_there, 1},
    {"d > # + 0.25", half_above, 13},
    {"b", is_b, 1},
    {"NOT b", is_not_b, 1},
    {"b IS TRUE", b_is_true, 1},
    {"b IS NOT TRUE", b_is_not_true, 1},
    {"b IS FALSE", b_is_false, 1},
    {"b IS NOT FALSE", b_is_not_false, 1},
    {"b IS UNKNOWN", b_is_unknown, 1},
    {"lower(s) = 'b'", s_is_small, 1},
    {"length(s) > #", s_is_long, 10},
    {"s > 'a'", s_above, 1},
    {"(m <> 0 AND n / m > #)", quotient, 6},
};
#define LEAVES (sizeof leaves / sizeof leaves[0])

typedef enum Form { ALONE, NEGATED, EITHER, NOT_BOTH, FORMS } Form;

/* One conjunct: a leaf or two. */
typedef struct Part {
    Form form;
    const Leaf *leaves[2];
    int numbers[2];
} Part;

static Truth
part_truth(const Part *part, const Row *row)
{
    Truth one = part->leaves[0]->truth(row, part->numbers[0]);
    Truth two = part->leaves[1]->truth(row, part->numbers[1]);
    switch (part->form) {
    case NEGATED:
        return IS_TRUE - one;
    case EITHER:
        return one > two ? one : two;
    case NOT_BOTH:
        return IS_TRUE - (one < two ? one : two);
    default:
        return one;
    }
}

/* ---- the database ---- */

typedef struct Test {
    uint64_t random;
    mql_conn *conn;
    Printed sql;
    Row rows[MOST_ROWS]; /* by key */
    uint32_t row_count;
    bool has_accents; /* else all texts are of ASCII */
    bool has_index[5];
    uint8_t found[MOST_ROWS];
    bool is_loud;
} Test;

static uint32_t
below(Test *test, uint32_t most)
{
    return (uint32_t)(next_random(&test->random) >> 33) % most;
}

static void
run(Test *test)
{
    if (test->is_loud)
        fprintf(stderr, "%.300s;\n", test->sql.text);
    run_sql(test->conn, test->sql.text);
    test->sql.size = 0;
}

static void
make_row(Test *test, Row *row)
{
    *row = (Row){.is_live = true,
                 .has_n = below(test, 10) != 0,
                 .has_m = below(test, 10) != 0,
                 .has_b = below(test, 6) != 0,
                 .has_s = below(test, 10) != 0,
                 .n = (int64_t)below(test, 30) - 5,
                 .m = (int8_t)(below(test, 8) - 2),
                 .b = below(test, 3) != 0};
    row->s = texts[below(test, test->has_accents ? TEXTS : PLAIN_TEXTS)][0];
}

static void
say_row(Printed *sql, uint32_t id, const Row *row)
{
    say(sql, "(%u, ", id);
    say(sql, row->has_n ? "%lld, " : "NULL, ", (long long)row->n);
    say(sql, row->has_m ? "%d, " : "NULL, ", row->m);
    say(sql, row->has_n ? "%lld / 2.0, " : "NULL, ", (long long)row->n);
    say(sql, "%s, ", !row->has_b ? "NULL" : row->b ? "true" : "false");
    say(sql, row->has_s ? "'%s')" : "NULL)", row->s);
}

static void
insert(Test *test, uint32_t count)
{
    for (uint32_t end = test->row_count + count; test->row_count < end;) {
        say(&test->sql, "INSERT INTO c VALUES ");
        for (uint32_t i = 0; i < 256 && test->row_count < end; i++) {
            uint32_t id = test->row_count++;
            make_row(test, &test->rows[id]);
            say(&test->sql, i == 0 ? "" : ", ");
            say_row(&test->sql, id, &test->rows[id]);
        }
        run(test);
    }
}

/* A new collection: segments that end at, before or behind the end of a batch,
 * the last one perhaps in memory. */
static void
fill(Test *test)
{
    static const uint32_t sizes[] = {BATCH - 1, BATCH,         BATCH + 1, 63,
                                     4001,      2 * BATCH - 3, 1000};
    test->row_count = 0;
    test->has_accents = below(test, 2) == 0;
    memset(test->has_index, 0, sizeof test->has_index);
    say(&test->sql, "DROP COLLECTION IF EXISTS c; CREATE COLLECTION c (id "
                    "INT64 PRIMARY KEY, n INT64 NULL, m INT8 NULL, d DOUBLE "
                    "NULL, b BOOL NULL, s VARCHAR(80) NULL)");
    run(test);
    for (uint32_t i = 0; i < 2 || below(test, 2) == 0; i++) {
        uint32_t size = sizes[below(test, sizeof sizes / sizeof *sizes)];
        if (test->row_count + size > MOST_ROWS)
            break;
        insert(test, size);
        if (below(test, 3) != 0) {
            say(&test->sql, "FLUSH c");
            run(test);
        }
    }
}

/* Some rows that follow each other are deleted, or have another `b`. */
static void
change(Test *test)
{
    static const uint32_t lengths[] = {1, 64, 700, MOST_ROWS};
    uint32_t first = below(test, test->row_count);
    uint32_t end = first + lengths[below(test, 4)];
    bool is_deleting = below(test, 2) == 0;
    int least = (int)below(test, 30) - 5;
    say(&test->sql, is_deleting ? "DELETE FROM c" : "UPDATE c SET b = NOT b");
    say(&test->sql, " WHERE id >= %u AND id < %u AND n > %d", first, end,
        least);
    run(test);
    for (uint32_t id = first; id < end && id < test->row_count; id++) {
        Row *row = &test->rows[id];
        if (!row->has_n || row->n <= least)
            continue;
        row->is_live = row->is_live && !is_deleting;
        row->b = is_deleting ? row->b : !row->b;
    }
}

static void
turn_index(Test *test)
{
    uint32_t field = below(test, sizeof test->has_index);
    say(&test->sql,
        test->has_index[field] ? "DROP INDEX %c ON c"
                               : "CREATE INDEX ON c (%c)",
        "nmdbs"[field]);
    test->has_index[field] = !test->has_index[field];
    run(test);
}

/* ---- conditions ---- */

static void
say_leaf(Test *test, Part *part, uint32_t i)
{
    const Leaf *leaf = &leaves[below(test, LEAVES)];
    int number = (int)below(test, leaf->most);
    part->leaves[i] = leaf;
    part->numbers[i] = number;
    for (const char *at = leaf->sql; *at != '\0'; at++)
        if (*at == '#')
            say(&test->sql, "%d", number);
        else
            say(&test->sql, "%c", *at);
}

static void
say_part(Test *test, Part *part)
{
    static const char *const begin[FORMS] = {"", "NOT (", "(", "NOT ("};
    part->form = below(test, 2) == 0 ? ALONE : below(test, FORMS);
    say(&test->sql, "%s", begin[part->form]);
    say_leaf(test, part, 0);
    part->leaves[1] = part->leaves[0]; /* where there is one only */
    part->numbers[1] = part->numbers[0];
    if (part->form == EITHER || part->form == NOT_BOTH) {
        say(&test->sql, part->form == EITHER ? " OR " : " AND ");
        say_leaf(test, part, 1);
    }
    say(&test->sql, "%s", part->form == ALONE ? "" : ")");
}

/* The keys are counted in `found`. Returns their number. */
static uint32_t
ask(Test *test, const char *condition)
{
    int64_t keys[1000];
    int32_t rows;
    uint32_t count = 0;
    mql_status status;
    say(&test->sql, "SELECT id FROM c WHERE %s", condition);
    mql_stmt *stmt = prepare_sql(test->conn, test->sql.text);
    test->sql.size = 0;
    memset(test->found, 0, sizeof test->found);
    while ((status = mql_step_rows(stmt, 1000, &rows)) == MQL_ROW) {
        assert_int_equal(mql_rows_int64(stmt, 0, keys, NULL), MQL_OK);
        for (int32_t i = 0; i < rows; i++)
            test->found[keys[i]]++;
        count += (uint32_t)rows;
    }
    if (status != MQL_DONE)
        fail_msg("%s", condition);
    mql_finalize(stmt);
    return count;
}

static uint32_t
ask_count(Test *test, const char *condition)
{
    say(&test->sql, "SELECT count(*) FROM c WHERE %s", condition);
    mql_stmt *stmt = prepare_sql(test->conn, test->sql.text);
    test->sql.size = 0;
    assert_int_equal(mql_step(stmt), MQL_ROW);
    int64_t count = mql_column_int64(stmt, 0);
    mql_finalize(stmt);
    return (uint32_t)count;
}

static void
compare(Test *test)
{
    Part parts[PARTS_MOST];
    char condition[1024];
    uint32_t part_count = 1 + below(test, PARTS_MOST), wanted = 0;
    for (uint32_t i = 0; i < part_count; i++) {
        say(&test->sql, "%s", i == 0 ? "" : " AND ");
        say_part(test, &parts[i]);
    }
    assert_true(test->sql.size < sizeof condition);
    memcpy(condition, test->sql.text, test->sql.size + 1);
    test->sql.size = 0;
    if (test->is_loud)
        fprintf(stderr, "%s\n", condition);
    uint32_t found = ask(test, condition);
    for (uint32_t id = 0; id < test->row_count; id++) {
        const Row *row = &test->rows[id];
        bool is_in = row->is_live;
        for (uint32_t i = 0; is_in && i < part_count; i++)
            is_in = part_truth(&parts[i], row) == IS_TRUE;
        if (test->found[id] != is_in)
            fail_msg("row %u of %u: %u times in place of %u: %s", id,
                     test->row_count, test->found[id], is_in, condition);
        wanted += is_in;
    }
    assert_int_equal(found, wanted);
    assert_int_equal(ask_count(test, condition), wanted);
}

static void
test_same_keys(void **state)
{
    (void)state;
    const char *seed = getenv("MQL_TEST_SEED");
    const char *steps = getenv("MQL_TEST_STEPS");
    uint32_t conditions =
        steps != NULL ? (uint32_t)strtoul(steps, NULL, 10) : CONDITIONS;
    Test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    test->random = seed != NULL ? strtoull(seed, NULL, 10) : 7;
    test->is_loud = getenv("MQL_TEST_SAY") != NULL;
    mql_db *db;
    assert_int_equal(mql_open(NULL, NULL, &db, NULL), MQL_OK);
    assert_int_equal(mql_connect(db, &test->conn, NULL), MQL_OK);
    for (uint32_t i = 0; i < conditions; i++) {
        if (i % ROUND == 0)
            fill(test);
        if (below(test, 20) == 0)
            change(test);
        if (below(test, 10) == 0)
            turn_index(test);
        compare(test);
    }
    mql_disconnect(test->conn);
    mql_close(db);
    free(test);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
