/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cast.c - giving expressions another type.
 *
 * adapt()   a literal or parameter takes the type of its surroundings
 * coerce()  what storing into a field does, implicit
 * CAST      what the user wrote, explicit
 *
 * The type a literal takes is relaxed: INT8 becomes INT64, VARCHAR(3) VARCHAR,
 * VECTOR(3) VECTOR, because a comparison with a value that does not fit is just
 * false. Sizes and ranges are checked when the value is stored.
 */
#include "engine/expr/expr_internal.h"

static Type
relaxed(Type type)
{
    if (type_is_integer(type.kind))
        return type_of(TYPE_INT64);
    if (type.kind == TYPE_ARRAY) {
        TypeKind element =
            type_is_integer(type.element) ? TYPE_INT64 : type.element;
        return (Type){.kind = TYPE_ARRAY, .element = element};
    }
    return type_of(type.kind);
}

bool
is_adaptable(const Expr *expr)
{
    if (expr->kind == EXPR_PARAMETER)
        return expr->type.kind == TYPE_NULL;
    if (expr->kind != EXPR_CONSTANT)
        return false;
    TypeKind kind = expr->type.kind;
    return kind == TYPE_NULL ||
           (expr->is_literal && (kind == TYPE_VARCHAR || kind == TYPE_JSON ||
                                 kind == TYPE_FLOAT_VECTOR));
}

static mql_status
adapt_parameter(Analyser *analyser, Expr *expr, Type to, Expr **out)
{
    const Scope *scope = analyser->scope;
    *out = expr;
    if (expr->type.kind == TYPE_DOUBLE && to.kind == TYPE_FLOAT)
        expr->type = to;
    if (expr->type.kind != TYPE_NULL)
        return MQL_OK;
    expr->type = relaxed(to);
    if (scope->parameter_types != NULL &&
        expr->parameter < scope->parameter_count &&
        scope->parameter_types[expr->parameter].kind == TYPE_NULL)
        scope->parameter_types[expr->parameter] = to;
    return MQL_OK;
}

/* Convert a constant now; `*out` is a new one. */
static mql_status
convert_constant(Analyser *analyser, const Expr *expr, Type to,
                 bool is_explicit, Expr **out)
{
    Value value;
    if (value_convert(&expr->value, to, is_explicit, analyser->arena, &value,
                      analyser->err) != MQL_OK)
        return error_locate(analyser->err, expr->position);
    return make_constant(analyser, &value, expr->position, out);
}

mql_status
adapt(Analyser *analyser, Expr *expr, Type to, Expr **out)
{
    *out = expr;
    if (expr->kind == EXPR_PARAMETER)
        return adapt_parameter(analyser, expr, to, out);
    if (!is_adaptable(expr) || expr->type.kind == to.kind)
        return MQL_OK;
    if (expr->value.is_null)
        return make_null(analyser, relaxed(to), expr->position, out);
    if (!can_convert(expr->type, to, false) && expr->type.kind != TYPE_VARCHAR)
        return MQL_OK;
    bool is_quoted = expr->is_quoted;
    TRY(convert_constant(analyser, expr, relaxed(to), false, out));
    (*out)->is_quoted = is_quoted;
    return MQL_OK;
}

static bool
can_convert_text(TypeKind to, bool is_explicit)
{
    return is_explicit || to == TYPE_JSON || to == TYPE_ARRAY;
}

static bool
can_convert_number(TypeKind from, TypeKind to, bool is_explicit)
{
    if (to == TYPE_JSON || (type_is_number(from) && type_is_number(to)))
        return true;
    if (from == TYPE_BOOL)
        return is_explicit && type_is_integer(to);
    return is_explicit && to == TYPE_BOOL && type_is_integer(from);
}

bool
can_convert(Type from, Type to, bool is_explicit)
{
    if (from.kind == to.kind || from.kind == TYPE_NULL ||
        from.kind == TYPE_JSON)
        return true;
    if (to.kind == TYPE_VARCHAR)
        return is_explicit;
    if (from.kind == TYPE_VARCHAR)
        return can_convert_text(to.kind, is_explicit);
    if (from.kind == TYPE_BOOL || type_is_number(from.kind))
        return can_convert_number(from.kind, to.kind, is_explicit);
    if (from.kind == TYPE_ARRAY)
        return type_is_dense(to.kind) || to.kind == TYPE_JSON;
    if (type_is_dense(from.kind))
        return type_is_dense(to.kind) || to.kind == TYPE_ARRAY ||
               to.kind == TYPE_JSON;
    if (from.kind == TYPE_BINARY_VECTOR)
        return to.kind == TYPE_JSON;
    return false;
}

static mql_status
make_cast(Analyser *analyser, Expr *in, Type to, bool is_explicit,
          int64_t position, Expr **out)
{
    if (in->kind == EXPR_CONSTANT)
        return convert_constant(analyser, in, to, is_explicit, out);
    Expr *expr = make_expr(analyser, EXPR_CAST, to.kind, position);
    if (expr == NULL)
        return MQL_NO_MEMORY;
    expr->type = to;
    expr->is_explicit = is_explicit;
    *out = expr;
    return set_arguments(analyser, expr, &in, 1);
}

mql_status
coerce(Analyser *analyser, Expr *expr, Type to, Expr **out)
{
    char from_text[TYPE_TEXT_SIZE];
    char to_text[TYPE_TEXT_SIZE];
    if (expr->kind == EXPR_PARAMETER) {
        TRY(adapt(analyser, expr, to, out));
        expr->type = to;
        return MQL_OK;
    }
    TRY(adapt(analyser, expr, to, &expr));
    *out = expr;
    /* A literal's value is checked even when its type fits: VECTOR, VARCHAR. */
    if (type_equal(expr->type, to) && expr->kind != EXPR_CONSTANT)
        return MQL_OK;
    if (can_convert(expr->type, to, false))
        return make_cast(analyser, expr, to, false, expr->position, out);
    type_text(from_text, expr->type);
    type_text(to_text, to);
    error_at(analyser->err, ERR_DATATYPE_MISMATCH, expr->position,
             "expected type %s, but the expression is of type %s", to_text,
             from_text);
    if (can_convert(expr->type, to, true))
        return error_hint(analyser->err, "You will need to write a CAST.");
    return analyser->err->status;
}

mql_status
expr_coerce(Expr *in, Type to, Arena *arena, Expr **out, Error *err)
{
    const Scope none = {.dynamic_column = -1};
    Analyser analyser = {.scope = &none, .arena = arena, .err = err};
    return coerce(&analyser, in, to, out);
}

mql_status
analyse_cast(Analyser *analyser, const Node *node, Expr **out)
{
    const Node *type_name = node_child(node, NODE_TYPE_NAME);
    Type to;
    Expr *in;
    TRY(type_resolve(type_name, &to, NULL, analyser->err));
    TRY(analyse(analyser, node->first, to, &in));
    if (!can_convert(in->type, to, true)) {
        char from_text[TYPE_TEXT_SIZE];
        char to_text[TYPE_TEXT_SIZE];
        type_text(from_text, in->type);
        type_text(to_text, to);
        return error_at(analyser->err, ERR_CANNOT_COERCE, node->position,
                        "cannot cast type %s to %s", from_text, to_text);
    }
    if (type_equal(in->type, to) && in->kind != EXPR_CONSTANT) {
        *out = in;
        return MQL_OK;
    }
    return make_cast(analyser, in, to, true, node->position, out);
}
