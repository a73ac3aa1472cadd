/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elements.h - distances between vectors that are not of floats.
 *
 * One table for each instruction set, chosen together with distance.h's and
 * under the same rules: any length from 0, no alignment, nothing read past the
 * end.
 *
 * Half floats and bfloats are widened on the way and summed as distance.h sums
 * floats. Bytes are summed exactly, up to 32,768 of them, and the sum is then
 * rounded to a float: the same in every table, as are the counts of bits.
 */
#ifndef INDEX_KERNELS_ELEMENTS_H
#define INDEX_KERNELS_ELEMENTS_H

#include "base/element.h"

/* As l2_f32, dot_f32 and dot_square_f32 of distance.h. */
typedef struct ElementKernels {
    float (*l2)(const void *a, const void *b, size_t dim);
    float (*dot)(const void *a, const void *b, size_t dim);
    float (*dot_square)(const void *a, const void *b, size_t dim,
                        float *square);
} ElementKernels;

typedef struct ElementTable {
    const char *name; /* as DistanceTable */
    ElementKernels f16, bf16, i8;

    /* Bits that differ, of `size` bytes each. */
    uint32_t (*hamming)(const void *a, const void *b, size_t size);

    /* Bits set in both; `*either`: in at least one. */
    uint32_t (*common)(const void *a, const void *b, size_t size,
                       uint32_t *either);

    /* The same of `count` rows. */
    void (*hamming_rows)(const void *a, const void *const *rows, size_t size,
                         size_t count, uint32_t *differing);
    void (*common_rows)(const void *a, const void *const *rows, size_t size,
                        size_t count, uint32_t *both, uint32_t *either);
} ElementTable;

extern const ElementTable element_scalar;
#if defined(__x86_64__)
extern const ElementTable element_avx2;
extern const ElementTable element_avx512;
/* The same, with its count of bits in one instruction (VPOPCNTDQ). */
extern const ElementTable element_avx512_bits;
#elif defined(__aarch64__)
extern const ElementTable element_neon;
extern const ElementTable element_neondot;
#endif

/* The best one that runs here of the set `wanted`; NULL: the set cannot run. */
const ElementTable *element_table_select(const char *wanted);

/* The table of this process, of the set that distance_table() chose. */
const ElementTable *element_table(void);

/* Of a table by type; NULL for ELEMENT_F32 and ELEMENT_BIT. */
static inline const ElementKernels *
element_kernels(const ElementTable *table, ElementType element)
{
    switch (element) {
    case ELEMENT_F16:
        return &table->f16;
    case ELEMENT_BF16:
        return &table->bf16;
    case ELEMENT_I8:
        return &table->i8;
    default:
        return NULL;
    }
}

#endif
