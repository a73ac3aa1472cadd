/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_source.c - rows to be written again, out of segments of either kind, in
 * stored form.
 *
 * What is read from a file is verified first. A field that the segment was
 * written without has nothing here: the writer puts its default or NULL.
 */
#include "engine/collection/segment_internal.h"

static mql_status
wrong_field(Error *err)
{
    return error_set(err, ERR_DATA_CORRUPTED,
                     "field of another type than in the catalogue");
}

/* Fields may be absent, but not of another type. */
mql_status
source_check(const RowSource *source, const Collection *definition, Error *err)
{
    for (uint32_t i = 0; i < definition->field_count; i++) {
        const Field *field = &definition->fields[i];
        Type type = field->type;
        if (source->sealed != NULL) {
            const SealedField *stored = sealed_field(source->sealed, field->id);
            if (stored != NULL)
                type = stored->type;
        } else {
            const GrowingField *stored =
                growing_field(source->segment, field->id);
            if (stored != NULL)
                type = stored->type;
        }
        if (type.kind != field->type.kind ||
            type_storage_size(type) != type_storage_size(field->type))
            return wrong_field(err);
    }
    return MQL_OK;
}

uint32_t
source_run(const RowSource *source, uint32_t row, uint32_t most)
{
    return source->sealed != NULL ? most
                                  : growing_run(source->segment, row, most);
}

mql_status
source_values(const RowSource *source, const Field *field, uint32_t row,
              uint32_t count, const char **values, Error *err)
{
    *values = NULL;
    if (source->sealed == NULL) {
        const GrowingField *stored = growing_field(source->segment, field->id);
        if (stored != NULL)
            *values = growing_value(source->segment, stored, row);
        return MQL_OK;
    }
    const SealedField *stored = sealed_field(source->sealed, field->id);
    if (stored == NULL)
        return MQL_OK;
    uint64_t offset = (uint64_t)row * stored->width;
    TRY(section_verify(source->sealed->file, &stored->values, offset,
                       (uint64_t)count * stored->width, err));
    *values = stored->values.data + offset;
    return MQL_OK;
}

mql_status
source_slice(const RowSource *source, const Field *field, uint32_t row,
             Slice *slice, Error *err)
{
    *slice = (Slice){NULL, 0};
    if (source->sealed != NULL) {
        const SealedField *stored = sealed_field(source->sealed, field->id);
        if (stored != NULL)
            return sealed_slice(source->sealed, stored, row, slice, err);
    } else {
        const GrowingField *stored = growing_field(source->segment, field->id);
        if (stored != NULL) {
            memcpy(slice, growing_value(source->segment, stored, row),
                   sizeof *slice);
            return MQL_OK;
        }
    }
    if (field->has_missing && !field->missing_value.is_null)
        *slice = field->missing_value.bytes;
    return MQL_OK;
}

mql_status
source_valid(const RowSource *source, const Field *field, uint32_t row,
             uint32_t count, const uint8_t **valid, Error *err)
{
    *valid = NULL;
    if (source->sealed == NULL) {
        const GrowingField *stored = growing_field(source->segment, field->id);
        if (stored != NULL)
            *valid = growing_valid(source->segment, stored, row);
        return MQL_OK;
    }
    const SealedField *stored = sealed_field(source->sealed, field->id);
    if (stored == NULL || !stored->has_valid)
        return MQL_OK;
    TRY(section_verify(source->sealed->file, &stored->valid, row, count, err));
    *valid = (const uint8_t *)stored->valid.data + row;
    return MQL_OK;
}

bool
source_absent_is_valid(const RowSource *source, const Field *field)
{
    if (source->sealed != NULL && sealed_field(source->sealed, field->id))
        return true; /* it has no NULLs */
    return field->has_missing && !field->missing_value.is_null;
}

mql_status
source_inserted(const RowSource *source, uint32_t row, uint64_t *inserted,
                Error *err)
{
    if (source->sealed != NULL)
        return sealed_inserted(source->sealed, row, inserted, err);
    *inserted = growing_inserted(source->segment, row);
    return MQL_OK;
}

mql_status
source_key(const RowSource *source, uint32_t row, RowKey *key, Error *err)
{
    if (source->sealed == NULL) {
        *key = growing_key(source->segment, row);
        return MQL_OK;
    }
    TRY(sealed_key(source->sealed, row, key, err));
    key->hash = row_key_hash(key);
    return MQL_OK;
}

uint64_t
source_deleted(const RowSource *source, uint32_t row)
{
    return source->sealed != NULL ? sealed_deleted(source->sealed, row)
                                  : growing_deleted(source->segment, row);
}
