/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_section_memory.c - sections in memory: the disk has no part in them any
 * more, they are right byte for byte, they are counted, and readers notice
 * nothing of it when they come and go.
 */
#include "files.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/guard.h"
#include "storage/section_file.h"

static const SectionFileIdentity identity = {0x1122334455667788, 42, 3};

#define LARGE_SIZE ((size_t)5 * 1024 * 1024 + 12345)
#define SMALL_SIZE ((size_t)3000)
#define SECTIONS 6u

typedef struct Fixture {
    char *directory;
    char *path;
    char *bytes;
    SectionMemory memory;
    SectionFile *file;
} Fixture;

/* The guard's handler of SIGBUS; cmocka puts its own there for each test. */
static struct sigaction guarding;

static void
take_handler(void)
{
    guard_remove(guard_add(&guarding, sizeof guarding));
    sigaction(SIGBUS, NULL, &guarding);
}

/* 0, 1, 3, 5 small, so that pages are shared; 2 and 4 large. */
static size_t
size_of(uint32_t number)
{
    return number == 2 || number == 4 ? LARGE_SIZE : SMALL_SIZE + number;
}

static size_t
size_of_all(void)
{
    size_t size = 0;
    for (uint32_t i = 0; i < SECTIONS; i++)
        size += size_of(i);
    return size;
}

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    fixture->directory = temporary_directory();
    fixture->path = path_in(fixture->directory, "1.seg");
    char *temporary = path_in(fixture->directory, "1.tmp");
    fixture->bytes = malloc(LARGE_SIZE);
    uint64_t seed = 9;
    for (size_t i = 0; i < LARGE_SIZE; i++)
        fixture->bytes[i] = (char)next_random(&seed);
    SectionWriter *writer;
    uint64_t size;
    OK(section_writer_create(&posix_vfs, temporary, identity, &writer, err));
    for (uint32_t i = 0; i < SECTIONS; i++)
        OK(section_write(writer, (SectionId){1, i}, fixture->bytes, size_of(i),
                         err));
    OK(section_writer_finish(writer, fixture->path, &size, err));
    free(temporary);
    atomic_store(&fixture->memory.limit, UINT64_MAX);
    OK(section_file_open(&posix_vfs, fixture->path, identity, &fixture->file,
                         err));
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    section_file_close(fixture->file);
    assert_int_equal(atomic_load(&fixture->memory.held), 0);
    remove_tree(fixture->directory);
    free(fixture->directory);
    free(fixture->path);
    free(fixture->bytes);
    free(fixture);
    return 0;
}

/* The context: bits of sections. */
static bool
is_among(const void *context, SectionId id)
{
    return (*(const uint32_t *)context >> id.number & 1) != 0;
}

#define ALL UINT32_C(0x3f)

static mql_status
hold(Fixture *fixture, uint32_t bits, Error *err)
{
    return section_file_hold(fixture->file, is_among, &bits, &fixture->memory,
                             err);
}

/* All but these. */
static void
let_go_but(Fixture *fixture, uint32_t bits)
{
    section_file_let_go(fixture->file, is_among, &bits);
}

static mql_status
read_section(Fixture *fixture, uint32_t number, Error *err)
{
    Section section;
    TRY(section_require(fixture->file, (SectionId){1, number}, size_of(number),
                        &section, err));
    assert_memory_equal(section.data, fixture->bytes, section.size);
    return section_file_intact(fixture->file, err);
}

static void
all_is_right(Fixture *fixture)
{
    for (uint32_t i = 0; i < SECTIONS; i++)
        OK(read_section(fixture, i, err));
}

/* Areas of the process that are mapped from the file. */
static uint32_t
count_mappings(const Fixture *fixture)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096];
    uint32_t count = 0;
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, fixture->path) != NULL;
    fclose(maps);
    return count;
}

/* Another hand takes all its bytes. */
static void
empty_file(const Fixture *fixture)
{
    sigaction(SIGBUS, &guarding, NULL);
    assert_int_equal(truncate(fixture->path, 0), 0);
}

static void
held_file_is_not_mapped_and_outlives_its_bytes(void **state)
{
    Fixture *fixture = *state;
    assert_int_equal(count_mappings(fixture), 1);
    OK(hold(fixture, ALL, err));
    assert_int_equal(count_mappings(fixture), 0);
    assert_int_equal(section_file_held(fixture->file), size_of_all());
    assert_int_equal(atomic_load(&fixture->memory.held), size_of_all());
    empty_file(fixture);
    all_is_right(fixture);
    /* Letting go of what is not there any more: it stays. */
    let_go_but(fixture, 0);
    all_is_right(fixture);
    assert_int_equal(section_file_held(fixture->file), size_of_all());
}

static void
mapped_file_needs_its_bytes(void **state)
{
    Fixture *fixture = *state;
    all_is_right(fixture);
    empty_file(fixture);
    assert_int_equal(count_mappings(fixture), 1);
    volatile char touched = 0;
    Section section;
    assert_true(section_find(fixture->file, (SectionId){1, 2}, &section));
    touched = section.data[0];
    (void)touched;
    FAILS("XX001", section_file_intact(fixture->file, err));
}

static void
one_section_is_held_and_others_are_not(void **state)
{
    Fixture *fixture = *state;
    OK(hold(fixture, 1u << 4, err));
    assert_true(count_mappings(fixture) >= 1);
    assert_int_equal(section_file_held(fixture->file), LARGE_SIZE);
    empty_file(fixture);
    OK(read_section(fixture, 4, err));
    FAILS("XX001", read_section(fixture, 2, err));
}

/* Every set of sections, and from it to every other: pages that two of them
 * share go to and fro. */
static void
any_set_follows_any_other(void **state)
{
    Fixture *fixture = *state;
    uint64_t seed = 3;
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t bits = (uint32_t)next_random(&seed) & ALL;
        OK(hold(fixture, bits, err));
        all_is_right(fixture);
        let_go_but(fixture, bits);
        all_is_right(fixture);
        size_t expected = 0;
        for (uint32_t k = 0; k < SECTIONS; k++)
            expected += (bits >> k & 1) != 0 ? size_of(k) : 0;
        assert_int_equal(section_file_held(fixture->file), expected);
        assert_int_equal(atomic_load(&fixture->memory.held), expected);
    }
    let_go_but(fixture, 0);
    assert_int_equal(count_mappings(fixture), 1);
    OK(section_file_check(fixture->file, err));
}

static void
what_is_let_go_is_verified_anew(void **state)
{
    Fixture *fixture = *state;
    OK(hold(fixture, ALL, err));
    Bytes bytes = read_file(fixture->path);
    FILE *file = fopen(fixture->path, "r+");
    long offset = 2 * 1024 * 1024 + 70000; /* in section 2 */
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fputc(bytes.data[offset] ^ 1, file) == EOF, 0);
    assert_int_equal(fclose(file), 0);
    all_is_right(fixture);
    let_go_but(fixture, 1u << 4);
    OK(read_section(fixture, 4, err));
    OK(read_section(fixture, 1, err));
    FAILS("XX001", read_section(fixture, 2, err));
    free(bytes.data);
}

static void
damage_is_not_held(void **state)
{
    Fixture *fixture = *state;
    FILE *file = fopen(fixture->path, "r+");
    long offset = 2 * 1024 * 1024 + 70000;
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 1, file) == EOF, 0);
    assert_int_equal(fclose(file), 0);
    FAILS("XX001", hold(fixture, ALL, err));
    assert_int_equal(section_file_held(fixture->file), 0);
    assert_int_equal(atomic_load(&fixture->memory.held), 0);
    OK(hold(fixture, ALL & ~(1u << 2), err));
    OK(read_section(fixture, 4, err));
}

static void
limit_is_kept(void **state)
{
    Fixture *fixture = *state;
    atomic_store(&fixture->memory.limit, LARGE_SIZE + SMALL_SIZE + 1);
    OK(hold(fixture, 1u << 2, err));
    FAILS("53200", hold(fixture, 1u << 4, err));
    assert_int_equal(atomic_load(&fixture->memory.held), LARGE_SIZE);
    assert_int_equal(section_file_held(fixture->file), LARGE_SIZE);
    OK(hold(fixture, 1u << 1, err));
    OK(hold(fixture, (1u << 2) | (1u << 1), err)); /* nothing new */
    all_is_right(fixture);
}

/* ---- readers ---- */

typedef struct Readers {
    Fixture *fixture;
    atomic_bool is_over;
    _Atomic uint64_t rounds;
} Readers;

static void *
read_on(void *argument)
{
    Readers *readers = argument;
    Section section;
    assert_true(
        section_find(readers->fixture->file, (SectionId){1, 2}, &section));
    while (!atomic_load(&readers->is_over)) {
        OK(section_verify(readers->fixture->file, &section, 0, section.size,
                          err));
        assert_int_equal(
            memcmp(section.data, readers->fixture->bytes, section.size), 0);
        atomic_fetch_add(&readers->rounds, 1);
    }
    return NULL;
}

static void
readers_notice_nothing(void **state)
{
    Readers readers = {.fixture = *state};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, read_on, &readers);
    for (int i = 0; i < 20 || atomic_load(&readers.rounds) < 9; i++) {
        OK(hold(readers.fixture, ALL, err));
        let_go_but(readers.fixture, 0);
    }
    atomic_store(&readers.is_over, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

int
main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(held_file_is_not_mapped_and_outlives_its_bytes),
        EACH(mapped_file_needs_its_bytes),
        EACH(one_section_is_held_and_others_are_not),
        EACH(any_set_follows_any_other),
        EACH(what_is_let_go_is_verified_anew),
        EACH(damage_is_not_held),
        EACH(limit_is_kept),
        EACH(readers_notice_nothing),
    };
    take_handler();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
