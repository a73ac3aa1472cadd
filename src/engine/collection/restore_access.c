/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_access.c - users, roles and grants of a backup, put beside those of
 * the database that is open.
 *
 * What is here already stays: a user or role of a name that is taken is the one
 * that is here. Roles that are new bring all that was granted to them; those
 * that are here get what was granted on the objects that came, no more.
 */
#include <stdlib.h>

#include "engine/collection/restore_access.h"

typedef struct Joining {
    Transaction *transaction;
    const Access *old;
    const RestoredIds *ids;
    Access *now;                /* being changed */
    uint64_t roles[ROLES_MOST]; /* of the old ones: the id here */
    bool is_new[ROLES_MOST];
    uint64_t groups[PRIVILEGE_GROUPS_MOST];
} Joining;

void
restored_ids_free(RestoredIds *ids)
{
    free(ids->pairs);
    *ids = (RestoredIds){0};
}

mql_status
restored_ids_add(RestoredIds *ids, PrivilegeLevel level, uint64_t old,
                 uint64_t now, bool is_new, Error *err)
{
    if (ids->count == ids->capacity) {
        size_t capacity = ids->capacity == 0 ? 16 : ids->capacity * 2;
        RestoredId *pairs = realloc(ids->pairs, capacity * sizeof *ids->pairs);
        if (pairs == NULL)
            return error_no_memory(err);
        ids->pairs = pairs;
        ids->capacity = capacity;
    }
    ids->pairs[ids->count++] = (RestoredId){level, old, now, is_new};
    return MQL_OK;
}

static const RestoredId *
find_id(const RestoredIds *ids, PrivilegeLevel level, uint64_t old)
{
    for (size_t i = 0; i < ids->count; i++)
        if (ids->pairs[i].level == level && ids->pairs[i].old == old)
            return &ids->pairs[i];
    return NULL;
}

static mql_status
too_many(const char *what, Error *err)
{
    return error_set(err, ERR_LIMIT_EXCEEDED, "there would be too many %s",
                     what);
}

/* ---- groups, roles, users ---- */

static mql_status
join_group(Joining *joining, uint32_t i, Error *err)
{
    const AccessGroup *old = &joining->old->groups[i];
    int32_t here = access_find_group(joining->now, slice_of(old->name));
    if (here >= 0) {
        const AccessGroup *found = &joining->now->groups[here];
        joining->groups[i] = found->id;
        if (memcmp(&found->privileges, &old->privileges,
                   sizeof found->privileges) == 0)
            return MQL_OK;
        return error_set(err, ERR_DUPLICATE_OBJECT,
                         "privilege group \"%s\" is here with other privileges",
                         old->name);
    }
    joining->groups[i] = transaction_new_id(joining->transaction);
    if (!access_add_group(joining->now, joining->groups[i],
                          slice_of(old->name)))
        return too_many("privilege groups", err);
    access_set_group(joining->now, joining->groups[i], old->privileges);
    return MQL_OK;
}

static mql_status
join_role(Joining *joining, uint32_t i, Error *err)
{
    const AccessRole *old = &joining->old->roles[i];
    int32_t here = access_find_role(joining->now, slice_of(old->name));
    joining->is_new[i] = here < 0;
    joining->roles[i] = here < 0 ? transaction_new_id(joining->transaction)
                                 : joining->now->roles[here].id;
    if (here < 0 &&
        !access_add_role(joining->now, joining->roles[i], slice_of(old->name)))
        return too_many("roles", err);
    return MQL_OK;
}

static uint64_t
role_here(const Joining *joining, uint64_t old)
{
    for (uint32_t i = 0; i < joining->old->role_count; i++)
        if (joining->old->roles[i].id == old)
            return joining->roles[i];
    return 0;
}

static mql_status
join_user(Joining *joining, const AccessUser *old, Error *err)
{
    if (access_find_user(joining->now, slice_of(old->name)) >= 0)
        return MQL_OK;
    uint64_t id = transaction_new_id(joining->transaction);
    if (!access_add_user(joining->now, id, slice_of(old->name)))
        return too_many("users", err);
    (void)access_set_verifier(joining->now, id, old->verifier);
    for (uint32_t i = 0; i < old->role_count; i++)
        (void)access_give_role(joining->now, id,
                               role_here(joining, old->roles[i]));
    return MQL_OK;
}

/* ---- grants ---- */

static uint64_t
group_here(const Joining *joining, uint64_t old)
{
    for (uint32_t i = 0; i < joining->old->group_count; i++)
        if (joining->old->groups[i].id == old)
            return joining->groups[i];
    return 0;
}

static mql_status
join_grant(Joining *joining, uint32_t role, AccessGrant grant, Error *err)
{
    bool is_new = joining->is_new[role];
    if (grant.level != LEVEL_CLUSTER) {
        const RestoredId *id = find_id(joining->ids, grant.level, grant.object);
        if (id == NULL)
            return MQL_OK;
        grant.object = id->now;
        is_new = is_new || id->is_new;
    }
    if (!is_new)
        return MQL_OK;
    if (grant.group != 0)
        grant.group = group_here(joining, grant.group);
    return access_grant(joining->now, joining->roles[role], grant, err);
}

static mql_status
join_all(Joining *joining, Error *err)
{
    const Access *old = joining->old;
    for (uint32_t i = 0; i < old->group_count; i++)
        TRY(join_group(joining, i, err));
    for (uint32_t i = 0; i < old->role_count; i++)
        TRY(join_role(joining, i, err));
    for (uint32_t i = 0; i < old->user_count; i++)
        TRY(join_user(joining, &old->users[i], err));
    for (uint32_t i = 0; i < old->role_count; i++)
        for (uint32_t k = 0; k < old->roles[i].grant_count; k++)
            TRY(join_grant(joining, i, old->roles[i].grants[k], err));
    return MQL_OK;
}

/* Whether the backup has what no new database has. */
static bool
has_any(const Access *access)
{
    bool has = access->user_count > 1 || access->role_count > 2 ||
               access->group_count > 0;
    for (uint32_t i = 0; i < access->role_count; i++)
        has = has || access->roles[i].grant_count > 0;
    return has;
}

mql_status
restore_access(Transaction *transaction, const Access *old,
               const RestoredIds *ids, Error *err)
{
    if (!has_any(old))
        return MQL_OK;
    Joining joining = {.transaction = transaction, .old = old, .ids = ids};
    joining.now = access_create(transaction_access(transaction));
    if (joining.now == NULL)
        return error_no_memory(err);
    mql_status status = join_all(&joining, err);
    if (status == MQL_OK)
        transaction_put_access(transaction, joining.now);
    else
        access_release(joining.now);
    return status;
}
