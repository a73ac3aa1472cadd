/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number_read.c - text to numbers, correctly rounded.
 *
 * A decimal is mantissa * 10^exponent with a mantissa of 64 bits. Three ways,
 * the quick ones first:
 *
 *   1. Clinger's: mantissa up to 2^53 and |exponent| up to 22 are both exact as
 *      doubles, so one multiplication or division rounds once.
 *   2. |exponent| up to 27: 5^27 fits 64 bits, so that product or quotient and
 *      remainder fit 128 bits exactly and are rounded here.
 *   3. All else: strtod() on digits and an exponent without a decimal point,
 *      which no locale reads otherwise. Digits beyond DIGITS_MOST can matter
 *      only by not being zero, so that one 1 stands for them.
 *
 * A float read by way 1 is rounded twice; that is wrong only if the double is
 * exactly half way between two floats, and such go on to way 2.
 */
#include "base/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number_internal.h"

/* A double half way between two others has at most 767 digits. */
#define DIGITS_MOST 800
/* Far beyond any number there is, and far from an overflow. */
#define EXPONENT_MOST 100000000

typedef unsigned __int128 Wide;

typedef struct Decimal {
    const char *digits; /* the first digit that is not 0, or the last digit */
    const char *end;    /* after the last digit of the mantissa             */
    uint64_t mantissa;  /* the first 19 digits                              */
    int64_t exponent;   /* of ten, for `mantissa`                           */
    bool is_negative;
    bool is_cut;      /* there were more digits than the mantissa holds   */
    int64_t fraction; /* digits after the point, all of them              */
    int64_t written;  /* the exponent as it was written                   */
} Decimal;

const uint64_t powers_of_five[NUMBER_POWER_MOST + 1] = {
    UINT64_C(1),
    UINT64_C(5),
    UINT64_C(25),
    UINT64_C(125),
    UINT64_C(625),
    UINT64_C(3125),
    UINT64_C(15625),
    UINT64_C(78125),
    UINT64_C(390625),
    UINT64_C(1953125),
    UINT64_C(9765625),
    UINT64_C(48828125),
    UINT64_C(244140625),
    UINT64_C(1220703125),
    UINT64_C(6103515625),
    UINT64_C(30517578125),
    UINT64_C(152587890625),
    UINT64_C(762939453125),
    UINT64_C(3814697265625),
    UINT64_C(19073486328125),
    UINT64_C(95367431640625),
    UINT64_C(476837158203125),
    UINT64_C(2384185791015625),
    UINT64_C(11920928955078125),
    UINT64_C(59604644775390625),
    UINT64_C(298023223876953125),
    UINT64_C(1490116119384765625),
    UINT64_C(7450580596923828125),
};

static const double exact_powers_of_ten[] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

const char *
number_read_int64(const char *text, const char *end, int64_t *value)
{
    const char *at = text;
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end || !is_digit(*at))
        return NULL;
    uint64_t magnitude = 0;
    for (; at < end && is_digit(*at); at++) {
        if (__builtin_mul_overflow(magnitude, 10u, &magnitude) ||
            __builtin_add_overflow(magnitude, (uint64_t)(*at - '0'),
                                   &magnitude))
            return NULL;
    }
    if (magnitude > (uint64_t)INT64_MAX + is_negative)
        return NULL;
    *value = (int64_t)(is_negative ? 0 - magnitude : magnitude);
    return at;
}

/* Take the digits [at, end) into the mantissa; returns the first non-digit. The
 * sums are kept in locals: text may alias anything, as far as C knows. */
static const char *
take_digits(Decimal *decimal, const char *at, const char *end, int *count)
{
    uint64_t mantissa = decimal->mantissa;
    int taken = *count;
    for (; at < end && is_digit(*at) && taken < 19; at++) {
        mantissa = mantissa * 10 + (uint64_t)(*at - '0');
        taken += mantissa != 0;
    }
    decimal->mantissa = mantissa;
    *count = taken;
    const char *rest = at;
    while (at < end && is_digit(*at))
        at++;
    decimal->exponent += at - rest;
    decimal->is_cut = decimal->is_cut || at > rest;
    return at;
}

/* The exponent after 'e'; without a digit there is none and 'e' is not ours. */
static const char *
take_exponent(Decimal *decimal, const char *at, const char *end)
{
    const char *digit = at + 1;
    bool is_negative = digit < end && *digit == '-';
    if (digit < end && (*digit == '-' || *digit == '+'))
        digit++;
    if (digit == end || !is_digit(*digit))
        return at;
    int64_t written = 0;
    for (; digit < end && is_digit(*digit); digit++) {
        if (written < EXPONENT_MOST)
            written = written * 10 + (*digit - '0');
    }
    decimal->written = is_negative ? -written : written;
    decimal->exponent += decimal->written;
    return digit;
}

/* Take a number apart; NULL: there is none. */
static const char *
take_decimal(Decimal *decimal, const char *text, const char *end)
{
    const char *at = text;
    *decimal = (Decimal){0};
    decimal->is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    decimal->digits = at;
    int count = 0;
    at = take_digits(decimal, at, end, &count);
    int64_t whole = at - decimal->digits;
    if (at < end && *at == '.') {
        const char *point = at++;
        at = take_digits(decimal, at, end, &count);
        decimal->fraction = at - point - 1;
        decimal->exponent -= decimal->fraction;
    }
    if (whole == 0 && decimal->fraction == 0)
        return NULL;
    decimal->end = at;
    if (at < end && (*at == 'e' || *at == 'E'))
        at = take_exponent(decimal, at, end);
    return at;
}

/*
 * The digits again, without point and leading zeros, for strtod() and
 * strtof(); `buffer` has room for DIGITS_MOST + 32.
 */
static void
write_plain(const Decimal *decimal, char *buffer)
{
    int64_t exponent = decimal->written - decimal->fraction;
    size_t size = 0;
    bool is_rest = false;
    for (const char *at = decimal->digits; at < decimal->end; at++) {
        if (*at == '.' || (*at == '0' && size == 0))
            continue;
        if (size < DIGITS_MOST) {
            buffer[size++] = *at;
            continue;
        }
        is_rest = is_rest || *at != '0';
        exponent++;
    }
    if (is_rest) {
        buffer[size++] = '1';
        exponent--;
    }
    if (size == 0)
        buffer[size++] = '0';
    buffer[size++] = 'e';
    if (exponent < 0)
        buffer[size++] = '-';
    uint64_t magnitude = (uint64_t)(exponent < 0 ? -exponent : exponent);
    number_append_u64(buffer + size, magnitude);
}

static int
wide_bits(Wide value)
{
    uint64_t high = (uint64_t)(value >> 64);
    if (high != 0)
        return 128 - __builtin_clzll(high);
    return 64 - __builtin_clzll((uint64_t)value);
}

/* value * 2^exponent rounded to `bits` bits, half to even; `is_rest`: the true
 * value is a little larger. The result is normal, or too large for a double. */
static double
round_wide(Wide value, bool is_rest, int exponent, int bits)
{
    int drop = wide_bits(value) - bits;
    if (drop <= 0)
        return ldexp((double)(uint64_t)value, exponent);
    Wide half = (Wide)1 << (drop - 1);
    Wide dropped = value & ((half << 1) - 1);
    uint64_t kept = (uint64_t)(value >> drop);
    bool is_odd = (kept & 1) != 0;
    if (dropped > half || (dropped == half && (is_rest || is_odd)))
        kept++;
    return ldexp((double)kept, exponent + drop);
}

/* Way 2, rounded to `bits` bits. */
static double
exact_scale(uint64_t mantissa, int exponent, int bits)
{
    if (exponent >= 0) {
        Wide product = (Wide)mantissa * powers_of_five[exponent];
        return round_wide(product, false, exponent, bits);
    }
    int shift = __builtin_clzll(mantissa) + 64;
    Wide numerator = (Wide)mantissa << shift;
    uint64_t divisor = powers_of_five[-exponent];
    Wide quotient = numerator / divisor;
    bool is_rest = quotient * divisor != numerator;
    return round_wide(quotient, is_rest, exponent - shift, bits);
}

static bool
can_clinger(const Decimal *decimal)
{
    return !decimal->is_cut && decimal->mantissa <= (uint64_t)1 << 53 &&
           decimal->exponent >= -22 && decimal->exponent <= 22;
}

static double
clinger(const Decimal *decimal)
{
    double mantissa = (double)decimal->mantissa;
    if (decimal->exponent < 0)
        return mantissa / exact_powers_of_ten[-decimal->exponent];
    return mantissa * exact_powers_of_ten[decimal->exponent];
}

static bool
can_scale_exactly(const Decimal *decimal)
{
    return !decimal->is_cut && decimal->mantissa != 0 &&
           decimal->exponent >= -NUMBER_POWER_MOST &&
           decimal->exponent <= NUMBER_POWER_MOST;
}

const char *
number_read_double(const char *text, const char *end, double *value)
{
    Decimal decimal;
    const char *after = take_decimal(&decimal, text, end);
    if (after == NULL)
        return NULL;
    double magnitude;
    if (can_clinger(&decimal)) {
        magnitude = clinger(&decimal);
    } else if (can_scale_exactly(&decimal)) {
        magnitude = exact_scale(decimal.mantissa, (int)decimal.exponent, 53);
    } else {
        char plain[DIGITS_MOST + 32];
        write_plain(&decimal, plain);
        magnitude = strtod(plain, NULL);
    }
    if (isinf(magnitude))
        return NULL;
    *value = decimal.is_negative ? -magnitude : magnitude;
    return after;
}

/* A double that a float can only be rounded from once more without harm: not
 * in the middle between two floats, not so small that floats lose bits. */
static bool
can_narrow(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x1FFFFFFF) != 0x10000000 && (value >= 1e-37 || value == 0);
}

const char *
number_read_float(const char *text, const char *end, float *value)
{
    Decimal decimal;
    const char *after = take_decimal(&decimal, text, end);
    if (after == NULL)
        return NULL;
    double wide = -1;
    if (can_clinger(&decimal))
        wide = clinger(&decimal);
    if (wide >= 0 && can_narrow(wide)) {
        /* as it is */
    } else if (can_scale_exactly(&decimal)) {
        wide = exact_scale(decimal.mantissa, (int)decimal.exponent, 24);
    } else {
        char plain[DIGITS_MOST + 32];
        write_plain(&decimal, plain);
        wide = (double)strtof(plain, NULL);
    }
    float magnitude = (float)wide;
    if (isinf(magnitude))
        return NULL;
    *value = decimal.is_negative ? -magnitude : magnitude;
    return after;
}
