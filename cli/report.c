/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c - errors and messages, in psql's form, on standard error.
 *
 * Standard output is flushed before, so that both read in order where they go
 * to one place.
 */
#include "secret.h"
#include "shell.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

/* Wider lines are cut to so many columns around the place, as libpq does. */
#define DISPLAY_WIDTH 60

/* So many columns are kept right of the place, where there are. */
#define LEAST_RIGHT 10

/* "mql:FILE:3: " where the input has a name. */
static void
append_prefix(Text *out, const Shell *shell)
{
    const Source *source = shell->source;
    if (source != NULL && source->name != NULL)
        text_printf(out, "mql:%s:%zu: ", source->name, source->line_number);
}

static void
print(Shell *shell, Text *out)
{
    fflush(shell->out);
    fflush(stdout);
    fputs(text_string(out), stderr);
    fflush(stderr);
    text_free(out);
}

bool
shell_is_talkative(const Shell *shell)
{
    return !shell->format.renderer->is_for_machines &&
           !variables_is_on(&shell->variables, "QUIET");
}

void
report(Shell *shell, const char *format, ...)
{
    char message[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);

    Text out = {0};
    append_prefix(&out, shell);
    if (shell->source == NULL)
        text_append_text(&out, "mql: ");
    if (out.size > 0)
        text_append_text(&out, "error: ");
    text_printf(&out, "%s\n", message);
    print(shell, &out);
}

void
report_notice(void *context, const char *severity, const char *message)
{
    Shell *shell = context;
    Text out = {0};
    append_prefix(&out, shell);
    text_printf(&out, "%s:  %s\n", severity, message);
    print(shell, &out);
}

/* ---- the place of an error ---- */

static size_t
columns_of_character(const char *text, size_t size, size_t *used)
{
    int width;
    *used = text_character(text, size, &width);
    return width < 0 ? 1 : (size_t)width;
}

static size_t
columns_between(const char *text, size_t size)
{
    size_t columns = 0;
    size_t used;
    for (size_t i = 0; i < size; i += used)
        columns += columns_of_character(text + i, size - i, &used);
    return columns;
}

/* Bytes of `text` that take at most `most` columns. */
static size_t
fitting(const char *text, size_t size, size_t most)
{
    size_t columns = 0;
    size_t used;
    size_t i = 0;
    for (; i < size; i += used) {
        columns += columns_of_character(text + i, size - i, &used);
        if (columns > most)
            break;
    }
    return i;
}

/* Bytes to leave out in front so that at most `most` columns remain. */
static size_t
excess(const char *text, size_t size, size_t most)
{
    size_t columns = columns_between(text, size);
    size_t used;
    size_t i = 0;
    while (columns > most) {
        columns -= columns_of_character(text + i, size - i, &used);
        i += used;
    }
    return i;
}

void
append_place(Text *out, const char *text, size_t size, size_t position)
{
    if (position > size)
        return;
    size_t line = 1;
    size_t start = 0;
    for (size_t i = 0; i < position; i++) {
        if (text[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    const char *newline = memchr(text + position, '\n', size - position);
    size_t end = newline == NULL ? size : (size_t)(newline - text);
    if (end > position && text[end - 1] == '\r')
        end--;

    /* As libpq: cut at the right if that is enough, else at both sides. */
    size_t before = columns_between(text + start, position - start);
    size_t cut = 0;
    size_t kept = end - start;
    if (before + LEAST_RIGHT <= DISPLAY_WIDTH) {
        kept = fitting(text + start, end - start, DISPLAY_WIDTH);
    } else {
        kept = position - start +
               fitting(text + position, end - position, LEAST_RIGHT);
        cut = excess(text + start, kept, DISPLAY_WIDTH);
    }

    size_t at = out->size;
    text_printf(out, "LINE %zu: %s", line, cut > 0 ? "..." : "");
    size_t indent = out->size - at +
                    columns_between(text + start + cut, position - start - cut);
    for (size_t i = start + cut; i < start + kept; i++)
        text_append_char(out,
                         text[i] == '\t' || text[i] == '\0' ? ' ' : text[i]);
    text_printf(out, "%s\n", start + kept < end ? "..." : "");
    for (size_t i = 0; i < indent; i++)
        text_append_char(out, ' ');
    text_append_text(out, "^\n");
}

/* ---- errors of statements ---- */

static void
append_error(Text *out, const mql_error *error, const char *text, size_t size,
             const char *verbosity)
{
    bool is_verbose = strcmp(verbosity, "verbose") == 0;
    bool is_terse = strcmp(verbosity, "terse") == 0;
    if (strcmp(verbosity, "sqlstate") == 0) {
        text_printf(out, "ERROR:  %s\n", error->sqlstate);
        return;
    }
    text_append_text(out, "ERROR:  ");
    if (is_verbose)
        text_printf(out, "%s: ", error->sqlstate);
    text_append_text(out, error->message);
    if (is_terse && error->position >= 0)
        text_printf(out, " at character %" PRId64, error->position + 1);
    text_append_char(out, '\n');
    if (is_terse)
        return;
    if (error->position >= 0 && !text_is_secret(text, size))
        append_place(out, text, size, (size_t)error->position);
    if (error->detail[0] != '\0')
        text_printf(out, "DETAIL:  %s\n", error->detail);
    if (error->hint[0] != '\0')
        text_printf(out, "HINT:  %s\n", error->hint);
}

void
report_error(Shell *shell, const mql_error *error, const char *text,
             size_t size)
{
    const char *verbosity =
        variables_get(&shell->variables, "VERBOSITY", strlen("VERBOSITY"));
    Text out = {0};
    append_prefix(&out, shell);
    append_error(&out, error, text, size,
                 verbosity == NULL ? "default" : verbosity);
    if (variables_is(&shell->variables, "ECHO", "errors") &&
        !text_is_secret(text, size))
        text_printf(&out, "STATEMENT:  %.*s\n",
                    (int)(size > 65536 ? 65536 : size), text);
    print(shell, &out);

    shell->last_error = *error;
    text_clear(&shell->last_error_text);
    text_append(&shell->last_error_text, text, size);
}

void
report_last_error(Shell *shell)
{
    Text out = {0};
    if (shell->last_error.status == MQL_OK)
        text_append_text(&out, "There is no previous error.\n");
    else
        append_error(&out, &shell->last_error, shell->last_error_text.data,
                     shell->last_error_text.size, "verbose");
    print(shell, &out);
}
