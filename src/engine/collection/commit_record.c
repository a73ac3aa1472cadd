/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_record.c - a transaction as one record of the log: changes of the
 * catalogue, deleted keys, rows; and how much of the log is no longer needed
 * after it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "engine/collection/store_internal.h"

#define META_VALUE_MOST ((size_t)1000 << 10)

void
meta_key(char key[META_KEY_SIZE], const char *kind, uint64_t id)
{
    snprintf(key, META_KEY_SIZE, "%s/%020" PRIu64, kind, id);
}

void
meta_put_u64(MetaChanges *changes, const char *key, uint64_t value)
{
    Buffer bytes = BUFFER_INIT;
    buffer_append_u64(&bytes, value);
    if (buffer_failed(&bytes))
        changes->bytes.failed = true;
    else
        meta_change_put(changes, key, buffer_slice(&bytes));
    buffer_free(&bytes);
}

/* ---- changes of the catalogue ---- */

static mql_status
put(MetaChanges *changes, const char *kind, uint64_t id, Buffer *value,
    Error *err)
{
    mql_status status = MQL_OK;
    char key[META_KEY_SIZE];
    meta_key(key, kind, id);
    if (buffer_failed(value))
        status = error_no_memory(err);
    else if (value->size > META_VALUE_MOST)
        status = error_set(err, ERR_LIMIT_EXCEEDED,
                           "definition of %zu bytes is too large", value->size);
    else
        meta_change_put(changes, key, buffer_slice(value));
    buffer_free(value);
    return status;
}

static void
drop(MetaChanges *changes, const char *kind, uint64_t id)
{
    char key[META_KEY_SIZE];
    meta_key(key, kind, id);
    meta_change_delete(changes, key);
}

static mql_status
put_segment(MetaChanges *changes, const SegmentEntry *entry, Error *err)
{
    Buffer value = BUFFER_INIT;
    segment_entry_encode(&value, entry);
    return put(changes, "segment", entry->id, &value, err);
}

static mql_status
meta_of_databases(const Transaction *transaction, MetaChanges *changes,
                  Error *err)
{
    /* The list has the newest change first; the last one of an id counts. */
    for (DatabaseChange *change = transaction->databases; change != NULL;
         change = change->next) {
        const DatabaseChange *newest = transaction->databases;
        while (newest->id != change->id)
            newest = newest->next;
        if (newest != change)
            continue;
        if (change->entry == NULL) {
            drop(changes, "database", change->id);
            continue;
        }
        Buffer value = BUFFER_INIT;
        database_encode(&value, &change->entry->definition);
        TRY(put(changes, "database", change->id, &value, err));
    }
    return MQL_OK;
}

static void
drop_lost_segments(const CollectionChange *change, MetaChanges *changes)
{
    const CollectionVersion *base = &change->base->version;
    for (uint32_t i = 0; i < base->segment_count; i++)
        if (base->segments[i]->is_sealed &&
            !change_keeps(change, base->segments[i]))
            drop(changes, "segment", base->segments[i]->id);
}

static mql_status
put_segments(const CollectionChange *change, MetaChanges *changes, Error *err)
{
    const Collection *definition = change_definition(change);
    for (uint32_t i = 0; i < change->sealed_count; i++)
        if (collection_find_partition_id(
                definition, change->sealed[i]->base.partition) >= 0)
            TRY(put_segment(changes, &change->sealed[i]->entry, err));
    for (EntryChange *entry = change->entries; entry != NULL;
         entry = entry->next)
        if (change_keeps(change, &entry->segment->base))
            TRY(put_segment(changes, &entry->entry, err));
    return MQL_OK;
}

static mql_status
meta_of_change(const CollectionChange *change, MetaChanges *changes, Error *err)
{
    drop_lost_segments(change, changes);
    if (change->is_dropped) {
        drop(changes, "collection", change->id);
        return MQL_OK;
    }
    if (change->definition != NULL) {
        Buffer value = BUFFER_INIT;
        collection_encode(&value, change->definition);
        TRY(put(changes, "collection", change->id, &value, err));
    }
    return put_segments(change, changes, err);
}

/* ---- trimming the log ---- */

static uint64_t
dirty_after(const CollectionChange *change, uint64_t sequence)
{
    if (change->sealed_upto != 0)
        return change->has_later_rows ? change->sealed_upto + 1 : 0;
    uint64_t dirty_since = 0;
    if (!change->is_sealing && !change->is_truncated)
        dirty_since = change->base->state->dirty_since;
    if (dirty_since == 0 && change->is_logging)
        dirty_since = sequence;
    return dirty_since;
}

/* The last commit that no collection needs from the log once this one is in the
 * catalogue; 0 when this is not the time to trim. */
static uint64_t
find_trim(const Transaction *transaction, const Contents *contents)
{
    bool is_due = false;
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next) {
        is_due = is_due || change->is_sealing || change->sealed_upto != 0;
        CollectionState *state = change->base->state;
        state->dirty_next =
            change->is_dropped ? 0 : dirty_after(change, transaction->sequence);
    }
    if (!is_due)
        return 0;
    uint64_t trim = transaction->sequence;
    for (uint32_t i = 0; i < contents->collection_count; i++) {
        const CollectionState *state =
            collection_entry_of(contents->collections[i])->state;
        if (state->dirty_next != 0 && state->dirty_next <= trim)
            trim = state->dirty_next - 1;
    }
    return trim > transaction->store->trimmed ? trim : 0;
}

/* ---- deletes and rows ---- */

static mql_status
collect_deletes(const CollectionChange *change, uint32_t position,
                RecordDeletes *deletes, Error *err)
{
    const Segment *segment = change->base->version.segments[position];
    const DeletedRows *set = &change->deleted[position];
    bool is_sealed_away = change->is_sealing && !segment->is_sealed;
    if (set->count == 0 || set->is_persisted || is_sealed_away ||
        !change_keeps(change, segment))
        return MQL_OK;
    uint32_t rows = segment_row_count(segment, UINT64_MAX);
    uint32_t left = set->count;
    for (uint32_t row = 0; row < rows && left > 0; row++) {
        if (!bits_get(set->bits, row))
            continue;
        RowKey key;
        TRY(segment_key(segment, row, &key, err));
        record_delete_key(deletes, &key);
        left--;
    }
    return MQL_OK;
}

static mql_status
record_change_deletes(const CollectionChange *change, Buffer *payload,
                      Error *err)
{
    if (change->deleted == NULL)
        return MQL_OK;
    const Collection *definition = change->base->version.collection;
    bool is_text =
        definition->fields[definition->primary].type.kind == TYPE_VARCHAR;
    RecordDeletes deletes = {BUFFER_INIT, 0};
    mql_status status = MQL_OK;
    for (uint32_t i = 0;
         i < change->base->version.segment_count && status == MQL_OK; i++)
        status = collect_deletes(change, i, &deletes, err);
    if (status == MQL_OK)
        record_deletes(payload, change->id, is_text, &deletes);
    buffer_free(&deletes.keys);
    return status;
}

static mql_status
record_change_rows(const CollectionChange *change, Buffer *payload, Error *err)
{
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next)
        if (staged->source.count > 0)
            TRY(record_rows(payload, change_definition(change), &staged->source,
                            staged->partition,
                            atomic_load(&change->base->state->next_auto_id),
                            err));
    return MQL_OK;
}

/* ---- all of it ---- */

static mql_status
collect_meta(const Transaction *transaction, MetaChanges *changes,
             uint64_t trim, Error *err)
{
    Store *store = transaction->store;
    TRY(meta_of_databases(transaction, changes, err));
    meta_of_settings(transaction, changes);
    meta_of_access(transaction, changes);
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next)
        if (change->created == NULL || !change->is_dropped)
            TRY(meta_of_change(change, changes, err));
    uint64_t next_id = atomic_load(&store->next_id);
    if (changes->count > 0 && next_id != store->stored_next_id)
        meta_put_u64(changes, META_NEXT_ID, next_id);
    if (trim > 0) {
        TimePoint point = {transaction->sequence, transaction->time};
        meta_put_u64(changes, META_TRIMMED, trim);
        timeline_put(&store->timeline, point, changes);
    }
    return buffer_failed(&changes->bytes) ? error_no_memory(err) : MQL_OK;
}

mql_status
commit_record(Transaction *transaction, const Version *version, Buffer *payload,
              MetaChanges *changes, uint64_t *trim, Error *err)
{
    *trim = find_trim(transaction, contents_of(version));
    TRY(collect_meta(transaction, changes, *trim, err));
    record_start(payload);
    record_meta(payload, buffer_slice(&changes->bytes));
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next)
        TRY(record_change_deletes(change, payload, err));
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next)
        TRY(record_change_rows(change, payload, err));
    return buffer_failed(payload) ? error_no_memory(err) : MQL_OK;
}
