/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zones.c - the blocks of a sealed segment that a WHERE can be TRUE in, and
 * whether the partition of any segment can have such rows.
 *
 * The plan's tests get the values of this run, as a range or a list of keys,
 * and are asked first of the segment, then block by block. What a test cannot
 * know it lets through.
 */
#include "engine/collection/zones.h"

#include "base/bits.h"
#include "engine/exec/operators.h"

/* Longer lists are taken for the range they span. */
#define KEYS_MOST 1024u

/* A test with the values of the run. */
typedef struct Test {
    ZoneTestKind kind;
    struct Test *children;
    uint32_t child_count;
    const Zone *zones; /* a leaf's; NULL: lets all through */
    bool is_never;     /* ... but when it holds for no row of the segment */
    uint64_t low, high;
    const uint64_t *keys; /* ascending, in place of the range; or NULL */
    uint32_t key_count;
} Test;

typedef struct Maker {
    const TablePlan *table;
    Execution *execution;
    const Segment *segment;
    Arena *arena;
} Maker;

/* Whether keys of the field and of such a value can be compared. */
static bool
fits(Type field, Type value)
{
    if (field.kind == TYPE_VARCHAR)
        return value.kind == TYPE_VARCHAR;
    return type_physical(field.kind) == type_physical(value.kind);
}

static void
set_range(Test *test, CompareOp op, uint64_t key, bool is_exact)
{
    bool is_less = op == COMPARE_LT || op == COMPARE_LE;
    bool is_greater = op == COMPARE_GT || op == COMPARE_GE;
    test->low = is_less ? 0 : key;
    test->high = is_greater ? UINT64_MAX : key;
    if (op == COMPARE_LT && is_exact && key-- == 0)
        test->is_never = true;
    else if (op == COMPARE_LT && is_exact)
        test->high = key;
    if (op == COMPARE_GT && is_exact && key++ == UINT64_MAX)
        test->is_never = true;
    else if (op == COMPARE_GT && is_exact)
        test->low = key;
}

/* Whether rows with that partition key would be in another partition. */
static bool
is_elsewhere(const Maker *maker, const Field *field, const Value *value)
{
    const Collection *collection = maker->table->collection;
    return field->is_partition_key && partition_of_key(collection, value) !=
                                          segment_partition(maker->segment);
}

static mql_status
make_compare(const Maker *maker, const ZoneTest *plan, const Field *field,
             Test *test, Error *err)
{
    Value value;
    TRY(expr_value(plan->value, &maker->execution->run, maker->arena, &value,
                   err));
    bool is_equality = plan->compare == COMPARE_EQ;
    if (value.is_null)
        test->is_never = true;
    else if (!fits(field->type, value.type))
        test->zones = NULL;
    else if (is_equality && is_elsewhere(maker, field, &value))
        test->is_never = true;
    else
        set_range(test, plan->compare, zone_key(&value),
                  type_has_exact_zones(field->type));
    return MQL_OK;
}

/* The keys of a list that the segment's partition may have, or the range they
 * span. */
static mql_status
make_in(const Maker *maker, const ZoneTest *plan, const Field *field,
        Test *test, Error *err)
{
    const Expr *list = plan->list;
    uint32_t most = list->list_count < KEYS_MOST ? list->list_count : 0;
    uint64_t *keys =
        arena_alloc_array(maker->arena, (size_t)most + 1, sizeof *keys);
    bool is_sorted = true;
    uint32_t count = 0;
    if (keys == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < list->list_count; i++) {
        if (!fits(field->type, list->list[i].type)) {
            test->zones = NULL;
            return MQL_OK;
        }
        if (is_elsewhere(maker, field, &list->list[i]))
            continue;
        uint64_t key = zone_key(&list->list[i]);
        is_sorted = is_sorted && (count == 0 || key >= test->high);
        test->low = count == 0 || key < test->low ? key : test->low;
        test->high = count == 0 || key > test->high ? key : test->high;
        keys[count < most ? count : most] = key;
        count++;
    }
    test->is_never = count == 0;
    test->keys = is_sorted && count <= most ? keys : NULL;
    test->key_count = count;
    return MQL_OK;
}

static mql_status make(const Maker *maker, const ZoneTest *plan, Test *test,
                       Error *err);

static mql_status
make_children(const Maker *maker, const ZoneTest *plan, Test *test, Error *err)
{
    test->child_count = plan->child_count;
    test->children = arena_alloc_array(maker->arena, plan->child_count,
                                       sizeof *test->children);
    if (test->children == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < plan->child_count; i++)
        TRY(make(maker, plan->children[i], &test->children[i], err));
    return MQL_OK;
}

static mql_status
make(const Maker *maker, const ZoneTest *plan, Test *test, Error *err)
{
    *test = (Test){.kind = plan->kind};
    if (plan->kind == ZONE_AND || plan->kind == ZONE_OR)
        return make_children(maker, plan, test, err);
    const Field *field = &maker->table->collection->fields[plan->column];
    uint32_t count;
    TRY(segment_zones(maker->segment, field, &test->zones, &count, err));
    if (test->zones == NULL && !field->is_partition_key)
        return MQL_OK;
    if (plan->kind == ZONE_COMPARE)
        return make_compare(maker, plan, field, test, err);
    if (plan->kind == ZONE_IN)
        return make_in(maker, plan, field, test, err);
    if (plan->kind == ZONE_PREFIX) {
        const Value first = {.type = field->type, .bytes = plan->prefix};
        test->low = zone_key(&first);
        test->high = zone_key_after(plan->prefix);
    }
    return MQL_OK;
}

/* Whether one of the keys lies in the zone. */
static bool
has_key(const Test *test, const Zone *zone)
{
    uint32_t low = 0, high = test->key_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (test->keys[middle] < zone->least)
            low = middle + 1;
        else
            high = middle;
    }
    return low < test->key_count && test->keys[low] <= zone->greatest;
}

static bool
leaf_may_hold(const Test *test, const Zone *zone)
{
    if (test->kind == ZONE_NULL)
        return zone->nulls > 0;
    if (test->kind == ZONE_VALUE || zone->values == 0)
        return zone->values > 0;
    if (test->keys != NULL)
        return has_key(test, zone);
    return zone->least <= test->high && zone->greatest >= test->low;
}

static bool
may_hold(const Test *test, uint32_t block)
{
    bool is_and = test->kind == ZONE_AND;
    if (!is_and && test->kind != ZONE_OR)
        return !test->is_never && (test->zones == NULL ||
                                   leaf_may_hold(test, &test->zones[block]));
    for (uint32_t i = 0; i < test->child_count; i++)
        if (may_hold(&test->children[i], block) != is_and)
            return !is_and;
    return is_and;
}

/* The tests of all conjuncts as one; false: there are none. */
static mql_status
make_all(const Maker *maker, Test *all, Error *err)
{
    const TablePlan *table = maker->table;
    *all = (Test){.kind = ZONE_AND};
    all->children = arena_alloc_array(maker->arena, table->conjunct_count + 1,
                                      sizeof *all->children);
    if (all->children == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < table->conjunct_count; i++)
        if (table->conjuncts[i].zones != NULL)
            TRY(make(maker, table->conjuncts[i].zones,
                     &all->children[all->child_count++], err));
    return MQL_OK;
}

/* Blocks of the segment, as far as any of its fields asked for has zones. */
static mql_status
find_blocks(const Maker *maker, uint32_t *count, Error *err)
{
    const Collection *collection = maker->table->collection;
    *count = 0;
    for (uint32_t i = 0; i < maker->table->conjunct_count && *count == 0; i++) {
        const Conjunct *conjunct = &maker->table->conjuncts[i];
        for (uint32_t j = 0; j < conjunct->column_count && *count == 0; j++) {
            const Zone *zones;
            uint32_t column = conjunct->columns[j];
            if (conjunct->zones != NULL && column < collection->field_count)
                TRY(segment_zones(maker->segment, &collection->fields[column],
                                  &zones, count, err));
        }
    }
    return MQL_OK;
}

mql_status
zones_ask(const TablePlan *table, Execution *execution, const Segment *segment,
          Arena *arena, ZoneAnswer *answer, Error *err)
{
    const Maker maker = {table, execution, segment, arena};
    uint32_t count;
    Test all;
    *answer = (ZoneAnswer){.block_count = 0};
    TRY(find_blocks(&maker, &count, err));
    TRY(make_all(&maker, &all, err));
    answer->is_none = !may_hold(&all, count);
    if (answer->is_none || count == 0)
        return MQL_OK;
    answer->block_count = count;
    answer->blocks =
        arena_alloc_array(arena, bits_words(count) + 1, sizeof *answer->blocks);
    if (answer->blocks == NULL)
        return error_no_memory(err);
    for (uint32_t block = 0; block < count; block++)
        if (may_hold(&all, block)) {
            bits_set(answer->blocks, block);
            answer->left++;
        }
    return MQL_OK;
}

void
zones_mask(const ZoneAnswer *answer, uint32_t row_count, uint64_t *bits)
{
    for (uint32_t block = 0; block < answer->block_count; block++) {
        uint32_t first = block * (ZONE_ROWS / 64);
        uint32_t words = (uint32_t)bits_words(row_count);
        uint32_t end = first + ZONE_ROWS / 64;
        if (bits_get(answer->blocks, block))
            continue;
        for (uint32_t i = first; i < end && i < words; i++)
            bits[i] = 0;
    }
}
