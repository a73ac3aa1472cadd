/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_path.c - paths into JSON fields, and what indexes over them keep.
 *
 * A path is kept as JSON: an array of the keys and positions that lead from the
 * document to the value. The form is canonical, so equal paths are equal bytes.
 */
#include "engine/catalog/catalog.h"

static const struct {
    const char *name;
    TypeKind kind;
    bool is_array;
} casts[] = {
    [CAST_NONE] = {"", TYPE_NULL, false},
    [CAST_BOOL] = {"BOOL", TYPE_BOOL, false},
    [CAST_DOUBLE] = {"DOUBLE", TYPE_DOUBLE, false},
    [CAST_VARCHAR] = {"VARCHAR", TYPE_VARCHAR, false},
    [CAST_ARRAY_BOOL] = {"ARRAY_BOOL", TYPE_BOOL, true},
    [CAST_ARRAY_DOUBLE] = {"ARRAY_DOUBLE", TYPE_DOUBLE, true},
    [CAST_ARRAY_VARCHAR] = {"ARRAY_VARCHAR", TYPE_VARCHAR, true},
};

const char *
json_cast_name(JsonCast cast)
{
    return casts[cast].name;
}

bool
json_cast_from_name(Slice name, JsonCast *cast)
{
    for (int i = CAST_NONE + 1; i < CAST_COUNT; i++) {
        *cast = (JsonCast)i;
        if (slice_equal_nocase(name, slice_of(casts[i].name)))
            return true;
    }
    return false;
}

bool
json_cast_is_array(JsonCast cast)
{
    return casts[cast].is_array;
}

TypeKind
json_cast_kind(JsonCast cast)
{
    return casts[cast].kind;
}

bool
json_cast_key(JsonCast cast, Json scalar, Key *key)
{
    TypeKind kind = casts[cast].kind;
    switch (json_tag(scalar)) {
    case JSON_FALSE:
    case JSON_TRUE:
        key->integer = json_tag(scalar) == JSON_TRUE;
        return kind == TYPE_BOOL;
    case JSON_INTEGER:
    case JSON_REAL:
        key->real = json_real(scalar);
        return kind == TYPE_DOUBLE;
    case JSON_STRING:
        key->bytes = json_string(scalar);
        return kind == TYPE_VARCHAR;
    default:
        return false;
    }
}

Json
json_path_find(Json document, Slice path)
{
    Json steps = json_of(path);
    uint32_t count = json_count(steps);
    for (uint32_t i = 0; i < count && document.data != NULL; i++) {
        Json step = json_element(steps, i);
        document = json_tag(step) == JSON_STRING
                       ? json_member(document, json_string(step))
                       : json_element(document, json_integer(step));
    }
    return document;
}

bool
json_path_check(Slice path)
{
    Json steps = json_of(path);
    if (!json_check(path) || json_tag(steps) != JSON_ARRAY ||
        json_count(steps) > JSON_DEPTH_MOST)
        return false;
    for (uint32_t i = 0; i < json_count(steps); i++) {
        Json step = json_element(steps, i);
        bool is_position =
            json_tag(step) == JSON_INTEGER && json_integer(step) >= 0;
        if (!is_position && json_tag(step) != JSON_STRING)
            return false;
    }
    return true;
}

/* In double quotes where that needs no escape, else in single ones. */
static void
print_key(Buffer *out, Slice key)
{
    bool is_plain = true;
    for (size_t i = 0; i < key.size; i++)
        is_plain = is_plain && key.data[i] != '"' && key.data[i] != '\\';
    char quote = is_plain ? '"' : '\'';
    buffer_append_char(out, quote);
    for (size_t i = 0; i < key.size; i++) {
        if (key.data[i] == quote)
            buffer_append_char(out, quote);
        buffer_append_char(out, key.data[i]);
    }
    buffer_append_char(out, quote);
}

void
json_path_print(Buffer *out, Slice path)
{
    Json steps = json_of(path);
    for (uint32_t i = 0; i < json_count(steps); i++) {
        Json step = json_element(steps, i);
        buffer_append_char(out, '[');
        if (json_tag(step) == JSON_STRING)
            print_key(out, json_string(step));
        else
            buffer_printf(out, "%lld", (long long)json_integer(step));
        buffer_append_char(out, ']');
    }
}
