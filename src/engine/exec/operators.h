/* SPDX-License-Identifier: Apache-2.0 */
/* operators.h - the operators, for operators.c; and helpers they share. */
#ifndef ENGINE_EXEC_OPERATORS_H
#define ENGINE_EXEC_OPERATORS_H

#include "engine/exec/exec.h"

extern const OperatorKind one_row_operator;
extern const OperatorKind scan_operator;
extern const OperatorKind search_operator;
extern const OperatorKind count_operator;
extern const OperatorKind filter_operator;
extern const OperatorKind sort_operator;
extern const OperatorKind limit_operator;
extern const OperatorKind project_operator;

/* `indent` blanks. */
void explain_indent(Buffer *out, int indent);

/* " on items", with the partitions. */
void table_title(Buffer *out, const TablePlan *table);

#endif
