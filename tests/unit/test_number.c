/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_number.c - numbers to text and back, against the C library, whose
 * strtod() and printf() are correctly rounded.
 */
#include "files.h"

#include <float.h>
#include <locale.h>
#include <math.h>

#include "base/number.h"

static void
expect_text(double value, const char *expected)
{
    char text[NUMBER_TEXT_SIZE];
    assert_int_equal(number_print_double(text, value), strlen(expected));
    assert_string_equal(text, expected);
}

static void
expect_float_text(float value, const char *expected)
{
    char text[NUMBER_TEXT_SIZE];
    assert_int_equal(number_print_float(text, value), strlen(expected));
    assert_string_equal(text, expected);
}

/* What PostgreSQL 15 prints for these */
static void
prints_as_postgresql(void **state)
{
    (void)state;
    expect_text(0, "0");
    expect_text(-0.0, "-0");
    expect_text(1e20, "1e+20");
    expect_text(1e-7, "1e-07");
    expect_text(0.0001, "0.0001");
    expect_text(0.00001, "1e-05");
    expect_text(18446744073709551616.0, "1.8446744073709552e+19");
    expect_text(100, "100");
    expect_text(123456789012345, "123456789012345");
    expect_text(1e15, "1e+15");
    expect_text(0.1, "0.1");
    expect_text(1.0 / 3, "0.3333333333333333");
    expect_text(9007199254740992, "9.007199254740992e+15");
    expect_text(DBL_MAX, "1.7976931348623157e+308");
    expect_text(5e-324, "5e-324");
    expect_text(2.2250738585072014e-308, "2.2250738585072014e-308");
    expect_text((double)NAN, "NaN");
    expect_text((double)INFINITY, "Infinity");
    expect_text((double)-INFINITY, "-Infinity");
    expect_float_text(0.1f, "0.1");
    expect_float_text(16777216.0f, "1.6777216e+07");
    expect_float_text(100000.0f, "100000");
    expect_float_text(1000000.0f, "1e+06");
    expect_float_text(1.0f / 3, "0.33333334");
    expect_float_text(FLT_MAX, "3.4028235e+38");
    expect_float_text(1e-45f, "1e-45");
}

static double
random_double(uint64_t *seed, int kind)
{
    uint64_t bits = next_random(seed);
    double value;
    switch (kind % 4) {
    case 0:
        memcpy(&value, &bits, sizeof value);
        return value;
    case 1:
        return (double)(int64_t)(bits % 2000000 - 1000000) / 1000;
    case 2:
        return ldexp((double)(bits >> 11), -53);
    default:
        return (double)(float)ldexp((double)(bits >> 11),
                                    -53 + (int)(bits % 60));
    }
}

/* No text with fewer digits reads back as the same number. */
static void
expect_shortest(const char *text, double value, bool is_float)
{
    int digits = 0;
    for (const char *at = text; *at != '\0' && *at != 'e'; at++)
        digits += *at >= '0' && *at <= '9' && (digits > 0 || *at != '0');
    char shorter[64];
    if (digits < 3 || digits > 17 || strchr(text, '.') == NULL)
        return;
    snprintf(shorter, sizeof shorter, "%.*e", digits - 2, value);
    if (is_float)
        assert_true(strtof(shorter, NULL) != (float)value);
    else
        assert_true(strtod(shorter, NULL) != value);
}

/* The digits of a number's text, without zeros at either end. */
static size_t
digits_of(const char *text, char digits[64])
{
    size_t count = 0;
    for (const char *at = text; *at != '\0' && *at != 'e'; at++)
        if (*at >= '0' && *at <= '9' && (count > 0 || *at != '0'))
            digits[count++] = *at;
    while (count > 0 && digits[count - 1] == '0')
        count--;
    digits[count] = '\0';
    return count;
}

/* Of all texts with so many digits it is the closest. */
static void
expect_closest(const char *text, double value, bool is_float)
{
    char digits[64], other[64], closest[64];
    size_t count = digits_of(text, digits);
    if (count == 0 || count > 17)
        return;
    snprintf(other, sizeof other, "%.*e", (int)count - 1, value);
    bool reads_back = is_float ? strtof(other, NULL) == (float)value
                               : strtod(other, NULL) == value;
    digits_of(other, closest);
    if (reads_back)
        assert_string_equal(digits, closest);
}

static void
printing_reads_back(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 200000; i++) {
        char text[NUMBER_TEXT_SIZE];
        double value = random_double(&seed, i);
        if (!isfinite(value))
            continue;
        size_t size = number_print_double(text, value);
        assert_int_equal(size, strlen(text));
        assert_true(strtod(text, NULL) == value);
        expect_shortest(text, value, false);
        expect_closest(text, value, false);
        float narrow = (float)value;
        if (!isfinite(narrow))
            continue;
        size = number_print_float(text, narrow);
        assert_int_equal(size, strlen(text));
        assert_true(strtof(text, NULL) == narrow);
        expect_shortest(text, (double)narrow, true);
        expect_closest(text, (double)narrow, true);
    }
}

static void
expect_read(const char *text)
{
    double value = 7;
    float narrow = 7;
    const char *end = text + strlen(text);
    double expected = strtod(text, NULL);
    float expected_narrow = strtof(text, NULL);
    const char *after = number_read_double(text, end, &value);
    assert_ptr_equal(after, isinf(expected) ? NULL : end);
    if (after != NULL)
        assert_memory_equal(&value, &expected, sizeof value);
    after = number_read_float(text, end, &narrow);
    assert_ptr_equal(after, isinf(expected_narrow) ? NULL : end);
    if (after != NULL)
        assert_memory_equal(&narrow, &expected_narrow, sizeof narrow);
}

static void
reads_random_texts_exactly(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (int i = 0; i < 200000; i++) {
        char text[64];
        double value = random_double(&seed, i);
        if (!isfinite(value))
            continue;
        int precision = (int)(next_random(&seed) % 25);
        snprintf(text, sizeof text, "%.*e", precision, value);
        expect_read(text);
    }
}

/* The middle between two floats, or just beside it, must be rounded once. */
static void
reads_the_middle_exactly(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int i = 0; i < 100000; i++) {
        char text[1200];
        float low = (float)random_double(&seed, i);
        float high = nextafterf(low, INFINITY);
        if (!isfinite(low) || !isfinite(high))
            continue;
        double middle = ((double)low + (double)high) / 2;
        snprintf(text, sizeof text, "%.*e", (int)(14 + seed % 150), middle);
        expect_read(text);
        double next = nextafter(middle, INFINITY);
        snprintf(text, sizeof text, "%.17e", next);
        expect_read(text);
    }
    /* the middle between two doubles, with a digit far behind */
    expect_read("9007199254740993");
    expect_read("9007199254740992.99999999999999999999999");
    expect_read("9007199254740993.00000000000000000000001");
    char text[1200];
    memset(text, '0', sizeof text);
    memcpy(text, "9007199254740993.", 17);
    text[sizeof text - 2] = '1';
    text[sizeof text - 1] = '\0';
    expect_read(text);
}

static void
reads_extremes(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "0e5",
        "0.000e-999999999999",
        "1e-400",
        "1e400",
        "1e999999999",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "3.4028235e38",
        "3.4028236e38",
        "1.17549435e-38",
        "1.4e-45",
        "7e-46",
        "7.1e-46",
        "00000000000000000000000000000000000001.5",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999e-20",
        "+1.5",
        ".5",
        "5.",
        "0.00000000000000000000000000000000000123456789012345678",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_read(texts[i]);
}

static void
stops_where_the_number_ends(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int size; /* -1: no number */
    } cases[] = {
        {"", -1},    {"-", -1},   {"+", -1},    {".", -1},    {"e5", -1},
        {"inf", -1}, {"nan", -1}, {" 1", -1},   {"1 ", 1},    {"1e", 1},
        {"1e+", 1},  {"1ex", 1},  {"0x10", 1},  {"1.2.3", 3}, {"1_000", 1},
        {"1,5", 1},  {"--1", -1}, {"1e5e5", 3}, {"-.e1", -1}, {"1.e2]", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = cases[i].text;
        double value;
        const char *after =
            number_read_double(text, text + strlen(text), &value);
        assert_int_equal(after == NULL ? -1 : after - text, cases[i].size);
    }
    /* nothing is read behind the end */
    double value;
    const char *text = "12345";
    assert_ptr_equal(number_read_double(text, text + 2, &value), text + 2);
    assert_true(value == 12);
}

static void
integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int size;
        int64_t value;
    } cases[] = {
        {"0", 1, 0},
        {"-0", 2, 0},
        {"+7x", 2, 7},
        {"9223372036854775807", 19, INT64_MAX},
        {"-9223372036854775808", 20, INT64_MIN},
        {"9223372036854775808", -1, 0},
        {"-9223372036854775809", -1, 0},
        {"99999999999999999999999", -1, 0},
        {"000000000000000000000000000005", 30, 5},
        {"", -1, 0},
        {"-", -1, 0},
        {"a", -1, 0},
        {"1.5", 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = cases[i].text;
        int64_t value = 0;
        const char *after =
            number_read_int64(text, text + strlen(text), &value);
        assert_int_equal(after == NULL ? -1 : after - text, cases[i].size);
        if (after == NULL)
            continue;
        assert_int_equal(value, cases[i].value);
    }
    char text[NUMBER_TEXT_SIZE];
    assert_int_equal(number_print_int64(text, INT64_MIN), 20);
    assert_string_equal(text, "-9223372036854775808");
    assert_int_equal(number_print_int64(text, 0), 1);
    assert_string_equal(text, "0");
    assert_int_equal(number_print_int64(text, INT64_MAX), 19);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_as_postgresql),
        cmocka_unit_test(printing_reads_back),
        cmocka_unit_test(reads_random_texts_exactly),
        cmocka_unit_test(reads_the_middle_exactly),
        cmocka_unit_test(reads_extremes),
        cmocka_unit_test(stops_where_the_number_ends),
        cmocka_unit_test(integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
