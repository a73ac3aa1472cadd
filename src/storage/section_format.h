/* SPDX-License-Identifier: Apache-2.0 */
/*
 * section_format.h - what section_writer.c writes and section_file.c reads.
 *
 * All integers are little-endian; padding is zero; every checksum is XXH3 keyed
 * {database id, file id, block number}. docs/format/section-file.md says the
 * same in prose.
 *
 *   header, 4096 bytes at offset 0
 *     offset size
 *          0    8  magic "MQLSECT\0"
 *          8    4  version, 1
 *         12    4  size of the header, 4096
 *         16    8  database id
 *         24    8  file id
 *         32    4  type, the owner's word
 *         36 4052  zero
 *       4088    8  checksum of the bytes before it, block number HEADER
 *
 *   sections, each at a multiple of 64 (of 2 MiB when it has 2 MiB or more),
 *   in the order of the directory; zero between them
 *
 *   block checksums, 8 bytes for each 64 KiB of each section (the last block of
 *   a section may be shorter), numbered from 0 through the whole file; at a
 *   multiple of 64
 *
 *   directory, at a multiple of 64
 *     32 bytes for each section
 *          0    4  kind
 *          4    4  number
 *          8    8  offset in the file
 *         16    8  size in bytes
 *         24    8  number of its first block
 *     8 bytes for each 64 KiB of the block checksums: the checksum of those
 *          bytes, block number TABLE + i
 *
 *   footer, the last 64 bytes
 *          0    8  offset of the block checksums
 *          8    8  number of blocks
 *         16    8  offset of the directory
 *         24    8  number of sections
 *         32    8  size of the file, this footer included
 *         40    8  checksum of the directory, block number DIRECTORY
 *         48    8  magic "MQLSEND\0"
 *         56    8  checksum of the bytes before it, block number FOOTER
 */
#ifndef STORAGE_SECTION_FORMAT_H
#define STORAGE_SECTION_FORMAT_H

#include <stdint.h>

#include "base/checksum.h"
#include "storage/section_file.h"

#define SECTION_MAGIC UINT64_C(0x00544345534C514D)
#define SECTION_END_MAGIC UINT64_C(0x00444E45534C514D)
#define SECTION_VERSION 1u
#define SECTION_HEADER_SIZE 4096u
#define SECTION_FOOTER_SIZE 64u
#define SECTION_ENTRY_SIZE 32u
#define SECTION_ALIGNMENT 64u
#define SECTION_LARGE_SIZE ((uint64_t)2 * 1024 * 1024)
/* Sections a file may have; a bound for what a directory can ask for. */
#define SECTION_COUNT_MOST (1u << 20)

/* Block numbers no block of a section has. */
#define SECTION_BLOCK_HEADER (UINT64_MAX - 1)
#define SECTION_BLOCK_DIRECTORY (UINT64_MAX - 2)
#define SECTION_BLOCK_FOOTER (UINT64_MAX - 3)
#define SECTION_BLOCK_TABLE ((uint64_t)1 << 62)

static inline uint64_t
section_checksum(SectionFileIdentity identity, uint64_t block, const void *data,
                 size_t size)
{
    ChecksumKey key = {identity.database, identity.file, block};
    return checksum_keyed(key, data, size);
}

static inline uint64_t
section_block_count(uint64_t size)
{
    return size / SECTION_BLOCK_SIZE + (size % SECTION_BLOCK_SIZE != 0);
}

#endif
