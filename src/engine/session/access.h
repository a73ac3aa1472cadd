/* SPDX-License-Identifier: Apache-2.0 */
/* access.h - what the statements about users, roles and grants share. */
#ifndef ENGINE_SESSION_ACCESS_H
#define ENGINE_SESSION_ACCESS_H

#include "engine/session/kinds.h"

/* A statement that changes them, and the copy it changes. */
typedef struct AccessChange {
    Prepared *prepared;
    Access *access;
    uint64_t new_id; /* for what it makes */
    bool is_changed; /* else nothing is stored */
} AccessChange;

/* A transaction around `edit`; whatever fails, nothing has changed. */
mql_status change_access(Prepared *prepared,
                         mql_status (*edit)(AccessChange *change, Error *err),
                         Error *err);

/* UNDEFINED_OBJECT at the name, with the closest one as a hint. */
mql_status find_access_user(const AccessChange *change, const Node *name,
                            const AccessUser **user, Error *err);
mql_status find_access_role(const AccessChange *change, const Node *name,
                            const AccessRole **role, Error *err);

/* A grant in words. */
typedef struct GrantRow {
    const char *role;
    const char *privilege; /* or group */
    PrivilegeLevel level;
    const char *database; /* "" on the cluster */
    const char *object;   /* the collection, or "" */
} GrantRow;

/* What is granted to the role, as the statement's version has it, in the order
 * of level and names; in exec_arena. (show_access.c) */
mql_status list_grants(Prepared *prepared, const AccessRole *role,
                       GrantRow **rows, uint32_t *count, Error *err);

/* `ROLE "x" does not exist, skipping` when the statement has IF EXISTS, and
 * true. */
bool skip_missing(Prepared *prepared, const char *what);
bool skip_existing(Prepared *prepared, const char *what);
mql_status refuse_existing(const Node *name, const char *what, Error *err);

#endif
