/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prepared.c - the life of a prepared statement: parse once, analyse when the
 * schema has changed, run any number of times.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/guard.h"
#include "engine/session/statement.h"

#define PARSE_MEMORY_MOST ((size_t)1 << 30)

static void
planner_notice(void *context, const char *message)
{
    session_notice(context, "%s", message);
}

/* Everything analysis made goes; the tree stays. */
static void
forget_plan(Prepared *prepared)
{
    prepared->is_analysed = false;
    planner_release(&prepared->planner);
    arena_reset(&prepared->plan_arena);
    prepared->plan = NULL;
    prepared->columns = NULL;
    prepared->column_count = 0;
    prepared->detail = NULL;
    prepared->asked = NULL;
    prepared->is_permitted = false;
    prepared->reads_no_rows = false;
}

static mql_status
analyse(Prepared *prepared, const Version *version, Error *err)
{
    forget_plan(prepared);
    prepared->analysis++;
    for (uint32_t i = 0; i < prepared->statement.parameter_count; i++)
        prepared->parameter_types[i] = (Type){0};
    prepared->planner = (Planner){
        .arena = &prepared->plan_arena,
        .version = version,
        .database = prepared->session->database,
        .database_name = prepared->session->database_name,
        .parameter_types = prepared->parameter_types,
        .parameter_count = prepared->statement.parameter_count,
        .notice = planner_notice,
        .notice_context = prepared->session,
        .is_cursor = prepared->session->is_declaring,
    };
    prepared->schema = version->schema;
    mql_status status = permission_ask(prepared, version, err);
    prepared->planner.access = prepared->access;
    prepared->planner.user = prepared->session->user;
    if (status == MQL_OK)
        status = permit_statement(prepared, version, err);
    if (status == MQL_OK && prepared->kind->prepare != NULL)
        status = prepared->kind->prepare(prepared, err);
    prepared->planner.version = NULL;
    prepared->planner.access = NULL;
    prepared->is_analysed = status == MQL_OK;
    if (status != MQL_OK)
        forget_plan(prepared);
    return status;
}

mql_status
prepared_refresh(Prepared *prepared, const Version *version, Error *err)
{
    if (prepared->is_analysed && prepared->schema == version->schema &&
        prepared->planner.database == prepared->session->database)
        return permission_ask_again(prepared, err);
    return analyse(prepared, version, err);
}

static mql_status
find_kind(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    prepared->kind = statement_kind(root->kind);
    if (prepared->kind != NULL)
        return MQL_OK;
    Slice name = root->kind == NODE_UNBUILT
                     ? root->text
                     : slice_of(node_kind_name(root->kind));
    char words[64];
    size_t size = name.size < sizeof words - 1 ? name.size : sizeof words - 1;
    for (size_t i = 0; i < size; i++)
        words[i] = name.data[i] == '_' ? ' ' : name.data[i];
    words[size] = '\0';
    return error_at(err, ERR_FEATURE_NOT_SUPPORTED, root->position,
                    "%s is not supported yet", words);
}

/* Whether the session's transaction lets the statement run. */
static mql_status
check_place(const Prepared *prepared, Error *err)
{
    const Session *session = prepared->session;
    StatementPlace place = prepared->kind->place;
    if (session->transaction == NULL || place == PLACE_CONTROL)
        return MQL_OK;
    if (session->is_failed)
        return error_set(err, ERR_FAILED_TRANSACTION,
                         "current transaction is aborted, commands ignored "
                         "until end of transaction block");
    if (place == PLACE_ALONE)
        return error_set(err, ERR_ACTIVE_TRANSACTION,
                         "%s cannot run inside a transaction block",
                         prepared->kind->tag);
    return MQL_OK;
}

static mql_status
make_parameters(Prepared *prepared, Error *err)
{
    uint32_t count = prepared->statement.parameter_count;
    Arena *arena = &prepared->parse_arena;
    prepared->parameters =
        arena_alloc_array(arena, count + 1, sizeof *prepared->parameters);
    prepared->parameter_types =
        arena_alloc_array(arena, count + 1, sizeof *prepared->parameter_types);
    prepared->parameter_copies =
        arena_alloc_array(arena, count + 1, sizeof *prepared->parameter_copies);
    if (prepared->parameters == NULL || prepared->parameter_types == NULL ||
        prepared->parameter_copies == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        prepared->parameters[i] = VALUE_NULL;
    return MQL_OK;
}

static mql_status
parse(Prepared *prepared, const char *sql, size_t size, size_t *statement_size,
      Error *err)
{
    prepared->text = arena_copy(&prepared->parse_arena, sql, size);
    if (prepared->text == NULL)
        return error_no_memory(err);
    mql_status status = sql_parse(&prepared->parse_arena, prepared->text, size,
                                  &prepared->statement, err);
    *statement_size = prepared->statement.size;
    return status;
}

mql_status
prepared_create(Session *session, const char *sql, size_t size,
                Prepared **prepared, size_t *statement_size, Error *err)
{
    *prepared = NULL;
    *statement_size = size;
    if (size > SQL_SIZE_MOST)
        return error_at(err, ERR_LIMIT_EXCEEDED, (int64_t)SQL_SIZE_MOST,
                        "statement text is longer than %u bytes",
                        SQL_SIZE_MOST);
    Prepared *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_no_memory(err);
    made->session = session;
    session->statement_count++;
    arena_init(&made->parse_arena, PARSE_MEMORY_MOST + size * 16);
    arena_init(&made->plan_arena, PARSE_MEMORY_MOST + size * 16);
    arena_init(&made->batch_arena, 0);
    arena_init(&made->exec_arena, (size_t)session->settings[SETTING_WORK_MEM]);
    made->exec_arena.spares = &made->spares;

    mql_status status = parse(made, sql, size, statement_size, err);
    if (status != MQL_OK || made->statement.root == NULL)
        goto done;
    status = find_kind(made, err);
    if (status != MQL_OK)
        goto done;
    status = make_parameters(made, err);
    if (status != MQL_OK)
        goto done;
    status = check_place(made, err);
    if (status != MQL_OK)
        goto done;
    const Version *version;
    status = session_version(session, &version, err);
    if (status != MQL_OK)
        goto done;
    status = analyse(made, version, err);
    version_release(version);

done:
    if (status != MQL_OK)
        session_fail(session);
    if (status != MQL_OK || made->statement.root == NULL)
        prepared_destroy(made);
    else
        *prepared = made;
    return status;
}

void
prepared_destroy(Prepared *prepared)
{
    if (prepared == NULL)
        return;
    prepared_stop(prepared);
    forget_plan(prepared);
    access_release(prepared->access);
    access_release(prepared->own_access);
    for (uint32_t i = 0; prepared->parameter_copies != NULL &&
                         i < prepared->statement.parameter_count;
         i++)
        free(prepared->parameter_copies[i]);
    prepared->session->statement_count--;
    arena_free(&prepared->batch_arena);
    arena_free(&prepared->exec_arena);
    arena_spares_free(&prepared->spares);
    arena_free(&prepared->plan_arena);
    arena_free(&prepared->parse_arena);
    free(prepared);
}

/* ---- a run ---- */

/* What the run sees; keeps the Version. */
static void
set_version(Prepared *prepared, const Version *version)
{
    prepared->version = version;
    prepared->execution.version = version;
    prepared->execution.sequence = version->sequence;
    prepared->execution.run.sequence = version->sequence;
}

static void
begin_execution(Prepared *prepared)
{
    Session *session = prepared->session;
    session_refresh(session);
    const Vfs *vfs = store_vfs(session->store);
    int64_t now = vfs->now(vfs->context);
    /* As in PostgreSQL: now() stands still within a transaction. */
    int64_t moment = session->transaction != NULL
                         ? transaction_began(session->transaction)
                         : now;
    int64_t timeout = session->settings[SETTING_STATEMENT_TIMEOUT];
    prepared->exec_arena.limit = (size_t)session->settings[SETTING_WORK_MEM];
    prepared->batch_arena.limit = prepared->exec_arena.limit;
    prepared->is_running = true;
    prepared->changes = 0;
    prepared->tag = NULL;
    prepared->deadline = timeout > 0 ? now + timeout * 1000 : 0;
    prepared->execution = (Execution){
        .store = session->store,
        .run = {.parameters = prepared->parameters,
                .parameter_count = prepared->statement.parameter_count,
                .now = moment,
                .user = session->user_name,
                .database = session->database_name,
                .cancel = &session->cancel,
                .random_state = (uint64_t)now},
        .arena = &prepared->exec_arena,
        .default_ef = session->settings[SETTING_EF_SEARCH],
        .reads_rows = session->settings[SETTING_RANK_BY_READS] != 0,
        .vfs = vfs,
        .notice = planner_notice,
        .notice_context = session,
    };
}

static mql_status
start(Prepared *prepared, Error *err)
{
    const Version *version;
    TRY(check_place(prepared, err));
    if (prepared->planner.has_moment)
        store_settle_clock(prepared->session->store);
    if (prepared->kind->place == PLACE_CONTROL)
        version = store_version(prepared->session->store);
    else if (prepared->reads_no_rows)
        TRY(session_definitions(prepared->session, &version, err));
    else
        TRY(session_version(prepared->session, &version, err));
    set_version(prepared, version);
    TRY(prepared_refresh(prepared, version, err));
    if (prepared->kind->run != NULL)
        return prepared->kind->run(prepared, err);
    return operator_open(prepared->plan, &prepared->execution,
                         &prepared->operator, err);
}

/*
 * The time a statement has is looked at here only, around each call that works
 * on it: when it is over, all that can be interrupted is. Between the calls,
 * when other statements of the session may run, no alarm is set.
 */
static mql_status
limit_time(Prepared *prepared, Alarm *alarm, Error *err)
{
    Session *session = prepared->session;
    *alarm = (Alarm){.is_set = false};
    if (prepared->deadline == 0 || session->alarms == NULL)
        return MQL_OK;
    const Vfs *vfs = store_vfs(session->store);
    int64_t left = prepared->deadline - vfs->now(vfs->context);
    return alarm_set(session->alarms, alarm, &session->cancel, left, err);
}

/* Most memory of a statement counts against work_mem: whoever has no better
 * words says that it can be more. Allocates nothing. */
static void
hint_at_memory(const Prepared *prepared, mql_status status, Error *err)
{
    if (status == MQL_NO_MEMORY && err->hint[0] == '\0' &&
        prepared->exec_arena.limit != 0)
        error_hint(err, "A statement may use work_mem: SET it to more if the "
                        "machine has more.");
}

static mql_status
end_limit(Prepared *prepared, Alarm *alarm, mql_status status, Error *err)
{
    Session *session = prepared->session;
    hint_at_memory(prepared, status, err);
    if (!alarm_clear(session->alarms, alarm))
        return status;
    atomic_store(&session->cancel, false);
    if (status != MQL_INTERRUPTED)
        return status;
    error_clear(err);
    return error_set(err, ERR_QUERY_CANCELED,
                     "canceling statement due to statement timeout");
}

mql_status
prepared_start(Prepared *prepared, Error *err)
{
    Alarm alarm;
    begin_execution(prepared);
    mql_status status = limit_time(prepared, &alarm, err);
    if (status == MQL_OK)
        status = start(prepared, err);
    status = end_limit(prepared, &alarm, status, err);
    if (status != MQL_OK) {
        session_fail(prepared->session);
        prepared_stop(prepared);
    }
    return status;
}

/* The next rows of those a statement left in memory. */
static mql_status
next_rows(Prepared *prepared, Batch *batch, Error *err)
{
    Rows *rows = &prepared->rows;
    uint64_t left = rows->count - rows->given;
    uint32_t count = left < BATCH_ROWS ? (uint32_t)left : BATCH_ROWS;
    *batch = (Batch){.count = count, .column_count = prepared->column_count};
    if (count == 0)
        return MQL_OK;
    batch->columns = arena_alloc_array(
        &prepared->exec_arena, batch->column_count, sizeof *batch->columns);
    if (batch->columns == NULL)
        return error_no_memory(err);
    for (uint32_t c = 0; c < batch->column_count; c++) {
        ColumnBuilder builder;
        TRY(column_builder_init(&builder, prepared->columns[c].type, count,
                                &prepared->exec_arena, err));
        for (uint32_t i = 0; i < count; i++)
            column_builder_set(
                &builder, i,
                &rows->values[(rows->given + i) * batch->column_count + c]);
        batch->columns[c] = column_builder_finish(&builder);
    }
    rows->given += count;
    return MQL_OK;
}

static mql_status
next_batch(Prepared *prepared, Batch *batch, Error *err)
{
    if (prepared->operator!= NULL) {
        mql_status status = operator_next(prepared->operator, batch, err);
        if (status != MQL_OK)
            session_fail(prepared->session);
        return status;
    }
    if (prepared->next != NULL)
        return prepared->next(prepared, batch, err);
    *batch = (Batch){.column_count = prepared->column_count};
    if (prepared->kept != NULL) {
        *batch = prepared->kept->batch;
        prepared->kept = prepared->kept->next;
    }
    if (prepared->kept_last != NULL)
        return MQL_OK;
    TRY(next_rows(prepared, batch, err));
    if (batch->count > 0 || prepared->conclusion.status == MQL_OK)
        return MQL_OK;
    *err = prepared->conclusion;
    return err->status;
}

mql_status
prepared_next(Prepared *prepared, Batch *batch, Error *err)
{
    Alarm alarm;
    mql_status status = limit_time(prepared, &alarm, err);
    if (status == MQL_OK)
        status = next_batch(prepared, batch, err);
    return end_limit(prepared, &alarm, status, err);
}

mql_status
prepared_intact(const Prepared *prepared, Error *err)
{
    if (guard_damaged() == 0 || prepared->operator== NULL)
        return MQL_OK;
    return operator_intact(prepared->operator, err);
}

void
prepared_stop(Prepared *prepared)
{
    operator_close(prepared->operator);
    prepared->operator= NULL;
    free(prepared->rows.values);
    prepared->rows = (Rows){0};
    prepared->kept = prepared->kept_last = NULL;
    error_clear(&prepared->conclusion);
    prepared->next = NULL;
    version_release(prepared->version);
    prepared->version = NULL;
    arena_reset(&prepared->exec_arena);
    prepared->is_running = false;
}

/* ---- for the kinds ---- */

mql_status
prepared_begin(Prepared *prepared, Transaction **transaction, Error *err)
{
    Session *session = prepared->session;
    if (store_is_read_only(session->store) ||
        (session->transaction != NULL && session->is_read_only))
        return error_set(err, ERR_READ_ONLY,
                         "cannot execute %s in a read-only transaction",
                         prepared->kind->tag);
    if (session->transaction != NULL) {
        *transaction = session->transaction;
        transaction_begin_statement(*transaction);
        return MQL_OK;
    }
    TRY(transaction_begin_watched(session->store, &session->cancel, transaction,
                                  err));
    /* The schema may have changed while the lock was waited for. */
    const Version *version = transaction_version(*transaction);
    version_release(prepared->version);
    prepared->version = NULL;
    prepared->execution.version = version;
    prepared->execution.sequence = version->sequence;
    prepared->execution.run.sequence = version->sequence;
    mql_status status = prepared_refresh(prepared, version, err);
    if (status != MQL_OK) {
        transaction_rollback(*transaction);
        *transaction = NULL;
    }
    return status;
}

mql_status
prepared_end(Prepared *prepared, Transaction *transaction, mql_status status,
             Error *err)
{
    if (status == MQL_OK)
        status = permit_changes(prepared, transaction, err);
    if (prepared->session->transaction != NULL)
        return status; /* it goes on, or has failed with the statement */
    if (status == MQL_OK)
        return transaction_commit(transaction, err);
    transaction_rollback(transaction);
    return status;
}

static void
report_progress(void *context, const char *phase, uint64_t done, uint64_t total)
{
    Session *session = context;
    if (session->progress != NULL &&
        session->progress(session->progress_context, phase, done, total) != 0)
        atomic_store(&session->cancel, true);
}

Watch
prepared_watch(Prepared *prepared)
{
    return (Watch){.cancel = &prepared->session->cancel,
                   .progress = report_progress,
                   .context = prepared->session};
}

mql_status
prepared_columns(Prepared *prepared, const ScopeColumn *columns, uint32_t count)
{
    prepared->columns = columns;
    prepared->column_count = count;
    return MQL_OK;
}

mql_status
rows_add(Prepared *prepared, const Value *values, Error *err)
{
    Rows *rows = &prepared->rows;
    if (rows->count == rows->capacity) {
        uint64_t capacity = rows->capacity == 0 ? 16 : rows->capacity * 2;
        Value *more = realloc(rows->values,
                              capacity * prepared->column_count * sizeof *more);
        if (more == NULL)
            return error_no_memory(err);
        rows->values = more;
        rows->capacity = capacity;
    }
    memcpy(rows->values + rows->count * prepared->column_count, values,
           prepared->column_count * sizeof *values);
    rows->count++;
    return MQL_OK;
}

void
prepared_keep(Prepared *prepared, KeptBatch *kept)
{
    kept->next = NULL;
    if (prepared->kept_last != NULL)
        prepared->kept_last->next = kept;
    else
        prepared->kept = kept;
    prepared->kept_last = kept;
}

Value
rows_text(Prepared *prepared, const char *text)
{
    if (text == NULL)
        return VALUE_NULL;
    size_t size = strlen(text);
    char *copy = arena_copy(&prepared->exec_arena, text, size);
    return copy != NULL ? value_text((Slice){copy, size}) : VALUE_NULL;
}

Value
rows_buffer(Prepared *prepared, Buffer *buffer)
{
    Value value = rows_text(prepared, buffer_text(buffer));
    buffer_clear(buffer);
    return value;
}
