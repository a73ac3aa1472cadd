/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.h - backslash commands.
 *
 * Add one: a function in the commands_*.c file it belongs to, declared below,
 * and one line in commands.c's table; \? and completion follow. docs/mql.1
 * names it too (tests/cli checks that).
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "arguments.h"
#include "shell.h"

/* One command on its way: what it is called, its words, what stands before. */
typedef struct Invocation {
    Shell *shell;
    const char *name;
    Arguments arguments;
    Text *statement; /* not sent yet; a command may take it */
} Invocation;

typedef struct Command {
    const char *name;      /* without the backslash; NULL: a heading, `help` */
    const char *arguments; /* as shown by \? */
    const char *help;      /* one line, no period */
    Outcome (*run)(Invocation *call);
} Command;

/* The `index`-th line of the table; NULL past the last. */
const Command *command_at(size_t index);

/* Names for ".tables" and the like: when `line` begins with one, the backslash
 * command it means is put into `meant`. */
bool command_alias(const char *line, Text *meant);

/* The next word, or false and a message that it is missing. */
bool require_argument(Invocation *call, Text *word);

/* commands_query.c: the statement that is being typed */
Outcome command_go(Invocation *call);
Outcome command_go_expanded(Invocation *call);
Outcome command_go_set(Invocation *call);
Outcome command_recall(Invocation *call);
Outcome command_print(Invocation *call);
Outcome command_reset(Invocation *call);
Outcome command_write(Invocation *call);
Outcome command_edit(Invocation *call);
Outcome command_history(Invocation *call);

/* commands_file.c: input, output, the system */
Outcome command_include(Invocation *call);
Outcome command_include_relative(Invocation *call);
Outcome command_output(Invocation *call);
Outcome command_echo(Invocation *call);
Outcome command_query_echo(Invocation *call);
Outcome command_warn(Invocation *call);
Outcome command_copy(Invocation *call);
Outcome command_system(Invocation *call);
Outcome command_directory(Invocation *call);

/* commands_format.c: how results look */
Outcome command_alignment(Invocation *call);
Outcome command_expanded(Invocation *call);
Outcome command_separator(Invocation *call);
Outcome command_tuples(Invocation *call);
Outcome command_setting(Invocation *call);
Outcome command_timing(Invocation *call);

/* Set \pset's `name`; `value` NULL: switch over. False, with the reason. */
bool setting_apply(Shell *shell, const char *name, const char *value,
                   Text *why);

/* describe.c: what there is in the database */
Outcome command_describe(Invocation *call);
Outcome command_collections(Invocation *call);
Outcome command_indexes(Invocation *call);
Outcome command_partitions(Invocation *call);
Outcome command_databases(Invocation *call);
Outcome command_use(Invocation *call);
Outcome command_users(Invocation *call);
Outcome command_roles(Invocation *call);
Outcome command_grants(Invocation *call);
Outcome command_password(Invocation *call);
Outcome command_connection(Invocation *call);

/* help.c */
Outcome command_syntax(Invocation *call);

#endif
