/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h - UTF-8 (RFC 3629): checking, counting, stepping. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Well-formed: no overlong forms, surrogates, or values above U+10FFFF. ASCII
 * goes by eight bytes at a time. `bad` (may be NULL): offset of the first wrong
 * byte. */
bool utf8_valid(const char *text, size_t size, size_t *bad);

/* Code points in valid UTF-8. */
size_t utf8_length(const char *text, size_t size);

/* Bytes of the code point at `text` (1..4) in valid UTF-8. */
size_t utf8_size(const char *text);

/* Append a code point's bytes (at most 4); returns their number, 0 when it is
 * none. */
size_t utf8_encode(uint32_t code_point, char out[4]);

#endif
