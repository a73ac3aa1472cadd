/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moment.c - which picture of a collection a run reads: the newest, or that of
 * AS OF; and which rows are too old for their collection's time to live.
 *
 * A moment is looked up once for each run and table, because the timeline goes
 * on while the run reads.
 */
#include <inttypes.h>

#include "engine/exec/exec.h"

/* Integers below are no milliseconds of this age (2001), those from the second
 * on are Milvus' hybrid timestamps: milliseconds and 18 bits of a counter. */
#define LEAST_MILLISECONDS INT64_C(1000000000000)
#define LEAST_HYBRID INT64_C(10000000000000000)
#define HYBRID_BITS 18

typedef struct TableMoment {
    struct TableMoment *next;
    const Collection *collection;
    const Expr *moment; /* NULL: the run's own */
    Snapshot snapshot;
} TableMoment;

static void
append_time(Buffer *out, int64_t time)
{
    Value value = {.type = type_of(TYPE_TIMESTAMPTZ), .integer = time};
    value_print(out, &value);
}

/* "commit 12, made at 2026-11-21 10:00:00+00". */
static mql_status
detail_of_commit(const Execution *execution, const char *words,
                 uint64_t sequence, Error *err)
{
    int64_t time;
    Buffer text = BUFFER_INIT;
    if (store_time_of(execution->store, sequence, &time))
        append_time(&text, time);
    else
        buffer_append_text(&text, "an unknown time");
    error_detail(err, "%s commit %" PRIu64 ", made at %s.", words, sequence,
                 buffer_text(&text));
    buffer_free(&text);
    return err->status;
}

static mql_status
in_the_future(const Execution *execution, const Expr *expr, Error *err)
{
    error_at(err, ERR_INVALID_PARAMETER, expr->position,
             "AS OF names a moment in the future");
    return detail_of_commit(execution, "The last one is",
                            execution->version->sequence, err);
}

/* To microseconds since 1970. */
static mql_status
read_time(Execution *execution, const Expr *expr, const Value *value,
          int64_t *time, Error *err)
{
    Value moment = *value;
    if (value->type.kind == TYPE_VARCHAR &&
        value_convert(value, type_of(TYPE_TIMESTAMPTZ), false, execution->arena,
                      &moment, err) != MQL_OK)
        return error_locate(err, expr->position);
    *time = moment.integer;
    if (moment.type.kind == TYPE_TIMESTAMPTZ)
        return MQL_OK;
    char text[TYPE_TEXT_SIZE];
    type_text(text, moment.type);
    if (!type_is_integer(moment.type.kind))
        return error_at(err, ERR_DATATYPE_MISMATCH, expr->position,
                        "argument of AS OF must be a timestamp or "
                        "milliseconds since 1970, not type %s",
                        text);
    if (moment.integer < LEAST_MILLISECONDS) {
        error_at(err, ERR_INVALID_PARAMETER, expr->position,
                 "AS OF %" PRId64 " is no moment", moment.integer);
        return error_hint(err,
                          "Milliseconds since 1970 have 13 digits; the "
                          "number of a commit is written AS OF SEQUENCE "
                          "%" PRId64 ".",
                          moment.integer);
    }
    if (moment.integer >= LEAST_HYBRID)
        moment.integer >>= HYBRID_BITS;
    *time = moment.integer * 1000;
    return MQL_OK;
}

static mql_status
find_by_time(Execution *execution, const Expr *expr, int64_t time,
             uint64_t *sequence, Error *err)
{
    if (time > store_now(execution->store))
        return in_the_future(execution, expr, err);
    *sequence = store_commit_at(execution->store, time);
    if (*sequence > execution->version->sequence)
        *sequence = execution->version->sequence;
    if (*sequence > 0)
        return MQL_OK;
    error_at(err, ERR_SNAPSHOT_TOO_OLD, expr->position, "snapshot too old");
    return detail_of_commit(execution, "The first one known is",
                            store_first_commit(execution->store), err);
}

static mql_status
find_sequence(const TablePlan *table, Execution *execution, uint64_t *sequence,
              Error *err)
{
    const Expr *expr = table->moment;
    Value value;
    TRY(expr_value(expr, &execution->run, execution->arena, &value, err));
    if (value.is_null)
        return error_at(err, ERR_INVALID_PARAMETER, expr->position,
                        "AS OF takes no NULL");
    if (table->is_sequence) {
        if (value.integer > (int64_t)execution->version->sequence)
            return in_the_future(execution, expr, err);
        *sequence = value.integer > 0 ? (uint64_t)value.integer : 0;
        return MQL_OK;
    }
    int64_t time = 0;
    TRY(read_time(execution, expr, &value, &time, err));
    return find_by_time(execution, expr, time, sequence, err);
}

static mql_status
check_sequence(const TablePlan *table, const Execution *execution,
               uint64_t sequence, Error *err)
{
    const CollectionVersion *version;
    TRY(table_version(table, execution, &version, err));
    const Collection *collection = version->collection;
    int64_t position = table->moment->position;
    if (sequence < collection->created) {
        error_at(err, ERR_UNDEFINED_TABLE, position,
                 "collection \"%s\" did not exist then", collection->name);
        return detail_of_commit(execution, "It was made by",
                                collection->created, err);
    }
    if (sequence >= collection->horizon)
        return MQL_OK;
    error_at(err, ERR_SNAPSHOT_TOO_OLD, position, "snapshot too old");
    return detail_of_commit(execution, "The earliest one that can be read is",
                            collection->horizon, err);
}

mql_status
table_snapshot(const TablePlan *table, Execution *execution, Snapshot *snapshot,
               Error *err)
{
    const TableMoment *known = execution->moments;
    while (known != NULL && (known->collection != table->collection ||
                             known->moment != table->moment))
        known = known->next;
    if (known != NULL) {
        *snapshot = known->snapshot;
        return MQL_OK;
    }
    *snapshot = (Snapshot){.sequence = execution->sequence};
    if (table->collection != NULL)
        snapshot->expired = store_expired(execution->store, table->collection,
                                          execution->run.now);
    if (table->moment == NULL && snapshot->expired == 0)
        return MQL_OK;
    if (table->moment != NULL) {
        TRY(find_sequence(table, execution, &snapshot->sequence, err));
        TRY(check_sequence(table, execution, snapshot->sequence, err));
    }
    TableMoment *moment = arena_new(execution->arena, TableMoment);
    if (moment == NULL)
        return error_no_memory(err);
    *moment = (TableMoment){execution->moments, table->collection,
                            table->moment, *snapshot};
    execution->moments = moment;
    return MQL_OK;
}
