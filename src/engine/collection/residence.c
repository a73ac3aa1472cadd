/* SPDX-License-Identifier: Apache-2.0 */
/*
 * residence.c - what of a segment is in memory, and what is mapped
 * (mmap.enabled).
 *
 * Only what is loaded is in memory. LOAD brings it there before it commits, and
 * fails when it cannot; what comes to be while its collection is loaded - a
 * segment that is sealed, an index file, all of them when the database is
 * opened - is brought there if that can be, and else stays mapped, with a
 * warning: its answers are the same. Readers have the addresses of a segment's
 * sections whatever happens (storage/section_memory.c), so nothing here waits
 * for them.
 */
#include "engine/collection/store_internal.h"

#include <inttypes.h>
#include <unistd.h>

/* ---- what is wanted ---- */

typedef struct Wanted {
    const Collection *definition;
    const IndexDefinition *index; /* of an index file */
    bool is_usually_mapped;
    bool is_loaded;
} Wanted;

static Wanted
wanted_of(const SealedSegment *segment, const Collection *definition,
          bool is_usually_mapped)
{
    int32_t partition =
        collection_find_partition_id(definition, segment->base.partition);
    return (Wanted){
        .definition = definition,
        .is_usually_mapped = is_usually_mapped,
        .is_loaded =
            partition >= 0 && definition->partitions[partition].is_loaded,
    };
}

static bool
is_of_field(SectionId id)
{
    return id.kind == SECTION_VALUES || id.kind == SECTION_VALID ||
           id.kind == SECTION_OFFSETS || id.kind == SECTION_BYTES ||
           id.kind == SECTION_ZONES;
}

/* Whether a section of a segment's file is wanted in memory. A dropped field's
 * is not. */
static bool
wants_section(const void *context, SectionId id)
{
    const Wanted *wanted = context;
    const Collection *definition = wanted->definition;
    if (!wanted->is_loaded)
        return false;
    if (!is_of_field(id))
        return !collection_is_mapped(definition, wanted->is_usually_mapped);
    int32_t field = collection_find_field_id(definition, id.number);
    return field >= 0 &&
           !field_is_mapped(definition, &definition->fields[field],
                            wanted->is_usually_mapped);
}

/* All of an index file, or nothing. */
static bool
wants_index(const void *context, SectionId id)
{
    const Wanted *wanted = context;
    (void)id;
    return wanted->is_loaded && wanted->index != NULL &&
           !index_is_mapped(wanted->definition, wanted->index,
                            wanted->is_usually_mapped);
}

static const IndexDefinition *
find_index(const Collection *definition, uint64_t id)
{
    for (uint32_t i = 0; i < definition->index_count; i++)
        if (definition->indexes[i].id == id)
            return &definition->indexes[i];
    return NULL;
}

/* ---- one segment ---- */

static mql_status
hold(const FileSpace *space, SealedSegment *segment, const Wanted *wanted,
     Error *err)
{
    SectionMemory *memory = &space->residence->memory;
    if (segment->file == NULL)
        return MQL_OK;
    TRY(section_file_hold(segment->file, wants_section, wanted, memory, err));
    for (SegmentIndex *index = atomic_load(&segment->indexes); index != NULL;
         index = index->next) {
        Wanted file = *wanted;
        file.index = find_index(wanted->definition, index->id);
        if (index->file != NULL && !segment_index_is_damaged(index))
            TRY(section_file_hold(index->file, wants_index, &file, memory,
                                  err));
    }
    return MQL_OK;
}

static void
let_go(const SealedSegment *segment, const Wanted *wanted)
{
    if (segment->file == NULL)
        return;
    section_file_let_go(segment->file, wants_section, wanted);
    for (SegmentIndex *index = atomic_load(&segment->indexes); index != NULL;
         index = index->next) {
        Wanted file = *wanted;
        file.index = find_index(wanted->definition, index->id);
        if (index->file != NULL && !segment_index_is_damaged(index))
            section_file_let_go(index->file, wants_index, &file);
    }
}

static void
warn_mapped(const FileSpace *space, uint64_t segment, const Error *failure)
{
    log_write(&space->log, "WARNING",
              "segment %" PRIu64 " stays mapped, though mmap.enabled is false: "
              "%s",
              segment, failure->text);
}

void
residence_take_segment(const FileSpace *space, SealedSegment *segment,
                       const Collection *definition)
{
    Error failure = ERROR_INIT;
    if (space->residence == NULL)
        return;
    Wanted wanted = wanted_of(segment, definition,
                              atomic_load(&space->residence->is_mapped));
    if (section_file_hold(segment->file, wants_section, &wanted,
                          &space->residence->memory, &failure) != MQL_OK)
        warn_mapped(space, segment->base.id, &failure);
}

void
residence_take_index(const FileSpace *space, const SealedSegment *segment,
                     SectionFile *file, const Collection *definition,
                     const IndexDefinition *index)
{
    Error failure = ERROR_INIT;
    if (space->residence == NULL || file == NULL)
        return;
    Wanted wanted = wanted_of(segment, definition,
                              atomic_load(&space->residence->is_mapped));
    wanted.index = index;
    if (section_file_hold(file, wants_index, &wanted, &space->residence->memory,
                          &failure) != MQL_OK)
        warn_mapped(space, segment->base.id, &failure);
}

uint64_t
segment_memory(const Segment *segment)
{
    const Segment *under = segment_under(segment);
    if (!under->is_sealed || as_sealed(under)->file == NULL)
        return 0;
    const SealedSegment *sealed = as_sealed(under);
    uint64_t bytes = section_file_held(sealed->file);
    for (SegmentIndex *index = atomic_load(&sealed->indexes); index != NULL;
         index = index->next)
        if (index->file != NULL)
            bytes += section_file_held(index->file);
    return bytes;
}

/* ---- a commit ---- */

static bool
is_loaded_alike(const Collection *a, const Collection *b)
{
    for (uint32_t i = 0; i < a->partition_count; i++) {
        int32_t other = collection_find_partition_id(b, a->partitions[i].id);
        if (other >= 0 &&
            a->partitions[i].is_loaded != b->partitions[other].is_loaded)
            return false;
    }
    return true;
}

/* Anything else leaves what is in memory there. */
static bool
is_loading(const CollectionChange *change)
{
    const Collection *old = change->base->version.collection;
    return change->created == NULL && !change->is_dropped &&
           change->definition != NULL &&
           !(is_loaded_alike(old, change->definition) &&
             collection_maps_alike(old, change->definition));
}

static bool
settings_map(const StoredSettings *settings)
{
    int64_t value;
    return !stored_setting(settings, MMAP_PROPERTY, &value) || value != 0;
}

/* What SET GLOBAL says, this transaction's included. */
static bool
transaction_maps(const Transaction *transaction)
{
    return settings_map(transaction->settings != NULL
                            ? transaction->settings
                            : transaction->base->settings);
}

/* What the change's segments are to be under `definition`: brought into memory,
 * or let go. */
static mql_status
settle(const Transaction *transaction, const CollectionChange *change,
       const Collection *definition, bool is_holding, Error *err)
{
    const CollectionVersion *base = &change->base->version;
    bool is_mapped = transaction_maps(transaction);
    for (uint32_t i = 0; i < base->segment_count; i++) {
        SealedSegment *segment = (SealedSegment *)(void *)base->segments[i];
        if (!segment->base.is_sealed)
            continue;
        Wanted wanted = wanted_of(segment, definition, is_mapped);
        if (is_holding) {
            TRY(watch_poll(&transaction->watch, err));
            TRY(hold(&transaction->store->space, segment, &wanted, err));
        } else {
            let_go(segment, &wanted);
        }
    }
    return MQL_OK;
}

mql_status
residence_prepare(Transaction *transaction, Error *err)
{
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next) {
        if (!is_loading(change))
            continue;
        change->is_loading = true;
        TRY(settle(transaction, change, change->definition, true, err));
    }
    return MQL_OK;
}

void
residence_apply(const Transaction *transaction)
{
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next)
        if (change->is_loading)
            settle(transaction, change, change->definition, false, NULL);
    if (transaction->settings != NULL)
        residence_take_settings(&transaction->store->residence,
                                transaction->settings);
}

void
residence_unprepare(const Transaction *transaction)
{
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next)
        if (change->is_loading)
            settle(transaction, change, change->base->version.collection, false,
                   NULL);
}

/* ---- settings ---- */

/* All memory of the machine. */
static uint64_t
machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    uint64_t bytes;
    if (pages <= 0 ||
        __builtin_mul_overflow((uint64_t)pages, file_page_size(), &bytes))
        return UINT64_MAX;
    return bytes;
}

/* Bytes that a setting allows; those of the machine where it is 0 or not set.
 */
static uint64_t
memory_limit(const StoredSettings *settings, const char *name)
{
    int64_t limit;
    bool is_limited = stored_setting(settings, name, &limit) && limit > 0;
    return is_limited ? (uint64_t)limit : machine_memory();
}

void
residence_take_settings(Residence *residence, const StoredSettings *settings)
{
    atomic_store(&residence->is_mapped, settings_map(settings));
    atomic_store(&residence->memory.limit,
                 memory_limit(settings, LOAD_MEM_SETTING));
    atomic_store(&residence->build_limit,
                 memory_limit(settings, BUILD_MEM_SETTING));
}
