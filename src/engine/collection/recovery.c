/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery.c - from the files to the first Version.
 *
 *   1. read the log once: catalogue changes of commits that the catalogue lacks
 * are applied, in order; the records are kept for step 3
 *   2. load definitions and open segments
 *   3. rows and deletions of commits that are not in sealed segments go to
 * growing ones
 *   4. remove files that nothing refers to
 *
 * Nothing but step 1 changes the database, and doing it again changes nothing:
 * a crash anywhere is followed by the same recovery. Step 4 comes when all else
 * has succeeded.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "engine/collection/store_internal.h"
#include "storage/backup.h"

typedef struct KeptRecord {
    struct KeptRecord *next;
    uint64_t sequence;
    int64_t time;
    size_t size;
    char payload[];
} KeptRecord;

/* A collection while it is put together. */
typedef struct Recovered {
    Collection *definition;
    CollectionState *state;
    Segment **segments; /* owned references */
    uint32_t segment_count;
    uint32_t segment_capacity;
} Recovered;

typedef struct Recovery {
    Store *store;
    uint64_t applied;
    uint64_t sequence; /* of the record being looked at */
    KeptRecord *first;
    KeptRecord **last;
    DatabaseEntry **databases; /* owned references */
    uint32_t database_count;
    uint32_t database_capacity;
    Recovered *collections;
    uint32_t collection_count;
    uint32_t collection_capacity;
    StoredSettings *settings;
    const Access *access;
    Map by_id; /* collection id -> position */
    Map files; /* segment id -> SealedSegment * */
    Arena batch_arena;
} Recovery;

/* Room for one more of `size` bytes. */
static mql_status
reserve(void **array, uint32_t count, uint32_t *capacity, size_t size,
        Error *err)
{
    if (count < *capacity)
        return MQL_OK;
    uint32_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    void *grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return error_no_memory(err);
    *array = grown;
    *capacity = wanted;
    return MQL_OK;
}

static void
recovery_free(Recovery *recovery)
{
    while (recovery->first != NULL) {
        KeptRecord *next = recovery->first->next;
        free(recovery->first);
        recovery->first = next;
    }
    for (uint32_t i = 0; i < recovery->database_count; i++)
        database_entry_release(recovery->databases[i]);
    for (uint32_t i = 0; i < recovery->collection_count; i++) {
        Recovered *collection = &recovery->collections[i];
        for (uint32_t k = 0; k < collection->segment_count; k++)
            segment_release(collection->segments[k]);
        free(collection->segments);
        collection_release(collection->definition);
        collection_state_release(collection->state);
    }
    stored_settings_release(recovery->settings);
    access_release(recovery->access);
    free(recovery->databases);
    free(recovery->collections);
    map_free(&recovery->by_id);
    map_free(&recovery->files);
    arena_free(&recovery->batch_arena);
}

/* ---- 1. the log and the catalogue ---- */

static mql_status
apply_changes(void *context, Slice changes, Error *err)
{
    Recovery *recovery = context;
    TRY(meta_apply(recovery->store->meta, changes, recovery->sequence, err));
    recovery->store->noted = recovery->sequence;
    return MQL_OK;
}

static mql_status
keep_record(Recovery *recovery, const WalRecord *record, Error *err)
{
    KeptRecord *kept = malloc(sizeof *kept + record->payload.size);
    if (kept == NULL)
        return error_no_memory(err);
    kept->next = NULL;
    kept->sequence = record->sequence;
    kept->time = record->time;
    kept->size = record->payload.size;
    memcpy(kept->payload, record->payload.data, record->payload.size);
    *recovery->last = kept;
    recovery->last = &kept->next;
    return MQL_OK;
}

static mql_status
take_record(void *context, const WalRecord *record, Error *err)
{
    Recovery *recovery = context;
    RecordVisitor visitor = {.context = recovery};
    if (record->sequence > recovery->applied)
        visitor.meta = apply_changes;
    recovery->sequence = record->sequence;
    TRY(record_visit(record->payload, &visitor, err));
    return keep_record(recovery, record, err);
}

static mql_status
take_number(void *context, Slice key, Slice value, Error *err)
{
    Store *store = context;
    Reader reader = reader_of(value);
    uint64_t number = read_u64(&reader);
    if (reader.failed || reader_left(&reader) != 0)
        return error_set(err, ERR_DATA_CORRUPTED,
                         "damaged number in the catalogue");
    if (slice_equal(key, slice_of(META_NEXT_ID))) {
        store->stored_next_id = number;
        if (number > atomic_load(&store->next_id))
            atomic_store(&store->next_id, number);
    } else if (slice_equal(key, slice_of(META_TRIMMED))) {
        store->trimmed = number;
    }
    return MQL_OK;
}

static mql_status
read_numbers(Store *store, Error *err)
{
    TRY(meta_each(store->meta, META_NEXT_ID, take_number, store, err));
    return meta_each(store->meta, META_TRIMMED, take_number, store, err);
}

static mql_status
report_loss(const Recovery *recovery, const Collection *collection,
            const char *what, const Error *why, Error *err)
{
    const LossReport *losses = recovery->store->losses;
    char object[ERROR_TEXT_SIZE] = "log";
    if (collection != NULL)
        snprintf(object, sizeof object, "collection \"%s\"", collection->name);
    const Loss loss = {.object = object, .what = what, .why = why};
    return losses->lost(losses->context, &loss, err);
}

/* The log's records up to the damage are taken. */
static mql_status
lose_log(const Recovery *recovery, const Error *why, uint64_t *last, Error *err)
{
    char what[128];
    *last = recovery->sequence > recovery->applied ? recovery->sequence
                                                   : recovery->applied;
    snprintf(what, sizeof what,
             "commits after number %" PRIu64
             ", where they are in no segment's file",
             recovery->sequence);
    return report_loss(recovery, NULL, what, why, err);
}

static mql_status
read_log(Recovery *recovery, uint64_t *last, Error *err)
{
    Store *store = recovery->store;
    TRY(read_numbers(store, err));
    char *path = path_join(store->space.path, "wal");
    if (path == NULL)
        return error_no_memory(err);
    mql_status (*open)(const Vfs *, const char *, uint64_t, uint64_t,
                       mql_status (*)(void *, const WalRecord *, Error *),
                       void *, const Log *, Wal **, uint64_t *, Error *) =
        store->is_read_only ? wal_open_read_only : wal_open;
    Error why = ERROR_INIT;
    mql_status status =
        open(store->space.vfs, path, store->space.database, store->trimmed,
             take_record, recovery, &store->space.log, &store->wal, last, &why);
    if (status == MQL_OK && *last < recovery->applied)
        status = error_corrupt(&why, path, -1,
                               "the log ends with commit %" PRIu64
                               ", but the catalogue has commit %" PRIu64,
                               *last, recovery->applied);
    free(path);
    if (status == MQL_CORRUPT && store->losses != NULL)
        status = lose_log(recovery, &why, last, err);
    else if (status != MQL_OK && err != NULL)
        *err = why;
    TRY(status);
    return read_numbers(store, err);
}

/* The first commit of a new database: it has the database "default". */
static mql_status
make_first_commit(Recovery *recovery, uint64_t *last, Error *err)
{
    Store *store = recovery->store;
    if (*last > 0)
        return MQL_OK;
    if (store->is_read_only)
        return error_set(err, ERR_UNDEFINED_FILE,
                         "database \"%s\" was never finished",
                         store->space.path);
    DatabaseDefinition definition = {
        .id = 1, .name = (char *)(uintptr_t)DEFAULT_DATABASE_NAME};
    Buffer value = BUFFER_INIT;
    Buffer payload = BUFFER_INIT;
    MetaChanges changes = META_CHANGES_INIT;
    char key[META_KEY_SIZE];
    meta_key(key, "database", definition.id);
    database_encode(&value, &definition);
    if (!buffer_failed(&value))
        meta_change_put(&changes, key, buffer_slice(&value));
    meta_put_u64(&changes, META_NEXT_ID, definition.id + 1);
    record_start(&payload);
    record_meta(&payload, buffer_slice(&changes.bytes));
    mql_status status = MQL_OK;
    if (buffer_failed(&value) || buffer_failed(&changes.bytes) ||
        buffer_failed(&payload))
        status = error_no_memory(err);
    WalRecord record = {1, store->space.vfs->now(store->space.vfs->context),
                        buffer_slice(&payload)};
    if (status == MQL_OK)
        status = wal_commit(store->wal, &record, err);
    if (status == MQL_OK)
        status = meta_apply(store->meta, buffer_slice(&changes.bytes), 1, err);
    if (status == MQL_OK)
        status = read_numbers(store, err);
    timeline_append(&store->timeline, record.sequence, record.time);
    *last = 1;
    buffer_free(&value);
    buffer_free(&payload);
    meta_changes_free(&changes);
    return status;
}

/* ---- 2. definitions and segments ---- */

static mql_status
load_database(void *context, Slice key, Slice value, Error *err)
{
    (void)key;
    Recovery *recovery = context;
    TRY(reserve((void **)&recovery->databases, recovery->database_count,
                &recovery->database_capacity, sizeof(DatabaseEntry *), err));
    DatabaseEntry *entry = database_entry_create();
    if (entry == NULL)
        return error_no_memory(err);
    recovery->databases[recovery->database_count++] = entry;
    return database_decode(value, &entry->arena, &entry->definition, err);
}

static mql_status
load_collection(void *context, Slice key, Slice value, Error *err)
{
    (void)key;
    Recovery *recovery = context;
    TRY(reserve((void **)&recovery->collections, recovery->collection_count,
                &recovery->collection_capacity, sizeof(Recovered), err));
    Recovered *collection = &recovery->collections[recovery->collection_count];
    *collection = (Recovered){0};
    recovery->collection_count++;
    TRY(collection_decode(value, &collection->definition, err));
    collection->state = collection_state_create();
    if (collection->state == NULL ||
        !map_put_u64(&recovery->by_id, collection->definition->id,
                     recovery->collection_count - 1))
        return error_no_memory(err);
    atomic_store(&collection->state->next_auto_id,
                 collection->definition->next_auto_id);
    return MQL_OK;
}

static Recovered *
find_collection(Recovery *recovery, uint64_t id)
{
    uint64_t *position = map_find_u64(&recovery->by_id, id);
    return position == NULL ? NULL : &recovery->collections[*position];
}

/* Takes the reference. */
static mql_status
keep_segment(Recovered *collection, Segment *segment, Error *err)
{
    mql_status status =
        reserve((void **)&collection->segments, collection->segment_count,
                &collection->segment_capacity, sizeof(Segment *), err);
    if (status != MQL_OK) {
        segment_release(segment);
        return status;
    }
    collection->segments[collection->segment_count++] = segment;
    return MQL_OK;
}

static bool
is_damage(mql_status status)
{
    return status == MQL_CORRUPT || status == MQL_NOT_FOUND;
}

/* The segment without what the file of its deletions says; NULL: there is more
 * wrong with it. */
static mql_status
open_undeleted(const Recovery *recovery, const SegmentEntry *entry,
               const Collection *definition, SealedSegment **segment,
               Error *err)
{
    Error ignored = ERROR_INIT; /* the first damage is reported */
    SegmentEntry bare;
    *segment = NULL;
    TRY(segment_entry_copy(entry, &bare, err));
    bare.deletes = 0;
    bare.deletes_size = 0;
    mql_status status = sealed_open(&recovery->store->space, &bare, definition,
                                    segment, &ignored);
    segment_entry_free(&bare);
    if (status == MQL_OK || is_damage(status))
        return MQL_OK;
    *err = ignored;
    return status;
}

/* As a segment with damage, which is reported when its rows are asked for; or,
 * if only the file of deletions is damaged, without them. */
static mql_status
open_with_loss(const Recovery *recovery, const SegmentEntry *entry,
               const Collection *definition, const Error *damage,
               SealedSegment **segment, Error *err)
{
    if (recovery->store->losses == NULL)
        return sealed_open_damaged(entry, damage, segment, err);
    TRY(open_undeleted(recovery, entry, definition, segment, err));
    if (*segment == NULL)
        return sealed_open_damaged(entry, damage, segment, err);
    mql_status status = report_loss(
        recovery, definition, "deletions: rows that were deleted may be back",
        damage, err);
    if (status != MQL_OK)
        segment_release(&(*segment)->base);
    return status;
}

/* A segment that cannot be read takes its collection out of use, not the
 * database. */
static mql_status
open_or_replace(Recovery *recovery, const SegmentEntry *entry,
                const Collection *definition, SealedSegment **segment,
                Error *err)
{
    const FileSpace *space = &recovery->store->space;
    Error why = ERROR_INIT;
    mql_status status = sealed_open(space, entry, definition, segment, &why);
    if (!is_damage(status)) {
        if (status != MQL_OK && err != NULL)
            *err = why;
        return status;
    }
    char *path = segment_path(space, entry->id);
    Error damage = ERROR_INIT;
    if (status == MQL_NOT_FOUND)
        error_corrupt(&damage, path != NULL ? path : "", -1, "%s", why.text);
    else
        damage = why;
    free(path);
    log_write(&space->log, "WARNING", "collection \"%s\" is damaged: %s. %s",
              definition->name, damage.text, damage.detail);
    return open_with_loss(recovery, entry, definition, &damage, segment, err);
}

static mql_status
open_segment(Recovery *recovery, const SegmentEntry *entry, Error *err)
{
    Recovered *collection = find_collection(recovery, entry->collection);
    if (collection == NULL || collection_find_partition_id(
                                  collection->definition, entry->partition) < 0)
        return error_set(err, ERR_DATA_CORRUPTED,
                         "segment %" PRIu64 " belongs to no collection",
                         entry->id);
    SealedSegment *segment;
    TRY(open_or_replace(recovery, entry, collection->definition, &segment,
                        err));
    TRY(keep_segment(collection, &segment->base, err));
    return map_put_u64(&recovery->files, entry->id,
                       (uint64_t)(uintptr_t)segment)
               ? MQL_OK
               : error_no_memory(err);
}

static mql_status
load_segment(void *context, Slice key, Slice value, Error *err)
{
    (void)key;
    SegmentEntry entry;
    TRY(segment_entry_decode(value, &entry, err));
    mql_status status = open_segment(context, &entry, err);
    segment_entry_free(&entry);
    return status;
}

static mql_status
load_catalogue(Recovery *recovery, Error *err)
{
    Meta *meta = recovery->store->meta;
    TRY(stored_settings_load(meta, &recovery->settings, err));
    residence_take_settings(&recovery->store->residence, recovery->settings);
    TRY(access_load(meta, &recovery->access, err));
    TRY(meta_each(meta, "database/", load_database, recovery, err));
    TRY(meta_each(meta, "collection/", load_collection, recovery, err));
    return meta_each(meta, "segment/", load_segment, recovery, err);
}

/* ---- the times of commits ---- */

static mql_status
load_times(void *context, Slice key, Slice value, Error *err)
{
    Store *store = context;
    uint64_t number = 0;
    for (size_t i = strlen(TIMELINE_PREFIX); i < key.size; i++)
        number = number * 10 + (uint64_t)(unsigned char)(key.data[i] - '0');
    return timeline_load(&store->timeline, number, value, err);
}

/* The log has those that the catalogue lacks. */
static mql_status
load_timeline(Recovery *recovery, Error *err)
{
    Store *store = recovery->store;
    TRY(meta_each(store->meta, TIMELINE_PREFIX, load_times, store, err));
    uint64_t known = timeline_last(&store->timeline).sequence;
    for (const KeptRecord *record = recovery->first; record != NULL;
         record = record->next)
        if (record->sequence > known)
            timeline_append(&store->timeline, record->sequence, record->time);
    return MQL_OK;
}

/* ---- 3. rows and deletions ---- */

/* The collection, if the record is not in its sealed segments already. */
static Recovered *
find_replayed(Recovery *recovery, uint64_t id)
{
    Recovered *collection = find_collection(recovery, id);
    if (collection == NULL ||
        recovery->sequence <= collection->definition->flushed)
        return NULL;
    return collection;
}

static void
mark_dirty(const Recovery *recovery, Recovered *collection)
{
    if (collection->state->dirty_since == 0)
        collection->state->dirty_since = recovery->sequence;
    collection->state->dirty_next = collection->state->dirty_since;
}

static mql_status
growing_for(Recovery *recovery, Recovered *collection, uint64_t partition,
            GrowingSegment **segment, Error *err)
{
    for (uint32_t i = 0; i < collection->segment_count; i++) {
        Segment *other = collection->segments[i];
        if (other->is_sealed || other->partition != partition)
            continue;
        *segment = (GrowingSegment *)(void *)other;
        return MQL_OK;
    }
    Store *store = recovery->store;
    TRY(growing_create(atomic_fetch_add(&store->next_id, 1),
                       collection->definition, partition,
                       store->limits.chunk_bytes, segment, err));
    return keep_segment(collection, &(*segment)->base, err);
}

static mql_status
replay_rows(void *context, const RecordRows *rows, Error *err)
{
    Recovery *recovery = context;
    Recovered *collection = find_replayed(recovery, rows->collection);
    if (collection == NULL)
        return MQL_OK;
    mark_dirty(recovery, collection);
    if (rows->next_auto_id > atomic_load(&collection->state->next_auto_id))
        atomic_store(&collection->state->next_auto_id, rows->next_auto_id);
    if (collection_find_partition_id(collection->definition, rows->partition) <
        0)
        return MQL_OK;
    GrowingSegment *segment;
    Batch batch;
    arena_reset(&recovery->batch_arena);
    TRY(growing_for(recovery, collection, rows->partition, &segment, err));
    TRY(record_batch(rows, collection->definition, &recovery->batch_arena,
                     &batch, err));
    TRY(growing_append(segment, &batch, NULL, batch.count, recovery->sequence,
                       err));
    TRY(growing_reserve_keys(segment, err));
    growing_publish(segment, batch.count);
    return MQL_OK;
}

typedef struct ReplayedKey {
    bool found;
    uint32_t row;
} ReplayedKey;

/* Look for the key; a segment that turns out to be damaged has no rows for us,
 * and none for anybody. */
static mql_status
find_replayed_key(const Recovery *recovery, const Collection *definition,
                  Segment *segment, const Value *key, ReplayedKey *place,
                  Error *err)
{
    Error why = ERROR_INIT;
    mql_status status = segment_find_key(segment, key, recovery->sequence - 1,
                                         &place->found, &place->row, &why);
    if (status == MQL_CORRUPT && segment->is_sealed) {
        place->found = false;
        if (recovery->store->losses != NULL)
            return report_loss(recovery, definition,
                               "a deletion: its row may be back", &why, err);
        return sealed_set_damage((SealedSegment *)(void *)segment, &why, err);
    }
    if (status != MQL_OK && err != NULL)
        *err = why;
    return status;
}

/* The row that had the key when the commit was made. It is not there when its
 * partition went since, or when a flush has left it out. */
static mql_status
replay_delete(void *context, uint64_t id, const Value *key, Error *err)
{
    Recovery *recovery = context;
    Recovered *collection = find_replayed(recovery, id);
    if (collection == NULL)
        return MQL_OK;
    const Collection *definition = collection->definition;
    if (type_physical(key->type.kind) !=
        type_physical(definition->fields[definition->primary].type.kind))
        return error_set(err, ERR_DATA_CORRUPTED, "damaged record in the log");
    mark_dirty(recovery, collection);
    for (uint32_t i = 0; i < collection->segment_count; i++) {
        Segment *segment = collection->segments[i];
        ReplayedKey place;
        TRY(find_replayed_key(recovery, definition, segment, key, &place, err));
        if (!place.found)
            continue;
        if (!segment->is_sealed) {
            growing_delete((GrowingSegment *)(void *)segment, place.row,
                           recovery->sequence);
            return MQL_OK;
        }
        SealedSegment *sealed = (SealedSegment *)(void *)segment;
        TRY(sealed_reserve_delete(sealed, place.row, err));
        sealed_delete(sealed, place.row, recovery->sequence);
        sealed->has_new_deletes = true;
        return MQL_OK;
    }
    return MQL_OK;
}

static mql_status
replay_records(Recovery *recovery, Error *err)
{
    const RecordVisitor visitor = {
        .context = recovery, .rows = replay_rows, .delete_key = replay_delete};
    while (recovery->first != NULL) {
        KeptRecord *record = recovery->first;
        recovery->sequence = record->sequence;
        TRY(record_visit((Slice){record->payload, record->size}, &visitor,
                         err));
        recovery->first = record->next;
        free(record);
    }
    return MQL_OK;
}

/* ---- 4. leftover files ---- */

static bool
is_referenced(const Recovery *recovery, uint64_t id, uint64_t number,
              const char *extension)
{
    const uint64_t *found = map_find_u64(&recovery->files, id);
    if (found == NULL)
        return false;
    const SealedSegment *segment = (const void *)(uintptr_t)*found;
    return segment_entry_names(&segment->entry, number, extension);
}

static void
remove_leftover(const Recovery *recovery, const char *directory,
                const char *name, bool is_temporary)
{
    const FileSpace *space = &recovery->store->space;
    uint64_t segment;
    uint64_t number;
    const char *extension;
    if (!segment_file_parse(name, &segment, &number, &extension)) {
        log_write(&space->log, "WARNING", "unknown file \"%s/%s\" is ignored",
                  directory, name);
        return;
    }
    if (!is_temporary && is_referenced(recovery, segment, number, extension))
        return;
    Error failure = ERROR_INIT;
    char *path = path_join(directory, name);
    if (path == NULL)
        return; /* the next opening removes it */
    if (file_remove(space->vfs, path, &failure) != MQL_OK)
        log_write(&space->log, "WARNING", "%s", failure.text);
    free(path);
}

static mql_status
remove_leftovers(const Recovery *recovery, const char *folder,
                 bool is_temporary, Error *err)
{
    const FileSpace *space = &recovery->store->space;
    char *directory = path_join(space->path, folder);
    if (directory == NULL)
        return error_no_memory(err);
    Buffer names = BUFFER_INIT;
    int result = space->vfs->list(space->vfs->context, directory, &names);
    mql_status status = MQL_OK;
    if (result < 0)
        status = file_error(err, -result, "read directory", directory);
    for (size_t at = 0; status == MQL_OK && at < names.size;
         at += strlen(names.data + at) + 1)
        remove_leftover(recovery, directory, names.data + at, is_temporary);
    buffer_free(&names);
    free(directory);
    return status;
}

/* ---- the first version ---- */

static mql_status
fill_contents(Recovery *recovery, Contents *contents, Error *err)
{
    for (uint32_t i = 0; i < recovery->database_count; i++) {
        atomic_fetch_add(&recovery->databases[i]->references, 1);
        contents->databases[contents->database_count++] =
            &recovery->databases[i]->definition;
    }
    for (uint32_t i = 0; i < recovery->collection_count; i++) {
        Recovered *collection = &recovery->collections[i];
        CollectionEntry *entry = collection_entry_create(
            collection->definition, collection->state, collection->segments,
            collection->segment_count);
        if (entry == NULL)
            return error_no_memory(err);
        contents->collections[contents->collection_count++] = &entry->version;
    }
    contents_sort(contents);
    return MQL_OK;
}

static mql_status
publish_first(Recovery *recovery, uint64_t last, Error *err)
{
    Contents *contents =
        contents_create(recovery->database_count, recovery->collection_count);
    if (contents == NULL)
        return error_no_memory(err);
    mql_status status = fill_contents(recovery, contents, err);
    if (status != MQL_OK) {
        contents_release(contents);
        return status;
    }
    contents->schema = last;
    contents->settings = stored_settings_retain(recovery->settings);
    contents->access = access_retain(recovery->access);
    VersionHolder *holder = version_create(contents, last);
    if (holder == NULL)
        return error_no_memory(err);
    recovery->store->appended = last;
    recovery->store->synced = last;
    store_publish(recovery->store, holder);
    return MQL_OK;
}

static mql_status
recover(Recovery *recovery, Error *err)
{
    uint64_t last = 0;
    TRY(read_log(recovery, &last, err));
    TRY(make_first_commit(recovery, &last, err));
    TRY(load_catalogue(recovery, err));
    TRY(load_timeline(recovery, err));
    TRY(replay_records(recovery, err));
    TRY(publish_first(recovery, last, err));
    if (recovery->store->is_read_only)
        return MQL_OK;
    TRY(remove_leftovers(recovery, "segments", false, err));
    return remove_leftovers(recovery, "tmp", true, err);
}

static mql_status
open_catalogue(Store *store, uint64_t *applied, Error *err)
{
    const FileSpace *space = &store->space;
    if (!store->is_read_only)
        return meta_open(space->vfs, space->path, &store->meta,
                         &store->space.database, applied, err);
    char *path = path_join(space->path, store->is_backup ? BACKUP_CATALOGUE_NAME
                                                         : "meta.mdb");
    if (path == NULL)
        return error_no_memory(err);
    mql_status status = meta_open_read_only(
        space->vfs, path, &store->meta, &store->space.database, applied, err);
    free(path);
    return status;
}

mql_status
store_recover(Store *store, Error *err)
{
    Recovery recovery = {.store = store, .by_id = MAP_INIT, .files = MAP_INIT};
    recovery.last = &recovery.first;
    arena_init(&recovery.batch_arena, 0);
    mql_status status = open_catalogue(store, &recovery.applied, err);
    store->noted = recovery.applied;
    if (status == MQL_OK)
        status = recover(&recovery, err);
    recovery_free(&recovery);
    return status;
}
