/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alias.c - CREATE, ALTER and DROP ALIAS: other names of a collection.
 *
 * They stand in the definition of their collection, so letting an alias mean
 * another collection changes two definitions in one commit: nobody sees a
 * moment without the alias, and no statement meets both collections.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/session/kinds.h"

static int
compare_aliases(const void *a, const void *b)
{
    return strcmp(((const Alias *)a)->name, ((const Alias *)b)->name);
}

static bool
is_listed(const Prepared *prepared, const Collection *collection,
          const Collection *wanted)
{
    return wanted == NULL ? collection->database == prepared->session->database
                          : collection == wanted;
}

mql_status
list_aliases(Prepared *prepared, const Collection *collection, Alias **aliases,
             uint32_t *count, Error *err)
{
    const Version *version = prepared->execution.version;
    size_t room = 1;
    for (uint32_t i = 0; i < version->collection_count; i++)
        room += version->collections[i]->collection->alias_count;
    *count = 0;
    *aliases = arena_alloc_array(&prepared->exec_arena, room, sizeof **aliases);
    if (*aliases == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < version->collection_count; i++) {
        const Collection *of = version->collections[i]->collection;
        if (!is_listed(prepared, of, collection))
            continue;
        for (uint32_t k = 0; k < of->alias_count; k++)
            (*aliases)[(*count)++] = (Alias){of->aliases[k], of};
    }
    qsort(*aliases, *count, sizeof **aliases, compare_aliases);
    return MQL_OK;
}

/* ---- changes ---- */

static mql_status
add_alias(Collection *copy, void *context, Error *err)
{
    const Node *name = context;
    if (copy->alias_count == ALIASES_MOST)
        return error_at(err, ERR_LIMIT_EXCEEDED, name->position,
                        "a collection has at most %u aliases", ALIASES_MOST);
    return collection_add_alias(copy, name->text, err);
}

static mql_status
remove_alias(Collection *copy, void *context, Error *err)
{
    const Alias *alias = context;
    int32_t found = collection_find_alias(copy, slice_of(alias->name));
    if (found < 0)
        return error_set(err, ERR_INTERNAL_ERROR, "alias \"%s\" is not there",
                         alias->name);
    collection_remove_alias(copy, (uint32_t)found);
    return MQL_OK;
}

/* ---- finding one ---- */

static mql_status
alias_missing(Prepared *prepared, const Node *name, Error *err)
{
    Alias *aliases;
    uint32_t count;
    error_at(err, ERR_UNDEFINED_OBJECT, name->position,
             "alias \"%.*s\" does not exist", (int)name->text.size,
             name->text.data);
    Error ignored = ERROR_INIT; /* then there is no hint */
    if (list_aliases(prepared, NULL, &aliases, &count, &ignored) != MQL_OK)
        return err->status;
    Slice *names = arena_alloc_array(&prepared->exec_arena, count + (size_t)1,
                                     sizeof *names);
    uint32_t seen = 0;
    for (uint32_t i = 0; names != NULL && i < count; i++)
        if (permission_sees(prepared, aliases[i].collection))
            names[seen++] = slice_of(aliases[i].name);
    int32_t closest =
        names == NULL ? -1 : name_closest(name->text, names, seen);
    return closest < 0
               ? err->status
               : error_hint(err, "Did you mean \"%s\"?", names[closest].data);
}

static mql_status
find_alias(Prepared *prepared, const Node *name, const char *hint, Alias *alias,
           Error *err)
{
    const CollectionVersion *found = version_find_called(
        prepared->execution.version, prepared->session->database, name->text,
        &alias->name);
    if (found == NULL)
        return alias_missing(prepared, name, err);
    alias->collection = found->collection;
    if (alias->name != found->collection->name)
        return MQL_OK;
    error_at(err, ERR_WRONG_OBJECT_TYPE, name->position,
             "\"%s\" is not an alias", alias->name);
    return error_hint(err, "%s", hint);
}

/* ---- the statements ---- */

static mql_status
create_alias(Prepared *prepared, Transaction *transaction, const Node *name,
             Error *err)
{
    const CollectionVersion *found;
    TRY(require_new_name(prepared, name, err));
    TRY(find_own_collection(prepared, name->next, "Name the collection itself.",
                            &found, err));
    return change_collection(transaction, found->collection, add_alias,
                             (void *)(uintptr_t)name, err);
}

mql_status
create_alias_run(Prepared *prepared, Error *err)
{
    Transaction *transaction;
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    TRY(check_name(name, NAME_ORDINARY, "alias", err));
    TRY(prepared_begin(prepared, &transaction, err));
    return prepared_end(prepared, transaction,
                        create_alias(prepared, transaction, name, err), err);
}

/* It keeps its spelling. */
static mql_status
alter_alias(Prepared *prepared, Transaction *transaction, const Node *name,
            Error *err)
{
    Alias alias;
    const CollectionVersion *found;
    TRY(find_alias(prepared, name, "Use CREATE ALIAS to make one.", &alias,
                   err));
    TRY(find_own_collection(prepared, name->next, "Name the collection itself.",
                            &found, err));
    if (found->collection == alias.collection)
        return MQL_OK;
    Node spelled = *name;
    spelled.text = slice_of(alias.name);
    TRY(change_collection(transaction, alias.collection, remove_alias, &alias,
                          err));
    return change_collection(transaction, found->collection, add_alias,
                             &spelled, err);
}

mql_status
alter_alias_run(Prepared *prepared, Error *err)
{
    Transaction *transaction;
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    TRY(prepared_begin(prepared, &transaction, err));
    return prepared_end(prepared, transaction,
                        alter_alias(prepared, transaction, name, err), err);
}

static mql_status
drop_alias(Prepared *prepared, Transaction *transaction, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    const bool is_fine = node_child(root, NODE_IF_EXISTS) != NULL;
    Alias alias;
    if (is_fine && version_find_collection(prepared->execution.version,
                                           prepared->session->database,
                                           name->text) == NULL) {
        session_notice(prepared->session,
                       "alias \"%.*s\" does not exist, skipping",
                       (int)name->text.size, name->text.data);
        return MQL_OK;
    }
    TRY(find_alias(prepared, name,
                   "Use DROP COLLECTION to remove a collection.", &alias, err));
    return change_collection(transaction, alias.collection, remove_alias,
                             &alias, err);
}

mql_status
drop_alias_run(Prepared *prepared, Error *err)
{
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    return prepared_end(prepared, transaction,
                        drop_alias(prepared, transaction, err), err);
}
