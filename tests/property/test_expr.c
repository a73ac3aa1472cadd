/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_expr.c - random expressions mean what a tiny evaluator of one row says.
 *
 * Expressions over two nullable integers, an integer that is never NULL and a
 * nullable boolean are made as trees, printed as text for the engine, and
 * computed by the evaluator below, which knows nothing of batches, masks,
 * folding or lists. SEED=n in the environment tries others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/expr/expr.h"

#define ROWS 300
#define EXPRESSIONS 3000
#define LIST_SIZE 4

typedef struct Tri {
    bool is_null;
    int64_t value; /* booleans: 0 or 1 */
} Tri;

typedef enum TermKind {
    /* integers */
    TERM_COLUMN,
    TERM_LITERAL,
    TERM_ADD,
    TERM_SUBTRACT,
    TERM_MULTIPLY,
    TERM_DIVIDE, /* guarded by a CASE */
    TERM_ABS,
    TERM_COALESCE,
    TERM_NULLIF,
    TERM_GREATEST,
    TERM_CASE,
    TERM_CASE_OF,
    TERM_INTEGERS,
    /* booleans */
    TERM_FLAG,
    TERM_COMPARE,
    TERM_COMPARE_HALF, /* with n + 0.5 */
    TERM_CHAIN,
    TERM_BETWEEN,
    TERM_NOT_BETWEEN,
    TERM_IN,
    TERM_NOT_IN,
    TERM_AND,
    TERM_OR,
    TERM_NOT,
    TERM_IS_NULL,
    TERM_IS_TRUE,
    TERM_IS_NOT_FALSE,
    TERM_DISTINCT,
    TERM_KINDS,
} TermKind;

typedef struct Term Term;
struct Term {
    TermKind kind;
    int number; /* column, literal, operator */
    Term *items[LIST_SIZE];
    int count;
};

typedef struct Row {
    Tri a;
    Tri b;
    Tri k;
    Tri c;
} Row;

static Arena arena;
static uint64_t state_of_random;

static uint32_t
below(uint32_t bound)
{
    state_of_random =
        state_of_random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(state_of_random >> 33) % bound;
}

/* ---- making ---- */

static Term *make_integer(int depth);
static Term *make_bool(int depth);

static Term *
new_term(TermKind kind, int number)
{
    Term *term = arena_new(&arena, Term);
    assert_non_null(term);
    term->kind = kind;
    term->number = number;
    return term;
}

static Term *
make_literal(void)
{
    return new_term(TERM_LITERAL, (int)below(11) - 5);
}

static void
add_integers(Term *term, int count, int depth)
{
    while (term->count < count)
        term->items[term->count++] = make_integer(depth - 1);
}

static Term *
make_integer(int depth)
{
    if (depth <= 0 || below(4) == 0)
        return below(3) == 0 ? make_literal()
                             : new_term(TERM_COLUMN, (int)below(3));
    Term *term =
        new_term((TermKind)(TERM_ADD + below(TERM_INTEGERS - TERM_ADD)), 0);
    switch (term->kind) {
    case TERM_ABS:
        add_integers(term, 1, depth);
        break;
    case TERM_CASE:
        term->items[term->count++] = make_bool(depth - 1);
        add_integers(term, 3, depth);
        break;
    case TERM_CASE_OF:
        add_integers(term, 4, depth);
        break;
    default:
        add_integers(term, 2, depth);
    }
    return term;
}

static void
add_list(Term *term, int depth)
{
    while (term->count < LIST_SIZE)
        term->items[term->count++] =
            below(5) == 0 ? make_integer(depth - 1) : make_literal();
    term->number = below(5) == 0; /* NULL in the list */
}

static Term *
make_bool(int depth)
{
    if (depth <= 0)
        return new_term(TERM_FLAG, (int)below(4));
    Term *term = new_term((TermKind)(TERM_FLAG + below(TERM_KINDS - TERM_FLAG)),
                          (int)below(6));
    switch (term->kind) {
    case TERM_FLAG:
        term->number %= 4;
        break;
    case TERM_COMPARE_HALF:
        add_integers(term, 1, depth);
        term->items[term->count++] = make_literal();
        break;
    case TERM_COMPARE:
    case TERM_DISTINCT:
        add_integers(term, 2, depth);
        break;
    case TERM_CHAIN:
    case TERM_BETWEEN:
    case TERM_NOT_BETWEEN:
        add_integers(term, 3, depth);
        break;
    case TERM_IN:
    case TERM_NOT_IN:
        add_integers(term, 1, depth);
        add_list(term, depth);
        break;
    case TERM_AND:
    case TERM_OR:
        for (int count = 2 + (int)below(3); term->count < count;)
            term->items[term->count++] = make_bool(depth - 1);
        break;
    case TERM_IS_NULL:
        term->items[term->count++] =
            below(2) == 0 ? make_bool(depth - 1) : make_integer(depth - 1);
        break;
    default:
        term->items[term->count++] = make_bool(depth - 1);
    }
    return term;
}

/* ---- text ---- */

static const char *const operators[] = {"=", "<>", "<", "<=", ">", ">="};
static const char *const columns[] = {"a", "b", "k"};
static const char *const flags[] = {"c", "true", "false", "null"};

static void print(Buffer *out, const Term *term);

/* Digits stand for items, @ for the operator, Z for the number 0. */
static void
print_as(Buffer *out, const Term *term, const char *form)
{
    buffer_append_char(out, '(');
    for (; *form != '\0'; form++) {
        if (*form >= '0' && *form <= '3')
            print(out, term->items[*form - '0']);
        else if (*form == 'Z')
            buffer_append_char(out, '0');
        else if (*form == '@')
            buffer_append_text(out, operators[term->number]);
        else
            buffer_append_char(out, *form);
    }
    buffer_append_char(out, ')');
}

static void
print_items(Buffer *out, const Term *term, int first, const char *separator)
{
    buffer_append_char(out, '(');
    for (int i = first; i < term->count; i++) {
        if (i > first)
            buffer_append_text(out, separator);
        print(out, term->items[i]);
    }
}

static void
print_list(Buffer *out, const Term *term, const char *word)
{
    buffer_append_char(out, '(');
    print(out, term->items[0]);
    buffer_append_text(out, word);
    print_items(out, term, 1, ", ");
    buffer_append_text(out, term->number == 1 ? ", null))" : "))");
}

static void
print(Buffer *out, const Term *term)
{
    static const char *const forms[TERM_KINDS] = {
        [TERM_ADD] = "0 + 1",
        [TERM_SUBTRACT] = "0 - 1",
        [TERM_MULTIPLY] = "0 * 1",
        [TERM_DIVIDE] = "case when 1 <> Z then 0 / 1 end",
        [TERM_ABS] = "abs(0)",
        [TERM_COALESCE] = "coalesce(0, 1)",
        [TERM_NULLIF] = "nullif(0, 1)",
        [TERM_GREATEST] = "greatest(0, 1)",
        [TERM_CASE] = "case when 0 then 1 else 2 end",
        [TERM_CASE_OF] = "case 0 when 1 then 2 else 3 end",
        [TERM_COMPARE] = "0 @ 1",
        [TERM_CHAIN] = "0 < 1 <= 2",
        [TERM_BETWEEN] = "0 between 1 and 2",
        [TERM_NOT_BETWEEN] = "0 not between 1 and 2",
        [TERM_NOT] = "not 0",
        [TERM_IS_NULL] = "0 is null",
        [TERM_IS_TRUE] = "0 is true",
        [TERM_IS_NOT_FALSE] = "0 is not false",
        [TERM_DISTINCT] = "0 is distinct from 1",
    };
    switch (term->kind) {
    case TERM_COLUMN:
        buffer_append_text(out, columns[term->number]);
        return;
    case TERM_LITERAL:
        buffer_printf(out, "%d", term->number);
        return;
    case TERM_FLAG:
        buffer_append_text(out, flags[term->number]);
        return;
    case TERM_IN:
        print_list(out, term, " in ");
        return;
    case TERM_NOT_IN:
        print_list(out, term, " not in ");
        return;
    case TERM_AND:
    case TERM_OR:
        print_items(out, term, 0, term->kind == TERM_AND ? " and " : " or ");
        buffer_append_char(out, ')');
        return;
    case TERM_COMPARE_HALF:
        buffer_append_char(out, '(');
        print(out, term->items[0]);
        buffer_printf(out, " %s %d.5)", operators[term->number],
                      term->items[1]->number);
        return;
    default:
        print_as(out, term, forms[term->kind]);
    }
}

/* ---- meaning ---- */

static const Tri unknown = {.is_null = true};

static Tri
tri(int64_t value)
{
    return (Tri){false, value};
}

static bool
satisfies(int op, double x, double y)
{
    switch (op) {
    case 0:
        return x == y;
    case 1:
        return x != y;
    case 2:
        return x < y;
    case 3:
        return x <= y;
    case 4:
        return x > y;
    default:
        return x >= y;
    }
}

static Tri
compare(int op, Tri x, Tri y)
{
    if (x.is_null || y.is_null)
        return unknown;
    return tri(satisfies(op, (double)x.value, (double)y.value));
}

static Tri
negate(Tri x)
{
    return x.is_null ? x : tri(!x.value);
}

static Tri
both(Tri x, Tri y)
{
    if ((!x.is_null && !x.value) || (!y.is_null && !y.value))
        return tri(0);
    return x.is_null || y.is_null ? unknown : tri(1);
}

static Tri
either(Tri x, Tri y)
{
    return negate(both(negate(x), negate(y)));
}

static Tri mean(const Term *term, const Row *row);

static Tri
mean_list(const Term *term, const Row *row)
{
    Tri left = mean(term->items[0], row);
    Tri found = term->number == 1 ? unknown : tri(0);
    for (int i = 1; i < term->count; i++)
        found = either(found, compare(0, left, mean(term->items[i], row)));
    /* NULL IN (...) is NULL even if the list were empty. */
    return left.is_null ? unknown : found;
}

static Tri
mean_integer(const Term *term, const Row *row)
{
    Tri x = mean(term->items[0], row);
    if (term->kind == TERM_CASE)
        return mean(term->items[!x.is_null && x.value ? 1 : 2], row);
    Tri y = term->count > 1 ? mean(term->items[1], row) : unknown;
    bool is_null = x.is_null || y.is_null;
    switch (term->kind) {
    case TERM_ADD:
        return is_null ? unknown : tri(x.value + y.value);
    case TERM_SUBTRACT:
        return is_null ? unknown : tri(x.value - y.value);
    case TERM_MULTIPLY:
        return is_null ? unknown : tri(x.value * y.value);
    case TERM_DIVIDE:
        return is_null || y.value == 0 ? unknown : tri(x.value / y.value);
    case TERM_ABS:
        return x.is_null ? x : tri(x.value < 0 ? -x.value : x.value);
    case TERM_COALESCE:
        return x.is_null ? y : x;
    case TERM_NULLIF:
        return !is_null && x.value == y.value ? unknown : x;
    case TERM_GREATEST:
        if (is_null)
            return x.is_null ? y : x;
        return tri(x.value > y.value ? x.value : y.value);
    default: /* CASE x WHEN y */
        return mean(term->items[!is_null && x.value == y.value ? 2 : 3], row);
    }
}

static Tri
mean_between(const Term *term, const Row *row)
{
    Tri x = mean(term->items[0], row);
    Tri low = mean(term->items[1], row);
    Tri high = mean(term->items[2], row);
    return both(compare(5, x, low), compare(3, x, high));
}

static Tri
mean_logic(const Term *term, const Row *row)
{
    bool is_and = term->kind == TERM_AND;
    Tri result = tri(is_and);
    for (int i = 0; i < term->count; i++) {
        Tri item = mean(term->items[i], row);
        result = is_and ? both(result, item) : either(result, item);
    }
    return result;
}

static Tri
mean_test(const Term *term, const Row *row)
{
    Tri x = mean(term->items[0], row);
    Tri y;
    switch (term->kind) {
    case TERM_NOT:
        return negate(x);
    case TERM_IS_NULL:
        return tri(x.is_null);
    case TERM_IS_TRUE:
        return tri(!x.is_null && x.value);
    case TERM_IS_NOT_FALSE:
        return tri(x.is_null || x.value);
    case TERM_DISTINCT:
        y = mean(term->items[1], row);
        if (x.is_null || y.is_null)
            return tri(x.is_null != y.is_null);
        return tri(x.value != y.value);
    case TERM_COMPARE:
        return compare(term->number, x, mean(term->items[1], row));
    default: { /* TERM_COMPARE_HALF: "-3.5" is below -3 */
        double half = term->items[1]->number < 0 ? -0.5 : 0.5;
        return x.is_null ? x
                         : tri(satisfies(term->number, (double)x.value,
                                         term->items[1]->number + half));
    }
    }
}

static Tri
mean(const Term *term, const Row *row)
{
    const Tri integers[] = {row->a, row->b, row->k};
    const Tri bools[] = {row->c, tri(1), tri(0), unknown};
    switch (term->kind) {
    case TERM_COLUMN:
        return integers[term->number];
    case TERM_LITERAL:
        return tri(term->number);
    case TERM_FLAG:
        return bools[term->number];
    case TERM_IN:
        return mean_list(term, row);
    case TERM_NOT_IN:
        return negate(mean_list(term, row));
    case TERM_BETWEEN:
        return mean_between(term, row);
    case TERM_NOT_BETWEEN:
        return negate(mean_between(term, row));
    case TERM_CHAIN:
        return both(
            compare(2, mean(term->items[0], row), mean(term->items[1], row)),
            compare(3, mean(term->items[1], row), mean(term->items[2], row)));
    case TERM_AND:
    case TERM_OR:
        return mean_logic(term, row);
    default:
        return term->kind < TERM_INTEGERS ? mean_integer(term, row)
                                          : mean_test(term, row);
    }
}

/* ---- comparing ---- */

typedef struct Table {
    Row rows[ROWS];
    Column columns[4];
    Batch batch;
    Scope scope;
} Table;

static const ScopeColumn names[] = {
    {{"a", 1}, {.kind = TYPE_INT64}},
    {{"b", 1}, {.kind = TYPE_INT64}},
    {{"k", 1}, {.kind = TYPE_INT64}},
    {{"c", 1}, {.kind = TYPE_BOOL}},
};

static Tri
random_tri(bool may_be_null, int least, uint32_t span)
{
    if (may_be_null && below(4) == 0)
        return unknown;
    return tri(least + (int)below(span));
}

static void
set_row(ColumnBuilder builders[4], uint32_t i, const Row *row)
{
    const Tri cells[] = {row->a, row->b, row->k, row->c};
    for (int column = 0; column < 4; column++) {
        Value value = column == 3 ? value_bool(cells[column].value != 0)
                                  : value_int64(cells[column].value);
        value.is_null = cells[column].is_null;
        column_builder_set(&builders[column], i, &value);
    }
}

static void
fill_table(Table *table, Arena *rows_arena)
{
    ColumnBuilder builders[4];
    Error err = ERROR_INIT;
    for (int column = 0; column < 4; column++)
        assert_int_equal(column_builder_init(&builders[column],
                                             names[column].type, ROWS,
                                             rows_arena, &err),
                         MQL_OK);
    for (uint32_t i = 0; i < ROWS; i++) {
        table->rows[i] =
            (Row){random_tri(true, -5, 11), random_tri(true, -5, 11),
                  random_tri(false, -5, 11), random_tri(true, 0, 2)};
        set_row(builders, i, &table->rows[i]);
    }
    for (int column = 0; column < 4; column++)
        table->columns[column] = column_builder_finish(&builders[column]);
    table->batch = (Batch){ROWS, 4, table->columns};
    table->scope =
        (Scope){.columns = names, .column_count = 4, .dynamic_column = -1};
}

static void
check_row(const Term *term, const Row *row, const Column *column, uint32_t i,
          const char *text)
{
    Tri expected = mean(term, row);
    Value got = column_value(column, i);
    int64_t value = 0;
    if (!got.is_null)
        value = got.type.kind == TYPE_BOOL ? got.boolean : got.integer;
    if (got.is_null != expected.is_null ||
        (!got.is_null && value != expected.value))
        fail_msg("%s\n  a %d %d b %d %d k %d c %d %d\n  gives %d %d, not %d %d",
                 text, row->a.is_null, (int)row->a.value, row->b.is_null,
                 (int)row->b.value, (int)row->k.value, row->c.is_null,
                 (int)row->c.value, got.is_null, (int)value, expected.is_null,
                 (int)expected.value);
}

static void
check_expression(const Table *table, const Term *term)
{
    Buffer text = BUFFER_INIT;
    Error err = ERROR_INIT;
    const Node *node;
    Expr *expr;
    Column column;
    ExprRun run = {0};
    print(&text, term);
    const char *sql = buffer_text(&text);
    if (sql_parse_expression(&arena, sql, text.size, &node, &err) != MQL_OK ||
        expr_analyse(node, &table->scope, type_of(TYPE_NULL), &arena, &expr,
                     &err) != MQL_OK ||
        expr_eval(expr, &run, &table->batch, &arena, &column, &err) != MQL_OK)
        fail_msg("%s\n  %s %s", sql, err.sqlstate, err.text);
    for (uint32_t i = 0; i < ROWS; i++)
        check_row(term, &table->rows[i], &column, i, sql);
    Buffer printed = BUFFER_INIT;
    expr_print(&printed, expr, &table->scope);
    assert_false(buffer_failed(&printed));
    buffer_free(&printed);
    buffer_free(&text);
}

static void
test_random(void **state)
{
    (void)state;
    Table *table = calloc(1, sizeof *table);
    Arena rows_arena;
    const char *seed = getenv("SEED");
    state_of_random = seed == NULL ? 1 : strtoull(seed, NULL, 10);
    assert_non_null(table);
    arena_init(&arena, 0);
    arena_init(&rows_arena, 0);
    fill_table(table, &rows_arena);
    for (int i = 0; i < EXPRESSIONS; i++) {
        int depth = 1 + (int)below(4);
        check_expression(table,
                         i % 3 == 0 ? make_integer(3) : make_bool(depth));
        arena_reset(&arena);
    }
    arena_free(&arena);
    arena_free(&rows_arena);
    free(table);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
