/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wal.c - appending to the log.
 *
 * The last file is filled with zeros ahead of its end, so that most commits
 * change no file size and fdatasync has only their own bytes to write. A record
 * becomes part of the log by its header, which goes out last or in one write
 * with the payload.
 *
 * When a write fails the file is cut back to where it was and the log goes on;
 * when that fails too, or a sync fails, nothing is known about the disk any
 * more and the log is dead until it is opened, read and checked again.
 */
#include "storage/wal_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room made ahead: as much again as there is, within these bounds. */
#define ROOM_LEAST ((uint64_t)64 * 1024)
#define ROOM_MOST ((uint64_t)4 * 1024 * 1024)
/* Zeros are written in pieces of this size. */
#define ZEROS_SIZE ((size_t)64 * 1024)
/* Smaller payloads are copied behind their header and written in one call. */
#define SMALL_PAYLOAD ((size_t)64 * 1024)

static const char zeros[ZEROS_SIZE];

char *
wal_file_path(const Wal *wal, uint64_t first, const char *suffix)
{
    char name[WAL_NAME_SIZE];
    snprintf(name, sizeof name, "%020" PRIu64 "%s", first, suffix);
    return path_join(wal->directory, name);
}

mql_status
wal_add_file(Wal *wal, const WalFile *file, Error *err)
{
    if (wal->file_count == wal->file_capacity) {
        size_t capacity = wal->file_capacity == 0 ? 8 : wal->file_capacity * 2;
        WalFile *files = realloc(wal->files, capacity * sizeof *files);
        if (files == NULL)
            return error_no_memory(err);
        wal->files = files;
        wal->file_capacity = capacity;
    }
    wal->files[wal->file_count++] = *file;
    return MQL_OK;
}

/* Fill [allocated, to) with zeros. */
static mql_status
write_zeros(File *file, uint64_t *allocated, uint64_t to, Error *err)
{
    while (*allocated < to) {
        uint64_t left = to - *allocated;
        size_t size = left < ZEROS_SIZE ? (size_t)left : ZEROS_SIZE;
        TRY(file_write(file, zeros, size, *allocated, err));
        *allocated += size;
    }
    return MQL_OK;
}

static mql_status
write_file_header(const Wal *wal, File *file, const WalFile *info, Error *err)
{
    Buffer header = BUFFER_INIT;
    buffer_append_u64(&header, WAL_MAGIC);
    buffer_append_u32(&header, WAL_VERSION);
    buffer_append_u32(&header, WAL_HEADER_SIZE);
    buffer_append_u64(&header, wal->database);
    buffer_append_u64(&header, info->first);
    buffer_append_u64(&header, info->salt);
    buffer_append_u64(&header, 0);
    buffer_append_u64(&header, 0);
    if (!buffer_failed(&header)) {
        ChecksumKey key = {wal->database, info->first, 0};
        buffer_append_u64(&header,
                          checksum_keyed(key, header.data, header.size));
    }
    mql_status status =
        buffer_failed(&header)
            ? error_no_memory(err)
            : file_write(file, header.data, header.size, 0, err);
    buffer_free(&header);
    return status;
}

/*
 * Header and zeros under a name that recovery removes, then durably under its
 * own, so that a file with that name has a header. From the renaming on the
 * file may be there whatever is reported, and commits appended to the one
 * before it would stand in its way: the log is dead then.
 */
static mql_status
create_file(Wal *wal, const WalFile *info, const char *path,
            const char *new_path, uint64_t *allocated, Error *err)
{
    File file;
    TRY(file_remove(wal->vfs, new_path, err));
    TRY(file_open(wal->vfs, new_path, FILE_CREATE, &file, err));
    mql_status status = write_file_header(wal, &file, info, err);
    *allocated = WAL_HEADER_SIZE;
    if (status == MQL_OK)
        status = write_zeros(&file, allocated, ROOM_LEAST, err);
    if (status == MQL_OK)
        status = file_sync(&file, err);
    file_close(&file);
    if (status != MQL_OK) {
        Error ignored = ERROR_INIT;
        (void)!file_remove(wal->vfs, new_path, &ignored);
        return status;
    }
    wal->is_dead = true;
    TRY(file_rename(wal->vfs, new_path, path, err));
    return directory_sync(wal->vfs, wal->directory, err);
}

mql_status
wal_start_file(Wal *wal, uint64_t first, Error *err)
{
    WalFile info = {.first = first, .last = first - 1, .end = WAL_HEADER_SIZE};
    int result =
        wal->vfs->random(wal->vfs->context, &info.salt, sizeof info.salt);
    if (result < 0)
        return file_error(err, -result, "read random bytes for",
                          wal->directory);
    char *path = wal_file_path(wal, first, ".log");
    char *new_path = wal_file_path(wal, first, ".new");
    uint64_t allocated = 0;
    File file = FILE_CLOSED;
    mql_status status =
        path == NULL || new_path == NULL
            ? error_no_memory(err)
            : create_file(wal, &info, path, new_path, &allocated, err);
    if (status == MQL_OK)
        status = file_open(wal->vfs, path, FILE_UPDATE, &file, err);
    if (status == MQL_OK)
        status = wal_add_file(wal, &info, err);
    if (status == MQL_OK) {
        file_close(&wal->file);
        wal->file = file;
        wal->allocated = allocated;
        wal->is_marked = false;
        wal->is_dead = false;
    } else {
        file_close(&file);
    }
    free(path);
    free(new_path);
    return status;
}

void
wal_encode_record(const Wal *wal, const WalFile *file, uint64_t offset,
                  const WalRecordHeader *header, Slice payload, Buffer *to)
{
    ChecksumKey key = wal_record_key(wal, file, offset);
    size_t start = to->size;
    buffer_append_u32(to, WAL_RECORD_MAGIC);
    buffer_append_u32(to, header->kind);
    buffer_append_u64(to, header->sequence);
    buffer_append_u64(to, (uint64_t)header->time);
    buffer_append_u64(to, header->durable);
    buffer_append_u64(to, payload.size);
    buffer_append_u64(to, checksum_keyed(key, payload.data, payload.size));
    if (!buffer_failed(to))
        buffer_append_u64(
            to, checksum_keyed(key, to->data + start, WAL_RECORD_SIZE - 8));
}

/* What opening needs. */
typedef struct Opening {
    const Vfs *vfs;
    const char *directory;
    uint64_t database;
    bool is_read_only;
} Opening;

static mql_status
open_log(const Opening *opening, const WalReplay *how, Wal **result,
         uint64_t *last, Error *err)
{
    *result = NULL;
    *last = how->after;
    Wal *wal = calloc(1, sizeof *wal);
    if (wal == NULL)
        return error_no_memory(err);
    wal->vfs = opening->vfs;
    wal->database = opening->database;
    wal->is_read_only = opening->is_read_only;
    wal->is_dead = opening->is_read_only;
    wal->file = (File)FILE_CLOSED;
    wal->directory = strdup(opening->directory);
    mql_status status = wal->directory == NULL ? error_no_memory(err) : MQL_OK;
    if (status == MQL_OK)
        status = wal_recover(wal, how, err);
    if (status == MQL_OK && wal->file_count == 0)
        status = wal->is_read_only ? error_corrupt(err, wal->directory, -1,
                                                   "the log is missing")
                                   : wal_start_file(wal, 1, err);
    if (status != MQL_OK) {
        wal->is_dead = true;
        wal_close(wal);
        return status;
    }
    *last = wal_last_file(wal)->last;
    atomic_store(&wal->durable, *last);
    *result = wal;
    return MQL_OK;
}

mql_status
wal_open(const Vfs *vfs, const char *directory, uint64_t database_id,
         uint64_t after,
         mql_status (*replay)(void *context, const WalRecord *record,
                              Error *err),
         void *context, const Log *log, Wal **wal, uint64_t *last, Error *err)
{
    const Opening opening = {vfs, directory, database_id, false};
    const WalReplay how = {after, replay, context, log};
    return open_log(&opening, &how, wal, last, err);
}

mql_status
wal_open_read_only(
    const Vfs *vfs, const char *directory, uint64_t database_id, uint64_t after,
    mql_status (*replay)(void *context, const WalRecord *record, Error *err),
    void *context, const Log *log, Wal **wal, uint64_t *last, Error *err)
{
    const Opening opening = {vfs, directory, database_id, true};
    const WalReplay how = {after, replay, context, log};
    return open_log(&opening, &how, wal, last, err);
}

/* Make room for `size` bytes more and some beyond. That there is none is told
 * by the record's own write, and a large record needs none made. */
static void
make_room(Wal *wal, uint64_t end, uint64_t size)
{
    if (size <= wal->allocated - end || size > ROOM_MOST)
        return;
    uint64_t room = wal->allocated;
    if (room < ROOM_LEAST)
        room = ROOM_LEAST;
    if (room > ROOM_MOST)
        room = ROOM_MOST;
    Error ignored = ERROR_INIT;
    (void)!write_zeros(&wal->file, &wal->allocated,
                       (end + size + room) / ROOM_LEAST * ROOM_LEAST, &ignored);
}

/* Write one record at the end of the file; nothing is synced yet. */
static mql_status
write_record(Wal *wal, const WalRecordHeader *header, Slice payload, Error *err)
{
    static const char padding[8];
    uint64_t offset = wal_last_file(wal)->end;
    uint64_t body = offset + WAL_RECORD_SIZE;
    size_t pad = (size_t)(wal_padded(payload.size) - payload.size);
    Buffer *scratch = &wal->scratch;
    buffer_clear(scratch);
    wal_encode_record(wal, wal_last_file(wal), offset, header, payload,
                      scratch);
    bool is_small = payload.size <= SMALL_PAYLOAD;
    if (is_small) {
        buffer_append_slice(scratch, payload);
        buffer_append(scratch, padding, pad);
    }
    if (buffer_failed(scratch))
        return error_no_memory(err);
    if (!is_small) {
        TRY(file_write(&wal->file, payload.data, payload.size, body, err));
        TRY(file_write(&wal->file, padding, pad, body + payload.size, err));
    }
    return file_write(&wal->file, scratch->data, scratch->size, offset, err);
}

/* Undo a write that failed half way. */
static void
cut_back(Wal *wal)
{
    Error ignored = ERROR_INIT;
    uint64_t end = wal_last_file(wal)->end;
    if (file_truncate(&wal->file, end, &ignored) == MQL_OK)
        wal->allocated = end;
    else
        wal->is_dead = true;
}

static mql_status
append(Wal *wal, const WalRecordHeader *header, Slice payload, Error *err)
{
    WalFile *file = wal_last_file(wal);
    uint64_t size = WAL_RECORD_SIZE + wal_padded(payload.size);
    wal->is_marked = false;
    make_room(wal, file->end, size);
    mql_status status = write_record(wal, header, payload, err);
    if (status != MQL_OK) {
        cut_back(wal);
        return status;
    }
    file->end += size;
    if (file->end > wal->allocated)
        wal->allocated = file->end;
    return MQL_OK;
}

mql_status
wal_append(Wal *wal, const WalRecord *record, Error *err)
{
    WalFile *file = wal_last_file(wal);
    if (wal->is_dead)
        return error_set(err, ERR_IO_ERROR,
                         "the log in \"%s\" takes no more writes after an "
                         "input/output error; open the database again",
                         wal->directory);
    if (record->sequence != file->last + 1)
        return error_set(err, ERR_INTERNAL_ERROR,
                         "commit %" PRIu64 " does not follow commit %" PRIu64,
                         record->sequence, file->last);
    if (record->payload.size > WAL_PAYLOAD_MOST)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "a transaction may change at most %" PRIu64 " bytes",
                         WAL_PAYLOAD_MOST);
    WalRecordHeader header = {
        .kind = WAL_COMMIT,
        .sequence = record->sequence,
        .time = record->time,
        .durable = atomic_load(&wal->durable),
    };
    TRY(append(wal, &header, record->payload, err));
    file->last = record->sequence;
    return MQL_OK;
}

mql_status
wal_sync(Wal *wal, uint64_t sequence, Error *err)
{
    mql_status status = file_sync(&wal->file, err);
    if (status != MQL_OK)
        atomic_store(&wal->is_dead, true);
    else
        atomic_store(&wal->durable, sequence);
    return status;
}

mql_status
wal_commit(Wal *wal, const WalRecord *record, Error *err)
{
    TRY(wal_append(wal, record, err));
    return wal_sync(wal, record->sequence, err);
}

/* The mark makes damage to the last commit tell itself from a torn tail. The
 * next commit overwrites it, so that nothing durable ever stands behind a mark
 * that may not be. It is not needed, so that a failure here is none. */
void
wal_close(Wal *wal)
{
    if (wal == NULL)
        return;
    if (!wal->is_dead && !wal->is_marked) {
        Error ignored = ERROR_INIT;
        WalRecordHeader mark = {
            .kind = WAL_CLOSED,
            .sequence = wal_last_file(wal)->last,
            .durable = wal_last_file(wal)->last,
        };
        if (append(wal, &mark, (Slice){NULL, 0}, &ignored) == MQL_OK)
            (void)!file_sync(&wal->file, &ignored);
    }
    file_close(&wal->file);
    buffer_free(&wal->scratch);
    free(wal->files);
    free(wal->directory);
    free(wal);
}

mql_status
wal_trim(Wal *wal, uint64_t sequence, Error *err)
{
    WalFile *file = wal_last_file(wal);
    if (wal->is_dead)
        return error_set(err, ERR_IO_ERROR,
                         "the log in \"%s\" takes no more writes",
                         wal->directory);
    if (file->last >= file->first && file->first <= sequence)
        TRY(wal_start_file(wal, file->last + 1, err));
    while (wal->file_count > 1 && wal->files[0].last <= sequence) {
        char *path = wal_file_path(wal, wal->files[0].first, ".log");
        if (path == NULL)
            return error_no_memory(err);
        mql_status status = file_remove(wal->vfs, path, err);
        free(path);
        if (status != MQL_OK)
            return status;
        wal->file_count--;
        memmove(wal->files, wal->files + 1,
                wal->file_count * sizeof *wal->files);
    }
    return MQL_OK;
}

size_t
wal_file_count(const Wal *wal)
{
    return wal->file_count;
}

WalExtent
wal_extent(const Wal *wal, size_t file)
{
    const WalFile *info = &wal->files[file];
    return (WalExtent){info->first, info->last, info->end};
}

uint64_t
wal_size(const Wal *wal)
{
    uint64_t size = 0;
    for (size_t i = 0; i < wal->file_count; i++)
        size += wal->files[i].end - WAL_HEADER_SIZE;
    return size;
}

mql_status
wal_parts_open(const Wal *wal, WalPart **parts, size_t *count, Error *err)
{
    *count = 0;
    *parts = calloc(wal->file_count, sizeof **parts);
    if (*parts == NULL)
        return error_no_memory(err);
    mql_status status = MQL_OK;
    for (size_t i = 0; i < wal->file_count && status == MQL_OK; i++) {
        WalPart *part = &(*parts)[i];
        *part = (WalPart){wal_extent(wal, i), FILE_CLOSED};
        char *path = wal_file_path(wal, part->extent.first, ".log");
        status = path == NULL
                     ? error_no_memory(err)
                     : file_open(wal->vfs, path, FILE_PLAIN, &part->file, err);
        free(path);
        *count = i + 1;
    }
    if (status == MQL_OK)
        return MQL_OK;
    wal_parts_close(*parts, *count);
    *parts = NULL;
    *count = 0;
    return status;
}

void
wal_parts_close(WalPart *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        file_close(&parts[i].file);
    free(parts);
}
