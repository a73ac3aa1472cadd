/* SPDX-License-Identifier: Apache-2.0 */
/* backup.c - BACKUP DATABASE, VERIFY BACKUP and RESTORE DATABASE. */
#include "engine/collection/backup.h"

#include <inttypes.h>
#include <string.h>

#include "engine/session/kinds.h"

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

/* The backup is verified before anybody has to wait. */
mql_status
restore_run(Prepared *prepared, Error *err)
{
    const Watch watch = prepared_watch(prepared);
    const char *path;
    Store *backup;
    Transaction *transaction;
    TRY(find_path(prepared, &path, err));
    TRY(backup_open(store_vfs(prepared->session->store), path, &watch, &backup,
                    err));
    mql_status status = prepared_begin(prepared, &transaction, err);
    if (status == MQL_OK) {
        status = transaction_restore(transaction, backup, &watch, err);
        status = prepared_end(prepared, transaction, status, err);
    }
    store_close(backup);
    return status;
}
