/* SPDX-License-Identifier: Apache-2.0 */
/* test_timeline.c - commits and their times: thinned, stored, loaded. */
#include "engine/collection/timeline.h"

#include "files.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define START (INT64_C(1700000000) * SECOND)

static uint32_t
points(const Timeline *timeline)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < timeline->chunk_count; i++)
        count += timeline->chunks[i]->count;
    return count;
}

static void
test_empty(void **state)
{
    (void)state;
    Timeline timeline;
    int64_t time;
    timeline_init(&timeline, HOUR);
    assert_int_equal(timeline_at(&timeline, START), 0);
    assert_false(timeline_time(&timeline, 1, &time));
    timeline_append(&timeline, 1, START);
    assert_int_equal(timeline_at(&timeline, START - 1), 0);
    assert_int_equal(timeline_at(&timeline, START), 1);
    assert_true(timeline_time(&timeline, 1, &time));
    assert_int_equal(time, START);
    assert_false(timeline_time(&timeline, 2, &time));
    timeline_free(&timeline);
}

static void
test_clock_goes_back(void **state)
{
    (void)state;
    Timeline timeline;
    int64_t time;
    timeline_init(&timeline, HOUR);
    timeline_append(&timeline, 1, START);
    timeline_append(&timeline, 2, START - HOUR);
    timeline_append(&timeline, 3, START + 1);
    assert_int_equal(timeline_at(&timeline, START - 1), 0);
    assert_int_equal(timeline_at(&timeline, START), 2);
    assert_int_equal(timeline_at(&timeline, START + 1), 3);
    assert_true(timeline_time(&timeline, 2, &time));
    assert_int_equal(time, START);
    timeline_free(&timeline);
}

/* 100 commits a second: commit n is made at START + 10 ms * n. */
#define STEP (SECOND / 100)

/* Never later than asked, and at most `slack` earlier. */
static void
check_answers(Timeline *timeline, uint64_t count, uint64_t every,
              uint64_t exact, uint64_t slack)
{
    int64_t before = 0;
    for (uint64_t n = 1; n <= count; n += every) {
        int64_t time;
        uint64_t found = timeline_at(timeline, START + STEP * (int64_t)n);
        assert_true(found <= n);
        assert_true(found + (n + exact > count ? 0 : slack) >= n);
        assert_true(timeline_time(timeline, n, &time));
        assert_true(time >= START + STEP * (int64_t)n);
        assert_true(time >= before);
        before = time;
    }
    assert_int_equal(timeline_at(timeline, INT64_MAX), count);
}

static void
test_thinning(void **state)
{
    (void)state;
    Timeline timeline;
    timeline_init(&timeline, 24 * HOUR);
    uint64_t count = 300000; /* 3,000 seconds */
    for (uint64_t n = 1; n <= count; n++)
        timeline_append(&timeline, n, START + STEP * (int64_t)n);
    check_answers(&timeline, count, 7, TIMELINE_EXACT, 100);
    assert_true(points(&timeline) < 3000 + 4 * TIMELINE_CHUNK_POINTS);
    /* Whole seconds are exact. */
    for (int64_t s = 1; s < 2900; s++)
        assert_int_equal(timeline_at(&timeline, START + s * SECOND), s * 100);
    timeline_free(&timeline);
}

/* Beyond the retention the points get few, and never none. */
static void
test_bounded_for_ever(void **state)
{
    (void)state;
    Timeline timeline;
    timeline_init(&timeline, HOUR);
    uint64_t count = 2000000; /* one in 10 seconds: 231 days */
    for (uint64_t n = 1; n <= count; n++)
        timeline_append(&timeline, n, START + 10 * SECOND * (int64_t)n);
    assert_true(points(&timeline) < 20000);
    assert_true(timeline.chunk_count < 100);
    for (uint64_t n = 1; n <= count; n += 999) {
        uint64_t found =
            timeline_at(&timeline, START + 10 * SECOND * (int64_t)n);
        uint64_t age = count - n;
        assert_true(found <= n);
        assert_true(n - found <= 600 + age / 500);
    }
    timeline_free(&timeline);
}

/* ---- the catalogue ---- */

typedef struct Shelf {
    Buffer values[4096];
    bool is_there[4096];
} Shelf;

static void
take_changes(Shelf *shelf, const MetaChanges *changes)
{
    Reader reader = reader_of(buffer_slice(&changes->bytes));
    assert_false(changes->bytes.failed);
    while (reader_left(&reader) > 0) {
        uint8_t kind = read_u8(&reader);
        Slice key = read_sized(&reader);
        assert_true(key.size == strlen(TIMELINE_PREFIX) + 20);
        char digits[21] = "";
        memcpy(digits, key.data + strlen(TIMELINE_PREFIX), 20);
        uint64_t number = strtoull(digits, NULL, 10);
        assert_true(number < 4096);
        buffer_clear(&shelf->values[number]);
        shelf->is_there[number] = kind == 1;
        if (kind == 1)
            buffer_append_slice(&shelf->values[number], read_sized(&reader));
    }
    assert_false(reader.failed);
}

static void
load_shelf(Shelf *shelf, Timeline *timeline)
{
    for (uint64_t i = 0; i < 4096; i++)
        if (shelf->is_there[i])
            OK(timeline_load(timeline, i, buffer_slice(&shelf->values[i]),
                             err));
}

static void
free_shelf(Shelf *shelf)
{
    for (size_t i = 0; i < 4096; i++)
        buffer_free(&shelf->values[i]);
    free(shelf);
}

/* Stored now and then, sometimes in vain, and loaded again. */
static void
test_stored_and_loaded(void **state)
{
    (void)state;
    Shelf *shelf = calloc(1, sizeof *shelf);
    Timeline *timeline = calloc(1, sizeof *timeline);
    uint64_t random = 7;
    uint64_t stored = 0;
    timeline_init(timeline, 60 * SECOND);
    for (uint64_t n = 1; n <= 60000; n++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        TimePoint point = {n, START + STEP * (int64_t)n};
        uint32_t choice = (uint32_t)(random >> 40) % 400;
        if (choice < 3) {
            MetaChanges changes = META_CHANGES_INIT;
            timeline_put(timeline, point, &changes);
            if (choice != 0) { /* 0: the commit failed */
                take_changes(shelf, &changes);
                timeline_append(timeline, point.sequence, point.time);
                timeline_stored(timeline, n);
                stored = n;
            }
            meta_changes_free(&changes);
        }
        if (choice >= 3 || choice == 0)
            timeline_append(timeline, point.sequence, point.time);
        if (choice != 399)
            continue;
        timeline_free(timeline);
        timeline_init(timeline, 60 * SECOND);
        load_shelf(shelf, timeline);
        assert_int_equal(timeline_last(timeline).sequence, stored);
        for (uint64_t k = stored + 1; k <= n; k++) /* as the log has them */
            timeline_append(timeline, k, START + STEP * (int64_t)k);
        check_answers(timeline, n, 61, 0, 400);
    }
    timeline_free(timeline);
    free(timeline);
    free_shelf(shelf);
}

static void
test_damage_is_refused(void **state)
{
    (void)state;
    Timeline timeline;
    MetaChanges changes = META_CHANGES_INIT;
    timeline_init(&timeline, HOUR);
    for (uint64_t n = 1; n < 50; n++)
        timeline_append(&timeline, n, START + STEP * (int64_t)n);
    timeline_put(&timeline, (TimePoint){50, START + HOUR}, &changes);
    Shelf *shelf = calloc(1, sizeof *shelf);
    take_changes(shelf, &changes);
    Slice whole = buffer_slice(&shelf->values[1]);
    for (size_t size = 0; size < whole.size; size++) {
        Timeline other;
        timeline_init(&other, HOUR);
        FAILS("XX001",
              timeline_load(&other, 1, (Slice){whole.data, size}, err));
        timeline_free(&other);
    }
    for (size_t i = 0; i < whole.size * 8; i++) {
        Timeline other;
        Error failure = ERROR_INIT;
        timeline_init(&other, HOUR);
        shelf->values[1].data[i / 8] ^= (char)(1 << i % 8);
        if (timeline_load(&other, 1, whole, &failure) == MQL_OK)
            timeline_append(&other, UINT64_MAX, START);
        shelf->values[1].data[i / 8] ^= (char)(1 << i % 8);
        timeline_free(&other);
    }
    meta_changes_free(&changes);
    timeline_free(&timeline);
    free_shelf(shelf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_clock_goes_back),
        cmocka_unit_test(test_thinning),
        cmocka_unit_test(test_bounded_for_ever),
        cmocka_unit_test(test_stored_and_loaded),
        cmocka_unit_test(test_damage_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
