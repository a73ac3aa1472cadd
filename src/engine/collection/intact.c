/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intact.c - whether what was read was there.
 *
 * Mapped bytes that the disk could not give are zeros (base/guard.h), and a
 * segment whose file could not be opened has none. Nobody is stopped while he
 * reads: he asks here afterwards, before his results are used. While nothing
 * in the process is damaged that is one load.
 */
#include "base/guard.h"
#include "engine/collection/store_internal.h"

mql_status
segment_intact(const Segment *segment, Error *err)
{
    segment = segment_under(segment);
    if (guard_damaged() == 0 || !segment->is_sealed)
        return MQL_OK;
    const SealedSegment *sealed = as_sealed(segment);
    const Error *damage = atomic_load(&sealed->damage);
    if (damage == NULL)
        return section_file_intact(sealed->file, err);
    if (err != NULL && err->status == MQL_OK)
        *err = *damage;
    return damage->status;
}

mql_status
segment_indexes_intact(const Segment *segment, Error *err)
{
    segment = segment_under(segment);
    if (guard_damaged() == 0 || !segment->is_sealed)
        return MQL_OK;
    const SegmentIndex *index = atomic_load_explicit(
        &as_sealed(segment)->indexes, memory_order_acquire);
    for (; index != NULL; index = index->next)
        if (index->file != NULL && !segment_index_is_damaged(index))
            TRY(section_file_intact(index->file, err));
    return MQL_OK;
}

static bool
is_about(const Error *problem, const SectionFile *file)
{
    const char *path;
    size_t size;
    int64_t offset;
    return file != NULL && error_place(problem, &path, &size, &offset) &&
           slice_equal((Slice){path, size}, slice_of(section_file_path(file)));
}

void
segment_index_distrust(const Segment *segment, uint64_t index_id,
                       const Error *problem)
{
    segment = segment_under(segment);
    if (!segment->is_sealed)
        return;
    SegmentIndex *index = atomic_load_explicit(&as_sealed(segment)->indexes,
                                               memory_order_acquire);
    for (; index != NULL; index = index->next)
        if (index->id == index_id && is_about(problem, index->file))
            atomic_store(&index->is_damaged, true);
}

mql_status
collection_intact(const CollectionVersion *collection, Error *err)
{
    for (uint32_t i = 0; guard_damaged() > 0 && i < collection->segment_count;
         i++)
        TRY(segment_intact(collection->segments[i], err));
    return MQL_OK;
}

/* Whether the change has anything that may come from reading segments, keys
 * that were looked for included. */
static bool
depends_on_rows(const CollectionChange *change)
{
    return change->staged != NULL || change->sealed_count > 0 ||
           change->deleted_count > 0 || change->is_sealing ||
           change->wants_indexes || change->entries != NULL;
}

mql_status
changes_intact(const Transaction *transaction, Error *err)
{
    if (guard_damaged() == 0)
        return MQL_OK;
    const CollectionChange *change = transaction->collections;
    for (; change != NULL; change = change->next) {
        if (!depends_on_rows(change))
            continue;
        const CollectionVersion *base = &change->base->version;
        for (uint32_t i = 0; i < base->segment_count; i++)
            if (change_keeps(change, base->segments[i]))
                TRY(segment_intact(base->segments[i], err));
    }
    return MQL_OK;
}
