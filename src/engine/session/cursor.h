/* SPDX-License-Identifier: Apache-2.0 */
/* cursor.h - the open cursors of a session. */
#ifndef ENGINE_SESSION_CURSOR_H
#define ENGINE_SESSION_CURSOR_H

#include "engine/session/session.h"

#define CURSORS_MOST 100u

typedef enum CursorGroup {
    CURSORS_OF_TRANSACTION, /* opened in the open transaction: at its end */
    CURSORS_OF_SESSION,     /* all of them */
} CursorGroup;

void cursors_close_all(Session *session, CursorGroup group);

#endif
