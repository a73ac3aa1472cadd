/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conflict.c - INSERT ... ON CONFLICT DO NOTHING | DO UPDATE.
 *
 * A row whose key is there already, in the snapshot or among the rows that the
 * statement wrote before, is left out, or changes the row that is there. As in
 * PostgreSQL no row is changed twice by one statement: what it would become
 * would depend on the order of the rows. Proposed rows go through in runs in
 * which that order does not matter but for what the keys tell: see run_end().
 */
#include <inttypes.h>

#include "engine/session/insert.h"
#include "engine/session/upsert.h"

/* What the statement did with a key. */
enum {
    KEY_NEW = 0,     /* nothing */
    KEY_WRITTEN = 1, /* wrote a row of that key */
    KEY_LEFT = 2,    /* gave the row that had it another key */
};

/* ---- analysis ---- */

static mql_status
check_target(const Collection *collection, const Node *clause, Error *err)
{
    for (const Node *name = clause->first; name != NULL; name = name->next) {
        Place place;
        if (name->kind != NODE_NAME)
            continue;
        TRY(change_find_place(collection, name, &place, err));
        if (place.field == (int32_t)collection->primary)
            continue;
        error_at(err, ERR_INVALID_COLUMN_REFERENCE, name->position,
                 "there is no unique or exclusion constraint matching the ON "
                 "CONFLICT specification");
        return error_hint(
            err, "The primary key of collection \"%s\" is \"%s\".",
            collection->name, collection->fields[collection->primary].name);
    }
    return MQL_OK;
}

/* The row that is there under the collection's name, the proposed one under
 * EXCLUDED. */
static mql_status
make_scope(Prepared *prepared, const Collection *collection,
           const Scope **conflict_scope, Error *err)
{
    uint32_t count = collection->field_count;
    int32_t dynamic = change_dynamic_field(collection);
    ScopeColumn *proposed =
        arena_alloc_array(&prepared->plan_arena, count + 1, sizeof *proposed);
    if (proposed == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        proposed[i] = (ScopeColumn){slice_of(collection->fields[i].name),
                                    collection->fields[i].type};
    Scope *scope;
    TRY(planner_scope(&prepared->planner, collection, proposed, count, &scope,
                      err));
    scope->qualifier = node_child(prepared->statement.root, NODE_NAME)->text;
    scope->column_count = count;
    scope->second_qualifier = SLICE_LITERAL("excluded");
    scope->second_count = count;
    scope->second_dynamic = dynamic < 0 ? -1 : (int32_t)count + dynamic;
    *conflict_scope = scope;
    return MQL_OK;
}

mql_status
conflict_prepare(Prepared *prepared, const Collection *collection,
                 const Node *clause, const Conflict **conflict, Error *err)
{
    Conflict *made = arena_new(&prepared->plan_arena, Conflict);
    if (made == NULL)
        return error_no_memory(err);
    *conflict = made;
    TRY(check_target(collection, clause, err));
    const Node *update = node_child(clause, NODE_DO_UPDATE);
    made->updates = update != NULL;
    if (update == NULL)
        return MQL_OK;
    TRY(make_scope(prepared, collection, &made->scope, err));
    TRY(assignments_prepare(prepared, update, collection, made->scope,
                            &made->assignments, err));
    const Node *where = node_child(update, NODE_WHERE);
    Expr *condition = NULL;
    if (where != NULL)
        TRY(expr_analyse_condition(where->first, made->scope, "WHERE",
                                   &prepared->plan_arena, &condition, err));
    made->where = condition;
    return MQL_OK;
}

/* ---- rows that are there ---- */

/* A proposed row, and the row of its key in the snapshot. */
typedef struct Meeting {
    uint32_t proposed;
    OldRow old;
} Meeting;

/* A run of proposed rows: what becomes of them. */
typedef struct Sorted {
    const Batch *proposed;
    bool *is_new; /* per proposed row: goes in */
    Meeting *met; /* in the order of the rows */
    uint32_t met_count;
    Batch changed; /* of those met that change: the new rows */
} Sorted;

static const Column *
key_column(const InsertRun *run, const Batch *rows)
{
    return &rows->columns[run->insert->collection->primary];
}

static mql_status
sort_row(InsertRun *run, Sorted *sorted, uint32_t row, Error *err)
{
    const Column *keys = key_column(run, sorted->proposed);
    bool updates = run->insert->conflict->updates;
    sorted->is_new[row] = true;
    if (column_is_null(keys, row))
        return MQL_OK; /* will be generated */
    uint64_t state = insert_key_state(run, keys, row);
    OldRow old = {.segment = NULL};
    Value key = column_value(keys, row);
    if (state == KEY_NEW)
        TRY(upsert_find(run->prepared, run->insert->collection, &key, &old,
                        err));
    if (state != KEY_WRITTEN && old.segment == NULL)
        return insert_note_key(run, keys, row, KEY_WRITTEN, err);
    sorted->is_new[row] = false;
    if (updates)
        sorted->met[sorted->met_count++] = (Meeting){row, old};
    return MQL_OK;
}

static mql_status
sort_rows(InsertRun *run, Sorted *sorted, Error *err)
{
    uint32_t count = sorted->proposed->count;
    sorted->is_new = arena_alloc(&run->arena, count + 1);
    sorted->met =
        arena_alloc_array(&run->arena, count + 1, sizeof *sorted->met);
    if (sorted->is_new == NULL || sorted->met == NULL)
        return error_no_memory(err);
    for (uint32_t row = 0; row < count; row++)
        TRY(sort_row(run, sorted, row, err));
    return MQL_OK;
}

/* ---- DO UPDATE ---- */

static mql_status
second_time(const InsertRun *run, uint32_t row, Error *err)
{
    error_set(err, ERR_CARDINALITY,
              "ON CONFLICT DO UPDATE command cannot affect row a second time");
    error_detail(err, "Row %" PRIu64 " has the key of an earlier one.",
                 run->first + row + 1);
    return error_hint(err, "Ensure that no rows proposed for insertion within "
                           "the same command have duplicate constrained "
                           "values.");
}

/* Read a field of the rows met in one segment into their places. */
static mql_status
read_old(InsertRun *run, const Sorted *sorted, const Segment *segment,
         ColumnBuilder *builders, Error *err)
{
    const Collection *collection = run->insert->collection;
    uint32_t rows[BATCH_ROWS], places[BATCH_ROWS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < sorted->met_count; i++) {
        if (sorted->met[i].old.segment != segment)
            continue;
        rows[count] = sorted->met[i].old.row;
        places[count++] = i;
    }
    const RowRange range = {.rows = rows, .count = count};
    for (uint32_t f = 0; count > 0 && f < collection->field_count; f++) {
        Column column;
        TRY(segment_read(segment, &collection->fields[f], range, &run->arena,
                         &column, err));
        for (uint32_t i = 0; i < count; i++) {
            Value value = column_value(&column, i);
            column_builder_set(&builders[f], places[i], &value);
        }
    }
    return MQL_OK;
}

/* The batch that expressions see: the rows met, and those proposed. */
static mql_status
read_met(InsertRun *run, const Sorted *sorted, Batch *batch, Error *err)
{
    const Collection *collection = run->insert->collection;
    const CollectionVersion *version = run->target.collection;
    uint32_t fields = collection->field_count;
    ColumnBuilder builders[FIELDS_MOST + 1];
    *batch = (Batch){sorted->met_count, fields * 2, NULL};
    batch->columns =
        arena_alloc_array(&run->arena, fields * 2 + 1, sizeof *batch->columns);
    uint32_t *positions = arena_alloc_array(
        &run->arena, sorted->met_count + (size_t)1, sizeof *positions);
    if (batch->columns == NULL || positions == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < sorted->met_count; i++)
        positions[i] = sorted->met[i].proposed;
    for (uint32_t f = 0; f < fields; f++)
        TRY(column_builder_init(&builders[f], collection->fields[f].type,
                                batch->count, &run->arena, err));
    for (uint32_t i = 0; i < version->segment_count; i++)
        TRY(read_old(run, sorted, version->segments[i], builders, err));
    for (uint32_t f = 0; f < fields; f++) {
        batch->columns[f] = column_builder_finish(&builders[f]);
        TRY(column_gather(&sorted->proposed->columns[f], positions,
                          batch->count, &run->arena,
                          &batch->columns[fields + f], err));
    }
    return MQL_OK;
}

static mql_status
gather(const Batch *in, const uint32_t *positions, uint32_t count, Arena *arena,
       Batch *out, Error *err)
{
    Column *columns =
        arena_alloc_array(arena, in->column_count + (size_t)1, sizeof *columns);
    if (columns == NULL)
        return error_no_memory(err);
    for (uint32_t c = 0; c < in->column_count; c++)
        TRY(column_gather(&in->columns[c], positions, count, arena, &columns[c],
                          err));
    *out = (Batch){count, in->column_count, columns};
    return MQL_OK;
}

/* Only those for which the WHERE holds; each row once. */
static mql_status
choose_met(InsertRun *run, Sorted *sorted, Batch *batch, Error *err)
{
    const Conflict *conflict = run->insert->conflict;
    const Column *keys = key_column(run, sorted->proposed);
    uint8_t *keep = arena_alloc(&run->arena, batch->count + (size_t)1);
    uint32_t *positions = arena_alloc_array(
        &run->arena, batch->count + (size_t)1, sizeof *positions);
    if (keep == NULL || positions == NULL)
        return error_no_memory(err);
    if (conflict->where != NULL)
        TRY(expr_filter(conflict->where, &run->prepared->execution.run, batch,
                        &run->arena, keep, err));
    uint32_t count = 0;
    for (uint32_t i = 0; i < sorted->met_count; i++) {
        Meeting meeting = sorted->met[i];
        uint32_t row = meeting.proposed;
        if (insert_key_state(run, keys, row) == KEY_WRITTEN)
            return second_time(run, row, err);
        if (conflict->where != NULL && keep[i] == 0)
            continue;
        TRY(insert_note_key(run, keys, row, KEY_WRITTEN, err));
        positions[count] = i;
        sorted->met[count++] = meeting;
    }
    sorted->met_count = count;
    return gather(batch, positions, count, &run->arena, batch, err);
}

/* A row of the statement's own that is met is one too many. */
static mql_status
refuse_own(const InsertRun *run, const Sorted *sorted, Error *err)
{
    for (uint32_t i = 0; i < sorted->met_count; i++)
        if (sorted->met[i].old.segment == NULL)
            return second_time(run, sorted->met[i].proposed, err);
    return MQL_OK;
}

static mql_status
note_moved_keys(InsertRun *run, const Batch *old, const Batch *changed,
                Error *err)
{
    const Column *from = key_column(run, old);
    const Column *to = key_column(run, changed);
    for (uint32_t row = 0; row < changed->count; row++) {
        TRY(insert_note_key(run, from, row, KEY_LEFT, err));
        if (!column_is_null(to, row))
            TRY(insert_note_key(run, to, row, KEY_WRITTEN, err));
    }
    return MQL_OK;
}

static mql_status
update_met(InsertRun *run, Sorted *sorted, Error *err)
{
    const Conflict *conflict = run->insert->conflict;
    Batch batch;
    if (sorted->met_count == 0)
        return MQL_OK;
    TRY(refuse_own(run, sorted, err));
    TRY(read_met(run, sorted, &batch, err));
    TRY(choose_met(run, sorted, &batch, err));
    if (sorted->met_count == 0)
        return MQL_OK;
    TRY(assignments_run(&conflict->assignments, &run->prepared->execution.run,
                        &batch, &run->arena, &sorted->changed, err));
    for (uint32_t i = 0; i < sorted->met_count; i++)
        TRY(transaction_delete(run->transaction, run->target.collection,
                               sorted->met[i].old.segment,
                               &sorted->met[i].old.row, 1, err));
    if (conflict->assignments.sets_key)
        return note_moved_keys(run, &batch, &sorted->changed, err);
    return MQL_OK;
}

/* ---- writing ---- */

/* Rows to write, in the order of the proposed ones. */
typedef struct Output {
    Batch rows;
    uint64_t *partitions; /* per row */
    uint32_t *origins;    /* per row: the proposed one */
} Output;

static mql_status
make_output(InsertRun *run, const Sorted *sorted, Output *output, Error *err)
{
    const Batch *proposed = sorted->proposed;
    const Collection *collection = run->insert->collection;
    Arena *arena = &run->arena;
    uint32_t most = proposed->count + 1;
    output->partitions = arena_alloc_array(arena, most, sizeof(uint64_t));
    output->origins = arena_alloc_array(arena, most, sizeof(uint32_t));
    Column *columns =
        arena_alloc_array(arena, collection->field_count + 1, sizeof *columns);
    if (output->partitions == NULL || output->origins == NULL ||
        columns == NULL)
        return error_no_memory(err);
    uint32_t count = 0;
    for (uint32_t row = 0, met = 0; row < proposed->count; row++) {
        bool is_met =
            met < sorted->met_count && sorted->met[met].proposed == row;
        if (!is_met && !sorted->is_new[row])
            continue;
        output->origins[count] = row;
        output->partitions[count++] =
            is_met ? segment_partition(sorted->met[met++].old.segment)
                   : run->target.partition;
    }
    for (uint32_t f = 0; f < collection->field_count; f++) {
        ColumnBuilder builder;
        TRY(column_builder_init(&builder, collection->fields[f].type, most,
                                arena, err));
        for (uint32_t i = 0, met = 0; i < count; i++) {
            uint32_t row = output->origins[i];
            Value value =
                sorted->is_new[row]
                    ? column_value(&proposed->columns[f], row)
                    : column_value(&sorted->changed.columns[f], met++);
            column_builder_set(&builder, i, &value);
        }
        columns[f] = column_builder_finish(&builder);
    }
    output->rows = (Batch){count, collection->field_count, columns};
    return MQL_OK;
}

static mql_status
write_part(InsertRun *run, Output *output, const uint32_t *positions,
           uint32_t count, Error *err)
{
    const Collection *collection = run->insert->collection;
    InsertTarget target = run->target;
    Batch part;
    uint32_t bad_row = 0;
    target.partition = output->partitions[positions[0]];
    TRY(gather(&output->rows, positions, count, &run->arena, &part, err));
    if (transaction_insert(run->transaction, &target, &part, &bad_row, err) !=
        MQL_OK)
        return error_detail(err, "Row %" PRIu64 ".",
                            run->first + output->origins[positions[bad_row]] +
                                1);
    const Column *keys = transaction_keys(run->transaction);
    ColumnBuilder builder;
    TRY(column_builder_init(&builder, keys->type, output->rows.count,
                            &run->arena, err));
    Column *all = &output->rows.columns[collection->primary];
    for (uint32_t row = 0; row < output->rows.count; row++) {
        Value key = column_value(all, row);
        column_builder_set(&builder, row, &key);
    }
    for (uint32_t i = 0; i < count; i++) {
        Value key = column_value(keys, i);
        bool is_generated = column_is_null(all, positions[i]);
        if (is_generated && key.type.kind == TYPE_VARCHAR)
            key.bytes = arena_copy_slice(&run->arena, key.bytes);
        column_builder_set(&builder, positions[i], &key);
        if (is_generated)
            TRY(insert_note_key(run, keys, i, KEY_WRITTEN, err));
    }
    *all = column_builder_finish(&builder);
    return MQL_OK;
}

/* Rows stay in their partitions, new ones go to the statement's. */
static mql_status
write_output(InsertRun *run, Output *output, Error *err)
{
    uint32_t rows = output->rows.count;
    bool is_routed = run->insert->collection->has_partition_key;
    uint32_t *positions =
        arena_alloc_array(&run->arena, rows + (size_t)1, sizeof *positions);
    bool *is_done = arena_alloc(&run->arena, rows + (size_t)1);
    if (positions == NULL || is_done == NULL)
        return error_no_memory(err);
    for (uint32_t first = 0; first < rows; first++) {
        uint32_t count = 0;
        for (uint32_t row = first; row < rows && !is_done[first]; row++)
            if (!is_done[row] && (is_routed || output->partitions[row] ==
                                                   output->partitions[first]))
                positions[count++] = row;
        for (uint32_t i = 0; i < count; i++)
            is_done[positions[i]] = true;
        if (count > 0)
            TRY(write_part(run, output, positions, count, err));
    }
    run->prepared->changes += rows;
    return returning_add(run->prepared, run->insert->returning, &output->rows,
                         err);
}

/* ---- runs ---- */

/*
 * Where a run ends. A generated key is known only when its row is written, and
 * may be the key of a row after it; a row that gets another key frees its own
 * for the rows after it.
 */
static uint32_t
run_end(const InsertRun *run, const Column *keys, uint32_t first,
        uint32_t count)
{
    if (run->insert->conflict->assignments.sets_key)
        return first + 1;
    bool is_generated = column_is_null(keys, first);
    uint32_t end = first + 1;
    while (end < count && column_is_null(keys, end) == is_generated)
        end++;
    return end;
}

static mql_status
write_run(InsertRun *run, const Batch *rows, uint32_t first, uint32_t end,
          Error *err)
{
    uint32_t positions[BATCH_ROWS];
    for (uint32_t row = first; row < end; row++)
        positions[row - first] = row;
    Batch proposed;
    TRY(gather(rows, positions, end - first, &run->arena, &proposed, err));
    Sorted sorted = {.proposed = &proposed};
    Output output;
    TRY(sort_rows(run, &sorted, err));
    TRY(update_met(run, &sorted, err));
    TRY(make_output(run, &sorted, &output, err));
    return write_output(run, &output, err);
}

/* Proposed rows are rows, also those that are then not inserted. */
static mql_status
check_nulls(const InsertRun *run, const Batch *rows, Error *err)
{
    const Collection *collection = run->insert->collection;
    for (uint32_t f = 0; f < collection->field_count; f++) {
        const Field *field = &collection->fields[f];
        if (field->is_nullable || field->is_dynamic || field->is_auto_id)
            continue;
        for (uint32_t row = 0; row < rows->count; row++) {
            if (!column_is_null(&rows->columns[f], row))
                continue;
            error_set(err, ERR_NOT_NULL,
                      "null value in field \"%s\" of collection "
                      "\"%s\" violates not-null constraint",
                      field->name, collection->name);
            return error_detail(err, "Row %" PRIu64 ".", run->first + row + 1);
        }
    }
    return MQL_OK;
}

mql_status
conflict_write(InsertRun *run, const Batch *rows, Error *err)
{
    TRY(check_nulls(run, rows, err));
    const Column *keys = key_column(run, rows);
    uint64_t first_row = run->first;
    mql_status status = MQL_OK;
    for (uint32_t first = 0, end; status == MQL_OK && first < rows->count;
         first = end) {
        end = run_end(run, keys, first, rows->count);
        run->first = first_row + first;
        status = write_run(run, rows, first, end, err);
    }
    run->first = first_row;
    return status;
}
