/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - the command line: one table that parsing and --help are made of.
 *
 * Add an option: one line in options.c's table and a function above it, and a
 * paragraph in docs/mql.1 (tests/cli checks that).
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "shell.h"

/* -c TEXT, -f FILE, -l or -d: run in the order they were given. */
typedef struct Action {
    enum { ACTION_COMMAND, ACTION_FILE } kind;
    const char *argument;
} Action;

typedef struct Options {
    Shell *shell; /* formats and variables are set at once */
    Action *actions;
    size_t action_count;
    const char *directory; /* NULL: a temporary database            */
    const char *database;  /* -d, NULL: the usual one               */
    const char *user;      /* -U, NULL: root                        */
    LoginPrompt prompt;    /* -W, -w                                */
    const char *output;    /* -o, NULL: standard output             */
    bool must_be_new;
    bool is_single_transaction;
    bool must_exist;
    bool is_read_only;
    bool skips_startup_file;
    bool has_line_editing;
    bool is_done; /* --help or --version: nothing else is to be done */
} Options;

/* Read the command line; false, with a message, when there is something wrong
 * with it. */
bool options_read(Options *options, Shell *shell, int count, char **words);
void options_free(Options *options);

#endif
