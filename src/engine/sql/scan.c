/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.c - words without an end of their own: strings, nested comments, dollar
 * quotes, lists of plain numbers; and where a statement ends.
 *
 * The scanner (grammar/milvusql.re) and sql_statement_size() both read these
 * words with the same functions, so they cannot disagree about what is inside a
 * string.
 */
#include "engine/sql/parser.h"

#include <string.h>

#include "milvusql.h"

bool
is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (c >= '0' && c <= '9');
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *
scan_escaped(const char *p, const char *end, char quote)
{
    while (p < end) {
        char c = *p++;
        if (c == '\\') {
            if (p == end)
                return NULL;
            p++;
        } else if (c == quote) {
            if (p == end || *p != quote)
                return p;
            p++; /* doubled: one quote inside */
        }
    }
    return NULL;
}

const char *
scan_quoted(const char *p, const char *end, char quote, bool escapes)
{
    if (escapes)
        return scan_escaped(p, end, quote);
    for (;;) {
        p = memchr(p, quote, (size_t)(end - p));
        if (p == NULL || ++p == end || *p != quote)
            return p;
        p++; /* doubled: one quote inside */
    }
}

const char *
scan_comment(const char *p, const char *end)
{
    size_t depth = 1;

    while (p < end) {
        char c = *p++;
        if (p == end)
            return NULL;
        if (c == '/' && *p == '*') {
            depth++;
            p++;
        } else if (c == '*' && *p == '/') {
            p++;
            if (--depth == 0)
                return p;
        }
    }
    return NULL;
}

const char *
scan_dollar(const char *p, const char *end)
{
    const char *tag = p++;
    while (*p != '$')
        p++;
    p++;
    size_t size = (size_t)(p - tag);

    const char *close = memmem(p, (size_t)(end - p), tag, size);
    return close == NULL ? NULL : close + size;
}

static const char *
skip_blanks(const char *p, const char *end)
{
    while (p < end && is_blank(*p))
        p++;
    return p;
}

static const char *
skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

/* Behind a decimal number with an optional sign, NULL when none stands at p. */
static const char *
scan_number(const char *p, const char *end)
{
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    const char *whole = p;
    p = skip_digits(p, end);
    size_t digits = (size_t)(p - whole);
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        p = skip_digits(p, end);
        digits += (size_t)(p - fraction);
    }
    if (digits == 0)
        return NULL;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '-' || *p == '+'))
            p++;
        const char *power = p;
        p = skip_digits(p, end);
        if (p == power)
            return NULL;
    }
    return p < end && is_word_byte(*p) ? NULL : p;
}

const char *
scan_vector(const char *p, const char *end)
{
    for (;;) {
        p = scan_number(skip_blanks(p, end), end);
        if (p == NULL)
            return NULL;
        p = skip_blanks(p, end);
        if (p == end)
            return NULL;
        if (*p == ']')
            return p + 1;
        if (*p++ != ',')
            return NULL;
    }
}

const char *
scan_sparse(const char *p, const char *end)
{
    p = skip_blanks(p, end);
    if (p < end && *p == '}')
        return p + 1;
    if (p == end || !is_digit(*p))
        return NULL;
    while (p < end && (is_digit(*p) || is_blank(*p) || strchr("+-.eE:,", *p)))
        p++;
    return p < end && *p == '}' ? p + 1 : NULL;
}

/* Behind a word (name, keyword or number) or the string it is the prefix of;
 * NULL when that string is open. */
static const char *
skip_word(const char *p, const char *end)
{
    const char *start = p;
    while (p < end && is_word_byte(*p))
        p++;
    if (p - start != 1 || p == end)
        return p;

    char prefix = (char)(*start | 0x20);
    if (*p == '\'' && strchr("erxb", prefix) != NULL)
        return scan_quoted(p + 1, end, '\'', prefix == 'e');
    if (*p == '"' && prefix == 'r')
        return scan_quoted(p + 1, end, '"', false);
    return p;
}

/* Behind `$1`, `$meta` or a dollar quote; NULL when that is open. */
static const char *
skip_dollar(const char *p, const char *end)
{
    const char *tag = p + 1;
    bool is_tag = tag == end || !is_digit(*tag);
    while (tag < end && is_word_byte(*tag))
        tag++;
    if (is_tag && tag < end && *tag == '$')
        return scan_dollar(p, end);
    return tag;
}

/* Behind the word, string, comment or single byte at p; NULL when it is open.
 */
static const char *
skip_piece(const char *p, const char *end)
{
    char c = *p;

    if (is_word_byte(c))
        return skip_word(p, end);
    if (c == '\'' || c == '`')
        return scan_quoted(p + 1, end, c, false);
    if (c == '"')
        return scan_quoted(p + 1, end, c, true);
    if (c == '$')
        return skip_dollar(p, end);
    if (end - p >= 2 && c == '/' && p[1] == '*')
        return scan_comment(p + 2, end);
    if (end - p >= 2 && c == '-' && p[1] == '-') {
        const char *line = memchr(p, '\n', (size_t)(end - p));
        return line == NULL ? end : line + 1;
    }
    return p + 1;
}

/* As psql: at a ';' outside quotes, comments and parentheses. */
size_t
sql_statement_size(const char *sql, size_t size)
{
    const char *end = sql + size;
    size_t open = 0;

    for (const char *p = sql; p != NULL && p < end;) {
        if (*p == '(')
            open++;
        else if (*p == ')' && open > 0)
            open--;
        else if (*p == ';' && open == 0)
            return (size_t)(p + 1 - sql);
        p = skip_piece(p, end);
    }
    return 0;
}
