/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expired.c - rows older than their collection's time to live: hidden by the
 * number of their insertion, like rows that are deleted.
 *
 * A row that an open transaction has staged has the number 0 and is as young as
 * can be.
 */
#include "engine/collection/store_internal.h"

#define SECOND INT64_C(1000000)

uint64_t
store_expired(Store *store, const Collection *collection, int64_t now)
{
    int64_t seconds = collection_ttl(collection);
    if (seconds == 0)
        return collection->expired;
    uint64_t expired = timeline_at(&store->timeline, now - seconds * SECOND);
    return expired > collection->expired ? expired : collection->expired;
}

/* The numbers of insertion of `count` rows of a sealed segment; NULL: they have
 * all the same, *inserted. */
static mql_status
inserted_of(const SealedSegment *segment, uint32_t first, uint32_t count,
            const uint64_t **inserted, Error *err)
{
    *inserted = NULL;
    if (segment->inserted.size == 0)
        return MQL_OK;
    *inserted = (const uint64_t *)(const void *)segment->inserted.data;
    return section_verify(segment->file, &segment->inserted,
                          (uint64_t)first * sizeof **inserted,
                          (uint64_t)count * sizeof **inserted, err);
}

static bool
is_old(uint64_t inserted, uint64_t expired)
{
    return inserted != 0 && inserted <= expired;
}

mql_status
segment_is_expired(const Segment *segment, uint32_t row, uint64_t expired,
                   bool *is_expired, Error *err)
{
    *is_expired = false;
    if (expired == 0)
        return MQL_OK;
    segment = segment_under(segment);
    if (!segment->is_sealed) {
        *is_expired =
            is_old(growing_inserted(as_growing(segment), row), expired);
        return MQL_OK;
    }
    const SealedSegment *sealed = as_sealed(segment);
    const uint64_t *inserted;
    TRY(inserted_of(sealed, row, 1, &inserted, err));
    *is_expired = is_old(
        inserted != NULL ? inserted[row] : sealed->min_inserted, expired);
    return MQL_OK;
}

static uint32_t
hide(uint64_t *bits, uint32_t row)
{
    if (!bits_get(bits, row))
        return 0;
    bits_clear(bits, row);
    return 1;
}

static uint32_t
hide_growing(const GrowingSegment *segment, uint64_t expired, uint32_t rows,
             uint64_t *bits)
{
    uint32_t hidden = 0;
    for (uint32_t row = 0; row < rows; row++) {
        if (is_old(growing_inserted(segment, row), expired))
            hidden += hide(bits, row);
    }
    return hidden;
}

static mql_status
hide_sealed(const SealedSegment *segment, uint64_t expired, uint32_t rows,
            uint64_t *bits, uint32_t *hidden, Error *err)
{
    const uint64_t *inserted;
    if (segment->min_inserted > expired)
        return MQL_OK;
    TRY(inserted_of(segment, 0, rows, &inserted, err));
    for (uint32_t row = 0; row < rows; row++) {
        uint64_t number =
            inserted != NULL ? inserted[row] : segment->min_inserted;
        if (is_old(number, expired))
            *hidden += hide(bits, row);
    }
    return MQL_OK;
}

mql_status
segment_hide_expired(const Segment *segment, uint64_t expired, uint32_t rows,
                     uint64_t *bits, uint32_t *hidden, Error *err)
{
    *hidden = 0;
    if (expired == 0)
        return MQL_OK;
    segment = segment_under(segment);
    if (segment->is_sealed)
        return hide_sealed(as_sealed(segment), expired, rows, bits, hidden,
                           err);
    *hidden = hide_growing(as_growing(segment), expired, rows, bits);
    return MQL_OK;
}
