/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_indexes.c - a condition holds for the same rows with indexes and
 * without.
 *
 * The same rows go into a collection without indexes and into one whose fields
 * have indexes of random kinds: sealed segments, rows in memory, deleted rows,
 * NULLs, -0.0, empty and multi-byte texts, arrays, JSON whose paths are missing
 * or hold values of any kind. Random conditions must give the same keys from
 * both, also under NOT, AND and OR.
 *
 * MQL_TEST_SEED=n runs one seed, MQL_TEST_SAY=1 prints the statements.
 */
#include "files.h"
#include "mql.h"
#include "property/printed.h"
#include "run_sql.h"

#define ROUNDS 8
#define CONDITIONS 500
#define SEGMENTS 3
#define ROWS 90 /* of a segment, and in memory */

typedef struct Test {
    uint64_t random;
    mql_conn *conn;
    Printed sql;
    char indexes[4096]; /* for the words of a failure */
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
        fprintf(stderr, "%.300s\n", test->sql.text);
    run_sql(test->conn, test->sql.text);
    test->sql.size = 0;
}

/* ---- values ---- */

static const char *const words[] = {
    "''",
    "'a'",
    "'ab'",
    "'abc'",
    "'abcd'",
    "'b'",
    "'xabcy'",
    "'ABC'",
    "'AbCd'",
    "'10%'",
    "'a_c'",
    "'\u00e9'",
    "'\u00c9t\u00e9'",
    "'caf\u00e9 noir'",
    "'\ud55c\uad6d\uc5b4'",
    "'\ud55c\uad6d'",
    "'zz\ud55c\uad6dzz'",
    "'abcabcabc'",
    "'hello world'",
    "'Hello, World!'",
    "'lo wor'",
    "'\U0001f600 ok'",
    "'k\u212a'",
};
#define WORDS (sizeof words / sizeof words[0])

static const char *const patterns[] = {
    "'%'",
    "''",
    "'a%'",
    "'abc%'",
    "'%abc%'",
    "'%bc'",
    "'%b%d%'",
    "'a_c%'",
    "'_bc%'",
    "'%abc%abc%'",
    "'10\\%'",
    "'%\\_c%'",
    "'%\u00e9%'",
    "'%\u00c9t%'",
    "'%\ud55c\uad6d%'",
    "'%\ud55c_\uc5b4'",
    "'%lo wor%'",
    "'HELLO%'",
    "'abc'",
    "'%k%'",
    "'%zz%zz%'",
    "'abcabcabc'",
    "'%o w%'",
    "'ABCABC%'",
};
#define PATTERNS (sizeof patterns / sizeof patterns[0])

static const char *const regexes[] = {
    "'abc'",         "'^abc'",         "'abc$'",         "'a.c'",
    "'(abc|hello)'", "'(abc)+'",       "'(abc)*d'",      "'[Hh]ello,? w'",
    "'(?i)abc'",     "'(?i)HELLO.*w'", "'\ud55c\uad6d'", "'x?abc(y|z)'",
    "'(lo|la) wor'", "'abcd{0}'",      "'(?i)\u00c9t'",  "'b{2,3}c'",
};
#define REGEXES (sizeof regexes / sizeof regexes[0])

static const char *const reals[] = {"0.0",   "-0.0",   "1.5",  "-1.5",
                                    "1e300", "-1e300", "0.25", "2.0"};
#define REALS (sizeof reals / sizeof reals[0])

static const char *
word(Test *test)
{
    return words[below(test, WORDS)];
}

static int
number(Test *test)
{
    return (int)below(test, 15) - 7;
}

static void
say_time(Test *test)
{
    say(&test->sql, "'2026-01-%02uT00:00:00Z'", 1 + below(test, 12));
}

/* A value of column `name`. */
static void
say_value(Test *test, char name)
{
    switch (name) {
    case 'b':
        say(&test->sql, "%s", below(test, 2) == 0 ? "true" : "false");
        break;
    case 'f':
        say(&test->sql, "%s", reals[below(test, REALS)]);
        break;
    case 's':
        say(&test->sql, "%s", word(test));
        break;
    case 't':
        say_time(test);
        break;
    default:
        say(&test->sql, "%d", number(test));
    }
}

/* ---- JSON ---- */

/* Numbers that are near to each other as doubles among them. */
static const char *const numbers[] = {
    "0",
    "-0.0",
    "1",
    "1.0",
    "1.5",
    "-3",
    "7",
    "1e300",
    "-1e300",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9007199254740992.0",
    "-9007199254740993",
    "-9007199254740992",
    "9223372036854775807",
    "9223372036854775806",
    "9223372036854775808.0",
    "-9223372036854775808",
};
#define NUMBERS (sizeof numbers / sizeof numbers[0])

static const char *const strings[] = {"",    "a",    "ab",  "abc", "abcd",
                                      "ABC", "true", "1",   "10%", "a_c",
                                      "b",   "é",    "null"};
#define STRINGS (sizeof strings / sizeof strings[0])

/* A scalar as it stands in a document. */
static void
say_scalar(Test *test)
{
    switch (below(test, 8)) {
    case 0:
        say(&test->sql, "%s", below(test, 2) == 0 ? "true" : "false");
        break;
    case 1:
        say(&test->sql, "null");
        break;
    case 2:
    case 3:
    case 4:
        say(&test->sql, "\"%s\"", strings[below(test, STRINGS)]);
        break;
    default:
        say(&test->sql, "%s", numbers[below(test, NUMBERS)]);
    }
}

/* A scalar, an array of them, or what is nested or empty. */
static void
say_json(Test *test, uint32_t depth)
{
    uint32_t form = below(test, depth == 0 ? 4 : 10);
    if (form < 5) {
        say_scalar(test);
        return;
    }
    if (form == 9) {
        say(&test->sql, below(test, 2) == 0 ? "{" : "{\"k\": ");
        if (test->sql.text[test->sql.size - 1] != '{')
            say_json(test, depth - 1);
        say(&test->sql, "}");
        return;
    }
    say(&test->sql, "[");
    uint32_t count = below(test, 4);
    for (uint32_t i = 0; i < count; i++) {
        say(&test->sql, i > 0 ? ", " : "");
        say_json(test, form == 8 ? depth - 1 : 0);
    }
    say(&test->sql, "]");
}

/* {"a": ..., "l": [...], "o": {"k": [...]}} with each member missing now and
 * then; some documents are something else. */
static void
say_document(Test *test)
{
    const char *separator = "";
    if (below(test, 8) == 0) {
        say_json(test, 2);
        return;
    }
    say(&test->sql, "{");
    if (below(test, 6) != 0) {
        say(&test->sql, "\"a\": ");
        say_json(test, 1);
        separator = ", ";
    }
    if (below(test, 6) != 0) {
        say(&test->sql, "%s\"l\": ", separator);
        say_json(test, 2);
        separator = ", ";
    }
    if (below(test, 3) != 0) {
        say(&test->sql, "%s\"o\": {\"k\": ", separator);
        say_json(test, 2);
        say(&test->sql, "}");
    }
    say(&test->sql, "}");
}

static const char *const paths[] = {
    "j['a']", "j[\"a\"]", "j.a",      "(j -> 'a')",  "j['l']",
    "j['l']", "j.l[0]",   "j.o.k[1]", "j['o']['k']", "j",
};
#define PATHS (sizeof paths / sizeof paths[0])

static const char *
path(Test *test)
{
    return paths[below(test, PATHS)];
}

/* A constant beside a path: 0 a number, 1 a text, 2 a boolean. */
static void
say_constant(Test *test, uint32_t kind)
{
    if (kind == 0)
        say(&test->sql, "%s", numbers[below(test, NUMBERS)]);
    else if (kind == 1)
        say(&test->sql, "'%s'", strings[below(test, STRINGS)]);
    else
        say(&test->sql, below(test, 2) == 0 ? "true" : "false");
}

static uint32_t
kind_of_constant(Test *test)
{
    uint32_t kind = below(test, 8);
    return kind == 7 ? 2 : kind % 2;
}

/* Of one kind mostly, of several now and then. */
static void
say_constants(Test *test, const char *end)
{
    uint32_t count = 1 + below(test, 4), kind = kind_of_constant(test);
    for (uint32_t i = 0; i < count; i++) {
        say(&test->sql, i > 0 ? ", " : "");
        say_constant(test,
                     below(test, 12) == 0 ? kind_of_constant(test) : kind);
    }
    say(&test->sql, "%s", end);
}

/* ---- rows ---- */

static void
say_list(Test *test, bool is_text, uint32_t count)
{
    say(&test->sql, "[");
    for (uint32_t i = 0; i < count; i++) {
        say(&test->sql, i > 0 ? ", " : "");
        say_value(test, is_text ? 's' : 'n');
    }
    say(&test->sql, "]");
}

static void
say_row(Test *test, uint32_t id)
{
    static const char columns[] = "bnmfst";
    say(&test->sql, "(%u", id);
    for (size_t i = 0; columns[i] != '\0'; i++) {
        say(&test->sql, ", ");
        if (below(test, 6) == 0)
            say(&test->sql, "NULL");
        else
            say_value(test, columns[i]);
    }
    for (int is_text = 0; is_text < 2; is_text++) {
        say(&test->sql, ", ");
        if (below(test, 6) == 0)
            say(&test->sql, "NULL");
        else
            say_list(test, is_text != 0, below(test, 5));
    }
    if (below(test, 10) == 0) {
        say(&test->sql, ", NULL)");
        return;
    }
    say(&test->sql, ", '");
    say_document(test);
    say(&test->sql, "')");
}

static void
fill(Test *test)
{
    for (uint32_t part = 0; part <= SEGMENTS; part++) {
        say(&test->sql, "INSERT INTO plain VALUES ");
        for (uint32_t i = 0; i < ROWS; i++) {
            say(&test->sql, i > 0 ? ", " : "");
            say_row(test, part * ROWS + i);
        }
        run(test);
        say(&test->sql,
            "INSERT INTO c SELECT id, b, n, m, f, s, t, a, w, j FROM plain "
            "WHERE id >= %u",
            part * ROWS);
        run(test);
        if (part < SEGMENTS) {
            say(&test->sql, "FLUSH");
            run(test);
        }
    }
    for (uint32_t i = 0; i < ROWS / 3; i++) {
        uint32_t id = below(test, (SEGMENTS + 1) * ROWS);
        say(&test->sql, "DELETE FROM plain WHERE id = %u;", id);
        say(&test->sql, "DELETE FROM c WHERE id = %u", id);
        run(test);
    }
}

/* ---- indexes ---- */

typedef struct Choice {
    const char *field;
    const char *kinds[12]; /* ends with NULL */
} Choice;

static const Choice choices[] = {
    {"id", {"INVERTED", "STL_SORT", "AUTOINDEX"}},
    {"b", {"INVERTED", "BITMAP", "AUTOINDEX"}},
    {"n", {"INVERTED", "BITMAP", "STL_SORT", "AUTOINDEX"}},
    {"m", {"INVERTED", "BITMAP", "STL_SORT"}},
    {"f", {"INVERTED", "STL_SORT", "AUTOINDEX"}},
    {"s",
     {"INVERTED", "BITMAP", "STL_SORT", "TRIE",
      "NGRAM WITH (min_gram = 2, max_gram = 3)",
      "NGRAM WITH (min_gram = 1, max_gram = 1)",
      "NGRAM WITH (min_gram = 3, max_gram = 4)", "AUTOINDEX"}},
    {"t", {"INVERTED", "STL_SORT", "AUTOINDEX"}},
    {"a", {"INVERTED", "BITMAP", "AUTOINDEX"}},
    {"w", {"INVERTED", "BITMAP", "AUTOINDEX"}},
};
#define CHOICES (sizeof choices / sizeof choices[0])

static const Choice path_choices[] = {
    {"j['a']",
     {"INVERTED WITH (json_cast_type = 'DOUBLE')",
      "INVERTED WITH (json_cast_type = 'VARCHAR')",
      "INVERTED WITH (json_cast_type = 'BOOL')",
      "AUTOINDEX WITH (json_cast_type = 'DOUBLE')",
      "NGRAM WITH (json_cast_type = 'VARCHAR', min_gram = 1, max_gram = 2)"}},
    {"j.l",
     {"INVERTED WITH (json_cast_type = 'ARRAY_DOUBLE')",
      "INVERTED WITH (json_cast_type = 'ARRAY_VARCHAR')",
      "INVERTED WITH (json_cast_type = 'ARRAY_BOOL')"}},
    {"j.l[0]",
     {"INVERTED WITH (json_cast_type = 'VARCHAR')",
      "INVERTED WITH (json_cast_type = 'DOUBLE')"}},
    {"j['o']['k']", {"INVERTED WITH (json_cast_type = 'ARRAY_DOUBLE')"}},
    {"j['o']['k'][1]", {"INVERTED WITH (json_cast_type = 'DOUBLE')"}},
    {"j",
     {"INVERTED WITH (json_cast_type = 'DOUBLE')",
      "INVERTED WITH (json_cast_type = 'ARRAY_DOUBLE')"}},
};
#define PATH_CHOICES (sizeof path_choices / sizeof path_choices[0])

static uint32_t
kind_count(const Choice *choice)
{
    uint32_t count = 0;
    while (choice->kinds[count] != NULL)
        count++;
    return count;
}

static void
note_index(Test *test)
{
    size_t used = strlen(test->indexes);
    snprintf(test->indexes + used, sizeof test->indexes - used, "%.200s; ",
             test->sql.text);
    run(test);
}

static void
make_path_indexes(Test *test, uint32_t round)
{
    for (uint32_t i = 0; i < PATH_CHOICES; i++) {
        const Choice *choice = &path_choices[i];
        say(&test->sql, "DROP INDEX IF EXISTS path%u ON c", i);
        run(test);
        if (below(test, 8) == 0)
            continue;
        say(&test->sql, "CREATE INDEX path%u ON c (%s) USING %s", i,
            choice->field, choice->kinds[(round + i) % kind_count(choice)]);
        note_index(test);
    }
}

/* One round has no index on some fields, each kind comes in some round. */
static void
make_indexes(Test *test, uint32_t round)
{
    test->indexes[0] = '\0';
    for (size_t i = 0; i < CHOICES; i++) {
        say(&test->sql, "DROP INDEX IF EXISTS %s ON c", choices[i].field);
        run(test);
        if (below(test, 8) == 0)
            continue;
        const char *kind =
            choices[i].kinds[(round + i) % kind_count(&choices[i])];
        say(&test->sql, "CREATE INDEX ON c (%s) USING %s", choices[i].field,
            kind);
        note_index(test);
    }
    make_path_indexes(test, round);
}

/* ---- conditions ---- */

static const char *const operators[] = {"=", "<>", "<", "<=", ">", ">="};

static void
say_in(Test *test, char column)
{
    uint32_t count = 1 + below(test, 5);
    say(&test->sql, "%c %sIN (", column, below(test, 3) == 0 ? "NOT " : "");
    for (uint32_t i = 0; i < count; i++) {
        say(&test->sql, i > 0 ? ", " : "");
        say_value(test, column);
    }
    say(&test->sql, below(test, 6) == 0 ? ", NULL)" : ")");
}

/* A constant, of a column (its letter) or of a kind. */
typedef void (*SayValue)(Test *test, uint32_t of);

static void
say_between(Test *test, const char *what, SayValue say_end, uint32_t of)
{
    uint32_t form = below(test, 3);
    if (form == 0)
        say(&test->sql, "%s %sBETWEEN ", what,
            below(test, 3) == 0 ? "NOT " : "");
    else
        say(&test->sql, "%s %s ", what, below(test, 2) == 0 ? ">" : ">=");
    say_end(test, of);
    say(&test->sql, " AND ");
    if (form != 0)
        say(&test->sql, "%s %s ", what, below(test, 2) == 0 ? "<" : "<=");
    say_end(test, of);
}

static void
say_value_of(Test *test, uint32_t column)
{
    say_value(test, (char)column);
}

static void
say_range(Test *test, char column)
{
    const char name[] = {column, '\0'};
    say_between(test, name, say_value_of, (uint32_t)column);
}

static void
say_array(Test *test)
{
    bool is_text = below(test, 2) == 0;
    char column = is_text ? 'w' : 'a';
    uint32_t form = below(test, 5);
    if (form == 4) {
        say(&test->sql, "%c %s ", column, operators[below(test, 2)]);
        say_list(test, is_text, below(test, 3));
    } else if (form == 0) {
        say(&test->sql, "array_contains(%c, ", column);
        say_value(test, is_text ? 's' : 'n');
        say(&test->sql, ")");
    } else if (form == 1) {
        say_value(test, is_text ? 's' : 'n');
        say(&test->sql, " IN %c", column);
    } else {
        say(&test->sql, "array_contains_%s(%c, ", form == 2 ? "any" : "all",
            column);
        say_list(test, is_text, 1 + below(test, 3));
        say(&test->sql, ")");
    }
}

static void
say_text(Test *test)
{
    bool is_not = below(test, 4) == 0;
    if (below(test, 8) == 0)
        say(&test->sql, "starts_with(s, %s)", word(test));
    else if (below(test, 3) == 0)
        say(&test->sql, "s %s %s", is_not ? "!~" : "=~",
            regexes[below(test, REGEXES)]);
    else
        say(&test->sql, "s %s%s %s", is_not ? "NOT " : "",
            below(test, 2) == 0 ? "LIKE" : "ILIKE",
            patterns[below(test, PATTERNS)]);
}

static void
say_path_text(Test *test)
{
    const char *which = path(test);
    if (below(test, 5) == 0)
        say(&test->sql, "starts_with(%s, 'a')", which);
    else if (below(test, 4) == 0)
        say(&test->sql, "%s %s %s", which, below(test, 4) == 0 ? "!~" : "=~",
            regexes[below(test, REGEXES)]);
    else
        say(&test->sql, "%s %s%s %s", which, below(test, 4) == 0 ? "NOT " : "",
            below(test, 4) == 0 ? "ILIKE" : "LIKE",
            patterns[below(test, PATTERNS)]);
}

static void
say_path_array(Test *test)
{
    static const char *const names[] = {"json_contains", "array_contains"};
    const char *which = path(test), *name = names[below(test, 2)];
    uint32_t form = below(test, 5);
    if (form == 4) {
        say(&test->sql, "%s %s [", which, operators[below(test, 2)]);
        say_constants(test, "]");
    } else if (form == 0) {
        say(&test->sql, "%s(%s, ", name, which);
        say_constant(test, kind_of_constant(test));
        say(&test->sql, ")");
    } else if (form == 1) {
        say_constant(test, kind_of_constant(test));
        say(&test->sql, " IN %s", which);
    } else {
        say(&test->sql, "%s_%s(%s, [", name, form == 2 ? "any" : "all", which);
        say_constants(test, below(test, 10) == 0 ? ", null])" : "])");
    }
}

static void
say_path_range(Test *test)
{
    const char *which = path(test);
    say_between(test, which, say_constant, below(test, 4) == 0);
}

static void
say_path(Test *test)
{
    const char *which = path(test);
    switch (below(test, 9)) {
    case 0:
        say(&test->sql, "%s IS %sNULL", which,
            below(test, 2) == 0 ? "NOT " : "");
        break;
    case 1:
        say(&test->sql, "EXISTS %s", which);
        break;
    case 2:
        say(&test->sql, "%s %sIN (", which, below(test, 3) == 0 ? "NOT " : "");
        say_constants(test, below(test, 6) == 0 ? ", NULL)" : ")");
        break;
    case 3:
        say_path_range(test);
        break;
    case 4:
        say_path_text(test);
        break;
    case 5:
    case 6:
        say_path_array(test);
        break;
    default:
        say(&test->sql, "%s %s ", which, operators[below(test, 6)]);
        say_constant(test, kind_of_constant(test));
    }
}

static void
say_leaf(Test *test)
{
    static const char columns[] = "bnmfst";
    char column = columns[below(test, 6)];
    if (below(test, 3) == 0) {
        say_path(test);
        return;
    }
    switch (below(test, 10)) {
    case 0:
        say(&test->sql, "%c IS %sNULL", "bnmfstaw"[below(test, 8)],
            below(test, 2) == 0 ? "NOT " : "");
        break;
    case 1:
        say_in(test, column);
        break;
    case 2:
        if (column != 'b') {
            say_range(test, column);
            break;
        }
        say(&test->sql, "b");
        break;
    case 3:
        say_array(test);
        break;
    case 4:
    case 5:
        say_text(test);
        break;
    case 6:
        say(&test->sql, "id %s %u", operators[below(test, 6)],
            below(test, (SEGMENTS + 1) * ROWS));
        break;
    case 7:
        say(&test->sql, "n %% 3 = 1"); /* no index knows that */
        break;
    default:
        say(&test->sql, "%c %s ", column,
            operators[below(test, column == 'b' ? 2 : 6)]);
        if (below(test, 12) == 0)
            say(&test->sql, "NULL");
        else
            say_value(test, column);
    }
}

/* Depth is bounded by `depth`. */
static void
say_condition(Test *test, uint32_t depth)
{
    uint32_t form = depth == 0 ? 0 : below(test, 4);
    if (form == 0) {
        say_leaf(test);
        return;
    }
    say(&test->sql, form == 3 ? "NOT (" : "(");
    say_condition(test, depth - 1);
    if (form != 3) {
        say(&test->sql, form == 1 ? ") AND (" : ") OR (");
        say_condition(test, depth - 1);
    }
    say(&test->sql, ")");
}

/* The keys that a question gives, as a set of bits. */
static void
ask(Test *test, const char *from, const char *condition, uint8_t *rows)
{
    char sql[4096];
    snprintf(sql, sizeof sql, "SELECT id FROM %s WHERE %s", from, condition);
    mql_stmt *stmt = prepare_sql(test->conn, sql);
    memset(rows, 0, (SEGMENTS + 1) * ROWS);
    mql_status status;
    while ((status = mql_step(stmt)) == MQL_ROW)
        rows[mql_column_int64(stmt, 0)]++;
    if (status != MQL_DONE)
        fail_msg("%s\n%s", sql, test->indexes);
    mql_finalize(stmt);
}

static void
compare(Test *test)
{
    uint8_t wanted[(SEGMENTS + 1) * ROWS], found[(SEGMENTS + 1) * ROWS];
    char condition[2048];
    say_condition(test, below(test, 4));
    assert_true(test->sql.size < sizeof condition);
    memcpy(condition, test->sql.text, test->sql.size + 1);
    test->sql.size = 0;
    if (test->is_loud)
        fprintf(stderr, "%s\n", condition);
    ask(test, "plain", condition, wanted);
    ask(test, "c", condition, found);
    for (uint32_t id = 0; id < (SEGMENTS + 1) * ROWS; id++)
        if (wanted[id] != found[id])
            fail_msg("row %u: %u without indexes, %u with\n%s\n%s", id,
                     wanted[id], found[id], condition, test->indexes);
}

static void
test_same_rows(void **state)
{
    (void)state;
    const char *seed = getenv("MQL_TEST_SEED");
    Test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    test->random = seed != NULL ? strtoull(seed, NULL, 10) : 4;
    test->is_loud = getenv("MQL_TEST_SAY") != NULL;
    char *directory = temporary_directory();
    char *path = path_in(directory, "db");
    mql_db *db;
    assert_int_equal(mql_open(path, NULL, &db, NULL), MQL_OK);
    assert_int_equal(mql_connect(db, &test->conn, NULL), MQL_OK);
    for (int i = 0; i < 2; i++) {
        say(&test->sql,
            "CREATE COLLECTION %s (id INT64 PRIMARY KEY, b BOOL, n INT64, m "
            "INT8, f DOUBLE, s VARCHAR(40), t TIMESTAMPTZ, a ARRAY<INT64>(5), "
            "w ARRAY<VARCHAR(40)>(5), j JSON)",
            i == 0 ? "plain" : "c");
        run(test);
    }
    fill(test);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        make_indexes(test, round);
        for (uint32_t i = 0; i < CONDITIONS; i++)
            compare(test);
    }
    mql_disconnect(test->conn);
    mql_close(db);
    remove_tree(directory);
    free(path);
    free(directory);
    free(test);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
