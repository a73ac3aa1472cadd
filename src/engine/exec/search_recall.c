/* SPDX-License-Identifier: Apache-2.0 */
/* search_recall.c - EXPLAIN (ANALYZE, RECALL): the search beside the truth. */
#include "engine/exec/search_recall.h"

#include "engine/exec/search_internal.h"

bool
plan_is_search(const PlanNode *plan)
{
    while (plan->input != NULL)
        plan = plan->input;
    return plan->kind == PLAN_SEARCH;
}

/* The end of the hits of the target that the one at `first` is of. */
static size_t
target_end(const Hits *hits, size_t first)
{
    size_t end = first;
    while (end < hits->count &&
           hits->list[end].query == hits->list[first].query)
        end++;
    return end;
}

/* Hits of a target from *next on that are within `limit`; rows without a vector
 * come last, and only where there are no more with one. */
static uint64_t
count_within(const Hits *hits, size_t *next, const Hit *limit)
{
    uint64_t count = 0;
    while (*next < hits->count && hits->list[*next].query < limit->query)
        ++*next;
    for (; *next < hits->count && hits->list[*next].query == limit->query;
         ++*next) {
        const Hit *hit = &hits->list[*next];
        count += !limit->has_distance ||
                 (hit->has_distance && hit->distance <= limit->distance);
    }
    return count;
}

static void
compare_hits(const Hits *found, const Hits *exact, SearchRecall *recall)
{
    size_t next = 0;
    for (size_t first = 0; first < exact->count;) {
        size_t end = target_end(exact, first);
        uint64_t wanted = end - first;
        uint64_t within = count_within(found, &next, &exact->list[end - 1]);
        recall->wanted += wanted;
        recall->found += within < wanted ? within : wanted;
        first = end;
    }
}

mql_status
search_recall(const Operator *operator, SearchRecall * recall, Error *err)
{
    while (operator->input != NULL)
        operator= operator->input;
    const SearchOperator *search = (const SearchOperator *)operator;
    SearchPlan plan = *(const SearchPlan *)operator->plan;
    Operator *exact = NULL;
    plan.is_exact = true;
    *recall = (SearchRecall){.k = search->limit};
    mql_status status =
        operator_open(&plan.base, operator->execution, &exact, err);
    if (status == MQL_OK)
        status = operator_intact(exact, err);
    if (status == MQL_OK)
        compare_hits(&search->hits, &((const SearchOperator *)exact)->hits,
                     recall);
    operator_close(exact);
    return status;
}
