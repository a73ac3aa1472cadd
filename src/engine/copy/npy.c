/* SPDX-License-Identifier: Apache-2.0 */
/*
 * npy.c - arrays of numpy, one file for each field.
 *
 * A scalar field takes an array of one dimension, a vector field one of two in
 * C order, its rows being the vectors. What the header promises is compared
 * with the file's size before anything is read; of a compressed file the size
 * shows only at its end. Numbers of all usual types convert.
 */
#include "engine/copy/npy.h"

#include <inttypes.h>

typedef uint16_t Half; /* IEEE 754 binary16 */

static Value
half_to_value(Half half)
{
    return value_double((double)float_of_half(half));
}

static Value
byte_to_bool(uint8_t byte)
{
    return value_bool(byte != 0);
}

static Value
unsigned_to_value(uint64_t integer)
{
    if (integer <= INT64_MAX)
        return value_int64((int64_t)integer);
    return value_double((double)integer); /* which no integer type takes */
}

#define ELEMENT float
#define SUFFIX f4
#define TO_FLOAT (float)
#define TO_VALUE value_double
#include "engine/copy/npy_template.h"

#define ELEMENT double
#define SUFFIX f8
#define TO_FLOAT (float)
#define TO_VALUE value_double
#include "engine/copy/npy_template.h"

#define ELEMENT Half
#define SUFFIX f2
#define TO_FLOAT float_of_half
#define TO_VALUE half_to_value
#include "engine/copy/npy_template.h"

#define ELEMENT int8_t
#define SUFFIX i1
#define TO_FLOAT (float)
#define TO_VALUE value_int64
#include "engine/copy/npy_template.h"

#define ELEMENT int16_t
#define SUFFIX i2
#define TO_FLOAT (float)
#define TO_VALUE value_int64
#include "engine/copy/npy_template.h"

#define ELEMENT int32_t
#define SUFFIX i4
#define TO_FLOAT (float)
#define TO_VALUE value_int64
#include "engine/copy/npy_template.h"

#define ELEMENT int64_t
#define SUFFIX i8
#define TO_FLOAT (float)
#define TO_VALUE value_int64
#include "engine/copy/npy_template.h"

#define ELEMENT uint8_t
#define SUFFIX u1
#define TO_FLOAT (float)
#define TO_VALUE value_int64
#include "engine/copy/npy_template.h"

#define ELEMENT uint16_t
#define SUFFIX u2
#define TO_FLOAT (float)
#define TO_VALUE value_int64
#include "engine/copy/npy_template.h"

#define ELEMENT uint32_t
#define SUFFIX u4
#define TO_FLOAT (float)
#define TO_VALUE value_int64
#include "engine/copy/npy_template.h"

#define ELEMENT uint64_t
#define SUFFIX u8
#define TO_FLOAT (float)
#define TO_VALUE unsigned_to_value
#include "engine/copy/npy_template.h"

#define ELEMENT uint8_t
#define SUFFIX b1
#define TO_FLOAT (float)
#define TO_VALUE byte_to_bool
#include "engine/copy/npy_template.h"

typedef struct NpyType {
    const char *descr;
    size_t size;
    void (*floats)(const char *from, float *to, uint32_t count);
    Value (*value)(const char *from);
} NpyType;

static const NpyType npy_types[] = {
    {"<f4", 4, floats_f4, value_f4}, {"<f8", 8, floats_f8, value_f8},
    {"<f2", 2, floats_f2, value_f2}, {"<i8", 8, floats_i8, value_i8},
    {"<i4", 4, floats_i4, value_i4}, {"<i2", 2, floats_i2, value_i2},
    {"|i1", 1, floats_i1, value_i1}, {"<u8", 8, floats_u8, value_u8},
    {"<u4", 4, floats_u4, value_u4}, {"<u2", 2, floats_u2, value_u2},
    {"|u1", 1, floats_u1, value_u1}, {"|b1", 1, floats_b1, value_b1},
};

typedef struct NpyFile {
    const NpyType *type;
    uint64_t rows;
    uint64_t row_size; /* bytes */
} NpyFile;

typedef struct Npy {
    NpyFile *files; /* one a field */
    uint64_t rows;
} Npy;

/* ---- opening ---- */

static mql_status
find_type(const NpyHeader *header, const NpyType **type, Error *err)
{
    for (size_t i = 0; i < sizeof npy_types / sizeof *npy_types; i++) {
        if (strcmp(header->descr, npy_types[i].descr) == 0) {
            *type = &npy_types[i];
            return MQL_OK;
        }
    }
    return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                     "npy type \"%s\" is not supported", header->descr);
}

/* Columns of a vector field's array: elements, or bytes of eight bits, the
 * first one the highest, as numpy.packbits() makes them. */
static uint64_t
width_of(Type type)
{
    return type.kind == TYPE_BINARY_VECTOR ? type.length / 8 : type.length;
}

static mql_status
check_shape(const NpyHeader *header, Type type, Error *err)
{
    bool is_vector = type_is_vector(type.kind);
    uint64_t width = width_of(type);
    if (header->dimensions != (is_vector ? 2u : 1u))
        return error_set(err, ERR_DATA_EXCEPTION,
                         "type %s takes an npy array of %s, not of %" PRIu32,
                         type_kind_name(type.kind),
                         is_vector ? "two dimensions" : "one dimension",
                         header->dimensions);
    if (header->is_fortran && is_vector)
        return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                         "npy arrays in Fortran order are not supported");
    if (is_vector && header->shape[1] != width)
        return error_set(err, ERR_DATA_EXCEPTION,
                         "expected %" PRIu64 " %s, not %" PRIu64, width,
                         type.kind == TYPE_BINARY_VECTOR ? "bytes a row"
                                                         : "dimensions",
                         header->shape[1]);
    if (type.kind == TYPE_BINARY_VECTOR && strcmp(header->descr, "|u1") != 0)
        return error_set(err, ERR_DATATYPE_MISMATCH,
                         "type %s takes an npy array of type \"|u1\", not "
                         "\"%s\"",
                         type_kind_name(type.kind), header->descr);
    return MQL_OK;
}

static mql_status
wrong_size(uint64_t needed, uint64_t there, Error *err)
{
    return error_set(err, ERR_BAD_COPY_FORMAT,
                     "the npy header speaks of %" PRIu64
                     " bytes, the file has %" PRIu64,
                     needed, there);
}

/* The size of a plain file is known before a row is read. */
static mql_status
check_size(const Input *input, const NpyFile *file, Error *err)
{
    uint64_t needed;
    if (__builtin_mul_overflow(file->rows, file->row_size, &needed))
        return wrong_size(UINT64_MAX, input->total, err);
    if (input->source->paths == NULL || input->unpacker != NULL)
        return MQL_OK;
    uint64_t header = input->read - input_window(input).size;
    uint64_t there = input->total > header ? input->total - header : 0;
    return needed == there ? MQL_OK : wrong_size(needed, there, err);
}

static mql_status
open_file(CopyReader *reader, uint32_t field, Error *err)
{
    Npy *npy = reader->state;
    NpyFile *file = &npy->files[field];
    Input *input = &reader->inputs[field];
    Type type = reader->fields[field].type;
    NpyHeader header;
    reader->bad_field = (int32_t)field;
    TRY(npy_header_read(input, &header, err));
    TRY(find_type(&header, &file->type, err));
    TRY(check_shape(&header, type, err));
    file->rows = header.shape[0];
    file->row_size = file->type->size;
    if (type_is_vector(type.kind))
        file->row_size *= header.shape[1];
    TRY(check_size(input, file, err));
    if (field > 0 && file->rows != npy->rows)
        return error_set(err, ERR_BAD_COPY_FORMAT,
                         "files have different numbers of rows: %" PRIu64
                         " and %" PRIu64,
                         npy->rows, file->rows);
    npy->rows = file->rows;
    reader->bad_field = -1;
    return MQL_OK;
}

static mql_status
npy_open(CopyReader *reader, Error *err)
{
    Npy *npy = arena_new(&reader->arena, Npy);
    if (npy == NULL)
        return error_no_memory(err);
    reader->state = npy;
    npy->files = arena_alloc_array(
        &reader->arena, (size_t)reader->field_count + 1, sizeof *npy->files);
    if (npy->files == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < reader->field_count; i++)
        TRY(open_file(reader, i, err));
    return MQL_OK;
}

/* ---- rows ---- */

/* Nothing stands behind the last row. */
static mql_status
check_end(CopyReader *reader, Error *err)
{
    for (uint32_t i = 0; i < reader->field_count; i++) {
        Input *input = &reader->inputs[i];
        reader->bad_field = (int32_t)i;
        TRY(input_need(input, 1, err));
        if (input_window(input).size > 0)
            return error_set(err, ERR_BAD_COPY_FORMAT,
                             "the npy file has bytes behind its last row");
    }
    return MQL_OK;
}

/* The row's bytes of all files in their windows. */
static mql_status
need_row(CopyReader *reader, Error *err)
{
    const Npy *npy = reader->state;
    for (uint32_t i = 0; i < reader->field_count; i++) {
        size_t size = npy->files[i].row_size;
        reader->bad_field = (int32_t)i;
        TRY(input_need(&reader->inputs[i], size, err));
        if (input_window(&reader->inputs[i]).size < size)
            return error_set(err, ERR_BAD_COPY_FORMAT,
                             "the npy file ends before its last row");
    }
    return MQL_OK;
}

/* The type whose elements are stored as they are, "" for those that are not
 * (a float's are taken as floats, which is as quick). */
static const char *
element_descr(TypeKind kind)
{
    switch (kind) {
    case TYPE_FLOAT16_VECTOR:
        return "<f2";
    case TYPE_INT8_VECTOR:
        return "|i1";
    case TYPE_BINARY_VECTOR:
        return "|u1";
    default:
        return "";
    }
}

static mql_status
set_elements(CopyReader *reader, uint32_t field, const char *bytes, Error *err)
{
    Type type = reader->fields[field].type;
    size_t size = type_storage_size(type);
    char *copy = arena_alloc(reader->batch_arena, size);
    if (copy == NULL)
        return error_no_memory(err);
    memcpy(copy, bytes, size);
    Value value = value_elements(type.kind, copy, type.length);
    return row_set(reader, field, &value, err);
}

static mql_status
set_field(CopyReader *reader, uint32_t field, const char *bytes, Error *err)
{
    const Npy *npy = reader->state;
    const NpyType *npy_type = npy->files[field].type;
    Type type = reader->fields[field].type;
    if (!type_is_vector(type.kind)) {
        Value value = npy_type->value(bytes);
        return row_set(reader, field, &value, err);
    }
    if (strcmp(npy_type->descr, element_descr(type.kind)) == 0)
        return set_elements(reader, field, bytes, err);
    float *vector = row_vector(reader, field);
    npy_type->floats(bytes, vector, type.length);
    Value value = value_vector(vector, type.length);
    return row_set(reader, field, &value, err);
}

static mql_status
npy_next(CopyReader *reader, bool *found, Error *err)
{
    const Npy *npy = reader->state;
    *found = reader->line < npy->rows;
    if (!*found)
        return check_end(reader, err);
    reader->place = reader->line + 1;
    TRY(need_row(reader, err));
    reader->bad_field = -1;
    reader->line++;
    reader->has_record = true;
    mql_status status = MQL_OK;
    for (uint32_t i = 0; i < reader->field_count; i++) {
        if (status == MQL_OK)
            status = set_field(reader, i, input_window(&reader->inputs[i]).data,
                               err);
        input_consume(&reader->inputs[i], npy->files[i].row_size);
    }
    return status;
}

const CopyFormat npy_format = {
    .name = "npy",
    .suffixes = {".npy", NULL},
    .record = "row",
    .has_file_for_each_field = true,
    .open = npy_open,
    .next = npy_next,
};
