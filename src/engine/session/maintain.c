/* SPDX-License-Identifier: Apache-2.0 */
/* maintain.c - COMPACT, VACUUM, REINDEX. */
#include "engine/collection/maintenance.h"
#include "engine/session/kinds.h"

/* The statement's collection, or each of the current database. */
static mql_status
compact_named(Prepared *prepared, CompactMode mode, Error *err)
{
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    const Watch watch = prepared_watch(prepared);
    Store *store = prepared->session->store;
    const Version *version = prepared->execution.version;
    const CollectionVersion *found;
    if (name != NULL) {
        TRY(find_collection(prepared, name, &found, err));
        return store_compact(store, found->collection->id, mode, &watch, err);
    }
    for (uint32_t i = 0; i < version->collection_count; i++) {
        const Collection *collection = version->collections[i]->collection;
        if (collection->database != prepared->session->database)
            continue;
        mql_status status =
            store_compact(store, collection->id, mode, &watch, err);
        /* One that somebody drops meanwhile needs nothing. */
        if (status == MQL_NOT_FOUND)
            error_clear(err);
        else
            TRY(status);
    }
    return MQL_OK;
}

mql_status
compact_run(Prepared *prepared, Error *err)
{
    return compact_named(prepared, COMPACT_ONE, err);
}

mql_status
vacuum_run(Prepared *prepared, Error *err)
{
    bool is_full = prepared->statement.root->text.size > 0;
    return compact_named(prepared, is_full ? COMPACT_FORGET : COMPACT_VACUUM,
                         err);
}

mql_status
reindex_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    const Watch watch = prepared_watch(prepared);
    Store *store = prepared->session->store;
    const CollectionVersion *found;
    uint64_t index = 0;
    if (name != NULL) {
        TRY(find_collection(prepared, name, &found, err));
    } else {
        int32_t position;
        TRY(find_named_index(prepared, &found, &position, err));
        name = node_child(root, NODE_INDEX_NAME);
        if (found == NULL)
            return error_at(err, ERR_UNDEFINED_OBJECT, name->position,
                            "index \"%.*s\" does not exist",
                            (int)name->text.size, name->text.data);
        index = found->collection->indexes[position].id;
    }
    return store_reindex(store, found->collection->id, index, &watch, err);
}
