/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement.c - runs one statement and shows its result.
 *
 * The first step is made before anything is written, so that a statement that
 * fails at once leaves nothing on the output. Afterwards rows are written as
 * they come where the format allows it.
 */
#include "shell.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "interrupt.h"
#include "memory.h"
#include "progress.h"
#include "scan.h"

static const Request no_request;

/* ---- variables that tell how it went ---- */

static void
set_variable(Shell *shell, const char *name, const char *value)
{
    Text why = {0};
    variables_set(&shell->variables, name, value, &why);
    text_free(&why);
}

static void
set_result_variables(Shell *shell, const mql_error *error, int64_t rows)
{
    char number[32];
    snprintf(number, sizeof number, "%" PRId64, rows);
    set_variable(shell, "ROW_COUNT", number);
    set_variable(shell, "ERROR", error == NULL ? "false" : "true");
    set_variable(shell, "SQLSTATE", error == NULL ? "00000" : error->sqlstate);
    if (error != NULL) {
        set_variable(shell, "LAST_ERROR_MESSAGE", error->message);
        set_variable(shell, "LAST_ERROR_SQLSTATE", error->sqlstate);
    }
    set_variable(shell, "DBNAME", mql_current_database(shell->conn));
}

/* ---- rows ---- */

/* The cells of the current row and the memory some of them stand in. */
typedef struct Row {
    Column *columns;
    size_t count;
    Cell *cells;
    Text *scratch;
} Row;

static void
row_init(Row *row, mql_stmt *stmt)
{
    row->columns = columns_of(stmt, &row->count);
    row->cells = memory_alloc(row->count, sizeof *row->cells);
    row->scratch = memory_alloc(row->count, sizeof *row->scratch);
}

static void
row_free(Row *row)
{
    for (size_t i = 0; i < row->count; i++)
        text_free(&row->scratch[i]);
    memory_free(row->scratch);
    memory_free(row->cells);
    memory_free(row->columns);
}

static void
row_read(Row *row, mql_stmt *stmt, const Format *format, bool cuts_vectors)
{
    for (size_t i = 0; i < row->count; i++)
        row->cells[i] = cell_of(stmt, (int32_t)i, row->columns[i].type,
                                cuts_vectors ? format->vector_items : 0,
                                format->vector_precision, &row->scratch[i]);
}

static bool
is_wanted(const Row *row, const Request *request)
{
    return request->pattern == NULL || row->count == 0 ||
           (row->cells[0].text != NULL &&
            fnmatch(request->pattern, row->cells[0].text, FNM_CASEFOLD) == 0);
}

static bool
begins_with(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

/* A result that fails halfway is not shown; the error that CHECK ends with
 * follows all of its rows. */
static bool
is_whole(mql_stmt *stmt, mql_status status)
{
    const char *tag = mql_command_tag(stmt);
    return status == MQL_DONE ||
           (status == MQL_CORRUPT && tag != NULL && begins_with(tag, "CHECK"));
}

/* Show what the steps from the one that gave `status` on bring. */
static mql_status
show_rows(Shell *shell, mql_stmt *stmt, const Request *request,
          mql_status status, int64_t *shown)
{
    Format format = shell->format; /* borrowed, with the request's wishes */
    if (request->is_expanded)
        format.expanded = EXPANDED_ON;
    Row row;
    Render render = {.title = request->title, .footers = request->footers};
    row_init(&row, stmt);
    render_begin(&render, &format, shell->out, row.columns, row.count);
    bool cuts = render.is_terminal && !format.renderer->is_for_machines;
    for (; status == MQL_ROW && !ferror(shell->out); status = mql_step(stmt)) {
        row_read(&row, stmt, &format, cuts);
        if (is_wanted(&row, request))
            render_row(&render, row.cells);
    }
    *shown = (int64_t)render.row_count;
    if (is_whole(stmt, status))
        render_end(&render);
    else
        render_drop(&render);
    row_free(&row);
    return status;
}

/* \gset: the columns of the only row become variables. */
static mql_status
keep_row(Shell *shell, mql_stmt *stmt, const char *prefix, mql_status status,
         bool *is_kept)
{
    *is_kept = false;
    if (status == MQL_DONE)
        report(shell, "no rows returned for \\gset");
    if (status != MQL_ROW)
        return status;
    Variables kept = {0};
    Text why = {0};
    Row row;
    row_init(&row, stmt);
    row_read(&row, stmt, &shell->format, false);
    for (size_t i = 0; i < row.count && why.size == 0; i++) {
        Text name = {0};
        text_printf(&name, "%s%s", prefix, row.columns[i].name);
        if (row.cells[i].text != NULL)
            variables_set(&kept, name.data, row.cells[i].text, &why);
        else
            variables_unset(&shell->variables, name.data, &why);
        text_free(&name);
    }
    row_free(&row);

    status = mql_step(stmt);
    if (status == MQL_ROW)
        report(shell, "more than one row returned for \\gset");
    else if (why.size > 0)
        report(shell, "%s", why.data);
    *is_kept = status == MQL_DONE && why.size == 0;
    for (size_t i = 0; *is_kept && i < kept.count; i++)
        variables_set(&shell->variables, kept.entries[i].name,
                      kept.entries[i].value, &why);
    variables_free(&kept);
    text_free(&why);
    return status == MQL_ROW ? MQL_DONE : status;
}

/* ---- after the rows ---- */

/* The tag, where psql shows one: not after a query's rows. */
static void
show_tag(Shell *shell, mql_stmt *stmt)
{
    const char *tag = mql_command_tag(stmt);
    if (tag == NULL || !shell_is_talkative(shell))
        return;
    if (mql_has_rows(stmt) && !begins_with(tag, "INSERT") &&
        !begins_with(tag, "UPSERT") && !begins_with(tag, "UPDATE") &&
        !begins_with(tag, "DELETE"))
        return;
    fprintf(shell->out, "%s\n", tag);
}

static double
milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Output for machines is not disturbed by it. */
static void
show_time(Shell *shell, double took)
{
    FILE *out = shell->format.renderer->is_for_machines ? stderr : stdout;
    fflush(shell->out);
    if (took < 1000.0) {
        fprintf(out, "Time: %.3f ms\n", took);
        return;
    }
    double seconds = took / 1000.0;
    int64_t minutes = (int64_t)seconds / 60;
    fprintf(out, "Time: %.3f ms (%02" PRId64 ":%06.3f)\n", took, minutes,
            seconds - (double)(minutes * 60));
}

/* ---- running ---- */

static Outcome
fail(Shell *shell, const mql_error *error, const char *text, size_t size)
{
    report_error(shell, error, text, size);
    set_result_variables(shell, error, 0);
    return OUTCOME_FAILED;
}

/* The place in a hidden statement says nothing to who did not type it. */
static Outcome
fail_by_connection(Shell *shell, const char *text, size_t size, bool is_hidden)
{
    mql_error error = MQL_ERROR_INIT;
    mql_error_get(shell->conn, &error);
    if (is_hidden)
        error.position = -1;
    if (error.message[0] == '\0')
        snprintf(error.message, sizeof error.message, "unknown error");
    return fail(shell, &error, text, size);
}

/* A parameter has no value here, and NULL would be a guess. */
static Outcome
fail_by_parameter(Shell *shell, const char *text, size_t size)
{
    mql_error error = MQL_ERROR_INIT;
    error.status = MQL_INVALID;
    snprintf(error.sqlstate, sizeof error.sqlstate, "42P02");
    snprintf(error.message, sizeof error.message,
             "there is no value for parameter $1");
    snprintf(error.hint, sizeof error.hint,
             "Variables are set by \\set NAME VALUE or -v NAME=VALUE and used "
             "as :NAME, :'NAME' or :\"NAME\".");
    return fail(shell, &error, text, size);
}

/* Every caller means one statement; what stands behind it would be lost. */
static Outcome
fail_by_rest(Shell *shell, const char *text, size_t size, const char *rest)
{
    mql_error error = MQL_ERROR_INIT;
    error.status = MQL_SYNTAX;
    error.position = rest - text;
    snprintf(error.sqlstate, sizeof error.sqlstate, "42601");
    snprintf(error.message, sizeof error.message,
             "only one statement is expected here");
    return fail(shell, &error, text, size);
}

/* Step through `stmt`; an error has not been reported yet. */
static mql_status
step_through(Shell *shell, mql_stmt *stmt, const Request *request,
             Outcome *outcome)
{
    int64_t rows = 0;
    bool is_kept = true;
    mql_status status = mql_step(stmt);
    if (request->prefix != NULL)
        status = keep_row(shell, stmt, request->prefix, status, &is_kept);
    else if ((status == MQL_ROW || status == MQL_DONE) && mql_has_rows(stmt))
        status = show_rows(shell, stmt, request, status, &rows);
    if (status == MQL_DONE) {
        *outcome = is_kept ? OUTCOME_DONE : OUTCOME_FAILED;
        if (request->prefix == NULL && !request->is_hidden)
            show_tag(shell, stmt);
        set_result_variables(shell, NULL,
                             mql_has_rows(stmt) ? rows : mql_changes(stmt));
    }
    return status;
}

static Outcome
prepare_and_step(Shell *shell, const char *text, size_t size,
                 const Request *request)
{
    mql_stmt *stmt = NULL;
    const char *tail = NULL;
    Outcome outcome = OUTCOME_DONE;
    if (mql_prepare(shell->conn, text, (int64_t)size, &stmt, &tail) != MQL_OK)
        return fail_by_connection(shell, text, size, request->is_hidden);
    if (stmt == NULL)
        return OUTCOME_DONE;
    size_t rest = tail == NULL ? 0 : size - (size_t)(tail - text);
    size_t blanks = rest == 0 ? 0 : scan_blanks(tail, rest);
    if (blanks < rest || mql_parameter_count(stmt) > 0) {
        mql_finalize(stmt);
        return blanks < rest ? fail_by_rest(shell, text, size, tail + blanks)
                             : fail_by_parameter(shell, text, size);
    }
    mql_status status = step_through(shell, stmt, request, &outcome);
    if (status == MQL_ROW) /* the output broke */
        outcome = OUTCOME_STOPPED;
    else if (status != MQL_DONE)
        outcome = fail_by_connection(shell, text, size, request->is_hidden);
    mql_finalize(stmt);
    return outcome;
}

Outcome
statement_run(Shell *shell, const char *text, size_t size,
              const Request *request)
{
    request = request == NULL ? &no_request : request;
    if (request->is_hidden ? shell->shows_hidden
                           : variables_is(&shell->variables, "ECHO", "queries"))
        fprintf(stdout, "%.*s\n", (int)size, text);

    CopyData copy;
    Progress progress;
    double start = milliseconds();
    copy_data_begin(&copy, shell);
    progress_begin(&progress, shell->conn);
    interrupt_begin(shell->conn);
    Outcome outcome = prepare_and_step(shell, text, size, request);
    interrupt_end();
    progress_end(&progress, shell->conn);
    copy_data_end(&copy);
    if (shell->shows_timing && !request->is_hidden)
        show_time(shell, milliseconds() - start);
    return output_flush(shell) ? outcome : OUTCOME_STOPPED;
}

Outcome
statement_query(Shell *shell, const char *text, QueryRow row, void *context)
{
    mql_stmt *stmt = NULL;
    size_t size = strlen(text);
    if (shell->shows_hidden)
        fprintf(stdout, "%s\n", text);
    interrupt_begin(shell->conn);
    if (mql_prepare(shell->conn, text, (int64_t)size, &stmt, NULL) != MQL_OK) {
        interrupt_end();
        return fail_by_connection(shell, text, size, true);
    }
    size_t count = (size_t)mql_column_count(stmt);
    const char **names = memory_alloc(count * 2, sizeof *names);
    const char **cells = names + count;
    mql_status status;
    while ((status = mql_step(stmt)) == MQL_ROW) {
        for (size_t i = 0; i < count; i++) {
            names[i] = mql_column_name(stmt, (int32_t)i);
            cells[i] = mql_column_text(stmt, (int32_t)i, NULL);
        }
        row(context, names, cells, count);
    }
    interrupt_end();
    Outcome outcome = status == MQL_DONE
                          ? OUTCOME_DONE
                          : fail_by_connection(shell, text, size, true);
    memory_free(names);
    mql_finalize(stmt);
    return outcome;
}
