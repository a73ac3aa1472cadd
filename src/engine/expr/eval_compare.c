/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eval_compare.c - comparisons, IN and IS NULL.
 *
 * One loop per physical form. JSON is typed row by row: a value of another kind
 * than the other side's, a missing path and JSON's null compare as UNKNOWN.
 */
#include "engine/expr/expr_internal.h"
#include "engine/expr/text_find.h"

/* ---- one loop per form ---- */

/* What a comparison accepts, as weights of less, equal, greater. */
typedef struct Accept {
    uint8_t less;
    uint8_t equal;
    uint8_t greater;
} Accept;

static Accept
accept_of(CompareOp op)
{
    return (Accept){order_satisfies(op, -1), order_satisfies(op, 0),
                    order_satisfies(op, 1)};
}

typedef struct Comparison {
    const Eval *context;
    CompareOp op;
    Operand left;
    Operand right;
    uint8_t *valid;
    uint8_t *result;
} Comparison;

/* Column against constant: what is accepted is one range, or all but it. */
static void
compare_with_int(const Comparison *c)
{
    const int64_t *left = c->left.column.ints;
    int64_t y = c->right.column.ints[0];
    uint8_t *result = c->result;
    uint32_t count = c->context->count;
    uint8_t turned = c->op == COMPARE_GE || c->op == COMPARE_LE;
    switch (c->op) {
    case COMPARE_EQ:
        for (uint32_t row = 0; row < count; row++)
            result[row] = left[row] == y;
        return;
    case COMPARE_NE:
        for (uint32_t row = 0; row < count; row++)
            result[row] = left[row] != y;
        return;
    case COMPARE_LT:
    case COMPARE_GE:
        for (uint32_t row = 0; row < count; row++)
            result[row] = (left[row] < y) ^ turned;
        return;
    default:
        for (uint32_t row = 0; row < count; row++)
            result[row] = (left[row] > y) ^ turned;
        return;
    }
}

static void
compare_ints(const Comparison *c, Accept accept)
{
    if (c->left.step == 1 && c->right.step == 0) {
        compare_with_int(c);
        return;
    }
    const int64_t *left = c->left.column.ints;
    const int64_t *right = c->right.column.ints;
    uint32_t a = c->left.step;
    uint32_t b = c->right.step;
    for (uint32_t row = 0; row < c->context->count; row++) {
        int64_t x = left[row * a];
        int64_t y = right[row * b];
        c->result[row] =
            (uint8_t)((accept.less & (x < y)) | (accept.equal & (x == y)) |
                      (accept.greater & (x > y)));
    }
}

static void
compare_doubles(const Comparison *c, Accept accept)
{
    const double *left = c->left.column.reals;
    const double *right = c->right.column.reals;
    uint8_t *result = c->result;
    uint32_t count = c->context->count;
    uint32_t a = c->left.step;
    uint32_t b = c->right.step;
    for (uint32_t row = 0; row < count; row++) {
        double x = left[row * a];
        double y = right[row * b];
        result[row] =
            (uint8_t)((accept.less & (x < y)) | (accept.equal & (x == y)) |
                      (accept.greater & (x > y)));
    }
}

static void
compare_bools(const Comparison *c)
{
    for (uint32_t row = 0; row < c->context->count; row++) {
        int x = c->left.column.bools[row * c->left.step];
        int y = c->right.column.bools[row * c->right.step];
        c->result[row] = order_satisfies(c->op, x - y);
    }
}

/* Whether they are the same, their first eight bytes being so. */
static bool
is_same_text(Slice x, Slice y)
{
    return x.size == y.size &&
           (x.size <= 8 || memcmp(x.data, y.data, x.size) == 0);
}

/* Column against constant: the first eight bytes mostly decide. Whoever is not
 * valid is empty, or a text all the same. */
static void
compare_with_text(const Comparison *c, Accept accept)
{
    const Slice *left = c->left.column.bytes;
    Slice y = c->right.column.bytes[0];
    uint64_t head = text_head(y);
    uint64_t rank = __builtin_bswap64(head);
    bool is_equality = c->op == COMPARE_EQ || c->op == COMPARE_NE;
    const char *end = texts_end(left, c->context->count);
    for (uint32_t row = 0; row < c->context->count; row++) {
        uint64_t x = text_head_before(left[row], end);
        uint64_t x_rank = __builtin_bswap64(x);
        if (x != head)
            c->result[row] = x_rank < rank ? accept.less : accept.greater;
        else if (is_equality)
            c->result[row] =
                is_same_text(left[row], y) ? accept.equal : accept.less;
        else
            c->result[row] =
                order_satisfies(c->op, slice_compare(left[row], y));
    }
}

static void
compare_texts(const Comparison *c)
{
    if (c->left.step == 1 && c->right.step == 0 && c->context->count > 0 &&
        !operand_is_null(&c->right, 0)) {
        compare_with_text(c, accept_of(c->op));
        return;
    }
    bool is_equality = c->op == COMPARE_EQ || c->op == COMPARE_NE;
    for (uint32_t row = 0; row < c->context->count; row++) {
        if (!c->valid[row])
            continue;
        Slice x = c->left.column.bytes[row * c->left.step];
        Slice y = c->right.column.bytes[row * c->right.step];
        int order = is_equality ? !slice_equal(x, y) : slice_compare(x, y);
        c->result[row] = order_satisfies(c->op, order);
    }
}

/* JSON on one or both sides. */
static void
compare_jsons(const Comparison *c)
{
    bool is_left = c->left.column.type.kind == TYPE_JSON;
    const Operand *json = is_left ? &c->left : &c->right;
    const Operand *other = is_left ? &c->right : &c->left;
    Value value = VALUE_NULL;
    for (uint32_t row = 0; row < c->context->count; row++) {
        int order;
        if (!c->valid[row])
            continue;
        if (other->step != 0 || value.is_null)
            value = operand_value(other, row);
        Slice bytes = json->column.bytes[row * json->step];
        if (json_compare_value(json_of(bytes), &value, c->op, &order))
            c->result[row] = order_satisfies(c->op, is_left ? order : -order);
        else
            c->valid[row] = 0;
    }
}

/* Integers against reals, arrays, vectors. */
static void
compare_any(const Comparison *c)
{
    for (uint32_t row = 0; row < c->context->count; row++) {
        int order = 0;
        if (!c->valid[row])
            continue;
        Value x = operand_value(&c->left, row);
        Value y = operand_value(&c->right, row);
        if (value_compare(&x, &y, &order))
            c->result[row] = order_satisfies(c->op, order);
        else
            c->valid[row] = 0;
    }
}

static void
compare(const Comparison *c)
{
    TypeKind left = c->left.column.type.kind;
    TypeKind right = c->right.column.type.kind;
    Physical physical = type_physical(left);
    if (left == TYPE_NULL || right == TYPE_NULL)
        return;
    if (left == TYPE_JSON || right == TYPE_JSON)
        compare_jsons(c);
    else if (physical != type_physical(right))
        compare_any(c);
    else if (physical == PHYSICAL_INT)
        compare_ints(c, accept_of(c->op));
    else if (physical == PHYSICAL_REAL)
        compare_doubles(c, accept_of(c->op));
    else if (physical == PHYSICAL_BOOL)
        compare_bools(c);
    else if (left == TYPE_VARCHAR)
        compare_texts(c);
    else
        compare_any(c);
}

mql_status
eval_compare(const Eval *context, const Expr *expr, Column *out)
{
    Operand sides[2];
    Comparison c = {.context = context, .op = expr->compare};
    TRY(eval_operand(context, expr->arguments[0], &sides[0]));
    TRY(eval_operand(context, expr->arguments[1], &sides[1]));
    TRY(result_init(context, sides, 2, &c.valid));
    c.result = arena_alloc(context->arena, context->count + 1u);
    if (c.result == NULL)
        return error_no_memory(context->err);
    c.left = sides[0];
    c.right = sides[1];
    compare(&c);
    *out = (Column){
        .type = type_of(TYPE_BOOL), .valid = c.valid, .bools = c.result};
    return MQL_OK;
}

/* ---- JSON ---- */

/* Arrays and objects are equal or not; there is no order. */
static bool
compare_documents(Json a, Json b, CompareOp op, int *order)
{
    bool is_equality = op == COMPARE_EQ || op == COMPARE_NE;
    if (!is_equality || json_tag(a) != json_tag(b) || json_tag(a) < JSON_ARRAY)
        return false;
    *order = !json_equal(a, b);
    return true;
}

bool
json_compare_value(Json json, const Value *value, CompareOp op, int *order)
{
    Value left;
    Value right = *value;
    bool is_document =
        value->type.kind == TYPE_JSON || value->type.kind == TYPE_ARRAY;
    if (!value_of_json(json, &left))
        return is_document &&
               compare_documents(json, json_of(value->bytes), op, order);
    if (is_document && !value_of_json(json_of(value->bytes), &right))
        return false;
    return value_class(left.type.kind) == value_class(right.type.kind) &&
           value_compare(&left, &right, order);
}

/* ---- IN ---- */

/* Which classes of values the list holds, as bits. */
static uint32_t
list_classes(const Expr *expr)
{
    uint32_t classes = 0;
    for (uint32_t i = 0; i < expr->list_count; i++)
        classes |= 1u << value_class(expr->list[i].type.kind);
    return classes;
}

/* A JSON value as a scalar of a kind that is in the list; false: UNKNOWN. */
static bool
json_scalar(Slice bytes, uint32_t classes, Value *value)
{
    if (!value_of_json(json_of(bytes), value))
        return false;
    return classes == 0 || (classes >> value_class(value->type.kind) & 1) != 0;
}

/* x IN (..., NULL) is TRUE or UNKNOWN. */
static void
set_in(const Expr *expr, bool is_found, uint8_t *result, uint8_t *valid)
{
    *result = is_found != expr->is_negated;
    if (!is_found && expr->list_has_null)
        *valid = 0;
}

static void
find_rows(const Eval *context, const Expr *expr, const Operand *in,
          uint8_t *result, uint8_t *valid)
{
    bool is_json = in->column.type.kind == TYPE_JSON;
    uint32_t classes = is_json ? list_classes(expr) : 0;
    for (uint32_t row = 0; row < context->count; row++) {
        if (!valid[row])
            continue;
        Value value = operand_value(in, row);
        if (is_json && !json_scalar(value.bytes, classes, &value)) {
            valid[row] = 0;
            continue;
        }
        bool is_found =
            expr->list_count > 0 &&
            list_find(expr->list, expr->list_slots, expr->list_mask, &value);
        set_in(expr, is_found, &result[row], &valid[row]);
    }
}

/* Of so many values each is compared with every row; more are looked up. */
#define FEW_VALUES 16u

/* Integers among few integers: nothing branches. */
static void
find_integers(const Eval *context, const Expr *expr, const Operand *in,
              uint8_t *result, uint8_t *valid)
{
    const int64_t *values = in->column.ints;
    uint32_t count = context->count;
    memset(result, 0, count);
    for (uint32_t i = 0; i < expr->list_count; i++) {
        int64_t wanted = expr->list[i].integer;
        for (uint32_t row = 0; row < count; row++)
            result[row] |= values[row] == wanted;
    }
    for (uint32_t row = 0; row < count && expr->list_has_null; row++)
        valid[row] &= result[row];
    for (uint32_t row = 0; row < count && expr->is_negated; row++)
        result[row] ^= 1;
}

static bool
is_of_few_integers(const Expr *expr, const Operand *in)
{
    if (in->step != 1 || expr->list_count > FEW_VALUES ||
        type_physical(in->column.type.kind) != PHYSICAL_INT)
        return false;
    for (uint32_t i = 0; i < expr->list_count; i++)
        if (expr->list[i].is_null ||
            type_physical(expr->list[i].type.kind) != PHYSICAL_INT)
            return false;
    return true;
}

static bool
is_of_few_texts(const Expr *expr, const Operand *in)
{
    if (in->step != 1 || expr->list_count > FEW_VALUES ||
        in->column.type.kind != TYPE_VARCHAR)
        return false;
    for (uint32_t i = 0; i < expr->list_count; i++)
        if (expr->list[i].is_null || expr->list[i].type.kind != TYPE_VARCHAR)
            return false;
    return true;
}

/* Texts among few texts: told apart by their first eight bytes and their
 * sizes. */
static void
find_texts(const Eval *context, const Expr *expr, const Operand *in,
           uint8_t *result, uint8_t *valid)
{
    uint64_t heads[FEW_VALUES];
    const Slice *texts = in->column.bytes;
    for (uint32_t i = 0; i < expr->list_count; i++)
        heads[i] = text_head(expr->list[i].bytes);
    const char *end = texts_end(texts, context->count);
    for (uint32_t row = 0; row < context->count; row++) {
        uint64_t head = text_head_before(texts[row], end);
        bool is_found = false;
        for (uint32_t i = 0; i < expr->list_count; i++)
            if (heads[i] == head &&
                is_same_text(texts[row], expr->list[i].bytes))
                is_found = true;
        set_in(expr, is_found, &result[row], &valid[row]);
    }
}

mql_status
eval_in(const Eval *context, const Expr *expr, Column *out)
{
    Operand in;
    uint8_t *valid;
    TRY(eval_operand(context, expr->arguments[0], &in));
    TRY(result_init(context, &in, 1, &valid));
    uint8_t *result = arena_alloc(context->arena, context->count + 1u);
    if (result == NULL)
        return error_no_memory(context->err);
    if (is_of_few_integers(expr, &in))
        find_integers(context, expr, &in, result, valid);
    else if (is_of_few_texts(expr, &in))
        find_texts(context, expr, &in, result, valid);
    else
        find_rows(context, expr, &in, result, valid);
    *out =
        (Column){.type = type_of(TYPE_BOOL), .valid = valid, .bools = result};
    return MQL_OK;
}

mql_status
eval_is_null(const Eval *context, const Expr *expr, Column *out)
{
    Operand in;
    TRY(eval_operand(context, expr->arguments[0], &in));
    uint8_t *result = arena_alloc(context->arena, context->count + 1u);
    if (result == NULL)
        return error_no_memory(context->err);
    const uint8_t *valid = in.column.valid;
    if (in.step == 1 && valid != NULL && in.column.type.kind != TYPE_NULL) {
        for (uint32_t row = 0; row < context->count; row++)
            result[row] = (valid[row] == 0) ^ expr->is_negated;
    } else {
        for (uint32_t row = 0; row < context->count; row++)
            result[row] = operand_is_null(&in, row) != expr->is_negated;
    }
    *out = (Column){.type = type_of(TYPE_BOOL), .bools = result};
    return MQL_OK;
}
