/* SPDX-License-Identifier: Apache-2.0 */
/*
 * permission.h - what a statement needs of its user.
 *
 * Every kind of statement has an entry in kinds.c that says which privilege it
 * asks for and on what; every form of SHOW one in show.c. Analysis resolves
 * each name once and keeps what is asked for, by ids; that list is held against
 * the grants before anything is done, and again whenever users, roles or grants
 * have changed: for prepared statements, and for the query of a cursor.
 */
#ifndef ENGINE_SESSION_PERMISSION_H
#define ENGINE_SESSION_PERMISSION_H

#include "engine/collection/store.h"
#include "engine/sql/ast.h"

typedef struct Prepared Prepared;

/* On what a statement's privilege is asked for. */
typedef enum AskRule {
    ASKS_NOTHING,    /* of itself: queries within it ask, or its run does     */
    ASKS_CLUSTER,    /* everything in the directory                           */
    ASKS_DATABASE,   /* the current one                                       */
    ASKS_NAMED,      /* the database it names                                 */
    ASKS_COLLECTION, /* the one it names, by ON if it has that                */
    ASKS_COLLECTIONS, /* each one it names */
    ASKS_HOME,  /* the database of each collection it names              */
    ASKS_ANY,   /* the collection it names, else the current database    */
    ASKS_INDEX, /* the collection of the index or collection it names    */
} AskRule;

typedef struct Asks {
    AskRule rule;
    Privilege privilege;
} Asks;

/* One thing asked for. */
typedef struct Asked {
    struct Asked *next;
    AccessObject object;
    Privilege privilege;
    const char *name; /* of the object, for words; in the plan's arena */
    int64_t position;
    bool is_if_seen; /* not asked of who does not see the collection */
} Asked;

/* What the statement asks for, into `prepared->asked` (in the plan's arena),
 * with names as `version` means them; and whether its user has it:
 * INSUFFICIENT_PRIVILEGE, INVALID_AUTHORIZATION. */
mql_status permission_ask(Prepared *prepared, const Version *version,
                          Error *err);
/* The second half again, when grants have changed since. */
mql_status permission_ask_again(Prepared *prepared, Error *err);

/* Whether the statement's user may see that the collection or the database is
 * there: for what lists them. */
bool permission_sees(const Prepared *prepared, const Collection *collection);
bool permission_sees_database(const Prepared *prepared, const Version *version,
                              uint64_t database);
/* Whether the user has the privilege on the collection; on the cluster. */
bool permission_may(const Prepared *prepared, const Collection *collection,
                    Privilege privilege);
bool permission_has(const Prepared *prepared, Privilege privilege);
/* INSUFFICIENT_PRIVILEGE "must be superuser ..." unless the user is one. */
mql_status permission_superuser(const Prepared *prepared, const char *what,
                                Error *err);

#endif
