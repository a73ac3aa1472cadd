/* SPDX-License-Identifier: Apache-2.0 */
/* json_internal.h - writing containers of the binary form. */
#ifndef ENGINE_VALUE_JSON_INTERNAL_H
#define ENGINE_VALUE_JSON_INTERNAL_H

#include "engine/value/json.h"

#define JSON_HEADER_SIZE 9u /* tag, u32 count, u32 size */

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
