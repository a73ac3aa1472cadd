/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value_internal.h - what the files of this folder share.
 */
#ifndef ENGINE_VALUE_INTERNAL_H
#define ENGINE_VALUE_INTERNAL_H

#include "engine/value/json.h"
#include "engine/value/value.h"

#define ARRAY_CAPACITY_MOST 4096
#define VECTOR_DIMENSION_MOST 32768u
#define BINARY_DIMENSION_MOST 262144u

/* First and last moment a TIMESTAMPTZ may hold: years 1 to 9999. */
#define TIMESTAMP_LEAST INT64_C(-62135596800000000)
#define TIMESTAMP_MOST INT64_C(253402300799999999)

/* ---- convert_text.c: text as PostgreSQL reads input ---- */

/* Blanks at both ends taken off. */
Slice text_trim(Slice text);
/* invalid input syntax for type INT64: "x" */
mql_status text_invalid(Slice text, Type to, Error *err);
/* value "300" is out of range for type INT8 */
mql_status text_out_of_range(Slice text, Type to, Error *err);
/* Not for JSON, ARRAY and VARCHAR. */
mql_status text_convert(Slice text, Type to, Arena *arena, Value *out,
                        Error *err);
/* Same without the check of VARCHAR's size for a CAST, which cuts. */
mql_status text_check(Slice text, Type to, bool is_explicit, Value *out,
                      Error *err);

/* ---- convert_number.c ---- */

mql_status integer_check(int64_t integer, Type to, Value *out, Error *err);
mql_status real_check(double real, Type to, Value *out, Error *err);
mql_status number_convert(const Value *value, Type to, bool is_explicit,
                          Value *out, Error *err);

/* ---- convert_vector.c ---- */

/* '[1,2]' to a dense vector; of bytes whole numbers, as in the text of
 * integers.
 */
mql_status vector_read(Slice text, Type to, Arena *arena, Value *out,
                       Error *err);
/* '10100000' to a binary one. */
mql_status bits_read(Slice text, Type to, Arena *arena, Value *out, Error *err);
/* A vector of any dimension to one of to.length (0: any); checked, aligned. */
mql_status vector_convert(const Value *value, Type to, bool is_explicit,
                          Arena *arena, Value *out, Error *err);
/* Of numbers; for a binary vector of bytes, as in Milvus' JSON. */
mql_status vector_of_json(Json json, Type to, bool is_explicit, Arena *arena,
                          Value *out, Error *err);

/* At least one, at most as many as the type takes, to.length if not 0. */
mql_status check_dimension(uint64_t count, Type to, Error *err);

/* ---- convert_bits.c ---- */

/* Bytes 0 to 255. */
mql_status bits_of_json(Json json, Type to, Arena *arena, Value *out,
                        Error *err);

/* ---- convert_json.c ---- */

/* To JSON and to ARRAY from whatever can become one. */
mql_status convert_to_json(const Value *value, Type to, Arena *arena,
                           Value *out, Error *err);
mql_status convert_to_array(const Value *value, Type to, bool is_explicit,
                            Arena *arena, Value *out, Error *err);
/* From JSON to a scalar or vector type. */
mql_status convert_from_json(const Value *value, Type to, bool is_explicit,
                             Arena *arena, Value *out, Error *err);

/* ---- convert.c ---- */

/* cannot convert INT64 to VARCHAR */
mql_status cannot_convert(Type from, Type to, Error *err);

#endif
