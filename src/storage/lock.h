/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - one process that writes, or any number that read: an OFD lock on the
 * file LOCK, which holds the pid of the writer for the message to the others.
 */
#ifndef STORAGE_LOCK_H
#define STORAGE_LOCK_H

#include "base/file.h"

/* Alone, to write. Errors: OBJECT_IN_USE "database "x" is in use by process 123
 * (mql)". */
mql_status lock_acquire(const Vfs *vfs, const char *directory, File *lock,
                        Error *err);
/* Beside other readers, writing nothing: where there is no file LOCK, nothing
 * is locked. */
mql_status lock_acquire_shared(const Vfs *vfs, const char *directory,
                               File *lock, Error *err);
/* Give up the lock and close the file; also when a forked child has it too. A
 * killed process leaves none behind. */
void lock_release(File *lock);

#endif
