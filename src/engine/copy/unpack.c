/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack.c - zstd frames, one after another, to plain bytes.
 *
 * zstd bounds its window itself (128 MiB), and what it gives is taken in pieces
 * of the caller's size, so a small file that expands without end costs time,
 * not memory.
 */
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "engine/copy/copy_internal.h"

struct Unpacker {
    ZSTD_DStream *stream;
    bool is_inside; /* a frame has begun and not ended */
};

bool
unpack_is_packed(Slice start)
{
    static const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd};
    static const unsigned char skippable[] = {0x2a, 0x4d, 0x18};
    if (start.size < 4)
        return false;
    if (memcmp(start.data, frame, sizeof frame) == 0)
        return true;
    return ((unsigned char)start.data[0] & 0xf0) == 0x50 &&
           memcmp(start.data + 1, skippable, sizeof skippable) == 0;
}

mql_status
unpacker_create(Unpacker **unpacker, Error *err)
{
    *unpacker = NULL;
    Unpacker *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_no_memory(err);
    made->stream = ZSTD_createDStream();
    if (made->stream == NULL) {
        free(made);
        return error_no_memory(err);
    }
    *unpacker = made;
    return MQL_OK;
}

void
unpacker_destroy(Unpacker *unpacker)
{
    if (unpacker == NULL)
        return;
    ZSTD_freeDStream(unpacker->stream);
    free(unpacker);
}

mql_status
unpacker_run(Unpacker *unpacker, Slice *packed, bool is_last, char *data,
             size_t size, size_t *done, Error *err)
{
    ZSTD_inBuffer in = {packed->data, packed->size, 0};
    ZSTD_outBuffer out = {data, size, 0};
    *done = 0;
    for (;;) {
        size_t in_before = in.pos;
        size_t out_before = out.pos;
        size_t left = ZSTD_decompressStream(unpacker->stream, &out, &in);
        if (ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation)
            return error_no_memory(err);
        if (ZSTD_isError(left))
            return error_set(err, ERR_BAD_COPY_FORMAT,
                             "could not decompress: %s",
                             ZSTD_getErrorName(left));
        bool has_moved = in.pos != in_before || out.pos != out_before;
        if (left == 0)
            unpacker->is_inside = false;
        else if (has_moved)
            unpacker->is_inside = true;
        if (out.pos == out.size || !has_moved)
            break;
        if (in.pos == in.size && left == 0)
            break;
    }
    *packed = (Slice){packed->data + in.pos, in.size - in.pos};
    *done = out.pos;
    if (is_last && out.pos == 0 && packed->size == 0 && unpacker->is_inside)
        return error_set(err, ERR_BAD_COPY_FORMAT,
                         "could not decompress: unexpected end of file");
    return MQL_OK;
}
