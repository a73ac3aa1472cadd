/* SPDX-License-Identifier: Apache-2.0 */
/* json_internal.h - writing containers of the binary form. */
#ifndef ENGINE_VALUE_JSON_INTERNAL_H
#define ENGINE_VALUE_JSON_INTERNAL_H

#include "engine/value/json.h"

#define JSON_HEADER_SIZE 9u /* tag, u32 count, u32 size */

/* Room for `more` bytes at the end, NULL when there is none; they are taken by
 * adding to size. The usual case without a call. */
static inline char *
json_room(Buffer *out, size_t more)
{
    if (!out->failed && out->capacity - out->size >= more)
        return out->data + out->size;
    return buffer_reserve(out, more);
}

/* Little-endian, whatever the machine; compilers make one instruction of it. */
static inline void
json_store_u32(char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)(unsigned char)(value >> (8 * i));
}

static inline void
json_store_u64(char *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (char)(unsigned char)(value >> (8 * i));
}

static inline uint32_t
json_load_u32(const char *data)
{
    const unsigned char *bytes = (const unsigned char *)data;
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
           (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Overwrite four bytes written before; nothing when the buffer failed. */
void json_set_u32(Buffer *out, size_t offset, size_t value);

/* Begin a container: its header, empty. */
void json_open(Buffer *out, JsonTag tag);

/*
 * End the container that begins at `start`: its `count` items follow the header
 * at `offsets` (u32, little-endian, from the first item), in the order they
 * were written. Objects are sorted and later doubles win.
 */
mql_status json_close(Buffer *out, size_t start, char *offsets, uint32_t count,
                      Buffer *scratch, Error *err);

#endif
