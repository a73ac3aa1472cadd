/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch_template.h - rows of a table of codes on their way to the cache, for
 * one instruction set.
 *
 * No include guard, and no function that files share: see README.md.
 */

/* Lines of a row that are fetched; the processor guesses the rest. */
#define LINES_MOST 16

static void
prefetch_code(const uint8_t *code, size_t stride)
{
    size_t size = stride < 64 * LINES_MOST ? stride : 64 * LINES_MOST;
    for (size_t i = 0; i < size; i += 64) {
        __builtin_prefetch(code + i);
        /* GCC 12 may drop all but the first of an unrolled row of these. */
        __asm__ volatile("" ::: "memory");
    }
}

/* Rows [from, to) of the list, as far as it goes. */
static void
prefetch_codes(const uint8_t *codes, size_t stride, const uint32_t *rows,
               size_t from, size_t to, size_t count)
{
    to = to < count ? to : count;
    for (size_t i = from; i < to; i++)
        prefetch_code(codes + rows[i] * stride, stride);
}

/* How many rows are on their way: enough lines to keep memory busy. */
static size_t
rows_ahead(size_t stride)
{
    return stride <= 256 ? 8 : 4;
}
