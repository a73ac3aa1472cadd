/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show_create_users.c - the statements that make users, roles, groups and
 * grants again, verifiers among them: for superusers, and for dumps.
 *
 * Each is to be run in the database beside it. They come in the order of their
 * names, whenever each was made; root's password last.
 */
#include <stdlib.h>

#include "engine/session/access.h"
#include "engine/session/show.h"

/* What is written while names are gone through. */
typedef struct Writing {
    Prepared *prepared;
    const Version *version;
    const Access *access;
    Buffer text;
} Writing;

static mql_status
write_in(Writing *writing, const char *database, Error *err)
{
    buffer_append_char(&writing->text, ';');
    if (buffer_failed(&writing->text))
        return error_no_memory(err);
    const Value row[] = {
        database == NULL ? VALUE_NULL : rows_text(writing->prepared, database),
        rows_buffer(writing->prepared, &writing->text)};
    return rows_add(writing->prepared, row, err);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* ---- groups, roles, users ---- */

static mql_status
write_group(Writing *writing, const AccessGroup *group, Error *err)
{
    Buffer *text = &writing->text;
    const char *separator = " ADD (";
    buffer_append_text(text, "CREATE PRIVILEGE GROUP ");
    print_name(text, group->name);
    TRY(write_in(writing, NULL, err));
    buffer_append_text(text, "ALTER PRIVILEGE GROUP ");
    print_name(text, group->name);
    for (const PrivilegeDefinition *one = privilege_list; one->name != NULL;
         one++) {
        if (!privilege_in(&group->privileges, one->number))
            continue;
        buffer_printf(text, "%s%s", separator, one->name);
        separator = ", ";
    }
    if (separator[0] == ' ') { /* it is empty */
        buffer_clear(text);
        return MQL_OK;
    }
    buffer_append_char(text, ')');
    return write_in(writing, NULL, err);
}

static mql_status
write_groups(Writing *writing, Error *err)
{
    const Access *access = writing->access;
    const char *names[PRIVILEGE_GROUPS_MOST];
    for (uint32_t i = 0; i < access->group_count; i++)
        names[i] = access->groups[i].name;
    qsort(names, access->group_count, sizeof *names, compare_names);
    for (uint32_t i = 0; i < access->group_count; i++) {
        int32_t found = access_find_group(access, slice_of(names[i]));
        TRY(write_group(writing, &access->groups[found], err));
    }
    return MQL_OK;
}

/* The password of a user as PASSWORD takes it: base64 needs no escapes. */
static void
print_password(Buffer *text, const AccessUser *user)
{
    if (user->verifier[0] == '\0')
        buffer_append_text(text, " PASSWORD NULL");
    else
        buffer_printf(text, " PASSWORD '%s'", user->verifier);
}

static mql_status
write_memberships(Writing *writing, const AccessUser *user, Error *err)
{
    const char *names[ROLES_MOST];
    uint32_t count = 0;
    for (uint32_t i = 0; i < user->role_count; i++) {
        const AccessRole *role = access_role(writing->access, user->roles[i]);
        bool is_usual = user->id == ROOT_USER && user->roles[i] == ADMIN_ROLE;
        if (role != NULL && !is_usual)
            names[count++] = role->name;
    }
    qsort(names, count, sizeof *names, compare_names);
    for (uint32_t i = 0; i < count; i++) {
        buffer_append_text(&writing->text, "GRANT ROLE ");
        print_name(&writing->text, names[i]);
        buffer_append_text(&writing->text, " TO ");
        print_name(&writing->text, user->name);
        TRY(write_in(writing, NULL, err));
    }
    return MQL_OK;
}

static mql_status
write_user(Writing *writing, const AccessUser *user, Error *err)
{
    if (user->id != ROOT_USER) {
        buffer_append_text(&writing->text, "CREATE USER ");
        print_name(&writing->text, user->name);
        print_password(&writing->text, user);
        TRY(write_in(writing, NULL, err));
    }
    return write_memberships(writing, user, err);
}

static mql_status
write_users(Writing *writing, Error *err)
{
    const Access *access = writing->access;
    const char *names[USERS_MOST];
    for (uint32_t i = 0; i < access->user_count; i++)
        names[i] = access->users[i].name;
    qsort(names, access->user_count, sizeof *names, compare_names);
    for (uint32_t i = 0; i < access->user_count; i++) {
        int32_t found = access_find_user(access, slice_of(names[i]));
        TRY(write_user(writing, &access->users[found], err));
    }
    return MQL_OK;
}

static uint32_t
sort_roles(const Access *access, const char *names[ROLES_MOST])
{
    for (uint32_t i = 0; i < access->role_count; i++)
        names[i] = access->roles[i].name;
    qsort(names, access->role_count, sizeof *names, compare_names);
    return access->role_count;
}

static mql_status
write_roles(Writing *writing, Error *err)
{
    const char *names[ROLES_MOST];
    uint32_t count = sort_roles(writing->access, names);
    for (uint32_t i = 0; i < count; i++) {
        int32_t found = access_find_role(writing->access, slice_of(names[i]));
        uint64_t id = writing->access->roles[found].id;
        if (id == ADMIN_ROLE || id == PUBLIC_ROLE)
            continue;
        buffer_append_text(&writing->text, "CREATE ROLE ");
        print_name(&writing->text, names[i]);
        TRY(write_in(writing, NULL, err));
    }
    return MQL_OK;
}

/* ---- grants ---- */

static mql_status
write_grant(Writing *writing, const GrantRow *row, Error *err)
{
    Buffer *text = &writing->text;
    buffer_append_text(text, "GRANT ");
    if (privilege_find(slice_of(row->privilege)) != NULL)
        buffer_append_text(text, row->privilege);
    else
        print_name(text, row->privilege);
    buffer_append_text(text, " ON ");
    if (row->level == LEVEL_CLUSTER)
        buffer_append_text(text, "CLUSTER");
    if (row->level == LEVEL_DATABASE) {
        buffer_append_text(text, "DATABASE ");
        print_name(text, row->database);
    }
    if (row->level == LEVEL_COLLECTION) {
        buffer_append_text(text, "COLLECTION ");
        print_name(text, row->object);
    }
    buffer_append_text(text, " TO ROLE ");
    print_name(text, row->role);
    return write_in(writing,
                    row->level == LEVEL_COLLECTION ? row->database : NULL, err);
}

static mql_status
write_grants(Writing *writing, Error *err)
{
    const char *names[ROLES_MOST];
    uint32_t count = sort_roles(writing->access, names);
    for (uint32_t i = 0; i < count; i++) {
        int32_t found = access_find_role(writing->access, slice_of(names[i]));
        GrantRow *rows;
        uint32_t row_count;
        TRY(list_grants(writing->prepared, &writing->access->roles[found],
                        &rows, &row_count, err));
        for (uint32_t k = 0; k < row_count; k++)
            TRY(write_grant(writing, &rows[k], err));
    }
    return MQL_OK;
}

static mql_status
write_root(Writing *writing, Error *err)
{
    const AccessUser *root = access_user(writing->access, ROOT_USER);
    if (root->verifier[0] == '\0')
        return MQL_OK;
    buffer_append_text(&writing->text, "ALTER USER root");
    print_password(&writing->text, root);
    return write_in(writing, NULL, err);
}

static mql_status
write_all(Writing *writing, Error *err)
{
    TRY(write_groups(writing, err));
    TRY(write_roles(writing, err));
    TRY(write_users(writing, err));
    TRY(write_grants(writing, err));
    return write_root(writing, err);
}

mql_status
show_create_users(Prepared *prepared, Error *err)
{
    const Version *version = prepared->version;
    Writing writing = {.prepared = prepared,
                       .version = version,
                       .access = version->access,
                       .text = BUFFER_INIT};
    mql_status status = write_all(&writing, err);
    buffer_free(&writing.text);
    return status;
}
