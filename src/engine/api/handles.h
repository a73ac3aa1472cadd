/* SPDX-License-Identifier: Apache-2.0 */
/* handles.h - what the opaque handles of mql.h are. */
#ifndef ENGINE_API_HANDLES_H
#define ENGINE_API_HANDLES_H

#include "engine/session/statement.h"

struct mql_db {
    Store *store;
    atomic_uint connections;
    char *temporary; /* path to remove on close, malloc'ed; NULL: none */
};

struct mql_conn {
    Session session;
    mql_db *db;
};

struct mql_stmt {
    mql_conn *conn;
    Prepared *prepared;
    Batch batch;      /* the current rows              */
    uint32_t row;     /* of the batch, current          */
    bool has_row;     /* between MQL_ROW and what follows */
    Buffer *texts;    /* per column: its text            */
    Buffer *vectors;  /* per column: its vector          */
    Buffer type_text; /* of the last type asked            */
    Buffer tag;
    char **names; /* per column, NUL-terminated */
    uint32_t name_count;
    uint64_t analysis; /* of the Prepared that `names` are of */
    int64_t changes;
};

/* Copy an Error into the caller's; NULL is allowed. */
void error_export(const Error *err, mql_error *error);

#endif
