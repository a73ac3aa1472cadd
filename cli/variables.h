/* SPDX-License-Identifier: Apache-2.0 */
/*
 * variables.h - what \set sets: names and values, psql's rules.
 *
 * Some names mean something to the shell; they are listed once in variables.c
 * with the values they take, and read where they matter.
 */
#ifndef CLI_VARIABLES_H
#define CLI_VARIABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

typedef struct Variable {
    char *name;
    char *value;
} Variable;

typedef struct Variables {
    Variable *entries; /* sorted by name */
    size_t count;
    size_t capacity;
} Variables;

/* Give `name` a value. False, with the reason in `why`, when the name is none
 * or the shell cannot take the value for this name. */
bool variables_set(Variables *variables, const char *name, const char *value,
                   Text *why);

/* Forget it; false when the name is none. */
bool variables_unset(Variables *variables, const char *name, Text *why);

/* Its value, NULL when it is not set; valid until it is set again. */
const char *variables_get(const Variables *variables, const char *name,
                          size_t name_size);

/* Whether a variable of yes or no is set and not off. */
bool variables_is_on(const Variables *variables, const char *name);

/* Whether the value of `name` is `word`. */
bool variables_is(const Variables *variables, const char *name,
                  const char *word);

/* A number a variable holds, `usual` when it is not set. */
long variables_number(const Variables *variables, const char *name, long usual);

void variables_free(Variables *variables);

/* on, off, true, false, yes, no, 1, 0 and their beginnings. False when `text`
 * is none of them. */
bool parse_switch(const char *text, bool *is_on);

/* A byte of a variable's name. */
bool is_variable_byte(char c);

/* The `index`-th name that means something to the shell, with its help; NULL
 * past the last. */
const char *variables_special(size_t index, const char **help);

#endif
