/* SPDX-License-Identifier: Apache-2.0 */
/* backup.c - BACKUP DATABASE, VERIFY BACKUP, RESTORE and RECOVER DATABASE. */
#include "engine/collection/backup.h"

#include <inttypes.h>
#include <string.h>

#include "engine/session/kinds.h"
#include "engine/session/show.h"

/* The statement's path, NUL-terminated. */
static mql_status
find_path(Prepared *prepared, const char **path, Error *err)
{
    const Node *node = node_child(prepared->statement.root, NODE_FILE);
    if (node->text.size == 0)
        return error_at(err, ERR_INVALID_PARAMETER, node->position,
                        "the name of a directory cannot be empty");
    if (memchr(node->text.data, '\0', node->text.size) != NULL)
        return error_at(err, ERR_INVALID_PARAMETER, node->position,
                        "the name of a directory cannot have a zero byte");
    *path = arena_copy(&prepared->exec_arena, node->text.data, node->text.size);
    return *path == NULL ? error_no_memory(err) : MQL_OK;
}

mql_status
backup_run(Prepared *prepared, Error *err)
{
    const Watch watch = prepared_watch(prepared);
    const char *path;
    TRY(find_path(prepared, &path, err));
    return store_backup(prepared->session->store, path, &watch, err);
}

static void
report_problem(void *context, const char *words)
{
    session_notice(context, "%s", words);
}

mql_status
verify_backup_run(Prepared *prepared, Error *err)
{
    const Watch watch = prepared_watch(prepared);
    Session *session = prepared->session;
    BackupReport report = {.problem = report_problem, .context = session};
    const char *path;
    TRY(find_path(prepared, &path, err));
    return backup_verify(store_vfs(session->store), path, &watch, &report, err);
}

/* All its databases, then it is closed. */
static mql_status
bring(Prepared *prepared, Store *from, Error *err)
{
    const Watch watch = prepared_watch(prepared);
    Transaction *transaction;
    mql_status status = prepared_begin(prepared, &transaction, err);
    if (status == MQL_OK) {
        status = transaction_restore(transaction, from, &watch, err);
        status = prepared_end(prepared, transaction, status, err);
    }
    store_close(from);
    return status;
}

/* The backup is verified before anybody has to wait. */
mql_status
restore_run(Prepared *prepared, Error *err)
{
    const Watch watch = prepared_watch(prepared);
    const char *path;
    Store *backup;
    TRY(find_path(prepared, &path, err));
    TRY(backup_open(store_vfs(prepared->session->store), path, &watch, &backup,
                    err));
    return bring(prepared, backup, err);
}

/* ---- RECOVER ---- */

static const ScopeColumn loss_columns[] = {
    {{"object", 6}, {.kind = TYPE_VARCHAR}},
    {{"rows", 4}, {.kind = TYPE_INT64}},
    {{"lost", 4}, {.kind = TYPE_VARCHAR}},
    {{"file", 4}, {.kind = TYPE_VARCHAR}},
    {{"offset", 6}, {.kind = TYPE_INT64}},
    {{"problem", 7}, {.kind = TYPE_VARCHAR}},
};

mql_status
recover_prepare(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    if ((root->flags & FLAG_LOSS) == 0) {
        error_at(err, ERR_INVALID_PARAMETER, root->position,
                 "RECOVER DATABASE leaves out what is damaged");
        return error_hint(err, "RECOVER DATABASE FROM '...' ALLOW LOSS does it "
                               "and lists what was lost. A backup has it: "
                               "RESTORE DATABASE FROM.");
    }
    return prepared_columns(prepared, loss_columns,
                            sizeof loss_columns / sizeof *loss_columns);
}

static mql_status
add_loss(void *context, const Loss *loss, Error *err)
{
    Prepared *prepared = context;
    const char *path = "";
    size_t size = 0;
    int64_t offset = -1;
    TRY(execution_poll(&prepared->execution, err));
    bool has_place = error_place(loss->why, &path, &size, &offset);
    Buffer file = BUFFER_INIT;
    buffer_append(&file, path, size);
    const Value row[] = {
        rows_text(prepared, loss->object),
        loss->rows == 0 ? VALUE_NULL : value_int64((int64_t)loss->rows),
        rows_text(prepared, loss->what),
        has_place ? rows_buffer(prepared, &file) : VALUE_NULL,
        offset < 0 ? VALUE_NULL : value_int64(offset),
        rows_text(prepared, loss->why->text),
    };
    buffer_free(&file);
    return rows_add(prepared, row, err);
}

mql_status
recover_run(Prepared *prepared, Error *err)
{
    const LossReport losses = {prepared, add_loss};
    const char *path;
    Store *damaged;
    TRY(find_path(prepared, &path, err));
    TRY(store_open_damaged(store_vfs(prepared->session->store), path, &losses,
                           &damaged, err));
    return bring(prepared, damaged, err);
}
