/* SPDX-License-Identifier: Apache-2.0 */
/* handles.h - what the opaque handles of mql.h are. */
#ifndef ENGINE_API_HANDLES_H
#define ENGINE_API_HANDLES_H

#include "engine/session/statement.h"

/* What a handle is, and of which process. Not at the beginning of the struct:
 * allocators write there when it has been freed. */
typedef struct HandleMark {
    uint32_t kind;
    uint32_t generation;
} HandleMark;

struct mql_db {
    HandleMark mark; /* first: a handle of another type is looked at too */
    Store *store;
    Alarms *alarms;
    atomic_uint connections;
    char *temporary; /* path to remove on close, malloc'ed; NULL: none */
};

struct mql_conn {
    HandleMark mark; /* first: a handle of another type is looked at too */
    Session session;
    mql_db *db;
    atomic_bool is_busy; /* a call is under way */
};

struct mql_stmt {
    HandleMark mark; /* first: a handle of another type is looked at too */
    mql_conn *conn;
    Prepared *prepared;
    Batch batch;      /* the current rows              */
    uint32_t row;     /* of the batch, current          */
    uint32_t rows;    /* of the last step, `row` the first; 0: none */
    Buffer *texts;    /* per column: its text            */
    Buffer *vectors;  /* per column: its vector          */
    Buffer type_text; /* of the last type asked            */
    Buffer tag;
    char **names; /* per column, NUL-terminated */
    uint32_t name_count;
    uint64_t analysis; /* of the Prepared that `names` are of */
    int64_t changes;
};

/* ---- handles.c ---- */

void db_mark(mql_db *db);
void db_wipe(mql_db *db);
bool db_is_usable(const mql_db *db);

void conn_mark(mql_conn *conn);
void conn_wipe(mql_conn *conn);
bool conn_is_usable(const mql_conn *conn);
/* Begin a call; false: MQL_MISUSE. A callback cannot begin another one. */
bool conn_enter(mql_conn *conn);
void conn_leave(mql_conn *conn);

void stmt_mark(mql_stmt *stmt);
void stmt_wipe(mql_stmt *stmt);
bool stmt_enter(mql_stmt *stmt);
void stmt_leave(mql_stmt *stmt);

/* The connection's error, empty: each call that reports begins so. */
Error *fresh_error(mql_conn *conn);

/*
 * The body of a function of mql.h: a call begins when its handle may be used
 * and nobody else's call on the connection is under way, and ends before it
 * returns.
 */
#define CALL(Type, otherwise, enter, leave, call)                              \
    do {                                                                       \
        if (!(enter))                                                          \
            return otherwise;                                                  \
        Type result = call;                                                    \
        leave;                                                                 \
        return result;                                                         \
    } while (0)
#define ON_STMT(Type, otherwise, call)                                         \
    CALL(Type, otherwise, stmt_enter(stmt), stmt_leave(stmt), call)
#define ON_CONN(Type, otherwise, call)                                         \
    CALL(Type, otherwise, conn_enter(conn), conn_leave(conn), call)

/* MQL_MISUSE, with words; `error` may be NULL. */
mql_status misuse(mql_error *error);

/* Copy an Error into the caller's; NULL is allowed. */
void error_export(const Error *err, mql_error *error);

#endif
