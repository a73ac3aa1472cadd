/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index_path.h - what CREATE INDEX names: a field, or a path into a JSON field
 * and how its values are taken.
 */
#ifndef ENGINE_SESSION_INDEX_PATH_H
#define ENGINE_SESSION_INDEX_PATH_H

#include "engine/session/kinds.h"

/* The field of a CREATE_INDEX or FIELD_INDEX node, and of a JSON field the path
 * (in the arena; else empty): UNDEFINED_COLUMN, or FEATURE_NOT_SUPPORTED for
 * other expressions. */
mql_status index_path_find(Prepared *prepared, const Node *node,
                           const Collection *collection, const Field **field,
                           Slice *path, Error *err);

/* json_cast_type, which a JSON field must have; without it a dynamic field is
 * UNDEFINED_COLUMN, as it may be a misspelt one. */
mql_status index_path_cast(Prepared *prepared, const Node *node,
                           const Collection *collection, JsonCast *cast,
                           Error *err);

/* Whether it is an option of indexes over JSON; and whether such an index may
 * have it. */
bool index_path_is_option(const Node *option);
mql_status index_path_check_option(const Node *option,
                                   const IndexDefinition *index, Error *err);

/* The name when none is given: meta_category for meta["category"], with a
 * number where that is taken. */
mql_status index_path_name(Prepared *prepared, const Collection *collection,
                           const Field *field, Slice path, Slice *name,
                           Error *err);

#endif
