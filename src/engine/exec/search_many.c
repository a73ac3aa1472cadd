/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search_many.c - several targets in one statement.
 *
 * Targets are taken a part at a time: each segment is searched for all of the
 * part at once, so that an exact scan reads its rows once, then the part's hits
 * are sorted together, their keys, where ties need them, read together. What a
 * target gets is what it gets alone.
 */
#include "engine/exec/search_internal.h"
#include "index/vector/exact_batch.h"

/* So many more than k are asked for, because the key decides among rows as far
 * as the k-th, which a segment does not look at. */
#define TIES_EXPECTED 3

/* Some targets, and what one segment has for them. */
typedef struct Part {
    VectorTargets targets;
    const uint32_t *numbers; /* of the targets in the statement       */
    uint64_t k;              /* wanted of each                        */
    bool is_last;            /* take what was found, tied or not      */
    Arena *arena;            /* of one search                         */
} Part;

bool
search_is_for_many(const SearchOperator *search)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    return search->vector_count > 1 && !plan->is_endless &&
           !plan->has_range_filter && !plan->skips_nothing;
}

/* As scan_growing() in search.c, each batch of rows for all targets. */
static mql_status
scan_growing(SearchOperator *search, const SegmentRows *rows,
             const VectorQuery *query, Part *part, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    const Field *field = &plan->table.collection->fields[plan->field];
    const VectorColumn shape = {.element = type_element(field->type.kind),
                                .dim = field->type.length};
    ExactBatch batch;
    TRY(exact_batch_init(&batch, plan->metric, &shape, query->k, &part->targets,
                         part->arena, err));
    GrowingVectors some = {.from = 0};
    while (!some.is_over) {
        TRY(search_next_vectors(search, rows, &some, err));
        exact_batch_add(&batch, some.vectors, some.rows, some.count);
        query->counters->distances +=
            (uint64_t)some.count * part->targets.count;
    }
    exact_batch_finish(&batch);
    return MQL_OK;
}

/* One after the other, by an index that knows no better. */
static mql_status
search_each(SearchOperator *search, const SegmentRows *rows, VectorQuery *query,
            Part *part, Error *err)
{
    for (uint32_t t = 0; t < part->targets.count; t++) {
        query->vector = part->targets.vectors[t];
        TRY(search_segment(search, rows, query,
                           part->targets.nearest + (size_t)t * query->k,
                           &part->targets.found[t], err));
    }
    return MQL_OK;
}

static mql_status
search_sealed(SearchOperator *search, const SegmentRows *rows,
              VectorQuery *query, Part *part, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    SegmentVectors vectors;
    if (!search_segment_vectors(search, rows, query, &vectors))
        return MQL_OK;
    if (vectors.index != NULL && vectors.index->kind->search_many == NULL)
        return search_each(search, rows, query, part, err);
    if (vectors.index != NULL) {
        mql_status status = vectors.index->kind->search_many(
            vectors.index, query, &part->targets, part->arena, err);
        bool is_answered;
        TRY(search_settle_index(search, rows, status, &is_answered, err));
        if (is_answered)
            return MQL_OK;
    }
    search->exact_scans++;
    return vector_scan_many(&vectors.column, plan->metric, query,
                            &part->targets, part->arena, err);
}

/* Take what was found for a target, unless more rows may be as far as its
 * k-th. */
static mql_status
take_target(SearchOperator *search, uint32_t segment, const VectorQuery *query,
            const Part *part, uint32_t t, bool *is_taken, Error *err)
{
    const Neighbor *nearest = part->targets.nearest + (size_t)t * query->k;
    uint32_t found = part->targets.found[t];
    uint64_t k = part->k;
    *is_taken = part->is_last || found < query->k || k >= found ||
                nearest[found - 1].distance != nearest[k - 1].distance;
    if (!*is_taken)
        return MQL_OK;
    while (k < found && nearest[k].distance == nearest[k - 1].distance)
        k++;
    return search_add_hits(search, segment, part->numbers[t], nearest,
                           k < found ? (uint32_t)k : found, err);
}

static mql_status
search_segment_many(SearchOperator *search, uint32_t segment,
                    VectorQuery *query, Part *part, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    const SegmentRows *rows = &search->segments[segment];
    uint32_t count = part->targets.count;
    arena_reset(part->arena);
    part->targets.nearest = arena_alloc_array(
        part->arena, (size_t)count * query->k, sizeof(Neighbor));
    part->targets.found =
        arena_alloc_array(part->arena, count, sizeof(uint32_t));
    if (part->targets.nearest == NULL || part->targets.found == NULL)
        return error_no_memory(err);
    if (segment_is_sealed(rows->segment))
        return search_sealed(search, rows, query, part, err);
    if (plan->ignores_growing)
        return MQL_OK;
    search->exact_scans++;
    return scan_growing(search, rows, query, part, err);
}

/* The targets that still have no answer from the segment. */
typedef struct Pending {
    const void **vectors;
    uint32_t *numbers;
    uint32_t count;
} Pending;

/* Search for all that is pending; what has to be asked for more stays. */
static mql_status
search_round(SearchOperator *search, uint32_t segment, uint32_t dim,
             uint64_t asked, Pending *pending, Part *part, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    uint32_t row_count = search->segments[segment].count;
    VectorQuery query = {
        .k = asked < row_count ? (uint32_t)asked : row_count,
        .options = &search->options,
        .recall = plan->recall,
        .reads_rows = search->base.execution->reads_rows,
        .filter_plan = plan->filter_plan,
        .trace = &search->trace,
        .cancel = search->base.execution->run.cancel,
        .counters = &search->counters,
    };
    uint32_t most = vector_targets_most(dim, query.k), left = 0;
    for (uint32_t i = 0; i < pending->count; i += most) {
        uint32_t count = pending->count - i < most ? pending->count - i : most;
        part->targets.vectors = pending->vectors + i;
        part->targets.count = count;
        part->numbers = pending->numbers + i;
        TRY(execution_poll(search->base.execution, err));
        TRY(search_segment_many(search, segment, &query, part, err));
        for (uint32_t t = 0; t < count; t++) {
            bool is_taken;
            TRY(take_target(search, segment, &query, part, t, &is_taken, err));
            if (is_taken)
                continue;
            pending->vectors[left] = pending->vectors[i + t];
            pending->numbers[left++] = pending->numbers[i + t];
        }
    }
    pending->count = left;
    return MQL_OK;
}

/* As search_ties() in search.c: ever more, until no tie can be cut. */
static mql_status
search_rounds(SearchOperator *search, uint32_t segment, Pending *pending,
              Part *part, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    const Field *field = &plan->table.collection->fields[plan->field];
    bool is_near = search_uses_index(plan) && !plan->index->kind->is_exact;
    uint64_t most = is_near ? part->k * 4 + 64 : UINT32_MAX;
    uint64_t asked = is_near ? part->k + 1 : part->k + TIES_EXPECTED;
    uint64_t factor = is_near ? 2 : 4; /* near ones as search_ties() does */
    for (; pending->count > 0; asked *= factor) {
        part->is_last =
            asked * factor > most || asked >= search->segments[segment].count;
        TRY(search_round(search, segment, field->type.length, asked, pending,
                         part, err));
    }
    return MQL_OK;
}

/* Cut each target's hits, sorted by target from `first` on. */
static void
cut_part(SearchOperator *search, size_t first)
{
    Hits *hits = &search->hits;
    size_t kept = first;
    for (size_t i = first; i < hits->count;) {
        size_t end = i, place = 0;
        for (;
             end < hits->count && hits->list[end].query == hits->list[i].query;
             end++, place++)
            if (place >= search->offset &&
                place - search->offset < search->limit)
                hits->list[kept++] = hits->list[end];
        i = end;
    }
    hits->count = kept;
}

/* Targets [first, first + count). */
static mql_status
search_part(SearchOperator *search, uint32_t first, uint32_t count,
            Pending *pending, Part *part, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    size_t first_hit = search->hits.count;
    for (uint32_t s = 0; s < search->segment_count; s++) {
        if (search->segments[s].count == 0)
            continue;
        pending->count = count;
        for (uint32_t t = 0; t < count; t++) {
            pending->vectors[t] = search->vectors[first + t];
            pending->numbers[t] = first + t;
        }
        TRY(search_rounds(search, s, pending, part, err));
    }
    TRY(hits_sort(&search->hits, first_hit, &plan->table, search->segments,
                  &search->key_arena, err));
    cut_part(search, first_hit);
    return MQL_OK;
}

mql_status
search_many(SearchOperator *search, uint64_t k, Error *err)
{
    const SearchPlan *plan = (const SearchPlan *)search->base.plan;
    const Field *field = &plan->table.collection->fields[plan->field];
    uint32_t most = vector_targets_most(field->type.length, k + 1);
    Pending pending = {
        .vectors = arena_alloc_array(&search->arena, most, sizeof(void *)),
        .numbers = arena_alloc_array(&search->arena, most, sizeof(uint32_t))};
    if (pending.vectors == NULL || pending.numbers == NULL)
        return error_no_memory(err);
    Arena arena;
    arena_init(&arena, search->base.execution->arena->limit);
    Part part = {.k = k, .arena = &arena};
    mql_status status = MQL_OK;
    for (uint32_t i = 0; status == MQL_OK && i < search->vector_count;
         i += most) {
        uint32_t left = search->vector_count - i;
        status = search_part(search, i, left < most ? left : most, &pending,
                             &part, err);
    }
    arena_free(&arena);
    return status;
}
