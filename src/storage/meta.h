/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta.h - the catalogue's key-value store: LMDB with a checksum around each
 * value.
 *
 * LMDB 0.9 has no checksums of its own and trusts its pages: on opening every
 * page is walked, every value is framed in a keyed checksum, and a sum over all
 * of them in the root notices values that are lost or old. Never MDB_WRITEMAP,
 * MDB_NOSYNC, DUPSORT. A file that is cut while it is open, or cannot be read,
 * is DATA_CORRUPTED from then on (meta_entry.h). A failed commit makes the
 * store dead until it is opened again, unless the disk was full.
 *
 * Keys are short texts such as "collection/12" (at most 511 bytes); values
 * small (below 1 MiB). One process at a time (storage/lock.h); any number of
 * its threads.
 */
#ifndef STORAGE_META_H
#define STORAGE_META_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/status.h"

typedef struct Meta Meta;

/* Open or create the store in `directory`. `database_id` OUT: the random id
 * made when the database was created; `applied` OUT: sequence number of the
 * last commit applied. */
mql_status meta_open(const Vfs *vfs, const char *directory, Meta **meta,
                     uint64_t *database_id, uint64_t *applied, Error *err);
/* The file of that path without writing a byte: meta_apply() keeps its changes
 * in memory. */
mql_status meta_open_read_only(const Vfs *vfs, const char *path, Meta **meta,
                               uint64_t *database_id, uint64_t *applied,
                               Error *err);
void meta_close(Meta *meta);

/* Make the store in `directory`, which has none, for the database of that id:
 * what a backup writes to. */
mql_status meta_create(const Vfs *vfs, const char *directory,
                       uint64_t database_id, Error *err);

/* Call `each` for every key that starts with `prefix`, in byte order. The
 * slices are valid during the call; `each` may call this store. */
mql_status meta_each(Meta *meta, const char *prefix,
                     mql_status (*each)(void *context, Slice key, Slice value,
                                        Error *err),
                     void *context, Error *err);

/* DATA_CORRUPTED when the file is known to be cut or unreadable, as all of the
 * above and below then are: whoever is about to rely on it asks. */
mql_status meta_intact(Meta *meta, Error *err);

/* Verify every page and value of the file as it is on disk now. */
mql_status meta_check(Meta *meta, const Vfs *vfs, Error *err);

/* A list of puts and deletes, as it travels in a WAL record. */
typedef struct MetaChanges {
    Buffer bytes; /* encoded; see meta_change_put() */
    uint32_t count;
} MetaChanges;

#define META_CHANGES_INIT                                                      \
    {                                                                          \
        BUFFER_INIT, 0                                                         \
    }

void meta_changes_free(MetaChanges *changes);
void meta_change_put(MetaChanges *changes, const char *key, Slice value);
void meta_change_delete(MetaChanges *changes, const char *key);

/* Apply the encoded changes and set the applied sequence number (it never goes
 * down), in one durable LMDB transaction. Applying them again changes nothing.
 * DISK_FULL leaves the store as it was and usable. */
mql_status meta_apply(Meta *meta, Slice changes, uint64_t sequence, Error *err);

/* All of it as one list of puts, and the applied sequence number. The caller
 * frees `changes`, also after a failure. */
mql_status meta_snapshot(Meta *meta, MetaChanges *changes, uint64_t *applied,
                         Error *err);

#endif
