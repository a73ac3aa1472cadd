/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite_index.c - index files for segments that are there already
 * (maintenance.h).
 *
 * A segment that lacks a file, or has a damaged one, gets it under the index's
 * id, in a commit of its own: a damaged one is written over, in one step.
 * Building anew gives the index another id, as a new index would have, so the
 * old files serve until all new ones are entered.
 */
#include <stdlib.h>

#include "engine/collection/maintenance.h"
#include "engine/collection/rewrite.h"

/* ---- files that are missing ---- */

/* The state as of now: entries of segments are the writer's. If there is no
 * file, its name goes to those that are written: a damaged one is written over
 * and must not be removed. The name is the same at each try. */
static mql_status
begin_missing(Rewrite *rewrite, const SealedSegment *segment, uint64_t index,
              Error *err)
{
    Store *store = rewrite->store;
    Transaction *transaction;
    TRY(rewrite_transaction(rewrite, &transaction, err));
    mql_status status = MQL_OK;
    if (!segment_entry_has_index(&segment->entry, index)) {
        status = file_name_add(
            &rewrite->written,
            segment_index_path(&store->space, segment->base.id, index), err);
        if (status == MQL_OK)
            store_reclaim_file(store, rewrite->written->path);
    }
    transaction_rollback(transaction);
    return status;
}

static bool
is_wanted(const Transaction *transaction, const Rewrite *rewrite,
          const Segment *segment, uint64_t index)
{
    const CollectionVersion *version =
        version_collection(transaction->base, rewrite->definition->id);
    return version != NULL &&
           collection_has_index(version->collection, index) &&
           rewrite_has_segment(version, segment);
}

static bool
is_dropped(const Rewrite *rewrite, uint64_t index)
{
    const Version *now = store_version(rewrite->store);
    const CollectionVersion *version =
        version_collection(now, rewrite->definition->id);
    bool is_there =
        version != NULL && collection_has_index(version->collection, index);
    version_release(now);
    return !is_there;
}

static mql_status
enter_file(Rewrite *rewrite, SealedSegment *segment, IndexFile file,
           bool *is_entered, Error *err)
{
    Transaction *transaction;
    TRY(rewrite_transaction(rewrite, &transaction, err));
    *is_entered = is_wanted(transaction, rewrite, &segment->base, file.index);
    if (!*is_entered) {
        transaction_rollback(transaction);
        return MQL_OK;
    }
    CollectionChange *change;
    SegmentEntry *entry;
    mql_status status =
        transaction_change(transaction, rewrite->definition->id, &change, err);
    if (status == MQL_OK)
        status = change_entry(change, segment, &entry, err);
    if (status == MQL_OK && !segment_entry_add_index(entry, file))
        status = error_no_memory(err);
    if (status != MQL_OK) {
        transaction_rollback(transaction);
        return status;
    }
    transaction->is_rewrite = true;
    transaction->written = rewrite->written;
    rewrite->written = NULL;
    return transaction_commit(transaction, err);
}

/* One that cannot be opened would be due again at once. */
static mql_status
open_built(const Rewrite *rewrite, SealedSegment *segment,
           const IndexDefinition *index, Error *err)
{
    TRY(segment_index_open(&rewrite->store->space, segment, rewrite->definition,
                           index, err));
    if (!rewrite_lacks_file(&segment->base, index))
        return MQL_OK;
    return error_set(err, ERR_DATA_CORRUPTED,
                     "index \"%s\" was built and cannot be opened",
                     index->name);
}

static mql_status
build_missing(Rewrite *rewrite, SealedSegment *segment,
              const IndexDefinition *index, Error *err)
{
    const FileSpace *space = &rewrite->store->space;
    TRY(begin_missing(rewrite, segment, index->id, err));
    IndexFile file = {.index = index->id};
    TRY(segment_index_build(space, segment, rewrite->definition, index,
                            rewrite->watch, &file.size, err));
    bool is_entered;
    TRY(enter_file(rewrite, segment, file, &is_entered, err));
    if (is_entered)
        return open_built(rewrite, segment, index, err);
    file_names_free(rewrite->store, rewrite->written, true);
    rewrite->written = NULL;
    rewrite->is_useless = rewrite->is_useless || is_dropped(rewrite, index->id);
    return MQL_OK;
}

static mql_status
build_all_missing(Rewrite *rewrite, Error *err)
{
    const Collection *definition = rewrite->definition;
    for (uint32_t i = 0; i < rewrite->segment_count; i++)
        for (uint32_t k = 0; k < definition->index_count; k++) {
            Segment *segment = rewrite->segments[i];
            if (rewrite_lacks_file(segment, &definition->indexes[k]))
                TRY(build_missing(rewrite, (SealedSegment *)(void *)segment,
                                  &definition->indexes[k], err));
        }
    return MQL_OK;
}

mql_status
store_build_indexes(Store *store, uint64_t collection, const Watch *watch,
                    Error *err)
{
    Rewrite rewrite;
    TRY(rewrite_begin(store, collection, false, watch, &rewrite, err));
    mql_status status = build_all_missing(&rewrite, err);
    bool is_useless = status == MQL_OK && rewrite.is_useless;
    rewrite_end(&rewrite);
    return is_useless
               ? error_set(err, ERR_UNDEFINED_OBJECT, "the index is gone")
               : status;
}

bool
store_index_is_due(const CollectionVersion *collection)
{
    for (uint32_t i = 0; i < collection->segment_count; i++)
        if (rewrite_lacks_index(collection->segments[i],
                                collection->collection))
            return true;
    return false;
}

/* ---- building anew ---- */

/* An index under its new id, for all segments of the picture. */
typedef struct NewFile {
    struct NewFile *next;
    SealedSegment *segment;
    IndexFile file;
} NewFile;

typedef struct Reindex {
    Rewrite rewrite;
    Collection *renewed; /* the definition with new ids */
    NewFile *files;
    uint32_t built; /* indexes */
} Reindex;

static mql_status
build_anew(Reindex *reindex, SealedSegment *segment,
           const IndexDefinition *index, Error *err)
{
    Rewrite *rewrite = &reindex->rewrite;
    const FileSpace *space = &rewrite->store->space;
    NewFile *file = calloc(1, sizeof *file);
    if (file == NULL)
        return error_no_memory(err);
    file->next = reindex->files;
    reindex->files = file;
    file->segment = segment;
    file->file.index = index->id;
    TRY(file_name_add(&rewrite->written,
                      segment_index_path(space, segment->base.id, index->id),
                      err));
    return segment_index_build(space, segment, reindex->renewed, index,
                               rewrite->watch, &file->file.size, err);
}

static mql_status
build_index_anew(Reindex *reindex, IndexDefinition *index, Error *err)
{
    Rewrite *rewrite = &reindex->rewrite;
    index->id = atomic_fetch_add(&rewrite->store->next_id, 1);
    for (uint32_t i = 0; i < rewrite->segment_count; i++) {
        SealedSegment *segment = (SealedSegment *)(void *)rewrite->segments[i];
        if (segment->base.is_sealed &&
            sealed_field(segment, index->field) != NULL)
            TRY(build_anew(reindex, segment, index, err));
    }
    return MQL_OK;
}

static mql_status
build_wanted(Reindex *reindex, uint64_t wanted, Error *err)
{
    TRY(collection_copy(reindex->rewrite.definition, &reindex->renewed, err));
    for (uint32_t i = 0; i < reindex->renewed->index_count; i++) {
        IndexDefinition *index = &reindex->renewed->indexes[i];
        if (index->kind->has_file && (wanted == 0 || index->id == wanted))
            TRY(build_index_anew(reindex, index, err));
    }
    return MQL_OK;
}

static bool
has_all_segments(const Reindex *reindex, const CollectionVersion *version)
{
    for (const NewFile *file = reindex->files; file != NULL; file = file->next)
        if (!rewrite_has_segment(version, &file->segment->base))
            return false;
    return true;
}

static mql_status
exchange_ids(const Reindex *reindex, Transaction *transaction,
             const CollectionVersion *version, Error *err)
{
    Collection *copy;
    TRY(collection_copy(version->collection, &copy, err));
    for (uint32_t i = 0; i < copy->index_count; i++)
        copy->indexes[i].id = reindex->renewed->indexes[i].id;
    return transaction_put_collection(transaction, copy, err);
}

static mql_status
enter_files(Reindex *reindex, Transaction *transaction, Error *err)
{
    Rewrite *rewrite = &reindex->rewrite;
    CollectionChange *change;
    TRY(transaction_change(transaction, rewrite->definition->id, &change, err));
    for (const NewFile *file = reindex->files; file != NULL;
         file = file->next) {
        SegmentEntry *entry;
        TRY(change_entry(change, file->segment, &entry, err));
        if (!segment_entry_add_index(entry, file->file))
            return error_no_memory(err);
    }
    transaction->written = rewrite->written;
    rewrite->written = NULL;
    /* Readers ask for the new ids when the commit is made. */
    for (const NewFile *file = reindex->files; file != NULL; file = file->next)
        for (uint32_t i = 0; i < reindex->renewed->index_count; i++)
            if (reindex->renewed->indexes[i].id == file->file.index)
                TRY(segment_index_open(&rewrite->store->space, file->segment,
                                       reindex->renewed,
                                       &reindex->renewed->indexes[i], err));
    return MQL_OK;
}

static mql_status
exchange(Reindex *reindex, bool *is_lost, Error *err)
{
    Rewrite *rewrite = &reindex->rewrite;
    Transaction *transaction;
    TRY(rewrite_transaction(rewrite, &transaction, err));
    const CollectionVersion *version =
        version_collection(transaction->base, rewrite->definition->id);
    *is_lost =
        version == NULL ||
        !rewrite_is_same_shape(rewrite->definition, version->collection) ||
        !has_all_segments(reindex, version);
    if (*is_lost) {
        transaction_rollback(transaction);
        return MQL_OK;
    }
    mql_status status = exchange_ids(reindex, transaction, version, err);
    if (status == MQL_OK)
        status = enter_files(reindex, transaction, err);
    if (status == MQL_OK)
        return transaction_commit(transaction, err);
    transaction_rollback(transaction);
    return status;
}

static mql_status
reindex_once(Store *store, uint64_t collection, uint64_t index,
             const Watch *watch, bool *is_lost, Error *err)
{
    Reindex reindex = {.files = NULL};
    TRY(rewrite_begin(store, collection, false, watch, &reindex.rewrite, err));
    mql_status status = build_wanted(&reindex, index, err);
    if (status == MQL_OK)
        status = exchange(&reindex, is_lost, err);
    while (reindex.files != NULL) {
        NewFile *next = reindex.files->next;
        free(reindex.files);
        reindex.files = next;
    }
    collection_release(reindex.renewed);
    rewrite_end(&reindex.rewrite);
    return status;
}

mql_status
store_reindex(Store *store, uint64_t collection, uint64_t index,
              const Watch *watch, Error *err)
{
    bool is_lost = true;
    for (int i = 0; i < REWRITE_TRIES_MOST && is_lost; i++)
        TRY(reindex_once(store, collection, index, watch, &is_lost, err));
    return is_lost ? rewrite_lost(err) : MQL_OK;
}
