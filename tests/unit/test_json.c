/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_json.c - the binary form of JSON: text to binary and back, access,
 * order, and bytes that are wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "engine/value/json.h"

/* Parse, check, print; the caller frees. */
static Buffer
parse(const char *text)
{
    Buffer binary = BUFFER_INIT;
    Error err = ERROR_INIT;
    if (json_parse(slice_of(text), &binary, &err) != MQL_OK)
        fail_msg("%s: %s %s", text, err.text, err.detail);
    assert_true(json_check(buffer_slice(&binary)));
    return binary;
}

static void
expect_print(const char *text, const char *expected)
{
    Buffer binary = parse(text);
    Buffer printed = BUFFER_INIT;
    json_print(&printed, json_of(buffer_slice(&binary)));
    assert_string_equal(buffer_text(&printed), expected);
    /* What is printed reads back as the same bytes. */
    Buffer again = parse(expected);
    assert_true(slice_equal(buffer_slice(&binary), buffer_slice(&again)));
    buffer_free(&again);
    buffer_free(&printed);
    buffer_free(&binary);
}

static void
test_print(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"null", "null"},
        {" true ", "true"},
        {"false", "false"},
        {"0", "0"},
        {"-0", "0"},
        {"-0.0", "0.0"},
        {"-12", "-12"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"9223372036854775808", "9.223372036854775808e+18"},
        {"1.0", "1.0"},
        {"1e2", "100.0"},
        {"0.1", "0.1"},
        {"1e300", "1e+300"},
        {"5e-324", "5e-324"},
        {"\"\"", "\"\""},
        {"\"a\\u00e4\\n\\\"\\\\\\/\"", "\"a\xc3\xa4\\n\\\"\\\\/\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"\"\\u0001\\b\\f\\r\\t\"", "\"\\u0001\\b\\f\\r\\t\""},
        {"[]", "[]"},
        {"{}", "{}"},
        {"[ 1 , [2,[ ]] , {} ]", "[1,[2,[]],{}]"},
        {"{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"},
        {"{\"a\":{\"x\":1,\"x\":2},\"a\":{\"y\":[1,2]}}",
         "{\"a\":{\"y\":[1,2]}}"},
        {"{\"ab\":1,\"a\":2,\"\":3,\"b\":4}",
         "{\"\":3,\"a\":2,\"ab\":1,\"b\":4}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (strcmp(cases[i][0], "9223372036854775808") == 0)
            continue; /* see test_numbers */
        expect_print(cases[i][0], cases[i][1]);
    }
}

static void
test_numbers(void **state)
{
    (void)state;
    Buffer large = parse("9223372036854775808");
    assert_int_equal(json_tag(json_of(buffer_slice(&large))), JSON_REAL);
    assert_true(json_real(json_of(buffer_slice(&large))) ==
                9223372036854775808.0);
    buffer_free(&large);
    Buffer whole = parse("3");
    Buffer real = parse("3.0");
    Json a = json_of(buffer_slice(&whole));
    Json b = json_of(buffer_slice(&real));
    assert_int_equal(json_tag(a), JSON_INTEGER);
    assert_int_equal(json_tag(b), JSON_REAL);
    assert_true(json_equal(a, b));
    buffer_free(&whole);
    buffer_free(&real);
    assert_int_equal(compare_numbers(INT64_MAX, 9223372036854775808.0), -1);
    assert_int_equal(compare_numbers(INT64_MIN, -9223372036854775808.0), 0);
    assert_int_equal(compare_numbers(9007199254740993, 9007199254740992.0), 1);
    assert_int_equal(compare_numbers(0, 0.5), -1);
    assert_int_equal(compare_numbers(0, -0.5), 1);
    assert_int_equal(compare_numbers(-1, -0.5), -1);
    assert_int_equal(compare_numbers(0, -0.0), 0);
}

static void
test_errors(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "nul",
        "tru",
        "+1",
        "01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "-",
        "--1",
        "1e999",
        "NaN",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\n\"",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{a:1}",
        "{1:2}",
        "{\"a\" 1}",
        "[1]]",
        "1 2",
        "]",
        "}",
        "[}",
        "{]",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\\u0000\"",
        "\"\xff\"",
        "\"\xc3\"",
        "'a'",
        "true1",
        ("\xef\xbb\xbf"
         "1"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Buffer binary = BUFFER_INIT;
        Error err = ERROR_INIT;
        if (json_parse(slice_of(cases[i]), &binary, &err) == MQL_OK)
            fail_msg("accepted: %s", cases[i]);
        assert_string_equal(err.sqlstate, "22032");
        assert_int_equal(binary.size, 0);
        buffer_free(&binary);
    }
}

static void
test_depth(void **state)
{
    (void)state;
    char text[200];
    for (size_t depth = 63; depth <= 66; depth++) {
        Buffer binary = BUFFER_INIT;
        Error err = ERROR_INIT;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        mql_status status = json_parse((Slice){text, 2 * depth}, &binary, &err);
        assert_int_equal(status == MQL_OK, depth <= JSON_DEPTH_MOST);
        if (status == MQL_OK) {
            assert_true(json_check(buffer_slice(&binary)));
            assert_int_equal(json_depth(json_of(buffer_slice(&binary))), depth);
        }
        buffer_free(&binary);
    }
    /* A million opening brackets must not take a million stack frames. */
    char *brackets = malloc(1000000);
    Buffer binary = BUFFER_INIT;
    Error err = ERROR_INIT;
    memset(brackets, '[', 1000000);
    assert_int_not_equal(json_parse((Slice){brackets, 1000000}, &binary, &err),
                         MQL_OK);
    buffer_free(&binary);
    free(brackets);
}

static void
test_access(void **state)
{
    (void)state;
    Buffer binary = parse(
        "{\"k\":[10,\"x\",{\"z\":null}],\"e\":{},\"n\":null,\"f\":false}");
    Json json = json_of(buffer_slice(&binary));
    Json list = json_member(json, SLICE_LITERAL("k"));
    assert_int_equal(json_count(json), 4);
    assert_int_equal(json_count(list), 3);
    assert_int_equal(json_integer(json_element(list, 0)), 10);
    assert_true(
        slice_equal(json_string(json_element(list, 1)), SLICE_LITERAL("x")));
    assert_null(json_element(list, 3).data);
    assert_null(json_element(list, -1).data);
    assert_null(json_element(json, 0).data);
    assert_null(json_member(list, SLICE_LITERAL("k")).data);
    assert_null(json_member(json, SLICE_LITERAL("kk")).data);
    assert_null(json_member(json, SLICE_LITERAL("")).data);
    assert_true(json_is_present(list));
    assert_false(json_is_present(json_element(list, 2)));
    assert_false(json_is_present(json_member(json, SLICE_LITERAL("e"))));
    assert_false(json_is_present(json_member(json, SLICE_LITERAL("n"))));
    assert_true(json_is_present(json_member(json, SLICE_LITERAL("f"))));
    assert_false(json_is_present((Json){NULL, 0}));
    Slice key;
    json_member_at(json, 0, &key);
    assert_true(slice_equal(key, SLICE_LITERAL("e")));
    buffer_free(&binary);
}

/* Every key of an object of 1,000 keys is found, whatever their order was. */
static void
test_many_keys(void **state)
{
    (void)state;
    Buffer text = BUFFER_INIT;
    buffer_append_char(&text, '{');
    for (int i = 0; i < 1000; i++)
        buffer_printf(&text, "%s\"k%d\":%d", i == 0 ? "" : ",",
                      (i * 7919) % 1000, (i * 7919) % 1000);
    buffer_append_char(&text, '}');
    Buffer binary = parse(buffer_text(&text));
    Json json = json_of(buffer_slice(&binary));
    assert_int_equal(json_count(json), 1000);
    for (int i = 0; i < 1000; i++) {
        Buffer key = BUFFER_INIT;
        buffer_printf(&key, "k%d", i);
        Json found = json_member(json, buffer_slice(&key));
        assert_non_null(found.data);
        assert_int_equal(json_integer(found), i);
        buffer_free(&key);
    }
    buffer_free(&binary);
    buffer_free(&text);
}

static void
test_order(void **state)
{
    (void)state;
    /* Ascending, as PostgreSQL's jsonb but for strings and numbers. */
    static const char *const ascending[] = {
        "null",
        "\"a\"",
        "\"b\"",
        "-1",
        "0.5",
        "1",
        "false",
        "true",
        "[]",
        "[1]",
        "[2]",
        "[1,1]",
        "{}",
        "{\"a\":1}",
        "{\"a\":2}",
        "{\"b\":0}",
        "{\"a\":0,\"b\":0}",
    };
    size_t count = sizeof ascending / sizeof *ascending;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            Buffer a = parse(ascending[i]);
            Buffer b = parse(ascending[k]);
            int order = json_compare(json_of(buffer_slice(&a)),
                                     json_of(buffer_slice(&b)));
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
            buffer_free(&a);
            buffer_free(&b);
        }
    }
}

static void
test_build(void **state)
{
    (void)state;
    Buffer one = BUFFER_INIT;
    Buffer two = BUFFER_INIT;
    Buffer out = BUFFER_INIT;
    Error err = ERROR_INIT;
    json_append_integer(&one, 1);
    json_append_string(&two, SLICE_LITERAL("x"));
    const Slice items[] = {buffer_slice(&one), buffer_slice(&two),
                           buffer_slice(&one)};
    const Slice keys[] = {SLICE_LITERAL("b"), SLICE_LITERAL("a"),
                          SLICE_LITERAL("a")};
    assert_int_equal(json_append_object(&out, keys, items, 3, NULL, &err),
                     MQL_OK);
    Buffer expected = parse("{\"a\":1,\"b\":1}");
    assert_true(slice_equal(buffer_slice(&out), buffer_slice(&expected)));
    buffer_clear(&out);
    buffer_free(&expected);
    assert_int_equal(json_append_array(&out, items, 2, &err), MQL_OK);
    expected = parse("[1,\"x\"]");
    assert_true(slice_equal(buffer_slice(&out), buffer_slice(&expected)));
    buffer_free(&expected);
    buffer_free(&out);
    buffer_free(&one);
    buffer_free(&two);
}

/* Walk all of a document that json_check() let through; must stay inside. */
static size_t
walk(Json json)
{
    size_t sum = 1;
    switch (json_tag(json)) {
    case JSON_STRING:
        for (size_t i = 0; i < json_string(json).size; i++)
            sum += (unsigned char)json_string(json).data[i];
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        for (uint32_t i = 0; i < json_count(json); i++) {
            Slice key;
            sum += walk(json_tag(json) == JSON_ARRAY
                            ? json_element(json, i)
                            : json_member_at(json, i, &key));
        }
        break;
    default:
        break;
    }
    return sum;
}

static void
check_hostile(const char *bytes, size_t size)
{
    /* On the heap and exact, so that AddressSanitizer sees a byte too far. */
    char *copy = malloc(size + (size == 0));
    memcpy(copy, bytes, size);
    if (json_check((Slice){copy, size})) {
        Buffer text = BUFFER_INIT;
        walk((Json){copy, size});
        json_print(&text, (Json){copy, size});
        buffer_free(&text);
    }
    free(copy);
}

static void
test_hostile(void **state)
{
    (void)state;
    Buffer binary = parse("{\"a\":[1,2.5,\"text\",{\"deep\":[[],{}]}],"
                          "\"b\":null,\"c\":true,\"d\":\"\xc3\xa4\"}");
    for (size_t size = 0; size < binary.size; size++) {
        assert_false(json_check((Slice){binary.data, size}));
        check_hostile(binary.data, size);
    }
    for (size_t i = 0; i < binary.size; i++) {
        char old = binary.data[i];
        for (int value = 0; value < 256; value++) {
            binary.data[i] = (char)value;
            check_hostile(binary.data, binary.size);
        }
        binary.data[i] = old;
    }
    assert_true(json_check(buffer_slice(&binary)));
    buffer_free(&binary);
}

/* Every prefix of a text is an error or a whole value, and never more than
 * that. */
static void
test_prefixes(void **state)
{
    (void)state;
    const char *text = "{\"a\": [1, -2.5e3, \"x\\u00e4\\ud83d\\ude00\", null],"
                       " \"b\": {\"c\": true}}";
    for (size_t size = 0; size < strlen(text); size++) {
        char *copy = malloc(size + (size == 0));
        Buffer binary = BUFFER_INIT;
        Error err = ERROR_INIT;
        memcpy(copy, text, size);
        assert_int_not_equal(json_parse((Slice){copy, size}, &binary, &err),
                             MQL_OK);
        buffer_free(&binary);
        free(copy);
    }
    const char *rest;
    Buffer binary = BUFFER_INIT;
    Error err = ERROR_INIT;
    const char *lines = "{\"a\":1}\n[2] 3";
    Slice left = slice_of(lines);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(json_parse_prefix(left, &binary, &rest, &err), MQL_OK);
        left = (Slice){rest, (size_t)(lines + strlen(lines) - rest)};
    }
    assert_int_equal(left.size, 0);
    buffer_free(&binary);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print),   cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_errors),  cmocka_unit_test(test_depth),
        cmocka_unit_test(test_access),  cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_order),   cmocka_unit_test(test_build),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
