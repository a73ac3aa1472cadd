/* SPDX-License-Identifier: Apache-2.0 */
/*
 * convert_text.c - text as the input form of every scalar type, and checks of
 * text.
 */
#include "base/number.h"
#include "base/utf8.h"
#include "engine/value/value_internal.h"

#define QUOTED_MOST 64 /* bytes of a wrong text that a message shows */

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

Slice
text_trim(Slice text)
{
    while (text.size > 0 && is_blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* At most QUOTED_MOST bytes, whole characters; "..." when it is cut. */
static Slice
shown(Slice text, const char **dots)
{
    size_t size = text.size;
    *dots = "";
    if (size > QUOTED_MOST) {
        size = QUOTED_MOST;
        while (size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
            size--;
        *dots = "...";
    }
    size_t bad;
    if (!utf8_valid(text.data, size, &bad))
        size = bad;
    return (Slice){text.data, size};
}

mql_status
text_invalid(Slice text, Type to, Error *err)
{
    const char *dots;
    Slice part = shown(text, &dots);
    bool is_moment = to.kind == TYPE_TIMESTAMPTZ;
    return error_set(err, is_moment ? ERR_DATETIME_FORMAT : ERR_INVALID_TEXT,
                     "invalid input syntax for type %s: \"%.*s%s\"",
                     type_kind_name(to.kind), (int)part.size, part.data, dots);
}

mql_status
text_out_of_range(Slice text, Type to, Error *err)
{
    const char *dots;
    Slice part = shown(text, &dots);
    return error_set(err, ERR_OUT_OF_RANGE,
                     "value \"%.*s%s\" is out of range for type %s",
                     (int)part.size, part.data, dots, type_kind_name(to.kind));
}

static mql_status
read_bool(Slice text, Type to, Value *out, Error *err)
{
    static const struct {
        const char *name;
        bool value;
    } names[] = {
        {"t", true},  {"true", true}, {"y", true},    {"yes", true},
        {"on", true}, {"1", true},    {"f", false},   {"false", false},
        {"n", false}, {"no", false},  {"off", false}, {"0", false},
    };
    Slice trimmed = text_trim(text);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (slice_equal_nocase(trimmed, slice_of(names[i].name))) {
            out->boolean = names[i].value;
            return MQL_OK;
        }
    }
    return text_invalid(text, to, err);
}

/* A sign and digits: then a failure to read it means that it does not fit. */
static bool
is_integer_text(Slice text)
{
    size_t i = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    size_t first = i;
    while (i < text.size && text.data[i] >= '0' && text.data[i] <= '9')
        i++;
    return i == text.size && i > first;
}

static mql_status
read_integer(Slice text, Type to, Value *out, Error *err)
{
    Slice trimmed = text_trim(text);
    const char *end = trimmed.data + trimmed.size;
    int64_t integer;
    if (!is_integer_text(trimmed))
        return text_invalid(text, to, err);
    if (number_read_int64(trimmed.data, end, &integer) != end)
        return text_out_of_range(trimmed, to, err);
    return integer_check(integer, to, out, err);
}

static size_t
skip_digits(Slice text, size_t i)
{
    while (i < text.size && text.data[i] >= '0' && text.data[i] <= '9')
        i++;
    return i;
}

/* A decimal number or a word for one without a finite value: it was understood.
 */
static bool
is_real_text(Slice text)
{
    static const char *const words[] = {"nan", "inf", "infinity"};
    size_t i = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    Slice unsigned_text = {text.data + i, text.size - i};
    for (size_t word = 0; word < sizeof words / sizeof *words; word++) {
        if (slice_equal_nocase(unsigned_text, slice_of(words[word])))
            return true;
    }
    size_t whole = skip_digits(text, i);
    size_t digits = whole - i;
    i = whole;
    if (i < text.size && text.data[i] == '.') {
        whole = skip_digits(text, i + 1);
        digits += whole - i - 1;
        i = whole;
    }
    if (digits == 0)
        return false;
    if (i < text.size && (text.data[i] | 0x20) == 'e') {
        i++;
        i += i < text.size && (text.data[i] == '-' || text.data[i] == '+');
        whole = skip_digits(text, i);
        if (whole == i)
            return false;
        i = whole;
    }
    return i == text.size;
}

static mql_status
read_real(Slice text, Type to, Value *out, Error *err)
{
    Slice trimmed = text_trim(text);
    if (!is_real_text(trimmed))
        return text_invalid(text, to, err);
    const char *end = trimmed.data + trimmed.size;
    double real;
    float single;
    if (to.kind == TYPE_FLOAT) {
        if (number_read_float(trimmed.data, end, &single) != end)
            return text_out_of_range(trimmed, to, err);
        real = (double)single;
    } else if (number_read_double(trimmed.data, end, &real) != end) {
        return text_out_of_range(trimmed, to, err);
    }
    return real_check(real, to, out, err);
}

/* The most bytes of a VARCHAR. */
static size_t
size_most(Type type)
{
    return type.length == 0 ? TEXT_SIZE_MOST : type.length;
}

mql_status
text_check(Slice text, Type to, bool is_explicit, Value *out, Error *err)
{
    size_t bad;
    if (!utf8_valid(text.data, text.size, &bad))
        return error_set(err, ERR_ENCODING,
                         "invalid byte sequence for encoding \"UTF8\": 0x%02x",
                         (unsigned)(unsigned char)text.data[bad]);
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL)
        return error_set(err, ERR_ENCODING,
                         "invalid byte sequence for encoding \"UTF8\": 0x00");
    if (text.size > size_most(to)) {
        if (!is_explicit || to.length == 0)
            return error_set(err, ERR_STRING_TOO_LONG,
                             "value too long for type VARCHAR(%zu)",
                             size_most(to));
        text.size = to.length;
        while (((unsigned char)text.data[text.size] & 0xc0) == 0x80)
            text.size--;
    }
    out->bytes = text;
    return MQL_OK;
}

mql_status
text_convert(Slice text, Type to, Arena *arena, Value *out, Error *err)
{
    switch (to.kind) {
    case TYPE_BOOL:
        return read_bool(text, to, out, err);
    case TYPE_INT8:
    case TYPE_INT16:
    case TYPE_INT32:
    case TYPE_INT64:
        return read_integer(text, to, out, err);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return read_real(text, to, out, err);
    case TYPE_TIMESTAMPTZ:
        return timestamp_read(text, &out->integer, err);
    case TYPE_FLOAT_VECTOR:
    case TYPE_FLOAT16_VECTOR:
    case TYPE_BFLOAT16_VECTOR:
    case TYPE_INT8_VECTOR:
        return vector_read(text, to, arena, out, err);
    case TYPE_BINARY_VECTOR:
        return bits_read(text, to, arena, out, err);
    default:
        return cannot_convert(type_of(TYPE_VARCHAR), to, err);
    }
}
