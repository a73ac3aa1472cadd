/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blur.h - how far distances by code lead astray, from rows of which both
 * the distances by code and by floats are known.
 */
#ifndef INDEX_VECTOR_BLUR_H
#define INDEX_VECTOR_BLUR_H

#include <stdint.h>

/* Sums of a line through points: what floats say over what codes say. Begins as
 * zeros. */
typedef struct Fit {
    double count, x, y, xx, xy, yy;
} Fit;

void fit_add(Fit *fit, double x, double y);
/* The same points with x and y in each other's place. */
Fit fit_turned(const Fit *fit);
/* 0: all points have the same x. */
double fit_slope(const Fit *fit);
/* Of what the points lie beside the line of that slope; not below 0. `offset`
 * OUT: the line's y where x is 0. */
double fit_variance(const Fit *fit, double slope, double *offset);

/*
 * How many of the k nearest rows are expected not to be among `count` rows that
 * are nearest by code, the last of them at `cut` and the one in the middle at
 * `middle`. `fit` is of these, `slope` of others, `farthest` is the k-th's true
 * distance.
 */
double blur_misses(uint32_t count, double cut, double middle, const Fit *fit,
                   double slope, double farthest);

#endif
