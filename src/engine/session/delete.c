/* SPDX-License-Identifier: Apache-2.0 */
/* delete.c - DELETE: the rows that a WHERE lets through, or all. */
#include "engine/exec/explain.h"
#include "engine/session/change.h"
#include "engine/session/kinds.h"

typedef struct Delete {
    ScanPlan scan; /* finds the rows */
    const ProjectPlan *returning;
} Delete;

mql_status
delete_prepare(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    Planner *planner = &prepared->planner;
    const CollectionVersion *version;
    TRY(planner_collection(planner, node_child(root, NODE_NAME), &version,
                           err));
    Scope *scope;
    TRY(planner_scope(planner, version->collection, NULL, 0, &scope, err));
    scope->qualifier = node_child(root, NODE_NAME)->text;
    Delete *delete = arena_new(&prepared->plan_arena, Delete);
    if (delete == NULL)
        return error_no_memory(err);
    prepared->detail = delete;
    delete->scan.base =
        (PlanNode){PLAN_SCAN, NULL, scope->columns, scope->column_count};
    TRY(planner_table(planner, version, scope,
                      node_child(root, NODE_PARTITIONS),
                      node_child(root, NODE_WHERE), &delete->scan.table, err));
    return returning_prepare(prepared, root, scope, &delete->returning, err);
}

static mql_status
delete_segment(Prepared *prepared, Transaction *transaction,
               const CollectionVersion *collection, const SegmentRows *rows,
               Arena *arena, Error *err)
{
    const Delete *delete = prepared->detail;
    uint32_t positions[BATCH_ROWS];
    size_t from = 0;
    for (;;) {
        uint32_t count = segment_rows_next(rows, &from, positions, BATCH_ROWS);
        if (count == 0)
            return MQL_OK;
        TRY(execution_poll(&prepared->execution, err));
        if (delete->returning != NULL) {
            const RowRange range = {.rows = positions, .count = count};
            Batch batch;
            arena_reset(arena);
            TRY(table_read(&delete->scan.table, rows->segment, range, arena,
                           &batch, err));
            TRY(returning_add(prepared, delete->returning, &batch, err));
        }
        TRY(transaction_delete(transaction, collection, rows->segment,
                               positions, count, err));
        prepared->changes += count;
    }
}

static mql_status
delete_rows(Prepared *prepared, Transaction *transaction, Error *err)
{
    const TablePlan *table = &((const Delete *)prepared->detail)->scan.table;
    const CollectionVersion *collection;
    TRY(table_version(table, &prepared->execution, &collection, err));
    FilterCounters counters = {0};
    SegmentRows *rows;
    uint32_t segment_count;
    TRY(table_filter(table, &prepared->execution, &prepared->exec_arena, &rows,
                     &segment_count, &counters, err));
    Arena arena;
    arena_init(&arena, prepared->exec_arena.limit);
    mql_status status = MQL_OK;
    for (uint32_t i = 0; status == MQL_OK && i < segment_count; i++)
        status = delete_segment(prepared, transaction, collection, &rows[i],
                                &arena, err);
    arena_free(&arena);
    return status;
}

mql_status
delete_run(Prepared *prepared, Error *err)
{
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    mql_status status = delete_rows(prepared, transaction, err);
    return prepared_end(prepared, transaction, status, err);
}

void
delete_explain(const Prepared *prepared, Explainer *explainer)
{
    const Delete *delete = prepared->detail;
    explain_node(explainer, "Delete", delete->scan.table.collection->name);
    explain_input(explainer, &delete->scan.base, NULL);
    explain_node_end(explainer);
}
