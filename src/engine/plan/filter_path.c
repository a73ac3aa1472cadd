/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_path.c - which conditions an index over a JSON path answers.
 *
 * A comparison with a constant is UNKNOWN for values of another kind than the
 * constant's, and these are what such an index does not have: so an index whose
 * cast is of the constant's kind knows all rows for which the comparison is
 * TRUE or FALSE, and one of another cast knows none of them.
 *
 * Numbers are kept as doubles while JSON's integers are compared exactly. Below
 * 2^53 no two numbers become one double, and those that do lie all on one side
 * of any constant below it; from there on rows are looked at again.
 */
#include "engine/plan/filter_path.h"

#define EXACT_BELOW INT64_C(9007199254740992) /* 2^53 */

static bool
is_step(Json step, const Value *key)
{
    if (key->type.kind == TYPE_VARCHAR)
        return json_tag(step) == JSON_STRING &&
               slice_equal(json_string(step), key->bytes);
    return type_is_integer(key->type.kind) && json_tag(step) == JSON_INTEGER &&
           json_integer(step) == key->integer;
}

static bool
is_over(const Collection *collection, const IndexDefinition *index,
        const Expr *expr)
{
    Json steps = json_of(index->path);
    for (uint32_t i = json_count(steps); i-- > 0;) {
        bool is_get =
            expr_is_call(expr, "json_get") || expr_is_call(expr, "->");
        if (!is_get || expr->type.kind != TYPE_JSON)
            return false;
        const Expr *key = expr->arguments[1];
        if (key->kind != EXPR_CONSTANT || key->value.is_null ||
            !is_step(json_element(steps, i), &key->value))
            return false;
        expr = expr->arguments[0];
    }
    return expr->kind == EXPR_COLUMN &&
           expr->column < collection->field_count &&
           collection->fields[expr->column].id == index->field;
}

const IndexDefinition *
path_index(const Collection *collection, const Expr *expr)
{
    for (uint32_t i = 0; i < collection->index_count; i++) {
        const IndexDefinition *index = &collection->indexes[i];
        if (index->cast != CAST_NONE && is_over(collection, index, expr))
            return index;
    }
    return NULL;
}

/* BOOL, DOUBLE, VARCHAR, or TYPE_NULL: what no key is. */
static TypeKind
cast_kind_of(TypeKind kind)
{
    if (type_is_number(kind))
        return TYPE_DOUBLE;
    return kind == TYPE_BOOL || kind == TYPE_VARCHAR ? kind : TYPE_NULL;
}

bool
path_takes(JsonCast cast, TypeKind kind)
{
    return json_cast_kind(cast) != TYPE_NULL &&
           cast_kind_of(kind) == json_cast_kind(cast);
}

static KeyFit
fit_value(JsonCast cast, const Value *value)
{
    if (!path_takes(cast, value->type.kind))
        return KEY_FIT_NONE;
    if (json_cast_kind(cast) != TYPE_DOUBLE)
        return KEY_FIT_EXACT;
    bool is_small =
        type_is_integer(value->type.kind)
            ? value->integer > -EXACT_BELOW && value->integer < EXACT_BELOW
            : value->real > (double)-EXACT_BELOW &&
                  value->real < (double)EXACT_BELOW;
    return is_small ? KEY_FIT_EXACT : KEY_FIT_WIDE;
}

KeyFit
path_fit(JsonCast cast, const Expr *constant)
{
    if (!expr_is_constant(constant))
        return KEY_FIT_NONE;
    bool is_untyped =
        constant->kind == EXPR_PARAMETER && constant->type.kind == TYPE_NULL;
    if (is_untyped)
        return cast == CAST_NONE ? KEY_FIT_NONE : KEY_FIT_WIDE;
    if (constant->kind == EXPR_CONSTANT)
        return constant->value.is_null ? KEY_FIT_NONE
                                       : fit_value(cast, &constant->value);
    if (!path_takes(cast, constant->type.kind))
        return KEY_FIT_NONE;
    return json_cast_kind(cast) == TYPE_DOUBLE ? KEY_FIT_WIDE : KEY_FIT_EXACT;
}

/* Values of all kinds that are in the list are FALSE or TRUE, so all must be
 * the cast's; of an empty list every scalar is. */
KeyFit
path_fit_list(JsonCast cast, const Expr *in)
{
    KeyFit fit = in->list_count > 0 ? KEY_FIT_EXACT : KEY_FIT_NONE;
    for (uint32_t i = 0; i < in->list_count; i++) {
        KeyFit one = fit_value(cast, &in->list[i]);
        fit = one < fit ? one : fit;
    }
    return fit;
}

KeyType
path_key_type(JsonCast cast)
{
    switch (json_cast_kind(cast)) {
    case TYPE_BOOL:
        return KEY_INT;
    case TYPE_DOUBLE:
        return KEY_REAL;
    default:
        return KEY_BYTES;
    }
}
