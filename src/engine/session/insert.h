/* SPDX-License-Identifier: Apache-2.0 */
/*
 * insert.h - INSERT and UPSERT: what analysis finds out, and a run.
 *
 * Rows come in batches, from VALUES or a query: a column for each place, made
 * whole rows of all the collection's fields, then written in one of three ways:
 * as new rows, in the place of those with their keys, or as ON CONFLICT says.
 */
#ifndef ENGINE_SESSION_INSERT_H
#define ENGINE_SESSION_INSERT_H

#include "base/map.h"
#include "engine/session/change.h"

/* ON CONFLICT */
typedef struct Conflict {
    bool updates; /* else nothing is done */
    const Scope *scope;
    Assignments assignments;
    const Expr *where; /* NULL: always */
} Conflict;

typedef struct Insert {
    const Collection *collection;
    uint64_t partition;
    bool is_upsert;
    bool is_overriding; /* OVERRIDING SYSTEM VALUE */
    Place *places;
    uint32_t place_count;
    bool keeps_old;        /* UPSERT with a list: fields left out keep theirs */
    const PlanNode *query; /* NULL: VALUES */
    const Expr **values;   /* VALUES: row after row, NULL: DEFAULT; a query: for
                              each place, over its columns */
    uint32_t row_count;    /* VALUES */
    const Conflict *conflict; /* NULL: none */
    const ProjectPlan *returning;
} Insert;

typedef struct InsertRun {
    Prepared *prepared;
    const Insert *insert;
    Transaction *transaction;
    InsertTarget target;
    Operator *operator; /* of the query */
    uint64_t first;     /* rows before this batch */
    Arena arena;        /* of the batch */
    Map keys;           /* those the statement wrote, see conflict.c */
    Arena key_arena;    /* their texts */
} InsertRun;

/* insert_rows.c */
mql_status insert_all(InsertRun *run, Error *err);

/* conflict.c */
mql_status conflict_prepare(Prepared *prepared, const Collection *collection,
                            const Node *clause, const Conflict **conflict,
                            Error *err);
/* Write the rows as ON CONFLICT says. */
mql_status conflict_write(InsertRun *run, const Batch *rows, Error *err);

/* What the statement did with a key, 0 when it met it never. */
uint64_t insert_key_state(const InsertRun *run, const Column *keys,
                          uint32_t row);
mql_status insert_note_key(InsertRun *run, const Column *keys, uint32_t row,
                           uint64_t state, Error *err);

#endif
