/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name_distance.c - how far apart two names are, for "did you mean".
 *
 * Optimal string alignment (Damerau-Levenshtein without moved substrings),
 * three rows of the table at a time. Names longer than a field's name may be
 * are never near.
 */
#include "engine/value/type.h"

#define LENGTH_MOST NAME_SIZE_MOST
#define FAR (NAME_DISTANCE_MOST + 1)

static uint32_t
smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static char
fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
same(Slice a, size_t i, Slice b, size_t j)
{
    return fold(a.data[i]) == fold(b.data[j]);
}

static uint32_t
full_distance(Slice a, Slice b)
{
    uint32_t rows[3][LENGTH_MOST + 1];
    for (uint32_t j = 0; j <= b.size; j++)
        rows[0][j] = j;
    for (uint32_t i = 1; i <= a.size; i++) {
        uint32_t *row = rows[i % 3];
        const uint32_t *above = rows[(i + 2) % 3];
        const uint32_t *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (uint32_t j = 1; j <= b.size; j++) {
            uint32_t replace = above[j - 1] + !same(a, i - 1, b, j - 1);
            uint32_t best = smaller(replace, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a, i - 1, b, j - 2) &&
                same(a, i - 2, b, j - 1))
                best = smaller(best, above2[j - 2] + 1);
            row[j] = best;
        }
    }
    return rows[a.size % 3][b.size];
}

uint32_t
name_distance(Slice a, Slice b)
{
    size_t longer = a.size > b.size ? a.size : b.size;
    size_t shorter = a.size + b.size - longer;
    if (longer > LENGTH_MOST || longer - shorter > NAME_DISTANCE_MOST)
        return FAR;
    uint32_t distance = full_distance(a, b);
    uint32_t most = shorter < 4 ? 1 : NAME_DISTANCE_MOST;
    return distance <= most && distance < longer ? distance : FAR;
}
