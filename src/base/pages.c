/* SPDX-License-Identifier: Apache-2.0 */
/* pages.c - see pages.h. */
#include "base/pages.h"

#include <assert.h>
#include <stdint.h>
#include <sys/mman.h>

void *
pages_alloc(size_t size)
{
    assert(size % LARGE_PAGE_SIZE == 0);
    if (size == 0 || size > SIZE_MAX - LARGE_PAGE_SIZE)
        return NULL;
    size_t mapped_size = size + LARGE_PAGE_SIZE;
    char *mapped = mmap(NULL, mapped_size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)mapped % LARGE_PAGE_SIZE;
    char *memory = mapped + before;
    if (before > 0)
        (void)munmap(mapped, before);
    (void)munmap(memory + size, LARGE_PAGE_SIZE - before);
#ifdef MADV_HUGEPAGE
    (void)madvise(memory, size, MADV_HUGEPAGE);
#endif
    return memory;
}

void
pages_free(void *memory, size_t size)
{
    if (memory != NULL)
        (void)munmap(memory, size);
}
