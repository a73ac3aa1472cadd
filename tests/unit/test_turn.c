/* SPDX-License-Identifier: Apache-2.0 */
/* test_turn.c - turning keeps lengths and angles, and spreads what a vector
 * has over its elements. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "index/vector/turn.h"

#define DIM_MOST 1100

static double
dot(const float *a, const float *b, uint32_t dim)
{
    double sum = 0;
    for (uint32_t i = 0; i < dim; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void
test_products(void **state)
{
    (void)state;
    float a[DIM_MOST], b[DIM_MOST], room[DIM_MOST];
    for (uint32_t dim = 1; dim <= DIM_MOST; dim += dim < 140 ? 1 : 97) {
        for (uint32_t i = 0; i < dim; i++) {
            a[i] = (float)(i * 7919 % 101) - 50;
            b[i] = (float)(i * 104729 % 89) - 30;
        }
        double aa = dot(a, a, dim), ab = dot(a, b, dim), bb = dot(b, b, dim);
        double slack = 1e-5 * sqrt(aa * bb) + 1e-5;
        turn_vector(a, dim, room);
        turn_vector(b, dim, room);
        assert_true(fabs(dot(a, a, dim) - aa) <= 1e-5 * aa);
        assert_true(fabs(dot(a, b, dim) - ab) <= slack);
    }
}

/* One element that is not 0 becomes many that are small. */
static void
test_spread(void **state)
{
    (void)state;
    float x[DIM_MOST], room[DIM_MOST];
    for (uint32_t dim = 64; dim <= DIM_MOST; dim += 37)
        for (uint32_t at = 0; at < dim; at += 13) {
            memset(x, 0, sizeof x);
            x[at] = 1;
            turn_vector(x, dim, room);
            for (uint32_t i = 0; i < dim; i++)
                assert_true(fabsf(x[i]) < 0.36f);
        }
}

/* Files hold what was turned: the bits stay what they were. */
static void
test_bits(void **state)
{
    (void)state;
    static const struct {
        uint32_t dim;
        uint64_t sum;
    } wanted[] = {{64, UINT64_C(0x80824a4d35fa2000)},
                  {128, UINT64_C(0x0bced394a0aaeb0d)},
                  {300, UINT64_C(0x49eb3c6229d9a000)},
                  {784, UINT64_C(0xf2c5f9d685fc955c)},
                  {1024, UINT64_C(0xdd272ae6a0ab8800)}};
    float x[DIM_MOST], room[DIM_MOST];
    for (size_t n = 0; n < sizeof wanted / sizeof wanted[0]; n++) {
        uint32_t seed = 1, dim = wanted[n].dim;
        uint64_t sum = 0;
        for (uint32_t i = 0; i < dim; i++) {
            seed = seed * 1103515245 + 12345;
            x[i] = (float)((seed >> 16) % 255);
        }
        turn_vector(x, dim, room);
        for (uint32_t i = 0; i < dim; i++) {
            uint32_t bits;
            memcpy(&bits, &x[i], sizeof bits);
            sum = sum * 31 + bits;
        }
        assert_int_equal(sum, wanted[n].sum);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
