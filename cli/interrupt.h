/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupt.h - signals. On a terminal Ctrl-C stops the running statement, or
 * clears the line that is being typed, and never ends the shell.
 *
 * In a script Ctrl-C, as SIGTERM and SIGHUP everywhere, stops what runs, and
 * the shell ends as the signal would have ended it, but closes the database
 * first: a temporary one goes with it. A second one ends it at once.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

#include "mql.h"

/* Catch them; ignore SIGPIPE (a failed write is noticed and ends the shell
 * tidily, which a signal would not). */
void interrupt_install(bool is_interactive);

/* Between these two Ctrl-C stops the statement that runs on `conn`. */
void interrupt_begin(mql_conn *conn);
void interrupt_end(void);

/* Whether there was a signal since the last interrupt_forget(), which does not
 * forget one that ends the shell. */
bool interrupt_was_asked(void);
void interrupt_forget(void);

/* Whether the shell shall end. */
bool interrupt_is_ending(void);

/* Wait until standard input has something to read or is at its end; false after
 * a Ctrl-C. It is blocked but while waiting, so that none is lost in between.
 */
bool interrupt_wait_for_input(void);

/* Signals as a child process expects them. */
void interrupt_restore(void);

/* End the process as the signal that was caught would have, or that of a
 * broken pipe; returns when there was none. */
void interrupt_die(bool is_pipe_broken);

#endif
