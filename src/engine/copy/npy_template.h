/* SPDX-License-Identifier: Apache-2.0 */
/*
 * npy_template.h - elements of one type of numpy to floats and to values.
 *
 * Include it with these defined; it undefines them again:
 *   ELEMENT   C type of one element as it stands in the file
 *   SUFFIX    ending of the functions' names, e.g. i8
 *   TO_FLOAT  function or type: an element as float
 *   TO_VALUE  function: an element as Value
 * It gives: static void floats_<SUFFIX>(const char *, float *, uint32_t) and
 * static Value value_<SUFFIX>(const char *). Elements may stand unaligned.
 *
 * No include guard: it is meant to be included more than once.
 */
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

static void
JOIN(floats_, SUFFIX)(const char *from, float *to, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ELEMENT element;
        memcpy(&element, from + i * sizeof element, sizeof element);
        to[i] = TO_FLOAT(element);
    }
}

static Value
JOIN(value_, SUFFIX)(const char *from)
{
    ELEMENT element;
    memcpy(&element, from, sizeof element);
    return TO_VALUE(element);
}

#undef JOIN
#undef JOIN_
#undef ELEMENT
#undef SUFFIX
#undef TO_FLOAT
#undef TO_VALUE
