/* SPDX-License-Identifier: Apache-2.0 */
/*
 * function_json.c - paths, arrays and JSON.
 *
 * Milvus' rules: a missing path or a value of the wrong kind gives NULL
 * (UNKNOWN); an element of another kind than the one looked for is simply
 * another element.
 */
#include "engine/expr/expr_internal.h"

/* ---- access ---- */

/* The member or element, absent where there is none. */
static Json
get(const Function *function, Json json, const Value *key)
{
    int64_t index = key->integer;
    if (key->type.kind == TYPE_VARCHAR)
        return json_member(json, key->bytes);
    if (index < 0 && function->operation == 1)
        index += json_count(json);
    return json_element(json, index);
}

/* A scalar document in the result's form. */
static void
set_scalar(Json json, Physical physical, uint32_t row, void *data)
{
    switch (physical) {
    case PHYSICAL_BOOL:
        ((uint8_t *)data)[row] = json_tag(json) == JSON_TRUE;
        return;
    case PHYSICAL_INT:
        ((int64_t *)data)[row] = json_integer(json);
        return;
    case PHYSICAL_REAL:
        ((double *)data)[row] = json_real(json);
        return;
    case PHYSICAL_BYTES:
        ((Slice *)data)[row] = json_string(json);
        return;
    case PHYSICAL_NONE:
        return;
    }
}

mql_status
batch_get(const BatchCall *call, Error *err)
{
    const Operand *documents = &call->arguments[0];
    const Operand *keys = &call->arguments[1];
    bool wants_json = call->expr->type.kind == TYPE_JSON;
    Physical physical = type_physical(call->expr->type.kind);
    Value key = VALUE_NULL;
    (void)err;
    for (uint32_t row = 0; row < call->count; row++) {
        if (!call->valid[row])
            continue;
        if (keys->step != 0 || key.is_null)
            key = operand_value(keys, row);
        Slice bytes = documents->column.bytes[row * documents->step];
        Json json = get(call->expr->function, json_of(bytes), &key);
        if (json.data == NULL)
            call->valid[row] = 0;
        else if (wants_json)
            ((Slice *)call->data)[row] = (Slice){json.data, json.size};
        else
            set_scalar(json, physical, row, call->data);
    }
    return MQL_OK;
}

static mql_status
json_text(const RowCall *call, Json json, Value *result, Error *err)
{
    Buffer buffer = BUFFER_INIT;
    if (json_tag(json) == JSON_STRING) {
        result->bytes = json_string(json);
        return MQL_OK;
    }
    json_print(&buffer, json);
    return result_buffer(call, &buffer, result, err);
}

mql_status
row_arrow_text(const RowCall *call, const Value *arguments, Value *result,
               Error *err)
{
    Json json =
        get(call->expr->function, json_of(arguments[0].bytes), &arguments[1]);
    if (json.data != NULL && json_tag(json) != JSON_NULL)
        return json_text(call, json, result, err);
    result->is_null = true;
    return MQL_OK;
}

mql_status
row_json_as(const RowCall *call, const Value *arguments, Value *result,
            Error *err)
{
    TypeKind kind = (TypeKind)call->expr->function->operation;
    Value value;
    (void)err;
    result->is_null = true;
    if (!value_of_json(json_of(arguments[0].bytes), &value) ||
        value_class(value.type.kind) != value_class(kind))
        return MQL_OK;
    bool is_integer = type_is_integer(value.type.kind);
    if (kind == TYPE_DOUBLE && is_integer)
        value = value_double((double)value.integer);
    else if (kind == TYPE_INT64 && !is_integer)
        return MQL_OK;
    *result = value;
    return MQL_OK;
}

mql_status
row_exists(const RowCall *call, const Value *arguments, Value *result,
           Error *err)
{
    (void)call;
    (void)err;
    result->boolean =
        !arguments[0].is_null && json_is_present(json_of(arguments[0].bytes));
    return MQL_OK;
}

/* ---- membership ---- */

static bool
is_document(TypeKind kind)
{
    return kind == TYPE_JSON || kind == TYPE_ARRAY;
}

static bool
is_element(Json element, const Value *value)
{
    Value scalar;
    int order;
    if (is_document(value->type.kind))
        return json_equal(element, json_of(value->bytes));
    return value_of_json(element, &scalar) &&
           value_compare(&scalar, value, &order) && order == 0;
}

static bool
contains(Json array, const Value *value)
{
    uint32_t count = json_count(array);
    for (uint32_t i = 0; i < count; i++) {
        if (is_element(json_element(array, i), value))
            return true;
    }
    return false;
}

/* False and a NULL result where the first argument is no array. */
static bool
is_array(const Value *argument, Value *result)
{
    result->is_null = json_tag(json_of(argument->bytes)) != JSON_ARRAY;
    return !result->is_null;
}

mql_status
row_contains(const RowCall *call, const Value *arguments, Value *result,
             Error *err)
{
    (void)call;
    (void)err;
    if (is_array(&arguments[0], result))
        result->boolean = contains(json_of(arguments[0].bytes), &arguments[1]);
    return MQL_OK;
}

mql_status
row_contains_many(const RowCall *call, const Value *arguments, Value *result,
                  Error *err)
{
    bool wants_all = call->expr->function->operation == 1;
    Json array = json_of(arguments[0].bytes);
    Json wanted = json_of(arguments[1].bytes);
    (void)err;
    if (!is_array(&arguments[0], result) || !is_array(&arguments[1], result))
        return MQL_OK;
    result->boolean = wants_all;
    uint32_t count = json_count(wanted);
    for (uint32_t i = 0; i < count; i++) {
        Json element = json_element(wanted, i);
        const Value value = {.type = type_of(TYPE_JSON),
                             .bytes = {element.data, element.size}};
        if (contains(array, &value) != wants_all) {
            result->boolean = !wants_all;
            break;
        }
    }
    return MQL_OK;
}

mql_status
row_array_length(const RowCall *call, const Value *arguments, Value *result,
                 Error *err)
{
    (void)call;
    (void)err;
    if (is_array(&arguments[0], result))
        result->integer = json_count(json_of(arguments[0].bytes));
    return MQL_OK;
}

mql_status
row_json_typeof(const RowCall *call, const Value *arguments, Value *result,
                Error *err)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",    [JSON_FALSE] = "boolean",
        [JSON_TRUE] = "boolean", [JSON_INTEGER] = "number",
        [JSON_REAL] = "number",  [JSON_STRING] = "string",
        [JSON_ARRAY] = "array",  [JSON_OBJECT] = "object",
    };
    (void)call;
    (void)err;
    result->bytes = slice_of(names[json_tag(json_of(arguments[0].bytes))]);
    return MQL_OK;
}

/* ---- making JSON ---- */

mql_status
row_to_json(const RowCall *call, const Value *arguments, Value *result,
            Error *err)
{
    Buffer buffer = BUFFER_INIT;
    mql_status status = value_to_json(&buffer, &arguments[0], err);
    if (status == MQL_OK)
        return result_buffer(call, &buffer, result, err);
    buffer_free(&buffer);
    return status;
}

mql_status
row_json_array(const RowCall *call, const Value *arguments, Value *result,
               Error *err)
{
    Buffer buffer = BUFFER_INIT;
    JsonArray array;
    mql_status status = MQL_OK;
    json_array_begin(&array, &buffer);
    for (uint32_t i = 0; i < call->expr->argument_count && status == MQL_OK;
         i++) {
        json_array_item(&array);
        status = value_to_json(&buffer, &arguments[i], err);
    }
    mql_status end = json_array_end(&array, err);
    if (status == MQL_OK)
        status = end;
    if (status == MQL_OK &&
        json_depth(json_of(buffer_slice(&buffer))) > JSON_DEPTH_MOST)
        status = error_set(err, ERR_TOO_COMPLEX,
                           "JSON value has more than %u levels of nesting",
                           JSON_DEPTH_MOST);
    if (status == MQL_OK)
        return result_buffer(call, &buffer, result, err);
    buffer_free(&buffer);
    return status;
}

/* ---- x IN $1 ---- */

/* A list that was hashed once, for all batches of a run. */
struct ExprKept {
    const Expr *expr;
    Value *list;
    uint32_t *slots;
    uint32_t mask;
    uint32_t count;
    uint32_t classes; /* of the values, as bits */
    bool has_null;
    struct ExprKept *next;
};

/* The document's scalars; nothing can be equal to its arrays and objects. */
static mql_status
keep_elements(Json array, Arena *arena, struct ExprKept *kept, Error *err)
{
    uint32_t count = json_count(array);
    kept->list = arena_alloc_array(arena, (size_t)count + 1, sizeof(Value));
    if (kept->list == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        Json element = json_element(array, i);
        Value value;
        if (json_tag(element) == JSON_NULL)
            kept->has_null = true;
        if (!value_of_json(element, &value))
            continue;
        kept->classes |= 1u << value_class(value.type.kind);
        kept->list[kept->count++] = value;
    }
    kept->slots = list_index(kept->list, kept->count, arena, &kept->mask);
    return kept->slots == NULL ? error_no_memory(err) : MQL_OK;
}

static mql_status
keep_list(const BatchCall *call, Slice bytes, struct ExprKept **out, Error *err)
{
    ExprRun *run = call->run;
    Arena *arena = run->arena == NULL ? call->arena : run->arena;
    struct ExprKept *kept = arena_new(arena, struct ExprKept);
    char *copy = arena_alloc(arena, bytes.size + 1);
    if (kept == NULL || copy == NULL)
        return error_no_memory(err);
    memcpy(copy, bytes.data, bytes.size);
    TRY(keep_elements((Json){copy, bytes.size}, arena, kept, err));
    kept->expr = call->expr;
    if (run->arena != NULL) {
        kept->next = run->kept;
        run->kept = kept;
    }
    *out = kept;
    return MQL_OK;
}

/* TRUE, FALSE, or UNKNOWN (valid 0) for one value. */
static void
find(const struct ExprKept *kept, Value value, uint8_t *result, uint8_t *valid)
{
    bool is_json = value.type.kind == TYPE_JSON;
    if (is_json && !value_of_json(json_of(value.bytes), &value)) {
        *valid = 0;
        return;
    }
    bool is_known_class =
        kept->classes == 0 ||
        (kept->classes >> value_class(value.type.kind) & 1) != 0;
    if (is_json && !is_known_class) {
        *valid = 0;
        return;
    }
    *result = kept->count > 0 &&
              list_find(kept->list, kept->slots, kept->mask, &value);
    if (!*result && kept->has_null)
        *valid = 0;
}

mql_status
batch_in_list(const BatchCall *call, Error *err)
{
    const Operand *in = &call->arguments[0];
    const Operand *lists = &call->arguments[1];
    struct ExprKept *kept = call->run->kept;
    uint8_t *data = call->data;
    while (kept != NULL && kept->expr != call->expr)
        kept = kept->next;
    for (uint32_t row = 0; row < call->count; row++) {
        if (!call->valid[row])
            continue;
        Slice bytes = lists->column.bytes[row * lists->step];
        if (json_tag(json_of(bytes)) != JSON_ARRAY) {
            call->valid[row] = 0;
            continue;
        }
        if (kept == NULL)
            TRY(keep_list(call, bytes, &kept, err));
        find(kept, operand_value(in, row), &data[row], &call->valid[row]);
    }
    return MQL_OK;
}
