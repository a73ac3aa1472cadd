/* SPDX-License-Identifier: Apache-2.0 */
/* search_recall.h - how much of the truth a search found. */
#ifndef ENGINE_EXEC_SEARCH_RECALL_H
#define ENGINE_EXEC_SEARCH_RECALL_H

#include "engine/exec/exec.h"

typedef struct SearchRecall {
    uint64_t k;      /* rows asked for of each target     */
    uint64_t wanted; /* rows of the exact answers         */
    uint64_t found;  /* that the search gave as near ones */
} SearchRecall;

/* Whether a plan is of a search by vector. */
bool plan_is_search(const PlanNode *plan);

/* After the tree has given all its rows: do its search again, exactly, and
 * compare. A row is found when it is no farther than the last of the exact
 * answer: of rows that are equally far any will do. */
mql_status search_recall(const Operator *operator, SearchRecall * recall,
                         Error *err);

#endif
