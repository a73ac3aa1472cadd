/* SPDX-License-Identifier: Apache-2.0 */
/* filter_fixture.h - searches among allowed rows that lie evenly, around the
 * target, or far from it. */
#ifndef UNIT_FILTER_FIXTURE_H
#define UNIT_FILTER_FIXTURE_H

#include "unit/index_fixture.h"

#include "index/top_k.h"

#define ROWS 4000
#define DIM 256
#define QUERIES 8
#define K 10
#define WORDS ((ROWS + 63) / 64)

static float rows[(ROWS + QUERIES) * DIM];
static VectorColumn column = {.data = rows, .count = ROWS, .dim = DIM};

/* Where the allowed rows are, seen from the target. */
typedef enum Place { EVENLY, NEAR, FAR, PLACES } Place;
static const char *const place_names[PLACES] = {"evenly", "near", "far"};

/* Rows and targets, the same each time. */
static inline void
fill_rows(void)
{
    uint64_t seed = 4711;
    for (uint32_t row = 0; row < ROWS + QUERIES; row++)
        random_wave(&seed, rows + (size_t)row * DIM, DIM);
}

static inline const float *
target_of(uint32_t number)
{
    return rows + (size_t)(ROWS + number) * DIM;
}

/* `count` rows; the nearest or farthest ones, or rows by chance. */
static inline void
allow(Place place, uint32_t number, uint32_t count, uint64_t allowed[WORDS])
{
    static Neighbor all[ROWS];
    uint32_t found;
    Error err = ERROR_INIT;
    const VectorQuery query = {
        .vector = target_of(number), .k = ROWS, .allowed_count = ROWS};
    memset(allowed, 0, WORDS * sizeof *allowed);
    must(vector_scan(&column, METRIC_L2, &query, all, &found, &err), &err);
    assert_int_equal(found, ROWS);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = place == EVENLY ? i * 2741 % ROWS
                       : place == NEAR ? all[i].row
                                       : all[ROWS - 1 - i].row;
        bits_set(allowed, row);
    }
    assert_int_equal(bits_count(allowed, ROWS), count);
}

typedef struct Outcome {
    uint32_t right, wanted;
    FilterTrace trace;
    SearchCounters counters;
} Outcome;

/* As many rows as there are, allowed and without doubles; counts the near ones.
 */
static inline void
search(const Fixture *fixture, FilterStrategy plan, uint32_t number,
       const uint64_t *allowed, Outcome *outcome)
{
    IndexOptions options;
    Neighbor nearest[K], best[K];
    uint32_t found, best_found;
    Error err = ERROR_INIT;
    index_options_default(fixture->kind->search_options, &options);
    VectorQuery query = {.vector = target_of(number),
                         .k = K,
                         .options = &options,
                         .allowed = allowed,
                         .allowed_count = (uint32_t)bits_count(allowed, ROWS)};
    must(vector_scan(&column, METRIC_L2, &query, best, &best_found, &err),
         &err);
    query.filter_plan = plan;
    query.trace = &outcome->trace;
    query.counters = &outcome->counters;
    must(fixture->kind->search(fixture->index, &query, nearest, &found, &err),
         &err);
    assert_int_equal(found, best_found);
    for (uint32_t i = 0; i < found; i++) {
        assert_true(bits_get(allowed, nearest[i].row));
        assert_true(i == 0 || neighbor_before(nearest[i - 1], nearest[i]));
        outcome->right += nearest[i].distance <= best[found - 1].distance;
    }
    outcome->wanted += found;
}

static inline Outcome
search_all(const Fixture *fixture, FilterStrategy plan, Place place,
           uint32_t count)
{
    Outcome outcome = {0};
    uint64_t allowed[WORDS];
    for (uint32_t i = 0; i < QUERIES; i++) {
        allow(place, i, count, allowed);
        search(fixture, plan, i, allowed, &outcome);
    }
    return outcome;
}

#endif
