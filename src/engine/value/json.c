/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c - looking into the binary form of JSON, comparing and checking it.
 *
 *   offset  size  container
 *   0       1     tag (ARRAY or OBJECT)
 *   1       4     count of items
 *   5       4     size: bytes of items and table
 *   9       ...   items, one behind the other
 *   ...     4 * count  offset of each item from 9, ascending
 *
 * Everything but json_check() trusts the bytes: they were made by json_parse()
 * or the builders, or went through json_check(). Recursion is bounded by
 * JSON_DEPTH_MOST, which the writers and json_check() enforce.
 */
#include "engine/value/json.h"

#include <math.h>

#include "base/utf8.h"
#include "engine/value/json_internal.h"

static uint64_t
load_u64(const char *data)
{
    return (uint64_t)json_load_u32(data) | (uint64_t)json_load_u32(data + 4)
                                               << 32;
}

/* Bytes of the value at `data`. */
static size_t
size_at(const char *data)
{
    switch ((JsonTag)*data) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        return 1;
    case JSON_INTEGER:
    case JSON_REAL:
        return 9;
    case JSON_STRING:
        return 5 + (size_t)json_load_u32(data + 1);
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return JSON_HEADER_SIZE + (size_t)json_load_u32(data + 5);
}

static Json
json_at(const char *data)
{
    return (Json){data, size_at(data)};
}

/* Start of the i-th item. */
static const char *
item_at(Json json, uint32_t count, uint32_t i)
{
    const char *items = json.data + JSON_HEADER_SIZE;
    const char *table =
        items + json_load_u32(json.data + 5) - (size_t)4 * count;
    return items + json_load_u32(table + (size_t)4 * i);
}

JsonTag
json_tag(Json json)
{
    return (JsonTag)*json.data;
}

int64_t
json_integer(Json json)
{
    return (int64_t)load_u64(json.data + 1);
}

double
json_real(Json json)
{
    uint64_t bits = load_u64(json.data + 1);
    double real;
    if (json_tag(json) == JSON_INTEGER)
        return (double)(int64_t)bits;
    memcpy(&real, &bits, sizeof real);
    return real;
}

Slice
json_string(Json json)
{
    return (Slice){json.data + 5, json_load_u32(json.data + 1)};
}

uint32_t
json_count(Json json)
{
    JsonTag tag = json_tag(json);
    return tag == JSON_ARRAY || tag == JSON_OBJECT
               ? json_load_u32(json.data + 1)
               : 0;
}

Json
json_element(Json json, int64_t i)
{
    if (json_tag(json) != JSON_ARRAY || i < 0)
        return (Json){NULL, 0};
    uint32_t count = json_count(json);
    if (i >= count)
        return (Json){NULL, 0};
    return json_at(item_at(json, count, (uint32_t)i));
}

Json
json_member_at(Json json, uint32_t i, Slice *key)
{
    const char *item = item_at(json, json_count(json), i);
    *key = (Slice){item + 4, json_load_u32(item)};
    return json_at(key->data + key->size);
}

Json
json_member(Json json, Slice key)
{
    if (json_tag(json) != JSON_OBJECT)
        return (Json){NULL, 0};
    uint32_t low = 0;
    uint32_t high = json_count(json);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        Slice found;
        Json value = json_member_at(json, middle, &found);
        int order = slice_compare(found, key);
        if (order == 0)
            return value;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return (Json){NULL, 0};
}

/* The i-th value of an array or object; its key is empty for arrays. */
static Json
item_value(Json json, uint32_t i, Slice *key)
{
    if (json_tag(json) == JSON_OBJECT)
        return json_member_at(json, i, key);
    *key = (Slice){NULL, 0};
    return json_element(json, i);
}

bool
json_is_present(Json json)
{
    if (json.data == NULL || json_tag(json) == JSON_NULL)
        return false;
    if (json_tag(json) < JSON_ARRAY)
        return true;
    uint32_t count = json_count(json);
    for (uint32_t i = 0; i < count; i++) {
        Slice key;
        if (json_is_present(item_value(json, i, &key)))
            return true;
    }
    return false;
}

uint32_t
json_depth(Json json)
{
    uint32_t deepest = 0;
    if (json_tag(json) < JSON_ARRAY)
        return 0;
    uint32_t count = json_count(json);
    for (uint32_t i = 0; i < count; i++) {
        Slice key;
        uint32_t depth = json_depth(item_value(json, i, &key));
        if (depth > deepest)
            deepest = depth;
    }
    return deepest + 1;
}

/* ---- order ---- */

int
compare_reals(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) != 0) - (isnan(b) != 0);
    return (a > b) - (a < b);
}

int
compare_numbers(int64_t integer, double real)
{
    if (isnan(real) || real >= 9223372036854775808.0)
        return -1;
    if (real < -9223372036854775808.0)
        return 1;
    double whole = trunc(real);
    int64_t other = (int64_t)whole;
    if (integer != other)
        return integer < other ? -1 : 1;
    return (whole > real) - (whole < real);
}

static int
compare_json_numbers(Json a, Json b)
{
    bool a_is_integer = json_tag(a) == JSON_INTEGER;
    bool b_is_integer = json_tag(b) == JSON_INTEGER;
    if (a_is_integer && b_is_integer) {
        int64_t left = json_integer(a);
        int64_t right = json_integer(b);
        return (left > right) - (left < right);
    }
    if (a_is_integer)
        return compare_numbers(json_integer(a), json_real(b));
    if (b_is_integer)
        return -compare_numbers(json_integer(b), json_real(a));
    return compare_reals(json_real(a), json_real(b));
}

/* Place of a tag among the kinds of values. */
static int
rank_of(JsonTag tag)
{
    static const signed char ranks[] = {
        [JSON_NULL] = 0,  [JSON_STRING] = 1, [JSON_INTEGER] = 2,
        [JSON_REAL] = 2,  [JSON_FALSE] = 3,  [JSON_TRUE] = 3,
        [JSON_ARRAY] = 4, [JSON_OBJECT] = 5,
    };
    return ranks[tag];
}

static int
compare_containers(Json a, Json b)
{
    uint32_t count = json_count(a);
    if (count != json_count(b))
        return count < json_count(b) ? -1 : 1;
    for (uint32_t i = 0; i < count; i++) {
        Slice a_key;
        Slice b_key;
        Json left = item_value(a, i, &a_key);
        Json right = item_value(b, i, &b_key);
        int order = slice_compare(a_key, b_key);
        if (order == 0)
            order = json_compare(left, right);
        if (order != 0)
            return order;
    }
    return 0;
}

int
json_compare(Json a, Json b)
{
    int a_rank = rank_of(json_tag(a));
    int b_rank = rank_of(json_tag(b));
    if (a_rank != b_rank)
        return a_rank < b_rank ? -1 : 1;
    switch (json_tag(a)) {
    case JSON_NULL:
        return 0;
    case JSON_FALSE:
    case JSON_TRUE:
        return (int)json_tag(a) - (int)json_tag(b);
    case JSON_INTEGER:
    case JSON_REAL:
        return compare_json_numbers(a, b);
    case JSON_STRING:
        return slice_compare(json_string(a), json_string(b));
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return compare_containers(a, b);
}

bool
json_equal(Json a, Json b)
{
    return json_compare(a, b) == 0;
}

/* ---- checking ---- */

static bool check_value(const char *data, size_t left, uint32_t depth,
                        size_t *size);

/* u32 size and that many bytes of UTF-8. */
static bool
check_sized(const char *data, size_t left, Slice *text)
{
    if (left < 4)
        return false;
    *text = (Slice){data + 4, json_load_u32(data)};
    return text->size <= left - 4 && utf8_valid(text->data, text->size, NULL);
}

/* The key before an item of an object, above the one before it. */
static bool
check_key(const char *data, size_t left, Slice *previous, size_t *size)
{
    Slice key;
    if (!check_sized(data, left, &key))
        return false;
    if (previous->data != NULL && slice_compare(*previous, key) >= 0)
        return false;
    *previous = key;
    *size = 4 + key.size;
    return true;
}

/* Items must stand one behind the other, exactly where the table says. */
static bool
check_container(const char *data, size_t left, uint32_t depth, size_t *size)
{
    if (left < JSON_HEADER_SIZE || depth == JSON_DEPTH_MOST)
        return false;
    uint32_t count = json_load_u32(data + 1);
    size_t body = json_load_u32(data + 5);
    if (body > left - JSON_HEADER_SIZE || (size_t)count * 4 > body)
        return false;
    const char *items = data + JSON_HEADER_SIZE;
    size_t items_size = body - (size_t)count * 4;
    size_t offset = 0;
    Slice previous = {NULL, 0};
    for (uint32_t i = 0; i < count; i++) {
        if (json_load_u32(items + items_size + (size_t)4 * i) != offset)
            return false;
        size_t part;
        if (*data == JSON_OBJECT) {
            if (!check_key(items + offset, items_size - offset, &previous,
                           &part))
                return false;
            offset += part;
        }
        if (!check_value(items + offset, items_size - offset, depth + 1, &part))
            return false;
        offset += part;
    }
    *size = JSON_HEADER_SIZE + body;
    return offset == items_size;
}

static bool
check_value(const char *data, size_t left, uint32_t depth, size_t *size)
{
    Slice text;
    Json json = {data, left};
    if (left == 0 || (unsigned char)*data > JSON_OBJECT)
        return false;
    switch (json_tag(json)) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        *size = 1;
        return true;
    case JSON_INTEGER:
        *size = 9;
        return left >= 9;
    case JSON_REAL:
        *size = 9;
        return left >= 9 && isfinite(json_real(json));
    case JSON_STRING:
        if (!check_sized(data + 1, left - 1, &text))
            return false;
        *size = 5 + text.size;
        return true;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return check_container(data, left, depth, size);
}

bool
json_check(Slice bytes)
{
    size_t size;
    return check_value(bytes.data, bytes.size, 0, &size) && size == bytes.size;
}
