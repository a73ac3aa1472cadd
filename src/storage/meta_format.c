/* SPDX-License-Identifier: Apache-2.0 */
/* meta_format.c - the checksums around the catalogue's values, and its root. */
#include "storage/meta_format.h"

#include "base/checksum.h"

bool
meta_is_root_key(Slice key)
{
    return slice_equal(key, (Slice){META_ROOT_KEY, META_ROOT_KEY_SIZE});
}

/* Checksum of key and value together; `scratch` is overwritten. */
static uint64_t
frame_checksum(uint64_t database, uint64_t sequence, Slice key, Slice value,
               Buffer *scratch)
{
    buffer_clear(scratch);
    buffer_append_sized(scratch, key);
    buffer_append_slice(scratch, value);
    ChecksumKey place = {database, META_FILE, sequence};
    return checksum_keyed(place, scratch->data, scratch->size);
}

uint64_t
meta_frame_append(uint64_t database, uint64_t sequence, Slice key, Slice value,
                  Buffer *to)
{
    Buffer scratch = BUFFER_INIT;
    uint64_t checksum =
        frame_checksum(database, sequence, key, value, &scratch);
    to->failed = to->failed || buffer_failed(&scratch);
    buffer_free(&scratch);
    buffer_append_u64(to, checksum);
    buffer_append_u64(to, sequence);
    buffer_append_slice(to, value);
    return checksum;
}

mql_status
meta_frame_read(const char *path, uint64_t database, Slice key, Slice bytes,
                MetaFrame *frame, Error *err)
{
    Buffer scratch = BUFFER_INIT;
    Reader reader = reader_of(bytes);
    frame->checksum = read_u64(&reader);
    uint64_t sequence = read_u64(&reader);
    frame->value = read_bytes(&reader, reader_left(&reader));
    uint64_t expected =
        frame_checksum(database, sequence, key, frame->value, &scratch);
    bool has_failed = buffer_failed(&scratch);
    buffer_free(&scratch);
    if (has_failed)
        return error_no_memory(err);
    if (reader.failed || frame->checksum != expected)
        return error_corrupt(err, path, -1,
                             "damaged value of key \"%.*s\" in the catalogue",
                             key.size < 100 ? (int)key.size : 100, key.data);
    return MQL_OK;
}

void
meta_root_append(const MetaRoot *root, Buffer *to)
{
    Buffer body = BUFFER_INIT;
    buffer_append_u32(&body, META_VERSION);
    buffer_append_u32(&body, 0);
    buffer_append_u64(&body, root->database);
    buffer_append_u64(&body, root->applied);
    buffer_append_u64(&body, root->count);
    buffer_append_u64(&body, root->sum);
    buffer_append_u64(to, checksum_keyed((ChecksumKey){0, META_FILE, 0},
                                         body.data, body.size));
    buffer_append_slice(to, buffer_slice(&body));
    to->failed = to->failed || buffer_failed(&body);
    buffer_free(&body);
}

mql_status
meta_root_read(const char *path, Slice bytes, MetaRoot *root, Error *err)
{
    Reader reader = reader_of(bytes);
    uint64_t checksum = read_u64(&reader);
    uint32_t version = read_u32(&reader);
    read_u32(&reader);
    root->database = read_u64(&reader);
    root->applied = read_u64(&reader);
    root->count = read_u64(&reader);
    root->sum = read_u64(&reader);
    if (bytes.size != META_ROOT_SIZE ||
        checksum != checksum_keyed((ChecksumKey){0, META_FILE, 0},
                                   bytes.data + 8, META_ROOT_SIZE - 8))
        return error_corrupt(err, path, -1, "damaged root of the catalogue");
    if (version != META_VERSION)
        return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                         "catalogue \"%s\" has format version %u, this "
                         "program reads version %u",
                         path, version, META_VERSION);
    return MQL_OK;
}
