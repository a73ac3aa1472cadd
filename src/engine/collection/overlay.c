/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay.c - a segment as an open transaction sees it: its rows up to a count,
 * as of the transaction's snapshot, without those that the transaction has
 * deleted.
 *
 * The rows of other transactions' segments are as old as the snapshot. Rows
 * that the transaction staged itself carry the sequence number 0 until it
 * commits, so that the same snapshot shows them; the count keeps out those
 * staged after the overlay was made.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/collection/segment_internal.h"

Segment *
overlay_create(const OverlayPicture *picture)
{
    OverlaySegment *overlay = calloc(1, sizeof *overlay);
    if (overlay == NULL)
        return NULL;
    Segment *under = picture->under;
    atomic_init(&overlay->base.references, 1);
    overlay->base.is_overlay = true;
    overlay->base.is_sealed = under->is_sealed;
    overlay->base.id = under->id;
    overlay->base.collection = under->collection;
    overlay->base.partition = under->partition;
    atomic_init(&overlay->base.bytes, atomic_load(&under->bytes));
    if (picture->hidden != NULL) {
        size_t words = bits_words(picture->row_count);
        overlay->hidden = calloc(words + 1, sizeof *overlay->hidden);
        if (overlay->hidden == NULL) {
            free(overlay);
            return NULL;
        }
        memcpy(overlay->hidden, picture->hidden,
               words * sizeof *overlay->hidden);
    }
    overlay->under = segment_retain(under);
    overlay->sequence = picture->sequence;
    overlay->row_count = picture->row_count;
    overlay->is_own = picture->is_own;
    return &overlay->base;
}

void
overlay_free(OverlaySegment *overlay)
{
    segment_release(overlay->under);
    free(overlay->hidden);
    free(overlay);
}

uint32_t
overlay_visible(const OverlaySegment *overlay, uint32_t rows, uint64_t *bits)
{
    uint32_t count = rows;
    if (overlay->is_own) {
        /* A picture that outlives its transaction stays as it is. */
        memset(bits, 0, bits_words(rows) * sizeof *bits);
        bits_set_range(bits, 0, rows);
    } else {
        count = segment_visible(overlay->under, overlay->sequence, rows, bits);
    }
    if (overlay->hidden == NULL)
        return count;
    count = 0;
    for (size_t i = 0; i < bits_words(rows); i++) {
        bits[i] &= ~overlay->hidden[i];
        count += (uint32_t)__builtin_popcountll(bits[i]);
    }
    return count;
}

static bool
is_hidden(const OverlaySegment *overlay, uint32_t row)
{
    return row >= overlay->row_count ||
           (overlay->hidden != NULL && bits_get(overlay->hidden, row));
}

mql_status
overlay_find_key(const OverlaySegment *overlay, const RowKey *key,
                 uint32_t *row, Error *err)
{
    if (overlay->under->is_sealed) {
        TRY(sealed_find_key(as_sealed(overlay->under), key, overlay->sequence,
                            row, err));
        if (*row != ROW_NONE && is_hidden(overlay, *row))
            *row = ROW_NONE;
        return MQL_OK;
    }
    const GrowingSegment *growing = as_growing(overlay->under);
    *row = growing_find_key(growing, key, overlay->sequence);
    while (*row != ROW_NONE && is_hidden(overlay, *row))
        *row = growing_find_older(growing, *row, overlay->sequence);
    return MQL_OK;
}
