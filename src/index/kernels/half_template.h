/* SPDX-License-Identifier: Apache-2.0 */
/*
 * half_template.h - the three sums over 16-bit elements, for one type of them.
 *
 * Include it with these defined; it undefines the first two again:
 *   SUFFIX       ending of the functions' names, e.g. f16
 *   WIDEN        function: WIDTH elements at a place to a Wide of floats
 *   WIDTH        floats of a Wide
 *   Wide         a register of floats, or a struct of them
 *   zero, last, add, sum_of
 *                a Wide of zeros; the last elements at a place, 1 to WIDTH,
 *                and zeros behind them, through WIDEN; x + y; the sum of all
 *   add_l2, add_dot
 *                sum + (a - b)^2, sum + a * b
 *
 * Two running sums of WIDTH lanes, the rest into the first: the order of
 * distance_<set>.c, whose bits come out.
 *
 * No include guard: it is meant to be included more than once.
 */
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

static float
JOIN(l2_, SUFFIX)(const void *a, const void *b, size_t dim)
{
    const char *left = a, *right = b;
    Wide even = zero(), odd = zero();
    size_t i = 0;
    for (; i + 2 * WIDTH <= dim; i += 2 * WIDTH) {
        even = add_l2(WIDEN(left + 2 * i), WIDEN(right + 2 * i), even);
        odd = add_l2(WIDEN(left + 2 * (i + WIDTH)),
                     WIDEN(right + 2 * (i + WIDTH)), odd);
    }
    for (; i < dim; i += WIDTH)
        even = add_l2(last(left + 2 * i, dim - i, WIDEN),
                      last(right + 2 * i, dim - i, WIDEN), even);
    return sum_of(add(even, odd));
}

static float
JOIN(dot_, SUFFIX)(const void *a, const void *b, size_t dim)
{
    const char *left = a, *right = b;
    Wide even = zero(), odd = zero();
    size_t i = 0;
    for (; i + 2 * WIDTH <= dim; i += 2 * WIDTH) {
        even = add_dot(WIDEN(left + 2 * i), WIDEN(right + 2 * i), even);
        odd = add_dot(WIDEN(left + 2 * (i + WIDTH)),
                      WIDEN(right + 2 * (i + WIDTH)), odd);
    }
    for (; i < dim; i += WIDTH)
        even = add_dot(last(left + 2 * i, dim - i, WIDEN),
                       last(right + 2 * i, dim - i, WIDEN), even);
    return sum_of(add(even, odd));
}

static float
JOIN(dot_square_, SUFFIX)(const void *a, const void *b, size_t dim,
                          float *square)
{
    const char *left = a, *right = b;
    Wide even = zero(), odd = zero();
    Wide square_even = even, square_odd = odd;
    size_t i = 0;
    for (; i + 2 * WIDTH <= dim; i += 2 * WIDTH) {
        Wide first = WIDEN(right + 2 * i);
        Wide second = WIDEN(right + 2 * (i + WIDTH));
        even = add_dot(WIDEN(left + 2 * i), first, even);
        odd = add_dot(WIDEN(left + 2 * (i + WIDTH)), second, odd);
        square_even = add_dot(first, first, square_even);
        square_odd = add_dot(second, second, square_odd);
    }
    for (; i < dim; i += WIDTH) {
        Wide rest = last(right + 2 * i, dim - i, WIDEN);
        even = add_dot(last(left + 2 * i, dim - i, WIDEN), rest, even);
        square_even = add_dot(rest, rest, square_even);
    }
    *square = sum_of(add(square_even, square_odd));
    return sum_of(add(even, odd));
}

#undef JOIN
#undef JOIN_
#undef SUFFIX
#undef WIDEN
