/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search.c - the k nearest rows that a WHERE lets through.
 *
 * The filter goes first, once for all targets: a bit array for each segment.
 * Then, for each target and segment: the index of the field searches among the
 * allowed rows (it scans them itself when they are few: it knows its own
 * costs), a sealed segment without index is scanned exactly, a growing one too.
 * The segments' answers are merged, nearest first, ties by key. k rows come
 * back whenever k rows match.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "engine/exec/search_internal.h"
#include "index/top_k.h"
#include "index/vector/exact.h"

#define SEARCH_DEFAULT_LIMIT 10
#define SEARCH_ROWS_MOST 16384 /* Milvus' limit + offset, and targets */

/* ---- targets ---- */

static mql_status
add_vector(SearchOperator *search, const Value *value, int64_t position,
           Error *err)
{
    if (value->is_null)
        return error_at(err, ERR_INVALID_PARAMETER, position,
                        "the vector to search for is NULL");
    if (search->vector_count == SEARCH_ROWS_MOST)
        return error_at(err, ERR_LIMIT_EXCEEDED, position,
                        "a search takes at most %d targets", SEARCH_ROWS_MOST);
    if (search->vector_count == search->vector_capacity) {
        uint32_t capacity =
            search->vector_capacity == 0 ? 16 : search->vector_capacity * 2;
        const void **vectors =
            arena_alloc_array(&search->arena, capacity, sizeof *vectors);
        if (vectors == NULL)
            return error_no_memory(err);
        if (search->vector_count > 0)
            memcpy(vectors, search->vectors,
                   search->vector_count * sizeof *vectors);
        search->vectors = vectors;
        search->vector_capacity = capacity;
    }
    search->vectors[search->vector_count++] = value->bytes.data;
    return MQL_OK;
}

/* A value that outlives the batch it came from. */
static mql_status
keep_value(SearchOperator *search, Value *value, Error *err)
{
    if (value->is_null)
        return MQL_OK;
    char *copy = arena_alloc(&search->arena, value->bytes.size);
    if (copy == NULL)
        return error_no_memory(err);
    memcpy(copy, value->bytes.data, value->bytes.size);
    value->bytes.data = copy;
    return MQL_OK;
}

static mql_status
add_query(SearchOperator *search, const SearchTarget *target, Error *err)
{
    Operator *query = NULL;
    mql_status status =
        operator_open(target->query, search->base.execution, &query, err);
    while (status == MQL_OK) {
        Batch batch;
        status = operator_next(query, &batch, err);
        if (status != MQL_OK || batch.count == 0)
            break;
        for (uint32_t i = 0; status == MQL_OK && i < batch.count; i++) {
            Value value = column_value(&batch.columns[0], i);
            status = keep_value(search, &value, err);
            if (status == MQL_OK)
                status = add_vector(search, &value, target->position, err);
        }
    }
    operator_close(query);
    return status;
}

/* The vector of the row with that key: it need not pass the filter. */
static mql_status
add_key(SearchOperator *search, const SearchTarget *target, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    Execution *execution = search->base.execution;
    const CollectionVersion *version;
    TRY(table_version(&plan->table, execution, &version, err));
    Value key;
    Snapshot snapshot;
    TRY(table_snapshot(&plan->table, execution, &snapshot, err));
    TRY(expr_value(target->key, &execution->run, &search->arena, &key, err));

    for (uint32_t i = 0; !key.is_null && i < version->segment_count; i++) {
        const Segment *segment = version->segments[i];
        bool found;
        uint32_t row;
        TRY(segment_find_key(segment, &key, snapshot.sequence, &found, &row,
                             err));
        bool is_expired = false;
        if (found)
            TRY(segment_is_expired(segment, row, snapshot.expired, &is_expired,
                                   err));
        if (!found || is_expired)
            continue;
        const RowRange range = {.first = row, .count = 1};
        Column column;
        TRY(segment_read(segment, &plan->table.collection->fields[plan->field],
                         range, &search->arena, &column, err));
        Value value = column_value(&column, 0);
        return add_vector(search, &value, target->position, err);
    }
    Buffer text = BUFFER_INIT;
    value_print(&text, &key);
    error_at(err, ERR_UNDEFINED_OBJECT, target->position,
             "collection \"%s\" has no row with key %s",
             plan->table.collection->name,
             key.is_null ? "NULL" : buffer_text(&text));
    buffer_free(&text);
    return err->status;
}

static mql_status
read_targets(SearchOperator *search, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    for (uint32_t i = 0; i < plan->target_count; i++) {
        const SearchTarget *target = &plan->targets[i];
        if (target->query != NULL) {
            TRY(add_query(search, target, err));
            continue;
        }
        if (target->key != NULL) {
            TRY(add_key(search, target, err));
            continue;
        }
        Value value;
        TRY(expr_value(target->vector, &search->base.execution->run,
                       &search->arena, &value, err));
        TRY(add_vector(search, &value, target->position, err));
    }
    return MQL_OK;
}

/* ---- one segment ---- */

bool
search_uses_index(const SearchPlan *plan)
{
    return plan->index != NULL && !plan->is_exact && !plan->is_endless &&
           !plan->has_range_filter;
}

mql_status
search_next_vectors(SearchOperator *search, const SegmentRows *rows,
                    GrowingVectors *batch, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    const Field *field = &plan->table.collection->fields[plan->field];
    Arena *arena = &search->base.batch_arena;
    uint32_t positions[VECTOR_ROWS];
    arena_reset(arena);
    uint32_t count =
        segment_rows_next(rows, &batch->from, positions, VECTOR_ROWS);
    batch->count = 0;
    batch->is_over = count == 0;
    if (batch->is_over)
        return MQL_OK;
    TRY(execution_poll(search->base.execution, err));
    const RowRange range = {.rows = positions, .count = count};
    Column column;
    TRY(segment_read(rows->segment, field, range, arena, &column, err));
    for (uint32_t i = 0; i < count; i++)
        if (!column_is_null(&column, i)) {
            batch->vectors[batch->count] = column.bytes[i].data;
            batch->rows[batch->count++] = positions[i];
        }
    return MQL_OK;
}

/* Exact scan of a segment in memory: its vectors come batch by batch. */
static mql_status
scan_growing(SearchOperator *search, const SegmentRows *rows,
             const VectorQuery *query, Neighbor *nearest, uint32_t *found,
             Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    const Field *field = &plan->table.collection->fields[plan->field];
    const ExactQuery exact =
        exact_query_of(plan->metric, type_element(field->type.kind),
                       query->vector, field->type.length);
    TopK top = top_k_of(nearest, query->k);
    GrowingVectors batch = {.from = 0};
    float distances[VECTOR_ROWS];
    while (!batch.is_over) {
        TRY(search_next_vectors(search, rows, &batch, err));
        exact_distances(&exact, batch.vectors, batch.count, distances);
        for (uint32_t i = 0; i < batch.count; i++)
            top_k_offer(&top, (Neighbor){distances[i], batch.rows[i]});
        query->counters->distances += batch.count;
    }
    *found = top_k_finish(&top);
    return MQL_OK;
}

bool
search_segment_vectors(const SearchOperator *search, const SegmentRows *rows,
                       VectorQuery *query, SegmentVectors *vectors)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    const Field *field = &plan->table.collection->fields[plan->field];
    if (!segment_vectors(rows->segment, field, &vectors->column))
        return false;
    bool is_everything =
        rows->bits == NULL || rows->count == vectors->column.count;
    query->allowed = is_everything ? NULL : rows->bits;
    query->allowed_count = rows->count;
    vectors->index = NULL;
    if (search_uses_index(plan))
        vectors->index = segment_index(rows->segment, plan->index->id);
    return true;
}

mql_status
search_settle_index(SearchOperator *search, const SegmentRows *rows,
                    mql_status status, bool *is_answered, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    if (status == MQL_OK)
        status = segment_indexes_intact(rows->segment, err);
    *is_answered = status == MQL_OK;
    if (status == MQL_OK) {
        search->index_searches++;
        return MQL_OK;
    }
    if (status == MQL_CORRUPT)
        segment_index_distrust(rows->segment, plan->index->id, err);
    return execution_bypass(search->base.execution, status, err);
}

/* A recall that only a scan reaches was answered by one. */
static void
count_effort(SearchOperator *search, const SearchPlan *plan, uint32_t effort)
{
    bool is_chosen = plan->recall > 0 && plan->index->kind->takes_recall;
    if (is_chosen && effort == 0) {
        search->index_searches--;
        search->exact_scans++;
    }
    search->effort = effort > search->effort ? effort : search->effort;
}

mql_status
search_segment(SearchOperator *search, const SegmentRows *rows,
               VectorQuery *query, Neighbor *nearest, uint32_t *found,
               Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    *found = 0;
    if (!segment_is_sealed(rows->segment)) {
        if (plan->ignores_growing)
            return MQL_OK;
        search->exact_scans++;
        return scan_growing(search, rows, query, nearest, found, err);
    }

    SegmentVectors vectors;
    if (!search_segment_vectors(search, rows, query, &vectors))
        return MQL_OK; /* written before the field was there: all NULL */
    if (vectors.index != NULL) {
        uint32_t effort = 0;
        query->effort = &effort;
        mql_status status = vectors.index->kind->search(vectors.index, query,
                                                        nearest, found, err);
        query->effort = NULL;
        bool is_answered;
        TRY(search_settle_index(search, rows, status, &is_answered, err));
        if (is_answered) {
            count_effort(search, plan, effort);
            return MQL_OK;
        }
    }
    search->exact_scans++;
    return vector_scan(&vectors.column, plan->metric, query, nearest, found,
                       err);
}

/* ---- one target ---- */

static double
round_score(double score, int32_t digits)
{
    if (digits < 0)
        return score;
    double scale = pow(10, digits);
    return floor(score * scale + 0.5) / scale;
}

/* radius and range_filter, in the user's numbers (milvus-facts: range search).
 */
static bool
is_in_range(const SearchPlan *plan, float distance)
{
    double score = (double)metric_to_score(plan->metric, distance);
    bool similar = metric_is_similarity(plan->metric);
    if (plan->has_radius &&
        !(similar ? score > plan->radius : score < plan->radius))
        return false;
    return !plan->has_range_filter || (similar ? score <= plan->range_filter
                                               : score >= plan->range_filter);
}

/* Rows without a vector, for ORDER BY: they come last. */
static mql_status
add_without_vector(SearchOperator *search, uint32_t segment, uint64_t wanted,
                   Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    const Field *field = &plan->table.collection->fields[plan->field];
    const SegmentRows *rows = &search->segments[segment];
    uint32_t positions[BATCH_ROWS];
    size_t from = 0;
    while (wanted > 0) {
        arena_reset(&search->base.batch_arena);
        uint32_t count = segment_rows_next(rows, &from, positions, BATCH_ROWS);
        if (count == 0)
            break;
        const RowRange range = {.rows = positions, .count = count};
        Column column;
        TRY(segment_read(rows->segment, field, range, &search->base.batch_arena,
                         &column, err));
        for (uint32_t i = 0; i < count && wanted > 0; i++) {
            if (!column_is_null(&column, i))
                continue;
            wanted--;
            TRY(hits_reserve(&search->hits, 1, &search->arena, err));
            search->hits.list[search->hits.count++] =
                (Hit){.segment = segment, .row = positions[i]};
        }
    }
    return MQL_OK;
}

/* How many to ask of a segment: all, when a range with two ends has to be cut
 * out. */
static uint32_t
rows_wanted(const SearchPlan *plan, const SegmentRows *rows, uint64_t k)
{
    if (plan->has_range_filter || k > rows->count)
        return rows->count;
    return (uint32_t)k;
}

/* Room for what a segment finds. */
static mql_status
reserve_nearest(SearchOperator *search, uint32_t count, Error *err)
{
    if (count <= search->nearest_capacity)
        return MQL_OK;
    Arena *arena = &search->nearest_arena;
    arena_reset(arena);
    search->nearest_capacity = 0;
    search->nearest = arena_alloc_array(arena, count, sizeof(Neighbor));
    if (search->nearest == NULL)
        return error_no_memory(err);
    search->nearest_capacity = count;
    return MQL_OK;
}

/* The nearest rows of a segment, in search->nearest: k, and beyond them those
 * as far as the last, because the key decides among these, which a segment does
 * not look at. A graph is asked for a few more only. */
static mql_status
search_ties(SearchOperator *search, const SegmentRows *rows, VectorQuery *query,
            uint64_t k, uint32_t *found, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    uint64_t most = search_uses_index(plan) ? k * 4 + 64 : UINT32_MAX;
    uint64_t asked = k + 1;
    for (;;) {
        query->k = rows_wanted(plan, rows, asked);
        TRY(reserve_nearest(search, query->k, err));
        const Neighbor *nearest = search->nearest;
        TRY(search_segment(search, rows, query, search->nearest, found, err));
        bool is_tied = *found == asked &&
                       nearest[asked - 1].distance == nearest[k - 1].distance;
        if (!is_tied || asked * 2 > most)
            return MQL_OK;
        asked *= 2;
    }
}

mql_status
search_add_hits(SearchOperator *search, uint32_t segment, uint32_t target,
                const Neighbor *nearest, uint32_t found, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    const bool is_range = plan->has_radius || plan->has_range_filter;
    Hits *hits = &search->hits;
    TRY(hits_reserve(hits, found, &search->arena, err));
    for (uint32_t i = 0; i < found; i++) {
        if (is_range && !is_in_range(plan, nearest[i].distance))
            continue;
        hits->list[hits->count++] = (Hit){.distance = nearest[i].distance,
                                          .has_distance = true,
                                          .segment = segment,
                                          .row = nearest[i].row,
                                          .query = target};
    }
    return MQL_OK;
}

static mql_status
search_target(SearchOperator *search, uint32_t target, uint64_t k, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    size_t first = search->hits.count;
    VectorQuery query = {
        .vector = search->vectors[target],
        .options = &search->options,
        .recall = plan->recall,
        .reads_rows = search->base.execution->reads_rows,
        .filter_plan = plan->filter_plan,
        .trace = &search->trace,
        .cancel = search->base.execution->run.cancel,
        .counters = &search->counters,
    };
    for (uint32_t s = 0; s < search->segment_count; s++) {
        const SegmentRows *rows = &search->segments[s];
        if (rows->count == 0)
            continue;
        uint32_t found;
        TRY(search_ties(search, rows, &query, k, &found, err));
        TRY(search_add_hits(search, s, target, search->nearest, found, err));
    }
    const Field *field = &plan->table.collection->fields[plan->field];
    if (plan->skips_nothing && field->is_nullable)
        for (uint32_t s = 0;
             s < search->segment_count && search->hits.count - first < k; s++)
            TRY(add_without_vector(search, s, k - (search->hits.count - first),
                                   err));
    return hits_sort(&search->hits, first, &plan->table, search->segments,
                     &search->key_arena, err);
}

/* Keep hits [first + offset, first + offset + limit) of a target. */
static void
cut_hits(SearchOperator *search, size_t first)
{
    Hits *hits = &search->hits;
    size_t found = hits->count - first;
    size_t skipped = search->offset < found ? (size_t)search->offset : found;
    size_t kept = found - skipped;
    if (kept > search->limit)
        kept = (size_t)search->limit;
    if (kept > 0 && skipped > 0)
        memmove(hits->list + first, hits->list + first + skipped,
                kept * sizeof *hits->list);
    hits->count = first + kept;
}

/* ---- the operator ---- */

static mql_status
read_limits(SearchOperator *search, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    Execution *execution = search->base.execution;
    TRY(execution_count(execution, plan->limit, "LIMIT",
                        plan->is_endless ? UINT64_MAX : SEARCH_DEFAULT_LIMIT,
                        &search->limit, err));
    TRY(execution_count(execution, plan->offset, "OFFSET", 0, &search->offset,
                        err));
    if (!plan->skips_nothing && search->limit == 0)
        return error_at(err, ERR_INVALID_LIMIT, plan->limit->position,
                        "LIMIT of a search must be at least 1");
    if (plan->is_endless)
        return MQL_OK;
    if (search->limit > SEARCH_ROWS_MOST ||
        search->offset > SEARCH_ROWS_MOST - search->limit) {
        const Expr *at = plan->limit != NULL ? plan->limit : plan->offset;
        return error_at(err, ERR_INVALID_LIMIT, at->position,
                        "LIMIT plus OFFSET of a search must be at most %d",
                        SEARCH_ROWS_MOST);
    }
    return MQL_OK;
}

/* The index's effort: what the statement says (as in Milvus at least the rows
 * it wants), else the session, else the kind. */
static mql_status
choose_effort(SearchOperator *search, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    search->options = plan->options;
    if (plan->index == NULL)
        return MQL_OK;
    int64_t ef = search->base.execution->default_ef;
    int64_t rows = (int64_t)(search->limit + search->offset);
    const IndexOption *table = plan->index->kind->search_options;
    for (size_t i = 0; table[i].name != NULL; i++) {
        bool is_given = plan->given_at[i] != 0;
        if (!is_given && ef != 0 && strcmp(table[i].name, "ef") == 0)
            search->options.values[i] = ef;
        if (table[i].covers_limit && is_given && !plan->is_endless &&
            plan->options.values[i] < rows)
            return error_at(err, ERR_INVALID_PARAMETER, plan->given_at[i],
                            "\"%s\" must be at least LIMIT plus OFFSET, "
                            "%" PRId64,
                            table[i].name, rows);
    }
    return MQL_OK;
}

/* ---- in rounds ---- */

#define FIRST_ROUND 1024
#define LAST_ROUND (1 << 20)

static void
begin_target(SearchOperator *search)
{
    Endless *endless = &search->endless;
    endless->skip = search->offset;
    endless->round = FIRST_ROUND;
    if (__builtin_add_overflow(search->limit, search->offset, &endless->left))
        endless->left = UINT64_MAX;
    for (uint32_t s = 0; s < search->segment_count; s++) {
        SegmentRows *rows = &search->segments[s];
        rows->count = endless->all_count[s];
        memcpy(rows->bits, endless->all[s],
               bits_words(rows->row_count) * sizeof *rows->bits);
    }
}

/* Rounds take rows away: all rows become bits. */
static mql_status
make_bits(SearchOperator *search, SegmentRows *rows, Error *err)
{
    if (rows->bits != NULL)
        return MQL_OK;
    rows->bits = arena_alloc_array(
        &search->arena, bits_words(rows->row_count) + 1, sizeof *rows->bits);
    if (rows->bits == NULL)
        return error_no_memory(err);
    bits_set_range(rows->bits, 0, rows->row_count);
    return MQL_OK;
}

static mql_status
begin_rounds(SearchOperator *search, Error *err)
{
    Endless *endless = &search->endless;
    size_t count = search->segment_count + (size_t)1;
    endless->all = arena_alloc_array(&search->arena, count, sizeof(uint64_t *));
    endless->all_count =
        arena_alloc_array(&search->arena, count, sizeof(uint32_t));
    if (endless->all == NULL || endless->all_count == NULL)
        return error_no_memory(err);
    for (uint32_t s = 0; s < search->segment_count; s++) {
        SegmentRows *rows = &search->segments[s];
        size_t words = bits_words(rows->row_count);
        endless->all_count[s] = rows->count;
        endless->all[s] =
            arena_alloc_array(&search->arena, words + 1, sizeof(uint64_t));
        if (endless->all[s] == NULL)
            return error_no_memory(err);
        TRY(make_bits(search, rows, err));
        memcpy(endless->all[s], rows->bits, words * sizeof(uint64_t));
    }
    begin_target(search);
    return MQL_OK;
}

/* Keep the nearest hits of a round; later rounds leave them out. */
static void
keep_round(SearchOperator *search, uint64_t wanted)
{
    Hits *hits = &search->hits;
    Endless *endless = &search->endless;
    if (hits->count > wanted)
        hits->count = (size_t)wanted;
    for (size_t i = 0; i < hits->count; i++) {
        SegmentRows *rows = &search->segments[hits->list[i].segment];
        bits_clear(rows->bits, hits->list[i].row);
        rows->count--;
    }
    endless->left -= hits->count;
    search->given =
        endless->skip < hits->count ? (size_t)endless->skip : hits->count;
    endless->skip -= search->given;
    if (endless->round < LAST_ROUND)
        endless->round *= 4;
}

/* Until there are hits to give, or no target has any more. */
static mql_status
next_round(SearchOperator *search, Error *err)
{
    Endless *endless = &search->endless;
    while (search->given == search->hits.count &&
           endless->target < search->vector_count) {
        uint64_t wanted =
            endless->left < endless->round ? endless->left : endless->round;
        search->hits.count = 0;
        search->given = 0;
        arena_reset(&search->key_arena);
        if (wanted > 0)
            TRY(search_target(search, endless->target, wanted, err));
        keep_round(search, wanted);
        if (search->hits.count > 0)
            continue;
        endless->target++;
        begin_target(search);
    }
    return MQL_OK;
}

static mql_status
search_open(Operator *operator, Error * err)
{
    SearchOperator *search = (SearchOperator *)operator;
    const SearchPlan *plan = (const SearchPlan *)operator->plan;
    arena_init_like(&search->arena, operator->execution->arena);
    arena_init_like(&search->key_arena, operator->execution->arena);
    arena_init_like(&search->nearest_arena, operator->execution->arena);
    TRY(read_limits(search, err));
    TRY(choose_effort(search, err));
    TRY(read_targets(search, err));
    if (search->limit == 0)
        return MQL_OK;
    TRY(table_filter(&plan->table, operator->execution, &search->arena,
                     &search->segments, &search->segment_count,
                     &search->filter_counters, err));
    if (plan->is_endless)
        return begin_rounds(search, err);
    if (search_is_for_many(search))
        return search_many(search, search->limit + search->offset, err);
    for (uint32_t i = 0; i < search->vector_count; i++) {
        size_t first = search->hits.count;
        TRY(search_target(search, i, search->limit + search->offset, err));
        cut_hits(search, first);
    }
    return MQL_OK;
}

/* The search's own columns: distance and the number of the query. */
static mql_status
add_search_columns(const SearchPlan *plan, const Hit *hits, uint32_t count,
                   Arena *arena, Batch *batch, Error *err)
{
    if (plan->distance_column < 0)
        return MQL_OK;
    double *scores = arena_alloc_array(arena, count, sizeof *scores);
    int64_t *queries = arena_alloc_array(arena, count, sizeof *queries);
    if (scores == NULL || queries == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        scores[i] =
            round_score((double)metric_to_score(plan->metric, hits[i].distance),
                        plan->round_decimal);
        queries[i] = hits[i].query;
    }
    batch->columns[plan->distance_column] =
        (Column){.type = type_of(TYPE_FLOAT), .reals = scores};
    batch->columns[plan->query_column] =
        (Column){.type = type_of(TYPE_INT64), .ints = queries};
    return MQL_OK;
}

static mql_status
search_next(Operator *operator, Batch * batch, Error *err)
{
    SearchOperator *search = (SearchOperator *)operator;
    const SearchPlan *plan = (const SearchPlan *)operator->plan;
    if (plan->is_endless)
        TRY(next_round(search, err));
    size_t left = search->hits.count - search->given;
    uint32_t count = left < BATCH_ROWS ? (uint32_t)left : BATCH_ROWS;
    if (count == 0)
        return MQL_OK;
    const Hit *hits = search->hits.list + search->given;
    search->given += count;
    TRY(hits_read(hits, count, &plan->table, search->segments,
                  &operator->batch_arena, batch, err));
    return add_search_columns(plan, hits, count, &operator->batch_arena, batch,
                              err);
}

static void
search_close(Operator *operator)
{
    SearchOperator *search = (SearchOperator *)operator;
    hits_free(&search->hits);
    arena_free(&search->arena);
    arena_free(&search->key_arena);
    arena_free(&search->nearest_arena);
}

static void
search_title(Buffer *out, const PlanNode *node)
{
    const SearchPlan *plan = (const SearchPlan *)node;
    const Collection *collection = plan->table.collection;
    table_title(out, &plan->table);
    if (search_uses_index(plan))
        buffer_printf(out, " using %s (%s, %s)", plan->index->name,
                      plan->index->kind->name, metric_name(plan->metric));
    else
        buffer_printf(out, " by %s (exact, %s)",
                      collection->fields[plan->field].name,
                      metric_name(plan->metric));
}

/* A recall and what the segments made of it, or the options of the index. */
static void
explain_effort(Explainer *explainer, const SearchPlan *plan,
               const SearchOperator *search)
{
    const IndexKind *kind = plan->index != NULL ? plan->index->kind : NULL;
    if (kind == NULL)
        return;
    const IndexOption *options = kind->search_options;
    if (kind->takes_recall && plan->recall > 0) {
        explain_line(explainer, "Effort: recall = %g", plan->recall);
        explain_real(explainer, "Expected Recall", plan->recall);
        if (search != NULL && search->effort > 0) {
            if (!explainer->is_json)
                buffer_printf(explainer->out, ", %s = %u", options[0].name,
                              search->effort);
            explain_integer(explainer, options[0].name, search->effort);
        }
        explain_line_end(explainer);
        return;
    }
    for (size_t i = 0; options[i].name != NULL; i++) {
        int64_t value = search != NULL ? search->options.values[i]
                                       : plan->options.values[i];
        if (value < 0)
            continue;
        explain_line(explainer, "Effort: %s = %" PRId64, options[i].name,
                     value);
        explain_line_end(explainer);
        explain_integer(explainer, options[i].name, (uint64_t)value);
    }
}

/* Depends on the machine, as times do. */
static void
explain_estimates(Explainer *explainer, const SearchOperator *search,
                  uint32_t searches)
{
    const double *estimates = search->trace.estimates;
    bool is_first = true;
    explain_open(explainer, "Estimated Times", '{');
    for (int i = 0; i < FILTER_PLANS; i++) {
        if (!(estimates[i] > 0))
            continue;
        const char *name = filter_plan_name((FilterStrategy)i);
        double time = estimates[i] / searches / 1e6;
        if (is_first)
            explain_line(explainer, "Estimated Times: ");
        if (!explainer->is_json)
            buffer_printf(explainer->out, "%s%s %.3f ms", is_first ? "" : ", ",
                          name, time);
        explain_real(explainer, name, time);
        is_first = false;
    }
    if (!is_first)
        explain_line_end(explainer);
    explain_close(explainer, '}');
}

/* Which plans were taken, and what each was expected to cost. */
static void
explain_filtered(Explainer *explainer, const SearchOperator *search)
{
    const FilterTrace *trace = &search->trace;
    uint32_t total = 0;
    for (int i = 0; i < FILTER_PLANS; i++)
        total += trace->searches[i];
    if (total == 0)
        return;
    const char *before = "";
    explain_line(explainer, "Filtered Searches: ");
    explain_open(explainer, "Filtered Searches", '{');
    for (int i = 0; i < FILTER_PLANS; i++) {
        const char *name = filter_plan_name((FilterStrategy)i);
        if (trace->searches[i] == 0)
            continue;
        explain_integer(explainer, name, trace->searches[i]);
        if (!explainer->is_json)
            buffer_printf(explainer->out, "%s%s %u", before, name,
                          trace->searches[i]);
        before = ", ";
    }
    explain_integer(explainer, "went on as a scan", trace->fallbacks);
    explain_close(explainer, '}');
    if (trace->fallbacks > 0 && !explainer->is_json)
        buffer_printf(explainer->out, "; %u went on as a scan",
                      trace->fallbacks);
    explain_line_end(explainer);
    if (search->base.execution->is_timed)
        explain_estimates(explainer, search, total);
}

/* How it searches, for programs; people read it in the title. */
static void
explain_means(Explainer *explainer, const SearchPlan *plan)
{
    bool is_by_index = search_uses_index(plan);
    explain_text(explainer, "Field",
                 plan->table.collection->fields[plan->field].name);
    if (is_by_index) {
        explain_text(explainer, "Index Name", plan->index->name);
        explain_text(explainer, "Index Kind", plan->index->kind->name);
    }
    explain_text(explainer, "Metric", metric_name(plan->metric));
    explain_bool(explainer, "Exact",
                 !is_by_index || plan->index->kind->is_exact);
}

static void
explain_counts(Explainer *explainer, const SearchOperator *search)
{
    explain_line(explainer, "Targets: %u, index searches: %u, exact scans: %u",
                 search->vector_count, search->index_searches,
                 search->exact_scans);
    explain_line_end(explainer);
    explain_line(explainer, "Distances computed: %" PRIu64,
                 search->counters.distances);
    explain_line_end(explainer);
    explain_integer(explainer, "Targets", search->vector_count);
    explain_integer(explainer, "Index Searches", search->index_searches);
    explain_integer(explainer, "Exact Scans", search->exact_scans);
    explain_integer(explainer, "Distances Computed",
                    search->counters.distances);
}

static void
search_explain(Explainer *explainer, const PlanNode *node,
               const Operator *operator)
{
    const SearchPlan *plan = (const SearchPlan *)node;
    const SearchOperator *search = (const SearchOperator *)operator;
    const char *filter_plan = filter_plan_name(plan->filter_plan);
    explain_means(explainer, plan);
    explain_effort(explainer, plan, search);
    table_explain(explainer, &plan->table,
                  search != NULL ? &search->filter_counters : NULL);
    if (plan->filter_plan != FILTER_AUTO) {
        explain_line(explainer, "Filter Plan: %s", filter_plan);
        explain_line_end(explainer);
        explain_text(explainer, "Filter Plan", filter_plan);
    }
    if (search == NULL)
        return;
    explain_filtered(explainer, search);
    explain_counts(explainer, search);
}

const OperatorKind search_operator = {
    .name = "Search",
    .size = sizeof(SearchOperator),
    .open = search_open,
    .next = search_next,
    .close = search_close,
    .title = search_title,
    .explain = search_explain,
};
