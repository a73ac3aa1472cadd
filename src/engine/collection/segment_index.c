/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_index.c - building an index file for a sealed segment, and opening
 * it.
 *
 * An index is derived: what does not open is bypassed with a warning and the
 * planner scans instead. A field that the segment was written without has no
 * index.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/collection/scalar_keys.h"
#include "engine/collection/segment_internal.h"

static const Field *
indexed_field(const Collection *definition, const IndexDefinition *index)
{
    int32_t position = collection_find_field_id(definition, index->field);
    return position < 0 ? NULL : &definition->fields[position];
}

/* ---- building ---- */

static void
report_build(void *context, uint64_t done, uint64_t total)
{
    watch_report(context, "building index", done, total);
}

/* Whether the build stays within maintenance_work_mem. */
static mql_status
check_memory(const FileSpace *space, const IndexDefinition *index,
             const IndexBuild *build, Error *err)
{
    const IndexKind *kind = index->kind;
    if (kind->memory == NULL || space->residence == NULL)
        return MQL_OK;
    uint64_t needed = kind->memory(build);
    uint64_t limit = atomic_load(&space->residence->build_limit);
    if (needed <= limit)
        return MQL_OK;
    uint32_t rows = build->vectors != NULL ? build->vectors->count
                                           : build->scalars->row_count;
    error_set(err, ERR_OUT_OF_MEMORY,
              "building index \"%s\" may take more memory than allowed",
              index->name);
    error_detail(err,
                 "An index of kind %s over a segment of %" PRIu32
                 " rows takes up to %" PRIu64
                 " bytes while it is built; %" PRIu64 " are allowed.",
                 kind->name, rows, needed, limit);
    return error_hint(err, "Raise maintenance_work_mem (SET GLOBAL), or make "
                           "segments smaller.");
}

static mql_status
run_build(const FileSpace *space, const IndexDefinition *index,
          const VectorColumn *vectors, const ScalarColumn *scalars,
          const Watch *watch, SectionWriter *writer, Error *err)
{
    IndexBuild build = {
        .metric = index->metric,
        .options = &index->options,
        .vectors = vectors,
        .scalars = scalars,
        .pool = space->pool,
        .cancel = watch != NULL ? watch->cancel : NULL,
        .progress =
            watch != NULL && watch->progress != NULL ? report_build : NULL,
        .progress_context = (void *)(uintptr_t)watch,
    };
    TRY(check_memory(space, index, &build, err));
    return index->kind->build(&build, writer, err);
}

static mql_status
build_sections(const FileSpace *space, const SealedSegment *segment,
               const Field *field, const IndexDefinition *index,
               const Watch *watch, SectionWriter *writer, Error *err)
{
    if (index->kind->is_vector) {
        VectorColumn vectors;
        if (!sealed_vectors(segment, field, &vectors))
            return error_set(err, ERR_INTERNAL_ERROR,
                             "no vectors for the index");
        return run_build(space, index, &vectors, NULL, watch, writer, err);
    }
    ScalarKeys keys;
    TRY(scalar_keys_read(&keys, &segment->base, field, index, watch, err));
    mql_status status =
        run_build(space, index, NULL, &keys.column, watch, writer, err);
    scalar_keys_free(&keys);
    return status;
}

static mql_status
build_file(const FileSpace *space, const SealedSegment *segment,
           const Field *field, const IndexDefinition *index, const Watch *watch,
           SectionWriter *writer, Error *err)
{
    mql_status status =
        build_sections(space, segment, field, index, watch, writer, err);
    if (status == MQL_OK)
        return MQL_OK;
    section_writer_abort(writer);
    return status;
}

mql_status
segment_index_build(const FileSpace *space, const SealedSegment *segment,
                    const Collection *definition, const IndexDefinition *index,
                    const Watch *watch, uint64_t *size, Error *err)
{
    const Field *field = indexed_field(definition, index);
    uint64_t id = segment->base.id;
    char *temporary = segment_temporary_path(space, id, index->id, "idx");
    char *final = segment_index_path(space, id, index->id);
    SectionWriter *writer;
    mql_status status;
    if (temporary == NULL || final == NULL)
        status = error_no_memory(err);
    else if (field == NULL)
        status = error_set(err, ERR_INTERNAL_ERROR, "index without a field");
    else
        status = section_writer_create(
            space->vfs, temporary,
            segment_identity(space, SECTION_FILE_INDEX, id, index->id), &writer,
            err);
    if (status == MQL_OK)
        status = build_file(space, segment, field, index, watch, writer, err);
    else
        goto done;
    if (status == MQL_OK)
        status = section_writer_finish(writer, final, size, err);
done:
    free(temporary);
    free(final);
    return status;
}

/* ---- opening ---- */

static mql_status
open_index_file(const FileSpace *space, uint64_t segment, uint64_t index,
                SectionFile **file, Error *err)
{
    char *path = segment_index_path(space, segment, index);
    if (path == NULL)
        return error_no_memory(err);
    mql_status status = section_file_open(
        space->vfs, path,
        segment_identity(space, SECTION_FILE_INDEX, segment, index), file, err);
    free(path);
    return status;
}

static mql_status
open_parts(const FileSpace *space, const SealedSegment *segment,
           const Field *field, const IndexDefinition *index,
           SegmentIndex *opened, Error *err)
{
    IndexOpen input = {.metric = index->metric,
                       .options = &index->options,
                       .row_count = segment->row_count};
    if (!index->kind->is_vector)
        TRY(scalar_keys_type(field, index, &input.key_type, err));
    if (index->kind->is_vector) {
        if (!sealed_vectors(segment, field, &opened->vectors))
            return error_set(err, ERR_DATA_CORRUPTED, "vectors are missing");
        input.vectors = &opened->vectors;
    }
    if (index->kind->has_file) {
        TRY(open_index_file(space, segment->base.id, index->id, &opened->file,
                            err));
        input.file = opened->file;
    }
    return index->kind->open(&input, &opened->index, err);
}

static void
link_index(SealedSegment *segment, SegmentIndex *opened)
{
    opened->next =
        atomic_load_explicit(&segment->indexes, memory_order_relaxed);
    atomic_store_explicit(&segment->indexes, opened, memory_order_release);
}

mql_status
segment_index_open(const FileSpace *space, SealedSegment *segment,
                   const Collection *definition, const IndexDefinition *index,
                   Error *err)
{
    const Field *field = indexed_field(definition, index);
    if (field == NULL || sealed_field(segment, field->id) == NULL ||
        segment_index(&segment->base, index->id) != NULL)
        return MQL_OK;
    SegmentIndex *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return error_no_memory(err);
    opened->id = index->id;
    Error failure = ERROR_INIT;
    mql_status status =
        open_parts(space, segment, field, index, opened, &failure);
    if (status == MQL_OK) {
        residence_take_index(space, segment, opened->file, definition, index);
        link_index(segment, opened);
        return MQL_OK;
    }
    if (opened->file != NULL)
        section_file_close(opened->file);
    free(opened);
    if (status == MQL_NO_MEMORY)
        return error_no_memory(err);
    atomic_fetch_add(&segment->bypassed, 1);
    log_write(&space->log, "WARNING",
              "index \"%s\" of segment %" PRIu64 " is bypassed: %s",
              index->name, segment->base.id, failure.text);
    return MQL_OK;
}
