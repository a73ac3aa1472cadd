/* SPDX-License-Identifier: Apache-2.0 */
/*
 * savepoint.c - SAVEPOINT, ROLLBACK TO and RELEASE.
 *
 * A savepoint holds a picture of every change: definitions and segments by
 * reference, deletions as bits. Staged rows stay where they are: rolling back
 * marks the later ones as deleted and revives those deleted since.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/collection/store_internal.h"

/* Rows of the transaction's own: staged or spilled. */
typedef struct SavedRows {
    struct SavedRows *next;
    Segment *segment; /* retained */
    uint64_t partition;
    uint32_t row_count;
    uint64_t *deleted; /* bits */
} SavedRows;

typedef struct SavedChange {
    struct SavedChange *next;
    CollectionChange kept; /* flags; definition retained; lists not used */
    uint32_t set_count;
    DeletedRows *deleted;
    SavedRows *staged; /* in order */
    SavedRows *sealed;
} SavedChange;

struct Savepoint {
    Savepoint *next; /* older */
    char *name;
    bool has_definitions;
    const StoredSettings *settings; /* retained */
    const Access *access;           /* retained */
    DatabaseChange *databases;      /* the list then: it grows at its head */
    SavedChange *changes;
};

static void
free_rows(SavedRows *rows)
{
    while (rows != NULL) {
        SavedRows *next = rows->next;
        segment_release(rows->segment);
        free(rows->deleted);
        free(rows);
        rows = next;
    }
}

static void
free_saved(SavedChange *saved)
{
    for (uint32_t i = 0; saved->deleted != NULL && i < saved->set_count; i++)
        free(saved->deleted[i].bits);
    free(saved->deleted);
    free_rows(saved->staged);
    free_rows(saved->sealed);
    collection_release(saved->kept.definition);
    free(saved);
}

static void
free_savepoint(Savepoint *savepoint)
{
    while (savepoint->changes != NULL) {
        SavedChange *next = savepoint->changes->next;
        free_saved(savepoint->changes);
        savepoint->changes = next;
    }
    stored_settings_release(savepoint->settings);
    access_release(savepoint->access);
    free(savepoint->name);
    free(savepoint);
}

void
savepoints_free(Transaction *transaction)
{
    while (transaction->savepoints != NULL) {
        Savepoint *next = transaction->savepoints->next;
        free_savepoint(transaction->savepoints);
        transaction->savepoints = next;
    }
}

/* ---- saving ---- */

static uint64_t *
copy_bits(const uint64_t *bits, uint32_t rows)
{
    uint64_t *copy = calloc(bits_words(rows) + 1, sizeof *copy);
    if (copy != NULL)
        memcpy(copy, bits, bits_words(rows) * sizeof *copy);
    return copy;
}

/* A copy of what is deleted of the base's segments; NULL for NULL. */
static mql_status
copy_sets(const Transaction *transaction, const CollectionVersion *base,
          const DeletedRows *sets, DeletedRows **copies, Error *err)
{
    if (sets == NULL)
        return MQL_OK;
    *copies = calloc(base->segment_count + (size_t)1, sizeof(DeletedRows));
    if (*copies == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < base->segment_count; i++) {
        if (sets[i].bits == NULL)
            continue;
        (*copies)[i] = sets[i];
        (*copies)[i].bits = copy_bits(
            sets[i].bits,
            segment_row_count(base->segments[i], transaction->base->sequence));
        if ((*copies)[i].bits == NULL)
            return error_no_memory(err);
    }
    return MQL_OK;
}

static mql_status
save_rows(Segment *segment, uint64_t partition, SavedRows **list, Error *err)
{
    SavedRows *rows = calloc(1, sizeof *rows);
    if (rows == NULL)
        return error_no_memory(err);
    rows->row_count = segment_row_count(segment, UINT64_MAX);
    rows->deleted =
        calloc(bits_words(rows->row_count) + 1, sizeof *rows->deleted);
    if (rows->deleted == NULL) {
        free(rows);
        return error_no_memory(err);
    }
    for (uint32_t row = 0; row < rows->row_count; row++)
        if (segment_deleted(segment, row) != 0)
            bits_set(rows->deleted, row);
    rows->segment = segment_retain(segment);
    rows->partition = partition;
    rows->next = *list;
    *list = rows;
    return MQL_OK;
}

static mql_status
save_change(const Transaction *transaction, CollectionChange *change,
            SavedChange *saved, Error *err)
{
    saved->kept = *change;
    saved->kept.definition = change->definition == NULL
                                 ? NULL
                                 : collection_retain(change->definition);
    change->is_definition_shared = true;
    saved->kept.is_definition_shared = true;
    saved->set_count = change->base->version.segment_count;
    TRY(copy_sets(transaction, &change->base->version, change->deleted,
                  &saved->deleted, err));
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next)
        TRY(save_rows(&staged->rows->base, staged->partition, &saved->staged,
                      err));
    for (uint32_t i = change->sealed_count; i > 0; i--) {
        Segment *segment = &change->sealed[i - 1]->base;
        TRY(save_rows(segment, segment->partition, &saved->sealed, err));
    }
    return MQL_OK;
}

static mql_status
save(Transaction *transaction, Savepoint *savepoint, Error *err)
{
    savepoint->has_definitions = transaction->has_definitions;
    savepoint->databases = transaction->databases;
    savepoint->settings = stored_settings_retain(transaction->settings);
    savepoint->access = access_retain(transaction->access);
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next) {
        SavedChange *saved = calloc(1, sizeof *saved);
        if (saved == NULL)
            return error_no_memory(err);
        saved->next = savepoint->changes;
        savepoint->changes = saved;
        TRY(save_change(transaction, change, saved, err));
    }
    return MQL_OK;
}

mql_status
transaction_savepoint(Transaction *transaction, Slice name, Error *err)
{
    Savepoint *savepoint = calloc(1, sizeof *savepoint);
    if (savepoint == NULL)
        return error_no_memory(err);
    savepoint->name = strndup(name.data, name.size);
    mql_status status = savepoint->name == NULL
                            ? error_no_memory(err)
                            : save(transaction, savepoint, err);
    if (status != MQL_OK) {
        free_savepoint(savepoint);
        return status;
    }
    savepoint->next = transaction->savepoints;
    transaction->savepoints = savepoint;
    return MQL_OK;
}

/* ---- going back ---- */

static mql_status
find_savepoint(const Transaction *transaction, Slice name, Savepoint **found,
               Error *err)
{
    Savepoint *savepoint = transaction->savepoints;
    while (savepoint != NULL && !slice_equal(slice_of(savepoint->name), name))
        savepoint = savepoint->next;
    *found = savepoint;
    if (savepoint != NULL)
        return MQL_OK;
    return error_set(err, ERR_UNDEFINED_SAVEPOINT,
                     "savepoint \"%.*s\" does not exist", (int)name.size,
                     name.data);
}

/* Rows after the savepoint go, those deleted since come back. */
static void
restore_rows(const Transaction *transaction, const SavedRows *rows)
{
    uint32_t most = segment_row_count(rows->segment, UINT64_MAX);
    for (uint32_t row = 0; row < most; row++) {
        bool was_deleted =
            row >= rows->row_count || bits_get(rows->deleted, row);
        if (was_deleted == (segment_deleted(rows->segment, row) != 0))
            continue;
        if (rows->segment->is_sealed)
            sealed_revive((SealedSegment *)(void *)rows->segment, row);
        else if (was_deleted)
            growing_delete((GrowingSegment *)(void *)rows->segment, row,
                           transaction->sequence);
        else
            growing_revive((GrowingSegment *)(void *)rows->segment, row);
    }
}

/* Everything that a restored change needs, before anything is changed. */
typedef struct Restored {
    StagedPartition *staged;
    SealedSegment **sealed;
    uint32_t sealed_count;
    DeletedRows *deleted;
} Restored;

static void
free_restored(Restored *restored, uint32_t set_count)
{
    while (restored->staged != NULL) {
        StagedPartition *next = restored->staged->next;
        staged_free(restored->staged);
        restored->staged = next;
    }
    for (uint32_t i = 0; i < restored->sealed_count; i++)
        segment_release(&restored->sealed[i]->base);
    free(restored->sealed);
    for (uint32_t i = 0; restored->deleted != NULL && i < set_count; i++)
        free(restored->deleted[i].bits);
    free(restored->deleted);
}

static mql_status
prepare_restore(const Transaction *transaction, const SavedChange *saved,
                Restored *restored, Error *err)
{
    TRY(copy_sets(transaction, &saved->kept.base->version, saved->deleted,
                  &restored->deleted, err));
    for (const SavedRows *rows = saved->staged; rows != NULL;
         rows = rows->next) {
        StagedPartition *staged = calloc(1, sizeof *staged);
        if (staged == NULL)
            return error_no_memory(err);
        staged->partition = rows->partition;
        staged->rows = (GrowingSegment *)(void *)segment_retain(rows->segment);
        staged->next = restored->staged;
        restored->staged = staged;
        TRY(staged_reserve(staged, err));
    }
    uint32_t count = 0;
    for (const SavedRows *rows = saved->sealed; rows != NULL; rows = rows->next)
        count++;
    restored->sealed = calloc(count + (size_t)1, sizeof(SealedSegment *));
    if (restored->sealed == NULL)
        return error_no_memory(err);
    for (const SavedRows *rows = saved->sealed; rows != NULL; rows = rows->next)
        restored->sealed[restored->sealed_count++] =
            (SealedSegment *)(void *)segment_retain(rows->segment);
    return MQL_OK;
}

/* Files of segments spilled since are of no use after the commit. */
static void
forget_spilled(Transaction *transaction, const CollectionChange *change,
               const Restored *restored)
{
    for (uint32_t i = 0; i < change->sealed_count; i++) {
        bool is_kept = false;
        for (uint32_t k = 0; restored != NULL && k < restored->sealed_count;
             k++)
            is_kept = is_kept || restored->sealed[k] == change->sealed[i];
        if (is_kept)
            continue;
        forget_files(transaction, change->sealed[i]);
    }
}

static void
restore_change(Transaction *transaction, CollectionChange *change,
               const SavedChange *saved, Restored *restored)
{
    forget_spilled(transaction, change, restored);
    change_free_staged(change);
    change_free_sealed(change);
    change_free_deleted(change);
    collection_release(change->definition);
    CollectionChange *next = change->next;
    *change = saved->kept;
    change->next = next;
    if (change->definition != NULL)
        collection_retain(change->definition);
    change->deleted = restored->deleted;
    change->staged = restored->staged;
    change->sealed = restored->sealed;
    change->sealed_count = restored->sealed_count;
    change->sealed_capacity = restored->sealed_count;
    *restored = (Restored){0};
    /* Lists of staged rows are saved and made back to front. */
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next)
        for (const SavedRows *rows = saved->staged; rows != NULL;
             rows = rows->next)
            if (rows->segment == &staged->rows->base) {
                restore_rows(transaction, rows);
                staged_restore(staged);
            }
    for (const SavedRows *rows = saved->sealed; rows != NULL; rows = rows->next)
        restore_rows(transaction, rows);
}

/* A change that came after the savepoint. */
static void
empty_change(Transaction *transaction, CollectionChange *change)
{
    forget_spilled(transaction, change, NULL);
    change_free_staged(change);
    change_free_sealed(change);
    change_free_deleted(change);
    collection_release(change->definition);
    change->definition = NULL;
    change->deleted_count = 0;
    change->is_new_definition = false;
    change->is_truncated = false;
    change->wants_seal = false;
    change->wants_indexes = false;
    change->is_dropped = change->created != NULL;
}

static void
count_staged_bytes(Transaction *transaction)
{
    transaction->staged_bytes = 0;
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next)
        for (StagedPartition *staged = change->staged; staged != NULL;
             staged = staged->next)
            transaction->staged_bytes += staged->rows->memory;
}

static void
restore_databases(Transaction *transaction, const Savepoint *savepoint)
{
    while (transaction->databases != savepoint->databases) {
        DatabaseChange *next = transaction->databases->next;
        database_entry_release(transaction->databases->entry);
        free(transaction->databases);
        transaction->databases = next;
    }
}

static SavedChange *
saved_of(const Savepoint *savepoint, const CollectionChange *change)
{
    SavedChange *saved = savepoint->changes;
    while (saved != NULL && saved->kept.id != change->id)
        saved = saved->next;
    return saved;
}

static void
free_all_restored(const Savepoint *savepoint, Restored *restored)
{
    uint32_t i = 0;
    for (const SavedChange *saved = savepoint->changes; saved != NULL;
         saved = saved->next)
        free_restored(&restored[i++], saved->set_count);
    free(restored);
}

static mql_status
restore(Transaction *transaction, const Savepoint *savepoint, Error *err)
{
    uint32_t count = 0;
    for (const SavedChange *saved = savepoint->changes; saved != NULL;
         saved = saved->next)
        count++;
    Restored *restored = calloc(count + (size_t)1, sizeof *restored);
    if (restored == NULL)
        return error_no_memory(err);
    mql_status status = MQL_OK;
    uint32_t i = 0;
    for (const SavedChange *saved = savepoint->changes;
         saved != NULL && status == MQL_OK; saved = saved->next)
        status = prepare_restore(transaction, saved, &restored[i++], err);
    if (status != MQL_OK) {
        free_all_restored(savepoint, restored);
        return status;
    }
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next) {
        const SavedChange *saved = saved_of(savepoint, change);
        if (saved == NULL) {
            empty_change(transaction, change);
            continue;
        }
        i = 0;
        for (const SavedChange *other = savepoint->changes; other != saved;
             other = other->next)
            i++;
        restore_change(transaction, change, saved, &restored[i]);
    }
    free(restored);
    restore_databases(transaction, savepoint);
    stored_settings_release(transaction->settings);
    transaction->settings = stored_settings_retain(savepoint->settings);
    access_release(transaction->access);
    transaction->access = access_retain(savepoint->access);
    transaction->has_definitions = savepoint->has_definitions;
    count_staged_bytes(transaction);
    return MQL_OK;
}

mql_status
transaction_rollback_to(Transaction *transaction, Slice name, Error *err)
{
    Savepoint *savepoint;
    TRY(find_savepoint(transaction, name, &savepoint, err));
    TRY(restore(transaction, savepoint, err));
    while (transaction->savepoints != savepoint) {
        Savepoint *next = transaction->savepoints->next;
        free_savepoint(transaction->savepoints);
        transaction->savepoints = next;
    }
    transaction->is_failed = false;
    transaction_touch(transaction);
    return MQL_OK;
}

mql_status
transaction_release_savepoint(Transaction *transaction, Slice name, Error *err)
{
    Savepoint *savepoint;
    TRY(find_savepoint(transaction, name, &savepoint, err));
    for (bool is_done = false; !is_done;) {
        Savepoint *newest = transaction->savepoints;
        is_done = newest == savepoint;
        transaction->savepoints = newest->next;
        free_savepoint(newest);
    }
    return MQL_OK;
}

uint32_t
transaction_savepoint_count(const Transaction *transaction)
{
    uint32_t count = 0;
    for (const Savepoint *savepoint = transaction->savepoints;
         savepoint != NULL; savepoint = savepoint->next)
        count++;
    return count;
}
