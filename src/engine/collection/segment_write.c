/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_write.c - rows of growing segments to a segment file
 * (docs/format/segment.md).
 *
 * One pass over the rows for each section: VALUES (or OFFSETS and BYTES) and
 * VALID of every field, INSERTED when the rows are of different commits,
 * KEY_ORDER, BLOOM, and the header last, when everything in it is known.
 */
#include "engine/collection/segment_internal.h"

#include <stdlib.h>

#define SEGMENT_VERSION 1u

/* What is being written. */
typedef struct Writing {
    const SegmentWrite *input;
    SectionWriter *writer;
    Buffer header;
    uint32_t row_count;
    uint64_t min_inserted;
    uint64_t max_inserted;
} Writing;

/* One stretch of rows that lie behind each other in a chunk. */
typedef mql_status (*RunWork)(Writing *writing, const GrowingSegment *segment,
                              uint32_t position, uint32_t row, uint32_t run,
                              void *context, Error *err);

/* Call `work` for all rows in order; `position` is handed through: the field's.
 */
static mql_status
each_run(Writing *writing, uint32_t position, RunWork work, void *context,
         Error *err)
{
    for (uint32_t s = 0; s < writing->input->source_count; s++) {
        const RowSource *source = &writing->input->sources[s];
        RowRange range = {source->rows, 0, source->count};
        for (uint32_t i = 0; i < source->count;) {
            uint32_t row;
            uint32_t run =
                range_run(range, i, 1u << source->segment->chunk_shift, &row);
            run = growing_run(source->segment, row, run);
            TRY(work(writing, source->segment, position, row, run, context,
                     err));
            i += run;
        }
        TRY(watch_poll(writing->input->watch, err));
    }
    return MQL_OK;
}

/* ---- fields ---- */

static mql_status
append_values(Writing *writing, const GrowingSegment *segment,
              uint32_t position, uint32_t row, uint32_t run, void *context,
              Error *err)
{
    (void)context;
    const GrowingField *field = &segment->fields[position];
    return section_append(writing->writer, growing_value(segment, field, row),
                          run * field->width, err);
}

static Slice
slice_at(const GrowingSegment *segment, uint32_t position, uint32_t row)
{
    Slice slice;
    memcpy(&slice, growing_value(segment, &segment->fields[position], row),
           sizeof slice);
    return slice;
}

static mql_status
append_offsets(Writing *writing, const GrowingSegment *segment,
               uint32_t position, uint32_t row, uint32_t run, void *context,
               Error *err)
{
    uint64_t *offset = context;
    for (uint32_t i = 0; i < run; i++) {
        *offset += slice_at(segment, position, row + i).size;
        TRY(section_append(writing->writer, offset, sizeof *offset, err));
    }
    return MQL_OK;
}

static mql_status
append_bytes(Writing *writing, const GrowingSegment *segment, uint32_t position,
             uint32_t row, uint32_t run, void *context, Error *err)
{
    (void)context;
    for (uint32_t i = 0; i < run; i++) {
        Slice slice = slice_at(segment, position, row + i);
        if (slice.size > 0)
            TRY(section_append(writing->writer, slice.data, slice.size, err));
    }
    return MQL_OK;
}

static const uint8_t *
valid_at(const GrowingSegment *segment, uint32_t position, uint32_t row)
{
    uint32_t place = row & ((1u << segment->chunk_shift) - 1);
    return (const uint8_t *)growing_chunk(segment, row) +
           segment->fields[position].valid_offset + place;
}

static mql_status
append_valid(Writing *writing, const GrowingSegment *segment, uint32_t position,
             uint32_t row, uint32_t run, void *context, Error *err)
{
    (void)context;
    return section_append(writing->writer, valid_at(segment, position, row),
                          run, err);
}

static mql_status
look_for_nulls(Writing *writing, const GrowingSegment *segment,
               uint32_t position, uint32_t row, uint32_t run, void *context,
               Error *err)
{
    (void)writing;
    (void)err;
    bool *has_nulls = context;
    if (atomic_load(&segment->fields[position].has_nulls) &&
        memchr(valid_at(segment, position, row), 0, run) != NULL)
        *has_nulls = true;
    return MQL_OK;
}

static mql_status
write_varying(Writing *writing, uint32_t position, uint32_t id, uint64_t *size,
              Error *err)
{
    uint64_t offset = 0;
    TRY(section_begin(writing->writer, (SectionId){SECTION_OFFSETS, id}, err));
    TRY(section_append(writing->writer, &offset, sizeof offset, err));
    TRY(each_run(writing, position, append_offsets, &offset, err));
    TRY(section_begin(writing->writer, (SectionId){SECTION_BYTES, id}, err));
    TRY(each_run(writing, position, append_bytes, NULL, err));
    *size = offset;
    return MQL_OK;
}

static mql_status
write_field(Writing *writing, uint32_t position, Error *err)
{
    const Field *field = &writing->input->definition->fields[position];
    uint64_t bytes = 0;
    bool has_nulls = false;
    TRY(each_run(writing, position, look_for_nulls, &has_nulls, err));
    if (type_storage_size(field->type) == 0) {
        TRY(write_varying(writing, position, field->id, &bytes, err));
    } else {
        TRY(section_begin(writing->writer,
                          (SectionId){SECTION_VALUES, field->id}, err));
        TRY(each_run(writing, position, append_values, NULL, err));
    }
    if (has_nulls) {
        TRY(section_begin(writing->writer,
                          (SectionId){SECTION_VALID, field->id}, err));
        TRY(each_run(writing, position, append_valid, NULL, err));
    }
    buffer_append_u32(&writing->header, field->id);
    buffer_append_u8(&writing->header, (uint8_t)field->type.kind);
    buffer_append_u8(&writing->header, (uint8_t)field->type.element);
    buffer_append_u8(&writing->header, has_nulls);
    buffer_append_u8(&writing->header, 0);
    buffer_append_u32(&writing->header, field->type.length);
    buffer_append_u32(&writing->header, field->type.element_length);
    buffer_append_u64(&writing->header, bytes);
    return MQL_OK;
}

/* ---- numbers of insertion ---- */

/* Rows that a transaction staged have no number of their own yet. */
static uint64_t
inserted_of(const Writing *writing, const GrowingSegment *segment, uint32_t row)
{
    uint64_t inserted = growing_inserted(segment, row);
    return inserted != 0 ? inserted : writing->input->sequence;
}

static void
find_inserted_range(Writing *writing)
{
    writing->min_inserted = UINT64_MAX;
    for (uint32_t s = 0; s < writing->input->source_count; s++) {
        const RowSource *source = &writing->input->sources[s];
        for (uint32_t i = 0; i < source->count; i++) {
            uint32_t row = source->rows != NULL ? source->rows[i] : i;
            uint64_t inserted = inserted_of(writing, source->segment, row);
            if (inserted < writing->min_inserted)
                writing->min_inserted = inserted;
            if (inserted > writing->max_inserted)
                writing->max_inserted = inserted;
        }
    }
}

static mql_status
append_inserted(Writing *writing, const GrowingSegment *segment,
                uint32_t position, uint32_t row, uint32_t run, void *context,
                Error *err)
{
    (void)position;
    (void)context;
    for (uint32_t i = 0; i < run; i++) {
        uint64_t inserted = inserted_of(writing, segment, row + i);
        TRY(section_append(writing->writer, &inserted, sizeof inserted, err));
    }
    return MQL_OK;
}

static mql_status
write_inserted(Writing *writing, Error *err)
{
    find_inserted_range(writing);
    if (writing->min_inserted == writing->max_inserted)
        return MQL_OK;
    TRY(section_begin(writing->writer, (SectionId){SECTION_INSERTED, 0}, err));
    return each_run(writing, 0, append_inserted, NULL, err);
}

/* ---- keys ---- */

typedef struct KeyedRow {
    RowKey key;
    uint32_t row; /* in the file */
} KeyedRow;

static int
compare_keyed_rows(const void *a, const void *b)
{
    const KeyedRow *left = a;
    const KeyedRow *right = b;
    int order = row_key_compare(&left->key, &right->key);
    /* Of one key the newest comes first: it is the one mostly asked for. */
    return order != 0 ? order
                      : (left->row < right->row) - (left->row > right->row);
}

static void
collect_keys(const Writing *writing, KeyedRow *rows)
{
    uint32_t count = 0;
    bool is_sorted = true;
    for (uint32_t s = 0; s < writing->input->source_count; s++) {
        const RowSource *source = &writing->input->sources[s];
        for (uint32_t i = 0; i < source->count; i++) {
            uint32_t row = source->rows != NULL ? source->rows[i] : i;
            rows[count].key = growing_key(source->segment, row);
            rows[count].row = count;
            if (count > 0 &&
                compare_keyed_rows(&rows[count - 1], &rows[count]) > 0)
                is_sorted = false;
            count++;
        }
    }
    if (!is_sorted)
        qsort(rows, count, sizeof *rows, compare_keyed_rows);
}

static mql_status
write_key_order(Writing *writing, const KeyedRow *rows, Error *err)
{
    TRY(section_begin(writing->writer, (SectionId){SECTION_KEY_ORDER, 0}, err));
    for (uint32_t i = 0; i < writing->row_count; i++)
        TRY(section_append(writing->writer, &rows[i].row, sizeof rows[i].row,
                           err));
    return MQL_OK;
}

static mql_status
write_bloom(Writing *writing, const KeyedRow *rows, Error *err)
{
    uint32_t blocks = bloom_blocks(writing->row_count);
    char *filter = calloc(blocks, BLOOM_BLOCK_SIZE);
    if (filter == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < writing->row_count; i++)
        bloom_block_add(filter + bloom_offset(rows[i].key.hash, blocks),
                        rows[i].key.hash);
    mql_status status =
        section_write(writing->writer, (SectionId){SECTION_BLOOM, 0}, filter,
                      (size_t)blocks * BLOOM_BLOCK_SIZE, err);
    free(filter);
    return status;
}

static mql_status
write_keys(Writing *writing, Error *err)
{
    KeyedRow *rows = calloc(writing->row_count, sizeof *rows);
    if (rows == NULL)
        return error_no_memory(err);
    collect_keys(writing, rows);
    mql_status status = write_key_order(writing, rows, err);
    if (status == MQL_OK)
        status = write_bloom(writing, rows, err);
    free(rows);
    return status;
}

/* ---- the file ---- */

static mql_status
write_header(Writing *writing, Error *err)
{
    Buffer start = BUFFER_INIT;
    buffer_append_u32(&start, SEGMENT_VERSION);
    buffer_append_u32(&start, writing->row_count);
    buffer_append_u32(&start, writing->input->definition->field_count);
    buffer_append_u32(&start, writing->input->definition->primary);
    buffer_append_u64(&start, writing->input->definition->id);
    buffer_append_u64(&start, writing->input->partition);
    buffer_append_u64(&start, writing->min_inserted);
    buffer_append_u64(&start, writing->max_inserted);
    buffer_append_u32(&start, bloom_blocks(writing->row_count));
    buffer_append_u32(&start, 0);
    buffer_append_slice(&start, buffer_slice(&writing->header));
    mql_status status;
    if (buffer_failed(&start) || buffer_failed(&writing->header))
        status = error_no_memory(err);
    else
        status = section_write(writing->writer, (SectionId){SECTION_HEADER, 0},
                               start.data, start.size, err);
    buffer_free(&start);
    return status;
}

static mql_status
write_sections(Writing *writing, Error *err)
{
    const SegmentWrite *input = writing->input;
    uint32_t fields = input->definition->field_count;
    for (uint32_t i = 0; i < fields; i++) {
        watch_report(input->watch, "writing segment", i, fields);
        TRY(write_field(writing, i, err));
    }
    TRY(write_inserted(writing, err));
    TRY(write_keys(writing, err));
    return write_header(writing, err);
}

static mql_status
write_file(const FileSpace *space, Writing *writing, const char *temporary,
           const char *final, uint64_t *size, Error *err)
{
    SectionFileIdentity identity =
        segment_identity(space, SECTION_FILE_SEGMENT, writing->input->id, 0);
    TRY(section_writer_create(space->vfs, temporary, identity, &writing->writer,
                              err));
    mql_status status = write_sections(writing, err);
    if (status != MQL_OK) {
        section_writer_abort(writing->writer);
        return status;
    }
    return section_writer_finish(writing->writer, final, size, err);
}

/* Every source must have the definition's fields. */
static mql_status
count_rows(Writing *writing, Error *err)
{
    uint64_t count = 0;
    for (uint32_t s = 0; s < writing->input->source_count; s++) {
        const RowSource *source = &writing->input->sources[s];
        if (!growing_fits(source->segment, writing->input->definition))
            return error_set(err, ERR_INTERNAL_ERROR,
                             "rows of another definition");
        count += source->count;
    }
    if (count == 0 || count >= ROW_NONE)
        return error_set(err, ERR_INTERNAL_ERROR,
                         "wrong number of rows for a segment");
    writing->row_count = (uint32_t)count;
    return MQL_OK;
}

mql_status
segment_write(const FileSpace *space, const SegmentWrite *input,
              SegmentEntry *entry, Error *err)
{
    Writing writing = {.input = input, .header = BUFFER_INIT};
    *entry = (SegmentEntry){.id = input->id,
                            .collection = input->definition->id,
                            .partition = input->partition};
    TRY(count_rows(&writing, err));
    entry->row_count = writing.row_count;
    char *temporary = segment_temporary_path(space, input->id, 0, "seg");
    char *final = segment_path(space, input->id);
    mql_status status;
    if (temporary == NULL || final == NULL)
        status = error_no_memory(err);
    else
        status =
            write_file(space, &writing, temporary, final, &entry->size, err);
    free(temporary);
    free(final);
    buffer_free(&writing.header);
    return status;
}
