/* SPDX-License-Identifier: Apache-2.0 */
/* slice.c - comparing slices as keywords are compared. */
#include "base/slice.h"

static unsigned char
lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : c;
}

bool
slice_equal_nocase(Slice a, Slice b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++) {
        if (lower((unsigned char)a.data[i]) != lower((unsigned char)b.data[i]))
            return false;
    }
    return true;
}
