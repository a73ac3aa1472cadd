/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex.c - matching regular expressions in linear time.
 *
 * The tree becomes a program of a small machine, run on all its threads at once
 * (Thompson 1968; Pike's lockstep simulation): a set of instructions for the
 * place before each character. A text of n characters and a program of m
 * instructions take n * m steps at most, whatever the pattern. Only whether
 * there is a match is asked, so a thread is nothing but its instruction.
 */
#include "base/utf8.h"
#include "engine/expr/regex_internal.h"

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

struct Regex {
    Instruction *program;
    uint32_t count;
    uint32_t capacity;
    bool ignores_case;
    StateSet now;
    StateSet then;
    uint32_t *stack;
};

/* ---- compiling ---- */

typedef struct Compiler {
    Regex *regex;
    Error *err;
} Compiler;

static mql_status emit(Compiler *compiler, const Pattern *pattern);

static mql_status
add(Compiler *compiler, RegexOp op, uint32_t *place)
{
    Regex *regex = compiler->regex;
    *place = regex->count;
    if (regex->count == regex->capacity)
        return error_set(compiler->err, ERR_INVALID_REGEX,
                         "regular expression is too complex");
    regex->program[regex->count] =
        (Instruction){.op = op, .next = regex->count + 1};
    regex->count++;
    return MQL_OK;
}

static mql_status
emit_leaf(Compiler *compiler, const Pattern *pattern)
{
    static const RegexOp ops[] = {
        [PATTERN_CHARACTER] = REGEX_CHARACTER,
        [PATTERN_ANY] = REGEX_ANY,
        [PATTERN_CLASS] = REGEX_CLASS,
        [PATTERN_BEGIN] = REGEX_BEGIN,
        [PATTERN_END] = REGEX_END,
        [PATTERN_BOUNDARY] = REGEX_BOUNDARY,
        [PATTERN_NO_BOUNDARY] = REGEX_NO_BOUNDARY,
    };
    uint32_t place;
    TRY(add(compiler, ops[pattern->kind], &place));
    compiler->regex->program[place].character = pattern->character;
    compiler->regex->program[place].characters = &pattern->characters;
    return MQL_OK;
}

/* split L, R; L: left; jump end; R: right; end */
static mql_status
emit_choice(Compiler *compiler, const Pattern *pattern)
{
    uint32_t split;
    uint32_t jump;
    Regex *regex = compiler->regex;
    TRY(add(compiler, REGEX_SPLIT, &split));
    TRY(emit(compiler, pattern->left));
    TRY(add(compiler, REGEX_JUMP, &jump));
    regex->program[split].other = regex->count;
    TRY(emit(compiler, pattern->right));
    regex->program[jump].next = regex->count;
    return MQL_OK;
}

/* L: split in, end; in: pattern; jump L; end */
static mql_status
emit_star(Compiler *compiler, const Pattern *pattern)
{
    uint32_t split;
    uint32_t jump;
    Regex *regex = compiler->regex;
    TRY(add(compiler, REGEX_SPLIT, &split));
    TRY(emit(compiler, pattern));
    TRY(add(compiler, REGEX_JUMP, &jump));
    regex->program[jump].next = split;
    regex->program[split].other = regex->count;
    return MQL_OK;
}

/* The pattern `least` times, then as an optional tail or a star. */
static mql_status
emit_repeat(Compiler *compiler, const Pattern *pattern)
{
    Regex *regex = compiler->regex;
    for (uint32_t i = 0; i < pattern->least; i++)
        TRY(emit(compiler, pattern->left));
    if (pattern->most == UINT32_MAX)
        return emit_star(compiler, pattern->left);
    for (uint32_t i = pattern->least; i < pattern->most; i++) {
        uint32_t split;
        TRY(add(compiler, REGEX_SPLIT, &split));
        TRY(emit(compiler, pattern->left));
        regex->program[split].other = regex->count;
    }
    return MQL_OK;
}

/* Depth is that of the tree, which the pattern's size bounds. */
static mql_status
emit(Compiler *compiler, const Pattern *pattern)
{
    switch (pattern->kind) {
    case PATTERN_EMPTY:
        return MQL_OK;
    case PATTERN_SEQUENCE:
        TRY(emit(compiler, pattern->left));
        return emit(compiler, pattern->right);
    case PATTERN_CHOICE:
        return emit_choice(compiler, pattern);
    case PATTERN_REPEAT:
        return emit_repeat(compiler, pattern);
    default:
        return emit_leaf(compiler, pattern);
    }
}

static bool
set_init(StateSet *set, uint32_t count, Arena *arena)
{
    set->list = arena_alloc_array(arena, count, sizeof *set->list);
    set->places = arena_alloc_array(arena, count, sizeof *set->places);
    return set->list != NULL && set->places != NULL;
}

mql_status
regex_compile(Slice text, Arena *arena, Regex **out, Error *err)
{
    Pattern *pattern;
    uint32_t match;
    Regex *regex = arena_new(arena, Regex);
    if (regex == NULL)
        return error_no_memory(err);
    TRY(regex_parse(text, arena, &pattern, &regex->ignores_case, err));
    regex->capacity = REGEX_PROGRAM_MOST;
    regex->program =
        arena_alloc_array(arena, regex->capacity, sizeof *regex->program);
    if (regex->program == NULL)
        return error_no_memory(err);
    Compiler compiler = {regex, err};
    TRY(emit(&compiler, pattern));
    TRY(add(&compiler, REGEX_MATCH, &match));
    /* Each instruction is pushed by at most two others, and once to begin. */
    regex->stack = arena_alloc_array(arena, (size_t)regex->count * 2 + 1,
                                     sizeof *regex->stack);
    if (regex->stack == NULL || !set_init(&regex->now, regex->count, arena) ||
        !set_init(&regex->then, regex->count, arena))
        return error_no_memory(err);
    *out = regex;
    return MQL_OK;
}

/* ---- running ---- */

/* The place between two characters. */
typedef struct Place {
    bool is_begin;
    bool is_end;
    bool is_boundary; /* a word begins or ends here */
} Place;

static bool
is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (c >= 'a' && c <= 'z');
}

static bool
holds(RegexOp op, const Place *place)
{
    switch (op) {
    case REGEX_BEGIN:
        return place->is_begin;
    case REGEX_END:
        return place->is_end;
    case REGEX_BOUNDARY:
        return place->is_boundary;
    default:
        return !place->is_boundary;
    }
}

static bool
set_add(StateSet *set, uint32_t state)
{
    uint32_t place = set->places[state];
    if (place < set->count && set->list[place] == state)
        return false;
    set->places[state] = set->count;
    set->list[set->count++] = state;
    return true;
}

/* Add a state and all that follow it without reading a character. */
static bool
follow(Regex *regex, StateSet *set, uint32_t first, const Place *place)
{
    uint32_t depth = 0;
    regex->stack[depth++] = first;
    while (depth > 0) {
        uint32_t state = regex->stack[--depth];
        const Instruction *instruction = &regex->program[state];
        if (!set_add(set, state))
            continue;
        switch (instruction->op) {
        case REGEX_MATCH:
            return true;
        case REGEX_SPLIT:
            regex->stack[depth++] = instruction->other;
            regex->stack[depth++] = instruction->next;
            break;
        case REGEX_JUMP:
            regex->stack[depth++] = instruction->next;
            break;
        case REGEX_BEGIN:
        case REGEX_END:
        case REGEX_BOUNDARY:
        case REGEX_NO_BOUNDARY:
            if (holds(instruction->op, place))
                regex->stack[depth++] = instruction->next;
            break;
        default:
            break;
        }
    }
    return false;
}

static bool
in_ranges(const CharClass *class, uint32_t c)
{
    for (uint32_t i = 0; i < class->count; i++) {
        if (c >= class->ranges[i].first && c <= class->ranges[i].last)
            return true;
    }
    return false;
}

static bool
in_class(const Regex *regex, const CharClass *class, uint32_t c)
{
    bool is_in = in_ranges(class, c);
    if (!is_in && regex->ignores_case)
        is_in =
            in_ranges(class, lower_case(c)) || in_ranges(class, upper_case(c));
    return is_in != class->is_negated;
}

static bool
reads(const Regex *regex, const Instruction *instruction, uint32_t c)
{
    switch (instruction->op) {
    case REGEX_CHARACTER:
        return c == instruction->character ||
               (regex->ignores_case &&
                lower_case(c) == lower_case(instruction->character));
    case REGEX_ANY:
        return c != '\n';
    case REGEX_CLASS:
        return in_class(regex, instruction->characters, c);
    default:
        return false;
    }
}

/* All threads read one character. */
static bool
step(Regex *regex, uint32_t c, const Place *place)
{
    regex->then.count = 0;
    for (uint32_t i = 0; i < regex->now.count; i++) {
        const Instruction *instruction = &regex->program[regex->now.list[i]];
        if (reads(regex, instruction, c) &&
            follow(regex, &regex->then, instruction->next, place))
            return true;
    }
    StateSet swap = regex->now;
    regex->now = regex->then;
    regex->then = swap;
    return false;
}

static Place
place_at(const char *at, const char *start, const char *end, uint32_t before)
{
    const char *next = at;
    bool was_word = at > start && is_word(before);
    bool will_be_word = at < end && is_word(utf8_next(&next));
    return (Place){.is_begin = at == start,
                   .is_end = at == end,
                   .is_boundary = was_word != will_be_word};
}

bool
regex_search(Regex *regex, Slice text)
{
    const char *start = text.size == 0 ? "" : text.data;
    const char *end = start + text.size;
    const char *at = start;
    Place place = place_at(at, start, end, 0);
    regex->now.count = 0;
    if (follow(regex, &regex->now, 0, &place))
        return true;
    while (at < end) {
        uint32_t c = utf8_next(&at);
        place = place_at(at, start, end, c);
        /* A match may begin at any place. */
        if (step(regex, c, &place) || follow(regex, &regex->now, 0, &place))
            return true;
    }
    return false;
}
