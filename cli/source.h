/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - where input comes from: the terminal, a file, a pipe or -c.
 *
 * Sources nest: \i reads another one inside the current.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include <stdbool.h>
#include <stdio.h>

#include "text.h"

struct LineEdit;

typedef struct Source {
    const char *name; /* in front of messages; NULL: none (-c, a pipe)     */
    FILE *file;       /* NULL: `text` is the input                         */
    const char *text; /* what is left of it                                */
    struct LineEdit *line_edit; /* NULL: lines are read plainly            */
    bool is_interactive;        /* prompts are shown                       */
    bool always_stops;          /* at an error, whatever ON_ERROR_STOP says */
    size_t line_number;         /* of the line read last, from 1           */
    struct Source *outer;       /* what is read again after this one       */
    char *buffer;               /* getline()'s, see source_free()          */
    size_t capacity;
} Source;

typedef enum SourceRead {
    SOURCE_LINE,        /* there is a line                                  */
    SOURCE_END,         /* no more                                          */
    SOURCE_INTERRUPTED, /* Ctrl-C: what was typed is forgotten              */
    SOURCE_FAILED       /* the file could not be read; errno says why       */
} SourceRead;

/* The next line without its newline, in place of what was in `line`. `prompt`
 * is shown on a terminal. */
SourceRead source_line(Source *source, const char *prompt, Text *line);

/* Give back what reading took; the file stays the caller's. */
void source_free(Source *source);

#endif
