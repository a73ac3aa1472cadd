/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privilege_group.c - CREATE, ALTER and DROP PRIVILEGE GROUP.
 *
 * A group that is granted changes what its roles may do at once; it never gets
 * a privilege that is about more than the objects it is granted on.
 */
#include "engine/session/access.h"

static mql_status
find_group(const AccessChange *change, const Node *name,
           const AccessGroup **group, Error *err)
{
    const PrivilegeDefinition *built_in = privilege_find(name->text);
    int32_t found = access_find_group(change->access, name->text);
    *group = found < 0 ? NULL : &change->access->groups[found];
    if (found >= 0)
        return MQL_OK;
    if (built_in != NULL && built_in->kind == KIND_GROUP)
        return error_at(err, ERR_WRONG_OBJECT_TYPE, name->position,
                        "privilege group %s is built in", built_in->name);
    return error_at(err, ERR_UNDEFINED_OBJECT, name->position,
                    "privilege group \"%.*s\" does not exist",
                    (int)name->text.size, name->text.data);
}

static bool
is_sql_word(Slice name)
{
    return slice_equal_nocase(name, SLICE_LITERAL("select")) ||
           slice_equal_nocase(name, SLICE_LITERAL("update"));
}

static mql_status
create_group(AccessChange *change, Error *err)
{
    Prepared *prepared = change->prepared;
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    TRY(check_name(name, NAME_ORDINARY, "privilege group", err));
    if (privilege_find(name->text) != NULL || is_sql_word(name->text))
        return refuse_existing(name, "privilege", err);
    if (access_find_group(change->access, name->text) >= 0)
        return skip_existing(prepared, "privilege group")
                   ? MQL_OK
                   : refuse_existing(name, "privilege group", err);
    if (!access_add_group(change->access, change->new_id, name->text))
        return error_at(err, ERR_LIMIT_EXCEEDED, name->position,
                        "there are at most %u privilege groups",
                        PRIVILEGE_GROUPS_MOST);
    change->is_changed = true;
    return MQL_OK;
}

mql_status
create_group_run(Prepared *prepared, Error *err)
{
    return change_access(prepared, create_group, err);
}

/* One privilege by Milvus' name, or SQL's that mean one or two. */
static mql_status
add_member(const Node *name, PrivilegeSet *members, Error *err)
{
    if (slice_equal_nocase(name->text, SLICE_LITERAL("select"))) {
        privilege_add(members, PRIVILEGE_Query);
        privilege_add(members, PRIVILEGE_Search);
        return MQL_OK;
    }
    const PrivilegeDefinition *one =
        slice_equal_nocase(name->text, SLICE_LITERAL("update"))
            ? privilege_definition(PRIVILEGE_Upsert)
            : privilege_find(name->text);
    if (one != NULL && one->kind == KIND_PRIVILEGE &&
        one->number != PRIVILEGE_All) {
        privilege_add(members, one->number);
        return MQL_OK;
    }
    if (one != NULL && one->kind == KIND_UNBUILT)
        return error_at(err, ERR_FEATURE_NOT_SUPPORTED, name->position,
                        "privilege %s is not supported yet", one->name);
    if (one != NULL)
        return error_at(err, ERR_INVALID_GRANT, name->position,
                        "%s cannot be in a privilege group", one->name);
    error_at(err, ERR_UNDEFINED_OBJECT, name->position,
             "unrecognized privilege \"%.*s\"", (int)name->text.size,
             name->text.data);
    return error_hint(err, "SHOW PRIVILEGES lists them.");
}

static mql_status
check_room(const AccessChange *change, const AccessGroup *group,
           const PrivilegeSet *members, const Node *name, Error *err)
{
    bool is_granted;
    PrivilegeLevel room =
        access_group_room(change->access, group->id, &is_granted);
    PrivilegeLevel level = privilege_set_level(members);
    if (!is_granted || level <= room)
        return MQL_OK;
    error_at(err, ERR_INVALID_GRANT, name->position,
             "privilege group \"%s\" is granted on a %s", group->name,
             privilege_level_name(room));
    return error_detail(err, "A privilege about a %s cannot be added.",
                        privilege_level_name(level));
}

static mql_status
alter_group(AccessChange *change, Error *err)
{
    const Node *root = change->prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    const AccessGroup *group;
    PrivilegeSet members = {{0}};
    TRY(find_group(change, name, &group, err));
    for (const Node *member = root->last->first; member != NULL;
         member = member->next)
        TRY(add_member(member, &members, err));
    PrivilegeSet all = group->privileges;
    bool is_add = slice_equal(root->text, SLICE_LITERAL("add"));
    for (uint32_t number = 0; number < PRIVILEGE_NUMBERS; number++)
        if (privilege_in(&members, number) && is_add)
            privilege_add(&all, number);
        else if (privilege_in(&members, number))
            privilege_remove(&all, number);
    TRY(check_room(change, group, &all, name, err));
    access_set_group(change->access, group->id, all);
    change->is_changed = true;
    return MQL_OK;
}

mql_status
alter_group_run(Prepared *prepared, Error *err)
{
    return change_access(prepared, alter_group, err);
}

static mql_status
drop_group(AccessChange *change, Error *err)
{
    Prepared *prepared = change->prepared;
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    const AccessGroup *group;
    bool is_granted;
    if (access_find_group(change->access, name->text) < 0 &&
        skip_missing(prepared, "privilege group"))
        return MQL_OK;
    TRY(find_group(change, name, &group, err));
    (void)access_group_room(change->access, group->id, &is_granted);
    if (is_granted) {
        error_at(err, ERR_DEPENDENT_OBJECTS, name->position,
                 "privilege group \"%s\" is granted", group->name);
        return error_hint(err, "REVOKE it first: SHOW GRANTS says from whom.");
    }
    access_drop_group(change->access, group->id);
    change->is_changed = true;
    return MQL_OK;
}

mql_status
drop_group_run(Prepared *prepared, Error *err)
{
    return change_access(prepared, drop_group, err);
}
