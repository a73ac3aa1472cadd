/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user.c - CREATE, ALTER and DROP of users and roles.
 *
 * A password is read where it is needed, made a verifier of, and never copied
 * into a message: errors about it name no position, so that no shell prints its
 * line.
 */
#include "engine/catalog/scram.h"
#include "engine/session/access.h"

/* ---- what they share ---- */

mql_status
change_access(Prepared *prepared,
              mql_status (*edit)(AccessChange *change, Error *err), Error *err)
{
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    AccessChange change = {.prepared = prepared,
                           .new_id = transaction_new_id(transaction)};
    change.access = access_create(transaction_access(transaction));
    mql_status status =
        change.access == NULL ? error_no_memory(err) : edit(&change, err);
    if (status == MQL_OK && change.is_changed)
        transaction_put_access(transaction, change.access);
    else
        access_release(change.access);
    return prepared_end(prepared, transaction, status, err);
}

static bool
skip(Prepared *prepared, NodeKind clause, const char *what, const char *how)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    if (node_child(root, clause) == NULL)
        return false;
    session_notice(prepared->session, "%s \"%.*s\" %s, skipping", what,
                   (int)name->text.size, name->text.data, how);
    return true;
}

bool
skip_missing(Prepared *prepared, const char *what)
{
    return skip(prepared, NODE_IF_EXISTS, what, "does not exist");
}

bool
skip_existing(Prepared *prepared, const char *what)
{
    return skip(prepared, NODE_IF_NOT_EXISTS, what, "already exists");
}

mql_status
refuse_existing(const Node *name, const char *what, Error *err)
{
    return error_at(err, ERR_DUPLICATE_OBJECT, name->position,
                    "%s \"%.*s\" already exists", what, (int)name->text.size,
                    name->text.data);
}

static mql_status
missing(const Node *name, const char *what, const Slice *names, uint32_t count,
        Error *err)
{
    error_at(err, ERR_UNDEFINED_OBJECT, name->position,
             "%s \"%.*s\" does not exist", what, (int)name->text.size,
             name->text.data);
    int32_t closest = name_closest(name->text, names, count);
    if (closest >= 0)
        error_hint(err, "Did you mean \"%.*s\"?", (int)names[closest].size,
                   names[closest].data);
    return err->status;
}

mql_status
find_access_user(const AccessChange *change, const Node *name,
                 const AccessUser **user, Error *err)
{
    const Access *access = change->access;
    int32_t found = access_find_user(access, name->text);
    Slice names[USERS_MOST];
    *user = found < 0 ? NULL : &access->users[found];
    if (found >= 0)
        return MQL_OK;
    for (uint32_t i = 0; i < access->user_count; i++)
        names[i] = slice_of(access->users[i].name);
    return missing(name, "user", names, access->user_count, err);
}

mql_status
find_access_role(const AccessChange *change, const Node *name,
                 const AccessRole **role, Error *err)
{
    const Access *access = change->access;
    int32_t found = access_find_role(access, name->text);
    Slice names[ROLES_MOST];
    *role = found < 0 ? NULL : &access->roles[found];
    if (found >= 0)
        return MQL_OK;
    for (uint32_t i = 0; i < access->role_count; i++)
        names[i] = slice_of(access->roles[i].name);
    return missing(name, "role", names, access->role_count, err);
}

/* ---- passwords ---- */

/* The text of a PASSWORD or OLD_PASSWORD; `*is_null`: PASSWORD NULL. */
static mql_status
read_password(const Prepared *prepared, const Node *clause, Slice *password,
              bool *is_null, Error *err)
{
    const Node *node = clause->first;
    *password = node->text;
    *is_null = node->kind == NODE_NULL_VALUE;
    if (node->kind != NODE_PARAMETER)
        return MQL_OK;
    const Value *value = &prepared->parameters[node->integer - 1];
    *is_null = value->is_null;
    if (!value->is_null && value->type.kind != TYPE_VARCHAR)
        return error_set(err, ERR_DATATYPE_MISMATCH, "a password is a text");
    if (!value->is_null)
        *password = value->bytes;
    return MQL_OK;
}

/* The verifier of the statement's new password, "" for NULL. A verifier that is
 * given stays as it is: dumps have them. */
static mql_status
read_verifier(Prepared *prepared, char verifier[VERIFIER_SIZE], Error *err)
{
    const Node *clause = node_child(prepared->statement.root, NODE_PASSWORD);
    const Session *session = prepared->session;
    Slice password;
    bool is_null;
    memset(verifier, 0, VERIFIER_SIZE);
    TRY(read_password(prepared, clause, &password, &is_null, err));
    if (is_null)
        return MQL_OK;
    if (scram_is_verifier(password)) {
        memcpy(verifier, password.data, password.size);
        return MQL_OK;
    }
    if (scram_looks_like_verifier(password)) {
        error_set(err, ERR_INVALID_PARAMETER,
                  "this is not a SCRAM-SHA-256 verifier");
        return error_hint(err,
                          "Its form is PostgreSQL's, with %d to %d iterations.",
                          SCRAM_ITERATIONS_LEAST, SCRAM_ITERATIONS_MOST);
    }
    TRY(scram_check_password(password, err));
    int64_t iterations = session->settings[SETTING_SCRAM_ITERATIONS];
    return scram_make(store_vfs(session->store), password, (uint32_t)iterations,
                      verifier, err);
}

/* ---- users ---- */

static mql_status
create_user(AccessChange *change, Error *err)
{
    Prepared *prepared = change->prepared;
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    char verifier[VERIFIER_SIZE];
    TRY(check_name(name, NAME_OF_USER, "user", err));
    if (name->text.size > USER_NAME_MOST)
        return error_at(err, ERR_NAME_TOO_LONG, name->position,
                        "user name is longer than %u bytes", USER_NAME_MOST);
    TRY(read_verifier(prepared, verifier, err));
    if (access_find_user(change->access, name->text) >= 0)
        return skip_existing(prepared, "user")
                   ? MQL_OK
                   : refuse_existing(name, "user", err);
    if (!access_add_user(change->access, change->new_id, name->text))
        return error_at(err, ERR_LIMIT_EXCEEDED, name->position,
                        "there are at most %u users", USERS_MOST);
    (void)access_set_verifier(change->access, change->new_id, verifier);
    change->is_changed = true;
    return MQL_OK;
}

mql_status
create_user_run(Prepared *prepared, Error *err)
{
    return change_access(prepared, create_user, err);
}

/* A superuser's password and place are other superusers' business. */
static mql_status
check_rank(const AccessChange *change, const AccessUser *user, const char *what,
           Error *err)
{
    if (!access_is_superuser(change->access, user->id))
        return MQL_OK;
    return permission_superuser(change->prepared, what, err);
}

static mql_status
check_old_password(const Prepared *prepared, const AccessUser *user, Error *err)
{
    const Node *clause =
        node_child(prepared->statement.root, NODE_OLD_PASSWORD);
    Slice password;
    bool is_null;
    if (clause == NULL)
        return MQL_OK;
    TRY(read_password(prepared, clause, &password, &is_null, err));
    bool has_none = user->verifier[0] == '\0';
    if (is_null
            ? has_none
            : !has_none && scram_matches(password, slice_of(user->verifier)))
        return MQL_OK;
    return error_set(err, ERR_INVALID_PASSWORD,
                     "password authentication failed for user \"%s\"",
                     user->name);
}

/* One's own password needs the old one; others' the privilege. */
static mql_status
check_alter(const AccessChange *change, const AccessUser *user, Error *err)
{
    const Prepared *prepared = change->prepared;
    bool is_own = user != NULL && user->id == prepared->session->user;
    bool may = permission_has(prepared, PRIVILEGE_UpdateUser);
    if (!may && !is_own) {
        error_set(err, ERR_INSUFFICIENT_PRIVILEGE,
                  "permission denied: privilege UpdateUser is needed");
        return error_hint(err, "GRANT UpdateUser ON CLUSTER TO a role of the "
                               "user.");
    }
    if (user == NULL)
        return MQL_OK;
    if (!may &&
        node_child(prepared->statement.root, NODE_OLD_PASSWORD) == NULL) {
        error_set(err, ERR_INVALID_PASSWORD, "the old password is needed");
        return error_hint(err, "ALTER USER %s PASSWORD '...' REPLACE '...'.",
                          user->name);
    }
    if (!is_own)
        TRY(check_rank(change, user, "alter a superuser", err));
    return check_old_password(prepared, user, err);
}

static mql_status
alter_user(AccessChange *change, Error *err)
{
    Prepared *prepared = change->prepared;
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    char verifier[VERIFIER_SIZE];
    int32_t found = access_find_user(change->access, name->text);
    const AccessUser *user = found < 0 ? NULL : &change->access->users[found];
    TRY(check_alter(change, user, err));
    if (user == NULL && skip_missing(prepared, "user"))
        return MQL_OK;
    TRY(find_access_user(change, name, &user, err));
    TRY(read_verifier(prepared, verifier, err));
    (void)access_set_verifier(change->access, user->id, verifier);
    change->is_changed = true;
    return MQL_OK;
}

mql_status
alter_user_run(Prepared *prepared, Error *err)
{
    return change_access(prepared, alter_user, err);
}

static mql_status
drop_user(AccessChange *change, Error *err)
{
    Prepared *prepared = change->prepared;
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    const AccessUser *user;
    if (access_find_user(change->access, name->text) < 0 &&
        skip_missing(prepared, "user"))
        return MQL_OK;
    TRY(find_access_user(change, name, &user, err));
    if (user->id == ROOT_USER)
        return error_at(err, ERR_DEPENDENT_OBJECTS, name->position,
                        "cannot drop user \"root\" because it is required by "
                        "the database system");
    if (user->id == prepared->session->user)
        return error_at(err, ERR_OBJECT_IN_USE, name->position,
                        "current user cannot be dropped");
    TRY(check_rank(change, user, "drop a superuser", err));
    access_drop_user(change->access, user->id);
    change->is_changed = true;
    return MQL_OK;
}

mql_status
drop_user_run(Prepared *prepared, Error *err)
{
    return change_access(prepared, drop_user, err);
}

/* ---- roles ---- */

static mql_status
create_role(AccessChange *change, Error *err)
{
    Prepared *prepared = change->prepared;
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    TRY(check_name(name, NAME_OF_INDEX, "role", err));
    if (access_find_role(change->access, name->text) >= 0)
        return skip_existing(prepared, "role")
                   ? MQL_OK
                   : refuse_existing(name, "role", err);
    if (!access_add_role(change->access, change->new_id, name->text))
        return error_at(err, ERR_LIMIT_EXCEEDED, name->position,
                        "there are at most %u roles", ROLES_MOST);
    change->is_changed = true;
    return MQL_OK;
}

mql_status
create_role_run(Prepared *prepared, Error *err)
{
    return change_access(prepared, create_role, err);
}

static mql_status
drop_role(AccessChange *change, Error *err)
{
    Prepared *prepared = change->prepared;
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    const AccessRole *role;
    if (access_find_role(change->access, name->text) < 0 &&
        skip_missing(prepared, "role"))
        return MQL_OK;
    TRY(find_access_role(change, name, &role, err));
    if (role->id == ADMIN_ROLE || role->id == PUBLIC_ROLE)
        return error_at(err, ERR_DEPENDENT_OBJECTS, name->position,
                        "cannot drop role \"%s\" because it is required by the "
                        "database system",
                        role->name);
    if (access_is_superrole(change->access, role))
        TRY(permission_superuser(change->prepared,
                                 "drop a role that makes superusers", err));
    access_drop_role(change->access, role->id);
    change->is_changed = true;
    return MQL_OK;
}

mql_status
drop_role_run(Prepared *prepared, Error *err)
{
    return change_access(prepared, drop_role, err);
}
