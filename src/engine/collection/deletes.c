/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deletes.c - the deletions of a sealed segment as a file: rows ascending, and
 * the sequence number of each (docs/format/segment.md). A flush writes a new
 * one and the old one goes.
 */
#include "engine/collection/segment_internal.h"

#include <stdlib.h>

typedef struct Deletion {
    uint32_t row;
    uint64_t sequence;
} Deletion;

/* The next deletion from `from` on; false: no more. */
static bool
next_deletion(const SealedSegment *segment, uint64_t sequence,
              const uint64_t *more, uint32_t from, Deletion *deletion)
{
    for (uint32_t row = from; row < segment->row_count; row++) {
        uint64_t number = sealed_deleted(segment, row);
        if (number == 0 && more != NULL && bits_get(more, row))
            number = sequence;
        if (number == 0)
            continue;
        *deletion = (Deletion){row, number};
        return true;
    }
    return false;
}

static mql_status
write_sections(const SealedSegment *segment, uint64_t sequence,
               const uint64_t *more, SectionWriter *writer, Error *err)
{
    Deletion deletion;
    TRY(section_begin(writer, (SectionId){SECTION_DELETED_ROWS, 0}, err));
    for (uint32_t row = 0;
         next_deletion(segment, sequence, more, row, &deletion);
         row = deletion.row + 1)
        TRY(section_append(writer, &deletion.row, sizeof deletion.row, err));
    TRY(section_begin(writer, (SectionId){SECTION_DELETED_SEQUENCES, 0}, err));
    for (uint32_t row = 0;
         next_deletion(segment, sequence, more, row, &deletion);
         row = deletion.row + 1)
        TRY(section_append(writer, &deletion.sequence, sizeof deletion.sequence,
                           err));
    return MQL_OK;
}

static mql_status
write_file(const FileSpace *space, const SealedSegment *segment,
           uint64_t sequence, const uint64_t *more, const char *temporary,
           const char *final, uint64_t *size, Error *err)
{
    SectionWriter *writer;
    TRY(section_writer_create(space->vfs, temporary,
                              segment_identity(space, SECTION_FILE_DELETES,
                                               segment->base.id, sequence),
                              &writer, err));
    mql_status status = write_sections(segment, sequence, more, writer, err);
    if (status != MQL_OK) {
        section_writer_abort(writer);
        return status;
    }
    return section_writer_finish(writer, final, size, err);
}

mql_status
deletes_write(const FileSpace *space, const SealedSegment *segment,
              uint64_t sequence, const uint64_t *more, uint64_t *size,
              Error *err)
{
    char *temporary =
        segment_temporary_path(space, segment->base.id, sequence, "del");
    char *final = segment_deletes_path(space, segment->base.id, sequence);
    mql_status status;
    if (temporary == NULL || final == NULL)
        status = error_no_memory(err);
    else
        status = write_file(space, segment, sequence, more, temporary, final,
                            size, err);
    free(temporary);
    free(final);
    return status;
}

static mql_status
read_sections(SealedSegment *segment, SectionFile *file, Error *err)
{
    Section rows;
    Section sequences;
    TRY(section_require(file, (SectionId){SECTION_DELETED_ROWS, 0}, SIZE_MAX,
                        &rows, err));
    size_t count = rows.size / sizeof(uint32_t);
    TRY(section_require(file, (SectionId){SECTION_DELETED_SEQUENCES, 0},
                        count * sizeof(uint64_t), &sequences, err));
    const uint32_t *row = (const void *)rows.data;
    const uint64_t *sequence = (const void *)sequences.data;
    for (size_t i = 0; i < count; i++) {
        if (row[i] >= segment->row_count || (i > 0 && row[i] <= row[i - 1]) ||
            sequence[i] == 0)
            return error_corrupt(err, section_file_path(file), -1,
                                 "wrong deletion");
        TRY(sealed_reserve_delete(segment, row[i], err));
        sealed_delete(segment, row[i], sequence[i]);
    }
    return section_file_intact(file, err);
}

mql_status
deletes_read(const FileSpace *space, SealedSegment *segment, Error *err)
{
    uint64_t number = segment->entry.deletes;
    char *path = segment_deletes_path(space, segment->base.id, number);
    if (path == NULL)
        return error_no_memory(err);
    SectionFile *file;
    mql_status status = section_file_open(
        space->vfs, path,
        segment_identity(space, SECTION_FILE_DELETES, segment->base.id, number),
        &file, err);
    free(path);
    TRY(status);
    status = read_sections(segment, file, err);
    section_file_close(file);
    return status;
}
