/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compaction.c - choosing segments to put together, and doing it
 * (maintenance.h).
 */
#include <stdlib.h>

#include "engine/collection/maintenance.h"
#include "engine/collection/rewrite.h"

/* ---- choosing ---- */

bool
rewrite_lacks_file(const Segment *segment, const IndexDefinition *index)
{
    if (!segment->is_sealed || !index->kind->has_file)
        return false;
    const SealedSegment *sealed = as_sealed(segment);
    const SegmentIndex *found = atomic_load(&sealed->indexes);
    while (found != NULL &&
           (found->id != index->id || segment_index_is_damaged(found)))
        found = found->next;
    return found == NULL && sealed_field(sealed, index->field) != NULL;
}

bool
rewrite_lacks_index(const Segment *segment, const Collection *definition)
{
    for (uint32_t i = 0; i < definition->index_count; i++)
        if (rewrite_lacks_file(segment, &definition->indexes[i]))
            return true;
    return false;
}

/* Whether a segment is as it should be: alone, whole and indexed. */
static bool
is_in_order(const Rewrite *rewrite, const Segment *segment)
{
    return segment->is_sealed &&
           rewrite_forgettable(segment, rewrite->horizon, rewrite->expired) ==
               0 &&
           !rewrite_lacks_index(segment, rewrite->definition);
}

/* Consecutive segments, in groups that are not too large. */
static mql_status
add_groups(Rewrite *rewrite, Segment *const *list, uint32_t count, Error *err)
{
    for (uint32_t first = 0; first < count;) {
        uint64_t rows = segment_row_count(list[first], UINT64_MAX);
        uint32_t end = first + 1;
        while (end < count) {
            rows += segment_row_count(list[end], UINT64_MAX);
            if (rows > COMPACT_ROWS_MOST)
                break;
            end++;
        }
        if (end - first > 1 || !is_in_order(rewrite, list[first]))
            TRY(rewrite_add(rewrite, &list[first], end - first, err));
        first = end;
    }
    return MQL_OK;
}

/* Growing ones together, of the sealed ones those with rows to forget. */
static mql_status
add_dirty(Rewrite *rewrite, Segment **list, uint32_t count, Error *err)
{
    uint32_t growing = 0;
    while (growing < count && list[growing]->is_sealed)
        growing++; /* sealed ones come first */
    for (uint32_t i = 0; i < growing; i++)
        if (rewrite_forgettable(list[i], rewrite->horizon, rewrite->expired) >
            0)
            TRY(rewrite_add(rewrite, &list[i], 1, err));
    return growing == count
               ? MQL_OK
               : rewrite_add(rewrite, &list[growing], count - growing, err);
}

static mql_status
add_due(Rewrite *rewrite, Segment **list, uint32_t count, Segment **chosen,
        Error *err)
{
    if (rewrite->merges != NULL)
        return MQL_OK; /* one at a time */
    uint32_t found = compaction_choose(list, count, rewrite->horizon,
                                       rewrite->expired, chosen);
    return found == 0 ? MQL_OK : rewrite_add(rewrite, chosen, found, err);
}

static mql_status
add_partition(Rewrite *rewrite, CompactMode mode, uint64_t partition,
              Segment **list, Error *err)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rewrite->segment_count; i++) {
        Segment *segment = rewrite->segments[i];
        Error damage = ERROR_INIT;
        if (segment->partition == partition &&
            (mode != COMPACT_DUE ||
             segment_intact(segment, &damage) == MQL_OK) &&
            (segment->is_sealed || mode != COMPACT_DUE) &&
            (!segment->is_sealed || mode != COMPACT_SEAL))
            list[count++] = segment;
    }
    if (count == 0)
        return MQL_OK;
    if (mode == COMPACT_SEAL)
        return rewrite_add(rewrite, list, count, err);
    if (mode == COMPACT_VACUUM)
        return add_dirty(rewrite, list, count, err);
    if (mode == COMPACT_DUE)
        return add_due(rewrite, list, count, list + rewrite->segment_count,
                       err);
    return add_groups(rewrite, list, count, err);
}

static mql_status
choose(Rewrite *rewrite, CompactMode mode, Error *err)
{
    const Collection *definition = rewrite->definition;
    Segment **list =
        calloc(rewrite->segment_count * (size_t)2 + 1, sizeof(Segment *));
    if (list == NULL)
        return error_no_memory(err);
    mql_status status = MQL_OK;
    for (uint32_t i = 0; i < definition->partition_count && status == MQL_OK;
         i++)
        status = add_partition(rewrite, mode, definition->partitions[i].id,
                               list, err);
    free(list);
    return status;
}

/* ---- doing it ---- */

static mql_status
compact_once(Store *store, uint64_t collection, CompactMode mode,
             const Watch *watch, bool *is_lost, Error *err)
{
    Rewrite rewrite;
    TRY(rewrite_begin(store, collection, mode != COMPACT_DUE, watch, &rewrite,
                      err));
    rewrite.has_indexes = mode != COMPACT_SEAL;
    if (mode == COMPACT_FORGET)
        rewrite.horizon = UINT64_MAX;
    mql_status status = choose(&rewrite, mode, err);
    if (status == MQL_OK)
        status = rewrite_write(&rewrite, err);
    if (status == MQL_OK)
        status = rewrite_commit(&rewrite, is_lost, err);
    rewrite_end(&rewrite);
    return status;
}

static mql_status
compact(Store *store, uint64_t collection, CompactMode mode, const Watch *watch,
        Error *err)
{
    bool is_lost = true;
    for (int i = 0; i < REWRITE_TRIES_MOST && is_lost; i++)
        TRY(compact_once(store, collection, mode, watch, &is_lost, err));
    return is_lost ? rewrite_lost(err) : MQL_OK;
}

/* Its files come before those that it removes: a full disk's reserve is for
 * that, but not without anybody asking. */
mql_status
store_compact(Store *store, uint64_t collection, CompactMode mode,
              const Watch *watch, Error *err)
{
    bool is_job = mode == COMPACT_DUE || mode == COMPACT_SEAL;
    mql_status status = compact(store, collection, mode, watch, err);
    if (status != MQL_FULL || is_job || !reserve_release(&store->reserve))
        return status;
    error_clear(err);
    return compact(store, collection, mode, watch, err);
}

bool
store_compact_is_due(Store *store, const CollectionVersion *collection,
                     CompactMode mode)
{
    uint64_t bytes = 0;
    if (mode == COMPACT_SEAL) {
        for (uint32_t i = 0; i < collection->segment_count; i++)
            if (!collection->segments[i]->is_sealed)
                bytes += segment_bytes(collection->segments[i]);
        return bytes > store->limits.growing_bytes;
    }
    Segment **list =
        calloc(collection->segment_count * (size_t)2 + 1, sizeof(Segment *));
    if (list == NULL)
        return false;
    const Collection *definition = collection->collection;
    bool is_due = false;
    for (uint32_t p = 0; p < definition->partition_count && !is_due; p++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < collection->segment_count; i++)
            if (collection->segments[i]->is_sealed &&
                collection->segments[i]->partition ==
                    definition->partitions[p].id)
                list[count++] = collection->segments[i];
        is_due = compaction_choose(
                     list, count, store_horizon(store),
                     store_expired(store, definition, store_now(store)),
                     list + collection->segment_count) > 0;
    }
    free(list);
    return is_due;
}
