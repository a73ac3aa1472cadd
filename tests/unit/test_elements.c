/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_elements.c - elements of vectors: to floats and back, and the distances
 * over them, every table against plain sums in double.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/element.h"
#include "index/kernels/elements.h"

#define LONGEST 300

static uint64_t
next_random(uint64_t *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed;
}

/* ---- conversions ---- */

/* The nearest of all halves, ties to the even one, found by looking. */
static uint16_t
nearest_half(float value)
{
    uint32_t low = 0, high = 0x7bff;
    float magnitude = fabsf(value);
    while (low < high) { /* the largest half that is not above */
        uint32_t middle = (low + high + 1) / 2;
        if (float_of_half((uint16_t)middle) <= magnitude)
            low = middle;
        else
            high = middle - 1;
    }
    double below = (double)magnitude - (double)float_of_half((uint16_t)low);
    double step = low == 0x7bff ? 32
                                : (double)float_of_half((uint16_t)(low + 1)) -
                                      (double)float_of_half((uint16_t)low);
    bool goes_up = below * 2 > step || (below * 2 == step && low % 2 != 0);
    return (uint16_t)((low + goes_up) | (signbit(value) ? 0x8000 : 0));
}

static void
test_half(void **state)
{
    (void)state;
    for (uint32_t half = 0; half < 0x10000; half++) {
        float value = float_of_half((uint16_t)half);
        if (isnan(value))
            assert_true(isnan(float_of_half(half_of_float(value))));
        else
            assert_int_equal(half_of_float(value), half);
    }
    assert_true(float_of_half(0x3c00) == 1.0f);
    assert_true(float_of_half(0x7bff) == 65504.0f);
    assert_true(float_of_half(0x0001) == 0x1p-24f);
    assert_int_equal(half_of_float(65519.996f), 0x7bff);
    assert_int_equal(half_of_float(65520.0f), 0x7c00); /* infinity */
    assert_int_equal(half_of_float(0x1p-25f), 0);
    assert_int_equal(half_of_float(0x1.8p-25f), 1);
    assert_int_equal(half_of_float(-0.0f), 0x8000);
    uint64_t seed = 7;
    for (int i = 0; i < 300000; i++) {
        uint32_t bits = (uint32_t)next_random(&seed);
        if (i % 2 == 0) /* half way between two halves, or near it */
            bits = (bits & ~0x1fffu) | (0x1000u + (uint32_t)(i / 2 % 3) - 1);
        float value = float_of_bits(bits);
        if (isnan(value))
            continue;
        uint16_t expected = fabsf(value) >= 65520.0f
                                ? (uint16_t)(signbit(value) ? 0xfc00 : 0x7c00)
                                : nearest_half(value);
        if (half_of_float(value) != expected)
            fail_msg("%a: %04x, not %04x", (double)value, half_of_float(value),
                     expected);
    }
}

static void
test_bfloat(void **state)
{
    (void)state;
    assert_int_equal(bfloat_of_float(1.0f), 0x3f80);
    assert_int_equal(bfloat_of_float(float_of_bits(0x3f808000)), 0x3f80);
    assert_int_equal(bfloat_of_float(float_of_bits(0x3f808001)), 0x3f81);
    assert_int_equal(bfloat_of_float(float_of_bits(0x3f818000)), 0x3f82);
    assert_int_equal(bfloat_of_float(float_of_bits(0xbf818000)), 0xbf82);
    assert_int_equal(bfloat_of_float(3.4028235e38f), 0x7f80); /* rounds over */
    assert_true(isnan(float_of_bfloat(bfloat_of_float(NAN))));
    assert_int_equal(bfloat_of_float(-INFINITY), 0xff80);
}

static void
test_from_floats(void **state)
{
    (void)state;
    uint16_t words[3];
    int8_t bytes[6];
    uint8_t bits[1];
    float back[8];
    assert_int_equal(
        element_of_floats(ELEMENT_F16, (float[]){1, 65519, 65520}, 3, words),
        2);
    assert_int_equal(
        element_of_floats(ELEMENT_F16, (float[]){1, NAN, 2}, 3, words), 1);
    assert_int_equal(
        element_of_floats(ELEMENT_BF16, (float[]){1, 2, -INFINITY}, 3, words),
        2);
    assert_int_equal(element_of_floats(ELEMENT_F32, (float[]){1, NAN}, 2, back),
                     1);
    const float whole[6] = {-128, 127, 0.5f, 1.5f, -2.5f, 127.4f};
    const int8_t rounded[6] = {-128, 127, 0, 2, -2, 127};
    assert_int_equal(element_of_floats(ELEMENT_I8, whole, 6, bytes), 6);
    assert_memory_equal(bytes, rounded, 6);
    assert_int_equal(element_of_floats(ELEMENT_I8, (float[]){127.5f}, 1, bytes),
                     0);
    assert_int_equal(element_of_floats(ELEMENT_I8, (float[]){NAN}, 1, bytes),
                     0);
    const float digits[8] = {1, 0, 1, 0, 0, 0, 0, 1};
    assert_int_equal(element_of_floats(ELEMENT_BIT, digits, 8, bits), 8);
    assert_int_equal(bits[0], 0xa1);
    element_floats(ELEMENT_BIT, bits, 8, back);
    assert_memory_equal(back, digits, sizeof digits);
    assert_int_equal(element_of_floats(ELEMENT_BIT, (float[8]){1, 2}, 8, bits),
                     1);
}

/* ---- distances ---- */

static const char *const names[] = {"scalar", "avx2", "avx512", "neon",
                                    "neondot"};

/* At the end of a block, so that ASan sees a read past the end, at even and odd
 * addresses. */
typedef struct Vector {
    char *block;
    void *data;
    float floats[LONGEST * 8];
} Vector;

static void
vector_make(Vector *vector, ElementType element, size_t dim, size_t shift,
            uint64_t *seed)
{
    size_t size = element_row_size(element, dim);
    vector->block = malloc(size + shift + 1);
    vector->data = vector->block + shift + 1;
    for (size_t i = 0; i < dim; i++) {
        uint64_t chance = next_random(seed) >> 20;
        if (element == ELEMENT_BIT)
            vector->floats[i] = (float)(chance % 2);
        else if (element == ELEMENT_I8)
            vector->floats[i] = (float)(chance % 256) - 128.0f;
        else
            vector->floats[i] = (float)(chance % 20001) / 10000.0f - 1.0f;
    }
    assert_int_equal(
        element_of_floats(element, vector->floats, dim, vector->data), dim);
    element_floats(element, vector->data, dim, vector->floats);
}

static void
check_close(float actual, double expected, double absolute_sum, size_t dim)
{
    double tolerance = 1e-6 * (1.0 + (double)dim / 16.0) * absolute_sum + 1e-12;
    if (!(fabs((double)actual - expected) <= tolerance))
        fail_msg("dim %zu: %.9g, not %.9g", dim, (double)actual, expected);
}

static void
check_sums(const ElementTable *table, ElementType element, size_t dim,
           const Vector *a, const Vector *b)
{
    const ElementKernels *kernels = element_kernels(table, element);
    double l2 = 0, dot = 0, absolute = 0, square = 0;
    for (size_t i = 0; i < dim; i++) {
        double x = (double)a->floats[i], y = (double)b->floats[i];
        l2 += (x - y) * (x - y);
        dot += x * y;
        absolute += fabs(x * y);
        square += y * y;
    }
    float actual_square = -1;
    check_close(kernels->l2(a->data, b->data, dim), l2, l2, dim);
    check_close(kernels->dot(a->data, b->data, dim), dot, absolute, dim);
    check_close(kernels->dot_square(a->data, b->data, dim, &actual_square), dot,
                absolute, dim);
    check_close(actual_square, square, square, dim);
    if (element != ELEMENT_I8)
        return;
    assert_true(kernels->l2(a->data, b->data, dim) == (float)l2);
    assert_true(kernels->dot(a->data, b->data, dim) == (float)dot);
    assert_true(actual_square == (float)square);
}

static void
check_counts(const ElementTable *table, size_t size, const Vector *a,
             const Vector *b)
{
    uint32_t differ = 0, both = 0, one = 0, either = 0;
    for (size_t i = 0; i < size * 8; i++) {
        differ += a->floats[i] != b->floats[i];
        both += a->floats[i] != 0 && b->floats[i] != 0;
        one += a->floats[i] != 0 || b->floats[i] != 0;
    }
    assert_int_equal(table->hamming(a->data, b->data, size), differ);
    assert_int_equal(table->common(a->data, b->data, size, &either), both);
    assert_int_equal(either, one);
    const void *rows[3] = {b->data, a->data, b->data};
    uint32_t counts[3], eithers[3];
    table->hamming_rows(a->data, rows, size, 3, counts);
    assert_true(counts[0] == differ && counts[1] == 0 && counts[2] == differ);
    table->common_rows(a->data, rows, size, 3, counts, eithers);
    assert_true(counts[0] == both && counts[2] == both);
    assert_true(counts[1] == eithers[1] && eithers[0] == one);
}

static void
check_table(const ElementTable *table)
{
    static Vector a, b;
    uint64_t seed = 42;
    for (int element = ELEMENT_F16; element < ELEMENT_COUNT; element++) {
        for (size_t n = 0; n <= LONGEST * 2; n++) {
            size_t dim = element == ELEMENT_BIT ? n / 2 * 8 : n / 2;
            vector_make(&a, (ElementType)element, dim, 0, &seed);
            vector_make(&b, (ElementType)element, dim, n % 2, &seed);
            if (element == ELEMENT_BIT)
                check_counts(table, dim / 8, &a, &b);
            else
                check_sums(table, (ElementType)element, dim, &a, &b);
            free(a.block);
            free(b.block);
        }
    }
}

static void
test_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const ElementTable *table = element_table_select(names[i]);
        if (table == NULL)
            continue;
        assert_string_equal(table->name, names[i]);
        check_table(table);
#if defined(__x86_64__)
        if (table == &element_avx512_bits)
            check_table(&element_avx512);
#endif
    }
    assert_null(element_table_select("abacus"));
}

/* The largest sums there are must not overflow. */
static void
test_extremes(void **state)
{
    (void)state;
    enum { DIM = 32768 };
    static int8_t low[DIM], high[DIM];
    memset(low, -128, sizeof low);
    memset(high, 127, sizeof high);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const ElementTable *table = element_table_select(names[i]);
        if (table == NULL)
            continue;
        assert_true(table->i8.l2(low, high, DIM) == (float)(65025.0 * DIM));
        assert_true(table->i8.dot(low, low, DIM) == (float)(16384.0 * DIM));
        assert_true(table->i8.dot(low, high, DIM) == (float)(-16256.0 * DIM));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half),        cmocka_unit_test(test_bfloat),
        cmocka_unit_test(test_from_floats), cmocka_unit_test(test_tables),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
