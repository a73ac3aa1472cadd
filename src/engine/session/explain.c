/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain.c - EXPLAIN: the syntax tree (TREE), the plan, or with ANALYZE what a
 * run did.
 *
 * ANALYZE runs queries only: the others would change something. RECALL does a
 * search again, exactly. FORMAT JSON gives one row with all of it.
 */
#include <inttypes.h>

#include "engine/exec/explain.h"
#include "engine/exec/search_recall.h"
#include "engine/session/kinds.h"

typedef struct Explain {
    const Node *statement;
    bool is_tree;
    bool is_analyze;
    bool is_recall;
    bool is_json;
    bool hides_times; /* TIMING off: for output that must not shake */
    const Node *timing, *recall, *format;
    const PlanNode *plan;
    const StatementKind *kind;
    /* A change of rows: how to say what its analysis found out. */
    void (*explain_change)(const Prepared *prepared, Explainer *explainer);
    void *detail;
} Explain;

static const ScopeColumn plan_column[] = {
    {{"QUERY PLAN", 10}, {.kind = TYPE_VARCHAR}},
};

/* The word an option's value is written with; empty when it has none. */
static Slice
option_word(const Node *option)
{
    const Node *value = option->first;
    if (value == NULL)
        return (Slice){"", 0};
    switch (value->kind) {
    case NODE_TRUE_VALUE:
        return SLICE_LITERAL("true");
    case NODE_FALSE_VALUE:
        return SLICE_LITERAL("false");
    case NODE_INTEGER:
        return value->integer == 0   ? SLICE_LITERAL("off")
               : value->integer == 1 ? SLICE_LITERAL("on")
                                     : SLICE_LITERAL("?");
    default:
        return value->text;
    }
}

static mql_status
read_switch(const Node *option, bool *is_on, Error *err)
{
    Slice word = option_word(option);
    *is_on = word.size == 0 || slice_equal_nocase(word, SLICE_LITERAL("on")) ||
             slice_equal_nocase(word, SLICE_LITERAL("true"));
    if (*is_on || slice_equal_nocase(word, SLICE_LITERAL("off")) ||
        slice_equal_nocase(word, SLICE_LITERAL("false")))
        return MQL_OK;
    return error_at(err, ERR_SYNTAX_ERROR, option->position,
                    "%.*s requires a Boolean value", (int)option->text.size,
                    option->text.data);
}

static mql_status
unbuilt_option(const Node *option, Error *err)
{
    return error_at(err, ERR_FEATURE_NOT_SUPPORTED, option->position,
                    "EXPLAIN option %.*s is not supported yet",
                    (int)option->text.size, option->text.data);
}

static mql_status
set_format(Explain *explain, const Node *option, Error *err)
{
    Slice word = option_word(option);
    explain->is_json = slice_equal_nocase(word, SLICE_LITERAL("json"));
    explain->format = option;
    if (explain->is_json || slice_equal_nocase(word, SLICE_LITERAL("text")))
        return MQL_OK;
    return error_at(err, ERR_INVALID_PARAMETER, option->position,
                    "unrecognized value for EXPLAIN option \"%.*s\": \"%.*s\"",
                    (int)option->text.size, option->text.data, (int)word.size,
                    word.data);
}

static mql_status
set_option(Explain *explain, const Node *option, Error *err)
{
    Slice name = option->text;
    if (slice_equal_nocase(name, SLICE_LITERAL("format")))
        return set_format(explain, option, err);
    bool is_on;
    if (slice_equal_nocase(name, SLICE_LITERAL("analyze")))
        return read_switch(option, &explain->is_analyze, err);
    if (slice_equal_nocase(name, SLICE_LITERAL("tree")))
        return read_switch(option, &explain->is_tree, err);
    if (slice_equal_nocase(name, SLICE_LITERAL("timing"))) {
        TRY(read_switch(option, &is_on, err));
        explain->hides_times = !is_on;
        explain->timing = option;
        return MQL_OK;
    }
    if (slice_equal_nocase(name, SLICE_LITERAL("recall"))) {
        explain->recall = option;
        return read_switch(option, &explain->is_recall, err);
    }
    /* Known, and nothing to switch on yet. */
    if (slice_equal_nocase(name, SLICE_LITERAL("costs")) ||
        slice_equal_nocase(name, SLICE_LITERAL("verbose"))) {
        TRY(read_switch(option, &is_on, err));
        return is_on ? unbuilt_option(option, err) : MQL_OK;
    }
    return error_at(err, ERR_SYNTAX_ERROR, option->position,
                    "unrecognized EXPLAIN option \"%.*s\"", (int)name.size,
                    name.data);
}

/* Options that say nothing without another one. */
static mql_status
check_options(const Explain *explain, Error *err)
{
    const Node *needy = explain->timing != NULL ? explain->timing
                        : explain->is_recall    ? explain->recall
                                                : NULL;
    if (needy != NULL && !explain->is_analyze)
        return error_at(err, ERR_INVALID_PARAMETER, needy->position,
                        "EXPLAIN option %s requires ANALYZE",
                        needy == explain->timing ? "TIMING" : "RECALL");
    if (explain->is_json && explain->is_tree)
        return error_at(err, ERR_FEATURE_NOT_SUPPORTED,
                        explain->format->position,
                        "EXPLAIN (TREE, FORMAT JSON) is not supported");
    return MQL_OK;
}

/* Only a search by vector has a recall. */
static mql_status
check_recall(const Explain *explain, Error *err)
{
    if (!explain->is_recall || plan_is_search(explain->plan))
        return MQL_OK;
    return error_at(err, ERR_INVALID_PARAMETER, explain->recall->position,
                    "EXPLAIN option RECALL requires a search by vector");
}

static const Node *
explained(const Node *root)
{
    const Node *statement = root->first;
    while (statement != NULL && statement->kind == NODE_OPTIONS)
        statement = statement->next;
    return statement;
}

static void
find_change(Explain *explain)
{
    switch (explain->statement->kind) {
    case NODE_INSERT:
    case NODE_UPSERT:
        explain->explain_change = insert_explain;
        break;
    case NODE_UPDATE:
        explain->explain_change = update_explain;
        break;
    case NODE_DELETE:
        explain->explain_change = delete_explain;
        break;
    default:
        break;
    }
}

/* A change is analysed as if it were the statement itself. */
static mql_status
prepare_change(Prepared *prepared, Explain *explain, Error *err)
{
    const Statement statement = prepared->statement;
    prepared->statement.root = (Node *)(uintptr_t)explain->statement;
    mql_status status = explain->kind->prepare(prepared, err);
    prepared->statement = statement;
    explain->detail = prepared->detail;
    prepared->detail = explain;
    return status == MQL_OK ? prepared_columns(prepared, plan_column, 1)
                            : status;
}

static void
explain_change(Prepared *prepared, Explainer *explainer)
{
    Explain *explain = prepared->detail;
    prepared->detail = explain->detail;
    explain->explain_change(prepared, explainer);
    prepared->detail = explain;
}

mql_status
explain_prepare(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    Explain *explain = arena_new(&prepared->plan_arena, Explain);
    if (explain == NULL)
        return error_no_memory(err);
    prepared->detail = explain;
    explain->statement = explained(root);
    for (const Node *list = root->first; list != NULL; list = list->next)
        for (const Node *option = list->kind == NODE_OPTIONS ? list->first
                                                             : NULL;
             option != NULL; option = option->next)
            TRY(set_option(explain, option, err));
    TRY(check_options(explain, err));
    TRY(prepared_columns(prepared, plan_column, 1));
    if (explain->is_tree)
        return MQL_OK;

    const Node *statement = explain->statement;
    explain->kind = statement_kind(statement->kind);
    if (statement->kind == NODE_SELECT || statement->kind == NODE_SEARCH) {
        TRY(planner_query(&prepared->planner, statement, &explain->plan, err));
        return check_recall(explain, err);
    }
    if (explain->kind == NULL)
        return planner_unbuilt(statement, node_kind_name(statement->kind), err);
    if (explain->is_analyze)
        return planner_unbuilt(statement, "EXPLAIN ANALYZE of a change", err);
    find_change(explain);
    return explain->explain_change != NULL
               ? prepare_change(prepared, explain, err)
               : MQL_OK;
}

static mql_status
add_row(Prepared *prepared, Slice text, Error *err)
{
    char *copy = arena_copy(&prepared->exec_arena, text.data, text.size);
    if (copy == NULL)
        return error_no_memory(err);
    const Value row = value_text((Slice){copy, text.size});
    return rows_add(prepared, &row, err);
}

/* One row for each line. */
static mql_status
add_lines(Prepared *prepared, Slice text, Error *err)
{
    while (text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t size = end != NULL ? (size_t)(end - text.data) : text.size;
        TRY(add_row(prepared, (Slice){text.data, size}, err));
        size_t skipped = end != NULL ? size + 1 : size;
        text = (Slice){text.data + skipped, text.size - skipped};
    }
    return MQL_OK;
}

static mql_status
run_plan(Prepared *prepared, const Explain *explain, Operator **operator,
         Error * err)
{
    prepared->execution.is_timed = !explain->hides_times;
    TRY(operator_open(explain->plan, &prepared->execution, operator, err));
    Batch batch;
    do {
        TRY(operator_next(*operator, & batch, err));
    } while (batch.count > 0);
    return MQL_OK;
}

/* What part of the truth was found; of no rows all. */
static void
explain_recall(Explainer *explainer, const SearchRecall *recall)
{
    double part = recall->wanted == 0
                      ? 1
                      : (double)recall->found / (double)recall->wanted;
    explain_line(explainer,
                 "Recall@%" PRIu64 ": %.4f (%" PRIu64 " of %" PRIu64 " rows)",
                 recall->k, part, recall->found, recall->wanted);
    explain_line_end(explainer);
    explain_open(explainer, "Recall", '{');
    explain_real(explainer, "Recall", part);
    explain_integer(explainer, "Limit", recall->k);
    explain_integer(explainer, "Rows", recall->wanted);
    explain_integer(explainer, "Rows Found", recall->found);
    explain_close(explainer, '}');
}

static mql_status
explain_plan(Prepared *prepared, const Explain *explain, Explainer *explainer,
             Error *err)
{
    Operator *operator= NULL;
    const Vfs *vfs = prepared->execution.vfs;
    int64_t start = vfs->now(vfs->context), spent = 0;
    SearchRecall recall = {0};
    mql_status status = MQL_OK;
    if (explain->is_analyze) {
        status = run_plan(prepared, explain, &operator, err);
        spent = vfs->now(vfs->context) - start;
    }
    if (status == MQL_OK && explain->is_recall)
        status = search_recall(operator, & recall, err);
    if (status == MQL_OK)
        operator_explain(explainer, "Plan", explain->plan, operator);
    if (explain->is_recall)
        explain_recall(explainer, &recall);
    if (explain->is_analyze && !explain->hides_times) {
        double time = (double)spent / 1000.0;
        explain_line(explainer, "Execution Time: %.3f ms", time);
        explain_line_end(explainer);
        explain_real(explainer, "Execution Time", time);
    }
    operator_close(operator);
    return status;
}

/* All but the syntax tree. */
static mql_status
explain_all(Prepared *prepared, const Explain *explain, Explainer *explainer,
            Error *err)
{
    mql_status status = MQL_OK;
    explain_open(explainer, NULL, '[');
    explain_open(explainer, NULL, '{');
    if (explain->plan != NULL) {
        status = explain_plan(prepared, explain, explainer, err);
    } else if (explain->explain_change != NULL) {
        explain_change(prepared, explainer);
    } else {
        explain_line(explainer, "%s", explain->kind->tag);
        explain_line_end(explainer);
        explain_text(explainer, "Statement", explain->kind->tag);
    }
    explain_close(explainer, '}');
    explain_close(explainer, ']');
    return status;
}

mql_status
explain_run(Prepared *prepared, Error *err)
{
    const Explain *explain = prepared->detail;
    Buffer out = BUFFER_INIT;
    Explainer explainer = {.out = &out, .is_json = explain->is_json};
    mql_status status = MQL_OK;
    if (explain->is_tree)
        node_print(&out, explain->statement);
    else
        status = explain_all(prepared, explain, &explainer, err);
    if (status == MQL_OK && buffer_failed(&out))
        status = error_no_memory(err);
    if (status == MQL_OK)
        status = explain->is_json
                     ? add_row(prepared, buffer_slice(&out), err)
                     : add_lines(prepared, buffer_slice(&out), err);
    buffer_free(&out);
    return status;
}
