/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell.h - the state of one run of the shell, and what its parts offer each
 * other.
 *
 *     main.c        options, the actions they ask for, exit status
 *     script.c      reads a source, splits it, runs what it finds
 *     statement.c   runs one statement and shows its result
 *     commands.c    the table of backslash commands
 *     report.c      errors and messages
 */
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "login.h"
#include "mql.h"
#include "render.h"
#include "source.h"
#include "text.h"
#include "variables.h"

/* How a statement, a command or a script ended. */
typedef enum Outcome {
    OUTCOME_DONE,
    OUTCOME_FAILED, /* said so on standard error                         */
    OUTCOME_QUIT,   /* \q: no more of this source                        */
    OUTCOME_STOPPED /* a script ended at an error, or output is broken   */
} Outcome;

typedef struct Shell {
    mql_db *db;
    mql_conn *conn;
    LoginPrompt prompt; /* -W, -w: also for \c */
    Variables variables;
    Format format;
    FILE *out;       /* where results go: standard output, or \o's       */
    pid_t out_child; /* the command they are piped to, 0: none           */
    bool is_interactive;
    bool shows_timing;
    bool shows_hidden;     /* statements of \d and its like (-E)            */
    bool is_output_broken; /* standard output takes no more           */
    bool is_pipe_broken;   /* since its reader left                 */
    Source *source;        /* the innermost, NULL outside                 */
    Text previous;         /* the statement sent last, for \g \p \e       */
    mql_error last_error;  /* for \errverbose; status 0: none yet         */
    Text last_error_text;  /* its statement                               */
} Shell;

/* ---- statement.c ---- */

/* What to do with the rows besides what the format says. */
typedef struct Request {
    bool is_expanded;    /* \gx                                       */
    const char *prefix;  /* \gset: into variables; NULL: not          */
    const char *title;   /* above the rows, NULL: none                */
    const char *footers; /* whole lines below, NULL: the row count    */
    const char *pattern; /* only rows whose first column matches, NULL */
    bool is_hidden;      /* not the user's own: not kept, not echoed  */
} Request;

/* Run one statement; rows and command tag go to shell->out. `request` may be
 * NULL. */
Outcome statement_run(Shell *shell, const char *text, size_t size,
                      const Request *request);

/* Run a query of the shell's own and call `row` with the cells of each row,
 * all as text (NULL for NULL). */
typedef void (*QueryRow)(void *context, const char *const *names,
                         const char *const *cells, size_t count);
Outcome statement_query(Shell *shell, const char *text, QueryRow row,
                        void *context);

/* ---- copy_data.c ---- */

/* Where COPY FROM STDIN reads. */
typedef struct CopyData {
    Shell *shell;
    Text line;        /* being handed out   */
    size_t position;  /* in it              */
    bool was_started; /* something was read */
    bool is_at_end;
} CopyData;

void copy_data_begin(CopyData *copy, Shell *shell);

/* Read past what a failed COPY left of its data. */
void copy_data_end(CopyData *copy);

/* ---- script.c ---- */

/* Read and run `source` to its end. OUTCOME_DONE also after errors that the
 * script went on after; `last` (may be NULL) says how its last statement or
 * command ended. */
Outcome script_run(Shell *shell, Source *source, Outcome *last);

/* Run the file at `path`, "-" for standard input. */
Outcome script_run_file(Shell *shell, const char *path);

/* ---- commands.c ---- */

/*
 * Run the backslash command at `line[*position]`, a backslash; *position is
 * moved behind it. `statement` is what was typed before it and not sent yet;
 * \g, \r and \e take it.
 */
Outcome command_run(Shell *shell, const char *line, size_t size,
                    size_t *position, Text *statement);

/* ---- report.c ---- */

/* "ERROR:  ..." with place, detail and hint; remembered for \errverbose. */
void report_error(Shell *shell, const mql_error *error, const char *text,
                  size_t size);

/* The same, wordy, for \errverbose. */
void report_last_error(Shell *shell);

/* A message of the shell's own about something that failed. */
void report(Shell *shell, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether results go with words such as tags and "Timing is on.". */
bool shell_is_talkative(const Shell *shell);

/* mql_on_notice()'s. */
void report_notice(void *context, const char *severity, const char *message);

/* "LINE 3: ..." and a caret under byte `position` of `text`. */
void append_place(Text *out, const char *text, size_t size, size_t position);

/* ---- output.c ---- */

/* Send results to the file `target`, or to the command after "|"; NULL: back
 * to standard output. */
Outcome output_open(Shell *shell, const char *target);

/* Run `command` by the shell of the system, NULL: an interactive one. Its exit
 * status. */
int run_command(const char *command);

/* Flush; false, said once, when standard output can take no more. */
bool output_flush(Shell *shell);

#endif
