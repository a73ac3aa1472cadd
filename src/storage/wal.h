/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wal.h - the log that makes a commit durable: append, one fdatasync,
 * acknowledge.
 *
 * A database's log is wal/SEQUENCE.log files, named after the first sequence
 * number in them. A record holds one commit; records carry consecutive sequence
 * numbers. A torn tail (bytes never acknowledged) is cut and logged when the
 * log is opened; damage followed by a record that verifies is corruption and
 * refused. docs/format/wal.md has the offset tables.
 *
 * Used under the database's writer lock, one thread at a time, but for
 * wal_sync().
 */
#ifndef STORAGE_WAL_H
#define STORAGE_WAL_H

#include <stdint.h>

#include "base/file.h"
#include "base/log.h"
#include "base/slice.h"
#include "base/status.h"

typedef struct Wal Wal;

typedef struct WalRecord {
    uint64_t sequence; /* of the commit, from 1                     */
    int64_t time;      /* microseconds since 1970, when it was made */
    Slice payload;     /* at most 1 GiB; valid during the call      */
} WalRecord;

/*
 * Open the log in `directory` (must exist) and hand every record with a
 * sequence number above `after` to `replay`, in order; then it is ready for
 * appending. `last` OUT: the highest sequence number seen, `after` when none.
 */
mql_status wal_open(
    const Vfs *vfs, const char *directory, uint64_t database_id, uint64_t after,
    mql_status (*replay)(void *context, const WalRecord *record, Error *err),
    void *context, const Log *log, Wal **wal, uint64_t *last, Error *err);
/* The same without writing a byte: nothing is cut, removed or appended. */
mql_status wal_open_read_only(
    const Vfs *vfs, const char *directory, uint64_t database_id, uint64_t after,
    mql_status (*replay)(void *context, const WalRecord *record, Error *err),
    void *context, const Log *log, Wal **wal, uint64_t *last, Error *err);
void wal_close(Wal *wal);

/*
 * Append one commit and make it durable. MQL_OK means it survives power loss.
 * After a failed write the record is not in the log and the log goes on. After
 * a failed sync nobody knows: the log is dead, every later append fails too,
 * and the next opening finds the record whole or not at all.
 */
mql_status wal_commit(Wal *wal, const WalRecord *record, Error *err);

/*
 * The halves of wal_commit(), so that one sync serves several commits.
 * wal_append() writes a record after those before it. wal_sync() makes every
 * record appended before the call durable, and `sequence` is the last of them;
 * one thread at a time may be in it while another appends. Failures are as
 * above: a failed append leaves the log as it was, a failed sync kills it.
 */
mql_status wal_append(Wal *wal, const WalRecord *record, Error *err);
mql_status wal_sync(Wal *wal, uint64_t sequence, Error *err);

/* Everything up to `sequence` is safe elsewhere: start a new file and remove
 * the files that hold nothing above it. */
mql_status wal_trim(Wal *wal, uint64_t sequence, Error *err);

/* A file of the log up to the end of its last record. */
typedef struct WalExtent {
    uint64_t first; /* sequence number in its name */
    uint64_t last;  /* of its last record          */
    uint64_t end;   /* offset behind it            */
} WalExtent;

/* The log's files as they are now, open for a copy: they may be read after they
 * were removed. */
typedef struct WalPart {
    WalExtent extent;
    File file;
} WalPart;
mql_status wal_parts_open(const Wal *wal, WalPart **parts, size_t *count,
                          Error *err);
void wal_parts_close(WalPart *parts, size_t count);

/* Bytes of records that a reopening would read. */
uint64_t wal_size(const Wal *wal);

size_t wal_file_count(const Wal *wal);
WalExtent wal_extent(const Wal *wal, size_t file);

/* Verify the file's header and all records up to the end, which stay as they
 * are whatever the log does; a trimmed file is UNDEFINED_FILE. Any thread. */
mql_status wal_check(const Wal *wal, const WalExtent *extent, Error *err);
/* The same of an open file: a part, or a copy of one. */
mql_status wal_check_file(const Wal *wal, const WalExtent *extent, File *file,
                          Error *err);

#endif
