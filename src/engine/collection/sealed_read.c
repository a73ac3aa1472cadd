/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealed_read.c - values and keys out of a segment file.
 *
 * Whatever is read is verified first, block by block at first touch; offsets of
 * bytes and documents are checked as well, so that no file, however made, leads
 * outside itself.
 */
#include "engine/collection/segment_internal.h"
#include "engine/value/json.h"

static mql_status
damaged(const SealedSegment *segment, const char *what, Error *err)
{
    return error_corrupt(err, section_file_path(segment->file), -1, "%s", what);
}

static mql_status
verify(const SealedSegment *segment, const Section *section, uint64_t first,
       uint64_t count, uint64_t width, Error *err)
{
    return section_verify(segment->file, section, first * width, count * width,
                          err);
}

/* The bytes of rows [row, row + count), which lie behind each other. */
static mql_status
varying_slices(const SealedSegment *segment, const SealedField *field,
               uint32_t row, uint32_t count, Slice *slices, Error *err)
{
    TRY(verify(segment, &field->offsets, row, (uint64_t)count + 1,
               sizeof(uint64_t), err));
    const uint64_t *offsets = (const void *)field->offsets.data;
    uint64_t first = offsets[row];
    for (uint32_t i = 0; i < count; i++) {
        uint64_t from = offsets[row + i];
        uint64_t to = offsets[row + i + 1];
        if (from > to || to > field->values.size)
            return damaged(segment, "wrong offset of a value", err);
        slices[i] = (Slice){from == to ? NULL : field->values.data + from,
                            (size_t)(to - from)};
    }
    uint64_t size = offsets[row + count] - first;
    return size == 0 ? MQL_OK
                     : section_verify(segment->file, &field->values, first,
                                      size, err);
}

mql_status
sealed_slice(const SealedSegment *segment, const SealedField *field,
             uint32_t row, Slice *slice, Error *err)
{
    return varying_slices(segment, field, row, 1, slice, err);
}

/* Whether the bytes of a value that is not NULL are a document. */
static mql_status
check_document_page(const SealedSegment *segment, const SealedField *field,
                    uint32_t page, Error *err)
{
    uint32_t first = page * DOCUMENT_PAGE_ROWS;
    uint32_t count = segment->row_count - first;
    if (count > DOCUMENT_PAGE_ROWS)
        count = DOCUMENT_PAGE_ROWS;
    if (field->has_valid)
        TRY(verify(segment, &field->valid, first, count, 1, err));
    for (uint32_t i = 0; i < count; i++) {
        if (field->has_valid && field->valid.data[first + i] == 0)
            continue;
        Slice document;
        TRY(varying_slices(segment, field, first + i, 1, &document, err));
        if (!json_check(document))
            return damaged(segment, "wrong document", err);
    }
    atomic_store_explicit(&field->checked[page], 1, memory_order_release);
    return MQL_OK;
}

static mql_status
check_documents(const SealedSegment *segment, const SealedField *field,
                uint32_t row, uint32_t count, Error *err)
{
    uint32_t last = (row + count - 1) / DOCUMENT_PAGE_ROWS;
    for (uint32_t page = row / DOCUMENT_PAGE_ROWS; page <= last; page++)
        if (atomic_load_explicit(&field->checked[page], memory_order_acquire) ==
            0)
            TRY(check_document_page(segment, field, page, err));
    return MQL_OK;
}

/* Rows of a range that lie behind each other, from its `at`-th on. */
static mql_status
verify_run(const SealedSegment *segment, const SealedField *field, uint32_t row,
           uint32_t count, ColumnBuilder *out, uint32_t at, Error *err)
{
    if (field->width > 0)
        return verify(segment, &field->values, row, count, field->width, err);
    if (field->checked != NULL)
        TRY(check_documents(segment, field, row, count, err));
    return varying_slices(segment, field, row, count, (Slice *)out->data + at,
                          err);
}

/* Whoever chose the rows may have been misled by a file. */
static bool
range_fits(RowRange range, uint32_t row_count)
{
    if (range.rows == NULL)
        return range.first <= row_count &&
               range.count <= row_count - range.first;
    uint32_t most = 0;
    for (uint32_t i = 0; i < range.count; i++)
        most = range.rows[i] > most ? range.rows[i] : most;
    return most < row_count;
}

/* Values of one width that were verified before, as were their NULLs. Asking
 * that of the whole section is a load for each 4 MiB: cheaper than of each row.
 */
#define SIZE_FOR_ROW ((size_t)32 << 20)
static bool
is_plain(const SealedSegment *segment, const SealedField *field, RowRange range)
{
    return field->width > 0 && range.rows != NULL &&
           field->values.size / SIZE_FOR_ROW < range.count &&
           range_fits(range, segment->row_count) &&
           section_is_verified(segment->file, &field->values) &&
           (!field->has_valid ||
            section_is_verified(segment->file, &field->valid));
}

/* Texts that were verified before, and their offsets and NULLs; documents have
 * checks of their own. */
static bool
is_plain_text(const SealedSegment *segment, const SealedField *field,
              RowRange range)
{
    return field->width == 0 && field->checked == NULL && range.rows != NULL &&
           field->values.size / SIZE_FOR_ROW < range.count &&
           range_fits(range, segment->row_count) &&
           section_is_verified(segment->file, &field->offsets) &&
           section_is_verified(segment->file, &field->values) &&
           (!field->has_valid ||
            section_is_verified(segment->file, &field->valid));
}

static mql_status
gather_slices(const SealedSegment *segment, const SealedField *field,
              RowRange range, Slice *slices, Error *err)
{
    const uint64_t *offsets = (const void *)field->offsets.data;
    for (uint32_t i = 0; i < range.count; i++) {
        uint64_t from = offsets[range.rows[i]];
        uint64_t to = offsets[range.rows[i] + 1];
        if (from > to || to > field->values.size)
            return damaged(segment, "wrong offset of a value", err);
        slices[i] = (Slice){from == to ? NULL : field->values.data + from,
                            (size_t)(to - from)};
    }
    return MQL_OK;
}

static mql_status
read_rows(const SealedSegment *segment, const SealedField *field,
          RowRange range, ColumnBuilder *out, Error *err)
{
    uint32_t row, run;
    bool is_text = is_plain_text(segment, field, range);
    if (is_text || is_plain(segment, field, range)) {
        if (is_text)
            TRY(gather_slices(segment, field, range, out->data, err));
        else
            values_gather(field->type, field->values.data, range, out->data);
        for (uint32_t i = 0; field->has_valid && i < range.count; i++)
            out->valid[i] = (uint8_t)field->valid.data[range.rows[i]];
        return MQL_OK;
    }
    for (uint32_t i = 0; i < range.count; i += run) {
        run = range_run(range, i, UINT32_MAX, &row);
        TRY(verify_run(segment, field, row, run, out, i, err));
        if (!field->has_valid)
            continue;
        TRY(verify(segment, &field->valid, row, run, 1, err));
        memcpy(out->valid + i, field->valid.data + row, run);
    }
    if (field->width > 0)
        values_gather(field->type, field->values.data, range, out->data);
    return MQL_OK;
}

/* Values that stand in the file as they do in a batch: nothing is copied. */
static mql_status
read_in_place(const SealedSegment *segment, const SealedField *field,
              RowRange range, Column *column, bool *done, Error *err)
{
    TypeKind kind = field->type.kind;
    *done =
        range.rows == NULL && range.count > 0 &&
        (kind == TYPE_INT64 || kind == TYPE_TIMESTAMPTZ || kind == TYPE_DOUBLE);
    if (!*done)
        return MQL_OK;
    TRY(verify(segment, &field->values, range.first, range.count, field->width,
               err));
    if (field->has_valid)
        TRY(verify(segment, &field->valid, range.first, range.count, 1, err));
    column->data = field->values.data + range.first * field->width;
    column->valid = field->has_valid
                        ? (const uint8_t *)field->valid.data + range.first
                        : NULL;
    return MQL_OK;
}

static mql_status
check_type(const SealedSegment *segment, const SealedField *stored,
           const Field *field, Error *err)
{
    if (stored->type.kind != field->type.kind ||
        stored->width != type_storage_size(field->type))
        return damaged(segment, "field of another type than in the catalogue",
                       err);
    return MQL_OK;
}

mql_status
sealed_read(const SealedSegment *segment, const Field *field, RowRange range,
            Arena *arena, Column *column, Error *err)
{
    const SealedField *stored = sealed_field(segment, field->id);
    if (stored == NULL)
        return read_absent(field, range.count, arena, column, err);
    TRY(check_type(segment, stored, field, err));
    column->type = field->type;
    bool done;
    TRY(read_in_place(segment, stored, range, column, &done, err));
    if (done)
        return MQL_OK;
    ColumnBuilder builder;
    TRY(column_builder_init(&builder, field->type, range.count, arena, err));
    TRY(read_rows(segment, stored, range, &builder, err));
    column->data = builder.data;
    column->valid = stored->has_valid ? builder.valid : NULL;
    return MQL_OK;
}

bool
sealed_vectors(const SealedSegment *segment, const Field *field,
               VectorColumn *column)
{
    const SealedField *stored = sealed_field(segment, field->id);
    if (stored == NULL || stored->type.kind != field->type.kind ||
        !type_is_vector(stored->type.kind) ||
        stored->type.length != field->type.length)
        return false;
    *column = (VectorColumn){
        .data = stored->values.data,
        .element = type_element(stored->type.kind),
        .count = segment->row_count,
        .dim = stored->type.length,
        .valid = stored->has_valid ? (const uint8_t *)stored->valid.data : NULL,
        .file = segment->file,
        .section = stored->values,
    };
    return true;
}

/* ---- keys ---- */

mql_status
sealed_key(const SealedSegment *segment, uint32_t row, RowKey *key, Error *err)
{
    const SealedField *field = &segment->fields[segment->key_field];
    Value value = {.type = field->type};
    TRY(segment_intact(&segment->base, err));
    if (field->width == 0) {
        TRY(varying_slices(segment, field, row, 1, &value.bytes, err));
    } else {
        TRY(verify(segment, &field->values, row, 1, field->width, err));
        memcpy(&value.integer, field->values.data + row * field->width,
               sizeof value.integer);
    }
    *key = row_key_plain(&value);
    return MQL_OK;
}

static mql_status
filter_has(const SealedSegment *segment, uint64_t hash, bool *has, Error *err)
{
    uint64_t offset = bloom_offset(hash, segment->bloom_blocks);
    TRY(section_verify(segment->file, &segment->bloom, offset, BLOOM_BLOCK_SIZE,
                       err));
    *has = bloom_block_has(segment->bloom.data + offset, hash);
    return MQL_OK;
}

/* The row at a position of the order of keys. */
static mql_status
ordered_row(const SealedSegment *segment, uint32_t position, uint32_t *row,
            Error *err)
{
    TRY(verify(segment, &segment->key_order, position, 1, sizeof *row, err));
    memcpy(row, segment->key_order.data + position * sizeof *row, sizeof *row);
    if (*row >= segment->row_count)
        return damaged(segment, "wrong row in the order of keys", err);
    return MQL_OK;
}

mql_status
sealed_inserted(const SealedSegment *segment, uint32_t row, uint64_t *inserted,
                Error *err)
{
    *inserted = segment->min_inserted;
    if (segment->inserted.size == 0)
        return MQL_OK;
    TRY(verify(segment, &segment->inserted, row, 1, sizeof *inserted, err));
    memcpy(inserted, segment->inserted.data + row * sizeof *inserted,
           sizeof *inserted);
    return MQL_OK;
}

static mql_status
is_visible(const SealedSegment *segment, uint32_t row, uint64_t sequence,
           bool *visible, Error *err)
{
    uint64_t deleted = sealed_deleted(segment, row);
    uint64_t inserted = segment->min_inserted;
    if (segment->inserted.size > 0 && segment->max_inserted > sequence) {
        TRY(verify(segment, &segment->inserted, row, 1, sizeof inserted, err));
        memcpy(&inserted, segment->inserted.data + row * sizeof inserted,
               sizeof inserted);
    }
    *visible = inserted <= sequence && (deleted == 0 || deleted > sequence);
    return MQL_OK;
}

/* First position whose key is not below `key`. */
static mql_status
lower_bound(const SealedSegment *segment, const RowKey *key, uint32_t *position,
            Error *err)
{
    uint32_t low = 0;
    uint32_t high = segment->row_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t row;
        RowKey other;
        TRY(ordered_row(segment, middle, &row, err));
        TRY(sealed_key(segment, row, &other, err));
        if (row_key_compare(&other, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *position = low;
    return MQL_OK;
}

static mql_status
find_key(const SealedSegment *segment, const RowKey *key, uint64_t sequence,
         uint32_t *row, Error *err)
{
    bool is_text = segment->fields[segment->key_field].width == 0;
    if (key->is_text != is_text)
        return error_set(err, ERR_INTERNAL_ERROR, "key of a wrong type");
    bool has;
    TRY(filter_has(segment, key->hash, &has, err));
    if (!has)
        return MQL_OK;
    uint32_t position = 0;
    TRY(lower_bound(segment, key, &position, err));
    for (; position < segment->row_count; position++) {
        uint32_t found;
        RowKey other;
        bool visible;
        TRY(ordered_row(segment, position, &found, err));
        TRY(sealed_key(segment, found, &other, err));
        if (row_key_compare(&other, key) != 0)
            return MQL_OK;
        TRY(is_visible(segment, found, sequence, &visible, err));
        if (visible) {
            *row = found;
            return MQL_OK;
        }
    }
    return MQL_OK;
}

/* What is found in zeros is nothing: asked before and after. */
mql_status
sealed_find_key(const SealedSegment *segment, const RowKey *key,
                uint64_t sequence, uint32_t *row, Error *err)
{
    *row = ROW_NONE;
    TRY(segment_intact(&segment->base, err));
    TRY(find_key(segment, key, sequence, row, err));
    return segment_intact(&segment->base, err);
}
