/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - one process per database: an OFD lock on the file LOCK, which holds
 * the pid of its holder for the message to the others.
 */
#ifndef STORAGE_LOCK_H
#define STORAGE_LOCK_H

#include "base/file.h"

/* Errors: OBJECT_IN_USE "database "x" is in use by process 123". Released when
 * the file is closed (file_close) or the process ends. */
mql_status lock_acquire(const Vfs *vfs, const char *directory, File *lock,
                        Error *err);

#endif
