/* SPDX-License-Identifier: Apache-2.0 */
/* operators.h - the operators, for operators.c; */
#ifndef ENGINE_EXEC_OPERATORS_H
#define ENGINE_EXEC_OPERATORS_H

#include "engine/exec/explain.h"

extern const OperatorKind one_row_operator;
extern const OperatorKind scan_operator;
extern const OperatorKind search_operator;
extern const OperatorKind count_operator;
extern const OperatorKind filter_operator;
extern const OperatorKind sort_operator;
extern const OperatorKind limit_operator;
extern const OperatorKind project_operator;

#endif
