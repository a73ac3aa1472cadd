/* SPDX-License-Identifier: Apache-2.0 */
/* flat_scan.c - see flat_scan.h. */
#include "index/vector/flat_scan.h"

#include <stdlib.h>
#include <string.h>

#include "index/keys.h"

/* Rows ranked together. */
#define SEEDS 64

/* ---- rows ---- */

mql_status
flat_verify(const FlatCodes *codes, uint32_t first, uint32_t count, Error *err)
{
    TRY(section_verify(codes->file, &codes->codes_section,
                       (uint64_t)first * codes->stride,
                       (uint64_t)count * codes->stride, err));
    for (uint32_t i = 0; i < FLAT_TERMS; i++)
        TRY(section_verify(codes->file, &codes->term_sections[i],
                           (uint64_t)first * sizeof(float),
                           (uint64_t)count * sizeof(float), err));
    return MQL_OK;
}

void
flat_terms(const FlatCodes *codes, uint32_t first,
           const float *terms[FLAT_TERMS])
{
    for (uint32_t i = 0; i < FLAT_TERMS; i++)
        terms[i] = codes->terms[i] + first;
}

void
flat_candidates(const VectorColumn *column, const uint64_t *allowed,
                uint32_t first, uint32_t count, uint64_t *candidates)
{
    for (uint32_t i = 0; i < count; i += 64) {
        uint32_t some = count - i < 64 ? count - i : 64;
        uint64_t word = UINT64_MAX >> (64 - some);
        if (allowed != NULL)
            word &= allowed[(first + i) / 64];
        for (uint32_t j = 0; column->valid != NULL && j < some; j++)
            word &= ~((uint64_t)(column->valid[first + i + j] == 0) << j);
        candidates[i / 64] = word;
    }
}

/* ---- looking at rows ---- */

/* Which rows of a run may be among the nearest, as far as is known by now. */
static void
pass_rows(const FlatTarget *target, const CodeBound *bound, uint32_t first,
          uint32_t count, const int32_t *dots, uint64_t *passes)
{
    const float *terms[FLAT_TERMS];
    flat_terms(target->codes, first, terms);
    list_table()->pass_codes(bound, terms, dots, count, passes);
}

mql_status
flat_look_at(const FlatTarget *target, uint32_t row, int32_t dot,
             CodeBound *bound, TopK *top, Error *err)
{
    float distance;
    uint64_t still;
    pass_rows(target, bound, row, 1, &dot, &still);
    if (still == 0)
        return MQL_OK;
    TRY(exact_rows(&target->exact, target->column, target->is_read, &row, 1,
                   &distance, err));
    if (top_k_offer(top, (Neighbor){distance, row}))
        *bound = flat_bound(target, top);
    return MQL_OK;
}

mql_status
flat_look_through(const FlatTarget *target, const FlatRun *run, TopK *top,
                  Error *err)
{
    CodeBound bound = flat_bound(target, top);
    uint64_t passes[FLAT_RUN / 64];
    pass_rows(target, &bound, run->first, run->count, run->dots, passes);
    for (uint32_t word = 0; word * 64 < run->count; word++) {
        uint64_t bits = passes[word] & run->candidates[word];
        for (; bits != 0; bits &= bits - 1) {
            uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(bits);
            TRY(flat_look_at(target, run->first + i, run->dots[i], &bound, top,
                             err));
        }
    }
    return MQL_OK;
}

/* ---- the first ones ---- */

/* The candidates, as keys in the order of their codes' distances. */
static uint32_t
list_candidates(const FlatTarget *target, const FlatRun *run,
                const TopK *nothing, uint64_t keys[FLAT_RUN])
{
    const CodeBound bound = flat_bound(target, nothing);
    const float *terms[FLAT_TERMS];
    uint32_t count = 0;
    flat_terms(target->codes, run->first, terms);
    for (uint32_t word = 0; word * 64 < run->count; word++) {
        uint64_t bits = run->candidates[word];
        for (; bits != 0; bits &= bits - 1) {
            uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(bits);
            float product =
                bound.of_low * terms[FLAT_LOW][i] +
                bound.of_step * terms[FLAT_STEP][i] * (float)run->dots[i];
            float size = target->metric == METRIC_IP ? 0 : terms[FLAT_SIZE][i];
            keys[count++] = key_of_float(size - product, i);
        }
    }
    return count;
}

mql_status
flat_seed(const FlatTarget *target, FlatRun *run, TopK *top, Error *err)
{
    uint64_t keys[FLAT_RUN];
    uint32_t rows[SEEDS];
    float distances[SEEDS];
    uint32_t count = list_candidates(target, run, top, keys);
    if (count > top->k) {
        keys_select(keys, count, top->k);
        count = top->k;
    }
    for (uint32_t i = 0; i < count; i += SEEDS) {
        uint32_t some = count - i < SEEDS ? count - i : SEEDS;
        for (uint32_t j = 0; j < some; j++) {
            uint32_t place = (uint32_t)keys[i + j];
            rows[j] = run->first + place;
            run->candidates[place / 64] &= ~((uint64_t)1 << place % 64);
        }
        TRY(exact_rows(&target->exact, target->column, target->is_read, rows,
                       some, distances, err));
        for (uint32_t j = 0; j < some; j++)
            top_k_offer(top, (Neighbor){distances[j], rows[j]});
    }
    return MQL_OK;
}

/* ---- one target ---- */

static mql_status
scan_target(const FlatTarget *target, const VectorQuery *query, TopK *top,
            Error *err)
{
    const FlatCodes *codes = target->codes;
    uint32_t row_count = target->column->count;
    FlatRun run;
    for (run.first = 0; run.first < row_count; run.first += run.count) {
        uint32_t left = row_count - run.first;
        run.count = left < FLAT_RUN ? left : FLAT_RUN;
        if (is_cancelled(query->cancel))
            return error_cancelled(err);
        TRY(flat_verify(codes, run.first, run.count, err));
        list_table()->dots_u7(target->code,
                              codes->codes + (size_t)run.first * codes->stride,
                              codes->stride, run.count, run.dots);
        flat_candidates(target->column, query->allowed, run.first, run.count,
                        run.candidates);
        if (top->count == 0)
            TRY(flat_seed(target, &run, top, err));
        TRY(flat_look_through(target, &run, top, err));
    }
    if (query->counters != NULL)
        query->counters->distances += query->allowed_count;
    return MQL_OK;
}

mql_status
flat_codes_scan(const FlatCodes *codes, const VectorColumn *column,
                Metric metric, const VectorQuery *query, Neighbor *nearest,
                uint32_t *found, Error *err)
{
    FlatTarget target;
    if ((uint64_t)query->allowed_count * FLAT_ALLOWED_PART < column->count)
        return vector_scan(column, metric, query, nearest, found, err);
    float *room = malloc(column->dim * sizeof *room + codes->stride);
    if (room == NULL)
        return error_no_memory(err);
    if (!flat_target_init(&target, codes, column, metric, query, room,
                          (int8_t *)(room + column->dim))) {
        free(room);
        return vector_scan(column, metric, query, nearest, found, err);
    }
    TopK top = top_k_of(nearest, query->k);
    mql_status status = scan_target(&target, query, &top, err);
    *found = status == MQL_OK ? top_k_finish(&top) : 0;
    free(room);
    return status;
}
