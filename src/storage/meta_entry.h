/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_entry.h - the one way into LMDB: what it maps may be cut or unreadable.
 *
 * LMDB reads its file through a mapping and believes what it reads, so that
 * zeros in place of a page (base/guard.h) would lead it anywhere. Before it is
 * entered the file must be as large as it ever was; and a page that cannot be
 * read in spite of that, or one of LMDB's own assertions, ends the call where
 * it is. Then nobody enters again, and the environment is never given back:
 * what LMDB held in its hands at that moment is not known.
 */
#ifndef STORAGE_META_ENTRY_H
#define STORAGE_META_ENTRY_H

#include <lmdb.h>
#include <stdbool.h>

#include "base/file.h"
#include "base/status.h"

typedef struct MetaEntry {
    const Vfs *vfs;
    const char *path;
    MDB_env *environment; /* NULL: not open */
    uint64_t size;        /* that the file had; it never shrinks */
    bool is_cut;          /* it did */
    bool is_left;         /* a call was ended; LMDB is as it was then */
} MetaEntry;

/* Open the file; to be called in meta_enter(). 0 or LMDB's code. */
int meta_entry_open(MetaEntry *entry, unsigned flags);

/* DATA_CORRUPTED once the file was found cut or unreadable. */
mql_status meta_entry_check(MetaEntry *entry, Error *err);

/* Call `work`, in which LMDB may be called; DATA_CORRUPTED as above. One thread
 * at a time; `work` holds no locks, and memory of its own is lost when it is
 * ended. */
mql_status meta_enter(MetaEntry *entry,
                      mql_status (*work)(void *context, Error *err),
                      void *context, Error *err);

/* Close the environment, if there is one and it can be. */
void meta_entry_close(MetaEntry *entry);

#endif
