/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number_print.c - the shortest text that reads back as the same number.
 *
 * The number is scaled to a whole number of `precision` digits, exactly in 128
 * bits where |power of ten| is at most 27 and by snprintf() elsewhere, and read
 * back by number_read.c. Whatever has at most 15 digits (6 for float) survives
 * at that precision, with zeros at the end that are dropped; all else needs one
 * to three tries more. So a mistake here could make a text long, never wrong.
 */
#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number_internal.h"

typedef unsigned __int128 Wide;

/* A kind of floating point: which precisions to try, where PostgreSQL changes
 * from plain digits to an exponent, and reading back. */
typedef struct Format {
    int precision_least;
    int precision_most;
    int plain_below;     /* exponents below this are written in plain digits */
    double normal_least; /* smaller ones have fewer bits than they should */
    bool (*reads_back)(const char *text, size_t size, double value);
} Format;

/* 0.digits * 10^point, digits without zeros at the end */
typedef struct Digits {
    char text[24];
    int count;
    int point;
} Digits;

static const uint64_t powers_of_ten[] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
};

static bool
double_reads_back(const char *text, size_t size, double value)
{
    double back;
    return number_read_double(text, text + size, &back) != NULL &&
           back == value;
}

static bool
float_reads_back(const char *text, size_t size, double value)
{
    float back;
    return number_read_float(text, text + size, &back) != NULL &&
           (double)back == value;
}

static const Format double_format = {15, 17, 15, DBL_MIN, double_reads_back};
static const Format float_format = {6, 9, 6, (double)FLT_MIN, float_reads_back};

size_t
number_append_u64(char *text, uint64_t value)
{
    char reversed[20];
    size_t count = 0;
    do {
        reversed[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < count; i++)
        text[i] = reversed[count - 1 - i];
    text[count] = '\0';
    return count;
}

size_t
number_print_int64(char text[NUMBER_TEXT_SIZE], int64_t value)
{
    size_t sign = value < 0;
    text[0] = '-';
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    return sign + number_append_u64(text + sign, magnitude);
}

/* numerator / divisor to the nearest whole number, half to even */
static Wide
divide_rounded(Wide numerator, Wide divisor)
{
    Wide quotient = numerator / divisor;
    Wide rest = numerator % divisor;
    Wide left = divisor - rest;
    return quotient + (rest > left || (rest == left && (quotient & 1) != 0));
}

/* numerator / 2^shift, likewise */
static Wide
shift_rounded(Wide numerator, int shift)
{
    Wide quotient = numerator >> shift;
    Wide half = (Wide)1 << (shift - 1);
    Wide rest = numerator & ((half << 1) - 1);
    return quotient + (rest > half || (rest == half && (quotient & 1) != 0));
}

/* mantissa * 2^exponent * 10^power to the nearest whole number, where 128 bits
 * suffice for it: false when they do not, or when it does not fit 64. The
 * mantissa has at most 53 bits. */
static bool
scale(uint64_t mantissa, int exponent, int power, uint64_t *whole)
{
    if (power > NUMBER_POWER_MOST || power < -NUMBER_POWER_MOST)
        return false;
    int shift = exponent + power;
    if (shift < -64 || shift > 10)
        return false;
    Wide result;
    if (power >= 0) {
        Wide product = (Wide)mantissa * powers_of_five[power];
        result = shift < 0 ? shift_rounded(product, -shift) : product << shift;
    } else {
        Wide numerator = (Wide)mantissa << (shift > 0 ? shift : 0);
        Wide divisor = (Wide)powers_of_five[-power] << (shift < 0 ? -shift : 0);
        result = divide_rounded(numerator, divisor);
    }
    *whole = (uint64_t)result;
    return result >> 64 == 0;
}

/* `precision` digits of `value` (above 0, finite) by way of scale(). `guess`
 * is the decimal exponent or one less. */
static bool
digits_by_scaling(double value, int guess, int precision, Digits *digits)
{
    int exponent;
    uint64_t mantissa = (uint64_t)ldexp(frexp(value, &exponent), 53);
    int zeros = __builtin_ctzll(mantissa);
    mantissa >>= zeros;
    exponent += zeros - 53;
    for (int ten = guess; ten <= guess + 1; ten++) {
        uint64_t whole;
        if (!scale(mantissa, exponent, precision - 1 - ten, &whole))
            return false;
        if (whole >= powers_of_ten[precision])
            continue;
        digits->count = (int)number_append_u64(digits->text, whole);
        digits->point = ten + 1;
        return digits->count == precision;
    }
    return false;
}

/* The same by snprintf(); the decimal point may be any locale's, so that only
 * digits are taken. */
static void
digits_by_printing(double value, int precision, Digits *digits)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", precision - 1, value);
    const char *at = text;
    digits->count = 0;
    for (; *at != 'e' && *at != '\0'; at++) {
        if (*at >= '0' && *at <= '9')
            digits->text[digits->count++] = *at;
    }
    digits->point = (*at == 'e' ? (int)strtol(at + 1, NULL, 10) : 0) + 1;
}

/* d.dddde+XX, as PostgreSQL writes it */
static size_t
write_with_exponent(char *text, const Digits *digits)
{
    size_t size = 0;
    text[size++] = digits->text[0];
    if (digits->count > 1) {
        text[size++] = '.';
        memcpy(text + size, digits->text + 1, (size_t)digits->count - 1);
        size += (size_t)digits->count - 1;
    }
    int exponent = digits->point - 1;
    text[size++] = 'e';
    text[size++] = exponent < 0 ? '-' : '+';
    uint64_t magnitude = (uint64_t)(exponent < 0 ? -exponent : exponent);
    if (magnitude < 10)
        text[size++] = '0';
    return size + number_append_u64(text + size, magnitude);
}

static size_t
write_plain(char *text, const Digits *digits)
{
    size_t size = 0;
    if (digits->point <= 0) {
        text[size++] = '0';
        text[size++] = '.';
        for (int i = digits->point; i < 0; i++)
            text[size++] = '0';
        memcpy(text + size, digits->text, (size_t)digits->count);
        size += (size_t)digits->count;
        text[size] = '\0';
        return size;
    }
    for (int i = 0; i < digits->count || i < digits->point; i++) {
        if (i == digits->point)
            text[size++] = '.';
        text[size++] = i < digits->count ? digits->text[i] : '0';
    }
    text[size] = '\0';
    return size;
}

static size_t
write_digits(char *text, const Digits *digits, const Format *format)
{
    int exponent = digits->point - 1;
    if (exponent >= -4 && exponent < format->plain_below)
        return write_plain(text, digits);
    return write_with_exponent(text, digits);
}

/* `value` above 0 and finite */
static size_t
print_positive(char *text, double value, const Format *format)
{
    int binary;
    frexp(value, &binary);
    int guess = (int)floor((binary - 1) * 0.30102999566398114);
    size_t size = 0;
    int precision = value < format->normal_least ? 1 : format->precision_least;
    for (;; precision++) {
        Digits digits;
        if (!digits_by_scaling(value, guess, precision, &digits))
            digits_by_printing(value, precision, &digits);
        while (digits.count > 1 && digits.text[digits.count - 1] == '0')
            digits.count--;
        size = write_digits(text, &digits, format);
        if (precision == format->precision_most ||
            format->reads_back(text, size, value))
            return size;
    }
}

static size_t
print_number(char *text, double value, const Format *format)
{
    size_t sign = 0;
    if (isnan(value)) {
        memcpy(text, "NaN", 4);
        return 3;
    }
    if (signbit(value))
        text[sign++] = '-';
    value = fabs(value);
    if (isinf(value)) {
        memcpy(text + sign, "Infinity", 9);
        return sign + 8;
    }
    if (value == 0) {
        memcpy(text + sign, "0", 2);
        return sign + 1;
    }
    return sign + print_positive(text + sign, value, format);
}

size_t
number_print_double(char text[NUMBER_TEXT_SIZE], double value)
{
    return print_number(text, value, &double_format);
}

size_t
number_print_float(char text[NUMBER_TEXT_SIZE], float value)
{
    return print_number(text, (double)value, &float_format);
}
