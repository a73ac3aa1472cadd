/* SPDX-License-Identifier: Apache-2.0 */
/*
 * variables.c - what \set sets.
 */
#include "variables.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "memory.h"

/* Names that mean something: "switch" and "number" are kinds of values, other
 * words are the values themselves. */
static const struct Special {
    const char *name;
    const char *values; /* NULL: any */
    const char *help;
} specials[] = {
    {"ECHO", "none errors queries all", "what input is shown"},
    {"HISTFILE", NULL, "where the history is kept"},
    {"HISTSIZE", "number", "lines of history that are kept"},
    {"ON_ERROR_STOP", "switch", "stop at an error; on in scripts"},
    {"PROMPT1", NULL,
     "prompt for a new statement (%/ database, %x transaction)"},
    {"PROMPT2", NULL, "prompt for more of a statement"},
    {"QUIET", "switch", "no messages but results and errors (-q)"},
    {"VERBOSITY", "default verbose terse sqlstate", "how much errors say"},
};

#define SPECIAL_COUNT (sizeof specials / sizeof specials[0])

const char *
variables_special(size_t index, const char **help)
{
    if (index >= SPECIAL_COUNT)
        return NULL;
    *help = specials[index].help;
    return specials[index].name;
}

bool
is_variable_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || (unsigned char)c >= 0x80;
}

static bool
is_name(const char *name)
{
    for (const char *p = name; *p != '\0'; p++)
        if (!is_variable_byte(*p))
            return false;
    return *name != '\0';
}

bool
parse_switch(const char *text, bool *is_on)
{
    static const struct {
        const char *word;
        size_t least; /* so many bytes are enough */
        bool is_on;
    } words[] = {
        {"true", 1, true}, {"false", 1, false}, {"yes", 1, true},
        {"no", 1, false},  {"on", 2, true},     {"off", 2, false},
        {"1", 1, true},    {"0", 1, false},
    };
    size_t size = strlen(text);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (size >= words[i].least && size <= strlen(words[i].word) &&
            strncasecmp(text, words[i].word, size) == 0) {
            *is_on = words[i].is_on;
            return true;
        }
    }
    return false;
}

static bool
is_number(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0' && number >= -1 && number <= 1000000;
}

/* Whether `value` is one of the words in `list`. */
static bool
is_one_of(const char *list, const char *value)
{
    size_t size = strlen(value);
    while (*list != '\0') {
        size_t word = strcspn(list, " ");
        if (word == size && strncasecmp(list, value, size) == 0)
            return true;
        list += word;
        list += strspn(list, " ");
    }
    return false;
}

static bool
is_allowed(const char *name, const char *value, Text *why)
{
    bool is_on;
    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        const char *values = specials[i].values;
        if (strcmp(specials[i].name, name) != 0 || values == NULL)
            continue;
        const char *expected = NULL;
        if (strcmp(values, "switch") == 0)
            expected = parse_switch(value, &is_on) ? NULL : "Boolean expected";
        else if (strcmp(values, "number") == 0)
            expected = is_number(value) ? NULL : "integer expected";
        else if (!is_one_of(values, value))
            expected = values;
        if (expected == NULL)
            return true;
        text_printf(why, "unrecognized value \"%s\" for \"%s\": %s%s", value,
                    name, expected == values ? "available values are " : "",
                    expected);
        return false;
    }
    return true;
}

/* Where `name` is, or where it belongs; `is_there` says which. */
static size_t
position(const Variables *variables, const char *name, size_t size,
         bool *is_there)
{
    size_t low = 0;
    size_t high = variables->count;
    *is_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = variables->entries[middle].name;
        int order = strncmp(other, name, size);
        if (order == 0 && other[size] != '\0')
            order = 1;
        if (order == 0) {
            *is_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool
variables_set(Variables *variables, const char *name, const char *value,
              Text *why)
{
    if (!is_name(name)) {
        text_printf(why, "invalid variable name: \"%s\"", name);
        return false;
    }
    if (!is_allowed(name, value, why))
        return false;

    bool is_there;
    size_t at = position(variables, name, strlen(name), &is_there);
    char *copy = memory_copy(value, strlen(value));
    if (is_there) {
        memory_free(variables->entries[at].value);
        variables->entries[at].value = copy;
        return true;
    }
    if (variables->count == variables->capacity) {
        variables->capacity = variables->capacity * 2 + 16;
        variables->entries =
            memory_resize(variables->entries, variables->capacity,
                          sizeof *variables->entries);
    }
    Variable *entry = variables->entries + at;
    memmove(entry + 1, entry, (variables->count - at) * sizeof *entry);
    *entry = (Variable){memory_copy(name, strlen(name)), copy};
    variables->count++;
    return true;
}

bool
variables_unset(Variables *variables, const char *name, Text *why)
{
    if (!is_name(name)) {
        text_printf(why, "invalid variable name: \"%s\"", name);
        return false;
    }
    bool is_there;
    size_t at = position(variables, name, strlen(name), &is_there);
    if (!is_there)
        return true;
    Variable *entry = variables->entries + at;
    memory_free(entry->name);
    memory_free(entry->value);
    variables->count--;
    memmove(entry, entry + 1, (variables->count - at) * sizeof *entry);
    return true;
}

const char *
variables_get(const Variables *variables, const char *name, size_t name_size)
{
    bool is_there;
    size_t at = position(variables, name, name_size, &is_there);
    return is_there ? variables->entries[at].value : NULL;
}

bool
variables_is_on(const Variables *variables, const char *name)
{
    bool is_on = false;
    const char *value = variables_get(variables, name, strlen(name));
    return value != NULL && parse_switch(value, &is_on) && is_on;
}

bool
variables_is(const Variables *variables, const char *name, const char *word)
{
    const char *value = variables_get(variables, name, strlen(name));
    return value != NULL && strcasecmp(value, word) == 0;
}

long
variables_number(const Variables *variables, const char *name, long usual)
{
    const char *value = variables_get(variables, name, strlen(name));
    return value == NULL ? usual : strtol(value, NULL, 10);
}

void
variables_free(Variables *variables)
{
    for (size_t i = 0; i < variables->count; i++) {
        memory_free(variables->entries[i].name);
        memory_free(variables->entries[i].value);
    }
    memory_free(variables->entries);
    *variables = (Variables){0};
}
