/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_copy.c - any bytes as a file to copy from.
 *
 * The first byte chooses format, fields, chunk size and ON_ERROR, the rest is
 * the file. Whatever it holds, the answer is rows that keep the fields'
 * promises, or one error with words; every row is looked at.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "engine/copy/copy.h"
#include "engine/value/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Bytes {
    const uint8_t *data;
    size_t size;
} Bytes;

static int64_t
read_bytes_of(void *context, char *buffer, size_t size)
{
    Bytes *bytes = context;
    size_t count = size < bytes->size ? size : bytes->size;
    if (count > 0)
        memcpy(buffer, bytes->data, count);
    bytes->data += count;
    bytes->size -= count;
    return (int64_t)count;
}

static void
require(bool condition)
{
    if (!condition)
        abort();
}

static void
look_at(const Value *value)
{
    if (value->is_null)
        return;
    switch (value->type.kind) {
    case TYPE_VARCHAR:
        require(value->bytes.size <= value->type.length);
        require(utf8_valid(value->bytes.data, value->bytes.size, NULL));
        break;
    case TYPE_JSON:
    case TYPE_ARRAY:
        require(json_check(value->bytes));
        break;
    case TYPE_DOUBLE:
        require(isfinite(value->real));
        break;
    case TYPE_FLOAT_VECTOR:
        require(value->bytes.size == value->type.length * sizeof(float));
        for (uint32_t i = 0; i < value->type.length; i++)
            require(isfinite(value_floats(value)[i]));
        break;
    default:
        break;
    }
}

static const CopyField all_fields[] = {
    {.name = {"v", 1}, .type = {.kind = TYPE_FLOAT_VECTOR, .length = 3}},
    {.name = {"id", 2}, .type = {.kind = TYPE_INT64}},
    {.name = {"name", 4}, .type = {.kind = TYPE_VARCHAR, .length = 16}},
    {.name = {"price", 5}, .type = {.kind = TYPE_DOUBLE}},
    {.name = {"good", 4}, .type = {.kind = TYPE_BOOL}},
    {.name = {"at", 2}, .type = {.kind = TYPE_TIMESTAMPTZ}},
    {.name = {"tags", 4},
     .type = {.kind = TYPE_ARRAY,
              .length = 4,
              .element = TYPE_VARCHAR,
              .element_length = 8}},
    {.name = {"info", 4}, .type = {.kind = TYPE_JSON}},
    {.name = {"$meta", 5}, .type = {.kind = TYPE_JSON}, .is_dynamic = true},
};

#define FIELD_COUNT (sizeof all_fields / sizeof *all_fields)

static void
read_all(CopyReader *reader, Error *err)
{
    Arena arena;
    arena_init(&arena, (size_t)256 << 20);
    Batch batch;
    do {
        arena_reset(&arena);
        if (copy_next(reader, &arena, &batch, err) != MQL_OK)
            break;
        for (uint32_t row = 0; row < batch.count; row++) {
            for (uint32_t i = 0; i < batch.column_count; i++) {
                Value value = column_value(&batch.columns[i], row);
                look_at(&value);
            }
        }
    } while (batch.count > 0);
    arena_free(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const formats[] = {"csv", "jsonl", "json", "npy"};
    if (size == 0)
        return 0;
    uint8_t choice = data[0];
    Bytes bytes = {data + 1, size - 1};
    CopySource source = {.read = read_bytes_of,
                         .context = &bytes,
                         .chunk_size = (choice & 4) != 0 ? 3 : 0};
    CopyOptions options;
    copy_options_init(&options);
    options.format = slice_of(formats[choice & 3]);
    options.skips_errors = (choice & 8) != 0;
    /* With and without the dynamic field; npy has a file, so a field, at most.
     */
    uint32_t count = (choice & 16) != 0 ? FIELD_COUNT : FIELD_COUNT - 1;
    if ((choice & 3) == 3)
        count = 1;
    const CopyField *fields = all_fields + ((choice & 3) == 3 && choice & 32);
    CopyReader *reader;
    Error err = ERROR_INIT;
    if (copy_open(&source, fields, count, &options, &reader, &err) == MQL_OK)
        read_all(reader, &err);
    require((err.status == MQL_OK) == (err.text[0] == '\0'));
    copy_close(reader);
    return 0;
}
