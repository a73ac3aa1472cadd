/* SPDX-License-Identifier: Apache-2.0 */
/* restore_access.h - users, roles and grants of a backup, beside those here. */
#ifndef ENGINE_COLLECTION_RESTORE_ACCESS_H
#define ENGINE_COLLECTION_RESTORE_ACCESS_H

#include "engine/collection/transaction.h"

/* Objects of a backup and what they became; the database `default` may have
 * been here before. */
typedef struct RestoredId {
    PrivilegeLevel level;
    uint64_t old;
    uint64_t now;
    bool is_new;
} RestoredId;

typedef struct RestoredIds {
    RestoredId *pairs; /* malloc'ed */
    size_t count, capacity;
} RestoredIds;

void restored_ids_free(RestoredIds *ids);
mql_status restored_ids_add(RestoredIds *ids, PrivilegeLevel level,
                            uint64_t old, uint64_t now, bool is_new,
                            Error *err);

/* LIMIT_EXCEEDED, DUPLICATE_OBJECT (a group of another meaning); then the
 * transaction has changed nothing of them. */
mql_status restore_access(Transaction *transaction, const Access *old,
                          const RestoredIds *ids, Error *err);

#endif
