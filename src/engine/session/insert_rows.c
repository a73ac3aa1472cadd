/* SPDX-License-Identifier: Apache-2.0 */
/* insert_rows.c - the rows of an INSERT or UPSERT, a batch at a time. */
#include <inttypes.h>

#include "engine/session/insert.h"
#include "engine/session/kinds.h"
#include "engine/session/upsert.h"

/* ---- the columns given ---- */

static mql_status
blame_row(const InsertRun *run, uint32_t row, Error *err)
{
    return change_blame(err, "Row %" PRIu64 ".", run->first + row + 1);
}

/* One value of a row of VALUES; dynamic ones as JSON. */
static mql_status
one_value(InsertRun *run, const Place *place, const Expr *expr, Value *value,
          Error *err)
{
    const Collection *collection = run->insert->collection;
    ExprRun *expr_run = &run->prepared->execution.run;
    *value = (Value){.type = type_of(TYPE_JSON), .is_null = true};
    if (expr == NULL)
        return place->field < 0
                   ? MQL_OK
                   : missing_value(collection,
                                   &collection->fields[place->field], value,
                                   err);
    TRY(expr_value(expr, expr_run, &run->arena, value, err));
    if (place->field >= 0)
        return MQL_OK;
    return change_json_value(value, &run->arena, err);
}

static mql_status
values_column(InsertRun *run, uint32_t place, uint32_t count, Column *column,
              Error *err)
{
    const Insert *insert = run->insert;
    int32_t field = insert->places[place].field;
    Type type =
        field < 0 ? type_of(TYPE_JSON) : insert->collection->fields[field].type;
    const Expr **values = insert->values + run->first * insert->place_count;
    ColumnBuilder builder;
    TRY(column_builder_init(&builder, type, count, &run->arena, err));
    for (uint32_t row = 0; row < count; row++) {
        Value value;
        const Expr *expr = values[(size_t)row * insert->place_count + place];
        if (one_value(run, &insert->places[place], expr, &value, err) != MQL_OK)
            return blame_row(run, row, err);
        column_builder_set(&builder, row, &value);
    }
    *column = column_builder_finish(&builder);
    return MQL_OK;
}

static mql_status
next_values(InsertRun *run, Column *given, uint32_t *count, Error *err)
{
    uint64_t left = run->insert->row_count - run->first;
    *count = left < BATCH_ROWS ? (uint32_t)left : BATCH_ROWS;
    for (uint32_t i = 0; *count > 0 && i < run->insert->place_count; i++)
        TRY(values_column(run, i, *count, &given[i], err));
    return MQL_OK;
}

static mql_status
query_column(InsertRun *run, uint32_t place, const Batch *batch, Column *column,
             Error *err)
{
    const Insert *insert = run->insert;
    const Expr *value = insert->values[place];
    ExprRun *expr_run = &run->prepared->execution.run;
    mql_status status =
        expr_eval(value, expr_run, batch, &run->arena, column, err);
    uint32_t row;
    if (status == MQL_OK)
        return insert->places[place].field >= 0
                   ? MQL_OK
                   : change_to_json(column, batch->count, &run->arena, column,
                                    err);
    if (err->status != MQL_INVALID)
        return status;
    change_blame_field(err, insert->collection, &insert->places[place]);
    if (change_find_row(value, expr_run, batch, &run->arena, &row) == MQL_OK)
        blame_row(run, row, err);
    return status;
}

static mql_status
next_query(InsertRun *run, Column *given, uint32_t *count, Error *err)
{
    Batch batch;
    TRY(operator_next(run->operator, & batch, err));
    *count = batch.count;
    for (uint32_t i = 0; batch.count > 0 && i < run->insert->place_count; i++)
        TRY(query_column(run, i, &batch, &given[i], err));
    return MQL_OK;
}

/* ---- whole rows ---- */

/* What a row that is there, or else its default, has in the fields left out. */
static mql_status
old_columns(InsertRun *run, const Column *keys, const bool *is_given,
            Batch *rows, Error *err)
{
    const Collection *collection = run->insert->collection;
    ColumnBuilder builders[FIELDS_MOST + 1];
    for (uint32_t f = 0; f < collection->field_count; f++)
        TRY(column_builder_init(&builders[f], collection->fields[f].type,
                                rows->count, &run->arena, err));
    for (uint32_t row = 0; row < rows->count; row++) {
        Value key = column_value(keys, row);
        OldRow old;
        TRY(upsert_find(run->prepared, collection, &key, &old, err));
        for (uint32_t f = 0; f < collection->field_count; f++) {
            if (is_given[f])
                continue;
            const Field *field = &collection->fields[f];
            Value value;
            mql_status status =
                old.segment != NULL
                    ? upsert_old_value(&old, field, &run->arena, &value, err)
                    : missing_value(collection, field, &value, err);
            if (status != MQL_OK)
                return blame_row(run, row, err);
            column_builder_set(&builders[f], row, &value);
        }
    }
    for (uint32_t f = 0; f < collection->field_count; f++)
        rows->columns[f] = column_builder_finish(&builders[f]);
    return MQL_OK;
}

static mql_status
default_columns(InsertRun *run, const bool *is_given, Batch *rows, Error *err)
{
    const Collection *collection = run->insert->collection;
    for (uint32_t f = 0; f < collection->field_count; f++) {
        Value value;
        if (is_given[f])
            continue;
        if (missing_value(collection, &collection->fields[f], &value, err) !=
            MQL_OK)
            return blame_row(run, 0, err);
        TRY(column_constant(&rows->columns[f], &value, rows->count, &run->arena,
                            err));
    }
    return MQL_OK;
}

static mql_status
whole_rows(InsertRun *run, const Column *given, uint32_t count, Batch *rows,
           Error *err)
{
    const Insert *insert = run->insert;
    uint32_t field_count = insert->collection->field_count;
    bool is_given[FIELDS_MOST + 1] = {false};
    const Column *keys = NULL;
    *rows = (Batch){count, field_count, NULL};
    rows->columns =
        arena_alloc_array(&run->arena, field_count + 1, sizeof *rows->columns);
    if (rows->columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < insert->place_count; i++) {
        int32_t field = insert->places[i].field;
        if (field >= 0)
            is_given[field] = true;
        if (field == (int32_t)insert->collection->primary)
            keys = &given[i];
    }
    TRY(insert->keeps_old && keys != NULL
            ? old_columns(run, keys, is_given, rows, err)
            : default_columns(run, is_given, rows, err));
    return change_merge(insert->places, given, insert->place_count, rows,
                        &run->arena, err);
}

/* ---- keys of the statement ---- */

uint64_t
insert_key_state(const InsertRun *run, const Column *keys, uint32_t row)
{
    const uint64_t *state =
        keys->type.kind == TYPE_VARCHAR
            ? map_find_bytes(&run->keys, keys->bytes[row])
            : map_find_u64(&run->keys, (uint64_t)keys->ints[row]);
    return state != NULL ? *state : 0;
}

static mql_status
no_room(const Prepared *prepared, Error *err)
{
    Buffer limit = BUFFER_INIT;
    setting_print(prepared->session, SETTING_WORK_MEM, &limit);
    error_set(err, ERR_OUT_OF_MEMORY,
              "the keys of the statement's rows need more memory than work_mem "
              "(%s)",
              buffer_text(&limit));
    buffer_free(&limit);
    return error_hint(err, "Nothing was changed. SET work_mem to more, or "
                           "write fewer rows at a time.");
}

/* With one key more; while the map grows, the old one is there too. */
static bool
keys_fit(const InsertRun *run, Slice text)
{
    const Map *map = &run->keys;
    size_t limit = run->prepared->exec_arena.limit;
    size_t entries = map->capacity;
    if (map->filled + 1 > map->capacity / 8 * 7)
        entries += map->capacity * 2;
    return limit == 0 ||
           entries * sizeof *map->entries + text.size + run->key_arena.used <=
               limit;
}

mql_status
insert_note_key(InsertRun *run, const Column *keys, uint32_t row,
                uint64_t state, Error *err)
{
    bool is_put;
    bool is_text = keys->type.kind == TYPE_VARCHAR;
    if (!keys_fit(run, is_text ? keys->bytes[row] : (Slice){NULL, 0}))
        return no_room(run->prepared, err);
    if (is_text) {
        Slice text = arena_copy_slice(&run->key_arena, keys->bytes[row]);
        is_put = text.data != NULL && map_put_bytes(&run->keys, text, state);
    } else {
        is_put = map_put_u64(&run->keys, (uint64_t)keys->ints[row], state);
    }
    return is_put ? MQL_OK : error_no_memory(err);
}

/* UPSERT of one key twice in a statement would make the order of its rows
 * matter: refused, as Milvus and PostgreSQL do. */
static mql_status
check_doubles(InsertRun *run, const Column *keys, uint32_t count, Error *err)
{
    for (uint32_t row = 0; row < count; row++) {
        if (insert_key_state(run, keys, row) != 0) {
            error_set(err, ERR_CARDINALITY,
                      "UPSERT cannot change row a second time");
            return error_detail(
                err, "Row %" PRIu64 " has the key of an earlier one.",
                run->first + row + 1);
        }
        TRY(insert_note_key(run, keys, row, 1, err));
    }
    return MQL_OK;
}

/* ---- writing ---- */

static mql_status
write_rows(InsertRun *run, Batch *rows, Error *err)
{
    uint32_t bad_row = 0;
    if (transaction_insert(run->transaction, &run->target, rows, &bad_row,
                           err) != MQL_OK)
        return error_detail(err, "Row %" PRIu64 ".", run->first + bad_row + 1);
    Column *keys = &rows->columns[run->insert->collection->primary];
    *keys = *transaction_keys(run->transaction);
    if (run->target.mode == INSERT_REPLACE)
        TRY(check_doubles(run, keys, rows->count, err));
    run->prepared->changes += rows->count;
    return returning_add(run->prepared, run->insert->returning, rows, err);
}

mql_status
insert_all(InsertRun *run, Error *err)
{
    const Insert *insert = run->insert;
    Execution *execution = &run->prepared->execution;
    if (insert->query != NULL)
        TRY(operator_open(insert->query, execution, &run->operator, err));
    for (;;) {
        uint32_t count;
        Batch rows;
        arena_reset(&run->arena);
        Column *given = arena_alloc_array(
            &run->arena, insert->place_count + (size_t)1, sizeof *given);
        if (given == NULL)
            return error_no_memory(err);
        TRY(execution_poll(execution, err));
        TRY(insert->query != NULL ? next_query(run, given, &count, err)
                                  : next_values(run, given, &count, err));
        if (count == 0)
            return MQL_OK;
        TRY(whole_rows(run, given, count, &rows, err));
        TRY(insert->conflict != NULL ? conflict_write(run, &rows, err)
                                     : write_rows(run, &rows, err));
        run->first += count;
    }
}
