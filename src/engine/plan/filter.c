/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.c - which parts of a WHERE an index answers.
 *
 * The condition is taken apart at its top-level AND. A conjunct becomes a
 * Condition when every leaf of it (after NOT has been pushed down to the leaves
 * by De Morgan's laws) is a predicate on an indexed field or on the key. A leaf
 * stands for the set of rows for which it is TRUE; a negated leaf for the rows
 * that are not NULL and do not satisfy it: so uniting and intersecting is right
 * under three-valued logic. A leaf may stand for more rows (is_wide), but then
 * not for a negation; its conjunct is evaluated on the rows it leaves.
 */
#include <string.h>

#include "engine/plan/filter_path.h"
#include "engine/plan/planner.h"
#include "engine/value/json.h"

typedef struct Builder {
    Planner *planner;
    const Collection *collection;
    const Expr *operand; /* what EXPR_OPERAND stands for, or NULL */
} Builder;

static const Condition *build(const Builder *builder, const Expr *expr,
                              bool negated);

/* The scalar index on a field, NULL when there is none. */
static const IndexDefinition *
scalar_index(const Collection *collection, uint32_t field_id)
{
    for (uint32_t i = 0; i < collection->index_count; i++) {
        const IndexDefinition *index = &collection->indexes[i];
        if (index->field == field_id && !index->kind->is_vector)
            return index;
    }
    return NULL;
}

/* How the index keeps the keys of a type. */
static KeyType
key_type_of(Type type)
{
    TypeKind kind = type.kind == TYPE_ARRAY ? type.element : type.kind;
    switch (type_physical(kind)) {
    case PHYSICAL_REAL:
        return KEY_REAL;
    case PHYSICAL_BYTES:
        return KEY_BYTES;
    default:
        return KEY_INT;
    }
}

static bool
is_field(const Builder *builder, const Expr *expr)
{
    return expr->kind == EXPR_COLUMN &&
           expr->column < builder->collection->field_count;
}

/* The index over a field or a JSON path, NULL: none. */
static const IndexDefinition *
index_over(const Builder *builder, const Expr *column)
{
    const Collection *collection = builder->collection;
    if (is_field(builder, column) && column->type.kind != TYPE_JSON)
        return scalar_index(collection, collection->fields[column->column].id);
    return path_index(collection, column);
}

/* A leaf on an indexed field or path, or NULL: not possible here. */
static Condition *
leaf(const Builder *builder, const Expr *column, PredicateKind predicate,
     bool negated)
{
    const IndexDefinition *index = index_over(builder, column);
    if (index == NULL || !index_kind_answers(index->kind, predicate))
        return NULL;
    Condition *condition = arena_new(builder->planner->arena, Condition);
    if (condition == NULL)
        return NULL;
    *condition = (Condition){
        .kind = CONDITION_INDEX,
        .index = index,
        .key_type = index->cast != CAST_NONE ? path_key_type(index->cast)
                                             : key_type_of(column->type),
        .predicate = predicate,
        .is_negated = negated,
    };
    return condition;
}

/* A lookup of the key: only equality, never negated. */
static Condition *
key_leaf(const Builder *builder, const Expr *column, bool negated)
{
    if (negated || !is_field(builder, column) ||
        column->column != builder->collection->primary)
        return NULL;
    Condition *condition = arena_new(builder->planner->arena, Condition);
    if (condition != NULL)
        condition->kind = CONDITION_KEY;
    return condition;
}

/* Whether a constant can be a key of the column as it is. */
static bool
fits_key(const Expr *column, const Expr *constant)
{
    return expr_is_constant(constant) &&
           type_physical(column->type.kind) ==
               type_physical(constant->type.kind) &&
           type_physical(column->type.kind) != PHYSICAL_NONE;
}

/* Scalar fields whose values are the index's keys themselves. */
static bool
has_plain_keys(const Expr *column)
{
    TypeKind kind = column->type.kind;
    return kind != TYPE_ARRAY && kind != TYPE_JSON && !type_is_vector(kind);
}

/* What stands in the condition: what an EXPR_OPERAND is. */
static const Expr *
subject_of(const Builder *builder, const Expr *expr)
{
    bool is_operand = expr->kind == EXPR_OPERAND && builder->operand != NULL;
    return is_operand ? builder->operand : expr;
}

/* The cast of the index over a JSON path, CAST_NONE: there is none. */
static JsonCast
cast_of(const Builder *builder, const Expr *column)
{
    const IndexDefinition *index = path_index(builder->collection, column);
    return index == NULL ? CAST_NONE : index->cast;
}

/* What keys of the column, one in a row, tell of a constant. */
static KeyFit
fit_constant(const Builder *builder, const Expr *column, const Expr *constant)
{
    if (is_field(builder, column) && has_plain_keys(column))
        return fits_key(column, constant) ? KEY_FIT_EXACT : KEY_FIT_NONE;
    JsonCast cast = cast_of(builder, column);
    return json_cast_is_array(cast) ? KEY_FIT_NONE : path_fit(cast, constant);
}

/* The same for the list of an IN. */
static KeyFit
fit_list(const Builder *builder, const Expr *column, const Expr *in)
{
    if (!is_field(builder, column) || !has_plain_keys(column)) {
        JsonCast cast = cast_of(builder, column);
        return json_cast_is_array(cast) ? KEY_FIT_NONE
                                        : path_fit_list(cast, in);
    }
    for (uint32_t i = 0; i < in->list_count; i++)
        if (type_physical(in->list[i].type.kind) !=
            type_physical(column->type.kind))
            return KEY_FIT_NONE;
    return KEY_FIT_EXACT;
}

/* NOT (a < 1) is a >= 1: both are NULL when a or the constant is. */
static CompareOp
opposite(CompareOp op)
{
    switch (op) {
    case COMPARE_LT:
        return COMPARE_GE;
    case COMPARE_LE:
        return COMPARE_GT;
    case COMPARE_GT:
        return COMPARE_LE;
    case COMPARE_GE:
        return COMPARE_LT;
    default:
        return op == COMPARE_EQ ? COMPARE_NE : COMPARE_EQ;
    }
}

static const Condition *
build_compare(const Builder *builder, const Expr *expr, bool negated)
{
    const Expr *column = subject_of(builder, expr->arguments[0]);
    const Expr *constant = expr->arguments[1];
    CompareOp op = negated ? opposite(expr->compare) : expr->compare;
    KeyFit fit = fit_constant(builder, column, constant);
    bool is_wide = fit == KEY_FIT_WIDE;
    if (fit == KEY_FIT_NONE || (is_wide && op == COMPARE_NE))
        return NULL;

    Condition *condition = NULL;
    if (op == COMPARE_EQ)
        condition = key_leaf(builder, column, false);
    if (condition == NULL)
        condition = leaf(builder, column, PREDICATE_RANGE, op == COMPARE_NE);
    if (condition == NULL)
        return NULL;

    condition->has_low = op != COMPARE_LT && op != COMPARE_LE;
    condition->has_high = op != COMPARE_GT && op != COMPARE_GE;
    condition->low_inclusive = op != COMPARE_GT || is_wide;
    condition->high_inclusive = op != COMPARE_LT || is_wide;
    condition->is_wide = is_wide;
    condition->low = constant;
    condition->high = constant;
    return condition;
}

static const Condition *
build_in(const Builder *builder, const Expr *expr, bool negated)
{
    const Expr *column = subject_of(builder, expr->arguments[0]);
    bool excludes = expr->is_negated != negated;
    KeyFit fit = fit_list(builder, column, expr);
    /* x NOT IN (..., NULL) is never true. */
    if (fit == KEY_FIT_NONE ||
        (excludes && (expr->list_has_null || fit == KEY_FIT_WIDE)))
        return NULL;

    Condition *condition = key_leaf(builder, column, excludes);
    if (condition == NULL)
        condition = leaf(builder, column, PREDICATE_IN, excludes);
    if (condition == NULL)
        return NULL;
    condition->list = expr;
    condition->is_wide = fit == KEY_FIT_WIDE;
    return condition;
}

static const Condition *
build_is_null(const Builder *builder, const Expr *expr, bool negated)
{
    const Expr *column = expr->arguments[0];
    if (!is_field(builder, column) || !has_plain_keys(column))
        return NULL;
    Condition *condition = leaf(builder, column, PREDICATE_NOT_NULL, false);
    if (condition != NULL)
        condition->wants_null = expr->is_negated == negated;
    return condition;
}

/* A field of truth values by itself: b is b = true, NOT b is b = false. */
static Condition *
build_field(const Builder *builder, const Expr *expr, bool negated)
{
    static const Expr truths[2] = {
        {.kind = EXPR_CONSTANT,
         .type = {.kind = TYPE_BOOL},
         .value = {.type = {.kind = TYPE_BOOL}, .boolean = false}},
        {.kind = EXPR_CONSTANT,
         .type = {.kind = TYPE_BOOL},
         .value = {.type = {.kind = TYPE_BOOL}, .boolean = true}}};
    if (!is_field(builder, expr) || expr->type.kind != TYPE_BOOL)
        return NULL;
    Condition *condition = leaf(builder, expr, PREDICATE_RANGE, false);
    if (condition == NULL)
        return NULL;
    condition->has_low = condition->has_high = true;
    condition->low_inclusive = condition->high_inclusive = true;
    condition->low = condition->high = &truths[!negated];
    return condition;
}

/* IS TRUE and IS FALSE; negated they hold where it is NULL too, which is
 * known of a field only. */
static const Condition *
build_truth(const Builder *builder, const Expr *expr, bool negated)
{
    const Expr *in = subject_of(builder, expr->arguments[0]);
    bool is_false = expr_is_call(expr, "is false");
    if (!negated)
        return build(builder, in, is_false);
    Condition *other = build_field(builder, in, !is_false);
    Condition *null =
        other == NULL ? NULL : leaf(builder, in, PREDICATE_NOT_NULL, false);
    Condition **children =
        arena_alloc_array(builder->planner->arena, 2, sizeof(Condition *));
    Condition *condition = arena_new(builder->planner->arena, Condition);
    if (null == NULL || children == NULL || condition == NULL)
        return NULL;
    null->wants_null = true;
    children[0] = other;
    children[1] = null;
    *condition = (Condition){
        .kind = CONDITION_OR, .children = children, .child_count = 2};
    return condition;
}

/* EXISTS path, and IS NULL of one: such an index notes where something is. */
static const Condition *
build_exists(const Builder *builder, const Expr *expr, bool negated)
{
    const Expr *path = expr->arguments[0];
    if (path->type.kind != TYPE_JSON)
        return NULL;
    Condition *condition = leaf(builder, path, PREDICATE_NOT_NULL, false);
    if (condition != NULL)
        condition->wants_null = negated;
    return condition;
}

/* What a text is of: a field, or a path whose strings an index has; else NULL.
 */
static const Expr *
text_of(const Builder *builder, const Expr *expr)
{
    if (is_field(builder, expr) && expr->type.kind == TYPE_VARCHAR)
        return expr;
    if (!expr_is_call(expr, "json_as_text"))
        return NULL;
    const Expr *path = expr->arguments[0];
    return cast_of(builder, path) == CAST_VARCHAR ? path : NULL;
}

/* The field or path of a match with a constant pattern, else NULL. */
static const Expr *
matched_text(const Builder *builder, const Expr *expr)
{
    const Expr *pattern = expr->arguments[1];
    if (pattern->kind != EXPR_CONSTANT || pattern->value.is_null)
        return NULL;
    return text_of(builder, expr->arguments[0]);
}

Slice
planner_like_beginning(const Expr *like)
{
    Slice text = like->arguments[1]->value.bytes;
    size_t size = 0;
    while (size < text.size && text.data[size] != '%' &&
           text.data[size] != '_' && text.data[size] != '\\' &&
           (like->escape == 0 || text.data[size] != like->escape))
        size++;
    return (Slice){text.data, size};
}

/* LIKE 'abc%' is a prefix; of 'abc%d' the prefix has all and more. */
static const Condition *
build_like_prefix(const Builder *builder, const Expr *expr, bool excludes)
{
    Slice text = expr->arguments[1]->value.bytes;
    size_t size = planner_like_beginning(expr).size;
    bool is_whole = size + 1 == text.size && text.data[size] == '%';
    if (expr->ignores_case || (!is_whole && (excludes || size == 0)))
        return NULL;
    Condition *condition =
        leaf(builder, matched_text(builder, expr), PREDICATE_PREFIX, excludes);
    if (condition != NULL) {
        condition->prefix = (Slice){text.data, size};
        condition->is_wide = !is_whole;
    }
    return condition;
}

static bool
has_ascii_letter(Slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        int letter = (unsigned char)text.data[i] | 32;
        if (letter >= 'a' && letter <= 'z')
            return true;
    }
    return false;
}

/* Whether the pattern is LIKE '%text%' over a field, with a text that has no
 * letters of which an index would find both cases. */
static bool
is_bare(const Builder *builder, const Expr *expr, const Condition *condition)
{
    Slice pattern = expr->arguments[1]->value.bytes, text = condition->texts[0];
    return expr->kind == EXPR_LIKE && !expr->ignores_case &&
           is_field(builder, expr->arguments[0]) &&
           condition->text_count == 1 && expr->escape != '%' &&
           pattern.size == text.size + 2 && pattern.data[0] == '%' &&
           pattern.data[pattern.size - 1] == '%' &&
           memcmp(pattern.data + 1, text.data, text.size) == 0 &&
           !has_ascii_letter(text);
}

/* What the index makes of the texts: false, it is of no use for them. */
static bool
ask_kind(const Builder *builder, const Expr *expr, Condition *condition)
{
    const IndexDefinition *index = condition->index;
    const IndexKind *kind = index->kind;
    Key *keys = arena_alloc_array(builder->planner->arena,
                                  condition->text_count, sizeof *keys);
    if (keys == NULL)
        return false;
    for (uint32_t i = 0; i < condition->text_count; i++)
        keys[i].bytes = condition->texts[i];
    const ScalarPredicate predicate = {.kind = PREDICATE_CONTAINS,
                                       .list = keys,
                                       .list_count = condition->text_count};
    condition->is_wide = !is_bare(builder, expr, condition) ||
                         kind->is_certain == NULL ||
                         !kind->is_certain(&index->options, &predicate);
    return kind->helps == NULL || kind->helps(&index->options, &predicate);
}

/* Rows that contain all texts of a pattern. Where these are more than those
 * that match, those that do not are more than the rest: no negation. */
static const Condition *
build_texts(const Builder *builder, const Expr *expr, bool excludes)
{
    const Slice *texts;
    uint32_t count;
    Error ignored = ERROR_INIT;
    const Expr *text = matched_text(builder, expr);
    if (text == NULL ||
        expr_literals(expr, builder->planner->arena, &texts, &count,
                      &ignored) != MQL_OK ||
        count == 0)
        return NULL;
    Condition *condition = leaf(builder, text, PREDICATE_CONTAINS, excludes);
    if (condition == NULL)
        return NULL;
    condition->texts = texts;
    condition->text_count = count;
    if (!ask_kind(builder, expr, condition))
        return NULL;
    return excludes && condition->is_wide ? NULL : condition;
}

static const Condition *
build_like(const Builder *builder, const Expr *expr, bool negated)
{
    bool excludes = expr->is_negated != negated;
    if (matched_text(builder, expr) == NULL)
        return NULL;
    const Condition *prefix = build_like_prefix(builder, expr, excludes);
    return prefix != NULL ? prefix : build_texts(builder, expr, excludes);
}

static const Condition *
build_starts_with(const Builder *builder, const Expr *expr, bool negated)
{
    const Expr *text = matched_text(builder, expr);
    if (text == NULL)
        return NULL;
    Condition *condition = leaf(builder, text, PREDICATE_PREFIX, negated);
    if (condition != NULL)
        condition->prefix = expr->arguments[1]->value.bytes;
    return condition;
}

/* What keys of an array's elements tell of a constant. */
static KeyFit
fit_element(const Builder *builder, const Expr *column, const Expr *constant)
{
    if (!expr_is_constant(constant))
        return KEY_FIT_NONE;
    if (is_field(builder, column) && column->type.kind == TYPE_ARRAY)
        return type_physical(column->type.element) ==
                       type_physical(constant->type.kind)
                   ? KEY_FIT_EXACT
                   : KEY_FIT_NONE;
    JsonCast cast = cast_of(builder, column);
    return json_cast_is_array(cast) ? path_fit(cast, constant) : KEY_FIT_NONE;
}

/* Whether an array has `constant` among its elements: the index has an entry
 * for each. */
static const Condition *
element_leaf(const Builder *builder, const Expr *column, const Expr *constant)
{
    KeyFit fit = fit_element(builder, column, constant);
    if (fit == KEY_FIT_NONE)
        return NULL;
    Condition *condition = leaf(builder, column, PREDICATE_RANGE, false);
    if (condition == NULL)
        return NULL;
    condition->has_low = condition->has_high = true;
    condition->low_inclusive = condition->high_inclusive = true;
    condition->low = condition->high = constant;
    condition->is_wide = fit == KEY_FIT_WIDE;
    return condition;
}

/* array_contains(field, constant) */
static const Condition *
build_contains(const Builder *builder, const Expr *expr, bool negated)
{
    if (negated || expr->argument_count != 2)
        return NULL;
    return element_leaf(builder, subject_of(builder, expr->arguments[0]),
                        expr->arguments[1]);
}

/* An element of a constant list, NULL where no key of the field is like it. Of
 * fields reals are left out: in lists -0 is not 0. */
static const Expr *
element_constant(const Builder *builder, const Expr *column, Json element)
{
    Value value;
    Expr *constant = arena_new(builder->planner->arena, Expr);
    if (constant == NULL || !value_of_json(element, &value) ||
        (column->type.kind == TYPE_ARRAY &&
         type_physical(value.type.kind) == PHYSICAL_REAL))
        return NULL;
    *constant =
        (Expr){.kind = EXPR_CONSTANT, .type = value.type, .value = value};
    return constant;
}

/* array_contains_all(field, [...]) is an AND of elements, ..._any an OR. */
static const Condition *
build_contains_many(const Builder *builder, const Expr *expr, bool negated,
                    ConditionKind kind)
{
    const Expr *column = expr->arguments[0], *list = expr->arguments[1];
    if (negated || index_over(builder, column) == NULL ||
        list->kind != EXPR_CONSTANT || list->value.is_null ||
        type_physical(list->type.kind) != PHYSICAL_BYTES ||
        list->type.kind == TYPE_VARCHAR)
        return NULL;
    Json elements = json_of(list->value.bytes);
    uint32_t count = json_count(elements);
    const Condition **children =
        arena_alloc_array(builder->planner->arena, count, sizeof *children);
    Condition *condition = arena_new(builder->planner->arena, Condition);
    if (count == 0 || children == NULL || condition == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        const Expr *constant =
            element_constant(builder, column, json_element(elements, i));
        children[i] =
            constant != NULL ? element_leaf(builder, column, constant) : NULL;
        if (children[i] == NULL)
            return NULL;
    }
    *condition = (Condition){.kind = kind,
                             .children = (struct Condition *const *)children,
                             .child_count = count};
    return condition;
}

/* ---- ranges ---- */

static bool
is_half_range(const Condition *condition)
{
    return condition != NULL && condition->kind == CONDITION_INDEX &&
           condition->predicate == PREDICATE_RANGE && !condition->is_negated &&
           condition->has_low != condition->has_high;
}

/* a >= 1 AND a < 5 is one range: NULL when these are not both ends of one. Half
 * ranges are of fields with one key in a row, never of arrays. */
static const Condition *
merge_ranges(const Builder *builder, const Condition *a, const Condition *b)
{
    if (!is_half_range(a) || !is_half_range(b) || a->index != b->index ||
        a->has_low == b->has_low)
        return NULL;
    const Condition *low = a->has_low ? a : b, *high = a->has_low ? b : a;
    Condition *both = arena_new(builder->planner->arena, Condition);
    if (both == NULL)
        return NULL;
    *both = *low;
    both->is_wide = low->is_wide || high->is_wide;
    both->has_high = true;
    both->high_inclusive = high->high_inclusive;
    both->high = high->high;
    return both;
}

/* The number of conditions that are left of an AND. */
static uint32_t
merge_children(const Builder *builder, const Condition **children,
               uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const Condition *both = NULL;
        for (uint32_t k = 0; k < kept && both == NULL; k++) {
            both = merge_ranges(builder, children[k], children[i]);
            if (both != NULL)
                children[k] = both;
        }
        if (both == NULL)
            children[kept++] = children[i];
    }
    return kept;
}

static const Condition *
build_list(const Builder *builder, const Expr *expr, bool negated)
{
    const Condition **children = arena_alloc_array(
        builder->planner->arena, expr->argument_count, sizeof *children);
    Condition *condition = arena_new(builder->planner->arena, Condition);
    if (children == NULL || condition == NULL)
        return NULL;
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        children[i] = build(builder, expr->arguments[i], negated);
        if (children[i] == NULL)
            return NULL;
    }
    bool is_and = (expr->kind == EXPR_AND) != negated;
    uint32_t count = expr->argument_count;
    if (is_and)
        count = merge_children(builder, children, count);
    *condition = (Condition){
        .kind = is_and ? CONDITION_AND : CONDITION_OR,
        .children = (struct Condition *const *)children,
        .child_count = count,
    };
    return count == 1 ? children[0] : condition;
}

static const Condition *
build_call(const Builder *builder, const Expr *expr, bool negated)
{
    if (expr_is_call(expr, "array_contains") ||
        expr_is_call(expr, "json_contains"))
        return build_contains(builder, expr, negated);
    if (expr_is_call(expr, "array_contains_all") ||
        expr_is_call(expr, "json_contains_all"))
        return build_contains_many(builder, expr, negated, CONDITION_AND);
    if (expr_is_call(expr, "array_contains_any") ||
        expr_is_call(expr, "json_contains_any"))
        return build_contains_many(builder, expr, negated, CONDITION_OR);
    if (expr_is_call(expr, "exists"))
        return build_exists(builder, expr, negated);
    if (expr_is_call(expr, "is true") || expr_is_call(expr, "is false"))
        return build_truth(builder, expr, negated);
    if (expr_is_call(expr, "starts_with"))
        return build_starts_with(builder, expr, negated);
    return expr_is_call(expr, "~") ? build_texts(builder, expr, negated) : NULL;
}

static const Condition *
build_let(const Builder *builder, const Expr *expr, bool negated)
{
    Builder inner = *builder;
    inner.operand = subject_of(builder, expr->arguments[0]);
    return build(&inner, expr->arguments[1], negated);
}

static const Condition *
build(const Builder *builder, const Expr *expr, bool negated)
{
    switch (expr->kind) {
    case EXPR_AND:
    case EXPR_OR:
        return build_list(builder, expr, negated);
    case EXPR_NOT:
        return build(builder, expr->arguments[0], !negated);
    case EXPR_COLUMN:
        return build_field(builder, expr, negated);
    case EXPR_COMPARE:
        return build_compare(builder, expr, negated);
    case EXPR_IN:
        return build_in(builder, expr, negated);
    case EXPR_IS_NULL:
        return build_is_null(builder, expr, negated);
    case EXPR_LIKE:
        return build_like(builder, expr, negated);
    case EXPR_CALL:
        return build_call(builder, expr, negated);
    case EXPR_LET:
        return build_let(builder, expr, negated);
    default:
        return NULL;
    }
}

bool
condition_is_exact(const Condition *condition)
{
    for (uint32_t i = 0; i < condition->child_count; i++)
        if (!condition_is_exact(condition->children[i]))
            return false;
    return !condition->is_wide;
}

/* What computing it for a row costs, as multiples of a comparison of numbers.
 * What may fail is dearer than all that cannot. */
#define COST_TEXT 4u
#define COST_PATTERN 8u
#define COST_JSON 16u
#define COST_MAY_FAIL 1000000u

static uint32_t
cost_of(const Expr *expr)
{
    uint64_t cost = 1;
    if (expr->kind == EXPR_CALL || expr->kind == EXPR_CAST ||
        expr->kind == EXPR_CASE || expr->kind == EXPR_LET ||
        expr->kind == EXPR_PARAMETER)
        return COST_MAY_FAIL;
    if (expr->kind == EXPR_LIKE)
        cost = COST_PATTERN;
    else if (expr->kind == EXPR_IN)
        cost = 2;
    else if (expr->kind == EXPR_COLUMN && expr->type.kind == TYPE_JSON)
        cost = COST_JSON;
    else if (expr->kind == EXPR_COLUMN &&
             type_physical(expr->type.kind) == PHYSICAL_BYTES)
        cost = COST_TEXT;
    for (uint32_t i = 0; i < expr->argument_count; i++)
        cost += cost_of(expr->arguments[i]);
    return cost < COST_MAY_FAIL ? (uint32_t)cost : COST_MAY_FAIL;
}

/* Note the columns below `expr`. */
static void
note_columns(const Expr *expr, bool *used)
{
    if (expr->kind == EXPR_COLUMN)
        used[expr->column] = true;
    for (uint32_t i = 0; i < expr->argument_count; i++)
        note_columns(expr->arguments[i], used);
}

static mql_status
list_columns(Planner *planner, const Scope *scope, const Expr *expr,
             Conjunct *conjunct, Error *err)
{
    bool *used = arena_alloc_array(planner->arena, scope->column_count + 1,
                                   sizeof *used);
    uint32_t *columns = arena_alloc_array(
        planner->arena, scope->column_count + 1, sizeof *columns);
    if (used == NULL || columns == NULL)
        return error_no_memory(err);
    note_columns(expr, used);
    for (uint32_t i = 0; i < scope->column_count; i++)
        if (used[i])
            columns[conjunct->column_count++] = i;
    conjunct->columns = columns;
    return MQL_OK;
}

/* Both sides of a range as one conjunct. */
static mql_status
join_conjuncts(Planner *planner, const Condition *both, const Expr *expr,
               Conjunct *conjunct, Error *err)
{
    const Expr *sides[] = {conjunct->expr, expr};
    Expr *joined = arena_new(planner->arena, Expr);
    Expr **arguments = arena_alloc_array(planner->arena, 2, sizeof *arguments);
    if (joined == NULL || arguments == NULL)
        return error_no_memory(err);
    memcpy(arguments, sides, sizeof sides);
    *joined = (Expr){.kind = EXPR_AND,
                     .type = type_of(TYPE_BOOL),
                     .position = conjunct->expr->position,
                     .arguments = arguments,
                     .argument_count = 2};
    conjunct->expr = joined;
    conjunct->condition = both;
    return MQL_OK;
}

/* Enter a member of the AND: into one that is there when both are the ends of
 * a range. */
static mql_status
add_conjunct(const Builder *builder, const Expr *expr, Conjunct *conjuncts,
             uint32_t *count, Error *err)
{
    const Condition *condition = build(builder, expr, false);
    for (uint32_t i = 0; i < *count; i++) {
        const Condition *both =
            merge_ranges(builder, conjuncts[i].condition, condition);
        if (both != NULL)
            return join_conjuncts(builder->planner, both, expr, &conjuncts[i],
                                  err);
    }
    conjuncts[(*count)++] = (Conjunct){.expr = expr, .condition = condition};
    return MQL_OK;
}

mql_status
planner_filter(Planner *planner, const Collection *collection,
               const Scope *scope, const Expr *where, TablePlan *table,
               Error *err)
{
    const Builder builder = {planner, collection, NULL};
    bool is_and = where->kind == EXPR_AND;
    uint32_t members = is_and ? where->argument_count : 1, count = 0;
    Conjunct *conjuncts =
        arena_alloc_array(planner->arena, members, sizeof *conjuncts);
    if (conjuncts == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < members; i++)
        TRY(add_conjunct(&builder, is_and ? where->arguments[i] : where,
                         conjuncts, &count, err));
    for (uint32_t i = 0; i < count; i++) {
        Conjunct *conjunct = &conjuncts[i];
        conjunct->cost = cost_of(conjunct->expr);
        conjunct->zones = planner_zones(planner, collection, conjunct->expr);
        TRY(list_columns(planner, scope, conjunct->expr, conjunct, err));
    }
    table->conjuncts = conjuncts;
    table->conjunct_count = count;
    return MQL_OK;
}
