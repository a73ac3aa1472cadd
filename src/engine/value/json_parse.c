/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_parse.c - JSON text (RFC 8259) to the binary form, in one pass.
 *
 * Containers nest at most JSON_DEPTH_MOST deep and are kept on a stack of that
 * size, so there is no recursion. A container's header is written when it opens
 * and filled in when it closes; the offsets of its items wait on a stack shared
 * by all levels and are appended behind the items. Objects whose keys did not
 * come sorted and distinct are put in order when they close.
 */
#include "engine/value/json.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/number.h"
#include "base/utf8.h"
#include "engine/value/json_internal.h"

#define TEXT_MOST ((size_t)256 << 20) /* the binary form must fit in u32 */

typedef struct Level {
    size_t start;      /* of the container's tag in the output   */
    size_t first_item; /* its first entry on the stack of offsets */
    bool is_object;
} Level;

typedef struct JsonParser {
    const char *text;
    const char *at;
    const char *end;
    Buffer *out;
    Buffer offsets; /* u32 each, relative to the container's first item */
    Buffer scratch;
    Level levels[JSON_DEPTH_MOST];
    uint32_t depth;
    Error *err;
} JsonParser;

static mql_status
bad_json(JsonParser *parser, const char *what)
{
    error_set(parser->err, ERR_INVALID_JSON,
              "invalid input syntax for type JSON");
    return error_detail(parser->err, "%s at byte %zu.", what,
                        (size_t)(parser->at - parser->text));
}

static void
skip_blanks(JsonParser *parser)
{
    const char *at = parser->at;
    while (at < parser->end &&
           (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
        at++;
    parser->at = at;
}

/* ---- numbers ---- */

static bool
is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

static const char *
skip_digits(const char *at, const char *end)
{
    while (is_digit(at, end))
        at++;
    return at;
}

/* The end of a number by JSON's grammar, NULL when it is none. */
static const char *
number_end(const char *at, const char *end, bool *is_integer)
{
    *is_integer = true;
    if (at < end && *at == '-')
        at++;
    if (!is_digit(at, end))
        return NULL;
    at = *at == '0' ? at + 1 : skip_digits(at, end);
    if (at < end && *at == '.') {
        *is_integer = false;
        if (!is_digit(at + 1, end))
            return NULL;
        at = skip_digits(at + 1, end);
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        *is_integer = false;
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        if (!is_digit(at, end))
            return NULL;
        at = skip_digits(at, end);
    }
    return at;
}

/* Up to 18 digits, which fit whatever they are; NULL: not that simple. */
static const char *
short_integer(const char *at, const char *end, int64_t *value)
{
    bool is_negative = *at == '-';
    const char *first = at + is_negative;
    int64_t sum = 0;
    for (at = first; at < end && at - first < 18 && *at >= '0' && *at <= '9';
         at++)
        sum = sum * 10 + (*at - '0');
    bool is_padded = at - first > 1 && *first == '0';
    bool goes_on = at < end && (is_digit(at, end) || *at == '.' || *at == 'e' ||
                                *at == 'E');
    if (at == first || is_padded || goes_on)
        return NULL;
    *value = is_negative ? -sum : sum;
    return at;
}

static mql_status
parse_number(JsonParser *parser)
{
    bool is_integer;
    int64_t integer;
    double real;
    const char *stop = short_integer(parser->at, parser->end, &integer);
    if (stop != NULL) {
        json_append_integer(parser->out, integer);
        parser->at = stop;
        return MQL_OK;
    }
    stop = number_end(parser->at, parser->end, &is_integer);
    if (stop == NULL)
        return bad_json(parser, "Invalid number");
    if (is_integer && number_read_int64(parser->at, stop, &integer) == stop)
        json_append_integer(parser->out, integer);
    else if (number_read_double(parser->at, stop, &real) == stop)
        json_append_real(parser->out, real);
    else
        return bad_json(parser, "Number out of range");
    parser->at = stop;
    return MQL_OK;
}

/* ---- strings ---- */

/* The first byte that needs care: quote, backslash, control; or the end. */
static const char *
plain_end(const char *at, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = ones << 7;
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        uint64_t quote = word ^ (ones * '"');
        uint64_t backslash = word ^ (ones * '\\');
        uint64_t found = ((quote - ones) & ~quote) |
                         ((backslash - ones) & ~backslash) |
                         ((word - ones * 0x20) & ~word);
        if ((found & highs) != 0)
            break;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    return at;
}

/* Four hexadecimal digits after \u; negative: wrong. */
static int32_t
read_hex4(JsonParser *parser)
{
    int32_t value = 0;
    if (parser->end - parser->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = *parser->at;
        int32_t digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (c | 0x20) - 'a' + 10;
        else
            return -1;
        value = value * 16 + digit;
        parser->at++;
    }
    return value;
}

/* \uXXXX, a surrogate pair being one character. */
static mql_status
parse_unicode(JsonParser *parser)
{
    int32_t code = read_hex4(parser);
    if (code < 0)
        return bad_json(parser, "\\u needs four hexadecimal digits");
    if (code == 0)
        return bad_json(parser, "\\u0000 cannot be converted to text");
    if (code >= 0xd800 && code < 0xdc00) {
        if (parser->end - parser->at < 2 || parser->at[0] != '\\' ||
            parser->at[1] != 'u')
            return bad_json(parser, "Lone surrogate");
        parser->at += 2;
        int32_t low = read_hex4(parser);
        if (low < 0xdc00 || low > 0xdfff)
            return bad_json(parser, "Lone surrogate");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    char bytes[4];
    size_t size = utf8_encode((uint32_t)code, bytes);
    if (size == 0)
        return bad_json(parser, "Lone surrogate");
    buffer_append(parser->out, bytes, size);
    return MQL_OK;
}

static mql_status
parse_escape(JsonParser *parser)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (parser->at == parser->end)
        return bad_json(parser, "Unterminated string");
    char c = *parser->at++;
    if (c == 'u')
        return parse_unicode(parser);
    const char *found = c == '\0' ? NULL : strchr(from, c);
    if (found == NULL) {
        parser->at--;
        return bad_json(parser, "Invalid escape sequence");
    }
    buffer_append_char(parser->out, to[found - from]);
    return MQL_OK;
}

static bool
append_plain(JsonParser *parser, const char *stop)
{
    size_t size = (size_t)(stop - parser->at);
    char *room = json_room(parser->out, size);
    if (room == NULL)
        return false;
    memcpy(room, parser->at, size);
    parser->out->size += size;
    parser->at = stop;
    return true;
}

/* The string after its opening quote: u32 size and bytes. */
static mql_status
parse_string(JsonParser *parser)
{
    size_t start = parser->out->size;
    const char *first = parser->at;
    char *room = json_room(parser->out, 4);
    if (room == NULL)
        return error_no_memory(parser->err);
    parser->out->size += 4;
    for (;;) {
        const char *stop = plain_end(parser->at, parser->end);
        if (!append_plain(parser, stop))
            return error_no_memory(parser->err);
        if (stop == parser->end)
            return bad_json(parser, "Unterminated string");
        if (*stop == '"')
            break;
        if (*stop != '\\')
            return bad_json(parser, "Control character in a string");
        parser->at++;
        TRY(parse_escape(parser));
    }
    size_t bad;
    if (!utf8_valid(first, (size_t)(parser->at - first), &bad)) {
        parser->at = first + bad;
        return bad_json(parser, "Invalid UTF-8");
    }
    parser->at++;
    json_set_u32(parser->out, start, parser->out->size - start - 4);
    return MQL_OK;
}

/* ---- containers ---- */

static mql_status
open_container(JsonParser *parser, bool is_object)
{
    if (parser->depth == JSON_DEPTH_MOST)
        return bad_json(parser, "More than 64 levels of nesting");
    Level *level = &parser->levels[parser->depth++];
    level->start = parser->out->size;
    level->first_item = parser->offsets.size;
    level->is_object = is_object;
    parser->at++;
    json_open(parser->out, is_object ? JSON_OBJECT : JSON_ARRAY);
    return MQL_OK;
}

static mql_status
close_container(JsonParser *parser)
{
    Level *level = &parser->levels[--parser->depth];
    size_t size = parser->offsets.size - level->first_item;
    if (buffer_failed(&parser->offsets) || buffer_failed(parser->out))
        return error_no_memory(parser->err);
    parser->at++;
    parser->offsets.size = level->first_item;
    if (size == 0)
        return MQL_OK;
    return json_close(parser->out, level->start,
                      parser->offsets.data + level->first_item,
                      (uint32_t)(size / 4), &parser->scratch, parser->err);
}

/* Note where the next item of the innermost container begins. */
static void
begin_item(JsonParser *parser)
{
    const Level *level = &parser->levels[parser->depth - 1];
    size_t offset = parser->out->size - level->start - JSON_HEADER_SIZE;
    char *room = json_room(&parser->offsets, 4);
    if (room == NULL)
        return;
    json_store_u32(room, (uint32_t)offset);
    parser->offsets.size += 4;
}

/* `"key" :` and what stands before it. */
static mql_status
parse_key(JsonParser *parser)
{
    skip_blanks(parser);
    if (parser->at == parser->end || *parser->at != '"')
        return bad_json(parser, "Expected a key in double quotes");
    parser->at++;
    begin_item(parser);
    TRY(parse_string(parser));
    skip_blanks(parser);
    if (parser->at == parser->end || *parser->at != ':')
        return bad_json(parser, "Expected ':'");
    parser->at++;
    return MQL_OK;
}

static mql_status
parse_word(JsonParser *parser, Slice word, JsonTag tag)
{
    size_t left = (size_t)(parser->end - parser->at);
    if (left < word.size || memcmp(parser->at, word.data, word.size) != 0)
        return bad_json(parser, "Unexpected character");
    buffer_append_u8(parser->out, (uint8_t)tag);
    parser->at += word.size;
    return MQL_OK;
}

/* A scalar, or the opening of a container (*is_open). */
static mql_status
parse_value(JsonParser *parser, bool *is_open)
{
    *is_open = false;
    skip_blanks(parser);
    if (parser->at == parser->end)
        return bad_json(parser, "Unexpected end");
    switch (*parser->at) {
    case '{':
    case '[':
        *is_open = true;
        return open_container(parser, *parser->at == '{');
    case '"':
        parser->at++;
        buffer_append_u8(parser->out, JSON_STRING);
        return parse_string(parser);
    case 't':
        return parse_word(parser, SLICE_LITERAL("true"), JSON_TRUE);
    case 'f':
        return parse_word(parser, SLICE_LITERAL("false"), JSON_FALSE);
    case 'n':
        return parse_word(parser, SLICE_LITERAL("null"), JSON_NULL);
    default:
        if (*parser->at == '-' || is_digit(parser->at, parser->end))
            return parse_number(parser);
        return bad_json(parser, "Unexpected character");
    }
}

/* After a value: close what ends here, stop before the next item. */
static mql_status
finish_items(JsonParser *parser)
{
    while (parser->depth > 0) {
        bool is_object = parser->levels[parser->depth - 1].is_object;
        skip_blanks(parser);
        if (parser->at == parser->end)
            return bad_json(parser, "Unexpected end");
        if (*parser->at == ',') {
            parser->at++;
            return MQL_OK;
        }
        if (*parser->at != (is_object ? '}' : ']'))
            return bad_json(parser, is_object ? "Expected ',' or '}'"
                                              : "Expected ',' or ']'");
        TRY(close_container(parser));
    }
    return MQL_OK;
}

/* Whether the container just opened is empty; then it is closed. */
static bool
is_empty_container(JsonParser *parser)
{
    bool is_object = parser->levels[parser->depth - 1].is_object;
    skip_blanks(parser);
    return parser->at < parser->end && *parser->at == (is_object ? '}' : ']');
}

static mql_status
parse_document(JsonParser *parser)
{
    do {
        bool is_open = true;
        if (parser->depth > 0) {
            if (parser->levels[parser->depth - 1].is_object)
                TRY(parse_key(parser));
            else
                begin_item(parser);
        }
        TRY(parse_value(parser, &is_open));
        if (is_open && !is_empty_container(parser))
            continue;
        TRY(finish_items(parser));
    } while (parser->depth > 0);
    return MQL_OK;
}

static mql_status
run_parser(JsonParser *parser, Slice text, Buffer *out, Error *err)
{
    if (text.size == 0)
        text.data = "";
    *parser = (JsonParser){.text = text.data, .out = out, .err = err};
    parser->at = text.data;
    parser->end = text.data + text.size;
    size_t start = out->size;
    mql_status status = parse_document(parser);
    if (status == MQL_OK && buffer_failed(out))
        status = error_no_memory(err);
    if (status != MQL_OK && !buffer_failed(out))
        out->size = start;
    buffer_free(&parser->offsets);
    buffer_free(&parser->scratch);
    return status;
}

mql_status
json_parse_prefix(Slice text, Buffer *out, const char **rest, Error *err)
{
    JsonParser parser;
    if (text.size > TEXT_MOST)
        text.size = TEXT_MOST;
    TRY(run_parser(&parser, text, out, err));
    *rest = parser.at;
    return MQL_OK;
}

mql_status
json_parse(Slice text, Buffer *out, Error *err)
{
    JsonParser parser;
    size_t start = out->size;
    if (text.size > TEXT_MOST)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "JSON text of %zu bytes is too long", text.size);
    TRY(run_parser(&parser, text, out, err));
    skip_blanks(&parser);
    if (parser.at == parser.end)
        return MQL_OK;
    out->size = start;
    return bad_json(&parser, "Unexpected character after the value");
}
