/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrub.c - one part of a pass over a collection's files (scrub.h).
 *
 * Which files there are is asked of the writer, whose the entries of segments
 * are; they are opened anew and read without him. A file that a commit replaced
 * meanwhile is told from a damaged one by asking once more.
 */
#include "engine/collection/scrub.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/collection/store_internal.h"

/* After opening: a program that is short-lived is not to read for nobody. */
#define SCRUB_DELAY (INT64_C(60) * 1000 * 1000)
#define PARTS_PER_SECOND 4u
#define FINDINGS_MOST 100u /* of a part */
#define PART_SIZE_MOST (UINT64_C(16) << 20)
#define INTERVAL_USUAL (INT64_C(7) * 24 * 3600 * 1000)
#define RATE_USUAL (INT64_C(8) << 20)

/* The file to be read. */
typedef struct ScrubFile {
    uint64_t segment;
    uint64_t number;
    const char *extension;
    uint32_t type;
    uint64_t size;
} ScrubFile;

typedef struct Scrub {
    Store *store;
    uint64_t collection;
    const Watch *watch;
    const Version *version;
    const Segment *segment; /* of the version; NULL: none is left */
    SegmentEntry entry;     /* a copy of its own */
    ScrubFile file;
    uint32_t found;
} Scrub;

/* ---- when ---- */

static int64_t
setting(const StoredSettings *settings, const char *name, int64_t usual)
{
    int64_t value;
    return stored_setting(settings, name, &value) ? value : usual;
}

static bool
has_files(const CollectionVersion *collection)
{
    for (uint32_t i = 0; i < collection->segment_count; i++)
        if (collection->segments[i]->is_sealed)
            return true;
    return false;
}

int64_t
store_scrub_due(const Store *store, const CollectionVersion *collection,
                const StoredSettings *settings)
{
    int64_t interval =
        setting(settings, SCRUB_INTERVAL_SETTING, INTERVAL_USUAL) * 1000;
    const CollectionState *state = collection_entry_of(collection)->state;
    int64_t last = atomic_load(&state->scrubbed);
    if (interval <= 0 || !has_files(collection))
        return INT64_MAX;
    if (last != 0)
        return last + interval;
    return store->opened + (interval < SCRUB_DELAY ? interval : SCRUB_DELAY);
}

/* ---- what ---- */

static uint64_t
bytes_of(const SegmentEntry *entry)
{
    uint64_t bytes = entry->size + entry->deletes_size;
    for (uint32_t i = 0; i < entry->index_count; i++)
        bytes += entry->indexes[i].size;
    return bytes;
}

/* The first segment that the pass has not done; entries are the writer's. */
static mql_status
choose_segment(Scrub *scrub, ScrubPlace *place, Error *err)
{
    const CollectionVersion *collection =
        version_collection(scrub->version, scrub->collection);
    if (collection == NULL)
        return error_set(err, ERR_UNDEFINED_TABLE,
                         "the collection does not exist any more");
    place->total = 0;
    for (uint32_t i = 0; i < collection->segment_count; i++) {
        const Segment *segment = collection->segments[i];
        if (!segment->is_sealed)
            continue;
        place->total += bytes_of(&as_sealed(segment)->entry);
        if (scrub->segment == NULL && segment->id >= place->segment)
            scrub->segment = segment;
    }
    if (scrub->segment == NULL)
        return MQL_OK;
    if (scrub->segment->id != place->segment) {
        place->segment = scrub->segment->id;
        place->file = 0;
        place->block = 0;
    }
    return segment_entry_copy(&as_sealed(scrub->segment)->entry, &scrub->entry,
                              err);
}

/* False: the segment has no more. */
static bool
choose_file(Scrub *scrub, ScrubPlace *place)
{
    const SegmentEntry *entry = &scrub->entry;
    scrub->file =
        (ScrubFile){entry->id, 0, "seg", SECTION_FILE_SEGMENT, entry->size};
    if (place->file == 1 && entry->deletes == 0)
        place->file++;
    if (place->file == 1)
        scrub->file = (ScrubFile){entry->id, entry->deletes, "del",
                                  SECTION_FILE_DELETES, entry->deletes_size};
    if (place->file < 2)
        return true;
    uint32_t index = place->file - 2;
    if (index >= entry->index_count)
        return false;
    scrub->file = (ScrubFile){entry->id, entry->indexes[index].index, "idx",
                              SECTION_FILE_INDEX, entry->indexes[index].size};
    return true;
}

static char *
path_of(const Scrub *scrub)
{
    const FileSpace *space = &scrub->store->space;
    const ScrubFile *file = &scrub->file;
    if (file->type == SECTION_FILE_SEGMENT)
        return segment_path(space, file->segment);
    if (file->type == SECTION_FILE_DELETES)
        return segment_deletes_path(space, file->segment, file->number);
    return segment_index_path(space, file->segment, file->number);
}

/* ---- damage ---- */

/* The newest entry of the segment still has the file. */
static mql_status
is_current(const Scrub *scrub, bool *is_there, Error *err)
{
    Store *store = scrub->store;
    *is_there = false;
    TRY(store_wait_watched(store, scrub->watch, err));
    const Version *version = store_version(store);
    const CollectionVersion *collection =
        version_collection(version, scrub->collection);
    for (uint32_t i = 0; collection != NULL && i < collection->segment_count;
         i++) {
        const Segment *segment = collection->segments[i];
        if (segment->is_sealed && segment->id == scrub->file.segment)
            *is_there =
                segment_entry_names(&as_sealed(segment)->entry,
                                    scrub->file.number, scrub->file.extension);
    }
    version_release(version);
    store_free_writer(store);
    return MQL_OK;
}

static mql_status
take_damage(void *context, const Error *problem, Error *err)
{
    Scrub *scrub = context;
    bool is_there;
    if (scrub->found >= FINDINGS_MOST)
        return MQL_OK;
    TRY(is_current(scrub, &is_there, err));
    if (!is_there)
        return MQL_OK;
    scrub->found++;
    const CollectionVersion *collection =
        version_collection(scrub->version, scrub->collection);
    log_write(&scrub->store->space.log, "WARNING",
              "damage found in collection \"%s\": %s%s%s",
              collection->collection->name, problem->text,
              problem->detail[0] != '\0' ? ": " : "", problem->detail);
    if (scrub->file.type == SECTION_FILE_INDEX)
        segment_index_distrust(scrub->segment, scrub->file.number, problem);
    return MQL_OK;
}

/* ---- reading ---- */

static mql_status
read_part(Scrub *scrub, const char *path, uint64_t most, uint64_t *block,
          bool *is_end, Error *err)
{
    const FileSpace *space = &scrub->store->space;
    Error problem = ERROR_INIT;
    SectionFile *file;
    *is_end = true;
    mql_status status = section_file_open(
        space->vfs, path,
        segment_identity(space, scrub->file.type, scrub->file.segment,
                         scrub->file.number),
        &file, &problem);
    if (status == MQL_NOT_FOUND) {
        error_clear(&problem);
        status = error_corrupt(&problem, path, -1, "the file is missing");
    }
    if (status == MQL_CORRUPT)
        return take_damage(scrub, &problem, err);
    if (status != MQL_OK) {
        *err = problem;
        return status;
    }
    status =
        section_file_check_part(file, block, most, take_damage, scrub, err);
    *is_end = *block >= section_file_blocks(file);
    section_file_close(file);
    return status;
}

/* To the next file, or segment; `was_read` bytes of this one are done. */
static void
move_on(const Scrub *scrub, ScrubPlace *place, uint64_t block, bool is_end)
{
    uint64_t before = place->block * SECTION_BLOCK_SIZE;
    uint64_t after = block * SECTION_BLOCK_SIZE;
    if (is_end && after < scrub->file.size)
        after = scrub->file.size;
    place->read += after - before;
    place->found += scrub->found;
    place->block = is_end ? 0 : block;
    place->file += is_end ? 1 : 0;
}

static mql_status
scrub_file(Scrub *scrub, ScrubPlace *place, uint64_t most, Error *err)
{
    char *path = path_of(scrub);
    if (path == NULL)
        return error_no_memory(err);
    uint64_t block = place->block;
    bool is_end;
    mql_status status = read_part(scrub, path, most, &block, &is_end, err);
    free(path);
    if (status == MQL_OK)
        move_on(scrub, place, block, is_end);
    return status;
}

static mql_status
look(Scrub *scrub, ScrubPlace *place, Error *err)
{
    TRY(store_wait_watched(scrub->store, scrub->watch, err));
    scrub->version = store_version(scrub->store);
    mql_status status = choose_segment(scrub, place, err);
    store_free_writer(scrub->store);
    return status;
}

static mql_status
read_on(Scrub *scrub, ScrubPlace *place, uint64_t most, Error *err)
{
    TRY(look(scrub, place, err));
    if (scrub->segment == NULL) {
        const CollectionVersion *collection =
            version_collection(scrub->version, scrub->collection);
        atomic_store(&collection_entry_of(collection)->state->scrubbed,
                     store_now(scrub->store));
        place->is_done = true;
        return MQL_OK;
    }
    if (choose_file(scrub, place))
        return scrub_file(scrub, place, most, err);
    place->segment++;
    place->file = 0;
    place->block = 0;
    return MQL_OK;
}

mql_status
store_scrub(Store *store, uint64_t collection, ScrubPlace *place,
            const Watch *watch, int64_t *pause, Error *err)
{
    Scrub scrub = {.store = store, .collection = collection, .watch = watch};
    const Version *version = store_version(store);
    int64_t rate = setting(version->settings, SCRUB_RATE_SETTING, RATE_USUAL);
    version_release(version);
    uint64_t most = (uint64_t)rate / PARTS_PER_SECOND;
    uint64_t before = place->read;
    mql_status status = read_on(
        &scrub, place, most < PART_SIZE_MOST ? most : PART_SIZE_MOST, err);
    segment_entry_free(&scrub.entry);
    version_release(scrub.version);
    *pause = (int64_t)((double)(place->read - before) / (double)rate * 1e6);
    return status;
}
