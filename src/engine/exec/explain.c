/* SPDX-License-Identifier: Apache-2.0 */
/* explain.c - lines or JSON, and the tree of operators as either. */
#include "engine/exec/explain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "engine/value/json.h"

#define LINE_MOST 512

static void
append_blanks(Buffer *out, int count)
{
    for (int i = 0; i < count; i++)
        buffer_append_char(out, ' ');
}

/* ---- text ---- */

void
explain_line(Explainer *explainer, const char *format, ...)
{
    if (explainer->is_json)
        return;
    char line[LINE_MOST];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    append_blanks(explainer->out, explainer->indent);
    buffer_append_text(explainer->out, line);
}

void
explain_line_end(Explainer *explainer)
{
    if (!explainer->is_json)
        buffer_append_char(explainer->out, '\n');
}

/* ---- JSON ---- */

/* A comma if one is due, a new line, and the name. */
static void
begin_item(Explainer *explainer, const char *name)
{
    Buffer *out = explainer->out;
    if (explainer->has_items)
        buffer_append_char(out, ',');
    if (explainer->indent > 0)
        buffer_append_char(out, '\n');
    append_blanks(out, explainer->indent);
    explainer->has_items = true;
    if (name == NULL)
        return;
    json_print_string(out, slice_of(name));
    buffer_append_text(out, ": ");
}

void
explain_integer(Explainer *explainer, const char *name, uint64_t value)
{
    if (!explainer->is_json)
        return;
    begin_item(explainer, name);
    buffer_printf(explainer->out, "%" PRIu64, value);
}

void
explain_real(Explainer *explainer, const char *name, double value)
{
    if (!explainer->is_json)
        return;
    begin_item(explainer, name);
    buffer_printf(explainer->out, "%.3f", value);
}

void
explain_bool(Explainer *explainer, const char *name, bool value)
{
    if (!explainer->is_json)
        return;
    begin_item(explainer, name);
    buffer_append_text(explainer->out, value ? "true" : "false");
}

void
explain_text(Explainer *explainer, const char *name, const char *value)
{
    if (!explainer->is_json)
        return;
    begin_item(explainer, name);
    json_print_string(explainer->out, slice_of(value));
}

void
explain_open(Explainer *explainer, const char *name, char bracket)
{
    if (!explainer->is_json)
        return;
    begin_item(explainer, name);
    buffer_append_char(explainer->out, bracket);
    explainer->indent += 2;
    explainer->has_items = false;
}

void
explain_close(Explainer *explainer, char bracket)
{
    if (!explainer->is_json)
        return;
    explainer->indent -= 2;
    explainer->has_items = true;
    buffer_append_char(explainer->out, '\n');
    append_blanks(explainer->out, explainer->indent);
    buffer_append_char(explainer->out, bracket);
}

/* ---- both ---- */

void
explain_value(Explainer *explainer, const char *name, Buffer *value)
{
    if (explainer->is_json) {
        begin_item(explainer, name);
        json_print_string(explainer->out, buffer_slice(value));
    } else {
        Slice text = buffer_slice(value);
        explain_line(explainer, "%s: ", name);
        buffer_append(explainer->out, text.data, text.size);
        explain_line_end(explainer);
    }
    if (buffer_failed(value))
        explainer->out->failed = true;
    buffer_free(value);
}

void
explain_node(Explainer *explainer, const char *what, const char *whom)
{
    explain_line(explainer, "%s on %s", what, whom);
    explain_line_end(explainer);
    explain_open(explainer, "Plan", '{');
    explain_text(explainer, "Node Type", what);
    explain_text(explainer, "Collection", whom);
    if (!explainer->is_json)
        explainer->indent += 2;
}

void
explain_node_end(Explainer *explainer)
{
    explain_close(explainer, '}');
    if (!explainer->is_json)
        explainer->indent -= 2;
}

void
explain_input(Explainer *explainer, const PlanNode *plan,
              const Operator *operator)
{
    explain_open(explainer, "Plans", '[');
    operator_explain(explainer, NULL, plan, operator);
    explain_close(explainer, ']');
}

/* What a run took and gave. */
static void
explain_actual(Explainer *explainer, const Operator *operator)
{
    double time = (double)operator->time / 1000.0;
    bool is_timed = operator->execution->is_timed;
    if (is_timed)
        explain_real(explainer, "Actual Total Time", time);
    explain_integer(explainer, "Actual Rows", operator->rows);
    if (explainer->is_json)
        return;
    buffer_append_text(explainer->out, " (actual ");
    if (is_timed)
        buffer_printf(explainer->out, "time=%.3f ms ", time);
    buffer_printf(explainer->out, "rows=%" PRIu64 ")", operator->rows);
}

void
operator_explain(Explainer *explainer, const char *name, const PlanNode *plan,
                 const Operator *operator)
{
    const OperatorKind *kind = operator_kinds[plan->kind];
    int indent = explainer->indent;
    explain_line(explainer, "%s%s", indent > 0 ? "->  " : "", kind->name);
    explain_open(explainer, name, '{');
    explain_text(explainer, "Node Type", kind->name);
    if (kind->title != NULL && !explainer->is_json)
        kind->title(explainer->out, plan);
    if (operator!= NULL)
        explain_actual(explainer, operator);
    explain_line_end(explainer);
    if (!explainer->is_json)
        explainer->indent += indent > 0 ? 6 : 2;
    if (kind->explain != NULL)
        kind->explain(explainer, plan, operator);
    if (plan->input != NULL)
        explain_input(explainer, plan->input,
                      operator != NULL ? operator->input : NULL);
    explain_close(explainer, '}');
    explainer->indent = indent;
}
