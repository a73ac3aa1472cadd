/* SPDX-License-Identifier: Apache-2.0 */
/* permission.c - see permission.h. */
#include "engine/session/permission.h"

#include "engine/session/kinds.h"
#include "engine/session/row_reads.h"

typedef struct Asking {
    Prepared *prepared;
    const Version *version;
} Asking;

/* ---- what is asked for ---- */

static mql_status
ask(const Asking *asking, AccessObject object, Privilege privilege,
    const char *name, int64_t position, Error *err)
{
    Prepared *prepared = asking->prepared;
    Asked *asked = arena_new(&prepared->plan_arena, Asked);
    char *copy = name == NULL
                     ? NULL
                     : arena_copy(&prepared->plan_arena, name, strlen(name));
    if (asked == NULL || (name != NULL && copy == NULL))
        return error_no_memory(err);
    *asked = (Asked){.object = object,
                     .privilege = privilege,
                     .name = copy,
                     .position = position};
    Asked **link = &prepared->asked;
    while (*link != NULL)
        link = &(*link)->next;
    *link = asked;
    return MQL_OK;
}

static mql_status
ask_cluster(const Asking *asking, Privilege privilege, const Node *node,
            Error *err)
{
    return ask(asking, (AccessObject){LEVEL_CLUSTER, 0, 0}, privilege, NULL,
               node->position, err);
}

static mql_status
ask_database(const Asking *asking, uint64_t id, Privilege privilege,
             int64_t position, Error *err)
{
    const DatabaseDefinition *database = version_database(asking->version, id);
    if (database == NULL)
        return MQL_OK; /* nothing to do anything with: the statement says so */
    return ask(asking, (AccessObject){LEVEL_DATABASE, id, 0}, privilege,
               database->name, position, err);
}

static mql_status
ask_named(const Asking *asking, const Node *name, Privilege privilege,
          Error *err)
{
    const DatabaseDefinition *database =
        version_find_database(asking->version, name->text);
    if (database == NULL)
        return MQL_OK;
    return ask_database(asking, database->id, privilege, name->position, err);
}

/* The collection that a NAME or INDEX_ON means, and which of its names that is;
 * NULL: none, the statement says so. */
static const Collection *
find_called(const Asking *asking, const Node *name, const char **as)
{
    const CollectionVersion *found =
        name == NULL ? NULL
                     : version_find_called(asking->version,
                                           asking->prepared->session->database,
                                           name->text, as);
    return found == NULL ? NULL : found->collection;
}

static const Collection *
named_collection(const Asking *asking, const Node *name)
{
    const char *as;
    return find_called(asking, name, &as);
}

/* A refusal calls it what the statement did: an alias may be all that the user
 * knows of it. */
static mql_status
ask_by_name(const Asking *asking, const Node *name, Privilege privilege,
            Error *err)
{
    const char *as;
    const Collection *collection = find_called(asking, name, &as);
    if (collection == NULL)
        return MQL_OK;
    return ask(
        asking,
        (AccessObject){LEVEL_COLLECTION, collection->database, collection->id},
        privilege, as, name->position, err);
}

/* The node that names a statement's collection. */
static const Node *
collection_name(const Node *node)
{
    const Node *on = node_child(node, NODE_INDEX_ON);
    return on != NULL ? on : node_child(node, NODE_NAME);
}

static mql_status
ask_each(const Asking *asking, const Node *node, Asks asks, Error *err)
{
    for (const Node *name = node->first; name != NULL; name = name->next) {
        const Collection *collection = NULL;
        if (name->kind == NODE_NAME)
            collection = named_collection(asking, name);
        if (collection == NULL)
            continue;
        if (asks.rule == ASKS_COLLECTIONS)
            TRY(ask_by_name(asking, name, asks.privilege, err));
        else
            TRY(ask_database(asking, collection->database, asks.privilege,
                             name->position, err));
    }
    return MQL_OK;
}

/* One that the user does not see counts as one that is not there. */
static mql_status
ask_if_seen(const Asking *asking, const Collection *collection,
            Privilege privilege, int64_t position, Error *err)
{
    Asked **last = &asking->prepared->asked;
    while (*last != NULL)
        last = &(*last)->next;
    TRY(ask(
        asking,
        (AccessObject){LEVEL_COLLECTION, collection->database, collection->id},
        privilege, collection->name, position, err));
    (*last)->is_if_seen = true;
    return MQL_OK;
}

/* Every collection of the database that has an index of that name: which one is
 * meant, if one is, comes later (find_named_index()). */
static mql_status
ask_index(const Asking *asking, const Node *node, Privilege privilege,
          Error *err)
{
    const Node *name = node_child(node, NODE_INDEX_NAME);
    if (name == NULL || node_child(node, NODE_INDEX_ON) != NULL)
        return ask_by_name(asking, collection_name(node), privilege, err);
    for (uint32_t i = 0; i < asking->version->collection_count; i++) {
        const Collection *collection =
            asking->version->collections[i]->collection;
        if (collection->database == asking->prepared->session->database &&
            collection_find_index(collection, name->text) >= 0)
            TRY(ask_if_seen(asking, collection, privilege, name->position,
                            err));
    }
    return MQL_OK;
}

static mql_status
ask_rule(const Asking *asking, const Node *node, Asks asks, Error *err)
{
    const Node *name = collection_name(node);
    uint64_t database = asking->prepared->session->database;
    switch (asks.rule) {
    case ASKS_NOTHING:
        return MQL_OK;
    case ASKS_CLUSTER:
        return ask_cluster(asking, asks.privilege, node, err);
    case ASKS_DATABASE:
        return ask_database(asking, database, asks.privilege, node->position,
                            err);
    case ASKS_NAMED:
        return ask_named(asking, name, asks.privilege, err);
    case ASKS_COLLECTION:
        return ask_by_name(asking, name, asks.privilege, err);
    case ASKS_COLLECTIONS:
    case ASKS_HOME:
        return ask_each(asking, node, asks, err);
    case ASKS_ANY:
        if (name == NULL)
            return ask_database(asking, database, asks.privilege,
                                node->position, err);
        return ask_by_name(asking, name, asks.privilege, err);
    case ASKS_INDEX:
        return ask_index(asking, node, asks.privilege, err);
    }
    return MQL_OK;
}

/* ---- clauses that ask for more, or for something else ---- */

static mql_status
ask_change(const Asking *asking, const Node *node, Error *err)
{
    const Node *name = node_child(node, NODE_NAME);
    const Node *conflict = node_child(node, NODE_ON_CONFLICT);
    const Collection *collection = named_collection(asking, name);
    if (collection == NULL)
        return MQL_OK;
    if (node_child(node, NODE_RETURNING) != NULL ||
        statement_reads_rows(node, collection))
        TRY(ask_by_name(asking, name, PRIVILEGE_Query, err));
    if (conflict != NULL && node_child(conflict, NODE_DO_UPDATE) != NULL)
        TRY(ask_by_name(asking, name, PRIVILEGE_Upsert, err));
    return MQL_OK;
}

static mql_status
ask_alter_collection(const Asking *asking, const Node *node, Error *err)
{
    const Node *name = node_child(node, NODE_NAME);
    const Collection *collection = named_collection(asking, name);
    if (collection == NULL)
        return MQL_OK;
    if (node_child(node, NODE_ALTER_RENAME) != NULL)
        return ask_cluster(asking, PRIVILEGE_RenameCollection, name, err);
    if (node_child(node, NODE_ALTER_ADD) != NULL)
        return ask_by_name(asking, name, PRIVILEGE_AddCollectionField, err);
    return ask_database(asking, collection->database,
                        PRIVILEGE_CreateCollection, name->position, err);
}

/* All of everything: for what reads or writes past every grant. */
static mql_status
ask_all(const Asking *asking, const Node *node, Error *err)
{
    return ask_cluster(asking, PRIVILEGE_All, node, err);
}

static mql_status
ask_clause(const Asking *asking, const Node *node, Error *err)
{
    const Node *name = node_child(node, NODE_NAME);
    switch (node->kind) {
    case NODE_FROM:
        return ask_by_name(asking, name, PRIVILEGE_Query, err);
    case NODE_LIKE_COLLECTION:
        return ask_by_name(asking, name, PRIVILEGE_DescribeCollection, err);
    case NODE_INSERT:
    case NODE_UPSERT:
    case NODE_UPDATE:
    case NODE_DELETE:
        return ask_change(asking, node, err);
    case NODE_COPY_FROM:
        return ask_by_name(asking, name,
                           node_child(node, NODE_STDIN) != NULL
                               ? PRIVILEGE_Insert
                               : PRIVILEGE_Import,
                           err);
    case NODE_ALTER_COLLECTION:
        return ask_alter_collection(asking, node, err);
    case NODE_DROP_DATABASE:
        if (node_child(node, NODE_CASCADE) == NULL)
            return MQL_OK;
        return ask_named(asking, name, PRIVILEGE_DropCollection, err);
    case NODE_FLUSH:
        if (name == NULL)
            return ask_cluster(asking, PRIVILEGE_FlushAll, node, err);
        return ask_by_name(asking, name, PRIVILEGE_Flush, err);
    case NODE_CHECK:
        if (name == NULL)
            return ask_all(asking, node, err);
        return ask_by_name(asking, name, PRIVILEGE_GetStatistics, err);
    case NODE_SET:
    case NODE_RESET:
        if (node->flags & FLAG_GLOBAL)
            return ask_all(asking, node, err);
        return MQL_OK;
    case NODE_DESCRIBE:
        return ask_by_name(asking, name,
                           node_child(node, NODE_INDEX_NAME) != NULL
                               ? PRIVILEGE_IndexDetail
                               : PRIVILEGE_DescribeCollection,
                           err);
    case NODE_SHOW:
        return ask_rule(asking, node, show_asks(node), err);
    default:
        return MQL_OK;
    }
}

/* Recursion is bounded by NODE_DEPTH_MOST; what has no children asks nothing
 * unless it is the statement itself. */
static mql_status
ask_tree(const Asking *asking, const Node *node, Error *err)
{
    const StatementKind *kind = statement_kind(node->kind);
    if (kind != NULL)
        TRY(ask_rule(asking, node, (Asks){kind->asks, kind->privilege}, err));
    TRY(ask_clause(asking, node, err));
    for (const Node *child = node->first; child != NULL; child = child->next)
        if (child->first != NULL)
            TRY(ask_tree(asking, child, err));
    return MQL_OK;
}

/* ---- whether the user has it ---- */

/*
 * A transaction that has changed users or grants has its own picture of them,
 * and the newest committed one counts too: a REVOKE must not be outlasted. What
 * is not committed, and so cannot be granted to others, is decided by the
 * transaction's picture alone: objects that it has made, and grants that it has
 * made by a right that still stands.
 */
static const Version *
version_it_began_with(const Prepared *prepared)
{
    const Transaction *transaction = prepared->session->transaction;
    return transaction == NULL ? NULL : transaction_version(transaction);
}

static bool
is_made_here(const Prepared *prepared, AccessObject object)
{
    const Version *began = version_it_began_with(prepared);
    if (began == NULL || object.level == LEVEL_CLUSTER)
        return false;
    if (object.level == LEVEL_COLLECTION)
        return version_collection(began, object.collection) == NULL;
    return version_database(began, object.database) == NULL;
}

/* Whether the user may GRANT, as it is committed. */
static bool
manages(const Prepared *prepared)
{
    return access_allows(prepared->access, prepared->session->user,
                         PRIVILEGE_ManageOwnership,
                         (AccessObject){LEVEL_CLUSTER, 0, 0});
}

static bool
is_own_grant(const Prepared *prepared, Privilege privilege, AccessObject object)
{
    const Version *began = version_it_began_with(prepared);
    return began != NULL && privilege != PRIVILEGE_All && manages(prepared) &&
           !access_allows(began->access, prepared->session->user, privilege,
                          object);
}

static bool
is_allowed(const Prepared *prepared, Privilege privilege, AccessObject object)
{
    uint64_t user = prepared->session->user;
    bool is_committed =
        access_allows(prepared->access, user, privilege, object);
    if (prepared->own_access == NULL)
        return is_committed;
    return access_allows(prepared->own_access, user, privilege, object) &&
           (is_committed || is_made_here(prepared, object) ||
            is_own_grant(prepared, privilege, object));
}

static bool
sees_collection(const Prepared *prepared, AccessObject object)
{
    const Access *own = prepared->own_access;
    uint64_t user = prepared->session->user;
    bool is_seen = access_sees_collection(prepared->access, user,
                                          object.database, object.collection);
    if (own == NULL)
        return is_seen;
    return access_sees_collection(own, user, object.database,
                                  object.collection) &&
           (is_seen || is_made_here(prepared, object) || manages(prepared));
}

static mql_status
refuse(const Session *session, const Asked *asked, Error *err)
{
    const char *privilege = privilege_definition(asked->privilege)->name;
    PrivilegeLevel level = asked->object.level;
    if (level == LEVEL_CLUSTER && asked->privilege == PRIVILEGE_All) {
        error_at(err, ERR_INSUFFICIENT_PRIVILEGE, asked->position,
                 "permission denied: must be superuser");
        error_detail(err, "User \"%s\" is not.", session->user_name);
        return error_hint(err, "GRANT ROLE admin TO %s makes the user one.",
                          session->user_name);
    }
    if (level == LEVEL_CLUSTER)
        error_at(err, ERR_INSUFFICIENT_PRIVILEGE, asked->position,
                 "permission denied: privilege %s is needed", privilege);
    else
        error_at(err, ERR_INSUFFICIENT_PRIVILEGE, asked->position,
                 "permission denied for %s \"%s\"", privilege_level_name(level),
                 asked->name);
    error_detail(err, "User \"%s\" has no role with privilege %s on %s.",
                 session->user_name, privilege,
                 level == LEVEL_CLUSTER ? "the cluster" : "it");
    if (level == LEVEL_CLUSTER)
        return error_hint(err, "GRANT %s ON CLUSTER TO a role of the user.",
                          privilege);
    return error_hint(
        err, "GRANT %s ON %s %s TO a role of the user.", privilege,
        level == LEVEL_DATABASE ? "DATABASE" : "COLLECTION", asked->name);
}

static mql_status
require_user(const Prepared *prepared, Error *err)
{
    const Session *session = prepared->session;
    const Access *own = prepared->own_access;
    if (access_user(prepared->access, session->user) != NULL &&
        (own == NULL || access_user(own, session->user) != NULL))
        return MQL_OK;
    return error_set(err, ERR_INVALID_AUTHORIZATION,
                     "user \"%s\" does not exist any more", session->user_name);
}

static mql_status
decide(Prepared *prepared, Error *err)
{
    if (prepared->kind->place == PLACE_CONTROL)
        return MQL_OK;
    TRY(require_user(prepared, err));
    for (const Asked *asked = prepared->asked; asked != NULL;
         asked = asked->next) {
        if (asked->is_if_seen && !sees_collection(prepared, asked->object))
            continue;
        if (!is_allowed(prepared, asked->privilege, asked->object))
            return refuse(prepared->session, asked, err);
    }
    return MQL_OK;
}

mql_status
permission_ask(Prepared *prepared, const Version *version, Error *err)
{
    const Asking asking = {prepared, version};
    prepared->asked = NULL;
    prepared->is_permitted = false;
    TRY(ask_tree(&asking, prepared->statement.root, err));
    return permission_ask_again(prepared, err);
}

mql_status
permission_ask_again(Prepared *prepared, Error *err)
{
    const Access *own;
    const Access *newest = session_access(prepared->session, &own);
    bool is_same = newest == prepared->access && own == prepared->own_access;
    access_release(prepared->access);
    access_release(prepared->own_access);
    prepared->access = newest;
    prepared->own_access = own;
    if (is_same && prepared->is_permitted)
        return MQL_OK;
    mql_status status = decide(prepared, err);
    prepared->is_permitted = status == MQL_OK;
    return status;
}

/* ---- for the statements ---- */

bool
permission_sees(const Prepared *prepared, const Collection *collection)
{
    return sees_collection(
        prepared,
        (AccessObject){LEVEL_COLLECTION, collection->database, collection->id});
}

/* The database itself, whatever is in it. */
static bool
sees_home(const Prepared *prepared, uint64_t database)
{
    const Access *own = prepared->own_access;
    uint64_t user = prepared->session->user;
    bool is_seen = access_sees_database(prepared->access, user, database);
    if (own == NULL)
        return is_seen;
    return access_sees_database(own, user, database) &&
           (is_seen ||
            is_made_here(prepared,
                         (AccessObject){LEVEL_DATABASE, database, 0}) ||
            manages(prepared));
}

bool
permission_sees_database(const Prepared *prepared, const Version *version,
                         uint64_t database)
{
    if (sees_home(prepared, database))
        return true;
    for (uint32_t i = 0; i < version->collection_count; i++)
        if (version->collections[i]->collection->database == database &&
            permission_sees(prepared, version->collections[i]->collection))
            return true;
    return false;
}

bool
permission_may(const Prepared *prepared, const Collection *collection,
               Privilege privilege)
{
    return is_allowed(
        prepared, privilege,
        (AccessObject){LEVEL_COLLECTION, collection->database, collection->id});
}

bool
permission_has(const Prepared *prepared, Privilege privilege)
{
    return is_allowed(prepared, privilege, (AccessObject){LEVEL_CLUSTER, 0, 0});
}

mql_status
permission_superuser(const Prepared *prepared, const char *what, Error *err)
{
    const Access *own = prepared->own_access;
    uint64_t user = prepared->session->user;
    if (access_is_superuser(prepared->access, user) &&
        (own == NULL || access_is_superuser(own, user)))
        return MQL_OK;
    error_set(err, ERR_INSUFFICIENT_PRIVILEGE,
              "permission denied: must be superuser to %s", what);
    return error_detail(err, "User \"%s\" is not.",
                        prepared->session->user_name);
}
