/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line_edit.h - typing a line on a terminal: editing, history, completion, all
 * of it libedit's.
 */
#ifndef CLI_LINE_EDIT_H
#define CLI_LINE_EDIT_H

#include <stddef.h>
#include <stdio.h>

#include "source.h"
#include "text.h"

typedef struct LineEdit LineEdit;

/*
 * What Tab offers: called with `index` 0, 1, ... until it returns NULL; each
 * result begins with `word` (`size` bytes) and is valid until the next call.
 * `line_before` is the line up to the word.
 */
typedef const char *(*LineEditOffer)(void *context, const char *line_before,
                                     const char *word, size_t size,
                                     size_t index);

/* On standard input and output; NULL when the terminal cannot be used. */
LineEdit *line_edit_open(LineEditOffer offer, void *context);
void line_edit_close(LineEdit *edit);

/* One line, without its newline. */
SourceRead line_edit_read(LineEdit *edit, const char *prompt, Text *line);

/*
 * Keep at most `most` lines in memory and, at the end of `path`, what is kept
 * from now on. Reads what is there. The file is for its owner only (0600).
 */
void line_edit_use_history(LineEdit *edit, const char *path, long most);

/* Remember the lines of one statement or command; those that hold a password
 * are not written to the file. */
void line_edit_remember(LineEdit *edit, const char *lines);

/* Every remembered line, oldest first. */
void line_edit_print_history(LineEdit *edit, FILE *out);

#endif
