/* SPDX-License-Identifier: Apache-2.0 */
/*
 * section_writer.c - writing a section file front to back.
 *
 * What is appended gathers in `pending` until it makes SECTION_LARGE_SIZE bytes
 * or the section ends. Only then is the section's place known: a large one is
 * aligned to 2 MiB, a small one to 64 bytes. Pieces go out in whole blocks, so
 * that a block's checksum never waits for a second piece; large pieces go out
 * from where they are, but for the bytes that make a begun block whole.
 *
 * The system is told to bring to the disk what is written every now and then,
 * so that the sync at the end does not wait for all of the file.
 */
#include "storage/section_format.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/map.h"

/* What makes it worth to begin with a sync, or to write less than LARGE_SIZE at
 * once. */
#define SYNC_PIECE ((uint64_t)4 << 20)
#define DIRECT_LEAST ((size_t)4 * SECTION_BLOCK_SIZE)

struct SectionWriter {
    File file;
    SectionFileIdentity identity;
    uint64_t end;      /* where the next byte of the file goes        */
    uint64_t blocks;   /* of all sections so far                      */
    uint64_t sections; /* begun so far                                */
    Map known;         /* kind << 32 | number of each                 */
    bool is_open;      /* a section is begun                          */
    bool is_placed;    /* its offset is known and bytes are out       */
    SectionId id;      /* of that section                             */
    uint64_t offset;   /* of that section, once placed                */
    uint64_t first_block;
    uint64_t written; /* bytes of that section on disk               */
    uint64_t syncing; /* the file's bytes below it are on their way  */
    Buffer pending;   /* bytes of that section not yet on disk       */
    Buffer entries;   /* directory entries, 32 bytes each            */
    Buffer checksums; /* of blocks, 8 bytes each                     */
};

static uint64_t
align_up(uint64_t offset, uint64_t alignment)
{
    return (offset + alignment - 1) / alignment * alignment;
}

static mql_status
write_header(SectionWriter *writer, Error *err)
{
    Buffer header = BUFFER_INIT;
    char *room = buffer_reserve(&header, SECTION_HEADER_SIZE);
    if (room == NULL)
        return error_no_memory(err);
    memset(room, 0, SECTION_HEADER_SIZE);
    buffer_append_u64(&header, SECTION_MAGIC);
    buffer_append_u32(&header, SECTION_VERSION);
    buffer_append_u32(&header, SECTION_HEADER_SIZE);
    buffer_append_u64(&header, writer->identity.database);
    buffer_append_u64(&header, writer->identity.file);
    buffer_append_u32(&header, writer->identity.type);
    header.size = SECTION_HEADER_SIZE - 8;
    buffer_append_u64(&header,
                      section_checksum(writer->identity, SECTION_BLOCK_HEADER,
                                       header.data, header.size));
    mql_status status =
        file_write(&writer->file, header.data, header.size, 0, err);
    buffer_free(&header);
    writer->end = SECTION_HEADER_SIZE;
    return status;
}

mql_status
section_writer_create(const Vfs *vfs, const char *path,
                      SectionFileIdentity identity, SectionWriter **result,
                      Error *err)
{
    *result = NULL;
    SectionWriter *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return error_no_memory(err);
    writer->file = (File)FILE_CLOSED;
    writer->identity = identity;
    mql_status status = file_remove(vfs, path, err);
    if (status == MQL_OK)
        status = file_open(vfs, path, FILE_CREATE, &writer->file, err);
    if (status == MQL_OK)
        status = write_header(writer, err);
    if (status != MQL_OK) {
        section_writer_abort(writer);
        return status;
    }
    *result = writer;
    return MQL_OK;
}

static void
writer_destroy(SectionWriter *writer)
{
    file_close(&writer->file);
    map_free(&writer->known);
    buffer_free(&writer->pending);
    buffer_free(&writer->entries);
    buffer_free(&writer->checksums);
    free(writer);
}

void
section_writer_abort(SectionWriter *writer)
{
    if (writer == NULL)
        return;
    if (writer->file.path != NULL) {
        Error ignored = ERROR_INIT;
        (void)!file_remove(writer->file.vfs, writer->file.path, &ignored);
    }
    writer_destroy(writer);
}

/* Write whole blocks of the section, or its last piece, with checksums. */
static mql_status
write_blocks(SectionWriter *writer, const char *data, size_t size, Error *err)
{
    for (size_t at = 0; at < size; at += SECTION_BLOCK_SIZE) {
        size_t left = size - at;
        size_t block = left < SECTION_BLOCK_SIZE ? left : SECTION_BLOCK_SIZE;
        buffer_append_u64(&writer->checksums,
                          section_checksum(writer->identity, writer->blocks,
                                           data + at, block));
        writer->blocks++;
    }
    if (buffer_failed(&writer->checksums))
        return error_no_memory(err);
    TRY(file_write(&writer->file, data, size, writer->end, err));
    writer->end += size;
    writer->written += size;
    if (writer->end - writer->syncing >= SYNC_PIECE) {
        file_will_sync(&writer->file, writer->syncing,
                       writer->end - writer->syncing);
        writer->syncing = writer->end;
    }
    return MQL_OK;
}

static void
place_section(SectionWriter *writer, uint64_t alignment)
{
    writer->end = align_up(writer->end, alignment);
    writer->offset = writer->end;
    writer->is_placed = true;
}

static mql_status
flush_pending(SectionWriter *writer, Error *err)
{
    TRY(write_blocks(writer, writer->pending.data, writer->pending.size, err));
    buffer_clear(&writer->pending);
    return MQL_OK;
}

static mql_status
end_section(SectionWriter *writer, Error *err)
{
    if (!writer->is_open)
        return MQL_OK;
    if (!writer->is_placed)
        place_section(writer, SECTION_ALIGNMENT);
    if (writer->pending.size > 0)
        TRY(flush_pending(writer, err));
    buffer_append_u32(&writer->entries, writer->id.kind);
    buffer_append_u32(&writer->entries, writer->id.number);
    buffer_append_u64(&writer->entries, writer->offset);
    buffer_append_u64(&writer->entries, writer->written);
    buffer_append_u64(&writer->entries, writer->first_block);
    if (buffer_failed(&writer->entries))
        return error_no_memory(err);
    writer->is_open = false;
    return MQL_OK;
}

mql_status
section_begin(SectionWriter *writer, SectionId id, Error *err)
{
    TRY(end_section(writer, err));
    uint64_t key = (uint64_t)id.kind << 32 | id.number;
    if (map_find_u64(&writer->known, key) != NULL)
        return error_set(err, ERR_INTERNAL_ERROR,
                         "section %u.%u is written twice", id.kind, id.number);
    if (writer->sections == SECTION_COUNT_MOST)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "a file may have at most %u sections",
                         SECTION_COUNT_MOST);
    if (!map_put_u64(&writer->known, key, writer->sections))
        return error_no_memory(err);
    writer->sections++;
    writer->is_open = true;
    writer->is_placed = false;
    writer->id = id;
    writer->first_block = writer->blocks;
    writer->written = 0;
    return MQL_OK;
}

/* What `pending` takes of `size` bytes: up to its end, or only what its last
 * block lacks, when many bytes follow that can go out without it. */
static size_t
pending_room(const SectionWriter *writer, size_t size)
{
    size_t room = (size_t)SECTION_LARGE_SIZE - writer->pending.size;
    size_t begun = writer->pending.size % SECTION_BLOCK_SIZE;
    size_t lack = begun == 0 ? 0 : SECTION_BLOCK_SIZE - begun;
    if (writer->is_placed && size >= lack + DIRECT_LEAST)
        room = lack;
    return size < room ? size : room;
}

/* Append to `pending`, and write it when nothing more is to come to it. */
static mql_status
gather(SectionWriter *writer, const char *data, size_t *size, Error *err)
{
    size_t taken = pending_room(writer, *size);
    bool is_whole = taken < *size;
    buffer_append(&writer->pending, data, taken);
    if (buffer_failed(&writer->pending))
        return error_no_memory(err);
    *size = taken;
    if (!is_whole && writer->pending.size < SECTION_LARGE_SIZE)
        return MQL_OK;
    if (!writer->is_placed)
        place_section(writer, SECTION_LARGE_SIZE);
    return flush_pending(writer, err);
}

mql_status
section_append(SectionWriter *writer, const void *data, size_t size, Error *err)
{
    if (!writer->is_open)
        return error_set(err, ERR_INTERNAL_ERROR, "no section is begun");
    const char *from = data;
    while (size > 0) {
        bool is_direct = writer->pending.size == 0 &&
                         (writer->is_placed || size >= SECTION_LARGE_SIZE) &&
                         size >= SECTION_BLOCK_SIZE;
        if (is_direct && !writer->is_placed)
            place_section(writer, SECTION_LARGE_SIZE);
        size_t taken = size;
        if (is_direct) {
            taken = size / SECTION_BLOCK_SIZE * SECTION_BLOCK_SIZE;
            TRY(write_blocks(writer, from, taken, err));
        } else {
            TRY(gather(writer, from, &taken, err));
        }
        from += taken;
        size -= taken;
    }
    return MQL_OK;
}

mql_status
section_write(SectionWriter *writer, SectionId id, const void *data,
              size_t size, Error *err)
{
    TRY(section_begin(writer, id, err));
    return section_append(writer, data, size, err);
}

/* Block checksums, directory and footer. */
static mql_status
write_tail(SectionWriter *writer, Error *err)
{
    const Buffer *table = &writer->checksums;
    uint64_t table_offset = align_up(writer->end, SECTION_ALIGNMENT);
    uint64_t directory_offset =
        align_up(table_offset + table->size, SECTION_ALIGNMENT);

    Buffer tail = BUFFER_INIT; /* the directory, then the footer */
    buffer_append_slice(&tail, buffer_slice(&writer->entries));
    uint64_t number = SECTION_BLOCK_TABLE;
    for (size_t at = 0; at < table->size; at += SECTION_BLOCK_SIZE) {
        size_t left = table->size - at;
        size_t size = left < SECTION_BLOCK_SIZE ? left : SECTION_BLOCK_SIZE;
        buffer_append_u64(&tail, section_checksum(writer->identity, number++,
                                                  table->data + at, size));
    }
    size_t directory_size = tail.size;
    uint64_t checksum = section_checksum(
        writer->identity, SECTION_BLOCK_DIRECTORY, tail.data, directory_size);
    buffer_append_u64(&tail, table_offset);
    buffer_append_u64(&tail, writer->blocks);
    buffer_append_u64(&tail, directory_offset);
    buffer_append_u64(&tail, writer->sections);
    buffer_append_u64(&tail,
                      directory_offset + directory_size + SECTION_FOOTER_SIZE);
    buffer_append_u64(&tail, checksum);
    buffer_append_u64(&tail, SECTION_END_MAGIC);
    mql_status status = MQL_OK;
    if (!buffer_failed(&tail))
        buffer_append_u64(&tail, section_checksum(writer->identity,
                                                  SECTION_BLOCK_FOOTER,
                                                  tail.data + directory_size,
                                                  SECTION_FOOTER_SIZE - 8));
    if (buffer_failed(&tail))
        status = error_no_memory(err);
    if (status == MQL_OK)
        status = file_write(&writer->file, table->data, table->size,
                            table_offset, err);
    if (status == MQL_OK)
        status = file_write(&writer->file, tail.data, tail.size,
                            directory_offset, err);
    writer->end = directory_offset + tail.size;
    buffer_free(&tail);
    return status;
}

/* fsync the directory that holds `path`. */
static mql_status
sync_parent(const Vfs *vfs, const char *path, Error *err)
{
    char *directory = strdup(path);
    if (directory == NULL)
        return error_no_memory(err);
    char *slash = strrchr(directory, '/');
    if (slash == NULL)
        memcpy(directory, ".", 2);
    else
        slash[slash == directory] = '\0';
    mql_status status = directory_sync(vfs, directory, err);
    free(directory);
    return status;
}

mql_status
section_writer_finish(SectionWriter *writer, const char *final_path,
                      uint64_t *file_size, Error *err)
{
    const Vfs *vfs = writer->file.vfs;
    *file_size = 0;
    mql_status status = end_section(writer, err);
    if (status == MQL_OK)
        status = write_tail(writer, err);
    if (status == MQL_OK)
        status = file_sync(&writer->file, err);
    if (status == MQL_OK)
        status = file_rename(vfs, writer->file.path, final_path, err);
    if (status != MQL_OK) {
        section_writer_abort(writer);
        return status;
    }
    uint64_t size = writer->end;
    writer_destroy(writer);
    status = sync_parent(vfs, final_path, err);
    if (status != MQL_OK) {
        Error ignored = ERROR_INIT;
        (void)!file_remove(vfs, final_path, &ignored);
        return status;
    }
    *file_size = size;
    return MQL_OK;
}
