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
#define PANEL_ROWS 12
#define PANEL_POINTS 32

/* Rows of a block of nibbles. */
#define NIBBLE_ROWS 32

/* Where the nibble of a part of a row is: this byte of the block, the low half
 * for the first 16 rows. */
static inline size_t
nibble_place(size_t part, size_t row)
{
    return 16 * part + row % 16;
}

/* Rows of codes that lie side by side, and queries they are compared with at
 * once. */
#define SIDE_ROWS 16
#define SIDE_QUERIES 8

/* Elements 4 i to 4 i + 3 of row r, 0 to 127 each, are the bytes from
 * 64 i + 4 r on. */
typedef struct SideCodes {
    const uint8_t *codes;
    const int32_t *norms; /* of each row */
    size_t size;          /* elements of a row, a multiple of 4 up to 2^15 */
} SideCodes;

/* What codes of rows are held against, with four terms of each row: low, step,
 * size and error. A row whose product with the query's code is d fails when
 *
 *   of_low low + of_step step d + (radius + of_radius error)^2
 *     + of_size size + of_error error < least
 *
 * and passes else, also when that is not a number. */
typedef struct CodeBound {
    float of_low, of_step, radius, of_radius, of_size, of_error, least;
} CodeBound;

#define CODE_TERMS 4

/* A query that codes lying side by side are compared with: the distance to a
 * row is estimated as base - scale * product + the row's term. */
typedef struct SideQuery {
    const int8_t *code; /* -127 to 127 */
    float base, scale;
    float limit; /* the farthest that is wanted */
} SideQuery;

/* A query that codes lying side by side are held against. */
typedef struct SideBound {
    const int8_t *code; /* -127 to 127 */
    CodeBound bound;
} SideBound;

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
     * Bit i of `passes` is set where row i of `count` passes, and clear past
     * them up to a multiple of 64. Row i's terms are terms[0][i], ... A few
     * units in the last place of each summand of rounding are the caller's.
     */
    void (*pass_codes)(const CodeBound *bound,
                       const float *const terms[CODE_TERMS],
                       const int32_t *dots, size_t count, uint64_t *passes);

    /*
     * Inner products of 12 rows with 32 points: dots[32 * row + point]. Element
     * i of the points is panel[32 * i] to panel[32 * i + 31]. A row gets the
     * same bits whatever the other rows are.
     */
    void (*dot_panel)(const float *const rows[PANEL_ROWS], const float *panel,
                      size_t dim, float *dots);

    /*
     * Which of these products are worth a closer look: bit `point` of
     * masks[row] is clear where product * scales[row] - shifts[row] is less
     * than bounds[point], else set; also where that is not a number. A few
     * units in the last place of each term of rounding are the caller's.
     */
    void (*pass_panel)(const float *const rows[PANEL_ROWS], const float *panel,
                       size_t dim, const float scales[PANEL_ROWS],
                       const float shifts[PANEL_ROWS],
                       const float bounds[PANEL_POINTS],
                       uint32_t masks[PANEL_ROWS]);

    /*
     * Each row of a block has `parts` nibbles, a multiple of 4; each part a
     * table of 16 numbers, tables[16 * part + nibble]. Sums up the numbers of
     * each of the 32 rows of `count` blocks, 16 * parts bytes each (see
     * nibble_place()). A sum is to fit into 16 bits.
     */
    void (*sum_nibbles)(const uint8_t *tables, const uint8_t *blocks,
                        size_t parts, size_t count, uint16_t *sums);

    /*
     * distances[16 * query + row] is the norm of the row less twice the sum of
     * products with the query, bytes that stand for -127 to 127. Bit `row` of
     * below[query] says that this is less than the query's limit.
     */
    void (*side_distances)(const SideCodes *side,
                           const uint8_t *const queries[SIDE_QUERIES],
                           const int32_t limits[SIDE_QUERIES],
                           int32_t *distances, uint16_t below[SIDE_QUERIES]);

    /*
     * Lays the codes of up to 16 rows, `stride` bytes apart, side by side: the
     * first `size` elements of each, to a multiple of 4 at most the stride;
     * zeros where there is no row.
     */
    void (*lay_side)(const uint8_t *rows, size_t stride, size_t count,
                     size_t size, uint8_t *codes);

    /*
     * distances[16 * query + row] is the estimate, the same bits in every
     * table; `terms` are of the rows, the norms are not looked at. Bit `row` of
     * below[query] says that it is not above the limit.
     */
    void (*side_estimates)(const SideCodes *side, const float *terms,
                           const SideQuery queries[SIDE_QUERIES],
                           float *distances, uint16_t below[SIDE_QUERIES]);

    /*
     * As pass_codes() of the 16 rows: dots[16 * query + row] is the product,
     * bit `row` of passes[query] is set where the row passes. The norms are
     * not looked at; terms[0] to terms[3] are of 16 rows each.
     */
    void (*side_passes)(const SideCodes *side,
                        const float *const terms[CODE_TERMS],
                        const SideBound queries[SIDE_QUERIES], int32_t *dots,
                        uint16_t passes[SIDE_QUERIES]);
} ListTable;

extern const ListTable lists_scalar;
#if defined(__x86_64__)
extern const ListTable lists_avx2;
extern const ListTable lists_avx512;
extern const ListTable lists_avx512vnni;
#elif defined(__aarch64__)
extern const ListTable lists_neon;
extern const ListTable lists_neondot;
#endif

/* The table of the instruction set of distance_table(). Thread-safe. */
const ListTable *list_table(void);

#endif
