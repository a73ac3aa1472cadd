/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access_encode.c - users, roles and groups as bytes (docs/format/catalog.md),
 * and back. The bytes are as hostile as any file's: names, numbers and counts
 * are checked, order and references too.
 */
#include "base/utf8.h"
#include "engine/catalog/access.h"
#include "engine/catalog/scram.h"

#define ACCESS_VERSION 1u

/* ---- encoding ---- */

void
access_user_encode(Buffer *out, const AccessUser *user)
{
    buffer_append_u8(out, ACCESS_VERSION);
    buffer_append_sized(out, slice_of(user->name));
    buffer_append_sized(out, slice_of(user->verifier));
    buffer_append_u32(out, user->role_count);
    for (uint32_t i = 0; i < user->role_count; i++)
        buffer_append_u64(out, user->roles[i]);
}

void
access_role_encode(Buffer *out, const AccessRole *role)
{
    buffer_append_u8(out, ACCESS_VERSION);
    buffer_append_sized(out, slice_of(role->name));
    buffer_append_u32(out, role->grant_count);
    for (uint32_t i = 0; i < role->grant_count; i++) {
        const AccessGrant *grant = &role->grants[i];
        buffer_append_u8(out, (uint8_t)grant->level);
        buffer_append_u8(out, (uint8_t)grant->privilege);
        buffer_append_u64(out, grant->object);
        buffer_append_u64(out, grant->group);
    }
}

void
access_group_encode(Buffer *out, const AccessGroup *group)
{
    buffer_append_u8(out, ACCESS_VERSION);
    buffer_append_sized(out, slice_of(group->name));
    for (size_t i = 0; i < PRIVILEGE_NUMBERS / 64; i++)
        buffer_append_u64(out, group->privileges.words[i]);
}

/* ---- decoding ---- */

static mql_status
damaged(const char *what, Error *err)
{
    error_set(err, ERR_DATA_CORRUPTED, "damaged entry in the catalogue");
    return error_detail(err, "%s.", what);
}

static bool
is_name(Slice name, size_t most)
{
    return name.size > 0 && name.size <= most &&
           utf8_valid(name.data, name.size, NULL) &&
           memchr(name.data, '\0', name.size) == NULL;
}

static bool
is_done(const Reader *reader)
{
    return !reader->failed && reader_left(reader) == 0;
}

mql_status
access_user_decode(Access *access, uint64_t id, Slice bytes, Error *err)
{
    Reader reader = reader_of(bytes);
    uint8_t version = read_u8(&reader);
    Slice name = read_sized(&reader);
    Slice verifier = read_sized(&reader);
    uint32_t count = read_u32(&reader);
    if (reader.failed || version != ACCESS_VERSION ||
        !is_name(name, USER_NAME_MOST) || count > ROLES_MOST ||
        (verifier.size > 0 && !scram_is_verifier(verifier)))
        return damaged("Wrong user", err);
    access_drop_user(access, id);
    if (!access_add_user(access, id, name))
        return damaged("Too many users", err);
    AccessUser *user = &access->users[access->user_count - 1];
    for (uint32_t i = 0; i < count; i++)
        if (!access_give_role(access, id, read_u64(&reader)))
            return damaged("A role twice", err);
    if (!is_done(&reader))
        return damaged("Wrong user", err);
    if (verifier.size > 0)
        memcpy(user->verifier, verifier.data, verifier.size);
    if (id == ROOT_USER && !access_has_role(user, ADMIN_ROLE))
        return damaged("The user root is not an administrator", err);
    return MQL_OK;
}

static bool
is_grant(const AccessGrant *grant)
{
    const PrivilegeDefinition *known = privilege_definition(grant->privilege);
    if (grant->level > LEVEL_CLUSTER ||
        (grant->object == 0) != (grant->level == LEVEL_CLUSTER))
        return false;
    if (grant->group != 0)
        return grant->privilege == 0;
    return known != NULL && known->kind != KIND_UNBUILT &&
           known->level <= grant->level;
}

mql_status
access_role_decode(Access *access, uint64_t id, Slice bytes, Error *err)
{
    Reader reader = reader_of(bytes);
    uint8_t version = read_u8(&reader);
    Slice name = read_sized(&reader);
    uint32_t count = read_u32(&reader);
    if (reader.failed || version != ACCESS_VERSION ||
        !is_name(name, ROLE_NAME_MOST) || count > GRANTS_MOST)
        return damaged("Wrong role", err);
    if (access_role(access, id) == NULL && !access_add_role(access, id, name))
        return damaged("Too many roles", err);
    for (uint32_t i = 0; i < count; i++) {
        AccessGrant grant = {.level = (PrivilegeLevel)read_u8(&reader)};
        grant.privilege = read_u8(&reader);
        grant.object = read_u64(&reader);
        grant.group = read_u64(&reader);
        if (reader.failed || !is_grant(&grant))
            return damaged("Wrong grant", err);
        TRY(access_grant(access, id, grant, err));
    }
    const AccessRole *role = access_role(access, id);
    if (!is_done(&reader) || role->grant_count != count ||
        !slice_equal(slice_of(role->name), name))
        return damaged("Wrong role", err);
    return MQL_OK;
}

mql_status
access_group_decode(Access *access, uint64_t id, Slice bytes, Error *err)
{
    Reader reader = reader_of(bytes);
    uint8_t version = read_u8(&reader);
    Slice name = read_sized(&reader);
    PrivilegeSet set;
    for (size_t i = 0; i < PRIVILEGE_NUMBERS / 64; i++)
        set.words[i] = read_u64(&reader);
    if (!is_done(&reader) || version != ACCESS_VERSION ||
        !is_name(name, ROLE_NAME_MOST))
        return damaged("Wrong group of privileges", err);
    for (uint32_t number = 0; number < PRIVILEGE_NUMBERS; number++) {
        const PrivilegeDefinition *known = privilege_definition(number);
        if (privilege_in(&set, number) &&
            (known == NULL || known->kind != KIND_PRIVILEGE))
            return damaged("An unknown privilege in a group", err);
    }
    if (!access_add_group(access, id, name))
        return damaged("Too many groups of privileges", err);
    access_set_group(access, id, set);
    return MQL_OK;
}

/* ---- references ---- */

static mql_status
check_role(const Access *access, const AccessRole *role, Error *err)
{
    for (uint32_t i = 0; i < role->grant_count; i++) {
        const AccessGrant *grant = &role->grants[i];
        if (grant->group == 0)
            continue;
        const AccessGroup *group = access_group(access, grant->group);
        if (group == NULL)
            return damaged("A grant of a group that is not there", err);
        if (privilege_set_level(&group->privileges) > grant->level)
            return damaged("A group on an object that is too narrow", err);
    }
    return MQL_OK;
}

mql_status
access_check(const Access *access, Error *err)
{
    for (uint32_t i = 0; i < access->user_count; i++) {
        const AccessUser *user = &access->users[i];
        if (access_find_user(access, slice_of(user->name)) != (int32_t)i)
            return damaged("Two users of one name", err);
        for (uint32_t k = 0; k < user->role_count; k++)
            if (access_role(access, user->roles[k]) == NULL)
                return damaged("A user with a role that is not there", err);
    }
    for (uint32_t i = 0; i < access->role_count; i++) {
        const AccessRole *role = &access->roles[i];
        if (access_find_role(access, slice_of(role->name)) != (int32_t)i)
            return damaged("Two roles of one name", err);
        TRY(check_role(access, role, err));
    }
    for (uint32_t i = 0; i < access->group_count; i++)
        if (access_find_group(access, slice_of(access->groups[i].name)) !=
            (int32_t)i)
            return damaged("Two groups of one name", err);
    return MQL_OK;
}
