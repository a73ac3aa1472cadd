/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upsert.c - what UPSERT with a field list keeps: the row that is there.
 *
 * UPSERT INTO c (id, price) VALUES (1, 20) replaces the whole row 1, with the
 * values it had in the fields left out. A row that is not there yet takes
 * defaults, as INSERT does.
 */
#include "engine/session/upsert.h"

#include "engine/session/kinds.h"
#include "engine/value/json.h"

mql_status
upsert_find(const Prepared *prepared, const Collection *collection,
            const Value *key, OldRow *old, Error *err)
{
    *old = (OldRow){.segment = NULL};
    const CollectionVersion *version =
        version_collection(prepared->execution.version, collection->id);
    uint64_t expired = store_expired(prepared->session->store, collection,
                                     prepared->execution.run.now);
    for (uint32_t i = 0; !key->is_null && i < version->segment_count; i++) {
        bool found;
        bool is_expired = false;
        TRY(segment_find_key(version->segments[i], key,
                             prepared->execution.sequence, &found, &old->row,
                             err));
        if (found)
            TRY(segment_is_expired(version->segments[i], old->row, expired,
                                   &is_expired, err));
        if (!found || is_expired)
            continue;
        old->segment = version->segments[i];
        return MQL_OK;
    }
    return MQL_OK;
}

mql_status
upsert_old_value(const OldRow *old, const Field *field, Arena *arena,
                 Value *value, Error *err)
{
    const RowRange range = {.first = old->row, .count = 1};
    Column column;
    TRY(segment_read(old->segment, field, range, arena, &column, err));
    *value = column_value(&column, 0);
    return MQL_OK;
}

static bool
is_listed(const Slice *keys, uint32_t count, Slice key)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_equal(keys[i], key))
            return true;
    return false;
}

mql_status
upsert_old_members(const Value *meta, const Slice *given, uint32_t given_count,
                   Arena *arena, MemberList *members, Error *err)
{
    *members = (MemberList){.count = 0};
    if (meta->is_null)
        return MQL_OK;
    Json object = json_of(meta->bytes);
    uint32_t count = json_count(object);
    members->keys = arena_alloc_array(arena, count + 1, sizeof(Slice));
    members->items = arena_alloc_array(arena, count + 1, sizeof(Slice));
    if (members->keys == NULL || members->items == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        Slice key;
        Json item = json_member_at(object, i, &key);
        if (is_listed(given, given_count, key))
            continue;
        members->keys[members->count] = key;
        members->items[members->count++] = (Slice){item.data, item.size};
    }
    return MQL_OK;
}
