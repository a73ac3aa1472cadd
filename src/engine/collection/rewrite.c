/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite.c - the steps of putting segments together (rewrite.h).
 *
 * A row keeps its sequence numbers, so pictures of the past and transactions
 * that began before find it again. Growing segments that are frozen hold every
 * row of the collection that was committed up to the picture and is in no file:
 * when all of them go, the log is no longer needed up to there.
 */
#include "engine/collection/rewrite.h"

#include <stdlib.h>

/* ---- the picture ---- */

static mql_status
take_picture(Rewrite *rewrite, const Transaction *transaction,
             uint64_t collection, bool is_freezing, Error *err)
{
    const CollectionVersion *version =
        version_collection(transaction->base, collection);
    if (version == NULL)
        return error_set(err, ERR_UNDEFINED_TABLE,
                         "the collection does not exist any more");
    rewrite->segments =
        calloc(version->segment_count + (size_t)1, sizeof(Segment *));
    if (rewrite->segments == NULL)
        return error_no_memory(err);
    rewrite->definition =
        collection_retain((Collection *)(uintptr_t)version->collection);
    rewrite->sequence = transaction->base->sequence;
    rewrite->horizon = store_retention(transaction->store) == 0
                           ? UINT64_MAX
                           : store_horizon(transaction->store);
    rewrite->expired = store_expired(transaction->store, rewrite->definition,
                                     store_now(transaction->store));
    for (uint32_t i = 0; i < version->segment_count; i++) {
        Segment *segment = segment_retain(version->segments[i]);
        rewrite->segments[rewrite->segment_count++] = segment;
        if (segment->is_sealed || !is_freezing)
            continue;
        ((GrowingSegment *)(void *)segment)->is_frozen = true;
    }
    rewrite->is_sealing = is_freezing;
    return MQL_OK;
}

mql_status
rewrite_transaction(const Rewrite *rewrite, Transaction **transaction,
                    Error *err)
{
    const Watch *watch = rewrite->watch;
    return transaction_begin_watched(
        rewrite->store, watch == NULL ? NULL : watch->cancel, transaction, err);
}

mql_status
rewrite_begin(Store *store, uint64_t collection, bool is_freezing,
              const Watch *watch, Rewrite *rewrite, Error *err)
{
    *rewrite = (Rewrite){.store = store, .has_indexes = true, .watch = watch};
    TRY(store_wait_for_rewrite(store, watch, err));
    Transaction *transaction;
    mql_status status = rewrite_transaction(rewrite, &transaction, err);
    if (status == MQL_OK) {
        status =
            take_picture(rewrite, transaction, collection, is_freezing, err);
        store->rewriting = collection;
        transaction_rollback(transaction);
    }
    if (status != MQL_OK)
        rewrite_end(rewrite);
    return status;
}

static void
merge_free(Merge *merge)
{
    for (uint32_t i = 0; merge->rows != NULL && i < merge->source_count; i++)
        free((void *)(uintptr_t)merge->rows[i].rows);
    free(merge->rows);
    free(merge->sources);
    if (merge->result != NULL)
        segment_release(&merge->result->base);
    free(merge);
}

void
rewrite_end(Rewrite *rewrite)
{
    Store *store = rewrite->store;
    while (rewrite->merges != NULL) {
        Merge *next = rewrite->merges->next;
        merge_free(rewrite->merges);
        rewrite->merges = next;
    }
    for (uint32_t i = 0; i < rewrite->segment_count; i++)
        segment_release(rewrite->segments[i]);
    free(rewrite->segments);
    collection_release(rewrite->definition);
    file_names_free(store, rewrite->written, true);
    atomic_store(&store->rewriting, 0);
    store_free_rewrite(store);
    *rewrite = (Rewrite){0};
}

/* ---- what to put together ---- */

mql_status
rewrite_add(Rewrite *rewrite, Segment *const *sources, uint32_t count,
            Error *err)
{
    Merge *merge = calloc(1, sizeof *merge);
    if (merge == NULL)
        return error_no_memory(err);
    merge->next = rewrite->merges;
    rewrite->merges = merge;
    merge->partition = sources[0]->partition;
    merge->sources = calloc(count, sizeof(Segment *));
    merge->rows = calloc(count, sizeof *merge->rows);
    if (merge->sources == NULL || merge->rows == NULL)
        return error_no_memory(err);
    merge->source_count = count;
    for (uint32_t i = 0; i < count; i++)
        merge->sources[i] = sources[i];
    return MQL_OK;
}

mql_status
rewrite_add_growing(Rewrite *rewrite, Error *err)
{
    Segment **list =
        calloc(rewrite->segment_count + (size_t)1, sizeof(Segment *));
    if (list == NULL)
        return error_no_memory(err);
    const Collection *definition = rewrite->definition;
    mql_status status = MQL_OK;
    for (uint32_t p = 0; p < definition->partition_count && status == MQL_OK;
         p++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < rewrite->segment_count; i++)
            if (!rewrite->segments[i]->is_sealed &&
                rewrite->segments[i]->partition == definition->partitions[p].id)
                list[count++] = rewrite->segments[i];
        if (count > 0)
            status = rewrite_add(rewrite, list, count, err);
    }
    free(list);
    return status;
}

/* ---- writing ---- */

static mql_status
choose_rows(Rewrite *rewrite, const Segment *segment, RowSource *source,
            Error *err)
{
    uint32_t most = segment_row_count(segment, UINT64_MAX);
    uint32_t *rows = malloc((most + (size_t)1) * sizeof *rows);
    if (rows == NULL)
        return error_no_memory(err);
    *source = (RowSource){.rows = rows};
    if (segment->is_sealed)
        source->sealed = as_sealed(segment);
    else
        source->segment = as_growing(segment);
    for (uint32_t row = 0; row < most; row++) {
        uint64_t number = source_deleted(source, row);
        bool is_expired;
        TRY(segment_is_expired(segment, row, rewrite->expired, &is_expired,
                               err));
        if (is_expired)
            continue;
        if (number == 0 || number > rewrite->horizon)
            rows[source->count++] = row;
        else if (number > rewrite->forgotten)
            rewrite->forgotten = number;
    }
    return MQL_OK;
}

static mql_status
write_index(Rewrite *rewrite, SealedSegment *segment,
            const IndexDefinition *index, Error *err)
{
    const FileSpace *space = &rewrite->store->space;
    IndexFile file = {.index = index->id};
    TRY(file_name_add(&rewrite->written,
                      segment_index_path(space, segment->base.id, index->id),
                      err));
    TRY(segment_index_build(space, segment, rewrite->definition, index,
                            rewrite->watch, &file.size, err));
    if (!segment_entry_add_index(&segment->entry, file))
        return error_no_memory(err);
    return segment_index_open(space, segment, rewrite->definition, index, err);
}

static mql_status
write_indexes(Rewrite *rewrite, SealedSegment *segment, Error *err)
{
    const Collection *definition = rewrite->definition;
    for (uint32_t i = 0; i < definition->index_count; i++) {
        const IndexDefinition *index = &definition->indexes[i];
        if (index->kind->has_file &&
            sealed_field(segment, index->field) != NULL)
            TRY(write_index(rewrite, segment, index, err));
    }
    return MQL_OK;
}

static mql_status
write_merge(Rewrite *rewrite, Merge *merge, Error *err)
{
    Store *store = rewrite->store;
    uint64_t count = 0;
    for (uint32_t i = 0; i < merge->source_count; i++) {
        TRY(segment_intact(merge->sources[i], err));
        TRY(choose_rows(rewrite, merge->sources[i], &merge->rows[i], err));
        count += merge->rows[i].count;
    }
    if (count == 0)
        return MQL_OK;
    SegmentWrite input = {
        .id = atomic_fetch_add(&store->next_id, 1),
        .definition = rewrite->definition,
        .partition = merge->partition,
        .sources = merge->rows,
        .source_count = merge->source_count,
        .watch = rewrite->watch,
    };
    SegmentEntry entry;
    TRY(file_name_add(&rewrite->written, segment_path(&store->space, input.id),
                      err));
    TRY(segment_write(&store->space, &input, &entry, err));
    /* What could not be read was zeros. */
    for (uint32_t i = 0; i < merge->source_count; i++)
        TRY(segment_intact(merge->sources[i], err));
    TRY(sealed_open(&store->space, &entry, rewrite->definition, &merge->result,
                    err));
    if (rewrite->has_indexes)
        TRY(write_indexes(rewrite, merge->result, err));
    return MQL_OK;
}

mql_status
rewrite_write(Rewrite *rewrite, Error *err)
{
    for (Merge *merge = rewrite->merges; merge != NULL; merge = merge->next)
        TRY(write_merge(rewrite, merge, err));
    return MQL_OK;
}

/* ---- entering ---- */

mql_status
rewrite_lost(Error *err)
{
    error_set(err, ERR_OBJECT_IN_USE,
              "the collection was changed whenever its new files were ready");
    return error_hint(err, "Try again when nobody changes its definition.");
}

bool
rewrite_is_same_shape(const Collection *old, const Collection *new)
{
    if (old->field_count != new->field_count ||
        old->index_count != new->index_count)
        return false;
    for (uint32_t i = 0; i < old->field_count; i++)
        if (old->fields[i].id != new->fields[i].id)
            return false;
    for (uint32_t i = 0; i < old->index_count; i++)
        if (old->indexes[i].id != new->indexes[i].id)
            return false;
    return true;
}

bool
rewrite_has_segment(const CollectionVersion *version, const Segment *segment)
{
    for (uint32_t i = 0; i < version->segment_count; i++)
        if (version->segments[i] == segment)
            return true;
    return false;
}

static bool
is_still_there(const Rewrite *rewrite, const CollectionVersion *version)
{
    if (version == NULL ||
        !rewrite_is_same_shape(rewrite->definition, version->collection))
        return false;
    for (const Merge *merge = rewrite->merges; merge != NULL;
         merge = merge->next) {
        if (collection_find_partition_id(version->collection,
                                         merge->partition) < 0)
            return false;
        for (uint32_t i = 0; i < merge->source_count; i++)
            if (!rewrite_has_segment(version, merge->sources[i]))
                return false;
    }
    return true;
}

/* The deletions of rows that went to the new segment, those that came after it
 * was written included. */
static mql_status
carry_deletions(const Merge *merge, Error *err)
{
    uint32_t row = 0;
    for (uint32_t s = 0; s < merge->source_count; s++)
        for (uint32_t i = 0; i < merge->rows[s].count; i++, row++) {
            uint64_t number =
                source_deleted(&merge->rows[s], merge->rows[s].rows[i]);
            if (number == 0)
                continue;
            TRY(sealed_reserve_delete(merge->result, row, err));
            sealed_delete(merge->result, row, number);
        }
    return MQL_OK;
}

static mql_status
replace(CollectionChange *change, Merge *merge, Error *err)
{
    for (uint32_t i = 0; i < merge->source_count; i++)
        change->replaced[change->replaced_count++] = merge->sources[i];
    if (merge->result == NULL)
        return MQL_OK;
    TRY(carry_deletions(merge, err));
    SealedSegment *result = merge->result;
    merge->result = NULL;
    return change_keep_sealed(change, result, err);
}

/* Whether rows stay in memory, which came after the picture. */
static bool
has_later_rows(const CollectionChange *change)
{
    const CollectionVersion *base = &change->base->version;
    for (uint32_t i = 0; i < base->segment_count; i++)
        if (!base->segments[i]->is_sealed &&
            change_keeps(change, base->segments[i]))
            return true;
    return false;
}

static mql_status
enter(Rewrite *rewrite, Transaction *transaction, Error *err)
{
    CollectionChange *change;
    TRY(transaction_change(transaction, rewrite->definition->id, &change, err));
    uint32_t most = 0;
    for (const Merge *merge = rewrite->merges; merge != NULL;
         merge = merge->next)
        most += merge->source_count;
    change->replaced = calloc(most + (size_t)1, sizeof(Segment *));
    if (change->replaced == NULL)
        return error_no_memory(err);
    for (Merge *merge = rewrite->merges; merge != NULL; merge = merge->next)
        TRY(replace(change, merge, err));
    transaction->is_rewrite = true;
    change->forgotten = rewrite->forgotten;
    if (rewrite->is_sealing) {
        change->has_later_rows = has_later_rows(change);
        change->sealed_upto = change->has_later_rows
                                  ? rewrite->sequence
                                  : transaction->base->sequence;
    }
    transaction->written = rewrite->written;
    rewrite->written = NULL;
    return MQL_OK;
}

mql_status
rewrite_commit(Rewrite *rewrite, bool *is_lost, Error *err)
{
    *is_lost = false;
    if (rewrite->merges == NULL)
        return MQL_OK;
    Transaction *transaction;
    TRY(rewrite_transaction(rewrite, &transaction, err));
    if (!is_still_there(rewrite, version_collection(transaction->base,
                                                    rewrite->definition->id))) {
        *is_lost = true;
        transaction_rollback(transaction);
        return MQL_OK;
    }
    mql_status status = enter(rewrite, transaction, err);
    if (status == MQL_OK)
        return transaction_commit(transaction, err);
    transaction_rollback(transaction);
    return status;
}
