/* SPDX-License-Identifier: Apache-2.0 */
/* database.c - opening, connections, errors: the first half of mql.h. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/api/database_open.h"
#include "engine/api/handles.h"
#include "engine/collection/backup.h"

const char *
mql_version(void)
{
    return MQL_VERSION;
}

int32_t
mql_abi_version(void)
{
    return MQL_ABI_VERSION;
}

void
error_export(const Error *err, mql_error *error)
{
    if (error == NULL)
        return;
    mql_error full = {
        .size = error->size, .status = err->status, .position = err->position};
    memcpy(full.sqlstate, err->sqlstate, sizeof err->sqlstate);
    snprintf(full.message, sizeof full.message, "%s", err->text);
    snprintf(full.detail, sizeof full.detail, "%s", err->detail);
    snprintf(full.hint, sizeof full.hint, "%s", err->hint);
    /* An older program's struct is shorter. */
    size_t size = error->size < sizeof full ? error->size : sizeof full;
    memcpy(error, &full, size);
}

/* A directory of its own under $TMPDIR. */
static mql_status
make_temporary(char **path, Error *err)
{
    const char *folder = getenv("TMPDIR");
    if (folder == NULL || folder[0] == '\0')
        folder = "/tmp";
    size_t size = strlen(folder) + sizeof "/mql-XXXXXX";
    *path = malloc(size);
    if (*path == NULL)
        return error_no_memory(err);
    snprintf(*path, size, "%s/mql-XXXXXX", folder);
    if (mkdtemp(*path) != NULL)
        return MQL_OK;
    free(*path);
    *path = NULL;
    return error_set(err, ERR_IO_ERROR,
                     "could not create a temporary directory in \"%s\"",
                     folder);
}

/* Remove a directory the store made: two levels, files only. */
static void
remove_tree(const Vfs *vfs, const char *path, int depth)
{
    Buffer names = BUFFER_INIT;
    if (depth < 3 && vfs->list(vfs->context, path, &names) >= 0) {
        size_t offset = 0;
        while (offset < names.size) {
            const char *name = names.data + offset;
            offset += strlen(name) + 1;
            char *inner = path_join(path, name);
            if (inner == NULL)
                continue;
            if (vfs->unlink(vfs->context, inner) != 0)
                remove_tree(vfs, inner, depth + 1);
            free(inner);
        }
    }
    buffer_free(&names);
    vfs->rmdir(vfs->context, path);
}

mql_status
database_open(const char *path, const Vfs *vfs, const mql_open_options *options,
              mql_db **db, Error *err)
{
    *db = NULL;
    mql_db *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_no_memory(err);
    mql_open_options given = MQL_OPEN_OPTIONS_INIT;
    if (options != NULL) /* an older program's struct is shorter */
        memcpy(&given, options,
               options->size < sizeof given ? options->size : sizeof given);
    const StoreOptions store_options = {
        .vfs = vfs,
        .must_exist = given.must_exist != 0,
        .must_be_new = given.must_be_new != 0,
        .is_read_only = given.read_only != 0,
        .threads = given.threads > 0 ? (uint32_t)given.threads : 0,
        .has_jobs = vfs == NULL && given.no_jobs == 0 && given.read_only == 0,
        .log = {given.log, given.log_context},
    };
    mql_status status = MQL_OK;
    if (path == NULL && store_options.is_read_only) {
        free(made);
        return error_set(err, ERR_INVALID_PARAMETER,
                         "a temporary database cannot be read-only");
    }
    if (path == NULL) {
        status = make_temporary(&made->temporary, err);
        path = made->temporary;
    }
    if (status == MQL_OK)
        status = alarms_create(&made->alarms, err);
    if (status == MQL_OK)
        status = store_open(path, &store_options, &made->store, err);
    if (status != MQL_OK) {
        alarms_destroy(made->alarms);
        if (made->temporary != NULL)
            remove_tree(&posix_vfs, made->temporary, 0);
        free(made->temporary);
        free(made);
        return status;
    }
    db_mark(made);
    *db = made;
    return MQL_OK;
}

mql_status
mql_open(const char *path, const mql_open_options *options, mql_db **db,
         mql_error *error)
{
    Error err = ERROR_INIT;
    if (db == NULL)
        return misuse(error);
    mql_status status = database_open(path, NULL, options, db, &err);
    error_export(&err, error);
    return status;
}

mql_status
mql_restore(const char *backup, const char *path, mql_error *error)
{
    Error err = ERROR_INIT;
    mql_status status =
        backup == NULL || path == NULL || *backup == '\0' || *path == '\0'
            ? error_set(&err, ERR_MISUSE, "a directory has no name")
            : backup_restore(&posix_vfs, backup, path, NULL, &err);
    error_export(&err, error);
    return status;
}

mql_status
mql_close(mql_db *db)
{
    if (db == NULL)
        return MQL_OK;
    if (!db_is_usable(db) || atomic_load(&db->connections) > 0)
        return MQL_MISUSE;
    db_wipe(db);
    alarms_destroy(db->alarms);
    store_close(db->store);
    if (db->temporary != NULL)
        remove_tree(&posix_vfs, db->temporary, 0);
    free(db->temporary);
    free(db);
    return MQL_OK;
}

/* A session of the user's; closed again when he is refused. */
static mql_status
open_session(mql_db *db, const char *user, const char *password,
             Session *session, Error *err)
{
    const Slice given = {password, password == NULL ? 0 : strlen(password)};
    TRY(session_open(db->store, session, err));
    mql_status status = session_login(session, slice_of(user),
                                      password == NULL ? NULL : &given, err);
    if (status != MQL_OK)
        session_close(session);
    return status;
}

mql_status
mql_connect(mql_db *db, mql_conn **conn, mql_error *error)
{
    return mql_connect_as(db, "root", NULL, conn, error);
}

mql_status
mql_connect_as(mql_db *db, const char *user, const char *password,
               mql_conn **conn, mql_error *error)
{
    Error err = ERROR_INIT;
    if (conn != NULL)
        *conn = NULL;
    if (conn == NULL || user == NULL || !db_is_usable(db))
        return misuse(error);
    mql_conn *made = calloc(1, sizeof *made);
    mql_status status =
        made == NULL ? error_no_memory(&err)
                     : open_session(db, user, password, &made->session, &err);
    if (status == MQL_OK) {
        made->db = db;
        made->session.alarms = db->alarms;
        conn_mark(made);
        atomic_fetch_add(&db->connections, 1);
        *conn = made;
    } else {
        free(made);
    }
    error_export(&err, error);
    return status;
}

mql_status
mql_disconnect(mql_conn *conn)
{
    if (conn == NULL)
        return MQL_OK;
    if (!conn_enter(conn))
        return MQL_MISUSE;
    error_clear(&conn->session.error);
    if (conn->session.statement_count > 0) {
        error_set(&conn->session.error, ERR_MISUSE,
                  "the connection has statements: finalize them first");
        conn_leave(conn);
        return MQL_MISUSE;
    }
    conn_wipe(conn);
    atomic_fetch_sub(&conn->db->connections, 1);
    session_close(&conn->session);
    free(conn);
    return MQL_OK;
}

const char *
mql_current_user(mql_conn *conn)
{
    if (!conn_enter(conn))
        return NULL;
    const char *name = conn->session.user_name;
    conn_leave(conn);
    return name;
}

const char *
mql_path(mql_conn *conn)
{
    return conn_is_usable(conn) ? store_path(conn->db->store) : NULL;
}

const char *
mql_current_database(mql_conn *conn)
{
    if (!conn_enter(conn))
        return NULL;
    const char *name = conn->session.database_name;
    conn_leave(conn);
    return name;
}

int32_t
mql_transaction_state(mql_conn *conn)
{
    if (!conn_enter(conn))
        return MQL_TRANSACTION_NONE;
    const Session *session = &conn->session;
    int32_t state = MQL_TRANSACTION_NONE;
    if (session->transaction != NULL)
        state =
            session->is_failed ? MQL_TRANSACTION_FAILED : MQL_TRANSACTION_OPEN;
    conn_leave(conn);
    return state;
}

void
mql_error_get(mql_conn *conn, mql_error *error)
{
    if (!conn_enter(conn)) {
        misuse(error);
        return;
    }
    error_export(&conn->session.error, error);
    conn_leave(conn);
}

/* Beside a call of another thread, by design. */
void
mql_interrupt(mql_conn *conn)
{
    if (conn_is_usable(conn))
        atomic_store(&conn->session.cancel, true);
}

void
mql_on_notice(mql_conn *conn,
              void (*notice)(void *, const char *, const char *), void *context)
{
    if (!conn_enter(conn))
        return;
    conn->session.notice = notice;
    conn->session.notice_context = context;
    conn_leave(conn);
}

void
mql_on_copy_data(mql_conn *conn, int64_t (*read)(void *, char *, size_t),
                 void *context)
{
    if (!conn_enter(conn))
        return;
    conn->session.copy_read = read;
    conn->session.copy_context = context;
    conn_leave(conn);
}

void
mql_on_progress(mql_conn *conn,
                int (*progress)(void *, const char *, uint64_t, uint64_t),
                void *context)
{
    if (!conn_enter(conn))
        return;
    conn->session.progress = progress;
    conn->session.progress_context = context;
    conn_leave(conn);
}

size_t
mql_statement_size(const char *sql, size_t size)
{
    return sql == NULL ? 0 : sql_statement_size(sql, size);
}

const char *
mql_keyword(int32_t index)
{
    return sql_keyword(index);
}
