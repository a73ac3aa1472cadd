/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compaction_policy.c - which sealed segments of a partition are worth writing
 * again.
 *
 *   - one with more than a fifth of its rows deleted and forgettable, if there
 * are enough of them to matter
 *   - segments of one size class, when there are MERGE_COUNT of them: classes
 * are a factor of CLASS_RATIO apart, so a row is written again a few times in
 * its life, and a search meets a few segments of each class
 */
#include "engine/collection/maintenance.h"
#include "engine/collection/rewrite.h"

#define CLASS_RATIO 8u
#define CLASS_SMALLEST (UINT64_C(4) << 20)
#define CLASSES 16u
#define MERGE_COUNT 6u
#define DELETED_ROWS_LEAST 1000u

static uint32_t
size_class(uint64_t bytes)
{
    uint32_t class = 0;
    for (uint64_t most = CLASS_SMALLEST; bytes > most && class + 1 < CLASSES;
         most *= CLASS_RATIO)
        class ++;
    return class;
}

static bool
has_expired(const Segment *segment, uint64_t expired)
{
    return expired != 0 && as_sealed(segment)->min_inserted <= expired;
}

uint32_t
rewrite_forgettable(const Segment *segment, uint64_t horizon, uint64_t expired)
{
    if (segment->is_sealed && !has_expired(segment, expired) &&
        atomic_load(&as_sealed(segment)->deleted_count) == 0)
        return 0;
    RowSource source = {.rows = NULL};
    if (segment->is_sealed)
        source.sealed = as_sealed(segment);
    else
        source.segment = as_growing(segment);
    uint32_t rows = segment_row_count(segment, UINT64_MAX);
    uint32_t count = 0;
    for (uint32_t row = 0; row < rows; row++) {
        uint64_t number = source_deleted(&source, row);
        Error ignored = ERROR_INIT;
        bool is_gone = number != 0 && number <= horizon;
        if (!is_gone && segment_is_expired(segment, row, expired, &is_gone,
                                           &ignored) != MQL_OK)
            return 0; /* a damaged segment is not for compaction */
        count += is_gone;
    }
    return count;
}

static bool
is_mostly_deleted(const Segment *segment, uint64_t horizon, uint64_t expired)
{
    uint32_t rows = as_sealed(segment)->row_count;
    uint32_t deleted = atomic_load(&as_sealed(segment)->deleted_count);
    /* Counting is for those that may be. */
    if (deleted < rows && (deleted < DELETED_ROWS_LEAST || deleted <= rows / 5))
        return false;
    uint32_t gone = rewrite_forgettable(segment, horizon, expired);
    return gone == rows || (gone >= DELETED_ROWS_LEAST && gone > rows / 5);
}

uint32_t
compaction_choose(Segment *const *segments, uint32_t count, uint64_t horizon,
                  uint64_t expired, Segment **chosen)
{
    uint32_t members[CLASSES] = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (is_mostly_deleted(segments[i], horizon, expired)) {
            chosen[0] = segments[i];
            return 1;
        }
        members[size_class(segment_bytes(segments[i]))]++;
    }
    uint32_t class = 0;
    while (class < CLASSES && members[class] < MERGE_COUNT)
        class ++;
    uint32_t found = 0;
    uint64_t rows = 0;
    for (uint32_t i = 0; class < CLASSES && i < count; i++) {
        rows += as_sealed(segments[i])->row_count;
        if (size_class(segment_bytes(segments[i])) == class &&
            rows <= COMPACT_ROWS_MOST)
            chosen[found++] = segments[i];
    }
    return found > 1 ? found : 0;
}
