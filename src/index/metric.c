/* SPDX-License-Identifier: Apache-2.0 */
/* metric.c - names of metrics, and the numbers users see. */
#include "index/index.h"

static const char *const names[METRIC_COUNT] = {
    [METRIC_L2] = "L2",           [METRIC_IP] = "IP",
    [METRIC_COSINE] = "COSINE",   [METRIC_HAMMING] = "HAMMING",
    [METRIC_JACCARD] = "JACCARD",
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
metric_fits(Metric metric, ElementType element)
{
    bool is_of_bits = metric == METRIC_HAMMING || metric == METRIC_JACCARD;
    return is_of_bits == (element == ELEMENT_BIT);
}

Metric
metric_usual(ElementType element)
{
    return element == ELEMENT_BIT ? METRIC_HAMMING : METRIC_COSINE;
}

const char *
metric_choice(ElementType element)
{
    return element == ELEMENT_BIT ? "HAMMING and JACCARD" : "L2, IP and COSINE";
}

bool
metric_is_similarity(Metric metric)
{
    return metric == METRIC_IP || metric == METRIC_COSINE;
}
