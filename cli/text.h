/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - text that grows, and how wide text is on a terminal.
 *
 * A Text is zeroed to start empty. Its data always ends with a NUL that `size`
 * does not count; it may hold other NULs.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Text {
    char *data; /* NULL until something is appended */
    size_t size;
    size_t capacity;
} Text;

void text_append(Text *text, const char *data, size_t size);
void text_append_text(Text *text, const char *data);
void text_append_char(Text *text, char c);
void text_printf(Text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Forget the contents, keep the memory. */
void text_clear(Text *text);
void text_free(Text *text);

/* The contents as a C string, "" when nothing was ever appended. */
const char *text_string(const Text *text);

/* The character at `data`, `size` >= 1 bytes: its number of bytes; `width` is
 * set to its columns on a terminal, -1 for a control character. Bytes that are
 * not UTF-8 count as one column each. */
size_t text_character(const char *data, size_t size, int *width);

/* Columns of one line of text, a control character as one. */
size_t text_width(const char *data, size_t size);

/* Whether `data` is exactly `word`, case ignored. */
bool text_equals(const char *data, size_t size, const char *word);

/* Whether `word` stands in `data` somewhere, case ignored. */
bool text_contains(const char *data, const char *word);

#endif
