/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_kept.h - changes to the catalogue that are not written to its file.
 *
 * Who opens a database read-only still has to see what the log holds and the
 * file does not: those changes are kept here, and lie over the file's pairs.
 */
#ifndef STORAGE_META_KEPT_H
#define STORAGE_META_KEPT_H

#include <stddef.h>

#include "base/slice.h"
#include "base/status.h"

typedef struct KeptChange {
    Slice key;   /* malloc'ed together with the value */
    Slice value; /* data NULL: deleted                */
} KeptChange;

/* All zero: none. One thread at a time. */
typedef struct MetaKept {
    KeptChange *changes; /* by key, each key once */
    size_t count, capacity;
} MetaKept;

/* Copy a list of changes (meta_change_put()); `path` is for errors. Those that
 * stand before a failure stay. */
mql_status meta_kept_add(MetaKept *kept, const char *path, Slice changes,
                         Error *err);

/* Call `each` by key for the file's `pairs` (sized key, sized value, in order)
 * that start with `prefix` and, in their places, the changes over them. */
mql_status meta_kept_each(const MetaKept *kept, Slice prefix, Slice pairs,
                          mql_status (*each)(void *context, Slice key,
                                             Slice value, Error *err),
                          void *context, Error *err);

void meta_kept_free(MetaKept *kept);

#endif
