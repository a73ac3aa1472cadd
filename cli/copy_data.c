/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy_data.c - the data of COPY ... FROM STDIN.
 *
 * In a script they are the lines after the statement, up to "\." on a line of
 * its own or the end; with -c, all of standard input; on a terminal, what is
 * typed.
 */
#include "shell.h"

#include <string.h>
#include <unistd.h>

#include "interrupt.h"

static bool
is_inline(const Source *source)
{
    return source != NULL && source->file != NULL;
}

/* On a terminal, tell what is expected. */
static void
greet(const CopyData *copy)
{
    const Shell *shell = copy->shell;
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) &&
        shell_is_talkative(shell) &&
        (shell->source == NULL || shell->source->is_interactive ||
         shell->source->file == NULL))
        puts("Enter data to be copied followed by a newline.\n"
             "End with a backslash and a period on a line by itself, or an "
             "EOF signal.");
}

/* The next line, its newline included; false at the end. */
static bool
next_line(CopyData *copy)
{
    Source *source = copy->shell->source;
    /* The terminal's own line editing is enough for data. */
    Source plain = *source;
    plain.line_edit = NULL;
    SourceRead result = source_line(&plain, ">> ", &copy->line);
    source->line_number = plain.line_number;
    source->buffer = plain.buffer;
    source->capacity = plain.capacity;
    copy->position = 0;
    if (result != SOURCE_LINE) {
        if (source->is_interactive)
            clearerr(source->file); /* Ctrl-D ends the data, not the shell */
        return false;
    }
    size_t size = copy->line.size;
    if (size > 0 && copy->line.data[size - 1] == '\r')
        size--;
    if (size == 2 && memcmp(copy->line.data, "\\.", 2) == 0)
        return false;
    text_append_char(&copy->line, '\n');
    return true;
}

/* mql_on_copy_data()'s. */
static int64_t
read_data(void *context, char *buffer, size_t size)
{
    CopyData *copy = context;
    if (!copy->was_started)
        greet(copy);
    copy->was_started = true;
    if (copy->is_at_end)
        return 0;
    if (!is_inline(copy->shell->source)) {
        size_t count = fread(buffer, 1, size, stdin);
        copy->is_at_end = count == 0;
        return ferror(stdin) ? -1 : (int64_t)count;
    }
    if (copy->position == copy->line.size && !next_line(copy)) {
        copy->is_at_end = true;
        return interrupt_was_asked() ? -1 : 0;
    }
    size_t count = copy->line.size - copy->position;
    if (count > size)
        count = size;
    memcpy(buffer, copy->line.data + copy->position, count);
    copy->position += count;
    return (int64_t)count;
}

void
copy_data_begin(CopyData *copy, Shell *shell)
{
    *copy = (CopyData){.shell = shell};
    mql_on_copy_data(shell->conn, read_data, copy);
}

void
copy_data_end(CopyData *copy)
{
    mql_on_copy_data(copy->shell->conn, NULL, NULL);
    bool has_more =
        copy->was_started && !copy->is_at_end && is_inline(copy->shell->source);
    while (has_more && next_line(copy))
        ;
    text_free(&copy->line);
}
