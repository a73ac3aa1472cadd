/* SPDX-License-Identifier: Apache-2.0 */
/*
 * function_math.c - arithmetic and mathematics.
 *
 * Integers are int64: overflow and division by zero are errors (Milvus wraps).
 * Results that are no finite number are errors, so that no NaN or infinity ever
 * reaches a column. On JSON the operands are typed row by row: what is no
 * number gives NULL.
 */
#include <math.h>

#include "base/checksum.h"
#include "engine/expr/expr_internal.h"

static mql_status
integer_overflow(Error *err)
{
    return error_set(err, ERR_OUT_OF_RANGE, "INT64 out of range");
}

static mql_status
division_by_zero(Error *err)
{
    return error_set(err, ERR_DIVISION_BY_ZERO, "division by zero");
}

static mql_status
shift(ArithmeticOp op, int64_t a, int64_t b, int64_t *result, Error *err)
{
    if (b < 0 || b > 63)
        return error_set(err, ERR_OUT_OF_RANGE,
                         "shift count %lld is not between 0 and 63",
                         (long long)b);
    if (op == ARITHMETIC_SHIFT_LEFT)
        *result = (int64_t)((uint64_t)a << b);
    else
        *result = a >= 0 ? a >> b : ~(~a >> b);
    return MQL_OK;
}

/* The smallest integer divided by -1 does not fit; its rest does. */
static mql_status
divide(ArithmeticOp op, int64_t a, int64_t b, int64_t *result, Error *err)
{
    if (b == 0)
        return division_by_zero(err);
    if (b == -1) {
        if (op == ARITHMETIC_REMAINDER)
            *result = 0;
        else if (__builtin_sub_overflow((int64_t)0, a, result))
            return integer_overflow(err);
        return MQL_OK;
    }
    *result = op == ARITHMETIC_DIVIDE ? a / b : a % b;
    return MQL_OK;
}

mql_status
integer_arithmetic(ArithmeticOp op, int64_t a, int64_t b, int64_t *result,
                   Error *err)
{
    bool overflows = false;
    switch (op) {
    case ARITHMETIC_ADD:
        overflows = __builtin_add_overflow(a, b, result);
        break;
    case ARITHMETIC_SUBTRACT:
        overflows = __builtin_sub_overflow(a, b, result);
        break;
    case ARITHMETIC_MULTIPLY:
        overflows = __builtin_mul_overflow(a, b, result);
        break;
    case ARITHMETIC_DIVIDE:
    case ARITHMETIC_REMAINDER:
        return divide(op, a, b, result, err);
    case ARITHMETIC_AND:
        *result = a & b;
        break;
    case ARITHMETIC_OR:
        *result = a | b;
        break;
    case ARITHMETIC_XOR:
        *result = a ^ b;
        break;
    case ARITHMETIC_SHIFT_LEFT:
    case ARITHMETIC_SHIFT_RIGHT:
        return shift(op, a, b, result, err);
    }
    return overflows ? integer_overflow(err) : MQL_OK;
}

static mql_status
check_real(double real, Error *err)
{
    if (isnan(real))
        return error_set(err, ERR_OUT_OF_RANGE, "the result is not a number");
    if (isinf(real))
        return error_set(err, ERR_OUT_OF_RANGE, "value out of range: overflow");
    return MQL_OK;
}

mql_status
result_real(double real, Value *result, Error *err)
{
    TRY(check_real(real, err));
    result->real = real;
    return MQL_OK;
}

mql_status
real_arithmetic(ArithmeticOp op, double a, double b, double *result, Error *err)
{
    switch (op) {
    case ARITHMETIC_ADD:
        *result = a + b;
        break;
    case ARITHMETIC_SUBTRACT:
        *result = a - b;
        break;
    case ARITHMETIC_MULTIPLY:
        *result = a * b;
        break;
    case ARITHMETIC_DIVIDE:
    case ARITHMETIC_REMAINDER:
        if (b == 0)
            return division_by_zero(err);
        *result = op == ARITHMETIC_DIVIDE ? a / b : fmod(a, b);
        break;
    default:
        return error_set(err, ERR_INTERNAL_ERROR, "bits of a real");
    }
    return isfinite(*result) ? MQL_OK : check_real(*result, err);
}

/* By a constant above 0, which cannot fail: of any row, NULL or not. Dividing
 * 32 bits takes a third of the time of 64. */
static void
batch_remainders(const BatchCall *call, int64_t divisor, int64_t *data)
{
    const int64_t *values = call->arguments[0].column.ints;
    for (uint32_t row = 0; row < call->count; row++) {
        int64_t value = values[row];
        bool is_small = ((uint64_t)value | (uint64_t)divisor) <= UINT32_MAX;
        data[row] = is_small ? (int64_t)((uint32_t)value % (uint32_t)divisor)
                             : value % divisor;
    }
}

static mql_status
batch_integers(const BatchCall *call, Error *err)
{
    ArithmeticOp op = (ArithmeticOp)call->expr->function->operation;
    const Operand *left = &call->arguments[0];
    const Operand *right = &call->arguments[1];
    int64_t *data = call->data;
    if (op == ARITHMETIC_REMAINDER && right->step == 0 && left->step == 1 &&
        call->count > 0 && right->column.type.kind != TYPE_NULL &&
        right->column.ints[0] > 0) {
        batch_remainders(call, right->column.ints[0], data);
        return MQL_OK;
    }
    for (uint32_t row = 0; row < call->count; row++) {
        if (call->valid[row])
            TRY(integer_arithmetic(op, left->column.ints[row * left->step],
                                   right->column.ints[row * right->step],
                                   &data[row], err));
    }
    return MQL_OK;
}

mql_status
batch_arithmetic(const BatchCall *call, Error *err)
{
    ArithmeticOp op = (ArithmeticOp)call->expr->function->operation;
    const Operand *left = &call->arguments[0];
    const Operand *right = &call->arguments[1];
    double *data = call->data;
    if (type_is_integer(call->expr->type.kind))
        return batch_integers(call, err);
    for (uint32_t row = 0; row < call->count; row++) {
        if (call->valid[row])
            TRY(real_arithmetic(op, left->column.reals[row * left->step],
                                right->column.reals[row * right->step],
                                &data[row], err));
    }
    return MQL_OK;
}

/* ---- JSON ---- */

/* A number, also out of JSON; false: it is none. */
static bool
number_of(const Value *value, Value *number)
{
    *number = *value;
    if (value->type.kind == TYPE_JSON &&
        !value_of_json(json_of(value->bytes), number))
        return false;
    return type_is_number(number->type.kind);
}

static double
as_real(const Value *number)
{
    return type_is_integer(number->type.kind) ? (double)number->integer
                                              : number->real;
}

mql_status
row_json_arithmetic(const RowCall *call, const Value *arguments, Value *result,
                    Error *err)
{
    ArithmeticOp op = (ArithmeticOp)call->expr->function->operation;
    Value a;
    Value b;
    Value number;
    Buffer buffer = BUFFER_INIT;
    if (!number_of(&arguments[0], &a) || !number_of(&arguments[1], &b)) {
        result->is_null = true;
        return MQL_OK;
    }
    if (type_is_integer(a.type.kind) && type_is_integer(b.type.kind)) {
        number = value_int64(0);
        TRY(integer_arithmetic(op, a.integer, b.integer, &number.integer, err));
    } else {
        number = value_double(0);
        TRY(real_arithmetic(op, as_real(&a), as_real(&b), &number.real, err));
    }
    TRY(value_to_json(&buffer, &number, err));
    return result_buffer(call, &buffer, result, err);
}

/* ---- functions ---- */

static int64_t
power_of_ten(int64_t digits)
{
    int64_t power = 1;
    while (digits-- > 0)
        power *= 10;
    return power;
}

/* Half away from zero, at 10^-digits. */
static mql_status
round_integer(int64_t value, int64_t digits, Value *result, Error *err)
{
    result->integer = value;
    if (digits >= 0)
        return MQL_OK;
    if (digits < -18) {
        result->integer = 0;
        return MQL_OK;
    }
    int64_t unit = power_of_ten(-digits);
    int64_t rest = value % unit;
    result->integer = value - rest;
    int64_t step = 0;
    if (rest >= unit - unit / 2)
        step = unit;
    else if (-rest >= unit - unit / 2)
        step = -unit;
    if (__builtin_add_overflow(result->integer, step, &result->integer))
        return integer_overflow(err);
    return MQL_OK;
}

static double
round_real(double value, int64_t digits)
{
    if (digits == 0)
        return round(value);
    if (digits > 300 || digits < -308)
        return digits > 0 ? value : 0;
    double scale = pow(10, (double)(digits > 0 ? digits : -digits));
    double scaled = digits > 0 ? value * scale : value / scale;
    if (!isfinite(scaled) || fabs(scaled) >= 4503599627370496.0)
        return digits > 0 ? value : round(scaled) * scale;
    return digits > 0 ? round(scaled) / scale : round(scaled) * scale;
}

static mql_status
math_integer(MathFunction operation, const Value *arguments, uint32_t count,
             Value *result, Error *err)
{
    int64_t x = arguments[0].integer;
    switch (operation) {
    case MATH_ABS:
        if (x >= 0)
            break;
        /* fall through */
    case MATH_NEGATE:
        return integer_arithmetic(ARITHMETIC_SUBTRACT, 0, x, &result->integer,
                                  err);
    case MATH_BIT_NOT:
        result->integer = ~x;
        return MQL_OK;
    case MATH_SIGN:
        result->integer = (x > 0) - (x < 0);
        return MQL_OK;
    case MATH_ROUND:
        return round_integer(x, count > 1 ? arguments[1].integer : 0, result,
                             err);
    default:
        break;
    }
    result->integer = x;
    return MQL_OK;
}

static mql_status
power(double base, double exponent, Value *result, Error *err)
{
    if (base == 0 && exponent < 0)
        return error_set(err, ERR_OUT_OF_RANGE,
                         "zero raised to a negative power is undefined");
    if (base < 0 && floor(exponent) != exponent)
        return error_set(err, ERR_OUT_OF_RANGE,
                         "a negative number raised to a non-integer power "
                         "yields a complex result");
    return result_real(pow(base, exponent), result, err);
}

static mql_status
logarithm(MathFunction operation, double x, Value *result, Error *err)
{
    if (x == 0)
        return error_set(err, ERR_OUT_OF_RANGE,
                         "cannot take logarithm of zero");
    if (x < 0)
        return error_set(err, ERR_OUT_OF_RANGE,
                         "cannot take logarithm of a negative number");
    return result_real(operation == MATH_LN ? log(x) : log10(x), result, err);
}

static mql_status
square_root(double x, Value *result, Error *err)
{
    if (x < 0)
        return error_set(err, ERR_OUT_OF_RANGE,
                         "cannot take square root of a negative number");
    return result_real(sqrt(x), result, err);
}

static mql_status
math_real(MathFunction operation, const Value *arguments, uint32_t count,
          Value *result, Error *err)
{
    double x = arguments[0].real;
    switch (operation) {
    case MATH_NEGATE:
        return result_real(-x, result, err);
    case MATH_ABS:
        return result_real(fabs(x), result, err);
    case MATH_SIGN:
        return result_real((x > 0) - (x < 0), result, err);
    case MATH_ROUND:
        return result_real(round_real(x, count > 1 ? arguments[1].integer : 0),
                           result, err);
    case MATH_FLOOR:
        return result_real(floor(x), result, err);
    case MATH_CEIL:
        return result_real(ceil(x), result, err);
    case MATH_TRUNC:
        return result_real(trunc(x), result, err);
    case MATH_POWER:
        return power(x, arguments[1].real, result, err);
    case MATH_SQRT:
        return square_root(x, result, err);
    case MATH_LN:
    case MATH_LOG10:
        return logarithm(operation, x, result, err);
    case MATH_EXP:
        return result_real(exp(x), result, err);
    case MATH_BIT_NOT:
        break;
    }
    return error_set(err, ERR_INTERNAL_ERROR, "unknown function of a real");
}

mql_status
row_math(const RowCall *call, const Value *arguments, Value *result, Error *err)
{
    MathFunction operation = (MathFunction)call->expr->function->operation;
    uint32_t count = call->expr->argument_count;
    if (type_is_integer(result->type.kind))
        return math_integer(operation, arguments, count, result, err);
    return math_real(operation, arguments, count, result, err);
}

/* splitmix64: a step of the run's own state, from 0 to below 1. */
static double
next_random(ExprRun *run)
{
    run->random_state += UINT64_C(0x9e3779b97f4a7c15);
    return (double)(hash_u64(run->random_state) >> 11) * 0x1.0p-53;
}

mql_status
row_random(const RowCall *call, const Value *arguments, Value *result,
           Error *err)
{
    (void)arguments;
    return result_real(next_random(call->run), result, err);
}

mql_status
row_random_sample(const RowCall *call, const Value *arguments, Value *result,
                  Error *err)
{
    double part = arguments[0].real;
    if (!(part > 0 && part < 1))
        return error_set(err, ERR_INVALID_PARAMETER,
                         "random_sample needs a part above 0 and below 1");
    result->boolean = next_random(call->run) < part;
    return MQL_OK;
}
