/* SPDX-License-Identifier: Apache-2.0 */
/*
 * convert_vector.c - text, JSON arrays and bound floats to FLOAT_VECTOR.
 *
 * Words and rules are pgvector's: every element finite, at least one, at most
 * 32,768, and as many as the field says. Results are 4-byte aligned.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/number.h"
#include "engine/value/value_internal.h"

static mql_status
check_dimension(uint64_t count, Type to, Error *err)
{
    if (count == 0)
        return error_set(err, ERR_DATA_EXCEPTION,
                         "vector must have at least 1 dimension");
    if (to.length != 0 && count != to.length)
        return error_set(err, ERR_DATA_EXCEPTION,
                         "expected %" PRIu32 " dimensions, not %" PRIu64,
                         to.length, count);
    if (count > VECTOR_DIMENSION_MOST)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "vector cannot have more than %u dimensions",
                         VECTOR_DIMENSION_MOST);
    return MQL_OK;
}

static mql_status
check_element(double element, Error *err)
{
    if (isnan(element))
        return error_set(err, ERR_OUT_OF_RANGE, "NaN not allowed in vector");
    if (isinf(element))
        return error_set(err, ERR_OUT_OF_RANGE,
                         "infinite value not allowed in vector");
    return MQL_OK;
}

static float *
alloc_floats(Arena *arena, uint64_t count)
{
    return arena_alloc_array(arena, count, sizeof(float));
}

static void
set_vector(Value *out, const float *floats, uint64_t count)
{
    out->type.length = (uint32_t)count;
    out->bytes = (Slice){(const char *)floats, count * sizeof *floats};
}

/* Sixteen floats in wide registers, whatever the processor has. */
typedef uint32_t Lanes __attribute__((vector_size(64)));

#define LANES (sizeof(Lanes) / sizeof(uint32_t))

/* An exponent of ones, plus one, reaches the sign. */
static bool
is_finite(const float *floats, uint64_t count)
{
    Lanes seen = {0};
    uint32_t any = 0;
    uint64_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        Lanes bits;
        memcpy(&bits, floats + i, sizeof bits);
        seen |= (bits & 0x7F800000u) + 0x00800000u;
    }
    for (size_t k = 0; k < LANES; k++)
        any |= seen[k];
    bool is_fine = (any & 0x80000000u) == 0;
    for (; i < count; i++)
        is_fine = is_fine && isfinite(floats[i]);
    return is_fine;
}

mql_status
vector_check(Slice bytes, Type to, Arena *arena, Value *out, Error *err)
{
    uint64_t count = bytes.size / sizeof(float);
    if (bytes.size % sizeof(float) != 0)
        return error_set(err, ERR_DATA_EXCEPTION,
                         "vector of %zu bytes is not a whole number of floats",
                         bytes.size);
    TRY(check_dimension(count, to, err));
    if ((uintptr_t)bytes.data % sizeof(float) != 0) {
        float *copy = alloc_floats(arena, count);
        if (copy == NULL)
            return error_no_memory(err);
        memcpy(copy, bytes.data, bytes.size);
        bytes.data = (const char *)copy;
    }
    const float *floats = (const float *)(const void *)bytes.data;
    bool is_fine = is_finite(floats, count);
    for (uint64_t i = 0; !is_fine && i < count; i++)
        TRY(check_element((double)floats[i], err));
    set_vector(out, floats, count);
    return MQL_OK;
}

/* Elements of the text, by its commas; at most what is allowed and one more. */
static uint64_t
count_elements(Slice text)
{
    uint64_t count = 1;
    const char *at = text.data;
    const char *end = text.data + text.size;
    while (count <= VECTOR_DIMENSION_MOST &&
           (at = memchr(at, ',', (size_t)(end - at))) != NULL) {
        count++;
        at++;
    }
    return count;
}

static const char *
skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r')))
        at++;
    return at;
}

/* One element and the comma or bracket behind it; NULL: it is none. */
static const char *
read_element(const char *at, const char *end, bool is_last, float *value)
{
    at = skip_blanks(at, end);
    at = number_read_float(at, end, value);
    if (at == NULL)
        return NULL;
    at = skip_blanks(at, end);
    return at < end && *at == (is_last ? ']' : ',') ? at + 1 : NULL;
}

/* Why an element was not read: too large, or no number. */
static mql_status
bad_element(const char *at, const char *end, Slice text, Error *err)
{
    size_t size = 0;
    at = skip_blanks(at, end);
    while (at + size < end && strchr("0123456789+-.eE", at[size]) != NULL)
        size++;
    Value ignored;
    Slice element = {at, size};
    Error inner = ERROR_INIT;
    text_convert(element, type_of(TYPE_FLOAT), NULL, &ignored, &inner);
    if (strcmp(inner.sqlstate, "22003") == 0)
        return error_set(
            err, ERR_OUT_OF_RANGE, "\"%.*s\" is out of range for type %s",
            size > 64 ? 64 : (int)size, at, type_kind_name(TYPE_FLOAT_VECTOR));
    for (size_t i = 0; i < 2; i++) {
        static const char *const words[] = {"nan", "inf"};
        const char *word = at + (at < end && *at == '-');
        Slice start = {word, end - word < 3 ? (size_t)(end - word) : 3};
        if (slice_equal_nocase(start, slice_of(words[i])))
            return check_element(i == 0 ? NAN : INFINITY, err);
    }
    return text_invalid(text, type_of(TYPE_FLOAT_VECTOR), err);
}

mql_status
vector_read(Slice text, Type to, Arena *arena, Value *out, Error *err)
{
    Slice trimmed = text_trim(text);
    if (trimmed.size < 2 || trimmed.data[0] != '[' ||
        trimmed.data[trimmed.size - 1] != ']') {
        text_invalid(text, type_of(TYPE_FLOAT_VECTOR), err);
        return error_hint(err, "Vector contents must be in square brackets, "
                               "as in '[0.1,0.2]'.");
    }
    const char *end = trimmed.data + trimmed.size;
    const char *at = trimmed.data + 1;
    if (skip_blanks(at, end) == end - 1)
        return check_dimension(0, to, err);
    uint64_t count = count_elements(trimmed);
    TRY(check_dimension(count, to, err));
    float *floats = alloc_floats(arena, count);
    if (floats == NULL)
        return error_no_memory(err);
    for (uint64_t i = 0; i < count; i++) {
        const char *next = read_element(at, end, i + 1 == count, &floats[i]);
        if (next == NULL)
            return bad_element(at, end, text, err);
        at = next;
    }
    if (at != end)
        return text_invalid(text, type_of(TYPE_FLOAT_VECTOR), err);
    set_vector(out, floats, count);
    return MQL_OK;
}

mql_status
vector_of_json(Json json, Type to, Arena *arena, Value *out, Error *err)
{
    if (json_tag(json) != JSON_ARRAY)
        return cannot_convert(type_of(TYPE_JSON), to, err);
    uint32_t count = json_count(json);
    TRY(check_dimension(count, to, err));
    float *floats = alloc_floats(arena, count);
    if (floats == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        Json element = json_element(json, i);
        JsonTag tag = json_tag(element);
        if (tag != JSON_INTEGER && tag != JSON_REAL)
            return error_set(err, ERR_INVALID_TEXT,
                             "element %" PRIu32 " of the vector is no number",
                             i);
        floats[i] = (float)json_real(element);
        TRY(check_element((double)floats[i], err));
    }
    set_vector(out, floats, count);
    return MQL_OK;
}
