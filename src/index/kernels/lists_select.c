/* SPDX-License-Identifier: Apache-2.0 */
/* lists_select.c - which table; compiled for the oldest processor. */
#include "index/kernels/lists.h"

#include <string.h>

#include "index/kernels/distance.h"

const ListTable *
list_table(void)
{
#if defined(__x86_64__)
    const char *name = distance_table()->name;
    if (strncmp(name, "avx512", 6) == 0)
        return __builtin_cpu_supports("avx512vnni") ? &lists_avx512vnni
                                                    : &lists_avx512;
    if (strcmp(name, "avx2") == 0)
        return &lists_avx2;
#elif defined(__aarch64__)
    if (distance_table() == &distance_neondot)
        return &lists_neondot;
    if (distance_table() == &distance_neon)
        return &lists_neon;
#endif
    return &lists_scalar;
}
