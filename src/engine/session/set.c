/* SPDX-License-Identifier: Apache-2.0 */
/* set.c - SET and RESET, for the session and, with GLOBAL, stored for all. */
#include "engine/session/kinds.h"

/* The one value of SET, computed. */
static mql_status
read_set_value(Prepared *prepared, const Node *node, Value *value, Error *err)
{
    if (node->kind == NODE_NAME || node->kind == NODE_DOUBLE_QUOTED) {
        *value = value_text(node->text);
        return MQL_OK;
    }
    Scope none = {.dynamic_column = -1};
    Expr *expr;
    TRY(expr_analyse(node, &none, type_of(TYPE_NULL), &prepared->exec_arena,
                     &expr, err));
    return expr_value(expr, &prepared->execution.run, &prepared->exec_arena,
                      value, err);
}

/* Store settings `first` up to before `end`; `number` NULL: store none. */
static mql_status
store_settings(Prepared *prepared, int first, int end, const int64_t *number,
               Error *err)
{
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    mql_status status = MQL_OK;
    for (int i = first; i < end && status == MQL_OK; i++)
        status =
            transaction_put_setting(transaction, settings[i].name, number, err);
    return prepared_end(prepared, transaction, status, err);
}

static mql_status
warn_local(Session *session)
{
    session_warning(session,
                    "SET LOCAL can only be used in transaction blocks");
    return MQL_OK;
}

static mql_status
set_for_session(Session *session, const Node *root, const Value *value,
                bool is_local, Error *err)
{
    if (is_local && session->transaction == NULL) {
        int setting;
        int64_t number;
        TRY(setting_read(root->text, value, root->position, &setting, &number,
                         err));
        return warn_local(session);
    }
    return setting_set(session, root->text, value, is_local, root->position,
                       err);
}

mql_status
set_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    bool is_local = root->flags & FLAG_LOCAL;
    const Node *node = root->first;
    if (node == NULL || node->next != NULL)
        return error_at(err, ERR_INVALID_PARAMETER, root->position,
                        "SET %.*s takes one value", (int)root->text.size,
                        root->text.data);
    if (node->kind == NODE_DEFAULT)
        return reset_run(prepared, err);
    Value value;
    TRY(read_set_value(prepared, node, &value, err));
    if (!(root->flags & FLAG_GLOBAL))
        return set_for_session(prepared->session, root, &value, is_local, err);
    int setting = 0;
    int64_t number = 0;
    TRY(setting_read(root->text, &value, root->position, &setting, &number,
                     err));
    return store_settings(prepared, setting, setting + 1, &number, err);
}

mql_status
reset_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    bool is_local = root->flags & FLAG_LOCAL;
    int first = 0;
    int end = SETTING_COUNT;
    if (!slice_equal_nocase(root->text, SLICE_LITERAL("all"))) {
        const Value nothing = VALUE_NULL;
        first = setting_find(root->text);
        end = first + 1;
        if (first < 0)
            return setting_set(prepared->session, root->text, &nothing, false,
                               root->position, err);
    }
    if (root->flags & FLAG_GLOBAL)
        return store_settings(prepared, first, end, NULL, err);
    if (is_local && prepared->session->transaction == NULL)
        return warn_local(prepared->session);
    for (int i = first; i < end; i++)
        setting_reset(prepared->session, i, is_local);
    return MQL_OK;
}
