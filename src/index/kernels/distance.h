/* SPDX-License-Identifier: Apache-2.0 */
/*
 * distance.h - distances between two vectors, one table per instruction set.
 *
 * Code above this line calls `distance_table()->l2_f32(...)` and knows no
 * instruction set. Each distance_<set>.c is compiled with flags of its own and
 * exports one table; distance_select.c is compiled with none and picks one.
 *
 * Rules of every function: any length from 0, no alignment needed, never reads
 * past the length. Two vectors give the same bits whether they go through the
 * function for one row or the one for four. The integer functions give the same
 * number in every table; the float ones agree to a few units in the last place
 * of the sum of absolute values (test_kernels.c has the tolerance).
 */
#ifndef INDEX_KERNELS_DISTANCE_H
#define INDEX_KERNELS_DISTANCE_H

#include <stddef.h>
#include <stdint.h>

/* Codes of half a byte an element, see index/vector/nibbles.h. */
typedef struct NibbleRows {
    const uint8_t *codes;
    const uint16_t *norms;
    size_t stride; /* bytes of a code, a multiple of 64 up to 2^14 */
} NibbleRows;

typedef struct DistanceTable {
    const char *name; /* "scalar", "avx2", ...: what MQL_SIMD accepts */

    /* Sum of squared differences. */
    float (*l2_f32)(const float *a, const float *b, size_t dim);

    /* Sum of products. */
    float (*dot_f32)(const float *a, const float *b, size_t dim);

    /* Sum of products of `a` and `b`; `*square` is that of `b` with itself. */
    float (*dot_square_f32)(const float *a, const float *b, size_t dim,
                            float *square);

    /* The three for four rows at once. */
    void (*l2_f32_4)(const float *a, const float *const rows[4], size_t dim,
                     float distances[4]);
    void (*dot_f32_4)(const float *a, const float *const rows[4], size_t dim,
                      float products[4]);
    void (*dot_square_f32_4)(const float *a, const float *const rows[4],
                             size_t dim, float products[4], float squares[4]);

    /* Sum of squared differences of codes from 0 to 127; at most 2^17 of them.
     */
    uint32_t (*l2_u7)(const uint8_t *a, const uint8_t *b, size_t size);

    /* Sum of products of codes from -127 to 127; at most 2^17 of them. */
    int32_t (*dot_i8)(const int8_t *a, const int8_t *b, size_t size);

    /*
     * Distances of a code to `count` codes of a table, code i at codes +
     * rows[i] * stride; they are fetched ahead of their use. `stride` is the
     * size of a code, a multiple of 64 up to 2^15. The first is l2_u7() as a
     * float, the second dot_i8() negated: less is nearer.
     */
    void (*l2_u7_rows)(const uint8_t *a, const uint8_t *codes, size_t stride,
                       const uint32_t *rows, size_t count, float *distances);
    void (*dot_i8_rows)(const uint8_t *a, const uint8_t *codes, size_t stride,
                        const uint32_t *rows, size_t count, float *distances);

    /*
     * norm * weight - the sum of products of `a`, 2 * stride elements from -127
     * to 127, and the row's: block b of 64 bytes is multiplied with elements
     * from 128 b on, the first 64 with its low halves. Every row's sum of
     * products is a float exactly below 2^24, and else the nearest.
     */
    void (*nibble_rows)(const int8_t *a, float weight, const NibbleRows *table,
                        const uint32_t *rows, size_t count, float *distances);

    /*
     * Put the `fresh` keys, in any order, into the ascending `keys`, *count of
     * them with room for `most`, each before those that are larger. When there
     * is no room the largest is lost. Returns the lowest place that got a new
     * key; `most` when none did.
     */
    uint32_t (*insert_keys)(int64_t *keys, uint32_t *count, uint32_t most,
                            const int64_t *fresh, uint32_t fresh_count);

    /*
     * Of `count` ids, a multiple of 16, those whose bit of `bits` is set go to
     * `kept`, in order; it has room for 16 more than all of them. Returns their
     * number; UINT32_MAX when an id is not below `limit`, the bits, at least 1.
     */
    uint32_t (*keep_set)(const uint32_t *ids, size_t count,
                         const uint64_t *bits, uint32_t limit, uint32_t *kept);

    /* What turns a target and makes its half bytes, see index/vector/turn.h and
     * nibbles.h: the same bits in every table. */

    /* Change the sign of element i where bit i is set; up to 64 elements. */
    void (*flip_signs)(float *x, size_t count, uint64_t signs);

    /*
     * Hadamard's transform of a power of two of elements, in an order of its
     * own, times `factor`. `room` is for as many elements and not part of x.
     */
    void (*hadamard)(float *x, size_t count, float factor, float *room);

    /* The largest element but for its sign; no number where one is none. */
    float (*largest_f32)(const float *x, size_t count);

    /* code[i] is x[i] * inverse, rounded and held to -127..127, of what is no
     * number the least; sums are those of the codes and of their squares. At
     * most 2^17 elements. */
    void (*code_target)(const float *x, size_t count, float inverse,
                        int8_t *code, int32_t sums[2]);
} DistanceTable;

extern const DistanceTable distance_scalar;
#if defined(__x86_64__)
extern const DistanceTable distance_avx2;
extern const DistanceTable distance_avx512;
#elif defined(__aarch64__)
extern const DistanceTable distance_neon;
extern const DistanceTable distance_neondot;
#endif

/* The best table this processor runs, or the one named by `wanted` ("avx2");
 * NULL when `wanted` is unknown or cannot run here. */
const DistanceTable *distance_select(const char *wanted);

/* The table of this process: the one the environment variable MQL_SIMD names
 * where that can run, else the best. Chosen at the first call; thread-safe. */
const DistanceTable *distance_table(void);

#endif
