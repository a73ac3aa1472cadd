/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain.h - writing what EXPLAIN says, as lines of text or as JSON.
 *
 * What describes a node says everything once for each form: explain_line() for
 * people, the named values for programs; each does nothing in the other form.
 * Names in JSON follow PostgreSQL's.
 */
#ifndef ENGINE_EXEC_EXPLAIN_H
#define ENGINE_EXEC_EXPLAIN_H

#include "base/buffer.h"
#include "engine/exec/exec.h"

typedef struct Explainer {
    Buffer *out;
    bool is_json;
    int indent;     /* blanks before a line                  */
    bool has_items; /* JSON: what comes next needs a comma   */
} Explainer;

/* ---- text ---- */

/* A line behind the indent; without its end. */
void explain_line(Explainer *explainer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The end of a line. */
void explain_line_end(Explainer *explainer);

/* ---- JSON ---- */

void explain_integer(Explainer *explainer, const char *name, uint64_t value);
void explain_real(Explainer *explainer, const char *name, double value);
void explain_bool(Explainer *explainer, const char *name, bool value);
void explain_text(Explainer *explainer, const char *name, const char *value);

/* An object or a list, '{' or '['; `name` NULL: in a list. */
void explain_open(Explainer *explainer, const char *name, char bracket);
void explain_close(Explainer *explainer, char bracket);

/* ---- both ---- */

/* "Name: value"; the value is moved out of the buffer, which is freed. */
void explain_value(Explainer *explainer, const char *name, Buffer *value);

/* A node that is no operator: "what on whom", an object called "Plan"; what
 * belongs to it follows, then explain_node_end(). */
void explain_node(Explainer *explainer, const char *what, const char *whom);
void explain_node_end(Explainer *explainer);

/* An operator and those below it; `name` as in explain_open(), `operator` NULL:
 * the plan only. */
void operator_explain(Explainer *explainer, const char *name,
                      const PlanNode *plan, const Operator *operator);

/* The same of a node's input. */
void explain_input(Explainer *explainer, const PlanNode *plan,
                   const Operator *operator);

/* ---- helpers of operators ---- */

/* " on items", with the partitions. */
void table_title(Buffer *out, const TablePlan *table);

/* What is read, and about the filter. */
void table_explain(Explainer *explainer, const TablePlan *table,
                   const FilterCounters *counters);

#endif
