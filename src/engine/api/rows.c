/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.c - the columns of a result, the values of the current row, and those of
 * many rows at once: the last part of mql.h.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/guard.h"
#include "engine/api/handles.h"

/* ---- columns ---- */

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

/* ---- the current row ---- */

/* Values were read: whether they may leave, or the connection's error says why
 * not. What could not be read is NULL here, and an error at the next step. */
static mql_status
intact(mql_stmt *stmt)
{
    if (guard_damaged() == 0)
        return MQL_OK; /* nearly always: an Error is long to make ready */
    Error failure = ERROR_INIT;
    mql_status status = prepared_intact(stmt->prepared, &failure);
    if (status != MQL_OK)
        stmt->conn->session.error = failure;
    return status;
}

/* The value in the current row; NULL past the columns or without a row. Its
 * bytes may lie in a mapped file. */
static Value
current(mql_stmt *stmt, int32_t column)
{
    if (stmt->rows == 0 || !is_column(stmt, column))
        return VALUE_NULL;
    Value value = column_value(&stmt->batch.columns[column], stmt->row);
    return intact(stmt) == MQL_OK ? value : VALUE_NULL;
}

static int32_t
do_column_is_null(mql_stmt *stmt, int32_t column)
{
    return current(stmt, column).is_null;
}

/* An integer of the current row that is not NULL, while nothing in the process
 * is damaged: most values read are. Asked after it was read, as intact(). */
static bool
plain_integer(const mql_stmt *stmt, int32_t column, int64_t *value)
{
    if (stmt->rows == 0 || !is_column(stmt, column))
        return false;
    const Column *values = &stmt->batch.columns[column];
    if (type_physical(values->type.kind) != PHYSICAL_INT ||
        column_is_null(values, stmt->row))
        return false;
    *value = values->ints[stmt->row];
    return guard_damaged() == 0;
}

/* Towards zero and in range; 0 for NaN. */
static int64_t
whole(double real)
{
    if (isnan(real))
        return 0;
    if (real >= 9223372036854775808.0)
        return INT64_MAX;
    return real < -9223372036854775808.0 ? INT64_MIN : (int64_t)real;
}

/* A number as an integer; anything else is 0. */
static int64_t
integer_of(const Value *value)
{
    if (value->is_null)
        return 0;
    switch (type_physical(value->type.kind)) {
    case PHYSICAL_BOOL:
        return value->boolean;
    case PHYSICAL_INT:
        return value->integer;
    case PHYSICAL_REAL:
        return whole(value->real);
    default:
        return 0;
    }
}

static double
real_of(const Value *value)
{
    bool is_real = type_physical(value->type.kind) == PHYSICAL_REAL;
    return !value->is_null && is_real ? value->real : (double)integer_of(value);
}

static int64_t
do_column_int64(mql_stmt *stmt, int32_t column)
{
    int64_t integer;
    if (plain_integer(stmt, column, &integer))
        return integer;
    Value value = current(stmt, column);
    return integer_of(&value);
}

static double
do_column_double(mql_stmt *stmt, int32_t column)
{
    Value value = current(stmt, column);
    return real_of(&value);
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
    if (intact(stmt) != MQL_OK)
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
    if (!buffer_reserve(copy, count * sizeof(float)) || intact(stmt) != MQL_OK)
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
    if (buffer_failed(copy) || intact(stmt) != MQL_OK)
        return NULL;
    if (dim != NULL)
        *dim = value_dimension(&value);
    return copy->data;
}

/* ---- many rows at once ---- */

/* Whether a column of the current rows can be read as such; the words say what
 * it can be read by. */
static mql_status
check_column(mql_stmt *stmt, int32_t column, bool (*is_such)(TypeKind kind),
             const char *such, Error *err)
{
    if (stmt->rows == 0)
        return error_set(err, ERR_MISUSE, "there are no rows to read");
    if (!is_column(stmt, column))
        return error_set(err, ERR_MISUSE,
                         "there is no column %" PRId32 ": the result has %u",
                         column, stmt->name_count);
    TypeKind kind = stmt->batch.columns[column].type.kind;
    if (kind == TYPE_NULL || is_such(kind))
        return MQL_OK;
    return error_set(err, ERR_DATATYPE_MISMATCH,
                     "column %" PRId32 " (%s) is of type %s, not %s", column,
                     stmt->names[column], type_kind_name(kind), such);
}

static bool
is_number(TypeKind kind)
{
    Physical physical = type_physical(kind);
    return physical != PHYSICAL_NONE && physical != PHYSICAL_BYTES;
}

static bool
is_anything(TypeKind kind)
{
    (void)kind;
    return true;
}

/* Which of the current rows are NULL, 1 a row; where `is_null` is wanted. */
static void
tell_nulls(const mql_stmt *stmt, const Column *values, uint8_t *is_null)
{
    for (uint32_t i = 0; is_null != NULL && i < stmt->rows; i++)
        is_null[i] = type_physical(values->type.kind) == PHYSICAL_NONE ||
                     column_is_null(values, stmt->row + i);
}

static mql_status
do_rows_int64(mql_stmt *stmt, int32_t column, int64_t *integers,
              uint8_t *is_null)
{
    Error *err = fresh_error(stmt->conn);
    TRY(check_column(stmt, column, is_number, "a number", err));
    const Column *values = &stmt->batch.columns[column];
    bool is_plain = values->valid == NULL &&
                    type_physical(values->type.kind) == PHYSICAL_INT;
    if (is_plain)
        memcpy(integers, values->ints + stmt->row,
               stmt->rows * sizeof *integers);
    for (uint32_t i = 0; !is_plain && i < stmt->rows; i++) {
        Value value = column_value(values, stmt->row + i);
        integers[i] = integer_of(&value);
    }
    tell_nulls(stmt, values, is_null);
    return intact(stmt);
}

static mql_status
do_rows_double(mql_stmt *stmt, int32_t column, double *reals, uint8_t *is_null)
{
    Error *err = fresh_error(stmt->conn);
    TRY(check_column(stmt, column, is_number, "a number", err));
    const Column *values = &stmt->batch.columns[column];
    for (uint32_t i = 0; i < stmt->rows; i++) {
        Value value = column_value(values, stmt->row + i);
        reals[i] = real_of(&value);
    }
    tell_nulls(stmt, values, is_null);
    return intact(stmt);
}

static mql_status
do_rows_text(mql_stmt *stmt, int32_t column, const char **bytes,
             size_t *offsets, uint8_t *is_null)
{
    Error *err = fresh_error(stmt->conn);
    TRY(check_column(stmt, column, is_anything, "anything", err));
    const Column *values = &stmt->batch.columns[column];
    Buffer *text = &stmt->texts[column];
    buffer_clear(text);
    for (uint32_t i = 0; i < stmt->rows; i++) {
        Value value = column_value(values, stmt->row + i);
        offsets[i] = text->size;
        if (!value.is_null)
            value_print(text, &value);
    }
    offsets[stmt->rows] = text->size;
    tell_nulls(stmt, values, is_null);
    TRY(intact(stmt));
    *bytes = buffer_text(text);
    return buffer_failed(text) ? error_no_memory(err) : MQL_OK;
}

/* One vector as floats; zeros for NULL. */
static mql_status
put_vector(const Value *value, uint32_t dim, float *floats, Error *err)
{
    if (value->is_null) {
        memset(floats, 0, dim * sizeof *floats);
        return MQL_OK;
    }
    if (value_dimension(value) != dim)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "a vector of %u dimensions does not fit into %u",
                         value_dimension(value), dim);
    element_floats(type_element(value->type.kind), value->bytes.data, dim,
                   floats);
    return MQL_OK;
}

static mql_status
do_rows_vector_f32(mql_stmt *stmt, int32_t column, uint32_t dim, float *floats,
                   uint8_t *is_null)
{
    Error *err = fresh_error(stmt->conn);
    TRY(check_column(stmt, column, type_is_dense, "a vector of numbers", err));
    const Column *values = &stmt->batch.columns[column];
    for (uint32_t i = 0; i < stmt->rows; i++) {
        Value value = column_value(values, stmt->row + i);
        TRY(put_vector(&value, dim, floats + (size_t)i * dim, err));
    }
    tell_nulls(stmt, values, is_null);
    return intact(stmt);
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

mql_status
mql_rows_int64(mql_stmt *stmt, int32_t column, int64_t *values,
               uint8_t *is_null)
{
    if (values == NULL)
        return MQL_MISUSE;
    ON_STMT(mql_status, MQL_MISUSE,
            do_rows_int64(stmt, column, values, is_null));
}

mql_status
mql_rows_double(mql_stmt *stmt, int32_t column, double *values,
                uint8_t *is_null)
{
    if (values == NULL)
        return MQL_MISUSE;
    ON_STMT(mql_status, MQL_MISUSE,
            do_rows_double(stmt, column, values, is_null));
}

mql_status
mql_rows_text(mql_stmt *stmt, int32_t column, const char **bytes,
              size_t *offsets, uint8_t *is_null)
{
    if (bytes == NULL || offsets == NULL)
        return MQL_MISUSE;
    *bytes = NULL;
    ON_STMT(mql_status, MQL_MISUSE,
            do_rows_text(stmt, column, bytes, offsets, is_null));
}

mql_status
mql_rows_vector_f32(mql_stmt *stmt, int32_t column, uint32_t dim, float *values,
                    uint8_t *is_null)
{
    if (values == NULL)
        return MQL_MISUSE;
    ON_STMT(mql_status, MQL_MISUSE,
            do_rows_vector_f32(stmt, column, dim, values, is_null));
}
