/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_section_file.c - what was written comes back, opening reads little, and
 * every damaged byte is noticed or harmless.
 */
#include "files.h"

#include <pthread.h>

#include "base/buffer.h"
#include "storage/section_file.h"

static const SectionFileIdentity identity = {0x1122334455667788, 42, 3};

#define LARGE_SIZE ((size_t)5 * 1024 * 1024 + 12345)

typedef struct Fixture {
    char *directory;
    char *path;
    char *temporary;
    char *large;
    uint64_t size;
} Fixture;

/* Sections 1.0 small, 1.1 empty, 2.0 large in odd pieces, 2.1 one large piece,
 * 3.9 exactly one block. */
static void
write_sections(SectionWriter *writer, const Fixture *fixture)
{
    OK(section_write(writer, (SectionId){1, 0}, "hello", 5, err));
    OK(section_begin(writer, (SectionId){1, 1}, err));
    OK(section_begin(writer, (SectionId){2, 0}, err));
    size_t piece = 1;
    for (size_t at = 0; at < LARGE_SIZE;) {
        size_t left = LARGE_SIZE - at;
        size_t size = piece < left ? piece : left;
        OK(section_append(writer, fixture->large + at, size, err));
        at += size;
        piece = piece * 3 % 300007;
    }
    OK(section_write(writer, (SectionId){2, 1}, fixture->large, LARGE_SIZE,
                     err));
    OK(section_write(writer, (SectionId){3, 9}, fixture->large,
                     SECTION_BLOCK_SIZE, err));
}

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    fixture->directory = temporary_directory();
    fixture->path = path_in(fixture->directory, "1.seg");
    fixture->temporary = path_in(fixture->directory, "1.tmp");
    fixture->large = malloc(LARGE_SIZE);
    uint64_t seed = 9;
    for (size_t i = 0; i < LARGE_SIZE; i++)
        fixture->large[i] = (char)next_random(&seed);
    SectionWriter *writer;
    OK(section_writer_create(&posix_vfs, fixture->temporary, identity, &writer,
                             err));
    write_sections(writer, fixture);
    OK(section_writer_finish(writer, fixture->path, &fixture->size, err));
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    remove_tree(fixture->directory);
    free(fixture->directory);
    free(fixture->path);
    free(fixture->temporary);
    free(fixture->large);
    free(fixture);
    return 0;
}

static void
sections_come_back(void **state)
{
    Fixture *fixture = *state;
    assert_int_equal(access(fixture->temporary, F_OK), -1);
    SectionFile *file;
    OK(section_file_open(&posix_vfs, fixture->path, identity, &file, err));
    assert_int_equal(section_file_size(file), fixture->size);
    assert_string_equal(section_file_path(file), fixture->path);
    assert_in_range(section_file_verified_bytes(file), 1, 8192);

    Section section;
    OK(section_require(file, (SectionId){1, 0}, 5, &section, err));
    assert_memory_equal(section.data, "hello", 5);
    OK(section_require(file, (SectionId){1, 1}, 0, &section, err));
    assert_null(section.data);
    for (uint32_t number = 0; number < 2; number++) {
        OK(section_require(file, (SectionId){2, number}, LARGE_SIZE, &section,
                           err));
        assert_int_equal((uintptr_t)section.data % 64, 0);
        assert_memory_equal(section.data, fixture->large, LARGE_SIZE);
    }
    OK(section_require(file, (SectionId){3, 9}, SIZE_MAX, &section, err));
    assert_int_equal(section.size, SECTION_BLOCK_SIZE);
    assert_false(section_find(file, (SectionId){9, 9}, &section));
    FAILS("XX001", section_require(file, (SectionId){9, 9}, 1, &section, err));
    FAILS("XX001", section_require(file, (SectionId){1, 0}, 4, &section, err));
    OK(section_file_check(file, err));
    section_file_close(file);
}

static void
blocks_are_verified_once_and_only_when_asked(void **state)
{
    Fixture *fixture = *state;
    SectionFile *file;
    Section section;
    OK(section_file_open(&posix_vfs, fixture->path, identity, &file, err));
    assert_true(section_find(file, (SectionId){2, 0}, &section));
    uint64_t before = section_file_verified_bytes(file);
    OK(section_verify(file, &section, SECTION_BLOCK_SIZE - 1, 1, err));
    uint64_t table = section_file_verified_bytes(file) - before;
    OK(section_verify(file, &section, 0, SECTION_BLOCK_SIZE, err));
    assert_int_equal(section_file_verified_bytes(file) - before, table);
    OK(section_verify(file, &section, SECTION_BLOCK_SIZE, 2, err));
    assert_int_equal(section_file_verified_bytes(file) - before,
                     table + SECTION_BLOCK_SIZE);
    OK(section_verify(file, &section, 0, 0, err));
    OK(section_verify(file, &section, LARGE_SIZE, 0, err));
    FAILS("XX001", section_verify(file, &section, LARGE_SIZE, 1, err));
    FAILS("XX001", section_verify(file, &section, 1, UINT64_MAX, err));
    section_file_close(file);
}

static void
the_last_blocks_are_verified_one_by_one(void **state)
{
    Fixture *fixture = *state;
    SectionFile *file;
    Section section;
    OK(section_file_open(&posix_vfs, fixture->path, identity, &file, err));
    assert_true(section_find(file, (SectionId){2, 0}, &section));
    uint64_t blocks =
        (section.size + SECTION_BLOCK_SIZE - 1) / SECTION_BLOCK_SIZE;
    uint64_t before = section_file_verified_bytes(file);
    OK(section_verify_rest(file, &section, err)); /* too early */
    assert_int_equal(section_file_verified_bytes(file), before);
    uint64_t half = blocks / 2 * SECTION_BLOCK_SIZE;
    OK(section_verify(file, &section, section.size - half, half, err));
    for (uint64_t i = 0; i < blocks && !section_is_verified(file, &section);
         i++)
        OK(section_verify_rest(file, &section, err));
    assert_true(section_is_verified(file, &section));
    before = section_file_verified_bytes(file);
    OK(section_verify(file, &section, 0, section.size, err));
    OK(section_verify_rest(file, &section, err));
    assert_int_equal(section_file_verified_bytes(file), before);
    section_file_close(file);
}

static void *
verify_everything(void *argument)
{
    SectionFile *file = argument;
    Section section;
    assert_true(section_find(file, (SectionId){2, 1}, &section));
    for (size_t at = 0; at < section.size; at += 1000)
        OK(section_verify(file, &section, at, 1, err));
    return NULL;
}

static void
threads_verify_together(void **state)
{
    Fixture *fixture = *state;
    SectionFile *file;
    OK(section_file_open(&posix_vfs, fixture->path, identity, &file, err));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, verify_everything, file);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    section_file_close(file);
}

static mql_status
open_with(const Fixture *fixture, SectionFileIdentity other, Error *err)
{
    SectionFile *file;
    mql_status status =
        section_file_open(&posix_vfs, fixture->path, other, &file, err);
    section_file_close(file);
    return status;
}

static void
foreign_files_are_refused(void **state)
{
    Fixture *fixture = *state;
    SectionFileIdentity other = identity;
    other.database++;
    FAILS("XX001", open_with(fixture, other, err));
    other = identity;
    other.file++;
    FAILS("XX001", open_with(fixture, other, err));
    other = identity;
    other.type++;
    FAILS("XX001", open_with(fixture, other, err));
    OK(open_with(fixture, identity, err));
}

/* A small file, so that each of its bytes can be damaged. */
static Bytes
small_file(const Fixture *fixture)
{
    SectionWriter *writer;
    uint64_t size;
    OK(section_writer_create(&posix_vfs, fixture->temporary, identity, &writer,
                             err));
    for (uint32_t i = 0; i < 3; i++)
        OK(section_write(writer, (SectionId){1, i}, fixture->large, 100 + i,
                         err));
    OK(section_writer_finish(writer, fixture->path, &size, err));
    return read_file(fixture->path);
}

/* Everything in the small file is as it was written. */
static mql_status
read_small(const Fixture *fixture, Error *err)
{
    SectionFile *file;
    TRY(section_file_open(&posix_vfs, fixture->path, identity, &file, err));
    mql_status status = MQL_OK;
    for (uint32_t i = 0; status == MQL_OK && i < 3; i++) {
        Section section;
        status =
            section_require(file, (SectionId){1, i}, 100 + i, &section, err);
        if (status == MQL_OK)
            assert_memory_equal(section.data, fixture->large, 100 + i);
    }
    section_file_close(file);
    return status;
}

static mql_status
check_small(const Fixture *fixture, Error *err)
{
    SectionFile *file;
    TRY(section_file_open(&posix_vfs, fixture->path, identity, &file, err));
    mql_status status = section_file_check(file, err);
    section_file_close(file);
    return status;
}

static void
every_flip_is_noticed(void **state)
{
    Fixture *fixture = *state;
    Bytes bytes = small_file(fixture);
    uint64_t seed = 5;
    size_t harmless = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        char right = bytes.data[i];
        bytes.data[i] ^= (char)(1 << next_random(&seed) % 8);
        write_file(fixture->path, bytes.data, bytes.size);
        Error error = ERROR_INIT;
        mql_status status = read_small(fixture, &error);
        harmless += status == MQL_OK;
        if (status != MQL_OK)
            assert_string_equal(error.sqlstate, "XX001");
        FAILS("XX001", check_small(fixture, err));
        bytes.data[i] = right;
    }
    /* the padding between sections */
    assert_in_range(harmless, 1, 5 * 64);
    write_file(fixture->path, bytes.data, bytes.size);
    OK(read_small(fixture, err));
    free(bytes.data);
}

static void
every_truncation_is_noticed(void **state)
{
    Fixture *fixture = *state;
    Bytes bytes = small_file(fixture);
    for (size_t size = 0; size < bytes.size; size++) {
        write_file(fixture->path, bytes.data, size);
        FAILS("XX001", read_small(fixture, err));
    }
    char *longer = calloc(1, bytes.size + 64);
    memcpy(longer, bytes.data, bytes.size);
    write_file(fixture->path, longer, bytes.size + 64);
    FAILS("XX001", read_small(fixture, err));
    free(longer);
    free(bytes.data);
}

static void
damage_is_found_where_it_is_touched(void **state)
{
    Fixture *fixture = *state;
    Bytes bytes = read_file(fixture->path);
    SectionFile *file;
    Section section;
    /* the large sections stand at 2 MiB */
    size_t offset = (size_t)2 * 1024 * 1024 + 3 * SECTION_BLOCK_SIZE + 7;
    bytes.data[offset] ^= 1;
    write_file(fixture->path, bytes.data, bytes.size);
    OK(section_file_open(&posix_vfs, fixture->path, identity, &file, err));
    assert_true(section_find(file, (SectionId){2, 0}, &section));
    OK(section_verify(file, &section, 0, 3 * SECTION_BLOCK_SIZE, err));
    FAILS("XX001",
          section_verify(file, &section, 3 * SECTION_BLOCK_SIZE, 1, err));
    FAILS("XX001", section_verify(file, &section, 0, section.size, err));
    OK(section_verify(file, &section, 4 * SECTION_BLOCK_SIZE, 9, err));
    FAILS("XX001", section_file_check(file, err));
    section_file_close(file);
    free(bytes.data);
}

static void
writer_refuses_misuse(void **state)
{
    Fixture *fixture = *state;
    SectionWriter *writer;
    OK(section_writer_create(&posix_vfs, fixture->temporary, identity, &writer,
                             err));
    FAILS("XX000", section_append(writer, "x", 1, err));
    OK(section_begin(writer, (SectionId){1, 1}, err));
    FAILS("XX000", section_begin(writer, (SectionId){1, 1}, err));
    section_writer_abort(writer);
    section_writer_abort(NULL);
    assert_int_equal(access(fixture->temporary, F_OK), -1);
    FAILS("58P01", section_writer_create(&posix_vfs, "/nowhere/at/all",
                                         identity, &writer, err));
}

static void
empty_file_is_a_file(void **state)
{
    Fixture *fixture = *state;
    SectionWriter *writer;
    uint64_t size;
    OK(section_writer_create(&posix_vfs, fixture->temporary, identity, &writer,
                             err));
    OK(section_writer_finish(writer, fixture->path, &size, err));
    assert_int_equal(size, 4096 + 64);
    OK(check_small(fixture, err));
}

int
main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(sections_come_back),
        EACH(blocks_are_verified_once_and_only_when_asked),
        EACH(the_last_blocks_are_verified_one_by_one),
        EACH(threads_verify_together),
        EACH(foreign_files_are_refused),
        EACH(every_flip_is_noticed),
        EACH(every_truncation_is_noticed),
        EACH(damage_is_found_where_it_is_touched),
        EACH(writer_refuses_misuse),
        EACH(empty_file_is_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
