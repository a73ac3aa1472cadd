/* SPDX-License-Identifier: Apache-2.0 */
/* run_sql.h - statements that must succeed, for tests that use mql.h. */
#ifndef TESTS_RUN_SQL_H
#define TESTS_RUN_SQL_H

#include "files.h"
#include "mql.h"

static inline void
run_sql(mql_conn *conn, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    if (mql_exec(conn, sql) == MQL_OK)
        return;
    mql_error_get(conn, &error);
    fail_msg("%.200s: %s %s %s", sql, error.sqlstate, error.message,
             error.detail);
}

/* To be finalized by the caller. */
static inline mql_stmt *
prepare_sql(mql_conn *conn, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    mql_stmt *stmt = NULL;
    if (mql_prepare(conn, sql, -1, &stmt, NULL) != MQL_OK) {
        mql_error_get(conn, &error);
        fail_msg("%.200s: %s %s", sql, error.sqlstate, error.message);
    }
    return stmt;
}

#endif
