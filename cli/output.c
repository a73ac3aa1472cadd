/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.c - where results go: standard output, a file, or another program.
 */
#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"

/* In a new process: run `command` by the system's shell with standard input
 * from `input` (-1: ours). */
static pid_t
start_command(const char *command, int input)
{
    const char *program = getenv("SHELL");
    if (program == NULL || *program == '\0' || command != NULL)
        program = "/bin/sh";
    fflush(NULL);
    pid_t child = fork();
    if (child != 0)
        return child;
    interrupt_restore();
    if (input >= 0 && dup2(input, STDIN_FILENO) < 0)
        _exit(126);
    if (command == NULL)
        execl(program, program, (char *)NULL);
    else
        execl(program, "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* Its exit status as the system's shell gives it. */
static int
wait_for(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
run_command(const char *command)
{
    pid_t child = start_command(command, -1);
    return child < 0 ? -1 : wait_for(child);
}

/* Back to standard output. */
static void
close_target(Shell *shell)
{
    if (shell->out != stdout)
        fclose(shell->out);
    if (shell->out_child > 0)
        wait_for(shell->out_child);
    shell->out = stdout;
    shell->out_child = 0;
}

static FILE *
open_pipe(const char *command, pid_t *child)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return NULL;
    *child = start_command(command, ends[0]);
    close(ends[0]);
    FILE *file = *child < 0 ? NULL : fdopen(ends[1], "w");
    if (file == NULL)
        close(ends[1]);
    return file;
}

Outcome
output_open(Shell *shell, const char *target)
{
    if (target == NULL || *target == '\0') {
        close_target(shell);
        return OUTCOME_DONE;
    }
    pid_t child = 0;
    FILE *file =
        *target == '|' ? open_pipe(target + 1, &child) : fopen(target, "we");
    if (file == NULL) {
        report(shell, "%s: %s", target, strerror(errno));
        return OUTCOME_FAILED;
    }
    close_target(shell);
    shell->out = file;
    shell->out_child = child;
    return OUTCOME_DONE;
}

bool
output_flush(Shell *shell)
{
    if (shell->out != stdout &&
        (fflush(shell->out) != 0 || ferror(shell->out))) {
        /* A program that wants no more, as head(1), is no failure. */
        if (errno != EPIPE)
            report(shell, "could not write results: %s", strerror(errno));
        clearerr(shell->out);
    }
    if (shell->is_output_broken)
        return false;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    shell->is_output_broken = true;
    shell->is_pipe_broken = errno == EPIPE;
    if (!shell->is_pipe_broken)
        fprintf(stderr, "mql: error: could not write to standard output: %s\n",
                strerror(errno));
    return false;
}
