/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_text_find.c - texts looked for in many texts, LIKE over whole batches,
 * and regular expressions of many states, against loops that look at one byte
 * after the other.
 */
#include "files.h"

#include "base/utf8.h"
#include "engine/expr/expr_internal.h"
#include "engine/expr/text_find.h"

#define TEXTS 300u
#define ROUNDS 4000

typedef struct Texts {
    uint64_t random;
    Slice texts[TEXTS];
    uint8_t valid[TEXTS];
    char *bytes; /* malloc'ed anew: a byte too far is seen by the sanitizer */
} Texts;

static uint32_t
below(Texts *test, uint32_t bound)
{
    return (uint32_t)(next_random(&test->random) >> 33) % bound;
}

/* Bytes of few letters; `most` of a text. */
static void
make_texts(Texts *test, uint32_t most, bool has_holes)
{
    static const char letters[] = "aaabAB-7z\xc3";
    size_t size = 0, sizes[TEXTS];
    for (uint32_t i = 0; i < TEXTS; i++) {
        sizes[i] = below(test, 5) == 0 ? 0 : below(test, most);
        size += sizes[i];
    }
    free(test->bytes);
    test->bytes = malloc(size + 1);
    assert_non_null(test->bytes);
    char *at = test->bytes;
    for (uint32_t i = 0; i < TEXTS; i++) {
        bool is_there = !has_holes || below(test, 3) > 0;
        for (size_t j = 0; j < sizes[i]; j++)
            at[j] = letters[below(test, 9)];
        test->valid[i] = 1;
        test->texts[i] = (Slice){sizes[i] == 0 ? NULL : at, sizes[i]};
        at += sizes[i];
        if (!is_there)
            test->texts[i] = (Slice){NULL, 0};
    }
}

static unsigned char
small(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool
is_at(const Needle *needle, const char *at)
{
    for (size_t i = 0; i < needle->size; i++)
        if (needle->ignores_case ? small(at[i]) != small(needle->bytes[i])
                                 : at[i] != needle->bytes[i])
            return false;
    return true;
}

static bool
holds(const Needle *needle, Slice text)
{
    for (size_t i = 0; i + needle->size <= text.size; i++)
        if (is_at(needle, text.data + i))
            return true;
    return false;
}

static Needle
make_needle(Texts *test, char bytes[16])
{
    Needle needle = {bytes, 1 + below(test, below(test, 4) == 0 ? 12 : 3),
                     below(test, 2) == 0};
    for (size_t i = 0; i < needle.size; i++)
        bytes[i] = "aab-7z"[below(test, 6)];
    return needle;
}

static void
test_needles(void **state)
{
    (void)state;
    Texts test = {.random = 7};
    uint8_t found[TEXTS];
    for (int round = 0; round < ROUNDS; round++) {
        char bytes[16];
        Needle needle = make_needle(&test, bytes);
        if (round % 8 == 0)
            make_texts(&test, 1 + below(&test, 40), below(&test, 2) == 0);
        needle_find_all(&needle, test.texts, TEXTS, found);
        for (uint32_t i = 0; i < TEXTS; i++)
            assert_int_equal(found[i], holds(&needle, test.texts[i]));
    }
    free(test.bytes);
}

static void
test_heads(void **state)
{
    (void)state;
    Texts test = {.random = 8};
    for (int round = 0; round < 200; round++) {
        make_texts(&test, 1 + below(&test, 14), round % 2 == 0);
        const char *end = texts_end(test.texts, TEXTS);
        for (uint32_t i = 0; i < TEXTS; i++) {
            char head[8] = {0};
            uint64_t wanted;
            size_t size = test.texts[i].size < 8 ? test.texts[i].size : 8;
            if (size > 0)
                memcpy(head, test.texts[i].data, size);
            memcpy(&wanted, head, 8);
            assert_true(text_head(test.texts[i]) == wanted);
            assert_true(text_head_before(test.texts[i], end) == wanted);
        }
    }
    free(test.bytes);
}

/* LIKE for all texts is LIKE for each. */
static void
test_like(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "a",    "a%",       "%a",        "%a%",    "aab%",      "%7z",
        "%-7%", "%aabaab%", "aaabAB-7%", "%%",     "%",         "_a%",
        "%a%b", "AAB%",     "%Z",        "%b-7z%", "aaaaaaaaa", "%aaaaaaaaaa",
    };
    Texts test = {.random = 9};
    uint8_t matches[TEXTS];
    Arena arena;
    arena_init(&arena, 0);
    for (int round = 0; round < 400; round++) {
        LikePattern *like;
        const char *pattern =
            patterns[below(&test, sizeof patterns / sizeof *patterns)];
        make_texts(&test, 1 + below(&test, 20), below(&test, 2) == 0);
        OK(like_compile(slice_of(pattern), '\\', round % 2 == 0, &arena, &like,
                        err));
        like_match_all(like, test.texts, TEXTS, test.valid, matches);
        for (uint32_t i = 0; i < TEXTS; i++)
            if (matches[i] != like_match(like, test.texts[i]))
                fail_msg("%s, %.*s", pattern, (int)test.texts[i].size,
                         test.texts[i].data);
        arena_reset(&arena);
    }
    arena_free(&arena);
    free(test.bytes);
}

/* The texts that match are those whose `before`-th byte from the end is an a.
 */
static void
check_letter_before(const Texts *test, Regex *regex, size_t before)
{
    uint8_t matches[TEXTS];
    regex_search_all(regex, test->texts, TEXTS, test->valid, matches);
    for (uint32_t i = 0; i < TEXTS; i++) {
        Slice text = test->texts[i];
        bool wanted =
            text.size >= before && text.data[text.size - before] == 'a';
        assert_int_equal(matches[i], wanted);
    }
}

/* 8,192 sets of instructions: all states are forgotten again and again. */
static void
test_many_states(void **state)
{
    (void)state;
    Texts test = {.random = 10};
    Arena arena;
    Regex *regex;
    arena_init(&arena, 0);
    OK(regex_compile(SLICE_LITERAL("a.{12}$"), &arena, &regex, err));
    for (int round = 0; round < 20; round++) {
        make_texts(&test, 200, round % 2 == 0);
        check_letter_before(&test, regex, 13);
    }
    arena_free(&arena);
    free(test.bytes);
}

/* The same in an arena that has no room for more than the first states. */
static void
test_no_room(void **state)
{
    (void)state;
    Texts test = {.random = 11};
    Arena arena;
    Regex *regex = NULL;
    Error failure = ERROR_INIT;
    size_t limit = 4096;
    mql_status status = MQL_NO_MEMORY;
    while (status != MQL_OK) {
        arena_init(&arena, limit);
        failure = (Error)ERROR_INIT;
        status =
            regex_compile(SLICE_LITERAL("a.{7}$"), &arena, &regex, &failure);
        if (status != MQL_OK)
            arena_free(&arena);
        limit += 4096;
        assert_true(limit < (1u << 24));
    }
    make_texts(&test, 60, false);
    check_letter_before(&test, regex, 8);
    arena_free(&arena);
    free(test.bytes);
}

static void
test_length(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "a", "\xc3\xa9", "\xed\x95\x9c", "\xf0\x9f\x98\x80", "b", "zz"};
    uint64_t random = 12;
    for (int round = 0; round < 1000; round++) {
        char text[256] = "";
        size_t wanted = 0, used = 0, count = (next_random(&random) >> 33) % 40;
        for (size_t i = 0; i < count; i++) {
            size_t part = (next_random(&random) >> 33) % 6;
            used += (size_t)snprintf(text + used, sizeof text - used, "%s",
                                     parts[part]);
            wanted += part == 5 ? 2 : 1;
        }
        assert_int_equal(utf8_length(text, strlen(text)), wanted);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_needles),     cmocka_unit_test(test_heads),
        cmocka_unit_test(test_like),        cmocka_unit_test(test_length),
        cmocka_unit_test(test_many_states), cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
