/* SPDX-License-Identifier: Apache-2.0 */
/* delete.c - DELETE ... WHERE. */
#include "base/bits.h"
#include "engine/session/kinds.h"

mql_status
delete_prepare(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    Planner *planner = &prepared->planner;
    TRY(planner_unbuilt(node_child(root, NODE_RETURNING), "RETURNING", err));
    const CollectionVersion *version;
    TRY(planner_collection(planner, node_child(root, NODE_NAME), &version,
                           err));
    Scope *scope;
    TRY(planner_scope(planner, version->collection, NULL, 0, &scope, err));
    TablePlan *table = arena_new(&prepared->plan_arena, TablePlan);
    if (table == NULL)
        return error_no_memory(err);
    prepared->detail = table;
    return planner_table(planner, version, scope,
                         node_child(root, NODE_PARTITIONS),
                         node_child(root, NODE_WHERE), table, err);
}

static mql_status
delete_segment(Prepared *prepared, Transaction *transaction,
               const CollectionVersion *collection, const SegmentRows *rows,
               Error *err)
{
    uint32_t positions[BATCH_ROWS];
    size_t from = 0;
    for (;;) {
        uint32_t count = bits_collect(rows->bits, rows->row_count, &from,
                                      positions, BATCH_ROWS);
        if (count == 0)
            return MQL_OK;
        TRY(execution_poll(&prepared->execution, err));
        TRY(transaction_delete(transaction, collection, rows->segment,
                               positions, count, err));
    }
}

static mql_status
delete_rows(Prepared *prepared, Transaction *transaction, Error *err)
{
    const TablePlan *table = prepared->detail;
    const CollectionVersion *collection;
    TRY(table_version(table, &prepared->execution, &collection, err));
    FilterCounters counters = {0};
    SegmentRows *rows;
    uint32_t segment_count;
    TRY(table_filter(table, &prepared->execution, &prepared->exec_arena, &rows,
                     &segment_count, &counters, err));
    for (uint32_t i = 0; i < segment_count; i++)
        TRY(delete_segment(prepared, transaction, collection, &rows[i], err));
    return MQL_OK;
}

mql_status
delete_run(Prepared *prepared, Error *err)
{
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    mql_status status = delete_rows(prepared, transaction, err);
    if (status == MQL_OK)
        prepared->changes = (int64_t)transaction_deleted(transaction);
    return prepared_end(prepared, transaction, status, err);
}
