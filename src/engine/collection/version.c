/* SPDX-License-Identifier: Apache-2.0 */
/*
 * version.c - what readers hold, and finding things in it.
 */
#include <stdlib.h>

#include "engine/collection/store_internal.h"

static bool
drop_reference(atomic_uint *references)
{
    return atomic_fetch_sub_explicit(references, 1, memory_order_acq_rel) == 1;
}

static void
add_reference(atomic_uint *references)
{
    atomic_fetch_add_explicit(references, 1, memory_order_relaxed);
}

/* ---- databases ---- */

DatabaseEntry *
database_entry_create(void)
{
    DatabaseEntry *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    atomic_init(&entry->references, 1);
    arena_init(&entry->arena, 0);
    return entry;
}

void
database_entry_release(DatabaseEntry *entry)
{
    if (entry == NULL || !drop_reference(&entry->references))
        return;
    arena_free(&entry->arena);
    free(entry);
}

/* ---- collections ---- */

CollectionState *
collection_state_create(void)
{
    CollectionState *state = calloc(1, sizeof *state);
    if (state == NULL)
        return NULL;
    atomic_init(&state->references, 1);
    atomic_init(&state->next_auto_id, 1);
    return state;
}

void
collection_state_release(CollectionState *state)
{
    if (state != NULL && drop_reference(&state->references))
        free(state);
}

/* Sealed ones first, by id. */
static int
compare_segments(const void *a, const void *b)
{
    const Segment *left = *(Segment *const *)a;
    const Segment *right = *(Segment *const *)b;
    if (left->is_sealed != right->is_sealed)
        return left->is_sealed ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

CollectionEntry *
collection_entry_create(Collection *definition, CollectionState *state,
                        Segment *const *segments, uint32_t segment_count)
{
    CollectionEntry *entry = calloc(1, sizeof *entry);
    Segment **list = calloc(segment_count + (size_t)1, sizeof *list);
    if (entry == NULL || list == NULL) {
        free(entry);
        free(list);
        return NULL;
    }
    for (uint32_t i = 0; i < segment_count; i++)
        list[i] = segment_retain(segments[i]);
    qsort(list, segment_count, sizeof *list, compare_segments);
    atomic_init(&entry->references, 1);
    add_reference(&state->references);
    entry->state = state;
    entry->version =
        (CollectionVersion){collection_retain(definition), list, segment_count};
    return entry;
}

void
collection_entry_release(CollectionEntry *entry)
{
    if (entry == NULL || !drop_reference(&entry->references))
        return;
    CollectionVersion *version = &entry->version;
    for (uint32_t i = 0; i < version->segment_count; i++)
        segment_release(version->segments[i]);
    free((void *)(uintptr_t)version->segments);
    collection_release((Collection *)(uintptr_t)version->collection);
    collection_state_release(entry->state);
    free(entry);
}

/* ---- contents ---- */

Contents *
contents_create(uint32_t databases, uint32_t collections)
{
    Contents *contents = calloc(1, sizeof *contents);
    if (contents == NULL)
        return NULL;
    atomic_init(&contents->references, 1);
    contents->databases =
        calloc(databases + (size_t)1, sizeof *contents->databases);
    contents->collections =
        calloc(collections + (size_t)1, sizeof *contents->collections);
    if (contents->databases != NULL && contents->collections != NULL)
        return contents;
    contents_release(contents);
    return NULL;
}

static int
compare_databases(const void *a, const void *b)
{
    const DatabaseDefinition *left = *(const DatabaseDefinition *const *)a;
    const DatabaseDefinition *right = *(const DatabaseDefinition *const *)b;
    return strcmp(left->name, right->name);
}

static int
compare_collections(const void *a, const void *b)
{
    const Collection *left = (*(const CollectionVersion *const *)a)->collection;
    const Collection *right =
        (*(const CollectionVersion *const *)b)->collection;
    if (left->database != right->database)
        return left->database < right->database ? -1 : 1;
    return strcmp(left->name, right->name);
}

void
contents_sort(Contents *contents)
{
    qsort(contents->databases, contents->database_count,
          sizeof *contents->databases, compare_databases);
    qsort(contents->collections, contents->collection_count,
          sizeof *contents->collections, compare_collections);
}

void
contents_release(Contents *contents)
{
    if (contents == NULL || !drop_reference(&contents->references))
        return;
    for (uint32_t i = 0; i < contents->database_count; i++)
        database_entry_release(database_entry_of(contents->databases[i]));
    for (uint32_t i = 0; i < contents->collection_count; i++)
        collection_entry_release(collection_entry_of(contents->collections[i]));
    stored_settings_release(contents->settings);
    access_release(contents->access);
    free(contents->databases);
    free(contents->collections);
    free(contents);
}

/* ---- versions ---- */

VersionHolder *
version_create(Contents *contents, uint64_t sequence)
{
    VersionHolder *holder = calloc(1, sizeof *holder);
    if (holder == NULL) {
        contents_release(contents);
        return NULL;
    }
    atomic_init(&holder->version.references, 1);
    holder->version.sequence = sequence;
    holder->version.databases = contents->databases;
    holder->version.database_count = contents->database_count;
    holder->version.collections = contents->collections;
    holder->version.collection_count = contents->collection_count;
    holder->version.schema = contents->schema;
    holder->version.settings = contents->settings;
    holder->version.access = contents->access;
    holder->contents = contents;
    return holder;
}

void
version_release(const Version *version)
{
    VersionHolder *holder = (VersionHolder *)(uintptr_t)version;
    if (holder == NULL || !drop_reference(&holder->version.references))
        return;
    version_release(holder->version.committed);
    contents_release(holder->contents);
    free(holder);
}

const Version *
version_retain(const Version *version)
{
    /* The counter changes, the version does not. */
    add_reference(&((Version *)(uintptr_t)version)->references);
    return version;
}

const Version *
store_version(Store *store)
{
    pthread_mutex_lock(&store->version_mutex);
    const Version *version = version_retain(store->version);
    pthread_mutex_unlock(&store->version_mutex);
    return version;
}

const Version *
store_newest(Store *store)
{
    pthread_mutex_lock(&store->version_mutex);
    const Version *version = version_retain(store->pending_last != NULL
                                                ? &store->pending_last->version
                                                : store->version);
    pthread_mutex_unlock(&store->version_mutex);
    return version;
}

void
store_pend(Store *store, VersionHolder *holder)
{
    pthread_mutex_lock(&store->version_mutex);
    if (store->pending_last != NULL)
        store->pending_last->next = holder;
    else
        store->pending_first = holder;
    store->pending_last = holder;
    pthread_mutex_unlock(&store->version_mutex);
}

void
store_publish_pending(Store *store, uint64_t sequence)
{
    for (;;) {
        pthread_mutex_lock(&store->version_mutex);
        VersionHolder *first = store->pending_first;
        if (first == NULL || first->version.sequence > sequence) {
            pthread_mutex_unlock(&store->version_mutex);
            return;
        }
        Version *old = store->version;
        store->version = &first->version;
        store->pending_first = first->next;
        if (first->next == NULL)
            store->pending_last = NULL;
        first->next = NULL;
        pthread_mutex_unlock(&store->version_mutex);
        version_release(old);
    }
}

void
store_publish(Store *store, VersionHolder *holder)
{
    pthread_mutex_lock(&store->version_mutex);
    Version *old = store->version;
    store->version = &holder->version;
    pthread_mutex_unlock(&store->version_mutex);
    version_release(old);
}

/* ---- finding ---- */

const DatabaseDefinition *
version_find_database(const Version *version, Slice name)
{
    const DatabaseDefinition *found = NULL;
    bool is_ambiguous = false;
    for (uint32_t i = 0; i < version->database_count; i++) {
        const DatabaseDefinition *database = version->databases[i];
        Slice other = slice_of(database->name);
        if (slice_equal(other, name))
            return database;
        if (!slice_equal_nocase(other, name))
            continue;
        is_ambiguous = is_ambiguous || found != NULL;
        found = database;
    }
    return is_ambiguous ? NULL : found;
}

const DatabaseDefinition *
version_database(const Version *version, uint64_t id)
{
    for (uint32_t i = 0; i < version->database_count; i++)
        if (version->databases[i]->id == id)
            return version->databases[i];
    return NULL;
}

/* Position of the first collection of a database whose name is not below
 * `name`. */
static uint32_t
collection_position(const Version *version, uint64_t database, Slice name)
{
    uint32_t low = 0;
    uint32_t high = version->collection_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const Collection *other = version->collections[middle]->collection;
        bool is_below = other->database != database
                            ? other->database < database
                            : slice_compare(slice_of(other->name), name) < 0;
        if (is_below)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
is_named(const CollectionVersion *version, uint64_t database, Slice name)
{
    return version->collection->database == database &&
           slice_equal(slice_of(version->collection->name), name);
}

const CollectionVersion *
version_find_called(const Version *version, uint64_t database, Slice name,
                    const char **as)
{
    uint32_t position = collection_position(version, database, name);
    if (position < version->collection_count &&
        is_named(version->collections[position], database, name)) {
        *as = version->collections[position]->collection->name;
        return version->collections[position];
    }
    const CollectionVersion *found = NULL;
    bool is_ambiguous = false;
    for (uint32_t i = collection_position(version, database, (Slice){NULL, 0});
         i < version->collection_count &&
         version->collections[i]->collection->database == database;
         i++) {
        const CollectionVersion *other = version->collections[i];
        const char *called;
        NameMatch match = collection_match(other->collection, name, &called);
        if (match == NAME_MATCH_NONE)
            continue;
        *as = called;
        if (match == NAME_MATCH_EXACT)
            return other;
        is_ambiguous = is_ambiguous || found != NULL;
        found = other;
    }
    return is_ambiguous ? NULL : found;
}

const CollectionVersion *
version_find_collection(const Version *version, uint64_t database, Slice name)
{
    const char *as;
    return version_find_called(version, database, name, &as);
}

const CollectionVersion *
version_collection(const Version *version, uint64_t id)
{
    for (uint32_t i = 0; i < version->collection_count; i++)
        if (version->collections[i]->collection->id == id)
            return version->collections[i];
    return NULL;
}
