/* SPDX-License-Identifier: Apache-2.0 */
/* blur.c - see blur.h. */
#include "index/vector/blur.h"

#include <math.h>

void
fit_add(Fit *fit, double x, double y)
{
    fit->count++;
    fit->x += x;
    fit->y += y;
    fit->xx += x * x;
    fit->xy += x * y;
    fit->yy += y * y;
}

Fit
fit_turned(const Fit *fit)
{
    return (Fit){fit->count, fit->y, fit->x, fit->yy, fit->xy, fit->xx};
}

double
fit_slope(const Fit *fit)
{
    double spread = fit->xx * fit->count - fit->x * fit->x;
    return spread > 0 ? (fit->xy * fit->count - fit->x * fit->y) / spread : 0;
}

double
fit_variance(const Fit *fit, double slope, double *offset)
{
    *offset = (fit->y - slope * fit->x) / fit->count;
    double square = fit->yy + slope * slope * fit->xx - 2 * slope * fit->xy;
    return fmax(square / fit->count - *offset * *offset, 0);
}

/*
 * True distances lie about the line by `blur`, as a normal distribution does;
 * the first row that was not ranked is `margin` farther than the k-th nearest.
 * Behind it there are about as many rows to a step as in the farther half of
 * the ranked ones: `density`.
 */
double
blur_misses(uint32_t count, double cut, double middle, const Fit *fit,
            double slope, double farthest)
{
    double offset;
    double blur = sqrt(fit_variance(fit, slope, &offset));
    double margin = slope * cut + offset - farthest;
    double step = slope * (cut - middle);
    if (blur == 0)
        return margin >= 0 ? 0 : fit->count;
    double density = (double)(count / 2) / fmax(step, blur / fit->count);
    double z = margin / blur;
    double beyond =
        exp(-z * z / 2) / sqrt(2 * M_PI) - z * erfc(z / M_SQRT2) / 2;
    return density * blur * beyond;
}
