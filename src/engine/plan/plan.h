/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - what a query will do: a tree of nodes, immutable once made.
 *
 * A plan belongs to a prepared statement and may be run many times; what
 * changes during a run lives in the operators of exec/. Every node says which
 * columns its batches have; its input is below it. A collection's batches have
 * its fields at their positions (unused ones are not read and have no data),
 * then the search's own columns.
 */
#ifndef ENGINE_PLAN_PLAN_H
#define ENGINE_PLAN_PLAN_H

#include "engine/catalog/catalog.h"
#include "engine/expr/expr.h"

typedef enum PlanKind {
    PLAN_ONE_ROW, /* a row without columns: SELECT without FROM       */
    PLAN_SCAN,    /* rows of a collection                             */
    PLAN_SEARCH,  /* the nearest rows of a collection                 */
    PLAN_COUNT,   /* how many rows a scan or its input would give     */
    PLAN_FILTER,  /* the rows of its input for which a condition holds */
    PLAN_SORT,
    PLAN_LIMIT,
    PLAN_PROJECT,
    PLAN_KIND_COUNT
} PlanKind;

typedef struct PlanNode {
    PlanKind kind;
    const struct PlanNode *input; /* NULL: a leaf                     */
    const ScopeColumn *columns;   /* of the batches it gives          */
    uint32_t column_count;
} PlanNode;

/* ---- filters ---- */

typedef enum ConditionKind {
    CONDITION_AND,
    CONDITION_OR,
    CONDITION_INDEX, /* a predicate that a scalar index answers        */
    CONDITION_KEY,   /* key = constant, key IN list: a lookup          */
} ConditionKind;

/*
 * A condition that needs no column: NOT has been pushed down to the leaves, so
 * that sets of rows for which it is TRUE can be united and intersected under
 * three-valued logic.
 */
typedef struct Condition {
    ConditionKind kind;
    struct Condition *const *children; /* AND, OR */
    uint32_t child_count;
    const IndexDefinition *index; /* INDEX */
    KeyType key_type;
    PredicateKind predicate; /* INDEX */
    bool is_negated; /* INDEX: the not NULL rows that do not satisfy it */
    bool wants_null; /* INDEX: IS NULL: the rows that have no key       */
    bool has_low, has_high, low_inclusive, high_inclusive;
    const Expr *low, *high; /* RANGE, KEY and INDEX with one value (low) */
    const Expr *list;   /* IN: the EXPR_IN node                            */
    Slice prefix;       /* PREFIX */
    const Slice *texts; /* CONTAINS */
    uint32_t text_count;
    bool is_wide; /* INDEX: more rows may be found than satisfy it, so that
                     they are looked at again; never negated             */
} Condition;

/* Whether it finds the rows for which it is TRUE and no others. */
bool condition_is_exact(const Condition *condition);

typedef enum ZoneTestKind {
    ZONE_AND,
    ZONE_OR,
    ZONE_COMPARE, /* column <compare> low                              */
    ZONE_IN,      /* column IN list                                    */
    ZONE_PREFIX,  /* column begins with `prefix`                       */
    ZONE_NULL,    /* column IS NULL                                    */
    ZONE_VALUE,   /* column has a value                                */
} ZoneTestKind;

/*
 * What a block of rows must have for a condition to be TRUE for any of them, as
 * far as least and greatest values tell (collection/zones.h). Needs no index.
 */
typedef struct ZoneTest {
    ZoneTestKind kind;
    const struct ZoneTest *const *children; /* AND, OR */
    uint32_t child_count;
    uint32_t column; /* a field of a type with zones */
    CompareOp compare;
    const Expr *value; /* COMPARE: a constant      */
    const Expr *list;  /* IN: the EXPR_IN node     */
    Slice prefix;      /* PREFIX                   */
} ZoneTest;

/* One member of the WHERE's top-level AND. */
typedef struct Conjunct {
    const Expr *expr;
    const Condition *condition; /* NULL: only on columns */
    const ZoneTest *zones;      /* NULL: they tell nothing */
    const uint32_t *columns;    /* fields expr reads, by position    */
    uint32_t column_count;
    uint32_t cost; /* of a row, by rule of thumb; the dearest may fail */
} Conjunct;

/* A collection, and which of its rows. */
typedef struct TablePlan {
    const Collection *collection; /* as of the analysis */
    const uint64_t *partitions;   /* ids */
    uint32_t partition_count;     /* 0: all */
    const Conjunct *conjuncts;
    uint32_t conjunct_count;
    const Scope *scope; /* for printing */
    const bool *used;   /* per scope position: the batches have it */
    uint32_t column_count;
    const Expr *moment; /* AS OF; NULL: the run's own */
    bool is_sequence;   /* it is the number of a commit */
} TablePlan;

/* ---- nodes ---- */

typedef struct ScanPlan {
    PlanNode base;
    TablePlan table;
} ScanPlan;

/* With an input its rows are counted, without one those of the table. */
typedef struct CountPlan {
    PlanNode base;
    TablePlan table;
} CountPlan;

typedef struct FilterPlan {
    PlanNode base;
    const Expr *condition;
    const Scope *scope; /* for printing */
} FilterPlan;

typedef struct SearchTarget {
    const Expr *vector;    /* a vector, or NULL              */
    const Expr *key;       /* KEY: a key's value, or NULL    */
    const PlanNode *query; /* (SELECT v ...): one column     */
    int64_t position;
} SearchTarget;

typedef struct SearchPlan {
    PlanNode base;
    TablePlan table;
    uint32_t field; /* position of the vector field */
    Metric metric;
    const IndexDefinition *index; /* NULL: exact */
    IndexOptions options;         /* the index's search options        */
    bool has_effort;              /* an option of the index is given   */
    int64_t given_at[INDEX_OPTIONS_MOST]; /* positions; 0: not given   */
    double recall; /* asked in place of it; 0: not      */
    int64_t recall_position;
    const SearchTarget *targets;
    uint32_t target_count;
    bool numbers_queries;       /* several targets: column `query`         */
    const Expr *limit;          /* NULL: 10                                */
    const Expr *offset;         /* NULL: 0                                 */
    bool is_exact;              /* exact = true                            */
    FilterStrategy filter_plan; /* asked for                             */
    int64_t filter_plan_position;
    bool is_endless; /* a cursor's: all rows, in rounds         */
    bool ignores_growing;
    bool has_radius, has_range_filter;
    double radius, range_filter; /* in the user's numbers              */
    int32_t round_decimal;       /* -1: not rounded                    */
    bool skips_nothing;      /* ORDER BY: rows without a vector come last    */
    int32_t distance_column; /* position in the batch, -1: none */
    int32_t query_column;
} SearchPlan;

typedef struct SortKey {
    const Expr *expr;
    bool descends;
    bool nulls_first;
} SortKey;

typedef struct SortPlan {
    PlanNode base;
    const SortKey *keys;
    uint32_t key_count;
    const Expr *limit, *offset; /* NULL: all; else only so many are kept */
} SortPlan;

typedef struct LimitPlan {
    PlanNode base;
    const Expr *limit;  /* NULL: all */
    const Expr *offset; /* NULL: 0   */
} LimitPlan;

typedef struct ProjectPlan {
    PlanNode base;
    const Expr *const *items;
    const Scope *scope;
} ProjectPlan;

#endif
