/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.c - making, printing, comparing and encoding single values.
 *
 * Encoded: u8 kind, u8 element kind, u32 length, u32 element length, u8
 * is_null, then by physical form u8, u64, f64 bits, or u32 size and bytes.
 */
#include "engine/value/value.h"

#include <math.h>

#include "base/number.h"
#include "base/utf8.h"
#include "engine/value/json.h"
#include "engine/value/value_internal.h"

Value
value_int64(int64_t integer)
{
    return (Value){.type = {.kind = TYPE_INT64}, .integer = integer};
}

Value
value_double(double real)
{
    return (Value){.type = {.kind = TYPE_DOUBLE}, .real = real};
}

Value
value_bool(bool boolean)
{
    return (Value){.type = {.kind = TYPE_BOOL}, .boolean = boolean};
}

Value
value_text(Slice text)
{
    return (Value){.type = {.kind = TYPE_VARCHAR}, .bytes = text};
}

Value
value_vector(const float *vector, uint32_t dim)
{
    return (Value){.type = {.kind = TYPE_FLOAT_VECTOR, .length = dim},
                   .bytes = {(const char *)vector, dim * sizeof *vector}};
}

Value
value_elements(TypeKind kind, const void *elements, uint32_t dim)
{
    Value value = {.type = {.kind = kind, .length = dim}};
    value.bytes = (Slice){elements, element_row_size(type_element(kind), dim)};
    return value;
}

uint32_t
value_dimension(const Value *value)
{
    ElementType element = type_element(value->type.kind);
    /* Eight elements have a whole number of bytes, whatever they are. */
    return (uint32_t)(value->bytes.size * 8 / element_row_size(element, 8));
}

/* Element i of a vector, as a float. */
static float
element_at(const Value *value, size_t i)
{
    ElementType element = type_element(value->type.kind);
    float result;
    element_floats(element,
                   value->bytes.data + i * element_row_size(element, 1), 1,
                   &result);
    return result;
}

/* ---- text ---- */

static void
print_vector(Buffer *out, const Value *value)
{
    size_t count = value_dimension(value);
    char text[NUMBER_TEXT_SIZE];
    buffer_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_char(out, ',');
        buffer_append(out, text,
                      number_print_float(text, element_at(value, i)));
    }
    buffer_append_char(out, ']');
}

/* As PostgreSQL prints BIT(n). */
static void
print_bits(Buffer *out, const Value *value)
{
    for (size_t i = 0; i < value->bytes.size; i++) {
        unsigned char byte = (unsigned char)value->bytes.data[i];
        char digits[8];
        for (unsigned bit = 0; bit < 8; bit++)
            digits[bit] = (byte >> (7 - bit) & 1) != 0 ? '1' : '0';
        buffer_append(out, digits, sizeof digits);
    }
}

/* An array of FLOAT holds floats' values: 0.1, not 0.10000000149011612. */
static void
print_array(Buffer *out, const Value *value)
{
    Json array = json_of(value->bytes);
    uint32_t count = json_count(array);
    char text[NUMBER_TEXT_SIZE];
    if (value->type.element != TYPE_FLOAT) {
        json_print(out, array);
        return;
    }
    buffer_append_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        float element = (float)json_real(json_element(array, i));
        if (i > 0)
            buffer_append_char(out, ',');
        buffer_append(out, text, number_print_float(text, element));
    }
    buffer_append_char(out, ']');
}

void
value_print(Buffer *out, const Value *value)
{
    char text[NUMBER_TEXT_SIZE];
    if (value->is_null)
        return;
    switch (value->type.kind) {
    case TYPE_BOOL:
        buffer_append_char(out, value->boolean ? 't' : 'f');
        return;
    case TYPE_INT8:
    case TYPE_INT16:
    case TYPE_INT32:
    case TYPE_INT64:
        buffer_append(out, text, number_print_int64(text, value->integer));
        return;
    case TYPE_FLOAT:
        buffer_append(out, text, number_print_float(text, (float)value->real));
        return;
    case TYPE_DOUBLE:
        buffer_append(out, text, number_print_double(text, value->real));
        return;
    case TYPE_VARCHAR:
        buffer_append_slice(out, value->bytes);
        return;
    case TYPE_ARRAY:
        print_array(out, value);
        return;
    case TYPE_JSON:
        json_print(out, json_of(value->bytes));
        return;
    case TYPE_TIMESTAMPTZ:
        timestamp_print(out, value->integer);
        return;
    case TYPE_FLOAT_VECTOR:
    case TYPE_FLOAT16_VECTOR:
    case TYPE_BFLOAT16_VECTOR:
    case TYPE_INT8_VECTOR:
        print_vector(out, value);
        return;
    case TYPE_BINARY_VECTOR:
        print_bits(out, value);
        return;
    default:
        return; /* types that are not built have no values */
    }
}

/* ---- order ---- */

static int
compare_vectors(const Value *a, const Value *b)
{
    size_t a_count = value_dimension(a);
    size_t b_count = value_dimension(b);
    for (size_t i = 0; i < a_count && i < b_count; i++) {
        int order =
            compare_reals((double)element_at(a, i), (double)element_at(b, i));
        if (order != 0)
            return order;
    }
    return (a_count > b_count) - (a_count < b_count);
}

static int
compare_two_numbers(const Value *a, const Value *b)
{
    bool a_is_integer = type_is_integer(a->type.kind);
    bool b_is_integer = type_is_integer(b->type.kind);
    if (a_is_integer && b_is_integer)
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (a_is_integer)
        return compare_numbers(a->integer, b->real);
    if (b_is_integer)
        return -compare_numbers(b->integer, a->real);
    return compare_reals(a->real, b->real);
}

/* Arrays by elements first, as PostgreSQL's; JSON as jsonb. */
static int
compare_arrays(Json a, Json b)
{
    uint32_t a_count = json_count(a);
    uint32_t b_count = json_count(b);
    for (uint32_t i = 0; i < a_count && i < b_count; i++) {
        int order = json_compare(json_element(a, i), json_element(b, i));
        if (order != 0)
            return order;
    }
    return (a_count > b_count) - (a_count < b_count);
}

bool
value_compare(const Value *a, const Value *b, int *order)
{
    TypeKind kind = a->type.kind;
    if (type_is_number(kind) && type_is_number(b->type.kind)) {
        *order = compare_two_numbers(a, b);
        return true;
    }
    if (kind != b->type.kind)
        return false;
    switch (kind) {
    case TYPE_BOOL:
        *order = (int)a->boolean - (int)b->boolean;
        return true;
    case TYPE_TIMESTAMPTZ:
        *order = (a->integer > b->integer) - (a->integer < b->integer);
        return true;
    case TYPE_VARCHAR:
        *order = slice_compare(a->bytes, b->bytes);
        return true;
    case TYPE_JSON:
        *order = json_compare(json_of(a->bytes), json_of(b->bytes));
        return true;
    case TYPE_ARRAY:
        *order = compare_arrays(json_of(a->bytes), json_of(b->bytes));
        return true;
    case TYPE_FLOAT_VECTOR:
    case TYPE_FLOAT16_VECTOR:
    case TYPE_BFLOAT16_VECTOR:
    case TYPE_INT8_VECTOR:
        *order = compare_vectors(a, b);
        return true;
    case TYPE_BINARY_VECTOR:
        *order = slice_compare(a->bytes, b->bytes);
        return true;
    default:
        return false;
    }
}

/* ---- encoding ---- */

void
value_encode(Buffer *out, const Value *value)
{
    buffer_append_u8(out, (uint8_t)value->type.kind);
    buffer_append_u8(out, (uint8_t)value->type.element);
    buffer_append_u32(out, value->type.length);
    buffer_append_u32(out, value->type.element_length);
    buffer_append_u8(out, value->is_null);
    if (value->is_null)
        return;
    switch (type_physical(value->type.kind)) {
    case PHYSICAL_NONE:
        return;
    case PHYSICAL_BOOL:
        buffer_append_u8(out, value->boolean);
        return;
    case PHYSICAL_INT:
        buffer_append_u64(out, (uint64_t)value->integer);
        return;
    case PHYSICAL_REAL:
        buffer_append_f64(out, value->real);
        return;
    case PHYSICAL_BYTES:
        buffer_append_sized(out, value->bytes);
        return;
    }
}

static bool
is_type_number(uint8_t number)
{
    switch (number) {
#define TYPE(kind, number, name, physical, size, built)                        \
    case number:                                                               \
        return built;
#include "engine/value/types.def"
#undef TYPE
    default:
        return false;
    }
}

/* Bytes must be what their type says, since they come from a disk. */
static bool
check_decoded(const Value *value)
{
    int64_t least;
    int64_t most;
    switch (value->type.kind) {
    case TYPE_INT8:
    case TYPE_INT16:
    case TYPE_INT32:
        type_integer_range(value->type.kind, &least, &most);
        return value->integer >= least && value->integer <= most;
    case TYPE_VARCHAR:
        return utf8_valid(value->bytes.data, value->bytes.size, NULL);
    case TYPE_JSON:
        return json_check(value->bytes);
    case TYPE_ARRAY:
        return json_check(value->bytes) &&
               json_tag(json_of(value->bytes)) == JSON_ARRAY;
    case TYPE_FLOAT_VECTOR:
    case TYPE_FLOAT16_VECTOR:
    case TYPE_BFLOAT16_VECTOR:
    case TYPE_INT8_VECTOR:
        return value->bytes.size == type_storage_size(value->type);
    case TYPE_BINARY_VECTOR:
        return value->type.length % 8 == 0 &&
               value->bytes.size == value->type.length / 8;
    default:
        return true;
    }
}

/* Vectors are used in place by kernels, so they are copied to an aligned place.
 */
static mql_status
align_vector(Value *value, Arena *arena, Error *err)
{
    char *copy = arena_alloc(arena, value->bytes.size + 1);
    if (copy == NULL)
        return error_no_memory(err);
    if (value->bytes.size > 0)
        memcpy(copy, value->bytes.data, value->bytes.size);
    value->bytes.data = copy;
    return MQL_OK;
}

static void
decode_payload(Reader *reader, Value *value)
{
    switch (type_physical(value->type.kind)) {
    case PHYSICAL_NONE:
        value->is_null = true;
        return;
    case PHYSICAL_BOOL:
        value->boolean = read_u8(reader) != 0;
        return;
    case PHYSICAL_INT:
        value->integer = (int64_t)read_u64(reader);
        return;
    case PHYSICAL_REAL:
        value->real = read_f64(reader);
        return;
    case PHYSICAL_BYTES:
        value->bytes = read_sized(reader);
        return;
    }
}

mql_status
value_decode(Reader *reader, Arena *arena, Value *value, Error *err)
{
    uint8_t kind = read_u8(reader);
    uint8_t element = read_u8(reader);
    *value = VALUE_NULL;
    value->type.length = read_u32(reader);
    value->type.element_length = read_u32(reader);
    value->is_null = read_u8(reader) != 0;
    if (reader->failed || !is_type_number(kind) || !is_type_number(element))
        return error_set(err, ERR_DATA_CORRUPTED, "damaged value");
    value->type.kind = (TypeKind)kind;
    value->type.element = (TypeKind)element;
    if (value->is_null)
        return MQL_OK;
    decode_payload(reader, value);
    if (reader->failed || (!value->is_null && !check_decoded(value)))
        return error_set(err, ERR_DATA_CORRUPTED, "damaged value");
    if (type_is_vector((TypeKind)kind) && !value->is_null)
        return align_vector(value, arena, err);
    return MQL_OK;
}
