/* SPDX-License-Identifier: Apache-2.0 */
/* login.h - connections of a user, and where passwords come from. */
#ifndef CLI_LOGIN_H
#define CLI_LOGIN_H

#include <stdbool.h>

#include "mql.h"

/* When the terminal is asked for a password. */
typedef enum LoginPrompt {
    LOGIN_ASKS,   /* when one is needed and none was found */
    LOGIN_ALWAYS, /* -W */
    LOGIN_NEVER,  /* -w */
} LoginPrompt;

/*
 * A connection of `user` (NULL: root). Where a password is needed it is that of
 * $MQLPASSWORD, or the user's line "USER:PASSWORD" of the file $MQLPASSFILE
 * (else ~/.mqlpass), which nobody else may read, or what is typed on the
 * terminal without being shown. False, with the failure in `error`.
 */
bool login_connect(mql_db *db, const char *user, LoginPrompt prompt,
                   mql_conn **conn, mql_error *error);

/* Ask for a secret on the terminal: false when there is none. At most
 * PASSWORD_SIZE bytes with the NUL; the caller wipes it. */
#define PASSWORD_SIZE 128
bool login_ask(const char *question, char password[PASSWORD_SIZE]);

#endif
