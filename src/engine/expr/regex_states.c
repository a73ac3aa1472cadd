/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex_states.c - running a regular expression's program.
 *
 * The sets of instructions that are reached become states when they are first
 * met, and what follows a state with a character is computed once (lazy
 * determinization, as in Cox, "Regular Expression Matching in the Wild"): most
 * characters then cost one load. A state is kept from before the assertions
 * (^, $, \b) were looked at, since these depend on the next character. What
 * follows with characters beyond ASCII is computed each time. When there are
 * too many states, or no room, all are forgotten; the time stays linear.
 */
#include "base/bits.h"
#include "base/utf8.h"
#include "engine/expr/regex_internal.h"

#define STATE_LEAST 4u /* room that there is in any case */

/* ---- characters and places ---- */

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

/* ---- instructions ---- */

static bool
set_add(StateSet *set, uint32_t instruction)
{
    uint32_t place = set->places[instruction];
    if (place < set->count && set->list[place] == instruction)
        return false;
    set->places[instruction] = set->count;
    set->list[set->count++] = instruction;
    return true;
}

/* Add an instruction and all that follow it without reading a character; true:
 * the pattern matches. */
static bool
follow(Regex *regex, uint32_t first, const Place *place)
{
    uint32_t depth = 0;
    regex->stack[depth++] = first;
    while (depth > 0) {
        uint32_t at = regex->stack[--depth];
        const Instruction *instruction = &regex->program[at];
        if (!set_add(&regex->now, at))
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

/* ---- states ---- */

static bool
add_room(Regex *regex)
{
    RegexState *state = arena_new(regex->arena, RegexState);
    if (state == NULL)
        return false;
    state->reached = arena_alloc_array(regex->arena, bits_words(regex->count),
                                       sizeof *state->reached);
    if (state->reached == NULL)
        return false;
    regex->states[regex->state_room++] = state;
    return true;
}

bool
regex_states_init(Regex *regex)
{
    while (regex->state_room < STATE_LEAST)
        if (!add_room(regex))
            return false;
    return true;
}

/* The state of regex->reached, which may be a new one. */
static uint16_t
state_of(Regex *regex, bool is_begin, bool was_word)
{
    size_t size = bits_words(regex->count) * sizeof(uint64_t);
    for (uint32_t i = 0; i < regex->state_count; i++) {
        const RegexState *state = regex->states[i];
        if (state->is_begin == is_begin && state->was_word == was_word &&
            memcmp(state->reached, regex->reached, size) == 0)
            return (uint16_t)(STATE_FIRST + i);
    }
    bool has_room = regex->state_count < regex->state_room ||
                    (regex->state_room < STATE_MOST && add_room(regex));
    if (!has_room) {
        regex->state_count = 0;
        regex->first = STATE_UNKNOWN;
    }
    RegexState *state = regex->states[regex->state_count++];
    memset(state->next, 0, sizeof state->next);
    state->is_begin = is_begin;
    state->was_word = was_word;
    memcpy(state->reached, regex->reached, size);
    return (uint16_t)(STATE_FIRST + regex->state_count - 1);
}

/* Before any character. */
static uint16_t
first_state(Regex *regex)
{
    if (regex->first == STATE_UNKNOWN) {
        memset(regex->reached, 0, bits_words(regex->count) * sizeof(uint64_t));
        regex->first = state_of(regex, true, false);
    }
    return regex->first;
}

/* All instructions before the next character; true: the pattern matches. */
static bool
reach(Regex *regex, const RegexState *state, const Place *place)
{
    regex->now.count = 0;
    for (size_t word = 0; word < bits_words(regex->count); word++)
        for (uint64_t bits = state->reached[word]; bits != 0;
             bits &= bits - 1) {
            uint32_t bit = (uint32_t)__builtin_ctzll(bits);
            if (follow(regex, (uint32_t)word * 64 + bit, place))
                return true;
        }
    /* A match may begin at any place. */
    return follow(regex, 0, place);
}

/* What follows the state with a character, or at the end (`is_end`). */
static uint16_t
compute_next(Regex *regex, uint16_t from, uint32_t c, bool is_end)
{
    const RegexState *state = regex->states[from - STATE_FIRST];
    bool will_be_word = !is_end && is_word(c);
    const Place place = {.is_begin = state->is_begin,
                         .is_end = is_end,
                         .is_boundary = state->was_word != will_be_word};
    if (reach(regex, state, &place))
        return STATE_MATCH;
    if (is_end)
        return STATE_NONE;
    bool is_lost = regex->program[0].op == REGEX_BEGIN;
    memset(regex->reached, 0, bits_words(regex->count) * sizeof(uint64_t));
    for (uint32_t i = 0; i < regex->now.count; i++) {
        const Instruction *instruction = &regex->program[regex->now.list[i]];
        if (!reads(regex, instruction, c))
            continue;
        bits_set(regex->reached, instruction->next);
        is_lost = false;
    }
    if (is_lost)
        return STATE_NONE;
    return state_of(regex, false, regex->has_boundaries && will_be_word);
}

/* The same for ASCII and the end (STATE_END), remembered. */
static uint16_t
know_next(Regex *regex, uint16_t from, uint32_t symbol)
{
    uint32_t before = regex->state_count;
    uint16_t to = compute_next(regex, from, symbol, symbol == STATE_END);
    /* When all were forgotten meanwhile, `from` means another state. */
    if (regex->state_count >= before)
        regex->states[from - STATE_FIRST]->next[symbol] = to;
    return to;
}

bool
regex_search(Regex *regex, Slice text)
{
    const char *at = text.size == 0 ? "" : text.data;
    const char *end = at + text.size;
    uint16_t state = first_state(regex);
    while (at < end) {
        unsigned char byte = (unsigned char)*at;
        uint16_t next;
        if (byte < 0x80) {
            at++;
            next = regex->states[state - STATE_FIRST]->next[byte];
            if (next == STATE_UNKNOWN)
                next = know_next(regex, state, byte);
        } else {
            next = compute_next(regex, state, utf8_next(&at), false);
        }
        if (next <= STATE_NONE)
            return next == STATE_MATCH;
        state = next;
    }
    uint16_t last = regex->states[state - STATE_FIRST]->next[STATE_END];
    if (last == STATE_UNKNOWN)
        last = know_next(regex, state, STATE_END);
    return last == STATE_MATCH;
}

void
regex_search_all(Regex *regex, const Slice *texts, uint32_t count,
                 const uint8_t *valid, uint8_t *matches)
{
    if (regex->has_needle)
        needle_find_all(&regex->needle, texts, count, matches);
    else
        memcpy(matches, valid, count);
    for (uint32_t row = 0; row < count; row++)
        if (matches[row])
            matches[row] = regex_search(regex, texts[row]);
}
