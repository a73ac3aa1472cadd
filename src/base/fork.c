/* SPDX-License-Identifier: Apache-2.0 */
/* fork.c - see fork.h. */
#include "base/fork.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

static atomic_uint generation;
static pthread_once_t watched = PTHREAD_ONCE_INIT;

static void
count_fork(void)
{
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static void
watch(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

void
fork_watch(void)
{
    pthread_once(&watched, watch);
}

uint32_t
fork_generation(void)
{
    return atomic_load_explicit(&generation, memory_order_relaxed);
}
