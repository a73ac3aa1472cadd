/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction_rebase.c - an optimistic transaction meets what others committed
 * since it began.
 *
 * First committer wins: the transaction fails with SERIALIZATION_FAILURE when
 * one of these was committed meanwhile,
 *
 *   - a change of any definition, if it changes definitions itself
 *   - a change of the definition of a collection whose rows it changes
 *   - any row of a collection that it truncates, drops or redefines
 *   - a deletion of a row that it deletes (UPDATE and UPSERT delete the old
 * row)
 *   - a row with a key that it inserts
 *
 * Otherwise its changes are put upon the newest state: rows that it deletes are
 * found again where they are now, since segments are sealed and compacted.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/collection/store_internal.h"

/* A change, the newest entry of its collection, and what it will delete there.
 */
typedef struct Rebase {
    Transaction *transaction;
    CollectionChange *change;
    const CollectionVersion *newest;
    uint64_t before; /* sequence numbers of the old and the new base */
    uint64_t now;
    DeletedRows *deleted; /* one for each segment of `newest` */
    uint64_t deleted_count;
} Rebase;

static mql_status
conflict(const Collection *collection, const char *detail, Error *err)
{
    error_set(err, ERR_SERIALIZATION_FAILURE,
              "could not serialize access due to concurrent update");
    error_detail(err, "Collection \"%s\": %s", collection->name, detail);
    return error_hint(err, "The transaction might succeed if retried.");
}

/* ---- rows to delete ---- */

static mql_status
mark(Rebase *rebase, uint32_t segment, uint32_t row, Error *err)
{
    DeletedRows *set = &rebase->deleted[segment];
    if (set->bits == NULL) {
        uint32_t rows =
            segment_row_count(rebase->newest->segments[segment], rebase->now);
        set->bits = calloc(bits_words(rows) + 1, sizeof *set->bits);
    }
    if (set->bits == NULL)
        return error_no_memory(err);
    bits_set(set->bits, row);
    set->count++;
    rebase->deleted_count++;
    return MQL_OK;
}

/* A row whose segment is no longer there: its key leads to it. */
static mql_status
mark_moved(Rebase *rebase, const Segment *old, uint32_t row, Error *err)
{
    RowKey key;
    TRY(segment_key(old, row, &key, err));
    key.hash = row_key_hash(&key);
    for (uint32_t i = 0; i < rebase->newest->segment_count; i++) {
        const Segment *segment = rebase->newest->segments[i];
        uint32_t then;
        uint32_t found;
        TRY(segment_find_row(segment, &key, rebase->now, &found, err));
        if (found == ROW_NONE)
            continue;
        TRY(segment_find_row(segment, &key, rebase->before, &then, err));
        if (then == found)
            return mark(rebase, i, found, err);
        break;
    }
    return conflict(rebase->newest->collection,
                    "a row to be deleted was changed meanwhile.", err);
}

static mql_status
move_row(Rebase *rebase, const Segment *old, uint32_t position, uint32_t row,
         Error *err)
{
    if (position == rebase->newest->segment_count)
        return mark_moved(rebase, old, row, err);
    if (segment_deleted(old, row) != 0)
        return conflict(rebase->newest->collection,
                        "a row to be deleted was changed meanwhile.", err);
    return mark(rebase, position, row, err);
}

static mql_status
move_segment(Rebase *rebase, const Segment *old, const DeletedRows *set,
             Error *err)
{
    const CollectionVersion *newest = rebase->newest;
    uint32_t position = 0;
    while (position < newest->segment_count &&
           newest->segments[position] != old)
        position++;
    uint32_t left = set->count;
    for (uint32_t row = 0; left > 0; row++) {
        if (!bits_get(set->bits, row))
            continue;
        left--;
        TRY(move_row(rebase, old, position, row, err));
    }
    return MQL_OK;
}

static mql_status
move_deletions(Rebase *rebase, Error *err)
{
    const CollectionChange *change = rebase->change;
    const CollectionVersion *base = &change->base->version;
    for (uint32_t i = 0; change->deleted != NULL && i < base->segment_count;
         i++)
        if (change->deleted[i].count > 0 &&
            change_keeps(change, base->segments[i]))
            TRY(move_segment(rebase, base->segments[i], &change->deleted[i],
                             err));
    return MQL_OK;
}

/* ---- keys to insert ---- */

/* Whether the segment may have rows of commits since the old base. */
static bool
may_be_newer(const Segment *segment, uint64_t before)
{
    return !segment->is_sealed || as_sealed(segment)->max_inserted > before;
}

static mql_status
meet_key(const Rebase *rebase, const RowKey *key, Error *err)
{
    for (uint32_t i = 0; i < rebase->newest->segment_count; i++) {
        const Segment *segment = rebase->newest->segments[i];
        const DeletedRows *set = &rebase->deleted[i];
        uint32_t row;
        if (!may_be_newer(segment, rebase->before) ||
            !change_keeps(rebase->change, segment))
            continue;
        TRY(segment_find_row(segment, key, rebase->now, &row, err));
        if (row == ROW_NONE || (set->bits != NULL && bits_get(set->bits, row)))
            continue;
        return conflict(rebase->newest->collection,
                        "a key to be inserted was inserted meanwhile.", err);
    }
    return MQL_OK;
}

static mql_status
meet_keys_of(const Rebase *rebase, const Segment *own, Error *err)
{
    uint32_t rows = segment_row_count(own, UINT64_MAX);
    for (uint32_t row = 0; row < rows; row++) {
        RowKey key;
        if (segment_deleted(own, row) != 0)
            continue;
        TRY(segment_key(own, row, &key, err));
        key.hash = row_key_hash(&key);
        TRY(meet_key(rebase, &key, err));
    }
    return MQL_OK;
}

static mql_status
meet_keys(const Rebase *rebase, Error *err)
{
    for (StagedPartition *staged = rebase->change->staged; staged != NULL;
         staged = staged->next)
        if (change_has_partition(rebase->change, &staged->rows->base))
            TRY(meet_keys_of(rebase, &staged->rows->base, err));
    for (uint32_t i = 0; i < rebase->change->sealed_count; i++)
        if (change_has_partition(rebase->change,
                                 &rebase->change->sealed[i]->base))
            TRY(meet_keys_of(rebase, &rebase->change->sealed[i]->base, err));
    return MQL_OK;
}

/* ---- a collection ---- */

static void
free_sets(DeletedRows *sets, uint32_t count)
{
    for (uint32_t i = 0; sets != NULL && i < count; i++)
        free(sets[i].bits);
    free(sets);
}

static mql_status
rebase_rows(Rebase *rebase, Error *err)
{
    uint32_t count = rebase->newest->segment_count;
    rebase->deleted = calloc(count + (size_t)1, sizeof *rebase->deleted);
    if (rebase->deleted == NULL)
        return error_no_memory(err);
    mql_status status = move_deletions(rebase, err);
    if (status == MQL_OK)
        status = meet_keys(rebase, err);
    if (status != MQL_OK) {
        free_sets(rebase->deleted, count);
        return status;
    }
    CollectionChange *change = rebase->change;
    change_free_deleted(change);
    change->deleted = rebase->deleted;
    change->deleted_count = rebase->deleted_count;
    change->base = collection_entry_of(rebase->newest);
    return MQL_OK;
}

/* Compaction may have forgotten more of the past since. */
static mql_status
rebase_horizon(CollectionChange *change, Error *err)
{
    uint64_t horizon = change->base->version.collection->horizon;
    if (change->definition == NULL || change->definition->horizon >= horizon)
        return MQL_OK;
    TRY(change_own_definition(change, err));
    change->definition->horizon = horizon;
    return MQL_OK;
}

static mql_status
rebase_change(Transaction *transaction, CollectionChange *change,
              const Version *newest, Error *err)
{
    if (change->created != NULL)
        return MQL_OK;
    Rebase rebase = {.transaction = transaction,
                     .change = change,
                     .newest = version_collection(newest, change->id),
                     .before = transaction->base->sequence,
                     .now = newest->sequence};
    const CollectionState *state = change->base->state;
    if (rebase.newest == NULL || state->defined > rebase.before)
        return conflict(change->base->version.collection,
                        "its definition was changed meanwhile.", err);
    bool is_whole = change->is_truncated || change->is_new_definition;
    if (is_whole && state->changed > rebase.before)
        return conflict(change->base->version.collection,
                        "its rows were changed meanwhile.", err);
    if (state->moved <= rebase.before)
        return MQL_OK;
    TRY(rebase_rows(&rebase, err));
    return rebase_horizon(change, err);
}

mql_status
transaction_rebase(Transaction *transaction, Error *err)
{
    mql_status status = MQL_OK;
    transaction->newest = store_newest(transaction->store);
    const Version *newest = transaction->newest;
    if (transaction->has_definitions &&
        newest->schema != transaction->base->schema) {
        error_set(err, ERR_SERIALIZATION_FAILURE,
                  "could not serialize access due to concurrent update");
        error_detail(err, "Definitions were changed meanwhile.");
        status = error_hint(err, "The transaction might succeed if retried.");
    }
    for (CollectionChange *change = transaction->collections;
         change != NULL && status == MQL_OK; change = change->next)
        status = rebase_change(transaction, change, newest, err);
    if (status != MQL_OK)
        return status;
    version_release(transaction->base);
    transaction->base = newest;
    transaction->newest = NULL;
    transaction->sequence = newest->sequence + 1;
    return MQL_OK;
}
