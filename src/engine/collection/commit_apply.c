/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_apply.c - what a commit does to the memory that readers have. None of
 * it can fail.
 *
 * Rows and deletions are stored before the Version that shows them is
 * published: a reader that has the Version sees them all, and one with an older
 * Version sees none.
 */
#include <stdlib.h>

#include "engine/collection/store_internal.h"

static void
publish_rows(const CollectionChange *change)
{
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next)
        if (staged->target != NULL)
            growing_publish(staged->target, staged->source.count);
}

static void
mark_deleted(Segment *segment, const DeletedRows *set, uint64_t sequence)
{
    uint32_t left = set->count;
    for (uint32_t row = 0; left > 0; row++) {
        if (!bits_get(set->bits, row))
            continue;
        left--;
        if (segment->is_sealed)
            sealed_delete((SealedSegment *)(void *)segment, row, sequence);
        else
            growing_delete((GrowingSegment *)(void *)segment, row, sequence);
    }
    if (segment->is_sealed)
        ((SealedSegment *)(void *)segment)->has_new_deletes =
            !set->is_persisted;
}

static void
apply_deletes(const Transaction *transaction, const CollectionChange *change)
{
    if (change->deleted == NULL || change->is_dropped)
        return;
    const CollectionVersion *base = &change->base->version;
    for (uint32_t i = 0; i < base->segment_count; i++)
        if (change->deleted[i].count > 0)
            mark_deleted(base->segments[i], &change->deleted[i],
                         transaction->sequence);
}

static uint64_t
entry_bytes(const SegmentEntry *entry)
{
    uint64_t bytes = entry->size + entry->deletes_size;
    for (uint32_t i = 0; i < entry->index_count; i++)
        bytes += entry->indexes[i].size;
    return bytes;
}

static void
apply_entries(const Transaction *transaction, CollectionChange *change)
{
    for (EntryChange *entry = change->entries; entry != NULL;
         entry = entry->next) {
        SealedSegment *segment = entry->segment;
        SegmentEntry old = segment->entry;
        segment->entry = entry->entry;
        entry->entry = old; /* freed with the change */
        if (segment->entry.deletes == transaction->sequence)
            segment->has_new_deletes = false;
        atomic_store(&segment->base.bytes, entry_bytes(&segment->entry));
    }
    for (uint32_t i = 0; i < change->sealed_count; i++)
        atomic_store(&change->sealed[i]->base.bytes,
                     entry_bytes(&change->sealed[i]->entry));
}

static void
apply_state(const CollectionChange *change, uint64_t sequence)
{
    CollectionState *state = change->base->state;
    state->dirty_since = state->dirty_next;
    state->moved = sequence;
    if (change->has_rows || change->is_new_definition)
        state->changed = sequence;
    if (change->is_new_definition)
        state->defined = sequence;
}

void
commit_apply(Transaction *transaction)
{
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next) {
        publish_rows(change);
        apply_deletes(transaction, change);
        apply_entries(transaction, change);
        apply_state(change, transaction->sequence);
    }
    residence_apply(transaction);
    timeline_append(&transaction->store->timeline, transaction->sequence,
                    transaction->time);
}
