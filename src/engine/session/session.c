/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - see session.h. */
#include "engine/session/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/session/cursor.h"

mql_status
session_open(Store *store, Session *session, Error *err)
{
    memset(session, 0, sizeof *session);
    session->store = store;
    session->user = ROOT_USER;
    snprintf(session->user_name, sizeof session->user_name, "root");
    atomic_init(&session->cancel, false);
    for (int i = 0; i < SETTING_COUNT; i++)
        setting_reset(session, i, false);
    session_refresh(session);
    mql_status status =
        session_use(session, slice_of(DEFAULT_DATABASE_NAME), -1, err);
    if (status != MQL_OK)
        session_close(session);
    return status;
}

void
session_close(Session *session)
{
    cursors_close_all(session, CURSORS_OF_SESSION);
    transaction_rollback(session->transaction);
    session->transaction = NULL;
    session_keep_marks(session, 0);
    stored_settings_release(session->stored);
    session->stored = NULL;
}

mql_status
session_use(Session *session, Slice name, int64_t position, Error *err)
{
    const Version *version;
    TRY(session_version(session, &version, err));
    const DatabaseDefinition *found = version_find_database(version, name);
    mql_status status = MQL_OK;
    if (found == NULL) {
        status = error_at(err, ERR_INVALID_DATABASE, position,
                          "database \"%.*s\" does not exist", (int)name.size,
                          name.data);
        goto done;
    }
    snprintf(session->database_name, sizeof session->database_name, "%s",
             found->name);
    session->database = found->id;

done:
    version_release(version);
    return status;
}

mql_status
session_require_database(const Session *session, const Version *version,
                         Error *err)
{
    return version_require_database(version, session->database,
                                    session->database_name, err);
}

mql_status
session_version(Session *session, const Version **version, Error *err)
{
    if (session->transaction != NULL)
        return transaction_view(session->transaction, version, err);
    *version = store_version(session->store);
    return MQL_OK;
}

mql_status
session_definitions(Session *session, const Version **version, Error *err)
{
    if (session->transaction != NULL)
        return transaction_definitions(session->transaction, version, err);
    *version = store_version(session->store);
    return MQL_OK;
}

void
session_fail(Session *session)
{
    session->is_failed = session->transaction != NULL;
}

static void
tell(Session *session, const char *severity, const char *format, va_list args)
{
    if (session->notice == NULL)
        return;
    char text[ERROR_TEXT_SIZE];
    vsnprintf(text, sizeof text, format, args);
    session->notice(session->notice_context, severity, text);
}

void
session_notice(Session *session, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell(session, "NOTICE", format, args);
    va_end(args);
}

void
session_warning(Session *session, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell(session, "WARNING", format, args);
    va_end(args);
}
