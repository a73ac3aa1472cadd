/* SPDX-License-Identifier: Apache-2.0 */
/*
 * permit.c - what the properties of the current database deny.
 *
 * One table says which statements each property is about. It is asked when a
 * statement is analysed: whenever definitions have changed, and again when a
 * writer's turn has come. Queries are asked where they name their collection

 * (planner_source()).
 */
#include "engine/session/statement.h"

#define WORDS_MOST 3

static const struct {
    NodeKind kind;
    const char *denied_by[WORDS_MOST];
} rules[] = {
    {NODE_INSERT, {"writing"}},
    {NODE_UPSERT, {"writing"}},
    {NODE_UPDATE, {"writing"}},
    {NODE_DELETE, {"writing"}},
    {NODE_COPY_FROM, {"writing"}},
    {NODE_TRUNCATE, {"writing", "ddl", "collectionDDL"}},
    {NODE_CREATE_COLLECTION, {"ddl", "collectionDDL"}},
    {NODE_ALTER_COLLECTION, {"ddl", "collectionDDL"}},
    {NODE_DROP_COLLECTION, {"ddl", "collectionDDL"}},
    {NODE_CREATE_ALIAS, {"ddl", "collectionDDL"}},
    {NODE_ALTER_ALIAS, {"ddl", "collectionDDL"}},
    {NODE_DROP_ALIAS, {"ddl", "collectionDDL"}},
    {NODE_COMMENT_ON, {"ddl", "collectionDDL"}},
    {NODE_LOAD, {"ddl", "collectionDDL"}},
    {NODE_RELEASE, {"ddl", "collectionDDL"}},
    {NODE_CREATE_PARTITION, {"ddl", "partitionDDL"}},
    {NODE_DROP_PARTITION, {"ddl", "partitionDDL"}},
    {NODE_CREATE_INDEX, {"ddl", "index"}},
    {NODE_ALTER_INDEX, {"ddl", "index"}},
    {NODE_DROP_INDEX, {"ddl", "index"}},
    {NODE_REINDEX, {"ddl", "index"}},
    {NODE_FLUSH, {"ddl", "flush"}},
    {NODE_COMPACT, {"ddl", "compaction"}},
    {NODE_VACUUM, {"ddl", "compaction"}},
};

/* All of them work in the current database. Queries and the like look for it
 * when they name a collection (planner_collection()). */
static bool
needs_database(NodeKind kind)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].kind == kind)
            return true;
    return false;
}

mql_status
permit_statement(const Prepared *prepared, const Version *version, Error *err)
{
    const Node *root = prepared->statement.root;
    if (needs_database(root->kind) &&
        session_require_database(prepared->session, version, err) != MQL_OK)
        return error_locate(err, root->position);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        for (int k = 0; rules[i].kind == root->kind && k < WORDS_MOST &&
                        rules[i].denied_by[k] != NULL;
             k++)
            if (version_check_denied(version, prepared->session->database,
                                     rules[i].denied_by[k], err) != MQL_OK)
                return error_locate(err, root->position);
    return MQL_OK;
}

/* Rows that would be too many bytes. */
mql_status
permit_changes(const Prepared *prepared, Transaction *transaction, Error *err)
{
    const Version *version;
    NodeKind kind = prepared->statement.root->kind;
    uint64_t database = prepared->session->database;
    if (kind != NODE_INSERT && kind != NODE_UPSERT && kind != NODE_UPDATE &&
        kind != NODE_COPY_FROM)
        return MQL_OK;
    const DatabaseDefinition *found =
        version_database(prepared->execution.version, database);
    if (found == NULL || database_property(found, DISK_QUOTA_PROPERTY) == NULL)
        return MQL_OK;
    TRY(transaction_view(transaction, &version, err));
    mql_status status = version_check_quota(version, database, err);
    version_release(version);
    return status;
}
