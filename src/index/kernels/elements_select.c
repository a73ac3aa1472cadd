/* SPDX-License-Identifier: Apache-2.0 */
/* elements_select.c - which table; compiled for the oldest processor. */
#include "index/kernels/elements.h"

#include <stdbool.h>

#include "index/kernels/distance.h"

#if defined(__x86_64__)
static bool
has_bits(void)
{
    return __builtin_cpu_supports("avx512vpopcntdq");
}
#endif

const ElementTable *
element_table_select(const char *wanted)
{
    const DistanceTable *set = distance_select(wanted);
    if (set == NULL)
        return NULL;
#if defined(__x86_64__)
    /* Every processor with AVX2 has F16C: the first with either had both. */
    if (set == &distance_avx512)
        return has_bits() ? &element_avx512_bits : &element_avx512;
    if (set == &distance_avx2)
        return &element_avx2;
#elif defined(__aarch64__)
    if (set == &distance_neondot)
        return &element_neondot;
    if (set == &distance_neon)
        return &element_neon;
#endif
    return &element_scalar;
}

const ElementTable *
element_table(void)
{
    return element_table_select(distance_table()->name);
}
