/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codes_test.c - are codes good enough for these rows?
 *
 * Codes blur distances by about a step. Where rows lie in clumps much tighter
 * than the whole, all rows of a clump look alike and codes are of no use. Only
 * the data can tell, so a sample of rows is looked up by exhaustive search both
 * ways; that costs a few per cent of building a graph.
 */
#include "index/vector/space.h"

#include <stdlib.h>

#include "base/bits.h"
#include "index/top_k.h"
#include "index/vector/exact_near.h"

#define QUERIES 64
#define WANTED 10
/* What a query is made in begins at a multiple of so many bytes. */
#define ROOM_ALIGN 16
#define ROWS_MOST (1u << 18)
#define CANDIDATES (WANTED * RERANK_PERCENT_MOST / 100 + 4)

static const uint32_t usual_percents[] = {150, 200, 300, 400};
static const uint32_t wanted_percents[] = {100,  150,  200,  300,  400,
                                           600,  800,  1200, 1600, 2400,
                                           3200, 4800, 6400, 10000};
#define COUNT(array) (sizeof array / sizeof array[0])

const RerankTrial rerank_trial_usual = {usual_percents, COUNT(usual_percents),
                                        0.998, 0.99};
const RerankTrial rerank_trial_wanted = {wanted_percents,
                                         COUNT(wanted_percents), 0.99, 0};

typedef struct Test {
    const RerankTrial *trial;
    const Space *space;
    const VectorColumn *column;
    const atomic_bool *cancel;
    uint64_t *sample;       /* rows that are looked at; NULL: all */
    uint32_t rows[QUERIES]; /* that are looked up */
    uint32_t count;
    uint32_t wanted[QUERIES];
    uint32_t hits[QUERIES][RERANK_TRIALS_MOST];
} Test;

static bool
is_valid(const VectorColumn *column, uint64_t row)
{
    return column->valid == NULL || column->valid[row] != 0;
}

/* A row that is looked up. */
typedef struct Lookup {
    SpaceQuery query;
    uint32_t row;
    uint32_t wanted; /* true neighbours, the farthest ...     */
    float limit;     /* ... at this distance                  */
    TopK coded;      /* the nearest by codes                  */
    Neighbor memory[CANDIDATES];
} Lookup;

/* Bytes of each lookup's room. */
static size_t
room_size(const Space *space)
{
    return (space_query_size(space) / ROOM_ALIGN + 1) * ROOM_ALIGN;
}

static mql_status
offer_group(const Test *test, Lookup *lookup, const uint32_t *rows,
            uint32_t count, Error *err)
{
    float distances[VECTOR_ROWS];
    TRY(space_distances(test->space, &lookup->query, rows, count, distances,
                        err));
    for (uint32_t i = 0; i < count; i++)
        if (rows[i] != lookup->row)
            top_k_offer(&lookup->coded, (Neighbor){distances[i], rows[i]});
    return MQL_OK;
}

/* The nearest by codes of some rows: all are looked up in a group of rows
 * before the next group is fetched. */
static mql_status
find_coded(const Test *test, Lookup *lookups, uint32_t lookup_count, Error *err)
{
    uint32_t rows[VECTOR_ROWS], count;
    size_t from = 0;
    while ((count = vector_next_rows(test->column, test->sample, &from, rows)) >
           0) {
        if (is_cancelled(test->cancel))
            return error_cancelled(err);
        for (uint32_t i = 0; i < lookup_count; i++)
            TRY(offer_group(test, &lookups[i], rows, count, err));
    }
    return MQL_OK;
}

/* How many of the true neighbours are among so many by codes. */
static void
count_hits(Test *test, uint32_t number, Lookup *lookup)
{
    uint32_t *hits = test->hits[number];
    uint32_t candidates = top_k_finish(&lookup->coded);
    test->wanted[number] = lookup->wanted;
    for (uint32_t i = 0; lookup->wanted > 0 && i < candidates; i++) {
        const void *vector = vector_row(test->column, lookup->memory[i].row);
        if (exact_distance(&lookup->query.exact, vector) > lookup->limit)
            continue;
        for (size_t p = 0; p < test->trial->count; p++)
            hits[p] += i < rerank_rows(WANTED, test->trial->percents[p]) &&
                       hits[p] < lookup->wanted;
    }
}

/* The true neighbours, and what the codes need to be looked up. */
static mql_status
begin_lookups(const Test *test, const uint32_t *rows, uint32_t count,
              Lookup *lookups, uint8_t *room, Error *err)
{
    const TrueNear near = {.column = test->column,
                           .metric = test->space->metric,
                           .allowed = test->sample,
                           .k = WANTED,
                           .cancel = test->cancel};
    const RerankTrial *trial = test->trial;
    size_t size = room_size(test->space);
    Neighbor nearest[NEAR_TOGETHER * WANTED];
    uint32_t found[NEAR_TOGETHER];
    TRY(true_near(&near, rows, count, nearest, found, err));
    for (uint32_t i = 0; i < count; i++) {
        Lookup *lookup = &lookups[i];
        lookup->row = rows[i];
        lookup->query = space_query(
            test->space, vector_row(test->column, rows[i]), room + i * size);
        lookup->wanted = found[i];
        if (found[i] > 0)
            lookup->limit = nearest[i * WANTED + found[i] - 1].distance;
        lookup->coded = top_k_of(
            lookup->memory,
            (uint32_t)rerank_rows(WANTED, trial->percents[trial->count - 1]));
    }
    return MQL_OK;
}

static mql_status
work(void *context, uint32_t thread, uint64_t first, uint64_t count, Error *err)
{
    (void)thread;
    Test *test = context;
    uint32_t some = (uint32_t)count;
    uint8_t *room = calloc(some, room_size(test->space));
    Lookup *lookups = calloc(some, sizeof *lookups);
    mql_status status =
        room == NULL || lookups == NULL
            ? error_no_memory(err)
            : begin_lookups(test, test->rows + first, some, lookups, room, err);
    if (status == MQL_OK)
        status = find_coded(test, lookups, some, err);
    for (uint32_t i = 0; status == MQL_OK && i < some; i++)
        count_hits(test, (uint32_t)first + i, &lookups[i]);
    free(room);
    free(lookups);
    return status;
}

/* Rows to look up, at equal distances, and what they are looked up among. */
static mql_status
draw_rows(Test *test, Error *err)
{
    uint64_t row_count = test->column->count;
    uint64_t every = row_count / ROWS_MOST + 1;
    for (uint32_t number = 0; number < QUERIES; number++) {
        uint64_t row = number * row_count / QUERIES;
        while (row < row_count && !is_valid(test->column, row))
            row++;
        if (row < row_count)
            test->rows[test->count++] = (uint32_t)row;
    }
    if (every == 1)
        return MQL_OK;
    test->sample = calloc(bits_words(row_count), sizeof *test->sample);
    if (test->sample == NULL)
        return error_no_memory(err);
    for (uint64_t row = 0; row < row_count; row += every)
        bits_set(test->sample, row);
    return MQL_OK;
}

/* The least percentage that is enough, 0: none is. */
static uint32_t
least_percent(const Test *test)
{
    const RerankTrial *trial = test->trial;
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < test->count; i++)
        wanted += test->wanted[i];
    for (size_t p = 0; p < trial->count; p++) {
        uint32_t hits = 0;
        for (uint32_t i = 0; i < test->count; i++)
            hits += test->hits[i][p];
        bool is_last = p + 1 == trial->count;
        if (hits >= wanted * (is_last ? trial->barely : trial->enough))
            return trial->percents[p];
    }
    return 0;
}

mql_status
space_test_codes(const Space *space, const RerankTrial *trial, Pool *pool,
                 const atomic_bool *cancel, uint32_t *rerank_percent,
                 Error *err)
{
    Test test = {.trial = trial,
                 .space = space,
                 .column = space->column,
                 .cancel = cancel};
    *rerank_percent = 0;
    mql_status status = draw_rows(&test, err);
    if (status == MQL_OK)
        status = pool_run(pool, test.count, NEAR_TOGETHER, work, &test, err);
    if (status == MQL_OK)
        *rerank_percent = least_percent(&test);
    free(test.sample);
    return status;
}
