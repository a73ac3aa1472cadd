/* SPDX-License-Identifier: Apache-2.0 */
/*
 * function_choose.c - choosing among arguments, and truth of what may be NULL.
 */
#include "engine/expr/expr_internal.h"

mql_status
row_coalesce(const RowCall *call, const Value *arguments, Value *result,
             Error *err)
{
    (void)err;
    result->is_null = true;
    for (uint32_t i = 0; i < call->expr->argument_count; i++) {
        if (!arguments[i].is_null) {
            *result = arguments[i];
            break;
        }
    }
    return MQL_OK;
}

mql_status
row_nullif(const RowCall *call, const Value *arguments, Value *result,
           Error *err)
{
    int order;
    (void)call;
    (void)err;
    *result = arguments[0];
    if (!arguments[0].is_null && !arguments[1].is_null &&
        value_compare(&arguments[0], &arguments[1], &order) && order == 0)
        result->is_null = true;
    return MQL_OK;
}

mql_status
row_greatest(const RowCall *call, const Value *arguments, Value *result,
             Error *err)
{
    bool wants_least = call->expr->function->operation == 1;
    (void)err;
    result->is_null = true;
    for (uint32_t i = 0; i < call->expr->argument_count; i++) {
        int order = 0;
        if (arguments[i].is_null)
            continue;
        bool is_comparable =
            !result->is_null && value_compare(&arguments[i], result, &order);
        if (result->is_null ||
            (is_comparable && (wants_least ? order < 0 : order > 0)))
            *result = arguments[i];
    }
    return MQL_OK;
}

mql_status
row_is_truth(const RowCall *call, const Value *arguments, Value *result,
             Error *err)
{
    bool wanted = call->expr->function->operation == 1;
    (void)err;
    result->boolean = !arguments[0].is_null && arguments[0].boolean == wanted;
    return MQL_OK;
}

/* JSON beside another type: a JSON value of another kind is distinct from it.
 */
static bool
is_equal(const Value *a, const Value *b)
{
    int order;
    if (a->type.kind == TYPE_JSON)
        return json_compare_value(json_of(a->bytes), b, COMPARE_EQ, &order) &&
               order == 0;
    if (b->type.kind == TYPE_JSON)
        return json_compare_value(json_of(b->bytes), a, COMPARE_EQ, &order) &&
               order == 0;
    return value_compare(a, b, &order) && order == 0;
}

/* IS DISTINCT FROM */
mql_status
row_distinct(const RowCall *call, const Value *arguments, Value *result,
             Error *err)
{
    const Value *a = &arguments[0];
    const Value *b = &arguments[1];
    (void)call;
    (void)err;
    if (a->is_null || b->is_null)
        result->boolean = a->is_null != b->is_null;
    else
        result->boolean = !is_equal(a, b);
    return MQL_OK;
}
