/* SPDX-License-Identifier: Apache-2.0 */
/* metric.c - names of metrics, and the numbers users see. */
#include "index/index.h"

static const char *const names[METRIC_COUNT] = {
    [METRIC_L2] = "L2",
    [METRIC_IP] = "IP",
    [METRIC_COSINE] = "COSINE",
};

const char *
metric_name(Metric metric)
{
    return names[metric];
}

bool
metric_from_name(Slice name, Metric *metric)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        if (slice_equal_nocase(name, slice_of(names[i]))) {
            *metric = (Metric)i;
            return true;
        }
    }
    return false;
}

float
metric_to_score(Metric metric, float distance)
{
    /* 0 - x and not -x: a similarity of 0 is not shown as -0. */
    return metric_is_similarity(metric) ? 0.0f - distance : distance;
}

bool
metric_is_similarity(Metric metric)
{
    return metric != METRIC_L2;
}
