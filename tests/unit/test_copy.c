/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_copy.c - files to batches.
 *
 * A case is a text and what must come of it: rows, one a line, values separated
 * by '|', NULL as '~', and the error behind them if there is one. Every case
 * runs with all chunk sizes of a list, so that each token falls over the border
 * of two reads in some run, and the same again compressed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

#include "engine/copy/copy.h"

static const size_t chunk_sizes[] = {0, 1, 2, 3, 7, 16};

#define CHUNK_COUNT (sizeof chunk_sizes / sizeof *chunk_sizes)

static const CopyField fields[] = {
    {.name = {"id", 2}, .type = {.kind = TYPE_INT64}},
    {.name = {"name", 4}, .type = {.kind = TYPE_VARCHAR, .length = 12}},
    {.name = {"v", 1}, .type = {.kind = TYPE_FLOAT_VECTOR, .length = 3}},
};

static const CopyField wide_fields[] = {
    {.name = {"id", 2}, .type = {.kind = TYPE_INT64}},
    {.name = {"small", 5},
     .type = {.kind = TYPE_INT8},
     .has_default = true,
     .default_value = {.type = {.kind = TYPE_INT8}, .integer = 7}},
    {.name = {"real", 4}, .type = {.kind = TYPE_DOUBLE}},
    {.name = {"good", 4}, .type = {.kind = TYPE_BOOL}},
    {.name = {"tags", 4},
     .type = {.kind = TYPE_ARRAY,
              .length = 4,
              .element = TYPE_VARCHAR,
              .element_length = 8}},
    {.name = {"info", 4}, .type = {.kind = TYPE_JSON}},
    {.name = {"$meta", 5}, .type = {.kind = TYPE_JSON}, .is_dynamic = true},
};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

/* What is read, and how. */
typedef struct Case {
    const CopyField *fields;
    uint32_t field_count;
    const char *options; /* "format=csv header=true" */
    const char *data;
    size_t size;
    size_t offset; /* read so far */
} Case;

static int64_t
give(void *context, char *buffer, size_t size)
{
    Case *test = context;
    size_t left = test->size - test->offset;
    size_t count = size < left ? size : left;
    if (count > 0)
        memcpy(buffer, test->data + test->offset, count);
    test->offset += count;
    return (int64_t)count;
}

static mql_status
set_options(const char *text, CopyOptions *options, Error *err)
{
    copy_options_init(options);
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        size_t name_size = strcspn(text, "=");
        Slice name = {text, name_size};
        Slice value = {text + name_size + 1, size - name_size - 1};
        TRY(copy_option_set(options, name, value, err));
        text += size + (text[size] == ' ');
    }
    return MQL_OK;
}

static void
print_batch(const Batch *batch, Buffer *out)
{
    for (uint32_t row = 0; row < batch->count; row++) {
        for (uint32_t i = 0; i < batch->column_count; i++) {
            Value value = column_value(&batch->columns[i], row);
            if (i > 0)
                buffer_append_char(out, '|');
            if (value.is_null)
                buffer_append_char(out, '~');
            else
                value_print(out, &value);
        }
        buffer_append_char(out, '\n');
    }
}

static mql_status
print_rows(CopyReader *reader, Buffer *out, Error *err)
{
    Arena arena;
    Batch batch;
    mql_status status;
    arena_init(&arena, 0);
    do {
        arena_reset(&arena);
        status = copy_next(reader, &arena, &batch, err);
        if (status == MQL_OK)
            print_batch(&batch, out);
    } while (status == MQL_OK && batch.count > 0);
    arena_free(&arena);
    return status;
}

/* Rows and the error of a source, as text. */
static void
read_source(const Case *test, const CopySource *source, Buffer *out)
{
    CopyOptions options;
    CopyReader *reader = NULL;
    Error err = ERROR_INIT;
    mql_status status = set_options(test->options, &options, &err);
    if (status == MQL_OK)
        status = copy_open(source, test->fields, test->field_count, &options,
                           &reader, &err);
    if (status == MQL_OK)
        status = print_rows(reader, out, &err);
    if (status != MQL_OK)
        buffer_printf(out, "%s %s\n", err.sqlstate, err.text);
    if (err.detail[0] != '\0')
        buffer_printf(out, "DETAIL %s\n", err.detail);
    if (status == MQL_OK && copy_skipped(reader) > 0)
        buffer_printf(out, "skipped %d\n", (int)copy_skipped(reader));
    assert_int_equal(status, err.status);
    copy_close(reader);
}

static void
read_case(Case test, size_t chunk_size, Buffer *out)
{
    CopySource source = {
        .read = give, .context = &test, .chunk_size = chunk_size};
    read_source(&test, &source, out);
}

static void
expect_case(const Case *test, const char *expected)
{
    size_t bound = ZSTD_compressBound(test->size);
    char *packed = malloc(bound);
    size_t packed_size =
        ZSTD_compress(packed, bound, test->data, test->size, 3);
    Case packed_test = *test;
    packed_test.data = packed;
    packed_test.size = packed_size;
    for (size_t i = 0; i < 2 * CHUNK_COUNT; i++) {
        Buffer out = BUFFER_INIT;
        read_case(i < CHUNK_COUNT ? *test : packed_test,
                  chunk_sizes[i % CHUNK_COUNT], &out);
        if (strcmp(buffer_text(&out), expected) != 0)
            print_error("with chunks of %zu bytes:\n",
                        chunk_sizes[i % CHUNK_COUNT]);
        assert_string_equal(buffer_text(&out), expected);
        buffer_free(&out);
    }
    free(packed);
}

static void
expect(const char *options, const char *data, const char *expected)
{
    Case test = {fields, COUNT(fields), options, data, strlen(data), 0};
    expect_case(&test, expected);
}

static void
expect_wide(const char *options, const char *data, const char *expected)
{
    Case test = {wide_fields, COUNT(wide_fields), options,
                 data,        strlen(data),       0};
    expect_case(&test, expected);
}

/* ---- CSV ---- */

static void
test_csv_plain(void **state)
{
    (void)state;
    expect("format=csv", "1,one,\"[1,2,3]\"\n2,two,\"[4,5,6]\"\n",
           "1|one|[1,2,3]\n2|two|[4,5,6]\n");
    expect("format=csv", "1,one,\"[1,2,3]\"\r\n2,two,\"{4, 5 ,6}\"",
           "1|one|[1,2,3]\n2|two|[4,5,6]\n");
    expect("format=csv", "", "");
    expect("format=csv", "\n\n1,a,\n\n", "1|a|~\n");
    expect("format=csv delimiter=;", "1;a;[1,-2.5,3e2]\n",
           "1|a|[1,-2.5,300]\n");
    expect("format=csv delimiter=\\t", "1\ta\t[1,2,3]\n", "1|a|[1,2,3]\n");
    expect("", "1,STDIN is csv!,\n",
           "22001 value too long for type VARCHAR(12)\n"
           "DETAIL STDIN, line 1, field name: \"STDIN is csv!\"\n");
}

static void
test_csv_quotes(void **state)
{
    (void)state;
    expect("format=csv", "1,\"a\"\"b\",\n", "1|a\"b|~\n");
    expect("format=csv", "1,\"a\nb\r\nc\",\n2,\",\",\n",
           "1|a\nb\r\nc|~\n2|,|~\n");
    expect("format=csv", "1,a\"b,\n", "1|a\"b|~\n");
    expect("format=csv", "1,,\n2,\"\",\n", "1|~|~\n2||~\n");
    expect("format=csv null=nil", "1,nil,nil\n2,\"nil\",nil\n3,,nil\n",
           "1|~|~\n2|nil|~\n3||~\n");
    expect("format=csv", "1,\"open\n",
           "22P04 unterminated CSV quoted field\nDETAIL STDIN, line 1\n");
    expect("format=csv", "1,\"a\"b,\n",
           "22P04 text follows the closing quote of a field\n"
           "DETAIL STDIN, line 1\n");
    expect("format=csv", "1,a\rb,\n",
           "22P04 unquoted carriage return found in data\n"
           "DETAIL STDIN, line 1\n");
}

static void
test_csv_header(void **state)
{
    (void)state;
    expect("format=csv", "v,id,name\n\"[1,2,3]\",1,a\n", "1|a|[1,2,3]\n");
    expect("format=csv", "Name,ID\na,1\n", "1|a|~\n");
    expect("format=csv header=true", "name,\"id\"\na,1\n", "1|a|~\n");
    expect("format=csv header=true", "", "");
    expect("format=csv header=false", "id,name,v\n",
           "22P02 invalid input syntax for type INT64: \"id\"\n"
           "DETAIL STDIN, line 1, field id: \"id\"\n");
    expect("format=csv header=true", "id,nam\n1,a\n",
           "42703 field \"nam\" of the data is not a field to copy into\n"
           "DETAIL STDIN\n");
    expect("format=csv header=true", "id,id\n1,2\n",
           "42701 field \"id\" stands twice in the header\nDETAIL STDIN\n");
    expect("format=csv", "\xef\xbb\xbfid,name\n1,a\n", "1|a|~\n");
    /* What is no header stays as it was for the second look. */
    expect("format=csv", "1,\"a\"\"b\"\"c\",\n", "1|a\"b\"c|~\n");
    expect_wide("format=csv", "id,real\n1,2.5\n", "1|7|2.5|~|~|~|~\n");
}

static void
test_csv_types(void **state)
{
    (void)state;
    expect_wide("format=csv",
                "1,-128,0.1,t,\"[\"\"a\"\",\"\"b\"\"]\",\"{\"\"k\"\": [1]}\"\n",
                "1|-128|0.1|t|[\"a\",\"b\"]|{\"k\":[1]}|~\n");
    expect_wide("format=csv", "1,128,0,t,,\n",
                "22003 value \"128\" is out of range for type INT8\n"
                "DETAIL STDIN, line 1, field small: \"128\"\n");
    expect_wide("format=csv", "1,1,NaN,t,,\n",
                "22003 value \"NaN\" is out of range for type DOUBLE\n"
                "DETAIL STDIN, line 1, field real: \"NaN\"\n");
}

static void
test_csv_errors(void **state)
{
    (void)state;
    expect("format=csv", "1,a,\n2,b\n",
           "22P04 missing data for field \"v\"\nDETAIL STDIN, line 2\n");
    expect("format=csv", "1,\"a\nb\",\n2,b,,\n",
           "22P04 extra data after last expected field\n"
           "DETAIL STDIN, line 3\n");
    expect("format=csv", "1,a,\"[1,2]\"\n",
           "22000 expected 3 dimensions, not 2\n"
           "DETAIL STDIN, line 1, field v: \"[1,2]\"\n");
    expect("format=csv", "1,a,\"[1,nan,3]\"\n",
           "22003 NaN not allowed in vector\n"
           "DETAIL STDIN, line 1, field v: \"[1,nan,3]\"\n");
    expect("format=csv", "1,\xff,\n",
           "22021 invalid byte sequence for encoding \"UTF8\": 0xff\n"
           "DETAIL STDIN, line 1\n");
    expect("format=csv",
           "\xff\xfe"
           "1,",
           "22021 the file is UTF-16, not UTF-8\n"
           "DETAIL STDIN\n");
}

/* A row that fails leaves nothing behind, whatever is wrong with it. */
static void
test_csv_skips(void **state)
{
    (void)state;
    expect("format=csv on_error=ignore",
           "1,a,\"[1,2,3]\"\nx,b,\n2,\"b\"b,\n3,too many,,\n\xff\n4,d,\"[4]\"\n"
           "5,e,\"[5,5,5]\"\n\"6",
           "1|a|[1,2,3]\n5|e|[5,5,5]\nskipped 6\n");
    expect("format=csv on_error=ignore", "x\ny\n", "skipped 2\n");
}

/* ---- JSON ---- */

static void
test_jsonl(void **state)
{
    (void)state;
    expect("format=jsonl",
           "{\"id\":1,\"name\":\"one\",\"v\":[1,2.5,-3e-2]}\n\n"
           " { \"v\" : [ 4 , 5 , 6 ] , \"id\" : 2 } \r\n{}",
           "1|one|[1,2.5,-0.03]\n2|~|[4,5,6]\n~|~|~\n");
    expect("format=jsonl",
           "{\"id\":1,\"name\":\"\\u00e9\\n\\\"\\ud83d\\ude00\"}",
           "1|\xc3\xa9\n\"\xf0\x9f\x98\x80|~\n");
    expect("format=jsonl", "{\"i\\u0064\":1,\"id\":2,\"name\":null}",
           "2|~|~\n");
    expect("format=jsonl", "{\"id\":3.0,\"v\":\"[1,2,3]\"}", "3|~|[1,2,3]\n");
    expect("format=jsonl", "{\"id\":1}\n{\"id\":9223372036854775807}\n",
           "1|~|~\n9223372036854775807|~|~\n");
}

static void
test_json_types(void **state)
{
    (void)state;
    expect_wide(
        "format=jsonl",
        "{\"id\":1,\"small\":1,\"real\":1e2,\"good\":true,"
        "\"tags\":[\"a\\\"]\",\"b\"],\"info\":{\"b\":[1,{}],\"a\":null}}",
        "1|1|100|t|[\"a\\\"]\",\"b\"]|{\"a\":null,\"b\":[1,{}]}|~\n");
    expect_wide("format=jsonl", "{\"id\":1}", "1|7|~|~|~|~|~\n");
    expect_wide("format=jsonl", "{\"id\":1,\"small\":null}", "1|~|~|~|~|~|~\n");
    expect_wide("format=jsonl", "{\"id\":1,\"info\":\"x\"}",
                "1|7|~|~|~|\"x\"|~\n");
}

static void
test_json_dynamic(void **state)
{
    (void)state;
    expect_wide("format=jsonl",
                "{\"z\":[1,\"}\"],\"id\":1,\"a\":{\"b\":1}}\n{\"id\":2}\n",
                "1|7|~|~|~|~|{\"a\":{\"b\":1},\"z\":[1,\"}\"]}\n"
                "2|7|~|~|~|~|~\n");
    expect_wide("format=jsonl",
                "{\"x\":1,\"$meta\":{\"y\":2, \"z\":3},\"id\":1}\n"
                "{\"$meta\":{ },\"id\":2}\n{\"$meta\":null,\"id\":3}\n",
                "1|7|~|~|~|~|{\"x\":1,\"y\":2,\"z\":3}\n2|7|~|~|~|~|~\n"
                "3|7|~|~|~|~|~\n");
    expect_wide("format=jsonl", "{\"id\":1,\"$meta\":[1]}",
                "22P02 the dynamic field takes a JSON object\n"
                "DETAIL STDIN, line 1, field $meta: \"[1]\"\n");
    expect("format=jsonl", "{\"id\":1,\"nme\":\"a\"}",
           "42703 field \"nme\" of the data is not a field to copy into\n"
           "DETAIL STDIN, line 1\n");
}

static void
test_json_layouts(void **state)
{
    (void)state;
    expect("format=json", "[{\"id\":1},\n{\"id\":2}]\n", "1|~|~\n2|~|~\n");
    expect("format=json", " [ ] ", "");
    expect("format=json", "", "");
    expect("format=json", " {\"rows\" : [ {\"id\":1} , {\"id\":2} ] } ",
           "1|~|~\n2|~|~\n");
    expect("format=json", "{\"id\":1}{\"id\":2}\n\n{\n\"id\":\n3}",
           "1|~|~\n2|~|~\n3|~|~\n");
    expect("format=json", "[{\"id\":1},]",
           "22032 invalid input syntax for type JSON\n"
           "DETAIL STDIN, line 1: Expected an object.\n");
}

/* Text that is no JSON, at every level; none may be taken. */
static void
test_json_bad(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"id\":1",
        "{\"id\" 1}",
        "{\"id\":}",
        "{id:1}",
        "[1]",
        "{\"id\":1}}",
        "{\"id\":1,}",
        "{\"id\":1 \"v\"}",
        "{\"name\":\"a}",
        "{\"name\":\"\t\"}",
        "{\"name\":\"\\x\"}",
        "{\"name\":\"\\ud800\"}",
        "{\"name\":\"\\u0000\"}",
        "{\"id\":01}",
        "{\"id\":+1}",
        "{\"id\":1.}",
        "{\"id\":tru}",
        "{\"v\":[1,2,3,]}",
        "{\"v\":[01,2,3]}",
        "{\"v\":[1.,2,3]}",
        "{\"v\":[.5,2,3]}",
        "{\"v\":[+1,2,3]}",
        "{\"v\":[1.e2,2,3]}",
        "{\"v\":[1,2,NaN]}",
        "{\"v\":[1,2,Infinity]}",
        "{\"v\":[1,2,3}",
        "{\"v\":[1,2,1e999]}",
        "{\"v\":[1,[2],3]}",
        "{\"v\":[1,2]}",
        "{\"v\":[1,2,3,4]}",
        "{\"v\":[1,2,\"3\"]}",
        "{\"v\":1}",
        "{\"v\":{}}",
        "{\"v\":[]}",
        "{\"id\":\"x\"}",
        "{\"id\":1.5}",
        "{\"id\":1e400}",
        "{\"id\":[1]}",
        "{\"name\":1}",
        "{\"id\":9223372036854775808}",
        "{\"v\":[1,2,1e39]}",
        "{\"id\":-}",
        "nul",
        "\"a\"",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        Case test = {fields,   COUNT(fields),    "format=jsonl",
                     lines[i], strlen(lines[i]), 0};
        Buffer out = BUFFER_INIT;
        read_case(test, 0, &out);
        if (strstr(buffer_text(&out), "DETAIL STDIN, line 1") == NULL)
            fail_msg("%s gave %s", lines[i], buffer_text(&out));
        buffer_free(&out);
    }
}

static void
test_json_errors(void **state)
{
    (void)state;
    expect("format=jsonl", "{\"id\":1}\n{\"id\":\"x\"}\n",
           "22P02 invalid input syntax for type INT64: \"x\"\n"
           "DETAIL STDIN, line 2, field id: \"x\"\n");
    expect("format=jsonl", "{\"id\":1}\n{\"id\" 1}\n",
           "22032 invalid input syntax for type JSON\n"
           "DETAIL STDIN, line 2: Expected ':' at byte 7.\n");
    expect("format=json", "[{\"id\":1}\n {\"id\":2}]",
           "22032 invalid input syntax for type JSON\n"
           "DETAIL STDIN, line 2: Expected ',' or ']'.\n");
    expect("format=json", "[{\"id\":1}",
           "22032 invalid input syntax for type JSON\n"
           "DETAIL STDIN, line 1: Expected ',' or ']'.\n");
    expect("format=json", "[{\"id\":1",
           "22032 invalid input syntax for type JSON\n"
           "DETAIL STDIN, line 1: Expected the end of the object.\n");
    expect("format=json", "[] x",
           "22032 invalid input syntax for type JSON\n"
           "DETAIL STDIN, line 1: Expected the end of the file.\n");
    expect("format=jsonl on_error=ignore",
           "{\"id\":1}\n{\"id\":\n{\"v\":[1]}\nx\n{\"id\":5}\n",
           "1|~|~\n5|~|~\nskipped 3\n");
    expect("format=json on_error=ignore",
           "[{\"id\":1},{\"id\":\"x\"},{\"id\":3}]",
           "1|~|~\n3|~|~\nskipped 1\n");
}

/* Nesting that no recursion may follow, and lines without end. */
static void
test_json_hostile(void **state)
{
    (void)state;
    size_t size = 1000000;
    char *data = malloc(size + 16);
    memcpy(data, "{\"x\":", 5);
    memset(data + 5, '[', size);
    Case test = {wide_fields, COUNT(wide_fields), "format=jsonl",
                 data,        size + 5,           0};
    Buffer out = BUFFER_INIT;
    read_case(test, 0, &out);
    assert_non_null(strstr(buffer_text(&out), "22032"));
    buffer_clear(&out);
    /* Whole, and small enough to be JSON but for its depth. */
    size = 2000;
    memset(data + 5 + size / 2, ']', size / 2);
    data[5 + size] = '}';
    test.size = size + 6;
    read_case(test, 0, &out);
    assert_non_null(strstr(buffer_text(&out), "64 levels"));
    buffer_free(&out);
    free(data);
}

/* ---- npy ---- */

static const CopyField vector_field = {
    .name = {"v", 1}, .type = {.kind = TYPE_FLOAT_VECTOR, .length = 2}};
static const CopyField int_field = {.name = {"id", 2},
                                    .type = {.kind = TYPE_INT32}};
static const CopyField real_field = {.name = {"r", 1},
                                     .type = {.kind = TYPE_DOUBLE}};
static const CopyField bool_field = {.name = {"b", 1},
                                     .type = {.kind = TYPE_BOOL}};

/* A file of version `major` with this header text and these bytes. */
static size_t
make_npy(char *out, int major, const char *header, const void *data,
         size_t size)
{
    size_t start = major == 1 ? 10 : 12;
    size_t header_size = strlen(header);
    memcpy(out, "\x93NUMPY", 6);
    memset(out + 6, 0, start - 6);
    out[6] = (char)major;
    out[8] = (char)header_size;
    out[9] = (char)(header_size >> 8);
    memcpy(out + start, header, header_size);
    memcpy(out + start + header_size, data, size);
    return start + header_size + size;
}

static void
expect_npy(const CopyField *field, const char *header, const void *data,
           size_t size, const char *expected)
{
    char file[512];
    for (int major = 1; major <= 3; major++) {
        Case test = {field, 1, "format=npy", file, 0, 0};
        test.size = make_npy(file, major, header, data, size);
        expect_case(&test, expected);
    }
}

#define HEADER(descr, shape)                                                   \
    "{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }  \n"

static void
test_npy_types(void **state)
{
    (void)state;
    float f4[] = {1, -2.5f, 3, 4};
    double f8[] = {1, -2.5, 3, 4};
    uint16_t f2[] = {0x3c00, 0xc100, 0x0001, 0x8000};
    int8_t i1[] = {1, -2, 127, -128};
    int64_t i8[] = {1, -2, 3, INT64_MAX};
    uint64_t u8[] = {1, UINT64_C(10000000000000000000)};
    expect_npy(&vector_field, HEADER("<f4", "(2, 2)"), f4, sizeof f4,
               "[1,-2.5]\n[3,4]\n");
    expect_npy(&vector_field, HEADER("<f8", "(2, 2)"), f8, sizeof f8,
               "[1,-2.5]\n[3,4]\n");
    expect_npy(&vector_field, HEADER("<f2", "(2,2)"), f2, sizeof f2,
               "[1,-2.5]\n[5.9604645e-08,-0]\n");
    expect_npy(&vector_field, HEADER("|i1", "(2, 2)"), i1, sizeof i1,
               "[1,-2]\n[127,-128]\n");
    expect_npy(&vector_field, HEADER("<i8", "(2, 2)"), i8, sizeof i8,
               "[1,-2]\n[3,9.223372e+18]\n");
    expect_npy(&int_field, HEADER("|i1", "(4,)"), i1, sizeof i1,
               "1\n-2\n127\n-128\n");
    expect_npy(&real_field, HEADER("<f4", "(4,)"), f4, sizeof f4,
               "1\n-2.5\n3\n4\n");
    expect_npy(&bool_field, HEADER("|b1", "(2,)"), "\1\0", 2, "t\nf\n");
    expect_npy(&int_field, HEADER("<i8", "(4,)"), i8, sizeof i8,
               "22003 value \"9223372036854775807\" is out of range for type "
               "INT32\nDETAIL STDIN, row 4, field id\n");
    expect_npy(&int_field, HEADER("<u8", "(2,)"), u8, sizeof u8,
               "22003 value \"1e+19\" is out of range for "
               "type INT32\nDETAIL STDIN, row 2, field id\n");
    expect_npy(&int_field, HEADER("<i8", "(0,)"), "", 0, "");
}

static const CopyField element_fields[] = {
    {.name = {"h", 1}, .type = {.kind = TYPE_FLOAT16_VECTOR, .length = 2}},
    {.name = {"i", 1}, .type = {.kind = TYPE_INT8_VECTOR, .length = 2}},
    {.name = {"b", 1}, .type = {.kind = TYPE_BINARY_VECTOR, .length = 16}},
};

static void
test_npy_elements(void **state)
{
    (void)state;
    const uint16_t f2[] = {0x3c00, 0xc100, 0x0001, 0x8000};
    const float f4[] = {0.1f, 65504, 70000, 0};
    const int8_t i1[] = {1, -2, 127, -128};
    const float whole[] = {1, -128, 0.5f, 0};
    const uint8_t u1[] = {0xf0, 0x0f, 0x01, 0x80};
    expect_npy(&element_fields[0], HEADER("<f2", "(2, 2)"), f2, sizeof f2,
               "[1,-2.5]\n[5.9604645e-08,-0]\n");
    expect_npy(&element_fields[0], HEADER("<f4", "(2, 2)"), f4, sizeof f4,
               "22003 \"70000\" is out of range for type FLOAT16_VECTOR\n"
               "DETAIL STDIN, row 2, field h\n");
    expect_npy(&element_fields[1], HEADER("|i1", "(2, 2)"), i1, sizeof i1,
               "[1,-2]\n[127,-128]\n");
    expect_npy(&element_fields[1], HEADER("<f4", "(2, 2)"), whole, sizeof whole,
               "22000 value \"0.5\" is not a whole number, as type "
               "INT8_VECTOR needs\nDETAIL STDIN, row 2, field i\n");
    expect_npy(&element_fields[2], HEADER("|u1", "(2, 2)"), u1, sizeof u1,
               "1111000000001111\n0000000110000000\n");
    expect_npy(&element_fields[2], HEADER("|i1", "(2, 2)"), i1, sizeof i1,
               "42804 type BINARY_VECTOR takes an npy array of type \"|u1\", "
               "not \"|i1\"\nDETAIL STDIN, field b\n");
}

static void
expect_elements(const char *options, const char *data, const char *expected)
{
    Case test = {element_fields, COUNT(element_fields), options,
                 data,           strlen(data),          0};
    expect_case(&test, expected);
}

static void
test_text_elements(void **state)
{
    (void)state;
    expect_elements("format=csv",
                    "\"[0.1,2]\",\"[1,-128]\",1111000000001111\n"
                    "\"{1, 2 }\",\"[ +1, 2.0]\",0000000000000000\n",
                    "[0.099975586,2]|[1,-128]|1111000000001111\n"
                    "[1,2]|[1,2]|0000000000000000\n");
    expect_elements("format=csv", "\"[1e6,2]\",,\n",
                    "22003 \"1e+06\" is out of range for type "
                    "FLOAT16_VECTOR\nDETAIL STDIN, line 1, field h\n");
    expect_elements(
        "format=jsonl",
        "{\"h\":[0.1,2],\"i\":[1,-128],\"b\":\"1111000000001111\"}\n"
        "{\"h\":\"[1,2]\",\"i\":null,\"b\":[240,15]}\n",
        "[0.099975586,2]|[1,-128]|1111000000001111\n"
        "[1,2]|~|1111000000001111\n");
    expect_elements(
        "format=jsonl", "{\"b\":[240,256]}\n",
        "22P02 element 1 of the vector is no byte: a list of type "
        "BINARY_VECTOR has a number from 0 to 255 for every 8 "
        "dimensions\nDETAIL STDIN, line 1, field b: \"[240,256]\"\n");
}

static void
test_npy_bad(void **state)
{
    (void)state;
    float nan[] = {1, 0};
    memcpy(&nan[1], "\0\0\xc0\x7f", 4);
    expect_npy(&vector_field, HEADER("<f4", "(1, 2)"), nan, sizeof nan,
               "22003 NaN not allowed in vector\n"
               "DETAIL STDIN, row 1, field v\n");
    expect_npy(&vector_field, HEADER("<f4", "(1, 3)"), nan, 12 - 4,
               "22000 expected 2 dimensions, not 3\n"
               "DETAIL STDIN, field v\n");
    expect_npy(&vector_field, HEADER("<f4", "(2,)"), nan, 8,
               "22000 type FLOAT_VECTOR takes an npy array of two dimensions, "
               "not of 1\nDETAIL STDIN, field v\n");
    expect_npy(&vector_field, HEADER(">f4", "(1, 2)"), nan, 8,
               "0A000 npy type \">f4\" is not supported\n"
               "DETAIL STDIN, field v\n");
    expect_npy(&vector_field,
               "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }",
               nan, 8,
               "0A000 npy arrays in Fortran order are not supported\n"
               "DETAIL STDIN, field v\n");
    expect_npy(&int_field, HEADER("|i1", "(3,)"), "\1\2", 2,
               "22P04 the npy file ends before its last row\n"
               "DETAIL STDIN, row 3, field id\n");
    expect_npy(&int_field, HEADER("|i1", "(1,)"), "\1\2", 2,
               "22P04 the npy file has bytes behind its last row\n"
               "DETAIL STDIN, row 1, field id\n");
    expect_npy(&vector_field, HEADER("<f8", "(2305843009213693952, 2)"), "", 0,
               "22P04 the npy header speaks of 18446744073709551615 bytes, the "
               "file has 0\nDETAIL STDIN, field v\n");
}

static void
test_npy_header(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "  ",
        "{",
        "{}",
        "{'descr': '|i1', 'fortran_order': False}",
        "{'descr': '|i1', 'descr': '|i1', 'fortran_order': False, 'shape': "
        "(1,)}",
        "{'descr': '|i1', 'fortran_order': False, 'shape': (1,)} x",
        "{'descr': '|i1', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '|i1', 'fortran_order': False, 'shape': "
        "(99999999999999999999,)}",
        "{'descr': '|i1', 'fortran_order': Maybe, 'shape': (1,)}",
        "{'descr': '|i1, 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|i1', 'fortran_order': False, 'shape': (1 1)}",
        "{'descr': '|i1', 'fortran_order': False, 'shape': (1,), 'more': 1}",
    };
    for (size_t i = 0; i < COUNT(headers); i++)
        expect_npy(&int_field, headers[i], "\1", 1,
                   "22P04 the npy header is damaged\nDETAIL STDIN, field id\n");
    expect_npy(&int_field,
               "{\"shape\":(1,),'fortran_order':True,'descr':'|i1'}", "\5", 1,
               "5\n");
}

/* ---- files ---- */

static char directory[] = "/tmp/mql-copy-XXXXXX";

static Slice
write_file(const char *name, const void *data, size_t size)
{
    static char paths[4][64];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, 64, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
    return slice_of(path);
}

static int
make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) == NULL;
}

static int
remove_directory(void **state)
{
    (void)state;
    static const char *const names[] = {"a.csv", "b.jsonl", "c.json",
                                        "d.npy", "e.npy",   "f.csv.zst",
                                        "g.tsv", "h.txt"};
    char path[64];
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
    return rmdir(directory);
}

static void
expect_files(const CopyField *described, uint32_t count, const char *options,
             const Slice *paths, uint32_t path_count, const char *expected)
{
    Case test = {described, count, options, NULL, 0, 0};
    for (size_t i = 0; i < CHUNK_COUNT; i++) {
        CopySource source = {.vfs = &posix_vfs,
                             .paths = paths,
                             .path_count = path_count,
                             .chunk_size = chunk_sizes[i]};
        Buffer out = BUFFER_INIT;
        read_source(&test, &source, &out);
        /* The folder's name changes from run to run. */
        char *place =
            strstr(out.data == NULL ? "" : buffer_text(&out), directory);
        if (place != NULL)
            memmove(place, place + sizeof directory,
                    strlen(place + sizeof directory) + 1);
        assert_string_equal(buffer_text(&out), expected);
        buffer_free(&out);
    }
}

static void
test_file_suffix(void **state)
{
    (void)state;
    char packed[256];
    size_t packed_size = ZSTD_compress(packed, sizeof packed, "5,e,\n", 5, 1);
    Slice paths[] = {
        write_file("a.csv", "1,a,\n", 5),
        write_file("b.jsonl", "{\"id\":2}", 8),
        write_file("c.json", "[{\"id\":3}]", 10),
        write_file("g.tsv", "4\td\t[1,2,3]\n", 12),
    };
    expect_files(fields, 3, "", &paths[0], 1, "1|a|~\n");
    expect_files(fields, 3, "", &paths[1], 1, "2|~|~\n");
    expect_files(fields, 3, "", &paths[2], 1, "3|~|~\n");
    expect_files(fields, 3, "", &paths[3], 1, "4|d|[1,2,3]\n");
    Slice path = write_file("f.csv.zst", packed, packed_size);
    expect_files(fields, 3, "", &path, 1, "5|e|~\n");
    path = write_file("f.csv.zst", packed, packed_size - 1);
    expect_files(fields, 3, "", &path, 1,
                 "22P04 could not decompress: unexpected end of file\n"
                 "DETAIL f.csv.zst\n");
    path = write_file("f.csv.zst", "1,a,\n", 5);
    Case test = {fields, 3, "", NULL, 0, 0};
    CopySource source = {.vfs = &posix_vfs, .paths = &path, .path_count = 1};
    Buffer out = BUFFER_INIT;
    read_source(&test, &source, &out);
    assert_non_null(strstr(buffer_text(&out), "is not a zstd file"));
    buffer_clear(&out);
    path = write_file("h.txt", "1,a,\n", 5);
    read_source(&test, &source, &out);
    assert_non_null(strstr(buffer_text(&out), "cannot tell the format"));
    buffer_clear(&out);
    path = SLICE_LITERAL("/tmp/there/is/no/such.csv");
    read_source(&test, &source, &out);
    assert_non_null(strstr(buffer_text(&out), "58P01 could not open file"));
    buffer_clear(&out);
    path = SLICE_LITERAL("/tmp");
    test.options = "format=csv";
    read_source(&test, &source, &out);
    assert_non_null(strstr(buffer_text(&out), "could not read file"));
    buffer_free(&out);
}

static void
test_file_npy_pair(void **state)
{
    (void)state;
    static const CopyField pair[] = {
        {.name = {"id", 2}, .type = {.kind = TYPE_INT64}},
        {.name = {"v", 1}, .type = {.kind = TYPE_FLOAT_VECTOR, .length = 2}},
    };
    char file[256];
    int64_t ids[] = {10, 20};
    size_t size = make_npy(file, 1, HEADER("<i8", "(2,)"), ids, sizeof ids);
    Slice paths[2];
    paths[0] = write_file("d.npy", file, size);
    size = make_npy(file, 1, HEADER("|u1", "(2, 2)"), "\1\2\3\377", 4);
    paths[1] = write_file("e.npy", file, size);
    expect_files(pair, 2, "", paths, 2, "10|[1,2]\n20|[3,255]\n");
    expect_files(pair, 2, "", paths, 1,
                 "22023 format npy needs a file for each field: 2 fields, 1 "
                 "files\n");
    size = make_npy(file, 1, HEADER("|u1", "(1, 2)"), "\1\2", 2);
    paths[1] = write_file("e.npy", file, size);
    expect_files(pair, 2, "", paths, 2,
                 "22P04 files have different numbers of rows: 2 and 1\n"
                 "DETAIL e.npy, field v\n");
    size = make_npy(file, 1, HEADER("|u1", "(2, 2)"), "\1\2", 2);
    paths[1] = write_file("e.npy", file, size);
    expect_files(pair, 2, "", paths, 2,
                 "22P04 the npy header speaks of 4 bytes, the file has 2\n"
                 "DETAIL e.npy, field v\n");
}

/* Every beginning of a good file is rows and then nothing or one error. */
static void
test_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        const char *data;
    } files[] = {
        {"format=csv", "id,name,v\r\n1,\"a\"\"\n\",\"[1,2,3]\"\r\n2,b,\r\n"},
        {"format=jsonl", "{\"id\":1,\"name\":\"\\u00e9\",\"v\":[1,2e1,3]}\n"
                         "{\"id\":2}\n"},
        {"format=json", " {\"rows\": [{\"id\":1,\"v\":[1,2,3]}, {\"id\":2}]} "},
    };
    for (size_t i = 0; i < COUNT(files); i++) {
        size_t size = strlen(files[i].data);
        for (size_t cut = 0; cut <= size; cut++) {
            char *copy = malloc(cut + 1); /* so that a read past it is seen */
            memcpy(copy, files[i].data, cut);
            Case test = {fields, 3, files[i].options, copy, cut, 0};
            Buffer whole = BUFFER_INIT;
            Buffer pieces = BUFFER_INIT;
            read_case(test, 0, &whole);
            read_case(test, 1, &pieces);
            assert_string_equal(buffer_text(&whole), buffer_text(&pieces));
            buffer_free(&whole);
            buffer_free(&pieces);
            free(copy);
        }
    }
}

/* ---- the rest ---- */

static void
test_options(void **state)
{
    (void)state;
    expect("format=parquet", "",
           "0A000 COPY format \"parquet\" is not supported yet\n");
    expect("format=xml", "", "22023 COPY format \"xml\" not recognized\n");
    expect("headr=true", "", "22023 option \"headr\" not recognized\n");
    expect("quote=x", "", "0A000 COPY option \"quote\" is not supported yet\n");
    expect("header=perhaps", "", "22023 header requires a Boolean value\n");
    expect("delimiter=ab", "",
           "22023 COPY delimiter must be a single one-byte character\n");
    expect("format=jsonl header=true", "",
           "22023 COPY HEADER is not an option of format jsonl\n");
    expect("on_error=whine", "",
           "22023 COPY ON_ERROR \"whine\" not recognized\n");
}

/* More rows than a batch holds: none lost, places right, progress whole. */
static void
test_batches(void **state)
{
    (void)state;
    static const CopyField id = {.name = {"id", 2},
                                 .type = {.kind = TYPE_INT64}};
    Buffer text = BUFFER_INIT;
    for (int i = 0; i < 5000; i++)
        buffer_printf(&text, "%d\n", i);
    Case test = {&id, 1, "", text.data, text.size, 0};
    CopySource source = {.read = give, .context = &test};
    CopyOptions options;
    CopyReader *reader;
    Error err = ERROR_INIT;
    Arena arena;
    Batch batch;
    int64_t next = 0;
    arena_init(&arena, 0);
    copy_options_init(&options);
    assert_int_equal(copy_open(&source, &id, 1, &options, &reader, &err),
                     MQL_OK);
    for (;;) {
        arena_reset(&arena);
        assert_int_equal(copy_next(reader, &arena, &batch, &err), MQL_OK);
        if (batch.count == 0)
            break;
        assert_true(batch.count <= BATCH_ROWS);
        char place[64];
        char expected[64];
        copy_place(reader, 1, place, sizeof place);
        snprintf(expected, sizeof expected, "STDIN, line %d", (int)next + 2);
        assert_string_equal(place, expected);
        for (uint32_t row = 0; row < batch.count; row++)
            assert_int_equal(batch.columns[0].ints[row], next++);
    }
    assert_int_equal(next, 5000);
    uint64_t done;
    uint64_t total;
    copy_progress(reader, &done, &total);
    assert_int_equal(done, text.size);
    copy_close(reader);
    arena_free(&arena);
    buffer_free(&text);
}

/* Out of memory at every step is a clean error. */
static void
test_arena_limits(void **state)
{
    (void)state;
    const char *data =
        "{\"id\":1,\"x\":[1],\"tags\":[\"a\"],\"info\":{\"b\":2}}\n";
    for (size_t limit = 64; limit < 300000; limit += limit / 8) {
        Case test = {wide_fields, COUNT(wide_fields), "format=jsonl",
                     data,        strlen(data),       0};
        CopySource source = {.read = give, .context = &test};
        CopyOptions options;
        CopyReader *reader;
        Error err = ERROR_INIT;
        Arena arena;
        Batch batch;
        arena_init(&arena, limit);
        assert_int_equal(set_options(test.options, &options, &err), MQL_OK);
        assert_int_equal(copy_open(&source, wide_fields, COUNT(wide_fields),
                                   &options, &reader, &err),
                         MQL_OK);
        mql_status status = copy_next(reader, &arena, &batch, &err);
        assert_true(status == MQL_OK || status == MQL_NO_MEMORY);
        assert_true(limit < 200000 || status == MQL_OK);
        copy_close(reader);
        arena_free(&arena);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_plain),
        cmocka_unit_test(test_csv_quotes),
        cmocka_unit_test(test_csv_header),
        cmocka_unit_test(test_csv_types),
        cmocka_unit_test(test_csv_errors),
        cmocka_unit_test(test_csv_skips),
        cmocka_unit_test(test_jsonl),
        cmocka_unit_test(test_json_types),
        cmocka_unit_test(test_json_dynamic),
        cmocka_unit_test(test_json_layouts),
        cmocka_unit_test(test_json_bad),
        cmocka_unit_test(test_json_errors),
        cmocka_unit_test(test_json_hostile),
        cmocka_unit_test(test_npy_types),
        cmocka_unit_test(test_npy_elements),
        cmocka_unit_test(test_text_elements),
        cmocka_unit_test(test_npy_bad),
        cmocka_unit_test(test_npy_header),
        cmocka_unit_test(test_file_suffix),
        cmocka_unit_test(test_file_npy_pair),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_arena_limits),
    };
    return cmocka_run_group_tests_name("copy", tests, make_directory,
                                       remove_directory);
}
