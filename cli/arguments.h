/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arguments.h - the words after a backslash command, with psql's quoting.
 *
 * A word ends at a blank. In '...' two quotes are one and \n \t \b \r \f
 * \digits \xdigits mean what they do in C; "..." is kept with its quotes, for
 * names;
 * `...` is what a command of the system printed; :name, :'name' and :"name"
 * are variables. A backslash outside quotes begins the next command.
 */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"
#include "variables.h"

typedef struct Arguments {
    const char *line;
    size_t size;
    size_t position;
    const Variables *variables;
} Arguments;

/* The next word into `word`; false when there is none. */
bool arguments_next(Arguments *arguments, Text *word);

/* All that is left of the line as it stands, blanks at both ends cut. */
void arguments_rest(Arguments *arguments, Text *rest);

/* Skip to the next command or the end; the words skipped, blanks between. */
void arguments_end(Arguments *arguments, Text *unused);

#endif
