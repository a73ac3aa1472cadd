/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print.c - expressions as text, for EXPLAIN. Long lists and vectors are
 * shortened.
 */
#include "engine/expr/expr_internal.h"

#define LIST_SHOWN 8
#define VECTOR_SHOWN 4
#define BITS_SHOWN 32u
#define TEXT_SHOWN 64

typedef struct Printer {
    Buffer *out;
    const Scope *scope;
} Printer;

static void print(const Printer *printer, const Expr *expr);

static void
print_string(Buffer *out, Slice text)
{
    size_t size = text.size;
    if (size > TEXT_SHOWN) {
        size = TEXT_SHOWN;
        while (size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
            size--;
    }
    buffer_append_char(out, '\'');
    for (size_t i = 0; i < size; i++) {
        if (text.data[i] == '\'')
            buffer_append_char(out, '\'');
        buffer_append_char(out, text.data[i]);
    }
    buffer_append_text(out, size < text.size ? "...'" : "'");
}

static void
print_vector(Buffer *out, const Value *value)
{
    uint32_t dim = value_dimension(value);
    uint32_t shown = dim > VECTOR_SHOWN ? VECTOR_SHOWN : dim;
    Value part = value_elements(value->type.kind, value->bytes.data, shown);
    value_print(out, &part);
    if (shown < dim) {
        out->size -= out->size > 0; /* the bracket */
        buffer_printf(out, ",...](%u)", dim);
    }
}

/* B'1010...'(64) */
static void
print_bits(Buffer *out, const Value *value)
{
    uint32_t dim = value_dimension(value);
    bool is_long = dim > BITS_SHOWN;
    Value part = value_elements(value->type.kind, value->bytes.data,
                                is_long ? BITS_SHOWN : dim);
    buffer_append_text(out, "B'");
    value_print(out, &part);
    buffer_append_text(out, is_long ? "...'" : "'");
    if (is_long)
        buffer_printf(out, "(%u)", dim);
}

static void
print_value(Buffer *out, const Value *value)
{
    Buffer text = BUFFER_INIT;
    if (value->is_null) {
        buffer_append_text(out, "NULL");
        return;
    }
    switch (value->type.kind) {
    case TYPE_BOOL:
        buffer_append_text(out, value->boolean ? "true" : "false");
        return;
    case TYPE_FLOAT_VECTOR:
    case TYPE_FLOAT16_VECTOR:
    case TYPE_BFLOAT16_VECTOR:
    case TYPE_INT8_VECTOR:
        print_vector(out, value);
        return;
    case TYPE_BINARY_VECTOR:
        print_bits(out, value);
        return;
    case TYPE_VARCHAR:
    case TYPE_TIMESTAMPTZ:
    case TYPE_JSON:
    case TYPE_ARRAY:
        value_print(&text, value);
        print_string(out, buffer_slice(&text));
        buffer_free(&text);
        return;
    default:
        value_print(out, value);
    }
}

static void
print_arguments(const Printer *printer, const Expr *expr, const char *separator)
{
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        if (i == LIST_SHOWN * 2) {
            buffer_printf(printer->out, "%s... (%u)", separator,
                          expr->argument_count);
            return;
        }
        if (i > 0)
            buffer_append_text(printer->out, separator);
        print(printer, expr->arguments[i]);
    }
}

static void
print_infix(const Printer *printer, const Expr *expr, const char *operator_text)
{
    buffer_append_char(printer->out, '(');
    print(printer, expr->arguments[0]);
    buffer_printf(printer->out, " %s ", operator_text);
    print(printer, expr->arguments[1]);
    buffer_append_char(printer->out, ')');
}

static void
print_list(const Printer *printer, const Expr *expr)
{
    Buffer *out = printer->out;
    buffer_append_char(out, '(');
    print(printer, expr->arguments[0]);
    buffer_append_text(out, expr->is_negated ? " NOT IN (" : " IN (");
    for (uint32_t i = 0; i < expr->list_count && i < LIST_SHOWN; i++) {
        if (i > 0)
            buffer_append_text(out, ", ");
        print_value(out, &expr->list[i]);
    }
    if (expr->list_count > LIST_SHOWN)
        buffer_printf(out, ", ... (%u)", expr->list_count);
    if (expr->list_has_null)
        buffer_append_text(out, expr->list_count > 0 ? ", NULL" : "NULL");
    buffer_append_text(out, "))");
}

static void
print_get(const Printer *printer, const Expr *expr)
{
    const Expr *key = expr->arguments[1];
    print(printer, expr->arguments[0]);
    buffer_append_char(printer->out, '[');
    if (key->kind == EXPR_CONSTANT && key->type.kind == TYPE_VARCHAR)
        json_print_string(printer->out, key->value.bytes);
    else
        print(printer, key);
    buffer_append_char(printer->out, ']');
}

/* What analysis put in shows as what was written. */
static bool
print_special(const Printer *printer, const Expr *expr)
{
    const char *name = expr->function->name;
    Buffer *out = printer->out;
    bool is_truth = strcmp(name, "is true") == 0;
    if (strcmp(name, "json_get") == 0) {
        print_get(printer, expr);
    } else if (strncmp(name, "json_as_", 8) == 0) {
        print(printer, expr->arguments[0]);
    } else if (strncmp(name, "json ", 5) == 0) {
        print_infix(printer, expr, name + 5);
    } else if (is_truth || strcmp(name, "is false") == 0) {
        buffer_append_char(out, '(');
        print(printer, expr->arguments[0]);
        buffer_append_text(out, is_truth ? " IS TRUE)" : " IS FALSE)");
    } else if (strcmp(name, "in_list") == 0) {
        print_infix(printer, expr, "IN");
    } else if (strcmp(name, "is distinct from") == 0) {
        print_infix(printer, expr, "IS DISTINCT FROM");
    } else if (strcmp(name, "negate") == 0 || strcmp(name, "~x") == 0) {
        buffer_append_text(out, name[0] == '~' ? "(~ " : "(- ");
        print(printer, expr->arguments[0]);
        buffer_append_char(out, ')');
    } else if (strcmp(name, "exists") == 0) {
        buffer_append_text(out, "(EXISTS ");
        print(printer, expr->arguments[0]);
        buffer_append_char(out, ')');
    } else {
        return false;
    }
    return true;
}

static void
print_call(const Printer *printer, const Expr *expr)
{
    if (print_special(printer, expr))
        return;
    if ((expr->function->flags & FUNCTION_OPERATOR) != 0) {
        print_infix(printer, expr, expr->function->name);
        return;
    }
    buffer_append_text(printer->out, expr->function->name);
    buffer_append_char(printer->out, '(');
    print_arguments(printer, expr, ", ");
    buffer_append_char(printer->out, ')');
}

static void
print_case(const Printer *printer, const Expr *expr)
{
    Buffer *out = printer->out;
    buffer_append_text(out, "CASE");
    for (uint32_t i = 0; i + 1 < expr->argument_count; i += 2) {
        buffer_append_text(out, " WHEN ");
        print(printer, expr->arguments[i]);
        buffer_append_text(out, " THEN ");
        print(printer, expr->arguments[i + 1]);
    }
    if (expr->argument_count % 2 != 0) {
        buffer_append_text(out, " ELSE ");
        print(printer, expr->arguments[expr->argument_count - 1]);
    }
    buffer_append_text(out, " END");
}

static void
print_like(const Printer *printer, const Expr *expr)
{
    static const char *const names[] = {"LIKE", "NOT LIKE", "ILIKE",
                                        "NOT ILIKE"};
    print_infix(printer, expr,
                names[expr->is_negated + 2 * expr->ignores_case]);
}

static void
print_column(const Printer *printer, const Expr *expr)
{
    const Scope *scope = printer->scope;
    uint32_t count =
        scope == NULL ? 0 : scope->column_count + scope->second_count;
    if (expr->column >= count) {
        buffer_printf(printer->out, "#%u", expr->column);
        return;
    }
    if (expr->column >= scope->column_count) {
        buffer_append_slice(printer->out, scope->second_qualifier);
        buffer_append_char(printer->out, '.');
    }
    buffer_append_slice(printer->out, scope->columns[expr->column].name);
}

static void
print_nary(const Printer *printer, const Expr *expr)
{
    buffer_append_char(printer->out, '(');
    print_arguments(printer, expr, expr->kind == EXPR_AND ? " AND " : " OR ");
    buffer_append_char(printer->out, ')');
}

/* prefix expression suffix */
static void
print_around(const Printer *printer, const char *prefix, const Expr *expr,
             const char *suffix)
{
    buffer_append_text(printer->out, prefix);
    print(printer, expr->arguments[0]);
    buffer_append_text(printer->out, suffix);
}

static void
print_cast(const Printer *printer, const Expr *expr)
{
    print(printer, expr->arguments[0]);
    if (!expr->is_explicit)
        return;
    buffer_append_text(printer->out, "::");
    type_print(printer->out, expr->type);
}

static void
print(const Printer *printer, const Expr *expr)
{
    switch (expr->kind) {
    case EXPR_CONSTANT:
        print_value(printer->out, &expr->value);
        return;
    case EXPR_PARAMETER:
        buffer_printf(printer->out, "$%u", expr->parameter + 1);
        return;
    case EXPR_COLUMN:
        print_column(printer, expr);
        return;
    case EXPR_AND:
    case EXPR_OR:
        print_nary(printer, expr);
        return;
    case EXPR_NOT:
        print_around(printer, "(NOT ", expr, ")");
        return;
    case EXPR_COMPARE:
        print_infix(printer, expr, compare_name(expr->compare));
        return;
    case EXPR_IN:
        print_list(printer, expr);
        return;
    case EXPR_IS_NULL:
        print_around(printer, "(", expr,
                     expr->is_negated ? " IS NOT NULL)" : " IS NULL)");
        return;
    case EXPR_LIKE:
        print_like(printer, expr);
        return;
    case EXPR_CALL:
        print_call(printer, expr);
        return;
    case EXPR_CASE:
        print_case(printer, expr);
        return;
    case EXPR_CAST:
        print_cast(printer, expr);
        return;
    case EXPR_LET:
        print(printer, expr->arguments[1]);
        print_around(printer, " [it = ", expr, "]");
        return;
    case EXPR_OPERAND:
        buffer_append_text(printer->out, "it");
        return;
    }
}

void
expr_print(Buffer *out, const Expr *expr, const Scope *scope)
{
    const Printer printer = {out, scope};
    print(&printer, expr);
}
