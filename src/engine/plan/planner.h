/* SPDX-License-Identifier: Apache-2.0 */
/*
 * planner.h - syntax to plan: names, types, and the choice of indexes.
 */
#ifndef ENGINE_PLAN_PLANNER_H
#define ENGINE_PLAN_PLANNER_H

#include "engine/collection/store.h"
#include "engine/plan/plan.h"

/* What analysing needs; everything made lives in `arena`. */
typedef struct Planner {
    Arena *arena;
    const Version *version; /* the catalogue */
    uint64_t database;      /* the session's current one */
    const char *database_name;
    /* Hints name no collection that the user may not see; NULL: all. */
    const Access *access;
    uint64_t user;
    Type *parameter_types; /* filled in, `parameter_count` */
    uint32_t parameter_count;
    /* A remark for the user that is no error; may be NULL. */
    void (*notice)(void *context, const char *message);
    void *notice_context;
    /* The next SEARCH is a cursor's: without LIMIT it goes on to the last row.
     */
    bool is_cursor;
    /* OUT: the statement has AS OF, so its Version is to be taken after
     * store_settle_clock(). */
    bool has_moment;
    /* Definitions that the plan points into: each is retained; the owner
     * releases them. */
    Collection **retained;
    uint32_t retained_count, retained_capacity;
} Planner;

/* Give the retained definitions back. */
void planner_release(Planner *planner);

/* The collection a NAME node means: UNDEFINED_TABLE with a candidate. */
mql_status planner_collection(Planner *planner, const Node *name,
                              const CollectionVersion **found, Error *err);

/* The same for a query, which the database may deny. */
mql_status planner_source(Planner *planner, const Node *name,
                          const CollectionVersion **found, Error *err);

/* A scope over a collection's fields, and `extra` columns after them; what may
 * stand before a name (qualifier) is the caller's to set. */
mql_status planner_scope(Planner *planner, const Collection *collection,
                         const ScopeColumn *extra, uint32_t extra_count,
                         Scope **scope, Error *err);

/* Where to look: collection (must be loaded), PARTITIONS (may be NULL), WHERE
 * (may be NULL). */
mql_status planner_table(Planner *planner, const CollectionVersion *version,
                         const Scope *scope, const Node *partitions,
                         const Node *where, TablePlan *table, Error *err);

/* AS OF (may be NULL) for a table: a timestamp, milliseconds since 1970, or the
 * number of a commit; constants are checked here, the rest when it runs. */
mql_status planner_moment(Planner *planner, const Node *as_of, TablePlan *table,
                          Error *err);

/* The index conditions of a filter: see filter.c. */
mql_status planner_filter(Planner *planner, const Collection *collection,
                          const Scope *scope, const Expr *where,
                          TablePlan *table, Error *err);

/* What the constant pattern of a LIKE begins with, until it may go on in
 * several ways; in place. */
Slice planner_like_beginning(const Expr *like);

/* What least and greatest values of blocks tell of a condition; NULL: nothing.
 */
const ZoneTest *planner_zones(Planner *planner, const Collection *collection,
                              const Expr *where);

/* The plan of a SELECT or SEARCH. Its columns are the result's. */
mql_status planner_query(Planner *planner, const Node *query,
                         const PlanNode **plan, Error *err);

/* Both halves of planner_query(). */
mql_status planner_select(Planner *planner, const Node *select,
                          const PlanNode **plan, Error *err);
mql_status planner_search(Planner *planner, const Node *search,
                          const PlanNode **plan, Error *err);
/* A SEARCH that goes on past any limit, for a cursor. */
mql_status planner_search_all(Planner *planner, const Node *search,
                              const PlanNode **plan, Error *err);

/* The items of a SELECT list or RETURNING over `input`, as a projection.
 * `leading` columns of the input come first as they are (SEARCH's key and
 * distance). */
mql_status planner_project(Planner *planner, const Node *list,
                           const Scope *scope, const PlanNode *input,
                           const uint32_t *leading, uint32_t leading_count,
                           const PlanNode **plan, Error *err);

/* Sort keys of an ORDER BY; `items` (may be NULL) is the SELECT list, for
 * aliases and ordinals. */
mql_status planner_sort(Planner *planner, const Node *order_by,
                        const Node *items, const Scope *scope,
                        const PlanNode *input, const PlanNode **plan,
                        Error *err);

/* WITH (...) of a search over the field: fills the plan's options. `options`
 * may be NULL. */
mql_status planner_search_options(Planner *planner, const Node *options,
                                  SearchPlan *plan, Error *err);

/* A vector search on `field` with metric and index chosen; `metric` NULL: the
 * index's or the default. */
void planner_choose_index(const Collection *collection, uint32_t field,
                          const Metric *metric, SearchPlan *plan);

/* LIMIT's or OFFSET's expression, coerced to INT64; NULL node: NULL. */
mql_status planner_count(Planner *planner, const Node *clause,
                         const Expr **expr, Error *err);

/* A clause that the engine does not do yet: FEATURE_NOT_SUPPORTED at its
 * position. NULL node: MQL_OK. */
mql_status planner_unbuilt(const Node *clause, const char *what, Error *err);

/* An arena copy of formatted text; NULL: out of memory. */
char *planner_text(Planner *planner, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
