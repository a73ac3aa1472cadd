/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c - the only file of the shell that calls malloc and free.
 */
#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *
checked(void *memory)
{
    static const char message[] = "mql: error: out of memory\n";
    if (memory != NULL)
        return memory;
    if (write(STDERR_FILENO, message, sizeof message - 1) < 0)
        _exit(1);
    exit(1);
}

void *
memory_alloc(size_t count, size_t size)
{
    return checked(calloc(count == 0 ? 1 : count, size));
}

void *
memory_resize(void *old, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return checked(NULL);
    return checked(realloc(old, count * size == 0 ? 1 : count * size));
}

char *
memory_copy(const char *text, size_t size)
{
    char *copy = memory_alloc(size + 1, 1);
    if (size > 0)
        memcpy(copy, text, size);
    return copy;
}

void
memory_free(void *memory)
{
    free(memory);
}
