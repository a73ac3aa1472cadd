/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create_collection.c - CREATE COLLECTION: from syntax to a definition, every
 * rule of fields and properties checked before anything is changed.
 */
#include <string.h>

#include "base/number.h"
#include "engine/session/kinds.h"

#define DEFAULT_PARTITION_KEY_PARTITIONS 16

/* A definition in the making. */
typedef struct Maker {
    Prepared *prepared;
    Collection *collection;
    bool has_primary;
    bool is_dynamic;
    uint32_t vector_count;
    int64_t partition_count; /* with a partition key */
    const Node *partition_count_node;
} Maker;

/* ---- fields ---- */

static mql_status
copy_value(Collection *collection, Value *value, Error *err)
{
    if (value->is_null || type_physical(value->type.kind) != PHYSICAL_BYTES)
        return MQL_OK;
    char *copy = collection_text(collection, value->bytes);
    if (copy == NULL)
        return error_no_memory(err);
    value->bytes.data = copy;
    return MQL_OK;
}

static mql_status
set_default(Maker *maker, Field *field, const Node *attribute, Error *err)
{
    TypeKind kind = field->type.kind;
    if (kind == TYPE_JSON || kind == TYPE_ARRAY || type_is_vector(kind))
        return error_at(err, ERR_INVALID_COLUMN_DEFINITION, attribute->position,
                        "field \"%s\" cannot have a default", field->name);
    Scope none = {.dynamic_column = -1};
    Arena *arena = &maker->prepared->exec_arena;
    Expr *expr;
    TRY(expr_analyse(attribute->first, &none, field->type, arena, &expr, err));
    if (expr_coerce(expr, field->type, arena, &expr, err) != MQL_OK)
        return error_locate(err, attribute->first->position);
    /* now() and the like would have to be computed for each row. */
    if (expr->kind != EXPR_CONSTANT)
        return planner_unbuilt(attribute->first,
                               "a DEFAULT that is no constant", err);
    field->default_value = expr->value;
    field->default_value.type = field->type;
    field->has_default = true;
    return copy_value(maker->collection, &field->default_value, err);
}

static mql_status
make_primary(Maker *maker, Field *field, int64_t position, Error *err)
{
    if (maker->has_primary)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, position,
                        "multiple primary keys for collection \"%s\" are not "
                        "allowed",
                        maker->collection->name);
    if (field->type.kind != TYPE_INT64 && field->type.kind != TYPE_VARCHAR) {
        error_at(err, ERR_INVALID_TABLE_DEFINITION, position,
                 "a primary key must be INT64 or VARCHAR");
        return error_hint(err, "Declare \"%s\" as INT64 or VARCHAR(n).",
                          field->name);
    }
    if (field->is_partition_key)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, position,
                        "the partition key cannot be the primary key too");
    maker->has_primary = true;
    maker->collection->primary = (uint32_t)(field - maker->collection->fields);
    field->is_primary = true;
    field->is_nullable = false;
    return MQL_OK;
}

static mql_status
make_partition_key(Maker *maker, Field *field, int64_t position, Error *err)
{
    if (maker->collection->has_partition_key)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, position,
                        "a collection has one partition key at most");
    if (field->is_primary)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, position,
                        "the primary key cannot be the partition key too");
    if (field->type.kind != TYPE_INT64 && field->type.kind != TYPE_VARCHAR)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, position,
                        "a partition key must be INT64 or VARCHAR");
    maker->collection->has_partition_key = true;
    field->is_partition_key = true;
    field->is_nullable = false;
    return MQL_OK;
}

static mql_status
set_field_options(Maker *maker, Field *field, const Node *options, Error *err)
{
    for (const Node *option = options->first; option != NULL;
         option = option->next)
        TRY(set_field_option(maker->prepared, field, option, false, err));
    return MQL_OK;
}

static mql_status
set_attribute(Maker *maker, Field *field, const Node *attribute, Error *err)
{
    switch (attribute->kind) {
    case NODE_TYPE_NAME:
        return MQL_OK;
    case NODE_PRIMARY_KEY:
        return make_primary(maker, field, attribute->position, err);
    case NODE_AUTO_ID:
        field->is_auto_id = true;
        field->is_always = attribute->flags & FLAG_ALWAYS;
        return MQL_OK;
    case NODE_NULLABLE:
        field->is_nullable = true;
        return MQL_OK;
    case NODE_NOT_NULL:
        field->is_nullable = false;
        return MQL_OK;
    case NODE_DEFAULT:
        return set_default(maker, field, attribute, err);
    case NODE_PARTITION_KEY:
        return make_partition_key(maker, field, attribute->position, err);
    case NODE_COMMENT:
        field->comment = collection_text(maker->collection, attribute->text);
        return field->comment != NULL ? MQL_OK : error_no_memory(err);
    case NODE_OPTIONS:
        return set_field_options(maker, field, attribute, err);
    case NODE_CLUSTERING_KEY:
        return planner_unbuilt(attribute, "CLUSTERING KEY", err);
    case NODE_UNIQUE:
        return planner_unbuilt(attribute, "UNIQUE", err);
    case NODE_GENERATED:
        return planner_unbuilt(attribute, "GENERATED ALWAYS AS", err);
    default:
        return planner_unbuilt(attribute, "this attribute of a field", err);
    }
}

/* What holds for a field once the keys are known, those after the fields too.
 */
static mql_status
check_field(const Field *field, const Node *node, Error *err)
{
    bool must_be_set = field->is_primary || field->is_partition_key;
    if (must_be_set && node_child(node, NODE_NULLABLE) != NULL)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, node->position,
                        "field \"%s\" is a key and cannot be NULL",
                        field->name);
    if (field->is_primary && field->has_default)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, node->position,
                        "a primary key cannot have a default");
    if (field->is_auto_id && !field->is_primary)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, node->position,
                        "AUTO_ID is for the primary key only");
    if (field->is_auto_id && field->type.kind != TYPE_INT64)
        return error_at(err, ERR_FEATURE_NOT_SUPPORTED, node->position,
                        "AUTO_ID of a VARCHAR key is not supported yet");
    return MQL_OK;
}

static mql_status
check_field_name(const Maker *maker, const Node *node, Error *err)
{
    if (slice_equal(node->text, SLICE_LITERAL(DYNAMIC_FIELD_NAME)))
        return error_at(err, ERR_INVALID_NAME, node->position,
                        "field name \"%s\" is reserved", DYNAMIC_FIELD_NAME);
    TRY(check_name(node, NAME_ORDINARY, "field", err));
    for (uint32_t i = 0; i < maker->collection->field_count; i++)
        if (slice_equal(node->text,
                        slice_of(maker->collection->fields[i].name)))
            return error_at(err, ERR_DUPLICATE_COLUMN, node->position,
                            "field \"%.*s\" specified more than once",
                            (int)node->text.size, node->text.data);
    return MQL_OK;
}

static mql_status
add_field(Maker *maker, const Node *node, Error *err)
{
    Collection *collection = maker->collection;
    TRY(check_field_name(maker, node, err));
    if (collection->field_count == FIELDS_MOST)
        return error_at(err, ERR_TOO_MANY_COLUMNS, node->position,
                        "a collection has at most %u fields", FIELDS_MOST);
    Field *field = &collection->fields[collection->field_count];
    *field = (Field){.id = collection->next_field_id,
                     .name = collection_text(collection, node->text),
                     .comment = collection_text(collection, (Slice){"", 0})};
    if (field->name == NULL || field->comment == NULL)
        return error_no_memory(err);
    bool is_serial = false;
    TRY(type_resolve(node_child(node, NODE_TYPE_NAME), &field->type, &is_serial,
                     err));
    field->is_auto_id = is_serial;
    bool is_vector = type_is_vector(field->type.kind);
    if (is_vector && field->type.length == 0) {
        error_at(err, ERR_INVALID_COLUMN_DEFINITION, node->position,
                 "field \"%s\" needs the number of its dimensions",
                 field->name);
        return error_hint(err, "Write it as %s(768).",
                          type_kind_name(field->type.kind));
    }
    field->is_nullable = !is_vector && !is_serial;
    if (is_vector && ++maker->vector_count > VECTOR_FIELDS_MOST)
        return error_at(err, ERR_TOO_MANY_COLUMNS, node->position,
                        "a collection has at most %u vector fields",
                        VECTOR_FIELDS_MOST);
    for (const Node *attribute = node->first; attribute != NULL;
         attribute = attribute->next)
        TRY(set_attribute(maker, field, attribute, err));
    collection->next_field_id++;
    collection->field_count++;
    return MQL_OK;
}

/* PRIMARY KEY (f) and PARTITION KEY (f) after the fields. */
static mql_status
add_key(Maker *maker, const Node *clause, Error *err)
{
    const Node *name = clause->first;
    if (name == NULL || name->next != NULL)
        return error_at(err, ERR_FEATURE_NOT_SUPPORTED, clause->position,
                        "a key of several fields is not supported");
    int32_t found = collection_find_field(maker->collection, name->text);
    if (found < 0)
        return error_at(err, ERR_UNDEFINED_COLUMN, name->position,
                        "field \"%.*s\" named in key does not exist",
                        (int)name->text.size, name->text.data);
    Field *field = &maker->collection->fields[found];
    if (clause->kind == NODE_PRIMARY_KEY)
        return make_primary(maker, field, name->position, err);
    return make_partition_key(maker, field, name->position, err);
}

/* ---- for ALTER ---- */

static uint32_t
count_vectors(const Collection *collection)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < collection->field_count; i++)
        count += type_is_vector(collection->fields[i].type.kind);
    return count;
}

mql_status
add_field_later(Prepared *prepared, Collection *collection, const Node *node,
                Error *err)
{
    Maker maker = {.prepared = prepared,
                   .collection = collection,
                   .has_primary = true,
                   .vector_count = count_vectors(collection)};
    const Node *key = node_child(node, NODE_PARTITION_KEY);
    if (key != NULL)
        return error_at(err, ERR_INVALID_TABLE_DEFINITION, key->position,
                        "a field that is added cannot be the partition key");
    Field *fields =
        arena_alloc_array(&collection->arena,
                          collection->field_count + (size_t)2, sizeof *fields);
    if (fields == NULL)
        return error_no_memory(err);
    memcpy(fields, collection->fields,
           collection->field_count * sizeof *fields);
    collection->fields = fields;
    TRY(add_field(&maker, node, err));
    Field *added = &fields[collection->field_count - 1];
    TRY(check_field(added, node, err));
    added->has_missing = added->has_default;
    added->missing_value = added->default_value;
    if (!added[-1].is_dynamic)
        return MQL_OK;
    const Field dynamic = added[-1];
    added[-1] = *added;
    *added = dynamic;
    return MQL_OK;
}

mql_status
set_default_later(Prepared *prepared, Collection *collection, Field *field,
                  const Node *attribute, Error *err)
{
    Maker maker = {.prepared = prepared, .collection = collection};
    return set_default(&maker, field, attribute, err);
}

/* ---- properties ---- */

static mql_status
bad_property(const Node *option, Error *err)
{
    return error_at(err, ERR_INVALID_PARAMETER, option->position,
                    "invalid value for property \"%.*s\"",
                    (int)option->text.size, option->text.data);
}

static mql_status
set_dynamic(Maker *maker, const Node *option, Slice value, Error *err)
{
    if (!property_read_bool(value, &maker->is_dynamic))
        return bad_property(option, err);
    return MQL_OK;
}

static mql_status
set_num_partitions(Maker *maker, const Node *option, Slice value, Error *err)
{
    const char *end = value.data + value.size;
    if (number_read_int64(value.data, end, &maker->partition_count) != end)
        return bad_property(option, err);
    if (maker->partition_count < 1 || maker->partition_count > PARTITIONS_MOST)
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "\"num_partitions\" must be between 1 and %u",
                        PARTITIONS_MOST);
    maker->partition_count_node = option;
    return MQL_OK;
}

/* Only the value that already holds: one shard. */
static mql_status
set_shards(Maker *maker, const Node *option, Slice value, Error *err)
{
    (void)maker;
    if (slice_equal(value, SLICE_LITERAL("1")))
        return MQL_OK;
    return planner_unbuilt(option, "more than one shard", err);
}

static mql_status
set_mmap(Maker *maker, const Node *option, Slice value, Error *err)
{
    (void)maker;
    bool is_mapped;
    return property_read_bool(value, &is_mapped) ? MQL_OK
                                                 : bad_property(option, err);
}

static mql_status
set_consistency(Maker *maker, const Node *option, Slice value, Error *err)
{
    (void)maker;
    static const char *const levels[] = {"Strong", "Bounded", "Session",
                                         "Eventually"};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (slice_equal_nocase(value, slice_of(levels[i])))
            return MQL_OK;
    return bad_property(option, err);
}

/* 0 and -1: for ever. */
static mql_status
set_ttl(Maker *maker, const Node *option, Slice value, Error *err)
{
    (void)maker;
    int64_t seconds;
    const char *end = value.data + value.size;
    if (number_read_int64(value.data, end, &seconds) != end)
        return bad_property(option, err);
    if (seconds < -1 || seconds > TTL_MOST)
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "\"" TTL_PROPERTY "\" must be between -1 and %lld",
                        (long long)TTL_MOST);
    return MQL_OK;
}

static const struct {
    const char *name;
    mql_status (*set)(Maker *, const Node *, Slice, Error *);
} known_properties[] = {
    {TTL_PROPERTY, set_ttl},
    {"enable_dynamic_field", set_dynamic},
    {"num_partitions", set_num_partitions},
    {"shards_num", set_shards},
    {MMAP_PROPERTY, set_mmap},
    {"consistency_level", set_consistency},
};

/* Known to Milvus, not yet built here. */
static const char *const unbuilt_properties[] = {
    "partitionkey.isolation",
    "timezone",
    "allow_insert_auto_id",
};

static mql_status
set_property(Maker *maker, const Node *option, Error *err)
{
    Slice value;
    for (size_t i = 0; i < sizeof known_properties / sizeof known_properties[0];
         i++)
        if (slice_equal_nocase(option->text,
                               slice_of(known_properties[i].name))) {
            TRY(option_text(maker->prepared, option, &value, err));
            return known_properties[i].set(maker, option, value, err);
        }
    for (size_t i = 0;
         i < sizeof unbuilt_properties / sizeof unbuilt_properties[0]; i++)
        if (slice_equal_nocase(option->text, slice_of(unbuilt_properties[i])))
            return error_at(err, ERR_FEATURE_NOT_SUPPORTED, option->position,
                            "\"%s\" is not supported yet",
                            unbuilt_properties[i]);
    return error_at(err, ERR_INVALID_PARAMETER, option->position,
                    "unknown property \"%.*s\" of a collection",
                    (int)option->text.size, option->text.data);
}

mql_status
check_property_later(Prepared *prepared, Collection *collection,
                     const Node *option, Error *err)
{
    static const char *const fixed[] = {"enable_dynamic_field",
                                        "num_partitions", "shards_num"};
    Maker maker = {.prepared = prepared, .collection = collection};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (slice_equal_nocase(option->text, slice_of(fixed[i])))
            return error_at(err, ERR_FEATURE_NOT_SUPPORTED, option->position,
                            "\"%s\" of a collection cannot be changed",
                            fixed[i]);
    return set_property(&maker, option, err);
}

/* Keep the properties as they were written. */
static mql_status
set_properties(Maker *maker, const Node *options, Error *err)
{
    Collection *collection = maker->collection;
    collection->properties = arena_alloc_array(
        &collection->arena, options->count + 1, sizeof *collection->properties);
    if (collection->properties == NULL)
        return error_no_memory(err);
    for (const Node *option = options->first; option != NULL;
         option = option->next) {
        TRY(set_property(maker, option, err));
        Slice value;
        TRY(option_text(maker->prepared, option, &value, err));
        Property *property =
            &collection->properties[collection->property_count];
        property->name = collection_text(collection, option->text);
        property->value = collection_text(collection, value);
        if (property->name == NULL || property->value == NULL)
            return error_no_memory(err);
        collection->property_count++;
    }
    return MQL_OK;
}

static mql_status
add_dynamic_field(Maker *maker, Error *err)
{
    Collection *collection = maker->collection;
    if (!maker->is_dynamic)
        return MQL_OK;
    Field *field = &collection->fields[collection->field_count++];
    *field = (Field){
        .id = collection->next_field_id++,
        .name = collection_text(collection, SLICE_LITERAL(DYNAMIC_FIELD_NAME)),
        .comment = collection_text(collection, (Slice){"", 0}),
        .type = type_of(TYPE_JSON),
        .is_nullable = true,
        .is_dynamic = true,
    };
    return field->name != NULL && field->comment != NULL ? MQL_OK
                                                         : error_no_memory(err);
}

/* ---- partitions ---- */

static mql_status
add_partitions(Maker *maker, Transaction *transaction, Error *err)
{
    Collection *collection = maker->collection;
    if (maker->partition_count_node != NULL && !collection->has_partition_key)
        return error_at(err, ERR_INVALID_PARAMETER,
                        maker->partition_count_node->position,
                        "\"num_partitions\" needs a partition key");
    uint32_t count =
        collection->has_partition_key ? (uint32_t)maker->partition_count : 1;
    collection->partitions = arena_alloc_array(&collection->arena, count,
                                               sizeof *collection->partitions);
    if (collection->partitions == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        Buffer name = BUFFER_INIT;
        buffer_append_text(&name, DEFAULT_PARTITION_NAME);
        if (collection->has_partition_key)
            buffer_printf(&name, "_%u", i);
        Partition *partition = &collection->partitions[i];
        partition->id = transaction_new_id(transaction);
        partition->name = collection_text(collection, buffer_slice(&name));
        partition->is_loaded = true;
        bool failed = buffer_failed(&name) || partition->name == NULL;
        buffer_free(&name);
        if (failed)
            return error_no_memory(err);
    }
    collection->partition_count = count;
    return MQL_OK;
}

/* ---- the whole ---- */

static mql_status
add_indexes(Maker *maker, Transaction *transaction, Error *err)
{
    const Node *root = maker->prepared->statement.root;
    Collection *collection = maker->collection;
    uint32_t count = 0;
    for (const Node *node = root->first; node != NULL; node = node->next)
        count += node->kind == NODE_FIELD_INDEX;
    collection->indexes = arena_alloc_array(&collection->arena, count + 1,
                                            sizeof *collection->indexes);
    if (collection->indexes == NULL)
        return error_no_memory(err);
    for (const Node *node = root->first; node != NULL; node = node->next) {
        if (node->kind != NODE_FIELD_INDEX)
            continue;
        IndexDefinition index;
        TRY(define_index(maker->prepared, node, collection, &index, err));
        index.id = transaction_new_id(transaction);
        TRY(collection_add_index(collection, &index, err));
    }
    return MQL_OK;
}

static mql_status
make_fields(Maker *maker, Error *err)
{
    const Node *root = maker->prepared->statement.root;
    Collection *collection = maker->collection;
    collection->fields = arena_alloc_array(&collection->arena, FIELDS_MOST + 1,
                                           sizeof *collection->fields);
    if (collection->fields == NULL)
        return error_no_memory(err);
    collection->next_field_id = 1;
    for (const Node *node = root->first; node != NULL; node = node->next)
        if (node->kind == NODE_FIELD)
            TRY(add_field(maker, node, err));
    for (const Node *node = root->first; node != NULL; node = node->next)
        if (node->kind == NODE_PRIMARY_KEY || node->kind == NODE_PARTITION_KEY)
            TRY(add_key(maker, node, err));
    uint32_t position = 0;
    for (const Node *node = root->first; node != NULL; node = node->next)
        if (node->kind == NODE_FIELD)
            TRY(check_field(&collection->fields[position++], node, err));
    if (maker->has_primary)
        return MQL_OK;
    error_at(err, ERR_INVALID_TABLE_DEFINITION, root->position,
             "collection \"%s\" has no primary key", collection->name);
    return error_hint(err, "Add PRIMARY KEY to one field, for example id INT64 "
                           "PRIMARY KEY AUTO_ID.");
}

static mql_status
make_collection(Maker *maker, Transaction *transaction, Error *err)
{
    const Node *root = maker->prepared->statement.root;
    Collection *collection = maker->collection;
    const Node *comment = node_child(root, NODE_COMMENT);
    collection->id = transaction_new_id(transaction);
    collection->database = maker->prepared->session->database;
    collection->name =
        collection_text(collection, node_child(root, NODE_NAME)->text);
    collection->comment = collection_text(
        collection, comment != NULL ? comment->text : (Slice){"", 0});
    if (collection->name == NULL || collection->comment == NULL)
        return error_no_memory(err);
    collection->is_loaded = true;
    collection->next_auto_id = 1;
    TRY(make_fields(maker, err));
    const Node *options = node_child(root, NODE_OPTIONS);
    if (options != NULL)
        TRY(set_properties(maker, options, err));
    TRY(add_dynamic_field(maker, err));
    TRY(add_partitions(maker, transaction, err));
    return add_indexes(maker, transaction, err);
}

/* LIKE: fields, keys and properties of another; no rows, none of the partitions
 * that CREATE PARTITION made, and indexes only when they are asked for. */
static mql_status
create_like(Prepared *prepared, Transaction *transaction, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *like = node_child(root, NODE_LIKE_COLLECTION);
    const CollectionVersion *found;
    Collection *copy;
    TRY(find_collection(prepared, like->first, &found, err));
    TRY(transaction_copy_definition(transaction, found->collection, &copy,
                                    err));
    copy->name = collection_text(copy, node_child(root, NODE_NAME)->text);
    copy->is_loaded = true;
    if (!copy->has_partition_key)
        copy->partition_count = 1;
    for (uint32_t i = 0; i < copy->partition_count; i++)
        copy->partitions[i].is_loaded = true;
    if ((like->flags & FLAG_INDEXES) == 0)
        copy->index_count = 0;
    copy->alias_count = 0;
    for (uint32_t i = 0; i < copy->field_count; i++) {
        /* No row is older than its field. */
        copy->fields[i].has_missing = false;
        copy->fields[i].missing_value = VALUE_NULL;
    }
    if (copy->name == NULL) {
        collection_release(copy);
        return error_no_memory(err);
    }
    return transaction_put_collection(transaction, copy, err);
}

static mql_status
create(Prepared *prepared, Transaction *transaction, Error *err)
{
    if (node_child(prepared->statement.root, NODE_LIKE_COLLECTION) != NULL)
        return create_like(prepared, transaction, err);
    Maker maker = {.prepared = prepared,
                   .partition_count = DEFAULT_PARTITION_KEY_PARTITIONS};
    TRY(collection_create(&maker.collection, err));
    mql_status status = make_collection(&maker, transaction, err);
    if (status != MQL_OK) {
        collection_release(maker.collection);
        return status;
    }
    return transaction_put_collection(transaction, maker.collection, err);
}

mql_status
create_collection_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    TRY(check_name(name, NAME_ORDINARY, "collection", err));
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    const char *kind;
    const char *as;
    if (node_child(root, NODE_IF_NOT_EXISTS) != NULL &&
        is_relation(prepared, name, true, &kind, &as)) {
        session_notice(prepared->session, "%s \"%s\" already exists, skipping",
                       kind, as);
        return prepared_end(prepared, transaction, MQL_OK, err);
    }
    if (require_new_name(prepared, name, err) != MQL_OK)
        return prepared_end(prepared, transaction, err->status, err);
    mql_status status = version_check_collections(
        prepared->execution.version, prepared->session->database, 1, err);
    if (status != MQL_OK)
        error_locate(err, name->position);
    else
        status = create(prepared, transaction, err);
    return prepared_end(prepared, transaction, status, err);
}
