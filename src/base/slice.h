/* SPDX-License-Identifier: Apache-2.0 */
/* slice.h - a run of bytes that somebody else owns. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct Slice {
    const char *data; /* not NUL-terminated; may be NULL when size is 0 */
    size_t size;      /* bytes */
} Slice;

#define SLICE_LITERAL(text) ((Slice){(text), sizeof(text) - 1})

static inline Slice
slice_of(const char *text)
{
    return (Slice){text, strlen(text)};
}

static inline bool
slice_equal(Slice a, Slice b)
{
    return a.size == b.size &&
           (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Byte order, the shorter first when one begins the other: <0, 0, >0. */
static inline int
slice_compare(Slice a, Slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* ASCII letters alike, as keywords and option names are compared. */
bool slice_equal_nocase(Slice a, Slice b);

#endif
