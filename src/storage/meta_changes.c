/* SPDX-License-Identifier: Apache-2.0 */
/* meta_changes.c - a list of changes to the catalogue, as bytes. */
#include "storage/meta.h"
#include "storage/meta_format.h"

void
meta_changes_free(MetaChanges *changes)
{
    buffer_free(&changes->bytes);
    changes->count = 0;
}

void
meta_change_put(MetaChanges *changes, const char *key, Slice value)
{
    buffer_append_u8(&changes->bytes, META_PUT);
    buffer_append_sized(&changes->bytes, slice_of(key));
    buffer_append_sized(&changes->bytes, value);
    changes->count++;
}

void
meta_change_delete(MetaChanges *changes, const char *key)
{
    buffer_append_u8(&changes->bytes, META_DELETE);
    buffer_append_sized(&changes->bytes, slice_of(key));
    changes->count++;
}

mql_status
meta_next_change(const char *path, Reader *reader, Slice *key, Slice *value,
                 bool *is_put, Error *err)
{
    uint8_t what = read_u8(reader);
    *key = read_sized(reader);
    *is_put = what == META_PUT;
    *value = *is_put ? read_sized(reader) : (Slice){NULL, 0};
    if (reader->failed || key->size == 0 || meta_is_root_key(*key) ||
        (what != META_PUT && what != META_DELETE))
        return error_corrupt(err, path, -1,
                             "damaged list of catalogue changes");
    return MQL_OK;
}
