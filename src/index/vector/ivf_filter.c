/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivf_filter.c - how far a search goes through lists, and whether a scan is
 * better, where only some rows are allowed.
 *
 * More lists are looked at, the more rows there were for each allowed one until
 * k of these were seen. The scan answers where that comes to cost more, where
 * the allowed rows turn out to be far from the target, and where codes cannot
 * tell which of them are the nearest.
 */
#include <math.h>

#include "index/vector/ivf_search.h"

/* Where a part of the rows is allowed, lists to look at grow with this power of
 * how many rows there are for each allowed one (nsmc: with 0.2 a filter of 1 %
 * has recall 0.78 where 0.9 is found without, with 0.3 0.92). */
#define SPREAD 0.3
/* Less than this part of what chance would give are far from the target; where
 * it would give so many times k that is no chance. */
#define FAIR 0.5
#define SURE 4
/* Where bounds are certain all lists have the answer: to go through them costs
 * so many times as much then. */
#define FAR 3
/* Ranking a row here and there costs so many times as much as in a scan. */
#define RANKING 3
/* What part of the nearest may be expected not to be ranked; more where the
 * scan has more rows than the lists had, so that it takes some times as long.
 */
#define MISSES 0.05
#define MISSES_DEAR 0.3

/* ---- costs ---- */

/* What looking at a row costs, in nanoseconds. */
static double
row_cost(const Ivf *ivf, Pace way)
{
    uint64_t code = ivf_codes_size(ivf) / ivf_listed(&ivf->header);
    const PaceSizes sizes = {(size_t)code, vector_row_size(ivf->column)};
    return pace_cost(ivf->pace, way, sizes);
}

/* ---- on the way ---- */

/*
 * Lists in which the nearest allowed rows are, where one in `factor` of those
 * that were looked at is allowed. Of all rows the k nearest are found in
 * `probes` lists; these lie among `factor` times as many, farther away, and in
 * more lists.
 */
static double
lists_for(const Ivf *ivf, const IvfGoal *goal, double factor)
{
    double lists = goal->probes * pow(fmax(factor, 1), SPREAD);
    return fmin(lists, ivf->header.list_count);
}

double
ivf_lists_expected(const Ivf *ivf, const IvfGoal *goal)
{
    return lists_for(ivf, goal, 1 / goal->share);
}

/* Whether far fewer rows are allowed, or more are not, than by chance: then the
 * allowed ones begin at some distance from the target, and lists do not tell
 * where the nearest of them are. */
static bool
are_far(const IvfGoal *goal, const IvfCourse *course)
{
    double k = (double)goal->seen, seen = (double)course->seen;
    double looked = (double)course->looked, expected = looked * goal->share;
    return (expected >= SURE * k && seen < FAIR * expected) ||
           looked - seen > (looked - expected) / FAIR + k;
}

void
ivf_course_add(const Ivf *ivf, const IvfGoal *goal, uint64_t rows,
               uint64_t seen, IvfCourse *course)
{
    const IvfCourse before = *course;
    course->lists++;
    course->looked += rows;
    course->seen += seen;
    course->is_far = course->is_far || are_far(goal, course);
    if (course->is_far)
        course->wanted = ivf->header.list_count;
    if (before.seen >= goal->seen || course->is_far)
        return;
    /* The place of the k-th allowed row, where those of a list lie evenly. */
    double missing = (double)(goal->seen - before.seen);
    double part = fmin(missing / fmax((double)seen, 1), 1);
    double place = (double)before.looked + part * (double)rows;
    course->wanted = lists_for(ivf, goal, place / (double)goal->seen);
}

bool
ivf_course_goes_on(const IvfGoal *goal, const IvfCourse *course)
{
    return course->seen < goal->seen || course->lists < course->wanted;
}

bool
ivf_course_pays(const Ivf *ivf, const IvfGoal *goal, const IvfCourse *course)
{
    double listed = (double)ivf_listed(&ivf->header);
    double left = (course->wanted - course->lists) / ivf->header.list_count;
    if (goal->looked == UINT64_MAX)
        return true;
    if (course->is_far)
        return goal->kept == 0 && listed * FAR <= (double)goal->looked;
    return (double)course->looked + fmax(left, 0) * listed <=
           (double)goal->looked;
}

/* ---- what was asked for ---- */

/* The value of a search option by its place; -1: there is none. */
static int64_t
option_of(const Ivf *ivf, const VectorQuery *query, int place)
{
    if (place < 0)
        return -1;
    return query->options == NULL ? ivf->base.kind->search_options[place].usual
                                  : query->options->values[place];
}

static uint64_t
kept_of(const Ivf *ivf, const VectorQuery *query)
{
    int64_t refine = option_of(ivf, query, ivf->refine_option);
    int64_t reorder = option_of(ivf, query, ivf->reorder_option);
    if (reorder > 0)
        return (uint64_t)reorder;
    return ivf_kept_for(query->k,
                        refine > 0 ? (uint64_t)refine : ivf->header.refine);
}

/* What a row of a scan costs each of so many targets. */
static double
scan_cost(const Ivf *ivf, uint32_t targets)
{
    double alone = row_cost(ivf, PACE_FLOATS);
    return targets == 1 ? alone
                        : fmax(alone / targets, row_cost(ivf, PACE_BATCH));
}

bool
ivf_is_hard_to_rank(const IvfCollect *collect)
{
    return collect->is_certain && ivf_may_scan(collect->query) &&
           (double)ivf_to_rank(collect) * RANKING >
               collect->query->allowed_count;
}

bool
ivf_is_blurred(const IvfCollect *collect)
{
    bool is_dear = collect->query->allowed_count > collect->looked;
    double most = (is_dear ? MISSES_DEAR : MISSES) * collect->query->k;
    return ivf_may_scan(collect->query) && collect->misses > most;
}

IvfGoal
ivf_goal_of(const Ivf *ivf, const VectorQuery *query, uint32_t targets)
{
    IvfGoal goal = {.probes = (double)option_of(ivf, query, IVF_OPTION_NPROBE),
                    .share = 1,
                    .seen = query->k,
                    .looked = UINT64_MAX,
                    .kept = kept_of(ivf, query)};
    int64_t bits = option_of(ivf, query, ivf->bits_option);
    goal.bits = bits > 0 ? (uint32_t)bits : 0;
    /* Without lists there is nothing that costs. */
    if (query->allowed == NULL || ivf->header.list_count == 0)
        return goal;
    goal.share = (double)query->allowed_count / ivf->header.row_count;
    goal.scan = scan_cost(ivf, targets);
    if (!ivf_may_scan(query))
        return goal;
    /* Rows that are ranked cost as much as those that are scanned, centroids as
     * much as rows of lists. */
    double spared = (double)query->allowed_count - (double)goal.kept;
    double rows = spared * goal.scan / row_cost(ivf, PACE_LISTS);
    goal.looked = (uint64_t)fmax(rows - ivf->header.list_count, 0);
    return goal;
}

bool
ivf_is_scan_better(const Ivf *ivf, const VectorQuery *query,
                   const IvfGoal *goal, uint32_t targets)
{
    if (query->allowed == NULL)
        return false;
    double all = ivf->header.list_count;
    double looked =
        fmin(goal->probes / all, 1) * (double)ivf_listed(&ivf->header);
    double scan = query->allowed_count * goal->scan;
    double cluster = (looked + all) * row_cost(ivf, PACE_LISTS) +
                     (double)goal->kept * row_cost(ivf, PACE_FLOATS);
    trace_estimate(query, FILTER_SCAN, scan * targets);
    trace_estimate(query, FILTER_CLUSTER, cluster * targets);
    if (query->filter_plan != FILTER_AUTO)
        return query->filter_plan == FILTER_SCAN;
    return scan < cluster;
}
