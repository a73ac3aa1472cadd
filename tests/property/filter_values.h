/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_values.h - what the parts of a condition mean, for one row.
 *
 * Values, texts, patterns, numbers and JSON as the reference describes them,
 * without any code of the engine: exact 64-bit integers, patterns as sets of
 * the places that they can reach, Milvus' rules for JSON.
 */
#ifndef TESTS_FILTER_VALUES_H
#define TESTS_FILTER_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define TERM_ITEMS 4
#define LIST_ITEMS 4u
#define TEXT_MOST 63u /* characters that a pattern is matched against */

/* What is worth what: 'b' truth, 'i' integer, 'r' real, 't' text, 'z' time in
 * hours since the beginning of 2026, 'a' integers, 'w' texts, 'p' JSON. */
typedef struct Text {
    const char *at;
    size_t size;
} Text;

typedef enum DocKind {
    DOC_ABSENT,
    DOC_NULL,
    DOC_BOOL,
    DOC_INTEGER,
    DOC_REAL,
    DOC_TEXT,
    DOC_ARRAY,
    DOC_OBJECT
} DocKind;

typedef struct Doc {
    DocKind kind;
    int64_t integer;
    double real;
    Text text;
    uint32_t count; /* elements or members */
    const char *names[LIST_ITEMS];
    const struct Doc *items[LIST_ITEMS];
} Doc;

typedef struct List {
    uint32_t count;
    int64_t integers[LIST_ITEMS];
    Text texts[LIST_ITEMS];
} List;

typedef enum Worth {
    WORTH_VALUE,
    WORTH_NULL,
    WORTH_ERROR, /* it cannot be computed */
    WORTH_EITHER /* an error, or not true: whether the part that fails is
                    reached is not promised */
} Worth;

typedef struct Mean {
    Worth worth;
    char sort;
    int64_t integer; /* truth: 0 or 1 */
    double real;
    Text text;
    List list;
    const Doc *doc;
} Mean;

typedef struct ModelRow {
    int64_t id;
    Mean b, m, i, n, f, d, s, z, a, w, j;
} ModelRow;

typedef struct Regexp {
    char kind; /* c . [ ^ $ S(equence) | * + ? { */
    uint32_t character;
    uint32_t last; /* of a class: character..last; of {: least, most */
    bool is_negated;
    struct Regexp *left, *right;
} Regexp;

typedef enum Kind {
    IS_ADD,
    IS_SUBTRACT,
    IS_MULTIPLY,
    IS_DIVIDE,
    IS_REMAINDER,
    IS_BIT_AND,
    IS_BIT_OR,
    IS_BIT_XOR,
    IS_SHIFT_LEFT,
    IS_SHIFT_RIGHT,
    IS_NEGATIVE,
    IS_BIT_NOT,
    IS_ABS,
    IS_SIGN,
    IS_FLOOR,
    IS_CEIL,
    IS_TRUNC,
    IS_ROUND,
    IS_LENGTH,
    IS_OCTETS,
    IS_STRPOS,
    IS_ARRAY_LENGTH,
    IS_ELEMENT,
    IS_COALESCE,
    IS_NULLIF,
    IS_GREATEST,
    IS_LEAST,
    IS_CASE,
    IS_CASE_OF,
    IS_TO_INTEGER,
    IS_TO_INT8,
    IS_TO_REAL,
    IS_TO_TEXT,
    IS_TO_BOOL,
    IS_SAME,
    IS_LOWER,
    IS_UPPER,
    IS_CONCAT,
    IS_SUBSTR,
    IS_LEFT,
    IS_RIGHT,
    IS_TRIM,
    IS_REPLACE,
    IS_DAY,
    IS_HOUR,
    IS_DAY_START,
    IS_COMPARE,
    IS_BETWEEN,
    IS_CHAIN,
    IS_IN,
    IS_LIKE,
    IS_MATCH,
    IS_NULL,
    IS_TRUE,
    IS_FALSE,
    IS_DISTINCT,
    IS_AND,
    IS_OR,
    IS_NOT,
    IS_STARTS,
    IS_EMPTY,
    IS_CONTAINS,
    IS_CONTAINED,
    IS_CONTAINS_ANY,
    IS_CONTAINS_ALL,
    IS_EXISTS,
} Kind;

typedef struct Production {
    char sort;
    const char *form; /* digits: items; @ operator; else as it is */
    const char *takes;
    Kind kind;
    bool is_negated; /* the answer is turned round */
    uint32_t weight;
} Production;

typedef struct Term {
    const Production *production; /* NULL: a literal or a column */
    char sort;
    char name;       /* of a column; of JSON the number of a path; 0: literal */
    bool is_nothing; /* the literal NULL */
    int op;
    int64_t integer;
    double real;
    Text text; /* literal, or a pattern as it is written */
    Regexp *regexp;
    bool ignores_case;
    struct Term *items[TERM_ITEMS];
    uint32_t count;
} Term;

/* Room for what is computed and made; forgotten by whoever sets used to 0. */
typedef struct Room {
    char *bytes;
    size_t used, size;
} Room;

/* Zeroed, for any type. */
static inline void *
room_take(Room *room, size_t size)
{
    size_t start = (room->used + 15) / 16 * 16;
    assert_true(start + size <= room->size);
    room->used = start + size;
    return memset(room->bytes + start, 0, size);
}

typedef struct Model {
    Room *room;        /* for texts */
    bool is_lenient;   /* whatever decides, decides, wherever it stands */
    bool is_too_long;  /* OUT: no judgement */
    char states[8][6]; /* OUT: SQLSTATEs of errors met */
    uint32_t state_count;
} Model;

/* ---- means ---- */

static const Mean unknown = {.worth = WORTH_NULL};

static inline Mean
mean_truth(bool truth)
{
    return (Mean){.sort = 'b', .integer = truth};
}

static inline Mean
mean_integer(int64_t integer)
{
    return (Mean){.sort = 'i', .integer = integer};
}

static inline Mean
mean_text(const char *at, size_t size)
{
    return (Mean){.sort = 't', .text = {at, size}};
}

static inline Mean
mean_error(Model *model, const char *state)
{
    uint32_t i = 0;
    while (i < model->state_count && strcmp(model->states[i], state) != 0)
        i++;
    if (i == model->state_count && i < 8)
        snprintf(model->states[model->state_count++], 6, "%.5s", state);
    return (Mean){.worth = WORTH_ERROR};
}

static inline Mean
mean_real(Model *model, double real)
{
    if (!isfinite(real))
        return mean_error(model, "22003");
    return (Mean){.sort = 'r', .real = real};
}

static inline Mean
turned(Mean mean)
{
    if (mean.worth == WORTH_VALUE)
        mean.integer = !mean.integer;
    return mean;
}

static inline bool
is_worth(Mean mean, bool truth)
{
    return mean.worth == WORTH_VALUE && mean.integer == truth;
}

/* ---- characters ---- */

static inline uint32_t
character_at(Text text, size_t *at)
{
    const uint8_t *bytes = (const uint8_t *)text.at + *at;
    uint32_t size = bytes[0] < 0x80   ? 1
                    : bytes[0] < 0xe0 ? 2
                    : bytes[0] < 0xf0 ? 3
                                      : 4;
    static const uint8_t bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = bytes[0] & bits[size];
    for (uint32_t i = 1; i < size; i++)
        c = c << 6 | (bytes[i] & 0x3f);
    *at += size;
    return c;
}

static inline size_t
characters(Text text)
{
    size_t at = 0, count = 0;
    for (; at < text.size; count++)
        character_at(text, &at);
    return count;
}

/* The letters that the texts of the test have in two cases. */
static const uint32_t two_cases[][2] = {
    {0xc9, 0xe9}, {0xdc, 0xfc}, {0x3a3, 0x3c3}, {0x416, 0x436}};

static inline uint32_t
small(uint32_t c)
{
    for (size_t i = 0; i < sizeof two_cases / sizeof *two_cases; i++)
        if (c == two_cases[i][0])
            return two_cases[i][1];
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static inline uint32_t
capital(uint32_t c)
{
    for (size_t i = 0; i < sizeof two_cases / sizeof *two_cases; i++)
        if (c == two_cases[i][1])
            return two_cases[i][0];
    return c >= 'a' && c <= 'z' ? c - 32 : c;
}

static inline size_t
write_character(char *at, uint32_t c)
{
    if (c < 0x80) {
        at[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        at[0] = (char)(0xc0 | c >> 6);
        at[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        at[0] = (char)(0xe0 | c >> 12);
        at[1] = (char)(0x80 | (c >> 6 & 0x3f));
        at[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    at[0] = (char)(0xf0 | c >> 18);
    at[1] = (char)(0x80 | (c >> 12 & 0x3f));
    at[2] = (char)(0x80 | (c >> 6 & 0x3f));
    at[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Characters [from, from + count) of the text. */
static inline Text
cut_text(Text text, size_t from, size_t count)
{
    size_t at = 0;
    while (from-- > 0 && at < text.size)
        character_at(text, &at);
    size_t end = at;
    while (count-- > 0 && end < text.size)
        character_at(text, &end);
    return (Text){text.at + at, end - at};
}

static inline int
compare_texts(Text a, Text b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.at, b.at, size);
    if (order != 0)
        return order < 0 ? -1 : 1;
    return (a.size > b.size) - (a.size < b.size);
}

/* ---- patterns: the places that can be reached, as bits ---- */

/* The places behind those reached, by one character that is accepted. */
static inline uint64_t
like_places(Text text, Text pattern, char escape, bool ignores_case)
{
    uint32_t c[TEXT_MOST];
    uint32_t count = 0;
    for (size_t at = 0; at < text.size; count++)
        c[count] = character_at(text, &at);
    uint64_t places = 1;
    for (size_t at = 0; at < pattern.size;) {
        uint32_t wanted = character_at(pattern, &at);
        bool is_plain = wanted == (uint32_t)escape;
        if (is_plain)
            wanted = character_at(pattern, &at);
        if (!is_plain && wanted == '%') {
            /* all places from the first one on */
            places = places == 0 ? 0 : 0 - (places & (0 - places));
            continue;
        }
        uint64_t next = 0;
        for (uint32_t i = 0; i < count; i++) {
            bool is_equal = (!is_plain && wanted == '_') || c[i] == wanted ||
                            (ignores_case && small(c[i]) == small(wanted));
            if ((places >> i & 1) != 0 && is_equal)
                next |= UINT64_C(1) << (i + 1);
        }
        places = next;
    }
    return places >> count & 1;
}

/* The places behind what begins at one of `from`. Bit i: before character i. */
static inline uint64_t
regexp_places(const Regexp *regexp, const uint32_t *c, uint32_t count,
              bool ignores_case, uint64_t from)
{
    uint64_t to = 0, more = from;
    switch (regexp->kind) {
    case '^':
        return from & 1;
    case '$':
        return from & UINT64_C(1) << count;
    case 'S':
        from = regexp_places(regexp->left, c, count, ignores_case, from);
        return regexp_places(regexp->right, c, count, ignores_case, from);
    case '|':
        return regexp_places(regexp->left, c, count, ignores_case, from) |
               regexp_places(regexp->right, c, count, ignores_case, from);
    case '?':
        return from | regexp_places(regexp->left, c, count, ignores_case, from);
    case '*':
    case '+':
        to = regexp->kind == '*' ? from : 0;
        do {
            more = regexp_places(regexp->left, c, count, ignores_case, more);
            more &= ~to;
            to |= more;
        } while (more != 0);
        return to;
    case '{':
        for (uint32_t i = 0; i <= regexp->last; i++) {
            if (i >= regexp->character)
                to |= more;
            more = regexp_places(regexp->left, c, count, ignores_case, more);
        }
        return to;
    default:
        break;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = regexp->character, last = regexp->last;
        bool reads = c[i] >= first && c[i] <= last;
        if (ignores_case)
            reads = reads || (small(c[i]) >= first && small(c[i]) <= last) ||
                    (capital(c[i]) >= first && capital(c[i]) <= last);
        if (regexp->kind == '.')
            reads = c[i] != '\n';
        if ((from >> i & 1) != 0 && reads != regexp->is_negated)
            to |= UINT64_C(1) << (i + 1);
    }
    return to;
}

static inline bool
regexp_matches(const Regexp *regexp, bool ignores_case, Text text)
{
    uint32_t c[TEXT_MOST], count = 0;
    for (size_t at = 0; at < text.size; count++)
        c[count] = character_at(text, &at);
    return regexp_places(regexp, c, count, ignores_case,
                         (UINT64_C(2) << count) - 1) != 0;
}

/* ---- numbers ---- */

/* A long double holds every integer of 64 bits and every double. */
static inline int
compare_numbers_of(const Mean *a, const Mean *b)
{
    long double x = a->sort == 'i' ? (long double)a->integer : a->real;
    long double y = b->sort == 'i' ? (long double)b->integer : b->real;
    return (x > y) - (x < y);
}

static inline Mean
integer_or_error(Model *model, __int128 exact)
{
    if (exact > INT64_MAX || exact < INT64_MIN)
        return mean_error(model, "22003");
    return mean_integer((int64_t)exact);
}

static inline Mean
calculate_integers(Model *model, Kind kind, int64_t a, int64_t b)
{
    switch (kind) {
    case IS_ADD:
        return integer_or_error(model, (__int128)a + b);
    case IS_SUBTRACT:
        return integer_or_error(model, (__int128)a - b);
    case IS_MULTIPLY:
        return integer_or_error(model, (__int128)a * b);
    case IS_DIVIDE:
    case IS_REMAINDER:
        if (b == 0)
            return mean_error(model, "22012");
        return integer_or_error(model, kind == IS_DIVIDE ? (__int128)a / b
                                                         : (__int128)a % b);
    case IS_BIT_AND:
        return mean_integer(a & b);
    case IS_BIT_OR:
        return mean_integer(a | b);
    case IS_BIT_XOR:
        return mean_integer(a ^ b);
    default:
        break;
    }
    if (b < 0 || b > 63)
        return mean_error(model, "22003");
    if (kind == IS_SHIFT_LEFT)
        return mean_integer((int64_t)((uint64_t)a << b));
    __int128 whole = (__int128)1 << b, rest = ((__int128)a % whole + whole);
    return mean_integer((int64_t)(((__int128)a - rest % whole) / whole));
}

static inline Mean
calculate(Model *model, Kind kind, const Mean *a, const Mean *b)
{
    if (a->sort == 'i' && b->sort == 'i')
        return calculate_integers(model, kind, a->integer, b->integer);
    double x = a->sort == 'i' ? (double)a->integer : a->real;
    double y = b->sort == 'i' ? (double)b->integer : b->real;
    if (kind == IS_ADD)
        return mean_real(model, x + y);
    if (kind == IS_SUBTRACT)
        return mean_real(model, x - y);
    if (kind == IS_MULTIPLY)
        return mean_real(model, x * y);
    if (y == 0)
        return mean_error(model, "22012");
    return mean_real(model, kind == IS_DIVIDE ? x / y : fmod(x, y));
}

static inline Mean
round_real(Model *model, Kind kind, double x)
{
    if (kind == IS_FLOOR)
        return mean_real(model, floor(x));
    if (kind == IS_CEIL)
        return mean_real(model, ceil(x));
    if (kind == IS_ROUND)
        return mean_real(model, round(x));
    if (kind == IS_TRUNC)
        return mean_real(model, trunc(x));
    if (kind == IS_ABS)
        return mean_real(model, fabs(x));
    if (kind == IS_NEGATIVE)
        return mean_real(model, -x);
    return mean_real(model, (x > 0) - (x < 0));
}

/* Half to even. */
static inline Mean
real_to_integer(Model *model, double x)
{
    double whole = rint(x);
    if (whole < -0x1p63 || whole >= 0x1p63)
        return mean_error(model, "22003");
    return mean_integer((int64_t)whole);
}

static inline Mean
of_one_number(Model *model, Kind kind, const Mean *x)
{
    __int128 whole = x->integer;
    switch (kind) {
    case IS_TO_REAL:
        return mean_real(model, x->sort == 'i' ? (double)x->integer : x->real);
    case IS_TO_INTEGER:
        return x->sort == 'r' ? real_to_integer(model, x->real)
                              : mean_integer(x->integer);
    case IS_TO_INT8:
        if (x->integer < -128 || x->integer > 127)
            return mean_error(model, "22003");
        return *x;
    case IS_TO_BOOL:
        return mean_truth(x->integer != 0);
    case IS_SAME:
        return *x;
    case IS_BIT_NOT:
        return mean_integer(~x->integer);
    default:
        break;
    }
    if (x->sort == 'r')
        return round_real(model, kind, x->real);
    if (kind == IS_NEGATIVE || (kind == IS_ABS && whole < 0))
        whole = -whole;
    else if (kind == IS_SIGN)
        whole = (whole > 0) - (whole < 0);
    return integer_or_error(model, whole);
}

/* ---- texts ---- */

static inline Mean
map_case(Model *model, Kind kind, Text text)
{
    char *out = room_take(model->room, text.size + 4);
    size_t size = 0;
    for (size_t at = 0; at < text.size;) {
        uint32_t c = character_at(text, &at);
        size += write_character(out + size,
                                kind == IS_LOWER ? small(c) : capital(c));
    }
    return mean_text(out, size);
}

/* NULL is nothing. */
static inline Mean
join(Model *model, const Mean *items, uint32_t count)
{
    char *out = room_take(model->room, 4096);
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].worth == WORTH_NULL)
            continue;
        memcpy(out + size, items[i].text.at, items[i].text.size);
        size += items[i].text.size;
        assert_true(size < 2048);
    }
    return mean_text(out, size);
}

static inline Mean
print_integer(Model *model, int64_t integer)
{
    char *out = room_take(model->room, 32);
    return mean_text(out,
                     (size_t)snprintf(out, 32, "%lld", (long long)integer));
}

static inline bool
begins(Text text, Text with)
{
    return text.size >= with.size &&
           (with.size == 0 || memcmp(text.at, with.at, with.size) == 0);
}

static inline Mean
substitute(Model *model, Text text, Text from, Text to)
{
    char *out = room_take(model->room, 8192);
    size_t size = 0;
    if (from.size == 0)
        return mean_text(text.at, text.size);
    for (size_t at = 0; at < text.size;) {
        bool is_here = begins((Text){text.at + at, text.size - at}, from);
        Text more = is_here ? to : (Text){text.at + at, 1};
        if (more.size > 0)
            memcpy(out + size, more.at, more.size);
        size += more.size;
        at += is_here ? from.size : 1;
        assert_true(size < 4096);
    }
    return mean_text(out, size);
}

static inline Mean
position_of(Text text, Text part)
{
    for (size_t at = 0; at <= text.size; at++)
        if (begins((Text){text.at + at, text.size - at}, part))
            return mean_integer((int64_t)characters((Text){text.at, at}) + 1);
    return mean_integer(0);
}

static inline Mean
trim(Text text)
{
    while (text.size > 0 && text.at[0] == ' ')
        text = (Text){text.at + 1, text.size - 1};
    while (text.size > 0 && text.at[text.size - 1] == ' ')
        text.size--;
    return mean_text(text.at, text.size);
}

/* Places before the first count towards the length. */
static inline Mean
part_of(Model *model, const Mean *items)
{
    int64_t first = items[1].integer, end = first + items[2].integer;
    if (items[2].integer < 0)
        return mean_error(model, "22023");
    if (first < 1)
        first = 1;
    Text text = cut_text(items[0].text, (size_t)(first - 1),
                         end > first ? (size_t)(end - first) : 0);
    return mean_text(text.at, text.size);
}

static inline Mean
side_of(Kind kind, const Mean *items)
{
    int64_t length = (int64_t)characters(items[0].text);
    int64_t count = items[1].integer;
    if (count < 0)
        count = count < -length ? 0 : length + count;
    if (count > length)
        count = length;
    int64_t from = kind == IS_LEFT ? 0 : length - count;
    Text text = cut_text(items[0].text, (size_t)from, (size_t)count);
    return mean_text(text.at, text.size);
}

static inline Mean
of_texts(Model *model, Kind kind, const Mean *items)
{
    Text text = items[0].text;
    switch (kind) {
    case IS_LOWER:
    case IS_UPPER:
        return map_case(model, kind, text);
    case IS_LENGTH:
        return mean_integer((int64_t)characters(text));
    case IS_OCTETS:
        return mean_integer((int64_t)text.size);
    case IS_STRPOS:
        return position_of(text, items[1].text);
    case IS_SUBSTR:
        return part_of(model, items);
    case IS_LEFT:
    case IS_RIGHT:
        return side_of(kind, items);
    case IS_TRIM:
        return trim(text);
    case IS_REPLACE:
        return substitute(model, text, items[1].text, items[2].text);
    case IS_STARTS:
        return mean_truth(begins(text, items[1].text));
    default: /* IS_EMPTY */
        return mean_truth(text.size == 0);
    }
}

/* ---- JSON ---- */

static const Doc no_doc = {.kind = DOC_ABSENT};

static inline const Doc *
doc_member(const Doc *doc, const char *name)
{
    for (uint32_t i = 0; doc->kind == DOC_OBJECT && i < doc->count; i++)
        if (strcmp(doc->names[i], name) == 0)
            return doc->items[i];
    return &no_doc;
}

static inline const Doc *
doc_element(const Doc *doc, uint32_t i)
{
    return doc->kind == DOC_ARRAY && i < doc->count ? doc->items[i] : &no_doc;
}

static const char *const path_texts[] = {
    "j[\"n\"]", "j[\"s\"]", "j[\"o\"][\"k\"]", "j['a'][0]",  "j[\"a\"][2]",
    "j[\"a\"]", "j[\"o\"]", "j[\"none\"]",     "(j -> 'n')",
};
#define PATHS (sizeof path_texts / sizeof *path_texts)
#define ARROW_PATH 8

static inline const Doc *
doc_at(const Doc *doc, int path)
{
    switch (path) {
    case 0:
    case ARROW_PATH:
        return doc_member(doc, "n");
    case 1:
        return doc_member(doc, "s");
    case 2:
        return doc_member(doc_member(doc, "o"), "k");
    case 3:
        return doc_element(doc_member(doc, "a"), 0);
    case 4:
        return doc_element(doc_member(doc, "a"), 2);
    case 5:
        return doc_member(doc, "a");
    case 6:
        return doc_member(doc, "o");
    default:
        return doc_member(doc, "none");
    }
}

/* Milvus' exists: null, {}, [] and what holds nothing else are not there. */
static inline bool
doc_exists(const Doc *doc)
{
    if (doc->kind != DOC_ARRAY && doc->kind != DOC_OBJECT)
        return doc->kind != DOC_ABSENT && doc->kind != DOC_NULL;
    for (uint32_t i = 0; i < doc->count; i++)
        if (doc_exists(doc->items[i]))
            return true;
    return false;
}

/* A scalar; NULL for all else. */
static inline Mean
mean_of_doc(const Doc *doc)
{
    switch (doc->kind) {
    case DOC_BOOL:
        return mean_truth(doc->integer != 0);
    case DOC_INTEGER:
        return mean_integer(doc->integer);
    case DOC_REAL:
        return (Mean){.sort = 'r', .real = doc->real};
    case DOC_TEXT:
        return mean_text(doc->text.at, doc->text.size);
    default:
        return unknown;
    }
}

/* ---- comparisons ---- */

static inline char
class_of(char sort)
{
    return sort == 'r' ? 'i' : sort;
}

/* False: they cannot be compared. */
static inline bool
order_of(Mean a, Mean b, int *order)
{
    if (a.sort == 'p')
        a = mean_of_doc(a.doc);
    if (b.sort == 'p')
        b = mean_of_doc(b.doc);
    if (a.worth != WORTH_VALUE || b.worth != WORTH_VALUE ||
        class_of(a.sort) != class_of(b.sort))
        return false;
    if (class_of(a.sort) == 'i')
        *order = compare_numbers_of(&a, &b);
    else if (a.sort == 't')
        *order = compare_texts(a.text, b.text);
    else
        *order = (a.integer > b.integer) - (a.integer < b.integer);
    return true;
}

static inline bool
satisfies(int op, int order)
{
    const bool answers[] = {order == 0, order != 0,
                            order<0, order <= 0, order> 0, order >= 0};
    return answers[op];
}

static inline Mean
compare_means(int op, const Mean *a, const Mean *b)
{
    int order;
    return order_of(*a, *b, &order) ? mean_truth(satisfies(op, order))
                                    : unknown;
}

/* Three values; errors are left to the caller. */
static inline Mean
both(Mean a, Mean b)
{
    if (is_worth(a, false) || is_worth(b, false))
        return mean_truth(false);
    return a.worth == WORTH_NULL || b.worth == WORTH_NULL ? unknown
                                                          : mean_truth(true);
}

static inline Mean
is_among(const Mean *items, uint32_t count)
{
    Mean found = mean_truth(false);
    if (items[0].worth == WORTH_NULL)
        return unknown;
    for (uint32_t i = 1; i < count; i++)
        found = turned(both(turned(found),
                            turned(compare_means(0, &items[0], &items[i]))));
    return found;
}

static inline Mean
is_distinct(const Mean *a, const Mean *b)
{
    if (a->worth == WORTH_NULL || b->worth == WORTH_NULL)
        return mean_truth(a->worth != b->worth);
    return compare_means(1, a, b);
}

/* ---- arrays ---- */

static inline bool
list_holds(const Mean *list, const Mean *item)
{
    for (uint32_t i = 0; i < list->list.count; i++) {
        Mean element = list->sort == 'a' ? mean_integer(list->list.integers[i])
                                         : mean_text(list->list.texts[i].at,
                                                     list->list.texts[i].size);
        if (is_worth(compare_means(0, &element, item), true))
            return true;
    }
    return false;
}

static inline bool
doc_holds(const Doc *doc, const Mean *item)
{
    for (uint32_t i = 0; i < doc->count; i++) {
        Mean element = mean_of_doc(doc->items[i]);
        if (is_worth(compare_means(0, &element, item), true))
            return true;
    }
    return false;
}

/* items[0] holds one or all of the others. */
static inline Mean
holds_of(Kind kind, const Mean *items, uint32_t count)
{
    bool wants_all = kind == IS_CONTAINS_ALL;
    if (items[0].sort == 'p' && items[0].doc->kind != DOC_ARRAY)
        return unknown;
    for (uint32_t i = 1; i < count; i++) {
        bool is_held = items[0].sort == 'p' ? doc_holds(items[0].doc, &items[i])
                                            : list_holds(&items[0], &items[i]);
        if (is_held != wants_all)
            return mean_truth(!wants_all);
    }
    return mean_truth(wants_all);
}

static inline Mean
element_of(const Mean *list, int64_t i)
{
    if (i < 0 || i >= (int64_t)list->list.count)
        return unknown;
    if (list->sort == 'a')
        return mean_integer(list->list.integers[i]);
    return mean_text(list->list.texts[i].at, list->list.texts[i].size);
}

#endif
