/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flat_codes.h - a byte for each element, and how far off it is at most: what
 * FLAT scans instead of the vectors, a quarter of the bytes.
 *
 * A row x stands as low + step * c, c from 0 to 127, and the distance between
 * the two is kept (the error). A target q is coded the same way, with codes
 * from -127 to 127. Distances of codes are exact sums of integers, and by the
 * triangle's rule they are off by both errors at most. So a row is left out
 * only when it cannot be among the nearest, and the others are given to
 * exact_distance(). COSINE works on vectors made unit length.
 */
#ifndef INDEX_VECTOR_FLAT_CODES_H
#define INDEX_VECTOR_FLAT_CODES_H

#include "index/kernels/lists.h"
#include "index/vector/exact.h"

/* The part of a row in its distances besides its code, as in CodeBound; each an
 * array. */
typedef enum FlatTerm {
    FLAT_LOW,   /* what code 0 stands for                                   */
    FLAT_STEP,  /* between two codes                                        */
    FLAT_SIZE,  /* square of the length of what the code stands for; for IP
                   the length                                               */
    FLAT_ERROR, /* distance to the row at most; infinite: always look at it */
    FLAT_TERMS = CODE_TERMS
} FlatTerm;

typedef struct FlatCodes {
    const uint8_t *codes; /* row_count * stride */
    const float *terms[FLAT_TERMS];
    SectionFile *file;
    Section codes_section;
    Section term_sections[FLAT_TERMS];
    uint32_t stride;
} FlatCodes;

static inline uint32_t
flat_stride(uint32_t dim)
{
    return (dim + 31) / 32 * 32;
}

/* Whether rows of such elements have codes. */
static inline bool
flat_has_codes(ElementType element)
{
    return element == ELEMENT_F32 || element == ELEMENT_F16 ||
           element == ELEMENT_BF16;
}

/* The code of a row, stride bytes, and its terms. `room`: dim floats. */
void flat_encode(const VectorColumn *column, Metric metric, uint32_t row,
                 float *room, uint8_t *code, float terms[FLAT_TERMS]);

/* What vector_scan() answers. */
mql_status flat_codes_scan(const FlatCodes *codes, const VectorColumn *column,
                           Metric metric, const VectorQuery *query,
                           Neighbor *nearest, uint32_t *found, Error *err);

/* What vector_scan_many() answers: the codes are read once, laid side by side
 * and compared with eight targets at a time. */
mql_status flat_codes_scan_many(const FlatCodes *codes,
                                const VectorColumn *column, Metric metric,
                                const VectorQuery *query,
                                const VectorTargets *targets, Arena *arena,
                                Error *err);

#endif
