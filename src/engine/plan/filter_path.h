/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_path.h - indexes over JSON paths: which is over a path, and what its
 * keys tell of a condition.
 */
#ifndef ENGINE_PLAN_FILTER_PATH_H
#define ENGINE_PLAN_FILTER_PATH_H

#include "engine/catalog/catalog.h"
#include "engine/expr/expr.h"

/* What the keys of an index tell of the values that compare with a constant. */
typedef enum KeyFit {
    KEY_FIT_NONE,  /* nothing: values of another kind are not in the index */
    KEY_FIT_WIDE,  /* more rows may have such a key than such a value      */
    KEY_FIT_EXACT, /* all                                                  */
} KeyFit;

/* The index over what `expr` is, a path into a JSON field or the field itself;
 * NULL: there is none, or it is no such path. */
const IndexDefinition *path_index(const Collection *collection,
                                  const Expr *expr);

/* Of an index with that cast (CAST_NONE: KEY_FIT_NONE), for a constant (any
 * expression: most are KEY_FIT_NONE; a parameter whose type only the run knows
 * is KEY_FIT_WIDE, if path_takes() it then) and for the list of an IN. */
KeyFit path_fit(JsonCast cast, const Expr *constant);
KeyFit path_fit_list(JsonCast cast, const Expr *in);

/* Whether values of that type are compared with the keys at all. */
bool path_takes(JsonCast cast, TypeKind kind);

/* How it keeps the keys. */
KeyType path_key_type(JsonCast cast);

#endif
