/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.h - one value, and text and conversions of values.
 *
 * Bytes of a value by type: VARCHAR UTF-8; JSON and ARRAY the binary form of
 * json.h (an ARRAY is a JSON array whose elements all have the element type);
 * vectors their elements, aligned to one (FLOAT_VECTOR dim floats, 4-byte
 * aligned; BINARY_VECTOR dim / 8 bytes). TIMESTAMPTZ is microseconds since
 * 1970 UTC.
 */
#ifndef ENGINE_VALUE_VALUE_H
#define ENGINE_VALUE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "engine/value/json.h"
#include "engine/value/type.h"

typedef struct Value {
    Type type;
    bool is_null;
    union {
        bool boolean;
        int64_t integer;
        double real; /* FLOAT: a float's value */
        Slice bytes;
    };
} Value;

#define VALUE_NULL ((Value){.type = {.kind = TYPE_NULL}, .is_null = true})

Value value_int64(int64_t integer);
Value value_double(double real);
Value value_bool(bool boolean);
Value value_text(Slice text);
/* `dim` floats in place. */
Value value_vector(const float *vector, uint32_t dim);
/* `dim` elements of a vector type in place. */
Value value_elements(TypeKind kind, const void *elements, uint32_t dim);

/* Dimensions of a vector, by its bytes. */
uint32_t value_dimension(const Value *value);

/* Of FLOAT_VECTOR. */
static inline const float *
value_floats(const Value *value)
{
    return (const float *)(const void *)value->bytes.data;
}

/* Text as the shell prints it: booleans t/f (JSON output decides otherwise),
 * numbers shortest, vectors "[1,2,3]" whole, JSON compact, arrays as JSON,
 * timestamps "2025-01-31 10:00:00+00" with fractional digits where there are
 * any. NULL prints nothing. */
void value_print(Buffer *out, const Value *value);

/*
 * Convert for storing in a field or for CAST: `to` decides; the result may
 * point into `value` or into `arena`. Checks ranges (OUT_OF_RANGE 22003),
 * VARCHAR sizes (22001) and UTF-8, NaN and infinities (22003, on FLOAT, DOUBLE
 * and vectors; halves, bfloats and bytes round to the nearest, bytes from whole
 * numbers only unless CAST), dimensions ("expected 3 dimensions, not 2",
 * 22000), JSON and array elements. Text is read as PostgreSQL reads input
 * ("invalid input syntax for type INT64: \"x\"", 22P02): '[1,2,3]' as vector or
 * array, '{..}' as JSON, timestamps in ISO 8601 with or without zone, 't'
 * 'true' 'on' 'yes' '1' as BOOL... `is_explicit`: CAST, which also converts
 * between numbers and text, cuts VARCHAR and rounds. CANNOT_COERCE /
 * DATATYPE_MISMATCH where there is no conversion.
 */
mql_status value_convert(const Value *value, Type to, bool is_explicit,
                         Arena *arena, Value *out, Error *err);

/* A scalar document as BOOL, INT64, DOUBLE or VARCHAR, in place; false: null,
 * array or object. */
bool value_of_json(Json json, Value *value);

/* Append a value as a JSON document: text as a string (not parsed), moments as
 * strings, vectors as arrays, NULL as null. */
mql_status value_to_json(Buffer *out, const Value *value, Error *err);

/* Order of two non-NULL values of comparable types (numbers among each other
 * exactly, also int64 against double; text by bytes; booleans; timestamps;
 * vectors and arrays by elements). False: not comparable. */
bool value_compare(const Value *a, const Value *b, int *order);

/* Timestamps: text (ISO 8601 / PostgreSQL's) to microseconds UTC, and back. A
 * text without zone is UTC. */
mql_status timestamp_read(Slice text, int64_t *microseconds, Error *err);
void timestamp_print(Buffer *out, int64_t microseconds);

/* Encoded with type and length, for parameters, defaults in the catalogue and
 * log records. */
void value_encode(Buffer *out, const Value *value);
/* Bytes stay in the reader's memory, vectors must be copied if it is not
 * aligned: they are copied to `arena`. */
mql_status value_decode(Reader *reader, Arena *arena, Value *value, Error *err);

#endif
