/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - memory that is there: the shell can do nothing without it, so a
 * failed allocation says so on standard error and ends the process with 1.
 */
#ifndef CLI_MEMORY_H
#define CLI_MEMORY_H

#include <stddef.h>

/* `count` zeroed objects of `size` bytes, never NULL; memory_free() takes it.
 */
void *memory_alloc(size_t count, size_t size);

/* The same memory with room for `count` objects; `old` may be NULL. What is
 * new in it is not zeroed. */
void *memory_resize(void *old, size_t count, size_t size);

/* A copy of `size` bytes with a NUL behind. */
char *memory_copy(const char *text, size_t size);

/* NULL is allowed. */
void memory_free(void *memory);

#endif
