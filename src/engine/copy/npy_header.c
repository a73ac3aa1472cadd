/* SPDX-License-Identifier: Apache-2.0 */
/*
 * npy_header.c - numpy's .npy header (NEP 1), versions 1 to 3.
 *
 *   offset  size  what
 *   0       6     "\x93NUMPY"
 *   6       2     version: major, minor
 *   8       2     size of the text, little-endian (version 1)
 *   8       4     same (versions 2 and 3)
 *   then          {'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }
 *
 * The text is a literal of Python. Only what numpy writes is read: the three
 * keys, each once, in any order.
 */
#include "engine/copy/npy.h"

#include "base/number.h"

#define HEADER_SIZE_MOST 65536u

typedef struct Parser {
    const char *at;
    const char *end;
    Error *err;
} Parser;

static mql_status
bad_header(Error *err)
{
    return error_set(err, ERR_BAD_COPY_FORMAT, "the npy header is damaged");
}

static void
skip_blanks(Parser *parser)
{
    while (parser->at < parser->end &&
           (*parser->at == ' ' || *parser->at == '\n'))
        parser->at++;
}

static bool
take(Parser *parser, char c)
{
    skip_blanks(parser);
    if (parser->at == parser->end || *parser->at != c)
        return false;
    parser->at++;
    return true;
}

static bool
take_word(Parser *parser, const char *word)
{
    size_t size = strlen(word);
    skip_blanks(parser);
    if ((size_t)(parser->end - parser->at) < size ||
        memcmp(parser->at, word, size) != 0)
        return false;
    parser->at += size;
    return true;
}

/* 'text' or "text" without escapes. */
static bool
take_string(Parser *parser, Slice *text)
{
    skip_blanks(parser);
    if (parser->at == parser->end ||
        (*parser->at != '\'' && *parser->at != '"'))
        return false;
    char quote = *parser->at++;
    const char *close =
        memchr(parser->at, quote, (size_t)(parser->end - parser->at));
    if (close == NULL)
        return false;
    *text = (Slice){parser->at, (size_t)(close - parser->at)};
    parser->at = close + 1;
    return memchr(text->data, '\\', text->size) == NULL;
}

static mql_status
read_descr(Parser *parser, NpyHeader *header)
{
    Slice text;
    if (take(parser, '['))
        return error_set(parser->err, ERR_FEATURE_NOT_SUPPORTED,
                         "structured npy files are not supported");
    if (!take_string(parser, &text) || text.size >= NPY_DESCR_SIZE)
        return bad_header(parser->err);
    memcpy(header->descr, text.data, text.size);
    header->descr[text.size] = '\0';
    return MQL_OK;
}

static mql_status
read_order(Parser *parser, NpyHeader *header)
{
    header->is_fortran = take_word(parser, "True");
    if (header->is_fortran || take_word(parser, "False"))
        return MQL_OK;
    return bad_header(parser->err);
}

static mql_status
read_shape(Parser *parser, NpyHeader *header)
{
    if (!take(parser, '('))
        return bad_header(parser->err);
    while (!take(parser, ')')) {
        int64_t size;
        skip_blanks(parser);
        const char *after = number_read_int64(parser->at, parser->end, &size);
        if (after == NULL || size < 0)
            return bad_header(parser->err);
        parser->at = after;
        if (header->dimensions < 2)
            header->shape[header->dimensions] = (uint64_t)size;
        header->dimensions++;
        if (!take(parser, ',') &&
            (parser->at == parser->end || *parser->at != ')'))
            return bad_header(parser->err);
    }
    return MQL_OK;
}

static const struct {
    const char *key;
    mql_status (*read)(Parser *parser, NpyHeader *header);
} members[] = {
    {"descr", read_descr},
    {"fortran_order", read_order},
    {"shape", read_shape},
};

#define MEMBER_COUNT (sizeof members / sizeof *members)

static mql_status
read_member(Parser *parser, NpyHeader *header, uint32_t *seen)
{
    Slice key;
    if (!take_string(parser, &key) || !take(parser, ':'))
        return bad_header(parser->err);
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (!slice_equal(key, slice_of(members[i].key)))
            continue;
        if ((*seen & 1u << i) != 0)
            return bad_header(parser->err);
        *seen |= 1u << i;
        return members[i].read(parser, header);
    }
    return bad_header(parser->err);
}

static mql_status
parse(Slice text, NpyHeader *header, Error *err)
{
    Parser parser = {text.data, text.data + text.size, err};
    uint32_t seen = 0;
    *header = (NpyHeader){0};
    if (!take(&parser, '{'))
        return bad_header(err);
    while (!take(&parser, '}')) {
        TRY(read_member(&parser, header, &seen));
        skip_blanks(&parser);
        if (!take(&parser, ',') &&
            (parser.at == parser.end || *parser.at != '}'))
            return bad_header(err);
    }
    skip_blanks(&parser);
    if (parser.at != parser.end || seen != (1u << MEMBER_COUNT) - 1)
        return bad_header(err);
    return MQL_OK;
}

mql_status
npy_header_read(Input *input, NpyHeader *header, Error *err)
{
    TRY(input_need(input, 12, err));
    Slice window = input_window(input);
    if (window.size < 12 || memcmp(window.data, "\x93NUMPY", 6) != 0)
        return error_set(err, ERR_BAD_COPY_FORMAT, "this is not an npy file");
    Reader reader = reader_of(window);
    read_bytes(&reader, 6);
    uint8_t major = read_u8(&reader);
    read_u8(&reader);
    if (major < 1 || major > 3)
        return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                         "npy version %u is not supported", (unsigned)major);
    size_t size = major == 1 ? read_u16(&reader) : read_u32(&reader);
    if (size > HEADER_SIZE_MOST)
        return bad_header(err);
    size_t start = reader.offset;
    TRY(input_need(input, start + size, err));
    window = input_window(input);
    if (window.size < start + size)
        return error_set(err, ERR_BAD_COPY_FORMAT,
                         "the npy header ends too early");
    TRY(parse((Slice){window.data + start, size}, header, err));
    input_consume(input, start + size);
    return MQL_OK;
}
