/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_text.c - where the parts of a JSON text end.
 *
 * These find extents only and trust nothing: whether a container is well formed
 * is decided by json_parse() when its value is wanted.
 */
#include "engine/copy/json_text.h"

const char *
json_skip_blanks(const char *at, const char *end)
{
    while (at < end &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

const char *
json_string_end(const char *at, const char *end, bool *is_plain)
{
    *is_plain = true;
    for (at++; at < end; at++) {
        if (*at == '"')
            return at + 1;
        if (*at == '\\') {
            *is_plain = false;
            if (++at == end)
                return NULL;
        } else if ((unsigned char)*at < 0x20) {
            *is_plain = false;
        }
    }
    return NULL;
}

/* Brackets of both kinds count alike. */
static const char *
container_end(const char *at, const char *end)
{
    uint64_t depth = 0;
    bool is_plain;
    while (at < end) {
        switch (*at) {
        case '[':
        case '{':
            depth++;
            break;
        case ']':
        case '}':
            if (--depth == 0)
                return at + 1;
            break;
        case '"':
            at = json_string_end(at, end, &is_plain);
            if (at == NULL)
                return NULL;
            continue;
        default:
            break;
        }
        at++;
    }
    return NULL;
}

static bool
ends_scalar(char c)
{
    return c == ',' || c == ']' || c == '}' || c == ':' || c == ' ' ||
           c == '\n' || c == '\r' || c == '\t' || c == '"' || c == '[' ||
           c == '{';
}

const char *
json_value_end(const char *at, const char *end)
{
    bool is_plain;
    if (at == end)
        return NULL;
    if (*at == '"')
        return json_string_end(at, end, &is_plain);
    if (*at == '[' || *at == '{')
        return container_end(at, end);
    const char *start = at;
    while (at < end && !ends_scalar(*at))
        at++;
    return at == start ? NULL : at;
}

static const char *
skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

bool
json_is_number(Slice text, bool *is_integer)
{
    const char *at = text.data;
    const char *end = text.data + text.size;
    *is_integer = true;
    at += at < end && *at == '-';
    const char *first = at;
    at = skip_digits(at, end);
    if (at == first || (*first == '0' && at - first > 1))
        return false;
    if (at < end && *at == '.') {
        *is_integer = false;
        first = ++at;
        at = skip_digits(at, end);
        if (at == first)
            return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        *is_integer = false;
        at++;
        at += at < end && (*at == '+' || *at == '-');
        first = at;
        at = skip_digits(at, end);
        if (at == first)
            return false;
    }
    return at == end;
}
