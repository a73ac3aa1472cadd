/* SPDX-License-Identifier: Apache-2.0 */
/* table_explain.c - what EXPLAIN says of a table and its filter. */
#include <inttypes.h>

#include "engine/exec/operators.h"

void
table_title(Buffer *out, const TablePlan *table)
{
    buffer_printf(out, " on %s", table->collection->name);
    if (table->partition_count > 0)
        buffer_printf(out, " (%u of %u partitions)", table->partition_count,
                      table->collection->partition_count);
}

#define NAMED_MOST 32u /* more are "..." */

/* Indexes named so far; NULL is the primary key. */
typedef struct Named {
    const IndexDefinition *list[NAMED_MOST];
    uint32_t count;
} Named;

static bool
is_named(const Named *named, const IndexDefinition *index)
{
    for (uint32_t i = 0; i < named->count && i < NAMED_MOST; i++)
        if (named->list[i] == index)
            return true;
    return false;
}

/* Names of the indexes a condition asks, each once in the order met. */
static void
print_indexes(Buffer *out, const Condition *condition, Named *named)
{
    for (uint32_t i = 0; i < condition->child_count; i++)
        print_indexes(out, condition->children[i], named);
    if (condition->kind == CONDITION_AND || condition->kind == CONDITION_OR)
        return;
    const IndexDefinition *index =
        condition->kind == CONDITION_KEY ? NULL : condition->index;
    if (named->count > NAMED_MOST || is_named(named, index))
        return;
    if (named->count == NAMED_MOST) {
        named->count++;
        buffer_append_text(out, ", ...");
        return;
    }
    buffer_append_text(out, named->count == 0 ? " using " : ", ");
    named->list[named->count++] = index;
    if (condition->kind == CONDITION_KEY)
        buffer_append_text(out, "the primary key");
    else
        buffer_printf(out, "%s (%s)", condition->index->name,
                      condition->index->kind->name);
}

/* The conditions that indexes answer, or the others. */
static void
explain_conjuncts(Explainer *explainer, const TablePlan *table, bool is_indexed)
{
    const char *name = is_indexed ? "Index Cond" : "Filter";
    bool has_any = false;
    for (uint32_t i = 0; i < table->conjunct_count; i++) {
        const Conjunct *conjunct = &table->conjuncts[i];
        if ((conjunct->condition != NULL) != is_indexed)
            continue;
        if (!has_any)
            explain_open(explainer, name, '[');
        has_any = true;
        Buffer text = BUFFER_INIT;
        Named named = {.count = 0};
        expr_print(&text, conjunct->expr, table->scope);
        if (is_indexed)
            print_indexes(&text, conjunct->condition, &named);
        if (is_indexed && !condition_is_exact(conjunct->condition))
            buffer_append_text(&text, ", rechecked");
        explain_value(explainer, explainer->is_json ? NULL : name, &text);
    }
    if (has_any)
        explain_close(explainer, ']');
}

static void
explain_moment(Explainer *explainer, const TablePlan *table)
{
    if (table->moment == NULL)
        return;
    Buffer text = BUFFER_INIT;
    if (table->is_sequence)
        buffer_append_text(&text, "commit ");
    expr_print(&text, table->moment, table->scope);
    explain_value(explainer, "As of", &text);
}

static void
explain_counters(Explainer *explainer, const TablePlan *table,
                 const FilterCounters *counters)
{
    explain_line(explainer, "Segments: %u searched, %u pruned",
                 counters->segments, counters->pruned);
    explain_line_end(explainer);
    explain_integer(explainer, "Segments Searched", counters->segments);
    explain_integer(explainer, "Segments Pruned", counters->pruned);
    if (table->conjunct_count == 0)
        return;
    if (counters->blocks > 0) {
        uint32_t searched = counters->blocks - counters->blocks_pruned;
        explain_line(explainer, "Blocks: %u searched, %u pruned", searched,
                     counters->blocks_pruned);
        explain_line_end(explainer);
        explain_integer(explainer, "Blocks Searched", searched);
        explain_integer(explainer, "Blocks Pruned", counters->blocks_pruned);
    }
    explain_line(explainer,
                 "Rows: %" PRIu64 " of %" PRIu64 " match, %" PRIu64
                 " checked on columns",
                 counters->matching_rows, counters->visible_rows,
                 counters->checked_rows);
    explain_line_end(explainer);
    explain_integer(explainer, "Rows Matching", counters->matching_rows);
    explain_integer(explainer, "Rows Visible", counters->visible_rows);
    explain_integer(explainer, "Rows Checked", counters->checked_rows);
}

void
table_explain(Explainer *explainer, const TablePlan *table,
              const FilterCounters *counters)
{
    explain_text(explainer, "Collection", table->collection->name);
    if (table->partition_count > 0)
        explain_integer(explainer, "Partitions", table->partition_count);
    explain_moment(explainer, table);
    explain_conjuncts(explainer, table, true);
    explain_conjuncts(explainer, table, false);
    if (counters != NULL)
        explain_counters(explainer, table, counters);
}
