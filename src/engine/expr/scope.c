/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scope.c - names of columns: exact spelling first, then any letter case.
 */
#include "engine/expr/expr_internal.h"

int32_t
scope_find(const Scope *scope, Slice name)
{
    int32_t found = -1;
    for (uint32_t i = 0; i < scope->column_count; i++) {
        if (slice_equal(scope->columns[i].name, name))
            return (int32_t)i;
        if (slice_equal_nocase(scope->columns[i].name, name))
            found = found == -1 ? (int32_t)i : -2;
    }
    return found;
}

/* Names near `name` in "a", "b" form; returns their number, at most two. */
static uint32_t
near_names(const Scope *scope, Slice name, Slice near[2])
{
    uint32_t count = 0;
    for (uint32_t most = 1; most <= NAME_DISTANCE_MOST && count == 0; most++) {
        for (uint32_t i = 0; i < scope->column_count && count < 2; i++) {
            if (name_distance(name, scope->columns[i].name) == most)
                near[count++] = scope->columns[i].name;
        }
    }
    return count;
}

static mql_status
undefined_column(Analyser *analyser, Slice name, int64_t position)
{
    Slice near[2];
    Error *err = analyser->err;
    error_at(err, ERR_UNDEFINED_COLUMN, position,
             "field \"%.*s\" does not exist", (int)name.size, name.data);
    uint32_t count = near_names(analyser->scope, name, near);
    if (count == 2)
        return error_hint(err, "Did you mean \"%.*s\" or \"%.*s\"?",
                          (int)near[0].size, near[0].data, (int)near[1].size,
                          near[1].data);
    if (count == 1)
        return error_hint(err, "Did you mean \"%.*s\"?", (int)near[0].size,
                          near[0].data);
    return err->status;
}

mql_status
undefined_quoted(Analyser *analyser, Slice name, int64_t position)
{
    int size = name.size > 64 ? 64 : (int)name.size;
    error_at(analyser->err, ERR_UNDEFINED_COLUMN, position,
             "field \"%.*s\" does not exist", (int)name.size, name.data);
    return error_hint(analyser->err,
                      "A string is written in single quotes: '%.*s'.", size,
                      name.data);
}

static mql_status
make_column(Analyser *analyser, uint32_t column, int64_t position, Expr **out)
{
    Expr *expr = make_expr(analyser, EXPR_COLUMN, TYPE_NULL, position);
    if (expr == NULL)
        return MQL_NO_MEMORY;
    expr->type = analyser->scope->columns[column].type;
    expr->column = column;
    if (analyser->scope->used != NULL)
        analyser->scope->used[column] = true;
    *out = expr;
    return MQL_OK;
}

/* $meta["name"] */
static mql_status
make_dynamic(Analyser *analyser, int32_t column, Slice name, int64_t position,
             Expr **out)
{
    Expr *arguments[2];
    Value key = value_text(name);
    TRY(make_column(analyser, (uint32_t)column, position, &arguments[0]));
    TRY(make_constant(analyser, &key, position, &arguments[1]));
    return make_call(analyser, function_named("json_get"), arguments, 2,
                     position, out);
}

mql_status
analyse_column(Analyser *analyser, Slice name, int64_t position, Expr **out)
{
    int32_t column = scope_find(analyser->scope, name);
    if (column >= 0)
        return make_column(analyser, (uint32_t)column, position, out);
    if (column == -2)
        return error_at(analyser->err, ERR_AMBIGUOUS_COLUMN, position,
                        "field reference \"%.*s\" is ambiguous", (int)name.size,
                        name.data);
    if (analyser->scope->dynamic_column >= 0)
        return make_dynamic(analyser, analyser->scope->dynamic_column, name,
                            position, out);
    return undefined_column(analyser, name, position);
}

mql_status
analyse_second(Analyser *analyser, Slice name, int64_t position, Expr **out)
{
    const Scope *scope = analyser->scope;
    const Scope second = {.columns = scope->columns + scope->column_count,
                          .column_count = scope->second_count};
    int32_t column = scope_find(&second, name);
    if (column >= 0)
        return make_column(analyser, scope->column_count + (uint32_t)column,
                           position, out);
    if (column == -1 && scope->second_dynamic >= 0)
        return make_dynamic(analyser, scope->second_dynamic, name, position,
                            out);
    return column == -2
               ? error_at(analyser->err, ERR_AMBIGUOUS_COLUMN, position,
                          "field reference \"%.*s\" is ambiguous",
                          (int)name.size, name.data)
               : undefined_column(analyser, name, position);
}
