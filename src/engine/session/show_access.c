/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show_access.c - SHOW USERS, ROLES, PRIVILEGES, PRIVILEGE GROUPS and GRANTS.
 *
 * Rows come in the order of their names, whenever each was made: dumps are made
 * of them. Who lacks the privilege to see all sees what is his own. Nothing
 * here prints a verifier.
 */
#include <stdlib.h>

#include "engine/session/access.h"
#include "engine/session/show.h"

static const AccessUser *
own_user(const Prepared *prepared)
{
    return access_user(prepared->version->access, prepared->session->user);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* ---- users ---- */

/* Names of the user's roles, in order, with commas. */
static Value
roles_of(Prepared *prepared, const AccessUser *user)
{
    const char *names[ROLES_MOST];
    uint32_t count = 0;
    Buffer text = BUFFER_INIT;
    for (uint32_t i = 0; i < user->role_count; i++) {
        const AccessRole *role =
            access_role(prepared->version->access, user->roles[i]);
        if (role != NULL)
            names[count++] = role->name;
    }
    qsort(names, count, sizeof *names, compare_names);
    for (uint32_t i = 0; i < count; i++)
        buffer_printf(&text, "%s%s", i > 0 ? ", " : "", names[i]);
    Value value = rows_buffer(prepared, &text);
    buffer_free(&text);
    return value;
}

mql_status
show_users(Prepared *prepared, Error *err)
{
    const Access *access = prepared->version->access;
    const char *names[USERS_MOST];
    bool sees_all = permission_has(prepared, PRIVILEGE_SelectUser);
    for (uint32_t i = 0; i < access->user_count; i++)
        names[i] = access->users[i].name;
    qsort(names, access->user_count, sizeof *names, compare_names);
    for (uint32_t i = 0; i < access->user_count; i++) {
        const AccessUser *user =
            &access->users[access_find_user(access, slice_of(names[i]))];
        if (!sees_all && user->id != prepared->session->user)
            continue;
        const Value row[] = {
            rows_text(prepared, user->name),
            roles_of(prepared, user),
            value_bool(access_is_superuser(access, user->id)),
            value_bool(user->verifier[0] != '\0'),
        };
        TRY(rows_add(prepared, row, err));
    }
    return MQL_OK;
}

/* ---- roles ---- */

/* Positions of the roles in the order of their names. */
static uint32_t
order_roles(const Access *access, const AccessRole *roles[ROLES_MOST])
{
    const char *names[ROLES_MOST];
    for (uint32_t i = 0; i < access->role_count; i++)
        names[i] = access->roles[i].name;
    qsort(names, access->role_count, sizeof *names, compare_names);
    for (uint32_t i = 0; i < access->role_count; i++)
        roles[i] = &access->roles[access_find_role(access, slice_of(names[i]))];
    return access->role_count;
}

/* Whether the user may know about the role. */
static bool
sees_role(const Prepared *prepared, const AccessRole *role)
{
    const AccessUser *user = own_user(prepared);
    return permission_has(prepared, PRIVILEGE_SelectOwnership) ||
           role->id == PUBLIC_ROLE ||
           (user != NULL && access_has_role(user, role->id));
}

static Value
members_of(Prepared *prepared, const AccessRole *role)
{
    const Access *access = prepared->version->access;
    const char *names[USERS_MOST];
    uint32_t count = 0;
    Buffer text = BUFFER_INIT;
    for (uint32_t i = 0; i < access->user_count; i++)
        if (access_has_role(&access->users[i], role->id))
            names[count++] = access->users[i].name;
    qsort(names, count, sizeof *names, compare_names);
    for (uint32_t i = 0; i < count; i++)
        buffer_printf(&text, "%s%s", i > 0 ? ", " : "", names[i]);
    Value value = rows_buffer(prepared, &text);
    buffer_free(&text);
    return role->id == PUBLIC_ROLE ? rows_text(prepared, "everybody") : value;
}

mql_status
show_roles(Prepared *prepared, Error *err)
{
    const AccessRole *roles[ROLES_MOST];
    uint32_t count = order_roles(prepared->version->access, roles);
    for (uint32_t i = 0; i < count; i++) {
        bool is_built_in =
            roles[i]->id == ADMIN_ROLE || roles[i]->id == PUBLIC_ROLE;
        if (!sees_role(prepared, roles[i]))
            continue;
        const Value row[] = {rows_text(prepared, roles[i]->name),
                             members_of(prepared, roles[i]),
                             value_bool(is_built_in)};
        TRY(rows_add(prepared, row, err));
    }
    return MQL_OK;
}

/* ---- privileges ---- */

mql_status
show_privileges(Prepared *prepared, Error *err)
{
    for (const PrivilegeDefinition *one = privilege_list; one->name != NULL;
         one++) {
        const PrivilegeDefinition *group = privilege_definition(one->group);
        if (one->kind != KIND_PRIVILEGE)
            continue;
        const Value row[] = {
            rows_text(prepared, one->name),
            rows_text(prepared, one->number == PRIVILEGE_All
                                    ? "any"
                                    : privilege_level_name(one->level)),
            group != NULL ? rows_text(prepared, group->name) : VALUE_NULL,
            rows_text(prepared, one->help),
        };
        TRY(rows_add(prepared, row, err));
    }
    return MQL_OK;
}

/* Names of the privileges in a set, in the order of privileges.def. */
static Value
set_names(Prepared *prepared, const PrivilegeSet *set)
{
    Buffer text = BUFFER_INIT;
    for (const PrivilegeDefinition *one = privilege_list; one->name != NULL;
         one++)
        if (one->kind == KIND_PRIVILEGE && privilege_in(set, one->number))
            buffer_printf(&text, "%s%s", text.size > 0 ? ", " : "", one->name);
    Value value = rows_buffer(prepared, &text);
    buffer_free(&text);
    return value;
}

static mql_status
add_group_row(Prepared *prepared, const char *name, PrivilegeLevel level,
              bool is_built_in, const PrivilegeSet *set, Error *err)
{
    const Value row[] = {
        rows_text(prepared, name),
        rows_text(prepared, privilege_level_name(level)),
        value_bool(is_built_in),
        set_names(prepared, set),
    };
    return rows_add(prepared, row, err);
}

mql_status
show_privilege_groups(Prepared *prepared, Error *err)
{
    const Access *access = prepared->version->access;
    const char *names[PRIVILEGE_GROUPS_MOST];
    for (const PrivilegeDefinition *one = privilege_list; one->name != NULL;
         one++) {
        PrivilegeSet set = {{0}};
        if (one->kind != KIND_GROUP)
            continue;
        privilege_expand(one->number, LEVEL_CLUSTER, &set);
        TRY(add_group_row(prepared, one->name, one->level, true, &set, err));
    }
    if (!permission_has(prepared, PRIVILEGE_ListPrivilegeGroups))
        return MQL_OK;
    for (uint32_t i = 0; i < access->group_count; i++)
        names[i] = access->groups[i].name;
    qsort(names, access->group_count, sizeof *names, compare_names);
    for (uint32_t i = 0; i < access->group_count; i++) {
        const AccessGroup *group =
            &access->groups[access_find_group(access, slice_of(names[i]))];
        TRY(add_group_row(prepared, group->name,
                          privilege_set_level(&group->privileges), false,
                          &group->privileges, err));
    }
    return MQL_OK;
}

/* ---- grants ---- */

static int
compare_rows(const void *a, const void *b)
{
    const GrantRow *left = a;
    const GrantRow *right = b;
    int order = strcmp(left->role, right->role);
    if (order == 0)
        order = (left->level < right->level) - (left->level > right->level);
    if (order == 0)
        order = strcmp(left->database, right->database);
    if (order == 0)
        order = strcmp(left->object, right->object);
    return order != 0 ? order : strcmp(left->privilege, right->privilege);
}

/* False: the object is not in the version. */
static bool
name_grant(const Version *version, const AccessRole *role,
           const AccessGrant *grant, GrantRow *row)
{
    const AccessGroup *group =
        grant->group != 0 ? access_group(version->access, grant->group) : NULL;
    *row =
        (GrantRow){role->name,
                   group != NULL ? group->name
                                 : privilege_definition(grant->privilege)->name,
                   grant->level, "", ""};
    uint64_t database = grant->object;
    if (grant->level == LEVEL_CLUSTER)
        return true;
    if (grant->level == LEVEL_COLLECTION) {
        const CollectionVersion *found =
            version_collection(version, grant->object);
        if (found == NULL)
            return false;
        row->object = found->collection->name;
        database = found->collection->database;
    }
    const DatabaseDefinition *home = version_database(version, database);
    if (home != NULL)
        row->database = home->name;
    return home != NULL;
}

mql_status
list_grants(Prepared *prepared, const AccessRole *role, GrantRow **rows,
            uint32_t *count, Error *err)
{
    *count = 0;
    *rows = arena_alloc_array(&prepared->exec_arena,
                              role->grant_count + (size_t)1, sizeof **rows);
    if (*rows == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < role->grant_count; i++)
        if (name_grant(prepared->version, role, &role->grants[i],
                       &(*rows)[*count]))
            (*count)++;
    qsort(*rows, *count, sizeof **rows, compare_rows);
    return MQL_OK;
}

static mql_status
add_grant_row(Prepared *prepared, const GrantRow *row, Error *err)
{
    const Value values[] = {
        rows_text(prepared, row->role),
        rows_text(prepared, row->privilege),
        rows_text(prepared, privilege_level_name(row->level)),
        *row->database != '\0' ? rows_text(prepared, row->database)
                               : VALUE_NULL,
        *row->object != '\0' ? rows_text(prepared, row->object) : VALUE_NULL,
    };
    return rows_add(prepared, values, err);
}

static mql_status
show_role_grants(Prepared *prepared, const AccessRole *role, Error *err)
{
    const GrantRow everything = {role->name, "All", LEVEL_CLUSTER, "", ""};
    GrantRow *rows;
    uint32_t count;
    TRY(list_grants(prepared, role, &rows, &count, err));
    if (role->id == ADMIN_ROLE)
        TRY(add_grant_row(prepared, &everything, err));
    for (uint32_t i = 0; i < count; i++)
        TRY(add_grant_row(prepared, &rows[i], err));
    return MQL_OK;
}

static mql_status
refuse_looking(const Prepared *prepared, Error *err)
{
    error_set(err, ERR_INSUFFICIENT_PRIVILEGE,
              "permission denied: privilege SelectOwnership is needed");
    return error_detail(err,
                        "Without it user \"%s\" sees the grants of its own "
                        "roles.",
                        prepared->session->user_name);
}

/* FOR USER: public and the user's own. */
static mql_status
find_shown_user(Prepared *prepared, const Node *name, const AccessUser **user,
                Error *err)
{
    const Access *access = prepared->version->access;
    bool is_own =
        slice_equal(name->text, slice_of(prepared->session->user_name));
    if (!is_own && !permission_has(prepared, PRIVILEGE_SelectOwnership))
        return refuse_looking(prepared, err);
    AccessChange looking = {.prepared = prepared,
                            .access = (Access *)(uintptr_t)access};
    return find_access_user(&looking, name, user, err);
}

static mql_status
find_shown_role(Prepared *prepared, const Node *name, const AccessRole **role,
                Error *err)
{
    AccessChange looking = {.prepared = prepared,
                            .access =
                                (Access *)(uintptr_t)prepared->version->access};
    int32_t found = access_find_role(looking.access, name->text);
    if (found < 0 ? !permission_has(prepared, PRIVILEGE_SelectOwnership)
                  : !sees_role(prepared, &looking.access->roles[found]))
        return refuse_looking(prepared, err);
    return find_access_role(&looking, name, role, err);
}

mql_status
show_grants(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    const AccessRole *roles[ROLES_MOST];
    const AccessUser *user = NULL;
    const AccessRole *only = NULL;
    if (name != NULL && (root->flags & FLAG_USER))
        TRY(find_shown_user(prepared, name, &user, err));
    else if (name != NULL)
        TRY(find_shown_role(prepared, name, &only, err));
    uint32_t count = order_roles(prepared->version->access, roles);
    for (uint32_t i = 0; i < count; i++) {
        const AccessRole *role = roles[i];
        bool is_shown = only != NULL ? role == only : sees_role(prepared, role);
        if (user != NULL)
            is_shown =
                role->id == PUBLIC_ROLE || access_has_role(user, role->id);
        if (is_shown)
            TRY(show_role_grants(prepared, role, err));
    }
    return MQL_OK;
}
