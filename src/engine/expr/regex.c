/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex.c - regular expressions as programs of a small machine.
 *
 * The machine is on all its threads at once (Thompson 1968; Pike's lockstep
 * simulation): a set of instructions for the place before each character. A
 * text of n characters and a program of m instructions take n * m steps at
 * most, whatever the pattern. Only whether there is a match is asked, so a
 * thread is nothing but its instruction. regex_states.c runs it.
 */
#include "base/bits.h"
#include "engine/expr/regex_internal.h"

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
    if (pattern->kind == PATTERN_BOUNDARY ||
        pattern->kind == PATTERN_NO_BOUNDARY)
        compiler->regex->has_boundaries = true;
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

/* The longest of the texts that whatever matches contains. */
static mql_status
regex_needle(Regex *regex, const Pattern *pattern, size_t size, Error *err)
{
    Literals literals;
    TRY(literals_begin(&literals, size, regex->arena, err));
    literals_add_pattern(&literals, pattern, regex->ignores_case);
    for (uint32_t i = 0; i < literals.count; i++) {
        Slice text = literals.texts[i];
        if (text.size <= regex->needle.size)
            continue;
        regex->needle = (Needle){text.data, text.size, regex->ignores_case};
        regex->has_needle = true;
    }
    /* Letters in no case of their own become small ones, as a needle's are. */
    for (size_t i = 0; regex->ignores_case && i < literals.size; i++)
        if (literals.bytes[i] >= 'A' && literals.bytes[i] <= 'Z')
            literals.bytes[i] = (char)(literals.bytes[i] + 32);
    return MQL_OK;
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
    regex->arena = arena;
    regex->reached =
        arena_alloc_array(arena, bits_words(regex->count), sizeof(uint64_t));
    if (regex->stack == NULL || regex->reached == NULL ||
        !set_init(&regex->now, regex->count, arena) ||
        !regex_states_init(regex))
        return error_no_memory(err);
    *out = regex;
    return regex_needle(regex, pattern, text.size, err);
}
