/* SPDX-License-Identifier: Apache-2.0 */
/*
 * analyse_operator.c - AND OR NOT, IS, LIKE, regular expressions, arithmetic.
 *
 * An OR of equalities on one field becomes an IN, so that `id = 1 OR id = 2 OR
 * ...` is one lookup in a hash table or an index however long it is.
 */
#include "engine/expr/expr_internal.h"

/* ---- OR of equalities ---- */

/* field = constant (for OR) or field <> constant (for AND), of one kind of
 * value. */
static bool
is_mergeable(const Expr *expr, CompareOp op)
{
    if (expr == NULL || expr->kind != EXPR_COMPARE || expr->compare != op)
        return false;
    const Expr *column = expr->arguments[0];
    const Expr *constant = expr->arguments[1];
    return column->kind == EXPR_COLUMN && constant->kind == EXPR_CONSTANT &&
           !constant->value.is_null && value_class(column->type.kind) != 0 &&
           value_class(column->type.kind) == value_class(constant->type.kind);
}

/* How many such comparisons there are on each column. */
static uint32_t *
count_mergeable(Analyser *analyser, Expr *const *items, uint32_t count,
                CompareOp op)
{
    size_t columns = (size_t)analyser->scope->column_count + 1;
    uint32_t *counts =
        arena_alloc_array(analyser->arena, columns, sizeof *counts);
    for (uint32_t i = 0; counts != NULL && i < count; i++) {
        if (is_mergeable(items[i], op))
            counts[items[i]->arguments[0]->column]++;
    }
    return counts;
}

/* All of them on the column of items[0] as one IN, which takes its place; the
 * others become NULL. */
static mql_status
merge_column(Analyser *analyser, Expr **items, uint32_t count, uint32_t values,
             CompareOp op)
{
    const Expr *model = items[0];
    Expr *column = model->arguments[0];
    uint32_t found = 0;
    Value *list = arena_alloc_array(analyser->arena, values, sizeof *list);
    if (list == NULL)
        return error_no_memory(analyser->err);
    for (uint32_t i = 0; i < count; i++) {
        if (!is_mergeable(items[i], op) ||
            items[i]->arguments[0]->column != column->column)
            continue;
        list[found++] = items[i]->arguments[1]->value;
        items[i] = NULL;
    }
    return make_in(analyser, column, list, found, op == COMPARE_NE,
                   model->position, &items[0]);
}

static mql_status
merge(Analyser *analyser, Expr **items, uint32_t *count, CompareOp op)
{
    uint32_t *counts = count_mergeable(analyser, items, *count, op);
    if (counts == NULL)
        return error_no_memory(analyser->err);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++) {
        if (is_mergeable(items[i], op)) {
            uint32_t values = counts[items[i]->arguments[0]->column];
            if (values > 1)
                TRY(merge_column(analyser, items + i, *count - i, values, op));
        }
        if (items[i] != NULL)
            items[kept++] = items[i];
    }
    *count = kept;
    return MQL_OK;
}

mql_status
analyse_logic(Analyser *analyser, const Node *node, Expr **out)
{
    bool is_and = node->kind == NODE_AND;
    uint32_t count = 0;
    Expr **items = arena_alloc_array(analyser->arena, (size_t)node->count + 1,
                                     sizeof(Expr *));
    if (items == NULL)
        return error_no_memory(analyser->err);
    for (const Node *child = node->first; child != NULL; child = child->next)
        TRY(analyse_bool(analyser, child, is_and ? "AND" : "OR",
                         &items[count++]));
    TRY(merge(analyser, items, &count, is_and ? COMPARE_NE : COMPARE_EQ));
    return make_logic(analyser, is_and ? EXPR_AND : EXPR_OR, items, count,
                      node->position, out);
}

mql_status
analyse_not(Analyser *analyser, const Node *node, Expr **out)
{
    Expr *in;
    TRY(analyse_bool(analyser, node->first, "NOT", &in));
    TRY(make_not(analyser, in, out));
    (*out)->position = node->position;
    return MQL_OK;
}

/* ---- IS ---- */

static mql_status
make_is_null(Analyser *analyser, Expr *in, bool is_negated, int64_t position,
             Expr **out)
{
    Expr *expr = make_expr(analyser, EXPR_IS_NULL, TYPE_BOOL, position);
    if (expr == NULL)
        return MQL_NO_MEMORY;
    expr->is_negated = is_negated;
    TRY(set_arguments(analyser, expr, &in, 1));
    return fold(analyser, expr, out);
}

/* A JSON path IS NULL where Milvus says that it does not exist. */
static mql_status
analyse_is_null(Analyser *analyser, const Node *node, Expr **out)
{
    bool is_negated = (node->flags & FLAG_NOT) != 0;
    Expr *in;
    TRY(analyse(analyser, node->first, no_type, &in));
    if (in->is_quoted)
        return undefined_quoted(analyser, node->first->text, in->position);
    if (!expr_is_call(in, "json_get") || in->type.kind != TYPE_JSON)
        return make_is_null(analyser, in, is_negated, node->position, out);
    TRY(make_call(analyser, function_named("exists"), &in, 1, node->position,
                  out));
    return is_negated ? MQL_OK : make_not(analyser, *out, out);
}

mql_status
analyse_is(Analyser *analyser, const Node *node, Expr **out)
{
    bool is_negated = (node->flags & FLAG_NOT) != 0;
    Expr *in;
    if (slice_equal(node->text, SLICE_LITERAL("null")))
        return analyse_is_null(analyser, node, out);
    TRY(analyse_bool(analyser, node->first, "IS", &in));
    if (slice_equal(node->text, SLICE_LITERAL("unknown")))
        return make_is_null(analyser, in, is_negated, node->position, out);
    bool is_true = slice_equal(node->text, SLICE_LITERAL("true"));
    const Function *function = function_named(is_true ? "is true" : "is false");
    TRY(make_call(analyser, function, &in, 1, node->position, out));
    return is_negated ? make_not(analyser, *out, out) : MQL_OK;
}

/* ---- text ---- */

/* Both sides of LIKE or a regular expression as VARCHAR. */
static mql_status
analyse_text_pair(Analyser *analyser, const Node *node, const char *name,
                  Expr *sides[2])
{
    Type text = type_of(TYPE_VARCHAR);
    const Node *pattern = node->first->next;
    TRY(analyse(analyser, node->first, text, &sides[0]));
    TRY(analyse(analyser, pattern, text, &sides[1]));
    if (sides[0]->is_quoted)
        return undefined_quoted(analyser, node->first->text,
                                sides[0]->position);
    for (int i = 0; i < 2; i++) {
        if (is_null_constant(sides[i]))
            TRY(make_null(analyser, text, sides[i]->position, &sides[i]));
        if (sides[i]->type.kind == TYPE_JSON)
            TRY(make_call(analyser, function_named("json_as_text"), &sides[i],
                          1, sides[i]->position, &sides[i]));
    }
    if (sides[0]->type.kind != TYPE_VARCHAR ||
        sides[1]->type.kind != TYPE_VARCHAR)
        return no_operator(analyser, name, sides[0], sides[1], node->position);
    return MQL_OK;
}

/* ESCAPE 'c': one ASCII character, or '' for none. */
static mql_status
analyse_escape(Analyser *analyser, const Node *node, char *escape)
{
    Expr *expr;
    TRY(analyse(analyser, node, type_of(TYPE_VARCHAR), &expr));
    bool is_text = expr->kind == EXPR_CONSTANT && !expr->value.is_null &&
                   expr->type.kind == TYPE_VARCHAR;
    if (is_text && expr->value.bytes.size == 0) {
        *escape = 0;
        return MQL_OK;
    }
    if (!is_text || expr->value.bytes.size != 1 ||
        (unsigned char)expr->value.bytes.data[0] >= 0x80) {
        error_at(analyser->err, ERR_INVALID_ESCAPE, node->position,
                 "invalid escape string");
        return error_hint(analyser->err, "Escape string must be empty or one "
                                         "ASCII character.");
    }
    *escape = expr->value.bytes.data[0];
    return MQL_OK;
}

mql_status
analyse_like(Analyser *analyser, const Node *node, Expr **out)
{
    Expr *sides[2];
    bool ignores_case = (node->flags & FLAG_NOCASE) != 0;
    TRY(analyse_text_pair(analyser, node, ignores_case ? "ILIKE" : "LIKE",
                          sides));
    Expr *expr = make_expr(analyser, EXPR_LIKE, TYPE_BOOL, node->position);
    if (expr == NULL)
        return MQL_NO_MEMORY;
    expr->is_negated = (node->flags & FLAG_NOT) != 0;
    expr->ignores_case = ignores_case;
    expr->escape = '\\';
    const Node *escape = node->first->next->next;
    if (escape != NULL)
        TRY(analyse_escape(analyser, escape, &expr->escape));
    TRY(set_arguments(analyser, expr, sides, 2));
    if (sides[1]->kind == EXPR_CONSTANT && !sides[1]->value.is_null) {
        LikePattern *pattern;
        if (like_compile(sides[1]->value.bytes, expr->escape, ignores_case,
                         analyser->arena, &pattern, analyser->err) != MQL_OK)
            return error_locate(analyser->err, sides[1]->position);
    }
    return fold(analyser, expr, out);
}

mql_status
analyse_match(Analyser *analyser, const Node *node, Expr **out)
{
    Expr *sides[2];
    TRY(analyse_text_pair(analyser, node, "~", sides));
    if (sides[1]->kind == EXPR_CONSTANT && !sides[1]->value.is_null) {
        Regex *regex;
        if (regex_compile(sides[1]->value.bytes, analyser->arena, &regex,
                          analyser->err) != MQL_OK)
            return error_locate(analyser->err, sides[1]->position);
    }
    TRY(make_call(analyser, function_named("~"), sides, 2, node->position,
                  out));
    if ((node->flags & FLAG_NOT) != 0)
        return make_not(analyser, *out, out);
    return MQL_OK;
}

/* ---- arithmetic ---- */

static mql_status
no_unary(Analyser *analyser, const Node *node, const Expr *in)
{
    char text[TYPE_TEXT_SIZE];
    type_text(text, type_of(in->type.kind));
    return error_at(analyser->err, ERR_UNDEFINED_FUNCTION, node->position,
                    "operator does not exist: %.*s %s", (int)node->text.size,
                    node->text.data, text);
}

/* 0 - x, typed at run time. */
static mql_status
negate_json(Analyser *analyser, Expr *in, int64_t position, Expr **out)
{
    Expr *arguments[2] = {NULL, in};
    Value zero = value_int64(0);
    TRY(make_constant(analyser, &zero, position, &arguments[0]));
    return make_call(analyser, function_named("json -"), arguments, 2, position,
                     out);
}

mql_status
analyse_unary(Analyser *analyser, const Node *node, Expr **out)
{
    char op = node->text.data[0];
    Type wanted = type_of(op == '~' ? TYPE_INT64 : TYPE_DOUBLE);
    Expr *in;
    TRY(analyse(analyser, node->first, no_type, &in));
    if (is_adaptable(in))
        TRY(adapt(analyser, in, wanted, &in));
    if (in->type.kind == TYPE_JSON && op == '-')
        return negate_json(analyser, in, node->position, out);
    bool is_right = op == '~' ? type_is_integer(in->type.kind)
                              : type_is_number(in->type.kind);
    if (!is_right)
        return no_unary(analyser, node, in);
    *out = in;
    if (op == '+')
        return MQL_OK;
    return make_call(analyser, function_named(op == '-' ? "negate" : "~x"), &in,
                     1, node->position, out);
}

static mql_status
analyse_arrow(Analyser *analyser, const Node *node, const char *name,
              Expr **out)
{
    Expr *sides[2];
    TRY(analyse(analyser, node->first, type_of(TYPE_JSON), &sides[0]));
    TRY(analyse(analyser, node->first->next, no_type, &sides[1]));
    if (is_adaptable(sides[1]))
        TRY(adapt(analyser, sides[1], type_of(TYPE_VARCHAR), &sides[1]));
    TypeKind key = sides[1]->type.kind;
    if (sides[0]->type.kind != TYPE_JSON ||
        (key != TYPE_VARCHAR && !type_is_integer(key)))
        return no_operator(analyser, name, sides[0], sides[1], node->position);
    return make_call(analyser, function_named(name), sides, 2, node->position,
                     out);
}

/* A number, or JSON that may be one. */
static bool
is_arithmetic(const Expr *expr)
{
    return type_is_number(expr->type.kind) || expr->type.kind == TYPE_JSON;
}

/* NULL beside a number is a NULL number. */
static mql_status
adapt_numbers(Analyser *analyser, Expr *sides[2])
{
    for (int i = 0; i < 2; i++) {
        Type other = sides[1 - i]->type;
        if (!is_adaptable(sides[i]))
            continue;
        if (!type_is_number(other.kind))
            other = type_of(TYPE_DOUBLE);
        TRY(adapt(analyser, sides[i], other, &sides[i]));
    }
    return MQL_OK;
}

/* The function that computes `name` on JSON, NULL: on numbers only. */
static const Function *
json_operator(Slice name)
{
    switch (name.size == 1 ? name.data[0] : 0) {
    case '+':
        return function_named("json +");
    case '-':
        return function_named("json -");
    case '*':
        return function_named("json *");
    case '/':
        return function_named("json /");
    case '%':
        return function_named("json %");
    default:
        return NULL;
    }
}

static mql_status
analyse_arithmetic(Analyser *analyser, const Node *node,
                   const Function *function, Expr **out)
{
    Expr *sides[2];
    TRY(analyse_pair(analyser, node->first, node->first->next, sides));
    TRY(adapt_numbers(analyser, sides));
    if (!is_arithmetic(sides[0]) || !is_arithmetic(sides[1]))
        return no_operator(analyser, function->name, sides[0], sides[1],
                           node->position);
    const Function *json = json_operator(node->text);
    if (json != NULL &&
        (sides[0]->type.kind == TYPE_JSON || sides[1]->type.kind == TYPE_JSON))
        function = json;
    if (function->arguments[0] == 'i' && (sides[0]->type.kind == TYPE_DOUBLE ||
                                          sides[0]->type.kind == TYPE_FLOAT ||
                                          sides[1]->type.kind == TYPE_DOUBLE ||
                                          sides[1]->type.kind == TYPE_FLOAT))
        return no_operator(analyser, function->name, sides[0], sides[1],
                           node->position);
    return make_call(analyser, function, sides, 2, node->position, out);
}

mql_status
analyse_binary(Analyser *analyser, const Node *node, Expr **out)
{
    char name[8] = {0};
    if (node->text.size >= sizeof name)
        return error_at(analyser->err, ERR_UNDEFINED_FUNCTION, node->position,
                        "operator does not exist");
    memcpy(name, node->text.data, node->text.size);
    if (strcmp(name, "->") == 0 || strcmp(name, "->>") == 0)
        return analyse_arrow(analyser, node, name, out);
    if (strcmp(name, "**") == 0)
        strncpy(name, "^", sizeof name);
    const Function *function = function_named(name);
    if (function == NULL)
        return error_at(analyser->err, ERR_UNDEFINED_FUNCTION, node->position,
                        "operator does not exist: %s", name);
    if (function->row == row_distance)
        return analyse_distance(analyser, node, function, out);
    return analyse_arithmetic(analyser, node, function, out);
}
