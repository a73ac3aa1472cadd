/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - see session.h. */
#include "engine/session/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

mql_status
session_open(Store *store, Session *session, Error *err)
{
    memset(session, 0, sizeof *session);
    session->store = store;
    atomic_init(&session->cancel, false);
    for (int i = 0; i < SETTING_COUNT; i++)
        setting_reset(session, i);
    return session_use(session, slice_of(DEFAULT_DATABASE_NAME), -1, err);
}

void
session_close(Session *session)
{
    free(session->database_name);
    session->database_name = NULL;
}

/* Hint at a database whose name is close. */
static mql_status
database_missing(const Version *version, Slice name, int64_t position,
                 Error *err)
{
    error_at(err, ERR_INVALID_DATABASE, position,
             "database \"%.*s\" does not exist", (int)name.size, name.data);
    for (uint32_t i = 0; i < version->database_count; i++) {
        Slice candidate = slice_of(version->databases[i]->name);
        if (name_closest(name, &candidate, 1) == 0)
            return error_hint(err, "Did you mean \"%s\"?",
                              version->databases[i]->name);
    }
    return err->status;
}

mql_status
session_use(Session *session, Slice name, int64_t position, Error *err)
{
    const Version *version = store_version(session->store);
    const DatabaseDefinition *found = version_find_database(version, name);
    mql_status status = MQL_OK;
    if (found == NULL) {
        status = database_missing(version, name, position, err);
        goto done;
    }
    char *copy = strdup(found->name);
    if (copy == NULL) {
        status = error_no_memory(err);
        goto done;
    }
    free(session->database_name);
    session->database_name = copy;
    session->database = found->id;

done:
    version_release(version);
    return status;
}

void
session_notice(Session *session, const char *format, ...)
{
    if (session->notice == NULL)
        return;
    char text[ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    session->notice(session->notice_context, "NOTICE", text);
}
