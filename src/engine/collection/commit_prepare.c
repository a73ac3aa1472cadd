/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_prepare.c - memory for what readers will see: rows appended past the
 * published count, pages for deletions, new entries and the new Version.
 * Nothing of it is seen before commit_apply(), and commit_unprepare() takes it
 * back.
 */
#include <stdlib.h>

#include "engine/collection/store_internal.h"

/* ---- rows for growing segments ---- */

static bool
is_target(const CollectionChange *change, const Segment *segment,
          uint64_t partition)
{
    return !segment->is_sealed && segment->partition == partition &&
           !as_growing(segment)->is_frozen && change_keeps(change, segment) &&
           !change->is_sealing &&
           growing_fits(as_growing(segment), change_definition(change));
}

/* The growing segment of the base that takes the partition's rows, or a new
 * one. */
static mql_status
find_target(Transaction *transaction, CollectionChange *change,
            StagedPartition *staged, Error *err)
{
    const CollectionVersion *base = &change->base->version;
    for (uint32_t i = base->segment_count; i > 0; i--) {
        Segment *segment = base->segments[i - 1];
        if (!is_target(change, segment, staged->partition))
            continue;
        staged->target = (GrowingSegment *)(void *)segment;
        return MQL_OK;
    }
    GrowingSegment **grown = realloc(
        change->grown, (change->grown_count + (size_t)1) * sizeof *grown);
    if (grown == NULL)
        return error_no_memory(err);
    change->grown = grown;
    TRY(growing_create(transaction_new_id(transaction),
                       change_definition(change), staged->partition,
                       transaction->store->limits.chunk_bytes,
                       &grown[change->grown_count], err));
    staged->target = grown[change->grown_count++];
    return MQL_OK;
}

static mql_status
append_block(Transaction *transaction, const Collection *definition,
             const StagedPartition *staged, RowRange range, Error *err)
{
    Arena *arena = &transaction->batch_arena;
    arena_reset(arena);
    Batch batch = {
        range.count, definition->field_count,
        arena_alloc_array(arena, definition->field_count, sizeof(Column))};
    if (batch.columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < definition->field_count; i++)
        TRY(growing_read(staged->rows, &definition->fields[i], range, arena,
                         &batch.columns[i], err));
    return growing_append(staged->target, &batch, NULL, range.count,
                          transaction->sequence, err);
}

static mql_status
append_staged(Transaction *transaction, CollectionChange *change,
              StagedPartition *staged, Error *err)
{
    TRY(live_rows(staged->rows, &staged->source, err));
    if (staged->source.count == 0)
        return MQL_OK;
    TRY(find_target(transaction, change, staged, err));
    for (uint32_t first = 0; first < staged->source.count;
         first += BATCH_ROWS) {
        uint32_t left = staged->source.count - first;
        RowRange range = {staged->source.rows + first, 0,
                          left < BATCH_ROWS ? left : BATCH_ROWS};
        TRY(append_block(transaction, change_definition(change), staged, range,
                         err));
    }
    return growing_reserve_keys(staged->target, err);
}

static mql_status
reserve_deletes(CollectionChange *change, Error *err)
{
    if (change->deleted == NULL)
        return MQL_OK;
    const CollectionVersion *base = &change->base->version;
    for (uint32_t i = 0; i < base->segment_count; i++) {
        if (!base->segments[i]->is_sealed || change->deleted[i].count == 0)
            continue;
        SealedSegment *segment = (SealedSegment *)(void *)base->segments[i];
        for (uint32_t row = 0; row < segment->row_count; row++)
            if (bits_get(change->deleted[i].bits, row))
                TRY(sealed_reserve_delete(segment, row, err));
    }
    return MQL_OK;
}

/* ---- entries ---- */

static bool
needs_entry(const CollectionChange *change)
{
    return change->created != NULL || change->definition != NULL ||
           change->sealed_count > 0 || change->grown_count > 0 ||
           change->is_sealing || change->is_truncated ||
           change->replaced_count > 0;
}

/* The catalogue's definition changes with the segments: it says what is in
 * them. */
static bool
needs_definition(const CollectionChange *change)
{
    return change->created != NULL || change->definition != NULL ||
           change->sealed_count > 0 || change->is_sealing ||
           change->is_truncated || change->replaced_count > 0;
}

/* What the old definition's time to live has ended does not come back with a
 * longer one: it may be gone from the files. */
static void
keep_expired(Store *store, CollectionChange *change)
{
    uint64_t expired = store_expired(store, change->base->version.collection,
                                     store_now(store));
    if (expired > change->definition->expired)
        change->definition->expired = expired;
}

static mql_status
update_definition(Transaction *transaction, CollectionChange *change,
                  Error *err)
{
    if (!needs_definition(change))
        return MQL_OK;
    TRY(change_own_definition(change, err));
    uint64_t flushed = transaction->sequence;
    if (change->is_logging)
        flushed--;
    if (change->created == NULL && !change->is_sealing && !change->is_truncated)
        flushed = change->base->version.collection->flushed;
    if (change->sealed_upto > flushed)
        flushed = change->sealed_upto;
    change->definition->flushed = flushed;
    change->definition->next_auto_id =
        atomic_load(&change->base->state->next_auto_id);
    if (change->created != NULL)
        change->definition->created = transaction->sequence;
    if (change->forgotten > change->definition->horizon)
        change->definition->horizon = change->forgotten;
    if (change->is_new_definition && change->created == NULL)
        keep_expired(transaction->store, change);
    return MQL_OK;
}

static uint32_t
list_segments(const CollectionChange *change, Segment **list)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < change->base->version.segment_count; i++) {
        Segment *segment = change->base->version.segments[i];
        bool is_sealed_away = change->is_sealing && !segment->is_sealed;
        if (change_keeps(change, segment) && !is_sealed_away)
            list[count++] = segment;
    }
    for (uint32_t i = 0; i < change->sealed_count; i++)
        if (collection_find_partition_id(change_definition(change),
                                         change->sealed[i]->base.partition) >=
            0)
            list[count++] = &change->sealed[i]->base;
    for (uint32_t i = 0; i < change->grown_count; i++)
        list[count++] = &change->grown[i]->base;
    return count;
}

static mql_status
make_entry(CollectionChange *change, Error *err)
{
    size_t most = change->sealed_count + (size_t)change->grown_count + 1;
    most += change->base->version.segment_count;
    Segment **list = calloc(most, sizeof(Segment *));
    if (list != NULL)
        change->entry = collection_entry_create(
            (Collection *)(uintptr_t)change_definition(change),
            change->base->state, list, list_segments(change, list));
    free(list);
    return change->entry == NULL ? error_no_memory(err) : MQL_OK;
}

static mql_status
prepare_change(Transaction *transaction, CollectionChange *change, Error *err)
{
    if (change->is_dropped)
        return MQL_OK;
    for (uint32_t i = 0; i < change->sealed_count; i++)
        if (change->sealed[i]->max_inserted == 0)
            sealed_set_sequence(change->sealed[i], transaction->sequence);
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next)
        TRY(append_staged(transaction, change, staged, err));
    TRY(reserve_deletes(change, err));
    TRY(update_definition(transaction, change, err));
    return needs_entry(change) ? make_entry(change, err) : MQL_OK;
}

/* ---- the version ---- */

/* The base's contents when nothing but rows of growing segments changes. */
static Contents *
make_contents(const Transaction *transaction)
{
    Contents *old = contents_of(transaction->base);
    bool is_new = transaction->databases != NULL ||
                  transaction->settings != NULL || transaction->access != NULL;
    bool is_new_schema = is_new;
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next) {
        is_new = is_new || change->is_dropped || change->entry != NULL;
        is_new_schema = is_new_schema || change->is_new_definition;
    }
    if (is_new)
        return transaction_contents(transaction, false,
                                    is_new_schema ? transaction->sequence
                                                  : old->schema);
    atomic_fetch_add(&old->references, 1);
    return old;
}

static bool
is_dropped_database(const Transaction *transaction, uint64_t id)
{
    const DatabaseChange *change = transaction->databases;
    while (change != NULL && change->id != id)
        change = change->next;
    return change != NULL && change->entry == NULL;
}

/* No collection is made in a database that is not there, or left behind by one
 * that goes. Statements see to it; a catalogue that has such a collection would
 * keep rows that nobody can reach. */
static mql_status
check_homes(const Transaction *transaction, const Version *version, Error *err)
{
    for (const CollectionChange *change = transaction->collections;
         change != NULL; change = change->next)
        if (change->is_new_definition && !change->is_dropped &&
            version_database(version, change_definition(change)->database) ==
                NULL)
            return error_set(err, ERR_INVALID_DATABASE,
                             "the database of collection \"%s\" does not exist",
                             change_definition(change)->name);
    for (uint32_t i = 0;
         transaction->databases != NULL && i < version->collection_count; i++) {
        const Collection *collection = version->collections[i]->collection;
        if (is_dropped_database(transaction, collection->database))
            return error_set(err, ERR_DEPENDENT_OBJECTS,
                             "the database of collection \"%s\" is not empty",
                             collection->name);
    }
    return MQL_OK;
}

mql_status
commit_prepare(Transaction *transaction, VersionHolder **holder, Error *err)
{
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next)
        TRY(prepare_change(transaction, change, err));
    TRY(residence_prepare(transaction, err));
    Contents *contents = make_contents(transaction);
    *holder = contents == NULL
                  ? NULL
                  : version_create(contents, transaction->sequence);
    return *holder == NULL ? error_no_memory(err)
                           : check_homes(transaction, &(*holder)->version, err);
}

void
commit_unprepare(Transaction *transaction)
{
    residence_unprepare(transaction);
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next) {
        for (StagedPartition *staged = change->staged; staged != NULL;
             staged = staged->next)
            if (staged->target != NULL)
                growing_rollback(staged->target);
        change->base->state->dirty_next = change->base->state->dirty_since;
    }
}
