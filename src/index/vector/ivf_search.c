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
 * With a condition a list counts as one of the nprobe only as far as it holds
 * the rows it would hold if the allowed ones were spread evenly; when going on
 * comes to cost more than scanning the allowed rows, the scan answers.
 */
#include "index/vector/ivf_internal.h"

#include <math.h>
#include <stdlib.h>

#include "base/bits.h"

#define RANKED 16      /* rows ranked at a time          */
#define FETCHED 8      /* cache lines fetched ahead      */
#define ROUNDING 2e-6f /* of the terms of an estimate    */

/* ---- scratch memory ---- */

IvfScratch *
ivf_scratch_create(const Ivf *ivf)
{
    IvfScratch *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL)
        return NULL;
    scratch->lists =
        calloc((size_t)ivf->header.list_count + 1, sizeof *scratch->lists);
    scratch->query = calloc(ivf->coder.stride, 1);
    scratch->point = calloc(ivf->header.dim, sizeof *scratch->point);
    size_t parts = ivf_parts(&ivf->header);
    scratch->values =
        calloc(parts * ivf_points(&ivf->header) + 1, sizeof *scratch->values);
    scratch->turned =
        calloc(2 * (size_t)ivf->header.dim + 3, sizeof *scratch->turned);
    scratch->tables = calloc(16 * ivf_nibbles(&ivf->header) + 1, 1);
    if (scratch->lists != NULL && scratch->query != NULL &&
        scratch->point != NULL && scratch->values != NULL &&
        scratch->turned != NULL && scratch->tables != NULL)
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
    free(scratch->query);
    free(scratch->point);
    free(scratch->values);
    free(scratch->turned);
    free(scratch->tables);
    free(scratch->candidates);
    free(scratch->limits);
    free(scratch);
}

/* Room for at least `count` neighbours; what is there is kept. */
static mql_status
reserve(Neighbor **memory, uint32_t *most, uint64_t count, Error *err)
{
    if (count <= *most)
        return MQL_OK;
    uint64_t wanted = (uint64_t)*most * 2;
    wanted = wanted < count ? count : wanted;
    wanted = wanted < 256 ? 256 : wanted;
    if (wanted > UINT32_MAX)
        return error_no_memory(err);
    Neighbor *grown = realloc(*memory, (size_t)wanted * sizeof *grown);
    if (grown == NULL)
        return error_no_memory(err);
    *memory = grown;
    *most = (uint32_t)wanted;
    return MQL_OK;
}

/* ---- the nearest first, without sorting all ---- */

static void
heap_sink(Neighbor *heap, uint32_t count, uint32_t place)
{
    Neighbor moving = heap[place];
    for (;;) {
        uint64_t child = 2 * (uint64_t)place + 1;
        if (child >= count)
            break;
        if (child + 1 < count && neighbor_before(heap[child + 1], heap[child]))
            child++;
        if (!neighbor_before(heap[child], moving))
            break;
        heap[place] = heap[child];
        place = (uint32_t)child;
    }
    heap[place] = moving;
}

static void
heap_make(Neighbor *heap, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        heap_sink(heap, count, i);
}

static Neighbor
heap_pop(Neighbor *heap, uint32_t *count)
{
    Neighbor top = heap[0];
    heap[0] = heap[--*count];
    if (*count > 0)
        heap_sink(heap, *count, 0);
    return top;
}

/* ---- the query as codes ---- */

/*
 * An estimate is base + term - scale * dot: for L2 and COSINE |p' - y'|^2,
 * where p' is what the query's code stands for; for IP minus the product of the
 * query and the row.
 */
typedef struct Estimate {
    const int8_t *code;
    float base, scale;
    float error; /* L2, COSINE: |p - p'|; IP: of the query                */
    float norm;  /* of p', of the query                                   */
    bool is_dot; /* IP */
} Estimate;

/* False: the numbers are too large or too small for codes. */
static bool
estimate_init(const Ivf *ivf, IvfScratch *scratch, const ExactQuery *exact,
              Estimate *estimate)
{
    const Coder *coder = &ivf->coder;
    bool is_dot = ivf->header.metric == METRIC_IP;
    double factor = 1.0 / exact->norm, offset = 0;
    float largest = 0, *point = scratch->point;
    element_floats(exact->element, exact->vector, coder->dim, point);
    for (uint32_t i = 0; i < coder->dim; i++) {
        point[i] = (float)((double)point[i] * factor);
        if (is_dot)
            offset += (double)point[i] * (double)coder->center[i];
        else
            point[i] -= coder->center[i];
        largest = fmaxf(largest, fabsf(point[i]));
    }
    if (!(largest < 1e15f))
        return false;
    float step = fmaxf(largest / 127.0f, 1e-18f), inverse = 1.0f / step;
    double error = 0, norm = 0;
    int64_t sum = 0;
    for (uint32_t i = 0; i < coder->dim; i++) {
        float code = rintf(point[i] * inverse);
        double rest = (double)point[i] - (double)code * (double)step;
        scratch->query[i] = (int8_t)code;
        error += rest * rest;
        norm += (double)code * (double)code;
        sum += (int64_t)code;
    }
    double square = norm * (double)step * (double)step;
    double product = (double)step * (double)coder->step;
    *estimate = (Estimate){.code = scratch->query,
                           .error = (float)sqrt(error),
                           .norm = (float)sqrt(square),
                           .is_dot = is_dot};
    estimate->scale = (float)(is_dot ? product : 2 * product);
    estimate->base =
        (float)((is_dot ? -offset : square) +
                (is_dot ? product : 2 * product) * 64.0 * (double)sum);
    return isfinite(estimate->base);
}

static void
estimate_rows(const Ivf *ivf, const Estimate *estimate, const uint8_t *codes,
              const float *terms, uint32_t count, float *distances)
{
    int32_t dots[IVF_BLOCK];
    list_table()->dots_u7(estimate->code, codes, ivf->coder.stride, count,
                          dots);
    float base = estimate->base, scale = estimate->scale;
    if (estimate->is_dot)
        for (uint32_t i = 0; i < count; i++)
            distances[i] = base - scale * (float)dots[i];
    else
        for (uint32_t i = 0; i < count; i++)
            distances[i] = base - scale * (float)dots[i] + terms[i];
}

/* ---- collecting ---- */

typedef struct Collect {
    const Ivf *ivf;
    const VectorQuery *query;
    const ExactQuery *exact;
    const Estimate *estimate;
    IvfScratch *scratch;
    TopK top; /* of estimates; certain: of upper bounds, see to_length() */
    uint32_t count; /* certain: candidates, with their lower bounds           */
    bool is_certain;
    float limit;     /* estimates above it are left out           */
    float slack;     /* certain: how far bounds of this list are  */
    float rounding;  /* how wrong an estimate is in this list     */
    uint64_t seen;   /* allowed rows                              */
    uint64_t looked; /* rows                                     */
} Collect;

/* Bounds are of lengths, not of their squares. */
static float
to_length(const Collect *collect, float distance)
{
    return collect->estimate->is_dot ? distance : sqrtf(fmaxf(distance, 0));
}

static void
set_limit(Collect *collect)
{
    if (collect->top.count < collect->top.k) {
        collect->limit = INFINITY;
        return;
    }
    collect->limit = collect->top.heap[0].distance;
    if (!collect->is_certain)
        return;
    float most = collect->limit + collect->slack;
    if (!collect->estimate->is_dot)
        most = most * most;
    collect->limit = most + collect->rounding;
}

/* What the bounds are in the list that comes next. */
static void
enter_list(Collect *collect, uint32_t list)
{
    const Estimate *estimate = collect->estimate;
    if (!collect->is_certain)
        return;
    IvfBound bound = collect->ivf->bounds[list];
    if (estimate->is_dot) {
        float length = estimate->norm + estimate->error;
        collect->slack = length * bound.error + estimate->error * bound.norm;
        collect->rounding = ROUNDING * (fabsf(estimate->base) +
                                        length * (bound.norm + bound.error));
    } else {
        float length = estimate->norm + bound.norm;
        collect->slack = estimate->error + bound.error;
        collect->rounding = ROUNDING * length * length;
    }
    set_limit(collect);
}

static mql_status
keep(Collect *collect, uint32_t row, float distance, Error *err)
{
    if (!collect->is_certain) {
        top_k_offer(&collect->top, (Neighbor){distance, row});
        set_limit(collect);
        return MQL_OK;
    }
    IvfScratch *scratch = collect->scratch;
    float upper = to_length(collect, distance + collect->rounding);
    float lower = to_length(collect, distance - collect->rounding);
    TRY(reserve(&scratch->candidates, &scratch->candidates_most,
                (uint64_t)collect->count + 1, err));
    scratch->candidates[collect->count++] =
        (Neighbor){lower - collect->slack, row};
    top_k_offer(&collect->top, (Neighbor){upper + collect->slack, row});
    set_limit(collect);
    return MQL_OK;
}

/* The rows of a block that are near enough. */
static mql_status
collect_block(Collect *collect, const uint32_t *rows, const float *distances,
              uint32_t count, Error *err)
{
    const uint64_t *allowed = collect->query->allowed;
    for (uint32_t i = 0; i < count; i++) {
        if (allowed == NULL && !(distances[i] <= collect->limit))
            continue;
        if (rows[i] >= collect->ivf->header.row_count)
            return error_corrupt(err, section_file_path(collect->ivf->file), -1,
                                 "an IVF index has a wrong row");
        if (allowed != NULL) {
            if (!bits_get(allowed, rows[i]))
                continue;
            collect->seen++;
            if (!(distances[i] <= collect->limit))
                continue;
        }
        TRY(keep(collect, rows[i], distances[i], err));
    }
    if (allowed == NULL)
        collect->seen += count;
    collect->looked += count;
    return MQL_OK;
}

static mql_status
verify_list(const Ivf *ivf, uint32_t list, Error *err)
{
    uint32_t first = ivf->starts[list];
    uint64_t count = ivf->starts[list + 1] - first;
    if (ivf->file == NULL)
        return MQL_OK;
    TRY(section_verify(ivf->file, &ivf->rows_section, first * sizeof *ivf->rows,
                       count * sizeof *ivf->rows, err));
    if (ivf->terms != NULL)
        TRY(section_verify(ivf->file, &ivf->terms_section,
                           first * sizeof *ivf->terms,
                           count * sizeof *ivf->terms, err));
    if (ivf->factors != NULL)
        TRY(section_verify(ivf->file, &ivf->factors_section,
                           first * sizeof *ivf->factors,
                           count * sizeof *ivf->factors, err));
    uint64_t from = ivf_codes_at(ivf, list, first);
    uint64_t to = ivf_codes_at(ivf, list + 1, ivf->starts[list + 1]);
    return section_verify(ivf->file, &ivf->codes_section, from, to - from, err);
}

/* Distances of codes that are the vectors themselves. */
static void
measure_bits(const Collect *collect, const uint8_t *codes, uint32_t count,
             float *distances)
{
    size_t size = ivf_code_size(collect->ivf);
    const void *rows[IVF_BLOCK];
    for (uint32_t i = 0; i < count; i++)
        rows[i] = codes + i * size;
    exact_distances(collect->exact, rows, count, distances);
}

/* Estimates of a block of a list, whose centroid is at `base`. */
static void
estimate_block(const Collect *collect, Neighbor list, uint32_t place,
               uint32_t count, float *distances)
{
    const Ivf *ivf = collect->ivf;
    const Estimate *estimate = collect->estimate;
    if (ivf->header.code_type == IVF_CODES_SIGNS)
        ivf_signs_estimate(ivf, collect->scratch, list.row, place, count,
                           list.distance, distances);
    else if (ivf_is_pq(&ivf->header))
        ivf_pq_estimate(ivf, collect->scratch, list.row, place, count,
                        list.distance, distances);
    else if (ivf->header.code_type == IVF_CODES_BITS)
        measure_bits(collect, ivf->codes + ivf_codes_at(ivf, list.row, place),
                     count, distances);
    else
        estimate_rows(
            ivf, estimate, ivf->codes + ivf_codes_at(ivf, list.row, place),
            ivf->terms == NULL ? NULL : ivf->terms + place, count, distances);
}

static mql_status
collect_list(Collect *collect, Neighbor list, Error *err)
{
    const Ivf *ivf = collect->ivf;
    uint32_t first = ivf->starts[list.row], end = ivf->starts[list.row + 1];
    float distances[IVF_BLOCK];
    enter_list(collect, list.row);
    TRY(verify_list(ivf, list.row, err));
    for (uint32_t place = first; place < end; place += IVF_BLOCK) {
        uint32_t count = end - place < IVF_BLOCK ? end - place : IVF_BLOCK;
        if (is_cancelled(collect->query->cancel))
            return error_cancelled(err);
        estimate_block(collect, list, place, count, distances);
        TRY(collect_block(collect, ivf->rows + place, distances, count, err));
    }
    return MQL_OK;
}

/* The start of a list that comes later. */
static void
prefetch_list(const Ivf *ivf, uint32_t list)
{
    const char *codes =
        (const char *)ivf->codes + ivf_codes_at(ivf, list, ivf->starts[list]);
    for (uint32_t line = 0; line < FETCHED; line++) {
        __builtin_prefetch(codes + 64 * line);
        /* GCC 12 may drop all but the first of an unrolled row of these. */
        __asm__ volatile("" ::: "memory");
    }
}

/* ---- ranking ---- */

/* Rank up to RANKED rows by their vectors. */
static mql_status
rank_some(const Collect *collect, const uint32_t *rows, uint32_t count,
          TopK *nearest, Error *err)
{
    const VectorColumn *column = collect->ivf->column;
    const void *vectors[RANKED];
    float distances[RANKED];
    for (uint32_t i = 0; i < count; i++) {
        vectors[i] = vector_row(column, rows[i]);
        for (uint32_t line = 0; line < FETCHED; line++) {
            __builtin_prefetch((const char *)vectors[i] + 64 * line);
            __asm__ volatile("" ::: "memory");
        }
    }
    for (uint32_t i = 0; i < count; i++)
        TRY(vector_column_verify(column, rows[i], 1, err));
    exact_distances(collect->exact, vectors, count, distances);
    for (uint32_t i = 0; i < count; i++)
        top_k_offer(nearest, (Neighbor){distances[i], rows[i]});
    return MQL_OK;
}

/* An exact distance as the bounds are: COSINE's are of unit vectors. */
static float
true_length(const Collect *collect, float distance)
{
    if (collect->ivf->header.metric == METRIC_COSINE)
        distance = 2.0f + 2.0f * distance;
    return to_length(collect, distance);
}

static mql_status
rank(Collect *collect, TopK *nearest, Error *err)
{
    Neighbor *heap =
        collect->is_certain ? collect->scratch->candidates : collect->top.heap;
    uint32_t left = collect->is_certain ? collect->count : collect->top.count;
    uint32_t rows[RANKED], ranked = 0;
    heap_make(heap, left);
    while (left > 0) {
        float most = INFINITY;
        if (collect->is_certain && nearest->count == nearest->k)
            most = true_length(collect, nearest->heap[0].distance);
        uint32_t count = 0;
        while (left > 0 && count < RANKED && !(heap[0].distance > most))
            rows[count++] = heap_pop(heap, &left).row;
        if (count == 0)
            break;
        TRY(rank_some(collect, rows, count, nearest, err));
        ranked += count;
    }
    if (collect->query->counters != NULL)
        collect->query->counters->distances += ranked;
    return MQL_OK;
}

/* The zero vectors: all as near as each other, so the first k that are allowed
 * do. */
static mql_status
offer_zeros(const Collect *collect, TopK *nearest, Error *err)
{
    const Ivf *ivf = collect->ivf;
    uint32_t first = ivf->starts[ivf->header.list_count], offered = 0;
    for (uint32_t place = first;
         place < ivf->header.place_count && offered < nearest->k; place++) {
        if (ivf->file != NULL)
            TRY(section_verify(ivf->file, &ivf->rows_section,
                               place * sizeof *ivf->rows, sizeof *ivf->rows,
                               err));
        uint32_t row = ivf->rows[place];
        if (row >= ivf->header.row_count)
            return error_corrupt(err, section_file_path(ivf->file), -1,
                                 "an IVF index has a wrong row");
        if (collect->query->allowed != NULL &&
            !bits_get(collect->query->allowed, row))
            continue;
        TRY(rank_some(collect, &row, 1, nearest, err));
        offered++;
    }
    return MQL_OK;
}

/* ---- which lists ---- */

static void
order_lists(const Ivf *ivf, const Estimate *estimate, IvfScratch *scratch)
{
    uint32_t count = ivf->header.list_count;
    size_t stride = ivf->coder.stride;
    float distances[IVF_BLOCK];
    for (uint32_t first = 0; first < count; first += IVF_BLOCK) {
        uint32_t some = count - first < IVF_BLOCK ? count - first : IVF_BLOCK;
        estimate_rows(ivf, estimate, ivf->centroids + first * stride,
                      ivf->norms + first, some, distances);
        for (uint32_t i = 0; i < some; i++)
            scratch->lists[first + i] = (Neighbor){distances[i], first + i};
    }
    heap_make(scratch->lists, count);
}

/* What one distance costs, in nanoseconds, from memory that is not in cache. */
static double
scan_cost(const Ivf *ivf)
{
    return 20.0 + (double)vector_row_size(ivf->column) / 9.0;
}

static double
list_cost(const Ivf *ivf)
{
    double size = (double)ivf_codes_size(ivf) / ivf_listed(&ivf->header);
    return 2.0 + size / 9.0;
}

/* How far to go. */
typedef struct Goal {
    double probes;   /* lists; one with few allowed rows counts in part */
    double share;    /* allowed rows of all                             */
    uint64_t seen;   /* allowed rows, at least                          */
    uint64_t looked; /* rows, at most                                   */
    uint32_t bits;   /* of each element of the query, for signs; 0: all  */
} Goal;

/* What a list was worth. */
static double
list_worth(const Goal *goal, uint64_t rows, uint64_t seen)
{
    double expected = (double)rows * goal->share;
    return (double)seen < expected ? (double)seen / expected : 1.0;
}

static mql_status
collect_lists(Collect *collect, const Goal *goal, bool *is_done, Error *err)
{
    const Ivf *ivf = collect->ivf;
    IvfScratch *scratch = collect->scratch;
    uint32_t left = ivf->header.list_count;
    double probes = 0;
    order_lists(ivf, collect->estimate, scratch);
    while (left > 0 && (probes < goal->probes || collect->seen < goal->seen)) {
        uint64_t looked = collect->looked, seen = collect->seen;
        *is_done = looked <= goal->looked;
        if (!*is_done)
            break;
        Neighbor list = heap_pop(scratch->lists, &left);
        if (left > 0)
            prefetch_list(ivf, scratch->lists[0].row);
        TRY(collect_list(collect, list, err));
        probes +=
            list_worth(goal, collect->looked - looked, collect->seen - seen);
    }
    if (collect->query->counters != NULL)
        collect->query->counters->distances +=
            collect->looked + ivf->header.list_count;
    return MQL_OK;
}

/* Estimates to keep and rank; 0: all that may be among the nearest. */
static uint64_t
kept_for(uint32_t k, uint64_t refine)
{
    return refine == 0 ? 0 : k * refine + 4;
}

/* `kept` as of kept_for(). */
static mql_status
search_lists(const Ivf *ivf, IvfScratch *scratch, const VectorQuery *query,
             const Goal *goal, uint64_t kept, Neighbor *nearest,
             uint32_t *found, bool *is_done, Error *err)
{
    bool is_certain = kept == 0;
    ExactQuery exact =
        exact_query_of((Metric)ivf->header.metric, ivf->column->element,
                       query->vector, ivf->header.dim);
    Estimate estimate;
    *found = 0;
    *is_done = estimate_init(ivf, scratch, &exact, &estimate);
    if (!*is_done)
        return MQL_OK;

    if (ivf_is_pq(&ivf->header))
        ivf_pq_tables(ivf, scratch);
    if (ivf->header.code_type == IVF_CODES_SIGNS)
        ivf_signs_tables(ivf, scratch, goal->bits);
    if (kept < query->k)
        kept = query->k;
    if (kept > ivf->header.place_count)
        kept = ivf->header.place_count;
    TRY(reserve(&scratch->limits, &scratch->limits_most, kept, err));
    Collect collect = {.ivf = ivf,
                       .query = query,
                       .exact = &exact,
                       .estimate = &estimate,
                       .scratch = scratch,
                       .top = top_k_of(scratch->limits, (uint32_t)kept),
                       .is_certain = is_certain,
                       .limit = INFINITY};
    TRY(collect_lists(&collect, goal, is_done, err));
    if (!*is_done)
        return MQL_OK;
    TopK top = top_k_of(nearest, query->k);
    TRY(rank(&collect, &top, err));
    TRY(offer_zeros(&collect, &top, err));
    *found = top_k_finish(&top);
    return MQL_OK;
}

mql_status
ivf_search_lists(const Ivf *ivf, IvfScratch *scratch, const VectorQuery *query,
                 uint32_t probes, uint32_t refine, Neighbor *nearest,
                 uint32_t *found, Error *err)
{
    bool is_done;
    const Goal goal = {.probes = probes, .share = 1, .looked = UINT64_MAX};
    return search_lists(ivf, scratch, query, &goal, kept_for(query->k, refine),
                        nearest, found, &is_done, err);
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
    return kept_for(query->k,
                    refine > 0 ? (uint64_t)refine : ivf->header.refine);
}

static Goal
goal_of(const Ivf *ivf, const VectorQuery *query, uint64_t kept)
{
    Goal goal = {.probes = (double)option_of(ivf, query, IVF_OPTION_NPROBE),
                 .share = 1,
                 .seen = query->k,
                 .looked = UINT64_MAX};
    int64_t bits = option_of(ivf, query, ivf->bits_option);
    goal.bits = bits > 0 ? (uint32_t)bits : 0;
    if (query->allowed == NULL)
        return goal;
    goal.share = (double)query->allowed_count / ivf->header.row_count;
    /* Rows that are ranked cost as much as those that are scanned. */
    double spared = (double)query->allowed_count - (double)kept;
    goal.looked = (uint64_t)(fmax(spared, 0) * scan_cost(ivf) / list_cost(ivf));
    return goal;
}

/* Whether scanning the allowed rows costs less than the lists are expected to.
 */
static bool
is_scan_better(const Ivf *ivf, const VectorQuery *query, const Goal *goal)
{
    if (query->allowed == NULL)
        return false;
    double listed = (double)ivf_listed(&ivf->header);
    double looked = goal->probes * listed / ivf->header.list_count;
    looked = fmax(looked, (double)goal->seen / goal->share);
    return fmin(looked, listed) > (double)goal->looked;
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

    bool is_done = false;
    if (ivf->header.list_count > 0) {
        uint64_t kept = kept_of(ivf, query);
        Goal goal = goal_of(ivf, query, kept);
        IvfScratch *scratch = NULL;
        mql_status status = MQL_OK;
        if (!is_scan_better(ivf, query, &goal)) {
            TRY(scratch_take(ivf, &scratch, err));
            status = search_lists(ivf, scratch, query, &goal, kept, nearest,
                                  found, &is_done, err);
            scratch_return(ivf, scratch);
        }
        TRY(status);
    }
    return is_done ? MQL_OK
                   : vector_scan(ivf->column, (Metric)ivf->header.metric, query,
                                 nearest, found, err);
}
