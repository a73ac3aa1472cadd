/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bits_template.h - counts of bits for many rows, from the functions for one:
 * vectors of a few words take less time than a call through a table for each.
 *
 * Include it with these defined; it undefines them again:
 *   HAMMING, COMMON            the functions for one row
 *   HAMMING_ROWS, COMMON_ROWS  names of those for many
 *   BITS_TARGET                attributes of theirs, or nothing
 *
 * No include guard: it is meant to be included more than once.
 */
BITS_TARGET static void
HAMMING_ROWS(const void *a, const void *const *rows, size_t size, size_t count,
             uint32_t *differing)
{
    for (size_t i = 0; i < count; i++)
        differing[i] = HAMMING(a, rows[i], size);
}

BITS_TARGET static void
COMMON_ROWS(const void *a, const void *const *rows, size_t size, size_t count,
            uint32_t *both, uint32_t *either)
{
    for (size_t i = 0; i < count; i++)
        both[i] = COMMON(a, rows[i], size, &either[i]);
}

#undef HAMMING
#undef COMMON
#undef HAMMING_ROWS
#undef COMMON_ROWS
#undef BITS_TARGET
