/* SPDX-License-Identifier: Apache-2.0 */
/*
 * returning.c - the rows that a change gives back.
 *
 * They are kept in memory until the change is committed, and only then given:
 * who has seen one of them knows that the change is there. What work_mem cannot
 * hold is refused before anything changed.
 */
#include <string.h>

#include "base/bits.h"
#include "engine/session/change.h"

mql_status
returning_prepare(Prepared *prepared, const Node *root, const Scope *scope,
                  const ProjectPlan **returning, Error *err)
{
    *returning = NULL;
    const Node *clause = node_child(root, NODE_RETURNING);
    if (clause == NULL)
        return MQL_OK;
    const PlanNode *plan;
    TRY(planner_project(&prepared->planner, clause, scope, NULL, NULL, 0, &plan,
                        err));
    *returning = (const ProjectPlan *)plan;
    return prepared_columns(prepared, plan->columns, plan->column_count);
}

static mql_status
copy_bytes(const Column *in, uint32_t count, Arena *arena, Slice *out)
{
    for (uint32_t row = 0; row < count; row++) {
        if (column_is_null(in, row))
            continue;
        out[row] = arena_copy_slice(arena, in->bytes[row]);
        if (out[row].data == NULL)
            return MQL_NO_MEMORY;
    }
    return MQL_OK;
}

/* A column that needs nothing but the arena. */
static mql_status
copy_column(const Column *in, uint32_t count, Arena *arena, Column *out)
{
    *out = (Column){.type = in->type};
    Physical physical = type_physical(in->type.kind);
    if (physical == PHYSICAL_NONE)
        return MQL_OK;
    if (in->valid != NULL) {
        out->valid = (uint8_t *)arena_copy(arena, in->valid, count);
        if (out->valid == NULL)
            return MQL_NO_MEMORY;
    }
    if (physical == PHYSICAL_BYTES) {
        Slice *bytes = arena_alloc_array(arena, count, sizeof *bytes);
        out->bytes = bytes;
        return bytes == NULL ? MQL_NO_MEMORY
                             : copy_bytes(in, count, arena, bytes);
    }
    out->data = arena_copy(arena, in->data, count * physical_size(physical));
    return out->data == NULL ? MQL_NO_MEMORY : MQL_OK;
}

static mql_status
no_room(const Prepared *prepared, Error *err)
{
    Buffer limit = BUFFER_INIT;
    setting_print(prepared->session, SETTING_WORK_MEM, &limit);
    error_set(err, ERR_OUT_OF_MEMORY,
              "the rows of RETURNING need more memory than work_mem (%s)",
              buffer_text(&limit));
    buffer_free(&limit);
    return error_hint(err, "Nothing was changed. SET work_mem to more, change "
                           "fewer rows at a time, or return less of them.");
}

mql_status
returning_add(Prepared *prepared, const ProjectPlan *returning,
              const Batch *rows, Error *err)
{
    if (returning == NULL || rows->count == 0)
        return MQL_OK;
    Arena *arena = &prepared->exec_arena;
    uint32_t column_count = returning->base.column_count;
    KeptBatch *kept = arena_new(arena, KeptBatch);
    Column *columns =
        arena_alloc_array(arena, column_count + (size_t)1, sizeof *columns);
    if (kept == NULL || columns == NULL)
        return no_room(prepared, err);

    Arena work;
    arena_init(&work, arena->limit);
    mql_status status = MQL_OK;
    for (uint32_t i = 0; status == MQL_OK && i < column_count; i++) {
        Column column;
        status = expr_eval(returning->items[i], &prepared->execution.run, rows,
                           &work, &column, err);
        if (status == MQL_OK &&
            copy_column(&column, rows->count, arena, &columns[i]) != MQL_OK)
            status = no_room(prepared, err);
    }
    arena_free(&work);
    TRY(status);
    kept->batch = (Batch){rows->count, column_count, columns};
    prepared_keep(prepared, kept);
    return MQL_OK;
}
