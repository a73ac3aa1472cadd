/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_check.c - every file of a database: segments from within, their files
 * against the catalogue, and that no key is there twice. Nothing is changed.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/collection/store_internal.h"

/* No live row of another segment has the key of a live row of this one. */
static mql_status
check_key(const CollectionVersion *collection, uint32_t position,
          const Value *key, uint64_t sequence, Error *err)
{
    for (uint32_t i = position + 1; i < collection->segment_count; i++) {
        bool found;
        uint32_t row;
        TRY(segment_find_key(collection->segments[i], key, sequence, &found,
                             &row, err));
        if (!found)
            continue;
        error_set(err, ERR_DATA_CORRUPTED,
                  "a primary key of collection \"%s\" occurs twice",
                  collection->collection->name);
        return error_detail(err, "In segments %" PRIu64 " and %" PRIu64 ".",
                            collection->segments[position]->id,
                            collection->segments[i]->id);
    }
    return MQL_OK;
}

/* The keys of the live rows among [first, first + count). */
static mql_status
check_key_batch(const CollectionVersion *collection, uint32_t position,
                const uint64_t *visible, RowRange range, uint64_t sequence,
                Arena *batch_arena, Error *err)
{
    const Collection *definition = collection->collection;
    Column keys;
    arena_reset(batch_arena);
    TRY(segment_read(collection->segments[position],
                     &definition->fields[definition->primary], range,
                     batch_arena, &keys, err));
    for (uint32_t i = 0; i < range.count; i++) {
        if (!bits_get(visible, range.first + i))
            continue;
        Value key = column_value(&keys, i);
        TRY(check_key(collection, position, &key, sequence, err));
    }
    return MQL_OK;
}

static mql_status
check_keys(const CollectionVersion *collection, uint32_t position,
           uint64_t sequence, Error *err)
{
    const Segment *segment = collection->segments[position];
    uint32_t rows = segment_row_count(segment, sequence);
    uint64_t *visible = calloc(bits_words(rows) + 1, sizeof *visible);
    if (visible == NULL)
        return error_no_memory(err);
    segment_visible(segment, sequence, rows, visible);
    Arena batch_arena;
    arena_init(&batch_arena, 0);
    mql_status status = MQL_OK;
    for (uint32_t first = 0; first < rows && status == MQL_OK;
         first += BATCH_ROWS) {
        uint32_t left = rows - first;
        RowRange range = {NULL, first, left < BATCH_ROWS ? left : BATCH_ROWS};
        status = check_key_batch(collection, position, visible, range, sequence,
                                 &batch_arena, err);
    }
    arena_free(&batch_arena);
    free(visible);
    return status;
}

/* ---- files ---- */

/* Takes the path. */
static mql_status
check_file_size(const FileSpace *space, char *path, uint64_t wanted, Error *err)
{
    if (path == NULL)
        return error_no_memory(err);
    File file;
    uint64_t size = 0;
    mql_status status = file_open(space->vfs, path, FILE_READ, &file, err);
    if (status == MQL_OK) {
        status = file_size(&file, &size, err);
        file_close(&file);
    }
    if (status == MQL_OK && size != wanted)
        status = error_corrupt(err, path, (int64_t)size,
                               "file of %" PRIu64 " bytes should have %" PRIu64,
                               size, wanted);
    free(path);
    return status;
}

static mql_status
check_deletes_file(const FileSpace *space, const SegmentEntry *entry,
                   Error *err)
{
    char *path = segment_deletes_path(space, entry->id, entry->deletes);
    if (path == NULL)
        return error_no_memory(err);
    SectionFile *file;
    mql_status status =
        section_file_open(space->vfs, path,
                          segment_identity(space, SECTION_FILE_DELETES,
                                           entry->id, entry->deletes),
                          &file, err);
    free(path);
    TRY(status);
    status = section_file_check(file, err);
    section_file_close(file);
    return status;
}

static mql_status
check_files(const FileSpace *space, const SealedSegment *segment, Error *err)
{
    const SegmentEntry *entry = &segment->entry;
    TRY(check_file_size(space, segment_path(space, entry->id), entry->size,
                        err));
    for (uint32_t i = 0; i < entry->index_count; i++)
        TRY(check_file_size(
            space,
            segment_index_path(space, entry->id, entry->indexes[i].index),
            entry->indexes[i].size, err));
    if (entry->deletes == 0)
        return MQL_OK;
    TRY(check_file_size(space,
                        segment_deletes_path(space, entry->id, entry->deletes),
                        entry->deletes_size, err));
    return check_deletes_file(space, entry, err);
}

/* ---- all of it ---- */

static mql_status
check_collection(const Store *store, const CollectionVersion *collection,
                 uint64_t sequence, Error *err)
{
    for (uint32_t i = 0; i < collection->segment_count; i++) {
        const Segment *segment = collection->segments[i];
        TRY(segment_check(segment, collection->collection, err));
        if (segment->is_sealed)
            TRY(check_files(&store->space, as_sealed(segment), err));
        TRY(check_keys(collection, i, sequence, err));
    }
    return MQL_OK;
}

/* Under the writer lock: entries of segments are the writer's. */
mql_status
store_check(Store *store, Error *err)
{
    store_wait_for_writer(store);
    const Version *version = store_version(store);
    mql_status status = MQL_OK;
    for (uint32_t i = 0; i < version->collection_count && status == MQL_OK; i++)
        status = check_collection(store, version->collections[i],
                                  version->sequence, err);
    version_release(version);
    store_free_writer(store);
    return status;
}
