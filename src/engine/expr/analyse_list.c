/* SPDX-License-Identifier: Apache-2.0 */
/*
 * analyse_list.c - [a, b, c] that is no right side of IN.
 *
 * [0.1, 2] is a VECTOR node: a vector, unless its context wants an array or
 * JSON; then its numbers are read again exactly. Any other list is a JSON
 * array, constant if all its elements are; its context makes an array or a
 * vector of it.
 */
#include "engine/expr/expr_internal.h"

/* Convert to what is expected if that can be, now that all is known. */
static mql_status
expect(Analyser *analyser, Type expected, Expr **out)
{
    if (expected.kind == TYPE_NULL || !can_convert((*out)->type, expected, 0))
        return MQL_OK;
    return adapt(analyser, *out, expected, out);
}

/* A constant's value as a JSON document. */
static mql_status
append_item(Analyser *analyser, JsonArray *array, const Expr *item)
{
    json_array_item(array);
    mql_status status = value_to_json(array->out, &item->value, analyser->err);
    return status == MQL_OK ? MQL_OK
                            : error_locate(analyser->err, item->position);
}

static mql_status
constant_list(Analyser *analyser, Expr *const *items, uint32_t count,
              int64_t position, Expr **out)
{
    Buffer buffer = BUFFER_INIT;
    JsonArray array;
    mql_status status = MQL_OK;
    json_array_begin(&array, &buffer);
    for (uint32_t i = 0; i < count && status == MQL_OK; i++)
        status = append_item(analyser, &array, items[i]);
    mql_status end = json_array_end(&array, analyser->err);
    if (status == MQL_OK)
        status = end;
    Value value = {.type = type_of(TYPE_JSON)};
    if (status == MQL_OK) {
        char *copy = arena_alloc(analyser->arena, buffer.size);
        if (copy == NULL)
            status = error_no_memory(analyser->err);
        else
            value.bytes =
                (Slice){memcpy(copy, buffer.data, buffer.size), buffer.size};
    }
    buffer_free(&buffer);
    if (status != MQL_OK)
        return status;
    /* Depth was checked for scalars only: a list in a list in ... */
    if (json_depth(json_of(value.bytes)) > JSON_DEPTH_MOST)
        return error_at(analyser->err, ERR_TOO_COMPLEX, position,
                        "list has more than %u levels of nesting",
                        JSON_DEPTH_MOST);
    TRY(make_constant(analyser, &value, position, out));
    (*out)->is_literal = true;
    return MQL_OK;
}

mql_status
analyse_list(Analyser *analyser, const Node *node, Type expected, Expr **out)
{
    uint32_t count = 0;
    bool is_constant = true;
    Expr **items = arena_alloc_array(analyser->arena, (size_t)node->count + 1,
                                     sizeof(Expr *));
    if (items == NULL)
        return error_no_memory(analyser->err);
    for (const Node *child = node->first; child != NULL; child = child->next) {
        /* A list in a list is no vector: its numbers stay as they are. */
        bool is_nested = child->kind == NODE_VECTOR;
        TRY(analyse(analyser, child, is_nested ? type_of(TYPE_JSON) : no_type,
                    &items[count]));
        is_constant = is_constant && items[count]->kind == EXPR_CONSTANT;
        count++;
    }
    if (is_constant)
        TRY(constant_list(analyser, items, count, node->position, out));
    else
        TRY(make_call(analyser, function_named("json_build_array"), items,
                      count, node->position, out));
    return expect(analyser, expected, out);
}

mql_status
analyse_vector(Analyser *analyser, const Node *node, Type expected, Expr **out)
{
    if (expected.kind == TYPE_ARRAY || expected.kind == TYPE_JSON) {
        const Node *list;
        TRY(node_vector_to_list(analyser->arena, node, &list, analyser->err));
        return analyse_list(analyser, list, expected, out);
    }
    Value value = value_vector(node->floats, node->count);
    Value checked;
    if (value_convert(&value, type_of(TYPE_FLOAT_VECTOR), false,
                      analyser->arena, &checked, analyser->err) != MQL_OK)
        return error_locate(analyser->err, node->position);
    TRY(make_constant(analyser, &checked, node->position, out));
    (*out)->is_literal = true;
    return MQL_OK;
}
