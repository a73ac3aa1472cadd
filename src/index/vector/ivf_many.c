/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivf_many.c - many targets, each list read once for all that look at it.
 *
 * First every target is compared with all centroids, eight targets at once, and
 * chooses its lists (ivf_search.h says why that can be done beforehand). Then
 * the lists are gone through one after the other. The codes of a list are laid
 * side by side (kernels/lists.h) and compared with eight targets at once;
 * nibbles and bits stay as they are, in the cache for all targets. What each
 * target keeps is its own, and so are the bounds. Its nearest list comes first:
 * after that its limit is so near that little of the others is kept.
 *
 * The answers are those of ivf_search() of each target by the same plan, which
 * also answers what cannot be answered from codes.
 */
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "index/keys.h"
#include "index/vector/ivf_search.h"

/* Memory of the targets that are searched together. */
#define TURN_BYTES (16u << 20)
#define VISITS_MOST (1u << 19)
/* For fewer targets the lists have no visitors to share them. */
#define TARGETS_LEAST 4
/* Fewer visitors of a list look at its codes one by one. */
#define VISITORS_LEAST 3
#define CANDIDATES 128 /* room at first */
/* As many share what a scan reads. */
#define BATCH_LEAST 16
#define UNKNOWN UINT32_MAX

/* One target of those that are searched together. */
typedef struct Seeker {
    uint32_t target;
    ExactQuery exact;
    IvfEstimate estimate;
    IvfCollect collect;
    IvfScratch scratch; /* its own: query, tables, candidates, limits */
    uint32_t chosen;    /* so many of many->chosen */
} Seeker;

typedef struct Visit {
    uint32_t seeker;
    float base; /* how far it is from the centroid */
} Visit;

typedef struct Many {
    Ivf *ivf;
    const VectorQuery *query;
    const VectorTargets *targets;
    Arena *arena;
    IvfGoal goal;
    uint64_t kept;
    bool is_certain, is_side; /* is_side: codes of bytes */
    size_t size;              /* elements of a code that are compared */

    Seeker *seekers;
    uint32_t seeker_count, seekers_most;
    Neighbor *chosen; /* lists, of one seeker after the other, nearest first */
    Visit *visits;
    uint32_t visit_count, visits_most;
    uint32_t *starts; /* of the visits of each list */

    uint32_t rest; /* targets that are left to the scan: found is UNKNOWN */

    uint32_t *allowed_counts; /* of each list, UNKNOWN: not counted yet */
    Neighbor *heap;           /* of all lists                        */
    uint64_t *keys;           /* of all lists, and one more          */
    uint8_t *centroids;       /* side by side                        */
    float *norms;             /* of each centroid, to whole groups   */
    float *distances;         /* of eight targets to each group of them */
    float *least;             /* of the centroids of a group         */
    uint8_t *codes;           /* of IVF_BLOCK rows, side by side     */
} Many;

/* ---- codes side by side ---- */

static uint32_t
groups_of(uint32_t rows)
{
    return (rows + SIDE_ROWS - 1) / SIDE_ROWS;
}

/* Lay codes of `count` rows side by side. */
static void
lay_side_by_side(const Many *many, const uint8_t *from, uint32_t count,
                 uint8_t *to)
{
    size_t stride = many->ivf->coder.stride;
    for (uint32_t row = 0; row < count; row += SIDE_ROWS) {
        uint32_t some = count - row < SIDE_ROWS ? count - row : SIDE_ROWS;
        list_table()->lay_side(from + row * stride, stride, some, many->size,
                               to + row * many->size);
    }
}

/* ---- room ---- */

static size_t
seeker_bytes(const Many *many)
{
    const Ivf *ivf = many->ivf;
    return sizeof(Seeker) + ivf->coder.stride + 16 * ivf_nibbles(&ivf->header) +
           (size_t)(ivf_limits_room(many->kept) + CANDIDATES) *
               sizeof(Neighbor);
}

/* What seekers have in common is taken from `shared`. */
static bool
make_seeker(Many *many, const IvfScratch *shared, Seeker *seeker)
{
    const Ivf *ivf = many->ivf;
    IvfScratch *scratch = &seeker->scratch;
    *scratch = *shared;
    scratch->candidates.arena = scratch->limits.arena = many->arena;
    scratch->query = arena_alloc(many->arena, ivf->coder.stride);
    scratch->tables =
        arena_alloc(many->arena, 16 * ivf_nibbles(&ivf->header) + 1);
    Error ignored;
    return scratch->query != NULL && scratch->tables != NULL &&
           ivf_room_reserve(&scratch->limits, ivf_limits_room(many->kept),
                            &ignored) == MQL_OK &&
           (!many->is_certain ||
            ivf_room_reserve(&scratch->candidates, CANDIDATES, &ignored) ==
                MQL_OK);
}

static bool
make_seekers(Many *many)
{
    const IvfHeader *header = &many->ivf->header;
    Arena *arena = many->arena;
    size_t values = (size_t)ivf_parts(header) * ivf_points(header);
    const IvfScratch shared = {
        .point = arena_alloc_array(arena, header->dim, sizeof(float)),
        .values = arena_alloc_array(arena, values + 1, sizeof(float)),
        .turned = arena_alloc_array(arena, 2 * (size_t)header->dim + 3,
                                    sizeof(float))};
    many->seekers =
        arena_alloc_array(arena, many->seekers_most, sizeof *many->seekers);
    bool is_made = shared.point != NULL && shared.values != NULL &&
                   shared.turned != NULL && many->seekers != NULL;
    for (uint32_t i = 0; is_made && i < many->seekers_most; i++)
        is_made = make_seeker(many, &shared, &many->seekers[i]);
    return is_made;
}

static bool
make_lists(Many *many)
{
    const Ivf *ivf = many->ivf;
    Arena *arena = many->arena;
    uint32_t lists = ivf->header.list_count, groups = groups_of(lists);
    size_t padded = (size_t)groups * SIDE_ROWS;
    many->centroids = arena_alloc_lines(arena, padded, many->size);
    many->norms = arena_alloc_array(arena, padded, sizeof(float));
    many->distances =
        arena_alloc_array(arena, padded, SIDE_QUERIES * sizeof(float));
    many->least = arena_alloc_array(arena, groups, sizeof(float));
    many->heap = arena_alloc_array(arena, lists, sizeof *many->heap);
    many->keys = arena_alloc_array(arena, (size_t)lists + 1, sizeof(uint64_t));
    many->codes = arena_alloc_lines(arena, IVF_BLOCK, many->size);
    many->starts =
        arena_alloc_array(arena, (size_t)lists + 1, sizeof(uint32_t));
    many->chosen =
        arena_alloc_array(arena, many->visits_most, sizeof *many->chosen);
    many->visits =
        arena_alloc_array(arena, many->visits_most, sizeof *many->visits);
    if (many->query->allowed != NULL)
        many->allowed_counts =
            arena_alloc_array(arena, lists, sizeof(uint32_t));
    if (many->centroids == NULL || many->norms == NULL ||
        many->distances == NULL || many->least == NULL || many->heap == NULL ||
        many->keys == NULL || many->codes == NULL || many->starts == NULL ||
        many->chosen == NULL || many->visits == NULL ||
        (many->query->allowed != NULL && many->allowed_counts == NULL))
        return false;
    lay_side_by_side(many, ivf->centroids, lists, many->centroids);
    bool is_dot = ivf->header.metric == METRIC_IP;
    for (size_t i = 0; i < padded; i++)
        many->norms[i] = i >= lists ? INFINITY : is_dot ? 0 : ivf->norms[i];
    for (uint32_t i = 0; many->allowed_counts != NULL && i < lists; i++)
        many->allowed_counts[i] = UNKNOWN;
    return true;
}

/* ---- which lists ---- */

/* One target's distances from a group of centroids; those of eight lie one
 * behind the other. */
static const float *
group_distances(const float *distances, uint32_t group)
{
    return distances + (size_t)group * SIDE_ROWS * SIDE_QUERIES;
}

static uint32_t
list_rows(const Ivf *ivf, uint32_t list)
{
    return ivf->starts[list + 1] - ivf->starts[list];
}

/* Allowed rows of a list. */
static mql_status
count_allowed(Many *many, uint32_t list, uint32_t *count, Error *err)
{
    const Ivf *ivf = many->ivf;
    const uint64_t *allowed = many->query->allowed;
    *count = list_rows(ivf, list);
    if (allowed == NULL)
        return MQL_OK;
    if (many->allowed_counts[list] == UNKNOWN) {
        uint32_t found = 0;
        TRY(ivf_verify_list(ivf, list, err));
        for (uint32_t place = ivf->starts[list]; place < ivf->starts[list + 1];
             place++)
            found += ivf->rows[place] < ivf->header.row_count &&
                     bits_get(allowed, ivf->rows[place]);
        many->allowed_counts[list] = found;
    }
    *count = many->allowed_counts[list];
    return MQL_OK;
}

/* As ivf_search() does, list by list. Not done: too many rows to look at. */
static mql_status
choose_in_order(Many *many, Seeker *seeker, const float *distances,
                bool *is_done, Error *err)
{
    const Ivf *ivf = many->ivf;
    Neighbor *chosen = many->chosen + many->visit_count;
    uint32_t left = ivf->header.list_count;
    IvfCourse course = {0};
    for (uint32_t list = 0; list < left; list++)
        many->heap[list] = (Neighbor){
            group_distances(distances, list / SIDE_ROWS)[list % SIDE_ROWS],
            list};
    ivf_heap_make(many->heap, left);
    seeker->chosen = 0;
    *is_done = true;
    while (left > 0 && ivf_course_goes_on(&many->goal, &course)) {
        *is_done = ivf_course_pays(ivf, &many->goal, &course);
        if (!*is_done)
            return MQL_OK;
        Neighbor list = ivf_heap_pop(many->heap, &left);
        uint32_t rows = list_rows(ivf, list.row), allowed;
        TRY(count_allowed(many, list.row, &allowed, err));
        ivf_course_add(ivf, &many->goal, rows, allowed, &course);
        chosen[seeker->chosen++] = list;
    }
    return MQL_OK;
}

static float
least_of(const float distances[SIDE_ROWS])
{
    float least = distances[0];
    for (uint32_t i = 1; i < SIDE_ROWS; i++)
        least = distances[i] < least ? distances[i] : least;
    return least;
}

/* At least `wanted` lists are no farther than this: as many groups have one. */
static float
enough_for(Many *many, const float *distances, uint32_t wanted)
{
    uint32_t groups = groups_of(many->ivf->header.list_count);
    if (groups <= wanted)
        return INFINITY;
    for (uint32_t group = 0; group < groups; group++) {
        many->least[group] = least_of(group_distances(distances, group));
        many->keys[group] = key_of_float(many->least[group], group);
    }
    keys_select(many->keys, groups, wanted);
    float most = -INFINITY;
    for (uint32_t i = 0; i < wanted; i++) {
        float least = many->least[(uint32_t)many->keys[i]];
        most = least > most ? least : most;
    }
    return most;
}

/* Without a condition: the nearest lists, as many as are asked for. */
static void
choose_nearest(Many *many, Seeker *seeker, const float *distances,
               uint32_t wanted)
{
    uint32_t lists = many->ivf->header.list_count, count = 0;
    float most = enough_for(many, distances, wanted);
    for (uint32_t group = 0; group < groups_of(lists); group++) {
        const float *some = group_distances(distances, group);
        uint32_t first = group * SIDE_ROWS;
        if (most < INFINITY && many->least[group] > most)
            continue;
        for (uint32_t i = 0; i < SIDE_ROWS && first + i < lists; i++) {
            many->keys[count] = key_of_float(some[i], first + i);
            count += some[i] <= most;
        }
    }
    keys_select(many->keys, count, wanted);
    seeker->chosen = count < wanted ? count : wanted;
    for (uint32_t i = 0; i < seeker->chosen; i++) {
        uint32_t list = (uint32_t)many->keys[i];
        float distance =
            group_distances(distances, list / SIDE_ROWS)[list % SIDE_ROWS];
        many->chosen[many->visit_count + i] = (Neighbor){distance, list};
    }
}

/* The lists of a seeker; it is out when it is not done. */
static mql_status
choose_lists(Many *many, Seeker *seeker, const float *distances, bool *is_done,
             Error *err)
{
    const Ivf *ivf = many->ivf;
    uint32_t lists = ivf->header.list_count;
    uint64_t seen = 0;
    uint32_t wanted =
        many->goal.probes < (double)lists ? (uint32_t)many->goal.probes : lists;
    Neighbor *chosen = many->chosen + many->visit_count;
    *is_done = true;
    if (many->query->allowed == NULL) {
        choose_nearest(many, seeker, distances, wanted);
        for (uint32_t i = 0; i < seeker->chosen; i++)
            seen += list_rows(ivf, chosen[i].row);
    }
    if (many->query->allowed != NULL || seen < many->goal.seen)
        TRY(choose_in_order(many, seeker, distances, is_done, err));
    for (uint32_t i = 1; i < seeker->chosen; i++)
        if (neighbor_before(chosen[i], chosen[0])) {
            Neighbor nearer = chosen[i];
            chosen[i] = chosen[0];
            chosen[0] = nearer;
        }
    return MQL_OK;
}

/* ---- seekers ---- */

/* Of target `t`. False: its numbers do not allow estimates. */
static bool
begin_seeker(Many *many, uint32_t t, Seeker *seeker)
{
    const Ivf *ivf = many->ivf;
    seeker->target = t;
    seeker->exact =
        exact_query_of((Metric)ivf->header.metric, ivf->column->element,
                       many->targets->vectors[t], ivf->header.dim);
    if (!ivf_estimate_init(ivf, &seeker->scratch, &seeker->exact,
                           &seeker->estimate))
        return false;
    if (ivf_is_pq(&ivf->header))
        ivf_pq_tables(ivf, &seeker->scratch);
    if (ivf->header.code_type == IVF_CODES_SIGNS)
        ivf_signs_tables(ivf, &seeker->scratch, many->goal.bits);
    seeker->collect = (IvfCollect){.ivf = ivf,
                                   .query = many->query,
                                   .exact = &seeker->exact,
                                   .estimate = &seeker->estimate,
                                   .scratch = &seeker->scratch,
                                   .candidates = &seeker->scratch.candidates,
                                   .is_certain = many->is_certain,
                                   .limit = INFINITY};
    ivf_collect_into(&seeker->collect, seeker->scratch.limits.list,
                     (uint32_t)many->kept);
    return true;
}

/* Of up to eight seekers, the last one again and again where there are fewer.
 */
static void
fill_queries(const Seeker *const *seekers, uint32_t count,
             SideQuery queries[SIDE_QUERIES])
{
    for (uint32_t i = 0; i < SIDE_QUERIES; i++) {
        const IvfEstimate *estimate =
            &seekers[i < count ? i : count - 1]->estimate;
        queries[i] = (SideQuery){estimate->code, estimate->base,
                                 estimate->scale, -INFINITY};
    }
}

/* Their distances from all centroids. */
static void
see_centroids(Many *many, const Seeker *const *seekers, uint32_t count)
{
    uint32_t groups = groups_of(many->ivf->header.list_count);
    SideQuery queries[SIDE_QUERIES];
    uint16_t below[SIDE_QUERIES];
    fill_queries(seekers, count, queries);
    for (uint32_t group = 0; group < groups; group++) {
        size_t first = (size_t)group * SIDE_ROWS;
        const SideCodes side = {many->centroids + first * many->size, NULL,
                                many->size};
        list_table()->side_estimates(&side, many->norms + first, queries,
                                     many->distances + first * SIDE_QUERIES,
                                     below);
    }
}

/* Comparing with all allowed rows. */
static mql_status
scan_many(Ivf *ivf, const VectorQuery *query, const VectorTargets *targets,
          Arena *arena, Error *err)
{
    bool is_batch = targets->count >= BATCH_LEAST;
    int64_t began = is_batch ? pace_begin(ivf->pace, PACE_BATCH) : -1;
    TRY(vector_scan_many(ivf->column, (Metric)ivf->header.metric, query,
                         targets, arena, err));
    pace_end(ivf->pace, PACE_BATCH, began,
             (double)query->allowed_count * targets->count);
    return MQL_OK;
}

static void
leave_to_scan(Many *many, uint32_t target)
{
    trace_fallback(many->query);
    many->targets->found[target] = UNKNOWN;
    many->rest++;
}

/* Without memory for scanning for all of those that are left together. */
static mql_status
scan_each(const Many *many, Error *err)
{
    const VectorTargets *all = many->targets;
    VectorQuery one = *many->query;
    for (uint32_t t = 0; t < all->count; t++) {
        if (all->found[t] != UNKNOWN)
            continue;
        one.vector = all->vectors[t];
        TRY(vector_scan(many->ivf->column, (Metric)many->ivf->header.metric,
                        &one, all->nearest + (size_t)t * one.k, &all->found[t],
                        err));
    }
    return MQL_OK;
}

/* For all that are left at once. */
static mql_status
scan_together(const Many *many, Error *err)
{
    const VectorTargets *all = many->targets;
    size_t count = many->rest, k = many->query->k, next = 0;
    Arena *arena = many->arena;
    const void **vectors = arena_alloc_array(arena, count, sizeof *vectors);
    Neighbor *nearest = arena_alloc_array(arena, count * k, sizeof *nearest);
    uint32_t *found = arena_alloc_array(arena, count, sizeof *found);
    if (vectors == NULL || nearest == NULL || found == NULL)
        return error_no_memory(err);
    for (uint32_t t = 0; t < all->count; t++)
        if (all->found[t] == UNKNOWN)
            vectors[next++] = all->vectors[t];
    const VectorTargets rest = {vectors, many->rest, nearest, found};
    TRY(scan_many(many->ivf, many->query, &rest, arena, err));
    next = 0;
    for (uint32_t t = 0; t < all->count; t++) {
        if (all->found[t] != UNKNOWN)
            continue;
        memcpy(all->nearest + t * k, nearest + next * k,
               found[next] * sizeof *nearest);
        all->found[t] = found[next++];
    }
    return MQL_OK;
}

/* Scan for those that were left to it. */
static mql_status
scan_rest(const Many *many, Error *err)
{
    if (many->rest == 0)
        return MQL_OK;
    mql_status status = scan_together(many, err);
    if (status != MQL_NO_MEMORY)
        return status;
    error_clear(err);
    return scan_each(many, err);
}

/* Scan for all of them. */
static mql_status
scan_all(Many *many, Error *err)
{
    const VectorTargets *all = many->targets;
    trace_plan(many->query, FILTER_SCAN, all->count);
    mql_status status =
        scan_many(many->ivf, many->query, all, many->arena, err);
    if (status != MQL_NO_MEMORY)
        return status;
    error_clear(err);
    for (uint32_t t = 0; t < all->count; t++)
        all->found[t] = UNKNOWN;
    return scan_each(many, err);
}

/* Up to eight targets from `*t` on join those that are searched together. */
static mql_status
begin_eight(Many *many, uint32_t *t, Error *err)
{
    Seeker *seekers = many->seekers + many->seeker_count;
    const Seeker *eight[SIDE_QUERIES];
    uint32_t most = many->seekers_most - many->seeker_count, count = 0;
    most = most < SIDE_QUERIES ? most : SIDE_QUERIES;
    for (; *t < many->targets->count && count < most; ++*t) {
        eight[count] = &seekers[count];
        if (begin_seeker(many, *t, &seekers[count]))
            count++;
        else
            leave_to_scan(many, *t);
    }
    if (count > 0)
        see_centroids(many, eight, count);
    for (uint32_t i = 0; i < count; i++) {
        bool is_done;
        TRY(choose_lists(many, &seekers[i], many->distances + i * SIDE_ROWS,
                         &is_done, err));
        if (!is_done) {
            seekers[i].chosen = 0; /* has nothing to look at */
            leave_to_scan(many, seekers[i].target);
            seekers[i].target = UNKNOWN;
        }
        many->visit_count += seekers[i].chosen;
    }
    many->seeker_count += count;
    return MQL_OK;
}

/* ---- looking at lists ---- */

/* Rows of a list that are compared at once, side by side. */
typedef struct Window {
    const uint32_t *rows;
    uint32_t count;
    float terms[IVF_BLOCK];
    uint16_t wanted[IVF_BLOCK / SIDE_ROWS]; /* that are there and allowed */
} Window;

static void
open_window(const Many *many, uint32_t place, uint32_t count, Window *window)
{
    const Ivf *ivf = many->ivf;
    const uint64_t *allowed = many->query->allowed;
    window->rows = ivf->rows + place;
    window->count = count;
    memset(window->wanted, 0, sizeof window->wanted);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = window->rows[i];
        bool is_wanted = allowed == NULL || row >= ivf->header.row_count ||
                         bits_get(allowed, row);
        window->wanted[i / SIDE_ROWS] |= (uint16_t)(is_wanted << i % SIDE_ROWS);
        window->terms[i] = ivf->terms == NULL ? 0 : ivf->terms[place + i];
    }
    for (uint32_t i = count; i % SIDE_ROWS != 0; i++)
        window->terms[i] = 0;
    lay_side_by_side(many, ivf->codes + (size_t)place * ivf->coder.stride,
                     count, many->codes);
}

static mql_status
look_together(const Many *many, const Window *window, Seeker *const *seekers,
              uint32_t count, Error *err)
{
    SideQuery queries[SIDE_QUERIES];
    float distances[SIDE_QUERIES * SIDE_ROWS];
    uint16_t below[SIDE_QUERIES];
    fill_queries((const Seeker *const *)seekers, count, queries);
    for (uint32_t first = 0; first < window->count; first += SIDE_ROWS) {
        uint32_t wanted = window->wanted[first / SIDE_ROWS];
        const SideCodes side = {many->codes + first * many->size, NULL,
                                many->size};
        if (wanted == 0)
            continue;
        for (uint32_t i = 0; i < count; i++)
            queries[i].limit = seekers[i]->collect.limit;
        list_table()->side_estimates(&side, window->terms + first, queries,
                                     distances, below);
        for (uint32_t i = 0; i < count; i++)
            if ((below[i] & wanted) != 0)
                TRY(ivf_collect_some(&seekers[i]->collect, window->rows + first,
                                     distances + (size_t)i * SIDE_ROWS,
                                     below[i] & wanted, err));
    }
    return MQL_OK;
}

/* All visitors of a list look at it eight by eight. */
static mql_status
visit_together(Many *many, uint32_t list, const Visit *visits, uint32_t count,
               Error *err)
{
    const Ivf *ivf = many->ivf;
    uint32_t place = ivf->starts[list], end = ivf->starts[list + 1];
    Window window;
    for (uint32_t i = 0; i < count; i++)
        ivf_enter_list(&many->seekers[visits[i].seeker].collect, list);
    for (; place < end; place += IVF_BLOCK) {
        open_window(many, place,
                    end - place < IVF_BLOCK ? end - place : IVF_BLOCK, &window);
        if (is_cancelled(many->query->cancel))
            return error_cancelled(err);
        for (uint32_t i = 0; i < count; i += SIDE_QUERIES) {
            Seeker *eight[SIDE_QUERIES];
            uint32_t some = count - i < SIDE_QUERIES ? count - i : SIDE_QUERIES;
            for (uint32_t j = 0; j < some; j++)
                eight[j] = &many->seekers[visits[i + j].seeker];
            TRY(look_together(many, &window, eight, some, err));
        }
    }
    return MQL_OK;
}

/* One after the other, from the cache. */
static mql_status
visit_each(Many *many, uint32_t list, const Visit *visits, uint32_t count,
           Error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        Neighbor seen = {visits[i].base, list};
        TRY(ivf_collect_list(&many->seekers[visits[i].seeker].collect, seen,
                             err));
    }
    return MQL_OK;
}

/* The lists that seekers chose from `first` on and before `end`, list by list.
 */
static mql_status
visit_lists(Many *many, uint32_t first, uint32_t end, Error *err)
{
    const Ivf *ivf = many->ivf;
    uint32_t lists = ivf->header.list_count, *starts = many->starts;
    const Neighbor *chosen = many->chosen;
    memset(starts, 0, ((size_t)lists + 1) * sizeof *starts);
    for (uint32_t s = 0; s < many->seeker_count;
         chosen += many->seekers[s++].chosen)
        for (uint32_t i = first; i < end && i < many->seekers[s].chosen; i++)
            starts[chosen[i].row]++;
    uint32_t total = 0;
    for (uint32_t list = 0; list <= lists; list++) {
        uint32_t count = starts[list];
        starts[list] = total;
        total += count;
    }
    chosen = many->chosen;
    for (uint32_t s = 0; s < many->seeker_count;
         chosen += many->seekers[s++].chosen)
        for (uint32_t i = first; i < end && i < many->seekers[s].chosen; i++)
            many->visits[starts[chosen[i].row]++] =
                (Visit){s, chosen[i].distance};
    /* Each start has moved to that of the next list. */
    for (uint32_t list = 0, at = 0; list < lists; at = starts[list++]) {
        uint32_t count = starts[list] - at;
        if (count == 0)
            continue;
        TRY(ivf_verify_list(ivf, list, err));
        TRY((many->is_side && count >= VISITORS_LEAST
                 ? visit_together
                 : visit_each)(many, list, many->visits + at, count, err));
    }
    return MQL_OK;
}

/* ---- all targets ---- */

static void
count_distances(const Many *many)
{
    const Ivf *ivf = many->ivf;
    uint64_t looked = (uint64_t)many->seeker_count * ivf->header.list_count;
    for (uint32_t i = 0; i < many->visit_count; i++)
        looked += list_rows(ivf, many->chosen[i].row);
    if (many->query->counters != NULL)
        many->query->counters->distances += looked;
}

/* So many targets from `*t` on as there is room for. */
static mql_status
search_turn(Many *many, uint32_t *t, Error *err)
{
    uint32_t room = SIDE_QUERIES * many->ivf->header.list_count;
    many->seeker_count = many->visit_count = 0;
    while (*t < many->targets->count &&
           many->seeker_count < many->seekers_most &&
           many->visits_most - many->visit_count >= room)
        TRY(begin_eight(many, t, err));
    TRY(visit_lists(many, 0, 1, err));
    TRY(visit_lists(many, 1, UINT32_MAX, err));
    for (uint32_t s = 0; s < many->seeker_count; s++) {
        Seeker *seeker = &many->seekers[s];
        if (seeker->target == UNKNOWN)
            continue;
        uint32_t k = many->query->k;
        TopK top =
            top_k_of(many->targets->nearest + (size_t)seeker->target * k, k);
        bool is_hard = ivf_is_hard_to_rank(&seeker->collect);
        if (!is_hard)
            TRY(ivf_rank(&seeker->collect, &top, err));
        if (is_hard || ivf_is_blurred(&seeker->collect))
            leave_to_scan(many, seeker->target);
        else
            many->targets->found[seeker->target] = top_k_finish(&top);
    }
    count_distances(many);
    return MQL_OK;
}

/* False: not worth it. */
static bool
plan_turns(Many *many)
{
    const IvfHeader *header = &many->ivf->header;
    uint32_t count = many->targets->count, lists = header->list_count;
    many->goal = ivf_goal_of(many->ivf, many->query, many->targets->count);
    many->is_certain = many->goal.kept == 0;
    many->is_side = ivf_has_bounds(header);
    many->kept = ivf_kept_room(many->ivf, many->query, many->goal.kept);
    many->size = (header->dim + 3) / 4 * 4;
    size_t most = TURN_BYTES / seeker_bytes(many);
    many->seekers_most = most < count ? (uint32_t)most : count;
    uint64_t visits =
        (uint64_t)fmin(many->goal.probes, lists) * many->seekers_most;
    visits = visits < VISITS_MOST ? visits : VISITS_MOST;
    many->visits_most = (uint32_t)visits + SIDE_QUERIES * lists;
    return many->seekers_most >= TARGETS_LEAST &&
           header->code_type != IVF_CODES_PQ8;
}

/* One target after the other. */
static mql_status
search_each(Many *many, Error *err)
{
    VectorQuery one = *many->query;
    for (uint32_t t = 0; t < many->targets->count; t++) {
        bool is_done;
        one.vector = many->targets->vectors[t];
        TRY(ivf_ask_lists(many->ivf, &one, &many->goal,
                          many->targets->nearest + (size_t)t * one.k,
                          &many->targets->found[t], &is_done, err));
        if (!is_done)
            leave_to_scan(many, t);
    }
    return MQL_OK;
}

mql_status
ivf_search_many(const Index *index, const VectorQuery *query,
                const VectorTargets *targets, Arena *arena, Error *err)
{
    Ivf *ivf = (Ivf *)(uintptr_t)index; /* only its scratches change */
    Many many = {
        .ivf = ivf, .query = query, .targets = targets, .arena = arena};
    if (ivf->header.place_count == 0 || query->k == 0 ||
        (query->allowed != NULL && query->allowed_count == 0)) {
        memset(targets->found, 0, targets->count * sizeof *targets->found);
        return MQL_OK;
    }
    bool is_shared = plan_turns(&many);
    if (ivf->header.list_count == 0 ||
        ivf_is_scan_better(ivf, query, &many.goal, targets->count))
        return scan_all(&many, err);
    trace_plan(query, FILTER_CLUSTER, targets->count);
    /* Also where a statement may not have so much memory. */
    if (!is_shared || !make_seekers(&many) || !make_lists(&many))
        TRY(search_each(&many, err));
    else
        for (uint32_t t = 0; t < targets->count;)
            TRY(search_turn(&many, &t, err));
    return scan_rest(&many, err);
}
