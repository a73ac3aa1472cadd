/* SPDX-License-Identifier: Apache-2.0 */
/* regex_internal.h - a regular expression as a tree, between parser and
 * compiler. */
#ifndef ENGINE_EXPR_REGEX_INTERNAL_H
#define ENGINE_EXPR_REGEX_INTERNAL_H

#include "engine/expr/expr_internal.h"

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

/* `ignores_case` OUT: it began with (?i). */
mql_status regex_parse(Slice text, Arena *arena, Pattern **pattern,
                       bool *ignores_case, Error *err);

#endif
