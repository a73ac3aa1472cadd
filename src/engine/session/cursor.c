/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.c - DECLARE, FETCH, CLOSE: a query that is run piece by piece.
 *
 * A cursor is a prepared statement of its own, running, with the Version it
 * began with. FETCH takes its next rows and copies them, so that nothing that
 * FETCH has given depends on the cursor. A cursor opened in a transaction ends
 * with it, any other with the session.
 */
#include "engine/session/cursor.h"

#include <stdlib.h>
#include <string.h>

#include "engine/session/kinds.h"

typedef struct Cursor {
    struct Cursor *next;
    uint64_t number; /* never used twice in the session */
    char *name;
    Prepared *query; /* running */
    bool is_of_transaction;
    Batch batch; /* the query's current one */
    uint32_t given;
} Cursor;

static Cursor *
find_cursor(const Session *session, Slice name)
{
    Cursor *cursor = session->cursors;
    while (cursor != NULL && !slice_equal_nocase(slice_of(cursor->name), name))
        cursor = cursor->next;
    return cursor;
}

static mql_status
need_cursor(const Session *session, const Node *name, Cursor **cursor,
            Error *err)
{
    *cursor = find_cursor(session, name->text);
    if (*cursor != NULL)
        return MQL_OK;
    return error_at(err, ERR_UNDEFINED_CURSOR, name->position,
                    "cursor \"%.*s\" does not exist", (int)name->text.size,
                    name->text.data);
}

/* A cursor's query does not count as a statement of the program's. */
static void
query_destroy(Session *session, Prepared *query)
{
    if (query == NULL)
        return;
    session->statement_count++;
    prepared_destroy(query);
}

static void
cursor_close(Session *session, Cursor *cursor)
{
    Cursor **link = &session->cursors;
    while (*link != cursor)
        link = &(*link)->next;
    *link = cursor->next;
    session->cursor_count--;
    query_destroy(session, cursor->query);
    free(cursor->name);
    free(cursor);
}

void
cursors_close_all(Session *session, CursorGroup group)
{
    Cursor *next;
    for (Cursor *cursor = session->cursors; cursor != NULL; cursor = next) {
        next = cursor->next;
        if (group == CURSORS_OF_SESSION || cursor->is_of_transaction)
            cursor_close(session, cursor);
    }
}

/* ---- DECLARE ---- */

mql_status
declare_prepare(Prepared *prepared, Error *err)
{
    const Node *query = prepared->statement.root->first->next;
    const PlanNode *plan;
    prepared->planner.is_cursor = true;
    return planner_query(&prepared->planner, query, &plan, err);
}

/* The query's parameters are those of DECLARE, with bytes of its own. */
static mql_status
copy_parameters(const Prepared *prepared, Prepared *query, Error *err)
{
    for (uint32_t i = 0; i < query->statement.parameter_count; i++) {
        Value value = prepared->parameters[i];
        if (!value.is_null &&
            type_physical(value.type.kind) == PHYSICAL_BYTES) {
            char *copy = malloc(value.bytes.size + 1);
            if (copy == NULL)
                return error_no_memory(err);
            if (value.bytes.size > 0)
                memcpy(copy, value.bytes.data, value.bytes.size);
            value.bytes.data = copy;
            query->parameter_copies[i] = copy;
        }
        query->parameters[i] = value;
    }
    return MQL_OK;
}

static mql_status
open_query(Prepared *prepared, Prepared **query, Error *err)
{
    Session *session = prepared->session;
    const Statement *statement = &prepared->statement;
    size_t from = (size_t)statement->root->integer;
    size_t used;
    session->is_declaring = true;
    mql_status status =
        prepared_create(session, prepared->text + from, statement->size - from,
                        query, &used, err);
    if (status == MQL_OK) {
        session->statement_count--;
        status = copy_parameters(prepared, *query, err);
    }
    if (status == MQL_OK)
        status = prepared_start(*query, err);
    session->is_declaring = false;
    return status;
}

static mql_status
check_new(const Session *session, const Node *name, Error *err)
{
    if (find_cursor(session, name->text) != NULL)
        return error_at(err, ERR_DUPLICATE_CURSOR, name->position,
                        "cursor \"%.*s\" already exists", (int)name->text.size,
                        name->text.data);
    if (session->cursor_count < CURSORS_MOST)
        return MQL_OK;
    error_at(err, ERR_LIMIT_EXCEEDED, name->position,
             "a session has at most %u open cursors", CURSORS_MOST);
    return error_hint(err, "CLOSE those that are no longer needed.");
}

mql_status
declare_run(Prepared *prepared, Error *err)
{
    Session *session = prepared->session;
    const Node *name = prepared->statement.root->first;
    TRY(check_name(name, NAME_ORDINARY, "cursor", err));
    TRY(check_new(session, name, err));
    Cursor *cursor = calloc(1, sizeof *cursor);
    char *copy = strndup(name->text.data, name->text.size);
    Prepared *query = NULL;
    mql_status status = cursor == NULL || copy == NULL
                            ? error_no_memory(err)
                            : open_query(prepared, &query, err);
    if (status != MQL_OK) {
        query_destroy(session, query);
        free(copy);
        free(cursor);
        return status;
    }
    *cursor = (Cursor){
        .next = session->cursors,
        .number = ++session->next_cursor,
        .name = copy,
        .query = query,
        .is_of_transaction = session->transaction != NULL,
    };
    session->cursors = cursor;
    session->cursor_count++;
    return MQL_OK;
}

/* ---- FETCH ---- */

typedef struct Fetch {
    uint64_t cursor; /* number */
    const Expr *count;
    uint64_t left;
} Fetch;

/* The columns as they are, with names of their own. */
static mql_status
copy_columns(Prepared *prepared, const Prepared *query, Error *err)
{
    Arena *arena = &prepared->plan_arena;
    ScopeColumn *columns =
        arena_alloc_array(arena, query->column_count + 1, sizeof *columns);
    if (columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < query->column_count; i++) {
        Slice name = query->columns[i].name;
        columns[i] = query->columns[i];
        columns[i].name.data = arena_copy(arena, name.data, name.size);
        if (columns[i].name.data == NULL)
            return error_no_memory(err);
    }
    return prepared_columns(prepared, columns, query->column_count);
}

mql_status
fetch_prepare(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    Cursor *cursor;
    TRY(need_cursor(prepared->session, root->first, &cursor, err));
    Fetch *fetch = arena_new(&prepared->plan_arena, Fetch);
    if (fetch == NULL)
        return error_no_memory(err);
    fetch->cursor = cursor->number;
    /* The count stands where a clause would have its expression. */
    if (root->first->next != NULL) {
        Node clause = {.first = root->first->next};
        TRY(planner_count(&prepared->planner, &clause, &fetch->count, err));
    }
    prepared->detail = fetch;
    return copy_columns(prepared, cursor->query, err);
}

/* The bytes of a column's values in the arena. */
static mql_status
copy_bytes(Column *column, uint32_t count, Arena *arena, Error *err)
{
    Slice *slices = (Slice *)(uintptr_t)column->bytes;
    if (type_physical(column->type.kind) != PHYSICAL_BYTES)
        return MQL_OK;
    for (uint32_t i = 0; i < count; i++) {
        if (column_is_null(column, i) || slices[i].size == 0)
            continue;
        slices[i].data = arena_copy(arena, slices[i].data, slices[i].size);
        if (slices[i].data == NULL)
            return error_no_memory(err);
    }
    return MQL_OK;
}

/* Rows of the cursor from `given` on. */
static mql_status
copy_rows(const Cursor *cursor, uint32_t count, Arena *arena, Batch *batch,
          Error *err)
{
    uint32_t *positions = arena_alloc_array(arena, count, sizeof *positions);
    batch->count = count;
    batch->column_count = cursor->batch.column_count;
    batch->columns =
        arena_alloc_array(arena, batch->column_count + 1, sizeof(Column));
    if (positions == NULL || batch->columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        positions[i] = cursor->given + i;
    for (uint32_t c = 0; c < batch->column_count; c++) {
        TRY(column_gather(&cursor->batch.columns[c], positions, count, arena,
                          &batch->columns[c], err));
        TRY(copy_bytes(&batch->columns[c], count, arena, err));
    }
    return MQL_OK;
}

static mql_status
take_rows(Cursor *cursor, uint64_t most, Arena *arena, Batch *batch, Error *err)
{
    if (cursor->given == cursor->batch.count) {
        cursor->given = 0;
        cursor->batch.count = 0;
        TRY(prepared_next(cursor->query, &cursor->batch, err));
    }
    uint32_t count = cursor->batch.count - cursor->given;
    if (count > most)
        count = (uint32_t)most;
    if (count == 0)
        return MQL_OK;
    TRY(copy_rows(cursor, count, arena, batch, err));
    TRY(prepared_intact(cursor->query, err));
    cursor->given += count;
    return MQL_OK;
}

static mql_status
fetch_next(Prepared *prepared, Batch *batch, Error *err)
{
    Fetch *fetch = prepared->detail;
    Session *session = prepared->session;
    Cursor *cursor = session->cursors;
    *batch = (Batch){.column_count = prepared->column_count};
    while (cursor != NULL && cursor->number != fetch->cursor)
        cursor = cursor->next;
    if (cursor == NULL || fetch->left == 0)
        return MQL_OK;
    arena_reset(&prepared->exec_arena);
    cursor->query->deadline = prepared->deadline;
    mql_status status =
        take_rows(cursor, fetch->left, &prepared->exec_arena, batch, err);
    if (status != MQL_OK) {
        /* What it would give next is not known any more. */
        cursor_close(session, cursor);
        session_fail(session);
        return status;
    }
    fetch->left -= batch->count;
    prepared->changes += batch->count;
    return MQL_OK;
}

mql_status
fetch_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    Cursor *cursor;
    TRY(need_cursor(prepared->session, root->first, &cursor, err));
    Fetch *fetch = prepared->detail;
    if (fetch->cursor != cursor->number) {
        /* Another one of the name, maybe with other columns. */
        TRY(fetch_prepare(prepared, err));
        prepared->analysis++;
        fetch = prepared->detail;
    }
    /* What was granted when it was declared may be revoked. */
    TRY(permission_ask_again(cursor->query, err));
    uint64_t usual = root->text.size > 0 ? UINT64_MAX : 1;
    TRY(execution_count(&prepared->execution, fetch->count, "FETCH", usual,
                        &fetch->left, err));
    prepared->next = fetch_next;
    return MQL_OK;
}

/* ---- CLOSE ---- */

mql_status
close_run(Prepared *prepared, Error *err)
{
    const Node *name = prepared->statement.root->first;
    Session *session = prepared->session;
    if (name == NULL) {
        cursors_close_all(session, CURSORS_OF_SESSION);
        return MQL_OK;
    }
    Cursor *cursor;
    TRY(need_cursor(session, name, &cursor, err));
    cursor_close(session, cursor);
    return MQL_OK;
}
