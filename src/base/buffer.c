/* SPDX-License-Identifier: Apache-2.0 */
/* buffer.c - growing by half as much again and never trusting a length. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

void
buffer_free(Buffer *buffer)
{
    free(buffer->data);
    *buffer = (Buffer)BUFFER_INIT;
}

void
buffer_clear(Buffer *buffer)
{
    buffer->size = 0;
    buffer->failed = false;
}

static char *
grow(Buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity + buffer->capacity / 2;
    if (capacity < 64)
        capacity = 64;
    if (capacity < needed)
        capacity = needed;
    char *data = realloc(buffer->data, capacity);
    if (data == NULL) {
        buffer->failed = true;
        return NULL;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return data + buffer->size;
}

char *
buffer_reserve(Buffer *buffer, size_t more)
{
    size_t needed;
    if (buffer->failed)
        return NULL;
    if (!size_add(buffer->size, more, &needed) || needed > SIZE_MAX / 2) {
        buffer->failed = true;
        return NULL;
    }
    if (needed <= buffer->capacity && buffer->data != NULL)
        return buffer->data + buffer->size;
    return grow(buffer, needed);
}

void
buffer_append(Buffer *buffer, const void *data, size_t size)
{
    char *room = buffer_reserve(buffer, size);
    if (room == NULL || size == 0)
        return;
    memcpy(room, data, size);
    buffer->size += size;
}

void
buffer_append_slice(Buffer *buffer, Slice slice)
{
    buffer_append(buffer, slice.data, slice.size);
}

void
buffer_append_text(Buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void
buffer_append_char(Buffer *buffer, char c)
{
    buffer_append(buffer, &c, 1);
}

void
buffer_printf(Buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char none[1];
    int length = vsnprintf(none, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        buffer->failed = true;
        return;
    }
    char *room = buffer_reserve(buffer, (size_t)length + 1);
    if (room == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(room, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)length;
}

/* The low `size` bytes of `value`, lowest first. */
static void
append_integer(Buffer *buffer, uint64_t value, size_t size)
{
    char *room = buffer_reserve(buffer, size);
    if (room == NULL)
        return;
    for (size_t i = 0; i < size; i++)
        room[i] = (char)(value >> (8 * i) & 0xFF);
    buffer->size += size;
}

void
buffer_append_u8(Buffer *buffer, uint8_t value)
{
    append_integer(buffer, value, 1);
}

void
buffer_append_u16(Buffer *buffer, uint16_t value)
{
    append_integer(buffer, value, 2);
}

void
buffer_append_u32(Buffer *buffer, uint32_t value)
{
    append_integer(buffer, value, 4);
}

void
buffer_append_u64(Buffer *buffer, uint64_t value)
{
    append_integer(buffer, value, 8);
}

void
buffer_append_f64(Buffer *buffer, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    append_integer(buffer, bits, 8);
}

void
buffer_append_sized(Buffer *buffer, Slice slice)
{
    if (slice.size > UINT32_MAX) {
        buffer->failed = true;
        return;
    }
    buffer_append_u32(buffer, (uint32_t)slice.size);
    buffer_append_slice(buffer, slice);
}

const char *
buffer_text(Buffer *buffer)
{
    char *end = buffer_reserve(buffer, 1);
    if (end == NULL)
        return "";
    *end = '\0';
    return buffer->data;
}

Reader
reader_of(Slice slice)
{
    return (Reader){slice.data, slice.size, 0, false};
}

Slice
read_bytes(Reader *reader, size_t size)
{
    if (reader->failed || size > reader_left(reader)) {
        reader->failed = true;
        return (Slice){NULL, 0};
    }
    if (size == 0)
        return (Slice){NULL, 0};
    Slice bytes = {reader->data + reader->offset, size};
    reader->offset += size;
    return bytes;
}

/* Zero when there are too few bytes left. */
static uint64_t
read_integer(Reader *reader, size_t size)
{
    Slice bytes = read_bytes(reader, size);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size; i++)
        value |= (uint64_t)(unsigned char)bytes.data[i] << (8 * i);
    return value;
}

uint8_t
read_u8(Reader *reader)
{
    return (uint8_t)read_integer(reader, 1);
}

uint16_t
read_u16(Reader *reader)
{
    return (uint16_t)read_integer(reader, 2);
}

uint32_t
read_u32(Reader *reader)
{
    return (uint32_t)read_integer(reader, 4);
}

uint64_t
read_u64(Reader *reader)
{
    return read_integer(reader, 8);
}

double
read_f64(Reader *reader)
{
    uint64_t bits = read_integer(reader, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

Slice
read_sized(Reader *reader)
{
    return read_bytes(reader, read_u32(reader));
}
