/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kernels.c - every distance table against the scalar one.
 *
 * Tolerance of the float functions: 1e-6 of the sum of absolute terms for each
 * 16 elements (at least 1e-6), which is a few units in the last place of a sum
 * taken in any order. The integer functions must be equal.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bits.h"
#include "index/keys.h"
#include "index/kernels/distance.h"

#define LONGEST 5000

static const char *const names[] = {"scalar", "avx2", "avx512", "neon",
                                    "neondot"};

static uint64_t
next_random(uint64_t *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed;
}

static float
random_float(uint64_t *seed)
{
    return (float)(next_random(seed) % 20001) / 10000.0f - 1.0f;
}

/* Blocks of exactly the needed size, so that ASan sees a read past the end. */
typedef struct Rows {
    float *a;
    float *rows[4];
    uint8_t *codes[2];
    int8_t *signed_codes[2];
} Rows;

static Rows
rows_new(size_t dim, uint64_t *seed)
{
    Rows rows;
    rows.a = malloc(dim * sizeof(float));
    for (size_t i = 0; i < dim; i++)
        rows.a[i] = random_float(seed);
    for (size_t row = 0; row < 4; row++) {
        rows.rows[row] = malloc(dim * sizeof(float));
        for (size_t i = 0; i < dim; i++)
            rows.rows[row][i] = random_float(seed);
    }
    for (size_t row = 0; row < 2; row++) {
        rows.codes[row] = malloc(dim);
        rows.signed_codes[row] = malloc(dim);
        for (size_t i = 0; i < dim; i++) {
            rows.codes[row][i] = (uint8_t)(next_random(seed) % 128);
            rows.signed_codes[row][i] =
                (int8_t)((int)(next_random(seed) % 255) - 127);
        }
    }
    return rows;
}

static void
rows_free(Rows *rows)
{
    free(rows->a);
    for (size_t row = 0; row < 4; row++)
        free(rows->rows[row]);
    for (size_t row = 0; row < 2; row++) {
        free(rows->codes[row]);
        free(rows->signed_codes[row]);
    }
}

static void
check_close(float actual, double expected, double absolute_sum, size_t dim)
{
    double tolerance = 1e-6 * (1.0 + (double)dim / 16.0) * absolute_sum + 1e-12;
    double difference = (double)actual - expected;
    if (difference < -tolerance || difference > tolerance)
        fail_msg("dim %zu: %.9g, not %.9g", dim, (double)actual, expected);
}

static void
check_floats(const DistanceTable *table, const Rows *rows, size_t dim)
{
    const float *const four[4] = {rows->rows[0], rows->rows[1], rows->rows[2],
                                  rows->rows[3]};
    float distances[4], products[4], dots[4], squares[4];
    table->dot_square_f32_4(rows->a, four, dim, dots, squares);
    table->l2_f32_4(rows->a, four, dim, distances);
    table->dot_f32_4(rows->a, four, dim, products);
    for (size_t row = 0; row < 4; row++) {
        double l2 = 0, dot = 0, absolute = 0, square = 0;
        for (size_t i = 0; i < dim; i++) {
            double a = rows->a[i], b = four[row][i];
            l2 += (a - b) * (a - b);
            dot += a * b;
            absolute += a * b < 0 ? -a * b : a * b;
            square += b * b;
        }
        float actual = table->l2_f32(rows->a, four[row], dim);
        check_close(actual, l2, l2, dim);
        assert_true(actual == distances[row]);
        actual = table->dot_f32(rows->a, four[row], dim);
        check_close(actual, dot, absolute, dim);
        assert_true(actual == products[row]);
        float actual_square = -1.0f;
        actual = table->dot_square_f32(rows->a, four[row], dim, &actual_square);
        check_close(actual, dot, absolute, dim);
        check_close(actual_square, square, square, dim);
        assert_true(actual == dots[row] && actual_square == squares[row]);
    }
}

static void
check_codes(const DistanceTable *table, const Rows *rows, size_t dim)
{
    assert_int_equal(
        table->l2_u7(rows->codes[0], rows->codes[1], dim),
        distance_scalar.l2_u7(rows->codes[0], rows->codes[1], dim));
    assert_int_equal(
        table->dot_i8(rows->signed_codes[0], rows->signed_codes[1], dim),
        distance_scalar.dot_i8(rows->signed_codes[0], rows->signed_codes[1],
                               dim));
}

static void
test_tables_agree(void **state)
{
    (void)state;
    static const size_t long_ones[] = {100, 128, 255, 784, 1536, 1537, LONGEST};
    uint64_t seed = 42;
    for (size_t n = 0; n < 68 + sizeof long_ones / sizeof long_ones[0]; n++) {
        size_t dim = n < 68 ? n : long_ones[n - 68];
        Rows rows = rows_new(dim, &seed);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            const DistanceTable *table = distance_select(names[i]);
            if (table == NULL)
                continue; /* this processor has not got it */
            check_floats(table, &rows, dim);
            check_codes(table, &rows, dim);
        }
        rows_free(&rows);
    }
}

/* Codes of a table, any number of them in any order, against one at a time. */
static void
check_code_rows(const DistanceTable *table, const uint8_t *codes, size_t stride,
                const uint32_t *rows, size_t count)
{
    enum { MOST = 16 };
    float l2[MOST + 1], dot[MOST + 1];
    l2[count] = dot[count] = -7;
    table->l2_u7_rows(codes, codes, stride, rows, count, l2);
    table->dot_i8_rows(codes, codes, stride, rows, count, dot);
    assert_true(l2[count] == -7 && dot[count] == -7);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *code = codes + rows[i] * stride;
        assert_true(l2[i] == (float)distance_scalar.l2_u7(codes, code, stride));
        int32_t product = distance_scalar.dot_i8((const int8_t *)codes,
                                                 (const int8_t *)code, stride);
        assert_true(dot[i] == -(float)product);
    }
}

static void
test_rows_of_codes(void **state)
{
    (void)state;
    enum { ROWS = 16 };
    static const size_t strides[] = {64, 128, 192, 832, 1024, 1088, 32768};
    uint64_t seed = 7;
    for (size_t n = 0; n < sizeof strides / sizeof strides[0]; n++) {
        size_t stride = strides[n];
        uint8_t *codes = malloc(ROWS * stride);
        for (size_t i = 0; i < ROWS * stride; i++)
            codes[i] = (uint8_t)(next_random(&seed) % 128);
        memset(codes + stride, 0, stride);
        memset(codes, 127, stride);
        uint32_t rows[ROWS];
        for (size_t i = 0; i < ROWS; i++)
            rows[i] =
                i < 2 ? (uint32_t)i : (uint32_t)(next_random(&seed) % ROWS);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            const DistanceTable *table = distance_select(names[i]);
            for (size_t count = 0; table != NULL && count <= ROWS; count++)
                check_code_rows(table, codes, stride, rows, count);
        }
        free(codes);
    }
}

static int32_t
nibble_product(const int8_t *a, const uint8_t *code, size_t stride)
{
    int32_t sum = 0;
    for (size_t i = 0; i < 2 * stride; i++) {
        uint8_t byte = code[i / 128 * 64 + i % 64];
        sum += a[i] * (i % 128 < 64 ? byte & 15 : byte >> 4);
    }
    return sum;
}

static void
check_nibble_rows(const DistanceTable *table, const int8_t *a,
                  const NibbleRows *nibbles, const uint32_t *rows, size_t count)
{
    enum { MOST = 16 };
    float distances[MOST + 1];
    distances[count] = -7;
    table->nibble_rows(a, 0.3f, nibbles, rows, count, distances);
    assert_true(distances[count] == -7);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *code = nibbles->codes + rows[i] * nibbles->stride;
        float first = (float)nibbles->norms[rows[i]] * 0.3f;
        float product = (float)nibble_product(a, code, nibbles->stride);
        assert_true(distances[i] == first - product);
    }
}

static void
test_rows_of_nibbles(void **state)
{
    (void)state;
    enum { ROWS = 16 };
    static const size_t strides[] = {64, 128, 448, 1024, 16384};
    uint64_t seed = 8;
    for (size_t n = 0; n < sizeof strides / sizeof strides[0]; n++) {
        size_t stride = strides[n];
        uint8_t *codes = malloc(ROWS * stride);
        int8_t *a = malloc(2 * stride);
        uint16_t norms[ROWS];
        uint32_t rows[ROWS];
        for (size_t i = 0; i < ROWS * stride; i++)
            codes[i] = (uint8_t)next_random(&seed);
        memset(codes + stride, 255, stride);
        for (size_t i = 0; i < ROWS; i++) {
            norms[i] = (uint16_t)(next_random(&seed) >> (i % 2));
            rows[i] =
                i < 2 ? (uint32_t)i : (uint32_t)(next_random(&seed) % ROWS);
        }
        const NibbleRows nibbles = {codes, norms, stride};
        for (int kind = 0; kind < 3; kind++) {
            for (size_t i = 0; i < 2 * stride; i++)
                a[i] = (int8_t)((int)(next_random(&seed) % 255) - 127);
            if (kind > 0)
                memset(a, kind == 1 ? 127 : -127, 2 * stride);
            for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                const DistanceTable *table = distance_select(names[i]);
                for (size_t count = 0; table != NULL && count <= ROWS; count++)
                    check_nibble_rows(table, a, &nibbles, rows, count);
            }
        }
        free(codes);
        free(a);
    }
}

/* ---- keys ---- */

/* What insert_keys() does, by the plainest way there is. */
static uint32_t
insert_plainly(int64_t *keys, uint32_t *count, uint32_t most,
               const int64_t *fresh, uint32_t fresh_count)
{
    uint32_t lowest = most;
    for (uint32_t i = 0; i < fresh_count; i++) {
        uint32_t place = *count;
        while (place > 0 && keys[place - 1] > fresh[i])
            place--;
        if (place == most)
            continue;
        *count += *count < most;
        for (uint32_t j = *count - 1; j > place; j--)
            keys[j] = keys[j - 1];
        keys[place] = fresh[i];
        lowest = place < lowest ? place : lowest;
    }
    return lowest;
}

/* With a table by its kernel, without one by keys_merge(). */
static void
check_keys(const DistanceTable *table, uint32_t most, uint64_t seed)
{
    enum { MOST = 300, FRESH = 40 };
    int64_t keys[MOST + 1], expected[MOST + 1], fresh[FRESH];
    uint32_t count = 0, expected_count = 0;
    keys[most] = expected[most] = -77; /* nobody's */
    for (int round = 0; round < 30; round++) {
        uint32_t fresh_count = (uint32_t)(next_random(&seed) % (FRESH + 1));
        for (uint32_t i = 0; i < fresh_count; i++) {
            fresh[i] = (int64_t)next_random(&seed) >> (round % 2 == 0 ? 0 : 58);
            if (round == 7)
                fresh[i] = i % 2 == 0 ? INT64_MIN : INT64_MAX;
        }
        uint32_t lowest =
            insert_plainly(expected, &expected_count, most, fresh, fresh_count);
        uint32_t place =
            table == NULL
                ? keys_merge(keys, &count, most, fresh, fresh_count)
                : table->insert_keys(keys, &count, most, fresh, fresh_count);
        assert_int_equal(place, lowest);
        assert_int_equal(count, expected_count);
        assert_memory_equal(keys, expected, count * sizeof *keys);
        assert_true(keys[most] == -77);
    }
}

static void
test_insert_keys(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 4, 7, 8, 9, 16, 31, 64, 100, 300};
    for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
        for (uint64_t seed = 1; seed < 20; seed++)
            check_keys(NULL, sizes[n], seed * 1000 + n);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            const DistanceTable *table = distance_select(names[i]);
            for (uint64_t seed = 1; table != NULL && seed < 20; seed++)
                check_keys(table, sizes[n], seed * 1000 + n);
        }
    }
}

enum { IDS = 96, BITS = 1000 };

static void
check_kept(const DistanceTable *table, uint64_t seed)
{
    uint64_t bits[BITS / 64 + 1] = {0};
    uint32_t ids[IDS], kept[IDS + 16];
    for (uint32_t i = 0; i < BITS; i++)
        if (next_random(&seed) % 8 < seed % 9)
            bits_set(bits, i);
    for (uint32_t count = 0; count <= IDS; count += 16) {
        uint32_t expected = 0;
        for (uint32_t i = 0; i < count; i++)
            ids[i] = (uint32_t)(next_random(&seed) % BITS);
        uint32_t found = table->keep_set(ids, count, bits, BITS, kept);
        for (uint32_t i = 0; i < count; i++)
            if (bits_get(bits, ids[i]))
                assert_int_equal(kept[expected++], ids[i]);
        assert_int_equal(found, expected);
    }
    static const uint32_t wrong[] = {BITS, BITS + 1, 1u << 31, UINT32_MAX};
    ids[next_random(&seed) % IDS] = wrong[seed % 4];
    assert_int_equal(table->keep_set(ids, IDS, bits, BITS, kept), UINT32_MAX);
}

static void
test_keep_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const DistanceTable *table = distance_select(names[i]);
        for (uint64_t seed = 1; table != NULL && seed < 200; seed++)
            check_kept(table, seed);
    }
}

/* In any order, with equal ones, and in orders that part badly. */
static void
test_sort_keys(void **state)
{
    (void)state;
    enum { MOST = 3000 };
    static uint64_t keys[MOST];
    uint64_t seed = 5;
    for (uint32_t count = 0; count <= MOST; count += 1 + count / 3)
        for (uint32_t way = 0; way < 5; way++) {
            uint64_t sum = 0, sorted = 0;
            for (uint32_t i = 0; i < count; i++) {
                uint32_t half = i < count / 2 ? i : count - i;
                const uint64_t numbers[] = {next_random(&seed), i, count - i,
                                            half, next_random(&seed) % 3};
                keys[i] = numbers[way];
                sum += keys[i] * 31 + keys[i] % 7;
            }
            keys_sort(keys, count);
            for (uint32_t i = 0; i < count; i++) {
                assert_true(i == 0 || keys[i - 1] <= keys[i]);
                sorted += keys[i] * 31 + keys[i] % 7;
            }
            assert_true(sorted == sum);
        }
}

/* What a table makes of `count` floats is what the scalar one does, bit by bit;
 * blocks of exactly that size. */
static void
check_turning(const DistanceTable *table, size_t count, uint64_t seed)
{
    const DistanceTable *plain = &distance_scalar;
    size_t size = count * sizeof(float);
    float *a = malloc(size), *b = malloc(size), *room = malloc(size);
    int8_t *code = malloc(count), *plain_code = malloc(count);
    int32_t sums[2], plain_sums[2];
    for (size_t i = 0; i < count; i++)
        a[i] = b[i] = seed % 3 == 0 ? 0.0f : random_float(&seed);

    size_t some = count < 64 ? count : 64;
    uint64_t signs = next_random(&seed);
    table->flip_signs(a, some, signs);
    for (size_t i = 0; i < some; i++)
        b[i] = (signs >> i & 1) != 0 ? -b[i] : b[i];
    assert_memory_equal(a, b, size);

    size_t power = 1;
    while (power <= count / 2)
        power *= 2;
    table->hadamard(a, power, 0.3f, room);
    plain->hadamard(b, power, 0.3f, room);
    assert_memory_equal(a, b, size);

    float largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fabsf(a[i]) > largest ? fabsf(a[i]) : largest;
    assert_true(table->largest_f32(a, count) == largest);

    /* Some of the codes are held to their range. */
    float inverse = largest > 0 ? 200 / largest : 1;
    table->code_target(a, count, inverse, code, sums);
    plain->code_target(a, count, inverse, plain_code, plain_sums);
    assert_memory_equal(code, plain_code, count);
    assert_memory_equal(sums, plain_sums, sizeof sums);
    int32_t sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        float wanted = fminf(fmaxf(a[i] * inverse, -127), 127);
        assert_true(fabsf((float)code[i] - wanted) <= 0.501f);
        sum += code[i];
        squares += code[i] * code[i];
    }
    assert_int_equal(sums[0], sum);
    assert_int_equal(sums[1], squares);
    free(a), free(b), free(room), free(code), free(plain_code);
}

static void
test_turning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const DistanceTable *table = distance_select(names[i]);
        for (size_t n = 1; table != NULL && n < 2100; n += n < 140 ? 1 : 97)
            check_turning(table, n, n);
    }
}

/* The transform of an element alone has the same size everywhere; numbers that
 * are none or too large go into a code somehow. */
static void
test_turning_edges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const DistanceTable *table = distance_select(names[i]);
        if (table == NULL)
            continue;
        float x[256] = {0}, room[256];
        x[77] = 3;
        table->hadamard(x, 256, 0.5f, room);
        for (size_t j = 0; j < 256; j++)
            assert_true(fabsf(x[j]) == 1.5f);
        float odd[20] = {NAN, INFINITY, -INFINITY, 1e38f, -1e38f, 0.5f, -0.5f};
        int8_t code[20];
        int32_t sums[2];
        table->code_target(odd, 20, 1, code, sums);
        const int8_t wanted[7] = {-127, 127, -127, 127, -127, 1, 0};
        assert_memory_equal(code, wanted, sizeof wanted);
        assert_false(isfinite(table->largest_f32(odd, 20)));
        assert_true(table->largest_f32(odd, 0) == 0);
    }
}

/* The largest codes the rules allow must not wrap around. */
static void
test_extreme_codes(void **state)
{
    (void)state;
    enum { SIZE = 131072 };
    uint8_t *low = calloc(SIZE, 1), *high = malloc(SIZE);
    int8_t *minus = malloc(SIZE);
    memset(high, 127, SIZE);
    memset(minus, -127, SIZE);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const DistanceTable *table = distance_select(names[i]);
        if (table == NULL)
            continue;
        assert_int_equal(table->l2_u7(low, high, SIZE), 127u * 127u * SIZE);
        assert_int_equal(table->l2_u7(high, low, SIZE), 127u * 127u * SIZE);
        assert_int_equal(table->dot_i8(minus, minus, SIZE), 127 * 127 * SIZE);
        assert_int_equal(table->dot_i8((const int8_t *)high, minus, SIZE),
                         -127 * 127 * SIZE);
    }
    free(low);
    free(high);
    free(minus);
}

static void
test_select(void **state)
{
    (void)state;
    assert_null(distance_select("no such set"));
    assert_ptr_equal(distance_select("scalar"), &distance_scalar);
    assert_non_null(distance_select(NULL));
    const DistanceTable *table = distance_table();
    assert_ptr_equal(table, distance_table());
    const char *wanted = getenv("MQL_SIMD");
    if (wanted != NULL && distance_select(wanted) != NULL)
        assert_string_equal(table->name, wanted);
    else
        assert_ptr_equal(table, distance_select(NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_agree),
        cmocka_unit_test(test_rows_of_codes),
        cmocka_unit_test(test_rows_of_nibbles),
        cmocka_unit_test(test_insert_keys),
        cmocka_unit_test(test_keep_set),
        cmocka_unit_test(test_sort_keys),
        cmocka_unit_test(test_turning),
        cmocka_unit_test(test_turning_edges),
        cmocka_unit_test(test_extreme_codes),
        cmocka_unit_test(test_select),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
