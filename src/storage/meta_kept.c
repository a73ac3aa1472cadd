/* SPDX-License-Identifier: Apache-2.0 */
/* meta_kept.c - catalogue changes that stay in memory, sorted by key. */
#include "storage/meta_kept.h"

#include <stdlib.h>
#include <string.h>

#include "storage/meta_format.h"

/* Where the key is, or belongs. */
static size_t
position_of(const MetaKept *kept, Slice key)
{
    size_t low = 0;
    size_t high = kept->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slice_compare(kept->changes[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
is_at(const MetaKept *kept, size_t position, Slice key)
{
    return position < kept->count &&
           slice_equal(kept->changes[position].key, key);
}

static mql_status
reserve(MetaKept *kept, Error *err)
{
    if (kept->count < kept->capacity)
        return MQL_OK;
    size_t capacity = kept->capacity == 0 ? 16 : kept->capacity * 2;
    KeptChange *changes = realloc(kept->changes, capacity * sizeof *changes);
    if (changes == NULL)
        return error_no_memory(err);
    kept->changes = changes;
    kept->capacity = capacity;
    return MQL_OK;
}

/* `value` NULL: deleted. */
static mql_status
keep(MetaKept *kept, Slice key, const Slice *value, Error *err)
{
    TRY(reserve(kept, err));
    size_t size = value == NULL ? 0 : value->size;
    char *copy = malloc(key.size + size + 1);
    if (copy == NULL)
        return error_no_memory(err);
    memcpy(copy, key.data, key.size);
    if (size > 0)
        memcpy(copy + key.size, value->data, size);
    size_t position = position_of(kept, key);
    if (is_at(kept, position, key)) {
        free((char *)(uintptr_t)kept->changes[position].key.data);
    } else {
        memmove(kept->changes + position + 1, kept->changes + position,
                (kept->count - position) * sizeof *kept->changes);
        kept->count++;
    }
    kept->changes[position] = (KeptChange){
        {copy, key.size},
        {value == NULL ? NULL : copy + key.size, size},
    };
    return MQL_OK;
}

mql_status
meta_kept_add(MetaKept *kept, const char *path, Slice changes, Error *err)
{
    Reader reader = reader_of(changes);
    while (reader_left(&reader) > 0) {
        Slice key;
        Slice value;
        bool is_put;
        TRY(meta_next_change(path, &reader, &key, &value, &is_put, err));
        TRY(keep(kept, key, is_put ? &value : NULL, err));
    }
    return MQL_OK;
}

static bool
has_prefix(Slice key, Slice prefix)
{
    return key.size >= prefix.size &&
           slice_equal((Slice){key.data, prefix.size}, prefix);
}

mql_status
meta_kept_each(const MetaKept *kept, Slice prefix, Slice pairs,
               mql_status (*each)(void *context, Slice key, Slice value,
                                  Error *err),
               void *context, Error *err)
{
    Reader reader = reader_of(pairs);
    size_t next = position_of(kept, prefix);
    for (;;) {
        Reader ahead = reader;
        bool has_pair = reader_left(&ahead) > 0;
        bool has_kept =
            next < kept->count && has_prefix(kept->changes[next].key, prefix);
        if (!has_pair && !has_kept)
            return MQL_OK;
        Slice key = {NULL, 0};
        Slice value = {NULL, 0};
        if (has_pair) {
            key = read_sized(&ahead);
            value = read_sized(&ahead);
        }
        int order = !has_kept  ? -1
                    : has_pair ? slice_compare(key, kept->changes[next].key)
                               : 1;
        if (order <= 0)
            reader = ahead;
        if (order >= 0) {
            key = kept->changes[next].key;
            value = kept->changes[next].value;
            next++;
        }
        if (order < 0 || value.data != NULL)
            TRY(each(context, key, value, err));
    }
}

void
meta_kept_free(MetaKept *kept)
{
    for (size_t i = 0; i < kept->count; i++)
        free((char *)(uintptr_t)kept->changes[i].key.data);
    free(kept->changes);
    *kept = (MetaKept){NULL, 0, 0};
}
