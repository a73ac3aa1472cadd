/* SPDX-License-Identifier: Apache-2.0 */
/* set.c - SET and RESET. */
#include "engine/session/kinds.h"

mql_status
set_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    if (root->flags & FLAG_GLOBAL)
        return planner_unbuilt(root, "SET GLOBAL", err);
    if (root->flags & FLAG_LOCAL)
        return planner_unbuilt(root, "SET LOCAL", err);
    const Node *node = root->first;
    if (node == NULL || node->next != NULL)
        return error_at(err, ERR_INVALID_PARAMETER, root->position,
                        "SET %.*s takes one value", (int)root->text.size,
                        root->text.data);
    if (node->kind == NODE_DEFAULT)
        return reset_run(prepared, err);

    Value value;
    if (node->kind == NODE_NAME || node->kind == NODE_DOUBLE_QUOTED) {
        value = value_text(node->text);
    } else {
        Scope none = {.dynamic_column = -1};
        Expr *expr;
        TRY(expr_analyse(node, &none, type_of(TYPE_NULL), &prepared->exec_arena,
                         &expr, err));
        TRY(expr_value(expr, &prepared->execution.run, &prepared->exec_arena,
                       &value, err));
    }
    return setting_set(prepared->session, root->text, &value, root->position,
                       err);
}

mql_status
reset_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    if (slice_equal_nocase(root->text, SLICE_LITERAL("all"))) {
        for (int i = 0; i < SETTING_COUNT; i++)
            setting_reset(prepared->session, i);
        return MQL_OK;
    }
    int setting = setting_find(root->text);
    if (setting < 0) {
        const Value nothing = VALUE_NULL;
        return setting_set(prepared->session, root->text, &nothing,
                           root->position, err);
    }
    setting_reset(prepared->session, setting);
    return MQL_OK;
}
