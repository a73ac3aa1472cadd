/* SPDX-License-Identifier: Apache-2.0 */
/* printed.h - a statement that is put together piece by piece. */
#ifndef TESTS_PRINTED_H
#define TESTS_PRINTED_H

#include <stdarg.h>
#include <stdio.h>

#include "files.h"

#define PRINTED_SIZE 65536

/* Begins as zeros; `size` = 0 begins again. */
typedef struct Printed {
    char text[PRINTED_SIZE];
    size_t size;
} Printed;

static inline void __attribute__((format(printf, 2, 3)))
say(Printed *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof out->text - out->size;
    int size = vsnprintf(out->text + out->size, room, format, arguments);
    va_end(arguments);
    assert_true(size >= 0 && (size_t)size < room);
    out->size += (size_t)size;
}

#endif
