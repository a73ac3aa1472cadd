/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivf_collect.c - estimates of the rows of lists, which of them are kept, and
 * ranking these by the vectors.
 */
#include "index/vector/ivf_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "index/keys.h"

#define RANKED 16 /* rows ranked at a time          */
#define FETCHED 8 /* cache lines fetched ahead      */
#define ROUNDING                                                               \
    2e-6f /* of the terms of an estimate; exact distances, which               \
             decide, have their own, the more the more elements */
#define ROOM_LEAST 256

/* ---- room ---- */

mql_status
ivf_room_reserve(IvfRoom *room, uint64_t count, Error *err)
{
    if (count <= room->most)
        return MQL_OK;
    uint64_t wanted = (uint64_t)room->most * 2;
    wanted = wanted < count ? count : wanted;
    wanted = wanted < ROOM_LEAST ? ROOM_LEAST : wanted;
    if (wanted > UINT32_MAX)
        return error_no_memory(err);
    size_t size = (size_t)wanted * sizeof *room->list;
    Neighbor *grown = room->arena == NULL ? realloc(room->list, size)
                                          : arena_alloc(room->arena, size);
    if (grown == NULL)
        return error_no_memory(err);
    if (room->arena != NULL && room->most > 0)
        memcpy(grown, room->list, room->most * sizeof *grown);
    room->list = grown;
    room->most = (uint32_t)wanted;
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

void
ivf_heap_make(Neighbor *heap, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        heap_sink(heap, count, i);
}

Neighbor
ivf_heap_pop(Neighbor *heap, uint32_t *count)
{
    Neighbor top = heap[0];
    heap[0] = heap[--*count];
    if (*count > 0)
        heap_sink(heap, *count, 0);
    return top;
}

/* ---- the query as codes ---- */

/* The target as the codes see it; `estimate` gets what follows of that. */
static double
place_point(const Ivf *ivf, const ExactQuery *exact, float *point,
            IvfEstimate *estimate)
{
    const Coder *coder = &ivf->coder;
    double factor = 1.0 / exact->norm, offset = 0, center = 0;
    element_floats(exact->element, exact->vector, coder->dim, point);
    for (uint32_t i = 0; i < coder->dim && factor != 1; i++)
        point[i] = (float)((double)point[i] * factor);
    for (uint32_t i = 0; i < coder->dim && !estimate->is_dot; i++)
        point[i] -= coder->center[i];
    for (uint32_t i = 0; i < coder->dim && estimate->is_dot; i++) {
        offset += (double)point[i] * (double)coder->center[i];
        center += (double)coder->center[i] * (double)coder->center[i];
    }
    estimate->center = (float)sqrt(center);
    return offset;
}

#define LANES 8

/* How far codes are from their point, at most: in floats, with room for what
 * these round, for it is a bound. */
static float
error_of_codes(const float *point, const int8_t *codes, uint32_t dim,
               float step, float norm)
{
    float sums[LANES] = {0};
    for (uint32_t i = 0; i < dim; i += LANES)
        for (uint32_t j = 0; j < LANES && i + j < dim; j++) {
            float rest = point[i + j] - (float)codes[i + j] * step;
            sums[j] += rest * rest;
        }
    double square = 0;
    for (uint32_t i = 0; i < LANES; i++)
        square += (double)sums[i];
    return (float)(sqrt(square) * (1 + 1e-4) + (double)norm * 3e-7);
}

bool
ivf_estimate_init(const Ivf *ivf, IvfScratch *scratch, const ExactQuery *exact,
                  IvfEstimate *estimate)
{
    const Coder *coder = &ivf->coder;
    bool is_dot = ivf->header.metric == METRIC_IP;
    *estimate = (IvfEstimate){.code = scratch->query, .is_dot = is_dot};
    double offset = place_point(ivf, exact, scratch->point, estimate);
    const DistanceTable *kernels = exact->kernels;
    float largest = kernels->largest_f32(scratch->point, coder->dim);
    if (!(largest < 1e15f))
        return false;
    float step = fmaxf(largest / 127.0f, 1e-18f);
    int32_t sums[2]; /* of the codes, and of their squares */
    kernels->code_target(scratch->point, coder->dim, 1.0f / step,
                         scratch->query, sums);
    double square = (double)sums[1] * (double)step * (double)step;
    double product = (double)step * (double)coder->step;
    estimate->norm = (float)sqrt(square);
    estimate->error = error_of_codes(scratch->point, scratch->query, coder->dim,
                                     step, estimate->norm);
    estimate->scale = (float)(is_dot ? product : 2 * product);
    estimate->base =
        (float)((is_dot ? -offset : square) +
                (is_dot ? product : 2 * product) * 64.0 * (double)sums[0]);
    return isfinite(estimate->base);
}

void
ivf_estimate_rows(const Ivf *ivf, const IvfEstimate *estimate,
                  const uint8_t *codes, const float *terms, uint32_t count,
                  float *distances)
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

/* Bounds are of lengths, not of their squares. */
static float
to_length(const IvfCollect *collect, float distance)
{
    return collect->estimate->is_dot ? distance : sqrtf(fmaxf(distance, 0));
}

static void
set_limit(IvfCollect *collect)
{
    if (collect->top.count < collect->top.k) {
        collect->limit = INFINITY;
        return;
    }
    float most = collect->top.heap[0].distance + collect->slack;
    if (!collect->estimate->is_dot)
        most = most * most;
    collect->limit = most + collect->rounding;
}

void
ivf_enter_list(IvfCollect *collect, uint32_t list)
{
    const IvfEstimate *estimate = collect->estimate;
    if (!collect->is_certain)
        return;
    IvfBound bound = collect->ivf->bounds[list];
    float part = ROUNDING + ((float)collect->exact->dim + 32) * 0x1p-23f;
    if (estimate->is_dot) {
        float length = estimate->norm + estimate->error;
        collect->slack = length * bound.error + estimate->error * bound.norm;
        collect->rounding =
            part * (fabsf(estimate->base) +
                    length * (estimate->center + bound.norm + bound.error));
    } else {
        float length = estimate->norm + bound.norm;
        float square = length * length;
        if (collect->exact->metric == METRIC_COSINE)
            square += 2; /* its distances are rounded as those of units */
        collect->slack = estimate->error + bound.error;
        collect->rounding = part * square;
    }
    set_limit(collect);
}

void
ivf_collect_into(IvfCollect *collect, Neighbor *room, uint32_t kept)
{
    collect->kept = kept;
    if (collect->is_certain)
        collect->top = top_k_of(room, kept);
    else
        collect->keys = (uint64_t *)(void *)room; /* as large, and aligned */
}

/* Room for one more candidate: those that came to be too far for certain leave
 * first. */
static mql_status
make_room(IvfCollect *collect, Error *err)
{
    IvfRoom *room = collect->candidates;
    if (collect->count < room->most)
        return MQL_OK;
    float most = INFINITY;
    if (collect->top.count == collect->top.k)
        most = collect->top.heap[0].distance;
    uint32_t left = 0;
    for (uint32_t i = 0; i < collect->count; i++)
        if (!(room->list[i].distance > most))
            room->list[left++] = room->list[i];
    collect->count = left;
    return left > room->most / 2 || left == 0
               ? ivf_room_reserve(room, (uint64_t)room->most * 2 + 1, err)
               : MQL_OK;
}

/* Only the nearest stay, and from now on only nearer ones are wanted. */
static void
drop_farthest(IvfCollect *collect)
{
    if (collect->key_count <= collect->kept)
        return;
    collect->limit =
        key_float(keys_keep(collect->keys, collect->key_count, collect->kept));
    collect->key_count = collect->kept;
}

static mql_status
keep(IvfCollect *collect, uint32_t row, float distance, Error *err)
{
    if (!collect->is_certain) {
        collect->keys[collect->key_count++] = key_of_float(distance, row);
        if (collect->key_count == ivf_limits_room(collect->kept))
            drop_farthest(collect);
        return MQL_OK;
    }
    float upper = to_length(collect, distance + collect->rounding);
    float lower = to_length(collect, distance - collect->rounding);
    TRY(make_room(collect, err));
    collect->candidates->list[collect->count++] =
        (Neighbor){lower - collect->slack, row};
    top_k_offer(&collect->top, (Neighbor){upper + collect->slack, row});
    set_limit(collect);
    return MQL_OK;
}

static mql_status
wrong_row(const Ivf *ivf, Error *err)
{
    return error_corrupt(err, section_file_path(ivf->file), -1,
                         "an IVF index has a wrong row");
}

mql_status
ivf_collect_block(IvfCollect *collect, const uint32_t *rows,
                  const float *distances, uint32_t count, Error *err)
{
    const uint64_t *allowed = collect->query->allowed;
    for (uint32_t i = 0; i < count; i++) {
        if (allowed == NULL && !(distances[i] <= collect->limit))
            continue;
        if (rows[i] >= collect->ivf->header.row_count)
            return wrong_row(collect->ivf, err);
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

mql_status
ivf_collect_some(IvfCollect *collect, const uint32_t *rows,
                 const float *distances, uint32_t mask, Error *err)
{
    const uint64_t *allowed = collect->query->allowed;
    for (; mask != 0; mask &= mask - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(mask);
        if (!(distances[i] <= collect->limit))
            continue;
        if (rows[i] >= collect->ivf->header.row_count)
            return wrong_row(collect->ivf, err);
        if (allowed == NULL || bits_get(allowed, rows[i]))
            TRY(keep(collect, rows[i], distances[i], err));
    }
    return MQL_OK;
}

mql_status
ivf_verify_list(const Ivf *ivf, uint32_t list, Error *err)
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
measure_bits(const IvfCollect *collect, const uint8_t *codes, uint32_t count,
             float *distances)
{
    size_t size = ivf_code_size(collect->ivf);
    const void *rows[IVF_BLOCK];
    for (uint32_t i = 0; i < count; i++)
        rows[i] = codes + i * size;
    exact_distances(collect->exact, rows, count, distances);
}

void
ivf_estimate_block(const IvfCollect *collect, Neighbor list, uint32_t place,
                   uint32_t count, float *distances)
{
    const Ivf *ivf = collect->ivf;
    const IvfEstimate *estimate = collect->estimate;
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
        ivf_estimate_rows(
            ivf, estimate, ivf->codes + ivf_codes_at(ivf, list.row, place),
            ivf->terms == NULL ? NULL : ivf->terms + place, count, distances);
}

void
ivf_prefetch_list(const Ivf *ivf, uint32_t list)
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

/* Rank up to RANKED rows by their vectors, and tell the distances. */
static mql_status
rank_some(const IvfCollect *collect, const uint32_t *rows, uint32_t count,
          float *distances, TopK *nearest, Error *err)
{
    const VectorColumn *column = collect->ivf->column;
    bool is_read = collect->query->reads_rows;
    for (uint32_t i = 0; i < count && !is_read; i++) {
        const char *vector = vector_row(column, rows[i]);
        for (uint32_t line = 0; line < FETCHED; line++) {
            __builtin_prefetch(vector + 64 * line);
            __asm__ volatile("" ::: "memory");
        }
    }
    TRY(exact_rows(collect->exact, column, is_read, rows, count, distances,
                   err));
    for (uint32_t i = 0; i < count; i++)
        top_k_offer(nearest, (Neighbor){distances[i], rows[i]});
    return MQL_OK;
}

/* An exact distance as the bounds are: COSINE's are of unit vectors. */
static float
true_length(const IvfCollect *collect, float distance)
{
    if (collect->ivf->header.metric == METRIC_COSINE)
        distance = 2.0f + 2.0f * distance;
    return to_length(collect, distance);
}

static void
count_distances(const IvfCollect *collect, uint32_t count)
{
    if (collect->query->counters != NULL)
        collect->query->counters->distances += count;
}

/* The zero vectors: all as near as each other, so the first k that are allowed
 * do, and one distance. */
static mql_status
offer_zeros(const IvfCollect *collect, TopK *nearest, Error *err)
{
    const Ivf *ivf = collect->ivf;
    const uint64_t *allowed = collect->query->allowed;
    uint32_t first = ivf->starts[ivf->header.list_count], offered = 0;
    float distance = 0;
    for (uint32_t place = first;
         place < ivf->header.place_count && offered < nearest->k; place++) {
        if (ivf->file != NULL)
            TRY(section_verify(ivf->file, &ivf->rows_section,
                               place * sizeof *ivf->rows, sizeof *ivf->rows,
                               err));
        uint32_t row = ivf->rows[place];
        if (row >= ivf->header.row_count)
            return wrong_row(ivf, err);
        if (allowed != NULL && !bits_get(allowed, row))
            continue;
        if (offered++ == 0) {
            TRY(exact_rows(collect->exact, ivf->column,
                           collect->query->reads_rows, &row, 1, &distance,
                           err));
        }
        if (nearest->count == nearest->k &&
            distance > nearest->heap[0].distance)
            break;
        top_k_offer(nearest, (Neighbor){distance, row});
    }
    return MQL_OK;
}

/* The estimates were sorted and ranked: how many of the nearest rows may be
 * expected to be beyond them. */
static double
misses_of(const IvfCollect *collect, const Fit *fit, const TopK *nearest)
{
    const uint64_t *keys = collect->keys;
    uint32_t count = collect->key_count;
    bool is_half = collect->ivf->header.metric == METRIC_COSINE;
    if (count < collect->kept || nearest->count < nearest->k)
        return 0;
    return blur_misses(count, (double)key_float(keys[count - 1]),
                       (double)key_float(keys[(count - 1) / 2]), fit,
                       is_half ? 0.5 : 1, (double)nearest->heap[0].distance);
}

static mql_status
rank_kept(IvfCollect *collect, TopK *nearest, Error *err)
{
    uint32_t rows[RANKED];
    float distances[RANKED];
    Fit fit = {0};
    bool is_doubted = ivf_may_scan(collect->query);
    drop_farthest(collect);
    if (is_doubted)
        keys_sort(collect->keys, collect->key_count);
    for (uint32_t i = 0; i < collect->key_count; i += RANKED) {
        uint32_t left = collect->key_count - i;
        uint32_t count = left < RANKED ? left : RANKED;
        for (uint32_t j = 0; j < count; j++)
            rows[j] = (uint32_t)collect->keys[i + j];
        TRY(rank_some(collect, rows, count, distances, nearest, err));
        for (uint32_t j = 0; j < count && is_doubted; j++)
            fit_add(&fit, (double)key_float(collect->keys[i + j]),
                    (double)distances[j]);
    }
    if (is_doubted)
        collect->misses = misses_of(collect, &fit, nearest);
    count_distances(collect, collect->key_count);
    return MQL_OK;
}

uint32_t
ivf_to_rank(const IvfCollect *collect)
{
    uint32_t count = 0;
    float most = INFINITY;
    if (collect->top.count == collect->top.k)
        most = collect->top.heap[0].distance;
    for (uint32_t i = 0; i < collect->count; i++)
        count += !(collect->candidates->list[i].distance > most);
    return count;
}

/* The nearest by their lower bounds, until all others are farther. */
static mql_status
rank_candidates(IvfCollect *collect, TopK *nearest, Error *err)
{
    Neighbor *heap = collect->candidates->list;
    uint32_t left = collect->count, rows[RANKED];
    float distances[RANKED];
    ivf_heap_make(heap, left);
    while (left > 0) {
        float most = INFINITY;
        if (nearest->count == nearest->k)
            most = true_length(collect, nearest->heap[0].distance);
        uint32_t count = 0;
        while (left > 0 && count < RANKED && !(heap[0].distance > most))
            rows[count++] = ivf_heap_pop(heap, &left).row;
        if (count == 0)
            break;
        TRY(rank_some(collect, rows, count, distances, nearest, err));
        count_distances(collect, count);
    }
    return MQL_OK;
}

mql_status
ivf_rank(IvfCollect *collect, TopK *nearest, Error *err)
{
    if (collect->is_certain)
        TRY(rank_candidates(collect, nearest, err));
    else
        TRY(rank_kept(collect, nearest, err));
    return offer_zeros(collect, nearest, err);
}
