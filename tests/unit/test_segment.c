/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_segment.c - every type through growing segment, log and segment file;
 * keys of both kinds; definitions that change while rows stay; what is refused.
 */
#include "store_fixture.h"

#include "engine/collection/segment_internal.h"

/* ---- a collection with every type ---- */

enum {
    FIELD_KEY,
    FIELD_BOOL,
    FIELD_INT8,
    FIELD_INT16,
    FIELD_INT32,
    FIELD_INT64,
    FIELD_FLOAT,
    FIELD_DOUBLE,
    FIELD_TEXT,
    FIELD_TIME,
    FIELD_JSON,
    FIELD_NUMBERS, /* ARRAY<INT32> */
    FIELD_VECTOR,  /* may be NULL */
    FIELD_OTHER,   /* another vector */
    FIELDS
};

#define DIMENSION 3u

static const Type types[FIELDS] = {
    {.kind = TYPE_VARCHAR, .length = 40},
    {.kind = TYPE_BOOL},
    {.kind = TYPE_INT8},
    {.kind = TYPE_INT16},
    {.kind = TYPE_INT32},
    {.kind = TYPE_INT64},
    {.kind = TYPE_FLOAT},
    {.kind = TYPE_DOUBLE},
    {.kind = TYPE_VARCHAR, .length = 2000},
    {.kind = TYPE_TIMESTAMPTZ},
    {.kind = TYPE_JSON},
    {.kind = TYPE_ARRAY, .length = 9, .element = TYPE_INT32},
    {.kind = TYPE_FLOAT_VECTOR, .length = DIMENSION},
    {.kind = TYPE_FLOAT_VECTOR, .length = DIMENSION},
};

static Collection *
every_type(Transaction *transaction, bool is_auto_id)
{
    Collection *collection = NULL;
    OK(collection_create(&collection, err));
    Arena *arena = &collection->arena;
    collection->id = transaction_new_id(transaction);
    collection->database = 1;
    collection->name = catalog_copy_text(arena, slice_of("all"));
    collection->fields = arena_alloc_array(arena, FIELDS + 1, sizeof(Field));
    collection->field_count = FIELDS;
    for (uint32_t i = 0; i < FIELDS; i++) {
        Field *field = &collection->fields[i];
        char name[16];
        snprintf(name, sizeof name, "f%u", i);
        field->id = i + 1;
        field->name = catalog_copy_text(arena, slice_of(name));
        field->comment = catalog_copy_text(arena, slice_of(""));
        field->type = types[i];
        field->is_nullable = i != FIELD_KEY && i != FIELD_OTHER;
        field->default_value = VALUE_NULL;
    }
    collection->fields[FIELD_KEY].is_primary = true;
    collection->fields[FIELD_KEY].is_auto_id = is_auto_id;
    collection->fields[FIELD_KEY].is_partition_key = true;
    collection->has_partition_key = true;
    collection->next_field_id = FIELDS + 1;
    collection->partitions = arena_alloc_array(arena, 3, sizeof(Partition));
    collection->partition_count = 3;
    for (uint32_t i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "_default_%u", i);
        collection->partitions[i].id = transaction_new_id(transaction);
        collection->partitions[i].name =
            catalog_copy_text(arena, slice_of(name));
    }
    return collection;
}

/* ---- its rows ---- */

static bool
is_null(uint32_t row, uint32_t field)
{
    return field != FIELD_KEY && field != FIELD_OTHER && (row + field) % 7 == 0;
}

static void
key_text(uint32_t row, char key[40])
{
    /* shared beginnings, different lengths, not in order */
    snprintf(key, 40, "%.*s%u", (int)(row % 5), "kkkkk", row * 7919 % 100000);
}

static Slice
keep(Arena *arena, Buffer *buffer)
{
    Slice copy = {arena_alloc(arena, buffer->size + 1), buffer->size};
    assert_non_null(copy.data);
    if (buffer->size > 0)
        memcpy((char *)(uintptr_t)copy.data, buffer->data, buffer->size);
    buffer_free(buffer);
    return copy;
}

static Slice
json_of_row(uint32_t row, Arena *arena)
{
    char text[128];
    Buffer buffer = BUFFER_INIT;
    snprintf(text, sizeof text,
             "{\"n\":%u,\"list\":[1,null,\"x%u\"],\"deep\":{\"a\":true}}", row,
             row % 10);
    OK(json_parse(slice_of(text), &buffer, err));
    return keep(arena, &buffer);
}

static Slice
numbers_of_row(uint32_t row, Arena *arena)
{
    char text[128];
    Buffer buffer = BUFFER_INIT;
    snprintf(text, sizeof text, row % 4 == 0 ? "[]" : "[%u,-5,%u]", row,
             row % 4);
    OK(json_parse(slice_of(text), &buffer, err));
    return keep(arena, &buffer);
}

static Value
value_of(uint32_t row, uint32_t field, Arena *arena)
{
    int64_t sign = row % 2 == 0 ? 1 : -1;
    Value value = {.type = types[field]};
    char text[40];
    if (is_null(row, field)) {
        value.is_null = true;
        return value;
    }
    switch (field) {
    case FIELD_KEY:
        key_text(row, text);
        value.bytes =
            (Slice){catalog_copy_text(arena, slice_of(text)), strlen(text)};
        break;
    case FIELD_BOOL:
        value.boolean = row % 3 == 0;
        break;
    case FIELD_INT8:
        value.integer = row % 2 == 0 ? INT8_MAX : INT8_MIN;
        break;
    case FIELD_INT16:
        value.integer = sign * (int64_t)(row % 32768);
        break;
    case FIELD_INT32:
        value.integer =
            row % 2 == 0 ? INT32_MAX - (int64_t)row : INT32_MIN + (int64_t)row;
        break;
    case FIELD_INT64:
        value.integer = row % 2 == 0 ? INT64_MAX - row : INT64_MIN + row;
        break;
    case FIELD_FLOAT:
        value.real = (double)((float)row / 3.0f);
        break;
    case FIELD_DOUBLE:
        value.real = (double)row / 3.0;
        break;
    case FIELD_TEXT: {
        Buffer buffer = BUFFER_INIT;
        for (uint32_t i = 0; i < row % 50; i++)
            buffer_append_text(&buffer, "\xc3\xa4words");
        value.bytes = keep(arena, &buffer);
        break;
    }
    case FIELD_TIME:
        value.integer = INT64_C(1700000000000000) + sign * row;
        break;
    case FIELD_JSON:
        value.bytes = json_of_row(row, arena);
        break;
    case FIELD_NUMBERS:
        value.bytes = numbers_of_row(row, arena);
        break;
    default: {
        float *vector = arena_alloc(arena, DIMENSION * sizeof(float));
        for (uint32_t i = 0; i < DIMENSION; i++)
            vector[i] = (float)row + (float)(field * i) / 8;
        value.bytes = (Slice){(const char *)vector, DIMENSION * sizeof(float)};
        break;
    }
    }
    return value;
}

static void
make_batch(Batch *batch, uint32_t first, uint32_t count, Arena *arena)
{
    *batch = (Batch){count, FIELDS,
                     arena_alloc_array(arena, FIELDS, sizeof(Column))};
    for (uint32_t field = 0; field < FIELDS; field++) {
        ColumnBuilder builder;
        OK(column_builder_init(&builder, types[field], count, arena, err));
        for (uint32_t i = 0; i < count; i++) {
            Value value = value_of(first + i, field, arena);
            column_builder_set(&builder, i, &value);
        }
        batch->columns[field] = column_builder_finish(&builder);
    }
}

static void
check_value(const Column *column, uint32_t at, uint32_t row, uint32_t field,
            Arena *arena)
{
    Value wanted = value_of(row, field, arena);
    Value value = column_value(column, at);
    assert_int_equal(value.is_null, wanted.is_null);
    if (wanted.is_null)
        return;
    switch (type_physical(types[field].kind)) {
    case PHYSICAL_BOOL:
        assert_int_equal(value.boolean, wanted.boolean);
        return;
    case PHYSICAL_INT:
        assert_true(value.integer == wanted.integer);
        return;
    case PHYSICAL_REAL:
        assert_true(value.real == wanted.real);
        return;
    default:
        assert_true(slice_equal(value.bytes, wanted.bytes));
        return;
    }
}

/* ---- reading every row in every way ---- */

#define ROWS 3000u

typedef struct Fixture {
    char *root;
    char *path;
    Store *store;
} Fixture;

static void
open_store(Fixture *fixture)
{
    StoreLimits limits = STORE_LIMITS_USUAL;
    limits.chunk_bytes = 20000;
    StoreOptions options = {.threads = 2, .limits = &limits};
    OK(store_open(fixture->path, &options, &fixture->store, err));
}

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    fixture->root = temporary_directory();
    fixture->path = path_in(fixture->root, "db");
    open_store(fixture);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    OK(store_check(fixture->store, err));
    store_close(fixture->store);
    remove_tree(fixture->root);
    free(fixture->path);
    free(fixture->root);
    free(fixture);
    return 0;
}

static const CollectionVersion *
all_of(const Version *version)
{
    return version_find_collection(version, 1, slice_of("all"));
}

static void
create_all(Store *store, bool is_auto_id)
{
    Transaction *transaction = NULL;
    OK(transaction_begin(store, &transaction, err));
    OK(transaction_put_collection(transaction,
                                  every_type(transaction, is_auto_id), err));
    OK(transaction_commit(transaction, err));
}

static mql_status
put_rows(Store *store, uint32_t first, uint32_t count, Error *err)
{
    Transaction *transaction = NULL;
    Arena arena;
    mql_status status = MQL_OK;
    arena_init(&arena, 0);
    TRY(transaction_begin(store, &transaction, err));
    InsertTarget target = {all_of(transaction_version(transaction)), 0,
                           INSERT_NEW};
    for (uint32_t at = 0; at < count && status == MQL_OK; at += 1000) {
        Batch batch;
        uint32_t bad_row;
        uint32_t left = count - at;
        arena_reset(&arena);
        make_batch(&batch, first + at, left < 1000 ? left : 1000, &arena);
        status =
            transaction_insert(transaction, &target, &batch, &bad_row, err);
    }
    arena_free(&arena);
    if (status == MQL_OK)
        return transaction_commit(transaction, err);
    transaction_rollback(transaction);
    return status;
}

/* Which row of the fixture has a key: by trying all. */
static uint32_t
row_of_key(Slice key)
{
    for (uint32_t row = 0; row < ROWS + 100; row++) {
        char text[40];
        key_text(row, text);
        if (slice_equal(slice_of(text), key))
            return row;
    }
    fail_msg("a key that nobody put");
    return 0;
}

static void
check_range(const Segment *segment, const Collection *definition,
            RowRange range, const uint32_t *numbers)
{
    Arena arena;
    arena_init(&arena, 0);
    for (uint32_t field = 0; field < FIELDS; field++) {
        Column column;
        OK(segment_read(segment, &definition->fields[field], range, &arena,
                        &column, err));
        for (uint32_t i = 0; i < range.count; i++) {
            uint32_t at = range.rows != NULL ? range.rows[i] : range.first + i;
            check_value(&column, i, numbers[at], field, &arena);
        }
    }
    arena_free(&arena);
}

/* In order, backwards, with gaps, and one by one. */
static uint32_t
check_segment(const Segment *segment, const Collection *definition,
              uint64_t sequence)
{
    uint32_t rows = segment_row_count(segment, sequence);
    uint32_t *numbers = calloc(rows + 1, sizeof *numbers);
    uint32_t *positions = calloc(rows + 1, sizeof *positions);
    Arena arena;
    arena_init(&arena, 0);
    for (uint32_t first = 0; first < rows; first += BATCH_ROWS) {
        Column keys;
        uint32_t left = rows - first;
        uint32_t count = left < BATCH_ROWS ? left : BATCH_ROWS;
        OK(segment_read(segment, &definition->fields[FIELD_KEY],
                        (RowRange){NULL, first, count}, &arena, &keys, err));
        for (uint32_t i = 0; i < count; i++)
            numbers[first + i] = row_of_key(keys.bytes[i]);
    }
    arena_free(&arena);
    uint32_t most = rows < BATCH_ROWS ? rows : BATCH_ROWS;
    check_range(segment, definition, (RowRange){NULL, rows - most, most},
                numbers);
    for (uint32_t i = 0; i < most; i++)
        positions[i] = rows - 1 - i;
    check_range(segment, definition, (RowRange){positions, 0, most}, numbers);
    uint32_t count = 0;
    for (uint32_t row = 0; row < rows && count < most; row += 1 + row % 5)
        positions[count++] = row;
    check_range(segment, definition, (RowRange){positions, 0, count}, numbers);
    check_range(segment, definition, (RowRange){NULL, rows / 2, 1}, numbers);
    check_range(segment, definition, (RowRange){NULL, 0, 0}, numbers);
    free(numbers);
    free(positions);
    return rows;
}

static void
check_all(Store *store, uint32_t wanted)
{
    const Version *version = store_version(store);
    const CollectionVersion *collection = all_of(version);
    uint32_t count = 0;
    for (uint32_t i = 0; i < collection->segment_count; i++)
        count += check_segment(collection->segments[i], collection->collection,
                               version->sequence);
    assert_int_equal(count, wanted);
    for (uint32_t row = 0; row < wanted; row += 17) {
        char text[40];
        key_text(row, text);
        Value key = value_text(slice_of(text));
        uint32_t found = 0;
        for (uint32_t i = 0; i < collection->segment_count; i++) {
            bool is_there;
            uint32_t at;
            OK(segment_find_key(collection->segments[i], &key,
                                version->sequence, &is_there, &at, err));
            found += is_there ? 1 : 0;
        }
        assert_int_equal(found, 1);
    }
    version_release(version);
}

static void
flush_all(Store *store)
{
    OK(items_flush(store, err));
}

static void
reopen(Fixture *fixture)
{
    store_close(fixture->store);
    open_store(fixture);
}

static void
test_every_type(void **state)
{
    Fixture *fixture = *state;
    create_all(fixture->store, false);
    OK(put_rows(fixture->store, 0, ROWS - 500, err));
    OK(put_rows(fixture->store, ROWS - 500, 500, err));
    check_all(fixture->store, ROWS);
    reopen(fixture);
    check_all(fixture->store, ROWS);
    flush_all(fixture->store);
    check_all(fixture->store, ROWS);
    reopen(fixture);
    check_all(fixture->store, ROWS);
    OK(put_rows(fixture->store, ROWS, 10, err));
    check_all(fixture->store, ROWS + 10);
    FAILS("23505", put_rows(fixture->store, 77, 1, err));
    FAILS("23505", put_rows(fixture->store, ROWS + 9, 2, err));
}

/* A key's partition follows from its hash alone. */
static void
test_partition_key(void **state)
{
    Fixture *fixture = *state;
    create_all(fixture->store, false);
    OK(put_rows(fixture->store, 0, 600, err));
    const Version *version = store_version(fixture->store);
    const CollectionVersion *collection = all_of(version);
    assert_int_equal(collection->segment_count, 3);
    for (uint32_t row = 0; row < 600; row++) {
        char text[40];
        key_text(row, text);
        Value key = value_text(slice_of(text));
        RowKey hashed = row_key_of(&key);
        uint64_t partition =
            collection->collection->partitions[hashed.hash % 3].id;
        for (uint32_t i = 0; i < 3; i++) {
            bool found;
            uint32_t at;
            const Segment *segment = collection->segments[i];
            OK(segment_find_key(segment, &key, version->sequence, &found, &at,
                                err));
            assert_int_equal(found, segment_partition(segment) == partition);
        }
    }
    /* Part of the file format: they must never change. */
    Value one = value_int64(1);
    Value minus_five = value_int64(-5);
    Value text = value_text(slice_of("key"));
    assert_true(row_key_of(&one).hash == UINT64_C(0x787b32d0aec57253));
    assert_true(row_key_of(&minus_five).hash == UINT64_C(0x766f3e56e43ed2df));
    assert_true(row_key_of(&text).hash == UINT64_C(0x36382191557df715));
    version_release(version);
}

static void
test_generated_text_keys(void **state)
{
    Fixture *fixture = *state;
    create_all(fixture->store, true);
    Transaction *transaction = NULL;
    Arena arena;
    Batch batch;
    uint32_t bad_row;
    uint8_t valid[3] = {0, 1, 0};
    arena_init(&arena, 0);
    make_batch(&batch, 0, 3, &arena);
    batch.columns[FIELD_KEY].valid = valid;
    OK(transaction_begin(fixture->store, &transaction, err));
    InsertTarget target = {all_of(transaction_version(transaction)), 0,
                           INSERT_NEW};
    OK(transaction_insert(transaction, &target, &batch, &bad_row, err));
    OK(transaction_commit(transaction, err));
    const Version *version = store_version(fixture->store);
    const CollectionVersion *collection = all_of(version);
    const char *const keys[] = {"1", "2", "3"};
    uint32_t found = 0;
    for (uint32_t k = 0; k < 3; k++)
        for (uint32_t i = 0; i < collection->segment_count; i++) {
            Value key = value_text(slice_of(keys[k]));
            bool is_there;
            uint32_t row;
            OK(segment_find_key(collection->segments[i], &key,
                                version->sequence, &is_there, &row, err));
            found += is_there ? 1 : 0;
        }
    assert_int_equal(found, 2);
    version_release(version);
    arena_free(&arena);
}

static void
test_null_is_refused(void **state)
{
    Fixture *fixture = *state;
    create_all(fixture->store, false);
    Transaction *transaction = NULL;
    Arena arena;
    Batch batch;
    uint32_t bad_row = 0;
    uint8_t valid[3] = {1, 1, 0};
    arena_init(&arena, 0);
    make_batch(&batch, 0, 3, &arena);
    batch.columns[FIELD_OTHER].valid = valid;
    OK(transaction_begin(fixture->store, &transaction, err));
    InsertTarget target = {all_of(transaction_version(transaction)), 0,
                           INSERT_NEW};
    FAILS("23502",
          transaction_insert(transaction, &target, &batch, &bad_row, err));
    assert_int_equal(bad_row, 2);
    FAILS("MQ001", transaction_commit(transaction, err));
    arena_free(&arena);
}

/* ---- definitions that change ---- */

static void
add_field(Store *store)
{
    Transaction *transaction = NULL;
    Collection *copy = NULL;
    OK(transaction_begin(store, &transaction, err));
    OK(collection_copy(all_of(transaction_version(transaction))->collection,
                       &copy, err));
    Field *fields = arena_alloc_array(&copy->arena, FIELDS + 1, sizeof(Field));
    memcpy(fields, copy->fields, FIELDS * sizeof *fields);
    fields[FIELDS] = (Field){
        .id = copy->next_field_id++,
        .name = catalog_copy_text(&copy->arena, slice_of("added")),
        .comment = catalog_copy_text(&copy->arena, slice_of("")),
        .type = type_of(TYPE_INT32),
        .is_nullable = true,
        .has_default = true,
        .default_value = value_int64(43),
        .has_missing = true,
        .missing_value = value_int64(42),
    };
    copy->fields = fields;
    copy->field_count = FIELDS + 1;
    OK(transaction_put_collection(transaction, copy, err));
    OK(transaction_commit(transaction, err));
}

static void
check_added(Store *store, uint32_t wanted)
{
    const Version *version = store_version(store);
    const CollectionVersion *collection = all_of(version);
    const Field *field = &collection->collection->fields[FIELDS];
    uint32_t count = 0;
    Arena arena;
    arena_init(&arena, 0);
    for (uint32_t i = 0; i < collection->segment_count; i++) {
        const Segment *segment = collection->segments[i];
        uint32_t rows = segment_row_count(segment, version->sequence);
        Column column;
        OK(segment_read(segment, field, (RowRange){NULL, 0, rows}, &arena,
                        &column, err));
        for (uint32_t row = 0; row < rows; row++)
            assert_int_equal(column_value(&column, row).integer, 42);
        count += rows;
    }
    arena_free(&arena);
    version_release(version);
    assert_int_equal(count, wanted);
}

static void
test_field_that_came_later(void **state)
{
    Fixture *fixture = *state;
    create_all(fixture->store, false);
    OK(put_rows(fixture->store, 0, 200, err));
    flush_all(fixture->store);
    OK(put_rows(fixture->store, 200, 100, err));
    add_field(fixture->store);
    check_added(fixture->store, 300);
    check_all(fixture->store, 300);
    reopen(fixture);
    check_added(fixture->store, 300);
    check_all(fixture->store, 300);
}

/* ---- indexes on every scalar type ---- */

static uint32_t
count_of(const Index *index, uint32_t row_count,
         const ScalarPredicate *predicate)
{
    RowSet rows = row_set_empty(row_count);
    OK(index->kind->lookup(index, predicate, &rows, err));
    uint32_t count = row_set_count(&rows);
    row_set_free(&rows);
    return count;
}

static void
create_index(Store *store, uint32_t field, const char *kind)
{
    Transaction *transaction = NULL;
    OK(transaction_begin(store, &transaction, err));
    char name[16];
    snprintf(name, sizeof name, "i%u", field);
    IndexDefinition index = {.id = transaction_new_id(transaction),
                             .name = name,
                             .field = field + 1,
                             .kind = index_kind_find(slice_of(kind)),
                             .metric = METRIC_L2};
    index_options_default(index.kind->build_options, &index.options);
    OK(transaction_create_index(
        transaction, all_of(transaction_version(transaction))->collection->id,
        &index, NULL, err));
    OK(transaction_commit(transaction, err));
}

/* The row's own key, or the array's "-5". */
static Key
key_of(uint32_t row, uint32_t field, Arena *arena)
{
    Value value = value_of(row, field, arena);
    Key key = {0};
    if (field == FIELD_NUMBERS)
        key.integer = -5;
    else if (field == FIELD_BOOL)
        key.integer = value.boolean;
    else if (type_physical(types[field].kind) == PHYSICAL_REAL)
        key.real = value.real;
    else if (type_physical(types[field].kind) == PHYSICAL_BYTES)
        key.bytes = value.bytes;
    else
        key.integer = value.integer;
    return key;
}

static void
check_index(Store *store, uint32_t field, uint32_t rows)
{
    const Version *version = store_version(store);
    const CollectionVersion *collection = all_of(version);
    const Collection *definition = collection->collection;
    uint64_t id = definition->indexes[definition->index_count - 1].id;
    Arena arena;
    arena_init(&arena, 0);
    uint32_t with_value = 0;
    uint32_t not_null = 0;
    uint32_t row = 1; /* one that is not NULL */
    while (is_null(row, field))
        row++;
    for (uint32_t i = 0; i < rows; i++)
        with_value += is_null(i, field) ? 0 : 1;
    Key key = key_of(row, field, &arena);
    ScalarPredicate has_value = {.kind = PREDICATE_NOT_NULL};
    ScalarPredicate is_key = {
        .kind = PREDICATE_IN, .list = &key, .list_count = 1};
    uint32_t found = 0;
    for (uint32_t i = 0; i < collection->segment_count; i++) {
        const Segment *segment = collection->segments[i];
        const Index *index = segment_index(segment, id);
        uint32_t row_count = segment_row_count(segment, UINT64_MAX);
        assert_non_null(index);
        not_null += count_of(index, row_count, &has_value);
        found += count_of(index, row_count, &is_key);
    }
    assert_int_equal(not_null, with_value);
    assert_true(found >= 1);
    if (field == FIELD_NUMBERS) {
        uint32_t wanted = 0;
        for (uint32_t i = 0; i < rows; i++)
            wanted += !is_null(i, field) && i % 4 != 0 ? 1 : 0;
        assert_int_equal(found, wanted);
    }
    arena_free(&arena);
    version_release(version);
}

static void
test_indexes_on_scalars(void **state)
{
    Fixture *fixture = *state;
    create_all(fixture->store, false);
    OK(put_rows(fixture->store, 0, 400, err));
    for (uint32_t field = 0; field < FIELD_VECTOR; field++) {
        if (field == FIELD_JSON)
            continue;
        create_index(fixture->store, field, "INVERTED");
        check_index(fixture->store, field, 400);
    }
    create_index(fixture->store, FIELD_VECTOR, "HNSW");
    create_index(fixture->store, FIELD_OTHER, "FLAT");
    OK(put_rows(fixture->store, 400, 50, err));
    flush_all(fixture->store);
    reopen(fixture);
    const Version *version = store_version(fixture->store);
    const CollectionVersion *collection = all_of(version);
    for (uint32_t i = 0; i < collection->segment_count; i++)
        for (uint32_t k = 0; k < collection->collection->index_count; k++)
            assert_non_null(
                segment_index(collection->segments[i],
                              collection->collection->indexes[k].id));
    version_release(version);
    check_all(fixture->store, 450);
}

/* ---- the filter and the key index alone ---- */

static void
test_filter(void **state)
{
    (void)state;
    uint32_t blocks = bloom_blocks(5000);
    char *filter = calloc(blocks, BLOOM_BLOCK_SIZE);
    uint32_t wrong = 0;
    for (int64_t i = 0; i < 5000; i++) {
        Value value = value_int64(i * 3);
        uint64_t hash = row_key_of(&value).hash;
        bloom_block_add(filter + bloom_offset(hash, blocks), hash);
    }
    for (int64_t i = 0; i < 15000; i++) {
        Value value = value_int64(i);
        uint64_t hash = row_key_of(&value).hash;
        bool has = bloom_block_has(filter + bloom_offset(hash, blocks), hash);
        if (i % 3 == 0)
            assert_true(has);
        else
            wrong += has ? 1 : 0;
    }
    assert_true(wrong < 10000 / 50);
    free(filter);
}

/* Pending rows are not seen and leave nothing when they are rolled back. */
static void
test_pending_rows(void **state)
{
    Fixture *fixture = *state;
    Transaction *transaction = NULL;
    OK(transaction_begin(fixture->store, &transaction, err));
    Collection *definition = every_type(transaction, false);
    transaction_rollback(transaction);
    GrowingSegment *segment = NULL;
    Arena arena;
    Batch batch;
    OK(growing_create(7, definition, 1, 10000, &segment, err));
    arena_init(&arena, 0);
    for (uint32_t round = 0; round < 6; round++) {
        make_batch(&batch, 0, 300, &arena);
        OK(growing_append(segment, &batch, NULL, 300, 5, err));
        OK(growing_reserve_keys(segment, err));
        assert_int_equal(segment_row_count(&segment->base, 100), 0);
        growing_rollback(segment);
        assert_int_equal(segment->memory, 0);
        assert_null(segment->bytes);
    }
    make_batch(&batch, 0, 300, &arena);
    OK(growing_append(segment, &batch, NULL, 300, 5, err));
    OK(growing_reserve_keys(segment, err));
    growing_publish(segment, 300);
    assert_int_equal(segment_row_count(&segment->base, 4), 0);
    assert_int_equal(segment_row_count(&segment->base, 5), 300);
    OK(growing_append(segment, &batch, NULL, 300, 6, err));
    growing_rollback(segment);
    assert_int_equal(check_segment(&segment->base, definition, 9), 300);
    OK(segment_check(&segment->base, definition, err));
    segment_release(&segment->base);
    collection_release(definition);
    arena_free(&arena);
}

/* Of several rows with one key each number sees its own. */
static void
test_key_through_time(void **state)
{
    Fixture *fixture = *state;
    Transaction *transaction = NULL;
    OK(transaction_begin(fixture->store, &transaction, err));
    Collection *definition = every_type(transaction, false);
    transaction_rollback(transaction);
    GrowingSegment *segment = NULL;
    Arena arena;
    Batch batch;
    OK(growing_create(7, definition, 1, 10000, &segment, err));
    arena_init(&arena, 0);
    make_batch(&batch, 3, 1, &arena);
    for (uint64_t sequence = 10; sequence < 60; sequence += 10) {
        OK(growing_append(segment, &batch, NULL, 1, sequence, err));
        OK(growing_reserve_keys(segment, err));
        if (sequence > 10)
            growing_delete(segment, (uint32_t)(sequence / 10) - 2, sequence);
        growing_publish(segment, 1);
    }
    RowKey key = growing_key(segment, 0);
    for (uint64_t sequence = 0; sequence < 70; sequence++) {
        uint32_t wanted = sequence < 10   ? ROW_NONE
                          : sequence < 50 ? (uint32_t)(sequence / 10) - 1
                                          : 4;
        assert_int_equal(growing_find_key(segment, &key, sequence), wanted);
        uint64_t bits[1];
        uint32_t rows = segment_row_count(&segment->base, sequence);
        assert_int_equal(segment_visible(&segment->base, sequence, rows, bits),
                         sequence < 10 ? 0 : 1);
    }
    segment_release(&segment->base);
    collection_release(definition);
    arena_free(&arena);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_every_type),
        TEST(test_partition_key),
        TEST(test_generated_text_keys),
        TEST(test_null_is_refused),
        TEST(test_field_that_came_later),
        TEST(test_indexes_on_scalars),
        cmocka_unit_test(test_filter),
        TEST(test_pending_rows),
        TEST(test_key_through_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
