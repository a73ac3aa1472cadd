/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vector_text.c - the quick reader of vectors against number_read_float().
 *
 * Numbers of every shape, those in the middle between two floats and their
 * neighbours above all: there a quick way that rounds twice goes wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/element.h"
#include "base/number.h"
#include "engine/copy/copy_internal.h"

static uint64_t
next_random(uint64_t *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed;
}

/* A number's text of shape `shape`. */
static void
write_number(char *text, size_t size, unsigned shape, uint64_t *seed)
{
    unsigned long r = next_random(seed);
    /* Exponents around 1, so that all digits count. */
    uint32_t bits = (uint32_t)(r & 0x7fffff) | (uint32_t)(100 + r % 60) << 23;
    double low = (double)float_of_bits(bits);
    double middle = (low + (double)float_of_bits(bits + 1)) / 2;
    switch (shape) {
    case 0:
        snprintf(text, size, "%.9g", low);
        break;
    case 1:
        snprintf(text, size, "%.*g", (int)(17 + r % 10), middle);
        break;
    case 2:
        snprintf(text, size, "%.17g", middle * (r & 1 ? 1 + 1e-15 : 1 - 1e-15));
        break;
    case 3:
        snprintf(text, size, "-%lu.%lu", r % 100000, next_random(seed));
        break;
    case 4:
        snprintf(text, size, "%lu.%09lue%d", r % 10, r % 1000000000,
                 (int)(r % 90) - 45);
        break;
    default:
        snprintf(text, size, "%lu", r >> (r % 64));
        break;
    }
}

static void
test_same_floats(void **state)
{
    (void)state;
    uint64_t seed = 20240601;
    for (unsigned i = 0; i < 300000; i++) {
        char text[96];
        float expected;
        float floats[2];
        write_number(text, sizeof text - 40, i % 6, &seed);
        size_t size = strlen(text);
        const char *stop = number_read_float(text, text + size, &expected);
        /* Twice: before a comma and before the closing bracket. */
        char both[200];
        snprintf(both, sizeof both, "%s,%s]", text, text);
        const char *end = both + strlen(both);
        if (vector_text_read(both, end, ']', floats, 2) != end) {
            if (stop != NULL)
                fail_msg("%s was not read", text);
            continue;
        }
        if (memcmp(&floats[0], &expected, sizeof expected) != 0 ||
            memcmp(&floats[1], &expected, sizeof expected) != 0)
            fail_msg("%s: %.9g and %.9g, not %.9g", text, (double)floats[0],
                     (double)floats[1], (double)expected);
    }
}

static void
test_small_integers(void **state)
{
    (void)state;
    for (int i = -1100; i <= 1100; i++) {
        char text[32];
        float floats[2] = {0};
        int size = snprintf(text, sizeof text, "%d,%d]", i, i);
        assert_non_null(vector_text_read(text, text + size, ']', floats, 2));
        assert_true(floats[0] == (float)i && floats[1] == (float)i);
    }
}

/* What is left to the long way. */
static void
test_not_plain(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",        "]",       "1",     "1,",     "1,2",    "1,2}",
        "1 2]",    "01,2]",   "1,02]", "1.,2]",  ".5,2]",  "+1,2]",
        "1e,2]",   "1.e1,2]", "-,2]",  "--1,2]", "1,2,3]", "1]",
        "1e99,2]", "a,2]",    "00,2]", "1,,2]",  "0x1,2]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t size = strlen(texts[i]);
        char *copy = malloc(size + 1); /* so that a read past it is seen */
        memcpy(copy, texts[i], size);
        float floats[2];
        const char *stop = vector_text_read(copy, copy + size, ']', floats, 2);
        if (stop != NULL)
            fail_msg("\"%s\" was read", texts[i]);
        free(copy);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_floats),
        cmocka_unit_test(test_small_integers),
        cmocka_unit_test(test_not_plain),
    };
    return cmocka_run_group_tests_name("vector_text", tests, NULL, NULL);
}
