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

#include "index/top_k.h"

#define QUERIES 64
#define WANTED 10
#define ROWS_MOST (1u << 18)
#define GROUP 256
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
    uint32_t every; /* only each so-manieth row is looked at */
    uint32_t wanted[QUERIES];
    uint32_t hits[QUERIES][RERANK_TRIALS_MOST];
} Test;

static bool
is_valid(const VectorColumn *column, uint64_t row)
{
    return column->valid == NULL || column->valid[row] != 0;
}

static mql_status
offer_group(const Test *test, const SpaceQuery *query, const uint32_t *rows,
            uint32_t count, TopK *exact, TopK *coded, Error *err)
{
    const void *vectors[GROUP];
    float distances[GROUP];
    for (uint32_t i = 0; i < count; i++)
        vectors[i] = vector_row(test->column, rows[i]);
    exact_distances(&query->exact, vectors, count, distances);
    for (uint32_t i = 0; i < count; i++)
        top_k_offer(exact, (Neighbor){distances[i], rows[i]});
    TRY(space_distances(test->space, query, rows, count, distances, err));
    for (uint32_t i = 0; i < count; i++)
        top_k_offer(coded, (Neighbor){distances[i], rows[i]});
    return MQL_OK;
}

static mql_status
test_row(Test *test, uint32_t number, uint32_t self, uint8_t *room, Error *err)
{
    const VectorColumn *column = test->column;
    const SpaceQuery query =
        space_query(test->space, vector_row(column, self), room);
    Neighbor exact_memory[WANTED], coded_memory[CANDIDATES];
    TopK exact = top_k_of(exact_memory, WANTED);
    TopK coded =
        top_k_of(coded_memory,
                 (uint32_t)rerank_rows(
                     WANTED, test->trial->percents[test->trial->count - 1]));
    uint32_t rows[GROUP], count = 0;

    for (uint64_t row = 0; row < column->count; row += test->every) {
        if (row != self && is_valid(column, row))
            rows[count++] = (uint32_t)row;
        if (count < GROUP && row + test->every < column->count)
            continue;
        if (is_cancelled(test->cancel))
            return error_cancelled(err);
        TRY(offer_group(test, &query, rows, count, &exact, &coded, err));
        count = 0;
    }

    uint32_t wanted = top_k_finish(&exact);
    test->wanted[number] = wanted;
    if (wanted == 0)
        return MQL_OK;
    float limit = exact_memory[wanted - 1].distance;
    uint32_t candidates = top_k_finish(&coded);
    for (uint32_t i = 0; i < candidates; i++) {
        const void *vector = vector_row(column, coded_memory[i].row);
        bool is_hit = exact_distance(&query.exact, vector) <= limit;
        for (size_t p = 0; is_hit && p < test->trial->count; p++)
            if (i < rerank_rows(WANTED, test->trial->percents[p]) &&
                test->hits[number][p] < wanted)
                test->hits[number][p]++;
    }
    return MQL_OK;
}

static mql_status
work(void *context, uint32_t thread, uint64_t first, uint64_t count, Error *err)
{
    (void)thread;
    Test *test = context;
    uint8_t *room = calloc(space_query_size(test->space) + 1, 1);
    if (room == NULL)
        return error_no_memory(err);
    mql_status status = MQL_OK;
    for (uint64_t number = first; status == MQL_OK && number < first + count;
         number++) {
        uint64_t row = number * test->column->count / QUERIES;
        while (row < test->column->count && !is_valid(test->column, row))
            row++;
        if (row < test->column->count)
            status = test_row(test, (uint32_t)number, (uint32_t)row, room, err);
    }
    free(room);
    return status;
}

mql_status
space_test_codes(const Space *space, const RerankTrial *trial, Pool *pool,
                 const atomic_bool *cancel, uint32_t *rerank_percent,
                 Error *err)
{
    const VectorColumn *column = space->column;
    Test test = {.trial = trial,
                 .space = space,
                 .column = column,
                 .cancel = cancel,
                 .every = column->count / ROWS_MOST + 1};
    *rerank_percent = 0;
    TRY(pool_run(pool, QUERIES, 1, work, &test, err));

    uint32_t wanted = 0;
    for (uint32_t i = 0; i < QUERIES; i++)
        wanted += test.wanted[i];
    for (size_t p = 0; p < trial->count; p++) {
        uint32_t hits = 0;
        for (uint32_t i = 0; i < QUERIES; i++)
            hits += test.hits[i][p];
        bool is_last = p + 1 == trial->count;
        if (hits >= wanted * (is_last ? trial->barely : trial->enough)) {
            *rerank_percent = trial->percents[p];
            return MQL_OK;
        }
    }
    return MQL_OK;
}
