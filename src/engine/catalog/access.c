/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.c - users, roles, groups and grants: life, finding, asking, changing.
 */
#include "engine/catalog/access.h"

#include <stdlib.h>

/* ---- life ---- */

static void
put_name(char *out, Slice name)
{
    memcpy(out, name.data, name.size);
    out[name.size] = '\0';
}

static void
add_built_in(Access *access)
{
    (void)access_add_user(access, ROOT_USER, SLICE_LITERAL("root"));
    (void)access_add_role(access, ADMIN_ROLE, SLICE_LITERAL("admin"));
    (void)access_add_role(access, PUBLIC_ROLE, SLICE_LITERAL("public"));
    (void)access_give_role(access, ROOT_USER, ADMIN_ROLE);
}

/* Every role's grants, in memory of their own. */
static bool
copy_grants(Access *access, const Access *from)
{
    for (uint32_t i = 0; i < from->role_count; i++) {
        const AccessRole *old = &from->roles[i];
        AccessGrant *grants = NULL;
        if (old->grant_count > 0) {
            grants = calloc(old->grant_count, sizeof *grants);
            if (grants == NULL)
                return false;
            memcpy(grants, old->grants, old->grant_count * sizeof *grants);
        }
        AccessRole *role = &access->roles[access->role_count++];
        *role = *old;
        role->grants = grants;
        role->grant_capacity = old->grant_count;
    }
    return true;
}

Access *
access_create(const Access *from)
{
    Access *access = calloc(1, sizeof *access);
    if (access == NULL)
        return NULL;
    atomic_init(&access->references, 1);
    if (from == NULL) {
        add_built_in(access);
        return access;
    }
    memcpy(access->users, from->users, sizeof access->users);
    access->user_count = from->user_count;
    memcpy(access->groups, from->groups, sizeof access->groups);
    access->group_count = from->group_count;
    if (copy_grants(access, from))
        return access;
    access_release(access);
    return NULL;
}

const Access *
access_retain(const Access *access)
{
    /* The counter changes, the value does not. */
    if (access != NULL)
        atomic_fetch_add(&((Access *)(uintptr_t)access)->references, 1);
    return access;
}

void
access_release(const Access *access)
{
    Access *owned = (Access *)(uintptr_t)access;
    if (owned == NULL || atomic_fetch_sub(&owned->references, 1) != 1)
        return;
    for (uint32_t i = 0; i < owned->role_count; i++)
        free(owned->roles[i].grants);
    /* Verifiers are no passwords, but nobody else's business either. */
    explicit_bzero(owned->users, sizeof owned->users);
    free(owned);
}

/* ---- finding ---- */

int32_t
access_find_user(const Access *access, Slice name)
{
    for (uint32_t i = 0; i < access->user_count; i++)
        if (slice_equal(slice_of(access->users[i].name), name))
            return (int32_t)i;
    return -1;
}

int32_t
access_find_role(const Access *access, Slice name)
{
    for (uint32_t i = 0; i < access->role_count; i++)
        if (slice_equal(slice_of(access->roles[i].name), name))
            return (int32_t)i;
    return -1;
}

int32_t
access_find_group(const Access *access, Slice name)
{
    for (uint32_t i = 0; i < access->group_count; i++)
        if (slice_equal(slice_of(access->groups[i].name), name))
            return (int32_t)i;
    return -1;
}

const AccessUser *
access_user(const Access *access, uint64_t id)
{
    for (uint32_t i = 0; i < access->user_count; i++)
        if (access->users[i].id == id)
            return &access->users[i];
    return NULL;
}

const AccessRole *
access_role(const Access *access, uint64_t id)
{
    for (uint32_t i = 0; i < access->role_count; i++)
        if (access->roles[i].id == id)
            return &access->roles[i];
    return NULL;
}

const AccessGroup *
access_group(const Access *access, uint64_t id)
{
    for (uint32_t i = 0; i < access->group_count; i++)
        if (access->groups[i].id == id)
            return &access->groups[i];
    return NULL;
}

bool
access_has_role(const AccessUser *user, uint64_t role)
{
    for (uint32_t i = 0; i < user->role_count; i++)
        if (user->roles[i] == role)
            return true;
    return false;
}

/* ---- grants in order ---- */

static int
compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int
compare_grants(const AccessGrant *a, const AccessGrant *b)
{
    int order = compare_numbers(a->level, b->level);
    if (order == 0)
        order = compare_numbers(a->object, b->object);
    if (order == 0)
        order = compare_numbers(a->group, b->group);
    return order != 0 ? order : compare_numbers(a->privilege, b->privilege);
}

/* Position of the first grant that is not below `grant`. */
static uint32_t
grant_position(const AccessRole *role, const AccessGrant *grant)
{
    uint32_t low = 0;
    uint32_t high = role->grant_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_grants(&role->grants[middle], grant) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
is_granted(const AccessRole *role, const AccessGrant *grant, uint32_t position)
{
    return position < role->grant_count &&
           compare_grants(&role->grants[position], grant) == 0;
}

/* ---- asking ---- */

static void
add_group(const AccessGroup *group, PrivilegeLevel level, PrivilegeSet *set)
{
    for (uint32_t number = 0; number < PRIVILEGE_NUMBERS; number++)
        if (privilege_in(&group->privileges, number))
            privilege_expand(number, level, set);
}

static void
add_grant(const Access *access, const AccessGrant *grant, PrivilegeSet *set)
{
    const AccessGroup *group =
        grant->group != 0 ? access_group(access, grant->group) : NULL;
    if (group != NULL)
        add_group(group, grant->level, set);
    else if (grant->group == 0)
        privilege_expand(grant->privilege, grant->level, set);
}

/* What is granted to the role on exactly this object. */
static void
add_granted(const Access *access, const AccessRole *role, PrivilegeLevel level,
            uint64_t object, PrivilegeSet *set)
{
    const AccessGrant first = {.level = level, .object = object};
    for (uint32_t i = grant_position(role, &first); i < role->grant_count;
         i++) {
        const AccessGrant *grant = &role->grants[i];
        if (grant->level != level || grant->object != object)
            return;
        add_grant(access, grant, set);
    }
}

static void
add_role(const Access *access, const AccessRole *role, AccessObject object,
         PrivilegeSet *set)
{
    if (role == NULL)
        return;
    if (role->id == ADMIN_ROLE)
        privilege_expand(PRIVILEGE_All, LEVEL_CLUSTER, set);
    add_granted(access, role, LEVEL_CLUSTER, 0, set);
    if (object.level <= LEVEL_DATABASE)
        add_granted(access, role, LEVEL_DATABASE, object.database, set);
    if (object.level <= LEVEL_COLLECTION)
        add_granted(access, role, LEVEL_COLLECTION, object.collection, set);
}

void
access_privileges(const Access *access, uint64_t user, AccessObject object,
                  PrivilegeSet *set)
{
    const AccessUser *found = access_user(access, user);
    *set = (PrivilegeSet){{0}};
    if (found == NULL)
        return;
    for (uint32_t i = 0; i < found->role_count; i++)
        add_role(access, access_role(access, found->roles[i]), object, set);
    add_role(access, access_role(access, PUBLIC_ROLE), object, set);
}

bool
access_allows(const Access *access, uint64_t user, Privilege privilege,
              AccessObject object)
{
    PrivilegeSet set;
    access_privileges(access, user, object, &set);
    return privilege_in(&set, privilege);
}

bool
access_is_superuser(const Access *access, uint64_t user)
{
    const AccessUser *found = access_user(access, user);
    if (found != NULL && access_has_role(found, ADMIN_ROLE))
        return true;
    return access_allows(access, user, PRIVILEGE_All,
                         (AccessObject){LEVEL_CLUSTER, 0, 0});
}

bool
access_is_superrole(const Access *access, const AccessRole *role)
{
    PrivilegeSet set = {{0}};
    add_role(access, role, (AccessObject){LEVEL_CLUSTER, 0, 0}, &set);
    return privilege_in(&set, PRIVILEGE_All);
}

/* Whether what is granted on the grant's object holds for `object`. */
static bool
is_around(const AccessGrant *grant, AccessObject object)
{
    if (grant->level < object.level)
        return false;
    return grant->level == LEVEL_CLUSTER ||
           grant->object == (grant->level == LEVEL_DATABASE
                                 ? object.database
                                 : object.collection);
}

const AccessGrant *
access_giving(const Access *access, const AccessRole *role,
              const PrivilegeSet *privileges, AccessObject object)
{
    for (uint32_t i = 0; i < role->grant_count; i++) {
        PrivilegeSet set = {{0}};
        if (!is_around(&role->grants[i], object))
            continue;
        add_grant(access, &role->grants[i], &set);
        for (uint32_t number = 0; number < PRIVILEGE_NUMBERS; number++)
            if (privilege_in(privileges, number) && privilege_in(&set, number))
                return &role->grants[i];
    }
    return NULL;
}

/* Whether anything in the set is about an object of that level. */
static bool
is_about(const PrivilegeSet *set, PrivilegeLevel level)
{
    for (const PrivilegeDefinition *one = privilege_list; one->name != NULL;
         one++)
        if (one->level == level && privilege_in(set, one->number))
            return true;
    return false;
}

bool
access_sees_collection(const Access *access, uint64_t user, uint64_t database,
                       uint64_t collection)
{
    PrivilegeSet set;
    access_privileges(access, user,
                      (AccessObject){LEVEL_COLLECTION, database, collection},
                      &set);
    return is_about(&set, LEVEL_COLLECTION) ||
           privilege_in(&set, PRIVILEGE_ShowCollections) ||
           privilege_in(&set, PRIVILEGE_DropCollection);
}

bool
access_sees_database(const Access *access, uint64_t user, uint64_t database)
{
    PrivilegeSet set;
    access_privileges(access, user, (AccessObject){LEVEL_DATABASE, database, 0},
                      &set);
    return is_about(&set, LEVEL_COLLECTION) || is_about(&set, LEVEL_DATABASE) ||
           privilege_in(&set, PRIVILEGE_ListDatabases);
}

/* ---- changing ---- */

bool
access_add_user(Access *access, uint64_t id, Slice name)
{
    if (access->user_count == USERS_MOST || name.size > USER_NAME_MOST)
        return false;
    AccessUser *user = &access->users[access->user_count++];
    *user = (AccessUser){.id = id};
    put_name(user->name, name);
    return true;
}

void
access_drop_user(Access *access, uint64_t id)
{
    for (uint32_t i = 0; i < access->user_count; i++)
        if (access->users[i].id == id) {
            access->user_count--;
            memmove(&access->users[i], &access->users[i + 1],
                    (access->user_count - i) * sizeof access->users[0]);
            return;
        }
}

bool
access_set_verifier(Access *access, uint64_t user, const char *verifier)
{
    size_t size = strlen(verifier);
    for (uint32_t i = 0; i < access->user_count && size < VERIFIER_SIZE; i++)
        if (access->users[i].id == user) {
            memset(access->users[i].verifier, 0, VERIFIER_SIZE);
            memcpy(access->users[i].verifier, verifier, size);
            return true;
        }
    return false;
}

bool
access_add_role(Access *access, uint64_t id, Slice name)
{
    if (access->role_count == ROLES_MOST || name.size > ROLE_NAME_MOST)
        return false;
    AccessRole *role = &access->roles[access->role_count++];
    *role = (AccessRole){.id = id};
    put_name(role->name, name);
    return true;
}

void
access_drop_role(Access *access, uint64_t id)
{
    for (uint32_t i = 0; i < access->user_count; i++)
        (void)access_take_role(access, access->users[i].id, id);
    for (uint32_t i = 0; i < access->role_count; i++)
        if (access->roles[i].id == id) {
            free(access->roles[i].grants);
            access->role_count--;
            memmove(&access->roles[i], &access->roles[i + 1],
                    (access->role_count - i) * sizeof access->roles[0]);
            return;
        }
}

bool
access_add_group(Access *access, uint64_t id, Slice name)
{
    if (access->group_count == PRIVILEGE_GROUPS_MOST ||
        name.size > ROLE_NAME_MOST)
        return false;
    AccessGroup *group = &access->groups[access->group_count++];
    *group = (AccessGroup){.id = id};
    put_name(group->name, name);
    return true;
}

void
access_drop_group(Access *access, uint64_t id)
{
    for (uint32_t i = 0; i < access->group_count; i++)
        if (access->groups[i].id == id) {
            access->group_count--;
            memmove(&access->groups[i], &access->groups[i + 1],
                    (access->group_count - i) * sizeof access->groups[0]);
            return;
        }
}

void
access_set_group(Access *access, uint64_t id, PrivilegeSet privileges)
{
    for (uint32_t i = 0; i < access->group_count; i++)
        if (access->groups[i].id == id)
            access->groups[i].privileges = privileges;
}

static AccessUser *
own_user(Access *access, uint64_t id)
{
    return (AccessUser *)(uintptr_t)access_user(access, id);
}

static AccessRole *
own_role(Access *access, uint64_t id)
{
    return (AccessRole *)(uintptr_t)access_role(access, id);
}

bool
access_give_role(Access *access, uint64_t user, uint64_t role)
{
    AccessUser *found = own_user(access, user);
    if (found == NULL || access_has_role(found, role) ||
        found->role_count == ROLES_MOST)
        return false;
    found->roles[found->role_count++] = role;
    return true;
}

bool
access_take_role(Access *access, uint64_t user, uint64_t role)
{
    AccessUser *found = own_user(access, user);
    for (uint32_t i = 0; found != NULL && i < found->role_count; i++)
        if (found->roles[i] == role) {
            found->role_count--;
            memmove(&found->roles[i], &found->roles[i + 1],
                    (found->role_count - i) * sizeof found->roles[0]);
            found->roles[found->role_count] = 0;
            return true;
        }
    return false;
}

static mql_status
reserve_grant(AccessRole *role, Error *err)
{
    if (role->grant_count >= GRANTS_MOST)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "role \"%s\" has more than %u grants", role->name,
                         GRANTS_MOST);
    if (role->grant_count < role->grant_capacity)
        return MQL_OK;
    uint32_t capacity = role->grant_count == 0 ? 8 : role->grant_count * 2;
    AccessGrant *grants =
        realloc(role->grants, capacity * sizeof *role->grants);
    if (grants == NULL)
        return error_no_memory(err);
    role->grants = grants;
    role->grant_capacity = capacity;
    return MQL_OK;
}

mql_status
access_grant(Access *access, uint64_t role, AccessGrant grant, Error *err)
{
    AccessRole *found = own_role(access, role);
    if (found == NULL)
        return error_set(err, ERR_UNDEFINED_OBJECT, "the role does not exist");
    uint32_t position = grant_position(found, &grant);
    if (is_granted(found, &grant, position))
        return MQL_OK;
    TRY(reserve_grant(found, err));
    memmove(&found->grants[position + 1], &found->grants[position],
            (found->grant_count - position) * sizeof grant);
    found->grants[position] = grant;
    found->grant_count++;
    return MQL_OK;
}

static void
remove_grant(AccessRole *role, uint32_t position)
{
    role->grant_count--;
    memmove(&role->grants[position], &role->grants[position + 1],
            (role->grant_count - position) * sizeof role->grants[0]);
}

bool
access_revoke(Access *access, uint64_t role, AccessGrant grant)
{
    AccessRole *found = own_role(access, role);
    if (found == NULL)
        return false;
    uint32_t position = grant_position(found, &grant);
    if (!is_granted(found, &grant, position))
        return false;
    remove_grant(found, position);
    return true;
}

static uint32_t
first_on(const AccessRole *role, PrivilegeLevel level, uint64_t object)
{
    const AccessGrant first = {.level = level, .object = object};
    uint32_t position = grant_position(role, &first);
    if (position < role->grant_count && role->grants[position].level == level &&
        role->grants[position].object == object)
        return position;
    return UINT32_MAX;
}

bool
access_mentions(const Access *access, PrivilegeLevel level, uint64_t object)
{
    for (uint32_t i = 0; i < access->role_count; i++)
        if (first_on(&access->roles[i], level, object) != UINT32_MAX)
            return true;
    return false;
}

void
access_forget(Access *access, PrivilegeLevel level, uint64_t object)
{
    for (uint32_t i = 0; i < access->role_count; i++) {
        AccessRole *role = &access->roles[i];
        for (uint32_t position = first_on(role, level, object);
             position != UINT32_MAX; position = first_on(role, level, object))
            remove_grant(role, position);
    }
}

PrivilegeLevel
access_group_room(const Access *access, uint64_t group, bool *has_grants)
{
    PrivilegeLevel room = LEVEL_CLUSTER;
    *has_grants = false;
    for (uint32_t i = 0; i < access->role_count; i++)
        for (uint32_t k = 0; k < access->roles[i].grant_count; k++) {
            const AccessGrant *grant = &access->roles[i].grants[k];
            if (grant->group != group)
                continue;
            *has_grants = true;
            if (grant->level < room)
                room = grant->level;
        }
    return room;
}
