/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages.h - memory for much that comes row by row.
 *
 * A process pays for each page of memory that it touches first. Pages of 2 MiB,
 * where the system has them to give, cost a third of what those of 4 KiB do;
 * and what is freed goes back to the system at once.
 */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

#define LARGE_PAGE_SIZE ((size_t)2 << 20)

/* Zeros, at a multiple of LARGE_PAGE_SIZE. `size` is a multiple of it too.
 * NULL: out of memory. */
void *pages_alloc(size_t size);
/* With the size given then. NULL is allowed. */
void pages_free(void *memory, size_t size);

#endif
