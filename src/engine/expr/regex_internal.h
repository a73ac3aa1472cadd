/* SPDX-License-Identifier: Apache-2.0 */
/* regex_internal.h - a regular expression as a tree, between parser and
 * compiler. */
#ifndef ENGINE_EXPR_REGEX_INTERNAL_H
#define ENGINE_EXPR_REGEX_INTERNAL_H

#include "engine/expr/expr_internal.h"
#include "engine/expr/text_find.h"

#define REGEX_PATTERN_MOST 1000u /* bytes                              */
#define REGEX_REPEAT_MOST 1000u  /* n of {m,n}, as RE2                 */
#define REGEX_NESTING_MOST 200u  /* open groups                        */
#define REGEX_PROGRAM_MOST 5000u /* instructions: time per character   */

typedef enum PatternKind {
    PATTERN_EMPTY,
    PATTERN_CHARACTER,
    PATTERN_ANY, /* but a newline */
    PATTERN_CLASS,
    PATTERN_BEGIN,
    PATTERN_END,
    PATTERN_BOUNDARY,
    PATTERN_NO_BOUNDARY,
    PATTERN_SEQUENCE, /* left, right */
    PATTERN_CHOICE,   /* left, right */
    PATTERN_REPEAT,   /* left, least..most times */
} PatternKind;

typedef struct CharRange {
    uint32_t first;
    uint32_t last;
} CharRange;

typedef struct CharClass {
    CharRange *ranges;
    uint32_t count;
    bool is_negated;
} CharClass;

typedef struct Pattern Pattern;
struct Pattern {
    PatternKind kind;
    uint32_t character;
    CharClass characters;
    Pattern *left;
    Pattern *right;
    uint32_t least;
    uint32_t most; /* UINT32_MAX: no limit */
};

/* ---- the program, and states of it that were met before ---- */

typedef enum RegexOp {
    REGEX_CHARACTER,
    REGEX_ANY,
    REGEX_CLASS,
    REGEX_BEGIN,
    REGEX_END,
    REGEX_BOUNDARY,
    REGEX_NO_BOUNDARY,
    REGEX_SPLIT, /* goes on at both `next` and `other` */
    REGEX_JUMP,
    REGEX_MATCH,
} RegexOp;

typedef struct Instruction {
    RegexOp op;
    uint32_t character;
    const CharClass *characters;
    uint32_t next;
    uint32_t other;
} Instruction;

/* Instructions reached, each once: list and the place of each in it. */
typedef struct StateSet {
    uint32_t *list;
    uint32_t *places;
    uint32_t count;
} StateSet;

/* What follows a state: its number, or one of these. */
#define STATE_UNKNOWN 0u
#define STATE_MATCH 1u
#define STATE_NONE 2u /* no match, whatever comes */
#define STATE_FIRST 3u

#define STATE_MOST 500u    /* then all are forgotten */
#define STATE_SYMBOLS 129u /* ASCII, and the end */
#define STATE_END 128u

typedef struct RegexState {
    uint16_t next[STATE_SYMBOLS];
    bool is_begin;     /* nothing was read */
    bool was_word;     /* the last character read; false where nobody asks */
    uint64_t *reached; /* instructions behind those that read it, as bits */
} RegexState;

struct Regex {
    Instruction *program;
    uint32_t count;
    uint32_t capacity;
    bool ignores_case;
    bool has_boundaries;
    Arena *arena;
    StateSet now;
    uint32_t *stack;
    RegexState *states[STATE_MOST]; /* from STATE_FIRST on */
    uint32_t state_count, state_room;
    uint16_t first;    /* the state before any character, or STATE_UNKNOWN */
    uint64_t *reached; /* of the state in the making */
    /* A text that whatever matches contains. */
    Needle needle;
    bool has_needle;
};

/* literals.c: the texts of the pattern. */
void literals_add_pattern(Literals *literals, const Pattern *pattern,
                          bool ignores_case);

/* Room for some states; false: no memory. */
bool regex_states_init(Regex *regex);

/* `ignores_case` OUT: it began with (?i). */
mql_status regex_parse(Slice text, Arena *arena, Pattern **pattern,
                       bool *ignores_case, Error *err);

#endif
