/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - text that grows, and how wide text is on a terminal.
 *
 * Widths are the C library's wcwidth(): main() sees to a locale whose
 * characters are UTF-8, so wide characters are the code points themselves.
 */
#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

#include "memory.h"

/* Room for `size` more bytes and the NUL. */
static void
reserve(Text *text, size_t size)
{
    size_t wanted = text->size + size + 1;
    if (wanted <= text->capacity)
        return;
    size_t capacity = text->capacity < 64 ? 64 : text->capacity;
    while (capacity < wanted)
        capacity *= 2;
    text->data = memory_resize(text->data, capacity, 1);
    text->capacity = capacity;
}

void
text_append(Text *text, const char *data, size_t size)
{
    reserve(text, size);
    if (size > 0)
        memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void
text_append_text(Text *text, const char *data)
{
    text_append(text, data, strlen(data));
}

void
text_append_char(Text *text, char c)
{
    text_append(text, &c, 1);
}

void
text_printf(Text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0)
        return;
    reserve(text, (size_t)size);
    va_start(arguments, format);
    vsnprintf(text->data + text->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    text->size += (size_t)size;
}

void
text_clear(Text *text)
{
    text->size = 0;
    if (text->data != NULL)
        text->data[0] = '\0';
}

void
text_free(Text *text)
{
    memory_free(text->data);
    *text = (Text){0};
}

const char *
text_string(const Text *text)
{
    return text->data == NULL ? "" : text->data;
}

/* Bytes of the UTF-8 sequence that starts with `first`, 0 when none does. */
static size_t
sequence_size(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first < 0xe0)
        return 2;
    if (first >= 0xe0 && first < 0xf0)
        return 3;
    return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

size_t
text_character(const char *data, size_t size, int *width)
{
    unsigned char first = (unsigned char)data[0];
    if (first < 0x80) {
        *width = first >= 0x20 && first != 0x7f ? 1 : -1;
        return 1;
    }
    *width = 1;
    size_t length = sequence_size(first);
    if (length == 0 || length > size)
        return 1;
    uint32_t point = first & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)data[i] & 0xc0) != 0x80)
            return 1;
        point = point << 6 | ((unsigned char)data[i] & 0x3f);
    }
    int columns = wcwidth((wchar_t)point);
    if (columns >= 0)
        *width = columns;
    else if (point < 0xa0) /* the second block of control characters */
        *width = -1;
    return length;
}

size_t
text_width(const char *data, size_t size)
{
    size_t columns = 0;
    int width;
    for (size_t i = 0; i < size;) {
        i += text_character(data + i, size - i, &width);
        columns += width < 0 ? 1 : (size_t)width;
    }
    return columns;
}

bool
text_equals(const char *data, size_t size, const char *word)
{
    return strlen(word) == size && strncasecmp(data, word, size) == 0;
}

bool
text_contains(const char *data, const char *word)
{
    return strcasestr(data, word) != NULL;
}
