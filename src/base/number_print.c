/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number_print.c - the shortest text that reads back as the same number.
 *
 * All decimals between the middles to the two neighbours read back as the
 * number. The number and the two middles are scaled by a power of ten to
 * integers of 18 or 19 digits (10 or 11 for float); then digits are dropped as
 * long as the middles still differ without them. This is the core of Adams,
 * "Ryu: fast float-to-string conversion" (2018); its tables are not needed
 * where 128 bits hold the scaling exactly, which is so from about 1e-11 to
 * 1e43. Elsewhere snprintf() is asked with growing precision until the text
 * reads back.
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
    int bits;            /* of a mantissa */
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

static const Format double_format = {
    .precision_least = 15,
    .precision_most = 17,
    .bits = 53,
    .plain_below = 15,
    .normal_least = DBL_MIN,
    .reads_back = double_reads_back,
};

static const Format float_format = {
    .precision_least = 6,
    .precision_most = 9,
    .bits = 24,
    .plain_below = 6,
    .normal_least = (double)FLT_MIN,
    .reads_back = float_reads_back,
};

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

/* mantissa * 2^exponent, taken from the bits of a normal double; `bits` of the
 * mantissa are kept, the others are zero. */
static uint64_t
take_apart(double value, int bits, int *exponent)
{
    uint64_t raw;
    memcpy(&raw, &value, sizeof raw);
    uint64_t mantissa = (raw & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
    *exponent = (int)(raw >> 52 & 0x7FF) - 1075 + (53 - bits);
    return mantissa >> (53 - bits);
}

/* x * 2^shift * 5^power rounded down; x has at most 55 bits, the result at most
 * 64. False when 128 bits do not hold what is in between. */
static bool
scale(uint64_t x, int shift, int power, uint64_t *whole, bool *is_exact)
{
    if (power > NUMBER_POWER_MOST || power < -NUMBER_POWER_MOST || shift > 70 ||
        shift < -127)
        return false;
    if (power >= 0) {
        Wide product = (Wide)x * powers_of_five[power];
        if (shift > 8)
            return false;
        Wide result = shift < 0 ? product >> -shift : product << shift;
        *whole = (uint64_t)result;
        *is_exact = shift >= 0 || result << -shift == product;
        return true;
    }
    if (shift < -64)
        return false;
    Wide numerator = (Wide)x << (shift > 0 ? shift : 0);
    Wide divisor = (Wide)powers_of_five[-power] << (shift < 0 ? -shift : 0);
    Wide quotient = numerator / divisor;
    *whole = (uint64_t)quotient;
    *is_exact = quotient * divisor == numerator;
    return true;
}

/* The number and the middles to its neighbours, scaled. */
typedef struct Interval {
    uint64_t low;
    uint64_t value;
    uint64_t high;
    bool low_is_exact;
    bool value_is_exact;
    bool has_bounds; /* the middles themselves read back as the number */
} Interval;

static bool
find_interval(uint64_t mantissa, int exponent, int bits, int power,
              Interval *interval)
{
    /* below a power of two the neighbour is half as far away */
    uint64_t below = mantissa == (uint64_t)1 << (bits - 1) ? 1 : 2;
    int shift = exponent - 2 + power;
    bool high_is_exact;
    interval->has_bounds = mantissa % 2 == 0;
    if (!scale(mantissa * 4, shift, power, &interval->value,
               &interval->value_is_exact) ||
        !scale(mantissa * 4 - below, shift, power, &interval->low,
               &interval->low_is_exact) ||
        !scale(mantissa * 4 + 2, shift, power, &interval->high, &high_is_exact))
        return false;
    if (high_is_exact && !interval->has_bounds)
        interval->high--;
    return true;
}

/* Drop digits while something remains between the middles; returns how many. */
static int
shorten(Interval *interval, uint64_t *digits)
{
    int removed = 0;
    unsigned last = 0;
    uint64_t low = interval->low;
    uint64_t value = interval->value;
    uint64_t high = interval->high;
    bool low_is_exact = interval->low_is_exact;
    bool value_is_exact = interval->value_is_exact;
    while (high / 10 > low / 10 ||
           (low_is_exact && interval->has_bounds && low % 10 == 0 && low > 0)) {
        low_is_exact = low_is_exact && low % 10 == 0;
        value_is_exact = value_is_exact && last == 0;
        last = (unsigned)(value % 10);
        low /= 10;
        value /= 10;
        high /= 10;
        removed++;
    }
    if (value_is_exact && last == 5 && value % 2 == 0)
        last = 4; /* half to even */
    bool is_outside = value == low && !(low_is_exact && interval->has_bounds);
    *digits = value + (is_outside || last >= 5);
    return removed;
}

/* The shortest digits of `value` (normal, above 0); false: not by this way. */
static bool
digits_by_scaling(double value, const Format *format, Digits *digits)
{
    int exponent;
    uint64_t mantissa = take_apart(value, format->bits, &exponent);
    /* floor(log10(2^(bits - 1 + exponent))), which is right or one too small */
    int ten = ((format->bits - 1 + exponent) * 78913) >> 18;
    /* one digit more than is ever needed, so that what is dropped rounds */
    int power = format->precision_most - ten;
    Interval interval;
    if (!find_interval(mantissa, exponent, format->bits, power, &interval))
        return false;
    uint64_t shortest;
    int removed = shorten(&interval, &shortest);
    digits->count = (int)number_append_u64(digits->text, shortest);
    digits->point = digits->count + removed - power;
    return true;
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

static void
drop_zeros(Digits *digits)
{
    while (digits->count > 1 && digits->text[digits->count - 1] == '0')
        digits->count--;
}

/* `value` above 0 and finite */
static size_t
print_positive(char *text, double value, const Format *format)
{
    Digits digits;
    bool is_normal = value >= format->normal_least;
    if (is_normal && digits_by_scaling(value, format, &digits)) {
        drop_zeros(&digits);
        return write_digits(text, &digits, format);
    }
    for (int precision = is_normal ? format->precision_least : 1;;
         precision++) {
        digits_by_printing(value, precision, &digits);
        drop_zeros(&digits);
        size_t size = write_digits(text, &digits, format);
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
