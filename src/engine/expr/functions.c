/* SPDX-License-Identifier: Apache-2.0 */
/*
 * functions.c - the list of functions and operators.
 *
 * One entry makes lookup, type checks, SHOW FUNCTIONS and the manual; see
 * functions.h for the letters. Operators and internal functions are found by
 * analysis only.
 */
#include "engine/expr/expr_internal.h"

#define NULLS FUNCTION_TAKES_NULL
#define INSIDE FUNCTION_INTERNAL
#define OPERATOR (FUNCTION_INTERNAL | FUNCTION_OPERATOR)

/* clang-format off */
static const Function functions[] = {
    /* ---- operators ---- */
    {"+", "nn", 'n', OPERATOR, NULL, batch_arithmetic, ARITHMETIC_ADD, "a + b", "sum"},
    {"-", "nn", 'n', OPERATOR, NULL, batch_arithmetic, ARITHMETIC_SUBTRACT, "a - b", "difference"},
    {"*", "nn", 'n', OPERATOR, NULL, batch_arithmetic, ARITHMETIC_MULTIPLY, "a * b", "product"},
    {"/", "nn", 'n', OPERATOR, NULL, batch_arithmetic, ARITHMETIC_DIVIDE, "a / b", "quotient; of integers without the rest"},
    {"%", "nn", 'n', OPERATOR, NULL, batch_arithmetic, ARITHMETIC_REMAINDER, "a % b", "rest, with the sign of a"},
    {"^", "dd", 'd', OPERATOR, row_math, NULL, MATH_POWER, "a ^ b, a ** b", "power"},
    {"&", "ii", 'i', OPERATOR, NULL, batch_arithmetic, ARITHMETIC_AND, "a & b", "bits set in both"},
    {"|", "ii", 'i', OPERATOR, NULL, batch_arithmetic, ARITHMETIC_OR, "a | b", "bits set in one"},
    {"#", "ii", 'i', OPERATOR, NULL, batch_arithmetic, ARITHMETIC_XOR, "a # b", "bits that differ"},
    {"<<", "ii", 'i', OPERATOR, NULL, batch_arithmetic, ARITHMETIC_SHIFT_LEFT, "a << b", "bits moved left"},
    {">>", "ii", 'i', OPERATOR, NULL, batch_arithmetic, ARITHMETIC_SHIFT_RIGHT, "a >> b", "bits moved right, keeping the sign"},
    {"negate", "n", 'n', INSIDE, row_math, NULL, MATH_NEGATE, "- a", "negative"},
    {"~x", "i", 'i', INSIDE, row_math, NULL, MATH_BIT_NOT, "~ a", "all bits turned over"},
    {"json +", "ee", 'j', INSIDE, row_json_arithmetic, NULL, ARITHMETIC_ADD, "", ""},
    {"json -", "ee", 'j', INSIDE, row_json_arithmetic, NULL, ARITHMETIC_SUBTRACT, "", ""},
    {"json *", "ee", 'j', INSIDE, row_json_arithmetic, NULL, ARITHMETIC_MULTIPLY, "", ""},
    {"json /", "ee", 'j', INSIDE, row_json_arithmetic, NULL, ARITHMETIC_DIVIDE, "", ""},
    {"json %", "ee", 'j', INSIDE, row_json_arithmetic, NULL, ARITHMETIC_REMAINDER, "", ""},
    {"->", "je", 'j', OPERATOR, NULL, batch_get, 1, "json -> 'key', json -> index", "member or element, as JSON"},
    {"->>", "je", 't', OPERATOR, row_arrow_text, NULL, 1, "json ->> 'key', json ->> index", "member or element, as text"},
    {"<->", "vv", 'd', OPERATOR, row_distance, NULL, DISTANCE_L2, "a <-> b", "Euclidean distance"},
    {"<=>", "vv", 'd', OPERATOR, row_distance, NULL, DISTANCE_COSINE, "a <=> b", "cosine distance: 1 - cosine; 1 for a zero vector"},
    {"<#>", "vv", 'd', OPERATOR, row_distance, NULL, DISTANCE_NEGATIVE_PRODUCT, "a <#> b", "negative inner product"},
    {"<+>", "vv", 'd', OPERATOR, row_distance, NULL, DISTANCE_L1, "a <+> b", "taxicab distance"},
    {"<~>", "xx", 'd', OPERATOR, row_distance, NULL, DISTANCE_HAMMING, "a <~> b", "Hamming distance: bits that differ"},
    {"<%>", "xx", 'd', OPERATOR, row_distance, NULL, DISTANCE_JACCARD, "a <%> b", "Jaccard distance: 1 - bits set in both / bits set in one; 1 when there are none"},
    {"~", "tt", 'b', OPERATOR, NULL, batch_match, 0, "a ~ 'pattern', a =~ 'pattern'", "whether a regular expression matches somewhere in a"},

    /* ---- made by analysis ---- */
    {"is true", "b", 'b', INSIDE | NULLS, row_is_truth, NULL, 1, "", ""},
    {"is false", "b", 'b', INSIDE | NULLS, row_is_truth, NULL, 0, "", ""},
    {"is distinct from", "ee", 'b', OPERATOR | NULLS, row_distinct, NULL, 0, "", ""},
    {"json_get", "ae", 'j', INSIDE, NULL, batch_get, 0, "", ""},
    {"json_as_integer", "j", 'i', INSIDE, row_json_as, NULL, TYPE_INT64, "", ""},
    {"json_as_double", "j", 'd', INSIDE, row_json_as, NULL, TYPE_DOUBLE, "", ""},
    {"json_as_text", "j", 't', INSIDE, row_json_as, NULL, TYPE_VARCHAR, "", ""},
    {"json_as_bool", "j", 'b', INSIDE, row_json_as, NULL, TYPE_BOOL, "", ""},
    {"exists", "j", 'b', INSIDE | NULLS, row_exists, NULL, 0, "", ""},
    {"in_list", "ea", 'b', INSIDE, NULL, batch_in_list, 0, "", ""},

    /* ---- arrays and JSON ---- */
    {"array_contains", "ae", 'b', 0, row_contains, NULL, 0, "array_contains(array, element) -> BOOL", "whether the element is in the array"},
    {"array_contains_all", "aa", 'b', 0, row_contains_many, NULL, 1, "array_contains_all(array, [a, b]) -> BOOL", "whether all are in the array"},
    {"array_contains_any", "aa", 'b', 0, row_contains_many, NULL, 0, "array_contains_any(array, [a, b]) -> BOOL", "whether one is in the array"},
    {"array_length", "a", 'i', 0, row_array_length, NULL, 0, "array_length(array) -> INT64", "number of elements"},
    {"json_contains", "ae", 'b', 0, row_contains, NULL, 0, "json_contains(path, element) -> BOOL", "as array_contains"},
    {"json_contains_all", "aa", 'b', 0, row_contains_many, NULL, 1, "json_contains_all(path, [a, b]) -> BOOL", "as array_contains_all"},
    {"json_contains_any", "aa", 'b', 0, row_contains_many, NULL, 0, "json_contains_any(path, [a, b]) -> BOOL", "as array_contains_any"},
    {"json_array_length", "a", 'i', 0, row_array_length, NULL, 0, "json_array_length(json) -> INT64", "number of elements; NULL for what is no array"},
    {"json_typeof", "a", 't', 0, row_json_typeof, NULL, 0, "json_typeof(json) -> VARCHAR", "object, array, string, number, boolean or null"},
    {"json_build_array", "|e*", 'j', NULLS, row_json_array, NULL, 0, "json_build_array(a, ...) -> JSON", "an array of the arguments"},
    {"to_json", "e", 'j', 0, row_to_json, NULL, 0, "to_json(a) -> JSON", "the value as JSON; text as a string"},

    /* ---- choice ---- */
    {"coalesce", "s*", 's', NULLS, row_coalesce, NULL, 0, "coalesce(a, ...)", "the first that is not NULL; those behind it are not computed"},
    {"nullif", "ss", 's', NULLS, row_nullif, NULL, 0, "nullif(a, b)", "NULL if a = b, else a"},
    {"greatest", "s*", 's', NULLS, row_greatest, NULL, 0, "greatest(a, ...)", "the largest that is not NULL"},
    {"least", "s*", 's', NULLS, row_greatest, NULL, 1, "least(a, ...)", "the smallest that is not NULL"},

    /* ---- mathematics ---- */
    {"abs", "n", 'n', 0, row_math, NULL, MATH_ABS, "abs(number)", "absolute value"},
    {"sign", "n", 'n', 0, row_math, NULL, MATH_SIGN, "sign(number)", "-1, 0 or 1"},
    {"round", "n|i", 'n', 0, row_math, NULL, MATH_ROUND, "round(number [, digits])", "nearest, half away from zero"},
    {"floor", "n", 'n', 0, row_math, NULL, MATH_FLOOR, "floor(number)", "next whole number below"},
    {"ceil", "n", 'n', 0, row_math, NULL, MATH_CEIL, "ceil(number)", "next whole number above"},
    {"ceiling", "n", 'n', 0, row_math, NULL, MATH_CEIL, "ceiling(number)", "as ceil"},
    {"trunc", "n", 'n', 0, row_math, NULL, MATH_TRUNC, "trunc(number)", "towards zero"},
    {"mod", "nn", 'n', 0, NULL, batch_arithmetic, ARITHMETIC_REMAINDER, "mod(a, b)", "as a % b"},
    {"power", "dd", 'd', 0, row_math, NULL, MATH_POWER, "power(a, b) -> DOUBLE", "a to the power of b"},
    {"pow", "dd", 'd', 0, row_math, NULL, MATH_POWER, "pow(a, b) -> DOUBLE", "as power"},
    {"sqrt", "d", 'd', 0, row_math, NULL, MATH_SQRT, "sqrt(number) -> DOUBLE", "square root"},
    {"ln", "d", 'd', 0, row_math, NULL, MATH_LN, "ln(number) -> DOUBLE", "natural logarithm"},
    {"log", "d", 'd', 0, row_math, NULL, MATH_LOG10, "log(number) -> DOUBLE", "logarithm to base 10"},
    {"exp", "d", 'd', 0, row_math, NULL, MATH_EXP, "exp(number) -> DOUBLE", "e to the power of number"},
    {"random", "", 'd', FUNCTION_VOLATILE, row_random, NULL, 0, "random() -> DOUBLE", "from 0 to below 1"},
    {"random_sample", "d", 'b', FUNCTION_VOLATILE, row_random_sample, NULL, 0, "random_sample(p) -> BOOL", "true for about the part p of the rows, 0 < p < 1"},

    /* ---- text ---- */
    {"lower", "t", 't', 0, NULL, batch_change_case, 0, "lower(text) -> VARCHAR", "in small letters"},
    {"upper", "t", 't', 0, NULL, batch_change_case, 1, "upper(text) -> VARCHAR", "in capital letters"},
    {"length", "t", 'i', 0, NULL, batch_length, 0, "length(text) -> INT64", "number of characters"},
    {"char_length", "t", 'i', 0, NULL, batch_length, 0, "char_length(text) -> INT64", "as length"},
    {"octet_length", "t", 'i', 0, NULL, batch_length, 1, "octet_length(text) -> INT64", "number of bytes"},
    {"substr", "ti|i", 't', 0, row_substr, NULL, 0, "substr(text, from [, count]) -> VARCHAR", "characters from the from-th, counted from 1"},
    {"substring", "ti|i", 't', 0, row_substr, NULL, 0, "substring(text, from [, count]) -> VARCHAR", "as substr"},
    {"trim", "t|t", 't', 0, row_trim, NULL, 3, "trim(text [, characters]) -> VARCHAR", "without blanks, or those characters, at both ends"},
    {"btrim", "t|t", 't', 0, row_trim, NULL, 3, "btrim(text [, characters]) -> VARCHAR", "as trim"},
    {"ltrim", "t|t", 't', 0, row_trim, NULL, 1, "ltrim(text [, characters]) -> VARCHAR", "as trim, at the start"},
    {"rtrim", "t|t", 't', 0, row_trim, NULL, 2, "rtrim(text [, characters]) -> VARCHAR", "as trim, at the end"},
    {"replace", "ttt", 't', 0, row_replace, NULL, 0, "replace(text, from, to) -> VARCHAR", "each from replaced by to"},
    {"concat", "e*", 't', NULLS, row_concat, NULL, 0, "concat(a, ...) -> VARCHAR", "all as text, one behind the other; NULL is nothing"},
    {"split_part", "tti", 't', 0, row_split_part, NULL, 0, "split_part(text, delimiter, n) -> VARCHAR", "the n-th part, from 1; negative: from the end"},
    {"left", "ti", 't', 0, row_left, NULL, 0, "left(text, n) -> VARCHAR", "the first n characters; negative: all but the last"},
    {"right", "ti", 't', 0, row_left, NULL, 1, "right(text, n) -> VARCHAR", "the last n characters; negative: all but the first"},
    {"lpad", "ti|t", 't', 0, row_pad, NULL, 0, "lpad(text, length [, fill]) -> VARCHAR", "filled up at the start, or cut at the end"},
    {"rpad", "ti|t", 't', 0, row_pad, NULL, 1, "rpad(text, length [, fill]) -> VARCHAR", "filled up or cut at the end"},
    {"strpos", "tt", 'i', 0, row_strpos, NULL, 0, "strpos(text, part) -> INT64", "where part begins, from 1; 0: nowhere"},
    {"starts_with", "tt", 'b', 0, NULL, batch_starts_with, 0, "starts_with(text, start) -> BOOL", "whether text begins with start"},
    {"empty", "t", 'b', 0, NULL, batch_empty, 0, "empty(text) -> BOOL", "whether text is ''"},

    /* ---- time ---- */
    {"now", "", 'z', FUNCTION_STABLE, row_now, NULL, 0, "now() -> TIMESTAMPTZ", "when the transaction began; without BEGIN, the statement"},
    {"date_trunc", "tz", 'z', 0, row_date_trunc, NULL, 0, "date_trunc('unit', moment) -> TIMESTAMPTZ", "the start of the year, quarter, month, week, day, hour, minute or second"},
    {"extract", "tz", 'd', 0, row_extract, NULL, 0, "extract(unit FROM moment) -> DOUBLE", "year, month, day, hour, minute, second, epoch, dow, doy, week, ..."},
    {"date_part", "tz", 'd', 0, row_extract, NULL, 0, "date_part('unit', moment) -> DOUBLE", "as extract"},
    {"to_timestamp", "d", 'z', 0, row_to_timestamp, NULL, 0, "to_timestamp(seconds) -> TIMESTAMPTZ", "seconds since 1970"},

    /* ---- the session ---- */
    {"version", "", 't', 0, row_version, NULL, 0, "version() -> VARCHAR", "of mql"},
    {"current_user", "", 't', FUNCTION_STABLE, row_current, NULL, 0, "current_user", "who is connected"},
    {"current_sequence", "", 'i', FUNCTION_STABLE, row_sequence, NULL, 0, "current_sequence() -> INT64", "number of the last commit, for AS OF SEQUENCE"},
    {"current_database", "", 't', FUNCTION_STABLE, row_current, NULL, 1, "current_database()", "the database in use"},

    /* ---- vectors ---- */
    {"l2_distance", "vv", 'd', 0, row_distance, NULL, DISTANCE_L2, "l2_distance(a, b) -> DOUBLE", "as a <-> b"},
    {"l2_squared_distance", "vv", 'd', 0, row_distance, NULL, DISTANCE_L2_SQUARED, "l2_squared_distance(a, b) -> DOUBLE", "its square: Milvus' L2"},
    {"inner_product", "vv", 'd', 0, row_distance, NULL, DISTANCE_PRODUCT, "inner_product(a, b) -> DOUBLE", "sum of the products"},
    {"cosine_distance", "vv", 'd', 0, row_distance, NULL, DISTANCE_COSINE, "cosine_distance(a, b) -> DOUBLE", "as a <=> b"},
    {"l1_distance", "vv", 'd', 0, row_distance, NULL, DISTANCE_L1, "l1_distance(a, b) -> DOUBLE", "as a <+> b"},
    {"hamming_distance", "xx", 'd', 0, row_distance, NULL, DISTANCE_HAMMING, "hamming_distance(a, b) -> DOUBLE", "as a <~> b"},
    {"jaccard_distance", "xx", 'd', 0, row_distance, NULL, DISTANCE_JACCARD, "jaccard_distance(a, b) -> DOUBLE", "as a <%> b"},
    {"vector_distance", "vv", 'd', 0, row_distance, NULL, DISTANCE_COSINE, "vector_distance(a, b [, metric]) -> DOUBLE", "Oracle's; COSINE when no metric is named"},
    {"distance", "vvt", 'd', 0, row_distance, NULL, DISTANCE_L2, "distance(a, b, 'metric') -> DOUBLE", "L2, L2_SQUARED, COSINE, IP (negative), L1, HAMMING or JACCARD"},
    {"vec_distance_euclidean", "vv", 'd', 0, row_distance, NULL, DISTANCE_L2, "vec_distance_euclidean(a, b) -> DOUBLE", "MariaDB's l2_distance"},
    {"vec_distance_l2", "vv", 'd', 0, row_distance, NULL, DISTANCE_L2, "vec_distance_l2(a, b) -> DOUBLE", "TiDB's l2_distance"},
    {"vec_l2_distance", "vv", 'd', 0, row_distance, NULL, DISTANCE_L2, "vec_l2_distance(a, b) -> DOUBLE", "TiDB's l2_distance"},
    {"vec_distance_cosine", "vv", 'd', 0, row_distance, NULL, DISTANCE_COSINE, "vec_distance_cosine(a, b) -> DOUBLE", "MariaDB's cosine_distance"},
    {"vec_cosine_distance", "vv", 'd', 0, row_distance, NULL, DISTANCE_COSINE, "vec_cosine_distance(a, b) -> DOUBLE", "TiDB's cosine_distance"},
    {"array_distance", "vv", 'd', 0, row_distance, NULL, DISTANCE_L2, "array_distance(a, b) -> DOUBLE", "DuckDB's l2_distance"},
    {"array_cosine_distance", "vv", 'd', 0, row_distance, NULL, DISTANCE_COSINE, "array_cosine_distance(a, b) -> DOUBLE", "DuckDB's cosine_distance"},
    {"array_inner_product", "vv", 'd', 0, row_distance, NULL, DISTANCE_PRODUCT, "array_inner_product(a, b) -> DOUBLE", "DuckDB's inner_product"},
    {"array_negative_inner_product", "vv", 'd', 0, row_distance, NULL, DISTANCE_NEGATIVE_PRODUCT, "array_negative_inner_product(a, b) -> DOUBLE", "DuckDB's a <#> b"},
    {"vector_dims", "v", 'i', 0, row_vector_dims, NULL, 0, "vector_dims(vector) -> INT64", "number of dimensions"},
    {"vector_norm", "v", 'd', 0, row_vector_norm, NULL, 0, "vector_norm(vector) -> DOUBLE", "Euclidean length"},
    {"l2_normalize", "v", 'v', 0, row_l2_normalize, NULL, 0, "l2_normalize(vector)", "of length 1; a zero vector stays"},
    {"binary_quantize", "v", 'x', 0, row_binary_quantize, NULL, 0, "binary_quantize(vector)", "a bit for each dimension: 1 where it is above 0; as many as a multiple of 8"},
    {"subvector", "vii", 'v', 0, row_subvector, NULL, 0, "subvector(vector, from, count)", "count dimensions from the from-th, counted from 1"},
};
/* clang-format on */

#define FUNCTION_COUNT (sizeof functions / sizeof *functions)

const Function *
function_find(Slice name)
{
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if ((functions[i].flags & FUNCTION_INTERNAL) == 0 &&
            slice_equal_nocase(name, slice_of(functions[i].name)))
            return &functions[i];
    }
    return NULL;
}

const Function *
function_named(const char *name)
{
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    }
    return NULL;
}

const Function *
function_nearest(Slice name)
{
    const Function *nearest = NULL;
    uint32_t best = NAME_DISTANCE_MOST + 1;
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        uint32_t distance = name_distance(name, slice_of(functions[i].name));
        if (distance < best && (functions[i].flags & FUNCTION_INTERNAL) == 0) {
            best = distance;
            nearest = &functions[i];
        }
    }
    return nearest;
}

/* Users see operators and functions, not what analysis makes for itself. */
bool
expr_function(uint32_t i, FunctionHelp *help)
{
    for (size_t k = 0; k < FUNCTION_COUNT; k++) {
        const Function *function = &functions[k];
        if (function->usage[0] == '\0' || i-- != 0)
            continue;
        *help = (FunctionHelp){function->name, function->usage, function->help};
        return true;
    }
    return false;
}

mql_status
result_text(const RowCall *call, Slice text, Value *result, Error *err)
{
    char *copy = arena_alloc(call->arena, text.size + 1);
    if (copy == NULL)
        return error_no_memory(err);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    result->bytes = (Slice){copy, text.size};
    return MQL_OK;
}

mql_status
result_buffer(const RowCall *call, Buffer *buffer, Value *result, Error *err)
{
    mql_status status =
        buffer_failed(buffer)
            ? error_no_memory(err)
            : result_text(call, buffer_slice(buffer), result, err);
    buffer_free(buffer);
    return status;
}
