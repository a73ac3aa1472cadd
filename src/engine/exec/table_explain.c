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

/* Indexes named so far; NULL is the primary key. A field has one at most. */
typedef struct Named {
    const IndexDefinition *list[FIELDS_MOST + 2];
    uint32_t count;
} Named;

static bool
is_named(const Named *named, const IndexDefinition *index)
{
    for (uint32_t i = 0; i < named->count; i++)
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
    if (is_named(named, index))
        return;
    buffer_append_text(out, named->count == 0 ? " using " : ", ");
    named->list[named->count++] = index;
    if (condition->kind == CONDITION_KEY)
        buffer_append_text(out, "the primary key");
    else
        buffer_printf(out, "%s (%s)", condition->index->name,
                      condition->index->kind->name);
}

static void
explain_conjunct(Buffer *out, const TablePlan *table, const Conjunct *conjunct,
                 int indent)
{
    explain_indent(out, indent);
    buffer_append_text(out, conjunct->condition != NULL ? "Index Cond: "
                                                        : "Filter: ");
    expr_print(out, conjunct->expr, table->scope);
    Named named = {.count = 0};
    if (conjunct->condition != NULL)
        print_indexes(out, conjunct->condition, &named);
    buffer_append_char(out, '\n');
}

void
table_explain(Buffer *out, const TablePlan *table,
              const FilterCounters *counters, int indent)
{
    if (table->moment != NULL) {
        explain_indent(out, indent);
        buffer_append_text(out,
                           table->is_sequence ? "As of: commit " : "As of: ");
        expr_print(out, table->moment, table->scope);
        buffer_append_char(out, '\n');
    }
    for (uint32_t i = 0; i < table->conjunct_count; i++)
        if (table->conjuncts[i].condition != NULL)
            explain_conjunct(out, table, &table->conjuncts[i], indent);
    for (uint32_t i = 0; i < table->conjunct_count; i++)
        if (table->conjuncts[i].condition == NULL)
            explain_conjunct(out, table, &table->conjuncts[i], indent);
    if (counters == NULL)
        return;
    explain_indent(out, indent);
    buffer_printf(out, "Segments: %u searched, %u pruned\n", counters->segments,
                  counters->pruned);
    if (table->conjunct_count == 0)
        return;
    explain_indent(out, indent);
    buffer_printf(out,
                  "Rows: %" PRIu64 " of %" PRIu64 " match, %" PRIu64
                  " checked on columns\n",
                  counters->matching_rows, counters->visible_rows,
                  counters->checked_rows);
}
