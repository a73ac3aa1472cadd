/* SPDX-License-Identifier: Apache-2.0 */
/* statement.c - statements, parameters and steps: the middle of mql.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/api/handles.h"

/* ---- preparing ---- */

static void
free_columns(mql_stmt *stmt)
{
    for (uint32_t i = 0; i < stmt->name_count; i++) {
        buffer_free(&stmt->texts[i]);
        buffer_free(&stmt->vectors[i]);
        free(stmt->names[i]);
    }
    free(stmt->texts);
    free(stmt->vectors);
    free(stmt->names);
    stmt->texts = NULL;
    stmt->vectors = NULL;
    stmt->names = NULL;
    stmt->name_count = 0;
}

/* Names and text buffers of the result's columns, made anew when they change.
 */
static mql_status
make_columns(mql_stmt *stmt, Error *err)
{
    const Prepared *prepared = stmt->prepared;
    free_columns(stmt);
    uint32_t count = prepared->column_count;
    stmt->analysis = prepared->analysis;
    /* What has no rows may have been committed: nothing may fail any more. */
    if (count == 0)
        return MQL_OK;
    stmt->texts = calloc(count + 1, sizeof *stmt->texts);
    stmt->vectors = calloc(count + 1, sizeof *stmt->vectors);
    stmt->names = calloc(count + 1, sizeof *stmt->names);
    if (stmt->texts == NULL || stmt->vectors == NULL || stmt->names == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        Slice name = prepared->columns[i].name;
        stmt->names[i] = strndup(name.data != NULL ? name.data : "", name.size);
        stmt->name_count++;
        if (stmt->names[i] == NULL)
            return error_no_memory(err);
    }
    return MQL_OK;
}

static void
do_finalize(mql_stmt *stmt)
{
    if (stmt == NULL)
        return;
    stmt_wipe(stmt);
    prepared_destroy(stmt->prepared);
    free_columns(stmt);
    buffer_free(&stmt->type_text);
    buffer_free(&stmt->tag);
    free(stmt);
}

static mql_status
do_prepare(mql_conn *conn, const char *sql, int64_t sql_size, mql_stmt **stmt,
           const char **tail)
{
    Error *err = fresh_error(conn);
    size_t size = sql_size < 0 ? strlen(sql) : (size_t)sql_size;
    size_t statement_size = size;
    *stmt = NULL;
    Prepared *prepared;
    mql_status status = prepared_create(&conn->session, sql, size, &prepared,
                                        &statement_size, err);
    if (tail != NULL)
        *tail = sql + statement_size;
    if (status != MQL_OK || prepared == NULL)
        return status;

    mql_stmt *made = calloc(1, sizeof *made);
    if (made == NULL) {
        prepared_destroy(prepared);
        return error_no_memory(err);
    }
    made->conn = conn;
    made->prepared = prepared;
    stmt_mark(made);
    status = make_columns(made, err);
    if (status != MQL_OK)
        do_finalize(made);
    else
        *stmt = made;
    return status;
}

static void
do_reset(mql_stmt *stmt)
{
    prepared_stop(stmt->prepared);
    stmt->rows = 0;
    stmt->batch = (Batch){0};
}

/* ---- parameters ---- */

static int32_t
do_parameter_count(mql_stmt *stmt)
{
    return (int32_t)stmt->prepared->statement.parameter_count;
}

static int32_t
do_parameter_index(mql_stmt *stmt, const char *name)
{
    const Statement *statement = &stmt->prepared->statement;
    for (uint32_t i = 0; i < statement->parameter_count; i++)
        if (slice_equal(statement->parameter_names[i], slice_of(name)))
            return (int32_t)i + 1;
    return 0;
}

/* Put a value in its place; `copy` (may be NULL) is what it points into. */
static mql_status
bind(mql_stmt *stmt, int32_t index, Value value, char *copy)
{
    Prepared *prepared = stmt->prepared;
    Error *err = fresh_error(stmt->conn);
    uint32_t count = prepared->statement.parameter_count;
    if (prepared->is_running || index < 1 || (uint32_t)index > count) {
        free(copy);
        if (prepared->is_running)
            return error_set(err, ERR_MISUSE,
                             "a running statement takes no parameters");
        return error_set(err, ERR_MISUSE,
                         "there is no parameter $%d: the statement has %u",
                         (int)index, count);
    }
    free(prepared->parameter_copies[index - 1]);
    prepared->parameter_copies[index - 1] = copy;
    prepared->parameters[index - 1] = value;
    return MQL_OK;
}

static void
do_clear_bindings(mql_stmt *stmt)
{
    for (int32_t i = 1; i <= do_parameter_count(stmt); i++)
        bind(stmt, i, VALUE_NULL, NULL);
}

static mql_status
do_bind_null(mql_stmt *stmt, int32_t index)
{
    return bind(stmt, index, VALUE_NULL, NULL);
}

static mql_status
do_bind_bool(mql_stmt *stmt, int32_t index, int32_t value)
{
    return bind(stmt, index, value_bool(value != 0), NULL);
}

static mql_status
do_bind_int64(mql_stmt *stmt, int32_t index, int64_t value)
{
    return bind(stmt, index, value_int64(value), NULL);
}

static mql_status
do_bind_double(mql_stmt *stmt, int32_t index, double value)
{
    return bind(stmt, index, value_double(value), NULL);
}

/* Bytes of a value: in place, or copied. */
static mql_status
bind_bytes(mql_stmt *stmt, int32_t index, Value value, mql_lifetime lifetime)
{
    if (lifetime == MQL_STATIC)
        return bind(stmt, index, value, NULL);
    char *copy = malloc(value.bytes.size + 1);
    if (copy == NULL)
        return error_no_memory(fresh_error(stmt->conn));
    if (value.bytes.size > 0)
        memcpy(copy, value.bytes.data, value.bytes.size);
    value.bytes.data = copy;
    return bind(stmt, index, value, copy);
}

static mql_status
do_bind_text(mql_stmt *stmt, int32_t index, const char *text, int64_t size,
             mql_lifetime lifetime)
{
    if (text == NULL)
        return do_bind_null(stmt, index);
    Slice slice = {text, size < 0 ? strlen(text) : (size_t)size};
    return bind_bytes(stmt, index, value_text(slice), lifetime);
}

static mql_status
do_bind_vector_f32(mql_stmt *stmt, int32_t index, const float *vector,
                   uint32_t dim, mql_lifetime lifetime)
{
    if (vector == NULL)
        return do_bind_null(stmt, index);
    return bind_bytes(stmt, index, value_vector(vector, dim), lifetime);
}

static mql_status
do_bind_vector(mql_stmt *stmt, int32_t index, int32_t type,
               const void *elements, uint32_t dim, mql_lifetime lifetime)
{
    TypeKind kind = type > 0 && type <= UINT8_MAX ? (TypeKind)type : TYPE_NULL;
    if (elements == NULL)
        return do_bind_null(stmt, index);
    if (!type_is_built(kind) || !type_is_vector(kind))
        return error_set(fresh_error(stmt->conn), ERR_INVALID_PARAMETER,
                         "type %" PRId32 " is not a type of vectors", type);
    if (kind == TYPE_BINARY_VECTOR && dim % 8 != 0)
        return error_set(fresh_error(stmt->conn), ERR_INVALID_PARAMETER,
                         "dimensions for type %s must be a multiple of 8",
                         type_kind_name(kind));
    return bind_bytes(stmt, index, value_elements(kind, elements, dim),
                      lifetime);
}

/* ---- running ---- */

static mql_status
end_run(mql_stmt *stmt, mql_status status)
{
    stmt->changes = stmt->prepared->changes;
    stmt->rows = 0;
    stmt->batch = (Batch){0};
    prepared_stop(stmt->prepared);
    return status;
}

static mql_status
start_run(mql_stmt *stmt, Error *err)
{
    atomic_store(&stmt->conn->session.cancel, false);
    stmt->batch = (Batch){0};
    stmt->row = 0;
    TRY(prepared_start(stmt->prepared, err));
    if (stmt->analysis != stmt->prepared->analysis)
        return make_columns(stmt, err);
    return MQL_OK;
}

/* To the next rows: those of the batch that are left, at most `limit`. */
static mql_status
do_step(mql_stmt *stmt, uint32_t limit)
{
    Error *err = fresh_error(stmt->conn);
    mql_status status = MQL_OK;
    if (!stmt->prepared->is_running)
        status = start_run(stmt, err);
    else
        stmt->row += stmt->rows;
    if (status == MQL_OK)
        status = prepared_intact(stmt->prepared, err);
    if (status == MQL_OK && stmt->row >= stmt->batch.count) {
        stmt->row = 0;
        status = prepared_next(stmt->prepared, &stmt->batch, err);
        if (status == MQL_OK && stmt->batch.count == 0)
            status = MQL_DONE;
    }
    if (status != MQL_OK)
        return end_run(stmt, status);
    uint32_t left = stmt->batch.count - stmt->row;
    stmt->rows = left < limit ? left : limit;
    return MQL_ROW;
}

static mql_status
do_step_rows(mql_stmt *stmt, int32_t limit, int32_t *rows)
{
    if (limit < 1)
        return error_set(fresh_error(stmt->conn), ERR_MISUSE,
                         "the limit of rows must be 1 or more, not %" PRId32,
                         limit);
    mql_status status = do_step(stmt, (uint32_t)limit);
    *rows = (int32_t)stmt->rows;
    return status;
}

static int32_t
do_has_rows(mql_stmt *stmt)
{
    return stmt->prepared->column_count > 0;
}

static const char *
do_command_tag(mql_stmt *stmt)
{
    const StatementKind *kind = stmt->prepared->kind;
    buffer_clear(&stmt->tag);
    const char *tag = stmt->prepared->tag;
    buffer_append_text(&stmt->tag, tag != NULL ? tag : kind->tag);
    if (kind->counts)
        buffer_printf(&stmt->tag, " %" PRId64, stmt->changes);
    return buffer_text(&stmt->tag);
}

static int64_t
do_changes(mql_stmt *stmt)
{
    return stmt->changes;
}

static mql_status
do_exec(mql_conn *conn, const char *sql)
{
    const char *rest = sql;
    while (*rest != '\0') {
        mql_stmt *stmt;
        const char *before = rest;
        TRY(do_prepare(conn, rest, -1, &stmt, &rest));
        if (stmt == NULL && rest == before)
            break;
        mql_status status = MQL_DONE;
        if (stmt != NULL)
            do
                status = do_step(stmt, 1);
            while (status == MQL_ROW);
        do_finalize(stmt);
        if (status != MQL_DONE)
            return status;
    }
    return MQL_OK;
}

/* ---- mql.h ---- */

mql_status
mql_prepare(mql_conn *conn, const char *sql, int64_t sql_size, mql_stmt **stmt,
            const char **tail)
{
    if (stmt != NULL)
        *stmt = NULL;
    if (stmt == NULL || sql == NULL)
        return MQL_MISUSE;
    ON_CONN(mql_status, MQL_MISUSE,
            do_prepare(conn, sql, sql_size, stmt, tail));
}

void
mql_finalize(mql_stmt *stmt)
{
    if (!stmt_enter(stmt))
        return;
    mql_conn *conn = stmt->conn;
    do_finalize(stmt);
    conn_leave(conn);
}

void
mql_reset(mql_stmt *stmt)
{
    if (!stmt_enter(stmt))
        return;
    do_reset(stmt);
    stmt_leave(stmt);
}

int32_t
mql_parameter_count(mql_stmt *stmt)
{
    ON_STMT(int32_t, 0, do_parameter_count(stmt));
}

int32_t
mql_parameter_index(mql_stmt *stmt, const char *name)
{
    if (name == NULL)
        return 0;
    ON_STMT(int32_t, 0, do_parameter_index(stmt, name));
}

void
mql_clear_bindings(mql_stmt *stmt)
{
    if (!stmt_enter(stmt))
        return;
    do_clear_bindings(stmt);
    stmt_leave(stmt);
}

mql_status
mql_bind_null(mql_stmt *stmt, int32_t index)
{
    ON_STMT(mql_status, MQL_MISUSE, do_bind_null(stmt, index));
}

mql_status
mql_bind_bool(mql_stmt *stmt, int32_t index, int32_t value)
{
    ON_STMT(mql_status, MQL_MISUSE, do_bind_bool(stmt, index, value));
}

mql_status
mql_bind_int64(mql_stmt *stmt, int32_t index, int64_t value)
{
    ON_STMT(mql_status, MQL_MISUSE, do_bind_int64(stmt, index, value));
}

mql_status
mql_bind_double(mql_stmt *stmt, int32_t index, double value)
{
    ON_STMT(mql_status, MQL_MISUSE, do_bind_double(stmt, index, value));
}

mql_status
mql_bind_text(mql_stmt *stmt, int32_t index, const char *text, int64_t size,
              mql_lifetime lifetime)
{
    ON_STMT(mql_status, MQL_MISUSE,
            do_bind_text(stmt, index, text, size, lifetime));
}

mql_status
mql_bind_vector_f32(mql_stmt *stmt, int32_t index, const float *vector,
                    uint32_t dim, mql_lifetime lifetime)
{
    ON_STMT(mql_status, MQL_MISUSE,
            do_bind_vector_f32(stmt, index, vector, dim, lifetime));
}

mql_status
mql_bind_vector(mql_stmt *stmt, int32_t index, int32_t type,
                const void *elements, uint32_t dim, mql_lifetime lifetime)
{
    ON_STMT(mql_status, MQL_MISUSE,
            do_bind_vector(stmt, index, type, elements, dim, lifetime));
}

mql_status
mql_step(mql_stmt *stmt)
{
    ON_STMT(mql_status, MQL_MISUSE, do_step(stmt, 1));
}

mql_status
mql_step_rows(mql_stmt *stmt, int32_t limit, int32_t *rows)
{
    if (rows == NULL)
        return MQL_MISUSE;
    *rows = 0;
    ON_STMT(mql_status, MQL_MISUSE, do_step_rows(stmt, limit, rows));
}

int32_t
mql_has_rows(mql_stmt *stmt)
{
    ON_STMT(int32_t, 0, do_has_rows(stmt));
}

const char *
mql_command_tag(mql_stmt *stmt)
{
    ON_STMT(const char *, NULL, do_command_tag(stmt));
}

int64_t
mql_changes(mql_stmt *stmt)
{
    ON_STMT(int64_t, 0, do_changes(stmt));
}

mql_status
mql_exec(mql_conn *conn, const char *sql)
{
    if (sql == NULL)
        return MQL_MISUSE;
    ON_CONN(mql_status, MQL_MISUSE, do_exec(conn, sql));
}
