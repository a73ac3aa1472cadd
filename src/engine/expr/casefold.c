/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casefold.c - capital and small letters of Latin, Greek and Cyrillic.
 *
 * One letter to one letter, whatever the locale: ranges where capitals and
 * small letters are a fixed distance apart, and ranges where they take turns.
 * Letters whose other case is several letters (German sharp s) stay as they
 * are.
 */
#include "engine/expr/expr_internal.h"

typedef struct CaseRange {
    uint32_t first; /* capital letters */
    uint32_t last;
    uint32_t distance; /* to the small letter; 1: capital and small in turns */
} CaseRange;

static const CaseRange ranges[] = {
    {0x41, 0x5a, 32},     {0xc0, 0xd6, 32},    {0xd8, 0xde, 32},
    {0x100, 0x12f, 1},    {0x132, 0x137, 1},   {0x14a, 0x177, 1},
    {0x139, 0x148, 1},    {0x179, 0x17e, 1},   {0x391, 0x3a1, 32},
    {0x3a3, 0x3ab, 32},   {0x388, 0x38a, 37},  {0x386, 0x386, 38},
    {0x38c, 0x38c, 64},   {0x38e, 0x38f, 63},  {0x400, 0x40f, 80},
    {0x410, 0x42f, 32},   {0x460, 0x481, 1},   {0x48a, 0x4bf, 1},
    {0x4c1, 0x4ce, 1},    {0x4d0, 0x52f, 1},   {0x531, 0x556, 48},
    {0x1e00, 0x1e95, 1},  {0x1ea0, 0x1eff, 1}, {0x10a0, 0x10c5, 7264},
    {0xff21, 0xff3a, 32},
};

#define RANGE_COUNT (sizeof ranges / sizeof *ranges)

uint32_t
lower_case(uint32_t code_point)
{
    if (code_point < 0x80)
        return code_point >= 'A' && code_point <= 'Z' ? code_point + 32
                                                      : code_point;
    if (code_point == 0x178)
        return 0xff;
    for (size_t i = 0; i < RANGE_COUNT; i++) {
        const CaseRange *range = &ranges[i];
        if (code_point < range->first || code_point > range->last)
            continue;
        if (range->distance != 1)
            return code_point + range->distance;
        return code_point + ((code_point - range->first) % 2 == 0);
    }
    return code_point;
}

uint32_t
upper_case(uint32_t code_point)
{
    if (code_point < 0x80)
        return code_point >= 'a' && code_point <= 'z' ? code_point - 32
                                                      : code_point;
    if (code_point == 0xff)
        return 0x178;
    if (code_point == 0x3c2)
        return 0x3a3; /* final sigma */
    for (size_t i = 0; i < RANGE_COUNT; i++) {
        const CaseRange *range = &ranges[i];
        uint32_t distance = range->distance == 1 ? 0 : range->distance;
        if (code_point < range->first + distance ||
            code_point > range->last + distance)
            continue;
        if (distance != 0)
            return code_point - distance;
        return code_point - ((code_point - range->first) % 2 == 1);
    }
    return code_point;
}

uint32_t
utf8_next(const char **at)
{
    const unsigned char *bytes = (const unsigned char *)*at;
    if (bytes[0] < 0x80) {
        *at += 1;
        return bytes[0];
    }
    if (bytes[0] < 0xe0) {
        *at += 2;
        return (bytes[0] & 0x1fu) << 6 | (bytes[1] & 0x3fu);
    }
    if (bytes[0] < 0xf0) {
        *at += 3;
        return (bytes[0] & 0x0fu) << 12 | (bytes[1] & 0x3fu) << 6 |
               (bytes[2] & 0x3fu);
    }
    *at += 4;
    return (bytes[0] & 0x07u) << 18 | (bytes[1] & 0x3fu) << 12 |
           (bytes[2] & 0x3fu) << 6 | (bytes[3] & 0x3fu);
}
