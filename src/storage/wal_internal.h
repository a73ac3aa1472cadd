/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wal_internal.h - the log's files, as wal.c writes and wal_recover.c reads
 * them.
 *
 * All integers are little-endian. docs/format/wal.md says the same in prose.
 *
 *   file header, 64 bytes at offset 0 of SEQUENCE.log
 *     offset size
 *          0    8  magic "MQLWAL\0\0"
 *          8    4  version, 1
 *         12    4  size of this header, 64
 *         16    8  database id
 *         24    8  first: the sequence number the first record has or would
 * have 32    8  salt, random for each file 40   16  zero 56    8  checksum of
 * the bytes before it, keyed {database id, first, 0}
 *
 *   record, at a multiple of 8
 *          0    4  magic "MQLR"
 *          4    4  kind: 1 commit, 2 mark: the log was closed in order here; it
 *                  is the last, and the next commit overwrites it
 *          8    8  sequence number; kind 2: of the last commit before it
 *         16    8  time, microseconds since 1970
 *         24    8  durable: every commit up to this sequence number was on the
 *                  disk when the record was written
 *         32    8  size of the payload
 *         40    8  checksum of the payload, keyed {database id, salt, offset of
 *                  the record}
 *         48    8  checksum of the bytes before it, same key
 *         56       payload, then zeros up to a multiple of 8
 *
 *   zeros up to the end of the file, room for records to come
 *
 * The salt and the offset in the key tell a record from what an earlier use of
 * the same disk blocks left, and from a payload that looks like one.
 */
#ifndef STORAGE_WAL_INTERNAL_H
#define STORAGE_WAL_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/checksum.h"
#include "storage/wal.h"

#define WAL_MAGIC UINT64_C(0x00004C41574C514D)
#define WAL_VERSION 1u
#define WAL_HEADER_SIZE 64u
#define WAL_RECORD_MAGIC UINT32_C(0x524C514D)
#define WAL_RECORD_SIZE 56u
#define WAL_PAYLOAD_MOST ((uint64_t)1 << 30)
/* Twenty digits, ".log" or ".new", NUL. */
#define WAL_NAME_SIZE 28u

enum { WAL_COMMIT = 1, WAL_CLOSED = 2 };

/* One file of the log; only the last one is open and written to. */
typedef struct WalFile {
    uint64_t first; /* sequence number its first record has or would have  */
    uint64_t last;  /* of its last record; first - 1: it has none          */
    uint64_t salt;
    uint64_t end; /* bytes up to the end of its last record              */
} WalFile;

struct Wal {
    const Vfs *vfs;
    char *directory;
    uint64_t database;
    WalFile *files; /* in order; the last one is written to */
    size_t file_count;
    size_t file_capacity;
    File file;          /* the last of `files`                           */
    uint64_t allocated; /* size of that file                             */
    bool is_marked;     /* the mark of closing stands at its end         */
    bool is_read_only;
    atomic_bool is_dead;      /* a sync or a clean-up failed                  */
    _Atomic uint64_t durable; /* commits up to this one are on the disk  */
    Buffer scratch; /* a record on its way to the disk               */
};

/* A record's header, taken apart. */
typedef struct WalRecordHeader {
    uint32_t kind;
    uint64_t sequence;
    int64_t time;
    uint64_t durable;
    uint64_t payload_size;
    uint64_t payload_checksum;
} WalRecordHeader;

/* What recovery hands down to each file it reads. */
typedef struct WalReplay {
    uint64_t after;
    mql_status (*replay)(void *context, const WalRecord *record, Error *err);
    void *context;
    const Log *log;
} WalReplay;

static inline uint64_t
wal_padded(uint64_t size)
{
    return (size + 7) & ~(uint64_t)7;
}

static inline WalFile *
wal_last_file(const Wal *wal)
{
    return &wal->files[wal->file_count - 1];
}

static inline ChecksumKey
wal_record_key(const Wal *wal, const WalFile *file, uint64_t offset)
{
    return (ChecksumKey){wal->database, file->salt, offset};
}

/* "directory/00000000000000000001" and the suffix, malloc'ed; NULL: no memory.
 */
char *wal_file_path(const Wal *wal, uint64_t first, const char *suffix);

/* Append `file` to wal->files. */
mql_status wal_add_file(Wal *wal, const WalFile *file, Error *err);

/* Write the header of a record that will stand at `offset`. */
void wal_encode_record(const Wal *wal, const WalFile *file, uint64_t offset,
                       const WalRecordHeader *header, Slice payload,
                       Buffer *to);

/* Create a file whose first record will be `first`, durably, and make it the
 * one written to. */
mql_status wal_start_file(Wal *wal, uint64_t first, Error *err);

/* Read what is in the directory, replay it, and leave the last file open, cut
 * and durable. wal->file_count is 0 when there was none. */
mql_status wal_recover(Wal *wal, const WalReplay *replay, Error *err);

#endif
