/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.c - what readers call, for every kind of segment.
 */
#include "engine/collection/segment_internal.h"

Segment *
segment_retain(const Segment *segment)
{
    /* The counter changes, the segment does not. */
    Segment *counted = (Segment *)(uintptr_t)segment;
    atomic_fetch_add_explicit(&counted->references, 1, memory_order_relaxed);
    return counted;
}

void
segment_release(Segment *segment)
{
    if (segment == NULL || atomic_fetch_sub_explicit(&segment->references, 1,
                                                     memory_order_acq_rel) != 1)
        return;
    if (segment->is_overlay)
        overlay_free((OverlaySegment *)(void *)segment);
    else if (segment->is_sealed)
        sealed_free((SealedSegment *)(void *)segment);
    else
        growing_free((GrowingSegment *)(void *)segment);
}

uint64_t
segment_id(const Segment *segment)
{
    return segment->id;
}

uint64_t
segment_partition(const Segment *segment)
{
    return segment->partition;
}

bool
segment_is_sealed(const Segment *segment)
{
    return segment->is_sealed;
}

uint64_t
segment_bytes(const Segment *segment)
{
    return atomic_load_explicit(&segment->bytes, memory_order_relaxed);
}

uint32_t
segment_row_count(const Segment *segment, uint64_t sequence)
{
    if (segment->is_overlay)
        return as_overlay(segment)->row_count;
    if (segment->is_sealed)
        return as_sealed(segment)->row_count;
    return growing_row_count(as_growing(segment), sequence);
}

bool
segment_is_whole(const Segment *segment, uint64_t sequence)
{
    if (segment->is_overlay || !segment->is_sealed)
        return false;
    const SealedSegment *sealed = as_sealed(segment);
    return sealed->max_inserted <= sequence &&
           atomic_load_explicit(&sealed->deleted_count, memory_order_acquire) ==
               0;
}

uint32_t
segment_visible(const Segment *segment, uint64_t sequence, uint32_t rows,
                uint64_t *bits)
{
    if (segment->is_overlay)
        return overlay_visible(as_overlay(segment), rows, bits);
    if (segment->is_sealed)
        return sealed_visible(as_sealed(segment), sequence, rows, bits);
    return growing_visible(as_growing(segment), sequence, rows, bits);
}

mql_status
segment_read(const Segment *segment, const Field *field, RowRange range,
             Arena *arena, Column *column, Error *err)
{
    *column = (Column){0};
    segment = segment_under(segment);
    TRY(segment_intact(segment, err));
    if (segment->is_sealed) {
        TRY(sealed_read(as_sealed(segment), field, range, arena, column, err));
        return segment_intact(segment, err);
    }
    return growing_read(as_growing(segment), field, range, arena, column, err);
}

bool
segment_vectors(const Segment *segment, const Field *field,
                VectorColumn *column)
{
    segment = segment_under(segment);
    return segment->is_sealed &&
           sealed_vectors(as_sealed(segment), field, column);
}

const Index *
segment_index(const Segment *segment, uint64_t index_id)
{
    segment = segment_under(segment);
    if (!segment->is_sealed)
        return NULL;
    const SegmentIndex *index = atomic_load_explicit(
        &as_sealed(segment)->indexes, memory_order_acquire);
    while (index != NULL &&
           (index->id != index_id || segment_index_is_damaged(index)))
        index = index->next;
    return index == NULL ? NULL : index->index;
}

mql_status
segment_key(const Segment *segment, uint32_t row, RowKey *key, Error *err)
{
    if (segment->is_sealed)
        return sealed_key(as_sealed(segment), row, key, err);
    *key = growing_key(as_growing(segment), row);
    return MQL_OK;
}

mql_status
segment_find_row(const Segment *segment, const RowKey *key, uint64_t sequence,
                 uint32_t *row, Error *err)
{
    if (segment->is_sealed)
        return sealed_find_key(as_sealed(segment), key, sequence, row, err);
    *row = growing_find_key(as_growing(segment), key, sequence);
    return MQL_OK;
}

uint64_t
segment_deleted(const Segment *segment, uint32_t row)
{
    return segment->is_sealed ? sealed_deleted(as_sealed(segment), row)
                              : growing_deleted(as_growing(segment), row);
}

mql_status
segment_find_key(const Segment *segment, const Value *key, uint64_t sequence,
                 bool *found, uint32_t *row, Error *err)
{
    *found = false;
    *row = ROW_NONE;
    if (key->is_null)
        return MQL_OK;
    RowKey wanted = row_key_of(key);
    if (segment->is_overlay)
        TRY(overlay_find_key(as_overlay(segment), &wanted, row, err));
    else if (segment->is_sealed)
        TRY(sealed_find_key(as_sealed(segment), &wanted, sequence, row, err));
    else
        *row = growing_find_key(as_growing(segment), &wanted, sequence);
    *found = *row != ROW_NONE;
    return MQL_OK;
}
