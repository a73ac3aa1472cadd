/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wal_recover.c - reading the log after whatever happened.
 *
 * Records are read as long as they verify. What follows the last good record of
 * the last file is one of three things:
 *
 *   zeros          room that was made ahead
 *   a torn tail    commits that were being written when the power went; nobody
 *                  was told that they were done. They are cut and logged. A
 *                  later one of them may verify where an earlier one does not:
 *                  one sync serves several commits.
 *   damage         some later record verifies that was written when the first
 *                  one missing was on the disk already, so that commits which
 *                  were acknowledged are lost: refused, nothing is changed
 *
 * Files and records carry consecutive sequence numbers, so that a lost file, or
 * an end that lies before what the catalogue has applied, is damage too.
 *
 * The last records, or the file's name, may come from a process whose sync
 * failed or that was killed before it: the system then shows what the disk
 * never got. Those that were not known to be durable, and the name, are
 * therefore made durable once more before anybody relies on them, unless the
 * log was closed in order.
 */
#include "storage/wal_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_SIZE ((size_t)256 * 1024)

/* A file and the stretch of it that is in memory. */
typedef struct Window {
    File *file;
    uint64_t size;  /* of the file               */
    uint64_t start; /* where the stretch begins  */
    Buffer bytes;
} Window;

/* What reading one file found out. */
typedef struct Scan {
    const Wal *wal;
    const WalReplay *how;
    WalFile info;
    Window window;
    /* Commits from `unsynced` on (0: none) may not be durable; those before
     * `next_sequence`, which is at `next`, are when a later one says so. */
    uint64_t unsynced;
    uint64_t next;
    uint64_t next_sequence;
    bool is_marked; /* the mark of closing follows it          */
} Scan;

/* `size` bytes at `offset`, which lie within the file. */
static mql_status
window_read(Window *window, uint64_t offset, size_t size, const char **data,
            Error *err)
{
    Buffer *bytes = &window->bytes;
    if (offset < window->start || offset - window->start > bytes->size ||
        size > bytes->size - (offset - window->start)) {
        uint64_t left = window->size - offset;
        size_t wanted = size > WINDOW_SIZE ? size : WINDOW_SIZE;
        if (wanted > left)
            wanted = (size_t)left;
        buffer_clear(bytes);
        char *room = buffer_reserve(bytes, wanted);
        if (room == NULL)
            return error_no_memory(err);
        TRY(file_read(window->file, room, wanted, offset, err));
        bytes->size = wanted;
        window->start = offset;
    }
    *data = bytes->data + (offset - window->start);
    return MQL_OK;
}

static mql_status
read_file_header(Scan *scan, Error *err)
{
    const char *path = scan->window.file->path;
    const char *data;
    if (scan->window.size < WAL_HEADER_SIZE)
        return error_corrupt(err, path, (int64_t)scan->window.size,
                             "unexpected end of file");
    TRY(window_read(&scan->window, 0, WAL_HEADER_SIZE, &data, err));
    Reader reader = reader_of((Slice){data, WAL_HEADER_SIZE});
    uint64_t magic = read_u64(&reader);
    uint32_t version = read_u32(&reader);
    uint32_t header_size = read_u32(&reader);
    uint64_t database = read_u64(&reader);
    uint64_t first = read_u64(&reader);
    scan->info.salt = read_u64(&reader);
    read_bytes(&reader, 16);
    uint64_t checksum = read_u64(&reader);
    ChecksumKey key = {scan->wal->database, scan->info.first, 0};
    if (magic != WAL_MAGIC ||
        checksum != checksum_keyed(key, data, WAL_HEADER_SIZE - 8))
        return error_corrupt(err, path, 0,
                             "damaged or foreign header of a log file");
    if (version != WAL_VERSION)
        return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                         "log file \"%s\" has format version %u, this program "
                         "reads version %u",
                         path, version, WAL_VERSION);
    if (header_size != WAL_HEADER_SIZE || database != scan->wal->database ||
        first != scan->info.first)
        return error_corrupt(err, path, 0, "wrong header of a log file");
    return MQL_OK;
}

/* Take a record's header apart; false: these bytes are none for `offset`. */
static bool
decode_record(const Scan *scan, const char *data, uint64_t offset,
              WalRecordHeader *header)
{
    Reader reader = reader_of((Slice){data, WAL_RECORD_SIZE});
    if (read_u32(&reader) != WAL_RECORD_MAGIC)
        return false;
    header->kind = read_u32(&reader);
    header->sequence = read_u64(&reader);
    header->time = (int64_t)read_u64(&reader);
    header->durable = read_u64(&reader);
    header->payload_size = read_u64(&reader);
    header->payload_checksum = read_u64(&reader);
    ChecksumKey key = wal_record_key(scan->wal, &scan->info, offset);
    return read_u64(&reader) == checksum_keyed(key, data, WAL_RECORD_SIZE - 8);
}

/* The record at the end of what was read so far. `is_good` is false when none
 * verifies there. */
static mql_status
read_record(Scan *scan, WalRecordHeader *header, Slice *payload, bool *is_good,
            Error *err)
{
    uint64_t offset = scan->info.end;
    uint64_t left = scan->window.size - offset;
    const char *data;
    *is_good = false;
    if (left < WAL_RECORD_SIZE)
        return MQL_OK;
    TRY(window_read(&scan->window, offset, WAL_RECORD_SIZE, &data, err));
    if (!decode_record(scan, data, offset, header))
        return MQL_OK;
    left -= WAL_RECORD_SIZE;
    if (header->payload_size > WAL_PAYLOAD_MOST ||
        wal_padded(header->payload_size) > left)
        return MQL_OK;
    size_t size = (size_t)header->payload_size;
    TRY(window_read(&scan->window, offset, WAL_RECORD_SIZE + size, &data, err));
    *payload = (Slice){data + WAL_RECORD_SIZE, size};
    ChecksumKey key = wal_record_key(scan->wal, &scan->info, offset);
    *is_good = header->payload_checksum ==
               checksum_keyed(key, payload->data, payload->size);
    return MQL_OK;
}

/* Two marks suffice to know, to within a group of commits or two, from where
 * on the disk may lack something. */
static void
note_durable(Scan *scan, const WalRecordHeader *header)
{
    if (scan->unsynced == 0) {
        scan->unsynced = scan->info.end;
        scan->next_sequence = header->sequence;
        scan->next = scan->info.end;
    }
    if (header->durable + 1 < scan->next_sequence)
        return;
    scan->unsynced = scan->next;
    if (header->durable + 1 >= header->sequence)
        scan->unsynced = scan->info.end;
    scan->next = scan->info.end;
    scan->next_sequence = header->sequence;
}

/* Check a good record's place and hand it on. */
static mql_status
take_record(Scan *scan, const WalRecordHeader *header, Slice payload,
            Error *err)
{
    WalFile *info = &scan->info;
    uint64_t expected = info->last + (header->kind == WAL_COMMIT);
    if ((header->kind != WAL_COMMIT && header->kind != WAL_CLOSED) ||
        header->sequence != expected)
        return error_corrupt(err, scan->window.file->path, (int64_t)info->end,
                             "commit %" PRIu64 " stands where commit %" PRIu64
                             " was expected",
                             header->sequence, expected);
    scan->is_marked = header->kind == WAL_CLOSED;
    if (scan->is_marked)
        return MQL_OK;
    note_durable(scan, header);
    info->end += WAL_RECORD_SIZE + wal_padded(payload.size);
    info->last = header->sequence;
    if (header->sequence <= scan->how->after)
        return MQL_OK;
    WalRecord record = {header->sequence, header->time, payload};
    return scan->how->replay(scan->how->context, &record, err);
}

static mql_status
read_records(Scan *scan, Error *err)
{
    scan->info.last = scan->info.first - 1;
    scan->info.end = WAL_HEADER_SIZE;
    while (!scan->is_marked) {
        WalRecordHeader header;
        Slice payload = {NULL, 0};
        bool is_good;
        TRY(read_record(scan, &header, &payload, &is_good, err));
        if (!is_good)
            return MQL_OK;
        TRY(take_record(scan, &header, payload, err));
    }
    return MQL_OK;
}

/* Where nothing of the log's own follows. */
static uint64_t
end_of_log(const Scan *scan)
{
    return scan->info.end + (scan->is_marked ? WAL_RECORD_SIZE : 0);
}

/* Look at the 8 bytes at `data`: not zero moves `*tail` past them; a record
 * that verifies is damage before it. */
static mql_status
inspect(Scan *scan, const char *data, uint64_t offset, uint64_t *tail,
        Error *err)
{
    static const char zeros[8];
    uint64_t left = scan->window.size - offset;
    if (memcmp(data, zeros, left < 8 ? (size_t)left : 8) == 0)
        return MQL_OK;
    *tail = offset + (left < 8 ? left : 8);
    WalRecordHeader header;
    if (offset == scan->info.end || left < WAL_RECORD_SIZE ||
        !decode_record(scan, data, offset, &header) ||
        header.durable <= scan->info.last)
        return MQL_OK;
    return error_corrupt(err, scan->window.file->path, (int64_t)scan->info.end,
                         "the log is damaged between commit %" PRIu64
                         " and commit %" PRIu64,
                         scan->info.last, header.sequence);
}

/* Tell zeros, a torn tail and damage apart; `*tail` OUT: where the torn tail
 * ends, the end of the log when there is none. */
static mql_status
inspect_tail(Scan *scan, uint64_t *tail, Error *err)
{
    *tail = end_of_log(scan);
    uint64_t offset = *tail;
    while (offset < scan->window.size) {
        const char *data;
        uint64_t left = scan->window.size - offset;
        size_t size = left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE;
        TRY(window_read(&scan->window, offset, size, &data, err));
        /* a header must not be split between two windows */
        size_t until = size == left ? size : size - WAL_RECORD_SIZE;
        for (size_t at = 0; at < until; at += 8)
            TRY(inspect(scan, data + at, offset + at, tail, err));
        offset += until;
    }
    return MQL_OK;
}

/* Write [from, to) again as it is. */
static mql_status
write_again(Window *window, uint64_t from, uint64_t to, Error *err)
{
    while (from < to) {
        const char *data;
        uint64_t left = to - from;
        size_t size = left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE;
        TRY(window_read(window, from, size, &data, err));
        TRY(file_write(window->file, data, size, from, err));
        from += size;
    }
    return MQL_OK;
}

/* Make the last file end with its last good record, or the mark, durably. */
static mql_status
settle(Wal *wal, Scan *scan, Error *err)
{
    File *file = scan->window.file;
    uint64_t tail;
    uint64_t end = end_of_log(scan);
    TRY(inspect_tail(scan, &tail, err));
    wal->allocated = scan->window.size;
    wal->is_marked = scan->is_marked;
    if (wal->is_read_only)
        return MQL_OK; /* a torn tail is left alone */
    if (tail > end) {
        TRY(file_truncate(file, end, err));
        wal->allocated = end;
        log_write(scan->how->log, "WARNING",
                  "cut %" PRIu64 " bytes of an unfinished commit after commit "
                  "%" PRIu64 " from log file \"%s\"",
                  tail - end, scan->info.last, file->path);
    } else if (scan->is_marked) {
        return MQL_OK;
    }
    TRY(directory_sync(wal->vfs, wal->directory, err));
    if (scan->unsynced != 0)
        TRY(write_again(&scan->window, scan->unsynced, scan->info.end, err));
    return file_sync(file, err);
}

/* Read one file; the last one stays open in wal->file. */
static mql_status
recover_file(Wal *wal, const WalReplay *how, uint64_t first, bool is_last,
             Error *err)
{
    char *path = wal_file_path(wal, first, ".log");
    if (path == NULL)
        return error_no_memory(err);
    File file;
    mql_status status = file_open(
        wal->vfs, path,
        is_last && !wal->is_read_only ? FILE_UPDATE : FILE_PLAIN, &file, err);
    free(path);
    if (status != MQL_OK)
        return status;
    Scan scan = {.wal = wal, .how = how};
    scan.info.first = first;
    scan.window.file = &file;
    status = file_size(&file, &scan.window.size, err);
    if (status == MQL_OK)
        status = read_file_header(&scan, err);
    if (status == MQL_OK)
        status = read_records(&scan, err);
    if (status == MQL_OK && is_last)
        status = settle(wal, &scan, err);
    if (status == MQL_OK)
        status = wal_add_file(wal, &scan.info, err);
    buffer_free(&scan.window.bytes);
    if (status == MQL_OK && is_last)
        wal->file = file;
    else
        file_close(&file);
    return status;
}

/* The number in "00000000000000000001.log"; 0: some other name. */
static uint64_t
parse_name(const char *name, const char *suffix)
{
    uint64_t first = 0;
    if (strlen(name) != 20 + strlen(suffix) || strcmp(name + 20, suffix) != 0)
        return 0;
    for (int i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9' ||
            __builtin_mul_overflow(first, 10u, &first) ||
            __builtin_add_overflow(first, (uint64_t)(name[i] - '0'), &first))
            return 0;
    }
    return first;
}

static mql_status
remove_file(const Wal *wal, uint64_t first, const char *suffix, Error *err)
{
    char *path = wal_file_path(wal, first, suffix);
    if (path == NULL)
        return error_no_memory(err);
    mql_status status = file_remove(wal->vfs, path, err);
    free(path);
    return status;
}

static int
compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The numbers of the log's files, in order, in `firsts`. What a crash left of a
 * file being made is removed; a name that is not ours is left alone. */
static mql_status
list_files(const Wal *wal, const Log *log, Buffer *firsts, Error *err)
{
    Buffer names = BUFFER_INIT;
    int result = wal->vfs->list(wal->vfs->context, wal->directory, &names);
    mql_status status = MQL_OK;
    if (result < 0)
        status = file_error(err, -result, "read directory", wal->directory);
    for (size_t at = 0; status == MQL_OK && at < names.size;
         at += strlen(names.data + at) + 1) {
        const char *name = names.data + at;
        uint64_t first = parse_name(name, ".log");
        uint64_t unfinished = parse_name(name, ".new");
        if (first != 0)
            buffer_append(firsts, &first, sizeof first);
        else if (unfinished != 0 && wal->is_read_only)
            continue;
        else if (unfinished != 0)
            status = remove_file(wal, unfinished, ".new", err);
        else
            log_write(log, "WARNING", "unknown file \"%s/%s\" is ignored",
                      wal->directory, name);
    }
    buffer_free(&names);
    if (status == MQL_OK && buffer_failed(firsts))
        status = error_no_memory(err);
    if (status == MQL_OK && firsts->size > 0)
        qsort(firsts->data, firsts->size / sizeof(uint64_t), sizeof(uint64_t),
              compare_u64);
    return status;
}

static uint64_t
first_at(const Buffer *firsts, size_t i)
{
    uint64_t first;
    memcpy(&first, firsts->data + i * sizeof first, sizeof first);
    return first;
}

/* Read files [start, count). */
static mql_status
recover_files(Wal *wal, const WalReplay *how, const Buffer *firsts,
              size_t start, Error *err)
{
    size_t count = firsts->size / sizeof(uint64_t);
    for (size_t i = start; i < count; i++) {
        uint64_t first = first_at(firsts, i);
        uint64_t expected = i == start ? first : wal_last_file(wal)->last + 1;
        if (first != expected || (i == start && first > how->after + 1))
            return error_corrupt(err, wal->directory, -1,
                                 "the log has commit %" PRIu64
                                 " where commit %" PRIu64 " was expected",
                                 first, i == start ? how->after + 1 : expected);
        TRY(recover_file(wal, how, first, i + 1 == count, err));
    }
    if (wal_last_file(wal)->last < how->after)
        return error_corrupt(err, wal->file.path,
                             (int64_t)wal_last_file(wal)->end,
                             "the log ends with commit %" PRIu64
                             ", but commit %" PRIu64 " was applied",
                             wal_last_file(wal)->last, how->after);
    return MQL_OK;
}

mql_status
wal_recover(Wal *wal, const WalReplay *how, Error *err)
{
    Buffer firsts = BUFFER_INIT;
    mql_status status = list_files(wal, how->log, &firsts, err);
    size_t count = firsts.size / sizeof(uint64_t);
    /* What a trim did not get to remove is older than needed. */
    size_t start = 0;
    while (status == MQL_OK && start + 1 < count &&
           first_at(&firsts, start + 1) <= how->after + 1)
        start++;
    if (status == MQL_OK && count == 0 && how->after > 0)
        status = error_corrupt(err, wal->directory, -1, "the log is missing");
    if (status == MQL_OK && count > 0)
        status = recover_files(wal, how, &firsts, start, err);
    for (size_t i = 0; status == MQL_OK && i < start && !wal->is_read_only; i++)
        status = remove_file(wal, first_at(&firsts, i), ".log", err);
    buffer_free(&firsts);
    return status;
}

/* ---- checking ---- */

static mql_status
check_records(Scan *scan, const WalExtent *extent, Error *err)
{
    TRY(read_file_header(scan, err));
    TRY(read_records(scan, err));
    if (scan->info.end == extent->end && scan->info.last == extent->last)
        return MQL_OK;
    return error_corrupt(err, scan->window.file->path, (int64_t)scan->info.end,
                         "the log is damaged after commit %" PRIu64
                         ", its last is %" PRIu64,
                         scan->info.last, extent->last);
}

mql_status
wal_check_file(const Wal *wal, const WalExtent *extent, File *file, Error *err)
{
    const WalReplay nothing = {.after = UINT64_MAX};
    Scan scan = {.wal = wal, .how = &nothing};
    scan.info.first = extent->first;
    scan.window = (Window){.file = file, .size = extent->end};
    mql_status status = check_records(&scan, extent, err);
    buffer_free(&scan.window.bytes);
    return status;
}

mql_status
wal_check(const Wal *wal, const WalExtent *extent, Error *err)
{
    File file;
    char *path = wal_file_path(wal, extent->first, ".log");
    if (path == NULL)
        return error_no_memory(err);
    mql_status status = file_open(wal->vfs, path, FILE_PLAIN, &file, err);
    free(path);
    if (status != MQL_OK)
        return status;
    status = wal_check_file(wal, extent, &file, err);
    file_close(&file);
    return status;
}
