/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mark.c - what a session was like when its transaction began, and at each of
 * its savepoints.
 *
 * A transaction's own changes are taken back by the store; SET and USE belong
 * to the session and are kept here, one mark for BEGIN and one for each
 * savepoint, in the same order.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/session/session.h"

mql_status
session_mark(Session *session, Error *err)
{
    SessionMark *mark = calloc(1, sizeof *mark);
    if (mark == NULL)
        return error_no_memory(err);
    mark->older = session->marks;
    mark->database = session->database;
    memcpy(mark->database_name, session->database_name,
           sizeof mark->database_name);
    memcpy(mark->own, session->own, sizeof mark->own);
    session->marks = mark;
    session->mark_count++;
    return MQL_OK;
}

void
session_keep_marks(Session *session, uint32_t count)
{
    while (session->mark_count > count) {
        SessionMark *mark = session->marks;
        session->marks = mark->older;
        session->mark_count--;
        free(mark);
    }
}

void
session_return(Session *session)
{
    const SessionMark *mark = session->marks;
    session->database = mark->database;
    memcpy(session->database_name, mark->database_name,
           sizeof session->database_name);
    memcpy(session->own, mark->own, sizeof session->own);
    settings_settle(session);
}
