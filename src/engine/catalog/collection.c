/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collection.c - life of a definition, and finding its parts by name or id.
 */
#include "engine/catalog/catalog.h"

#include "base/number.h"

#include <stdlib.h>

char *
catalog_copy_text(Arena *arena, Slice text)
{
    if (text.size == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, text.size + 1);
    if (copy == NULL)
        return NULL;
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

mql_status
collection_create(Collection **collection, Error *err)
{
    *collection = NULL;
    Collection *created = calloc(1, sizeof *created);
    if (created == NULL)
        return error_no_memory(err);
    arena_init(&created->arena, 0);
    atomic_init(&created->references, 1);
    created->next_auto_id = 1;
    created->next_field_id = 1;
    created->name = catalog_copy_text(&created->arena, (Slice){NULL, 0});
    created->comment = created->name;
    if (created->name == NULL) {
        collection_release(created);
        return error_no_memory(err);
    }
    *collection = created;
    return MQL_OK;
}

/* Through the stored form, so that no field can be forgotten here. */
mql_status
collection_copy(const Collection *collection, Collection **copy, Error *err)
{
    *copy = NULL;
    Buffer bytes = BUFFER_INIT;
    collection_encode(&bytes, collection);
    mql_status status;
    if (buffer_failed(&bytes))
        status = error_no_memory(err);
    else
        status = collection_decode(buffer_slice(&bytes), copy, err);
    buffer_free(&bytes);
    return status;
}

Collection *
collection_retain(const Collection *collection)
{
    /* The counter is the only part of a published definition that changes. */
    Collection *counted = (Collection *)(uintptr_t)collection;
    atomic_fetch_add_explicit(&counted->references, 1, memory_order_relaxed);
    return counted;
}

void
collection_release(Collection *collection)
{
    if (collection == NULL)
        return;
    if (atomic_fetch_sub_explicit(&collection->references, 1,
                                  memory_order_acq_rel) != 1)
        return;
    arena_free(&collection->arena);
    free(collection);
}

/* ---- finding ---- */

/* The name of the part at `position`. */
typedef const char *(*PartName)(const Collection *collection,
                                uint32_t position);

static const char *
field_name(const Collection *collection, uint32_t position)
{
    return collection->fields[position].name;
}

static const char *
partition_name(const Collection *collection, uint32_t position)
{
    return collection->partitions[position].name;
}

static const char *
index_name(const Collection *collection, uint32_t position)
{
    return collection->indexes[position].name;
}

/* Exact spelling first, then any case if only one fits. */
static int32_t
find_part(const Collection *collection, uint32_t count, PartName part_name,
          Slice name)
{
    int32_t found = -1;
    for (uint32_t i = 0; i < count; i++) {
        Slice other = slice_of(part_name(collection, i));
        if (slice_equal(other, name))
            return (int32_t)i;
        if (slice_equal_nocase(other, name))
            found = found == -1 ? (int32_t)i : -2;
    }
    return found;
}

int32_t
collection_find_field(const Collection *collection, Slice name)
{
    return find_part(collection, collection->field_count, field_name, name);
}

int32_t
collection_find_partition(const Collection *collection, Slice name)
{
    return find_part(collection, collection->partition_count, partition_name,
                     name);
}

bool
collection_has_index(const Collection *collection, uint64_t id)
{
    for (uint32_t i = 0; i < collection->index_count; i++)
        if (collection->indexes[i].id == id)
            return true;
    return false;
}

int32_t
collection_find_index(const Collection *collection, Slice name)
{
    return find_part(collection, collection->index_count, index_name, name);
}

mql_status
collection_add_index(Collection *collection, const IndexDefinition *index,
                     Error *err)
{
    IndexDefinition *added = &collection->indexes[collection->index_count];
    Arena *arena = &collection->arena;
    *added = *index;
    added->name = catalog_copy_text(arena, slice_of(index->name));
    added->path.data = catalog_copy_text(arena, index->path);
    if (added->name == NULL || added->path.data == NULL)
        return error_no_memory(err);
    collection->index_count++;
    return MQL_OK;
}

const IndexDefinition *
collection_field_index(const Collection *collection, uint32_t field, Slice path)
{
    for (uint32_t i = 0; i < collection->index_count; i++) {
        const IndexDefinition *index = &collection->indexes[i];
        if (index->field == field && slice_equal(index->path, path))
            return index;
    }
    return NULL;
}

int32_t
collection_find_field_id(const Collection *collection, uint32_t id)
{
    for (uint32_t i = 0; i < collection->field_count; i++)
        if (collection->fields[i].id == id)
            return (int32_t)i;
    return -1;
}

int32_t
collection_find_partition_id(const Collection *collection, uint64_t id)
{
    for (uint32_t i = 0; i < collection->partition_count; i++)
        if (collection->partitions[i].id == id)
            return (int32_t)i;
    return -1;
}

NameMatch
collection_match(const Collection *collection, Slice name, const char **as)
{
    NameMatch match = NAME_MATCH_NONE;
    for (uint32_t i = 0; i <= collection->alias_count; i++) {
        const char *other =
            i == 0 ? collection->name : collection->aliases[i - 1];
        bool is_exact = slice_equal(slice_of(other), name);
        if (!is_exact && (match != NAME_MATCH_NONE ||
                          !slice_equal_nocase(slice_of(other), name)))
            continue;
        *as = other;
        match = is_exact ? NAME_MATCH_EXACT : NAME_MATCH_NOCASE;
        if (is_exact)
            break;
    }
    return match;
}

int32_t
collection_find_alias(const Collection *collection, Slice alias)
{
    for (uint32_t i = 0; i < collection->alias_count; i++)
        if (slice_equal(slice_of(collection->aliases[i]), alias))
            return (int32_t)i;
    return -1;
}

mql_status
collection_add_alias(Collection *collection, Slice alias, Error *err)
{
    uint32_t count = collection->alias_count;
    char *copy = catalog_copy_text(&collection->arena, alias);
    char **longer = arena_alloc_array(&collection->arena, count + (size_t)1,
                                      sizeof *longer);
    if (copy == NULL || longer == NULL)
        return error_no_memory(err);
    uint32_t at = 0;
    while (at < count && strcmp(collection->aliases[at], copy) < 0)
        at++;
    for (uint32_t i = 0; i < count; i++)
        longer[i < at ? i : i + 1] = collection->aliases[i];
    longer[at] = copy;
    collection->aliases = longer;
    collection->alias_count++;
    return MQL_OK;
}

void
collection_remove_alias(Collection *collection, uint32_t position)
{
    collection->alias_count--;
    for (uint32_t i = position; i < collection->alias_count; i++)
        collection->aliases[i] = collection->aliases[i + 1];
}

const char *
collection_property(const Collection *collection, const char *name)
{
    for (uint32_t i = 0; i < collection->property_count; i++)
        if (strcmp(collection->properties[i].name, name) == 0)
            return collection->properties[i].value;
    return NULL;
}

/* ---- mmap.enabled ---- */

bool
property_read_bool(Slice text, bool *value)
{
    *value = slice_equal_nocase(text, SLICE_LITERAL("true")) ||
             slice_equal_nocase(text, SLICE_LITERAL("on")) ||
             slice_equal(text, SLICE_LITERAL("1"));
    return *value || slice_equal_nocase(text, SLICE_LITERAL("false")) ||
           slice_equal_nocase(text, SLICE_LITERAL("off")) ||
           slice_equal(text, SLICE_LITERAL("0"));
}

static Mapping
mapping_of(const Collection *collection)
{
    for (uint32_t i = 0; i < collection->property_count; i++) {
        const Property *property = &collection->properties[i];
        bool is_mapped;
        if (slice_equal_nocase(slice_of(property->name),
                               SLICE_LITERAL(MMAP_PROPERTY)) &&
            property_read_bool(slice_of(property->value), &is_mapped))
            return is_mapped ? MAPPING_ON : MAPPING_OFF;
    }
    return MAPPING_UNSET;
}

static bool
nearest(Mapping own, Mapping wider, bool usual)
{
    Mapping mapping = own != MAPPING_UNSET ? own : wider;
    return mapping == MAPPING_UNSET ? usual : mapping == MAPPING_ON;
}

bool
collection_is_mapped(const Collection *collection, bool usual)
{
    return nearest(MAPPING_UNSET, mapping_of(collection), usual);
}

bool
field_is_mapped(const Collection *collection, const Field *field, bool usual)
{
    return nearest(field->mapping, mapping_of(collection), usual);
}

bool
index_is_mapped(const Collection *collection, const IndexDefinition *index,
                bool usual)
{
    return nearest(index->mapping, mapping_of(collection), usual);
}

bool
collection_maps_alike(const Collection *a, const Collection *b)
{
    if (mapping_of(a) != mapping_of(b))
        return false;
    for (uint32_t i = 0; i < a->field_count; i++) {
        int32_t other = collection_find_field_id(b, a->fields[i].id);
        if (other >= 0 && b->fields[other].mapping != a->fields[i].mapping)
            return false;
    }
    for (uint32_t i = 0; i < a->index_count; i++)
        for (uint32_t k = 0; k < b->index_count; k++)
            if (a->indexes[i].id == b->indexes[k].id &&
                a->indexes[i].mapping != b->indexes[k].mapping)
                return false;
    return true;
}

/* ---- time to live ---- */

int64_t
collection_ttl(const Collection *collection)
{
    for (uint32_t i = 0; i < collection->property_count; i++) {
        const Property *property = &collection->properties[i];
        Slice value = slice_of(property->value);
        int64_t seconds;
        if (slice_equal_nocase(slice_of(property->name),
                               SLICE_LITERAL(TTL_PROPERTY)) &&
            number_read_int64(value.data, value.data + value.size, &seconds) !=
                NULL)
            return seconds > 0 && seconds <= TTL_MOST ? seconds : 0;
    }
    return 0;
}

int32_t
name_closest(Slice wanted, const Slice *names, uint32_t count)
{
    int32_t best = -1;
    uint32_t best_distance = NAME_DISTANCE_MOST + 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t distance = name_distance(wanted, names[i]);
        if (distance < best_distance && distance < wanted.size) {
            best = (int32_t)i;
            best_distance = distance;
        }
    }
    return best;
}

/* ---- databases ---- */

const char *
database_property(const DatabaseDefinition *database, const char *name)
{
    for (uint32_t i = 0; i < database->property_count; i++)
        if (strcmp(database->properties[i].name, name) == 0)
            return database->properties[i].value;
    return NULL;
}

int64_t
database_number(const DatabaseDefinition *database, const char *name)
{
    const char *text = database_property(database, name);
    int64_t number;
    if (text == NULL || *text == '\0')
        return -1;
    const char *end = text + strlen(text);
    return number_read_int64(text, end, &number) == end ? number : -1;
}

bool
database_switch(const DatabaseDefinition *database, const char *name)
{
    const char *text = database_property(database, name);
    return text != NULL && strcmp(text, "true") == 0;
}
