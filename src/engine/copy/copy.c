/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy.c - a reader's life: choose the format, open the files, fill batches,
 * and say where a failure happened.
 */
#include "engine/copy/copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "engine/copy/copy_internal.h"

#define BAD_TEXT_MOST 64 /* bytes of a bad value that a detail shows */
/* Memory that bad rows may take between two good ones. */
#define BAD_ROWS_SIZE_MOST ((size_t)64 << 20)

/* ---- opening ---- */

static mql_status
choose_format(CopyReader *reader, Error *err)
{
    const CopySource *source = &reader->source;
    Slice asked = reader->options.format;
    if (asked.size == 0 && source->paths == NULL)
        asked = slice_of(csv_format.name);
    Slice path = source->paths == NULL ? (Slice){"", 0} : source->paths[0];
    for (size_t i = 0; copy_formats[i] != NULL; i++) {
        const CopyFormat *format = copy_formats[i];
        bool is_it =
            asked.size > 0 && slice_equal_nocase(asked, slice_of(format->name));
        for (size_t j = 0; asked.size == 0 && format->suffixes[j] != NULL; j++)
            is_it = is_it || path_has_suffix(path, format->suffixes[j]);
        if (is_it) {
            reader->format = format;
            return MQL_OK;
        }
    }
    error_set(err, ERR_INVALID_PARAMETER,
              "cannot tell the format of \"%.*s\" from its name",
              (int)path.size, path.data);
    return error_hint(err, "Say which: WITH (FORMAT csv), jsonl, json or npy.");
}

/* An option of another format would be ignored, so it is refused. */
static mql_status
check_options(const CopyReader *reader, Error *err)
{
    const CopyOptions *options = &reader->options;
    const CopyFormat *format = reader->format;
    const char *name = options->header_is_set       ? "HEADER"
                       : options->delimiter != '\0' ? "DELIMITER"
                       : options->null_is_set       ? "NULL"
                                                    : NULL;
    if (name != NULL && !format->takes_csv_options)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "COPY %s is not an option of format %s", name,
                         format->name);
    char delimiter = options->delimiter;
    if (delimiter != '\0' && options->null_text.size > 0 &&
        memchr(options->null_text.data, delimiter, options->null_text.size))
        return error_set(err, ERR_INVALID_PARAMETER,
                         "COPY delimiter must not appear in the NULL "
                         "specification");
    return MQL_OK;
}

static mql_status
check_files(const CopyReader *reader, Error *err)
{
    uint32_t files = reader->input_count;
    if (reader->format->has_file_for_each_field) {
        if (files == reader->field_count)
            return MQL_OK;
        return error_set(err, ERR_INVALID_PARAMETER,
                         "format %s needs a file for each field: %" PRIu32
                         " fields, %" PRIu32 " files",
                         reader->format->name, reader->field_count, files);
    }
    if (files == 1)
        return MQL_OK;
    return error_set(err, ERR_INVALID_PARAMETER,
                     "format %s takes one file, not %" PRIu32,
                     reader->format->name, files);
}

/* The reader with its own copies of the structs it was given. */
static mql_status
create(const CopySource *source, const CopyField *fields, uint32_t field_count,
       const CopyOptions *options, CopyReader **made, Error *err)
{
    *made = NULL;
    CopyReader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return error_no_memory(err);
    *made = reader;
    Arena *arena = &reader->arena;
    arena_init(arena, 0);
    reader->source = *source;
    reader->options = *options;
    reader->field_count = field_count;
    reader->dynamic_field = -1;
    reader->bad_field = -1;
    size_t room = (size_t)field_count + 1;
    uint32_t files = source->paths == NULL ? 1 : source->path_count;
    reader->fields = arena_alloc_array(arena, room, sizeof *fields);
    reader->builders = arena_alloc_array(arena, room, sizeof(ColumnBuilder));
    reader->vectors = arena_alloc_array(arena, room, sizeof(float *));
    reader->places = arena_alloc_array(arena, BATCH_ROWS, sizeof(uint64_t));
    reader->inputs = arena_alloc_array(arena, (size_t)files + 1, sizeof(Input));
    if (reader->fields == NULL || reader->builders == NULL ||
        reader->vectors == NULL || reader->places == NULL ||
        reader->inputs == NULL)
        return error_no_memory(err);
    reader->input_count = files;
    for (uint32_t i = 0; i < files; i++)
        reader->inputs[i].file = (File)FILE_CLOSED;
    for (uint32_t i = 0; i < field_count; i++) {
        reader->fields[i] = fields[i];
        if (fields[i].is_dynamic)
            reader->dynamic_field = (int32_t)i;
    }
    return MQL_OK;
}

static mql_status
open_all(CopyReader *reader, Error *err)
{
    if (reader->source.paths == NULL && reader->source.read == NULL)
        return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                         "there is no STDIN to copy from");
    TRY(choose_format(reader, err));
    TRY(check_options(reader, err));
    TRY(check_files(reader, err));
    for (uint32_t i = 0; i < reader->input_count; i++)
        TRY(input_open(&reader->inputs[i], &reader->source, i, &reader->arena,
                       err));
    return reader->format->open(reader, err);
}

/* ---- where it happened ---- */

static const Input *
bad_input(const CopyReader *reader)
{
    bool by_field =
        reader->format->has_file_for_each_field && reader->bad_field >= 0;
    return &reader->inputs[by_field ? reader->bad_field : 0];
}

/* As much of a bad value as a line can show. */
static void
print_bad_text(Slice text, char *out, size_t size)
{
    size_t most = text.size > BAD_TEXT_MOST ? BAD_TEXT_MOST : text.size;
    size_t shown = 0;
    while (shown < most && (unsigned char)text.data[shown] >= 0x20)
        shown++;
    size_t bad;
    if (!utf8_valid(text.data, shown, &bad))
        shown = bad;
    snprintf(out, size, ": \"%.*s%s\"", (int)shown, text.data,
             shown < text.size ? "..." : "");
}

/* Put the place before what the detail says: "items.csv, line 3, field price:
 * ..." */
static void
add_place(const CopyReader *reader, Error *err)
{
    const Input *input = bad_input(reader);
    char what[BAD_TEXT_MOST + 16] = "";
    char said[ERROR_TEXT_SIZE];
    char record[32] = "";
    if (input->name == NULL || err->status == MQL_NO_MEMORY)
        return;
    memcpy(said, err->detail, sizeof said);
    if (said[0] == '\0' && reader->bad_field >= 0 &&
        reader->bad_text.data != NULL)
        print_bad_text(reader->bad_text, what, sizeof what);
    if (reader->place > 0)
        snprintf(record, sizeof record, ", %s %" PRIu64, reader->format->record,
                 reader->place);
    Slice field = {"", 0};
    if (reader->bad_field >= 0)
        field = reader->fields[reader->bad_field].name;
    err->detail[0] = '\0';
    error_detail(err, "%.200s%s%s%.*s%s%s%s", input->name, record,
                 field.size > 0 ? ", field " : "",
                 (int)(field.size > 100 ? 100 : field.size), field.data, what,
                 said[0] != '\0' ? ": " : "", said);
}

mql_status
copy_open(const CopySource *source, const CopyField *fields,
          uint32_t field_count, const CopyOptions *options, CopyReader **reader,
          Error *err)
{
    CopyReader *made;
    *reader = NULL;
    mql_status status =
        create(source, fields, field_count, options, &made, err);
    if (status == MQL_OK) {
        status = open_all(made, err);
        if (status != MQL_OK && made->format != NULL)
            add_place(made, err);
    }
    if (status != MQL_OK) {
        copy_close(made);
        return status;
    }
    *reader = made;
    return MQL_OK;
}

void
copy_close(CopyReader *reader)
{
    if (reader == NULL)
        return;
    for (uint32_t i = 0; i < reader->input_count; i++)
        input_close(&reader->inputs[i]);
    buffer_free(&reader->scratch);
    buffer_free(&reader->gathered);
    arena_free(&reader->arena);
    free(reader);
}

/* ---- reading ---- */

/* A failure of one row that ON_ERROR ignore passes over. */
static bool
can_skip(const CopyReader *reader, const Error *err)
{
    return reader->options.skips_errors && reader->has_record &&
           err->status != MQL_NO_MEMORY && err->status != MQL_IO;
}

/* Rows until the batch is full; *found is false once there are no more. */
static mql_status
fill(CopyReader *reader, bool *found, Error *err)
{
    *found = true;
    while (!rows_full(reader)) {
        reader->has_record = false;
        reader->bad_field = -1;
        reader->bad_text = (Slice){NULL, 0};
        mql_status status = reader->format->next(reader, found, err);
        if (status == MQL_OK && !*found)
            return MQL_OK;
        if (status == MQL_OK) {
            reader->places[reader->row++] = reader->place;
            continue;
        }
        size_t used = reader->batch_arena->used - reader->batch_used;
        if (!can_skip(reader, err) || used > BAD_ROWS_SIZE_MOST) {
            add_place(reader, err);
            return status;
        }
        error_clear(err);
        reader->skipped++;
    }
    return MQL_OK;
}

mql_status
copy_next(CopyReader *reader, Arena *arena, Batch *batch, Error *err)
{
    bool found;
    *batch = (Batch){0};
    TRY(rows_begin(reader, arena, err));
    TRY(fill(reader, &found, err));
    return rows_finish(reader, batch, err);
}

void
copy_place(const CopyReader *reader, uint32_t row, char *text, size_t size)
{
    uint64_t place = row < reader->row ? reader->places[row] : reader->place;
    snprintf(text, size, "%s, %s %" PRIu64, reader->inputs[0].name,
             reader->format->record, place);
}

void
copy_progress(const CopyReader *reader, uint64_t *done, uint64_t *total)
{
    *done = 0;
    *total = 0;
    for (uint32_t i = 0; i < reader->input_count; i++) {
        *done += reader->inputs[i].read;
        *total += reader->inputs[i].total;
    }
}

uint64_t
copy_skipped(const CopyReader *reader)
{
    return reader->skipped;
}
