/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.h - what INSERT, UPSERT, UPDATE and DELETE share: the places that get
 * values, the new rows made of them, and RETURNING.
 */
#ifndef ENGINE_SESSION_CHANGE_H
#define ENGINE_SESSION_CHANGE_H

#include "engine/session/statement.h"

/* A field that gets a value, or a key of the dynamic one. */
typedef struct Place {
    int32_t field; /* -1: dynamic */
    Slice key;
} Place;

/* The place that `name` (its text and position) means. */
mql_status change_find_place(const Collection *collection, const Node *name,
                             Place *place, Error *err);

/* Whether it is among the `count` others. */
bool change_has_place(const Place *place, const Place *others, uint32_t count);

/* The position of the dynamic field, -1: there is none. */
int32_t change_dynamic_field(const Collection *collection);

/* A value for the place, of its field's type. */
mql_status change_value(Prepared *prepared, const Scope *scope,
                        const Node *node, const Collection *collection,
                        const Place *place, const Expr **value, Error *err);

/* Say where the failure is, before what its detail says already. */
mql_status change_blame(Error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Same, the row being known by its key: Row with key (id)=(5). */
mql_status change_blame_row(Error *err, const Collection *collection,
                            const Column *keys, uint32_t row);

/* Same, the field being named with its type. */
mql_status change_blame_field(Error *err, const Collection *collection,
                              const Place *place);

/* The first row of a batch whose evaluation failed: NOT_FOUND when none fails
 * by itself. */
mql_status change_find_row(const Expr *value, ExprRun *run, const Batch *batch,
                           Arena *arena, uint32_t *row);

/* A value as a JSON document; NULL stays NULL. */
mql_status change_json_value(Value *value, Arena *arena, Error *err);

/* As JSON documents; NULLs stay NULL. */
mql_status change_to_json(const Column *in, uint32_t count, Arena *arena,
                          Column *out, Error *err);

/*
 * Put `given` (a column for each place, JSON for dynamic keys) into the rows:
 * the fields' columns are replaced, the dynamic field's members united with
 * those of the row. A NULL takes a dynamic key away.
 */
mql_status change_merge(const Place *places, const Column *given,
                        uint32_t count, Batch *rows, Arena *arena, Error *err);

/* ---- f = expression, ... ---- */

typedef struct Assignments {
    const Collection *collection;
    Place *places;
    const Expr **values; /* NULL: DEFAULT */
    uint32_t count;
    bool sets_key;
} Assignments;

/* The ASSIGN nodes below `parent`; their expressions see `scope`. */
mql_status assignments_prepare(Prepared *prepared, const Node *parent,
                               const Collection *collection, const Scope *scope,
                               Assignments *assignments, Error *err);

/* The rows after the assignments, all in `arena`. `old` has the scope's
 * columns, the collection's fields first; `rows` gets the fields only. */
mql_status assignments_run(const Assignments *assignments, ExprRun *run,
                           const Batch *old, Arena *arena, Batch *rows,
                           Error *err);

/* ---- RETURNING ---- */

/* The items over the scope, which notes the fields they read; `*returning` is
 * NULL without a clause. The statement then has the items' columns. */
mql_status returning_prepare(Prepared *prepared, const Node *root,
                             const Scope *scope, const ProjectPlan **returning,
                             Error *err);

/* Keep the items' values for these rows, at most BATCH_ROWS; without a clause
 * nothing. OUT_OF_MEMORY: more than work_mem. */
mql_status returning_add(Prepared *prepared, const ProjectPlan *returning,
                         const Batch *rows, Error *err);

#endif
