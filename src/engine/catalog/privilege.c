/* SPDX-License-Identifier: Apache-2.0 */
/* privilege.c - the table of privileges.def, and sets of them. */
#include "engine/catalog/privilege.h"

const PrivilegeDefinition privilege_list[] = {
#define PRIVILEGE(name, number, level, group, help)                            \
    {number, KIND_PRIVILEGE, #name, LEVEL_##level, PRIVILEGE_##group, help},
#define GROUP(name, number, level, below)                                      \
    {number, KIND_GROUP, #name, LEVEL_##level, PRIVILEGE_##below, ""},
#define UNBUILT(name, number)                                                  \
    {number, KIND_UNBUILT, #name, LEVEL_CLUSTER, PRIVILEGE_None, ""},
#include "engine/catalog/privileges.def"
#undef PRIVILEGE
#undef GROUP
#undef UNBUILT
    {PRIVILEGE_None, KIND_UNBUILT, NULL, LEVEL_CLUSTER, PRIVILEGE_None, ""},
};

static const PrivilegeDefinition *
find_exactly(Slice name)
{
    for (const PrivilegeDefinition *one = privilege_list; one->name != NULL;
         one++)
        if (slice_equal_nocase(slice_of(one->name), name))
            return one;
    return NULL;
}

const PrivilegeDefinition *
privilege_find(Slice name)
{
    static const Slice prefixes[] = {{"Privilege", 9}, {"PrivilegeGroup", 14}};
    const PrivilegeDefinition *found = find_exactly(name);
    for (int i = 0; found == NULL && i < 2; i++) {
        Slice prefix = prefixes[i];
        if (name.size > prefix.size &&
            slice_equal_nocase((Slice){name.data, prefix.size}, prefix))
            found = find_exactly(
                (Slice){name.data + prefix.size, name.size - prefix.size});
    }
    return found;
}

const PrivilegeDefinition *
privilege_definition(uint32_t number)
{
    for (const PrivilegeDefinition *one = privilege_list; one->name != NULL;
         one++)
        if (one->number == number)
            return one;
    return NULL;
}

const char *
privilege_level_name(PrivilegeLevel level)
{
    static const char *const names[] = {"collection", "database", "cluster"};
    return names[level];
}

/* ---- sets ---- */

/* Whether `outer` is the group `group` or one that holds it. */
static bool
holds_group(uint32_t outer, uint32_t group)
{
    const PrivilegeDefinition *first = privilege_definition(outer);
    if (first == NULL || first->kind != KIND_GROUP)
        return false;
    while (outer != PRIVILEGE_None && outer != group) {
        const PrivilegeDefinition *one = privilege_definition(outer);
        outer = one != NULL ? one->group : (uint32_t)PRIVILEGE_None;
    }
    return outer == group && outer != PRIVILEGE_None;
}

static void
add_implied(PrivilegeSet *set)
{
    if (privilege_in(set, PRIVILEGE_Load)) {
        privilege_add(set, PRIVILEGE_GetLoadState);
        privilege_add(set, PRIVILEGE_GetLoadingProgress);
    }
    if (privilege_in(set, PRIVILEGE_Flush))
        privilege_add(set, PRIVILEGE_GetFlushState);
}

void
privilege_expand(uint32_t number, PrivilegeLevel level, PrivilegeSet *set)
{
    for (const PrivilegeDefinition *one = privilege_list; one->name != NULL;
         one++) {
        if (one->kind != KIND_PRIVILEGE || one->level > level)
            continue;
        /* All itself holds only where nothing is outside of it. */
        if (one->number == PRIVILEGE_All && level != LEVEL_CLUSTER)
            continue;
        if (number == PRIVILEGE_All || one->number == number ||
            holds_group(number, one->group))
            privilege_add(set, one->number);
    }
    add_implied(set);
}

PrivilegeLevel
privilege_set_level(const PrivilegeSet *set)
{
    PrivilegeLevel level = LEVEL_COLLECTION;
    for (const PrivilegeDefinition *one = privilege_list; one->name != NULL;
         one++)
        if (privilege_in(set, one->number) && one->level > level)
            level = one->level;
    return level;
}
