/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_format.h - what meta.c keeps in LMDB's tree, and the check of the tree
 * that runs before LMDB sees it. docs/format/meta.md says the same in prose.
 *
 *   value of every key but the root's
 *     offset size
 *          0    8  checksum, keyed {database id, META_FILE, sequence}, of the
 *                  key's size (4), the key and what follows the sequence
 *          8    8  sequence number applied when it was written
 *         16       the value
 *
 *   root, under the key "\0root" that no text can be
 *          0    8  checksum of the bytes after it, keyed {0, META_FILE, 0}
 *          8    4  version, 1
 *         12    4  zero
 *         16    8  database id
 *         24    8  sequence number of the last commit applied
 *         32    8  number of other keys
 *         40    8  sum of their checksums, modulo 2^64
 *
 * The sum notices what no checksum of a single value can: a lost key, a key
 * twice, or an old value that comes back.
 */
#ifndef STORAGE_META_FORMAT_H
#define STORAGE_META_FORMAT_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/file.h"

/* What stands before each key in a list of changes (meta.h). */
enum { META_PUT = 1, META_DELETE = 2 };

#define META_VERSION 1u
#define META_FILE UINT64_C(0x004154454D4C514D)
#define META_FRAME_SIZE 16u
#define META_ROOT_SIZE 48u
#define META_ROOT_KEY "\0root"
#define META_ROOT_KEY_SIZE 5u

typedef struct MetaRoot {
    uint64_t database;
    uint64_t applied;
    uint64_t count; /* keys besides the root   */
    uint64_t sum;   /* of their checksums      */
} MetaRoot;

/* What stands around a value. */
typedef struct MetaFrame {
    Slice value; /* within the bytes read */
    uint64_t checksum;
} MetaFrame;

bool meta_is_root_key(Slice key);

/* Append the value in its frame; returns the frame's checksum. No memory:
 * buffer_failed(to). */
uint64_t meta_frame_append(uint64_t database, uint64_t sequence, Slice key,
                           Slice value, Buffer *to);

/* The value inside a frame, verified; `path` is for the error. */
mql_status meta_frame_read(const char *path, uint64_t database, Slice key,
                           Slice bytes, MetaFrame *frame, Error *err);

void meta_root_append(const MetaRoot *root, Buffer *to);
mql_status meta_root_read(const char *path, Slice bytes, MetaRoot *root,
                          Error *err);

/* Take the next change off a list; `value` is empty where it deletes. A list
 * that makes no sense is MQL_CORRUPT, in the words of `path`. */
mql_status meta_next_change(const char *path, Reader *reader, Slice *key,
                            Slice *value, bool *is_put, Error *err);

/*
 * Walk every page of the LMDB 0.9 file `path` and check that LMDB can use it:
 * all page numbers and sizes in range, keys in order, counts right, no page in
 * two places, the free list apart from the rest. LMDB itself trusts them.
 */
mql_status meta_check_file(const Vfs *vfs, const char *path, Error *err);

#endif
