/* SPDX-License-Identifier: Apache-2.0 */
/* kinds.c - every kind of statement that runs, and what kinds share. */
#include "engine/session/kinds.h"

#include <string.h>

static const StatementKind statement_kinds[] = {
    {NODE_SELECT, "SELECT", false, query_prepare, NULL, PLACE_ANY, ASKS_NOTHING,
     PRIVILEGE_None},
    {NODE_SEARCH, "SEARCH", false, query_prepare, NULL, PLACE_ANY,
     ASKS_COLLECTION, PRIVILEGE_Search},
    {NODE_EXPLAIN, "EXPLAIN", false, explain_prepare, explain_run, PLACE_ANY,
     ASKS_NOTHING, PRIVILEGE_None},
    {NODE_CREATE_DATABASE, "CREATE DATABASE", false, NULL, create_database_run,
     PLACE_ANY, ASKS_CLUSTER, PRIVILEGE_CreateDatabase},
    {NODE_DROP_DATABASE, "DROP DATABASE", false, NULL, drop_database_run,
     PLACE_ANY, ASKS_CLUSTER, PRIVILEGE_DropDatabase},
    {NODE_ALTER_DATABASE, "ALTER DATABASE", false, NULL, alter_database_run,
     PLACE_ANY, ASKS_NAMED, PRIVILEGE_AlterDatabase},
    {NODE_USE, "USE", false, NULL, use_run, PLACE_ANY, ASKS_NOTHING,
     PRIVILEGE_None},
    {NODE_CREATE_COLLECTION, "CREATE COLLECTION", false, NULL,
     create_collection_run, PLACE_ANY, ASKS_DATABASE,
     PRIVILEGE_CreateCollection},
    {NODE_ALTER_COLLECTION, "ALTER COLLECTION", false, NULL,
     alter_collection_run, PLACE_ANY, ASKS_NOTHING, PRIVILEGE_None},
    {NODE_COMMENT_ON, "COMMENT", false, NULL, comment_on_run, PLACE_ANY,
     ASKS_HOME, PRIVILEGE_CreateCollection},
    {NODE_ALTER_INDEX, "ALTER INDEX", false, NULL, alter_index_run, PLACE_ANY,
     ASKS_INDEX, PRIVILEGE_CreateIndex},
    {NODE_DROP_COLLECTION, "DROP COLLECTION", false, NULL, drop_collection_run,
     PLACE_ANY, ASKS_HOME, PRIVILEGE_DropCollection},
    {NODE_TRUNCATE, "TRUNCATE COLLECTION", false, NULL, truncate_run, PLACE_ANY,
     ASKS_HOME, PRIVILEGE_DropCollection},
    {NODE_CREATE_ALIAS, "CREATE ALIAS", false, NULL, create_alias_run,
     PLACE_ANY, ASKS_COLLECTIONS, PRIVILEGE_CreateAlias},
    {NODE_ALTER_ALIAS, "ALTER ALIAS", false, NULL, alter_alias_run, PLACE_ANY,
     ASKS_COLLECTIONS, PRIVILEGE_CreateAlias},
    {NODE_DROP_ALIAS, "DROP ALIAS", false, NULL, drop_alias_run, PLACE_ANY,
     ASKS_COLLECTION, PRIVILEGE_DropAlias},
    {NODE_DESCRIBE, "DESCRIBE", false, describe_prepare, describe_run,
     PLACE_ANY, ASKS_NOTHING, PRIVILEGE_None},
    {NODE_CREATE_PARTITION, "CREATE PARTITION", false, NULL,
     create_partition_run, PLACE_ANY, ASKS_COLLECTION,
     PRIVILEGE_CreatePartition},
    {NODE_DROP_PARTITION, "DROP PARTITION", false, NULL, drop_partition_run,
     PLACE_ANY, ASKS_COLLECTION, PRIVILEGE_DropPartition},
    {NODE_CREATE_INDEX, "CREATE INDEX", false, NULL, create_index_run,
     PLACE_ANY, ASKS_COLLECTION, PRIVILEGE_CreateIndex},
    {NODE_DROP_INDEX, "DROP INDEX", false, NULL, drop_index_run, PLACE_ANY,
     ASKS_INDEX, PRIVILEGE_DropIndex},
    {NODE_LOAD, "LOAD", false, NULL, load_run, PLACE_ANY, ASKS_COLLECTION,
     PRIVILEGE_Load},
    {NODE_RELEASE, "RELEASE", false, NULL, release_run, PLACE_ANY,
     ASKS_COLLECTION, PRIVILEGE_Release},
    {NODE_FLUSH, "FLUSH", false, NULL, flush_run, PLACE_ALONE, ASKS_NOTHING,
     PRIVILEGE_None},
    {NODE_CHECK, "CHECK", false, check_prepare, check_run, PLACE_ALONE,
     ASKS_NOTHING, PRIVILEGE_None},
    {NODE_BACKUP, "BACKUP DATABASE", false, NULL, backup_run, PLACE_ALONE,
     ASKS_CLUSTER, PRIVILEGE_All},
    {NODE_VERIFY_BACKUP, "VERIFY BACKUP", false, NULL, verify_backup_run,
     PLACE_ANY, ASKS_CLUSTER, PRIVILEGE_All},
    {NODE_RESTORE, "RESTORE DATABASE", false, NULL, restore_run, PLACE_ANY,
     ASKS_CLUSTER, PRIVILEGE_All},
    {NODE_RECOVER, "RECOVER DATABASE", false, recover_prepare, recover_run,
     PLACE_ANY, ASKS_CLUSTER, PRIVILEGE_All},
    {NODE_COMPACT, "COMPACT", false, NULL, compact_run, PLACE_ALONE, ASKS_ANY,
     PRIVILEGE_Compaction},
    {NODE_VACUUM, "VACUUM", false, NULL, vacuum_run, PLACE_ALONE, ASKS_ANY,
     PRIVILEGE_Compaction},
    {NODE_JOB, "JOB", false, NULL, job_run, PLACE_ANY, ASKS_CLUSTER,
     PRIVILEGE_Compaction},
    {NODE_REINDEX, "REINDEX", false, NULL, reindex_run, PLACE_ALONE, ASKS_INDEX,
     PRIVILEGE_CreateIndex},
    {NODE_INSERT, "INSERT", true, insert_prepare, insert_run, PLACE_ANY,
     ASKS_COLLECTION, PRIVILEGE_Insert},
    {NODE_UPSERT, "UPSERT", true, insert_prepare, insert_run, PLACE_ANY,
     ASKS_COLLECTION, PRIVILEGE_Upsert},
    {NODE_UPDATE, "UPDATE", true, update_prepare, update_run, PLACE_ANY,
     ASKS_COLLECTION, PRIVILEGE_Upsert},
    {NODE_DELETE, "DELETE", true, delete_prepare, delete_run, PLACE_ANY,
     ASKS_COLLECTION, PRIVILEGE_Delete},
    {NODE_COPY_FROM, "COPY", true, NULL, copy_from_run, PLACE_ANY, ASKS_NOTHING,
     PRIVILEGE_None},
    {NODE_BEGIN, "BEGIN", false, NULL, begin_run, PLACE_CONTROL, ASKS_NOTHING,
     PRIVILEGE_None},
    {NODE_START, "START TRANSACTION", false, NULL, start_run, PLACE_CONTROL,
     ASKS_NOTHING, PRIVILEGE_None},
    {NODE_COMMIT, "COMMIT", false, NULL, commit_run, PLACE_CONTROL,
     ASKS_NOTHING, PRIVILEGE_None},
    {NODE_ROLLBACK, "ROLLBACK", false, NULL, rollback_run, PLACE_CONTROL,
     ASKS_NOTHING, PRIVILEGE_None},
    {NODE_ROLLBACK_TO, "ROLLBACK", false, NULL, rollback_to_run, PLACE_CONTROL,
     ASKS_NOTHING, PRIVILEGE_None},
    {NODE_SAVEPOINT, "SAVEPOINT", false, NULL, savepoint_run, PLACE_ANY,
     ASKS_NOTHING, PRIVILEGE_None},
    {NODE_RELEASE_SAVEPOINT, "RELEASE", false, NULL, release_savepoint_run,
     PLACE_ANY, ASKS_NOTHING, PRIVILEGE_None},
    {NODE_DECLARE, "DECLARE CURSOR", false, declare_prepare, declare_run,
     PLACE_ANY, ASKS_NOTHING, PRIVILEGE_None},
    {NODE_FETCH, "FETCH", true, fetch_prepare, fetch_run, PLACE_ANY,
     ASKS_NOTHING, PRIVILEGE_None},
    {NODE_CLOSE, "CLOSE CURSOR", false, NULL, close_run, PLACE_ANY,
     ASKS_NOTHING, PRIVILEGE_None},
    {NODE_SHOW, "SHOW", false, show_prepare, show_run, PLACE_ANY, ASKS_NOTHING,
     PRIVILEGE_None},
    {NODE_SET, "SET", false, NULL, set_run, PLACE_ANY, ASKS_NOTHING,
     PRIVILEGE_None},
    {NODE_RESET, "RESET", false, NULL, reset_run, PLACE_ANY, ASKS_NOTHING,
     PRIVILEGE_None},
    {NODE_CREATE_USER, "CREATE USER", false, NULL, create_user_run, PLACE_ANY,
     ASKS_CLUSTER, PRIVILEGE_CreateOwnership},
    {NODE_ALTER_USER, "ALTER USER", false, NULL, alter_user_run, PLACE_ANY,
     ASKS_NOTHING, PRIVILEGE_None},
    {NODE_DROP_USER, "DROP USER", false, NULL, drop_user_run, PLACE_ANY,
     ASKS_CLUSTER, PRIVILEGE_DropOwnership},
    {NODE_CREATE_ROLE, "CREATE ROLE", false, NULL, create_role_run, PLACE_ANY,
     ASKS_CLUSTER, PRIVILEGE_CreateOwnership},
    {NODE_DROP_ROLE, "DROP ROLE", false, NULL, drop_role_run, PLACE_ANY,
     ASKS_CLUSTER, PRIVILEGE_DropOwnership},
    {NODE_GRANT, "GRANT", false, NULL, grant_run, PLACE_ANY, ASKS_CLUSTER,
     PRIVILEGE_ManageOwnership},
    {NODE_REVOKE, "REVOKE", false, NULL, grant_run, PLACE_ANY, ASKS_CLUSTER,
     PRIVILEGE_ManageOwnership},
    {NODE_GRANT_ROLE, "GRANT ROLE", false, NULL, grant_role_run, PLACE_ANY,
     ASKS_CLUSTER, PRIVILEGE_ManageOwnership},
    {NODE_REVOKE_ROLE, "REVOKE ROLE", false, NULL, grant_role_run, PLACE_ANY,
     ASKS_CLUSTER, PRIVILEGE_ManageOwnership},
    {NODE_CREATE_PRIVILEGE_GROUP, "CREATE PRIVILEGE GROUP", false, NULL,
     create_group_run, PLACE_ANY, ASKS_CLUSTER, PRIVILEGE_CreatePrivilegeGroup},
    {NODE_ALTER_PRIVILEGE_GROUP, "ALTER PRIVILEGE GROUP", false, NULL,
     alter_group_run, PLACE_ANY, ASKS_CLUSTER, PRIVILEGE_OperatePrivilegeGroup},
    {NODE_DROP_PRIVILEGE_GROUP, "DROP PRIVILEGE GROUP", false, NULL,
     drop_group_run, PLACE_ANY, ASKS_CLUSTER, PRIVILEGE_DropPrivilegeGroup},
};

const StatementKind *
statement_kind(NodeKind node)
{
    for (size_t i = 0; i < sizeof statement_kinds / sizeof statement_kinds[0];
         i++)
        if (statement_kinds[i].node == node)
            return &statement_kinds[i];
    return NULL;
}

mql_status
query_prepare(Prepared *prepared, Error *err)
{
    TRY(planner_query(&prepared->planner, prepared->statement.root,
                      &prepared->plan, err));
    return prepared_columns(prepared, prepared->plan->columns,
                            prepared->plan->column_count);
}

/* ---- shared ---- */

mql_status
find_collection(Prepared *prepared, const Node *name,
                const CollectionVersion **found, Error *err)
{
    Planner planner = {.arena = &prepared->exec_arena,
                       .version = prepared->execution.version,
                       .database = prepared->session->database,
                       .database_name = prepared->session->database_name,
                       .access = prepared->access,
                       .user = prepared->session->user};
    mql_status status = planner_collection(&planner, name, found, err);
    planner_release(&planner); /* the Version holds it during the run */
    return status;
}

mql_status
find_own_collection(Prepared *prepared, const Node *name, const char *hint,
                    const CollectionVersion **found, Error *err)
{
    const char *as;
    TRY(find_collection(prepared, name, found, err));
    version_find_called(prepared->execution.version,
                        prepared->session->database, name->text, &as);
    if (as == (*found)->collection->name)
        return MQL_OK;
    error_at(err, ERR_WRONG_OBJECT_TYPE, name->position,
             "\"%s\" is an alias of collection \"%s\"", as,
             (*found)->collection->name);
    return error_hint(err, "%s", hint);
}

bool
is_relation(const Prepared *prepared, const Node *name, bool if_not_exists,
            const char **kind, const char **as)
{
    const CollectionVersion *found =
        version_find_called(prepared->execution.version,
                            prepared->session->database, name->text, as);
    if (found == NULL || !is_taken(name, *as, if_not_exists))
        return false;
    *kind = *as == found->collection->name ? "collection" : "alias";
    return true;
}

mql_status
require_new_name(const Prepared *prepared, const Node *name, Error *err)
{
    const char *kind;
    const char *as;
    if (!is_relation(prepared, name, false, &kind, &as))
        return MQL_OK;
    return error_at(err, ERR_DUPLICATE_TABLE, name->position,
                    "%s \"%s\" already exists", kind, as);
}

mql_status
change_collection(Transaction *transaction, const Collection *collection,
                  mql_status (*change)(Collection *copy, void *context,
                                       Error *err),
                  void *context, Error *err)
{
    Collection *copy;
    TRY(collection_copy(collection, &copy, err));
    mql_status status = change(copy, context, err);
    if (status != MQL_OK) {
        collection_release(copy);
        return status;
    }
    return transaction_put_collection(transaction, copy, err);
}

static bool
is_name_byte(char c, bool is_first, NameRule rule)
{
    bool is_letter =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    bool is_digit = c >= '0' && c <= '9';
    if (is_letter || (is_digit && !is_first))
        return true;
    if (rule == NAME_OF_USER)
        return (c == '-' || c == '.') && !is_first;
    if (rule == NAME_OF_PARTITION)
        return is_digit || (c == '-' && !is_first);
    return rule == NAME_OF_INDEX && c == '$' && !is_first;
}

mql_status
check_name(const Node *name, NameRule rule, const char *what, Error *err)
{
    Slice text = name->text;
    if (text.size > NAME_SIZE_MOST)
        return error_at(err, ERR_NAME_TOO_LONG, name->position,
                        "%s name is longer than %u bytes", what,
                        NAME_SIZE_MOST);
    bool is_good = text.size > 0;
    for (size_t i = 0; is_good && i < text.size; i++)
        is_good = is_name_byte(text.data[i], i == 0, rule);
    if (rule == NAME_OF_USER && is_good && text.data[0] == '_')
        is_good = false;
    if (is_good)
        return MQL_OK;
    error_at(err, ERR_INVALID_NAME, name->position, "invalid %s name \"%.*s\"",
             what, (int)text.size, text.data);
    if (rule == NAME_OF_PARTITION)
        return error_hint(err, "Names of partitions are letters, digits, _ and "
                               "-, and do not begin with -.");
    if (rule == NAME_OF_USER)
        return error_hint(err, "Names of users are letters, digits, _, - and "
                               "., and begin with a letter.");
    return error_hint(err, "Names are letters, digits and _, and do not begin "
                           "with a digit.");
}

bool
is_taken(const Node *name, const char *existing, bool if_not_exists)
{
    return if_not_exists || slice_equal(name->text, slice_of(existing));
}

mql_status
option_text(Prepared *prepared, const Node *option, Slice *text, Error *err)
{
    const Node *node = option->first;
    if (node == NULL) {
        *text = SLICE_LITERAL("true");
        return MQL_OK;
    }
    if (node->kind == NODE_NAME || node->kind == NODE_DOUBLE_QUOTED) {
        *text = node->text;
        return MQL_OK;
    }
    Scope none = {.dynamic_column = -1};
    Arena *arena = &prepared->exec_arena;
    Expr *expr;
    TRY(expr_analyse(node, &none, type_of(TYPE_NULL), arena, &expr, err));
    Value value;
    TRY(expr_value(expr, &prepared->execution.run, arena, &value, err));
    Buffer buffer = BUFFER_INIT;
    if (value.type.kind == TYPE_BOOL && !value.is_null)
        buffer_append_text(&buffer, value.boolean ? "true" : "false");
    else
        value_print(&buffer, &value);
    const char *printed = buffer_text(&buffer);
    char *copy = buffer_failed(&buffer)
                     ? NULL
                     : arena_copy(arena, printed, strlen(printed));
    buffer_free(&buffer);
    if (copy == NULL)
        return error_no_memory(err);
    *text = slice_of(copy);
    return MQL_OK;
}

char *
collection_text(Collection *collection, Slice text)
{
    return arena_copy(&collection->arena, text.data, text.size);
}

mql_status
missing_value(const Collection *collection, const Field *field, Value *value,
              Error *err)
{
    *value = (Value){.type = field->type, .is_null = true};
    if (field->has_default) {
        *value = field->default_value;
        return MQL_OK;
    }
    if (field->is_nullable || field->is_auto_id || field->is_dynamic)
        return MQL_OK;
    return error_set(err, ERR_NOT_NULL,
                     "null value in field \"%s\" of collection \"%s\" "
                     "violates not-null constraint",
                     field->name, collection->name);
}
