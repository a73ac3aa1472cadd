/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_value.c - types and their names, values and their text, conversions at
 * the edges of ranges, moments.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/value/calendar.h"
#include "engine/value/column.h"
#include "engine/value/json.h"
#include "engine/value/value.h"

static Arena arena;

static int
setup(void **state)
{
    (void)state;
    arena_init(&arena, 0);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* The type that `x::name` names, or the error's code and text. */
static mql_status
resolve(const char *name, Type *type, Error *err)
{
    char text[200];
    const Node *node;
    snprintf(text, sizeof text, "x::%s", name);
    mql_status status =
        sql_parse_expression(&arena, text, strlen(text), &node, err);
    if (status != MQL_OK)
        return status;
    return type_resolve(node_child(node, NODE_TYPE_NAME), type, NULL, err);
}

static void
test_type_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"BOOL", "BOOL"},
        {"boolean", "BOOL"},
        {"tinyint", "INT8"},
        {"SMALLINT", "INT16"},
        {"int", "INT32"},
        {"INTEGER", "INT32"},
        {"bigint", "INT64"},
        {"INT64", "INT64"},
        {"real", "FLOAT"},
        {"float4", "FLOAT"},
        {"double precision", "DOUBLE"},
        {"DOUBLE", "DOUBLE"},
        {"float8", "DOUBLE"},
        {"varchar(10)", "VARCHAR(10)"},
        {"character varying(7)", "VARCHAR(7)"},
        {"VARCHAR", "VARCHAR"},
        {"text", "VARCHAR"},
        {"STRING", "VARCHAR"},
        {"VARCHAR(65535)", "VARCHAR(65535)"},
        {"jsonb", "JSON"},
        {"timestamptz", "TIMESTAMPTZ"},
        {"vector(3)", "FLOAT_VECTOR(3)"},
        {"halfvec(32768)", "FLOAT16_VECTOR(32768)"},
        {"bfloat16_vector(2)", "BFLOAT16_VECTOR(2)"},
        {"int8_vector", "INT8_VECTOR"},
        {"bit(262144)", "BINARY_VECTOR(262144)"},
        {"FLOAT_VECTOR(32768)", "FLOAT_VECTOR(32768)"},
        {"vector", "FLOAT_VECTOR"},
        {"ARRAY<INT64>(16)", "ARRAY<INT64>(16)"},
        {"ARRAY<VARCHAR(5)>(4096)", "ARRAY<VARCHAR(5)>(4096)"},
        {"int[3]", "ARRAY<INT32>(3)"},
        {"bool[]", "ARRAY<BOOL>(4096)"},
        {"varchar(8)[2]", "ARRAY<VARCHAR(8)>(2)"},
        {"double array[4]", "ARRAY<DOUBLE>(4)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Type type;
        Error err = ERROR_INIT;
        char text[TYPE_TEXT_SIZE];
        if (resolve(cases[i][0], &type, &err) != MQL_OK)
            fail_msg("%s: %s", cases[i][0], err.text);
        type_text(text, type);
        assert_string_equal(text, cases[i][1]);
    }
}

static void
test_wrong_types(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"INT65", "42704"},      {"foo", "42704"},
        {"varchar(0)", "22023"}, {"varchar(65536)", "22023"},
        {"vector(0)", "22023"},  {"vector(32769)", "22023"},
        {"int64(8)", "42601"},   {"text(8)", "42601"},
        {"halfvec(0)", "22023"}, {"sparsevec", "0A000"},
        {"bit(12)", "22023"},    {"bit(262152)", "22023"},
        {"int[0]", "22023"},     {"int[4097]", "22023"},
        {"json[3]", "0A000"},    {"ARRAY<JSON>(3)", "0A000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Type type;
        Error err = ERROR_INIT;
        if (resolve(cases[i][0], &type, &err) == MQL_OK)
            fail_msg("accepted: %s", cases[i][0]);
        assert_string_equal(err.sqlstate, cases[i][1]);
        assert_true(err.position >= 0);
    }
    Type type;
    Error err = ERROR_INIT;
    assert_int_not_equal(resolve("VARCHR(3)", &type, &err), MQL_OK);
    assert_string_equal(err.hint, "Did you mean VARCHAR?");
}

static void
test_name_distance(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        uint32_t distance; /* 3: too far */
    } cases[] = {
        {"price", "price", 0}, {"price", "Price", 0}, {"prise", "price", 1},
        {"pirce", "price", 1}, {"prce", "price", 1},  {"prizze", "price", 2},
        {"cost", "price", 3},  {"ab", "cd", 3},       {"id", "ix", 1},
        {"a", "b", 3},         {"", "ab", 3},         {"abc", "xyc", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            name_distance(slice_of(cases[i].a), slice_of(cases[i].b)),
            cases[i].distance);
}

/* ---- conversions ---- */

/* A value of text converted to the type called `name`: its text, or the code.
 */
static void
expect_convert(Value value, const char *name, bool is_explicit,
               const char *expected)
{
    Type type;
    Value out;
    Error err = ERROR_INIT;
    Buffer text = BUFFER_INIT;
    if (resolve(name, &type, &err) != MQL_OK)
        fail_msg("%s: %s", name, err.text);
    if (value_convert(&value, type, is_explicit, &arena, &out, &err) != MQL_OK)
        buffer_printf(&text, "!%s", err.sqlstate);
    else if (out.is_null)
        buffer_append_text(&text, "NULL");
    else
        value_print(&text, &out);
    if (strcmp(buffer_text(&text), expected) != 0)
        fail_msg("to %s: %s, not %s (%s)", name, buffer_text(&text), expected,
                 err.text);
    buffer_free(&text);
}

static void
test_text_conversions(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"127", "int8", "127"},
        {"128", "int8", "!22003"},
        {"-128", "int8", "-128"},
        {"-129", "int8", "!22003"},
        {" 5 ", "int16", "5"},
        {"32768", "int16", "!22003"},
        {"2147483648", "int32", "!22003"},
        {"-2147483648", "int32", "-2147483648"},
        {"9223372036854775807", "int64", "9223372036854775807"},
        {"9223372036854775808", "int64", "!22003"},
        {"+7", "int64", "7"},
        {"abc", "int64", "!22P02"},
        {"", "int64", "!22P02"},
        {"1.5", "int64", "!22P02"},
        {"1e3", "int64", "!22P02"},
        {"12x", "int64", "!22P02"},
        {"0.1", "float", "0.1"},
        {"1e39", "float", "!22003"},
        {"1e39", "double", "1e+39"},
        {"1e309", "double", "!22003"},
        {"-1e400", "double", "!22003"},
        {"nan", "double", "!22003"},
        {"-Infinity", "float", "!22003"},
        {".5", "double", "0.5"},
        {"5.", "double", "5"},
        {".", "double", "!22P02"},
        {"1e", "double", "!22P02"},
        {"0x10", "double", "!22P02"},
        {"t", "bool", "t"},
        {"Yes", "bool", "t"},
        {"off", "bool", "f"},
        {"0", "bool", "f"},
        {"maybe", "bool", "!22P02"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_convert(value_text(slice_of(cases[i][0])), cases[i][1], false,
                       cases[i][2]);
}

static void
test_structured_text(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"[1,2.5,-3e2]", "vector(3)", "[1,2.5,-300]"},
        {" [ 1 , 2 ] ", "vector(2)", "[1,2]"},
        {"[1,2]", "vector", "[1,2]"},
        {"[1,2]", "vector(3)", "!22000"},
        {"[]", "vector(3)", "!22000"},
        {"[1,,2]", "vector(3)", "!22P02"},
        {"[1,2", "vector(2)", "!22P02"},
        {"1,2", "vector(2)", "!22P02"},
        {"[1,2]]", "vector(2)", "!22P02"},
        {"[1 2]", "vector(1)", "!22P02"},
        {"[1,x]", "vector(2)", "!22P02"},
        {"[nan,1]", "vector(2)", "!22003"},
        {"[1,-inf]", "vector(2)", "!22003"},
        {"[1,1e39]", "vector(2)", "!22003"},
        {"[1,2,3]", "int64[3]", "[1,2,3]"},
        {"[1,2,3]", "int64[2]", "!22001"},
        {"[1,300]", "int8[2]", "!22003"},
        {"[1,null]", "int8[2]", "!22000"},
        {"[1,\"2\"]", "int8[2]", "!42804"},
        {"[\"a\",\"bc\"]", "varchar(2)[4]", "[\"a\",\"bc\"]"},
        {"[\"abc\"]", "varchar(2)[4]", "!22001"},
        {"[0.1]", "float[1]", "[0.1]"},
        {"{\"a\": 1}", "json", "{\"a\":1}"},
        {"red", "json", "!22032"},
        {"null", "json", "null"},
        {"abc", "varchar(3)", "abc"},
        {"abcd", "varchar(3)", "!22001"},
        {"\xc3\xa4\xc3\xa4", "varchar(3)", "!22001"},
        {"a\xff", "varchar(3)", "!22021"},
        {"2025-01-31 10:00:00+00", "timestamptz", "2025-01-31 10:00:00+00"},
        {"tomorrow", "timestamptz", "!22007"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_convert(value_text(slice_of(cases[i][0])), cases[i][1], false,
                       cases[i][2]);
}

static void
test_number_conversions(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *type;
        bool is_explicit;
        const char *expected;
    } reals[] = {
        {1.0, "int8", false, "1"},
        {1.5, "int8", false, "!22000"},
        {1.5, "int8", true, "2"},
        {2.5, "int8", true, "2"},
        {-1.5, "int8", true, "-2"},
        {127.4, "int8", true, "127"},
        {127.5, "int8", true, "!22003"},
        {1e19, "int64", true, "!22003"},
        {-9223372036854775808.0, "int64", false, "-9223372036854775808"},
        {9223372036854775808.0, "int64", false, "!22003"},
        {0.1, "float", false, "0.1"},
        {1e300, "float", false, "!22003"},
        {1e-300, "float", false, "0"},
        {0.1, "varchar", false, "!42846"},
        {0.1, "varchar", true, "0.1"},
        {1.0, "json", false, "1.0"},
        {(double)NAN, "double", false, "!22003"},
        {(double)INFINITY, "double", false, "!22003"},
        {1.0, "bool", true, "!42846"},
        {1.0, "vector", true, "!42846"},
        {1.0, "timestamptz", true, "!42846"},
    };
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        expect_convert(value_double(reals[i].value), reals[i].type,
                       reals[i].is_explicit, reals[i].expected);
    expect_convert(value_int64(-128), "int8", false, "-128");
    expect_convert(value_int64(-129), "int8", false, "!22003");
    expect_convert(value_int64(INT64_MAX), "double", false,
                   "9.223372036854776e+18");
    expect_convert(value_int64(2), "bool", false, "!42846");
    expect_convert(value_int64(2), "bool", true, "t");
    expect_convert(value_bool(true), "int64", true, "1");
    expect_convert(value_bool(true), "int64", false, "!42846");
    expect_convert(value_bool(true), "varchar", true, "true");
    expect_convert(value_int64(12345), "varchar(3)", true, "123");
    expect_convert(VALUE_NULL, "int64", false, "NULL");
}

static Value
json_value(const char *text)
{
    Value value = value_text(slice_of(text));
    Value out;
    Error err = ERROR_INIT;
    assert_int_equal(
        value_convert(&value, type_of(TYPE_JSON), false, &arena, &out, &err),
        MQL_OK);
    return out;
}

static void
test_json_conversions(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *type;
        bool is_explicit;
        const char *expected;
    } cases[] = {
        {"5", "int8", false, "5"},
        {"300", "int8", false, "!22003"},
        {"5.5", "double", false, "5.5"},
        {"\"5\"", "int8", true, "!22023"},
        {"\"red\"", "varchar", false, "red"},
        {"5", "varchar", false, "!22023"},
        {"[1,2]", "varchar", true, "[1,2]"},
        {"true", "bool", false, "t"},
        {"1", "bool", false, "!22023"},
        {"null", "int8", false, "NULL"},
        {"[1,2.5]", "vector(2)", false, "[1,2.5]"},
        {"[1,\"x\"]", "vector(2)", false, "!22P02"},
        {"{}", "vector(2)", false, "!22023"},
        {"[1,2]", "int64[2]", false, "[1,2]"},
        {"{}", "int64[2]", false, "!22023"},
        {"\"2025-01-31\"", "timestamptz", false, "2025-01-31 00:00:00+00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_convert(json_value(cases[i].json), cases[i].type,
                       cases[i].is_explicit, cases[i].expected);
}

/* 65,536 bytes of text are a JSON value, one more is not. */
static void
test_json_limit(void **state)
{
    (void)state;
    for (size_t size = JSON_SIZE_MOST; size <= JSON_SIZE_MOST + 1; size++) {
        char *text = malloc(size + 1);
        memset(text, 'x', size);
        text[0] = text[size - 1] = '"';
        text[size] = '\0';
        expect_convert(value_text((Slice){text, size}), "json", false,
                       size > JSON_SIZE_MOST ? "!54000" : text);
        free(text);
    }
}

static void
test_vectors(void **state)
{
    (void)state;
    static const float good[] = {1, 2, 3};
    float bad[] = {1, 2, 3};
    expect_convert(value_vector(good, 3), "vector(3)", false, "[1,2,3]");
    expect_convert(value_vector(good, 2), "vector(3)", false, "!22000");
    expect_convert(value_vector(good, 3), "double[3]", false, "[1.0,2.0,3.0]");
    expect_convert(value_vector(good, 3), "int64[3]", false, "[1,2,3]");
    bad[2] = NAN;
    expect_convert(value_vector(bad, 3), "vector(3)", false, "!22003");
    bad[2] = INFINITY;
    expect_convert(value_vector(bad, 3), "vector(3)", false, "!22003");
    /* Floats that do not stand on a multiple of four are copied. */
    char bytes[16];
    Value out;
    Error err = ERROR_INIT;
    memcpy(bytes + 1, good, sizeof good);
    Value unaligned = value_vector(good, 3);
    unaligned.bytes.data = bytes + 1;
    assert_int_equal(value_convert(&unaligned,
                                   (Type){.kind = TYPE_FLOAT_VECTOR}, false,
                                   &arena, &out, &err),
                     MQL_OK);
    assert_int_equal((uintptr_t)out.bytes.data % sizeof(float), 0);
    assert_memory_equal(out.bytes.data, good, sizeof good);
}

/* ---- moments ---- */

static void
test_timestamps(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"1970-01-01", "1970-01-01 00:00:00+00"},
        {"epoch", "1970-01-01 00:00:00+00"},
        {"2025-01-31T10:00:00Z", "2025-01-31 10:00:00+00"},
        {"2025-01-31 10:00", "2025-01-31 10:00:00+00"},
        {"2025-01-31 10:00:00.5", "2025-01-31 10:00:00.5+00"},
        {"2025-01-31 10:00:00.123456", "2025-01-31 10:00:00.123456+00"},
        {"2025-01-31 10:00:00.1234565", "2025-01-31 10:00:00.123457+00"},
        {"2025-01-31 23:59:59.9999999", "2025-02-01 00:00:00+00"},
        {"2025-01-31 10:00:00+02", "2025-01-31 08:00:00+00"},
        {"2025-01-31 10:00:00-05:30", "2025-01-31 15:30:00+00"},
        {"2025-01-31 10:00:00+0530", "2025-01-31 04:30:00+00"},
        {"2025-01-31 10:00:00 UTC", "2025-01-31 10:00:00+00"},
        {"2024-02-29", "2024-02-29 00:00:00+00"},
        {"2024-12-31 24:00:00", "2025-01-01 00:00:00+00"},
        {"0001-01-01", "0001-01-01 00:00:00+00"},
        {"9999-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999+00"},
        {"1969-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999+00"},
        {"2025-02-29", "!22008"},
        {"2025-13-01", "!22008"},
        {"2025-00-01", "!22008"},
        {"2025-01-31 25:00", "!22008"},
        {"2025-01-31 10:60", "!22008"},
        {"0000-01-01", "!22008"},
        {"0001-01-01 00:00:00+01", "!22008"},
        {"9999-12-31 23:59:59-01", "!22008"},
        {"2025-01-31 10", "!22007"},
        {"2025-1-1x", "!22007"},
        {"25-01-01", "!22007"},
        {"2025-01-31 10:00:00+", "!22007"},
        {"2025-01-31 10:00:00.+00", "!22007"},
        {"", "!22007"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_convert(value_text(slice_of(cases[i][0])), "timestamptz", false,
                       cases[i][1]);
}

/* Every day of 400 years, and the edges, come back. */
static void
test_calendar(void **state)
{
    (void)state;
    for (int64_t days = -150000; days < 150000; days++) {
        Civil civil = civil_of(days * DAY_MICROSECONDS + 1);
        assert_int_equal(days_from_civil(civil.year, civil.month, civil.day),
                         days);
        assert_true(civil.day <= days_of_month(civil.year, civil.month));
        assert_int_equal(civil.microsecond, 1);
    }
    Buffer text = BUFFER_INIT;
    timestamp_print(&text, INT64_MIN);
    timestamp_print(&text, INT64_MAX);
    assert_string_equal(buffer_text(&text), "290309-12-21 19:59:05.224192+00 BC"
                                            "294247-01-10 04:00:54.775807+00");
    buffer_free(&text);
}

/* ---- order, encoding, columns ---- */

static void
expect_order(Value a, Value b, int expected)
{
    int order;
    assert_true(value_compare(&a, &b, &order));
    assert_int_equal((order > 0) - (order < 0), expected);
    assert_true(value_compare(&b, &a, &order));
    assert_int_equal((order > 0) - (order < 0), -expected);
}

static void
test_compare(void **state)
{
    (void)state;
    static const float a[] = {1, 2};
    static const float b[] = {1, 3};
    int order;
    expect_order(value_int64(1), value_int64(2), -1);
    expect_order(value_int64(9007199254740993),
                 value_double(9007199254740992.0), 1);
    expect_order(value_double(-0.0), value_double(0.0), 0);
    expect_order(value_double(NAN), value_double(INFINITY), 1);
    expect_order(value_text(SLICE_LITERAL("a")),
                 value_text(SLICE_LITERAL("ab")), -1);
    expect_order(value_bool(false), value_bool(true), -1);
    expect_order(value_vector(a, 2), value_vector(b, 2), -1);
    expect_order(value_vector(a, 1), value_vector(a, 2), -1);
    Value text = value_text(SLICE_LITERAL("1"));
    Value number = value_int64(1);
    assert_false(value_compare(&text, &number, &order));
}

static void
test_encode(void **state)
{
    (void)state;
    static const float floats[] = {1, 2, 3};
    Value values[] = {value_int64(-5),
                      value_double(0.1),
                      value_bool(true),
                      value_text(SLICE_LITERAL("text")),
                      value_vector(floats, 3),
                      json_value("{\"a\":[1]}"),
                      VALUE_NULL};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        Buffer bytes = BUFFER_INIT;
        Error err = ERROR_INIT;
        Value out;
        int order = 0;
        value_encode(&bytes, &values[i]);
        Reader reader = reader_of(buffer_slice(&bytes));
        assert_int_equal(value_decode(&reader, &arena, &out, &err), MQL_OK);
        assert_int_equal(reader_left(&reader), 0);
        assert_int_equal(out.is_null, values[i].is_null);
        assert_true(type_equal(out.type, values[i].type));
        assert_true(out.is_null || value_compare(&out, &values[i], &order));
        assert_int_equal(order, 0);
        /* No prefix and no flipped byte may do harm. */
        for (size_t size = 0; size < bytes.size; size++) {
            Error ignored = ERROR_INIT;
            reader = reader_of((Slice){bytes.data, size});
            assert_int_not_equal(value_decode(&reader, &arena, &out, &ignored),
                                 MQL_OK);
        }
        for (size_t at = 0; at < bytes.size * 8; at++) {
            Error ignored = ERROR_INIT;
            Buffer text = BUFFER_INIT;
            bytes.data[at / 8] ^= (char)(1 << (at % 8));
            reader = reader_of(buffer_slice(&bytes));
            if (value_decode(&reader, &arena, &out, &ignored) == MQL_OK)
                value_print(&text, &out);
            bytes.data[at / 8] ^= (char)(1 << (at % 8));
            buffer_free(&text);
        }
        buffer_free(&bytes);
    }
}

static void
test_columns(void **state)
{
    (void)state;
    ColumnBuilder builder;
    Error err = ERROR_INIT;
    Value value = value_int64(7);
    const uint32_t positions[] = {2, 0, 2};
    assert_int_equal(
        column_builder_init(&builder, type_of(TYPE_INT64), 3, &arena, &err),
        MQL_OK);
    column_builder_set(&builder, 2, &value);
    Column column = column_builder_finish(&builder);
    assert_true(column_is_null(&column, 0));
    assert_int_equal(column_value(&column, 2).integer, 7);
    Column gathered;
    assert_int_equal(
        column_gather(&column, positions, 3, &arena, &gathered, &err), MQL_OK);
    assert_int_equal(gathered.ints[0], 7);
    assert_true(column_is_null(&gathered, 1));
    assert_int_equal(gathered.ints[2], 7);
    assert_int_equal(column_constant(&column, &value, 5, &arena, &err), MQL_OK);
    assert_int_equal(column.ints[4], 7);
    Value null = VALUE_NULL;
    assert_int_equal(column_constant(&column, &null, 5, &arena, &err), MQL_OK);
    assert_true(column_is_null(&column, 4));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_type_names),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_name_distance),
        cmocka_unit_test(test_text_conversions),
        cmocka_unit_test(test_structured_text),
        cmocka_unit_test(test_number_conversions),
        cmocka_unit_test(test_json_conversions),
        cmocka_unit_test(test_json_limit),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_calendar),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_columns),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
