/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_grammar.h - conditions at random: what can be written, made and
 * printed. What they mean stands in filter_model.h.
 *
 * A small letter in `takes` is any term of that sort; others:
 *   k an integer field  q a DOUBLE field  g the FLOAT field  x a text field
 *   y the time field    c the truth field a w array fields   p a path of JSON
 *   I R T Z O literals  N a small integer F H a real, an integer beside FLOAT
 *   P Q a pattern of LIKE (Q with ! as escape)               G a regex
 */
#ifndef TESTS_FILTER_GRAMMAR_H
#define TESTS_FILTER_GRAMMAR_H

#include "property/filter_model.h"
#include "property/printed.h"

/* clang-format off */
static const Production productions[] = {
    /* integers */
    {'i', "0 + 1", "ii", IS_ADD, false, 3}, {'i', "0 - 1", "ii", IS_SUBTRACT, false, 3},
    {'i', "0 * 1", "ii", IS_MULTIPLY, false, 3}, {'i', "0 / 1", "ii", IS_DIVIDE, false, 2},
    {'i', "0 / 1", "iN", IS_DIVIDE, false, 1}, {'i', "0 % 1", "iN", IS_REMAINDER, false, 3},
    {'i', "0 % 1", "ii", IS_REMAINDER, false, 1}, {'i', "mod(0, 1)", "iI", IS_REMAINDER, false, 1},
    {'i', "0 & 1", "ii", IS_BIT_AND, false, 1}, {'i', "0 | 1", "ii", IS_BIT_OR, false, 1},
    {'i', "0 # 1", "ii", IS_BIT_XOR, false, 1}, {'i', "0 << 1", "iN", IS_SHIFT_LEFT, false, 1},
    {'i', "0 >> 1", "iN", IS_SHIFT_RIGHT, false, 1}, {'i', "- 0", "i", IS_NEGATIVE, false, 1},
    {'i', "~ 0", "i", IS_BIT_NOT, false, 1}, {'i', "abs(0)", "i", IS_ABS, false, 2},
    {'i', "sign(0)", "i", IS_SIGN, false, 1}, {'i', "length(0)", "t", IS_LENGTH, false, 3},
    {'i', "octet_length(0)", "t", IS_OCTETS, false, 1}, {'i', "strpos(0, 1)", "tT", IS_STRPOS, false, 1},
    {'i', "array_length(0)", "a", IS_ARRAY_LENGTH, false, 2}, {'i', "array_length(0)", "w", IS_ARRAY_LENGTH, false, 1},
    {'i', "array_length(0)", "p", IS_ARRAY_LENGTH, false, 1},
    {'i', "0[$]", "a", IS_ELEMENT, false, 3}, {'i', "coalesce(0, 1)", "ii", IS_COALESCE, false, 2},
    {'i', "nullif(0, 1)", "ii", IS_NULLIF, false, 1}, {'i', "greatest(0, 1)", "ii", IS_GREATEST, false, 1},
    {'i', "least(0, 1)", "ii", IS_LEAST, false, 1}, {'i', "case when 0 then 1 else 2 end", "bii", IS_CASE, false, 2},
    {'i', "case 0 when 1 then 2 else 3 end", "iiii", IS_CASE_OF, false, 1},
    {'i', "case 0 when 1 then 2 else 3 end", "tTii", IS_CASE_OF, false, 1},
    {'i', "cast(0 as int64)", "r", IS_TO_INTEGER, false, 1}, {'i', "0::int64", "b", IS_TO_INTEGER, false, 1},
    {'i', "cast(0 as int8)", "i", IS_TO_INT8, false, 1}, {'i', "cast(cast(0 as varchar) as int64)", "i", IS_SAME, false, 1},
    /* reals */
    {'r', "cast(0 as double)", "g", IS_TO_REAL, false, 4}, {'r', "cast(0 as double)", "i", IS_TO_REAL, false, 2},
    {'r', "0 + 1", "rr", IS_ADD, false, 2}, {'r', "0 - 1", "ri", IS_SUBTRACT, false, 1},
    {'r', "0 * 1", "ir", IS_MULTIPLY, false, 1}, {'r', "0 * 1", "rr", IS_MULTIPLY, false, 1},
    {'r', "0 / 1", "rr", IS_DIVIDE, false, 1}, {'r', "0 / 1", "rN", IS_DIVIDE, false, 1},
    {'r', "0 % 1", "rr", IS_REMAINDER, false, 1}, {'r', "abs(0)", "r", IS_ABS, false, 1},
    {'r', "- 0", "r", IS_NEGATIVE, false, 1}, {'r', "floor(0)", "r", IS_FLOOR, false, 1},
    {'r', "ceil(0)", "r", IS_CEIL, false, 1}, {'r', "trunc(0)", "r", IS_TRUNC, false, 1},
    {'r', "round(0)", "r", IS_ROUND, false, 1}, {'r', "sign(0)", "r", IS_SIGN, false, 1},
    {'r', "coalesce(0, 1)", "rr", IS_COALESCE, false, 1}, {'r', "greatest(0, 1)", "rr", IS_GREATEST, false, 1},
    {'r', "least(0, 1)", "rr", IS_LEAST, false, 1}, {'r', "case when 0 then 1 else 2 end", "brr", IS_CASE, false, 1},
    {'r', "extract(day from 0)", "z", IS_DAY, false, 1}, {'r', "extract(hour from 0)", "z", IS_HOUR, false, 1},
    /* texts */
    {'t', "lower(0)", "t", IS_LOWER, false, 2}, {'t', "upper(0)", "t", IS_UPPER, false, 2},
    {'t', "concat(0, 1)", "tt", IS_CONCAT, false, 1}, {'t', "substr(0, 1, 2)", "tNN", IS_SUBSTR, false, 1},
    {'t', "left(0, 1)", "tN", IS_LEFT, false, 1}, {'t', "right(0, 1)", "tN", IS_RIGHT, false, 1},
    {'t', "trim(0)", "t", IS_TRIM, false, 1}, {'t', "replace(0, 1, 2)", "tTT", IS_REPLACE, false, 1},
    {'t', "0[$]", "w", IS_ELEMENT, false, 3}, {'t', "coalesce(0, 1)", "tt", IS_COALESCE, false, 1},
    {'t', "case when 0 then 1 else 2 end", "btt", IS_CASE, false, 1}, {'t', "cast(0 as varchar)", "i", IS_TO_TEXT, false, 1},
    {'t', "greatest(0, 1)", "tt", IS_GREATEST, false, 1}, {'t', "nullif(0, 1)", "tt", IS_NULLIF, false, 1},
    /* times */
    {'z', "date_trunc('day', 0)", "z", IS_DAY_START, false, 1}, {'z', "coalesce(0, 1)", "zZ", IS_COALESCE, false, 1},
    /* truth: comparisons */
    {'b', "0 @ 1", "kI", IS_COMPARE, false, 14}, {'b', "0 @ 1", "kR", IS_COMPARE, false, 6},
    {'b', "0 @ 1", "Ik", IS_COMPARE, false, 3}, {'b', "0 @ 1", "Rk", IS_COMPARE, false, 2},
    {'b', "0 @ 1", "qR", IS_COMPARE, false, 6}, {'b', "0 @ 1", "qI", IS_COMPARE, false, 4},
    {'b', "0 @ 1", "gF", IS_COMPARE, false, 5}, {'b', "0 @ 1", "gH", IS_COMPARE, false, 3},
    {'b', "0 @ 1", "gq", IS_COMPARE, false, 1}, {'b', "0 @ 1", "gk", IS_COMPARE, false, 1},
    {'b', "0 @ 1", "xT", IS_COMPARE, false, 8}, {'b', "0 @ 1", "yZ", IS_COMPARE, false, 6},
    {'b', "0 @ 1", "cO", IS_COMPARE, false, 4}, {'b', "0 @ 1", "ii", IS_COMPARE, false, 6},
    {'b', "0 @ 1", "ir", IS_COMPARE, false, 3}, {'b', "0 @ 1", "ri", IS_COMPARE, false, 2},
    {'b', "0 @ 1", "rr", IS_COMPARE, false, 3}, {'b', "0 @ 1", "tt", IS_COMPARE, false, 4},
    {'b', "0 @ 1", "zz", IS_COMPARE, false, 2}, {'b', "0 @ 1", "bb", IS_COMPARE, false, 1},
    {'b', "0 @ 1", "kk", IS_COMPARE, false, 3},
    {'b', "0 @ 1", "pI", IS_COMPARE, false, 4}, {'b', "0 @ 1", "pR", IS_COMPARE, false, 3},
    {'b', "0 @ 1", "pT", IS_COMPARE, false, 4}, {'b', "0 @ 1", "pk", IS_COMPARE, false, 1},
    {'b', "0 @ 1", "Ip", IS_COMPARE, false, 1},
    /* truth: ranges and lists */
    {'b', "0 between 1 and 2", "kII", IS_BETWEEN, false, 5}, {'b', "0 not between 1 and 2", "kII", IS_BETWEEN, true, 2},
    {'b', "0 between 1 and 2", "kRR", IS_BETWEEN, false, 2}, {'b', "0 between 1 and 2", "qRR", IS_BETWEEN, false, 2},
    {'b', "0 between 1 and 2", "gFF", IS_BETWEEN, false, 2}, {'b', "0 between 1 and 2", "xTT", IS_BETWEEN, false, 3},
    {'b', "0 not between 1 and 2", "yZZ", IS_BETWEEN, true, 1}, {'b', "0 between 1 and 2", "yZZ", IS_BETWEEN, false, 2},
    {'b', "0 between 1 and 2", "iii", IS_BETWEEN, false, 2}, {'b', "0 between 1 and 2", "pII", IS_BETWEEN, false, 1},
    {'b', "1 < 0 <= 2", "kII", IS_CHAIN, false, 2}, {'b', "1 < 0 <= 2", "qRR", IS_CHAIN, false, 1},
    {'b', "1 < 0 <= 2", "iii", IS_CHAIN, false, 1},
    {'b', "0 in (1, 2, 3)", "kIII", IS_IN, false, 5}, {'b', "0 not in (1, 2, 3)", "kIII", IS_IN, true, 3},
    {'b', "0 in [1, 2, 3]", "kIRI", IS_IN, false, 2}, {'b', "0 in (1, 2)", "qRI", IS_IN, false, 2},
    {'b', "0 not in (1, 2, 3)", "qRRR", IS_IN, true, 1}, {'b', "0 in (1, 2)", "gFF", IS_IN, false, 2},
    {'b', "0 in (1, 2, 3)", "xTTT", IS_IN, false, 4}, {'b', "0 not in (1, 2, 3)", "xTTT", IS_IN, true, 2},
    {'b', "0 in (1, 2)", "yZZ", IS_IN, false, 2}, {'b', "0 in (1)", "cO", IS_IN, false, 1},
    {'b', "0 in (1, 2, 3)", "kIIV", IS_IN, false, 2}, {'b', "0 not in (1, 2)", "xTV", IS_IN, true, 2},
    {'b', "0 in (1, 2, 3)", "iiII", IS_IN, false, 1}, {'b', "0 in (1, 2)", "tTt", IS_IN, false, 1},
    {'b', "0 in (1, 2)", "pII", IS_IN, false, 2}, {'b', "0 not in (1, 2)", "pTT", IS_IN, true, 2},
    /* truth: texts */
    {'b', "0 like 1", "xP", IS_LIKE, false, 8}, {'b', "0 not like 1", "xP", IS_LIKE, true, 3},
    {'b', "0 ilike 1", "xP", IS_LIKE, false, 5}, {'b', "0 not ilike 1", "xP", IS_LIKE, true, 2},
    {'b', "0 like 1 escape '!'", "xQ", IS_LIKE, false, 2}, {'b', "0 like 1", "tP", IS_LIKE, false, 3},
    {'b', "0 ilike 1", "tP", IS_LIKE, false, 2}, {'b', "0 like 1", "pP", IS_LIKE, false, 2},
    {'b', "0 =~ 1", "xG", IS_MATCH, false, 8}, {'b', "0 !~ 1", "xG", IS_MATCH, true, 3}, {'b', "0 ~ 1", "tG", IS_MATCH, false, 2},
    {'b', "starts_with(0, 1)", "xT", IS_STARTS, false, 2}, {'b', "starts_with(0, 1)", "tT", IS_STARTS, false, 1},
    {'b', "empty(0)", "t", IS_EMPTY, false, 1},
    /* truth: arrays and JSON */
    {'b', "array_contains(0, 1)", "aI", IS_CONTAINS, false, 4}, {'b', "array_contains(0, 1)", "wT", IS_CONTAINS, false, 4},
    {'b', "0 in 1", "Ia", IS_CONTAINED, false, 2}, {'b', "0 not in 1", "Tw", IS_CONTAINED, true, 2},
    {'b', "array_contains_any(0, [1, 2])", "aII", IS_CONTAINS_ANY, false, 3},
    {'b', "array_contains_any(0, [1, 2])", "wTT", IS_CONTAINS_ANY, false, 2},
    {'b', "array_contains_all(0, [1, 2])", "aII", IS_CONTAINS_ALL, false, 2},
    {'b', "array_contains_all(0, [1, 2])", "wTT", IS_CONTAINS_ALL, false, 2},
    {'b', "json_contains(0, 1)", "pI", IS_CONTAINS, false, 2}, {'b', "json_contains(0, 1)", "pT", IS_CONTAINS, false, 1},
    {'b', "json_contains_any(0, [1, 2])", "pIT", IS_CONTAINS_ANY, false, 1},
    {'b', "exists 0", "p", IS_EXISTS, false, 3}, {'b', "not exists 0", "p", IS_EXISTS, true, 2},
    /* truth: NULL */
    {'b', "0 is null", "k", IS_NULL, false, 3}, {'b', "0 is not null", "k", IS_NULL, true, 2},
    {'b', "0 is null", "x", IS_NULL, false, 2}, {'b', "0 is not null", "y", IS_NULL, true, 1},
    {'b', "0 is null", "q", IS_NULL, false, 1}, {'b', "0 is null", "g", IS_NULL, false, 1},
    {'b', "0 is null", "a", IS_NULL, false, 1}, {'b', "0 is not null", "w", IS_NULL, true, 1},
    {'b', "0 is null", "b", IS_NULL, false, 2}, {'b', "0 is null", "i", IS_NULL, false, 1},
    {'b', "0 is null", "t", IS_NULL, false, 1}, {'b', "0 is null", "p", IS_NULL, false, 2}, {'b', "0 is not null", "p", IS_NULL, true, 1},
    {'b', "0 is true", "b", IS_TRUE, false, 1}, {'b', "0 is not true", "b", IS_TRUE, true, 1},
    {'b', "0 is false", "b", IS_FALSE, false, 1}, {'b', "0 is not false", "b", IS_FALSE, true, 1},
    {'b', "0 is unknown", "b", IS_NULL, false, 1},
    {'b', "0 is distinct from 1", "kI", IS_DISTINCT, false, 2}, {'b', "0 is not distinct from 1", "kI", IS_DISTINCT, true, 2},
    {'b', "0 is distinct from 1", "ii", IS_DISTINCT, false, 1}, {'b', "0 is not distinct from 1", "tt", IS_DISTINCT, true, 1},
    /* truth: logic */
    {'b', "0 and 1", "bb", IS_AND, false, 20}, {'b', "0 and 1 and 2", "bbb", IS_AND, false, 6},
    {'b', "0 or 1", "bb", IS_OR, false, 20}, {'b', "0 or 1 or 2", "bbb", IS_OR, false, 6},
    {'b', "not 0", "b", IS_NOT, false, 16}, {'b', "case when 0 then 1 else 2 end", "bbb", IS_CASE, false, 3},
    {'b', "cast(0 as bool)", "i", IS_TO_BOOL, false, 1}, {'b', "coalesce(0, 1)", "bb", IS_COALESCE, false, 1},
};
/* clang-format on */
#define PRODUCTIONS (sizeof productions / sizeof *productions)

/* ---- values ---- */

static const char *const words[] = {
    "",
    "a",
    "ab",
    "abc",
    "abcd",
    "b",
    "xabcy",
    "ABC",
    "AbCd",
    "10%",
    "a_c",
    "\u00e9",
    "\u00c9t\u00e9",
    "caf\u00e9 noir",
    "\ud55c\uad6d\uc5b4",
    "\ud55c\uad6d",
    "zz\ud55c\uad6dzz",
    "abcabcabc",
    "hello world",
    "Hello, World!",
    "lo wor",
    "\U0001f600 ok",
    "k\u212a",
    " a ",
    "a!b",
    "it's",
    "a\nb",
    "\u0416\u0416",
    "\u0436",
    "\u03a3x",
    "abababac",
    "-12",
};
#define WORDS (sizeof words / sizeof *words)

static const char *const pieces[] = {
    "%",   "_",      "a",      "b",      "c",      "abc",  "ab",  "%%",
    "_c",  "\u00e9", "\u00c9", "\ud55c", "K",      "z",    "o w", "hello",
    "ABC", "\\%",    "\\_",    "l",      "\u0436", "%ab%", "bc",  "d",
};
#define PIECES (sizeof pieces / sizeof *pieces)

static const int64_t integers[] = {INT64_MAX,
                                   INT64_MIN,
                                   INT64_MAX - 1,
                                   1,
                                   -1,
                                   127,
                                   -128,
                                   128,
                                   300,
                                   2147483647,
                                   -2147483648LL,
                                   9007199254740992,
                                   9007199254740993,
                                   1000000,
                                   16777217,
                                   100};
#define INTEGERS (sizeof integers / sizeof *integers)

static const double reals[] = {0.0,    -0.0,      1.5,
                               -1.5,   0.25,      2.0,
                               1e300,  -1e300,    9007199254740992.0,
                               0x1p63, -0x1p63,   0.1,
                               1e-300, -2.5,      3.0,
                               0.5,    1e18,      100.5,
                               -7.0,   16777216.0};
#define REALS (sizeof reals / sizeof *reals)

typedef struct Maker {
    uint64_t random;
    Room *room;
} Maker;

static inline uint32_t
below(Maker *maker, uint32_t bound)
{
    return (uint32_t)(next_random(&maker->random) >> 33) % bound;
}

static inline int64_t
some_integer(Maker *maker)
{
    if (below(maker, 8) == 0)
        return integers[below(maker, INTEGERS)];
    if (below(maker, 4) == 0)
        return (int64_t)below(maker, 320) - 20;
    return (int64_t)below(maker, 15) - 7;
}

static inline double
some_real(Maker *maker)
{
    return below(maker, 3) == 0 ? ((double)below(maker, 80) - 20) / 4
                                : reals[below(maker, REALS)];
}

static inline Text
some_word(Maker *maker)
{
    const char *word = words[below(maker, WORDS)];
    return (Text){word, strlen(word)};
}

/* ---- making terms ---- */

static inline Term *make_term(Maker *maker, char sort, uint32_t depth);

static inline Term *
new_term(Maker *maker, char sort)
{
    Term *term = room_take(maker->room, sizeof *term);
    term->sort = sort;
    return term;
}

static inline Term *
make_name(Maker *maker, char sort, const char *names)
{
    Term *term = new_term(maker, sort);
    term->name = names[below(maker, (uint32_t)strlen(names))];
    return term;
}

static inline Term *
make_pattern(Maker *maker, bool has_other_escape)
{
    Term *term = new_term(maker, 'P');
    char *out = room_take(maker->room, 64);
    uint32_t count = 1 + below(maker, 4);
    for (uint32_t i = 0; i < count; i++) {
        const char *piece = pieces[below(maker, PIECES)];
        size_t used = strlen(out);
        snprintf(out + used, 64 - used, "%s", piece);
        if (has_other_escape && out[used] == '\\')
            out[used] = '!';
    }
    term->text = (Text){out, strlen(out)};
    return term;
}

static inline Regexp *
new_regexp(Maker *maker, char kind)
{
    Regexp *regexp = room_take(maker->room, sizeof *regexp);
    regexp->kind = kind;
    return regexp;
}

static inline Regexp *
make_character(Maker *maker)
{
    static const uint32_t some[] = {'a',  'b',    'c', 'd', 'l', 'o', 'A', 'k',
                                    0xe9, 0xd55c, ' ', 'z', 'a', 'b', 'c'};
    Regexp *regexp = new_regexp(maker, 'c');
    uint32_t form = below(maker, 8);
    regexp->character = regexp->last =
        some[below(maker, sizeof some / sizeof *some)];
    if (form == 0)
        regexp->kind = '.';
    if (form != 1)
        return regexp;
    regexp->kind = '[';
    regexp->character = 'a' + below(maker, 4);
    regexp->last = regexp->character + below(maker, 4);
    regexp->is_negated = below(maker, 3) == 0;
    return regexp;
}

/* Depth is bounded by `depth`. */
static inline Regexp *
make_regexp(Maker *maker, uint32_t depth)
{
    uint32_t form = depth == 0 ? 0 : below(maker, 10);
    if (form < 2)
        return make_character(maker);
    Regexp *regexp = new_regexp(maker, form < 6   ? 'S'
                                       : form < 8 ? '|'
                                       : form < 9 ? "*+?"[below(maker, 3)]
                                                  : '{');
    if (below(maker, 24) == 0)
        return new_regexp(maker, "^$"[below(maker, 2)]);
    regexp->character = below(maker, 3);
    regexp->last = regexp->character + below(maker, 3);
    regexp->left = make_regexp(maker, depth - 1);
    if (regexp->kind == 'S' || regexp->kind == '|')
        regexp->right = make_regexp(maker, depth - 1);
    return regexp;
}

static inline Term *
make_match(Maker *maker)
{
    Term *term = new_term(maker, 'G');
    term->regexp = make_regexp(maker, 1 + below(maker, 3));
    term->ignores_case = below(maker, 4) == 0;
    return term;
}

static inline Term *
make_literal(Maker *maker, char what)
{
    Term *term = new_term(maker, 'i');
    switch (what) {
    case 'I':
        term->integer = some_integer(maker);
        break;
    case 'N':
        term->integer = (int64_t)below(maker, 9) - (below(maker, 8) == 0) * 4;
        break;
    case 'H': /* printed as the integer, worth the float beside it */
        term->sort = 'r';
        term->integer = some_integer(maker);
        term->real = (double)(float)term->integer;
        term->op = 'H';
        break;
    case 'F': /* printed in full, worth the float beside it */
    case 'R':
        term->sort = 'r';
        term->real = some_real(maker);
        if (what == 'F')
            term->op = 'F';
        break;
    case 'T':
        term->sort = 't';
        term->text = some_word(maker);
        break;
    case 'Y': /* with its type */
    case 'Z':
        term->sort = 'z';
        term->integer = below(maker, 31 * 24);
        term->op = what;
        break;
    case 'O':
        term->sort = 'b';
        term->integer = below(maker, 2);
        break;
    default: /* V */
        term->is_nothing = true;
    }
    return term;
}

static inline Term *
make_leaf(Maker *maker, char sort)
{
    bool is_literal = below(maker, 4) == 0;
    switch (sort) {
    case 'i':
        return is_literal ? make_literal(maker, 'I')
                          : make_name(maker, 'i', "kminn");
    case 'r':
        return is_literal ? make_literal(maker, 'R')
                          : make_name(maker, 'r', "d");
    case 't':
        return is_literal ? make_literal(maker, 'T')
                          : make_name(maker, 't', "s");
    case 'z':
        return is_literal ? make_literal(maker, 'Y')
                          : make_name(maker, 'z', "z");
    default:
        if (!is_literal)
            return make_name(maker, 'b', "b");
        return make_literal(maker, below(maker, 4) == 0 ? 'V' : 'O');
    }
}

static inline Term *
make_path(Maker *maker)
{
    Term *term = make_name(maker, 'p', "j");
    term->integer = below(maker, PATHS);
    return term;
}

static inline Term *
make_item(Maker *maker, char what, uint32_t depth)
{
    switch (what) {
    case 'b':
    case 'i':
    case 'r':
    case 't':
    case 'z':
        return make_term(maker, what, depth);
    case 'k':
        return make_name(maker, 'i', "kminn");
    case 'q':
        return make_name(maker, 'r', "d");
    case 'g':
        return make_name(maker, 'r', "f");
    case 'x':
        return make_name(maker, 't', "s");
    case 'y':
        return make_name(maker, 'z', "z");
    case 'c':
        return make_name(maker, 'b', "b");
    case 'a':
        return make_name(maker, 'a', "a");
    case 'w':
        return make_name(maker, 'w', "w");
    case 'p':
        return make_path(maker);
    case 'P':
    case 'Q':
        return make_pattern(maker, what == 'Q');
    case 'G':
        return make_match(maker);
    default:
        return make_literal(maker, what);
    }
}

/* Without parts that are terms themselves: what is left when it is deep. */
static inline bool
is_flat(const Production *production)
{
    return strpbrk(production->takes, "birtz") == NULL;
}

static inline const Production *
choose(Maker *maker, char sort, uint32_t depth)
{
    uint32_t total = 0;
    for (int pass = 0; pass < 2; pass++) {
        uint32_t at = pass == 0 ? 0 : below(maker, total);
        for (size_t i = 0; i < PRODUCTIONS; i++) {
            const Production *production = &productions[i];
            if (production->sort != sort ||
                (depth == 0 && !is_flat(production)))
                continue;
            if (pass == 0)
                total += production->weight;
            else if (at < production->weight)
                return production;
            else
                at -= production->weight;
        }
        if (total == 0)
            break;
    }
    return NULL;
}

/* Depth is bounded by `depth`. */
static inline Term *
make_term(Maker *maker, char sort, uint32_t depth)
{
    uint32_t leaves = sort == 'b' ? 12 : 3;
    const Production *production =
        (depth == 0 && sort != 'b') || below(maker, leaves) == 0
            ? NULL
            : choose(maker, sort, depth);
    if (production == NULL)
        return make_leaf(maker, sort);
    Term *term = new_term(maker, sort);
    term->production = production;
    term->op = (int)below(maker, production->kind == IS_ELEMENT ? 4 : 6);
    for (const char *what = production->takes; *what != '\0'; what++)
        term->items[term->count++] =
            make_item(maker, *what, depth > 0 ? depth - 1 : 0);
    return term;
}

/* ---- text ---- */

static inline void
say_text(Printed *out, Text text)
{
    say(out, "'");
    for (size_t i = 0; i < text.size; i++)
        say(out, text.at[i] == '\'' ? "''" : "%c", text.at[i]);
    say(out, "'");
}

static inline void
say_integer(Printed *out, int64_t integer)
{
    say(out, integer < 0 ? "(%lld)" : "%lld", (long long)integer);
}

static inline void
say_real(Printed *out, double real)
{
    char digits[64];
    snprintf(digits, sizeof digits, "%.17g", real);
    const char *end = strpbrk(digits, ".e") == NULL ? ".0" : "";
    say(out, signbit(real) ? "(%s%s)" : "%s%s", digits, end);
}

static inline void
say_time(Printed *out, int64_t hours)
{
    say(out, "'2026-01-%02dT%02d:00:00Z'", (int)(hours / 24 + 1),
        (int)(hours % 24));
}

static inline void
say_character(Printed *out, uint32_t c)
{
    char bytes[5] = "";
    write_character(bytes, c);
    say(out, "%s", bytes);
}

/* Depth is that of the pattern. */
static inline void
say_regexp(Printed *out, const Regexp *regexp)
{
    switch (regexp->kind) {
    case 'c':
        say_character(out, regexp->character);
        return;
    case '[':
        say(out, "[%s%c-%c]", regexp->is_negated ? "^" : "",
            (char)regexp->character, (char)regexp->last);
        return;
    case '.':
    case '^':
    case '$':
        say(out, "%c", regexp->kind);
        return;
    default:
        break;
    }
    say(out, "(");
    say_regexp(out, regexp->left);
    if (regexp->kind == '|')
        say(out, "|");
    if (regexp->right != NULL)
        say_regexp(out, regexp->right);
    say(out, ")");
    if (regexp->kind == '{')
        say(out, "{%u,%u}", regexp->character, regexp->last);
    else if (regexp->right == NULL)
        say(out, "%c", regexp->kind);
}

static inline void
say_leaf(Printed *out, const Term *term)
{
    if (term->is_nothing)
        say(out, "null");
    else if (term->sort == 'p')
        say(out, "%s", path_texts[term->integer]);
    else if (term->name == 'k')
        say(out, "id");
    else if (term->name != 0)
        say(out, "%c", term->name);
    else if (term->sort == 'i' || term->op == 'H')
        say_integer(out, term->integer);
    else if (term->sort == 'r')
        say_real(out, term->real);
    else if (term->sort == 'z') {
        say(out, term->op == 'Y' ? "TIMESTAMPTZ " : "");
        say_time(out, term->integer);
    } else if (term->sort == 'b')
        say(out, term->integer != 0 ? "true" : "false");
    else if (term->sort == 'G') {
        say(out, term->ignores_case ? "'(?i)" : "'");
        say_regexp(out, term->regexp);
        say(out, "'");
    } else
        say_text(out, term->text);
}

/* Depth is that of the term. */
static inline void
say_term(Printed *out, const Term *term)
{
    static const char *const operators[] = {"=", "<>", "<", "<=", ">", ">="};
    if (term->production == NULL) {
        say_leaf(out, term);
        return;
    }
    say(out, "(");
    for (const char *at = term->production->form; *at != '\0'; at++) {
        if (*at >= '0' && *at <= '3')
            say_term(out, term->items[*at - '0']);
        else if (*at == '@')
            say(out, "%s", operators[term->op]);
        else if (*at == '$')
            say(out, "%d", term->op);
        else
            say(out, "%c", *at);
    }
    say(out, ")");
}

#endif
