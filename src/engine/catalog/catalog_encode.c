/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog_encode.c - definitions as bytes (docs/format/catalog.md), and back.
 *
 * Decoding trusts nothing: counts are held against their limits before memory
 * is taken, names, types and references are checked, and bytes left over are an
 * error. What it returns satisfies every invariant that the rest of the engine
 * relies on.
 */
#include "engine/catalog/catalog.h"

#include "base/utf8.h"

#define CATALOG_VERSION 1u

enum {
    FIELD_PRIMARY = 1 << 0,
    FIELD_AUTO_ID = 1 << 1,
    FIELD_NULLABLE = 1 << 2,
    FIELD_PARTITION_KEY = 1 << 3,
    FIELD_CLUSTERING_KEY = 1 << 4,
    FIELD_DYNAMIC = 1 << 5,
    FIELD_DEFAULT = 1 << 6,
    FIELD_MISSING = 1 << 7,
    FIELD_ALWAYS = 1 << 8,
    FIELD_FLAGS = (1 << 9) - 1,
};

enum {
    COLLECTION_LOADED = 1 << 0,
    COLLECTION_PARTITION_KEY = 1 << 1,
    COLLECTION_FLAGS = (1 << 2) - 1,
};

/* ---- encoding ---- */

static void
encode_type(Buffer *out, Type type)
{
    buffer_append_u8(out, (uint8_t)type.kind);
    buffer_append_u32(out, type.length);
    buffer_append_u8(out, (uint8_t)type.element);
    buffer_append_u32(out, type.element_length);
}

static uint16_t
field_flags(const Field *field)
{
    return (uint16_t)((field->is_primary ? FIELD_PRIMARY : 0) |
                      (field->is_auto_id ? FIELD_AUTO_ID : 0) |
                      (field->is_nullable ? FIELD_NULLABLE : 0) |
                      (field->is_partition_key ? FIELD_PARTITION_KEY : 0) |
                      (field->is_clustering_key ? FIELD_CLUSTERING_KEY : 0) |
                      (field->is_dynamic ? FIELD_DYNAMIC : 0) |
                      (field->has_default ? FIELD_DEFAULT : 0) |
                      (field->has_missing ? FIELD_MISSING : 0) |
                      (field->is_always ? FIELD_ALWAYS : 0));
}

static void
encode_field(Buffer *out, const Field *field)
{
    buffer_append_u32(out, field->id);
    buffer_append_sized(out, slice_of(field->name));
    encode_type(out, field->type);
    buffer_append_u16(out, field_flags(field));
    if (field->has_default)
        value_encode(out, &field->default_value);
    if (field->has_missing)
        value_encode(out, &field->missing_value);
    buffer_append_sized(out,
                        slice_of(field->comment != NULL ? field->comment : ""));
    buffer_append_u8(out, (uint8_t)field->mapping);
}

/* Options by name, so that a kind may get more of them later. */
static void
encode_index(Buffer *out, const IndexDefinition *index)
{
    buffer_append_u64(out, index->id);
    buffer_append_sized(out, slice_of(index->name));
    buffer_append_u32(out, index->field);
    buffer_append_sized(out, slice_of(index->kind->name));
    buffer_append_u8(out, index->is_auto ? 1 : 0);
    buffer_append_u8(out, (uint8_t)index->metric);
    buffer_append_u8(out, (uint8_t)index->mapping);
    buffer_append_u8(out, (uint8_t)index->cast);
    buffer_append_sized(out, index->path);
    uint8_t count = 0;
    while (index->kind->build_options[count].name != NULL)
        count++;
    buffer_append_u8(out, count);
    for (uint8_t i = 0; i < count; i++) {
        buffer_append_sized(out, slice_of(index->kind->build_options[i].name));
        buffer_append_u64(out, (uint64_t)index->options.values[i]);
    }
}

static void
encode_properties(Buffer *out, const Property *properties, uint32_t count)
{
    buffer_append_u32(out, count);
    for (uint32_t i = 0; i < count; i++) {
        buffer_append_sized(out, slice_of(properties[i].name));
        buffer_append_sized(out, slice_of(properties[i].value));
    }
}

void
collection_encode(Buffer *out, const Collection *collection)
{
    buffer_append_u8(out, CATALOG_VERSION);
    buffer_append_u64(out, collection->id);
    buffer_append_u64(out, collection->database);
    buffer_append_sized(out, slice_of(collection->name));
    buffer_append_sized(out, slice_of(collection->comment));
    buffer_append_u32(out, collection->next_field_id);
    buffer_append_u32(out, collection->field_count);
    for (uint32_t i = 0; i < collection->field_count; i++)
        encode_field(out, &collection->fields[i]);
    buffer_append_u32(out, collection->partition_count);
    for (uint32_t i = 0; i < collection->partition_count; i++) {
        const Partition *partition = &collection->partitions[i];
        buffer_append_u64(out, partition->id);
        buffer_append_sized(out, slice_of(partition->name));
        buffer_append_u8(out, partition->is_loaded ? 1 : 0);
    }
    buffer_append_u32(out, collection->index_count);
    for (uint32_t i = 0; i < collection->index_count; i++)
        encode_index(out, &collection->indexes[i]);
    encode_properties(out, collection->properties, collection->property_count);
    buffer_append_u32(out, collection->alias_count);
    for (uint32_t i = 0; i < collection->alias_count; i++)
        buffer_append_sized(out, slice_of(collection->aliases[i]));
    buffer_append_u32(out, collection->primary);
    buffer_append_u8(
        out, (uint8_t)((collection->is_loaded ? COLLECTION_LOADED : 0) |
                       (collection->has_partition_key ? COLLECTION_PARTITION_KEY
                                                      : 0)));
    buffer_append_u64(out, collection->flushed);
    buffer_append_u64(out, (uint64_t)collection->next_auto_id);
    buffer_append_u64(out, collection->created);
    buffer_append_u64(out, collection->horizon);
    buffer_append_u64(out, collection->expired);
}

void
database_encode(Buffer *out, const DatabaseDefinition *database)
{
    buffer_append_u8(out, CATALOG_VERSION);
    buffer_append_u64(out, database->id);
    buffer_append_sized(out, slice_of(database->name));
    encode_properties(out, database->properties, database->property_count);
}

/* ---- decoding ---- */

/* A reader, where its objects go, and the first failure. */
typedef struct Decoder {
    Reader reader;
    Arena *arena;
    Error *err;
} Decoder;

static mql_status
damaged(Decoder *decoder, const char *what)
{
    error_set(decoder->err, ERR_DATA_CORRUPTED,
              "damaged entry in the catalogue");
    return error_detail(decoder->err, "%s at byte %zu.", what,
                        decoder->reader.offset);
}

static mql_status
decode_text(Decoder *decoder, char **text)
{
    Slice bytes = read_sized(&decoder->reader);
    if (decoder->reader.failed)
        return damaged(decoder, "Wrong length of a text");
    if (!utf8_valid(bytes.data, bytes.size, NULL) ||
        memchr(bytes.size > 0 ? bytes.data : "", '\0', bytes.size) != NULL)
        return damaged(decoder, "Wrong text");
    *text = catalog_copy_text(decoder->arena, bytes);
    return *text == NULL ? error_no_memory(decoder->err) : MQL_OK;
}

static mql_status
decode_name(Decoder *decoder, char **name)
{
    TRY(decode_text(decoder, name));
    size_t size = strlen(*name);
    if (size == 0 || size > NAME_SIZE_MOST)
        return damaged(decoder, "Wrong name");
    return MQL_OK;
}

/* An array of `count` objects of `size` bytes, of each of which at least one
 * byte must follow: a count beyond the input is refused before memory is taken.
 */
static mql_status
decode_array(Decoder *decoder, uint32_t most, size_t size, uint32_t *count,
             void **array)
{
    uint32_t wanted = read_u32(&decoder->reader);
    *array = NULL;
    *count = 0;
    if (decoder->reader.failed || wanted > most ||
        wanted > reader_left(&decoder->reader))
        return damaged(decoder, "Wrong count");
    if (wanted == 0)
        return MQL_OK;
    *array = arena_alloc_array(decoder->arena, wanted, size);
    if (*array == NULL)
        return error_no_memory(decoder->err);
    *count = wanted;
    return MQL_OK;
}

static mql_status
decode_type(Decoder *decoder, Type *type)
{
    uint8_t kind = read_u8(&decoder->reader);
    type->length = read_u32(&decoder->reader);
    uint8_t element = read_u8(&decoder->reader);
    type->element_length = read_u32(&decoder->reader);
    type->kind = (TypeKind)kind;
    type->element = (TypeKind)element;
    if (decoder->reader.failed || kind == TYPE_NULL ||
        !type_is_built(type->kind))
        return damaged(decoder, "Wrong type");
    bool is_array = type->kind == TYPE_ARRAY;
    if (is_array != (element != TYPE_NULL) ||
        (is_array && !type_is_built(type->element)))
        return damaged(decoder, "Wrong element type");
    if (type_is_vector(type->kind) && !type_has_dimension(*type))
        return damaged(decoder, "Wrong dimension");
    return MQL_OK;
}

static mql_status
decode_default(Decoder *decoder, const Field *field, Value *value)
{
    TRY(value_decode(&decoder->reader, decoder->arena, value, decoder->err));
    if (value->is_null)
        return MQL_OK;
    Physical physical = type_physical(field->type.kind);
    if (type_physical(value->type.kind) != physical)
        return damaged(decoder, "Wrong default value");
    if (type_is_vector(field->type.kind) &&
        value->bytes.size != type_storage_size(field->type))
        return damaged(decoder, "Wrong default value");
    if (physical != PHYSICAL_BYTES)
        return MQL_OK;
    char *copy = catalog_copy_text(decoder->arena, value->bytes);
    if (copy == NULL)
        return error_no_memory(decoder->err);
    value->bytes.data = copy;
    return MQL_OK;
}

static mql_status
decode_mapping(Decoder *decoder, Mapping *mapping)
{
    uint8_t value = read_u8(&decoder->reader);
    if (decoder->reader.failed || value > MAPPING_OFF)
        return damaged(decoder, "Wrong mapping");
    *mapping = (Mapping)value;
    return MQL_OK;
}

static mql_status
decode_field(Decoder *decoder, Field *field)
{
    field->id = read_u32(&decoder->reader);
    TRY(decode_name(decoder, &field->name));
    TRY(decode_type(decoder, &field->type));
    uint16_t flags = read_u16(&decoder->reader);
    if (decoder->reader.failed || (flags & ~FIELD_FLAGS) != 0 ||
        ((flags & FIELD_ALWAYS) != 0 && (flags & FIELD_AUTO_ID) == 0))
        return damaged(decoder, "Wrong attributes of a field");
    field->is_primary = flags & FIELD_PRIMARY;
    field->is_auto_id = flags & FIELD_AUTO_ID;
    field->is_always = flags & FIELD_ALWAYS;
    field->is_nullable = flags & FIELD_NULLABLE;
    field->is_partition_key = flags & FIELD_PARTITION_KEY;
    field->is_clustering_key = flags & FIELD_CLUSTERING_KEY;
    field->is_dynamic = flags & FIELD_DYNAMIC;
    field->has_default = flags & FIELD_DEFAULT;
    field->has_missing = flags & FIELD_MISSING;
    field->default_value = VALUE_NULL;
    field->missing_value = VALUE_NULL;
    if (field->has_default)
        TRY(decode_default(decoder, field, &field->default_value));
    if (field->has_missing)
        TRY(decode_default(decoder, field, &field->missing_value));
    TRY(decode_text(decoder, &field->comment));
    return decode_mapping(decoder, &field->mapping);
}

static mql_status
decode_fields(Decoder *decoder, Collection *collection)
{
    collection->next_field_id = read_u32(&decoder->reader);
    void *fields;
    TRY(decode_array(decoder, FIELDS_MOST, sizeof(Field),
                     &collection->field_count, &fields));
    collection->fields = fields;
    for (uint32_t i = 0; i < collection->field_count; i++) {
        Field *field = &collection->fields[i];
        TRY(decode_field(decoder, field));
        bool is_new =
            collection_find_field_id(collection, field->id) == (int32_t)i;
        if (!is_new || field->id >= collection->next_field_id)
            return damaged(decoder, "Wrong field id");
    }
    return MQL_OK;
}

static mql_status
decode_partitions(Decoder *decoder, Collection *collection)
{
    void *partitions;
    TRY(decode_array(decoder, PARTITIONS_MOST, sizeof(Partition),
                     &collection->partition_count, &partitions));
    collection->partitions = partitions;
    for (uint32_t i = 0; i < collection->partition_count; i++) {
        Partition *partition = &collection->partitions[i];
        partition->id = read_u64(&decoder->reader);
        TRY(decode_name(decoder, &partition->name));
        partition->is_loaded = read_u8(&decoder->reader) != 0;
    }
    if (decoder->reader.failed || collection->partition_count == 0)
        return damaged(decoder, "Wrong partitions");
    return MQL_OK;
}

static mql_status
decode_index_options(Decoder *decoder, IndexDefinition *index)
{
    const IndexOption *table = index->kind->build_options;
    index_options_default(table, &index->options);
    uint8_t count = read_u8(&decoder->reader);
    for (uint8_t i = 0; i < count; i++) {
        Slice name = read_sized(&decoder->reader);
        int64_t value = (int64_t)read_u64(&decoder->reader);
        uint32_t position = 0;
        while (table[position].name != NULL &&
               !slice_equal(slice_of(table[position].name), name))
            position++;
        if (decoder->reader.failed || table[position].name == NULL)
            return damaged(decoder, "Wrong option of an index");
        const IndexOption *option = &table[position];
        bool is_usual = value == option->usual;
        if (!is_usual && (value < option->least || value > option->most))
            return damaged(decoder, "Wrong option of an index");
        index->options.values[position] = value;
    }
    return MQL_OK;
}

/* A cast and a path for JSON fields, none for others. */
static mql_status
decode_path(Decoder *decoder, const Field *field, IndexDefinition *index)
{
    uint8_t cast = read_u8(&decoder->reader);
    Slice path = read_sized(&decoder->reader);
    bool is_json = field->type.kind == TYPE_JSON;
    if (decoder->reader.failed || cast >= CAST_COUNT ||
        is_json != (cast != CAST_NONE) ||
        (is_json ? !json_path_check(path) : path.size != 0))
        return damaged(decoder, "Wrong path of an index");
    index->cast = (JsonCast)cast;
    index->path = (Slice){catalog_copy_text(decoder->arena, path), path.size};
    return index->path.data == NULL ? error_no_memory(decoder->err) : MQL_OK;
}

static mql_status
decode_index(Decoder *decoder, const Collection *collection,
             IndexDefinition *index)
{
    index->id = read_u64(&decoder->reader);
    TRY(decode_name(decoder, &index->name));
    index->field = read_u32(&decoder->reader);
    index->kind = index_kind_find(read_sized(&decoder->reader));
    index->is_auto = read_u8(&decoder->reader) != 0;
    uint8_t metric = read_u8(&decoder->reader);
    index->metric = (Metric)metric;
    if (decoder->reader.failed || index->kind == NULL || metric >= METRIC_COUNT)
        return damaged(decoder, "Wrong kind of index");
    TRY(decode_mapping(decoder, &index->mapping));
    int32_t field = collection_find_field_id(collection, index->field);
    if (field < 0)
        return damaged(decoder, "Index on a field that is not there");
    if (type_is_vector(collection->fields[field].type.kind) !=
        index->kind->is_vector)
        return damaged(decoder, "Index on a field of the wrong type");
    if (index->kind->is_vector) {
        ElementType element = type_element(collection->fields[field].type.kind);
        if (!index_kind_takes(index->kind, element) ||
            !metric_fits(index->metric, element))
            return damaged(decoder, "Index of a wrong metric");
    }
    TRY(decode_path(decoder, &collection->fields[field], index));
    return decode_index_options(decoder, index);
}

static mql_status
decode_indexes(Decoder *decoder, Collection *collection)
{
    void *indexes;
    TRY(decode_array(decoder, UINT16_MAX, sizeof(IndexDefinition),
                     &collection->index_count, &indexes));
    collection->indexes = indexes;
    for (uint32_t i = 0; i < collection->index_count; i++)
        TRY(decode_index(decoder, collection, &collection->indexes[i]));
    return MQL_OK;
}

static mql_status
decode_properties(Decoder *decoder, Property **properties, uint32_t *count)
{
    void *array;
    TRY(decode_array(decoder, UINT16_MAX, sizeof(Property), count, &array));
    *properties = array;
    for (uint32_t i = 0; i < *count; i++) {
        TRY(decode_text(decoder, &(*properties)[i].name));
        TRY(decode_text(decoder, &(*properties)[i].value));
    }
    return MQL_OK;
}

static mql_status
decode_aliases(Decoder *decoder, Collection *collection)
{
    void *aliases;
    TRY(decode_array(decoder, ALIASES_MOST, sizeof(char *),
                     &collection->alias_count, &aliases));
    collection->aliases = aliases;
    const char *before = "";
    for (uint32_t i = 0; i < collection->alias_count; i++) {
        TRY(decode_name(decoder, &collection->aliases[i]));
        const char *alias = collection->aliases[i];
        if (strcmp(before, alias) >= 0 || strcmp(alias, collection->name) == 0)
            return damaged(decoder, "Wrong alias");
        before = alias;
    }
    return MQL_OK;
}

static mql_status
check_primary(Decoder *decoder, const Collection *collection)
{
    if (collection->primary >= collection->field_count)
        return damaged(decoder, "Wrong primary key");
    for (uint32_t i = 0; i < collection->field_count; i++)
        if (collection->fields[i].is_primary != (i == collection->primary))
            return damaged(decoder, "Wrong primary key");
    TypeKind kind = collection->fields[collection->primary].type.kind;
    if (kind != TYPE_INT64 && kind != TYPE_VARCHAR)
        return damaged(decoder, "Wrong type of the primary key");
    return MQL_OK;
}

static mql_status
decode_collection(Decoder *decoder, Collection *collection)
{
    Reader *reader = &decoder->reader;
    if (read_u8(reader) != CATALOG_VERSION)
        return damaged(decoder, "Unknown version");
    collection->id = read_u64(reader);
    collection->database = read_u64(reader);
    TRY(decode_name(decoder, &collection->name));
    TRY(decode_text(decoder, &collection->comment));
    TRY(decode_fields(decoder, collection));
    TRY(decode_partitions(decoder, collection));
    TRY(decode_indexes(decoder, collection));
    TRY(decode_properties(decoder, &collection->properties,
                          &collection->property_count));
    TRY(decode_aliases(decoder, collection));
    collection->primary = read_u32(reader);
    uint8_t flags = read_u8(reader);
    collection->is_loaded = flags & COLLECTION_LOADED;
    collection->has_partition_key = flags & COLLECTION_PARTITION_KEY;
    collection->flushed = read_u64(reader);
    collection->next_auto_id = (int64_t)read_u64(reader);
    collection->created = read_u64(reader);
    collection->horizon = read_u64(reader);
    collection->expired = read_u64(reader);
    if (reader->failed || reader_left(reader) != 0 ||
        (flags & ~COLLECTION_FLAGS) != 0 || collection->next_auto_id < 1)
        return damaged(decoder, "Wrong end");
    return check_primary(decoder, collection);
}

mql_status
collection_decode(Slice bytes, Collection **collection, Error *err)
{
    Collection *decoded;
    *collection = NULL;
    TRY(collection_create(&decoded, err));
    Decoder decoder = {reader_of(bytes), &decoded->arena, err};
    mql_status status = decode_collection(&decoder, decoded);
    if (status != MQL_OK) {
        collection_release(decoded);
        return status;
    }
    *collection = decoded;
    return MQL_OK;
}

mql_status
database_decode(Slice bytes, Arena *arena, DatabaseDefinition *database,
                Error *err)
{
    Decoder decoder = {reader_of(bytes), arena, err};
    Reader *reader = &decoder.reader;
    *database = (DatabaseDefinition){0};
    if (read_u8(reader) != CATALOG_VERSION)
        return damaged(&decoder, "Unknown version");
    database->id = read_u64(reader);
    TRY(decode_name(&decoder, &database->name));
    TRY(decode_properties(&decoder, &database->properties,
                          &database->property_count));
    if (reader->failed || reader_left(reader) != 0)
        return damaged(&decoder, "Wrong end");
    return MQL_OK;
}
