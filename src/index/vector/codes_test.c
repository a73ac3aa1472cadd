/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codes_test.c - are codes good enough for these rows?
 *
 * Codes blur distances by about a step. Where rows lie in clumps much tighter
 * than the whole, all rows of a clump look alike and codes are of no use. Only
 * the data can tell, so a sample of rows is looked up by exhaustive search both
 * ways; that costs a few per cent of building a graph.
 */
#include "index/vector/codes.h"

#include "index/top_k.h"
#include "index/vector/exact.h"

#define QUERIES 64
#define WANTED 10
#define ROWS_MOST (1u << 18)
#define GROUP 256
#define ENOUGH 0.998 /* of the true nearest ... */
#define BARELY 0.99  /* ... at the largest percentage */

static const uint32_t percents[] = {150, 200, 300, 400};
#define PERCENTS (sizeof percents / sizeof percents[0])
#define CANDIDATES (WANTED * 400 / 100 + 4)

typedef struct Test {
    const Coder *coder;
    const VectorColumn *column;
    const uint8_t *codes;
    const atomic_bool *cancel;
    uint32_t every; /* only each so-manieth row is looked at */
    uint32_t wanted[QUERIES];
    uint32_t hits[QUERIES][PERCENTS];
} Test;

static bool
is_valid(const VectorColumn *column, uint64_t row)
{
    return column->valid == NULL || column->valid[row] != 0;
}

static void
offer_group(const Test *test, const ExactQuery *query, uint32_t self,
            const uint32_t *rows, uint32_t count, TopK *exact, TopK *coded)
{
    const VectorColumn *column = test->column;
    size_t stride = test->coder->stride;
    const void *vectors[GROUP];
    float distances[GROUP];
    for (uint32_t i = 0; i < count; i++)
        vectors[i] = vector_row(column, rows[i]);
    exact_distances(query, vectors, count, distances);
    for (uint32_t i = 0; i < count; i++) {
        top_k_offer(exact, (Neighbor){distances[i], rows[i]});
        float distance = code_distance(test->coder, query->kernels,
                                       test->codes + self * stride,
                                       test->codes + rows[i] * stride);
        top_k_offer(coded, (Neighbor){distance, rows[i]});
    }
}

static mql_status
test_row(Test *test, uint32_t number, uint32_t self, Error *err)
{
    const VectorColumn *column = test->column;
    ExactQuery query = exact_query_of(test->coder->metric, column->element,
                                      vector_row(column, self), column->dim);
    Neighbor exact_memory[WANTED], coded_memory[CANDIDATES];
    TopK exact = top_k_of(exact_memory, WANTED);
    TopK coded = top_k_of(coded_memory, CANDIDATES);
    uint32_t rows[GROUP], count = 0;

    for (uint64_t row = 0; row < column->count; row += test->every) {
        if (row != self && is_valid(column, row))
            rows[count++] = (uint32_t)row;
        if (count < GROUP && row + test->every < column->count)
            continue;
        if (is_cancelled(test->cancel))
            return error_cancelled(err);
        offer_group(test, &query, self, rows, count, &exact, &coded);
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
        bool is_hit = exact_distance(&query, vector) <= limit;
        for (size_t p = 0; is_hit && p < PERCENTS; p++)
            if (i < rerank_rows(WANTED, percents[p]) &&
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
    for (uint64_t number = first; number < first + count; number++) {
        uint64_t row = number * test->column->count / QUERIES;
        while (row < test->column->count && !is_valid(test->column, row))
            row++;
        if (row < test->column->count)
            TRY(test_row(test, (uint32_t)number, (uint32_t)row, err));
    }
    return MQL_OK;
}

mql_status
coder_test(const Coder *coder, const VectorColumn *column, const uint8_t *codes,
           Pool *pool, const atomic_bool *cancel, uint32_t *rerank_percent,
           Error *err)
{
    Test test = {coder, column, codes, cancel, column->count / ROWS_MOST + 1,
                 {0},   {{0}}};
    *rerank_percent = 0;
    TRY(pool_run(pool, QUERIES, 1, work, &test, err));

    uint32_t wanted = 0;
    for (uint32_t i = 0; i < QUERIES; i++)
        wanted += test.wanted[i];
    for (size_t p = 0; p < PERCENTS; p++) {
        uint32_t hits = 0;
        for (uint32_t i = 0; i < QUERIES; i++)
            hits += test.hits[i][p];
        bool is_last = p + 1 == PERCENTS;
        if (hits >= wanted * (is_last ? BARELY : ENOUGH)) {
            *rerank_percent = percents[p];
            return MQL_OK;
        }
    }
    return MQL_OK;
}
