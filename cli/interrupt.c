/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupt.c - Ctrl-C.
 *
 * The three variables are the only mutable ones of the shell outside its
 * functions: a signal handler has no argument they could come in.
 */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>

static mql_conn *volatile running;        /* whose statement runs, or NULL */
static volatile sig_atomic_t was_asked;   /* there was a Ctrl-C            */
static volatile sig_atomic_t interactive; /* Ctrl-C must not end us        */

static void
handle(int signal_number)
{
    mql_conn *conn = running;
    if (conn == NULL && !interactive) {
        signal(signal_number, SIG_DFL);
        raise(signal_number);
        return;
    }
    was_asked = 1;
    if (conn != NULL)
        mql_interrupt(conn);
}

void
interrupt_install(bool is_interactive)
{
    struct sigaction action = {.sa_handler = handle};
    sigemptyset(&action.sa_mask);
    interactive = is_interactive;
    /* No SA_RESTART: a read that waits for input shall come back. */
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

void
interrupt_begin(mql_conn *conn)
{
    running = conn;
}

void
interrupt_end(void)
{
    running = NULL;
}

bool
interrupt_was_asked(void)
{
    return was_asked != 0;
}

void
interrupt_forget(void)
{
    was_asked = 0;
}

void
interrupt_restore(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
}

void
interrupt_die_of_pipe(void)
{
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}
