/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex_parse.c - regular expressions, read into a tree.
 *
 *   choice    sequence | sequence ...
 *   sequence  repeat repeat ...
 *   repeat    atom, then * + ? {m} {m,} {m,n}, each with an optional lazy ?
 *   atom      character, ., [class], (choice), (?:choice), ^ $ \b \B \A \z, \d
 * \w \s ...
 *
 * A subset of RE2's syntax; back-references, look-around and \p{..} are errors.
 */
#include <string.h>

#include "base/utf8.h"
#include "engine/expr/regex_internal.h"

typedef struct RegexParser {
    const char *at;
    const char *end;
    Arena *arena;
    Error *err;
    uint32_t nesting;
} RegexParser;

static mql_status parse_choice(RegexParser *parser, Pattern **out);

static mql_status
bad_regex(RegexParser *parser, const char *why)
{
    return error_set(parser->err, ERR_INVALID_REGEX,
                     "invalid regular expression: %s", why);
}

static mql_status
new_pattern(RegexParser *parser, PatternKind kind, Pattern **out)
{
    *out = arena_new(parser->arena, Pattern);
    if (*out == NULL)
        return error_no_memory(parser->err);
    (*out)->kind = kind;
    return MQL_OK;
}

static mql_status
join(RegexParser *parser, PatternKind kind, Pattern *left, Pattern *right,
     Pattern **out)
{
    TRY(new_pattern(parser, kind, out));
    (*out)->left = left;
    (*out)->right = right;
    return MQL_OK;
}

static bool
take(RegexParser *parser, const char *text)
{
    size_t size = strlen(text);
    if ((size_t)(parser->end - parser->at) < size ||
        memcmp(parser->at, text, size) != 0)
        return false;
    parser->at += size;
    return true;
}

/* ---- classes ---- */

static const CharRange digits[] = {{'0', '9'}};
static const CharRange words[] = {
    {'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const CharRange spaces[] = {{'\t', '\r'}, {' ', ' '}};

/* All but some ranges, which are in order. */
static uint32_t
complement(const CharRange *ranges, uint32_t count, CharRange *out)
{
    uint32_t first = 0;
    uint32_t made = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (ranges[i].first > first)
            out[made++] = (CharRange){first, ranges[i].first - 1};
        first = ranges[i].last + 1;
    }
    out[made++] = (CharRange){first, 0x10ffff};
    return made;
}

/* \d \D \w \W \s \S: up to five ranges; 0: another letter. */
static uint32_t
letter_class(char letter, CharRange out[5])
{
    const CharRange *ranges = NULL;
    uint32_t count = 0;
    switch (letter | 0x20) {
    case 'd':
        ranges = digits;
        count = 1;
        break;
    case 'w':
        ranges = words;
        count = 4;
        break;
    case 's':
        ranges = spaces;
        count = 2;
        break;
    default:
        return 0;
    }
    if ((letter & 0x20) == 0)
        return complement(ranges, count, out);
    memcpy(out, ranges, count * sizeof *ranges);
    return count;
}

static mql_status
add_ranges(RegexParser *parser, CharClass *class, const CharRange *ranges,
           uint32_t count)
{
    /* No byte gives more than five ranges, and one byte at least was read. */
    size_t left = (size_t)(parser->end - parser->at);
    if (class->ranges == NULL)
        class->ranges = arena_alloc_array(parser->arena, 5 * (left + 1),
                                          sizeof *class->ranges);
    if (class->ranges == NULL)
        return error_no_memory(parser->err);
    memcpy(class->ranges + class->count, ranges, count * sizeof *ranges);
    class->count += count;
    return MQL_OK;
}

/* The character an escape stands for, after its backslash. */
static mql_status
parse_escaped(RegexParser *parser, uint32_t *character)
{
    static const char from[] = "nrtfva0";
    static const char to[] = "\n\r\t\f\v\a\0";
    if (parser->at == parser->end)
        return bad_regex(parser, "trailing backslash");
    char c = *parser->at;
    const char *found = strchr(from, c);
    if (c != '\0' && found != NULL) {
        parser->at++;
        *character = (unsigned char)to[found - from];
        return MQL_OK;
    }
    bool is_alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                           (c >= 'a' && c <= 'z');
    if (is_alphanumeric)
        return bad_regex(parser, "unknown escape sequence");
    *character = utf8_next(&parser->at);
    return MQL_OK;
}

/* [:alpha:] and its like, behind "[:". */
static mql_status
parse_named_class(RegexParser *parser, CharClass *class)
{
    static const struct {
        const char *name;
        uint32_t count;
        CharRange ranges[4];
    } names[] = {
        {"alpha:]", 2, {{'A', 'Z'}, {'a', 'z'}}},
        {"digit:]", 1, {{'0', '9'}}},
        {"alnum:]", 3, {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
        {"upper:]", 1, {{'A', 'Z'}}},
        {"lower:]", 1, {{'a', 'z'}}},
        {"space:]", 2, {{'\t', '\r'}, {' ', ' '}}},
        {"punct:]", 4, {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
        {"xdigit:]", 3, {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (take(parser, names[i].name))
            return add_ranges(parser, class, names[i].ranges, names[i].count);
    }
    return bad_regex(parser, "invalid character class");
}

/* One end of a range, or a class of letters (*is_single false). */
static mql_status
parse_class_item(RegexParser *parser, CharClass *class, CharRange *range,
                 bool *is_single)
{
    CharRange letters[5];
    *is_single = true;
    if (!take(parser, "\\")) {
        range->first = utf8_next(&parser->at);
        return MQL_OK;
    }
    uint32_t count =
        parser->at < parser->end ? letter_class(*parser->at, letters) : 0;
    if (count == 0)
        return parse_escaped(parser, &range->first);
    parser->at++;
    *is_single = false;
    return add_ranges(parser, class, letters, count);
}

/* x or x-y */
static mql_status
parse_range(RegexParser *parser, CharClass *class)
{
    CharRange range;
    CharRange end;
    bool is_single;
    TRY(parse_class_item(parser, class, &range, &is_single));
    if (!is_single)
        return MQL_OK;
    range.last = range.first;
    bool is_range = parser->end - parser->at >= 2 && parser->at[0] == '-' &&
                    parser->at[1] != ']';
    if (is_range) {
        parser->at++;
        TRY(parse_class_item(parser, class, &end, &is_single));
        if (!is_single || end.first < range.first)
            return bad_regex(parser, "invalid character range");
        range.last = end.first;
    }
    return add_ranges(parser, class, &range, 1);
}

/* Behind '['. A ']' that comes first is a character. */
static mql_status
parse_class(RegexParser *parser, Pattern **out)
{
    TRY(new_pattern(parser, PATTERN_CLASS, out));
    CharClass *class = &(*out)->characters;
    class->is_negated = take(parser, "^");
    bool is_first = true;
    for (;;) {
        if (parser->at == parser->end)
            return bad_regex(parser, "brackets [] not balanced");
        if (!is_first && take(parser, "]"))
            return MQL_OK;
        is_first = false;
        if (take(parser, "[:"))
            TRY(parse_named_class(parser, class));
        else
            TRY(parse_range(parser, class));
    }
}

/* ---- atoms ---- */

static mql_status
new_character(RegexParser *parser, uint32_t character, Pattern **out)
{
    TRY(new_pattern(parser, PATTERN_CHARACTER, out));
    (*out)->character = character;
    return MQL_OK;
}

static mql_status
parse_backslash(RegexParser *parser, Pattern **out)
{
    CharRange letters[5];
    uint32_t character;
    if (take(parser, "b"))
        return new_pattern(parser, PATTERN_BOUNDARY, out);
    if (take(parser, "B"))
        return new_pattern(parser, PATTERN_NO_BOUNDARY, out);
    if (take(parser, "A"))
        return new_pattern(parser, PATTERN_BEGIN, out);
    if (take(parser, "z"))
        return new_pattern(parser, PATTERN_END, out);
    uint32_t count =
        parser->at < parser->end ? letter_class(*parser->at, letters) : 0;
    if (count != 0) {
        parser->at++;
        TRY(new_pattern(parser, PATTERN_CLASS, out));
        return add_ranges(parser, &(*out)->characters, letters, count);
    }
    TRY(parse_escaped(parser, &character));
    return new_character(parser, character, out);
}

/* Behind '('. */
static mql_status
parse_group(RegexParser *parser, Pattern **out)
{
    if (!take(parser, "?:") && take(parser, "?"))
        return bad_regex(parser, "look-around, flags and named groups are not "
                                 "supported");
    if (++parser->nesting > REGEX_NESTING_MOST)
        return bad_regex(parser, "too many open parentheses");
    TRY(parse_choice(parser, out));
    parser->nesting--;
    if (!take(parser, ")"))
        return bad_regex(parser, "parentheses () not balanced");
    return MQL_OK;
}

static mql_status
parse_atom(RegexParser *parser, Pattern **out)
{
    if (take(parser, "("))
        return parse_group(parser, out);
    if (take(parser, "["))
        return parse_class(parser, out);
    if (take(parser, "\\"))
        return parse_backslash(parser, out);
    if (take(parser, "."))
        return new_pattern(parser, PATTERN_ANY, out);
    if (take(parser, "^"))
        return new_pattern(parser, PATTERN_BEGIN, out);
    if (take(parser, "$"))
        return new_pattern(parser, PATTERN_END, out);
    if (*parser->at == '*' || *parser->at == '+' || *parser->at == '?')
        return bad_regex(parser, "quantifier operand invalid");
    return new_character(parser, utf8_next(&parser->at), out);
}

/* ---- repetition ---- */

static bool
read_count(RegexParser *parser, uint32_t *count)
{
    const char *start = parser->at;
    *count = 0;
    while (parser->at < parser->end && *parser->at >= '0' &&
           *parser->at <= '9' && *count <= REGEX_REPEAT_MOST)
        *count = *count * 10 + (uint32_t)(*parser->at++ - '0');
    return parser->at > start;
}

/* {m} {m,} {m,n}; a brace that begins none of them is a character. */
static bool
take_braces(RegexParser *parser, uint32_t *least, uint32_t *most)
{
    const char *start = parser->at;
    if (take(parser, "{") && read_count(parser, least)) {
        *most = *least;
        if (take(parser, ",") && !read_count(parser, most))
            *most = UINT32_MAX;
        if (take(parser, "}"))
            return true;
    }
    parser->at = start;
    return false;
}

static bool
take_quantifier(RegexParser *parser, uint32_t *least, uint32_t *most)
{
    *least = 0;
    *most = UINT32_MAX;
    if (take(parser, "*"))
        return true;
    if (take(parser, "+")) {
        *least = 1;
        return true;
    }
    if (take(parser, "?")) {
        *most = 1;
        return true;
    }
    return take_braces(parser, least, most);
}

static mql_status
parse_repeat(RegexParser *parser, Pattern **out)
{
    uint32_t least;
    uint32_t most;
    TRY(parse_atom(parser, out));
    while (take_quantifier(parser, &least, &most)) {
        if (least > REGEX_REPEAT_MOST ||
            (most != UINT32_MAX && (most > REGEX_REPEAT_MOST || most < least)))
            return bad_regex(parser, "invalid repetition count(s)");
        take(parser, "?"); /* lazy: the same texts match */
        TRY(join(parser, PATTERN_REPEAT, *out, NULL, out));
        (*out)->least = least;
        (*out)->most = most;
    }
    return MQL_OK;
}

static mql_status
parse_sequence(RegexParser *parser, Pattern **out)
{
    TRY(new_pattern(parser, PATTERN_EMPTY, out));
    while (parser->at < parser->end && *parser->at != '|' &&
           *parser->at != ')') {
        Pattern *next;
        TRY(parse_repeat(parser, &next));
        if ((*out)->kind == PATTERN_EMPTY)
            *out = next;
        else
            TRY(join(parser, PATTERN_SEQUENCE, *out, next, out));
    }
    return MQL_OK;
}

static mql_status
parse_choice(RegexParser *parser, Pattern **out)
{
    TRY(parse_sequence(parser, out));
    while (take(parser, "|")) {
        Pattern *next;
        TRY(parse_sequence(parser, &next));
        TRY(join(parser, PATTERN_CHOICE, *out, next, out));
    }
    return MQL_OK;
}

mql_status
regex_parse(Slice text, Arena *arena, Pattern **pattern, bool *ignores_case,
            Error *err)
{
    if (text.size > REGEX_PATTERN_MOST)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "regular expression of %zu bytes exceeds the limit "
                         "of %u",
                         text.size, REGEX_PATTERN_MOST);
    const char *start = text.size == 0 ? "" : text.data;
    RegexParser parser = {
        .at = start, .end = start + text.size, .arena = arena, .err = err};
    *ignores_case = take(&parser, "(?i)");
    TRY(parse_choice(&parser, pattern));
    if (parser.at < parser.end)
        return bad_regex(&parser, "parentheses () not balanced");
    return MQL_OK;
}
