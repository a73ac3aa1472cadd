/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - JSON in a binary form with O(log n) access to keys and O(1) to
 * elements.
 *
 * The form (docs/format/json.md): one tag byte, then by tag nothing (null,
 * false, true), 8 bytes (int64, double), u32 size and bytes (string), or u32
 * count, u32 size, the items and a table of u32 offsets to them (array; object:
 * sorted by key bytes, each item a key - u32 size and bytes - and a value).
 * Little-endian, unaligned. Integers stay int64 when they are written as
 * integers and fit, else double. The form is canonical: the same document
 * always has the same bytes. Depth is limited to JSON_DEPTH_MOST.
 */
#ifndef ENGINE_VALUE_JSON_H
#define ENGINE_VALUE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"

#define JSON_DEPTH_MOST 64u

typedef enum JsonTag {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_INTEGER,
    JSON_REAL,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} JsonTag;

/* A value inside a checked binary document. */
typedef struct Json {
    const char *data; /* at its tag; NULL: absent */
    size_t size;
} Json;

/* Text (RFC 8259; UTF-8; later duplicate keys win, as in PostgreSQL's jsonb) to
 * binary, appended. Errors: INVALID_JSON 22032 with the byte offset in the
 * detail. */
mql_status json_parse(Slice text, Buffer *out, Error *err);
/* Parse one JSON value at the start of `text`, return the first byte after it
 * in *rest: for JSONL. */
mql_status json_parse_prefix(Slice text, Buffer *out, const char **rest,
                             Error *err);

/* Binary to compact text: {"a": 1}? No blanks: {"a":1,"b":[1,2]}. Keys in byte
 * order. */
void json_print(Buffer *out, Json json);
/* A string with JSON's quotes and escapes. */
void json_print_string(Buffer *out, Slice text);

/* Check untrusted bytes: whole structure, sizes, depth, UTF-8. */
bool json_check(Slice bytes);

static inline Json
json_of(Slice bytes)
{
    return (Json){bytes.data, bytes.size};
}

JsonTag json_tag(Json json);
int64_t json_integer(Json json);
double json_real(Json json); /* INTEGER converts */
Slice json_string(Json json);
uint32_t json_count(Json json); /* elements or members; 0 for others */
/* Element i of an array, or absent (data NULL). Negative counts are absent. */
Json json_element(Json json, int64_t i);
/* Member of an object by key (binary search), or absent. */
Json json_member(Json json, Slice key);
/* The i-th member in key order. */
Json json_member_at(Json json, uint32_t i, Slice *key);
/* A total order, as PostgreSQL's jsonb: null < string < number < boolean <
 * array < object; then by number of items, then by items. json_equal() is order
 * 0. */
int json_compare(Json a, Json b);
/* Order of two numbers, exact also between int64 and double; NaN is above all.
 */
int compare_numbers(int64_t integer, double real);
int compare_reals(double a, double b);
/* Levels of containers: 0 for a scalar. */
uint32_t json_depth(Json json);
/* Structural equality; integers and reals compare as numbers. */
bool json_equal(Json a, Json b);
/* Milvus' `exists`: false when absent, null, {}, [], or only such leaves. */
bool json_is_present(Json json);

/* ---- building ---- */

/* Append scalars to a buffer as whole documents. */
void json_append_null(Buffer *out);
void json_append_bool(Buffer *out, bool value);
void json_append_integer(Buffer *out, int64_t value);
void json_append_real(Buffer *out, double value);
void json_append_string(Buffer *out, Slice text);

/* An array item by item: json_array_begin(); json_array_item() and an append
 * for each; json_array_end(), which must be called even after a failure. */
typedef struct JsonArray {
    Buffer *out;
    Buffer offsets;
    size_t start;
    uint32_t count;
} JsonArray;
void json_array_begin(JsonArray *array, Buffer *out);
void json_array_item(JsonArray *array);
mql_status json_array_end(JsonArray *array, Error *err);

/* An array or object of `count` binary items (keys for objects; need not be
 * sorted; later doubles win). */
mql_status json_append_array(Buffer *out, const Slice *items, uint32_t count,
                             Error *err);
mql_status json_append_object(Buffer *out, const Slice *keys,
                              const Slice *items, uint32_t count, Arena *arena,
                              Error *err);

#endif
