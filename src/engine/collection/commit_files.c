/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_files.c - what a commit writes before its record: sealed segments,
 * deletions, indexes.
 *
 * Every file is new and nothing refers to it yet: whatever fails here leaves
 * the database as it was, and the files are removed with the transaction.
 */
#include <stdlib.h>

#include "engine/collection/jobs.h"
#include "engine/collection/store_internal.h"

/* ---- rows to write ---- */

mql_status
live_rows(const GrowingSegment *segment, RowSource *source, Error *err)
{
    uint32_t most = atomic_load(&segment->count);
    uint32_t *rows = malloc((most + (size_t)1) * sizeof *rows);
    if (rows == NULL)
        return error_no_memory(err);
    uint32_t count = 0;
    for (uint32_t row = 0; row < most; row++)
        if (growing_deleted(segment, row) == 0)
            rows[count++] = row;
    *source = (RowSource){.segment = segment, .rows = rows, .count = count};
    return MQL_OK;
}

/* With the commit's own deletions; 0: it stays. */
static uint64_t
deletion_of(const RowSource *source, uint32_t row, uint64_t sequence)
{
    uint64_t number = growing_deleted(source->segment, row);
    if (number == 0 && source->deleted != NULL &&
        bits_get(source->deleted, row))
        return sequence;
    return number;
}

/* Rows that somebody may ask for: live ones, and those deleted within the
 * retention. */
static mql_status
kept_rows(const Transaction *transaction, CollectionChange *change,
          const GrowingSegment *segment, const uint64_t *deleted,
          RowSource *source, Error *err)
{
    uint32_t most = atomic_load(&segment->count);
    uint32_t *rows = malloc((most + (size_t)1) * sizeof *rows);
    if (rows == NULL)
        return error_no_memory(err);
    *source = (RowSource){.segment = segment, .rows = rows, .deleted = deleted};
    for (uint32_t row = 0; row < most; row++) {
        uint64_t number = deletion_of(source, row, transaction->sequence);
        if (number == 0 || number > transaction->horizon)
            rows[source->count++] = row;
        else if (number > change->forgotten)
            change->forgotten = number;
    }
    return MQL_OK;
}

/* The deletions of rows that went to a new segment. */
static mql_status
keep_deletions(const Transaction *transaction, SealedSegment *segment,
               const RowSource *sources, uint32_t count, Error *err)
{
    uint32_t position = 0;
    for (uint32_t s = 0; s < count; s++)
        for (uint32_t i = 0; i < sources[s].count; i++, position++) {
            uint64_t number = deletion_of(&sources[s], sources[s].rows[i],
                                          transaction->sequence);
            if (number == 0)
                continue;
            TRY(sealed_reserve_delete(segment, position, err));
            sealed_delete(segment, position, number);
        }
    return MQL_OK;
}

mql_status
change_keep_sealed(CollectionChange *change, SealedSegment *segment, Error *err)
{
    if (change->sealed_count == change->sealed_capacity) {
        uint32_t capacity = change->sealed_capacity * 2 + 4;
        SealedSegment **grown =
            realloc(change->sealed, capacity * sizeof(SealedSegment *));
        if (grown == NULL) {
            segment_release(&segment->base);
            return error_no_memory(err);
        }
        change->sealed = grown;
        change->sealed_capacity = capacity;
    }
    change->sealed[change->sealed_count++] = segment;
    return MQL_OK;
}

static mql_status
build_index(Transaction *transaction, const Collection *definition,
            SealedSegment *segment, const IndexDefinition *index,
            SegmentEntry *entry, Error *err)
{
    const FileSpace *space = &transaction->store->space;
    if (!segment_entry_has_index(entry, index->id))
        TRY(file_name_add(
            &transaction->written,
            segment_index_path(space, segment->base.id, index->id), err));
    IndexFile file = {.index = index->id};
    TRY(segment_index_build(space, segment, definition, index,
                            &transaction->watch, &file.size, err));
    return segment_entry_add_index(entry, file) ? MQL_OK : error_no_memory(err);
}

/* The indexes that a new segment lacks. */
static mql_status
index_new_segment(Transaction *transaction, const Collection *definition,
                  SealedSegment *segment, Error *err)
{
    for (uint32_t i = 0; i < definition->index_count; i++) {
        const IndexDefinition *index = &definition->indexes[i];
        if (sealed_field(segment, index->field) == NULL ||
            segment_index(&segment->base, index->id) != NULL)
            continue;
        if (index->kind->has_file)
            TRY(build_index(transaction, definition, segment, index,
                            &segment->entry, err));
        TRY(segment_index_open(&transaction->store->space, segment, definition,
                               index, err));
    }
    return MQL_OK;
}

/* ---- files begun before the commit ---- */

static mql_status
write_ahead(Transaction *transaction, StagedPartition *staged)
{
    Error ignored = ERROR_INIT;
    if (staged->ahead == NULL)
        TRY(segment_ahead_begin(&transaction->store->space,
                                transaction_new_id(transaction), staged->rows,
                                &staged->ahead, &ignored));
    if (staged->ahead == NULL || staged->superseded > 0)
        return MQL_DONE;
    return segment_ahead_write(staged->ahead, &ignored);
}

void
change_write_ahead(Transaction *transaction, CollectionChange *change)
{
    uint64_t most = transaction->store->limits.log_partition_bytes;
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next) {
        if (staged->is_never_ahead || staged->rows->memory <= most * 2 ||
            (staged->ahead != NULL && staged->superseded == 0 &&
             !segment_ahead_is_due(staged->ahead)) ||
            write_ahead(transaction, staged) == MQL_OK)
            continue;
        segment_ahead_abort(staged->ahead);
        staged->ahead = NULL;
        staged->is_never_ahead = true;
    }
}

/* The file that was begun with the first of the rows, if it is of use. */
static void
take_ahead(CollectionChange *change, SegmentWrite *input)
{
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next) {
        if (staged->ahead == NULL || staged->rows != input->sources[0].segment)
            continue;
        if (segment_ahead_fits(staged->ahead, input))
            input->ahead = staged->ahead;
        else
            segment_ahead_abort(staged->ahead);
        staged->ahead = NULL;
        return;
    }
}

/* Write the rows as a new segment of the change; `sequence` is that of rows
 * staged, 0 before the commit. Rows may lack fields that an ALTER
 * added. */
static mql_status
write_sealed(Transaction *transaction, CollectionChange *change,
             uint64_t partition, const RowSource *sources, uint32_t count,
             uint64_t sequence, Error *err)
{
    const FileSpace *space = &transaction->store->space;
    SegmentWrite input = {
        .definition = change_definition(change),
        .partition = partition,
        .sources = sources,
        .source_count = count,
        .sequence = sequence,
        .watch = &transaction->watch,
    };
    take_ahead(change, &input);
    input.id =
        input.ahead != NULL ? input.ahead->id : transaction_new_id(transaction);
    SegmentEntry entry;
    SealedSegment *segment;
    if (file_name_add(&transaction->written, segment_path(space, input.id),
                      err) != MQL_OK) {
        segment_ahead_abort(input.ahead);
        return err->status;
    }
    TRY(segment_write(space, &input, &entry, err));
    TRY(sealed_open(space, &entry, change_definition(change), &segment, err));
    TRY(change_keep_sealed(change, segment, err));
    TRY(keep_deletions(transaction, segment, sources, count, err));
    return index_new_segment(transaction, change_definition(change), segment,
                             err);
}

static void
forget_staged(Transaction *transaction, CollectionChange *change,
              StagedPartition *staged)
{
    StagedPartition **link = &change->staged;
    while (*link != staged)
        link = &(*link)->next;
    *link = staged->next;
    transaction->staged_bytes -= staged->rows->memory;
    staged_free(staged);
}

mql_status
change_spill(Transaction *transaction, CollectionChange *change,
             StagedPartition *staged, Error *err)
{
    RowSource source;
    transaction_touch(transaction); /* an old view would keep the memory */
    TRY(live_rows(staged->rows, &source, err));
    mql_status status = MQL_OK;
    if (source.count > 0)
        status = write_sealed(transaction, change, staged->partition, &source,
                              1, 0, err);
    free((void *)(uintptr_t)source.rows);
    TRY(status);
    forget_staged(transaction, change, staged);
    return MQL_OK;
}

/* ---- sealing ---- */

/* One without rows is not counted. */
static void
keep_source(RowSource *source, uint32_t *count)
{
    if (source->count > 0) {
        *count += 1;
        return;
    }
    free((void *)(uintptr_t)source->rows);
    *source = (RowSource){0};
}

/* Rows of the partition's growing segments and of what is staged for it. */
static mql_status
collect_sources(const Transaction *transaction, CollectionChange *change,
                uint64_t partition, RowSource *sources, uint32_t *count,
                Error *err)
{
    const CollectionVersion *base = &change->base->version;
    for (uint32_t i = 0; i < base->segment_count; i++) {
        const Segment *segment = base->segments[i];
        if (segment->is_sealed || segment->partition != partition ||
            !change_keeps(change, segment))
            continue;
        const uint64_t *deleted =
            change->deleted != NULL ? change->deleted[i].bits : NULL;
        TRY(kept_rows(transaction, change, as_growing(segment), deleted,
                      &sources[*count], err));
        keep_source(&sources[*count], count);
    }
    for (const StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next) {
        if (staged->partition != partition)
            continue;
        TRY(live_rows(staged->rows, &sources[*count], err));
        keep_source(&sources[*count], count);
    }
    return MQL_OK;
}

static uint32_t
count_sources(const CollectionChange *change)
{
    uint32_t count = change->base->version.segment_count;
    for (const StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next)
        count++;
    return count;
}

static void
forget_staged_of(Transaction *transaction, CollectionChange *change,
                 uint64_t partition)
{
    StagedPartition *next;
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = next) {
        next = staged->next;
        if (staged->partition == partition)
            forget_staged(transaction, change, staged);
    }
}

static mql_status
seal_partition(Transaction *transaction, CollectionChange *change,
               uint64_t partition, Error *err)
{
    uint32_t most = count_sources(change);
    RowSource *sources = calloc((size_t)most + 1, sizeof *sources);
    if (sources == NULL)
        return error_no_memory(err);
    uint32_t count = 0;
    mql_status status =
        collect_sources(transaction, change, partition, sources, &count, err);
    if (status == MQL_OK && count > 0)
        status = write_sealed(transaction, change, partition, sources, count,
                              transaction->sequence, err);
    for (uint32_t i = 0; i <= most; i++)
        free((void *)(uintptr_t)sources[i].rows);
    free(sources);
    if (status == MQL_OK)
        forget_staged_of(transaction, change, partition);
    return status;
}

static mql_status
seal(Transaction *transaction, CollectionChange *change, Error *err)
{
    const Collection *definition = change_definition(change);
    for (uint32_t i = 0; i < definition->partition_count; i++)
        TRY(seal_partition(transaction, change, definition->partitions[i].id,
                           err));
    return MQL_OK;
}

/* Growing rows have other fields than the new definition. */
static bool
has_other_fields(const CollectionChange *change, const Segment *segment)
{
    return !segment->is_sealed &&
           !growing_fits(as_growing(segment), change_definition(change));
}

static bool
is_due(const Transaction *transaction, const CollectionChange *change)
{
    const CollectionVersion *base = &change->base->version;
    const StoreLimits *limits = &transaction->store->limits;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < base->segment_count; i++) {
        const Segment *segment = base->segments[i];
        if (!change_keeps(change, segment) || segment->is_sealed)
            continue;
        if (has_other_fields(change, segment))
            return true;
        bytes += segment_bytes(segment);
    }
    for (const StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next) {
        if (!growing_fits(staged->rows, change_definition(change)))
            return true;
        if (staged->rows->memory <= limits->log_partition_bytes)
            bytes += staged->rows->memory;
    }
    /* A job seals them, if it keeps up. */
    uint64_t most = limits->growing_bytes;
    return bytes > most * 2 ||
           (bytes > most && !store_jobs_are_on(transaction->store));
}

/* Staged rows for partitions that are gone. */
static void
forget_lost_partitions(Transaction *transaction, CollectionChange *change)
{
    StagedPartition *next;
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = next) {
        next = staged->next;
        if (collection_find_partition_id(change_definition(change),
                                         staged->partition) < 0)
            forget_staged(transaction, change, staged);
    }
}

/* Staged rows that are too many for the log. */
static mql_status
spill_large(Transaction *transaction, CollectionChange *change,
            uint64_t *logged, Error *err)
{
    const StoreLimits *limits = &transaction->store->limits;
    StagedPartition *next;
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = next) {
        next = staged->next;
        uint64_t bytes = staged->rows->memory;
        if (bytes > limits->log_partition_bytes ||
            *logged + bytes > limits->log_bytes)
            TRY(change_spill(transaction, change, staged, err));
        else
            *logged += bytes;
    }
    return MQL_OK;
}

/* ---- entries of the base's segments ---- */

mql_status
change_entry(CollectionChange *change, SealedSegment *segment,
             SegmentEntry **entry, Error *err)
{
    EntryChange *found = change->entries;
    while (found != NULL && found->segment != segment)
        found = found->next;
    if (found == NULL) {
        found = calloc(1, sizeof *found);
        if (found == NULL)
            return error_no_memory(err);
        mql_status status =
            segment_entry_copy(&segment->entry, &found->entry, err);
        if (status != MQL_OK) {
            free(found);
            return status;
        }
        found->segment = segment;
        found->next = change->entries;
        change->entries = found;
    }
    *entry = &found->entry;
    return MQL_OK;
}

static mql_status
write_deletes(Transaction *transaction, SealedSegment *segment,
              const uint64_t *more, SegmentEntry *entry, Error *err)
{
    const FileSpace *space = &transaction->store->space;
    uint64_t id = segment->base.id;
    TRY(file_name_add(&transaction->written,
                      segment_deletes_path(space, id, transaction->sequence),
                      err));
    /* a commit that the log refused had the same number */
    store_reclaim_file(transaction->store, transaction->written->path);
    if (entry->deletes != 0)
        TRY(file_name_add(&transaction->obsolete,
                          segment_deletes_path(space, id, entry->deletes),
                          err));
    TRY(deletes_write(space, segment, transaction->sequence, more,
                      &entry->deletes_size, err));
    entry->deletes = transaction->sequence;
    return MQL_OK;
}

/* Deletions of the base's sealed segments that go to files instead of the log.
 */
static mql_status
persist_deletes(Transaction *transaction, CollectionChange *change, Error *err)
{
    const CollectionVersion *base = &change->base->version;
    bool is_large =
        change->deleted_count > transaction->store->limits.log_deletes;
    bool is_all = change->is_sealing || change->sealed_upto != 0;
    if (!is_all && !is_large)
        return MQL_OK;
    for (uint32_t i = 0; i < base->segment_count; i++) {
        Segment *any = base->segments[i];
        if (!any->is_sealed || !change_keeps(change, any))
            continue;
        SealedSegment *segment = (SealedSegment *)(void *)any;
        DeletedRows *set = change->deleted != NULL ? &change->deleted[i] : NULL;
        bool has_more = set != NULL && set->count > 0;
        if (!has_more && !(is_all && segment->has_new_deletes))
            continue;
        SegmentEntry *entry;
        TRY(change_entry(change, segment, &entry, err));
        TRY(write_deletes(transaction, segment, has_more ? set->bits : NULL,
                          entry, err));
        if (has_more)
            set->is_persisted = true;
    }
    return MQL_OK;
}

/* Rows of spilled segments that later rows of the same transaction replaced. */
static mql_status
persist_superseded(Transaction *transaction, CollectionChange *change,
                   Error *err)
{
    for (uint32_t i = 0; i < change->sealed_count; i++) {
        SealedSegment *segment = change->sealed[i];
        if (atomic_load(&segment->deleted_count) > 0)
            TRY(write_deletes(transaction, segment, NULL, &segment->entry,
                              err));
    }
    return MQL_OK;
}

/* Files of indexes that the definition does not have any more. */
static mql_status
drop_indexes(Transaction *transaction, CollectionChange *change,
             SealedSegment *segment, Error *err)
{
    const Collection *definition = change_definition(change);
    for (uint32_t i = 0; i < segment->entry.index_count; i++) {
        uint64_t id = segment->entry.indexes[i].index;
        if (collection_has_index(definition, id))
            continue;
        SegmentEntry *entry;
        TRY(change_entry(change, segment, &entry, err));
        segment_entry_remove_index(entry, id);
        TRY(file_name_add(&transaction->obsolete,
                          segment_index_path(&transaction->store->space,
                                             segment->base.id, id),
                          err));
    }
    return MQL_OK;
}

/* Indexes that the segment lacks: new ones, and damaged ones. */
static mql_status
add_indexes(Transaction *transaction, CollectionChange *change,
            SealedSegment *segment, Error *err)
{
    const Collection *definition = change_definition(change);
    TRY(segment_intact(&segment->base, err));
    bool is_rewritten = transaction->store->rewriting == change->id;
    for (uint32_t i = 0; i < definition->index_count; i++) {
        const IndexDefinition *index = &definition->indexes[i];
        if (sealed_field(segment, index->field) == NULL ||
            segment_index(&segment->base, index->id) != NULL)
            continue;
        /* Somebody may be writing that file. */
        if (is_rewritten &&
            collection_has_index(change->base->version.collection, index->id))
            continue;
        SegmentEntry *entry;
        if (index->kind->has_file && change->is_lazy)
            continue;
        if (index->kind->has_file) {
            TRY(change_entry(change, segment, &entry, err));
            TRY(build_index(transaction, definition, segment, index, entry,
                            err));
        }
        TRY(segment_index_open(&transaction->store->space, segment, definition,
                               index, err));
    }
    return MQL_OK;
}

static bool
is_adding_indexes(const CollectionChange *change)
{
    const Collection *old = change->base->version.collection;
    const Collection *definition = change_definition(change);
    bool is_adding = change->wants_indexes;
    for (uint32_t i = 0; i < definition->index_count; i++)
        is_adding =
            is_adding || !collection_has_index(old, definition->indexes[i].id);
    return is_adding;
}

/* The files of a segment that goes. */
static mql_status
retire_segment(Transaction *transaction, const SealedSegment *segment,
               Error *err)
{
    const FileSpace *space = &transaction->store->space;
    const SegmentEntry *entry = &segment->entry;
    TRY(file_name_add(&transaction->obsolete, segment_path(space, entry->id),
                      err));
    for (uint32_t i = 0; i < entry->index_count; i++)
        TRY(file_name_add(
            &transaction->obsolete,
            segment_index_path(space, entry->id, entry->indexes[i].index),
            err));
    if (entry->deletes == 0)
        return MQL_OK;
    return file_name_add(&transaction->obsolete,
                         segment_deletes_path(space, entry->id, entry->deletes),
                         err);
}

static mql_status
update_base_segments(Transaction *transaction, CollectionChange *change,
                     Error *err)
{
    const CollectionVersion *base = &change->base->version;
    bool is_adding = is_adding_indexes(change);
    for (uint32_t i = 0; i < base->segment_count; i++) {
        Segment *any = base->segments[i];
        if (!any->is_sealed)
            continue;
        SealedSegment *segment = (SealedSegment *)(void *)any;
        if (!change_keeps(change, any)) {
            TRY(retire_segment(transaction, segment, err));
            continue;
        }
        if (change->definition != NULL)
            TRY(drop_indexes(transaction, change, segment, err));
        if (is_adding)
            TRY(add_indexes(transaction, change, segment, err));
    }
    return MQL_OK;
}

/* ---- all of it ---- */

/* Segments that go take their rows along: nothing before is left to be read. */
static void
forget_lost_segments(const Transaction *transaction, CollectionChange *change)
{
    const CollectionVersion *base = &change->base->version;
    for (uint32_t i = 0; i < base->segment_count; i++)
        if (!change_keeps(change, base->segments[i]))
            change->forgotten = transaction->sequence;
}

/* Rows or deletes that only the log will have. */
static bool
needs_log(const CollectionChange *change)
{
    if (change->staged != NULL)
        return true;
    const CollectionVersion *base = &change->base->version;
    for (uint32_t i = 0; i < base->segment_count; i++) {
        if (change->deleted == NULL || change->deleted[i].count == 0 ||
            change->deleted[i].is_persisted)
            continue;
        const Segment *segment = base->segments[i];
        bool is_sealed_away = change->is_sealing && !segment->is_sealed;
        if (change_keeps(change, segment) && !is_sealed_away)
            return true;
    }
    return false;
}

static mql_status
change_files(Transaction *transaction, CollectionChange *change,
             uint64_t *logged, Error *err)
{
    if (change->created != NULL && change->is_dropped)
        return MQL_OK;
    if (!change->is_dropped) {
        forget_lost_partitions(transaction, change);
        if (!transaction->is_rewrite)
            forget_lost_segments(transaction, change);
        change->is_sealing =
            !transaction->is_rewrite &&
            (change->wants_seal || is_due(transaction, change));
    }
    if (change->is_sealing)
        TRY(seal(transaction, change, err));
    else
        TRY(spill_large(transaction, change, logged, err));
    TRY(persist_deletes(transaction, change, err));
    TRY(persist_superseded(transaction, change, err));
    TRY(update_base_segments(transaction, change, err));
    for (uint32_t i = 0; i < change->sealed_count && !transaction->is_rewrite;
         i++)
        TRY(index_new_segment(transaction, change_definition(change),
                              change->sealed[i], err));
    change->is_logging = needs_log(change);
    return MQL_OK;
}

/* The log has become long: nothing stays in it alone. */
static mql_status
seal_everything(Transaction *transaction, Error *err)
{
    const Version *base = transaction->base;
    for (uint32_t i = 0; i < base->collection_count; i++) {
        const CollectionEntry *entry =
            collection_entry_of(base->collections[i]);
        Error unused = ERROR_INIT;
        if (entry->state->dirty_since == 0 ||
            collection_intact(&entry->version, &unused) != MQL_OK)
            continue;
        CollectionChange *change;
        TRY(transaction_change(transaction, entry->version.collection->id,
                               &change, err));
        change->wants_seal = true;
    }
    return MQL_OK;
}

mql_status
commit_files(Transaction *transaction, Error *err)
{
    Store *store = transaction->store;
    uint64_t logged = 0;
    int64_t retention = store_retention(store);
    timeline_set_retention(&store->timeline, retention);
    transaction->horizon =
        retention == 0 ? transaction->sequence : store_horizon(store);
    uint64_t log_size = wal_size(store->wal);
    uint64_t most = store->limits.wal_bytes;
    bool has_jobs = log_size > most && store_jobs_are_on(store);
    if (has_jobs)
        jobs_want_seal(store->jobs);
    if (log_size > (has_jobs ? most * 2 : most) && !transaction->is_rewrite)
        TRY(seal_everything(transaction, err));
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next)
        TRY(change_files(transaction, change, &logged, err));
    return MQL_OK;
}
