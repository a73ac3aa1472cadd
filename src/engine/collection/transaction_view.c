/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction_view.c - what an open transaction sees: its snapshot with its own
 * changes, as a Version that nobody else has.
 *
 * A view is a picture: what the transaction does later is not in it. So a
 * statement can change rows while it reads them, and a cursor goes on with the
 * rows that were there when it was opened.
 */
#include <stdlib.h>

#include "engine/collection/store_internal.h"

#define PRIVATE_SCHEMA (UINT64_C(1) << 63)

/* ---- definitions and collections ---- */

static const CollectionChange *
change_upon(const Transaction *transaction, const CollectionEntry *base)
{
    const CollectionChange *change = transaction->collections;
    while (change != NULL && change->base != base)
        change = change->next;
    return change;
}

static const DatabaseChange *
database_change(const Transaction *transaction, uint64_t id)
{
    const DatabaseChange *change = transaction->databases;
    while (change != NULL && change->id != id)
        change = change->next;
    return change;
}

static void
fill_databases(const Transaction *transaction, Contents *contents)
{
    const Version *base = transaction->base;
    for (uint32_t i = 0; i < base->database_count; i++) {
        DatabaseEntry *entry = database_entry_of(base->databases[i]);
        if (database_change(transaction, entry->definition.id) != NULL)
            continue;
        atomic_fetch_add(&entry->references, 1);
        contents->databases[contents->database_count++] = &entry->definition;
    }
    for (DatabaseChange *change = transaction->databases; change != NULL;
         change = change->next) {
        if (database_change(transaction, change->id) != change ||
            change->entry == NULL)
            continue;
        atomic_fetch_add(&change->entry->references, 1);
        contents->databases[contents->database_count++] =
            &change->entry->definition;
    }
}

static void
put_entry(Contents *contents, CollectionEntry *entry)
{
    atomic_fetch_add(&entry->references, 1);
    contents->collections[contents->collection_count++] = &entry->version;
}

static void
fill_collections(const Transaction *transaction, bool is_view,
                 Contents *contents)
{
    const Version *base = transaction->base;
    for (uint32_t i = 0; i < base->collection_count; i++) {
        CollectionEntry *entry = collection_entry_of(base->collections[i]);
        const CollectionChange *change = change_upon(transaction, entry);
        if (change == NULL ||
            (!change->is_dropped && !is_view && change->entry == NULL))
            put_entry(contents, entry);
    }
    for (const CollectionChange *change = transaction->collections;
         change != NULL; change = change->next) {
        CollectionEntry *entry = is_view ? change->view : change->entry;
        if (entry != NULL)
            put_entry(contents, entry);
    }
}

Contents *
transaction_contents(const Transaction *transaction, bool is_view,
                     uint64_t schema)
{
    uint32_t databases = transaction->base->database_count;
    uint32_t collections = transaction->base->collection_count;
    for (DatabaseChange *change = transaction->databases; change != NULL;
         change = change->next)
        databases++;
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next)
        collections++;
    Contents *contents = contents_create(databases, collections);
    if (contents == NULL)
        return NULL;
    contents->schema = schema;
    contents->settings = stored_settings_retain(
        transaction->settings != NULL ? transaction->settings
                                      : transaction->base->settings);
    contents->access = access_retain(transaction_access(transaction));
    fill_databases(transaction, contents);
    fill_collections(transaction, is_view, contents);
    contents_sort(contents);
    return contents;
}

/* ---- segments ---- */

/* The segments of a collection's view; all are owned references. */
typedef struct ViewList {
    Segment **segments;
    uint32_t count;
} ViewList;

static mql_status
add_overlay(ViewList *list, const OverlayPicture *picture, Error *err)
{
    Segment *overlay = overlay_create(picture);
    if (overlay == NULL)
        return error_no_memory(err);
    list->segments[list->count++] = overlay;
    return MQL_OK;
}

static mql_status
add_base(const Transaction *transaction, const CollectionChange *change,
         ViewList *list, Error *err)
{
    const CollectionVersion *base = &change->base->version;
    uint64_t sequence = transaction->base->sequence;
    for (uint32_t i = 0; i < base->segment_count; i++) {
        Segment *segment = base->segments[i];
        if (!change_keeps(change, segment))
            continue;
        if (change->deleted == NULL || change->deleted[i].count == 0) {
            list->segments[list->count++] = segment_retain(segment);
            continue;
        }
        OverlayPicture picture = {segment, sequence,
                                  segment_row_count(segment, sequence), false,
                                  change->deleted[i].bits};
        TRY(add_overlay(list, &picture, err));
    }
    return MQL_OK;
}

/* `hidden`: bits of the rows that the transaction itself has deleted. */
static mql_status
add_own(const Transaction *transaction, Segment *segment,
        const uint64_t *hidden, ViewList *list, Error *err)
{
    uint32_t rows = segment_row_count(segment, UINT64_MAX);
    if (rows == 0)
        return MQL_OK;
    OverlayPicture picture = {segment, transaction->base->sequence, rows, true,
                              hidden};
    return add_overlay(list, &picture, err);
}

/* A file that the transaction has written. */
static mql_status
add_spilled(const Transaction *transaction, SealedSegment *sealed,
            ViewList *list, Error *err)
{
    if (atomic_load(&sealed->deleted_count) == 0)
        return add_own(transaction, &sealed->base, NULL, list, err);
    uint32_t rows = segment_row_count(&sealed->base, UINT64_MAX);
    uint64_t *hidden = calloc(bits_words(rows) + 1, sizeof *hidden);
    if (hidden == NULL)
        return error_no_memory(err);
    for (uint32_t row = 0; row < rows; row++)
        if (sealed_deleted(sealed, row) != 0)
            bits_set(hidden, row);
    mql_status status = add_own(transaction, &sealed->base, hidden, list, err);
    free(hidden);
    return status;
}

static mql_status
add_segments(const Transaction *transaction, const CollectionChange *change,
             ViewList *list, Error *err)
{
    TRY(add_base(transaction, change, list, err));
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next)
        if (change_has_partition(change, &staged->rows->base))
            TRY(add_own(transaction, &staged->rows->base,
                        staged->superseded > 0 ? staged->hidden : NULL, list,
                        err));
    for (uint32_t i = 0; i < change->sealed_count; i++) {
        SealedSegment *sealed = change->sealed[i];
        if (change_has_partition(change, &sealed->base))
            TRY(add_spilled(transaction, sealed, list, err));
    }
    return MQL_OK;
}

static mql_status
view_collection(const Transaction *transaction, CollectionChange *change,
                Error *err)
{
    if (change->is_dropped)
        return MQL_OK;
    size_t most =
        change->base->version.segment_count + (size_t)change->sealed_count;
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next)
        most++;
    ViewList list = {calloc(most + 1, sizeof(Segment *)), 0};
    if (list.segments == NULL)
        return error_no_memory(err);
    mql_status status = add_segments(transaction, change, &list, err);
    if (status == MQL_OK) {
        change->is_definition_shared = true;
        change->view = collection_entry_create(
            (Collection *)(uintptr_t)change_definition(change),
            change->base->state, list.segments, list.count);
        if (change->view == NULL)
            status = error_no_memory(err);
    }
    for (uint32_t i = 0; i < list.count; i++)
        segment_release(list.segments[i]);
    free(list.segments);
    return status;
}

/* ---- the view ---- */

static mql_status
make_view(Transaction *transaction, Error *err)
{
    mql_status status = MQL_OK;
    for (CollectionChange *change = transaction->collections;
         change != NULL && status == MQL_OK; change = change->next)
        status = view_collection(transaction, change, err);
    uint64_t schema = transaction->base->schema;
    if (transaction->has_definitions)
        schema = PRIVATE_SCHEMA |
                 atomic_fetch_add(&transaction->store->next_private_schema, 1);
    if (status == MQL_OK) {
        Contents *contents = transaction_contents(transaction, true, schema);
        if (contents != NULL)
            transaction->view =
                version_create(contents, transaction->base->sequence);
        if (transaction->view != NULL)
            transaction->view->version.committed =
                version_retain(transaction->base);
        if (transaction->view == NULL)
            status = error_no_memory(err);
    }
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next) {
        collection_entry_release(change->view);
        change->view = NULL;
    }
    return status;
}

mql_status
transaction_view(Transaction *transaction, const Version **version, Error *err)
{
    *version = NULL;
    if (transaction->is_view_old)
        transaction_touch(transaction);
    if (transaction->view == NULL && transaction_is_empty(transaction)) {
        *version = version_retain(transaction->base);
        return MQL_OK;
    }
    if (transaction->view == NULL)
        TRY(make_view(transaction, err));
    *version = version_retain(&transaction->view->version);
    return MQL_OK;
}

mql_status
transaction_definitions(Transaction *transaction, const Version **version,
                        Error *err)
{
    if (transaction->view == NULL)
        return transaction_view(transaction, version, err);
    *version = version_retain(&transaction->view->version);
    return MQL_OK;
}
