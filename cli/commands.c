/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.c - the table of backslash commands, and those that fit nowhere
 * else.
 */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Outcome command_quit(Invocation *call);
static Outcome command_help(Invocation *call);
static Outcome command_set(Invocation *call);
static Outcome command_unset(Invocation *call);
static Outcome command_environment(Invocation *call);
static Outcome command_error(Invocation *call);

#define HEADING(text)                                                          \
    {                                                                          \
        NULL, NULL, text, NULL                                                 \
    }

/* The whole list: dispatch, \? and completion are made of it. */
static const Command commands[] = {
    HEADING("General"),
    {"q", "", "leave; in a file: leave the file", command_quit},
    {"?", "[variables]", "list these commands, or the shell's variables",
     command_help},
    {"h", "[NAME]", "help with statements, * for all of them", command_syntax},
    {"errverbose", "", "show the last error with its code", command_error},

    HEADING("Statements"),
    {"g", "[FILE]",
     "run the statement (and put its result into FILE or |COMMAND)",
     command_go},
    {"gx", "[FILE]", "as \\g, one record a block", command_go_expanded},
    {"gset", "[PREFIX]", "run the statement, its only row becomes variables",
     command_go_set},
    {"recall", "[QUERY]",
     "run a search and the exact one: what part of the truth it finds",
     command_recall},
    {"p", "", "show the statement that is being typed", command_print},
    {"r", "", "forget it", command_reset},
    {"e", "[FILE]", "edit it (or FILE), then run it", command_edit},
    {"w", "FILE", "write it into FILE", command_write},
    {"s", "[FILE]", "show the history, or write it into FILE", command_history},

    HEADING("Input and output"),
    {"i", "FILE", "run the statements in FILE", command_include},
    {"ir", "FILE", "as \\i, FILE relative to the file this stands in",
     command_include_relative},
    {"o", "[FILE]", "send results to FILE or |COMMAND, or back",
     command_output},
    {"copy", "...", "COPY, as psql writes it", command_copy},
    {"echo", "[-n] [TEXT]...", "write TEXT to standard output", command_echo},
    {"qecho", "[-n] [TEXT]...", "write TEXT where results go",
     command_query_echo},
    {"warn", "[-n] [TEXT]...", "write TEXT to standard error", command_warn},

    HEADING("What there is"),
    {"d", "[NAME]", "list collections, or describe one", command_describe},
    {"dt", "[PATTERN]", "list collections", command_collections},
    {"di", "[NAME]", "list indexes, or those of a collection", command_indexes},
    {"dP", "NAME", "list the partitions of a collection", command_partitions},
    {"du", "[PATTERN]", "list users", command_users},
    {"dg", "[PATTERN]", "list roles", command_roles},
    {"dp", "[PATTERN]", "list grants, by role", command_grants},
    {"l", "[PATTERN]", "list databases", command_databases},
    {"c", "[NAME|-] [USER]", "use another database, or be another user",
     command_use},
    {"connect", "[NAME|-] [USER]", "the same", command_use},
    {"password", "[USER]", "change a password", command_password},
    {"conninfo", "", "tell which database is used", command_connection},

    HEADING("Format"),
    {"a", "", "switch between aligned and unaligned", command_alignment},
    {"f", "[TEXT]", "separator of the unaligned format", command_separator},
    {"pset", "[NAME [VALUE]]", "show or set how results look", command_setting},
    {"t", "[on|off]", "rows only", command_tuples},
    {"x", "[on|off|auto]", "one record a block", command_expanded},
    {"timing", "[on|off]", "show how long statements take", command_timing},

    HEADING("Variables and system"),
    {"set", "[NAME [VALUE]...]", "set a variable, or list them all",
     command_set},
    {"unset", "NAME", "forget a variable", command_unset},
    {"setenv", "NAME [VALUE]", "set or forget a variable of the environment",
     command_environment},
    {"cd", "[DIR]", "change the working directory", command_directory},
    {"!", "[COMMAND]", "run a command of the system", command_system},
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

/* What people type who come from sqlite3 or duckdb. */
static const struct {
    const char *name;
    const char *meant;
} aliases[] = {
    {".tables", "\\dt"},
    {".schema", "\\d"},
    {".indexes", "\\di"},
    {".indices", "\\di"},
    {".databases", "\\l"},
    {".quit", "\\q"},
    {".exit", "\\q"},
    {".help", "\\?"},
    {".read", "\\i"},
    {".output", "\\o"},
    {".print", "\\echo"},
    {".timer", "\\timing"},
    {".mode", "\\pset format"},
    {".nullvalue", "\\pset null"},
    {".shell", "\\!"},
    {".system", "\\!"},
    {".cd", "\\cd"},
    {".show", "\\pset"},
    {".separator", "\\f"},
};

const Command *
command_at(size_t index)
{
    return index < COMMAND_COUNT ? &commands[index] : NULL;
}

bool
command_alias(const char *line, Text *meant)
{
    size_t size = strcspn(line, " \t");
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (!text_equals(line, size, aliases[i].name))
            continue;
        text_append_text(meant, aliases[i].meant);
        text_append_text(meant, line + size);
        return true;
    }
    return false;
}

bool
require_argument(Invocation *call, Text *word)
{
    if (arguments_next(&call->arguments, word) && word->size > 0)
        return true;
    report(call->shell, "\\%s: missing required argument", call->name);
    return false;
}

static const Command *
find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (commands[i].name != NULL && strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

Outcome
command_run(Shell *shell, const char *line, size_t size, size_t *position,
            Text *statement)
{
    Text name = {0};
    Text unused = {0};
    size_t start = *position + 1;
    size_t end = start;
    while (end < size && strchr(" \t\r\n\\", line[end]) == NULL)
        end++;
    text_append(&name, line + start, end - start);

    Invocation call = {
        .shell = shell,
        .name = name.data,
        .arguments = {line, size, end, &shell->variables},
        .statement = statement,
    };
    const Command *command = find(name.data);
    Outcome outcome = OUTCOME_FAILED;
    if (command != NULL)
        outcome = command->run(&call);
    else
        report(shell, "invalid command \\%s. Try \\? for help.", name.data);

    arguments_end(&call.arguments, &unused);
    if (unused.size > 0 && command != NULL && outcome == OUTCOME_DONE)
        report(shell, "\\%s: extra argument \"%s\" ignored", name.data,
               unused.data);
    *position = call.arguments.position;
    text_free(&unused);
    text_free(&name);
    return output_flush(shell) ? outcome : OUTCOME_STOPPED;
}

static Outcome
command_quit(Invocation *call)
{
    (void)call;
    return OUTCOME_QUIT;
}

static void
list_variables(FILE *out)
{
    const char *help;
    const char *name;
    for (size_t i = 0; (name = variables_special(i, &help)) != NULL; i++)
        fprintf(out, "  %-20s %s\n", name, help);
}

static Outcome
command_help(Invocation *call)
{
    Text word = {0};
    bool wants_variables = arguments_next(&call->arguments, &word) &&
                           text_equals(word.data, word.size, "variables");
    FILE *out = call->shell->out;
    for (size_t i = 0; i < COMMAND_COUNT && !wants_variables; i++) {
        const Command *command = &commands[i];
        Text usage = {0};
        if (command->name == NULL) {
            fprintf(out, "%s%s\n", i == 0 ? "" : "\n", command->help);
            continue;
        }
        text_printf(&usage, "\\%s %s", command->name, command->arguments);
        fprintf(out, "  %-24s %s\n", usage.data, command->help);
        text_free(&usage);
    }
    if (wants_variables)
        list_variables(out);
    text_free(&word);
    return OUTCOME_DONE;
}

/* psql shows them so that they can be read back. */
static void
show_variables(const Shell *shell)
{
    const Variables *variables = &shell->variables;
    for (size_t i = 0; i < variables->count; i++) {
        printf("%s = '", variables->entries[i].name);
        for (const char *p = variables->entries[i].value; *p != '\0'; p++) {
            if (*p == '\'')
                putchar('\'');
            putchar(*p);
        }
        fputs("'\n", stdout);
    }
}

static Outcome
command_set(Invocation *call)
{
    Text name = {0};
    Text value = {0};
    Text word = {0};
    Text why = {0};
    if (!arguments_next(&call->arguments, &name)) {
        show_variables(call->shell);
        return OUTCOME_DONE;
    }
    while (arguments_next(&call->arguments, &word))
        text_append(&value, text_string(&word), word.size);
    /* A name that means yes or no may be set without saying so. */
    const char *meant = text_string(&value);
    if (value.size == 0 && (strcmp(name.data, "ON_ERROR_STOP") == 0 ||
                            strcmp(name.data, "QUIET") == 0))
        meant = "on";
    bool is_set =
        variables_set(&call->shell->variables, text_string(&name), meant, &why);
    if (!is_set)
        report(call->shell, "%s", why.data);
    text_free(&name);
    text_free(&value);
    text_free(&word);
    text_free(&why);
    return is_set ? OUTCOME_DONE : OUTCOME_FAILED;
}

static Outcome
command_unset(Invocation *call)
{
    Text name = {0};
    Text why = {0};
    bool is_done = require_argument(call, &name);
    if (is_done && !variables_unset(&call->shell->variables, name.data, &why)) {
        report(call->shell, "%s", why.data);
        is_done = false;
    }
    text_free(&name);
    text_free(&why);
    return is_done ? OUTCOME_DONE : OUTCOME_FAILED;
}

/* NAME without VALUE: forgotten. */
static Outcome
command_environment(Invocation *call)
{
    Text name = {0};
    Text value = {0};
    bool is_done = require_argument(call, &name);
    if (is_done && strchr(text_string(&name), '=') != NULL) {
        report(call->shell, "a name in the environment has no \"=\"");
        is_done = false;
    }
    if (is_done && arguments_next(&call->arguments, &value))
        setenv(text_string(&name), text_string(&value), 1);
    else if (is_done)
        unsetenv(text_string(&name));
    text_free(&name);
    text_free(&value);
    return is_done ? OUTCOME_DONE : OUTCOME_FAILED;
}

static Outcome
command_error(Invocation *call)
{
    report_last_error(call->shell);
    return OUTCOME_DONE;
}
