/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands_query.c - \g \gx \gset \recall \p \r \w \e \s: the statement that is
 * being typed, and those before it.
 */
#include "commands.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "line_edit.h"
#include "memory.h"
#include "scan.h"

/* What is being typed or, when that is nothing, what was sent last. */
static const Text *
current(const Invocation *call)
{
    return call->statement->size > 0 ? call->statement : &call->shell->previous;
}

/* What is being typed is now what was sent last. */
static void
take_statement(Invocation *call)
{
    Text *previous = &call->shell->previous;
    if (call->statement->size == 0)
        return;
    text_clear(previous);
    text_append(previous, call->statement->data, call->statement->size);
    text_clear(call->statement);
}

static Outcome
go(Invocation *call, const Request *request)
{
    Shell *shell = call->shell;
    take_statement(call);
    if (shell->previous.size == 0)
        return OUTCOME_DONE;
    return statement_run(shell, shell->previous.data, shell->previous.size,
                         request);
}

/* \g FILE and \g |COMMAND: the output is another one for this statement. */
static Outcome
go_to(Invocation *call, const Request *request)
{
    Shell *shell = call->shell;
    Text target = {0};
    Outcome outcome;
    arguments_rest(&call->arguments, &target);
    if (target.size == 0) {
        outcome = go(call, request);
    } else {
        FILE *out = shell->out;
        pid_t child = shell->out_child;
        shell->out = stdout;
        shell->out_child = 0;
        outcome = output_open(shell, target.data);
        if (outcome == OUTCOME_DONE)
            outcome = go(call, request);
        output_open(shell, NULL);
        shell->out = out;
        shell->out_child = child;
    }
    text_free(&target);
    return outcome;
}

Outcome
command_go(Invocation *call)
{
    return go_to(call, NULL);
}

Outcome
command_go_expanded(Invocation *call)
{
    Request request = {.is_expanded = true};
    return go_to(call, &request);
}

/* `text`, less the word and the blanks behind it, if it begins with it. */
static const char *
behind_word(const char *text, const char *word)
{
    size_t size = strlen(word);
    if (strncasecmp(text, word, size) != 0 ||
        isalnum((unsigned char)text[size]) || text[size] == '_')
        return text;
    text += size;
    return text + scan_blanks(text, strlen(text));
}

/* What an EXPLAIN explains; anything else is left as it is. */
static const char *
explained(const char *text)
{
    text += scan_blanks(text, strlen(text));
    const char *rest = behind_word(text, "explain");
    if (rest == text)
        return text;
    const char *end = rest[0] == '(' ? strchr(rest, ')') : NULL;
    if (end != NULL)
        return end + 1;
    return behind_word(rest, "analyze");
}

/* The query that follows, or the statement that \g would run; of an EXPLAIN
 * what it explains. */
Outcome
command_recall(Invocation *call)
{
    Shell *shell = call->shell;
    Text query = {0}, sql = {0};
    Outcome outcome = OUTCOME_FAILED;
    arguments_rest(&call->arguments, &query);
    if (query.size == 0) {
        take_statement(call);
        text_append(&query, shell->previous.data, shell->previous.size);
    }
    if (query.size == 0) {
        report(shell, "\\recall: missing a query");
    } else {
        text_append_text(&sql, "EXPLAIN (ANALYZE, RECALL) ");
        text_append_text(&sql, explained(query.data));
        outcome = statement_run(shell, sql.data, sql.size, NULL);
    }
    text_free(&query);
    text_free(&sql);
    return outcome;
}

Outcome
command_go_set(Invocation *call)
{
    Text prefix = {0};
    arguments_next(&call->arguments, &prefix);
    Request request = {.prefix = text_string(&prefix)};
    Outcome outcome = go(call, &request);
    text_free(&prefix);
    return outcome;
}

Outcome
command_print(Invocation *call)
{
    const Text *text = current(call);
    if (text->size > 0)
        puts(text->data);
    else if (shell_is_talkative(call->shell))
        puts("Query buffer is empty.");
    return OUTCOME_DONE;
}

Outcome
command_reset(Invocation *call)
{
    text_clear(call->statement);
    if (shell_is_talkative(call->shell))
        puts("Query buffer reset (cleared).");
    return OUTCOME_DONE;
}

/* Write `text` and a newline into the file at `path`. */
static Outcome
write_file(Shell *shell, const char *path, const Text *text)
{
    FILE *file = fopen(path, "we");
    bool is_done = file != NULL;
    if (is_done) {
        fprintf(file, "%s\n", text_string(text));
        is_done = fclose(file) == 0;
    }
    if (!is_done)
        report(shell, "%s: %s", path, strerror(errno));
    return is_done ? OUTCOME_DONE : OUTCOME_FAILED;
}

Outcome
command_write(Invocation *call)
{
    Text path = {0};
    Outcome outcome = OUTCOME_FAILED;
    if (require_argument(call, &path))
        outcome = write_file(call->shell, path.data, current(call));
    text_free(&path);
    return outcome;
}

/* ---- \e ---- */

static Outcome
run_editor(Shell *shell, const char *path)
{
    static const char *const names[] = {"MQL_EDITOR", "EDITOR", "VISUAL"};
    const char *editor = NULL;
    for (size_t i = 0; i < 3 && (editor == NULL || *editor == '\0'); i++)
        editor = getenv(names[i]);
    Text command = {0};
    text_append_text(&command,
                     editor == NULL || *editor == '\0' ? "vi" : editor);
    text_append_text(&command, " '");
    for (const char *p = path; *p != '\0'; p++)
        text_append(&command, *p == '\'' ? "'\\''" : p, *p == '\'' ? 4 : 1);
    text_append_char(&command, '\'');
    int status = run_command(command.data);
    if (status != 0)
        report(shell, "could not run the editor: %s", command.data);
    text_free(&command);
    return status == 0 ? OUTCOME_DONE : OUTCOME_FAILED;
}

/* The statement goes into a file of its own, which is run afterwards. */
static Outcome
edit_statement(Invocation *call)
{
    const char *directory = getenv("TMPDIR");
    Text path = {0};
    text_printf(&path, "%s/mql.edit.XXXXXX",
                directory == NULL ? "/tmp" : directory);
    int fd = mkstemp(path.data);
    if (fd < 0) {
        report(call->shell, "%s: %s", path.data, strerror(errno));
        text_free(&path);
        return OUTCOME_FAILED;
    }
    close(fd);
    Outcome outcome = write_file(call->shell, path.data, current(call));
    text_clear(call->statement);
    if (outcome == OUTCOME_DONE)
        outcome = run_editor(call->shell, path.data);
    if (outcome == OUTCOME_DONE)
        outcome = script_run_file(call->shell, path.data);
    unlink(path.data);
    text_free(&path);
    return outcome == OUTCOME_STOPPED ? OUTCOME_FAILED : outcome;
}

Outcome
command_edit(Invocation *call)
{
    Text path = {0};
    Outcome outcome;
    if (!arguments_next(&call->arguments, &path)) {
        outcome = edit_statement(call);
    } else {
        outcome = run_editor(call->shell, path.data);
        if (outcome == OUTCOME_DONE)
            outcome = script_run_file(call->shell, path.data);
        if (outcome == OUTCOME_STOPPED)
            outcome = OUTCOME_FAILED;
    }
    text_free(&path);
    return outcome;
}

Outcome
command_history(Invocation *call)
{
    const Source *source = call->shell->source;
    Text path = {0};
    FILE *out = call->shell->out;
    while (source != NULL && source->line_edit == NULL)
        source = source->outer;
    bool is_done = source != NULL;
    if (!is_done)
        report(call->shell, "there is no history but on a terminal");
    if (is_done && arguments_next(&call->arguments, &path)) {
        out = fopen(path.data, "we");
        is_done = out != NULL;
        if (!is_done)
            report(call->shell, "%s: %s", path.data, strerror(errno));
    }
    if (is_done)
        line_edit_print_history(source->line_edit, out);
    if (out != NULL && out != call->shell->out)
        fclose(out);
    text_free(&path);
    return is_done ? OUTCOME_DONE : OUTCOME_FAILED;
}
