/* SPDX-License-Identifier: Apache-2.0 */
/* filter_plan.c - names of the plans of filtered searches. */
#include "index/index.h"

static const char *const names[FILTER_PLANS] = {
    [FILTER_AUTO] = "auto",       [FILTER_SCAN] = "scan",
    [FILTER_GRAPH] = "graph",     [FILTER_POST] = "post",
    [FILTER_CLUSTER] = "cluster",
};

const char *
filter_plan_name(FilterStrategy plan)
{
    return names[plan];
}

bool
filter_plan_from_name(Slice name, FilterStrategy *plan)
{
    for (int i = 0; i < FILTER_PLANS; i++)
        if (slice_equal_nocase(name, slice_of(names[i]))) {
            *plan = (FilterStrategy)i;
            return true;
        }
    return false;
}
