/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upsert.h - the row that an UPSERT with a field list changes.
 */
#ifndef ENGINE_SESSION_UPSERT_H
#define ENGINE_SESSION_UPSERT_H

#include "engine/session/statement.h"

/* Where a row stands; segment NULL: there is none. */
typedef struct OldRow {
    const Segment *segment;
    uint32_t row;
} OldRow;

/* Members of a dynamic field: keys and binary JSON, in an arena. */
typedef struct MemberList {
    Slice *keys, *items;
    uint32_t count;
} MemberList;

/* The row with that key, as the statement's transaction sees it. */
mql_status upsert_find(const Prepared *prepared, const Collection *collection,
                       const Value *key, OldRow *old, Error *err);

/* The value the row has in a field; its bytes live as long as `arena`. */
mql_status upsert_old_value(const OldRow *old, const Field *field, Arena *arena,
                            Value *value, Error *err);

/* The members of a row's dynamic field but those the statement gives. */
mql_status upsert_old_members(const Value *meta, const Slice *given,
                              uint32_t given_count, Arena *arena,
                              MemberList *members, Error *err);

#endif
