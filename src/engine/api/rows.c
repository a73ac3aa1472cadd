/* SPDX-License-Identifier: Apache-2.0 */
/* rows.c - the columns of a result and the values of the current row: the last
 * part of mql.h. */
#include <inttypes.h>
#include <math.h>

#include "base/guard.h"
#include "engine/api/handles.h"

/* ---- the current row ---- */

static int32_t
do_column_count(mql_stmt *stmt)
{
    return (int32_t)stmt->prepared->column_count;
}

static bool
is_column(const mql_stmt *stmt, int32_t column)
{
    return column >= 0 && (uint32_t)column < stmt->prepared->column_count &&
           (uint32_t)column < stmt->name_count;
}

static const char *
do_column_name(mql_stmt *stmt, int32_t column)
{
    return is_column(stmt, column) ? stmt->names[column] : NULL;
}

static int32_t
do_column_type(mql_stmt *stmt, int32_t column)
{
    return is_column(stmt, column)
               ? (int32_t)stmt->prepared->columns[column].type.kind
               : MQL_TYPE_NULL;
}

static const char *
do_column_type_name(mql_stmt *stmt, int32_t column)
{
    if (!is_column(stmt, column))
        return NULL;
    buffer_clear(&stmt->type_text);
    type_print(&stmt->type_text, stmt->prepared->columns[column].type);
    return buffer_text(&stmt->type_text);
}

/* A value was read: whether it may leave. What could not be read is NULL here,
 * and an error at the next step. */
static bool
is_intact(mql_stmt *stmt)
{
    if (guard_damaged() == 0)
        return true; /* nearly always: an Error is long to make ready */
    Error failure = ERROR_INIT;
    if (prepared_intact(stmt->prepared, &failure) == MQL_OK)
        return true;
    stmt->conn->session.error = failure;
    return false;
}

/* The value in the current row; NULL past the columns or without a row. Its
 * bytes may lie in a mapped file. */
static Value
current(mql_stmt *stmt, int32_t column)
{
    if (!stmt->has_row || !is_column(stmt, column))
        return VALUE_NULL;
    Value value = column_value(&stmt->batch.columns[column], stmt->row);
    return is_intact(stmt) ? value : VALUE_NULL;
}

static int32_t
do_column_is_null(mql_stmt *stmt, int32_t column)
{
    return current(stmt, column).is_null;
}

/* An integer of the current row that is not NULL, while nothing in the process
 * is damaged: most values read are. Asked after it was read, as is_intact(). */
static bool
plain_integer(const mql_stmt *stmt, int32_t column, int64_t *value)
{
    if (!stmt->has_row || !is_column(stmt, column))
        return false;
    const Column *values = &stmt->batch.columns[column];
    if (type_physical(values->type.kind) != PHYSICAL_INT ||
        column_is_null(values, stmt->row))
        return false;
    *value = values->ints[stmt->row];
    return guard_damaged() == 0;
}

static int64_t
do_column_int64(mql_stmt *stmt, int32_t column)
{
    int64_t integer;
    if (plain_integer(stmt, column, &integer))
        return integer;
    Value value = current(stmt, column);
    if (value.is_null)
        return 0;
    switch (type_physical(value.type.kind)) {
    case PHYSICAL_BOOL:
        return value.boolean;
    case PHYSICAL_INT:
        return value.integer;
    case PHYSICAL_REAL:
        if (isnan(value.real))
            return 0;
        if (value.real >= 9223372036854775808.0)
            return INT64_MAX;
        return value.real < -9223372036854775808.0 ? INT64_MIN
                                                   : (int64_t)value.real;
    default:
        return 0;
    }
}

static double
do_column_double(mql_stmt *stmt, int32_t column)
{
    Value value = current(stmt, column);
    if (!value.is_null && type_physical(value.type.kind) == PHYSICAL_REAL)
        return value.real;
    return (double)do_column_int64(stmt, column);
}

static int32_t
do_column_bool(mql_stmt *stmt, int32_t column)
{
    Value value = current(stmt, column);
    if (value.type.kind == TYPE_BOOL && !value.is_null)
        return value.boolean;
    return do_column_double(stmt, column) != 0;
}

static const char *
do_column_text(mql_stmt *stmt, int32_t column, size_t *size)
{
    Value value = current(stmt, column);
    if (size != NULL)
        *size = 0;
    if (value.is_null)
        return NULL;
    Buffer *text = &stmt->texts[column];
    buffer_clear(text);
    value_print(text, &value);
    if (!is_intact(stmt))
        return NULL;
    if (size != NULL)
        *size = text->size;
    return buffer_text(text);
}

static const float *
do_column_vector_f32(mql_stmt *stmt, int32_t column, uint32_t *dim)
{
    Value value = current(stmt, column);
    bool is_vector = !value.is_null && type_is_dense(value.type.kind);
    if (dim != NULL)
        *dim = 0;
    if (!is_vector)
        return NULL;
    Buffer *copy = &stmt->vectors[column];
    buffer_clear(copy);
    uint32_t count = value_dimension(&value);
    if (!buffer_reserve(copy, count * sizeof(float)) || !is_intact(stmt))
        return NULL;
    element_floats(type_element(value.type.kind), value.bytes.data, count,
                   (float *)(void *)copy->data);
    if (dim != NULL)
        *dim = count;
    return (const float *)(const void *)copy->data;
}

static const void *
do_column_vector(mql_stmt *stmt, int32_t column, uint32_t *dim)
{
    Value value = current(stmt, column);
    if (dim != NULL)
        *dim = 0;
    if (value.is_null || !type_is_vector(value.type.kind))
        return NULL;
    Buffer *copy = &stmt->vectors[column];
    buffer_clear(copy);
    buffer_append_slice(copy, value.bytes);
    if (buffer_failed(copy) || !is_intact(stmt))
        return NULL;
    if (dim != NULL)
        *dim = value_dimension(&value);
    return copy->data;
}

/* ---- mql.h ---- */

int32_t
mql_column_count(mql_stmt *stmt)
{
    ON_STMT(int32_t, 0, do_column_count(stmt));
}

const char *
mql_column_name(mql_stmt *stmt, int32_t column)
{
    ON_STMT(const char *, NULL, do_column_name(stmt, column));
}

int32_t
mql_column_type(mql_stmt *stmt, int32_t column)
{
    ON_STMT(int32_t, MQL_TYPE_NULL, do_column_type(stmt, column));
}

const char *
mql_column_type_name(mql_stmt *stmt, int32_t column)
{
    ON_STMT(const char *, NULL, do_column_type_name(stmt, column));
}

int32_t
mql_column_is_null(mql_stmt *stmt, int32_t column)
{
    ON_STMT(int32_t, 1, do_column_is_null(stmt, column));
}

int32_t
mql_column_bool(mql_stmt *stmt, int32_t column)
{
    ON_STMT(int32_t, 0, do_column_bool(stmt, column));
}

int64_t
mql_column_int64(mql_stmt *stmt, int32_t column)
{
    ON_STMT(int64_t, 0, do_column_int64(stmt, column));
}

double
mql_column_double(mql_stmt *stmt, int32_t column)
{
    ON_STMT(double, 0, do_column_double(stmt, column));
}

const char *
mql_column_text(mql_stmt *stmt, int32_t column, size_t *size)
{
    if (size != NULL)
        *size = 0;
    ON_STMT(const char *, NULL, do_column_text(stmt, column, size));
}

const float *
mql_column_vector_f32(mql_stmt *stmt, int32_t column, uint32_t *dim)
{
    if (dim != NULL)
        *dim = 0;
    ON_STMT(const float *, NULL, do_column_vector_f32(stmt, column, dim));
}

const void *
mql_column_vector(mql_stmt *stmt, int32_t column, uint32_t *dim)
{
    ON_STMT(const void *, NULL, do_column_vector(stmt, column, dim));
}
