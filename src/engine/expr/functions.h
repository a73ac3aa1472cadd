/* SPDX-License-Identifier: Apache-2.0 */
/*
 * functions.h - what a function or operator is, and the one list of them.
 *
 * A function is an entry of the table in functions.c: its name, the letters of
 * its arguments and result, and the code that computes it - for one row (the
 * usual case: text, JSON, vectors), or for a batch (arithmetic). Lookup, type
 * checks, SHOW FUNCTIONS and the manual all come from the table.
 *
 * Letters
 *   b BOOL   i INT64   d DOUBLE   t VARCHAR   z TIMESTAMPTZ
 *   v FLOAT_VECTOR (for distances any dense vector)   x BINARY_VECTOR
 *   n INT64 or DOUBLE, all n alike; as a result: the same
 *   j JSON   a ARRAY or JSON   e anything
 *   s anything, all s made one type; as a result: the same
 *   | what follows may be left out      * the last may be repeated
 */
#ifndef ENGINE_EXPR_FUNCTIONS_H
#define ENGINE_EXPR_FUNCTIONS_H

#include "engine/expr/expr.h"

#define FUNCTION_ARGUMENTS_MOST 100u /* PostgreSQL's limit */

typedef enum FunctionFlag {
    FUNCTION_TAKES_NULL = 1, /* called with NULLs; else NULL in, NULL out */
    FUNCTION_STABLE = 2,   /* differs between executions: not folded          */
    FUNCTION_VOLATILE = 4, /* differs between rows                            */
    FUNCTION_INTERNAL = 8, /* made by analysis only, no user can name it      */
    FUNCTION_OPERATOR = 16, /* an operator: printed between its arguments */
} FunctionFlag;

/* One call for one row. */
typedef struct RowCall {
    const Expr *expr;
    ExprRun *run;
    Arena *arena; /* for results; lives as long as the batch */
} RowCall;

/* `result` comes in as a non-NULL value of the call's type, to be filled in. */
typedef mql_status (*RowFunction)(const RowCall *call, const Value *arguments,
                                  Value *result, Error *err);

/* An argument's column: a constant has one row, and step 0. */
typedef struct Operand {
    Column column;
    uint32_t step;
} Operand;

/* One call for a batch: `data` (physical form of the result) is filled in where
 * valid[row] is 1; the function may set valid[row] to 0. */
typedef struct BatchCall {
    const Expr *expr;
    ExprRun *run;
    Arena *arena;
    const Operand *arguments;
    uint32_t count;
    uint8_t *valid;
    void *data;
} BatchCall;
typedef mql_status (*BatchFunction)(const BatchCall *call, Error *err);

struct Function {
    const char *name;      /* lower case */
    const char *arguments; /* letters    */
    char result;           /* letter     */
    uint32_t flags;
    RowFunction row; /* one of the two */
    BatchFunction batch;
    int32_t operation; /* for code that serves several functions */
    const char *usage;
    const char *help;
};

/* By name, any letter case; NULL. Internal ones are not found. */
const Function *function_find(Slice name);
/* By exact name, internal ones and operators too; must exist. */
const Function *function_named(const char *name);
/* Up to two near names for a hint, "" when there are none. */
const Function *function_nearest(Slice name);

/* Result or failure of run-time checks shared by many functions. */
mql_status result_text(const RowCall *call, Slice text, Value *result,
                       Error *err);
mql_status result_buffer(const RowCall *call, Buffer *buffer, Value *result,
                         Error *err);
mql_status result_real(double real, Value *result, Error *err);

/* ---- who computes what ---- */

/* function_math.c */
typedef enum ArithmeticOp {
    ARITHMETIC_ADD,
    ARITHMETIC_SUBTRACT,
    ARITHMETIC_MULTIPLY,
    ARITHMETIC_DIVIDE,
    ARITHMETIC_REMAINDER,
    ARITHMETIC_AND,
    ARITHMETIC_OR,
    ARITHMETIC_XOR,
    ARITHMETIC_SHIFT_LEFT,
    ARITHMETIC_SHIFT_RIGHT,
} ArithmeticOp;
/* One step on integers; false: *code and the message of the error are set. */
mql_status integer_arithmetic(ArithmeticOp op, int64_t a, int64_t b,
                              int64_t *result, Error *err);
mql_status real_arithmetic(ArithmeticOp op, double a, double b, double *result,
                           Error *err);
mql_status batch_arithmetic(const BatchCall *call, Error *err);
mql_status row_json_arithmetic(const RowCall *call, const Value *arguments,
                               Value *result, Error *err);

typedef enum MathFunction {
    MATH_NEGATE,
    MATH_BIT_NOT,
    MATH_ABS,
    MATH_SIGN,
    MATH_ROUND,
    MATH_FLOOR,
    MATH_CEIL,
    MATH_TRUNC,
    MATH_POWER,
    MATH_SQRT,
    MATH_LN,
    MATH_LOG10,
    MATH_EXP,
} MathFunction;
mql_status row_math(const RowCall *call, const Value *arguments, Value *result,
                    Error *err);
mql_status row_random(const RowCall *call, const Value *arguments,
                      Value *result, Error *err);
mql_status row_random_sample(const RowCall *call, const Value *arguments,
                             Value *result, Error *err);

#define ROW_FUNCTION(name)                                                     \
    mql_status name(const RowCall *call, const Value *arguments,               \
                    Value *result, Error *err);

/* function_choose.c: of arguments of one type, and of NULLs */
ROW_FUNCTION(row_coalesce)
ROW_FUNCTION(row_nullif)
ROW_FUNCTION(row_greatest) /* operation 1: least */
ROW_FUNCTION(row_is_truth) /* operation 1: IS TRUE, 0: IS FALSE */
ROW_FUNCTION(row_distinct)

/* function_text.c */
mql_status batch_change_case(const BatchCall *call,
                             Error *err); /* operation 1: upper */
mql_status batch_length(const BatchCall *call,
                        Error *err); /* operation 1: bytes */
ROW_FUNCTION(row_substr)
ROW_FUNCTION(row_trim) /* operation: sides, 1 left + 2 right */
ROW_FUNCTION(row_replace)
ROW_FUNCTION(row_concat)
ROW_FUNCTION(row_split_part)
ROW_FUNCTION(row_left) /* operation 1: right */
ROW_FUNCTION(row_pad)  /* operation 1: right */
ROW_FUNCTION(row_strpos)
mql_status batch_starts_with(const BatchCall *call, Error *err);
mql_status batch_empty(const BatchCall *call, Error *err);
mql_status batch_match(const BatchCall *call,
                       Error *err); /* regular expression */

/* function_json.c */
/* j["k"], a[0]; operation 1: as -> counts from the end, too */
mql_status batch_get(const BatchCall *call, Error *err);
ROW_FUNCTION(row_arrow_text)
ROW_FUNCTION(row_json_as) /* soft: what is of another kind becomes NULL */
ROW_FUNCTION(row_exists)
ROW_FUNCTION(row_contains)
ROW_FUNCTION(row_contains_many) /* operation 1: all, 0: any */
ROW_FUNCTION(row_array_length)
ROW_FUNCTION(row_json_typeof)
ROW_FUNCTION(row_json_array)
ROW_FUNCTION(row_to_json)
mql_status batch_in_list(const BatchCall *call, Error *err);

/* function_time.c */
ROW_FUNCTION(row_now)
ROW_FUNCTION(row_date_trunc)
ROW_FUNCTION(row_extract)
ROW_FUNCTION(row_to_timestamp)
ROW_FUNCTION(row_version)
ROW_FUNCTION(row_sequence)
ROW_FUNCTION(row_current) /* operation 0: user, 1: database */

/* function_vector.c */
typedef enum DistanceOp {
    DISTANCE_L2,
    DISTANCE_L2_SQUARED,
    DISTANCE_COSINE,
    DISTANCE_NEGATIVE_PRODUCT,
    DISTANCE_PRODUCT,
    DISTANCE_L1,
    DISTANCE_HAMMING, /* of bits, as is the next */
    DISTANCE_JACCARD,
} DistanceOp;
ROW_FUNCTION(row_distance)
ROW_FUNCTION(row_vector_dims)
ROW_FUNCTION(row_vector_norm)
ROW_FUNCTION(row_l2_normalize)
ROW_FUNCTION(row_subvector)
ROW_FUNCTION(row_binary_quantize)

#undef ROW_FUNCTION

#endif
