/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands_file.c - \i \ir \o \copy \echo \qecho \warn \! \cd: input, output,
 * the system.
 */
#include "commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file's name in double quotes is meant without them. */
static void
drop_quotes(Text *path)
{
    if (path->size < 2 || path->data[0] != '"' ||
        path->data[path->size - 1] != '"')
        return;
    path->size -= 2;
    memmove(path->data, path->data + 1, path->size);
    path->data[path->size] = '\0';
}

/* An error inside the file is one of the command, so that the script around it
 * stops too. */
static Outcome
include(Invocation *call, const char *path)
{
    Outcome outcome = script_run_file(call->shell, path);
    bool is_broken = call->shell->is_output_broken;
    return outcome == OUTCOME_STOPPED && !is_broken ? OUTCOME_FAILED : outcome;
}

Outcome
command_include(Invocation *call)
{
    Text path = {0};
    Outcome outcome = OUTCOME_FAILED;
    if (require_argument(call, &path)) {
        drop_quotes(&path);
        outcome = include(call, path.data);
    }
    text_free(&path);
    return outcome;
}

Outcome
command_include_relative(Invocation *call)
{
    const Source *source = call->shell->source;
    const char *file = source == NULL ? NULL : source->name;
    const char *slash = file == NULL ? NULL : strrchr(file, '/');
    Text path = {0};
    Text whole = {0};
    Outcome outcome = OUTCOME_FAILED;
    if (require_argument(call, &path)) {
        drop_quotes(&path);
        if (slash != NULL && path.data[0] != '/')
            text_append(&whole, file, (size_t)(slash - file) + 1);
        text_append(&whole, path.data, path.size);
        outcome = include(call, whole.data);
    }
    text_free(&path);
    text_free(&whole);
    return outcome;
}

Outcome
command_output(Invocation *call)
{
    Text target = {0};
    size_t at = call->arguments.position;
    while (at < call->arguments.size && call->arguments.line[at] == ' ')
        at++;
    if (at < call->arguments.size && call->arguments.line[at] == '|')
        arguments_rest(&call->arguments, &target);
    else if (arguments_next(&call->arguments, &target))
        drop_quotes(&target);
    Outcome outcome = output_open(call->shell, text_string(&target));
    text_free(&target);
    return outcome;
}

/* COPY reads and writes files of the shell's machine anyway. */
Outcome
command_copy(Invocation *call)
{
    Text text = {0};
    text_append_text(&text, "COPY ");
    arguments_rest(&call->arguments, &text);
    Outcome outcome = statement_run(call->shell, text.data, text.size, NULL);
    text_free(&text);
    return outcome;
}

static void
echo(Invocation *call, FILE *out)
{
    Text word = {0};
    bool ends_line = true;
    bool is_first = true;
    while (arguments_next(&call->arguments, &word)) {
        if (is_first && ends_line && text_equals(word.data, word.size, "-n")) {
            ends_line = false;
            continue;
        }
        if (!is_first)
            putc(' ', out);
        fwrite(text_string(&word), 1, word.size, out);
        is_first = false;
    }
    if (ends_line)
        putc('\n', out);
    text_free(&word);
}

Outcome
command_echo(Invocation *call)
{
    echo(call, stdout);
    return OUTCOME_DONE;
}

Outcome
command_query_echo(Invocation *call)
{
    echo(call, call->shell->out);
    return OUTCOME_DONE;
}

Outcome
command_warn(Invocation *call)
{
    fflush(stdout);
    echo(call, stderr);
    return OUTCOME_DONE;
}

Outcome
command_system(Invocation *call)
{
    Text command = {0};
    arguments_rest(&call->arguments, &command);
    int status = run_command(command.size == 0 ? NULL : command.data);
    if (status == -1 || status == 127)
        report(call->shell, "\\!: failed");
    text_free(&command);
    return status == -1 || status == 127 ? OUTCOME_FAILED : OUTCOME_DONE;
}

Outcome
command_directory(Invocation *call)
{
    Text path = {0};
    bool is_given = arguments_next(&call->arguments, &path);
    if (is_given)
        drop_quotes(&path);
    const char *home = getenv("HOME");
    const char *directory = is_given ? text_string(&path) : home;
    bool is_done = directory != NULL && chdir(directory) == 0;
    if (!is_done)
        report(call->shell, "\\cd: could not change directory to \"%s\": %s",
               directory == NULL ? "" : directory, strerror(errno));
    text_free(&path);
    return is_done ? OUTCOME_DONE : OUTCOME_FAILED;
}
