/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmocka.h - the part of cmocka that the tests of kernels use, for `make
 * neon-check`: they are built for a processor whose libraries this machine does
 * not have. The first failure ends the program.
 */
#ifndef TESTS_NEON_CMOCKA_H
#define TESTS_NEON_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define fail_msg(...)                                                          \
    do {                                                                       \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                        \
        fprintf(stderr, __VA_ARGS__);                                          \
        fputc('\n', stderr);                                                   \
        exit(1);                                                               \
    } while (0)

#define assert_true(condition)                                                 \
    do {                                                                       \
        if (!(condition))                                                      \
            fail_msg("%s", #condition);                                        \
    } while (0)

#define assert_false(condition) assert_true(!(condition))
#define assert_null(pointer) assert_true((pointer) == NULL)
#define assert_non_null(pointer) assert_true((pointer) != NULL)
#define assert_ptr_equal(a, b) assert_true((a) == (b))
#define assert_int_equal(a, b) assert_true((a) == (b))
#define assert_string_equal(a, b) assert_true(strcmp((a), (b)) == 0)
#define assert_memory_equal(a, b, size)                                        \
    assert_true(memcmp((a), (b), (size)) == 0)

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(function)                                             \
    {                                                                          \
#function, function                                                    \
    }

#define cmocka_run_group_tests(tests, setup, teardown)                         \
    run_tests((tests), sizeof(tests) / sizeof(tests)[0])

static inline int
run_tests(const struct CMUnitTest *tests, size_t count)
{
    void *state = NULL;
    for (size_t i = 0; i < count; i++) {
        tests[i].run(&state);
        printf("ok    %s\n", tests[i].name);
    }
    return 0;
}

#endif
