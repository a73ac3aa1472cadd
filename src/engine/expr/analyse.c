/* SPDX-License-Identifier: Apache-2.0 */
/*
 * analyse.c - from syntax to expressions: literals, names, parameters, and who
 * analyses the rest.
 *
 * A literal has no type of its own: '2025-01-31' is text until it meets a
 * moment, [1, 2] a vector until it meets an array. analyse() is told the type
 * its context expects where that is known; adapt() changes a literal later,
 * when the other side is known.
 */
#include "engine/expr/expr_internal.h"

bool
literal_value(const Node *node, Value *value)
{
    switch (node->kind) {
    case NODE_NULL_VALUE:
        *value = VALUE_NULL;
        return true;
    case NODE_TRUE_VALUE:
    case NODE_FALSE_VALUE:
        *value = value_bool(node->kind == NODE_TRUE_VALUE);
        return true;
    case NODE_INTEGER:
        *value = value_int64(node->integer);
        return true;
    case NODE_REAL:
        *value = value_double(node->real);
        return true;
    case NODE_STRING:
        *value = value_text(node->text);
        return true;
    default:
        return false;
    }
}

static mql_status
analyse_literal(Analyser *analyser, const Node *node, Type expected, Expr **out)
{
    Value value = VALUE_NULL;
    literal_value(node, &value);
    TRY(make_constant(analyser, &value, node->position, out));
    (*out)->is_literal = true;
    return expected.kind == TYPE_NULL ? MQL_OK
                                      : adapt(analyser, *out, expected, out);
}

/* "x": the field of that name, else a string. */
static mql_status
analyse_double_quoted(Analyser *analyser, const Node *node, Type expected,
                      Expr **out)
{
    if (scope_find(analyser->scope, node->text) != -1)
        return analyse_column(analyser, node->text, node->position, out);
    Value value = value_text(node->text);
    TRY(make_constant(analyser, &value, node->position, out));
    (*out)->is_literal = true;
    (*out)->is_quoted = true;
    return expected.kind == TYPE_NULL ? MQL_OK
                                      : adapt(analyser, *out, expected, out);
}

/* Words that are calls without parentheses, unless there is such a field. */
static const char *
word_function(Slice name)
{
    static const char *const words[] = {"current_user", "current_database",
                                        "current_timestamp"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (slice_equal_nocase(name, slice_of(words[i])))
            return i == 2 ? "now" : words[i];
    }
    return NULL;
}

static mql_status
analyse_name(Analyser *analyser, const Node *node, Expr **out)
{
    const char *word = word_function(node->text);
    if (word != NULL && (node->flags & FLAG_QUOTED) == 0 &&
        scope_find(analyser->scope, node->text) == -1)
        return make_call(analyser, function_named(word), NULL, 0,
                         node->position, out);
    return analyse_column(analyser, node->text, node->position, out);
}

/* ---- parameters ---- */

/* The type of a bound value, except that text takes the type its context wants.
 */
static Type
bound_type(const Scope *scope, uint32_t number, Type expected)
{
    const Value *value = &scope->parameters[number];
    bool is_free = value->is_null || value->type.kind == TYPE_VARCHAR ||
                   type_is_vector(value->type.kind);
    if (is_free && expected.kind != TYPE_NULL)
        return expected;
    return value->is_null ? no_type : value->type;
}

static mql_status
analyse_parameter(Analyser *analyser, const Node *node, Type expected,
                  Expr **out)
{
    const Scope *scope = analyser->scope;
    uint32_t number = (uint32_t)(node->integer - 1);
    Expr *expr = make_expr(analyser, EXPR_PARAMETER, TYPE_NULL, node->position);
    if (expr == NULL)
        return MQL_NO_MEMORY;
    expr->parameter = number;
    expr->is_literal = true;
    *out = expr;
    if (scope->parameter_count != 0 && number >= scope->parameter_count)
        return error_at(analyser->err, ERR_UNDEFINED_PARAMETER, node->position,
                        "there is no parameter $%u", number + 1);
    if (scope->parameters != NULL && number < scope->parameter_count)
        expr->type = bound_type(scope, number, no_type);
    return expected.kind == TYPE_NULL ? MQL_OK
                                      : adapt(analyser, expr, expected, out);
}

/* ---- the rest ---- */

static mql_status
unsupported(Analyser *analyser, const Node *node, const char *what)
{
    return error_at(analyser->err, ERR_FEATURE_NOT_SUPPORTED, node->position,
                    "%s are not supported yet", what);
}

/* B'1010..' and X'a..': a binary vector. */
static mql_status
analyse_bits(Analyser *analyser, const Node *node, Expr **out)
{
    Type type = type_of(TYPE_BINARY_VECTOR);
    Value given = node->kind == NODE_BITS
                      ? value_text(node->text)
                      : (Value){.type = type, .bytes = node->text};
    Value value;
    if (value_convert(&given, type, false, analyser->arena, &value,
                      analyser->err) != MQL_OK)
        return error_locate(analyser->err, node->position);
    return make_constant(analyser, &value, node->position, out);
}

static mql_status
analyse_other(Analyser *analyser, const Node *node, Expr **out)
{
    switch (node->kind) {
    case NODE_BYTES:
    case NODE_BITS:
        return analyse_bits(analyser, node, out);
    case NODE_SPARSE:
        return unsupported(analyser, node, "sparse vectors");
    case NODE_SELECT:
    case NODE_SEARCH:
    case NODE_VALUES:
    case NODE_SET_OPERATION:
    case NODE_HYBRID_SEARCH:
        return unsupported(analyser, node, "subqueries in expressions");
    case NODE_DEFAULT:
        return error_at(analyser->err, ERR_SYNTAX_ERROR, node->position,
                        "DEFAULT is not allowed in this context");
    case NODE_STAR:
        return error_at(analyser->err, ERR_SYNTAX_ERROR, node->position,
                        "\"*\" is not allowed in this context");
    default:
        (void)out;
        return error_at(analyser->err, ERR_FEATURE_NOT_SUPPORTED,
                        node->position, "%s is not supported in an expression",
                        node_kind_name(node->kind));
    }
}

static mql_status
analyse_operator(Analyser *analyser, const Node *node, Expr **out)
{
    switch (node->kind) {
    case NODE_UNARY:
        return analyse_unary(analyser, node, out);
    case NODE_NOT:
        return analyse_not(analyser, node, out);
    case NODE_AND:
    case NODE_OR:
        return analyse_logic(analyser, node, out);
    case NODE_BINARY:
        return analyse_binary(analyser, node, out);
    case NODE_COMPARE:
        return analyse_compare(analyser, node, out);
    case NODE_CHAIN:
        return analyse_chain(analyser, node, out);
    case NODE_IN:
        return analyse_in(analyser, node, out);
    case NODE_BETWEEN:
        return analyse_between(analyser, node, out);
    case NODE_LIKE:
        return analyse_like(analyser, node, out);
    case NODE_MATCH:
        return analyse_match(analyser, node, out);
    case NODE_IS:
        return analyse_is(analyser, node, out);
    case NODE_DISTINCT_FROM:
        return analyse_distinct(analyser, node, out);
    default:
        return analyse_other(analyser, node, out);
    }
}

mql_status
analyse(Analyser *analyser, const Node *node, Type expected, Expr **out)
{
    switch (node->kind) {
    case NODE_NULL_VALUE:
    case NODE_TRUE_VALUE:
    case NODE_FALSE_VALUE:
    case NODE_INTEGER:
    case NODE_REAL:
    case NODE_STRING:
        return analyse_literal(analyser, node, expected, out);
    case NODE_DOUBLE_QUOTED:
        return analyse_double_quoted(analyser, node, expected, out);
    case NODE_NAME:
        return analyse_name(analyser, node, out);
    case NODE_PARAMETER:
        return analyse_parameter(analyser, node, expected, out);
    case NODE_LIST:
        return analyse_list(analyser, node, expected, out);
    case NODE_VECTOR:
        return analyse_vector(analyser, node, expected, out);
    case NODE_DOT:
        return analyse_dot(analyser, node, out);
    case NODE_SUBSCRIPT:
        return analyse_subscript(analyser, node, out);
    case NODE_CAST:
        return analyse_cast(analyser, node, out);
    case NODE_CALL:
        return analyse_call(analyser, node, out);
    case NODE_EXISTS:
        return analyse_exists(analyser, node, out);
    case NODE_CASE:
        return analyse_case(analyser, node, out);
    default:
        return analyse_operator(analyser, node, out);
    }
}

mql_status
analyse_bool(Analyser *analyser, const Node *node, const char *where,
             Expr **out)
{
    char text[TYPE_TEXT_SIZE];
    if (node->kind == NODE_DOUBLE_QUOTED &&
        scope_find(analyser->scope, node->text) == -1)
        return undefined_quoted(analyser, node->text, node->position);
    TRY(analyse(analyser, node, type_of(TYPE_BOOL), out));
    TypeKind kind = (*out)->type.kind;
    if (kind == TYPE_BOOL)
        return MQL_OK;
    if (is_null_constant(*out) && kind == TYPE_NULL)
        return adapt(analyser, *out, type_of(TYPE_BOOL), out);
    type_text(text, (*out)->type);
    error_at(analyser->err, ERR_DATATYPE_MISMATCH, node->position,
             "argument of %s must be type BOOL, not type %s", where, text);
    if (kind == TYPE_JSON)
        return error_hint(analyser->err, "Compare it, as in path = true.");
    return analyser->err->status;
}

mql_status
expr_analyse(const Node *node, const Scope *scope, Type expected, Arena *arena,
             Expr **expr, Error *err)
{
    Analyser analyser = {.scope = scope, .arena = arena, .err = err};
    return analyse(&analyser, node, expected, expr);
}

mql_status
expr_analyse_condition(const Node *node, const Scope *scope, const char *clause,
                       Arena *arena, Expr **expr, Error *err)
{
    Analyser analyser = {.scope = scope, .arena = arena, .err = err};
    return analyse_bool(&analyser, node, clause, expr);
}
