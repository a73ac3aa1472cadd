/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_write.c - rows of segments, growing or sealed, to a segment file
 * (docs/format/segment.md).
 *
 * One pass over the rows for each section: VALUES (or OFFSETS and BYTES) and
 * VALID of every field, INSERTED when the rows are of different commits,
 * KEY_ORDER, BLOOM, and the header last, when everything in it is known.
 */
#include "engine/collection/segment_internal.h"
#include "engine/collection/zones.h"

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
    char *absent; /* a value of the field being written, in stored form */
} Writing;

/* Rows of one source that lie behind each other, and one of their fields. */
typedef struct Run {
    const RowSource *source;
    const Field *field;
    uint32_t row;
    uint32_t count;
} Run;

typedef mql_status (*RunWork)(Writing *writing, const Run *run, void *context,
                              Error *err);

#define POLL_ROWS 4096u

static mql_status
each_run_of(Writing *writing, Run *run, RunWork work, void *context, Error *err)
{
    const RowSource *source = run->source;
    RowRange range = {source->rows, 0, source->count};
    uint32_t polled = 0;
    for (uint32_t i = 0; i < source->count; i += run->count) {
        run->count = range_run(range, i, POLL_ROWS, &run->row);
        run->count = source_run(source, run->row, run->count);
        TRY(work(writing, run, context, err));
        if (i - polled < POLL_ROWS)
            continue;
        polled = i;
        TRY(watch_poll(writing->input->watch, err));
    }
    return watch_poll(writing->input->watch, err);
}

/* Call `work` for all rows in order; `field` is handed through. */
static mql_status
each_run(Writing *writing, const Field *field, RunWork work, void *context,
         Error *err)
{
    for (uint32_t s = 0; s < writing->input->source_count; s++) {
        Run run = {&writing->input->sources[s], field, 0, 0};
        TRY(each_run_of(writing, &run, work, context, err));
    }
    return MQL_OK;
}

/* The same, but for the first `skipped` rows, which are all in one source. */
static mql_status
each_later_run(Writing *writing, const Field *field, uint32_t skipped,
               RunWork work, Error *err)
{
    const SegmentWrite *input = writing->input;
    RowSource rest = input->sources[0];
    rest.rows += skipped;
    rest.count -= skipped;
    for (uint32_t s = 0; s < input->source_count; s++) {
        Run run = {s == 0 ? &rest : &input->sources[s], field, 0, 0};
        TRY(each_run_of(writing, &run, work, NULL, err));
    }
    return MQL_OK;
}

/* ---- fields ---- */

static mql_status
append_values(Writing *writing, const Run *run, void *context, Error *err)
{
    (void)context;
    size_t width = type_storage_size(run->field->type);
    const char *values;
    TRY(source_values(run->source, run->field, run->row, run->count, &values,
                      err));
    if (values != NULL)
        return section_append(writing->writer, values, run->count * width, err);
    for (uint32_t i = 0; i < run->count; i++)
        TRY(section_append(writing->writer, writing->absent, width, err));
    return MQL_OK;
}

static mql_status
append_offsets(Writing *writing, const Run *run, void *context, Error *err)
{
    uint64_t *offset = context;
    for (uint32_t i = 0; i < run->count; i++) {
        Slice slice;
        TRY(source_slice(run->source, run->field, run->row + i, &slice, err));
        *offset += slice.size;
        TRY(section_append(writing->writer, offset, sizeof *offset, err));
    }
    return MQL_OK;
}

static mql_status
append_bytes(Writing *writing, const Run *run, void *context, Error *err)
{
    (void)context;
    for (uint32_t i = 0; i < run->count; i++) {
        Slice slice;
        TRY(source_slice(run->source, run->field, run->row + i, &slice, err));
        if (slice.size > 0)
            TRY(section_append(writing->writer, slice.data, slice.size, err));
    }
    return MQL_OK;
}

/* A byte for each row of the run, 0: NULL; in place, or in `room`. */
static mql_status
read_valid(const Run *run, uint8_t room[POLL_ROWS], const uint8_t **valid,
           Error *err)
{
    TRY(source_valid(run->source, run->field, run->row, run->count, valid,
                     err));
    if (*valid == NULL) {
        memset(room, source_absent_is_valid(run->source, run->field),
               run->count);
        *valid = room;
    }
    return MQL_OK;
}

static mql_status
append_valid(Writing *writing, const Run *run, void *context, Error *err)
{
    (void)context;
    uint8_t room[POLL_ROWS];
    const uint8_t *valid;
    TRY(read_valid(run, room, &valid, err));
    return section_append(writing->writer, valid, run->count, err);
}

static mql_status
look_for_nulls(Writing *writing, const Run *run, void *context, Error *err)
{
    (void)writing;
    bool *has_nulls = context;
    const uint8_t *valid;
    TRY(source_valid(run->source, run->field, run->row, run->count, &valid,
                     err));
    if (valid == NULL)
        *has_nulls =
            *has_nulls || !source_absent_is_valid(run->source, run->field);
    else if (memchr(valid, 0, run->count) != NULL)
        *has_nulls = true;
    return MQL_OK;
}

/* What rows that were written without the field have there. */
static mql_status
prepare_absent(Writing *writing, const Field *field, Error *err)
{
    size_t width = type_storage_size(field->type);
    free(writing->absent);
    writing->absent = calloc(1, width + 1);
    if (writing->absent == NULL)
        return error_no_memory(err);
    if (!field->has_missing || width == 0)
        return MQL_OK;
    Arena arena;
    Column column;
    arena_init(&arena, 0);
    mql_status status = read_absent(field, 1, &arena, &column, err);
    if (status == MQL_OK && !column_is_null(&column, 0))
        value_to_storage(&column, 0, width, writing->absent);
    arena_free(&arena);
    return status;
}

static mql_status
write_varying(Writing *writing, const Field *field, uint64_t *size, Error *err)
{
    uint64_t offset = 0;
    TRY(section_begin(writing->writer, (SectionId){SECTION_OFFSETS, field->id},
                      err));
    TRY(section_append(writing->writer, &offset, sizeof offset, err));
    TRY(each_run(writing, field, append_offsets, &offset, err));
    TRY(section_begin(writing->writer, (SectionId){SECTION_BYTES, field->id},
                      err));
    TRY(each_run(writing, field, append_bytes, NULL, err));
    *size = offset;
    return MQL_OK;
}

/* ---- zones ---- */

static mql_status
add_text_zones(const Run *run, const uint8_t *valid, ZoneBuilder *zones,
               Error *err)
{
    for (uint32_t i = 0; i < run->count; i++) {
        Value value = {.type = run->field->type};
        if (valid[i] == 0) {
            zones_add_null(zones);
            continue;
        }
        TRY(source_slice(run->source, run->field, run->row + i, &value.bytes,
                         err));
        zones_add(zones, zone_key(&value));
    }
    return MQL_OK;
}

/* Of values of a fixed width, which are all the same when the segment lacks the
 * field. */
static mql_status
add_fixed_zones(const Writing *writing, const Run *run, const uint8_t *valid,
                ZoneBuilder *zones, Error *err)
{
    int64_t physical[POLL_ROWS]; /* as wide as any of them */
    Column column = {.type = run->field->type, .ints = physical};
    const char *values;
    TRY(source_values(run->source, run->field, run->row, run->count, &values,
                      err));
    bool is_absent = values == NULL;
    if (is_absent)
        values = writing->absent;
    values_to_physical(column.type, values, is_absent ? 1 : run->count,
                       physical, 0);
    column.data = physical;
    for (uint32_t i = 0; i < run->count; i++) {
        if (valid[i] == 0)
            zones_add_null(zones);
        else
            zones_add(zones, zone_key_of_column(&column, is_absent ? 0 : i));
    }
    return MQL_OK;
}

static mql_status
add_zones(Writing *writing, const Run *run, void *context, Error *err)
{
    uint8_t room[POLL_ROWS];
    const uint8_t *valid;
    TRY(read_valid(run, room, &valid, err));
    if (run->field->type.kind == TYPE_VARCHAR)
        return add_text_zones(run, valid, context, err);
    return add_fixed_zones(writing, run, valid, context, err);
}

static mql_status
write_zones(Writing *writing, const Field *field, Error *err)
{
    size_t count = (size_t)zone_count(writing->row_count) + 1;
    ZoneBuilder builder;
    Zone *zones = calloc(count, sizeof *zones);
    if (zones == NULL)
        return error_no_memory(err);
    zones_begin(&builder, zones, writing->row_count);
    mql_status status = each_run(writing, field, add_zones, &builder, err);
    zones_finish(&builder);
    if (status == MQL_OK)
        status = section_write(writing->writer,
                               (SectionId){SECTION_ZONES, field->id}, zones,
                               count * sizeof *zones, err);
    free(zones);
    return status;
}

/* Values of a fixed width, unless they were written ahead. */
static mql_status
write_fixed(Writing *writing, const Field *field, Error *err)
{
    const SegmentAhead *ahead = writing->input->ahead;
    if (ahead != NULL && ahead->field == field->id)
        return MQL_OK;
    TRY(section_begin(writing->writer, (SectionId){SECTION_VALUES, field->id},
                      err));
    return each_run(writing, field, append_values, NULL, err);
}

/* What is left of the field written ahead, whose section is begun. */
static mql_status
finish_ahead(Writing *writing, Error *err)
{
    const SegmentWrite *input = writing->input;
    if (input->ahead == NULL)
        return MQL_OK;
    int32_t position =
        collection_find_field_id(input->definition, input->ahead->field);
    const Field *field = &input->definition->fields[position];
    TRY(prepare_absent(writing, field, err));
    return each_later_run(writing, field, input->ahead->row_count,
                          append_values, err);
}

static mql_status
write_field(Writing *writing, const Field *field, Error *err)
{
    uint64_t bytes = 0;
    bool has_nulls = false;
    TRY(prepare_absent(writing, field, err));
    TRY(each_run(writing, field, look_for_nulls, &has_nulls, err));
    if (type_storage_size(field->type) == 0)
        TRY(write_varying(writing, field, &bytes, err));
    else
        TRY(write_fixed(writing, field, err));
    if (has_nulls) {
        TRY(section_begin(writing->writer,
                          (SectionId){SECTION_VALID, field->id}, err));
        TRY(each_run(writing, field, append_valid, NULL, err));
    }
    if (type_has_zones(field->type))
        TRY(write_zones(writing, field, err));
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
static mql_status
inserted_of(const Writing *writing, const RowSource *source, uint32_t row,
            uint64_t *inserted, Error *err)
{
    TRY(source_inserted(source, row, inserted, err));
    if (*inserted == 0)
        *inserted = writing->input->sequence;
    return MQL_OK;
}

static mql_status
find_inserted_range(Writing *writing, Error *err)
{
    writing->min_inserted = UINT64_MAX;
    for (uint32_t s = 0; s < writing->input->source_count; s++) {
        const RowSource *source = &writing->input->sources[s];
        for (uint32_t i = 0; i < source->count; i++) {
            uint32_t row = source->rows != NULL ? source->rows[i] : i;
            uint64_t inserted;
            TRY(inserted_of(writing, source, row, &inserted, err));
            if (inserted < writing->min_inserted)
                writing->min_inserted = inserted;
            if (inserted > writing->max_inserted)
                writing->max_inserted = inserted;
        }
    }
    return MQL_OK;
}

static mql_status
append_inserted(Writing *writing, const Run *run, void *context, Error *err)
{
    (void)context;
    for (uint32_t i = 0; i < run->count; i++) {
        uint64_t inserted;
        TRY(inserted_of(writing, run->source, run->row + i, &inserted, err));
        TRY(section_append(writing->writer, &inserted, sizeof inserted, err));
    }
    return MQL_OK;
}

static mql_status
write_inserted(Writing *writing, Error *err)
{
    TRY(find_inserted_range(writing, err));
    if (writing->min_inserted == writing->max_inserted)
        return MQL_OK;
    TRY(section_begin(writing->writer, (SectionId){SECTION_INSERTED, 0}, err));
    return each_run(writing, NULL, append_inserted, NULL, err);
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

static mql_status
collect_keys(const Writing *writing, KeyedRow *rows, Error *err)
{
    uint32_t count = 0;
    bool is_sorted = true;
    for (uint32_t s = 0; s < writing->input->source_count; s++) {
        const RowSource *source = &writing->input->sources[s];
        for (uint32_t i = 0; i < source->count; i++) {
            uint32_t row = source->rows != NULL ? source->rows[i] : i;
            TRY(source_key(source, row, &rows[count].key, err));
            rows[count].row = count;
            if (count > 0 &&
                compare_keyed_rows(&rows[count - 1], &rows[count]) > 0)
                is_sorted = false;
            count++;
        }
    }
    if (!is_sorted)
        qsort(rows, count, sizeof *rows, compare_keyed_rows);
    return MQL_OK;
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
    mql_status status = collect_keys(writing, rows, err);
    if (status == MQL_OK)
        status = write_key_order(writing, rows, err);
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
    TRY(finish_ahead(writing, err));
    for (uint32_t i = 0; i < fields; i++) {
        watch_report(input->watch, "writing segment", i, fields);
        TRY(write_field(writing, &input->definition->fields[i], err));
    }
    TRY(write_inserted(writing, err));
    TRY(write_keys(writing, err));
    return write_header(writing, err);
}

static mql_status
begin_file(const FileSpace *space, Writing *writing, const char *temporary,
           Error *err)
{
    SegmentAhead *ahead = writing->input->ahead;
    SectionFileIdentity identity =
        segment_identity(space, SECTION_FILE_SEGMENT, writing->input->id, 0);
    if (ahead == NULL)
        return section_writer_create(space->vfs, temporary, identity,
                                     &writing->writer, err);
    writing->writer = ahead->writer;
    ahead->writer = NULL;
    return MQL_OK;
}

static mql_status
write_file(const FileSpace *space, Writing *writing, const char *temporary,
           const char *final, uint64_t *size, Error *err)
{
    TRY(begin_file(space, writing, temporary, err));
    mql_status status = write_sections(writing, err);
    if (status != MQL_OK) {
        section_writer_abort(writing->writer);
        return status;
    }
    return section_writer_finish(writing->writer, final, size, err);
}

static mql_status
count_rows(Writing *writing, Error *err)
{
    uint64_t count = 0;
    for (uint32_t s = 0; s < writing->input->source_count; s++) {
        const RowSource *source = &writing->input->sources[s];
        TRY(source_check(source, writing->input->definition, err));
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
    char *temporary = segment_temporary_path(space, input->id, 0, "seg");
    char *final = segment_path(space, input->id);
    mql_status status = temporary == NULL || final == NULL
                            ? error_no_memory(err)
                            : count_rows(&writing, err);
    entry->row_count = writing.row_count;
    if (status == MQL_OK)
        status =
            write_file(space, &writing, temporary, final, &entry->size, err);
    segment_ahead_abort(input->ahead);
    free(temporary);
    free(final);
    buffer_free(&writing.header);
    free(writing.absent);
    return status;
}
