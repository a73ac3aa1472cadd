/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement.h - a prepared statement and the table of all kinds of statement.
 *
 * A kind is one entry of statement_kinds: how it is analysed and how it runs.
 * Queries have a plan and are run by exec/; the others do their work in run()
 * and may leave rows.
 */
#ifndef ENGINE_SESSION_STATEMENT_H
#define ENGINE_SESSION_STATEMENT_H

#include "engine/collection/transaction.h"
#include "engine/exec/exec.h"
#include "engine/plan/planner.h"
#include "engine/session/permission.h"
#include "engine/session/session.h"

/* Where a statement may stand. */
typedef enum StatementPlace {
    PLACE_ANY,     /* within a transaction or without                    */
    PLACE_ALONE,   /* not within BEGIN and COMMIT                        */
    PLACE_CONTROL, /* begins and ends transactions; also in a failed one */
} StatementPlace;

typedef struct StatementKind {
    NodeKind node;
    const char *tag; /* what psql would print after it: "CREATE COLLECTION" */
    bool counts;     /* the tag ends with the number of rows: "INSERT 3"      */
    /* Analyse prepared->root; sets plan or columns. May be NULL: all is done by
     * run(). */
    mql_status (*prepare)(Prepared *prepared, Error *err);
    /* Do it. NULL: a query, run by its plan. */
    mql_status (*run)(Prepared *prepared, Error *err);
    StatementPlace place;
    AskRule asks; /* what it needs of its user (permission.h) */
    Privilege privilege;
} StatementKind;

/* The entry of a kind of node, NULL when the engine does not do it yet. */
const StatementKind *statement_kind(NodeKind node);

/* permit.c: whether the current database's properties let the statement run;
 * and let stay what it has changed. */
mql_status permit_statement(const Prepared *prepared, const Version *version,
                            Error *err);
mql_status permit_changes(const Prepared *prepared, Transaction *transaction,
                          Error *err);

/* Rows that a statement leaves, in memory: SHOW, DESCRIBE, EXPLAIN. */
typedef struct Rows {
    Value *values; /* row after row */
    uint64_t count, capacity;
    uint64_t given;
} Rows;

/* Rows that a change gives back, in exec_arena; given in their order. */
typedef struct KeptBatch {
    struct KeptBatch *next;
    Batch batch;
} KeptBatch;

struct Prepared {
    Session *session;
    Arena parse_arena;  /* text and tree: as long as the statement          */
    Arena plan_arena;   /* plan: until the schema changes                   */
    Arena exec_arena;   /* one run                                          */
    Arena batch_arena;  /* one batch of a run, empty between: run() takes it */
    ArenaSpares spares; /* of the runs' arenas, for the next run            */
    const char *text;
    Statement statement;
    const StatementKind *kind;
    const char *tag;   /* of the run, when it is not the kind's; else NULL   */
    bool is_analysed;  /* false after an analysis that failed              */
    uint64_t analysis; /* counts them: columns may differ after each       */
    uint64_t schema;   /* of the Version it was analysed with              */

    Planner planner;
    const PlanNode *plan;       /* queries                                 */
    const ScopeColumn *columns; /* of the result                           */
    uint32_t column_count;
    void *detail; /* what prepare() found out, for run(): its kind's own   */
    Asked *asked; /* of its user; in plan_arena                   */
    const Access *access;     /* that was last held against it, the newest;   */
    const Access *own_access; /* and its transaction's, or NULL; retained  */
    bool is_permitted;        /* both let all of it through                */
    bool reads_no_rows; /* prepare(): definitions are all that it looks at */

    Value *parameters;
    Type *parameter_types;
    char **parameter_copies; /* malloc'ed, of MQL_TRANSIENT values         */

    bool is_running;
    const Version *version; /* while running                               */
    Execution execution;
    Operator *operator; /* queries, while running                      */
    Rows rows;
    /* Set by run(): gives the rows instead of `rows`. NULL otherwise. */
    mql_status (*next)(Prepared *prepared, Batch *batch, Error *err);
    KeptBatch *kept; /* those of RETURNING still to be given               */
    KeptBatch *kept_last;
    Error conclusion; /* a failure that follows the rows: CHECK             */
    int64_t changes;
    int64_t deadline; /* statement_timeout: microseconds, 0: none          */
};

/* Parse and analyse the first statement of `sql`. `*prepared` is NULL for an
 * empty text. */
mql_status prepared_create(Session *session, const char *sql, size_t size,
                           Prepared **prepared, size_t *statement_size,
                           Error *err);
void prepared_destroy(Prepared *prepared);

/* Analyse again with the newest catalogue, when it has changed. */
mql_status prepared_refresh(Prepared *prepared, const Version *version,
                            Error *err);

/* Begin a run: queries open their operators, others do their work. */
mql_status prepared_start(Prepared *prepared, Error *err);
/* The next rows; count 0 at the end. */
mql_status prepared_next(Prepared *prepared, Batch *batch, Error *err);
/* Whether all that the run has read was there: asked before a value leaves. */
mql_status prepared_intact(const Prepared *prepared, Error *err);
/* End the run, wherever it is. */
void prepared_stop(Prepared *prepared);

/* ---- for the kinds ---- */

/* The session's open transaction, or one for this statement alone; its view is
 * what the statement is analysed with, and prepared->version and execution see
 * it. Errors: READ_ONLY in a read-only transaction. */
mql_status prepared_begin(Prepared *prepared, Transaction **transaction,
                          Error *err);
/* The statement's end: with status MQL_OK its changes are committed, or stay
 * with the session's open transaction; else they are taken back. `transaction`
 * is not to be used after it. Every prepared_begin() has its prepared_end(). */
mql_status prepared_end(Prepared *prepared, Transaction *transaction,
                        mql_status status, Error *err);
/* Who watches the statement's long work. */
Watch prepared_watch(Prepared *prepared);
/* The columns of a SHOW: names and kinds, in the plan's arena. */
mql_status prepared_columns(Prepared *prepared, const ScopeColumn *columns,
                            uint32_t count);
/* One more row; `values` are copied, their bytes must live in exec_arena or
 * longer. */
mql_status rows_add(Prepared *prepared, const Value *values, Error *err);
/* Rows of RETURNING; the batch and all it points to live in exec_arena. */
void prepared_keep(Prepared *prepared, KeptBatch *kept);
/* Text copied to exec_arena; NULL text: NULL. */
Value rows_text(Prepared *prepared, const char *text);
Value rows_buffer(Prepared *prepared,
                  Buffer *buffer); /* its contents; empties it */

#endif
