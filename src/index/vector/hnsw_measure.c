/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_measure.c - what a finished graph can do: how distances grow around a
 * node, and which `ef` finds which part of the true neighbours.
 *
 * Nodes of the lowest level, drawn by chance, stand for what users will ask.
 * Each is kept off by its own search, which so has to find its way as that of
 * a vector that is not stored; the links to it are lost to that search.
 */
#include "index/vector/hnsw_build.h"

#include <math.h>
#include <stdlib.h>

#include "base/bits.h"
#include "index/vector/exact_near.h"

#define SAMPLES 128
/* Exact distances in all, as elements; fewer samples of more. */
#define ELEMENTS_MOST (UINT64_C(1) << 35)
#define SAMPLES_LEAST 32
#define GRAIN 2    /* samples that a thread searches at a time */
#define WANTED 100 /* the largest of the limits                */
#define WIDTH_LEAST 8
#define WIDTH_RATIO 1.25
#define WIDTHS 27      /* up to about 2,640 */
#define GROWTH_NEAR 10 /* neighbours between which growth is measured */
#define GROWTH_FAR 64

typedef struct Sample {
    uint32_t row;
    uint32_t wanted[EFFORT_LIMITS]; /* limits, held to the nodes there are */
    float farthest[EFFORT_LIMITS];  /* distance of the last one wanted     */
    uint32_t hits[EFFORT_LIMITS][WIDTHS];
    double growth;
} Sample;

typedef struct Measure {
    Build *build;
    Space space; /* what searches walk over */
    Sample *samples;
    uint32_t sample_count;
    uint64_t *nodes; /* bit for each row that is one */
    uint32_t widths[WIDTHS];
    bool is_grown; /* growth is known */
} Measure;

/* ---- the true neighbours ---- */

/* A bit for each node: copies of one are found with it. */
static mql_status
mark_nodes(Measure *measure, Error *err)
{
    const Build *build = measure->build;
    uint32_t row_count = build->header.row_count;
    measure->nodes = calloc(bits_words(row_count), sizeof *measure->nodes);
    if (measure->nodes == NULL)
        return error_no_memory(err);
    for (uint32_t row = 0; row < row_count; row++)
        if (has_vector(build->column, row) && !bits_get(build->is_copy, row))
            bits_set(measure->nodes, row);
    return MQL_OK;
}

static void
set_wanted(Sample *sample, const Neighbor *nearest, uint32_t found)
{
    for (uint32_t i = 0; i < EFFORT_LIMITS; i++) {
        uint32_t limit = effort_limits[i];
        sample->wanted[i] = limit < found ? limit : found;
        if (found > 0)
            sample->farthest[i] = nearest[sample->wanted[i] - 1].distance;
    }
}

static mql_status
find_true(void *context, uint32_t thread, uint64_t first, uint64_t count,
          Error *err)
{
    (void)thread;
    const Measure *measure = context;
    const TrueNear near = {.column = measure->build->column,
                           .metric = measure->space.metric,
                           .allowed = measure->nodes,
                           .k = WANTED,
                           .cancel = measure->build->input->cancel};
    Sample *samples = measure->samples + first;
    uint32_t rows[NEAR_TOGETHER] = {0}, found[NEAR_TOGETHER];
    Neighbor *nearest = calloc(count * WANTED, sizeof *nearest);
    if (nearest == NULL)
        return error_no_memory(err);
    for (uint64_t i = 0; i < count; i++)
        rows[i] = samples[i].row;
    mql_status status =
        true_near(&near, rows, (uint32_t)count, nearest, found, err);
    for (uint64_t i = 0; status == MQL_OK && i < count; i++)
        set_wanted(&samples[i], nearest + i * WANTED, found[i]);
    free(nearest);
    return status;
}

/* ---- what searches find ---- */

static uint32_t
least(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

/* Rows of the pool that a search for so many ranks. */
static uint32_t
ranked(const Measure *measure, uint32_t limit, uint32_t pool_count)
{
    if (measure->space.coder.type == CODES_NONE)
        return pool_count;
    return least(rerank_rows(limit, measure->build->header.rerank_percent),
                 pool_count);
}

/* Whether a search for so many rows may have as few in view as that. */
static bool
is_wide_enough(const Measure *measure, uint32_t limit, uint32_t step)
{
    const HnswHeader *header = &measure->build->header;
    uint32_t wanted = ranked(measure, limit, header->node_count);
    return measure->widths[step] >= hnsw_view_least(&measure->space,
                                                    header->rerank_percent,
                                                    limit, wanted);
}

static void
count_hits(const Measure *measure, const Walk *walk, Sample *sample,
           uint32_t limit, uint32_t step)
{
    const Scratch *scratch = walk->scratch;
    uint32_t most = ranked(measure, effort_limits[limit], scratch->pool_count);
    uint32_t *hits = &sample->hits[limit][step];
    for (uint32_t n = 0; n < most; n++) {
        const void *vector =
            vector_row(measure->build->column, scratch->pool[n].row);
        float distance = exact_distance(&walk->query->exact, vector);
        *hits += distance <= sample->farthest[limit] &&
                 *hits < sample->wanted[limit];
    }
}

/* Walk to a sample that hides. */
static mql_status
walk_to(const Measure *measure, Walk *walk, const Sample *sample,
        uint32_t limit, uint32_t width, Error *err)
{
    Build *build = measure->build;
    const HnswHeader *header = &build->header;
    TRY(scratch_reserve(walk->scratch, width, err));
    walk->hidden = 0;
    walk->stop = (WalkStop){0, 0, 0};
    TRY(graph_descend(walk, build->levels, header->level_count - 1, 0,
                      build_entry(build), err));
    walk->hidden = sample->row + 1;
    walk->stop = hnsw_stop(header, limit, width);
    walk->stop.base = space_base(&measure->space, walk->query);
    return graph_walk(walk, &build->levels[0], width, err);
}

/* Search with every width, until all neighbours are found. */
static mql_status
search_sample(const Measure *measure, Walk *walk, Sample *sample,
              uint32_t limit, Error *err)
{
    uint32_t nodes = measure->build->header.node_count;
    uint32_t *hits = sample->hits[limit];
    bool is_over = false;
    for (uint32_t step = 0; step < WIDTHS; step++) {
        uint32_t width = least(measure->widths[step], nodes);
        if (is_over)
            hits[step] = sample->wanted[limit];
        if (is_over || !is_wide_enough(measure, limit, step))
            continue;
        TRY(walk_to(measure, walk, sample, effort_limits[limit], width, err));
        count_hits(measure, walk, sample, limit, step);
        is_over = hits[step] == sample->wanted[limit];
    }
    return MQL_OK;
}

/* How much farther the GROWTH_FAR-th neighbour is than the GROWTH_NEAR-th. */
static mql_status
measure_growth(const Measure *measure, Walk *walk, Sample *sample, Error *err)
{
    Scratch *scratch = walk->scratch;
    TRY(walk_to(measure, walk, sample, GROWTH_FAR, GROWTH_FAR, err));
    if (scratch->pool_count < GROWTH_FAR)
        return MQL_OK;
    double near = scratch->pool[GROWTH_NEAR - 1].distance + walk->stop.base;
    double far = scratch->pool[GROWTH_FAR - 1].distance + walk->stop.base;
    if (near > 0 && far > near)
        sample->growth =
            log(far / near) / log((double)GROWTH_FAR / GROWTH_NEAR);
    return MQL_OK;
}

/* What is to be found out about a sample: first how distances grow. */
static mql_status
measure_sample(const Measure *measure, Worker *worker, const SpaceQuery *query,
               Sample *sample, Error *err)
{
    Walk walk = build_walk(measure->build, worker, query);
    walk.space = &measure->space;
    if (!measure->is_grown)
        return measure_growth(measure, &walk, sample, err);
    for (uint32_t limit = 0; limit < EFFORT_LIMITS; limit++)
        TRY(search_sample(measure, &walk, sample, limit, err));
    return MQL_OK;
}

static mql_status
measure_work(void *context, uint32_t thread, uint64_t first, uint64_t count,
             Error *err)
{
    const Measure *measure = context;
    uint8_t *code = calloc(space_query_size(&measure->space) + 64, 1);
    mql_status status = code == NULL ? error_no_memory(err) : MQL_OK;
    for (uint64_t i = first; status == MQL_OK && i < first + count; i++) {
        Sample *sample = &measure->samples[i];
        SpaceQuery query =
            space_query(&measure->space,
                        vector_row(measure->build->column, sample->row), code);
        status = measure_sample(measure, &measure->build->workers[thread],
                                &query, sample, err);
    }
    free(code);
    return status;
}

/* ---- the table ---- */

/* What a search of that width reaches at least, as far as the samples tell:
 * their mean less what chance may have added to it. */
static double
recall_at(const Measure *measure, uint32_t limit, uint32_t step)
{
    double sum = 0, squares = 0, count = measure->sample_count;
    for (uint32_t i = 0; i < measure->sample_count; i++) {
        const Sample *sample = &measure->samples[i];
        double wanted = sample->wanted[limit];
        double recall = wanted == 0 ? 1 : sample->hits[limit][step] / wanted;
        sum += recall;
        squares += recall * recall;
    }
    double mean = sum / count;
    double variance = fmax(squares / count - mean * mean, 0);
    return mean - sqrt(variance / count);
}

static void
fill_efforts(const Measure *measure, HnswEfforts *efforts)
{
    for (uint32_t i = 0; i < EFFORT_LIMITS; i++) {
        uint32_t step = 0;
        while (step < WIDTHS - 1 &&
               !is_wide_enough(measure, effort_limits[i], step))
            step++;
        for (uint32_t j = 0; j < EFFORT_RECALLS; j++) {
            while (step < WIDTHS &&
                   recall_at(measure, i, step) < effort_recalls[j])
                step++;
            efforts->ef[i][j] = step < WIDTHS ? measure->widths[step] : 0;
            if (i > 0 && (efforts->ef[i - 1][j] == 0 ||
                          (efforts->ef[i][j] > 0 &&
                           efforts->ef[i][j] < efforts->ef[i - 1][j])))
                efforts->ef[i][j] = efforts->ef[i - 1][j];
        }
    }
}

static uint32_t
sample_count_of(const Build *build, uint32_t first)
{
    uint64_t elements =
        (uint64_t)build->header.node_count * build->header.dim + 1;
    uint64_t most = ELEMENTS_MOST / elements;
    most = most < SAMPLES_LEAST ? SAMPLES_LEAST : most;
    uint32_t count = least(most, SAMPLES);
    return least(count, build->header.node_count - first);
}

/* 0: not to be made use of. */
static float
mean_growth(const Measure *measure)
{
    double sum = 0;
    for (uint32_t i = 0; i < measure->sample_count; i++)
        sum += measure->samples[i].growth;
    if (measure->sample_count > 0)
        sum /= measure->sample_count;
    return sum <= (double)HNSW_GROWTH_MOST ? (float)sum : 0;
}

static mql_status
measure_all(Measure *measure, Error *err)
{
    Build *build = measure->build;
    Pool *pool = build->input->pool;
    /* Those of products are not proportional to true ones. */
    if (measure->space.coder.type == CODES_L2 &&
        measure->space.small.type != CODES_PRODUCT)
        TRY(pool_run(pool, measure->sample_count, GRAIN, measure_work, measure,
                     err));
    build->header.growth = mean_growth(measure);
    measure->is_grown = true;
    TRY(mark_nodes(measure, err));
    TRY(pool_run(pool, measure->sample_count, NEAR_TOGETHER, find_true, measure,
                 err));
    TRY(pool_run(pool, measure->sample_count, GRAIN, measure_work, measure,
                 err));
    fill_efforts(measure, &build->efforts);
    return MQL_OK;
}

mql_status
build_measure_efforts(Build *build, Error *err)
{
    const HnswHeader *header = &build->header;
    Measure measure = {.build = build, .space = build->walk};
    double width = WIDTH_LEAST;
    for (uint32_t i = 0; i < WIDTHS; i++, width *= WIDTH_RATIO)
        measure.widths[i] = (uint32_t)width;

    /* Only nodes of the lowest level: the others have to lead the way. */
    uint32_t first = header->level_count > 1 ? header->counts[1] : 1;
    measure.sample_count = sample_count_of(build, first);
    measure.samples = calloc(measure.sample_count + 1, sizeof *measure.samples);
    if (measure.samples == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < measure.sample_count; i++)
        measure.samples[i].row = build->nodes[first + i];
    mql_status status = measure_all(&measure, err);
    free(measure.samples);
    free(measure.nodes);
    return status;
}
