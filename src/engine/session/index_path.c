/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index_path.c - what CREATE INDEX names, and the options of indexes over JSON.
 *
 *   (f)                    a field
 *   (j["a"][0]) (j.a[0])   a path into a JSON field
 *   (x) (x["a"])           a dynamic field: $meta["x"]
 */
#include "engine/session/index_path.h"

#include <string.h>

#define CAST_OPTION "json_cast_type"

/* ---- the field and the path ---- */

/* What the steps of a path lead from. */
static const Node *
base_of(const Node *key)
{
    while (key->kind == NODE_SUBSCRIPT || key->kind == NODE_DOT)
        key = key->first;
    return key;
}

static bool
is_name(const Node *node)
{
    return node->kind == NODE_NAME || node->kind == NODE_DOUBLE_QUOTED;
}

static mql_status
undefined_field(const Node *name, const Collection *collection,
                const char *hint, Error *err)
{
    error_at(err, ERR_UNDEFINED_COLUMN, name->position,
             "field \"%.*s\" does not exist", (int)name->text.size,
             name->text.data);
    for (uint32_t i = 0; i < collection->field_count; i++) {
        Slice other = slice_of(collection->fields[i].name);
        if (name_closest(name->text, &other, 1) == 0)
            return error_hint(err, "Did you mean \"%s\"?",
                              collection->fields[i].name);
    }
    return hint == NULL ? err->status : error_hint(err, "%s", hint);
}

/* The field or, where there is none, $meta, of which `is_dynamic` the name is
 * the first key. */
static mql_status
find_base(const Node *name, const Collection *collection, const Field **field,
          bool *is_dynamic, Error *err)
{
    int32_t found = collection_find_field(collection, name->text);
    *is_dynamic = false;
    if (found >= 0) {
        *field = &collection->fields[found];
        return MQL_OK;
    }
    const Field *last = &collection->fields[collection->field_count - 1];
    if (found == -1 && last->is_dynamic && name->kind == NODE_NAME) {
        *field = last;
        *is_dynamic = true;
        return MQL_OK;
    }
    return undefined_field(name, collection, NULL, err);
}

static mql_status
append_key(Buffer *out, const Node *node, Error *err)
{
    if (node->text.size > 0 &&
        memchr(node->text.data, '\0', node->text.size) != NULL)
        return error_at(err, ERR_INVALID_PARAMETER, node->position,
                        "a key of an index must not contain NUL");
    json_append_string(out, node->text);
    return MQL_OK;
}

/* One step: .key ["key"] ['key'] [0] */
static mql_status
append_step(Buffer *out, const Node *node, Error *err)
{
    if (node->kind == NODE_DOT)
        return append_key(out, node, err);
    const Node *key = node->first->next;
    if (key->kind == NODE_STRING || key->kind == NODE_DOUBLE_QUOTED)
        return append_key(out, key, err);
    if (key->kind != NODE_INTEGER || key->integer < 0)
        return error_at(err, ERR_FEATURE_NOT_SUPPORTED, key->position,
                        "an index on a path that is computed is not supported "
                        "yet");
    json_append_integer(out, key->integer);
    return MQL_OK;
}

/* The steps from the base outwards; `count` of them lead there from `node`. */
static mql_status
append_steps(JsonArray *path, const Node *node, uint32_t count, Error *err)
{
    for (uint32_t left = count; left > 0; left--) {
        const Node *step = node;
        for (uint32_t i = 1; i < left; i++)
            step = step->first;
        json_array_item(path);
        TRY(append_step(path->out, step, err));
    }
    return MQL_OK;
}

static mql_status
build_path(Prepared *prepared, const Node *key, const Node *base,
           bool is_dynamic, uint32_t count, Slice *path, Error *err)
{
    Buffer out = BUFFER_INIT;
    JsonArray array;
    json_array_begin(&array, &out);
    mql_status status = MQL_OK;
    if (is_dynamic) {
        json_array_item(&array);
        status = append_key(&out, base, err);
    }
    if (status == MQL_OK)
        status = append_steps(&array, key, count, err);
    Error ignored = ERROR_INIT;
    mql_status end = json_array_end(&array, status == MQL_OK ? err : &ignored);
    if (status == MQL_OK)
        status = end;
    if (status == MQL_OK) {
        path->data = arena_copy(&prepared->exec_arena, out.data, out.size);
        path->size = out.size;
        if (path->data == NULL)
            status = error_no_memory(err);
    }
    buffer_free(&out);
    return status;
}

mql_status
index_path_find(Prepared *prepared, const Node *node,
                const Collection *collection, const Field **field, Slice *path,
                Error *err)
{
    const Node *key = node_child(node, NODE_INDEX_KEY)->first;
    const Node *base = base_of(key);
    uint32_t count = 0;
    bool is_dynamic;
    *path = (Slice){NULL, 0};
    for (const Node *step = key; step != base; step = step->first)
        count++;
    if (!is_name(base))
        return planner_unbuilt(key, "an index on an expression", err);
    TRY(find_base(base, collection, field, &is_dynamic, err));
    bool is_json = (*field)->type.kind == TYPE_JSON;
    if (!is_json && count > 0)
        return planner_unbuilt(key, "an index on an expression", err);
    if (count + is_dynamic > JSON_DEPTH_MOST)
        return error_at(err, ERR_TOO_COMPLEX, key->position,
                        "a path has more than %u steps", JSON_DEPTH_MOST);
    return is_json
               ? build_path(prepared, key, base, is_dynamic, count, path, err)
               : MQL_OK;
}

/* ---- options ---- */

static mql_status
hint_casts(Error *err)
{
    return error_hint(err, "It is BOOL, DOUBLE, VARCHAR, ARRAY_BOOL, "
                           "ARRAY_DOUBLE or ARRAY_VARCHAR.");
}

static mql_status
read_cast(Prepared *prepared, const Node *option, JsonCast *cast, Error *err)
{
    Slice text;
    TRY(option_text(prepared, option, &text, err));
    if (json_cast_from_name(text, cast))
        return MQL_OK;
    if (slice_equal_nocase(text, SLICE_LITERAL("JSON")))
        return error_at(err, ERR_FEATURE_NOT_SUPPORTED, option->position,
                        CAST_OPTION " = 'JSON' is not supported yet");
    error_at(err, ERR_INVALID_PARAMETER, option->position,
             "invalid value for parameter \"" CAST_OPTION "\": \"%.*s\"",
             (int)text.size, text.data);
    return hint_casts(err);
}

mql_status
index_path_cast(Prepared *prepared, const Node *node,
                const Collection *collection, JsonCast *cast, Error *err)
{
    const Node *options = node_child(node, NODE_OPTIONS);
    const Node *key = node_child(node, NODE_INDEX_KEY)->first;
    for (const Node *option = options != NULL ? options->first : NULL;
         option != NULL; option = option->next)
        if (slice_equal_nocase(option->text, SLICE_LITERAL(CAST_OPTION)))
            return read_cast(prepared, option, cast, err);
    const Node *base = base_of(key);
    if (collection_find_field(collection, base->text) < 0)
        return undefined_field(base, collection,
                               "For a dynamic field say what its values are: "
                               "WITH (" CAST_OPTION " = 'VARCHAR').",
                               err);
    error_at(err, ERR_INVALID_PARAMETER, key->position,
             "an index on a JSON field needs " CAST_OPTION);
    return error_hint(err, "Say what the values are: WITH (" CAST_OPTION
                           " = 'VARCHAR'), or BOOL, DOUBLE, ARRAY_BOOL, "
                           "ARRAY_DOUBLE, ARRAY_VARCHAR.");
}

bool
index_path_is_option(const Node *option)
{
    static const char *const names[] = {CAST_OPTION, "json_cast_function",
                                        "json_path"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_equal_nocase(option->text, slice_of(names[i])))
            return true;
    return false;
}

mql_status
index_path_check_option(const Node *option, const IndexDefinition *index,
                        Error *err)
{
    if (index->cast == CAST_NONE)
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "parameter \"%.*s\" is only for JSON fields",
                        (int)option->text.size, option->text.data);
    if (slice_equal_nocase(option->text, SLICE_LITERAL(CAST_OPTION)))
        return MQL_OK; /* index_path_cast() has read it */
    error_at(err, ERR_FEATURE_NOT_SUPPORTED, option->position,
             "parameter \"%.*s\" is not supported yet", (int)option->text.size,
             option->text.data);
    if (slice_equal_nocase(option->text, SLICE_LITERAL("json_path")))
        return error_hint(err, "Write the path in place of the field: "
                               "CREATE INDEX ON c (meta[\"category\"]).");
    return err->status;
}

/* ---- the name ---- */

/* What names of indexes may have, and _ for the rest. */
static void
append_plain(Buffer *out, Slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9');
        buffer_append_char(out, is_plain ? c : '_');
    }
}

static void
append_name(Buffer *out, const Field *field, Slice path)
{
    Json steps = json_of(path);
    if (!field->is_dynamic)
        append_plain(out, slice_of(field->name));
    for (uint32_t i = 0; i < json_count(steps); i++) {
        Json step = json_element(steps, i);
        if (out->size > 0)
            buffer_append_char(out, '_');
        if (json_tag(step) == JSON_STRING)
            append_plain(out, json_string(step));
        else
            buffer_printf(out, "%lld", (long long)json_integer(step));
    }
}

/* Room for a number behind it. */
#define STEM_MOST (NAME_SIZE_MOST - 10u)

mql_status
index_path_name(Prepared *prepared, const Collection *collection,
                const Field *field, Slice path, Slice *name, Error *err)
{
    Buffer out = BUFFER_INIT;
    append_name(&out, field, path);
    if (out.size == 0 || (out.data[0] >= '0' && out.data[0] <= '9')) {
        buffer_clear(&out);
        buffer_append_text(&out, "meta"); /* of $meta */
        append_name(&out, field, path);
    }
    size_t stem = out.size < STEM_MOST ? out.size : STEM_MOST;
    out.size = stem;
    for (uint32_t i = 1;
         !buffer_failed(&out) &&
         collection_find_index(collection, buffer_slice(&out)) != -1;
         i++) {
        out.size = stem;
        buffer_printf(&out, "%u", i);
    }
    char *copy = buffer_failed(&out)
                     ? NULL
                     : arena_copy(&prepared->exec_arena, out.data, out.size);
    *name = (Slice){copy, out.size};
    buffer_free(&out);
    return copy == NULL ? error_no_memory(err) : MQL_OK;
}
