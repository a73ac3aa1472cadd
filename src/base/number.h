/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number.h - numbers to text and back, whatever the locale.
 *
 * Printing gives the shortest text that reads back as the same number; reading
 * is correctly rounded. COPY lives on these: the common short decimals take a
 * fast path (Clinger 1990: mantissa below 2^53 and a power of ten up to 10^22).
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_TEXT_SIZE 32 /* enough for any of the texts, NUL included */

/*
 * Read one number at the start of [text, end). Returns the first byte after it,
 * NULL when there is none or it does not fit. An optional sign is read; no
 * blanks, no hexadecimal, no "inf" or "nan". For integers `1_000` is not
 * accepted.
 */
const char *number_read_int64(const char *text, const char *end,
                              int64_t *value);
const char *number_read_double(const char *text, const char *end,
                               double *value);
const char *number_read_float(const char *text, const char *end, float *value);

/* Write NUL-terminated text; returns its size. NaN, Infinity, -Infinity as
 * PostgreSQL writes them; exponents as PostgreSQL writes them (1e+20, 1e-07).
 */
size_t number_print_int64(char text[NUMBER_TEXT_SIZE], int64_t value);
size_t number_print_double(char text[NUMBER_TEXT_SIZE], double value);
size_t number_print_float(char text[NUMBER_TEXT_SIZE], float value);

#endif
