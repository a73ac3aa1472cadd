/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction_insert.c - staging rows: checks, generated keys, partitions, and
 * the search for rows that have the same key.
 *
 * Staged rows lie in growing segments of the transaction's own, one for each
 * partition. Their keys are published one by one in the order of the batch, so
 * that of two rows with one key the second meets the first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/collection/store_internal.h"

/* One call of transaction_insert(). */
typedef struct Insert {
    Transaction *transaction;
    CollectionChange *change;
    const Collection *definition;
    InsertMode mode;
    uint64_t expired; /* rows inserted by commits up to it are too old */
    Batch batch;      /* keys filled in */
    const uint8_t
        *generated; /* per row: the key is a generated integer; NULL: none is */
    StagedPartition **places; /* per row */
    uint32_t *bad_row;
} Insert;

/* ---- checks ---- */

static mql_status
check_nulls(const Insert *insert, Error *err)
{
    for (uint32_t i = 0; i < insert->definition->field_count; i++) {
        const Field *field = &insert->definition->fields[i];
        const Column *column = &insert->batch.columns[i];
        if (field->is_nullable || field->is_dynamic ||
            (column->valid == NULL && column->type.kind != TYPE_NULL))
            continue;
        for (uint32_t row = 0; row < insert->batch.count; row++) {
            if (!column_is_null(column, row))
                continue;
            *insert->bad_row = row;
            return error_set(err, ERR_NOT_NULL,
                             "null value in field \"%s\" of collection "
                             "\"%s\" violates not-null constraint",
                             field->name, insert->definition->name);
        }
    }
    return MQL_OK;
}

static mql_status
check_shape(const Insert *insert, const InsertTarget *target, Error *err)
{
    if (insert->batch.column_count != insert->definition->field_count ||
        insert->batch.count > BATCH_ROWS)
        return error_set(err, ERR_INTERNAL_ERROR, "batch of a wrong shape");
    if (change_definition(insert->change) != target->collection->collection ||
        insert->change->is_dropped)
        return error_set(err, ERR_INTERNAL_ERROR,
                         "collection is not of the transaction's version");
    return MQL_OK;
}

/* ---- generated keys ---- */

static mql_status
next_key(Insert *insert, uint32_t row, int64_t *key, Error *err)
{
    _Atomic int64_t *next = &insert->change->base->state->next_auto_id;
    *key = atomic_load(next);
    do {
        if (*key == INT64_MAX) {
            *insert->bad_row = row;
            return error_set(err, ERR_OUT_OF_RANGE,
                             "collection \"%s\" has no generated keys left",
                             insert->definition->name);
        }
    } while (!atomic_compare_exchange_weak(next, key, *key + 1));
    return MQL_OK;
}

static mql_status
generated_text(int64_t key, Arena *arena, Slice *text, Error *err)
{
    char digits[32];
    int size = snprintf(digits, sizeof digits, "%" PRId64, key);
    text->data = catalog_copy_text(arena, (Slice){digits, (size_t)size});
    text->size = (size_t)size;
    return text->data == NULL ? error_no_memory(err) : MQL_OK;
}

static void
raise_next(CollectionState *state, int64_t wanted)
{
    int64_t seen = atomic_load(&state->next_auto_id);
    while (seen < wanted &&
           !atomic_compare_exchange_weak(&state->next_auto_id, &seen, wanted))
        ;
}

int64_t
collection_next_key(const CollectionVersion *collection)
{
    return atomic_load(&collection_entry_of(collection)->state->next_auto_id);
}

void
collection_raise_next_key(const CollectionVersion *collection, int64_t key)
{
    raise_next(collection_entry_of(collection)->state, key);
}

/* Given integers push the next generated one past them. */
static void
pass_given_key(Insert *insert, int64_t key)
{
    raise_next(insert->change->base->state,
               key < INT64_MAX ? key + 1 : INT64_MAX);
}

static mql_status
fill_key(Insert *insert, const Column *given, ColumnBuilder *keys,
         uint8_t *generated, uint32_t row, Error *err)
{
    bool is_text = keys->type.kind == TYPE_VARCHAR;
    Value value = column_value(given, row);
    if (value.is_null) {
        int64_t key = 0;
        TRY(next_key(insert, row, &key, err));
        value = value_int64(key);
        if (is_text)
            TRY(generated_text(key, &insert->transaction->batch_arena,
                               &value.bytes, err));
        generated[row] = !is_text;
    } else if (!is_text) {
        pass_given_key(insert, value.integer);
    }
    value.type = keys->type;
    value.is_null = false;
    column_builder_set(keys, row, &value);
    return MQL_OK;
}

static mql_status
generate_keys(Insert *insert, Error *err)
{
    const Collection *definition = insert->definition;
    const Field *field = &definition->fields[definition->primary];
    Column *given = &insert->batch.columns[definition->primary];
    if (!field->is_auto_id)
        return MQL_OK;
    Arena *arena = &insert->transaction->batch_arena;
    uint32_t rows = insert->batch.count;
    ColumnBuilder keys;
    TRY(column_builder_init(&keys, field->type, rows, arena, err));
    uint8_t *generated = arena_alloc(arena, rows + (size_t)1);
    if (generated == NULL)
        return error_no_memory(err);
    for (uint32_t row = 0; row < rows; row++)
        TRY(fill_key(insert, given, &keys, generated, row, err));
    *given = (Column){.type = field->type, .data = keys.data};
    insert->generated = generated;
    return MQL_OK;
}

/* ---- partitions ---- */

static mql_status
staged_partition(Insert *insert, uint64_t partition, StagedPartition **found,
                 Error *err)
{
    CollectionChange *change = insert->change;
    StagedPartition *staged = change->staged;
    while (staged != NULL && (staged->partition != partition ||
                              !growing_fits(staged->rows, insert->definition)))
        staged = staged->next;
    *found = staged;
    if (staged != NULL)
        return MQL_OK;
    if (collection_find_partition_id(change_definition(change), partition) < 0)
        return error_set(err, ERR_INTERNAL_ERROR, "no such partition");
    staged = calloc(1, sizeof *staged);
    if (staged == NULL)
        return error_no_memory(err);
    staged->partition = partition;
    mql_status status = growing_create(
        0, insert->definition, partition,
        insert->transaction->store->limits.chunk_bytes, &staged->rows, err);
    if (status != MQL_OK) {
        free(staged);
        return status;
    }
    staged->next = change->staged;
    change->staged = staged;
    *found = staged;
    return MQL_OK;
}

static const Column *
partition_key(const Insert *insert)
{
    for (uint32_t i = 0; i < insert->definition->field_count; i++)
        if (insert->definition->fields[i].is_partition_key)
            return &insert->batch.columns[i];
    return NULL;
}

static mql_status
find_places(Insert *insert, const InsertTarget *target, Error *err)
{
    const Collection *definition = insert->definition;
    uint32_t rows = insert->batch.count;
    insert->places =
        arena_alloc_array(&insert->transaction->batch_arena, rows + (size_t)1,
                          sizeof *insert->places);
    if (insert->places == NULL)
        return error_no_memory(err);
    const Column *key =
        definition->has_partition_key ? partition_key(insert) : NULL;
    if (definition->has_partition_key && key == NULL)
        return error_set(err, ERR_INTERNAL_ERROR, "no partition key");
    for (uint32_t row = 0; row < rows; row++) {
        uint64_t partition = target->partition;
        if (key != NULL) {
            Value value = column_value(key, row);
            partition = partition_of_key(definition, &value);
        }
        if (row > 0 && insert->places[row - 1]->partition == partition)
            insert->places[row] = insert->places[row - 1];
        else
            TRY(staged_partition(insert, partition, &insert->places[row], err));
    }
    return MQL_OK;
}

/* Append the batch's rows to the partition, if it has any. */
static mql_status
append_to(Insert *insert, StagedPartition *staged, uint32_t *rows, Error *err)
{
    Transaction *transaction = insert->transaction;
    uint32_t count = 0;
    for (uint32_t row = 0; row < insert->batch.count; row++)
        if (insert->places[row] == staged)
            rows[count++] = row;
    if (count == 0)
        return MQL_OK;
    uint64_t before = staged->rows->memory;
    mql_status status =
        growing_append(staged->rows, &insert->batch, rows, count, 0, err);
    transaction->staged_bytes += staged->rows->memory - before;
    TRY(status);
    TRY(staged_reserve(staged, err));
    return growing_reserve_keys(staged->rows, err);
}

static mql_status
append_rows(Insert *insert, Error *err)
{
    uint32_t *rows =
        arena_alloc_array(&insert->transaction->batch_arena,
                          insert->batch.count + (size_t)1, sizeof *rows);
    if (rows == NULL)
        return error_no_memory(err);
    for (StagedPartition *staged = insert->change->staged; staged != NULL;
         staged = staged->next)
        TRY(append_to(insert, staged, rows, err));
    return MQL_OK;
}

/* ---- rows with the same key ---- */

static mql_status
duplicate(const Insert *insert, uint32_t row, Error *err)
{
    const Collection *definition = insert->definition;
    const Field *field = &definition->fields[definition->primary];
    Value key = column_value(&insert->batch.columns[definition->primary], row);
    *insert->bad_row = row;
    error_set(err, ERR_DUPLICATE_KEY,
              "duplicate key value violates primary key of collection \"%s\"",
              definition->name);
    Buffer text = BUFFER_INIT;
    value_print(&text, &key);
    error_detail(err, "Key (%s)=(%s) already exists.", field->name,
                 buffer_text(&text));
    buffer_free(&text);
    return MQL_CONFLICT;
}

/* A live row staged before: in memory, or spilled to a segment. */
static mql_status
meet_staged(Insert *insert, const RowKey *key, uint32_t row, Error *err)
{
    CollectionChange *change = insert->change;
    uint64_t sequence = insert->transaction->sequence;
    for (StagedPartition *staged = change->staged; staged != NULL;
         staged = staged->next) {
        uint32_t found = ROW_NONE;
        if (change_has_partition(change, &staged->rows->base))
            found = growing_find_key(staged->rows, key, sequence);
        if (found == ROW_NONE)
            continue;
        if (insert->mode == INSERT_NEW)
            return duplicate(insert, row, err);
        staged_delete(insert->transaction, staged, found);
    }
    for (uint32_t i = 0; i < change->sealed_count; i++) {
        uint32_t found;
        SealedSegment *segment = change->sealed[i];
        if (!change_has_partition(change, &segment->base))
            continue;
        TRY(sealed_find_key(segment, key, sequence, &found, err));
        if (found == ROW_NONE)
            continue;
        if (insert->mode == INSERT_NEW)
            return duplicate(insert, row, err);
        TRY(sealed_reserve_delete(segment, found, err));
        sealed_delete(segment, found, sequence);
    }
    return MQL_OK;
}

/* A live row of the base; one that has expired makes room. */
static mql_status
meet_base(Insert *insert, const RowKey *key, uint32_t row, Error *err)
{
    CollectionChange *change = insert->change;
    const CollectionVersion *base = &change->base->version;
    uint64_t sequence = insert->transaction->base->sequence;
    for (uint32_t i = 0; i < base->segment_count; i++) {
        const Segment *segment = base->segments[i];
        uint32_t found;
        if (!change_keeps(change, segment))
            continue;
        if (segment->is_sealed)
            TRY(sealed_find_key(as_sealed(segment), key, sequence, &found,
                                err));
        else
            found = growing_find_key(as_growing(segment), key, sequence);
        if (found == ROW_NONE || change_is_deleted(change, i, found))
            continue;
        bool is_expired;
        TRY(segment_is_expired(segment, found, insert->expired, &is_expired,
                               err));
        if (insert->mode == INSERT_NEW && !is_expired)
            return duplicate(insert, row, err);
        return change_delete(insert->transaction, change, i, found, err);
    }
    return MQL_OK;
}

static mql_status
publish_rows(Insert *insert, Error *err)
{
    const Column *keys = &insert->batch.columns[insert->definition->primary];
    for (uint32_t row = 0; row < insert->batch.count; row++) {
        /* A generated integer is above every key there ever was. */
        if (insert->generated == NULL || insert->generated[row] == 0) {
            RowKey key = row_key_of_column(keys, row);
            TRY(meet_staged(insert, &key, row, err));
            TRY(meet_base(insert, &key, row, err));
        }
        growing_publish(insert->places[row]->rows, 1);
        insert->transaction->inserted++;
    }
    return MQL_OK;
}

/* ---- all of it ---- */

static mql_status
copy_columns(Insert *insert, const Batch *batch, Error *err)
{
    insert->batch = *batch;
    insert->batch.columns =
        arena_alloc_array(&insert->transaction->batch_arena,
                          batch->column_count + (size_t)1, sizeof(Column));
    if (insert->batch.columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < batch->column_count; i++)
        insert->batch.columns[i] = batch->columns[i];
    return MQL_OK;
}

/* Memory stays bounded: the largest partition goes to a file. */
static mql_status
spill_largest(Transaction *transaction, Error *err)
{
    CollectionChange *largest_change = NULL;
    StagedPartition *largest = NULL;
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next)
        for (StagedPartition *staged = change->staged; staged != NULL;
             staged = staged->next)
            if (largest == NULL ||
                staged->rows->memory > largest->rows->memory) {
                largest = staged;
                largest_change = change;
            }
    return largest == NULL
               ? MQL_OK
               : change_spill(transaction, largest_change, largest, err);
}

static mql_status
insert_batch(Transaction *transaction, const InsertTarget *target,
             const Batch *batch, uint32_t *bad_row, Error *err)
{
    Insert insert = {.transaction = transaction,
                     .definition = target->collection->collection,
                     .mode = target->mode,
                     .bad_row = bad_row};
    insert.expired = store_expired(transaction->store, insert.definition,
                                   transaction->began);
    arena_reset(&transaction->batch_arena);
    transaction_touch_rows(transaction);
    TRY(transaction_change(transaction, insert.definition->id, &insert.change,
                           err));
    TRY(copy_columns(&insert, batch, err));
    TRY(check_shape(&insert, target, err));
    TRY(generate_keys(&insert, err));
    transaction->keys = insert.batch.columns[insert.definition->primary];
    TRY(check_nulls(&insert, err));
    TRY(find_places(&insert, target, err));
    TRY(append_rows(&insert, err));
    TRY(publish_rows(&insert, err));
    change_write_ahead(transaction, insert.change);
    while (transaction->staged_bytes >
               transaction->store->limits.staged_bytes &&
           transaction->staged_bytes > 0)
        TRY(spill_largest(transaction, err));
    return MQL_OK;
}

/* Rows appended and not published would be published by a later call, after a
 * return to a savepoint. */
static void
drop_unpublished(Transaction *transaction)
{
    for (CollectionChange *change = transaction->collections; change != NULL;
         change = change->next)
        for (StagedPartition *staged = change->staged; staged != NULL;
             staged = staged->next) {
            transaction->staged_bytes -= staged->rows->memory;
            growing_rollback(staged->rows);
            transaction->staged_bytes += staged->rows->memory;
        }
}

mql_status
transaction_insert(Transaction *transaction, const InsertTarget *target,
                   const Batch *batch, uint32_t *bad_row, Error *err)
{
    *bad_row = 0;
    if (batch->count == 0)
        return MQL_OK;
    mql_status status = insert_batch(transaction, target, batch, bad_row, err);
    if (status != MQL_OK) {
        drop_unpublished(transaction);
        transaction->is_failed = true;
    }
    return status;
}

const Column *
transaction_keys(const Transaction *transaction)
{
    return &transaction->keys;
}
