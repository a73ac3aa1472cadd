/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_ahead.c - a segment file that is begun while its rows still come.
 *
 * A transaction with many rows will write them as a segment when it commits.
 * The values of their widest field are most of that file; they are its first
 * section, and go out chunk by chunk, so that the disk works while the next
 * rows are made. Published rows of a growing segment never change, so the n-th
 * value in the file is that of row n; segment_write() goes on from there. When
 * some row is deleted again, places no longer fit, and the file is thrown away.
 */
#include "engine/collection/segment_internal.h"

#include <stdlib.h>

/* Narrow values are not worth a file of their own for a while. */
#define WIDTH_LEAST 64u

static const GrowingField *
widest_field(const GrowingSegment *rows)
{
    const GrowingField *widest = NULL;
    for (uint32_t i = 0; i < rows->field_count; i++) {
        const GrowingField *field = &rows->fields[i];
        if (!field->is_varying && field->width >= WIDTH_LEAST &&
            (widest == NULL || field->width > widest->width))
            widest = field;
    }
    return widest;
}

static mql_status
create(const FileSpace *space, SegmentAhead *ahead, Error *err)
{
    SectionFileIdentity identity =
        segment_identity(space, SECTION_FILE_SEGMENT, ahead->id, 0);
    char *path = segment_temporary_path(space, ahead->id, 0, "seg");
    if (path == NULL)
        return error_no_memory(err);
    mql_status status =
        section_writer_create(space->vfs, path, identity, &ahead->writer, err);
    free(path);
    TRY(status);
    return section_begin(ahead->writer,
                         (SectionId){SECTION_VALUES, ahead->field}, err);
}

mql_status
segment_ahead_begin(const FileSpace *space, uint64_t id,
                    const GrowingSegment *rows, SegmentAhead **ahead,
                    Error *err)
{
    *ahead = NULL;
    const GrowingField *field = widest_field(rows);
    if (field == NULL)
        return MQL_OK;
    SegmentAhead *begun = calloc(1, sizeof *begun);
    if (begun == NULL)
        return error_no_memory(err);
    *begun = (SegmentAhead){.id = id, .rows = rows, .field = field->id};
    mql_status status = create(space, begun, err);
    if (status != MQL_OK) {
        segment_ahead_abort(begun);
        return status;
    }
    *ahead = begun;
    return MQL_OK;
}

bool
segment_ahead_is_due(const SegmentAhead *ahead)
{
    return atomic_load(&ahead->rows->count) - ahead->row_count >=
           1u << ahead->rows->chunk_shift;
}

mql_status
segment_ahead_write(SegmentAhead *ahead, Error *err)
{
    const GrowingSegment *rows = ahead->rows;
    const GrowingField *field = growing_field(rows, ahead->field);
    uint32_t chunk = 1u << rows->chunk_shift;
    while (segment_ahead_is_due(ahead)) {
        TRY(section_append(ahead->writer,
                           growing_value(rows, field, ahead->row_count),
                           chunk * field->width, err));
        ahead->row_count += chunk;
    }
    return MQL_OK;
}

void
segment_ahead_abort(SegmentAhead *ahead)
{
    if (ahead == NULL)
        return;
    section_writer_abort(ahead->writer);
    free(ahead);
}

bool
segment_ahead_fits(const SegmentAhead *ahead, const SegmentWrite *write)
{
    if (write->source_count == 0)
        return false;
    const RowSource *first = &write->sources[0];
    return first->segment == ahead->rows && first->count > 0 &&
           first->count >= ahead->row_count &&
           first->rows[first->count - 1] == first->count - 1 &&
           collection_find_field_id(write->definition, ahead->field) >= 0;
}
