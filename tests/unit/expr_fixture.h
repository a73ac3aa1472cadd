/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expr_fixture.h - a small table to try expressions on, and one line per
 * expectation.
 *
 * Results are texts of all rows with blanks between: booleans t and f, N for
 * NULL. An expected error is "!22012" and, where given, a part of the message
 * or hint.
 */
#ifndef TESTS_UNIT_EXPR_FIXTURE_H
#define TESTS_UNIT_EXPR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/expr/expr.h"

#define FIXTURE_ROWS 4

/* Name, type, and the rows as text; NULL is NULL. */
typedef struct FixtureColumn {
    const char *name;
    Type type;
    const char *rows[FIXTURE_ROWS];
} FixtureColumn;

static const FixtureColumn fixture_columns[] = {
    {"id", {.kind = TYPE_INT64}, {"1", "2", "3", "4"}},
    {"i8", {.kind = TYPE_INT8}, {"-7", "0", NULL, "127"}},
    {"a",
     {.kind = TYPE_INT64},
     {"-7", "9223372036854775807", "-9223372036854775808", "0"}},
    {"f", {.kind = TYPE_FLOAT}, {"0.1", "0.5", NULL, "-2"}},
    {"d", {.kind = TYPE_DOUBLE}, {"0.1", "1", "9007199254740992", NULL}},
    {"s",
     {.kind = TYPE_VARCHAR, .length = 20},
     {"red", "\xc3\xa4pfel", "", NULL}},
    {"b", {.kind = TYPE_BOOL}, {"t", "f", NULL, "t"}},
    {"ts",
     {.kind = TYPE_TIMESTAMPTZ},
     {"2025-01-31 10:00:00+00", "2024-02-29", NULL, "1970-01-01"}},
    {"j",
     {.kind = TYPE_JSON},
     {"{\"n\": 1, \"s\": \"x\", \"l\": [1, 2, \"a\"], \"o\": {\"k\": true}}",
      "{\"n\": 2.5, \"s\": null, \"l\": [], \"o\": {}}",
      "{\"n\": \"1\", \"big\": 9007199254740993}", NULL}},
    {"tags",
     {.kind = TYPE_ARRAY, .length = 8, .element = TYPE_VARCHAR},
     {"[\"eco\",\"new\"]", "[]", NULL, "[\"old\"]"}},
    {"nums",
     {.kind = TYPE_ARRAY, .length = 8, .element = TYPE_INT64},
     {"[1,2,3]", "[9007199254740993]", "[]", NULL}},
    {"v",
     {.kind = TYPE_FLOAT_VECTOR, .length = 3},
     {"[1,2,2]", "[0,0,0]", "[-1,0,1]", NULL}},
    {"Mixed", {.kind = TYPE_INT64}, {"1", "2", "3", "4"}},
    {"$meta",
     {.kind = TYPE_JSON},
     {"{\"color\": \"red\", \"size\": 5}", "{\"color\": \"blue\"}", "{}",
      NULL}},
};

#define FIXTURE_COLUMNS (sizeof fixture_columns / sizeof *fixture_columns)
#define PARAMETERS 4

typedef struct Fixture {
    Arena arena;
    ScopeColumn names[FIXTURE_COLUMNS];
    Column columns[FIXTURE_COLUMNS];
    Scope scope;
    Batch batch;
    Type parameter_types[PARAMETERS];
    Value parameters[PARAMETERS];
} Fixture;

static Fixture fixture;

static Value
fixture_value(const char *text, Type type)
{
    Value in = text == NULL ? VALUE_NULL : value_text(slice_of(text));
    Value out;
    Error err = ERROR_INIT;
    if (value_convert(&in, type, false, &fixture.arena, &out, &err) != MQL_OK)
        fail_msg("%s: %s", text, err.text);
    return out;
}

static int
fixture_setup(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof fixture);
    arena_init(&fixture.arena, 0);
    for (size_t i = 0; i < FIXTURE_COLUMNS; i++) {
        const FixtureColumn *column = &fixture_columns[i];
        ColumnBuilder builder;
        Error err = ERROR_INIT;
        assert_int_equal(column_builder_init(&builder, column->type,
                                             FIXTURE_ROWS, &fixture.arena,
                                             &err),
                         MQL_OK);
        for (uint32_t row = 0; row < FIXTURE_ROWS; row++) {
            Value value = fixture_value(column->rows[row], column->type);
            column_builder_set(&builder, row, &value);
        }
        fixture.names[i] = (ScopeColumn){slice_of(column->name), column->type};
        fixture.columns[i] = column_builder_finish(&builder);
    }
    fixture.scope = (Scope){.columns = fixture.names,
                            .column_count = FIXTURE_COLUMNS - 1,
                            .qualifier = SLICE_LITERAL("t"),
                            .dynamic_column = -1,
                            .parameter_types = fixture.parameter_types,
                            .parameter_count = PARAMETERS};
    fixture.batch = (Batch){.count = FIXTURE_ROWS,
                            .column_count = FIXTURE_COLUMNS,
                            .columns = fixture.columns};
    for (int i = 0; i < PARAMETERS; i++)
        fixture.parameters[i] = VALUE_NULL;
    return 0;
}

static int
fixture_teardown(void **state)
{
    (void)state;
    arena_free(&fixture.arena);
    return 0;
}

static mql_status
fixture_analyse(const char *text, Expr **expr, Error *err)
{
    const Node *node;
    mql_status status =
        sql_parse_expression(&fixture.arena, text, strlen(text), &node, err);
    if (status != MQL_OK)
        return status;
    return expr_analyse(node, &fixture.scope, type_of(TYPE_NULL),
                        &fixture.arena, expr, err);
}

static ExprRun
fixture_run(void)
{
    return (ExprRun){.parameters = fixture.parameters,
                     .parameter_count = PARAMETERS,
                     .now = INT64_C(1738317600000000),
                     .user = "root",
                     .database = "default",
                     .arena = &fixture.arena};
}

static void
print_result(Buffer *out, const Value *value)
{
    if (out->size > 0)
        buffer_append_char(out, ' ');
    if (value->is_null)
        buffer_append_char(out, 'N');
    else
        value_print(out, value);
}

static void
print_failure(Buffer *out, const Error *err)
{
    buffer_clear(out);
    buffer_printf(out, "!%s", err->sqlstate);
}

/* All rows at once. */
static void
evaluate(const char *text, Buffer *out, Error *err)
{
    Expr *expr;
    Column column;
    ExprRun run = fixture_run();
    if (fixture_analyse(text, &expr, err) != MQL_OK ||
        expr_eval(expr, &run, &fixture.batch, &fixture.arena, &column, err) !=
            MQL_OK) {
        print_failure(out, err);
        return;
    }
    for (uint32_t row = 0; row < FIXTURE_ROWS; row++) {
        Value value = column_value(&column, row);
        print_result(out, &value);
    }
}

/* Row by row: must be the same. */
static void
evaluate_rows(const char *text, Buffer *out)
{
    Expr *expr;
    Error err = ERROR_INIT;
    ExprRun run = fixture_run();
    if (fixture_analyse(text, &expr, &err) != MQL_OK) {
        print_failure(out, &err);
        return;
    }
    for (uint32_t row = 0; row < FIXTURE_ROWS; row++) {
        Column columns[FIXTURE_COLUMNS];
        Column column;
        for (size_t i = 0; i < FIXTURE_COLUMNS; i++)
            assert_int_equal(column_gather(&fixture.columns[i], &row, 1,
                                           &fixture.arena, &columns[i], &err),
                             MQL_OK);
        const Batch batch = {1, FIXTURE_COLUMNS, columns};
        if (expr_eval(expr, &run, &batch, &fixture.arena, &column, &err) !=
            MQL_OK) {
            print_failure(out, &err);
            return;
        }
        Value value = column_value(&column, 0);
        print_result(out, &value);
    }
}

static bool
is_expected(const char *text, const char *expected, const char *got,
            const Error *err)
{
    const char *part = strchr(expected, ' ');
    if (expected[0] != '!')
        return strcmp(got, expected) == 0;
    if (err->position < 0 || err->position > (int64_t)strlen(text))
        return false;
    return strncmp(got, expected, 6) == 0 &&
           (part == NULL || strstr(err->text, part + 1) != NULL ||
            strstr(err->hint, part + 1) != NULL);
}

/* `expected`: the rows, or "!22012 part of the message". False: it said why. */
static bool
matches(const char *text, const char *expected)
{
    Buffer all = BUFFER_INIT;
    Buffer single = BUFFER_INIT;
    Error err = ERROR_INIT;
    evaluate(text, &all, &err);
    evaluate_rows(text, &single);
    bool is_right = is_expected(text, expected, buffer_text(&all), &err);
    bool is_same = strcmp(buffer_text(&all), buffer_text(&single)) == 0;
    if (!is_right || !is_same)
        print_error(
            "%s\n  gives %s\n  not   %s\n  rows  %s\n  at %d: %s\n  %s\n", text,
            buffer_text(&all), expected, buffer_text(&single),
            (int)err.position, err.text, err.hint);
    buffer_free(&all);
    buffer_free(&single);
    return is_right && is_same;
}

static void
expect(const char *text, const char *expected)
{
    assert_true(matches(text, expected));
}

typedef struct Case {
    const char *text;
    const char *expected;
} Case;

/* Try all of them, then fail. */
static void
expect_all(const Case *cases, size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++)
        wrong += !matches(cases[i].text, cases[i].expected);
    assert_int_equal(wrong, 0);
}

#define EXPECT_ALL(cases) expect_all(cases, sizeof(cases) / sizeof *(cases))

#endif
