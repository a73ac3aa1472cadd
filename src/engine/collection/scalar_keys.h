/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scalar_keys.h - a scalar field of a segment as (row, key) pairs, for building
 * an index.
 */
#ifndef ENGINE_COLLECTION_SCALAR_KEYS_H
#define ENGINE_COLLECTION_SCALAR_KEYS_H

#include "engine/collection/segment_internal.h"

typedef struct ScalarKeys {
    ScalarColumn column; /* points into the rest and into the segment */
    uint32_t *rows;
    void *keys; /* int64_t, double or Slice */
    uint8_t *valid;
    size_t capacity; /* of rows and keys */
} ScalarKeys;

/* Of the keys that the index has of its field; FEATURE_NOT_SUPPORTED: none. */
mql_status scalar_keys_type(const Field *field, const IndexDefinition *index,
                            KeyType *type, Error *err);

/*
 * Read the whole field. BOOL, integers, TIMESTAMPTZ, FLOAT, DOUBLE, VARCHAR and
 * ARRAYs of those (one entry for each distinct element of a row); of JSON what
 * the index's cast takes of the value at its path (elements may come twice).
 * Else FEATURE_NOT_SUPPORTED. Rows of a JSON field are valid where something
 * exists at the path, of whatever kind (json_is_present()): such rows may have
 * no key.
 */
mql_status scalar_keys_read(ScalarKeys *keys, const Segment *segment,
                            const Field *field, const IndexDefinition *index,
                            const Watch *watch, Error *err);
void scalar_keys_free(ScalarKeys *keys);

#endif
