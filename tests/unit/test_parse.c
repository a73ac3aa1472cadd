/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_parse.c - texts to trees.
 *
 * tests/unit/parse.golden has statements (lines that begin with "> ") and their
 * trees as EXPLAIN (TREE) prints them; MQL_ACCEPT=1 writes it anew, and the
 * difference is what there is to review. Precedence and both spellings are
 * tables here, shown with all parentheses.
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

#define GOLDEN "tests/unit/parse.golden"

/* ---- trees ---- */

static void
print_result(Buffer *out, const char *sql, size_t size)
{
    Arena arena;
    Error err = ERROR_INIT;
    Statement statement;

    arena_init(&arena, 0);
    if (sql_parse(&arena, sql, size, &statement, &err) != MQL_OK) {
        buffer_printf(out, "ERROR %s at %lld: %s\n", err.sqlstate,
                      (long long)err.position, err.text);
        if (err.hint[0] != '\0')
            buffer_printf(out, "HINT %s\n", err.hint);
        assert_null(statement.root);
    } else if (statement.root != NULL) {
        node_print(out, statement.root);
    }
    for (uint32_t i = 0; i < statement.parameter_count; i++) {
        Slice name = statement.parameter_names[i];
        buffer_printf(out, "parameter %u %.*s\n", i + 1, (int)name.size,
                      name.data);
    }
    arena_free(&arena);
}

static char *
read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t size = fread(text, 1, (1 << 20) - 1, file);
    assert_true(size < (1 << 20) - 1);
    fclose(file);
    return text;
}

/* The golden file as it should be: its statements, and the trees of now. */
static void
regenerate(Buffer *out, const char *golden)
{
    Buffer sql = BUFFER_INIT;
    const char *line = golden;
    while (*line != '\0') {
        const char *end = strchr(line, '\n');
        size_t size = end == NULL ? strlen(line) : (size_t)(end - line);
        bool is_sql = strncmp(line, "> ", 2) == 0;
        if (is_sql || *line == '#') {
            buffer_append(out, line, size);
            buffer_append_char(out, '\n');
        }
        line += end == NULL ? size : size + 1;
        if (!is_sql)
            continue;
        buffer_append(&sql, line - size + 1, size - 2);
        if (strncmp(line, "> ", 2) == 0) {
            buffer_append_char(&sql, '\n');
            continue;
        }
        print_result(out, sql.data, sql.size);
        buffer_append_char(out, '\n');
        buffer_clear(&sql);
    }
    buffer_free(&sql);
}

static void
test_golden(void **state)
{
    (void)state;
    Buffer now = BUFFER_INIT;
    char *golden = read_file(GOLDEN);
    regenerate(&now, golden);
    const char *text = buffer_text(&now);

    if (getenv("MQL_ACCEPT") != NULL) {
        FILE *file = fopen(GOLDEN, "wb");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
    } else {
        size_t same = 0;
        while (text[same] != '\0' && text[same] == golden[same])
            same++;
        while (same > 0 && text[same - 1] != '\n')
            same--;
        if (strcmp(text, golden) != 0)
            print_message("first difference:\n- %.300s\n+ %.300s\n",
                          golden + same, text + same);
        assert_true(strcmp(text, golden) == 0);
    }
    free(golden);
    buffer_free(&now);
}

/* ---- expressions with all parentheses ---- */

static void shape(Buffer *out, const Node *node);

static void
shape_children(Buffer *out, const Node *node, const char *between)
{
    for (const Node *child = node->first; child != NULL; child = child->next) {
        if (child != node->first)
            buffer_append_text(out, between);
        shape(out, child);
    }
}

static const char *
word_of(const Node *node)
{
    switch (node->kind) {
    case NODE_AND:
        return "and";
    case NODE_OR:
        return "or";
    case NODE_NOT:
        return "not";
    case NODE_IN:
        return "in";
    case NODE_BETWEEN:
        return "between";
    case NODE_LIKE:
        return "like";
    case NODE_MATCH:
        return "~";
    case NODE_IS:
        return "is";
    case NODE_DISTINCT_FROM:
        return "differs";
    case NODE_EXISTS:
        return "exists";
    case NODE_CAST:
        return "::";
    case NODE_SUBSCRIPT:
        return "[]";
    case NODE_DOT:
        return ".";
    default:
        return node->text.data;
    }
}

static void
shape(Buffer *out, const Node *node)
{
    switch (node->kind) {
    case NODE_INTEGER:
        buffer_printf(out, "%lld", (long long)node->integer);
        return;
    case NODE_TYPE_NAME:
        if (node->first != NULL)
            break;
        buffer_append_slice(out, node->text);
        return;
    case NODE_NAME:
    case NODE_STRING:
    case NODE_DOUBLE_QUOTED:
        buffer_append_slice(out, node->text);
        return;
    case NODE_NULL_VALUE:
        buffer_append_text(out, "null");
        return;
    case NODE_LIST:
        buffer_append_char(out, '[');
        shape_children(out, node, " ");
        buffer_append_char(out, ']');
        return;
    default:
        break;
    }
    buffer_append_char(out, '(');
    buffer_append_text(out, node->flags & FLAG_NOT ? "not-" : "");
    buffer_append_text(out, word_of(node));
    buffer_append_char(out, ' ');
    shape_children(out, node, " ");
    if (node->kind == NODE_DOT || node->kind == NODE_IS) {
        buffer_append_char(out, ' ');
        buffer_append_slice(out, node->text);
    }
    buffer_append_char(out, ')');
}

static void
expect_shape(const char *sql, const char *expected)
{
    Arena arena;
    Error err = ERROR_INIT;
    const Node *root;
    Buffer out = BUFFER_INIT;

    arena_init(&arena, 0);
    if (sql_parse_expression(&arena, sql, strlen(sql), &root, &err) == MQL_OK)
        shape(&out, root);
    else
        buffer_printf(&out, "%s: %s", sql, err.text);
    assert_string_equal(buffer_text(&out), expected);
    buffer_free(&out);
    arena_free(&arena);
}

/* Strongest first, as the manual's table; each line meets its neighbour. */
static const char *const precedence[][2] = {
    {"a.b::t", "(:: (. a b) T)"},
    {"a::t[1]", "(:: a (ARRAY T 1))"},
    {"a[1]::t", "(:: ([] a 1) T)"},
    {"a -> b::t", "(-> a (:: b T))"},
    {"a[0].b[1]", "([] (. ([] a 0) b) 1)"},
    {"a -> b -> c", "(-> (-> a b) c)"},
    {"a ** b -> c", "(** a (-> b c))"},
    {"a ** b ** c", "(** (** a b) c)"},
    {"a ^ b ** c", "(** (** a b) c)"},
    {"-a ** b", "(- (** a b))"},
    {"-2 ** 2", "(- (** 2 2))"},
    {"a ** -b", "(** a (- b))"},
    {"-a * b", "(* (- a) b)"},
    {"- - a", "(- (- a))"},
    {"~a & b", "(& (~ a) b)"},
    {"a * -b", "(* a (- b))"},
    {"a - -1", "(- a -1)"},
    {"a * b / c % d", "(% (/ (* a b) c) d)"},
    {"a + b * c", "(+ a (* b c))"},
    {"a - b - c", "(- (- a b) c)"},
    {"a << b + c", "(<< a (+ b c))"},
    {"a & b << c", "(& a (<< b c))"},
    {"a # b & c", "(# a (& b c))"},
    {"a & b # c", "(# (& a b) c)"},
    {"a | b # c", "(| a (# b c))"},
    {"a # b | c", "(| (# a b) c)"},
    {"a <-> b | c", "(<-> a (| b c))"},
    {"a <-> b + c", "(<-> a (+ b c))"},
    {"a in [b] <=> c", "(<=> (in a [b]) c)"},
    {"a <-> b in [c]", "(in (<-> a b) [c])"},
    {"a + b in [c]", "(in (+ a b) [c])"},
    {"a + b not in [c]", "(not-in (+ a b) [c])"},
    {"a <#> b between c and d", "(between (<#> a b) c d)"},
    {"a between b + c and d * e", "(between a (+ b c) (* d e))"},
    {"a between b and c and d", "(and (between a b c) d)"},
    {"a like b + c", "(like a (+ b c))"},
    {"a like b escape c and d", "(and (like a b c) d)"},
    {"a is null is true", "(is (is a null) true)"},
    {"a < b in [c]", "(< a (in b [c]))"},
    {"a < b is null", "(< a (is b null))"},
    {"a ~ b < c", "(< (~ a b) c)"},
    {"a = b < c", "(= a (< b c))"},
    {"a < b = c", "(= (< a b) c)"},
    {"a = b not in [c]", "(= a (not-in b [c]))"},
    {"a = b not like c", "(= a (not-like b c))"},
    {"a = b = c", "(= (= a b) c)"},
    {"1 < a < 5", "(< < 1 a 5)"},
    {"1 < a + 1 <= 5", "(< <= 1 (+ a 1) 5)"},
    {"1 < a < 5 = b", "(= (< < 1 a 5) b)"},
    {"not a = b", "(not (= a b))"},
    {"not a == 1", "(not (= a 1))"},
    {"not a in [b]", "(not (in a [b]))"},
    {"not a is null", "(not (is a null))"},
    {"not not a", "(not (not a))"},
    {"not a and b", "(and (not a) b)"},
    {"not exists a and b", "(and (not (exists a)) b)"},
    {"exists a.b[0] = c", "(= (exists ([] (. a b) 0)) c)"},
    {"a and b and c", "(and a b c)"},
    {"a or b and c or d", "(or a (and b c) d)"},
    {"(a or b) and c", "(and (or a b) c)"},
    {"(a and b) and c", "(and (and a b) c)"},
    {"a and (b and c)", "(and a (and b c))"},
    {"a and not b or c", "(or (and a (not b)) c)"},
    {"a = b is distinct from c", "(= a (differs b c))"},
};

static void
test_precedence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof precedence / sizeof precedence[0]; i++)
        expect_shape(precedence[i][0], precedence[i][1]);
}

/* Both spellings are one tree. */
static void
test_spellings(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"a == 1", "a = 1"},
        {"a != 1", "a <> 1"},
        {"a && b", "a AND b"},
        {"a || b", "a OR b"},
        {"!a", "NOT a"},
        {"!(a == 1) && b || c", "not (a = 1) and b or c"},
        {"a ^ b", "a ** b"},
        {"a =~ b", "a ~ b"},
        {"a in [1, 2]", "a IN (1, 2)"},
        {"a in []", "a in ()"},
        {"a in ['x']", "a in ('x')"},
        {"a not in [1]", "a NOT /* */ IN (1)"},
        {"m[\"k\"]", "m['k']"},
        {"cast(a as t)", "a::t"},
        {"a % 2 == 0 and b", "a%2=0 AND b"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        Arena arena;
        Error err = ERROR_INIT;
        Buffer trees[2] = {BUFFER_INIT, BUFFER_INIT};
        arena_init(&arena, 0);
        for (int side = 0; side < 2; side++) {
            const Node *root;
            const char *sql = pairs[i][side];
            mql_status status =
                sql_parse_expression(&arena, sql, strlen(sql), &root, &err);
            assert_string_equal(err.text, "");
            assert_int_equal(status, MQL_OK);
            node_print(&trees[side], root);
        }
        assert_string_equal(buffer_text(&trees[0]), buffer_text(&trees[1]));
        buffer_free(&trees[0]);
        buffer_free(&trees[1]);
        arena_free(&arena);
    }
}

/* ---- errors ---- */

static void
expect_error(const char *sql, size_t size, const char *expected)
{
    Buffer out = BUFFER_INIT;
    print_result(&out, sql, size);
    assert_string_equal(buffer_text(&out), expected);
    buffer_free(&out);
}

/* text, "SQLSTATE at position: message", perhaps a hint */
static const char *const errors[][2] = {
    {"select", "42601 at 6: syntax error at end of input"},
    {"  select a,", "42601 at 11: syntax error at end of input"},
    {"select 1 limit ,", "42601 at 15: syntax error at or near \",\""},
    {"select a, from t", "42601 at 10: syntax error at or near \"from\""},
    {"select 1 from", "42601 at 13: syntax error at end of input"},
    {"select (1;", "42601 at 9: syntax error at or near \";\""},
    {"select [1;", "42601 at 9: syntax error at or near \";\""},
    {"select 1)", "42601 at 8: syntax error at or near \")\""},
    {"select @", "42601 at 7: syntax error at or near \"@\""},
    {"select \xc3\xa4", "42601 at 7: syntax error at or near \"\xc3\xa4\""},
    {"select {", "42601 at 7: syntax error at or near \"{\""},
    {"select $ 1", "42601 at 7: syntax error at or near \"$\""},
    {"select 'abc", "42601 at 7: unterminated quoted string at or near "
                    "\"'abc\""},
    {"select \"abc", "42601 at 7: unterminated quoted identifier at or "
                     "near \"\"abc\""},
    {"select E'a\\'", "42601 at 7: unterminated quoted string at or near "
                      "\"E'a\\'\""},
    {"select $a$x$b$", "42601 at 7: unterminated dollar-quoted string at "
                       "or near \"$a$x$b$\""},
    {"select 1 /* /* */", "42601 at 9: unterminated /* comment at or near "
                          "\"/* /* */\""},
    {"select 12ab", "42601 at 7: trailing junk after numeric literal at "
                    "or near \"12ab\""},
    {"select 0x", "42601 at 7: trailing junk after numeric literal at or "
                  "near \"0x\""},
    {"select $1a", "42601 at 7: trailing junk after numeric literal at or "
                   "near \"$1a\""},
    {"select 9223372036854775808",
     "22003 at 7: value \"9223372036854775808\" is out of range for type "
     "INT64"},
    {"select -(9223372036854775808)",
     "22003 at 9: value \"9223372036854775808\" is out of range for type "
     "INT64"},
    {"select 9223372036854775808, -9223372036854775808",
     "22003 at 29: value \"9223372036854775808\" is out of range for type "
     "INT64"},
    {"select -9223372036854775808 ** 2",
     "22003 at 8: value \"9223372036854775808\" is out of range for type "
     "INT64"},
    {"select 0x1ffffffffffffffff",
     "22003 at 7: value \"0x1ffffffffffffffff\" is out of range for type "
     "INT64"},
    {"select a in [1, 9223372036854775808]",
     "22003 at 16: value \"9223372036854775808\" is out of range for type "
     "INT64"},
    {"select 1e400", "22003 at 7: value \"1e400\" is out of range for "
                     "type DOUBLE"},
    {"select X'0'", "22P02 at 7: invalid hexadecimal data: odd number of "
                    "digits"},
    {"select X'0g'", "22P02 at 10: \"g\" is not a valid hexadecimal "
                     "digit"},
    {"select B'012'", "22P02 at 11: \"2\" is not a valid binary digit"},
    {"select E'\\ud800'", "22025 at 9: invalid escape sequence \"\\u\"\n"
                          "HINT Write a backslash as \"\\\\\"."},
    {"select \"a\\d\"", "22025 at 9: invalid escape sequence \"\\d\"\n"
                        "HINT Write a backslash as \"\\\\\"."},
    {"select E'\\xff'", "22021 at 7: escapes make a byte sequence that is "
                        "not valid UTF-8 text"},
    {"select E'\\000'", "22021 at 7: escapes make a byte sequence that is "
                        "not valid UTF-8 text"},
    {"select 1 as \"\"", "42601 at 12: zero-length delimited identifier "
                         "at or near \"\"\"\""},
    {"select $0", "42P02 at 7: there is no parameter $0"},
    {"select $65536", "54000 at 7: statement has more than 65535 "
                      "parameters"},
    {"select $1, ?", "42601 at 11: parameters ? and $n cannot be used "
                     "together"},
    {"select a[1, 2]", "42601 at 10: syntax error at or near \",\""},
    {"search c for $1 where a where b", "42601 at 24: duplicate WHERE clause"},
    {"search c for $1 limit 1 order by a limit 2",
     "42601 at 35: duplicate LIMIT clause"},
    {"search c for $1 with (a = 1) with (b = 1)",
     "42601 at 29: duplicate WITH clause"},
    {"select 1 from c order by a limit 1 limit 1",
     "42601 at 35: duplicate LIMIT clause"},
    {"select a from t u w", "42601 at 18: syntax error at or near \"w\""},
    {"create table c (a int64 primary key primary key)",
     "42601 at 36: duplicate PRIMARY KEY clause"},
    {"search c for $1 with (ef = 1, EF = 2)",
     "42601 at 30: option \"EF\" is given twice"},
    {"select a from c limit 1 with (nprobe = 1) search params (nprobe=2)",
     "42601 at 57: option \"nprobe\" is given twice"},
    {"search c partition p for $1 limit 1 partition q",
     "42601 at 36: duplicate PARTITION clause"},
    {"create table c (a int64 null not null)",
     "42601 at 29: conflicting NULL/NOT NULL declarations"},
    {"upsert into c values (1) on conflict do nothing",
     "42601 at 25: syntax error at or near \"on\""},
    {"explain explain select 1",
     "42601 at 8: syntax error at or near \"explain\""},
    {"foo bar", "42601 at 0: syntax error at or near \"foo\""},
    {"show foo bar", "42601 at 9: syntax error at or near \"bar\""},
    {"show databases from c", "42601 at 20: syntax error at or near \"c\""},
    {"create foo", "42601 at 7: syntax error at or near \"foo\""},
    {"selct 1", "42601 at 0: syntax error at or near \"selct\"\n"
                "HINT Perhaps you meant \"SELECT\"."},
    {"select * form t", "42601 at 9: syntax error at or near \"form\"\n"
                        "HINT Perhaps you meant \"FROM\"."},
    {"select * from t wehre a = 1",
     "42601 at 22: syntax error at or near \"a\"\n"
     "HINT Perhaps you meant \"WHERE\"."},
    {"create collecton c (a int64)",
     "42601 at 7: syntax error at or near \"collecton\"\n"
     "HINT Perhaps you meant \"COLLECTION\"."},
};

static void
test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        char expected[600];
        snprintf(expected, sizeof expected, "ERROR %s\n", errors[i][1]);
        expect_error(errors[i][0], strlen(errors[i][0]), expected);
    }
    expect_error("select '\xff'", 10,
                 "ERROR 22021 at 8: invalid byte sequence for encoding "
                 "\"UTF8\": 0xff\n");
    expect_error("select \0 1", 10,
                 "ERROR 22021 at 7: invalid byte sequence for encoding "
                 "\"UTF8\": 0x00\n");
}

static void
test_names(void **state)
{
    (void)state;
    char sql[600];
    for (size_t size = 254; size <= 256; size++) {
        memset(sql, 'n', sizeof sql);
        memcpy(sql, "use ", 4);
        Arena arena;
        Error err = ERROR_INIT;
        Statement statement;
        arena_init(&arena, 0);
        mql_status status = sql_parse(&arena, sql, 4 + size, &statement, &err);
        assert_int_equal(status, size <= 255 ? MQL_OK : MQL_INVALID);
        assert_string_equal(err.sqlstate, size <= 255 ? "" : "42622");
        assert_int_equal(err.position, size <= 255 ? -1 : 4);
        arena_free(&arena);
    }
}

/* ---- parameters, vectors, sizes, keywords ---- */

static void
test_vector(void **state)
{
    (void)state;
    Arena arena;
    Error err = ERROR_INIT;
    const Node *root, *list;
    const char *sql = "[1, -2.5, +3e2,9007199254740993 , .5]";

    arena_init(&arena, 0);
    assert_int_equal(
        sql_parse_expression(&arena, sql, strlen(sql), &root, &err), MQL_OK);
    assert_int_equal(root->kind, NODE_VECTOR);
    assert_int_equal(root->count, 5);
    assert_true(root->floats[1] == -2.5f && root->floats[2] == 300.0f);

    assert_int_equal(node_vector_to_list(&arena, root, &list, &err), MQL_OK);
    assert_int_equal(list->kind, NODE_LIST);
    assert_int_equal(list->count, 5);
    assert_int_equal(node_at(list, 0)->kind, NODE_INTEGER);
    assert_int_equal(node_at(list, 1)->kind, NODE_REAL);
    assert_true(node_at(list, 1)->real == -2.5);
    assert_true(node_at(list, 3)->integer == 9007199254740993);
    assert_int_equal(node_at(list, 3)->position, 15);
    assert_true(node_at(list, 4)->real == 0.5);
    assert_null(node_at(list, 5));
    assert_ptr_equal(node_child(list, NODE_REAL), node_at(list, 1));
    assert_null(node_child(list, NODE_NAME));

    sql = "[9223372036854775808]"; /* a float, but no integer */
    assert_int_equal(
        sql_parse_expression(&arena, sql, strlen(sql), &root, &err), MQL_OK);
    assert_int_equal(root->kind, NODE_VECTOR);
    assert_int_equal(node_vector_to_list(&arena, root, &list, &err),
                     MQL_INVALID);
    assert_string_equal(err.sqlstate, "22003");
    assert_null(list);
    arena_free(&arena);
}

static void
expect_size(const char *sql, size_t size)
{
    assert_int_equal(sql_statement_size(sql, strlen(sql)), size);
}

static void
test_statement_size(void **state)
{
    (void)state;
    expect_size("", 0);
    expect_size("select 1", 0);
    expect_size("select 1; select 2;", 9);
    expect_size(";;", 1);
    expect_size("select ';'';' ; x", 15);
    expect_size("select \";\\\";\" ; x", 15);
    expect_size("select E'\\';' ; x", 15);
    expect_size("select '\\'; x", 11);
    expect_size("select r'\\'; x", 12);
    expect_size("select `;` ; x", 12);
    expect_size("select $$;$$ ; x", 14);
    expect_size("select $a$;$$;$a$ ; x", 19);
    expect_size("select a$a$;", 0);
    expect_size("select $1;$2;", 10);
    expect_size("select 1 -- ;\n; x", 15);
    expect_size("select /* ; /* ; */ ; */ 1; x", 27);
    expect_size("select (1; 2); x", 14);
    expect_size("select (1; 2", 0);
    expect_size("select 1); x", 10);
    expect_size("select 'x", 0);
    expect_size("select $a$ ; $b$", 0);
    expect_size("select /* ;", 0);
    expect_size("select -- ;", 0);
}

/* The statement's end is known for a failed one too, and a script goes on
 * there. */
static void
test_script(void **state)
{
    (void)state;
    const char *sql = " select 1; foo bar ';' baz; ; use d";
    static const size_t sizes[] = {10, 17, 2, 6};
    static const mql_status statuses[] = {MQL_OK, MQL_SYNTAX, MQL_OK, MQL_OK};
    for (int i = 0; i < 4; i++) {
        Arena arena;
        Error err = ERROR_INIT;
        Statement statement;
        arena_init(&arena, 0);
        assert_int_equal(sql_parse(&arena, sql, strlen(sql), &statement, &err),
                         statuses[i]);
        assert_int_equal(statement.size, sizes[i]);
        sql += statement.size;
        arena_free(&arena);
    }
    assert_string_equal(sql, "");
}

static void
test_keywords(void **state)
{
    (void)state;
    int32_t count = 0;
    for (; sql_keyword(count) != NULL; count++) {
        if (count > 0)
            assert_true(strcmp(sql_keyword(count - 1), sql_keyword(count)) < 0);
    }
    assert_true(count > 100);
    assert_null(sql_keyword(-1));
}

/* A keyword that is not reserved may name a field anywhere. */
static void
test_keywords_as_names(void **state)
{
    (void)state;
    static const char *const reserved[] = {
        "AND",    "AS",     "BETWEEN", "CASE",      "CAST",   "DISTINCT",
        "ELSE",   "EXCEPT", "EXISTS",  "FALSE",     "FOR",    "FROM",
        "HAVING", "ILIKE",  "IN",      "INTERSECT", "IS",     "LIKE",
        "NOT",    "NULL",   "ON",      "OR",        "SELECT", "THEN",
        "TRUE",   "UNION",  "WHEN",    "WHERE",     "WITH",
    };
    static const char *const uses[] = {
        "select a.%s, %s + 1 as %s from c where %s[1] > 2 order by %s",
        "search c on %s for $1 where %s > 1 returning %s",
        "create collection c (a int64, %s varchar(10) not null, z int8)",
        "insert into c (a, %s) values (1, 2)",
        "create index on c (%s)",
        "use %s",
    };
    for (int32_t i = 0; sql_keyword(i) != NULL; i++) {
        const char *word = sql_keyword(i);
        bool is_reserved = false;
        for (size_t k = 0; k < sizeof reserved / sizeof reserved[0]; k++)
            is_reserved |= strcmp(word, reserved[k]) == 0;
        for (size_t use = is_reserved ? 2 : 0;
             use < (is_reserved ? 3 : sizeof uses / sizeof uses[0]); use++) {
            char sql[400];
            size_t size = 0;
            for (const char *p = uses[use]; *p != '\0'; p++) {
                if (*p != '%')
                    sql[size++] = *p;
                else
                    p++, size += (size_t)snprintf(sql + size, 40, "%s", word);
            }
            sql[size] = '\0';
            Arena arena;
            Error err = ERROR_INIT;
            Statement statement;
            arena_init(&arena, 0);
            mql_status status = sql_parse(&arena, sql, size, &statement, &err);
            if (is_reserved != (status != MQL_OK))
                print_message("%s\n", sql);
            assert_int_equal(status, is_reserved ? MQL_SYNTAX : MQL_OK);
            arena_free(&arena);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_statement_size),
        cmocka_unit_test(test_script),
        cmocka_unit_test(test_keywords),
        cmocka_unit_test(test_keywords_as_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
