/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant.c - GRANT and REVOKE, of roles and of privileges.
 *
 * Words become grants here: a privilege or group by Milvus' name or SQL's, an
 * object by its id. Granting what is granted, and revoking what is not, is no
 * error.
 */
#include "engine/session/access.h"

/* ---- words ---- */

/* SQL's own words; others are names of privileges and groups. */
static const struct {
    const char *word;
    Privilege privileges[2];
} sql_words[] = {
    {"SELECT", {PRIVILEGE_Query, PRIVILEGE_Search}},
    {"UPDATE", {PRIVILEGE_Upsert, PRIVILEGE_None}},
};

static mql_status
unknown_privilege(const AccessChange *change, const Node *name, Error *err)
{
    Slice names[PRIVILEGE_NUMBERS + PRIVILEGE_GROUPS_MOST];
    uint32_t count = 0;
    for (const PrivilegeDefinition *one = privilege_list; one->name != NULL;
         one++)
        if (one->kind != KIND_UNBUILT)
            names[count++] = slice_of(one->name);
    for (uint32_t i = 0; i < change->access->group_count; i++)
        names[count++] = slice_of(change->access->groups[i].name);
    error_at(err, ERR_UNDEFINED_OBJECT, name->position,
             "unrecognized privilege \"%.*s\"", (int)name->text.size,
             name->text.data);
    int32_t closest = name_closest(name->text, names, count);
    if (closest >= 0)
        return error_hint(err, "Did you mean \"%.*s\"?",
                          (int)names[closest].size, names[closest].data);
    return error_hint(err, "SHOW PRIVILEGES lists them.");
}

/* ---- the object ---- */

typedef struct GrantTarget {
    PrivilegeLevel level; /* of the object */
    PrivilegeLevel most;  /* of what can be granted there so */
    uint64_t object;
    uint64_t database; /* it, or the collection's; 0 for the cluster */
} GrantTarget;

static mql_status
find_target(Prepared *prepared, GrantTarget *target, Error *err)
{
    const Node *on = node_child(prepared->statement.root, NODE_GRANT_ON);
    const Node *name = node_child(on, NODE_NAME);
    *target = (GrantTarget){LEVEL_CLUSTER, LEVEL_CLUSTER, 0, 0};
    if (name == NULL)
        return MQL_OK;
    if (slice_equal(on->text, SLICE_LITERAL("collection"))) {
        const CollectionVersion *found;
        TRY(find_collection(prepared, name, &found, err));
        *target =
            (GrantTarget){LEVEL_COLLECTION, LEVEL_COLLECTION,
                          found->collection->id, found->collection->database};
        return MQL_OK;
    }
    const Version *version = prepared->execution.version;
    const DatabaseDefinition *database =
        version_find_database(version, name->text);
    if (database == NULL)
        return database_missing(prepared, version, name, err);
    bool is_of_all =
        slice_equal(on->text, SLICE_LITERAL("collections in database"));
    *target = (GrantTarget){LEVEL_DATABASE,
                            is_of_all ? LEVEL_COLLECTION : LEVEL_DATABASE,
                            database->id, database->id};
    return MQL_OK;
}

/* ---- privileges ---- */

typedef struct Granting {
    AccessChange *change;
    GrantTarget target;
    const AccessRole *role;
    bool is_revoke;
    bool was_granted; /* REVOKE: something was */
} Granting;

static mql_status
apply(Granting *granting, AccessGrant grant, Error *err)
{
    AccessChange *change = granting->change;
    uint64_t role = granting->role->id;
    grant.level = granting->target.level;
    grant.object = granting->target.object;
    if (!granting->is_revoke) {
        change->is_changed = true;
        return access_grant(change->access, role, grant, err);
    }
    if (access_revoke(change->access, role, grant)) {
        granting->was_granted = true;
        change->is_changed = true;
    }
    return MQL_OK;
}

static mql_status
check_level(const Granting *granting, const Node *name, PrivilegeLevel level,
            Error *err)
{
    static const char *const hints[] = {
        "", "It is about a database: GRANT it ON DATABASE, or ON CLUSTER.",
        "It is about everything: GRANT it ON CLUSTER."};
    if (level <= granting->target.most)
        return MQL_OK;
    error_at(err, ERR_INVALID_GRANT, name->position,
             "invalid privilege %.*s for %s", (int)name->text.size,
             name->text.data,
             granting->target.most == granting->target.level
                 ? privilege_level_name(granting->target.level)
                 : "the collections of a database");
    return error_hint(err, "%s", hints[level]);
}

static mql_status
apply_privilege(Granting *granting, const Node *name, Privilege privilege,
                Error *err)
{
    const PrivilegeDefinition *one = privilege_definition(privilege);
    TRY(check_level(granting, name, one->level, err));
    return apply(granting, (AccessGrant){.privilege = privilege}, err);
}

static bool
is_of_collections(const GrantTarget *target)
{
    return target->most < target->level;
}

/* Whether the grant is one that ON the target can make: what is granted ON
 * DATABASE about the database is none of its collections' business. */
static bool
is_on_target(const Granting *granting, const AccessGrant *grant)
{
    const GrantTarget *target = &granting->target;
    if (grant->level != target->level || grant->object != target->object)
        return false;
    if (!is_of_collections(target))
        return true;
    if (grant->group != 0)
        return privilege_set_level(
                   &access_group(granting->change->access, grant->group)
                        ->privileges) <= target->most;
    return grant->privilege != PRIVILEGE_All &&
           privilege_definition(grant->privilege)->level <= target->most;
}

/* REVOKE ALL takes away whatever is granted there. */
static mql_status
apply_all(Granting *granting, Error *err)
{
    AccessChange *change = granting->change;
    if (granting->target.level == LEVEL_CLUSTER)
        TRY(permission_superuser(change->prepared,
                                 granting->is_revoke
                                     ? "revoke ALL on the cluster"
                                     : "grant ALL on the cluster",
                                 err));
    if (!granting->is_revoke)
        /* All on a database would be about the database too. */
        return apply(
            granting,
            (AccessGrant){.privilege = is_of_collections(&granting->target)
                                           ? PRIVILEGE_CollectionAdmin
                                           : PRIVILEGE_All},
            err);
    const AccessRole *role = granting->role;
    for (uint32_t i = role->grant_count; i > 0; i--) {
        AccessGrant grant = role->grants[i - 1];
        if (is_on_target(granting, &grant))
            TRY(apply(granting, grant, err));
    }
    return MQL_OK;
}

static mql_status
apply_group(Granting *granting, const Node *name, Error *err)
{
    const Access *access = granting->change->access;
    int32_t found = access_find_group(access, name->text);
    if (found < 0)
        return unknown_privilege(granting->change, name, err);
    const AccessGroup *group = &access->groups[found];
    TRY(check_level(granting, name, privilege_set_level(&group->privileges),
                    err));
    return apply(granting, (AccessGrant){.group = group->id}, err);
}

static mql_status
apply_word(Granting *granting, const Node *name, Error *err)
{
    for (size_t i = 0; i < sizeof sql_words / sizeof sql_words[0]; i++) {
        if (!slice_equal_nocase(name->text, slice_of(sql_words[i].word)))
            continue;
        TRY(apply_privilege(granting, name, sql_words[i].privileges[0], err));
        if (sql_words[i].privileges[1] == PRIVILEGE_None)
            return MQL_OK;
        return apply_privilege(granting, name, sql_words[i].privileges[1], err);
    }
    const PrivilegeDefinition *one = privilege_find(name->text);
    if (one == NULL)
        return apply_group(granting, name, err);
    if (one->kind == KIND_UNBUILT)
        return error_at(err, ERR_FEATURE_NOT_SUPPORTED, name->position,
                        "privilege %s is not supported yet", one->name);
    if (one->number == PRIVILEGE_All)
        return apply_all(granting, err);
    return apply_privilege(granting, name, one->number, err);
}

/* What the word of a REVOKE means; SELECT is two. */
static void
privileges_of_word(const Granting *granting, Slice word, PrivilegeSet *set)
{
    const Access *access = granting->change->access;
    const PrivilegeDefinition *one = privilege_find(word);
    int32_t group = access_find_group(access, word);
    for (size_t i = 0; i < sizeof sql_words / sizeof sql_words[0]; i++)
        for (int k = 0; k < 2; k++)
            if (slice_equal_nocase(word, slice_of(sql_words[i].word)) &&
                sql_words[i].privileges[k] != PRIVILEGE_None)
                privilege_add(set, sql_words[i].privileges[k]);
    if (one != NULL &&
        (one->kind == KIND_GROUP || one->number == PRIVILEGE_All))
        privilege_expand(one->number, granting->target.most, set);
    else if (one != NULL)
        privilege_add(set, one->number);
    else if (group >= 0)
        *set = access->groups[group].privileges;
}

static bool
is_one(const PrivilegeSet *set)
{
    uint32_t count = 0;
    for (uint32_t number = 0; number < PRIVILEGE_NUMBERS; number++)
        count += privilege_in(set, number);
    return count == 1;
}

/* That nothing was revoked; and by what the role has it all the same. */
static void
notice_not_granted(const Granting *granting, Slice word)
{
    const Access *access = granting->change->access;
    const GrantTarget *target = &granting->target;
    const AccessObject object = {target->level, target->database,
                                 target->object};
    Session *session = granting->change->prepared->session;
    PrivilegeSet set = {{0}};
    privileges_of_word(granting, word, &set);
    const AccessGrant *giving =
        access_giving(access, granting->role, &set, object);
    if (giving == NULL) {
        session_notice(session, "role \"%s\" was not granted %.*s there",
                       granting->role->name, (int)word.size, word.data);
        return;
    }
    const AccessGroup *group = access_group(access, giving->group);
    session_notice(session,
                   "role \"%s\" was not granted %.*s there, but has %s by %s "
                   "on the %s: nothing was revoked",
                   granting->role->name, (int)word.size, word.data,
                   is_one(&set) ? "it" : "all or some of it",
                   group != NULL
                       ? group->name
                       : privilege_definition(giving->privilege)->name,
                   privilege_level_name(giving->level));
}

static mql_status
apply_to_role(Granting *granting, const Node *privileges, Error *err)
{
    if (granting->role->id == ADMIN_ROLE)
        return error_set(err, ERR_INVALID_GRANT,
                         "role \"admin\" has every privilege");
    for (const Node *name = privileges->first; name != NULL;
         name = name->next) {
        granting->was_granted = false;
        TRY(apply_word(granting, name, err));
        if (granting->is_revoke && !granting->was_granted)
            notice_not_granted(granting, name->text);
    }
    return MQL_OK;
}

static mql_status
find_grantee(Granting *granting, const Node *name, Error *err)
{
    const AccessChange *change = granting->change;
    if (access_find_role(change->access, name->text) >= 0 ||
        access_find_user(change->access, name->text) < 0)
        return find_access_role(change, name, &granting->role, err);
    error_at(err, ERR_UNDEFINED_OBJECT, name->position,
             "role \"%.*s\" does not exist", (int)name->text.size,
             name->text.data);
    return error_hint(err,
                      "\"%.*s\" is a user. Privileges go to roles, and roles "
                      "to users: GRANT r TO %.*s.",
                      (int)name->text.size, name->text.data,
                      (int)name->text.size, name->text.data);
}

static mql_status
grant(AccessChange *change, Error *err)
{
    const Node *root = change->prepared->statement.root;
    Granting granting = {.change = change,
                         .is_revoke = root->kind == NODE_REVOKE};
    TRY(find_target(change->prepared, &granting.target, err));
    for (const Node *name = root->last->first; name != NULL;
         name = name->next) {
        TRY(find_grantee(&granting, name, err));
        TRY(apply_to_role(&granting, root->first, err));
    }
    return MQL_OK;
}

mql_status
grant_run(Prepared *prepared, Error *err)
{
    return change_access(prepared, grant, err);
}

/* ---- roles ---- */

static mql_status
check_role(const AccessChange *change, const AccessRole *role, const Node *name,
           Error *err)
{
    if (role->id == PUBLIC_ROLE)
        return error_at(err, ERR_INVALID_GRANT, name->position,
                        "role \"public\" is every user's");
    if (role->id == ADMIN_ROLE)
        return permission_superuser(change->prepared,
                                    "grant or revoke role admin", err);
    if (access_is_superrole(change->access, role))
        return permission_superuser(
            change->prepared, "grant or revoke a role that makes superusers",
            err);
    return MQL_OK;
}

static mql_status
apply_role(AccessChange *change, const AccessRole *role, const Node *name,
           Error *err)
{
    bool is_revoke = change->prepared->statement.root->kind == NODE_REVOKE_ROLE;
    const AccessUser *user;
    TRY(find_access_user(change, name, &user, err));
    if (is_revoke && user->id == ROOT_USER && role->id == ADMIN_ROLE)
        return error_at(err, ERR_DEPENDENT_OBJECTS, name->position,
                        "cannot revoke role \"admin\" from user \"root\"");
    bool is_done = is_revoke
                       ? access_take_role(change->access, user->id, role->id)
                       : access_give_role(change->access, user->id, role->id);
    change->is_changed = change->is_changed || is_done;
    if (is_done)
        return MQL_OK;
    session_notice(change->prepared->session,
                   is_revoke ? "user \"%s\" is not a member of role \"%s\""
                             : "user \"%s\" is already a member of role \"%s\"",
                   user->name, role->name);
    return MQL_OK;
}

static mql_status
grant_role(AccessChange *change, Error *err)
{
    const Node *root = change->prepared->statement.root;
    for (const Node *name = root->first->first; name != NULL;
         name = name->next) {
        const AccessRole *role;
        TRY(find_access_role(change, name, &role, err));
        TRY(check_role(change, role, name, err));
        for (const Node *user = root->last->first; user != NULL;
             user = user->next)
            TRY(apply_role(change, role, user, err));
    }
    return MQL_OK;
}

mql_status
grant_role_run(Prepared *prepared, Error *err)
{
    return change_access(prepared, grant_role, err);
}
