/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script.c - reads a source, splits it into statements and backslash commands,
 * and runs them.
 *
 * Lines are collected until mql_statement_size() finds a whole statement in
 * them. It is asked only when a semicolon outside quotes came, so that a
 * statement of a million lines is not looked through a million times.
 */
#include "shell.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "interrupt.h"
#include "line_edit.h"
#include "scan.h"

/* Files that \i each other in a circle end here. */
#define NESTING_MOST 50

typedef struct Script {
    Shell *shell;
    Source *source;
    Scan scan;
    Text statement; /* what was read and not sent yet               */
    Text typed;     /* its lines as they were, for the history      */
    Text prompt;
    Outcome last; /* how the last statement or command ended      */
} Script;

/* ---- prompts ---- */

static void
append_state(Script *script)
{
    char state = script->scan.quote;
    if (script->statement.size == 0)
        state = '=';
    else if (state == '\0' || state == '-')
        state = '-';
    else if (state == '/')
        state = '*';
    text_append_char(&script->prompt, state);
}

static void
append_transaction(Script *script)
{
    static const char *const marks[] = {
        [MQL_TRANSACTION_NONE] = "",
        [MQL_TRANSACTION_OPEN] = "*",
        [MQL_TRANSACTION_FAILED] = "!",
    };
    text_append_text(&script->prompt,
                     marks[mql_transaction_state(script->shell->conn)]);
}

/* PROMPT1 or PROMPT2 with %/ %~ (database), %R (state), %x (transaction), %w
 * (directory). */
static const char *
make_prompt(Script *script)
{
    Shell *shell = script->shell;
    const char *name = script->statement.size == 0 ? "PROMPT1" : "PROMPT2";
    const char *form = variables_get(&shell->variables, name, strlen(name));
    text_clear(&script->prompt);
    for (const char *p = form == NULL ? "" : form; *p != '\0'; p++) {
        if (*p != '%' || p[1] == '\0') {
            text_append_char(&script->prompt, *p);
            continue;
        }
        switch (*++p) {
        case '/':
        case '~':
            text_append_text(&script->prompt,
                             mql_current_database(shell->conn));
            break;
        case 'R':
            append_state(script);
            break;
        case '#':
            text_append_char(&script->prompt, '>');
            break;
        case 'x':
            append_transaction(script);
            break;
        case 'w':
            text_append_text(&script->prompt, mql_path(shell->conn));
            break;
        default:
            text_append_char(&script->prompt, *p);
            break;
        }
    }
    return text_string(&script->prompt);
}

/* ---- running what was read ---- */

static void
forget_statement(Script *script)
{
    text_clear(&script->statement);
    scan_reset(&script->scan);
}

/* Whether the script ends after `outcome`. */
static bool
must_stop(Script *script, Outcome outcome)
{
    const Source *source = script->source;
    if (outcome == OUTCOME_QUIT || outcome == OUTCOME_STOPPED)
        return true;
    if (interrupt_was_asked() &&
        (!source->is_interactive || interrupt_is_ending()))
        return true;
    if (source->is_interactive)
        return false;
    return outcome == OUTCOME_FAILED &&
           (source->always_stops ||
            variables_is_on(&script->shell->variables, "ON_ERROR_STOP"));
}

static Outcome
send(Script *script, const char *text, size_t size)
{
    Shell *shell = script->shell;
    text_clear(&shell->previous);
    text_append(&shell->previous, text, size);
    script->last =
        statement_run(shell, shell->previous.data, shell->previous.size, NULL);
    return script->last;
}

/* Send every whole statement that was read; keep the rest. */
static Outcome
send_complete(Script *script)
{
    Text *statement = &script->statement;
    const char *data = text_string(statement);
    size_t start = 0;
    size_t size;
    Outcome outcome = OUTCOME_DONE;
    script->scan.saw_semicolon = false;
    do {
        start += scan_blanks(data + start, statement->size - start);
        size = mql_statement_size(data + start, statement->size - start);
        bool is_empty = size == 1 && data[start] == ';';
        if (size > 0 && !is_empty)
            outcome = send(script, data + start, size);
        start += size;
    } while (size > 0 && !must_stop(script, outcome));

    statement->size -= start;
    memmove(statement->data, statement->data + start, statement->size + 1);
    return outcome;
}

/* Nothing but blanks and comments that are closed is no statement. */
static void
drop_blanks(Script *script)
{
    Text *statement = &script->statement;
    if (script->scan.quote == '\0' &&
        scan_blanks(text_string(statement), statement->size) == statement->size)
        text_clear(statement);
}

/* A line that holds only a command is no line of the statement. */
static void
drop_newline(Script *script)
{
    Text *statement = &script->statement;
    if (statement->size > 0 && statement->data[statement->size - 1] == '\n')
        statement->data[--statement->size] = '\0';
}

static Outcome
run_line(Script *script, const Text *line)
{
    const char *data = text_string(line);
    size_t position = 0;
    bool is_command;
    if (script->statement.size > 0)
        text_append_char(&script->statement, '\n');
    do {
        Outcome outcome = OUTCOME_DONE;
        is_command = scan_line(&script->scan, data, line->size, &position,
                               &script->shell->variables, &script->statement);
        if (script->scan.saw_semicolon ||
            (script->source->is_interactive && strchr(data, ';') != NULL))
            outcome = send_complete(script);
        if (must_stop(script, outcome))
            return outcome;
        drop_blanks(script);
        if (!is_command)
            break;
        drop_newline(script);
        outcome = command_run(script->shell, data, line->size, &position,
                              &script->statement);
        script->last = outcome;
        if (script->statement.size == 0)
            scan_reset(&script->scan);
        if (must_stop(script, outcome))
            return outcome;
    } while (position < line->size);
    return OUTCOME_DONE;
}

/* ---- reading ---- */

/* Words that people type who do not know backslashes yet. */
static bool
is_word_for_people(Script *script, const Text *line, Outcome *outcome)
{
    const char *data = text_string(line);
    size_t size = strcspn(data, " \t;");
    if (!script->source->is_interactive || script->statement.size > 0 ||
        strspn(data + size, " \t;") != line->size - size)
        return false;
    *outcome = OUTCOME_QUIT;
    if (text_equals(data, size, "exit") || text_equals(data, size, "quit"))
        return true;
    *outcome = OUTCOME_DONE;
    if (!text_equals(data, size, "help"))
        return false;
    puts("This is mql, a vector database.\n"
         "Type:  \\?  for the shell's own commands\n"
         "       \\h  for help with statements\n"
         "       ;   at the end of a statement to run it\n"
         "       \\q  to leave");
    return true;
}

/* Lines go into the history a statement at a time. */
static void
remember(Script *script, const Text *line)
{
    if (script->source->line_edit == NULL)
        return;
    text_append(&script->typed, text_string(line), line->size);
    text_append_char(&script->typed, '\n');
    if (script->statement.size > 0)
        return;
    line_edit_remember(script->source->line_edit, script->typed.data);
    text_clear(&script->typed);
}

static Outcome
take_line(Script *script, const Text *line)
{
    Outcome outcome = OUTCOME_DONE;
    if (line->size == 0 && script->scan.quote == '\0') {
        if (script->statement.size > 0)
            text_append_char(&script->statement, '\n');
        return OUTCOME_DONE;
    }
    if (!script->source->is_interactive &&
        variables_is(&script->shell->variables, "ECHO", "all")) {
        fwrite(text_string(line), 1, line->size, stdout);
        putchar('\n');
    }
    Text meant = {0};
    bool is_alias = script->statement.size == 0 &&
                    text_string(line)[0] == '.' &&
                    command_alias(line->data, &meant);
    if (!is_word_for_people(script, line, &outcome))
        outcome = run_line(script, is_alias ? &meant : line);
    remember(script, line);
    text_free(&meant);
    return outcome;
}

/* After the last line: a script's last statement needs no semicolon. */
static Outcome
finish(Script *script)
{
    if (script->source->is_interactive) {
        putchar('\n');
        return OUTCOME_DONE;
    }
    Text *statement = &script->statement;
    Outcome outcome = OUTCOME_DONE;
    if (statement->size > 0)
        outcome = send_complete(script);
    drop_blanks(script);
    if (statement->size > 0 && !must_stop(script, outcome))
        outcome = send(script, statement->data, statement->size);
    return must_stop(script, outcome) ? outcome : OUTCOME_DONE;
}

static Outcome
read_and_run(Script *script)
{
    Text line = {0};
    Outcome outcome = OUTCOME_DONE;
    while (!must_stop(script, outcome)) {
        SourceRead read =
            source_line(script->source, make_prompt(script), &line);
        if (read == SOURCE_LINE) {
            outcome = take_line(script, &line);
        } else if (read == SOURCE_INTERRUPTED) {
            forget_statement(script);
            text_clear(&script->typed);
        } else if (read == SOURCE_END) {
            outcome = finish(script);
            break;
        } else {
            report(script->shell, "could not read input: %s", strerror(errno));
            outcome = OUTCOME_STOPPED;
        }
    }
    text_free(&line);
    return outcome;
}

Outcome
script_run(Shell *shell, Source *source, Outcome *last)
{
    Script script = {.shell = shell, .source = source, .last = OUTCOME_DONE};
    source->outer = shell->source;
    shell->source = source;
    Outcome outcome = read_and_run(&script);
    if (outcome == OUTCOME_FAILED || interrupt_is_ending() ||
        (interrupt_was_asked() && !source->is_interactive))
        outcome = OUTCOME_STOPPED;
    shell->source = source->outer;

    if (last != NULL)
        *last = script.last;
    scan_free(&script.scan);
    text_free(&script.statement);
    text_free(&script.typed);
    text_free(&script.prompt);
    source_free(source);
    return outcome == OUTCOME_STOPPED ? OUTCOME_STOPPED : OUTCOME_DONE;
}

static size_t
nesting(const Source *source)
{
    size_t depth = 0;
    for (; source != NULL; source = source->outer)
        depth++;
    return depth;
}

Outcome
script_run_file(Shell *shell, const char *path)
{
    Source source = {.name = path, .file = stdin};
    if (nesting(shell->source) >= NESTING_MOST) {
        report(shell, "%s: files are nested more than %d deep", path,
               NESTING_MOST);
        return OUTCOME_FAILED;
    }
    if (strcmp(path, "-") == 0)
        source.name = "<stdin>";
    else
        source.file = fopen(path, "re");
    if (source.file == NULL) {
        report(shell, "%s: %s", path, strerror(errno));
        return OUTCOME_FAILED;
    }
    Outcome outcome = script_run(shell, &source, NULL);
    if (source.file != stdin)
        fclose(source.file);
    return outcome;
}
