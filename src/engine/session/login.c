/* SPDX-License-Identifier: Apache-2.0 */
/*
 * login.c - whose session it is.
 *
 * As long as root has no password nobody is asked for one: a session is root's,
 * or that of the user it names. Then a name and its password are needed. With
 * access to the files this is a guard rail and no boundary.
 */
#include <stdio.h>

#include "engine/catalog/scram.h"
#include "engine/session/session.h"

const Access *
session_access(Session *session, const Access **own)
{
    const Version *version = store_version(session->store);
    const Access *committed = access_retain(version->access);
    version_release(version);
    *own = NULL;
    if (session->transaction != NULL &&
        transaction_changes_access(session->transaction))
        *own = access_retain(transaction_access(session->transaction));
    return committed;
}

static mql_status
refuse_login(Slice user, Error *err)
{
    return error_set(err, ERR_INVALID_PASSWORD,
                     "password authentication failed for user \"%.*s\"",
                     (int)user.size, user.data);
}

/* A wrong name and a wrong password take the same time, as far as nobody has
 * asked for more iterations than usual, and the same words. */
static mql_status
check_password(const AccessUser *found, Slice user, const Slice *password,
               Error *err)
{
    uint32_t spent = 0;
    if (found != NULL && found->verifier[0] != '\0') {
        if (scram_matches(*password, slice_of(found->verifier)))
            return MQL_OK;
        spent = scram_iterations(slice_of(found->verifier));
    }
    if (spent < SCRAM_ITERATIONS)
        scram_pretend(*password, SCRAM_ITERATIONS - spent);
    return refuse_login(user, err);
}

static mql_status
check_login(const Access *access, const AccessUser *found, Slice user,
            const Slice *password, Error *err)
{
    const AccessUser *root = access_user(access, ROOT_USER);
    if (password != NULL)
        return check_password(found, user, password, err);
    if (root->verifier[0] != '\0') {
        error_set(err, ERR_INVALID_AUTHORIZATION,
                  "this database needs a user and a password");
        return error_hint(err,
                          "mql -U NAME asks for the password; programs call "
                          "mql_connect_as().");
    }
    return found != NULL ? MQL_OK : refuse_login(user, err);
}

mql_status
session_login(Session *session, Slice user, const Slice *password, Error *err)
{
    const Access *own;
    const Access *access = session_access(session, &own);
    access_release(own);
    int32_t position = access_find_user(access, user);
    const AccessUser *found = position < 0 ? NULL : &access->users[position];
    mql_status status = check_login(access, found, user, password, err);
    if (status == MQL_OK && found != NULL) {
        session->user = found->id;
        snprintf(session->user_name, sizeof session->user_name, "%s",
                 found->name);
    }
    access_release(access);
    return status;
}
