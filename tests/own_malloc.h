/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_malloc.h - a malloc for a test program that fails when it is told to and
 * counts the blocks and the bytes in use. Include it once. Not with
 * AddressSanitizer, which has one of its own: HAS_OWN_MALLOC is 0 then.
 */
#ifndef TESTS_OWN_MALLOC_H
#define TESTS_OWN_MALLOC_H

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <stdatomic.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OWN_MALLOC 0
#endif
#endif
#ifndef HAS_OWN_MALLOC
#define HAS_OWN_MALLOC 1
#endif

/* Not every test asks for all of them. */
#define OWN static __attribute__((unused))
OWN atomic_ulong calls;         /* allocations so far              */
OWN atomic_ulong fail_at;       /* this one fails; 0: none         */
OWN atomic_bool fails_for_good; /* and all after it                */
OWN atomic_long blocks, bytes;  /* in use                          */
OWN atomic_long most_bytes;     /* ... at once since it was 0      */
#undef OWN

#if HAS_OWN_MALLOC
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

/* For a breakpoint: who asked. */
static __attribute__((noinline)) bool
fails_now(void)
{
    __asm__ volatile("");
    errno = ENOMEM;
    return true;
}

static bool
must_fail(void)
{
    unsigned long number = atomic_fetch_add(&calls, 1) + 1;
    unsigned long at = atomic_load(&fail_at);
    bool is_due = at != 0 && (number == at ||
                              (number > at && atomic_load(&fails_for_good)));
    return is_due && fails_now();
}

static void *
counted(void *block)
{
    if (block == NULL)
        return NULL;
    long size = (long)malloc_usable_size(block);
    long now = atomic_fetch_add(&bytes, size) + size;
    long most = atomic_load(&most_bytes);
    while (now > most && !atomic_compare_exchange_weak(&most_bytes, &most, now))
        ;
    atomic_fetch_add(&blocks, 1);
    return block;
}

static void
uncounted(void *block)
{
    if (block == NULL)
        return;
    atomic_fetch_sub(&bytes, (long)malloc_usable_size(block));
    atomic_fetch_sub(&blocks, 1);
}

/* The libraries must find these too, not only this program. */
#pragma GCC visibility push(default)
void *
malloc(size_t size)
{
    return must_fail() ? NULL : counted(__libc_malloc(size));
}

void *
calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : counted(__libc_calloc(count, size));
}

void *
realloc(void *block, size_t size)
{
    if (must_fail())
        return NULL;
    uncounted(block);
    void *grown = __libc_realloc(block, size);
    if (grown != NULL)
        return counted(grown);
    counted(block); /* is as it was */
    return NULL;
}

int
posix_memalign(void **block, size_t alignment, size_t size)
{
    if (must_fail())
        return ENOMEM;
    *block = counted(__libc_memalign(alignment, size));
    return *block == NULL ? ENOMEM : 0;
}

void *
aligned_alloc(size_t alignment, size_t size)
{
    return must_fail() ? NULL : counted(__libc_memalign(alignment, size));
}

void
free(void *block)
{
    uncounted(block);
    __libc_free(block);
}
#pragma GCC visibility pop
#endif

#endif
