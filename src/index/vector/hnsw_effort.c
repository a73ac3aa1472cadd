/* SPDX-License-Identifier: Apache-2.0 */
/* hnsw_effort.c - looking up the effort for a recall. */
#include "index/vector/hnsw_effort.h"

#include <math.h>

const uint32_t effort_limits[EFFORT_LIMITS] = {10, 100};
const double effort_recalls[EFFORT_RECALLS] = {0.5,  0.8,  0.9,   0.95,
                                               0.98, 0.99, 0.995, 0.999};

/* 0, which is never reached, is more than any. */
static bool
is_less(uint32_t a, uint32_t b)
{
    return a - 1 < b - 1;
}

bool
efforts_are_valid(const HnswEfforts *efforts)
{
    for (uint32_t i = 0; i < EFFORT_LIMITS; i++) {
        for (uint32_t j = 0; j < EFFORT_RECALLS; j++) {
            uint32_t ef = efforts->ef[i][j];
            if (ef > EFFORT_MOST ||
                (i > 0 && is_less(ef, efforts->ef[i - 1][j])) ||
                (j > 0 && is_less(ef, efforts->ef[i][j - 1])))
                return false;
        }
    }
    return true;
}

/* Between a and b, both above 0, in logarithms. */
static double
between(double a, double b, double part)
{
    return a * pow(b / a, part);
}

/* 0: not reached. */
static double
find_recall(const uint32_t ef[EFFORT_RECALLS], double recall)
{
    uint32_t above = 0;
    while (above < EFFORT_RECALLS && effort_recalls[above] < recall)
        above++;
    if (above == EFFORT_RECALLS || ef[above] == 0)
        return 0;
    if (above == 0)
        return ef[0];
    double low = log(1 - effort_recalls[above - 1]);
    double high = log(1 - effort_recalls[above]);
    return between(ef[above - 1], ef[above],
                   (low - log(1 - recall)) / (low - high));
}

uint32_t
efforts_find(const HnswEfforts *efforts, uint32_t k, double recall)
{
    uint32_t above = 0;
    while (above < EFFORT_LIMITS - 1 && effort_limits[above] < k)
        above++;
    double ef = find_recall(efforts->ef[above], recall);
    double limit = effort_limits[above];
    if (k > effort_limits[above]) {
        ef *= k / limit;
    } else if (above > 0 && ef > 0) {
        double low = find_recall(efforts->ef[above - 1], recall);
        double lower = effort_limits[above - 1];
        ef = between(low, ef, log(k / lower) / log(limit / lower));
    }
    return ef < EFFORT_MOST ? (uint32_t)ceil(ef - 1e-6) : EFFORT_MOST;
}
