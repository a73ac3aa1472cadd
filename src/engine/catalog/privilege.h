/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privilege.h - the privileges there are, by name, number and set.
 *
 * A privilege is about an object of its level: a collection, a database or the
 * cluster (everything in the directory). Granted on a wider object it holds for
 * all in it. A group is a name for several privileges.
 */
#ifndef ENGINE_CATALOG_PRIVILEGE_H
#define ENGINE_CATALOG_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Narrow to wide. */
typedef enum PrivilegeLevel {
    LEVEL_COLLECTION,
    LEVEL_DATABASE,
    LEVEL_CLUSTER,
} PrivilegeLevel;

/* Stored: Milvus' numbers. */
typedef enum Privilege {
#define PRIVILEGE(name, number, level, group, help) PRIVILEGE_##name = (number),
#define GROUP(name, number, level, below) PRIVILEGE_##name = (number),
#define UNBUILT(name, number) PRIVILEGE_##name = (number),
#include "engine/catalog/privileges.def"
#undef PRIVILEGE
#undef GROUP
#undef UNBUILT
    PRIVILEGE_NUMBERS = 128,
    PRIVILEGE_None = PRIVILEGE_NUMBERS
} Privilege;

typedef enum PrivilegeKind {
    KIND_PRIVILEGE,
    KIND_GROUP,
    KIND_UNBUILT,
} PrivilegeKind;

typedef struct PrivilegeDefinition {
    Privilege number;
    PrivilegeKind kind;
    const char *name;
    PrivilegeLevel level;
    Privilege group; /* the smallest it is in; of a group: the one it holds */
    const char *help;
} PrivilegeDefinition;

/* In the order of privileges.def; the last has no name. */
extern const PrivilegeDefinition privilege_list[];

/* By name in any case, without the words "Privilege" and "Group" that some of
 * Milvus' interfaces put before it; by number. NULL: none. */
const PrivilegeDefinition *privilege_find(Slice name);
const PrivilegeDefinition *privilege_definition(uint32_t number);

/* "collection", "database", "cluster". */
const char *privilege_level_name(PrivilegeLevel level);

/* ---- sets ---- */

typedef struct PrivilegeSet {
    uint64_t words[PRIVILEGE_NUMBERS / 64];
} PrivilegeSet;

static inline bool
privilege_in(const PrivilegeSet *set, uint32_t number)
{
    return (set->words[number / 64] >> (number % 64) & 1) != 0;
}

static inline void
privilege_add(PrivilegeSet *set, uint32_t number)
{
    set->words[number / 64] |= UINT64_C(1) << (number % 64);
}

static inline void
privilege_remove(PrivilegeSet *set, uint32_t number)
{
    set->words[number / 64] &= ~(UINT64_C(1) << (number % 64));
}

/* Adds what a grant of the privilege or group lets do on an object of `level`
 * or in it: All is every one that is about such, Load holds GetLoadState. */
void privilege_expand(uint32_t number, PrivilegeLevel level, PrivilegeSet *set);

/* The widest level of what is in the set; LEVEL_COLLECTION for an empty one. */
PrivilegeLevel privilege_set_level(const PrivilegeSet *set);

#endif
