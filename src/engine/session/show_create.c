/* SPDX-License-Identifier: Apache-2.0 */
/* show_create.c - a definition as the statements that make it again. */
#include <string.h>

#include "engine/session/show.h"
#include "engine/sql/ast.h"

/* Some keywords may be names bare; quoted they always may. */
static bool
is_keyword(const char *name)
{
    const char *keyword;
    for (int32_t i = 0; (keyword = sql_keyword(i)) != NULL; i++)
        if (slice_equal_nocase(slice_of(name), slice_of(keyword)))
            return true;
    return false;
}

void
print_name(Buffer *out, const char *name)
{
    bool is_plain = !is_keyword(name) && name[0] != '\0' &&
                    !(name[0] >= '0' && name[0] <= '9');
    for (const char *c = name; is_plain && *c != '\0'; c++)
        is_plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                   (*c >= '0' && *c <= '9') || *c == '_';
    if (is_plain) {
        buffer_append_text(out, name);
        return;
    }
    buffer_append_char(out, '"');
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '"')
            buffer_append_char(out, '"');
        buffer_append_char(out, *c);
    }
    buffer_append_char(out, '"');
}

static void
print_string(Buffer *out, Slice text)
{
    buffer_append_char(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'')
            buffer_append_char(out, '\'');
        buffer_append_char(out, text.data[i]);
    }
    buffer_append_char(out, '\'');
}

/* A property's value as people write it: numbers and switches bare. */
static void
print_property(Buffer *out, const Property *property)
{
    Slice value = slice_of(property->value);
    buffer_append_text(out, property->name);
    buffer_append_text(out, " = ");
    bool is_bare = value.size > 0;
    for (size_t i = 0; is_bare && i < value.size; i++)
        is_bare = value.data[i] >= '0' && value.data[i] <= '9';
    if (is_bare || slice_equal(value, SLICE_LITERAL("true")) ||
        slice_equal(value, SLICE_LITERAL("false")))
        buffer_append_slice(out, value);
    else
        print_string(out, value);
}

/* The property whose name comes next behind `last`; NULL: none. */
static const Property *
next_property(const Property *properties, uint32_t count, const char *last)
{
    const Property *next = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const Property *property = &properties[i];
        if (strcmp(property->name, last) > 0 &&
            (next == NULL || strcmp(property->name, next->name) < 0))
            next = property;
    }
    return next;
}

void
print_properties(Buffer *out, const Property *properties, uint32_t count)
{
    const Property *property = next_property(properties, count, "");
    while (property != NULL) {
        print_property(out, property);
        property = next_property(properties, count, property->name);
        if (property != NULL)
            buffer_append_text(out, ", ");
    }
}

static void
print_default(Buffer *out, const Value *value)
{
    buffer_append_text(out, " DEFAULT ");
    if (value->is_null) {
        buffer_append_text(out, "NULL");
        return;
    }
    Buffer text = BUFFER_INIT;
    value_print(&text, value);
    bool is_quoted = value->type.kind == TYPE_VARCHAR ||
                     value->type.kind == TYPE_TIMESTAMPTZ;
    if (is_quoted)
        print_string(out, buffer_slice(&text));
    else if (value->type.kind == TYPE_BOOL)
        buffer_append_text(out, value->boolean ? "true" : "false");
    else
        buffer_append_slice(out, buffer_slice(&text));
    buffer_free(&text);
}

static void
print_field(Buffer *out, const Field *field)
{
    buffer_append_text(out, "    ");
    print_name(out, field->name);
    buffer_append_char(out, ' ');
    type_print(out, field->type);
    if (field->is_primary)
        buffer_append_text(out, " PRIMARY KEY");
    if (field->is_auto_id)
        buffer_append_text(out, field->is_always
                                    ? " GENERATED ALWAYS AS IDENTITY"
                                    : " AUTO_ID");
    if (field->is_partition_key)
        buffer_append_text(out, " PARTITION KEY");
    bool is_key = field->is_primary || field->is_partition_key;
    if (!is_key && !field->is_nullable && !type_is_vector(field->type.kind))
        buffer_append_text(out, " NOT NULL");
    if (field->is_nullable && type_is_vector(field->type.kind))
        buffer_append_text(out, " NULL");
    if (field->has_default)
        print_default(out, &field->default_value);
    if (field->comment[0] != '\0') {
        buffer_append_text(out, " COMMENT ");
        print_string(out, slice_of(field->comment));
    }
    if (field->mapping != MAPPING_UNSET) {
        buffer_append_text(out, " WITH (");
        show_mapping(out, field->mapping);
        buffer_append_char(out, ')');
    }
}

static void
print_index(Buffer *out, const Collection *collection,
            const IndexDefinition *index)
{
    int32_t field = collection_find_field_id(collection, index->field);
    buffer_append_text(out, "\nCREATE INDEX ");
    print_name(out, index->name);
    buffer_append_text(out, " ON ");
    print_name(out, collection->name);
    buffer_append_text(out, " (");
    print_name(out, collection->fields[field].name);
    if (index->cast != CAST_NONE)
        json_path_print(out, index->path);
    buffer_printf(out, ") USING %s",
                  index->is_auto ? "AUTOINDEX" : index->kind->name);
    Buffer options = BUFFER_INIT;
    show_index_options(&options, index);
    if (options.size > 0) {
        buffer_append_text(out, " WITH (");
        buffer_append_slice(out, buffer_slice(&options));
        buffer_append_char(out, ')');
    }
    buffer_free(&options);
    buffer_append_char(out, ';');
}

void
print_create_collection(Buffer *out, const Collection *collection)
{
    buffer_append_text(out, "CREATE COLLECTION ");
    print_name(out, collection->name);
    buffer_append_text(out, " (\n");
    for (uint32_t i = 0; i < collection->field_count; i++) {
        if (collection->fields[i].is_dynamic)
            continue;
        if (i > 0)
            buffer_append_text(out, ",\n");
        print_field(out, &collection->fields[i]);
    }
    buffer_append_text(out, "\n)");
    if (collection->comment[0] != '\0') {
        buffer_append_text(out, " COMMENT ");
        print_string(out, slice_of(collection->comment));
    }
    if (collection->property_count > 0) {
        buffer_append_text(out, " WITH (");
        print_properties(out, collection->properties,
                         collection->property_count);
        buffer_append_char(out, ')');
    }
    buffer_append_char(out, ';');
    /* The first is _default; a partition key makes its own. */
    for (uint32_t i = 1;
         !collection->has_partition_key && i < collection->partition_count;
         i++) {
        buffer_append_text(out, "\nCREATE PARTITION ");
        print_name(out, collection->partitions[i].name);
        buffer_append_text(out, " ON ");
        print_name(out, collection->name);
        buffer_append_char(out, ';');
    }
    for (uint32_t i = 0; i < collection->index_count; i++)
        print_index(out, collection, &collection->indexes[i]);
}
