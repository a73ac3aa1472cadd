/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_parse_hostile.c - texts that want to break the parser: each is an answer
 * or a clean error, in memory that grows with the text and not with its shape.
 *
 * Every parse has an arena limit, so that more memory is a failed test, and
 * prints its tree's depth by walking it, so that a walker's recursion is tried
 * too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/sql/ast.h"

/* A list element is one node of about 90 bytes (and a gap in checked builds).
 */
#define BYTES_PER_TERM 420u

/* ---- making and parsing texts ---- */

static void
repeat(Buffer *text, const char *piece, size_t times)
{
    size_t size = strlen(piece);
    char *out = buffer_reserve(text, size * times);
    assert_non_null(out);
    for (size_t i = 0; i < times; i++)
        memcpy(out + i * size, piece, size);
    text->size += size * times;
}

static uint32_t
measured_depth(const Node *node)
{
    uint32_t deepest = 0;
    if (node->kind == NODE_VECTOR)
        return 1;
    for (const Node *child = node->first; child != NULL; child = child->next) {
        uint32_t depth = measured_depth(child);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

/* Parse under a memory limit; the sqlstate, or "" and the root's facts. */
typedef struct Result {
    char sqlstate[6];
    int64_t position;
    uint32_t depth, count;
} Result;

static Result
parse_within(const char *sql, size_t size, size_t limit)
{
    Arena arena;
    Error err = ERROR_INIT;
    Statement statement;
    Result result = {.position = -1};

    arena_init(&arena, limit);
    if (sql_parse(&arena, sql, size, &statement, &err) != MQL_OK) {
        memcpy(result.sqlstate, err.sqlstate, sizeof result.sqlstate);
        result.position = err.position;
        assert_null(statement.root);
        assert_true(err.text[0] != '\0');
        assert_string_not_equal(err.sqlstate, "53200");
    } else if (statement.root != NULL) {
        result.depth = measured_depth(statement.root);
        const Node *last = statement.root->last;
        result.count =
            last == NULL || last->first == NULL ? 0 : last->first->count;
        assert_int_equal(result.depth, statement.root->depth);
        assert_true(result.depth <= NODE_DEPTH_MOST);
    }
    assert_true(statement.size <= size);
    assert_true(result.position <= (int64_t)size);
    arena_free(&arena);
    return result;
}

/* head piece*times tail; memory: the text twice, and a node or two per piece.
 */
static Result
parse_repeated(const char *head, const char *piece, size_t times,
               const char *tail)
{
    Buffer text = BUFFER_INIT;
    repeat(&text, head, 1);
    repeat(&text, piece, times);
    repeat(&text, tail, 1);
    size_t limit = 2 * text.size + times * BYTES_PER_TERM + (4u << 20);
    Result result = parse_within(text.data, text.size, limit);
    buffer_free(&text);
    return result;
}

static void
expect(Result result, const char *sqlstate, int64_t position)
{
    assert_string_equal(result.sqlstate, sqlstate);
    assert_int_equal(result.position, position);
}

/* ---- nesting ---- */

static void
test_parentheses(void **state)
{
    (void)state;
    expect(parse_repeated("select ", "(", 1000000, ""), "54001", 207);
    expect(parse_repeated("select ", "[", 1000000, ""), "54001", 207);
    expect(parse_repeated("select ", "f(", 1000000, ""), "54001", 408);
    expect(parse_repeated("select ", "([", 1000000, ""), "54001", 207);
    expect(parse_repeated("select ", "{", 1000000, ""), "42601", 7);
    expect(parse_repeated("select 1", ")", 1000000, ""), "42601", 8);

    Buffer text = BUFFER_INIT;
    repeat(&text, "select ", 1);
    repeat(&text, "(", 1000000);
    repeat(&text, "1", 1);
    repeat(&text, ")", 1000000);
    expect(parse_within(text.data, text.size, 16u << 20), "54001", 207);
    buffer_free(&text);
}

static Result
parse_nested(const char *open, const char *middle, const char *close,
             size_t times)
{
    Buffer text = BUFFER_INIT;
    repeat(&text, "select ", 1);
    repeat(&text, open, times);
    repeat(&text, middle, 1);
    repeat(&text, close, times);
    Result result = parse_within(text.data, text.size, 8u << 20);
    buffer_free(&text);
    return result;
}

/* At the limit, one above, far above. */
static void
test_nesting_limit(void **state)
{
    (void)state;
    expect(parse_nested("(", "1", ")", 200), "", -1);
    expect(parse_nested("(", "1", ")", 201), "54001", 207);
    expect(parse_nested("[", "a", "]", 200), "", -1);
    expect(parse_nested("[", "a", "]", 201), "54001", 207);
    expect(parse_nested("f(", "a", ")", 200), "", -1);
    expect(parse_nested("f(", "a", ")", 201), "54001", 408);
    expect(parse_nested("(select ", "1", ")", 200), "", -1);
    expect(parse_nested("(select ", "1", ")", 201), "54001", 1607);
    expect(parse_nested("a[", "b", "]", 200), "", -1);
    /* every level of the precedence table is open in each parenthesis */
    const char *levels = "a or b and not c = d < e in (f,g <-> h | i # j & k "
                         "<< l + m * - n ** o -> (";
    expect(parse_nested(levels, "p", "))", 50), "", -1);
    assert_string_equal(parse_nested(levels, "p", "))", 100).sqlstate, "54001");
}

static void
test_depth_limit(void **state)
{
    (void)state;
    expect(parse_repeated("select a", "+a", 900, ""), "", -1);
    assert_string_equal(parse_repeated("select a", "+a", 1000, "").sqlstate,
                        "54001");
    assert_string_equal(parse_repeated("select a", "+a", 500000, "").sqlstate,
                        "54001");
    static const char *const prefixes[] = {
        "not ",    "- ",         "~",
        "exists ", "case when ", "case a when 1 then ",
        "a ** - ", "explain ",   "a = not ",
    };
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        const char *head =
            prefixes[i][0] == 'e' && prefixes[i][2] == 'p' ? "" : "select ";
        const char *tail = *head == '\0' ? "select 1" : "a";
        Result result = parse_repeated(head, prefixes[i], 100000, tail);
        assert_string_equal(result.sqlstate, "54001");
    }
    static const char *const postfixes[] = {
        "[1]",          "[a]",   ".b",      "::t",     " is null",
        " is not true", " -> b", " in (1)", " like b", " between 1 and 2",
        " = 1",         " < 1",
    };
    for (size_t i = 0; i < sizeof postfixes / sizeof postfixes[0]; i++) {
        Result result = parse_repeated("select a", postfixes[i], 100000, "");
        assert_string_equal(result.sqlstate, "54001");
    }
    assert_string_equal(
        parse_repeated("select 1", " union select 1", 100000, "").sqlstate,
        "54001");
    assert_string_equal(
        parse_repeated("create table c (a t", "[]", 100000, ")").sqlstate,
        "54001");
    assert_string_equal(
        parse_repeated("create table c (a ", "array<", 100000, "t").sqlstate,
        "54001");
}

/* ---- length ---- */

static void
test_long_chains(void **state)
{
    (void)state;
    Result result =
        parse_repeated("select 1 from c where a", " or a", 699999, "");
    expect(result, "", -1);
    assert_int_equal(result.count, 700000);
    assert_int_equal(result.depth, 4);
    result =
        parse_repeated("select 1 from c where a = 1", " and a = 1", 699999, "");
    expect(result, "", -1);
    assert_int_equal(result.count, 700000);
    result =
        parse_repeated("select 1 from c where a", " && b || c", 300000, "");
    expect(result, "", -1);
    assert_int_equal(result.count, 300001);
    expect(parse_repeated("select 1 from c where a", " or a", 1000000, ""),
           "54000", 23 + 5 * 999999 + 4);
}

static void
test_long_lists(void **state)
{
    (void)state;
    static const struct {
        const char *head, *piece, *tail;
    } lists[] = {
        {"select 1 from c where a in (0", ",1", ")"},
        {"select 1 from c where a in [0", ",1", "]"},
        {"select 1 from c where a in (x", ",1", ")"},
        {"select 1 from c where f(a", ",1", ")"},
        {"select 1 from c order by a", ",a", ""},
        {"insert into c values (1", ",1", ")"},
        {"insert into c values (1)", ",(1)", ""},
        {"insert into c (a", ",a", ") values (1)"},
        {"search c for [0", ",1", "]"},
        {"search c for a", ",a", ""},
        {"drop table a", ",a", ""},
        {"set a = b", ",b", ""},
        {"select a", ",a", ""},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const char *head = lists[i].head;
        size_t most =
            i % 3 == 0 ? 999999 : 100000; /* the rest is the same code */
        expect(parse_repeated(head, lists[i].piece, most, lists[i].tail), "",
               -1);
        if (most == 999999)
            assert_string_equal(
                parse_repeated(head, lists[i].piece, most + 1, lists[i].tail)
                    .sqlstate,
                "54000");
    }
    assert_string_equal(
        parse_repeated("select 1 from c where a in (0", ",1", 20000000, ")")
            .sqlstate,
        "54000");
    assert_string_equal(
        parse_repeated("select 1 with (a", ",a", 1000000, ")").sqlstate,
        "42601");
}

/* A vector is no tree: 12 bytes an element, its text among them. */
static void
test_vector_memory(void **state)
{
    (void)state;
    Buffer text = BUFFER_INIT;
    repeat(&text, "search c for [0.5", 1);
    repeat(&text, ",0.25", 999999);
    repeat(&text, "]", 1);
    expect(parse_within(text.data, text.size, text.size + (5u << 20)), "", -1);
    buffer_free(&text);
}

static void
test_long_words(void **state)
{
    (void)state;
    expect(parse_repeated("select '", "0123456789", 4000000, "'"), "", -1);
    expect(parse_repeated("select '", "''''", 1000000, "'"), "", -1);
    expect(parse_repeated("select E'", "\\x41", 1000000, "'"), "", -1);
    expect(parse_repeated("select $a$", "$b$ ", 1000000, "$a$"), "", -1);
    expect(parse_repeated("select X'", "00", 1000000, "'"), "", -1);
    expect(parse_repeated("select B'", "01", 1000000, "'"), "", -1);
    expect(parse_repeated("select {1:0", ",2:1", 1000000, "}"), "", -1);
    expect(parse_repeated("select 1 ", "/*", 1000000, ""), "42601", 9);
    expect(parse_repeated("select 1 ", "-- \n", 1000000, ""), "", -1);
    expect(parse_repeated("select '", "x", 40000000, ""), "42601", 7);
    expect(parse_repeated("select ", "x", 1000000, ""), "42622", 7);
    expect(parse_repeated("select a", ".a", 200, " from b"), "", -1);
    expect(parse_repeated("set a", ".a", 1000000, " = 1"), "42622", 4);
    expect(parse_repeated("select ", "1", 1000000, ""), "22003", 7);
    expect(parse_repeated("select 1.", "1", 1000000, ""), "54000", 7);
    expect(parse_repeated("select .", "1", 900, ""), "", -1);
    expect(parse_repeated("select 0.5 + 0", "0", 900, "1"), "", -1);
}

static void
test_text_limit(void **state)
{
    (void)state;
    Buffer text = BUFFER_INIT;
    repeat(&text, "select '", 1);
    repeat(&text, "x", SQL_SIZE_MOST - 9);
    repeat(&text, "'", 1);
    assert_int_equal(text.size, SQL_SIZE_MOST);
    expect(parse_within(text.data, text.size, 0), "", -1);
    text.data[text.size - 1] = 'x';
    repeat(&text, "'", 1);
    expect(parse_within(text.data, text.size, 0), "54000", 0);
    buffer_free(&text);
}

static void
test_parameters(void **state)
{
    (void)state;
    expect(parse_repeated("select 1 from c where f(?", ",?", 65534, ")"), "",
           -1);
    expect(parse_repeated("select 1 from c where f(?", ",?", 65535, ")"),
           "54000", 25 + 2 * 65534 + 1);
    expect(parse_repeated("select $65535, ", "$1,", 100000, "$2"), "", -1);
    expect(parse_repeated("select :a, ", "{a},", 100000, "$2"), "", -1);

    Buffer text = BUFFER_INIT;
    repeat(&text, "select 1", 1);
    for (int i = 0; i < 65536; i++)
        buffer_printf(&text, ",:p%d", i);
    assert_string_equal(parse_within(text.data, text.size, 64u << 20).sqlstate,
                        "54000");
    buffer_free(&text);
}

/* ---- bytes and tokens at random ---- */

static char *
read_golden(size_t *size)
{
    FILE *file = fopen("tests/unit/parse.golden", "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    *size = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    return text;
}

/* Every prefix of every statement, cut within words and characters. */
static void
test_prefixes(void **state)
{
    (void)state;
    size_t size;
    char *golden = read_golden(&size);
    char *line = golden;
    while (line != NULL && *line != '\0') {
        char *end = strchr(line, '\n');
        if (strncmp(line, "> ", 2) == 0) {
            for (char *stop = line + 2; stop <= end; stop++)
                parse_within(line + 2, (size_t)(stop - line - 2), 1u << 20);
        }
        line = end == NULL ? NULL : end + 1;
    }
    free(golden);
}

static void
test_cut_utf8(void **state)
{
    (void)state;
    static const char *const forms[] = {"select '%s'", "select \"%s\"",
                                        "select %s", "-- %s\nselect 1"};
    static const char character[] = "\xf0\x9f\x98\x80";
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        for (int size = 1; size <= 4; size++) {
            char cut[8], sql[64];
            snprintf(cut, sizeof cut, "%.*s", size, character);
            /* the form is one of the four above */
            const char *hole = strchr(forms[i], '%');
            snprintf(sql, sizeof sql, "%.*s%s%s", (int)(hole - forms[i]),
                     forms[i], cut, hole + 2);
            Result result = parse_within(sql, strlen(sql), 1u << 20);
            const char *expected = size < 4 ? "22021" : i == 2 ? "42601" : "";
            assert_string_equal(result.sqlstate, expected);
        }
    }
}

static uint32_t
next_random(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33);
}

static void
add_random_token(Buffer *text, uint64_t *random)
{
    static const char *const pieces[] = {
        "a",    "b",       "1",
        "2.5",  "'x'",     "\"y\"",
        "$1",   "?",       ":n",
        "{t}",  "(",       ")",
        "[",    "]",       "[1,2]",
        ",",    ".",       ";",
        "*",    "+",       "-",
        "=",    "<",       "!=",
        "<->",  "->",      "::",
        "=>",   "!",       "~",
        "&&",   "||",      "#",
        "%",    "{1:2}",   "X'00'",
        "B'1'", "/* c */", "9223372036854775808",
        "`q`",  "$$d$$",   "E'\\n'",
    };
    uint32_t count = sizeof pieces / sizeof pieces[0];
    uint32_t pick = next_random(random) % (2 * count);
    if (pick < count) {
        buffer_append_text(text, pieces[pick]);
    } else {
        const char *word = sql_keyword((int32_t)(next_random(random) % 160));
        buffer_append_text(text, word == NULL ? "c" : word);
    }
    buffer_append_char(text, ' ');
}

/* Half the texts begin with a real beginning, so that they get further. */
static void
test_token_soup(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "select ",          "select a from c where ",
        "search c for ",    "insert into c ",
        "create table c (", "create index ",
        "copy c ",          "explain ",
        "update c ",
    };
    uint64_t random = 42;
    for (int i = 0; i < 30000; i++) {
        Buffer text = BUFFER_INIT;
        uint32_t head = next_random(&random) % 18;
        if (head < 9)
            buffer_append_text(&text, heads[head]);
        uint32_t tokens = 1 + next_random(&random) % 12;
        for (uint32_t k = 0; k < tokens; k++)
            add_random_token(&text, &random);
        parse_within(text.data, text.size, 1u << 20);
        buffer_free(&text);
    }
}

/* Statements with a few bytes changed. */
static void
test_mutations(void **state)
{
    (void)state;
    uint64_t random = 7;
    size_t size;
    char *golden = read_golden(&size);
    char *line = golden;
    while (line != NULL && *line != '\0') {
        char *end = strchr(line, '\n');
        size_t length = end == NULL ? 0 : (size_t)(end - line);
        for (int i = 0; i < 40 && strncmp(line, "> ", 2) == 0; i++) {
            char sql[2048];
            assert_true(length < sizeof sql);
            memcpy(sql, line, length);
            for (uint32_t k = next_random(&random) % 3; k < 3; k++)
                sql[next_random(&random) % length] = (char)next_random(&random);
            parse_within(sql + 2, length - 2, 1u << 20);
        }
        line = end == NULL ? NULL : end + 1;
    }
    free(golden);
}

/* ---- memory runs out at every place ---- */

static void
test_no_memory(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "select a, f(b, 'x') as c from d where a in [1, 2] and b = {p} or "
        "exists j[\"k\"] order by v <-> [1, 2] limit 1",
        "create collection c (a varchar(5) primary key default 'x', v "
        "float_vector(3)) with (a.b = 1)",
        "insert into c (a) values (1, x'00', b'1', {1:2}, -1.5)",
        "select * form t",
        "show index types",
        "create user u",
        "set a.b.c = on",
        "select iso 'x', a::double precision[]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool is_done = false;
        for (size_t limit = 1; !is_done; limit += 16) {
            Arena arena;
            Error err = ERROR_INIT;
            Statement statement;
            arena_init(&arena, limit);
            mql_status status =
                sql_parse(&arena, texts[i], strlen(texts[i]), &statement, &err);
            is_done = status != MQL_NO_MEMORY;
            if (!is_done) {
                assert_string_equal(err.sqlstate, "53200");
                assert_null(statement.root);
            }
            assert_true(limit < 1u << 16);
            arena_free(&arena);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parentheses),
        cmocka_unit_test(test_nesting_limit),
        cmocka_unit_test(test_depth_limit),
        cmocka_unit_test(test_long_chains),
        cmocka_unit_test(test_long_lists),
        cmocka_unit_test(test_vector_memory),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_text_limit),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_cut_utf8),
        cmocka_unit_test(test_token_soup),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
