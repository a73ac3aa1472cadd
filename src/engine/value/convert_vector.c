/* SPDX-License-Identifier: Apache-2.0 */
/*
 * convert_vector.c - text, JSON arrays and vectors to dense vectors.
 *
 * Words and rules are pgvector's: every element finite, at least one, at most
 * 32,768, and as many as the field says. Results are aligned to an element.
 * What is not FLOAT_VECTOR goes through floats: text is read as floats, and
 * these are rounded to the nearest half float, bfloat or byte, ties to even.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/number.h"
#include "engine/value/value_internal.h"

mql_status
check_dimension(uint64_t count, Type to, Error *err)
{
    if (count == 0)
        return error_set(err, ERR_DATA_EXCEPTION,
                         "vector must have at least 1 dimension");
    if (to.length != 0 && count != to.length)
        return error_set(err, ERR_DATA_EXCEPTION,
                         "expected %" PRIu32 " dimensions, not %" PRIu64,
                         to.length, count);
    if (count > type_dimension_most(to.kind))
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "vector cannot have more than %" PRIu32 " dimensions",
                         type_dimension_most(to.kind));
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

/* Floats in place, or a copy that is aligned; checked. */
static mql_status
check_floats(const Value *value, Type to, Arena *arena, Value *out, Error *err)
{
    Slice bytes = value->bytes;
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

static mql_status
out_of_range(const char *text, Type to, Error *err)
{
    return error_set(err, ERR_OUT_OF_RANGE,
                     "\"%s\" is out of range for type %s", text,
                     type_kind_name(to.kind));
}

/* Why a float has no element of that type. */
static mql_status
refuse_float(float value, Type to, Error *err)
{
    char text[NUMBER_TEXT_SIZE];
    TRY(check_element((double)value, err));
    text[number_print_float(text, value)] = '\0';
    return out_of_range(text, to, err);
}

/* Storing takes whole numbers only, as for scalars. */
static mql_status
check_whole(const float *floats, uint64_t count, Type to, Error *err)
{
    char text[NUMBER_TEXT_SIZE];
    for (uint64_t i = 0; i < count; i++) {
        if (rintf(floats[i]) == floats[i] || !isfinite(floats[i]))
            continue;
        text[number_print_float(text, floats[i])] = '\0';
        error_set(err, ERR_DATA_EXCEPTION,
                  "value \"%s\" is not a whole number, as type %s needs", text,
                  type_kind_name(to.kind));
        return error_hint(err, "Round it, or write a CAST.");
    }
    return MQL_OK;
}

/* Floats, as many as there may be, to a dense vector; FLOAT_VECTOR keeps them
 * where they are. */
static mql_status
make_vector(const float *floats, uint64_t count, Type to, bool is_explicit,
            Arena *arena, Value *out, Error *err)
{
    ElementType element = type_element(to.kind);
    if (element == ELEMENT_F32) {
        Value value = value_vector(floats, (uint32_t)count);
        return check_floats(&value, to, arena, out, err);
    }
    if (element == ELEMENT_I8 && !is_explicit)
        TRY(check_whole(floats, count, to, err));
    char *elements = arena_alloc(arena, element_row_size(element, count));
    if (elements == NULL)
        return error_no_memory(err);
    size_t done = element_of_floats(element, floats, count, elements);
    if (done < count)
        return refuse_float(floats[done], to, err);
    *out = value_elements(to.kind, elements, (uint32_t)count);
    return MQL_OK;
}

/* Half floats from outside may be NaN or infinite. */
static mql_status
check_same(const Value *value, Type to, Arena *arena, Value *out, Error *err)
{
    ElementType element = type_element(to.kind);
    size_t size = element_row_size(element, 8);
    uint32_t count = value_dimension(value);
    const char *bytes = value->bytes.data;
    TRY(check_dimension(count, to, err));
    for (uint32_t i = 0; size == 16 && i < count; i++) {
        float real;
        element_floats(element, bytes + 2 * i, 1, &real);
        TRY(check_element((double)real, err));
    }
    if (size == 16 && (uintptr_t)bytes % 2 != 0) {
        char *copy = arena_alloc(arena, value->bytes.size);
        if (copy == NULL)
            return error_no_memory(err);
        bytes = memcpy(copy, bytes, value->bytes.size);
    }
    *out = value_elements(to.kind, bytes, count);
    return MQL_OK;
}

mql_status
vector_convert(const Value *value, Type to, bool is_explicit, Arena *arena,
               Value *out, Error *err)
{
    TypeKind from = value->type.kind;
    if (from == TYPE_FLOAT_VECTOR && to.kind == TYPE_FLOAT_VECTOR)
        return check_floats(value, to, arena, out, err);
    if (from == to.kind)
        return check_same(value, to, arena, out, err);
    if (!type_is_dense(from) || !type_is_dense(to.kind))
        return cannot_convert(value->type, to, err);
    uint32_t count = value_dimension(value);
    TRY(check_dimension(count, to, err));
    float *floats = alloc_floats(arena, count);
    if (floats == NULL)
        return error_no_memory(err);
    element_floats(type_element(from), value->bytes.data, count, floats);
    return make_vector(floats, count, to, is_explicit, arena, out, err);
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
bad_element(const char *at, const char *end, Slice text, Type to, Error *err)
{
    size_t size = 0;
    at = skip_blanks(at, end);
    while (at + size < end && strchr("0123456789+-.eE", at[size]) != NULL)
        size++;
    Value ignored;
    Slice element = {at, size};
    Error inner = ERROR_INIT;
    text_convert(element, type_of(TYPE_FLOAT), NULL, &ignored, &inner);
    if (strcmp(inner.sqlstate, "22003") == 0) {
        char digits[65] = {0};
        memcpy(digits, at, size > 64 ? 64 : size);
        return out_of_range(digits, to, err);
    }
    for (size_t i = 0; i < 2; i++) {
        static const char *const words[] = {"nan", "inf"};
        const char *word = at + (at < end && *at == '-');
        Slice start = {word, end - word < 3 ? (size_t)(end - word) : 3};
        if (slice_equal_nocase(start, slice_of(words[i])))
            return check_element(i == 0 ? NAN : INFINITY, err);
    }
    return text_invalid(text, type_of(to.kind), err);
}

mql_status
vector_read(Slice text, Type to, Arena *arena, Value *out, Error *err)
{
    Slice trimmed = text_trim(text);
    if (trimmed.size < 2 || trimmed.data[0] != '[' ||
        trimmed.data[trimmed.size - 1] != ']') {
        text_invalid(text, type_of(to.kind), err);
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
            return bad_element(at, end, text, to, err);
        at = next;
    }
    if (at != end)
        return text_invalid(text, type_of(to.kind), err);
    return make_vector(floats, count, to, false, arena, out, err);
}

mql_status
vector_of_json(Json json, Type to, bool is_explicit, Arena *arena, Value *out,
               Error *err)
{
    if (to.kind == TYPE_BINARY_VECTOR)
        return bits_of_json(json, to, arena, out, err);
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
    return make_vector(floats, count, to, is_explicit, arena, out, err);
}
