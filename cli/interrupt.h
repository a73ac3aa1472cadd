/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupt.h - Ctrl-C: stops the running statement, or clears the line that
 * is being typed, and never ends an interactive shell.
 *
 * In a script Ctrl-C stops the statement and with it the script; where nothing
 * runs that could be stopped, the process ends as any other would.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

#include "mql.h"

/* Catch SIGINT; ignore SIGPIPE (a failed write is noticed and ends the shell
 * tidily, which a signal would not). */
void interrupt_install(bool is_interactive);

/* Between these two Ctrl-C stops the statement that runs on `conn`. */
void interrupt_begin(mql_conn *conn);
void interrupt_end(void);

/* Whether there was a Ctrl-C since the last interrupt_forget(). */
bool interrupt_was_asked(void);
void interrupt_forget(void);

/* Signals as a child process expects them. */
void interrupt_restore(void);

/* End the process as the signal of a broken pipe would have. */
void interrupt_die_of_pipe(void);

#endif
