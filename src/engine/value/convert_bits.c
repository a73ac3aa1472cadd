/* SPDX-License-Identifier: Apache-2.0 */
/*
 * convert_bits.c - text and JSON to BINARY_VECTOR.
 *
 * Text is PostgreSQL's for BIT(n): a digit for each bit. A JSON array holds
 * bytes, as Milvus' does; so [1, 0] is 16 bits.
 */
#include <inttypes.h>

#include "engine/value/value_internal.h"

static mql_status
check_bits(uint64_t count, Type to, Error *err)
{
    TRY(check_dimension(count, to, err));
    if (count % 8 != 0)
        return error_set(err, ERR_DATA_EXCEPTION,
                         "dimensions of type %s must be a multiple of 8, not "
                         "%" PRIu64,
                         type_kind_name(to.kind), count);
    return MQL_OK;
}

mql_status
bits_read(Slice text, Type to, Arena *arena, Value *out, Error *err)
{
    Slice digits = text_trim(text);
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] == '0' || digits.data[i] == '1')
            continue;
        text_invalid(text, type_of(to.kind), err);
        return error_hint(err, "Write a digit 0 or 1 for each dimension, as in "
                               "'10100000'.");
    }
    TRY(check_bits(digits.size, to, err));
    unsigned char *bytes = arena_alloc(arena, digits.size / 8);
    if (bytes == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < digits.size; i++) {
        unsigned bit = digits.data[i] == '1';
        bytes[i / 8] = (unsigned char)((unsigned)bytes[i / 8] << 1 | bit);
    }
    *out = value_elements(to.kind, bytes, (uint32_t)digits.size);
    return MQL_OK;
}

mql_status
bits_of_json(Json json, Type to, Arena *arena, Value *out, Error *err)
{
    if (json_tag(json) != JSON_ARRAY)
        return cannot_convert(type_of(TYPE_JSON), to, err);
    uint64_t count = json_count(json);
    TRY(check_bits(count * 8, to, err));
    unsigned char *bytes = arena_alloc(arena, count);
    if (bytes == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        Json element = json_element(json, i);
        int64_t byte =
            json_tag(element) == JSON_INTEGER ? json_integer(element) : -1;
        if (byte < 0 || byte > 255)
            return error_set(err, ERR_INVALID_TEXT,
                             "element %" PRIu32 " of the vector is no byte: "
                             "a list of type %s has a number from 0 to 255 for "
                             "every 8 dimensions",
                             i, type_kind_name(to.kind));
        bytes[i] = (unsigned char)byte;
    }
    *out = value_elements(to.kind, bytes, (uint32_t)(count * 8));
    return MQL_OK;
}
