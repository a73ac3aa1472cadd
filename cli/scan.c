/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.c - reads input a line at a time: variables and backslashes.
 *
 * psql's rules: no variable is put into a quote or a comment, a name that is
 * not set stays as it is (it may be a parameter), "::" is a cast.
 */
#include "scan.h"

#include <string.h>

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (c >= '0' && c <= '9');
}

void
scan_reset(Scan *scan)
{
    scan->quote = '\0';
    scan->comment_depth = 0;
    scan->saw_semicolon = false;
}

void
scan_free(Scan *scan)
{
    text_free(&scan->tag);
}

/* ---- variables ---- */

/* The value between quotes, those inside doubled; between " a backslash would
 * escape what comes behind it. */
static void
append_quoted(Text *out, const char *value, char quote)
{
    text_append_char(out, quote);
    for (const char *p = value; *p != '\0'; p++) {
        if (*p == quote || (*p == '\\' && quote == '"'))
            text_append_char(out, *p);
        text_append_char(out, *p);
    }
    text_append_char(out, quote);
}

/* :{?name} is TRUE or FALSE: whether the variable is set. */
static size_t
is_set_test(const char *text, size_t size, const Variables *variables,
            Text *out)
{
    size_t i = 3;
    while (i < size && is_variable_byte(text[i]))
        i++;
    if (i == 3 || i == size || text[i] != '}')
        return 0;
    const char *value = variables_get(variables, text + 3, i - 3);
    text_append_text(out, value == NULL ? "FALSE" : "TRUE");
    return i + 1;
}

size_t
scan_variable(const char *text, size_t size, const Variables *variables,
              Text *out)
{
    if (size > 2 && text[1] == '{' && text[2] == '?')
        return is_set_test(text, size, variables, out);
    char quote = size > 1 ? text[1] : '\0';
    if (quote != '\'' && quote != '"')
        quote = '\0';
    size_t start = quote == '\0' ? 1 : 2;
    size_t i = start;
    while (i < size && is_variable_byte(text[i]))
        i++;
    if (i == start || (quote != '\0' && (i == size || text[i] != quote)))
        return 0;
    const char *value = variables_get(variables, text + start, i - start);
    if (value == NULL)
        return 0;
    if (quote == '\0')
        text_append_text(out, value);
    else
        append_quoted(out, value, quote);
    return quote == '\0' ? i : i + 1;
}

/* ---- quotes and comments ---- */

/* Bytes of "$$" or "$tag$" at `text`, 0 when it is neither. */
static size_t
dollar_tag_size(const char *text, size_t size)
{
    size_t i = 1;
    while (i < size && is_word_byte(text[i]))
        i++;
    bool starts_with_digit = i > 1 && text[1] >= '0' && text[1] <= '9';
    return i < size && text[i] == '$' && !starts_with_digit ? i + 1 : 0;
}

/* Whether the letter before a quote at `text[at]` stands alone and is one of
 * `letters`: E'..' and r"..". */
static bool
has_prefix(const char *text, size_t at, const char *letters)
{
    return at > 0 && strchr(letters, text[at - 1]) != NULL &&
           (at == 1 || !is_word_byte(text[at - 2]));
}

/* Bytes at `text` that open nothing and mean nothing. */
static size_t
plain_size(const char *text, size_t size)
{
    size_t i = 0;
    while (i < size && strchr("'\"`-/$;:\\", text[i]) == NULL)
        i++;
    return i;
}

/* Whatever opens at `text[at]`, or some plain text: bytes read. */
static size_t
read_plain(Scan *scan, const char *text, size_t at, size_t size)
{
    char c = text[at];
    char next = at + 1 < size ? text[at + 1] : '\0';
    size_t tag;
    switch (c) {
    case '\'':
        scan->quote = c;
        scan->has_escapes = has_prefix(text, at, "eE");
        return 1;
    case '"':
        scan->quote = c;
        scan->has_escapes = !has_prefix(text, at, "rR");
        return 1;
    case '`':
        scan->quote = c;
        scan->has_escapes = false;
        return 1;
    case '-':
        if (next == '-')
            scan->quote = '-';
        return next == '-' ? 2 : 1;
    case '/':
        if (next == '*') {
            scan->quote = '/';
            scan->comment_depth = 1;
        }
        return next == '*' ? 2 : 1;
    case '$':
        tag = at > 0 && is_word_byte(text[at - 1])
                  ? 0
                  : dollar_tag_size(text + at, size - at);
        if (tag == 0)
            return 1;
        scan->quote = '$';
        text_clear(&scan->tag);
        text_append(&scan->tag, text + at, tag);
        return tag;
    case ';':
        scan->saw_semicolon = true;
        return 1;
    default:
        return 1 + plain_size(text + at + 1, size - at - 1);
    }
}

/* What stands at `text` inside a block comment. */
static size_t
read_comment(Scan *scan, const char *text, size_t size)
{
    if (size > 1 && text[0] == '/' && text[1] == '*') {
        scan->comment_depth++;
        return 2;
    }
    if (size > 1 && text[0] == '*' && text[1] == '/') {
        if (--scan->comment_depth == 0)
            scan->quote = '\0';
        return 2;
    }
    return 1;
}

/* What stands at `text` inside a quote or comment. A doubled quote closes and
 * opens again, which comes to the same. */
static size_t
read_quoted(Scan *scan, const char *text, size_t size)
{
    switch (scan->quote) {
    case '/':
        return read_comment(scan, text, size);
    case '-':
        return size;
    case '$':
        if (size < scan->tag.size ||
            memcmp(text, scan->tag.data, scan->tag.size) != 0)
            return 1;
        scan->quote = '\0';
        return scan->tag.size;
    default:
        if (text[0] == '\\' && scan->has_escapes)
            return size > 1 ? 2 : 1;
        if (text[0] == scan->quote && size > 1 && text[1] == scan->quote)
            return 2;
        if (text[0] == scan->quote)
            scan->quote = '\0';
        return 1;
    }
}

/* What a variable brought may open and close quotes too. */
static void
follow(Scan *scan, const char *text, size_t size)
{
    size_t at = 0;
    while (at < size)
        at += scan->quote != '\0' ? read_quoted(scan, text + at, size - at)
                                  : read_plain(scan, text, at, size);
}

bool
scan_line(Scan *scan, const char *line, size_t size, size_t *position,
          const Variables *variables, Text *statement)
{
    size_t at = *position;
    while (at < size) {
        size_t used;
        if (scan->quote != '\0') {
            used = read_quoted(scan, line + at, size - at);
        } else if (line[at] == '\\') {
            *position = at;
            return true;
        } else if (line[at] == ':') {
            size_t before = statement->size;
            bool is_cast = at + 1 < size && line[at + 1] == ':';
            used = is_cast ? 0
                           : scan_variable(line + at, size - at, variables,
                                           statement);
            at += used;
            if (used > 0) {
                follow(scan, statement->data + before,
                       statement->size - before);
                continue;
            }
            used = is_cast ? 2 : 1;
        } else {
            used = read_plain(scan, line, at, size);
        }
        text_append(statement, line + at, used);
        at += used;
    }
    if (scan->quote == '-')
        scan->quote = '\0';
    *position = size;
    return false;
}

size_t
scan_blanks(const char *text, size_t size)
{
    Scan scan = {0};
    size_t at = 0;
    size_t blanks = 0;
    while (at < size) {
        if (scan.quote == '-') {
            const char *end = memchr(text + at, '\n', size - at);
            at = end == NULL ? size : (size_t)(end - text);
            scan.quote = '\0';
        } else if (scan.quote == '/') {
            at += read_comment(&scan, text + at, size - at);
        } else if (is_blank(text[at])) {
            at++;
        } else if (text[at] == '-' || text[at] == '/') {
            at += read_plain(&scan, text, at, size);
            if (scan.quote == '\0')
                break;
            continue;
        } else {
            break;
        }
        if (scan.quote == '\0')
            blanks = at;
    }
    return blanks;
}
