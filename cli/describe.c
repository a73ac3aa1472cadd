/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe.c - \d \dt \di \dP \l \c \conninfo: what there is in the database.
 *
 * Each is a statement that anybody could type; -E shows it.
 */
#include "commands.h"

#include <string.h>

/* psql lets a semicolon stand behind. */
static bool
next_name(Invocation *call, Text *name)
{
    bool is_given = arguments_next(&call->arguments, name);
    while (name->size > 0 && name->data[name->size - 1] == ';')
        name->data[--name->size] = '\0';
    return is_given && name->size > 0;
}

static bool
is_plain(const char *name)
{
    for (const char *p = name; *p != '\0'; p++)
        if (!is_variable_byte(*p) && *p != '.')
            return false;
    return *name < '0' || *name > '9';
}

/* A name as a statement takes it; one in quotes has them already. */
static void
append_name(Text *out, const char *name)
{
    if (*name == '"' || is_plain(name)) {
        text_append_text(out, name);
        return;
    }
    text_append_char(out, '"');
    for (const char *p = name; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            text_append_char(out, *p);
        text_append_char(out, *p);
    }
    text_append_char(out, '"');
}

/* "STATEMENT name" */
static void
append_about(Text *out, const char *statement, const char *name)
{
    text_printf(out, "%s ", statement);
    append_name(out, name);
}

static bool
is_pattern(const char *name)
{
    return strpbrk(name, "*?") != NULL;
}

/* Run a SHOW and list what matches the pattern, if one was given. */
static Outcome
list(Invocation *call, const char *statement, const char *pattern)
{
    Request request = {.pattern = pattern, .is_hidden = true};
    return statement_run(call->shell, statement, strlen(statement), &request);
}

static Outcome
list_matching(Invocation *call, const char *statement)
{
    Text pattern = {0};
    bool is_given = next_name(call, &pattern);
    Outcome outcome = list(call, statement, is_given ? pattern.data : NULL);
    text_free(&pattern);
    return outcome;
}

Outcome
command_collections(Invocation *call)
{
    return list_matching(call, "SHOW COLLECTIONS");
}

Outcome
command_databases(Invocation *call)
{
    return list_matching(call, "SHOW DATABASES");
}

Outcome
command_users(Invocation *call)
{
    return list_matching(call, "SHOW USERS");
}

Outcome
command_roles(Invocation *call)
{
    return list_matching(call, "SHOW ROLES");
}

Outcome
command_grants(Invocation *call)
{
    return list_matching(call, "SHOW GRANTS");
}

/* Run "STATEMENT name". */
static Outcome
list_about(Invocation *call, const char *statement, const char *name)
{
    Text text = {0};
    append_about(&text, statement, name);
    Outcome outcome = list(call, text.data, NULL);
    text_free(&text);
    return outcome;
}

Outcome
command_indexes(Invocation *call)
{
    Text name = {0};
    Outcome outcome = next_name(call, &name)
                          ? list_about(call, "SHOW INDEXES FROM", name.data)
                          : list(call, "SHOW INDEXES", NULL);
    text_free(&name);
    return outcome;
}

Outcome
command_partitions(Invocation *call)
{
    Text name = {0};
    Outcome outcome = OUTCOME_FAILED;
    if (next_name(call, &name))
        outcome = list_about(call, "SHOW PARTITIONS FROM", name.data);
    else
        report(call->shell, "\\%s: missing required argument", call->name);
    text_free(&name);
    return outcome;
}

/* ---- \d NAME ---- */

/* Lines below the fields, made from the rows of a SHOW. */
typedef struct Footers {
    Text text;
    const char *heading; /* above the first of them              */
    size_t count;
} Footers;

static const char *
cell_named(const char *word, const char *const *names, const char *const *cells,
           size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], word) == 0 && cells[i] != NULL)
            return cells[i];
    return NULL;
}

/* One line for each:
 *     "i" HNSW (embedding) WITH (metric_type = 'L2', ...) */
static void
add_index(void *context, const char *const *names, const char *const *cells,
          size_t count)
{
    Footers *footers = context;
    const char *name = cell_named("index", names, cells, count);
    const char *kind = cell_named("kind", names, cells, count);
    const char *field = cell_named("field", names, cells, count);
    const char *options = cell_named("options", names, cells, count);
    if (footers->count++ == 0)
        text_printf(&footers->text, "%s:\n", footers->heading);
    text_printf(&footers->text, "    \"%s\"", name == NULL ? "" : name);
    if (kind != NULL)
        text_printf(&footers->text, " %s", kind);
    if (field != NULL)
        text_printf(&footers->text, " (%s)", field);
    if (options != NULL && *options != '\0')
        text_printf(&footers->text, " WITH (%s)", options);
    text_append_char(&footers->text, '\n');
}

/* Names with commas between: a, b, c */
static void
add_listed(void *context, const char *const *names, const char *const *cells,
           size_t count)
{
    Footers *footers = context;
    (void)names;
    const char *name = count > 0 ? cells[0] : NULL;
    text_printf(&footers->text, "%s%s", footers->count++ == 0 ? "" : ", ",
                name == NULL ? "" : name);
}

/* What stands below the fields of `name`. */
static Outcome
collect_footers(Shell *shell, const char *name, Text *out)
{
    Text query = {0};
    Footers indexes = {.heading = "Indexes"};
    Footers partitions = {0};
    Footers aliases = {0};
    append_about(&query, "SHOW INDEXES FROM", name);
    Outcome outcome = statement_query(shell, query.data, add_index, &indexes);
    if (outcome == OUTCOME_DONE) {
        text_clear(&query);
        append_about(&query, "SHOW PARTITIONS FROM", name);
        outcome = statement_query(shell, query.data, add_listed, &partitions);
    }
    if (outcome == OUTCOME_DONE) {
        text_clear(&query);
        append_about(&query, "SHOW ALIASES FROM", name);
        outcome = statement_query(shell, query.data, add_listed, &aliases);
    }
    text_append(out, text_string(&indexes.text), indexes.text.size);
    /* The one partition that every collection has is not worth a line. */
    if (partitions.count > 1)
        text_printf(out, "Partitions: %s\n", partitions.text.data);
    text_free(&indexes.text);
    if (aliases.count > 0)
        text_printf(out, "Aliases: %s\n", aliases.text.data);
    text_free(&partitions.text);
    text_free(&aliases.text);
    text_free(&query);
    return outcome;
}

static Outcome
describe(Invocation *call, const char *name)
{
    Text query = {0};
    Text title = {0};
    Text footers = {0};
    size_t size = strlen(name);
    bool is_quoted = *name == '"' && size > 1;
    append_about(&query, "DESCRIBE COLLECTION", name);
    text_printf(&title, "Collection \"%.*s\"",
                (int)(size - (is_quoted ? 2 : 0)), name + is_quoted);

    /* Formats for machines get the fields alone. */
    Outcome outcome = OUTCOME_DONE;
    if (!call->shell->format.renderer->is_for_machines)
        outcome = collect_footers(call->shell, name, &footers);
    Request request = {
        .title = title.data,
        .footers = text_string(&footers),
        .is_hidden = true,
    };
    if (outcome == OUTCOME_DONE)
        outcome = statement_run(call->shell, query.data, query.size, &request);
    text_free(&query);
    text_free(&title);
    text_free(&footers);
    return outcome;
}

/* Collections, and below them the aliases where there are any. */
static Outcome
list_all(Invocation *call)
{
    Footers aliases = {0};
    Shell *shell = call->shell;
    Outcome outcome = list(call, "SHOW COLLECTIONS", NULL);
    if (outcome != OUTCOME_DONE || shell->format.renderer->is_for_machines)
        return outcome;
    outcome = statement_query(shell, "SHOW ALIASES", add_listed, &aliases);
    if (outcome == OUTCOME_DONE && aliases.count > 0)
        outcome = list(call, "SHOW ALIASES", NULL);
    text_free(&aliases.text);
    return outcome;
}

Outcome
command_describe(Invocation *call)
{
    Text name = {0};
    Outcome outcome;
    if (!next_name(call, &name))
        outcome = list_all(call);
    else if (is_pattern(name.data))
        outcome = list(call, "SHOW COLLECTIONS", name.data);
    else
        outcome = describe(call, name.data);
    text_free(&name);
    return outcome;
}

/* ---- the database ---- */

static void
no_row(void *context, const char *const *names, const char *const *cells,
       size_t count)
{
    (void)context;
    (void)names;
    (void)cells;
    (void)count;
}

Outcome
command_connection(Invocation *call)
{
    mql_conn *conn = call->shell->conn;
    printf("You are using database \"%s\" ", mql_current_database(conn));
    printf("in directory \"%s\" ", mql_path(conn));
    printf("as user \"%s\".\n", mql_current_user(conn));
    return OUTCOME_DONE;
}

static Outcome
use(Shell *shell, const char *database)
{
    Text query = {0};
    append_about(&query, "USE", database);
    Outcome outcome = statement_query(shell, query.data, no_row, NULL);
    text_free(&query);
    return outcome;
}

/* A connection of the user's in place of this one, which ends. */
static Outcome
be(Shell *shell, const char *user)
{
    mql_error error = MQL_ERROR_INIT;
    mql_conn *conn = NULL;
    Text why = {0};
    if (!login_connect(shell->db, user, shell->prompt, &conn, &error)) {
        report_error(shell, &error, "", 0);
        return OUTCOME_FAILED;
    }
    mql_disconnect(shell->conn);
    shell->conn = conn;
    mql_on_notice(conn, report_notice, shell);
    variables_set(&shell->variables, "USER", mql_current_user(conn), &why);
    text_free(&why);
    return OUTCOME_DONE;
}

/* The new password goes as a parameter: no text holds it. */
static Outcome
change_password(Shell *shell, const char *user, const char *password,
                const char *old)
{
    Text query = {0};
    mql_stmt *stmt = NULL;
    append_about(&query, "ALTER USER", user);
    text_append_text(&query,
                     old == NULL ? " PASSWORD $1" : " PASSWORD $1 REPLACE $2");
    mql_status status = mql_prepare(shell->conn, query.data, -1, &stmt, NULL);
    if (status == MQL_OK)
        status = mql_bind_text(stmt, 1, password, -1, MQL_STATIC);
    if (status == MQL_OK && old != NULL)
        status = mql_bind_text(stmt, 2, old, -1, MQL_STATIC);
    if (status == MQL_OK && mql_step(stmt) != MQL_DONE)
        status = MQL_INVALID;
    mql_error error = MQL_ERROR_INIT;
    if (status != MQL_OK) {
        mql_error_get(shell->conn, &error);
        report_error(shell, &error, "", 0);
    }
    mql_finalize(stmt);
    text_free(&query);
    return status == MQL_OK ? OUTCOME_DONE : OUTCOME_FAILED;
}

Outcome
command_password(Invocation *call)
{
    char old[PASSWORD_SIZE] = "";
    char once[PASSWORD_SIZE] = "";
    char twice[PASSWORD_SIZE] = "";
    Text user = {0};
    Shell *shell = call->shell;
    Outcome outcome = OUTCOME_FAILED;
    bool is_own = !next_name(call, &user);
    if (is_own)
        text_append_text(&user, mql_current_user(shell->conn));
    bool is_asked =
        (!is_own || login_ask("Old password (empty: none): ", old)) &&
        login_ask("New password: ", once) &&
        login_ask("The same again: ", twice);
    if (!is_asked)
        report(shell, "\\password: there is no terminal to ask");
    else if (strcmp(once, twice) != 0)
        report(shell, "the passwords are not the same");
    else
        outcome = change_password(shell, text_string(&user), once,
                                  old[0] != '\0' ? old : NULL);
    explicit_bzero(old, sizeof old);
    explicit_bzero(once, sizeof once);
    explicit_bzero(twice, sizeof twice);
    text_free(&user);
    return outcome;
}

/* \c [NAME|-] [USER] */
static Outcome
change(Shell *shell, const char *database, const char *user)
{
    Text home = {0};
    text_append_text(&home, mql_current_database(shell->conn));
    bool stays = strcmp(database, "-") == 0;
    Outcome outcome = user != NULL ? be(shell, user) : OUTCOME_DONE;
    if (outcome == OUTCOME_DONE && !stays)
        outcome = use(shell, database);
    else if (outcome == OUTCOME_DONE && user != NULL &&
             strcmp(text_string(&home), mql_current_database(shell->conn)) != 0)
        outcome = use(shell, text_string(&home));
    text_free(&home);
    if (outcome != OUTCOME_DONE || !shell_is_talkative(shell))
        return outcome;
    printf("You are now using database \"%s\"",
           mql_current_database(shell->conn));
    if (user != NULL)
        printf(" as user \"%s\"", mql_current_user(shell->conn));
    puts(".");
    return outcome;
}

Outcome
command_use(Invocation *call)
{
    Text name = {0};
    Text user = {0};
    Outcome outcome;
    if (!next_name(call, &name))
        outcome = command_connection(call);
    else if (next_name(call, &user))
        outcome = change(call->shell, text_string(&name), text_string(&user));
    else
        outcome = change(call->shell, text_string(&name), NULL);
    text_free(&name);
    text_free(&user);
    return outcome;
}
