/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivf_search.c - answering from lists.
 *
 * Lists are taken nearest first. The codes of a list are gone through in one
 * stretch: an integer product for each row gives an estimate of its distance,
 * and a row goes on only if that estimate is below a limit, which is carried
 * from list to list.
 *
 * IVF_FLAT's limit is certain: with e = |y - y'| the true distance is within e
 * of that to y', so a row is left out only when k others are nearer for sure;
 * the answer is that of comparing with all vectors of those lists, for a
 * quarter of the bytes. The others keep the best refine times k estimates.
 *
 * With a condition ivf_filter.c says how many lists are looked at, and when the
 * scan of the allowed rows answers.
 */
#include "index/vector/ivf_search.h"

#include <math.h>
#include <stdlib.h>

#include "base/bits.h"

/* ---- scratch memory ---- */

IvfScratch *
ivf_scratch_create(const Ivf *ivf)
{
    IvfScratch *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL)
        return NULL;
    scratch->lists =
        calloc((size_t)ivf->header.list_count + 1, sizeof *scratch->lists);
    scratch->distances =
        calloc((size_t)ivf->header.list_count + 1, sizeof *scratch->distances);
    scratch->query = calloc(ivf->coder.stride, 1);
    scratch->point = calloc(ivf->header.dim, sizeof *scratch->point);
    size_t parts = ivf_parts(&ivf->header);
    scratch->values =
        calloc(parts * ivf_points(&ivf->header) + 1, sizeof *scratch->values);
    scratch->turned =
        calloc(2 * (size_t)ivf->header.dim + 3, sizeof *scratch->turned);
    scratch->tables = calloc(16 * ivf_nibbles(&ivf->header) + 1, 1);
    if (scratch->lists != NULL && scratch->distances != NULL &&
        scratch->query != NULL && scratch->point != NULL &&
        scratch->values != NULL && scratch->turned != NULL &&
        scratch->tables != NULL)
        return scratch;
    ivf_scratch_destroy(scratch);
    return NULL;
}

void
ivf_scratch_destroy(IvfScratch *scratch)
{
    if (scratch == NULL)
        return;
    free(scratch->lists);
    free(scratch->distances);
    free(scratch->query);
    free(scratch->point);
    free(scratch->values);
    free(scratch->turned);
    free(scratch->tables);
    free(scratch->candidates.list);
    free(scratch->limits.list);
    free(scratch);
}

/* ---- which lists ---- */

/*
 * Lists, nearest first. As many as are likely to be needed are taken out of all
 * and sorted; only when these are used up, all others become a heap. A heap of
 * all from the start took a quarter of a search.
 */
typedef struct ListOrder {
    const Ivf *ivf;
    IvfScratch *scratch;
    uint32_t sorted; /* lists that are, the first of scratch->lists */
    uint32_t next;   /* of these                                    */
    uint32_t left;   /* in the heap                                 */
    bool is_heap;
} ListOrder;

static void
measure_lists(const Ivf *ivf, const IvfEstimate *estimate, IvfScratch *scratch)
{
    uint32_t count = ivf->header.list_count;
    size_t stride = ivf->coder.stride;
    for (uint32_t first = 0; first < count; first += IVF_BLOCK) {
        uint32_t some = count - first < IVF_BLOCK ? count - first : IVF_BLOCK;
        ivf_estimate_rows(ivf, estimate, ivf->centroids + first * stride,
                          ivf->norms + first, some, scratch->distances + first);
    }
}

/* The nearest `wanted` lists. */
static ListOrder
order_lists(const Ivf *ivf, IvfScratch *scratch, uint32_t wanted)
{
    const float *distances = scratch->distances;
    uint32_t count = ivf->header.list_count;
    TopK top = top_k_of(scratch->lists, wanted < count ? wanted : count);
    float most = INFINITY;
    for (uint32_t i = 0; wanted > 0 && i < count; i++) {
        if (top.count == top.k && !(distances[i] < most))
            continue;
        top_k_offer(&top, (Neighbor){distances[i], i});
        most = top.heap[0].distance;
    }
    return (ListOrder){
        .ivf = ivf, .scratch = scratch, .sorted = top_k_finish(&top)};
}

/* All lists after the last of the sorted ones. */
static void
heap_others(ListOrder *order)
{
    IvfScratch *scratch = order->scratch;
    bool has_last = order->sorted > 0;
    Neighbor last = {0};
    if (has_last)
        last = scratch->lists[order->sorted - 1];
    for (uint32_t i = 0; i < order->ivf->header.list_count; i++) {
        Neighbor list = {scratch->distances[i], i};
        if (!has_last || neighbor_before(last, list))
            scratch->lists[order->left++] = list;
    }
    ivf_heap_make(scratch->lists, order->left);
    order->is_heap = true;
}

/* The next one; false: there are no more. */
static bool
next_list(ListOrder *order, Neighbor *list)
{
    if (order->next < order->sorted) {
        *list = order->scratch->lists[order->next++];
        return true;
    }
    if (!order->is_heap)
        heap_others(order);
    if (order->left == 0)
        return false;
    *list = ivf_heap_pop(order->scratch->lists, &order->left);
    return true;
}

/* The list after that, as far as it is known, is on its way. */
static void
prefetch_next(const ListOrder *order)
{
    const Neighbor *lists = order->scratch->lists;
    if (order->is_heap ? order->left > 0 : order->next < order->sorted)
        ivf_prefetch_list(order->ivf,
                          lists[order->is_heap ? 0 : order->next].row);
}

static uint64_t
verified_bytes(const Ivf *ivf)
{
    return ivf->file == NULL ? 0 : section_file_verified_bytes(ivf->file);
}

/* Whether so few rows are allowed that blocks without any are worth finding. */
static bool
are_few(const Ivf *ivf, const VectorQuery *query)
{
    return query->allowed != NULL &&
           query->allowed_count <= ivf->header.row_count / 8;
}

/* When a search of lists begins that shows what rows take; -1: not this one. */
static int64_t
begin_lists(const Ivf *ivf, const VectorQuery *query)
{
    bool is_usual = query->filter_plan == FILTER_AUTO && !are_few(ivf, query);
    return is_usual ? pace_begin(ivf->pace, PACE_LISTS) : -1;
}

/* Whether none of them is allowed, where that is worth knowing. */
static bool
are_out(const IvfCollect *collect, const uint32_t *rows, uint32_t count)
{
    const uint64_t *allowed = collect->query->allowed;
    if (!are_few(collect->ivf, collect->query))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (rows[i] >= collect->ivf->header.row_count ||
            bits_get(allowed, rows[i]))
            return false;
    return true;
}

mql_status
ivf_collect_list(IvfCollect *collect, Neighbor list, Error *err)
{
    const Ivf *ivf = collect->ivf;
    uint32_t first = ivf->starts[list.row], end = ivf->starts[list.row + 1];
    float distances[IVF_BLOCK];
    ivf_enter_list(collect, list.row);
    TRY(ivf_verify_list(ivf, list.row, err));
    for (uint32_t place = first; place < end; place += IVF_BLOCK) {
        uint32_t count = end - place < IVF_BLOCK ? end - place : IVF_BLOCK;
        if (is_cancelled(collect->query->cancel))
            return error_cancelled(err);
        if (are_out(collect, ivf->rows + place, count)) {
            collect->looked += count;
            continue;
        }
        ivf_estimate_block(collect, list, place, count, distances);
        TRY(ivf_collect_block(collect, ivf->rows + place, distances, count,
                              err));
    }
    return MQL_OK;
}

static mql_status
collect_lists(IvfCollect *collect, const IvfGoal *goal, bool *is_done,
              Error *err)
{
    const Ivf *ivf = collect->ivf;
    IvfScratch *scratch = collect->scratch;
    uint32_t lists = ivf->header.list_count;
    double wanted = ceil(ivf_lists_expected(ivf, goal));
    IvfCourse course = {0};
    Neighbor list;
    measure_lists(ivf, collect->estimate, scratch);
    /* Many are sooner in a heap. */
    ListOrder order =
        order_lists(ivf, scratch, wanted < lists / 4.0 ? (uint32_t)wanted : 0);
    while (ivf_course_goes_on(goal, &course) && next_list(&order, &list)) {
        uint64_t looked = collect->looked, seen = collect->seen;
        *is_done = ivf_course_pays(ivf, goal, &course);
        if (!*is_done)
            break;
        prefetch_next(&order);
        TRY(ivf_collect_list(collect, list, err));
        ivf_course_add(ivf, goal, collect->looked - looked,
                       collect->seen - seen, &course);
    }
    if (collect->query->counters != NULL)
        collect->query->counters->distances +=
            collect->looked + ivf->header.list_count;
    return MQL_OK;
}

uint64_t
ivf_kept_room(const Ivf *ivf, const VectorQuery *query, uint64_t kept)
{
    if (kept < query->k)
        kept = query->k;
    return kept < ivf->header.place_count ? kept : ivf->header.place_count;
}

static mql_status
search_lists(const Ivf *ivf, IvfScratch *scratch, const VectorQuery *query,
             const IvfGoal *goal, Neighbor *nearest, uint32_t *found,
             bool *is_done, Error *err)
{
    uint64_t kept = ivf_kept_room(ivf, query, goal->kept);
    ExactQuery exact =
        exact_query_of((Metric)ivf->header.metric, ivf->column->element,
                       query->vector, ivf->header.dim);
    IvfEstimate estimate;
    *found = 0;
    *is_done = ivf_estimate_init(ivf, scratch, &exact, &estimate);
    if (!*is_done)
        return MQL_OK;

    int64_t began = begin_lists(ivf, query);
    uint64_t verified = verified_bytes(ivf);
    if (ivf_is_pq(&ivf->header))
        ivf_pq_tables(ivf, scratch);
    if (ivf->header.code_type == IVF_CODES_SIGNS)
        ivf_signs_tables(ivf, scratch, goal->bits);
    TRY(ivf_room_reserve(&scratch->limits, ivf_limits_room(kept), err));
    IvfCollect collect = {.ivf = ivf,
                          .query = query,
                          .exact = &exact,
                          .estimate = &estimate,
                          .scratch = scratch,
                          .candidates = &scratch->candidates,
                          .is_certain = goal->kept == 0,
                          .limit = INFINITY};
    ivf_collect_into(&collect, scratch->limits.list, (uint32_t)kept);
    TRY(collect_lists(&collect, goal, is_done, err));
    if (!*is_done)
        return MQL_OK;
    if (verified_bytes(ivf) == verified) /* else it waited for more */
        pace_end(ivf->pace, PACE_LISTS, began,
                 (double)collect.looked + ivf->header.list_count);
    *is_done = !ivf_is_hard_to_rank(&collect);
    if (!*is_done)
        return MQL_OK;
    TopK top = top_k_of(nearest, query->k);
    TRY(ivf_rank(&collect, &top, err));
    *is_done = !ivf_is_blurred(&collect);
    *found = top_k_finish(&top);
    return MQL_OK;
}

mql_status
ivf_search_lists(const Ivf *ivf, IvfScratch *scratch, const VectorQuery *query,
                 uint32_t probes, uint32_t refine, Neighbor *nearest,
                 uint32_t *found, Error *err)
{
    bool is_done;
    const IvfGoal goal = {.probes = probes,
                          .share = 1,
                          .seen = query->k,
                          .looked = UINT64_MAX,
                          .kept = ivf_kept_for(query->k, refine)};
    return search_lists(ivf, scratch, query, &goal, nearest, found, &is_done,
                        err);
}

/* ---- the search of the kind ---- */

static mql_status
scratch_take(Ivf *ivf, IvfScratch **scratch, Error *err)
{
    pthread_mutex_lock(&ivf->lock);
    *scratch = ivf->free_scratches;
    if (*scratch != NULL)
        ivf->free_scratches = (*scratch)->next;
    pthread_mutex_unlock(&ivf->lock);
    if (*scratch == NULL)
        *scratch = ivf_scratch_create(ivf);
    return *scratch == NULL ? error_no_memory(err) : MQL_OK;
}

static void
scratch_return(Ivf *ivf, IvfScratch *scratch)
{
    pthread_mutex_lock(&ivf->lock);
    scratch->next = ivf->free_scratches;
    ivf->free_scratches = scratch;
    pthread_mutex_unlock(&ivf->lock);
}

static mql_status
ivf_scan(const Ivf *ivf, const VectorQuery *query, Neighbor *nearest,
         uint32_t *found, Error *err)
{
    int64_t began = pace_begin(ivf->pace, PACE_FLOATS);
    TRY(vector_scan(ivf->column, (Metric)ivf->header.metric, query, nearest,
                    found, err));
    pace_end(ivf->pace, PACE_FLOATS, began, query->allowed_count);
    return MQL_OK;
}

mql_status
ivf_ask_lists(Ivf *ivf, const VectorQuery *query, const IvfGoal *goal,
              Neighbor *nearest, uint32_t *found, bool *is_done, Error *err)
{
    IvfScratch *scratch;
    TRY(scratch_take(ivf, &scratch, err));
    mql_status status =
        search_lists(ivf, scratch, query, goal, nearest, found, is_done, err);
    scratch_return(ivf, scratch);
    return status;
}

mql_status
ivf_search(const Index *index, const VectorQuery *query, Neighbor *nearest,
           uint32_t *found, Error *err)
{
    Ivf *ivf = (Ivf *)(uintptr_t)index; /* only its scratches change */
    *found = 0;
    if (ivf->header.place_count == 0 || query->k == 0 ||
        (query->allowed != NULL && query->allowed_count == 0))
        return MQL_OK;

    const IvfGoal goal = ivf_goal_of(ivf, query, 1);
    if (ivf->header.list_count == 0 ||
        ivf_is_scan_better(ivf, query, &goal, 1)) {
        trace_plan(query, FILTER_SCAN, 1);
        return ivf_scan(ivf, query, nearest, found, err);
    }
    bool is_done;
    trace_plan(query, FILTER_CLUSTER, 1);
    TRY(ivf_ask_lists(ivf, query, &goal, nearest, found, &is_done, err));
    if (is_done)
        return MQL_OK;
    trace_fallback(query);
    return ivf_scan(ivf, query, nearest, found, err);
}
