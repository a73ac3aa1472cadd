/* SPDX-License-Identifier: Apache-2.0 */
/* number_internal.h - what reading and printing numbers share. */
#ifndef BASE_NUMBER_INTERNAL_H
#define BASE_NUMBER_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/* The largest power of five below 2^63. */
#define NUMBER_POWER_MOST 27

extern const uint64_t powers_of_five[NUMBER_POWER_MOST + 1];

/* Decimal digits and a NUL (at most 21 bytes); returns the digits' number. */
size_t number_append_u64(char *text, uint64_t value);

#endif
