/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reserve.h - disk space that only giving space back may use.
 *
 * A file of RESERVE_SIZE zeros lies in the database's directory. When the disk
 * is full it is removed for what makes room (DROP, TRUNCATE, DELETE, VACUUM),
 * which could not be logged otherwise. Before anything else is committed it is
 * made again, so that nothing else can use what was freed for it.
 *
 * The file says nothing: whatever is in it, and whether it is there, is right.
 */
#ifndef STORAGE_RESERVE_H
#define STORAGE_RESERVE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/file.h"

#define RESERVE_NAME "reserve"
#define RESERVE_SIZE ((uint64_t)1024 * 1024)

typedef struct Reserve {
    const Vfs *vfs;
    char *path; /* NULL: not open */
    pthread_mutex_t mutex;
    atomic_bool is_kept; /* there, or not possible here */
    bool is_there;
} Reserve;

/* Look for the file, and make it if there is room. */
mql_status reserve_open(Reserve *reserve, const Vfs *vfs, const char *directory,
                        Error *err);
void reserve_close(Reserve *reserve);

/* DISK_FULL: it is missing and there is no room. */
mql_status reserve_keep(Reserve *reserve, Error *err);

/* False: there was none to give. */
bool reserve_release(Reserve *reserve);

#endif
