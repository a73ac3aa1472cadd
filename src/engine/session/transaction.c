/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction.c - BEGIN, COMMIT, ROLLBACK and savepoints.
 *
 * Between BEGIN and COMMIT every statement works on the session's transaction;
 * without, each is one of its own. After a failure the transaction only waits
 * for ROLLBACK or ROLLBACK TO, as in PostgreSQL: half of what was asked is
 * never committed.
 */
#include <string.h>

#include "engine/session/cursor.h"
#include "engine/session/kinds.h"

/* ---- the words after BEGIN ---- */

/* What a transaction may be called, and what that asks for. */
typedef struct ModeWords {
    const char *words;
    enum {
        MODE_NONE,
        MODE_READ_ONLY,
        MODE_READ_WRITE,
        MODE_SERIALIZABLE,
    } mode;
} ModeWords;

/* Every level gives what REPEATABLE READ promises: one snapshot. */
static const ModeWords modes[] = {
    {"read only", MODE_READ_ONLY},
    {"read write", MODE_READ_WRITE},
    {"isolation level read uncommitted", MODE_NONE},
    {"isolation level read committed", MODE_NONE},
    {"isolation level repeatable read", MODE_NONE},
    {"isolation level serializable", MODE_SERIALIZABLE},
};

/* The next word of `words` is `name`'s; moves past it. */
static bool
take_word(const char **words, const Node *name)
{
    size_t size = strcspn(*words, " ");
    if (name == NULL || !slice_equal_nocase(name->text, (Slice){*words, size}))
        return false;
    *words += size + ((*words)[size] == ' ');
    return true;
}

static const ModeWords *
take_mode(const Node **name)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        const char *left = modes[i].words;
        const Node *at = *name;
        while (*left != '\0' && take_word(&left, at))
            at = at->next;
        if (*left != '\0')
            continue;
        *name = at;
        return &modes[i];
    }
    return NULL;
}

static mql_status
syntax_error(const Node *name, Error *err)
{
    return error_at(err, ERR_SYNTAX_ERROR, name->position,
                    "syntax error at or near \"%.*s\"", (int)name->text.size,
                    name->text.data);
}

/* WORK or TRANSACTION may come first. */
static const Node *
skip_noise(const Node *name)
{
    if (name != NULL &&
        (slice_equal_nocase(name->text, SLICE_LITERAL("work")) ||
         slice_equal_nocase(name->text, SLICE_LITERAL("transaction"))))
        return name->next;
    return name;
}

static mql_status
read_modes(const Node *name, bool *is_read_only, Error *err)
{
    *is_read_only = false;
    while (name != NULL) {
        const Node *first = name;
        const ModeWords *mode = take_mode(&name);
        if (mode == NULL)
            return syntax_error(first, err);
        if (mode->mode == MODE_SERIALIZABLE)
            return error_at(err, ERR_FEATURE_NOT_SUPPORTED, first->position,
                            "isolation level SERIALIZABLE is not supported");
        if (mode->mode != MODE_NONE)
            *is_read_only = mode->mode == MODE_READ_ONLY;
    }
    return MQL_OK;
}

/* COMMIT and ROLLBACK take the noise only. */
static mql_status
no_modes(const Node *name, Error *err)
{
    name = skip_noise(name);
    return name == NULL ? MQL_OK : syntax_error(name, err);
}

/* ---- BEGIN ---- */

static mql_status
begin(Prepared *prepared, const Node *name, Error *err)
{
    Session *session = prepared->session;
    bool is_read_only;
    TRY(read_modes(name, &is_read_only, err));
    if (session->transaction != NULL) {
        session_warning(session, "there is already a transaction in progress");
        return MQL_OK;
    }
    TRY(session_mark(session, err));
    mql_status status = transaction_begin_optimistic(
        session->store, &session->transaction, err);
    if (status != MQL_OK)
        session_keep_marks(session, 0);
    session->is_read_only = is_read_only;
    session->is_failed = false;
    return status;
}

mql_status
begin_run(Prepared *prepared, Error *err)
{
    return begin(prepared, skip_noise(prepared->statement.root->first), err);
}

mql_status
start_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = root->first;
    if (name == NULL)
        return error_at(err, ERR_SYNTAX_ERROR, root->position,
                        "syntax error: START TRANSACTION");
    if (!slice_equal_nocase(name->text, SLICE_LITERAL("transaction")))
        return syntax_error(name, err);
    return begin(prepared, name->next, err);
}

/* ---- COMMIT, ROLLBACK ---- */

/* The statement's own picture of the transaction goes before it. */
static void
forget_view(Prepared *prepared)
{
    version_release(prepared->version);
    prepared->version = NULL;
    prepared->execution.version = NULL;
}

/* The transaction is over: what SET and USE did stays, or goes with it. */
static void
end_marks(Session *session, bool is_committed)
{
    session_keep_marks(session, 1);
    if (!is_committed)
        session_return(session);
    session_keep_marks(session, 0);
    settings_end_local(session);
}

static mql_status
roll_back(Prepared *prepared)
{
    Session *session = prepared->session;
    forget_view(prepared);
    cursors_close_all(session, CURSORS_OF_TRANSACTION);
    transaction_rollback(session->transaction);
    session->transaction = NULL;
    session->is_failed = false;
    end_marks(session, false);
    return MQL_OK;
}

mql_status
commit_run(Prepared *prepared, Error *err)
{
    Session *session = prepared->session;
    TRY(no_modes(prepared->statement.root->first, err));
    if (session->transaction == NULL) {
        session_warning(session, "there is no transaction in progress");
        return MQL_OK;
    }
    if (session->is_failed) {
        prepared->tag = "ROLLBACK";
        return roll_back(prepared);
    }
    Transaction *transaction = session->transaction;
    forget_view(prepared);
    cursors_close_all(session, CURSORS_OF_TRANSACTION);
    session->transaction = NULL;
    const Watch watch = prepared_watch(prepared);
    mql_status status = transaction_commit_watched(transaction, &watch, err);
    end_marks(session, status == MQL_OK);
    return status;
}

mql_status
rollback_run(Prepared *prepared, Error *err)
{
    TRY(no_modes(prepared->statement.root->first, err));
    if (prepared->session->transaction != NULL)
        return roll_back(prepared);
    session_warning(prepared->session, "there is no transaction in progress");
    return MQL_OK;
}

/* ---- savepoints ---- */

static mql_status
need_transaction(const Prepared *prepared, const char *what, Error *err)
{
    if (prepared->session->transaction != NULL)
        return MQL_OK;
    return error_set(err, ERR_NO_TRANSACTION,
                     "%s can only be used in transaction blocks", what);
}

/* One mark for BEGIN, one for each savepoint that is left. */
static void
keep_savepoint_marks(Session *session)
{
    session_keep_marks(session,
                       1 + transaction_savepoint_count(session->transaction));
}

mql_status
savepoint_run(Prepared *prepared, Error *err)
{
    Session *session = prepared->session;
    TRY(need_transaction(prepared, "SAVEPOINT", err));
    TRY(session_mark(session, err));
    mql_status status = transaction_savepoint(
        session->transaction, prepared->statement.root->text, err);
    if (status != MQL_OK)
        session_keep_marks(session, session->mark_count - 1);
    return status;
}

mql_status
release_savepoint_run(Prepared *prepared, Error *err)
{
    Session *session = prepared->session;
    TRY(need_transaction(prepared, "RELEASE SAVEPOINT", err));
    TRY(transaction_release_savepoint(session->transaction,
                                      prepared->statement.root->text, err));
    keep_savepoint_marks(session);
    return MQL_OK;
}

mql_status
rollback_to_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *words = node_child(root, NODE_LIST);
    TRY(no_modes(words == NULL ? NULL : words->first, err));
    TRY(need_transaction(prepared, "ROLLBACK TO SAVEPOINT", err));
    forget_view(prepared);
    cursors_close_all(prepared->session, CURSORS_OF_TRANSACTION);
    Session *session = prepared->session;
    TRY(transaction_rollback_to(session->transaction, root->text, err));
    keep_savepoint_marks(session);
    session_return(session);
    session->is_failed = false;
    return MQL_OK;
}
