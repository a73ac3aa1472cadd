/* SPDX-License-Identifier: Apache-2.0 */
/* test_base.c - arena, errors, buffers, bits, maps, UTF-8, threads, paths. */
#include "files.h"

#include <stdatomic.h>

#include "base/arena.h"
#include "base/bits.h"
#include "base/buffer.h"
#include "base/checksum.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/pool.h"
#include "base/utf8.h"

static void
arena_hands_out_zeroed_aligned_memory(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    for (size_t size = 0; size < 3000; size += 7) {
        unsigned char *object = arena_alloc(&arena, size);
        assert_non_null(object);
        assert_int_equal((uintptr_t)object % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(object[i], 0);
        if (size > 0)
            memset(object, 0xFF, size);
    }
    assert_non_null(arena_alloc(&arena, 5u << 20));
    arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    unsigned char *again = arena_alloc(&arena, 64);
    assert_int_equal(again[0], 0);
    arena_free(&arena);
}

static void
arena_keeps_its_limit(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 10000);
    assert_null(arena_alloc(&arena, 10001));
    assert_non_null(arena_alloc(&arena, 5000));
    assert_null(arena_alloc(&arena, 6000));
    assert_null(arena_alloc_array(&arena, SIZE_MAX / 2, 4));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    arena_reset(&arena);
    assert_non_null(arena_alloc(&arena, 6000));
    arena_free(&arena);
}

static void
arenas_share_spare_blocks(void **state)
{
    (void)state;
    ArenaSpares spares = {NULL, 0};
    Arena one = {.limit = 1u << 20, .spares = &spares}, two;
    assert_non_null(arena_alloc(&one, 100));
    arena_init_like(&two, &one);
    assert_int_equal(two.limit, one.limit);
    unsigned char *object = arena_alloc(&two, 3000);
    memset(object, 7, 3000);
    arena_free(&two);
    assert_int_equal(spares.count, 1);
    arena_init_like(&two, &one);
    unsigned char *again = arena_alloc(&two, 3000);
    assert_ptr_equal(again, object);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(again[i], 0);
    assert_int_equal(spares.count, 0);
    /* What does not fit a spare block gets one of its own. */
    arena_free(&two);
    assert_non_null(arena_alloc(&two, 9000));
    assert_int_equal(spares.count, 1);
    /* Neither large ones nor many are kept. */
    Arena many[20];
    for (size_t i = 0; i < 20; i++) {
        arena_init_like(&many[i], &one);
        assert_non_null(arena_alloc(&many[i], i == 0 ? 200000 : 10));
    }
    for (size_t i = 0; i < 20; i++)
        arena_free(&many[i]);
    assert_in_range(spares.count, 2, 19);
    arena_free(&two);
    arena_free(&one);
    arena_spares_free(&spares);
    assert_null(spares.blocks);
}

/* A leak, or memory that is freed twice, is the sanitizer's to see. */
static void
arena_adopts(void **state)
{
    (void)state;
    Arena arena;
    void *one = malloc(3000), *other = malloc(7000), *refused = malloc(8000);
    arena_init(&arena, 15000);
    assert_true(arena_adopt(&arena, one, 3000));
    assert_true(arena_adopt(&arena, other, 7000));
    assert_false(arena_adopt(&arena, refused, 8000));
    assert_null(arena_alloc(&arena, 5000));
    arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    assert_true(arena_adopt(&arena, refused, 8000));
    arena_free(&arena);
}

static void
arena_copies(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    char *copy = arena_copy(&arena, "abcdef", 3);
    assert_string_equal(copy, "abc");
    Slice empty = arena_copy_slice(&arena, (Slice){NULL, 0});
    assert_non_null(empty.data);
    assert_int_equal(empty.size, 0);
    assert_null(arena_copy(&arena, "", SIZE_MAX));
    arena_free(&arena);
}

static void
first_error_wins(void **state)
{
    (void)state;
    Error err = ERROR_INIT;
    assert_int_equal(error_at(&err, ERR_SYNTAX_ERROR, 7, "near \"%s\"", "x"),
                     MQL_SYNTAX);
    assert_int_equal(error_set(&err, ERR_DISK_FULL, "other"), MQL_SYNTAX);
    assert_int_equal(error_hint(&err, "Try."), MQL_SYNTAX);
    assert_int_equal(error_hint(&err, "Not."), MQL_SYNTAX);
    error_locate(&err, 9);
    assert_string_equal(err.sqlstate, "42601");
    assert_string_equal(err.text, "near \"x\"");
    assert_string_equal(err.hint, "Try.");
    assert_int_equal(err.position, 7);
    error_clear(&err);
    assert_int_equal(error_corrupt(&err, "f", 12, "bad"), MQL_CORRUPT);
    assert_string_equal(err.detail, "File \"f\", offset 12.");
    assert_int_equal(error_set(NULL, ERR_DISK_FULL, "none"), MQL_FULL);
}

static void
long_error_ends_with_a_character(void **state)
{
    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        char text[2000];
        memset(text, 'a', sizeof text);
        for (size_t i = (size_t)shift; i + 3 < sizeof text - 1; i += 3)
            memcpy(text + i, "\xE2\x82\xAC", 3);
        text[sizeof text - 2] = '\0';
        Error err = ERROR_INIT;
        error_set(&err, ERR_INTERNAL_ERROR, "%s", text);
        size_t size = strlen(err.text);
        assert_in_range(size, ERROR_TEXT_SIZE - 4, ERROR_TEXT_SIZE - 1);
        assert_true(utf8_valid(err.text, size, NULL));
    }
}

static void
buffer_and_reader_agree(void **state)
{
    (void)state;
    Buffer buffer = BUFFER_INIT;
    buffer_append_u8(&buffer, 0xAB);
    buffer_append_u16(&buffer, 0x1234);
    buffer_append_u32(&buffer, 0xDEADBEEF);
    buffer_append_u64(&buffer, 0x0102030405060708);
    buffer_append_f64(&buffer, -1.5);
    buffer_append_sized(&buffer, SLICE_LITERAL("text"));
    buffer_printf(&buffer, "%d-%s", 42, "x");
    assert_int_equal((unsigned char)buffer.data[1], 0x34);

    Reader reader = reader_of(buffer_slice(&buffer));
    assert_int_equal(read_u8(&reader), 0xAB);
    assert_int_equal(read_u16(&reader), 0x1234);
    assert_int_equal(read_u32(&reader), 0xDEADBEEF);
    assert_int_equal(read_u64(&reader), 0x0102030405060708);
    assert_true(read_f64(&reader) == -1.5);
    assert_true(slice_equal(read_sized(&reader), SLICE_LITERAL("text")));
    assert_true(slice_equal(read_bytes(&reader, 4), SLICE_LITERAL("42-x")));
    assert_int_equal(reader_left(&reader), 0);
    assert_false(reader.failed);
    assert_int_equal(read_u8(&reader), 0);
    assert_true(reader.failed);
    buffer_free(&buffer);
    assert_string_equal(buffer_text(&buffer), "");
    buffer_free(&buffer);
}

static void
reader_trusts_no_length(void **state)
{
    (void)state;
    Reader reader = reader_of(SLICE_LITERAL("\xFF\xFF\xFF\xFFxyz"));
    assert_int_equal(read_sized(&reader).size, 0);
    assert_true(reader.failed);
    assert_int_equal(read_u8(&reader), 0);
}

static void
buffer_failure_is_sticky(void **state)
{
    (void)state;
    Buffer buffer = BUFFER_INIT;
    buffer_append_text(&buffer, "a");
    assert_null(buffer_reserve(&buffer, SIZE_MAX));
    buffer_append_text(&buffer, "b");
    assert_true(buffer_failed(&buffer));
    assert_int_equal(buffer.size, 1);
    buffer_clear(&buffer);
    assert_false(buffer_failed(&buffer));
    buffer_free(&buffer);
}

static void
bits_match_a_plain_loop(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 300; round++) {
        uint64_t words[80] = {0};
        bool plain[5120] = {false};
        size_t bits = 1 + next_random(&seed) % 5120;
        size_t first = next_random(&seed) % bits;
        size_t count = next_random(&seed) % (bits - first + 1);
        bits_set_range(words, first, count);
        for (size_t i = first; i < first + count; i++)
            plain[i] = true;
        size_t single = next_random(&seed) % bits;
        bits_clear(words, single);
        plain[single] = false;

        size_t expected = 0;
        for (size_t i = 0; i < bits; i++)
            expected += plain[i];
        assert_int_equal(bits_count(words, bits), expected);
        size_t from = 0;
        size_t seen = 0;
        uint32_t positions[200];
        uint32_t got;
        uint32_t most = 1 + (uint32_t)(next_random(&seed) % 200);
        while ((got = bits_collect(words, bits, &from, positions, most)) > 0) {
            for (uint32_t i = 0; i < got; i++)
                assert_true(plain[positions[i]]);
            seen += got;
        }
        assert_int_equal(seen, expected);
        assert_int_equal(from, bits);

        uint32_t kept = 0;
        for (size_t i = first; i < first + count && kept < 200; i++)
            if (next_random(&seed) % 3 == 0)
                positions[kept++] = (uint32_t)i;
        bits_replace(words, first, first + count, positions, kept);
        memset(plain + first, 0, count * sizeof *plain);
        for (uint32_t i = 0; i < kept; i++)
            plain[positions[i]] = true;
        for (size_t i = 0; i < bits; i++)
            assert_int_equal(bits_get(words, i), plain[i]);

        uint8_t bytes[5120];
        for (size_t i = 0; i < count; i++) {
            bytes[i] = next_random(&seed) % 2;
            plain[first + i] = bytes[i];
        }
        bits_from_bytes(words, first, bytes, (uint32_t)count);
        for (size_t i = 0; i < bits; i++)
            assert_int_equal(bits_get(words, i), plain[i]);
    }
}

static void
map_matches_an_array(void **state)
{
    (void)state;
    enum { KEYS = 997 };
    Map map = MAP_INIT;
    uint64_t values[KEYS] = {0}; /* 0: not there */
    uint64_t seed = 2;
    size_t count = 0;
    for (int i = 0; i < 200000; i++) {
        uint64_t key = next_random(&seed) % KEYS;
        if (next_random(&seed) % 2 == 0) {
            count += values[key] == 0;
            values[key] = next_random(&seed) | 1;
            assert_true(map_put_u64(&map, key * 4096, values[key]));
        } else {
            assert_int_equal(map_remove_u64(&map, key * 4096),
                             values[key] != 0);
            count -= values[key] != 0;
            values[key] = 0;
        }
        assert_int_equal(map.count, count);
    }
    for (uint64_t key = 0; key < KEYS; key++) {
        uint64_t *value = map_find_u64(&map, key * 4096);
        assert_int_equal(value == NULL ? 0 : *value, values[key]);
    }
    assert_in_range(map.capacity, 1, 4096);
    map_free(&map);
    assert_null(map_find_u64(&map, 0));
}

static void
map_keys_may_be_any_bytes(void **state)
{
    (void)state;
    Map map = MAP_INIT;
    static const char *const keys[] = {"", "a", "b", "ab", "ba", "abc"};
    for (uint64_t i = 0; i < 6; i++)
        assert_true(map_put_bytes(&map, slice_of(keys[i]), i));
    assert_true(map_put_bytes(&map, (Slice){"a\0b", 3}, 99));
    for (uint64_t i = 0; i < 6; i++)
        assert_int_equal(*map_find_bytes(&map, slice_of(keys[i])), i);
    assert_int_equal(*map_find_bytes(&map, (Slice){"a\0b", 3}), 99);
    assert_int_equal(*map_find_bytes(&map, (Slice){NULL, 0}), 0);
    assert_true(map_remove_bytes(&map, (Slice){"", 0}));
    assert_false(map_remove_bytes(&map, (Slice){"", 0}));
    assert_null(map_find_bytes(&map, SLICE_LITERAL("c")));
    map_free(&map);
}

static void
slices_compare(void **state)
{
    (void)state;
    assert_true(
        slice_equal_nocase(SLICE_LITERAL("AbZ@[9"), SLICE_LITERAL("aBz@[9")));
    assert_false(slice_equal_nocase(SLICE_LITERAL("@"), SLICE_LITERAL("`")));
    assert_false(slice_equal_nocase(SLICE_LITERAL("a"), SLICE_LITERAL("ab")));
    assert_true(slice_compare(SLICE_LITERAL("a"), SLICE_LITERAL("ab")) < 0);
    assert_true(slice_compare(SLICE_LITERAL("\xFF"), SLICE_LITERAL("a")) > 0);
}

/* Every code point, and all that is none, by the definition. */
static void
utf8_round_trip(void **state)
{
    (void)state;
    for (uint32_t point = 0; point < 0x110100; point++) {
        char text[16] = "ascii123";
        size_t size = utf8_encode(point, text + 8);
        bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
        assert_int_equal(size == 0, point > 0x10FFFF || is_surrogate);
        if (size == 0)
            continue;
        assert_true(utf8_valid(text, 8 + size, NULL));
        assert_int_equal(utf8_size(text + 8), size);
        assert_int_equal(utf8_length(text, 8 + size), 9);
        size_t bad = 0;
        if (size > 1) {
            assert_false(utf8_valid(text, 8 + size - 1, &bad));
            assert_int_equal(bad, 8);
        }
    }
}

static void
utf8_refuses(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\x80",
        "\xC0\x80",
        "\xC1\xBF",
        "\xE0\x9F\xBF",
        "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF",
        "\xF5\x80\x80\x80",
        "\xF4\x90\x80\x80",
        "\xC3(",
        "\xE2\x82(",
        "\xFF",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        size_t bad = 99;
        assert_false(utf8_valid(wrong[i], strlen(wrong[i]), &bad));
        assert_int_equal(bad, 0);
    }
}

static void
checksum_depends_on_every_key(void **state)
{
    (void)state;
    char data[1000];
    memset(data, 7, sizeof data);
    uint64_t sum = checksum_keyed((ChecksumKey){1, 2, 3}, data, sizeof data);
    assert_true(sum ==
                checksum_keyed((ChecksumKey){1, 2, 3}, data, sizeof data));
    assert_true(sum !=
                checksum_keyed((ChecksumKey){2, 2, 3}, data, sizeof data));
    assert_true(sum !=
                checksum_keyed((ChecksumKey){1, 3, 3}, data, sizeof data));
    assert_true(sum !=
                checksum_keyed((ChecksumKey){1, 2, 4}, data, sizeof data));
    /* it is on disk: it must never change */
    assert_int_equal(checksum_keyed((ChecksumKey){1, 2, 3}, "abc", 3),
                     UINT64_C(0xEACF5FC56F88EC58));
}

typedef struct Sum {
    atomic_uint_least64_t total;
    atomic_int inside[64];
    uint64_t bad; /* the piece that fails, 0: none */
} Sum;

static mql_status
add_piece(void *context, uint32_t thread, uint64_t first, uint64_t count,
          Error *err)
{
    Sum *sum = context;
    assert_int_equal(atomic_fetch_add(&sum->inside[thread], 1), 0);
    for (uint64_t i = first; i < first + count; i++)
        atomic_fetch_add(&sum->total, i);
    atomic_fetch_sub(&sum->inside[thread], 1);
    if (sum->bad != 0 && first <= sum->bad && sum->bad < first + count)
        return error_set(err, ERR_DISK_FULL, "piece %d", (int)sum->bad);
    return MQL_OK;
}

static void
pool_does_all_pieces_once(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= 5; threads++) {
        Pool *pool;
        OK(pool_create(threads, &pool, err));
        assert_int_equal(pool_threads(pool), threads);
        for (uint64_t total = 0; total < 2000; total = total * 2 + 1) {
            Sum sum = {.bad = 0};
            OK(pool_run(pool, total, 1 + total / 7, add_piece, &sum, err));
            uint64_t expected = total == 0 ? 0 : total * (total - 1) / 2;
            assert_int_equal(atomic_load(&sum.total), expected);
        }
        pool_destroy(pool);
    }
    pool_destroy(NULL);
}

static void
pool_reports_the_failure(void **state)
{
    (void)state;
    Pool *pool;
    OK(pool_create(3, &pool, err));
    for (int i = 0; i < 200; i++) {
        Sum sum = {.bad = 77};
        Error err = ERROR_INIT;
        assert_int_equal(pool_run(pool, 1000, 10, add_piece, &sum, &err),
                         MQL_FULL);
        assert_string_equal(err.text, "piece 77");
    }
    pool_destroy(pool);
}

static void
paths_stay_below(void **state)
{
    (void)state;
    char *path = path_join("a/b", "c.log");
    assert_string_equal(path, "a/b/c.log");
    free(path);
    path = path_join("/", "x");
    assert_string_equal(path, "/x");
    free(path);
    static const char *const hostile[] = {"", ".", "..", "a/b", "/a", "..x"};
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        assert_null(path_join("d", hostile[i]));
}

static void
files_read_what_was_written(void **state)
{
    (void)state;
    char *directory = temporary_directory();
    char *path = path_in(directory, "f");
    File file;
    FAILS("58P01", file_open(&posix_vfs, path, FILE_READ, &file, err));
    FAILS("58P01", file_open(&posix_vfs, path, FILE_UPDATE, &file, err));
    OK(file_open(&posix_vfs, path, FILE_CREATE, &file, err));
    OK(file_write(&file, "hello", 5, 10, err));
    OK(file_sync(&file, err));
    uint64_t size;
    OK(file_size(&file, &size, err));
    assert_int_equal(size, 15);
    char text[6] = "";
    OK(file_read(&file, text, 5, 10, err));
    assert_string_equal(text, "hello");
    FAILS("XX001", file_read(&file, text, 6, 10, err));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    const void *map;
    OK(file_map(&file, 15, &map, err));
    assert_memory_equal((const char *)map + 10, "hello", 5);
    file_unmap(&posix_vfs, map, 15);

    /* the lock belongs to the open file, also against this process */
    File other;
    OK(file_open(&posix_vfs, path, FILE_ENSURE, &other, err));
    assert_int_equal(posix_vfs.lock(NULL, file.fd), 0);
    assert_int_equal(posix_vfs.lock(NULL, other.fd), -EAGAIN);
    file_close(&file);
    assert_int_equal(posix_vfs.lock(NULL, other.fd), 0);
    file_close(&other);

    FAILS("58P02", file_open(&posix_vfs, path, FILE_CREATE, &file, err));
    OK(file_remove(&posix_vfs, path, err));
    OK(file_remove(&posix_vfs, path, err));
    OK(directory_create(&posix_vfs, path, err));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    FAILS("58P02", directory_create(&posix_vfs, path, err));
    OK(directory_sync(&posix_vfs, directory, err));
    Buffer names = BUFFER_INIT;
    assert_int_equal(posix_vfs.list(NULL, directory, &names), 0);
    assert_int_equal(names.size, 2);
    assert_string_equal(names.data, "f");
    buffer_free(&names);
    remove_tree(directory);
    free(path);
    free(directory);
}

static void
remember(void *context, const char *severity, const char *message)
{
    Buffer *lines = context;
    buffer_printf(lines, "%s: %s\n", severity, message);
}

static void
log_goes_to_its_sink(void **state)
{
    (void)state;
    Buffer lines = BUFFER_INIT;
    Log log = {remember, &lines};
    log_write(&log, "NOTICE", "%d rows", 3);
    log_write(&(Log){NULL, NULL}, "NOTICE", "nobody");
    log_write(NULL, "NOTICE", "nobody");
    assert_string_equal(buffer_text(&lines), "NOTICE: 3 rows\n");
    buffer_free(&lines);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_hands_out_zeroed_aligned_memory),
        cmocka_unit_test(arena_keeps_its_limit),
        cmocka_unit_test(arenas_share_spare_blocks),
        cmocka_unit_test(arena_adopts),
        cmocka_unit_test(arena_copies),
        cmocka_unit_test(first_error_wins),
        cmocka_unit_test(long_error_ends_with_a_character),
        cmocka_unit_test(buffer_and_reader_agree),
        cmocka_unit_test(reader_trusts_no_length),
        cmocka_unit_test(buffer_failure_is_sticky),
        cmocka_unit_test(bits_match_a_plain_loop),
        cmocka_unit_test(map_matches_an_array),
        cmocka_unit_test(map_keys_may_be_any_bytes),
        cmocka_unit_test(slices_compare),
        cmocka_unit_test(utf8_round_trip),
        cmocka_unit_test(utf8_refuses),
        cmocka_unit_test(checksum_depends_on_every_key),
        cmocka_unit_test(pool_does_all_pieces_once),
        cmocka_unit_test(pool_reports_the_failure),
        cmocka_unit_test(paths_stay_below),
        cmocka_unit_test(files_read_what_was_written),
        cmocka_unit_test(log_goes_to_its_sink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
