/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buffer.h - bytes that grow, and reading them back without trust.
 *
 * Buffer owns one malloc'ed block. Appending can fail; the failure is sticky,
 * so that a writer may append a whole record and ask buffer_failed() once.
 * Reader walks bytes from disk: it never passes the end, and its first bad read
 * is sticky too. Integers are little-endian, whatever the machine.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

typedef struct Buffer {
    char *data; /* `size` bytes are filled; NUL follows after buffer_text() */
    size_t size;
    size_t capacity;
    bool failed; /* an append found no memory; what follows is ignored  */
} Buffer;

#define BUFFER_INIT                                                            \
    {                                                                          \
        NULL, 0, 0, false                                                      \
    }

void buffer_free(Buffer *buffer);
/* Forget the contents, keep the memory; clears `failed`. */
void buffer_clear(Buffer *buffer);
/* Room for `more` bytes after size, or NULL (then failed). Does not change
 * size. */
char *buffer_reserve(Buffer *buffer, size_t more);
void buffer_append(Buffer *buffer, const void *data, size_t size);
void buffer_append_slice(Buffer *buffer, Slice slice);
void buffer_append_text(Buffer *buffer, const char *text);
void buffer_append_char(Buffer *buffer, char c);
void buffer_printf(Buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_append_u8(Buffer *buffer, uint8_t value);
void buffer_append_u16(Buffer *buffer, uint16_t value);
void buffer_append_u32(Buffer *buffer, uint32_t value);
void buffer_append_u64(Buffer *buffer, uint64_t value);
void buffer_append_f64(Buffer *buffer, double value);
/* Length as u32, then the bytes. */
void buffer_append_sized(Buffer *buffer, Slice slice);
/* The contents as NUL-terminated text, "" when failed. Valid until changed. */
const char *buffer_text(Buffer *buffer);
static inline bool
buffer_failed(const Buffer *buffer)
{
    return buffer->failed;
}
static inline Slice
buffer_slice(const Buffer *buffer)
{
    return (Slice){buffer->data, buffer->size};
}

typedef struct Reader {
    const char *data;
    size_t size;
    size_t offset;
    bool failed; /* something asked for more than there is */
} Reader;

Reader reader_of(Slice slice);
uint8_t read_u8(Reader *reader);
uint16_t read_u16(Reader *reader);
uint32_t read_u32(Reader *reader);
uint64_t read_u64(Reader *reader);
double read_f64(Reader *reader);
/* `size` bytes in place, or an empty slice (then failed). */
Slice read_bytes(Reader *reader, size_t size);
/* What buffer_append_sized() wrote. */
Slice read_sized(Reader *reader);
static inline size_t
reader_left(const Reader *reader)
{
    return reader->size - reader->offset;
}

#endif
