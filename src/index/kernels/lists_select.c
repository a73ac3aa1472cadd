/* SPDX-License-Identifier: Apache-2.0 */
/* lists_select.c - which table; compiled for the oldest processor. */
#include "index/kernels/lists.h"

#include <stdatomic.h>

#include "index/kernels/distance.h"

static const ListTable *
table_of(const DistanceTable *distances)
{
#if defined(__x86_64__)
    if (distances == &distance_avx512)
        return __builtin_cpu_supports("avx512vnni") ? &lists_avx512vnni
                                                    : &lists_avx512;
    if (distances == &distance_avx2)
        return &lists_avx2;
#elif defined(__aarch64__)
    if (distances == &distance_neondot)
        return &lists_neondot;
    if (distances == &distance_neon)
        return &lists_neon;
#endif
    return &lists_scalar;
}

const ListTable *
list_table(void)
{
    /* As in distance_table(). */
    static _Atomic(const ListTable *) chosen;
    const ListTable *table =
        atomic_load_explicit(&chosen, memory_order_acquire);
    if (table == NULL) {
        table = table_of(distance_table());
        atomic_store_explicit(&chosen, table, memory_order_release);
    }
    return table;
}
