/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec.h - running a plan: a tree of operators beside the tree of plan nodes.
 *
 * One operator is one file with open, next, close and explain; operators.c
 * lists them. next() gives a batch that is valid until the operator's next
 * call; a batch of no rows is the end.
 */
#ifndef ENGINE_EXEC_EXEC_H
#define ENGINE_EXEC_EXEC_H

#include "engine/collection/store.h"
#include "engine/plan/plan.h"

/* Which rows of a collection are there: those inserted after `expired` and up
 * to `sequence`, and not deleted up to it. */
typedef struct Snapshot {
    uint64_t sequence;
    uint64_t expired; /* 0: none */
} Snapshot;

/* One run of a statement. */
typedef struct Execution {
    Store *store;
    const Version *version; /* what it sees */
    uint64_t sequence;      /* rows up to this commit */
    ExprRun run;
    Arena *arena; /* lives as long as the run; has the statement's limit */
    int64_t default_ef; /* hnsw.ef_search, 0: not set */
    bool reads_rows;    /* rank_by_reads */
    const Vfs *vfs;     /* its clock */
    bool is_timed;      /* EXPLAIN ANALYZE */
    /* Called with what the user should know; may be NULL. */
    void (*notice)(void *context, const char *message);
    void *notice_context;
    bool has_bypassed;           /* a damaged index, and said so */
    struct TableMoment *moments; /* found so far (moment.c) */
} Execution;

typedef struct OperatorKind OperatorKind;
struct Explainer; /* explain.h */

typedef struct Operator {
    const OperatorKind *kind;
    const PlanNode *plan;
    struct Operator *input; /* NULL: a leaf */
    Execution *execution;
    Arena batch_arena;  /* reset by operator_next() before each batch */
    bool keeps_batches; /* set by the reader: every batch stays valid until
                           close */
    uint64_t rows;      /* given so far */
    int64_t time;       /* microseconds in next(), input included; when timed */
} Operator;

struct OperatorKind {
    const char *name; /* in EXPLAIN */
    size_t size; /* of the operator's struct, which starts with an Operator */
    mql_status (*open)(Operator *operator, Error * err); /* may be NULL */
    mql_status (*next)(Operator *operator, Batch * batch, Error *err);
    void (*close)(
        Operator *operator); /* may be NULL; also after a failed open */
    /* The rest of the first line of text; may be NULL. */
    void (*title)(Buffer *out, const PlanNode *plan);
    /* May be NULL. About the plan, and when `operator` is not NULL about its
     * run. */
    void (*explain)(struct Explainer *explainer, const PlanNode *plan,
                    const Operator *operator);
};

/* By PlanKind; see operators.c. */
extern const OperatorKind *const operator_kinds[PLAN_KIND_COUNT];

mql_status operator_open(const PlanNode *plan, Execution *execution,
                         Operator **operator, Error * err);
mql_status operator_next(Operator *operator, Batch * batch, Error *err);
void operator_close(Operator *operator); /* NULL is allowed */

/* Whether all that the tree has read was there: DATA_CORRUPTED when a mapped
 * file could not be read. operator_next() asks after each batch. */
mql_status operator_intact(const Operator *operator, Error * err);

/* QUERY_CANCELED when the run was interrupted. */
mql_status execution_poll(const Execution *execution, Error *err);

/* What an index answered: damage is forgotten, after a notice once a run, since
 * the caller can scan instead; any other failure comes back as it is. */
mql_status execution_bypass(Execution *execution, mql_status status,
                            Error *err);

/* LIMIT's or OFFSET's value: `usual` when expr is NULL or its value is NULL.
 * Errors: INVALID_LIMIT... */
mql_status execution_count(Execution *execution, const Expr *expr,
                           const char *clause, uint64_t usual, uint64_t *count,
                           Error *err);

/* ---- rows of a collection ---- */

/*
 * What the run sees of the table: its own picture, or that of AS OF, found once
 * for a run. Errors: SNAPSHOT_TOO_OLD, INVALID_PARAMETER for the future,
 * UNDEFINED_TABLE when the collection was not there.
 */
mql_status table_snapshot(const TablePlan *table, Execution *execution,
                          Snapshot *snapshot, Error *err);

/* The rows of one segment that the filter lets through. */
typedef struct SegmentRows {
    const Segment *segment;
    uint32_t row_count; /* positions looked at                      */
    uint64_t *bits;     /* of row_count; NULL: all of them          */
    uint32_t count;     /* bits set                                 */
} SegmentRows;

/* Write the positions of the next rows, `most` at most, from position *from on;
 * returns their number, 0: no more. */
uint32_t segment_rows_next(const SegmentRows *rows, size_t *from,
                           uint32_t *positions, uint32_t most);

/* What filtering cost, for EXPLAIN ANALYZE. */
typedef struct FilterCounters {
    uint32_t segments;      /* looked at                             */
    uint32_t pruned;        /* left out by partition or least and greatest
                               values */
    uint32_t blocks;        /* of the others, whose values were asked */
    uint32_t blocks_pruned; /* left out by them                       */
    uint64_t visible_rows;  /* before the filter; after a lookup by key */
    uint64_t matching_rows; /* after it                              */
    uint64_t checked_rows;  /* whose columns were read for it        */
    uint32_t index_lookups;
} FilterCounters;

/*
 * Filter every segment of the table in the run's Version; `rows` OUT: an array
 * in `arena` with the segments that have any rows left.
 */
mql_status table_filter(const TablePlan *table, Execution *execution,
                        Arena *arena, SegmentRows **rows,
                        uint32_t *segment_count, FilterCounters *counters,
                        Error *err);

/* Whether the segment's partition is loaded and among the table's. */
bool table_has_segment(const TablePlan *table, const Collection *collection,
                       const Segment *segment);

/* table_filter() for one segment. */
mql_status segment_filter(const TablePlan *table, Execution *execution,
                          const Segment *segment, Arena *arena,
                          SegmentRows *rows, FilterCounters *counters,
                          Error *err);

/* The table's used columns of those rows, as a batch of table->column_count
 * columns. */
mql_status table_read(const TablePlan *table, const Segment *segment,
                      RowRange range, Arena *arena, Batch *batch, Error *err);

/* The CollectionVersion that the table means in the run's Version:
 * UNDEFINED_TABLE when it is gone. */
mql_status table_version(const TablePlan *table, const Execution *execution,
                         const CollectionVersion **version, Error *err);

#endif
