/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - CHECK DATABASE, CHECK COLLECTION c: a row for each thing that is
 * wrong, and an error after them when any of it is damage.
 */
#include "engine/collection/check.h"

#include "engine/session/kinds.h"

/* What is gathered while the check runs. */
typedef struct Findings {
    Prepared *prepared;
    uint32_t damages;
} Findings;

static const ScopeColumn columns[] = {
    {{"object", 6}, {.kind = TYPE_VARCHAR}},
    {{"file", 4}, {.kind = TYPE_VARCHAR}},
    {{"offset", 6}, {.kind = TYPE_INT64}},
    {{"problem", 7}, {.kind = TYPE_VARCHAR}},
};

mql_status
check_prepare(Prepared *prepared, Error *err)
{
    (void)err;
    return prepared_columns(prepared, columns,
                            sizeof columns / sizeof *columns);
}

static Value
copied(Prepared *prepared, Slice text, Error *err)
{
    if (text.size == 0)
        return VALUE_NULL;
    char *copy = arena_copy(&prepared->exec_arena, text.data, text.size);
    if (copy == NULL)
        error_no_memory(err);
    return copy == NULL ? VALUE_NULL : value_text((Slice){copy, text.size});
}

static mql_status
add_finding(void *context, const CheckFinding *finding, Error *err)
{
    Findings *findings = context;
    Prepared *prepared = findings->prepared;
    TRY(execution_poll(&prepared->execution, err));
    Error failure = ERROR_INIT;
    const Value row[] = {
        copied(prepared, slice_of(finding->object), &failure),
        copied(prepared, finding->file, &failure),
        finding->offset < 0 ? VALUE_NULL : value_int64(finding->offset),
        copied(prepared, slice_of(finding->problem), &failure),
    };
    if (failure.status != MQL_OK)
        return error_no_memory(err);
    findings->damages += finding->is_leftover ? 0 : 1;
    return rows_add(prepared, row, err);
}

/* The error that follows the rows. */
static void
conclude(Prepared *prepared, const Collection *collection, uint32_t damages)
{
    Error *conclusion = &prepared->conclusion;
    if (damages == 0)
        return;
    if (collection != NULL)
        error_set(conclusion, ERR_DATA_CORRUPTED,
                  "collection \"%s\" is damaged", collection->name);
    else
        error_set(conclusion, ERR_DATA_CORRUPTED, "database \"%s\" is damaged",
                  store_path(prepared->session->store));
    error_detail(conclusion, "CHECK found %u problem%s.", damages,
                 damages == 1 ? "" : "s");
}

mql_status
check_run(Prepared *prepared, Error *err)
{
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    const CollectionVersion *found = NULL;
    if (name != NULL)
        TRY(find_collection(prepared, name, &found, err));
    const Collection *collection = found == NULL ? NULL : found->collection;
    Findings findings = {.prepared = prepared};
    const CheckReport report = {.context = &findings,
                                .found = add_finding,
                                .watch = prepared_watch(prepared)};
    TRY(store_check_each(prepared->session->store,
                         collection == NULL ? 0 : collection->id, &report,
                         err));
    conclude(prepared, collection, findings.damages);
    return MQL_OK;
}
