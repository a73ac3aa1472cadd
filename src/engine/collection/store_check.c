/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_check.c - every file of a database, against itself, the catalogue and
 * the others.
 *
 * A picture is taken under the writer lock: a Version, copies of the segments'
 * entries, where the log's files end, the names in segments/. It is checked
 * without the lock. Files that a commit replaces or removes meanwhile are told
 * from damaged ones by asking once more what the newest Version says.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/collection/check.h"
#include "engine/collection/store_internal.h"

/* So many things wrong with one file are listed; the rest is counted. */
#define FINDINGS_MOST 100u

/* A sealed segment as it was. */
typedef struct Pictured {
    const Collection *definition;
    SegmentEntry entry;
} Pictured;

typedef struct Check {
    Store *store;
    FileSpace space; /* the store's, but silent */
    const CheckReport *report;
    uint64_t only; /* collection, 0: all */
    const Version *version;
    Pictured *segments;
    uint32_t segment_count;
    WalExtent *extents;
    size_t extent_count;
    Buffer names; /* in segments/, each with its NUL */
    const char *object;
    char words[ERROR_TEXT_SIZE]; /* of object */
    uint32_t found;              /* in the file under way */
} Check;

/* ---- reporting ---- */

static void
name_object(Check *check, const char *kind, const char *name,
            const char *collection)
{
    if (collection == NULL)
        snprintf(check->words, sizeof check->words, "%s \"%s\"", kind, name);
    else
        snprintf(check->words, sizeof check->words,
                 "%s \"%s\" of collection \"%s\"", kind, name, collection);
    check->object = check->words;
}

/* The path below the database's directory. */
static Slice
short_path(const Check *check, const char *path, size_t size)
{
    size_t root = strlen(check->space.path);
    if (size > root + 1 && strncmp(path, check->space.path, root) == 0 &&
        path[root] == '/')
        return (Slice){path + root + 1, size - root - 1};
    return (Slice){path, size};
}

static mql_status
report_error(Check *check, const Error *problem, Error *err)
{
    const char *path = "";
    size_t size = 0;
    char words[2 * ERROR_TEXT_SIZE + 2];
    CheckFinding finding = {
        .object = check->object, .offset = -1, .problem = problem->text};
    if (error_place(problem, &path, &size, &finding.offset)) {
        finding.file = short_path(check, path, size);
    } else if (problem->detail[0] != '\0') {
        snprintf(words, sizeof words, "%s: %s", problem->text, problem->detail);
        finding.problem = words;
    }
    return check->report->found(check->report->context, &finding, err);
}

static mql_status
report_one(void *context, const Error *problem, Error *err)
{
    Check *check = context;
    check->found++;
    if (check->found > FINDINGS_MOST)
        return MQL_OK;
    return report_error(check, problem, err);
}

static mql_status
report_rest(Check *check, const char *path, Error *err)
{
    Error rest = ERROR_INIT;
    if (check->found <= FINDINGS_MOST)
        return MQL_OK;
    error_corrupt(&rest, path, -1, "%u further places",
                  check->found - FINDINGS_MOST);
    return report_error(check, &rest, err);
}

/* Damage goes to the report, any other failure ends the check. */
static mql_status
settle(Check *check, mql_status status, const Error *problem, Error *err)
{
    if (status == MQL_CORRUPT || status == MQL_NOT_FOUND || status == MQL_IO)
        return report_error(check, problem, err);
    if (status != MQL_OK && err != NULL)
        *err = *problem;
    return status;
}

/* ---- the picture ---- */

static bool
is_asked(const Check *check, const CollectionVersion *collection)
{
    return check->only == 0 || check->only == collection->collection->id;
}

static mql_status
picture_segments(Check *check, Error *err)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < check->version->collection_count; i++)
        count += check->version->collections[i]->segment_count;
    check->segments = calloc(count + (size_t)1, sizeof *check->segments);
    if (check->segments == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < check->version->collection_count; i++) {
        const CollectionVersion *collection = check->version->collections[i];
        for (uint32_t k = 0; k < collection->segment_count; k++) {
            const Segment *segment = collection->segments[k];
            if (!segment->is_sealed)
                continue;
            Pictured *pictured = &check->segments[check->segment_count];
            pictured->definition = collection->collection;
            TRY(segment_entry_copy(&as_sealed(segment)->entry, &pictured->entry,
                                   err));
            check->segment_count++;
        }
    }
    return MQL_OK;
}

static mql_status
picture_log(Check *check, Error *err)
{
    const Wal *wal = check->store->wal;
    check->extents = calloc(wal_file_count(wal) + 1, sizeof *check->extents);
    if (check->extents == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < wal_file_count(wal); i++)
        check->extents[check->extent_count++] = wal_extent(wal, i);
    return MQL_OK;
}

static mql_status
list_segments(const Check *check, Buffer *names, Error *err)
{
    const Vfs *vfs = check->space.vfs;
    char *directory = path_join(check->space.path, "segments");
    if (directory == NULL)
        return error_no_memory(err);
    int result = vfs->list(vfs->context, directory, names);
    mql_status status = MQL_OK;
    if (result < 0)
        status = file_error(err, -result, "read directory", directory);
    free(directory);
    return status;
}

static mql_status
take_picture(Check *check, Error *err)
{
    TRY(store_wait_watched(check->store, &check->report->watch, err));
    check->version = store_version(check->store);
    mql_status status = picture_segments(check, err);
    if (status == MQL_OK)
        status = picture_log(check, err);
    if (status == MQL_OK)
        status = list_segments(check, &check->names, err);
    store_free_writer(check->store);
    return status;
}

static void
free_picture(Check *check)
{
    for (uint32_t i = 0; i < check->segment_count; i++)
        segment_entry_free(&check->segments[i].entry);
    free(check->segments);
    free(check->extents);
    buffer_free(&check->names);
    version_release(check->version);
}

/* Whether the newest Version still has the file. */
static bool
is_current(const Check *check, uint64_t id, uint64_t number,
           const char *extension)
{
    bool is_there = false;
    store_wait_for_writer(check->store);
    const Version *version = store_version(check->store);
    for (uint32_t i = 0; i < version->collection_count; i++) {
        const CollectionVersion *collection = version->collections[i];
        for (uint32_t k = 0; k < collection->segment_count; k++)
            if (collection->segments[k]->is_sealed &&
                collection->segments[k]->id == id)
                is_there = segment_entry_names(
                    &as_sealed(collection->segments[k])->entry, number,
                    extension);
    }
    version_release(version);
    store_free_writer(check->store);
    return is_there;
}

/* ---- one file ---- */

typedef struct CheckedFile {
    uint64_t segment;
    uint64_t number;
    const char *extension;
    uint32_t type;
    uint64_t size; /* as the catalogue says */
} CheckedFile;

static mql_status
read_file(Check *check, const CheckedFile *wanted, const char *path, Error *err)
{
    Error problem = ERROR_INIT;
    SectionFile *file;
    mql_status status =
        section_file_open(check->space.vfs, path,
                          segment_identity(&check->space, wanted->type,
                                           wanted->segment, wanted->number),
                          &file, &problem);
    if (status == MQL_OK && section_file_size(file) != wanted->size) {
        status = error_corrupt(&problem, path, -1,
                               "file of %" PRIu64 " bytes should have %" PRIu64,
                               section_file_size(file), wanted->size);
        section_file_close(file);
    }
    if (status == MQL_OK) {
        status = section_file_check_each(file, report_one, check, err);
        section_file_close(file);
        return status != MQL_OK ? status : report_rest(check, path, err);
    }
    if (!is_current(check, wanted->segment, wanted->number, wanted->extension))
        return MQL_OK; /* a commit has replaced it */
    if (status == MQL_NOT_FOUND) {
        error_clear(&problem);
        status = error_corrupt(&problem, path, -1, "the file is missing");
    }
    check->found++;
    return settle(check, status, &problem, err);
}

/* Takes the path. `is_whole` OUT: nothing is wrong with it. */
static mql_status
check_file(Check *check, const CheckedFile *wanted, char *path, bool *is_whole,
           Error *err)
{
    *is_whole = false;
    if (path == NULL)
        return error_no_memory(err);
    check->found = 0;
    mql_status status = watch_poll(&check->report->watch, err);
    if (status == MQL_OK)
        status = read_file(check, wanted, path, err);
    *is_whole = check->found == 0;
    free(path);
    return status;
}

/* ---- one segment ---- */

static const IndexDefinition *
definition_of(const Collection *collection, uint64_t index)
{
    for (uint32_t i = 0; i < collection->index_count; i++)
        if (collection->indexes[i].id == index)
            return &collection->indexes[i];
    return NULL;
}

/* What bytes mean, once they are right. */
static mql_status
check_index_meaning(Check *check, const SealedSegment *segment,
                    const IndexDefinition *index, Error *err)
{
    Error problem = ERROR_INIT;
    mql_status status = segment_check_index(segment, index, &problem);
    if (status == MQL_OK ||
        !is_current(check, segment->base.id, index->id, "idx"))
        return MQL_OK;
    return settle(check, status, &problem, err);
}

static mql_status
check_index_files(Check *check, const Pictured *pictured,
                  const SealedSegment *segment, Error *err)
{
    const SegmentEntry *entry = &pictured->entry;
    for (uint32_t i = 0; i < entry->index_count; i++) {
        const IndexFile *file = &entry->indexes[i];
        const IndexDefinition *index =
            definition_of(pictured->definition, file->index);
        name_object(check, "index", index == NULL ? "?" : index->name,
                    pictured->definition->name);
        const CheckedFile wanted = {entry->id, file->index, "idx",
                                    SECTION_FILE_INDEX, file->size};
        bool is_whole;
        TRY(check_file(
            check, &wanted,
            segment_index_path(&check->space, entry->id, file->index),
            &is_whole, err));
        if (is_whole && index != NULL && segment != NULL)
            TRY(check_index_meaning(check, segment, index, err));
    }
    return MQL_OK;
}

static mql_status
check_data_files(Check *check, const SegmentEntry *entry, bool *is_whole,
                 Error *err)
{
    const CheckedFile data = {entry->id, 0, "seg", SECTION_FILE_SEGMENT,
                              entry->size};
    TRY(check_file(check, &data, segment_path(&check->space, entry->id),
                   is_whole, err));
    if (entry->deletes == 0)
        return MQL_OK;
    bool has_deletes;
    const CheckedFile deletes = {entry->id, entry->deletes, "del",
                                 SECTION_FILE_DELETES, entry->deletes_size};
    TRY(check_file(
        check, &deletes,
        segment_deletes_path(&check->space, entry->id, entry->deletes),
        &has_deletes, err));
    *is_whole = *is_whole && has_deletes;
    return MQL_OK;
}

/* Open the segment anew and look at all of it. */
static mql_status
check_pictured(Check *check, const Pictured *pictured, Error *err)
{
    const SegmentEntry *entry = &pictured->entry;
    SealedSegment *segment = NULL;
    Error problem = ERROR_INIT;
    bool is_whole;
    name_object(check, "collection", pictured->definition->name, NULL);
    TRY(check_data_files(check, entry, &is_whole, err));
    mql_status status = MQL_OK;
    if (is_whole)
        status = sealed_open(&check->space, entry, pictured->definition,
                             &segment, &problem);
    if (status == MQL_OK && segment != NULL)
        status = segment_check_rows(&segment->base, pictured->definition,
                                    check->version->sequence, &problem);
    if (status != MQL_OK && !is_current(check, entry->id, 0, "seg"))
        status = MQL_OK;
    if (status != MQL_OK)
        status = settle(check, status, &problem, err);
    if (status == MQL_OK)
        status = check_index_files(check, pictured, segment, err);
    if (segment != NULL)
        segment_release(&segment->base);
    return status;
}

/* ---- keys ---- */

/* No live row of another segment has the key of a live row of this one. */
static mql_status
check_key(const CollectionVersion *collection, uint32_t position,
          const Value *key, uint64_t sequence, Error *err)
{
    for (uint32_t i = position + 1; i < collection->segment_count; i++) {
        bool found;
        uint32_t row;
        if (segment_intact(collection->segments[i], NULL) != MQL_OK)
            continue;
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
check_keys(const Check *check, const CollectionVersion *collection,
           uint32_t position, Error *err)
{
    const Segment *segment = collection->segments[position];
    uint64_t sequence = check->version->sequence;
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
        status = watch_poll(&check->report->watch, err);
        if (status == MQL_OK)
            status = check_key_batch(collection, position, visible, range,
                                     sequence, &batch_arena, err);
    }
    arena_free(&batch_arena);
    free(visible);
    return status;
}

/* Keys over all segments, and growing rows. Damage that the files' check has
 * told of already is not told again. */
static mql_status
check_collection(Check *check, const CollectionVersion *collection, Error *err)
{
    uint64_t sequence = check->version->sequence;
    name_object(check, "collection", collection->collection->name, NULL);
    if (version_database(check->version, collection->collection->database) ==
        NULL) {
        Error homeless = ERROR_INIT;
        error_set(&homeless, ERR_DATA_CORRUPTED,
                  "it belongs to no database: its rows cannot be reached");
        TRY(report_error(check, &homeless, err));
    }
    for (uint32_t i = 0; i < collection->segment_count; i++) {
        const Segment *segment = collection->segments[i];
        Error problem = ERROR_INIT;
        mql_status status = segment_intact(segment, NULL);
        if (status != MQL_OK)
            continue;
        if (!segment->is_sealed)
            status = segment_check_rows(segment, collection->collection,
                                        sequence, &problem);
        if (status == MQL_OK)
            status = check_keys(check, collection, i, &problem);
        const char *path;
        size_t size;
        int64_t offset;
        if (status == MQL_CORRUPT &&
            error_place(&problem, &path, &size, &offset))
            continue;
        TRY(settle(check, status, &problem, err));
    }
    return MQL_OK;
}

/* ---- what belongs to no collection ---- */

static mql_status
check_catalogue(Check *check, Error *err)
{
    Error problem = ERROR_INIT;
    check->object = "catalogue";
    TRY(store_wait_watched(check->store, &check->report->watch, err));
    mql_status status =
        meta_check(check->store->meta, check->space.vfs, &problem);
    store_free_writer(check->store);
    return settle(check, status, &problem, err);
}

static bool
log_has(const Check *check, uint64_t first)
{
    bool is_there = false;
    const Wal *wal = check->store->wal;
    store_wait_for_writer(check->store);
    for (size_t i = 0; i < wal_file_count(wal); i++)
        is_there = is_there || wal_extent(wal, i).first == first;
    store_free_writer(check->store);
    return is_there;
}

static mql_status
check_log(Check *check, Error *err)
{
    check->object = "log";
    for (size_t i = 0; i < check->extent_count; i++) {
        Error problem = ERROR_INIT;
        mql_status status =
            wal_check(check->store->wal, &check->extents[i], &problem);
        if (status == MQL_NOT_FOUND && !log_has(check, check->extents[i].first))
            continue; /* trimmed meanwhile */
        TRY(settle(check, status, &problem, err));
    }
    return MQL_OK;
}

static bool
is_pictured(const Check *check, uint64_t id, uint64_t number,
            const char *extension)
{
    for (uint32_t i = 0; i < check->segment_count; i++)
        if (check->segments[i].entry.id == id)
            return segment_entry_names(&check->segments[i].entry, number,
                                       extension);
    return false;
}

static bool
has_name(const Buffer *names, const char *name)
{
    for (size_t at = 0; at < names->size; at += strlen(names->data + at) + 1)
        if (strcmp(names->data + at, name) == 0)
            return true;
    return false;
}

static mql_status
report_leftover(const Check *check, const char *name, const char *problem,
                Error *err)
{
    char path[512];
    snprintf(path, sizeof path, "segments/%s", name);
    const CheckFinding finding = {.object = "leftover",
                                  .file = slice_of(path),
                                  .offset = -1,
                                  .problem = problem,
                                  .is_leftover = true};
    return check->report->found(check->report->context, &finding, err);
}

/* A file that was there at the beginning, still is, and was meant by no entry
 * then nor now. */
static mql_status
check_leftovers(Check *check, Error *err)
{
    Buffer now = BUFFER_INIT;
    mql_status status = list_segments(check, &now, err);
    for (size_t at = 0; status == MQL_OK && at < check->names.size;
         at += strlen(check->names.data + at) + 1) {
        const char *name = check->names.data + at;
        uint64_t id, number;
        const char *extension;
        if (!has_name(&now, name))
            continue;
        if (!segment_file_parse(name, &id, &number, &extension))
            status = report_leftover(check, name, "unknown file", err);
        else if (!is_pictured(check, id, number, extension) &&
                 !is_current(check, id, number, extension))
            status = report_leftover(
                check, name,
                "no entry of the catalogue means this file; opening the "
                "database removes it",
                err);
    }
    buffer_free(&now);
    return status;
}

/* ---- users, roles, grants ---- */

static bool
has_object(const Version *version, const AccessGrant *grant)
{
    if (grant->level == LEVEL_COLLECTION)
        return version_collection(version, grant->object) != NULL;
    return grant->level == LEVEL_CLUSTER ||
           version_database(version, grant->object) != NULL;
}

/* What is granted on is there: it takes its grants with it. */
static mql_status
check_access(Check *check, Error *err)
{
    const Access *access = check->version->access;
    Error problem = ERROR_INIT;
    if (access_check(access, &problem) != MQL_OK)
        TRY(report_error(check, &problem, err));
    for (uint32_t i = 0; i < access->role_count; i++)
        for (uint32_t k = 0; k < access->roles[i].grant_count; k++) {
            if (has_object(check->version, &access->roles[i].grants[k]))
                continue;
            error_clear(&problem);
            error_set(&problem, ERR_DATA_CORRUPTED,
                      "role \"%s\" has a grant on nothing",
                      access->roles[i].name);
            TRY(report_error(check, &problem, err));
        }
    return MQL_OK;
}

/* ---- all of it ---- */

static mql_status
check_all(Check *check, Error *err)
{
    const Watch *watch = &check->report->watch;
    TRY(take_picture(check, err));
    if (check->only == 0) {
        TRY(check_catalogue(check, err));
        TRY(check_access(check, err));
        TRY(check_log(check, err));
    }
    for (uint32_t i = 0; i < check->segment_count; i++) {
        watch_report(watch, "checking segments", i, check->segment_count);
        if (check->only == 0 ||
            check->only == check->segments[i].entry.collection)
            TRY(check_pictured(check, &check->segments[i], err));
    }
    for (uint32_t i = 0; i < check->version->collection_count; i++)
        if (is_asked(check, check->version->collections[i]))
            TRY(check_collection(check, check->version->collections[i], err));
    return check->only == 0 ? check_leftovers(check, err) : MQL_OK;
}

mql_status
store_check_each(Store *store, uint64_t collection, const CheckReport *report,
                 Error *err)
{
    Check check = {.store = store,
                   .space = store->space,
                   .report = report,
                   .only = collection};
    check.space.log = (Log){NULL, NULL};
    check.space.residence = NULL;
    mql_status status = check_all(&check, err);
    free_picture(&check);
    return status;
}

/* ---- the first finding as an error ---- */

static mql_status
take_first(void *context, const CheckFinding *finding, Error *err)
{
    (void)context;
    if (finding->is_leftover)
        return MQL_OK;
    error_set(err, ERR_DATA_CORRUPTED, "%s: %s", finding->object,
              finding->problem);
    return error_detail(err, "File \"%.*s\", offset %" PRId64 ".",
                        (int)finding->file.size, finding->file.data,
                        finding->offset);
}

mql_status
store_check(Store *store, Error *err)
{
    const CheckReport report = {.found = take_first};
    return store_check_each(store, 0, &report, err);
}
