/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_room.h - room in meta.mdb before LMDB writes.
 *
 * LMDB 0.9 reports a disk that is full in the middle of a write as EIO, as it
 * does a broken one. So the file is made large enough for whatever a commit may
 * write before it writes anything; a full disk is met here, where it can be
 * told apart.
 */
#ifndef STORAGE_META_ROOM_H
#define STORAGE_META_ROOM_H

#include <lmdb.h>

#include "base/file.h"

typedef struct MetaRoom {
    const Vfs *vfs;
    const char *path;
    uint64_t size; /* the file has at least so many bytes */
} MetaRoom;

/* For a commit of these changes (META_PUT, META_DELETE) in `transaction`, which
 * has changed nothing yet. A failure does not mean that the commit will fail:
 * it may do with pages that are free. */
mql_status meta_make_room(MetaRoom *room, MDB_txn *transaction, MDB_dbi tree,
                          Slice changes, Error *err);

#endif
