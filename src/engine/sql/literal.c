/* SPDX-License-Identifier: Apache-2.0 */
/*
 * literal.c - what a literal's text means: numbers, strings, bytes, bits,
 * vectors.
 *
 * Quoting, by what begins it:
 *   '..' `..`     the quote doubled is one quote; a backslash is a backslash
 *   E'..' ".."    the same, and backslash escapes
 *   r'..' r".."   the same as '..'
 *   $tag$..$tag$  as it stands
 * A string is valid UTF-8 without NUL after decoding too.
 */
#include "engine/sql/parser.h"

#include "base/number.h"
#include "base/utf8.h"
#include "milvusql.h"

#define NUMBER_SIZE_MOST 1000u /* bytes of one number */
#define NEAR_SHOWN 40u         /* bytes of a literal in a message */

static int
shown_size(Token token)
{
    return (int)(token.size < NEAR_SHOWN ? token.size : NEAR_SHOWN);
}

/* ---- text ---- */

Slice
literal_copy(Parse *parse, const char *text, size_t size)
{
    char *copy = arena_alloc(parse->arena, size + 1);
    if (copy == NULL) {
        error_no_memory(parse->err);
        return SLICE_LITERAL("");
    }
    if (text != NULL)
        memcpy(copy, text, size);
    return (Slice){copy, size};
}

/* Where a decoder stands: from `p` to `end`, writing at `out`. */
typedef struct Decode {
    Parse *parse;
    const char *p, *end;
    char *out;
    bool is_lenient; /* E'..': an unknown escape is the byte itself */
} Decode;

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool
escape_error(Decode *decode, const char *at)
{
    int64_t position = at - decode->parse->text;
    size_t size = utf8_size(at + 1);
    error_at(decode->parse->err, ERR_INVALID_ESCAPE, position,
             "invalid escape sequence \"\\%.*s\"", (int)size, at + 1);
    error_hint(decode->parse->err, "Write a backslash as \"\\\\\".");
    return false;
}

/* \xH, \xHH, \uXXXX, \UXXXXXXXX; `at` is the backslash. */
static bool
decode_hex(Decode *decode, const char *at, unsigned most)
{
    uint32_t value = 0;
    unsigned count = 0;
    for (; count < most && decode->p < decode->end; count++) {
        int digit = hex_value(*decode->p);
        if (digit < 0)
            break;
        value = value << 4 | (uint32_t)digit;
        decode->p++;
    }
    if (count == 0 || (most > 2 && count < most))
        return escape_error(decode, at);
    if (most == 2) {
        *decode->out++ = (char)value;
        return true;
    }
    size_t size = utf8_encode(value, decode->out);
    decode->out += size;
    return size > 0 || escape_error(decode, at);
}

static bool
decode_octal(Decode *decode)
{
    unsigned value = 0;
    for (int i = 0; i < 3 && decode->p < decode->end; i++) {
        if (*decode->p < '0' || *decode->p > '7')
            break;
        value = value * 8 + (unsigned)(*decode->p++ - '0');
    }
    *decode->out++ = (char)value;
    return true;
}

/* decode->p stands behind the backslash, which is not the last byte. */
static bool
decode_escape(Decode *decode)
{
    static const char letters[] = "abfnrtv'\"?\\`";
    static const char values[] = "\a\b\f\n\r\t\v'\"?\\`";
    const char *at = decode->p - 1;

    char c = *decode->p;
    if (c >= '0' && c <= '7')
        return decode_octal(decode);
    decode->p++;
    if (c == 'x')
        return decode_hex(decode, at, 2);
    if (c == 'u')
        return decode_hex(decode, at, 4);
    if (c == 'U')
        return decode_hex(decode, at, 8);
    const char *letter = strchr(letters, c);
    if (letter == NULL && !decode->is_lenient)
        return escape_error(decode, at);
    *decode->out++ = letter == NULL ? c : values[letter - letters];
    return true;
}

/* What stands between the quotes. Decoding never makes a text longer: \uXXXX is
 * six bytes for at most three, \UXXXXXXXX ten for at most four. */
static Slice
decode_quoted(Parse *parse, Token token, size_t prefix, bool escapes)
{
    char quote = token.text[prefix];
    const char *body = token.text + prefix + 1;
    size_t size = token.size - prefix - 2;
    if (!escapes && memchr(body, quote, size) == NULL)
        return literal_copy(parse, body, size);
    Slice text = literal_copy(parse, NULL, size);
    if (has_failed(parse))
        return text;

    char *start = (char *)text.data;
    Decode decode = {parse, body, body + size, start, prefix > 0};
    bool has_escapes = false;
    while (decode.p < decode.end) {
        char c = *decode.p++;
        if (c == '\\' && escapes) {
            has_escapes = true;
            if (!decode_escape(&decode))
                return SLICE_LITERAL("");
            continue;
        }
        if (c == quote)
            decode.p++; /* its double */
        *decode.out++ = c;
    }
    *decode.out = '\0';
    text.size = (size_t)(decode.out - start);
    if (has_escapes && (!utf8_valid(text.data, text.size, NULL) ||
                        memchr(text.data, '\0', text.size) != NULL))
        error_at(parse->err, ERR_ENCODING, parse_position(parse, token),
                 "escapes make a byte sequence that is not valid UTF-8 text");
    return text;
}

static Slice
decode_string(Parse *parse, Token token)
{
    char c = token.text[0];
    if (c == '$') {
        size_t tag = 2;
        while (token.text[tag - 1] != '$')
            tag++;
        return literal_copy(parse, token.text + tag, token.size - 2 * tag);
    }
    bool has_prefix = c != '\'' && c != '"';
    return decode_quoted(parse, token, has_prefix, c == 'E' || c == 'e');
}

Node *
literal_string(Parse *parse, Token token, NodeKind kind)
{
    Node *node = node_new(parse, kind, token);
    if (node != NULL)
        node->text = decode_string(parse, token);
    return node;
}

Node *
literal_double_quoted(Parse *parse, Token token)
{
    Node *node = node_new(parse, NODE_DOUBLE_QUOTED, token);
    if (node != NULL)
        node->text = decode_quoted(parse, token, 0, true);
    return node;
}

Slice
literal_name(Parse *parse, Token token)
{
    Slice name;
    bool is_quoted = true;
    if (token.text[0] == '"') {
        name = decode_quoted(parse, token, 0, true);
    } else if (token.text[0] == '`') {
        name = decode_quoted(parse, token, 0, false);
    } else {
        name = literal_copy(parse, token.text, token.size);
        is_quoted = false;
    }
    if (name.size > NAME_SIZE_MOST)
        error_at(parse->err, ERR_NAME_TOO_LONG, parse_position(parse, token),
                 "identifier \"%.*s...\" is too long: %zu bytes, %u at most",
                 shown_size(token) - is_quoted, token.text + is_quoted,
                 name.size, NAME_SIZE_MOST);
    else if (name.size == 0 && !has_failed(parse))
        error_at(parse->err, ERR_SYNTAX_ERROR, parse_position(parse, token),
                 "zero-length delimited identifier at or near \"%.*s\"",
                 (int)token.size, token.text);
    return name;
}

/* ---- bytes and bits ---- */

Node *
literal_bytes(Parse *parse, Token token)
{
    Node *node = node_new(parse, NODE_BYTES, token);
    if (node == NULL)
        return NULL;
    size_t digits = token.size - 3; /* X'' */
    node->text = literal_copy(parse, NULL, digits / 2);
    if (has_failed(parse))
        return NULL;

    char *out = (char *)node->text.data;
    const char *p = token.text + 2;
    for (size_t i = 0; i < digits; i++) {
        int value = hex_value(p[i]);
        if (value < 0) {
            error_at(parse->err, ERR_INVALID_TEXT, p + i - parse->text,
                     "\"%.*s\" is not a valid hexadecimal digit",
                     (int)utf8_size(p + i), p + i);
            return NULL;
        }
        if (i < digits / 2 * 2)
            out[i / 2] = (char)((unsigned)out[i / 2] << 4 | (unsigned)value);
    }
    if (digits % 2 != 0)
        error_at(parse->err, ERR_INVALID_TEXT, node->position,
                 "invalid hexadecimal data: odd number of digits");
    return node;
}

Node *
literal_bits(Parse *parse, Token token)
{
    Node *node = node_new(parse, NODE_BITS, token);
    if (node == NULL)
        return NULL;
    const char *p = token.text + 2;
    const char *end = token.text + token.size - 1;
    node->text = literal_copy(parse, p, (size_t)(end - p));
    for (; p < end; p++) {
        if (*p != '0' && *p != '1') {
            error_at(parse->err, ERR_INVALID_TEXT, p - parse->text,
                     "\"%.*s\" is not a valid binary digit", (int)utf8_size(p),
                     p);
            return NULL;
        }
    }
    return node;
}

/* ---- numbers ---- */

static Node *
out_of_range(Parse *parse, int64_t position, Token token, const char *type)
{
    error_at(parse->err, ERR_OUT_OF_RANGE, position,
             "value \"%.*s%s\" is out of range for type %s", shown_size(token),
             token.text, token.size > NEAR_SHOWN ? "..." : "", type);
    return NULL;
}

/* 2^63 is allowed here, the caller knows whether a minus stands before it. */
static bool
read_integer(Token token, uint64_t *value)
{
    static const char prefixes[] = "xob";
    static const unsigned bases[] = {16, 8, 2};
    unsigned base = 10;
    uint32_t i = 0;
    if (token.size > 2 && token.text[0] == '0') {
        const char *prefix = strchr(prefixes, token.text[1] | 0x20);
        if (prefix != NULL && *prefix != '\0') {
            base = bases[prefix - prefixes];
            i = 2;
        }
    }
    *value = 0;
    for (; i < token.size; i++) {
        if (token.text[i] == '_')
            continue;
        unsigned digit = (unsigned)hex_value(token.text[i]);
        if (__builtin_mul_overflow(*value, base, value) ||
            __builtin_add_overflow(*value, digit, value))
            return false;
    }
    return *value <= (uint64_t)INT64_MAX + 1;
}

Node *
literal_integer(Parse *parse, Token token)
{
    uint64_t value;
    if (!read_integer(token, &value))
        return out_of_range(parse, parse_position(parse, token), token,
                            "INT64");
    Node *node = node_new(parse, NODE_INTEGER, token);
    if (node == NULL)
        return NULL;
    if (value <= INT64_MAX) {
        node->integer = (int64_t)value;
        return node;
    }
    /* Only a minus right before it makes it a number: build_sign() or an error.
     */
    if (parse->minimum != NULL)
        return out_of_range(parse, node->position, token, "INT64");
    node->integer = INT64_MIN;
    parse->minimum = node;
    return node;
}

/* Without '_', a digit on both sides of the point. False: too long. */
static bool
plain_number(Token token, char text[NUMBER_SIZE_MOST + 3], const char **end)
{
    size_t size = 0;
    for (uint32_t i = 0; i < token.size; i++) {
        char c = token.text[i];
        if (c == '_')
            continue;
        if (size >= NUMBER_SIZE_MOST)
            return false;
        bool has_digit_before = size > 0 && hex_value(text[size - 1]) >= 0;
        if (c == '.' && !has_digit_before)
            text[size++] = '0';
        bool has_digit_behind = i + 1 < token.size &&
                                token.text[i + 1] >= '0' &&
                                token.text[i + 1] <= '9';
        text[size++] = c;
        if (c == '.' && !has_digit_behind)
            text[size++] = '0';
    }
    *end = text + size;
    return true;
}

static Node *
too_long(Parse *parse, int64_t position)
{
    error_at(parse->err, ERR_LIMIT_EXCEEDED, position,
             "number has more than %u digits", NUMBER_SIZE_MOST);
    return NULL;
}

/* Into a node that is there already. */
static bool
read_real(Parse *parse, Node *node, Token token)
{
    char text[NUMBER_SIZE_MOST + 3];
    const char *end;
    if (!plain_number(token, text, &end))
        return too_long(parse, node->position) != NULL;
    node->kind = NODE_REAL;
    if (number_read_double(text, end, &node->real) != end)
        return out_of_range(parse, node->position, token, "DOUBLE") != NULL;
    return true;
}

Node *
literal_real(Parse *parse, Token token)
{
    Node *node = node_new(parse, NODE_REAL, token);
    return node != NULL && read_real(parse, node, token) ? node : NULL;
}

/* ---- vectors ---- */

Node *
literal_sparse(Parse *parse, Token token)
{
    Node *node = node_new(parse, NODE_SPARSE, token);
    if (node != NULL)
        node->text = literal_copy(parse, token.text, token.size);
    return node;
}

static bool
ends_element(char c)
{
    return c == ',' || c == ']' || c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next number of `[1, -2.5]`, its sign included; false behind the last. */
static bool
next_element(const char **p, const char *end, Token *element)
{
    const char *start = *p;
    while (start < end && (*start == '[' || ends_element(*start)))
        start++;
    const char *stop = start;
    while (stop < end && !ends_element(*stop))
        stop++;
    *element = (Token){start, (uint32_t)(stop - start)};
    *p = stop;
    return start < stop;
}

static uint32_t
count_elements(Slice text)
{
    uint32_t count = 1;
    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] == ',';
    return count;
}

static bool
is_decimal(Token digits)
{
    return memchr(digits.text, '.', digits.size) != NULL ||
           memchr(digits.text, 'e', digits.size) != NULL ||
           memchr(digits.text, 'E', digits.size) != NULL;
}

/* One INTEGER or REAL of a list, exactly. */
static bool
read_element(Parse *parse, Node *node, Token token, int64_t position)
{
    Token digits = token;
    bool is_negative = token.text[0] == '-';
    if (is_negative || token.text[0] == '+') {
        digits.text++;
        digits.size--;
    }
    *node = (Node){.kind = NODE_INTEGER,
                   .depth = 1,
                   .position = position,
                   .text = SLICE_LITERAL("")};
    if (is_decimal(digits)) {
        bool is_read = read_real(parse, node, digits);
        node->real = is_negative ? -node->real : node->real;
        return is_read;
    }

    uint64_t value;
    if (!read_integer(digits, &value) || (!is_negative && value > INT64_MAX))
        return out_of_range(parse, position, token, "INT64") != NULL;
    node->integer = (int64_t)(is_negative ? 0 - value : value);
    return true;
}

static mql_status
too_many(Error *err, int64_t position)
{
    return error_at(err, ERR_LIMIT_EXCEEDED, position,
                    "list has more than %u elements", LIST_MOST);
}

/* All elements in one piece of memory: a list of a million is one allocation.
 */
static Node *
list_of(Parse *parse, Slice text, int64_t position)
{
    uint32_t count = count_elements(text);
    if (count > LIST_MOST) {
        too_many(parse->err, position);
        return NULL;
    }
    Node *list = arena_new(parse->arena, Node);
    Node *nodes = arena_alloc_array(parse->arena, count, sizeof *nodes);
    if (list == NULL || nodes == NULL) {
        error_no_memory(parse->err);
        return NULL;
    }
    *list = (Node){.kind = NODE_LIST,
                   .depth = 2,
                   .position = position,
                   .text = SLICE_LITERAL(""),
                   .count = count,
                   .first = nodes,
                   .last = nodes + count - 1};

    const char *p = text.data;
    const char *end = text.data + text.size;
    Token element;
    for (uint32_t i = 0; i < count && next_element(&p, end, &element); i++) {
        int64_t at = position + (element.text - text.data);
        if (!read_element(parse, nodes + i, element, at))
            return NULL;
        nodes[i].next = i + 1 < count ? nodes + i + 1 : NULL;
    }
    return list;
}

Node *
literal_list(Parse *parse, Token token)
{
    return list_of(parse, (Slice){token.text, token.size},
                   parse_position(parse, token));
}

mql_status
node_vector_to_list(Arena *arena, const Node *vector, const Node **list,
                    Error *err)
{
    Parse parse = {.arena = arena, .err = err};
    *list = list_of(&parse, vector->text, vector->position);
    return *list == NULL ? err->status : MQL_OK;
}

static bool
read_float(Token element, float *value)
{
    char plain[NUMBER_SIZE_MOST + 3];
    const char *end = element.text + element.size;
    if (number_read_float(element.text, end, value) == end)
        return true;
    return plain_number(element, plain, &end) &&
           number_read_float(plain, end, value) == end;
}

/* False when an element is no float, though it may be a double. */
static bool
read_floats(Slice text, float *floats)
{
    const char *p = text.data;
    const char *end = text.data + text.size;
    Token element;
    for (uint32_t i = 0; next_element(&p, end, &element); i++) {
        if (!read_float(element, floats + i))
            return false;
    }
    return true;
}

Node *
literal_vector(Parse *parse, Token token)
{
    Slice text = {token.text, token.size};
    uint32_t count = count_elements(text);
    if (count > LIST_MOST) {
        too_many(parse->err, parse_position(parse, token));
        return NULL;
    }
    Node *node = node_new(parse, NODE_VECTOR, token);
    float *floats = arena_alloc_array(parse->arena, count, sizeof *floats);
    if (node == NULL || floats == NULL) {
        error_no_memory(parse->err);
        return NULL;
    }
    if (!read_floats(text, floats))
        return literal_list(parse, token);
    node->text = text;
    node->floats = floats;
    node->count = count;
    return node;
}
