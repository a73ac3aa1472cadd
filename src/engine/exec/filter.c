/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.c - the rows of a segment that a WHERE lets through, as a bit array.
 *
 * Rows named by their keys are looked up and nothing else is. All rows of a
 * segment need no bits. Otherwise rows that were deleted, and the blocks that
 * least and greatest values rule out (zones.c), are out first; then each
 * conjunct that indexes answer narrows what is left by a RowSet, the first one
 * being the bits itself where nothing was out. The rest of the condition is
 * evaluated on columns (filter_columns.c).
 */
#include "base/bits.h"
#include "engine/exec/operators.h"
#include "engine/plan/filter_path.h"

/* A filter of one segment in the making. */
typedef struct Filter {
    const TablePlan *table;
    Execution *execution;
    const Segment *segment;
    uint32_t row_count;
    Arena *arena;
    FilterCounters *counters;
    Snapshot snapshot;
} Filter;

static mql_status add_condition(Filter *filter, const Condition *condition,
                                RowSet *rows, Error *err);

/* Bits of the rows that are there, unless there are bits already. */
static mql_status
need_bits(const Filter *filter, SegmentRows *rows, Error *err)
{
    uint32_t hidden;
    if (rows->bits != NULL)
        return MQL_OK;
    rows->bits = arena_alloc_array(
        filter->arena, bits_words(rows->row_count) + 1, sizeof *rows->bits);
    if (rows->bits == NULL)
        return error_no_memory(err);
    rows->count = segment_visible(filter->segment, filter->snapshot.sequence,
                                  rows->row_count, rows->bits);
    TRY(segment_hide_expired(filter->segment, filter->snapshot.expired,
                             rows->row_count, rows->bits, &hidden, err));
    rows->count -= hidden;
    return MQL_OK;
}

/* Whether a parameter whose type only this run knows is such that the index
 * over a JSON path tells of it. */
static bool
is_of_cast(const Filter *filter, const Condition *condition,
           const Expr *constant)
{
    const ExprRun *run = &filter->execution->run;
    if (constant == NULL || constant->kind != EXPR_PARAMETER ||
        constant->type.kind != TYPE_NULL ||
        constant->parameter >= run->parameter_count)
        return true;
    const Value *value = &run->parameters[constant->parameter];
    return value->is_null ||
           path_takes(condition->index->cast, value->type.kind);
}

/* Whether this segment has every index the condition asks. */
static bool
is_answerable(const Filter *filter, const Condition *condition)
{
    if (condition->kind == CONDITION_KEY)
        return true;
    if (condition->kind == CONDITION_INDEX)
        return segment_index(filter->segment, condition->index->id) != NULL &&
               is_of_cast(filter, condition, condition->low) &&
               is_of_cast(filter, condition, condition->high);
    for (uint32_t i = 0; i < condition->child_count; i++)
        if (!is_answerable(filter, condition->children[i]))
            return false;
    return true;
}

/* A value as a key: among reals integers are reals. */
static Key
key_of(const Value *value, KeyType type)
{
    bool is_integer = type_is_integer(value->type.kind);
    if (type == KEY_REAL && is_integer)
        return (Key){.real = (double)value->integer};
    switch (type_physical(value->type.kind)) {
    case PHYSICAL_BOOL:
        return (Key){.integer = value->boolean ? 1 : 0};
    case PHYSICAL_REAL:
        return (Key){.real = value->real};
    case PHYSICAL_BYTES:
        return (Key){.bytes = value->bytes};
    default:
        return (Key){.integer = value->integer};
    }
}

/* Keys of the list that are not NULL, sorted as the analyser left them; of
 * integers some may become one real. */
static mql_status
list_keys(Filter *filter, const Condition *condition,
          ScalarPredicate *predicate, Error *err)
{
    const Expr *list = condition->list;
    bool is_real = condition->key_type == KEY_REAL;
    uint32_t count = 0;
    Key *keys =
        arena_alloc_array(filter->arena, list->list_count, sizeof *keys);
    if (keys == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < list->list_count; i++) {
        keys[count] = key_of(&list->list[i], condition->key_type);
        count +=
            !is_real || count == 0 || keys[count].real != keys[count - 1].real;
    }
    predicate->list = keys;
    predicate->list_count = count;
    return MQL_OK;
}

static mql_status
text_keys(Filter *filter, const Condition *condition,
          ScalarPredicate *predicate, Error *err)
{
    Key *keys =
        arena_alloc_array(filter->arena, condition->text_count, sizeof *keys);
    if (keys == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < condition->text_count; i++)
        keys[i].bytes = condition->texts[i];
    predicate->list = keys;
    predicate->list_count = condition->text_count;
    return MQL_OK;
}

/* Fill in the values of this run. `is_null` OUT: compared with NULL, never
 * true. */
static mql_status
fill_predicate(Filter *filter, const Condition *condition,
               ScalarPredicate *predicate, bool *is_null, Error *err)
{
    *is_null = false;
    *predicate = (ScalarPredicate){
        .kind = condition->predicate,
        .has_low = condition->has_low,
        .has_high = condition->has_high,
        .low_inclusive = condition->low_inclusive,
        .high_inclusive = condition->high_inclusive,
        .prefix = condition->prefix,
    };
    if (condition->list != NULL)
        return list_keys(filter, condition, predicate, err);
    if (condition->predicate == PREDICATE_CONTAINS)
        return text_keys(filter, condition, predicate, err);
    if (condition->predicate != PREDICATE_RANGE)
        return MQL_OK;

    Value value;
    ExprRun *run = &filter->execution->run;
    TRY(expr_value(condition->low, run, filter->arena, &value, err));
    *is_null = value.is_null;
    predicate->low = predicate->high = key_of(&value, condition->key_type);
    if (condition->high != condition->low) {
        TRY(expr_value(condition->high, run, filter->arena, &value, err));
        *is_null = *is_null || value.is_null;
        predicate->high = key_of(&value, condition->key_type);
    }
    return MQL_OK;
}

/* The rows a negated condition may be true for: all of them, or those that are
 * not NULL; of a JSON path those with any key. */
static mql_status
add_whole(const Condition *condition, const Index *index, RowSet *rows,
          Error *err)
{
    bool is_path = condition->index->cast != CAST_NONE;
    const ScalarPredicate every = {.kind = is_path ? PREDICATE_RANGE
                                                   : PREDICATE_NOT_NULL};
    return condition->wants_null
               ? row_set_add_range(rows, 0, rows->row_count, err)
               : index->kind->lookup(index, &every, rows, err);
}

/* Add the rows that the predicate leaves out. */
static mql_status
add_others(Filter *filter, const Condition *condition, const Index *index,
           const ScalarPredicate *predicate, RowSet *rows, Error *err)
{
    RowSet whole = row_set_empty(filter->row_count);
    RowSet found = row_set_empty(filter->row_count);
    mql_status status = add_whole(condition, index, &whole, err);
    if (status == MQL_OK)
        status = index->kind->lookup(index, predicate, &found, err);
    if (status == MQL_OK) {
        row_set_minus(&whole, &found);
        status = row_set_or(rows, &whole, err);
    }
    row_set_free(&found);
    row_set_free(&whole);
    return status;
}

static mql_status
add_indexed(Filter *filter, const Condition *condition, RowSet *rows,
            Error *err)
{
    const Index *index = segment_index(filter->segment, condition->index->id);
    ScalarPredicate predicate;
    bool is_null;
    TRY(fill_predicate(filter, condition, &predicate, &is_null, err));
    if (is_null)
        return MQL_OK;
    filter->counters->index_lookups++;
    if (condition->wants_null || condition->is_negated)
        return add_others(filter, condition, index, &predicate, rows, err);
    return index->kind->lookup(index, &predicate, rows, err);
}

static mql_status
add_key(Filter *filter, const Value *key, RowSet *rows, Error *err)
{
    bool found;
    uint32_t row;
    if (key->is_null)
        return MQL_OK;
    TRY(segment_find_key(filter->segment, key, filter->snapshot.sequence,
                         &found, &row, err));
    if (!found)
        return MQL_OK;
    if (row >= rows->row_count)
        return error_set(err, ERR_DATA_CORRUPTED,
                         "keys name rows their segment does not have");
    bool is_expired;
    TRY(segment_is_expired(filter->segment, row, filter->snapshot.expired,
                           &is_expired, err));
    return is_expired ? MQL_OK : row_set_add(rows, &row, 1, err);
}

static mql_status
add_keys(Filter *filter, const Condition *condition, RowSet *rows, Error *err)
{
    filter->counters->index_lookups++;
    if (condition->list == NULL) {
        Value key;
        TRY(expr_value(condition->low, &filter->execution->run, filter->arena,
                       &key, err));
        return add_key(filter, &key, rows, err);
    }
    for (uint32_t i = 0; i < condition->list->list_count; i++)
        TRY(add_key(filter, &condition->list->list[i], rows, err));
    return MQL_OK;
}

static mql_status
add_either(Filter *filter, const Condition *condition, RowSet *rows, Error *err)
{
    for (uint32_t i = 0; i < condition->child_count; i++)
        TRY(add_condition(filter, condition->children[i], rows, err));
    return MQL_OK;
}

/* all &= the rows of the condition */
static mql_status
narrow_rows(Filter *filter, const Condition *condition, RowSet *all, Error *err)
{
    RowSet more = row_set_empty(filter->row_count);
    mql_status status = add_condition(filter, condition, &more, err);
    if (status == MQL_OK)
        row_set_and(all, &more);
    row_set_free(&more);
    return status;
}

static mql_status
add_all(Filter *filter, const Condition *condition, RowSet *rows, Error *err)
{
    RowSet all = row_set_empty(filter->row_count);
    mql_status status =
        add_condition(filter, condition->children[0], &all, err);
    for (uint32_t i = 1; status == MQL_OK && i < condition->child_count; i++)
        status = narrow_rows(filter, condition->children[i], &all, err);
    if (status == MQL_OK)
        status = row_set_or(rows, &all, err);
    row_set_free(&all);
    return status;
}

/* Add the rows for which the condition is TRUE. */
static mql_status
add_condition(Filter *filter, const Condition *condition, RowSet *rows,
              Error *err)
{
    switch (condition->kind) {
    case CONDITION_INDEX:
        return add_indexed(filter, condition, rows, err);
    case CONDITION_KEY:
        return add_keys(filter, condition, rows, err);
    case CONDITION_OR:
        return add_either(filter, condition, rows, err);
    default:
        return add_all(filter, condition, rows, err);
    }
}

/* The index of a condition that is damaged is not asked again. */
static void
distrust(const Condition *condition, const Segment *segment,
         const Error *problem)
{
    if (condition->kind == CONDITION_INDEX)
        segment_index_distrust(segment, condition->index->id, problem);
    for (uint32_t i = 0; i < condition->child_count; i++)
        distrust(condition->children[i], segment, problem);
}

/* The rows that the condition's indexes name, if all of them could be read. */
static mql_status
ask_indexes(Filter *filter, const Condition *condition, RowSet *rows,
            Error *err)
{
    mql_status status = add_condition(filter, condition, rows, err);
    if (status == MQL_OK)
        status = segment_indexes_intact(filter->segment, err);
    if (status == MQL_CORRUPT)
        distrust(condition, filter->segment, err);
    return status;
}

/* Those that the set names, and no other. */
static mql_status
take_rows(Filter *filter, RowSet *found, SegmentRows *rows, Error *err)
{
    rows->count = row_set_count(found);
    rows->row_count = rows->count > 0 ? filter->row_count : 0;
    if (rows->count == 0)
        return MQL_OK;
    rows->bits = row_set_take(found, filter->arena);
    return rows->bits == NULL ? error_no_memory(err) : MQL_OK;
}

/* rows &= those the condition's indexes name; their count is as of
 * row_set_mask() where there were bits. */
static mql_status
narrow(Filter *filter, const Condition *condition, SegmentRows *rows,
       Error *err)
{
    RowSet found = row_set_empty(filter->row_count);
    mql_status status = ask_indexes(filter, condition, &found, err);
    if (status == MQL_OK && rows->bits == NULL)
        status = take_rows(filter, &found, rows, err);
    else if (status == MQL_OK)
        rows->count = row_set_mask(&found, rows->bits);
    row_set_free(&found);
    return status;
}

/* A damaged index is not trusted and not needed: the columns know. */
static mql_status
apply_indexes(Filter *filter, bool *is_done, SegmentRows *rows, Error *err)
{
    uint32_t count = filter->table->conjunct_count;
    for (uint32_t i = 0; i < count && rows->count > 0; i++) {
        const Condition *condition = filter->table->conjuncts[i].condition;
        is_done[i] = condition != NULL && is_answerable(filter, condition);
        if (!is_done[i])
            continue;
        mql_status status = narrow(filter, condition, rows, err);
        is_done[i] = status == MQL_OK && condition_is_exact(condition);
        TRY(execution_bypass(filter->execution, status, err));
    }
    if (rows->count == UINT32_MAX)
        rows->count = (uint32_t)bits_count(rows->bits, rows->row_count);
    return MQL_OK;
}

static bool
needs_columns(const bool *is_done, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!is_done[i])
            return true;
    return false;
}

/* Whether the condition holds for no row but those of the keys it names. */
static bool
is_keyed(const Condition *condition)
{
    if (condition == NULL || condition->kind == CONDITION_INDEX)
        return false;
    if (condition->kind == CONDITION_KEY)
        return true;
    bool is_and = condition->kind == CONDITION_AND;
    for (uint32_t i = 0; i < condition->child_count; i++)
        if (is_keyed(condition->children[i]) == is_and)
            return is_and;
    return !is_and;
}

/*
 * Rows named by their keys: no other row is looked at, and a segment that has
 * none of them costs its lookups only. `is_done` OUT: the conjunct that did
 * it; false: none could.
 */
static mql_status
apply_keys(Filter *filter, bool *is_done, SegmentRows *rows, bool *is_keys,
           Error *err)
{
    const TablePlan *table = filter->table;
    uint32_t i = 0;
    while (i < table->conjunct_count &&
           !(is_keyed(table->conjuncts[i].condition) &&
             is_answerable(filter, table->conjuncts[i].condition)))
        i++;
    *is_keys = false;
    if (i == table->conjunct_count)
        return MQL_OK;
    RowSet found = row_set_empty(filter->row_count);
    mql_status status =
        ask_indexes(filter, table->conjuncts[i].condition, &found, err);
    if (status == MQL_OK) {
        *is_keys = true;
        is_done[i] = condition_is_exact(table->conjuncts[i].condition);
        status = take_rows(filter, &found, rows, err);
    } else {
        status = execution_bypass(filter->execution, status, err);
    }
    row_set_free(&found);
    return status;
}

/* Take away the blocks whose least and greatest values rule them out: of a
 * segment in another partition than the condition's all. What is left is not
 * counted yet: the conjuncts that said so are still to be applied. */
static mql_status
apply_zones(Filter *filter, SegmentRows *rows, Error *err)
{
    ZoneAnswer answer;
    TRY(zones_ask(filter->table, filter->execution, filter->segment,
                  filter->arena, &answer, err));
    if (answer.is_none || (answer.block_count > 0 && answer.left == 0)) {
        filter->counters->segments--;
        filter->counters->pruned++;
        rows->count = rows->row_count = 0;
        return MQL_OK;
    }
    filter->counters->blocks += answer.block_count;
    filter->counters->blocks_pruned += answer.block_count - answer.left;
    if (answer.left == answer.block_count)
        return MQL_OK;
    TRY(need_bits(filter, rows, err));
    zones_mask(&answer, rows->row_count, rows->bits);
    return MQL_OK;
}

/* All rows that are there, less those that zones and indexes rule out. */
static mql_status
apply_visible(Filter *filter, bool *is_done, SegmentRows *rows, Error *err)
{
    rows->row_count = rows->count = filter->row_count;
    if (filter->snapshot.expired > 0 ||
        !segment_is_whole(filter->segment, filter->snapshot.sequence))
        TRY(need_bits(filter, rows, err));
    filter->counters->visible_rows += rows->count;
    if (rows->count > 0)
        TRY(apply_zones(filter, rows, err));
    return rows->count > 0 ? apply_indexes(filter, is_done, rows, err) : MQL_OK;
}

mql_status
segment_filter(const TablePlan *table, Execution *execution,
               const Segment *segment, Arena *arena, SegmentRows *rows,
               FilterCounters *counters, Error *err)
{
    TRY(segment_intact(segment, err));
    Snapshot snapshot;
    TRY(table_snapshot(table, execution, &snapshot, err));
    uint32_t row_count = segment_row_count(segment, snapshot.sequence);
    *rows = (SegmentRows){.segment = segment};
    bool *is_done =
        arena_alloc_array(arena, table->conjunct_count + 1, sizeof *is_done);
    if (is_done == NULL)
        return error_no_memory(err);
    counters->segments++;

    Filter filter = {table, execution, segment, row_count,
                     arena, counters,  snapshot};
    bool is_keys;
    TRY(apply_keys(&filter, is_done, rows, &is_keys, err));
    if (is_keys)
        counters->visible_rows += rows->count;
    else
        TRY(apply_visible(&filter, is_done, rows, err));
    if (rows->count > 0 && needs_columns(is_done, table->conjunct_count)) {
        TRY(need_bits(&filter, rows, err));
        TRY(columns_ask(table, execution, is_done, rows, arena, counters, err));
    }
    counters->matching_rows += rows->count;
    return segment_intact(segment, err);
}

uint32_t
segment_rows_next(const SegmentRows *rows, size_t *from, uint32_t *positions,
                  uint32_t most)
{
    if (rows->bits != NULL)
        return bits_collect(rows->bits, rows->row_count, from, positions, most);
    size_t left = rows->row_count - *from;
    uint32_t count = left < most ? (uint32_t)left : most;
    for (uint32_t i = 0; i < count; i++)
        positions[i] = (uint32_t)(*from + i);
    *from += count;
    return count;
}

/* Rows of a released partition are not there until it is loaded again. */
bool
table_has_segment(const TablePlan *table, const Collection *collection,
                  const Segment *segment)
{
    uint64_t partition = segment_partition(segment);
    int32_t position = collection_find_partition_id(collection, partition);
    if (position < 0 || !collection->partitions[position].is_loaded)
        return false;
    for (uint32_t i = 0; i < table->partition_count; i++)
        if (table->partitions[i] == partition)
            return true;
    return table->partition_count == 0;
}

mql_status
table_version(const TablePlan *table, const Execution *execution,
              const CollectionVersion **version, Error *err)
{
    const Version *whole = execution->version;
    /* The past has nothing of an open transaction. */
    if (table->moment != NULL && whole->committed != NULL)
        whole = whole->committed;
    *version = version_collection(whole, table->collection->id);
    if (*version == NULL && table->moment != NULL)
        return error_at(err, ERR_UNDEFINED_TABLE, table->moment->position,
                        "collection \"%s\" did not exist then",
                        table->collection->name);
    if (*version == NULL)
        return error_set(err, ERR_UNDEFINED_TABLE,
                         "collection \"%s\" does not exist any more",
                         table->collection->name);
    return MQL_OK;
}

mql_status
table_filter(const TablePlan *table, Execution *execution, Arena *arena,
             SegmentRows **rows, uint32_t *segment_count,
             FilterCounters *counters, Error *err)
{
    const CollectionVersion *version;
    Snapshot snapshot; /* wrong moments are errors without segments too */
    TRY(table_snapshot(table, execution, &snapshot, err));
    TRY(table_version(table, execution, &version, err));
    *rows = arena_alloc_array(arena, version->segment_count + 1, sizeof **rows);
    *segment_count = 0;
    if (*rows == NULL)
        return error_no_memory(err);

    for (uint32_t i = 0; i < version->segment_count; i++) {
        const Segment *segment = version->segments[i];
        if (!table_has_segment(table, version->collection, segment)) {
            counters->pruned++;
            continue;
        }
        SegmentRows *filtered = &(*rows)[*segment_count];
        TRY(execution_poll(execution, err));
        TRY(segment_filter(table, execution, segment, arena, filtered, counters,
                           err));
        if (filtered->count > 0)
            (*segment_count)++;
    }
    return MQL_OK;
}

mql_status
table_read(const TablePlan *table, const Segment *segment, RowRange range,
           Arena *arena, Batch *batch, Error *err)
{
    batch->count = range.count;
    batch->column_count = table->column_count;
    batch->columns =
        arena_alloc_array(arena, table->column_count, sizeof *batch->columns);
    if (batch->columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < table->column_count; i++) {
        batch->columns[i].type = table->scope->columns[i].type;
        if (table->used[i] && i < table->collection->field_count)
            TRY(segment_read(segment, &table->collection->fields[i], range,
                             arena, &batch->columns[i], err));
    }
    return MQL_OK;
}
