/* SPDX-License-Identifier: Apache-2.0 */
/* distance_select.c - which table; compiled for the oldest processor. */
#include "index/kernels/distance.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

static bool
always(void)
{
    return true;
}

#if defined(__x86_64__)
static bool
has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool
has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#elif defined(__aarch64__)
static bool
has_neondot(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
}
#endif

/* Best first. A new instruction set is one file and one line here. */
static const struct {
    const DistanceTable *table;
    bool (*supported)(void);
} candidates[] = {
#if defined(__x86_64__)
    {&distance_avx512, has_avx512},
    {&distance_avx2, has_avx2},
#elif defined(__aarch64__)
    {&distance_neondot, has_neondot},
    {&distance_neon, always},
#endif
    {&distance_scalar, always},
};

const DistanceTable *
distance_select(const char *wanted)
{
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        const DistanceTable *table = candidates[i].table;
        if (wanted != NULL && strcmp(wanted, table->name) != 0)
            continue;
        if (candidates[i].supported())
            return table;
    }
    return NULL;
}

const DistanceTable *
distance_table(void)
{
    /* Every thread that comes first finds the same answer, so a race is
     * harmless and one pointer is all there is to keep. */
    static _Atomic(const DistanceTable *) chosen;
    const DistanceTable *table =
        atomic_load_explicit(&chosen, memory_order_acquire);
    if (table != NULL)
        return table;

    const char *wanted = getenv("MQL_SIMD");
    table = wanted == NULL ? NULL : distance_select(wanted);
    if (table == NULL)
        table = distance_select(NULL);
    atomic_store_explicit(&chosen, table, memory_order_release);
    return table;
}
