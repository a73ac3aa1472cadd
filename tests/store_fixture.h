/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_fixture.h - a collection of items for tests of the storage engine:
 *
 *   id INT64 PRIMARY KEY | name VARCHAR NULL | price DOUBLE NULL | tags
 * ARRAY<VARCHAR> NULL | v FLOAT_VECTOR(4)
 *
 * All of a row follows from its id and a "generation", so that a reader can
 * check every value.
 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include "base/bits.h"
#include "engine/collection/store.h"
#include "engine/collection/transaction.h"
#include "engine/value/json.h"
#include "files.h"

enum { ITEM_ID, ITEM_NAME, ITEM_PRICE, ITEM_TAGS, ITEM_VECTOR, ITEM_FIELDS };

#define ITEM_DIMENSION 4u
#define ITEM_PARTITIONS 2u

typedef struct Item {
    int64_t id;
    int64_t generation; /* goes into the price */
} Item;

static inline bool
item_is_null(const Item *item, int field)
{
    return field != ITEM_ID && field != ITEM_VECTOR &&
           (item->id + field) % 5 == 0;
}

static inline void
item_name(const Item *item, char text[64])
{
    snprintf(text, 64, "item %lld%s", (long long)item->id,
             item->id % 3 == 0 ? "" : " with a longer name than others");
}

static inline double
item_price(const Item *item)
{
    return (double)item->id + (double)item->generation / 1024;
}

static inline float
item_element(const Item *item, uint32_t i)
{
    return (float)(item->id % 1000) + 0.25f * (float)i;
}

static inline void
item_tags(Buffer *out, const Item *item)
{
    Buffer words[2] = {BUFFER_INIT, BUFFER_INIT};
    Slice items[2];
    uint32_t count = (uint32_t)(item->id % 3);
    for (uint32_t i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof text, "tag%lld", (long long)(item->id % 7 + i));
        json_append_string(&words[i], slice_of(text));
        items[i] = buffer_slice(&words[i]);
    }
    OK(json_append_array(out, items, count, err));
    buffer_free(&words[0]);
    buffer_free(&words[1]);
}

/* The definition, with ids from the transaction. */
static inline Collection *
item_collection(Transaction *transaction, const char *name, bool is_auto_id)
{
    static const struct {
        const char *name;
        Type type;
    } columns[ITEM_FIELDS] = {
        {"id", {.kind = TYPE_INT64}},
        {"name", {.kind = TYPE_VARCHAR, .length = 64}},
        {"price", {.kind = TYPE_DOUBLE}},
        {"tags",
         {.kind = TYPE_ARRAY,
          .length = 8,
          .element = TYPE_VARCHAR,
          .element_length = 32}},
        {"v", {.kind = TYPE_FLOAT_VECTOR, .length = ITEM_DIMENSION}},
    };
    Collection *collection = NULL;
    OK(collection_create(&collection, err));
    Arena *arena = &collection->arena;
    collection->id = transaction_new_id(transaction);
    collection->database = 1;
    collection->name = catalog_copy_text(arena, slice_of(name));
    collection->fields = arena_alloc_array(arena, ITEM_FIELDS, sizeof(Field));
    collection->field_count = ITEM_FIELDS;
    for (uint32_t i = 0; i < ITEM_FIELDS; i++) {
        Field *field = &collection->fields[i];
        field->id = i + 1;
        field->name = catalog_copy_text(arena, slice_of(columns[i].name));
        field->type = columns[i].type;
        field->comment = catalog_copy_text(arena, slice_of(""));
        field->is_nullable = i != ITEM_ID && i != ITEM_VECTOR;
        field->default_value = VALUE_NULL;
    }
    collection->fields[ITEM_ID].is_primary = true;
    collection->fields[ITEM_ID].is_auto_id = is_auto_id;
    collection->next_field_id = ITEM_FIELDS + 1;
    collection->partitions =
        arena_alloc_array(arena, ITEM_PARTITIONS, sizeof(Partition));
    collection->partition_count = ITEM_PARTITIONS;
    for (uint32_t i = 0; i < ITEM_PARTITIONS; i++) {
        char text[32];
        snprintf(text, sizeof text, "p%u", i);
        collection->partitions[i].id = transaction_new_id(transaction);
        collection->partitions[i].name =
            catalog_copy_text(arena, slice_of(i == 0 ? "_default" : text));
    }
    return collection;
}

/* Fill a batch with the items; NULL ids when `is_auto_id`. */
static inline void
item_batch(Batch *batch, const Item *items, uint32_t count, bool is_auto_id,
           Arena *arena)
{
    static const TypeKind kinds[ITEM_FIELDS] = {
        TYPE_INT64, TYPE_VARCHAR, TYPE_DOUBLE, TYPE_ARRAY, TYPE_FLOAT_VECTOR};
    ColumnBuilder builders[ITEM_FIELDS];
    for (int i = 0; i < ITEM_FIELDS; i++) {
        Type type = type_of(kinds[i]);
        type.length = i == ITEM_VECTOR ? ITEM_DIMENSION : 0;
        OK(column_builder_init(&builders[i], type, count, arena, err));
    }
    for (uint32_t row = 0; row < count; row++) {
        const Item *item = &items[row];
        char text[64];
        item_name(item, text);
        Slice name = {catalog_copy_text(arena, slice_of(text)), strlen(text)};
        Buffer tags = BUFFER_INIT;
        item_tags(&tags, item);
        char *tags_copy = arena_alloc(arena, tags.size);
        memcpy(tags_copy, tags.data, tags.size);
        float *vector = arena_alloc(arena, ITEM_DIMENSION * sizeof(float));
        for (uint32_t i = 0; i < ITEM_DIMENSION; i++)
            vector[i] = item_element(item, i);
        Value values[ITEM_FIELDS] = {
            value_int64(item->id),
            value_text(name),
            value_double(item_price(item)),
            value_text((Slice){tags_copy, tags.size}),
            value_vector(vector, ITEM_DIMENSION),
        };
        buffer_free(&tags);
        values[ITEM_ID].is_null = is_auto_id;
        for (int i = 0; i < ITEM_FIELDS; i++) {
            values[i].is_null = values[i].is_null || item_is_null(item, i);
            column_builder_set(&builders[i], row, &values[i]);
        }
    }
    batch->count = count;
    batch->column_count = ITEM_FIELDS;
    batch->columns = arena_alloc_array(arena, ITEM_FIELDS, sizeof(Column));
    for (int i = 0; i < ITEM_FIELDS; i++)
        batch->columns[i] = column_builder_finish(&builders[i]);
}

/* Every value of a row read back; returns its generation. */
static inline int64_t
item_check(const Column *columns, uint32_t row)
{
    Item item = {columns[ITEM_ID].ints[row], 0};
    char text[64];
    for (int i = 1; i < ITEM_FIELDS; i++)
        assert_int_equal(column_is_null(&columns[i], row),
                         item_is_null(&item, i));
    item_name(&item, text);
    if (!item_is_null(&item, ITEM_NAME))
        assert_true(slice_equal(columns[ITEM_NAME].bytes[row], slice_of(text)));
    if (!item_is_null(&item, ITEM_TAGS)) {
        Buffer tags = BUFFER_INIT;
        item_tags(&tags, &item);
        assert_true(
            slice_equal(columns[ITEM_TAGS].bytes[row], buffer_slice(&tags)));
        buffer_free(&tags);
    }
    Slice vector = columns[ITEM_VECTOR].bytes[row];
    assert_int_equal(vector.size, ITEM_DIMENSION * sizeof(float));
    for (uint32_t i = 0; i < ITEM_DIMENSION; i++) {
        float element;
        memcpy(&element, vector.data + i * sizeof element, sizeof element);
        assert_true(element == item_element(&item, i));
    }
    if (item_is_null(&item, ITEM_PRICE))
        return -1;
    double rest = columns[ITEM_PRICE].reals[row] - (double)item.id;
    return (int64_t)(rest * 1024);
}

/* Called for every visible row of a collection. */
typedef void (*ItemEach)(void *context, uint64_t partition, int64_t id,
                         int64_t generation);

static inline void
segment_each_item(const Segment *segment, const Collection *definition,
                  uint64_t sequence, ItemEach each, void *context)
{
    uint32_t rows = segment_row_count(segment, sequence);
    uint64_t *bits = calloc(bits_words(rows) + 1, sizeof *bits);
    uint32_t visible = segment_visible(segment, sequence, rows, bits);
    assert_int_equal(visible, bits_count(bits, rows));
    Arena arena;
    arena_init(&arena, 0);
    size_t from = 0;
    uint32_t positions[100];
    for (uint32_t count;
         (count = bits_collect(bits, rows, &from, positions, 100)) > 0;) {
        Column columns[ITEM_FIELDS];
        arena_reset(&arena);
        for (int i = 0; i < ITEM_FIELDS; i++)
            OK(segment_read(segment, &definition->fields[i],
                            (RowRange){positions, 0, count}, &arena,
                            &columns[i], err));
        for (uint32_t row = 0; row < count; row++) {
            int64_t generation = item_check(columns, row);
            each(context, segment_partition(segment),
                 columns[ITEM_ID].ints[row], generation);
        }
    }
    arena_free(&arena);
    free(bits);
}

static inline void
collection_each_item(const CollectionVersion *collection, uint64_t sequence,
                     ItemEach each, void *context)
{
    for (uint32_t i = 0; i < collection->segment_count; i++)
        segment_each_item(collection->segments[i], collection->collection,
                          sequence, each, context);
}

/* Find the row of a key. */
static inline bool
item_find(const CollectionVersion *collection, int64_t id, uint64_t sequence,
          const Segment **segment, uint32_t *row)
{
    Value key = value_int64(id);
    for (uint32_t i = 0; i < collection->segment_count; i++) {
        bool found;
        OK(segment_find_key(collection->segments[i], &key, sequence, &found,
                            row, err));
        *segment = collection->segments[i];
        if (found)
            return true;
    }
    return false;
}

/* Run one transaction that puts the items; OK or the failure's status. */
static inline mql_status
items_put(Store *store, const char *name, uint32_t partition, InsertMode mode,
          const Item *items, uint32_t count, Error *err)
{
    Transaction *transaction;
    Arena arena;
    Batch batch;
    uint32_t bad_row;
    TRY(transaction_begin(store, &transaction, err));
    const CollectionVersion *collection = version_find_collection(
        transaction_version(transaction), 1, slice_of(name));
    assert_non_null(collection);
    InsertTarget target = {
        collection, collection->collection->partitions[partition].id, mode};
    arena_init(&arena, 0);
    mql_status status = MQL_OK;
    for (uint32_t first = 0; first < count && status == MQL_OK;
         first += BATCH_ROWS) {
        uint32_t left = count - first;
        arena_reset(&arena);
        item_batch(&batch, items + first, left < BATCH_ROWS ? left : BATCH_ROWS,
                   collection->collection->fields[ITEM_ID].is_auto_id, &arena);
        status =
            transaction_insert(transaction, &target, &batch, &bad_row, err);
    }
    arena_free(&arena);
    if (status == MQL_OK)
        return transaction_commit(transaction, err);
    transaction_rollback(transaction);
    return status;
}

/* Delete by id; ids that are not there are passed over. */
static inline mql_status
items_delete(Store *store, const char *name, const int64_t *ids, uint32_t count,
             Error *err)
{
    Transaction *transaction;
    TRY(transaction_begin(store, &transaction, err));
    const Version *version = transaction_version(transaction);
    const CollectionVersion *collection =
        version_find_collection(version, 1, slice_of(name));
    for (uint32_t i = 0; i < count; i++) {
        const Segment *segment = NULL;
        uint32_t row = 0;
        if (!item_find(collection, ids[i], version->sequence, &segment, &row))
            continue;
        mql_status status =
            transaction_delete(transaction, collection, segment, &row, 1, err);
        if (status != MQL_OK) {
            transaction_rollback(transaction);
            return status;
        }
    }
    return transaction_commit(transaction, err);
}

static inline mql_status
items_flush(Store *store, Error *err)
{
    Transaction *transaction;
    TRY(transaction_begin(store, &transaction, err));
    mql_status status = transaction_flush(transaction, 0, NULL, err);
    if (status == MQL_OK)
        return transaction_commit(transaction, err);
    transaction_rollback(transaction);
    return status;
}

static inline mql_status
items_create(Store *store, const char *name, bool is_auto_id, Error *err)
{
    Transaction *transaction;
    TRY(transaction_begin(store, &transaction, err));
    Collection *collection = item_collection(transaction, name, is_auto_id);
    mql_status status =
        transaction_put_collection(transaction, collection, err);
    if (status == MQL_OK)
        return transaction_commit(transaction, err);
    transaction_rollback(transaction);
    return status;
}

/* An index of a collection of items, named as its kind; `field` counts from 1,
 * the key. */
static inline mql_status
items_create_index(Store *store, const char *name, const char *kind,
                   uint32_t field, Error *err)
{
    Transaction *transaction;
    TRY(transaction_begin(store, &transaction, err));
    IndexDefinition index = {
        .id = transaction_new_id(transaction),
        .name = (char *)(uintptr_t)kind,
        .field = field,
        .kind = index_kind_find(slice_of(kind)),
        .metric = METRIC_L2,
    };
    index_options_default(index.kind->build_options, &index.options);
    const CollectionVersion *found = version_find_collection(
        transaction_version(transaction), 1, slice_of(name));
    mql_status status = transaction_create_index(
        transaction, found->collection->id, &index, NULL, err);
    if (status == MQL_OK)
        return transaction_commit(transaction, err);
    transaction_rollback(transaction);
    return status;
}

#endif
