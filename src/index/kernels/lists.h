/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists.h - kernels over rows that lie one behind the other, one table per
 * instruction set: what clustering and the lists of IVF spend their time in.
 *
 * The integer function gives the same number in every table, the float one
 * agrees to a few units in the last place of the sum of absolute values.
 */
#ifndef INDEX_KERNELS_LISTS_H
#define INDEX_KERNELS_LISTS_H

#include <stddef.h>
#include <stdint.h>

/* Rows and points that dot_panel() takes at once. */
#define PANEL_ROWS 8
#define PANEL_POINTS 32

typedef struct ListTable {
    const char *name;

    /*
     * Sums of products of the query's elements, -127 to 127, with the codes,
     * 0 to 127, of `count` rows, `stride` bytes apart: a multiple of 32, at
     * most 2^17. Reads stride bytes of the query and of each row.
     */
    void (*dots_u7)(const int8_t *query, const uint8_t *rows, size_t stride,
                    size_t count, int32_t *dots);

    /*
     * Inner products of 8 rows with 32 points: dots[32 * row + point]. Element
     * i of the points is panel[32 * i] to panel[32 * i + 31]. A row gets the
     * same bits whatever the other rows are.
     */
    void (*dot_panel)(const float *const rows[PANEL_ROWS], const float *panel,
                      size_t dim, float *dots);
} ListTable;

extern const ListTable lists_scalar;
#if defined(__x86_64__)
extern const ListTable lists_avx2;
extern const ListTable lists_avx512;
extern const ListTable lists_avx512vnni;
#endif

/* The table of the instruction set of distance_table(). Thread-safe. */
const ListTable *list_table(void);

#endif
