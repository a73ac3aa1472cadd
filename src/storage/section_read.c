/* SPDX-License-Identifier: Apache-2.0 */
/*
 * section_read.c - bytes of a section by reading the file, instead of through
 * its mapping, so that no page of it becomes resident in the process.
 *
 * What is trusted is what the mapping trusts: a block is read whole and checked
 * the first time, and what is handed out then are the bytes that were checked;
 * from then on its bit is set and only what is wanted is read. The descriptor
 * is opened when it is needed first and stays open for as long as the file.
 */
#include "storage/section_internal.h"

#include <stdlib.h>
#include <string.h>

/* The file of that name must be the one that was mapped: its header has the
 * identity, its footer the checksum of the directory. */
static mql_status
check_is_mapped(const SectionFile *file, File *handle, Error *err)
{
    char footer[SECTION_FOOTER_SIZE], header[SECTION_HEADER_SIZE];
    uint64_t size, at = file->size - SECTION_FOOTER_SIZE;
    TRY(file_size(handle, &size, err));
    if (size != file->size)
        return error_corrupt(err, file->path, (int64_t)size,
                             "the file is not what was opened");
    TRY(file_read(handle, header, sizeof header, 0, err));
    TRY(file_read(handle, footer, sizeof footer, at, err));
    bool is_same = memcmp(header, file->data, sizeof header) == 0 &&
                   memcmp(footer, file->data + at, sizeof footer) == 0;
    TRY(section_file_intact(file, err));
    if (!is_same)
        return error_corrupt(err, file->path, 0,
                             "the file is not what was opened");
    return MQL_OK;
}

/* `reader` OUT: borrows the descriptor and the path of the file. */
static mql_status
take_reader(SectionFile *file, File *reader, Error *err)
{
    *reader = (File){file->vfs, atomic_load(&file->reader), file->path};
    if (reader->fd >= 0)
        return MQL_OK;
    File handle;
    TRY(file_open(file->vfs, file->path, FILE_PLAIN, &handle, err));
    mql_status status = check_is_mapped(file, &handle, err);
    if (status != MQL_OK) {
        file_close(&handle);
        return status;
    }
    file_read_at_random(&handle);
    reader->fd = handle.fd;
    int none = -1;
    if (atomic_compare_exchange_strong(&file->reader, &none, handle.fd))
        handle.fd = -1; /* it stays open */
    else
        reader->fd = none; /* another thread was here first */
    file_close(&handle);
    return MQL_OK;
}

/* Bytes [from, to) of block `i`, which nobody has checked, into `data`. */
static mql_status
read_checked(SectionFile *file, File *reader, const SectionEntry *entry,
             uint64_t i, uint64_t from, uint64_t to, char *data, Error *err)
{
    uint64_t offset = i * SECTION_BLOCK_SIZE, left = entry->size - offset;
    uint64_t size = left < SECTION_BLOCK_SIZE ? left : SECTION_BLOCK_SIZE;
    char *block = malloc(SECTION_BLOCK_SIZE);
    if (block == NULL)
        return error_no_memory(err);
    mql_status status =
        file_read(reader, block, (size_t)size, entry->offset + offset, err);
    if (status == MQL_OK)
        status = section_check_bytes(file, entry, i, block, &size, err);
    status = section_explain_fault(file, status, err);
    if (status == MQL_OK) {
        section_set_verified(file, entry->first_block + i, size);
        memcpy(data, block + (from - offset), (size_t)(to - from));
    }
    free(block);
    return status;
}

/* Bytes [from, to) of the section: blocks that were checked as far as they go,
 * else one block. `end` OUT: how far it came. */
static mql_status
read_some(SectionFile *file, File *reader, const SectionEntry *entry,
          uint64_t from, uint64_t to, uint64_t *end, char *data, Error *err)
{
    uint64_t i = from / SECTION_BLOCK_SIZE, first = i;
    while (i * SECTION_BLOCK_SIZE < to &&
           section_block_is_verified(file, entry->first_block + i))
        i++;
    bool is_checked = i > first;
    i += !is_checked;
    *end = i * SECTION_BLOCK_SIZE < to ? i * SECTION_BLOCK_SIZE : to;
    if (is_checked)
        return file_read(reader, data, (size_t)(*end - from),
                         entry->offset + from, err);
    return read_checked(file, reader, entry, first, from, *end, data, err);
}

mql_status
section_read(SectionFile *file, const Section *section, uint64_t offset,
             uint64_t size, void *data, Error *err)
{
    const SectionEntry *entry = &file->entries[section->index];
    if (size == 0)
        return MQL_OK;
    if (atomic_load(&entry->is_held) || offset > entry->size ||
        size > entry->size - offset) {
        TRY(section_verify(file, section, offset, size, err));
        memcpy(data, section->data + offset, (size_t)size);
        return section_file_intact(file, err);
    }
    File reader;
    TRY(take_reader(file, &reader, err));
    char *to = data;
    for (uint64_t from = offset, end; from < offset + size; from = end)
        TRY(read_some(file, &reader, entry, from, offset + size, &end,
                      to + (from - offset), err));
    return MQL_OK;
}

void
section_reader_close(SectionFile *file)
{
    int fd = atomic_load(&file->reader);
    if (fd >= 0)
        file->vfs->close(file->vfs->context, fd);
}
