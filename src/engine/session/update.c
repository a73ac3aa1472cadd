/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update.c - UPDATE ... SET.
 *
 * The new rows are whole rows: what was there with the assigned fields changed.
 * All old rows are deleted before the first new one is inserted, so keys may
 * change places among the rows (SET id = id + 1), in whatever order they come;
 * what is read is the snapshot the statement began with, never its own rows.
 */
#include "engine/exec/explain.h"
#include "engine/session/change.h"
#include "engine/session/kinds.h"

typedef struct Update {
    ScanPlan scan; /* finds the rows */
    Assignments assignments;
    const ProjectPlan *returning;
} Update;

mql_status
update_prepare(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    Planner *planner = &prepared->planner;
    const CollectionVersion *version;
    TRY(planner_collection(planner, node_child(root, NODE_NAME), &version,
                           err));
    Scope *scope;
    TRY(planner_scope(planner, version->collection, NULL, 0, &scope, err));
    scope->qualifier = node_child(root, NODE_NAME)->text;
    for (uint32_t i = 0; i < scope->column_count; i++)
        scope->used[i] = true; /* rows are written whole */
    Update *update = arena_new(&prepared->plan_arena, Update);
    if (update == NULL)
        return error_no_memory(err);
    prepared->detail = update;
    update->scan.base =
        (PlanNode){PLAN_SCAN, NULL, scope->columns, scope->column_count};
    TRY(assignments_prepare(prepared, root, version->collection, scope,
                            &update->assignments, err));
    TRY(planner_table(planner, version, scope,
                      node_child(root, NODE_PARTITIONS),
                      node_child(root, NODE_WHERE), &update->scan.table, err));
    return returning_prepare(prepared, root, scope, &update->returning, err);
}

/* A run. */
typedef struct UpdateRun {
    Prepared *prepared;
    const Update *update;
    Transaction *transaction;
    const CollectionVersion *collection;
    Arena arena; /* of the batch */
} UpdateRun;

typedef mql_status RowsFunction(UpdateRun *run, const Segment *segment,
                                const uint32_t *rows, uint32_t count,
                                Error *err);

static mql_status
each_batch(UpdateRun *run, const SegmentRows *rows, RowsFunction *function,
           Error *err)
{
    uint32_t positions[BATCH_ROWS];
    size_t from = 0;
    for (;;) {
        uint32_t count = segment_rows_next(rows, &from, positions, BATCH_ROWS);
        if (count == 0)
            return MQL_OK;
        TRY(execution_poll(&run->prepared->execution, err));
        TRY(function(run, rows->segment, positions, count, err));
    }
}

static mql_status
delete_old(UpdateRun *run, const Segment *segment, const uint32_t *rows,
           uint32_t count, Error *err)
{
    run->prepared->changes += count;
    return transaction_delete(run->transaction, run->collection, segment, rows,
                              count, err);
}

static mql_status
insert_new(UpdateRun *run, const Segment *segment, const uint32_t *rows,
           uint32_t count, Error *err)
{
    const Update *update = run->update;
    Prepared *prepared = run->prepared;
    const RowRange range = {.rows = rows, .count = count};
    const InsertTarget target = {.collection = run->collection,
                                 .partition = segment_partition(segment),
                                 .mode = INSERT_NEW};
    uint32_t primary = update->scan.table.collection->primary;
    Batch old, changed;
    arena_reset(&run->arena);
    TRY(table_read(&update->scan.table, segment, range, &run->arena, &old,
                   err));
    TRY(assignments_run(&update->assignments, &prepared->execution.run, &old,
                        &run->arena, &changed, err));
    uint32_t bad_row = 0;
    if (transaction_insert(run->transaction, &target, &changed, &bad_row,
                           err) != MQL_OK)
        return change_blame_row(err, update->scan.table.collection,
                                &old.columns[primary], bad_row);
    changed.columns[primary] = *transaction_keys(run->transaction);
    return returning_add(prepared, update->returning, &changed, err);
}

static mql_status
update_rows(UpdateRun *run, Error *err)
{
    Prepared *prepared = run->prepared;
    FilterCounters counters = {0};
    SegmentRows *rows;
    uint32_t segment_count;
    TRY(table_version(&run->update->scan.table, &prepared->execution,
                      &run->collection, err));
    TRY(table_filter(&run->update->scan.table, &prepared->execution,
                     &prepared->exec_arena, &rows, &segment_count, &counters,
                     err));
    for (uint32_t i = 0; i < segment_count; i++)
        TRY(each_batch(run, &rows[i], delete_old, err));
    for (uint32_t i = 0; i < segment_count; i++)
        TRY(each_batch(run, &rows[i], insert_new, err));
    return MQL_OK;
}

mql_status
update_run(Prepared *prepared, Error *err)
{
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    UpdateRun run = {.prepared = prepared,
                     .update = prepared->detail,
                     .transaction = transaction};
    arena_init(&run.arena, prepared->exec_arena.limit);
    mql_status status = update_rows(&run, err);
    arena_free(&run.arena);
    return prepared_end(prepared, transaction, status, err);
}

void
update_explain(const Prepared *prepared, Explainer *explainer)
{
    const Update *update = prepared->detail;
    explain_node(explainer, "Update", update->scan.table.collection->name);
    explain_input(explainer, &update->scan.base, NULL);
    explain_node_end(explainer);
}
