/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_wal.c - commits come back in order; a torn tail is cut, damage before it
 * is refused; a failed write leaves no trace and a failed sync kills the log.
 */
#include "files.h"

#include "base/buffer.h"
#include "storage/lock.h"
#include "storage/wal.h"

#define DATABASE UINT64_C(0xABCDEF0123456789)
#define HEADER_SIZE 64u
#define RECORD_SIZE 56u

/* What the replay has seen. */
typedef struct Seen {
    uint64_t count;
    uint64_t first;
    uint64_t last;
    bool is_wrong;
} Seen;

/* Payload of commit `sequence`: its length and bytes follow from the number. */
static size_t
make_payload(uint64_t sequence, char *payload)
{
    uint64_t seed = sequence * 2654435761u + 1;
    size_t size = (size_t)(next_random(&seed) % 200);
    if (sequence % 7 == 0)
        size = 0;
    for (size_t i = 0; i < size; i++)
        payload[i] = (char)next_random(&seed);
    return size;
}

static mql_status
remember(void *context, const WalRecord *record, Error *err)
{
    (void)err;
    Seen *seen = context;
    char payload[256];
    size_t size = make_payload(record->sequence, payload);
    if (seen->count == 0)
        seen->first = record->sequence;
    else if (record->sequence != seen->last + 1)
        seen->is_wrong = true;
    seen->count++;
    seen->last = record->sequence;
    if (record->time != (int64_t)record->sequence * 1000 ||
        !slice_equal(record->payload, (Slice){payload, size}))
        seen->is_wrong = true;
    return MQL_OK;
}

static void
keep_line(void *context, const char *severity, const char *message)
{
    buffer_printf(context, "%s: %s\n", severity, message);
}

typedef struct Fixture {
    char *directory;
    Wal *wal;
    uint64_t last;
    Seen seen;
    Buffer lines;
    Log log;
    Vfs vfs; /* posix, or with a fault */
} Fixture;

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    fixture->directory = temporary_directory();
    fixture->log = (Log){keep_line, &fixture->lines};
    fixture->vfs = posix_vfs;
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    wal_close(fixture->wal);
    remove_tree(fixture->directory);
    free(fixture->directory);
    buffer_free(&fixture->lines);
    free(fixture);
    return 0;
}

static mql_status
open_log(Fixture *fixture, uint64_t after, Error *err)
{
    wal_close(fixture->wal);
    fixture->wal = NULL;
    fixture->seen = (Seen){0};
    buffer_clear(&fixture->lines);
    return wal_open(&fixture->vfs, fixture->directory, DATABASE, after,
                    remember, &fixture->seen, &fixture->log, &fixture->wal,
                    &fixture->last, err);
}

static mql_status
commit(Fixture *fixture, uint64_t sequence, Error *err)
{
    char payload[256];
    size_t size = make_payload(sequence, payload);
    WalRecord record = {sequence, (int64_t)sequence * 1000, {payload, size}};
    return wal_commit(fixture->wal, &record, err);
}

static void
commit_range(Fixture *fixture, uint64_t first, uint64_t last)
{
    for (uint64_t sequence = first; sequence <= last; sequence++)
        OK(commit(fixture, sequence, err));
}

/* Leave without the mark that wal_close() makes, as a killed process does:
 * the bytes as they are now come back after closing. */
static void
kill_log(Fixture *fixture, const char *name)
{
    char *path = path_in(fixture->directory, name);
    Bytes bytes = read_file(path);
    wal_close(fixture->wal);
    fixture->wal = NULL;
    write_file(path, bytes.data, bytes.size);
    free(bytes.data);
    free(path);
}

static size_t
record_size(uint64_t sequence)
{
    char payload[256];
    return RECORD_SIZE + (make_payload(sequence, payload) + 7) / 8 * 8;
}

static size_t
record_offset(uint64_t sequence)
{
    size_t offset = HEADER_SIZE;
    for (uint64_t i = 1; i < sequence; i++)
        offset += record_size(i);
    return offset;
}

#define FIRST_FILE "00000000000000000001.log"

static void
commits_come_back(void **state)
{
    Fixture *fixture = *state;
    OK(open_log(fixture, 0, err));
    assert_int_equal(fixture->last, 0);
    assert_int_equal(wal_size(fixture->wal), 0);
    commit_range(fixture, 1, 3000);
    assert_int_equal(wal_size(fixture->wal), record_offset(3001) - HEADER_SIZE);
    OK(open_log(fixture, 0, err));
    assert_int_equal(fixture->last, 3000);
    assert_int_equal(fixture->seen.count, 3000);
    assert_int_equal(fixture->seen.first, 1);
    assert_false(fixture->seen.is_wrong);
    assert_string_equal(buffer_text(&fixture->lines), "");
    commit_range(fixture, 3001, 3010);
    OK(open_log(fixture, 2995, err));
    assert_int_equal(fixture->seen.first, 2996);
    assert_int_equal(fixture->seen.count, 15);
    OK(open_log(fixture, 3010, err));
    assert_int_equal(fixture->seen.count, 0);
    assert_int_equal(fixture->last, 3010);
}

/* Opening and closing without a commit does not let the file grow. */
static void
opening_changes_nothing(void **state)
{
    Fixture *fixture = *state;
    OK(open_log(fixture, 0, err));
    commit_range(fixture, 1, 5);
    OK(open_log(fixture, 0, err));
    uint64_t size = wal_size(fixture->wal);
    for (int i = 0; i < 5; i++)
        OK(open_log(fixture, 0, err));
    assert_int_equal(wal_size(fixture->wal), size);
}

static void
large_payloads(void **state)
{
    Fixture *fixture = *state;
    static const size_t sizes[] = {65536, 65537, 1 << 20, (9 << 20) + 3};
    Buffer payload = BUFFER_INIT;
    OK(open_log(fixture, 0, err));
    for (uint64_t i = 0; i < 4; i++) {
        buffer_clear(&payload);
        memset(buffer_reserve(&payload, sizes[i]), 'a' + (int)i, sizes[i]);
        payload.size = sizes[i];
        WalRecord record = {i + 1, 0, buffer_slice(&payload)};
        OK(wal_commit(fixture->wal, &record, err));
    }
    buffer_free(&payload);
    uint64_t size = wal_size(fixture->wal);
    OK(open_log(fixture, 0, err));
    assert_int_equal(fixture->seen.count, 4);
    assert_int_equal(fixture->last, 4);
    assert_in_range(wal_size(fixture->wal), size, size + RECORD_SIZE);
}

static void
sequences_are_consecutive(void **state)
{
    Fixture *fixture = *state;
    OK(open_log(fixture, 0, err));
    FAILS("XX000", commit(fixture, 2, err));
    OK(commit(fixture, 1, err));
    FAILS("XX000", commit(fixture, 1, err));
    OK(commit(fixture, 2, err));
}

/* The last record cut at every byte, followed by zeros, by garbage, and by the
 * end of the file. */
static void
torn_tail_is_cut(void **state)
{
    Fixture *fixture = *state;
    OK(open_log(fixture, 0, err));
    commit_range(fixture, 1, 5);
    kill_log(fixture, FIRST_FILE);
    char *path = path_in(fixture->directory, FIRST_FILE);
    Bytes bytes = read_file(path);
    char *torn = malloc(bytes.size);
    size_t start = record_offset(5);
    size_t end = record_offset(6);
    char payload[256];
    size_t payload_end = start + RECORD_SIZE + make_payload(5, payload);
    assert_true(payload_end < end); /* the padding may be anything */
    for (size_t at = start; at < end; at++) {
        for (int kind = 0; kind < 3; kind++) {
            memcpy(torn, bytes.data, bytes.size);
            memset(torn + at, kind == 1 ? 0xA5 : 0,
                   kind == 1 ? end - at : bytes.size - at);
            write_file(path, torn, kind == 2 ? at : bytes.size);
            bool is_whole = kind == 1   ? at >= payload_end
                            : kind == 0 ? memcmp(torn, bytes.data, end) == 0
                                        : false;
            OK(open_log(fixture, 0, err));
            assert_int_equal(fixture->last, is_whole ? 5 : 4);
            assert_int_equal(fixture->seen.count, is_whole ? 5 : 4);
            assert_false(fixture->seen.is_wrong);
            bool is_logged = strstr(buffer_text(&fixture->lines),
                                    "of an unfinished commit after commit 4");
            bool is_zero = true;
            for (size_t i = start; i < at; i++)
                is_zero = is_zero && torn[i] == 0;
            assert_int_equal(is_logged, !is_whole && !(is_zero && kind != 1));
            if (!is_whole)
                OK(commit(fixture, 5, err));
            OK(commit(fixture, 6, err));
            OK(open_log(fixture, 0, err));
            assert_int_equal(fixture->seen.count, 6);
            assert_false(fixture->seen.is_wrong);
            wal_close(fixture->wal);
            fixture->wal = NULL;
        }
    }
    free(torn);
    free(bytes.data);
    free(path);
}

/* Each byte of the file header and of a record in the middle. */
static void
damage_in_the_middle_is_refused(void **state)
{
    Fixture *fixture = *state;
    OK(open_log(fixture, 0, err));
    commit_range(fixture, 1, 6);
    kill_log(fixture, FIRST_FILE);
    char *path = path_in(fixture->directory, FIRST_FILE);
    Bytes bytes = read_file(path);
    uint64_t seed = 3;
    for (size_t i = 0; i < record_offset(6); i++) {
        char right = bytes.data[i];
        bytes.data[i] ^= (char)(1 << next_random(&seed) % 8);
        write_file(path, bytes.data, bytes.size);
        Error error = ERROR_INIT;
        mql_status status = open_log(fixture, 0, &error);
        if (status == MQL_OK) {
            /* only padding behind a payload may be anything */
            assert_int_equal(fixture->seen.count, 6);
            assert_false(fixture->seen.is_wrong);
            wal_close(fixture->wal);
            fixture->wal = NULL;
        } else {
            assert_string_equal(error.sqlstate, "XX001");
            Bytes after = read_file(path);
            assert_int_equal(after.size, bytes.size);
            assert_memory_equal(after.data, bytes.data, bytes.size);
            free(after.data);
        }
        bytes.data[i] = right;
    }
    free(bytes.data);
    free(path);
}

/* The mark of an orderly end makes damage to the last commit damage. */
static void
closed_log_has_no_torn_tail(void **state)
{
    Fixture *fixture = *state;
    OK(open_log(fixture, 0, err));
    commit_range(fixture, 1, 5);
    wal_close(fixture->wal);
    fixture->wal = NULL;
    char *path = path_in(fixture->directory, FIRST_FILE);
    Bytes bytes = read_file(path);
    for (size_t i = record_offset(5); i < record_offset(6); i++) {
        char right = bytes.data[i];
        bytes.data[i] ^= 0x10;
        write_file(path, bytes.data, bytes.size);
        Error error = ERROR_INIT;
        if (open_log(fixture, 0, &error) == MQL_OK)
            assert_int_equal(fixture->seen.count, 5);
        else
            assert_string_equal(error.sqlstate, "XX001");
        assert_false(fixture->seen.is_wrong);
        wal_close(fixture->wal);
        fixture->wal = NULL;
        bytes.data[i] = right;
    }
    free(bytes.data);
    free(path);
}

static void
lost_and_foreign_logs_are_refused(void **state)
{
    Fixture *fixture = *state;
    FAILS("XX001", open_log(fixture, 3, err)); /* no file at all */
    OK(open_log(fixture, 0, err));
    commit_range(fixture, 1, 5);
    FAILS("XX001", open_log(fixture, 6, err)); /* ends too early */
    uint64_t last;
    Wal *wal;
    FAILS("XX001", wal_open(&posix_vfs, fixture->directory, DATABASE + 1, 0,
                            remember, &fixture->seen, NULL, &wal, &last, err));
    char *path = path_in(fixture->directory, FIRST_FILE);
    char *other = path_in(fixture->directory, "00000000000000000003.log");
    assert_int_equal(rename(path, other), 0);
    FAILS("XX001", open_log(fixture, 2, err)); /* under another name */
    FAILS("XX001", open_log(fixture, 0, err));
    free(path);
    free(other);
}

static int
count_files(const Fixture *fixture)
{
    int count = 0;
    Buffer names = BUFFER_INIT;
    assert_int_equal(posix_vfs.list(NULL, fixture->directory, &names), 0);
    for (size_t i = 0; i < names.size; i++)
        count += names.data[i] == '\0';
    buffer_free(&names);
    return count;
}

static void
trim_removes_what_is_safe(void **state)
{
    Fixture *fixture = *state;
    OK(open_log(fixture, 0, err));
    OK(wal_trim(fixture->wal, 0, err));
    assert_int_equal(count_files(fixture), 1);
    commit_range(fixture, 1, 10);
    OK(wal_trim(fixture->wal, 4, err)); /* 5..10 are still needed */
    assert_int_equal(count_files(fixture), 2);
    OK(wal_trim(fixture->wal, 4, err)); /* nothing new */
    assert_int_equal(count_files(fixture), 2);
    commit_range(fixture, 11, 20);
    OK(open_log(fixture, 4, err));
    assert_int_equal(fixture->seen.count, 16);
    assert_int_equal(fixture->seen.first, 5);
    OK(wal_trim(fixture->wal, 20, err));
    assert_int_equal(count_files(fixture), 1);
    assert_int_equal(wal_size(fixture->wal), 0);
    OK(open_log(fixture, 20, err));
    assert_int_equal(fixture->last, 20);
    FAILS("XX001", open_log(fixture, 19, err)); /* 20 is gone */
    OK(open_log(fixture, 20, err));
    commit_range(fixture, 21, 22);
    OK(open_log(fixture, 20, err));
    assert_int_equal(fixture->seen.count, 2);
    assert_false(fixture->seen.is_wrong);
}

/* A trim that was stopped in the middle, and a file that never got ready. */
static void
leftovers_are_removed(void **state)
{
    Fixture *fixture = *state;
    OK(open_log(fixture, 0, err));
    commit_range(fixture, 1, 10);
    char *path = path_in(fixture->directory, FIRST_FILE);
    Bytes old = read_file(path);
    OK(wal_trim(fixture->wal, 10, err));
    write_file(path, old.data, old.size);
    char *unfinished = path_in(fixture->directory, "00000000000000000099.new");
    char *unknown = path_in(fixture->directory, "notes.txt");
    write_file(unfinished, "x", 1);
    write_file(unknown, "x", 1);
    OK(open_log(fixture, 10, err));
    assert_int_equal(fixture->seen.count, 0);
    assert_int_equal(count_files(fixture), 2);
    assert_int_equal(access(unknown, F_OK), 0);
    assert_non_null(strstr(buffer_text(&fixture->lines), "notes.txt"));
    free(old.data);
    free(path);
    free(unfinished);
    free(unknown);
}

/* The older of two files is lost. */
static void
gap_between_files_is_refused(void **state)
{
    Fixture *fixture = *state;
    OK(open_log(fixture, 0, err));
    commit_range(fixture, 1, 5);
    OK(wal_trim(fixture->wal, 3, err));
    commit_range(fixture, 6, 9);
    OK(open_log(fixture, 3, err));
    assert_int_equal(fixture->seen.count, 6);
    char *path = path_in(fixture->directory, FIRST_FILE);
    assert_int_equal(unlink(path), 0);
    FAILS("XX001", open_log(fixture, 3, err));
    FAILS("XX001", open_log(fixture, 4, err));
    OK(open_log(fixture, 5, err));
    assert_int_equal(fixture->seen.count, 4);
    free(path);
}

/* ---- faults: counters in the Vfs' context ---- */

typedef struct Fault {
    int write_in; /* the n-th pwrite from now fails half way; 0: none */
    int sync_in;
    int truncate_in;
} Fault;

static bool
is_due(int *counter)
{
    return *counter > 0 && --*counter == 0;
}

static ssize_t
faulty_pwrite(void *context, int fd, const void *data, size_t size,
              uint64_t offset)
{
    Fault *fault = context;
    if (is_due(&fault->write_in)) {
        (void)!pwrite(fd, data, size / 2, (off_t)offset);
        return -ENOSPC;
    }
    return posix_vfs.pwrite(NULL, fd, data, size, offset);
}

static int
faulty_fdatasync(void *context, int fd)
{
    Fault *fault = context;
    return is_due(&fault->sync_in) ? -EIO : posix_vfs.fdatasync(NULL, fd);
}

static int
faulty_ftruncate(void *context, int fd, uint64_t size)
{
    Fault *fault = context;
    return is_due(&fault->truncate_in) ? -EIO
                                       : posix_vfs.ftruncate(NULL, fd, size);
}

static void
plant(Fixture *fixture, Fault *fault)
{
    fixture->vfs.context = fault;
    fixture->vfs.pwrite = faulty_pwrite;
    fixture->vfs.fdatasync = faulty_fdatasync;
    fixture->vfs.ftruncate = faulty_ftruncate;
}

static void
full_disk_leaves_no_trace(void **state)
{
    Fixture *fixture = *state;
    Fault fault = {0};
    plant(fixture, &fault);
    OK(open_log(fixture, 0, err));
    for (uint64_t sequence = 1; sequence <= 20; sequence++) {
        fault.write_in = 1;
        /* the first may hit the room made ahead, which is no failure */
        Error error = ERROR_INIT;
        if (commit(fixture, sequence, &error) == MQL_OK)
            continue;
        assert_string_equal(error.sqlstate, "53100");
        OK(commit(fixture, sequence, err));
    }
    fault.write_in = 0;
    OK(open_log(fixture, 0, err));
    assert_int_equal(fixture->seen.count, 20);
    assert_false(fixture->seen.is_wrong);
}

static void
failed_sync_kills_the_log(void **state)
{
    Fixture *fixture = *state;
    Fault fault = {0};
    plant(fixture, &fault);
    OK(open_log(fixture, 0, err));
    commit_range(fixture, 1, 3);
    fault.sync_in = 1;
    FAILS("58030", commit(fixture, 4, err));
    FAILS("58030", commit(fixture, 4, err));
    FAILS("58030", wal_trim(fixture->wal, 3, err));
    OK(open_log(fixture, 0, err));
    assert_in_range(fixture->last, 3, 4);
    OK(commit(fixture, fixture->last + 1, err));
}

static void
failed_cleanup_kills_the_log(void **state)
{
    Fixture *fixture = *state;
    Fault fault = {0};
    plant(fixture, &fault);
    OK(open_log(fixture, 0, err));
    commit_range(fixture, 1, 3);
    fault.write_in = 1;
    fault.truncate_in = 1;
    FAILS("53100", commit(fixture, 4, err));
    FAILS("58030", commit(fixture, 4, err));
    OK(open_log(fixture, 0, err));
    assert_int_equal(fixture->last, 3);
    commit_range(fixture, 4, 5);
}

static void
failed_trim_can_be_opened_again(void **state)
{
    Fixture *fixture = *state;
    Fault fault = {0};
    plant(fixture, &fault);
    for (int i = 1; i < 6; i++) {
        OK(open_log(fixture, (uint64_t)i - 1, err));
        OK(commit(fixture, (uint64_t)i, err));
        fault.write_in = i;
        Error error = ERROR_INIT;
        (void)!wal_trim(fixture->wal, (uint64_t)i, &error);
        fault.write_in = 0;
    }
    OK(open_log(fixture, 5, err));
    assert_int_equal(fixture->last, 5);
}

static void
second_holder_is_told_about_the_first(void **state)
{
    Fixture *fixture = *state;
    File lock;
    File other;
    OK(lock_acquire(&posix_vfs, fixture->directory, &lock, err));
    Error error = ERROR_INIT;
    assert_int_equal(
        lock_acquire(&posix_vfs, fixture->directory, &other, &error),
        MQL_CONFLICT);
    assert_string_equal(error.sqlstate, "55006");
    assert_non_null(strstr(error.text, "is already open in this process"));
    file_close(&lock);
    OK(lock_acquire(&posix_vfs, fixture->directory, &lock, err));
    file_close(&lock);
}

int
main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(commits_come_back),
        EACH(opening_changes_nothing),
        EACH(large_payloads),
        EACH(sequences_are_consecutive),
        EACH(torn_tail_is_cut),
        EACH(damage_in_the_middle_is_refused),
        EACH(closed_log_has_no_torn_tail),
        EACH(lost_and_foreign_logs_are_refused),
        EACH(trim_removes_what_is_safe),
        EACH(leftovers_are_removed),
        EACH(gap_between_files_is_refused),
        EACH(full_disk_leaves_no_trace),
        EACH(failed_sync_kills_the_log),
        EACH(failed_cleanup_kills_the_log),
        EACH(failed_trim_can_be_opened_again),
        EACH(second_holder_is_told_about_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
