/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupt.c - signals.
 *
 * The three variables are the only mutable ones of the shell outside its
 * functions: a signal handler has no argument they could come in.
 */
#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static mql_conn *volatile running;      /* whose statement runs, or NULL   */
static volatile sig_atomic_t was_asked; /* there was a signal              */
static volatile sig_atomic_t ending;    /* the one that ends us, 0: none   */

static void
stop_running(void)
{
    mql_conn *conn = running;
    was_asked = 1;
    if (conn != NULL)
        mql_interrupt(conn);
}

static void
handle_interrupt(int signal_number)
{
    (void)signal_number;
    stop_running();
}

static void
handle_end(int signal_number)
{
    ending = signal_number;
    stop_running();
}

void
interrupt_install(bool is_interactive)
{
    /* No SA_RESTART: a read that waits for input shall come back. */
    struct sigaction interrupt = {.sa_handler = handle_interrupt};
    struct sigaction end = {.sa_handler = handle_end,
                            .sa_flags = (int)SA_RESETHAND};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    sigemptyset(&interrupt.sa_mask);
    sigemptyset(&end.sa_mask);
    sigaction(SIGINT, is_interactive ? &interrupt : &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    /* nohup(1) must go on being obeyed. */
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &end, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a full disk, by ulimit -f */
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
    was_asked = ending != 0;
}

bool
interrupt_is_ending(void)
{
    return ending != 0;
}

bool
interrupt_wait_for_input(void)
{
    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGHUP);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    int ready;
    do {
        ready = was_asked ? -1 : ppoll(&input, 1, NULL, &before);
        /* A changed window or a return from the background is no reason. */
    } while (ready < 0 && errno == EINTR && !was_asked);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return ready > 0;
}

void
interrupt_restore(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
}

void
interrupt_die(bool is_pipe_broken)
{
    int signal_number = is_pipe_broken ? SIGPIPE : ending;
    if (signal_number == 0)
        return;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}
