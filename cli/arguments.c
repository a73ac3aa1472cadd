/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arguments.c - the words after a backslash command.
 */
#include "arguments.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "scan.h"

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char
current(const Arguments *arguments)
{
    return arguments->position < arguments->size
               ? arguments->line[arguments->position]
               : '\0';
}

static void
skip_blanks(Arguments *arguments)
{
    while (arguments->position < arguments->size &&
           is_blank(current(arguments)))
        arguments->position++;
}

static int
digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

/* Up to `most` digits of `base`. */
static char
read_code(Arguments *arguments, int base, int most)
{
    int code = 0;
    for (int i = 0; i < most && digit_value(current(arguments)) < base; i++)
        code =
            code * base + digit_value(arguments->line[arguments->position++]);
    return (char)(code & 0xff);
}

/* Behind a backslash in '...'. */
static void
read_escape(Arguments *arguments, Text *word)
{
    static const char letters[] = "btnfr";
    static const char meant[] = "\b\t\n\f\r";
    char c = current(arguments);
    const char *found = c == '\0' ? NULL : strchr(letters, c);
    if (digit_value(c) < 8) {
        text_append_char(word, read_code(arguments, 8, 3));
        return;
    }
    if (arguments->position < arguments->size)
        arguments->position++;
    if (c == 'x' && digit_value(current(arguments)) < 16)
        text_append_char(word, read_code(arguments, 16, 2));
    else if (c != '\0')
        text_append_char(word, found == NULL ? c : meant[found - letters]);
}

static void
read_single_quoted(Arguments *arguments, Text *word)
{
    while (arguments->position < arguments->size) {
        char c = arguments->line[arguments->position++];
        if (c == '\\') {
            read_escape(arguments, word);
        } else if (c != '\'') {
            text_append_char(word, c);
        } else if (current(arguments) == '\'') {
            text_append_char(word, '\'');
            arguments->position++;
        } else {
            return;
        }
    }
}

/* A name in its quotes, which say that it is meant exactly so. */
static void
read_double_quoted(Arguments *arguments, Text *word)
{
    text_append_char(word, '"');
    while (arguments->position < arguments->size) {
        char c = arguments->line[arguments->position++];
        text_append_char(word, c);
        if (c == '"')
            return;
    }
}

/* What the command in `...` prints, without its last newline. */
static void
read_command(Arguments *arguments, Text *word)
{
    const char *start = arguments->line + arguments->position;
    size_t left = arguments->size - arguments->position;
    const char *end = memchr(start, '`', left);
    size_t size = end == NULL ? left : (size_t)(end - start);
    arguments->position += size + (end == NULL ? 0 : 1);

    Text command = {0};
    text_append(&command, start, size);
    fflush(NULL);
    FILE *file = popen(command.data, "re");
    text_free(&command);
    if (file == NULL)
        return;
    char part[4096];
    size_t count;
    while ((count = fread(part, 1, sizeof part, file)) > 0)
        text_append(word, part, count);
    pclose(file);
    if (word->size > 0 && word->data[word->size - 1] == '\n')
        word->data[--word->size] = '\0';
}

bool
arguments_next(Arguments *arguments, Text *word)
{
    text_clear(word);
    skip_blanks(arguments);
    if (arguments->position == arguments->size || current(arguments) == '\\')
        return false;
    while (arguments->position < arguments->size) {
        char c = current(arguments);
        const char *at = arguments->line + arguments->position;
        size_t used;
        if (is_blank(c) || c == '\\')
            return true;
        if (c == ':') {
            used = scan_variable(at, arguments->size - arguments->position,
                                 arguments->variables, word);
            arguments->position += used;
            if (used > 0)
                continue;
        }
        arguments->position++;
        if (c == '\'')
            read_single_quoted(arguments, word);
        else if (c == '"')
            read_double_quoted(arguments, word);
        else if (c == '`')
            read_command(arguments, word);
        else
            text_append_char(word, c);
    }
    return true;
}

void
arguments_rest(Arguments *arguments, Text *rest)
{
    skip_blanks(arguments);
    text_append(rest, arguments->line + arguments->position,
                arguments->size - arguments->position);
    while (rest->size > 0 && is_blank(rest->data[rest->size - 1]))
        rest->data[--rest->size] = '\0';
    arguments->position = arguments->size;
}

void
arguments_end(Arguments *arguments, Text *unused)
{
    Text word = {0};
    while (arguments_next(arguments, &word)) {
        if (unused->size > 0)
            text_append_char(unused, ' ');
        text_append(unused, text_string(&word), word.size);
    }
    text_free(&word);
    /* "\\" goes back to statements. */
    if (arguments->position + 1 < arguments->size &&
        arguments->line[arguments->position] == '\\' &&
        arguments->line[arguments->position + 1] == '\\')
        arguments->position += 2;
}
