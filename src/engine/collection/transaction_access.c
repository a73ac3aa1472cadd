/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction_access.c - users, roles and grants: changed with everything else
 * that a transaction changes, and stored entry by entry.
 *
 * A transaction that changes one makes a new value of them all, as with the
 * settings; its commit stores the entries that differ. An object that is
 * dropped takes its grants with it in the same transaction.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/collection/store_internal.h"

#define USER_KIND "user"
#define ROLE_KIND "role"
#define GROUP_KIND "privilege_group"

/* ---- changing ---- */

const Access *
transaction_access(const Transaction *transaction)
{
    return transaction->access != NULL ? transaction->access
                                       : transaction->base->access;
}

bool
transaction_changes_access(const Transaction *transaction)
{
    return transaction->access != NULL;
}

void
transaction_put_access(Transaction *transaction, Access *access)
{
    access_release(transaction->access);
    transaction->access = access;
    transaction->has_definitions = true;
    transaction_touch(transaction);
}

mql_status
transaction_forget_grants(Transaction *transaction, PrivilegeLevel level,
                          uint64_t object, Error *err)
{
    const Access *old = transaction_access(transaction);
    if (!access_mentions(old, level, object))
        return MQL_OK;
    Access *changed = access_create(old);
    if (changed == NULL) {
        transaction->is_failed = true;
        return error_no_memory(err);
    }
    access_forget(changed, level, object);
    transaction_put_access(transaction, changed);
    return MQL_OK;
}

/* ---- storing what differs ---- */

/* Put `now` unless `old` has the same bytes; both are emptied. */
static void
put_if_new(MetaChanges *changes, const char *kind, uint64_t id, Buffer *now,
           Buffer *old)
{
    char key[META_KEY_SIZE];
    meta_key(key, kind, id);
    if (buffer_failed(now) || buffer_failed(old))
        changes->bytes.failed = true;
    else if (!slice_equal(buffer_slice(now), buffer_slice(old)))
        meta_change_put(changes, key, buffer_slice(now));
    buffer_clear(now);
    buffer_clear(old);
}

static void
drop_entry(MetaChanges *changes, const char *kind, uint64_t id)
{
    char key[META_KEY_SIZE];
    meta_key(key, kind, id);
    meta_change_delete(changes, key);
}

static void
meta_of_users(const Access *now, const Access *old, MetaChanges *changes)
{
    Buffer bytes = BUFFER_INIT;
    Buffer before = BUFFER_INIT;
    for (uint32_t i = 0; i < now->user_count; i++) {
        const AccessUser *other = access_user(old, now->users[i].id);
        access_user_encode(&bytes, &now->users[i]);
        if (other != NULL)
            access_user_encode(&before, other);
        put_if_new(changes, USER_KIND, now->users[i].id, &bytes, &before);
    }
    for (uint32_t i = 0; i < old->user_count; i++)
        if (access_user(now, old->users[i].id) == NULL)
            drop_entry(changes, USER_KIND, old->users[i].id);
    buffer_free(&bytes);
    buffer_free(&before);
}

static void
meta_of_roles(const Access *now, const Access *old, MetaChanges *changes)
{
    Buffer bytes = BUFFER_INIT;
    Buffer before = BUFFER_INIT;
    for (uint32_t i = 0; i < now->role_count; i++) {
        const AccessRole *other = access_role(old, now->roles[i].id);
        access_role_encode(&bytes, &now->roles[i]);
        if (other != NULL)
            access_role_encode(&before, other);
        put_if_new(changes, ROLE_KIND, now->roles[i].id, &bytes, &before);
    }
    for (uint32_t i = 0; i < old->role_count; i++)
        if (access_role(now, old->roles[i].id) == NULL)
            drop_entry(changes, ROLE_KIND, old->roles[i].id);
    buffer_free(&bytes);
    buffer_free(&before);
}

static void
meta_of_groups(const Access *now, const Access *old, MetaChanges *changes)
{
    Buffer bytes = BUFFER_INIT;
    Buffer before = BUFFER_INIT;
    for (uint32_t i = 0; i < now->group_count; i++) {
        const AccessGroup *other = access_group(old, now->groups[i].id);
        access_group_encode(&bytes, &now->groups[i]);
        if (other != NULL)
            access_group_encode(&before, other);
        put_if_new(changes, GROUP_KIND, now->groups[i].id, &bytes, &before);
    }
    for (uint32_t i = 0; i < old->group_count; i++)
        if (access_group(now, old->groups[i].id) == NULL)
            drop_entry(changes, GROUP_KIND, old->groups[i].id);
    buffer_free(&bytes);
    buffer_free(&before);
}

void
meta_of_access(const Transaction *transaction, MetaChanges *changes)
{
    const Access *now = transaction->access;
    const Access *old = transaction->base->access;
    if (now == NULL)
        return;
    meta_of_users(now, old, changes);
    meta_of_roles(now, old, changes);
    meta_of_groups(now, old, changes);
}

/* ---- reading ---- */

static mql_status
read_id(Slice key, const char *kind, uint64_t *id, Error *err)
{
    char again[META_KEY_SIZE];
    char text[META_KEY_SIZE] = {0};
    size_t prefix = strlen(kind) + 1;
    if (key.size > prefix && key.size < sizeof text) {
        memcpy(text, key.data, key.size);
        *id = strtoull(text + prefix, NULL, 10);
        meta_key(again, kind, *id);
        if (*id != 0 && slice_equal(key, slice_of(again)))
            return MQL_OK;
    }
    error_set(err, ERR_DATA_CORRUPTED, "damaged entry in the catalogue");
    return error_detail(err, "Wrong key of a %s.", kind);
}

static mql_status
load_user(void *context, Slice key, Slice value, Error *err)
{
    uint64_t id;
    TRY(read_id(key, USER_KIND, &id, err));
    return access_user_decode(context, id, value, err);
}

static mql_status
load_role(void *context, Slice key, Slice value, Error *err)
{
    uint64_t id;
    TRY(read_id(key, ROLE_KIND, &id, err));
    return access_role_decode(context, id, value, err);
}

static mql_status
load_group(void *context, Slice key, Slice value, Error *err)
{
    uint64_t id;
    TRY(read_id(key, GROUP_KIND, &id, err));
    return access_group_decode(context, id, value, err);
}

mql_status
access_load(Meta *meta, const Access **loaded, Error *err)
{
    Access *access = access_create(NULL);
    *loaded = NULL;
    if (access == NULL)
        return error_no_memory(err);
    mql_status status =
        meta_each(meta, GROUP_KIND "/", load_group, access, err);
    if (status == MQL_OK)
        status = meta_each(meta, ROLE_KIND "/", load_role, access, err);
    if (status == MQL_OK)
        status = meta_each(meta, USER_KIND "/", load_user, access, err);
    if (status == MQL_OK)
        status = access_check(access, err);
    if (status == MQL_OK)
        *loaded = access;
    else
        access_release(access);
    return status;
}
