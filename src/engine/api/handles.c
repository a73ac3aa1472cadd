/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handles.c - whether a handle may be used.
 *
 * Every function of mql.h asks here first. A handle that was closed is told by
 * its mark as long as its memory has not been given to somebody else.
 */
#include "engine/api/handles.h"

#include "base/fork.h"

#define MARK_DB 0x4d514c44u   /* "MQLD" */
#define MARK_CONN 0x4d514c43u /* "MQLC" */
#define MARK_STMT 0x4d514c53u /* "MQLS" */

static void
set_mark(HandleMark *mark, uint32_t kind)
{
    fork_watch();
    mark->generation = fork_generation();
    mark->kind = kind;
}

/* Volatile: a closed handle's mark must be wiped although it is freed next. */
static void
wipe(HandleMark *mark)
{
    volatile uint32_t *kind = &mark->kind;
    *kind = 0;
}

static bool
is_marked(const HandleMark *mark, uint32_t kind)
{
    return mark->kind == kind && mark->generation == fork_generation();
}

void
db_mark(mql_db *db)
{
    set_mark(&db->mark, MARK_DB);
}

void
db_wipe(mql_db *db)
{
    wipe(&db->mark);
}

bool
db_is_usable(const mql_db *db)
{
    return db != NULL && is_marked(&db->mark, MARK_DB);
}

void
conn_mark(mql_conn *conn)
{
    atomic_init(&conn->is_busy, false);
    set_mark(&conn->mark, MARK_CONN);
}

void
conn_wipe(mql_conn *conn)
{
    wipe(&conn->mark);
}

bool
conn_is_usable(const mql_conn *conn)
{
    return conn != NULL && is_marked(&conn->mark, MARK_CONN);
}

bool
conn_enter(mql_conn *conn)
{
    return conn_is_usable(conn) &&
           !atomic_exchange_explicit(&conn->is_busy, true,
                                     memory_order_acquire);
}

void
conn_leave(mql_conn *conn)
{
    atomic_store_explicit(&conn->is_busy, false, memory_order_release);
}

void
stmt_mark(mql_stmt *stmt)
{
    set_mark(&stmt->mark, MARK_STMT);
}

void
stmt_wipe(mql_stmt *stmt)
{
    wipe(&stmt->mark);
}

bool
stmt_enter(mql_stmt *stmt)
{
    return stmt != NULL && is_marked(&stmt->mark, MARK_STMT) &&
           conn_enter(stmt->conn);
}

void
stmt_leave(mql_stmt *stmt)
{
    conn_leave(stmt->conn);
}

Error *
fresh_error(mql_conn *conn)
{
    error_clear(&conn->session.error);
    return &conn->session.error;
}

mql_status
misuse(mql_error *error)
{
    Error err = ERROR_INIT;
    error_set(&err, ERR_MISUSE,
              "a handle that is NULL, closed, of another kind, of the parent "
              "process, or in use by another thread");
    error_export(&err, error);
    return MQL_MISUSE;
}
