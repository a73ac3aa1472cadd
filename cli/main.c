/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mql: opens the database, runs what the command line asks for, and
 * says by its exit status how that went.
 */
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "complete.h"
#include "interrupt.h"
#include "line_edit.h"
#include "login.h"
#include "memory.h"
#include "options.h"
#include "shell.h"
#include "tools.h"

enum {
    EXIT_WRONG = 1,    /* wrong use, or an error in -c  */
    EXIT_DATABASE = 2, /* it could not be opened        */
    EXIT_SCRIPT = 3    /* a script stopped at an error  */
};

static void
set_variable(Shell *shell, const char *name, const char *value)
{
    Text why = {0};
    if (variables_get(&shell->variables, name, strlen(name)) == NULL)
        variables_set(&shell->variables, name, value, &why);
    text_free(&why);
}

/* Characters are UTF-8 whatever the locale says: the database's are. All else
 * stays as in C, numbers first of all. */
static void
set_locale(void)
{
    if (setlocale(LC_CTYPE, "") == NULL ||
        strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

/* ---- opening and closing ---- */

static void
complain(const char *directory, const mql_error *error)
{
    fprintf(stderr, "mql: error: could not open database \"%s\": %s\n",
            directory == NULL ? "" : directory, error->message);
    if (error->detail[0] != '\0')
        fprintf(stderr, "DETAIL:  %s\n", error->detail);
    if (error->hint[0] != '\0')
        fprintf(stderr, "HINT:  %s\n", error->hint);
}

static bool
open_database(Shell *shell, const Options *options)
{
    mql_error error = MQL_ERROR_INIT;
    mql_open_options how = MQL_OPEN_OPTIONS_INIT;
    how.must_be_new = options->must_be_new;
    how.must_exist = options->must_exist;
    how.read_only = options->is_read_only;
    how.log = report_notice;
    how.log_context = shell;
    shell->prompt = options->prompt;
    if (mql_open(options->directory, &how, &shell->db, &error) != MQL_OK ||
        !login_connect(shell->db, options->user, options->prompt, &shell->conn,
                       &error)) {
        complain(options->directory, &error);
        return false;
    }
    mql_on_notice(shell->conn, report_notice, shell);
    set_variable(shell, "DBNAME", mql_current_database(shell->conn));
    set_variable(shell, "USER", mql_current_user(shell->conn));
    return true;
}

/* -d NAME */
static bool
use_database(Shell *shell, const char *name)
{
    Text line = {0};
    Text statement = {0};
    size_t position = 0;
    text_printf(&line, "\\c '%s'", name);
    bool was_quiet = variables_is_on(&shell->variables, "QUIET");
    Text why = {0};
    variables_set(&shell->variables, "QUIET", "on", &why);
    Outcome outcome =
        command_run(shell, line.data, line.size, &position, &statement);
    if (!was_quiet)
        variables_unset(&shell->variables, "QUIET", &why);
    text_free(&why);
    text_free(&line);
    text_free(&statement);
    return outcome == OUTCOME_DONE;
}

static bool
close_database(Shell *shell)
{
    mql_disconnect(shell->conn);
    return mql_close(shell->db) == MQL_OK;
}

/* ---- running ---- */

/* What everybody's shell begins with. */
static void
run_startup_file(Shell *shell)
{
    const char *given = getenv("MQLRC");
    const char *home = getenv("HOME");
    const char *config = getenv("XDG_CONFIG_HOME");
    Text path = {0};
    if (given != NULL) {
        text_append_text(&path, given);
    } else {
        if (config != NULL && *config != '\0')
            text_printf(&path, "%s/mql/mqlrc", config);
        else if (home != NULL)
            text_printf(&path, "%s/.config/mql/mqlrc", home);
        if (home != NULL && access(text_string(&path), R_OK) != 0) {
            text_clear(&path);
            text_printf(&path, "%s/.mqlrc", home);
        }
    }
    if (path.size > 0 && access(path.data, R_OK) == 0)
        script_run_file(shell, path.data);
    text_free(&path);
}

static int
run_action(Shell *shell, const Action *action)
{
    if (action->kind == ACTION_FILE) {
        Outcome outcome = script_run_file(shell, action->argument);
        return outcome == OUTCOME_DONE      ? EXIT_SUCCESS
               : outcome == OUTCOME_STOPPED ? EXIT_SCRIPT
                                            : EXIT_WRONG;
    }
    Source source = {.text = action->argument, .always_stops = true};
    Outcome outcome = script_run(shell, &source, NULL);
    return outcome == OUTCOME_DONE ? EXIT_SUCCESS : EXIT_WRONG;
}

static int
run_all(Shell *shell, const Options *options)
{
    int status = EXIT_SUCCESS;
    for (size_t i = 0; i < options->action_count; i++) {
        status = run_action(shell, &options->actions[i]);
        if (shell->is_output_broken ||
            (status != EXIT_SUCCESS &&
             variables_is_on(&shell->variables, "ON_ERROR_STOP")))
            break;
    }
    return status;
}

/* -1: all of it is one transaction. */
static int
run_actions(Shell *shell, const Options *options)
{
    if (!options->is_single_transaction)
        return run_all(shell, options);
    if (mql_exec(shell->conn, "BEGIN") != MQL_OK) {
        report_last_error(shell);
        return EXIT_WRONG;
    }
    int status = run_all(shell, options);
    if (mql_transaction_state(shell->conn) == MQL_TRANSACTION_NONE)
        return status;
    const char *end = status == EXIT_SUCCESS ? "COMMIT" : "ROLLBACK";
    if (mql_exec(shell->conn, end) == MQL_OK)
        return status;
    report_last_error(shell);
    return status == EXIT_SUCCESS ? EXIT_WRONG : status;
}

/* A pipe, or a file by "<". */
static int
run_input(Shell *shell)
{
    Source source = {.file = stdin};
    return script_run(shell, &source, NULL) == OUTCOME_DONE ? EXIT_SUCCESS
                                                            : EXIT_SCRIPT;
}

static void
use_history(Shell *shell, LineEdit *edit)
{
    const Variables *variables = &shell->variables;
    const char *file = variables_get(variables, "HISTFILE", 8);
    const char *home = getenv("HOME");
    Text path = {0};
    if (file != NULL)
        text_append_text(&path, file);
    else if (home != NULL)
        text_printf(&path, "%s/.mql_history", home);
    if (path.size > 0)
        line_edit_use_history(edit, path.data,
                              variables_number(variables, "HISTSIZE", 500));
    text_free(&path);
}

static int
run_terminal(Shell *shell, const Options *options)
{
    Completion completion = {.conn = &shell->conn};
    Source source = {.file = stdin, .is_interactive = true};
    if (options->has_line_editing)
        source.line_edit = line_edit_open(complete_offer, &completion);
    if (source.line_edit != NULL)
        use_history(shell, source.line_edit);
    if (!variables_is_on(&shell->variables, "QUIET")) {
        printf("mql %s\nType \"help\" for help.\n", mql_version());
        if (options->directory == NULL)
            puts("This database is temporary and goes when you leave; "
                 "\"mql DIR\" keeps one.");
        putchar('\n');
    }
    script_run(shell, &source, NULL);
    line_edit_close(source.line_edit);
    completion_free(&completion);
    return EXIT_SUCCESS;
}

/* The database is open. */
static int
run(Shell *shell, const Options *options)
{
    if (options->database != NULL && !use_database(shell, options->database))
        return EXIT_DATABASE;
    if (options->output != NULL &&
        output_open(shell, options->output) != OUTCOME_DONE)
        return EXIT_WRONG;
    if (!options->skips_startup_file)
        run_startup_file(shell);
    if (options->action_count > 0)
        return run_actions(shell, options);
    return shell->is_interactive ? run_terminal(shell, options)
                                 : run_input(shell);
}

static void
set_defaults(Shell *shell, const Options *options)
{
    shell->is_interactive =
        options->action_count == 0 && isatty(STDIN_FILENO) != 0;
    set_variable(shell, "ON_ERROR_STOP", shell->is_interactive ? "off" : "on");
    if (shell->is_interactive && shell->format.expanded == EXPANDED_OFF)
        shell->format.expanded = EXPANDED_AUTO;
    set_variable(shell, "PROMPT1", "%/%R%x> ");
    set_variable(shell, "PROMPT2", "%/%R> ");
    set_variable(shell, "VERSION", mql_version());
}

static void
free_shell(Shell *shell)
{
    variables_free(&shell->variables);
    format_free(&shell->format);
    text_free(&shell->previous);
    text_free(&shell->last_error_text);
}

int
main(int count, char **words)
{
    Shell shell = {.out = stdout};
    Options options;
    int status = EXIT_WRONG;
    set_locale();
    if (tools_run(count, words, &status))
        return status;
    format_init(&shell.format);
    if (!options_read(&options, &shell, count, words))
        goto done;
    status = EXIT_SUCCESS;
    if (options.is_done)
        goto done;

    set_defaults(&shell, &options);
    interrupt_install(shell.is_interactive);
    status = EXIT_DATABASE;
    if (open_database(&shell, &options)) {
        status = run(&shell, &options);
        output_open(&shell, NULL);
    }
    if (!close_database(&shell) && status == EXIT_SUCCESS)
        status = EXIT_WRONG;

done:
    if (!output_flush(&shell) && status == EXIT_SUCCESS)
        status = EXIT_WRONG;
    free_shell(&shell);
    options_free(&options);
    interrupt_die(shell.is_pipe_broken);
    return status;
}
