/* SPDX-License-Identifier: Apache-2.0 */
/* operators.h - the operators, for operators.c; */
#ifndef ENGINE_EXEC_OPERATORS_H
#define ENGINE_EXEC_OPERATORS_H

#include "engine/exec/explain.h"

extern const OperatorKind one_row_operator;
extern const OperatorKind scan_operator;
extern const OperatorKind search_operator;
extern const OperatorKind count_operator;
extern const OperatorKind filter_operator;
extern const OperatorKind sort_operator;
extern const OperatorKind limit_operator;
extern const OperatorKind project_operator;

/* What least and greatest values tell of a segment (zones.c). */
typedef struct ZoneAnswer {
    bool is_none;         /* no row of the segment          */
    uint32_t block_count; /* 0: nothing is known of blocks  */
    uint32_t left;        /* blocks that may have rows      */
    uint64_t *blocks;     /* their bits                     */
} ZoneAnswer;

mql_status zones_ask(const TablePlan *table, Execution *execution,
                     const Segment *segment, Arena *arena, ZoneAnswer *answer,
                     Error *err);
/* Clear the bits of rows that are in none of these blocks. */
void zones_mask(const ZoneAnswer *answer, uint32_t row_count, uint64_t *bits);

/* Take the rows out of `rows` for which a conjunct that is not done is not
 * TRUE (filter_columns.c). Its bits must be there. */
mql_status columns_ask(const TablePlan *table, Execution *execution,
                       const bool *is_done, SegmentRows *rows, Arena *arena,
                       FilterCounters *counters, Error *err);

#endif
