/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.h - who may do what: users, roles, groups of privileges, grants.
 *
 * One immutable value for the whole directory, counted by reference: a change
 * copies it, changes the copy and publishes it with a commit, as definitions
 * are. Grants name objects by id, so they follow a rename and end with the
 * object. The user root and the roles admin and public are always there.
 */
#ifndef ENGINE_CATALOG_ACCESS_H
#define ENGINE_CATALOG_ACCESS_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "base/status.h"
#include "engine/catalog/privilege.h"

#define USERS_MOST 100u
#define ROLES_MOST 10u
#define PRIVILEGE_GROUPS_MOST 64u
#define GRANTS_MOST 16384u /* of one role */
#define USER_NAME_MOST 32u
#define ROLE_NAME_MOST 255u
#define VERIFIER_SIZE 192u

/* Ids that transaction_new_id() never gives. */
#define ROOT_USER (UINT64_C(1) << 63 | 1)
#define ADMIN_ROLE (UINT64_C(1) << 63 | 2)
#define PUBLIC_ROLE (UINT64_C(1) << 63 | 3)

typedef struct AccessUser {
    uint64_t id;
    char name[USER_NAME_MOST + 1];
    char verifier[VERIFIER_SIZE]; /* SCRAM-SHA-256 (scram.h); "": none */
    uint64_t roles[ROLES_MOST];   /* ids; public is every user's anyway */
    uint32_t role_count;
} AccessUser;

/* What is granted: a privilege or built-in group, or a group that was made. */
typedef struct AccessGrant {
    PrivilegeLevel level; /* of the object */
    uint64_t object;      /* its id; 0 for the cluster */
    uint64_t group;       /* id of the group, 0: `privilege` */
    uint32_t privilege;
} AccessGrant;

typedef struct AccessRole {
    uint64_t id;
    char name[ROLE_NAME_MOST + 1];
    AccessGrant *grants; /* sorted, without doubles; malloc'ed */
    uint32_t grant_count;
    uint32_t grant_capacity;
} AccessRole;

typedef struct AccessGroup {
    uint64_t id;
    char name[ROLE_NAME_MOST + 1];
    PrivilegeSet privileges;
} AccessGroup;

typedef struct Access {
    atomic_uint references;
    AccessUser users[USERS_MOST];
    uint32_t user_count;
    AccessRole roles[ROLES_MOST];
    uint32_t role_count;
    AccessGroup groups[PRIVILEGE_GROUPS_MOST];
    uint32_t group_count;
} Access;

/* A copy to change, with one reference; of NULL: what a new database has. NULL:
 * out of memory. */
Access *access_create(const Access *from);
const Access *access_retain(const Access *access); /* NULL is allowed */
void access_release(const Access *access);         /* NULL is allowed */

/* ---- finding: names as they are written, -1: none ---- */

int32_t access_find_user(const Access *access, Slice name);
int32_t access_find_role(const Access *access, Slice name);
int32_t access_find_group(const Access *access, Slice name);
const AccessUser *access_user(const Access *access, uint64_t id);
const AccessRole *access_role(const Access *access, uint64_t id);
const AccessGroup *access_group(const Access *access, uint64_t id);
bool access_has_role(const AccessUser *user, uint64_t role);

/* ---- asking ---- */

/* An object; a collection has its database too. Ids are 0 where there is none.
 */
typedef struct AccessObject {
    PrivilegeLevel level;
    uint64_t database;
    uint64_t collection;
} AccessObject;

/* All that the user may do on the object, by every role of his and public; of a
 * user that is no more: nothing. */
void access_privileges(const Access *access, uint64_t user, AccessObject object,
                       PrivilegeSet *set);
bool access_allows(const Access *access, uint64_t user, Privilege privilege,
                   AccessObject object);
/* Whether nothing is denied to the user: role admin, or All on the cluster. */
bool access_is_superuser(const Access *access, uint64_t user);
/* Whether the role makes superusers of its members. */
bool access_is_superrole(const Access *access, const AccessRole *role);
/* The first of the role's grants that gives any of the privileges on the
 * object: there or on what is around it; NULL: none does. */
const AccessGrant *access_giving(const Access *access, const AccessRole *role,
                                 const PrivilegeSet *privileges,
                                 AccessObject object);
/* Whether the user may do anything at all about the collection. */
bool access_sees_collection(const Access *access, uint64_t user,
                            uint64_t database, uint64_t collection);
/* Whether the user has anything granted on the database itself. */
bool access_sees_database(const Access *access, uint64_t user,
                          uint64_t database);

/* ---- changing a copy; false: it is so already, or there is no room ---- */

bool access_add_user(Access *access, uint64_t id, Slice name);
void access_drop_user(Access *access, uint64_t id);
bool access_set_verifier(Access *access, uint64_t user, const char *verifier);
bool access_add_role(Access *access, uint64_t id, Slice name);
/* Its members lose it. */
void access_drop_role(Access *access, uint64_t id);
bool access_add_group(Access *access, uint64_t id, Slice name);
void access_drop_group(Access *access, uint64_t id);
void access_set_group(Access *access, uint64_t id, PrivilegeSet privileges);
bool access_give_role(Access *access, uint64_t user, uint64_t role);
bool access_take_role(Access *access, uint64_t user, uint64_t role);
/* LIMIT_EXCEEDED, OUT_OF_MEMORY. A grant that is there already is no error. */
mql_status access_grant(Access *access, uint64_t role, AccessGrant grant,
                        Error *err);
bool access_revoke(Access *access, uint64_t role, AccessGrant grant);
/* Whether anything is granted on the object; take it all away. */
bool access_mentions(const Access *access, PrivilegeLevel level,
                     uint64_t object);
void access_forget(Access *access, PrivilegeLevel level, uint64_t object);
/* The widest level that the group may have: the narrowest object it is granted
 * on. LEVEL_CLUSTER when it is granted nowhere; `*is_granted`. */
PrivilegeLevel access_group_room(const Access *access, uint64_t group,
                                 bool *is_granted);

/* ---- the stored form (docs/format/catalog.md), one entry each ---- */

void access_user_encode(Buffer *out, const AccessUser *user);
void access_role_encode(Buffer *out, const AccessRole *role);
void access_group_encode(Buffer *out, const AccessGroup *group);
/* Into `access`, whose built-in ones they replace; decoding checks all but
 * references among them: access_check(). */
mql_status access_user_decode(Access *access, uint64_t id, Slice bytes,
                              Error *err);
mql_status access_role_decode(Access *access, uint64_t id, Slice bytes,
                              Error *err);
mql_status access_group_decode(Access *access, uint64_t id, Slice bytes,
                               Error *err);
/* Every role of a user and every group of a grant is there, no name is twice.
 */
mql_status access_check(const Access *access, Error *err);

#endif
