/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_files.c - names and identities of a segment's files, its entry in the
 * catalogue, and the watch over long work.
 */
#include "engine/collection/segment_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_TEXT_SIZE 64
#define ENTRY_VERSION 1u

/* ---- names ---- */

/* directory/name under the database's path. */
static char *
space_path(const FileSpace *space, const char *directory, const char *name)
{
    char *folder = path_join(space->path, directory);
    if (folder == NULL)
        return NULL;
    char *path = path_join(folder, name);
    free(folder);
    return path;
}

char *
segment_path(const FileSpace *space, uint64_t segment)
{
    char name[NAME_TEXT_SIZE];
    snprintf(name, sizeof name, "%" PRIu64 ".seg", segment);
    return space_path(space, "segments", name);
}

char *
segment_index_path(const FileSpace *space, uint64_t segment, uint64_t index)
{
    char name[NAME_TEXT_SIZE];
    snprintf(name, sizeof name, "%" PRIu64 "-%" PRIu64 ".idx", segment, index);
    return space_path(space, "segments", name);
}

char *
segment_deletes_path(const FileSpace *space, uint64_t segment,
                     uint64_t sequence)
{
    char name[NAME_TEXT_SIZE];
    snprintf(name, sizeof name, "%" PRIu64 "-%" PRIu64 ".del", segment,
             sequence);
    return space_path(space, "segments", name);
}

char *
segment_temporary_path(const FileSpace *space, uint64_t segment,
                       uint64_t number, const char *extension)
{
    char name[NAME_TEXT_SIZE];
    snprintf(name, sizeof name, "%" PRIu64 "-%" PRIu64 ".%s", segment, number,
             extension);
    return space_path(space, "tmp", name);
}

bool
segment_file_parse(const char *name, uint64_t *segment, uint64_t *number,
                   const char **extension)
{
    char *end;
    if (*name < '0' || *name > '9')
        return false;
    *segment = strtoull(name, &end, 10);
    *number = 0;
    if (*end == '-' && end[1] >= '0' && end[1] <= '9')
        *number = strtoull(end + 1, &end, 10);
    if (*end != '.')
        return false;
    *extension = end + 1;
    return strcmp(*extension, "seg") == 0 || strcmp(*extension, "idx") == 0 ||
           strcmp(*extension, "del") == 0;
}

bool
segment_entry_names(const SegmentEntry *entry, uint64_t number,
                    const char *extension)
{
    if (strcmp(extension, "seg") == 0)
        return true;
    if (strcmp(extension, "del") == 0)
        return entry->deletes == number;
    return segment_entry_has_index(entry, number);
}

SectionFileIdentity
segment_identity(const FileSpace *space, uint32_t type, uint64_t segment,
                 uint64_t number)
{
    /* Two ids in one number: only files with both right have the right
     * checksums. */
    uint64_t file = segment ^ number * 0x9E3779B97F4A7C15u;
    return (SectionFileIdentity){space->database, file, type};
}

/* ---- the entry ---- */

void
segment_entry_encode(Buffer *out, const SegmentEntry *entry)
{
    buffer_append_u8(out, ENTRY_VERSION);
    buffer_append_u64(out, entry->id);
    buffer_append_u64(out, entry->collection);
    buffer_append_u64(out, entry->partition);
    buffer_append_u32(out, entry->row_count);
    buffer_append_u64(out, entry->sequence);
    buffer_append_u64(out, entry->size);
    buffer_append_u64(out, entry->deletes);
    buffer_append_u64(out, entry->deletes_size);
    buffer_append_u32(out, entry->index_count);
    for (uint32_t i = 0; i < entry->index_count; i++) {
        buffer_append_u64(out, entry->indexes[i].index);
        buffer_append_u64(out, entry->indexes[i].size);
    }
}

static mql_status
decode_entry_indexes(Reader *reader, SegmentEntry *entry, Error *err)
{
    uint32_t count = read_u32(reader);
    if (reader->failed || count > SEGMENT_INDEXES_MOST)
        return error_set(err, ERR_DATA_CORRUPTED,
                         "damaged entry of a segment in the catalogue");
    for (uint32_t i = 0; i < count; i++) {
        IndexFile file;
        file.index = read_u64(reader);
        file.size = read_u64(reader);
        if (!segment_entry_add_index(entry, file))
            return error_no_memory(err);
    }
    return MQL_OK;
}

mql_status
segment_entry_decode(Slice bytes, SegmentEntry *entry, Error *err)
{
    Reader reader = reader_of(bytes);
    *entry = (SegmentEntry){0};
    uint8_t version = read_u8(&reader);
    entry->id = read_u64(&reader);
    entry->collection = read_u64(&reader);
    entry->partition = read_u64(&reader);
    entry->row_count = read_u32(&reader);
    entry->sequence = read_u64(&reader);
    entry->size = read_u64(&reader);
    entry->deletes = read_u64(&reader);
    entry->deletes_size = read_u64(&reader);
    mql_status status = decode_entry_indexes(&reader, entry, err);
    if (status == MQL_OK &&
        (version != ENTRY_VERSION || reader.failed ||
         reader_left(&reader) != 0 || entry->row_count == 0 ||
         entry->row_count == ROW_NONE))
        status = error_set(err, ERR_DATA_CORRUPTED,
                           "damaged entry of a segment in the catalogue");
    if (status != MQL_OK)
        segment_entry_free(entry);
    return status;
}

mql_status
segment_entry_copy(const SegmentEntry *entry, SegmentEntry *copy, Error *err)
{
    *copy = *entry;
    copy->indexes = NULL;
    copy->index_count = 0;
    for (uint32_t i = 0; i < entry->index_count; i++) {
        if (segment_entry_add_index(copy, entry->indexes[i]))
            continue;
        segment_entry_free(copy);
        return error_no_memory(err);
    }
    return MQL_OK;
}

void
segment_entry_free(SegmentEntry *entry)
{
    free(entry->indexes);
    entry->indexes = NULL;
    entry->index_count = 0;
}

bool
segment_entry_has_index(const SegmentEntry *entry, uint64_t index)
{
    for (uint32_t i = 0; i < entry->index_count; i++)
        if (entry->indexes[i].index == index)
            return true;
    return false;
}

bool
segment_entry_add_index(SegmentEntry *entry, IndexFile file)
{
    segment_entry_remove_index(entry, file.index);
    IndexFile *grown = realloc(
        entry->indexes, (entry->index_count + (size_t)1) * sizeof *grown);
    if (grown == NULL)
        return false;
    grown[entry->index_count++] = file;
    entry->indexes = grown;
    return true;
}

void
segment_entry_remove_index(SegmentEntry *entry, uint64_t index)
{
    for (uint32_t i = 0; i < entry->index_count; i++) {
        if (entry->indexes[i].index != index)
            continue;
        entry->index_count--;
        entry->indexes[i] = entry->indexes[entry->index_count];
        return;
    }
}

/* ---- the watch ---- */

mql_status
watch_poll(const Watch *watch, Error *err)
{
    if (watch == NULL || watch->cancel == NULL ||
        !atomic_load_explicit(watch->cancel, memory_order_relaxed))
        return MQL_OK;
    return error_set(err, ERR_QUERY_CANCELED,
                     "canceling statement due to user request");
}

void
watch_report(const Watch *watch, const char *phase, uint64_t done,
             uint64_t total)
{
    if (watch != NULL && watch->progress != NULL)
        watch->progress(watch->context, phase, done, total);
}
