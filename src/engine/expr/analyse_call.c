/* SPDX-License-Identifier: Apache-2.0 */
/*
 * analyse_call.c - calls of functions: finding the function, fitting its
 * arguments.
 */
#include "engine/expr/expr_internal.h"

/* ---- letters ---- */

/* The letter of argument `i`, 0: there is no such argument. */
static char
letter_at(const char *letters, uint32_t i)
{
    char last = 0;
    for (; *letters != '\0'; letters++) {
        if (*letters == '|')
            continue;
        if (*letters == '*')
            return last;
        last = *letters;
        if (i-- == 0)
            return last;
    }
    return 0;
}

static uint32_t
fewest(const char *letters)
{
    uint32_t count = 0;
    while (letters[count] != '\0' && letters[count] != '|' &&
           letters[count] != '*')
        count++;
    return count;
}

static Type
letter_type(char letter)
{
    switch (letter) {
    case 'b':
        return type_of(TYPE_BOOL);
    case 'i':
        return type_of(TYPE_INT64);
    case 'd':
    case 'n':
        return type_of(TYPE_DOUBLE);
    case 't':
        return type_of(TYPE_VARCHAR);
    case 'z':
        return type_of(TYPE_TIMESTAMPTZ);
    case 'v':
        return type_of(TYPE_FLOAT_VECTOR);
    case 'x':
        return type_of(TYPE_BINARY_VECTOR);
    case 'j':
    case 'a':
        return type_of(TYPE_JSON);
    default:
        return no_type;
    }
}

/* function abs(VARCHAR) does not exist */
static mql_status
no_function(Analyser *analyser, const char *name, Expr *const *arguments,
            uint32_t count, int64_t position)
{
    Buffer types = BUFFER_INIT;
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_text(&types, ", ");
        type_print(&types, type_of(arguments[i]->type.kind));
    }
    error_at(analyser->err, ERR_UNDEFINED_FUNCTION, position,
             "function %s(%s) does not exist", name, buffer_text(&types));
    buffer_free(&types);
    const Function *function = function_find(slice_of(name));
    if (function != NULL)
        return error_hint(analyser->err, "It is used as %s.", function->usage);
    return analyser->err->status;
}

/* ---- fitting arguments ---- */

/* JSON as another type: what is of another kind is NULL. */
static mql_status
soften(Analyser *analyser, const char *function, Expr **argument)
{
    return make_call(analyser, function_named(function), argument, 1,
                     (*argument)->position, argument);
}

static mql_status
fit_json(Analyser *analyser, char letter, Expr **argument, bool *fits)
{
    *fits = true;
    switch (letter) {
    case 'i':
        return soften(analyser, "json_as_integer", argument);
    case 'd':
    case 'n':
        return soften(analyser, "json_as_double", argument);
    case 't':
        return soften(analyser, "json_as_text", argument);
    case 'b':
        return soften(analyser, "json_as_bool", argument);
    case 'v':
    case 'x':
        return coerce(analyser, *argument, letter_type(letter), argument);
    default:
        *fits = letter == 'j' || letter == 'a';
        return MQL_OK;
    }
}

/* One argument whose type is known and is not JSON. */
static mql_status
fit_plain(Analyser *analyser, char letter, Expr **argument, bool *fits)
{
    TypeKind kind = (*argument)->type.kind;
    *fits = true;
    switch (letter) {
    case 'n':
        *fits = type_is_number(kind);
        return MQL_OK;
    case 'd':
        *fits = type_is_number(kind);
        if (*fits && type_is_integer(kind))
            return coerce(analyser, *argument, type_of(TYPE_DOUBLE), argument);
        return MQL_OK;
    case 'i':
        *fits = type_is_integer(kind);
        return MQL_OK;
    case 'j':
    case 'a':
        *fits = kind == TYPE_ARRAY;
        return MQL_OK;
    case 'v':
        *fits = kind == TYPE_FLOAT_VECTOR;
        if (kind == TYPE_ARRAY || type_is_dense(kind)) {
            *fits = true;
            return coerce(analyser, *argument, letter_type('v'), argument);
        }
        return MQL_OK;
    default:
        *fits = kind == letter_type(letter).kind;
        return MQL_OK;
    }
}

static mql_status
fit_argument(Analyser *analyser, char letter, Expr **argument, bool *fits)
{
    *fits = true;
    if (letter == 'e' || letter == 's')
        return MQL_OK;
    if (is_adaptable(*argument))
        TRY(adapt(analyser, *argument, letter_type(letter), argument));
    if ((*argument)->type.kind == TYPE_JSON)
        return fit_json(analyser, letter, argument, fits);
    return fit_plain(analyser, letter, argument, fits);
}

/* All 'n' arguments are integers, or all become reals. */
static mql_status
fit_numbers(Analyser *analyser, const char *letters, Expr **arguments,
            uint32_t count, TypeKind *kind)
{
    *kind = TYPE_INT64;
    for (uint32_t i = 0; i < count; i++) {
        if (letter_at(letters, i) == 'n' &&
            !type_is_integer(arguments[i]->type.kind))
            *kind = TYPE_DOUBLE;
    }
    for (uint32_t i = 0; i < count && *kind == TYPE_DOUBLE; i++) {
        if (letter_at(letters, i) == 'n' &&
            type_is_integer(arguments[i]->type.kind))
            TRY(coerce(analyser, arguments[i], type_of(TYPE_DOUBLE),
                       &arguments[i]));
    }
    return MQL_OK;
}

/* All 's' arguments get one type. */
static mql_status
fit_same(Analyser *analyser, const Function *function, Expr **arguments,
         uint32_t count, Type *type)
{
    if (letter_at(function->arguments, 0) != 's')
        return MQL_OK;
    return make_common(analyser, arguments, count, function->name, type);
}

/* pgvector's words, as soon as both dimensions are known. */
static mql_status
check_dimensions(Analyser *analyser, const Expr *call)
{
    if (call->argument_count != 2 || call->function->row != row_distance)
        return MQL_OK;
    uint32_t left = call->arguments[0]->type.length;
    uint32_t right = call->arguments[1]->type.length;
    if (left == right || left == 0 || right == 0)
        return MQL_OK;
    return error_at(analyser->err, ERR_DATA_EXCEPTION, call->position,
                    "different vector dimensions %u and %u", left, right);
}

/* The element looked for in an array takes the form of the array's elements. */
static mql_status
fit_element(Analyser *analyser, const Expr *array, Expr **element,
            int64_t position)
{
    TypeKind kind = array->type.element;
    if (array->type.kind != TYPE_ARRAY)
        return MQL_OK;
    if (is_adaptable(*element))
        TRY(adapt(analyser, *element, type_of(kind), element));
    if (value_class((*element)->type.kind) != value_class(kind) &&
        !is_null_constant(*element))
        return no_operator(analyser, "=", &(const Expr){.type = type_of(kind)},
                           *element, position);
    const Value *value = &(*element)->value;
    if ((*element)->kind != EXPR_CONSTANT || value->is_null ||
        value_class(kind) != value_class(TYPE_INT64))
        return MQL_OK;
    Type to = type_of(type_is_integer(kind) ? TYPE_INT64 : kind);
    Value fitted;
    Error ignored = ERROR_INIT;
    if (value_convert(value, to, false, analyser->arena, &fitted, &ignored) ==
        MQL_OK)
        return make_constant(analyser, &fitted, (*element)->position, element);
    return MQL_OK;
}

static mql_status
fit_contains(Analyser *analyser, Expr *call)
{
    Expr **arguments = call->arguments;
    RowFunction row = call->function->row;
    if (row == row_contains)
        return fit_element(analyser, arguments[0], &arguments[1],
                           call->position);
    if (row == row_contains_many && arguments[0]->type.kind == TYPE_ARRAY) {
        Type list = {.kind = TYPE_ARRAY, .element = arguments[0]->type.element};
        if (type_is_integer(list.element))
            list.element = TYPE_INT64;
        return coerce(analyser, arguments[1], list, &arguments[1]);
    }
    return MQL_OK;
}

static Type
result_type(const Function *function, TypeKind number, Type same)
{
    if (function->result == 'n')
        return type_of(number);
    return function->result == 's' ? same : letter_type(function->result);
}

static mql_status
fit_arguments(Analyser *analyser, Expr *call, bool *fits)
{
    const char *letters = call->function->arguments;
    uint32_t count = call->argument_count;
    TypeKind number = TYPE_DOUBLE;
    Type same = no_type;
    for (uint32_t i = 0; i < count; i++) {
        bool is_distance = call->function->row == row_distance;
        if (is_distance && letters[0] == 'v' && i < 2 &&
            type_is_dense(call->arguments[i]->type.kind))
            continue; /* analyse_distance() made both of one type */
        TRY(fit_argument(analyser, letter_at(letters, i), &call->arguments[i],
                         fits));
        if (!*fits)
            return MQL_OK;
    }
    TRY(fit_numbers(analyser, letters, call->arguments, count, &number));
    TRY(fit_same(analyser, call->function, call->arguments, count, &same));
    call->type = result_type(call->function, number, same);
    return MQL_OK;
}

mql_status
make_call(Analyser *analyser, const Function *function, Expr *const *arguments,
          uint32_t count, int64_t position, Expr **out)
{
    bool fits = true;
    if (count > FUNCTION_ARGUMENTS_MOST)
        return error_at(analyser->err, ERR_LIMIT_EXCEEDED, position,
                        "cannot pass more than %u arguments to a function",
                        FUNCTION_ARGUMENTS_MOST);
    if (count < fewest(function->arguments) ||
        (count > 0 && letter_at(function->arguments, count - 1) == 0))
        return no_function(analyser, function->name, arguments, count,
                           position);
    Expr *call = make_expr(analyser, EXPR_CALL, TYPE_NULL, position);
    if (call == NULL)
        return MQL_NO_MEMORY;
    call->function = function;
    TRY(set_arguments(analyser, call, arguments, count));
    TRY(fit_arguments(analyser, call, &fits));
    if (!fits)
        return no_function(analyser, function->name, arguments, count,
                           position);
    TRY(fit_contains(analyser, call));
    TRY(check_dimensions(analyser, call));
    return fold(analyser, call, out);
}

/* ---- calls by name ---- */

/* Known to the language, not yet to the engine. */
static bool
is_unbuilt(Slice name)
{
    static const char *const names[] = {
        "text_match",       "phrase_match",     "text_match_fuzzy",
        "hamming_distance", "jaccard_distance", "binary_quantize",
        "match_all",        "match_any",        "match_least",
        "match_most",       "match_exact",      "element_filter",
        "st_equals",        "st_touches",       "st_overlaps",
        "st_crosses",       "st_contains",      "st_intersects",
        "st_within",        "st_dwithin",       "st_isvalid",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (slice_equal_nocase(name, slice_of(names[i])))
            return true;
    }
    return false;
}

static bool
is_aggregate(Slice name)
{
    static const char *const names[] = {
        "count",     "sum",        "avg",      "min",     "max",
        "array_agg", "string_agg", "bool_and", "bool_or",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (slice_equal_nocase(name, slice_of(names[i])))
            return true;
    }
    return false;
}

static mql_status
unknown_function(Analyser *analyser, const Node *node)
{
    int size = (int)node->text.size;
    const char *name = node->text.data;
    Error *err = analyser->err;
    if (is_unbuilt(node->text))
        return error_at(err, ERR_FEATURE_NOT_SUPPORTED, node->position,
                        "function %.*s is not supported yet", size, name);
    if (is_aggregate(node->text))
        return error_at(err, ERR_FEATURE_NOT_SUPPORTED, node->position,
                        "aggregate function %.*s is not supported here", size,
                        name);
    error_at(err, ERR_UNDEFINED_FUNCTION, node->position,
             "function %.*s does not exist", size, name);
    const Function *nearest = function_nearest(node->text);
    if (nearest != NULL)
        return error_hint(err, "Did you mean %s?", nearest->name);
    return error_hint(err, "SHOW FUNCTIONS lists all functions.");
}

/* The function that distance(a, b, 'L2') and VECTOR_DISTANCE(a, b, COSINE)
 * mean. */
static const char *
metric_function(Slice metric)
{
    static const struct {
        const char *metric;
        const char *function;
    } metrics[] = {
        {"L2", "<->"},
        {"EUCLIDEAN", "<->"},
        {"L2_SQUARED", "l2_squared_distance"},
        {"EUCLIDEAN_SQUARED", "l2_squared_distance"},
        {"COSINE", "<=>"},
        {"IP", "<#>"},
        {"DOT", "<#>"},
        {"L1", "<+>"},
        {"MANHATTAN", "<+>"},
        {"HAMMING", "<~>"},
        {"JACCARD", "<%>"},
    };
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        if (slice_equal_nocase(metric, slice_of(metrics[i].metric)))
            return metrics[i].function;
    }
    return NULL;
}

static mql_status
analyse_metric_call(Analyser *analyser, const Node *node, Expr **out)
{
    const Node *metric = node_at(node, 2);
    bool is_word = metric->kind == NODE_NAME || metric->kind == NODE_STRING ||
                   metric->kind == NODE_DOUBLE_QUOTED;
    const char *name = is_word ? metric_function(metric->text) : NULL;
    if (name == NULL) {
        error_at(analyser->err, ERR_INVALID_PARAMETER, metric->position,
                 "unknown metric for function %.*s", (int)node->text.size,
                 node->text.data);
        return error_hint(analyser->err,
                          "Metrics are L2, L2_SQUARED, COSINE, IP, L1, "
                          "HAMMING and JACCARD.");
    }
    return analyse_distance(analyser, node, function_named(name), out);
}

static bool
is_metric_call(const Node *node)
{
    return node->count == 3 &&
           (slice_equal_nocase(node->text, SLICE_LITERAL("distance")) ||
            slice_equal_nocase(node->text, SLICE_LITERAL("vector_distance")));
}

static mql_status
check_syntax(Analyser *analyser, const Node *node)
{
    if ((node->flags & FLAG_DISTINCT) != 0)
        return error_at(analyser->err, ERR_SYNTAX_ERROR, node->position,
                        "DISTINCT is for aggregate functions only");
    for (const Node *child = node->first; child != NULL; child = child->next) {
        if (child->kind == NODE_NAMED_ARGUMENT)
            return error_at(analyser->err, ERR_SYNTAX_ERROR, child->position,
                            "function %.*s has no named arguments",
                            (int)node->text.size, node->text.data);
    }
    return MQL_OK;
}

/* What the function expects at argument `i`: for lists and parameters. */
static Type
expected_at(const Function *function, uint32_t i, const Node *node,
            const Expr *first)
{
    char letter = letter_at(function->arguments, i);
    bool is_list = node->kind == NODE_LIST || node->kind == NODE_VECTOR;
    if (letter == 'n')
        return no_type;
    if (letter != 'e' && letter != 's')
        return letter_type(letter);
    if (function->row == row_contains && i == 1) {
        if (first->type.kind == TYPE_ARRAY)
            return type_of(first->type.element);
        return is_list ? type_of(TYPE_JSON) : no_type;
    }
    return no_type;
}

mql_status
analyse_call(Analyser *analyser, const Node *node, Expr **out)
{
    const Function *function = function_find(node->text);
    Expr *arguments[FUNCTION_ARGUMENTS_MOST];
    uint32_t count = 0;
    Analyser inner = *analyser;
    if (is_metric_call(node))
        return analyse_metric_call(analyser, node, out);
    if (function == NULL)
        return unknown_function(analyser, node);
    TRY(check_syntax(analyser, node));
    if (node->count > FUNCTION_ARGUMENTS_MOST)
        return error_at(analyser->err, ERR_LIMIT_EXCEEDED, node->position,
                        "cannot pass more than %u arguments to a function",
                        FUNCTION_ARGUMENTS_MOST);
    if (function->row == row_distance && node->count == 2)
        return analyse_distance(analyser, node, function, out);
    for (const Node *child = node->first; child != NULL; child = child->next) {
        Type expected = expected_at(function, count, child, arguments[0]);
        /* coalesce() computes an argument only where those before are NULL. */
        inner.is_guarded = analyser->is_guarded ||
                           (function->row == row_coalesce && count > 0);
        TRY(analyse(&inner, child, expected, &arguments[count]));
        count++;
    }
    return make_call(analyser, function, arguments, count, node->position, out);
}

/* ---- paths ---- */

/* Milvus' exists: of a JSON path, two-valued. */
mql_status
analyse_exists(Analyser *analyser, const Node *node, Expr **out)
{
    Expr *in;
    TRY(analyse(analyser, node->first, no_type, &in));
    if (in->type.kind != TYPE_JSON) {
        error_at(analyser->err, ERR_DATATYPE_MISMATCH, node->position,
                 "EXISTS needs a JSON path");
        return error_hint(analyser->err, "For other fields write IS NOT NULL.");
    }
    return make_call(analyser, function_named("exists"), &in, 1, node->position,
                     out);
}

/* The element type of an array is known, so its element is no JSON. */
static mql_status
get_element(Analyser *analyser, const Node *node, Expr *sides[2], Expr **out)
{
    static const Type none = {.kind = TYPE_NULL};
    Type element = none;
    const Expr *array = sides[0];
    if (!type_is_integer(sides[1]->type.kind))
        return error_at(analyser->err, ERR_DATATYPE_MISMATCH, node->position,
                        "array subscript must have type INT64");
    element.kind = array->type.element;
    TRY(make_call(analyser, function_named("json_get"), sides, 2,
                  node->position, out));
    if ((*out)->kind == EXPR_CONSTANT)
        return coerce(analyser, *out, element, out);
    (*out)->type = element;
    return MQL_OK;
}

mql_status
analyse_subscript(Analyser *analyser, const Node *node, Expr **out)
{
    Expr *sides[2];
    const Node *key = node->first->next;
    TRY(analyse(analyser, node->first, no_type, &sides[0]));
    /* j["k"] is a key even where a field is called k. */
    if (key->kind == NODE_DOUBLE_QUOTED || key->kind == NODE_STRING) {
        Value text = value_text(key->text);
        TRY(make_constant(analyser, &text, key->position, &sides[1]));
    } else {
        TRY(analyse(analyser, key, no_type, &sides[1]));
    }
    if (is_adaptable(sides[1]))
        TRY(adapt(analyser, sides[1], type_of(TYPE_INT64), &sides[1]));
    if (sides[0]->type.kind == TYPE_ARRAY)
        return get_element(analyser, node, sides, out);
    TypeKind kind = sides[1]->type.kind;
    if (sides[0]->type.kind != TYPE_JSON) {
        char text[TYPE_TEXT_SIZE];
        type_text(text, sides[0]->type);
        return error_at(analyser->err, ERR_DATATYPE_MISMATCH, node->position,
                        "cannot subscript type %s because it does not support "
                        "subscripting",
                        text);
    }
    if (kind != TYPE_VARCHAR && !type_is_integer(kind))
        return error_at(analyser->err, ERR_DATATYPE_MISMATCH, key->position,
                        "JSON subscript must be a string or an integer");
    return make_call(analyser, function_named("json_get"), sides, 2,
                     node->position, out);
}

static bool
is_qualifier(const Scope *scope, Slice name)
{
    return (scope->qualifier.size > 0 &&
            slice_equal_nocase(name, scope->qualifier)) ||
           (scope->qualifier2.size > 0 &&
            slice_equal_nocase(name, scope->qualifier2));
}

/* table.field, or json.member */
mql_status
analyse_dot(Analyser *analyser, const Node *node, Expr **out)
{
    Expr *sides[2];
    const Node *base = node->first;
    bool is_name = base->kind == NODE_NAME || base->kind == NODE_DOUBLE_QUOTED;
    if (is_name && is_qualifier(analyser->scope, base->text))
        return analyse_column(analyser, node->text, node->position, out);
    Slice second = analyser->scope->second_qualifier;
    if (is_name && second.size > 0 && slice_equal_nocase(base->text, second))
        return analyse_second(analyser, node->text, node->position, out);
    if (is_name && scope_find(analyser->scope, base->text) == -1)
        return error_at(analyser->err, ERR_UNDEFINED_TABLE, base->position,
                        "missing FROM-clause entry for table \"%.*s\"",
                        (int)base->text.size, base->text.data);
    Value key = value_text(node->text);
    TRY(analyse(analyser, base, no_type, &sides[0]));
    if (sides[0]->type.kind != TYPE_JSON)
        return error_at(analyser->err, ERR_WRONG_OBJECT_TYPE, node->position,
                        "member \"%.*s\" of an expression that is not JSON",
                        (int)node->text.size, node->text.data);
    TRY(make_constant(analyser, &key, node->position, &sides[1]));
    return make_call(analyser, function_named("json_get"), sides, 2,
                     node->position, out);
}
